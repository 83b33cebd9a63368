/* SPDX-License-Identifier: MIT */
/*
 * fault_test.c - the nth file operation or allocation fails, once or for good, for every n
 *
 * The workload opens a ledger, commits in all three ways and by a bulk load, writes checkpoints,
 * collects, and closes. Whatever fails says STOA_EIO or STOA_EFULL (or, of a commit, STOA_EUNKNOWN,
 * and from then on STOA_EREADONLY), and the database shows the commit before. Opened again without
 * faults it is sound, and shows no commit older than the newest that was acknowledged as being on
 * the disk and none that was refused.
 *
 * LMDB's own operations do not pass the seam that fails here; syscall_test has those.
 */
#include "testing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/db.h"
#include "../storage/file.h"
#include "ledger.h"
#include "tree.h"

static const struct ledger ledger = { .bulk_every = 6, .schema_every = 4, .rows_max = 5 };

#define FIRST 3 /* commits that are there when the workload begins */
#define LAST 13

struct run {
	const char *path;
	stoa_db *db;
	uint64_t acknowledged; /* is on the disk */
	uint64_t shown;        /* the newest that succeeded */
	uint64_t possible;     /* the newest that may have */
	int n_failed;
	bool read_only; /* after STOA_EUNKNOWN, or when something in the background met the fault */
};

/* A call failed: is that one of the ways in which it may? */
static void expect_failure(struct run *r, int rc, const struct stoa_error *err)
{
	r->n_failed++;
	if (rc == STOA_EIO || rc == STOA_EFULL || rc == STOA_ENOMEM || rc == STOA_EUNKNOWN ||
	    rc == STOA_EREADONLY) {
		r->read_only |= rc == STOA_EREADONLY;
		return;
	}
	fail_msg("%s: %s", stoa_result_name(rc), err->text);
}

/* What the database shows is what it showed before the call that failed. */
static void expect_unchanged(struct run *r)
{
	struct stoa_error err;
	uint64_t n;
	int rc = ledger_verify_db(&ledger, r->db, &n, &err);

	if (rc == STOA_EIO || rc == STOA_EFULL || rc == STOA_ENOMEM)
		return; /* looking needs files and memory, and that fails too */
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), err.text);
	assert_int_equal(n, r->shown);
}

static void commit(struct run *r, uint64_t n, int durability)
{
	struct stoa_error err;
	int rc;

	rc = ledger_commit(&ledger, r->db, n, durability, &err);
	if (rc < 0) {
		expect_failure(r, rc, &err);
		if (r->read_only)
			assert_int_equal(rc, STOA_EREADONLY);
		if (rc == STOA_EUNKNOWN) {
			r->read_only = true;
			r->possible = n;
		}
		if (r->n_failed < 3)
			expect_unchanged(r);
		return;
	}
	r->shown = r->possible = n;
	if (durability == STOA_FULL)
		r->acknowledged = n;
}

/* A checkpoint, or a collection, which ends with one. */
static void checkpoint(struct run *r, bool collect)
{
	struct stoa_error err;
	int rc = collect ? stoa_gc_collect(r->db, 2, NULL, &err) : stoa_checkpoint(r->db, &err);

	if (rc < 0) {
		expect_failure(r, rc, &err);
		r->read_only |= rc == STOA_EUNKNOWN;
		expect_unchanged(r);
	} else {
		r->acknowledged = r->shown;
	}
}

/* Each commit is tried until it took place, or as often as it may take. */
static void work(struct run *r)
{
	static const int durabilities[] = { STOA_FULL, STOA_LAZY, STOA_NONE };

	for (int tries = 0; r->shown < LAST && tries < LAST + 3; tries++) {
		uint64_t n = r->shown + 1;

		commit(r, n, durabilities[n % 3]);
		if (n % 5 == 0)
			checkpoint(r, n == 10);
	}
}

static void open_work_close(struct run *r)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	int rc;

	options.flags = STOA_OPEN_NO_CREATE;
	options.lazy_ms = 60000; /* the background thread takes no turn of its own */
	rc = stoa_open(r->path, &options, &r->db, &err);
	if (rc < 0) {
		assert_null(r->db);
		expect_failure(r, rc, &err);
		return;
	}
	work(r);
	rc = stoa_close(r->db, &err);
	if (rc < 0)
		expect_failure(r, rc, &err);
	else
		r->acknowledged = r->shown;
	assert_true(rc < 0 || !r->read_only);
}

static void print_finding(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)ctx;
	printf("%s, offset %" PRIu64 ": %s\n", file, offset, what);
}

