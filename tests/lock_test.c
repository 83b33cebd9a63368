/* SPDX-License-Identifier: MIT */
/* lock_test.c - one writer, many readers, and nothing left behind by the dead */
#include "testing.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../storage/lock.h"
#include "place.h"

static struct stoa__lock opened(struct place *p, bool writer)
{
	struct stoa__lock lock;

	assert_int_equal(stoa__lock_open(&p->dir, writer, &lock, &p->err), STOA_OK);
	return lock;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * A child that takes the writer's lock (and byte 1 if @catalog), says so, and waits to be killed.
 */
static pid_t child_that_holds(struct place *p, bool catalog)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct stoa__lock lock;

		if (stoa__lock_open(&p->dir, true, &lock, NULL) < 0 ||
		    stoa__lock_writer(&lock, 0, NULL) < 0 ||
		    (catalog && stoa__lock_catalog(&lock, true, NULL) < 0) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void a_second_writer_is_told_who_the_first_is_and_since_when(void **state)
{
	struct place *p = *state;
	time_t before = time(NULL), since;
	pid_t pid = child_that_holds(p, false);
	struct stoa__lock lock = opened(p, true);
	struct tm tm = { .tm_isdst = -1 };
	const char *at;
	char want[32];

	snprintf(want, sizeof want, "pid %ld ", (long)pid);
	assert_int_equal(stoa__lock_writer(&lock, 0, &p->err), STOA_EBUSY);
	assert_non_null(strstr(p->err.text, want));
	at = strstr(p->err.text, "since ");
	assert_non_null(at);
	assert_non_null(strptime(at, "since %Y-%m-%d %H:%M:%S", &tm));
	since = mktime(&tm);
	/* The clock of files may be some milliseconds behind. */
	assert_true(since >= before - 1 && since <= time(NULL));
	end_child(pid);
	stoa__lock_close(&lock, false);
}

/* A crash leaves its pid in the file, and whoever holds the lock now is somebody else. */
static void nobody_is_told_of_the_dead(void **state)
{
	struct place *p = *state;
	struct stoa__lock check, writer;
	char pid_text[32];
	pid_t pid = child_that_holds(p, false);

	end_child(pid);
	check = opened(p, false);
	writer = opened(p, true);
	snprintf(pid_text, sizeof pid_text, "%ld", (long)pid);
	assert_int_equal(stoa__lock_keep_writers_out(&check, &p->err), STOA_OK);
	assert_int_equal(stoa__lock_writer(&writer, 0, &p->err), STOA_EBUSY);
	assert_null(strstr(p->err.text, pid_text));
	assert_non_null(strstr(p->err.text, "checking"));
	stoa__lock_close(&check, false);
	assert_int_equal(stoa__lock_writer(&writer, 0, &p->err), STOA_OK);
	/* As it is between taking the lock and writing one's own pid. */
	assert_int_equal(stoa__file_write(writer.fd, "lock", 0, pid_text, strlen(pid_text), &p->err), STOA_OK);
	check = opened(p, false);
	assert_int_equal(stoa__lock_keep_writers_out(&check, &p->err), STOA_EBUSY);
	assert_null(strstr(p->err.text, pid_text));
	stoa__lock_close(&check, false);
	stoa__lock_close(&writer, true);
}

static void a_killed_holder_leaves_nothing_stuck(void **state)
{
	struct place *p = *state;
	struct stoa__lock lock;

	end_child(child_that_holds(p, true));
	lock = opened(p, true);
	assert_int_equal(stoa__lock_writer(&lock, 0, &p->err), STOA_OK);
	assert_true(lock.crashed);
	assert_int_equal(stoa__lock_catalog(&lock, true, &p->err), STOA_OK);
	stoa__lock_close(&lock, true);
	lock = opened(p, true);
	assert_int_equal(stoa__lock_writer(&lock, 0, &p->err), STOA_OK);
	assert_false(lock.crashed);
	stoa__lock_close(&lock, true);
}

static void waiting_ends_when_the_time_is_over(void **state)
{
	struct place *p = *state;
	struct stoa__lock first = opened(p, true);
	struct stoa__lock second = opened(p, true);
	int64_t begin = now_ms();

	assert_int_equal(stoa__lock_writer(&first, 0, &p->err), STOA_OK);
	assert_int_equal(stoa__lock_writer(&second, 50, &p->err), STOA_EBUSY);
	assert_true(now_ms() - begin >= 49);
	stoa__lock_close(&first, true);
	stoa__lock_close(&second, true);
}

static void waiting_ends_when_the_holder_dies(void **state)
{
	struct place *p = *state;

	for (int32_t wait_ms = -1; wait_ms < 10000; wait_ms += 9000) {
		pid_t holder = child_that_holds(p, false);
		struct stoa__lock lock = opened(p, true);
		pid_t killer = fork();

		if (killer == 0) {
			usleep(30000);
			kill(holder, SIGKILL);
			_exit(0);
		}
		assert_int_equal(stoa__lock_writer(&lock, wait_ms, &p->err), STOA_OK);
		waitpid(killer, NULL, 0);
		waitpid(holder, NULL, 0);
		stoa__lock_close(&lock, true);
	}
}

/* Who waits is seen while it waits, and no longer, even if it dies of it. */
static void the_holder_sees_that_somebody_waits(void **state)
{
	struct place *p = *state;
	struct stoa__lock first = opened(p, true), second = opened(p, true);

	assert_int_equal(stoa__lock_writer(&first, 0, &p->err), STOA_OK);
	assert_int_equal(stoa__lock_writer(&second, 0, &p->err), STOA_EBUSY);
	assert_int_equal(stoa__lock_writer(&second, 2, &p->err), STOA_EBUSY);
	assert_false(stoa__lock_is_awaited(&first));
	for (int killed = 0; killed < 2; killed++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct stoa__lock lock;

			_exit(stoa__lock_open(&p->dir, true, &lock, NULL) < 0 ||
			      stoa__lock_writer(&lock, -1, NULL) < 0);
		}
		assert_true(pid > 0);
		while (!stoa__lock_is_awaited(&first))
			usleep(200);
		if (killed) {
			end_child(pid);
		} else {
			int status;

			stoa__lock_close(&first, true);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_int_equal(status, 0);
			first = opened(p, true);
			assert_int_equal(stoa__lock_writer(&first, 0, &p->err), STOA_OK);
		}
		assert_false(stoa__lock_is_awaited(&first));
	}
	stoa__lock_close(&second, true);
	stoa__lock_close(&first, true);
}

static void a_database_says_that_it_is_awaited(void **state)
{
	struct place *p = *state;
	struct stoa_options wait = STOA_OPTIONS_INIT;
	char path[512], c;
	int go[2], status;
	stoa_db *db;
	pid_t pid;

	wait.busy_ms = -1;
	assert_false(stoa_is_awaited(NULL));
	assert_int_equal(stoa_open(NULL, NULL, &db, &p->err), STOA_OK);
	assert_false(stoa_is_awaited(db));
	assert_int_equal(stoa_close(db, &p->err), STOA_OK);
	snprintf(path, sizeof path, "%s/awaited.stoa", p->path);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0)
		_exit(read(go[0], &c, 1) != 1 || stoa_open(path, &wait, &db, NULL) < 0 ||
		      stoa_close(db, NULL) < 0);
	assert_true(pid > 0);
	assert_int_equal(stoa_open(path, NULL, &db, &p->err), STOA_OK);
	assert_false(stoa_is_awaited(db));
	assert_int_equal(write(go[1], "x", 1), 1);
	while (!stoa_is_awaited(db))
		usleep(200);
	assert_int_equal(stoa_close(db, &p->err), STOA_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(go[0]);
	close(go[1]);
}

static void the_file_holds_the_pid_until_a_clean_close(void **state)
{
	struct place *p = *state;
	struct stoa__lock lock = opened(p, true);
	char want[32];
	char got[32] = "";
	uint64_t size;

	snprintf(want, sizeof want, "%ld\n", (long)getpid());
	assert_int_equal(stoa__lock_writer(&lock, 0, &p->err), STOA_OK);
	assert_int_equal(stoa__file_read(lock.fd, "lock", 0, got, strlen(want), &p->err), STOA_OK);
	assert_string_equal(got, want);
	stoa__lock_close(&lock, true);
	assert_int_equal(stoa__file_size(&p->dir, "lock", &size, &p->err), STOA_OK);
	assert_int_equal(size, 0);
}

static void readers_share_the_catalog_and_keep_its_writer_waiting(void **state)
{
	struct place *p = *state;
	struct stoa__lock writer = opened(p, true);
	struct stoa__lock a = opened(p, false);
	struct stoa__lock b = opened(p, false);
	int64_t begin = now_ms();
	pid_t pid;

	assert_int_equal(stoa__lock_writer(&writer, 0, &p->err), STOA_OK);
	assert_int_equal(stoa__lock_catalog(&a, false, &p->err), STOA_OK);
	assert_int_equal(stoa__lock_catalog(&b, false, &p->err), STOA_OK);
	stoa__lock_close(&b, false);
	pid = fork();
	if (pid == 0) {
		/* The child shares a's open file and so its lock. */
		usleep(50000);
		stoa__unlock_catalog(&a);
		_exit(0);
	}
	assert_int_equal(stoa__lock_catalog(&writer, true, &p->err), STOA_OK);
	assert_true(now_ms() - begin >= 45);
	waitpid(pid, NULL, 0);
	stoa__unlock_catalog(&writer);
	assert_int_equal(stoa__lock_catalog(&a, false, &p->err), STOA_OK);
	stoa__lock_close(&a, false);
	stoa__lock_close(&writer, true);
}

static void a_child_that_closes_takes_nothing_from_its_parent(void **state)
{
	struct place *p = *state;
	struct stoa__lock lock = opened(p, true);
	struct stoa__lock other = opened(p, true);
	pid_t pid;

	assert_int_equal(stoa__lock_writer(&lock, 0, &p->err), STOA_OK);
	pid = fork();
	if (pid == 0) {
		stoa__lock_close(&lock, true);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(stoa__lock_writer(&other, 0, &p->err), STOA_EBUSY);
	stoa__lock_close(&lock, true);
	stoa__lock_close(&other, false);
}

static void a_child_that_lives_on_keeps_nothing_of_its_parent(void **state)
{
	struct place *p = *state;
	struct stoa__lock lock = opened(p, true);
	struct stoa__lock other = opened(p, true);
	pid_t pid;

	assert_int_equal(stoa__lock_writer(&lock, 0, &p->err), STOA_OK);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	stoa__lock_close(&lock, true);
	assert_int_equal(stoa__lock_writer(&other, 0, &p->err), STOA_OK);
	stoa__lock_close(&other, true);
	end_child(pid);
}

static void a_reader_makes_no_lock_file(void **state)
{
	struct place *p = *state;
	struct stoa__lock lock;

	assert_int_equal(stoa__lock_open(&p->dir, false, &lock, &p->err), STOA_ENOTFOUND);
	stoa__lock_close(&lock, false);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_second_writer_is_told_who_the_first_is_and_since_when),
		TEST(nobody_is_told_of_the_dead),
		TEST(a_killed_holder_leaves_nothing_stuck),
		TEST(waiting_ends_when_the_time_is_over),
		TEST(waiting_ends_when_the_holder_dies),
		TEST(the_holder_sees_that_somebody_waits),
		TEST(a_database_says_that_it_is_awaited),
		TEST(the_file_holds_the_pid_until_a_clean_close),
		TEST(readers_share_the_catalog_and_keep_its_writer_waiting),
		TEST(a_child_that_closes_takes_nothing_from_its_parent),
		TEST(a_child_that_lives_on_keeps_nothing_of_its_parent),
		TEST(a_reader_makes_no_lock_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
