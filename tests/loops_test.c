/* SPDX-License-Identifier: MIT */
/*
 * loops_test.c - every loop of queries, in both builds, against one line of plain C
 *
 * All lengths up to 67 and some longer ones, from an odd place in memory, with either operand
 * constant.
 */
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/cpu.h"
#include "../query/func.h"
#include "../query/loops.h"

#define N_MAX 300

static const struct stoa__loops *builds[2];
static size_t n_builds;

static int find_builds(void **state)
{
	(void)state;
	(void)testing_seed();
	builds[n_builds++] = &stoa__loops_scalar;
#if defined(__x86_64__)
	if (stoa__cpu_avx2())
		builds[n_builds++] = &stoa__loops_avx2;
#endif
	return 0;
}

static int64_t a[N_MAX + 1], b[N_MAX + 1], out[N_MAX + 1];
static double fa[N_MAX + 1], fb[N_MAX + 1], fout[N_MAX + 1];
static uint8_t ba[N_MAX + 9], bb[N_MAX + 9], bout[N_MAX + 9];

static const int64_t odd_ints[] = { 0, 1, -1, INT64_MIN, INT64_MAX, 255, -256, (int64_t)1 << 32 };
static const double odd_doubles[] = { 0, -0.0, 1.5, -2.25, 1e300, -1e300 };

static void fill(uint64_t *rng)
{
	for (size_t i = 0; i <= N_MAX; i++) {
		a[i] = testing_below(rng, 3) ? (int64_t)testing_random(rng) :
					       odd_ints[testing_below(rng, 8)];
		b[i] = testing_below(rng, 3) ? (int64_t)testing_below(rng, 5) :
					       odd_ints[testing_below(rng, 8)];
		if (testing_below(rng, 4) == 0)
			b[i] = a[i];
		unsigned k = (unsigned)testing_below(rng, 8);
		fa[i] = k < 6 ? odd_doubles[k] : k == 6 ? NAN : INFINITY;
		k = (unsigned)testing_below(rng, 8);
		fb[i] = k < 6 ? odd_doubles[k] : k == 6 ? NAN : -INFINITY;
		ba[i] = (uint8_t)testing_below(rng, 2);
		bb[i] = (uint8_t)testing_below(rng, 2);
	}
}

static size_t length(size_t i)
{
	return i <= 67 ? i : i == 68 ? 128 : i == 69 ? 255 : N_MAX;
}
#define N_LENGTHS 71

/* Runs statements for both builds, all lengths, both places and all kinds of constants. */
#define EVERYWHERE(...)                                                                        \
	do {                                                                                   \
		uint64_t rng = testing_seed();                                                 \
		for (size_t build = 0; build < n_builds; build++)                              \
			for (size_t step = 0; step < N_LENGTHS * 6; step++) {                  \
				const struct stoa__loops *l = builds[build];                   \
				size_t n = length(step / 6), at = step % 2;                    \
				unsigned constant = (unsigned)(step / 2 % 3);                  \
				(void)constant;                                                \
				(void)l;                                                       \
				if (n + at > N_MAX)                                            \
					n = N_MAX - at;                                        \
				fill(&rng);                                                    \
				__VA_ARGS__                                                    \
			}                                                                      \
	} while (0)

#define X (constant == 1 ? x[0] : x[i])
#define Y (constant == 2 ? y[0] : y[i])

static void arithmetic_wraps(void **state)
{
	(void)state;
	EVERYWHERE({
		const int64_t *x = a + at, *y = b + at;
		l->add_i64(x, y, constant, n, out);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out[i], (int64_t)((uint64_t)X + (uint64_t)Y));
		l->sub_i64(x, y, constant, n, out);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out[i], (int64_t)((uint64_t)X - (uint64_t)Y));
		l->mul_i64(x, y, constant, n, out);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out[i], (int64_t)((uint64_t)X * (uint64_t)Y));
	});
}

static bool same_double(double x, double y)
{
	return x == y || (x != x && y != y);
}

