/* SPDX-License-Identifier: MIT */
/*
 * lanes_test.c - queries in several threads give the rows that they give in one, in the same order
 *
 * Random tables of many small row groups; every query with one thread and with some.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "array_source.h"
#include "mixed.h"

#define N_ROWS 2000

static struct array_tables tables;
static struct stoa__hands hands;
static uint64_t rng;

static void fill_table(size_t n, size_t group_rows)
{
	mixed_fill(&rng, n, 40);
	mixed.group_rows = group_rows;
	mixed.batch_rows = 1 + testing_below(&rng, group_rows);
	mixed.short_cuts = testing_random(&rng) & 1;
}

static const char *const queries[] = {
	/* Groups that few rows ask for. */
	"SELECT p.id, p.a FROM x p WHERE p.id = 7 AND p.f + 50 > (SELECT avg(y.f) FROM x y WHERE y.a = p.a)",
	"SELECT p.id FROM x p WHERE p.id BETWEEN 3 AND 9 AND p.id < (SELECT sum(y.id) FROM x y WHERE y.t = p.t AND y.s = p.s)",
	"SELECT p.id, g.n, g.m FROM x p JOIN (SELECT t, count(*) AS n, max(f) AS m FROM x WHERE b GROUP BY t) g ON g.t = p.t WHERE p.id < 6",
	/* Pipelines. */
	"SELECT id, a + 1, t, b FROM x WHERE a > 0",
	"SELECT id, s, f FROM x WHERE t LIKE '%7%'",
	"SELECT rowid, u FROM x WHERE id BETWEEN 300 AND 700",
	"SELECT id FROM x WHERE a = 3 LIMIT 5",
	"SELECT id FROM x WHERE a < 3 LIMIT 100 OFFSET 40",
	"SELECT id FROM x WHERE id < 0",
	"SELECT upper(t) || s FROM x",
	"SELECT * FROM x",
	/* Joins: lanes share the build side. */
	"SELECT p.id, q.t FROM x p JOIN x q ON p.a = q.id WHERE q.b",
	"SELECT p.id, q.id FROM x p LEFT JOIN x q ON p.u = q.u AND q.a > p.a WHERE p.id < 900",
	"SELECT id FROM x WHERE t IN (SELECT t FROM x WHERE a = 5)",
	"SELECT id FROM x WHERE NOT EXISTS (SELECT 1 FROM x y WHERE y.t = x.t AND y.id <> x.id)",
	"SELECT id, a IN (SELECT id FROM x WHERE b) FROM x",
	"SELECT p.s, count(*), sum(q.a) FROM x p JOIN x q ON p.id = q.id + 1 GROUP BY p.s ORDER BY 2",
	"SELECT p.id, q.id FROM x p FULL JOIN x q ON p.a = q.id AND p.b WHERE q.id < 50",
	("SELECT p.id, (SELECT max(a) FROM x), q.f FROM x p, x q, x r "
	 "WHERE p.id = q.id AND q.a = r.id AND r.f > 3 ORDER BY p.t, q.f LIMIT 50"),
	/* Groups. */
	"SELECT count(*), sum(a), min(t), max(f), count(DISTINCT t), sum(DISTINCT a) FROM x",
	"SELECT count(*), avg(f), min(s), bool_and(b) FROM x WHERE a > 100",
	"SELECT a, count(*), sum(id), min(t), max(t), avg(f), min(u) FROM x GROUP BY a",
	"SELECT s, b, count(f), round(stddev(a) * 1000), count(DISTINCT a) FROM x GROUP BY s, b",
	"SELECT s, count(*) FROM x GROUP BY s",
	"SELECT DISTINCT t, f FROM x",
	"SELECT DISTINCT s FROM x WHERE id > 40",
	"SELECT t, count(DISTINCT s), sum(a) FILTER (WHERE b) FROM x GROUP BY 1 HAVING count(*) > 1",
	"SELECT max(a), a % 3 FROM x WHERE f > 2 GROUP BY 2 ORDER BY 1 DESC, 2",
	/* Values in order: that of the table, unless they are told. */
	"SELECT string_agg(t, ','), string_agg(DISTINCT t, '-'), median(a), count(*) FROM x",
	("SELECT s, string_agg(t, ',' ORDER BY f DESC), string_agg(t, ''), median(DISTINCT a), "
	 "approx_count_distinct(t), mode() WITHIN GROUP (ORDER BY a) FROM x GROUP BY s"),
	("SELECT a, quantile(f, 0.3), string_agg(id, ' ') FILTER (WHERE b), string_agg(DISTINCT s, ',') "
	 "FROM x GROUP BY a"),
	/* Orders: equal rows stay in the order of the table. */
	"SELECT id, a FROM x ORDER BY a",
	"SELECT * FROM x WHERE a > -5 ORDER BY s DESC NULLS LAST, f",
	"SELECT id, f FROM x ORDER BY f LIMIT 7",
	"SELECT id FROM x ORDER BY a DESC LIMIT 60 OFFSET 3",
	"SELECT id, a * 2 FROM x WHERE b ORDER BY t LIMIT 30",
};
#define N_QUERIES (sizeof queries / sizeof *queries)

