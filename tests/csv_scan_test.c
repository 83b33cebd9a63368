/* SPDX-License-Identifier: MIT */
/*
 * csv_scan_test.c - every scan kernel does what the scalar one does, at every length and alignment
 *
 * Texts are random over an alphabet of what matters, and lie at the very end of a heap block of
 * their size, so that a sanitizer sees a kernel read beyond them.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/csv/fast.h"
#include "../lib/csv/scan.h"

#define LEN_MAX 330

/* @len random bytes in a block of exactly @align + @len, at offset @align. */
static char *random_text(uint64_t *seed, size_t align, size_t len)
{
	static const char alphabet[] = ",,\n\"\"ab\r;\xc3";
	bool rare = testing_below(seed, 2);
	char *room = malloc(align + len + !(align + len));

	assert_non_null(room);
	for (size_t i = 0; i < len; i++) {
		char c = alphabet[testing_below(seed, sizeof alphabet - 1)];

		room[align + i] = c == '"' && rare && testing_below(seed, 16) ? 'x' : c;
	}
	return room;
}

struct result {
	struct stoa__csv_scan s;
	uint32_t out[LEN_MAX + STOA__CSV_SCAN_ROOM];
	size_t n;
};

/* Scans all of the text in steps: with little room at a time, and cut at @cut. */
static void scan_fields(const struct stoa__csv_scan_kernel *k, const char *text, size_t len,
			size_t cut, size_t room, struct result *r)
{
	size_t at = 0;

	memset(r, 0, sizeof *r);
	stoa__csv_scan_init(&r->s, ',', '"');
	while (at < len) {
		size_t to = at < cut ? cut : len;
		size_t cap = r->n + STOA__CSV_SCAN_ROOM + room;
		size_t before = at;

		cap = cap < sizeof r->out / sizeof *r->out ? cap : sizeof r->out / sizeof *r->out;
		at = k->fields(&r->s, text, at, to, r->out, &r->n, cap);
		assert_true(at > before && at <= to);
	}
}

static void fields_are_found_alike_by_all_kernels(void **state)
{
	static struct result want, got;
	uint64_t seed = testing_seed();
	const struct stoa__csv_scan_kernel *k;

	(void)state;
	for (size_t len = 0; len <= LEN_MAX; len++) {
		for (size_t align = 0; align < (testing_long() ? 64 : 5); align++) {
			char *room = random_text(&seed, align, len);
			size_t cut = testing_below(&seed, len + 1);

			scan_fields(&stoa__csv_scan_scalar, room + align, len, 0, LEN_MAX, &want);
			for (unsigned i = 0; (k = stoa__csv_scan_kernel_nth(i)); i++) {
				scan_fields(k, room + align, len, cut, testing_below(&seed, 70),
					    &got);
				assert_int_equal(got.n, want.n);
				assert_memory_equal(got.out, want.out, want.n * 4);
				assert_int_equal(got.s.n_newlines, want.s.n_newlines);
				assert_int_equal(got.s.bad_quote, want.s.bad_quote);
				assert_int_equal(got.s.non_ascii, want.s.non_ascii);
				assert_int_equal(got.s.quoted, want.s.quoted);
				assert_int_equal(got.s.at_start, want.s.at_start);
				assert_int_equal(got.s.after_quote, want.s.after_quote);
			}
			free(room);
		}
	}
}

static void the_nth_record_ends_at_the_same_byte_for_all_kernels(void **state)
{
	uint64_t seed = testing_seed();
	const struct stoa__csv_scan_kernel *k;

	(void)state;
	for (size_t len = 0; len <= LEN_MAX; len++) {
		for (size_t align = 0; align < (testing_long() ? 64 : 5); align++) {
			char *room = random_text(&seed, align, len), *text = room + align;
			size_t cut = testing_below(&seed, len + 1);
			size_t target = 1 + testing_below(&seed, 1 + len / 5), left = target, end;
			struct stoa__csv_scan want, got;

			stoa__csv_scan_init(&want, ',', '"');
			end = stoa__csv_scan_scalar.records(&want, text, 0, len, &left);
			for (unsigned i = 0; (k = stoa__csv_scan_kernel_nth(i)); i++) {
				size_t todo = target, at, last_end;

				stoa__csv_scan_init(&got, ',', '"');
				at = k->records(&got, text, 0, cut, &todo);
				last_end = got.last_end;
				if (todo > 0) {
					at = k->records(&got, text, at, len, &todo);
					last_end = got.last_end ? got.last_end : last_end;
				}
				assert_int_equal(at, end);
				assert_int_equal(todo, left);
				assert_int_equal(last_end, want.last_end);
				assert_int_equal(got.quoted, want.quoted);
				assert_int_equal(got.after_newline, want.after_newline);
				assert_int_equal(got.at_start, want.at_start);
				assert_int_equal(got.after_quote, want.after_quote);
			}
			free(room);
		}
	}
}

