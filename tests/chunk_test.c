/* SPDX-License-Identifier: MIT */
/*
 * chunk_test.c - what goes into a chunk comes out, in every way to read it; damage never overreads
 *
 * The model is the array that was encoded. Columns are made of a type, a shape (how its values are
 * distributed, which is what encodings depend on), a pattern of NULLs and a length.
 */
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/chunk.h"
#include "../lib/core/limits.h"
#include "../lib/core/type.h"

#define ROWS_MAX 65536

/* ---- columns ---------------------------------------------------------------------------- */

struct column {
	struct stoa_array a;
	size_t n;
	void *values;
	uint64_t *validity;	/* NULL when it has none */
	char *heap;		/* bytes of strings */
	size_t heap_len;
};

enum nulls { NULLS_NONE, NULLS_NONE_WITH_BITS, NULLS_ALL, NULLS_SOME, NULLS_MOST, NULLS_FIRST,
	     NULLS_LAST, NULLS_ALTERNATE, N_NULLS };

static const char *const words[] = {
	"carefully", "final", "deposits", "sleep", "quickly", "above", "the", "ironic",
	"r\xc3\xa9gime", "requests", "furiously", "pending",
};
#define N_WORDS (sizeof words / sizeof words[0])

static bool null_here(enum nulls nulls, size_t row, size_t n, uint64_t *rng)
{
	switch (nulls) {
	case NULLS_ALL:
		return true;
	case NULLS_SOME:
		return testing_below(rng, 10) == 0;
	case NULLS_MOST:
		return testing_below(rng, 10) != 0;
	case NULLS_FIRST:
		return row == 0;
	case NULLS_LAST:
		return row == n - 1;
	case NULLS_ALTERNATE:
		return row % 2 == 0;
	default:
		return false;
	}
}

static void make_nulls(struct column *c, enum nulls nulls, uint64_t *rng)
{
	if (nulls == NULLS_NONE)
		return;
	/* Words exactly, so that a sanitizer sees a read past them; spare bits are anything. */
	c->validity = malloc(STOA__WORDS(c->n) * sizeof(uint64_t));
	memset(c->validity, 0xff, STOA__WORDS(c->n) * sizeof(uint64_t));
	for (size_t i = 0; i < c->n; i++)
		if (null_here(nulls, i, c->n, rng))
			stoa__bit_clear(c->validity, i);
	c->a.validity = c->validity;
}

static void column_release(struct column *c)
{
	free(c->values);
	free(c->validity);
	free(c->heap);
}

/*
 * Shapes of integers: how many bits their differences have; then where they begin, and a step
 * between.
 */
static const unsigned shape_bits[] = { 0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 24, 25, 32, 33, 63, 64 };
#define N_SHAPES (sizeof shape_bits / sizeof shape_bits[0])

static void make_integers(struct column *c, unsigned shape, uint64_t *rng)
{
	size_t width = stoa__type_width(c->a.type);
	unsigned bits = shape_bits[shape % N_SHAPES];
	uint64_t start = testing_below(rng, 2) ? testing_random(rng) >> testing_below(rng, 64) : 0;

	uint64_t step = bits && testing_below(rng, 2) ? testing_random(rng) >> (64 - bits) : 0;

	step >>= testing_below(rng, 64);
	if (c->a.type == STOA_BOOL) {
		bits = bits > 1 ? 1 : bits;
		start = bits ? 0 : start & 1;
	}
	for (size_t i = 0; i < c->n; i++) {
		uint64_t v = bits ? testing_random(rng) >> (64 - bits) : 0;

		v -= step ? v % step : 0;
		v += start;
		if (c->a.type == STOA_BOOL)
			v &= 1;
		memcpy((char *)c->values + i * width, &v, width);
	}
}

static double make_double(unsigned shape, uint64_t *rng)
{
	static const double odd[] = { 0.0,   -0.0, (double)INFINITY, (double)-INFINITY,
				      1e300, 5e-324 };
	uint64_t bits = testing_random(rng);
	double d;

	switch (shape % 8) {
	case 0:
		return 19.99;
	case 1:
		return (double)(int64_t)testing_below(rng, 2000000) / 100 - 5000;
	case 2:
		return (double)testing_below(rng, 1000);
	case 3:
		return (double)testing_below(rng, 100000000) / 1e7;
	case 4:
		return odd[testing_below(rng, 6)];
	case 5:
		return testing_below(rng, 20) ? 1.5 : (double)NAN;
	case 6:
		return testing_below(rng, 3000) ? 0.25 : -0.0;
	default:
		memcpy(&d, &bits, sizeof d);
		return d;
	}
}

static void make_floats(struct column *c, unsigned shape, uint64_t *rng)
{
	for (size_t i = 0; i < c->n; i++) {
		double d = make_double(shape, rng);

		if (c->a.type == STOA_F64)
			((double *)c->values)[i] = d;
		else
			((float *)c->values)[i] = fabs(d) < 1e30 || d != d ? (float)d : 3.0f;
	}
}

static void make_uuids(struct column *c, unsigned shape, uint64_t *rng)
{
	uint64_t half = testing_random(rng);

	for (size_t i = 0; i < 2 * c->n; i++)
		((uint64_t *)c->values)[i] = shape % 2 ? testing_random(rng) : half;
}

