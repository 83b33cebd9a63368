/* SPDX-License-Identifier: MIT */
/*
 * group_own.c - parts of a row group become the working version's own, to be changed
 *
 * The group itself, the bits of which rows live, the counts of which are kept: a copy, once for each
 * version. A page of changed values is filled from what the base or an older page has.
 */
#include "table.h"

#include <string.h>

#include "core/chunk_cold.h"
#include "core/type.h"

int stoa__group_own(struct stoa__version *w, struct stoa__table *t, struct stoa__group **g)
{
	struct stoa__group *old = *g, *copy;
	int rc = STOA_OK;

	if (stoa__block_owned(w, &old->block))
		return STOA_OK;
	copy = stoa__block_copy(w, &old->block);
	if (!copy)
		return STOA_ENOMEM;
	if (old == t->tail)
		t->tail = copy;
	else
		rc = stoa__tree_put(w, &t->groups, old->first, copy);
	stoa__block_retire(w, rc < 0 ? &copy->block : &old->block);
	if (rc == STOA_OK)
		*g = copy;
	return rc;
}

int stoa__group_own_live(struct stoa__version *w, struct stoa__group *g, uint32_t block,
			 struct stoa__live **out)
{
	if (!g->live[block]) {
		struct stoa__live *l = stoa__block_new(w, STOA__KIND_LIVE, sizeof *l);

		if (!l)
			return STOA_ENOMEM;
		memset(l->words, 0xff, sizeof l->words);
		stoa__block_place(&l->block, &g->block);
		g->live[block] = l;
	}
	STOA_TRY(stoa__block_own(w, &g->live[block]));
	*out = g->live[block];
	return STOA_OK;
}

int stoa__group_own_kept(struct stoa__version *w, struct stoa__group *g, uint32_t block,
			 struct stoa__live **out)
{
	if (!g->kept[block]) {
		g->kept[block] = stoa__block_new(w, STOA__KIND_LIVE, sizeof *g->kept[block]);
		if (!g->kept[block])
			return STOA_ENOMEM;
		stoa__block_place(&g->kept[block]->block, &g->block);
	}
	STOA_TRY(stoa__block_own(w, &g->kept[block]));
	*out = g->kept[block];
	return STOA_OK;
}

/* The overlay of @g as an owned one with a column for slot id @slot. */
static int own_overlay_column(struct stoa__version *w, struct stoa__group *g, uint32_t slot,
			      struct stoa__overlay_column **out)
{
	struct stoa__overlay *old = g->overlay, *o;
	uint32_t n = old ? old->n : 0, i;

	for (i = 0; i < n && old->column[i].slot != slot; i++)
		;
	if (i < n) {
		STOA_TRY(stoa__block_own(w, &g->overlay));
		*out = &g->overlay->column[i];
		return stoa__block_own(w, &(*out)->pages);
	}
	o = stoa__block_new(w, STOA__KIND_OVERLAY, sizeof *o + (n + 1) * sizeof o->column[0]);
	if (!o)
		return STOA_ENOMEM;
	if (n)
		memcpy(o->column, old->column, n * sizeof o->column[0]);
	o->n = n + 1;
	o->column[n].slot = slot;
	o->column[n].pages = stoa__block_new(w, STOA__KIND_PAGES, sizeof *o->column[n].pages);
	if (!o->column[n].pages) {
		stoa__block_retire(w, &o->block);
		return STOA_ENOMEM;
	}
	stoa__block_place(&o->block, &g->block);
	stoa__block_place(&o->column[n].pages->block, &g->block);
	if (old)
		stoa__block_retire(w, &old->block);
	g->overlay = o;
	*out = &o->column[n];
	return STOA_OK;
}

/* Copies rows [from, from + n) of an encoded column of numbers into page @p, all at once. */
static int fill_numbers(const struct stoa__chunk *c, uint32_t from, uint32_t n,
			struct stoa__page *p)
{
	struct stoa__buf none = STOA__BUF_INIT;

	STOA_TRY(stoa__chunk_read(c, from, n, p->values, &none));
	for (uint32_t i = 0; c->validity && i < n; i++)
		p->null[i] = stoa__chunk_is_null(c, from + i);
	p->n_rows = (uint16_t)n;
	return STOA_OK;
}

/* The same of texts or blobs, value by value. */
static int fill_texts(struct stoa__version *w, const struct stoa__base *base,
		      const struct stoa__chunk *c, uint32_t from, uint32_t n, struct stoa__page *p,
		      struct stoa_error *err)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	int rc = STOA_OK;

	while (p->n_rows < n && rc == STOA_OK) {
		struct stoa__element e;
		struct stoa_value v;

		stoa__buf_reset(&scratch);
		rc = stoa__base_value(base, c, from + p->n_rows, &scratch, &v, err);
		if (rc == STOA_OK && stoa__element_make(w->history->symbols, p->type, &v, NULL, &e) < 0)
			rc = stoa__fail_memory(err);
		if (rc == STOA_OK)
			stoa__page_put(p, p->n_rows++, &e);
	}
	stoa__buf_release(&scratch);
	return rc;
}

