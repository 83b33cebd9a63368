/* SPDX-License-Identifier: MIT */
/*
 * model_test.c - random operations on stoa and on a naive program, compared
 *
 * A run works on one database, in memory or on disk. It goes on from step to step: begin, insert,
 * update, delete, append, change a schema, set and use savepoints, commit, abort; open snapshots
 * and cursors and look at what they show, which must be what they showed at first; checkpoint,
 * collect, close and open again, and let another process look.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/source.h"
#include "../lib/core/type.h"
#include "../lib/db.h"
#include "../lib/scan.h"

#define MARKS_MAX 6
#define READERS 3
#define CURSORS 8

/* What a cursor has still to show. */
struct watch {
	stoa_cursor *cur;
	struct model_table *table;	/* counted */
	size_t pos;
	bool by_row;
	bool gone;			/* rolled back: STOA_ESTATE is all it may say */
	bool ended;			/* but for one that has said STOA_END */
	bool of_txn;			/* opened in the write transaction that is open */
	uint64_t serial;
	size_t n_slots;
	uint32_t slots[MODEL_SLOTS_MAX];
};

struct run {
	struct model m;
	stoa_db *db;
	char *dir;
	struct stoa_options options;
	struct model_state committed;
	bool on_disk;			/* is all that is committed on the disk? */

	stoa_txn *txn;			/* the write transaction, or NULL */
	struct model_state state;	/* what it sees */
	int durability;
	struct mark {
		uint32_t mark;
		uint64_t serial;
		struct model_state state;
	} marks[MARKS_MAX];
	size_t n_marks;

	struct reader {
		stoa_txn *txn;
		struct model_state state;
	} readers[READERS];
	struct watch watches[CURSORS];
	uint64_t serial;
	uint64_t rows_left;		/* for big appends */
	struct stoa_error err;
};

#define OK(r, expr) ok(r, expr, #expr, __LINE__)

static int ok(const struct run *r, int rc, const char *what, int line)
{
	if (rc < 0)
		fail_msg("line %d: %s: %s: %s", line, what, stoa_result_name(rc), r->err.text);
	return rc;
}

/* ---- want of memory ---- */

/* Now and then an allocation of the next call is to fail, or one that it does not get to. */
static void maybe_fault(struct run *r)
{
	if (model_chance(&r->m, 4))
		stoa__fault_arm((long)model_below(&r->m, 16), false);
}

/* Did the call fail for that? Then it has changed nothing. */
static bool faulted(struct run *r, int rc)
{
	bool fired = stoa__fault_disarm();

	if (rc != STOA_ENOMEM)
		return false;
	assert_true(fired);
	assert_int_equal(r->err.code, STOA_ENOMEM);
	return true;
}

/* ---- comparing ---- */

static void print(const struct stoa_value *v, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "%s ", stoa_type_name((enum stoa_type)v->type));

	if (n < size)
		(void)stoa_value_print(v, out + n, size - n);
}

static void compare_value(const struct model_table *t, size_t row, size_t slot,
			  const struct stoa_value *got)
{
	const struct stoa_value *want = t->rows[row]->cell[slot];
	char a[100], b[100];

	if (model_equal(got, want))
		return;
	print(got, a, sizeof a);
	print(want, b, sizeof b);
	fail_msg("table %s, row %llu, slot %s: %s instead of %s", t->name,
		 (unsigned long long)t->rows[row]->rowid, t->slots[slot]->name, a, b);
}

static void compare_rowid(const struct model_table *t, size_t row, stoa_rowid got)
{
	if (row >= t->n_rows)
		fail_msg("table %s: a row %llu too many", t->name, (unsigned long long)got);
	if (t->rows[row]->rowid != got)
		fail_msg("table %s: row %llu instead of %llu", t->name, (unsigned long long)got,
			 (unsigned long long)t->rows[row]->rowid);
}

/* A NULL's element is zero or empty. */
static bool element_is_zero(const struct stoa_array *a, size_t i)
{
	static const uint8_t zeros[16];
	size_t width = stoa__type_width(a->type);

	if (stoa__type_family(a->type) == STOA__BYTES)
		return ((const struct stoa_bytes *)a->values)[i].len == 0;
	return memcmp((const uint8_t *)a->values + i * width, zeros, width) == 0;
}

static void compare_batch(struct watch *w, const struct stoa_batch *b)
{
	assert_in_range(b->n_rows, 1, STOA_BATCH_MAX);
	assert_int_equal(b->n_columns, w->n_slots);
	for (size_t i = 0; i < b->n_rows; i++)
		compare_rowid(w->table, w->pos + i, b->rowids[i]);
	for (size_t c = 0; c < b->n_columns; c++) {
		for (size_t i = 0; i < b->n_rows; i++) {
			struct stoa_value v = stoa__array_value(&b->columns[c], i);

			compare_value(w->table, w->pos + i, w->slots[c], &v);
			if (v.type == STOA_NULL && !element_is_zero(&b->columns[c], i))
				fail_msg("a NULL's element is not zero");
		}
	}
	w->pos += b->n_rows;
}

/* ---- cursors ---- */

static void watch_columns(const struct watch *w)
{
	size_t n;
	const struct stoa_column *c = stoa_columns(w->cur, &n);

	assert_int_equal(n, w->n_slots);
	for (size_t i = 0; i < n; i++) {
		const struct stoa_slot *def = &w->table->slots[w->slots[i]]->def;

		assert_string_equal(c[i].name, def->name);
		assert_int_equal(c[i].type, def->type);
		assert_int_equal(c[i].precision, def->precision);
		assert_int_equal(c[i].scale, def->scale);
	}
}

/* A cursor over @table as @txn sees it now, on all slots or some, in any order. */
static void watch_open(struct run *r, struct watch *w, stoa_txn *txn, struct model_table *table)
{
	bool all = model_chance(&r->m, 50);

	memset(w, 0, sizeof *w);
	w->n_slots = all ? table->n_slots : model_below(&r->m, table->n_slots + 1);
	for (size_t i = 0; i < w->n_slots; i++)
		w->slots[i] = all ? (uint32_t)i : (uint32_t)model_below(&r->m, table->n_slots);
	w->by_row = model_chance(&r->m, 50);
	w->table = table;
	w->serial = ++r->serial;
	w->of_txn = txn == r->txn;
	table->n_refs++;
	OK(r, stoa_scan(txn, table->id, all ? NULL : w->slots, w->n_slots, &w->cur, &r->err));
	watch_columns(w);
}

