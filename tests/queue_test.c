/* SPDX-License-Identifier: MIT */
/*
 * queue_test.c - work queues with many consumers: threads, processes, those that die and those that
 * hang
 *
 * Every job has a number, and a worker writes it into a table of results in the transaction that
 * acknowledges. At the end each number must be there exactly once, whatever happened to the workers
 * on the way.
 */
#include "testing.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/stoa.h"

#define LEASE_MS 60000
#define WAIT_MS 20000

struct store {
	char *dir;
	const char *path;	/* NULL: in memory */
	stoa_db *db;
	stoa_table jobs, results, dead;
	stoa_index order;
	struct stoa_error err;
};

static void ok(const struct store *s, int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), s->err.text);
}

static void open_store(struct store *s)
{
	struct stoa_options o = STOA_OPTIONS_INIT;

	o.busy_ms = -1;
	o.durability = STOA_NONE;
	ok(s, stoa_open(s->path, &o, &s->db, &s->err));
}

static stoa_txn *begin(struct store *s)
{
	stoa_txn *txn;

	ok(s, stoa_begin(s->db, STOA_WRITE, &txn, &s->err));
	return txn;
}

static void commit(struct store *s, stoa_txn *txn)
{
	ok(s, stoa_commit(txn, &s->err));
}

/* Tables "job", with a deque as @options say, "result" and "dead". */
static void make(struct store *s, bool durable, struct stoa_index_options options)
{
	static const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	stoa_txn *txn;

	memset(s, 0, sizeof *s);
	testing_in_memory();
	s->dir = testing_tempdir();
	if (durable)
		s->path = testing_path(s->dir, "db.stoa");
	open_store(s);
	txn = begin(s);
	ok(s, stoa_table_create(txn, "job", &slot, 1, &s->jobs, &s->err));
	ok(s, stoa_table_create(txn, "result", &slot, 1, &s->results, &s->err));
	ok(s, stoa_table_create(txn, "dead", &slot, 1, &s->dead, &s->err));
	options.kind = STOA_INDEX_DEQUE;
	if (options.attempts_max)
		options.dead = s->dead;
	ok(s, stoa_index_create(txn, s->jobs, &options, &s->order, &s->err));
	commit(s, txn);
}

static void unmake(struct store *s)
{
	ok(s, stoa_close(s->db, &s->err));
	testing_rmtree(s->dir);
}

static void push(struct store *s, int64_t from, int64_t to)
{
	stoa_txn *txn = begin(s);

	for (; from < to; from++) {
		struct stoa_value v = stoa_i64(from);

		ok(s, stoa_insert(txn, s->jobs, &v, 1, NULL, &s->err));
	}
	commit(s, txn);
}

static struct stoa_deque_stat stat_of(struct store *s)
{
	struct stoa_deque_stat stat = STOA_DEQUE_STAT_INIT;
	stoa_txn *txn;

	ok(s, stoa_begin(s->db, STOA_READ, &txn, &s->err));
	ok(s, stoa_deque_stat(txn, s->jobs, s->order, &stat, &s->err));
	stoa_abort(txn);
	return stat;
}

/* How many rows a table has; the numbers in it must be different ones below @n. */
static int64_t count_once(struct store *s, stoa_table table, int64_t n)
{
	char *seen = calloc(1, (size_t)n + 1);
	const struct stoa_value *v;
	int64_t found = 0;
	stoa_cursor *cur;
	stoa_txn *txn;

	ok(s, stoa_begin(s->db, STOA_READ, &txn, &s->err));
	ok(s, stoa_scan(txn, table, NULL, 0, &cur, &s->err));
	for (; stoa_next(cur, &v, &s->err) == STOA_ROW; found++) {
		assert_in_range(v->i, 0, n - 1);
		assert_int_equal(seen[v->i], 0);
		seen[v->i] = 1;
	}
	stoa_cursor_close(cur);
	stoa_abort(txn);
	free(seen);
	return found;
}

static bool claim(struct store *s, stoa_consumer *me, uint32_t ms, struct stoa_lease *lease)
{
	stoa_txn *txn = begin(s);
	size_t n;
	int rc = stoa_deque_claim(txn, s->jobs, s->order, NULL, me, ms, lease, 1, &n, &s->err);

	ok(s, rc);
	commit(s, txn);
	return rc == STOA_ROW;
}

