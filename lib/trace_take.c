/* SPDX-License-Identifier: MIT */
/*
 * trace_take.c - where the bytes of a database are: stoa_trace_take()
 *
 *     tables        what the published version shows: census.c
 *     strings, log, catalog, segment files, ...
 *     snapshots     blocks in dead lists: what older versions alone see, by the version that goes last
 *     open work     the rest of all blocks: made, and not published; shares of queries
 *     elsewhere     the rest of what the allocator has given out: statements, cursors, other databases
 *
 * The rests are differences, so that the sum is exact; a test sees to it that they are small when
 * nothing is open.
 *
 * The checkpoint's mutex is held, so that files and what is known of them stay in step. Collections
 * and writers go on.
 */
#include "census.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "handle.h"

/* ---- the directory ---- */

static int64_t space_of(struct stoa_db *db, const char *name)
{
	uint64_t bytes;

	(void)stoa__file_space(&db->dir, name, &bytes, NULL);	/* zero, if it has just gone */
	return (int64_t)bytes;
}

/* Gives the segments of the directory their names. */
static int list_segment(void *ctx, const char *name)
{
	struct stoa__census *c = ctx;
	struct stoa__census_file *f;
	char path[300], *end;
	uint64_t number = strtoull(name, &end, 10);

	if (end == name || strcmp(end, ".seg") != 0)
		return 0;
	snprintf(path, sizeof path, "segments/%s", name);
	f = stoa__census_file(c, number);
	if (!f)
		return STOA_ENOMEM;
	f->is_linked = true;
	f->space = (uint64_t)space_of(c->db, path);
	return 0;
}

struct folder {
	struct stoa__census *c;
	const char *name;	/* NULL: the database's own */
	struct stoa__trace_sum sum;
};

static int add_file(void *ctx, const char *name)
{
	struct folder *f = ctx;
	char path[300];
	static const char *const elsewhere[] = { "log", "segments", "catalog.mdb", "catalog.sum" };

	for (size_t i = 0; !f->name && i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (!strcmp(name, elsewhere[i]))
			return 0;
	snprintf(path, sizeof path, "%s%s%s", f->name ? f->name : "", f->name ? "/" : "", name);
	f->sum.disk += space_of(f->c->db, path);
	f->sum.count++;
	return 0;
}

static void put_log(struct stoa__census *c)
{
	struct stoa_db *db = c->db;
	struct folder all = { .c = c, .name = "log" };
	struct stoa__trace_sum records = { 0 };

	(void)stoa__dir_list(&db->dir, "log", add_file, &all, NULL);
	stoa__trace_open(c->trace, STOA_TRACE_FILES, "redo log", 8);
	if (db->log) {
		records.disk = (int64_t)stoa__log_bytes(db->log);
		records.memory = (int64_t)stoa__log_heap(db->log);
	}
	if (records.disk > all.sum.disk)
		records.disk = all.sum.disk;
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "records", &records);
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "room for more",
			 &(struct stoa__trace_sum){ .disk = all.sum.disk - records.disk });
	stoa__trace_close(c->trace, all.sum.count);
}

static void put_segments(struct stoa__census *c)
{
	struct stoa__trace_sum around = { 0 }, gone = { 0 }, others = { 0 };

	for (size_t i = 0; i < c->n_files; i++) {
		const struct stoa__census_file *f = &c->files[i];
		int64_t left = (int64_t)(f->chunks - f->used);

		if (!f->is_linked) {
			gone.unlinked += f->is_open ? left : 0;
		} else if (f->is_open) {
			gone.disk += left;
			gone.disk_garbage += left;
			around.disk += (int64_t)(f->space - f->chunks);
			around.count++;
		} else {
			others.disk += (int64_t)f->space;
			others.count++;
		}
	}
	around.memory = (int64_t)c->segments;
	stoa__trace_open(c->trace, STOA_TRACE_FILES, "segment files", 13);
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "directories and padding", &around);
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "row groups that have gone", &gone);
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "of other versions", &others);
	stoa__trace_close(c->trace, around.count + others.count);
}

static void put_files(struct stoa__census *c)
{
	struct stoa_db *db = c->db;
	struct stoa__trace_sum catalog = { .count = 1 }, folders = { .count = 3 };
	struct folder others = { .c = c };

	catalog.disk = space_of(db, "catalog.mdb") + space_of(db, "catalog.sum");
	catalog.memory = (int64_t)stoa__alloc_size(db->catalog);
	folders.disk = space_of(db, ".") + space_of(db, "log") + space_of(db, "segments");
	(void)stoa__dir_list(&db->dir, NULL, add_file, &others, NULL);
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "catalog", &catalog);
	put_log(c);
	put_segments(c);
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "other files", &others.sum);
	stoa__trace_leaf(c->trace, STOA_TRACE_FILES, "directories", &folders);
}