static void watch_close(struct watch *w)
{
	if (!w->cur)
		return;
	stoa_cursor_close(w->cur);
	model_table_release(w->table);
	memset(w, 0, sizeof *w);
}

static int watch_row(struct run *r, struct watch *w)
{
	const struct stoa_value *row;
	int rc = stoa_next(w->cur, &row, &r->err);

	if (rc != STOA_ROW)
		return rc;
	compare_rowid(w->table, w->pos, stoa_cursor_rowid(w->cur));
	for (size_t i = 0; i < w->n_slots; i++)
		compare_value(w->table, w->pos, w->slots[i], &row[i]);
	w->pos++;
	return rc;
}

/* One row or batch of a cursor, compared; false at its end. */
static bool watch_step(struct run *r, struct watch *w)
{
	struct stoa_batch b;
	int rc;

	if (w->by_row) {
		rc = watch_row(r, w);
	} else {
		rc = stoa_next_batch(w->cur, &b, &r->err);
		if (rc == STOA_ROW)
			compare_batch(w, &b);
	}
	if (w->gone) {
		assert_int_equal(rc, w->ended ? STOA_END : STOA_ESTATE);
		return false;
	}
	OK(r, rc);
	if (rc == STOA_ROW)
		return true;
	assert_int_equal(rc, STOA_END);
	w->ended = true;
	assert_int_equal(w->pos, w->table->n_rows);
	return false;
}

static void scan_all(struct run *r, stoa_txn *txn, struct model_table *t)
{
	struct watch w;

	watch_open(r, &w, txn, t);
	while (watch_step(r, &w))
		;
	watch_close(&w);
}

/* ---- the engine's side of a scan ---- */

static struct stoa_value vec_value(const struct stoa__vec *v, size_t i)
{
	struct stoa_value out = { .type = v->type, .scale = v->scale };
	size_t at = v->kind == STOA__VEC_CONST ? 0 : i;
	struct stoa_bytes b;

	if (v->validity && !stoa__bit_get(v->validity, i))
		return stoa_null();
	switch ((enum stoa__phys)v->phys) {
	case STOA__PHYS_I64: out.i = v->i64[at]; return out;
	case STOA__PHYS_U64: out.u = v->u64[at]; return out;
	case STOA__PHYS_F64: out.f = v->f64[at]; return out;
	case STOA__PHYS_BYTES: break;
	}
	if (v->kind == STOA__VEC_DICT)
		assert_true(v->codes[i] < v->n_dict && v->dict_id);
	b = v->kind == STOA__VEC_DICT ? v->dict[v->codes[i]] : v->bytes[at];
	if (v->type == STOA_UUID) {
		assert_int_equal(b.len, 16);
		memcpy(out.uuid, b.p, 16);
	} else {
		out.p = b.p;
		out.len = b.len;
	}
	return out;
}

static void compare_zone(const struct stoa__zone *z, const struct stoa_value *v)
{
	if (!z->n_rows)
		return;
	if (v->type == STOA_NULL) {
		assert_true(z->n_null > 0);
		return;
	}
	assert_true(z->n_null < z->n_rows);
	if (stoa__type_family(v->type) == STOA__FLOAT && v->f != v->f) {
		assert_true(z->has_nan);
	} else if (z->known) {
		assert_true(stoa__value_compare(&z->min, v) <= 0);
		assert_true(stoa__value_compare(v, &z->max) <= 0);
	}
}

static void source_all(struct run *r, stoa_txn *txn, const struct model_table *t)
{
	struct stoa__zone zones[MODEL_SLOTS_MAX] = { 0 };
	struct stoa__source *s;
	const stoa_rowid *rowids;
	size_t pos = 0, n;
	int rc;

	OK(r, stoa__scan_source(txn, t->id, NULL, 0, &s, &r->err));
	assert_int_equal(s->ops->n_rows(s), t->n_rows);
	for (;;) {
		for (size_t c = 0; c < t->n_slots; c++)
			if (model_chance(&r->m, 50) || c == 0)
				(void)s->ops->zone(s, c, &zones[c]);
			else
				zones[c].n_rows = 0;
		rc = OK(r, s->ops->next(s, &n, &rowids, &r->err));
		if (rc == STOA_END)
			break;
		for (size_t i = 0; i < n; i++)
			compare_rowid(t, pos + i, rowids[i]);
		for (size_t c = 0; c < t->n_slots; c++) {
			struct stoa__vec v;

			OK(r, s->ops->column(s, c, &v, &r->err));
			assert_int_equal(v.n, n);
			for (size_t i = 0; i < n; i++) {
				struct stoa_value x = vec_value(&v, i);

				compare_value(t, pos + i, c, &x);
				compare_zone(&zones[c], &x);
			}
		}
		pos += n;
	}
	assert_int_equal(pos, t->n_rows);
	s->ops->close(s);
}

/* ---- whole states ---- */

static void compare_get(struct run *r, stoa_txn *txn, const struct model_table *t, size_t row)
{
	struct stoa_value out[MODEL_SLOTS_MAX];

	OK(r, stoa_get(txn, t->id, t->rows[row]->rowid, out, t->n_slots, &r->err));
	for (size_t i = 0; i < t->n_slots; i++)
		compare_value(t, row, i, &out[i]);
}

static void compare_no_row(struct run *r, stoa_txn *txn, const struct model_table *t)
{
	uint64_t rowid = model_below(&r->m, t->next_rowid + 10);
	size_t at = model_seek(t, rowid);
	struct stoa_value out[MODEL_SLOTS_MAX];

	if (at < t->n_rows && t->rows[at]->rowid == rowid)
		compare_get(r, txn, t, at);
	else
		assert_int_equal(stoa_get(txn, t->id, rowid, out, t->n_slots, &r->err),
				 STOA_ENOTFOUND);
}

