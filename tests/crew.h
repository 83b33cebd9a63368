/* SPDX-License-Identifier: MIT */
/*
 * crew.h - what a crew of workers did to a set, a deque and a work queue, done again by a naive program
 *
 * Every transaction of the crew writes down, in a row of its own, what it did and what it was
 * answered: its *deeds*. That row is there if the transaction is, and its rowid says when it took
 * place, whichever thread or process it was. So a plain set and plain arrays that follow the deeds
 * in this order must come to the same answers, and to the same end, without knowing of threads,
 * processes, deaths or time:
 *
 * (1) A job is ready, claimed, delayed, done or a dead letter, and it is done once.
 * (2) A claim gets the jobs at the front. Those that have come back by themselves stand before all
 *     others, and who had claimed them was doomed by then.
 * (3) An acknowledgement is believed from who has the newest claim, and from nobody else.
 */
#ifndef STOA__TESTS_CREW_H
#define STOA__TESTS_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CREW_JOBS = 8192,	/* numbers of jobs are below it */
	CREW_KEYS = 48,		/* keys of the set */
	CREW_RING = 12,		/* the bounded deque's length */
	CREW_ATTEMPTS = 4,	/* after so many claims a job is a dead letter */
	CREW_CONSUMERS = 64,	/* that there can be in a run: bits of a word */
};

enum crew_what {
	CREW_PUSH,		/* a: job, b: end */
	CREW_CLAIM,		/* a: consumer, b: how many; answer: who was doomed; then as many TAKEN, and LEFT */
	CREW_TAKEN,		/* a: job, b: attempt */
	CREW_LEFT,		/* a: a job that stood behind those taken, from the front on */
	CREW_ACK,		/* a: job, b: attempt; answer: was the lease good? */
	CREW_NACK,		/* the same; c: end */
	CREW_DELAY,		/* the same, for longer than the test */
	CREW_SEE,		/* a: key; answer: was it new? It is in the set now */
	CREW_FORGET,		/* a: key; answer: was it there? */
	CREW_RING_PUSH,		/* a: number, b: end */
	CREW_RING_POP,		/* b: end; a: number; answer: was there one? */
	CREW_RING_AT,		/* b: position; a: number; answer: was there one? */
	CREW_RING_ROTATE,	/* b: by how many */
};

struct crew_deed {
	uint64_t what;
	int64_t a, b, c;
	uint64_t answer;
};

enum crew_state { CREW_NEVER, CREW_READY, CREW_CLAIMED, CREW_DELAYED, CREW_DONE, CREW_DEAD };

struct crew_model {
	struct crew_job {
		enum crew_state state;
		int64_t attempts;
		int64_t holder;		/* of a claimed one */
	} jobs[CREW_JOBS];
	int64_t ready[CREW_JOBS];	/* from the front */
	size_t n_ready;
	bool seen[CREW_KEYS];
	int64_t ring[CREW_RING];	/* from the front */
	size_t n_ring;
	uint64_t n_done, n_back, n_refused;	/* acknowledged; come back by themselves; leases that were over */
	char why[200];			/* what was wrong */
};

/* Follows a transaction; false: its answers were wrong, and *why says how. */
bool crew_follow(struct crew_model *m, const struct crew_deed *deeds, size_t n);

#endif
