/* SPDX-License-Identifier: MIT */
/*
 * hints_deep.h - hints at the rows of a key that many rows have
 *
 *     bucket    hints under one hash: 8 of them at most, then it is *full*
 *     block     2^9 rowids that follow each other; a bucket of the lowest level is for one
 *
 *     level     0              1                    2                  3
 *     for       all rowids     32 times 2^19        32 times 2^14      32 times 2^9, blocks
 *     hash      the key's      f (hash above, which of the 32)  ...
 *
 * A status, a boolean, a foreign key: hundreds, or millions, of rows have one key. If all their
 * hints were on the one way of its hash, each row would be put behind all that came before. So a row
 * goes to the bucket of its key; if that is full, to one for the key and the 32nd part of all
 * rowids where it is; if that is full, to one for a 32nd of that; and where the bucket of its block
 * is full there is nothing to be put any more: the block as a whole is meant, and read as such.
 *
 * A row has one hint at most, and a rare key has what it had: its bucket, which is not full. Who
 * puts a row passes buckets of one path, some three or four. Who looks for all rows of a key goes
 * through a bucket, and if it is full through the 32 below: 4 buckets a row at worst, as only a full
 * one has others below. A block is read where it has 8 rows or more: 64 at worst for one that is
 * found, which in a column take 160 ns, twice what one takes that is looked at by itself. Ten million
 * rows of three keys have 470,000 hints.
 *
 * What is below depends on what is above and on the row alone, not on the order in which others
 * came: nothing is moved when a bucket gets full. Shapes like it: the levels of a trie whose nodes
 * are in a hash table (Willard's x-fast trie, 1983), with buckets that burst (Heinz, Zobel, Williams
 * 2002).
 *
 * Hints of levels from 1 on have mark 3, so that they are not taken for a key's whose hash is the
 * same. Whether a bucket is full is counted on its way; other hints that cannot be told from its own
 * count too. As none ever goes, full stays full, and who puts sees no more of them than who looks.
 *
 * (1) A row that has been put has a hint in a bucket of its path, or all of the path are full.
 * (2) If a bucket has a hint, those above it are full.
 */
#ifndef STOA__HINTS_DEEP_H
#define STOA__HINTS_DEEP_H

#include "hints.h"

/* These are part of what a run in a file is. */
#define STOA__HINTS_BUCKET 8 /* hints, then it is full */
#define STOA__HINTS_FAN_BITS 5
#define STOA__HINTS_FAN (1u << STOA__HINTS_FAN_BITS)
#define STOA__HINTS_BLOCK_BITS 9

/* The lowest level. */
static inline unsigned stoa__hints_depth(const struct stoa__hints *h)
{
	return h->bits <= STOA__HINTS_BLOCK_BITS ?
		       0 :
		       (h->bits - STOA__HINTS_BLOCK_BITS + STOA__HINTS_FAN_BITS - 1) / STOA__HINTS_FAN_BITS;
}

/* Log2 of the rowids that a bucket of @level is for; level 0 is for all. */
static inline unsigned stoa__hints_span_bits(const struct stoa__hints *h, unsigned level)
{
	return STOA__HINTS_BLOCK_BITS + (stoa__hints_depth(h) - level) * STOA__HINTS_FAN_BITS;
}

/* The hash of bucket @which of the 32 below the one with @hash. */
static inline uint64_t stoa__hints_below(uint64_t hash, unsigned which)
{
	unsigned __int128 p = (unsigned __int128)(hash ^ UINT64_C(0x8ebc6af09c88c6e3)) *
			      (UINT64_C(0x589965cc75374cc3) + 2 * (uint64_t)which);

	return ((uint64_t)p ^ (uint64_t)(p >> 64)) * UINT64_C(0x1d8e4e27c47d124f);
}

/* The hash of the bucket of @level that has row @rowid, from that above. */
static inline uint64_t stoa__hints_path(const struct stoa__hints *h, uint64_t above, unsigned level,
					uint64_t rowid)
{
	uint64_t which = (rowid - h->first) >> stoa__hints_span_bits(h, level);

	return stoa__hints_below(above, which & (STOA__HINTS_FAN - 1));
}

/* Is a word with this mark (stoa__hints_mark()) of the bucket, on level 0 or @deep? */
static inline bool stoa__hints_is_of(uint64_t mark, bool deep)
{
	return deep ? mark == STOA__HINTS_DEEP : mark < STOA__HINTS_DEEP;
}

/* As stoa__hints_put(), but says nothing of the order of rowids: of a table that nobody sees yet. */
void stoa__hints_put_late(struct stoa__hints *h, uint64_t hash, uint64_t rowid);
/* Puts a hint into the bucket below with @hash, even if it is full. */
void stoa__hints_put_below(struct stoa__hints *h, uint64_t hash, uint64_t rowid);

/* The most hints of a key that rows of one block can have. */
static inline unsigned stoa__hints_path_max(const struct stoa__hints *h)
{
	return STOA__HINTS_BUCKET * (stoa__hints_depth(h) + 1);
}

#endif