/* The specification itself, on text whose answer is known. */
static void quotes_hide_delimiters_and_newlines(void **state)
{
	static const char text[] = "a,\"x,\"\"\ny\",b\n\"\",c\"d\n";
	static const uint32_t ends[] = { 1, 10, 12, 15, 19 };
	const struct stoa__csv_scan_kernel *k;

	(void)state;
	for (unsigned i = 0; (k = stoa__csv_scan_kernel_nth(i)); i++) {
		struct result r;

		scan_fields(k, text, sizeof text - 1, 0, 64, &r);
		assert_int_equal(r.n, 4);	/* the last quote hides the last newline */
		assert_memory_equal(r.out, ends, 4 * 4);
		assert_int_equal(r.s.n_newlines, 1);
		assert_int_equal(r.s.bad_quote, 17);
		assert_int_equal(r.s.quoted, UINT64_MAX);
		assert_false(r.s.non_ascii);
	}
}

static void blank_lines_are_no_records(void **state)
{
	static const char text[] = "\n\na\n\n\nb\n";
	const struct stoa__csv_scan_kernel *k;

	(void)state;
	for (unsigned i = 0; (k = stoa__csv_scan_kernel_nth(i)); i++) {
		struct stoa__csv_scan s;
		size_t wanted = 2;

		stoa__csv_scan_init(&s, ',', '"');
		assert_int_equal(k->records(&s, text, 0, sizeof text - 1, &wanted), 8);
		assert_int_equal(wanted, 0);
	}
}

/* ---- lanes ------------------------------------------------------------------------------ */

enum { ROOM = 48, AT = 16, DIGITS_MAX = 8 };

/* [-]digits[.digits], now and then with a byte that is wrong, at text + AT. Returns its length. */
static size_t random_number(uint64_t *seed, char *text, unsigned scale)
{
	size_t whole = testing_below(seed, 6), n = AT;

	memset(text, '0' + (char)testing_below(seed, 12), ROOM);
	if (testing_below(seed, 4) == 0)
		text[n++] = '-';
	for (size_t i = 0; i < whole; i++)
		text[n++] = '0' + (char)testing_below(seed, 10);
	if (scale > 0 && testing_below(seed, 8))
		text[n++] = '.';
	for (size_t i = 0; i < scale; i++)
		text[n++] = '0' + (char)testing_below(seed, 10);
	if (n > AT && testing_below(seed, 30) == 0)
		text[AT + testing_below(seed, n - AT)] = (char)testing_random(seed);
	return n - AT;
}

static void load_number(struct stoa__csv_lanes *l, size_t i, const char *end, size_t n,
			unsigned scale)
{
	uint64_t fraction = scale ? ~UINT64_C(0) << (64 - 8 * scale) : 0, whole;

	memcpy(&l->word[i], end - 8, 8);
	l->len[i] = n;
	if (scale == 0)
		return;
	memcpy(&whole, end - 9 - scale, 8);
	l->word[i] = (l->word[i] & fraction) | whole >> 8 * scale;
	l->len[i] = end[-1 - (int)scale] == '.' ? n - 1 : 0;
}

