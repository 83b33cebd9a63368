/* SPDX-License-Identifier: MIT */
/*
 * open_set_test.c - open sets beside a writer, and after what leaves hints behind
 *
 * All versions share one table of hints, and the writer puts into it while others look: what an
 * open set finds must be what was there when it was opened. The writer waits for nobody, and the
 * readers go on for as long as it writes.
 */
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/stoa.h"

#define FIRST 3000	/* keys before the sets are opened: 0, 1, 2, ... */
#define ADDED 6000	/* and after */
#define A_COMMIT 50
#define READERS 3

struct store {
	stoa_db *db;
	stoa_table table;
	stoa_index index;
	unsigned type;
	_Atomic bool done;
};

/* Key number @i; a string's bytes are in @room. */
static struct stoa_value key_of(const struct store *s, uint64_t i, char room[24])
{
	if (s->type == STOA_U64)
		return stoa_u64(i);
	return stoa_bytes_value(STOA_STRING, room, (uint32_t)snprintf(room, 24, "key %llu",
								      (unsigned long long)i));
}

static void add(struct store *s, uint64_t from, uint64_t to)
{
	struct stoa_error err;
	char room[24];
	stoa_txn *txn;

	must(stoa_begin(s->db, STOA_WRITE, &txn, &err), &err);
	for (uint64_t i = from; i < to; i++) {
		struct stoa_value v = key_of(s, i, room);

		must(stoa_insert(txn, s->table, &v, 1, NULL, &err), &err);
	}
	must(stoa_commit(txn, &err), &err);
}

static void make_empty(struct store *s)
{
	struct stoa_slot slot = { .name = "key", .type = (uint8_t)s->type,
				  .flags = STOA_NOT_NULL };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	uint32_t first = 0;
	stoa_txn *txn;

	must(stoa_open(NULL, &options, &s->db, &err), &err);
	must(stoa_begin(s->db, STOA_WRITE, &txn, &err), &err);
	must(stoa_table_create(txn, "set", &slot, 1, &s->table, &err), &err);
	o.name = "key";
	o.kind = STOA_INDEX_SET;
	o.flags = STOA_INDEX_UNIQUE;
	o.slots = &first;
	o.n_slots = 1;
	must(stoa_index_create(txn, s->table, &o, &s->index, &err), &err);
	must(stoa_commit(txn, &err), &err);
}

static void make(struct store *s)
{
	make_empty(s);
	add(s, 0, FIRST);
}

static void *write_on(void *arg)
{
	struct store *s = arg;

	for (uint64_t i = FIRST; i < FIRST + ADDED; i += A_COMMIT)
		add(s, i, i + A_COMMIT);
	atomic_store(&s->done, true);
	return NULL;
}

/* Looks each key up by itself, and numbers all at once too. */
static void check(const struct store *s, stoa_set *set)
{
	static _Thread_local uint64_t keys[FIRST + ADDED], found[(FIRST + ADDED + 63) / 64];
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	struct stoa_error err;
	char room[24];

	for (uint64_t i = 0; i < FIRST + ADDED; i++) {
		struct stoa_value v = key_of(s, i, room);

		keys[i] = i;
		assert_int_equal(stoa_set_has(set, &v, 1, NULL, &err),
				 i < FIRST ? STOA_ROW : STOA_END);
	}
	if (s->type != STOA_U64)
		return;
	must(stoa_set_has_many(set, &a, 1, FIRST + ADDED, found, NULL, &err), &err);
	for (uint64_t i = 0; i < FIRST + ADDED; i++)
		assert_int_equal(found[i / 64] >> i % 64 & 1, i < FIRST);
}

struct reader {
	struct store *s;
	stoa_set *set;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;

	do
		check(r->s, r->set);
	while (!atomic_load(&r->s->done));
	return NULL;
}

