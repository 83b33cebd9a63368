/* SPDX-License-Identifier: MIT */
/*
 * checkpoint_catalog.c - the records of tables, their groups, tails and counts in the catalog
 *
 *     table          schema, next rowid, tail's rows         store_table
 *       group        file and index, rows                    store_group
 *         live, kept, overlay                                store_changes, of the tail as well
 *       tail         runs of pages, if appended to since     store_tail
 *       counts       256 rows each                           store_counts
 *       indexes      what their kind keeps                   index.h
 *
 * What is *stale*, in the catalog and not in the version, is found by asking the version for each
 * key that is there: nobody keeps a list of what was dropped.
 *
 * Invariant: a record is written when its block was born after c->since, and then it is whole.
 */
#include "checkpoint.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "index.h"

int stoa__saving_put(struct stoa__saving *c, const struct stoa__key *k)
{
	return stoa__catalog_put(c->db->catalog, k->p, k->len, c->buf.p, c->buf.len, c->err);
}

int stoa__saving_delete(struct stoa__saving *c, struct stoa__key k)
{
	return stoa__catalog_delete_prefix(c->db->catalog, k.p, k.len, c->err);
}

int stoa__saving_grow(void *array_slot, size_t n, size_t *cap, size_t size)
{
	void *p;
	size_t want = *cap ? *cap * 2 : 16;

	if (n < *cap)
		return STOA_OK;
	memcpy(&p, array_slot, sizeof p);
	p = stoa__realloc_array(p, want, size);
	if (!p)
		return STOA_ENOMEM;
	memcpy(array_slot, &p, sizeof p);
	*cap = want;
	return STOA_OK;
}

static int collect_stale(void *ctx, const uint8_t *key, size_t len)
{
	struct stoa__stale *s = ctx;
	uint64_t number = stoa__key_number(key + len - s->n_bytes, s->n_bytes);

	if (s->is_used(s->c, number))
		return STOA_OK;
	if (stoa__saving_grow(&s->numbers, s->n, &s->cap, sizeof *s->numbers) < 0)
		return STOA_ENOMEM;
	s->numbers[s->n++] = number;
	return STOA_OK;
}

int stoa__saving_find_stale(struct stoa__saving *c, struct stoa__key prefix, unsigned n_bytes,
			    bool (*is_used)(const struct stoa__saving *c, uint64_t number),
			    struct stoa__stale *s)
{
	int rc;

	*s = (struct stoa__stale){ c, n_bytes, NULL, 0, 0, is_used };
	rc = stoa__catalog_keys(c->db->catalog, prefix.p, prefix.len, collect_stale, s, c->err);
	return rc == STOA_ENOMEM ? stoa__fail_memory(c->err) : rc;
}

/* ---- groups ---- */

/* All that hangs on a group, or on the tail, but the record of the group itself. */
static int delete_changes(struct stoa__saving *c, uint32_t table, uint64_t first)
{
	STOA_TRY(stoa__saving_delete(c, stoa__key_group(STOA__REC_LIVE, table, first)));
	STOA_TRY(stoa__saving_delete(c, stoa__key_group(STOA__REC_KEPT, table, first)));
	return stoa__saving_delete(c, stoa__key_group(STOA__REC_OVERLAY, table, first));
}

/* Rows of one or more pages of a slot. */
struct stoa__rows {
	_Alignas(16) uint8_t values[STOA__TAIL_RUN * STOA__PAGE_ROWS * 16];
	uint64_t validity[STOA__WORDS(STOA__TAIL_RUN * STOA__PAGE_ROWS)];
	size_t n;
	bool has_null;
};

static void rows_reset(struct stoa__rows *rows)
{
	memset(rows->validity, 0xff, sizeof rows->validity);
	rows->n = 0;
	rows->has_null = false;
}

/* Adds rows [0, n) of a page. */
static void rows_add(struct stoa__rows *rows, const struct stoa__page *page, size_t n)
{
	uint8_t *values = rows->values + rows->n * stoa__type_width(page->type);

	rows->has_null |= stoa__page_read(page, 0, n, values, rows->validity, rows->n);
	rows->n += n;
}

