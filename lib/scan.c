/* SPDX-License-Identifier: MIT */
/*
 * scan.c - see scan.h
 *
 * A batch is a run of at most 2,048 stored rows of one group, or those of them that live. Where all
 * live and no overlay speaks, a column is read as it lies; otherwise it is put together page by
 * page, and where some are dead, gathered.
 *
 *     stored rows   from ............... from + n_stored
 *     batch         rows[0 .. n)         their positions in the run; NULL when n == n_stored
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/chunk_cold.h"
#include "core/type.h"
#include "cursor.h"
#include "db.h"
#include "look.h"
#include "scan.h"
#include "set.h"
#include "visitor.h"

/* A column of the scan, and the memory its batches are decoded into. */
struct column {
	uint32_t slot;			/* position in the schema */
	bool ready;			/* @vec is that of the current batch */
	bool fading;			/* a weak reference, and rows of its target have gone */
	const struct stoa__table *target;	/* of one that fades; NULL: it is not there any more */
	struct stoa__vec vec;
	void *wide;			/* room for a batch of the engine's kind */
	void *narrow;			/* room for a batch of the slot's C type: @own, or what was lent */
	void *own;
	uint32_t *codes;
	uint64_t validity[STOA__WORDS(STOA__BATCH_ROWS)];
	struct stoa__buf bytes;		/* of strings that had to be decompressed */
	uint32_t at;			/* where the batch begins in the chunk that find_chunk() gave */
	struct stoa__chunk thawed;	/* a frame of a cold chunk */
	struct stoa__buf frame;		/* what that borrows from */
	uint64_t thawed_id;		/* of base and frame; 0 for none */
	struct stoa_bytes *dict;	/* strings of the current group's list */
	size_t cap_dict;
	uint64_t dict_id;		/* of the list in @dict; 0 for none */
};

/* Which row group comes next. */
struct walk {
	uint64_t next_key;		/* of the tree; groups from it on are still to come */
	bool tail_done;
	uint64_t n;			/* groups given */
};

/* The walk of scans that were split from one: groups are dealt out between them. */
struct shared_walk {
	pthread_mutex_t lock;
	uint32_t n_scans;
	struct walk walk;
};

struct scan {
	struct stoa__source source;
	struct stoa_cursor cursor;
	struct stoa__version *version;
	struct stoa__visitor visitor;	/* our hold on it; while it has not begun, a whole one */
	bool looks_elsewhere;		/* weak references fade: it has a whole hold, too */
	const struct stoa__table *table;
	const struct stoa__group *group;	/* NULL before the first, and at the end */
	struct walk walk;
	struct shared_walk *shared;		/* NULL: the walk is its own */
	uint32_t from, n_stored, group_rows;
	size_t n;				/* rows of the batch */
	uint16_t rows[STOA__BATCH_ROWS];
	bool gathered;
	const struct stoa__row_list *only;	/* rows to read instead of all; NULL: all */
	size_t only_at;				/* of them that come next */
	struct stoa__look *look;		/* rows that were looked up; NULL: none ever were */
	stoa_rowid rowids[STOA__BATCH_ROWS];
	struct stoa_column *names;
	struct stoa_array *arrays;		/* of the public batch */
	size_t n_columns;
	struct column columns[];
};

/* ---- the walk ---- */

/* The next group of a table; NULL at the end. */
static const struct stoa__group *walk_next(const struct stoa__table *t, struct walk *w)
{
	const struct stoa__group *g = NULL;
	uint64_t key;

	if (w->tail_done)
		return NULL;
	g = stoa__tree_next(t->groups, w->next_key, true, &key);
	if (g) {
		w->next_key = key + 1;
	} else {
		w->tail_done = true;
		g = t->tail;
	}
	w->n += g != NULL;
	return g;
}

/* Groups before @g are done with: what batches borrowed from them was good until now. */
static void begin_group(struct scan *s, const struct stoa__group *g)
{
	s->group = g;
	s->from = s->n_stored = 0;
	s->group_rows = g ? stoa__group_rows(s->table, g) : 0;
	if (g)
		stoa__visitor_advance(&s->visitor, g->first);
}

static int end_walk(struct scan *s)
{
	stoa__visitor_advance(&s->visitor, STOA__VISITOR_DONE);
	return STOA_END;
}

/*
 * Moves to the next group, without reading it: false at the end. Where groups are dealt out, that
 * is the end.
 */
static bool next_group(struct scan *s)
{
	begin_group(s, s->shared ? NULL : walk_next(s->table, &s->walk));
	return s->group != NULL;
}

