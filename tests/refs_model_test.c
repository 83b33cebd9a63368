/* SPDX-License-Identifier: MIT */
/*
 * refs_model_test.c - lifetimes of rows against a plain graph of objects
 *
 * Objects are counted, held and collected as a naive program would do it: counts by looking at
 * everything, deaths to a fixed point, and for cycles a mark and sweep from what is a member or
 * held. The same random operations go to a database, with savepoints, aborts, memory that runs out,
 * checkpoints, reopening and crashes (a copy of the files of a database that is open), and
 * everything is compared after each transaction, often within one. Row groups are rewritten
 * meanwhile, act by act as a compaction does it, so that rows die, are kept, held and changed between
 * any two acts.
 *
 *     node   n, a -> node, b -> node, leaf -> leaf, w ~> node        -> strong, ~> weak
 *     leaf   n, w ~> node
 *     owner  n, a -> node
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/bulk.h"
#include "../lib/check_refs.h"
#include "../lib/compact.h"
#include "../lib/core/alloc.h"
#include "../lib/cycles.h"
#include "../lib/db.h"
#include "../lib/refs.h"
#include "../lib/stoa.h"
#include "groups.h"

#define TABLES 3
#define SLOTS 5
#define ROWS_MAX 3000
#define HANDLES 24
#define MARKS 4

enum { NODE, LEAF, OWNER };

/* What a slot refers to: a table, or -1. */
struct shape {
	const char *name;
	size_t n_slots;
	struct {
		const char *name;
		int target;
		bool weak;
	} slot[SLOTS];
};

static const struct shape shapes[TABLES] = {
	{ "node", 5, { { "n", -1, false }, { "a", NODE, false }, { "b", NODE, false },
		       { "leaf", LEAF, false }, { "w", NODE, true } } },
	{ "leaf", 2, { { "n", -1, false }, { "w", NODE, true } } },
	{ "owner", 2, { { "n", -1, false }, { "a", NODE, false } } },
};

struct object {
	bool exists, member;
	uint32_t holds;
	uint64_t cell[SLOTS];	/* a number, or a rowid, 0 for none */
};

struct heap {
	uint64_t next[TABLES];
	struct object object[TABLES][ROWS_MAX];
};

struct handle {
	stoa_handle *h;
	int table;
	uint64_t row;
	bool strong, in_txn, is_void;
};

struct run {
	uint64_t rng;
	char *dir;
	struct stoa_options options;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table[TABLES];
	struct stoa_error err;
	bool armed;
	struct heap *committed, *now, *mark[MARKS];
	uint32_t marks[MARKS];
	size_t n_marks;
	struct handle handle[HANDLES];
	struct stoa__rewrite *rewrite;	/* a compaction that has begun, or NULL */
	bool is_read, is_rehearsed;
	size_t at;			/* the next run to be installed */
	struct stoa__settling settling;	/* references that were met; v is NULL: there are none */
	uint64_t n_deletes_withheld;	/* until then what is loaded may wait to be counted */
};

static uint64_t below(struct run *r, uint64_t n)
{
	return testing_below(&r->rng, n);
}

static void ok(struct run *r, int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), r->err.text);
}

/* ---- the naive program ---- */

static uint64_t count_of(const struct heap *h, int table, uint64_t row)
{
	uint64_t n = 0;

	for (int t = 0; t < TABLES; t++)
		for (uint64_t i = 1; i < h->next[t]; i++)
			for (size_t s = 0; s < shapes[t].n_slots && h->object[t][i].exists; s++)
				n += shapes[t].slot[s].target == table &&
				     !shapes[t].slot[s].weak && h->object[t][i].cell[s] == row;
	return n;
}

/* All that is neither a member nor counted nor held is gone, and so on. */
static void reap(struct heap *h)
{
	bool any = true;

	while (any) {
		any = false;
		for (int t = 0; t < TABLES; t++) {
			for (uint64_t i = 1; i < h->next[t]; i++) {
				struct object *o = &h->object[t][i];

				if (!o->exists || o->member || o->holds || count_of(h, t, i))
					continue;
				o->exists = false;
				any = true;
			}
		}
	}
}

