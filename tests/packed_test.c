/* SPDX-License-Identifier: MIT */
/* packed_test.c - packed integers come back from every width, place and element size */
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/cpu.h"
#include "../lib/core/kernels.h"
#include "../lib/core/packed.h"

static const unsigned widths[] = { 0, 1, 2, 4, 8, 16, 24, 32, 64 };
#define N_WIDTHS (sizeof widths / sizeof widths[0])

static uint64_t low(uint64_t x, unsigned bits)
{
	return bits == 64 ? x : x & (((uint64_t)1 << bits) - 1);
}

static uint64_t element(const void *p, unsigned log2, size_t i)
{
	uint64_t x = 0;

	memcpy(&x, (const uint8_t *)p + (i << log2), (size_t)1 << log2);
	return x;
}

static void widths_are_the_narrowest_that_hold_a_value(void **state)
{
	(void)state;
	assert_int_equal(stoa__packed_width(0), 0);
	for (unsigned bits = 1; bits <= 64; bits++) {
		uint64_t top = (uint64_t)1 << (bits - 1);
		unsigned width = stoa__packed_width(top);

		assert_true(stoa__packed_width_valid(width));
		assert_true(width >= bits);
		assert_int_equal(stoa__packed_width(top | (top - 1)), width);
		for (size_t i = 0; i < N_WIDTHS; i++)
			assert_false(widths[i] >= bits && widths[i] < width);
	}
	for (unsigned width = 0, n = 0; width < 256; width++) {
		n += stoa__packed_width_valid(width);
		if (width == 255)
			assert_int_equal(n, N_WIDTHS);
	}
}

/* Packs n elements of 1 << log2 bytes; compares all values, and ranges of every element size. */
static void assert_packs(unsigned width, unsigned log2, size_t n, uint64_t *rng)
{
	unsigned bits = 8u << log2;
	uint64_t base = low(testing_random(rng), bits);
	uint64_t *want = malloc(n * sizeof *want);
	uint8_t *in = calloc(n, (size_t)1 << log2), *out = malloc(n * 8);
	/* Exactly the run and its slack, so that a sanitizer sees what goes beyond. */
	uint8_t *run = malloc(width ? stoa__packed_size(n, width) : 8);

	memset(run, 0xee, width ? stoa__packed_size(n, width) : 8);
	for (size_t i = 0; i < n; i++) {
		uint64_t v;

		want[i] = width ? low(testing_random(rng), width) : 0;
		v = want[i] + base;
		memcpy(in + (i << log2), &v, (size_t)1 << log2);
	}
	stoa__pack(run, width, in, log2, n, base);
	for (size_t i = 0; i < n; i++)
		assert_true(stoa__packed_get(run, width, i) == want[i]);
	for (unsigned to = 0; to < 4; to++) {
		size_t from = testing_below(rng, n);
		size_t len = 1 + testing_below(rng, n - from);

		stoa__unpack(run, width, from, len, base, out, to);
		for (size_t i = 0; i < len; i++)
			assert_true(element(out, to, i) == low(want[from + i] + base, 8u << to));
	}
	free(run);
	free(out);
	free(in);
	free(want);
}

static void every_width_and_element_size_comes_back(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (size_t w = 0; w < N_WIDTHS; w++)
		for (unsigned log2 = 0; log2 < 4; log2++)
			for (size_t n = 1; n < 70 && widths[w] <= 8u << log2; n++)
				assert_packs(widths[w], log2, n, &rng);
}

static void runs_longer_than_a_block_come_back(void **state)
{
	static const size_t lengths[] = { 511, 512, 513, 1024, 4095, 65535, 65536 };
	uint64_t rng = testing_seed();

	(void)state;
	for (size_t w = 0; w < N_WIDTHS; w++)
		for (unsigned log2 = 0; log2 < 4; log2++)
			for (size_t i = 0; i < 7 && widths[w] <= 8u << log2; i++)
				assert_packs(widths[w], log2, lengths[i], &rng);
}

static void every_start_within_a_byte_can_be_read(void **state)
{
	uint8_t run[40] = { 0 }, in[200], out[200];
	uint64_t rng = testing_seed();

	(void)state;
	for (size_t i = 0; i < 200; i++)
		in[i] = (uint8_t)testing_below(&rng, 2);
	stoa__pack(run, 1, in, 0, 200, 0);
	for (size_t from = 0; from < 199; from++)
		for (size_t n = 1; n <= 200 - from && n < 20; n++) {
			stoa__unpack(run, 1, from, n, 0, out, 0);
			assert_memory_equal(out, in + from, n);
		}
}

/* ---- the kernels' two builds give the same ---------------------------------------------- */

#if defined(__x86_64__)

#define N_MAX 200
static uint8_t noise[8 * N_MAX + 64];
static uint8_t a[8 * N_MAX + 64], b[8 * N_MAX + 64];

static void make_noise(uint64_t *rng)
{
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)testing_random(rng);
}

static void assert_same_numbers(const struct stoa__kernels *x, const struct stoa__kernels *y,
				size_t n, uint64_t base)
{
	for (unsigned from = 0; from < 4; from++)
		for (unsigned to = 0; to < 4; to++) {
			if (to <= from) {
				x->narrow[from][to](a, noise, n, base);
				y->narrow[from][to](b, noise, n, base);
				assert_memory_equal(a, b, n << to);
			}
			if (to >= from) {
				x->widen[from][to](a, noise, n, base);
				y->widen[from][to](b, noise, n, base);
				assert_memory_equal(a, b, n << to);
			}
		}
}

