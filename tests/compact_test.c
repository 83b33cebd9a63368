/* SPDX-License-Identifier: MIT */
/*
 * compact_test.c - row groups rewritten beside deletes and updates lose no row and raise none
 *
 * A table of many small row groups, and a model of it: for each rowid whether it is there, and for
 * each of its slots how often it was changed, from which its value follows. A compaction's acts are
 * done one by one, and between them rows are deleted, changed and added, slots too, checkpoints are
 * written and transactions aborted. After each, the table is what the model says: scanned, looked
 * up, through cursors that were opened before, after closing, and after a crash, which is what is
 * in the directory at that moment.
 *
 * Can it fail? With the marking or the patching in lib/compact.c left out, or one of them done only
 * the first time, it does at once.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/compact.h"
#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "groups.h"

#define ROWS_MAX 60000
#define SLOTS 7
#define CURSORS 3

/* What the table should hold. */
struct model {
	uint64_t n; /* rowids 1 .. n were given */
	uint8_t alive[ROWS_MAX + 1];
	uint16_t change[ROWS_MAX + 1][SLOTS];
	uint8_t has[SLOTS]; /* is the slot there? */
};

struct run {
	uint64_t random;
	char *dir;
	stoa_db *db;
	stoa_table table;
	struct model *model;
	struct watch {
		stoa_cursor *cur;
		struct model *model;
		uint64_t next; /* rowid from which on it has still to show */
	} watch[CURSORS];
	struct stoa_error err;
};

static const char *const names[SLOTS] = { "i", "s", "t", "f", "b", "u", "extra" };
static const uint8_t types[SLOTS] = { STOA_I32,  STOA_STRING, STOA_TEXT, STOA_F64,
				      STOA_BOOL, STOA_UUID,   STOA_STRING };

#define OK(r, expr) ok(r, expr, __LINE__)

static int ok(const struct run *r, int rc, int line)
{
	if (rc < 0)
		fail_msg("line %d: %s: %s", line, stoa_result_name(rc), r->err.text);
	return rc;
}

static uint64_t below(struct run *r, uint64_t n)
{
	return testing_below(&r->random, n);
}

static bool chance(struct run *r, unsigned percent)
{
	return below(r, 100) < percent;
}

/* ---- values ---- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The value of a slot after so many changes; @room is what it borrows from. */
static struct stoa_value value_of(uint64_t rowid, unsigned slot, unsigned change, char room[200])
{
	uint64_t h = mix(rowid * 1000003 + slot * 10007 + change);
	struct stoa_value v = { .type = types[slot] };

	if (slot == SLOTS - 1 && change == 0)
		return stoa_text("default");
	if (h % 11 == 0 && slot != 0)
		return stoa_null();
	switch (types[slot]) {
	case STOA_I32: v.i = (int64_t)(h % 100000) - 500; break;
	case STOA_BOOL: v.i = h % 2; break;
	case STOA_F64: v.f = (double)(h % 10000) / 100; break;
	case STOA_UUID: memcpy(v.uuid, &h, 8), memcpy(v.uuid + 8, &h, 8); break;
	case STOA_STRING: snprintf(room, 200, "string %d", (int)(h % (change ? 5000 : 40))); break;
	default: snprintf(room, 200, "a text of row %llu, which was changed %u times: %0*d",
			  (unsigned long long)rowid, change, (int)(h % 90), 7);
	}
	if (v.type == STOA_STRING || v.type == STOA_TEXT)
		v = stoa_bytes_value((enum stoa_type)types[slot], room, (uint32_t)strlen(room));
	return v;
}

static bool same(const struct stoa_value *a, const struct stoa_value *b)
{
	if (a->type == STOA_NULL || b->type == STOA_NULL)
		return a->type == b->type;
	if (a->type == STOA_STRING || a->type == STOA_TEXT)
		return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
	if (a->type == STOA_UUID)
		return memcmp(a->uuid, b->uuid, 16) == 0;
	return a->i == b->i;
}

