/* SPDX-License-Identifier: MIT */
/* pick_test.c - conditions on packed values, and reading a few of them, against decoding all */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/chunk.h"
#include "../lib/core/cpu.h"
#include "../lib/core/kernels.h"
#include "../lib/core/type.h"
#include "array_source.h"

static uint64_t rng;

/* ---- kernels -------------------------------------------------------------------------------- */

static uint64_t element(const void *in, unsigned log2, size_t i)
{
	uint64_t x = 0;

	memcpy(&x, (const char *)in + (i << log2), (size_t)1 << log2);
	return x;
}

static void check_kernel(const struct stoa__kernels *k, unsigned log2, size_t n)
{
	uint64_t most = UINT64_MAX >> (64 - (8u << log2));
	uint64_t lo = testing_random(&rng) & most;
	uint64_t span = lo ? testing_random(&rng) % (most - lo + 1) : most;
	uint8_t *in = calloc((n << log2) + 1, 1), *out = malloc(n + 1);

	for (size_t i = 0; i < n << log2; i++)
		in[i] = (uint8_t)testing_random(&rng);
	if (n)
		memcpy(in + ((n - 1) << log2), &lo, (size_t)1 << log2);
	out[n] = 77;
	k->within[log2](out, in, n, lo, span);
	for (size_t i = 0; i < n; i++) {
		uint64_t x = element(in, log2, i);
		assert_int_equal(out[i], x >= lo && x <= lo + span);
	}
	assert_int_equal(out[n], 77);
	free(in);
	free(out);
}

static void both_builds_test_ranges(void **state)
{
	(void)state;
	for (unsigned log2 = 0; log2 < 4; log2++)
		for (size_t n = 0; n < 200; n++) {
			check_kernel(&stoa__kernels_scalar, log2, n);
#if defined(__x86_64__)
			if (stoa__cpu_avx2())
				check_kernel(&stoa__kernels_avx2, log2, n);
#endif
		}
}

/* ---- chunks --------------------------------------------------------------------------------- */

#define MAX_ROWS 700
static const uint8_t types[] = { STOA_I8,   STOA_I16, STOA_I32, STOA_I64,
				 STOA_DATE, STOA_U8,  STOA_U16, STOA_U32 };

struct column {
	uint8_t values[MAX_ROWS * 8];
	uint64_t validity[STOA__WORDS(MAX_ROWS)];
	struct stoa_array array;
	size_t n;
};

/* Values of @bits bits above a base: so that every width comes up. */
static void fill_column(struct column *c, unsigned type)
{
	size_t width = stoa__type_width(type);
	unsigned bits = (unsigned)testing_below(&rng, 8 * width + 1);
	uint64_t base = testing_below(&rng, 3) ? testing_random(&rng) : 0;
	uint64_t step = bits && testing_below(&rng, 2) ? testing_random(&rng) >> (64 - bits) : 0;
	bool nulls = testing_below(&rng, 3) == 0;

	step >>= testing_below(&rng, 64);
	if (bits + 1 < 8 * width)	/* base + difference within the type */
		base &= (UINT64_C(1) << (8 * width - 2)) - 1;
	c->n = 1 + testing_below(&rng, MAX_ROWS);
	memset(c->validity, 0xff, sizeof c->validity);
	for (size_t i = 0; i < c->n; i++) {
		uint64_t x = bits ? testing_random(&rng) >> (64 - bits) : 0;
		x = base + x - (step ? x % step : 0);
		memcpy(c->values + i * width, &x, width);
		if (nulls && testing_below(&rng, 4) == 0)
			stoa__bit_clear(c->validity, i);
	}
	c->array = (struct stoa_array){ (uint8_t)type, 0, c->values, nulls ? c->validity : NULL };
}

static int64_t bound_of(const int64_t *wide, size_t n)
{
	static const int64_t ends[] = { INT64_MIN, INT64_MAX, 0, -1, 1 };

	if (testing_below(&rng, 4) == 0)
		return ends[testing_below(&rng, 5)];
	return (int64_t)((uint64_t)wide[testing_below(&rng, n)] + testing_below(&rng, 3) - 1);
}

static void check_within(const struct stoa__chunk *c, const int64_t *wide)
{
	size_t from = testing_below(&rng, c->n_rows), n = testing_below(&rng, c->n_rows - from + 1);
	int64_t lo = bound_of(wide, c->n_rows), hi = bound_of(wide, c->n_rows);
	uint8_t *out = malloc(n + 1);

	stoa__chunk_within(c, from, n, lo, hi, out);
	for (size_t i = 0; i < n; i++) {
		int64_t x = wide[from + i];
		assert_int_equal(out[i], !stoa__chunk_is_null(c, from + i) && x >= lo && x <= hi);
	}
	free(out);
}

