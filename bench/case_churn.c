/* SPDX-License-Identifier: MIT */
/*
 * case_churn.c - rows come and go: what a table costs that stays as large as it is
 *
 * A table of a million records. A step is a transaction that deletes a hundredth of them, every
 * hundredth row, so that no place is left alone, and inserts as many. 200 steps replace the table
 * twice over; with --long 10,000, which is 100 million rows in all. Disk is measured after each
 * step and compared with what the table took when it was new: at its worst, in the mean, at a
 * quarter of the way, at half of it and at the end. The mean is what two builds are compared by:
 * the others are single points of a curve that goes up and down by a half. The report draws how
 * disk and anonymous memory went, at a hundred points of the way.
 *
 * `churn-cursor` does the same under a cursor that was opened first, and goes over the table as it
 * was then, slowly, so that it comes to its end with the last step. What it keeps of files and memory
 * that nobody else needs is compared with what it has still to visit, its row group among it: "disk
 * beyond" is how much more it ever was.
 */
#include "bench.h"
#include "duckdb.h"
#include "ours.h"
#include "sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROWS 1000000
#define CLASSES 100
#define STEPS 200
#define STEPS_LONG 10000

enum { PLAIN, AUTO_VACUUM };

/* The ids that live, by class: id % CLASSES. They ascend. */
struct churn {
	int64_t n_rows, next;
	struct class {
		int64_t *ids;
		size_t n, cap;
	} classes[CLASSES];
	const char *path;
	uint64_t new_bytes, worst_bytes, sum_bytes, at[2];
	int n_steps;
};

static void note(struct churn *c, int64_t id)
{
	struct class *cl = &c->classes[id % CLASSES];

	if (cl->n == cl->cap) {
		cl->cap = cl->cap ? cl->cap * 2 : 1024;
		cl->ids = realloc(cl->ids, cl->cap * sizeof(*cl->ids));
		if (!cl->ids)
			bench_die("no memory for ids");
	}
	cl->ids[cl->n++] = id;
}

static void begin(struct churn *c, const char *name)
{
	c->n_rows = (int64_t)(ROWS * bench_config.sf);
	c->n_steps = bench_config.is_long ? STEPS_LONG : STEPS;
	c->path = bench_path(name);
	bench_remove(c->path);
	for (int64_t id = 1; id <= c->n_rows; id++)
		note(c, id);
	c->next = c->n_rows + 1;
}

/* Of DuckDB its log, a file beside the other, counts too. */
static uint64_t disk_bytes(const struct churn *c)
{
	char wal[BENCH_PATH_MAX + 8];

	snprintf(wal, sizeof(wal), "%s.wal", c->path);
	return bench_disk_bytes(c->path) + (access(wal, F_OK) == 0 ? bench_disk_bytes(wal) : 0);
}

#define POINTS 100

static void measure(struct churn *c, int step)
{
	uint64_t bytes = disk_bytes(c);
	double replaced = (double)step / CLASSES;

	if (step % (c->n_steps / POINTS) == 0) {
		bench_point("disk", "of new", "how often the table was replaced", replaced,
			    (double)bytes / (double)c->new_bytes);
		bench_point("memory", "MB", "how often the table was replaced", replaced,
			    (double)bench_rss_heap() / 1e6);
	}

	c->sum_bytes += bytes;
	if (bytes > c->worst_bytes)
		c->worst_bytes = bytes;
	if (step == c->n_steps / 4)
		c->at[0] = bytes;
	if (step == c->n_steps / 2)
		c->at[1] = bytes;
}

static void report(struct churn *c, double start)
{
	double new = (double)c->new_bytes, moved = (double)c->n_steps * (double)c->n_rows / CLASSES;

	bench_metric("rows", "1/s", BENCH_MORE, moved / (bench_now() - start));
	bench_metric("disk at worst", "of new", BENCH_LESS, (double)c->worst_bytes / new);
	bench_metric("disk in the mean", "of new", BENCH_LESS,
		     (double)c->sum_bytes / c->n_steps / new);
	bench_metric("disk at 1/4", "of new", BENCH_LESS, (double)c->at[0] / new);
	bench_metric("disk at 1/2", "of new", BENCH_LESS, (double)c->at[1] / new);
	bench_metric("disk at end", "of new", BENCH_LESS,
		     (double)disk_bytes(c) / new);
	bench_metric("disk", "bytes", BENCH_LESS, (double)disk_bytes(c));
	bench_metric("peak memory", "bytes", BENCH_LESS, (double)bench_rss_peak());
	for (int i = 0; i < CLASSES; i++)
		free(c->classes[i].ids);
}

/* ---- stoa ---- */