/* Any rowids, in one call: what is there, and what is not. */
static void compare_many(struct run *r, stoa_txn *txn, const struct model_table *t)
{
	size_t n = model_below(&r->m, 200), n_there = 0;
	struct stoa_value *out = calloc(n + 1, t->n_slots * sizeof *out);
	stoa_rowid *rows = calloc(n + 1, sizeof *rows);
	uint64_t found[4];

	for (size_t i = 0; i < n; i++)
		rows[i] = t->n_rows && model_below(&r->m, 4) ?
				  t->rows[model_below(&r->m, t->n_rows)]->rowid :
				  model_below(&r->m, t->next_rowid + 10);
	OK(r, stoa_get_many(txn, t->id, rows, n, out, t->n_slots, found, &r->err));
	for (size_t i = 0; i < n; i++) {
		size_t at = model_seek(t, rows[i]);
		bool there = at < t->n_rows && t->rows[at]->rowid == rows[i];

		n_there += there;
		assert_int_equal(found[i / 64] >> (i % 64) & 1, there);
		for (size_t s = 0; s < t->n_slots; s++)
			if (there)
				compare_value(t, at, s, &out[i * t->n_slots + s]);
			else
				assert_int_equal(out[i * t->n_slots + s].type, STOA_NULL);
	}
	assert_int_equal(stoa_get_many(txn, t->id, rows, n, out, t->n_slots, NULL, &r->err),
			 n_there == n ? STOA_OK : STOA_ENOTFOUND);
	free(rows);
	free(out);
}

static void compare_info(struct run *r, stoa_txn *txn, const struct model_table *t)
{
	struct stoa_stat stat = STOA_STAT_INIT;
	struct stoa_table_info info;
	stoa_table id = 0;

	OK(r, stoa_table_find(txn, t->name, &id, &r->err));
	assert_int_equal(id, t->id);
	OK(r, stoa_table_info(txn, t->id, &info, &r->err));
	assert_string_equal(info.name, t->name);
	assert_int_equal(info.frozen, t->frozen);
	assert_int_equal(info.n_rows, t->n_rows);
	assert_int_equal(info.next_rowid, t->next_rowid);
	assert_int_equal(info.n_slots, t->n_slots);
	for (size_t i = 0; i < t->n_slots; i++) {
		const struct stoa_slot *want = &t->slots[i]->def, *got = &info.slots[i];

		assert_string_equal(got->name, want->name);
		assert_int_equal(got->type, want->type);
		assert_int_equal(got->precision, want->precision);
		assert_int_equal(got->scale, want->scale);
		assert_int_equal(got->flags, want->flags);
		assert_true(model_equal(&got->value, &want->value));
	}
	OK(r, stoa_stat(txn, t->id, &stat, &r->err));
	assert_int_equal(stat.n_rows, t->n_rows);
	assert_int_equal(stat.n_tables, 1);
}

static void compare_tables(struct run *r, stoa_txn *txn, const struct model_state *s)
{
	struct stoa_stat stat = STOA_STAT_INIT;
	stoa_table id = 0;
	uint64_t n_rows = 0;

	for (size_t i = 0; i < s->n; i++) {
		assert_int_equal(stoa_table_next(txn, id, &id, &r->err), STOA_ROW);
		assert_int_equal(id, s->tables[i]->id);
		n_rows += s->tables[i]->n_rows;
	}
	assert_int_equal(stoa_table_next(txn, id, &id, &r->err), STOA_END);
	OK(r, stoa_stat(txn, 0, &stat, &r->err));
	assert_int_equal(stat.n_tables, s->n);
	assert_int_equal(stat.n_rows, n_rows);
}

/* Everything that @txn sees, against @s. */
static void compare_all(struct run *r, stoa_txn *txn, const struct model_state *s)
{
	compare_tables(r, txn, s);
	for (size_t i = 0; i < s->n; i++) {
		struct model_table *t = s->tables[i];

		compare_info(r, txn, t);
		scan_all(r, txn, t);
		if (model_chance(&r->m, 50))
			source_all(r, txn, t);
		for (int k = 0; k < 10 && t->n_rows; k++)
			compare_get(r, txn, t, model_below(&r->m, t->n_rows));
		for (int k = 0; k < 4; k++)
			compare_no_row(r, txn, t);
		compare_many(r, txn, t);
	}
}

static void check_symbols(const struct run *r)
{
	const char *why = "";

	if (!stoa__symbols_check(&r->db->symbols, &why))
		fail_msg("%s", why);
}

/* ---- rows ---- */

/* A table of the write transaction, to be changed; NULL if there is none that may be. */
static struct model_table *pick(struct run *r)
{
	size_t at;

	if (!r->state.n)
		return NULL;
	at = model_below(&r->m, r->state.n);
	return r->state.tables[at]->frozen ? NULL : model_own(&r->state, at);
}

static void insert(struct run *r, struct model_table *t)
{
	struct model_row *row = model_row(&r->m, t);
	struct stoa_value values[MODEL_SLOTS_MAX];
	stoa_rowid rowid = 0;
	int rc;

	for (size_t i = 0; i < t->n_slots; i++) {
		const struct model_slot *slot = t->slots[i];

		row->cell[i] = model_value(&r->m, slot);
		values[i] = model_disguise(&r->m, row->cell[i]);
		if (model_chance(&r->m, 5) &&
		    !(slot->def.flags & STOA_NOT_NULL && slot->def.value.type == STOA_NULL)) {
			row->cell[i] = &slot->def.value;
			values[i] = stoa_default();
		}
	}
	maybe_fault(r);
	rc = stoa_insert(r->txn, t->id, values, t->n_slots, &rowid, &r->err);
	if (faulted(r, rc))
		return;
	OK(r, rc);
	model_add(t, row);
	assert_int_equal(rowid, row->rowid);
}