/* The run of stored rows after the current one; the rows of it that live are counted and listed. */
static bool next_run(struct scan *s)
{
	const struct stoa__group *g = s->group;

	s->from += s->n_stored;
	s->n_stored = s->group_rows - s->from;
	if (!s->n_stored)
		return false;
	if (s->n_stored > STOA__BATCH_ROWS)
		s->n_stored = STOA__BATCH_ROWS;
	s->n = s->n_stored;
	s->gathered = g->live[s->from / STOA__LIVE_ROWS] != NULL;
	if (s->gathered) {
		s->n = 0;
		for (uint32_t i = 0; i < s->n_stored; i++)
			if (stoa__group_alive(g, s->from + i))
				s->rows[s->n++] = (uint16_t)i;
		s->gathered = s->n < s->n_stored;
	}
	return true;
}

_Static_assert(STOA__LIVE_ROWS % STOA__BATCH_ROWS == 0, "a run lies in one live block");

static int fill_rowids(struct scan *s, struct stoa_error *err)
{
	STOA_TRY(stoa__group_rowids(s->group, s->from, s->n_stored, s->rowids, err));
	for (size_t i = 0; s->gathered && i < s->n; i++)
		s->rowids[i] = s->rowids[s->rows[i]];
	return STOA_OK;
}

/*
 * Rows of a list: a batch is as many as ascend within a run, which begins with the page of the
 * first of them and ends with the last, so that one row costs a page at most.
 */
static int next_listed(struct scan *s, struct stoa_error *err)
{
	const struct stoa__row_list *list = s->only;
	struct stoa__place at;

	s->n = 0;
	s->gathered = true;
	for (; s->only_at < list->n; s->only_at++) {
		int rc = stoa__table_locate(s->table, list->p[s->only_at], &at, err);

		if (rc == STOA_ENOTFOUND)
			continue;
		if (rc < 0)
			return rc;
		if (!s->n) {
			s->group = at.group;
			s->group_rows = stoa__group_rows(s->table, at.group);
			s->from = at.row / STOA__PAGE_ROWS * STOA__PAGE_ROWS;
		} else if (at.group != s->group || at.row < s->from + s->n_stored ||
			   at.row >= s->from + STOA__BATCH_ROWS) {
			break;
		}
		s->rows[s->n++] = (uint16_t)(at.row - s->from);
		s->n_stored = at.row - s->from + 1;
	}
	return s->n ? STOA_ROW : end_walk(s);
}

/* The next batch with a row in it: STOA_ROW or STOA_END. */
static int next_batch(struct scan *s, struct stoa_error *err)
{
	if (s->version->gone)
		return stoa__fail(err, STOA_ESTATE,
				  "the rows that this cursor reads were rolled back");
	for (size_t i = 0; i < s->n_columns; i++)
		s->columns[i].ready = false;
	if (s->only)
		return next_listed(s, err);
	for (;;) {
		while (s->group && next_run(s))
			if (s->n)
				return STOA_ROW;
		if (!next_group(s))
			return s->shared ? STOA_END : end_walk(s);
	}
}

/* ---- values of a run, before gathering ---- */

static int decode_failed(int rc, const struct scan *s, uint32_t slot, struct stoa_error *err)
{
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	return stoa__fail(err, STOA_ECORRUPT, "table \"%s\", slot \"%s\": values do not decode",
			  s->table->schema->name, s->table->schema->slots[slot].def.name);
}

/* Strings of a run over a list of ids. */
static void read_ids(const struct stoa__base *base, const struct stoa__chunk *c, size_t from,
		     size_t n, struct stoa_bytes *out)
{
	uint32_t codes[STOA__BATCH_ROWS];

	stoa__chunk_codes(c, from, n, codes);
	for (size_t i = 0; i < n; i++)
		out[i] = stoa__chunk_is_null(c, from + i) ? (struct stoa_bytes){ "", 0 } :
							    stoa__base_string(base, c, codes[i]);
}

/* What a group's base has in a run, as elements of the slot's C type. */
static int read_base(struct scan *s, struct column *col, const struct stoa__slot *slot,
		     const struct stoa__chunk *c, bool *any_null, struct stoa_error *err)
{
	size_t n = s->n_stored;
	int rc = STOA_OK;

	memset(col->validity, 0xff, STOA__WORDS(n) * sizeof *col->validity);
	*any_null = false;
	if (!c) {
		stoa__slot_fill_absent(slot, n, col->narrow, col->validity, any_null);
		return STOA_OK;
	}
	if (c->encoding == STOA__ENC_DICT_ID)
		read_ids(s->group->base, c, col->at, n, col->narrow);
	else
		rc = stoa__chunk_read(c, col->at, n, col->narrow, &col->bytes);
	if (rc < 0)
		return decode_failed(rc, s, col->slot, err);
	if (c->validity) {
		stoa__bitmap_copy(col->validity, 0, c->validity, col->at, n);
		*any_null = true;
	}
	return STOA_OK;
}

