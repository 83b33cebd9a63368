/* SPDX-License-Identifier: MIT */
/* tally.c - see tally.h */
#include "tally.h"

#include "core/alloc.h"
#include "refs.h"

int stoa__tally_init(struct stoa__tally *y, uint64_t end)
{
	*y = (struct stoa__tally){ .n_leaves = end / STOA__TALLY_ROWS + 1, .end = end };
	y->leaf = stoa__reserve(y->n_leaves * sizeof *y->leaf);
	return y->leaf ? STOA_OK : STOA_ENOMEM;
}

void stoa__tally_release(struct stoa__tally *y)
{
	struct stoa__tally_leaf *next;

	for (struct stoa__tally_leaf *leaf = y->met; leaf; leaf = next) {
		next = leaf->next;
		stoa__free(leaf->high);
		stoa__free(leaf);
	}
	stoa__unreserve(y->leaf, y->n_leaves * sizeof *y->leaf);
}

/* ---- references ---- */

static struct stoa__tally_leaf *new_leaf(struct stoa__tally *y, uint64_t at)
{
	struct stoa__tally_leaf *leaf = stoa__calloc(1, sizeof *leaf);

	if (!leaf)
		return NULL;
	leaf->first = at * STOA__TALLY_ROWS;
	leaf->next = y->met;
	y->met = leaf;
	y->leaf[at] = leaf;
	return leaf;
}

/* The byte of row number @i has run over. */
static int carry(struct stoa__tally_leaf *leaf, size_t i)
{
	if (!leaf->high)
		leaf->high = stoa__calloc(STOA__TALLY_ROWS, sizeof *leaf->high);
	if (!leaf->high)
		return STOA_ENOMEM;
	leaf->high[i]++;	/* not past its own end: that would take 2^40 references */
	return STOA_OK;
}

/* NULLs are met as references to row 0, which there is none of: no branch that may be guessed wrong. */
static void forget_nulls(struct stoa__tally_leaf *leaf)
{
	if (!leaf)
		return;
	leaf->low[0] = 0;
	if (leaf->high)
		leaf->high[0] = 0;
}

int stoa__tally_meet(struct stoa__tally *y, const uint64_t *refs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = refs[i] / STOA__TALLY_ROWS, row = refs[i] % STOA__TALLY_ROWS;
		struct stoa__tally_leaf *leaf;

		if (refs[i] >= y->end)
			return STOA_ENOTFOUND;
		leaf = y->leaf[at];
		if (!leaf) {
			leaf = new_leaf(y, at);
			if (!leaf)
				return STOA_ENOMEM;
		}
		if (!++leaf->low[row] && carry(leaf, row) < 0)
			return STOA_ENOMEM;
	}
	forget_nulls(y->leaf[0]);
	return STOA_OK;
}

/* Was a row of block @b of the leaf met? */
static bool is_met(const struct stoa__tally_leaf *leaf, uint32_t b)
{
	const uint8_t *low = leaf->low + b * STOA__COUNTS_ROWS;
	const uint32_t *high = leaf->high ? leaf->high + b * STOA__COUNTS_ROWS : NULL;
	uint32_t any = 0;

	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++)
		any |= low[i];
	for (uint32_t i = 0; high && i < STOA__COUNTS_ROWS; i++)
		any |= high[i];
	return any;
}

/* ---- do the rows exist? ---- */

/* The group that has @row if any does, NULL else; *@stop is where it, or the gap, ends. */
static const struct stoa__group *group_of(const struct stoa__table *t, uint64_t row, uint64_t *stop)
{
	const struct stoa__group *g = t->tail;

	*stop = t->next_rowid;
	if (g && row >= g->first)
		return g;
	if (g)
		*stop = g->first;
	g = stoa__tree_floor(t->groups, row);
	if (g && row <= g->base->last) {
		*stop = g->base->last + 1;
		return g;
	}
	g = stoa__tree_next(t->groups, row, false, &row);
	if (g)
		*stop = g->first;
	return NULL;
}

/* Are all rows of @g from @row to before @end members? Where finding out would take long: no. */
static bool all_live(const struct stoa__group *g, uint64_t row, uint64_t end)
{
	uint64_t last = (end - 1 - g->first) / STOA__LIVE_ROWS;

	if (g->base && !stoa__base_is_dense(g->base))
		return false;
	for (uint64_t i = (row - g->first) / STOA__LIVE_ROWS; i <= last; i++)
		if (g->live[i])
			return false;
	return true;
}

static int exists_in(const struct stoa__group *g, uint64_t row, struct stoa_error *err)
{
	uint32_t at = (uint32_t)(row - g->first);

	if (g->base)
		STOA_TRY(stoa__base_row(g->base, row, &at, err));
	return stoa__group_exists(g, at) ? STOA_OK : STOA_ENOTFOUND;
}

