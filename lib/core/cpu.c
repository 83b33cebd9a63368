/* SPDX-License-Identifier: MIT */
/* cpu.c - asks the processor once and remembers; two threads that ask at once find the same */
#include "cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN, NO, YES };

static bool detect(void)
{
	const char *wish = getenv("STOA_CPU");

	if (wish && strcmp(wish, "scalar") == 0)
		return false;
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
#else
	return false;
#endif
}

bool stoa__cpu_avx2(void)
{
	static atomic_int known = UNKNOWN;
	int now = atomic_load_explicit(&known, memory_order_relaxed);

	if (now == UNKNOWN) {
		now = detect() ? YES : NO;
		atomic_store_explicit(&known, now, memory_order_relaxed);
	}
	return now == YES;
}
