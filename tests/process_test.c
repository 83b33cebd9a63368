/* SPDX-License-Identifier: MIT */
/*
 * process_test.c - a database among processes: one writes, many read, some fork, some die
 *
 * Peers are children forked before anything is opened (but where fork itself is the matter). They
 * talk to the test through two pipes, a byte at a time, and end with 0 or say why not.
 */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../storage/file.h"
#include "ledger.h"

static const struct ledger ledger = { .bulk_every = 30, .schema_every = 20, .rows_max = 10 };

/* ---- peers ---- */

struct peer {
	pid_t pid;
	int to, from; /* ends of the pipes */
};

/* In a peer: a broken expectation ends it. */
static void need(bool ok, const char *what, const struct stoa_error *err)
{
	if (ok)
		return;
	fprintf(stderr, "peer %ld: %s: %s\n", (long)getpid(), what, err ? err->text : "");
	_exit(1);
}

static void say(int fd)
{
	need(write(fd, "x", 1) == 1, "cannot write to the pipe", NULL);
}

/* Waits for a byte; at the end of the pipe the other one is gone. */
static void hear(int fd)
{
	char c;

	need(read(fd, &c, 1) == 1, "the pipe is closed", NULL);
}

static struct peer peer_start(void (*what)(const char *path, int in, int out), const char *path)
{
	struct peer p;
	int to[2], from[2];

	fflush(NULL);
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (!p.pid) {
		close(to[1]);
		close(from[0]);
		alarm(120);
		what(path, to[0], from[1]);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	p.to = to[1];
	p.from = from[0];
	return p;
}

/* Waits for its end, which must be a good one, or by signal @sig. */
static void peer_end(struct peer *p, int sig)
{
	int status;

	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	close(p->to);
	close(p->from);
	if (sig)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == sig);
	else
		assert_int_equal(status, 0);
}

static void peer_await(struct peer *p)
{
	char c;

	assert_int_equal(read(p->from, &c, 1), 1);
}

static void peer_tell(struct peer *p)
{
	assert_int_equal(write(p->to, "x", 1), 1);
}

/* ---- helpers ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_with(const char *path, uint32_t flags, int32_t busy_ms, stoa_db **db,
		     struct stoa_error *err)
{
	struct stoa_options options = STOA_OPTIONS_INIT;

	options.flags = flags;
	options.busy_ms = busy_ms;
	return stoa_open(path, &options, db, err);
}

static void make_ledger(const char *path)
{
	struct stoa_error err;
	stoa_db *db;

	assert_int_equal(stoa_open(path, NULL, &db, &err), STOA_OK);
	assert_int_equal(ledger_create(db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
}

struct place {
	char *dir;
	const char *path;
};

static struct place place_new(void)
{
	struct place p = { testing_tempdir(), NULL };

	p.path = testing_path(p.dir, "p.stoa");
	return p;
}

/* ---- the writer's lock ---- */

/* Opens to write, and closes when told. */
static void hold(const char *path, int in, int out)
{
	struct stoa_error err;
	stoa_db *db;

	need(stoa_open(path, NULL, &db, &err) == STOA_OK, "open", &err);
	say(out);
	hear(in);
	need(stoa_close(db, &err) == STOA_OK, "close", &err);
}

/* Opens to write, and closes 200 ms after it was told. */
static void hold_for_a_while(const char *path, int in, int out)
{
	struct stoa_error err;
	stoa_db *db;

	need(stoa_open(path, NULL, &db, &err) == STOA_OK, "open", &err);
	say(out);
	hear(in);
	usleep(200000);
	need(stoa_close(db, &err) == STOA_OK, "close", &err);
}