/* Row @values, of the slots that are there, against the model. */
static void compare_row(const struct model *m, uint64_t rowid, const struct stoa_value *values)
{
	char room[200];

	if (rowid > m->n || !m->alive[rowid])
		fail_msg("row %llu is there, and should not be", (unsigned long long)rowid);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct stoa_value want;

		if (!m->has[i])
			continue;
		want = value_of(rowid, i, m->change[rowid][i], room);
		if (!same(values, &want))
			fail_msg("row %llu, slot %s: not the value of change %u",
				 (unsigned long long)rowid, names[i], m->change[rowid][i]);
		values++;
	}
}

/* ---- looking ---- */

/* Moves a cursor on by at most @n rows; true at its end. */
static bool watch_on(struct run *r, struct watch *w, uint64_t n)
{
	const struct stoa_value *row;
	int rc = STOA_ROW;

	while (n-- && (rc = OK(r, stoa_next(w->cur, &row, &r->err))) == STOA_ROW) {
		uint64_t rowid = stoa_cursor_rowid(w->cur);

		for (; w->next < rowid; w->next++)
			if (w->model->alive[w->next])
				fail_msg("row %llu is lost", (unsigned long long)w->next);
		compare_row(w->model, rowid, row);
		w->next = rowid + 1;
	}
	if (rc != STOA_END)
		return false;
	for (; w->next <= w->model->n; w->next++)
		if (w->model->alive[w->next])
			fail_msg("row %llu is lost", (unsigned long long)w->next);
	return true;
}

static void watch_close(struct watch *w)
{
	stoa_cursor_close(w->cur);
	free(w->model);
	memset(w, 0, sizeof *w);
}

static void watch_open(struct run *r, struct watch *w, stoa_txn *txn)
{
	OK(r, stoa_scan(txn, r->table, NULL, 0, &w->cur, &r->err));
	w->model = malloc(sizeof *w->model);
	memcpy(w->model, r->model, sizeof *w->model);
	w->next = 1;
}

static void compare_gets(struct run *r, stoa_txn *txn)
{
	struct stoa_value row[SLOTS];
	size_t n = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		n += r->model->has[i];
	for (int k = 0; k < 100; k++) {
		uint64_t rowid = 1 + below(r, r->model->n + 3);
		int rc = stoa_get(txn, r->table, rowid, row, n, &r->err);

		if (rowid > r->model->n || !r->model->alive[rowid]) {
			assert_int_equal(rc, STOA_ENOTFOUND);
			continue;
		}
		OK(r, rc);
		compare_row(r->model, rowid, row);
	}
}

static void compare(struct run *r)
{
	struct watch all = { 0 };
	struct stoa_table_info info;
	uint64_t n_rows = 0;
	stoa_txn *txn;

	OK(r, stoa_begin(r->db, STOA_READ, &txn, &r->err));
	watch_open(r, &all, txn);
	assert_true(watch_on(r, &all, UINT64_MAX));
	watch_close(&all);
	compare_gets(r, txn);
	for (uint64_t i = 1; i <= r->model->n; i++)
		n_rows += r->model->alive[i];
	OK(r, stoa_table_info(txn, r->table, &info, &r->err));
	assert_int_equal(info.n_rows, n_rows);
	assert_int_equal(info.next_rowid, r->model->n + 1);
	stoa_abort(txn);
}

/* ---- what writers do ---- */

