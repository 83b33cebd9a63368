/* SPDX-License-Identifier: MIT */
/*
 * chunk_pick.c - some rows of a chunk, and of packed numbers which
 *
 * A condition on values becomes one on differences from the base, so that it is tested at the
 * width in which they lie: 16 or 32 at a time where decoded values go 4 at a time. What lies
 * outside of the chunk's range needs no test at all. What few rows pass are then read one by one.
 */
#include "chunk.h"

#include <string.h>

#include "bitmap.h"
#include "lengths.h"
#include "packed.h"

static void clear_nulls(const struct stoa__chunk *c, size_t from, size_t n, uint64_t *bits)
{
	uint64_t valid = 0;

	for (size_t i = 0; c->validity && i < n; i += 64) {
		stoa__bitmap_copy(&valid, 0, c->validity, from + i, n - i < 64 ? n - i : 64);
		bits[i / 64] &= valid;
	}
}

void stoa__chunk_within(const struct stoa__chunk *c, size_t from, size_t n, int64_t lo, int64_t hi,
			uint64_t *bits)
{
	uint64_t most = c->width ? UINT64_MAX >> (64 - c->width) : 0, first = 0, last;
	int64_t base = (int64_t)c->base;

	if (lo > base)
		first = ((uint64_t)lo - (uint64_t)base - 1) / c->step + 1;
	last = ((uint64_t)hi - (uint64_t)base) / c->step;
	if (hi < base || lo > hi || first > most || first > last) {
		memset(bits, 0, STOA__WORDS(n) * sizeof *bits);
		return;
	}
	if (last > most)
		last = most;
	if (first != 0 || last != most)
		stoa__packed_within(c->values, c->width, from, n, first, last - first, bits);
	clear_nulls(c, from, n, bits);
}

void stoa__chunk_pick(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
		      uint64_t *out)
{
	/* Rows that are far apart: all their misses at once, and not as many as a loop reaches. */
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(c->values + (from + sel[i]) * c->width / 8);
	for (size_t i = 0; i < n; i++)
		out[i] = c->base + c->step * stoa__packed_get(c->values, c->width, from + sel[i]);
	for (size_t i = 0; c->validity && i < n; i++)
		if (stoa__chunk_is_null(c, from + sel[i]))
			out[i] = 0;
}

void stoa__chunk_pick_codes(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
			    uint32_t *out)
{
	uint32_t last = c->n_dict ? c->n_dict - 1 : 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t code = stoa__packed_get(c->values, c->width, from + sel[i]);

		out[i] = code <= last ? (uint32_t)code : last;
	}
}

bool stoa__chunk_picks_bytes(const struct stoa__chunk *c)
{
	return c->encoding == STOA__ENC_BYTES || c->encoding == STOA__ENC_FSST ||
	       c->encoding == STOA__ENC_ZVALUES;
}

int stoa__chunk_pick_bytes(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
			   struct stoa_bytes *out, struct stoa__buf *scratch)
{
	return stoa__lengths_pick(c, from, sel, n, out, scratch);
}
