/* SPDX-License-Identifier: MIT */
/*
 * limit_test.c - queries under a memory limit give the rows that they give without
 *
 * Random tables, and a budget so small that nearly every batch goes to disk; then a database whose
 * limit is a tenth of what a query has to hold.
 */
#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/hash.h"
#include "../storage/file.h"
#include "array_source.h"
#include "mixed.h"
#include "show.h"

static struct array_tables tables;
static struct stoa__budget budget;
static uint64_t rng;

static void fill_table(size_t n)
{
	mixed_fill(&rng, n, 400);
	mixed.group_rows = 1 + testing_below(&rng, n);
	mixed.batch_rows = 1 + testing_below(&rng, 300);
}

static const char *const queries[] = {
	"SELECT * FROM x ORDER BY a, id",
	"SELECT id, t FROM x ORDER BY t DESC NULLS LAST, f",
	"SELECT id, s, b FROM x ORDER BY s, b DESC, u",
	"SELECT * FROM x ORDER BY f LIMIT 700 OFFSET 20",
	"SELECT id, a FROM x ORDER BY a DESC LIMIT 10",
	"SELECT id FROM x WHERE a > 0 ORDER BY a",
	"SELECT a + 1, t FROM x ORDER BY b, 1 LIMIT 2000",
};
/* Groups and joined rows come in an order of their own where they do not fit. */
static const char *const groupings[] = {
	"SELECT p.id, q.id, q.t, p.f FROM x p JOIN x q ON p.a = q.id WHERE p.id <> q.id",
	"SELECT p.id, q.id, q.b FROM x p LEFT JOIN x q ON p.t = q.t AND q.a > p.a",
	"SELECT p.id, q.s FROM x p FULL JOIN x q ON p.a = q.id AND p.s = q.s AND p.u < q.u",
	"SELECT p.t, q.id FROM x p RIGHT JOIN x q ON p.f + 100 = q.id AND p.b",
	"SELECT id FROM x WHERE t IN (SELECT t FROM x WHERE a > 5)",
	"SELECT id, f FROM x WHERE NOT EXISTS (SELECT 1 FROM x y WHERE y.t = x.t AND y.id <> x.id)",
	"SELECT p.id, q.id FROM x p, x q, x r WHERE p.id = q.id AND q.a = r.id AND r.f > 3",
	"SELECT p.s, count(*), sum(q.a) FROM x p JOIN x q ON p.id = q.id + 1 GROUP BY p.s",
	"SELECT a, count(*), sum(id), min(t), max(t), avg(f), min(u) FROM x GROUP BY a",
	"SELECT t, s, b, count(f), stddev(a) FROM x GROUP BY t, s, b",
	"SELECT DISTINCT t, f FROM x",
	"SELECT t, count(DISTINCT s), sum(a) FILTER (WHERE b) FROM x GROUP BY 1 HAVING count(*) > 0",
	"SELECT id % 7, f, u, count(*) FROM x WHERE id > 3 GROUP BY 1, f, u",
	("SELECT a, string_agg(t, ','), string_agg(id, '' ORDER BY f, t), median(f), string_agg(DISTINCT s, ','), "
	 "approx_count_distinct(t) FROM x GROUP BY a"),
	"SELECT t, s, quantile(a, 0.7), string_agg(id, ',' ORDER BY id DESC) FROM x GROUP BY t, s",
	"SELECT string_agg(t, ','), median(a), mode() WITHIN GROUP (ORDER BY t DESC), median(f) FROM x",
	"SELECT count(*), min(t), sum(DISTINCT a), count(DISTINCT t), count(DISTINCT f) FROM x",
	/* Groups that few rows ask for: without a limit no others are made. */
	"SELECT p.id, p.a FROM x p WHERE p.id = 7 AND p.f + 50 > (SELECT avg(y.f) FROM x y WHERE y.a = p.a)",
	"SELECT p.id FROM x p WHERE p.id BETWEEN 3 AND 9 AND p.id < (SELECT sum(y.id) FROM x y WHERE y.t = p.t AND y.s = p.s)",
	"SELECT p.id, g.n, g.m FROM x p JOIN (SELECT t, count(*) AS n, max(f) AS m FROM x WHERE b GROUP BY t) g ON g.t = p.t WHERE p.id < 6",
};
#define N_GROUPINGS (sizeof groupings / sizeof *groupings)
#define N_QUERIES (sizeof queries / sizeof *queries)

