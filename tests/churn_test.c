/* SPDX-License-Identifier: MIT */
/*
 * churn_test.c - many strings pass through a small table, and leave nothing behind
 *
 * A table holds 10,000 rows, each with a string of its own, while rows come and go: 400,000 in
 * `make check`, ten million in `make check-long`; the oldest goes first, or any. What stays is
 * bounded by figures that do not depend on how many have passed:
 *
 *     the rows that live; the tail, which is sealed when it is full, at 65,536 rows, and leaves
 *     out those that died in it; dead rows in row groups that have a live one: of those there are
 *     two or three; and, while a checkpoint runs in the background, the tail that it reads
 *
 * At the end the schema is changed, which seals the tail, and symbols are down to what the row
 * groups need.
 */
#include "testing.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/stoa.h"
#include "tree.h"

#define LIVE 10000
#define TAIL 65536
#define STRING_BYTES 24 /* about, of one string */
/* A row of the tail: rowid and string slot, symbol, its hash slot and bytes, with room to grow. */
#define ROW_BYTES 200
/* Two tails; another where the collector, on a busy machine, is a pass behind: writers wait a second. */
#define SYMBOLS_MAX (3 * TAIL + 4 * LIVE)
#define MEMORY_MAX ((uint64_t)SYMBOLS_MAX * ROW_BYTES)
#define DISK_MAX ((uint64_t)40 << 20)
/* What a collection gathers rows in, beside what counts as the database's. */
#define HEAP_OF_COLLECTOR (8 << 20)
#define PER_COMMIT 1000

struct churn {
	stoa_db *db;
	stoa_table t;
	bool random_order;
	uint64_t random;
	stoa_rowid live[LIVE]; /* a ring when the oldest goes first */
	uint64_t n_passed;
	struct stoa_stat worst;
	uint64_t heap_before, worst_heap;
};

