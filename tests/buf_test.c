/* SPDX-License-Identifier: MIT */
/* buf_test.c - what is put is read back, nothing past the end; a failed put changes nothing */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/buf.h"
#include "../lib/core/error.h"

static void numbers_and_bytes_come_back_in_order(void **state)
{
	struct stoa__buf b = STOA__BUF_INIT;
	struct stoa__reader r;
	const uint8_t *p;
	size_t len;

	(void)state;
	assert_int_equal(stoa__buf_put_u8(&b, 7), STOA_OK);
	assert_int_equal(stoa__buf_put_u16(&b, 0x1234), STOA_OK);
	assert_int_equal(stoa__buf_put_u32(&b, 0xdeadbeef), STOA_OK);
	assert_int_equal(stoa__buf_put_u64(&b, UINT64_MAX - 1), STOA_OK);
	assert_int_equal(stoa__buf_put_bytes(&b, "hello", 5), STOA_OK);
	assert_int_equal(stoa__buf_put_bytes(&b, NULL, 0), STOA_OK);
	assert_int_equal(stoa__buf_put(&b, "xyz", 3), STOA_OK);
	r = stoa__reader_of(b.p, b.len);
	assert_int_equal(stoa__read_u8(&r), 7);
	assert_int_equal(stoa__read_u16(&r), 0x1234);
	assert_int_equal(stoa__read_u32(&r), 0xdeadbeef);
	assert_true(stoa__read_u64(&r) == UINT64_MAX - 1);
	p = stoa__read_bytes(&r, &len);
	assert_int_equal(len, 5);
	assert_memory_equal(p, "hello", 5);
	stoa__read_bytes(&r, &len);
	assert_int_equal(len, 0);
	assert_memory_equal(stoa__read_run(&r, 3), "xyz", 3);
	assert_int_equal(r.bad, 0);
	assert_int_equal(stoa__reader_left(&r), 0);
	stoa__buf_release(&b);
}

static void integers_are_little_endian(void **state)
{
	struct stoa__buf b = STOA__BUF_INIT;

	(void)state;
	assert_int_equal(stoa__buf_put_u32(&b, 0x01020304), STOA_OK);
	assert_memory_equal(b.p, "\4\3\2\1", 4);
	stoa__buf_release(&b);
}

static void varints_of_every_length_come_back(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (unsigned bits = 0; bits <= 64; bits++)
		for (int i = 0; i < 50; i++) {
			uint64_t x = bits ? testing_random(&rng) >> (64 - bits) : 0;
			struct stoa__buf b = STOA__BUF_INIT;
			struct stoa__reader r;
			uint8_t *exact;

			assert_int_equal(stoa__buf_put_varint(&b, x), STOA_OK);
			assert_in_range(b.len, 1, 10);
			exact = malloc(b.len);
			memcpy(exact, b.p, b.len);
			r = stoa__reader_of(exact, b.len);
			assert_true(stoa__read_varint(&r) == x);
			assert_int_equal(r.bad, 0);
			r = stoa__reader_of(exact, b.len - 1);
			assert_true(stoa__read_varint(&r) == 0);
			assert_int_equal(r.bad, 1);
			free(exact);
			stoa__buf_release(&b);
		}
}

static void assert_bad_varint(const char *bytes, size_t len)
{
	struct stoa__reader r = stoa__reader_of(bytes, len);

	assert_true(stoa__read_varint(&r) == 0);
	assert_int_equal(r.bad, 1);
	assert_int_equal(stoa__reader_left(&r), 0);
}

static void a_varint_has_one_form(void **state)
{
	(void)state;
	assert_bad_varint("\x80\x00", 2);
	assert_bad_varint("\xff\xff\x80\x00", 4);
	assert_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	assert_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
}

static void a_reader_past_the_end_stays_bad_and_gives_zeros(void **state)
{
	struct stoa__reader r = stoa__reader_of("\1\2\3", 3);
	size_t len = 9;

	(void)state;
	assert_int_equal(stoa__read_u32(&r), 0);
	assert_int_equal(r.bad, 1);
	assert_int_equal(stoa__read_u8(&r), 0);
	assert_int_equal(stoa__read_u16(&r), 0);
	assert_true(stoa__read_u64(&r) == 0);
	assert_null(stoa__read_run(&r, 0));
	assert_null(stoa__read_bytes(&r, &len));
	assert_int_equal(len, 0);
}