/* Copies the job's number to the results and acknowledges. Was the lease still good? */
static bool finish(struct store *s, const struct stoa_lease *lease)
{
	stoa_txn *txn = begin(s);
	struct stoa_value v;
	int rc = stoa_get(txn, s->jobs, lease->row, &v, 1, &s->err);

	if (rc == STOA_OK) {
		ok(s, stoa_insert(txn, s->results, &v, 1, NULL, &s->err));
		rc = stoa_deque_ack(txn, s->jobs, s->order, lease, &s->err);
	}
	if (rc == STOA_OK)
		commit(s, txn);
	else
		stoa_abort(txn);
	return rc == STOA_OK;
}

/* ---- one at a time ---- */

static const struct stoa_index_options plain = STOA_INDEX_OPTIONS_INIT;

static void what_falls_off_a_full_deque_is_deleted(void **state)
{
	struct stoa_index_options o = plain;
	struct stoa_value v = stoa_i64(100);
	struct store s;
	stoa_txn *txn;
	stoa_rowid row;

	(void)state;
	o.maxlen = 3;
	make(&s, true, o);
	push(&s, 0, 5);
	assert_int_equal(stat_of(&s).n_ready, 3);
	txn = begin(&s);
	ok(&s, stoa_deque_push(txn, s.jobs, s.order, STOA_FRONT, &v, 1, NULL, &s.err));
	ok(&s, stoa_deque_at(txn, s.jobs, s.order, NULL, -1, &row, &s.err));
	ok(&s, stoa_get(txn, s.jobs, row, &v, 1, &s.err));
	assert_int_equal(v.i, 3);	/* 100 2 3 */
	commit(&s, txn);
	ok(&s, stoa_close(s.db, &s.err));
	open_store(&s);
	txn = begin(&s);
	ok(&s, stoa_deque_pop(txn, s.jobs, s.order, NULL, STOA_FRONT, &v, 1, NULL, &s.err));
	assert_int_equal(v.i, 100);
	ok(&s, stoa_deque_pop(txn, s.jobs, s.order, NULL, STOA_FRONT, &v, 1, NULL, &s.err));
	assert_int_equal(v.i, 2);
	commit(&s, txn);
	unmake(&s);
}

static void rows_that_an_appender_adds_are_in_the_deque(void **state)
{
	struct stoa_index_options o = plain;
	static int64_t n[1000];
	struct stoa_array a = { STOA_I64, 0, n, NULL };
	stoa_appender *app;
	struct store s;
	stoa_txn *txn;
	stoa_rowid row;

	(void)state;
	o.maxlen = 70000;
	make(&s, true, o);
	for (int round = 0; round < 2; round++) {
		txn = begin(&s);
		ok(&s, stoa_appender_open(txn, s.jobs, &app, &s.err));
		for (int i = 0; i < 66; i++)
			ok(&s, stoa_append(app, &a, 1, 1000, &s.err));
		ok(&s, stoa_appender_close(app, &s.err));
		commit(&s, txn);
		assert_int_equal(stat_of(&s).n_ready, round ? 70000 : 66000);
	}
	ok(&s, stoa_close(s.db, &s.err));
	open_store(&s);
	txn = begin(&s);
	ok(&s, stoa_deque_at(txn, s.jobs, s.order, NULL, 0, &row, &s.err));
	assert_int_equal(row, 132000 - 70000 + 1);
	stoa_abort(txn);
	unmake(&s);
}

static void a_job_that_fails_too_often_is_a_dead_letter(void **state)
{
	struct stoa_index_options o = plain;
	struct stoa_lease lease;
	struct store s;
	stoa_txn *txn;

	(void)state;
	o.attempts_max = 3;
	make(&s, true, o);
	push(&s, 0, 1);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_true(claim(&s, NULL, LEASE_MS, &lease));
		assert_int_equal(lease.attempt, i);
		txn = begin(&s);
		ok(&s, stoa_deque_nack(txn, s.jobs, s.order, &lease, STOA_BACK, 0, &s.err));
		commit(&s, txn);
	}
	assert_false(claim(&s, NULL, LEASE_MS, &lease));
	assert_int_equal(count_once(&s, s.dead, 1), 1);
	assert_int_equal(count_once(&s, s.jobs, 1), 0);
	unmake(&s);
}

static void where_dead_letters_cannot_go_they_stay(void **state)
{
	struct stoa_index_options o = plain;
	struct stoa_lease lease;
	struct store s;
	stoa_txn *txn;

	(void)state;
	o.attempts_max = 1;
	make(&s, false, o);
	push(&s, 0, 1);
	txn = begin(&s);
	ok(&s, stoa_table_drop(txn, s.dead, &s.err));
	commit(&s, txn);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_true(claim(&s, NULL, 0, &lease));
		assert_int_equal(lease.attempt, i);
	}
	unmake(&s);
}

