/* SPDX-License-Identifier: MIT */
/*
 * aggregate_test.c - aggregates that want their values in order, and those that guess
 *
 * Examples with their answers; random groups against a plain sort of their values; how far off
 * approx_count_distinct() is. That threads and memory limits change nothing is shown in
 * lanes_test.c and limit_test.c.
 */
#include "testing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../query/sketch.h"
#include "array_source.h"
#include "mixed.h"

static struct array_tables tables;
static uint64_t rng;

/* ---- examples -------------------------------------------------------------------------------- */

#define V "(VALUES (1, 'x', 10.5), (2, 'y', NULL), (3, 'x', 2.0), (4, NULL, 4.0), (5, 'z', 2.0)) v(i, s, d)"

static const struct {
	const char *sql;
	const char *rows;	/* NULL: fails */
	unsigned column;	/* there */
} examples[] = {
	{ "SELECT string_agg(s, ',') FROM " V, "x,y,x,z\n", 0 },
	{ "SELECT string_agg(s, ',' ORDER BY i DESC) FROM " V, "z,x,y,x\n", 0 },
	{ "SELECT string_agg(s, ',' ORDER BY d DESC NULLS LAST, i) FROM " V, "x,x,z,y\n", 0 },
	{ "SELECT string_agg(DISTINCT s, ', ') FROM " V, "x, y, z\n", 0 },
	{ "SELECT string_agg(DISTINCT s, ', ' ORDER BY s DESC) FROM " V, "z, y, x\n", 0 },
	{ "SELECT string_agg(i, NULL) FROM " V, "12345\n", 0 },
	{ "SELECT group_concat(d), listagg(s, '') FROM " V, "10.5,2.0,4.0,2.0|xyxz\n", 0 },
	{ "SELECT string_agg(s, ',') FILTER (WHERE i > 2), count(*) FROM " V, "x,z|5\n", 0 },
	{ "SELECT string_agg(s, ',') FROM " V " WHERE i > 9", "~\n", 0 },
	{ "SELECT s, string_agg(i, '+') FROM " V " GROUP BY s ORDER BY s", "x|1+3\ny|2\nz|5\n~|4\n", 0 },
	{ "SELECT median(i), median(d), median(i + 0.5) FROM " V, "3|3|3.5\n", 0 },
	{ "SELECT median(i) FROM " V " WHERE i < 5", "2.5\n", 0 },
	{ "SELECT median(i) FROM " V " WHERE i > 5", "~\n", 0 },
	{ "SELECT median(DISTINCT d) FROM " V, "4\n", 0 },
	{ "SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY i) FROM " V, "2\n", 0 },
	{ "SELECT percentile_cont(0.1) WITHIN GROUP (ORDER BY i DESC) FROM " V, "4.6\n", 0 },
	{ "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY s) FROM " V, "x\n", 0 },
	{ "SELECT percentile_disc(0) WITHIN GROUP (ORDER BY d), quantile(d, 1) FROM " V, "2.0|10.5\n", 0 },
	{ "SELECT quantile(i, 0.21), quantile_cont(i, 0.5), quantile(i, NULL) FROM " V, "2|3|~\n", 0 },
	{ "SELECT mode() WITHIN GROUP (ORDER BY s), mode() WITHIN GROUP (ORDER BY i DESC) FROM " V,
	  "x|5\n", 0 },
	{ "SELECT mode() WITHIN GROUP (ORDER BY d) FILTER (WHERE d > 2) FROM " V, "4.0\n", 0 },
	{ "SELECT any_value(s) FROM " V " WHERE s = 'y'", "y\n", 0 },
	{ "SELECT any_value(i > 0) FROM " V, "true\n", 0 },
	{ "SELECT approx_count_distinct(s), approx_count_distinct(DISTINCT d) FROM " V, "3|3\n", 0 },
	{ "SELECT approx_count_distinct(s), median(i) FROM " V " WHERE i > 9", "0|~\n", 0 },
	{ "SELECT sum(i ORDER BY s) FROM " V, "15\n", 0 },
	{ "SELECT median(s) FROM " V, NULL, 8 },
	{ "SELECT string_agg(s) FROM " V, NULL, 8 },
	{ "SELECT string_agg(s, s) FROM " V, NULL, 22 },
	{ "SELECT percentile_cont(2) WITHIN GROUP (ORDER BY i) FROM " V, NULL, 24 },
	{ "SELECT percentile_cont(0.5) FROM " V, NULL, 8 },
	{ "SELECT sum(i) WITHIN GROUP (ORDER BY i) FROM " V, NULL, 8 },
	{ "SELECT string_agg(DISTINCT s, ',' ORDER BY i) FROM " V, NULL, 44 },
	{ "SELECT upper(s ORDER BY i) FROM " V, NULL, 8 },
};

static void examples_have_their_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
		struct stoa_error err = { 0 };
		char *got = array_query(&tables, examples[i].sql, NULL, 0, &err);
		if (examples[i].rows && (!got || strcmp(got, examples[i].rows) != 0))
			fail_msg("%s\n-> %s\nnot %s", examples[i].sql, got ? got : err.text,
				 examples[i].rows);
		if (!examples[i].rows && (got || (examples[i].column && err.column != examples[i].column)))
			fail_msg("%s\n-> %s (column %u)", examples[i].sql, got ? got : err.text,
				 (unsigned)err.column);
		free(got);
	}
}

