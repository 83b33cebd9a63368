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

static void jobs_are_claimed_and_acked(void **state)
{
	(void)state;
	show_expect(at.txn, "CLAIM 2 FROM jobs LEASE INTERVAL '1 hour' RETURNING rowid, attempt, url",
		    "1|1|x\n2|1|y\n");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "z\n");
	show_expect(at.txn, "SELECT rowid, attempt, host, deadline > TIMESTAMP '2020-01-01' FROM leases('jobs')",
		    "1|1|a|true\n2|1|b|true\n");
	show_expect(at.txn, "SELECT count(*) FROM leases('jobs', name = 'deque') WHERE n IS NULL", "1\n");
	/* Whose lease is over finds nothing to ack. */
	show_expect(at.txn, "ACK jobs WHERE rowid = 1 AND attempt = 2 RETURNING *", "");
	show_expect(at.txn, "ACK jobs WHERE rowid = 1 AND attempt = 1 RETURNING url", "x\n");
	show_expect(at.txn, "SELECT url FROM jobs", "y\nz\n");
	show_expect(at.txn, "ACK jobs RETURNING jobs.url || '!'", "y!\n");
	show_expect(at.txn, "ACK jobs RETURNING url", "");
	show_expect(at.txn, "SELECT url FROM jobs", "z\n");
}

static void a_lease_and_its_row_may_have_columns_of_the_same_name(void **state)
{
	struct stoa_error err;

	(void)state;
	show_expect(at.txn, "CREATE TABLE j (attempt int, deadline text, rowid text)", "");
	show_expect(at.txn, "CREATE DEQUE ON j", "");
	show_expect(at.txn, "INSERT INTO j VALUES (7, 'soon', 'r'), (8, 'later', 's')", "");
	show_expect(at.txn, "CLAIM FROM j LEASE INTERVAL '1 hour' RETURNING lease.rowid, lease.attempt, j.attempt",
		    "1|1|7\n");
	show_expect(at.txn, "SELECT lease.rowid, l.rowid, lease.attempt, l.attempt, l.deadline FROM leases('j') l",
		    "1|r|1|7|soon\n");
	assert_null(show_query(at.txn, "ACK j WHERE attempt = 1", &err));
	assert_string_equal(err.text, "'attempt' may mean a column of 'lease' or of 'j': say which");
	assert_null(show_query(at.txn, "ACK j WHERE lease.n = 1", &err));
	assert_int_equal(err.code, STOA_ENOTFOUND);
	show_expect(at.txn, "EXTEND j WHERE lease.attempt = 7", "");
	show_expect(at.txn, "ACK j WHERE lease.rowid = 1 AND lease.attempt = 1 AND j.attempt = 7 RETURNING j.rowid",
		    "r\n");
	/* Where nothing has the same name all of them go by any. */
	show_expect(at.txn, "CLAIM FROM jobs RETURNING attempt, jobs.attempt, lease.attempt, lease.deadline = deadline",
		    "1|1|1|true\n");
	/* A table of that name is meant by its name. */
	show_expect(at.txn, "CREATE TABLE lease (attempt int)", "");
	show_expect(at.txn, "INSERT INTO lease VALUES (99)", "");
	show_expect(at.txn, "SELECT l.attempt, lease.attempt FROM leases('jobs') l, lease", "1|99\n");
}

static void jobs_go_back_to_either_end_or_later(void **state)
{
	(void)state;
	show_expect(at.txn, "CLAIM FROM jobs LEASE INTERVAL '1 hour'", "");
	show_expect(at.txn, "NACK jobs BACK WHERE rowid = 1 RETURNING url, attempt", "x|1\n");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "y\nz\nx\n");
	show_expect(at.txn, "CLAIM 9 FROM jobs RETURNING url, attempt", "y|1\nz|1\nx|2\n");
	show_expect(at.txn, "CLAIM 9 FROM jobs RETURNING url", "");
	show_expect(at.txn, "NACK jobs FRONT WHERE url = 'z'", "");
	show_expect(at.txn, "NACK jobs DELAY INTERVAL '1 hour' WHERE url = 'y'", "");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "z\n");
	show_expect(at.txn, "EXTEND jobs LEASE INTERVAL '20 days' "
			    "RETURNING url, deadline > now() + INTERVAL '19 days'", "x|true\n");
	show_expect(at.txn, "SELECT deadline > now() + INTERVAL '19 days' FROM leases('jobs')", "true\n");
	/* A lease that is over at once is given back to who looks next. */
	show_expect(at.txn, "EXTEND jobs LEASE INTERVAL '0 seconds'", "");
	show_expect(at.txn, "CLAIM 2 FROM jobs RETURNING url, attempt", "x|3\nz|2\n");
}

