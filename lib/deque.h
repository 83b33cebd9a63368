/* SPDX-License-Identifier: MIT */
/*
 * deque.h - the state of a deque index: named queues of rowids, open at both ends
 *
 *     deque    queues   tree, number of a name -> queue        a queue that is empty is not there
 *              jobs     tree, rowid -> job (job.h)
 *
 *     queue    name, front, back                               entry p is there for front <= p < back
 *              few[]    up to 16 entries; or
 *              runs     tree, p / 512 -> run
 *
 *     run      |.....xxxxxxxxxxxxxxxxxx.....|                  512 rowids by position
 *                    lo               hi                       written so far, by any version
 *
 * Positions grow in both directions, from the middle of what 64 bits hold. A queue says in front
 * and back which entries its version has, so that a push writes an entry that no older version
 * looks at, in place, and a pop writes none: neither copies a run. Where a position is used again
 * (pushed, popped and pushed anew) the run is copied once in a transaction, like any other block.
 *
 * Entries are weak. Each row that a scan sees has one entry in the queue that its partition slot
 * names, unless a lease or a delay keeps it apart (job.h). A row deleted elsewhere leaves its entry
 * behind: it is counted in n_gone, passed over, and swept out when such entries are the majority.
 *
 * Invariants: (1) The first and the last entry of a queue are of rows that exist. (2) n_gone is the
 * number of entries that are 0 or whose row has gone. (3) Entries [lo, hi) of a run have been
 * written, and no others: nobody sees those. (4) A queue has runs or few, not both. (5) Sums in the
 * deque are those of its queues.
 * (6) Runs beyond front and back, and empty queues, may be left when memory was out: they mean
 *     nothing. (7) What is kept in mind (recent, near) is in the tree; only who owns the block sets it.
 *
 * Whoever changes a queue has made it the working version's own by stoa__deque_reserve() or
 * stoa__deque_own(), which may fail and change nothing that can be seen; the changes themselves
 * cannot fail.
 */
#ifndef STOA__DEQUE_H
#define STOA__DEQUE_H

#include <string.h>

#include "table.h"

#define STOA__RUN_ENTRIES 512
#define STOA__FEW_MAX 16
#define STOA__POSITION_0 ((uint64_t)1 << 63)

struct stoa__run {
	struct stoa__block block;
	_Atomic uint64_t touched;	/* newest stamp under which an entry was written in place */
	uint64_t number;		/* its key in the tree of runs */
	uint32_t lo, hi;
	uint64_t rows[STOA__RUN_ENTRIES];
};

struct stoa__queue {
	struct stoa__block block;
	uint64_t number;		/* its key in the tree of queues */
	uint64_t front, back;
	uint64_t n_gone;
	struct stoa__node *runs;
	struct stoa__run *near[2];	/* runs of it at the front and at the back, or NULL: look into the tree */
	uint32_t cap;			/* of few */
	uint32_t name_len;		/* bytes of its name, which follow few */
	uint64_t few[];
};

struct stoa__deque {
	struct stoa__block block;
	struct stoa__node *queues;
	struct stoa__queue *recent;	/* one of them, for who asks for the same again; or NULL */
	struct stoa__node *jobs;	/* rowid -> struct stoa__job */
	struct stoa__node *due;		/* when -> the jobs that wait for it */
	uint64_t n_queues;
	uint64_t n_entries;		/* of rows that exist */
	uint64_t n_claimed, n_delayed;
	bool to_front;			/* the next row inserted goes there */
	struct {
		struct stoa__queue *from, *to;
		uint64_t at;
	} move;				/* between the two halves of an update */
};

static inline uint64_t stoa__queue_len(const struct stoa__queue *q)
{
	return q ? q->back - q->front - q->n_gone : 0;
}
static inline struct stoa_bytes stoa__queue_name(const struct stoa__queue *q)
{
	return (struct stoa_bytes){ (const char *)&q->few[q->cap], q->name_len };
}

static inline bool stoa__queue_has_name(const struct stoa__queue *q, struct stoa_bytes name)
{
	return q->name_len == name.len &&
	       (!name.len || !memcmp(stoa__queue_name(q).p, name.p, name.len));
}

