/* SPDX-License-Identifier: MIT */
/*
 * recover.c - a new database of what is not damaged in another
 *
 *     catalog ---load---> a database in memory, in    ---rewrite---> a new database,
 *     log     --replay->  one transaction of it         group by     in one transaction
 *     (or: segment files alone)                           group
 *
 * The damaged database is loaded into a transaction of a database in memory, which maps its segment
 * files and is aborted in the end; what cannot be loaded is left out and said. What is there then
 * is a version like any other, and its row groups are rewritten as a compaction would, into files
 * of the new database. A group with a damaged chunk is found out before the log is replayed over
 * it.
 *
 * (1) Rows keep their rowids and tables their numbers, so that references mean what they meant.
 * (2) Counts of references are never taken over: they are counted from the rows that are there,
 *     after references to others have become NULL.
 * (3) Indexes are made anew from the rows; queues take the order, leases and delays of what could
 *     be loaded of them.
 * (4) Rows that were deleted and kept for somebody's reference come as members, and are deleted
 *     once references are counted.
 */
#include "recover.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "compact.h"
#include "core/alloc.h"
#include "deque_index.h"

/* ---- words ---- */

void stoa__recover_lose(struct stoa__recover *r, const char *table, uint64_t first, uint64_t last,
			const char *what)
{
	r->stat.n_losses++;
	if (r->report)
		r->report(r->ctx, table, first, last, what);
}

static void on_lost(void *ctx, const struct stoa__table *t, uint64_t first, uint64_t last,
		    const char *why)
{
	stoa__recover_lose(ctx, t ? t->schema->name : NULL, first, last, why);
}

/* ---- the tables of a version ---- */

static int collect_id(void *ctx, uint64_t id, void *value)
{
	(void)value;
	return stoa__rowlist_add(ctx, id);
}

/*
 * Calls @each for every table of @txn, as it is by then; tables and all they have may be changed
 * meanwhile.
 */
static int each_table(struct stoa__recover *r, struct stoa_txn *txn,
		      int (*each)(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id))
{
	struct stoa__rowlist ids = { 0 };
	int rc = stoa__tree_walk(txn->version->tables, 0, collect_id, &ids);

	if (rc < 0)
		rc = stoa__fail_memory(r->err);
	for (size_t i = 0; i < ids.n && rc == STOA_OK; i++)
		rc = each(r, txn, (uint32_t)ids.rows[i]);
	stoa__free(ids.rows);
	return rc;
}

/* A copy of @schema for @w, without indexes or with. */
static int copy_schema(struct stoa__recover *r, struct stoa__version *w,
		       const struct stoa__schema *schema, bool indexes, struct stoa__schema **out)
{
	struct stoa__buf bytes = STOA__BUF_INIT;
	struct stoa__reader reader;
	int rc = stoa__schema_put(schema, &bytes) < 0 ? stoa__fail_memory(r->err) : STOA_OK;

	reader = stoa__reader_of(bytes.p, bytes.len);
	if (rc == STOA_OK)
		rc = stoa__schema_read(w, &reader, out, r->err);
	stoa__buf_release(&bytes);
	if (rc == STOA_OK && !indexes)
		(*out)->n_indexes = 0;
	return rc;
}

/* The schema of a table that goes without its indexes for a while. */
struct stoa__whole_schema {
	uint32_t table;
	struct stoa__buf bytes;
};

static int keep_schema(struct stoa__recover *r, uint32_t table, const struct stoa__schema *schema)
{
	struct stoa__whole_schema *p = stoa__realloc_array(r->wholes, r->n_wholes + 1, sizeof *p);

	if (!p)
		return stoa__fail_memory(r->err);
	r->wholes = p;
	p += r->n_wholes;
	*p = (struct stoa__whole_schema){ table, STOA__BUF_INIT };
	r->n_wholes++;
	return stoa__schema_put(schema, &p->bytes) < 0 ? stoa__fail_memory(r->err) : STOA_OK;
}

static int whole_schema(struct stoa__recover *r, struct stoa__version *w,
			const struct stoa__table *t, struct stoa__schema **out)
{
	for (size_t i = 0; i < r->n_wholes; i++) {
		struct stoa__reader reader =
			stoa__reader_of(r->wholes[i].bytes.p, r->wholes[i].bytes.len);

		if (r->wholes[i].table == t->id)
			return stoa__schema_read(w, &reader, out, r->err);
	}
	return copy_schema(r, w, t->schema, true, out);
}

