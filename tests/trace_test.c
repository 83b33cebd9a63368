/* SPDX-License-Identifier: MIT */
/*
 * trace_test.c - a trace finds every byte
 *
 * The oracles are the allocator and stat(2): after random operations the nodes of a trace,
 * "elsewhere" left aside, add up to what the one has given out and what the other says of each
 * file.
 */
#include "testing.h"

#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/core/alloc.h"
#include "../lib/db.h"
#include "../lib/trace.h"

static struct stoa_error err;

#define ok(call) must((call), &err)

/* ---- oracles ---- */

static uint64_t du_bytes;

static int add_blocks(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)type;
	(void)ftw;
	du_bytes += (uint64_t)st->st_blocks * 512;
	return 0;
}

static uint64_t du(const char *path)
{
	du_bytes = 0;
	assert_int_equal(nftw(path, add_blocks, 16, FTW_PHYS), 0);
	return du_bytes;
}

/* The node of this name, at whatever depth; NULL if there is none. */
static const struct stoa_trace_node *named(const stoa_trace *t, const char *name)
{
	const struct stoa_trace_node *node;

	for (size_t i = 0; (node = stoa_trace_node(t, i)); i++)
		if (!strcmp(node->name, name))
			return node;
	return NULL;
}

static int64_t memory_of(const stoa_trace *t, const char *name)
{
	const struct stoa_trace_node *node = named(t, name);

	return node ? node->memory : 0;
}

/* Are the numbers of inner nodes sums, and the tree one? */
static void assert_sound(const stoa_trace *t)
{
	const struct stoa_trace_node *node, *other;

	for (size_t i = 0; (node = stoa_trace_node(t, i)); i++) {
		struct stoa_trace_node sum = { 0 };

		assert_true(node->end > i);
		for (size_t k = i + 1; k < node->end; k = other->end) {
			other = stoa_trace_node(t, k);
			assert_int_equal(other->parent, i);
			assert_int_equal(other->depth, node->depth + 1);
			sum.memory += other->memory;
			sum.disk += other->disk;
			sum.unlinked += other->unlinked;
			sum.memory_garbage += other->memory_garbage;
			sum.disk_garbage += other->disk_garbage;
		}
		if (node->end == i + 1)
			continue;
		assert_int_equal(node->memory, sum.memory);
		assert_int_equal(node->disk, sum.disk);
		assert_int_equal(node->unlinked, sum.unlinked);
		assert_int_equal(node->memory_garbage, sum.memory_garbage);
		assert_int_equal(node->disk_garbage, sum.disk_garbage);
	}
}

#define SLACK 4096	/* bytes that may be nobody's, beside a hundredth */

/* Nothing is open but @db, nor has anybody anything else of the library's. */
static stoa_trace *exact_trace(stoa_db *db, const char *path)
{
	const struct stoa_trace_node *root;
	int64_t elsewhere, total;
	stoa_trace *t;

	total = (int64_t)stoa_trace_memory();
	ok(stoa_trace_take(db, &t, &err));
	assert_sound(t);
	root = stoa_trace_node(t, 0);
	elsewhere = memory_of(t, "elsewhere");
	/* Taking it may have opened the directories of segments. */
	assert_true(root->memory >= total);
	if (llabs(elsewhere) > root->memory / 100 + SLACK) {
		for (uint32_t i = 0; i < t->n; i++)
			fprintf(stderr, "%*s%-30s %" PRId64 "\n", (int)t->nodes[i].depth * 2, "",
				t->nodes[i].name, t->nodes[i].memory);
		fail_msg("%" PRId64 " of %" PRId64 " bytes are nobody's", elsewhere, root->memory);
	}
	assert_int_equal(memory_of(t, "changes not published"), 0);
	assert_int_equal(memory_of(t, "texts not published"), 0);
	if (path)
		assert_int_equal(root->disk, du(path));
	return t;
}

/* ---- a database with everything ---- */

