/* SPDX-License-Identifier: MIT */
/*
 * unzstd_test.c - contexts that are used again: by many threads, and after frames that are none
 */
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <zstd.h>

#include "../lib/core/error.h"
#include "../lib/core/unzstd.h"

#define LEN 3000
#define FRAME (LEN + 512)
#define THREADS (STOA__UNZSTD_SPARES + 8)

/* Text number @n, and its frame. */
static size_t make(unsigned n, char *text, uint8_t *frame)
{
	size_t len;

	for (size_t i = 0; i < LEN; i++)
		text[i] = (char)('a' + (i * (n + 3) + i / 7) % 23);
	len = ZSTD_compress(frame, FRAME, text, LEN, 1);
	assert_false(ZSTD_isError(len));
	return len;
}

static atomic_uint n_wrong;

static void *decompress_many(void *arg)
{
	static char texts[THREADS][LEN];
	static uint8_t frames[THREADS][FRAME];
	unsigned n = *(unsigned *)arg;
	size_t len = make(n, texts[n], frames[n]);
	char out[LEN];

	for (int i = 0; i < 300; i++) {
		memset(out, 0, sizeof out);
		if (stoa__unzstd(out, LEN, frames[n], len) != STOA_OK || memcmp(out, texts[n], LEN) != 0)
			atomic_fetch_add(&n_wrong, 1);
	}
	return NULL;
}

static void more_threads_than_places_each_get_their_own(void **state)
{
	pthread_t threads[THREADS];
	unsigned n[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		n[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, decompress_many, &n[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(n_wrong, 0);
}

static void a_damaged_frame_leaves_nothing_behind(void **state)
{
	char text[LEN], out[LEN];
	uint8_t frame[FRAME], damaged[FRAME];
	size_t len = make(1, text, frame);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		/* Any but the right one: zstd without a checksum cannot find every flip itself. */
		memcpy(damaged, frame, len);
		damaged[i] ^= (uint8_t)(1 + i % 255);
		(void)stoa__unzstd(out, LEN, damaged, len);
		assert_int_equal(stoa__unzstd(out, LEN, frame, i), STOA_ECORRUPT);
		memset(out, 0, sizeof out);
		assert_int_equal(stoa__unzstd(out, LEN, frame, len), STOA_OK);
		assert_memory_equal(out, text, LEN);
	}
}

static void another_length_than_the_one_that_was_promised_is_damage(void **state)
{
	char text[LEN], out[LEN + 1];
	uint8_t frame[FRAME];
	size_t len = make(2, text, frame);

	(void)state;
	assert_int_equal(stoa__unzstd(out, LEN - 1, frame, len), STOA_ECORRUPT);
	assert_int_equal(stoa__unzstd(out, LEN + 1, frame, len), STOA_ECORRUPT);
	assert_int_equal(stoa__unzstd(out, 0, frame, len), STOA_ECORRUPT);
	assert_int_equal(stoa__unzstd(out, LEN, frame, 0), STOA_ECORRUPT);
	assert_int_equal(stoa__unzstd(out, LEN, frame, len), STOA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_threads_than_places_each_get_their_own),
		cmocka_unit_test(a_damaged_frame_leaves_nothing_behind),
		cmocka_unit_test(another_length_than_the_one_that_was_promised_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
