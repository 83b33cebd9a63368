/* SPDX-License-Identifier: MIT */
/*
 * case_statement.c - statements about one row, prepared once and run with other values, in memory
 *
 * A hundred thousand rows (key, text, number) are inserted, and then read, updated, counted up, put in
 * again where they are, and deleted, by their key in another order, each in a statement of its own, all
 * in one transaction. Nothing is written: this is the way from values bound to rows changed.
 */
#include "bench.h"
#include "ours.h"
#include "sqlite.h"

#include <string.h>

#define ROWS 100000
#define STRIDE 61803	/* coprime to ROWS: each key once, in no order */

static const struct {
	const char *name, *sql;
	int n_params;
	bool in_order;
} kinds[] = {
	{ "insert", "INSERT INTO t VALUES (?1, ?2, ?3)", 3, true },
	{ "select", "SELECT name, x FROM t WHERE id = ?1", 1, false },
	{ "update", "UPDATE t SET name = ?2, x = ?3 WHERE id = ?1", 3, false },
	{ "count up", "UPDATE t SET x = x + 1 WHERE id = ?1 AND x >= 0", 1, false },
	{ "upsert", "INSERT INTO t VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET x = t.x + excluded.x",
	  3, false },
	{ "delete", "DELETE FROM t WHERE id = ?1", 1, false },
};
static const char *const words[] = { "north", "east", "south", "west" };

static uint64_t key_of(size_t kind, uint64_t i)
{
	return kinds[kind].in_order ? i : i * STRIDE % ROWS;
}

static const char *word_of(size_t kind, uint64_t i)
{
	return words[(i + kind) % BENCH_COUNT(words)];
}

/* ---- stoa ---- */

static void bind(stoa_stmt *s, uint32_t i, struct stoa_value v)
{
	struct stoa_error err;

	bench_stoa_check(stoa_bind(s, i, &v, &err), &err);
}

static uint64_t run_statements(stoa_txn *txn, size_t kind)
{
	const char *sql = kinds[kind].sql;
	const struct stoa_value *row;
	struct stoa_error err;
	uint64_t n = 0;
	stoa_cursor *cur;
	stoa_stmt *s;
	int rc;

	bench_stoa_check(stoa_prepare(txn, sql, strlen(sql), &s, &err), &err);
	for (uint64_t i = 0; i < ROWS; i++) {
		bind(s, 1, stoa_i64((int64_t)key_of(kind, i)));
		if (kinds[kind].n_params > 1) {
			bind(s, 2, stoa_text(word_of(kind, i)));
			bind(s, 3, stoa_f64((double)i / 4));
		}
		bench_stoa_check(stoa_execute(s, txn, &cur, &err), &err);
		n += stoa_changes(cur);
		while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW)
			n += row[0].len;
		bench_stoa_check(rc, &err);
		stoa_cursor_close(cur);
	}
	stoa_stmt_free(s);
	return n;
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
	for (size_t kind = 0; kind < BENCH_COUNT(kinds); kind++) {
		double start = bench_now();
		uint64_t n = run_statements(txn, kind);
		bench_metric(kinds[kind].name, "1/s", BENCH_MORE, ROWS / (bench_now() - start));
		bench_answer_number((double)n);
	}
	stoa_abort(txn);
	bench_stoa_close(db);
}

/* ---- SQLite ---- */

static uint64_t run_sqlite_statements(sqlite3 *db, size_t kind)
{
	sqlite3_stmt *s = bench_sqlite_prepare(db, kinds[kind].sql);
	uint64_t n = 0;

	for (uint64_t i = 0; i < ROWS; i++) {
		int before = sqlite3_total_changes(db);

		sqlite3_bind_int64(s, 1, (int64_t)key_of(kind, i));
		if (kinds[kind].n_params > 1) {
			sqlite3_bind_text(s, 2, word_of(kind, i), -1, SQLITE_TRANSIENT);
			sqlite3_bind_double(s, 3, (double)i / 4);
		}
		while (sqlite3_step(s) == SQLITE_ROW)
			n += (uint64_t)sqlite3_column_bytes(s, 0);
		if (sqlite3_reset(s) != SQLITE_OK)
			bench_die("sqlite: %s", sqlite3_errmsg(db));
		n += (uint64_t)(sqlite3_total_changes(db) - before);
	}
	sqlite3_finalize(s);
	return n;
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = bench_sqlite_open(":memory:");

	(void)c;
	(void)e;
	bench_sqlite_exec(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, name text, x double); BEGIN");
	for (size_t kind = 0; kind < BENCH_COUNT(kinds); kind++) {
		double start = bench_now();
		uint64_t n = run_sqlite_statements(db, kind);
		bench_metric(kinds[kind].name, "1/s", BENCH_MORE, ROWS / (bench_now() - start));
		bench_answer_number((double)n);
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
