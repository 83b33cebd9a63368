/* SPDX-License-Identifier: MIT */
/*
 * set_few_test.c - a set index of few keys, each of many rows, against a plain array of rows
 *
 * Rows are loaded, inserted, updated and deleted, by hundreds, in tables of one, two and three keys,
 * of keys that are the rarer the higher they are (Zipf), of which some are NULL; of numbers, strings
 * and pairs. In between there are savepoints, aborts, checkpoints and reopenings; snapshots keep
 * what they saw. All rows of a key are told, ascending, whichever way their hints came about.
 *
 * What it costs is counted: hints, and groups on the longest way.
 */
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/db.h"
#include "../lib/hints_deep.h"
#include "../lib/set.h"
#include "../lib/set_run.h"
#include "../lib/stoa.h"

#define ROWS 40000 /* that a model has room for */
#define KEYS 3000  /* of Zipf's; the last is in no row */
#define NO_ROW (-2)
#define A_NULL (-1)

enum form { NUMBERS, STRINGS, PAIRS };

/* Keys by rowid. */
struct rows {
	int16_t key[ROWS];
	uint64_t next;
};

struct run {
	uint64_t seed;
	enum form form;
	unsigned keys; /* KEYS: Zipf's */
	char *dir;     /* NULL: in memory */
	stoa_db *db;
	stoa_txn *txn, *snapshot;
	stoa_table table;
	stoa_index index;
	struct rows now, committed, then;
	char text[KEYS][16];
	struct stoa_error err;
};

static void ok(const struct run *r, int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), r->err.text);
}

static uint64_t below(struct run *r, uint64_t n)
{
	return testing_below(&r->seed, n);
}

static int draw_key(struct run *r)
{
	if (below(r, 9) == 0)
		return A_NULL;
	if (r->keys < KEYS)
		return (int)below(r, r->keys);
	return (int)pow(KEYS - 1, (double)below(r, 1 << 20) / (1 << 20)) - 1;
}

/* The key's values; how many. */
static size_t values_of(const struct run *r, int key, struct stoa_value *v)
{
	struct stoa_value number = { .type = STOA_U64, .u = (uint64_t)key };
	struct stoa_value text = { .type = STOA_STRING };

	if (key == A_NULL)
		number.type = text.type = STOA_NULL;
	else
		text = (struct stoa_value){ .type = STOA_STRING, .p = r->text[key],
					    .len = (uint32_t)strlen(r->text[key]) };
	v[0] = r->form == STRINGS ? text : number;
	v[1] = text;
	return r->form == PAIRS ? 2 : 1;
}

/* ---- looking ---- */

static void check_key(struct run *r, stoa_txn *txn, const struct rows *rows, int key)
{
	static stoa_rowid found[ROWS];
	struct stoa_value v[2];
	size_t n_slots = values_of(r, key, v), n, k = 0;
	stoa_rowid one = 0;
	int rc;

	ok(r, stoa_set_rows(txn, r->table, r->index, v, n_slots, found, ROWS, &n, &r->err));
	for (uint64_t id = 1; id < rows->next; id++)
		if (rows->key[id] == key) {
			assert_true(k < n);
			assert_int_equal(found[k++], id);
		}
	assert_int_equal(k, n);
	rc = stoa_set_find(txn, r->table, r->index, v, n_slots, &one, &r->err);
	assert_int_equal(rc, n ? STOA_ROW : STOA_END);
	assert_true(!n || rows->key[one] == key);
}

/* Each key once, at its first row. */
static void check_distinct(struct run *r, stoa_set *set, const struct rows *rows)
{
	static uint64_t first[KEYS];
	size_t wanted = 0, n = 0;
	struct stoa_batch b;
	stoa_cursor *cur;

	memset(first, 0, sizeof first);
	for (uint64_t id = 1; id < rows->next; id++)
		if (rows->key[id] >= 0 && !first[rows->key[id]]) {
			first[rows->key[id]] = id;
			wanted++;
		}
	ok(r, stoa_set_combine(set, set, STOA_SET_INTERSECTION, &cur, &r->err));
	while (stoa_next_batch(cur, &b, &r->err) == STOA_ROW)
		for (size_t i = 0; i < b.n_rows; i++, n++)
			assert_int_equal(b.rowids[i], first[rows->key[b.rowids[i]]]);
	stoa_cursor_close(cur);
	assert_int_equal(n, wanted);
}

