/* SPDX-License-Identifier: MIT */
/*
 * kernels_scalar.c - the kernels for any processor of the architecture, and the choice among
 * builds
 */
#include "cpu.h"

#define KERNEL STOA__KERNEL
#define TABLE stoa__kernels_scalar
#define NAME "scalar"
#define PACK_64 stoa__pack64_scalar
#include "kernels_loops.h"

const struct stoa__kernels *stoa__kernels(void)
{
#if defined(__x86_64__)
	if (stoa__cpu_avx2())
		return &stoa__kernels_avx2;
#endif
	return &stoa__kernels_scalar;
}