static const char *query(size_t i)
{
	return i < N_QUERIES ? queries[i] : groupings[i - N_QUERIES];
}

static char *answer(const char *sql, uint64_t limit, unsigned threads)
{
	struct stoa_error err;

	budget = (struct stoa__budget){ .limit = limit, .share_min = limit };
	tables.tables.means = (struct stoa__means){ .budget = &budget, .n_threads = threads };
	char *got = array_query(&tables, sql, NULL, 0, &err);
	if (!got)
		fail_msg("%s\n-> %s", sql, err.text);
	assert_int_equal(budget.used, 0);
	assert_int_equal(mixed.n_open, 0);
	return got;
}

static void check_sorted(const char *sql, uint64_t limit, unsigned threads)
{
	char *want = answer(sql, 0, 1), *got = answer(sql, limit, threads);

	show_sort(want);
	show_sort(got);
	if (strcmp(got, want) != 0)
		fail_msg("%s\nwith %llu bytes and %u threads\n-> %s\nnot %s", sql,
			 (unsigned long long)limit, threads, got, want);
	free(got);
	free(want);
}

static void check(const char *sql, uint64_t limit, unsigned threads)
{
	char *want = answer(sql, 0, 1), *got = answer(sql, limit, threads);

	if (strcmp(got, want) != 0)
		fail_msg("%s\nwith %llu bytes and %u threads\n-> %s\nnot %s", sql,
			 (unsigned long long)limit, threads, got, want);
	free(got);
	free(want);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_limit_changes_no_answer(void **state)
{
	int rounds = testing_long() ? 300 : 3;

	(void)state;
	for (int round = 0; round < rounds; round++) {
		fill_table(1 + testing_below(&rng, MIXED_ROWS));
		for (size_t i = 0; i < N_QUERIES; i++)
			check(queries[i], 1 + testing_below(&rng, 200000), 1);
		for (size_t i = 0; i < N_GROUPINGS; i++)
			check_sorted(groupings[i], 4000 + testing_below(&rng, 60000), 1);
	}
}

static void more_runs_than_are_merged_at_once_are_merged_in_turns(void **state)
{
	(void)state;
	fill_table(MIXED_ROWS);
	mixed.batch_rows = 2;
	check(queries[0], 1, 1);
	check(queries[3], 1, 1);
}

/* Each pass keeps the groups of one batch of two rows. */
static void partitions_that_are_too_large_are_dealt_out_again(void **state)
{
	(void)state;
	fill_table(MIXED_ROWS / 3);
	mixed.batch_rows = 2;
	for (size_t i = 0; i < N_GROUPINGS; i++)
		check_sorted(groupings[i], strstr(groupings[i], "JOIN") ? 6000 : 1, 1);
}

static void out_of_disk_is_an_error_and_leaves_nothing_open(void **state)
{
	struct stoa_error err;

	(void)state;
	fill_table(MIXED_ROWS / 4);
	budget = (struct stoa__budget){ .limit = 6000, .share_min = 6000 };
	tables.tables.means = (struct stoa__means){ .budget = &budget };
	for (size_t i = 0; i < N_QUERIES + N_GROUPINGS; i++)
		for (long nth = 0;; nth += 1 + nth) {
			stoa__file_fault_arm(nth, ENOSPC, true);
			char *got = array_query(&tables, query(i), NULL, 0, &err);
			bool fired = stoa__file_fault_disarm();
			if (got && !fired) {
				free(got);
				break;
			}
			/* A directory that is full is not the only one there is. */
			if (!got)
				assert_true(err.code == STOA_EFULL);
			free(got);
			assert_int_equal(budget.used, 0);
			assert_int_equal(mixed.n_open, 0);
		}
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	fill_table(60);
	mixed.batch_rows = 7;
	mixed.group_rows = 20;
	budget = (struct stoa__budget){ .limit = 1000, .share_min = 1000 };
	tables.tables.means = (struct stoa__means){ .budget = &budget };
	for (size_t i = 0; i < N_QUERIES + N_GROUPINGS; i++)
		for (long nth = 0;; nth += testing_long() ? 1 : 1 + nth / 8) {
			struct stoa_error err;
			stoa__fault_arm(nth, false);
			char *got = array_query(&tables, query(i), NULL, 0, &err);
			bool fired = stoa__fault_disarm();
			assert_int_equal(budget.used, 0);
			assert_int_equal(mixed.n_open, 0);
			/* Where a directory cannot be opened, there is another one. */
			assert_true(got || (fired && err.code == STOA_ENOMEM));
			free(got);
			if (!fired)
				break;
		}
}

/* ---- a database ------------------------------------------------------------------------------ */

#define N_DB 300000
static void fill_db(stoa_db *db, int64_t n)
{
	static const struct stoa_slot def[] = { { .name = "id", .type = STOA_I64 },
						{ .name = "k", .type = STOA_I64 },
						{ .name = "t", .type = STOA_TEXT } };
	struct stoa_error err;
	stoa_appender *app;
	stoa_txn *txn;
	stoa_table t;

	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
	assert_int_equal(stoa_table_create(txn, "big", def, 3, &t, &err), STOA_OK);
	assert_int_equal(stoa_appender_open(txn, t, &app, &err), STOA_OK);
	for (int64_t from = 0; from < n; from += 1000) {
		static int64_t id[1000], k[1000];
		static char room[1000][32];
		static struct stoa_bytes text[1000];
		for (int64_t i = 0; i < 1000; i++) {
			id[i] = from + i;
			k[i] = (from + i) * 7919 % n;
			text[i].p = room[i];
			text[i].len = (uint32_t)snprintf(room[i], 32, "a text of number %07d",
							 (int)k[i]);
		}
		struct stoa_array columns[] = { { STOA_I64, 0, id, NULL }, { STOA_I64, 0, k, NULL },
						{ STOA_TEXT, 0, text, NULL } };
		assert_int_equal(stoa_append(app, columns, 3, 1000, &err), STOA_OK);
	}
	assert_int_equal(stoa_appender_close(app, &err), STOA_OK);
	assert_int_equal(stoa_commit(txn, &err), STOA_OK);
}

/* Rows hold 20 MB: 48 bytes each beside the text, and as much again while they are sorted. */
static void ten_times_the_limit_is_sorted_and_grouped_right_and_nothing_is_left_behind(void **state)
{
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "a.stoa");
	struct stoa_options options = STOA_OPTIONS_INIT;
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_txn *txn;
	stoa_db *db;
	int rc;

	(void)state;
	assert_int_equal(stoa_open(path, NULL, &db, &err), STOA_OK);
	fill_db(db, N_DB);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	options.memory_limit = 2000000;
	assert_int_equal(stoa_open(path, &options, &db, &err), STOA_OK);
	size_t before = testing_entries(path);
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	assert_int_equal(stoa_query(txn, "SELECT k, t, id FROM big ORDER BY t", &cur, &err), STOA_OK);
	for (int64_t k = 0; k < N_DB; k++) {
		rc = stoa_next(cur, &row, &err);
		if (rc < 0)
			fail_msg("%s", err.text);
		assert_int_equal(row[0].i, k);
		assert_int_equal(row[2].i * 7919 % N_DB, k);
	}
	assert_int_equal(stoa_next(cur, &row, &err), STOA_END);
	assert_int_equal(testing_entries(path), before);
	stoa_cursor_close(cur);
	assert_int_equal(stoa_query(txn, "SELECT t, sum(k) FROM big GROUP BY t", &cur, &err), STOA_OK);
	for (int64_t n = 0, sum = 0; (rc = stoa_next(cur, &row, &err)) != STOA_END; n++) {
		if (rc < 0)
			fail_msg("%s", err.text);
		sum += row[1].i;
		assert_int_equal(strtol(row[0].p + 17, NULL, 10), row[1].i);
		assert_true(n < N_DB && (n < N_DB - 1 || sum == (int64_t)N_DB * (N_DB - 1) / 2));
	}
	assert_int_equal(testing_entries(path), before);
	stoa_cursor_close(cur);
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	testing_rmtree(dir);
}