static void check_open(struct run *r, stoa_txn *txn, const struct rows *rows)
{
	static uint64_t numbers[KEYS], found[STOA__WORDS(KEYS)];
	static struct stoa_bytes texts[KEYS];
	static stoa_rowid ids[KEYS];
	static bool there[KEYS];
	struct stoa_array number = { STOA_U64, 0, numbers, NULL };
	struct stoa_array text = { STOA_STRING, 0, texts, NULL }, a[2];
	stoa_set *set;

	a[0] = r->form == STRINGS ? text : number;
	a[1] = text;
	memset(there, 0, sizeof there);
	for (uint64_t id = 1; id < rows->next; id++)
		if (rows->key[id] >= 0)
			there[rows->key[id]] = true;
	for (int k = 0; k < KEYS; k++) {
		numbers[k] = (uint64_t)k;
		texts[k] = (struct stoa_bytes){ r->text[k], (uint32_t)strlen(r->text[k]) };
	}
	ok(r, stoa_set_open(txn, r->table, r->index, &set, &r->err));
	ok(r, stoa_set_has_many(set, a, r->form == PAIRS ? 2 : 1, KEYS, found, ids, &r->err));
	for (int k = 0; k < KEYS; k++) {
		struct stoa_value v[2];
		size_t n_slots = values_of(r, k, v);

		assert_int_equal(stoa__bit_get(found, (size_t)k), there[k]);
		assert_true(!there[k] || rows->key[ids[k]] == k);
		assert_int_equal(stoa_set_has(set, v, n_slots, NULL, &r->err),
				 there[k] ? STOA_ROW : STOA_END);
	}
	check_distinct(r, set, rows);
	stoa_set_close(set);
}

static void check(struct run *r, stoa_txn *txn, const struct rows *rows)
{
	const struct stoa__table *t;

	for (int k = 0; k < 3; k++)
		check_key(r, txn, rows, k);
	check_key(r, txn, rows, (int)below(r, KEYS));
	check_open(r, txn, rows);
	t = stoa__table_find(txn->version, r->table);
	ok(r, stoa__set_check(t, 0, &r->err));
}

/* ---- changes ---- */

static void append(struct run *r, size_t n)
{
	static uint64_t numbers[ROWS], validity[STOA__WORDS(ROWS)];
	static struct stoa_bytes texts[ROWS];
	struct stoa_array number = { STOA_U64, 0, numbers, validity };
	struct stoa_array text = { STOA_STRING, 0, texts, validity }, a[2];
	stoa_appender *app;

	a[0] = r->form == STRINGS ? text : number;
	a[1] = text;
	memset(validity, 0xff, sizeof validity);
	for (size_t i = 0; i < n; i++) {
		int key = draw_key(r);

		r->now.key[r->now.next++] = (int16_t)key;
		numbers[i] = (uint64_t)key;
		texts[i] = (struct stoa_bytes){ "", 0 };
		if (key == A_NULL)
			stoa__bit_clear(validity, i);
		else
			texts[i] = (struct stoa_bytes){ r->text[key], (uint32_t)strlen(r->text[key]) };
	}
	ok(r, stoa_appender_open(r->txn, r->table, &app, &r->err));
	ok(r, stoa_append(app, a, r->form == PAIRS ? 2 : 1, n, &r->err));
	ok(r, stoa_appender_close(app, &r->err));
}

static void insert(struct run *r)
{
	struct stoa_value v[2];
	int key = draw_key(r);
	size_t n = values_of(r, key, v);
	stoa_rowid id;

	ok(r, stoa_insert(r->txn, r->table, v, n, &id, &r->err));
	assert_int_equal(id, r->now.next);
	r->now.key[r->now.next++] = (int16_t)key;
}

