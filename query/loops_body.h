/* SPDX-License-Identifier: MIT */
/*
 * loops_body.h - the text of the loops; the includer defines KERNEL, TABLE, NAME, PACK_64, COUNT_64
 *
 * Each loop over two operands is written three times, so that a constant operand stays in a
 * register and the loop still vectorises.
 */
#include <math.h>
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/bits64.h"
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

/* The @n < 64 bytes at the end of an array. */
KERNEL static uint64_t pack_last(const uint8_t *a, size_t n)
{
	uint8_t last[64] = { 0 };

	memcpy(last, a, n);
	return PACK_64(last);
}

KERNEL static void pack_bits(const uint8_t *a, size_t n, uint64_t *out)
{
	size_t i = 0;

	for (; i + 64 <= n; i += 64)
		out[i / 64] = PACK_64(a + i);
	if (i < n)
		out[i / 64] = pack_last(a + i, n - i);
}

KERNEL static void unpack_bits(const uint64_t *a, size_t n, uint8_t *out)
{
	size_t i = 0;

	/* Spreading halves each field's distance in turn, as in lib/core/kernels_loops.h. */
	for (; i + 8 <= n; i += 8) {
		uint64_t x = a[i / 64] >> (i % 64) & 0xff;
		x = (x | x << 28) & 0x0000000f0000000fu;
		x = (x | x << 14) & 0x0003000300030003u;
		x = (x | x << 7) & 0x0101010101010101u;
		memcpy(out + i, &x, 8);
	}
	for (; i < n; i++)
		out[i] = a[i / 64] >> (i % 64) & 1;
}

KERNEL static size_t count_bits(const uint64_t *a, size_t n)
{
	size_t count = 0;

	EACH(STOA__WORDS(n), count += COUNT_64(a[i]))
	return count;
}

/*
 * The ones of @word, whose bit 0 is row @first, at @sel; how many. Four at a time, whether they are
 * there or not: how many ones a word has is what no processor can foresee, and a jump that it took
 * for the wrong one costs more than three rows that nobody asked for.
 */
KERNEL static inline size_t select_word(uint64_t word, uint32_t first, uint32_t *sel)
{
	size_t count = COUNT_64(word);

	if (count == 64) {
		EACH(64, sel[i] = first + (uint32_t)i)
		return count;
	}
	for (; word; sel += 4)
		for (size_t j = 0; j < 4; j++, word &= word - 1)
			sel[j] = first + (word ? (uint32_t)__builtin_ctzll(word) : 64);
	return count;
}

KERNEL static size_t select_bytes(const uint8_t *a, size_t n, uint32_t *sel)
{
	size_t k = 0, i = 0;

	for (; i + 64 <= n; i += 64)
		k += select_word(PACK_64(a + i), (uint32_t)i, sel + k);
	return i < n ? k + select_word(pack_last(a + i, n - i), (uint32_t)i, sel + k) : k;
}

KERNEL static size_t select_bits(const uint64_t *a, size_t n, uint32_t *sel)
{
	size_t k = 0;

	EACH(STOA__WORDS(n), k += select_word(a[i], (uint32_t)(64 * i), sel + k))
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
	and_bytes, or_bytes, not_bytes, count_bytes, count_bits, pack_bits, unpack_bits,
	select_bytes, select_bits,
	gather_64, gather_32, gather_8,
	magnitude, sum_i64, sum_f64, min_i64, max_i64, any_infinite,
};