/* The same of a cold column, whose frame has all rows of a page. */
static int fill_thawed(struct stoa__version *w, const struct stoa__base *base,
		       const struct stoa__chunk *cold, uint32_t from, uint32_t n,
		       struct stoa__page *p, struct stoa_error *err)
{
	struct stoa__buf room = STOA__BUF_INIT;
	struct stoa__chunk c;
	const char *why;
	int rc = stoa__chunk_thaw(cold, from / STOA__FRAME_ROWS, &room, &c, &why);

	from %= STOA__FRAME_ROWS;
	if (rc < 0)
		rc = stoa__base_value_error(base, rc, err);
	else if (stoa__type_family(p->type) == STOA__BYTES)
		rc = fill_texts(w, base, &c, from, n, p, err);
	else if (fill_numbers(&c, from, n, p) < 0)
		rc = stoa__fail_memory(err);
	stoa__buf_release(&room);
	return rc;
}

/* Copies row @row of @slot behind the rows that page @p speaks for. */
static int fill_row(struct stoa__version *w, const struct stoa__table *t,
		    const struct stoa__group *g, uint32_t slot, uint32_t row,
		    struct stoa__page *p, struct stoa__buf *scratch, struct stoa_error *err)
{
	struct stoa__element e;
	struct stoa_value v;

	stoa__buf_reset(scratch);
	STOA_TRY(stoa__group_value(g, &t->schema->slots[slot], slot, row, scratch, &v, err));
	if (stoa__element_make(w->history->symbols, p->type, &v, NULL, &e) < 0)
		return stoa__fail_memory(err);
	stoa__page_put(p, p->n_rows++, &e);
	return STOA_OK;
}

/* Makes page @p, number @at of @slot, speak for all rows that there are. */
static int fill_page(struct stoa__version *w, const struct stoa__table *t,
		     const struct stoa__group *g, uint32_t slot, uint32_t at, struct stoa__page *p,
		     struct stoa_error *err)
{
	uint32_t from = at * STOA__PAGE_ROWS, n = stoa__group_rows(t, g) - from;
	const struct stoa__slot *s = &t->schema->slots[slot];
	struct stoa__buf scratch = STOA__BUF_INIT;
	const struct stoa__chunk *c = NULL;
	int rc = STOA_OK;

	if (n > STOA__PAGE_ROWS)
		n = STOA__PAGE_ROWS;
	if (g->base && !p->n_rows)
		STOA_TRY(stoa__base_column(g->base, s->id, s->def.type, &c, err));
	if (c && stoa__chunk_is_cold(c))
		return fill_thawed(w, g->base, c, from, n, p, err);
	if (c && stoa__type_family(p->type) != STOA__BYTES)
		return fill_numbers(c, from, n, p) < 0 ? stoa__fail_memory(err) : STOA_OK;
	while (p->n_rows < n && rc == STOA_OK)
		rc = fill_row(w, t, g, slot, from + p->n_rows, p, &scratch, err);
	stoa__buf_release(&scratch);
	return rc;
}

#define PAGE_SOIL (STOA__PAGE_ROWS / 4)	/* a page of one slot, as so many rows of garbage */

int stoa__group_new_page(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g,
			 uint32_t slot, uint32_t at, struct stoa__page **out)
{
	const struct stoa__slot *s = &t->schema->slots[slot];
	struct stoa__overlay_column *column;

	STOA_TRY(own_overlay_column(w, g, s->id, &column));
	*out = stoa__page_new(w, w->history->symbols, s->def.type);
	if (!*out)
		return STOA_ENOMEM;
	stoa__block_place(&(*out)->block, &g->block);
	column->pages->page[at] = *out;
	stoa__history_soil(w->history, g->base ? PAGE_SOIL : 0);
	return STOA_OK;
}

int stoa__group_own_page(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g,
			 uint32_t slot, uint32_t row, struct stoa__page **out,
			 struct stoa_error *err)
{
	uint32_t at = row / STOA__PAGE_ROWS;
	struct stoa__overlay_column *column;

	if (own_overlay_column(w, g, t->schema->slots[slot].id, &column) < 0)
		return stoa__fail_memory(err);
	if (!column->pages->page[at]) {
		/* Speaks for no row until it is filled. */
		if (stoa__group_new_page(w, t, g, slot, at, out) < 0)
			return stoa__fail_memory(err);
	} else if (stoa__page_own(w, &column->pages->page[at]) < 0) {
		return stoa__fail_memory(err);
	}
	*out = column->pages->page[at];
	return fill_page(w, t, g, slot, at, *out, err);
}
