/* SPDX-License-Identifier: MIT */
/*
 * case_txn.c - one row, one transaction, in memory
 *
 * 200,000 inserts, then as many updates of the quantity of random rows, then every row is deleted
 * in random order; each in a transaction of its own that is committed before the next begins.
 */
#include "bench.h"
#include "ours.h"
#include "sqlite.h"

#include <stdlib.h>

#define ROWS 200000

/* All row numbers from 1, shuffled (Fisher and Yates). */
static uint32_t *shuffled(void)
{
	uint32_t *order = malloc(ROWS * sizeof(*order));
	uint64_t state = bench_config.seed;

	if (!order)
		bench_die("no memory for an order");
	for (uint32_t i = 0; i < ROWS; i++) {
		uint32_t j = (uint32_t)(bench_random(&state) % (i + 1));

		order[i] = order[j];
		order[j] = i + 1;
	}
	return order;
}

static double report(const char *what, double start)
{
	double now = bench_now();

	bench_metric(what, "1/s", BENCH_MORE, ROWS / (now - start));
	return bench_now();
}

static void insert_stoa(stoa_db *db, stoa_table table)
{
	struct stoa_error err;
	struct stoa_value v[5];
	struct bench_record r;

	for (int64_t i = 0; i < ROWS; i++) {
		bench_record_make(i, &r);
		bench_stoa_record_values(&r, v);
		stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
		bench_stoa_check(stoa_insert(txn, table, v, 5, NULL, &err), &err);
		bench_stoa_commit(txn);
	}
}

static void update_stoa(stoa_db *db, stoa_table table)
{
	const uint32_t quantity = 2;
	uint64_t state = bench_config.seed;
	struct stoa_error err;

	for (int i = 0; i < ROWS; i++) {
		struct stoa_value v = stoa_i64(i);
		stoa_rowid row = bench_random(&state) % ROWS + 1;
		stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);

		bench_stoa_check(stoa_update(txn, table, row, &quantity, &v, 1, &err), &err);
		bench_stoa_commit(txn);
	}
}

static void delete_stoa(stoa_db *db, stoa_table table, const uint32_t *order)
{
	struct stoa_error err;

	for (int i = 0; i < ROWS; i++) {
		stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);

		bench_stoa_check(stoa_delete(txn, table, order[i], &err), &err);
		bench_stoa_commit(txn);
	}
}

/* The sum of all quantities; 0 in a table without rows. */
static void answer_stoa(stoa_db *db)
{
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	struct stoa_table_info info;
	struct stoa_value v[5];
	struct stoa_error err;
	double sum = 0;

	stoa_table table = bench_stoa_table(txn, "record");
	bench_stoa_check(stoa_table_info(txn, table, &info, &err), &err);
	for (stoa_rowid row = 1; info.n_rows && row < info.next_rowid; row++) {
		bench_stoa_check(stoa_get(txn, table, row, v, 5, &err), &err);
		sum += (double)v[2].i;
	}
	bench_answer_number(sum);
	bench_answer_row();
	stoa_abort(txn);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	uint32_t *order = shuffled();
	stoa_db *db = bench_stoa_open(NULL);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	stoa_table table = bench_stoa_create(txn, &bench_record_schema);

	(void)c;
	(void)e;
	bench_stoa_commit(txn);
	double start = bench_now();
	insert_stoa(db, table);
	start = report("inserts", start);
	update_stoa(db, table);
	report("updates", start);
	answer_stoa(db);
	start = bench_now();
	delete_stoa(db, table, order);
	report("deletes", start);
	answer_stoa(db);
	bench_stoa_close(db);
	free(order);
}

static void insert_sqlite(sqlite3 *db)
{
	sqlite3_stmt *s = bench_sqlite_prepare(db, BENCH_SQLITE_RECORD_INSERT);
	struct bench_record r;

	for (int64_t i = 0; i < ROWS; i++) {
		bench_record_make(i, &r);
		r.id = i + 1;
		bench_sqlite_bind_record(s, &r);
		bench_sqlite_run(s);
	}
	sqlite3_finalize(s);
}

static void update_sqlite(sqlite3 *db)
{
	sqlite3_stmt *s = bench_sqlite_prepare(db, "UPDATE record SET quantity = ? WHERE id = ?");
	uint64_t state = bench_config.seed;

	for (int i = 0; i < ROWS; i++) {
		sqlite3_bind_int(s, 1, i);
		sqlite3_bind_int64(s, 2, (int64_t)(bench_random(&state) % ROWS + 1));
		bench_sqlite_run(s);
	}
	sqlite3_finalize(s);
}

static void delete_sqlite(sqlite3 *db, const uint32_t *order)
{
	sqlite3_stmt *s = bench_sqlite_prepare(db, "DELETE FROM record WHERE id = ?");

	for (int i = 0; i < ROWS; i++) {
		sqlite3_bind_int64(s, 1, order[i]);
		bench_sqlite_run(s);
	}
	sqlite3_finalize(s);
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	uint32_t *order = shuffled();
	sqlite3 *db = bench_sqlite_open(":memory:");

	(void)c;
	(void)e;
	bench_sqlite_exec(db, BENCH_SQLITE_RECORD_TABLE);
	double start = bench_now();
	insert_sqlite(db);
	start = report("inserts", start);
	update_sqlite(db);
	report("updates", start);
	bench_sqlite_query(db, "SELECT total(quantity) FROM record", true);
	start = bench_now();
	delete_sqlite(db, order);
	report("deletes", start);
	bench_sqlite_query(db, "SELECT total(quantity) FROM record", true);
	bench_sqlite_close(db);
	free(order);
}

static const struct bench_entry entries[] = {
	{ "stoa", "in memory", NULL, run_stoa, 0 },
	{ "sqlite", ":memory:, prepared, each statement its own transaction", NULL, run_sqlite, 0 },
};

static const struct bench_target targets[] = {
	{ "inserts", "sqlite", 3 },
	{ "updates", "sqlite", 3 },
	{ "deletes", "sqlite", 3 },
};

const struct bench_case bench_txn_cases[] = {
	{ "txn", "single-row transactions in memory", entries, BENCH_COUNT(entries), targets,
	  BENCH_COUNT(targets), 0 },
	{ 0 },
};
