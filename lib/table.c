/* SPDX-License-Identifier: MIT */
/* table.c - see table.h */
#include "table.h"

#include "core/alloc.h"
#include "index.h"

/* ---- tables of a version ---- */

struct stoa__table *stoa__table_find(const struct stoa__version *v, uint32_t id)
{
	return stoa__tree_find(v->tables, id);
}

int stoa__table_own_other(struct stoa__version *w, uint32_t id, struct stoa__table **out)
{
	struct stoa__table *t = stoa__table_find(w, id), *old = t;
	int rc;

	*out = NULL;
	if (!t)
		return STOA_ENOTFOUND;
	if (stoa__block_owned(w, &t->block)) {
		*out = w->recent = t;
		return STOA_OK;
	}
	/* The copy must be in the tree before the original may go, so no stoa__block_own(). */
	t = stoa__block_copy(w, &old->block);
	if (!t)
		return STOA_ENOMEM;
	t->tail_shared = t->tail_rows;
	rc = stoa__tree_put(w, &w->tables, id, t);
	stoa__block_retire(w, rc < 0 ? &t->block : &old->block);
	if (rc == STOA_OK)
		*out = w->recent = t;
	return rc;
}

int stoa__table_new(struct stoa__version *w, uint32_t id, struct stoa__schema *schema,
		    struct stoa__table **out)
{
	struct stoa__table *t = stoa__block_new(w, STOA__KIND_TABLE, sizeof *t);
	int rc;

	if (!t)
		return STOA_ENOMEM;
	t->id = id;
	t->schema = schema;
	t->next_rowid = 1;
	rc = stoa__tree_put(w, &w->tables, id, t);
	if (rc < 0)
		stoa__block_retire(w, &t->block);
	else
		*out = t;
	return rc;
}

/* ---- taking apart ---- */

static void for_group_blocks(struct stoa__group *g, void (*each)(void *ctx, struct stoa__block *b),
			     void *ctx)
{
	for (uint32_t i = 0; i < STOA__LIVE_BLOCKS; i++) {
		if (g->live[i])
			each(ctx, &g->live[i]->block);
		if (g->kept[i])
			each(ctx, &g->kept[i]->block);
	}
	for (uint32_t i = 0; g->overlay && i < g->overlay->n; i++) {
		struct stoa__pages *pages = g->overlay->column[i].pages;

		for (uint32_t p = 0; p < STOA__PAGES; p++)
			if (pages->page[p])
				each(ctx, &pages->page[p]->block);
		each(ctx, &pages->block);
	}
	if (g->overlay)
		each(ctx, &g->overlay->block);
	each(ctx, g->base ? &g->base->block : &g->tail->block);
	each(ctx, &g->block);
}

/* Blocks know which row group they are part of, so that readers may give it up. */
static void place_block(void *group, struct stoa__block *b)
{
	stoa__block_place(b, group);
}

static void place_group(struct stoa__group *g, uint32_t table)
{
	g->block.table = table;
	g->block.group = g->first;
	for_group_blocks(g, place_block, &g->block);
}

static void retire_block(void *ctx, struct stoa__block *b)
{
	stoa__block_retire(ctx, b);
}

void stoa__group_retire(struct stoa__version *w, struct stoa__group *g)
{
	for_group_blocks(g, retire_block, w);
}

static int retire_each_group(void *ctx, uint64_t key, void *value)
{
	(void)key;
	stoa__group_retire(ctx, value);
	return STOA_OK;
}

static int retire_counts(void *ctx, uint64_t key, void *value)
{
	(void)key;
	retire_block(ctx, value);	/* the block is its first member */
	return STOA_OK;
}

/*
 * Retires all of a table that is in no tree any more, without changing it: older versions may see
 * it.
 */
static int retire_table(void *ctx, uint64_t id, void *value)
{
	struct stoa__version *w = ctx;
	struct stoa__table *t = value;
	struct stoa__node *groups = t->groups, *counts = t->counts;

	(void)id;
	(void)stoa__tree_walk(groups, 0, retire_each_group, w);
	stoa__tree_retire(w, &groups);
	(void)stoa__tree_walk(counts, 0, retire_counts, w);
	stoa__tree_retire(w, &counts);
	if (t->tail)
		stoa__group_retire(w, t->tail);
	stoa__indexes_each_block(t, retire_block, w);
	stoa__block_retire(w, &t->schema->block);
	stoa__block_retire(w, &t->block);
	return STOA_OK;
}

int stoa__table_remove(struct stoa__version *w, struct stoa__table *t)
{
	STOA_TRY(stoa__tree_remove(w, &w->tables, t->id));
	w->recent = NULL;
	return retire_table(w, t->id, t);
}

void stoa__table_retire_all(struct stoa__version *w)
{
	(void)stoa__tree_walk(w->tables, 0, retire_table, w);
	stoa__tree_retire(w, &w->tables);
	w->recent = NULL;
}

static void free_block(void *ctx, struct stoa__block *b)
{
	stoa__block_free(ctx, b);
}

static void free_group(struct stoa__history *h, void *value)
{
	for_group_blocks(value, free_block, h);
}

static void free_counts(struct stoa__history *h, void *value)
{
	stoa__block_free(h, value);
}

static void free_table(struct stoa__history *h, void *value)
{
	struct stoa__table *t = value;

	stoa__tree_free(h, t->groups, free_group);
	stoa__tree_free(h, t->counts, free_counts);
	if (t->tail)
		free_group(h, t->tail);
	stoa__indexes_each_block(t, free_block, h);
	stoa__block_free(h, &t->schema->block);
	stoa__block_free(h, &t->block);
}

