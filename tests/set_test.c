/* SPDX-License-Identifier: MIT */
/*
 * set_test.c - the set index against a plain list of rows
 *
 * Random inserts, updates, deletes, appends, savepoints, rollbacks, aborts, commits, checkpoints,
 * schema changes (which seal tails) and reopenings of a table with a unique index, one that is not,
 * and one over two slots; after each step keys are looked up in all of them, and whatever the list
 * says must be found, in the transaction and in snapshots that were taken before.
 */
#include "testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/db.h"
#include "../lib/set.h"
#include "../lib/set_run.h"
#include "../lib/stoa.h"

#define KEYS 700	/* values of the unique slot */
#define NAMES 40	/* of the string */
#define SNAPSHOTS 3
#define OPEN 3

struct row {
	stoa_rowid id;
	int64_t key;	/* -1: NULL */
	int name;	/* -1: NULL */
	int number;
};

struct list {
	struct row *row;
	size_t n, cap;
};

static void list_copy(struct list *to, const struct list *from)
{
	free(to->row);
	to->n = to->cap = from->n;
	to->row = calloc(from->n + 1, sizeof *to->row);
	if (from->n)
		memcpy(to->row, from->row, from->n * sizeof *to->row);
}

static void list_add(struct list *l, struct row row)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->row = realloc(l->row, l->cap * sizeof *l->row);
	}
	l->row[l->n++] = row;
}

static void list_remove(struct list *l, size_t at)
{
	l->n--;
	memmove(&l->row[at], &l->row[at + 1], (l->n - at) * sizeof *l->row);
}

static const struct row *find_key(const struct list *l, int64_t key, stoa_rowid but)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->row[i].key == key && key >= 0 && l->row[i].id != but)
			return &l->row[i];
	return NULL;
}

struct run {
	uint64_t seed;
	char *dir;	/* NULL: in memory */
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;
	stoa_index by_key, by_name, by_both;
	struct list now, committed;
	struct list mark;
	uint32_t savepoint;
	int n_slots;
	struct snapshot {
		stoa_txn *txn;
		struct list rows;
	} snapshot[SNAPSHOTS];
	struct open {
		stoa_set *by_key, *by_name, *by_both;
		struct list rows;
		unsigned moment;	/* of its opening; 0: that is committed */
		bool gone;
	} open[OPEN];
	unsigned moment, mark_moment;
	struct stoa_error err;
};

static uint64_t below(struct run *r, uint64_t n)
{
	return testing_below(&r->seed, n);
}

static void ok(const struct run *r, int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), r->err.text);
}

static struct stoa_value key_value(int64_t key)
{
	return key < 0 ? stoa_null() : stoa_u64((uint64_t)key * 1000003);
}

static const char *name_text(int name)
{
	static char text[NAMES][64];

	snprintf(text[name], sizeof text[name], "a name that is number %d", name);
	return text[name];
}

static struct stoa_value name_value(int name)
{
	return name < 0 ? stoa_null() : stoa_text(name_text(name));
}

static struct row random_row(struct run *r)
{
	struct row row = { 0, (int64_t)below(r, KEYS), (int)below(r, NAMES), (int)below(r, 5) };

	if (below(r, 20) == 0)
		row.key = -1;
	if (below(r, 20) == 0)
		row.name = -1;
	return row;
}

static void begin(struct run *r)
{
	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
	r->savepoint = 0;
}

/* ---- looking ---- */

static void check_key(struct run *r, stoa_txn *txn, const struct list *l, int64_t key)
{
	const struct row *row = find_key(l, key, 0);
	struct stoa_value v = key_value(key);
	stoa_rowid found = 0;
	int rc = stoa_set_find(txn, r->table, r->by_key, &v, 1, &found, &r->err);

	ok(r, rc);
	assert_int_equal(rc, row ? STOA_ROW : STOA_END);
	assert_int_equal(found, row ? row->id : 0);
}

static void check_rows(struct run *r, stoa_txn *txn, const struct list *l, stoa_index index,
		       const struct stoa_value *v, size_t n, int name, int number)
{
	stoa_rowid found[4096];
	size_t n_found, at = 0;

	ok(r, stoa_set_rows(txn, r->table, index, v, n, found, 4096, &n_found, &r->err));
	for (size_t i = 0; i < l->n; i++)
		if (name >= 0 && l->row[i].name == name && (number < 0 || l->row[i].number == number)) {
			assert_true(at < n_found);
			assert_int_equal(found[at++], l->row[i].id);
		}
	assert_int_equal(at, n_found);
}

static void check_name(struct run *r, stoa_txn *txn, const struct list *l, int name, int number)
{
	struct stoa_value v[] = { name_value(name), stoa_i64(number) };

	check_rows(r, txn, l, r->by_name, v, 1, name, -1);
	check_rows(r, txn, l, r->by_both, v, 2, name, number);
}

/* Every key at once. */
static void check_many(struct run *r, stoa_txn *txn, const struct list *l)
{
	uint64_t keys[KEYS + 100], found[STOA__WORDS(KEYS + 100)];
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	stoa_rowid rows[KEYS + 100];

	for (int i = 0; i < KEYS + 100; i++)
		keys[i] = (uint64_t)i * 1000003;
	ok(r, stoa_set_find_many(txn, r->table, r->by_key, &a, 1, KEYS + 100, found, rows, &r->err));
	for (int i = 0; i < KEYS + 100; i++) {
		const struct row *row = find_key(l, i, 0);

		assert_int_equal(stoa__bit_get(found, (size_t)i), row != NULL);
		assert_int_equal(rows[i], row ? row->id : 0);
	}
}