static void forget_schemas(struct stoa__recover *r)
{
	while (r->n_wholes)
		stoa__buf_release(&r->wholes[--r->n_wholes].bytes);
	stoa__free(r->wholes);
}

/* ---- loading ---- */

/* Takes out the groups of a table that are damaged. */
static int drop_damaged(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	struct stoa__rowlist firsts = { 0 };
	struct stoa__table *t = stoa__table_find(txn->version, id);
	int rc = stoa__tree_walk(t->groups, 0, collect_id, &firsts);

	if (rc < 0)
		rc = stoa__fail_memory(r->err);
	for (size_t i = 0; i < firsts.n && rc == STOA_OK; i++) {
		struct stoa__group *g = stoa__tree_find(t->groups, firsts.rows[i]);
		struct stoa_error why = { 0 };

		rc = stoa__group_verify(g, t->schema, &why);
		if (rc == STOA_ECORRUPT) {
			stoa__recover_lose(r, t->schema->name, g->first, g->base->last, why.text);
			rc = stoa__table_remove_group(txn->version, t, g) < 0 ?
				     stoa__fail_memory(r->err) :
				     STOA_OK;
		} else if (rc < 0 && r->err) {
			*r->err = why;
		}
	}
	stoa__free(firsts.rows);
	return rc;
}

/* Deques of @t, which were made of its rows, take the order of those of @like. */
static int order_deques(struct stoa__recover *r, struct stoa__version *w, struct stoa__table *t,
			const struct stoa__table *like)
{
	for (uint32_t i = 0; i < t->schema->n_indexes; i++) {
		const struct stoa__index_def *def = &t->schema->indexes[i];
		int at = stoa__schema_find_index(like->schema, def->id);
		struct stoa_error why = { 0 };
		int rc = STOA_ECORRUPT;

		if (def->kind != STOA_INDEX_DEQUE)
			continue;
		if (at >= 0 && like->indexes)
			rc = stoa__deque_order_as(w, t, i, stoa__deque_of(like, (uint32_t)at), &why);
		if (rc == STOA_ECORRUPT)
			stoa__recover_lose(r, t->schema->name, 0, 0,
					   "its queues are in the order of their rows now");
		else if (rc < 0)
			return stoa__fail(r->err, rc, "%s", why.text);
	}
	return STOA_OK;
}

/* The indexes of a table anew, from its rows; what was loaded of deques tells their order. */
static int remake_indexes(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id,
			  const struct stoa__table *loaded)
{
	struct stoa__schema *none, *all;
	struct stoa__table *t;

	STOA_TRY(copy_schema(r, txn->version, loaded->schema, false, &none));
	STOA_TRY(stoa__table_set_schema(txn->version, NULL, id, none, r->err));
	STOA_TRY(copy_schema(r, txn->version, loaded->schema, true, &all));
	STOA_TRY(stoa__table_set_schema(txn->version, NULL, id, all, r->err));
	if (stoa__table_own(txn->version, id, &t) < 0)
		return stoa__fail_memory(r->err);
	return order_deques(r, txn->version, t, loaded);
}

/* The table goes without indexes until the end. */
static int drop_indexes(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id,
			const struct stoa__table *loaded)
{
	struct stoa__schema *none;

	STOA_TRY(keep_schema(r, id, loaded->schema));
	STOA_TRY(copy_schema(r, txn->version, loaded->schema, false, &none));
	return stoa__table_set_schema(txn->version, NULL, id, none, r->err);
}

/* Indexes serve the replay of the log: those that are not whole are made anew, or left out. */
static int ready_indexes(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	struct stoa__table *t = stoa__table_find(txn->version, id);
	struct stoa__version *before;
	struct stoa_error why = { 0 };
	int rc = stoa__indexes_loaded(txn->version, t, &why);

	if (rc == STOA_OK)
		return STOA_OK;
	if (rc != STOA_ECORRUPT)
		return stoa__fail(r->err, rc, "%s", why.text);
	STOA_TRY(stoa__txn_freeze(txn, &before, r->err));
	t = stoa__table_find(before, id);
	rc = remake_indexes(r, txn, id, t);
	if (rc == STOA_ECORRUPT || rc == STOA_EEXIST) {
		stoa__txn_rollback(txn, before);
		rc = drop_indexes(r, txn, id, t);
	}
	stoa__version_drop(before);
	return rc;
}

