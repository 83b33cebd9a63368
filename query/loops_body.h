/* SPDX-License-Identifier: MIT */
/*
 * loops_body.h - the text of the loops; the includer defines KERNEL, TABLE and NAME
 *
 * Each loop over two operands is written three times, so that a constant operand stays in a
 * register and the loop still vectorises.
 */
#include <math.h>
#include <string.h>

#include "../lib/core/bitmap.h"
#include "loops.h"

#define EACH(n, statement)                     \
	for (size_t i = 0; i < (n); i++) {     \
		statement;                     \
	}

#define BINARY(name, T, R, expr)                                                               \
	KERNEL static void name(const T *a, const T *b, unsigned constant, size_t n, R *out)   \
	{                                                                                      \
		if (constant == 2) {                                                           \
			const T y = *b;                                                        \
			EACH(n, const T x = a[i]; out[i] = (R)(expr))                          \
		} else if (constant == 1) {                                                    \
			const T x = *a;                                                        \
			EACH(n, const T y = b[i]; out[i] = (R)(expr))                          \
		} else {                                                                       \
			EACH(n, const T x = a[i]; const T y = b[i]; out[i] = (R)(expr))        \
		}                                                                              \
	}

BINARY(add_i64, int64_t, int64_t, (uint64_t)x + (uint64_t)y)
BINARY(sub_i64, int64_t, int64_t, (uint64_t)x - (uint64_t)y)
BINARY(mul_i64, int64_t, int64_t, (uint64_t)x * (uint64_t)y)
BINARY(add_f64, double, double, x + y)
BINARY(sub_f64, double, double, x - y)
BINARY(mul_f64, double, double, x * y)
BINARY(div_f64, double, double, x / y)