/* ---- open sets ---- */

static void close_sets(struct open *o)
{
	stoa_set_close(o->by_key);
	stoa_set_close(o->by_name);
	stoa_set_close(o->by_both);
	o->by_key = o->by_name = o->by_both = NULL;
}

static void open_sets(struct run *r, stoa_txn *txn, struct open *o)
{
	close_sets(o);
	ok(r, stoa_set_open(txn, r->table, r->by_key, &o->by_key, &r->err));
	ok(r, stoa_set_open(txn, r->table, r->by_name, &o->by_name, &r->err));
	ok(r, stoa_set_open(txn, r->table, r->by_both, &o->by_both, &r->err));
	o->gone = false;
}

static const struct row *find_row(const struct list *l, stoa_rowid id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->row[i].id == id)
			return &l->row[i];
	return NULL;
}

static bool any_row(const struct list *l, int name, int number)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->row[i].name == name && (number < 0 || l->row[i].number == number))
			return true;
	return false;
}

/* A set over names, or names and numbers, finds a row that has both, if there is one. */
static void check_found(const struct list *l, int rc, stoa_rowid found, int name, int number)
{
	const struct row *row = find_row(l, found);

	assert_int_equal(rc, any_row(l, name, number) ? STOA_ROW : STOA_END);
	if (rc == STOA_ROW)
		assert_true(row && row->name == name && (number < 0 || row->number == number));
}

static void check_open_one(struct run *r, struct open *o)
{
	int64_t key = (int64_t)below(r, KEYS);
	int name = (int)below(r, NAMES), number = (int)below(r, 6);
	struct stoa_value k = key_value(key), v[] = { name_value(name), stoa_i64(number) };
	const struct row *row = find_key(&o->rows, key, 0);
	stoa_rowid found = 0;
	int rc = stoa_set_has(o->by_key, &k, 1, &found, &r->err);

	ok(r, rc);
	assert_int_equal(rc, row ? STOA_ROW : STOA_END);
	assert_int_equal(found, row ? row->id : 0);
	k = stoa_decimal((int64_t)k.u, 0);
	assert_int_equal(stoa_set_has(o->by_key, &k, 1, NULL, &r->err), rc);
	rc = stoa_set_has(o->by_name, v, 1, &found, &r->err);
	check_found(&o->rows, rc, found, name, -1);
	k.type = STOA_TYPE_DEFAULT;
	assert_int_equal(stoa_set_has(o->by_name, &k, 1, NULL, &r->err), STOA_END);
	rc = stoa_set_has(o->by_both, v, 2, &found, &r->err);
	check_found(&o->rows, rc, found, name, number);
}

/* All keys and names at once, with a NULL here and there. */
static void check_open_many(struct run *r, struct open *o)
{
	uint64_t keys[KEYS + 100], found[STOA__WORDS(KEYS + 100)], valid[STOA__WORDS(KEYS + 100)];
	struct stoa_bytes names[KEYS + 100];
	int64_t numbers[KEYS + 100];
	struct stoa_array k = { STOA_U64, 0, keys, below(r, 2) ? valid : NULL };
	struct stoa_array v[] = { { STOA_STRING, 0, names, below(r, 2) ? valid : NULL },
				  { STOA_I64, 0, numbers, NULL } };
	stoa_rowid rows[KEYS + 100], by_both[KEYS + 100];
	size_t n = below(r, KEYS + 101);

	memset(valid, 0xff, sizeof valid);
	for (size_t i = 0; i < n; i++) {
		names[i] = (struct stoa_bytes){ name_text((int)i % NAMES),
						(uint32_t)strlen(name_text((int)i % NAMES)) };
		numbers[i] = (int64_t)i % 6;
		keys[i] = (uint64_t)i * 1000003;
		if (!below(r, 10))
			stoa__bit_clear(valid, i);
	}
	ok(r, stoa_set_has_many(o->by_key, &k, 1, n, found, rows, &r->err));
	for (size_t i = 0; i < n; i++) {
		bool null = k.validity && !stoa__bit_get(valid, i);
		const struct row *row = null ? NULL : find_key(&o->rows, (int64_t)i, 0);

		assert_int_equal(stoa__bit_get(found, i), row != NULL);
		assert_int_equal(rows[i], row ? row->id : 0);
	}
	ok(r, stoa_set_has_many(o->by_name, v, 1, n, NULL, rows, &r->err));
	ok(r, stoa_set_has_many(o->by_both, v, 2, n, NULL, by_both, &r->err));
	for (size_t i = 0; i < n; i++) {
		int name = v[0].validity && !stoa__bit_get(valid, i) ? -2 : (int)i % NAMES;

		check_found(&o->rows, rows[i] ? STOA_ROW : STOA_END, rows[i], name, -1);
		check_found(&o->rows, by_both[i] ? STOA_ROW : STOA_END, by_both[i], name, (int)i % 6);
	}
}

/* ---- algebra ---- */

/* Which keys, or names, a list has. */
static void members(const struct list *l, bool names, bool has[KEYS])
{
	memset(has, 0, KEYS * sizeof *has);
	for (size_t i = 0; i < l->n; i++) {
		int64_t key = names ? l->row[i].name : l->row[i].key;

		if (key >= 0)
			has[key] = true;
	}
}

static bool combined(int operation, bool a, bool b)
{
	switch (operation) {
	case STOA_SET_UNION: return a || b;
	case STOA_SET_INTERSECTION: return a && b;
	case STOA_SET_DIFFERENCE: return a && !b;
	default: return a != b;
	}
}

