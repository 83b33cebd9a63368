/* SPDX-License-Identifier: MIT */
/*
 * hands.h - threads that are kept from one piece of work to the next
 *
 *     task --start()--> a hand that rests --run()--> done, and the hand rests again
 *                   \-> a new hand, where all are at work
 *
 * A query over a few million rows takes some milliseconds. Making a thread takes 20 us of them, and
 * that is not the worst: on a machine that does other work, too, Linux puts a new thread beside its
 * parent and lets it wait there for what is left of the parent's slice, 3 ms, so that one of two
 * threads did everything. A thread that wakes goes where it was and is there within 50 us.
 *
 * A *hand* is a thread, a *task* what it is given. The hand that rested last is taken first. As
 * many as are kept rest; one that finds no place ends. Signals are left to the application's own
 * threads.
 *
 * (1) A hand has a task, rests, or has left; all that have none are in one of two lists. (2) A task
 * is done and its hand in a list in one step, so that none is at work when all tasks are done.
 */
#ifndef STOA__HANDS_H
#define STOA__HANDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stoa__hand;

struct stoa__task {
	void (*run)(void *ctx);
	void *ctx;
	struct stoa__hand *hand;	/* ours: that is to begin with it; NULL: has begun */
	bool done;			/* ours */
};

struct stoa__hands {
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t done;		/* a task is */
	struct stoa__hand *resting;	/* the last first */
	struct stoa__hand *left;	/* ended, to be joined */
	unsigned n_resting, n_kept;
	bool over;
};

/* There are none yet; up to @n_kept will rest. */
void stoa__hands_init(struct stoa__hands *hs, unsigned n_kept);
/* Ends all threads. Each task that was started has been awaited. */
void stoa__hands_release(struct stoa__hands *hs);
/*
 * Has @t run in a thread of its own; @t stays until it was awaited. STOA_ENOMEM: no thread is to be
 * had, and nothing runs. Threads: any, hands included.
 */
int stoa__hands_start(struct stoa__hands *hs, struct stoa__task *t);
/*
 * Waits until @t, which was started, is done; where its hand has not begun yet, the caller does it:
 * on a machine with much else to do the hand may take longer to come than the work does.
 */
void stoa__hands_await(struct stoa__hands *hs, struct stoa__task *t);
/*
 * Runs @n tasks, the first in this thread and those for which no hand is to be had, and waits for
 * all.
 */
void stoa__hands_share(struct stoa__hands *hs, struct stoa__task *tasks, size_t n);
/* Heap of the hands that do not work. */
uint64_t stoa__hands_heap(struct stoa__hands *hs);

#endif