static int replay_or_lose(void *ctx, uint64_t seq, const uint8_t *payload, size_t len,
			  struct stoa_error *err)
{
	struct stoa__recover *r = ctx;
	struct stoa__version *before;
	struct stoa_error why = { 0 };
	char text[sizeof why.text];
	int rc;

	STOA_TRY(stoa__txn_freeze(r->from, &before, err));
	rc = stoa__redo_replay(r->from->version, payload, len, &why);
	if (rc == STOA_ECORRUPT) {
		stoa__txn_rollback(r->from, before);
		snprintf(text, sizeof text, "commit %llu does not fit what is left: %.400s",
			 (unsigned long long)seq, why.text);
		stoa__recover_lose(r, NULL, 0, 0, text);
		rc = STOA_OK;
	} else if (rc < 0 && err) {
		*err = why;
	}
	stoa__version_drop(before);
	return rc;
}

/*
 * Did the last writer end without closing the database? A clean close leaves the lock file empty.
 */
static bool was_open(const struct stoa__recover *r)
{
	uint64_t size;

	return stoa__file_size(&r->old->dir, "lock", &size, NULL) < 0 || size > 0;
}

static int replay_log(struct stoa__recover *r, struct stoa__log_position from)
{
	struct stoa_error why = { 0 };
	struct stoa__log *log = NULL;
	int rc;

	if (!from.file) {
		stoa__recover_lose(r, NULL, 0, 0, "the log: the catalog does not say where it begins");
		return STOA_OK;
	}
	rc = stoa__log_open(&r->old->dir, true, from, replay_or_lose, r, &log, &why);
	if (rc == STOA_OK && !stoa__log_disk_bytes(log) && was_open(r))
		stoa__recover_lose(r, NULL, 0, 0,
				   "the log: there is none, though the last writer did not close the "
				   "database: its newest commits may be lost");
	stoa__log_close(log, false);
	if (rc == STOA_ECORRUPT) {
		stoa__recover_lose(r, NULL, 0, 0, why.text);
		return STOA_OK;
	}
	return rc < 0 ? stoa__fail(r->err, rc, "%s", why.text) : STOA_OK;
}

/* An empty table in the place of one that is lost, so that what refers to it can be stored. */
static int make_lost(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	static const struct stoa_slot slot = { .name = "lost", .type = STOA_BOOL };
	static const uint32_t slot_id;
	struct stoa__schema *schema;
	char name[32];

	snprintf(name, sizeof name, "lost_%u", id);
	stoa__recover_lose(r, name, 0, 0, "this table is empty: tables that are left refer to one that is lost");
	STOA_TRY(stoa__schema_new(txn->version, name, &slot, &slot_id, NULL, 1, 1, &schema, r->err));
	return stoa__table_set_schema(txn->version, NULL, id, schema, r->err);
}

static int need_targets(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	const struct stoa__schema *s = stoa__table_find(txn->version, id)->schema;

	for (uint32_t i = 0; i < s->n_slots; i++) {
		uint32_t target = s->slots[i].def.target;

		if (s->slots[i].def.type == STOA_REF && !stoa__table_find(txn->version, target))
			STOA_TRY(make_lost(r, txn, target));
	}
	return STOA_OK;
}

/* STOA_ECORRUPT, with words in @why, if there is no catalog to go by. */
static int load_catalog(struct stoa__recover *r, struct stoa_error *why)
{
	struct stoa__catalog_options options = { .read_only = true, .salvage = true };
	struct stoa__log_position log;
	int rc = stoa__catalog_open(&r->old->dir, &options, &r->old->catalog, why);

	if (rc == STOA_ENOTFOUND)
		return stoa__fail_corrupt(why, "catalog.mdb", 0, "the file is missing");
	STOA_TRY(rc);
	STOA_TRY(stoa__load_what_is_left(r->old, r->from->version, on_lost, r, &log, why));
	STOA_TRY(each_table(r, r->from, drop_damaged));
	STOA_TRY(each_table(r, r->from, ready_indexes));
	return replay_log(r, log);
}