static char *answer(const char *sql, unsigned threads, struct stoa_error *err)
{
	tables.tables.means = (struct stoa__means){ .n_threads = threads, .hands = &hands };
	char *got = array_query(&tables, sql, NULL, 0, err);
	assert_int_equal(mixed.n_open, 0);
	return got;
}

static void check(const char *sql, unsigned threads)
{
	struct stoa_error err;
	char *want = answer(sql, 1, &err), *got = answer(sql, threads, &err);

	if (!want || !got)
		fail_msg("%s\nwith %u threads: %s", sql, threads, err.text);
	if (strcmp(got, want) != 0)
		fail_msg("%s\nwith %u threads\n-> %s\nnot %s", sql, threads, got, want);
	free(got);
	free(want);
}

static void threads_change_no_answer_and_no_order(void **state)
{
	int rounds = testing_long() ? 500 : 12;

	(void)state;
	for (int round = 0; round < rounds; round++) {
		size_t n = 1 + testing_below(&rng, N_ROWS);
		fill_table(n, 1 + testing_below(&rng, round % 2 ? n : 40));
		for (size_t i = 0; i < N_QUERIES; i++)
			check(queries[i], 2 + (unsigned)testing_below(&rng, 4));
	}
}

static void an_error_is_the_one_of_the_earliest_row_group(void **state)
{
	struct stoa_error one, many;

	(void)state;
	fill_table(N_ROWS, 20);
	char *got = answer("SELECT CASE WHEN id < 900 THEN id / (id - 700) ELSE CAST(t AS int) END FROM x",
			   1, &one);
	assert_null(got);
	assert_int_equal(one.code, STOA_EDIVZERO);
	for (int i = 0; i < 20; i++) {
		got = answer("SELECT CASE WHEN id < 900 THEN id / (id - 700) ELSE CAST(t AS int) END FROM x",
			     4, &many);
		assert_null(got);
		assert_string_equal(many.text, one.text);
		assert_null(answer("SELECT sum(id / (id - 700)) FROM x", 4, &many));
		assert_int_equal(many.code, STOA_EDIVZERO);
		assert_null(answer("SELECT id FROM x ORDER BY id / (id - 700)", 4, &many));
		assert_int_equal(many.code, STOA_EDIVZERO);
	}
}

static void a_limit_stops_before_an_error_behind_it(void **state)
{
	struct stoa_error err;

	(void)state;
	fill_table(N_ROWS, 20);
	mixed.batch_rows = 20;
	for (int i = 0; i < 20; i++)
		free(answer("SELECT id / (id - 1900) FROM x WHERE id > 100 LIMIT 5", 4, &err));
	assert_int_equal(err.code, 0);
}

static void few_rows_are_had_without_threads_and_without_reading_on(void **state)
{
	struct stoa_error err;

	(void)state;
	fill_table(N_ROWS, 100);
	mixed.batch_rows = 100;
	mixed.n_batches = 0;
	free(answer("SELECT id FROM x WHERE id >= 0 LIMIT 30", 4, &err));
	assert_int_equal(err.code, 0);
	assert_int_equal(mixed.n_batches, 1);
}

static void a_cursor_may_be_given_up_anywhere(void **state)
{
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_stmt *stmt;

	(void)state;
	fill_table(N_ROWS, 10);
	tables.tables.means = (struct stoa__means){ .n_threads = 3, .hands = &hands };
	for (size_t i = 0; i < N_QUERIES; i++)
		for (size_t rows = 0; rows < N_ROWS; rows += 1 + rows * 2) {
			assert_int_equal(stoa__engine_prepare(&tables.tables, queries[i],
							      strlen(queries[i]), &stmt, &err), STOA_OK);
			assert_int_equal(stoa__engine_execute(stmt, &tables.tables, &cur, &err), STOA_OK);
			for (size_t k = 0; k < rows && stoa_next(cur, &row, &err) == STOA_ROW; k++)
				;
			stoa_cursor_close(cur);
			stoa_stmt_free(stmt);
			assert_int_equal(mixed.n_open, 0);
		}
}

static void memory_may_run_out_in_any_thread(void **state)
{
	(void)state;
	fill_table(80, 10);
	for (size_t i = 0; i < N_QUERIES; i++)
		for (long nth = 0;; nth += testing_long() ? 1 : 3) {
			struct stoa_error err;
			stoa__fault_arm(nth, false);
			char *got = answer(queries[i], 3, &err);
			bool fired = stoa__fault_disarm();
			if (!got)
				assert_true(fired && err.code == STOA_ENOMEM);
			free(got);
			if (!fired)
				break;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_change_no_answer_and_no_order),
		cmocka_unit_test(an_error_is_the_one_of_the_earliest_row_group),
		cmocka_unit_test(a_limit_stops_before_an_error_behind_it),
		cmocka_unit_test(few_rows_are_had_without_threads_and_without_reading_on),
		cmocka_unit_test(a_cursor_may_be_given_up_anywhere),
		cmocka_unit_test(memory_may_run_out_in_any_thread),
	};

	rng = testing_seed();
	array_tables_init(&tables, &mixed, 1);
	stoa__hands_init(&hands, 2);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	stoa__hands_release(&hands);
	return failed;
}
