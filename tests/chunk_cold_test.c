/* SPDX-License-Identifier: MIT */
/*
 * chunk_cold_test.c - a cold chunk reads as the warm one it was made of; damage never overreads
 *
 * The oracle is the warm chunk. Columns are chosen so that each change that a frame undergoes
 * (planes, differences, offsets of texts left out) is met, and so are frames that are not full.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/chunk_cold.h"
#include "../lib/core/type.h"

#define ROWS_MAX 65536

/* How the numbers of a column come. */
enum shape { ASCENDING, STEPS, FEW_BITS, LARGE, SMALL_RANGE, N_SHAPES };

static int64_t number(enum shape shape, size_t i, uint64_t *rng)
{
	switch (shape) {
	case ASCENDING:
		return (int64_t)(1000000 + 7 * i + testing_below(rng, 5));
	case STEPS:
		return (int64_t)(i / 50 * 300);
	case FEW_BITS:
		return (int64_t)(8000 + testing_below(rng, 2500));
	case LARGE:
		return (int64_t)testing_below(rng, 3) << 40 | (int64_t)testing_below(rng, 1000);
	default:
		return (int64_t)testing_below(rng, 200) - 100;
	}
}

static const char *const words[] = { "carefully ", "final ", "deposits ", "sleep ", "r\xc3\xa9gime " };

/* A column as a C array, and what its bytes point at. */
struct column {
	struct stoa_array a;
	size_t n;
	void *values;
	uint64_t *validity;
	char *heap;
};

static size_t write_text(char *p, uint64_t *rng)
{
	size_t len = 0;

	for (uint64_t n = testing_below(rng, 9); n--;) {
		const char *word = words[testing_below(rng, 5)];

		memcpy(p + len, word, strlen(word));
		len += strlen(word);
	}
	return len;
}

static void fill_bytes(struct column *c, uint64_t *rng)
{
	struct stoa_bytes *values = c->values;
	char *p = c->heap = malloc(c->n * 100);

	for (size_t i = 0; i < c->n; i++) {
		values[i].p = p;
		values[i].len = (uint32_t)write_text(p, rng);
		p += values[i].len;
	}
}

static void fill_numbers(struct column *c, enum shape shape, uint64_t *rng)
{
	size_t width = stoa__type_width(c->a.type);

	for (size_t i = 0; i < c->n; i++) {
		int64_t v = number(shape, i, rng);
		double d = (double)v / (shape == LARGE ? 3 : 100);
		float f = (float)v;

		if (c->a.type == STOA_BOOL)
			v = i / 100 % 2;
		if (c->a.type == STOA_F64)
			memcpy(&v, &d, sizeof v);
		if (c->a.type == STOA_F32)
			memcpy(&v, &f, sizeof f);
		memset((char *)c->values + i * width, 0, width);
		memcpy((char *)c->values + i * width, &v, width < 8 ? width : 8);
	}
}

static struct column make_column(unsigned type, enum shape shape, bool nulls, size_t n,
				 uint64_t *rng)
{
	struct column c = { { (uint8_t)type, type == STOA_DECIMAL ? 2 : 0, NULL, NULL }, n, NULL,
			    NULL, NULL };

	c.a.values = c.values = malloc(n * stoa__type_width(type));
	if (stoa__type_family(type) == STOA__BYTES)
		fill_bytes(&c, rng);
	else
		fill_numbers(&c, shape, rng);
	if (nulls) {
		c.validity = malloc(STOA__WORDS(n) * sizeof(uint64_t));
		memset(c.validity, 0xff, STOA__WORDS(n) * sizeof(uint64_t));
		for (size_t i = 0; i < n; i++)
			if (!testing_below(rng, 8) || (i >= 2048 && i < 4096))
				stoa__bit_clear(c.validity, i);
		c.a.validity = c.validity;
	}
	return c;
}

static void column_release(struct column *c)
{
	free(c->values);
	free(c->validity);
	free(c->heap);
}

static uint8_t *exact_copy(const uint8_t *p, size_t len)
{
	uint8_t *copy = aligned_alloc(64, len);

	memcpy(copy, p, len);
	return copy;
}

