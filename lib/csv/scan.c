/* SPDX-License-Identifier: MIT */
/* scan.c - which kernel finds the ends of fields and records; the choice is made once */
#include "scan.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Fastest first; the scalar one, last, runs everywhere. */
static const struct stoa__csv_scan_kernel *const kernels[] = {
#if defined(__x86_64__)
	&stoa__csv_scan_avx512,
	&stoa__csv_scan_avx2,
#endif
	&stoa__csv_scan_scalar,
};
#define N_KERNELS (sizeof kernels / sizeof kernels[0])

static bool runs_here(const struct stoa__csv_scan_kernel *k)
{
#if defined(__x86_64__)
	if (k == &stoa__csv_scan_avx512)
		return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512vl") &&
		       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2");
	if (k == &stoa__csv_scan_avx2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#endif
	return k == &stoa__csv_scan_scalar;
}

static const struct stoa__csv_scan_kernel *choose(void)
{
	const char *wish = getenv("STOA_CPU");
	bool wished = false;

	for (size_t i = 0; wish && i < N_KERNELS; i++)
		wished |= strcmp(wish, kernels[i]->name) == 0;
	for (size_t i = 0; i < N_KERNELS; i++)
		if (runs_here(kernels[i]) && (!wished || strcmp(wish, kernels[i]->name) == 0))
			return kernels[i];
	return &stoa__csv_scan_scalar;
}

const struct stoa__csv_scan_kernel *stoa__csv_scan_kernel(void)
{
	static _Atomic(const struct stoa__csv_scan_kernel *) chosen;
	const struct stoa__csv_scan_kernel *k = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (!k) {	/* two threads may both choose, and choose the same */
		k = choose();
		atomic_store_explicit(&chosen, k, memory_order_relaxed);
	}
	return k;
}

const struct stoa__csv_scan_kernel *stoa__csv_scan_kernel_nth(unsigned i)
{
	for (size_t k = 0; k < N_KERNELS; k++)
		if (runs_here(kernels[k]) && i-- == 0)
			return kernels[k];
	return NULL;
}
