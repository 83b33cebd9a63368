/* SPDX-License-Identifier: MIT */
/* type_test.c - what types hold, and that conversion loses nothing */
#include "testing.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"

static struct stoa_slot slot_of(enum stoa_type type)
{
	struct stoa_slot s = { "x", (uint8_t)type, 0, 0, 0, { 0 }, 0 };

	return s;
}

static struct stoa_slot decimal_slot(uint8_t precision, uint8_t scale)
{
	struct stoa_slot s = { "x", STOA_DECIMAL, precision, scale, 0, { 0 }, 0 };

	return s;
}

static int convert(enum stoa_type type, struct stoa_value in, struct stoa_value *out)
{
	struct stoa_slot s = slot_of(type);
	struct stoa_error err;

	return stoa__convert(&s, &in, out, &err);
}

static struct stoa_value typed(enum stoa_type type, int64_t x)
{
	struct stoa_value v;

	memset(&v, 0, sizeof v);	/* all 16 bytes of a uuid */
	v.type = (uint8_t)type;
	v.i = x;
	return v;
}

static const enum stoa_type integers[] = { STOA_I8, STOA_I16, STOA_I32, STOA_I64,
					   STOA_U8, STOA_U16, STOA_U32, STOA_U64 };

static void each_type_has_a_name_a_family_and_a_width(void **state)
{
	(void)state;
	assert_false(stoa__type_valid(STOA_NULL));
	assert_false(stoa__type_valid(22));
	assert_false(stoa__type_valid(STOA_TYPE_DEFAULT));
	assert_string_equal(stoa_type_name(STOA_TYPE_DEFAULT), "unknown");
	assert_string_equal(stoa_type_name(STOA_NULL), "null");
	assert_string_equal(stoa_type_name(STOA_TIMESTAMP), "timestamp");
	for (unsigned t = STOA_BOOL; t <= STOA_BLOB; t++) {
		size_t width = stoa__type_width(t);

		assert_true(stoa__type_valid(t));
		assert_true(width && width <= 16 && (width & (width - 1)) == 0);
		assert_string_not_equal(stoa_type_name((enum stoa_type)t), "unknown");
	}
	assert_int_equal(stoa__type_family(STOA_DECIMAL), STOA__INT);
	assert_int_equal(stoa__type_family(STOA_U8), STOA__UINT);
	assert_int_equal(stoa__type_family(STOA_BLOB), STOA__BYTES);
}

static void a_type_prints_as_sql_writes_it(void **state)
{
	struct stoa_slot d = decimal_slot(12, 2), i = slot_of(STOA_I32);
	char buf[32];

	(void)state;
	assert_int_equal(stoa__type_print(&d, buf, sizeof buf), 13);
	assert_string_equal(buf, "decimal(12,2)");
	stoa__type_print(&i, buf, sizeof buf);
	assert_string_equal(buf, "i32");
}

/* Every integer type against every other, at the edges of both, with 128 bits as the judge. */
static void an_integer_converts_exactly_when_the_slot_holds_it(void **state)
{
	(void)state;
	for (size_t f = 0; f < 8; f++) {
		for (size_t t = 0; t < 8; t++) {
			for (int k = 0; k < 64; k++) {
				for (int delta = -1; delta <= 1; delta++) {
					uint64_t bits = ((uint64_t)1 << k) + (uint64_t)delta;
					struct stoa_value in = typed(integers[f], (int64_t)bits);
					struct stoa_value out;
					bool u_in = stoa__type_family(integers[f]) == STOA__UINT;
					bool u_out = stoa__type_family(integers[t]) == STOA__UINT;
					__int128 x = u_in ? (__int128)bits : (int64_t)bits;
					int64_t min, max;
					bool fits;
					int rc;

					stoa__type_range(integers[t], 0, &min, &max);
					fits = x >= min && (integers[t] == STOA_U64 || x <= max);
					rc = convert(integers[t], in, &out);
					assert_int_equal(rc, fits ? STOA_OK : STOA_ERANGE);
					if (!fits)
						continue;
					assert_int_equal(out.type, integers[t]);
					assert_true((u_out ? (__int128)out.u : out.i) == x);
				}
			}
		}
	}
}

