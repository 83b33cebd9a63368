/* SPDX-License-Identifier: MIT */
/* bitmap_test.c - counting and copying bits agree with doing it one by one, at every offset */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/core/bitmap.h"

#define N_BITS 300

static size_t naive_count(const uint64_t *w, size_t from, size_t n)
{
	size_t count = 0;

	for (size_t i = from; i < from + n; i++)
		count += stoa__bit_get(w, i);
	return count;
}

static void fill(uint64_t *w, size_t n_words, uint64_t *rng)
{
	for (size_t i = 0; i < n_words; i++)
		w[i] = testing_below(rng, 4) ? testing_random(rng) : ~(uint64_t)0;
}

/* Words of exactly @n bits, so that a sanitizer sees a touch beyond. */
static uint64_t *make_words(size_t n, uint64_t *rng)
{
	uint64_t *w = malloc(STOA__WORDS(n) * sizeof *w + (n == 0));

	fill(w, STOA__WORDS(n), rng);
	return w;
}

static void bits_are_set_cleared_and_read(void **state)
{
	uint64_t w[2] = { 0, 0 };

	(void)state;
	stoa__bit_set(w, 0);
	stoa__bit_set(w, 63);
	stoa__bit_set(w, 64);
	assert_true(w[0] == 0x8000000000000001u && w[1] == 1);
	stoa__bit_clear(w, 63);
	assert_false(stoa__bit_get(w, 63));
	assert_true(stoa__bit_get(w, 64));
	assert_true(stoa__bit_get(NULL, 12345));
}

static void counts_agree_with_one_by_one(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t from = testing_below(&rng, N_BITS);
		size_t n = testing_below(&rng, N_BITS - from + 1);
		uint64_t *w = make_words(from + n, &rng);

		assert_int_equal(stoa__bitmap_count(w, from, n), naive_count(w, from, n));
		free(w);
	}
	assert_int_equal(stoa__bitmap_count(NULL, 5, 1000), 1000);
}

static void copies_agree_with_one_by_one(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = testing_below(&rng, N_BITS);
		size_t from = testing_below(&rng, N_BITS), at = testing_below(&rng, N_BITS);
		uint64_t *src = testing_below(&rng, 10) ? make_words(from + n, &rng) : NULL;
		uint64_t *dst = make_words(at + n, &rng), *want = make_words(at + n, &rng);

		memcpy(want, dst, STOA__WORDS(at + n) * sizeof *dst);
		for (size_t i = 0; i < n; i++) {
			stoa__bit_clear(want, at + i);
			if (stoa__bit_get(src, from + i))
				stoa__bit_set(want, at + i);
		}
		stoa__bitmap_copy(dst, at, src, from, n);
		assert_memory_equal(dst, want, STOA__WORDS(at + n) * sizeof *dst);
		free(src);
		free(dst);
		free(want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_are_set_cleared_and_read),
		cmocka_unit_test(counts_agree_with_one_by_one),
		cmocka_unit_test(copies_agree_with_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
