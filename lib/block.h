/* SPDX-License-Identifier: MIT */
/*
 * block.h - blocks, versions, and when a block goes
 *
 * Everything a database holds in memory is a *block*, stamped with the version it was born in.
 * Versions form a line, the *history*, oldest to newest:
 *
 *     v3 --- v7 --- v8 --- v9          v8 is published, v9 is at work
 *     dead   dead   dead   born, retired
 *
 * A block is seen by all versions from the one it was born in to the one before that which replaced
 * it. dead(X) holds the blocks that X sees and its newer neighbour does not. When X goes, each of
 * them either was born after X's older neighbour, and nobody else sees it, or moves to that
 * neighbour's list. Copying a node therefore costs its own size and nothing for its children, and a
 * version pins exactly what it sees, or less: what its visitors still need (visitor.h). (ZFS keeps
 * the dead lists of its snapshots like this.)
 *
 * Invariants:
 * (1) A block born under the working version's stamp is seen by nobody else and may be changed.
 * (2) A block is in one list at most: born (of a version not committed yet), retired (of the
 *     working version), dead (of any version), or none: committed and alive.
 * (3) Blocks in retired and dead(X), X < working, were not born under the working stamp.
 *
 * Threads: the working version, its lists and the spare blocks belong to the write transaction's
 * thread; holds, neighbours and dead lists are guarded by the history's mutex.
 */
#ifndef STOA__BLOCK_H
#define STOA__BLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/error.h"
#include "core/spares.h"

struct stoa__link {
	struct stoa__link *next, *prev;
};

enum stoa__block_kind {
	STOA__KIND_NODE,
	STOA__KIND_TABLE,
	STOA__KIND_SCHEMA,
	STOA__KIND_GROUP,
	STOA__KIND_LIVE,
	STOA__KIND_OVERLAY,
	STOA__KIND_PAGES,
	STOA__KIND_PAGE,
	STOA__KIND_TAIL,
	STOA__KIND_BASE,
	STOA__KIND_INDEX,
	STOA__KIND_COUNTS,
	STOA__BLOCK_KINDS
};

#define STOA__BLOCK_SIZE_MAX ((size_t)1 << 24)

struct stoa__block {
	struct stoa__link link;
	uint64_t born;
	/* Gives up what the block owns beside its own memory; NULL where that is nothing. */
	void (*release)(struct stoa__block *b);
	size_t extra;			/* bytes that it owns beside its own, as stoa__block_grow() was told */
	uint64_t group;			/* first rowid of the row group it is part of */
	uint32_t table;			/* whose; 0: part of none, or not in a table yet */
	uint32_t size : 24;		/* its own bytes */
	uint32_t kind : 8;
};

struct stoa__node;
struct stoa__history;
struct stoa__visited;
struct stoa__symbols;
struct stoa__table;

struct stoa__version {
	struct stoa__history *history;
	struct stoa__version *older, *newer;
	uint64_t stamp;
	uint64_t commit;		/* number of the commit it shows */
	uint32_t holds;
	uint32_t quiet;			/* of these, holds of our own background work */
	uint32_t n_visitors;		/* of these, holds that do not need all: visitor.h */
	struct stoa__visited *visited;
	uint64_t sifted;		/* dead blocks that were left when it was last looked what visitors need */
	uint64_t passed;		/* row groups that they have passed since */
	bool pending;			/* was head, is to be published: held until then */
	bool gone;			/* rolled back: its cursors may no longer read */
	struct stoa__link born;		/* only until it is committed */
	struct stoa__link retired;	/* only while it is the working version */
	struct stoa__link dead;
	int64_t bytes;			/* of its blocks; what the history has not been told of yet */
	struct stoa__table *recent;	/* of a working version: the table that it owned last, or NULL */
	/* What it shows: */
	struct stoa__node *tables;	/* table id -> struct stoa__table */
	uint32_t next_table;
	bool pushed;			/* its transaction has put rows into a deque */
};

