/* SPDX-License-Identifier: MIT */
/*
 * crowd_test.c - many readers in many processes beside a writer, all of which die at random
 *
 * Each commit moves amounts between accounts, so every snapshot sums to zero. A process writes,
 * checkpoints and collects; 16 others read with 4 threads each. All are killed at random instants
 * and others take their places, without waiting for anybody: nothing may be left locked.
 * STOA_SECONDS says how long; some seconds otherwise.
 *
 * Can it fail? It does at once when the two updates of a transfer are committed one by one.
 */
#include "testing.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/stoa.h"

#define READERS 16
#define THREADS 4
#define ACCOUNTS 2000

/* Counted by all processes. */
static struct shared {
	_Atomic uint64_t commits, sums, opened;
} *shared;

/* In a child: what fails ends it, and the test. */
static void need(int rc, const struct stoa_error *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "process %ld: %s: %s\n", (long)getpid(), stoa_result_name(rc), err->text);
	_exit(1);
}

/* ---- the writer ---- */

static void transfer(stoa_db *db, stoa_table t, uint64_t *random)
{
	uint32_t slot = 1;
	struct stoa_error err;
	stoa_txn *txn;

	need(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	for (int i = 0; i < 4; i++) {
		stoa_rowid rows[2] = { 1 + testing_below(random, ACCOUNTS),
				       1 + testing_below(random, ACCOUNTS) };
		int64_t amount = (int64_t)testing_below(random, 1000);

		for (int k = 0; k < 2; k++) {
			struct stoa_value v[2];

			need(stoa_get(txn, t, rows[k], v, 2, &err), &err);
			v[1].i += k ? amount : -amount;
			need(stoa_update(txn, t, rows[k], &slot, &v[1], 1, &err), &err);
		}
	}
	need(stoa_commit(txn, &err), &err);
	shared->commits++;
}

static void write_on(const char *path, uint64_t random)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_table t;
	stoa_txn *txn;
	stoa_db *db;

	options.log_max_bytes = 256 << 10;
	/* The one before was killed: its lock is nobody's. */
	need(stoa_open(path, &options, &db, &err), &err);
	need(stoa_begin(db, STOA_READ, &txn, &err), &err);
	need(stoa_table_find(txn, "account", &t, &err), &err);
	stoa_abort(txn);
	for (;;) {
		transfer(db, t, &random);
		if (testing_below(&random, 300) == 0)
			need(stoa_checkpoint(db, &err), &err);
		if (testing_below(&random, 900) == 0)
			need(stoa_gc_collect(db, 2, NULL, &err), &err);
	}
}

/* ---- readers ---- */

static void *read_on(void *arg)
{
	stoa_db *db = arg;
	struct stoa_error err;
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_txn *txn;

	for (;;) {
		need(stoa_refresh(db, &err), &err);
		need(stoa_begin(db, STOA_READ, &txn, &err), &err);
		need(stoa_query(txn, "SELECT sum(amount), count(*) FROM account", &cur, &err), &err);
		need(stoa_next(cur, &row, &err), &err);
		if (row[0].i != 0 || row[1].i != ACCOUNTS) {
			fprintf(stderr, "a snapshot of %" PRId64 " rows sums to %" PRId64 "\n",
				row[1].i, row[0].i);
			_exit(2);
		}
		stoa_cursor_close(cur);
		stoa_abort(txn);
		shared->sums++;
	}
	return NULL;
}

static void read_in_threads(const char *path)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	pthread_t thread;
	stoa_db *db;

	options.flags = STOA_OPEN_READ_ONLY;
	options.n_threads = 1;
	need(stoa_open(path, &options, &db, &err), &err);
	shared->opened++;
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, read_on, db) != 0)
			_exit(3);
	read_on(db);
}

/* ---- the parent ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make(const char *path)
{
	struct stoa_error err;
	stoa_txn *txn;
	stoa_db *db;

	must(stoa_open(path, NULL, &db, &err), &err);
	must(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	must(stoa_query(txn, "CREATE TABLE account (n i64, amount i64 NOT NULL)", NULL, &err), &err);
	must(stoa_query(txn, "INSERT INTO account SELECT n, 0 FROM generate_series(1, 2000) AS s(n)",
			NULL, &err), &err);
	must(stoa_query(txn, "ALTER TABLE account ADD COLUMN other i64", NULL, &err), &err);
	must(stoa_query(txn, "ALTER TABLE account DROP COLUMN other", NULL, &err), &err);
	must(stoa_commit(txn, &err), &err);
	must(stoa_close(db, &err), &err);
}

/* Number 0 writes. */
static pid_t start(const char *path, int number, uint64_t random)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (number == 0)
		write_on(path, random);
	else
		read_in_threads(path);
	_exit(0);
}

static void kill_one(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* One that ended by itself has said why. */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void every_snapshot_sums_to_zero_and_the_dead_hold_nothing(void **state)
{
	char *dir = testing_tempdir();
	const char *wanted = getenv("STOA_SECONDS");
	double until = seconds() + (wanted ? atof(wanted) : testing_long() ? 60 : 1.5);
	uint64_t random = testing_seed(), n_killed = 0;
	struct timespec pause = { 0, 20000000 };
	char path[256];
	pid_t pids[READERS + 1];
	struct stoa_error err;
	stoa_db *db;

	(void)state;
	snprintf(path, sizeof path, "%s/a.stoa", dir);
	make(path);
	for (int i = 0; i <= READERS; i++)
		pids[i] = start(path, i, testing_random(&random));
	while (seconds() < until) {
		/* The writer is as likely to go as a reader. */
		int i = (int)(testing_below(&random, 4) ? testing_below(&random, READERS + 1) : 0);

		nanosleep(&pause, NULL);
		kill_one(pids[i]);
		pids[i] = start(path, i, testing_random(&random));
		n_killed++;
	}
	for (int i = 0; i <= READERS; i++)
		kill_one(pids[i]);
	must(stoa_open(path, NULL, &db, &err), &err);
	must(stoa_close(db, &err), &err);
	must(stoa_check(path, NULL, NULL, &err), &err);
	assert_true(shared->sums > 0);
	printf("%" PRIu64 " commits, %" PRIu64 " sums by %d processes of %d threads, %" PRIu64 " killed\n",
	       shared->commits, shared->sums, READERS, THREADS, n_killed);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_snapshot_sums_to_zero_and_the_dead_hold_nothing),
	};

	shared = testing_shared(sizeof *shared);
	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
