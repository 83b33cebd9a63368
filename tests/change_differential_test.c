/* SPDX-License-Identifier: MIT */
/*
 * change_differential_test.c - random statements that change tables, here and in SQLite
 *
 * Two tables, the same in both; random INSERTs, UPDATEs and DELETEs with and without RETURNING,
 * some of which must fail, and savepoints opened, kept and gone back to. After each statement both
 * tables are read whole and compared, rowids included. The statements are of the common ground:
 * 64-bit integers and text, no division, and numbers that never overflow.
 */
#include "testing.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/stoa.h"
#include "show.h"

#define DEPTH_MAX 4

static uint64_t seed;

struct world {
	stoa_db *db;
	stoa_txn *txn;
	sqlite3 *lite;
	unsigned depth;
};

static unsigned below(unsigned n)
{
	return (unsigned)testing_below(&seed, n);
}

/* ---- both sides ------------------------------------------------------------------------------ */

/* Rows as text, or NULL after an error, which goes to *@why. */
static char *ours(struct world *w, const char *sql, char *why)
{
	struct stoa_error err;
	stoa_cursor *cur;
	char *text;
	int rc;

	if (stoa_query(w->txn, sql, &cur, &err) < 0) {
		snprintf(why, STOA_ERROR_TEXT_MAX, "%s", err.text);
		return NULL;
	}
	text = show_cursor(cur, false, &rc, &err);
	if (!text)
		fail_msg("%s\n-> %s", sql, err.text);
	show_sort(text);
	return text;
}

static char *theirs(struct world *w, const char *sql, char *why)
{
	sqlite3_stmt *stmt;
	char *text;
	size_t size;
	int rc;

	FILE *f = open_memstream(&text, &size);
	rc = sqlite3_prepare_v2(w->lite, sql, -1, &stmt, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(stmt);
		for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(stmt); i++) {
			const unsigned char *v = sqlite3_column_text(stmt, i);
			fprintf(f, "%s%s", i ? "|" : "", v ? (const char *)v : "~");
		}
		if (rc == SQLITE_ROW)
			fputc('\n', f);
	}
	sqlite3_finalize(stmt);
	fclose(f);
	if (rc != SQLITE_DONE) {
		snprintf(why, STOA_ERROR_TEXT_MAX, "%s", sqlite3_errmsg(w->lite));
		free(text);
		return NULL;
	}
	show_sort(text);
	return text;
}

/* Runs @sql on both sides: the same rows, or an error on both. */
static void both(struct world *w, const char *sql)
{
	char our_why[STOA_ERROR_TEXT_MAX] = "", their_why[STOA_ERROR_TEXT_MAX] = "";
	char *a = ours(w, sql, our_why), *b = theirs(w, sql, their_why);

	if (!a != !b || (a && strcmp(a, b) != 0))
		fail_msg("%s\n-> %s\n%s\nSQLite: %s\n%s", sql, our_why, a ? a : "", their_why,
			 b ? b : "");
	free(a);
	free(b);
}

