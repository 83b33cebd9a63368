/* SPDX-License-Identifier: MIT */
/*
 * case_statement.c - statements of one row, prepared once and run with other values, in memory
 *
 * A hundred thousand rows (key, text, number) are inserted, updated by their key in another order,
 * and deleted, each in a statement of its own, all in one transaction. Nothing is written: this is
 * the way from values bound to rows changed.
 */
#include "bench.h"
#include "ours.h"
#include "sqlite.h"

#include <string.h>

#define ROWS 100000
#define STRIDE 61803	/* coprime to ROWS: each key once, in no order */

static const char *const sqls[] = {
	"INSERT INTO t VALUES (?1, ?2, ?3)",
	"UPDATE t SET name = ?2, x = ?3 WHERE id = ?1",
	"DELETE FROM t WHERE id = ?1",
};
static const char *const names[] = { "insert", "update", "delete" };
static const char *const words[] = { "north", "east", "south", "west" };

static uint64_t key_of(int kind, uint64_t i)
{
	return kind ? i * STRIDE % ROWS : i;
}

/* ---- stoa ---- */

static void bind(stoa_stmt *s, uint32_t i, struct stoa_value v)
{
	struct stoa_error err;

	bench_stoa_check(stoa_bind(s, i, &v, &err), &err);
}

static uint64_t run_statements(stoa_txn *txn, int kind)
{
	struct stoa_error err;
	uint64_t changes = 0;
	stoa_cursor *cur;
	stoa_stmt *s;

	bench_stoa_check(stoa_prepare(txn, sqls[kind], strlen(sqls[kind]), &s, &err), &err);
	for (uint64_t i = 0; i < ROWS; i++) {
		bind(s, 1, stoa_i64((int64_t)key_of(kind, i)));
		if (kind < 2) {
			bind(s, 2, stoa_text(words[(i + (uint64_t)kind) % 4]));
			bind(s, 3, stoa_f64((double)i / 4));
		}
		bench_stoa_check(stoa_execute(s, txn, &cur, &err), &err);
		changes += stoa_changes(cur);
		stoa_cursor_close(cur);
	}
	stoa_stmt_free(s);
	return changes;
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_txn *txn;
	stoa_db *db;

	(void)c;
	(void)e;
	bench_stoa_check(stoa_open(NULL, NULL, &db, &err), &err);
	txn = bench_stoa_begin(db, STOA_WRITE);
	bench_stoa_check(stoa_query(txn, "CREATE TABLE t (id bigint PRIMARY KEY, name text, x double)",
				    &cur, &err), &err);
	stoa_cursor_close(cur);
	for (int kind = 0; kind < 3; kind++) {
		double start = bench_now();
		uint64_t changes = run_statements(txn, kind);
		bench_metric(names[kind], "1/s", BENCH_MORE, ROWS / (bench_now() - start));
		bench_answer_number((double)changes);
	}
	stoa_abort(txn);
	bench_stoa_close(db);
}

/* ---- SQLite ---- */

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = bench_sqlite_open(":memory:");

	(void)c;
	(void)e;
	bench_sqlite_exec(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, name text, x double); BEGIN");
	for (int kind = 0; kind < 3; kind++) {
		sqlite3_stmt *s = bench_sqlite_prepare(db, sqls[kind]);
		double start = bench_now();
		uint64_t changes = 0;
		for (uint64_t i = 0; i < ROWS; i++) {
			sqlite3_bind_int64(s, 1, (int64_t)key_of(kind, i));
			if (kind < 2) {
				sqlite3_bind_text(s, 2, words[(i + (uint64_t)kind) % 4], -1,
						  SQLITE_TRANSIENT);
				sqlite3_bind_double(s, 3, (double)i / 4);
			}
			bench_sqlite_run(s);
			changes += (uint64_t)sqlite3_changes(db);
		}
		bench_metric(names[kind], "1/s", BENCH_MORE, ROWS / (bench_now() - start));
		bench_answer_number((double)changes);
		sqlite3_finalize(s);
	}
	bench_sqlite_exec(db, "COMMIT");
	bench_sqlite_close(db);
}

static const struct bench_entry entries[] = {
	{ "stoa", "prepared statements, in memory", NULL, run_stoa, 0 },
	{ "sqlite", "prepared statements, :memory:", NULL, run_sqlite, 0 },
};

const struct bench_case bench_statement_cases[] = {
	{ "statement", "statements of one row, prepared, one transaction in memory", entries,
	  BENCH_COUNT(entries), NULL, 0, 0 },
	{ 0 },
};