/* Rows [at, at + n) of the run from a page, into place. */
static void read_page(const struct scan *s, struct column *col, const struct stoa__page *page,
		      uint32_t at, uint32_t n, bool *any_null)
{
	size_t width = stoa__type_width(page->type);

	for (uint32_t i = 0; i < n; i++)
		stoa__bit_set(col->validity, at + i);
	*any_null |= stoa__page_read(page, (s->from + at) % STOA__PAGE_ROWS, n,
				     (uint8_t *)col->narrow + at * width, col->validity, at);
}

/* Puts what pages say over a run: the tail's own, then the overlay's. */
static void read_pages(struct scan *s, struct column *col, const struct stoa__slot *slot,
		       const struct stoa__pages *overlay, bool *any_null)
{
	for (uint32_t at = 0; at < s->n_stored; at += STOA__PAGE_ROWS) {
		uint32_t p = (s->from + at) / STOA__PAGE_ROWS, n = s->n_stored - at;
		const struct stoa__page *page = overlay ? overlay->page[p] : NULL;

		if (n > STOA__PAGE_ROWS)
			n = STOA__PAGE_ROWS;
		if (s->group->tail)
			read_page(s, col, s->group->tail->rows[p][col->slot], at, n, any_null);
		if (page)
			read_page(s, col, page, at, n < page->n_rows ? n : page->n_rows, any_null);
	}
	(void)slot;
}

_Static_assert(STOA__BATCH_ROWS % STOA__PAGE_ROWS == 0, "a run begins with a page");

/* Keeps the rows that live. */
static void gather(const struct scan *s, struct column *col, size_t width, bool any_null)
{
	uint64_t validity[STOA__WORDS(STOA__BATCH_ROWS)];
	uint8_t *values = col->narrow;

	for (size_t i = 0; i < s->n; i++)
		memmove(values + i * width, values + s->rows[i] * width, width);
	if (!any_null)
		return;
	memset(validity, 0xff, sizeof validity);
	for (size_t i = 0; i < s->n; i++)
		if (!stoa__bit_get(col->validity, s->rows[i]))
			stoa__bit_clear(validity, i);
	memcpy(col->validity, validity, sizeof validity);
}

/* Does an overlay speak for the run? */
static const struct stoa__pages *overlay_of(const struct scan *s, uint32_t slot_id)
{
	const struct stoa__pages *pages = stoa__group_pages(s->group, slot_id);

	for (uint32_t p = s->from / STOA__PAGE_ROWS;
	     pages && p * STOA__PAGE_ROWS < s->from + s->n_stored; p++)
		if (pages->page[p])
			return pages;
	return NULL;
}

/* Weak references of the batch to rows that do not exist become NULL. */
static int fade(const struct scan *s, struct column *col, bool *any_null, struct stoa_error *err)
{
	uint64_t *rows = col->narrow;

	for (size_t i = 0; i < s->n; i++) {
		int rc = stoa__bit_get(col->validity, i) ?
				 stoa__row_exists(col->target, rows[i], err) :
				 STOA_OK;

		if (rc != STOA_ENOTFOUND) {
			STOA_TRY(rc);
			continue;
		}
		stoa__bit_clear(col->validity, i);
		rows[i] = 0;
		*any_null = true;
	}
	return STOA_OK;
}

/* The batch's values in the slot's C type, NULLs being zero. */
static int read_narrow(struct scan *s, struct column *col, const struct stoa__chunk *c,
		       const struct stoa__pages *overlay, struct stoa_array *out,
		       struct stoa_error *err)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	size_t width = stoa__type_width(slot->def.type);
	const uint8_t *plain = c && !overlay && !s->gathered && !col->fading ?
				       stoa__chunk_plain(c) : NULL;
	bool any_null = false;

	stoa__buf_reset(&col->bytes);
	*out = (struct stoa_array){ slot->def.type, slot->def.scale, col->narrow, NULL };
	if (plain && !c->validity) {
		out->values = plain + col->at * width;
		return STOA_OK;
	}
	if (s->group->base)
		STOA_TRY(read_base(s, col, slot, c, &any_null, err));
	else
		memset(col->validity, 0xff, sizeof col->validity);
	if (overlay || s->group->tail)
		read_pages(s, col, slot, overlay, &any_null);
	if (s->gathered)
		gather(s, col, width, any_null);
	if (col->fading)
		STOA_TRY(fade(s, col, &any_null, err));
	if (any_null)
		out->validity = col->validity;
	return STOA_OK;
}