static void step_insert(struct run *r)
{
	static const unsigned counts[] = { 1, 1, 1, 3, 20, 100, 600 };
	struct model_table *t = pick(r);

	if (!t)
		return;
	for (uint64_t n = model_below(&r->m, counts[model_below(&r->m, 7)] + 1u); n; n--)
		insert(r, t);
}

static void update(struct run *r, struct model_table *t, size_t at)
{
	uint32_t slots[MODEL_SLOTS_MAX];
	struct stoa_value values[MODEL_SLOTS_MAX];
	size_t n = model_chance(&r->m, 70) ? 1 : model_below(&r->m, t->n_slots + 1);
	struct model_row *before = t->rows[at], *row = model_change(&r->m, t, at);
	int rc;

	for (size_t i = 0; i < n; i++) {
		slots[i] = (uint32_t)model_below(&r->m, t->n_slots);
		row->cell[slots[i]] = model_value(&r->m, t->slots[slots[i]]);
		values[i] = model_disguise(&r->m, row->cell[slots[i]]);
	}
	maybe_fault(r);
	rc = stoa_update(r->txn, t->id, row->rowid, slots, values, n, &r->err);
	if (faulted(r, rc))
		t->rows[at] = before;
	else
		OK(r, rc);
}

static void step_update(struct run *r)
{
	struct model_table *t = pick(r);
	size_t at;

	if (!t || !t->n_rows)
		return;
	/* near each other, so that pages see several changes */
	at = model_below(&r->m, t->n_rows);
	for (uint64_t n = 1 + model_below(&r->m, 20); n; n--)
		update(r, t, (at + model_below(&r->m, 300)) % t->n_rows);
}

static void delete(struct run *r, struct model_table *t, size_t at)
{
	int rc;

	maybe_fault(r);
	rc = stoa_delete(r->txn, t->id, t->rows[at]->rowid, &r->err);
	if (faulted(r, rc))
		return;
	OK(r, rc);
	model_remove(t, at);
}

static void step_delete(struct run *r)
{
	struct model_table *t = pick(r);
	uint64_t n = 1 + model_below(&r->m, 10);
	size_t at;

	if (!t || !t->n_rows)
		return;
	if (model_chance(&r->m, 5))
		n = model_below(&r->m, 3000);
	if (model_chance(&r->m, 2) && t->n_rows < 5000)
		n = t->n_rows;
	at = model_below(&r->m, t->n_rows);
	for (; n && t->n_rows; n--)
		delete(r, t, model_chance(&r->m, 80) ? at % t->n_rows :
						       model_below(&r->m, t->n_rows));
}

/* ---- what must fail, and change nothing ---- */

/* A value that @slot must refuse, and the error for it; 0 if there is none at hand. */
static int bad_value(struct run *r, const struct model_slot *slot, struct stoa_value *out)
{
	static const char not_utf8[] = "\xc3\x28";
	static char too_long[STOA_STRING_MAX + 1];
	int64_t min, max;

	if (slot->def.flags & STOA_NOT_NULL && model_chance(&r->m, 50)) {
		*out = stoa_null();
		return STOA_ENULL;
	}
	memset(too_long, 'x', sizeof too_long);
	switch (stoa__type_family(slot->def.type)) {
	case STOA__BYTES:
		if (slot->def.type == STOA_STRING && model_chance(&r->m, 50)) {
			*out = stoa_bytes_value(STOA_TEXT, too_long, sizeof too_long);
			return STOA_ERANGE;
		}
		if (slot->def.type != STOA_BLOB && model_chance(&r->m, 50)) {
			*out = stoa_bytes_value(STOA_TEXT, not_utf8, 2);
			return STOA_EINVAL;
		}
		*out = stoa_i64(1);
		return STOA_ETYPE;
	case STOA__UUID:
		*out = stoa_text("00000000-0000-0000-0000-000000000000");
		return STOA_ETYPE;
	case STOA__UINT:
		*out = stoa_i64(-1);
		return model_chance(&r->m, 50) ? STOA_ERANGE :
						 (*out = stoa_bool(true), STOA_ETYPE);
	case STOA__FLOAT:
		*out = stoa_text("1.5");
		return STOA_ETYPE;
	case STOA__INT:
		break;
	}
	stoa__type_range(slot->def.type, slot->def.precision, &min, &max);
	*out = *model_value(&r->m, slot);
	if (out->type == STOA_NULL || slot->def.type == STOA_I64) {
		*out = stoa_text("1");
		return STOA_ETYPE;
	}
	if (max == INT64_MAX)
		return 0;
	out->i = max + 1;
	return STOA_ERANGE;
}

static void step_bad_row(struct run *r)
{
	struct stoa_value values[MODEL_SLOTS_MAX + 1];
	struct model_table *t = pick(r);
	uint32_t slot;
	int rc;

	if (!t)
		return;
	for (size_t i = 0; i < t->n_slots; i++)
		values[i] = *model_value(&r->m, t->slots[i]);
	values[t->n_slots] = stoa_null();
	rc = stoa_insert(r->txn, t->id, values, t->n_slots + 1, NULL, &r->err);
	assert_int_equal(rc, STOA_EINVAL);
	slot = (uint32_t)model_below(&r->m, t->n_slots);
	rc = bad_value(r, t->slots[slot], &values[slot]);
	if (!rc)
		return;
	assert_int_equal(stoa_insert(r->txn, t->id, values, t->n_slots, NULL, &r->err), rc);
	assert_int_equal(r->err.code, rc);
	if (t->n_rows) {
		uint64_t rowid = t->rows[model_below(&r->m, t->n_rows)]->rowid;
		uint32_t slots[2] = { (uint32_t)model_below(&r->m, t->n_slots), slot };
		struct stoa_value two[2] = { *model_value(&r->m, t->slots[slots[0]]),
					     values[slot] };

		assert_int_equal(stoa_update(r->txn, t->id, rowid, slots, two, 2, &r->err), rc);
		slots[1] = (uint32_t)t->n_slots;
		assert_int_equal(stoa_update(r->txn, t->id, rowid, slots, two, 2, &r->err),
				 STOA_EINVAL);
	}
	slot = 0;
	assert_int_equal(stoa_update(r->txn, t->id, t->next_rowid, &slot, values, 1, &r->err),
			 STOA_ENOTFOUND);
	assert_int_equal(stoa_delete(r->txn, t->id, t->next_rowid + 5, &r->err), STOA_ENOTFOUND);
	assert_int_equal(stoa_delete(r->txn, t->id, 0, &r->err), STOA_ENOTFOUND);
	assert_int_equal(stoa_delete(r->txn, 999999, 1, &r->err), STOA_ENOTFOUND);
}

