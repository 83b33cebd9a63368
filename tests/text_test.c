/* SPDX-License-Identifier: MIT */
/*
 * text_test.c - values print as documented and read back the same; bad text is refused, never
 * misread
 */
#include "testing.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"

static int parse_as(enum stoa_type type, uint8_t scale, const char *text, struct stoa_value *out)
{
	struct stoa_error err = { 0, 0, 0, 0, "" };
	int rc = stoa_value_parse(type, scale, text, strlen(text), out, &err);

	assert_int_equal(err.code, rc);
	assert_int_equal(err.text[0] == 0, rc == STOA_OK);
	return rc;
}

/* Reads @text, prints it, wants @printed. */
static void assert_prints(enum stoa_type type, uint8_t scale, const char *text, const char *printed)
{
	struct stoa_value v;
	char buf[64];

	assert_int_equal(parse_as(type, scale, text, &v), STOA_OK);
	assert_int_equal(v.type, type);
	assert_int_equal(stoa_value_print(&v, buf, sizeof buf), strlen(printed));
	assert_string_equal(buf, printed);
}

static void assert_refused(enum stoa_type type, uint8_t scale, const char *text, int rc)
{
	struct stoa_value v = stoa_i64(77);

	if (parse_as(type, scale, text, &v) != rc)
		fail_msg("\"%s\" as %s: expected %d", text, stoa_type_name(type), rc);
	assert_int_equal(v.i, 77);
}

static void integers_are_read_to_their_limits(void **state)
{
	(void)state;
	assert_prints(STOA_I64, 0, "-9223372036854775808", "-9223372036854775808");
	assert_prints(STOA_I64, 0, "+9223372036854775807", "9223372036854775807");
	assert_prints(STOA_I64, 0, "-0", "0");
	assert_prints(STOA_I64, 0, "00000000000000000000000000012", "12");
	assert_prints(STOA_U64, 0, "18446744073709551615", "18446744073709551615");
	assert_prints(STOA_U64, 0, "-0", "0");
	assert_prints(STOA_I8, 0, "-128", "-128");
	assert_prints(STOA_U8, 0, "255", "255");
	assert_refused(STOA_I64, 0, "9223372036854775808", STOA_ERANGE);
	assert_refused(STOA_I64, 0, "-9223372036854775809", STOA_ERANGE);
	assert_refused(STOA_I64, 0, "99999999999999999999", STOA_ERANGE);
	assert_refused(STOA_U64, 0, "18446744073709551616", STOA_ERANGE);
	assert_refused(STOA_U64, 0, "-1", STOA_ERANGE);
	assert_refused(STOA_I8, 0, "128", STOA_ERANGE);
	assert_refused(STOA_I16, 0, "-32769", STOA_ERANGE);
	assert_refused(STOA_I32, 0, "2147483648", STOA_ERANGE);
	assert_refused(STOA_U8, 0, "256", STOA_ERANGE);
	assert_refused(STOA_U16, 0, "65536", STOA_ERANGE);
	assert_refused(STOA_U32, 0, "4294967296", STOA_ERANGE);
	for (const char *const *bad = (const char *const[]){ "", "-", "+", "1.0", " 1", "1 ", "--1",
							     "0x10", "1e3", "1,000", NULL };
	     *bad; bad++)
		assert_refused(STOA_I64, 0, *bad, STOA_ETYPE);
}

