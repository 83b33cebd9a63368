/* SPDX-License-Identifier: MIT */
/*
 * kernels.h - the inner loops of encoding and decoding, in two builds
 *
 * kernels_loops.h has the loops, in plain C that compilers vectorise. kernels_scalar.c builds
 * them for the baseline, which is the specification; kernels_avx2.c builds the same text with AVX2
 * allowed. The two give the same bits. Elements are unsigned and 1 << log2 bytes wide.
 *
 * Kernels allocate nothing and cannot fail. Threads: any.
 */
#ifndef STOA__KERNELS_H
#define STOA__KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a run of numbers spans. */
struct stoa__range {
	int64_t min, max;	/* in the order of signed integers */
	bool has_nan;
};

struct stoa__kernels {
	const char *name;

	/*
	 * Smallest and largest of n >= 1 elements x, by log2, in the order of x ^ @flip as a
	 * signed number, and returned like that, sign-extended: flip is 0 for signed elements, the
	 * top bit for unsigned ones.
	 */
	struct stoa__range (*range[4])(const void *in, size_t n, uint64_t flip);
	/* The same for floats and doubles, as integers of the same order (below). */
	struct stoa__range (*range_f32)(const float *in, size_t n);
	struct stoa__range (*range_f64)(const double *in, size_t n);

	/* [from][to]: out[i] = in[i] - base, to <= from. */
	void (*narrow[4][4])(void *out, const void *in, size_t n, uint64_t base);
	/* [from][to]: out[i] = in[i] + base, from <= to. */
	void (*widen[4][4])(void *out, const void *in, size_t n, uint64_t base);

	/* Bytes to 1, 2 or 4 bits and back; n is a multiple of 8; [0] is for 1 bit, [2] for 4. */
	void (*squeeze[3])(uint8_t *out, const uint8_t *in, size_t n);
	void (*spread[3])(uint8_t *out, const uint8_t *in, size_t n);
	/* 4 bytes to 3 and back. Both touch one byte behind the 3 * n. */
	void (*squeeze24)(uint8_t *out, const uint32_t *in, size_t n);
	void (*spread24)(uint32_t *out, const uint8_t *in, size_t n);

	/*
	 * By log2: clears bit i unless lo <= in[i] <= lo + span, unsigned, and those behind the
	 * n-th in the last word.
	 */
	void (*within[4])(uint64_t *bits, const void *in, size_t n, uint64_t lo, uint64_t span);

	/*
	 * out[i] = the integer nearest to in[i] * power. True if every in[i] is exactly, bit for
	 * bit, (double)out[i] / power and |out[i]| <= 2^51; else @out is of no use.
	 */
	bool (*scale)(int64_t *out, const double *in, size_t n, double power);
	/* out[i] = in[i] / power, |in[i]| <= 2^51. @out may be @in. */
	void (*unscale)(double *out, const int64_t *in, size_t n, double power);
};

extern const struct stoa__kernels stoa__kernels_scalar;
#if defined(__x86_64__)
extern const struct stoa__kernels stoa__kernels_avx2;
#endif

/* The best that this processor runs. */
const struct stoa__kernels *stoa__kernels(void);

/* A double or float as an integer of the same order (-0.0 just below 0.0), and back. */
static inline int64_t stoa__order_bits64(uint64_t bits)
{
	return (int64_t)(bits ^ ((uint64_t)((int64_t)bits >> 63) >> 1));
}
static inline int32_t stoa__order_bits32(uint32_t bits)
{
	return (int32_t)(bits ^ ((uint32_t)((int32_t)bits >> 31) >> 1));
}

#endif
