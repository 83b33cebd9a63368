/* SPDX-License-Identifier: MIT */
/*
 * case_few.c - an index of few keys, each of many rows: a status, a foreign key; against SQLite's
 *
 * A million rows, of three keys in turn or of 50,000 by Zipf's law, in memory. The index is made
 * over them, 100,000 more rows come, all rows of a key are told and summed up, and one.
 */
#include "bench.h"
#include "ours.h"
#include "sqlite.h"

#include <math.h>
#include <stdlib.h>

#define ROWS 1000000u
#define MORE 100000u
#define ZIPF_KEYS 50000.0
#define SOME 100000u /* keys that one row is wanted of */

/* Key of row @i, which every run makes alike. */
static uint64_t key_of(const struct bench_case *c, uint64_t i)
{
	uint64_t state = bench_config.seed + i * 0x632be59bd9b4e019u;

	if (c->arg)
		return i % (uint64_t)c->arg;
	return (uint64_t)pow(ZIPF_KEYS, (double)(bench_random(&state) >> 11) / 9007199254740992.0);
}

/* The key whose rows are all wanted: a third of them, or a hundredth. */
static uint64_t key_wanted(const struct bench_case *c)
{
	return c->arg ? 1 : 10;
}

static void tell(double build, double insert, double all, size_t n, double one, double sum)
{
	bench_metric("build", "s", BENCH_LESS, build);
	bench_metric("insert", "ns", BENCH_LESS, insert * 1e9 / MORE);
	bench_metric("all of a key", "ns", BENCH_LESS, all * 1e9 / (double)n);
	bench_metric("one of a key", "ns", BENCH_LESS, one * 1e9 / SOME);
	bench_answer_number(sum);
	bench_answer_row();
}

/* ---- stoa ---- */

static stoa_table load(const struct bench_case *c, stoa_txn *txn)
{
	static uint64_t keys[ROWS];
	struct stoa_slot slot = { .name = "status", .type = STOA_U64, .flags = STOA_NOT_NULL };
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	struct stoa_error err;
	stoa_appender *app;
	stoa_table table;

	for (uint64_t i = 0; i < ROWS; i++)
		keys[i] = key_of(c, i);
	bench_stoa_check(stoa_table_create(txn, "t", &slot, 1, &table, &err), &err);
	bench_stoa_check(stoa_appender_open(txn, table, &app, &err), &err);
	bench_stoa_check(stoa_append(app, &a, 1, ROWS, &err), &err);
	bench_stoa_check(stoa_appender_close(app, &err), &err);
	return table;
}

static stoa_index make_index(stoa_txn *txn, stoa_table table)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct stoa_error err;
	uint32_t first = 0;
	stoa_index index;

	o.name = "status";
	o.kind = STOA_INDEX_SET;
	o.slots = &first;
	o.n_slots = 1;
	bench_stoa_check(stoa_index_create(txn, table, &o, &index, &err), &err);
	return index;
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	static stoa_rowid rows[ROWS + MORE];
	stoa_db *db = bench_stoa_open(NULL);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	stoa_table table = load(c, txn);
	struct stoa_value key;
	struct stoa_error err;
	double t[5], sum = 0;
	size_t n = 0;

	(void)e;
	t[0] = bench_now();
	stoa_index index = make_index(txn, table);
	t[1] = bench_now();
	for (uint64_t i = 0; i < MORE; i++) {
		key = stoa_u64(key_of(c, ROWS + i));
		bench_stoa_check(stoa_insert(txn, table, &key, 1, NULL, &err), &err);
	}
	t[2] = bench_now();
	key = stoa_u64(key_wanted(c));
	bench_stoa_check(stoa_set_rows(txn, table, index, &key, 1, rows, ROWS + MORE, &n, &err), &err);
	for (size_t i = 0; i < n; i++)
		sum += (double)rows[i];
	t[3] = bench_now();
	for (uint64_t i = 0; i < SOME; i++) {
		key = stoa_u64(key_of(c, i));
		bench_stoa_check(stoa_set_find(txn, table, index, &key, 1, rows, &err), &err);
	}
	t[4] = bench_now();
	tell(t[1] - t[0], t[2] - t[1], t[3] - t[2], n, t[4] - t[3], sum);
	stoa_abort(txn);
	bench_stoa_close(db);
}

/* ---- SQLite ---- */

static void insert(const struct bench_case *c, sqlite3_stmt *s, uint64_t from, uint64_t n)
{
	for (uint64_t i = from; i < from + n; i++) {
		sqlite3_bind_int64(s, 1, (sqlite3_int64)key_of(c, i));
		bench_sqlite_run(s);
	}
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = bench_sqlite_open(":memory:");
	sqlite3_stmt *put, *get;
	double t[5], sum = 0;
	size_t n = 0;

	(void)e;
	bench_sqlite_exec(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, status INTEGER NOT NULL); BEGIN");
	put = bench_sqlite_prepare(db, "INSERT INTO t(status) VALUES(?)");
	insert(c, put, 0, ROWS);
	t[0] = bench_now();
	bench_sqlite_exec(db, "CREATE INDEX status ON t(status)");
	t[1] = bench_now();
	insert(c, put, ROWS, MORE);
	t[2] = bench_now();
	get = bench_sqlite_prepare(db, "SELECT id FROM t WHERE status = ?");
	sqlite3_bind_int64(get, 1, (sqlite3_int64)key_wanted(c));
	for (; bench_sqlite_row(get); n++)
		sum += (double)sqlite3_column_int64(get, 0);
	t[3] = bench_now();
	for (uint64_t i = 0; i < SOME; i++) {
		sqlite3_bind_int64(get, 1, (sqlite3_int64)key_of(c, i));
		(void)bench_sqlite_row(get);
		sqlite3_reset(get);
	}
	t[4] = bench_now();
	tell(t[1] - t[0], t[2] - t[1], t[3] - t[2], n, t[4] - t[3], sum);
	sqlite3_finalize(put);
	sqlite3_finalize(get);
	bench_sqlite_exec(db, "COMMIT");
	bench_sqlite_close(db);
}

static const struct bench_entry entries[] = {
	{ "stoa", "in memory, a set index that is not unique", NULL, run_stoa, 0 },
	{ "sqlite", "in memory, an index", NULL, run_sqlite, 0 },
};

static const struct bench_target targets[] = {
	{ "build", "sqlite", 2 },
	{ "insert", "sqlite", 1 },
	{ "all of a key", "sqlite", 1 },
	{ "one of a key", "sqlite", 1 },
};

const struct bench_case bench_few_cases[] = {
	{ "set-few", "an index of three keys", entries, BENCH_COUNT(entries), targets,
	  BENCH_COUNT(targets), 3 },
	{ "set-zipf", "an index of 50,000 keys by Zipf's law", entries, BENCH_COUNT(entries), targets,
	  BENCH_COUNT(targets), 0 },
	{ 0 },
};
