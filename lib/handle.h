/* SPDX-License-Identifier: MIT */
/*
 * handle.h - rows that the application holds, and what a database remembers of rows between
 * transactions
 *
 * A *hold* keeps its row from dying, a *weak* handle tells whether it is there. Neither is in the
 * file: both end with the process. Since rowids are never used twice, a handle is table and rowid,
 * and nothing has to be told to it when a row goes. One thing can take a rowid back: the rollback
 * of the transaction that made the row. Handles of such rows are therefore in a list of their
 * transaction until it is over, and *void* if the row is undone.
 *
 * Holds change under the writer's lock, so that a commit finds them as they will be when it is
 * done. They are given up without it: a row that this leaves without a reason to exist is an
 * *orphan*, which the next commit of a write transaction, or a collection, looks at.
 *
 * Threads: all fields but the last are guarded by the mutex, a leaf. The atomic ones may be read
 * without it, so that a commit of a database that knows no holds takes no lock for them.
 */
#ifndef STOA__HANDLE_H
#define STOA__HANDLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "refs.h"

struct stoa__hold {
	uint64_t row;
	uint32_t table;
	uint32_t n;	/* 0: the place is free */
};

struct stoa__lives {
	pthread_mutex_t mutex;
	_Atomic size_t n_holds;		/* rows held */
	size_t cap_holds;		/* a power of two, at most half of them in use */
	struct stoa__hold *holds;	/* by hash, linear probing */
	size_t n_handles;
	struct stoa__id_list orphans;
	_Atomic bool has_orphans;	/* follows orphans.n: stoa__orphans_changed() */
	struct stoa__id_list candidates;	/* for the collection of cycles */
	bool all_candidates;	/* the list is not complete: every kept row may be one */
	uint64_t n_touched;	/* holds taken of rows that exist */
	pthread_mutex_t collecting;	/* held by a collection of cycles, before the writer's lock */
};

struct stoa_db;
struct stoa_txn;

void stoa__lives_init(struct stoa__lives *l);
void stoa__lives_release(struct stoa__lives *l);
/* To be called, under the mutex, when orphans were added or taken. */
static inline void stoa__orphans_changed(struct stoa__lives *l)
{
	atomic_store_explicit(&l->has_orphans, l->orphans.n != 0, memory_order_release);
}

/* Are there orphans? */
static inline bool stoa__orphans_wait(struct stoa__lives *l)
{
	return atomic_load_explicit(&l->has_orphans, memory_order_acquire);
}

/* Looks for the row among the holds, of which there are some. */
bool stoa__hold_find(struct stoa__lives *l, uint32_t table, uint64_t row);

static inline bool stoa__row_is_held(struct stoa__lives *l, uint32_t table, uint64_t row)
{
	return atomic_load_explicit(&l->n_holds, memory_order_acquire) &&
	       stoa__hold_find(l, table, row);
}

/* After a rollback of @txn: its handles of rows that are undone are void. */
void stoa__handles_forget_undone(struct stoa_txn *txn);
/* The transaction is over: rowids that it gave out stay. */
void stoa__handles_settle(struct stoa_txn *txn);

#endif
