/* SPDX-License-Identifier: MIT */
/*
 * plot.h - the plots of the report, as SVG inside HTML
 *
 * Colours are classes that the page's style sheet gives values, so that one drawing serves light
 * and dark. Nothing is drawn that a run did not measure.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PLOT_BARS_MAX 8
#define PLOT_RUNS_MAX 32
#define PLOT_POINTS_MAX 128

/* An entry of a case in one metric. */
struct plot_bar {
	const char *peer;
	size_t n_runs; /* 0: nothing measured, and @note says why */
	double runs[PLOT_RUNS_MAX];
	double median;
	double factor; /* how many times as good stoa is; 0 for none to be told */
	char note[160];
};

/* A bar for each entry from 0 to its median, a dot for each run, a line from least to most. */
void plot_bars(FILE *f, const char *label, const struct plot_bar *bars, size_t n);

/* How stoa compares with one peer in one case. */
struct plot_ratio {
	const char *name; /* of the case */
	const char *peer;
	double factor;
};

/* A line for each case, a dot for each peer, on a logarithmic axis around 1. */
void plot_ratios(FILE *f, const struct plot_ratio *ratios, size_t n);

/* A figure of one entry as it went during a run. */
struct plot_curve {
	const char *peer;
	size_t n;
	double x[PLOT_POINTS_MAX], y[PLOT_POINTS_MAX];
};

/* A line for each entry, from 0 on both axes. */
void plot_curves(FILE *f, const char *label, const char *x_name, const struct plot_curve *curves,
		 size_t n);

/* The style class of a peer's colour. */
const char *plot_class(const char *peer);
/* @s with what HTML takes for markup replaced. */
void plot_escape(FILE *f, const char *s);

#endif