static void open_image(const struct stoa__buf *b, size_t from, struct stoa__chunk *out)
{
	const char *why;

	assert_int_equal(stoa__chunk_open(b->p + from, b->len - from, out, &why), STOA_OK);
}

/* ---- the same rows ------------------------------------------------------------------------ */

static bool same(unsigned type, const struct stoa_value *a, const struct stoa_value *b)
{
	if (a->type != b->type || a->scale != b->scale)
		return false;
	if (a->type == STOA_NULL)
		return true;
	if (type == STOA_UUID)
		return !memcmp(a->uuid, b->uuid, 16);
	if (stoa__type_family(type) == STOA__BYTES)
		return a->len == b->len && (!a->len || !memcmp(a->p, b->p, a->len));
	return a->u == b->u;
}

static void assert_values(const struct stoa__chunk *warm, const struct stoa__chunk *cold,
			  uint64_t *rng)
{
	struct stoa__buf s = STOA__BUF_INIT, t = STOA__BUF_INIT;

	for (size_t i = 0; i < 40; i++) {
		size_t row = testing_below(rng, warm->n_rows);
		struct stoa_value a, b;

		stoa__buf_reset(&s);
		assert_int_equal(stoa__chunk_value(warm, row, &s, &a), STOA_OK);
		assert_int_equal(stoa__chunk_value(cold, row, &t, &b), STOA_OK);
		assert_true(same(warm->type, &a, &b));
	}
	stoa__buf_release(&s);
	stoa__buf_release(&t);
}

static void assert_range(const struct stoa__chunk *warm, const struct stoa__chunk *cold,
			 size_t from, size_t n)
{
	size_t width = stoa__type_width(warm->type);
	char *a = malloc(n * width), *b = malloc(n * width);
	struct stoa__buf s = STOA__BUF_INIT, t = STOA__BUF_INIT;

	assert_int_equal(stoa__buf_put(&t, "before", 6), STOA_OK);
	assert_int_equal(stoa__chunk_read(warm, from, n, a, &s), STOA_OK);
	assert_int_equal(stoa__chunk_read(cold, from, n, b, &t), STOA_OK);
	if (stoa__type_family(warm->type) == STOA__BYTES) {
		const struct stoa_bytes *x = (const void *)a, *y = (const void *)b;

		for (size_t i = 0; i < n; i++) {
			assert_int_equal(x[i].len, y[i].len);
			if (x[i].len)
				assert_memory_equal(x[i].p, y[i].p, x[i].len);
		}
	} else {
		assert_memory_equal(a, b, n * width);
	}
	free(a);
	free(b);
	stoa__buf_release(&s);
	stoa__buf_release(&t);
}

/* Each frame is an ordinary chunk of its rows, NULLs included. */
static void assert_frames(const struct stoa__chunk *warm, const struct stoa__chunk *cold)
{
	struct stoa__buf room = STOA__BUF_INIT;
	const char *why = "";

	for (size_t row = 0; row < warm->n_rows; row += STOA__FRAME_ROWS) {
		struct stoa__chunk frame;

		assert_int_equal(stoa__chunk_thaw(cold, row / STOA__FRAME_ROWS, &room, &frame, &why),
				 STOA_OK);
		assert_int_equal(stoa__chunk_check(&frame, &why), STOA_OK);
		for (size_t i = 0; i < frame.n_rows; i++)
			assert_int_equal(stoa__chunk_is_null(&frame, i),
					 stoa__chunk_is_null(warm, row + i));
	}
	stoa__buf_release(&room);
}

/* Encodes a column warm, then cold; was the cold one worth it? */
static bool encode_both(const struct column *c, struct stoa__buf *warm_b, struct stoa__buf *cold_b,
			struct stoa__chunk *warm, struct stoa__chunk *cold)
{
	int rc;

	assert_int_equal(stoa__chunk_encode(&c->a, c->n, warm_b), STOA_OK);
	open_image(warm_b, 0, warm);
	rc = stoa__chunk_encode_cold(warm, cold_b);
	if (rc == STOA_END) {
		assert_int_equal(cold_b->len, 0);
		return false;
	}
	assert_int_equal(rc, STOA_OK);
	open_image(cold_b, 0, cold);
	assert_true(cold->len < warm->len);
	return true;
}

