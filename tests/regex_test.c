/* SPDX-License-Identifier: MIT */
/*
 * regex_test.c - regular expressions in SQL: operators, functions, flags, bad patterns, patterns
 * that would take for ever; and formats of timestamps
 */
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

static stoa_db *db;
static stoa_txn *txn;

static int begin(void **state)
{
	struct stoa_error err;

	(void)state;
	assert_int_equal(stoa_open(NULL, NULL, &db, NULL), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, NULL), STOA_OK);
	assert_int_equal(stoa_query(txn, "CREATE TABLE t (s string, x text)", NULL, &err), STOA_OK);
	return stoa_query(txn, "INSERT INTO t VALUES ('tea', 'a1b22'), ('Coffee', 'none'), "
			  "(NULL, NULL), ('', 'x9'), ('\xc3\xbcn\xc3\xaf', 'a' || chr(10) || 'b')",
			  NULL, &err);
}

static int end(void **state)
{
	(void)state;
	stoa_abort(txn);
	return stoa_close(db, NULL);
}

static void good(const char *sql, const char *rows)
{
	show_expect(txn, sql, rows);
}

static void bad(const char *sql, int code, unsigned column, const char *word)
{
	struct stoa_error err = { 0 };
	char *got = show_query(txn, sql, &err);

	if (got)
		fail_msg("%s\n-> %s", sql, got);
	if (err.code != code || err.column != column || !strstr(err.text, word))
		fail_msg("%s\n-> %s %u %s", sql, stoa_result_name(err.code), (unsigned)err.column,
			 err.text);
}

static void operators_match(void **state)
{
	(void)state;
	good("SELECT s FROM t WHERE s ~ '^[a-z]+$'", "tea\n");
	good("SELECT s FROM t WHERE s ~* '^c.*E$'", "Coffee\n");
	good("SELECT s ~ 'e', s !~ 'e', s !~* 'E' FROM t",
	     "true|false|false\ntrue|false|false\n~|~|~\nfalse|true|true\nfalse|true|true\n");
	good("SELECT count(*) FROM t WHERE s ~ x OR x ~ '\\d'", "2\n");
	good("SELECT 'a' ~ NULL, 'caf\xc3\xa9' ~ '^caf.$', 'x' ~ ''", "~|true|true\n");
}

static void dots_and_ends_are_as_in_postgresql(void **state)
{
	(void)state;
	good("SELECT x ~ 'a.b', x ~ 'a$', regexp_like(x, 'a$', 'n'), regexp_like(x, 'A.B', 'im') "
	     "FROM t WHERE s ~ 'n.$'", "true|false|true|false\n");
	good("SELECT regexp_like('ab', ' a  b ', 'x'), regexp_like('AB', 'ab', 'ic')", "true|false\n");
}

static void functions_count_extract_and_replace(void **state)
{
	(void)state;
	good("SELECT regexp_count('a1b22c', '[0-9]'), regexp_count('abc', ''), "
	     "regexp_count('\xc3\xbc\xc3\xbc', 'x*')", "3|4|3\n");
	good("SELECT regexp_extract(x, '([a-z])([0-9]+)'), regexp_extract(x, '([a-z])([0-9]+)', 2), "
	     "regexp_substr(x, '^z') FROM t WHERE x ~ '[0-9]'", "a1|1|~\nx9|9|~\n");
	good("SELECT regexp_replace('a1b22', '[0-9]+', '<\\&>'), "
	     "regexp_replace('a1b22', '([a-z])([0-9]+)', '\\2\\1', 'g'), "
	     "regexp_replace('AbA', 'a', '', 'gi'), regexp_replace('abc', '', '-', 'g'), "
	     "regexp_replace('a.b', '\\.', '\\\\')", "a<1>b22|1a22b|b|-a-b-c-|a\\b\n");
	good("SELECT regexp_replace('\xc3\xbcx', '(?=x)|^', '.', 'g')", ".\xc3\xbc.x\n");
	good("SELECT regexp_matches(s, 'ea') FROM t WHERE s = 'tea'", "true\n");
}

