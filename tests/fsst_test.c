/* SPDX-License-Identifier: MIT */
/* fsst_test.c - any bytes come back from FSST, texts shrink, and no damage overruns the decoder */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/fsst.h"

/* Values one after another, with the 8 readable bytes that the encoder wants. */
struct values {
	uint8_t *bytes;
	uint32_t *lens;
	size_t n;
	size_t total;
};

enum kind { KIND_WORDS, KIND_NOISE, KIND_ONE_BYTE, KIND_ZEROS, KIND_URLS, KIND_LONG, KIND_SPARSE,
	    KIND_EMPTY, N_KINDS };

static size_t make_value(enum kind kind, uint8_t *p, uint64_t *rng)
{
	static const char *const words[] = {
		"carefully ", "final ", "deposits ", "the ", "quickly ",
		"foxes ",     "above ", "ironic ",   "r\xc3\xa9sum\xc3\xa9 ",
	};
	size_t len = 0, want = testing_below(rng, 50);

	switch (kind) {
	case KIND_SPARSE:	/* mostly empty */
		if (testing_below(rng, 4))
			return 0;
		/* fallthrough */
	case KIND_WORDS:
		while (len < want)
			len += (size_t)sprintf((char *)p + len, "%s", words[testing_below(rng, 9)]);
		return len;
	case KIND_NOISE:
		for (; len < want; len++)
			p[len] = (uint8_t)testing_random(rng);
		return len;
	case KIND_ONE_BYTE:
		p[0] = (uint8_t)testing_below(rng, 3);
		return 1;
	case KIND_ZEROS:
		memset(p, 0, want);
		return want;
	case KIND_URLS:
		return (size_t)sprintf((char *)p, "https://example.org/item?id=%u&lang=%s",
				       (unsigned)testing_below(rng, 100000),
				       testing_below(rng, 2) ? "en" : "fr");
	case KIND_LONG:
		for (; len < 3000; len++)
			p[len] = (uint8_t)('a' + testing_below(rng, 1 + len % 7));
		return len;
	default:
		return 0;
	}
}

static struct values make_values(enum kind kind, size_t n, uint64_t *rng)
{
	struct values v = { malloc(n * 3001 + 8), malloc(n * sizeof(uint32_t)), n, 0 };
	uint8_t *p = v.bytes;

	for (size_t i = 0; i < n; i++) {
		v.lens[i] = (uint32_t)make_value(kind, p, rng);
		v.total += v.lens[i];
		p += v.lens[i];
		*p++ = STOA__FSST_END;
	}
	v.bytes = realloc(v.bytes, v.total + n + 8);
	memset(v.bytes + v.total + n, 0, 8);
	return v;
}

static void values_release(struct values *v)
{
	free(v->bytes);
	free(v->lens);
}

/* All at once is the same as one by one. */
static void assert_all_at_once(const struct stoa__fsst_encoder *e, const struct values *v)
{
	uint8_t *one = malloc(2 * v->total + 1), *all = malloc(2 * (v->total + v->n));
	uint8_t *copy = malloc(v->total + v->n + 8);	/* its marks are changed */
	uint32_t *lens = malloc(v->n * sizeof *lens);
	size_t at = 0, from = 0;

	memcpy(copy, v->bytes, v->total + v->n + 8);
	assert_true(stoa__fsst_encode_all(e, copy, v->lens, v->n, all, lens) <= 2 * v->total);
	for (size_t i = 0; i < v->n; i++) {
		size_t len = stoa__fsst_encode(e, v->bytes + from, v->lens[i], one + at);

		assert_int_equal(lens[i], len);
		from += v->lens[i] + 1;
		at += len;
	}
	assert_memory_equal(one, all, at);
	free(lens);
	free(copy);
	free(all);
	free(one);
}

/* Decompressing strings as one run does what decompressing each does, malformed ones included. */
static void assert_run_like_each(const struct stoa__fsst_table *t, const uint8_t *in,
				 const uint32_t *lens, size_t n)
{
	uint32_t *out_lens = malloc((n + 1) * sizeof *out_lens);
	size_t total = 0, from = 0, at = 0;
	bool well = true;

	for (size_t i = 0; i < n; i++)
		total += lens[i];
	uint8_t *exact = malloc(total + 1), *run = malloc(STOA__FSST_DECODE_ROOM(total));
	uint8_t *each = malloc(STOA__FSST_DECODE_ROOM(total));
	memcpy(exact, in, total);
	exact = realloc(exact, total ? total : 1);
	bool ok = stoa__fsst_decode_run(t, exact, lens, n, run, out_lens);
	for (size_t i = 0; i < n && well; i++) {
		size_t len = stoa__fsst_decode(t, exact + from, lens[i], each + at);

		well = len != SIZE_MAX;
		if (well && ok)
			assert_int_equal(len, out_lens[i]);
		from += lens[i];
		at += well ? len : 0;
	}
	assert_int_equal(ok, well);
	if (ok)
		assert_memory_equal(run, each, at);
	free(each);
	free(run);
	free(exact);
	free(out_lens);
}

