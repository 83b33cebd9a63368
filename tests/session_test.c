/* SPDX-License-Identifier: MIT */
/*
 * session_test.c - statements that define and control: tables made and changed by SQL, scripts,
 * transactions that BEGIN begins; what fails leaves all as it was
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

static stoa_db *db;
static stoa_session *session;

static int begin(void **state)
{
	(void)state;
	assert_int_equal(stoa_open(NULL, NULL, &db, NULL), STOA_OK);
	return stoa_session_open(db, &session, NULL);
}

static int end(void **state)
{
	(void)state;
	stoa_session_close(session);
	return stoa_close(db, NULL);
}

/* Prints what a script gives, results one after another; heap. */
static char *run(const char *sql, int *rc, struct stoa_error *err)
{
	struct stoa_script script = STOA_SCRIPT_INIT(sql, strlen(sql));
	stoa_cursor *cur;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	memset(err, 0, sizeof *err);
	while ((*rc = stoa_session_next(session, &script, &cur, err)) == STOA_ROW) {
		*rc = show_rows(cur, f, err);
		stoa_cursor_close(cur);
		if (*rc < 0)
			break;
	}
	fclose(f);
	return text;
}

static void good(const char *sql, const char *rows)
{
	struct stoa_error err;
	int rc;
	char *got = run(sql, &rc, &err);

	if (rc != STOA_END)
		fail_msg("%s\n-> %s", sql, err.text);
	if (strcmp(got, rows) != 0)
		fail_msg("%s\n-> %s\nnot %s", sql, got, rows);
	free(got);
}

static void bad(const char *sql, int code, unsigned line, unsigned column, const char *word)
{
	struct stoa_error err;
	int rc;

	free(run(sql, &rc, &err));
	if (rc != code || err.line != line || err.column != column || !strstr(err.text, word))
		fail_msg("%s\n-> %d: %s %u:%u %s", sql, rc, stoa_result_name(err.code),
			 (unsigned)err.line, (unsigned)err.column, err.text);
}

/* ---- progress -------------------------------------------------------------------------------- */

static int stop(void *ctx, const struct stoa_query_progress *now)
{
	(void)now;
	++*(int *)ctx;
	return 1;
}

static void a_change_that_is_canceled_has_changed_nothing(void **state)
{
	struct stoa_error err;
	int n = 0;

	(void)state;
	good("CREATE TABLE c (i bigint); INSERT INTO c VALUES (1), (2)", "");
	assert_int_equal(stoa_session_watch(session, stop, &n, &err), STOA_OK);
	bad("INSERT INTO c SELECT a.a FROM generate_series(1, 100000) a, "
	    "generate_series(1, 100000) b", STOA_ECANCELED, 0, 0, "");
	assert_int_equal(n, 1);
	assert_int_equal(stoa_session_watch(session, NULL, NULL, &err), STOA_OK);
	good("INSERT INTO c VALUES (3)", "");
	good("SELECT count(*) FROM c", "3\n");
	assert_int_equal(stoa_session_watch(NULL, NULL, NULL, &err), STOA_EINVAL);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* All that is to be known of the tables, as text; heap. */
static char *schema(void)
{
	struct stoa_table_info info;
	char *text = NULL, value[256];
	stoa_table t = 0;
	stoa_txn *txn = stoa_session_txn(session);
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!txn)
		assert_int_equal(stoa_begin(db, STOA_READ, &txn, NULL), STOA_OK);
	while (stoa_table_next(txn, t, &t, NULL) == STOA_ROW) {
		assert_int_equal(stoa_table_info(txn, t, &info, NULL), STOA_OK);
		fprintf(f, "%s(%d rows):", info.name, (int)info.n_rows);
		for (size_t i = 0; i < info.n_slots; i++) {
			const struct stoa_slot *s = &info.slots[i];
			stoa_value_print(&s->value, value, sizeof value);
			fprintf(f, " %s %s", s->name, stoa_type_name(s->type));
			if (s->type == STOA_DECIMAL)
				fprintf(f, "(%d,%d)", s->precision, s->scale);
			fprintf(f, "%s%s%s", s->flags & STOA_NOT_NULL ? " not null" : "",
				s->value.type ? " = " : "", value);
		}
		fputc('\n', f);
	}
	if (!stoa_session_txn(session))
		stoa_abort(txn);
	fclose(f);
	return text;
}

static void expect_schema(const char *expected)
{
	char *got = schema();

	assert_string_equal(got, expected);
	free(got);
}

