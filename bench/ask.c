/* SPDX-License-Identifier: MIT */
/*
 * ask.c - the cases of queries time every peer by the same loop; see ask.h
 */
#include "ask.h"
#include "bench.h"
#include "duckdb.h"
#include "ours.h"
#include "sqlite.h"

#define RUNS_MAX 16
#define SECONDS_MAX 2.0

void bench_ask_stoa(void *db, const char *sql, bool answer)
{
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);

	bench_stoa_query(txn, sql, answer);
	stoa_abort(txn);
}

void bench_ask_duckdb(void *db, const char *sql, bool answer)
{
	bench_duckdb_query(db, sql, answer);
}

void bench_ask_sqlite(void *db, const char *sql, bool answer)
{
	bench_sqlite_query(db, sql, answer);
}

double bench_ask_seconds(bench_ask *ask, void *db, const char *sql, size_t n_max)
{
	double seconds[RUNS_MAX];
	size_t n = 0;

	ask(db, sql, true);
	n_max = n_max < RUNS_MAX ? n_max : RUNS_MAX;
	double first = bench_now();
	while (n == 0 || (n < n_max && bench_now() - first < SECONDS_MAX)) {
		double start = bench_now();

		ask(db, sql, false);
		seconds[n++] = bench_now() - start;
	}
	return bench_percentile(seconds, n, 0.5);
}
