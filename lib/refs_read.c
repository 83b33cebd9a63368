/* SPDX-License-Identifier: MIT */
/* refs_read.c - references by the column: read, and walked by the rowid; see refs.h */
#include <string.h>

#include "core/type.h"
#include "refs.h"

/* ---- reading ---- */

/* Puts what page @page says over @out, from row @from of the run that @out is of. */
static void put_page(const struct stoa__page *page, uint32_t n, uint64_t *out)
{
	const uint64_t *values = (const uint64_t *)(const void *)page->values;

	for (uint32_t i = 0; i < n; i++)
		out[i] = page->null[i] ? 0 : values[i];
}

static void put_pages(const struct stoa__table *t, const struct stoa__group *g, uint32_t slot,
		      uint32_t from, uint32_t n, uint64_t *out)
{
	const struct stoa__pages *overlay = stoa__group_pages(g, t->schema->slots[slot].id);

	for (uint32_t i = 0; i < n && (overlay || g->tail); i += STOA__PAGE_ROWS) {
		uint32_t p = (from + i) / STOA__PAGE_ROWS;
		uint32_t left = n - i < STOA__PAGE_ROWS ? n - i : STOA__PAGE_ROWS;
		const struct stoa__page *page = overlay ? overlay->page[p] : NULL;

		if (g->tail)
			put_page(g->tail->rows[p][slot], left, &out[i]);
		if (page)
			put_page(page, left < page->n_rows ? left : page->n_rows, &out[i]);
	}
}

static int read_base(const struct stoa__group *g, const struct stoa__slot *slot, uint32_t from,
		     uint32_t n, uint64_t *out, struct stoa_error *err)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	const struct stoa__chunk *c;
	int rc;

	STOA_TRY(stoa__base_column(g->base, slot->id, slot->def.type, &c, err));
	if (!c) {
		memset(out, 0, n * sizeof *out);
		return STOA_OK;
	}
	rc = stoa__chunk_read(c, from, n, out, &scratch);
	stoa__buf_release(&scratch);
	if (rc < 0)
		return stoa__base_value_error(g->base, rc, err);
	for (uint32_t i = 0; c->validity && i < n; i++)
		if (stoa__chunk_is_null(c, from + i))
			out[i] = 0;
	return STOA_OK;
}

int stoa__refs_read(const struct stoa__table *t, const struct stoa__group *g, uint32_t slot,
		    uint32_t from, uint64_t out[STOA__BATCH_ROWS], uint32_t *n,
		    struct stoa_error *err)
{
	*n = stoa__group_rows(t, g) - from;
	if (*n > STOA__BATCH_ROWS)
		*n = STOA__BATCH_ROWS;
	if (g->base)
		STOA_TRY(read_base(g, &t->schema->slots[slot], from, *n, out, err));
	put_pages(t, g, slot, from, *n, out);
	for (uint32_t i = 0; i < *n && g->live[from / STOA__LIVE_ROWS]; i++)
		if (!stoa__group_exists(g, from + i))
			out[i] = 0;
	return STOA_OK;
}

/* ---- walking ---- */

/* Rows of a table, by rowid. */
struct range {
	uint64_t from, end;
};

/* Clears references in rows that are not in @r. */
static int clip(const struct stoa__group *g, uint32_t row, uint32_t n, struct range r,
		uint64_t *refs, struct stoa_error *err)
{
	uint64_t rowids[STOA__BATCH_ROWS];

	STOA_TRY(stoa__group_rowids(g, row, n, rowids, err));
	for (uint32_t i = 0; i < n; i++)
		if (rowids[i] < r.from || rowids[i] >= r.end)
			refs[i] = 0;
	return STOA_OK;
}

/* The rows of @g that may be in @r, in whole batches: of one with gaps all. */
static void find_rows(const struct stoa__table *t, const struct stoa__group *g, struct range r,
		      uint32_t *from, uint32_t *end)
{
	*from = 0;
	*end = stoa__group_rows(t, g);
	if (g->base && !stoa__base_is_dense(g->base))
		return;
	if (r.from > g->first)
		*from = (uint32_t)(r.from - g->first) / STOA__BATCH_ROWS * STOA__BATCH_ROWS;
	if (r.end - g->first < *end)
		*end = (uint32_t)(r.end - g->first);
}

static uint64_t last_of(const struct stoa__table *t, const struct stoa__group *g)
{
	return g->base ? g->base->last : t->next_rowid - 1;
}

static int for_group(const struct stoa__table *t, const struct stoa__group *g, uint32_t slot,
		     struct range r, stoa__refs_each *each, void *ctx, struct stoa_error *err)
{
	bool is_whole = g->first >= r.from && last_of(t, g) < r.end;
	uint64_t refs[STOA__BATCH_ROWS];
	uint32_t from, end, n;

	for (find_rows(t, g, r, &from, &end); from < end; from += n) {
		STOA_TRY(stoa__refs_read(t, g, slot, from, refs, &n, err));
		if (!is_whole)
			STOA_TRY(clip(g, from, n, r, refs, err));
		STOA_TRY(each(ctx, refs, n, err));
	}
	return STOA_OK;
}

int stoa__refs_walk(const struct stoa__table *t, uint32_t slot, uint64_t from, uint64_t end,
		    stoa__refs_each *each, void *ctx, struct stoa_error *err)
{
	const struct stoa__group *g = stoa__tree_floor(t->groups, from);
	struct range r = { from, end };

	if (!g || last_of(t, g) < from)
		g = stoa__tree_next(t->groups, from, false, &from);
	for (; g && g->first < end; g = stoa__tree_next(t->groups, from, false, &from)) {
		from = g->first;
		STOA_TRY(for_group(t, g, slot, r, each, ctx, err));
	}
	g = t->tail;
	if (!g || g->first >= end || last_of(t, g) < r.from)
		return STOA_OK;
	return for_group(t, g, slot, r, each, ctx, err);
}
