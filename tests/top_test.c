/* SPDX-License-Identifier: MIT */
/*
 * top_test.c - ORDER BY with LIMIT: the same rows as without, and less work
 *
 * Random tables with many ties, NULLs and NaN, cut into groups and batches of random sizes: the
 * first rows under a LIMIT must be the first of all rows. Without LIMIT there is no bar, so the
 * two go different ways.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "array_source.h"

static struct stoa_slot slots[] = {
	{ .name = "a", .type = STOA_I32 },
	{ .name = "f", .type = STOA_F64 },
	{ .name = "u", .type = STOA_U64 },
	{ .name = "b", .type = STOA_BOOL },
	{ .name = "s", .type = STOA_STRING },
	{ .name = "t", .type = STOA_TEXT },
	{ .name = "id", .type = STOA_I64 },
};
#define N_SLOTS (sizeof slots / sizeof *slots)
#define MAX_ROWS 300

static struct stoa_value values[MAX_ROWS * N_SLOTS];
static struct array_table table = { .name = "x", .slots = slots, .n_slots = N_SLOTS,
				    .values = values };
static struct array_tables tables;
static uint64_t rng;

static struct stoa_value typed(unsigned type, int64_t x)
{
	struct stoa_value v = stoa_i64(x);
	v.type = (uint8_t)type;
	return v;
}

static struct stoa_value float_of(uint64_t x)
{
	static const double some[] = { 0, -0.0, 1.5, -1.5, 1e300, -1e300 };

	if (x % 16 == 0)
		return stoa_f64(__builtin_nan(""));
	if (x % 16 == 1)
		return stoa_f64(x & 16 ? __builtin_inf() : -__builtin_inf());
	return stoa_f64(some[x % 6]);
}

static struct stoa_value text_of(unsigned type, uint64_t x)
{
	static const char *const some[] = {
		"", "a", "ab", "abcdefgh", "abcdefghi", "abcdefghj", "b", "z",
	};
	struct stoa_value v = stoa_text(some[x % 8]);

	v.type = (uint8_t)type;
	return v;
}

static struct stoa_value random_value(unsigned type, uint64_t x)
{
	static const int64_t ints[] = { INT32_MIN, -2, -1, 0, 1, 2, 3, INT32_MAX };
	static const uint64_t large[] = { 0, 1, 2, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63 };

	switch (type) {
	case STOA_I32: return typed(STOA_I32, ints[x % 8]);
	case STOA_U64: return stoa_u64(large[x % 6]);
	case STOA_BOOL: return stoa_bool(x & 1);
	case STOA_F64: return float_of(x);
	default: return text_of(type, x);
	}
}

/* @sorted: a and id ascend together, as where rows come in order of time. */
static void fill_table(size_t n, unsigned null_percent, bool sorted)
{
	table.n_rows = n;
	for (size_t r = 0; r < n; r++) {
		struct stoa_value *row = &values[r * N_SLOTS];
		for (size_t i = 0; i + 1 < N_SLOTS; i++) {
			row[i] = random_value(slots[i].type, testing_random(&rng));
			if (testing_below(&rng, 100) < null_percent)
				row[i] = stoa_null();
		}
		if (sorted)
			row[0] = typed(STOA_I32, (int64_t)r);
		row[N_SLOTS - 1] = stoa_i64((int64_t)r);
	}
}

static char *query(const char *sql)
{
	struct stoa_error err;
	char *got = array_query(&tables, sql, NULL, 0, &err);

	if (!got)
		fail_msg("%s\n-> %s", sql, err.text);
	return got;
}

/* Lines [from, from + n) of @all. */
static void check_lines(const char *sql, const char *got, const char *all, size_t from, size_t n)
{
	const char *start = all, *end;

	for (; from && *start; from--)
		start = strchr(start, '\n') + 1;
	for (end = start; n && *end; n--)
		end = strchr(end, '\n') + 1;
	if (strlen(got) != (size_t)(end - start) || strncmp(got, start, strlen(got)) != 0)
		fail_msg("%s over groups of %zu, batches of %zu\n-> %s\nof %s", sql,
			 table.group_rows, table.batch_rows, got, all);
}