static const struct stoa_slot parent_slots[] = {
	{ .name = "name", .type = STOA_STRING },
};
static const struct stoa_slot slots[] = {
	{ .name = "id", .type = STOA_I64 },	  { .name = "url", .type = STOA_STRING },
	{ .name = "words", .type = STOA_TEXT },	  { .name = "bytes", .type = STOA_BLOB },
	{ .name = "part", .type = STOA_F64 },	  { .name = "up", .type = STOA_REF, .target = 1 },
	{ .name = "side", .type = STOA_WEAK_REF, .target = 1 },
};
#define N_SLOTS 7

struct world {
	stoa_db *db;
	char *dir;
	const char *path;	/* NULL: in memory */
	uint64_t seed;
	stoa_table parent, item;
	stoa_rowid last_parent, last_item;
};

/* Nothing in the background, be it a collection or the log's next file, while bytes are compared. */
static void open_db(struct world *w)
{
	ok(stoa_open(w->path, NULL, &w->db, &err));
	stoa__background_stop(w->db);
	atomic_store(&w->db->gc.cancel, false);	/* those that are asked for go on */
	ok(stoa_gc_enable(w->db, false, &err));
}

static void make_tables(struct world *w)
{
	struct stoa_index_options set = STOA_INDEX_OPTIONS_INIT, deque = STOA_INDEX_OPTIONS_INIT;
	static const uint32_t on_url[] = { 1 };
	stoa_index index;
	stoa_txn *txn;

	ok(stoa_begin(w->db, STOA_WRITE, &txn, &err));
	ok(stoa_table_create(txn, "parent", parent_slots, 1, &w->parent, &err));
	ok(stoa_table_create(txn, "item", slots, N_SLOTS, &w->item, &err));
	set.kind = STOA_INDEX_SET;
	set.name = "by_url";
	set.slots = on_url;
	set.n_slots = 1;
	ok(stoa_index_create(txn, w->item, &set, &index, &err));
	deque.kind = STOA_INDEX_DEQUE;
	deque.name = "todo";
	ok(stoa_index_create(txn, w->parent, &deque, &index, &err));
	ok(stoa_commit(txn, &err));
}

static void insert_some(struct world *w, stoa_txn *txn, size_t n)
{
	char url[32], words[3000];

	memset(words, 'w', sizeof words);
	for (size_t i = 0; i < n; i++) {
		struct stoa_value v[N_SLOTS] = { stoa_i64((int64_t)i) };

		if (i % 8 == 0) {
			snprintf(url, sizeof url, "parent %" PRIu64, testing_below(&w->seed, 500));
			v[0] = stoa_text(url);
			ok(stoa_insert(txn, w->parent, v, 1, &w->last_parent, &err));
		}
		snprintf(url, sizeof url, "http://%" PRIu64, testing_below(&w->seed, 3000));
		v[0] = stoa_i64((int64_t)testing_below(&w->seed, 100000));
		v[1] = stoa_text(url);
		v[2] = stoa_bytes_value(STOA_TEXT, words, (uint32_t)testing_below(&w->seed, 60));
		v[3] = stoa_bytes_value(STOA_BLOB, words, (uint32_t)testing_below(&w->seed, 400));
		v[4] = stoa_f64((double)i);
		v[5] = testing_below(&w->seed, 2) ? stoa_ref(w->last_parent) : stoa_null();
		v[6] = stoa_ref(w->last_parent);
		ok(stoa_insert(txn, w->item, v, N_SLOTS, &w->last_item, &err));
	}
}

/* Rows that are not there any more are passed over. */
static void change_some(struct world *w, stoa_txn *txn, size_t n)
{
	static const uint32_t which[] = { 0, 2 };

	for (size_t i = 0; i < n && w->last_item; i++) {
		stoa_rowid row = 1 + testing_below(&w->seed, w->last_item);
		struct stoa_value v[] = { stoa_i64((int64_t)i), stoa_text("changed since") };
		uint64_t what = testing_below(&w->seed, 3);
		int rc = STOA_OK;

		if (what == 0)
			rc = stoa_delete(txn, w->item, row, &err);
		else if (what == 1)
			rc = stoa_update(txn, w->item, row, which, v, 2, &err);
		else
			rc = stoa_delete(txn, w->parent, 1 + testing_below(&w->seed, w->last_parent),
					 &err);
		if (rc < 0 && rc != STOA_ENOTFOUND)
			fail_msg("%s", err.text);
	}
}