/* A lane is odd exactly when its number is not of the form that lanes.h tells. */
static void lanes_of_numbers_agree_with_the_fast_forms(void **state)
{
	enum { MIN = -100000, MAX = 9999999 };
	const struct stoa__csv_scan_kernel *k;
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 5000; round++) {
		static char text[STOA__CSV_LANES][ROOM];
		unsigned scale = (unsigned)testing_below(&seed, STOA__CSV_LANES_SCALE_MAX + 1);
		size_t n[STOA__CSV_LANES];
		struct stoa__csv_lanes l;

		for (size_t i = 0; i < STOA__CSV_LANES; i++) {
			n[i] = random_number(&seed, text[i], scale);
			load_number(&l, i, text[i] + AT + n[i], n[i], scale);
		}
		for (unsigned which = 0; (k = stoa__csv_scan_kernel_nth(which)); which++) {
			uint64_t any = k->lanes.numbers(&l, scale, MIN, MAX), odd = 0;

			for (size_t i = 0; i < STOA__CSV_LANES; i++) {
				const char *p = text[i] + AT;
				int64_t x = 0;
				bool fits = scale ? stoa__csv_fast_decimal(p, n[i], scale, &x)
						  : stoa__csv_fast_integer(p, n[i], &x);

				fits = fits && x >= MIN && x <= MAX &&
				       n[i] - (scale > 0) <= DIGITS_MAX && !(x == 0 && *p == '-');
				assert_int_equal(l.odd[i] == 0, fits);
				assert_true(!fits || l.value[i] == x);
				odd |= l.odd[i];
			}
			assert_int_equal(any != 0, odd != 0);
		}
	}
}

static void random_timestamp(uint64_t *seed, char text[ROOM])
{
	snprintf(text, ROOM, "%04u-%02u-%02u %02u:%02u:%02u", (unsigned)testing_below(seed, 10000),
		 (unsigned)testing_below(seed, 14), (unsigned)testing_below(seed, 33),
		 (unsigned)testing_below(seed, 26), (unsigned)testing_below(seed, 62),
		 (unsigned)testing_below(seed, 62));
	if (testing_below(seed, 50) == 0)
		text[testing_below(seed, 10)] = (char)testing_random(seed);
	if (testing_below(seed, 50) == 0)
		text[11 + testing_below(seed, 8)] = (char)testing_random(seed);
}

static void lanes_of_dates_and_times_agree_with_the_fast_forms(void **state)
{
	const struct stoa__csv_scan_kernel *k;
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 5000; round++) {
		static char text[STOA__CSV_LANES][ROOM];
		struct stoa__csv_lanes l;

		for (size_t i = 0; i < STOA__CSV_LANES; i++)
			random_timestamp(&seed, text[i]);
		for (unsigned which = 0; (k = stoa__csv_scan_kernel_nth(which)); which++) {
			for (size_t i = 0; i < STOA__CSV_LANES; i++) {
				uint16_t tail;

				memcpy(&l.word[i], text[i], 8);
				memcpy(&tail, text[i] + 8, 2);
				l.len[i] = tail;
			}
			k->lanes.dates(&l);
			for (size_t i = 0; i < STOA__CSV_LANES; i++) {
				int32_t day = 0;
				bool fits = stoa__csv_fast_date(text[i], 10, &day);

				assert_int_equal(l.odd[i] == 0, fits);
				assert_true(!fits || l.value[i] == day);
				memcpy(&l.word[i], text[i] + 11, 8);
			}
			k->lanes.times(&l);
			for (size_t i = 0; i < STOA__CSV_LANES; i++) {
				int64_t us = 0;
				bool fits = stoa__csv_fast_timestamp(text[i], 19, &us);

				assert_int_equal(l.odd[i] == 0, fits);
				assert_true(!fits || l.value[i] == us);
			}
		}
	}
}

static void there_is_always_a_kernel_and_the_last_is_scalar(void **state)
{
	unsigned n = 0;

	(void)state;
	while (stoa__csv_scan_kernel_nth(n))
		n++;
	assert_true(n > 0);
	assert_ptr_equal(stoa__csv_scan_kernel_nth(n - 1), &stoa__csv_scan_scalar);
	assert_non_null(stoa__csv_scan_kernel());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_alike_by_all_kernels),
		cmocka_unit_test(the_nth_record_ends_at_the_same_byte_for_all_kernels),
		cmocka_unit_test(quotes_hide_delimiters_and_newlines),
		cmocka_unit_test(blank_lines_are_no_records),
		cmocka_unit_test(lanes_of_numbers_agree_with_the_fast_forms),
		cmocka_unit_test(lanes_of_dates_and_times_agree_with_the_fast_forms),
		cmocka_unit_test(there_is_always_a_kernel_and_the_last_is_scalar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
