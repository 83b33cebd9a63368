/* SPDX-License-Identifier: MIT */
/*
 * hints_fill.h - a table of hints filled all at once, shard by shard
 *
 *     shard     groups [lo, hi) of a table: as many as a processor's own cache holds
 *     natives   hints whose home is in the shard; they come first, in any order
 *     stray     a hint that found no room at home, and where it is to look next
 *
 * Put one by one, in the order of rows, each hint is a miss of all caches, and many lose their
 * homes to one that is not at home there either. In a shard natives have their homes first; those
 * too many for a group are strays. Which of a full group's goes is still free then: one of a class
 * that has gone on before and whose second group has room, so that no look-up becomes longer by it;
 * else one of the class of which most could go, as more may have to. So of a full table 13.5% are
 * not at home, where it was 21, and of what is not there 9% is looked for in a second group, where
 * it was 13.
 * (12.2% cannot be at home, and 5% would be the least if second groups always had room.)
 *
 * What would leave the shard is kept for who has the next one: the table's shards may be made in
 * any order and by many threads, but they take strays in one, from 0 on, and shard 0 those of the
 * last.
 *
 * Where a key may be there often, a stray whose bucket is full (hints_deep.h) is not let in but
 * handed on; the way is counted as far as it is in the shard. What leaves such a shard is for who
 * knows all of the table: stoa__hints_put_late().
 *
 * (1) All hints of a hash are on one way, and each has looked there for equals before it was put:
 * of two the one that came later has seen the other.
 * (2) What gives its place up goes from its home to its second group, which has room within the
 * shard; or back home, for one that does.
 */
#ifndef STOA__HINTS_FILL_H
#define STOA__HINTS_FILL_H

#include "hints.h"

struct stoa_error;

struct stoa__hint {
	uint64_t hash, rowid;
};

struct stoa__stray {
	uint64_t group; /* where to look next: number @step of its way, from 1 on */
	uint64_t word;  /* with a mark of 0, or STOA__HINTS_DEEP */
	uint64_t hash;
	uint32_t step;
	uint32_t tag;
};

struct stoa__strays {
	struct stoa__stray *stray;
	size_t n, cap;
};

/* What is to be done about a row that is there, under an equal hash, when another comes. */
enum stoa__equals {
	STOA__BOTH_STAY, /* the keys differ, or may be equal */
	STOA__NEW_GOES,
	STOA__OLD_GOES,
};

struct stoa__shard {
	const struct stoa__hints *h;      /* its size and rowids; nothing of it is changed */
	struct stoa__hints_group *groups; /* of the shard; nobody else sees them yet */
	uint64_t lo, hi;
	uint64_t n; /* hints in it */
	bool deep;  /* hints are of buckets from level 1 on, all others have been put */
	/*
	 * Given those whose bucket is full: STOA_OK or an error. NULL: as many as there are may be
	 * on one way.
	 */
	int (*full)(void *ctx, struct stoa__hint hint, struct stoa_error *err);
	/* enum stoa__equals, or an error. NULL: all may stay. */
	int (*equals)(void *ctx, uint64_t old, uint64_t rowid, struct stoa_error *err);
	void *ctx;                   /* of both */
	struct stoa__strays strays;  /* natives that have no room at home */
	struct stoa__strays leaving; /* those that the shard has no room for */
	struct stoa_error *err;
};

/* Empties the groups; strays, leaving and n are to be empty. */
void stoa__shard_clear(struct stoa__shard *s);
/*
 * Puts hints that are at home in the shard, there or among its strays. STOA_ENOMEM, or what equals()
 * fails with.
 */
int stoa__shard_natives(struct stoa__shard *s, const struct stoa__hint *hint, size_t n);
/*
 * Puts strays, its own or those that left the shard before, and adds to @s->leaving; their list is
 * emptied.
 */
int stoa__shard_strays(struct stoa__shard *s, struct stoa__strays *strays);
void stoa__strays_release(struct stoa__strays *s);

#endif