static void a_second_writer_is_told_who_the_first_one_is(void **state)
{
	struct place p = place_new();
	struct peer first = peer_start(hold, p.path);
	struct stoa_error err;
	stoa_db *db;
	char pid[32];

	(void)state;
	peer_await(&first);
	assert_int_equal(open_with(p.path, 0, 0, &db, &err), STOA_EBUSY);
	assert_null(db);
	snprintf(pid, sizeof pid, " %ld ", (long)first.pid);
	assert_non_null(strstr(err.text, pid));
	assert_int_equal(stoa_check(p.path, NULL, NULL, &err), STOA_EBUSY);
	peer_tell(&first);
	peer_end(&first, 0);
	assert_int_equal(open_with(p.path, 0, 0, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	testing_rmtree(p.dir);
}

static void a_second_writer_waits_as_long_as_it_likes(void **state)
{
	struct place p = place_new();
	struct peer first = peer_start(hold_for_a_while, p.path);
	struct stoa_error err;
	stoa_db *db;
	double start;

	(void)state;
	peer_await(&first);
	start = seconds();
	assert_int_equal(open_with(p.path, 0, 50, &db, &err), STOA_EBUSY);
	assert_true(seconds() - start >= 0.049);
	peer_tell(&first);
	assert_int_equal(open_with(p.path, 0, 30000, &db, &err), STOA_OK);
	peer_end(&first, 0);
	assert_int_equal(stoa_close(db, &err), STOA_OK);

	first = peer_start(hold_for_a_while, p.path);
	peer_await(&first);
	peer_tell(&first);
	assert_int_equal(open_with(p.path, 0, -1, &db, &err), STOA_OK);
	peer_end(&first, 0);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	testing_rmtree(p.dir);
}

static void a_killed_writer_leaves_no_lock(void **state)
{
	struct place p = place_new();
	struct stoa_error err;
	stoa_db *db;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct peer first = peer_start(hold, p.path);

		peer_await(&first);
		kill(first.pid, SIGKILL);
		peer_end(&first, SIGKILL);
		assert_int_equal(open_with(p.path, 0, 0, &db, &err), STOA_OK);
		assert_int_equal(stoa_close(db, &err), STOA_OK);
	}
	testing_rmtree(p.dir);
}

static void one_process_may_write_once_and_read_often(void **state)
{
	struct place p = place_new();
	stoa_db *writer, *second, *reader;
	struct stoa_error err;
	uint64_t n;

	(void)state;
	make_ledger(p.path);
	assert_int_equal(open_with(p.path, 0, 0, &writer, &err), STOA_OK);
	assert_int_equal(open_with(p.path, 0, 0, &second, &err), STOA_EBUSY);
	assert_int_equal(open_with(p.path, STOA_OPEN_READ_ONLY, 0, &reader, &err), STOA_OK);
	for (uint64_t i = 1; i <= 35; i++) {
		assert_int_equal(ledger_commit(&ledger, writer, i, STOA_FULL, &err), STOA_OK);
		if (i % 7 == 0)
			assert_int_equal(stoa_checkpoint(writer, &err), STOA_OK);
		assert_int_equal(stoa_refresh(reader, &err), STOA_OK);
		assert_int_equal(ledger_verify_db(&ledger, reader, &n, &err), STOA_OK);
		assert_int_equal(n, i);
		/* Nothing new: that takes a few reads, and would fail at more. */
		stoa__file_fault_arm(8, EIO, true);
		assert_int_equal(stoa_refresh(reader, &err), STOA_OK);
		assert_false(stoa__file_fault_disarm());
	}
	/* The lock is still there once the reader is gone. */
	assert_int_equal(stoa_close(reader, &err), STOA_OK);
	assert_int_equal(open_with(p.path, 0, 0, &second, &err), STOA_EBUSY);
	assert_int_equal(ledger_commit(&ledger, writer, 36, STOA_FULL, &err), STOA_OK);
	assert_int_equal(stoa_close(writer, &err), STOA_OK);
	testing_rmtree(p.dir);
}

#define TURNS 4

/*
 * Opens, waiting for its turn, makes the next commit, closes; where there is no database it makes
 * one.
 */
static void take_turns(const char *path, int in, int out)
{
	struct stoa_error err;
	stoa_db *db;
	uint64_t n;

	(void)out;
	hear(in);
	for (int i = 0; i < TURNS; i++) {
		int rc;

		need(open_with(path, 0, -1, &db, &err) == STOA_OK, "open", &err);
		rc = ledger_verify_db(&ledger, db, &n, &err);
		if (rc == STOA_ENOTFOUND) {
			n = 0;
			rc = ledger_create(db, &err);
		}
		need(rc == STOA_OK, "verify", &err);
		need(ledger_commit(&ledger, db, n + 1, STOA_FULL, &err) == STOA_OK, "commit", &err);
		need(stoa_close(db, &err) == STOA_OK, "close", &err);
	}
}

/* @empty_directory: where the database is to be there is a directory already. */
static void race(bool empty_directory)
{
	struct place p = place_new();
	struct peer peers[8];
	struct stoa_error err;
	stoa_db *db;
	uint64_t n;

	if (empty_directory)
		assert_int_equal(mkdir(p.path, 0777), 0);
	for (int i = 0; i < 8; i++)
		peers[i] = peer_start(take_turns, p.path);
	for (int i = 0; i < 8; i++)
		peer_tell(&peers[i]);
	for (int i = 0; i < 8; i++)
		peer_end(&peers[i], 0);
	assert_int_equal(open_with(p.path, STOA_OPEN_READ_ONLY, 0, &db, &err), STOA_OK);
	assert_int_equal(ledger_verify_db(&ledger, db, &n, &err), STOA_OK);
	assert_int_equal(n, 8 * TURNS);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	testing_rmtree(p.dir);
}

static void eight_processes_make_a_database_and_take_turns(void **state)
{
	(void)state;
	race(false);
	race(true);
}

/* ---- reading beside a writer ---- */

static struct {
	_Atomic uint64_t committed; /* newest commit that is on the disk */
	_Atomic bool over;
} * shared;

static void write_much(const char *path, int in, int out)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	double end = seconds() + (testing_long() ? 20 : 1.5);
	uint64_t random = testing_seed(), n = 0;
	struct stoa_error err;
	stoa_db *db;

	(void)in;
	(void)out;
	options.log_max_bytes = 30000;
	need(stoa_open(path, &options, &db, &err) == STOA_OK, "open", &err);
	while (seconds() < end) {
		int durability = testing_below(&random, 3) ? STOA_FULL : STOA_LAZY;

		need(ledger_commit(&ledger, db, ++n, durability, &err) == STOA_OK, "commit", &err);
		if (durability == STOA_FULL)
			shared->committed = n;
		if (testing_below(&random, 30) == 0)
			need(stoa_checkpoint(db, &err) == STOA_OK, "checkpoint", &err);
	}
	need(stoa_close(db, &err) == STOA_OK, "close", &err);
	shared->committed = n;
	shared->over = true;
}