static void append_many(struct world *w)
{
	stoa_appender *app;
	stoa_txn *txn;

	ok(stoa_begin(w->db, STOA_WRITE, &txn, &err));
	ok(stoa_appender_open(txn, w->parent, &app, &err));
	for (int i = 0; i < 40; i++) {
		struct stoa_bytes text[STOA_BATCH_MAX];
		struct stoa_array a = { STOA_STRING, 0, text, NULL };

		for (size_t k = 0; k < STOA_BATCH_MAX; k++)
			text[k] = k % 3 ? (struct stoa_bytes){ "many", 4 } :
					  (struct stoa_bytes){ "few", 3 };
		ok(stoa_append(app, &a, 1, STOA_BATCH_MAX, &err));
	}
	ok(stoa_appender_close(app, &err));
	ok(stoa_commit(txn, &err));
}

static void reopen(struct world *w)
{
	if (!w->path)
		return;
	ok(stoa_close(w->db, &err));
	open_db(w);
}

static void do_something(struct world *w)
{
	stoa_txn *txn;
	uint32_t mark;

	ok(stoa_begin(w->db, STOA_WRITE, &txn, &err));
	insert_some(w, txn, testing_below(&w->seed, 900));
	ok(stoa_savepoint(txn, &mark, &err));
	change_some(w, txn, testing_below(&w->seed, 400));
	insert_some(w, txn, testing_below(&w->seed, 50));
	if (testing_below(&w->seed, 3) == 0)
		ok(stoa_rollback_to(txn, mark, &err));
	if (testing_below(&w->seed, 6) == 0)
		stoa_abort(txn);
	else
		ok(stoa_commit(txn, &err));
	switch (testing_below(&w->seed, 8)) {
	case 0:
		ok(stoa_checkpoint(w->db, &err));
		break;
	case 1:
		ok(stoa_gc_collect(w->db, 2, NULL, &err));
		break;
	case 2:
		reopen(w);
		break;
	default:
		break;
	}
}

static void open_world(struct world *w, bool in_memory)
{
	*w = (struct world){ .seed = testing_seed(), .dir = testing_tempdir() };
	w->path = in_memory ? NULL : testing_path(w->dir, "t.stoa");
	open_db(w);
	make_tables(w);
}

static void close_world(struct world *w)
{
	ok(stoa_close(w->db, &err));
	testing_rmtree(w->dir);
}

static void play(bool in_memory)
{
	struct world w;

	open_world(&w, in_memory);
	for (int i = 0; i < (testing_long() ? 200 : 25); i++) {
		do_something(&w);
		stoa_trace_free(exact_trace(w.db, w.path));
		if (i == 10)
			append_many(&w);
	}
	close_world(&w);
}

static void every_byte_of_heap_and_files_is_somebodys(void **state)
{
	(void)state;
	play(false);
}

static void every_byte_of_a_database_in_memory_is_somebodys(void **state)
{
	(void)state;
	play(true);
}

/* ---- what is done with traces ---- */

static void assert_equal_traces(const stoa_trace *a, const stoa_trace *b)
{
	const struct stoa_trace_node *x, *y;

	for (size_t i = 0; (x = stoa_trace_node(a, i)); i++) {
		y = stoa_trace_node(b, i);
		assert_non_null(y);
		assert_string_equal(x->name, y->name);
		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->parent, y->parent);
		assert_int_equal(x->end, y->end);
		assert_int_equal(x->depth, y->depth);
		assert_int_equal(x->count, y->count);
		for (int m = STOA_TRACE_BY_MEMORY; m <= STOA_TRACE_BY_COUNT; m++)
			assert_int_equal(stoa_trace_measure_of(x, m), stoa_trace_measure_of(y, m));
	}
	assert_null(stoa_trace_node(b, a->n));
}

