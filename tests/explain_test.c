/* SPDX-License-Identifier: MIT */
/*
 * explain_test.c - plans as text: what is planned, what was read and passed over; with times left
 * out
 */
#include "testing.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

static stoa_db *db;
static stoa_txn *txn;

static void run(const char *sql)
{
	struct stoa_error err;

	if (stoa_query(txn, sql, NULL, &err) < 0)
		fail_msg("%s\n-> %s", sql, err.text);
}

/* 262,144 rows in four row groups, n ascending. */
static int begin(void **state)
{
	(void)state;
	assert_int_equal(stoa_open(NULL, NULL, &db, NULL), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, NULL), STOA_OK);
	run("CREATE TABLE t (n int, name string, price decimal(8,2), day date)");
	run("INSERT INTO t VALUES (1, 'a', 1.5, '2026-01-31')");
	for (int i = 0; i < 18; i++)
		run("INSERT INTO t SELECT n, name, price, day FROM t");
	run("UPDATE t SET n = rowid");
	run("CREATE TABLE u AS SELECT * FROM t");
	return 0;
}

static int end(void **state)
{
	(void)state;
	stoa_abort(txn);
	return stoa_close(db, NULL);
}

/* Times as T. */
static void hide_times(char *text)
{
	char *to = text;

	for (char *p = text; *p;) {
		size_t n = strspn(p, "0123456789.");
		if (n && strncmp(p + n, " ms", 3) == 0) {
			*to++ = 'T';
			p += n;
		} else {
			do {
				*to++ = *p++;
			} while (n && --n);
		}
	}
	*to = '\0';
}

static char *explain(const char *sql)
{
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	char *text;
	size_t size;
	int rc;
	FILE *f = open_memstream(&text, &size);

	if (stoa_query(txn, sql, &cur, &err) < 0)
		fail_msg("%s\n-> %s", sql, err.text);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW)
		fprintf(f, "%.*s\n", (int)row[0].len, row[0].p);
	assert_int_equal(rc, STOA_END);
	stoa_cursor_close(cur);
	fclose(f);
	hide_times(text);
	return text;
}

static void check(const char *sql, const char *expected)
{
	char *got = explain(sql);

	if (strcmp(got, expected) != 0)
		fail_msg("%s\n%s\nnot\n%s", sql, got, expected);
	free(got);
}

static void a_plan_is_a_tree_of_lines(void **state)
{
	(void)state;
	check("EXPLAIN SELECT 1", "project 1\n└─ one row\n");
	check("EXPLAIN SELECT name, count(*), sum(n * 2) AS s FROM t WHERE day >= '2025-01-01' AND "
	      "name LIKE 'x%' AND n BETWEEN 3 AND 7 AND price < 5 GROUP BY name "
	      "HAVING count(*) > 10 ORDER BY 2 DESC, name LIMIT 5 OFFSET 1",
	      "limit 5 offset 1\n"
	      "└─ sort by count DESC, name, first 6\n"
	      "   └─ project name, count(*), sum((n * 2))\n"
	      "      └─ filter count(*) >= 11\n"
	      "         └─ group by name: count(*), sum((n * 2))\n"
	      "            └─ filter day >= '2025-01-01' AND n BETWEEN 3 AND 7 AND price <= 4.99 AND "
	      "name LIKE 'x%'\n"
	      "               └─ scan t (day, name, n, price)\n");
	check("EXPLAIN SELECT DISTINCT name FROM t WHERE n NOT IN (1, 2) OR name IS NULL",
	      "distinct name\n└─ project name\n   └─ filter (NOT (n IN (1, 2)) OR name IS NULL)\n"
	      "      └─ scan t (n, name)\n");
}

static void expressions_are_near_to_sql(void **state)
{
	(void)state;
	check("EXPLAIN SELECT CASE WHEN n > 1 THEN upper(name) ELSE 'none' END, -n + abs(n), "
	      "coalesce(name, 'x'), NOT (n = 2 AND price = 1.5), name ILIKE 'A\n', "
	      "count(DISTINCT n) FILTER (WHERE n <> 4) FROM t GROUP BY n, name, price",
	      "project CASE WHEN n > 1 THEN upper(name) ELSE 'none' END, (-n + abs(n)), "
	      "coalesce(name, 'x'), NOT ((n = 2 AND price = 1.50)), name ILIKE 'A ', "
	      "count(DISTINCT n) FILTER (WHERE n <> 4)\n"
	      "└─ group by n, name, price: count(DISTINCT n) FILTER (WHERE n <> 4)\n"
	      "   └─ scan t (n, name, price)\n");
}

