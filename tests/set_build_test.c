/* SPDX-License-Identifier: MIT */
/*
 * set_build_test.c - many rows loaded at once into a unique set, against a sorted list of them
 *
 * There are enough for several shards and threads, and waves are made small. One row in a few has the
 * key of another, of the same load or of one before, so that threads meet equal keys in any order;
 * which rows stay, and which is complained of, must not depend on it.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/set_build.h"
#include "../lib/stoa.h"

#define ROWS 120000
#define MORE 70000 /* a row group and some */
#define SOME 50    /* rows of a small load */

struct run {
	uint64_t seed;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;
	stoa_index index;
	uint64_t *key; /* by row, from rowid 1 on */
	size_t n;
	struct stoa_error err;
};

static void ok(const struct run *r, int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), r->err.text);
}

static void open_database(struct run *r, const char *path)
{
	struct stoa_slot slot = { .name = "key", .type = STOA_U64 };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct stoa_options options = STOA_OPTIONS_INIT;
	uint32_t first = 0;

	options.n_threads = 3;
	ok(r, stoa_open(path, &options, &r->db, &r->err));
	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
	ok(r, stoa_table_create(r->txn, "set", &slot, 1, &r->table, &r->err));
	o.name = "key";
	o.kind = STOA_INDEX_SET;
	o.flags = STOA_INDEX_UNIQUE;
	o.slots = &first;
	o.n_slots = 1;
	ok(r, stoa_index_create(r->txn, r->table, &o, &r->index, &r->err));
	ok(r, stoa_commit(r->txn, &r->err));
	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
}

/* @n more keys; of @dense one is that of another row, unless that is 0. */
static void draw_keys(struct run *r, size_t n, unsigned dense)
{
	r->key = realloc(r->key, (r->n + n) * sizeof *r->key);
	for (size_t i = 0; i < n; i++, r->n++)
		r->key[r->n] = dense && r->n && testing_below(&r->seed, dense) == 0 ?
				       r->key[testing_below(&r->seed, r->n)] :
				       testing_random(&r->seed) | 1;
}

static int load(struct run *r, size_t n, int policy)
{
	struct stoa_array a = { STOA_U64, 0, r->key + r->n - n, NULL };
	stoa_appender *app;
	int rc;

	rc = stoa_appender_open(r->txn, r->table, &app, &r->err);
	if (rc < 0)
		return rc;
	ok(r, stoa_appender_on_conflict(app, r->index, policy, &r->err));
	rc = stoa_append(app, &a, 1, n, &r->err);
	if (rc == STOA_OK)
		return stoa_appender_close(app, &r->err);
	stoa_appender_abort(app);
	return rc;
}

struct entry {
	uint64_t key, rowid;
};

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->rowid < y->rowid ? -1 : x->rowid > y->rowid;
}

/* Rows by key. */
static struct entry *sorted(const struct run *r)
{
	struct entry *e = malloc(r->n * sizeof *e);

	for (size_t i = 0; i < r->n; i++)
		e[i] = (struct entry){ r->key[i], i + 1 };
	qsort(e, r->n, sizeof *e, compare);
	return e;
}

/* Every key finds the first of its rows, or the last; what is no key finds none. */
static void check(struct run *r, int policy)
{
	struct entry *e = sorted(r);
	uint64_t *wanted = calloc(r->n, sizeof *wanted), *keys = calloc(r->n, sizeof *keys), n = 0;
	struct stoa_stat stat = STOA_STAT_INIT;
	stoa_rowid *rows = calloc(r->n, sizeof *rows);
	struct stoa_array a = { STOA_U64, 0, keys, NULL };

	for (size_t i = 0; i < r->n; i++) {
		bool first = !i || e[i - 1].key != e[i].key;
		bool last = i + 1 == r->n || e[i + 1].key != e[i].key;

		if (policy == STOA_CONFLICT_REPLACE ? last : first) {
			keys[n] = e[i].key;
			wanted[n++] = e[i].rowid;
		}
	}
	ok(r, stoa_set_find_many(r->txn, r->table, r->index, &a, 1, n, NULL, rows, &r->err));
	for (uint64_t i = 0; i < n; i++)
		if (rows[i] != wanted[i])
			fail_msg(
				"policy %d, of %zu rows: key %llx is of row %llu, but %llu was found",
				policy, r->n, (unsigned long long)keys[i],
				(unsigned long long)wanted[i], (unsigned long long)rows[i]);
	for (uint64_t i = 0; i < n; i++)
		keys[i] ^= 1;
	ok(r, stoa_set_find_many(r->txn, r->table, r->index, &a, 1, n, NULL, rows, &r->err));
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(rows[i], 0);
	ok(r, stoa_stat(r->txn, r->table, &stat, &r->err));
	assert_int_equal(stat.n_rows, n);
	free(rows);
	free(keys);
	free(wanted);
	free(e);
}