/* A tree of chance, with names that JSON has to escape. */
static void grow_trace(struct stoa_trace *t, uint64_t *seed, unsigned depth)
{
	static const char *const names[] = { "plain", "a \"quote\"", "back\\slash", "tab\t", "",
					     "\xc3\xa9t\xc3\xa9", "new\nline" };
	uint64_t n = testing_below(seed, 5);

	for (uint64_t i = 0; i < n; i++) {
		char name[32];
		int kind = 1 + (int)testing_below(seed, STOA_TRACE_OTHER);
		int64_t memory = (int64_t)testing_random(seed) >> 20;

		/* Siblings have names of their own, as in any trace that was taken. */
		snprintf(name, sizeof name, "%s%" PRIu64, names[testing_below(seed, 7)], i);
		if (depth && testing_below(seed, 2)) {
			stoa__trace_open(t, kind, name, strlen(name));
			grow_trace(t, seed, depth - 1);
			stoa__trace_close(t, (int64_t)testing_below(seed, 9));
		} else {
			stoa__trace_leaf(t, kind, name,
					 &(struct stoa__trace_sum){ .memory = memory,
								    .disk = memory / 3,
								    .unlinked = memory % 7,
								    .disk_garbage = memory / 5,
								    .count = memory % 100 });
		}
	}
}

static stoa_trace *random_trace(uint64_t *seed)
{
	stoa_trace *t = stoa__trace_new();

	assert_non_null(t);
	stoa__trace_open(t, STOA_TRACE_DATABASE, "root", 4);
	grow_trace(t, seed, 6);
	stoa__trace_close(t, 3);
	assert_int_equal(stoa__trace_finish(t), STOA_OK);
	return t;
}

static void json_that_is_read_again_is_the_same_trace(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int i = 0; i < 200; i++) {
		stoa_trace *t = random_trace(&seed), *again;
		const char *json;
		size_t len;

		ok(stoa_trace_json(t, &json, &len, &err));
		assert_int_equal(strlen(json), len);
		ok(stoa_trace_parse(json, len, &again, &err));
		assert_equal_traces(t, again);
		stoa_trace_free(again);
		stoa_trace_free(t);
	}
}

/* Whatever is done to its bytes: a trace or an error, and nothing read beyond them. */
static void json_that_is_damaged_is_refused_or_read(void **state)
{
	uint64_t seed = testing_seed();
	stoa_trace *t = random_trace(&seed), *again;
	const char *json;
	size_t len;

	(void)state;
	ok(stoa_trace_json(t, &json, &len, &err));
	for (int i = 0; i < 3000; i++) {
		size_t cut = testing_below(&seed, 3) ? len : testing_below(&seed, len + 1);
		char *copy = malloc(cut ? cut : 1);

		assert_non_null(copy);
		memcpy(copy, json, cut);
		for (uint64_t k = testing_below(&seed, 4); cut && k; k--)
			copy[testing_below(&seed, cut)] = (char)testing_below(&seed, 256);
		if (stoa_trace_parse(copy, cut, &again, &err) == STOA_OK)
			assert_sound(again);
		else
			assert_true(err.code == STOA_ESYNTAX);
		stoa_trace_free(again);
		free(copy);
	}
	stoa_trace_free(t);
}

static void a_comparison_with_itself_is_nothing_and_differences_add_up(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int i = 0; i < 100; i++) {
		stoa_trace *a = random_trace(&seed), *b = random_trace(&seed), *d;

		ok(stoa_trace_compare(a, b, &d, &err));
		assert_sound(d);
		for (int m = STOA_TRACE_BY_MEMORY; m < STOA_TRACE_BY_COUNT; m++)
			assert_int_equal(stoa_trace_measure_of(stoa_trace_node(d, 0), m),
					 stoa_trace_measure_of(stoa_trace_node(b, 0), m) -
						 stoa_trace_measure_of(stoa_trace_node(a, 0), m));
		stoa_trace_free(d);
		ok(stoa_trace_compare(a, a, &d, &err));
		for (uint32_t k = 0; k < d->n; k++)
			assert_int_equal(stoa_trace_node(d, k)->depth, stoa_trace_node(a, k)->depth);
		assert_int_equal(stoa_trace_node(d, 0)->memory, 0);
		assert_int_equal(stoa_trace_node(d, 0)->disk, 0);
		stoa_trace_free(d);
		stoa_trace_free(a);
		stoa_trace_free(b);
	}
}

