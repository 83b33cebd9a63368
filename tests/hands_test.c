/* SPDX-License-Identifier: MIT */
/*
 * hands_test.c - threads that are kept: who does what, how many rest, and that none stays
 *
 * Nothing here waits for time: tasks that must run at once meet at a barrier, and a hand whose task
 * has been awaited is in one of the lists.
 */
#include "testing.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/core/hands.h"
#include "../lib/stoa.h"

#define MANY 8

static pthread_barrier_t together;

static _Atomic bool begun;

static void note_thread(void *ctx)
{
	atomic_store(&begun, true);
	*(long *)ctx = syscall(SYS_gettid);
}

static void meet(void *ctx)
{
	note_thread(ctx);
	pthread_barrier_wait(&together);
}

static void start(struct stoa__hands *hs, struct stoa__task *t, void (*run)(void *ctx), void *ctx)
{
	*t = (struct stoa__task){ .run = run, .ctx = ctx };
	assert_int_equal(stoa__hands_start(hs, t), STOA_OK);
}

/* Has @run done by a hand: what none has begun with, who waits for it does. */
static void leave_to_hand(struct stoa__hands *hs, void (*run)(void *ctx), void *ctx)
{
	struct stoa__task t;

	atomic_store(&begun, false);
	start(hs, &t, run, ctx);
	while (!atomic_load(&begun))
		sched_yield();
	stoa__hands_await(hs, &t);
}

/* Tasks that cannot end before all of them run; @threads are the threads that ran them. */
static void work_together(struct stoa__hands *hs, unsigned n, long threads[MANY])
{
	struct stoa__task tasks[MANY];

	pthread_barrier_init(&together, NULL, n);
	for (unsigned i = 0; i < n; i++)
		start(hs, &tasks[i], meet, &threads[i]);
	for (unsigned i = 0; i < n; i++)
		stoa__hands_await(hs, &tasks[i]);
	pthread_barrier_destroy(&together);
}

static void a_thread_that_is_done_does_what_comes_next(void **state)
{
	struct stoa__hands hs;
	long first = 0, next = 0;

	(void)state;
	stoa__hands_init(&hs, 1);
	leave_to_hand(&hs, note_thread, &first);
	assert_true(first && first != syscall(SYS_gettid));
	for (int i = 0; i < 100; i++) {
		leave_to_hand(&hs, note_thread, &next);
		assert_int_equal(next, first);
	}
	stoa__hands_release(&hs);
}

static void tasks_at_once_have_a_thread_each_and_as_many_rest_as_are_kept(void **state)
{
	long threads[MANY];

	(void)state;
	for (unsigned n_kept = 0; n_kept <= MANY; n_kept += 3) {
		struct stoa__hands hs;

		stoa__hands_init(&hs, n_kept);
		for (int round = 0; round < 20; round++) {
			work_together(&hs, MANY, threads);
			for (size_t i = 0; i < MANY; i++)
				for (size_t k = 0; k < i; k++)
					assert_int_not_equal(threads[i], threads[k]);
			assert_true(stoa__hands_heap(&hs) > 0);
			pthread_mutex_lock(&hs.lock);
			assert_int_equal(hs.n_resting, n_kept);
			assert_int_equal(!hs.left, n_kept == MANY);
			pthread_mutex_unlock(&hs.lock);
		}
		stoa__hands_release(&hs);
	}
}

struct giver {
	struct stoa__hands *hands;
	uint64_t random;
	_Atomic unsigned *n_done;
	struct stoa__task task;
};

static void count(void *ctx)
{
	atomic_fetch_add((_Atomic unsigned *)ctx, 1);
}

/* A task that gives tasks to the hands that it is done by. */
static void give(void *ctx)
{
	struct giver *g = ctx;
	struct stoa__task tasks[MANY];

	for (int round = 0; round < 50; round++) {
		unsigned n = (unsigned)testing_below(&g->random, MANY + 1);

		for (unsigned i = 0; i < n; i++)
			start(g->hands, &tasks[i], count, (void *)g->n_done);
		for (unsigned i = n; i-- > 0;)
			stoa__hands_await(g->hands, &tasks[i]);
	}
}

static void hands_may_give_each_other_work(void **state)
{
	uint64_t seed = testing_seed();
	struct giver givers[MANY];
	_Atomic unsigned n_done = 0;
	struct stoa__hands hs;
	unsigned want = 0;

	(void)state;
	stoa__hands_init(&hs, 3);
	for (size_t i = 0; i < MANY; i++) {
		givers[i] = (struct giver){ .hands = &hs, .random = seed + i, .n_done = &n_done };
		uint64_t again = givers[i].random;
		for (int round = 0; round < 50; round++)
			want += (unsigned)testing_below(&again, MANY + 1);
		start(&hs, &givers[i].task, give, &givers[i]);
	}
	for (size_t i = 0; i < MANY; i++)
		stoa__hands_await(&hs, &givers[i].task);
	assert_int_equal(n_done, want);
	stoa__hands_release(&hs);
}

static void a_task_is_done_once_by_its_hand_or_by_who_waits(void **state)
{
	unsigned n = testing_long() ? 1000000 : 20000;
	_Atomic unsigned n_done = 0;
	struct stoa__hands hs;
	struct stoa__task t;

	(void)state;
	stoa__hands_init(&hs, 1);
	for (unsigned i = 0; i < n; i++) {
		start(&hs, &t, count, (void *)&n_done);
		for (unsigned k = 0; k < i % 50; k++)	/* the hand is a little ahead, or behind */
			(void)syscall(SYS_gettid);
		stoa__hands_await(&hs, &t);
		assert_int_equal(n_done, i + 1);
		assert_int_equal(hs.n_resting, 1);
	}
	stoa__hands_release(&hs);
}

static void look_at_signals(void *ctx)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	*(bool *)ctx = sigismember(&mask, SIGINT) && sigismember(&mask, SIGALRM);
	atomic_store(&begun, true);
}

static void signals_are_left_to_the_application(void **state)
{
	struct stoa__hands hs;
	bool blocked = false;

	(void)state;
	stoa__hands_init(&hs, 1);
	leave_to_hand(&hs, look_at_signals, &blocked);
	assert_true(blocked);
	stoa__hands_release(&hs);
}

static void without_memory_nothing_runs_but_who_rests_needs_none(void **state)
{
	struct stoa__hands hs;
	struct stoa__task t = { .run = note_thread };
	long thread = 0;

	(void)state;
	t.ctx = &thread;
	stoa__hands_init(&hs, 1);
	stoa__fault_arm(0, true);
	assert_int_equal(stoa__hands_start(&hs, &t), STOA_ENOMEM);
	assert_true(stoa__fault_disarm());
	assert_int_equal(thread, 0);
	start(&hs, &t, note_thread, &thread);
	stoa__hands_await(&hs, &t);
	stoa__fault_arm(0, true);
	start(&hs, &t, note_thread, &thread);
	stoa__hands_await(&hs, &t);
	assert_false(stoa__fault_disarm());
	stoa__hands_release(&hs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_is_done_does_what_comes_next),
		cmocka_unit_test(tasks_at_once_have_a_thread_each_and_as_many_rest_as_are_kept),
		cmocka_unit_test(hands_may_give_each_other_work),
		cmocka_unit_test(a_task_is_done_once_by_its_hand_or_by_who_waits),
		cmocka_unit_test(signals_are_left_to_the_application),
		cmocka_unit_test(without_memory_nothing_runs_but_who_rests_needs_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