static int64_t key_of(const struct stoa_value *v, bool names)
{
	for (int name = 0; names && name < NAMES; name++)
		if (v->len == strlen(name_text(name)) && !memcmp(v->p, name_text(name), v->len))
			return name;
	return names ? -1 : (int64_t)(v->u / 1000003);
}

static void check_combined(struct run *r, struct open *a, struct open *b)
{
	int operation = 1 + (int)below(r, 4);
	bool names = below(r, 2), in_a[KEYS], in_b[KEYS], seen[KEYS] = { false };
	const struct stoa_value *v;
	stoa_cursor *cur;
	int rc;

	members(&a->rows, names, in_a);
	members(&b->rows, names, in_b);
	ok(r, stoa_set_combine(names ? a->by_name : a->by_key, names ? b->by_name : b->by_key,
			       operation, &cur, &r->err));
	while ((rc = stoa_next(cur, &v, &r->err)) == STOA_ROW) {
		int64_t key = key_of(v, names);

		assert_true(key >= 0 && !seen[key] && stoa_cursor_rowid(cur));
		seen[key] = true;
	}
	ok(r, rc);
	for (int k = 0; k < KEYS; k++)
		assert_int_equal(seen[k], combined(operation, in_a[k], in_b[k]));
	stoa_cursor_close(cur);
}

static void step_combine(struct run *r)
{
	struct open *a = &r->open[below(r, OPEN)], *b = &r->open[below(r, OPEN)];

	if (a->by_key && b->by_key && !a->gone && !b->gone)
		check_combined(r, a, b);
}

static void check_open(struct run *r, struct open *o)
{
	struct stoa_value v = stoa_u64(0);

	if (!o->by_key)
		return;
	if (o->gone) {
		assert_int_equal(stoa_set_has(o->by_key, &v, 1, NULL, &r->err), STOA_ESTATE);
		close_sets(o);
		return;
	}
	for (int i = 0; i < 20; i++)
		check_open_one(r, o);
	check_open_many(r, o);
}

/* What a query counts that goes by an index must be what the list has. */
static void check_sql(struct run *r, stoa_txn *txn, const struct list *l)
{
	int64_t key = (int64_t)below(r, KEYS);
	int name = (int)below(r, NAMES), number = (int)below(r, 5);
	const struct stoa_value *row;
	stoa_cursor *cur;
	char sql[512];
	int64_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += (l->row[i].key == key && key >= 0) ||
		     (l->row[i].name == name && (l->row[i].number == number || l->row[i].number == 7));
	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM (SELECT rowid FROM t WHERE key = %" PRId64
		 " UNION SELECT rowid FROM t WHERE name = '%s' AND number IN (%d, 7)) AS u",
		 key * 1000003, name_text(name), number);
	ok(r, stoa_query(txn, sql, &cur, &r->err));
	ok(r, stoa_next(cur, &row, &r->err));
	assert_int_equal(row[0].i, n);
	stoa_cursor_close(cur);
}

static void check_some(struct run *r, stoa_txn *txn, const struct list *l)
{
	if (!below(r, 8))
		check_sql(r, txn, l);
	for (int i = 0; i < 5; i++) {
		check_key(r, txn, l, (int64_t)below(r, KEYS));
		check_name(r, txn, l, (int)below(r, NAMES), (int)below(r, 5));
	}
	check_name(r, txn, l, -1, 0);
}

static void check_all(struct run *r)
{
	check_many(r, r->txn, &r->now);
	for (int k = 0; k < NAMES; k++)
		check_name(r, r->txn, &r->now, k, k % 5);
}

/* ---- steps ---- */

/* A change fails now and then for want of memory: then nothing has happened. */
static int with_faults(struct run *r, int (*change)(struct run *r, void *ctx), void *ctx)
{
	bool fired;
	int rc;

	if (below(r, 8))
		return change(r, ctx);
	stoa__fault_arm((long)below(r, 12), false);
	rc = change(r, ctx);
	fired = stoa__fault_disarm();
	if (rc == STOA_ENOMEM)
		assert_true(fired);
	return rc;
}

struct insertion {
	struct row *row;
};

static int do_insert(struct run *r, void *ctx)
{
	struct row *row = ctx;
	struct stoa_value v[8] = { key_value(row->key), name_value(row->name),
				   stoa_i64(row->number) };

	for (int i = 3; i < r->n_slots; i++)
		v[i] = stoa_i64(i);
	return stoa_insert(r->txn, r->table, v, (size_t)r->n_slots, &row->id, &r->err);
}

static void step_insert(struct run *r)
{
	struct row row = random_row(r);
	int rc = with_faults(r, do_insert, &row);

	if (rc == STOA_ENOMEM)
		return;
	if (find_key(&r->now, row.key, 0)) {
		assert_int_equal(rc, STOA_EEXIST);
		return;
	}
	ok(r, rc);
	list_add(&r->now, row);
}

struct update {
	stoa_rowid id;
	struct row to;
	uint32_t slots[3];
	size_t n;
};

static int do_update(struct run *r, void *ctx)
{
	struct update *u = ctx;
	struct stoa_value all[] = { key_value(u->to.key), name_value(u->to.name),
				    stoa_i64(u->to.number) };
	struct stoa_value v[3];

	for (size_t i = 0; i < u->n; i++)
		v[i] = all[u->slots[i]];
	return stoa_update(r->txn, r->table, u->id, u->slots, v, u->n, &r->err);
}

