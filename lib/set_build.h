/* SPDX-License-Identifier: MIT */
/*
 * set_build.h - hints for many rows at once, by several threads
 *
 *     row groups --hashed by any thread--> hints, by shard --put by any thread--> shards --in order--> parts
 *
 * First the hints are made, and each is added to the list of the shard that has its home. Then the
 * shards are filled (hints_fill.h), each within a processor's own cache, so that memory is written
 * in order and once. Whoever makes the next one in order ready takes in what left the one before,
 * and hands its parts on: to a file, say, while others fill the next. So a table that goes to a
 * file is in memory by a few shards alone.
 *
 * The lists take 16 bytes a hint. To keep that from being more than the table, or than memory that
 * is at hand, a large table is made in waves: the rows are gone through again for each, and hints
 * that are another's left out.
 *
 * Six million keys of two numbers take 0.24 s of the processors, by two threads, where it was 0.45
 * by one; the file's part of that is 0.03 (set_file.h).
 *
 * Where a key may be there often, rows that its block stands for are left out first (set_thin.h).
 * Then all others of a key meet in a shard. So who fills it knows which of them have room in the
 * key's own bucket, and by counting, which go to which bucket below (hints_deep.h): those are listed
 * once more, in a second round. Their shards may be any, so such a table is in heap; what leaves a
 * shard in either round is put one by one in the end.
 *
 * Where keys must not be there twice, equal hashes meet in a shard, and the rows are compared then.
 * Which of two rows goes does not depend on the order in which threads have come to them.
 */
#ifndef STOA__SET_BUILD_H
#define STOA__SET_BUILD_H

#include <pthread.h>

#include "core/hands.h"
#include "hints_fill.h"
#include "set.h"

/* Keys that may be there once. */
struct stoa__once {
	const struct stoa__table *t;
	uint32_t i;                        /* the index */
	struct stoa__conflicts *conflicts; /* NULL: two rows with a key are an error */
	struct stoa__set_tables tables;    /* of hints at other rows that may have a key */
	pthread_mutex_t lock;              /* of what follows, and of conflicts->losers */
	uint64_t rowid, other;             /* the first row whose key another has; 0: none */
};

void stoa__once_init(struct stoa__once *o, const struct stoa__table *t, uint32_t i,
		     struct stoa__conflicts *conflicts);
/* The error of the first row whose key another has, if there is one. Ends @o. */
int stoa__once_end(struct stoa__once *o, struct stoa_error *err);
/* Has row @rowid the key of @old? enum stoa__equals; which one goes has been noted. */
int stoa__once_equals(struct stoa__once *o, struct stoa__buf *scratch, uint64_t old, uint64_t rowid,
		      struct stoa_error *err);
/* Looks for the key of row @rowid through o->tables: as stoa__once_equals(). */
int stoa__once_look(struct stoa__once *o, struct stoa__buf *scratch, uint64_t hash, uint64_t rowid,
		    struct stoa_error *err);

struct stoa__set_build {
	const struct stoa__set_walk *walk; /* which rows; each() is not called */
	/*
	 * Empty, with or without groups (stoa__hints_alloc(), stoa__hints_plan()), for as many as
	 * stoa__set_thin_shape() says, or all.
	 */
	struct stoa__hints *into;
	struct stoa__once *once; /* NULL: a key may be there often */
	struct stoa__hands *hands;
	unsigned n_threads;
	/*
	 * Given each part where @into has no groups, in any thread, one at a time: from 1 on, then
	 * 0.
	 */
	int (*part)(void *ctx, uint64_t part, const struct stoa__hints_group *groups, uint64_t n,
		    struct stoa_error *err);
	void *ctx;
};

/*
 * Fills @b->into. STOA_END: so many rows have one key that parts cannot be made one by one; without
 * parts that does not happen.
 */
int stoa__set_build(const struct stoa__set_build *b, struct stoa_error *err);

/* Hints of a wave; tests lower it. */
extern uint64_t stoa__set_wave;

#endif