/* Writes to a frozen table, and through a transaction that may not write. */
static void step_refused(struct run *r)
{
	struct stoa_value v = stoa_null();
	stoa_txn *second;
	uint32_t slot = 0;

	for (size_t i = 0; i < r->state.n; i++) {
		const struct model_table *t = r->state.tables[i];
		stoa_appender *app;

		if (!t->frozen)
			continue;
		assert_int_equal(stoa_insert(r->txn, t->id, &v, 1, NULL, &r->err), STOA_EREADONLY);
		assert_int_equal(stoa_update(r->txn, t->id, 1, &slot, &v, 1, &r->err),
				 STOA_EREADONLY);
		assert_int_equal(stoa_delete(r->txn, t->id, 1, &r->err), STOA_EREADONLY);
		assert_int_equal(stoa_slot_drop(r->txn, t->id, t->slots[0]->name, &r->err),
				 STOA_EREADONLY);
		assert_int_equal(stoa_appender_open(r->txn, t->id, &app, &r->err), STOA_EREADONLY);
	}
	for (size_t i = 0; i < READERS; i++) {
		if (!r->readers[i].txn)
			continue;
		assert_int_equal(stoa_delete(r->readers[i].txn, 1, 1, &r->err), STOA_EREADONLY);
		assert_int_equal(stoa_savepoint(r->readers[i].txn, &slot, &r->err), STOA_EREADONLY);
	}
	assert_int_equal(stoa_begin(r->db, STOA_WRITE, &second, &r->err), STOA_ESTATE);
}

/* ---- schema ---- */

static const char *const table_names[] = { "alpha", "Beta", "gamma ray", "\xce\xb4", "item" };
static const char *const slot_names[] = { "a",	      "B",    "name", "price",
					  "\xc3\xbc", "note", "x y",  "z" };
#define N_NAMES(names) (sizeof(names) / sizeof *(names))

static void step_create(struct run *r)
{
	const char *name = table_names[model_below(&r->m, N_NAMES(table_names))];
	const struct model_slot *slots[MODEL_SLOTS_MAX];
	struct stoa_slot defs[MODEL_SLOTS_MAX];
	size_t n = model_chance(&r->m, 10) ? MODEL_SLOTS_MAX : 1 + model_below(&r->m, 8);
	struct model_table *t;
	stoa_table id;
	int rc;

	if (r->state.n == MODEL_TABLES_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		char slot[32];

		snprintf(slot, sizeof slot, "s%zu", i);
		slots[i] = model_slot(&r->m, i < N_NAMES(slot_names) ? slot_names[i] : slot);
		defs[i] = slots[i]->def;
	}
	maybe_fault(r);
	rc = stoa_table_create(r->txn, name, defs, n, &id, &r->err);
	if (faulted(r, rc))
		return;
	if (model_find(&r->state, name, NULL)) {
		assert_int_equal(rc, STOA_EEXIST);
		return;
	}
	OK(r, rc);
	t = model_create(&r->state, id, name);
	memcpy(t->slots, slots, n * sizeof *slots);
	t->n_slots = n;
}

static void step_drop(struct run *r)
{
	size_t at;
	int rc;

	if (!r->state.n || !model_chance(&r->m, 30))
		return;
	at = model_below(&r->m, r->state.n);
	maybe_fault(r);
	rc = stoa_table_drop(r->txn, r->state.tables[at]->id, &r->err);
	if (faulted(r, rc))
		return;
	OK(r, rc);
	model_drop(&r->state, at);
}

static void step_rename(struct run *r)
{
	const char *name = table_names[model_below(&r->m, N_NAMES(table_names))];
	struct model_table *t = pick(r), *other;
	int rc;

	if (!t)
		return;
	maybe_fault(r);
	rc = stoa_table_rename(r->txn, t->id, name, &r->err);
	if (faulted(r, rc))
		return;
	other = model_find(&r->state, name, NULL);
	if (other && other != t) {
		assert_int_equal(rc, STOA_EEXIST);
	} else {
		OK(r, rc);
		snprintf(t->name, sizeof t->name, "%s", name);
	}
}

static void step_freeze(struct run *r)
{
	struct model_table *t = pick(r);

	if (!t || !model_chance(&r->m, 10))
		return;
	OK(r, stoa_table_freeze(r->txn, t->id, &r->err));
	t->frozen = true;
}

static void slot_add(struct run *r, struct model_table *t)
{
	const char *name = slot_names[model_below(&r->m, N_NAMES(slot_names))];
	const struct model_slot *slot = model_slot(&r->m, name);
	int rc;

	if (t->n_slots == MODEL_SLOTS_MAX || t->n_rows > 70000)
		return;
	maybe_fault(r);
	rc = stoa_slot_add(r->txn, t->id, &slot->def, &r->err);
	if (faulted(r, rc))
		return;
	if (slot->def.flags & STOA_NOT_NULL && slot->def.value.type == STOA_NULL && t->n_rows) {
		assert_int_equal(rc, STOA_ENULL);
	} else if (model_find_slot(t, name) >= 0) {
		assert_int_equal(rc, STOA_EEXIST);
	} else {
		OK(r, rc);
		model_add_slot(&r->m, t, slot);
	}
}

static void slot_drop(struct run *r, struct model_table *t)
{
	const char *name = slot_names[model_below(&r->m, N_NAMES(slot_names))];
	int at = model_find_slot(t, name);
	int rc;

	maybe_fault(r);
	rc = stoa_slot_drop(r->txn, t->id, name, &r->err);
	if (faulted(r, rc))
		return;
	if (at < 0) {
		assert_int_equal(rc, STOA_ENOTFOUND);
	} else if (t->n_slots == 1) {
		assert_int_equal(rc, STOA_EINVAL);
	} else {
		OK(r, rc);
		model_drop_slot(&r->m, t, (size_t)at);
	}
}

