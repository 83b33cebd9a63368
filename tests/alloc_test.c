/* SPDX-License-Identifier: MIT */
/* alloc_test.c - sizes are checked, faults come when ordered, error texts are whole lines */
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/hash.h"

static void sizes_that_overflow_are_refused(void **state)
{
	volatile size_t huge = SIZE_MAX;
	void *p = stoa__alloc(1);

	(void)state;
	assert_null(stoa__alloc(huge));
	assert_null(stoa__calloc(huge / 2, 3));
	assert_null(stoa__calloc(huge / 2, 2));
	assert_null(stoa__realloc(p, huge));
	assert_null(stoa__realloc_array(p, huge / 2 + 2, 2));
	assert_null(stoa__alloc_aligned(huge));
	assert_null(stoa__alloc_aligned(huge / 2));
	assert_null(stoa__strndup("", huge));
	stoa__free(p);
}

static void nothing_is_still_something(void **state)
{
	void *p = stoa__alloc(0), *q = stoa__calloc(0, 8), *r = stoa__alloc_aligned(0);

	(void)state;
	assert_non_null(p);
	assert_non_null(q);
	assert_non_null(r);
	p = stoa__realloc(p, 0);
	assert_non_null(p);
	stoa__free(p);
	stoa__free(q);
	stoa__free(r);
	stoa__free(NULL);
}

static void aligned_memory_is_aligned_and_freed_like_any(void **state)
{
	(void)state;
	for (size_t size = 1; size < 300; size++) {
		uint8_t *p = stoa__alloc_aligned(size);

		assert_int_equal((uintptr_t)p % 64, 0);
		memset(p, 1, size);
		stoa__free(p);
	}
}

static void a_copy_of_a_string_ends_with_nul(void **state)
{
	char *s = stoa__strndup("hello", 4);

	(void)state;
	assert_string_equal(s, "hell");
	stoa__free(s);
	s = stoa__strndup(NULL, 0);
	assert_string_equal(s, "");
	stoa__free(s);
}

static void the_nth_allocation_fails_once(void **state)
{
	void *p[4];

	(void)state;
	stoa__fault_arm(2, false);
	for (int i = 0; i < 4; i++)
		p[i] = stoa__alloc(8);
	assert_true(stoa__fault_disarm());
	assert_non_null(p[0]);
	assert_non_null(p[1]);
	assert_null(p[2]);
	assert_non_null(p[3]);
	for (int i = 0; i < 4; i++)
		stoa__free(p[i]);
}

static void all_allocations_from_the_nth_on_fail(void **state)
{
	void *p;

	(void)state;
	stoa__fault_arm(1, true);
	p = stoa__calloc(1, 8);
	assert_non_null(p);
	assert_null(stoa__alloc(1));
	assert_null(stoa__alloc_aligned(1));
	assert_null(stoa__realloc(p, 100));
	assert_true(stoa__fault_disarm());
	stoa__free(p);
	p = stoa__alloc(1);
	assert_non_null(p);
	stoa__free(p);
}

static void a_fault_that_is_not_reached_does_not_fire(void **state)
{
	(void)state;
	stoa__fault_arm(1, false);
	stoa__free(stoa__alloc(1));
	assert_false(stoa__fault_disarm());
	stoa__fault_arm(0, false);
	assert_null(stoa__alloc(1));
	assert_true(stoa__fault_disarm());
	stoa__fault_arm(5, false);
	assert_false(stoa__fault_disarm());
}