static int check_leaf(const struct stoa__tally_leaf *leaf, const struct stoa__table *t, uint64_t end,
		      uint64_t *row, struct stoa_error *err)
{
	for (uint64_t at = leaf->first, stop; at < end; at = stop) {
		const struct stoa__group *g = group_of(t, at, &stop);

		stop = stop < end ? stop : end;
		if (g && all_live(g, at, stop))
			continue;
		for (; at < stop; at++) {
			if (!stoa__tally_get(leaf, (uint32_t)(at - leaf->first)))
				continue;
			*row = at;
			STOA_TRY(g ? exists_in(g, at, err) : STOA_ENOTFOUND);
		}
	}
	return STOA_OK;
}

int stoa__tally_check(const struct stoa__tally *y, const struct stoa__table *t, uint64_t *row,
		      struct stoa_error *err)
{
	if (stoa__table_is_whole(t))
		return STOA_OK;
	for (const struct stoa__tally_leaf *leaf = y->met; leaf; leaf = leaf->next) {
		uint64_t end = leaf->first + STOA__TALLY_ROWS;

		STOA_TRY(check_leaf(leaf, t, end < y->end ? end : y->end, row, err));
	}
	return STOA_OK;
}

/* ---- the table's counts ---- */

int stoa__tally_own(struct stoa__tally *y, struct stoa__version *w, struct stoa__table *t, bool make)
{
	for (struct stoa__tally_leaf *leaf = y->met; leaf; leaf = leaf->next)
		for (uint32_t b = 0; b < STOA__TALLY_BLOCKS; b++) {
			uint64_t row = leaf->first + b * STOA__COUNTS_ROWS;

			if (is_met(leaf, b) && (make || stoa__counts_find(t, row)) &&
			    stoa__counts_own(w, t, row, &leaf->counts[b]) < 0)
				return STOA_ENOMEM;
		}
	return STOA_OK;
}

/* Calls @each with each owned block, and what its rows were met in addition. */
static int for_blocks(struct stoa__tally *y,
		      int (*each)(struct stoa__counts *c, const uint8_t *low, const uint32_t *high))
{
	for (struct stoa__tally_leaf *leaf = y->met; leaf; leaf = leaf->next)
		for (uint32_t b = 0; b < STOA__TALLY_BLOCKS; b++) {
			uint32_t i = b * STOA__COUNTS_ROWS;

			if (leaf->counts[b])
				STOA_TRY(each(leaf->counts[b], leaf->low + i,
					      leaf->high ? leaf->high + i : NULL));
		}
	return STOA_OK;
}

static int fits_block(struct stoa__counts *c, const uint8_t *low, const uint32_t *high)
{
	uint64_t over = 0;

	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++)
		over |= ((uint64_t)c->n[i] + low[i]) >> 32;
	for (uint32_t i = 0; high && i < STOA__COUNTS_ROWS; i++)
		over |= (c->n[i] + low[i] + ((uint64_t)high[i] << 8)) >> 32;
	return over ? STOA_EFULL : STOA_OK;
}

static int add_block(struct stoa__counts *c, const uint8_t *low, const uint32_t *high)
{
	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++)
		c->n[i] += low[i];
	for (uint32_t i = 0; high && i < STOA__COUNTS_ROWS; i++)
		c->n[i] += high[i] << 8;
	stoa__counts_recount(c);
	return STOA_OK;
}

static int subtract_block(struct stoa__counts *c, const uint8_t *low, const uint32_t *high)
{
	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++) {
		uint64_t by = low[i] + (high ? (uint64_t)high[i] << 8 : 0);

		c->n[i] -= by < c->n[i] ? (uint32_t)by : c->n[i];
	}
	stoa__counts_recount(c);
	return STOA_OK;
}

int stoa__tally_fits(struct stoa__tally *y)
{
	return for_blocks(y, fits_block);
}

void stoa__tally_add(struct stoa__tally *y)
{
	(void)for_blocks(y, add_block);
}

void stoa__tally_subtract(struct stoa__tally *y)
{
	(void)for_blocks(y, subtract_block);
}

void stoa__tally_tidy(struct stoa__tally *y, struct stoa__version *w, struct stoa__table *t)
{
	for (struct stoa__tally_leaf *leaf = y->met; leaf; leaf = leaf->next)
		for (uint32_t b = 0; b < STOA__TALLY_BLOCKS; b++) {
			if (leaf->counts[b])
				stoa__counts_tidy(w, t, leaf->first + b * STOA__COUNTS_ROWS);
			leaf->counts[b] = NULL;
		}
}