static void step_update(struct run *r)
{
	struct update u = { 0 };
	struct row *row;
	int rc;

	if (!r->now.n)
		return;
	row = &r->now.row[below(r, r->now.n)];
	u.id = row->id;
	u.to = *row;
	for (uint32_t s = 0; s < 3; s++) {
		struct row other = random_row(r);

		if (below(r, 2))
			continue;
		u.slots[u.n++] = s;
		if (s == 0)
			u.to.key = other.key;
		else if (s == 1)
			u.to.name = other.name;
		else
			u.to.number = other.number;
	}
	rc = with_faults(r, do_update, &u);
	if (rc == STOA_ENOMEM)
		return;
	if (find_key(&r->now, u.to.key, u.id)) {
		assert_int_equal(rc, STOA_EEXIST);
		return;
	}
	ok(r, rc);
	*row = u.to;
}

static void step_delete(struct run *r)
{
	size_t at;

	if (!r->now.n)
		return;
	at = below(r, r->now.n);
	ok(r, stoa_delete(r->txn, r->table, r->now.row[at].id, &r->err));
	list_remove(&r->now, at);
}

static void step_open(struct run *r)
{
	struct open *o = &r->open[below(r, OPEN)];

	open_sets(r, r->txn, o);
	list_copy(&o->rows, &r->now);
	o->moment = ++r->moment;
}

static void step_ask(struct run *r)
{
	check_open(r, &r->open[below(r, OPEN)]);
}

/* Everything since @moment is undone. */
static void undo_open(struct run *r, unsigned moment)
{
	for (int k = 0; k < OPEN; k++)
		r->open[k].gone |= r->open[k].moment > moment;
}

static void drop_open(struct run *r)
{
	for (int k = 0; k < OPEN; k++)
		close_sets(&r->open[k]);
}

static void step_savepoint(struct run *r)
{
	r->mark_moment = r->moment;
	ok(r, stoa_savepoint(r->txn, &r->savepoint, &r->err));
	list_copy(&r->mark, &r->now);
}

static void step_rollback(struct run *r)
{
	if (!r->savepoint)
		return;
	ok(r, stoa_rollback_to(r->txn, r->savepoint, &r->err));
	undo_open(r, r->mark_moment);
	list_copy(&r->now, &r->mark);
}

static void step_commit(struct run *r)
{
	ok(r, stoa_commit(r->txn, &r->err));
	list_copy(&r->committed, &r->now);
	for (int k = 0; k < OPEN; k++)
		r->open[k].moment = 0;
	begin(r);
}

static int count_slots(struct run *r)
{
	struct stoa_table_info info;

	ok(r, stoa_table_info(r->txn, r->table, &info, &r->err));
	return (int)info.n_slots;
}

static void step_abort(struct run *r)
{
	stoa_abort(r->txn);
	undo_open(r, 0);
	list_copy(&r->now, &r->committed);
	begin(r);
	r->n_slots = count_slots(r);
}

static void step_seal(struct run *r)
{
	static const struct stoa_slot more = { .name = "more", .type = STOA_I64 };

	if (r->n_slots == 3)
		ok(r, stoa_slot_add(r->txn, r->table, &more, &r->err));
	else
		ok(r, stoa_slot_drop(r->txn, r->table, "more", &r->err));
	r->savepoint = 0;
	r->n_slots = count_slots(r);
}

static void step_snapshot(struct run *r)
{
	struct snapshot *s = &r->snapshot[below(r, SNAPSHOTS)];

	stoa_abort(s->txn);
	ok(r, stoa_begin(r->db, STOA_READ, &s->txn, &r->err));
	list_copy(&s->rows, &r->committed);
}

static void step_look_back(struct run *r)
{
	struct snapshot *s = &r->snapshot[below(r, SNAPSHOTS)];
	struct open o = { 0 };

	if (!s->txn)
		return;
	open_sets(r, s->txn, &o);
	o.rows = s->rows;
	check_open(r, &o);
	close_sets(&o);
	check_some(r, s->txn, &s->rows);
	check_many(r, s->txn, &s->rows);
}

static void drop_snapshots(struct run *r)
{
	for (int k = 0; k < SNAPSHOTS; k++) {
		stoa_abort(r->snapshot[k].txn);
		r->snapshot[k].txn = NULL;
	}
}

static void open_again(struct run *r)
{
	ok(r, stoa_open(r->dir ? testing_path(r->dir, "set.stoa") : NULL, NULL, &r->db, &r->err));
}

static void step_reopen(struct run *r)
{
	if (!r->dir)
		return;
	drop_snapshots(r);
	drop_open(r);
	step_commit(r);
	stoa_abort(r->txn);
	ok(r, stoa_close(r->db, &r->err));
	open_again(r);
	begin(r);
	check_all(r);
}

static void step_checkpoint(struct run *r)
{
	if (!r->dir)
		return;
	step_commit(r);
	stoa_abort(r->txn);
	ok(r, stoa_checkpoint(r->db, &r->err));
	begin(r);
}