/* What was seen is still seen, though the writer goes on and this database is refreshed. */
static void look_twice(stoa_db *db, uint64_t at_least)
{
	struct stoa_error err;
	uint64_t n, again;
	stoa_txn *txn;

	need(stoa_begin(db, STOA_READ, &txn, &err) == STOA_OK, "begin", &err);
	need(ledger_verify(&ledger, txn, &n, &err) == STOA_OK, "verify", &err);
	need(n >= at_least, "an old state after a refresh", NULL);
	need(stoa_refresh(db, &err) == STOA_OK, "refresh", &err);
	need(ledger_verify(&ledger, txn, &again, &err) == STOA_OK, "verify again", &err);
	need(again == n, "a transaction does not see what it saw", NULL);
	stoa_abort(txn);
}

static void read_much(const char *path, int in, int out)
{
	uint64_t n_looks = 0, at_least;
	struct stoa_error err;
	stoa_db *db;
	bool over;

	(void)in;
	(void)out;
	need(open_with(path, STOA_OPEN_READ_ONLY, 0, &db, &err) == STOA_OK, "open", &err);
	do {
		over = shared->over;
		at_least = shared->committed;
		if (++n_looks % 8 == 0) {
			need(stoa_close(db, &err) == STOA_OK, "close", &err);
			need(open_with(path, STOA_OPEN_READ_ONLY, 0, &db, &err) == STOA_OK,
			     "open again", &err);
		} else {
			need(stoa_refresh(db, &err) == STOA_OK, "refresh", &err);
		}
		look_twice(db, at_least);
	} while (!over);
	need(stoa_close(db, &err) == STOA_OK, "close", &err);
}

