/* SPDX-License-Identifier: MIT */
/* table.c - see table.h */
#include "table.h"

#include <string.h>

#include "core/alloc.h"
#include "core/chunk_cold.h"
#include "core/type.h"
#include "index.h"

/* ---- tables of a version ---- */

struct stoa__table *stoa__table_find(const struct stoa__version *v, uint32_t id)
{
	return stoa__tree_find(v->tables, id);
}

int stoa__table_own(struct stoa__version *w, uint32_t id, struct stoa__table **out)
{
	struct stoa__table *t = stoa__table_find(w, id), *old = t;
	int rc;

	*out = NULL;
	if (!t)
		return STOA_ENOTFOUND;
	if (stoa__block_owned(w, &t->block)) {
		*out = t;
		return STOA_OK;
	}
	/* The copy must be in the tree before the original may go, so no stoa__block_own(). */
	t = stoa__block_copy(w, &old->block);
	if (!t)
		return STOA_ENOMEM;
	t->tail_shared = t->tail_rows;
	rc = stoa__tree_put(w, &w->tables, id, t);
	stoa__block_retire(w, rc < 0 ? &t->block : &old->block);
	*out = rc < 0 ? NULL : t;
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
	return retire_table(w, t->id, t);
}

void stoa__table_retire_all(struct stoa__version *w)
{
	(void)stoa__tree_walk(w->tables, 0, retire_table, w);
	stoa__tree_retire(w, &w->tables);
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

/* ---- making parts of a group the working version's own ---- */

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
		if (rc == STOA_OK && stoa__element_make(w->history->symbols, p->type, &v, &e) < 0)
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
	if (stoa__element_make(w->history->symbols, p->type, &v, &e) < 0)
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

/* ---- changes ---- */

/* Gives up the first @n elements for the slots at @slots (NULL: all in order). */
static void drop_elements(struct stoa__version *w, const struct stoa__schema *schema,
			  const uint32_t *slots, size_t n, struct stoa__element *elements)
{
	for (size_t i = 0; i < n; i++)
		stoa__element_drop(w->history->symbols,
				   schema->slots[slots ? slots[i] : i].def.type, &elements[i]);
}

/* Elements of @values for the slots at @slots (NULL: all in order); none is left on failure. */
static int make_elements(struct stoa__version *w, const struct stoa__schema *schema,
			 const uint32_t *slots, const struct stoa_value *values, size_t n,
			 struct stoa__element *out, struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++) {
		unsigned type = schema->slots[slots ? slots[i] : i].def.type;

		if (stoa__element_make(w->history->symbols, type, &values[i], &out[i]) < 0) {
			drop_elements(w, schema, slots, i, out);
			return stoa__fail_memory(err);
		}
	}
	return STOA_OK;
}

#define ELEMENTS_ON_STACK 32

/* Makes room for a row at the end of the tail: a full one is sealed. */
static int make_room(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err)
{
	if (t->tail && (t->tail_rows == STOA__GROUP_ROWS ||
			t->tail->tail->text_bytes > STOA__GROUP_BYTES_MAX))
		STOA_TRY(stoa__table_seal(w, t, err));
	if (!t->tail && stoa__table_new_tail(w, t, t->next_rowid) < 0)
		return stoa__fail_memory(err);
	if (t->tail_rows % STOA__PAGE_ROWS)
		return STOA_OK;
	for (uint32_t i = 0; i < t->schema->n_slots; i++)
		if (!stoa__tail_page(w, t->tail->tail, t->schema, t->tail_rows / STOA__PAGE_ROWS, i))
			return stoa__fail_memory(err);
	return STOA_OK;
}

/* Appends a row to the tail, which has room for it. */
static void put_row(struct stoa__table *t, const struct stoa_value *values,
		    const struct stoa__element *elements)
{
	struct stoa__tail *tail = t->tail->tail;
	struct stoa__page **pages = tail->rows[t->tail_rows / STOA__PAGE_ROWS];

	for (uint32_t i = 0; i < t->schema->n_slots; i++) {
		stoa__page_put(pages[i], t->tail_rows % STOA__PAGE_ROWS, &elements[i]);
		if (values[i].type == STOA_TEXT || values[i].type == STOA_BLOB)
			tail->text_bytes += values[i].len;
	}
	t->tail_rows++;
	t->n_rows++;
	tail->filled = t->tail_rows;
}

