/* SPDX-License-Identifier: MIT */
/*
 * job.h - what a deque knows of a row beside its place: leases, delays, attempts
 *
 *     ready       in its queue; it has been claimed before, or there would be no job
 *     claimed     nowhere in its queue until its lease ends, at ack, nack, deadline or its owner's death
 *     delayed     nowhere in its queue until a time has come
 *
 * A row that was never claimed has no job. Jobs are blocks that never change: a change makes a new
 * one. Those that wait for a time are in a second tree too, by it:
 *
 *     due   milliseconds since 1970 (44 bits) | low bits of the rowid (20 bits)     raised by one until it is free
 *
 * so that what is due comes first and nothing is searched for. Times come from the caller:
 * replaying the log asks no clock.
 *
 * Invariants: (1) A job waits (claimed, delayed) if, and only if, it is in the tree of those due,
 * under its @due.
 * (2) The row of a job is one that scans see. (3) n_claimed and n_delayed count them.
 */
#ifndef STOA__JOB_H
#define STOA__JOB_H

#include "deque.h"

#define STOA__DUE_ROW_BITS 20
#define STOA__DUE_MS_MAX (((uint64_t)1 << (64 - STOA__DUE_ROW_BITS)) - 2)

enum stoa__job_state { STOA__JOB_READY, STOA__JOB_CLAIMED, STOA__JOB_DELAYED };

struct stoa__job {
	struct stoa__block block;
	uint64_t row;
	uint64_t due;
	uint64_t owner;		/* of a lease; 0: nobody whose death would end it */
	uint32_t attempts;	/* claims so far, the present one included */
	uint8_t state;		/* enum stoa__job_state */
	uint8_t end;		/* of a delayed one: enum stoa_end where it comes back */
};

static inline uint64_t stoa__job_due_ms(const struct stoa__job *job)
{
	return job->due >> STOA__DUE_ROW_BITS;
}
static inline bool stoa__job_waits(const struct stoa__job *job)
{
	return job && job->state != STOA__JOB_READY;
}

/* The job of a row, or NULL. */
static inline struct stoa__job *stoa__job_find(const struct stoa__deque *d, uint64_t row)
{
	return d->jobs ? stoa__tree_find(d->jobs, row) : NULL;
}
/*
 * The job that is due first, or NULL; the next in the tree, from key *@due on, which then is that
 * of it.
 */
struct stoa__job *stoa__job_next_due(const struct stoa__deque *d, uint64_t *due);
/*
 * Gives @like->row a job like @like, due at @due_ms unless it is ready, in the place of the one it
 * has. STOA_ENOMEM: nothing changed.
 */
int stoa__job_set(struct stoa__version *w, struct stoa__deque *d, const struct stoa__job *like,
		  uint64_t due_ms);
/* Sees to it that stoa__job_drop() cannot fail. */
int stoa__job_own(struct stoa__version *w, struct stoa__deque *d, struct stoa__job *job);
void stoa__job_drop(struct stoa__version *w, struct stoa__deque *d, struct stoa__job *job);
void stoa__job_each_block(struct stoa__deque *d, void (*each)(void *ctx, struct stoa__block *b),
			  void *ctx);
bool stoa__job_check(const struct stoa__table *t, const struct stoa__deque *d, const char **why);

#endif
