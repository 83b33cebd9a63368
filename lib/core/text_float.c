/* SPDX-License-Identifier: MIT */
/*
 * text_float.c - floats from text, and as the shortest text that gives them back
 *
 * Reading a float. The text is m x 10^e with m of up to 19 digits: (1) where m < 2^53 and 10^|e| is
 * a double too (|e| <= 22), one multiplication or division of exact operands rounds once and is
 * right (W. Clinger, PLDI 1990). (2) Otherwise, for |e| <= 27, 10^e = 5^e 2^e and 5^27 < 2^63: the
 * product m x 5^e is exact in 128 bits, and the quotient of m, shifted to the top of 128 bits, by
 * 5^-e has 64 bits or more, its remainder telling whether more follow; one rounding of that to 53
 * (or 24) bits is right again. That covers what programs print. (3) The rest (1e300, 40 digits)
 * goes to strtod() in the "C" locale, whose answer is exact, after all digits beyond the 780th have
 * been folded into one: no halfway point between two doubles has more than 767.
 *
 * Printing a float. A decimal of up to 15 digits is the only one of that length whose nearest
 * double it is. So if i = x 10^k, rounded, has at most 15 digits and i / 10^k gives x back, i is
 * the shortest text. That covers what people put into databases; the rest tries 15, 16 and 17
 * digits of printf(), of which only the digits are used, so that no locale's point gets in. For
 * floats the numbers are 6 and 9; k stays within 8 there, since i / 10^k rounded to double first
 * could only then hit a halfway point of floats without being one if it came closer to it than
 * 2^-53: it cannot, two such fractions differ by 1 / (10^k 2^25) at least, relatively.
 */
#include "text_parts.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static const double pow10_double[23] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static uint64_t pow5(unsigned k)
{
	uint64_t x = 1;

	while (k-- > 0)
		x *= 5;
	return x;
}

/*
 * @v x 2^@e, with a bit more below if @sticky, to the nearest number of @bits bits; ties to even.
 */
static double round_once(unsigned __int128 v, bool sticky, int e, unsigned bits)
{
	uint64_t high = (uint64_t)(v >> 64);
	unsigned len = high ? 128 - (unsigned)__builtin_clzll(high)
			    : 64 - (unsigned)__builtin_clzll((uint64_t)v);
	uint64_t kept;

	if (len > bits) {
		unsigned drop = len - bits;
		unsigned __int128 half = (unsigned __int128)1 << (drop - 1);
		unsigned __int128 rest = v & ((half << 1) - 1);

		kept = (uint64_t)(v >> drop);
		e += (int)drop;
		if (rest > half || (rest == half && (sticky || (kept & 1))))
			kept++;
	} else {
		kept = (uint64_t)v;	/* sticky only comes with 64 bits and more */
	}
	return ldexp((double)kept, e);
}

/* @m x 10^@e, |@e| <= 27, @m > 0, rounded once to @bits bits. */
static double scale_exactly(uint64_t m, int e, unsigned bits)
{
	unsigned shift = (unsigned)__builtin_clzll(m);
	unsigned __int128 v;
	uint64_t d;

	if (e >= 0)
		return round_once((unsigned __int128)m * pow5((unsigned)e), false, e, bits);
	d = pow5((unsigned)-e);
	v = (unsigned __int128)(m << shift) << 64;
	return round_once(v / d, v % d != 0, e - 64 - (int)shift, bits);
}

/* strtod() of [digits] and exponent in the "C" locale. */
static double slow_float(const char *p, const struct stoa__decimal_text *d, int64_t exponent,
			 bool narrow)
{
	char text[830];
	locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);	/* a constant: no memory */
	int64_t e = exponent;
	size_t n = 0;
	bool point = false, sticky = false;

	for (size_t i = 0; i < d->end; i++) {
		if (p[i] == '.') {
			point = true;
		} else if (n < 780) {
			if (n > 0 || p[i] != '0')
				text[n++] = p[i];
			e -= point;
		} else {
			sticky |= p[i] != '0';
			e += !point;
		}
	}
	if (sticky) {
		text[n++] = '1';
		e--;
	}
	e = e > 100000 ? 100000 : e < -100000 ? -100000 : e;
	snprintf(text + n, sizeof text - n, "e%d", (int)e);
	return narrow ? (double)strtof_l(text, NULL, c_locale) : strtod_l(text, NULL, c_locale);
}

/* The exponent after e or E; its value is cut off at 1,000,000, far beyond any float. */
static int parse_exponent(const char *p, size_t n, int64_t *out)
{
	bool minus = stoa__take_sign(&p, &n);
	int64_t x = 0;

	if (n == 0)
		return STOA_ETYPE;
	for (size_t i = 0; i < n; i++) {
		if (!stoa__is_digit(p[i]))
			return STOA_ETYPE;
		x = x * 10 + (p[i] - '0');
		x = x > 1000000 ? 1000000 : x;
	}
	*out = minus ? -x : x;
	return STOA_OK;
}

static double nearest(const char *p, const struct stoa__decimal_text *d, int64_t exponent,
		      bool narrow)
{
	int64_t e = d->exponent + exponent;

	if (d->m == 0)
		return 0;
	if (!narrow && !d->sticky && d->m <= (uint64_t)1 << DBL_MANT_DIG && e >= -22 && e <= 22)
		return e < 0 ? (double)d->m / pow10_double[-e] : (double)d->m * pow10_double[e];
	/*
	 * All results are normal numbers: 10^-27 is one of either type, 10^19 x 10^19 is below
	 * FLT_MAX.
	 */
	if (!d->sticky && e >= -27 && e <= (narrow ? 19 : 27))
		return scale_exactly(d->m, (int)e, narrow ? FLT_MANT_DIG : DBL_MANT_DIG);
	return slow_float(p, d, exponent, narrow);
}

