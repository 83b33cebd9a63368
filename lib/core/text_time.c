/* SPDX-License-Identifier: MIT */
/*
 * text_time.c - dates, times and timestamps from text and back: ISO 8601, a space in place of the T
 *
 * Microseconds; an offset from UTC is taken off when a timestamp is read.
 */
#include "text_parts.h"

#include "error.h"
#include "type.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

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

/* ---- printing --------------------------------------------------------------------------- */

size_t stoa__print_date(int32_t days, char *out)
{
	unsigned month, day;
	int64_t year;
	size_t n = 0;

	stoa__civil_from_days(days, &year, &month, &day);
	if (year < 0) {		/* out of a date's range, yet still something to show */
		out[n++] = '-';
		year = -year;
	}
	n += stoa__print_u64((uint64_t)year, 4, out + n);
	out[n++] = '-';
	n += stoa__print_u64(month, 2, out + n);
	out[n++] = '-';
	return n + stoa__print_u64(day, 2, out + n);
}

size_t stoa__print_time(uint64_t us, char *out)
{
	uint64_t fraction = us % 1000000;
	unsigned width = 6;
	size_t n = 0;

	n += stoa__print_u64(us / (uint64_t)HOUR_US, 2, out + n);
	out[n++] = ':';
	n += stoa__print_u64(us / (uint64_t)MINUTE_US % 60, 2, out + n);
	out[n++] = ':';
	n += stoa__print_u64(us / (uint64_t)SECOND_US % 60, 2, out + n);
	if (fraction == 0)
		return n;
	for (; fraction % 10 == 0; fraction /= 10)
		width--;
	out[n++] = '.';
	return n + stoa__print_u64(fraction, width, out + n);
}

size_t stoa__print_timestamp(int64_t us, char *out)
{
	int64_t days = us / DAY_US - (us % DAY_US < 0);
	size_t n = stoa__print_date((int32_t)days, out);

	out[n++] = ' ';
	return n + stoa__print_time((uint64_t)(us - days * DAY_US), out + n);
}