static void exec_lite(struct world *w, const char *sql)
{
	if (sqlite3_exec(w->lite, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("SQLite: %s: %s", sql, sqlite3_errmsg(w->lite));
}

/* ---- statements ------------------------------------------------------------------------------ */

static const char *const tables[] = { "t", "u" };

/* An integer, of columns if @columns; small, so that sums of them do not overflow i64. */
static void put_int(FILE *f, bool columns)
{
	static const char *const names[] = { "a", "b", "rowid" };

	switch (below(columns ? 7 : 2)) {
	case 0: fprintf(f, "%d", (int)below(40) - 20); break;
	case 1: fprintf(f, "(%u + %u)", below(9), below(9)); break;
	case 2:
	case 3: fputs(names[below(3)], f); break;
	case 4: fprintf(f, "(%s %% 1000 + %u)", names[below(3)], below(50)); break;
	case 5: fprintf(f, "CASE WHEN a > b THEN %s ELSE %u END", names[below(3)], below(50)); break;
	default: fputs(below(6) ? "length(s)" : "NULL", f); break;
	}
}

static void put_text(FILE *f, bool columns)
{
	static const char *const words[] = { "''", "'x'", "'tea'", "'milk and sugar'", "NULL" };

	if (!columns || !below(3))
		fputs(words[below(5)], f);
	else if (below(2))
		fprintf(f, "substr(s || '%c', 1, 20)", 'a' + (int)below(26));
	else
		fputs(below(2) ? "s" : "upper(s)", f);
}

static void put_where(FILE *f)
{
	switch (below(9)) {
	case 0: break;
	case 1: fprintf(f, " WHERE rowid = %u", below(200)); break;
	case 2: fprintf(f, " WHERE rowid IN (%u, %u, %u)", below(200), below(200), below(200)); break;
	case 3: fprintf(f, " WHERE rowid BETWEEN %u AND %u", below(200), below(200)); break;
	case 4: fprintf(f, " WHERE a %% 3 = %u", below(3)); break;
	case 5: fprintf(f, " WHERE b IS NULL OR a < %d", (int)below(60) - 20); break;
	case 6: fprintf(f, " WHERE s LIKE '%%%c%%'", 'a' + (int)below(26)); break;
	case 7: fprintf(f, " WHERE a = %u", below(30)); break;
	default: fputs(" WHERE a > b", f); break;
	}
}

static void put_returning(FILE *f)
{
	static const char *const lists[] = { "a, b, s", "rowid", "a + 1, s", "s, b, a, rowid", "a AS z" };

	if (below(2))
		fprintf(f, " RETURNING %s", lists[below(5)]);
}

static void put_insert(FILE *f)
{
	unsigned n = 1 + below(below(5) ? 3 : 20);

	fprintf(f, "INSERT INTO %s (a, s, b) ", tables[below(2)]);
	if (!below(4)) {
		fputs("SELECT ", f);
		put_int(f, true);
		fputs(", ", f);
		put_text(f, true);
		fprintf(f, ", a FROM %s", tables[below(2)]);
		put_where(f);
		fputs(" LIMIT 30", f);
	} else {
		for (unsigned i = 0; i < n; i++) {
			fputs(i ? ", (" : "VALUES (", f);
			fputs(below(60) ? "" : "NULL + ", f);
			put_int(f, false);
			fputs(", ", f);
			put_text(f, false);
			fputs(", ", f);
			put_int(f, false);
			fputc(')', f);
		}
	}
	put_returning(f);
}

/* Into the table with a key, whose rows come back and back. */
static void put_upsert(FILE *f)
{
	static const char *const actions[] = {
		"", " ON CONFLICT DO NOTHING", " ON CONFLICT (a) DO NOTHING",
		" ON CONFLICT (a) DO UPDATE SET b = excluded.b",
		" ON CONFLICT (a) DO UPDATE SET b = k.b + excluded.b, s = k.s || excluded.s",
		" ON CONFLICT (a) DO UPDATE SET b = excluded.b WHERE excluded.b > k.b",
		" ON CONFLICT (a) DO UPDATE SET a = k.a + 3, s = 'moved'",
	};
	unsigned n = 1 + below(4);

	fputs("INSERT INTO k (a, b, s) VALUES ", f);
	for (unsigned i = 0; i < n; i++) {
		fprintf(f, "%s(%u, ", i ? ", " : "", below(12));
		put_int(f, false);
		fputs(", ", f);
		put_text(f, false);
		fputc(')', f);
	}
	fputs(actions[below(7)], f);
}

static void put_update(FILE *f)
{
	fprintf(f, "UPDATE %s SET ", tables[below(2)]);
	switch (below(3)) {
	case 0:
		fputs("a = ", f);
		put_int(f, true);
		break;
	case 1:
		fputs("s = ", f);
		put_text(f, true);
		break;
	default:
		fputs("b = a, a = ", f);
		put_int(f, true);
		fputs(", s = ", f);
		put_text(f, true);
		break;
	}
	put_where(f);
	put_returning(f);
}

/* With the help of another table; a row that several match would be a matter of taste. */
static void put_update_from(FILE *f)
{
	static const char *const sets[] = { "b = x.m, s = x.z", "(b, s) = (x.m + 1, x.z)", "a = x.m", "s = s || x.z" };
	unsigned t = below(2);

	if (!below(3))
		fprintf(f, "WITH y AS (SELECT * FROM %s WHERE a > %u) ", tables[1 - t], below(20));
	else
		fputs("WITH y AS (SELECT a, b, s FROM u) ", f);
	fprintf(f, "UPDATE %s SET %s FROM (SELECT a AS k, max(b) AS m, min(s) AS z FROM y GROUP BY a) x "
		"WHERE x.k = %s.%s", tables[t], sets[below(4)], tables[t], below(2) ? "a" : "b");
}

static void put_delete_with(FILE *f)
{
	fprintf(f, "WITH y(p, q) AS (SELECT a, b FROM %s WHERE rowid %% 7 = %u) DELETE FROM %s WHERE (a, b) %s "
		"(SELECT p FROM y LIMIT 1), %u)", tables[below(2)], below(7), tables[below(2)],
		below(2) ? "= (" : "< (", below(30));
}

static void put_delete(FILE *f)
{
	fprintf(f, "DELETE FROM %s", tables[below(2)]);
	put_where(f);
	put_returning(f);
}

static void change(struct world *w)
{
	char *sql;
	size_t size;
	FILE *f = open_memstream(&sql, &size);
	unsigned kind = below(14);

	if (kind == 12)
		put_update_from(f);
	else if (kind == 13)
		put_delete_with(f);
	else if (kind > 9)
		put_upsert(f);
	else if (kind < 5)
		put_insert(f);
	else if (kind < 8)
		put_update(f);
	else
		put_delete(f);
	fclose(f);
	both(w, sql);
	free(sql);
}

/* ---- savepoints ------------------------------------------------------------------------------ */

static void mark(struct world *w)
{
	char sql[64];

	if (w->depth == DEPTH_MAX)
		return;
	snprintf(sql, sizeof sql, "SAVEPOINT s%u", w->depth++);
	both(w, sql);
}

static void unmark(struct world *w)
{
	unsigned to = w->depth ? below(w->depth) : 0;
	char sql[64];

	if (!w->depth)
		return;
	if (below(2)) {
		snprintf(sql, sizeof sql, "ROLLBACK TO S%u", to);
		w->depth = to + 1;
	} else {
		snprintf(sql, sizeof sql, "RELEASE s%u", to);
		w->depth = to;
	}
	both(w, sql);
}

static void commit(struct world *w)
{
	struct stoa_error err;

	if (w->depth)
		both(w, "RELEASE s0");
	w->depth = 0;
	exec_lite(w, "COMMIT");
	exec_lite(w, "BEGIN");
	assert_int_equal(stoa_commit(w->txn, &err), STOA_OK);
	assert_int_equal(stoa_begin(w->db, STOA_WRITE, &w->txn, &err), STOA_OK);
}

/* ---- the test -------------------------------------------------------------------------------- */

static void open_both(struct world *w)
{
	static const struct stoa_slot slots[] = {
		{ .name = "a", .type = STOA_I64, .flags = STOA_NOT_NULL },
		{ .name = "b", .type = STOA_I64 },
		{ .name = "s", .type = STOA_STRING },
	};
	stoa_table table;

	memset(w, 0, sizeof *w);
	assert_int_equal(stoa_open(NULL, NULL, &w->db, NULL), STOA_OK);
	assert_int_equal(stoa_begin(w->db, STOA_WRITE, &w->txn, NULL), STOA_OK);
	assert_int_equal(sqlite3_open(":memory:", &w->lite), SQLITE_OK);
	exec_lite(w, "PRAGMA case_sensitive_like = ON");
	for (int i = 0; i < 2; i++) {
		char sql[200];
		assert_int_equal(stoa_table_create(w->txn, tables[i], slots, 3, &table, NULL), 0);
		snprintf(sql, sizeof sql,
			 "CREATE TABLE %s (a INTEGER NOT NULL, b INTEGER, s TEXT, "
			 "id INTEGER PRIMARY KEY AUTOINCREMENT)",
			 tables[i]);
		exec_lite(w, sql);
	}
	exec_lite(w, "CREATE TABLE k (a INTEGER NOT NULL UNIQUE, b INTEGER, s TEXT)");
	assert_int_equal(stoa_query(w->txn, "CREATE TABLE k (a bigint PRIMARY KEY, b bigint, s text)",
				    NULL, NULL), STOA_OK);
	exec_lite(w, "BEGIN");
}

static void close_both(struct world *w)
{
	stoa_abort(w->txn);
	assert_int_equal(stoa_close(w->db, NULL), STOA_OK);
	sqlite3_close(w->lite);
}

static void compare_tables(struct world *w)
{
	both(w, "SELECT rowid, a, b, s FROM t");
	both(w, "SELECT rowid, a, b, s FROM u");
	both(w, "SELECT a, b, s FROM k");
}

static void random_changes_are_those_of_sqlite(void **state)
{
	int n_worlds = testing_long() ? 2000 : 40, n_steps = 150;

	(void)state;
	seed = testing_seed();
	for (int i = 0; i < n_worlds; i++) {
		struct world w;
		open_both(&w);
		for (int k = 0; k < n_steps; k++) {
			unsigned what = below(20);
			if (what < 2)
				mark(&w);
			else if (what == 2)
				unmark(&w);
			else if (what == 3)
				commit(&w);
			else
				change(&w);
			compare_tables(&w);
		}
		close_both(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_changes_are_those_of_sqlite) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
