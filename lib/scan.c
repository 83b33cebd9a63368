/* SPDX-License-Identifier: MIT */
/*
 * scan.c - see scan.h: the walk over row groups and runs, and its two faces
 *
 * A batch is a run of at most 2,048 stored rows of one group, or those of them that live. Its
 * columns are read by scan_column.c.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "scan.h"
#include "scan_column.h"
#include "set.h"

/* ---- the walk ---- */

/* The next group of a table; NULL at the end. */
static const struct stoa__group *walk_next(const struct stoa__table *t, struct stoa__scan_walk *w)
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
static void begin_group(struct stoa__scan *s, const struct stoa__group *g)
{
	s->group = g;
	s->from = s->n_stored = 0;
	s->group_rows = g ? stoa__group_rows(s->table, g) : 0;
	if (g)
		stoa__visitor_advance(&s->visitor, g->first);
}

static int end_walk(struct stoa__scan *s)
{
	stoa__visitor_advance(&s->visitor, STOA__VISITOR_DONE);
	return STOA_END;
}

/*
 * Moves to the next group, without reading it: false at the end. Where groups are dealt out, that
 * is the end.
 */
static bool next_group(struct stoa__scan *s)
{
	begin_group(s, s->shared ? NULL : walk_next(s->table, &s->walk));
	return s->group != NULL;
}

/* The run of stored rows after the current one; the rows of it that live are counted and listed. */
static bool next_run(struct stoa__scan *s)
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

static int fill_rowids(struct stoa__scan *s, struct stoa_error *err)
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
static int next_listed(struct stoa__scan *s, struct stoa_error *err)
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
static int next_batch(struct stoa__scan *s, struct stoa_error *err)
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

/* ---- as a source ---- */

static struct stoa__scan *of_source(struct stoa__source *source)
{
	return (struct stoa__scan *)(void *)source;
}

struct stoa__version *stoa__scan_version(struct stoa__source *source)
{
	return of_source(source)->version;
}

static const struct stoa_column *source_columns(struct stoa__source *source, size_t *n)
{
	struct stoa__scan *s = of_source(source);

	*n = s->n_columns;
	return s->names;
}

static int source_next(struct stoa__source *source, size_t *n, const stoa_rowid **rowids,
		       struct stoa_error *err)
{
	struct stoa__scan *s = of_source(source);
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
	struct stoa__scan *s = of_source(source);
	struct stoa__scan_column *col = &s->columns[i];

	if (!col->ready) {
		STOA_TRY(s->look ? stoa__scan_looked(s, col, &col->vec, err) :
				   stoa__scan_vec(s, col, &col->vec, err));
		col->ready = true;
	}
	*out = col->vec;
	return STOA_OK;
}

static int source_look(struct stoa__source *source, const int64_t *rowids, const uint64_t *valid,
		       size_t n, bool members, uint64_t *found, struct stoa_error *err)
{
	struct stoa__scan *s = of_source(source);

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

static bool source_within(struct stoa__source *source, size_t i, int64_t lo, int64_t hi,
			  uint64_t *bits)
{
	return stoa__scan_within(of_source(source), i, lo, hi, bits);
}

static bool source_pick(struct stoa__source *source, size_t i, const uint32_t *sel, size_t n,
			void *room, uint64_t *bits, struct stoa__vec *out)
{
	return stoa__scan_pick(of_source(source), i, sel, n, room, bits, out);
}

/* Is the next batch the first of a group that is there to be looked at? Moves to it if so. */
static bool at_group(struct stoa__scan *s)
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

static void zone_of_rowids(const struct stoa__scan *s, struct stoa__zone *out)
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
	struct stoa__scan *s = of_source(source);
	const struct stoa__chunk *c;

	if (!at_group(s))
		return false;
	memset(out, 0, sizeof *out);
	if (i == s->n_columns) {
		zone_of_rowids(s, out);
		return true;
	}
	struct stoa__scan_column *col = &s->columns[i];
	const struct stoa__slot *slot = &s->table->schema->slots[col->slot];
	/* A column that cannot be read is an error when it is read, not here. */
	if (!s->group->base || col->fading || stoa__group_pages(s->group, slot->id) ||
	    stoa__scan_group_chunk(s, col, &c, NULL) < 0 || !c)
		return true;
	out->n_rows = c->n_rows;
	out->n_null = c->n_null;
	out->has_nan = c->has_nan;
	out->exact = s->group->n_dead == 0 && c->n_rows == s->group_rows;
	out->known = c->has_range;
	out->min = range_value(stoa__scan_type(slot->def.type), c->min.u, c->min.f);
	out->max = range_value(stoa__scan_type(slot->def.type), c->max.u, c->max.f);
	out->min.scale = out->max.scale = slot->def.scale;
	return true;
}