/* Appends a few rows by arrays: all or none. */
static void step_append(struct run *r)
{
	uint64_t keys[40], validity = ~(uint64_t)0;
	int64_t numbers[40], more[40] = { 0 };
	struct stoa_bytes names[40];
	struct row rows[40];
	size_t n = 1 + below(r, 40);
	stoa_appender *app;
	bool clash = false;
	struct stoa_array a[] = { { STOA_U64, 0, keys, &validity }, { STOA_STRING, 0, names, NULL },
				  { STOA_I64, 0, numbers, NULL }, { STOA_I64, 0, more, NULL } };
	struct stoa_table_info info;
	int rc, policy = (int)below(r, 3);

	for (size_t i = 0; i < n; i++) {
		rows[i] = random_row(r);
		if (rows[i].name < 0)
			rows[i].name = 0;
		/* A clash now and then, not always. */
		while (below(r, 30) && find_key(&r->now, rows[i].key, 0) && r->now.n < KEYS / 2)
			rows[i].key = (int64_t)below(r, KEYS);
		clash |= find_key(&r->now, rows[i].key, 0) != NULL;
		for (size_t j = 0; j < i; j++)
			clash |= rows[i].key >= 0 && rows[j].key == rows[i].key;
		keys[i] = rows[i].key < 0 ? 0 : key_value(rows[i].key).u;
		if (rows[i].key < 0)
			stoa__bit_clear(&validity, i);
		names[i] = (struct stoa_bytes){ name_text(rows[i].name),
						(uint32_t)strlen(name_text(rows[i].name)) };
		numbers[i] = rows[i].number;
	}
	ok(r, stoa_table_info(r->txn, r->table, &info, &r->err));
	ok(r, stoa_appender_open(r->txn, r->table, &app, &r->err));
	ok(r, stoa_appender_on_conflict(app, r->by_key, policy, &r->err));
	ok(r, stoa_append(app, a, (size_t)r->n_slots, n, &r->err));
	rc = stoa_appender_close(app, &r->err);
	if (clash && policy == STOA_CONFLICT_ERROR) {
		assert_int_equal(rc, STOA_EEXIST);
		return;
	}
	ok(r, rc);
	for (size_t i = 0; i < n; i++) {
		const struct row *other = find_key(&r->now, rows[i].key, 0);

		if (other && policy == STOA_CONFLICT_IGNORE)
			continue;
		if (other)
			list_remove(&r->now, (size_t)(other - r->now.row));
		rows[i].id = info.next_rowid++;
		list_add(&r->now, rows[i]);
	}
}

static void step(struct run *r)
{
	static const struct {
		unsigned weight;
		void (*step)(struct run *r);
	} steps[] = {
		{ 50, step_insert }, { 30, step_update }, { 25, step_delete }, { 4, step_append },
		{ 3, step_savepoint }, { 3, step_rollback }, { 6, step_commit }, { 2, step_abort },
		{ 2, step_seal }, { 2, step_snapshot }, { 3, step_look_back }, { 2, step_checkpoint },
		{ 1, step_reopen }, { 4, step_open }, { 6, step_ask },
		{ 6, step_combine },
	};
	unsigned sum = 0, pick;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		sum += steps[i].weight;
	pick = (unsigned)below(r, sum);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (pick < steps[i].weight) {
			steps[i].step(r);
			break;
		}
		pick -= steps[i].weight;
	}
	check_some(r, r->txn, &r->now);
}

static stoa_index make_index(struct run *r, const char *name, uint32_t flags,
			     const uint32_t *slots, size_t n)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	stoa_index index;

	o.name = name;
	o.kind = STOA_INDEX_SET;
	o.flags = flags;
	o.slots = slots;
	o.n_slots = n;
	ok(r, stoa_index_create(r->txn, r->table, &o, &index, &r->err));
	return index;
}

static void make_table(struct run *r)
{
	static const struct stoa_slot slots[] = {
		{ .name = "key", .type = STOA_U64 },
		{ .name = "name", .type = STOA_STRING },
		{ .name = "number", .type = STOA_I64 },
	};

	ok(r, stoa_table_create(r->txn, "t", slots, 3, &r->table, &r->err));
	r->n_slots = 3;
	r->by_key = make_index(r, "by_key", STOA_INDEX_UNIQUE, (uint32_t[]){ 0 }, 1);
	r->by_name = make_index(r, "by_name", 0, (uint32_t[]){ 1 }, 1);
	r->by_both = make_index(r, NULL, 0, (uint32_t[]){ 1, 2 }, 2);
}

static void run_model(bool durable)
{
	struct run r = { .seed = testing_seed() };
	int n = testing_long() ? 40000 : 4000;

	stoa__set_run_rows_min = 50;
	if (durable) {
		testing_in_memory();
		r.dir = testing_tempdir();
	}
	open_again(&r);
	begin(&r);
	make_table(&r);
	step_commit(&r);
	for (int i = 0; i < n; i++)
		step(&r);
	check_all(&r);
	step_reopen(&r);
	drop_snapshots(&r);
	drop_open(&r);
	stoa_abort(r.txn);
	ok(&r, stoa_close(r.db, &r.err));
	if (durable)
		ok(&r, stoa_check(testing_path(r.dir, "set.stoa"), NULL, NULL, &r.err));
	testing_rmtree(r.dir);
	for (int k = 0; k < SNAPSHOTS; k++)
		free(r.snapshot[k].rows.row);
	for (int k = 0; k < OPEN; k++)
		free(r.open[k].rows.row);
	free(r.now.row);
	free(r.committed.row);
	free(r.mark.row);
}

static void a_set_on_disk_finds_what_a_list_does(void **state)
{
	(void)state;
	run_model(true);
}

static void a_set_in_memory_finds_what_a_list_does(void **state)
{
	(void)state;
	run_model(false);
}

/* ---- queries ---- */