static void doubles_follow_the_processor(void **state)
{
	(void)state;
	EVERYWHERE({
		const double *x = fa + at, *y = fb + at;
		int infinite = 0;
		l->add_f64(x, y, constant, n, fout);
		for (size_t i = 0; i < n; i++) {
			assert_true(same_double(fout[i], X + Y));
			infinite |= isinf(fout[i]) != 0;
		}
		assert_int_equal(l->any_infinite(fout, n) != 0, infinite);
		l->sub_f64(x, y, constant, n, fout);
		for (size_t i = 0; i < n; i++)
			assert_true(same_double(fout[i], X - Y));
		l->mul_f64(x, y, constant, n, fout);
		for (size_t i = 0; i < n; i++)
			assert_true(same_double(fout[i], X * Y));
		l->div_f64(x, y, constant, n, fout);
		for (size_t i = 0; i < n; i++)
			assert_true(same_double(fout[i], X / Y));
	});
}

static bool holds(size_t op, int c)
{
	return op == 0 ? c == 0 : op == 1 ? c != 0 : op == 2 ? c < 0 : op == 3 ? c <= 0 :
	       op == 4 ? c > 0 : c >= 0;
}

static int order_f64(double x, double y)
{
	if (x != x || y != y)
		return (x != x) - (y != y);
	return (x > y) - (x < y);
}

static void comparisons_order(void **state)
{
	(void)state;
	EVERYWHERE({
		for (size_t op = 0; op < STOA__N_COMPARISONS; op++) {
			{
				const int64_t *x = a + at, *y = b + at;
				l->compare_i64[op](x, y, constant, n, bout);
				for (size_t i = 0; i < n; i++)
					assert_int_equal(bout[i], holds(op, (X > Y) - (X < Y)));
			}
			{
				const uint64_t *x = (const uint64_t *)a + at;
				const uint64_t *y = (const uint64_t *)b + at;
				l->compare_u64[op](x, y, constant, n, bout);
				for (size_t i = 0; i < n; i++)
					assert_int_equal(bout[i], holds(op, (X > Y) - (X < Y)));
			}
			{
				const double *x = fa + at, *y = fb + at;
				l->compare_f64[op](x, y, constant, n, bout);
				for (size_t i = 0; i < n; i++)
					assert_int_equal(bout[i], holds(op, order_f64(X, Y)));
			}
		}
	});
}

static void ranges_include_both_ends(void **state)
{
	(void)state;
	EVERYWHERE({
		int64_t lo = b[0] < b[1] ? b[0] : b[1], hi = b[0] < b[1] ? b[1] : b[0];
		l->range_i64(a + at, lo, (uint64_t)hi - (uint64_t)lo, n, bout);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(bout[i], a[at + i] >= lo && a[at + i] <= hi);
	});
}

static void bytes_and_bits_agree(void **state)
{
	(void)state;
	EVERYWHERE({
		const uint8_t *x = ba + at, *y = bb + at;
		uint64_t bits[N_MAX / 64 + 2];
		size_t count = 0;
		l->and_bytes(x, y, n, bout);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(bout[i], x[i] & y[i]);
		l->or_bytes(x, y, n, bout);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(bout[i], x[i] | y[i]);
		l->not_bytes(x, n, bout);
		for (size_t i = 0; i < n; i++)
			count += !bout[i];
		assert_int_equal(l->count_bytes(x, n), count);
		l->pack_bits(x, n, bits);
		assert_int_equal(n ? stoa__bitmap_count(bits, 0, n) : 0, count);
		assert_int_equal(l->count_bits(bits, n), count);
		for (size_t i = n; i < STOA__WORDS(n) * 64; i++)
			assert_false(stoa__bit_get(bits, i));
		l->unpack_bits(bits, n, bout);
		assert_memory_equal(bout, x, n);
	});
}