static void tables_are_made_of_every_type(void **state)
{
	(void)state;
	good("CREATE TABLE all_types (a bool, b i8, c smallint, d int, e bigint, f u8, g u16, h u32, "
	     "i u64, j real, k double precision, l decimal(12,3), m date, n time, o timestamp, "
	     "p uuid, q string, r text, s blob, t varchar, u numeric)", "");
	expect_schema("all_types(0 rows): a bool b i8 c i16 d i32 e i64 f u8 g u16 h u32 i u64 j f32 "
		      "k f64 l decimal(12,3) m date n time o timestamp p uuid q string r text "
		      "s blob t string u decimal(18,6)\n");
}

static void columns_have_defaults_and_constraints(void **state)
{
	(void)state;
	good("CREATE TABLE t (a int NOT NULL DEFAULT -5, b decimal(8,2) DEFAULT 1.255 NOT NULL, "
	     "c date DEFAULT '2026-01-31', d date DEFAULT date '2026-01-31' NULL, "
	     "e text DEFAULT ('a' || 'b'), f u8 DEFAULT (200 + 55), g bool DEFAULT true, "
	     "h int DEFAULT NULL, i text DEFAULT 5)", "");
	expect_schema("t(0 rows): a i32 not null = -5 b decimal(8,2) not null = 1.26 c date = "
		      "2026-01-31 d date = 2026-01-31 e text = ab f u8 = 255 g bool = true h i32 "
		      "i text = 5\n");
	good("INSERT INTO t DEFAULT VALUES; SELECT * FROM t",
	     "-5|1.26|2026-01-31|2026-01-31|ab|255|true|~|5\n");
}

static void if_exists_and_if_not_exists_are_heeded(void **state)
{
	(void)state;
	good("CREATE TABLE t (a int); CREATE TABLE IF NOT EXISTS t (b int);"
	     "CREATE TABLE IF NOT EXISTS T AS SELECT 1 AS c; DROP TABLE IF EXISTS u", "");
	expect_schema("t(0 rows): a i32\n");
	bad("CREATE TABLE t (a int)", STOA_EEXIST, 1, 14, "already");
	bad("CREATE TABLE t AS SELECT 1 AS a", STOA_EEXIST, 1, 14, "already");
	bad("DROP TABLE u", STOA_ENOTFOUND, 1, 12, "u");
	good("DROP TABLE IF EXISTS t", "");
	expect_schema("");
}

static void keys_are_made_with_tables(void **state)
{
	(void)state;
	good("CREATE TABLE t (id int PRIMARY KEY, name string UNIQUE, a int, b int, UNIQUE (a, b))", "");
	expect_schema("t(0 rows): id i32 not null name string a i32 b i32\n");
	good("CREATE TABLE u (x int, y int, z int, PRIMARY KEY (y, x))", "");
	bad("INSERT INTO u (x) VALUES (1)", STOA_ENULL, 1, 26, "y");
	good("INSERT INTO t VALUES (1, 'a', 1, 1), (2, NULL, 1, 2), (3, NULL, NULL, 1)", "");
	bad("INSERT INTO t VALUES (1, 'b', 2, 2)", STOA_EEXIST, 1, 22, "id");
	bad("INSERT INTO t VALUES (4, 'a', 2, 2)", STOA_EEXIST, 1, 22, "name");
	bad("INSERT INTO t VALUES (4, 'd', 1, 2)", STOA_EEXIST, 1, 22, "a_b");
	bad("CREATE TABLE v (a int PRIMARY KEY, b int PRIMARY KEY)", STOA_EEXIST, 1, 42, "primary");
	bad("CREATE TABLE v (a int, UNIQUE (a, nix))", STOA_ENOTFOUND, 1, 35, "nix");
	bad("ALTER TABLE t ADD c int UNIQUE", STOA_EUNSUPPORTED, 1, 25, "UNIQUE INDEX");
	good("CREATE INDEX ON t (b); CREATE INDEX IF NOT EXISTS b ON t (a); DROP INDEX b ON t;"
	     "DROP INDEX IF EXISTS b ON t", "");
	bad("DROP INDEX b ON t", STOA_ENOTFOUND, 1, 12, "b");
	bad("CREATE UNIQUE INDEX dup ON t (a)", STOA_EEXIST, 1, 21, "dup");
	expect_schema("t(3 rows): id i32 not null name string a i32 b i32\n"
		      "u(0 rows): x i32 not null y i32 not null z i32\n");
}