static void joins_have_two_branches(void **state)
{
	(void)state;
	run("CREATE TABLE few (k int, v string)");
	check("EXPLAIN SELECT v FROM t LEFT JOIN few ON k = n AND v < name WHERE price > 1",
	      "project v\n└─ left join on n = k AND v < name\n   ├─ filter price >= 1.01\n"
	      "   │  └─ scan t (n, name, price)\n   └─ scan few (k, v)\n");
	check("EXPLAIN SELECT n FROM t WHERE name IN (SELECT v FROM few) UNION ALL VALUES (1), (2)",
	      "project n\n└─ append\n   ├─ project n\n   │  └─ project n\n"
	      "   │     └─ semi join on name = v\n   │        ├─ scan t (name, n)\n"
	      "   │        └─ project v\n   │           └─ scan few (v)\n"
	      "   └─ project column1\n      └─ project column1\n         └─ 2 rows of values\n");
}

static void groups_that_nobody_asks_for_are_not_made(void **state)
{
	(void)state;
	run("CREATE TABLE asks (k int, least decimal(8,2))");
	check("EXPLAIN SELECT k FROM asks WHERE least < (SELECT max(price) FROM t WHERE n = k)",
	      "project k\n└─ inner join on n = k AND least < max(price)\n"
	      "   ├─ group by n: max(price)\n"
	      "   │  └─ semi join on n = k, with the build side of the join above\n"
	      "   │     └─ scan t (n, price)\n   └─ scan asks (least, k)\n");
}

static void changes_have_plans_too(void **state)
{
	(void)state;
	check("EXPLAIN UPDATE t SET price = n, name = DEFAULT WHERE rowid IN (5, 6)",
	      "update what follows\n└─ project rowid, n, NULL\n   └─ filter rowid IN (5, 6)\n"
	      "      └─ scan t (rowid, n), going to the rows\n");
	check("EXPLAIN DELETE FROM t", "delete what follows\n└─ project rowid\n   └─ scan t (rowid)\n");
	check("EXPLAIN INSERT INTO t (n) SELECT n FROM t LIMIT 2",
	      "insert what follows\n└─ project n\n   └─ limit 2\n      └─ scan t (n)\n");
	check("EXPLAIN INSERT INTO t (n) VALUES (1), (2)", "insert 2 rows of values\n");
	check("SELECT count(*)::text FROM t", "262144\n");
}

static void analyze_says_what_was_read_and_passed_over(void **state)
{
	(void)state;
	check("EXPLAIN ANALYZE SELECT name FROM u WHERE n BETWEEN 100000 AND 100009",
	      "project name  [10 rows, T ms]\n"
	      "└─ filter n BETWEEN 100000 AND 100009  [10 rows, T ms]\n"
	      "   └─ scan u (n, name)  [65536 rows, T ms; row groups: 1 read, 3 skipped; "
	      "0 B decoded]\n"
	      "10 rows, T ms in all\n");
	check("EXPLAIN ANALYZE SELECT n FROM u WHERE rowid = 200000",
	      "project n  [1 row, T ms]\n└─ filter rowid = 200000  [1 row, T ms]\n"
	      "   └─ scan u (rowid, n), going to the rows  [1 row, T ms; row groups: 0 read, 0 "
	      "skipped; 8 B decoded]\n"
	      "1 row, T ms in all\n");
}

static void analyze_says_what_a_join_passed_over(void **state)
{
	(void)state;
	check("EXPLAIN ANALYZE SELECT u.n FROM u JOIN (VALUES (100000), (100009)) v(x) ON u.n = v.x",
	      "project n  [2 rows, T ms]\n"
	      "└─ inner join on n = column1  [2 rows, T ms; 65534 rows dropped by their keys]\n"
	      "   ├─ scan u (n)  [65536 rows, T ms; row groups: 1 read, 3 skipped, 3 of them by a join "
	      "above; 524.3 kB decoded]\n"
	      "   └─ project column1  [2 rows, T ms]\n"
	      "      └─ 2 rows of values  [2 rows, T ms]\n"
	      "2 rows, T ms in all\n");
}