static void expect_sound(const struct run *r)
{
	struct stoa_error err;
	stoa_db *db;
	uint64_t n = 0;

	if (stoa_check(r->path, print_finding, NULL, &err) < 0 ||
	    stoa_open(r->path, NULL, &db, &err) < 0 ||
	    ledger_verify_db(&ledger, db, &n, &err) < 0 ||
	    ledger_commit(&ledger, db, n + 1, STOA_FULL, &err) < 0 || stoa_close(db, &err) < 0)
		fail_msg("afterwards: %s", err.text);
	if (n < r->acknowledged || n > r->possible)
		fail_msg("afterwards: commit %" PRIu64 " is there; %" PRIu64
			 " was acknowledged, %" PRIu64 " is possible",
			 n, r->acknowledged, r->possible);
}

/* Prints which fault it was when the test fails in the middle of it. */
static struct {
	long nth;
	int code;
	bool forever, over;
} now = { .over = true };

static void print_fault(void)
{
	if (!now.over)
		fprintf(stderr, "with operation %ld failing with %s%s\n", now.nth,
			strerror(now.code), now.forever ? " for ever" : "");
}

/* ENOMEM is for allocations, the others are for file operations. */
static void arm(long nth, int code, bool forever)
{
	if (code == ENOMEM)
		stoa__fault_arm(nth, forever);
	else
		stoa__file_fault_arm(nth, code, forever);
}

static bool disarm(int code)
{
	return code == ENOMEM ? stoa__fault_disarm() : stoa__file_fault_disarm();
}

/* One run; was the fault met? */
static bool run_with_fault(const struct tree *tree, const char *path, long nth, int code,
			   bool forever)
{
	struct run r = { .path = path, .acknowledged = FIRST, .shown = FIRST, .possible = FIRST };
	bool fired;

	now.nth = nth;
	now.code = code;
	now.forever = forever;
	now.over = false;
	tree_write(tree, path);
	arm(nth, code, forever);
	open_work_close(&r);
	fired = disarm(code);
	if (!fired)
		assert_int_equal(r.n_failed, 0);
	expect_sound(&r);
	now.over = true;
	return fired;
}

/* A ledger of FIRST commits; with @log the last of them are in the redo log alone. */
static struct tree *prepare(const char *path, bool log)
{
	struct stoa_error err;
	struct tree *tree;
	stoa_db *db;

	assert_int_equal(stoa_open(path, NULL, &db, &err), STOA_OK);
	assert_int_equal(ledger_create(db, &err), STOA_OK);
	assert_int_equal(stoa_checkpoint(db, &err), STOA_OK);
	for (uint64_t n = 1; n <= FIRST; n++)
		assert_int_equal(ledger_commit(&ledger, db, n, STOA_FULL, &err), STOA_OK);
	tree = log ? tree_read(path) : NULL;
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	return tree ? tree : tree_read(path);
}

/* Every @step-th operation or so fails in its turn. */
static void every_nth(bool log, int code, uint64_t step)
{
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "fault.stoa");
	struct tree *tree = prepare(path, log);
	uint64_t random = testing_seed();

	for (int forever = 0; forever < 2; forever++) {
		long nth = (long)testing_below(&random, step);

		while (run_with_fault(tree, path, nth, code, forever))
			nth += 1 + (long)testing_below(&random, 2 * step - 1);
		printf("%ld operations\n", nth);
	}
	tree_free(tree);
	testing_rmtree(dir);
}

static void a_failing_operation_leaves_the_commit_before(void **state)
{
	(void)state;
	every_nth(false, EIO, testing_long() ? 1 : 16);
	every_nth(false, ENOSPC, testing_long() ? 1 : 16);
}

static void a_failing_operation_leaves_the_commit_before_after_a_crash_too(void **state)
{
	(void)state;
	every_nth(true, EIO, testing_long() ? 1 : 16);
	every_nth(true, ENOSPC, testing_long() ? 1 : 16);
}

static void without_memory_the_commit_before_stays(void **state)
{
	(void)state;
	every_nth(true, ENOMEM, testing_long() ? 1 : 40);
}

/* A reader beside a writer: what it showed before a refresh that fails, it shows afterwards. */
static void every_nth_of_a_refresh(const char *path, int code)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	uint64_t n = FIRST, shown;
	struct stoa_error err;
	stoa_db *writer, *reader;
	bool fired = true;

	assert_int_equal(stoa_open(path, NULL, &writer, &err), STOA_OK);
	options.flags = STOA_OPEN_READ_ONLY;
	assert_int_equal(stoa_open(path, &options, &reader, &err), STOA_OK);
	for (long nth = 0; fired; nth += code == ENOMEM && !testing_long() ? 17 : 1) {
		int rc;

		assert_int_equal(ledger_commit(&ledger, writer, ++n, STOA_FULL, &err), STOA_OK);
		if (nth % 5 == 0)
			assert_int_equal(stoa_checkpoint(writer, &err), STOA_OK);
		arm(nth, code, false);
		rc = stoa_refresh(reader, &err);
		fired = disarm(code);
		if (rc < 0) {
			assert_true(rc == STOA_EIO || rc == STOA_ENOMEM);
			assert_int_equal(ledger_verify_db(&ledger, reader, &shown, &err), STOA_OK);
			assert_int_equal(shown, n - 1);
			assert_int_equal(stoa_refresh(reader, &err), STOA_OK);
		}
		assert_int_equal(ledger_verify_db(&ledger, reader, &shown, &err), STOA_OK);
		assert_int_equal(shown, n);
	}
	assert_int_equal(stoa_close(reader, &err), STOA_OK);
	assert_int_equal(stoa_close(writer, &err), STOA_OK);
}