static void slot_rename(struct run *r, struct model_table *t)
{
	const char *name = slot_names[model_below(&r->m, N_NAMES(slot_names))];
	const char *to = slot_names[model_below(&r->m, N_NAMES(slot_names))];
	int at = model_find_slot(t, name), other = model_find_slot(t, to);
	int rc;

	maybe_fault(r);
	rc = stoa_slot_rename(r->txn, t->id, name, to, &r->err);
	if (faulted(r, rc))
		return;
	if (at < 0) {
		assert_int_equal(rc, STOA_ENOTFOUND);
	} else if (other >= 0 && other != at) {
		assert_int_equal(rc, STOA_EEXIST);
	} else {
		OK(r, rc);
		t->slots[at] = model_slot_renamed(&r->m, t->slots[at], to);
	}
}

static void step_slots(struct run *r)
{
	struct model_table *t = pick(r);

	if (!t || t->n_rows > 70000)
		return;
	switch (model_below(&r->m, 3)) {
	case 0: slot_add(r, t); break;
	case 1: slot_drop(r, t); break;
	default: slot_rename(r, t);
	}
}

static void step_shapes(struct run *r)
{
	struct model_table *t = pick(r);

	for (size_t i = 0; t && i < t->n_slots; i++)
		if (model_chance(&r->m, 50))
			model_reshape(&r->m, t->slots[i]);
}

/* ---- the appender ---- */

struct arrays {
	struct stoa_array array[MODEL_SLOTS_MAX];
	size_t n;
};

static void arrays_make(struct run *r, struct model_table *t, size_t n_rows, struct arrays *a)
{
	struct model_row **rows = malloc((n_rows + 1) * sizeof *rows);

	a->n = t->n_slots;
	for (size_t k = 0; k < n_rows; k++)
		rows[k] = model_row(&r->m, t);
	for (size_t i = 0; i < t->n_slots; i++) {
		const struct stoa_slot *def = &t->slots[i]->def;
		void *values = calloc(n_rows + 1, stoa__type_width(def->type));
		uint64_t *validity = calloc(STOA__WORDS(n_rows) + 1, sizeof *validity);
		bool any_null = false;

		for (size_t k = 0; k < n_rows; k++) {
			const struct stoa_value *v = model_value(&r->m, t->slots[i]);

			rows[k]->cell[i] = v;
			if (v->type == STOA_NULL) {
				/* what lies there must not matter */
				memset((char *)values + k * stoa__type_width(def->type), 0x5a,
				       stoa__type_width(def->type));
				any_null = true;
			} else {
				stoa__bit_set(validity, k);
				stoa__element_put(def->type, values, k, v);
			}
		}
		if (!any_null && model_chance(&r->m, 50)) {
			free(validity);
			validity = NULL;
		}
		a->array[i] = (struct stoa_array){ def->type, def->scale, values, validity };
	}
	for (size_t k = 0; k < n_rows; k++)
		model_add(t, rows[k]);
	free(rows);
}

static void arrays_free(struct arrays *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free((void *)(uintptr_t)a->array[i].values);
		free((void *)(uintptr_t)a->array[i].validity);
	}
}

/* Arrays that must be refused. */
static void append_bad(struct run *r, stoa_appender *app, const struct model_table *t)
{
	struct stoa_array arrays[MODEL_SLOTS_MAX + 1];
	_Alignas(16) static const uint8_t zeros[16];
	static const uint64_t nothing;
	size_t i = model_below(&r->m, t->n_slots);

	for (size_t k = 0; k < t->n_slots; k++)
		arrays[k] = (struct stoa_array){ t->slots[k]->def.type, t->slots[k]->def.scale,
						 zeros, NULL };
	assert_int_equal(stoa_append(app, arrays, t->n_slots - 1, 1, &r->err), STOA_EINVAL);
	if (t->slots[i]->def.flags & STOA_NOT_NULL) {
		arrays[i].validity = &nothing;
		assert_int_equal(stoa_append(app, arrays, t->n_slots, 1, &r->err), STOA_ENULL);
		arrays[i].validity = NULL;
	}
	arrays[i].type = arrays[i].type == STOA_I64 ? STOA_I32 : STOA_I64;
	assert_int_equal(stoa_append(app, arrays, t->n_slots, 1, &r->err), STOA_ETYPE);
}

static size_t append_size(struct run *r, const struct model_table *t)
{
	static const size_t small[] = { 0, 1, 7, 63, 64, 65, 255, 256, 257, 300 };
	static const size_t large[] = { 2047, 4096, 5000, 65535, 65536, 65537, 70000, 131073 };
	size_t n = small[model_below(&r->m, N_NAMES(small))];

	if (t->n_slots <= 8 && model_chance(&r->m, 15))
		n = large[model_below(&r->m, N_NAMES(large))];
	if (n * t->n_slots > r->rows_left)
		n = 3;
	r->rows_left -= n * t->n_slots < r->rows_left ? n * t->n_slots : r->rows_left;
	return n;
}

static void step_append(struct run *r)
{
	struct model_table *t = pick(r);
	struct model_state before;
	stoa_appender *app;
	bool abort;
	size_t at;

	if (!t)
		return;
	(void)model_find(&r->state, t->name, &at);
	model_copy(&before, &r->state);
	t = model_own(&r->state, at);
	OK(r, stoa_appender_open(r->txn, t->id, &app, &r->err));
	for (uint64_t n = 1 + model_below(&r->m, 3); n; n--) {
		struct arrays a;
		size_t n_rows = append_size(r, t);

		arrays_make(r, t, n_rows, &a);
		OK(r, stoa_append(app, a.array, a.n, n_rows, &r->err));
		arrays_free(&a);
		if (model_chance(&r->m, 20))
			append_bad(r, app, t);
		if (model_chance(&r->m, 20))
			compare_info(r, r->txn, model_find(&before, t->name, NULL));
	}
	abort = model_chance(&r->m, 15);
	if (!abort) {
		int rc;

		maybe_fault(r);
		rc = stoa_appender_close(app, &r->err);
		abort = faulted(r, rc);
		if (!abort)
			OK(r, rc);
	} else {
		stoa_appender_abort(app);
	}
	if (abort) {
		model_clear(&r->state);
		r->state = before;
	} else {
		model_clear(&before);
	}
}

