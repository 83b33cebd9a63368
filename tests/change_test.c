/* SPDX-License-Identifier: MIT */
/*
 * change_test.c - INSERT, UPDATE, DELETE: what they do, what they return, and that an error, of
 * whatever kind and wherever, leaves everything as it was
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

static stoa_db *db;
static stoa_txn *txn;
static stoa_table item;

static const struct stoa_slot slots[] = {
	{ .name = "id", .type = STOA_I32, .flags = STOA_NOT_NULL },
	{ .name = "name", .type = STOA_STRING, .value = { .type = STOA_STRING, .len = 4, .p = "none" } },
	{ .name = "price", .type = STOA_DECIMAL, .precision = 8, .scale = 2 },
	{ .name = "made", .type = STOA_DATE },
	{ .name = "note", .type = STOA_TEXT },
	{ .name = "small", .type = STOA_U8, .value = { .type = STOA_U8, .u = 7 } },
};
#define N_SLOTS (sizeof slots / sizeof *slots)

static int begin(void **state)
{
	struct stoa_error err;

	(void)state;
	if (stoa_open(NULL, NULL, &db, &err) < 0 || stoa_begin(db, STOA_WRITE, &txn, &err) < 0 ||
	    stoa_table_create(txn, "item", slots, N_SLOTS, &item, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int end(void **state)
{
	(void)state;
	stoa_abort(txn);
	return stoa_close(db, NULL);
}

static char *run(const char *sql, uint64_t *changes, struct stoa_error *err)
{
	stoa_cursor *cur;
	int rc = stoa_query(txn, sql, &cur, err);

	if (rc < 0)
		return NULL;
	*changes = stoa_changes(cur);
	return show_cursor(cur, false, &rc, err);
}

/* Runs @sql, which must change @changes rows and give @rows. */
static void good(const char *sql, uint64_t changes, const char *rows)
{
	struct stoa_error err;
	uint64_t n;
	char *got = run(sql, &n, &err);

	if (!got)
		fail_msg("%s\n-> %s", sql, err.text);
	if (n != changes || strcmp(got, rows) != 0)
		fail_msg("%s\n-> %llu changes\n%s\nnot %llu\n%s", sql, (unsigned long long)n, got,
			 (unsigned long long)changes, rows);
	free(got);
}

#define ALL "SELECT rowid, * FROM item"

static char *all(void)
{
	struct stoa_error err;
	uint64_t n;
	char *text = run(ALL, &n, &err);

	if (!text)
		fail_msg("%s", err.text);
	return text;
}

