/* SPDX-License-Identifier: MIT */
/*
 * point_test.c - statements about one row, without a plan, do what they do with one
 *
 * EXPLAIN ANALYZE runs a statement by its plan, whatever it is: so each statement of chance runs
 * both ways, in savepoints, and must fail alike or leave the same rows. A SELECT runs by a plan if it
 * has an OFFSET. Statements are prepared once, and run with values of many types.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

static struct show_db at;
static uint64_t rng;

#define BIG 3000	/* rows of a table with texts */

static const char *const statements[] = {
	"INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL)",
	"INSERT INTO t (a, id, s) VALUES (?1, ?2, ?3)",
	"INSERT INTO t (id, s, f) VALUES (7, 'it', ?1)",
	"INSERT INTO t (id, f) VALUES (DEFAULT, 3)",
	"INSERT INTO t (d) VALUES (12), (13)",
	"INSERT INTO t (id, r, v) VALUES (?1, ?2, ?2)",
	"INSERT INTO t (id, a, s) VALUES (?1 % 16, ?2 + 1, lower(?3))",
	"INSERT INTO t (id, f, d, day) VALUES (abs(?1), ?2 / ?3, ?2 * 1.5, '2026-02-03')",
	"UPDATE t SET a = ?1, s = ?2 WHERE id = ?3",
	"UPDATE t SET id = ?1 WHERE ?2 = id",
	"UPDATE t x SET f = ?1, d = ?2 WHERE x.s = ?3",
	"UPDATE t SET day = ?1, b = ?2, w = ?3 WHERE rowid = ?4",
	"UPDATE t SET a = 70000, b = NULL, s = 'q' WHERE id = 3",
	"UPDATE t SET s = DEFAULT WHERE id = ?1",
	"UPDATE t SET a = a + 1 WHERE id = ?1",
	"UPDATE t SET a = a + ?2, f = f * ?3, s = s || ?4 WHERE id = ?1 AND a < 20",
	"UPDATE t SET d = d + ?2, b = NOT b, day = day + 1 WHERE id = ?1 AND (f > ?3 OR s LIKE ?4)",
	"UPDATE t SET f = 1 / (a - ?2) WHERE a <> ?2 AND id = ?1 AND 10 / (a - ?2) > 1",
	"UPDATE t SET w = coalesce(w, ?2, 1) + 1 WHERE id = ?1 AND v IS NOT NULL",
	"UPDATE t SET v = r, r = ?2 WHERE id = ?1",
	"UPDATE t SET a = (SELECT count(*) FROM t) WHERE id = ?1",
	"UPDATE t SET b = ?1 WHERE f = ?2",
	"UPDATE two SET x = x + 1 WHERE k = ?1 AND n = ?2",
	"UPDATE two SET x = x + k WHERE n = ?2 AND x >= 0 AND k = ?1",
	"DELETE FROM t WHERE id = ?1",
	"DELETE FROM t WHERE id = ?1 AND f > ?2",
	"DELETE FROM t WHERE t.s = ?1 AND v IS NULL",
	"DELETE FROM t WHERE rowid = ?1",
	"DELETE FROM t WHERE id = 4",
	"DELETE FROM t WHERE a = ?1",
	"DELETE FROM u WHERE rowid = ?1",
	"INSERT INTO t (id, a, f) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
	"INSERT INTO t (id, a, f) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
	"INSERT INTO t (id, a) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET a = excluded.a",
	"INSERT INTO t (id, a, d) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE "
	"SET a = t.a + excluded.a, d = d + excluded.d",
	"INSERT INTO t AS x (id, f, s) VALUES (?1, ?2, upper(?3)) ON CONFLICT (id) DO UPDATE "
	"SET f = excluded.f + x.f, s = excluded.s || ?4, day = NULL WHERE x.f < ?2",
	"INSERT INTO t (id, a) SELECT i, 1 FROM generate_series(1, 9) g(i) ON CONFLICT (id) DO UPDATE "
	"SET a = coalesce(t.a, 0) + excluded.a WHERE t.f IS NULL OR t.f < ?1",
	"INSERT INTO t (id, a) VALUES (?1, ?2), (?2, ?1) ON CONFLICT (id) DO UPDATE "
	"SET a = t.a - excluded.a",
};
#define STATEMENTS (sizeof statements / sizeof *statements)