static void rows_are_popped_in_the_order_of_their_queue(void **state)
{
	(void)state;
	show_expect(at.txn, "POP 2 FROM jobs BACK RETURNING *", "3|z|3|a\n2|y|~|b\n");
	show_expect(at.txn, "POP 1 + 1 FROM jobs RETURNING url", "x\n");
	show_expect(at.txn, "POP FROM jobs RETURNING url", "");
	show_expect(at.txn, "POP 0 FROM per QUEUE 'a' RETURNING n", "");
	show_expect(at.txn, "POP 5 FROM per DEQUE by_h QUEUE 'a' RETURNING n, ok", "1|true\n3|false\n");
	show_expect(at.txn, "SELECT n FROM per", "2\n");
	show_expect(at.txn, "INSERT INTO per VALUES (NULL, 4, true)", "");
	show_expect(at.txn, "POP 5 FROM per QUEUE NULL RETURNING n", "4\n");
}

static void a_table_may_have_slots_named_like_those_of_a_lease(void **state)
{
	(void)state;
	show_expect(at.txn, "CREATE TABLE tries (attempt int)", "");
	show_expect(at.txn, "CREATE DEQUE ON tries", "");
	show_expect(at.txn, "INSERT INTO tries VALUES (7), (8)", "");
	show_expect(at.txn, "POP FROM tries RETURNING *", "1|7\n");
	show_expect(at.txn, "CLAIM FROM tries RETURNING rowid", "2\n");
}

static void rows_are_pushed_at_the_front(void **state)
{
	(void)state;
	show_expect(at.txn, "INSERT FRONT INTO jobs (url) VALUES ('v'), ('w') RETURNING url", "v\nw\n");
	show_expect(at.txn, "INSERT FRONT INTO jobs DEQUE deque SELECT 'q', 1, 'c'", "");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "q\nw\nv\nx\ny\nz\n");
	show_expect(at.txn, "INSERT FRONT INTO jobs (url, n, host) "
			    "SELECT 'many', 1, 'd' FROM generate_series(1, 5000)", "");
	show_expect(at.txn, "SELECT url FROM deque('jobs') LIMIT 1", "many\n");
	show_expect(at.txn, "SELECT url FROM deque('jobs', reverse = true) LIMIT 1", "z\n");
}

/* The result, the mark in a set and the ack are one thing. */
static void a_job_and_its_result_are_one_transaction(void **state)
{
	struct stoa_error err;
	uint32_t mark;

	(void)state;
	show_expect(at.txn, "CREATE TABLE results (url text, len int)", "");
	show_expect(at.txn, "CREATE UNIQUE INDEX ON results (url)", "");
	show_expect(at.txn, "CLAIM FROM jobs", "");
	assert_int_equal(stoa_savepoint(at.txn, &mark, &err), STOA_OK);
	show_expect(at.txn, "INSERT INTO results SELECT url, length(url) FROM leases('jobs')", "");
	show_expect(at.txn, "ACK jobs WHERE rowid = 1 AND attempt = 1", "");
	show_expect(at.txn, "SELECT r.url, (SELECT count(*) FROM jobs) FROM results r", "x|2\n");
	assert_int_equal(stoa_rollback_to(at.txn, mark, &err), STOA_OK);
	show_expect(at.txn, "SELECT url FROM leases('jobs')", "x\n");
	show_expect(at.txn, "SELECT count(*) FROM results", "0\n");
}

static void statements_of_queues_explain_themselves(void **state)
{
	struct stoa_error err;
	char *got;

	(void)state;
	show_expect(at.txn, "EXPLAIN POP 2 FROM jobs", "pop the first of deque deque\n");
	show_expect(at.txn, "EXPLAIN CLAIM FROM per", "claim the first of deque by_h\n");
	show_expect(at.txn, "EXPLAIN NACK jobs WHERE n = 3",
		    "give back what follows\n"
		    "\xe2\x94\x94\xe2\x94\x80 project rowid, attempt, deadline, url, n, host\n"
		    "   \xe2\x94\x94\xe2\x94\x80 filter n = 3\n"
		    "      \xe2\x94\x94\xe2\x94\x80 scan jobs (n, rowid, attempt, deadline, url, host)\n");
	/* Nothing was done, until it is analyzed. */
	show_expect(at.txn, "SELECT count(*) FROM deque('jobs')", "3\n");
	got = show_query(at.txn, "EXPLAIN ANALYZE POP 2 FROM jobs", &err);
	assert_non_null(got);
	assert_ptr_equal(strstr(got, "pop the first of deque deque\n2 rows changed"), got);
	free(got);
	show_expect(at.txn, "SELECT count(*) FROM deque('jobs')", "1\n");
}