static void bad_patterns_are_errors_with_a_place(void **state)
{
	(void)state;
	bad("SELECT 'a' ~ '('", STOA_ESYNTAX, 12, "character 2");
	bad("SELECT s FROM t WHERE s ~ '[a'", STOA_ESYNTAX, 25, "wrong");
	bad("SELECT regexp_like('a', 'a', 'q')", STOA_EINVAL, 8, "'q'");
	bad("SELECT regexp_extract('a', 'a', 1)", STOA_ERANGE, 8, "no group 1");
	bad("SELECT 5 ~ 'a'", STOA_ETYPE, 10, "CAST");
	bad("SELECT repeat('a', 40) || 'b' ~ '^(a+)+$'", STOA_EFULL, 31, "too long");
}

static void timestamps_take_a_wanted_form(void **state)
{
	(void)state;
	good("SELECT strftime(timestamp '2026-01-31 13:05:09.25', '%Y/%m/%d %H:%M:%S.%f %j %a %B %I%p %%')",
	     "2026/01/31 13:05:09.250000 031 Sat January 01PM %\n");
	good("SELECT strftime(date '1969-12-28', '%F %T %A %u %w %y'), strftime(NULL, '%Y')",
	     "1969-12-28 00:00:00 Sunday 7 0 69|~\n");
	good("SELECT to_char(timestamp '2026-02-03 00:07:08.0095', 'YYYY-MM-DD HH24:MI:SS.MS US Q'), "
	     "to_char(date '2026-02-03', '\"the DDD\" DDD, Day Dy MON month HH am YY ID D')",
	     "2026-02-03 00:07:08.009 009500 1|the DDD 034, Tuesday Tue FEB february 12 am 26 2 3\n");
	bad("SELECT strftime(date '2026-01-01', '%Q')", STOA_EINVAL, 8, "%");
	bad("SELECT strftime(date '2026-01-01', 'x%')", STOA_EINVAL, 8, "%");
}

static void *in_a_thread(void *arg)
{
	struct stoa_error err;
	stoa_txn *own;

	(void)arg;
	assert_int_equal(stoa_begin(db, STOA_READ, &own, &err), STOA_OK);
	for (int i = 0; i < 50; i++) {
		const struct stoa_value *row;
		stoa_cursor *cur;
		char sql[80];
		snprintf(sql, sizeof sql, "SELECT 'a%d' ~ '^a%d$'", i, i);
		assert_int_equal(stoa_query(own, sql, &cur, &err), STOA_OK);
		assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
		assert_int_equal(row[0].i, 1);
		stoa_cursor_close(cur);
	}
	stoa_abort(own);
	return NULL;
}

static void each_thread_has_its_patterns(void **state)
{
	pthread_t threads[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void it_survives_every_allocation_that_fails(void **state)
{
	char sql[120];
	bool fired = true;

	(void)state;
	/* Another pattern each time: one that is kept needs no memory. */
	for (long nth = 0; fired; nth++) {
		struct stoa_error err;
		snprintf(sql, sizeof sql,
			 "SELECT regexp_replace(s, '(e)%ld?', '\\1\\1', 'g') FROM t WHERE s ~ 'e'", nth);
		stoa__fault_arm(nth, false);
		char *got = show_query(txn, sql, &err);
		fired = stoa__fault_disarm();
		if (!got && (!fired || err.code != STOA_ENOMEM))
			fail_msg("allocation %ld: %s", nth, err.text);
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_match),
		cmocka_unit_test(dots_and_ends_are_as_in_postgresql),
		cmocka_unit_test(functions_count_extract_and_replace),
		cmocka_unit_test(bad_patterns_are_errors_with_a_place),
		cmocka_unit_test(timestamps_take_a_wanted_form),
		cmocka_unit_test(each_thread_has_its_patterns),
		cmocka_unit_test(it_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
