/* SPDX-License-Identifier: MIT */
/*
 * mean.c - one figure for all queries over lineitem: how many times as fast as a peer
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>

#define MEAN_WANTED 2.5

/* How many times as fast as @peer stoa is in the query cases, in the geometric mean. */
static void report_mean(const struct bench_outcome *outcomes, size_t n, const char *peer,
			double wanted)
{
	size_t n_known = 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		const struct bench_outcome *o = &outcomes[i];
		int e = bench_is_query(o->c) ? bench_find_peer(o->c, peer) : -1;
		double ours, theirs;

		if (e < 0 || !bench_median(o, 0, "time", &ours) ||
		    !bench_median(o, (size_t)e, "time", &theirs) || ours <= 0 || theirs <= 0)
			continue;
		sum += log(theirs / ours);
		n_known++;
	}
	if (!n_known)
		return;
	double mean = exp(sum / (double)n_known);
	printf("\nqueries over lineitem: %.3g times as fast as %s, geometric mean of %zu", mean,
	       peer, n_known);
	if (wanted > 0)
		printf(" (wanted: %g, %s)", wanted, mean >= wanted ? "yes" : "NO");
	putchar('\n');
}

void bench_report_mean(const struct bench_outcome *outcomes, size_t n)
{
	report_mean(outcomes, n, "duckdb", MEAN_WANTED);
	report_mean(outcomes, n, "sqlite", 0);
}