static void run(unsigned type)
{
	struct store s = { .type = type };
	struct reader reader[READERS];
	pthread_t thread[READERS + 1];
	struct stoa_error err;
	stoa_txn *txn;

	make(&s);
	must(stoa_begin(s.db, STOA_READ, &txn, &err), &err);
	for (int i = 0; i < READERS; i++) {
		reader[i].s = &s;
		must(stoa_set_open(txn, s.table, s.index, &reader[i].set, &err), &err);
	}
	stoa_abort(txn);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, read_on, &reader[i]), 0);
	assert_int_equal(pthread_create(&thread[READERS], NULL, write_on, &s), 0);
	for (int i = 0; i <= READERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (int i = 0; i < READERS; i++)
		stoa_set_close(reader[i].set);
	must(stoa_close(s.db, &err), &err);
}

static void a_set_of_numbers_stays_as_it_was_opened_while_others_write(void **state)
{
	(void)state;
	run(STOA_U64);
}

static void a_set_of_strings_stays_as_it_was_opened_while_others_write(void **state)
{
	(void)state;
	run(STOA_STRING);
}

/* ---- rows that are not read: hints of what was undone or changed must not be believed ---- */

/* Are keys [from, to) all in the set, or all not? By themselves and at once. */
static void expect(stoa_set *set, uint64_t from, uint64_t to, bool there)
{
	size_t n = to - from;
	uint64_t *keys = malloc(n * sizeof *keys), *found = calloc(n / 64 + 1, sizeof *found);
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	struct stoa_error err;

	for (uint64_t i = 0; i < n; i++) {
		struct stoa_value v = stoa_u64(from + i);

		keys[i] = from + i;
		assert_int_equal(stoa_set_has(set, &v, 1, NULL, &err), there ? STOA_ROW : STOA_END);
	}
	must(stoa_set_has_many(set, &a, 1, n, found, NULL, &err), &err);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(found[i / 64] >> i % 64 & 1, there);
	free(keys);
	free(found);
}

#define GHOST 1000000	/* keys from here on were undone, or given up */

static stoa_set *open_now(const struct store *s, stoa_txn **txn)
{
	struct stoa_error err;
	stoa_set *set;

	must(stoa_begin(s->db, STOA_READ, txn, &err), &err);
	must(stoa_set_open(*txn, s->table, s->index, &set, &err), &err);
	return set;
}

/* ---- a set that one table of hints is all of ---- */

#define LOADED 100003u

/* The set of all even numbers below twice LOADED, in one load: number 2i has rowid i + 1. */
static void load(struct store *s)
{
	struct stoa_error err;
	stoa_appender *app;
	stoa_txn *txn;
	uint64_t *keys = malloc(LOADED * sizeof *keys);
	struct stoa_array a = { STOA_U64, 0, keys, NULL };

	make_empty(s);
	must(stoa_begin(s->db, STOA_WRITE, &txn, &err), &err);
	for (uint64_t i = 0; i < LOADED; i++)
		keys[i] = 2 * i;
	must(stoa_appender_open(txn, s->table, &app, &err), &err);
	must(stoa_append(app, &a, 1, LOADED, &err), &err);
	must(stoa_appender_close(app, &err), &err);
	must(stoa_commit(txn, &err), &err);
	free(keys);
}

/* Looks @n random numbers up at once. */
static void look_up(stoa_set *set, size_t n, uint64_t *rng)
{
	static uint64_t keys[LOADED], found[(LOADED + 63) / 64];
	static stoa_rowid rows[LOADED];
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	struct stoa_error err;

	for (size_t i = 0; i < n; i++)
		keys[i] = testing_below(rng, 4 * LOADED);
	must(stoa_set_has_many(set, &a, 1, n, found, rows, &err), &err);
	for (size_t i = 0; i < n; i++) {
		bool there = keys[i] % 2 == 0 && keys[i] < 2 * LOADED;
		struct stoa_value v = stoa_u64(keys[i]);
		stoa_rowid row = 0;

		assert_int_equal(found[i / 64] >> i % 64 & 1, there);
		assert_int_equal(stoa_set_has(set, &v, 1, &row, &err), there ? STOA_ROW : STOA_END);
		assert_int_equal(rows[i], row);
	}
	memset(rows, 0xff, sizeof rows);
	must(stoa_set_has_many(set, &a, 1, n, NULL, rows, &err), &err);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rows[i] != 0, keys[i] % 2 == 0 && keys[i] < 2 * LOADED);
}