static int parse_float(const char *p, size_t n, bool narrow, double *out)
{
	bool minus = stoa__take_sign(&p, &n);
	struct stoa__decimal_text d;
	int64_t exponent = 0;
	double x;

	if (stoa__text_is(p, n, "nan")) {
		*out = (double)NAN;
		return STOA_OK;
	}
	if (stoa__text_is(p, n, "inf") || stoa__text_is(p, n, "infinity")) {
		*out = minus ? -(double)INFINITY : (double)INFINITY;
		return STOA_OK;
	}
	d = stoa__scan_decimal(p, n);
	if (!d.any)
		return STOA_ETYPE;
	if (d.end < n) {
		if (stoa__lower(p[d.end]) != 'e')
			return STOA_ETYPE;
		STOA_TRY(parse_exponent(p + d.end + 1, n - d.end - 1, &exponent));
	}
	x = nearest(p, &d, exponent, narrow);
	if (isinf(x))
		return STOA_ERANGE;
	*out = minus ? -x : x;
	return STOA_OK;
}

int stoa__parse_f64(const char *p, size_t n, double *out)
{
	return parse_float(p, n, false, out);
}

int stoa__parse_f32(const char *p, size_t n, double *out)
{
	return parse_float(p, n, true, out);
}

/* ---- printing --------------------------------------------------------------------------- */

/* Digits d of a number 0.d x 10^point, laid out as people write it. */
static size_t lay_out(const char *d, size_t n_digits, int point, char *out)
{
	size_t n = 0;

	if (point > 15 || point < -3) {	/* 1.5e+20, 1e-05 */
		out[n++] = d[0];
		if (n_digits > 1) {
			out[n++] = '.';
			memcpy(out + n, d + 1, n_digits - 1);
			n += n_digits - 1;
		}
		out[n++] = 'e';
		out[n++] = point - 1 < 0 ? '-' : '+';
		return n + stoa__print_u64((uint64_t)abs(point - 1), 2, out + n);
	}
	for (int i = point < 0 ? point : 0; i < (int)n_digits || i < point; i++) {
		if (i == point) {
			if (n == 0)
				out[n++] = '0';
			out[n++] = '.';
		}
		out[n++] = i >= 0 && i < (int)n_digits ? d[i] : '0';
	}
	return n;
}

/*
 * @x > 0 as up to @most digits and a few powers of ten; 0 when it takes more. See the top of the
 * file.
 */
static size_t short_digits(double x, bool narrow, char *d, int *point)
{
	unsigned most = narrow ? FLT_DIG : DBL_DIG;
	double limit = pow10_double[most];

	if (!(x < limit) || x < 1e-5)
		return 0;
	for (unsigned k = 0; k <= (narrow ? 8 : 20); k++) {
		double scaled = x * pow10_double[k];
		double i, back;
		size_t n;

		if (scaled >= limit)
			return 0;
		i = (double)(uint64_t)(scaled + 0.5);
		back = i / pow10_double[k];
		if ((narrow ? (double)(float)back : back) != x || i >= limit)
			continue;
		n = stoa__print_u64((uint64_t)i, 1, d);
		*point = (int)n - (int)k;
		while (n > 1 && d[n - 1] == '0')
			n--;
		return n;
	}
	return 0;
}

/* @x > 0, finite, as the fewest digits of printf() that read back; subnormals may need but one. */
static size_t long_digits(double x, bool narrow, char *d, int *point)
{
	char text[STOA__PRINT_MAX], back[STOA__PRINT_MAX];
	bool subnormal = x < (narrow ? (double)FLT_MIN : DBL_MIN);
	size_t n = 0;
	double y;

	for (int digits_wanted = subnormal ? 1 : narrow ? FLT_DIG : DBL_DIG;; digits_wanted++) {
		const char *p = text;
		size_t len;

		snprintf(text, sizeof text, "%.*e", digits_wanted - 1, x);
		for (n = 0; *p && *p != 'e'; p++)
			if (stoa__is_digit(*p))
				d[n++] = *p;
		*point = atoi(p + 1) + 1;
		while (n > 1 && d[n - 1] == '0')
			n--;
		len = lay_out(d, n, *point, back);
		if (digits_wanted == (narrow ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG) ||
		    (parse_float(back, len, narrow, &y) == STOA_OK && y == x))
			return n;
	}
}

size_t stoa__print_float(double x, bool narrow, char out[STOA__PRINT_MAX])
{
	char d[24];
	size_t n = 0, n_digits;
	int point;

	if (isnan(x))
		return (size_t)(stpcpy(out, "NaN") - out);
	if (signbit(x))
		out[n++] = '-';
	if (isinf(x))
		return (size_t)(stpcpy(out + n, "Infinity") - out);
	if (x == 0) {
		out[n++] = '0';
		return n;
	}
	n_digits = short_digits(fabs(x), narrow, d, &point);
	if (n_digits == 0)
		n_digits = long_digits(fabs(x), narrow, d, &point);
	return n + lay_out(d, n_digits, point, out + n);
}