static void step_stoa(struct churn *c, stoa_db *db, stoa_table table, int step)
{
	struct class *cl = &c->classes[step % CLASSES];
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	size_t n = cl->n;
	struct stoa_error err;

	for (size_t i = 0; i < n; i++)
		bench_stoa_check(stoa_delete(txn, table, (stoa_rowid)cl->ids[i], &err), &err);
	cl->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct bench_record r;
		struct stoa_value v[5];

		bench_record_make(c->next - 1, &r);
		bench_stoa_record_values(&r, v);
		bench_stoa_check(stoa_insert(txn, table, v, 5, NULL, &err), &err);
		note(c, c->next++);
	}
	bench_stoa_commit(txn);
}

/* A table that is new. */
static stoa_db *begin_stoa(struct churn *c, stoa_table *table)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;

	begin(c, "churn.stoa");
	options.log_max_bytes = 1 << 20;
	bench_stoa_check(stoa_open(c->path, &options, &db, &err), &err);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);

	*table = bench_stoa_create(txn, &bench_record_schema);
	bench_stoa_append_records(txn, *table, c->n_rows);
	bench_stoa_commit(txn);
	c->new_bytes = bench_disk_bytes(c->path);
	bench_rss_reset();
	return db;
}

static void run_stoa(const struct bench_case *bc, const struct bench_entry *e)
{
	struct churn c = { 0 };
	stoa_table table;
	stoa_db *db = begin_stoa(&c, &table);

	(void)bc;
	(void)e;
	double start = bench_now();

	for (int step = 1; step <= c.n_steps; step++) {
		step_stoa(&c, db, table, step);
		measure(&c, step);
	}
	report(&c, start);
	bench_stoa_close(db);
	bench_remove(c.path);
}

/* What a cursor pins, and what it may. */
struct pins {
	double group_bytes;	/* of the files, that each row group has */
	double beyond, memory, disk;
};

static void measure_pins(struct pins *p, stoa_db *db, double groups_left)
{
	struct stoa_stat s = STOA_STAT_INIT;
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	struct stoa_error err;

	bench_stoa_check(stoa_stat(txn, 0, &s, &err), &err);
	stoa_abort(txn);
	double beyond = (double)s.pinned_disk_bytes / p->group_bytes - groups_left;

	p->beyond = beyond > p->beyond ? beyond : p->beyond;
	p->memory = (double)s.pinned_bytes > p->memory ? (double)s.pinned_bytes : p->memory;
	p->disk = (double)s.pinned_disk_bytes > p->disk ? (double)s.pinned_disk_bytes : p->disk;
}

static void run_cursor(const struct bench_case *bc, const struct bench_entry *e)
{
	struct churn c = { 0 };
	stoa_table table;
	stoa_db *db = begin_stoa(&c, &table);
	double n_groups = (double)((c.n_rows + STOA_GROUP_MAX - 1) / STOA_GROUP_MAX);
	struct pins p = { .group_bytes = (double)c.new_bytes / n_groups };
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	struct stoa_batch batch;
	struct stoa_error err;
	int64_t n = 0;
	stoa_cursor *cur;

	(void)bc;
	(void)e;
	bench_stoa_check(stoa_scan(txn, table, NULL, 0, &cur, &err), &err);
	stoa_abort(txn);
	for (int step = 1; step <= c.n_steps; step++) {
		step_stoa(&c, db, table, step);
		while (n < c.n_rows * step / c.n_steps) {
			bench_stoa_check(stoa_next_batch(cur, &batch, &err), &err);
			n += (int64_t)batch.n_rows;
		}
		measure_pins(&p, db, n_groups - (double)((n - 1) / STOA_GROUP_MAX));
	}
	stoa_cursor_close(cur);
	bench_metric("disk beyond", "row groups", BENCH_LESS, p.beyond);
	bench_metric("disk pinned", "bytes", BENCH_LESS, p.disk);
	bench_metric("memory pinned", "bytes", BENCH_LESS, p.memory);
	bench_metric("peak memory", "bytes", BENCH_LESS, (double)bench_rss_peak());
	bench_stoa_close(db);
	bench_remove(c.path);
	for (int i = 0; i < CLASSES; i++)
		free(c.classes[i].ids);
}

/* ---- SQLite ---- */

static void step_sqlite(struct churn *c, sqlite3 *db, sqlite3_stmt *delete, sqlite3_stmt *insert,
			int step)
{
	struct class *cl = &c->classes[step % CLASSES];
	size_t n = cl->n;

	bench_sqlite_exec(db, "BEGIN");
	for (size_t i = 0; i < n; i++) {
		sqlite3_bind_int64(delete, 1, cl->ids[i]);
		bench_sqlite_run(delete);
	}
	cl->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct bench_record r;

		bench_record_make(c->next - 1, &r);
		r.id = c->next;
		bench_sqlite_bind_record(insert, &r);
		bench_sqlite_run(insert);
		note(c, c->next++);
	}
	bench_sqlite_exec(db, "COMMIT");
}