static void a_table_is_made_of_a_query(void **state)
{
	(void)state;
	good("CREATE TABLE t (id i16, name string, x decimal(5,1)); INSERT INTO t VALUES "
	     "(1, 'a', 1.5), (2, 'b', 2.5), (NULL, NULL, NULL);"
	     "CREATE TABLE u AS SELECT id, name, x, id * 2 AS twice, name || '!' AS loud FROM t;"
	     "SELECT * FROM u",
	     "1|a|1.5|2|a!\n2|b|2.5|4|b!\n~|~|~|~|~\n");
	expect_schema("t(3 rows): id i16 name string x decimal(5,1)\n"
		      "u(3 rows): id i16 name string x decimal(5,1) twice i64 loud text\n");
	bad("CREATE TABLE v AS SELECT 1, 2", STOA_EEXIST, 1, 14, "?column?");
	bad("CREATE TABLE v AS SELECT 1 / (id - 2) AS a FROM t", STOA_EDIVZERO, 1, 28, "zero");
	bad("CREATE TABLE v AS SELECT nix", STOA_ENOTFOUND, 1, 26, "nix");
	expect_schema("t(3 rows): id i16 name string x decimal(5,1)\n"
		      "u(3 rows): id i16 name string x decimal(5,1) twice i64 loud text\n");
}

static void many_rows_go_through_an_appender(void **state)
{
	(void)state;
	good("CREATE TABLE t (a int NOT NULL, s string); INSERT INTO t VALUES (1, 'x')", "");
	for (int i = 0; i < 13; i++)
		good("INSERT INTO t SELECT a + 1, s || a FROM t", "");
	good("BEGIN; INSERT INTO t (s, a) SELECT s, a FROM t; DELETE FROM t WHERE a <> 7;"
	     "SELECT count(*), count(DISTINCT rowid) FROM t; ROLLBACK",
	     "3432|3432\n");
	good("CREATE TABLE u AS SELECT * FROM t; SELECT count(*), sum(a) FROM u", "8192|61440\n");
	bad("INSERT INTO t SELECT CASE WHEN rowid = 8000 THEN NULL ELSE a END, s FROM t", STOA_ENULL,
	    0, 0, "a");
	good("SELECT count(*), sum(a) FROM t", "8192|61440\n");
}

static void tables_are_altered(void **state)
{
	(void)state;
	good("CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 2);"
	     "ALTER TABLE t ADD COLUMN c text DEFAULT 'x' NOT NULL; ALTER TABLE t ADD d int;"
	     "SELECT * FROM t; ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME b TO e;"
	     "ALTER TABLE t RENAME COLUMN c TO f; ALTER TABLE t RENAME TO u; SELECT e, f, d FROM u",
	     "1|2|x|~\n2|x|~\n");
	bad("ALTER TABLE t ADD a int", STOA_ENOTFOUND, 1, 13, "t");
	bad("ALTER TABLE u ADD e int", STOA_EEXIST, 1, 19, "e");
	bad("ALTER TABLE u ADD g int NOT NULL", STOA_ENULL, 1, 19, "g");
	bad("ALTER TABLE u DROP nix", STOA_ENOTFOUND, 1, 20, "nix");
	bad("ALTER TABLE u RENAME e TO f", STOA_EEXIST, 1, 22, "f");
	bad("ALTER TABLE u RENAME TO \"\"", STOA_EINVAL, 1, 25, "empty");
	bad("ALTER TABLE u ADD g nonsense", STOA_EINVAL, 1, 21, "nonsense");
	bad("CREATE TABLE v (a int, A int)", STOA_EEXIST, 1, 14, "A");
	bad("CREATE TABLE v (a decimal(19, 2))", STOA_EINVAL, 1, 19, "decimal");
	bad("CREATE TABLE v (a int DEFAULT 'x')", STOA_ETYPE, 1, 31, "'x'");
	bad("CREATE TABLE v (a int DEFAULT (1 / 0))", STOA_EINVAL, 1, 34, "constant");
	bad("CREATE TABLE v (a int DEFAULT (b))", STOA_ENOTFOUND, 1, 32, "b");
	bad("CREATE TABLE v (a u8 DEFAULT 256)", STOA_EINVAL, 1, 30, "constant");
}

/* ---- scripts --------------------------------------------------------------------------------- */

