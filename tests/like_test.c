/* SPDX-License-Identifier: MIT */
/*
 * like_test.c - LIKE on many strings at a time, against one by one
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../query/func.h"
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
	};

	return cmocka_run_group_tests(tests, make_tables, NULL);
}
