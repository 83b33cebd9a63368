/* SPDX-License-Identifier: MIT */
/*
 * bitmap.c - counting and copying runs of bits, a word at a time
 *
 * Neither function touches a word that holds none of the bits it was asked for, nor changes a
 * bit of @dst outside its run.
 */
#include "bitmap.h"

/* The lowest @n bits, 0 <= n <= 64. */
static uint64_t mask_of(size_t n)
{
	return n >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
}

/*
 * Ones in a word, by adding ever wider fields (Warren, Hacker's Delight, 5-1): without the popcnt
 * instruction, which the baseline lacks, compilers call a function for each word; this they
 * vectorise.
 */
static uint64_t ones(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	x += x >> 8;
	x += x >> 16;
	x += x >> 32;
	return x & 0x7f;
}

size_t stoa__bitmap_count(const uint64_t *w, size_t from, size_t n)
{
	size_t first = from / 64, last;
	uint64_t head = ~(uint64_t)0 << (from % 64), sum;

	if (!w || n == 0)
		return n;
	last = (from + n - 1) / 64;
	if (first == last)
		return (size_t)ones(w[first] & head & mask_of((from + n - 1) % 64 + 1));
	sum = ones(w[first] & head) + ones(w[last] & mask_of((from + n - 1) % 64 + 1));
	for (size_t i = first + 1; i < last; i++)
		sum += ones(w[i]);
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