static void the_index_that_names_the_rows_is_named(void **state)
{
	(void)state;
	run("CREATE TABLE keyed (k int, v string)");
	run("INSERT INTO keyed SELECT n, 'v' || n % 1000 FROM t WHERE n <= 20000");
	run("CREATE UNIQUE INDEX key ON keyed (k)");
	run("CREATE INDEX ON keyed (v)");
	check("EXPLAIN SELECT v FROM keyed WHERE k = 5 AND v > 'a'",
	      "project v\n└─ filter k = 5 AND v > 'a'\n"
	      "   └─ scan keyed (k, v), going to the rows by index key\n");
	check("EXPLAIN DELETE FROM keyed WHERE k IN (7, 8)",
	      "delete what follows\n└─ project rowid\n   └─ filter k IN (7, 8)\n"
	      "      └─ scan keyed (k, rowid), going to the rows by index key\n");
	check("EXPLAIN ANALYZE SELECT x.k FROM keyed x JOIN t ON t.n = x.k WHERE x.v = 'v77' AND t.rowid = 77",
	      "project k  [1 row, T ms]\n└─ inner join on n = k  [1 row, T ms; 0 rows dropped by their keys]\n"
	      "   ├─ filter rowid = 77  [1 row, T ms]\n"
	      "   │  └─ scan t (n, rowid), going to the rows  [1 row, T ms; row groups: 0 read, 0 "
	      "skipped; 8 B decoded]\n"
	      "   └─ filter v = 'v77'  [20 rows, T ms]\n"
	      "      └─ scan keyed (k, v), going to the rows by index v  [20 rows, T ms; row groups: "
	      "0 read, 0 skipped; 540 B decoded]\n"
	      "1 row, T ms in all\n");
	check("EXPLAIN SELECT v FROM keyed WHERE k > 5 AND k < 7000",
	      "project v\n└─ filter k BETWEEN 6 AND 6999\n   └─ scan keyed (k, v)\n");
}

static void analyze_of_a_change_changes(void **state)
{
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_stmt *stmt;
	const char *sql = "EXPLAIN ANALYZE DELETE FROM u WHERE n > 262140 RETURNING n";
	char *text;

	(void)state;
	run("SAVEPOINT s");
	assert_int_equal(stoa_prepare(txn, sql, strlen(sql), &stmt, &err), STOA_OK);
	assert_true(stoa_stmt_writes(stmt));
	assert_int_equal(stoa_execute(stmt, txn, &cur, &err), STOA_OK);
	assert_int_equal(stoa_changes(cur), 4);
	stoa_cursor_close(cur);
	stoa_stmt_free(stmt);
	text = explain("SELECT n::text FROM u WHERE n > 262138");
	assert_string_equal(text, "262139\n262140\n");
	free(text);
	run("ROLLBACK TO s");
	run("RELEASE s");
	sql = "EXPLAIN DELETE FROM u";
	assert_int_equal(stoa_prepare(txn, sql, strlen(sql), &stmt, &err), STOA_OK);
	assert_false(stoa_stmt_writes(stmt));
	stoa_stmt_free(stmt);
}

static void errors_are_those_of_the_statement(void **state)
{
	struct stoa_error err;
	stoa_cursor *cur;

	(void)state;
	assert_int_equal(stoa_query(txn, "EXPLAIN SELECT nix FROM t", &cur, &err), STOA_ENOTFOUND);
	assert_int_equal(err.column, 16);
	assert_int_equal(stoa_query(txn, "EXPLAIN ANALYZE SELECT 1 / (n - 5) FROM u", &cur, &err),
			 STOA_EDIVZERO);
	assert_int_equal(stoa_query(txn, "EXPLAIN CREATE TABLE v (a int)", &cur, &err),
			 STOA_EUNSUPPORTED);
	assert_null(cur);
}

static void it_survives_every_allocation_that_fails(void **state)
{
	static const char *const statements[] = {
		"EXPLAIN SELECT name, sum(n) FROM u WHERE n < 9 GROUP BY name ORDER BY 2 LIMIT 1",
		"EXPLAIN ANALYZE SELECT n FROM u WHERE n < 3",
		"EXPLAIN ANALYZE UPDATE u SET n = n WHERE rowid = 7 RETURNING n + 1",
		"EXPLAIN DELETE FROM u WHERE n = 4",
		"EXPLAIN SELECT v FROM keyed WHERE k = 5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		for (long nth = 0;; nth++) {
			struct stoa_error err;
			stoa_cursor *cur = NULL;
			stoa__fault_arm(nth, false);
			int rc = stoa_query(txn, statements[i], &cur, &err);
			bool fired = stoa__fault_disarm();
			/* Saying what a cursor needs of its version may fail: it needs all then. */
			if (rc != STOA_OK)
				assert_true(fired && rc == STOA_ENOMEM);
			stoa_cursor_close(cur);
			if (!fired)
				break;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_is_a_tree_of_lines),
		cmocka_unit_test(expressions_are_near_to_sql),
		cmocka_unit_test(joins_have_two_branches),
		cmocka_unit_test(groups_that_nobody_asks_for_are_not_made),
		cmocka_unit_test(changes_have_plans_too),
		cmocka_unit_test(analyze_says_what_was_read_and_passed_over),
		cmocka_unit_test(analyze_says_what_a_join_passed_over),
		cmocka_unit_test(the_index_that_names_the_rows_is_named),
		cmocka_unit_test(analyze_of_a_change_changes),
		cmocka_unit_test(errors_are_those_of_the_statement),
		cmocka_unit_test(it_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