static void assert_same_ranges(const struct stoa__kernels *x, const struct stoa__kernels *y,
			       size_t n)
{
	static float floats[N_MAX];
	static double doubles[N_MAX];
	struct stoa__range r, s;

	for (unsigned log2 = 0; log2 < 4; log2++)
		for (int is_signed = 0; is_signed < 2; is_signed++) {
			uint64_t flip = is_signed ? 0 : (uint64_t)1 << ((8u << log2) - 1);

			r = x->range[log2](noise, n, flip);
			s = y->range[log2](noise, n, flip);
			assert_true(r.min == s.min && r.max == s.max);
		}
	memcpy(floats, noise, n * sizeof(float));
	memcpy(doubles, noise, n * sizeof(double));
	r = x->range_f32(floats, n);
	s = y->range_f32(floats, n);
	assert_true(r.min == s.min && r.max == s.max && r.has_nan == s.has_nan);
	r = x->range_f64(doubles, n);
	s = y->range_f64(doubles, n);
	assert_true(r.min == s.min && r.max == s.max && r.has_nan == s.has_nan);
}

static void assert_same_bits(const struct stoa__kernels *x, const struct stoa__kernels *y, size_t n)
{
	static uint8_t fields[N_MAX];
	static uint32_t words_x[N_MAX], words_y[N_MAX];

	for (unsigned i = 0; i < 3; i++) {
		for (size_t j = 0; j < n; j++)
			fields[j] = (uint8_t)low(noise[j], 1u << i);
		x->squeeze[i](a, fields, n / 8 * 8);
		y->squeeze[i](b, fields, n / 8 * 8);
		assert_memory_equal(a, b, (n / 8) << i);
		x->spread[i](a, noise, n / 8 * 8);
		y->spread[i](b, noise, n / 8 * 8);
		assert_memory_equal(a, b, n / 8 * 8);
	}
	x->spread24(words_x, noise, n);
	y->spread24(words_y, noise, n);
	assert_memory_equal(words_x, words_y, 4 * n);
	x->squeeze24(a, words_x, n);
	y->squeeze24(b, words_x, n);
	assert_memory_equal(a, b, 3 * n);
	assert_memory_equal(a, noise, 3 * n);
}

static void assert_same_scaling(const struct stoa__kernels *x, const struct stoa__kernels *y,
				size_t n, uint64_t *rng)
{
	static double in[N_MAX];
	static int64_t ix[N_MAX], iy[N_MAX];
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		in[i] = (double)((int64_t)testing_below(rng, 1u << 30) - (1 << 29)) / 1000;
	if (n % 3 == 0) {
		in[n / 2] = n % 2 ? -0.0 : (double)NAN;
		ok = false;
	}
	assert_int_equal(x->scale(ix, in, n, 1000), ok);
	assert_int_equal(y->scale(iy, in, n, 1000), ok);
	if (!ok)
		return;
	assert_memory_equal(ix, iy, 8 * n);
	x->unscale((double *)(void *)a, ix, n, 1000);
	y->unscale((double *)(void *)b, ix, n, 1000);
	assert_memory_equal(a, b, 8 * n);
	assert_memory_equal(a, in, 8 * n);
}

static void kernels_with_and_without_avx2_agree_at_every_length(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	if (!stoa__cpu_avx2())
		skip();
	for (size_t n = 1; n < N_MAX; n++) {
		make_noise(&rng);
		assert_same_numbers(&stoa__kernels_scalar, &stoa__kernels_avx2, n,
				    testing_random(&rng));
		assert_same_ranges(&stoa__kernels_scalar, &stoa__kernels_avx2, n);
		assert_same_bits(&stoa__kernels_scalar, &stoa__kernels_avx2, n);
		assert_same_scaling(&stoa__kernels_scalar, &stoa__kernels_avx2, n, &rng);
	}
}

#endif

static void the_range_of_floats_has_infinities_and_signed_zeros_in_order(void **state)
{
	const double doubles[] = { 0.0, -0.0, (double)INFINITY, -1.5, (double)-INFINITY };
	const float floats[] = { 1.0f, -0.0f, 0.0f };
	struct stoa__range r;

	(void)state;
	r = stoa__kernels()->range_f64(doubles, 5);
	assert_false(r.has_nan);
	r = stoa__kernels()->range_f64(doubles, 2);
	assert_true(r.min < r.max);
	r = stoa__kernels()->range_f32(floats, 3);
	assert_true(r.min == -1 && r.max == 0x3f800000);
	assert_false(r.has_nan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths_are_the_narrowest_that_hold_a_value),
		cmocka_unit_test(every_width_and_element_size_comes_back),
		cmocka_unit_test(runs_longer_than_a_block_come_back),
		cmocka_unit_test(every_start_within_a_byte_can_be_read),
#if defined(__x86_64__)
		cmocka_unit_test(kernels_with_and_without_avx2_agree_at_every_length),
#endif
		cmocka_unit_test(the_range_of_floats_has_infinities_and_signed_zeros_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