/* ---- strings ---- */

static void put_strings(struct stoa__census *c)
{
	struct stoa__symbols *s = &c->db->symbols;
	struct stoa__trace_sum text = { 0 }, table = { 0 };

	pthread_mutex_lock(&s->mutex);
	table.memory = (int64_t)stoa__symbols_table_bytes(s, (uint64_t *)&table.memory_garbage);
	text.memory = (int64_t)atomic_load(&s->bytes) - table.memory;
	text.count = s->n_live;
	pthread_mutex_unlock(&s->mutex);
	stoa__trace_open(c->trace, STOA_TRACE_STRINGS, "strings", 7);
	stoa__trace_leaf(c->trace, STOA_TRACE_STRINGS, "their bytes", &text);
	stoa__trace_leaf(c->trace, STOA_TRACE_STRINGS, "table of them", &table);
	stoa__trace_close(c->trace, text.count);
}

/* ---- snapshots ---- */

#define PINS_MAX 64

struct pins {
	struct stoa__census *c;
	const struct stoa__version *last;	/* of pin[n - 1] */
	size_t n;
	struct pin {
		uint64_t commit;
		uint32_t n_snapshots;
		int64_t memory;
	} pin[PINS_MAX];	/* the last takes all that there are more */
	int64_t unlinked;
};

static void add_pinned(void *ctx, const struct stoa__version *v, const struct stoa__block *b)
{
	struct pins *p = ctx;
	const struct stoa__base *base = (const struct stoa__base *)b;
	const struct stoa__census_file *f;

	if (v != p->last && p->n < PINS_MAX)
		p->pin[p->n++] = (struct pin){ v->commit, stoa__version_n_snapshots(v), 0 };
	p->last = v;
	p->pin[p->n - 1].memory += (int64_t)stoa__census_weigh(p->c, b);
	if (b->kind != STOA__KIND_BASE || !base->segment)
		return;
	f = stoa__census_file(p->c, stoa__segment_file(base->segment));
	if (f && !f->is_open && !f->is_linked)
		p->unlinked += (int64_t)stoa__segment_left(base->segment);
	(void)stoa__census_open_file(p->c, base->segment);
}

/* Returns what all of them pin. */
static int64_t put_pins(struct stoa__census *c)
{
	struct pins p = { .c = c };
	uint64_t n = stoa__history_n_snapshots(&c->db->history);
	int64_t sum = 0;
	char name[96];

	(void)stoa__history_pinned(&c->db->history, add_pinned, &p);
	stoa__trace_open(c->trace, STOA_TRACE_PINNED, "snapshots", 9);
	for (size_t i = 0; i < p.n; i++) {
		struct stoa__trace_sum s = { .memory = p.pin[i].memory,
					     .memory_garbage = p.pin[i].memory,
					     .count = p.pin[i].n_snapshots };

		sum += s.memory;
		snprintf(name, sizeof name, i == PINS_MAX - 1 ? "commit %" PRIu64 " and later" :
								"commit %" PRIu64, p.pin[i].commit);
		stoa__trace_leaf(c->trace, STOA_TRACE_PINNED, name, &s);
	}
	stoa__trace_leaf(c->trace, STOA_TRACE_PINNED, "files that were removed",
			 &(struct stoa__trace_sum){ .unlinked = p.unlinked });
	stoa__trace_close(c->trace, (int64_t)n);
	return sum;
}

/* ---- what is open, and the rest ---- */

static void put_work(struct stoa__census *c, int64_t pinned)
{
	struct stoa_db *db = c->db;
	struct stoa__trace_sum blocks = { 0 }, texts = { 0 }, queries = { 0 };

	blocks.memory = (int64_t)stoa__history_bytes(&db->history) - (int64_t)c->blocks;
	texts.memory = (int64_t)(atomic_load(&db->symbols.text_bytes) +
				 atomic_load(&db->symbols.slabs.bytes) -
				 stoa__slabs_room(&db->symbols)) - (int64_t)c->texts;
	queries.memory = (int64_t)atomic_load(&db->budget.used);
	texts.memory_garbage = pinned ? texts.memory : 0;
	stoa__trace_open(c->trace, STOA_TRACE_WORK, "open work", 9);
	stoa__trace_leaf(c->trace, STOA_TRACE_WORK, "changes not published", &blocks);
	stoa__trace_leaf(c->trace, pinned ? STOA_TRACE_PINNED : STOA_TRACE_WORK,
			 pinned ? "texts of snapshots and changes" : "texts not published", &texts);
	stoa__trace_leaf(c->trace, STOA_TRACE_WORK, "sorts, groups and joins", &queries);
	stoa__trace_close(c->trace, atomic_load(&db->n_txns));
}