static int load(struct stoa__recover *r)
{
	struct stoa__version *before;
	struct stoa_error why = { 0 };
	int rc;

	STOA_TRY(stoa__txn_freeze(r->from, &before, r->err));
	rc = load_catalog(r, &why);
	if (rc == STOA_ECORRUPT) {
		stoa__recover_lose(r, NULL, 0, 0, why.text);
		stoa__txn_rollback(r->from, before);
		rc = stoa__recover_segments(r);
	} else if (rc < 0 && r->err && *why.text) {
		*r->err = why;
	}
	stoa__version_drop(before);
	return rc;
}

/* ---- copying ---- */

static int make_table(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	const struct stoa__table *from = stoa__table_find(txn->version, id);
	struct stoa__schema *schema;

	STOA_TRY(copy_schema(r, r->to->version, from->schema, false, &schema));
	schema->deaths = 0;
	return stoa__table_set_schema(r->to->version, NULL, id, schema, r->err);
}

static int seal_tail(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	struct stoa__table *t;

	if (stoa__table_own(txn->version, id, &t) < 0)
		return stoa__fail_memory(r->err);
	return stoa__table_seal(txn->version, t, r->err);
}

/* Ends the file that is being written, and puts its groups into their tables. */
static int end_file(struct stoa__recover *r)
{
	struct stoa_txn *txn = r->to;
	uint64_t file, *files;
	int rc;

	if (!r->rewrite)
		return STOA_OK;
	rc = stoa__rewrite_finish(r->rewrite, r->err);
	files = stoa__realloc_array(txn->files, txn->n_files + 1, sizeof *files);
	if (files)
		txn->files = files;
	else
		rc = stoa__fail_memory(r->err);
	file = rc == STOA_OK ? stoa__rewrite_take_file(r->rewrite) : 0;
	if (file)
		txn->files[txn->n_files++] = file;
	for (size_t i = 0; i < stoa__rewrite_n_runs(r->rewrite) && rc == STOA_OK; i++)
		rc = stoa__rewrite_append(r->rewrite, i, txn->version, r->err);
	stoa__rewrite_free(r->rewrite);
	r->rewrite = NULL;
	return rc;
}

struct copying {
	struct stoa__recover *r;
	const struct stoa__table *table;
};

static int copy_group(void *ctx, uint64_t first, void *value)
{
	struct copying *c = ctx;
	struct stoa__recover *r = c->r;
	struct stoa__group *g = value;
	struct stoa_error why = { 0 };
	int rc;

	if (r->rewrite && stoa__rewrite_bytes(r->rewrite) > STOA__SEGMENT_BYTES_MAX)
		STOA_TRY(end_file(r));
	if (!r->rewrite)
		STOA_TRY(stoa__rewrite_new(r->db, r->frozen, &r->rewrite, r->err));
	rc = stoa__rewrite_run(r->rewrite, c->table, &g, 1, g->base->cold, &why);
	if (rc == STOA_ECORRUPT) {
		stoa__recover_lose(r, c->table->schema->name, first, g->base->last, why.text);
		return STOA_OK;
	}
	if (rc < 0 && r->err)
		*r->err = why;
	return rc;
}

static int copy_table(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	struct copying c = { r, stoa__table_find(r->frozen, id) };

	(void)txn;
	return stoa__tree_walk(c.table->groups, 0, copy_group, &c);
}

/* What does not follow from the rows. */
static int finish_table(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	const struct stoa__table *from = stoa__table_find(txn->version, id);
	struct stoa__table *t;

	if (stoa__table_own(r->to->version, id, &t) < 0)
		return stoa__fail_memory(r->err);
	t->next_rowid = from->next_rowid;
	return STOA_OK;
}

static int copy(struct stoa__recover *r)
{
	STOA_TRY(each_table(r, r->from, need_targets));
	STOA_TRY(each_table(r, r->from, seal_tail));
	STOA_TRY(each_table(r, r->from, make_table));
	STOA_TRY(stoa__txn_freeze(r->from, &r->frozen, r->err));
	STOA_TRY(each_table(r, r->from, copy_table));
	STOA_TRY(end_file(r));
	return each_table(r, r->from, finish_table);
}

/* ---- references ---- */