/* ---- a tenth of what they hold --------------------------------------------------------------- */

/* A sum over rows of a hash of each: the same whatever the order. */
static uint64_t digest(stoa_txn *txn, const char *sql, uint64_t *n_rows)
{
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	uint64_t sum = 0;
	size_t n;
	int rc;

	*n_rows = 0;
	if (stoa_query(txn, sql, &cur, &err) < 0)
		fail_msg("%s\n-> %s", sql, err.text);
	(void)stoa_columns(cur, &n);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		uint64_t h = 7;
		for (size_t i = 0; i < n; i++)
			h = h * 0x9e3779b97f4a7c15u + row[i].type +
			    (row[i].type == STOA_TEXT ? stoa__hash(row[i].p, row[i].len) : row[i].u);
		sum += h ^ h >> 31;
		++*n_rows;
	}
	if (rc < 0)
		fail_msg("%s\n-> %s", sql, err.text);
	stoa_cursor_close(cur);
	return sum;
}

/* Rows of 100,000 texts hold 7 MB and more in each of these. */
static const char *const large[] = {
	"SELECT t, k FROM big ORDER BY t",
	"SELECT t, sum(k), min(t) FROM big GROUP BY t",
	"SELECT id % 90000, count(*), max(t) FROM big GROUP BY 1",
	"SELECT DISTINCT t, k FROM big",
	"SELECT p.k, q.t FROM big p JOIN big q ON p.t = q.t",
	"SELECT p.id, q.t FROM big p LEFT JOIN big q ON p.k = q.id + 30000 AND q.t > p.t",
	"SELECT t, k FROM big UNION SELECT t, id FROM big",
	"SELECT t, k FROM big EXCEPT SELECT t, k FROM big WHERE k % 3 = 0",
	"SELECT t, k FROM big INTERSECT SELECT t, k FROM big WHERE k % 3 > 0",
	"SELECT count(*) FROM big WHERE t IN (SELECT t FROM big WHERE k % 2 = 0)",
	"SELECT count(DISTINCT t), count(DISTINCT k) FROM big GROUP BY k % 5",
};
#define N_LARGE (sizeof large / sizeof *large)