static void a_refresh_that_fails_changes_nothing(void **state)
{
	static const int codes[] = { EIO, ENOMEM };

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *dir = testing_tempdir();
		const char *path = testing_path(dir, "fault.stoa");

		tree_free(prepare(path, false));
		every_nth_of_a_refresh(path, codes[i]);
		testing_rmtree(dir);
	}
}

/* Closing with no memory at all for the checkpoint: the log has what was committed, lazily too. */
static void a_close_that_fails_loses_no_commit(void **state)
{
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "close.stoa");
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	bool failed = true;
	uint64_t n = FIRST, now_there;
	struct tree *tree = prepare(path, false);
	stoa_db *db;

	(void)state;
	options.lazy_ms = 60000;
	for (long nth = 0; failed; nth++) {
		int rc;

		assert_int_equal(stoa_open(path, &options, &db, &err), STOA_OK);
		assert_int_equal(ledger_commit(&ledger, db, ++n, STOA_FULL, &err), STOA_OK);
		assert_int_equal(ledger_commit(&ledger, db, ++n, STOA_LAZY, &err), STOA_OK);
		assert_int_equal(ledger_commit(&ledger, db, ++n, STOA_NONE, &err), STOA_OK);
		stoa__fault_arm(nth, true);
		rc = stoa_close(db, &err);
		failed = stoa__fault_disarm();
		if (rc < 0)
			assert_int_equal(rc, STOA_ENOMEM);
		assert_int_equal(stoa_check(path, print_finding, NULL, &err), STOA_OK);
		assert_int_equal(stoa_open(path, &options, &db, &err), STOA_OK);
		assert_int_equal(ledger_verify_db(&ledger, db, &now_there, &err), STOA_OK);
		assert_int_equal(now_there, n);
		assert_int_equal(stoa_close(db, &err), STOA_OK);
		nth += nth > 40 ? (long)testing_below(&(uint64_t){ n }, 20) : 0;
	}
	tree_free(tree);
	testing_rmtree(dir);
}

/* Room in the log is made before anything is promised: so a disk that is full is no end. */
static void a_full_disk_aborts_a_commit_and_the_next_one_goes_on(void **state)
{
	static const struct stoa_slot slots[] = { { .name = "t", .type = STOA_TEXT } };
	static char text[400000];
	char *dir = testing_tempdir();
	struct stoa_table_info info;
	struct stoa_error err;
	struct stoa_value v;
	uint64_t n_rows = 0;
	stoa_table table;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	memset(text, 'x', sizeof text);
	v = stoa_bytes_value(STOA_TEXT, text, sizeof text);
	assert_int_equal(stoa_open(testing_path(dir, "f.stoa"), NULL, &db, &err), STOA_OK);
	stoa__background_stop(db);	/* what fails is to be the commit's own */
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
	assert_int_equal(stoa_table_create(txn, "t", slots, 1, &table, &err), STOA_OK);
	assert_int_equal(stoa_commit(txn, &err), STOA_OK);
	/* The log has a file, which is to grow; it has none, and making one fails, or writing to it. */
	for (long i = 0; i < 3; i++) {
		if (i)
			assert_int_equal(stoa_checkpoint(db, &err), STOA_OK);
		assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
		assert_int_equal(stoa_insert(txn, table, &v, 1, NULL, &err), STOA_OK);
		stoa__file_fault_arm(i / 2, ENOSPC, false);
		assert_int_equal(stoa_commit(txn, &err), STOA_EFULL);
		assert_true(stoa__file_fault_disarm());
		assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
		assert_int_equal(stoa_insert(txn, table, &v, 1, NULL, &err), STOA_OK);
		assert_int_equal(stoa_commit(txn, &err), STOA_OK);
		n_rows++;
	}
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	assert_int_equal(stoa_open(testing_path(dir, "f.stoa"), NULL, &db, &err), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_READ, &txn, &err), STOA_OK);
	assert_int_equal(stoa_table_info(txn, table, &info, &err), STOA_OK);
	assert_int_equal(info.n_rows, n_rows);
	stoa_abort(txn);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_aborts_a_commit_and_the_next_one_goes_on),
		cmocka_unit_test(a_failing_operation_leaves_the_commit_before),
		cmocka_unit_test(a_failing_operation_leaves_the_commit_before_after_a_crash_too),
		cmocka_unit_test(without_memory_the_commit_before_stays),
		cmocka_unit_test(a_refresh_that_fails_changes_nothing),
		cmocka_unit_test(a_close_that_fails_loses_no_commit),
	};

	atexit(print_fault);
	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