static void forget_row(struct stoa__tail *tail, uint32_t row)
{
	const struct stoa__element nothing = { .null = true };

	for (uint32_t i = 0; i < tail->n_slots; i++) {
		struct stoa__page *page = tail->rows[row / STOA__PAGE_ROWS][i];
		struct stoa_value v;

		stoa__page_value(page, row % STOA__PAGE_ROWS, &v);
		if (v.type == STOA_TEXT || v.type == STOA_BLOB)
			tail->text_bytes -= v.len;
		stoa__page_put(page, row % STOA__PAGE_ROWS, &nothing);
	}
}

static int forget_undone(void *ctx, uint64_t id, void *value)
{
	const struct stoa__table *t = value;
	struct stoa__tail *tail = t->tail ? t->tail->tail : NULL;

	(void)ctx;
	(void)id;
	while (tail && tail->filled > t->tail_rows)
		forget_row(tail, --tail->filled);
	stoa__indexes_undone(t);
	return STOA_OK;
}

void stoa__table_forget_undone(const struct stoa__version *v)
{
	(void)stoa__tree_walk(v->tables, 0, forget_undone, NULL);
}

/* Tells the indexes of a change to come: of row @at, or of the next one. */
static int announce(struct stoa__version *w, struct stoa__table *t, struct stoa__change *change,
		    enum stoa__change_kind kind, const struct stoa__place *at,
		    const uint32_t *slots, const struct stoa_value *values, size_t n,
		    struct stoa_error *err)
{
	if (!t->indexes)
		return STOA_OK;
	/* Its notes are not for clearing: that would cost as much as the insert. */
	change->kind = kind;
	change->rowid = t->next_rowid;
	if (at) {
		change->at = *at;
		STOA_TRY(stoa__group_rowids(at->group, at->row, 1, &change->rowid, err));
	}
	change->slots = slots;
	change->values = values;
	change->n = n;
	change->skip = 0;
	return stoa__indexes_before(w, t, change, err);
}

int stoa__table_insert(struct stoa__version *w, struct stoa__table *t,
		       const struct stoa_value *values, uint64_t *rowid, struct stoa_error *err)
{
	uint32_t n = t->schema->n_slots;
	struct stoa__element few[ELEMENTS_ON_STACK], *elements = few;
	struct stoa__change change;
	int rc;

	if (n > ELEMENTS_ON_STACK) {
		elements = stoa__alloc(n * sizeof *elements);
		if (!elements)
			return stoa__fail_memory(err);
	}
	/*
	 * Before a seal, which may free what values borrow: they may be those of a row of this
	 * tail.
	 */
	rc = announce(w, t, &change, STOA__INSERT, NULL, NULL, values, n, err);
	if (rc == STOA_OK)
		rc = make_elements(w, t->schema, NULL, values, n, elements, err);
	if (rc == STOA_OK) {
		rc = make_room(w, t, err);
		if (rc < 0)
			drop_elements(w, t->schema, NULL, n, elements);
	}
	if (rc == STOA_OK) {
		put_row(t, values, elements);
		*rowid = t->next_rowid++;
		stoa__indexes_after(w, t, &change);
	}
	if (elements != few)
		stoa__free(elements);
	return rc;
}

/*
 * The pages that hold a row's slots, changeable: the tail's own for a row that no older version
 * counts and that no overlay speaks for, the overlay's for all others. What they show is the same
 * afterwards.
 */
static int own_pages(struct stoa__version *w, struct stoa__table *t, struct stoa__place *at,
		     const uint32_t *slots, size_t n, struct stoa__page **out,
		     struct stoa_error *err)
{
	bool in_place = at->group->tail && at->row >= t->tail_shared;

	for (size_t i = 0; i < n; i++) {
		uint32_t id = t->schema->slots[slots[i]].id;

		if (in_place && !stoa__group_overlay(at->group, id, at->row)) {
			out[i] = at->group->tail->rows[at->row / STOA__PAGE_ROWS][slots[i]];
			continue;
		}
		if (stoa__group_own(w, t, &at->group) < 0)
			return stoa__fail_memory(err);
		STOA_TRY(stoa__group_own_page(w, t, at->group, slots[i], at->row, &out[i], err));
	}
	return STOA_OK;
}

int stoa__table_update(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
		       const uint32_t *slots, const struct stoa_value *values, size_t n,
		       struct stoa_error *err)
{
	struct stoa__element few[ELEMENTS_ON_STACK], *elements = few;
	struct stoa__page *few_pages[ELEMENTS_ON_STACK], **pages = few_pages;
	bool member = stoa__group_alive(at.group, at.row);	/* indexes know no others */
	struct stoa__change change;
	int rc = STOA_OK;