static void strings_decompress_as_one_run(void **state)
{
	uint64_t rng = testing_seed();
	struct values v = make_values(KIND_WORDS, 500, &rng);
	struct stoa__fsst_encoder *e = stoa__fsst_encoder_new(v.bytes, v.lens, v.n);
	uint8_t codes[STOA__FSST_RUN_MAX];
	uint32_t lens[STOA__FSST_RUN_MAX];

	(void)state;
	for (size_t round = 0; round < 3000; round++) {
		size_t total = testing_below(&rng, round % 10 ? 100 : STOA__FSST_RUN_MAX + 1), n = 0;
		unsigned escapes = (unsigned)testing_below(&rng, 3) * 10;

		for (size_t i = 0; i < total; i++)
			codes[i] = testing_below(&rng, 100) < escapes ?
					   STOA__FSST_ESCAPE : (uint8_t)testing_below(&rng, 255);
		for (size_t at = 0; at < total; at += lens[n++]) {
			lens[n] = (uint32_t)testing_below(&rng, 20);
			/* Mostly, let strings end where an escape does not run on. */
			while (at + lens[n] < total && codes[at + lens[n] - (lens[n] > 0)] == STOA__FSST_ESCAPE)
				lens[n]++;
			if (at + lens[n] > total || n + 2 == STOA__FSST_RUN_MAX)
				lens[n] = (uint32_t)(total - at);
		}
		assert_run_like_each(stoa__fsst_encoder_table(e), codes, lens, n);
	}
	stoa__fsst_encoder_free(e);
	values_release(&v);
}

/* Compresses and decompresses each value in memory of the size promised. Returns the total. */
static size_t assert_comes_back(const struct stoa__fsst_encoder *e, const struct values *v)
{
	const uint8_t *p = v->bytes;
	size_t total = 0;

	for (size_t i = 0; i < v->n; i++) {
		uint8_t *small = malloc(2 * (size_t)v->lens[i] + 1), *out, *exact;
		size_t small_len = stoa__fsst_encode(e, p, v->lens[i], small), len;

		assert_true(small_len <= 2 * (size_t)v->lens[i]);
		exact = malloc(small_len + 1);
		memcpy(exact, small, small_len);
		out = malloc(STOA__FSST_DECODE_ROOM(small_len));
		len = stoa__fsst_decode(stoa__fsst_encoder_table(e), exact, small_len, out);
		assert_int_equal(len, v->lens[i]);
		assert_memory_equal(out, p, len);
		p += len + 1;
		total += small_len;
		free(out);
		free(exact);
		free(small);
	}
	return total;
}

static void any_values_come_back(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 30, 300, 3000 };
	uint64_t rng = testing_seed();

	(void)state;
	for (int kind = 0; kind < N_KINDS; kind++)
		for (size_t i = 0; i < 6; i++) {
			size_t n = kind == KIND_LONG ? counts[i] / 30 + 1 : counts[i];
			struct values v = make_values((enum kind)kind, n, &rng);
			struct stoa__fsst_encoder *e = stoa__fsst_encoder_new(v.bytes, v.lens, v.n);

			assert_non_null(e);
			assert_true(stoa__fsst_table_valid(stoa__fsst_encoder_table(e)));
			assert_comes_back(e, &v);
			assert_all_at_once(e, &v);
			stoa__fsst_encoder_free(e);
			values_release(&v);
		}
}

static void values_that_the_table_never_saw_come_back(void **state)
{
	uint64_t rng = testing_seed();
	struct values seen = make_values(KIND_WORDS, 500, &rng);
	struct stoa__fsst_encoder *e = stoa__fsst_encoder_new(seen.bytes, seen.lens, seen.n);

	(void)state;
	for (int kind = 0; kind < N_KINDS; kind++) {
		struct values v = make_values((enum kind)kind, 50, &rng);

		assert_comes_back(e, &v);
		values_release(&v);
	}
	stoa__fsst_encoder_free(e);
	values_release(&seen);
}

