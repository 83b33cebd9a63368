/* SPDX-License-Identifier: MIT */
/* scaled.c - finds the scale of doubles that are decimals (scaled.h) */
#include "scaled.h"

#include "kernels.h"

#define SAMPLE 32	/* values that decide on k before all are looked at */

const double stoa__scaled_power[STOA__SCALED_K_MAX + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
};

static bool scales(const double *values, size_t n, int k, int64_t *out)
{
	return stoa__kernels()->scale(out, values, n, stoa__scaled_power[k]);
}

/* The smallest scale from @k on that serves all of @values, or -1. */
static int grow_scale(const double *values, size_t n, int k)
{
	int64_t scratch[SAMPLE];

	while (k <= STOA__SCALED_K_MAX && !scales(values, n, k, scratch))
		k++;
	return k <= STOA__SCALED_K_MAX ? k : -1;
}

/*
 * A scale found for one sample may fail later: then the block in which it failed is searched for
 * the next one, which serves what came before as well (scaled.h). Each step makes k larger, so all
 * is looked at a few times at most.
 */
static int find_scale(const double *values, size_t n, int64_t *out)
{
	int k = grow_scale(values, n < SAMPLE ? n : SAMPLE, 0);

	for (size_t i = 0; k >= 0 && i < n; i += SAMPLE) {
		size_t len = n - i < SAMPLE ? n - i : SAMPLE;

		if (!scales(values + i, len, k, out + i))
			k = grow_scale(values + i, len, k + 1);
	}
	return k;
}

int stoa__scaled_encode(const double *values, size_t n, int64_t *out)
{
	int k;

	/*
	 * Most columns that fail do so in the first few values, most that do not keep their scale.
	 */
	k = grow_scale(values, n < SAMPLE ? n : SAMPLE, 0);
	if (k < 0 || scales(values, n, k, out))
		return k;
	k = find_scale(values, n, out);
	return k >= 0 && scales(values, n, k, out) ? k : -1;
}

void stoa__scaled_decode(const int64_t *in, size_t n, unsigned k, double *out)
{
	stoa__kernels()->unscale(out, in, n, stoa__scaled_power[k]);
}

double stoa__scaled_get(int64_t i, unsigned k)
{
	double out;

	/* The kernel itself, so that both ways give the same bits for integers of any size. */
	stoa__kernels_scalar.unscale(&out, &i, 1, stoa__scaled_power[k]);
	return out;
}