static void decimals_keep_every_digit(void **state)
{
	(void)state;
	assert_prints(STOA_DECIMAL, 2, "12.34", "12.34");
	assert_prints(STOA_DECIMAL, 2, "-0.05", "-0.05");
	assert_prints(STOA_DECIMAL, 2, "12", "12.00");
	assert_prints(STOA_DECIMAL, 2, "12.3", "12.30");
	assert_prints(STOA_DECIMAL, 2, "12.3400000000000000000000000", "12.34");
	assert_prints(STOA_DECIMAL, 2, ".5", "0.50");
	assert_prints(STOA_DECIMAL, 2, "5.", "5.00");
	assert_prints(STOA_DECIMAL, 0, "7", "7");
	assert_prints(STOA_DECIMAL, 0, "0.000", "0");
	assert_prints(STOA_DECIMAL, 18, "-0.999999999999999999", "-0.999999999999999999");
	assert_prints(STOA_DECIMAL, 0, "999999999999999999", "999999999999999999");
	assert_refused(STOA_DECIMAL, 2, "12.345", STOA_ERANGE);
	assert_refused(STOA_DECIMAL, 0, "1000000000000000000", STOA_ERANGE);
	assert_refused(STOA_DECIMAL, 2, "10000000000000000", STOA_ERANGE);
	assert_refused(STOA_DECIMAL, 18, "1", STOA_ERANGE);
	assert_refused(STOA_DECIMAL, 2, "123456789012345678901.5", STOA_ERANGE);
	assert_refused(STOA_DECIMAL, 2, "1e2", STOA_ETYPE);
	assert_refused(STOA_DECIMAL, 2, ".", STOA_ETYPE);
	assert_refused(STOA_DECIMAL, 2, "", STOA_ETYPE);
	assert_refused(STOA_DECIMAL, 2, "1.2.3", STOA_ETYPE);
	assert_refused(STOA_DECIMAL, 19, "1", STOA_EINVAL);
}

static void floats_print_in_the_shortest_form(void **state)
{
	static const struct {
		double x;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 1, "1" },
		{ -2.5, "-2.5" },
		{ 0.1, "0.1" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 100, "100" },
		{ 123456789012345, "123456789012345" },
		{ 1e15, "1e+15" },
		{ 1e22, "1e+22" },
		{ 1.5e300, "1.5e+300" },
		{ 0.0001, "0.0001" },
		{ 0.00012345, "0.00012345" },
		{ 0.00001, "1e-05" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ DBL_MIN, "2.2250738585072014e-308" },
		{ 5e-324, "5e-324" },
		{ 9007199254740993.0, "9.007199254740992e+15" },
		{ (double)NAN, "NaN" },
		{ (double)INFINITY, "Infinity" },
		{ -(double)INFINITY, "-Infinity" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct stoa_value v = stoa_f64(cases[i].x);
		char buf[STOA__PRINT_MAX];

		stoa_value_print(&v, buf, sizeof buf);
		assert_string_equal(buf, cases[i].text);
	}
	assert_prints(STOA_F32, 0, "0.1", "0.1");
	assert_prints(STOA_F32, 0, "16777216", "16777216");
}

static void floats_of_all_shapes_are_refused_when_malformed(void **state)
{
	static const char *const bad[] = { "",      "-",     ".",    "e5", "1e", "1e+",
					   "1e5.0", "0x1p3", "1,5",  " 1", "1 ", "nanx",
					   "infin", "--1",   "1..2", "1f" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_refused(STOA_F64, 0, bad[i], STOA_ETYPE);
		assert_refused(STOA_F32, 0, bad[i], STOA_ETYPE);
	}
	assert_refused(STOA_F64, 0, "1e309", STOA_ERANGE);
	assert_refused(STOA_F64, 0, "-1e99999999999999999999", STOA_ERANGE);
	assert_refused(STOA_F32, 0, "3.5e38", STOA_ERANGE);
	assert_prints(STOA_F64, 0, "1e-99999999999999999999", "0");
	assert_prints(STOA_F64, 0, "-inf", "-Infinity");
	assert_prints(STOA_F64, 0, "NaN", "NaN");
	assert_prints(STOA_F64, 0, "1.e2", "100");
	assert_prints(STOA_F64, 0, ".5E-1", "0.05");
}