/* The whole chunk that a column's values of the group are in; NULL: it has none. */
static int group_chunk(const struct scan *s, const struct column *col,
		       const struct stoa__chunk **c, struct stoa_error *err)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];

	*c = NULL;
	if (!s->group->base)
		return STOA_OK;
	return stoa__base_column(s->group->base, slot->id, slot->def.type, c, err);
}

/* The frame of a cold chunk that the batch is in: a batch never goes beyond one. */
static int thaw(const struct scan *s, struct column *col, const struct stoa__chunk **c,
		struct stoa_error *err)
{
	size_t frame = s->from / STOA__FRAME_ROWS;
	uint64_t id = s->group->base->id + frame;
	const char *why;
	int rc;

	if (col->thawed_id != id) {
		col->thawed_id = 0;
		rc = stoa__chunk_thaw(*c, frame, &col->frame, &col->thawed, &why);
		if (rc < 0)
			return decode_failed(rc, s, col->slot, err);
		col->thawed_id = id;
	}
	*c = &col->thawed;
	col->at = s->from % STOA__FRAME_ROWS;
	return STOA_OK;
}

_Static_assert(STOA__FRAME_ROWS % STOA__BATCH_ROWS == 0, "a batch lies in one frame");

/* The chunk that has the batch, from its row col->at on; NULL where the group has none. */
static int find_chunk(const struct scan *s, struct column *col, const struct stoa__chunk **c,
		      struct stoa_error *err)
{
	STOA_TRY(group_chunk(s, col, c, err));
	col->at = s->from;
	return *c && stoa__chunk_is_cold(*c) ? thaw(s, col, c, err) : STOA_OK;
}

/* ---- the engine's kinds ---- */

/* References are numbers to the engine, as rowids are. */
static uint8_t engine_type(uint8_t type)
{
	return stoa__type_is_ref(type) ? STOA_I64 : type;
}

/* The strings of a chunk's list, once for each group. */
static int read_dict(struct scan *s, struct column *col, const struct stoa__chunk *c,
		     struct stoa_error *err)
{
	uint64_t id = s->group->base->id + col->slot;

	if (col->dict_id == id)
		return STOA_OK;
	if (col->cap_dict < c->n_dict) {
		struct stoa_bytes *dict =
			stoa__realloc_array(col->dict, c->n_dict, sizeof *dict);

		if (!dict)
			return stoa__fail_memory(err);
		col->dict = dict;
		col->cap_dict = c->n_dict;
	}
	for (uint32_t i = 0; i < c->n_dict; i++)
		col->dict[i] = stoa__base_string(s->group->base, c, i);
	col->dict_id = id;
	return STOA_OK;
}

static void give_dict(const struct column *col, const struct stoa__chunk *c, const uint32_t *codes,
		      struct stoa__vec *out)
{
	out->kind = STOA__VEC_DICT;
	out->codes = codes;
	out->dict = col->dict;
	out->n_dict = c->n_dict;
	out->dict_id = col->dict_id;
}

static int read_codes(struct scan *s, struct column *col, const struct stoa__chunk *c,
		      struct stoa__vec *out, struct stoa_error *err)
{
	STOA_TRY(read_dict(s, col, c, err));
	stoa__chunk_codes(c, col->at, s->n_stored, col->codes);
	if (s->gathered)
		for (size_t i = 0; i < s->n; i++)
			col->codes[i] = col->codes[s->rows[i]];
	give_dict(col, c, col->codes, out);
	if (!c->validity)
		return STOA_OK;
	memset(col->validity, 0xff, sizeof col->validity);
	if (!s->gathered) {
		stoa__bitmap_copy(col->validity, 0, c->validity, col->at, s->n_stored);
	} else {
		for (size_t i = 0; i < s->n; i++)
			if (stoa__chunk_is_null(c, col->at + s->rows[i]))
				stoa__bit_clear(col->validity, i);
	}
	out->validity = col->validity;
	return STOA_OK;
}

/* A number column of a run in which all rows live and no page speaks: straight from the image. */
static void read_wide(const struct scan *s, struct column *col, const struct stoa__chunk *c,
		      struct stoa__vec *out)
{
	stoa__chunk_read_wide(c, col->at, s->n, col->wide);
	out->values = col->wide;
	if (!c->validity)
		return;
	stoa__bitmap_copy(col->validity, 0, c->validity, col->at, s->n);
	out->validity = col->validity;
}