static void their_words_are_names_too(void **state)
{
	(void)state;
	show_expect(at.txn, "CREATE TABLE queue (ack int, back int, claim int, delay int, front int)", "");
	show_expect(at.txn, "INSERT INTO queue VALUES (1, 2, 3, 4, 5)", "");
	show_expect(at.txn, "SELECT ack + back lease, claim pop, delay, front extend FROM queue nack", "3|3|4|5\n");
}

static void a_cursor_over_claims_outlives_them(void **state)
{
	struct stoa_error err;
	const struct stoa_value *row;
	stoa_cursor *cur;

	(void)state;
	assert_int_equal(stoa_query(at.txn, "CLAIM 2 FROM jobs RETURNING url", &cur, &err), STOA_OK);
	assert_int_equal(stoa_changes(cur), 2);
	show_expect(at.txn, "ACK jobs", "");
	assert_int_equal(stoa_commit(at.txn, &err), STOA_OK);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_memory_equal(row[0].p, "x", 1);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_END);
	stoa_cursor_close(cur);
	assert_int_equal(stoa_begin(at.db, STOA_WRITE, &at.txn, &err), STOA_OK);
}

static void parameters_say_how_many_of_which(void **state)
{
	static const char sql[] = "CLAIM ? FROM per QUEUE ?";
	struct stoa_value two = stoa_i64(2), a = stoa_bytes_value(STOA_TEXT, "a", 1);
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_stmt *stmt;

	(void)state;
	assert_int_equal(stoa_prepare(at.txn, sql, strlen(sql), &stmt, &err), STOA_OK);
	assert_int_equal(stoa_bind(stmt, 1, &two, &err), STOA_OK);
	assert_int_equal(stoa_bind(stmt, 2, &a, &err), STOA_OK);
	for (uint64_t want = 2;; want = 0) {
		assert_int_equal(stoa_execute(stmt, at.txn, &cur, &err), STOA_OK);
		assert_int_equal(stoa_changes(cur), want);
		stoa_cursor_close(cur);
		if (!want)
			break;
	}
	stoa_stmt_free(stmt);
	show_expect(at.txn, "SELECT n FROM leases('per')", "1\n3\n");
}

static void a_wrong_statement_says_where(void **state)
{
	static const struct {
		const char *sql;
		int code;
		uint32_t column;
	} wrong[] = {
		{ "POP FROM none", STOA_ENOTFOUND, 10 },
		{ "POP FROM plain", STOA_ENOTFOUND, 10 },
		{ "POP FROM jobs DEQUE other", STOA_ENOTFOUND, 21 },
		{ "CLAIM -1 FROM jobs", STOA_EINVAL, 7 },
		{ "CLAIM NULL FROM jobs", STOA_EINVAL, 7 },
		{ "CLAIM 'x' FROM jobs", STOA_ETYPE, 7 },
		{ "CLAIM n FROM jobs", STOA_ENOTFOUND, 7 },
		{ "CLAIM FROM jobs LEASE 30", STOA_ETYPE, 23 },
		{ "CLAIM FROM jobs LEASE INTERVAL '-1 second'", STOA_EINVAL, 23 },
		{ "CLAIM FROM jobs LEASE INTERVAL '50 days'", STOA_EINVAL, 23 },
		{ "ACK jobs WHERE m = 1", STOA_ENOTFOUND, 16 },
		{ "ACK jobs RETURNING count(*)", STOA_EINVAL, 20 },
		{ "NACK jobs LEASE INTERVAL '1 day'", STOA_ESYNTAX, 11 },
		{ "ROTATE jobs", STOA_ESYNTAX, 12 },
		{ "ROTATE jobs BY NULL", STOA_EINVAL, 16 },
		{ "ROTATE plain BY 1", STOA_ENOTFOUND, 8 },
		{ "CREATE DEQUE d ON plain WITH (size = 3)", STOA_EINVAL, 31 },
		{ "CREATE DEQUE d ON plain WITH (maxlen = 0)", STOA_EINVAL, 40 },
		{ "CREATE DEQUE d ON plain WITH (maxlen = 1e3)", STOA_EINVAL, 40 },
		{ "CREATE DEQUE d ON plain WITH (maxlen = 99999999999999999999)", STOA_EINVAL, 40 },
		{ "CREATE DEQUE d ON plain WITH (maxlen = 18446744073709551619)", STOA_EINVAL, 40 },
		{ "CREATE DEQUE d ON plain WITH (attempts = 4294967296, dead = jobs)", STOA_EINVAL, 42 },
		{ "CREATE DEQUE d ON plain WITH (attempts = 2, dead = nobody)", STOA_ENOTFOUND, 52 },
		{ "CREATE DEQUE d ON plain WITH (attempts = 2, dead = 2)", STOA_EINVAL, 52 },
		{ "CREATE DEQUE d ON plain WITH (attempts = 2)", STOA_EINVAL, 14 },
		{ "INSERT FRONT INTO plain VALUES (1)", STOA_ENOTFOUND, 19 },
		{ "INSERT FRONT INTO jobs (url) VALUES ('a') ON CONFLICT DO NOTHING", STOA_EUNSUPPORTED, 46 },
	};
	struct stoa_error err;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char *got = show_query(at.txn, wrong[i].sql, &err);
		if (got || err.code != wrong[i].code || err.column != wrong[i].column)
			fail_msg("%s\n-> %s (%s) at %llu", wrong[i].sql, got ? got : err.text,
				 stoa_result_name(err.code), (unsigned long long)err.column);
	}
	show_expect(at.txn, "SELECT count(*) FROM deque('jobs')", "3\n");
	assert_null(show_query(at.txn, "POP FROM per", &err));
	assert_non_null(strstr(err.text, "name one"));
}

