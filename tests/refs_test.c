/* SPDX-License-Identifier: MIT */
/* refs_test.c - references: what a random graph seldom meets */
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/check_refs.h"
#include "../lib/core/alloc.h"
#include "../lib/cycles.h"
#include "../lib/db.h"
#include "../lib/stoa.h"

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table node;	/* next -> node */
	stoa_table item;	/* n, node -> node, weak ~> node */
	unsigned n_reports;
	char report[400];
	struct stoa_error err;
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static void open_db(struct fixture *f)
{
	ok(f, stoa_open(testing_path(f->dir, "db.stoa"), NULL, &f->db, &f->err));
	/*
	 * A pass in the background, which so many deletes wake, would collect before the test does.
	 */
	ok(f, stoa_gc_enable(f->db, false, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void commit(struct fixture *f)
{
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void reopen(struct fixture *f)
{
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_close(f->db, &f->err));
	open_db(f);
}

static int set_up(void **state)
{
	static struct fixture f;
	static const struct stoa_slot node[] = { { .name = "next", .type = STOA_REF } };
	struct stoa_slot item[] = {
		{ .name = "n", .type = STOA_I64 },
		{ .name = "node", .type = STOA_REF },
		{ .name = "weak", .type = STOA_WEAK_REF },
	};

	f = (struct fixture){ .dir = testing_tempdir() };
	open_db(&f);
	ok(&f, stoa_table_create(f.txn, "node", node, 1, &f.node, &f.err));
	item[1].target = item[2].target = f.node;
	ok(&f, stoa_table_create(f.txn, "item", item, 3, &f.item, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	testing_rmtree(f->dir);
	return 0;
}

static stoa_rowid add_node(struct fixture *f, stoa_rowid next)
{
	struct stoa_value v = next ? stoa_ref(next) : stoa_null();
	stoa_rowid row;

	ok(f, stoa_insert(f->txn, f->node, &v, 1, &row, &f->err));
	return row;
}

static uint64_t count(struct fixture *f, stoa_rowid row)
{
	uint64_t n;

	ok(f, stoa_row_refcount(f->txn, f->node, row, &n, &f->err));
	return n;
}

static bool exists(struct fixture *f, stoa_rowid row)
{
	struct stoa_value v;
	int rc = stoa_get(f->txn, f->node, row, &v, 1, &f->err);

	assert_true(rc == STOA_OK || rc == STOA_ENOTFOUND);
	return rc == STOA_OK;
}

static uint64_t n_kept(struct fixture *f, stoa_table table)
{
	return stoa__table_find(f->txn->version, table)->n_kept;
}

/*
 * The rowid that the next insert gives is that of nothing else; a row that refers to itself alone
 * is a cycle.
 */
static void a_row_may_refer_to_itself(void **state)
{
	struct fixture *f = *state;
	struct stoa_table_info info;
	stoa_rowid row;

	ok(f, stoa_table_info(f->txn, f->node, &info, &f->err));
	row = add_node(f, info.next_rowid);
	assert_int_equal(row, info.next_rowid);
	assert_int_equal(count(f, row), 1);
	reopen(f);
	assert_int_equal(count(f, row), 1);
	ok(f, stoa_delete(f->txn, f->node, row, &f->err));
	assert_true(exists(f, row));
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	assert_false(exists(f, row));
}

/* ---- chains ---- */

#define CHAIN 1000000

/* A list of a million rows, each kept by the one before it, and nothing else. */
static void chain_dies(struct fixture *f, bool backwards)
{
	stoa_rowid *rows = malloc((CHAIN + 1) * sizeof *rows);
	uint64_t log_len;

	assert_non_null(rows);
	if (backwards) {
		/* each refers to the row made before it */
		rows[0] = 0;
		for (int i = 1; i <= CHAIN; i++)
			rows[i] = add_node(f, rows[i - 1]);
	} else {
		static uint64_t next[STOA_BATCH_MAX];
		struct stoa_array a = { STOA_REF, 0, next, NULL };
		stoa_appender *app;
		uint64_t last = 0;

		ok(f, stoa_appender_open(f->txn, f->node, &app, &f->err));
		for (int i = 0; i < CHAIN; i += STOA_BATCH_MAX) {
			uint64_t validity[STOA_BATCH_MAX / 64];
			size_t n = CHAIN - i < STOA_BATCH_MAX ? CHAIN - i : STOA_BATCH_MAX;

			memset(validity, 0xff, sizeof validity);
			for (size_t k = 0; k < n; k++)
				next[k] = (uint64_t)i + k + 2;
			if (i + n == CHAIN) {
				next[n - 1] = last;
				validity[(n - 1) / 64] &= ~((uint64_t)1 << ((n - 1) % 64));
			}
			a.validity = validity;
			ok(f, stoa_append(app, &a, 1, n, &f->err));
		}
		ok(f, stoa_appender_close(app, &f->err));
		for (int i = 0; i <= CHAIN; i++)
			rows[i] = (stoa_rowid)(CHAIN + 1 - i);
	}
	commit(f);
	for (int i = 1; i < CHAIN; i++)
		ok(f, stoa_delete(f->txn, f->node, rows[i], &f->err));
	commit(f);
	assert_int_equal(n_kept(f, f->node), CHAIN - 1);
	assert_int_equal(count(f, rows[1]), 1);
	ok(f, stoa_delete(f->txn, f->node, rows[CHAIN], &f->err));
	ok(f, stoa__txn_reap(f->txn, &f->err));
	log_len = f->txn->redo.len;
	assert_in_range(log_len, 1, 100);	/* a run, whichever way it goes */
	commit(f);
	assert_int_equal(n_kept(f, f->node), 0);
	assert_false(exists(f, rows[1]));
	reopen(f);
	assert_int_equal(stoa__table_find(f->txn->version, f->node)->n_groups, 0);
	assert_null(stoa__table_find(f->txn->version, f->node)->counts);
	free(rows);
}

static void a_list_of_a_million_rows_dies_from_its_newest(void **state)
{
	chain_dies(*state, true);
}

static void a_list_of_a_million_rows_dies_from_its_oldest(void **state)
{
	chain_dies(*state, false);
}

/* ---- bulk ---- */

#define BULK (2 * STOA_GROUP_MAX + 100)

static uint64_t refs[BULK], weaks[BULK];
static int64_t numbers[BULK];

static int load_items(struct fixture *f)
{
	const struct stoa_array columns[] = {
		{ STOA_I64, 0, numbers, NULL },
		{ STOA_REF, 0, refs, NULL },
		{ STOA_WEAK_REF, 0, weaks, NULL },
	};
	stoa_appender *app;

	ok(f, stoa_appender_open(f->txn, f->item, &app, &f->err));
	ok(f, stoa_append(app, columns, 3, BULK, &f->err));
	return stoa_appender_close(app, &f->err);
}

static void a_bulk_load_counts_and_checks(void **state)
{
	struct fixture *f = *state;
	uint64_t want[1001] = { 0 };

	for (int i = 0; i < 1000; i++)
		add_node(f, 0);
	for (int i = 0; i < BULK; i++) {
		refs[i] = 1 + (uint64_t)i * 7919 % 1000;
		weaks[i] = 1 + (uint64_t)i % 1000;
		want[refs[i]]++;
	}
	ok(f, load_items(f));
	for (stoa_rowid r = 1; r <= 1000; r++)
		assert_int_equal(count(f, r), want[r]);
	/* No row yet, or never: nothing is added, nothing counted. */
	refs[70000] = 1001;
	assert_int_equal(load_items(f), STOA_ENOTFOUND);
	assert_non_null(strstr(f->err.text, "slot \"node\" refers to row 1001 of table \"node\""));
	refs[70000] = 5;
	ok(f, stoa_delete(f->txn, f->node, add_node(f, 0), &f->err));
	weaks[70001] = 1001;
	assert_int_equal(load_items(f), STOA_ENOTFOUND);
	assert_non_null(strstr(f->err.text, "slot \"weak\" refers to row 1001"));
	weaks[70001] = 1;
	refs[3] = 1001;
	assert_int_equal(load_items(f), STOA_ENOTFOUND);
	reopen(f);
	for (stoa_rowid r = 1; r <= 1000; r++)
		assert_int_equal(count(f, r), want[r]);
	/* The targets live on without being members, and die with the slot that refers to them. */
	for (stoa_rowid r = 1; r <= 1000; r++)
		ok(f, stoa_delete(f->txn, f->node, r, &f->err));
	commit(f);
	assert_int_equal(n_kept(f, f->node), 1000);
	ok(f, stoa_slot_drop(f->txn, f->item, "node", &f->err));
	assert_int_equal(n_kept(f, f->node), 1000);
	reopen(f);
	assert_int_equal(n_kept(f, f->node), 0);
	assert_int_equal(stoa__table_find(f->txn->version, f->item)->n_rows, BULK);
}

static void a_load_is_checked_when_it_is_complete(void **state)
{
	struct fixture *f = *state;
	const struct stoa_array a = { STOA_REF, 0, refs, NULL };
	stoa_appender *app;

	/* a ring, the last row to the first */
	for (uint64_t i = 0; i < STOA_GROUP_MAX; i++)
		refs[i] = i + 2;
	refs[STOA_GROUP_MAX - 1] = 1;
	ok(f, stoa_appender_open(f->txn, f->node, &app, &f->err));
	ok(f, stoa_append(app, &a, 1, STOA_GROUP_MAX, &f->err));
	ok(f, stoa_appender_close(app, &f->err));
	assert_int_equal(count(f, 1), 1);
	assert_int_equal(count(f, STOA_GROUP_MAX), 1);
}

/* ---- cycles ---- */

/* Rings of @len rows, @n of them, of which no row is a member. */
static void make_rings(struct fixture *f, size_t n, size_t len)
{
	uint64_t *next = malloc(n * len * sizeof *next), first = 0;
	struct stoa_array a = { STOA_REF, 0, next, NULL };
	stoa_appender *app;

	assert_non_null(next);
	first = stoa__table_find(f->txn->version, f->node)->next_rowid;
	for (size_t i = 0; i < n * len; i++)
		next[i] = first + i / len * len + (i + 1) % len;
	if (n * len >= STOA_GROUP_MAX) {
		ok(f, stoa_appender_open(f->txn, f->node, &app, &f->err));
		ok(f, stoa_append(app, &a, 1, n * len, &f->err));
		ok(f, stoa_appender_close(app, &f->err));
	} else {
		for (size_t i = 0; i < n * len; i++)
			add_node(f, 0);
		for (size_t i = 0; i < n * len; i++) {
			struct stoa_value to = stoa_ref(next[i]);
			uint32_t slot = 0;

			ok(f, stoa_update(f->txn, f->node, first + i, &slot, &to, 1, &f->err));
		}
	}
	for (size_t i = 0; i < n * len; i++)
		ok(f, stoa_delete(f->txn, f->node, first + i, &f->err));
	free(next);
}

static struct stoa__cycles collect(struct fixture *f)
{
	struct stoa__cycles done = { 0 };

	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa__cycles_collect(f->db, &done, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	return done;
}

static void rings_die_whatever_their_size(void **state)
{
	struct fixture *f = *state;
	struct stoa__cycles done;

	make_rings(f, 50000, 2);
	make_rings(f, 1, 70000);
	make_rings(f, 1000, 1);
	make_rings(f, 300, 7);
	assert_int_equal(n_kept(f, f->node), 173100);
	done = collect(f);
	assert_int_equal(n_kept(f, f->node), 0);
	assert_int_equal(done.n_dead, 173100);
	assert_int_equal(done.n_looked_at, 173100);
	reopen(f);
	assert_int_equal(n_kept(f, f->node), 0);
	assert_null(stoa__table_find(f->txn->version, f->node)->counts);
}

static void what_a_cycle_kept_dies_with_it_and_what_keeps_a_cycle_keeps_it(void **state)
{
	struct fixture *f = *state;
	struct stoa_value v[] = { stoa_i64(1), stoa_ref(1), stoa_null() };
	struct stoa_value to = stoa_ref(4), null = stoa_null();
	uint32_t next = 0, node = 1;
	stoa_rowid item;
	stoa_handle *h;

	/* 1 <-> 2, 3 -> 4 -> 3, 2 -> nothing else; item -> 1; a hold of 3 */
	for (int i = 0; i < 4; i++)
		add_node(f, 0);
	for (stoa_rowid r = 1; r <= 4; r++) {
		struct stoa_value other = stoa_ref(((r - 1) ^ 1) + 1);

		ok(f, stoa_update(f->txn, f->node, r, &next, &other, 1, &f->err));
	}
	ok(f, stoa_insert(f->txn, f->item, v, 3, &item, &f->err));
	ok(f, stoa_row_hold(f->txn, f->node, 3, &h, &f->err));
	for (stoa_rowid r = 1; r <= 4; r++)
		ok(f, stoa_delete(f->txn, f->node, r, &f->err));
	assert_int_equal(collect(f).n_dead, 0);
	assert_true(exists(f, 1) && exists(f, 2) && exists(f, 3) && exists(f, 4));
	stoa_row_release(h);
	ok(f, stoa_update(f->txn, f->item, item, &node, &to, 1, &f->err));
	assert_int_equal(collect(f).n_dead, 2);
	assert_false(exists(f, 1) || exists(f, 2));
	assert_true(exists(f, 3) && exists(f, 4));
	ok(f, stoa_update(f->txn, f->item, item, &node, &null, 1, &f->err));
	assert_int_equal(collect(f).n_dead, 2);
	assert_int_equal(n_kept(f, f->node), 0);
}

static void tables_that_cannot_form_a_cycle_are_not_looked_at(void **state)
{
	struct fixture *f = *state;
	const struct stoa_slot slot = { .name = "item", .type = STOA_REF, .target = f->item };
	struct stoa_value v[] = { stoa_i64(1), stoa_null(), stoa_null() }, to;
	stoa_rowid item;
	stoa_table t;

	ok(f, stoa_table_create(f->txn, "t", &slot, 1, &t, &f->err));
	ok(f, stoa_insert(f->txn, f->item, v, 3, &item, &f->err));
	to = stoa_ref(item);
	ok(f, stoa_insert(f->txn, t, &to, 1, NULL, &f->err));
	ok(f, stoa_delete(f->txn, f->item, item, &f->err));
	assert_int_equal(collect(f).n_looked_at, 0);
	assert_int_equal(n_kept(f, f->item), 1);
}

static void a_cycle_is_found_after_a_restart(void **state)
{
	struct fixture *f = *state;

	make_rings(f, 10, 3);
	reopen(f);
	assert_int_equal(n_kept(f, f->node), 30);
	assert_int_equal(collect(f).n_dead, 30);
}

/* ---- all at once ---- */

static void keep_report(void *ctx, const char *what)
{
	struct fixture *f = ctx;

	f->n_reports++;
	snprintf(f->report, sizeof f->report, "%s", what);
}

#define LOAD_TXNS 300
#define LOAD_RINGS 20

struct load {
	struct fixture *f;
	_Atomic bool stop;
	_Atomic uint64_t n_looks, n_died;
};

/* Reads while others write: what is counted is what there is, in every version. */
static void *look_on(void *arg)
{
	struct load *l = arg;
	struct stoa_error err;
	struct fixture own = { .node = l->f->node };

	while (!atomic_load(&l->stop)) {
		if (stoa_begin(l->f->db, STOA_READ, &own.txn, &err) < 0 ||
		    stoa__refs_check(own.txn->version, keep_report, &own, &err) < 0)
			abort();
		atomic_fetch_add(&l->n_looks, 1 + own.n_reports * (uint64_t)1000000);
		stoa_abort(own.txn);
	}
	return NULL;
}

static void *collect_always(void *arg)
{
	struct load *l = arg;

	while (!atomic_load(&l->stop)) {
		struct stoa_gc_stats stats = STOA_GC_STATS_INIT;
		struct stoa_error err;

		if (stoa_gc_collect(l->f->db, 2, &stats, &err) < 0)
			abort();
		atomic_fetch_add(&l->n_died, stats.rows_in_cycles);
	}
	return NULL;
}

static void a_writer_a_collector_and_a_reader_get_on(void **state)
{
	struct fixture *f = *state;
	struct load l = { .f = f };
	pthread_t reader, collector;
	stoa_rowid first = add_node(f, 0);

	commit(f);
	ok(f, stoa_commit(f->txn, &f->err));
	assert_int_equal(pthread_create(&reader, NULL, look_on, &l), 0);
	assert_int_equal(pthread_create(&collector, NULL, collect_always, &l), 0);
	for (int i = 0; i < LOAD_TXNS; i++) {
		ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
		ok(f, stoa_set_durability(f->txn, STOA_LAZY, &f->err));
		make_rings(f, LOAD_RINGS, 2);
		ok(f, stoa_commit(f->txn, &f->err));
	}
	atomic_store(&l.stop, true);
	pthread_join(reader, NULL);
	pthread_join(collector, NULL);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	assert_int_equal(atomic_load(&l.n_died) + collect(f).n_dead, 2 * LOAD_TXNS * LOAD_RINGS);
	assert_true(atomic_load(&l.n_looks) < 1000000);
	assert_int_equal(n_kept(f, f->node), 0);
	assert_true(exists(f, first));
}

/* ---- who refers to a row ---- */

struct referrers {
	size_t n_strong, n_weak, n_kept;
	uint64_t sum;	/* of their rowids */
};

/* Reads the cursor over what refers to @row; rowids ascend in each slot. */
static struct referrers read_referrers(struct fixture *f, stoa_rowid row)
{
	struct referrers all = { 0 };
	const struct stoa_value *v;
	uint64_t last = 0;
	stoa_cursor *cur;
	bool strong = true;
	int rc;

	ok(f, stoa_row_referrers(f->txn, f->node, row, &cur, &f->err));
	while ((rc = stoa_next(cur, &v, &f->err)) == STOA_ROW) {
		if (strong != (bool)v[3].i)
			last = 0;
		strong = v[3].i;
		assert_true(v[1].u > last);
		assert_string_equal(v[2].p, strong ? v[2].p[1] == 'o' ? "node" : "next" : "weak");
		last = v[1].u;
		all.n_strong += strong;
		all.n_weak += !strong;
		all.n_kept += !v[4].i;
		all.sum += v[1].u;
	}
	ok(f, rc);
	stoa_cursor_close(cur);
	return all;
}

/* What read_referrers() is to find, from the arrays of the load. */
static struct referrers expect_referrers(stoa_rowid row)
{
	struct referrers all = { 0 };

	for (uint64_t i = 0; i < BULK; i++) {
		all.n_strong += refs[i] == row;
		all.n_weak += weaks[i] == row;
		all.sum += (i + 1) * ((refs[i] == row) + (weaks[i] == row));
	}
	return all;
}

static void assert_referrers(struct fixture *f, stoa_rowid row)
{
	struct referrers want = expect_referrers(row), got = read_referrers(f, row);

	assert_int_equal(got.n_strong, want.n_strong);
	assert_int_equal(got.n_weak, want.n_weak);
	assert_int_equal(got.sum, want.sum);
}

static void who_refers_to_a_row_is_found_wherever_it_lies(void **state)
{
	struct fixture *f = *state;
	const uint32_t slots[] = { 1, 2 };

	for (int i = 0; i < 1000; i++)
		add_node(f, 0);
	for (int i = 0; i < BULK; i++) {
		/* Row 1000 is referred to from one group alone; the others' ranges leave it out. */
		refs[i] = i / STOA_GROUP_MAX == 1 ? 1000 - (uint64_t)i % 2 : 1 + (uint64_t)i % 900;
		weaks[i] = i % 3 ? 1 + (uint64_t)i % 7 : 0;
	}
	ok(f, load_items(f));
	for (stoa_rowid row = 1; row <= 1000; row += 333)
		assert_referrers(f, row);
	/* in overlays, gone with their rows, in the tail */
	for (uint64_t i = 0; i < BULK; i += 1013) {
		struct stoa_value v[] = { stoa_ref(refs[i] = 1000), stoa_null() };

		weaks[i] = 0;
		ok(f, stoa_update(f->txn, f->item, i + 1, slots, v, 2, &f->err));
	}
	for (uint64_t i = 5; i < BULK; i += 997) {
		refs[i] = weaks[i] = 0;
		ok(f, stoa_delete(f->txn, f->item, i + 1, &f->err));
	}
	assert_referrers(f, 1000);
	assert_referrers(f, 1);
	reopen(f);
	assert_referrers(f, 1000);
	assert_referrers(f, 1);
}

static void what_refers_may_be_a_row_that_was_deleted(void **state)
{
	struct fixture *f = *state;
	stoa_rowid first = add_node(f, 0), middle = add_node(f, first), last = add_node(f, middle);
	struct referrers r;
	stoa_cursor *cur;

	ok(f, stoa_delete(f->txn, f->node, first, &f->err));
	ok(f, stoa_delete(f->txn, f->node, middle, &f->err));
	r = read_referrers(f, first);
	assert_true(r.n_strong == 1 && r.n_kept == 1 && r.sum == middle);
	r = read_referrers(f, middle);
	assert_true(r.n_strong == 1 && r.n_kept == 0 && r.sum == last);
	assert_int_equal(read_referrers(f, last).n_strong, 0);
	assert_int_equal(stoa_row_referrers(f->txn, f->node, last + 1, &cur, &f->err),
			 STOA_ENOTFOUND);
	assert_null(cur);
}

/* ---- counted once more ---- */

static unsigned recount(struct fixture *f)
{
	f->n_reports = 0;
	ok(f, stoa__refs_check(f->txn->base, keep_report, f, &f->err));
	return f->n_reports;
}

static void counts_that_are_wrong_are_found(void **state)
{
	struct fixture *f = *state;
	struct stoa_value v[] = { stoa_i64(1), stoa_ref(add_node(f, add_node(f, 0))), stoa_null() };
	struct stoa__counts *c;

	for (int i = 0; i < 600; i++)
		add_node(f, 1);
	ok(f, stoa_insert(f->txn, f->item, v, 3, NULL, &f->err));
	commit(f);
	assert_int_equal(recount(f), 0);
	/* Published blocks do not change; but this is damage. */
	c = stoa__counts_find(stoa__table_find(f->txn->base, f->node), 2);
	c->n[2]++;
	assert_int_equal(recount(f), 1);
	assert_string_equal(f->report,
			    "row 2 of table \"node\" has 1 references and is counted to have 2");
	c->n[2] = 0;
	assert_int_equal(recount(f), 1);
	c->n[2] = 1;
	for (int i = 3; i < 100; i++)
		c->n[i] = 7;
	assert_int_equal(recount(f), 9);
	assert_string_equal(f->report,
			    "table \"node\": 89 more references or counts are wrong");
	for (int i = 3; i < 100; i++)
		c->n[i] = 0;
	assert_int_equal(recount(f), 0);
}

static void who_refers_and_how_often_may_run_out_of_memory(void **state)
{
	struct fixture *f = *state;
	bool fired = true;

	add_node(f, add_node(f, 0));
	commit(f);
	for (long nth = 0; fired; nth++) {
		stoa_cursor *cur;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_row_referrers(f->txn, f->node, 1, &cur, &f->err);
		stoa_cursor_close(cur);
		if (rc == STOA_OK)
			rc = stoa__refs_check(f->txn->base, keep_report, f, &f->err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
	}
}

/* ---- tables that refer to each other ---- */

static void a_table_is_dropped_after_those_that_refer_to_it(void **state)
{
	struct fixture *f = *state;
	struct stoa_value v[] = { stoa_i64(1), stoa_ref(add_node(f, 0)), stoa_null() };

	ok(f, stoa_insert(f->txn, f->item, v, 3, NULL, &f->err));
	assert_int_equal(stoa_table_drop(f->txn, f->node, &f->err), STOA_EBUSY);
	assert_non_null(strstr(f->err.text, "referred to by \"item\""));
	reopen(f);
	ok(f, stoa_table_drop(f->txn, f->item, &f->err));
	assert_int_equal(count(f, 1), 0);
	ok(f, stoa_table_drop(f->txn, f->node, &f->err));	/* it refers to itself alone */
	reopen(f);
}

static void rows_that_only_a_dropped_table_kept_die_with_it(void **state)
{
	struct fixture *f = *state;
	struct stoa_value v[] = { stoa_i64(1), stoa_ref(add_node(f, add_node(f, 0))), stoa_null() };

	ok(f, stoa_insert(f->txn, f->item, v, 3, NULL, &f->err));
	ok(f, stoa_delete(f->txn, f->node, 1, &f->err));
	ok(f, stoa_delete(f->txn, f->node, 2, &f->err));
	commit(f);
	assert_true(exists(f, 1) && exists(f, 2));
	ok(f, stoa_table_drop(f->txn, f->item, &f->err));
	commit(f);
	assert_false(exists(f, 1) || exists(f, 2));
}

static void weak_references_to_a_dropped_table_are_null(void **state)
{
	struct fixture *f = *state;
	struct stoa_slot weak[] = { { .name = "n", .type = STOA_I64 },
				    { .name = "w", .type = STOA_WEAK_REF, .target = f->item } };
	struct stoa_value v[] = { stoa_i64(1), stoa_null(), stoa_null() };
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_table t;
	stoa_rowid r;

	ok(f, stoa_insert(f->txn, f->item, v, 3, &r, &f->err));
	ok(f, stoa_table_create(f->txn, "t", weak, 2, &t, &f->err));
	v[1] = stoa_ref(r);
	ok(f, stoa_insert(f->txn, t, v, 2, NULL, &f->err));
	ok(f, stoa_table_drop(f->txn, f->item, &f->err));
	reopen(f);
	ok(f, stoa_get(f->txn, t, 1, v, 2, &f->err));
	assert_int_equal(v[1].type, STOA_NULL);
	ok(f, stoa_scan(f->txn, t, NULL, 0, &cur, &f->err));
	assert_int_equal(stoa_next(cur, &row, &f->err), STOA_ROW);
	assert_int_equal(row[1].type, STOA_NULL);
	stoa_cursor_close(cur);
	v[1] = stoa_ref(1);
	assert_int_equal(stoa_insert(f->txn, t, v, 2, NULL, &f->err), STOA_ENOTFOUND);
}

static void slots_that_cannot_be_references_are_refused(void **state)
{
	struct fixture *f = *state;
	struct stoa_slot slot = { .name = "x", .type = STOA_REF, .target = 77 };

	assert_int_equal(stoa_slot_add(f->txn, f->item, &slot, &f->err), STOA_ENOTFOUND);
	slot.target = 0;
	slot.value = stoa_u64(1);
	assert_int_equal(stoa_slot_add(f->txn, f->item, &slot, &f->err), STOA_EINVAL);
	slot = (struct stoa_slot){ .name = "x", .type = STOA_WEAK_REF, .flags = STOA_NOT_NULL };
	assert_int_equal(stoa_slot_add(f->txn, f->item, &slot, &f->err), STOA_EINVAL);
	slot = (struct stoa_slot){ .name = "x", .type = STOA_I64, .target = f->node };
	assert_int_equal(stoa_slot_add(f->txn, f->item, &slot, &f->err), STOA_EINVAL);
}

static void a_reference_to_no_row_names_what_is_wrong(void **state)
{
	struct fixture *f = *state;
	struct stoa_value v[] = { stoa_i64(1), stoa_u64(0), stoa_null() };

	assert_int_equal(stoa_insert(f->txn, f->item, v, 3, NULL, &f->err), STOA_ERANGE);
	v[1] = stoa_u64(3);
	assert_int_equal(stoa_insert(f->txn, f->item, v, 3, NULL, &f->err), STOA_ENOTFOUND);
	assert_string_equal(f->err.text,
			    "slot \"node\" refers to row 3 of table \"node\", which is not there");
	v[1] = stoa_text("a");
	assert_int_equal(stoa_insert(f->txn, f->item, v, 3, NULL, &f->err), STOA_ETYPE);
}

static void a_reference_may_move_in_any_order(void **state)
{
	struct fixture *f = *state;
	stoa_rowid row = add_node(f, 0);
	struct stoa_value v[] = { stoa_i64(1), stoa_ref(row), stoa_null() };
	struct stoa_value ref = stoa_ref(row), null = stoa_null();
	uint32_t slot = 1;

	ok(f, stoa_insert(f->txn, f->item, v, 3, NULL, &f->err));
	v[1] = stoa_null();
	ok(f, stoa_insert(f->txn, f->item, v, 3, NULL, &f->err));
	ok(f, stoa_delete(f->txn, f->node, row, &f->err));
	commit(f);
	ok(f, stoa_update(f->txn, f->item, 1, &slot, &null, 1, &f->err));
	assert_int_equal(count(f, row), 0);
	ok(f, stoa_update(f->txn, f->item, 2, &slot, &ref, 1, &f->err));
	commit(f);
	assert_true(exists(f, row));
	ok(f, stoa_delete(f->txn, f->item, 2, &f->err));
	commit(f);
	assert_false(exists(f, row));
}

/* ---- death queues ---- */

static size_t scan_dead(struct fixture *f, stoa_table queue, uint64_t *rows, size_t max)
{
	const struct stoa_value *v;
	stoa_cursor *cur;
	size_t n = 0;

	ok(f, stoa_scan(f->txn, queue, NULL, 0, &cur, &f->err));
	while (stoa_next(cur, &v, &f->err) == STOA_ROW && n < max)
		rows[n++] = v[0].u;
	stoa_cursor_close(cur);
	return n;
}

static void the_dead_are_queued_with_their_values_in_order(void **state)
{
	static const struct stoa_slot slots[] = { { .name = "n", .type = STOA_I64 },
						  { .name = "s", .type = STOA_STRING },
						  { .name = "t", .type = STOA_TEXT },
						  { .name = "next", .type = STOA_REF } };
	struct fixture *f = *state;
	struct stoa_value v[5] = { stoa_i64(1), stoa_text("one"), stoa_text("a text"), stoa_null() };
	stoa_table t, queue, again;
	uint64_t rows[10];

	ok(f, stoa_table_create(f->txn, "t", slots, 4, &t, &f->err));
	ok(f, stoa_death_queue(f->txn, t, "dead", &queue, &f->err));
	assert_int_equal(stoa_death_queue(f->txn, t, "more", &again, &f->err), STOA_EEXIST);
	ok(f, stoa_insert(f->txn, t, v, 4, NULL, &f->err));
	for (stoa_rowid r = 1; r < 4; r++) {
		v[3] = stoa_ref(r);
		ok(f, stoa_insert(f->txn, t, v, 4, NULL, &f->err));
	}
	for (stoa_rowid r = 1; r < 4; r++)
		ok(f, stoa_delete(f->txn, t, r, &f->err));
	commit(f);
	assert_int_equal(scan_dead(f, queue, rows, 10), 0);
	ok(f, stoa_delete(f->txn, t, 4, &f->err));
	stoa_abort(f->txn);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	assert_int_equal(scan_dead(f, queue, rows, 10), 0);
	ok(f, stoa_slot_rename(f->txn, t, "n", "m", &f->err));
	ok(f, stoa_delete(f->txn, t, 4, &f->err));
	/* a crash here: the log is replayed, and the dead are queued again */
	ok(f, stoa_commit(f->txn, &f->err));
	char command[600];

	snprintf(command, sizeof command, "cp -r '%s/db.stoa' '%s/copy.stoa'", f->dir, f->dir);
	assert_int_equal(system(command), 0);
	ok(f, stoa_close(f->db, &f->err));
	ok(f, stoa_open(testing_path(f->dir, "copy.stoa"), NULL, &f->db, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	assert_int_equal(scan_dead(f, queue, rows, 10), 4);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(rows[i], 4 - i);
	ok(f, stoa_get(f->txn, queue, 2, v, 5, &f->err));
	assert_int_equal(v[1].type, STOA_NULL);		/* the slot has another name since */
	assert_memory_equal(v[2].p, "one", 3);
	assert_memory_equal(v[3].p, "a text", 6);
	assert_int_equal(v[4].u, 2);
	ok(f, stoa_table_drop(f->txn, queue, &f->err));
	ok(f, stoa_insert(f->txn, t, (struct stoa_value[]){ stoa_null(), stoa_null(), stoa_null(),
							    stoa_null() }, 4, NULL, &f->err));
	ok(f, stoa_delete(f->txn, t, 5, &f->err));
	ok(f, stoa_death_queue(f->txn, t, "dead", &queue, &f->err));
}

static void a_table_of_the_right_shape_becomes_a_death_queue(void **state)
{
	static const struct stoa_slot slots[] = { { .name = "n", .type = STOA_I64 } };
	static const struct stoa_slot older[] = { { .name = "row", .type = STOA_U64 },
						  { .name = "n", .type = STOA_I64 } };
	static const struct stoa_slot strict[] = {
		{ .name = "row", .type = STOA_U64 },
		{ .name = "why", .type = STOA_TEXT, .flags = STOA_NOT_NULL },
	};
	struct fixture *f = *state;
	struct stoa_value v[2] = { stoa_i64(7) };
	stoa_table t, no, queue, out;
	struct stoa_table_info info;

	ok(f, stoa_table_create(f->txn, "t", slots, 1, &t, &f->err));
	ok(f, stoa_table_create(f->txn, "strict", strict, 2, &no, &f->err));
	ok(f, stoa_table_create(f->txn, "older", older, 2, &queue, &f->err));
	ok(f, stoa_table_info(f->txn, t, &info, &f->err));
	assert_int_equal(info.deaths, 0);
	assert_int_equal(stoa_death_queue(f->txn, t, "strict", &out, &f->err), STOA_EEXIST);
	assert_int_equal(stoa_death_queue(f->txn, t, "t", &out, &f->err), STOA_EEXIST);
	assert_int_equal(stoa_death_queue(f->txn, queue, "older", &out, &f->err), STOA_EEXIST);
	ok(f, stoa_death_queue(f->txn, t, "older", &out, &f->err));
	assert_int_equal(out, queue);
	ok(f, stoa_table_info(f->txn, t, &info, &f->err));
	assert_int_equal(info.deaths, queue);
	ok(f, stoa_insert(f->txn, t, v, 1, NULL, &f->err));
	ok(f, stoa_delete(f->txn, t, 1, &f->err));
	commit(f);
	ok(f, stoa_get(f->txn, queue, 1, v, 2, &f->err));
	assert_int_equal(v[0].u, 1);
	assert_int_equal(v[1].i, 7);
	ok(f, stoa_table_drop(f->txn, queue, &f->err));
	ok(f, stoa_table_info(f->txn, t, &info, &f->err));
	assert_int_equal(info.deaths, 0);
}

/* ---- in SQL ---- */

static int64_t sql(struct fixture *f, const char *text)
{
	const struct stoa_value *v;
	stoa_cursor *cur = NULL;
	int64_t x = -1;
	int rc = stoa_query(f->txn, text, &cur, &f->err);

	ok(f, rc);
	if (cur && stoa_next(cur, &v, &f->err) == STOA_ROW && v[0].type != STOA_NULL)
		x = v[0].i;
	stoa_cursor_close(cur);
	return x;
}

static void references_are_types_and_rowids_in_sql(void **state)
{
	struct fixture *f = *state;
	stoa_cursor *cur;

	sql(f, "create table customer (name text, boss ref(customer))");
	sql(f, "create table orders (n int, of ref(customer) not null, last weak ref(orders))");
	sql(f, "insert into customer values ('ann', null), ('bob', 1)");
	sql(f, "insert into orders values (1, 2, null), (2, 1, 1)");
	assert_int_equal(sql(f, "select o.n from orders o join customer c on c.rowid = o.of "
				"where c.name = 'ann'"), 2);
	assert_int_equal(sql(f, "select count(*) from orders where of = 2"), 1);
	assert_int_equal(sql(f, "select last from orders where n = 2"), 1);
	sql(f, "delete from orders where n = 1");
	assert_int_equal(sql(f, "select last from orders where n = 2"), -1);
	assert_int_equal(sql(f, "select count(*) from orders where last is null"), 1);
	sql(f, "update orders set of = 2 where n = 2");
	assert_int_equal(sql(f, "select of from orders"), 2);
	assert_int_equal(stoa_query(f->txn, "insert into orders values (3, 77, null)", &cur,
				    &f->err), STOA_ENOTFOUND);
	assert_int_equal(stoa_query(f->txn, "create table t (x ref(nowhere))", &cur, &f->err),
			 STOA_ENOTFOUND);
	assert_int_equal(stoa_query(f->txn, "create table t (x strong ref(customer))", &cur,
				    &f->err), STOA_ESYNTAX);
	assert_int_equal(stoa_query(f->txn, "create table t (x int(customer))", &cur, &f->err),
			 STOA_EINVAL);
	assert_int_equal(stoa_query(f->txn, "drop table customer", &cur, &f->err), STOA_EBUSY);
}

/* ---- handles ---- */

static void a_hold_taken_in_a_read_transaction_is_of_the_newest_commit(void **state)
{
	struct fixture *f = *state;
	stoa_handle *h, *weak, *none;
	stoa_txn *reader;
	stoa_rowid row = add_node(f, 0), other = add_node(f, 0);

	commit(f);
	ok(f, stoa_begin(f->db, STOA_READ, &reader, &f->err));
	assert_int_equal(stoa_row_hold(reader, f->node, row, &h, &f->err), STOA_ESTATE);
	ok(f, stoa_row_weak(reader, f->node, other, &weak, &f->err));
	ok(f, stoa_delete(f->txn, f->node, other, &f->err));
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_row_hold(reader, f->node, row, &h, &f->err));
	assert_int_equal(stoa_row_hold(reader, f->node, other, &none, &f->err), STOA_ENOTFOUND);
	assert_null(none);
	assert_int_equal(stoa_row_resolve(reader, weak, NULL, NULL, &f->err), STOA_ROW);
	assert_int_equal(stoa_close(f->db, &f->err), STOA_ESTATE);
	stoa_abort(reader);
	assert_int_equal(stoa_close(f->db, &f->err), STOA_ESTATE);
	stoa_row_release(h);
	stoa_row_release(weak);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void what_only_a_hold_kept_is_collected_after_a_restart(void **state)
{
	struct fixture *f = *state;
	stoa_rowid row = add_node(f, add_node(f, 0));
	stoa_handle *h;

	ok(f, stoa_row_hold(f->txn, f->node, row, &h, &f->err));
	ok(f, stoa_delete(f->txn, f->node, row, &f->err));
	ok(f, stoa_delete(f->txn, f->node, row - 1, &f->err));
	commit(f);
	assert_true(exists(f, row) && exists(f, row - 1));
	stoa_row_release(h);
	stoa_abort(f->txn);
	/* no commit after the release: the next process finds them */
	ok(f, stoa_close(f->db, &f->err));
	open_db(f);
	assert_true(exists(f, row));
	commit(f);
	assert_false(exists(f, row) || exists(f, row - 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_row_may_refer_to_itself),
		TEST(a_list_of_a_million_rows_dies_from_its_newest),
		TEST(a_list_of_a_million_rows_dies_from_its_oldest),
		TEST(a_bulk_load_counts_and_checks),
		TEST(a_load_is_checked_when_it_is_complete),
		TEST(rings_die_whatever_their_size),
		TEST(what_a_cycle_kept_dies_with_it_and_what_keeps_a_cycle_keeps_it),
		TEST(tables_that_cannot_form_a_cycle_are_not_looked_at),
		TEST(a_cycle_is_found_after_a_restart),
		TEST(a_writer_a_collector_and_a_reader_get_on),
		TEST(who_refers_to_a_row_is_found_wherever_it_lies),
		TEST(what_refers_may_be_a_row_that_was_deleted),
		TEST(counts_that_are_wrong_are_found),
		TEST(who_refers_and_how_often_may_run_out_of_memory),
		TEST(a_table_is_dropped_after_those_that_refer_to_it),
		TEST(rows_that_only_a_dropped_table_kept_die_with_it),
		TEST(weak_references_to_a_dropped_table_are_null),
		TEST(slots_that_cannot_be_references_are_refused),
		TEST(a_reference_to_no_row_names_what_is_wrong),
		TEST(a_reference_may_move_in_any_order),
		TEST(the_dead_are_queued_with_their_values_in_order),
		TEST(a_table_of_the_right_shape_becomes_a_death_queue),
		TEST(references_are_types_and_rowids_in_sql),
		TEST(a_hold_taken_in_a_read_transaction_is_of_the_newest_commit),
		TEST(what_only_a_hold_kept_is_collected_after_a_restart),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