static void a_decimal_changes_its_scale_only_when_no_digit_is_lost(void **state)
{
	struct stoa_slot d52 = decimal_slot(5, 2), d180 = decimal_slot(18, 0);
	struct stoa_value in, out;

	(void)state;
	in = stoa_decimal(12345, 3);
	assert_int_equal(stoa__convert(&d52, &in, &out, NULL), STOA_ERANGE);
	in = stoa_decimal(12340, 3);
	assert_int_equal(stoa__convert(&d52, &in, &out, NULL), STOA_OK);
	assert_int_equal(out.i, 1234);
	assert_int_equal(out.scale, 2);
	in = stoa_i64(-999);
	assert_int_equal(stoa__convert(&d52, &in, &out, NULL), STOA_OK);
	assert_int_equal(out.i, -99900);
	in = stoa_i64(1000);
	assert_int_equal(stoa__convert(&d52, &in, &out, NULL), STOA_ERANGE);
	in = stoa_u64(UINT64_MAX);
	assert_int_equal(stoa__convert(&d180, &in, &out, NULL), STOA_ERANGE);
	in = stoa_i64(INT64_C(999999999999999999));
	assert_int_equal(stoa__convert(&d180, &in, &out, NULL), STOA_OK);
	in.i++;
	assert_int_equal(stoa__convert(&d180, &in, &out, NULL), STOA_ERANGE);
	assert_int_equal(convert(STOA_I32, stoa_decimal(500, 2), &out), STOA_OK);
	assert_int_equal(out.i, 5);
	assert_int_equal(out.type, STOA_I32);
	assert_int_equal(convert(STOA_I32, stoa_decimal(501, 2), &out), STOA_ERANGE);
	in = stoa_decimal(1, 19);
	assert_int_equal(stoa__convert(&d52, &in, &out, NULL), STOA_EINVAL);
}

static void a_number_becomes_a_float_only_when_it_comes_back(void **state)
{
	struct stoa_value out;

	(void)state;
	assert_int_equal(convert(STOA_F64, stoa_i64((int64_t)1 << 53), &out), STOA_OK);
	assert_int_equal(convert(STOA_F64, stoa_i64(((int64_t)1 << 53) + 1), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F64, stoa_i64(INT64_MIN), &out), STOA_OK);
	assert_int_equal(convert(STOA_F64, stoa_i64(INT64_MAX), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F64, stoa_u64(UINT64_MAX), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F64, stoa_decimal(1, 1), &out), STOA_OK);
	assert_true(out.f == 0.1 && out.type == STOA_F64);
	assert_int_equal(convert(STOA_F64, stoa_decimal(999999999999999, 7), &out), STOA_OK);
	assert_true(out.f == 99999999.9999999);
	assert_int_equal(convert(STOA_F64, stoa_decimal(1000000000000001, 7), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F64, stoa_decimal(1000000000000000, 1), &out), STOA_OK);
	assert_int_equal(convert(STOA_F32, stoa_i64(1 << 24), &out), STOA_OK);
	assert_int_equal(convert(STOA_F32, stoa_i64((1 << 24) + 1), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F32, stoa_decimal(1, 1), &out), STOA_OK);
	assert_true(out.f == (double)0.1f);
	assert_int_equal(convert(STOA_F32, stoa_decimal(1000001, 1), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F32, stoa_f64(0.5), &out), STOA_OK);
	assert_int_equal(convert(STOA_F32, stoa_f64(0.1), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F32, stoa_f64(1e300), &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_F32, stoa_f64((double)NAN), &out), STOA_OK);
	assert_true(isnan(out.f));
	assert_int_equal(convert(STOA_F32, stoa_f64(-(double)INFINITY), &out), STOA_OK);
	assert_int_equal(convert(STOA_I64, stoa_f64(1), &out), STOA_ETYPE);
}