static void digest_all(const char *path, uint64_t limit, uint64_t out[][2])
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	options.memory_limit = limit;
	assert_int_equal(stoa_open(path, &options, &db, &err), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	for (size_t i = 0; i < N_LARGE; i++)
		out[i][0] = digest(txn, large[i], &out[i][1]);
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
}

static void a_tenth_of_what_they_hold_is_enough_for_queries_of_all_kinds(void **state)
{
	static uint64_t want[N_LARGE][2], got[N_LARGE][2];
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "a.stoa");
	struct stoa_error err;
	stoa_db *db;

	(void)state;
	assert_int_equal(stoa_open(path, NULL, &db, &err), STOA_OK);
	fill_db(db, N_DB / 3);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	digest_all(path, 0, want);
	digest_all(path, 700000, got);
	for (size_t i = 0; i < N_LARGE; i++) {
		assert_int_equal(got[i][1], want[i][1]);
		if (got[i][0] != want[i][0])
			fail_msg("%s: other rows under a limit", large[i]);
	}
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_changes_no_answer),
		cmocka_unit_test(more_runs_than_are_merged_at_once_are_merged_in_turns),
		cmocka_unit_test(partitions_that_are_too_large_are_dealt_out_again),
		cmocka_unit_test(out_of_disk_is_an_error_and_leaves_nothing_open),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(ten_times_the_limit_is_sorted_and_grouped_right_and_nothing_is_left_behind),
		cmocka_unit_test(a_tenth_of_what_they_hold_is_enough_for_queries_of_all_kinds),
	};

	rng = testing_seed();
	array_tables_init(&tables, &mixed, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