/* One value at @p, at most 2,000 bytes. Returns its length. */
static size_t make_bytes_of(unsigned type, unsigned shape, char *p, uint64_t *rng)
{
	static const unsigned distinct[] = { 1, 2, 3, 4, 5, 16, 17, 255, 256, 257, 5000, 70000 };
	size_t len = 0;

	if (type == STOA_STRING)
		return (size_t)sprintf(p, "s%u",
				       (unsigned)testing_below(rng, distinct[shape % 12]));
	switch (shape % 6) {
	case 0:
		return 0;
	case 1:
		for (size_t want = testing_below(rng, 60); len < want;)
			len += (size_t)sprintf(p + len, "%s ", words[testing_below(rng, N_WORDS)]);
		return len;
	case 2:
		for (len = 0; len < 8; len++)
			p[len] = type == STOA_BLOB ? (char)testing_random(rng)
						   : (char)(' ' + testing_below(rng, 90));
		return len;
	case 3:
		for (size_t want = 400 + testing_below(rng, 1400); len < want;)
			len += (size_t)sprintf(p + len, "%s ", words[testing_below(rng, N_WORDS)]);
		return len;
	case 4:
		return testing_below(rng, 50) ? 0 : (size_t)sprintf(p, "once in a while");
	default:
		for (size_t want = testing_below(rng, 700); len < want; len++)
			p[len] = type == STOA_BLOB ? (char)testing_random(rng)
						   : (char)(' ' + testing_below(rng, 90));
		return len;
	}
}

static void make_bytes(struct column *c, unsigned shape, uint64_t *rng)
{
	struct stoa_bytes *values = c->values;
	size_t room = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (room < c->heap_len + 2000) {
			room = 2 * room + 4096;
			c->heap = realloc(c->heap, room);
		}
		values[i].len =
			(uint32_t)make_bytes_of(c->a.type, shape, c->heap + c->heap_len, rng);
		c->heap_len += values[i].len;
	}
	room = 0;
	for (size_t i = 0; i < c->n; i++) {
		values[i].p = c->heap + room;
		room += values[i].len;
	}
}

static struct column make_column(unsigned type, unsigned shape, enum nulls nulls, size_t n,
				 uint64_t *rng)
{
	struct column c = { { 0 }, n, NULL, NULL, NULL, 0 };

	c.a.type = (uint8_t)type;
	c.a.scale = type == STOA_DECIMAL ? 2 : 0;
	c.values = malloc(n * stoa__type_width(type));
	c.a.values = c.values;
	switch (stoa__type_family(type)) {
	case STOA__FLOAT:
		make_floats(&c, shape, rng);
		break;
	case STOA__UUID:
		make_uuids(&c, shape, rng);
		break;
	case STOA__BYTES:
		make_bytes(&c, shape, rng);
		break;
	default:
		make_integers(&c, shape, rng);
	}
	make_nulls(&c, nulls, rng);
	return c;
}

/* ---- comparing -------------------------------------------------------------------------- */

/* Doubles are compared by their bits, but for the payload of a NaN that was a float. */
static bool same_value(const struct stoa_value *a, const struct stoa_value *b)
{
	if (a->type != b->type || a->scale != b->scale)
		return false;
	switch (a->type) {
	case STOA_NULL:
		return true;
	case STOA_UUID:
		return memcmp(a->uuid, b->uuid, 16) == 0;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
	case STOA_F32:
		return a->f == b->f || (a->f != a->f && b->f != b->f);
	}
	return a->u == b->u;
}

static void assert_row(const struct column *c, size_t row, const struct stoa_value *got)
{
	struct stoa_value want = stoa__bit_get(c->validity, row) ? stoa__array_value(&c->a, row)
								 : stoa_null();

	if (!same_value(&want, got))
		fail_msg("row %zu of %zu of type %u differs", row, c->n, c->a.type);
}

static void assert_values(const struct column *c, const struct stoa__chunk *chunk, uint64_t *rng)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	size_t n_probes = c->n < 300 ? c->n : 300;

	for (size_t i = 0; i < n_probes; i++) {
		size_t row = n_probes == c->n ? i : testing_below(rng, c->n);
		struct stoa_value v;

		stoa__chunk_prefetch(chunk, row);
		assert_int_equal(stoa__chunk_value(chunk, row, &scratch, &v), STOA_OK);
		assert_row(c, row, &v);
		assert_int_equal(stoa__chunk_is_null(chunk, row), !stoa__bit_get(c->validity, row));
	}
	stoa__buf_release(&scratch);
}

static void assert_range(const struct column *c, const struct stoa__chunk *chunk, size_t from,
			 size_t n)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	size_t width = stoa__type_width(c->a.type);
	uint8_t *values = malloc(n * width), zeros[16] = { 0 };
	struct stoa_array got = { c->a.type, c->a.scale, values, NULL };

	assert_int_equal(stoa__buf_put(&scratch, "before", 6), STOA_OK);
	assert_int_equal(stoa__chunk_read(chunk, from, n, values, &scratch), STOA_OK);
	for (size_t i = 0; i < n; i++) {
		struct stoa_value v = stoa__array_value(&got, i);

		if (stoa__bit_get(c->validity, from + i))
			assert_row(c, from + i, &v);
		else if (stoa__type_family(c->a.type) == STOA__BYTES)
			assert_int_equal(v.len, 0);
		else
			assert_memory_equal(values + i * width, zeros, width);
	}
	assert_memory_equal(scratch.p, "before", 6);
	stoa__buf_release(&scratch);
	free(values);
}

