/* SPDX-License-Identifier: MIT */
/* scan_avx2.c - the scan with 32-byte registers: scan_template.h over two of them */
#include "scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))
#define KERNEL_NAME "avx2"
#define KERNEL stoa__csv_scan_avx2

static inline TARGET uint64_t equal(__m256i a, __m256i b, char c)
{
	__m256i x = _mm256_set1_epi8(c);
	uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, x));
	uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, x));

	return low | (uint64_t)high << 32;
}

static inline TARGET struct words classify(const struct stoa__csv_scan *s, const char *p);
#include "scan_template.h"

static inline TARGET struct words classify(const struct stoa__csv_scan *s, const char *p)
{
	__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
	__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));

	return (struct words){ equal(a, b, s->quote), equal(a, b, '\n'), equal(a, b, s->delimiter),
			       (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(a, b)) };
}
#endif