static void mark(const struct heap *h, bool seen[TABLES][ROWS_MAX], int t, uint64_t i)
{
	const struct object *o = &h->object[t][i];

	if (!i || seen[t][i] || !o->exists)
		return;
	seen[t][i] = true;
	for (size_t s = 0; s < shapes[t].n_slots; s++)
		if (shapes[t].slot[s].target >= 0 && !shapes[t].slot[s].weak)
			mark(h, seen, shapes[t].slot[s].target, o->cell[s]);
}

static void sweep(struct heap *h)
{
	static bool seen[TABLES][ROWS_MAX];

	memset(seen, 0, sizeof seen);
	for (int t = 0; t < TABLES; t++)
		for (uint64_t i = 1; i < h->next[t]; i++)
			if (h->object[t][i].member || h->object[t][i].holds)
				mark(h, seen, t, i);
	for (int t = 0; t < TABLES; t++)
		for (uint64_t i = 1; i < h->next[t]; i++)
			h->object[t][i].exists &= seen[t][i];
}

static void copy(struct heap *to, const struct heap *from)
{
	memcpy(to->next, from->next, sizeof to->next);
	for (int t = 0; t < TABLES; t++)
		memcpy(to->object[t], from->object[t], from->next[t] * sizeof to->object[t][0]);
}

/* Holds are of handles, not of a state: they follow what is undone, unless their row is. */
static void recount_holds(struct run *r, struct heap *h)
{
	for (int t = 0; t < TABLES; t++)
		for (uint64_t i = 1; i < h->next[t]; i++)
			h->object[t][i].holds = 0;
	for (size_t i = 0; i < HANDLES; i++) {
		struct handle *x = &r->handle[i];

		if (x->h && x->in_txn && x->row >= h->next[x->table])
			x->is_void = true;
		if (x->h && x->strong && !x->is_void)
			h->object[x->table][x->row].holds++;
	}
}

/* ---- comparing ---- */

static void compare_row(struct run *r, stoa_txn *txn, const struct heap *h, int t, uint64_t i)
{
	const struct object *o = &h->object[t][i];
	struct stoa_value v[SLOTS];
	uint64_t count = 0;
	int rc = stoa_get(txn, r->table[t], i, v, shapes[t].n_slots, &r->err);

	if (rc != (o->exists ? STOA_OK : STOA_ENOTFOUND))
		fail_msg("row %llu of %s: exists %d, but %s", (unsigned long long)i,
			 shapes[t].name, o->exists, stoa_result_name(rc));
	if (!o->exists) {
		assert_int_equal(stoa_row_refcount(txn, r->table[t], i, &count, &r->err),
				 STOA_ENOTFOUND);
		return;
	}
	ok(r, stoa_row_refcount(txn, r->table[t], i, &count, &r->err));
	assert_int_equal(count, count_of(h, t, i));
	for (size_t s = 0; s < shapes[t].n_slots; s++) {
		int target = shapes[t].slot[s].target;
		uint64_t want = o->cell[s];

		if (target >= 0 && shapes[t].slot[s].weak && !h->object[target][want].exists)
			want = 0;
		assert_int_equal(v[s].type == STOA_NULL ? 0 : v[s].u, want);
	}
}

static void compare_scan(struct run *r, stoa_txn *txn, const struct heap *h, int t)
{
	const struct stoa_value *v;
	stoa_cursor *cur;
	uint64_t i = 0;

	ok(r, stoa_scan(txn, r->table[t], NULL, 0, &cur, &r->err));
	while (stoa_next(cur, &v, &r->err) == STOA_ROW) {
		do
			i++;
		while (i < h->next[t] && !h->object[t][i].member);
		assert_int_equal(stoa_cursor_rowid(cur), i);
		for (size_t s = 0; s < shapes[t].n_slots; s++) {
			int target = shapes[t].slot[s].target;
			uint64_t want = h->object[t][i].cell[s];

			if (target >= 0 && shapes[t].slot[s].weak &&
			    !h->object[target][want].exists)
				want = 0;
			assert_int_equal(v[s].type == STOA_NULL ? 0 : v[s].u, want);
		}
	}
	do
		i++;
	while (i < h->next[t] && !h->object[t][i].member);
	assert_int_equal(i < h->next[t], false);
	stoa_cursor_close(cur);
}