static void a_lease_that_is_over_cannot_be_acknowledged(void **state)
{
	struct stoa_lease first, second;
	struct store s;

	(void)state;
	make(&s, true, plain);
	push(&s, 0, 1);
	assert_true(claim(&s, NULL, 0, &first));
	assert_true(claim(&s, NULL, LEASE_MS, &second));
	assert_false(finish(&s, &first));
	assert_true(finish(&s, &second));
	assert_int_equal(count_once(&s, s.results, 1), 1);
	unmake(&s);
}

static void a_lease_ends_with_its_consumer(void **state)
{
	stoa_consumer *one, *two;
	struct stoa_lease lease;
	struct store s;

	for (int durable = 0; durable < 2; durable++) {
		(void)state;
		make(&s, durable, plain);
		push(&s, 0, 1);
		ok(&s, stoa_consumer_open(s.db, &one, &s.err));
		ok(&s, stoa_consumer_open(s.db, &two, &s.err));
		assert_true(claim(&s, one, LEASE_MS, &lease));
		assert_false(claim(&s, two, LEASE_MS, &lease));
		stoa_consumer_close(one);
		assert_int_equal(stoa_consumer_wait(two, WAIT_MS, &s.err), STOA_ROW);
		assert_true(claim(&s, two, LEASE_MS, &lease));
		assert_int_equal(lease.attempt, 2);
		if (!durable)
			assert_int_equal(stoa_close(s.db, &s.err), STOA_ESTATE);
		stoa_consumer_close(two);
		unmake(&s);
	}
}

static void a_delayed_job_comes_back_in_time(void **state)
{
	stoa_consumer *me;
	struct stoa_lease lease;
	struct store s;
	stoa_txn *txn;

	(void)state;
	make(&s, true, plain);
	push(&s, 0, 1);
	ok(&s, stoa_consumer_open(s.db, &me, &s.err));
	assert_int_equal(stoa_consumer_wait(me, 0, &s.err), STOA_END);
	assert_true(claim(&s, me, LEASE_MS, &lease));
	txn = begin(&s);
	ok(&s, stoa_deque_nack(txn, s.jobs, s.order, &lease, STOA_FRONT, 50, &s.err));
	commit(&s, txn);
	while (!claim(&s, me, LEASE_MS, &lease))
		assert_int_equal(stoa_consumer_wait(me, WAIT_MS, &s.err), STOA_ROW);
	assert_int_equal(lease.attempt, 2);
	stoa_consumer_close(me);
	unmake(&s);
}

/* ---- threads ---- */

#define THREADS 4
#define THREAD_JOBS 400

static void *consume(void *arg)
{
	struct store mine = *(struct store *)arg;
	stoa_consumer *me;
	struct stoa_lease lease;
	intptr_t n = 0;

	ok(&mine, stoa_consumer_open(mine.db, &me, &mine.err));
	while (n >= 0) {
		if (!claim(&mine, me, LEASE_MS, &lease)) {
			if (stoa_consumer_wait(me, WAIT_MS, &mine.err) == STOA_END)
				break;
			/* The last job is done once all are results. */
			if (count_once(&mine, mine.results, THREAD_JOBS) == THREAD_JOBS)
				break;
			continue;
		}
		assert_true(finish(&mine, &lease));
		n++;
	}
	stoa_consumer_close(me);
	return (void *)n;
}

/* Each is woken: nobody waits WAIT_MS, or the test would take as long. */
static void threads_share_the_work(void **state)
{
	pthread_t thread[THREADS];
	struct store s;
	void *n;
	intptr_t sum = 0;

	(void)state;
	make(&s, false, plain);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, consume, &s), 0);
	for (int i = 0; i < THREAD_JOBS; i++)
		push(&s, i, i + 1);
	for (;;) {
		stoa_consumer *bell;

		if (count_once(&s, s.results, THREAD_JOBS) < THREAD_JOBS) {
			usleep(1000);
			continue;
		}
		/* Wakes those who sleep, to see that all is done. */
		ok(&s, stoa_consumer_open(s.db, &bell, &s.err));
		stoa_consumer_close(bell);
		break;
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], &n), 0);
		sum += (intptr_t)n;
	}
	assert_int_equal(sum, THREAD_JOBS);
	assert_int_equal(stat_of(&s).n_ready + stat_of(&s).n_claimed, 0);
	unmake(&s);
}

/* ---- processes ---- */

