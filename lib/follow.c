/* SPDX-License-Identifier: MIT */
/* follow.c - see follow.h */
#include "follow.h"

static uint64_t *word_of(struct stoa__live *l, uint32_t row)
{
	return &l->words[row % STOA__LIVE_ROWS / 64];
}

/* Row @row of the new group is no member (any more): it is kept, or gone. */
static int mark(struct stoa__follow *f, struct stoa__group *g, uint32_t row, bool kept)
{
	uint64_t bit = (uint64_t)1 << (row % 64);
	struct stoa__live *l;

	if (stoa__group_own_live(f->w, g, row / STOA__LIVE_ROWS, &l) < 0)
		return stoa__fail_memory(f->err);
	g->n_dead += (*word_of(l, row) & bit) != 0;
	*word_of(l, row) &= ~bit;
	if (stoa__group_kept(g, row) == kept)
		return STOA_OK;
	if (stoa__group_own_kept(f->w, g, row / STOA__LIVE_ROWS, &l) < 0)
		return stoa__fail_memory(f->err);
	*word_of(l, row) ^= bit;
	g->n_kept += kept ? 1 : UINT32_MAX;
	return STOA_OK;
}

/* The first of the part's rows that is @row or a later one. */
static uint32_t seek(const struct stoa__part *p, uint32_t row)
{
	uint32_t lo = 0, n = p->n;

	while (n) {
		uint32_t half = n / 2;

		if (p->rows[lo + half] < row) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

static uint64_t bits(const struct stoa__live *l, uint32_t word, uint64_t none)
{
	return l ? l->words[word] : none;
}

/* Of the 64 rows from @row on, those that existed in @then and are no members in @now. */
static uint64_t changed(const struct stoa__group *then, const struct stoa__group *now, uint32_t row)
{
	uint32_t block = row / STOA__LIVE_ROWS, word = row % STOA__LIVE_ROWS / 64;
	uint64_t existed = bits(then->live[block], word, UINT64_MAX) |
			   bits(then->kept[block], word, 0);

	return now ? existed & ~bits(now->live[block], word, UINT64_MAX) : existed;
}

/*
 * Marks the rows @rows, a bit for each of 64 from row @from of the old group on, that are in the
 * part.
 */
static int mark_word(struct stoa__follow *f, const struct stoa__part *p,
		     const struct stoa__group *now, uint32_t from, uint64_t rows,
		     struct stoa__group *g)
{
	for (; rows; rows &= rows - 1) {
		uint32_t row = from + (uint32_t)__builtin_ctzll(rows), i = seek(p, row);

		if (i < p->n && p->rows[i] == row)
			STOA_TRY(mark(f, g, p->at + i, now && stoa__group_kept(now, row)));
	}
	return STOA_OK;
}

/*
 * Marks what of @p existed in @then and is no member in group @now (NULL: nothing of it is there).
 */
static int mark_part(struct stoa__follow *f, const struct stoa__part *p,
		     const struct stoa__group *then, const struct stoa__group *now,
		     struct stoa__group *g)
{
	for (uint32_t row = p->rows[0] / 64 * 64; row <= p->rows[p->n - 1]; row += 64) {
		uint32_t block = row / STOA__LIVE_ROWS;

		if (row % STOA__LIVE_ROWS == 0 && now && !then->kept[block] &&
		    then->live[block] == now->live[block])
			row += STOA__LIVE_ROWS - 64;
		else
			STOA_TRY(mark_word(f, p, now, row, changed(then, now, row), g));
	}
	return STOA_OK;
}

/*
 * Copies a changed page, number @at of the slot at position @slot, into an overlay of the new
 * group.
 */
static int patch_page(struct stoa__follow *f, const struct stoa__part *p, uint32_t slot,
		      uint32_t at, const struct stoa__page *from, struct stoa__group *g)
{
	uint32_t end = at * STOA__PAGE_ROWS + from->n_rows;
	struct stoa__page *to = NULL;

	for (uint32_t i = seek(p, at * STOA__PAGE_ROWS); i < p->n && p->rows[i] < end; i++) {
		uint32_t row = p->at + i;
		struct stoa__element e;
		struct stoa_value v;

		if (!to || row % STOA__PAGE_ROWS == 0)
			STOA_TRY(stoa__group_own_page(f->w, f->t, g, slot, row, &to, f->err));
		stoa__page_value(from, p->rows[i] % STOA__PAGE_ROWS, &v);
		if (stoa__element_make(f->w->history->symbols, from->type, &v, NULL, &e) < 0)
			return stoa__fail_memory(f->err);
		stoa__page_put(to, row % STOA__PAGE_ROWS, &e);
	}
	return STOA_OK;
}

int stoa__follow_pages(struct stoa__follow *f, const struct stoa__part *p,
		       const struct stoa__group *then, const struct stoa__group *now,
		       struct stoa__group *g, uint32_t *n)
{
	uint32_t first = p->rows[0] / STOA__PAGE_ROWS, last = p->rows[p->n - 1] / STOA__PAGE_ROWS;

	for (uint32_t i = 0; now->overlay != then->overlay && i < f->t->schema->n_slots; i++) {
		uint32_t slot = f->t->schema->slots[i].id;
		const struct stoa__pages *old = stoa__group_pages(then, slot);
		const struct stoa__pages *new = stoa__group_pages(now, slot);

		for (uint32_t at = first; new && new != old && at <= last; at++) {
			if (!new->page[at] || new->page[at] == (old ? old->page[at] : NULL))
				continue;
			if (g)
				STOA_TRY(patch_page(f, p, i, at, new->page[at], g));
			++*n;
		}
	}
	return STOA_OK;
}

int stoa__follow_part(struct stoa__follow *f, const struct stoa__part *p,
		      const struct stoa__group *then, const struct stoa__group *now,
		      struct stoa__group *g)
{
	uint32_t n = 0;

	if (!then)
		return STOA_OK;	/* they are all gone already */
	STOA_TRY(mark_part(f, p, then, now, g));
	return now ? stoa__follow_pages(f, p, then, now, g, &n) : STOA_OK;
}