static void append(struct run *r, stoa_txn *txn, uint64_t n)
{
	stoa_appender *app;
	struct model *m = r->model;

	if (m->n + n > ROWS_MAX)
		return;
	OK(r, stoa_appender_open(txn, r->table, &app, &r->err));
	for (uint64_t k = 0; k < n; k++) {
		uint64_t rowid = ++m->n;
		_Alignas(16) uint8_t element[SLOTS][16];
		static const uint64_t nothing;
		char room[SLOTS][200];
		struct stoa_array a[SLOTS];
		size_t n_slots = 0;

		m->alive[rowid] = 1;
		memset(m->change[rowid], 0, sizeof m->change[rowid]);
		for (unsigned i = 0; i < SLOTS; i++) {
			struct stoa_value v = value_of(rowid, i, 0, room[i]);
			struct stoa_bytes b = { v.p, v.len };
			int32_t narrow = (int32_t)v.i;

			if (!m->has[i])
				continue;
			memset(element[i], 0, 16);
			if (types[i] == STOA_STRING || types[i] == STOA_TEXT)
				memcpy(element[i], &b, sizeof b);
			else if (types[i] == STOA_I32)
				memcpy(element[i], &narrow, 4);
			else
				memcpy(element[i], &v.i, types[i] == STOA_BOOL ? 1 : 8);
			if (types[i] == STOA_UUID)
				memcpy(element[i], v.uuid, 16);
			a[n_slots++] = (struct stoa_array){ types[i], 0, element[i],
							    v.type == STOA_NULL ? &nothing : NULL };
		}
		OK(r, stoa_append(app, a, n_slots, 1, &r->err));
	}
	OK(r, stoa_appender_close(app, &r->err));
}

static void insert(struct run *r, stoa_txn *txn)
{
	struct model *m = r->model;
	struct stoa_value v[SLOTS];
	char room[SLOTS][200];
	uint64_t rowid = m->n + 1;
	size_t n = 0;

	if (m->n == ROWS_MAX)
		return;
	m->n++;
	m->alive[rowid] = 1;
	memset(m->change[rowid], 0, sizeof m->change[rowid]);
	for (unsigned i = 0; i < SLOTS; i++)
		if (m->has[i])
			v[n++] = value_of(rowid, i, 0, room[i]);
	OK(r, stoa_insert(txn, r->table, v, n, NULL, &r->err));
}

static void update(struct run *r, stoa_txn *txn, uint64_t rowid)
{
	struct model *m = r->model;
	unsigned slot = (unsigned)below(r, SLOTS);
	struct stoa_value v;
	uint32_t position = 0;
	char room[200];

	if (!m->has[slot] || !m->alive[rowid])
		return;
	for (unsigned i = 0; i < slot; i++)
		position += m->has[i];
	v = value_of(rowid, slot, ++m->change[rowid][slot], room);
	OK(r, stoa_update(txn, r->table, rowid, &position, &v, 1, &r->err));
}

static void delete(struct run *r, stoa_txn *txn, uint64_t rowid)
{
	if (!r->model->alive[rowid])
		return;
	OK(r, stoa_delete(txn, r->table, rowid, &r->err));
	r->model->alive[rowid] = 0;
}

/* The last slot goes, or comes back: then all rows have its default. */
static void change_slots(struct run *r, stoa_txn *txn)
{
	struct stoa_slot slot = { .name = names[SLOTS - 1], .type = types[SLOTS - 1],
				  .value = stoa_text("default") };
	struct model *m = r->model;

	if (m->has[SLOTS - 1]) {
		OK(r, stoa_slot_drop(txn, r->table, slot.name, &r->err));
	} else {
		OK(r, stoa_slot_add(txn, r->table, &slot, &r->err));
		for (uint64_t i = 0; i <= m->n; i++)
			m->change[i][SLOTS - 1] = 0;
	}
	m->has[SLOTS - 1] ^= 1;
}

static void write_some(struct run *r, stoa_txn *txn)
{
	uint64_t near = 1 + below(r, r->model->n);
	uint64_t n = below(r, chance(r, 10) ? 2000 : 30);

	switch (below(r, 8)) {
	case 0:
	case 1: /* a stretch of rows, groups perhaps */
		for (uint64_t i = near; i < near + n && i <= r->model->n; i++)
			delete(r, txn, i);
		break;
	case 2:
	case 3: /* here and there */
		while (n--)
			delete(r, txn, 1 + below(r, r->model->n));
		break;
	case 4:
		while (n--)
			update(r, txn, 1 + below(r, r->model->n));
		break;
	case 5:
		for (uint64_t i = near; i < near + n && i <= r->model->n; i++)
			update(r, txn, i);
		break;
	case 6:
		while (n--)
			insert(r, txn);
		break;
	default:
		if (chance(r, 30))
			change_slots(r, txn);
	}
}