/* What the handle itself takes. */
static uint64_t heap_of_handle(struct stoa_db *db)
{
	uint64_t bytes = stoa__alloc_size(db) + stoa__alloc_size(db->path) +
			 stoa__alloc_size(db->dir.path) + stoa__history_heap(&db->history) +
			 stoa__spare_heap(db) + stoa__hands_heap(&db->hands) +
			 stoa__alloc_size(db->swaps) + stoa__alloc_size(db->run_swaps.plan) +
			 stoa__slabs_room(&db->symbols);

	pthread_mutex_lock(&db->lives.mutex);
	bytes += stoa__alloc_size(db->lives.holds) + stoa__alloc_size(db->lives.orphans.p) +
		 stoa__alloc_size(db->lives.candidates.p);
	pthread_mutex_unlock(&db->lives.mutex);
	pthread_mutex_lock(&db->gc.mutex);
	bytes += stoa__alloc_size(db->gc.fresh);
	pthread_mutex_unlock(&db->gc.mutex);
	return bytes;
}

static int64_t memory_of(const struct stoa_trace *t)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < t->n; i++)
		sum += t->nodes[i].memory;	/* leaves only, so far */
	return sum;
}

static void put_rest(struct stoa__census *c)
{
	struct stoa__trace_sum handle = { .memory = (int64_t)heap_of_handle(c->db) }, rest = { 0 };

	stoa__trace_leaf(c->trace, STOA_TRACE_OTHER, "database handle", &handle);
	rest.memory = (int64_t)stoa__alloc_bytes() - memory_of(c->trace) -
		      (int64_t)(stoa__trace_heap(c->trace) + stoa__alloc_size(c->files));
	stoa__trace_leaf(c->trace, STOA_TRACE_OTHER, "elsewhere", &rest);
}

/* ---- all of it ---- */

static int count_table(void *ctx, uint64_t id, void *value)
{
	struct stoa__census *c = ctx;

	(void)id;
	c->n_tables++;
	return stoa__census_table(c, value);
}

static void put_table_tree(struct stoa__census *c)
{
	struct stoa__trace_sum sum = { 0 };
	struct stoa__weighing w = { c, &sum };

	stoa__tree_each_block(c->version->tables, stoa__census_weigh_into, &w);
	stoa__trace_leaf(c->trace, STOA_TRACE_OTHER, "list of tables", &sum);
}

static int take(struct stoa__census *c)
{
	struct stoa_db *db = c->db;
	const char *name = db->path ? db->path : ":memory:";
	int rc = STOA_OK;

	if (db->path)
		rc = stoa__dir_list(&db->dir, "segments", list_segment, c, c->err);
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(c->err);
	STOA_TRY(rc);
	stoa__trace_open(c->trace, STOA_TRACE_DATABASE, name, strlen(name));
	STOA_TRY(stoa__tree_walk(c->version->tables, 0, count_table, c));
	put_table_tree(c);
	put_strings(c);
	int64_t pinned = put_pins(c);
	if (db->path)
		put_files(c);
	put_work(c, pinned);
	put_rest(c);
	stoa__trace_close(c->trace, (int64_t)c->n_tables);
	return c->failed || stoa__trace_finish(c->trace) < 0 ? stoa__fail_memory(c->err) : STOA_OK;
}

int stoa_trace_take(stoa_db *db, stoa_trace **out, struct stoa_error *err)
{
	struct stoa__census c = { .db = db, .err = err };
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the trace");
	*out = NULL;
	STOA_TRY(stoa__db_enter(db, err));
	c.trace = stoa__trace_new();
	if (!c.trace)
		return stoa__fail_memory(err);
	pthread_mutex_lock(&db->checkpoint);
	c.version = stoa__history_snapshot_quietly(&db->history);
	rc = take(&c);
	stoa__version_drop_quietly(c.version);
	pthread_mutex_unlock(&db->checkpoint);
	stoa__free(c.files);
	if (rc < 0) {
		stoa_trace_free(c.trace);
		return rc;
	}
	*out = c.trace;
	return STOA_OK;
}