static void assert_wide(const struct column *c, const struct stoa__chunk *chunk, size_t from,
			size_t n)
{
	enum stoa__family family = stoa__type_family(c->a.type);
	uint64_t *values;

	if (family == STOA__UUID || family == STOA__BYTES)
		return;
	values = malloc(n * sizeof *values);
	stoa__chunk_read_wide(chunk, from, n, values);
	for (size_t i = 0; i < n; i++) {
		struct stoa_value v = stoa__array_value(&c->a, from + i);

		if (!stoa__bit_get(c->validity, from + i))
			v.u = 0;
		if (family == STOA__FLOAT && v.f != v.f)
			assert_true(((double *)values)[i] != ((double *)values)[i]);
		else
			assert_true(values[i] == v.u);
	}
	free(values);
}

static void assert_codes(const struct column *c, const struct stoa__chunk *chunk, size_t from,
			 size_t n)
{
	uint32_t *codes;

	if (c->a.type != STOA_STRING)
		return;
	codes = malloc(n * sizeof *codes);
	stoa__chunk_codes(chunk, from, n, codes);
	for (size_t i = 0; i < n; i++) {
		struct stoa_bytes s = stoa__chunk_entry(chunk, codes[i]);
		struct stoa_value v = stoa_bytes_value(STOA_STRING, s.p, s.len);

		assert_int_equal(stoa__chunk_packed(chunk, from + i), codes[i]);
		if (!stoa__bit_get(c->validity, from + i))
			assert_int_equal(codes[i], 0);
		else
			assert_row(c, from + i, &v);
	}
	free(codes);
}

static void assert_plain(const struct column *c, const struct stoa__chunk *chunk)
{
	size_t width = stoa__type_width(c->a.type);
	const uint8_t *plain = stoa__chunk_plain(chunk), *values = c->values;

	for (size_t i = 0; plain && i < c->n; i++)
		if (stoa__bit_get(c->validity, i))
			assert_memory_equal(plain + i * width, values + i * width, width);
}

static void open_or_fail(const void *image, size_t len, struct stoa__chunk *out)
{
	const char *why = "?";

	if (stoa__chunk_open(image, len, out, &why) != STOA_OK)
		fail_msg("does not open: %s", why);
	if (stoa__chunk_check(out, &why) != STOA_OK)
		fail_msg("does not check: %s", why);
}

static void assert_chunk(const struct column *c, const struct stoa__chunk *chunk, uint64_t *rng)
{
	size_t n_null = c->n - stoa__bitmap_count(c->validity, 0, c->n);

	assert_int_equal(chunk->type, c->a.type);
	assert_int_equal(chunk->n_rows, c->n);
	assert_int_equal(chunk->n_null, n_null);
	assert_true((chunk->validity == NULL) == (n_null == 0));
	assert_values(c, chunk, rng);
	assert_plain(c, chunk);
	for (int i = 0; i < 4; i++) {
		size_t from = i ? testing_below(rng, c->n) : 0;
		size_t n = i > 1 ? 1 + testing_below(rng, c->n - from) : c->n - from;

		if (n > 3000)
			n = 3000;
		assert_range(c, chunk, from, n);
		assert_wide(c, chunk, from, n);
		assert_codes(c, chunk, from, n);
	}
}

/* An image as its own block of memory, so that a sanitizer sees a read past its end. */
static uint8_t *exact_copy(const uint8_t *p, size_t len)
{
	uint8_t *copy = aligned_alloc(64, len);

	memcpy(copy, p, len);
	return copy;
}

/* Encodes twice, into a buffer that has something in it; compares. */
static void assert_round_trip(const struct column *c, uint64_t *rng)
{
	struct stoa__buf out = STOA__BUF_INIT;
	struct stoa__chunk chunk;
	uint8_t *image;
	size_t first;

	assert_int_equal(stoa__buf_put(&out, "x", 1), STOA_OK);
	assert_int_equal(stoa__chunk_encode(&c->a, c->n, &out), STOA_OK);
	first = out.len - 64;
	assert_int_equal(out.len % 64, 0);
	assert_int_equal(stoa__chunk_encode(&c->a, c->n, &out), STOA_OK);
	assert_int_equal(out.len, 64 + 2 * first);
	assert_memory_equal(out.p + 64, out.p + 64 + first, first);
	image = exact_copy(out.p + 64, first);
	open_or_fail(image, first, &chunk);
	assert_chunk(c, &chunk, rng);
	free(image);
	stoa__buf_release(&out);
}

/* ---- what goes in comes out ------------------------------------------------------------- */

static const size_t lengths[] = { 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 255, 256, 257 };
static const size_t long_lengths[] = { 2047, 2048, 2049, 65535, 65536 };
#define N_LENGTHS (sizeof lengths / sizeof lengths[0])
#define N_LONG_LENGTHS (sizeof long_lengths / sizeof long_lengths[0])

static void each_type_shape_and_null_pattern_comes_back_at_each_length(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (unsigned type = STOA_BOOL; type <= STOA_BLOB; type++)
		for (unsigned shape = 0; shape < N_SHAPES; shape++)
			for (int nulls = 0; nulls < N_NULLS; nulls++) {
				size_t n = lengths[testing_below(&rng, N_LENGTHS)];
				struct column c;

				if (testing_long())
					n = 1 + testing_below(&rng, 5000);
				c = make_column(type, shape, (enum nulls)nulls, n, &rng);
				assert_round_trip(&c, &rng);
				column_release(&c);
			}
}