/* The queue of that name, or NULL; the same as one that the working version may change. */
struct stoa__queue *stoa__deque_find_other(const struct stoa__deque *d, struct stoa_bytes name);
static inline struct stoa__queue *stoa__deque_find(const struct stoa__deque *d,
						   struct stoa_bytes name)
{
	return d->recent && stoa__queue_has_name(d->recent, name) ? d->recent :
								    stoa__deque_find_other(d, name);
}
/* The queue whose number is the smallest above @number (from it on with @or_equal), or NULL. */
struct stoa__queue *stoa__deque_next(const struct stoa__deque *d, uint64_t number, bool or_equal);
int stoa__deque_replace(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue **q);
static inline int stoa__deque_own(struct stoa__version *w, struct stoa__deque *d,
				  struct stoa__queue **q)
{
	return stoa__block_owned(w, &(*q)->block) ? STOA_OK : stoa__deque_replace(w, d, q);
}
/* Makes the queue where it is missing, and sees to it that one push at @end cannot fail. */
int stoa__deque_reserve(struct stoa__version *w, struct stoa__deque *d, struct stoa_bytes name,
			enum stoa_end end, struct stoa__queue **out);
void stoa__deque_push(struct stoa__version *w, struct stoa__deque *d, struct stoa__queue *q,
		      enum stoa_end end, uint64_t row);
/*
 * Row @row, one of @q, has left it: it has been deleted from @t, or is known to be at one of the
 * ends.
 */
void stoa__deque_leave(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
		       struct stoa__queue *q, uint64_t row);
/* The position of a row's entry. O(log n) while rows lie in ascending order, else O(n). */
bool stoa__queue_find(const struct stoa__queue *q, uint64_t row, uint64_t *at);
/* Makes the entry at @at changeable; then it may be wiped out, while its row lives on. */
int stoa__queue_own_entry(struct stoa__version *w, struct stoa__queue *q, uint64_t at);
void stoa__deque_wipe(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
		      struct stoa__queue *q, uint64_t at);
/* Moves the row at @from to the other end. All or nothing. */
int stoa__deque_turn(struct stoa__version *w, const struct stoa__table *t, struct stoa__deque *d,
		     struct stoa__queue **q, enum stoa_end from);

/*
 * The next row of @q (NULL: an empty one) at or after position *@at, going back (front, for
 * STOA_BACK: begin with back - 1, or front); *@at is then behind it. 0 when there is none.
 */
uint64_t stoa__queue_walk(const struct stoa__table *t, const struct stoa__queue *q,
			  enum stoa_end from, uint64_t *at);
/* The row at an end, which exists; 0 if there is none. */
uint64_t stoa__queue_end(const struct stoa__queue *q, enum stoa_end end);
/* Row number @i from an end, from 0; 0 if there are not so many. O(1) while nothing is gone. */
uint64_t stoa__queue_at(const struct stoa__table *t, const struct stoa__queue *q, enum stoa_end from,
			uint64_t i);
/* What an entry holds, gone or not: for storing. */
uint64_t stoa__queue_entry(const struct stoa__queue *q, uint64_t at);

/* For loading. May a queue of this name have this number? */
bool stoa__deque_number_fits(uint64_t number, struct stoa_bytes name);
/* A queue between these positions, whose entries are to come: into few, or by runs. */
int stoa__deque_load_queue(struct stoa__version *w, struct stoa__deque *d, struct stoa_bytes name,
			   uint64_t number, uint64_t front, uint64_t back, uint64_t n_gone, bool few,
			   struct stoa__queue **out);
int stoa__queue_load_run(struct stoa__version *w, struct stoa__queue *q, uint64_t number,
			 const uint64_t *rows, uint32_t lo, uint32_t hi);

/* Calls @each with all blocks of the queues. */
void stoa__deque_each_block(struct stoa__deque *d,
			    void (*each)(void *ctx, struct stoa__block *b), void *ctx);
/* Are the invariants kept? If not, *@why is the first broken. O(entries). */
bool stoa__deque_check(const struct stoa__table *t, const struct stoa__deque *d, const char **why);

#endif