/* Text of every shape, read by us and by strtod(), which is right to the last bit. */
static void floats_are_read_as_strtod_reads_them(void **state)
{
	uint64_t seed = testing_seed();
	char text[1200];

	(void)state;
	for (int round = 0; round < (testing_long() ? 2000000 : 100000); round++) {
		size_t n_digits = round % 100 ? 1 + testing_below(&seed, 25)
					      : 1 + testing_below(&seed, 1000);
		size_t n = 0, point = testing_below(&seed, n_digits + 1);
		double x, f;

		for (size_t i = 0; i < n_digits; i++) {
			if (i == point)
				text[n++] = '.';
			text[n++] = (char)('0' + testing_below(&seed, 10));
		}
		text[n] = 0;
		if (round & 1)
			n += (size_t)sprintf(text + n, "e%d",
					     (int)testing_below(&seed, round & 2 ? 50 : 640) -
						     (round & 2 ? 25 : 320));
		if (isinf(strtod(text, NULL)))
			assert_int_equal(stoa__parse_f64(text, n, &x), STOA_ERANGE);
		else if (stoa__parse_f64(text, n, &x) != STOA_OK || x != strtod(text, NULL))
			fail_msg("%s reads as %.17g", text, x);
		if (isinf(strtof(text, NULL)))
			assert_int_equal(stoa__parse_f32(text, n, &f), STOA_ERANGE);
		else if (stoa__parse_f32(text, n, &f) != STOA_OK || f != (double)strtof(text, NULL))
			fail_msg("%s reads as float %.17g", text, f);
	}
}

/* The points exactly between two doubles, and a hair beside them: the hard cases of rounding. */
static void halfway_points_round_to_even(void **state)
{
	double x;

	(void)state;
	assert_int_equal(stoa__parse_f64("9007199254740993", 16, &x), STOA_OK);
	assert_true(x == 9007199254740992.0);
	assert_int_equal(stoa__parse_f64("9007199254740993.0000000000000000001", 36, &x), STOA_OK);
	assert_true(x == 9007199254740994.0);
	assert_int_equal(stoa__parse_f64("9007199254740995", 16, &x), STOA_OK);
	assert_true(x == 9007199254740996.0);
	assert_int_equal(stoa__parse_f32("16777217", 8, &x), STOA_OK);
	assert_true(x == 16777216.0);
	assert_int_equal(stoa__parse_f32("16777217.000000001", 18, &x), STOA_OK);
	assert_true(x == 16777218.0);
}

static void assert_float_round_trips(double x, bool narrow)
{
	char ours[STOA__PRINT_MAX], theirs[40];
	size_t n = stoa__print_float(x, narrow, ours);
	unsigned digits = 0, fewest = 1;
	double back;
	int rc;

	rc = narrow ? stoa__parse_f32(ours, n, &back) : stoa__parse_f64(ours, n, &back);
	ours[n] = 0;
	if (rc != STOA_OK || memcmp(&back, &x, sizeof x) != 0)
		fail_msg("%.17g prints as %s", x, ours);
	for (; fewest < 17; fewest++) {
		snprintf(theirs, sizeof theirs, "%.*e", (int)fewest - 1, x);
		if (narrow ? (double)strtof(theirs, NULL) == x : strtod(theirs, NULL) == x)
			break;
	}
	for (size_t i = 0; i < n && ours[i] != 'e'; i++)
		digits += ours[i] >= '1' && ours[i] <= '9';
	if (digits > fewest)	/* zeros do not count: a lower bound */
		fail_msg("%.17g prints as %s: %u digits are enough", x, ours, fewest);
}

static void random_floats_round_trip_and_no_digit_is_wasted(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < (testing_long() ? 1000000 : 30000); round++) {
		uint64_t bits = testing_random(&seed);
		double x, money = (double)(int64_t)(bits % 20000001) / 100 - 100000;
		float f;
		uint32_t low = (uint32_t)bits;

		memcpy(&x, &bits, sizeof x);
		memcpy(&f, &low, sizeof f);
		if (isfinite(x))
			assert_float_round_trips(x, false);
		if (isfinite(f))
			assert_float_round_trips((double)f, true);
		assert_float_round_trips(money, false);
		assert_float_round_trips((double)(float)money, true);
		assert_float_round_trips((double)(bits >> 20) / 1e6, false);
	}
}

static void no_locale_gets_into_numbers(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
					     "C.UTF-8" };
	struct stoa_value v = stoa_f64(1.0 / 3);
	char buf[40];
	double x;

	(void)state;
	for (size_t i = 0; i < 4 && !setlocale(LC_ALL, names[i]); i++)
		;
	stoa_value_print(&v, buf, sizeof buf);
	assert_string_equal(buf, "0.3333333333333333");
	assert_int_equal(stoa__parse_f64("1.5e300", 7, &x), STOA_OK);
	assert_true(x == 1.5e300);
	setlocale(LC_ALL, "C");
}

