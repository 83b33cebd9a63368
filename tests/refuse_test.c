/* SPDX-License-Identifier: MIT */
/*
 * refuse_test.c - SQL that is not supported is refused as such, by its name, where it stands
 *
 * In each example the place is the first character of what stands in <angles>, which are taken out.
 * What is near to a refusal and is allowed, or is just wrong, is not refused.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/stoa.h"

static stoa_db *db;
static stoa_txn *txn;

static int begin(void **state)
{
	(void)state;
	assert_int_equal(stoa_open(NULL, NULL, &db, NULL), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, NULL), STOA_OK);
	assert_int_equal(stoa_query(txn, "CREATE TABLE t (a int, b text, c date)", NULL, NULL),
			 STOA_OK);
	return 0;
}

static int end(void **state)
{
	(void)state;
	stoa_abort(txn);
	return stoa_close(db, NULL);
}

/* Examples, and words that the message has. */
static const char *const refused[][2] = {
	{ "<ABORT>", "ROLLBACK" }, { "<ANALYZE> t", "statistics" }, { "<ATTACH> 'x' AS y", "ATTACH" },
	{ "<CALL> f()", "CALL" }, { "<CHECKPOINT>", "CHECKPOINT" }, { "<CLOSE> c", "CLOSE" },
	{ "<CLUSTER> t", "CLUSTER" }, { "<COMMENT> ON TABLE t IS 'x'", "COMMENT" },
	{ "<COPY> t TO 'x'", "COPY" }, { "<DEALLOCATE> p", "DEALLOCATE" },
	{ "<DECLARE> c CURSOR FOR SELECT 1", "DECLARE" }, { "<DESCRIBE> t", "DESCRIBE" },
	{ "<DO> 'x'", "DO" }, { "<EXECUTE> p", "EXECUTE" }, { "<FETCH> NEXT FROM c", "FETCH" },
	{ "<FROM> t", "FROM" }, { "<GRANT> SELECT ON t TO me", "GRANT" }, { "<LISTEN> x", "LISTEN" },
	{ "<LOCK> TABLE t", "LOCK" }, { "<MERGE> INTO t USING u ON true", "MERGE" },
	{ "<NOTIFY> x", "NOTIFY" }, { "<PRAGMA> x", "PRAGMA" }, { "<PREPARE> p AS SELECT 1", "PREPARE" },
	{ "<REFRESH> MATERIALIZED VIEW v", "REFRESH" }, { "<REINDEX> TABLE t", "REINDEX" },
	{ "<REPLACE> INTO t VALUES (1)", "ON CONFLICT" }, { "<RESET> ALL", "RESET" },
	{ "<REVOKE> ALL ON t FROM me", "REVOKE" }, { "<SET> x = 1", "SET" }, { "<SHOW> TABLES", "SHOW" },
	{ "<TABLE> t", "SELECT * FROM" }, { "<USE> x", "USE" }, { "<VACUUM>", "VACUUM" },
	{ "CREATE <OR> REPLACE VIEW v AS SELECT 1", "OR REPLACE" },
	{ "CREATE <VIEW> v AS SELECT 1", "views" }, { "DROP <VIEW> v", "views" },
	{ "CREATE <MATERIALIZED> VIEW v AS SELECT 1", "materialized" },
	{ "CREATE <SCHEMA> s", "schemas" }, { "CREATE <SEQUENCE> s", "sequences" },
	{ "CREATE <TYPE> x AS ENUM ('a')", "types" }, { "CREATE <DOMAIN> d AS int", "types" },
	{ "CREATE <FUNCTION> f() RETURNS int", "functions" }, { "CREATE <TRIGGER> x", "triggers" },
	{ "CREATE <DATABASE> d", "stoa_open" }, { "CREATE <EXTENSION> e", "extensions" },
	{ "CREATE <USER> u", "users" }, { "ALTER <ROLE> u", "users" },
	{ "CREATE <TEMP> TABLE x (a int)", "temporary" }, { "CREATE <UNLOGGED> TABLE x (a int)", "STOA_LAZY" },
	{ "CREATE <VIRTUAL> TABLE x USING y", "virtual" },
	{ "CREATE TABLE x (a int <CHECK> (a > 0))", "CHECK" },
	{ "CREATE TABLE x (a int <REFERENCES> t(a))", "REF(table)" },
	{ "CREATE TABLE x (a int, FOREIGN KEY (a) <REFERENCES> t (a))", "REF(table)" },
	{ "CREATE TABLE x (a int <GENERATED> ALWAYS AS IDENTITY)", "GENERATED" },
	{ "CREATE TABLE x (a int, CONSTRAINT k UNIQUE <(>a))", "names of constraints" },
	{ "CREATE TABLE x (<LIKE> t)", "LIKE" },
	{ "CREATE TABLE x (a int) <PARTITION> BY RANGE (a)", "PARTITION" },
	{ "CREATE TABLE x (a timestamp <WITH> TIME ZONE)", "time zones" },
	{ "CREATE TABLE x (a int) <WITH> (fillfactor = 70)", "WITH" },
	{ "CREATE INDEX i ON t <USING> btree (a)", "hash" }, { "CREATE INDEX i ON t (a) <WHERE> a > 1", "some rows" },
	{ "CREATE INDEX i ON t (a <DESC>)", "hash" }, { "CREATE INDEX CONCURRENTLY <i> ON t (a)", "CONCURRENTLY" },
	{ "ALTER TABLE t <ALTER> COLUMN a TYPE text", "ALTER COLUMN" }, { "DROP TABLE t <CASCADE>", "CASCADE" },
	{ "SELECT * FROM t, LATERAL (<SELECT> 1) x", "LATERAL" },
	{ "SELECT * FROM t TABLESAMPLE <SYSTEM> (10)", "TABLESAMPLE" },
	{ "SELECT a FROM t GROUP BY GROUPING <SETS> ((a), ())", "GROUPING SETS" },
	{ "SELECT a FROM t GROUP BY <ALL>", "columns" },
	{ "SELECT a FROM t QUALIFY <a> > 1", "QUALIFY" },
	{ "WITH <RECURSIVE> x AS (SELECT 1) SELECT * FROM x", "RECURSIVE" },
	{ "SELECT b SIMILAR <TO> 'x' FROM t", "SIMILAR" }, { "SELECT c AT <TIME> ZONE 'UTC' FROM t", "time zones" },
	{ "SELECT 1 BETWEEN SYMMETRIC <2> AND 0", "SYMMETRIC" }, { "SELECT a FROM t ORDER BY b <COLLATE> \"C\"", "COLLATE" },
	{ "SELECT overlay(b <PLACING> 'x' FROM 2) FROM t", "OVERLAY" }, { "SELECT * FROM t <FOR> UPDATE", "FOR UPDATE" },
	{ "SELECT a FROM t FETCH FIRST 2 ROWS <WITH> TIES", "TIES" }, { "SELECT * <EXCLUDE> (a) FROM t", "columns" },
	{ "SELECT a INTO <x> FROM t", "CREATE TABLE" }, { "WITH x AS (<DELETE> FROM t RETURNING *) SELECT 1", "RETURNING" },
	{ "DELETE FROM t WHERE CURRENT <OF> c", "CURRENT OF" }, { "SELECT * FROM information_schema<.>tables", "schemas" },
	{ "INSERT <OR> IGNORE INTO t VALUES (1)", "ON CONFLICT" },
	{ "INSERT INTO t VALUES (1) ON CONFLICT <ON> CONSTRAINT k DO NOTHING", "CONSTRAINT" },
	{ "EXPLAIN <VERBOSE> SELECT 1", "VERBOSE" }, { "SELECT a FROM t JOIN t u ON t.a <=> (SELECT 1)", "ON" },
	{ "SELECT <(>a, b) FROM t", "row" }, { "SELECT (a, b) <<> ANY (SELECT 1, 'x') FROM t", "row" },
};