static void readers_see_whole_commits_beside_a_writer(void **state)
{
	struct place p = place_new();
	struct peer peers[4];
	struct stoa_error err;

	(void)state;
	make_ledger(p.path);
	shared->committed = 0;
	shared->over = false;
	(void)testing_seed();
	peers[0] = peer_start(write_much, p.path);
	for (int i = 1; i < 4; i++)
		peers[i] = peer_start(read_much, p.path);
	for (int i = 0; i < 4; i++)
		peer_end(&peers[i], 0);
	assert_int_equal(stoa_check(p.path, NULL, NULL, &err), STOA_OK);
	printf("%" PRIu64 " commits\n", shared->committed);
	testing_rmtree(p.dir);
}

/* ---- fork ---- */

static void expect_forked(int rc)
{
	need(rc == STOA_EFORKED, "a call with the parent's handle is not refused", NULL);
}

struct handles {
	stoa_db *db;
	stoa_txn *read, *write;
	stoa_cursor *cur;
	stoa_table counter;
};

static void use_all(const struct handles *h)
{
	struct stoa_value v = stoa_i64(7);
	struct stoa_stat stat = STOA_STAT_INIT;
	const struct stoa_value *row;
	struct stoa_error err;
	struct stoa_batch batch;
	uint32_t slot = 0, mark;
	stoa_cursor *cur;
	stoa_txn *txn;
	stoa_table t;

	expect_forked(stoa_begin(h->db, STOA_READ, &txn, &err));
	expect_forked(stoa_begin(h->db, STOA_WRITE, &txn, &err));
	expect_forked(stoa_checkpoint(h->db, &err));
	expect_forked(stoa_refresh(h->db, &err));
	expect_forked(stoa_table_find(h->read, "counter", &t, &err));
	expect_forked(stoa_get(h->read, h->counter, 1, &v, 1, &err));
	expect_forked(stoa_scan(h->read, h->counter, NULL, 0, &cur, &err));
	expect_forked(stoa_stat(h->read, 0, &stat, &err));
	expect_forked(stoa_next(h->cur, &row, &err));
	expect_forked(stoa_next_batch(h->cur, &batch, &err));
	expect_forked(stoa_insert(h->write, h->counter, &v, 1, NULL, &err));
	expect_forked(stoa_update(h->write, h->counter, 1, &slot, &v, 1, &err));
	expect_forked(stoa_delete(h->write, h->counter, 1, &err));
	expect_forked(stoa_savepoint(h->write, &mark, &err));
	expect_forked(stoa_commit(h->write, &err));
	stoa_cursor_close(h->cur);
	stoa_abort(h->write);
	stoa_abort(h->read);
	need(stoa_close(h->db, &err) == STOA_OK, "close in a child", &err);
}