static void check_order(const char *where)
{
	static const char *const keys[] = { "a", "f", "u", "b", "s", "t", "id", "a + 1" };
	static const char *const ends[] = { "", " DESC", " NULLS FIRST", " DESC NULLS LAST" };
	size_t limit = testing_below(&rng, testing_below(&rng, 2) ? 5 : 150);
	size_t offset = testing_below(&rng, 4);
	char order[200], sql[400];
	int n = snprintf(order, sizeof order,
			 "SELECT s, id, f, t, a FROM x %s ORDER BY %s%s", where,
			 keys[testing_below(&rng, 8)], ends[testing_below(&rng, 4)]);

	if (testing_below(&rng, 2))
		snprintf(order + n, sizeof order - (size_t)n, ", %s%s",
			 keys[testing_below(&rng, 8)], ends[testing_below(&rng, 4)]);
	snprintf(sql, sizeof sql, "%s LIMIT %zu OFFSET %zu", order, limit, offset);
	char *all = query(order), *got = query(sql);
	check_lines(sql, got, all, offset, limit);
	free(all);
	free(got);
	assert_int_equal(table.n_open, 0);
}

static void a_limit_gives_the_first_of_all_rows(void **state)
{
	(void)state;
	for (size_t round = 0; round < 400; round++) {
		fill_table(testing_below(&rng, MAX_ROWS + 1), (unsigned)testing_below(&rng, 3) * 20,
			   testing_below(&rng, 2));
		table.group_rows = 1 + testing_below(&rng, 60);
		table.batch_rows = 1 + testing_below(&rng, 30);
		for (size_t i = 0; i < 5; i++) {
			check_order("");
			check_order("WHERE b");
			check_order("WHERE a >= 0");
		}
	}
}

static void groups_that_zone_maps_exclude_are_not_read(void **state)
{
	(void)state;
	fill_table(300, 0, true);
	table.group_rows = 10;
	table.batch_rows = 10;
	table.n_batches = table.n_decoded = 0;
	free(query("SELECT * FROM x ORDER BY a DESC LIMIT 10"));
	assert_int_equal(table.n_batches, 1);
	assert_int_equal(table.n_decoded, N_SLOTS + 1);	/* the key is asked for first */
	/* Zone maps foretell nothing behind a filter, but the rows met so far do. */
	table.n_batches = 0;
	free(query("SELECT * FROM x WHERE id >= 50 ORDER BY a LIMIT 2"));
	assert_true(table.n_batches < 12);
}

static void columns_of_rows_beyond_the_bar_are_not_decoded(void **state)
{
	(void)state;
	fill_table(300, 0, true);
	table.group_rows = 300;
	table.batch_rows = 10;
	table.n_batches = table.n_decoded = 0;
	free(query("SELECT * FROM x ORDER BY a LIMIT 1"));
	assert_int_equal(table.n_batches, 30);
	assert_true(table.n_decoded <= 30 + 8 * N_SLOTS);
}

static void memory_may_run_out_at_any_point(void **state)
{
	struct stoa_error err;
	char *got = NULL;

	(void)state;
	fill_table(200, 10, false);
	table.group_rows = 20;
	table.batch_rows = 8;
	for (long n = 0; !got; n++) {
		stoa__fault_arm(n, n % 2);
		got = array_query(&tables, "SELECT s, a FROM x ORDER BY a DESC, s LIMIT 5", NULL,
				  0, &err);
		stoa__fault_disarm();
		if (!got)
			assert_int_equal(err.code, STOA_ENOMEM);
		assert_int_equal(table.n_open, 0);
	}
	free(got);
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
		cmocka_unit_test(a_limit_gives_the_first_of_all_rows),
		cmocka_unit_test(groups_that_zone_maps_exclude_are_not_read),
		cmocka_unit_test(columns_of_rows_beyond_the_bar_are_not_decoded),
		cmocka_unit_test(memory_may_run_out_at_any_point),
	};

	return cmocka_run_group_tests(tests, make_tables, NULL);
}