void stoa__table_free_all(struct stoa__version *v)
{
	stoa__tree_free(v->history, v->tables, free_table);
}

int stoa__table_remove_group(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g)
{
	STOA_TRY(stoa__tree_remove(w, &t->groups, g->first));
	t->n_groups--;
	t->n_rows -= g->n_rows - g->n_dead;
	t->n_kept -= g->n_kept;
	stoa__group_retire(w, g);
	return STOA_OK;
}

/* ---- finding and reading ---- */

int stoa__table_locate_existing(const struct stoa__table *t, uint64_t rowid,
				struct stoa__place *out, struct stoa_error *err)
{
	struct stoa__group *g = t->tail;
	uint32_t row;

	if (g && rowid >= g->first) {
		if (rowid - g->first >= t->tail_rows)
			return STOA_ENOTFOUND;
		row = (uint32_t)(rowid - g->first);
	} else {
		g = stoa__tree_floor(t->groups, rowid);
		if (!g)
			return STOA_ENOTFOUND;
		STOA_TRY(stoa__base_row(g->base, rowid, &row, err));
	}
	if (!stoa__group_exists(g, row))
		return STOA_ENOTFOUND;
	out->group = g;
	out->row = row;
	return STOA_OK;
}

int stoa__group_rowids(const struct stoa__group *g, uint32_t from, size_t n, uint64_t *out,
		       struct stoa_error *err)
{
	if (g->base)
		return stoa__base_rowids(g->base, from, n, out, err);
	for (size_t i = 0; i < n; i++)
		out[i] = g->first + from + i;
	return STOA_OK;
}

int stoa__table_locate(const struct stoa__table *t, uint64_t rowid, struct stoa__place *out,
		       struct stoa_error *err)
{
	STOA_TRY(stoa__table_locate_existing(t, rowid, out, err));
	return stoa__group_alive(out->group, out->row) ? STOA_OK : STOA_ENOTFOUND;
}

/* ---- tails ---- */

static void release_tail(struct stoa__block *b)
{
	struct stoa__tail *tail = (struct stoa__tail *)b;

	for (uint32_t p = 0; p < STOA__PAGES && tail->rows[p]; p++) {
		for (uint32_t i = 0; i < tail->n_slots; i++)
			if (tail->rows[p][i])
				stoa__block_free(tail->history, &tail->rows[p][i]->block);
		stoa__free(tail->rows[p]);
	}
	stoa__slab_leave(tail->history->symbols, tail->slab);
}

int stoa__table_new_tail(struct stoa__version *w, struct stoa__table *t, uint64_t first)
{
	struct stoa__tail *tail = stoa__block_new(w, STOA__KIND_TAIL, sizeof *tail);
	struct stoa__group *g;

	if (!tail)
		return STOA_ENOMEM;
	g = stoa__block_new(w, STOA__KIND_GROUP, sizeof *g);
	if (!g) {
		stoa__block_retire(w, &tail->block);
		return STOA_ENOMEM;
	}
	tail->block.release = release_tail;
	tail->history = w->history;
	tail->first = g->first = first;
	tail->n_slots = t->schema->n_slots;
	g->tail = tail;
	place_group(g, t->id);
	t->tail = g;
	t->tail_rows = t->tail_shared = 0;
	return STOA_OK;
}

struct stoa__page *stoa__tail_page(struct stoa__version *w, struct stoa__tail *tail,
				   const struct stoa__schema *schema, uint32_t page, uint32_t slot)
{
	struct stoa__page **row = tail->rows[page], *p;

	if (!row) {
		row = stoa__calloc(tail->n_slots, sizeof *row);
		if (!row)
			return NULL;
		__atomic_store_n(&tail->rows[page], row, __ATOMIC_RELEASE);
	}
	p = row[slot];
	if (!p) {
		p = stoa__page_new(w, w->history->symbols, schema->slots[slot].def.type);
		if (!p)
			return NULL;
		stoa__block_adopt(&p->block);
		__atomic_store_n(&row[slot], p, __ATOMIC_RELEASE);
	}
	return p;
}

/* ---- groups ---- */

#define SMALL_ROWS 16384
#define SMALL_SOIL 4096	/* a small group is to be merged with others: as so many rows of garbage */

struct stoa__group *stoa__group_new(struct stoa__version *w, struct stoa__base *base)
{
	struct stoa__group *g = stoa__block_new(w, STOA__KIND_GROUP, sizeof *g);

	if (!g)
		return NULL;
	g->first = base->first;
	g->n_rows = base->n_rows;
	g->base = base;
	return g;
}

int stoa__table_put_group(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g)
{
	STOA_TRY(stoa__tree_put(w, &t->groups, g->first, g));
	place_group(g, t->id);
	g->made = w->stamp;
	t->n_groups++;
	t->n_rows += g->n_rows - g->n_dead;
	t->n_kept += g->n_kept;
	if (t->next_rowid <= g->base->last)
		t->next_rowid = g->base->last + 1;
	return STOA_OK;
}

int stoa__table_add_group(struct stoa__version *w, struct stoa__table *t, struct stoa__base *base,
			  struct stoa__group **out, struct stoa_error *err)
{
	struct stoa__group *g = stoa__group_new(w, base);

	if (!g)
		return stoa__fail_memory(err);
	if (stoa__table_put_group(w, t, g) < 0) {
		stoa__block_retire(w, &g->block);
		return stoa__fail_memory(err);
	}
	stoa__history_soil(w->history, g->n_rows < SMALL_ROWS ? SMALL_SOIL : 0);
	*out = g;
	return STOA_OK;
}