static void a_script_is_cut_at_its_semicolons(void **state)
{
	(void)state;
	good("", "");
	good(" ; ;; -- nothing ; at all\n/* ; /* ; */ */", "");
	good("SELECT 'a;b' AS \"c;d\"; -- ;\n;SELECT /* ; */ 2;SELECT 3", "a;b\n2\n3\n");
	good("SELECT 'it''s;'; SELECT 1", "it's;\n1\n");
}

static void errors_have_the_place_in_the_script(void **state)
{
	(void)state;
	good("CREATE TABLE t (a int NOT NULL)", "");
	bad("SELECT 1;\n\n  SELECT nix;", STOA_ENOTFOUND, 3, 10, "nix");
	bad("SELECT 1; SELECT nix", STOA_ENOTFOUND, 1, 18, "nix");
	bad("SELECT 1;\nSELECT 'open", STOA_ESYNTAX, 2, 8, "closed");
	bad("SELECT 1; SELECT 2 2", STOA_ESYNTAX, 1, 20, "'2'");
	bad("SELECT 1;\n SELECT '\xff'", STOA_ESYNTAX, 2, 10, "UTF-8");
	bad("SELECT 1; INSERT INTO t VALUES\n(1), (NULL)", STOA_ENULL, 2, 6, "a");
	good("SELECT * FROM t", "");
}

static bool writes(const char *sql)
{
	struct stoa_script script = STOA_SCRIPT_INIT(sql, strlen(sql));
	struct stoa_error err;
	bool answer;

	assert_int_equal(stoa_script_writes(&script, &answer, &err), STOA_OK);
	assert_int_equal(script.at, 0);
	return answer;
}

