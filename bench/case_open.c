/* SPDX-License-Identifier: MIT */
/*
 * case_open.c - from a path to the first row
 *
 * Opens the database, reads its first row whole, and notes the time; closes it again, which is not
 * timed; twenty times, of which the median counts. Files are in the page cache. The same is done
 * with ten times the rows, where the time should be the same.
 */
#include "bench.h"
#include "case_query.h"
#include "duckdb.h"
#include "ours.h"
#include "sqlite.h"

#define OPENS 20

static void report(double *seconds)
{
	bench_metric("open", "ms", BENCH_LESS, 1e3 * bench_percentile(seconds, OPENS, 0.5));
	bench_metric("slowest", "ms", BENCH_LESS, 1e3 * seconds[OPENS - 1]);
}

static void prepare_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	(void)e;
	bench_stoa_lineitem(c->arg);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_stoa_lineitem(c->arg);
	double seconds[OPENS];
	struct stoa_value v[16];
	struct stoa_error err;

	(void)e;
	for (int i = 0; i < OPENS; i++) {
		double start = bench_now();
		stoa_db *db = bench_stoa_open(path);
		stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
		stoa_table table = bench_stoa_table(txn, "lineitem");

		bench_stoa_check(stoa_get(txn, table, 1, v, 16, &err), &err);
		seconds[i] = bench_now() - start;
		if (i == 0) {
			bench_answer_number((double)v[1].i);
			bench_answer_row();
		}
		stoa_abort(txn);
		bench_stoa_close(db);
	}
	report(seconds);
}

static void prepare_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_duckdb_lineitem();
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_duckdb_lineitem();
	double seconds[OPENS];
	struct bench_duckdb d;

	(void)c;
	(void)e;
	for (int i = 0; i < OPENS; i++) {
		double start = bench_now();

		bench_duckdb_open(&d, path, 1);
		bench_duckdb_query(&d, "SELECT * FROM lineitem WHERE rowid = 0", false);
		seconds[i] = bench_now() - start;
		if (i == 0)
			bench_duckdb_query(&d, "SELECT l_partkey FROM lineitem WHERE rowid = 0",
					   true);
		bench_duckdb_close(&d);
	}
	report(seconds);
}

static void prepare_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_sqlite_lineitem();
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_sqlite_lineitem();
	double seconds[OPENS];

	(void)c;
	(void)e;
	for (int i = 0; i < OPENS; i++) {
		double start = bench_now();
		sqlite3 *db = bench_sqlite_open(path);

		bench_sqlite_query(db, "SELECT * FROM lineitem WHERE rowid = 1", false);
		seconds[i] = bench_now() - start;
		if (i == 0)
			bench_sqlite_query(db, "SELECT l_partkey FROM lineitem WHERE rowid = 1",
					   true);
		bench_sqlite_close(db);
	}
	report(seconds);
}

static const struct bench_entry once[] = {
	{ "stoa", "defaults: open for writing", prepare_stoa, run_stoa, 0 },
	{ "duckdb", "threads=1", prepare_duckdb, run_duckdb, 0 },
	{ "sqlite", "defaults", prepare_sqlite, run_sqlite, 0 },
};

static const struct bench_entry tenfold[] = {
	{ "stoa", "defaults: open for writing", prepare_stoa, run_stoa, 0 },
};

static const struct bench_target targets[] = {
	{ "open", NULL, 20 },
};

const struct bench_case bench_open_cases[] = {
	{ "open", "open a database of lineitem and read a row", once, BENCH_COUNT(once), targets,
	  BENCH_COUNT(targets), 1 },
	{ "open-x10", "open a database of ten times lineitem and read a row", tenfold,
	  BENCH_COUNT(tenfold), targets, BENCH_COUNT(targets), 10 },
	{ 0 },
};
