/* SPDX-License-Identifier: MIT */
/* rowids_test.c - maps of rowids against the array they were made of */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/rowids.h"

#define ROWS_MAX 65536

/* @n ascending numbers from @first on, each at most @step above the one before. */
static uint64_t *ascending(uint64_t *random, uint64_t first, size_t n, uint64_t step)
{
	uint64_t *rowids = malloc(n * sizeof *rowids);

	for (size_t i = 0; i < n; i++) {
		rowids[i] = first;
		first += 1 + testing_below(random, step);
	}
	return rowids;
}

static void opened(const struct stoa__buf *b, struct stoa__rowids *r)
{
	const char *why = "";

	assert_true(stoa__rowids_is(b->p, b->len));
	if (stoa__rowids_open(b->p, b->len, r, &why) < 0 || stoa__rowids_check(r, &why) < 0)
		fail_msg("%s", why);
}

static void compare(uint64_t *random, const uint64_t *rowids, size_t n)
{
	struct stoa__buf b = STOA__BUF_INIT;
	uint64_t *out = malloc(n * sizeof *out);
	struct stoa__rowids r;

	assert_int_equal(stoa__rowids_encode(rowids, n, &b), STOA_OK);
	assert_int_equal(b.len % 64, 0);
	opened(&b, &r);
	assert_int_equal(r.n_rows, n);
	assert_int_equal(r.span, rowids[n - 1] - rowids[0] + 1);
	for (int k = 0; k < 5; k++) {
		uint32_t from = k ? (uint32_t)testing_below(random, n) : 0;
		size_t len = k ? testing_below(random, n - from) + 1 : n;

		stoa__rowids_read(&r, from, len, out);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(out[i] + rowids[0], rowids[from + i]);
	}
	for (int k = 0; k < 300; k++) {
		size_t i = testing_below(random, n);
		uint64_t gap = rowids[i] + 1 - rowids[0];

		assert_int_equal(stoa__rowids_find(&r, rowids[i] - rowids[0]), i);
		if (i + 1 == n || rowids[i + 1] != rowids[i] + 1)
			assert_int_equal(stoa__rowids_find(&r, gap), -1);
	}
	assert_int_equal(stoa__rowids_find(&r, UINT64_MAX), -1);
	stoa__buf_release(&b);
	free(out);
}

static void a_map_is_what_it_was_made_of(void **state)
{
	static const uint64_t steps[] = { 1, 2, 3, 8, 16, 30, 1000, 1u << 20, (uint64_t)1 << 45 };
	static const size_t sizes[] = { 1, 2, 3, 63, 511, 512, 513, 5000, ROWS_MAX };
	uint64_t random = testing_seed();

	(void)state;
	for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
		for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
			uint64_t first = 1 + testing_below(&random, (uint64_t)1 << 50);
			uint64_t *rowids = ascending(&random, first, sizes[n], steps[s]);

			compare(&random, rowids, sizes[n]);
			free(rowids);
		}
	}
}

/* Half of all rows: two bits and a bit for each, not sixteen. */
static void a_map_of_every_other_row_is_a_bitmap(void **state)
{
	uint64_t random = testing_seed();
	uint64_t *rowids = ascending(&random, 7, ROWS_MAX, 3);
	struct stoa__buf b = STOA__BUF_INIT;

	(void)state;
	assert_int_equal(stoa__rowids_encode(rowids, ROWS_MAX, &b), STOA_OK);
	assert_in_range(b.len, ROWS_MAX / 8, ROWS_MAX * 5 / 16);
	stoa__buf_release(&b);
	free(rowids);
}

/* Whatever the bytes are, nothing outside of them is read (this is for the sanitizers to see). */
static void an_image_with_any_bytes_is_refused_or_read_within_its_bounds(void **state)
{
	static const uint64_t steps[] = { 2, 100, 1u << 20 };
	uint64_t random = testing_seed(), out[600];
	const char *why;

	(void)state;
	for (int k = 0; k < 3000; k++) {
		uint64_t *rowids = ascending(&random, 1, 600, steps[k % 3]);
		struct stoa__buf b = STOA__BUF_INIT;
		struct stoa__rowids r;
		uint8_t *copy;

		assert_int_equal(stoa__rowids_encode(rowids, 600, &b), STOA_OK);
		copy = aligned_alloc(64, b.len);
		memcpy(copy, b.p, b.len);
		for (uint64_t n = 1 + testing_below(&random, 4); n; n--)
			copy[testing_below(&random, k % 2 ? 24 : b.len)] ^=
				(uint8_t)(1 + testing_below(&random, 255));
		if (stoa__rowids_open(copy, b.len, &r, &why) == STOA_OK) {
			(void)stoa__rowids_check(&r, &why);
			(void)stoa__rowids_find(&r, testing_below(&random, r.span));
			stoa__rowids_read(&r, 0, r.n_rows < 600 ? r.n_rows : 600, out);
		}
		free(copy);
		free(rowids);
		stoa__buf_release(&b);
	}
}

/* Every bit of an image is vouched for by the check. */
static void a_bit_that_is_changed_is_found(void **state)
{
	static const uint64_t steps[] = { 2, 1000 };
	uint64_t random = testing_seed();
	const char *why;

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		uint64_t *rowids = ascending(&random, 1, 200, steps[s]);
		struct stoa__buf b = STOA__BUF_INIT;
		size_t used;

		assert_int_equal(stoa__rowids_encode(rowids, 200, &b), STOA_OK);
		used = steps[s] == 2 ? 64 + (rowids[199] - rowids[0]) / 8 : 64 + 400;
		for (size_t i = 64; i < used; i++) {
			struct stoa__rowids r;
			uint8_t was = b.p[i];
			int rc;

			/* one bit less or more cannot be another map of as many rows */
			b.p[i] ^= (uint8_t)(1u << testing_below(&random, 8));
			rc = stoa__rowids_open(b.p, b.len, &r, &why);
			if (rc == STOA_OK && steps[s] == 2)
				assert_int_equal(stoa__rowids_check(&r, &why), STOA_ECORRUPT);
			b.p[i] = was;
		}
		stoa__buf_release(&b);
		free(rowids);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_is_what_it_was_made_of),
		cmocka_unit_test(a_map_of_every_other_row_is_a_bitmap),
		cmocka_unit_test(an_image_with_any_bytes_is_refused_or_read_within_its_bounds),
		cmocka_unit_test(a_bit_that_is_changed_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