static void a_length_beyond_the_end_is_bad(void **state)
{
	struct stoa__reader r = stoa__reader_of("\5abc", 4);
	size_t len;

	(void)state;
	assert_null(stoa__read_bytes(&r, &len));
	assert_int_equal(r.bad, 1);
}

static void any_bytes_can_be_read(void **state)
{
	uint64_t rng = testing_seed();

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t len = testing_below(&rng, 24), n;
		uint8_t *p = malloc(len + 1);
		struct stoa__reader r;

		for (size_t j = 0; j < len; j++)
			p[j] = testing_below(&rng, 2) ? (uint8_t)testing_random(&rng)
						      : (uint8_t)testing_below(&rng, 5);
		p = realloc(p, len ? len : 1);
		r = stoa__reader_of(p, len);
		for (int k = 0; k < 8; k++) {
			const uint8_t *q = stoa__read_bytes(&r, &n);

			assert_true(!q || q + n <= p + len);
			stoa__read_varint(&r);
		}
		free(p);
	}
}

static void padding_is_zeros_up_to_a_multiple(void **state)
{
	struct stoa__buf b = STOA__BUF_INIT;

	(void)state;
	for (size_t n = 0; n < 130; n++) {
		stoa__buf_reset(&b);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(stoa__buf_put_u8(&b, 0xff), STOA_OK);
		assert_int_equal(stoa__buf_pad(&b, 64), STOA_OK);
		assert_int_equal(b.len, (n + 63) / 64 * 64);
		for (size_t i = 0; i < b.len; i++)
			assert_int_equal(b.p[i], i < n ? 0xff : 0);
	}
	stoa__buf_release(&b);
	assert_null(b.p);
}

static void a_put_that_fails_changes_nothing(void **state)
{
	static uint8_t bytes[1000];
	struct stoa__buf b = STOA__BUF_INIT;

	(void)state;
	assert_int_equal(stoa__buf_put(&b, "abc", 3), STOA_OK);
	stoa__fault_arm(0, true);
	assert_int_equal(stoa__buf_put(&b, bytes, sizeof bytes), STOA_ENOMEM);
	assert_int_equal(stoa__buf_put_bytes(&b, bytes, sizeof bytes), STOA_ENOMEM);
	assert_int_equal(stoa__buf_put_zeros(&b, sizeof bytes), STOA_ENOMEM);
	assert_true(stoa__fault_disarm());
	assert_int_equal(stoa__buf_reserve(&b, SIZE_MAX), STOA_ENOMEM);
	assert_int_equal(stoa__buf_reserve(&b, SIZE_MAX - 3), STOA_ENOMEM);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.p, "abc", 3);
	stoa__buf_release(&b);
}

static void bytes_put_one_by_one_cost_few_allocations(void **state)
{
	struct stoa__buf b = STOA__BUF_INIT;

	(void)state;
	/* The twentieth allocation would fail: a megabyte takes fifteen. */
	stoa__fault_arm(20, true);
	for (size_t i = 0; i < 1u << 20; i++)
		assert_int_equal(stoa__buf_put_u8(&b, (uint8_t)i), STOA_OK);
	assert_false(stoa__fault_disarm());
	stoa__buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_bytes_come_back_in_order),
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(varints_of_every_length_come_back),
		cmocka_unit_test(a_varint_has_one_form),
		cmocka_unit_test(a_reader_past_the_end_stays_bad_and_gives_zeros),
		cmocka_unit_test(a_length_beyond_the_end_is_bad),
		cmocka_unit_test(any_bytes_can_be_read),
		cmocka_unit_test(padding_is_zeros_up_to_a_multiple),
		cmocka_unit_test(a_put_that_fails_changes_nothing),
		cmocka_unit_test(bytes_put_one_by_one_cost_few_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