/* Appends c->rows, of @type, as an image to c->buf. */
static int encode_rows(struct stoa__saving *c, unsigned type, unsigned scale)
{
	const struct stoa__rows *rows = c->rows;
	struct stoa_array a = { (uint8_t)type, (uint8_t)scale, rows->values, NULL };
	struct stoa__buf image = STOA__BUF_INIT;
	int rc;

	if (rows->has_null)
		a.validity = rows->validity;
	rc = stoa__chunk_encode(&a, rows->n, &image);
	if (rc == STOA_OK)
		rc = stoa__buf_put(&c->buf, image.p, image.len);
	stoa__buf_release(&image);
	return rc < 0 ? stoa__fail_memory(c->err) : STOA_OK;
}

static unsigned scale_of(const struct stoa__table *t, uint32_t slot_id)
{
	for (uint32_t i = 0; i < t->schema->n_slots; i++)
		if (t->schema->slots[i].id == slot_id)
			return t->schema->slots[i].def.scale;
	return 0;
}

/*
 * A page is stored whole, however few of its rows were changed: an i32 of one row takes 430 bytes of
 * the catalog, its leaves' free space included. So 5,000 such updates beside the collection of 6
 * million narrow records are 2 MB, 0.02 to 0.04 of what the table was. The changed row alone would be
 * a tenth of that, but then opening a database would have to read the base of every page.
 */
static int store_overlay(struct stoa__saving *c, uint64_t first, const struct stoa__overlay *o)
{
	for (uint32_t i = 0; o && i < o->n; i++) {
		const struct stoa__overlay_column *column = &o->column[i];

		for (uint32_t p = 0; p < STOA__PAGES; p++) {
			const struct stoa__page *page = column->pages->page[p];
			struct stoa__key k;

			/* One that speaks for no row is left of a change that failed. */
			if (!page || !page->n_rows || page->block.born <= c->since)
				continue;
			k = stoa__key_group(STOA__REC_OVERLAY, c->table->id, first);
			stoa__key_add(&k, column->slot, 4);
			stoa__key_add(&k, p, 1);
			stoa__buf_reset(&c->buf);
			if (stoa__buf_put_u32(&c->buf, page->n_rows) < 0)
				return stoa__fail_memory(c->err);
			rows_reset(c->rows);
			rows_add(c->rows, page, page->n_rows);
			STOA_TRY(encode_rows(c, page->type, scale_of(c->table, column->slot)));
			STOA_TRY(stoa__saving_put(c, &k));
		}
	}
	return STOA_OK;
}

static int store_bits(struct stoa__saving *c, uint8_t tag, uint64_t first,
		      struct stoa__live *const *blocks)
{
	for (uint32_t i = 0; i < STOA__LIVE_BLOCKS; i++) {
		struct stoa__key k;

		if (!blocks[i] || blocks[i]->block.born <= c->since)
			continue;
		k = stoa__key_group(tag, c->table->id, first);
		stoa__key_add(&k, i, 1);
		STOA_TRY(stoa__catalog_put(c->db->catalog, k.p, k.len, blocks[i]->words,
					   sizeof blocks[i]->words, c->err));
	}
	return STOA_OK;
}

/* All that hangs on a group, or on the tail. */
static int store_changes(struct stoa__saving *c, uint64_t first, const struct stoa__group *g)
{
	STOA_TRY(store_bits(c, STOA__REC_LIVE, first, g->live));
	STOA_TRY(store_bits(c, STOA__REC_KEPT, first, g->kept));
	return store_overlay(c, first, g->overlay);
}

/* Where the base of a group lies: written just now, or before. */
static int put_place(struct stoa__saving *c, const struct stoa__group *g)
{
	uint64_t file;
	uint32_t index;

	if (g->base->segment) {
		file = stoa__segment_file(g->base->segment);
		index = g->base->index;
	} else {
		STOA_ASSERT(c->swaps[c->next_swap].base_id == g->base->id);
		file = c->swap_files[c->next_swap];
		index = c->swaps[c->next_swap++].index;
	}
	STOA_TRY(stoa__buf_put_u64(&c->buf, file));
	STOA_TRY(stoa__buf_put_u32(&c->buf, index));
	STOA_TRY(stoa__buf_put_u32(&c->buf, g->n_rows));
	STOA_TRY(stoa__buf_put_u64(&c->buf, g->base->last));
	return stoa__buf_put_u8(&c->buf, (uint8_t)(g->base->generation | g->base->cold * STOA__COLD));
}