static void check_pick(const struct stoa__chunk *c, const int64_t *wide)
{
	size_t from = testing_below(&rng, c->n_rows), n = 0;
	uint32_t sel[MAX_ROWS] = { 0 };
	uint64_t out[MAX_ROWS];

	for (size_t i = from; i < c->n_rows; i++)
		if (testing_below(&rng, 3) == 0)
			sel[n++] = (uint32_t)(i - from);
	stoa__chunk_pick(c, from, sel, n, out);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(out[i], (uint64_t)wide[from + sel[i]]);
}

static void packed_values_answer_as_decoded_ones(void **state)
{
	static struct column column;
	static int64_t wide[MAX_ROWS];

	(void)state;
	for (size_t round = 0; round < 4000; round++) {
		struct stoa__buf image = STOA__BUF_INIT;
		struct stoa__chunk c;
		const char *why;

		fill_column(&column, types[round % 8]);
		assert_int_equal(stoa__chunk_encode(&column.array, column.n, &image), STOA_OK);
		assert_int_equal(stoa__chunk_open(image.p, image.len, &c, &why), STOA_OK);
		stoa__chunk_read_wide(&c, 0, column.n, wide);
		for (size_t i = 0; i < 4; i++) {
			check_within(&c, wide);
			check_pick(&c, wide);
		}
		stoa__buf_release(&image);
	}
}

/* ---- queries -------------------------------------------------------------------------------- */

static struct stoa_slot slots[] = {
	{ .name = "a", .type = STOA_I32 },
	{ .name = "b", .type = STOA_U16 },
	{ .name = "c", .type = STOA_DECIMAL, .precision = 9, .scale = 2 },
	{ .name = "s", .type = STOA_STRING },
	{ .name = "u", .type = STOA_U64 },
	{ .name = "t", .type = STOA_BOOL },
};
#define N_SLOTS 6
static struct stoa_value values[MAX_ROWS * N_SLOTS];
static struct array_table table = { .name = "x", .slots = slots, .n_slots = N_SLOTS,
				    .values = values };

static void fill_table(void)
{
	table.n_rows = testing_below(&rng, MAX_ROWS + 1);
	table.group_rows = 1 + testing_below(&rng, 300);
	table.batch_rows = 1 + testing_below(&rng, 100);
	for (size_t r = 0; r < table.n_rows; r++)
		for (size_t i = 0; i < N_SLOTS; i++) {
			struct stoa_value *v = &values[r * N_SLOTS + i];
			bool is_bool = slots[i].type == STOA_BOOL;
			*v = stoa_i64((int64_t)testing_below(&rng, is_bool ? 2 : 100));
			if (slots[i].type == STOA_STRING)
				*v = stoa_text(v->i % 2 ? "odd" : "even");
			v->type = (uint8_t)slots[i].type;
			v->scale = slots[i].scale;
			if (testing_below(&rng, 20) == 0)
				*v = stoa_null();
		}
}

static void short_cuts_change_no_answer(void **state)
{
	struct array_tables tables;
	struct stoa_error err;
	char sql[300];

	(void)state;
	array_tables_init(&tables, &table, 1);
	for (size_t round = 0; round < 500; round++) {
		fill_table();
		snprintf(sql, sizeof sql,
			 "SELECT *, rowid, a + b FROM x WHERE a >= %u AND b < %u AND %s "
			 "c <= 0.%02u",
			 (unsigned)testing_below(&rng, 100), (unsigned)testing_below(&rng, 100),
			 round % 2 ? "s = 'odd' AND" : "", (unsigned)testing_below(&rng, 100));
		table.short_cuts = false;
		char *want = array_query(&tables, sql, NULL, 0, &err);
		table.short_cuts = true;
		table.n_decoded = 0;
		char *got = array_query(&tables, sql, NULL, 0, &err);
		assert_non_null(want);
		assert_non_null(got);
		assert_string_equal(got, want);
		free(got);
		free(want);
	}
}

static int set_seed(void **state)
{
	(void)state;
	rng = testing_seed();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_builds_test_ranges),
		cmocka_unit_test(packed_values_answer_as_decoded_ones),
		cmocka_unit_test(short_cuts_change_no_answer),
	};

	return cmocka_run_group_tests(tests, set_seed, NULL);
}
