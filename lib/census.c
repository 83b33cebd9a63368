/* SPDX-License-Identifier: MIT */
/*
 * census.c - blocks weighed, and a table's bytes dealt out to its slots and indexes; see census.h
 */
#include "census.h"

#include <string.h>

#include "core/alloc.h"
#include "counts.h"
#include "deque_index.h"
#include "set.h"

/* ---- blocks ---- */

static uint64_t heap_of_base(const struct stoa__base *base)
{
	uint64_t bytes = stoa__alloc_size(
		atomic_load_explicit(&base->rowids, memory_order_acquire));

	for (uint32_t i = 0; i < base->n_columns; i++) {
		const struct stoa__chunk *c = stoa__base_opened(base, i);

		/* One that stands for a missing column has no image, and belongs to nobody. */
		bytes += c && c->image ? stoa__alloc_size(c) : 0;
	}
	return bytes;
}

static uint64_t heap_of_schema(const struct stoa__schema *s)
{
	return stoa__alloc_size(s->slots) + stoa__alloc_size(s->defs) + stoa__alloc_size(s->bytes) +
	       stoa__alloc_size(s->indexes);
}

static uint64_t weigh_tail(struct stoa__census *c, const struct stoa__tail *tail)
{
	struct stoa__page *const *row;
	uint64_t bytes = 0;

	for (uint32_t p = 0; p < STOA__PAGES && (row = stoa__tail_row(tail, p)); p++) {
		bytes += stoa__alloc_size((const void *)row);
		for (uint32_t i = 0; i < tail->n_slots; i++) {
			const struct stoa__page *page = __atomic_load_n(&row[i], __ATOMIC_ACQUIRE);

			bytes += page ? stoa__census_weigh(c, &page->block) : 0;
		}
	}
	return bytes;
}

uint64_t stoa__census_weigh(struct stoa__census *c, const struct stoa__block *b)
{
	uint64_t bytes = stoa__alloc_size(b) + b->extra;

	c->blocks += stoa__block_bytes(b);
	switch (b->kind) {
	case STOA__KIND_BASE:
		return bytes + heap_of_base((const struct stoa__base *)b);
	case STOA__KIND_SCHEMA:
		return bytes + heap_of_schema((const struct stoa__schema *)b);
	case STOA__KIND_TAIL:
		return bytes + weigh_tail(c, (const struct stoa__tail *)b);
	default:
		return bytes;
	}
}

void stoa__census_weigh_into(void *weighing, struct stoa__block *b)
{
	struct stoa__weighing *w = weighing;

	w->sum->memory += (int64_t)stoa__census_weigh(w->c, b);
}

/* ---- files ---- */

struct stoa__census_file *stoa__census_file(struct stoa__census *c, uint64_t number)
{
	size_t lo = 0, n = c->n_files;
	struct stoa__census_file *files;

	while (n) {
		size_t half = n / 2;

		if (c->files[lo + half].number < number) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	if (lo < c->n_files && c->files[lo].number == number)
		return &c->files[lo];
	if (c->n_files == c->cap_files) {
		size_t cap = c->cap_files ? c->cap_files * 2 : 64;

		files = stoa__realloc_array(c->files, cap, sizeof *files);
		if (!files) {
			c->failed = true;
			return NULL;
		}
		c->files = files;
		c->cap_files = cap;
	}
	memmove(&c->files[lo + 1], &c->files[lo], (c->n_files - lo) * sizeof *c->files);
	c->n_files++;
	c->files[lo] = (struct stoa__census_file){ .number = number };
	return &c->files[lo];
}

struct stoa__census_file *stoa__census_open_file(struct stoa__census *c, struct stoa__segment *s)
{
	struct stoa__census_file *f = stoa__census_file(c, stoa__segment_file(s));

