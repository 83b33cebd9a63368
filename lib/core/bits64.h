/* SPDX-License-Identifier: MIT */
/*
 * bits64.h - 64 booleans as one word of bits
 *
 * Conditions are computed as bytes, because that is what compilers vectorise, and kept as bits. The
 * step between the two and the counting of bits are what compilers find no instruction for by
 * themselves, so they are here once for each build: kernel templates call what their includer names
 * PACK_64 and COUNT_64.
 */
#ifndef STOA__BITS64_H
#define STOA__BITS64_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Eight bytes of 0 and 1 to eight bits: the product brings bit 8k to bit 56 + k. */
static inline uint64_t stoa__pack8(const uint8_t *a)
{
	uint64_t x;

	memcpy(&x, a, 8);
	return (x * UINT64_C(0x0102040810204080)) >> 56;
}

/* Byte i of @a, 0 or 1, is bit i. */
static inline uint64_t stoa__pack64_scalar(const uint8_t *a)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 64; i += 8)
		bits |= stoa__pack8(a + i) << i;
	return bits;
}

/*
 * Ones in a word, by adding ever wider fields (Warren, Hacker's Delight, 5-1): without the popcnt
 * instruction, which the baseline lacks, compilers call a function for each word; this they
 * vectorise.
 */
static inline uint64_t stoa__count64_scalar(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	x += x >> 8;
	x += x >> 16;
	x += x >> 32;
	return x & 0x7f;
}

#if defined(__x86_64__)
/* The same: each byte's lowest bit is moved to where movemask looks. */
__attribute__((target("avx2"))) static inline uint64_t stoa__pack64_avx2(const uint8_t *a)
{
	__m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)a);
	__m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(a + 32));

	lo = _mm256_slli_epi16(lo, 7);
	hi = _mm256_slli_epi16(hi, 7);
	return (uint32_t)_mm256_movemask_epi8(lo) |
	       (uint64_t)(uint32_t)_mm256_movemask_epi8(hi) << 32;
}

__attribute__((target("popcnt"))) static inline uint64_t stoa__count64_avx2(uint64_t x)
{
	return (uint64_t)__builtin_popcountll(x);
}
#endif

#endif
