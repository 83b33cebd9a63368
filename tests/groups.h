/* SPDX-License-Identifier: MIT */
/* groups.h - the row groups of a table, for tests that rewrite them */
#ifndef STOA__TESTS_GROUPS_H
#define STOA__TESTS_GROUPS_H

#include "../lib/table.h"

#define GROUPS_MAX 500

/* In order, the first GROUPS_MAX of them; they borrow from the table's version. */
struct groups {
	struct stoa__group *group[GROUPS_MAX];
	size_t n;
};
void groups_list(const struct stoa__table *t, struct groups *out);

#endif