static void a_handle_does_not_cross_fork(void **state)
{
	struct place p = place_new();
	struct stoa_error err;
	struct handles h;
	stoa_db *second;
	uint64_t n;
	int status;
	pid_t pid;

	(void)state;
	make_ledger(p.path);
	assert_int_equal(stoa_open(p.path, NULL, &h.db, &err), STOA_OK);
	assert_int_equal(stoa_begin(h.db, STOA_READ, &h.read, &err), STOA_OK);
	assert_int_equal(stoa_table_find(h.read, "counter", &h.counter, &err), STOA_OK);
	assert_int_equal(stoa_scan(h.read, h.counter, NULL, 0, &h.cur, &err), STOA_OK);
	assert_int_equal(stoa_begin(h.db, STOA_WRITE, &h.write, &err), STOA_OK);
	assert_int_equal(ledger_step(&ledger, h.write, 1, &err), STOA_OK);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		use_all(&h);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* The parent has lost nothing. */
	assert_int_equal(stoa_commit(h.write, &err), STOA_OK);
	stoa_cursor_close(h.cur);
	stoa_abort(h.read);
	assert_int_equal(open_with(p.path, 0, 0, &second, &err), STOA_EBUSY);
	assert_int_equal(ledger_commit(&ledger, h.db, 2, STOA_FULL, &err), STOA_OK);
	assert_int_equal(stoa_close(h.db, &err), STOA_OK);
	assert_int_equal(stoa_open(p.path, NULL, &h.db, &err), STOA_OK);
	assert_int_equal(ledger_verify_db(&ledger, h.db, &n, &err), STOA_OK);
	assert_int_equal(n, 2);
	assert_int_equal(stoa_close(h.db, &err), STOA_OK);
	testing_rmtree(p.dir);
}

/*
 * Opens to write and forks; its child closes the handle, says so, and lives on when its parent is
 * killed.
 */
static void fork_and_wait(const char *path, int in, int out)
{
	struct stoa_error err;
	stoa_db *db;

	need(stoa_open(path, NULL, &db, &err) == STOA_OK, "open", &err);
	if (!fork()) {
		alarm(60);
		need(stoa_close(db, &err) == STOA_OK, "close in a child", &err);
		say(out);
	}
	hear(in);
}