static bool column_comes_back(const struct column *c, uint64_t *rng)
{
	struct stoa__buf warm_b = STOA__BUF_INIT, cold_b = STOA__BUF_INIT, again = STOA__BUF_INIT;
	struct stoa__chunk warm, cold;
	const char *why = "";
	bool worth = encode_both(c, &warm_b, &cold_b, &warm, &cold);

	if (worth) {
		uint8_t *exact = exact_copy(cold_b.p, cold_b.len);
		size_t from = testing_below(rng, c->n), n = c->n - from;

		assert_int_equal(stoa__chunk_encode_cold(&warm, &again), STOA_OK);
		assert_memory_equal(again.p, cold_b.p, cold_b.len);
		assert_int_equal(stoa__chunk_open(exact, cold_b.len, &cold, &why), STOA_OK);
		if (stoa__chunk_check(&cold, &why) < 0)
			fail_msg("type %u: %s", c->a.type, why);
		assert_int_equal(cold.n_null, warm.n_null);
		assert_int_equal(cold.has_range, warm.has_range);
		assert_true(cold.min.u == warm.min.u && cold.max.u == warm.max.u);
		assert_values(&warm, &cold, rng);
		assert_range(&warm, &cold, 0, c->n);
		assert_range(&warm, &cold, from, n);
		assert_frames(&warm, &cold);
		assert_int_equal(stoa__chunk_encode_cold(&cold, &again), STOA_END);
		free(exact);
	}
	stoa__buf_release(&warm_b);
	stoa__buf_release(&cold_b);
	stoa__buf_release(&again);
	return worth;
}

static void cold_columns_of_each_type_read_as_the_warm_ones(void **state)
{
	static const size_t lengths[] = { 2047, 2048, 2049, 6000 };
	unsigned n_worth[STOA_BLOB + 1] = { 0 };
	uint64_t rng = testing_seed();

	(void)state;
	for (unsigned type = STOA_BOOL; type <= STOA_BLOB; type++) {
		if (type == STOA_STRING)
			continue;
		for (unsigned shape = 0; shape < N_SHAPES; shape++)
			for (unsigned i = 0; i < 4; i++) {
				struct column c = make_column(type, (enum shape)shape, i % 2,
							      lengths[i], &rng);

				n_worth[type] += column_comes_back(&c, &rng);
				column_release(&c);
			}
		assert_true(n_worth[type] > 0 || type == STOA_BOOL);
	}
}

static void row_groups_come_back(void **state)
{
	static const uint8_t types[] = { STOA_I64, STOA_DATE, STOA_F64, STOA_TEXT };
	uint64_t rng = testing_seed();

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct column c = make_column(types[i], ASCENDING, i % 2, ROWS_MAX, &rng);

		assert_true(column_comes_back(&c, &rng));
		column_release(&c);
	}
}

static void differences_make_ascending_numbers_small(void **state)
{
	struct stoa__buf warm_b = STOA__BUF_INIT, cold_b = STOA__BUF_INIT;
	struct stoa__chunk warm, cold;
	uint64_t rng = testing_seed();
	struct column c = make_column(STOA_I64, STEPS, false, ROWS_MAX, &rng);

	(void)state;
	assert_true(encode_both(&c, &warm_b, &cold_b, &warm, &cold));
	assert_true(cold.len < warm.len / 10);
	column_release(&c);
	stoa__buf_release(&warm_b);
	stoa__buf_release(&cold_b);
}

static void what_would_not_shrink_stays_warm(void **state)
{
	struct stoa__buf warm_b = STOA__BUF_INIT, cold_b = STOA__BUF_INIT;
	struct stoa__chunk warm, cold;
	uint64_t rng = testing_seed();
	struct column c = make_column(STOA_U64, FEW_BITS, false, 5000, &rng);

	(void)state;
	for (size_t i = 0; i < c.n; i++)
		((uint64_t *)c.values)[i] = testing_random(&rng);
	assert_false(encode_both(&c, &warm_b, &cold_b, &warm, &cold));
	column_release(&c);
	stoa__buf_release(&warm_b);
	stoa__buf_release(&cold_b);
}

