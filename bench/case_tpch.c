/* SPDX-License-Identifier: MIT */
/*
 * case_tpch.c - all 22 queries of TPC-H, one after the other
 *
 * Both read a durable database that is in the page cache. Each query runs once untimed, which
 * also gives the answer that must agree, then up to three times within two seconds; its median
 * counts. The figure asked for is the total: at most twice DuckDB's with as many threads. Since a
 * sum is of its few longest queries, the geometric mean stands beside it.
 */
#include <math.h>

#include "ask.h"
#include "bench.h"
#include "duckdb.h"
#include "ours.h"
#include "tpch.h"

#define REPEATS_MAX 3

/* Every table as CSV: calls @load with its name and file. */
static void each_table(void (*load)(void *db, const char *name, const char *csv), void *db)
{
	for (int i = 0; i < TPCH_N_TABLES; i++)
		load(db, tpch_names[i], bench_tpch_csv(i));
	load(db, "orders", bench_orders_csv());
	load(db, "lineitem", bench_lineitem_csv());
}

static void measure(bench_ask *ask, void *db)
{
	double total = 0, product = 1, longest = 0;

	for (int i = 0; i < TPCH_N_QUERIES; i++) {
		bench_answer_fold_begin();
		double s = bench_ask_seconds(ask, db, tpch_sql[i], REPEATS_MAX);
		bench_answer_fold_end();

		total += s;
		product *= s * 1e3;
		longest = fmax(longest, s);
	}
	bench_metric("total", "ms", BENCH_LESS, 1e3 * total);
	bench_metric("geometric mean", "ms", BENCH_LESS, pow(product, 1.0 / TPCH_N_QUERIES));
	bench_metric("longest", "ms", BENCH_LESS, 1e3 * longest);
}

/* ---- stoa ---- */

static void load_stoa(void *db, const char *name, const char *csv)
{
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);

	bench_stoa_import(txn, name, csv, 2);
	bench_stoa_commit(txn);
}

static const char *stoa_path(void)
{
	const char *path = bench_path_sf("tpch", "stoa");

	if (bench_made(path))
		return path;
	bench_remove(path);
	stoa_db *db = bench_stoa_open(path);
	each_table(load_stoa, db);
	bench_stoa_close(db);
	bench_note_made(path, true);
	return path;
}

static void prepare_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	stoa_path();
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	stoa_db *db = bench_stoa_open_threads(stoa_path(), (uint32_t)c->arg);

	(void)e;
	measure(bench_ask_stoa, db);
	bench_stoa_close(db);
}

/* ---- DuckDB ---- */

static void load_duckdb(void *db, const char *name, const char *csv)
{
	bench_duckdb_exec(db, "CREATE TABLE %s AS SELECT * FROM read_csv('%s', header = true)", name,
			  csv);
}

static void fill_duckdb(struct bench_duckdb *d)
{
	each_table(load_duckdb, d);
}

static const char *duckdb_path(void)
{
	return bench_duckdb_file("tpch", fill_duckdb);
}

static void prepare_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	duckdb_path();
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_duckdb d;

	(void)e;
	bench_duckdb_open(&d, duckdb_path(), c->arg);
	measure(bench_ask_duckdb, &d);
	bench_duckdb_close(&d);
}

static const struct bench_entry entries[] = {
	{ "stoa", "durable database, as many threads", prepare_stoa, run_stoa, 0 },
	{ "duckdb", "file, as many threads", prepare_duckdb, run_duckdb, 0 },
};

static const struct bench_target targets[] = {
	{ "total", "duckdb", 0.5 },
};

const struct bench_case bench_tpch_cases[] = {
	{ "tpch-1", "the 22 queries of TPC-H, 1 thread", entries, BENCH_COUNT(entries), targets,
	  BENCH_COUNT(targets), 1 },
	{ "tpch-2", "the 22 queries of TPC-H, 2 threads", entries, BENCH_COUNT(entries), targets,
	  BENCH_COUNT(targets), 2 },
	{ 0 },
};