static int store_base(struct stoa__saving *c, uint64_t first, const struct stoa__group *g)
{
	struct stoa__key k = stoa__key_group(STOA__REC_GROUP, c->table->id, first);

	stoa__buf_reset(&c->buf);
	return put_place(c, g) < 0 ? stoa__fail_memory(c->err) : stoa__saving_put(c, &k);
}

static int store_group(void *ctx, uint64_t first, void *value)
{
	struct stoa__saving *c = ctx;
	const struct stoa__group *g = value;

	if (g->block.born <= c->since)
		return STOA_OK;
	/* What hangs on a group that it replaced speaks of other rows. */
	if (g->made > c->since)
		STOA_TRY(delete_changes(c, c->table->id, first));
	if (g->base->block.born > c->since)
		STOA_TRY(store_base(c, first, g));
	return store_changes(c, first, g);
}

/* The pages of slot @i from @page on that are one record. */
static int store_run(struct stoa__saving *c, uint32_t i, uint32_t page)
{
	const struct stoa__slot *slot = &c->table->schema->slots[i];
	const struct stoa__tail *tail = c->table->tail->tail;
	struct stoa__key k = stoa__key_table(STOA__REC_TAIL, c->table->id);
	uint32_t end = page + stoa__tail_run(slot->def.type);

	rows_reset(c->rows);
	for (uint32_t p = page; p < end && p * STOA__PAGE_ROWS < c->table->tail_rows; p++) {
		uint32_t n = c->table->tail_rows - p * STOA__PAGE_ROWS;

		rows_add(c->rows, tail->rows[p][i], n < STOA__PAGE_ROWS ? n : STOA__PAGE_ROWS);
	}
	stoa__key_add(&k, slot->id, 4);
	stoa__key_add(&k, page, 1);
	stoa__buf_reset(&c->buf);
	STOA_TRY(encode_rows(c, slot->def.type, slot->def.scale));
	return stoa__saving_put(c, &k);
}

static int store_tail(struct stoa__saving *c)
{
	const struct stoa__table *t = c->table;
	struct stoa__group *g = t->tail;

	if (!g || g->tail->block.born > c->since) {
		STOA_TRY(stoa__saving_delete(c, stoa__key_table(STOA__REC_TAIL, t->id)));
		STOA_TRY(delete_changes(c, t->id, STOA__TAIL_ROWID));
	}
	if (!g)
		return STOA_OK;
	for (uint32_t i = 0; i < t->schema->n_slots; i++) {
		uint32_t run = stoa__tail_run(t->schema->slots[i].def.type);
		uint32_t first = (uint32_t)(g->tail->persisted / STOA__PAGE_ROWS) / run * run;

		for (uint32_t p = first; p * STOA__PAGE_ROWS < t->tail_rows; p += run)
			STOA_TRY(store_run(c, i, p));
	}
	return store_changes(c, STOA__TAIL_ROWID, g);
}

/* ---- tables ---- */

static bool has_group(const struct stoa__saving *c, uint64_t first)
{
	return stoa__tree_find(c->table->groups, first) != NULL;
}

static int delete_stale_groups(struct stoa__saving *c)
{
	uint32_t id = c->table->id;
	struct stoa__stale s;
	int rc = stoa__saving_find_stale(c, stoa__key_table(STOA__REC_GROUP, id), 8, has_group, &s);

	for (size_t i = 0; i < s.n && rc == STOA_OK; i++) {
		rc = stoa__saving_delete(c, stoa__key_group(STOA__REC_GROUP, id, s.numbers[i]));
		if (rc == STOA_OK)
			rc = delete_changes(c, id, s.numbers[i]);
	}
	stoa__free(s.numbers);
	return rc;
}