static int read_vec(struct scan *s, struct column *col, struct stoa__vec *out,
		    struct stoa_error *err)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	const struct stoa__pages *overlay = overlay_of(s, slot->id);
	const struct stoa__chunk *c;
	struct stoa_array a;

	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->type = engine_type(slot->def.type);
	out->phys = (uint8_t)stoa__phys_of(out->type);
	out->scale = slot->def.scale;
	out->n = s->n;
	STOA_TRY(find_chunk(s, col, &c, err));
	if (c && !overlay && slot->def.type == STOA_STRING)
		return read_codes(s, col, c, out, err);
	if (c && !overlay && !s->gathered && !col->fading && out->phys != STOA__PHYS_BYTES) {
		read_wide(s, col, c, out);
		return STOA_OK;
	}
	STOA_TRY(read_narrow(s, col, c, overlay, &a, err));
	out->validity = a.validity;
	out->values = a.values;
	if (out->phys != STOA__PHYS_BYTES || slot->def.type == STOA_UUID) {
		stoa__widen(slot->def.type, s->n, a.values, col->wide);
		out->values = col->wide;
	}
	return STOA_OK;
}

/* The same of rows that were looked up. */
static int read_looked(struct scan *s, struct column *col, struct stoa__vec *out,
		       struct stoa_error *err)
{
	bool any_null;

	STOA_TRY(stoa__look_column(s->look, col->slot, col->narrow, col->validity, &col->bytes, out,
				   err));
	return col->fading ? fade(s, col, &any_null, err) : STOA_OK;
}

/* ---- as a source ---- */

static struct scan *of_source(struct stoa__source *source)
{
	return (struct scan *)(void *)source;
}

struct stoa__version *stoa__scan_version(struct stoa__source *source)
{
	return of_source(source)->version;
}

static const struct stoa_column *source_columns(struct stoa__source *source, size_t *n)
{
	struct scan *s = of_source(source);

	*n = s->n_columns;
	return s->names;
}

static int source_next(struct stoa__source *source, size_t *n, const stoa_rowid **rowids,
		       struct stoa_error *err)
{
	struct scan *s = of_source(source);
	int rc = next_batch(s, err);

	if (rc != STOA_ROW)
		return rc;
	*n = s->n;
	if (rowids) {
		STOA_TRY(fill_rowids(s, err));
		*rowids = s->rowids;
	}
	return STOA_ROW;
}

static int source_column(struct stoa__source *source, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct scan *s = of_source(source);
	struct column *col = &s->columns[i];

	if (!col->ready) {
		STOA_TRY(s->look ? read_looked(s, col, &col->vec, err) :
				   read_vec(s, col, &col->vec, err));
		col->ready = true;
	}
	*out = col->vec;
	return STOA_OK;
}

static int source_look(struct stoa__source *source, const int64_t *rowids, const uint64_t *valid,
		       size_t n, bool members, uint64_t *found, struct stoa_error *err)
{
	struct scan *s = of_source(source);

	if (s->version->gone)
		return stoa__fail(err, STOA_ESTATE,
				  "the rows that this cursor reads were rolled back");
	if (!s->look)
		s->look = stoa__alloc(sizeof *s->look);
	if (!s->look)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < s->n_columns; i++)
		s->columns[i].ready = false;
	s->n = n;
	return stoa__look_rows(s->look, s->table, rowids, valid, n, members, found, err);
}

/* The chunk in which a column's batch lies as it is; NULL: it does not. */
static const struct stoa__chunk *whole_batch(struct scan *s, struct column *col)
{
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	const struct stoa__chunk *c;

	if (s->look || s->gathered || col->fading || overlay_of(s, slot->id) ||
	    find_chunk(s, col, &c, NULL) < 0)
		return NULL;
	return c;
}

/* Are its numbers packed as the engine's are? */
static bool is_packed(const struct stoa__chunk *c)
{
	return (c->encoding == STOA__ENC_PACKED || c->encoding == STOA__ENC_STEPPED) &&
	       c->type != STOA_BOOL && c->type != STOA_U64 && !stoa__type_is_ref(c->type);
}

static bool source_within(struct stoa__source *source, size_t i, int64_t lo, int64_t hi,
			  uint8_t *out)
{
	struct scan *s = of_source(source);
	const struct stoa__chunk *c = whole_batch(s, &s->columns[i]);

	if (!c || !is_packed(c))
		return false;
	stoa__chunk_within(c, s->columns[i].at, s->n, lo, hi, out);
	return true;
}

/*
 * Values of the chosen rows into @room, or codes: false where there is no short cut, or it fails.
 */
