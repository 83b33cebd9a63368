/* SPDX-License-Identifier: MIT */
/* hints.c - see hints.h */
#include "hints.h"

#include <string.h>
#include <sys/mman.h>

#include "core/alloc.h"
#include "core/error.h"

uint64_t stoa__hints_buckets_for(uint64_t n)
{
	return (n * 100 / STOA__HINTS_LOAD + STOA__HINTS_WIDTH) / STOA__HINTS_WIDTH + 1;
}

int stoa__hints_init(struct stoa__hints *h, uint64_t n_buckets)
{
	size_t size = n_buckets * STOA__HINTS_WIDTH * sizeof *h->buckets;

	memset(h, 0, sizeof *h);
	h->buckets = n_buckets < SIZE_MAX / 64 ? stoa__alloc_aligned(size) : NULL;
	if (!h->buckets)
		return STOA_ENOMEM;
	/*
	 * Every look-up goes to another page of a large table: with small ones it costs a miss
	 * more.
	 */
	if (size >= (size_t)4 << 20) {
		uintptr_t from = ((uintptr_t)h->buckets + 4095) & ~(uintptr_t)4095;

		(void)madvise((void *)from, size - 4096, MADV_HUGEPAGE);
	}
	memset(h->buckets, 0, size);
	h->n_buckets = n_buckets;
	return STOA_OK;
}

void stoa__hints_release(struct stoa__hints *h)
{
	stoa__free(h->buckets);
	memset(h, 0, sizeof *h);
}

unsigned stoa__hints_match_scalar(const stoa__hint *bucket, uint64_t tag)
{
	unsigned bits = 0;

	for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++)
		bits |= (unsigned)((stoa__hint_load(&bucket[k]) ^ tag) >> 48 == 0) << k;
	return bits;
}

/* Puts an entry into a bucket: false if there is no room. */
static bool put_into(struct stoa__hints *h, stoa__hint *bucket, uint64_t entry)
{
	for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++) {
		uint64_t now = stoa__hint_load(&bucket[k]);

		if ((now & ~STOA__HINTS_WENT_ON) == entry)
			return true;
		if (now)
			continue;
		atomic_store_explicit(&bucket[k], entry, memory_order_relaxed);
		h->n++;
		return true;
	}
	return false;
}

void stoa__hints_put(struct stoa__hints *h, uint64_t hash, uint64_t rowid)
{
	uint64_t entry = stoa__hints_tag(hash) | rowid, b = stoa__hints_bucket_of(h, hash);
	stoa__hint *bucket = h->buckets + b * STOA__HINTS_WIDTH;

	while (!put_into(h, bucket, entry)) {
		stoa__hint *e = &bucket[stoa__hints_class(hash)];

		atomic_store_explicit(e, stoa__hint_load(e) | STOA__HINTS_WENT_ON,
				      memory_order_relaxed);
		b = stoa__hints_next(h, b);
		bucket = h->buckets + b * STOA__HINTS_WIDTH;
	}
}
