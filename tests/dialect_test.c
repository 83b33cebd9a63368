/* SPDX-License-Identifier: MIT */
/*
 * dialect_test.c - ways of saying things that people bring along from PostgreSQL
 *
 * Each statement runs in a savepoint that is rolled back, so that all of them meet the same tables.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

static struct show_db at;

static const char *const tables[] = {
	"CREATE TABLE t (id int PRIMARY KEY, name text, n int)",
	"CREATE TABLE u (id int, tid int, v text)",
	"INSERT INTO t VALUES (1, 'ab', 5), (2, 'cd', NULL), (3, 'AB', 7), (4, 'ef', 5)",
	"INSERT INTO u VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'z'), (4, 9, 'w')",
};

struct example {
	const char *sql;
	const char *rows;	/* NULL: fails ... */
	int code;
	unsigned column;	/* ... there */
	const char *after;	/* what a query then gives; NULL: nobody asks */
	const char *left;
};

static void check(const struct example *e)
{
	struct stoa_error err = { 0 };
	uint32_t mark;

	assert_int_equal(stoa_savepoint(at.txn, &mark, &err), STOA_OK);
	char *got = show_query(at.txn, e->sql, &err);
	if (e->rows && (!got || strcmp(got, e->rows) != 0))
		fail_msg("%s\n-> %s\nnot %s", e->sql, got ? got : err.text, e->rows);
	if (!e->rows && (got || err.code != e->code || (e->column && err.column != e->column)))
		fail_msg("%s\n-> %s (%s, column %u)", e->sql, got ? got : err.text,
			 stoa_result_name(err.code), (unsigned)err.column);
	free(got);
	if (e->after)
		show_expect(at.txn, e->after, e->left);
	assert_int_equal(stoa_rollback_to(at.txn, mark, &err), STOA_OK);
	assert_int_equal(stoa_release(at.txn, mark, &err), STOA_OK);
}

#define CHECK_ALL(examples)                                                             \
	do {                                                                            \
		(void)state;                                                            \
		for (size_t i_ = 0; i_ < sizeof(examples) / sizeof *(examples); i_++)   \
			check(&(examples)[i_]);                                         \
	} while (0)

#define OK(sql, rows) { sql, rows, 0, 0, NULL, NULL }
#define WRONG(sql, code, column) { sql, NULL, code, column, NULL, NULL }

static void tables_of_from_are_joined_in_parentheses_and_renamed(void **state)
{
	static const struct example e[] = {
		OK("SELECT t.id, u.v, w.v FROM (t JOIN u ON t.id = u.tid) LEFT JOIN u w ON w.id = t.id ORDER BY 1, 2",
		   "1|x|x\n1|y|x\n2|z|y\n"),
		OK("SELECT t.id, u.v FROM t LEFT JOIN (u JOIN u w ON u.id = w.tid) ON t.id = u.tid ORDER BY 1, 2",
		   "1|x\n1|x\n1|y\n2|~\n3|~\n4|~\n"),
		OK("SELECT count(*) FROM ((t CROSS JOIN u) CROSS JOIN (SELECT 1) o)", "16\n"),
		OK("SELECT a, c.b FROM t AS c(a, b) WHERE a = 1", "1|ab\n"),
		OK("SELECT i FROM generate_series(2, 4) AS g(i)", "2\n3\n4\n"),
		OK("SELECT n, n.n * n FROM generate_series(2, 3) AS n", "2|4\n3|9\n"),
		OK("SELECT generate_series FROM generate_series(2, 3)", "2\n3\n"),
		OK("SELECT gcd(12, -8), gcd(0, 0), lcm(-4, 6), lcm(0, 5), bit_length('a\u00e9')",
		   "4|0|12|0|24\n"),
		WRONG("SELECT lcm(9223372036854775807, 9223372036854775806)", STOA_ERANGE, 8),
		WRONG("SELECT gcd(-9223372036854775807 - 1, 0)", STOA_ERANGE, 8),
		WRONG("SELECT 'a'::varchar(3)", STOA_EINVAL, 13),
		OK("SELECT * FROM t NATURAL JOIN u ORDER BY id LIMIT 2", "1|ab|5|1|x\n2|cd|~|1|y\n"),
		OK("SELECT id, v FROM t NATURAL LEFT JOIN (SELECT tid AS id, v FROM u) x ORDER BY 1, 2",
		   "1|x\n1|y\n2|z\n3|~\n4|~\n"),
		OK("SELECT count(*) FROM (SELECT id AS a FROM t) x NATURAL JOIN (SELECT id AS b FROM u) y", "16\n"),
		OK("SELECT t.id FROM t, u JOIN u w ON u.id = w.id WHERE t.id = u.tid ORDER BY 1", "1\n1\n2\n"),
		WRONG("SELECT * FROM t x(a, b, c, d)", STOA_EINVAL, 15),
		WRONG("SELECT name FROM t x(a, b)", STOA_ENOTFOUND, 8),
		WRONG("SELECT * FROM (t)", STOA_ESYNTAX, 17),
	};
	CHECK_ALL(e);
}

