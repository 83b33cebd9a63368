/* SPDX-License-Identifier: MIT */
/* results.h - what json.c wrote of a run of the bench, read again */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static inline const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static inline double number_of(const json_t *j, const char *key)
{
	return json_number_value(json_object_get(j, key));
}

static inline const char *in(const json_t *j, const char *object, const char *key)
{
	return text_of(json_object_get(j, object), key);
}

/* The median of @metric of entry @e; NaN if it has none. */
static inline double median_of(const json_t *e, const char *metric)
{
	const json_t *v = json_object_get(json_object_get(e, "medians"), metric);

	return v ? json_number_value(v) : NAN;
}

/* How many times as good as @theirs is @ours; 0 where it cannot be told. */
static inline double factor(const json_t *c, const char *metric, double ours, double theirs)
{
	if (!(ours > 0 && theirs > 0))
		return 0;
	return strcmp(in(c, "senses", metric), "more") == 0 ? ours / theirs : theirs / ours;
}

/* html.c, figures.c: writes all of a run; false if the output fails. */
bool print_page(FILE *f, const json_t *j);
bool print_figures(FILE *f, const json_t *j);

#endif