static void dates_are_checked_against_the_calendar(void **state)
{
	(void)state;
	assert_prints(STOA_DATE, 0, "2024-02-29", "2024-02-29");
	assert_prints(STOA_DATE, 0, "0001-01-01", "0001-01-01");
	assert_prints(STOA_DATE, 0, "9999-12-31", "9999-12-31");
	assert_refused(STOA_DATE, 0, "2023-02-29", STOA_ERANGE);
	assert_refused(STOA_DATE, 0, "1900-02-29", STOA_ERANGE);
	assert_refused(STOA_DATE, 0, "0000-01-01", STOA_ERANGE);
	assert_refused(STOA_DATE, 0, "2023-13-01", STOA_ERANGE);
	assert_refused(STOA_DATE, 0, "2023-00-10", STOA_ERANGE);
	assert_refused(STOA_DATE, 0, "2023-01-32", STOA_ERANGE);
	assert_refused(STOA_DATE, 0, "2023-1-1", STOA_ETYPE);
	assert_refused(STOA_DATE, 0, "2023/01/01", STOA_ETYPE);
	assert_refused(STOA_DATE, 0, "2023-01-0x", STOA_ETYPE);
	assert_refused(STOA_DATE, 0, "", STOA_ETYPE);
}

static void times_have_seconds_and_fractions_or_not(void **state)
{
	(void)state;
	assert_prints(STOA_TIME, 0, "13:45", "13:45:00");
	assert_prints(STOA_TIME, 0, "13:45:00.5", "13:45:00.5");
	assert_prints(STOA_TIME, 0, "00:00:00.000001", "00:00:00.000001");
	assert_prints(STOA_TIME, 0, "23:59:59.999999000", "23:59:59.999999");
	assert_refused(STOA_TIME, 0, "23:59:59.9999991", STOA_ERANGE);
	assert_refused(STOA_TIME, 0, "24:00", STOA_ERANGE);
	assert_refused(STOA_TIME, 0, "00:60", STOA_ERANGE);
	assert_refused(STOA_TIME, 0, "00:00:60", STOA_ERANGE);
	for (const char *const *bad =
		     (const char *const[]){ "", "1:00", "12", "12:", "12:3", "12:30:", "12:30:1",
					    "12:30:10.", "12:30:10.x", "12:30:10,5", "12:30x",
					    NULL };
	     *bad; bad++)
		assert_refused(STOA_TIME, 0, *bad, STOA_ETYPE);
}

static void timestamps_take_a_blank_or_t_and_an_offset(void **state)
{
	(void)state;
	assert_prints(STOA_TIMESTAMP, 0, "2026-01-31 13:45:00", "2026-01-31 13:45:00");
	assert_prints(STOA_TIMESTAMP, 0, "2026-01-31T13:45:00.25Z", "2026-01-31 13:45:00.25");
	assert_prints(STOA_TIMESTAMP, 0, "2026-01-31", "2026-01-31 00:00:00");
	assert_prints(STOA_TIMESTAMP, 0, "2026-01-01 00:30:00+01:00", "2025-12-31 23:30:00");
	assert_prints(STOA_TIMESTAMP, 0, "2026-01-01 00:30:00-0130", "2026-01-01 02:00:00");
	assert_prints(STOA_TIMESTAMP, 0, "2026-01-01 00:30+00", "2026-01-01 00:30:00");
	assert_prints(STOA_TIMESTAMP, 0, "1969-12-31 23:59:59.999999",
		      "1969-12-31 23:59:59.999999");
	assert_prints(STOA_TIMESTAMP, 0, "0001-01-01 00:00", "0001-01-01 00:00:00");
	assert_refused(STOA_TIMESTAMP, 0, "0001-01-01 00:00+01", STOA_ERANGE);
	assert_refused(STOA_TIMESTAMP, 0, "9999-12-31 23:59-00:01", STOA_ERANGE);
	assert_refused(STOA_TIMESTAMP, 0, "2026-01-01 00:00+16", STOA_ERANGE);
	assert_refused(STOA_TIMESTAMP, 0, "2026-01-01 00:00+00:60", STOA_ERANGE);
	assert_refused(STOA_TIMESTAMP, 0, "2026-02-30 00:00", STOA_ERANGE);
	for (const char *const *bad =
		     (const char *const[]){ "", "2026-01-01 ", "2026-01-01x00:00", "2026-01-01 Z",
					    "2026-01-01 00:00 Z", "2026-01-01 00:00+1",
					    "2026-01-01 00:00+01:0", "2026-01-01 00:00+01.00",
					    "2026-01-01 +01:00", "2026-01-01 00:00+001", NULL };
	     *bad; bad++)
		assert_refused(STOA_TIMESTAMP, 0, *bad, STOA_ETYPE);
}

