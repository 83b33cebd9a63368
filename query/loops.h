/* SPDX-License-Identifier: MIT */
/*
 * loops.h - the inner loops of queries, in two builds
 *
 * loops_body.h has them in plain C that compilers vectorise; loops_scalar.c builds that for the
 * baseline, which is the specification, loops_avx2.c with AVX2 allowed. Both give the same bits,
 * sums of doubles included, because their order of addition is written out.
 *
 * Booleans are bytes, 0 or 1. Operand @constant: 1 when @a, 2 when @b is one element for all rows.
 * Loops allocate nothing and cannot fail; integer results wrap: the caller knows that they cannot
 * overflow, or checks. Threads: any.
 */
#ifndef STOA__LOOPS_H
#define STOA__LOOPS_H

#include <stddef.h>
#include <stdint.h>

typedef void stoa__loop_i64(const int64_t *a, const int64_t *b, unsigned constant, size_t n,
			    int64_t *out);
typedef void stoa__loop_f64(const double *a, const double *b, unsigned constant, size_t n,
			    double *out);

/* Comparisons in the order of enum stoa__ast_op from STOA__OP_EQ: = <> < <= > >= */
#define STOA__N_COMPARISONS 6

struct stoa__loops {
	const char *name;

	stoa__loop_i64 *add_i64, *sub_i64, *mul_i64;
	stoa__loop_f64 *add_f64, *sub_f64, *mul_f64, *div_f64;

	void (*compare_i64[STOA__N_COMPARISONS])(const int64_t *a, const int64_t *b,
						 unsigned constant, size_t n, uint8_t *out);
	void (*compare_u64[STOA__N_COMPARISONS])(const uint64_t *a, const uint64_t *b,
						 unsigned constant, size_t n, uint8_t *out);
	/* NaN equals itself and is above all numbers. */
	void (*compare_f64[STOA__N_COMPARISONS])(const double *a, const double *b,
						 unsigned constant, size_t n, uint8_t *out);
	/* out = a - lo <= span, unsigned: is lo <= a <= lo + span? */
	void (*range_i64)(const int64_t *a, int64_t lo, uint64_t span, size_t n, uint8_t *out);

	void (*and_bytes)(const uint8_t *a, const uint8_t *b, size_t n, uint8_t *out);
	void (*or_bytes)(const uint8_t *a, const uint8_t *b, size_t n, uint8_t *out);
	void (*not_bytes)(const uint8_t *a, size_t n, uint8_t *out);
	size_t (*count_bytes)(const uint8_t *a, size_t n);
	/* Bits behind the @n-th of the last word are 0, here and in select_bits. */
	size_t (*count_bits)(const uint64_t *a, size_t n);
	/* Bytes to bits and back; whole words of the bitmap are written. */
	void (*pack_bits)(const uint8_t *a, size_t n, uint64_t *out);
	void (*unpack_bits)(const uint64_t *a, size_t n, uint8_t *out);
	/* Rows with a 1, ascending; how many. @sel has room for n + 8, and all may be written. */
	size_t (*select)(const uint8_t *a, size_t n, uint32_t *sel);
	size_t (*select_bits)(const uint64_t *a, size_t n, uint32_t *sel);

	void (*gather_64)(const uint64_t *a, const uint32_t *sel, size_t n, uint64_t *out);
	void (*gather_32)(const uint32_t *a, const uint32_t *sel, size_t n, uint32_t *out);
	void (*gather_8)(const uint8_t *a, const uint32_t *sel, size_t n, uint8_t *out);

	/* OR of x ^ (x >> 63): its bits bound those of every |x|. */
	uint64_t (*magnitude)(const int64_t *a, size_t n);
	int64_t (*sum_i64)(const int64_t *a, size_t n);	/* wraps */
	double (*sum_f64)(const double *a, size_t n);	/* eight partial sums, then those */
	int64_t (*min_i64)(const int64_t *a, size_t n);	/* n >= 1 */
	int64_t (*max_i64)(const int64_t *a, size_t n);
	int (*any_infinite)(const double *a, size_t n);
};

extern const struct stoa__loops stoa__loops_scalar;
#if defined(__x86_64__)
extern const struct stoa__loops stoa__loops_avx2;
#endif
/* The best that this processor runs. */
const struct stoa__loops *stoa__loops(void);

#endif