/* ---- savepoints, transactions ---- */

static void step_savepoint(struct run *r)
{
	struct mark *m = &r->marks[r->n_marks];
	int rc;

	if (r->n_marks == MARKS_MAX)
		return;
	maybe_fault(r);
	rc = stoa_savepoint(r->txn, &m->mark, &r->err);
	if (faulted(r, rc))
		return;
	OK(r, rc);
	m->serial = r->serial;
	model_copy(&m->state, &r->state);
	r->n_marks++;
}

/* Cursors of the transaction opened after @serial see nothing any more. */
static void lose_watches(struct run *r, uint64_t serial)
{
	for (size_t i = 0; i < CURSORS; i++)
		if (r->watches[i].cur && r->watches[i].of_txn && r->watches[i].serial > serial)
			r->watches[i].gone = true;
}

static void step_rollback(struct run *r)
{
	size_t at;

	assert_int_equal(stoa_rollback_to(r->txn, (uint32_t)r->n_marks + 1, &r->err), STOA_EINVAL);
	if (!r->n_marks)
		return;
	at = model_below(&r->m, r->n_marks);
	OK(r, stoa_rollback_to(r->txn, r->marks[at].mark, &r->err));
	while (r->n_marks > at + 1)
		model_clear(&r->marks[--r->n_marks].state);
	lose_watches(r, r->marks[at].serial);
	model_clear(&r->state);
	model_copy(&r->state, &r->marks[at].state);
}