static bool pick_values(struct scan *s, struct column *col, const struct stoa__chunk *c,
			const uint32_t *sel, size_t n, void *room, struct stoa__vec *out)
{
	out->values = room;
	if (is_packed(c)) {
		stoa__chunk_pick(c, col->at, sel, n, room);
		return true;
	}
	if (stoa__chunk_picks_bytes(c)) {
		stoa__buf_reset(&col->bytes);
		return stoa__chunk_pick_bytes(c, col->at, sel, n, room, &col->bytes) == STOA_OK;
	}
	if (c->type != STOA_STRING || read_dict(s, col, c, NULL) < 0)
		return false;
	stoa__chunk_pick_codes(c, col->at, sel, n, room);
	give_dict(col, c, room, out);
	return true;
}

static bool source_pick(struct stoa__source *source, size_t i, const uint32_t *sel, size_t n,
			void *room, uint64_t *bits, struct stoa__vec *out)
{
	struct scan *s = of_source(source);
	struct column *col = &s->columns[i];
	const struct stoa__chunk *c = col->ready ? NULL : whole_batch(s, col);

	if (!c)
		return false;
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)stoa__phys_of(c->type);
	out->type = c->type;
	out->scale = s->table->schema->slots[col->slot].def.scale;
	out->n = n;
	if (!pick_values(s, col, c, sel, n, room, out))
		return false;
	if (!c->validity)
		return true;
	memset(bits, 0, STOA__WORDS(n) * sizeof *bits);
	for (size_t k = 0; k < n; k++)
		if (!stoa__chunk_is_null(c, col->at + sel[k]))
			stoa__bit_set(bits, k);
	out->validity = bits;
	return true;
}

/* Is the next batch the first of a group that is there to be looked at? Moves to it if so. */
static bool at_group(struct scan *s)
{
	if (s->only)
		return false;
	if (s->version->gone || (s->group && s->from + s->n_stored < s->group_rows))
		return s->group && !s->from && !s->n_stored;
	return next_group(s);
}

static struct stoa_value range_value(unsigned type, uint64_t bits, double f)
{
	struct stoa_value v = stoa_null();

	v.type = (uint8_t)type;
	if (stoa__type_family(type) == STOA__FLOAT)
		v.f = f;
	else
		v.u = bits;
	return v;
}

static void zone_of_rowids(const struct scan *s, struct stoa__zone *out)
{
	if (!s->group_rows)
		return;
	out->known = true;
	out->n_rows = s->group_rows;
	out->min = stoa_i64((int64_t)s->group->first);
	out->max = stoa_i64((int64_t)(s->group->tail ? s->group->first + s->group_rows - 1 :
						       s->group->base->last));
}

static bool source_zone(struct stoa__source *source, size_t i, struct stoa__zone *out)
{
	struct scan *s = of_source(source);
	const struct stoa__chunk *c;

	if (!at_group(s))
		return false;
	memset(out, 0, sizeof *out);
	if (i == s->n_columns) {
		zone_of_rowids(s, out);
		return true;
	}
	struct column *col = &s->columns[i];
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	/* A column that cannot be read is an error when it is read, not here. */
	if (!s->group->base || col->fading || stoa__group_pages(s->group, slot->id) ||
	    group_chunk(s, col, &c, NULL) < 0 || !c)
		return true;
	out->n_rows = c->n_rows;
	out->n_null = c->n_null;
	out->has_nan = c->has_nan;
	out->exact = s->group->n_dead == 0 && c->n_rows == s->group_rows;
	out->known = c->has_range;
	out->min = range_value(engine_type(slot->def.type), c->min.u, c->min.f);
	out->max = range_value(engine_type(slot->def.type), c->max.u, c->max.f);
	out->min.scale = out->max.scale = slot->def.scale;
	return true;
}

static void source_skip_group(struct stoa__source *source)
{
	struct scan *s = of_source(source);

	if (at_group(s))
		s->from = s->group_rows;
}

static uint64_t source_n_rows(struct stoa__source *source)
{
	return of_source(source)->table->n_rows;
}

static int source_find(struct stoa__source *source, const struct stoa__equal *equal, size_t n,
		       struct stoa__row_list *out, struct stoa_error *err)
{
	struct scan *s = of_source(source);

	return s->only ? STOA_END : stoa__set_choose(s->table, equal, n, out, err);
}

static void source_only(struct stoa__source *source, const struct stoa__row_list *rowids)
{
	of_source(source)->only = rowids;
}

static void leave_walk(struct shared_walk *w)
{
	bool last;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	last = --w->n_scans == 0;
	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&w->lock);
	stoa__free(w);
}

static void scan_close(struct scan *s)
{
	for (size_t i = 0; i < s->n_columns; i++) {
		struct column *col = &s->columns[i];

		stoa__free(col->wide);
		stoa__free(col->own);
		stoa__free(col->codes);
		stoa__free(col->dict);
		stoa__buf_release(&col->bytes);
		stoa__buf_release(&col->frame);
	}
	stoa__free(s->names);
	stoa__free(s->arrays);
	leave_walk(s->shared);
	stoa__free(s->look);
	if (s->looks_elsewhere)
		stoa__version_drop(s->version);
	if (s->visitor.version)
		stoa__visitor_end(&s->visitor);
	else
		stoa__version_drop(s->version);
	stoa__free(s);
}