static void each_length_comes_back(void **state)
{
	uint64_t rng = testing_seed() + 1;

	(void)state;
	for (unsigned type = STOA_BOOL; type <= STOA_BLOB; type++)
		for (size_t i = 0; i < N_LENGTHS; i++) {
			struct column c = make_column(type, (unsigned)testing_below(&rng, N_SHAPES),
						      (enum nulls)testing_below(&rng, N_NULLS),
						      lengths[i], &rng);

			assert_round_trip(&c, &rng);
			column_release(&c);
		}
}

static void row_groups_come_back(void **state)
{
	uint64_t rng = testing_seed() + 2;

	(void)state;
	for (unsigned type = STOA_BOOL; type <= STOA_BLOB; type++)
		for (size_t i = 0; i < N_LONG_LENGTHS; i++) {
			unsigned shape = (unsigned)testing_below(&rng, N_SHAPES);
			struct column c;

			/* 65,536 long texts are for `make check-long`. */
			if (stoa__type_family(type) == STOA__BYTES && shape % 6 == 3 &&
			    !testing_long())
				shape++;
			c = make_column(type, shape, (enum nulls)testing_below(&rng, N_NULLS),
					long_lengths[i], &rng);
			assert_round_trip(&c, &rng);
			column_release(&c);
		}
}

/* ---- encodings are chosen as documented ------------------------------------------------- */

static struct stoa__buf encode(const struct stoa_array *a, size_t n, struct stoa__chunk *chunk)
{
	struct stoa__buf out = STOA__BUF_INIT;

	assert_int_equal(stoa__chunk_encode(a, n, &out), STOA_OK);
	open_or_fail(out.p, out.len, chunk);
	return out;
}

static void assert_integers(const int64_t *values, size_t n, unsigned width, int64_t base)
{
	struct stoa_array a = { STOA_I64, 0, values, NULL };
	struct stoa__chunk chunk;
	struct stoa__buf out = encode(&a, n, &chunk);

	assert_int_equal(chunk.encoding, STOA__ENC_PACKED);
	assert_int_equal(chunk.width, width);
	assert_true((int64_t)chunk.base == base);
	stoa__buf_release(&out);
}

static void integers_take_the_narrowest_width_and_base_zero_where_it_is_free(void **state)
{
	(void)state;
	assert_integers((int64_t[]){ 7, 7, 7 }, 3, 0, 7);
	assert_integers((int64_t[]){ 0, 1 }, 2, 1, 0);
	assert_integers((int64_t[]){ 5, 6 }, 2, 1, 5);
	assert_integers((int64_t[]){ 3, 250 }, 2, 8, 0);
	assert_integers((int64_t[]){ 1000, 1255 }, 2, 8, 1000);
	assert_integers((int64_t[]){ -1, 1 }, 2, 2, -1);
	assert_integers((int64_t[]){ 100, 101, 70000 }, 3, 24, 0);
	assert_integers((int64_t[]){ INT64_MIN, INT64_MIN + 1, INT64_MAX }, 3, 64, INT64_MIN);
	assert_integers((int64_t[]){ 0, 1, INT64_MAX }, 3, 64, 0);
}

static void assert_stepped(const int64_t *values, size_t n, unsigned width, int64_t base, uint64_t step)
{
	struct stoa_array a = { STOA_TIMESTAMP, 0, values, NULL };
	struct stoa__chunk chunk;
	struct stoa__buf out = encode(&a, n, &chunk);

	assert_int_equal(chunk.encoding, STOA__ENC_STEPPED);
	assert_int_equal(chunk.width, width);
	assert_true((int64_t)chunk.base == base && chunk.step == step);
	stoa__buf_release(&out);
}

static void integers_a_step_apart_are_divided_by_it_where_that_saves_bytes(void **state)
{
	const int64_t minute = 60000000, day = 1440 * minute;

	(void)state;
	assert_stepped((int64_t[]){ 5 * minute, 3 * minute, 258 * minute }, 3, 8, 3 * minute, 60000000);
	assert_stepped((int64_t[]){ -day, 3 * day, 2 * day, 100 * day }, 4, 8, -day, 86400000000);
	assert_stepped((int64_t[]){ INT64_MIN, INT64_MAX }, 2, 1, INT64_MIN, UINT64_MAX);
	assert_stepped((int64_t[]){ 0, (int64_t)1 << 62, (int64_t)1 << 61 }, 3, 2, 0, (uint64_t)1 << 61);
	assert_integers((int64_t[]){ 0, 50, 250 }, 3, 8, 0);	/* a byte is read in place */
	assert_integers((int64_t[]){ 0, 300, 65534 }, 3, 16, 0);	/* halves take as many bytes */
	assert_integers((int64_t[]){ 0, 7000, 70001 }, 3, 24, 0);
}

static void assert_doubles(const double *values, size_t n, unsigned encoding, unsigned scale)
{
	struct stoa_array a = { STOA_F64, 0, values, NULL };
	struct stoa__chunk chunk;
	struct stoa__buf out = encode(&a, n, &chunk);

	assert_int_equal(chunk.encoding, encoding);
	assert_int_equal(chunk.scale, scale);
	stoa__buf_release(&out);
}

