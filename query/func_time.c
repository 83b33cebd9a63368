/* SPDX-License-Identifier: MIT */
/*
 * func_time.c - dates, times, timestamps and intervals
 *
 * A timestamp is microseconds since 1970 in UTC, a date days, in the proleptic Gregorian calendar.
 * An interval keeps months, days and microseconds apart, because a month has no fixed length:
 * 2026-01-31 + 1 month is 2026-02-28, the last day that there is, as in PostgreSQL.
 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "func.h"

#define UNUSED_NULLS (void)nulls; (void)null
#define DAY_MICROS INT64_C(86400000000)

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* ---- names of fields ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	int field;
} field_names[] = {
	{ "year", STOA__FIELD_YEAR },	{ "years", STOA__FIELD_YEAR },
	{ "quarter", STOA__FIELD_QUARTER }, { "month", STOA__FIELD_MONTH },
	{ "months", STOA__FIELD_MONTH }, { "mon", STOA__FIELD_MONTH },
	{ "mons", STOA__FIELD_MONTH },	{ "week", STOA__FIELD_WEEK },
	{ "weeks", STOA__FIELD_WEEK },	{ "day", STOA__FIELD_DAY },
	{ "days", STOA__FIELD_DAY },	{ "hour", STOA__FIELD_HOUR },
	{ "hours", STOA__FIELD_HOUR },	{ "minute", STOA__FIELD_MINUTE },
	{ "minutes", STOA__FIELD_MINUTE }, { "min", STOA__FIELD_MINUTE },
	{ "mins", STOA__FIELD_MINUTE }, { "second", STOA__FIELD_SECOND },
	{ "seconds", STOA__FIELD_SECOND }, { "sec", STOA__FIELD_SECOND },
	{ "secs", STOA__FIELD_SECOND }, { "dow", STOA__FIELD_DOW },
	{ "isodow", STOA__FIELD_ISODOW }, { "doy", STOA__FIELD_DOY },
	{ "epoch", STOA__FIELD_EPOCH }, { "millisecond", STOA__FIELD_MILLISECOND },
	{ "milliseconds", STOA__FIELD_MILLISECOND }, { "microsecond", STOA__FIELD_MICROSECOND },
	{ "microseconds", STOA__FIELD_MICROSECOND }, { "decade", STOA__FIELD_DECADE },
	{ "century", STOA__FIELD_CENTURY },
};

int stoa__field_named(const char *p, size_t len)
{
	for (size_t i = 0; i < sizeof field_names / sizeof *field_names; i++)
		if (strlen(field_names[i].name) == len &&
		    !strncasecmp(p, field_names[i].name, len))
			return field_names[i].field;
	return -1;
}

/* ---- intervals ---------------------------------------------------------------------------- */

/* @n of @field more; a fraction only where the field is a number of microseconds. */
static bool interval_add(struct stoa__interval *iv, int field, double n)
{
	double whole;

	if (!(n <= 1e9 && n >= -1e9))
		return false;
	whole = (double)(int64_t)n;
	switch (field) {
	case STOA__FIELD_YEAR: iv->months += (int64_t)whole * 12; break;
	case STOA__FIELD_QUARTER: iv->months += (int64_t)whole * 3; break;
	case STOA__FIELD_MONTH: iv->months += (int64_t)whole; break;
	case STOA__FIELD_WEEK: iv->days += (int64_t)whole * 7; break;
	case STOA__FIELD_DAY: iv->days += (int64_t)whole; break;
	case STOA__FIELD_HOUR: iv->micros += (int64_t)(n * 3600e6); return true;
	case STOA__FIELD_MINUTE: iv->micros += (int64_t)(n * 60e6); return true;
	case STOA__FIELD_SECOND: iv->micros += llround(n * 1e6); return true;
	case STOA__FIELD_MILLISECOND: iv->micros += (int64_t)(n * 1e3); return true;
	case STOA__FIELD_MICROSECOND: iv->micros += (int64_t)n; return true;
	default: return false;
	}
	return n == whole;
}

static size_t word_end(const char *p, size_t len, size_t i)
{
	while (i < len && p[i] != ' ' && p[i] != '\t')
		i++;
	return i;
}