static void selected_rows_are_gathered(void **state)
{
	(void)state;
	EVERYWHERE({
		uint32_t sel[N_MAX + 8], codes[N_MAX], got[N_MAX + 8];
		uint64_t bits[N_MAX / 64 + 2];
		size_t k = 0;
		if (step % 3 == 0)
			memset(ba, 1, sizeof ba);
		size_t n_sel = l->select(ba + at, n, sel);
		for (size_t i = 0; i < n; i++) {
			codes[i] = (uint32_t)a[i];
			if (ba[at + i])
				assert_int_equal(sel[k++], i);
		}
		assert_int_equal(n_sel, k);
		l->pack_bits(ba + at, n, bits);
		assert_int_equal(l->select_bits(bits, n, got), k);
		assert_memory_equal(got, sel, k * sizeof *sel);
		l->gather_64((const uint64_t *)a, sel, k, (uint64_t *)out);
		l->gather_32(codes, sel, k, got);
		l->gather_8(bb, sel, k, bout);
		for (size_t i = 0; i < k; i++) {
			assert_int_equal(out[i], a[sel[i]]);
			assert_int_equal(got[i], codes[sel[i]]);
			assert_int_equal(bout[i], bb[sel[i]]);
		}
	});
}

static void sums_and_extremes_are_found(void **state)
{
	(void)state;
	EVERYWHERE({
		uint64_t sum = 0, m = l->magnitude(a + at, n);
		int64_t lo = INT64_MAX, hi = INT64_MIN;
		double small[N_MAX], total = 0;
		for (size_t i = 0; i < n; i++) {
			int64_t x = a[at + i];
			sum += (uint64_t)x;
			lo = x < lo ? x : lo;
			hi = x > hi ? x : hi;
			assert_int_equal((uint64_t)(x < 0 ? ~x : x) & ~m, 0);
			small[i] = (double)(x % 1000) / 4;	/* exact in any order */
			total += small[i];
		}
		assert_int_equal(l->sum_i64(a + at, n), (int64_t)sum);
		assert_true(l->sum_f64(small, n) == total);
		if (n) {
			assert_int_equal(l->min_i64(a + at, n), lo);
			assert_int_equal(l->max_i64(a + at, n), hi);
		}
	});
}

/* Rounding shows the order of additions: it is the same in both. */
static void builds_round_alike(void **state)
{
	uint64_t rng = testing_seed();
	double x[N_MAX];

	(void)state;
	for (size_t n = 0; n < N_MAX; n++) {
		for (size_t i = 0; i < n; i++)
			x[i] = (double)testing_random(&rng) / 3;
		double want = builds[0]->sum_f64(x, n);
		for (size_t i = 1; i < n_builds; i++)
			assert_true(builds[i]->sum_f64(x, n) == want);
	}
}

/* In blocks of their own size, so that a sanitizer sees a byte too far. */
static void strings_are_found_where_they_are(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (size_t round = 0; round < 20000; round++) {
		size_t n = testing_below(&rng, 80), m = 1 + testing_below(&rng, 6);
		char *s = malloc(n + 1), *part = malloc(m);
		for (size_t i = 0; i < n; i++)
			s[i] = (char)('a' + testing_below(&rng, 3));
		for (size_t i = 0; i < m; i++)
			part[i] = (char)('a' + testing_below(&rng, 3));
		char *exact = malloc(n ? n : 1);
		memcpy(exact, s, n);
		struct stoa_bytes in = { exact, (uint32_t)n }, what = { part, (uint32_t)m };
		assert_ptr_equal(stoa__find(in, what), stoa__find_scalar(in, what));
		free(s);
		free(part);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_wraps),
		cmocka_unit_test(doubles_follow_the_processor),
		cmocka_unit_test(comparisons_order),
		cmocka_unit_test(ranges_include_both_ends),
		cmocka_unit_test(bytes_and_bits_agree),
		cmocka_unit_test(selected_rows_are_gathered),
		cmocka_unit_test(sums_and_extremes_are_found),
		cmocka_unit_test(builds_round_alike),
		cmocka_unit_test(strings_are_found_where_they_are),
	};

	return cmocka_run_group_tests(tests, find_builds, NULL);
}