static void uuids_and_bools_are_read_in_either_case(void **state)
{
	(void)state;
	assert_prints(STOA_UUID, 0, "550E8400-e29b-41d4-A716-446655440000",
		      "550e8400-e29b-41d4-a716-446655440000");
	assert_refused(STOA_UUID, 0, "550e8400e29b41d4a716446655440000", STOA_ETYPE);
	assert_refused(STOA_UUID, 0, "550e8400-e29b-41d4-a716-44665544000g", STOA_ETYPE);
	assert_refused(STOA_UUID, 0, "550e8400-e29b-41d4-a7160446655440000", STOA_ETYPE);
	assert_prints(STOA_BOOL, 0, "TRUE", "true");
	assert_prints(STOA_BOOL, 0, "f", "false");
	assert_prints(STOA_BOOL, 0, "1", "true");
	assert_refused(STOA_BOOL, 0, "yes", STOA_ETYPE);
	assert_refused(STOA_BOOL, 0, "", STOA_ETYPE);
}

static void strings_print_as_they_are_and_blobs_in_hexadecimal(void **state)
{
	struct stoa_value v = stoa_bytes_value(STOA_BLOB, "\x00\xff\x1a", 3);
	char buf[16];

	(void)state;
	assert_int_equal(stoa_value_print(&v, buf, sizeof buf), 8);
	assert_string_equal(buf, "\\x00ff1a");
	assert_prints(STOA_STRING, 0, "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	assert_prints(STOA_TEXT, 0, "", "");
	assert_refused(STOA_STRING, 0, "\xff", STOA_ETYPE);
	assert_refused(STOA_BLOB, 0, "\\x00", STOA_EUNSUPPORTED);
	assert_refused(STOA_NULL, 0, "", STOA_EINVAL);
	assert_refused((enum stoa_type)99, 0, "1", STOA_EINVAL);
	v = stoa_null();
	assert_int_equal(stoa_value_print(&v, buf, sizeof buf), 0);
	assert_string_equal(buf, "");
}

static void printing_cuts_off_what_does_not_fit_and_says_how_much_there_is(void **state)
{
	struct stoa_value text = stoa_text("hello"), blob = stoa_bytes_value(STOA_BLOB, "abc", 3);
	struct stoa_value number = stoa_i64(-12345);

	(void)state;
	for (size_t size = 0; size < 12; size++) {
		char buf[12];

		memset(buf, 'Z', sizeof buf);
		assert_int_equal(stoa_value_print(&text, buf, size), 5);
		assert_int_equal(stoa_value_print(&blob, buf, size), 8);
		assert_int_equal(stoa_value_print(&number, buf, size), 6);
		for (size_t i = size; i < sizeof buf; i++)
			assert_int_equal(buf[i], 'Z');
		if (size > 0)
			assert_int_equal(strlen(buf), size - 1 < 6 ? size - 1 : 6);
	}
	assert_int_equal(stoa_value_print(&text, NULL, 0), 5);
}

static struct stoa_value random_value(enum stoa_type type, uint8_t scale, uint64_t *seed)
{
	struct stoa_value v = stoa_null();
	unsigned shift = (unsigned)testing_below(seed, 64);
	int64_t min, max;

	v.type = (uint8_t)type;
	v.scale = scale;
	switch (stoa__type_family(type)) {
	case STOA__INT:
		stoa__type_range(type, 18, &min, &max);
		v.i = (int64_t)testing_random(seed) >> shift;
		v.i = v.i < min || v.i > max ? (v.i & 1 ? min : max) : v.i;
		break;
	case STOA__UINT: v.u = testing_random(seed) >> (64 - 8 * stoa__type_width(type)); break;
	case STOA__FLOAT:
		v.f = (double)(int64_t)testing_random(seed) /
		      (double)(testing_random(seed) >> shift | 1);
		v.f = type == STOA_F32 ? (double)(float)v.f : v.f;
		break;
	case STOA__UUID:
		v.u = testing_random(seed);
		v.uuid[12] = (uint8_t)v.u;
		break;
	default: v.p = "some \"text\""; v.len = (uint32_t)testing_below(seed, 12); break;
	}
	return v;
}

static void random_values_of_every_type_round_trip(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 100000; round++) {
		enum stoa_type type = (enum stoa_type)(STOA_BOOL + testing_below(&seed, 18));
		uint8_t scale = type == STOA_DECIMAL ? (uint8_t)testing_below(&seed, 19) : 0;
		struct stoa_value v = random_value(type, scale, &seed), back;
		char buf[64];
		size_t n = stoa_value_print(&v, buf, sizeof buf);

		assert_true(n < STOA__PRINT_MAX);
		if (stoa_value_parse(type, scale, buf, n, &back, NULL) != STOA_OK ||
		    stoa__value_compare(&v, &back) != 0)
			fail_msg("%s does not read back as %s", buf, stoa_type_name(type));
	}
}