static void bytes_are_counted_until_they_are_freed(void **state)
{
	uint64_t before = stoa__alloc_bytes(), sum = 0;
	size_t got = 0;
	void *p[6] = { stoa__alloc(100), stoa__calloc(3, 50), stoa__calloc(3, 5000),
		       stoa__alloc_aligned(100), stoa__strndup("name", 4),
		       stoa__alloc_told(70, &got) };

	(void)state;
	for (int i = 0; i < 6; i++)
		sum += stoa__alloc_size(p[i]);
	assert_int_equal(got, stoa__alloc_size(p[5]));
	assert_true(sum >= 100 + 150 + 15000 + 100 + 5 + 70);
	assert_int_equal(stoa__alloc_bytes(), before + sum);
	sum -= stoa__alloc_size(p[0]);
	p[0] = stoa__realloc(p[0], 4000);
	sum += stoa__alloc_size(p[0]);
	assert_int_equal(stoa__alloc_bytes(), before + sum);
	assert_int_equal(stoa__alloc_size(NULL), 0);
	for (int i = 0; i < 5; i++)
		stoa__free(p[i]);
	assert_int_equal(stoa__free_told(p[5]), got);
	assert_int_equal(stoa__free_told(NULL), 0);
	assert_int_equal(stoa__alloc_bytes(), before);
}

#define HANDED 1000
static void *handed[HANDED];

static void *make_and_end(void *arg)
{
	(void)arg;
	for (int i = 0; i < HANDED; i++)
		handed[i] = stoa__alloc(100);
	stoa__free(handed[0]);
	handed[0] = NULL;
	return NULL;
}

/* One thread makes what another frees, before and after it has ended. */
static void threads_count_together(void **state)
{
	uint64_t before = stoa__alloc_bytes();
	pthread_t thread;

	(void)state;
	for (int round = 0; round < 3; round++) {
		uint64_t sum = 0;

		assert_int_equal(pthread_create(&thread, NULL, make_and_end, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		for (int i = 0; i < HANDED; i++)
			sum += stoa__alloc_size(handed[i]);
		assert_int_equal(stoa__alloc_bytes(), before + sum);
		for (int i = 0; i < HANDED; i++)
			stoa__free(handed[i]);
		assert_int_equal(stoa__alloc_bytes(), before);
	}
}

static void reserved_memory_is_zero_and_not_counted(void **state)
{
	uint64_t before = stoa__alloc_bytes();
	uint8_t *p = stoa__reserve((size_t)1 << 30);

	(void)state;
	assert_non_null(p);
	assert_int_equal(p[(1 << 30) - 1], 0);
	p[1 << 20] = 1;
	assert_int_equal(stoa__alloc_bytes(), before);
	stoa__unreserve(p, (size_t)1 << 30);
	stoa__unreserve(NULL, 1);
	stoa__fault_arm(0, false);
	assert_null(stoa__reserve(4096));
	assert_true(stoa__fault_disarm());
}

#define N_THREADS 4
#define N_EACH 5000
static atomic_int n_failed;

static void *allocate_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < N_EACH; i++) {
		void *p = stoa__alloc(8);

		if (!p)
			atomic_fetch_add(&n_failed, 1);
		stoa__free(p);
	}
	return NULL;
}

static void among_threads_exactly_one_allocation_fails(void **state)
{
	pthread_t threads[N_THREADS];

	(void)state;
	stoa__fault_arm(N_THREADS * N_EACH / 2, false);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, allocate_many, NULL), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(stoa__fault_disarm());
	assert_int_equal(atomic_load(&n_failed), 1);
}

/* ---- errors ----------------------------------------------------------------------------- */

static void an_error_has_code_place_and_text(void **state)
{
	struct stoa_error err;

	(void)state;
	memset(&err, 0xff, sizeof err);
	assert_int_equal(stoa__fail(&err, STOA_EINVAL, "no %s called \"%s\"", "table", "t"),
			 STOA_EINVAL);
	assert_string_equal(err.text, "no table called \"t\"");
	assert_true(err.code == STOA_EINVAL && !err.line && !err.column && !err.offset);
	assert_int_equal(stoa__fail_at(&err, STOA_ESYNTAX, 3, 14, "what is %d", 1), STOA_ESYNTAX);
	assert_true(err.line == 3 && err.column == 14 && err.offset == 0);
	assert_int_equal(stoa__fail_corrupt(&err, "a.seg", 4096, "no %s", "sum"), STOA_ECORRUPT);
	assert_true(err.code == STOA_ECORRUPT && err.offset == 4096 && err.line == 0);
	assert_string_equal(err.text, "a.seg is damaged at byte 4096: no sum");
	assert_int_equal(stoa__fail_memory(&err), STOA_ENOMEM);
	assert_int_equal(err.code, STOA_ENOMEM);
}

