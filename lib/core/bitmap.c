/* SPDX-License-Identifier: MIT */
/*
 * bitmap.c - counting and copying runs of bits, a word at a time
 *
 * Neither function touches a word that holds none of the bits it was asked for, nor changes a
 * bit of @dst outside its run.
 */
#include "bitmap.h"

#include "bits64.h"

/* The lowest @n bits, 0 <= n <= 64. */
static uint64_t mask_of(size_t n)
{
	return n >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
}

size_t stoa__bitmap_count(const uint64_t *w, size_t from, size_t n)
{
	size_t first = from / 64, last;
	uint64_t head = ~(uint64_t)0 << (from % 64), sum;

	if (!w || n == 0)
		return n;
	last = (from + n - 1) / 64;
	if (first == last)
		return (size_t)stoa__count64_scalar(w[first] & head & mask_of((from + n - 1) % 64 + 1));
	sum = stoa__count64_scalar(w[first] & head) + stoa__count64_scalar(w[last] & mask_of((from + n - 1) % 64 + 1));
	for (size_t i = first + 1; i < last; i++)
		sum += stoa__count64_scalar(w[i]);
	return (size_t)sum;
}

/* @n bits (1 .. 64) from bit @from on, in the low bits; above them anything. */
static uint64_t bits_from(const uint64_t *w, size_t from, size_t n)
{
	size_t shift = from % 64;
	uint64_t x;

	if (!w)
		return ~(uint64_t)0;
	x = w[from / 64] >> shift;
	if (shift + n > 64)
		x |= w[from / 64 + 1] << (64 - shift);
	return x;
}

void stoa__bitmap_copy(uint64_t *dst, size_t at, const uint64_t *src, size_t from, size_t n)
{
	while (n > 0) {
		size_t shift = at % 64;
		size_t k = n < 64 - shift ? n : 64 - shift;	/* to the end of a word */
		uint64_t mask = mask_of(k) << shift;
		uint64_t *to = &dst[at / 64];

		*to = (*to & ~mask) | (bits_from(src, from, k) << shift & mask);
		at += k;
		from += k;
		n -= k;
	}
}
