/* SPDX-License-Identifier: MIT */
/* groups.c - see groups.h */
#include "groups.h"

static int list_group(void *ctx, uint64_t first, void *value)
{
	struct groups *g = ctx;

	(void)first;
	if (g->n < GROUPS_MAX)
		g->group[g->n++] = value;
	return STOA_OK;
}

void groups_list(const struct stoa__table *t, struct groups *out)
{
	out->n = 0;
	(void)stoa__tree_walk(t->groups, 0, list_group, out);
}
