/* SPDX-License-Identifier: MIT */
/*
 * find.c - a short string in another
 *
 * Sixteen places at a time: where both the first and the last byte of what is looked for are as
 * they should be, the bytes between are compared (after W. Mula, "SIMD-friendly algorithms for
 * substring searching", 2016). Two bytes rule out nearly all places of a text. memmem() does more
 * before its first comparison than most strings of a table are long: LIKE '%furious%' over 6
 * million comments of 27 bytes spent 117 ms in it.
 *
 * SSE2 is part of every x86-64. The scalar build is the specification, and is used elsewhere.
 */
#include <string.h>

#include "func.h"

const char *stoa__find_scalar(struct stoa_bytes s, struct stoa_bytes part)
{
	char first = part.p[0];

	for (uint32_t i = 0; i + part.len <= s.len; i++)
		if (s.p[i] == first && !memcmp(s.p + i, part.p, part.len))
			return s.p + i;
	return NULL;
}

#if defined(__SSE2__)
#include <emmintrin.h>

/* A bit for each of the 16 places from @at on that begin with @first and end with @last. */
static inline unsigned candidates(const char *at, size_t to_last, __m128i first, __m128i last)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(at + to_last));

	return (unsigned)_mm_movemask_epi8(
		_mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));
}

const char *stoa__find(struct stoa_bytes s, struct stoa_bytes part)
{
	size_t to_last = part.len - 1, n_places = (size_t)s.len - to_last;

	if (part.len > s.len)
		return NULL;
	if (n_places < 16)
		return stoa__find_scalar(s, part);
	__m128i first = _mm_set1_epi8(part.p[0]), last = _mm_set1_epi8(part.p[to_last]);
	for (size_t i = 0; i < n_places; i += 16) {
		if (i + 16 > n_places)
			i = n_places - 16;	/* the last sixteen, some of them again */
		for (unsigned bits = candidates(s.p + i, to_last, first, last); bits;
		     bits &= bits - 1) {
			const char *at = s.p + i + __builtin_ctz(bits);
			if (!memcmp(at, part.p, part.len))
				return at;
		}
	}
	return NULL;
}
#else
const char *stoa__find(struct stoa_bytes s, struct stoa_bytes part)
{
	return stoa__find_scalar(s, part);
}
#endif