static void the_top_is_what_is_largest(void **state)
{
	uint64_t seed = testing_seed();
	stoa_trace *t = random_trace(&seed);
	const struct stoa_trace_node *node;
	size_t top[5], n = stoa_trace_top(t, STOA_TRACE_BY_MEMORY, top, 5);
	uint64_t least = UINT64_MAX;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		uint64_t x = (uint64_t)llabs(stoa_trace_node(t, top[i])->memory);

		assert_true(x && x <= least);
		least = x;
	}
	for (size_t i = 0, above = 0; (node = stoa_trace_node(t, i)); i++) {
		above += node->end == i + 1 && (uint64_t)llabs(node->memory) > least;
		assert_true(above < 5);
	}
	stoa_trace_free(t);
}

static void without_memory_there_is_no_trace(void **state)
{
	struct world w;
	bool fired = true;

	(void)state;
	open_world(&w, false);
	for (int i = 0; i < 4; i++)
		do_something(&w);
	for (long nth = 0; fired; nth++) {
		uint64_t before = stoa_trace_memory();
		stoa_trace *t = NULL, *d = NULL, *again = NULL;
		const char *json;
		size_t len;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_trace_take(w.db, &t, &err);
		if (rc == STOA_OK)
			rc = stoa_trace_compare(t, t, &d, &err);
		if (rc == STOA_OK)
			rc = stoa_trace_json(d, &json, &len, &err);
		if (rc == STOA_OK)
			rc = stoa_trace_parse(json, len, &again, &err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		stoa_trace_free(again);
		stoa_trace_free(d);
		stoa_trace_free(t);
		if (nth > 100)	/* directories of segments have been opened by then */
			assert_int_equal(stoa_trace_memory(), before);
	}
	close_world(&w);
}

/* What a snapshot keeps is told apart, and is nobody's once that has gone. */
static void snapshots_say_what_they_pin(void **state)
{
	struct world w;
	stoa_txn *read, *txn;
	stoa_trace *t;

	(void)state;
	open_world(&w, true);
	ok(stoa_begin(w.db, STOA_WRITE, &txn, &err));
	insert_some(&w, txn, 2000);
	ok(stoa_commit(txn, &err));
	ok(stoa_begin(w.db, STOA_READ, &read, &err));
	ok(stoa_begin(w.db, STOA_WRITE, &txn, &err));
	change_some(&w, txn, 2000);
	ok(stoa_trace_take(w.db, &t, &err));
	assert_true(memory_of(t, "open work") > 10000);
	stoa_trace_free(t);
	ok(stoa_commit(txn, &err));
	ok(stoa_trace_take(w.db, &t, &err));
	assert_true(memory_of(t, "snapshots") > 0);
	assert_int_equal(named(t, "snapshots")->count, 1);
	assert_true(named(t, "item")->memory_garbage > 0);
	stoa_trace_free(t);
	stoa_abort(read);
	t = exact_trace(w.db, NULL);
	assert_int_equal(memory_of(t, "snapshots"), 0);
	stoa_trace_free(t);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_of_heap_and_files_is_somebodys),
		cmocka_unit_test(every_byte_of_a_database_in_memory_is_somebodys),
		cmocka_unit_test(json_that_is_read_again_is_the_same_trace),
		cmocka_unit_test(json_that_is_damaged_is_refused_or_read),
		cmocka_unit_test(a_comparison_with_itself_is_nothing_and_differences_add_up),
		cmocka_unit_test(the_top_is_what_is_largest),
		cmocka_unit_test(without_memory_there_is_no_trace),
		cmocka_unit_test(snapshots_say_what_they_pin),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
