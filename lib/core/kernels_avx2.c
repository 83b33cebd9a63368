/* SPDX-License-Identifier: MIT */
/*
 * kernels_avx2.c - the kernels for x86-64 processors with AVX2; called only where stoa__cpu_avx2()
 */
#include "cpu.h"

#if defined(__x86_64__)
#define KERNEL STOA__KERNEL_AVX2
#define TABLE stoa__kernels_avx2
#define NAME "avx2"
#define PACK_64 stoa__pack64_avx2
#include "kernels_loops.h"
#endif