static void source_close(struct stoa__source *source)
{
	scan_close(of_source(source));
}

static uint64_t source_n_groups(struct stoa__source *source)
{
	const struct scan *s = of_source(source);

	return s->only ? 1 : s->table->n_groups + (s->table->tail != NULL);
}

static int source_deal(struct stoa__source *source, uint64_t *place, struct stoa_error *err)
{
	struct scan *s = of_source(source);

	if (s->version->gone)
		return stoa__fail(err, STOA_ESTATE,
				  "the rows that this cursor reads were rolled back");
	pthread_mutex_lock(&s->shared->lock);
	*place = s->shared->walk.n;
	begin_group(s, walk_next(s->table, &s->shared->walk));
	pthread_mutex_unlock(&s->shared->lock);
	return s->group ? STOA_ROW : end_walk(s);
}

static int source_split(struct stoa__source *source, struct stoa__source **out,
			struct stoa_error *err);

static const struct stoa__source_ops source_ops = {
	.columns = source_columns,
	.next = source_next,
	.column = source_column,
	.zone = source_zone,
	.skip_group = source_skip_group,
	.n_rows = source_n_rows,
	.close = source_close,
	.within = source_within,
	.pick = source_pick,
	.only = source_only,
	.look = source_look,
	.find = source_find,
	.split = source_split,
	.deal = source_deal,
	.n_groups = source_n_groups,
};

/* ---- as a cursor ---- */

static struct scan *of_cursor(const stoa_cursor *cur)
{
	return (struct scan *)(void *)((char *)(uintptr_t)cur - offsetof(struct scan, cursor));
}

static const struct stoa_column *cursor_columns(const stoa_cursor *cur, size_t *n)
{
	return source_columns(&of_cursor(cur)->source, n);
}

static int cursor_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct scan *s = of_cursor(cur);
	int rc = next_batch(s, err);

	if (rc != STOA_ROW)
		return rc;
	for (size_t i = 0; i < s->n_columns; i++) {
		struct column *col = &s->columns[i];
		const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
		const struct stoa__chunk *c;

		STOA_TRY(find_chunk(s, col, &c, err));
		STOA_TRY(read_narrow(s, col, c, overlay_of(s, slot->id), &s->arrays[i], err));
	}
	STOA_TRY(fill_rowids(s, err));
	*out = (struct stoa_batch){ s->n, s->n_columns, s->arrays, s->rowids };
	return STOA_ROW;
}

static void cursor_close(stoa_cursor *cur)
{
	scan_close(of_cursor(cur));
}

static void cursor_lend(stoa_cursor *cur, size_t i, void *room)
{
	struct column *col = &of_cursor(cur)->columns[i];

	col->narrow = room ? room : col->own;
}

static bool cursor_codes(stoa_cursor *cur, size_t i, struct stoa__vec *out)
{
	struct scan *s = of_cursor(cur);
	struct column *col = &s->columns[i];
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	const struct stoa__chunk *c;

	return !overlay_of(s, slot->id) && find_chunk(s, col, &c, NULL) == STOA_OK && c &&
	       read_codes(s, col, c, out, NULL) == STOA_OK;
}

static const struct stoa__cursor_ops cursor_ops = {
	.columns = cursor_columns,
	.next_batch = cursor_next_batch,
	.close = cursor_close,
	.lend = cursor_lend,
	.codes = cursor_codes,
};

/* ---- opening ---- */

static int init_column(struct scan *s, size_t i, uint32_t slot)
{
	const struct stoa_slot *def = &s->table->schema->slots[slot].def;
	struct column *col = &s->columns[i];

	col->slot = slot;
	if (def->type == STOA_WEAK_REF) {
		col->target = stoa__table_find(s->version, def->target);
		col->fading = !col->target || !stoa__table_is_whole(col->target);
	}
	col->wide = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	col->own = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	col->narrow = col->own;
	col->codes = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *col->codes);
	s->names[i] = (struct stoa_column){ def->name, def->type, def->precision, def->scale };
	return col->wide && col->narrow && col->codes ? STOA_OK : STOA_ENOMEM;
}

/* Of the version it needs what it has still to visit, unless columns look into other tables. */
static int begin_visit(struct scan *s)
{
	STOA_TRY(stoa__visitor_begin(&s->visitor, s->version, s->table->id, 0));
	for (size_t i = 0; i < s->n_columns; i++)
		s->looks_elsewhere |= s->columns[i].fading;
	if (s->looks_elsewhere)
		stoa__version_hold(s->version);
	return STOA_OK;
}

