/* SPDX-License-Identifier: MIT */
/* counts.c - see counts.h */
#include "counts.h"

static uint64_t key_of(uint64_t row)
{
	return row / STOA__COUNTS_ROWS;
}

struct stoa__counts *stoa__counts_find(const struct stoa__table *t, uint64_t row)
{
	return t->counts ? stoa__tree_find(t->counts, key_of(row)) : NULL;
}

uint32_t stoa__counts_get(const struct stoa__table *t, uint64_t row)
{
	const struct stoa__counts *c = stoa__counts_find(t, row);

	return c ? c->n[row % STOA__COUNTS_ROWS] : 0;
}

int stoa__counts_own(struct stoa__version *w, struct stoa__table *t, uint64_t row,
		     struct stoa__counts **out)
{
	struct stoa__counts *old = stoa__counts_find(t, row), *c = old;

	*out = old;
	if (old && stoa__block_owned(w, &old->block))
		return STOA_OK;
	c = old ? stoa__block_copy(w, &old->block) :
		  stoa__block_new(w, STOA__KIND_COUNTS, sizeof *c);
	if (!c)
		return STOA_ENOMEM;
	if (stoa__tree_put(w, &t->counts, key_of(row), c) < 0) {
		stoa__block_retire(w, &c->block);
		return STOA_ENOMEM;
	}
	if (old)
		stoa__block_retire(w, &old->block);
	*out = c;
	return STOA_OK;
}

void stoa__counts_set(struct stoa__counts *c, uint64_t row, uint32_t n)
{
	uint32_t *at = &c->n[row % STOA__COUNTS_ROWS];

	c->n_used += (n != 0) - (*at != 0);
	*at = n;
}

void stoa__counts_recount(struct stoa__counts *c)
{
	c->n_used = 0;
	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++)
		c->n_used += c->n[i] != 0;
}

void stoa__counts_tidy(struct stoa__version *w, struct stoa__table *t, uint64_t row)
{
	struct stoa__counts *c = stoa__counts_find(t, row);

	if (!c || c->n_used)
		return;
	/*
	 * An owned block was put into the tree under this stamp: the path to it is owned, nothing
	 * is copied.
	 */
	if (stoa__tree_remove(w, &t->counts, key_of(row)) < 0)
		return;
	t->counts_removed = w->stamp;
	stoa__block_retire(w, &c->block);
}
