/* SPDX-License-Identifier: MIT */
/*
 * deque_table_test.c - queues in SQL: deque() and deques() in FROM, and what statements do with
 * them
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

static struct show_db at;

static int set_up(void **state)
{
	static const char *const sqls[] = {
		"CREATE TABLE jobs (url text, n smallint, host string)", "CREATE DEQUE ON jobs",
		"INSERT INTO jobs VALUES ('x', 1, 'a'), ('y', NULL, 'b'), ('z', 3, 'a')",
		"CREATE TABLE per (h string, n int, ok bool)", "CREATE DEQUE by_h ON per (h)",
		"INSERT INTO per VALUES ('a', 1, true), ('b', 2, NULL), ('a', 3, false)",
		"CREATE TABLE plain (n int)",
	};
	(void)state;
	show_open(&at, sqls, sizeof sqls / sizeof *sqls);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	show_close(&at);
	return 0;
}

static void a_queue_is_read_from_either_end(void **state)
{
	(void)state;
	show_expect(at.txn, "SELECT * FROM deque('jobs')", "1|x|1|a\n2|y|~|b\n3|z|3|a\n");
	show_expect(at.txn, "SELECT url, rowid FROM deque('jobs', reverse = true) LIMIT 2", "z|3\ny|2\n");
	show_expect(at.txn, "SELECT count(*), sum(n) FROM deque('jobs') q WHERE q.host = 'a'", "2|4\n");
	show_expect(at.txn, "SELECT n, ok FROM deque('per', queue = 'a', name = 'by_h')", "1|true\n3|false\n");
	show_expect(at.txn, "SELECT n FROM deque('per', queue = 'none')", "");
	show_expect(at.txn, "SELECT queue, len FROM deques('per') ORDER BY queue", "a|2\nb|1\n");
	show_expect(at.txn, "SELECT len FROM deques('jobs')", "3\n");
}

static void statements_push_and_pop(void **state)
{
	(void)state;
	show_expect(at.txn, "DELETE FROM jobs WHERE rowid IN (SELECT rowid FROM deque('jobs') LIMIT 2) RETURNING url",
		    "x\ny\n");
	show_expect(at.txn, "INSERT INTO jobs VALUES ('v', 5, 'c')", "");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "z\nv\n");
	show_expect(at.txn, "DELETE FROM jobs WHERE rowid IN (SELECT rowid FROM deque('jobs', reverse = true) LIMIT 1) "
			 "RETURNING url", "v\n");
	show_expect(at.txn, "SELECT j.url, d.rowid FROM deque('jobs') d JOIN jobs j ON j.rowid = d.rowid", "z|3\n");
}

static void wrong_calls_say_so(void **state)
{
	static const struct {
		const char *sql;
		int code;
	} wrong[] = {
		{ "SELECT * FROM deque('per')", STOA_EINVAL },
		{ "SELECT * FROM deque('jobs', queue = 'a')", STOA_EINVAL },
		{ "SELECT * FROM deque('plain')", STOA_ENOTFOUND },
		{ "SELECT * FROM deque('none')", STOA_ENOTFOUND },
		{ "SELECT * FROM deque(1)", STOA_ETYPE },
		{ "SELECT * FROM deque()", STOA_EINVAL },
		{ "SELECT * FROM deque('per', queue = 'a', name = 'other')", STOA_ENOTFOUND },
		{ "SELECT * FROM deque('jobs', reverse = 1)", STOA_ETYPE },
		{ "SELECT * FROM deque('jobs', back = true)", STOA_EINVAL },
	};
	struct stoa_error err;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char *got = show_query(at.txn, wrong[i].sql, &err);
		if (got || err.code != wrong[i].code)
			fail_msg("%s\n-> %s (%s)", wrong[i].sql, got ? got : err.text,
				 stoa_result_name(err.code));
	}
}

static void a_cursor_outlives_what_happens_to_its_queue(void **state)
{
	struct stoa_error err;
	const struct stoa_value *row;
	stoa_cursor *queue, *list;

	(void)state;
	assert_int_equal(stoa_query(at.txn, "SELECT url FROM deque('jobs')", &queue, &err), STOA_OK);
	assert_int_equal(stoa_query(at.txn, "SELECT queue, len FROM deques('per')", &list, &err), STOA_OK);
	show_expect(at.txn, "DELETE FROM jobs", "");
	show_expect(at.txn, "DELETE FROM per", "");
	assert_int_equal(stoa_commit(at.txn, &err), STOA_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(stoa_next(queue, &row, &err), STOA_ROW);
	assert_memory_equal(row[0].p, "z", 1);
	assert_int_equal(stoa_next(queue, &row, &err), STOA_END);
	assert_int_equal(stoa_next(list, &row, &err), STOA_ROW);
	assert_int_equal(stoa_next(list, &row, &err), STOA_ROW);
	assert_int_equal(stoa_next(list, &row, &err), STOA_END);
	stoa_cursor_close(queue);
	stoa_cursor_close(list);
	assert_int_equal(stoa_begin(at.db, STOA_WRITE, &at.txn, &err), STOA_OK);
}

static void memory_may_run_out_anywhere(void **state)
{
	static const char *const sqls[] = {
		"SELECT rowid, host, url FROM deque('jobs', reverse = true)",
		"SELECT queue, len FROM deques('per', name = 'by_h') ORDER BY 1",
	};
	struct stoa_error err;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (long nth = 0;; nth++) {
			stoa__fault_arm(nth, nth % 2);
			char *got = show_query(at.txn, sqls[i], &err);
			bool fired = stoa__fault_disarm();
			if (!got && (!fired || err.code != STOA_ENOMEM))
				fail_msg("%s\n-> %s", sqls[i], err.text);
			free(got);
			if (!fired)
				break;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_queue_is_read_from_either_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(statements_push_and_pop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_calls_say_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cursor_outlives_what_happens_to_its_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