/* A scan of table @id at @version, of which it takes over a hold. */
static int scan_at(struct stoa__version *version, uint32_t id, const uint32_t *slots, size_t n,
		   bool is_cursor, struct scan **out, struct stoa_error *err)
{
	struct scan *s = stoa__calloc(1, sizeof *s + n * sizeof s->columns[0]);
	int rc;

	if (!s) {
		stoa__version_drop(version);
		return stoa__fail_memory(err);
	}
	s->version = version;
	s->table = stoa__table_find(version, id);
	s->n_columns = n;
	s->names = stoa__calloc(n + 1, sizeof *s->names);
	s->arrays = stoa__calloc(n + 1, sizeof *s->arrays);
	rc = s->names && s->arrays ? STOA_OK : STOA_ENOMEM;
	for (size_t i = 0; i < n && rc == STOA_OK; i++)
		rc = init_column(s, i, slots ? slots[i] : (uint32_t)i);
	s->visitor.is_cursor = is_cursor;
	if (rc == STOA_OK)
		rc = begin_visit(s);
	if (rc < 0) {
		scan_close(s);
		return stoa__fail_memory(err);
	}
	s->source.ops = &source_ops;
	stoa__cursor_init(&s->cursor, &cursor_ops);
	s->cursor.gone = &s->version->gone;
	*out = s;
	return STOA_OK;
}

/* From now on the scan's walk may be shared. */
static int share_walk(struct scan *s, struct stoa_error *err)
{
	if (s->shared)
		return STOA_OK;
	s->shared = stoa__calloc(1, sizeof *s->shared);
	if (!s->shared)
		return stoa__fail_memory(err);
	pthread_mutex_init(&s->shared->lock, NULL);
	s->shared->n_scans = 1;
	return STOA_OK;
}

static int source_split(struct stoa__source *source, struct stoa__source **out,
			struct stoa_error *err)
{
	struct scan *s = of_source(source), *twin;
	uint32_t *slots = stoa__realloc_array(NULL, s->n_columns + 1, sizeof *slots);

	if (!slots)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < s->n_columns; i++)
		slots[i] = s->columns[i].slot;
	int rc = share_walk(s, err);
	if (rc == STOA_OK) {
		stoa__version_hold(s->version);
		rc = scan_at(s->version, s->table->id, slots, s->n_columns, false, &twin, err);
	}
	stoa__free(slots);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&s->shared->lock);
	s->shared->n_scans++;
	pthread_mutex_unlock(&s->shared->lock);
	twin->shared = s->shared;
	*out = &twin->source;
	return STOA_OK;
}

static int scan_open(stoa_txn *txn, stoa_table table, const uint32_t *slots, size_t n_slots,
		     bool is_cursor, struct scan **out, struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (!slots)
		n_slots = t->schema->n_slots;
	for (size_t i = 0; slots && i < n_slots; i++)
		if (slots[i] >= t->schema->n_slots)
			return stoa__fail(err, STOA_EINVAL, "table \"%s\" has no slot at position %u",
					  t->schema->name, slots[i]);
	struct stoa__version *version;
	STOA_TRY(stoa__txn_freeze(txn, &version, err));
	return scan_at(version, table, slots, n_slots, is_cursor, out, err);
}

int stoa__scan_cursor_at(struct stoa__version *version, uint32_t id, const uint32_t *slots,
			 size_t n, stoa_cursor **out, struct stoa_error *err)
{
	struct scan *s;

	stoa__version_hold(version);
	STOA_TRY(scan_at(version, id, slots, n, true, &s, err));
	*out = &s->cursor;
	return STOA_OK;
}

int stoa__scan_source(stoa_txn *txn, stoa_table table, const uint32_t *slots, size_t n_slots,
		      struct stoa__source **out, struct stoa_error *err)
{
	struct scan *s;

	*out = NULL;
	STOA_TRY(scan_open(txn, table, slots, n_slots, false, &s, err));
	for (size_t i = 0; i < s->n_columns; i++)
		s->names[i].type = engine_type(s->names[i].type);
	*out = &s->source;
	return STOA_OK;
}

int stoa_scan(stoa_txn *txn, stoa_table table, const uint32_t *slots, size_t n_slots,
	      stoa_cursor **out, struct stoa_error *err)
{
	struct scan *s;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the cursor");
	*out = NULL;
	STOA_TRY(scan_open(txn, table, slots, n_slots, true, &s, err));
	*out = &s->cursor;
	return STOA_OK;
}
