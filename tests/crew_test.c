/* SPDX-License-Identifier: MIT */
/*
 * crew_test.c - a set, a deque and a work queue under many threads and processes, against a plain
 * program
 *
 * Workers push jobs, claim them, acknowledge them with a result and with keys that they have seen,
 * give them back, and turn a bounded deque; some transactions are aborted or go back to a savepoint;
 * consumers come and go, processes are killed, by themselves in the middle of a transaction or after
 * a commit, and by others at whatever instant; the database is closed and opened meanwhile. What each
 * transaction did stands in a row of table "deed" (crew.h), which a naive program follows afterwards.
 *
 * Nothing here waits for time: deaths follow counts of commits, and a run ends when there were enough.
 *
 * Can it fail? It does when a claim ends leases of consumers that live, when a lease that is over is
 * acknowledged all the same, and when writes to the log are left out.
 */
#include "testing.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/stoa.h"
#include "crew_work.h"

#define PROCESSES 3
#define VISIT 10	/* transactions of a thread before the database is closed */

/* ---- what was done, and what is there ---- */

/* Calls @each with every row of a table, in the order of rowids. */
static void walk(struct place *p, stoa_table table,
		 void (*each)(struct crew_model *m, const struct stoa_value *v), struct crew_model *m)
{
	struct stoa_error err;
	const struct stoa_value *v;
	stoa_cursor *cur;
	stoa_txn *txn;
	int rc;

	must(stoa_begin(p->db, STOA_READ, &txn, &err), &err);
	must(stoa_scan(txn, table, NULL, 0, &cur, &err), &err);
	while ((rc = stoa_next(cur, &v, &err)) == STOA_ROW)
		each(m, v);
	must(rc, &err);
	stoa_cursor_close(cur);
	stoa_abort(txn);
}

/* Of all rounds. */
struct sum {
	uint64_t commits, done, back, refused, killed;
};

static uint64_t serials[WORKERS_MAX];

/* A transaction: the next one of its worker, with the answers that the model gives. */
static void follow(struct crew_model *m, const struct stoa_value *v)
{
	static struct crew_deed deeds[DEEDS_MAX];

	assert_in_range(v[0].i, 0, WORKERS_MAX - 1);
	assert_int_equal(v[1].i, ++serials[v[0].i]);
	assert_in_range(v[2].len, 0, sizeof deeds);
	if (v[2].len)
		memcpy(deeds, v[2].p, v[2].len);
	if (!crew_follow(m, deeds, v[2].len / sizeof *deeds))
		fail_msg("worker %" PRId64 ", transaction %" PRId64 ": %s", v[0].i, v[1].i, m->why);
}

static void expect_done(struct crew_model *m, const struct stoa_value *v)
{
	assert_in_range(v->i, 0, CREW_JOBS - 1);
	assert_int_equal(m->jobs[v->i].state, CREW_DONE);
	m->jobs[v->i].state = CREW_NEVER;	/* once */
}

/* One whose consumer went may have come here by itself. */
static void expect_dead(struct crew_model *m, const struct stoa_value *v)
{
	struct crew_job *j;

	assert_in_range(v->i, 0, CREW_JOBS - 1);
	j = &m->jobs[v->i];
	assert_true(j->attempts == CREW_ATTEMPTS);
	assert_true(j->state == CREW_DEAD ||
		    (j->state == CREW_CLAIMED &&
		     atomic_load(&shared->doomed) >> j->holder & 1));
	j->state = CREW_NEVER;
}

static void expect_there(struct crew_model *m, const struct stoa_value *v)
{
	enum crew_state state;

	assert_in_range(v->i, 0, CREW_JOBS - 1);
	state = m->jobs[v->i].state;
	assert_true(state == CREW_READY || state == CREW_CLAIMED || state == CREW_DELAYED);
	m->jobs[v->i].state = CREW_NEVER;
}

static void expect_seen(struct crew_model *m, const struct stoa_value *v)
{
	assert_in_range(v->i, 0, CREW_KEYS - 1);
	assert_true(m->seen[v->i]);
	m->seen[v->i] = false;
}

/* A queue holds these, from the front on. */
static void expect_queue(struct place *p, stoa_table table, stoa_index index, const int64_t *want,
			 size_t n)
{
	struct stoa_error err;
	const struct stoa_value *v;
	stoa_cursor *cur;
	stoa_txn *txn;

	must(stoa_begin(p->db, STOA_READ, &txn, &err), &err);
	must(stoa_deque_scan(txn, table, index, NULL, STOA_FRONT, NULL, 0, &cur, &err), &err);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(stoa_next(cur, &v, &err), STOA_ROW);
		assert_int_equal(v->i, want[i]);
	}
	assert_int_equal(stoa_next(cur, &v, &err), STOA_END);
	stoa_cursor_close(cur);
	stoa_abort(txn);
}

/*
 * The transactions of the crew, one after the other, and what they leave behind. What they did is
 * added to @sum.
 */
static void compare(struct place *p, struct sum *sum)
{
	static struct crew_model m;

	memset(&m, 0, sizeof m);
	memset(serials, 0, sizeof serials);
	walk(p, p->deeds, follow, &m);
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		/* The last may have been killed before it could say so. */
		assert_in_range(serials[i], shared->reported[i], shared->reported[i] + 1);
	}
	expect_queue(p, p->jobs, p->order, m.ready, m.n_ready);
	expect_queue(p, p->ring, p->round, m.ring, m.n_ring);
	walk(p, p->seen, expect_seen, &m);
	for (size_t i = 0; i < CREW_KEYS; i++)
		assert_false(m.seen[i]);
	walk(p, p->results, expect_done, &m);
	walk(p, p->dead, expect_dead, &m);
	walk(p, p->jobs, expect_there, &m);
	for (size_t i = 0; i < CREW_JOBS; i++)
		assert_int_equal(m.jobs[i].state, CREW_NEVER);
	sum->commits += shared->commits;
	sum->done += m.n_done;
	sum->back += m.n_back;
	sum->refused += m.n_refused;
}

