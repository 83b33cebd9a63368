/* SPDX-License-Identifier: MIT */
/* loops_scalar.c - the loops for the baseline of the architecture, and the choice between builds */
#include "../lib/core/cpu.h"

#define KERNEL STOA__KERNEL
#define TABLE stoa__loops_scalar
#define NAME "scalar"
#define PACK_64 stoa__pack64_scalar
#define COUNT_64 stoa__count64_scalar
#include "loops_body.h"

const struct stoa__loops *stoa__loops(void)
{
#if defined(__x86_64__)
	if (stoa__cpu_avx2())
		return &stoa__loops_avx2;
#endif
	return &stoa__loops_scalar;
}