static void begin(struct run *r)
{
	OK(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
	model_copy(&r->state, &r->committed);
	r->durability = r->options.durability ? r->options.durability : STOA_FULL;
	if (model_chance(&r->m, 20)) {
		r->durability = STOA_FULL + (int)model_below(&r->m, 3);
		OK(r, stoa_set_durability(r->txn, r->durability, &r->err));
	}
}

/* The transaction is over. */
static void over(struct run *r)
{
	r->txn = NULL;
	while (r->n_marks)
		model_clear(&r->marks[--r->n_marks].state);
	for (size_t i = 0; i < CURSORS; i++)
		r->watches[i].of_txn = false;
	check_symbols(r);
}

/* Nothing of the transaction took place. */
static void undone(struct run *r)
{
	lose_watches(r, 0);
	model_clear(&r->state);
	over(r);
}

static void step_commit(struct run *r)
{
	int rc;

	maybe_fault(r);
	rc = stoa_commit(r->txn, &r->err);
	if (faulted(r, rc)) {
		undone(r);
		return;
	}
	OK(r, rc);
	model_clear(&r->committed);
	r->committed = r->state;
	r->on_disk = r->durability == STOA_FULL;
	over(r);
}

static void step_abort(struct run *r)
{
	stoa_abort(r->txn);
	undone(r);
}

/* ---- looking ---- */

static void step_compare(struct run *r)
{
	struct reader *reader = &r->readers[model_below(&r->m, READERS)];

	if (r->txn && model_chance(&r->m, 50))
		compare_all(r, r->txn, &r->state);
	else if (reader->txn)
		compare_all(r, reader->txn, &reader->state);
}

static void reader_end(struct reader *reader)
{
	stoa_abort(reader->txn);
	if (reader->txn)
		model_clear(&reader->state);
	reader->txn = NULL;
}

static void step_reader(struct run *r)
{
	struct reader *reader = &r->readers[model_below(&r->m, READERS)];

	if (reader->txn) {
		reader_end(reader);
		return;
	}
	OK(r, stoa_begin(r->db, STOA_READ, &reader->txn, &r->err));
	model_copy(&reader->state, &r->committed);
}

static void step_watch(struct run *r)
{
	struct watch *w = &r->watches[model_below(&r->m, CURSORS)];
	struct reader *reader = &r->readers[model_below(&r->m, READERS)];
	bool inside = r->txn && model_chance(&r->m, 50);
	const struct model_state *s = inside ? &r->state : &reader->state;
	stoa_txn *txn = inside ? r->txn : reader->txn;

	if (w->cur) {
		for (uint64_t n = model_below(&r->m, 60); n; n--)
			if (!watch_step(r, w) && model_chance(&r->m, 70)) {
				watch_close(w);
				return;
			}
		return;
	}
	if (txn && s->n)
		watch_open(r, w, txn, s->tables[model_below(&r->m, s->n)]);
}

/* ---- the disk ---- */

static void open_db(struct run *r)
{
	OK(r, stoa_open(r->dir ? testing_path(r->dir, "db.stoa") : NULL, &r->options, &r->db,
			&r->err));
}

static void let_go(struct run *r)
{
	for (size_t i = 0; i < CURSORS; i++)
		watch_close(&r->watches[i]);
	for (size_t i = 0; i < READERS; i++)
		reader_end(&r->readers[i]);
}

static void compare_committed(struct run *r)
{
	stoa_txn *txn;

	OK(r, stoa_begin(r->db, STOA_READ, &txn, &r->err));
	compare_all(r, txn, &r->committed);
	stoa_abort(txn);
}

static void step_reopen(struct run *r)
{
	if (!r->dir || !model_chance(&r->m, 30))
		return;
	let_go(r);
	OK(r, stoa_close(r->db, &r->err));
	open_db(r);
	r->on_disk = true;
	compare_committed(r);
	check_symbols(r);
}

static void step_checkpoint(struct run *r)
{
	if (r->txn) {
		assert_int_equal(stoa_checkpoint(r->db, &r->err), r->dir ? STOA_ESTATE : STOA_OK);
		return;
	}
	OK(r, stoa_checkpoint(r->db, &r->err));
	r->on_disk = true;
}

/* Row groups are rewritten; nobody may see it. */
static void step_collect(struct run *r)
{
	int generation = (int)model_below(&r->m, STOA_GC_GENERATIONS);
	int rc;

	if (r->txn) {
		assert_int_equal(stoa_gc_collect(r->db, generation, NULL, &r->err), STOA_ESTATE);
		return;
	}
	maybe_fault(r);
	rc = stoa_gc_collect(r->db, generation, NULL, &r->err);
	if (faulted(r, rc))
		return;
	OK(r, rc);
	r->on_disk = true;
}

#ifndef __SANITIZE_THREAD__
/* In another process: the parent's handle is dead, and a reader's sees what is committed. */
static void look(struct run *r)
{
	stoa_db *parents = r->db;
	stoa_txn *txn;

	assert_int_equal(stoa_begin(parents, STOA_READ, &txn, &r->err), STOA_EFORKED);
	r->options.flags |= STOA_OPEN_READ_ONLY;
	open_db(r);
	assert_int_equal(stoa_begin(r->db, STOA_WRITE, &txn, &r->err), STOA_EREADONLY);
	compare_committed(r);
	check_symbols(r);
	OK(r, stoa_refresh(r->db, &r->err));
	OK(r, stoa_close(r->db, &r->err));
}

static void step_look(struct run *r)
{
	int status;
	pid_t child;

	if (!r->dir || !r->on_disk || r->txn)
		return;
	fflush(stdout);
	child = fork();
	if (!child) {
		look(r);
		_exit(0);	/* a failed comparison does not come here */
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}
#else
/* The sanitizer's own thread does not survive a fork. */
static void step_look(struct run *r)
{
	(void)r;
}
#endif

/* ---- runs ---- */

struct choice {
	unsigned weight;
	void (*step)(struct run *r);
};

static const struct choice inside[] = {
	{ 20, step_insert },	{ 20, step_update },   { 12, step_delete },  { 5, step_bad_row },
	{ 2, step_refused },	{ 4, step_create },    { 1, step_drop },     { 1, step_rename },
	{ 1, step_freeze },	{ 4, step_slots },     { 3, step_shapes },   { 6, step_append },
	{ 4, step_savepoint },	{ 4, step_rollback },  { 8, step_commit },   { 3, step_abort },
	{ 2, step_compare },	{ 3, step_reader },    { 12, step_watch },   { 1, step_checkpoint },
	{ 1, step_collect },	{ 0, NULL },
};

static const struct choice outside[] = {
	{ 30, begin },	     { 2, step_compare },    { 6, step_reader }, { 10, step_watch },
	{ 2, step_reopen },  { 2, step_checkpoint }, { 2, step_look },	 { 6, step_collect },
	{ 0, NULL },
};

static void step(struct run *r)
{
	const struct choice *c = r->txn ? inside : outside;
	unsigned sum = 0;
	uint64_t x;

	for (size_t i = 0; c[i].step; i++)
		sum += c[i].weight;
	for (x = model_below(&r->m, sum); x >= c->weight; c++)
		x -= c->weight;
	c->step(r);
}

/* All that a run held is given back: only the newest version's blocks are there. */
static void finish(struct run *r)
{
	struct stoa_stat stat = STOA_STAT_INIT;
	stoa_txn *txn;

	if (r->txn)
		step_abort(r);
	let_go(r);
	compare_committed(r);
	/* What works in the background would hold snapshots of its own. */
	stoa__background_stop(r->db);
	OK(r, stoa_checkpoint(r->db, &r->err));
	OK(r, stoa_begin(r->db, STOA_WRITE, &txn, &r->err));
	OK(r, stoa_stat(txn, 0, &stat, &r->err));
	assert_int_equal(stat.n_snapshots, 0);
	for (size_t i = 0; i < r->committed.n; i++)
		OK(r, stoa_table_drop(txn, r->committed.tables[i]->id, &r->err));
	OK(r, stoa_commit(txn, &r->err));
	OK(r, stoa_checkpoint(r->db, &r->err));
	OK(r, stoa_begin(r->db, STOA_READ, &txn, &r->err));
	OK(r, stoa_stat(txn, 0, &stat, &r->err));
	assert_int_equal(stat.n_symbols, 0);
	stoa_abort(txn);
	if (!r->dir)
		assert_int_equal(stoa__history_bytes(&r->db->history), 0);
	OK(r, stoa_close(r->db, &r->err));
	model_clear(&r->committed);
	model_release(&r->m);
	testing_rmtree(r->dir);
}

static void run(uint64_t seed, bool durable, unsigned n_steps)
{
	struct run r;

	memset(&r, 0, sizeof r);
	model_init(&r.m, seed);
	r.options = (struct stoa_options)STOA_OPTIONS_INIT;
	r.options.lazy_ms = 5;
	r.options.durability = (int)model_below(&r.m, 4);
	if (model_chance(&r.m, 50))
		r.options.log_max_bytes = 4096 << model_below(&r.m, 6);
	r.rows_left = 1200000;
	if (durable)
		r.dir = testing_tempdir();
	open_db(&r);
	for (unsigned i = 0; i < n_steps; i++)
		step(&r);
	finish(&r);
}

static void runs(bool durable, unsigned n_runs, unsigned n_steps)
{
	uint64_t seed = testing_seed();

	if (testing_long())
		n_runs *= 20;
	for (unsigned i = 0; i < n_runs; i++) {
		if (getenv("STOA_VERBOSE"))
			printf("run %u\n", i), fflush(stdout);
		run(seed + i, durable, n_steps);
	}
}

static void a_database_in_memory_does_what_a_naive_program_does(void **state)
{
	(void)state;
	runs(false, 6, 600);
}

static void a_database_on_disk_does_what_a_naive_program_does(void **state)
{
	(void)state;
	runs(true, 4, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_database_in_memory_does_what_a_naive_program_does),
		cmocka_unit_test(a_database_on_disk_does_what_a_naive_program_does),
	};

	stoa__tail_rows_min = 5;	/* so that tails go with their last rows */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
