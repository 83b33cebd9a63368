/* SPDX-License-Identifier: MIT */
/*
 * group_test.c - eight threads commit at once, and share flushes, not fates
 *
 * Each thread inserts rows (thread, number, payload) and counts itself in a row of its own, some
 * commits fully durable, some lazily, beside checkpoints in the background and now and then one by
 * request. Right after a commit the thread that made it sees it. All of it happens in a child,
 * which closes the database in the end or is killed on its way; opened again, the database shows
 * for each thread numbers 1 to n without a gap, where n is what its counter says and no less than
 * what the thread knew to be on the disk.
 */
#include "testing.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/stoa.h"

#define THREADS 8

struct worker {
	pthread_t thread;
	stoa_db *db;
	stoa_table rows, counters;
	uint64_t id;
	uint64_t random;
	uint64_t n_commits; /* to make */
	char wrong[600];
};

/* In memory shared with the parent: each thread's newest commit that is on the disk. */
static _Atomic uint64_t *acknowledged;

/* cmocka belongs to the main thread. */
#define NEED(w, expr, err)                                                                   \
	do {                                                                                 \
		if (!(expr)) {                                                               \
			snprintf((w)->wrong, sizeof(w)->wrong, "thread %" PRIu64 ": %s: %s", \
				 (w)->id, #expr, (err)->text);                               \
			return false;                                                        \
		}                                                                            \
	} while (0)

/* Rows of thread w, number n: their payload. */
static uint32_t payload(char *buf, uint64_t id, uint64_t n)
{
	return (uint32_t)sprintf(buf, "thread %" PRIu64 " was here for the %" PRIu64 "th time", id,
				 n);
}

static int change(struct worker *w, stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	struct stoa_value v[3] = { stoa_u64(w->id), stoa_u64(n), stoa_null() };
	uint32_t slot = 1;
	char text[80];
	int rc;

	v[2] = stoa_bytes_value(STOA_STRING, text, payload(text, w->id, n));
	rc = stoa_insert(txn, w->rows, v, 3, NULL, err);
	return rc < 0 ? rc : stoa_update(txn, w->counters, w->id + 1, &slot, &v[1], 1, err);
}

static bool commit(struct worker *w, uint64_t n)
{
	bool full = testing_below(&w->random, 3) > 0;
	struct stoa_error err = { 0 };
	stoa_txn *txn;

	NEED(w, stoa_begin(w->db, STOA_WRITE, &txn, &err) == STOA_OK, &err);
	NEED(w, stoa_set_durability(txn, full ? STOA_FULL : STOA_LAZY, &err) == STOA_OK, &err);
	NEED(w, change(w, txn, n, &err) == STOA_OK, &err);
	NEED(w, stoa_commit(txn, &err) == STOA_OK, &err);
	if (full)
		acknowledged[w->id] = n;
	return true;
}

/* A commit that returned is seen by who made it. */
static bool look(struct worker *w, uint64_t n)
{
	struct stoa_error err = { 0 };
	struct stoa_value v[2];
	stoa_txn *txn;

	NEED(w, stoa_begin(w->db, STOA_READ, &txn, &err) == STOA_OK, &err);
	NEED(w, stoa_get(txn, w->counters, w->id + 1, v, 2, &err) == STOA_OK, &err);
	NEED(w, v[1].u == n, &err);
	stoa_abort(txn);
	return true;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct stoa_error err = { 0 };

	for (uint64_t n = 1; n <= w->n_commits; n++) {
		if (!commit(w, n) || !look(w, n))
			return NULL;
		if (testing_below(&w->random, 100) == 0 && stoa_checkpoint(w->db, &err) < 0) {
			snprintf(w->wrong, sizeof w->wrong, "checkpoint: %s", err.text);
			return NULL;
		}
	}
	return NULL;
}

/* Children must not longjmp() into cmocka. */
static void need(int rc, const struct stoa_error *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s\n", stoa_result_name(rc), err->text);
	_exit(1);
}

static void make_tables(stoa_db *db, stoa_table *rows, stoa_table *counters)
{
	static const struct stoa_slot slots[] = {
		{ .name = "thread", .type = STOA_U64 },
		{ .name = "n", .type = STOA_U64 },
		{ .name = "payload", .type = STOA_STRING },
	};
	struct stoa_error err;
	stoa_txn *txn;

	need(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	need(stoa_table_create(txn, "rows", slots, 3, rows, &err), &err);
	need(stoa_table_create(txn, "counters", slots, 2, counters, &err), &err);
	for (uint64_t i = 0; i < THREADS; i++) {
		struct stoa_value v[2] = { stoa_u64(i), stoa_u64(0) };

		need(stoa_insert(txn, *counters, v, 2, NULL, &err), &err);
	}
	need(stoa_commit(txn, &err), &err);
}

/* Numbers of each thread come in order and end where its counter is. */
static void verify(const char *path, const uint64_t at_least[THREADS])
{
	uint64_t seen[THREADS] = { 0 };
	const struct stoa_value *row;
	struct stoa_value v[2];
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_table t;
	stoa_txn *txn;
	char text[80];
	stoa_db *db;
	int rc;

	must(stoa_check(path, NULL, NULL, &err), &err);
	must(stoa_open(path, NULL, &db, &err), &err);
	must(stoa_begin(db, STOA_READ, &txn, &err), &err);
	must(stoa_table_find(txn, "rows", &t, &err), &err);
	must(stoa_scan(txn, t, NULL, 0, &cur, &err), &err);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		assert_true(row[0].u < THREADS);
		assert_int_equal(row[1].u, ++seen[row[0].u]);
		assert_int_equal(row[2].len, payload(text, row[0].u, row[1].u));
		assert_memory_equal(row[2].p, text, row[2].len);
	}
	must(rc, &err);
	stoa_cursor_close(cur);
	must(stoa_table_find(txn, "counters", &t, &err), &err);
	for (uint64_t i = 0; i < THREADS; i++) {
		must(stoa_get(txn, t, i + 1, v, 2, &err), &err);
		assert_int_equal(v[1].u, seen[i]);
		assert_true(seen[i] >= at_least[i]);
	}
	stoa_abort(txn);
	must(stoa_close(db, &err), &err);
}

static void run_threads(stoa_db *db, uint64_t random, uint64_t n_commits)
{
	struct worker workers[THREADS] = { 0 };
	stoa_table rows, counters;

	make_tables(db, &rows, &counters);
	for (uint64_t i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->db = db;
		w->rows = rows;
		w->counters = counters;
		w->id = i;
		w->random = testing_random(&random);
		w->n_commits = n_commits;
		if (pthread_create(&w->thread, NULL, work, w))
			_exit(1);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (!*workers[i].wrong)
			continue;
		fprintf(stderr, "%s\n", workers[i].wrong);
		_exit(1);
	}
}

static void child(const char *path, uint64_t random, uint64_t n_commits)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;

	options.log_max_bytes = 20000;
	options.lazy_ms = 5;
	need(stoa_open(path, &options, &db, &err), &err);
	run_threads(db, random, n_commits);
	need(stoa_close(db, &err), &err);
	for (int i = 0; i < THREADS; i++)
		acknowledged[i] = n_commits;
	exit(0); /* not _exit(): sanitizers have their say */
}

