/* SPDX-License-Identifier: MIT */
/*
 * trace_sites_test.c - memory and rows are put down to the calls that they came by
 *
 * Linked with -export-dynamic, as the library is linked in: its calls and ours are then known by
 * name. The oracle is the allocator: a trace by call sites has every byte once.
 */
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

/* Callers of the library, whose names are to be seen. */
STOA_API void put_apples(void);
STOA_API void put_pears(void);
STOA_API void append_plums(void);

static struct stoa_error err;
static stoa_db *db;
static stoa_txn *txn;
static stoa_table table;

#define ok(call) must((call), &err)

static void put(unsigned from, unsigned n)
{
	char text[160];

	for (unsigned i = from; i < from + n; i++) {
		struct stoa_value v;

		snprintf(text, sizeof text, "%0150u", i);
		v = stoa_text(text);
		ok(stoa_insert(txn, table, &v, 1, NULL, &err));
	}
}

/* After the call, which is then no tail call but has a frame to return to. */
static volatile unsigned n_done;

__attribute__((noinline)) void put_apples(void)
{
	put(0, 1000);
	n_done++;
}

__attribute__((noinline)) void put_pears(void)
{
	put(1000000, 5000);
	n_done++;
}

__attribute__((noinline)) void append_plums(void)
{
	struct stoa_bytes text[700];
	struct stoa_array a = { STOA_STRING, 0, text, NULL };
	stoa_appender *app;

	for (size_t i = 0; i < 700; i++)
		text[i] = (struct stoa_bytes){ "plum", 4 };
	ok(stoa_appender_open(txn, table, &app, &err));
	ok(stoa_append(app, &a, 1, 700, &err));
	ok(stoa_appender_close(app, &err));
	n_done++;
}

static void open_db(void)
{
	static const struct stoa_slot slot = { .name = "name", .type = STOA_STRING };

	ok(stoa_open(NULL, NULL, &db, &err));
	ok(stoa_begin(db, STOA_WRITE, &txn, &err));
	ok(stoa_table_create(txn, "fruit", &slot, 1, &table, &err));
}

static void close_db(void)
{
	ok(stoa_commit(txn, &err));
	ok(stoa_close(db, &err));
}

/* What was noted below all nodes whose name begins like this. */
static struct stoa_trace_node named(const stoa_trace *t, const char *name)
{
	struct stoa_trace_node sum = { 0 };
	const struct stoa_trace_node *node;

	for (size_t i = 0; (node = stoa_trace_node(t, i)); i++)
		if (!strncmp(node->name, name, strlen(name))) {
			sum.memory += node->memory;
			sum.count += node->count;
			i = node->end - 1;
		}
	return sum;
}

static stoa_trace *sites(void)
{
	int64_t total = (int64_t)stoa_trace_memory();
	stoa_trace *t;

	ok(stoa_trace_sites(&t, &err));
	assert_int_equal(stoa_trace_node(t, 0)->memory, total);
	assert_true(named(t, "before it was started").memory >= 0);
	return t;
}

static void rows_and_memory_are_put_down_to_who_called(void **state)
{
	struct stoa_trace_node apples, pears;
	size_t top[1];
	char path[4000];
	stoa_trace *t;

	(void)state;
	ok(stoa_trace_start(&err));
	open_db();
	put_apples();
	put_pears();
	append_plums();
	t = sites();
	apples = named(t, "put_apples (");
	pears = named(t, "put_pears (");
	assert_int_equal(apples.count, 1000);
	assert_int_equal(pears.count, 5000);
	assert_int_equal(named(t, "append_plums (").count, 700);
	assert_int_equal(stoa_trace_node(t, 0)->count, 6700);
	assert_true(pears.memory > 5000 * 150);
	assert_in_range(apples.memory, 1000 * 150, pears.memory / 2);
	assert_int_equal(stoa_trace_top(t, STOA_TRACE_BY_COUNT, top, 1), 1);
	(void)stoa_trace_path(t, top[0], path, sizeof path);
	assert_non_null(strstr(path, "put_pears ("));
	stoa_trace_free(t);
	close_db();
	stoa_trace_stop();
}