static const char *const queries[] = {
	"SELECT * FROM t WHERE id = ?1",
	"SELECT s, a + ?2, rowid FROM t WHERE id = ?1",
	"SELECT x.*, -f AS f, x.d * ?3 FROM t AS x WHERE x.id = ?1 AND a <> ?2",
	"SELECT s || ?2, upper(s), d, day, b, w, r, v FROM t WHERE s = ?1",
	"SELECT 1 / (a - ?2), CASE WHEN a = ?2 THEN ?3 ELSE ?4 END FROM t WHERE ?1 = id",
	"SELECT rowid, t.rowid, a IN (1, ?2, ?3), a BETWEEN ?2 AND ?3 FROM t WHERE rowid = ?1",
	"SELECT s LIKE ?2, length(s), ?3, ?4 FROM t WHERE id = ?1 AND s LIKE ?2",
	"SELECT name, other, name || other, length(other) FROM big WHERE rowid = ?5",
	"SELECT big.*, other || name || ?2 FROM big WHERE rowid = ?5 AND length(name) + length(other) > 9",
	"SELECT x FROM two WHERE n = ?1 AND k = ?2",
	"SELECT DISTINCT a, s FROM t WHERE id = ?1 ORDER BY s, 1 LIMIT 1",
	"SELECT a FROM t WHERE id = ?1 LIMIT 0",
	"SELECT a FROM t WHERE id = ?1 ORDER BY 1 / a",
	"SELECT r.name FROM t WHERE id = ?1",
	"SELECT (SELECT max(a) FROM t) FROM t WHERE id = ?1",
	"SELECT id FROM t WHERE id = ?1 OR id = ?2",
};
#define QUERIES (sizeof queries / sizeof *queries)

/* Each of them as it is, and by a plan. */
static stoa_stmt *changing[STATEMENTS][2], *reading[QUERIES][2];

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

static int execute(stoa_stmt *stmt, const struct stoa_value *values, stoa_cursor **cur)
{
	struct stoa_error err;

	for (uint32_t i = 0; i < stoa_parameters(stmt); i++)
		assert_int_equal(stoa_bind(stmt, i + 1, &values[i], &err), STOA_OK);
	return stoa_execute(stmt, at.txn, cur, &err);
}

/* Runs a statement: its code, and in *@rows what the tables have then. */
static int run(stoa_stmt *stmt, const struct stoa_value *values, char **rows)
{
	struct stoa_error err = { 0 };
	uint64_t changes = 0;
	stoa_cursor *cur;
	char *t, *two;
	uint32_t mark;

	assert_int_equal(stoa_savepoint(at.txn, &mark, &err), STOA_OK);
	int rc = execute(stmt, values, &cur);
	if (rc == STOA_OK) {
		changes = stoa_changes(cur);
		stoa_cursor_close(cur);
	}
	t = show_query(at.txn, "SELECT rowid, * FROM t ORDER BY rowid", &err);
	two = show_query(at.txn, "SELECT * FROM two ORDER BY k, n", &err);
	assert_non_null(t);
	assert_non_null(two);
	assert_true(asprintf(rows, "%llu changed\n%s%s", (unsigned long long)changes, t, two) >= 0);
	free(t);
	free(two);
	assert_int_equal(stoa_rollback_to(at.txn, mark, &err), STOA_OK);
	assert_int_equal(stoa_release(at.txn, mark, &err), STOA_OK);
	return rc;
}

/* Runs a query: its code, and in *@rows what it gives. */
static int ask(stoa_stmt *stmt, const struct stoa_value *values, char **rows)
{
	struct stoa_error err = { 0 };
	size_t n = 0, len = 0;
	stoa_cursor *cur;
	FILE *f = open_memstream(rows, &len);

	assert_non_null(f);
	int rc = execute(stmt, values, &cur);
	if (rc == STOA_OK) {
		const struct stoa_column *columns = stoa_columns(cur, &n);
		for (size_t i = 0; i < n; i++)
			fprintf(f, "%s %u %u|", columns[i].name, columns[i].type, columns[i].scale);
		rc = show_rows(cur, f, &err);
		stoa_cursor_close(cur);
	}
	fclose(f);
	return rc;
}

static void expect_same(const char *sql, stoa_stmt *const stmts[2], const struct stoa_value *values,
			int (*how)(stoa_stmt *stmt, const struct stoa_value *values, char **rows))
{
	char *a, *b;
	int x = how(stmts[0], values, &a);
	int y = how(stmts[1], values, &b);

	if (x != y || strcmp(a, b) != 0)
		fail_msg("%s\n-> %s, %s\nbut with a plan %s, %s", sql, stoa_result_name(x), a,
			 stoa_result_name(y), b);
	free(a);
	free(b);
}

