/* SPDX-License-Identifier: MIT */
/*
 * crash_test.c - writers killed at random instants lose nothing that was acknowledged
 *
 * A child opens the ledger, goes on where it stands, and tells through a pipe each commit that is
 * on the disk by contract. It is killed with SIGKILL: after some time, or after some number of file
 * operations. The parent checks every byte, reads every row, and finds some commit's state, whole,
 * no older than the last one it was told of. Then comes the next child.
 *
 * Can it fail? With write_run() in storage/log.c made to skip its write now and then, it does at
 * once.
 */
#include "testing.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger.h"
#include "../storage/file.h"

static const struct ledger ledger = { .bulk_every = 20, .schema_every = 15, .rows_max = 12 };

/* ---- the child ---- */

static long ops_left; /* file operations until the end; -1: no end */

/* The end comes once the operation took place, and before anybody knows. */
static void count_op(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset,
		     const void *p, size_t len)
{
	(void)ctx;
	(void)op;
	(void)name;
	(void)offset;
	(void)p;
	(void)len;
	if (ops_left >= 0 && __atomic_fetch_sub(&ops_left, 1, __ATOMIC_RELAXED) == 0)
		raise(SIGKILL);
}

static _Noreturn void die(const char *what, const struct stoa_error *err)
{
	fprintf(stderr, "child: %s: %s\n", what, err->text);
	_exit(2);
}

static void acknowledge(int fd, uint64_t n)
{
	if (write(fd, &n, sizeof n) != sizeof n)
		_exit(3);
}

/* The number of the newest commit; makes the tables where a crash came before them. */
static uint64_t go_on_from(stoa_db *db, struct stoa_error *err)
{
	uint64_t n = 0;
	int rc = ledger_verify_db(&ledger, db, &n, err);

	if (rc == STOA_ENOTFOUND)
		rc = ledger_create(db, err);
	if (rc < 0)
		die("what it found", err);
	return n;
}

static int pick_durability(uint64_t *random)
{
	uint64_t r = testing_below(random, 10);

	return r < 6 ? STOA_FULL : r < 9 ? STOA_LAZY : STOA_NONE;
}

static void child(const char *path, uint64_t random, int fd)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;
	uint64_t n, end;

	ops_left = testing_below(&random, 2) ? (long)testing_below(&random, 300) : -1;
	stoa__file_watch_with(count_op, NULL);
	options.log_max_bytes = 4000u << testing_below(&random, 8);
	options.lazy_ms = 1 + (uint32_t)testing_below(&random, 20);
	if (stoa_open(path, &options, &db, &err) < 0)
		die("open", &err);
	n = go_on_from(db, &err);
	acknowledge(fd, n);
	end = n + 1 + testing_below(&random, 400);
	while (n < end) {
		int durability = pick_durability(&random);

		if (ledger_commit(&ledger, db, ++n, durability, &err) < 0)
			die("commit", &err);
		if (durability == STOA_FULL)
			acknowledge(fd, n);
		if (testing_below(&random, 20) == 0 &&
		    stoa_gc_collect(db, (int)testing_below(&random, 3), NULL, &err) < 0)
			die("collect", &err);
		if (testing_below(&random, 40))
			continue;
		if (stoa_checkpoint(db, &err) < 0)
			die("checkpoint", &err);
		acknowledge(fd, n);
	}
	if (stoa_close(db, &err) < 0)
		die("close", &err);
	acknowledge(fd, n);
	_exit(0);
}

/* ---- the parent ---- */

static void print_finding(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)ctx;
	printf("%s, offset %" PRIu64 ": %s\n", file, offset, what);
}

/*
 * Runs a child for @us microseconds at most, from when it is through with opening or (@early) from
 * its first breath; the newest commit it acknowledged, or @before.
 */
static uint64_t run_child(const char *path, uint64_t seed, bool early, useconds_t us,
			  uint64_t before)
{
	uint64_t n, newest = before;
	int fds[2], status;
	pid_t pid;

	fflush(NULL);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[0]);
		child(path, seed, fds[1]);
	}
	close(fds[1]);
	if (!early && read(fds[0], &n, sizeof n) == sizeof n)
		newest = n;
	usleep(us);
	kill(pid, SIGKILL);
	while (read(fds[0], &n, sizeof n) == sizeof n) {
		assert_true(n >= newest);
		newest = n;
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) != SIGKILL)
		fail_msg("the child ended with status 0x%x", (unsigned)status);
	return newest;
}

static void check_every_byte(const char *path)
{
	struct stoa_error err;
	int rc = stoa_check(path, print_finding, NULL, &err);

	if (rc < 0)
		fail_msg("stoa_check: %s", err.text);
}

/* What the database shows; 0 where a crash came before there was one. */
static uint64_t look(const char *path, uint64_t random)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	uint64_t n = 0;
	stoa_db *db;
	int rc;

	options.flags = STOA_OPEN_NO_CREATE | (random % 2 ? STOA_OPEN_READ_ONLY : 0);
	rc = stoa_open(path, &options, &db, &err);
	if (rc == STOA_ENOTFOUND)
		return 0;
	if (rc < 0)
		fail_msg("stoa_open: %s", err.text);
	rc = ledger_verify_db(&ledger, db, &n, &err);
	if (rc < 0 && rc != STOA_ENOTFOUND)
		fail_msg("%s", err.text);
	if (stoa_close(db, &err) < 0)
		fail_msg("stoa_close: %s", err.text);
	return n;
}