static void a_script_tells_whether_it_writes(void **state)
{
	const char *open = "SELECT 1;\nINSERT INTO";
	struct stoa_script script = STOA_SCRIPT_INIT(open, strlen(open));
	struct stoa_error err;
	bool answer;

	(void)state;
	assert_false(writes(""));
	assert_false(writes("SELECT 1; SELECT a FROM nowhere"));
	assert_false(writes("BEGIN READ ONLY; SELECT 1; COMMIT"));
	assert_true(writes("BEGIN; SELECT 1; COMMIT"));
	assert_true(writes("SELECT 1; DROP TABLE t"));
	assert_int_equal(stoa_script_writes(&script, &answer, &err), STOA_ESYNTAX);
	assert_int_equal(err.line, 2);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void what_is_begun_is_committed_or_undone(void **state)
{
	(void)state;
	good("CREATE TABLE t (a int)", "");
	good("BEGIN; INSERT INTO t VALUES (1); SELECT a FROM t; ROLLBACK; SELECT count(*) FROM t",
	     "1\n0\n");
	good("START TRANSACTION; INSERT INTO t VALUES (2); COMMIT WORK; SELECT a FROM t", "2\n");
	good("BEGIN TRANSACTION; DROP TABLE t; ROLLBACK; SELECT a FROM t", "2\n");
	bad("BEGIN;\nBEGIN", STOA_ESTATE, 2, 1, "open");
	bad("INSERT INTO t VALUES (3); SELECT 1 / 0", STOA_EDIVZERO, 1, 36, "zero");
	assert_non_null(stoa_session_txn(session));
	good("SELECT a FROM t; END; SELECT count(*) FROM t", "2\n3\n2\n");
	assert_null(stoa_session_txn(session));
	bad("COMMIT", STOA_ESTATE, 1, 1, "BEGIN");
	bad("ROLLBACK", STOA_ESTATE, 1, 1, "BEGIN");
	bad("BEGIN READ ONLY; DELETE FROM t", STOA_EREADONLY, 0, 0, "read transaction");
	good("ROLLBACK; SELECT count(*) FROM t", "2\n");
}

static void savepoints_have_names(void **state)
{
	(void)state;
	bad("SAVEPOINT a", STOA_ESTATE, 1, 1, "BEGIN");
	good("CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a;"
	     "INSERT INTO t VALUES (2); SAVEPOINT b; INSERT INTO t VALUES (3); SAVEPOINT a;"
	     "INSERT INTO t VALUES (4); ROLLBACK TO A; SELECT max(a) FROM t; RELEASE a;"
	     "ROLLBACK TO SAVEPOINT b; SELECT max(a) FROM t; CREATE TABLE u (x int);"
	     "ROLLBACK WORK TO a; SELECT max(a) FROM t", "3\n2\n1\n");
	bad("RELEASE SAVEPOINT b", STOA_ENOTFOUND, 1, 19, "b");
	good("RELEASE SAVEPOINT a; COMMIT; SELECT a FROM t", "1\n");
	expect_schema("t(1 rows): a i32\n");
}

static void programs_begin_and_end_their_own_transactions(void **state)
{
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_txn *txn;

	(void)state;
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
	assert_int_equal(stoa_query(txn, "COMMIT", &cur, &err), STOA_ESTATE);
	assert_non_null(strstr(err.text, "stoa_commit()"));
	assert_int_equal(stoa_query(txn, "CREATE TABLE t (a int)", &cur, &err), STOA_OK);
	stoa_cursor_close(cur);
	assert_int_equal(stoa_query(txn, "SAVEPOINT s", NULL, &err), STOA_OK);
	assert_int_equal(stoa_query(txn, "DROP TABLE t", NULL, &err), STOA_OK);
	assert_int_equal(stoa_query(txn, "ROLLBACK TO s", NULL, &err), STOA_OK);
	assert_int_equal(stoa_commit(txn, &err), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	assert_int_equal(stoa_query(txn, "DROP TABLE t", NULL, &err), STOA_EREADONLY);
	stoa_abort(txn);
	expect_schema("t(0 rows): a i32\n");
}

static void a_query_outlives_the_transaction_that_it_ran_in(void **state)
{
	struct stoa_script script = STOA_SCRIPT_INIT("SELECT a FROM t", 15);
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;

	(void)state;
	good("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)", "");
	assert_int_equal(stoa_session_next(session, &script, &cur, &err), STOA_ROW);
	good("DELETE FROM t", "");
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_int_equal(row[0].i, 1);
	stoa_cursor_close(cur);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void every_allocation_that_fails_leaves_all_as_it_was(void **state)
{
	static const char *const statements[] = {
		"CREATE TABLE u (a int NOT NULL DEFAULT 5, b text DEFAULT ('x' || 'y'))",
		"CREATE TABLE u AS SELECT a, b || 'z' AS c FROM t",
		"ALTER TABLE t ADD c decimal(9,2) DEFAULT 1.5", "ALTER TABLE t DROP b",
		"ALTER TABLE t RENAME a TO z", "ALTER TABLE t RENAME TO v", "DROP TABLE t",
		"CREATE UNIQUE INDEX i ON t (a)", "SAVEPOINT other", "RELEASE mark", "INSERT INTO t VALUES (3, 'c')", "BEGIN", "COMMIT",
	};

	(void)state;
	good("CREATE TABLE t (a int, b string); INSERT INTO t VALUES (1, 'a'), (2, NULL)", "");
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		bool in = i < 11;
		for (long nth = 0;; nth++) {
			struct stoa_script script =
				STOA_SCRIPT_INIT(statements[i], strlen(statements[i]));
			struct stoa_error err;
			char *before, *after;
			if (in || i == 12)
				good("BEGIN; SAVEPOINT mark", "");
			before = schema();
			stoa__fault_arm(nth, false);
			int rc = stoa_session_next(session, &script, NULL, &err);
			bool fired = stoa__fault_disarm();
			/* Sealing can do without some of what it asks for. */
			if (rc != STOA_ROW && (!fired || rc != STOA_ENOMEM))
				fail_msg("%s, allocation %ld: %d", statements[i], nth, rc);
			after = schema();
			if (rc == STOA_ENOMEM)
				assert_string_equal(before, after);
			free(before);
			free(after);
			if (stoa_session_txn(session))
				good("ROLLBACK", "");
			if (!fired)
				break;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_that_is_canceled_has_changed_nothing),
		TEST(tables_are_made_of_every_type),
		TEST(columns_have_defaults_and_constraints),
		TEST(if_exists_and_if_not_exists_are_heeded),
		TEST(keys_are_made_with_tables),
		TEST(a_table_is_made_of_a_query),
		TEST(many_rows_go_through_an_appender),
		TEST(tables_are_altered),
		TEST(a_script_is_cut_at_its_semicolons),
		TEST(errors_have_the_place_in_the_script),
		TEST(a_script_tells_whether_it_writes),
		TEST(what_is_begun_is_committed_or_undone),
		TEST(savepoints_have_names),
		TEST(programs_begin_and_end_their_own_transactions),
		TEST(a_query_outlives_the_transaction_that_it_ran_in),
		TEST(every_allocation_that_fails_leaves_all_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
