/* SPDX-License-Identifier: MIT */
/*
 * text.h - values to text and back, without locale and without allocating
 *
 * The parsers take exactly @n bytes at @p and want all of them to be the value: no blanks around
 * it. They return STOA_OK; STOA_ETYPE when the bytes are not of the form; STOA_ERANGE when they are
 * and the value does not fit. *@out is set only with STOA_OK. Threads: any.
 */
#ifndef STOA__TEXT_H
#define STOA__TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../stoa.h"

extern const int64_t stoa__pow10[19];	/* 10^0 .. 10^18 */

static inline bool stoa__is_digit(char c)
{
	return c >= '0' && c <= '9';
}
/*
 * Eight digits in one word, the first in the lowest byte. Are they all digits? And their value:
 * subtract '0' from each byte, add neighbours times ten to pairs, pairs times hundred to fours,
 * fours to one.
 */
static inline bool stoa__is_eight_digits(uint64_t x)
{
	const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);

	return ((x & high) | ((x + UINT64_C(0x0606060606060606)) & high) >> 4) ==
	       UINT64_C(0x3333333333333333);
}
static inline uint64_t stoa__eight_digits(uint64_t x)
{
	x -= UINT64_C(0x3030303030303030);
	x = x * 10 + (x >> 8);
	return (((x & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
		((x >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
	       32;
}

/* true, false, t, f, 1, 0 in either case. */
int stoa__parse_bool(const char *p, size_t n, int64_t *out);
/* [+-]digits */
int stoa__parse_i64(const char *p, size_t n, int64_t *out);
int stoa__parse_u64(const char *p, size_t n, uint64_t *out);
/*
 * [+-]digits[.digits], as a multiple of 10^-@scale; 18 digits at most; none but zeros beyond
 * @scale.
 */
int stoa__parse_decimal(const char *p, size_t n, unsigned scale, int64_t *out);
/* A decimal number with or without point and exponent, nan, inf, infinity; the nearest double. */
int stoa__parse_f64(const char *p, size_t n, double *out);
/* The nearest float, as a double: rounded once. */
int stoa__parse_f32(const char *p, size_t n, double *out);
/* YYYY-MM-DD */
int stoa__parse_date(const char *p, size_t n, int64_t *out);
/* HH:MM[:SS[.digits]], none but zeros beyond microseconds. */
int stoa__parse_time(const char *p, size_t n, int64_t *out);
/* A date, then optionally blank or T, a time, and Z or an offset of the form +HH[[:]MM]. */
int stoa__parse_timestamp(const char *p, size_t n, int64_t *out);
/* 8-4-4-4-12 hexadecimal digits. */
int stoa__parse_uuid(const char *p, size_t n, uint8_t out[16]);

#define STOA__PRINT_MAX 48	/* room for any value but bytes, with a NUL */
/*
 * The shortest decimal that reads back as @x; of the type float when @narrow. Returns the length.
 */
size_t stoa__print_float(double x, bool narrow, char out[STOA__PRINT_MAX]);

#endif
