/* SPDX-License-Identifier: MIT */
/*
 * scan_avx512.c - the scan with 64-byte registers, whose comparisons give words of bits at once,
 * and which turn such words back into bytes
 */
#include "scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET                                                                                     \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,"                    \
			      "bmi,bmi2,popcnt,lzcnt")))
#define KERNEL_NAME "avx512"
#define KERNEL stoa__csv_scan_avx512

static inline TARGET struct words classify(const struct stoa__csv_scan *s, const char *p);
static inline TARGET size_t put_offsets(uint32_t *out, uint64_t bits, uint32_t base);
#define HAS_PUT_OFFSETS
#include "scan_template.h"

static inline TARGET struct words classify(const struct stoa__csv_scan *s, const char *p)
{
	__m512i x = _mm512_loadu_si512(p);

	return (struct words){ _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(s->quote)),
			       _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\n')),
			       _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(s->delimiter)),
			       _mm512_movepi8_mask(x) };
}

static const _Alignas(64) uint8_t numbers_to_63[64] = {
	0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
	22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
	44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
};

static inline TARGET void put_sixteen(uint32_t *out, __m128i at, __m512i base)
{
	_mm512_storeu_si512(out, _mm512_add_epi32(base, _mm512_cvtepu8_epi32(at)));
}

/* Writes the offset of every bit: 16 at a time, and seldom more than once. */
static inline TARGET size_t put_offsets(uint32_t *out, uint64_t bits, uint32_t base)
{
	__m512i each = _mm512_set1_epi32((int)base), at;
	size_t n = (size_t)_mm_popcnt_u64(bits);

	at = _mm512_maskz_compress_epi8(bits, _mm512_load_si512(numbers_to_63));
	put_sixteen(out, _mm512_castsi512_si128(at), each);
	if (__builtin_expect(n > 16, 0)) {
		put_sixteen(out + 16, _mm512_extracti32x4_epi32(at, 1), each);
		put_sixteen(out + 32, _mm512_extracti32x4_epi32(at, 2), each);
		put_sixteen(out + 48, _mm512_extracti32x4_epi32(at, 3), each);
	}
	return n;
}
#endif