static void write_txn(struct run *r)
{
	struct model *before = malloc(sizeof *before);
	stoa_txn *txn;

	memcpy(before, r->model, sizeof *before);
	OK(r, stoa_begin(r->db, STOA_WRITE, &txn, &r->err));
	for (uint64_t n = 1 + below(r, 3); n; n--)
		write_some(r, txn);
	if (chance(r, 15)) {
		stoa_abort(txn);
		memcpy(r->model, before, sizeof *before);
	} else {
		OK(r, stoa_commit(txn, &r->err));
	}
	free(before);
}

/* ---- closing, crashing ---- */

static void open_db(struct run *r, const char *name)
{
	struct stoa_options options = STOA_OPTIONS_INIT;

	/* what has returned is in the files, and that is all that a crash leaves here */
	options.durability = STOA_FULL;
	OK(r, stoa_open(r->dir ? testing_path(r->dir, name) : NULL, &options, &r->db, &r->err));
	/* there is one compaction at a time, and it is ours */
	OK(r, stoa_gc_enable(r->db, false, &r->err));
}

static void close_watches(struct run *r)
{
	for (int i = 0; i < CURSORS; i++)
		if (r->watch[i].cur)
			watch_close(&r->watch[i]);
}

static void reopen(struct run *r)
{
	if (!r->dir)
		return;
	close_watches(r);
	OK(r, stoa_close(r->db, &r->err));
	open_db(r, "db.stoa");
	compare(r);
}

static void found(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)ctx;
	printf("%s, offset %llu: %s\n", file, (unsigned long long)offset, what);
}

/* The directory as it is now, opened as if this process had died. */
static void crash(struct run *r)
{
	stoa_db *db = r->db;
	char command[1000];

	if (!r->dir)
		return;
	snprintf(command, sizeof command, "rm -rf %s/copy.stoa && cp -r %s/db.stoa %s/copy.stoa",
		 r->dir, r->dir, r->dir);
	assert_int_equal(system(command), 0);
	open_db(r, "copy.stoa");
	compare(r);
	OK(r, stoa_close(r->db, &r->err));
	OK(r, stoa_check(testing_path(r->dir, "copy.stoa"), found, NULL, &r->err));
	r->db = db;
}

/* ---- compaction, act by act, with something between ---- */

static void meanwhile(struct run *r)
{
	for (uint64_t n = below(r, 4); n; n--) {
		struct watch *w = &r->watch[below(r, CURSORS)];
		stoa_txn *txn;

		write_txn(r);
		if (chance(r, 20))
			OK(r, stoa_checkpoint(r->db, &r->err));
		if (chance(r, 5))
			crash(r);
		if (!w->cur && chance(r, 40)) {
			OK(r, stoa_begin(r->db, STOA_READ, &txn, &r->err));
			watch_open(r, w, txn);
			stoa_abort(txn);
		} else if (w->cur && watch_on(r, w, below(r, 3000))) {
			watch_close(w);
		}
	}
}

/* Reads what there is of the table in @v, by runs of some groups, but for some. */
static struct stoa__rewrite *read_runs(struct run *r, struct stoa__version *v)
{
	const struct stoa__table *t = stoa__table_find(v, r->table);
	struct stoa__rewrite *rw;
	struct groups g;
	size_t at = 0;

	groups_list(t, &g);
	OK(r, stoa__rewrite_new(r->db, v, &rw, &r->err));
	while (at < g.n) {
		size_t n = 1 + below(r, 12);

		if (n > g.n - at)
			n = g.n - at;
		if (chance(r, 60))
			OK(r, stoa__rewrite_run(rw, t, g.group + at, n, chance(r, 20), &r->err));
		at += n;
		if (chance(r, 20))
			meanwhile(r);
	}
	meanwhile(r);
	OK(r, stoa__rewrite_finish(rw, &r->err));
	meanwhile(r);
	return rw;
}