static void only_like_converts_to_like(void **state)
{
	static const enum stoa_type alone[] = { STOA_BOOL, STOA_DATE, STOA_TIME, STOA_TIMESTAMP,
						STOA_UUID };
	struct stoa_value out;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		for (unsigned t = STOA_BOOL; t <= STOA_BLOB; t++) {
			int want = t == alone[i] ? STOA_OK : STOA_ETYPE;

			assert_int_equal(convert(alone[i], typed((enum stoa_type)t, 0), &out),
					 want);
			assert_int_equal(convert((enum stoa_type)t, typed(alone[i], 0), &out),
					 want);
		}
	}
	assert_int_equal(convert(STOA_I32, stoa_text("1"), &out), STOA_ETYPE);
	assert_int_equal(convert(STOA_I32, typed((enum stoa_type)99, 0), &out), STOA_ETYPE);
}

static void dates_and_times_have_their_range(void **state)
{
	static const enum stoa_type ranged[] = { STOA_BOOL, STOA_DATE, STOA_TIME, STOA_TIMESTAMP };
	struct stoa_value out;
	char buf[40];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int64_t min, max;

		stoa__type_range(ranged[i], 0, &min, &max);
		assert_int_equal(convert(ranged[i], typed(ranged[i], min), &out), STOA_OK);
		assert_int_equal(convert(ranged[i], typed(ranged[i], max), &out), STOA_OK);
		stoa_value_print(&out, buf, sizeof buf);
		if (ranged[i] == STOA_TIMESTAMP)
			assert_string_equal(buf, "9999-12-31 23:59:59.999999");
		if (ranged[i] == STOA_DATE)
			assert_string_equal(buf, "9999-12-31");
		assert_int_equal(convert(ranged[i], typed(ranged[i], min - 1), &out), STOA_ERANGE);
		assert_int_equal(convert(ranged[i], typed(ranged[i], max + 1), &out), STOA_ERANGE);
	}
}

static void strings_are_checked_for_length_and_utf8(void **state)
{
	static char big[STOA_STRING_MAX + 1];
	struct stoa_error err;
	struct stoa_slot s = slot_of(STOA_STRING);
	struct stoa_value in = stoa_bytes_value(STOA_BLOB, "\xff", 1), out;

	(void)state;
	assert_int_equal(stoa__convert(&s, &in, &out, &err), STOA_EINVAL);
	assert_non_null(strstr(err.text, "\"x\""));
	assert_int_equal(convert(STOA_TEXT, in, &out), STOA_EINVAL);
	assert_int_equal(convert(STOA_BLOB, in, &out), STOA_OK);
	assert_int_equal(out.type, STOA_BLOB);
	memset(big, 'a', sizeof big);
	in = stoa_bytes_value(STOA_TEXT, big, STOA_STRING_MAX);
	assert_int_equal(convert(STOA_STRING, in, &out), STOA_OK);
	assert_ptr_equal(out.p, big);
	in.len++;
	assert_int_equal(convert(STOA_STRING, in, &out), STOA_ERANGE);
	assert_int_equal(convert(STOA_TEXT, in, &out), STOA_OK);
	in = stoa_bytes_value(STOA_BLOB, NULL, STOA_TEXT_MAX + 1u);
	assert_int_equal(convert(STOA_BLOB, in, &out), STOA_ERANGE);
	in = stoa_bytes_value(STOA_TEXT, NULL, 0);
	assert_int_equal(convert(STOA_STRING, in, &out), STOA_OK);
}

static void null_and_default_follow_the_slot(void **state)
{
	struct stoa_slot s = slot_of(STOA_I64);
	struct stoa_value in = stoa_null(), out;
	struct stoa_error err;

	(void)state;
	assert_int_equal(stoa__convert(&s, &in, &out, NULL), STOA_OK);
	assert_int_equal(out.type, STOA_NULL);
	s.flags = STOA_NOT_NULL;
	assert_int_equal(stoa__convert(&s, &in, &out, &err), STOA_ENULL);
	in = stoa_default();
	assert_int_equal(stoa__convert(&s, &in, &out, &err), STOA_ENULL);
	s.value = typed(STOA_I64, 7);
	assert_int_equal(stoa__convert(&s, &in, &out, &err), STOA_OK);
	assert_int_equal(out.i, 7);
}