/* Runs a child to its end, or kills it after @us. */
static void run(uint64_t random, uint64_t n_commits, useconds_t us)
{
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "group.stoa");
	uint64_t at_least[THREADS];
	int status;
	pid_t pid;

	for (int i = 0; i < THREADS; i++)
		acknowledged[i] = 0;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(path, random, n_commits);
	if (us) {
		while (!acknowledged[0] && waitpid(pid, NULL, WNOHANG) == 0)
			usleep(1000); /* until there is something to lose */
		usleep(us);
		kill(pid, SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) ? WEXITSTATUS(status) : !us)
		fail_msg("the child ended with status 0x%x", (unsigned)status);
	for (int i = 0; i < THREADS; i++)
		at_least[i] = acknowledged[i];
	verify(path, at_least);
	testing_rmtree(dir);
}

static void eight_threads_lose_nothing(void **state)
{
	(void)state;
	run(testing_seed(), testing_long() ? 10000 : 200, 0);
}

static void eight_threads_that_are_killed_lose_nothing(void **state)
{
	uint64_t random = testing_seed();

	(void)state;
	for (int i = 0; i < (testing_long() ? 200 : 6); i++)
		run(testing_random(&random), 1000000,
		    1 + (useconds_t)testing_below(&random, 100000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_threads_lose_nothing),
		cmocka_unit_test(eight_threads_that_are_killed_lose_nothing),
	};

	acknowledged = testing_shared(THREADS * sizeof *acknowledged);
	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