/* Mutated text: whatever is accepted must print and read back to the same value. */
static void mutated_text_is_refused_or_means_what_it_prints(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 200000; round++) {
		enum stoa_type type = (enum stoa_type)(STOA_BOOL + testing_below(&seed, 18));
		uint8_t scale = type == STOA_DECIMAL ? (uint8_t)testing_below(&seed, 19) : 0;
		struct stoa_value v = random_value(type, scale, &seed), back;
		char buf[64], *exact;
		size_t n = stoa_value_print(&v, buf, sizeof buf);

		for (unsigned edits = 1 + (unsigned)testing_below(&seed, 3); edits > 0 && n > 0;
		     edits--)
			buf[testing_below(&seed, n)] =
				"0123456789.-+:eETZ \xc3\x80x"[testing_below(&seed, 23)];
		exact = malloc(n ? n : 1);	/* of that size, so that overreads are seen */
		assert_non_null(exact);
		memcpy(exact, buf, n);
		if (stoa_value_parse(type, scale, exact, n, &v, NULL) == STOA_OK) {
			size_t m = stoa_value_print(&v, buf, sizeof buf);

			assert_int_equal(stoa_value_parse(type, scale, buf, m, &back, NULL),
					 STOA_OK);
			assert_int_equal(stoa__value_compare(&v, &back), 0);
		}
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_read_to_their_limits),
		cmocka_unit_test(decimals_keep_every_digit),
		cmocka_unit_test(floats_print_in_the_shortest_form),
		cmocka_unit_test(floats_of_all_shapes_are_refused_when_malformed),
		cmocka_unit_test(floats_are_read_as_strtod_reads_them),
		cmocka_unit_test(halfway_points_round_to_even),
		cmocka_unit_test(random_floats_round_trip_and_no_digit_is_wasted),
		cmocka_unit_test(no_locale_gets_into_numbers),
		cmocka_unit_test(dates_are_checked_against_the_calendar),
		cmocka_unit_test(times_have_seconds_and_fractions_or_not),
		cmocka_unit_test(timestamps_take_a_blank_or_t_and_an_offset),
		cmocka_unit_test(uuids_and_bools_are_read_in_either_case),
		cmocka_unit_test(strings_print_as_they_are_and_blobs_in_hexadecimal),
		cmocka_unit_test(printing_cuts_off_what_does_not_fit_and_says_how_much_there_is),
		cmocka_unit_test(random_values_of_every_type_round_trip),
		cmocka_unit_test(mutated_text_is_refused_or_means_what_it_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