static int store_counts(void *ctx, uint64_t key, void *value)
{
	struct stoa__saving *c = ctx;
	const struct stoa__counts *counts = value;
	struct stoa_array a = { STOA_U32, 0, counts->n, NULL };
	struct stoa__key k = stoa__key_group(STOA__REC_COUNTS, c->table->id, key);

	/* One that counts nothing was owned for a change that failed. */
	if (counts->block.born <= c->since || !counts->n_used)
		return STOA_OK;
	stoa__buf_reset(&c->buf);
	if (stoa__chunk_encode(&a, STOA__COUNTS_ROWS, &c->buf) < 0)
		return stoa__fail_memory(c->err);
	return stoa__saving_put(c, &k);
}

static bool has_counts(const struct stoa__saving *c, uint64_t key)
{
	const struct stoa__counts *counts = stoa__tree_find(c->table->counts, key);

	return counts && counts->n_used;
}

static int delete_stale_counts(struct stoa__saving *c)
{
	struct stoa__stale s;
	int rc;

	if (c->table->counts_removed <= c->since)
		return STOA_OK;
	rc = stoa__saving_find_stale(c, stoa__key_table(STOA__REC_COUNTS, c->table->id), 8,
				     has_counts, &s);
	for (size_t i = 0; i < s.n && rc == STOA_OK; i++)
		rc = stoa__saving_delete(c, stoa__key_group(STOA__REC_COUNTS, c->table->id,
							    s.numbers[i]));
	stoa__free(s.numbers);
	return rc;
}

static int put_table(struct stoa__saving *c)
{
	const struct stoa__table *t = c->table;

	stoa__buf_reset(&c->buf);
	STOA_TRY(stoa__schema_put(t->schema, &c->buf));
	STOA_TRY(stoa__buf_put_u8(&c->buf, t->frozen));
	STOA_TRY(stoa__buf_put_u64(&c->buf, t->next_rowid));
	STOA_TRY(stoa__buf_put_u64(&c->buf, t->tail ? t->tail->first : 0));
	STOA_TRY(stoa__buf_put_u64(&c->buf, t->tail_rows));
	if (!t->uncounted_from)
		return STOA_OK;
	STOA_TRY(stoa__buf_put_u64(&c->buf, t->uncounted_from));
	return stoa__buf_put_u64(&c->buf, t->uncounted_end);
}

static int store_table(void *ctx, uint64_t id, void *value)
{
	struct stoa__saving *c = ctx;
	struct stoa__table *t = value;
	struct stoa__key k = stoa__key_table(STOA__REC_TABLE, (uint32_t)id);

	if (t->block.born <= c->since)
		return STOA_OK;
	c->table = t;
	if (put_table(c) < 0)
		return stoa__fail_memory(c->err);
	STOA_TRY(stoa__saving_put(c, &k));
	STOA_TRY(delete_stale_groups(c));
	STOA_TRY(stoa__tree_walk(t->groups, c->since, store_group, c));
	STOA_TRY(delete_stale_counts(c));
	STOA_TRY(stoa__tree_walk(t->counts, c->since, store_counts, c));
	STOA_TRY(store_tail(c));
	return stoa__indexes_store(&(struct stoa__saver){ c->db, c->since, &c->runs, c->err }, t);
}

static bool has_table(const struct stoa__saving *c, uint64_t id)
{
	return stoa__table_find(c->v, (uint32_t)id) != NULL;
}

static int delete_stale_tables(struct stoa__saving *c)
{
	struct stoa__stale s;
	int rc = stoa__saving_find_stale(c, stoa__key(STOA__REC_TABLE), 4, has_table, &s);

	for (size_t i = 0; i < s.n && rc == STOA_OK; i++)
		for (uint8_t tag = STOA__REC_TABLE; tag <= STOA__REC_LAST && rc == STOA_OK; tag++)
			rc = stoa__saving_delete(c, stoa__key_table(tag, (uint32_t)s.numbers[i]));
	stoa__free(s.numbers);
	return rc;
}

int stoa__saving_tables(struct stoa__saving *c)
{
	c->rows = stoa__alloc(sizeof *c->rows);
	if (!c->rows)
		return stoa__fail_memory(c->err);
	STOA_TRY(delete_stale_tables(c));
	return stoa__tree_walk(c->v->tables, c->since, store_table, c);
}
