/* SPDX-License-Identifier: MIT */
/* cursor_test.c - cursors over cursors; canceling, and hearing how far a query is */
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

static const struct stoa_column number_columns[] = { { "n", STOA_I32, 0, 0 },
						     { "word", STOA_TEXT, 0, 0 } };

/* Counts up to @end; fails at @fail_at. */
struct counter {
	int64_t n, end, fail_at;
	int released;
	char word[16];
};

static int count_up(void *ctx, struct stoa_value *out, struct stoa_error *err)
{
	struct counter *c = ctx;

	(void)err;
	if (c->n == c->fail_at)
		return STOA_EIO;
	if (c->n == c->end)
		return STOA_END;
	out[0] = stoa_i64(c->n);
	if (c->n % 5) {
		snprintf(c->word, sizeof c->word, "w%d", (int)c->n);
		out[1] = stoa_text(c->word);
	}
	c->n++;
	return STOA_ROW;
}

static void release(void *ctx)
{
	((struct counter *)ctx)->released++;
}

static stoa_cursor *numbers(struct counter *c, int64_t end)
{
	struct stoa_error err;
	stoa_cursor *cur;

	*c = (struct counter){ .end = end, .fail_at = -1 };
	assert_int_equal(stoa_cursor_generate(number_columns, 2, count_up, release, c, &cur, &err),
			 STOA_OK);
	return cur;
}

static int is_even(void *ctx, const struct stoa_value *row, struct stoa_error *err)
{
	(void)ctx;
	(void)err;
	return row[0].i % 2 == 0;
}

static int square(void *ctx, const struct stoa_value *in, struct stoa_value *out,
		  struct stoa_error *err)
{
	(void)ctx;
	(void)err;
	out[0] = stoa_i64(in[0].i * in[0].i);
	return STOA_OK;
}

static const struct stoa_column square_columns[] = { { "square", STOA_I64, 0, 0 } };

/* ---- composing ------------------------------------------------------------------------------- */

static void a_generator_gives_rows_by_row_and_by_batch(void **state)
{
	const struct stoa_value *row;
	struct stoa_batch b;
	struct stoa_error err;
	struct counter c;
	int64_t n = 0;
	int rc;

	(void)state;
	stoa_cursor *cur = numbers(&c, 5000);
	for (; (rc = stoa_next(cur, &row, &err)) == STOA_ROW; n++) {
		assert_int_equal(c.n, n + 1);	/* no row is asked for before it is wanted */
		assert_int_equal(row[0].i, n);
		assert_int_equal(row[1].type, n % 5 ? STOA_TEXT : STOA_NULL);
		if (n % 5)
			assert_memory_equal(row[1].p, c.word, row[1].len);
	}
	assert_int_equal(rc, STOA_END);
	assert_int_equal(n, 5000);
	stoa_cursor_close(cur);
	assert_int_equal(c.released, 1);

	cur = numbers(&c, 5000);
	for (n = 0; (rc = stoa_next_batch(cur, &b, &err)) == STOA_ROW; n += (int64_t)b.n_rows)
		for (size_t i = 0; i < b.n_rows; i++) {
			const struct stoa_bytes *w = (const struct stoa_bytes *)b.columns[1].values + i;
			int64_t x = ((const int32_t *)b.columns[0].values)[i];
			char want[16];
			assert_int_equal(x, n + (int64_t)i);
			snprintf(want, sizeof want, "w%d", (int)x);
			assert_int_equal(w->len, x % 5 ? strlen(want) : 0);
			assert_memory_equal(w->p, want, w->len);
		}
	assert_int_equal(n, 5000);
	stoa_cursor_close(cur);
}

