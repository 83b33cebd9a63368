/* SPDX-License-Identifier: MIT */
/*
 * deque_index.h - the deque as a kind of index: rows and their entries kept in step
 *
 * Names. The queue of a row is named by its value in the index's slot, as bytes: none for NULL and
 * for an index without a slot; else a 1 and the bytes of a string, or the sixteen bytes that a
 * number or uuid has in a struct stoa_value.
 *
 * In the log a push at the back is the insert, and a pop the delete, of its row. What else there
 * is:
 *
 *     aim    48, table, index                    the next insert goes to the front
 *     job    49, table, index, row, state, end, owner, attempts, due ms     the row has this job now (job.h)
 *     turn   50, table, index, name, end, count  rows go from that end to the other
 *
 * In the catalog, behind tag, table and index:
 *
 *     13 number          a queue: front, back, entries gone, name; entries where they are few
 *     14 number run      from, to; rowids [from, to) of a run, as differences
 *     15 rowid           a job: state, end, attempts, owner, due
 */
#ifndef STOA__DEQUE_INDEX_H
#define STOA__DEQUE_INDEX_H

#include "index.h"
#include "job.h"

#define STOA__QUEUE_NAME_MAX 256

enum { STOA__DEQUE_MAXLEN, STOA__DEQUE_ATTEMPTS, STOA__DEQUE_DEAD };	/* of def->number */
enum { STOA__REDO_AIM = 48, STOA__REDO_JOB, STOA__REDO_TURN };

struct stoa__queue_name {
	uint32_t len;
	uint8_t p[STOA__QUEUE_NAME_MAX];
};

static inline struct stoa__deque *stoa__deque_of(const struct stoa__table *t, uint32_t i)
{
	return (struct stoa__deque *)(void *)t->indexes->state[i];
}
static inline struct stoa_bytes stoa__queue_name_bytes(const struct stoa__queue_name *n)
{
	return (struct stoa_bytes){ (const char *)n->p, n->len };
}

extern const struct stoa__index_ops stoa__deque_ops;

/* What an application may know of the definition. */
void stoa__deque_tell(const struct stoa__index_def *def, struct stoa_index_info *out);
/*
 * The name of the queue of a value that the slot of index @i may hold; STOA_ERANGE if it is too
 * long.
 */
int stoa__queue_name_of(const struct stoa__table *t, uint32_t i, const struct stoa_value *v,
			struct stoa__queue_name *out, struct stoa_error *err);
/* And back; bytes borrow from the name. STOA_ECORRUPT. */
int stoa__queue_name_value(const struct stoa__table *t, uint32_t i, struct stoa_bytes name,
			   struct stoa_value *out, struct stoa_error *err);
/* The name of the queue of a row. */
int stoa__queue_name_at(const struct stoa__table *t, uint32_t i, struct stoa__place at,
			struct stoa__queue_name *out, struct stoa_error *err);

/* The deque, as the working version's own. */
int stoa__deque_index_own(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			  struct stoa__deque **out, struct stoa_error *err);
/*
 * Row @like->row of @t has job @like from now on, due at @due_ms if it waits: it leaves its queue,
 * or comes back to an end of it, as that asks. All or nothing. STOA_ENOTFOUND if there is no such
 * row.
 */
int stoa__deque_set_job(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			const struct stoa__job *like, uint64_t due_ms, struct stoa_error *err);
/*
 * Rotates the queue of @name by one row from end @from, @n times. Whatever failed, it may have
 * begun.
 */
int stoa__deque_rotate(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		       struct stoa_bytes name, enum stoa_end from, uint64_t n,
		       struct stoa_error *err);

/*
 * deque_order.c: a deque that was made of the rows of @t takes the order and the jobs of @like, of
 * which records may be missing, as far as its rows are there. STOA_ECORRUPT, and nothing is
 * changed, if @like gives a row two places; any other error leaves what may only be thrown away.
 */
int stoa__deque_order_as(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			 const struct stoa__deque *like, struct stoa_error *err);

/* deque_store.c: the catalog */
int stoa__deque_store(const struct stoa__saver *saver, const struct stoa__table *t, uint32_t i);
int stoa__deque_load(const struct stoa__restorer *from, struct stoa__table *t, uint32_t i,
		     uint8_t tag, const uint8_t *key, size_t len, struct stoa__reader *r);
int stoa__deque_loaded(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		       struct stoa_error *err);

/* deque_redo.c: the log. STOA_ENOMEM: as before. */
int stoa__redo_aim(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i);
int stoa__redo_job(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i,
		   const struct stoa__job *job, uint64_t due_ms);
int stoa__redo_turn(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i,
		    struct stoa_bytes name, enum stoa_end from, uint64_t n);
/* Does operation @op again. */
int stoa__deque_replay(struct stoa__version *w, uint8_t op, uint32_t table, struct stoa__reader *r,
		       struct stoa_error *err);

#endif