static void draw(struct stoa_value values[8], int round)
{
	for (int i = 0; i < 8; i++)
		values[i] = random_value();
	if (round % 3)
		values[0] = stoa_i64((int64_t)testing_below(&rng, 16));
	if (round % 2)
		values[1] = stoa_i64((int64_t)testing_below(&rng, 16));
	values[4] = stoa_i64(1 + (int64_t)testing_below(&rng, BIG + 9));
}

static void a_statement_without_a_plan_does_what_it_does_with_one(void **state)
{
	int rounds = testing_long() ? 200000 : 3000;

	(void)state;
	for (int round = 0; round < rounds; round++) {
		size_t k = testing_below(&rng, STATEMENTS), i = testing_below(&rng, QUERIES);
		struct stoa_value values[8];
		stoa_cursor *cur;

		draw(values, round);
		expect_same(queries[i], reading[i], values, ask);
		expect_same(statements[k], changing[k], values, run);
		if (execute(changing[k][0], values, &cur) == STOA_OK)
			stoa_cursor_close(cur);
	}
}

static stoa_stmt *prepare(const char *sql)
{
	struct stoa_error err;
	stoa_stmt *stmt;

	if (stoa_prepare(at.txn, sql, strlen(sql), &stmt, &err) < 0)
		fail_msg("%s\n-> %s", sql, err.text);
	return stmt;
}

/* What was compiled for a table is not run on what has taken its place. */
static void a_schema_that_changes_is_noticed(void **state)
{
	stoa_stmt *read = prepare("SELECT * FROM moved WHERE id = ?1");
	stoa_stmt *write = prepare("UPDATE moved SET x = x + 1 WHERE id = ?1");
	struct stoa_value one = stoa_i64(1);
	stoa_cursor *cur;
	char *rows;

	(void)state;
	assert_int_equal(ask(read, &one, &rows), STOA_END);
	assert_string_equal(rows, "id 5 0|x 5 0|1|10\n");
	free(rows);
	assert_int_equal(execute(write, &one, &cur), STOA_OK);
	stoa_cursor_close(cur);
	show_expect(at.txn, "DROP TABLE moved", "");
	show_expect(at.txn, "CREATE TABLE moved (s text, x double, id int UNIQUE)", "");
	show_expect(at.txn, "INSERT INTO moved VALUES ('a', 0.5, 1)", "");
	assert_int_equal(execute(write, &one, &cur), STOA_OK);
	stoa_cursor_close(cur);
	assert_int_equal(ask(read, &one, &rows), STOA_END);
	assert_non_null(strstr(rows, "|a|1.5|1\n"));
	free(rows);
	show_expect(at.txn, "ALTER TABLE moved DROP COLUMN s", "");
	assert_int_equal(ask(read, &one, &rows), STOA_END);
	assert_non_null(strstr(rows, "|1.5|1\n"));
	free(rows);
	stoa_stmt_free(read);
	stoa_stmt_free(write);
}

/* The row that a cursor has is the one of then. */
static void a_cursor_keeps_its_row(void **state)
{
	stoa_stmt *read = prepare("SELECT name, name || 'x' FROM few WHERE rowid = ?1");
	struct stoa_value one = stoa_i64(1), two = stoa_i64(2);
	const struct stoa_value *row;
	stoa_cursor *first, *second;
	struct stoa_error err;

	(void)state;
	show_expect(at.txn, "UPDATE few SET name = 'name ' || rowid", "");
	assert_int_equal(execute(read, &one, &first), STOA_OK);
	assert_int_equal(execute(read, &two, &second), STOA_OK);
	show_expect(at.txn, "UPDATE few SET name = 'other'", "");
	assert_int_equal(stoa_next(first, &row, &err), STOA_ROW);
	assert_memory_equal(row[0].p, "name 1", 6);
	assert_memory_equal(row[1].p, "name 1x", 7);
	assert_int_equal(stoa_next(second, &row, &err), STOA_ROW);
	assert_memory_equal(row[1].p, "name 2x", 7);
	assert_int_equal(stoa_next(second, &row, &err), STOA_END);
	stoa_stmt_free(read);
	stoa_cursor_close(first);
	stoa_cursor_close(second);
}