static void doubles_are_scaled_only_when_every_bit_comes_back(void **state)
{
	(void)state;
	assert_doubles((double[]){ 19.99, 5 }, 2, STOA__ENC_SCALED, 2);
	assert_doubles((double[]){ 1, 2, 3 }, 3, STOA__ENC_SCALED, 0);
	assert_doubles((double[]){ 0.1, 0.12, 0.123456 }, 3, STOA__ENC_SCALED, 6);
	assert_doubles((double[]){ 0.1, -0.0 }, 2, STOA__ENC_RAW, 0);
	assert_doubles((double[]){ 0.1, (double)NAN }, 2, STOA__ENC_RAW, 0);
	assert_doubles((double[]){ 0.1, (double)INFINITY }, 2, STOA__ENC_RAW, 0);
	assert_doubles((double[]){ 0.1, 1e15 }, 2, STOA__ENC_RAW, 0);
	assert_doubles((double[]){ 0.1 + 0.2, 0.3 }, 2, STOA__ENC_RAW, 0);
	assert_doubles((double[]){ 4e9, 4e9 }, 2, STOA__ENC_RAW, 0);
}

static void the_scale_grows_with_values_that_need_more_digits(void **state)
{
	static double values[5000];
	struct stoa_array a = { STOA_F64, 0, values, NULL };
	struct stoa__chunk chunk;
	struct stoa__buf out;

	(void)state;
	for (size_t i = 0; i < 5000; i++)
		values[i] = (double)i;
	values[4000] = 1.5;
	values[4990] = 1.375;
	out = encode(&a, 5000, &chunk);
	assert_int_equal(chunk.encoding, STOA__ENC_SCALED);
	assert_int_equal(chunk.scale, 3);
	assert_true(chunk.min.f == 0.0 && chunk.max.f == 4999.0);
	stoa__buf_release(&out);
}

static void range_leaves_out_nulls_and_nan(void **state)
{
	double values[4] = { (double)NAN, 3, -1, 99 };
	uint64_t validity = 7;
	struct stoa_array a = { STOA_F64, 0, values, &validity };
	struct stoa__chunk chunk;
	struct stoa__buf out = encode(&a, 4, &chunk);

	(void)state;
	assert_true(chunk.has_nan && chunk.has_range);
	assert_true(chunk.min.f == -1 && chunk.max.f == 3);
	stoa__buf_release(&out);
	out = encode(&a, 1, &chunk);
	assert_true(chunk.has_nan && !chunk.has_range);
	stoa__buf_release(&out);
}

static unsigned encoding_of(unsigned type, unsigned shape, size_t n)
{
	uint64_t rng = testing_seed();
	struct column c = make_column(type, shape, NULLS_NONE, n, &rng);
	struct stoa__chunk chunk;
	struct stoa__buf out = encode(&c.a, n, &chunk);

	stoa__buf_release(&out);
	column_release(&c);
	return chunk.encoding;
}

static void texts_are_compressed_where_it_helps(void **state)
{
	(void)state;
	assert_int_equal(encoding_of(STOA_TEXT, 1, 2000), STOA__ENC_FSST);
	assert_int_equal(encoding_of(STOA_TEXT, 1, 20), STOA__ENC_BYTES);
	assert_int_equal(encoding_of(STOA_TEXT, 3, 500), STOA__ENC_ZVALUES);
	assert_int_equal(encoding_of(STOA_BLOB, 3, 500), STOA__ENC_ZVALUES);
	assert_int_equal(encoding_of(STOA_BLOB, 2, 5000), STOA__ENC_BYTES);
	assert_int_equal(encoding_of(STOA_BLOB, 5, 500), STOA__ENC_BYTES);
}

/* ---- strings given in other ways -------------------------------------------------------- */

static struct stoa_bytes bytes_of(void *ctx, uint32_t id)
{
	struct stoa_bytes *list = ctx;

	return list[id / 7];
}

static void strings_by_value_by_code_and_by_id_have_one_image(void **state)
{
	uint64_t rng = testing_seed();
	struct stoa_bytes list[300], values[1000];
	uint32_t codes[1000], ids[1000];
	struct stoa__buf by_value = STOA__BUF_INIT, by_code = STOA__BUF_INIT,
			 by_id = STOA__BUF_INIT, inlined = STOA__BUF_INIT;
	struct stoa__chunk chunk;
	char text[300][8];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		list[i].len = (uint32_t)sprintf(text[i], "v%zu", i);
		list[i].p = text[i];
	}
	for (int nulls = 0; nulls < N_NULLS; nulls++) {
		size_t n = 1 + testing_below(&rng, 1000);
		struct column c = { { STOA_STRING, 0, values, NULL }, n, NULL, NULL, NULL, 0 };

		make_nulls(&c, (enum nulls)nulls, &rng);
		for (size_t i = 0; i < n; i++) {
			codes[i] = (uint32_t)testing_below(&rng, 300);
			values[i] = list[codes[i]];
			ids[i] = codes[i] * 7;
			if (!stoa__bit_get(c.validity, i))
				codes[i] = ids[i] = UINT32_MAX;
		}
		stoa__buf_reset(&by_value);
		stoa__buf_reset(&by_code);
		stoa__buf_reset(&by_id);
		stoa__buf_reset(&inlined);
		assert_int_equal(stoa__chunk_encode(&c.a, n, &by_value), STOA_OK);
		assert_int_equal(
			stoa__chunk_encode_codes(codes, c.validity, n, list, 300, &by_code),
			STOA_OK);
		assert_int_equal(stoa__chunk_encode_ids(ids, c.validity, n, &by_id), STOA_OK);
		open_or_fail(by_id.p, by_id.len, &chunk);
		assert_int_equal(chunk.encoding, STOA__ENC_DICT_ID);
		for (size_t i = 0; i < n; i++) {
			uint32_t code = (uint32_t)stoa__chunk_packed(&chunk, i);

			if (stoa__bit_get(c.validity, i))
				assert_int_equal(stoa__chunk_entry_id(&chunk, code), ids[i]);
		}
		assert_int_equal(stoa__chunk_inline_ids(&chunk, bytes_of, list, &inlined), STOA_OK);
		assert_int_equal(by_value.len, by_code.len);
		assert_memory_equal(by_value.p, by_code.p, by_code.len);
		assert_int_equal(by_value.len, inlined.len);
		assert_memory_equal(by_value.p, inlined.p, inlined.len);
		column_release(&c);
	}
	stoa__buf_release(&by_value);
	stoa__buf_release(&by_code);
	stoa__buf_release(&by_id);
	stoa__buf_release(&inlined);
}