	if (f && !f->is_open) {
		f->is_open = true;
		f->chunks = stoa__segment_chunk_bytes(s) -
			    (stoa__segment_len(s) - stoa__segment_left(s));
		c->segments += stoa__segment_heap(s);
	}
	return f;
}

/* @len bytes of file @f are @sum's, of which a part of @garbage is garbage. */
static void credit(struct stoa__census_file *f, uint64_t len, double garbage,
		   struct stoa__trace_sum *sum)
{
	f->used += len;
	if (!f->is_linked) {
		sum->unlinked += (int64_t)len;
		return;
	}
	sum->disk += (int64_t)len;
	sum->disk_garbage += (int64_t)((double)len * garbage);
}

/* ---- a table ---- */

struct slot_use {
	struct stoa__trace_sum column, tail, overlay;
	double hidden;		/* of the group at hand: the part of its values that the overlay hides */
};

struct table_use {
	struct stoa__census *c;
	const struct stoa__table *t;
	struct slot_use *slot;			/* by position */
	struct slot_use dropped;		/* slots that the schema does not have any more */
	uint32_t *position;			/* by slot id; UINT32_MAX: dropped */
	struct stoa__trace_sum live, kept, maps, references, groups, schema;
	/* of the group at hand */
	double dead;				/* the part of its rows that has died */
	struct stoa__census_file *file;		/* NULL: its base is in heap alone */
	bool is_copy;				/* and it is in heap as well, counted there */
	uint64_t images;			/* bytes of images in heap */
};

static struct slot_use *use_of(struct table_use *u, uint32_t slot)
{
	uint32_t at = slot < u->t->schema->next_slot ? u->position[slot] : UINT32_MAX;

