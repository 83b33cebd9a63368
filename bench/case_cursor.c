/* SPDX-License-Identifier: MIT */
/*
 * case_cursor.c - rows as an application takes them: one after the other, as soon as may be
 *
 * `fetch` reads all 16 columns of a hundredth of lineitem, row by row. DuckDB is called once for
 * each value, which is its nearest to reading by row, and in an entry of its own by vectors.
 * `first-row` asks for all rows of a table that meet a condition, takes the first and stops, as
 * often as there are RUNS, of which the median counts; then it reads all, and shows how much memory
 * that takes.
 */
#include "bench.h"
#include "case_query.h"
#include "duckdb.h"
#include "ours.h"
#include "sqlite.h"

#include <stdlib.h>

#define RUNS 20
#define REPEATS 5
#define QUANTITY 4	/* columns of lineitem */
#define FIRST_DATE 10
#define LAST_DATE 12

static const char fetch_sql[] = "SELECT * FROM lineitem WHERE l_partkey BETWEEN 1000 AND 2999";

/* Calls @fetch, which returns a sum of what it read. */
static void measure_fetch(double (*fetch)(void *db), void *db)
{
	double seconds[REPEATS];

	bench_answer_number(fetch(db));
	bench_answer_row();
	for (int i = 0; i < REPEATS; i++) {
		double start = bench_now();

		fetch(db);
		seconds[i] = bench_now() - start;
	}
	bench_metric("time", "ms", BENCH_LESS, 1e3 * bench_percentile(seconds, REPEATS, 0.5));
}

static double value_sum(const struct stoa_value *v)
{
	return v->type == STOA_STRING || v->type == STOA_TEXT ? (double)v->len : (double)v->i;
}

static double fetch_stoa(void *db)
{
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	double sum = 0;
	size_t n;
	int rc;

	bench_stoa_check(stoa_query(txn, fetch_sql, &cur, &err), &err);
	stoa_columns(cur, &n);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW)
		for (size_t i = 0; i < n; i++)
			sum += value_sum(&row[i]);
	bench_stoa_check(rc, &err);
	stoa_cursor_close(cur);
	stoa_abort(txn);
	return sum;
}

static void prepare_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_stoa_lineitem(1);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	stoa_db *db = bench_stoa_open_threads(bench_stoa_lineitem(1), 1);

	(void)c;
	(void)e;
	measure_fetch(fetch_stoa, db);
	bench_stoa_close(db);
}

static double fetch_values(void *db)
{
	return bench_duckdb_fetch(db, fetch_sql, false);
}

static double fetch_chunks(void *db)
{
	return bench_duckdb_fetch(db, fetch_sql, true);
}

static void prepare_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_duckdb_lineitem();
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_duckdb d;

	(void)c;
	bench_duckdb_open(&d, bench_duckdb_lineitem(), 1);
	measure_fetch(e->arg ? fetch_chunks : fetch_values, &d);
	bench_duckdb_close(&d);
}

/* As the others sum it: decimals in hundredths, dates, which are text to SQLite, as days. */
static double sqlite_sum(sqlite3_stmt *s, int i)
{
	struct stoa_value v;

	switch (sqlite3_column_type(s, i)) {
	case SQLITE_INTEGER: return (double)sqlite3_column_int64(s, i) * (i == QUANTITY ? 100 : 1);
	case SQLITE_FLOAT: return sqlite3_column_double(s, i) * 100;
	default: break;
	}
	const char *text = (const char *)sqlite3_column_text(s, i);
	int len = sqlite3_column_bytes(s, i);
	if (i < FIRST_DATE || i > LAST_DATE)
		return len;
	if (stoa_value_parse(STOA_DATE, 0, text, (size_t)len, &v, NULL) < 0)
		bench_die("SQLite: %s is no date", text);
	return (double)v.i;
}

static double fetch_sqlite(void *db)
{
	sqlite3_stmt *s = bench_sqlite_prepare(db, fetch_sql);
	double sum = 0;

	while (bench_sqlite_row(s))
		for (int i = 0; i < sqlite3_column_count(s); i++)
			sum += sqlite_sum(s, i);
	sqlite3_finalize(s);
	return sum;
}

static void prepare_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_sqlite_lineitem();
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = bench_sqlite_open(bench_sqlite_lineitem());

	(void)c;
	(void)e;
	bench_sqlite_exec(db, "PRAGMA mmap_size = 2000000000");
	measure_fetch(fetch_sqlite, db);
	bench_sqlite_close(db);
}

/* ---- the first row ---- */

#define MILLION 1000000
#define CHUNK 65536

struct numbers {
	int64_t id[CHUNK];
	double price[CHUNK];
	int32_t quantity[CHUNK], day[CHUNK];
	uint8_t flag[CHUNK];
};

