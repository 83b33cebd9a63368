/* SPDX-License-Identifier: MIT */
/*
 * like_test.c - LIKE on many strings at a time, against one by one; ILIKE against LIKE
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../query/func.h"
#include "../query/letters.h"
#include "array_source.h"

static uint64_t rng;

static struct stoa_bytes random_text(char *room, size_t max, const char *letters)
{
	size_t n = strlen(letters), len = testing_below(&rng, max + 1);

	for (size_t i = 0; i < len; i++)
		room[i] = letters[testing_below(&rng, n)];
	room[len] = 0;
	return (struct stoa_bytes){ room, (uint32_t)len };
}

/* ---- runs ----------------------------------------------------------------------------------- */

#define MAX_ROWS 3000
static struct stoa_slot slots[] = { { .name = "t", .type = STOA_TEXT } };
static struct stoa_value values[MAX_ROWS];
static struct array_table table = { .name = "x", .slots = slots, .n_slots = 1, .values = values };
static struct array_tables tables;
static char bytes[MAX_ROWS * 16];

/* Strings mostly one after another in memory, with gaps, NULLs and empty ones. */
static void fill_table(void)
{
	size_t at = 0;

	table.n_rows = testing_below(&rng, MAX_ROWS + 1);
	table.group_rows = MAX_ROWS;
	table.batch_rows = 1 + testing_below(&rng, STOA_BATCH_MAX);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)('a' + testing_below(&rng, 3));
	for (size_t r = 0; r < table.n_rows; r++) {
		size_t len = testing_below(&rng, 12);

		at += testing_below(&rng, 100) == 0;
		values[r] = stoa_null();
		if (testing_below(&rng, 50) == 0)
			continue;
		values[r] = stoa_text("");
		values[r].p = len ? bytes + at : "elsewhere";
		values[r].len = (uint32_t)len;
		at += len;
	}
}

static size_t count_rows(struct stoa_bytes pattern, bool negated)
{
	struct stoa__pattern p;
	size_t n = 0;

	assert_true(stoa__pattern_init(&p, pattern, '\\', false));
	for (size_t r = 0; r < table.n_rows; r++)
		if (values[r].type != STOA_NULL) {
			struct stoa_bytes s = { values[r].p, values[r].len };
			n += stoa__pattern_match(&p, s) != negated;
		}
	return n;
}

static void a_run_of_strings_is_searched_as_one(void **state)
{
	char pattern[12], word[8], sql[100], want[24];

	(void)state;
	for (size_t round = 0; round < 300; round++) {
		struct stoa_error err;
		bool negated = testing_below(&rng, 3) == 0;

		fill_table();
		random_text(word, 5, "abc");
		snprintf(pattern, sizeof pattern, "%s%s%s", round % 4 ? "%" : "", word,
			 round % 5 ? "%" : "");
		snprintf(sql, sizeof sql, "SELECT count(*) FROM x WHERE t %sLIKE '%s'",
			 negated ? "NOT " : "", pattern);
		struct stoa_bytes p = { pattern, (uint32_t)strlen(pattern) };
		snprintf(want, sizeof want, "%zu\n", count_rows(p, negated));
		char *got = array_query(&tables, sql, NULL, 0, &err);
		assert_non_null(got);
		if (strcmp(got, want) != 0)
			fail_msg("%s: %s instead of %s", sql, got, want);
		free(got);
	}
}

/* Strings of letters in both cases, of one to three bytes, some of another length in the other. */
static struct stoa_bytes random_letters(char *room, size_t max, const char *more)
{
	static const char *const letters[] = { "a", "A", "b", "\u00e9", "\u00c9", "\u00df", "\u212a", "k",
					       "\u023a", "\u2c65", "\u6771", "1" };
	size_t n = testing_below(&rng, max + 1), len = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = testing_below(&rng, sizeof letters / sizeof *letters + strlen(more));
		size_t other = k - sizeof letters / sizeof *letters;
		const char *s = k < sizeof letters / sizeof *letters ? letters[k] : (char[]){ more[other], 0 };

		memcpy(room + len, s, strlen(s));
		len += strlen(s);
	}
	return (struct stoa_bytes){ room, (uint32_t)len };
}

static struct stoa_bytes lowered(struct stoa_bytes s, char *room)
{
	return (struct stoa_bytes){ room, (uint32_t)stoa__letters(s, STOA__LOWER, room) };
}

static void ilike_is_like_of_what_is_lowered(void **state)
{
	char room[4][40];
	size_t n_true = 0;

	(void)state;
	for (size_t round = 0; round < 100000; round++) {
		struct stoa_bytes s = random_letters(room[0], 6, ""), p = random_letters(room[1], 6, "%%%__");
		struct stoa__pattern ilike, like;
		bool got;

		assert_true(stoa__pattern_init(&ilike, p, 0, true));
		assert_true(stoa__pattern_init(&like, lowered(p, room[2]), 0, false));
		got = stoa__pattern_match(&ilike, s);
		if (got != stoa__pattern_match(&like, lowered(s, room[3])))
			fail_msg("'%.*s' ILIKE '%.*s'", (int)s.len, s.p, (int)p.len, p.p);
		n_true += got;
	}
	assert_in_range(n_true, 1000, 99000);
}

static void bytes_that_are_no_letters_stay(void **state)
{
	char room[16];
	size_t len = stoa__letters((struct stoa_bytes){ "a\xc3\xff\xc3\xa9\xe2\x82", 7 }, STOA__UPPER, room);

	(void)state;
	assert_int_equal(len, 7);
	assert_memory_equal(room, "A\xc3\xff\xc3\x89\xe2\x82", 7);
}

static int make_tables(void **state)
{
	(void)state;
	rng = testing_seed();
	array_tables_init(&tables, &table, 1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_of_strings_is_searched_as_one),
		cmocka_unit_test(ilike_is_like_of_what_is_lowered),
		cmocka_unit_test(bytes_that_are_no_letters_stay),
	};

	return cmocka_run_group_tests(tests, make_tables, NULL);
}
