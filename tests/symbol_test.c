/* SPDX-License-Identifier: MIT */
/* symbol_test.c - interned strings against counts in an array, through growth and churn */
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/symbol.h"

#define N_STRINGS 2000

/* What the table should hold: string i, under that id, so many times. */
struct expected {
	uint32_t id;
	uint32_t count;
};

/* String number @i; number 0 is empty, some hold a NUL, some are long. */
static uint32_t string(unsigned i, char out[400])
{
	int n = i ? snprintf(out, 400, "string %u%c%u", i, i % 3 ? '-' : 0, i * 7) : 0;

	if (i % 50 == 49) {
		memset(out + n, 'x', 300);
		n += 300;
	}
	return (uint32_t)n;
}

static void assert_well(struct stoa__symbols *s)
{
	const char *why = "";

	if (!stoa__symbols_check(s, &why))
		fail_msg("%s", why);
}

static void compare(struct stoa__symbols *s, const struct expected *e, unsigned i)
{
	char text[400];
	uint32_t len = string(i, text);
	uint32_t id = stoa__symbol_find(s, text, len);
	struct stoa_bytes b;

	if (!e[i].count) {
		assert_int_equal(id, 0);
		return;
	}
	assert_int_equal(id, e[i].id);
	assert_int_equal(stoa__symbol_count(s, id), e[i].count);
	b = stoa__symbol_bytes(s, id);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, text, len);
}

static void intern(struct stoa__symbols *s, struct expected *e, unsigned i)
{
	char text[400];
	uint32_t id = 0, len = string(i, text);

	assert_int_equal(stoa__symbol_intern(s, text, len, &id), STOA_OK);
	assert_int_not_equal(id, 0);
	if (e[i].count)
		assert_int_equal(id, e[i].id);
	e[i].id = id;
	e[i].count++;
}

/* Gives up one hold of each of some strings in one call, ids of 0 among them. */
static void drop_some(struct stoa__symbols *s, struct expected *e, uint64_t *rng)
{
	uint32_t ids[64];
	size_t n = 0;

	while (n < 60) {
		unsigned i = (unsigned)testing_below(rng, N_STRINGS);

		if (e[i].count) {
			e[i].count--;
			ids[n++] = e[i].id;
		} else {
			ids[n++] = 0;
		}
	}
	stoa__symbol_drop(s, ids, n);
}

static void hold_some(struct stoa__symbols *s, struct expected *e, uint64_t *rng)
{
	uint32_t ids[8] = { 0 };

	for (size_t k = 0; k < 8; k++) {
		unsigned i = (unsigned)testing_below(rng, N_STRINGS);

		if (e[i].count) {
			e[i].count++;
			ids[k] = e[i].id;
		}
	}
	stoa__symbol_hold_all(s, ids, 8);
}

static void a_string_lives_as_long_as_it_has_holders(void **state)
{
	static struct expected e[N_STRINGS];
	uint64_t rng = testing_seed();
	struct stoa__symbols s;

	(void)state;
	memset(e, 0, sizeof e);
	assert_int_equal(stoa__symbols_init(&s), STOA_OK);
	for (unsigned round = 0; round < (testing_long() ? 20000 : 1500); round++) {
		/* it grows for a while, then shrinks */
		bool growing = round / 200 % 2 == 0;

		for (int k = 0; k < (growing ? 80 : 10); k++)
			intern(&s, e, (unsigned)testing_below(&rng, N_STRINGS));
		for (int k = 0; k < (growing ? 1 : 6); k++)
			drop_some(&s, e, &rng);
		hold_some(&s, e, &rng);
		for (int k = 0; k < 20; k++)
			compare(&s, e, (unsigned)testing_below(&rng, N_STRINGS));
		if (round % 50 == 0)
			assert_well(&s);
	}
	for (unsigned i = 0; i < N_STRINGS; i++) {
		compare(&s, e, i);
		for (; e[i].count; e[i].count--)
			stoa__symbol_drop(&s, &e[i].id, 1);
	}
	assert_int_equal(s.n_live, 0);
	assert_well(&s);
	stoa__symbols_release(&s);
}

/* A window of strings moves over a million: neither ids nor memory follow. */
static void churn_leaves_nothing_behind(void **state)
{
	enum { WINDOW = 1000, N = 300000 };
	static uint32_t ids[WINDOW];
	struct stoa__symbols s;
	uint64_t bytes = 0;
	uint32_t highest = 0;

	(void)state;
	assert_int_equal(stoa__symbols_init(&s), STOA_OK);
	for (unsigned i = 0; i < N; i++) {
		char text[32];
		uint32_t len = (uint32_t)snprintf(text, sizeof text, "churn %07u", i);

		if (i >= WINDOW)
			stoa__symbol_drop(&s, &ids[i % WINDOW], 1);
		assert_int_equal(stoa__symbol_intern(&s, text, len, &ids[i % WINDOW]), STOA_OK);
		highest = ids[i % WINDOW] > highest ? ids[i % WINDOW] : highest;
		if (i == 2 * WINDOW)
			bytes = s.bytes;
	}
	assert_int_equal(s.n_live, WINDOW);
	assert_true(highest <= WINDOW + 1);
	assert_true(s.bytes <= bytes);
	assert_well(&s);
	stoa__symbol_drop(&s, ids, WINDOW);
	assert_int_equal(s.n_live, 0);
	stoa__symbols_release(&s);
}