/* What the allocator has given out; 0 under sanitizers, which have their own. */
static uint64_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static struct stoa_stat stat_of(struct churn *c)
{
	struct stoa_stat s = STOA_STAT_INIT;
	struct stoa_error err;
	stoa_txn *txn;

	must(stoa_begin(c->db, STOA_READ, &txn, &err), &err);
	must(stoa_stat(txn, 0, &s, &err), &err);
	stoa_abort(txn);
	return s;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void measure(struct churn *c)
{
	struct stoa_stat s = stat_of(c);

	c->worst.n_symbols = max(c->worst.n_symbols, s.n_symbols);
	c->worst.memory_bytes = max(c->worst.memory_bytes, s.memory_bytes);
	c->worst.disk_bytes = max(c->worst.disk_bytes, s.disk_bytes);
	c->worst.n_groups = max(c->worst.n_groups, s.n_groups);
	/* What was there before may have been given back meanwhile. */
	c->worst_heap = max(c->worst_heap, max(heap_bytes(), c->heap_before) - c->heap_before);
	assert_true(s.n_rows <= LIVE);
	if (s.n_symbols > SYMBOLS_MAX || s.memory_bytes > MEMORY_MAX || s.disk_bytes > DISK_MAX)
		fail_msg("after %" PRIu64 ": %" PRIu64 " symbols, %" PRIu64
			 " bytes of memory, %" PRIu64 " on disk",
			 c->n_passed, s.n_symbols, s.memory_bytes, s.disk_bytes);
}

static struct churn *churn_new(const char *path, bool random_order)
{
	static const struct stoa_slot slots[] = {
		{ .name = "n", .type = STOA_I64 },
		{ .name = "name", .type = STOA_STRING },
	};
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct churn *c = calloc(1, sizeof *c);
	struct stoa_error err;
	stoa_txn *txn;

	c->random_order = random_order;
	c->random = testing_seed();
	options.durability = STOA_LAZY;
	options.log_max_bytes = 4 << 20;
	must(stoa_open(path, &options, &c->db, &err), &err);
	must(stoa_begin(c->db, STOA_WRITE, &txn, &err), &err);
	must(stoa_table_create(txn, "queue", slots, 2, &c->t, &err), &err);
	must(stoa_commit(txn, &err), &err);
	c->heap_before = heap_bytes();
	return c;
}

/* One row comes; one goes, once there are enough. */
static void pass_one(struct churn *c, stoa_txn *txn)
{
	uint64_t n = c->n_passed++;
	uint64_t at = c->random_order ? testing_below(&c->random, LIVE) : n % LIVE;
	struct stoa_error err;
	char name[64];
	struct stoa_value v[2] = { stoa_i64((int64_t)n), stoa_null() };

	v[1] = stoa_bytes_value(STOA_STRING, name,
				(uint32_t)sprintf(name, "a string, the %" PRIu64 "th", n));
	if (n < LIVE)
		at = n;
	else
		must(stoa_delete(txn, c->t, c->live[at], &err), &err);
	must(stoa_insert(txn, c->t, v, 2, &c->live[at], &err), &err);
}

static void pass(struct churn *c, uint64_t n)
{
	struct stoa_error err;
	stoa_txn *txn;

	for (uint64_t done = 0; done < n; done += PER_COMMIT) {
		must(stoa_begin(c->db, STOA_WRITE, &txn, &err), &err);
		for (int i = 0; i < PER_COMMIT; i++)
			pass_one(c, txn);
		must(stoa_commit(txn, &err), &err);
		if (done / PER_COMMIT % 8 == 0)
			measure(c);
	}
}

/* A slot that comes and goes seals the tail. */
static void seal(struct churn *c)
{
	struct stoa_slot slot = { .name = "seal", .type = STOA_BOOL };
	struct stoa_error err;
	stoa_txn *txn;

	must(stoa_begin(c->db, STOA_WRITE, &txn, &err), &err);
	must(stoa_slot_add(txn, c->t, &slot, &err), &err);
	must(stoa_slot_drop(txn, c->t, "seal", &err), &err);
	must(stoa_commit(txn, &err), &err);
}

/* One in the background may be at work: this waits for it, and leaves nothing for the next. */
static void settle(struct churn *c)
{
	struct stoa_error err;

	must(stoa_gc_collect(c->db, 2, NULL, &err), &err);
}

static void delete_all(struct churn *c)
{
	struct stoa_error err;
	stoa_txn *txn;

	must(stoa_begin(c->db, STOA_WRITE, &txn, &err), &err);
	for (size_t i = 0; i < LIVE; i++)
		must(stoa_delete(txn, c->t, c->live[i], &err), &err);
	must(stoa_commit(txn, &err), &err);
}

static void print(const struct churn *c)
{
	printf("%" PRIu64 " rows: at most %" PRIu64 " symbols, %" PRIu64
	       " row groups, %.1f MB of memory "
	       "(malloc: %.1f), %.1f MB on disk\n",
	       c->n_passed, c->worst.n_symbols, c->worst.n_groups,
	       (double)c->worst.memory_bytes / 1e6, (double)c->worst_heap / 1e6,
	       (double)c->worst.disk_bytes / 1e6);
}

static uint64_t n_to_pass(void)
{
	return testing_long() ? 10000000 : 400000;
}

static void run_in_memory(bool random_order)
{
	struct churn *c = churn_new(NULL, random_order);
	struct stoa_error err;
	struct stoa_stat s;

	pass(c, n_to_pass());
	print(c);
	/* The figures are honest: the allocator has given out no more. */
	assert_true(c->worst_heap < c->worst.memory_bytes * 5 / 4 + HEAP_OF_COLLECTOR);
	seal(c);
	settle(c);
	s = stat_of(c);
	assert_int_equal(s.n_rows, LIVE);
	/*
	 * Sealed groups hold the strings of their dead rows too; those that were rewritten have
	 * their own.
	 */
	assert_true(s.n_symbols <= LIVE + s.n_dead);
	assert_true(s.n_dead <= LIVE / 10);
	delete_all(c);
	seal(c);
	settle(c);
	s = stat_of(c);
	assert_int_equal(s.n_rows, 0);
	assert_int_equal(s.n_groups, 0);
	assert_int_equal(s.n_symbols, 0);
	/* The table of symbols stays as large as it had to be. */
	assert_true(s.memory_bytes < (c->worst.n_symbols > 2 * TAIL ? 8 << 20 : 4 << 20));
	must(stoa_close(c->db, &err), &err);
	free(c);
}

static uint64_t directory_bytes(const char *path)
{
	struct tree *tree = tree_read(path);
	uint64_t sum = 0;

	for (size_t i = 0; i < tree->n; i++)
		sum += tree->files[i].len;
	tree_free(tree);
	return sum;
}

static void run_on_disk(bool random_order)
{
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "churn.stoa");
	struct churn *c = churn_new(path, random_order);
	uint64_t one_round;
	struct stoa_error err;
	struct stoa_stat s;

	pass(c, n_to_pass());
	print(c);
	must(stoa_checkpoint(c->db, &err), &err);
	one_round = directory_bytes(path);
	assert_true(one_round < DISK_MAX);
	seal(c);
	/*
	 * Groups in files have strings of their own: the symbol table is empty, once no pass of the
	 * collector holds what they were before, or the lock that it takes to put them in place.
	 */
	do {
		must(stoa_checkpoint(c->db, &err), &err);
		s = stat_of(c);
	} while (s.n_symbols);
	assert_int_equal(s.n_rows, LIVE);
	delete_all(c);
	seal(c);
	settle(c);
	s = stat_of(c);
	assert_int_equal(s.n_groups, 0);
	assert_int_equal(s.segment_bytes, 0);
	must(stoa_close(c->db, &err), &err);
	printf("%.1f MB in the directory, %.1f MB when all is deleted\n", (double)one_round / 1e6,
	       (double)directory_bytes(path) / 1e6);
	assert_true(directory_bytes(path) <= one_round);
	free(c);
	testing_rmtree(dir);
}

static void in_memory_the_oldest_goes_first(void **state)
{
	(void)state;
	run_in_memory(false);
}

static void in_memory_any_goes(void **state)
{
	(void)state;
	run_in_memory(true);
}

static void on_disk_the_oldest_goes_first(void **state)
{
	(void)state;
	run_on_disk(false);
}

static void on_disk_any_goes(void **state)
{
	(void)state;
	run_on_disk(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_memory_the_oldest_goes_first),
		cmocka_unit_test(in_memory_any_goes),
		cmocka_unit_test(on_disk_the_oldest_goes_first),
		cmocka_unit_test(on_disk_any_goes),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
