/* SPDX-License-Identifier: MIT */
/*
 * packed.h - unsigned integers in 0, 1, 2, 4, 8, 16, 24, 32 or 64 bits each
 *
 * Value i takes bits [i * width, (i + 1) * width) of a little-endian run of bytes. The widths are
 * those that keep a value inside the 8 bytes that begin at its first byte, so that one load, one
 * shift and one mask get it, and kernels may read runs in place. Arbitrary widths would
 * save a few bits more, and cost every reader a second load.
 *
 * (1) A run is followed by STOA__PACKED_SLACK readable bytes.
 * (2) A run of width 0 has no bytes; its pointer is to anything with 8 readable bytes.
 *
 * Threads: any.
 */
#ifndef STOA__PACKED_H
#define STOA__PACKED_H

#include <stdbool.h>

#include "buf.h"

#define STOA__PACKED_SLACK 8

/* May a run have this width? */
static inline bool stoa__packed_width_valid(unsigned width)
{
	return width <= 64 && (width & (width - 1)) == 0 ? true : width == 24;
}

/* The narrowest width that holds @max. */
unsigned stoa__packed_width(uint64_t max);

/* Bytes of a run of @n values, slack included. */
static inline size_t stoa__packed_size(size_t n, unsigned width)
{
	return width ? (n * width + 7) / 8 + STOA__PACKED_SLACK : 0;
}

/* Value @i of a run. */
static inline uint64_t stoa__packed_get(const uint8_t *run, unsigned width, size_t i)
{
	size_t bit = i * width;
	uint64_t mask = width ? ~(uint64_t)0 >> (64 - width) : 0;

	return stoa__load_u64(run + bit / 8) >> (bit % 8) & mask;
}

/*
 * Writes in[i] - base for @n elements of 1 << @log2 bytes as a run. Each difference, taken modulo
 * 2^(8 << @log2), must fit. Up to 8 bytes behind the run are written too (with anything).
 */
void stoa__pack(uint8_t *run, unsigned width, const void *in, unsigned log2, size_t n,
		uint64_t base);

/*
 * Values [from, from + n) plus @base, as elements of 1 << @log2 bytes: what does not fit is cut
 * off.
 * @out is aligned to its elements.
 */
void stoa__unpack(const uint8_t *run, unsigned width, size_t from, size_t n, uint64_t base,
		  void *out, unsigned log2);

/*
 * Clears bit i of @bits unless value [from + i] of @n is between @lo and @lo + @span, which fit the
 * width. Of the last word those behind may be cleared.
 */
void stoa__packed_within(const uint8_t *run, unsigned width, size_t from, size_t n, uint64_t lo,
			 uint64_t span, uint64_t *bits);

#endif
