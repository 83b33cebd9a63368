/* SPDX-License-Identifier: MIT */
/* loops_avx2.c - the loops for x86-64 processors with AVX2; called only where stoa__cpu_avx2() */
#include "../lib/core/cpu.h"

#if defined(__x86_64__)
#define KERNEL STOA__KERNEL_AVX2
#define TABLE stoa__loops_avx2
#define NAME "avx2"
#define PACK_64 stoa__pack64_avx2
#define COUNT_64 stoa__count64_avx2
#include "loops_body.h"
#endif