static void close_database(struct run *r)
{
	ok(r, stoa_commit(r->txn, &r->err));
	ok(r, stoa_close(r->db, &r->err));
	free(r->key);
}

/* A load, a smaller one behind it, and one with others' keys. */
static void try_loads(const char *path, int policy, uint64_t seed)
{
	struct run r = { .seed = seed };

	open_database(&r, path);
	draw_keys(&r, ROWS, 5);
	ok(&r, load(&r, ROWS, policy));
	check(&r, policy);
	draw_keys(&r, MORE, 3);
	ok(&r, load(&r, MORE, policy));
	check(&r, policy);
	ok(&r, stoa_commit(r.txn, &r.err));
	ok(&r, stoa_begin(r.db, STOA_WRITE, &r.txn, &r.err));
	/* Inserted one by one: a row that is left out takes no rowid. */
	draw_keys(&r, SOME, policy == STOA_CONFLICT_IGNORE ? 0 : 2);
	ok(&r, load(&r, SOME, policy));
	check(&r, policy);
	close_database(&r);
	if (path)
		ok(&r, stoa_check(path, NULL, NULL, &r.err));
}

static void rows_with_keys_of_others_go_by_policy(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int policy = STOA_CONFLICT_IGNORE; policy <= STOA_CONFLICT_REPLACE; policy++) {
		char *dir;

		testing_in_memory();
		dir = testing_tempdir();
		try_loads(NULL, policy, seed);
		try_loads(testing_path(dir, "a.stoa"), policy, seed);
		testing_rmtree(dir);
	}
}

/* The first row, in the order of rows, whose key one before it has; 0: none. */
static uint64_t first_offence(const struct run *r, uint64_t *key)
{
	struct entry *e = sorted(r);
	uint64_t row = 0;

	for (size_t i = 1; i < r->n; i++)
		if (e[i].key == e[i - 1].key && (!row || e[i].rowid < row)) {
			row = e[i].rowid;
			*key = e[i].key;
		}
	free(e);
	return row;
}

static void the_first_row_whose_key_is_taken_is_complained_of(void **state)
{
	struct run r = { .seed = testing_seed() };
	uint64_t key = 0;
	char text[64];

	(void)state;
	open_database(&r, NULL);
	draw_keys(&r, ROWS, ROWS / 10);
	assert_true(first_offence(&r, &key) > 0);
	assert_int_equal(load(&r, ROWS, STOA_CONFLICT_ERROR), STOA_EEXIST);
	snprintf(text, sizeof text, "(%llu)", (unsigned long long)key);
	assert_non_null(strstr(r.err.text, text));
	r.n = 0;
	draw_keys(&r, ROWS, 0);
	ok(&r, load(&r, ROWS, STOA_CONFLICT_ERROR));
	check(&r, STOA_CONFLICT_ERROR);
	close_database(&r);
}

static void a_load_is_whole_or_not_at_all_when_memory_runs_out(void **state)
{
	struct run r = { .seed = testing_seed() };
	bool fired = true;

	(void)state;
	open_database(&r, NULL);
	draw_keys(&r, ROWS, 0);
	for (long nth = 0; fired; nth += 1 + nth / 6) {
		int rc;

		stoa__fault_arm(nth, false);
		rc = load(&r, ROWS, STOA_CONFLICT_ERROR);
		fired = stoa__fault_disarm();
		assert_true(rc == STOA_OK || (fired && rc == STOA_ENOMEM));
		fired = rc < 0;
	}
	check(&r, STOA_CONFLICT_ERROR);
	close_database(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_with_keys_of_others_go_by_policy),
		cmocka_unit_test(the_first_row_whose_key_is_taken_is_complained_of),
		cmocka_unit_test(a_load_is_whole_or_not_at_all_when_memory_runs_out),
	};

	stoa__set_wave = 50000;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