static void rows_are_compared_value_by_value(void **state)
{
	static const struct example e[] = {
		OK("SELECT id FROM t WHERE (id, name) = (1, 'ab')", "1\n"),
		OK("SELECT id FROM t WHERE (id, name) <> (1, 'ab') ORDER BY 1", "2\n3\n4\n"),
		OK("SELECT id FROM t WHERE (n, id) < (5, 4)", "1\n"),
		OK("SELECT id FROM t WHERE (n, id) >= (5, 4) ORDER BY 1", "3\n4\n"),
		OK("SELECT id FROM t WHERE (id, n) IN ((1, 5), (2, 5), (3, 7)) ORDER BY 1", "1\n3\n"),
		OK("SELECT id FROM t WHERE (id, n) NOT IN ((1, 5), (2, 5), (3, 7)) ORDER BY 1", "4\n"),
		/* What no decimal of two digits holds is equal to none of them. */
		OK("SELECT id - 3 IN (1, 9000000000000000000, 38.64), id NOT IN (9000000000000000000, 2.00), "
		   "id IN (9000000000000000000, 3.00, NULL) FROM t ORDER BY id",
		   "false|true|~\nfalse|false|~\nfalse|true|true\ntrue|true|~\n"),
		OK("SELECT (1, NULL) = (2, 3), (1, NULL) = (1, 3), (1, 2, 3) < (1, 2, 4)", "false|~|true\n"),
		WRONG("SELECT (1, 2) = (1, 2, 3)", STOA_EINVAL, 15),
		WRONG("SELECT (1, 2) = 3", STOA_EUNSUPPORTED, 8),
		OK("SELECT id FROM t WHERE id = ANY (SELECT tid FROM u) ORDER BY 1", "1\n2\n"),
		OK("SELECT id FROM t WHERE id = SOME (SELECT tid FROM u) ORDER BY 1", "1\n2\n"),
		OK("SELECT id FROM t WHERE id <> ALL (SELECT tid FROM u) ORDER BY 1", "3\n4\n"),
		OK("SELECT any FROM (SELECT 1 AS any) some", "1\n"),
		OK("SELECT id FROM t WHERE id > ALL (SELECT tid FROM u WHERE tid < 9) ORDER BY 1", "3\n4\n"),
		OK("SELECT id FROM t WHERE n <= SOME (SELECT id FROM u) ORDER BY 1", ""),
		OK("SELECT id, n < ANY (SELECT n FROM t), n >= ALL (SELECT n FROM t) FROM t ORDER BY 1",
		   "1|true|false\n2|~|~\n3|~|~\n4|true|false\n"),
		OK("SELECT 1 = ALL (SELECT n FROM t WHERE n > 100), 1 <> ANY (SELECT 1)", "true|false\n"),
		OK("SELECT id FROM t WHERE id > ALL (SELECT u.id FROM u WHERE u.tid = t.id) ORDER BY 1", "3\n4\n"),
		OK("SELECT id FROM t WHERE (id, name) IN (SELECT 1, 'ab' UNION ALL SELECT 2, 'x')", "1\n"),
		OK("SELECT id, (n, id) NOT IN (SELECT 5, 1) FROM t ORDER BY 1", "1|false\n2|true\n3|true\n4|true\n"),
		OK("SELECT id, (n, id) = ANY (SELECT 5, 2) FROM t ORDER BY 1", "1|false\n2|~\n3|false\n4|false\n"),
		OK("SELECT ROW(1, 'a') = ROW(1, 'a'), row FROM (SELECT 2 AS row) x", "true|2\n"),
		WRONG("SELECT (1, 2) < ANY (SELECT 1, 2)", STOA_EUNSUPPORTED, 15),
		WRONG("SELECT (1, 2) IN (SELECT 1)", STOA_EINVAL, 15),
	};
	CHECK_ALL(e);
}