/* ---- damage ----------------------------------------------------------------------------- */

/* Where bytes that were read go, so that no compiler leaves the reading out. */
static volatile unsigned sum;

/* Reads all that can be read; what comes out does not matter. */
static void read_everything(const struct stoa__chunk *c, struct stoa__buf *scratch)
{
	static uint64_t values[2 * ROWS_MAX];
	static uint32_t codes[ROWS_MAX];
	const char *why;
	enum stoa__family family = stoa__type_family(c->type);

	(void)!stoa__chunk_check(c, &why);
	stoa__buf_reset(scratch);
	if (c->type == STOA_STRING) {
		stoa__chunk_codes(c, 0, c->n_rows, codes);
		for (size_t i = 0; i < c->n_rows; i++)
			assert_true(codes[i] < c->n_dict || codes[i] == 0);
	}
	if (c->encoding == STOA__ENC_DICT_ID) {
		sum = sum + stoa__chunk_entry_id(c, codes[0]);
		return;
	}
	for (size_t i = 0; i < c->n_rows; i++) {
		struct stoa_value v;

		if (stoa__chunk_value(c, i, scratch, &v) == STOA_OK && family == STOA__BYTES)
			for (size_t j = 0; v.type && j < v.len; j++)
				sum = sum + (unsigned char)v.p[j];
		if (c->type == STOA_BOOL && v.type)
			assert_in_range(v.i, 0, 1);
	}
	stoa__buf_reset(scratch);
	if (stoa__chunk_read(c, 0, c->n_rows, values, scratch) == STOA_OK &&
	    family == STOA__BYTES) {
		const struct stoa_bytes *s = (const void *)values;

		for (size_t i = 0; i < c->n_rows; i++)
			for (size_t j = 0; j < s[i].len; j++)
				sum = sum + (unsigned char)s[i].p[j];
	}
	if (family != STOA__BYTES && family != STOA__UUID)
		stoa__chunk_read_wide(c, 0, c->n_rows, values);
}

/* Each byte of an image, changed: it may open or not, but nothing is read beyond it. */
static void flip_all(const uint8_t *image, size_t len, struct stoa__buf *scratch, size_t step)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	uint8_t *copy = exact_copy(image, len);

	for (size_t at = 0; at < len; at += at < 64 ? 1 : step)
		for (size_t i = 0; i < sizeof flips; i++) {
			struct stoa__chunk chunk;
			const char *why = NULL;

			copy[at] ^= flips[i];
			if (stoa__chunk_open(copy, len, &chunk, &why) == STOA_OK)
				read_everything(&chunk, scratch);
			else
				assert_non_null(why);
			copy[at] ^= flips[i];
		}
	free(copy);
}

static void no_flipped_byte_makes_a_reader_overrun(void **state)
{
	uint64_t rng = testing_seed();
	struct stoa__buf scratch = STOA__BUF_INIT;

	(void)state;
	for (unsigned type = STOA_BOOL; type <= STOA_BLOB; type++)
		for (unsigned i = 0; i < (testing_long() ? 12 : 4); i++) {
			bool is_bytes = stoa__type_family(type) == STOA__BYTES;
			unsigned shape = is_bytes ? i : 3 * i;
			struct stoa__buf out = STOA__BUF_INIT;
			struct column c;

			/* Long texts have a test of their own. */
			if (is_bytes && type != STOA_STRING && i % 6 == 3)
				shape++;
			c = make_column(type, shape, (enum nulls)(3 * i % N_NULLS),
					40 + testing_below(&rng, 30), &rng);

			assert_int_equal(stoa__chunk_encode(&c.a, c.n, &out), STOA_OK);
			flip_all(out.p, out.len, &scratch, out.len > 4096 ? 13 : 1);
			stoa__buf_release(&out);
			column_release(&c);
		}
	stoa__buf_release(&scratch);
}

static void no_flipped_byte_of_compressed_texts_makes_a_reader_overrun(void **state)
{
	static const struct { unsigned type, shape; size_t n; } cases[] = {
		{ STOA_TEXT, 1, 400 }, { STOA_TEXT, 3, 4 }, { STOA_BLOB, 3, 4 },
	};
	uint64_t rng = testing_seed();
	struct stoa__buf scratch = STOA__BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct column c = make_column(cases[i].type, cases[i].shape, NULLS_SOME, cases[i].n,
					      &rng);
		struct stoa__buf out = STOA__BUF_INIT;

		assert_int_equal(stoa__chunk_encode(&c.a, c.n, &out), STOA_OK);
		flip_all(out.p, out.len, &scratch, testing_long() ? 1 : 5);
		stoa__buf_release(&out);
		column_release(&c);
	}
	stoa__buf_release(&scratch);
}