static void killed_writers_lose_nothing_that_was_acknowledged(void **state)
{
	uint64_t random = testing_seed(), n = 0;
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "crash.stoa");
	int kills = testing_long() ? 1000 : 60;

	(void)state;
	for (int i = 0; i < kills; i++) {
		bool early = testing_below(&random, 4) == 0;
		useconds_t us = (useconds_t)testing_below(&random, early ? 20000 : 60000);
		uint64_t acknowledged = run_child(path, testing_random(&random), early, us, n);

		if (access(path, F_OK) == 0)
			check_every_byte(path);
		n = look(path, testing_random(&random));
		if (n < acknowledged)
			fail_msg("kill %d: commit %" PRIu64 " was acknowledged, %" PRIu64
				 " is there",
				 i, acknowledged, n);
	}
	printf("%d kills, %" PRIu64 " commits\n", kills, n);
	testing_rmtree(dir);
}

/* ---- lazy commits ---- */

#define LAZY_MS 20

static struct {
	_Atomic bool checkpointing;
	_Atomic bool committed;
} * shared;

/* The checkpoint in the background takes longer than anybody here lives. */
static void dawdle(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset,
		   const void *p, size_t len)
{
	(void)ctx;
	(void)offset;
	(void)p;
	(void)len;
	if (op != STOA__FILE_SYNC_DIR || strcmp(name, "segments") != 0)
		return;
	shared->checkpointing = true;
	sleep(60);
}

/* Raises a checkpoint in the background, then commits lazily beside it. */
static void commit_beside_checkpoint(const char *path)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;

	options.lazy_ms = LAZY_MS;
	options.log_max_bytes = 1;
	if (stoa_open(path, &options, &db, &err) < 0 || ledger_create(db, &err) < 0)
		die("open", &err);
	while (!shared->checkpointing)
		usleep(1000);
	if (ledger_commit(&ledger, db, 1, STOA_LAZY, &err) < 0)
		die("commit", &err);
	shared->committed = true;
	sleep(60);
}

static void a_lazy_commit_does_not_wait_for_a_checkpoint(void **state)
{
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "lazy.stoa");
	pid_t pid;

	(void)state;
	shared->checkpointing = shared->committed = false;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(50);
		stoa__file_watch_with(dawdle, NULL);
		commit_beside_checkpoint(path);
		_exit(1);
	}
	while (!shared->committed && waitpid(pid, NULL, WNOHANG) == 0)
		usleep(1000);
	usleep(25 * LAZY_MS * 1000); /* this machine may have other things to do */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(look(path, 1), 1);
	testing_rmtree(dir);
}

/* ---- import ---- */

#define CSV_ROWS 150000

static void write_csv(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("n,name,price\n", f);
	for (int i = 0; i < CSV_ROWS; i++)
		fprintf(f, "%d,name %d,%d.25\n", i, i % 1000, i % 77);
	assert_int_equal(fclose(f), 0);
}

static void import(const char *path, const char *csv, long ops)
{
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	ops_left = ops;
	stoa__file_watch_with(count_op, NULL);
	if (stoa_open(path, NULL, &db, &err) < 0 || stoa_begin(db, STOA_WRITE, &txn, &err) < 0)
		die("open", &err);
	if (stoa_import_csv(txn, "t", csv, NULL, NULL, &err) < 0 || stoa_commit(txn, &err) < 0)
		die("import", &err);
	if (stoa_close(db, &err) < 0)
		die("close", &err);
	_exit(0);
}

/* All of the file is there, or nothing, segment files included; true if all. */
static bool look_at_import(const char *path)
{
	struct stoa_stat stat = STOA_STAT_INIT;
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;
	int rc;

	check_every_byte(path);
	assert_int_equal(stoa_open(path, NULL, &db, &err), STOA_OK);
	assert_int_equal(stoa_begin(db, STOA_WRITE, &txn, &err), STOA_OK);
	assert_int_equal(stoa_stat(txn, 0, &stat, &err), STOA_OK);
	assert_int_equal(stat.n_rows, stat.n_tables ? CSV_ROWS : 0);
	assert_int_equal(stat.segment_bytes > 0, stat.n_tables > 0);
	if (stat.n_tables)
		assert_int_equal(stoa_table_drop(txn, 1, &err), STOA_OK);
	rc = stoa_commit(txn, &err);
	assert_int_equal(rc, STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	return stat.n_tables;
}

static void a_killed_import_leaves_all_or_nothing(void **state)
{
	char *dir = testing_tempdir();
	char *path = strdup(testing_path(dir, "import.stoa"));
	char *csv = strdup(testing_path(dir, "t.csv"));
	int n_whole = 0, status = 0;

	(void)state;
	write_csv(csv);
	for (long ops = 0; status || !ops; ops += testing_long() ? 1 : 4) {
		pid_t pid;

		testing_rmtree(strdup(path));
		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			import(path, csv, ops);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(status == 0 || WIFSIGNALED(status));
		if (access(path, F_OK) == 0)
			n_whole += look_at_import(path);
	}
	assert_true(n_whole > 1); /* some were killed after the commit */
	free(path);
	free(csv);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_writers_lose_nothing_that_was_acknowledged),
		cmocka_unit_test(a_killed_import_leaves_all_or_nothing),
		cmocka_unit_test(a_lazy_commit_does_not_wait_for_a_checkpoint),
	};

	shared = testing_shared(sizeof *shared);
	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