struct dangling {
	struct stoa__recover *r;
	struct stoa__table *t;
	const struct stoa__table *target;
	uint32_t slot;			/* position */
	struct stoa__rowlist rows;	/* that refer to nothing */
};

static int find_dangling(void *ctx, uint64_t first, void *value)
{
	struct dangling *d = ctx;
	const struct stoa__group *g = value;
	uint64_t out[STOA__BATCH_ROWS], rowid;
	uint32_t n;

	(void)first;
	for (uint32_t from = 0; from < g->n_rows; from += STOA__BATCH_ROWS) {
		STOA_TRY(stoa__refs_read(d->t, g, d->slot, from, out, &n, d->r->err));
		for (uint32_t i = 0; i < n; i++) {
			int rc = out[i] ? stoa__row_exists(d->target, out[i], d->r->err) : STOA_OK;

			if (rc == STOA_OK)
				continue;
			if (rc != STOA_ENOTFOUND)
				return rc;
			STOA_TRY(stoa__group_rowids(g, from + i, 1, &rowid, d->r->err));
			if (stoa__rowlist_add(&d->rows, rowid) < 0)
				return stoa__fail_memory(d->r->err);
		}
	}
	return STOA_OK;
}

/* A row that refers to nothing: the reference becomes NULL, or the row goes. */
static int mend(struct dangling *d, uint64_t row)
{
	const struct stoa_slot *def = &d->t->schema->slots[d->slot].def;
	struct stoa_value null = stoa_null();
	struct stoa__version *w = d->r->to->version;
	struct stoa__place at;
	int rc = stoa__table_locate(d->t, row, &at, d->r->err);

	if (rc < 0)
		return rc == STOA_ENOTFOUND ? STOA_OK : rc;
	if (!(def->flags & STOA_NOT_NULL))
		return stoa__table_update(w, d->t, at, &d->slot, &null, 1, d->r->err);
	stoa__recover_lose(d->r, d->t->schema->name, row, row,
			   "it refers to a row that is lost, and must refer to one");
	d->r->deleted = true;
	return stoa__table_delete(w, d->t, at, false, d->r->err);
}

static int mend_slot(struct stoa__recover *r, struct stoa__table *t, uint32_t slot)
{
	struct dangling d = { .r = r, .t = t, .slot = slot };
	const struct stoa_slot *def = &t->schema->slots[slot].def;
	int rc;

	d.target = stoa__table_find(r->to->version, def->target);
	rc = stoa__tree_walk(t->groups, 0, find_dangling, &d);
	if (rc == STOA_OK && d.rows.n && !(def->flags & STOA_NOT_NULL))
		stoa__recover_lose(r, t->schema->name, 0, 0,
				   "references to rows that are lost became NULL");
	for (size_t i = 0; i < d.rows.n && rc == STOA_OK; i++)
		rc = mend(&d, d.rows.rows[i]);
	stoa__free(d.rows.rows);
	return rc;
}

static int mend_table(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	struct stoa__table *t;

	if (stoa__table_own(txn->version, id, &t) < 0)
		return stoa__fail_memory(r->err);
	for (uint32_t i = 0; i < t->schema->n_slots && t->schema->n_refs; i++)
		if (t->schema->slots[i].def.type == STOA_REF)
			STOA_TRY(mend_slot(r, t, i));
	return STOA_OK;
}

static int count_table(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	struct stoa__table *t;

	if (stoa__table_own(txn->version, id, &t) < 0)
		return stoa__fail_memory(r->err);
	for (uint32_t i = 0; i < t->schema->n_slots && t->schema->n_refs; i++)
		if (t->schema->slots[i].def.type == STOA_REF)
			STOA_TRY(stoa__refs_count_up(txn->version, t, i, 0, UINT64_MAX,
						     r->err));
	return STOA_OK;
}

/* A row that was kept, and came as a member. */
static int delete_kept(void *ctx, const struct stoa__table *t, uint64_t row)
{
	struct stoa__recover *r = ctx;
	int rc = stoa_delete(r->to, t->id, row, r->err);

	return rc == STOA_ENOTFOUND ? STOA_OK : rc;
}

static int refer(struct stoa__recover *r)
{
	/* Rows that go may leave others without what they refer to. */
	do {
		r->deleted = false;
		STOA_TRY(each_table(r, r->to, mend_table));
	} while (r->deleted);
	STOA_TRY(each_table(r, r->to, count_table));
	return stoa__kept_walk(r->frozen, delete_kept, r);
}