static void an_error_may_go_nowhere(void **state)
{
	(void)state;
	assert_int_equal(stoa__fail(NULL, STOA_EIO, "x"), STOA_EIO);
	assert_int_equal(stoa__fail_at(NULL, STOA_ESYNTAX, 1, 1, "x"), STOA_ESYNTAX);
	assert_int_equal(stoa__fail_memory(NULL), STOA_ENOMEM);
	assert_int_equal(stoa__fail_corrupt(NULL, "f", 0, "x"), STOA_ECORRUPT);
}

static void an_error_can_wrap_its_own_text(void **state)
{
	struct stoa_error err;

	(void)state;
	stoa__fail(&err, STOA_EIO, "disk gone");
	stoa__fail(&err, err.code, "cannot open: %s", err.text);
	assert_string_equal(err.text, "cannot open: disk gone");
}

static void a_text_is_one_line_and_cut_at_a_character(void **state)
{
	struct stoa_error err;
	char text[700];

	(void)state;
	stoa__fail(&err, STOA_EINVAL, "a\nb\tc");
	assert_string_equal(err.text, "a?b?c");
	for (size_t pad = 0; pad < 4; pad++) {
		memset(text, 'x', pad);
		for (size_t i = pad; i + 2 < sizeof text; i += 2)
			memcpy(text + i, "\xc3\xa9", 3);
		stoa__fail(&err, STOA_EINVAL, "%s", text);
		assert_in_range(strlen(err.text), STOA_ERROR_TEXT_MAX - 2, STOA_ERROR_TEXT_MAX - 1);
		assert_int_equal((strlen(err.text) - pad) % 2, 0);
	}
	memset(text, '\x80', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	stoa__fail(&err, STOA_EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), STOA_ERROR_TEXT_MAX - 1);
}

static void every_result_has_a_name(void **state)
{
	(void)state;
	for (int r = STOA_EDIVZERO; r <= STOA_END; r++)
		assert_memory_equal(stoa_result_name(r), "STOA_", 5);
	assert_string_equal(stoa_result_name(STOA_EBUSY), "STOA_EBUSY");
	assert_non_null(stoa_result_name(1234));
	assert_non_null(stoa_result_name(STOA_EDIVZERO - 1));
}

static void hashes_are_those_of_xxh3(void **state)
{
	(void)state;
	/* From the reference implementation; stored checksums depend on them. */
	assert_true(stoa__hash("", 0) == 0x2d06800538d394c2u);
	assert_true(stoa__hash_seeded("", 0, 0) == stoa__hash("", 0));
	assert_true(stoa__hash_seeded("abc", 3, 1) != stoa__hash("abc", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_counted_until_they_are_freed),
		cmocka_unit_test(threads_count_together),
		cmocka_unit_test(reserved_memory_is_zero_and_not_counted),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(nothing_is_still_something),
		cmocka_unit_test(aligned_memory_is_aligned_and_freed_like_any),
		cmocka_unit_test(a_copy_of_a_string_ends_with_nul),
		cmocka_unit_test(the_nth_allocation_fails_once),
		cmocka_unit_test(all_allocations_from_the_nth_on_fail),
		cmocka_unit_test(a_fault_that_is_not_reached_does_not_fire),
		cmocka_unit_test(among_threads_exactly_one_allocation_fails),
		cmocka_unit_test(an_error_has_code_place_and_text),
		cmocka_unit_test(an_error_may_go_nowhere),
		cmocka_unit_test(an_error_can_wrap_its_own_text),
		cmocka_unit_test(a_text_is_one_line_and_cut_at_a_character),
		cmocka_unit_test(every_result_has_a_name),
		cmocka_unit_test(hashes_are_those_of_xxh3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
