/* SPDX-License-Identifier: MIT */
/*
 * tally.c - references by the column: read, and counted by the million; see refs.h
 *
 * A load or a dropped slot changes counts of rows in no order, as many as there are references.
 * Looking each block of counts up in its tree would cost a bulk load a third; so a *tally* has an
 * array of them, by rowid / 256, and a list of those that it met. The array is address space alone:
 * how far rowids reach is what a database says, and memory goes where references really lead.
 */
#include <string.h>

#include "core/alloc.h"
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

/* ---- counting ---- */

/* Counts of one target on their way up or down: its blocks, owned when they are first met. */
struct tally {
	struct stoa__version *w;
	const struct stoa_slot *def;
	struct stoa__table *target;	/* NULL: there is none, and all references dangle */
	struct stoa__counts **block;	/* reserved, for n_blocks */
	uint64_t n_blocks;
	uint64_t *met;			/* which of them are not NULL */
	size_t n_met, cap_met;
	bool may_undo;			/* it must be possible to go back, to */
	uint32_t (*was)[STOA__COUNTS_ROWS];	/* the counts of each as it was met */
};

static int tally_init(struct tally *y, struct stoa__version *w, const struct stoa_slot *def,
		      bool may_undo, struct stoa_error *err)
{
	int rc = STOA_OK;

	*y = (struct tally){ .w = w, .def = def, .may_undo = may_undo };
	if (def->type == STOA_REF)
		rc = stoa__table_own(w, def->target, &y->target);
	else
		y->target = stoa__table_find(w, def->target);
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	if (!y->target || def->type != STOA_REF)
		return STOA_OK;
	y->n_blocks = y->target->next_rowid / STOA__COUNTS_ROWS + 1;
	y->block = stoa__reserve(y->n_blocks * sizeof *y->block);
	return y->block ? STOA_OK : stoa__fail_memory(err);
}

static void tally_release(struct tally *y)
{
	stoa__unreserve(y->block, y->n_blocks * sizeof *y->block);
	stoa__free(y->met);
	stoa__free(y->was);
}

/* Room for one more block. */
static int widen(struct tally *y)
{
	size_t cap = y->cap_met ? y->cap_met * 2 : 64;
	uint64_t *met = stoa__realloc_array(y->met, cap, sizeof *met);

	if (!met)
		return STOA_ENOMEM;
	y->met = met;
	if (y->may_undo) {
		void *was = stoa__realloc_array(y->was, cap, sizeof *y->was);
		if (!was)
			return STOA_ENOMEM;
		y->was = was;
	}
	y->cap_met = cap;
	return STOA_OK;
}

static int meet(struct tally *y, uint64_t block, struct stoa__counts **out)
{
	if (y->n_met == y->cap_met)
		STOA_TRY(widen(y));
	STOA_TRY(stoa__counts_own(y->w, y->target, block * STOA__COUNTS_ROWS, out));
	if (y->may_undo)
		memcpy(y->was[y->n_met], (*out)->n, sizeof *y->was);
	y->met[y->n_met++] = block;
	return STOA_OK;
}

static int tally_block(struct tally *y, uint64_t row, struct stoa__counts **out,
		       struct stoa_error *err)
{
	struct stoa__counts **at = &y->block[row / STOA__COUNTS_ROWS];

	if (!*at && meet(y, row / STOA__COUNTS_ROWS, at) < 0)
		return stoa__fail_memory(err);
	*out = *at;
	return STOA_OK;
}

#define STRIP 256	/* counts on their way from memory at a time */

/*
 * Counts up to STRIP references up; only their range is checked, and how many rows of a block have
 * a count is left to tally_settle(): a load waits for memory here, and that would be a second line
 * of it for each reference.
 */
static int tally_up(struct tally *y, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	uint32_t *count[STRIP], n_counts = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct stoa__counts *c = NULL;

		if (!refs[i])
			continue;
		if (refs[i] >= y->target->next_rowid)
			return stoa__no_row(y->def, y->target, refs[i], err);
		STOA_TRY(tally_block(y, refs[i], &c, err));
		count[n_counts] = &c->n[refs[i] % STOA__COUNTS_ROWS];
		__builtin_prefetch(count[n_counts++], 1);
	}
	for (uint32_t i = 0; i < n_counts; i++) {
		if (*count[i] == UINT32_MAX)
			return stoa__fail(err, STOA_EFULL,
					  "slot \"%s\": a row of table \"%s\" has %u references already",
					  y->def->name, y->target->schema->name, UINT32_MAX);
		++*count[i];
	}
	return STOA_OK;
}

static void tally_settle(struct tally *y)
{
	for (size_t i = 0; i < y->n_met; i++)
		stoa__counts_recount(y->block[y->met[i]]);
}

static void tally_undo(struct tally *y)
{
	for (size_t i = 0; i < y->n_met; i++) {
		struct stoa__counts *c = y->block[y->met[i]];

		memcpy(c->n, y->was[i], sizeof c->n);
		stoa__counts_recount(c);
		stoa__counts_tidy(y->w, y->target, y->met[i] * STOA__COUNTS_ROWS);
	}
	y->n_met = 0;
}