static void map_filter_take_and_chain_compose(void **state)
{
	const struct stoa_value *row;
	struct stoa_error err;
	struct counter c[2];
	stoa_cursor *cur, *two[2];
	int64_t sum = 0, n = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stoa_cursor_filter(numbers(&c[i], 10), is_even, NULL, &cur, &err), STOA_OK);
		assert_int_equal(stoa_cursor_map(cur, square_columns, 1, square, NULL, &two[i], &err),
				 STOA_OK);
	}
	assert_int_equal(stoa_cursor_chain(two, 2, &cur, &err), STOA_OK);
	assert_int_equal(stoa_cursor_take(cur, 7, &cur, &err), STOA_OK);
	for (; stoa_next(cur, &row, &err) == STOA_ROW; n++)
		sum += row[0].i;
	assert_int_equal(n, 7);
	assert_int_equal(sum, 0 + 4 + 16 + 36 + 64 + 0 + 4);
	assert_int_equal(c[1].n, 3);	/* of the second no more than two rows were wanted */
	stoa_cursor_close(cur);
	assert_int_equal(c[0].released + c[1].released, 2);
}

static void an_error_of_a_function_ends_the_cursor_behind_the_rows_before_it(void **state)
{
	struct stoa_batch b;
	struct stoa_error err;
	struct counter c;

	(void)state;
	stoa_cursor *cur = numbers(&c, 10);
	c.fail_at = 3;
	assert_int_equal(stoa_next_batch(cur, &b, &err), STOA_ROW);
	assert_int_equal(b.n_rows, 3);
	assert_int_equal(stoa_next_batch(cur, &b, &err), STOA_EIO);
	assert_non_null(strstr(err.text, "generator"));
	stoa_cursor_close(cur);
}

static void bad_calls_close_what_they_were_given(void **state)
{
	struct stoa_error err;
	struct counter c[2];
	stoa_cursor *cur, *two[2];

	(void)state;
	assert_int_equal(stoa_cursor_filter(numbers(&c[0], 1), NULL, NULL, &cur, &err), STOA_EINVAL);
	assert_int_equal(c[0].released, 1);
	two[0] = numbers(&c[0], 1);
	assert_int_equal(stoa_cursor_map(numbers(&c[1], 1), square_columns, 1, square, NULL, &two[1],
					 &err), STOA_OK);
	assert_int_equal(stoa_cursor_chain(two, 2, &cur, &err), STOA_EINVAL);
	assert_int_equal(c[0].released + c[1].released, 2);
	assert_int_equal(stoa_cursor_chain(NULL, 0, &cur, &err), STOA_EINVAL);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	for (long nth = 0;; nth++) {
		const struct stoa_value *row;
		struct stoa_error err;
		struct counter c = { .end = 4, .fail_at = -1 };
		stoa_cursor *cur;
		stoa__fault_arm(nth, false);
		int rc = stoa_cursor_generate(number_columns, 2, count_up, release, &c, &cur, &err);
		if (rc == STOA_OK)
			rc = stoa_cursor_filter(cur, is_even, NULL, &cur, &err);
		if (rc == STOA_OK)
			rc = stoa_cursor_map(cur, square_columns, 1, square, NULL, &cur, &err);
		if (rc == STOA_OK)
			rc = stoa_cursor_take(cur, 9, &cur, &err);
		while (rc >= 0 && cur && (rc = stoa_next(cur, &row, &err)) == STOA_ROW)
			;
		stoa_cursor_close(cur);
		bool fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_END);
		assert_int_equal(c.released, 1);
		if (!fired)
			return;
	}
}

/* ---- with a database ------------------------------------------------------------------------- */

#define N 200000