/* @marked without its angles; the column of what stood in them. */
static size_t unmark(const char *marked, char *sql)
{
	const char *open = strstr(marked, "<<>") ? strstr(marked, "<<>") : strchr(marked, '<');
	const char *close = strchr(open + 2, '>');
	size_t at = (size_t)(open - marked), len = (size_t)(close - open) - 1;

	memcpy(sql, marked, at);
	memcpy(sql + at, open + 1, len);
	strcpy(sql + at + len, close + 1);
	return at + 1;
}

static void what_is_not_supported_is_refused_by_name_and_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct stoa_error err = { 0 };
		stoa_cursor *cur = NULL;
		char sql[200];
		size_t column = unmark(refused[i][0], sql);
		int rc = stoa_query(txn, sql, &cur, &err);

		if (rc != STOA_EUNSUPPORTED || err.line != 1 || err.column != column ||
		    !strstr(err.text, refused[i][1]) || !strstr(err.text, "not supported"))
			fail_msg("%s\n-> %s, column %u and not %zu: %s", sql, stoa_result_name(rc),
				 (unsigned)err.column, column, err.text);
		stoa_cursor_close(cur);
	}
}

static void the_same_words_are_names_and_typing_errors_elsewhere(void **state)
{
	static const char *const allowed[] = {
		"SELECT a AS view, 1 AS type, 2 AS \"check\", 3 AS role, 4 AS materialized FROM t AS lateral",
		"SELECT row FROM (SELECT 1 AS row) pivot",
		"SELECT 1 AS copy, 2 AS vacuum, 3 AS \"for\" FROM t AS comment",
		"WITH x AS MATERIALIZED (SELECT 1 AS a), y AS NOT MATERIALIZED (SELECT 2 AS b) SELECT a, b FROM x, y",
		"CREATE TABLE keep (view int, type text, role text, comment text, temp f64, array int)",
	};
	static const char *const wrong[] = {
		"SELECT a b type FROM t", "SELECT a b user FROM t", "SELECT a FROM t x y",
		"CREATE TABLE x (a int b)", "SELECT a, FROM t", "INSERT INTO", "SELECT a FROM t WHERE",
	};
	struct stoa_error err;

	(void)state;
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (stoa_query(txn, allowed[i], NULL, &err) < 0)
			fail_msg("%s\n-> %s", allowed[i], err.text);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (stoa_query(txn, wrong[i], NULL, &err) != STOA_ESYNTAX)
			fail_msg("%s\n-> %s", wrong[i], err.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_supported_is_refused_by_name_and_place),
		cmocka_unit_test(the_same_words_are_names_and_typing_errors_elsewhere),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
