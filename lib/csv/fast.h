/* SPDX-License-Identifier: MIT */
/*
 * fast.h - the common forms of numbers and dates, eight digits at a time
 *
 * These read up to 8 bytes beyond their field, which STOA__CSV_PAD allows. Each takes the forms
 * that files are full of and returns false for all others, bad ones included: lib/core/text.h
 * judges those.
 */
#ifndef STOA__CSV_FAST_H
#define STOA__CSV_FAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../core/text.h"

/* @n digits, 1 to 8, as eight with zeros in front. */
static inline uint64_t stoa__csv_fast_load(const char *p, size_t n)
{
	uint64_t x;

	memcpy(&x, p, 8);
	/* Two shifts: of zeros into the lowest bytes; n is not 0, so neither is by 64. */
	return x << (64 - 8 * n) | UINT64_C(0x3030303030303030) >> 1 >> (8 * n - 1);
}

/* 1 to 16 digits. */
static inline bool stoa__csv_fast_unsigned(const char *p, size_t n, uint64_t *out)
{
	uint64_t high, low;

	if (n - 1 < 8) {
		low = stoa__csv_fast_load(p, n);
		*out = stoa__eight_digits(low);
		return stoa__is_eight_digits(low);
	}
	if (n - 1 >= 16)
		return false;
	high = stoa__csv_fast_load(p, n - 8);
	memcpy(&low, p + n - 8, 8);
	*out = stoa__eight_digits(high) * 100000000 + stoa__eight_digits(low);
	return stoa__is_eight_digits(high) && stoa__is_eight_digits(low);
}

/* Is it a zero in front of another digit? Such a number is none where codes like 007 may come. */
static inline bool stoa__csv_fast_is_code(const char *p, size_t n)
{
	return *p == '0' && n > 1;
}

/* [-]1 to 16 digits, no zero in front; nor -0, whose sign would be lost. */
static inline bool stoa__csv_fast_integer(const char *p, size_t n, int64_t *out)
{
	bool minus = *p == '-';
	uint64_t u;

	if (stoa__csv_fast_is_code(p + minus, n) ||
	    !stoa__csv_fast_unsigned(p + minus, n - minus, &u))
		return false;
	*out = minus ? -(int64_t)u : (int64_t)u;
	return true;
}

/* [-]digits.digits with exactly @scale digits, 1 to 8, behind the point and up to 8 before it. */
static inline bool stoa__csv_fast_decimal(const char *p, size_t n, size_t scale, int64_t *out)
{
	bool minus = n > 0 && *p == '-';
	size_t whole = n - minus - scale - 1; /* wraps around, to a large number, when too short */
	uint64_t a, b;
	int64_t x;

	p += minus;
	if (whole - 1 >= 8 || p[whole] != '.' || stoa__csv_fast_is_code(p, whole))
		return false;
	a = stoa__csv_fast_load(p, whole);
	b = stoa__csv_fast_load(p + whole + 1, scale);
	if (!stoa__is_eight_digits(a) || !stoa__is_eight_digits(b))
		return false;
	x = (int64_t)stoa__eight_digits(a) * stoa__pow10[scale] +
	    (int64_t)stoa__eight_digits(b);
	*out = minus ? -x : x;
	return true;
}

/*
 * [-]digits.digits or [-]digits, 15 of them at most: the quotient of two doubles that are exact, so
 * rounded once (see lib/core/text_float.c). No zero in front but before the point.
 */
static inline bool stoa__csv_fast_double(const char *p, size_t n, double *out)
{
	bool minus = n > 0 && *p == '-';
	size_t fraction = 0;
	uint64_t m = 0;
	double x;

	p += minus;
	n -= minus;
	if (n - 1 >= 16 || (*p == '0' && n > 1 && p[1] != '.'))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned char)p[i] - '0';

		if (digit < 10)
			m = m * 10 + digit;
		else if (p[i] == '.' && !fraction && i > 0 && i < n - 1)
			fraction = n - 1 - i;
		else
			return false;
	}
	if (n - (fraction > 0) > 15)
		return false;
	x = (double)m / (double)stoa__pow10[fraction];
	*out = minus ? -x : x;
	return true;
}

/*
 * YYYY-MM-DD as days since 1970-01-01, any but the 29th of February. Counts from March, as Hinnant
 * does (see stoa__days_from_civil()), in years from 0, so that all divisions are of small unsigned
 * numbers.
 */
static inline bool stoa__csv_fast_date(const char *p, size_t n, int32_t *out)
{
	static const uint8_t last[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const uint64_t dashes = UINT64_C(0x2d00002d00000000);	/* p[4] and p[7] */
	uint64_t x;
	uint16_t day_text;
	uint32_t year, month, day, y, m;

	if (n != 10)
		return false;
	memcpy(&x, p, 8);
	memcpy(&day_text, p + 8, 2);
	if ((x & UINT64_C(0xff0000ff00000000)) != dashes)
		return false;
	/* The month behind the year, then the day: YYYYMMDD. */
	x = (x & UINT64_C(0xffffffff)) | (x >> 8 & UINT64_C(0x0000ffff00000000)) |
	    (uint64_t)day_text << 48;
	if (!stoa__is_eight_digits(x))
		return false;
	x = stoa__eight_digits(x);
	year = (uint32_t)x / 10000;
	month = (uint32_t)x / 100 % 100;
	day = (uint32_t)x % 100;
	if (year < 1 || month - 1 > 11 || day < 1 || day > last[month - 1])
		return false;
	y = year - (month <= 2);
	m = month > 2 ? month - 3 : month + 9;
	*out = (int32_t)(y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1) -
	       719468;
	return true;
}

/* HH:MM:SS, 8 bytes, as seconds since midnight. */
static inline bool stoa__csv_fast_time(const char *p, uint32_t *out)
{
	const uint64_t colons = UINT64_C(0x00003a00003a0000);	/* p[2] and p[5] */
	uint32_t hour, minute, second;
	uint64_t x;

	memcpy(&x, p, 8);
	if ((x & UINT64_C(0x0000ff0000ff0000)) != colons)
		return false;
	/* Two zeros, then HHMMSS. */
	x = 0x3030 | (x & 0xffff) << 16 | (x << 8 & UINT64_C(0x0000ffff00000000)) |
	    (x & UINT64_C(0xffff000000000000));
	if (!stoa__is_eight_digits(x))
		return false;
	x = stoa__eight_digits(x);
	hour = (uint32_t)x / 10000;
	minute = (uint32_t)x / 100 % 100;
	second = (uint32_t)x % 100;
	*out = hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second < 60;
}

/* YYYY-MM-DD HH:MM:SS, or with a T between, as microseconds since 1970-01-01. */
static inline bool stoa__csv_fast_timestamp(const char *p, size_t n, int64_t *out)
{
	int32_t day;
	uint32_t second;

	if (n != 19 || (p[10] != ' ' && p[10] != 'T') || !stoa__csv_fast_date(p, 10, &day) ||
	    !stoa__csv_fast_time(p + 11, &second))
		return false;
	*out = (day * INT64_C(86400) + second) * 1000000;
	return true;
}

#endif