static void a_child_that_closed_the_handle_keeps_no_lock(void **state)
{
	struct place p = place_new();
	struct peer peer = peer_start(fork_and_wait, p.path);
	struct stoa_error err;
	stoa_db *db;

	(void)state;
	peer_await(&peer);
	kill(peer.pid, SIGKILL);
	/* The child hears nothing until its end of the pipe is closed below. */
	assert_int_equal(waitpid(peer.pid, NULL, 0), peer.pid);
	assert_int_equal(open_with(p.path, 0, 0, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	peer_tell(&peer);
	close(peer.to);
	close(peer.from);
	testing_rmtree(p.dir);
}

/* ---- what is not a database ---- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_missing_path_is_made_or_not_as_asked(void **state)
{
	struct place p = place_new();
	struct stoa_error err;
	stoa_db *db;

	(void)state;
	assert_int_equal(open_with(p.path, STOA_OPEN_READ_ONLY, 0, &db, &err), STOA_ENOTFOUND);
	assert_int_equal(open_with(p.path, STOA_OPEN_NO_CREATE, 0, &db, &err), STOA_ENOTFOUND);
	assert_int_equal(stoa_check(p.path, NULL, NULL, &err), STOA_ENOTFOUND);
	assert_int_equal(access(p.path, F_OK), -1);
	assert_true(open_with(testing_path(p.dir, "no/such/parent"), 0, 0, &db, &err) < 0);
	assert_int_equal(open_with(p.path, STOA_OPEN_EXCLUSIVE, 0, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	assert_int_equal(open_with(p.path, STOA_OPEN_EXCLUSIVE, 0, &db, &err), STOA_EEXIST);
	assert_int_equal(open_with(testing_path(p.dir, "slash/"), 0, 0, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	assert_int_equal(mkdir(testing_path(p.dir, "empty"), 0777), 0);
	assert_int_equal(open_with(testing_path(p.dir, "empty"), 0, 0, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	testing_rmtree(p.dir);
}

static void what_is_not_a_database_is_left_alone(void **state)
{
	struct place p = place_new();
	struct stoa_error err;
	stoa_db *db;
	char *name = strdup(testing_path(p.path, "letter.txt"));

	(void)state;
	write_file(p.path, "a file\n");
	assert_int_equal(open_with(p.path, 0, 0, &db, &err), STOA_EINVAL);
	assert_true(open_with(p.path, STOA_OPEN_READ_ONLY, 0, &db, &err) < 0);
	assert_true(stoa_check(p.path, NULL, NULL, &err) < 0);
	assert_int_equal(unlink(p.path), 0);
	assert_int_equal(mkdir(p.path, 0777), 0);
	write_file(name, "a letter\n");
	assert_int_equal(open_with(p.path, 0, 0, &db, &err), STOA_EINVAL);
	assert_int_equal(open_with(p.path, STOA_OPEN_READ_ONLY, 0, &db, &err), STOA_ENOTFOUND);
	assert_true(stoa_check(p.path, NULL, NULL, &err) < 0);
	/* Nothing was made, nothing was removed. */
	assert_int_equal(unlink(name), 0);
	assert_int_equal(rmdir(p.path), 0);
	free(name);
	testing_rmtree(p.dir);
}

static void empty_files_are_damage(void **state)
{
	static const char *const names[] = { "catalog.mdb", "catalog.sum",
					     "segments/00000001.seg" };
	struct place p = place_new();
	struct stoa_error err;
	stoa_db *db;

	(void)state;
	assert_int_equal(stoa_open(p.path, NULL, &db, &err), STOA_OK);
	assert_int_equal(ledger_create(db, &err), STOA_OK);
	for (uint64_t n = 1; n <= 31; n++)
		assert_int_equal(ledger_commit(&ledger, db, n, STOA_FULL, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char *name = strdup(testing_path(p.path, names[i]));
		char *saved = strdup(testing_path(p.dir, "saved"));

		assert_int_equal(rename(name, saved), 0);
		write_file(name, "");
		assert_int_equal(stoa_open(p.path, NULL, &db, &err), STOA_ECORRUPT);
		assert_int_equal(open_with(p.path, STOA_OPEN_READ_ONLY, 0, &db, &err),
				 STOA_ECORRUPT);
		assert_int_equal(stoa_check(p.path, NULL, NULL, &err), STOA_ECORRUPT);
		assert_int_equal(rename(saved, name), 0);
		free(name);
		free(saved);
	}
	assert_int_equal(stoa_check(p.path, NULL, NULL, &err), STOA_OK);
	testing_rmtree(p.dir);
}

/* ---- permissions; root has them all, so a peer becomes somebody else ---- */

static void become_nobody(void)
{
	if (geteuid() == 0)
		need(setegid(65534) == 0 && seteuid(65534) == 0, "cannot give up root", NULL);
}

static void expect_no_access(const char *path, uint32_t flags)
{
	struct stoa_error err;
	stoa_db *db;
	int rc = open_with(path, flags, 0, &db, &err);

	need(rc == STOA_EIO && strstr(err.text, "ermission denied"), "permission denied", &err);
}

/* May read everything and write nothing. */
static void read_as_nobody(const char *path, int in, int out)
{
	struct stoa_error err;
	stoa_db *db;
	uint64_t n;

	(void)in;
	(void)out;
	become_nobody();
	expect_no_access(path, 0);
	need(open_with(path, STOA_OPEN_READ_ONLY, 0, &db, &err) == STOA_OK, "open to read", &err);
	need(ledger_verify_db(&ledger, db, &n, &err) == STOA_OK, "verify", &err);
	need(stoa_close(db, &err) == STOA_OK, "close", &err);
}

/* May not even look into the directory. */
static void fail_as_nobody(const char *path, int in, int out)
{
	char sub[4200];

	(void)in;
	(void)out;
	become_nobody();
	expect_no_access(path, 0);
	expect_no_access(path, STOA_OPEN_READ_ONLY);
	snprintf(sub, sizeof sub, "%s/new.stoa", path);
	expect_no_access(sub, 0);
}

static void without_permission_there_is_an_error_that_says_so(void **state)
{
	struct place p = place_new();
	struct peer peer;

	(void)state;
	make_ledger(p.path);
	assert_int_equal(chmod(p.dir, 0755), 0);
	assert_int_equal(chmod(testing_path(p.path, "lock"), 0444), 0);
	peer = peer_start(read_as_nobody, p.path);
	peer_end(&peer, 0);
	assert_int_equal(chmod(p.path, 0), 0);
	peer = peer_start(fail_as_nobody, p.path);
	peer_end(&peer, 0);
	assert_int_equal(chmod(p.path, 0755), 0);
	testing_rmtree(p.dir);
}

/* A creator that was killed leaves a directory; one that lives has a claim on its own. */
static void what_a_killed_creator_left_is_removed(void **state)
{
	char *dir = testing_tempdir();
	struct stoa_error err;
	char path[300], left[300], live[300], other[300];
	stoa_db *db;
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s", testing_path(dir, "a.stoa"));
	snprintf(left, sizeof left, "%s", testing_path(dir, "a.stoa.new-0123abcd"));
	snprintf(live, sizeof live, "%s", testing_path(dir, "a.stoa.new-89efabcd"));
	snprintf(other, sizeof other, "%s", testing_path(dir, "a.stoa.new-notours"));
	assert_int_equal(stoa_open(left, NULL, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	assert_int_equal(mkdir(live, 0777), 0);
	assert_int_equal(mkdir(other, 0777), 0);
	assert_int_equal(stoa__dir_claim(live, &fd, &err), STOA_OK);
	assert_int_equal(stoa_open(path, NULL, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(live, F_OK), 0);
	assert_int_equal(access(other, F_OK), 0);
	stoa__file_close(fd);
	testing_rmtree(dir);
}

static void make_read_only(const char *path, bool on)
{
	static const char *const names[] = { "catalog.mdb", "catalog.sum", "lock" };
	char name[400];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "%s/%s", path, names[i]);
		assert_int_equal(chmod(name, on ? 0444 : 0644), 0);
	}
	assert_int_equal(chmod(path, on ? 0555 : 0755), 0);
}

static void a_check_needs_no_permission_to_write(void **state)
{
	char *dir = testing_tempdir();
	struct stoa_error err;
	char path[300];
	stoa_db *db;
	int status;
	pid_t pid;

	(void)state;
	snprintf(path, sizeof path, "%s", testing_path(dir, "a.stoa"));
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(stoa_open(path, NULL, &db, &err), STOA_OK);
	assert_int_equal(stoa_close(db, &err), STOA_OK);
	make_read_only(path, true);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		/* What root may, nobody else may. */
		if (!geteuid() && setuid(65534))
			_exit(2);
		_exit(stoa_check(path, NULL, NULL, &err) == STOA_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	make_read_only(path, false);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_writer_is_told_who_the_first_one_is),
		cmocka_unit_test(a_second_writer_waits_as_long_as_it_likes),
		cmocka_unit_test(a_killed_writer_leaves_no_lock),
		cmocka_unit_test(one_process_may_write_once_and_read_often),
		cmocka_unit_test(eight_processes_make_a_database_and_take_turns),
		cmocka_unit_test(readers_see_whole_commits_beside_a_writer),
		cmocka_unit_test(a_handle_does_not_cross_fork),
		cmocka_unit_test(a_child_that_closed_the_handle_keeps_no_lock),
		cmocka_unit_test(a_missing_path_is_made_or_not_as_asked),
		cmocka_unit_test(what_is_not_a_database_is_left_alone),
		cmocka_unit_test(empty_files_are_damage),
		cmocka_unit_test(what_a_killed_creator_left_is_removed),
		cmocka_unit_test(a_check_needs_no_permission_to_write),
		cmocka_unit_test(without_permission_there_is_an_error_that_says_so),
	};

	shared = testing_shared(sizeof *shared);
	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
