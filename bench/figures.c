/* SPDX-License-Identifier: MIT */
/*
 * figures.c - the medians of a run as CSV: a line for each metric and peer
 *
 *     case,title,metric,unit,stoa,peer,theirs,factor,wanted
 *     q6,"TPC-H Q6 over lineitem, 1 thread",query,s,0.0041,duckdb,0.0277,6.8,5
 *
 * The factor says how many times as good stoa is, and wanted is the one that it is to reach. Both
 * are empty where there is none. Metrics that no peer has have one line, without a peer, and their
 * bound as what is wanted.
 */
#include "results.h"

static void print_text(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			putc('"', f);
		putc(*s, f);
	}
	putc('"', f);
}

static void print_number(FILE *f, double x)
{
	putc(',', f);
	if (isfinite(x) && x != 0)
		fprintf(f, "%.6g", x);
}

/* What was wanted of a metric beside a peer ("": by itself); 0: nothing. */
static double wanted(const json_t *c, const char *metric, const char *peer)
{
	const json_t *t;
	size_t i;

	json_array_foreach(json_object_get(c, "targets"), i, t)
		if (strcmp(text_of(t, "metric"), metric) == 0 && strcmp(text_of(t, "peer"), peer) == 0)
			return number_of(t, "bound");
	return 0;
}

static void print_line(FILE *f, const json_t *c, const char *metric, double ours, const char *peer,
		       double theirs)
{
	fprintf(f, "%s,", text_of(c, "name"));
	print_text(f, text_of(c, "title"));
	putc(',', f);
	print_text(f, metric);
	fprintf(f, ",%s", in(c, "units", metric));
	print_number(f, ours);
	fprintf(f, ",%s", peer);
	print_number(f, theirs);
	print_number(f, factor(c, metric, ours, theirs));
	print_number(f, wanted(c, metric, peer));
	putc('\n', f);
}

static void print_metric(FILE *f, const json_t *c, const char *metric)
{
	const json_t *entries = json_object_get(c, "entries"), *e;
	double ours = median_of(json_array_get(entries, 0), metric);
	size_t i, n = 0;

	json_array_foreach(entries, i, e)
	{
		double theirs = median_of(e, metric);

		if (i == 0 || isnan(theirs))
			continue;
		print_line(f, c, metric, ours, text_of(e, "peer"), theirs);
		n++;
	}
	if (n == 0)
		print_line(f, c, metric, ours, "", NAN);
}

bool print_figures(FILE *f, const json_t *j)
{
	const json_t *c, *unit;
	const char *metric;
	size_t i;

	fputs("case,title,metric,unit,stoa,peer,theirs,factor,wanted\n", f);
	json_array_foreach(json_object_get(j, "cases"), i, c)
		json_object_foreach(json_object_get(c, "units"), metric, unit)
			print_metric(f, c, metric);
	return fflush(f) == 0 && !ferror(f);
}
