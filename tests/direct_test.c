/* SPDX-License-Identifier: MIT */
/*
 * direct_test.c - statements of one row, without a plan, do what they do with one
 *
 * EXPLAIN ANALYZE runs a statement by its plan, whatever it is: so each statement of chance runs
 * both ways, in savepoints, and must fail alike or leave the same rows.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/stoa.h"
#include "show.h"

static struct show_db at;
static uint64_t rng;

static const char *const statements[] = {
	"INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	"INSERT INTO t (a, id, s) VALUES (?1, ?2, ?3)",
	"INSERT INTO t (id, s, f) VALUES (7, 'it', ?1)",
	"INSERT INTO t (id, f) VALUES (DEFAULT, 3)",
	"INSERT INTO t (d) VALUES (12), (13)",
	"UPDATE t SET a = ?1, s = ?2 WHERE id = ?3",
	"UPDATE t SET id = ?1 WHERE ?2 = id",
	"UPDATE t x SET f = ?1, d = ?2 WHERE x.s = ?3",
	"UPDATE t SET day = ?1, b = ?2, w = ?3 WHERE rowid = ?4",
	"UPDATE t SET a = 70000, b = NULL, s = 'q' WHERE id = 3",
	"UPDATE t SET s = DEFAULT WHERE id = ?1",
	"UPDATE t SET a = a + 1 WHERE id = ?1",
	"UPDATE t SET b = ?1 WHERE f = ?2",
	"DELETE FROM t WHERE id = ?1",
	"DELETE FROM t WHERE t.s = ?1",
	"DELETE FROM t WHERE rowid = ?1",
	"DELETE FROM t WHERE id = 4",
	"DELETE FROM t WHERE a = ?1",
};

static struct stoa_value random_value(void)
{
	static const char *const texts[] = { "1", "x", "", "2026-01-31", "true", "7.5", "red" };
	uint64_t x = testing_random(&rng);
	struct stoa_value v = stoa_i64((int64_t)(x >> 8 & 15));

	switch (x % 12) {
	case 0: return stoa_null();
	case 1: return stoa_text(texts[(x >> 8) % 7]);
	case 2: v.type = STOA_STRING; v.p = texts[(x >> 8) % 7]; v.len = (uint32_t)strlen(v.p); return v;
	case 3: return stoa_f64((double)(x >> 8 & 31) / 4);
	case 4: return stoa_decimal((int64_t)(x >> 8 & 0xfff), x >> 20 & 3);
	case 5: return stoa_u64(x >> 8 & 1 ? UINT64_MAX - (x >> 9 & 3) : x >> 8 & 15);
	case 6: return stoa_bool(x >> 8 & 1);
	case 7: v.type = STOA_DATE; v.i += 20000; return v;
	case 8: return stoa_i64((int64_t)(x >> 1) * (x & 1 ? -1 : 1));
	default: return v;
	}
}

/* Runs one of them with @values: its code, and in *@rows what the table has then. */
static int run(const char *sql, const struct stoa_value *values, char **rows)
{
	struct stoa_error err = { 0 };
	stoa_stmt *stmt;
	stoa_cursor *cur;
	uint32_t mark;

	assert_int_equal(stoa_savepoint(at.txn, &mark, &err), STOA_OK);
	int rc = stoa_prepare(at.txn, sql, strlen(sql), &stmt, &err);
	if (rc < 0)
		fail_msg("%s\n-> %s", sql, err.text);
	for (uint32_t i = 0; i < stoa_parameters(stmt); i++)
		assert_int_equal(stoa_bind(stmt, i + 1, &values[i], &err), STOA_OK);
	rc = stoa_execute(stmt, at.txn, &cur, &err);
	if (rc == STOA_OK)
		stoa_cursor_close(cur);
	stoa_stmt_free(stmt);
	*rows = show_query(at.txn, "SELECT rowid, * FROM t ORDER BY rowid", &err);
	assert_non_null(*rows);
	assert_int_equal(stoa_rollback_to(at.txn, mark, &err), STOA_OK);
	assert_int_equal(stoa_release(at.txn, mark, &err), STOA_OK);
	return rc;
}

static void compare(const char *sql, const struct stoa_value *values)
{
	char planned[300], *a, *b;
	int x, y;

	snprintf(planned, sizeof planned, "EXPLAIN ANALYZE %s", sql);
	x = run(sql, values, &a);
	y = run(planned, values, &b);
	if (x != y || strcmp(a, b) != 0)
		fail_msg("%s\n-> %s, %s\nbut with a plan %s, %s", sql, stoa_result_name(x), a,
			 stoa_result_name(y), b);
	free(a);
	free(b);
}

static void apply(const char *sql, const struct stoa_value *values)
{
	struct stoa_error err;
	stoa_stmt *stmt;
	stoa_cursor *cur;

	assert_int_equal(stoa_prepare(at.txn, sql, strlen(sql), &stmt, &err), STOA_OK);
	for (uint32_t i = 0; i < stoa_parameters(stmt); i++)
		assert_int_equal(stoa_bind(stmt, i + 1, &values[i], &err), STOA_OK);
	if (stoa_execute(stmt, at.txn, &cur, &err) == STOA_OK)
		stoa_cursor_close(cur);
	stoa_stmt_free(stmt);
}

static void a_statement_without_a_plan_does_what_it_does_with_one(void **state)
{
	int rounds = testing_long() ? 100000 : 2500;

	(void)state;
	for (int round = 0; round < rounds; round++) {
		const char *sql = statements[testing_below(&rng, sizeof statements / sizeof *statements)];
		struct stoa_value values[8];
		for (int i = 0; i < 8; i++)
			values[i] = random_value();
		if (round % 3 == 0)
			values[0] = stoa_i64((int64_t)testing_below(&rng, 16));
		compare(sql, values);
		apply(sql, values);
	}
}

static void how_many_rows_have_changed_is_counted(void **state)
{
	struct stoa_error err;
	stoa_cursor *cur;

	(void)state;
	show_expect(at.txn, "DELETE FROM t", "");
	assert_int_equal(stoa_query(at.txn, "INSERT INTO t (id, s) VALUES (1, 'a')", &cur, &err), STOA_OK);
	assert_int_equal(stoa_changes(cur), 1);
	stoa_cursor_close(cur);
	assert_int_equal(stoa_query(at.txn, "UPDATE t SET a = 2 WHERE id = 2", &cur, &err), STOA_OK);
	assert_int_equal(stoa_changes(cur), 0);
	stoa_cursor_close(cur);
	assert_int_equal(stoa_query(at.txn, "DELETE FROM t WHERE s = 'a'", &cur, &err), STOA_OK);
	assert_int_equal(stoa_changes(cur), 1);
	stoa_cursor_close(cur);
}

static int set_up(void **state)
{
	(void)state;
	show_open(&at, NULL, 0);
	show_expect(at.txn, "CREATE TABLE t (id int PRIMARY KEY, a smallint, s string UNIQUE DEFAULT 'none', f double, "
			 "d decimal(6, 2), b bool, day date, w u64)", "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	show_close(&at);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_without_a_plan_does_what_it_does_with_one),
		cmocka_unit_test(how_many_rows_have_changed_is_counted),
	};

	rng = testing_seed();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