/* Rehearses and installs run @i, once or not at all; with @late it may have been overtaken. */
static void install_run(struct run *r, struct stoa__rewrite *rw, size_t i, bool late)
{
	int rc = stoa__rewrite_rehearse(rw, i, &r->err);

	while (rc == STOA_OK && chance(r, 30)) {
		meanwhile(r);
		if (chance(r, 60))
			rc = stoa__rewrite_rehearse(rw, i, &r->err);
	}
	if (!late)
		OK(r, rc);
	if (rc < 0 || chance(r, 10))
		return;
	stoa__writer_lock(r->db);
	rc = stoa__rewrite_install(rw, i, &r->err);
	stoa__writer_unlock(r->db);
	if (rc != STOA_EBUSY && !(late && rc == STOA_ESTATE))
		OK(r, rc);
	if (chance(r, 30))
		compare(r);
}

static void install_runs(struct run *r, struct stoa__rewrite *rw, bool late)
{
	for (size_t i = 0; i < stoa__rewrite_n_runs(rw); i++)
		install_run(r, rw, i, late);
	compare(r);
	stoa__rewrite_free(rw);
	compare(r);
}

/*
 * At times another compaction has read the same version, and is late: as one is that reads the
 * published version while the install of the one before it is not published yet.
 */
static void compact(struct run *r)
{
	struct stoa__version *v = stoa__history_snapshot(&r->db->history);
	struct stoa__rewrite *rw = read_runs(r, v), *late = chance(r, 30) ? read_runs(r, v) : NULL;

	stoa__version_drop(v);
	install_runs(r, rw, false);
	if (late)
		install_runs(r, late, true);
}

/* Small groups, each from an appender of its own. */
static void make_table(struct run *r)
{
	struct stoa_slot slots[SLOTS] = { 0 };
	stoa_txn *txn;

	for (unsigned i = 0; i < SLOTS; i++)
		slots[i] = (struct stoa_slot){ .name = names[i], .type = types[i] };
	slots[SLOTS - 1].value = stoa_text("default");
	OK(r, stoa_begin(r->db, STOA_WRITE, &txn, &r->err));
	OK(r, stoa_table_create(txn, "t", slots, SLOTS, &r->table, &r->err));
	memset(r->model->has, 1, SLOTS);
	for (uint64_t n = 5 + below(r, 10); n; n--)
		append(r, txn, 1 + below(r, chance(r, 30) ? 5000 : 400));
	OK(r, stoa_commit(txn, &r->err));
}

static void one_run(uint64_t seed, bool durable)
{
	struct run r = { .random = seed };

	r.model = calloc(1, sizeof *r.model);
	if (durable)
		r.dir = testing_tempdir();
	open_db(&r, "db.stoa");
	make_table(&r);
	compare(&r);
	for (int k = 0; k < 6; k++) {
		meanwhile(&r);
		compact(&r);
		if (chance(&r, 30))
			crash(&r);
		if (chance(&r, 30))
			reopen(&r);
	}
	for (int i = 0; i < CURSORS; i++)
		if (r.watch[i].cur)
			assert_true(watch_on(&r, &r.watch[i], UINT64_MAX));
	close_watches(&r);
	reopen(&r);
	OK(&r, stoa_close(r.db, &r.err));
	free(r.model);
	testing_rmtree(r.dir);
}

static void runs(bool durable)
{
	uint64_t seed = testing_seed();
	int n = testing_long() ? 300 : 8;

	for (int i = 0; i < n; i++) {
		if (getenv("STOA_VERBOSE"))
			printf("run %d\n", i), fflush(stdout);
		one_run(seed + (uint64_t)i, durable);
	}
}

static void compaction_beside_writers_in_memory_loses_no_row_and_raises_none(void **state)
{
	(void)state;
	runs(false);
}

static void compaction_beside_writers_on_disk_loses_no_row_and_raises_none(void **state)
{
	(void)state;
	runs(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			compaction_beside_writers_in_memory_loses_no_row_and_raises_none),
		cmocka_unit_test(compaction_beside_writers_on_disk_loses_no_row_and_raises_none),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
