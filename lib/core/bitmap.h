/* SPDX-License-Identifier: MIT */
/* bitmap.h - bits in words of 64; bit i is bit i % 64 of word i / 64. NULL stands for all ones. */
#ifndef STOA__BITMAP_H
#define STOA__BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOA__WORDS(n_bits) (((size_t)(n_bits) + 63) / 64)

static inline bool stoa__bit_get(const uint64_t *w, size_t i)
{
	return !w || (w[i / 64] >> (i % 64) & 1);
}
static inline void stoa__bit_set(uint64_t *w, size_t i)
{
	w[i / 64] |= (uint64_t)1 << (i % 64);
}
static inline void stoa__bit_clear(uint64_t *w, size_t i)
{
	w[i / 64] &= ~((uint64_t)1 << (i % 64));
}
/* Ones among bits [from, from + n). @w may be NULL. */
size_t stoa__bitmap_count(const uint64_t *w, size_t from, size_t n);
/* Copies bits [from, from + n) of @src (NULL: ones) to bits [at, at + n) of @dst. */
void stoa__bitmap_copy(uint64_t *dst, size_t at, const uint64_t *src, size_t from, size_t n);

#endif
