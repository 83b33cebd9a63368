/* SPDX-License-Identifier: MIT */
/*
 * text.c - values to text and back, without locale and without allocating
 *
 * Integers, dates and the like are plain loops over digits. Two things here deserve an essay.
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
#include "text.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "type.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Is the text @word, which is in lower case, in any case? */
static bool is_word(const char *p, size_t n, const char *word)
{
	if (n != strlen(word))
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower(p[i]) != word[i])
			return false;
	return true;
}

/* ---- integers, bool, decimal ------------------------------------------------------------ */

int stoa__parse_bool(const char *p, size_t n, int64_t *out)
{
	if (is_word(p, n, "true") || is_word(p, n, "t") || is_word(p, n, "1"))
		*out = 1;
	else if (is_word(p, n, "false") || is_word(p, n, "f") || is_word(p, n, "0"))
		*out = 0;
	else
		return STOA_ETYPE;
	return STOA_OK;
}

/* Takes a sign off the text: true for minus. */
static bool take_sign(const char **p, size_t *n)
{
	bool minus = *n > 0 && **p == '-';

	if (*n > 0 && (**p == '-' || **p == '+')) {
		++*p;
		--*n;
	}
	return minus;
}

/* All @n bytes as digits. */
static int digits(const char *p, size_t n, uint64_t *out)
{
	bool over = false;
	uint64_t x = 0;

	if (n == 0)
		return STOA_ETYPE;
	for (size_t i = 0; i < n; i++) {
		if (!stoa__is_digit(p[i]))
			return STOA_ETYPE;
		over |= __builtin_mul_overflow(x, 10u, &x);
		over |= __builtin_add_overflow(x, (uint64_t)(p[i] - '0'), &x);
	}
	if (over)
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

int stoa__parse_i64(const char *p, size_t n, int64_t *out)
{
	bool minus = take_sign(&p, &n);
	uint64_t x;

	STOA_TRY(digits(p, n, &x));
	if (x > (uint64_t)INT64_MAX + minus)
		return STOA_ERANGE;
	*out = minus ? (int64_t)(0 - x) : (int64_t)x;
	return STOA_OK;
}

int stoa__parse_u64(const char *p, size_t n, uint64_t *out)
{
	bool minus = take_sign(&p, &n);
	uint64_t x;

	STOA_TRY(digits(p, n, &x));
	if (minus && x > 0)
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

/* A number as m x 10^exponent, as far as 19 digits go. */
struct decimal_text {
	uint64_t m;		/* the first 19 significant digits */
	int64_t exponent;	/* of 10, for m */
	size_t n_digits;	/* significant ones; leading zeros are not */
	size_t end;		/* bytes taken */
	bool any;		/* there was a digit */
	bool sticky;		/* a digit that is not in m was not 0 */
};

/* The same for any number of digits. */
static struct decimal_text scan_long_decimal(const char *p, size_t n)
{
	struct decimal_text d = { 0, 0, 0, 0, false, false };
	bool point = false;

	for (; d.end < n; d.end++) {
		char c = p[d.end];

		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (!stoa__is_digit(c))
			break;
		d.any = true;
		if (d.n_digits > 0 || c != '0')
			d.n_digits++;
		if (d.n_digits <= 19) {
			d.m = d.m * 10 + (uint64_t)(c - '0');
			d.exponent -= point;
		} else {
			d.sticky |= c != '0';
			d.exponent += !point;
		}
	}
	return d;
}

/*
 * Passes over the digits at p[*at], adding them to *@m, which wraps around when there are too many.
 */
static size_t take_digits(const char *p, size_t n, size_t *at, uint64_t *m)
{
	size_t begin = *at;
	uint64_t x;

	while (n - *at >= 8 && (memcpy(&x, p + *at, 8), stoa__is_eight_digits(x))) {
		*m = *m * 100000000 + stoa__eight_digits(x);
		*at += 8;
	}
	for (; *at < n && stoa__is_digit(p[*at]); ++*at)
		*m = *m * 10 + (uint64_t)(p[*at] - '0');
	return *at - begin;
}

/* Reads digits[.digits] as far as it goes. */
static struct decimal_text scan_decimal(const char *p, size_t n)
{
	struct decimal_text d = { 0, 0, 0, 0, false, false };
	size_t fraction = 0;

	d.n_digits = take_digits(p, n, &d.end, &d.m);
	if (d.end < n && p[d.end] == '.') {
		d.end++;
		fraction = take_digits(p, n, &d.end, &d.m);
	}
	d.n_digits += fraction;		/* leading zeros too: they do no harm to 19 digits */
	d.any = d.n_digits > 0;
	d.exponent = -(int64_t)fraction;
	return d.n_digits <= 19 ? d : scan_long_decimal(p, n);
}

int stoa__parse_decimal(const char *p, size_t n, unsigned scale, int64_t *out)
{
	bool minus = take_sign(&p, &n);
	struct decimal_text d = scan_decimal(p, n);
	int64_t shift = d.exponent + (int64_t)scale;

	if (!d.any || d.end != n)
		return STOA_ETYPE;
	if (d.sticky)
		return STOA_ERANGE;
	for (; shift < 0 && d.m % 10 == 0 && d.m > 0; shift++)
		d.m /= 10;
	if (d.m > 0 && (shift < 0 || shift > 18))
		return STOA_ERANGE;
	if (d.m > 0) {
		if (d.m > (uint64_t)(stoa__pow10[18] - 1) / (uint64_t)stoa__pow10[shift])
			return STOA_ERANGE;
		d.m *= (uint64_t)stoa__pow10[shift];
	}
	*out = minus ? -(int64_t)d.m : (int64_t)d.m;
	return STOA_OK;
}

/* ---- floats ----------------------------------------------------------------------------- */

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
static double slow_float(const char *p, const struct decimal_text *d, int64_t exponent, bool narrow)
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
	bool minus = take_sign(&p, &n);
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

static double nearest(const char *p, const struct decimal_text *d, int64_t exponent, bool narrow)
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
	bool minus = take_sign(&p, &n);
	struct decimal_text d;
	int64_t exponent = 0;
	double x;

	if (is_word(p, n, "nan")) {
		*out = (double)NAN;
		return STOA_OK;
	}
	if (is_word(p, n, "inf") || is_word(p, n, "infinity")) {
		*out = minus ? -(double)INFINITY : (double)INFINITY;
		return STOA_OK;
	}
	d = scan_decimal(p, n);
	if (!d.any)
		return STOA_ETYPE;
	if (d.end < n) {
		if (lower(p[d.end]) != 'e')
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

/* ---- dates and times -------------------------------------------------------------------- */

static unsigned two(const char *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static bool two_digits(const char *p)
{
	return stoa__is_digit(p[0]) && stoa__is_digit(p[1]);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

int stoa__parse_date(const char *p, size_t n, int64_t *out)
{
	unsigned year, month, day;

	if (n != 10 || !two_digits(p) || !two_digits(p + 2) || p[4] != '-' || !two_digits(p + 5) ||
	    p[7] != '-' || !two_digits(p + 8))
		return STOA_ETYPE;
	year = two(p) * 100 + two(p + 2);
	month = two(p + 5);
	day = two(p + 8);
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return STOA_ERANGE;
	*out = stoa__days_from_civil(year, month, day);
	return STOA_OK;
}

/* .digits as microseconds. */
static int parse_fraction(const char *p, size_t n, int64_t *out)
{
	int64_t us = 0;

	if (n < 2 || p[0] != '.')
		return STOA_ETYPE;
	for (size_t i = 1; i < n; i++)
		if (!stoa__is_digit(p[i]))
			return STOA_ETYPE;
	for (size_t i = 1; i < 7; i++)
		us = us * 10 + (i < n ? p[i] - '0' : 0);
	for (size_t i = 7; i < n; i++)
		if (p[i] != '0')
			return STOA_ERANGE;
	*out = us;
	return STOA_OK;
}

int stoa__parse_time(const char *p, size_t n, int64_t *out)
{
	unsigned hour, minute, second = 0;
	int64_t us = 0;

	if (n < 5 || !two_digits(p) || p[2] != ':' || !two_digits(p + 3))
		return STOA_ETYPE;
	hour = two(p);
	minute = two(p + 3);
	if (n > 5) {
		if (n < 8 || p[5] != ':' || !two_digits(p + 6))
			return STOA_ETYPE;
		second = two(p + 6);
	}
	if (n > 8)
		STOA_TRY(parse_fraction(p + 8, n - 8, &us));
	if (hour > 23 || minute > 59 || second > 59)
		return STOA_ERANGE;
	*out = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + us;
	return STOA_OK;
}

/* Takes Z or +HH[[:]MM] off the end of a time: 0 bytes, too, are an offset, of zero. */
static int take_offset(const char *p, size_t *n, int64_t *out)
{
	const char *sign;
	size_t len;

	*out = 0;
	if (*n > 0 && (p[*n - 1] == 'Z' || p[*n - 1] == 'z')) {
		--*n;
		return STOA_OK;
	}
	for (len = 3; len <= 6 && len < *n; len++)
		if (p[*n - len] == '+' || p[*n - len] == '-')
			break;
	if (len > 6 || len >= *n || len == 4)
		return len == 4 && len < *n ? STOA_ETYPE : STOA_OK;
	sign = p + *n - len;
	if (!two_digits(sign + 1) || (len > 3 && !two_digits(sign + len - 2)) ||
	    (len == 6 && sign[3] != ':'))
		return STOA_ETYPE;
	if (two(sign + 1) > 15 || (len > 3 && two(sign + len - 2) > 59))
		return STOA_ERANGE;
	*out = two(sign + 1) * HOUR_US + (len > 3 ? two(sign + len - 2) * MINUTE_US : 0);
	*out = *sign == '-' ? -*out : *out;
	*n -= len;
	return STOA_OK;
}

int stoa__parse_timestamp(const char *p, size_t n, int64_t *out)
{
	int64_t days, us = 0, offset = 0, min, max, x;

	if (n < 10)
		return STOA_ETYPE;
	STOA_TRY(stoa__parse_date(p, 10, &days));
	p += 10;
	n -= 10;
	if (n > 0) {
		if (*p != ' ' && *p != 'T' && *p != 't')
			return STOA_ETYPE;
		p++;
		n--;
		STOA_TRY(take_offset(p, &n, &offset));
		STOA_TRY(stoa__parse_time(p, n, &us));
	}
	x = days * DAY_US + us - offset;
	stoa__type_range(STOA_TIMESTAMP, 0, &min, &max);
	if (x < min || x > max)
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

/* ---- uuid ------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (stoa__is_digit(c))
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int stoa__parse_uuid(const char *p, size_t n, uint8_t out[16])
{
	uint8_t bytes[16];
	size_t at = 0;

	if (n != 36)
		return STOA_ETYPE;
	for (size_t i = 0; i < 16; i++) {
		int high, low;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (p[at++] != '-')
				return STOA_ETYPE;
		high = hex_digit(p[at]);
		low = hex_digit(p[at + 1]);
		if (high < 0 || low < 0)
			return STOA_ETYPE;
		bytes[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	memcpy(out, bytes, 16);
	return STOA_OK;
}

/* ---- any value from text ---------------------------------------------------------------- */

static int parse_bytes(enum stoa_type type, const char *p, size_t n, struct stoa_value *out)
{
	if (n > (type == STOA_STRING ? STOA_STRING_MAX : STOA_TEXT_MAX))
		return STOA_ERANGE;
	if (!stoa__utf8_valid(p, n))
		return STOA_ETYPE;
	*out = stoa_bytes_value(type, p, (uint32_t)n);
	return STOA_OK;
}

static int parse_int(enum stoa_type type, const char *p, size_t n, int64_t *out)
{
	int64_t min, max, x;

	STOA_TRY(stoa__parse_i64(p, n, &x));
	stoa__type_range(type, 0, &min, &max);
	if (x < min || x > max)
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

static int parse_uint(enum stoa_type type, const char *p, size_t n, uint64_t *out)
{
	uint64_t x;

	STOA_TRY(stoa__parse_u64(p, n, &x));
	if (stoa__type_width(type) < 8 && x >> (8 * stoa__type_width(type)))
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

static int parse(enum stoa_type type, uint8_t scale, const char *p, size_t n, struct stoa_value *v)
{
	switch (type) {
	case STOA_BOOL: return stoa__parse_bool(p, n, &v->i);
	case STOA_I8:
	case STOA_I16:
	case STOA_I32:
	case STOA_I64: return parse_int(type, p, n, &v->i);
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
	case STOA_REF:
	case STOA_WEAK_REF: return parse_uint(type, p, n, &v->u);
	case STOA_F32: return stoa__parse_f32(p, n, &v->f);
	case STOA_F64: return stoa__parse_f64(p, n, &v->f);
	case STOA_DECIMAL: return stoa__parse_decimal(p, n, scale, &v->i);
	case STOA_DATE: return stoa__parse_date(p, n, &v->i);
	case STOA_TIME: return stoa__parse_time(p, n, &v->i);
	case STOA_TIMESTAMP: return stoa__parse_timestamp(p, n, &v->i);
	case STOA_UUID: return stoa__parse_uuid(p, n, v->uuid);
	case STOA_STRING:
	case STOA_TEXT: return parse_bytes(type, p, n, v);
	case STOA_BLOB: return STOA_EUNSUPPORTED;
	default: return STOA_EINVAL;
	}
}

int stoa_value_parse(enum stoa_type type, uint8_t scale, const char *text, size_t len,
		     struct stoa_value *out, struct stoa_error *err)
{
	struct stoa_value v = stoa_null();
	int shown = len > 60 ? 60 : (int)len;
	int rc = scale > STOA_DECIMAL_PRECISION_MAX ? STOA_EINVAL
						    : parse(type, scale, text, len, &v);

	if (rc == STOA_OK) {
		v.type = (uint8_t)type;
		v.scale = type == STOA_DECIMAL ? scale : 0;
		*out = v;
		return STOA_OK;
	}
	if (rc == STOA_ETYPE)
		return stoa__fail(err, rc, "\"%.*s\" is not a %s", shown, text,
				  stoa_type_name(type));
	if (rc == STOA_ERANGE)
		return stoa__fail(err, rc, "\"%.*s\" does not fit the type %s", shown, text,
				  stoa_type_name(type));
	if (rc == STOA_EUNSUPPORTED)
		return stoa__fail(err, rc, "a blob cannot be read from text in place");
	return stoa__fail(err, rc, "type %u, scale %u is no type to read text as", (unsigned)type,
			  (unsigned)scale);
}

/* ---- printing --------------------------------------------------------------------------- */

/* @x in decimal with at least @width digits. */
static size_t print_u64(uint64_t x, unsigned width, char *out)
{
	char digits_backwards[20];
	unsigned n = 0;

	do
		digits_backwards[n++] = (char)('0' + x % 10);
	while ((x /= 10) > 0);
	while (n < width)
		digits_backwards[n++] = '0';
	for (unsigned i = 0; i < n; i++)
		out[i] = digits_backwards[n - 1 - i];
	return n;
}

static size_t print_i64(int64_t x, char *out)
{
	uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;

	*out = '-';
	return print_u64(magnitude, 1, out + (x < 0)) + (x < 0);
}

static size_t print_decimal(int64_t x, unsigned scale, char *out)
{
	uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
	size_t n = 0;

	if (scale == 0 || scale > STOA_DECIMAL_PRECISION_MAX)
		return print_i64(x, out);
	if (x < 0)
		out[n++] = '-';
	n += print_u64(magnitude / (uint64_t)stoa__pow10[scale], 1, out + n);
	out[n++] = '.';
	return n + print_u64(magnitude % (uint64_t)stoa__pow10[scale], scale, out + n);
}

static size_t print_date(int32_t days, char *out)
{
	unsigned month, day;
	int64_t year;
	size_t n = 0;

	stoa__civil_from_days(days, &year, &month, &day);
	if (year < 0) {		/* out of a date's range, yet still something to show */
		out[n++] = '-';
		year = -year;
	}
	n += print_u64((uint64_t)year, 4, out + n);
	out[n++] = '-';
	n += print_u64(month, 2, out + n);
	out[n++] = '-';
	return n + print_u64(day, 2, out + n);
}

static size_t print_time(uint64_t us, char *out)
{
	uint64_t fraction = us % 1000000;
	unsigned width = 6;
	size_t n = 0;

	n += print_u64(us / (uint64_t)HOUR_US, 2, out + n);
	out[n++] = ':';
	n += print_u64(us / (uint64_t)MINUTE_US % 60, 2, out + n);
	out[n++] = ':';
	n += print_u64(us / (uint64_t)SECOND_US % 60, 2, out + n);
	if (fraction == 0)
		return n;
	for (; fraction % 10 == 0; fraction /= 10)
		width--;
	out[n++] = '.';
	return n + print_u64(fraction, width, out + n);
}

static size_t print_timestamp(int64_t us, char *out)
{
	int64_t days = us / DAY_US - (us % DAY_US < 0);
	size_t n = print_date((int32_t)days, out);

	out[n++] = ' ';
	return n + print_time((uint64_t)(us - days * DAY_US), out + n);
}

static size_t print_uuid(const uint8_t uuid[16], char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[n++] = '-';
		out[n++] = hex[uuid[i] >> 4];
		out[n++] = hex[uuid[i] & 15];
	}
	return n;
}

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
		return n + print_u64((uint64_t)abs(point - 1), 2, out + n);
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
		n = print_u64((uint64_t)i, 1, d);
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

/* Room of the caller's, and how long the whole text would be. */
struct sink {
	char *buf;
	size_t size;
	size_t len;
};

static void sink_put(struct sink *s, const char *p, size_t n)
{
	if (s->len < s->size) {
		size_t room = s->size - s->len;

		if (n > 0)
			memcpy(s->buf + s->len, p, n < room ? n : room);
	}
	s->len += n;
}

static void sink_blob(struct sink *s, const char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	sink_put(s, "\\x", 2);
	for (size_t i = 0; i < n && s->len < s->size; i++) {
		uint8_t byte = (uint8_t)p[i];
		char two_chars[2] = { hex[byte >> 4], hex[byte & 15] };

		sink_put(s, two_chars, 2);
	}
	s->len = 2 + 2 * n;
}

static size_t print_scalar(const struct stoa_value *v, char *out)
{
	switch (v->type) {
	case STOA_BOOL: return (size_t)(stpcpy(out, v->i ? "true" : "false") - out);
	case STOA_I8:
	case STOA_I16:
	case STOA_I32:
	case STOA_I64: return print_i64(v->i, out);
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
	case STOA_REF:
	case STOA_WEAK_REF: return print_u64(v->u, 1, out);
	case STOA_F32:
	case STOA_F64: return stoa__print_float(v->f, v->type == STOA_F32, out);
	case STOA_DECIMAL: return print_decimal(v->i, v->scale, out);
	case STOA_DATE: return print_date((int32_t)v->i, out);
	case STOA_TIME: return print_time((uint64_t)v->i, out);
	case STOA_TIMESTAMP: return print_timestamp(v->i, out);
	case STOA_UUID: return print_uuid(v->uuid, out);
	default: return 0;	/* NULL, and what is no value */
	}
}

size_t stoa_value_print(const struct stoa_value *v, char *buf, size_t size)
{
	struct sink s = { buf, size, 0 };
	char text[STOA__PRINT_MAX];

	switch (v->type) {
	case STOA_STRING:
	case STOA_TEXT: sink_put(&s, v->p, v->len); break;
	case STOA_BLOB: sink_blob(&s, v->p, v->len); break;
	default: sink_put(&s, text, print_scalar(v, text)); break;
	}
	if (size > 0)
		buf[s.len < size ? s.len : size - 1] = '\0';
	return s.len;
}