static void compare_handles(struct run *r, stoa_txn *txn, const struct heap *h)
{
	for (size_t i = 0; i < HANDLES; i++) {
		const struct handle *x = &r->handle[i];
		stoa_table table = 0;
		stoa_rowid row = 0;
		bool there;

		if (!x->h)
			continue;
		there = !x->is_void && x->row < h->next[x->table] &&
			h->object[x->table][x->row].exists;
		assert_int_equal(stoa_row_resolve(txn, x->h, &table, &row, &r->err),
				 there ? STOA_ROW : STOA_END);
		if (there) {
			assert_int_equal(table, r->table[x->table]);
			assert_int_equal(row, x->row);
		}
	}
}

/* The cursor over what refers to a row finds as many strong references as the graph has. */
static void compare_referrers(struct run *r, stoa_txn *txn, const struct heap *h)
{
	int t = (int)below(r, TABLES);
	uint64_t row = 1 + below(r, h->next[t]), n = 0;
	const struct stoa_value *v;
	stoa_cursor *cur;
	int rc;

	if (row >= h->next[t] || !h->object[t][row].exists)
		return;
	ok(r, stoa_row_referrers(txn, r->table[t], row, &cur, &r->err));
	while ((rc = stoa_next(cur, &v, &r->err)) == STOA_ROW)
		n += (uint64_t)v[3].i;
	ok(r, rc);
	stoa_cursor_close(cur);
	assert_int_equal(n, count_of(h, t, row));
}

