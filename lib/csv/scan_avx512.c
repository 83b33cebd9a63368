/* SPDX-License-Identifier: MIT */
/* scan_avx512.c - the scan with 64-byte registers, whose comparisons give words of bits at once */
#include "scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,bmi,bmi2,popcnt,lzcnt")))
#define KERNEL_NAME "avx512"
#define KERNEL stoa__csv_scan_avx512

static inline TARGET struct words classify(const struct stoa__csv_scan *s, const char *p);
#include "scan_template.h"

static inline TARGET struct words classify(const struct stoa__csv_scan *s, const char *p)
{
	__m512i x = _mm512_loadu_si512(p);

	return (struct words){ _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(s->quote)),
			       _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\n')),
			       _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8(s->delimiter)),
			       _mm512_movepi8_mask(x) };
}
#endif