static void texts_shrink_and_the_sample_says_so(void **state)
{
	uint64_t rng = testing_seed();
	struct values v = make_values(KIND_WORDS, 20000, &rng);
	struct stoa__fsst_encoder *e = stoa__fsst_encoder_new(v.bytes, v.lens, v.n);
	double ratio = (double)assert_comes_back(e, &v) / (double)v.total;

	(void)state;
	assert_true(ratio < 0.4);
	assert_true(ratio - stoa__fsst_encoder_ratio(e) < 0.05);
	assert_true(stoa__fsst_encoder_ratio(e) - ratio < 0.05);
	stoa__fsst_encoder_free(e);
	values_release(&v);
}

static void noise_is_seen_not_to_shrink(void **state)
{
	uint64_t rng = testing_seed();
	struct values v = make_values(KIND_NOISE, 3000, &rng);
	struct stoa__fsst_encoder *e = stoa__fsst_encoder_new(v.bytes, v.lens, v.n);

	(void)state;
	assert_true(stoa__fsst_encoder_ratio(e) > 0.9);
	stoa__fsst_encoder_free(e);
	values_release(&v);
}

static void equal_values_learn_equal_tables(void **state)
{
	uint64_t rng = testing_seed();
	struct values v = make_values(KIND_URLS, 3000, &rng);
	struct stoa__fsst_encoder *a = stoa__fsst_encoder_new(v.bytes, v.lens, v.n);
	struct stoa__fsst_encoder *b = stoa__fsst_encoder_new(v.bytes, v.lens, v.n);

	(void)state;
	assert_memory_equal(stoa__fsst_encoder_table(a), stoa__fsst_encoder_table(b),
			    sizeof(struct stoa__fsst_table));
	stoa__fsst_encoder_free(a);
	stoa__fsst_encoder_free(b);
	values_release(&v);
}

static void any_bytes_and_any_valid_table_decode_within_the_room(void **state)
{
	uint64_t rng = testing_seed();
	struct stoa__fsst_table t;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t len = testing_below(&rng, 40), got;
		uint8_t *in = malloc(len + 1), *out = malloc(STOA__FSST_DECODE_ROOM(len));

		for (size_t i = 0; i < 256; i++) {
			t.symbol[i] = testing_random(&rng);
			t.len[i] = (uint8_t)testing_below(&rng, 9);
		}
		assert_true(stoa__fsst_table_valid(&t));
		for (size_t i = 0; i < len; i++)
			in[i] = testing_below(&rng, 4) ? (uint8_t)testing_random(&rng)
						       : STOA__FSST_ESCAPE;
		in = realloc(in, len ? len : 1);
		got = stoa__fsst_decode(&t, in, len, out);
		assert_true(got == SIZE_MAX || got <= 8 * len);
		free(out);
		free(in);
	}
}

static void a_lone_escape_at_the_end_is_refused(void **state)
{
	struct stoa__fsst_table t = { { 'a' }, { 1 } };
	uint8_t out[STOA__FSST_DECODE_ROOM(6)];

	(void)state;
	assert_int_equal(stoa__fsst_decode(&t, (const uint8_t *)"\0\0\xff", 3, out), SIZE_MAX);
	assert_int_equal(stoa__fsst_decode(&t, (const uint8_t *)"\0\xff\xff", 3, out), 2);
	assert_memory_equal(out, "a\xff", 2);
}

static void a_symbol_of_nine_bytes_makes_a_table_invalid(void **state)
{
	struct stoa__fsst_table t = { { 0 }, { 0 } };

	(void)state;
	t.len[254] = 8;
	assert_true(stoa__fsst_table_valid(&t));
	t.len[255] = 9;
	assert_false(stoa__fsst_table_valid(&t));
}

static void no_encoder_is_made_when_memory_runs_out(void **state)
{
	uint32_t lens[1] = { 4 };

	(void)state;
	for (long nth = 0;; nth++) {
		struct stoa__fsst_encoder *e;
		bool fired;

		stoa__fault_arm(nth, false);
		e = stoa__fsst_encoder_new((const uint8_t *)"abab\xff\0\0\0\0\0\0\0", lens, 1);
		fired = stoa__fault_disarm();
		assert_true((e == NULL) == fired);
		stoa__fsst_encoder_free(e);
		if (!fired)
			return;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_values_come_back),
		cmocka_unit_test(strings_decompress_as_one_run),
		cmocka_unit_test(values_that_the_table_never_saw_come_back),
		cmocka_unit_test(texts_shrink_and_the_sample_says_so),
		cmocka_unit_test(noise_is_seen_not_to_shrink),
		cmocka_unit_test(equal_values_learn_equal_tables),
		cmocka_unit_test(any_bytes_and_any_valid_table_decode_within_the_room),
		cmocka_unit_test(a_lone_escape_at_the_end_is_refused),
		cmocka_unit_test(a_symbol_of_nine_bytes_makes_a_table_invalid),
		cmocka_unit_test(no_encoder_is_made_when_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
