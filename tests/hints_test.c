/* SPDX-License-Identifier: MIT */
/*
 * hints_test.c - tables of hints: nothing is lost, and what is said to be sure is true
 *
 * The proof of lib/hints.h is checked at its edges: hashes that agree in all that a table knows of
 * them are a multiple of a power of two apart, so the nearest one stands for all.
 */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/hints_fill.h"
#include "../lib/set.h"

static uint64_t seed;

static uint64_t draw(void)
{
	return testing_random(&seed);
}

/* The mark under which a table hints at @rowid for @hash, -1 if it does not; *@sure: and is sure. */
static int mark_of(const struct stoa__hints *h, uint64_t hash, uint64_t rowid, bool *sure)
{
	uint64_t g = stoa__hints_home(h, hash);
	int found = -1;

	*sure = false;
	for (uint64_t step = 0; step < stoa__hints_steps(h); step++) {
		const struct stoa__hints_group *group = stoa__hints_group(h, g);

		for (unsigned m = stoa__hints_match(group, stoa__hints_tag(hash)); m; m &= m - 1) {
			uint64_t word = stoa__hints_word(group, (unsigned)__builtin_ctz(m));
			uint64_t mark = stoa__hints_mark(h, word, hash);

			if (mark < 4 && (!rowid || stoa__hints_rowid(h, word) == rowid)) {
				found = (int)mark;
				*sure |= stoa__hints_is_sure(h, mark, step);
			}
		}
		if (!stoa__hints_went_on(group, hash))
			break;
		g = stoa__hints_next(h, hash, g, step);
	}
	return found;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_among(const uint64_t *sorted, size_t n, uint64_t hash)
{
	return bsearch(&hash, sorted, n, sizeof hash, compare) != NULL;
}

/* What is there is not put twice, but rowids no longer ascend, and so nothing is sure. */
static void put_again(struct stoa__hints *h, const uint64_t *hash, size_t n, uint64_t first,
		      uint64_t stride)
{
	bool sure;

	for (size_t i = 0; i < n; i++)
		stoa__hints_put(h, hash[i], first + i * stride);
	assert_int_equal(stoa__hints_used(h), n);
	assert_true(stoa__hints_is_stale(h));
	for (size_t i = 0; i < n; i++) {
		assert_true(mark_of(h, hash[i], first + i * stride, &sure) >= 0);
		assert_false(sure);
	}
}

/* Rows are never equal here, but is asked of each two that might be. */
static int differ(void *ctx, uint64_t old, uint64_t rowid, struct stoa_error *err)
{
	(void)err;
	assert_true(old != rowid);
	++*(size_t *)ctx;
	return STOA__BOTH_STAY;
}

/*
 * Fills a table as two threads do: in shards of @width groups, whose natives come first, and which
 * pass strays on in order.
 */
static void fill(struct stoa__hints *h, const struct stoa__hint *hint, size_t n, uint64_t width)
{
	struct stoa__strays strays = { 0 };
	size_t asked = 0, n_in = 0;

	/* Each takes what the one before could not, the first once more, and then all of them. */
	for (uint64_t lo = 0, turns = (h->n_groups - 1) / width + 2; turns-- > 0; lo += width) {
		bool again = lo >= h->n_groups;
		struct stoa__shard s = { .h = h, .lo = again ? 0 : lo, .equals = differ, .ctx = &asked };

		s.hi = again || s.lo + width > h->n_groups ? h->n_groups : s.lo + width;
		s.groups = h->groups + s.lo;
		if (!again)
			stoa__shard_clear(&s);
		for (size_t i = 0; i < n && !again; i++)
			if (stoa__hints_home(h, hint[i].hash) - s.lo < s.hi - s.lo)
				assert_int_equal(stoa__shard_natives(&s, &hint[i], 1), 0);
		assert_int_equal(stoa__shard_strays(&s, &s.strays), 0);
		assert_int_equal(stoa__shard_strays(&s, &strays), 0);
		stoa__strays_release(&strays);
		strays = s.leaving;
		stoa__strays_release(&s.strays);
		n_in += s.n;
	}
	assert_int_equal(strays.n, 0);
	assert_int_equal(n_in, n);
	assert_true(asked < n / 100 + 2);
	stoa__strays_release(&strays);
	atomic_store(&h->n, n_in);
	h->last = n ? hint[n - 1].rowid : 0;
}

/* A table of @n rows from @first on, every @stride-th, filled to the brim in either way. */
static void try_table(size_t n, uint64_t first, uint64_t stride, bool one_to_one, bool built)
{
	struct stoa__hints_shape shape = { n, first, first + (n - 1) * stride, one_to_one };
	uint64_t *hash = malloc(n * sizeof *hash), *sorted, width;
	struct stoa__hint *hint = malloc(n * sizeof *hint);
	struct stoa__hints h;
	size_t n_sure = 0;
	bool sure;

	assert_int_equal((built ? stoa__hints_alloc : stoa__hints_init)(&h, &shape), 0);
	for (size_t i = 0; i < n; i++) {
		hash[i] = draw();
		hint[i] = (struct stoa__hint){ hash[i], first + i * stride };
		if (!built)
			stoa__hints_put(&h, hash[i], first + i * stride);
	}
	width = draw() % 2 ? h.n_groups : 1 + draw() % h.n_groups;
	if (built)
		fill(&h, hint, n, width);
	free(hint);
	assert_false(stoa__hints_is_stale(&h));
	for (size_t i = 0; i < n; i++) {
		assert_true(mark_of(&h, hash[i], first + i * stride, &sure) >= 0);
		n_sure += sure;
	}
	assert_true(h.exact || !n_sure);
	assert_true(!h.exact || !built || n_sure + n / (width < 256 ? 8 : 50) + 4 >= n);
	sorted = malloc(n * sizeof *sorted);
	memcpy(sorted, hash, n * sizeof *hash);
	qsort(sorted, n, sizeof *sorted, compare);
	for (size_t i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 64; bit++) {
			uint64_t other = hash[i] ^ (uint64_t)1 << bit;

			(void)mark_of(&h, other, 0, &sure);
			assert_true(!sure || is_among(sorted, n, other));
		}
	put_again(&h, hash, n, first, stride);
	free(sorted);
	stoa__hints_release(&h);
	free(hash);
}

static void a_table_has_what_was_put_and_is_sure_of_nothing_else(void **state)
{
	(void)state;
	for (size_t n = 1; n < 4000; n += 1 + n * 2 / 3)
		for (uint64_t stride = 1; stride < 100000; stride *= 7)
			for (unsigned way = 0; way < 4; way++)
				try_table(n, 1 + draw() % 1000000, stride, way & 1, way & 2);
}

/* Two hashes of one home, alike in all bits that a table with @bits for a rowid has. */
static bool can_be_confused(const struct stoa__hints *h, uint64_t hash)
{
	uint64_t apart = (uint64_t)1 << (69 - h->bits);

	return stoa__hints_home(h, hash) == stoa__hints_home(h, hash + apart) && hash + apart > hash;
}

static void home_tag_and_word_determine_a_hash(void **state)
{
	(void)state;
	for (unsigned bits = 6; bits <= STOA__HINTS_ROWID_BITS; bits++)
		for (uint64_t n = 1; n < (uint64_t)1 << 44; n += 1 + n / 5 + draw() % n) {
			struct stoa__hints h = { .n_groups = n, .bits = bits };
			bool sure = stoa__hints_determine(n, bits);

			for (unsigned i = 0; i < 20; i++) {
				/* the first hash of a home, which has most behind it, and its neighbours */
				unsigned __int128 home = draw() % n;
				uint64_t hash = (uint64_t)(((home << 64) + n - 1) / n);

				assert_false(sure && can_be_confused(&h, hash));
				assert_false(sure && can_be_confused(&h, hash - 1));
				assert_false(sure && can_be_confused(&h, hash + draw() % (UINT64_MAX / n + 1)));
			}
			/* Not refused for nothing: half as many bits more would do. */
			assert_true(sure || can_be_confused(&h, 0) ||
				    UINT64_MAX / n + 1 == (uint64_t)1 << (69 - bits));
		}
}

static void groups_are_matched_alike_by_both_ways(void **state)
{
	struct stoa__hints_group group;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		memset(&group, 0xff, sizeof group);
		for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++)
			atomic_init(&group.tag[k], (uint8_t)(draw() % 3 * (draw() % 3) * 0x7f));
		for (unsigned tag = 0; tag < 256; tag++)
			assert_int_equal(stoa__hints_match(&group, tag),
					 stoa__hints_match_scalar(&group, tag));
	}
}