/* current_timestamp is that of each execution. */
static void time_goes_on(void **state)
{
	stoa_stmt *stmt = prepare("SELECT current_timestamp FROM few WHERE rowid = ?1");
	struct stoa_value one = stoa_i64(1);
	const struct stoa_value *row;
	int64_t seen[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stoa_error err;
		stoa_cursor *cur;

		assert_int_equal(execute(stmt, &one, &cur), STOA_OK);
		assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
		seen[i] = row[0].i;
		stoa_cursor_close(cur);
		nanosleep(&(struct timespec){ 0, 2000 }, NULL);
	}
	assert_true(seen[1] > seen[0]);
	stoa_stmt_free(stmt);
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

/* Wherever memory ends: the row changes, or nothing does. */
static void memory_may_be_out_anywhere(void **state)
{
	static const char *const sqls[] = {
		"UPDATE few SET name = name || ?2 WHERE rowid = ?1 AND name <> 'x'",
		"INSERT INTO moved VALUES (?1, length(?2) - 1) ON CONFLICT (id) DO UPDATE SET x = moved.x + excluded.x",
		"SELECT name || ?2 FROM few WHERE rowid = ?1",
	};
	struct stoa_value values[] = { stoa_i64(1), stoa_text("yz") };

	(void)state;
	for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++) {
		bool failed = true;

		for (long nth = 0; failed; nth++) {
			stoa_stmt *stmt = prepare(sqls[i]);
			struct stoa_error err;
			stoa_cursor *cur = NULL;
			char *before = show_query(at.txn, "SELECT name, x FROM few, moved", &err), *after;

			for (uint32_t k = 0; k < stoa_parameters(stmt); k++)
				assert_int_equal(stoa_bind(stmt, k + 1, &values[k], &err), STOA_OK);
			stoa__fault_arm(nth, true);
			int rc = stoa_execute(stmt, at.txn, &cur, &err);
			failed = stoa__fault_disarm();
			assert_true(rc == STOA_OK || (failed && rc == STOA_ENOMEM));
			after = show_query(at.txn, "SELECT name, x FROM few, moved", &err);
			assert_true(rc == STOA_OK ? failed || i == 2 || strcmp(before, after) != 0 :
						    strcmp(before, after) == 0);
			free(before);
			free(after);
			stoa_cursor_close(cur);
			stoa_stmt_free(stmt);
		}
	}
}

static void prepare_both(const char *sql, const char *before, const char *behind, stoa_stmt *out[2])
{
	char planned[400];

	snprintf(planned, sizeof planned, "%s%s%s", before, sql, behind);
	out[0] = prepare(sql);
	out[1] = prepare(planned);
}

static int set_up(void **state)
{
	static const char *const sqls[] = {
		"CREATE TABLE u (name string)",
		"INSERT INTO u SELECT 'u' || i FROM generate_series(1, 20) g(i)",
		"CREATE TABLE t (id int PRIMARY KEY, a smallint, s string UNIQUE DEFAULT 'none', f double, "
		"d decimal(6, 2), b bool, day date, w u64, r REF(u), v WEAK REF(u))",
		"CREATE TABLE two (k int, n int, x bigint)",
		"CREATE UNIQUE INDEX ON two (k, n)",
		"INSERT INTO two SELECT i / 4, i % 4, i FROM generate_series(0, 63) g(i)",
		"CREATE TABLE big (name text, other text)",
		"INSERT INTO big SELECT repeat('name ' || i, i % 70), repeat('other ' || (i * 7), i % 900) "
		"FROM generate_series(1, 3000) g(i)",
		"CREATE TABLE few (name string)",
		"INSERT INTO few VALUES ('a'), ('b')",
		"CREATE TABLE moved (id bigint PRIMARY KEY, x bigint)",
		"INSERT INTO moved VALUES (1, 10)",
	};

	(void)state;
	show_open(&at, sqls, sizeof sqls / sizeof *sqls);
	for (size_t i = 0; i < STATEMENTS; i++)
		prepare_both(statements[i], "EXPLAIN ANALYZE ", "", changing[i]);
	for (size_t i = 0; i < QUERIES; i++)
		prepare_both(queries[i], "", " OFFSET 0", reading[i]);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < STATEMENTS; i++)
			stoa_stmt_free(changing[i][k]);
		for (size_t i = 0; i < QUERIES; i++)
			stoa_stmt_free(reading[i][k]);
	}
	show_close(&at);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_without_a_plan_does_what_it_does_with_one),
		cmocka_unit_test(a_schema_that_changes_is_noticed),
		cmocka_unit_test(a_cursor_keeps_its_row),
		cmocka_unit_test(time_goes_on),
		cmocka_unit_test(memory_may_be_out_anywhere),
		cmocka_unit_test(how_many_rows_have_changed_is_counted),
	};

	rng = testing_seed();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