/* ---- indexes, and the rest of a table ---- */

static int index_table(struct stoa__recover *r, struct stoa_txn *txn, uint32_t id)
{
	const struct stoa__table *from = stoa__table_find(r->frozen, id);
	struct stoa__schema *schema;
	struct stoa__table *t;

	STOA_TRY(whole_schema(r, txn->version, from, &schema));
	if (!stoa__table_find(txn->version, schema->deaths))
		schema->deaths = 0;
	STOA_TRY(stoa__table_set_schema(txn->version, NULL, id, schema, r->err));
	if (stoa__table_own(txn->version, id, &t) < 0)
		return stoa__fail_memory(r->err);
	STOA_TRY(order_deques(r, txn->version, t, from));
	t->frozen = from->frozen;
	r->stat.n_tables++;
	r->stat.n_rows += t->n_rows;
	return STOA_OK;
}

/* ---- the whole ---- */

/* In one transaction whose commit is a checkpoint, as that of a bulk load. */
static int build(struct stoa__recover *r)
{
	int rc;

	STOA_TRY(stoa_begin(r->db, STOA_WRITE, &r->to, r->err));
	rc = copy(r);
	if (rc == STOA_OK)
		rc = refer(r);
	if (rc == STOA_OK)
		rc = each_table(r, r->to, index_table);
	if (rc == STOA_OK) {
		r->to->dirty = r->to->bulk = true;
		rc = stoa_commit(r->to, r->err);
	} else {
		stoa_abort(r->to);
	}
	r->to = NULL;
	return rc;
}

static int open_old(struct stoa__recover *r, const char *path)
{
	STOA_TRY(stoa__dir_open(path, &r->old->dir, r->err));
	if (!stoa__dir_is_database(&r->old->dir))
		return stoa__fail(r->err, STOA_ENOTFOUND, "%s: there is no database", path);
	/* On a disk that cannot be written to any more nobody else writes. */
	if (stoa__lock_open(&r->old->dir, false, &r->old->lock, NULL) < 0)
		return STOA_OK;
	return stoa__lock_keep_writers_out(&r->old->lock, r->err);
}

int stoa_recover(const char *path, const char *to, stoa_recover_report *report, void *ctx,
		 struct stoa_recover_stat *out, struct stoa_error *err)
{
	struct stoa__recover r = { .report = report, .ctx = ctx, .err = err };
	struct stoa_options options = STOA_OPTIONS_INIT;
	bool is_made = false;
	struct stat st;
	int rc;

	if (!path || !*path || !to || !*to)
		return stoa__fail(err, STOA_EINVAL, "two directories are needed: a damaged one and a new one");
	if (out && (out->size < sizeof(size_t) || out->size > 4096))
		return stoa__fail(err, STOA_EINVAL,
				  "the size is wrong: start from STOA_RECOVER_STAT_INIT");
	if (lstat(to, &st) == 0)
		return stoa__fail(err, STOA_EEXIST, "%s: it is there already", to);
	r.stat.size = out ? out->size : sizeof r.stat;
	STOA_TRY(stoa_open(NULL, NULL, &r.old, err));
	rc = open_old(&r, path);
	if (rc == STOA_OK)
		rc = stoa_begin(r.old, STOA_WRITE, &r.from, err);
	if (rc == STOA_OK)
		rc = load(&r);
	if (rc == STOA_OK) {
		is_made = true;
		options.flags = STOA_OPEN_EXCLUSIVE;
		rc = stoa_open(to, &options, &r.db, err);
	}
	if (rc == STOA_OK)
		rc = build(&r);
	stoa__rewrite_free(r.rewrite);
	if (r.frozen)
		stoa__version_drop(r.frozen);
	stoa_abort(r.from);
	forget_schemas(&r);
	(void)stoa_close(r.old, NULL);
	if (r.db) {
		int closed = stoa_close(r.db, rc == STOA_OK ? err : NULL);

		rc = rc == STOA_OK ? closed : rc;
	}
	if (rc < 0 && is_made)
		stoa__database_remove(to);
	if (rc == STOA_OK && out)
		memcpy(out, &r.stat, out->size < sizeof r.stat ? out->size : sizeof r.stat);
	return rc;
}
