/* SPDX-License-Identifier: MIT */
/*
 * hints.h - a hash table of hints: key hash -> rowids that may have the key
 *
 *     bucket, 64 bytes   entry 0 .. entry 7, filled in this order; 0 is empty
 *     entry, 8 bytes     bits 48..63: tag, the low 16 bits of the hash; bits 0..46: rowid
 *                        bit 47, of entry c: a hint of class c, bits 16..18 of its hash, found this
 *                        bucket full, and is in one behind it
 *
 * The high bits of a hash choose a bucket (multiply and shift, so that any number of buckets will
 * do); what finds it full goes to the next one, and says so. Something has gone on behind 36% of
 * the buckets of a full table; but that was often of another class, so that a search for what is
 * not there goes on in 12%. That is not for the second line: a processor that guesses whether there
 * is one must wait for the first to know that it was wrong, and has begun the next look-ups in
 * vain. So one cache line has mostly all that a key could be, and the row itself, which the caller
 * looks at, is the only other one. Tags let through one entry in 65,536 that is not the key's.
 *
 * A hint says "look there" and no more. What it names may have died, been given another key, or not
 * be visible yet. So hints are added and never changed or taken away, all versions share a table,
 * and it is thrown away and made anew from the rows when it is full, as it does not know the hashes
 * of its entries. Against a table of hashes and keys this costs half the memory; against one of
 * hashes and rowids just under 10 bytes an entry for 20.
 *
 * Heap tables are one run of buckets. Those in a segment lie there in parts of 256 KiB, each a
 * chunk, verified and opened on first touch (parts of the set index, set_run.c).
 *
 * (1) Entries of a bucket are filled from 0 on. A hint is in its own bucket, or all buckets from
 *     there to the one before its own place are full and say that its class went on.
 * (2) There is an empty entry: at most STOA__HINTS_LOAD percent are in use.
 *
 * Threads: one writer puts, any number of readers look meanwhile; entries are stored and loaded
 * whole. Linear probing of buckets: Knuth, TAOCP 3, 6.4; tags compared at once: Google's Swiss
 * tables.
 */
#ifndef STOA__HINTS_H
#define STOA__HINTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOA__HINTS_WIDTH 8	/* entries of a bucket */
#define STOA__HINTS_LOAD 82	/* percent */
#define STOA__HINTS_ROWID_MAX (((uint64_t)1 << 47) - 1)
#define STOA__HINTS_WENT_ON ((uint64_t)1 << 47)
#define STOA__HINTS_PART 4096	/* buckets of a part */

typedef _Atomic uint64_t stoa__hint;

struct stoa__hints {
	uint64_t n_buckets;
	stoa__hint *buckets;			/* in heap; NULL where there are parts */
	const stoa__hint *_Atomic *parts;	/* of STOA__HINTS_PART buckets; NULL until opened */
	uint64_t n;				/* entries in use; the writer's own */
};

/* Buckets for @n entries. */
uint64_t stoa__hints_buckets_for(uint64_t n);
/* An empty heap table of @n_buckets. STOA_OK or STOA_ENOMEM. */
int stoa__hints_init(struct stoa__hints *h, uint64_t n_buckets);
void stoa__hints_release(struct stoa__hints *h);
/* Entries that may be in use. */
static inline uint64_t stoa__hints_room(const struct stoa__hints *h)
{
	return h->n_buckets * STOA__HINTS_WIDTH * STOA__HINTS_LOAD / 100;
}
static inline uint64_t stoa__hints_parts(uint64_t n_buckets)
{
	return (n_buckets + STOA__HINTS_PART - 1) / STOA__HINTS_PART;
}

static inline uint64_t stoa__hints_bucket_of(const struct stoa__hints *h, uint64_t hash)
{
	return (uint64_t)((unsigned __int128)hash * h->n_buckets >> 64);
}
static inline uint64_t stoa__hints_tag(uint64_t hash)
{
	return hash << 48;
}
static inline uint64_t stoa__hints_rowid(uint64_t entry)
{
	return entry & STOA__HINTS_ROWID_MAX;
}
/* Bucket @b; NULL: its part is not open. */
static inline const stoa__hint *stoa__hints_bucket(const struct stoa__hints *h, uint64_t b)
{
	const stoa__hint *part;

	if (h->buckets)
		return h->buckets + b * STOA__HINTS_WIDTH;
	part = atomic_load_explicit(&h->parts[b / STOA__HINTS_PART], memory_order_acquire);
	return part ? part + b % STOA__HINTS_PART * STOA__HINTS_WIDTH : NULL;
}
static inline uint64_t stoa__hint_load(const stoa__hint *e)
{
	return atomic_load_explicit(e, memory_order_relaxed);
}
/* The entry whose bit 47 speaks for a hash. */
static inline unsigned stoa__hints_class(uint64_t hash)
{
	return hash >> 16 & (STOA__HINTS_WIDTH - 1);
}
/* Has a hint of this class that found the bucket full gone on to the next? */
static inline bool stoa__hints_went_on(const stoa__hint *bucket, uint64_t hash)
{
	return stoa__hint_load(&bucket[stoa__hints_class(hash)]) & STOA__HINTS_WENT_ON;
}
static inline uint64_t stoa__hints_next(const struct stoa__hints *h, uint64_t b)
{
	return b + 1 == h->n_buckets ? 0 : b + 1;
}

/*
 * Bit k is set where entry k of a bucket has @tag (in place, as stoa__hints_tag() gives it). Empty
 * ones have tag 0.
 */
unsigned stoa__hints_match_scalar(const stoa__hint *bucket, uint64_t tag);

/*
 * A race between SIMD loads and the writer's stores is none for the processor, but is one for TSan.
 */
#if defined(__SANITIZE_THREAD__)
#define STOA__HINTS_SCALAR 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STOA__HINTS_SCALAR 1
#endif
#endif

#if defined(__SSE2__) && !defined(STOA__HINTS_SCALAR)
#include <emmintrin.h>
/*
 * SSE2, which every x86-64 has, so that it is inlined: the eight tags fit one register, and 32-byte
 * ones would save two instructions of twelve.
 */
static inline unsigned stoa__hints_match(const stoa__hint *bucket, uint64_t tag)
{
	const __m128 *p = (const __m128 *)(const void *)bucket;
	__m128i a = _mm_castps_si128(_mm_shuffle_ps(p[0], p[1], 0xdd));	/* high halves */
	__m128i b = _mm_castps_si128(_mm_shuffle_ps(p[2], p[3], 0xdd));
	__m128i tags = _mm_packs_epi32(_mm_srai_epi32(a, 16), _mm_srai_epi32(b, 16));
	__m128i same = _mm_cmpeq_epi16(tags, _mm_set1_epi16((short)(tag >> 48)));

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(same, _mm_setzero_si128()));
}
#else
static inline unsigned stoa__hints_match(const stoa__hint *bucket, uint64_t tag)
{
	return stoa__hints_match_scalar(bucket, tag);
}
#endif

/*
 * Adds a hint to a heap table with room, unless it is there already. @rowid is 1 ..
 * STOA__HINTS_ROWID_MAX.
 */
void stoa__hints_put(struct stoa__hints *h, uint64_t hash, uint64_t rowid);

#endif