/* Runs @sql, which must fail there and so, and change nothing. */
static void bad(const char *sql, int code, unsigned line, unsigned column, const char *word)
{
	struct stoa_error err = { 0 };
	char *before = all(), *after;
	uint64_t n;
	char *got = run(sql, &n, &err);

	if (got)
		fail_msg("%s\n-> %s", sql, got);
	if (err.code != code || err.line != line || (column && err.column != column) ||
	    !strstr(err.text, word))
		fail_msg("%s\n-> %s %u:%u %s", sql, stoa_result_name(err.code), (unsigned)err.line,
			 (unsigned)err.column, err.text);
	after = all();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* ---- what they do ---------------------------------------------------------------------------- */

static void insert_takes_values_defaults_and_queries(void **state)
{
	(void)state;
	good("INSERT INTO item VALUES (1, 'tea', 1.255, '2026-01-31', NULL, 255)", 1, "");
	good("INSERT INTO item (small, id) VALUES (DEFAULT, 2), (3, 1 + 2)", 2, "");
	good("INSERT INTO item AS i (id, note) VALUES (4, 5) RETURNING i.id, note || '!', rowid", 1,
	     "4|5!|4\n");
	good("INSERT INTO item (name, id, made) SELECT upper(name), id + 10, made FROM item "
	     "WHERE id < 3 RETURNING *", 2,
	     "11|TEA|~|2026-01-31|~|7\n12|NONE|~|~|~|7\n");
	good("INSERT INTO item (id, made) SELECT 20, '2026-02-01'", 1, "");
	good(ALL, 0,
	     "1|1|tea|1.26|2026-01-31|~|255\n2|2|none|~|~|~|7\n3|3|none|~|~|~|3\n4|4|none|~|~|5|7\n"
	     "5|11|TEA|~|2026-01-31|~|7\n6|12|NONE|~|~|~|7\n7|20|none|~|2026-02-01|~|7\n");
}

static void update_sees_the_rows_as_they_were(void **state)
{
	(void)state;
	good("INSERT INTO item (id, small) VALUES (1, 10), (2, 20), (3, 30)", 3, "");
	good("UPDATE item SET id = small, small = id WHERE id < 3", 2, "");
	good("SELECT id, small FROM item", 0, "10|1\n20|2\n3|30\n");
	good("UPDATE item AS t SET id = t.id + 1, name = DEFAULT, price = id WHERE rowid IN (3, 1, 99, 1) "
	     "RETURNING id, price, rowid", 2, "11|10.00|1\n4|3.00|3\n");
	good("UPDATE item SET small = 1 WHERE id > 1000 RETURNING *", 0, "");
}

static void delete_returns_what_the_rows_were(void **state)
{
	(void)state;
	good("INSERT INTO item (id) VALUES (1), (2), (3), (4)", 4, "");
	good("DELETE FROM item WHERE id % 2 = 0 RETURNING id * 10, rowid", 2, "20|2\n40|4\n");
	good("DELETE FROM item WHERE rowid = 3", 1, "");
	good("DELETE FROM item WHERE rowid = 3", 0, "");
	good("DELETE FROM item RETURNING id", 1, "1\n");
	good(ALL, 0, "");
}

/* An INSERT that reads its own table ends; an UPDATE that moves rows forward meets each once. */
static void a_statement_does_not_meet_its_own_rows(void **state)
{
	(void)state;
	good("INSERT INTO item (id) VALUES (1)", 1, "");
	for (unsigned i = 0; i < 12; i++)
		good("INSERT INTO item (id) SELECT id + 1 FROM item", UINT64_C(1) << i, "");
	good("SELECT count(*), count(DISTINCT rowid), max(id) FROM item", 0, "4096|4096|13\n");
	good("UPDATE item SET id = id + 1 WHERE id < 1000", 4096, "");
	good("SELECT max(id), sum(id) FROM item", 0, "14|32768\n");
	good("DELETE FROM item WHERE id > 1", 4096, "");
}

static void subqueries_stand_wherever_expressions_do(void **state)
{
	(void)state;
	good("INSERT INTO item (id, small) VALUES (1, 10), (2, 20), (3, 30)", 3, "");
	good("INSERT INTO item (id, small) VALUES ((SELECT max(id) FROM item) + 1, 40), "
	     "((SELECT max(id) FROM item), 50)", 2, "");
	good("UPDATE item SET small = (SELECT count(*) FROM item AS o WHERE o.id = item.id) "
	     "WHERE id IN (SELECT id FROM item WHERE small > 10)", 4, "");
	good("SELECT id, small FROM item ORDER BY rowid", 0, "1|10\n2|1\n3|1\n4|2\n4|2\n");
	good("DELETE FROM item WHERE EXISTS (SELECT 1 FROM item AS o WHERE o.id = item.id AND "
	     "o.rowid < item.rowid) RETURNING id, (SELECT count(*) FROM item)", 1, "4|5\n");
	good("INSERT INTO item (id) WITH x AS (SELECT id FROM item) SELECT -id FROM x UNION ALL "
	     "VALUES (9) ORDER BY 1 LIMIT 3", 3, "");
	good("SELECT id FROM item WHERE rowid > 5 ORDER BY rowid", 0, "-4\n-3\n-2\n");
	bad("UPDATE item SET id = (SELECT id FROM item)", STOA_EINVAL, 1, 22, "row");
}

static void rows_are_found_by_rowid_without_a_scan(void **state)
{
	(void)state;
	good("INSERT INTO item (id) VALUES (1)", 1, "");
	for (unsigned i = 0; i < 12; i++)
		good("INSERT INTO item (id, note) SELECT id, 'n' || rowid FROM item",
		     UINT64_C(1) << i, "");
	good("DELETE FROM item WHERE rowid BETWEEN 300 AND 399", 100, "");
	good("SELECT count(*) FROM item WHERE rowid BETWEEN 290 AND 410", 0, "21\n");
	good("SELECT rowid FROM item WHERE rowid IN (4000, 299, 300, 2, 400, 4000, 5000)", 0,
	     "2\n299\n400\n4000\n");
	good("SELECT rowid FROM item WHERE rowid = 350", 0, "");
	good("SELECT rowid FROM item WHERE rowid = -1 OR rowid = 7", 0, "7\n");
	good("UPDATE item SET note = 'x' WHERE rowid = 2049 RETURNING rowid, note", 1, "2049|x\n");
	good("SELECT note FROM item WHERE rowid BETWEEN 2048 AND 2050", 0, "n1024\nx\nn2\n");
}

/* The same over encoded row groups, with overlays and dead rows. */
static void rows_are_found_by_rowid_in_row_groups(void **state)
{
	(void)state;
	good("INSERT INTO item (id) VALUES (1)", 1, "");
	for (unsigned i = 0; i < 17; i++)
		good("INSERT INTO item (id, name, note) SELECT rowid % 100, 's' || rowid % 7, "
		     "'n' || rowid FROM item", UINT64_C(1) << i, "");
	good("DELETE FROM item WHERE rowid % 10 = 3", 13107, "");
	good("UPDATE item SET name = 'new', small = 9 WHERE rowid BETWEEN 65500 AND 65600", 91, "");
	good("SELECT rowid, name, note, small FROM item WHERE rowid IN "
	     "(65535, 131072, 7, 65537, 65503, 100000, 65536, 200000)", 0,
	     "7|s3|n3|7\n65535|new|n32767|9\n65536|new|n32768|9\n65537|new|n1|9\n"
	     "100000|s3|n34464|7\n131072|s2|n65536|7\n");
	good("SELECT count(*), sum(small) FROM item WHERE rowid BETWEEN 65000 AND 66000", 0,
	     "901|6489\n");
	good("DELETE FROM item WHERE rowid IN (65535, 65536, 65537) RETURNING note", 3,
	     "n32767\nn32768\nn1\n");
	good("SELECT count(*) FROM item", 0, "117962\n");
}

static void parameters_take_the_type_of_their_slot(void **state)
{
	struct stoa_value v;
	struct stoa_error err;
	stoa_stmt *stmt;
	const char *sql = "INSERT INTO item (id, made, price) VALUES (?, ?, ?)";

	(void)state;
	assert_int_equal(stoa_prepare(txn, sql, strlen(sql), &stmt, &err), STOA_OK);
	assert_true(stoa_stmt_writes(stmt));
	for (int i = 0; i < 3; i++) {
		v = stoa_i64(i);
		assert_int_equal(stoa_bind(stmt, 1, &v, &err), STOA_OK);
		v = stoa_text("2026-01-31");
		assert_int_equal(stoa_bind(stmt, 2, &v, &err), STOA_OK);
		v = stoa_f64(0.5 + i);
		assert_int_equal(stoa_bind(stmt, 3, &v, &err), STOA_OK);
		assert_int_equal(stoa_execute(stmt, txn, NULL, &err), STOA_OK);
	}
	v = stoa_i64(INT64_C(1) << 40);
	assert_int_equal(stoa_bind(stmt, 1, &v, &err), STOA_OK);
	assert_int_equal(stoa_execute(stmt, txn, NULL, &err), STOA_ERANGE);
	stoa_stmt_free(stmt);
	good("SELECT id, made, price FROM item", 0,
	     "0|2026-01-31|0.50\n1|2026-01-31|1.50\n2|2026-01-31|2.50\n");
}

static void a_cursor_of_returning_outlives_later_changes(void **state)
{
	struct stoa_error err;
	stoa_cursor *cur;
	char *text;
	int rc;

	(void)state;
	good("INSERT INTO item (id) VALUES (1), (2)", 2, "");
	assert_int_equal(stoa_query(txn, "UPDATE item SET id = id + 5 RETURNING id", &cur, &err), 0);
	good("UPDATE item SET id = 100", 2, "");
	good("DELETE FROM item", 2, "");
	text = show_cursor(cur, false, &rc, &err);
	assert_string_equal(text, "6\n7\n");
	free(text);
}

/* ---- what they refuse ------------------------------------------------------------------------ */

static void errors_say_where_and_change_nothing(void **state)
{
	(void)state;
	good("INSERT INTO item (id, name, small) VALUES (1, 'a', 1), (2, 'b', 0), (3, 'c', 2)", 3, "");
	bad("INSERT INTO nothing VALUES (1)", STOA_ENOTFOUND, 1, 13, "nothing");
	bad("INSERT INTO item (id, nix) VALUES (1, 2)", STOA_ENOTFOUND, 1, 23, "nix");
	bad("INSERT INTO item (id, ID) VALUES (1, 2)", STOA_EINVAL, 1, 23, "twice");
	bad("INSERT INTO item (id, name)\nVALUES (1, 'x'),\n (2)", STOA_EINVAL, 3, 2, "1 values");
	bad("INSERT INTO item (id) SELECT id, name FROM item", STOA_EINVAL, 1, 23, "2 columns");
	bad("INSERT INTO item (id) VALUES (4), (5), (NULL), (6)", STOA_ENULL, 1, 40, "id");
	bad("INSERT INTO item (id) VALUES (4),\n(300000000000)", STOA_ERANGE, 2, 2, "");
	bad("INSERT INTO item (id, small) VALUES (4, -1)", STOA_ERANGE, 1, 41, "");
	bad("INSERT INTO item (id, made) VALUES (4, 'soon')", STOA_ETYPE, 1, 40, "date");
	bad("INSERT INTO item (id, made) VALUES (4, 5)", STOA_ETYPE, 1, 40, "made");
	bad("INSERT INTO item (id) VALUES (4), (1 / 0)", STOA_EDIVZERO, 1, 38, "zero");
	bad("INSERT INTO item (id) VALUES (id)", STOA_ENOTFOUND, 1, 31, "id");
	bad("INSERT INTO item (id) VALUES (DEFAULT + 1)", STOA_EINVAL, 1, 31, "DEFAULT");
	bad("INSERT INTO item (id) SELECT 10 / small FROM item", STOA_EDIVZERO, 1, 33, "zero");
	bad("INSERT INTO item DEFAULT VALUES", STOA_ENULL, 0, 0, "id");
	bad("UPDATE item SET id = 10 / small", STOA_EDIVZERO, 1, 25, "zero");
	bad("UPDATE item SET id = NULL WHERE id = 2", STOA_ENULL, 0, 0, "id");
	bad("UPDATE item SET rowid = 4", STOA_ENOTFOUND, 1, 17, "rowid");
	bad("UPDATE item SET id = 4, small = 5, id = 6", STOA_EINVAL, 1, 36, "twice");
	bad("UPDATE item SET small = small - 1", STOA_ERANGE, 1, 31, "");
	bad("UPDATE item SET id = 4 WHERE name", STOA_ETYPE, 1, 30, "WHERE");
	bad("UPDATE item SET id = id + 1 RETURNING 1 / (small - 2)", STOA_EDIVZERO, 1, 41, "zero");
	bad("UPDATE item SET id = count(*)", STOA_EINVAL, 1, 0, "");
	bad("DELETE FROM item WHERE 1 / (small - 1) > 0", STOA_EDIVZERO, 1, 26, "zero");
	bad("DELETE FROM item RETURNING 1 / (small - 2)", STOA_EDIVZERO, 1, 30, "zero");
	bad("DELETE FROM item RETURNING sum(id)", STOA_EINVAL, 1, 28, "aggregate");
	bad("DELETE FROM item RETURNING 1 + sum(id)", STOA_EINVAL, 1, 30, "aggregate");
	bad("DELETE FROM item RETURNING nix", STOA_ENOTFOUND, 1, 28, "nix");
	bad("INSERT INTO item (id) VALUES (9) ON CONFLICT (id) DO NOTHING", STOA_EINVAL, 1, 37,
	    "unique");
	bad("INSERT INTO item (id) VALUES (9) ON CONFLICT DO UPDATE SET id = 1", STOA_EINVAL, 1, 37,
	    "columns");
}

static void keys_that_are_taken_are_dealt_with(void **state)
{
	(void)state;
	good("CREATE UNIQUE INDEX by_id ON item (id)", 0, "");
	good("INSERT INTO item (id, name, small) VALUES (1, 'a', 1), (2, 'b', 2)", 2, "");
	bad("INSERT INTO item (id) VALUES (3), (2)", STOA_EEXIST, 1, 35, "by_id");
	good("INSERT INTO item (id, name) VALUES (2, 'x'), (3, 'c'), (3, 'd') ON CONFLICT DO NOTHING "
	     "RETURNING id, name", 1, "3|c\n");
	good("INSERT INTO item (id, name) VALUES (1, 'y') ON CONFLICT (id) DO NOTHING", 0, "");
	good("INSERT INTO item (id, name) VALUES (1, 'aa'), (4, 'dd') ON CONFLICT (id) DO UPDATE "
	     "SET name = excluded.name RETURNING id, name, rowid", 2, "1|aa|1\n4|dd|4\n");
	good("INSERT INTO item AS t (id, small) SELECT id, 10 FROM item WHERE id < 4 ON CONFLICT (id) "
	     "DO UPDATE SET small = small + excluded.small, note = t.name || excluded.name "
	     "WHERE t.id <> 2 RETURNING id, small, note", 2, "1|11|aanone\n3|17|cnone\n");
	good("INSERT INTO item (id, name) VALUES (5, 'e'), (5, 'f') ON CONFLICT (id) DO UPDATE SET "
	     "name = item.name || excluded.name, small = DEFAULT", 2, "");
	good("SELECT rowid, id, name, small FROM item", 0,
	     "1|1|aa|11\n2|2|b|2\n3|3|c|17\n4|4|dd|7\n5|5|ef|7\n");
	bad("INSERT INTO item (id) VALUES (9), (1) ON CONFLICT (id) DO UPDATE SET small = "
	    "1 / (small - 11)", STOA_EDIVZERO, 1, 80, "zero");
	bad("INSERT INTO item (id) VALUES (9), (1) ON CONFLICT (id) DO UPDATE SET id = 2", STOA_EEXIST,
	    1, 0, "by_id");
	bad("INSERT INTO item (id) VALUES (1) ON CONFLICT (nix) DO NOTHING", STOA_ENOTFOUND, 1, 47,
	    "nix");
	bad("INSERT INTO item (id) VALUES (1) ON CONFLICT (name) DO NOTHING", STOA_EINVAL, 1, 37,
	    "unique");
	bad("INSERT INTO item (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET nix = 1", STOA_ENOTFOUND,
	    1, 65, "nix");
	bad("INSERT INTO item (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET small = excluded.nix",
	    STOA_ENOTFOUND, 1, 73, "nix");
	good("CREATE UNIQUE INDEX pair ON item (name, small)", 0, "");
	good("INSERT INTO item (id, name, small) VALUES (6, NULL, 1), (7, NULL, 1), (8, 'dd', 7) "
	     "ON CONFLICT (small, name) DO UPDATE SET price = 1 RETURNING id, price", 3,
	     "6|~\n7|~\n4|1.00\n");
	good("UPDATE item SET id = -id", 7, "");
	bad("UPDATE item SET id = 5", STOA_EEXIST, 0, 0, "by_id");
	good("DROP INDEX by_id ON item", 0, "");
	good("UPDATE item SET id = 5", 7, "");
}

static void a_read_transaction_does_not_write(void **state)
{
	struct stoa_error err;
	stoa_txn *read;
	stoa_cursor *cur;

	(void)state;
	assert_int_equal(stoa_commit(txn, &err), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_READ, &read, &err), STOA_OK);
	assert_int_equal(stoa_query(read, "INSERT INTO item (id) VALUES (1)", &cur, &err),
			 STOA_EREADONLY);
	assert_int_equal(stoa_query(read, "DELETE FROM item", &cur, &err), STOA_EREADONLY);
	assert_null(cur);
	stoa_abort(read);
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
}