static size_t skip_blanks(const char *p, size_t len, size_t i)
{
	while (i < len && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return i;
}

/* [-]HH:MM[:SS] */
static bool interval_clock(const char *p, size_t len, struct stoa__interval *iv)
{
	int64_t micros;
	bool minus = len && *p == '-';

	if (stoa__parse_time(p + minus, len - minus, &micros) < 0)
		return false;
	iv->micros += minus ? -micros : micros;
	return true;
}

bool stoa__interval_parse(const char *p, size_t len, int unit, struct stoa__interval *out)
{
	size_t i = skip_blanks(p, len, 0), n_parts = 0;

	memset(out, 0, sizeof *out);
	for (; i < len; i = skip_blanks(p, len, i), n_parts++) {
		double n;
		size_t end = word_end(p, len, i);
		if (memchr(p + i, ':', end - i)) {
			if (!interval_clock(p + i, end - i, out))
				return false;
			i = end;
			continue;
		}
		size_t num = i;
		while (num < end && strchr("+-.0123456789", p[num]))
			num++;
		if (stoa__parse_f64(p + i, num - i, &n) < 0)
			return false;
		i = num == end ? skip_blanks(p, len, end) : num;
		end = word_end(p, len, i);
		int field = i < end ? stoa__field_named(p + i, end - i) : unit;
		if (field < 0 || !interval_add(out, field, n))
			return false;
		i = end;
	}
	return n_parts > 0;
}

/* ---- arithmetic --------------------------------------------------------------------------- */

static unsigned days_in_month(int64_t year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* The date @months later; STOA_ERANGE outside of the type. */
static int add_months(int64_t days, int64_t months, int64_t *out)
{
	int64_t year, min, max;
	unsigned month, day;

	stoa__civil_from_days((int32_t)days, &year, &month, &day);
	int64_t m = year * 12 + (month - 1) + months;
	year = floor_div(m, 12);
	month = (unsigned)(m - year * 12) + 1;
	stoa__type_range(STOA_DATE, 0, &min, &max);
	if (year < -5000000 || year > 5000000)
		return STOA_ERANGE;
	if (day > days_in_month(year, month))
		day = days_in_month(year, month);
	*out = stoa__days_from_civil(year, month, day);
	return *out < min || *out > max ? STOA_ERANGE : STOA_OK;
}

static int shift(int64_t ts, const struct stoa__interval *iv, int64_t sign, int64_t *out)
{
	int64_t days = floor_div(ts, DAY_MICROS), rest = ts - days * DAY_MICROS;
	int64_t min, max;

	if (days < INT32_MIN || days > INT32_MAX)
		return STOA_ERANGE;
	STOA_TRY(add_months(days, iv->months * sign, &days));
	days += iv->days * sign;
	if (__builtin_mul_overflow(days, DAY_MICROS, &ts) ||
	    __builtin_add_overflow(ts, rest, &ts) ||
	    __builtin_add_overflow(ts, iv->micros * sign, &ts))
		return STOA_ERANGE;
	stoa__type_range(STOA_TIMESTAMP, 0, &min, &max);
	*out = ts;
	return ts < min || ts > max ? STOA_ERANGE : STOA_OK;
}

static int fn_shift(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	if (shift(args[0].i, &call->node->interval, call->node->lo, &out->i) < 0)
		return stoa__call_fail(call, STOA_ERANGE, "the timestamp is out of range");
	return STOA_OK;
}

/* ---- fields ------------------------------------------------------------------------------- */

static int64_t iso_week(int64_t days)
{
	int64_t year;
	unsigned month, day;
	int64_t weekday = ((days + 3) % 7 + 7) % 7;	/* Monday is 0 */

	/* The week belongs to the year that its Thursday is in. */
	int64_t thursday = days - weekday + 3;
	stoa__civil_from_days((int32_t)thursday, &year, &month, &day);
	return (thursday - stoa__days_from_civil(year, 1, 1)) / 7 + 1;
}

static int64_t date_field(int field, int64_t days)
{
	int64_t year;
	unsigned month, day;

	stoa__civil_from_days((int32_t)days, &year, &month, &day);
	switch (field) {
	case STOA__FIELD_YEAR: return year;
	case STOA__FIELD_QUARTER: return (month - 1) / 3 + 1;
	case STOA__FIELD_MONTH: return month;
	case STOA__FIELD_WEEK: return iso_week(days);
	case STOA__FIELD_DAY: return day;
	case STOA__FIELD_DOW: return ((days + 4) % 7 + 7) % 7;
	case STOA__FIELD_ISODOW: return ((days + 3) % 7 + 7) % 7 + 1;
	case STOA__FIELD_DOY: return days - stoa__days_from_civil(year, 1, 1) + 1;
	case STOA__FIELD_DECADE: return floor_div(year, 10);
	case STOA__FIELD_CENTURY: return year > 0 ? (year - 1) / 100 + 1 : year / 100 - 1;
	default: return 0;
	}
}

/* SECOND and EPOCH are in microseconds, which the decimal's scale of 6 makes seconds. */
static int64_t clock_field(int field, int64_t micros)
{
	switch (field) {
	case STOA__FIELD_HOUR: return micros / INT64_C(3600000000);
	case STOA__FIELD_MINUTE: return micros / 60000000 % 60;
	case STOA__FIELD_SECOND: return micros % 60000000;
	case STOA__FIELD_MILLISECOND: return micros % 60000000;
	case STOA__FIELD_MICROSECOND: return micros % 60000000;
	default: return micros;
	}
}

static bool is_clock_field(int field)
{
	return field == STOA__FIELD_HOUR || field == STOA__FIELD_MINUTE ||
	       field == STOA__FIELD_SECOND || field == STOA__FIELD_MILLISECOND ||
	       field == STOA__FIELD_MICROSECOND;
}

static int fn_extract(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		      union stoa__datum *out, bool *null)
{
	int field = (int)call->node->lo;
	int64_t x = args[0].i;

	UNUSED_NULLS;
	if (call->node->args[0]->type.type == STOA_TIME || field == STOA__FIELD_EPOCH) {
		out->i = clock_field(field, x);
	} else {
		int64_t days = floor_div(x, DAY_MICROS);
		out->i = is_clock_field(field) ? clock_field(field, x - days * DAY_MICROS) :
						 date_field(field, days);
	}
	return STOA_OK;
}

static int64_t truncate_days(int field, int64_t days)
{
	int64_t year;
	unsigned month, day;

	stoa__civil_from_days((int32_t)days, &year, &month, &day);
	switch (field) {
	case STOA__FIELD_CENTURY:
		return stoa__days_from_civil(floor_div(year - 1, 100) * 100 + 1, 1, 1);
	case STOA__FIELD_DECADE: return stoa__days_from_civil(floor_div(year, 10) * 10, 1, 1);
	case STOA__FIELD_YEAR: return stoa__days_from_civil(year, 1, 1);
	case STOA__FIELD_QUARTER: return stoa__days_from_civil(year, (month - 1) / 3 * 3 + 1, 1);
	case STOA__FIELD_MONTH: return stoa__days_from_civil(year, month, 1);
	case STOA__FIELD_WEEK: return days - ((days + 3) % 7 + 7) % 7;
	default: return days;
	}
}

static int64_t truncate_unit(int field)
{
	switch (field) {
	case STOA__FIELD_HOUR: return INT64_C(3600000000);
	case STOA__FIELD_MINUTE: return 60000000;
	case STOA__FIELD_SECOND: return 1000000;
	case STOA__FIELD_MILLISECOND: return 1000;
	default: return 1;
	}
}

static int fn_truncate(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		       union stoa__datum *out, bool *null)
{
	int field = (int)call->node->lo;
	int64_t days = floor_div(args[0].i, DAY_MICROS);

	UNUSED_NULLS;
	if (is_clock_field(field)) {
		int64_t unit = truncate_unit(field);
		out->i = floor_div(args[0].i, unit) * unit;
	} else {
		out->i = truncate_days(field, days) * DAY_MICROS;
	}
	return STOA_OK;
}

static int fn_make_date(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
			union stoa__datum *out, bool *null)
{
	int64_t y = args[0].i, m = args[1].i, d = args[2].i;

	UNUSED_NULLS;
	if (y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 || d > days_in_month(y, (unsigned)m))
		return stoa__call_fail(call, STOA_ERANGE, "there is no date %lld-%lld-%lld",
				       (long long)y, (long long)m, (long long)d);
	out->i = stoa__days_from_civil(y, (unsigned)m, (unsigned)d);
	return STOA_OK;
}

const struct stoa__fn stoa__fn_shift = { "+", "s", STOA_TIMESTAMP, STOA__FN_MAY_FAIL, fn_shift };
const struct stoa__fn stoa__fn_extract = { "extract", "", STOA_I64, 0, fn_extract };
const struct stoa__fn stoa__fn_truncate = { "date_trunc", "s", STOA_TIMESTAMP, 0, fn_truncate };

const struct stoa__fn stoa__time_functions[] = {
	{ "make_date", "iii", STOA_DATE, STOA__FN_MAY_FAIL, fn_make_date },
	{ NULL, NULL, 0, 0, NULL },
};