static void print_sum(const struct sum *s)
{
	printf("%" PRIu64 " commits; jobs: %" PRIu64 " acknowledged, %" PRIu64 " came back, %" PRIu64
	       " leases were over; %" PRIu64 " processes killed\n",
	       s->commits, s->done, s->back, s->refused, s->killed);
}

/* ---- runs ---- */

static void threads_do_what_one_program_would_have_done(void **state)
{
	uint64_t random = testing_seed();
	struct sum sum = { 0 };
	struct place p;

	(void)state;
	for (int round = testing_long() ? 400 : 10; round; round--) {
		struct worker *w;

		crew_make_place(&p, NULL);
		w = crew_hire(&p, testing_random(&random), 120, false);
		assert_non_null(w);
		crew_work(w);
		crew_dismiss(w);
		compare(&p, &sum);
		crew_close_place(&p);
	}
	print_sum(&sum);
}

static void a_database_that_is_closed_meanwhile_goes_on(void **state)
{
	uint64_t random = testing_seed();
	struct sum sum = { 0 };
	struct place p;

	(void)state;
	for (int round = testing_long() ? 200 : 4; round; round--) {
		char *dir = testing_tempdir();
		struct worker *w;
		struct stoa_error err;

		crew_make_place(&p, testing_path(dir, "db.stoa"));
		w = crew_hire(&p, testing_random(&random), VISIT, false);
		assert_non_null(w);
		for (int visit = 0; visit < 10; visit++) {
			crew_work(w);
			crew_close_place(&p);
			crew_open_place(&p);
		}
		crew_dismiss(w);
		compare(&p, &sum);
		crew_close_place(&p);
		must(stoa_check(p.path, NULL, NULL, &err), &err);
		testing_rmtree(dir);
	}
	print_sum(&sum);
}

/* A process of the crew: works in visits until there were enough commits. */
static pid_t start(struct place *p, uint64_t random, uint64_t enough)
{
	struct worker *w;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	/* A test that fails leaves nobody behind who stands still. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	w = crew_hire(p, random, VISIT, true);
	while (w && atomic_load(&shared->commits) < enough) {
		crew_open_place(p);
		crew_work(w);
		crew_close_place(p);
	}
	crew_dismiss(w);
	_exit(0);
}

/* A process that stands still is killed, and its consumers with it. */
static void kill_doomed(pid_t pid)
{
	int status;

	for (uint64_t i = 0; i < CREW_CONSUMERS; i++)
		if (atomic_load(&shared->owner[i]) == pid)
			atomic_fetch_or(&shared->doomed, (uint64_t)1 << i);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Sees to a process: killed if it stands still, when another takes its place. False: it has ended. */
static bool see_to(struct place *p, pid_t *pid, uint64_t *random, uint64_t enough, struct sum *sum)
{
	int status;
	pid_t got = waitpid(*pid, &status, WUNTRACED | WNOHANG);

	if (got == 0)
		return true;
	assert_int_equal(got, *pid);
	if (WIFSTOPPED(status)) {
		kill_doomed(*pid);
		sum->killed++;
		*pid = start(p, testing_random(random), enough);
		return true;
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return false;
}

/* Until @enough commits took place; now and then one of the processes is stopped, wherever it is. */
static void run_processes(struct place *p, uint64_t *random, uint64_t enough, struct sum *sum)
{
	uint64_t next = testing_below(random, 30);
	pid_t pids[PROCESSES];
	bool left = true;

	for (int i = 0; i < PROCESSES; i++)
		pids[i] = start(p, testing_random(random), enough);
	while (left) {
		uint64_t commits = atomic_load(&shared->commits);

		if (commits >= next && commits < enough) {
			pid_t victim = pids[testing_below(random, PROCESSES)];

			next = commits + 1 + testing_below(random, 60);
			if (victim)
				kill(victim, SIGSTOP);
		}
		left = false;
		for (int i = 0; i < PROCESSES; i++) {
			if (pids[i] && !see_to(p, &pids[i], random, enough, sum))
				pids[i] = 0;
			left |= pids[i] != 0;
		}
		usleep(200);
	}
}

static void the_dead_lose_nothing_and_double_nothing(void **state)
{
	uint64_t random = testing_seed();
	struct sum sum = { 0 };
	struct place p;

	(void)state;
	for (int round = testing_long() ? 200 : 6; round; round--) {
		char *dir = testing_tempdir();
		struct stoa_error err;

		crew_make_place(&p, testing_path(dir, "db.stoa"));
		crew_close_place(&p);
		run_processes(&p, &random, 250, &sum);
		crew_open_place(&p);
		compare(&p, &sum);
		crew_close_place(&p);
		must(stoa_check(p.path, NULL, NULL, &err), &err);
		testing_rmtree(dir);
	}
	print_sum(&sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_do_what_one_program_would_have_done),
		cmocka_unit_test(a_database_that_is_closed_meanwhile_goes_on),
		cmocka_unit_test(the_dead_lose_nothing_and_double_nothing),
	};

	shared = testing_shared(sizeof *shared);
	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