static uint32_t intern_number(struct stoa__symbols *s, uint32_t n)
{
	char text[32];
	uint32_t id, len = (uint32_t)snprintf(text, sizeof text, "peak %07u", n);

	assert_int_equal(stoa__symbol_intern(s, text, len, &id), STOA_OK);
	return id;
}

/* Slots of the hash table and pages of entries go; a few strings that stay keep what they lie in. */
static void what_a_peak_took_comes_back(void **state)
{
	enum { N = 100000, KEPT = 10, EVERY = N / KEPT };
	static uint32_t ids[N];
	struct stoa__symbols s;
	uint64_t peak, page;

	(void)state;
	assert_int_equal(stoa__symbols_init(&s), STOA_OK);
	ids[0] = intern_number(&s, 0);
	page = s.bytes;
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 1; i < N; i++)
			ids[i] = intern_number(&s, i);
		peak = s.bytes;
		for (uint32_t i = 1; i < N; i++)
			if (i % EVERY)
				stoa__symbol_drop(&s, &ids[i], 1);
		assert_well(&s);
		assert_true(peak > 24 * page && s.bytes < (KEPT + 2) * page);
		for (uint32_t i = 0; i < N; i += EVERY)
			assert_int_equal(intern_number(&s, i), ids[i]);
		for (uint32_t i = 0; i < N; i += EVERY)
			stoa__symbol_drop(&s, &ids[i], 1);
		for (uint32_t i = EVERY; i < N; i += EVERY)
			stoa__symbol_drop(&s, &ids[i], 1);
		assert_true(s.bytes < 3 * page);
		assert_well(&s);
	}
	stoa__symbol_drop(&s, ids, 1);
	stoa__symbols_release(&s);
}

static void without_memory_nothing_is_interned(void **state)
{
	static struct expected e[N_STRINGS];
	struct stoa__symbols s;
	unsigned n_fired = 0;

	(void)state;
	memset(e, 0, sizeof e);
	assert_int_equal(stoa__symbols_init(&s), STOA_OK);
	for (unsigned i = 0; i < N_STRINGS; i++) {
		for (long nth = 0; nth < 3 && !e[i].count; nth++) {
			char text[400];
			uint32_t id = 0, len = string(i, text);
			int rc;

			stoa__fault_arm(nth, false);
			rc = stoa__symbol_intern(&s, text, len, &id);
			if (stoa__fault_disarm()) {
				n_fired++;
				assert_int_equal(rc, STOA_ENOMEM);
			} else {
				e[i] = (struct expected){ id, 1 };
			}
			compare(&s, e, i);
		}
	}
	assert_true(n_fired >= N_STRINGS);
	assert_well(&s);
	stoa__symbols_release(&s);	/* those that are held go with it */
}

/* ---- threads ---- */

static void *churn(void *arg)
{
	struct stoa__symbols *s = arg;
	uint64_t rng = (uintptr_t)&rng;
	uint32_t ids[50] = { 0 };

	for (int i = 0; i < 20000; i++) {
		char text[400];
		unsigned k = (unsigned)testing_below(&rng, 50);
		uint32_t len = string((unsigned)testing_below(&rng, 100), text);
		struct stoa_bytes b;

		stoa__symbol_drop(s, &ids[k], 1);
		ids[k] = 0;
		if (stoa__symbol_intern(s, text, len, &ids[k]) < 0)
			break;
		b = stoa__symbol_bytes(s, ids[k]);
		if (b.len != len || memcmp(b.p, text, len) != 0)
			return (void *)1;
	}
	stoa__symbol_drop(s, ids, 50);
	return NULL;
}

static void threads_share_strings(void **state)
{
	struct stoa__symbols s;
	pthread_t threads[3];

	(void)state;
	assert_int_equal(stoa__symbols_init(&s), STOA_OK);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, churn, &s);
	for (int i = 0; i < 3; i++) {
		void *damaged;

		pthread_join(threads[i], &damaged);
		assert_null(damaged);
	}
	assert_int_equal(s.n_live, 0);
	assert_well(&s);
	stoa__symbols_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_string_lives_as_long_as_it_has_holders),
		cmocka_unit_test(churn_leaves_nothing_behind),
		cmocka_unit_test(what_a_peak_took_comes_back),
		cmocka_unit_test(without_memory_nothing_is_interned),
		cmocka_unit_test(threads_share_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