static void queries_go_by_the_index_that_suits_them(void **state)
{
	struct run r = { .seed = 1 };
	struct stoa_value keys[] = { stoa_i64(2 * 1000003), stoa_i64(4 * 1000003), stoa_i64(-1) };
	struct stoa_value name = stoa_text(name_text(3)), number = stoa_i64(3);
	struct stoa__equal equal[] = { { 0, 3, keys }, { 1, 1, &name }, { 2, 1, &number } };
	struct stoa__row_list list;
	struct stoa__table *t;

	(void)state;
	open_again(&r);
	begin(&r);
	make_table(&r);
	for (int k = 0; k < 10; k++) {
		struct row row = { 0, k, k % NAMES, k };

		ok(&r, do_insert(&r, &row));
	}
	t = stoa__table_find(r.txn->version, r.table);
	assert_int_equal(stoa__set_choose(t, equal, 3, &list, &r.err), STOA_ROW);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.p[0], 3);
	assert_int_equal(list.p[1], 5);
	stoa__free((void *)(uintptr_t)list.p);
	assert_int_equal(stoa__set_choose(t, &equal[1], 2, &list, &r.err), STOA_ROW);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.p[0], 4);
	stoa__free((void *)(uintptr_t)list.p);
	assert_int_equal(stoa__set_choose(t, &equal[2], 1, &list, &r.err), STOA_END);
	stoa_abort(r.txn);
	ok(&r, stoa_close(r.db, &r.err));
}

/* ---- memory ---- */

/* Each allocation of making an index fails in turn: there is none then, and all goes on. */
static void an_index_is_made_whole_or_not_at_all_when_memory_runs_out(void **state)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct run r = { .seed = 1 };
	uint32_t slot = 1;
	bool fired = true;

	(void)state;
	open_again(&r);
	begin(&r);
	make_table(&r);
	for (int k = 0; k < 600; k++) {
		struct row row = { 0, k, k % NAMES, k };

		ok(&r, do_insert(&r, &row));
	}
	step_seal(&r);
	o.name = "new";
	o.kind = STOA_INDEX_SET;
	o.slots = &slot;
	o.n_slots = 1;
	for (long nth = 0; fired; nth++) {
		struct stoa_value name = name_value(7);
		stoa_index index = 0;
		size_t n = 0;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_index_create(r.txn, r.table, &o, &index, &r.err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		assert_int_equal(stoa_index_find(r.txn, r.table, "new", &index, &r.err),
				 fired ? STOA_ENOTFOUND : STOA_OK);
		ok(&r, stoa_set_rows(r.txn, r.table, fired ? r.by_name : index, &name, 1, NULL, 0,
				     &n, &r.err));
		assert_int_equal(n, 600 / NAMES);
	}
	stoa_abort(r.txn);
	ok(&r, stoa_close(r.db, &r.err));
}