static void append_numbers(stoa_appender *app, struct numbers *b, int64_t n_rows)
{
	const struct stoa_array columns[] = {
		{ .type = STOA_I64, .values = b->id },       { .type = STOA_F64, .values = b->price },
		{ .type = STOA_I32, .values = b->quantity }, { .type = STOA_DATE, .values = b->day },
		{ .type = STOA_BOOL, .values = b->flag },
	};
	struct stoa_error err;

	for (int64_t first = 0; first < n_rows; first += CHUNK) {
		size_t n = n_rows - first < CHUNK ? (size_t)(n_rows - first) : CHUNK;

		for (size_t i = 0; i < n; i++) {
			b->id[i] = first + (int64_t)i;
			b->price[i] = (double)(b->id[i] * 7919 % 1000003);
			b->quantity[i] = (int32_t)(b->id[i] % 1000);
			b->day[i] = (int32_t)(b->id[i] % 3650);
			b->flag[i] = i % 3 == 0;
		}
		bench_stoa_check(stoa_append(app, columns, BENCH_COUNT(columns), n, &err), &err);
	}
}

static const char *numbers_path(int millions)
{
	const char *path = bench_path(millions == 100 ? "numbers-100m.stoa" : "numbers-10m.stoa");
	struct stoa_error err;
	stoa_appender *app;

	if (bench_made(path))
		return path;
	bench_remove(path);
	struct numbers *b = malloc(sizeof(*b));
	if (!b)
		bench_die("no memory for %d rows", CHUNK);
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	stoa_table table = bench_stoa_create(txn, &bench_numbers_schema);
	bench_stoa_check(stoa_appender_open(txn, table, &app, &err), &err);
	append_numbers(app, b, (int64_t)millions * MILLION);
	bench_stoa_check(stoa_appender_close(app, &err), &err);
	bench_stoa_commit(txn);
	bench_stoa_close(db);
	bench_note_made(path, true);
	free(b);
	return path;
}

static void prepare_numbers(const struct bench_case *c, const struct bench_entry *e)
{
	(void)e;
	if (c->arg == 100 && !bench_config.is_long)
		bench_skip("with --long or STOA_LONG only");
	numbers_path(c->arg);
}

static const char stream_sql[] = "SELECT id, price * 2, day FROM numbers WHERE quantity <> 7";

/* Opens the stream and reads @most rows: how many there were. */
static uint64_t stream(stoa_db *db, uint64_t most)
{
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	uint64_t n = 0;
	int rc = STOA_ROW;

	bench_stoa_check(stoa_query(txn, stream_sql, &cur, &err), &err);
	while (n < most && (rc = stoa_next(cur, &row, &err)) == STOA_ROW)
		n++;
	bench_stoa_check(rc, &err);
	stoa_cursor_close(cur);
	stoa_abort(txn);
	return n;
}

static void run_first_row(const struct bench_case *c, const struct bench_entry *e)
{
	stoa_db *db = bench_stoa_open_threads(numbers_path(c->arg), 0);
	double seconds[RUNS];
	uint64_t heap;

	(void)e;
	for (int i = 0; i < RUNS; i++) {
		double start = bench_now();

		stream(db, 1);
		seconds[i] = bench_now() - start;
	}
	bench_metric("first row", "ms", BENCH_LESS, 1e3 * bench_percentile(seconds, RUNS, 0.5));
	bench_metric("slowest", "ms", BENCH_LESS, 1e3 * seconds[RUNS - 1]);
	heap = bench_rss_heap();
	double start = bench_now();
	bench_answer_number((double)stream(db, UINT64_MAX));
	bench_answer_row();
	bench_metric("rows", "M/s", BENCH_MORE, c->arg / (bench_now() - start));
	bench_metric("heap after", "MB", BENCH_LESS, (double)(bench_rss_heap() - heap) / 1e6);
	bench_stoa_close(db);
}

static const struct bench_entry fetch_entries[] = {
	{ "stoa", "durable database, n_threads=1, stoa_next()", prepare_stoa, run_stoa, 0 },
	{ "duckdb", "file, threads=1, duckdb_value_*()", prepare_duckdb, run_duckdb, 0 },
	{ "duckdb-chunks", "file, threads=1, duckdb_fetch_chunk(), vectors read by row", prepare_duckdb,
	  run_duckdb, 1 },
	{ "sqlite", "file mapped (mmap_size), sqlite3_column_*()", prepare_sqlite, run_sqlite, 0 },
};

static const struct bench_entry first_entries[] = {
	{ "stoa", "durable database, as many threads as processors", prepare_numbers, run_first_row, 0 },
};

static const struct bench_target fetch_targets[] = { { "time", "duckdb", 5 } };
static const struct bench_target first_targets[] = { { "first row", NULL, 1 } };

const struct bench_case bench_cursor_cases[] = {
	{ "fetch", "every column of a hundredth of lineitem, row by row", fetch_entries,
	  BENCH_COUNT(fetch_entries), fetch_targets, 1, 0 },
	{ "first-row", "the first row of a query over 10 million", first_entries,
	  BENCH_COUNT(first_entries), first_targets, 1, 10 },
	{ "first-row-100m", "the first row of a query over 100 million", first_entries,
	  BENCH_COUNT(first_entries), first_targets, 1, 100 },
	{ 0 },
};