	if (n > ELEMENTS_ON_STACK) {
		elements = stoa__alloc(n * sizeof *elements);
		pages = stoa__alloc(n * sizeof *pages);
		if (!elements || !pages)
			rc = stoa__fail_memory(err);
	}
	if (rc == STOA_OK && member)
		rc = announce(w, t, &change, STOA__UPDATE, &at, slots, values, n, err);
	if (rc == STOA_OK)
		rc = own_pages(w, t, &at, slots, n, pages, err);
	if (rc == STOA_OK)
		rc = make_elements(w, t->schema, slots, values, n, elements, err);
	if (rc == STOA_OK) {
		for (size_t i = 0; i < n; i++)
			stoa__page_put(pages[i], at.row % STOA__PAGE_ROWS, &elements[i]);
		if (member)
			stoa__indexes_after(w, t, &change);
	}
	if (n > ELEMENTS_ON_STACK) {
		stoa__free(elements);
		stoa__free(pages);
	}
	return rc;
}

static void set_bit(struct stoa__live *l, uint32_t row, bool on)
{
	uint64_t bit = (uint64_t)1 << (row % 64), *word = &l->words[row % STOA__LIVE_ROWS / 64];

	*word = on ? *word | bit : *word & ~bit;
}

/*
 * A tail of which nothing exists any more would be in memory and in every checkpoint until rows
 * that follow fill it up: for a queue that has been drained, for ever. A small one is used on,
 * since a new one costs pages.
 */
uint32_t stoa__tail_rows_min = 1024;
#define TAIL_TEXT_MIN 65536

void stoa__table_drop_tail(struct stoa__version *w, struct stoa__table *t)
{
	stoa__group_retire(w, t->tail);
	t->tail = NULL;
	t->tail_rows = t->tail_shared = 0;
}

static bool is_spent(const struct stoa__table *t, const struct stoa__group *g)
{
	return !stoa__group_n_existing(t, g) &&
	       (t->tail_rows >= stoa__tail_rows_min || g->tail->text_bytes >= TAIL_TEXT_MIN);
}

/* Is @g a sealed group whose last row is about to go? */
static bool is_last(const struct stoa__table *t, const struct stoa__group *g)
{
	return !g->tail && stoa__group_n_existing(t, g) == 1;
}

/*
 * Owns all that taking row @at out will change: what it shows is the same, and nothing can fail
 * then.
 */
static int own_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place *at, bool keep)
{
	uint32_t block = at->row / STOA__LIVE_ROWS;
	struct stoa__live *bits;

	/* With the last row its group goes: the path to that must be owned. */
	if (!keep && is_last(t, at->group))
		return stoa__tree_put(w, &t->groups, at->group->first, at->group);
	STOA_TRY(stoa__group_own(w, t, &at->group));
	STOA_TRY(stoa__group_own_live(w, at->group, block, &bits));
	return keep || at->group->kept[block] ? stoa__group_own_kept(w, at->group, block, &bits) :
						STOA_OK;
}

int stoa__table_begin_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place *at,
			  bool keep, struct stoa__change *change, struct stoa_error *err)
{
	if (stoa__group_alive(at->group, at->row))
		STOA_TRY(announce(w, t, change, STOA__DELETE, at, NULL, NULL, 0, err));
	return own_out(w, t, at, keep) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

void stoa__table_end_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
			 bool keep, const struct stoa__change *change)
{
	struct stoa__group *g = at.group;
	uint32_t block = at.row / STOA__LIVE_ROWS;
	bool member = stoa__group_alive(g, at.row);

	stoa__history_soil(w->history, !g->tail);
	if (!keep && is_last(t, g)) {
		(void)stoa__table_remove_group(w, t, g);	/* its path is owned */
	} else if (member) {
		set_bit(g->live[block], at.row, false);
		g->n_dead++;
		t->n_rows--;
	} else {
		set_bit(g->kept[block], at.row, false);
		g->n_kept--;
		t->n_kept--;
	}
	if (keep) {
		set_bit(g->kept[block], at.row, true);
		g->n_kept++;
		t->n_kept++;
	}
	if (member)
		stoa__indexes_after(w, t, change);
	if (t->tail && is_spent(t, t->tail))
		stoa__table_drop_tail(w, t);
}

int stoa__table_delete(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
		       bool keep, struct stoa_error *err)
{
	struct stoa__change change;

	STOA_TRY(stoa__table_begin_out(w, t, &at, keep, &change, err));
	stoa__table_end_out(w, t, at, keep, &change);
	return STOA_OK;
}

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