struct stoa__history {
	pthread_mutex_t mutex;
	uint64_t stamp;				/* the newest given */
	struct stoa__version *oldest;
	struct stoa__version *head;		/* newest committed; held */
	struct stoa__version *published;	/* newest that transactions may begin on; held */
	_Atomic int64_t bytes;			/* stoa__block_bytes() of all that there are, as versions tell */
	_Atomic uint64_t garbage;		/* what writers made since the start, in rows; about */
	struct stoa__symbols *symbols;		/* for blocks that hold strings; not the history's own */
	struct stoa__version *spare;		/* one that is over, for the next */
	struct stoa__spares spares;		/* memory of blocks; the writer's */
};

int stoa__history_init(struct stoa__history *h);
/* Frees every block and version; nothing may be held. */
void stoa__history_release(struct stoa__history *h, void (*free_tree)(struct stoa__version *v));
/* Bytes of all blocks; while transactions are at work some 64 KiB more or less for each. */
uint64_t stoa__history_bytes(struct stoa__history *h);

/* Holds the published version. */
struct stoa__version *stoa__history_snapshot(struct stoa__history *h);
void stoa__version_hold(struct stoa__version *v);
/* Frees the version, and what only it sees, with the last hold. */
void stoa__version_drop(struct stoa__version *v);

/* The same for background work: no snapshot of anybody's, and it keeps no database from closing. */
void stoa__version_hold_quietly(struct stoa__version *v);
void stoa__version_drop_quietly(struct stoa__version *v);
struct stoa__version *stoa__history_snapshot_quietly(struct stoa__history *h);

/*
 * A version of nobody's, beside held version @beside: blocks are born in it by one thread without
 * the writer's lock, and then adopted by a working version, which owns them from there on, or
 * discarded. Nothing that @beside shows may be retired in it.
 */
void stoa__version_apart(struct stoa__version *apart, struct stoa__version *beside);
void stoa__version_adopt(struct stoa__version *w, struct stoa__version *apart);
void stoa__version_discard(struct stoa__version *apart);

/* A working version after head, which is held for it. NULL when memory is out. */
struct stoa__version *stoa__history_begin(struct stoa__history *h);
/*
 * Freezes working version @w, held, and returns the next one, equal to it. NULL when memory is out.
 */
struct stoa__version *stoa__history_freeze(struct stoa__version *w);
/*
 * Undoes all that happened since frozen or committed version @to; @base is the version that the
 * transaction began on. @w is the working version again, equal to @to, with a new stamp.
 */
void stoa__history_rollback(struct stoa__version *w, struct stoa__version *to,
			    const struct stoa__version *base);
/*
 * @w becomes head, showing commit number @commit; the hold on @base is given up. Heads that are not
 * published yet stay, so that each commit can be published for itself; with @publish this one is at
 * once.
 */
void stoa__history_commit(struct stoa__version *w, struct stoa__version *base, uint64_t commit,
			  bool publish);
/* Ends working version @w, equal to @base by now (rolled back), and the hold on @base. */
void stoa__history_end(struct stoa__version *w, struct stoa__version *base);
/* Publishes the newest version that shows a commit up to @commit. */
void stoa__history_publish(struct stoa__history *h, uint64_t commit);
/* Is commit number @commit, or a later one, published? */
bool stoa__history_is_published(struct stoa__history *h, uint64_t commit);
/* Number of the newest commit, published or not. */
uint64_t stoa__history_commit_of_head(struct stoa__history *h);
/* Does anything hold a version, beside the history itself and quiet holds? */
bool stoa__history_is_held(struct stoa__history *h);
/*
 * Calls @each, which may not call back, with every block that only versions older than the
 * published one see, and the newest that sees it; the number of the commit that the oldest of them
 * shows. O(blocks), under the mutex: for people who ask.
 */
uint64_t stoa__history_pinned(struct stoa__history *h,
			      void (*each)(void *ctx, const struct stoa__version *v,
					   const struct stoa__block *b),
			      void *ctx);