static void every_flipped_byte_outside_of_values_is_found_by_the_check(void **state)
{
	int64_t values[70];
	uint64_t validity[2] = { ~(uint64_t)5, ~(uint64_t)0 };
	struct stoa_array a = { STOA_I64, 0, values, validity };
	struct stoa__buf out = STOA__BUF_INIT;
	struct stoa__chunk chunk;
	const char *why;
	size_t n_missed = 0;

	(void)state;
	for (size_t i = 0; i < 70; i++)
		values[i] = (int64_t)(i * 3);
	assert_int_equal(stoa__chunk_encode(&a, 70, &out), STOA_OK);
	for (size_t at = 0; at < out.len; at++) {
		out.p[at] ^= 0x10;
		if (stoa__chunk_open(out.p, out.len, &chunk, &why) == STOA_OK &&
		    stoa__chunk_check(&chunk, &why) == STOA_OK)
			n_missed++;
		out.p[at] ^= 0x10;
	}
	/* A value may turn into another within the range; nothing else may. */
	assert_in_range(n_missed, 0, 70);
	stoa__buf_release(&out);
}

static void codes_in_another_order_than_that_of_first_use_are_found_by_the_check(void **state)
{
	struct stoa_bytes values[] = { { "x", 1 }, { "y", 1 }, { "z", 1 } };
	struct stoa_array a = { STOA_STRING, 0, values, NULL };
	struct stoa__buf out = STOA__BUF_INIT;
	struct stoa__chunk chunk;
	uint8_t *codes;
	const char *why;

	(void)state;
	assert_int_equal(stoa__chunk_encode(&a, 3, &out), STOA_OK);
	open_or_fail(out.p, out.len, &chunk);
	assert_int_equal(chunk.n_dict, 3);
	codes = out.p + (chunk.values - out.p);
	assert_int_equal(chunk.width, 2);
	codes[0] = 2u << 2 | 1u << 4;	/* 0, 2, 1 */
	assert_int_equal(stoa__chunk_open(out.p, out.len, &chunk, &why), STOA_OK);
	assert_int_equal(stoa__chunk_check(&chunk, &why), STOA_ECORRUPT);
	stoa__buf_release(&out);
}

static void images_of_any_bytes_never_overrun(void **state)
{
	uint64_t rng = testing_seed() + 3;
	struct stoa__buf scratch = STOA__BUF_INIT;
	struct stoa__chunk chunk;
	const char *why;

	(void)state;
	for (int round = 0; round < (testing_long() ? 20000 : 1500); round++) {
		struct column c = make_column(1 + (unsigned)testing_below(&rng, STOA_BLOB),
					      (unsigned)testing_below(&rng, N_SHAPES), NULLS_SOME,
					      1 + testing_below(&rng, 100), &rng);
		struct stoa__buf out = STOA__BUF_INIT;
		uint8_t *copy;

		assert_int_equal(stoa__chunk_encode(&c.a, c.n, &out), STOA_OK);
		copy = exact_copy(out.p, out.len);
		/* The header stays: then it opens, and everything behind it is noise. */
		for (size_t i = 64; i < out.len; i++)
			if (testing_below(&rng, 3) == 0)
				copy[i] = (uint8_t)testing_random(&rng);
		if (stoa__chunk_open(copy, out.len, &chunk, &why) == STOA_OK)
			read_everything(&chunk, &scratch);
		free(copy);
		stoa__buf_release(&out);
		column_release(&c);
	}
	stoa__buf_release(&scratch);
}

static void an_image_cut_short_or_misplaced_does_not_open(void **state)
{
	int64_t values[3] = { 1, 2, 300 };
	struct stoa_array a = { STOA_I64, 0, values, NULL };
	struct stoa__buf out = STOA__BUF_INIT;
	struct stoa__chunk chunk;
	const char *why;

	(void)state;
	assert_int_equal(stoa__chunk_encode(&a, 3, &out), STOA_OK);
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(stoa__chunk_open(out.p, len, &chunk, &why), STOA_ECORRUPT);
	assert_int_equal(stoa__chunk_open(out.p + 4, out.len - 4, &chunk, &why), STOA_ECORRUPT);
	stoa__buf_release(&out);
}

/* ---- limits ----------------------------------------------------------------------------- */

static void a_column_beyond_four_gigabytes_is_refused_unread(void **state)
{
	/* Nobody may look at these bytes: there are fewer. */
	const struct stoa_bytes huge = { "x", 1u << 30 }, half = { "y", 1u << 31 };
	struct stoa_bytes texts[5] = { huge, huge, huge, huge, huge }, list[2] = { half, half };
	struct stoa_array a = { STOA_TEXT, 0, texts, NULL };
	uint32_t codes[2] = { 0, 1 };
	struct stoa__buf out = STOA__BUF_INIT;

	(void)state;
	assert_int_equal(stoa__chunk_encode(&a, 5, &out), STOA_EFULL);
	a.type = STOA_BLOB;
	assert_int_equal(stoa__chunk_encode(&a, 5, &out), STOA_EFULL);
	assert_int_equal(stoa__chunk_encode_codes(codes, NULL, 2, list, 2, &out), STOA_EFULL);
	assert_int_equal(out.len, 0);
	stoa__buf_release(&out);
}

