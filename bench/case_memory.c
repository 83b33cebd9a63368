/* SPDX-License-Identifier: MIT */
/*
 * case_memory.c - bytes of memory for each of a million records
 *
 * Measured alike for everybody: anonymous resident pages with the full table minus the same before
 * the database was opened, free heap given back to the kernel in between. So the figure holds
 * everything the library allocates for the table: its own structures, slack and fragmentation.
 */
#include "bench.h"
#include "duckdb.h"
#include "ours.h"
#include "sqlite.h"

#define RECORDS 1000000

static void report(uint64_t before, double start)
{
	double seconds = bench_now() - start;
	uint64_t after = bench_rss_heap();

	bench_metric("memory", "B/record", BENCH_LESS, (double)(after - before) / RECORDS);
	bench_metric("load", "s", BENCH_LESS, seconds);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	struct stoa_stat stat = STOA_STAT_INIT;
	struct stoa_error err;

	(void)c;
	(void)e;
	uint64_t before = bench_rss_heap();
	double start = bench_now();
	stoa_db *db = bench_stoa_open(NULL);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	stoa_table table = bench_stoa_create(txn, &bench_record_schema);
	bench_stoa_append_records(txn, table, RECORDS);
	bench_stoa_commit(txn);
	report(before, start);
	txn = bench_stoa_begin(db, STOA_READ);
	bench_stoa_check(stoa_stat(txn, 0, &stat, &err), &err);
	bench_metric("of it by stoa_stat", "B/record", BENCH_LESS,
		     (double)stat.memory_bytes / RECORDS);
	bench_answer_number((double)stat.n_rows);
	bench_answer_row();
	stoa_abort(txn);
	bench_stoa_close(db);
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_record r;

	(void)c;
	(void)e;
	uint64_t before = bench_rss_heap();
	double start = bench_now();
	sqlite3 *db = bench_sqlite_open(":memory:");
	bench_sqlite_exec(db, BENCH_SQLITE_RECORD_TABLE);
	bench_sqlite_exec(db, "BEGIN");
	sqlite3_stmt *insert = bench_sqlite_prepare(db, BENCH_SQLITE_RECORD_INSERT);
	for (int64_t i = 0; i < RECORDS; i++) {
		bench_record_make(i, &r);
		bench_sqlite_bind_record(insert, &r);
		bench_sqlite_run(insert);
	}
	sqlite3_finalize(insert);
	bench_sqlite_exec(db, "COMMIT");
	report(before, start);
	bench_sqlite_query(db, "SELECT count(*) FROM record", true);
	bench_sqlite_close(db);
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_duckdb d;

	(void)c;
	(void)e;
	bench_duckdb_load();
	uint64_t before = bench_rss_heap();
	double start = bench_now();
	bench_duckdb_open(&d, NULL, 1);
	bench_duckdb_exec(&d, "CREATE TABLE record(id BIGINT, price DOUBLE, quantity INTEGER, "
			      "name VARCHAR, flag BOOLEAN)");
	bench_duckdb_append_records(&d, "record", RECORDS);
	report(before, start);
	bench_duckdb_query(&d, "SELECT count(*) FROM record", true);
	bench_duckdb_close(&d);
}

static const struct bench_entry entries[] = {
	{ "stoa", "in memory, appender, one transaction", NULL, run_stoa, 0 },
	{ "sqlite", ":memory:, id is the primary key, one transaction", NULL, run_sqlite, 0 },
	{ "duckdb", "in memory, appender, 1 thread", NULL, run_duckdb, 0 },
};

static const struct bench_target targets[] = {
	{ "memory", NULL, 16 },
};

const struct bench_case bench_memory_cases[] = {
	{ "memory", "1,000,000 records (i64, f64, i32, string of 500 distinct, bool) in memory",
	  entries, BENCH_COUNT(entries), targets, BENCH_COUNT(targets), 0 },
	{ 0 },
};