/* Of such a block, on the list of @v: does a snapshot need it, or only what works in the background? */
bool stoa__snapshots_need(const struct stoa__version *v, const struct stoa__block *b);
/*
 * What of a version's holds are snapshots: not the history's own, nor those of background work.
 * Under the mutex.
 */
static inline uint32_t stoa__version_n_snapshots(const struct stoa__version *v)
{
	const struct stoa__history *h = v->history;

	return v->holds - (uint32_t)(v == h->head) - (v == h->published) - v->pending - v->quiet;
}
/* Heap that versions take themselves. */
uint64_t stoa__history_heap(struct stoa__history *h);
/* Versions that something holds, beyond the newest. */
uint64_t stoa__history_n_snapshots(struct stoa__history *h);
/* Cursors of the application's that are open, on whatever version. */
uint64_t stoa__history_n_cursors(struct stoa__history *h);
/*
 * The mutex is held: dead blocks of @v that it does not need go to who does, or to @doomed. For
 * visitor.c.
 */
void stoa__version_sift(struct stoa__version *v, struct stoa__link *doomed);
void stoa__blocks_init(struct stoa__link *list);
/* Frees a list of blocks that no version sees. */
void stoa__blocks_free(struct stoa__history *h, struct stoa__link *list);

/*
 * A zeroed block of @size bytes, less than STOA__BLOCK_SIZE_MAX, born in @w. NULL when memory is
 * out.
 */
void *stoa__block_new(struct stoa__version *w, enum stoa__block_kind kind, size_t size);
/* A copy of @old, which owns nothing beside its memory, born in @w. NULL when memory is out. */
void *stoa__block_copy(struct stoa__version *w, const struct stoa__block *old);
/* @b is not part of @w any more. */
void stoa__block_retire(struct stoa__version *w, struct stoa__block *b);
/*
 * A block just born becomes part of another one, whose release frees it: it follows no version by
 * itself.
 */
void stoa__block_adopt(struct stoa__block *b);
/* @b is part of the same row group as @other. */
static inline void stoa__block_place(struct stoa__block *b, const struct stoa__block *other)
{
	b->group = other->group;
	b->table = other->table;
}
/* Its bytes, as they are counted. What the allocator gave beyond them, stoa__alloc_size() knows. */
static inline uint64_t stoa__block_bytes(const struct stoa__block *b)
{
	return b->size + b->extra;
}
/*
 * Counts @extra bytes, as stoa__alloc_size() has them, that a block just born in @w owns beside its
 * own.
 */
void stoa__block_grow(struct stoa__version *w, struct stoa__block *b, size_t extra);
/* Frees a block at once; for those that no version sees. */
void stoa__block_free(struct stoa__history *h, struct stoa__block *b);

/* Counts garbage made by a writer; the writer's lock is held, so an add need not be atomic. */
static inline void stoa__history_soil(struct stoa__history *h, uint64_t n_rows)
{
	uint64_t was = atomic_load_explicit(&h->garbage, memory_order_relaxed);

	atomic_store_explicit(&h->garbage, was + n_rows, memory_order_relaxed);
}

static inline bool stoa__block_owned(const struct stoa__version *w, const struct stoa__block *b)
{
	return b->born == w->stamp;
}
/* Puts a copy of block @old, born in @w, in the place *@slot, and retires the block. */
int stoa__block_replace(struct stoa__version *w, struct stoa__block *old, void *slot);
/*
 * Makes block *@slot, of a kind that owns nothing, one that @w may change: itself, or a copy that
 * takes its place. STOA_OK or STOA_ENOMEM; what it shows is the same either way.
 */
static inline int stoa__block_own(struct stoa__version *w, void *slot)
{
	struct stoa__block *b;

	memcpy(&b, slot, sizeof b);
	return stoa__block_owned(w, b) ? STOA_OK : stoa__block_replace(w, b, slot);
}

#endif