static void a_queue_turns(void **state)
{
	(void)state;
	show_expect(at.txn, "ROTATE jobs BY 1", "");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "z\nx\ny\n");
	show_expect(at.txn, "ROTATE jobs BY 1 - 3", "");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "y\nz\nx\n");
	show_expect(at.txn, "ROTATE jobs BY 300", "");
	show_expect(at.txn, "SELECT url FROM deque('jobs')", "y\nz\nx\n");
	show_expect(at.txn, "EXPLAIN ROTATE jobs BY 1", "rotate deque deque\n");
}

static void a_deque_has_the_limits_it_is_made_with(void **state)
{
	(void)state;
	show_expect(at.txn, "CREATE TABLE few (n i64)", "");
	show_expect(at.txn, "CREATE DEQUE ON few WITH (maxlen = 2)", "");
	show_expect(at.txn, "INSERT INTO few VALUES (1), (2), (3)", "");
	show_expect(at.txn, "SELECT n FROM deque('few')", "2\n3\n");
	show_expect(at.txn, "CREATE TABLE work (n i64)", "");
	show_expect(at.txn, "CREATE TABLE letters (n i64)", "");
	show_expect(at.txn, "CREATE DEQUE d ON work WITH (ATTEMPTS = 2, dead = letters)", "");
	show_expect(at.txn, "INSERT INTO work VALUES (7)", "");
	for (int i = 0; i < 2; i++) {
		show_expect(at.txn, "CLAIM FROM work RETURNING n", "7\n");
		show_expect(at.txn, "NACK work WHERE n = 7", "");
	}
	show_expect(at.txn, "SELECT (SELECT count(*) FROM work), n FROM letters", "0|7\n");
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
		"CLAIM 2 FROM per QUEUE 'a' LEASE INTERVAL '1 hour' RETURNING *",
		"SELECT h, attempt FROM leases('per')",
		"EXTEND per LEASE INTERVAL '2 hours' WHERE n = 1 RETURNING h || 'x'",
		"NACK per DELAY INTERVAL '1 hour' WHERE n = 3 RETURNING n",
		"ROTATE per QUEUE 'a' BY 1",
		"ACK per RETURNING *",
		"INSERT FRONT INTO jobs VALUES ('v', 1, 'c')",
		"POP 2 FROM jobs BACK RETURNING *",
	};
	struct stoa_error err;

	(void)state;
	for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++)
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
		cmocka_unit_test_setup_teardown(jobs_are_claimed_and_acked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lease_and_its_row_may_have_columns_of_the_same_name,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(jobs_go_back_to_either_end_or_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_are_popped_in_the_order_of_their_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_table_may_have_slots_named_like_those_of_a_lease, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(rows_are_pushed_at_the_front, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_job_and_its_result_are_one_transaction, set_up, tear_down),
		cmocka_unit_test_setup_teardown(statements_of_queues_explain_themselves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(their_words_are_names_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cursor_over_claims_outlives_them, set_up, tear_down),
		cmocka_unit_test_setup_teardown(parameters_say_how_many_of_which, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_wrong_statement_says_where, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_queue_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_deque_has_the_limits_it_is_made_with, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cursor_outlives_what_happens_to_its_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
