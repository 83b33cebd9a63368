/* SPDX-License-Identifier: MIT */
/*
 * params_test.c - what is bound to a parameter is a value, and never SQL
 *
 * Texts that would be something else if anybody parsed them go in through parameters, and come out
 * as they are: as values that are stored, compared, matched, concatenated. Where SQL wants a word
 * and no value (a table, a type, a number of a column), a parameter is an error.
 */
#include "testing.h"

#include <string.h>

static const char *const nasty[] = {
	"'; DROP TABLE t; --", "' OR '1'='1", "\"; DELETE FROM t; --", "x' UNION SELECT v FROM secret --",
	"$1", "?", "$2::text", "NULL", "DEFAULT", "%", "_", "\\", "\\'", "''", "/*", "*/ 1 /*", "--",
	";", "E'\\x27'", "X'00'", "(SELECT v FROM secret)", "t.s", "\xc2\xa0OR 1=1", "1); DROP TABLE t",
	"\xef\xbc\x87 OR 1=1", "a\nb;\nc", "",
};
#define N_NASTY (sizeof nasty / sizeof *nasty)

static stoa_db *db;
static stoa_txn *txn;
static struct stoa_error err;

static int set_up(void **state)
{
	(void)state;
	must(stoa_open(NULL, NULL, &db, &err), &err);
	must(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	must(stoa_query(txn, "CREATE TABLE t (i i64, s text)", NULL, &err), &err);
	must(stoa_query(txn, "CREATE TABLE secret (v text)", NULL, &err), &err);
	must(stoa_query(txn, "INSERT INTO secret VALUES ('hush')", NULL, &err), &err);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
	return 0;
}

/* Runs @sql with @values; its first value, if it gives any, into @out. */
static int run(const char *sql, const struct stoa_value *values, uint32_t n, char *out, size_t size)
{
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_stmt *stmt;
	int rc = stoa_prepare(txn, sql, strlen(sql), &stmt, &err);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < n && rc >= 0; i++)
		rc = stoa_bind(stmt, i + 1, &values[i], &err);
	if (rc >= 0)
		rc = stoa_execute(stmt, txn, &cur, &err);
	if (rc >= 0) {
		rc = stoa_next(cur, &row, &err);
		if (rc == STOA_ROW && out)
			(void)stoa_value_print(&row[0], out, size);
		stoa_cursor_close(cur);
	}
	stoa_stmt_free(stmt);
	return rc;
}

static int64_t count(const char *sql, const struct stoa_value *values, uint32_t n)
{
	char text[64] = "-1";
	struct stoa_value v;

	assert_int_equal(run(sql, values, n, text, sizeof text), STOA_ROW);
	must(stoa_value_parse(STOA_I64, 0, text, strlen(text), &v, &err), &err);
	return v.i;
}

static void what_is_bound_comes_back_as_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NASTY; i++) {
		struct stoa_value v[2] = { stoa_i64((int64_t)i), stoa_text(nasty[i]) };
		char out[200] = "nothing";

		assert_true(run("INSERT INTO t VALUES ($1, $2)", v, 2, NULL, 0) >= 0);
		assert_int_equal(count("SELECT count(*) FROM t", NULL, 0), i + 1);
		assert_int_equal(run("SELECT s FROM t WHERE i = $1", v, 1, out, sizeof out), STOA_ROW);
		assert_string_equal(out, nasty[i]);
		assert_int_equal(run("SELECT $1 || 'x'", &v[1], 1, out, sizeof out), STOA_ROW);
		assert_memory_equal(out, nasty[i], strlen(nasty[i]));
	}
	/* Equal to itself alone. */
	for (size_t i = 0; i < N_NASTY; i++) {
		struct stoa_value v = stoa_text(nasty[i]);

		assert_int_equal(count("SELECT count(*) FROM t WHERE s = ?", &v, 1), 1);
		assert_int_equal(count("SELECT count(*) FROM t WHERE s IN (?)", &v, 1), 1);
		assert_true(run("UPDATE t SET i = i WHERE s = ?", &v, 1, NULL, 0) >= 0);
	}
	assert_int_equal(count("SELECT count(*) FROM t", NULL, 0), N_NASTY);
	assert_int_equal(count("SELECT count(*) FROM secret", NULL, 0), 1);
	for (size_t i = 0; i < N_NASTY; i++) {
		struct stoa_value v = stoa_text(nasty[i]);

		assert_true(run("DELETE FROM t WHERE s = $1", &v, 1, NULL, 0) >= 0);
		assert_int_equal(count("SELECT count(*) FROM t", NULL, 0), N_NASTY - 1 - i);
	}
}

static void a_parameter_is_no_word_of_a_statement(void **state)
{
	static const char *const statements[] = {
		"SELECT * FROM $1", "DROP TABLE $1", "INSERT INTO $1 VALUES (1)", "SELECT t.$1 FROM t",
		"CREATE TABLE u ($1 i64)", "SELECT CAST(1 AS $1)", "SELECT 1 AS $1", "UPDATE t SET $1 = 2",
		"CREATE INDEX $1 ON t (i)", "$1",
	};
	struct stoa_value v = stoa_text("secret");

	(void)state;
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		assert_int_equal(run(statements[i], &v, 1, NULL, 0), STOA_ESYNTAX);
		assert_true(err.text[0]);
	}
	assert_int_equal(count("SELECT count(*) FROM secret", NULL, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_bound_comes_back_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_parameter_is_no_word_of_a_statement, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
