/* SPDX-License-Identifier: MIT */
/* lease.h - what the deque's calls share: who is meant, and giving back what is due */
#ifndef STOA__LEASE_H
#define STOA__LEASE_H

#include "db.h"
#include "deque_index.h"

/*
 * A queue that a call is about. Good until the transaction changes anything but by the calls below.
 */
struct stoa__aim {
	struct stoa_txn *txn;
	uint32_t table;
	struct stoa__table *t;		/* as it was last looked at */
	uint32_t i;
	struct stoa__deque *d;
	struct stoa__queue_name name;
};

/* Finds a deque to be written, whatever the queue. */
int stoa__aim_own(struct stoa_txn *txn, stoa_table table, stoa_index index, struct stoa__aim *out,
		  struct stoa_error *err);
/* Finds a queue to be read, or to be written; @queue may be NULL where nothing names queues. */
int stoa__aim_read(struct stoa_txn *txn, stoa_table table, stoa_index index,
		   const struct stoa_value *queue, struct stoa__aim *out, struct stoa_error *err);
int stoa__aim_write(struct stoa_txn *txn, stoa_table table, stoa_index index,
		    const struct stoa_value *queue, struct stoa__aim *out, struct stoa_error *err);
/* Again, after other calls have written to the transaction. */
int stoa__aim_again(struct stoa__aim *aim, struct stoa_error *err);
struct stoa__queue *stoa__aim_queue(const struct stoa__aim *aim);

/* Gives back leases and delays that are over. The aim is good afterwards. */
int stoa__leases_end_due(struct stoa__aim *aim, struct stoa_error *err);
static inline int stoa__leases_end(struct stoa__aim *aim, struct stoa_error *err)
{
	return aim->d->due ? stoa__leases_end_due(aim, err) : STOA_OK;
}

#endif