static void the_first_row_of_each_is_had_by_distinct_on(void **state)
{
	static const struct example e[] = {
		OK("SELECT DISTINCT ON (n) n, name FROM t ORDER BY n, id DESC", "5|ef\n7|AB\n~|cd\n"),
		OK("SELECT DISTINCT ON (n) name FROM t ORDER BY n DESC, id LIMIT 2", "cd\nAB\n"),
		OK("SELECT DISTINCT ON (n) n, id FROM t", "5|1\n7|3\n~|2\n"),
		OK("SELECT DISTINCT ON (1) id % 2, id FROM t ORDER BY 1, 2 DESC", "0|4\n1|3\n"),
		OK("SELECT DISTINCT ON (x) x, count(*) FROM (SELECT id % 3 AS x, n FROM t) y GROUP BY x, n ORDER BY x, 2 DESC",
		   "0|1\n1|2\n2|1\n"),
		OK("SELECT count(*) FROM (SELECT DISTINCT ON (i % 1000) i FROM generate_series(1, 10000) g(i)) x",
		   "1000\n"),
		OK("SELECT sum(i) FROM (SELECT DISTINCT ON (i / 3000) i FROM generate_series(0, 9999) g(i) ORDER BY i / 3000, i) x",
		   "18000\n"),
		WRONG("SELECT DISTINCT ON (n) n FROM t ORDER BY id", STOA_EINVAL, 21),
	};
	CHECK_ALL(e);
}

static void other_tables_help_to_change_one(void **state)
{
	static const struct example e[] = {
		{ "UPDATE t SET name = u.v FROM u WHERE u.tid = t.id RETURNING t.id, name", "1|x\n2|z\n", 0, 0,
		  "SELECT name FROM t ORDER BY id", "x\nz\nAB\nef\n" },
		{ "UPDATE t AS a SET n = x.c FROM (SELECT tid, count(*) AS c FROM u GROUP BY tid) x WHERE x.tid = a.id",
		  "", 0, 0, "SELECT n FROM t ORDER BY id", "2\n1\n7\n5\n" },
		{ "UPDATE t SET (name, n) = (upper(name), id) WHERE id < 3", "", 0, 0,
		  "SELECT name, n FROM t ORDER BY id", "AB|1\nCD|2\nAB|7\nef|5\n" },
		WRONG("UPDATE t SET (name, n) = ('x') WHERE id = 1", STOA_EINVAL, 14),
		WRONG("UPDATE t SET (name, name) = ('x', 'y')", STOA_EINVAL, 0),
		{ "DELETE FROM t USING u WHERE u.tid = t.id RETURNING t.id", "1\n2\n", 0, 0,
		  "SELECT id FROM t ORDER BY id", "3\n4\n" },
		{ "DELETE FROM t AS a USING t AS b WHERE a.n = b.n AND a.id > b.id", "", 0, 0,
		  "SELECT id FROM t ORDER BY id", "1\n2\n3\n" },
		{ "WITH x AS (SELECT max(id) AS i FROM t) INSERT INTO u SELECT i, i + 1, 'q' FROM x", "", 0, 0,
		  "SELECT * FROM u WHERE v = 'q'", "4|5|q\n" },
		OK("WITH a AS (SELECT 7 AS i) INSERT INTO u WITH b AS (SELECT i + 1 AS j FROM a) "
		   "SELECT j, i, 'w' FROM a, b RETURNING *", "8|7|w\n"),
		{ "WITH x AS (SELECT tid FROM u) UPDATE t SET n = 0 WHERE id IN (SELECT tid FROM x)", "", 0, 0,
		  "SELECT n FROM t ORDER BY id", "0\n0\n7\n5\n" },
		{ "WITH x AS (SELECT tid FROM u) DELETE FROM t WHERE id NOT IN (SELECT tid FROM x)", "", 0, 0,
		  "SELECT id FROM t ORDER BY id", "1\n2\n" },
		{ "TRUNCATE TABLE u", "", 0, 0, "SELECT count(*) FROM u", "0\n" },
		OK("INSERT INTO u (SELECT 5, 6, 'v') RETURNING *", "5|6|v\n"),
		OK("INSERT INTO u (v, id) (SELECT 'v', 5) RETURNING *", "5|~|v\n"),
		OK("EXPLAIN DELETE FROM t USING u WHERE u.tid = t.id",
		   "delete what follows\n"
		   "└─ first of each rowid\n"
		   "   └─ sort by rowid\n"
		   "      └─ project rowid\n"
		   "         └─ inner join on id = tid\n"
		   "            ├─ scan t (id, rowid)\n"
		   "            └─ scan u (tid)\n"),
	};
	CHECK_ALL(e);
}