static void as_many_numbers_as_one_likes_are_looked_up_at_once(void **state)
{
	struct store s = { .type = STOA_U64 };
	uint64_t rng = testing_seed();
	struct stoa_error err;
	stoa_txn *txn;
	stoa_set *set;

	(void)state;
	load(&s);
	set = open_now(&s, &txn);
	for (size_t n = 1; n < 200; n++)
		look_up(set, n, &rng);
	look_up(set, LOADED, &rng);
	stoa_set_close(set);
	stoa_abort(txn);
	must(stoa_close(s.db, &err), &err);
}

/* Inserts and takes back keys, then inserts others, which get the same rowids. */
static void haunt(struct store *s, uint64_t at)
{
	struct stoa_error err;
	uint32_t savepoint;
	stoa_txn *txn;

	must(stoa_begin(s->db, STOA_WRITE, &txn, &err), &err);
	must(stoa_savepoint(txn, &savepoint, &err), &err);
	for (uint64_t i = 0; i < 100; i++) {
		struct stoa_value v = stoa_u64(GHOST + at + i);

		must(stoa_insert(txn, s->table, &v, 1, NULL, &err), &err);
	}
	must(stoa_rollback_to(txn, savepoint, &err), &err);
	must(stoa_commit(txn, &err), &err);
}

static void a_rowid_given_again_is_not_found_under_the_key_that_was_undone(void **state)
{
	struct store s = { .type = STOA_U64 };
	uint64_t n = FIRST, end = 70000;
	struct stoa_error err;
	stoa_set *set;
	stoa_txn *txn;

	(void)state;
	make(&s);
	for (; n < end; n += 1000) {	/* past a sealed row group */
		haunt(&s, n);
		add(&s, n, n + 1000);
	}
	set = open_now(&s, &txn);
	expect(set, 0, n, true);
	expect(set, GHOST, GHOST + n, false);
	stoa_set_close(set);
	stoa_abort(txn);
	must(stoa_close(s.db, &err), &err);
}

static void a_row_rewritten_with_another_key_is_not_found_under_the_old_one(void **state)
{
	struct store s = { .type = STOA_U64 };
	uint64_t n = 70000;
	struct stoa_error err;
	uint32_t slot = 0;
	stoa_set *set;
	stoa_txn *txn;

	(void)state;
	make(&s);
	add(&s, FIRST, n);
	must(stoa_begin(s.db, STOA_WRITE, &txn, &err), &err);
	for (uint64_t i = 10; i < 20; i++) {
		struct stoa_value v = stoa_u64(GHOST + i);

		must(stoa_update(txn, s.table, i + 1, &slot, &v, 1, &err), &err);
	}
	must(stoa_commit(txn, &err), &err);
	must(stoa_gc_collect(s.db, 2, NULL, &err), &err);
	set = open_now(&s, &txn);
	expect(set, 0, 10, true);
	expect(set, 10, 20, false);
	expect(set, 20, n, true);
	expect(set, GHOST + 10, GHOST + 20, true);
	stoa_set_close(set);
	stoa_abort(txn);
	must(stoa_close(s.db, &err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_of_numbers_stays_as_it_was_opened_while_others_write),
		cmocka_unit_test(a_set_of_strings_stays_as_it_was_opened_while_others_write),
		cmocka_unit_test(as_many_numbers_as_one_likes_are_looked_up_at_once),
		cmocka_unit_test(a_rowid_given_again_is_not_found_under_the_key_that_was_undone),
		cmocka_unit_test(a_row_rewritten_with_another_key_is_not_found_under_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