static stoa_db *db_of_numbers(void)
{
	static const struct stoa_slot slots[] = { { .name = "n", .type = STOA_I32 },
						  { .name = "word", .type = STOA_TEXT } };
	struct stoa_error err;
	struct counter c;
	stoa_appender *app;
	stoa_txn *txn;
	stoa_table t;
	stoa_db *db;
	uint64_t rows;

	assert_int_equal(stoa_open(NULL, NULL, &db, &err), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
	assert_int_equal(stoa_table_create(txn, "t", slots, 2, &t, &err), STOA_OK);
	assert_int_equal(stoa_appender_open(txn, t, &app, &err), STOA_OK);
	assert_int_equal(stoa_append_cursor(app, numbers(&c, N), &rows, &err), STOA_OK);
	assert_int_equal(rows, N);
	assert_int_equal(stoa_appender_close(app, &err), STOA_OK);
	assert_int_equal(stoa_commit(txn, &err), STOA_OK);
	return db;
}

static void an_appender_takes_a_cursor(void **state)
{
	const struct stoa_value *row;
	stoa_db *db = db_of_numbers();
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_txn *txn;

	(void)state;
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	assert_int_equal(stoa_query(txn, "SELECT count(*), sum(n), count(word) FROM t", &cur, &err), STOA_OK);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_int_equal(row[0].i, N);
	assert_int_equal(row[1].i, (int64_t)N * (N - 1) / 2);
	assert_int_equal(row[2].i, N / 5 * 4);
	stoa_cursor_close(cur);
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
}

static const char *const endless[] = {
	"SELECT count(*) FROM t a, t b WHERE a.n + b.n < 0",
	"SELECT a.n FROM t a, t b WHERE a.n + b.n < 0",
	"SELECT a.n FROM t a, t b WHERE a.n + b.n < 0 ORDER BY a.word",
};

static void *cancel_soon(void *arg)
{
	const struct timespec soon = { .tv_nsec = 30000000 };

	nanosleep(&soon, NULL);
	stoa_cursor_cancel(arg);
	return NULL;
}

static void another_thread_cancels_a_query(void **state)
{
	const struct stoa_value *row;
	stoa_db *db = db_of_numbers();
	struct stoa_error err;
	stoa_txn *txn;

	(void)state;
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
		stoa_cursor *cur;
		pthread_t thread;
		assert_int_equal(stoa_query(txn, endless[i], &cur, &err), STOA_OK);
		/* A cursor over it hands the wish on. */
		assert_int_equal(stoa_cursor_take(cur, 5, &cur, &err), STOA_OK);
		assert_int_equal(pthread_create(&thread, NULL, cancel_soon, cur), 0);
		assert_int_equal(stoa_next(cur, &row, &err), STOA_ECANCELED);
		pthread_join(thread, NULL);
		assert_int_equal(stoa_next(cur, &row, &err), STOA_ESTATE);
		stoa_cursor_close(cur);
	}
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
}

struct watcher {
	pthread_t thread;
	int calls;
	uint64_t rows;
	bool went_back;
};

static int look_on(void *ctx, const struct stoa_query_progress *now)
{
	struct watcher *w = ctx;

	assert_true(pthread_equal(w->thread, pthread_self()));
	w->went_back |= now->rows < w->rows || now->rows > now->total_rows || now->total_rows != 2 * N;
	w->rows = now->rows;
	return ++w->calls == 3;
}

static void a_query_tells_how_far_it_is_and_can_be_canceled_so(void **state)
{
	const struct stoa_value *row;
	stoa_db *db = db_of_numbers();
	struct stoa_error err;
	stoa_txn *txn;

	(void)state;
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
		struct watcher w = { .thread = pthread_self() };
		stoa_cursor *cur;
		assert_int_equal(stoa_query(txn, endless[i], &cur, &err), STOA_OK);
		assert_int_equal(stoa_cursor_watch(cur, look_on, &w, &err), STOA_OK);
		assert_int_equal(stoa_next(cur, &row, &err), STOA_ECANCELED);
		assert_int_equal(w.calls, 3);
		assert_false(w.went_back);
		assert_in_range(w.rows, 1, 2 * N);
		stoa_cursor_close(cur);
	}
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_generator_gives_rows_by_row_and_by_batch),
		cmocka_unit_test(map_filter_take_and_chain_compose),
		cmocka_unit_test(an_error_of_a_function_ends_the_cursor_behind_the_rows_before_it),
		cmocka_unit_test(bad_calls_close_what_they_were_given),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(an_appender_takes_a_cursor),
		cmocka_unit_test(another_thread_cancels_a_query),
		cmocka_unit_test(a_query_tells_how_far_it_is_and_can_be_canceled_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