	return at == UINT32_MAX ? &u->dropped : &u->slot[at];
}

/* Rows [0, n) of a page: texts and blobs that they alone have, for this version. */
static uint64_t texts_of(struct stoa__census *c, const struct stoa__page *page, uint32_t n)
{
	struct stoa__counted *const *texts = (struct stoa__counted *const *)(const void *)page->values;
	uint64_t bytes = 0;

	if (page->type != STOA_TEXT && page->type != STOA_BLOB)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		bytes += stoa__counted_size(texts[i]);
	c->texts += bytes;
	return bytes;
}

static void add_page(struct stoa__census *c, const struct stoa__page *page, uint32_t n_rows,
		     double garbage, struct stoa__trace_sum *sum)
{
	uint64_t bytes = stoa__census_weigh(c, &page->block) + texts_of(c, page, n_rows);

	sum->memory += (int64_t)bytes;
	sum->memory_garbage += (int64_t)((double)bytes * garbage);
	sum->count++;
}

static void use_overlay(struct table_use *u, const struct stoa__group *g)
{
	uint32_t n_rows = stoa__group_rows(u->t, g);

	for (uint32_t i = 0; i < u->t->schema->n_slots; i++)
		u->slot[i].hidden = 0;
	u->dropped.hidden = 1;
	if (!g->overlay)
		return;
	u->groups.memory += (int64_t)stoa__census_weigh(u->c, &g->overlay->block);
	for (uint32_t i = 0; i < g->overlay->n; i++) {
		const struct stoa__overlay_column *column = &g->overlay->column[i];
		struct slot_use *s = use_of(u, column->slot);
		uint32_t hidden = 0;

		s->overlay.memory += (int64_t)stoa__census_weigh(u->c, &column->pages->block);
		for (uint32_t p = 0; p < STOA__PAGES; p++) {
			const struct stoa__page *page = column->pages->page[p];

			if (!page)
				continue;
			add_page(u->c, page, page->n_rows, s == &u->dropped ? 1 : u->dead,
				 &s->overlay);
			hidden += page->n_rows;
		}
		if (s != &u->dropped && n_rows)
			s->hidden = (double)hidden / n_rows;
	}
}

static void use_bitmaps(struct stoa__census *c, struct stoa__live *const *blocks,
			struct stoa__trace_sum *sum)
{
	for (uint32_t i = 0; i < STOA__LIVE_BLOCKS; i++) {
		if (!blocks[i])
			continue;
		sum->memory += (int64_t)stoa__census_weigh(c, &blocks[i]->block);
		sum->count++;
	}
}

/* What sealed groups and the tail have in common. */
static void use_group_blocks(struct table_use *u, const struct stoa__group *g)
{
	uint32_t n_rows = stoa__group_rows(u->t, g);

	u->dead = n_rows ? (double)(g->n_dead - g->n_kept) / n_rows : 0;
	u->groups.memory += (int64_t)stoa__census_weigh(u->c, &g->block);
	use_bitmaps(u->c, g->live, &u->live);
	use_bitmaps(u->c, g->kept, &u->kept);
	use_overlay(u, g);
}

/* An image of the group at hand, in heap, in a file, or both. */
static void use_image(void *ctx, uint32_t slot, uint64_t len)
{
	struct table_use *u = ctx;
	bool is_map = slot == STOA__SLOT_ROWIDS;
	struct slot_use *s = is_map ? NULL : use_of(u, slot);
	struct stoa__trace_sum *sum = is_map ? &u->maps : &s->column;
	double garbage = is_map ? u->dead : u->dead + (1 - u->dead) * s->hidden;

	sum->count += !u->is_copy;
	if (u->file) {
		credit(u->file, len, garbage, sum);
		return;
	}
	u->images += len;
	sum->memory += (int64_t)len;
	sum->memory_garbage += (int64_t)((double)len * garbage);
}

/*
 * A checkpoint has written the group's base, and it is not in its place yet: then it is in heap and
 * on the disk.
 */
static int use_swap(struct table_use *u, const struct stoa__base *base)
{
	for (size_t i = 0; i < u->c->db->n_swaps; i++) {
		const struct stoa__swap *s = &u->c->db->swaps[i];

		if (s->table != u->t->id || s->base_id != base->id)
			continue;
		u->file = stoa__census_open_file(u->c, s->segment);
		u->is_copy = true;
		return u->file ? stoa__segment_each_chunk(s->segment, s->index, use_image, u,
							  u->c->err) :
				 stoa__fail_memory(u->c->err);
	}
	return STOA_OK;
}

static int use_group(void *ctx, uint64_t first, void *value)
{
	struct table_use *u = ctx;
	const struct stoa__group *g = value;
	struct stoa__base *base = g->base;
	uint64_t heap;

	(void)first;
	use_group_blocks(u, g);
	u->images = 0;
	u->file = NULL;
	u->is_copy = false;
	if (base->segment) {
		u->file = stoa__census_open_file(u->c, base->segment);
		if (!u->file)
			return stoa__fail_memory(u->c->err);
	}
	heap = stoa__census_weigh(u->c, &base->block);
	STOA_TRY(stoa__base_each_image(base, use_image, u, u->c->err));
	u->groups.memory += (int64_t)(heap - u->images);
	return base->segment || u->c->memory_only ? STOA_OK : use_swap(u, base);
}

static void use_tail(struct table_use *u, const struct stoa__group *g)
{
	const struct stoa__tail *tail = g->tail;
	struct stoa__page *const *row;

	use_group_blocks(u, g);
	u->c->blocks += stoa__block_bytes(&tail->block);
	u->groups.memory += (int64_t)stoa__alloc_size(tail);
	for (uint32_t p = 0; p < STOA__PAGES && (row = stoa__tail_row(tail, p)); p++) {
		uint32_t from = p * STOA__PAGE_ROWS, n = u->t->tail_rows;

		n = n < from ? 0 : n - from < STOA__PAGE_ROWS ? n - from : STOA__PAGE_ROWS;
		u->groups.memory += (int64_t)stoa__alloc_size((const void *)row);
		for (uint32_t i = 0; i < tail->n_slots; i++) {
			const struct stoa__page *page = __atomic_load_n(&row[i], __ATOMIC_ACQUIRE);

			if (page)
				add_page(u->c, page, n, u->dead, &u->slot[i].tail);
		}
	}
}

static int use_counts(void *ctx, uint64_t key, void *value)
{
	struct table_use *u = ctx;
	const struct stoa__counts *counts = value;

	(void)key;
	u->references.memory += (int64_t)stoa__census_weigh(u->c, &counts->block);
	u->references.count += counts->n_used;
	return STOA_OK;
}

/* ---- indexes ---- */

/*
 * What set index @i has on the disk: runs, and those that a checkpoint has written and not put in
 * their place.
 */
static int use_runs(struct table_use *u, uint32_t i, struct stoa__trace_sum *sum)
{
	const struct stoa__set *set = stoa__set_of(u->t, i);
	const struct stoa__set_run_plans *plans = &u->c->db->run_swaps;
	struct stoa__census_file *f;

	sum->count = set->delta ? (int64_t)stoa__hints_used(&set->delta->hints) : 0;
	for (uint32_t r = 0; r < set->n_runs; r++) {
		const struct stoa__set_run *run = set->run[r];

		sum->count += (int64_t)stoa__hints_used(&run->hints);
		if (!run->segment)
			continue;
		f = stoa__census_open_file(u->c, run->segment);
		if (!f)
			return stoa__fail_memory(u->c->err);
		credit(f, f->chunks, 0, sum);
	}
	for (size_t p = 0; !u->c->memory_only && p < plans->n; p++) {
		if (plans->plan[p].table != u->t->id ||
		    plans->plan[p].index != u->t->schema->indexes[i].id)
			continue;
		f = stoa__census_open_file(u->c, plans->plan[p].segment);
		if (!f)
			return stoa__fail_memory(u->c->err);
		if (!f->used)
			credit(f, f->chunks, 0, sum);
	}
	return STOA_OK;
}

static int use_index(struct table_use *u, uint32_t i)
{
	const struct stoa__index_def *def = &u->t->schema->indexes[i];
	struct stoa__trace_sum sum = { 0 };
	struct stoa__weighing w = { u->c, &sum };

	stoa__index_ops(def->kind)->each_block(u->t->indexes->state[i], stoa__census_weigh_into, &w);
	if (def->kind == STOA_INDEX_SET)
		STOA_TRY(use_runs(u, i, &sum));
	else if (def->kind == STOA_INDEX_DEQUE)
		sum.count = (int64_t)stoa__deque_of(u->t, i)->n_entries;
	stoa__trace_leaf(u->c->trace, STOA_TRACE_INDEX, def->name, &sum);
	return STOA_OK;
}

/* ---- nodes ---- */

static void put_slot(struct stoa_trace *trace, const char *name, const struct slot_use *s)
{
	stoa__trace_open(trace, STOA_TRACE_SLOT, name, strlen(name));
	stoa__trace_leaf(trace, STOA_TRACE_COLUMN, "encoded", &s->column);
	stoa__trace_leaf(trace, STOA_TRACE_TAIL, "tail", &s->tail);
	stoa__trace_leaf(trace, STOA_TRACE_OVERLAY, "overlay", &s->overlay);
	stoa__trace_close(trace, 0);
}

static bool is_used(const struct slot_use *s)
{
	return s->column.memory || s->column.disk || s->column.unlinked || s->overlay.memory;
}

static int put_table(struct table_use *u)
{
	const struct stoa__schema *schema = u->t->schema;
	struct stoa_trace *trace = u->c->trace;

	stoa__trace_open(trace, STOA_TRACE_TABLE, schema->name, strlen(schema->name));
	for (uint32_t i = 0; i < schema->n_slots; i++)
		put_slot(trace, schema->slots[i].def.name, &u->slot[i]);
	if (is_used(&u->dropped))
		put_slot(trace, "(slots that were dropped)", &u->dropped);
	for (uint32_t i = 0; u->t->indexes && i < schema->n_indexes; i++)
		STOA_TRY(use_index(u, i));
	stoa__trace_leaf(trace, STOA_TRACE_ROWS, "live bitmaps", &u->live);
	stoa__trace_leaf(trace, STOA_TRACE_ROWS, "kept rows", &u->kept);
	stoa__trace_leaf(trace, STOA_TRACE_ROWS, "maps of rowids", &u->maps);
	stoa__trace_leaf(trace, STOA_TRACE_ROWS, "counts of references", &u->references);
	stoa__trace_leaf(trace, STOA_TRACE_ROWS, "row groups", &u->groups);
	stoa__trace_leaf(trace, STOA_TRACE_ROWS, "schema", &u->schema);
	stoa__trace_close(trace, (int64_t)u->t->n_rows);
	return STOA_OK;
}

static int use_table(struct table_use *u)
{
	const struct stoa__table *t = u->t;
	struct stoa__weighing groups = { u->c, &u->groups };
	struct stoa__weighing references = { u->c, &u->references };

	u->groups.memory += (int64_t)stoa__census_weigh(u->c, &t->block);
	u->schema.memory += (int64_t)stoa__census_weigh(u->c, &t->schema->block);
	if (t->indexes)
		u->schema.memory += (int64_t)stoa__census_weigh(u->c, &t->indexes->block);
	u->groups.count = (int64_t)t->n_groups;
	stoa__tree_each_block(t->groups, stoa__census_weigh_into, &groups);
	stoa__tree_each_block(t->counts, stoa__census_weigh_into, &references);
	STOA_TRY(stoa__tree_walk(t->counts, 0, use_counts, u));
	STOA_TRY(stoa__tree_walk(t->groups, 0, use_group, u));
	if (t->tail)
		use_tail(u, t->tail);
	return put_table(u);
}

int stoa__census_table(struct stoa__census *c, const struct stoa__table *t)
{
	const struct stoa__schema *s = t->schema;
	struct table_use u = { .c = c, .t = t };
	int rc;

	u.slot = stoa__calloc(s->n_slots, sizeof *u.slot);
	u.position = stoa__alloc((size_t)s->next_slot * sizeof *u.position);
	if (!u.slot || !u.position) {
		rc = stoa__fail_memory(c->err);
	} else {
		memset(u.position, 0xff, (size_t)s->next_slot * sizeof *u.position);
		for (uint32_t i = 0; i < s->n_slots; i++)
			u.position[s->slots[i].id] = i;
		rc = use_table(&u);
	}
	stoa__free(u.slot);
	stoa__free(u.position);
	return rc;
}