/* Does every row of a block that has a count now exist? */
static int check_block(const struct tally *y, uint64_t block, struct stoa_error *err)
{
	const struct stoa__counts *c = y->block[block];

	for (uint32_t i = 0; i < STOA__COUNTS_ROWS; i++) {
		uint64_t row = block * STOA__COUNTS_ROWS + i;
		int rc = c->n[i] ? stoa__row_exists(y->target, row, err) : STOA_OK;

		if (rc == STOA_ENOTFOUND)
			return stoa__no_row(y->def, y->target, row, err);
		STOA_TRY(rc);
	}
	return STOA_OK;
}

static int tally_check(const struct tally *y, struct stoa_error *err)
{
	if (stoa__table_is_whole(y->target))
		return STOA_OK;
	for (size_t i = 0; i < y->n_met; i++)
		STOA_TRY(check_block(y, y->met[i], err));
	return STOA_OK;
}

static int up_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	struct tally *y = ctx;

	for (uint32_t i = 0; i < n && !y->target; i++)
		if (refs[i])
			return stoa__no_row(y->def, NULL, refs[i], err);
	for (uint32_t i = 0; i < n && y->target; i += STRIP)
		STOA_TRY(tally_up(y, refs + i, n - i < STRIP ? n - i : STRIP, err));
	return STOA_OK;
}

/* Weak references are not counted, only checked. */
static int check_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	const struct tally *y = ctx;

	for (uint32_t i = 0; i < n; i++) {
		int rc = refs[i] ? stoa__row_exists(y->target, refs[i], err) : STOA_OK;

		if (rc == STOA_ENOTFOUND)
			return stoa__no_row(y->def, y->target, refs[i], err);
		STOA_TRY(rc);
	}
	return STOA_OK;
}

struct down {
	struct tally tally;
	struct stoa__loose *loose;
};

static int down_one(struct down *d, uint64_t row, struct stoa_error *err)
{
	struct tally *y = &d->tally;
	struct stoa__place at;
	struct stoa__counts *c = NULL;
	uint32_t n;
	int rc;

	STOA_TRY(tally_block(y, row, &c, err));
	n = c->n[row % STOA__COUNTS_ROWS];
	if (!n)
		return STOA_OK;
	stoa__counts_set(c, row, n - 1);
	if (!y->target->n_kept)
		return STOA_OK;
	rc = stoa__table_locate_existing(y->target, row, &at, err);
	if (rc == STOA_ENOTFOUND || (rc == STOA_OK && stoa__group_alive(at.group, at.row)))
		return STOA_OK;
	STOA_TRY(rc);
	return stoa__loose_note(d->loose, y->target, row, n - 1, err);
}

static int down_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	struct down *d = ctx;

	for (uint32_t i = 0; i < n; i++)
		if (refs[i] && d->tally.target && refs[i] < d->tally.target->next_rowid)
			STOA_TRY(down_one(d, refs[i], err));
	return STOA_OK;
}

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

/* Counts, or checks, slot position @slot of rows [@from, @end). */
static int count_slot(struct tally *y, struct stoa__version *w, struct stoa__table *t, uint32_t slot,
		      struct range r, bool may_undo, struct stoa_error *err)
{
	const struct stoa_slot *def = &t->schema->slots[slot].def;

	STOA_TRY(tally_init(y, w, def, may_undo, err));
	STOA_TRY(stoa__refs_walk(t, slot, r.from, r.end,
				 def->type == STOA_WEAK_REF ? check_all : up_all, y, err));
	if (!y->block)
		return STOA_OK;
	y->target->touches += y->target->n_kept != 0;
	tally_settle(y);
	return tally_check(y, err);
}

int stoa__refs_count_up(struct stoa__version *w, struct stoa__table *t, uint32_t slot,
			uint64_t from, uint64_t end, struct stoa_error *err)
{
	struct tally y;
	int rc = count_slot(&y, w, t, slot, (struct range){ from, end }, false, err);

	tally_release(&y);
	return rc;
}

int stoa__refs_count_rows(struct stoa__version *w, struct stoa__table *t, uint64_t from,
			  uint64_t end, struct stoa_error *err)
{
	uint32_t n = t->schema->n_slots;
	struct tally *y = stoa__calloc(n, sizeof *y);
	int rc = y ? STOA_OK : stoa__fail_memory(err);

	for (uint32_t i = 0; i < n && rc == STOA_OK; i++) {
		if (t->schema->slots[i].def.type != STOA_REF)
			continue;
		rc = count_slot(&y[i], w, t, i, (struct range){ from, end }, true, err);
	}
	/* Backwards: slots may share a target. */
	for (uint32_t i = n; y && i-- > 0;) {
		if (rc < 0)
			tally_undo(&y[i]);
		tally_release(&y[i]);
	}
	stoa__free(y);
	return rc;
}

int stoa__refs_count_down(struct stoa__version *w, struct stoa__loose *loose,
			  struct stoa__table *t, uint32_t slot, struct stoa_error *err)
{
	struct down d = { .loose = loose };
	int rc = tally_init(&d.tally, w, &t->schema->slots[slot].def, false, err);

	if (rc == STOA_OK)
		rc = stoa__refs_walk(t, slot, 0, UINT64_MAX, down_all, &d, err);
	for (size_t i = 0; i < d.tally.n_met && rc == STOA_OK; i++)
		stoa__counts_tidy(w, d.tally.target, d.tally.met[i] * STOA__COUNTS_ROWS);
	tally_release(&d.tally);
	return rc;
}