static void update(struct run *r, uint64_t id)
{
	static const uint32_t slots[] = { 0, 1 };
	struct stoa_value v[2];
	int key = draw_key(r);
	size_t n = values_of(r, key, v);

	ok(r, stoa_update(r->txn, r->table, id, slots, v, n, &r->err));
	r->now.key[id] = (int16_t)key;
}

static void delete(struct run *r, uint64_t id)
{
	ok(r, stoa_delete(r->txn, r->table, id, &r->err));
	r->now.key[id] = NO_ROW;
}

/* Rows here and there, or one after the other: so that some blocks are as good as empty. */
static void change_many(struct run *r, void (*change)(struct run *r, uint64_t id))
{
	uint64_t n = 1 + below(r, 1500), from = 1 + below(r, r->now.next);
	bool run = below(r, 2);

	for (uint64_t i = 0; i < n; i++) {
		uint64_t id = run ? from + i : 1 + below(r, r->now.next);

		if (id < r->now.next && r->now.key[id] != NO_ROW)
			change(r, id);
	}
}

static void begin(struct run *r)
{
	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
}

static void commit(struct run *r)
{
	ok(r, stoa_commit(r->txn, &r->err));
	r->committed = r->now;
}

static void abandon(struct run *r)
{
	stoa_abort(r->txn);
	r->now = r->committed;
	begin(r);
}

static void roll_back(struct run *r)
{
	static struct rows before;
	uint32_t savepoint;

	before = r->now;
	ok(r, stoa_savepoint(r->txn, &savepoint, &r->err));
	change_many(r, update);
	for (int i = 0; i < 300; i++)
		insert(r);
	ok(r, stoa_rollback_to(r->txn, savepoint, &r->err));
	r->now = before;
}

static void look_back(struct run *r)
{
	if (r->snapshot)
		check(r, r->snapshot, &r->then);
	stoa_abort(r->snapshot);
	ok(r, stoa_begin(r->db, STOA_READ, &r->snapshot, &r->err));
	r->then = r->committed;
}

static void open_again(struct run *r)
{
	ok(r, stoa_open(r->dir ? testing_path(r->dir, "few.stoa") : NULL, NULL, &r->db, &r->err));
}

static void settle(struct run *r)
{
	commit(r);
	if (r->dir)
		ok(r, stoa_checkpoint(r->db, &r->err));
	if (r->dir && below(r, 2)) {
		stoa_abort(r->snapshot);
		r->snapshot = NULL;
		ok(r, stoa_close(r->db, &r->err));
		open_again(r);
	}
	begin(r);
}

static void make(struct run *r)
{
	struct stoa_slot slot[2] = { { .name = "a", .type = STOA_U64 },
				     { .name = "b", .type = STOA_STRING } };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	uint32_t slots[] = { 0, 1 };
	size_t n = r->form == PAIRS ? 2 : 1;

	if (r->form == STRINGS)
		slot[0].type = STOA_STRING;
	for (int k = 0; k < KEYS; k++)
		snprintf(r->text[k], sizeof r->text[k], "key %d", k);
	r->now.next = 1;
	open_again(r);
	begin(r);
	ok(r, stoa_table_create(r->txn, "t", slot, n, &r->table, &r->err));
	o.name = "i";
	o.kind = STOA_INDEX_SET;
	o.slots = slots;
	o.n_slots = (uint32_t)n;
	if (below(r, 2))
		append(r, 1 + below(r, 9000));
	ok(r, stoa_index_create(r->txn, r->table, &o, &r->index, &r->err));
	append(r, 1 + below(r, 5000));
	commit(r);
	begin(r);
}

static void step(struct run *r)
{
	unsigned pick = (unsigned)below(r, 12);

	if (pick < 3 && r->now.next < ROWS - 6000)
		append(r, 1 + below(r, 3000));
	else if (pick < 4)
		for (int i = 0; i < 500 && r->now.next < ROWS; i++)
			insert(r);
	else if (pick < 6)
		change_many(r, update);
	else if (pick < 8)
		change_many(r, delete);
	else if (pick < 9 && r->now.next < ROWS - 300)
		roll_back(r);
	else if (pick < 10)
		abandon(r);
	else if (pick < 11)
		settle(r);
	else
		look_back(r);
}