static void a_set_opens_whole_or_not_at_all_when_memory_runs_out(void **state)
{
	struct run r = { .seed = 1 };
	bool fired = true;

	(void)state;
	open_again(&r);
	begin(&r);
	make_table(&r);
	for (int k = 0; k < 600; k++) {
		struct row row = { 0, k, k % NAMES, k };

		ok(&r, do_insert(&r, &row));
	}
	for (long nth = 0; fired; nth++) {
		struct stoa_value key = key_value(7);
		stoa_rowid row = 0;
		stoa_set *set;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_set_open(r.txn, r.table, r.by_key, &set, &r.err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		assert_true(fired == !set);
		assert_true(fired || stoa_set_has(set, &key, 1, &row, &r.err) == STOA_ROW);
		stoa_set_close(set);
	}
	stoa_abort(r.txn);
	ok(&r, stoa_close(r.db, &r.err));
}

static void combining_is_whole_or_not_at_all_when_memory_runs_out(void **state)
{
	struct run r = { .seed = 1 };
	bool fired = true;
	stoa_set *a, *b;

	(void)state;
	open_again(&r);
	begin(&r);
	make_table(&r);
	for (int k = 0; k < 600; k++) {
		struct row row = { 0, k, k % NAMES, k };

		ok(&r, do_insert(&r, &row));
	}
	ok(&r, stoa_set_open(r.txn, r.table, r.by_key, &a, &r.err));
	ok(&r, stoa_delete(r.txn, r.table, 7, &r.err));
	ok(&r, stoa_set_open(r.txn, r.table, r.by_key, &b, &r.err));
	for (long nth = 0; fired; nth++) {
		const struct stoa_value *v;
		stoa_cursor *cur;
		uint64_t n = 0;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_set_combine(a, b, STOA_SET_SYMMETRIC_DIFFERENCE, &cur, &r.err);
		while (rc >= 0 && (rc = stoa_next(cur, &v, &r.err)) == STOA_ROW)
			n++;
		fired = stoa__fault_disarm();
		assert_true(rc == STOA_END || (fired && rc == STOA_ENOMEM));
		assert_true(rc < 0 || n == 1);
		stoa_cursor_close(cur);
	}
	stoa_set_close(b);
	assert_int_equal(stoa_set_open(r.txn, r.table, r.by_name, &b, &r.err), STOA_OK);
	assert_int_equal(stoa_set_combine(a, b, STOA_SET_UNION, &(stoa_cursor *){ NULL }, &r.err),
			 STOA_ETYPE);
	stoa_set_close(a);
	stoa_set_close(b);
	stoa_abort(r.txn);
	ok(&r, stoa_close(r.db, &r.err));
}

/* ---- weak references ---- */

/* Is there a row that refers to @row? However it is asked for, the answer is the same. */
static void check_weak(struct run *r, stoa_rowid row, stoa_rowid want)
{
	struct stoa_value key = stoa_ref(row);
	struct stoa_array a = { STOA_WEAK_REF, 0, &row, NULL };
	stoa_rowid found = 0, many = 0, open = 0, open_many = 0, rows[2];
	size_t n = 0;
	stoa_set *set;

	ok(r, stoa_set_find(r->txn, r->table, r->by_key, &key, 1, &found, &r->err));
	ok(r, stoa_set_find_many(r->txn, r->table, r->by_key, &a, 1, 1, NULL, &many, &r->err));
	ok(r, stoa_set_rows(r->txn, r->table, r->by_key, &key, 1, rows, 2, &n, &r->err));
	ok(r, stoa_set_open(r->txn, r->table, r->by_key, &set, &r->err));
	ok(r, stoa_set_has(set, &key, 1, &open, &r->err));
	ok(r, stoa_set_has_many(set, &a, 1, 1, NULL, &open_many, &r->err));
	stoa_set_close(set);
	assert_int_equal(found, want);
	assert_int_equal(many, want);
	assert_int_equal(n, want != 0);
	assert_int_equal(open, want);
	assert_int_equal(open_many, want);
}

static void a_weak_reference_to_a_row_that_has_gone_is_no_key(void **state)
{
	static const struct stoa_slot name = { .name = "name", .type = STOA_STRING };
	struct stoa_slot weak = { .name = "weak", .type = STOA_WEAK_REF };
	struct stoa_value v = stoa_text("it");
	struct run r = { .seed = 1 };
	stoa_rowid first, second, at[4];

	(void)state;
	open_again(&r);
	begin(&r);
	ok(&r, stoa_table_create(r.txn, "target", &name, 1, &weak.target, &r.err));
	ok(&r, stoa_table_create(r.txn, "t", &weak, 1, &r.table, &r.err));
	r.by_key = make_index(&r, NULL, STOA_INDEX_UNIQUE, (uint32_t[]){ 0 }, 1);
	ok(&r, stoa_insert(r.txn, weak.target, &v, 1, &first, &r.err));
	ok(&r, stoa_insert(r.txn, weak.target, &v, 1, &second, &r.err));
	v = stoa_ref(first);
	ok(&r, stoa_insert(r.txn, r.table, &v, 1, &at[0], &r.err));
	v = stoa_ref(second);
	ok(&r, stoa_insert(r.txn, r.table, &v, 1, &at[1], &r.err));
	assert_int_equal(stoa_insert(r.txn, r.table, &v, 1, NULL, &r.err), STOA_EEXIST);
	check_weak(&r, first, at[0]);
	ok(&r, stoa_delete(r.txn, weak.target, first, &r.err));
	check_weak(&r, first, 0);
	check_weak(&r, second, at[1]);
	/* Neither is in the way of the other: both read as NULL. */
	v = stoa_ref(first);
	assert_int_equal(stoa_insert(r.txn, r.table, &v, 1, &at[2], &r.err),
			 stoa_insert(r.txn, r.table, &v, 1, &at[3], &r.err));
	stoa_abort(r.txn);
	ok(&r, stoa_close(r.db, &r.err));
}

/* ---- whole groups ---- */

#define BULK_KEYS 100000u
#define BULK_ROWS (2 * STOA_GROUP_MAX + 1000u)

/*
 * Appends rows with random keys and settles them as @policy says; @owner knows for each key the row
 * that has it.
 */
static void append_bulk(struct run *r, int policy, stoa_rowid *owner, uint64_t *n)
{
	uint64_t *keys = malloc(BULK_ROWS * sizeof *keys);
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	struct stoa_table_info info;
	stoa_appender *app;
	bool clash = false;
	int rc;

	ok(r, stoa_table_info(r->txn, r->table, &info, &r->err));
	for (uint32_t k = 0; k < BULK_ROWS; k++)
		keys[k] = policy == STOA_CONFLICT_ERROR && !*n ? BULK_KEYS + k : below(r, BULK_KEYS);
	ok(r, stoa_appender_open(r->txn, r->table, &app, &r->err));
	ok(r, stoa_appender_on_conflict(app, r->by_key, policy, &r->err));
	ok(r, stoa_append(app, &a, 1, BULK_ROWS, &r->err));
	rc = stoa_appender_close(app, &r->err);
	for (uint32_t k = 0; k < BULK_ROWS; k++)
		clash |= owner[keys[k]] != 0;
	if (policy == STOA_CONFLICT_ERROR && clash) {
		assert_int_equal(rc, STOA_EEXIST);
	} else {
		ok(r, rc);
		for (uint32_t k = 0; k < BULK_ROWS; k++) {
			*n += !owner[keys[k]];
			if (!owner[keys[k]] || policy == STOA_CONFLICT_REPLACE)
				owner[keys[k]] = info.next_rowid + k;
		}
	}
	free(keys);
}

static void check_owners(struct run *r, const stoa_rowid *owner, uint64_t n)
{
	size_t n_keys = BULK_KEYS + BULK_ROWS;
	uint64_t *keys = malloc(n_keys * sizeof *keys);
	stoa_rowid *rows = malloc(n_keys * sizeof *rows);
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	struct stoa_table_info info;
	stoa_set *set;

	ok(r, stoa_table_info(r->txn, r->table, &info, &r->err));
	assert_int_equal(info.n_rows, n);
	for (size_t k = 0; k < n_keys; k++)
		keys[k] = k;
	ok(r, stoa_set_find_many(r->txn, r->table, r->by_key, &a, 1, n_keys, NULL, rows, &r->err));
	assert_memory_equal(rows, owner, n_keys * sizeof *rows);
	ok(r, stoa_set_open(r->txn, r->table, r->by_key, &set, &r->err));
	for (size_t k = 0; k < n_keys; k++) {
		struct stoa_value v = stoa_u64(k);
		stoa_rowid row = 0;

		ok(r, stoa_set_has(set, &v, 1, &row, &r->err));
		assert_int_equal(row, owner[k]);
	}
	stoa_set_close(set);
	free(keys);
	free(rows);
}

static void run_bulk(bool durable)
{
	static const struct stoa_slot slot = { .name = "key", .type = STOA_U64 };
	static const int policies[] = { STOA_CONFLICT_ERROR, STOA_CONFLICT_IGNORE,
					STOA_CONFLICT_REPLACE, STOA_CONFLICT_ERROR,
					STOA_CONFLICT_IGNORE };
	stoa_rowid *owner = calloc(BULK_KEYS + BULK_ROWS, sizeof *owner);
	struct run r = { .seed = testing_seed() };
	uint64_t n = 0;

	stoa__set_run_rows_min = 50;
	if (durable) {
		testing_in_memory();
		r.dir = testing_tempdir();
	}
	open_again(&r);
	begin(&r);
	ok(&r, stoa_table_create(r.txn, "t", &slot, 1, &r.table, &r.err));
	r.by_key = make_index(&r, NULL, STOA_INDEX_UNIQUE, (uint32_t[]){ 0 }, 1);
	for (size_t k = 0; k < sizeof policies / sizeof *policies; k++) {
		append_bulk(&r, policies[k], owner, &n);
		check_owners(&r, owner, n);
		ok(&r, stoa_commit(r.txn, &r.err));
		if (durable) {
			if (k % 2)
				ok(&r, stoa_checkpoint(r.db, &r.err));
			ok(&r, stoa_close(r.db, &r.err));
			open_again(&r);
		}
		begin(&r);
		check_owners(&r, owner, n);
	}
	stoa_abort(r.txn);
	ok(&r, stoa_close(r.db, &r.err));
	if (durable)
		ok(&r, stoa_check(testing_path(r.dir, "set.stoa"), NULL, NULL, &r.err));
	testing_rmtree(r.dir);
	free(owner);
}

static void whole_groups_settle_their_conflicts_on_disk(void **state)
{
	(void)state;
	run_bulk(true);
}

static void whole_groups_settle_their_conflicts_in_memory(void **state)
{
	(void)state;
	run_bulk(false);
}

/* Loads @n rows, the last of which has the key of the first; the index is there before or comes behind. */
static void load_twins(struct run *r, uint32_t n, bool before)
{
	static const struct stoa_slot slot = { .name = "key", .type = STOA_U64 };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	uint64_t *keys = malloc(n * sizeof *keys);
	struct stoa_array a = { STOA_U64, 0, keys, NULL };
	uint32_t first = 0;
	stoa_appender *app;
	int rc;

	for (uint32_t k = 0; k < n; k++)
		keys[k] = k + 1 < n ? k : 0;
	begin(r);
	ok(r, stoa_table_create(r->txn, "t", &slot, 1, &r->table, &r->err));
	if (before)
		make_index(r, NULL, STOA_INDEX_UNIQUE, (uint32_t[]){ 0 }, 1);
	ok(r, stoa_appender_open(r->txn, r->table, &app, &r->err));
	ok(r, stoa_append(app, &a, 1, n, &r->err));
	rc = stoa_appender_close(app, &r->err);
	if (!before) {
		ok(r, rc);
		o.kind = STOA_INDEX_SET;
		o.flags = STOA_INDEX_UNIQUE;
		o.slots = &first;
		o.n_slots = 1;
		rc = stoa_index_create(r->txn, r->table, &o, NULL, &r->err);
	}
	assert_int_equal(rc, STOA_EEXIST);
	stoa_abort(r->txn);
	free(keys);
}

static void an_empty_set_refuses_a_key_that_comes_twice(void **state)
{
	static const uint32_t sizes[] = { 2, 300, STOA_GROUP_MAX, STOA_GROUP_MAX + 1 };

	(void)state;
	for (unsigned durable = 0; durable < 2; durable++) {
		struct run r = { .seed = 1 };
		if (durable) {
			testing_in_memory();
			r.dir = testing_tempdir();
		}
		open_again(&r);
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			load_twins(&r, sizes[k], true);
			load_twins(&r, sizes[k], false);
		}
		ok(&r, stoa_close(r.db, &r.err));
		testing_rmtree(r.dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_set_refuses_a_key_that_comes_twice),
		cmocka_unit_test(a_set_on_disk_finds_what_a_list_does),
		cmocka_unit_test(a_set_in_memory_finds_what_a_list_does),
		cmocka_unit_test(queries_go_by_the_index_that_suits_them),
		cmocka_unit_test(an_index_is_made_whole_or_not_at_all_when_memory_runs_out),
		cmocka_unit_test(a_set_opens_whole_or_not_at_all_when_memory_runs_out),
		cmocka_unit_test(combining_is_whole_or_not_at_all_when_memory_runs_out),
		cmocka_unit_test(a_weak_reference_to_a_row_that_has_gone_is_no_key),
		cmocka_unit_test(whole_groups_settle_their_conflicts_on_disk),
		cmocka_unit_test(whole_groups_settle_their_conflicts_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