static void fail_count(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static void compare(struct run *r, stoa_txn *txn, const struct heap *h)
{
	for (int t = 0; t < TABLES; t++) {
		for (uint64_t i = 1; i < h->next[t]; i++)
			compare_row(r, txn, h, t, i);
		compare_scan(r, txn, h, t);
	}
}

static void compare_committed(struct run *r)
{
	stoa_txn *txn;

	ok(r, stoa_begin(r->db, STOA_READ, &txn, &r->err));
	compare(r, txn, r->committed);
	compare_handles(r, txn, r->committed);
	compare_referrers(r, txn, r->committed);
	ok(r, stoa__refs_check(txn->version, fail_count, NULL, &r->err));
	stoa_abort(txn);
}

/* ---- operations ---- */

static void maybe_fault(struct run *r)
{
	if (below(r, 100) < 8) {
		stoa__fault_arm((long)below(r, 12), false);
		r->armed = true;
	}
}

/* Was the call refused for want of memory? Then nothing has changed. */
static bool faulted(struct run *r, int rc)
{
	bool fired = r->armed && stoa__fault_disarm();

	r->armed = false;
	if (rc == STOA_ENOMEM)
		assert_true(fired);
	return rc == STOA_ENOMEM;
}

/* A rowid of @table: mostly of a row that exists, now and then any, or none. */
static uint64_t any_row(struct run *r, int table)
{
	for (int i = 0; i < 20 && r->now->next[table] > 1; i++) {
		uint64_t back = below(r, r->now->next[table] - 1);
		uint64_t row = below(r, 2) ? r->now->next[table] - 1 - back % 12 % r->now->next[table] : 1 + back;

		if (row && r->now->object[table][row].exists)
			return row;
	}
	return 0;
}

static struct stoa_value random_cell(struct run *r, int t, size_t s, uint64_t *cell, bool *bad)
{
	int target = shapes[t].slot[s].target;

	if (target < 0) {
		*cell = below(r, 1000);
		return stoa_u64(*cell);
	}
	*cell = below(r, 3) ? any_row(r, target) : 0;
	if (below(r, 100) == 0) {
		*cell = 1 + below(r, r->now->next[target] + 3);
		*bad |= *cell >= r->now->next[target] || !r->now->object[target][*cell].exists;
	}
	return *cell ? stoa_ref(*cell) : stoa_null();
}

static void step_insert(struct run *r)
{
	int t = (int)below(r, TABLES);
	struct object o = { .exists = true, .member = true };
	struct stoa_value v[SLOTS];
	bool bad = false;
	stoa_rowid row = 0;
	int rc;

	if (r->now->next[t] == ROWS_MAX)
		return;
	for (size_t s = 0; s < shapes[t].n_slots; s++) {
		bool dangles = false;

		v[s] = random_cell(r, t, s, &o.cell[s], &dangles);
		/* A row may refer to itself. */
		bad |= dangles && (shapes[t].slot[s].target != t || o.cell[s] != r->now->next[t]);
	}
	maybe_fault(r);
	rc = stoa_insert(r->txn, r->table[t], v, shapes[t].n_slots, &row, &r->err);
	if (faulted(r, rc))
		return;
	if (bad) {
		assert_int_equal(rc, STOA_ENOTFOUND);
		return;
	}
	ok(r, rc);
	assert_int_equal(row, r->now->next[t]);
	r->now->object[t][r->now->next[t]++] = o;
}

#define LOAD_MAX 20

/* A row group of @n rows from row number @at of a load; *@bad if it refers to a row that is not there. */
static void load_group(struct run *r, struct stoa__bulk *bulk, int t, size_t at, size_t n,
		       struct object *rows, bool *bad)
{
	static uint64_t values[SLOTS][LOAD_MAX], validity[SLOTS];
	struct stoa__bulk_column columns[SLOTS] = { 0 };
	struct stoa__bulk_group *group;

	for (size_t s = 0; s < shapes[t].n_slots; s++) {
		int target = shapes[t].slot[s].target;
		int type = target < 0 ? STOA_U64 : shapes[t].slot[s].weak ? STOA_WEAK_REF : STOA_REF;

		validity[s] = 0;
		for (size_t i = 0; i < n; i++) {
			bool dangles = false;
			uint64_t *cell = &rows[at + i].cell[s];
			struct stoa_value v = random_cell(r, t, s, cell, &dangles);

			/* Rows of a load may refer to each other. */
			if (target == t && (dangles || below(r, 4) == 0)) {
				*cell = r->now->next[t] + below(r, at + n);
				v = stoa_ref(*cell);
				dangles = false;
			}
			*bad |= dangles;
			values[s][i] = *cell;
			validity[s] |= (uint64_t)(v.type != STOA_NULL) << i;
		}
		columns[s].array = (struct stoa_array){ type, 0, values[s], &validity[s] };
	}
	ok(r, stoa__bulk_encode(bulk, columns, shapes[t].n_slots, n, &group, &r->err));
	ok(r, stoa__bulk_add(bulk, group, &r->err));
}

/* Row groups put in a table at once, of which some time later the references are counted. */
static void step_load(struct run *r)
{
	static struct object rows[LOAD_MAX];
	int t = (int)below(r, TABLES);
	size_t n = 1 + below(r, LOAD_MAX), first = below(r, n);
	struct stoa__bulk *bulk;
	bool bad = false;
	int rc;

	if (r->now->next[t] + n > ROWS_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct object){ .exists = true, .member = true };
	ok(r, stoa__bulk_open(r->txn, r->table[t], &bulk, &r->err));
	if (first)
		load_group(r, bulk, t, 0, first, rows, &bad);
	load_group(r, bulk, t, first, n - first, rows, &bad);
	maybe_fault(r);
	rc = stoa__bulk_finish(bulk, NULL, &r->err);
	if (faulted(r, rc))
		return;
	if (bad) {
		assert_int_equal(rc, STOA_ENOTFOUND);
		return;
	}
	ok(r, rc);
	for (size_t i = 0; i < n; i++)
		r->now->object[t][r->now->next[t]++] = rows[i];
}

static void step_update(struct run *r)
{
	int t = (int)below(r, TABLES);
	uint64_t row = any_row(r, t), cell[2];
	uint32_t slots[2];
	struct stoa_value v[2];
	bool bad = false;
	int rc;

	if (!row)
		return;
	for (size_t i = 0; i < 2; i++) {
		slots[i] = (uint32_t)below(r, shapes[t].n_slots);
		v[i] = random_cell(r, t, slots[i], &cell[i], &bad);
	}
	if (bad && slots[0] == slots[1])
		return;		/* whether a value that is overwritten is looked at is nobody's business */
	maybe_fault(r);
	rc = stoa_update(r->txn, r->table[t], row, slots, v, 2, &r->err);
	if (faulted(r, rc))
		return;
	if (bad) {
		assert_int_equal(rc, STOA_ENOTFOUND);
		return;
	}
	ok(r, rc);
	for (size_t i = 0; i < 2; i++)
		r->now->object[t][row].cell[slots[i]] = cell[i];
}

static void step_delete(struct run *r)
{
	int t = (int)below(r, TABLES);
	uint64_t row = any_row(r, t);
	struct object *o = &r->now->object[t][row];
	int rc;

	if (!row)
		return;
	if (r->n_deletes_withheld && t != OWNER) {
		r->n_deletes_withheld--;
		return;
	}
	maybe_fault(r);
	rc = stoa_delete(r->txn, r->table[t], row, &r->err);
	if (faulted(r, rc))
		return;
	if (!o->member) {
		assert_int_equal(rc, STOA_ENOTFOUND);
		return;
	}
	ok(r, rc);
	o->member = false;
	o->exists = o->holds || count_of(r->now, t, row);
}

static void release(struct run *r, struct handle *x)
{
	if (x->strong && !x->is_void)
		(r->txn ? r->now : r->committed)->object[x->table][x->row].holds--;
	stoa_row_release(x->h);
	memset(x, 0, sizeof *x);
}

static void step_handle(struct run *r)
{
	struct handle *x = &r->handle[below(r, HANDLES)];
	int t = (int)below(r, TABLES);
	uint64_t row;
	int rc;

	if (x->h) {
		release(r, x);
		return;
	}
	row = any_row(r, t);
	if (!row)
		return;
	*x = (struct handle){ NULL, t, row, below(r, 2), true, false };
	maybe_fault(r);
	rc = x->strong ? stoa_row_hold(r->txn, r->table[t], row, &x->h, &r->err) :
			 stoa_row_weak(r->txn, r->table[t], row, &x->h, &r->err);
	if (faulted(r, rc))
		return;
	ok(r, rc);
	if (x->strong)
		r->now->object[t][row].holds++;
}

static void step_savepoint(struct run *r)
{
	if (r->n_marks == MARKS)
		return;
	ok(r, stoa_savepoint(r->txn, &r->marks[r->n_marks], &r->err));
	copy(r->mark[r->n_marks++], r->now);
}

static void step_rollback(struct run *r)
{
	size_t at;

	if (!r->n_marks)
		return;
	at = below(r, r->n_marks);
	ok(r, stoa_rollback_to(r->txn, r->marks[at], &r->err));
	copy(r->now, r->mark[at]);
	r->n_marks = at + 1;
	recount_holds(r, r->now);
}

static void over(struct run *r)
{
	r->txn = NULL;
	r->n_marks = 0;
	recount_holds(r, r->committed);
	for (size_t i = 0; i < HANDLES; i++)
		r->handle[i].in_txn = false;
	compare_committed(r);
}

static void step_commit(struct run *r)
{
	int rc;

	maybe_fault(r);
	rc = stoa_commit(r->txn, &r->err);
	if (!faulted(r, rc)) {
		ok(r, rc);
		copy(r->committed, r->now);
		reap(r->committed);
	}
	over(r);
}

static void step_abort(struct run *r)
{
	stoa_abort(r->txn);
	over(r);
}

static void step_compare(struct run *r)
{
	compare(r, r->txn, r->now);
	compare_handles(r, r->txn, r->now);
}

/* A tail that is sealed in the middle of everything. */
static void step_seal(struct run *r)
{
	int t = (int)below(r, TABLES);
	struct stoa__table *table;

	assert_int_equal(stoa__table_own(r->txn->version, r->table[t], &table), STOA_OK);
	ok(r, stoa__table_seal(r->txn->version, table, &r->err));
}

static void begin(struct run *r)
{
	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
	copy(r->now, r->committed);
}

/* ---- the disk ---- */

/* The collector works when it is told to: the model knows no other time. */
static void open_db(struct run *r, const char *name)
{
	ok(r, stoa_open(r->dir ? testing_path(r->dir, name) : NULL, &r->options, &r->db, &r->err));
	ok(r, stoa_gc_enable(r->db, false, &r->err));
}

static void release_all(struct run *r)
{
	for (size_t i = 0; i < HANDLES; i++)
		if (r->handle[i].h)
			release(r, &r->handle[i]);
}

static void commit_nothing(struct run *r)
{
	stoa_txn *txn;

	ok(r, stoa_begin(r->db, STOA_WRITE, &txn, &r->err));
	ok(r, stoa_commit(txn, &r->err));
	reap(r->committed);
	compare_committed(r);
}

static void end_rewrite(struct run *r)
{
	stoa__rewrite_free(r->rewrite);
	r->rewrite = NULL;
}

static void end_settling(struct run *r)
{
	if (r->settling.v)
		stoa__settling_release(&r->settling);
	r->settling.v = NULL;
}

static void step_reopen(struct run *r)
{
	if (!r->dir)
		return;
	end_rewrite(r);
	end_settling(r);
	release_all(r);
	ok(r, stoa_close(r->db, &r->err));
	open_db(r, "db.stoa");
	compare_committed(r);
	commit_nothing(r);
}

/* What is on the disk now is what a crash would leave: another database is made of it. */
static void step_crash(struct run *r)
{
	char command[600];
	stoa_db *db = r->db;
	struct handle handle[HANDLES];

	if (!r->dir)
		return;
	commit_nothing(r);	/* a full commit takes the lazy ones of collections along */
	snprintf(command, sizeof command, "rm -rf '%s/crash.stoa' && cp -r '%s/db.stoa' '%s/crash.stoa'",
		 r->dir, r->dir, r->dir);
	assert_int_equal(system(command), 0);
	memcpy(handle, r->handle, sizeof handle);
	memset(r->handle, 0, sizeof r->handle);
	copy(r->now, r->committed);
	open_db(r, "crash.stoa");
	compare_committed(r);
	recount_holds(r, r->committed);		/* none: they went with the process */
	commit_nothing(r);
	ok(r, stoa_close(r->db, &r->err));
	ok(r, stoa_check(testing_path(r->dir, "crash.stoa"), NULL, NULL, &r->err));
	r->db = db;
	memcpy(r->handle, handle, sizeof handle);
	copy(r->committed, r->now);
}

static void step_checkpoint(struct run *r)
{
	ok(r, stoa_checkpoint(r->db, &r->err));
}

static void step_release(struct run *r)
{
	struct handle *x = &r->handle[below(r, HANDLES)];

	if (x->h)
		release(r, x);
}

/* A collection that memory cut short has done a part; the next one does the rest. */
static void step_collect(struct run *r)
{
	struct stoa__cycles done = { 0 };
	int rc;

	if (below(r, 4) == 0) {
		end_rewrite(r);
		ok(r, stoa_gc_collect(r->db, 2, NULL, &r->err));	/* compaction, too */
	}
	maybe_fault(r);
	rc = stoa__cycles_collect(r->db, &done, &r->err);
	if (faulted(r, rc))
		rc = stoa__cycles_collect(r->db, &done, &r->err);
	ok(r, rc);
	sweep(r->committed);
	compare_committed(r);
}

/* ---- compaction, act by act ---- */

/* Reads all groups of a table, in runs of a few. */
static void begin_rewrite(struct run *r)
{
	struct stoa__version *v = stoa__history_snapshot_quietly(&r->db->history);
	const struct stoa__table *t = stoa__table_find(v, r->table[below(r, TABLES)]);
	struct groups g;

	groups_list(t, &g);
	ok(r, stoa__rewrite_new(r->db, v, &r->rewrite, &r->err));
	r->is_read = r->is_rehearsed = false;
	r->at = 0;
	for (size_t i = 0, n; i < g.n; i += n) {
		n = 1 + below(r, 6);
		if (n > g.n - i)
			n = g.n - i;
		ok(r, stoa__rewrite_run(r->rewrite, t, g.group + i, n, below(r, 8) == 0, &r->err));
	}
	stoa__version_drop_quietly(v);
}

/* What has no lock to wait for, beside an open transaction too. */
static void step_rehearse(struct run *r)
{
	int rc;

	if (!r->rewrite) {
		begin_rewrite(r);
	} else if (!r->is_read) {
		ok(r, stoa__rewrite_finish(r->rewrite, &r->err));
		r->is_read = true;
	} else if (r->at < stoa__rewrite_n_runs(r->rewrite)) {
		maybe_fault(r);
		rc = stoa__rewrite_rehearse(r->rewrite, r->at, &r->err);
		r->is_rehearsed = true;
		if (!faulted(r, rc) && rc != STOA_ESTATE)
			ok(r, rc);
	} else {
		end_rewrite(r);
	}
}

/* The collector reads references in rows that were loaded, beside an open transaction too. */
static void step_meet(struct run *r)
{
	int rc;

	if (r->settling.v)
		return;
	maybe_fault(r);
	rc = stoa__settling_begin(r->db, 1 + below(r, 60), &r->settling, &r->err);
	if (!faulted(r, rc))
		ok(r, rc);
	if (rc < 0 || !r->settling.table)
		end_settling(r);
}

/* It counts them; or others, at once. */
static void step_settle(struct run *r)
{
	bool more, done;
	int rc;

	maybe_fault(r);
	stoa__writer_lock(r->db);
	if (r->settling.v)
		rc = stoa__settling_end(r->db, &r->settling, &done, &r->err);
	else
		rc = stoa__refs_settle_some(r->db, 1 + below(r, 30), &more, &r->err);
	stoa__writer_unlock(r->db);
	if (!faulted(r, rc))
		ok(r, rc);
	end_settling(r);
	compare_committed(r);
}

static void step_install(struct run *r)
{
	int rc;

	if (!r->rewrite || !r->is_rehearsed)
		return;
	maybe_fault(r);
	stoa__writer_lock(r->db);
	rc = stoa__rewrite_install(r->rewrite, r->at, &r->err);
	stoa__writer_unlock(r->db);
	if (!faulted(r, rc) && rc != STOA_ESTATE && rc != STOA_EBUSY)
		ok(r, rc);
	if (rc != STOA_EBUSY) {
		r->at++;
		r->is_rehearsed = false;
	}
	compare_committed(r);
}

/* ---- runs ---- */

struct choice {
	unsigned weight;
	void (*step)(struct run *r);
};

static const struct choice inside[] = {
	{ 30, step_insert },   { 2, step_load },    { 25, step_update }, { 25, step_delete }, { 6, step_handle },
	{ 2, step_savepoint }, { 2, step_rollback }, { 4, step_commit }, { 1, step_abort },
	{ 1, step_compare },   { 1, step_seal },    { 2, step_rehearse }, { 2, step_meet },
	{ 0, NULL },
};

static const struct choice outside[] = {
	{ 20, begin },	      { 3, step_checkpoint }, { 3, step_release },
	{ 1, step_reopen },   { 1, step_crash },      { 2, step_collect },
	{ 4, step_rehearse }, { 8, step_install },    { 4, step_meet }, { 6, step_settle },
	{ 0, NULL },
};

static void step(struct run *r)
{
	const struct choice *c = r->txn ? inside : outside;
	unsigned sum = 0;
	uint64_t x;

	for (size_t i = 0; c[i].step; i++)
		sum += c[i].weight;
	for (x = below(r, sum); x >= c->weight; c++)
		x -= c->weight;
	c->step(r);
}

static void create(struct run *r)
{
	static const int order[TABLES] = { LEAF, NODE, OWNER };

	begin(r);
	for (int i = 0; i < TABLES; i++) {
		const struct shape *shape = &shapes[order[i]];
		struct stoa_slot slots[SLOTS] = { 0 };

		for (size_t s = 0; s < shape->n_slots; s++) {
			int target = shape->slot[s].target;

			slots[s].name = shape->slot[s].name;
			slots[s].type = target < 0 ? STOA_U64 :
					shape->slot[s].weak ? STOA_WEAK_REF : STOA_REF;
			if (target >= 0 && target != order[i])
				slots[s].target = r->table[target];
		}
		/* The leaf's weak slot is to a table that comes later. */
		size_t n = order[i] == LEAF ? 1 : shape->n_slots;

		ok(r, stoa_table_create(r->txn, shape->name, slots, n, &r->table[order[i]], &r->err));
		r->now->next[order[i]] = 1;
	}
	struct stoa_slot w = { .name = "w", .type = STOA_WEAK_REF, .target = r->table[NODE] };

	ok(r, stoa_slot_add(r->txn, r->table[LEAF], &w, &r->err));
	ok(r, stoa_commit(r->txn, &r->err));
	copy(r->committed, r->now);
	over(r);
}

static struct heap *heap_new(void)
{
	struct heap *h = calloc(1, sizeof *h);

	assert_non_null(h);
	for (int t = 0; t < TABLES; t++)
		h->next[t] = 1;
	return h;
}

static void run(uint64_t seed, bool durable, unsigned n_steps)
{
	static struct run r;

	memset(&r, 0, sizeof r);
	r.rng = seed;
	r.n_deletes_withheld = seed % 2 ? below(&r, 1500) : 0;
	r.options = (struct stoa_options)STOA_OPTIONS_INIT;
	r.dir = durable ? testing_tempdir() : NULL;
	r.committed = heap_new();
	r.now = heap_new();
	for (size_t i = 0; i < MARKS; i++)
		r.mark[i] = heap_new();
	open_db(&r, "db.stoa");
	create(&r);
	for (unsigned i = 0; i < n_steps; i++)
		step(&r);
	if (r.txn)
		step_abort(&r);
	end_rewrite(&r);
	end_settling(&r);
	release_all(&r);
	commit_nothing(&r);
	ok(&r, stoa_close(r.db, &r.err));
	free(r.committed);
	free(r.now);
	for (size_t i = 0; i < MARKS; i++)
		free(r.mark[i]);
	testing_rmtree(r.dir);
}

static void runs(bool durable, unsigned n_runs, unsigned n_steps)
{
	uint64_t seed = testing_seed();

	if (testing_long())
		n_runs *= 20;
	for (unsigned i = 0; i < n_runs; i++)
		run(seed + i, durable, n_steps);
}

static void rows_in_memory_live_and_die_as_objects_do(void **state)
{
	(void)state;
	runs(false, 4, 5000);
}

static void rows_on_disk_live_and_die_as_objects_do(void **state)
{
	(void)state;
	runs(true, 4, 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_in_memory_live_and_die_as_objects_do),
		cmocka_unit_test(rows_on_disk_live_and_die_as_objects_do),
	};

	testing_in_memory();
	stoa__tail_rows_min = 5;	/* so that tails go with their last rows */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