static void a_failed_statement_keeps_older_savepoints(void **state)
{
	struct stoa_error err;
	uint32_t a, b;

	(void)state;
	good("INSERT INTO item (id) VALUES (1)", 1, "");
	assert_int_equal(stoa_savepoint(txn, &a, &err), STOA_OK);
	good("INSERT INTO item (id) VALUES (2), (3)", 2, "");
	bad("UPDATE item SET id = 1 / (id - 2)", STOA_EDIVZERO, 1, 24, "zero");
	assert_int_equal(stoa_savepoint(txn, &b, &err), STOA_OK);
	assert_int_equal(b, a + 1);
	good("DELETE FROM item", 3, "");
	assert_int_equal(stoa_release(txn, b, &err), STOA_OK);
	assert_int_equal(stoa_rollback_to(txn, b, &err), STOA_EINVAL);
	assert_int_equal(stoa_rollback_to(txn, a, &err), STOA_OK);
	good("SELECT id FROM item", 0, "1\n");
	assert_int_equal(stoa_release(txn, a, &err), STOA_OK);
	assert_int_equal(stoa_release(txn, a, &err), STOA_EINVAL);
	assert_int_equal(stoa_release(txn, 0, &err), STOA_EINVAL);
}

static void every_allocation_that_fails_leaves_all_as_it_was(void **state)
{
	static const char *const statements[] = {
		"INSERT INTO item (id, name) VALUES (7, 'x')",
		"INSERT INTO item (id, note) VALUES (8, 'n' || 1), (9, lower('Q')) RETURNING id + 1",
		"INSERT INTO item (id, name) SELECT id + 10, name || 'y' FROM item RETURNING *",
		"UPDATE item SET name = name || 'z', price = 1 WHERE id > 1 RETURNING name || 'q'",
		"UPDATE item SET note = 'm' WHERE rowid = 2",
		"DELETE FROM item WHERE id = 2 RETURNING note, rowid + 1",
		("INSERT INTO item (id, name) VALUES (2, 'n'), (4, 'm') ON CONFLICT (id) DO UPDATE SET "
		 "name = item.name || excluded.name WHERE item.id > 0 RETURNING name"),
		"DELETE FROM item",
	};

	(void)state;
	good("INSERT INTO item (id, name, note) VALUES (1, 'a', 'n'), (2, 'b', 'o'), (3, 'c', NULL)", 3,
	     "");
	good("CREATE UNIQUE INDEX ON item (id)", 0, "");
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		for (long nth = 0;; nth++) {
			struct stoa_error err = { 0 };
			char *before = all(), *after;
			stoa_cursor *cur;
			uint32_t mark;
			assert_int_equal(stoa_savepoint(txn, &mark, &err), STOA_OK);
			stoa__fault_arm(nth, false);
			int rc = stoa_query(txn, statements[i], &cur, &err);
			bool fired = stoa__fault_disarm();
			/* Saying what a cursor needs of its version may fail: it needs all then. */
			if (rc == STOA_OK) {
				stoa_cursor_close(cur);
				assert_int_equal(stoa_rollback_to(txn, mark, &err), STOA_OK);
			} else if (!fired || rc != STOA_ENOMEM) {
				fail_msg("%s, allocation %ld: %d", statements[i], nth, rc);
			}
			after = all();
			assert_string_equal(before, after);
			free(before);
			free(after);
			assert_int_equal(stoa_release(txn, mark, &err), STOA_OK);
			if (!fired)
				break;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(insert_takes_values_defaults_and_queries),
		TEST(update_sees_the_rows_as_they_were),
		TEST(delete_returns_what_the_rows_were),
		TEST(a_statement_does_not_meet_its_own_rows),
		TEST(subqueries_stand_wherever_expressions_do),
		TEST(rows_are_found_by_rowid_without_a_scan),
		TEST(rows_are_found_by_rowid_in_row_groups),
		TEST(parameters_take_the_type_of_their_slot),
		TEST(a_cursor_of_returning_outlives_later_changes),
		TEST(errors_say_where_and_change_nothing),
		TEST(keys_that_are_taken_are_dealt_with),
		TEST(a_read_transaction_does_not_write),
		TEST(a_failed_statement_keeps_older_savepoints),
		TEST(every_allocation_that_fails_leaves_all_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
