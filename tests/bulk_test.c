/* SPDX-License-Identifier: MIT */
/*
 * bulk_test.c - the files of a load that is longer than what may stay in the page cache
 *
 * Row groups of random numbers, half a megabyte each, so that files end every 2 MiB or so. A watch
 * follows what is written and synced; failures come at each operation.
 *
 * Can it fail? It does when files that ended are not counted, and when one is left out of the sync.
 */
#include "testing.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/bulk.h"
#include "../lib/core/limits.h"
#include "../storage/file.h"

#define N_GROUPS 30
#define GROUP_ROWS 65536
#define FILE_BYTES (STOA__SEGMENT_BYTES_MIN + GROUP_ROWS * sizeof(int64_t) + 65536)	/* at most */
#define CACHED ((uint64_t)5 << 20)

static struct {
	char *dir;
	char path[256];
	uint64_t random;
	uint64_t sum;		/* of what was loaded */
	uint64_t unsynced, most;	/* bytes of segment files */
	uint64_t of_file[64];	/* by number; UINT64_MAX: synced */
} t;

static int setup(void **state)
{
	(void)state;
	testing_in_memory();
	t.dir = testing_tempdir();
	snprintf(t.path, sizeof t.path, "%s", testing_path(t.dir, "bulk.stoa"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	testing_rmtree(t.dir);
	return 0;
}

static void count(enum stoa__file_op op, unsigned number, size_t len)
{
	assert_true(number < 64);
	if (op == STOA__FILE_WRITE) {
		assert_true(t.of_file[number] < UINT64_MAX);
		t.of_file[number] += len;
		t.unsynced += len;
		t.most = t.unsynced > t.most ? t.unsynced : t.most;
	} else if (op == STOA__FILE_SYNC) {
		assert_true(t.of_file[number] < UINT64_MAX);
		t.unsynced -= t.of_file[number];
		t.of_file[number] = UINT64_MAX;
	}
}

/* A load writes from a thread of its own. */
static void watch(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset,
		  const void *p, size_t len)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	unsigned number;

	(void)ctx;
	(void)offset;
	(void)p;
	if (sscanf(name, "segments/%8u.seg", &number) != 1)
		return;
	pthread_mutex_lock(&mutex);
	count(op, number, len);
	pthread_mutex_unlock(&mutex);
}

/* Adds a group of random numbers. */
static int add(struct stoa__bulk *b, struct stoa_error *err)
{
	static int64_t values[GROUP_ROWS];
	const struct stoa__bulk_column column = { .array = { .type = STOA_I64, .values = values } };
	struct stoa__bulk_group *group;

	for (size_t i = 0; i < GROUP_ROWS; i++) {
		values[i] = (int64_t)(testing_random(&t.random) >> 2);
		t.sum += (uint64_t)values[i] % 1000;
	}
	int rc = stoa__bulk_encode(b, &column, 1, GROUP_ROWS, &group, err);

	return rc < 0 ? rc : stoa__bulk_add(b, group, err);
}

/* The groups into a new table, of which @cached bytes may stay in the page cache. */
static int fill(stoa_txn *txn, size_t n_groups, uint64_t cached, struct stoa_error *err)
{
	const struct stoa_slot slot = { .name = "n", .type = STOA_I64, .flags = STOA_NOT_NULL };
	struct stoa__bulk *b;
	stoa_table table;
	int rc = stoa_table_create(txn, "t", &slot, 1, &table, err);

	if (rc == STOA_OK)
		rc = stoa__bulk_open(txn, table, &b, err);
	if (rc < 0)
		return rc;
	stoa__bulk_cache(b, cached);
	t.sum = 0;
	for (size_t i = 0; i < n_groups; i++) {
		rc = add(b, err);
		if (rc < 0) {
			stoa__bulk_abort(b);
			return rc;
		}
	}
	return stoa__bulk_finish(b, NULL, err);
}

static int load(size_t n_groups, uint64_t cached, struct stoa_error *err)
{
	stoa_txn *txn;
	stoa_db *db;

	int rc = stoa_open(t.path, NULL, &db, err);
	if (rc < 0)
		return rc;
	rc = stoa_begin(db, STOA_WRITE, &txn, err);
	if (rc == STOA_OK) {
		rc = fill(txn, n_groups, cached, err);
		if (rc == STOA_OK)
			rc = stoa_commit(txn, err);
		else
			stoa_abort(txn);
	}
	if (rc < 0)
		(void)stoa_close(db, NULL);
	else
		rc = stoa_close(db, err);
	return rc;
}

/* The table's rows and the sum over them; no rows where it is not there. */
static uint64_t rows_of(uint64_t *sum)
{
	static const char sql[] = "SELECT count(*), sum(n % 1000) FROM t";
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_table table;
	stoa_txn *txn;
	stoa_db *db;
	uint64_t n = 0;

	must(stoa_open(t.path, NULL, &db, &err), &err);
	must(stoa_begin(db, STOA_READ, &txn, &err), &err);
	*sum = 0;
	if (stoa_table_find(txn, "t", &table, &err) == STOA_OK) {
		must(stoa_query(txn, sql, &cur, &err), &err);
		assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
		n = (uint64_t)row[0].i;
		*sum = (uint64_t)row[1].i;
		stoa_cursor_close(cur);
	}
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
	return n;
}

static void check_watched(uint64_t cached)
{
	struct stoa_error err;
	uint64_t sum;

	memset(t.of_file, 0, sizeof t.of_file);
	t.unsynced = t.most = 0;
	stoa__file_watch_with(watch, NULL);
	int rc = load(N_GROUPS, cached, &err);
	stoa__file_watch_with(NULL, NULL);
	must(rc, &err);
	assert_int_equal(t.unsynced, 0);
	assert_int_equal(rows_of(&sum), N_GROUPS * GROUP_ROWS);
	assert_int_equal(sum, t.sum);
}

static void a_load_syncs_as_it_goes_what_is_more_than_may_stay(void **state)
{
	(void)state;
	check_watched(CACHED);
	assert_true(t.most > CACHED);
	assert_true(t.most <= CACHED + FILE_BYTES);
}

static void what_may_stay_is_synced_at_the_end(void **state)
{
	(void)state;
	check_watched(STOA__BULK_CACHED);
	assert_true(t.most > N_GROUPS * GROUP_ROWS * sizeof(int64_t));
}

static void a_disk_that_fails_leaves_all_of_the_load_or_nothing(void **state)
{
	bool fired = true;

	(void)state;
	for (long nth = 0; fired; nth++) {
		struct stoa_error err;
		uint64_t sum, n;

		stoa__file_fault_arm(nth, ENOSPC, false);
		int rc = load(N_GROUPS / 2, CACHED / 2, &err);
		fired = stoa__file_fault_disarm();
		n = rows_of(&sum);
		if (rc == STOA_OK || n)
			assert_int_equal(sum, t.sum);
		assert_int_equal(n, rc == STOA_OK || n ? N_GROUPS / 2 * GROUP_ROWS : 0);
		const char *segments = testing_path(t.path, "segments");
		if (!n && access(segments, F_OK) == 0)	/* what was written went, too */
			assert_int_equal(testing_entries(segments), 0);
		stoa_db *db;
		must(stoa_open(t.path, NULL, &db, &err), &err);
		must(stoa_discard(db, &err), &err);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_load_syncs_as_it_goes_what_is_more_than_may_stay),
		TEST(what_may_stay_is_synced_at_the_end),
		TEST(a_disk_that_fails_leaves_all_of_the_load_or_nothing),
	};

	t.random = testing_seed();
	stoa__file_skip_syncs(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