/* ---- damage ------------------------------------------------------------------------------- */

static volatile unsigned sum;

static void read_everything(const struct stoa__chunk *c, struct stoa__buf *scratch)
{
	static uint64_t values[2 * ROWS_MAX];
	const struct stoa_bytes *s = (const void *)values;
	struct stoa_value v;
	const char *why;

	(void)!stoa__chunk_check(c, &why);
	stoa__buf_reset(scratch);
	(void)!stoa__chunk_value(c, c->n_rows - 1, scratch, &v);
	if (stoa__chunk_read(c, 0, c->n_rows, values, scratch) < 0 ||
	    stoa__type_family(c->type) != STOA__BYTES)
		return;
	for (size_t i = 0; i < c->n_rows; i++)
		for (size_t j = 0; j < s[i].len; j++)
			sum = sum + (unsigned char)s[i].p[j];
}

static void no_flipped_byte_makes_a_reader_overrun(void **state)
{
	static const uint8_t types[] = { STOA_I32, STOA_F64, STOA_TEXT };
	struct stoa__buf scratch = STOA__BUF_INIT;
	uint64_t rng = testing_seed();

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct stoa__buf warm_b = STOA__BUF_INIT, cold_b = STOA__BUF_INIT;
		struct stoa__chunk warm, cold;
		struct column c = make_column(types[i], ASCENDING, true, 2300, &rng);
		uint8_t *exact;

		assert_true(encode_both(&c, &warm_b, &cold_b, &warm, &cold));
		exact = exact_copy(cold_b.p, cold_b.len);
		for (size_t at = 0; at < cold_b.len;
		     at += at < 140 || testing_long() ? 1 : 1 + testing_below(&rng, 120)) {
			struct stoa__chunk bad;
			const char *why;

			exact[at] ^= 1u << testing_below(&rng, 8);
			if (stoa__chunk_open(exact, cold_b.len, &bad, &why) == STOA_OK)
				read_everything(&bad, &scratch);
			exact[at] = cold_b.p[at];
		}
		free(exact);
		column_release(&c);
		stoa__buf_release(&warm_b);
		stoa__buf_release(&cold_b);
	}
	stoa__buf_release(&scratch);
}

static void cooling_and_reading_survive_each_allocation_that_fails(void **state)
{
	static struct stoa_bytes values[2300];
	struct stoa__buf warm_b = STOA__BUF_INIT;
	uint64_t rng = testing_seed();
	struct column c = make_column(STOA_TEXT, ASCENDING, true, 2300, &rng);
	struct stoa__chunk warm, cold;

	(void)state;
	assert_int_equal(stoa__chunk_encode(&c.a, c.n, &warm_b), STOA_OK);
	open_image(&warm_b, 0, &warm);
	for (long nth = 0, fired = 1; fired; nth++) {
		struct stoa__buf cold_b = STOA__BUF_INIT, scratch = STOA__BUF_INIT;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa__chunk_encode_cold(&warm, &cold_b);
		if (rc == STOA_OK) {
			const char *why;

			assert_int_equal(stoa__chunk_open(cold_b.p, cold_b.len, &cold, &why), STOA_OK);
			rc = stoa__chunk_read(&cold, 0, 2300, values, &scratch);
			assert_true(rc == STOA_OK || scratch.len == 0);
		}
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		stoa__buf_release(&cold_b);
		stoa__buf_release(&scratch);
	}
	stoa__buf_release(&warm_b);
	column_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cold_columns_of_each_type_read_as_the_warm_ones),
		cmocka_unit_test(row_groups_come_back),
		cmocka_unit_test(differences_make_ascending_numbers_small),
		cmocka_unit_test(what_would_not_shrink_stays_warm),
		cmocka_unit_test(no_flipped_byte_makes_a_reader_overrun),
		cmocka_unit_test(cooling_and_reading_survive_each_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