#define COMPARE_ALL(suffix, T)                           \
	BINARY(eq_##suffix, T, uint8_t, x == y)          \
	BINARY(ne_##suffix, T, uint8_t, x != y)          \
	BINARY(lt_##suffix, T, uint8_t, x < y)           \
	BINARY(le_##suffix, T, uint8_t, x <= y)          \
	BINARY(gt_##suffix, T, uint8_t, x > y)           \
	BINARY(ge_##suffix, T, uint8_t, x >= y)
COMPARE_ALL(i64, int64_t)
COMPARE_ALL(u64, uint64_t)

BINARY(eq_f64, double, uint8_t, (x == y) | ((x != x) & (y != y)))
BINARY(ne_f64, double, uint8_t, (x != y) & ((x == x) | (y == y)))
BINARY(lt_f64, double, uint8_t, (x < y) | ((x == x) & (y != y)))
BINARY(le_f64, double, uint8_t, (x <= y) | (y != y))
BINARY(gt_f64, double, uint8_t, (x > y) | ((x != x) & (y == y)))
BINARY(ge_f64, double, uint8_t, (x >= y) | (x != x))

KERNEL static void range_i64(const int64_t *a, int64_t lo, uint64_t span, size_t n, uint8_t *out)
{
	EACH(n, out[i] = (uint64_t)a[i] - (uint64_t)lo <= span)
}

KERNEL static void and_bytes(const uint8_t *a, const uint8_t *b, size_t n, uint8_t *out)
{
	EACH(n, out[i] = a[i] & b[i])
}

KERNEL static void or_bytes(const uint8_t *a, const uint8_t *b, size_t n, uint8_t *out)
{
	EACH(n, out[i] = a[i] | b[i])
}

KERNEL static void not_bytes(const uint8_t *a, size_t n, uint8_t *out)
{
	EACH(n, out[i] = a[i] ^ 1)
}

KERNEL static size_t count_bytes(const uint8_t *a, size_t n)
{
	size_t count = 0, i = 0;

	/* Eight counters in one word, emptied before one could overflow. */
	while (i + 8 <= n) {
		size_t end = n - i < 8 * 255 ? n : i + 8 * 255;
		uint64_t sums = 0, x;
		for (; i + 8 <= end; i += 8) {
			memcpy(&x, a + i, 8);
			sums += x;
		}
		for (; sums; sums >>= 8)
			count += sums & 0xff;
	}
	for (; i < n; i++)
		count += a[i];
	return count;
}

/* Eight bytes of 0 and 1 to eight bits: the product brings bit 8k to bit 56 + k. */
static inline uint64_t pack_8(const uint8_t *a)
{
	uint64_t x;
	memcpy(&x, a, 8);
	return (x * UINT64_C(0x0102040810204080)) >> 56;
}

KERNEL static void pack_bits(const uint8_t *a, size_t n, uint64_t *out)
{
	size_t i = 0;

	memset(out, 0, STOA__WORDS(n) * 8);
	for (; i + 8 <= n; i += 8)
		out[i / 64] |= pack_8(a + i) << (i % 64);
	for (; i < n; i++)
		out[i / 64] |= (uint64_t)a[i] << (i % 64);
}

KERNEL static void unpack_bits(const uint64_t *a, size_t n, uint8_t *out)
{
	EACH(n, out[i] = a[i / 64] >> (i % 64) & 1)
}

KERNEL static size_t select_rows(const uint8_t *a, size_t n, uint32_t *sel)
{
	size_t k = 0, i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t bits = pack_8(a + i);
		if (bits == 0xff) {
			for (size_t j = 0; j < 8; j++)
				sel[k + j] = (uint32_t)(i + j);
			k += 8;
			continue;
		}
		for (; bits; bits &= bits - 1)
			sel[k++] = (uint32_t)(i + (size_t)__builtin_ctzll(bits));
	}
	for (; i < n; i++)
		if (a[i])
			sel[k++] = (uint32_t)i;
	return k;
}

KERNEL static void gather_64(const uint64_t *a, const uint32_t *sel, size_t n, uint64_t *out)
{
	EACH(n, out[i] = a[sel[i]])
}

KERNEL static void gather_32(const uint32_t *a, const uint32_t *sel, size_t n, uint32_t *out)
{
	EACH(n, out[i] = a[sel[i]])
}

KERNEL static void gather_8(const uint8_t *a, const uint32_t *sel, size_t n, uint8_t *out)
{
	EACH(n, out[i] = a[sel[i]])
}

KERNEL static uint64_t magnitude(const int64_t *a, size_t n)
{
	uint64_t m = 0;
	EACH(n, m |= (uint64_t)(a[i] ^ (a[i] < 0 ? -1 : 0)))
	return m;
}

KERNEL static int64_t sum_i64(const int64_t *a, size_t n)
{
	uint64_t s = 0;
	EACH(n, s += (uint64_t)a[i])
	return (int64_t)s;
}

KERNEL static double sum_f64(const double *a, size_t n)
{
	double s[8] = { 0 };
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (size_t j = 0; j < 8; j++)
			s[j] += a[i + j];
	for (size_t j = 0; i < n; i++, j++)
		s[j] += a[i];
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

KERNEL static int64_t min_i64(const int64_t *a, size_t n)
{
	int64_t m = a[0];
	EACH(n, m = a[i] < m ? a[i] : m)
	return m;
}

KERNEL static int64_t max_i64(const int64_t *a, size_t n)
{
	int64_t m = a[0];
	EACH(n, m = a[i] > m ? a[i] : m)
	return m;
}

KERNEL static int any_infinite(const double *a, size_t n)
{
	uint64_t any = 0;
	EACH(n, any |= (uint64_t)(a[i] - a[i] != 0) & (uint64_t)(a[i] == a[i]))
	return any != 0;
}

const struct stoa__loops TABLE = {
	NAME,
	add_i64, sub_i64, mul_i64,
	add_f64, sub_f64, mul_f64, div_f64,
	{ eq_i64, ne_i64, lt_i64, le_i64, gt_i64, ge_i64 },
	{ eq_u64, ne_u64, lt_u64, le_u64, gt_u64, ge_u64 },
	{ eq_f64, ne_f64, lt_f64, le_f64, gt_f64, ge_f64 },
	range_i64,
	and_bytes, or_bytes, not_bytes, count_bytes, pack_bits, unpack_bits, select_rows,
	gather_64, gather_32, gather_8,
	magnitude, sum_i64, sum_f64, min_i64, max_i64, any_infinite,
};