static void run_sqlite(const struct bench_case *bc, const struct bench_entry *e)
{
	struct churn c = { 0 };

	(void)bc;
	begin(&c, "churn.sqlite");
	sqlite3 *db = bench_sqlite_open(c.path);

	bench_sqlite_exec(db, e->arg == AUTO_VACUUM ? "PRAGMA auto_vacuum = full" :
						      "PRAGMA auto_vacuum = none");
	bench_sqlite_exec(db, BENCH_SQLITE_RECORD_TABLE);
	sqlite3_stmt *delete = bench_sqlite_prepare(db, "DELETE FROM record WHERE id = ?");
	sqlite3_stmt *insert = bench_sqlite_prepare(db, BENCH_SQLITE_RECORD_INSERT);

	bench_sqlite_exec(db, "BEGIN");
	for (int64_t id = 1; id <= c.n_rows; id++) {
		struct bench_record r;

		bench_record_make(id - 1, &r);
		r.id = id;
		bench_sqlite_bind_record(insert, &r);
		bench_sqlite_run(insert);
	}
	bench_sqlite_exec(db, "COMMIT");
	c.new_bytes = bench_disk_bytes(c.path);
	bench_rss_reset();
	double start = bench_now();

	for (int step = 1; step <= c.n_steps; step++) {
		step_sqlite(&c, db, delete, insert, step);
		measure(&c, step);
	}
	report(&c, start);
	sqlite3_finalize(delete);
	sqlite3_finalize(insert);
	bench_sqlite_close(db);
	bench_remove(c.path);
}

/* ---- DuckDB ---- */

static void run_duckdb(const struct bench_case *bc, const struct bench_entry *e)
{
	struct bench_duckdb d;
	struct churn c = { 0 };

	(void)bc;
	(void)e;
	begin(&c, "churn.duckdb");
	bench_duckdb_open(&d, c.path, 1);
	bench_duckdb_exec(&d, "CREATE TABLE record AS SELECT i AS id, (hash(i) %% 100000) / 100.0 AS "
			      "price, (i %% 50)::INTEGER AS quantity, 'name ' || hash(i) %% 500 AS name, "
			      "i %% 2 = 0 AS flag FROM range(1, %lld) t(i)",
			  (long long)c.n_rows + 1);
	bench_duckdb_exec(&d, "CHECKPOINT");
	c.new_bytes = bench_disk_bytes(c.path);
	bench_rss_reset();
	double start = bench_now();

	for (int step = 1; step <= c.n_steps; step++) {
		long long n = c.n_rows / CLASSES;

		bench_duckdb_exec(&d, "BEGIN");
		bench_duckdb_exec(&d, "DELETE FROM record WHERE id %% %d = %d", CLASSES,
				  step % CLASSES);
		bench_duckdb_exec(&d, "INSERT INTO record SELECT i, (hash(i) %% 100000) / 100.0, "
				      "(i %% 50)::INTEGER, 'name ' || hash(i) %% 500, i %% 2 = 0 FROM "
				      "range(%lld, %lld) t(i)",
				  (long long)c.next, (long long)c.next + n);
		bench_duckdb_exec(&d, "COMMIT");
		c.next += n;
		measure(&c, step);
	}
	report(&c, start);
	bench_duckdb_close(&d);
	bench_remove(c.path);
	bench_remove(bench_path("churn.duckdb.wal"));
}

static const struct bench_entry entries[] = {
	{ "stoa", "log of 1 MB", NULL, run_stoa, 0 },
	{ "sqlite", "prepared; by rows", NULL, run_sqlite, PLAIN },
	{ "sqlite-av", "auto_vacuum = full; prepared; by rows", NULL, run_sqlite, AUTO_VACUUM },
	{ "duckdb", "1 thread; a DELETE and an INSERT a step", NULL, run_duckdb, 0 },
};

static const struct bench_entry cursor_entries[] = {
	{ "stoa", "log of 1 MB; at most, over all steps", NULL, run_cursor, 0 },
};

static const struct bench_target cursor_targets[] = {
	{ "disk beyond", NULL, 0.5 },	/* pages and directories: the group at hand is counted */
};

static const struct bench_target targets[] = {
	{ "disk at end", NULL, 1.5 },
	{ "rows", "sqlite", 1 },
};

const struct bench_case bench_churn_cases[] = {
	{ "churn", "a million records, of which a hundredth is replaced again and again", entries,
	  BENCH_COUNT(entries), targets, BENCH_COUNT(targets), 0 },
	{ "churn-cursor", "the same under a cursor that stays open to the end", cursor_entries,
	  BENCH_COUNT(cursor_entries), cursor_targets, BENCH_COUNT(cursor_targets), 0 },
	{ 0 },
};