/* ---- memory runs out -------------------------------------------------------------------- */

/* Lets each allocation of an encode fail in turn: the buffer stays as it was. */
static void assert_encode_survives_faults(const struct column *c)
{
	for (long nth = 0;; nth++) {
		struct stoa__buf out = STOA__BUF_INIT;
		bool fired;
		int rc;

		assert_int_equal(stoa__buf_put(&out, "abc", 3), STOA_OK);
		stoa__fault_arm(nth, nth % 2 == 1);
		rc = stoa__chunk_encode(&c->a, c->n, &out);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		if (fired)
			assert_int_equal(out.len, 3);
		assert_memory_equal(out.p, "abc", 3);
		stoa__buf_release(&out);
		if (!fired)
			return;
	}
}

static void encoding_is_all_or_nothing_when_memory_runs_out(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (unsigned type = STOA_BOOL; type <= STOA_BLOB; type++)
		for (unsigned shape = 0; shape < 12; shape++) {
			struct column c = make_column(type, shape, NULLS_SOME, 400, &rng);

			assert_encode_survives_faults(&c);
			column_release(&c);
		}
}

static void encoding_codes_and_ids_is_all_or_nothing_when_memory_runs_out(void **state)
{
	struct stoa_bytes list[3] = { { "a", 1 }, { "b", 1 }, { "", 0 } };
	uint32_t codes[4] = { 2, 0, 2, 1 };
	struct stoa__buf out = STOA__BUF_INIT;

	(void)state;
	for (long nth = 0, fired = 1; fired; nth++) {
		int rc;

		stoa__buf_release(&out);
		stoa__fault_arm(nth, false);
		rc = stoa__chunk_encode_codes(codes, NULL, 4, list, 3, &out);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		assert_true(!fired || out.len == 0);
	}
	for (long nth = 0, fired = 1; fired; nth++) {
		int rc;

		stoa__buf_release(&out);
		stoa__fault_arm(nth, false);
		rc = stoa__chunk_encode_ids(codes, NULL, 4, &out);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		assert_true(!fired || out.len == 0);
	}
	stoa__buf_release(&out);
}

static void reading_compressed_texts_reports_that_memory_ran_out(void **state)
{
	uint64_t rng = testing_seed();
	struct stoa_bytes values[500];
	struct stoa__chunk chunk;

	(void)state;
	for (unsigned shape = 1; shape <= 3; shape += 2) {
		struct column c = make_column(STOA_TEXT, shape, NULLS_NONE, 500, &rng);
		struct stoa__buf out = encode(&c.a, c.n, &chunk);

		for (long nth = 0, fired = 1; fired; nth++) {
			struct stoa__buf scratch = STOA__BUF_INIT;
			int rc;

			stoa__fault_arm(nth, false);
			rc = stoa__chunk_read(&chunk, 0, 500, values, &scratch);
			fired = stoa__fault_disarm();
			assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
			assert_true(!fired || scratch.len == 0);
			stoa__buf_release(&scratch);
		}
		stoa__buf_release(&out);
		column_release(&c);
	}
}

/* Shows that the comparison can fail: a model that differs in one row is noticed. */
static void the_comparison_notices_a_wrong_value(void **state)
{
	struct stoa_value a = stoa_f64(0.0), b = stoa_f64(-0.0), t = stoa_text("x"),
			  u = stoa_text("y");

	(void)state;
	assert_false(same_value(&a, &b));
	assert_false(same_value(&t, &u));
	assert_true(same_value(&t, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_comparison_notices_a_wrong_value),
		cmocka_unit_test(each_type_shape_and_null_pattern_comes_back_at_each_length),
		cmocka_unit_test(each_length_comes_back),
		cmocka_unit_test(row_groups_come_back),
		cmocka_unit_test(integers_take_the_narrowest_width_and_base_zero_where_it_is_free),
		cmocka_unit_test(integers_a_step_apart_are_divided_by_it_where_that_saves_bytes),
		cmocka_unit_test(doubles_are_scaled_only_when_every_bit_comes_back),
		cmocka_unit_test(the_scale_grows_with_values_that_need_more_digits),
		cmocka_unit_test(range_leaves_out_nulls_and_nan),
		cmocka_unit_test(texts_are_compressed_where_it_helps),
		cmocka_unit_test(strings_by_value_by_code_and_by_id_have_one_image),
		cmocka_unit_test(no_flipped_byte_makes_a_reader_overrun),
		cmocka_unit_test(no_flipped_byte_of_compressed_texts_makes_a_reader_overrun),
		cmocka_unit_test(every_flipped_byte_outside_of_values_is_found_by_the_check),
		cmocka_unit_test(codes_in_another_order_than_that_of_first_use_are_found_by_the_check),
		cmocka_unit_test(images_of_any_bytes_never_overrun),
		cmocka_unit_test(an_image_cut_short_or_misplaced_does_not_open),
		cmocka_unit_test(a_column_beyond_four_gigabytes_is_refused_unread),
		cmocka_unit_test(encoding_is_all_or_nothing_when_memory_runs_out),
		cmocka_unit_test(encoding_codes_and_ids_is_all_or_nothing_when_memory_runs_out),
		cmocka_unit_test(reading_compressed_texts_reports_that_memory_ran_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