static void what_is_freed_is_nobodys_any_more(void **state)
{
	stoa_trace *before, *after, *change;
	size_t top[1];

	(void)state;
	open_db();
	ok(stoa_trace_start(&err));
	put_apples();
	before = sites();
	put_pears();
	close_db();
	after = sites();
	assert_true(named(before, "put_apples (").memory > 1000 * 150);
	/* But for what serves as the allocator's and the library's small change. */
	assert_in_range(named(after, "put_apples (").memory, 0, 4096);
	assert_in_range(named(after, "put_pears (").memory, 0, 4096);
	ok(stoa_trace_compare(before, after, &change, &err));
	assert_int_equal(stoa_trace_top(change, STOA_TRACE_BY_MEMORY, top, 1), 1);
	stoa_trace_free(change);
	stoa_trace_free(before);
	stoa_trace_free(after);
	stoa_trace_stop();
}

static void off_it_says_so(void **state)
{
	stoa_trace *t;

	(void)state;
	stoa_trace_stop();
	assert_int_equal(stoa_trace_sites(&t, &err), STOA_ESTATE);
	assert_non_null(strstr(err.text, "stoa_trace_start()"));
	ok(stoa_trace_start(&err));
	assert_int_equal(stoa_trace_start(&err), STOA_ESTATE);
	t = sites();
	assert_int_equal(stoa_trace_node(t, 0)->kind, STOA_TRACE_SITE);
	assert_string_equal(stoa_trace_kind_name(STOA_TRACE_SITE), "call site");
	stoa_trace_free(t);
	stoa_trace_stop();
}

static void without_memory_a_block_is_nobodys(void **state)
{
	(void)state;
	for (long nth = 0;; nth++) {
		stoa_trace *t = NULL;
		void *p;
		int rc;

		ok(stoa_trace_start(&err));
		stoa__fault_arm(nth, false);
		p = stoa__alloc(100000);
		rc = stoa_trace_sites(&t, &err);
		bool fired = stoa__fault_disarm();
		if (rc < 0)
			assert_int_equal(rc, STOA_ENOMEM);
		assert_true(fired || rc == STOA_OK);
		stoa_trace_free(t);
		stoa__free(p);
		stoa_trace_stop();
		if (!fired)
			return;
	}
}

/* ---- blocks that come and go in threads ---- */

#define N_BLOCKS 300

static void *come_and_go(void *seed)
{
	uint64_t s = (uint64_t)(uintptr_t)seed;
	void *blocks[N_BLOCKS] = { NULL };

	for (int i = 0; i < 3000; i++) {
		void **b = &blocks[testing_below(&s, N_BLOCKS)];

		if (*b && testing_below(&s, 2)) {
			stoa__free(*b);
			*b = NULL;
		} else {
			*b = stoa__realloc(*b, 1 + testing_below(&s, 5000));
		}
	}
	for (int i = 0; i < N_BLOCKS; i++)
		stoa__free(blocks[i]);
	return NULL;
}

static void blocks_of_all_threads_are_found_again(void **state)
{
	pthread_t threads[4];
	stoa_trace *t;

	(void)state;
	ok(stoa_trace_start(&err));
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 1)), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	t = sites();
	/* All were freed: what is left is what was there, and the noting itself. */
	assert_int_equal(named(t, "before it was started").memory + named(t, "noting it").memory,
			 stoa_trace_node(t, 0)->memory);
	stoa_trace_free(t);
	stoa_trace_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_and_memory_are_put_down_to_who_called),
		cmocka_unit_test(what_is_freed_is_nobodys_any_more),
		cmocka_unit_test(off_it_says_so),
		cmocka_unit_test(without_memory_a_block_is_nobodys),
		cmocka_unit_test(blocks_of_all_threads_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