static void a_failed_conversion_leaves_the_value_alone_and_names_the_slot(void **state)
{
	struct stoa_slot s = decimal_slot(3, 1);
	struct stoa_value in = stoa_decimal(12345, 2), out = stoa_i64(42);
	struct stoa_error err;

	(void)state;
	assert_int_equal(stoa__convert(&s, &in, &out, &err), STOA_ERANGE);
	assert_string_equal(err.text, "123.45 does not fit slot \"x\", which holds decimal(3,1)");
	assert_int_equal(out.i, 42);
	in = stoa_bool(true);
	assert_int_equal(stoa__convert(&s, &in, &out, &err), STOA_ETYPE);
	assert_string_equal(err.text, "slot \"x\" holds decimal, and the value given is bool");
}

static void utf8_is_what_the_standard_says(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "", true },
		{ "plain ascii, longer than eight", true },
		{ "caf\xc3\xa9", true },
		{ "\xe2\x82\xac", true },
		{ "\xf0\x9f\x98\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },		/* U+10FFFF */
		{ "\xed\x9f\xbf", true },		/* U+D7FF */
		{ "\xed\xa0\x80", false },		/* a surrogate */
		{ "\xf4\x90\x80\x80", false },		/* past the end */
		{ "\xc0\x80", false },			/* overlong */
		{ "\xe0\x9f\xbf", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xc3", false },
		{ "\xe2\x82", false },
		{ "\xf0\x9f\x98", false },
		{ "\x80", false },
		{ "12345678\xff", false },
		{ "\xe2\x28\xa1", false },
		{ "\xe2\x82\x28", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(stoa__utf8_valid(cases[i].text, strlen(cases[i].text)),
				 cases[i].valid);
	assert_true(stoa__utf8_valid("a\0b", 3));
}

static void a_bad_byte_is_found_wherever_it_is(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 40; n++) {
		char text[40];

		memset(text, 'x', sizeof text);
		assert_true(stoa__utf8_valid(text, n));
		for (size_t i = 0; i < n; i++) {
			text[i] = '\x80';
			assert_false(stoa__utf8_valid(text, n));
			text[i] = 'x';
		}
	}
}

static void names_are_equal_without_regard_to_ascii_case(void **state)
{
	(void)state;
	assert_true(stoa__name_equal("L_OrderKey", "l_orderkey"));
	assert_false(stoa__name_equal("a", "ab"));
	assert_false(stoa__name_equal("@", "`"));
	assert_true(stoa__name_equal("", ""));
}

static void civil_dates_and_days_are_inverse(void **state)
{
	int32_t days = stoa__days_from_civil(-100, 1, 1);
	int64_t year;
	unsigned month, day;

	(void)state;
	assert_int_equal(stoa__days_from_civil(1970, 1, 1), 0);
	assert_int_equal(stoa__days_from_civil(2000, 3, 1), 11017);
	assert_int_equal(stoa__days_from_civil(1, 1, 1), -719162);
	for (int64_t y = -100; y <= 2500; y++) {
		for (unsigned m = 1; m <= 12; m++) {
			assert_int_equal(stoa__days_from_civil(y, m, 1), days);
			stoa__civil_from_days(days, &year, &month, &day);
			assert_true(year == y && month == m && day == 1);
			stoa__civil_from_days(days + 27, &year, &month, &day);
			assert_true(year == y && month == m && day == 28);
			days += m == 2 ? 28 + (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
				       : 30 + (int)((m + (m > 7)) & 1);
		}
	}
}

static void elements_and_values_are_inverse(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (unsigned t = STOA_BOOL; t <= STOA_BLOB; t++) {
		uint8_t room[4 * 16] __attribute__((aligned(16))) = { 0 };
		uint64_t validity = 0xd;
		struct stoa_array a = { (uint8_t)t, 2, room, &validity };

		for (int round = 0; round < 100; round++) {
			struct stoa_value in = typed((enum stoa_type)t, 0), out;
			int64_t min = 0, max = 0;

			if (stoa__type_family(t) == STOA__INT) {
				stoa__type_range(t, 18, &min, &max);
				in.i = round < 50 ? max - round % 2 : min + round % 2;
			} else if (stoa__type_family(t) == STOA__UINT) {
				in.u = testing_random(&seed) >> (64 - 8 * stoa__type_width(t));
			} else if (stoa__type_family(t) == STOA__FLOAT) {
				in.f = (double)(float)testing_random(&seed) / 3;
				in.f = t == STOA_F32 ? (double)(float)in.f : in.f;
			} else if (t == STOA_UUID) {
				in.u = testing_random(&seed);
			} else {
				in.p = "hello";
				in.len = (uint32_t)testing_below(&seed, 6);
			}
			stoa__element_put(t, room, 2, &in);
			out = stoa__array_value(&a, 2);
			assert_int_equal(out.type, t);
			assert_int_equal(out.scale, t == STOA_DECIMAL ? 2 : 0);
			in.scale = out.scale;
			assert_int_equal(stoa__value_compare(&in, &out), 0);
		}
		assert_int_equal(stoa__array_value(&a, 1).type, STOA_NULL);
	}
}

static void assert_ascending(struct stoa_value a, struct stoa_value b)
{
	assert_int_equal(stoa__value_compare(&a, &b), -1);
	assert_int_equal(stoa__value_compare(&b, &a), 1);
	assert_int_equal(stoa__value_compare(&a, &a), 0);
	assert_int_equal(stoa__value_compare(&b, &b), 0);
}

static void values_of_a_type_have_an_order(void **state)
{
	struct stoa_value a = typed(STOA_UUID, 0), b = a;

	(void)state;
	assert_ascending(stoa_i64(INT64_MIN), stoa_i64(INT64_MAX));
	assert_ascending(stoa_u64(INT64_MAX), stoa_u64(UINT64_MAX));
	assert_ascending(stoa_f64(-(double)INFINITY), stoa_f64(0));
	assert_ascending(stoa_f64((double)INFINITY), stoa_f64((double)NAN));
	assert_ascending(stoa_decimal(19, 1), stoa_decimal(191, 2));
	assert_ascending(stoa_decimal(INT64_C(-999999999999999999), 0), stoa_decimal(1, 18));
	assert_ascending(stoa_text("ab"), stoa_text("abc"));
	assert_ascending(stoa_text(""), stoa_text("a"));
	assert_ascending(stoa_text("a\x7f"), stoa_text("a\xc3\xa9"));
	b.uuid[15] = 1;
	assert_ascending(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_has_a_name_a_family_and_a_width),
		cmocka_unit_test(a_type_prints_as_sql_writes_it),
		cmocka_unit_test(an_integer_converts_exactly_when_the_slot_holds_it),
		cmocka_unit_test(a_decimal_changes_its_scale_only_when_no_digit_is_lost),
		cmocka_unit_test(a_number_becomes_a_float_only_when_it_comes_back),
		cmocka_unit_test(only_like_converts_to_like),
		cmocka_unit_test(dates_and_times_have_their_range),
		cmocka_unit_test(strings_are_checked_for_length_and_utf8),
		cmocka_unit_test(null_and_default_follow_the_slot),
		cmocka_unit_test(a_failed_conversion_leaves_the_value_alone_and_names_the_slot),
		cmocka_unit_test(utf8_is_what_the_standard_says),
		cmocka_unit_test(a_bad_byte_is_found_wherever_it_is),
		cmocka_unit_test(names_are_equal_without_regard_to_ascii_case),
		cmocka_unit_test(civil_dates_and_days_are_inverse),
		cmocka_unit_test(elements_and_values_are_inverse),
		cmocka_unit_test(values_of_a_type_have_an_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