static void try_rows(uint64_t seed, enum form form, unsigned keys, bool file)
{
	struct run *r = calloc(1, sizeof *r);

	r->seed = seed;
	r->form = form;
	r->keys = keys;
	r->dir = file ? testing_tempdir() : NULL;
	make(r);
	for (int i = 0; i < (testing_long() ? 60 : 8); i++) {
		step(r);
		check(r, r->txn, &r->now);
	}
	settle(r);
	check(r, r->txn, &r->now);
	stoa_abort(r->txn);
	stoa_abort(r->snapshot);
	ok(r, stoa_close(r->db, &r->err));
	if (file)
		testing_rmtree(r->dir);
	free(r);
}

static void rows_of_a_key_are_told_however_many_there_are(void **state)
{
	static const unsigned keys[] = { 1, 2, 3, KEYS };
	uint64_t seed = testing_seed();

	(void)state;
	testing_in_memory();
	stoa__set_run_rows_min = 500;
	for (unsigned k = 0; k < 4; k++)
		for (int form = NUMBERS; form <= PAIRS; form++)
			try_rows(seed + k * 8 + (unsigned)form * 2, form, keys[k],
				 testing_below(&seed, 2));
}

/* ---- what it costs ---- */

/* Groups on the way of a key's hash. */
static size_t way(const struct stoa__hints *h, uint64_t hash)
{
	uint64_t g = stoa__hints_home(h, hash);
	size_t n = 1;

	for (; stoa__hints_went_on(stoa__hints_group(h, g), hash); n++)
		g = stoa__hints_next(h, hash, g, n - 1);
	return n;
}

static void hints_are_few_and_ways_short(void **state)
{
	static const unsigned keys[] = { 1, 2, 3, 50 };
	const size_t n = 100000;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct stoa__hints_shape shape = { n, 1, n, true };
		struct stoa__hints h;
		size_t put = 0;

		assert_int_equal(stoa__hints_init(&h, &shape), 0);
		for (uint64_t row = 1; row <= n; row++)
			stoa__hints_put(&h, stoa__set_hash_word(7, row % keys[i]), row);
		put = stoa__hints_used(&h);
		/* Put again: all is there. */
		for (uint64_t row = 1; row <= n; row++)
			stoa__hints_put(&h, stoa__set_hash_word(7, row % keys[i]), row);
		assert_int_equal(stoa__hints_used(&h), put);
		assert_true(keys[i] > 3 || put < n / 20);
		for (uint64_t key = 0; key < keys[i]; key++)
			assert_true(way(&h, stoa__set_hash_word(7, key)) < 16);
		stoa__hints_release(&h);
	}
}

/* The same of tables that are built, and of one into which rows go one by one. */
static void a_table_of_few_keys_is_built_as_small(void **state)
{
	struct run *r = calloc(1, sizeof *r);
	const struct stoa__hints *h;
	uint64_t seed;

	(void)state;
	r->seed = 1;
	r->keys = 3;
	make(r);
	append(r, ROWS - 16000);
	for (int i = 0; i < 1000; i++)
		insert(r);
	h = &stoa__set_of(stoa__table_find(r->txn->version, r->table), 0)->delta->hints;
	seed = stoa__table_find(r->txn->version, r->table)->schema->indexes[0].number[0];
	assert_true(stoa__hints_used(h) < r->now.next / 10);
	assert_true(h->n_groups * STOA__HINTS_WIDTH < r->now.next / 2);
	for (uint64_t key = 0; key < 3; key++)
		assert_true(way(h, stoa__set_hash_word(seed, key)) < 16);
	stoa_abort(r->txn);
	ok(r, stoa_close(r->db, &r->err));
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_a_key_are_told_however_many_there_are),
		cmocka_unit_test(hints_are_few_and_ways_short),
		cmocka_unit_test(a_table_of_few_keys_is_built_as_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