static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (int i = 0; i < 6; i++)	/* Newton: right bits double */
		x *= 2 - odd * x;
	return x;
}

static void the_hash_of_a_number_can_be_undone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t by = draw(), word = i < 64 ? (uint64_t)1 << i : draw();
		uint64_t h = stoa__set_hash_word(by, word) * inverse(UINT64_C(0x94d049bb133111eb));

		h = __builtin_bswap64(h ^ by) * inverse(UINT64_C(0xbf58476d1ce4e5b9));
		assert_true(h - by == word);
	}
}

/* How many of @n keys, counted up from bit @shift on, do not find room at home. */
static size_t crowd(size_t n, unsigned shift, uint64_t by)
{
	struct stoa__hints_shape shape = { n, 1, n, true };
	struct stoa__hints h;
	uint8_t *full;
	size_t out = 0;

	assert_int_equal(stoa__hints_init(&h, &shape), 0);
	full = calloc(h.n_groups, 1);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t g = stoa__hints_home(&h, stoa__set_hash_word(by, i << shift | i >> (64 - shift) % 64));

		out += full[g] >= STOA__HINTS_WIDTH;
		full[g]++;
	}
	free(full);
	stoa__hints_release(&h);
	return out;
}

static void numbers_in_a_row_spread_over_all_groups(void **state)
{
	(void)state;
	for (unsigned shift = 0; shift < 64; shift++) {
		int n_bad = 0;

		for (int i = 0; i < 8; i++)	/* of random keys an eighth has no room */
			n_bad += crowd(20000, shift, draw()) > 20000 / 3;
		assert_in_range(n_bad, 0, 2);	/* by one seed of some thousand */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_has_what_was_put_and_is_sure_of_nothing_else),
		cmocka_unit_test(home_tag_and_word_determine_a_hash),
		cmocka_unit_test(groups_are_matched_alike_by_both_ways),
		cmocka_unit_test(the_hash_of_a_number_can_be_undone),
		cmocka_unit_test(numbers_in_a_row_spread_over_all_groups),
	};

	seed = testing_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