/* ---- against a plain sort -------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The values of slot f in rows whose a is @a, sorted; how many. */
static size_t values_of(int64_t a, double *out)
{
	size_t n = 0;

	for (size_t i = 0; i < mixed.n_rows; i++) {
		const struct stoa_value *row = &mixed.values[i * mixed.n_slots];
		if (row[1].type != STOA_NULL && row[1].i == a && row[2].type != STOA_NULL)
			out[n++] = row[2].f;
	}
	qsort(out, n, sizeof *out, by_number);
	return n;
}

static double quantile(const double *v, size_t n, double f)
{
	double at = f * (double)(n - 1), low = floor(at);

	return v[(size_t)low] + (v[(size_t)ceil(at)] - v[(size_t)low]) * (at - low);
}

static void quantiles_are_those_of_a_plain_sort(void **state)
{
	static double v[MIXED_ROWS];

	(void)state;
	for (int round = 0; round < (testing_long() ? 200 : 5); round++) {
		double f = (double)testing_below(&rng, 101) / 100;
		struct stoa_error err;
		char sql[200];

		mixed_fill(&rng, 1 + testing_below(&rng, MIXED_ROWS), 20);
		mixed.group_rows = 1 + testing_below(&rng, mixed.n_rows);
		mixed.batch_rows = 1 + testing_below(&rng, 500);
		snprintf(sql, sizeof sql,
			 "SELECT a, count(f), quantile_cont(f, %.2f), quantile_disc(f, %.2f) FROM x "
			 "WHERE a IS NOT NULL GROUP BY a HAVING count(f) > 0", f, f);
		char *got = array_query(&tables, sql, NULL, 0, &err);
		if (!got)
			fail_msg("%s\n-> %s", sql, err.text);
		for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n")) {
			int64_t a, count;
			double cont, disc;
			assert_int_equal(sscanf(line, "%" SCNd64 "|%" SCNd64 "|%lf|%lf", &a, &count, &cont,
						&disc), 4);
			size_t n = values_of(a, v);
			assert_int_equal(count, n);
			size_t at = (size_t)ceil(f * (double)n);
			assert_true(fabs(cont - quantile(v, n, f)) < 1e-9);
			assert_true(disc == v[at ? at - 1 : 0]);
		}
		free(got);
	}
}

/* ---- sketches -------------------------------------------------------------------------------- */

static struct stoa__sketch sketch_of(uint64_t from, uint64_t n)
{
	struct stoa__sketch s = { 0 };

	for (uint64_t i = from; i < from + n; i++) {
		uint64_t hash = i * UINT64_C(0x9e3779b97f4a7c15);
		hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
		assert_int_equal(stoa__sketch_add(&s, hash ^ hash >> 32), STOA_OK);
		assert_int_equal(stoa__sketch_add(&s, hash ^ hash >> 32), STOA_OK);
	}
	return s;
}

/*
 * Four standard errors: a chance of one in some ten thousand, and the hashes are always the same.
 */
static void assert_near(const struct stoa__sketch *s, uint64_t n)
{
	double got = (double)stoa__sketch_estimate(s), off = fabs(got - (double)n);

	if (off > 4 * 0.0081 * (double)n + 0.5 || (n <= 1000 && off > 1))
		fail_msg("%" PRIu64 " values are estimated as %.0f", n, got);
}

static void a_sketch_is_near_the_truth_at_any_size(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 3000000; n = n * 5 / 3 + 1) {
		struct stoa__sketch s = sketch_of(n * 7919, n);
		assert_near(&s, n);
		assert_true(stoa__sketch_bytes(&s) <= 16384);
		stoa__sketch_release(&s);
	}
}

static void sketches_put_together_are_one_of_all_values(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 50, 1400, 1600, 50000 };
	const size_t n = sizeof sizes / sizeof *sizes;

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct stoa__sketch a = sketch_of(0, sizes[i]);
			struct stoa__sketch b = sketch_of(sizes[i] / 2, sizes[k]);
			uint64_t end = sizes[i] / 2 + sizes[k];
			uint64_t n_all = end > sizes[i] ? end : sizes[i];
			struct stoa__sketch all = sketch_of(0, n_all);
			assert_int_equal(stoa__sketch_merge(&a, &b), STOA_OK);
			if (a.dense && all.dense)
				assert_memory_equal(a.dense, all.dense, 16384);
			assert_near(&a, n_all);
			stoa__sketch_release(&a);
			stoa__sketch_release(&b);
			stoa__sketch_release(&all);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_have_their_answers),
		cmocka_unit_test(quantiles_are_those_of_a_plain_sort),
		cmocka_unit_test(a_sketch_is_near_the_truth_at_any_size),
		cmocka_unit_test(sketches_put_together_are_one_of_all_values),
	};

	rng = testing_seed();
	array_tables_init(&tables, &mixed, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
