/* SPDX-License-Identifier: MIT */
/*
 * tree_test.c - the map that versions share, against sorted arrays
 *
 * Each version has an array of its own. After every few changes some held version, new or old, is
 * looked at whole; at the end every block must be gone.
 */
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/tree.h"

#define KEYS_MAX 3000
#define HELD_MAX 8

struct map {
	size_t n;
	uint64_t key[KEYS_MAX];
	void *value[KEYS_MAX];
};

struct held {
	struct stoa__version *v;
	struct map map;
};

struct run {
	uint64_t rng;
	struct stoa__history h;
	struct held held[HELD_MAX];	/* of committed versions */
	struct held marks[HELD_MAX];	/* of the transaction */
	size_t n_marks;
	struct map map;
	uint64_t counter;
	struct stoa__version *base, *w;
	uint64_t commit;
};

static size_t seek(const struct map *m, uint64_t key)
{
	size_t at = 0, n = m->n;

	while (n) {
		size_t half = n / 2;

		if (m->key[at + half] < key) {
			at += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return at;
}

static void map_put(struct map *m, uint64_t key, void *value)
{
	size_t at = seek(m, key);

	if (at == m->n || m->key[at] != key) {
		memmove(&m->key[at + 1], &m->key[at], (m->n - at) * sizeof m->key[0]);
		memmove(&m->value[at + 1], &m->value[at], (m->n - at) * sizeof m->value[0]);
		m->n++;
	}
	m->key[at] = key;
	m->value[at] = value;
}

static void map_remove(struct map *m, uint64_t key)
{
	size_t at = seek(m, key);

	if (at == m->n || m->key[at] != key)
		return;
	m->n--;
	memmove(&m->key[at], &m->key[at + 1], (m->n - at) * sizeof m->key[0]);
	memmove(&m->value[at], &m->value[at + 1], (m->n - at) * sizeof m->value[0]);
}

/* ---- comparing ---- */

struct walk {
	const struct map *map;
	size_t at;
};

static int each(void *ctx, uint64_t key, void *value)
{
	struct walk *w = ctx;

	assert_true(w->at < w->map->n);
	assert_int_equal(key, w->map->key[w->at]);
	assert_ptr_equal(value, w->map->value[w->at]);
	w->at++;
	return STOA_OK;
}

static void compare_key(const struct stoa__node *root, const struct map *m, uint64_t key)
{
	size_t at = seek(m, key);
	bool found = at < m->n && m->key[at] == key;
	size_t above = at + found;
	uint64_t got = 0;

	assert_ptr_equal(stoa__tree_find(root, key), found ? m->value[at] : NULL);
	assert_ptr_equal(stoa__tree_floor(root, key), above ? m->value[above - 1] : NULL);
	assert_ptr_equal(stoa__tree_next(root, key, true, &got), at < m->n ? m->value[at] : NULL);
	if (at < m->n)
		assert_int_equal(got, m->key[at]);
	assert_ptr_equal(stoa__tree_next(root, key, false, &got),
			 above < m->n ? m->value[above] : NULL);
	if (above < m->n)
		assert_int_equal(got, m->key[above]);
}

static uint64_t random_key(struct run *r)
{
	switch (testing_below(&r->rng, 40)) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	default: return testing_below(&r->rng, 4000) * 1000;
	}
}

static void compare(struct run *r, const struct stoa__node *root, const struct map *m)
{
	struct walk walk = { m, 0 };

	assert_int_equal(stoa__tree_walk(root, 0, each, &walk), STOA_OK);
	assert_int_equal(walk.at, m->n);
	for (int i = 0; i < 5; i++) {
		uint64_t key = random_key(r);

		compare_key(root, m, key);
		compare_key(root, m, key ? key - 1 : 0);
		compare_key(root, m, key + 1);
	}
}

/* ---- a run ---- */

static void put(struct run *r, uint64_t key)
{
	void *value = (void *)(uintptr_t)++r->counter;

	assert_int_equal(stoa__tree_put(r->w, &r->w->tables, key, value), STOA_OK);
	map_put(&r->map, key, value);
}

static void change(struct run *r)
{
	uint64_t from = random_key(r);

	switch (testing_below(&r->rng, 6)) {
	case 0:		/* ascending, as row groups come */
		if (r->map.n + 200 < KEYS_MAX && (!r->map.n || r->map.key[r->map.n - 1] < 1 << 30))
			for (uint64_t i = testing_below(&r->rng, 200); i; i--)
				put(r, (r->map.n ? r->map.key[r->map.n - 1] : 0) + 1);
		break;
	case 1:		/* a run of removals, as they come at the old end */
		for (uint64_t i = testing_below(&r->rng, 150); i && r->map.n; i--) {
			uint64_t key = r->map.key[seek(&r->map, from) % r->map.n];

			assert_int_equal(stoa__tree_remove(r->w, &r->w->tables, key), STOA_OK);
			map_remove(&r->map, key);
		}
		break;
	case 2:
		assert_int_equal(stoa__tree_remove(r->w, &r->w->tables, from), STOA_OK);
		map_remove(&r->map, from);
		break;
	default:
		if (r->map.n < KEYS_MAX - 1)
			put(r, from);
	}
}

static void savepoint(struct run *r)
{
	struct held *m = &r->marks[r->n_marks];

	if (r->n_marks == HELD_MAX)
		return;
	m->v = r->w;
	m->map = r->map;
	r->w = stoa__history_freeze(r->w);
	r->n_marks++;
}

static void drop_marks(struct run *r, size_t from)
{
	while (r->n_marks > from)
		stoa__version_drop(r->marks[--r->n_marks].v);
}

static void rollback(struct run *r)
{
	size_t at;

	if (!r->n_marks)
		return;
	at = testing_below(&r->rng, r->n_marks);
	stoa__history_rollback(r->w, r->marks[at].v, r->base);
	drop_marks(r, at + 1);
	r->map = r->marks[at].map;
}

static void commit(struct run *r)
{
	struct held *held = &r->held[testing_below(&r->rng, HELD_MAX)];

	stoa__history_commit(r->w, r->base, ++r->commit, true);
	drop_marks(r, 0);
	if (held->v)
		stoa__version_drop(held->v);
	held->v = NULL;
	if (testing_below(&r->rng, 3)) {
		held->v = stoa__history_snapshot(&r->h);
		held->map = r->map;
	}
}

static void abort_all(struct run *r, const struct map *before)
{
	stoa__history_rollback(r->w, r->base, r->base);
	drop_marks(r, 0);
	stoa__history_end(r->w, r->base);
	r->map = *before;
}

static void transaction(struct run *r)
{
	static struct map before;

	before = r->map;
	r->base = r->h.head;
	r->w = stoa__history_begin(&r->h);
	for (uint64_t n = testing_below(&r->rng, 30); n; n--) {
		switch (testing_below(&r->rng, 8)) {
		case 0: savepoint(r); break;
		case 1: rollback(r); break;
		default: change(r);
		}
		compare(r, r->w->tables, &r->map);
		if (r->n_marks)
			compare(r, r->marks[0].v->tables, &r->marks[0].map);
	}
	if (testing_below(&r->rng, 4))
		commit(r);
	else
		abort_all(r, &before);
	for (size_t i = 0; i < HELD_MAX; i++)
		if (r->held[i].v)
			compare(r, r->held[i].v->tables, &r->held[i].map);
}

static void nothing_left(struct stoa__version *v)
{
	assert_null(v->tables);
}

static void every_version_goes_on_showing_what_it_showed(void **state)
{
	struct run *r = calloc(1, sizeof *r);

	(void)state;
	r->rng = testing_seed();
	r->commit = 1;
	assert_int_equal(stoa__history_init(&r->h), STOA_OK);
	for (int i = 0; i < (testing_long() ? 5000 : 400); i++)
		transaction(r);
	for (size_t i = 0; i < HELD_MAX; i++)
		if (r->held[i].v)
			stoa__version_drop(r->held[i].v);
	r->base = r->h.head;
	r->w = stoa__history_begin(&r->h);
	stoa__tree_retire(r->w, &r->w->tables);
	assert_null(r->w->tables);
	stoa__history_commit(r->w, r->base, ++r->commit, true);
	assert_int_equal(stoa__history_bytes(&r->h), 0);
	stoa__history_release(&r->h, nothing_left);
	free(r);
}

/* ---- single ways ---- */

static void begin(struct run *r)
{
	memset(r, 0, sizeof *r);
	r->rng = testing_seed();
	r->commit = 1;
	assert_int_equal(stoa__history_init(&r->h), STOA_OK);
	r->base = r->h.head;
	r->w = stoa__history_begin(&r->h);
}

static void finish(struct run *r)
{
	stoa__tree_retire(r->w, &r->w->tables);
	stoa__history_commit(r->w, r->base, ++r->commit, true);
	assert_int_equal(stoa__history_bytes(&r->h), 0);
	stoa__history_release(&r->h, nothing_left);
}

static void a_put_or_remove_without_memory_leaves_the_map_as_it_was(void **state)
{
	static struct run r;
	unsigned n_fired = 0;

	(void)state;
	begin(&r);
	for (uint64_t i = 0; i < 1200; i++)
		put(&r, i * 1000);
	for (uint64_t key = 500; key < 1000000; key += 31000) {
		struct stoa__version *frozen = r.w;

		r.w = stoa__history_freeze(r.w);
		for (long nth = 0; nth < 8; nth++) {
			bool removing = nth % 2;
			int rc;

			stoa__fault_arm(nth / 2, false);
			rc = removing ? stoa__tree_remove(r.w, &r.w->tables, key - 500) :
					stoa__tree_put(r.w, &r.w->tables, key, &r);
			if (stoa__fault_disarm()) {
				n_fired++;
				assert_int_equal(rc, STOA_ENOMEM);
			} else if (removing) {
				map_remove(&r.map, key - 500);
			} else {
				map_put(&r.map, key, &r);
			}
			compare(&r, r.w->tables, &r.map);
		}
		stoa__version_drop(frozen);
	}
	assert_true(n_fired > 50);
	finish(&r);
}

static int note(void *ctx, uint64_t key, void *value)
{
	(void)value;
	map_put(ctx, key, NULL);
	return key == 700 ? STOA_EINVAL : STOA_OK;
}

static void a_walk_passes_over_what_is_old_and_stops_at_an_error(void **state)
{
	static struct run r;
	static struct map seen;
	struct stoa__version *frozen;
	uint64_t since;

	(void)state;
	begin(&r);
	for (uint64_t i = 0; i < 600; i++)
		put(&r, i);
	since = r.w->stamp;
	frozen = r.w;
	r.w = stoa__history_freeze(r.w);
	assert_int_equal(stoa__tree_walk(r.w->tables, since, note, &seen), STOA_OK);
	assert_int_equal(seen.n, 0);
	put(&r, 77);
	put(&r, 900);
	assert_int_equal(stoa__tree_walk(r.w->tables, since, note, &seen), STOA_OK);
	assert_true(seen.n >= 2 && seen.n < 80);
	assert_int_equal(seen.key[seek(&seen, 77)], 77);
	assert_int_equal(seen.key[seek(&seen, 900)], 900);
	put(&r, 700);
	seen.n = 0;
	assert_int_equal(stoa__tree_walk(r.w->tables, since, note, &seen), STOA_EINVAL);
	assert_int_equal(seen.key[seen.n - 1], 700);
	stoa__version_drop(frozen);
	finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_goes_on_showing_what_it_showed),
		cmocka_unit_test(a_put_or_remove_without_memory_leaves_the_map_as_it_was),
		cmocka_unit_test(a_walk_passes_over_what_is_old_and_stops_at_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