/* Works until nothing is left; the database is open only while it is used. Exits with 0. */
static void work(struct store *s)
{
	stoa_consumer *me = NULL;
	struct stoa_lease lease;
	bool got = true;

	while (got) {
		/* For one that hangs; how long all the jobs take is up to the machine. */
		alarm(60);
		open_store(s);
		if (!me)
			ok(s, stoa_consumer_open(s->db, &me, &s->err));
		got = claim(s, me, LEASE_MS, &lease);
		ok(s, stoa_close(s->db, &s->err));
		if (!got)
			break;
		usleep(500);
		open_store(s);
		assert_true(finish(s, &lease));
		ok(s, stoa_close(s->db, &s->err));
	}
	stoa_consumer_close(me);
	_exit(0);
}

static pid_t spawn(struct store *s)
{
	pid_t pid = fork();

	if (!pid)
		work(s);
	return pid;
}

static void killed_consumers_lose_nothing_and_double_nothing(void **state)
{
	const int deaths = testing_long() ? 2000 : 40, jobs = deaths * 4;
	uint64_t rng = testing_seed();
	pid_t pid[3];
	struct store s;
	int status;

	(void)state;
	make(&s, true, plain);
	push(&s, 0, jobs);
	ok(&s, stoa_close(s.db, &s.err));
	for (int i = 0; i < 3; i++)
		pid[i] = spawn(&s);
	for (int i = 0; i < deaths; i++) {
		int victim = (int)testing_below(&rng, 3);

		usleep((useconds_t)testing_below(&rng, 20000));
		kill(pid[victim], SIGKILL);
		waitpid(pid[victim], &status, 0);
		pid[victim] = spawn(&s);
	}
	for (int i = 0; i < 3; i++) {
		waitpid(pid[i], &status, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	/* One may have died last, with a lease that nobody was left to look at. */
	for (open_store(&s); stat_of(&s).n_ready + stat_of(&s).n_claimed; open_store(&s)) {
		ok(&s, stoa_close(s.db, &s.err));
		waitpid(spawn(&s), &status, 0);
	}
	assert_int_equal(count_once(&s, s.results, jobs), jobs);
	unmake(&s);
}

static void a_process_is_woken_by_another(void **state)
{
	stoa_consumer *me;
	struct store s;
	int status;
	pid_t pid;

	(void)state;
	make(&s, true, plain);
	ok(&s, stoa_consumer_open(s.db, &me, &s.err));
	ok(&s, stoa_close(s.db, &s.err));
	pid = fork();
	if (!pid) {
		usleep(20000);
		open_store(&s);
		push(&s, 0, 1);
		ok(&s, stoa_close(s.db, &s.err));
		_exit(0);
	}
	assert_int_equal(stoa_consumer_wait(me, WAIT_MS, &s.err), STOA_ROW);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	stoa_consumer_close(me);
	open_store(&s);
	assert_int_equal(stat_of(&s).n_ready, 1);
	unmake(&s);
}

static void an_emptied_queue_leaves_little_behind(void **state)
{
	struct stoa_stat stat = STOA_STAT_INIT;
	struct stoa_value v;
	struct store s;
	stoa_txn *txn;

	(void)state;
	make(&s, true, plain);
	for (int round = 0; round < 100; round++) {
		push(&s, round * 2000, (round + 1) * 2000);
		txn = begin(&s);
		for (int i = 0; i < 2000; i++) {
			assert_int_equal(stoa_deque_pop(txn, s.jobs, s.order, NULL, STOA_FRONT, &v,
							1, NULL, &s.err), STOA_ROW);
			assert_int_equal(v.i, round * 2000 + i);
		}
		commit(&s, txn);
	}
	ok(&s, stoa_close(s.db, &s.err));
	open_store(&s);
	txn = begin(&s);
	ok(&s, stoa_stat(txn, 0, &stat, &s.err));
	stoa_abort(txn);
	assert_true(stat.catalog_bytes + stat.segment_bytes < 1000000);
	unmake(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_falls_off_a_full_deque_is_deleted),
		cmocka_unit_test(rows_that_an_appender_adds_are_in_the_deque),
		cmocka_unit_test(a_job_that_fails_too_often_is_a_dead_letter),
		cmocka_unit_test(where_dead_letters_cannot_go_they_stay),
		cmocka_unit_test(a_lease_that_is_over_cannot_be_acknowledged),
		cmocka_unit_test(a_lease_ends_with_its_consumer),
		cmocka_unit_test(a_delayed_job_comes_back_in_time),
		cmocka_unit_test(threads_share_the_work),
		cmocka_unit_test(killed_consumers_lose_nothing_and_double_nothing),
		cmocka_unit_test(a_process_is_woken_by_another),
		cmocka_unit_test(an_emptied_queue_leaves_little_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