static void queries_end_and_unite_in_other_words(void **state)
{
	static const struct example e[] = {
		OK("SELECT id FROM t ORDER BY id FETCH FIRST 2 ROWS ONLY", "1\n2\n"),
		OK("SELECT id FROM t ORDER BY id OFFSET 1 ROW FETCH NEXT ROW ONLY", "2\n"),
		OK("SELECT id FROM t ORDER BY id FETCH FIRST (1 + 2) ROWS ONLY", "1\n2\n3\n"),
		OK("(SELECT 3) UNION ALL (SELECT id FROM t ORDER BY 1 DESC LIMIT 1)", "3\n4\n"),
		OK("SELECT 1 UNION ALL ((SELECT 2) EXCEPT (SELECT 2)) UNION ALL SELECT 4", "1\n4\n"),
		OK("SELECT ((SELECT 1)), 1 IN ((SELECT 1) UNION (SELECT 2))", "1|true\n"),
		OK("SELECT count(*) FROM ((SELECT 1) UNION (SELECT 2)) x", "2\n"),
	};
	CHECK_ALL(e);
}

static void bits_and_digests_are_had(void **state)
{
	static const struct example e[] = {
		OK("SELECT 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 3, -16 >> 2, 1 << 64, 2 + 1 << 1, 6 & 3 = 2",
		   "1|7|6|-6|8|-4|1|6|true\n"),
		OK("SELECT id & 1 FROM t ORDER BY id", "1\n0\n1\n0\n"),
		OK("SELECT div(7, 2), div(-7, 2)", "3|-3\n"),
		WRONG("SELECT div(7, 0)", STOA_EDIVZERO, 8),
		OK("SELECT md5('abc'), sha256('')",
		   "900150983cd24fb0d6963f7d28e17f72|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"),
		OK("SELECT encode(X'01ff', 'hex'), encode(X'6f6b', 'base64'), encode(decode('b2s=', 'base64'), 'hex'), "
		   "encode(decode('0AfF', 'HEX'), 'hex'), encode(X'', 'base64')", "01ff|b2s=|6f6b|0aff|\n"),
		WRONG("SELECT decode('0', 'hex')", STOA_EINVAL, 8),
		WRONG("SELECT decode('?', 'base64')", STOA_EINVAL, 8),
		WRONG("SELECT encode(X'00', 'rot13')", STOA_EINVAL, 8),
		WRONG("SELECT 'a' & 1", STOA_ETYPE, 0),
	};
	CHECK_ALL(e);
}

static void memory_may_run_out_anywhere(void **state)
{
	static const char *const sqls[] = {
		"SELECT DISTINCT ON (lower(name)) name, v FROM (t NATURAL JOIN u) ORDER BY lower(name), v",
		"WITH x AS (SELECT 1 AS i) UPDATE t SET (name, n) = (v, i) FROM u, x WHERE u.tid = t.id RETURNING *",
	};
	struct stoa_error err;
	uint32_t mark;

	(void)state;
	for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++)
		for (long nth = 0;; nth++) {
			assert_int_equal(stoa_savepoint(at.txn, &mark, &err), STOA_OK);
			stoa__fault_arm(nth, nth % 2);
			char *got = show_query(at.txn, sqls[i], &err);
			bool fired = stoa__fault_disarm();
			if (!got && (!fired || err.code != STOA_ENOMEM))
				fail_msg("%s\n-> %s", sqls[i], err.text);
			free(got);
			assert_int_equal(stoa_rollback_to(at.txn, mark, &err), STOA_OK);
			assert_int_equal(stoa_release(at.txn, mark, &err), STOA_OK);
			if (!fired)
				break;
		}
}

static int set_up(void **state)
{
	(void)state;
	show_open(&at, tables, sizeof tables / sizeof *tables);
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
		cmocka_unit_test(tables_of_from_are_joined_in_parentheses_and_renamed),
		cmocka_unit_test(rows_are_compared_value_by_value),
		cmocka_unit_test(the_first_row_of_each_is_had_by_distinct_on),
		cmocka_unit_test(other_tables_help_to_change_one),
		cmocka_unit_test(queries_end_and_unite_in_other_words),
		cmocka_unit_test(bits_and_digests_are_had),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