static void source_skip_group(struct stoa__source *source)
{
	struct stoa__scan *s = of_source(source);

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
	struct stoa__scan *s = of_source(source);

	return s->only ? STOA_END : stoa__set_choose(s->table, equal, n, out, err);
}

static void source_only(struct stoa__source *source, const struct stoa__row_list *rowids)
{
	of_source(source)->only = rowids;
}

static void leave_walk(struct stoa__scan_walks *w)
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

static void scan_close(struct stoa__scan *s)
{
	for (size_t i = 0; i < s->n_columns; i++)
		stoa__scan_column_release(&s->columns[i]);
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
	const struct stoa__scan *s = of_source(source);

	return s->only ? 1 : s->table->n_groups + (s->table->tail != NULL);
}

static int source_deal(struct stoa__source *source, uint64_t *place, struct stoa_error *err)
{
	struct stoa__scan *s = of_source(source);

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

static struct stoa__scan *of_cursor(const stoa_cursor *cur)
{
	return (struct stoa__scan *)(void *)((char *)(uintptr_t)cur -
					     offsetof(struct stoa__scan, cursor));
}

static const struct stoa_column *cursor_columns(const stoa_cursor *cur, size_t *n)
{
	return source_columns(&of_cursor(cur)->source, n);
}

static int cursor_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct stoa__scan *s = of_cursor(cur);
	int rc = next_batch(s, err);

	if (rc != STOA_ROW)
		return rc;
	for (size_t i = 0; i < s->n_columns; i++)
		STOA_TRY(stoa__scan_array(s, i, &s->arrays[i], err));
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
	struct stoa__scan_column *col = &of_cursor(cur)->columns[i];

	col->narrow = room ? room : col->own;
}

static bool cursor_codes(stoa_cursor *cur, size_t i, struct stoa__vec *out)
{
	return stoa__scan_codes(of_cursor(cur), i, out);
}

static const struct stoa__cursor_ops cursor_ops = {
	.columns = cursor_columns,
	.next_batch = cursor_next_batch,
	.close = cursor_close,
	.lend = cursor_lend,
	.codes = cursor_codes,
};

/* ---- opening ---- */

/* Of the version it needs what it has still to visit, unless columns look into other tables. */
static int begin_visit(struct stoa__scan *s)
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
		   bool is_cursor, struct stoa__scan **out, struct stoa_error *err)
{
	struct stoa__scan *s = stoa__calloc(1, sizeof *s + n * sizeof s->columns[0]);
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
		rc = stoa__scan_column_init(s, i, slots ? slots[i] : (uint32_t)i);
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
static int share_walk(struct stoa__scan *s, struct stoa_error *err)
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
	struct stoa__scan *s = of_source(source), *twin;
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
		     bool is_cursor, struct stoa__scan **out, struct stoa_error *err)
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
	struct stoa__scan *s;

	stoa__version_hold(version);
	STOA_TRY(scan_at(version, id, slots, n, true, &s, err));
	*out = &s->cursor;
	return STOA_OK;
}

int stoa__scan_source(stoa_txn *txn, stoa_table table, const uint32_t *slots, size_t n_slots,
		      struct stoa__source **out, struct stoa_error *err)
{
	struct stoa__scan *s;

	*out = NULL;
	STOA_TRY(scan_open(txn, table, slots, n_slots, false, &s, err));
	for (size_t i = 0; i < s->n_columns; i++)
		s->names[i].type = stoa__scan_type(s->names[i].type);
	*out = &s->source;
	return STOA_OK;
}

int stoa_scan(stoa_txn *txn, stoa_table table, const uint32_t *slots, size_t n_slots,
	      stoa_cursor **out, struct stoa_error *err)
{
	struct stoa__scan *s;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the cursor");
	*out = NULL;
	STOA_TRY(scan_open(txn, table, slots, n_slots, true, &s, err));
	*out = &s->cursor;
	return STOA_OK;
}
