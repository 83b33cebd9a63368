/* SPDX-License-Identifier: MIT */
/*
 * redo.c - a transaction's operations as bytes of one log record, and back
 *
 *     insert  1, table, rowid, a value for each slot
 *     update  2, table, rowid, count, then position and value of each slot
 *     delete  3, table, rowid
 *     schema  4, table, schema          makes the table or changes it
 *     drop    5, table
 *     freeze  6, table
 *     keep    16, table, rowid          a delete that left the row's values to what refers to it
 *     die     17, table, first rowid, count, step (1 up, 0 down)     kept rows, in the order of their deaths
 *
 * and those of a deque, 48 to 50 (deque_index.h).
 *
 * Numbers are varints. Operations are logical, and doing them again on the version they were done
 * on gives the same rowids; the insert carries its rowid all the same, so that a log that does not
 * fit its catalog is noticed.
 */
#include "core/alloc.h"
#include "core/type.h"
#include "db.h"
#include "deque_index.h"

enum op { OP_INSERT = 1, OP_UPDATE, OP_DELETE, OP_SCHEMA, OP_DROP, OP_FREEZE, OP_KEEP = 16, OP_DIE };

static int put_op(struct stoa_txn *txn, enum op op, uint32_t table)
{
	struct stoa__buf *redo = &txn->redo;

	if (table < 0x80 && redo->cap - redo->len >= 2) {	/* mostly, and each row has one */
		redo->p[redo->len++] = (uint8_t)op;
		redo->p[redo->len++] = (uint8_t)table;
		return STOA_OK;
	}
	STOA_TRY(stoa__buf_put_u8(&txn->redo, (uint8_t)op));
	return stoa__buf_put_varint(&txn->redo, table);
}

/* Takes back a half-written operation, which began at @mark. */
static int whole(struct stoa_txn *txn, size_t mark, int rc)
{
	if (rc < 0)
		txn->redo.len = mark;
	return rc;
}

static int put_insert(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid,
		      const struct stoa_value *values)
{
	STOA_TRY(put_op(txn, OP_INSERT, t->id));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, rowid));
	for (uint32_t i = 0; i < t->schema->n_slots; i++)
		STOA_TRY(stoa__value_put(&values[i], &txn->redo));
	return STOA_OK;
}

int stoa__redo_insert(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid,
		      const struct stoa_value *values)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_insert(txn, t, rowid, values));
}

static int put_update(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid,
		      const uint32_t *slots, const struct stoa_value *values, size_t n)
{
	STOA_TRY(put_op(txn, OP_UPDATE, t->id));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, rowid));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, n));
	for (size_t i = 0; i < n; i++) {
		STOA_TRY(stoa__buf_put_varint(&txn->redo, slots[i]));
		STOA_TRY(stoa__value_put(&values[i], &txn->redo));
	}
	return STOA_OK;
}

int stoa__redo_update(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid,
		      const uint32_t *slots, const struct stoa_value *values, size_t n)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_update(txn, t, rowid, slots, values, n));
}

static int put_delete(struct stoa_txn *txn, uint32_t table, uint64_t rowid, bool keep)
{
	STOA_TRY(put_op(txn, keep ? OP_KEEP : OP_DELETE, table));
	return stoa__buf_put_varint(&txn->redo, rowid);
}

int stoa__redo_delete(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid, bool keep)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_delete(txn, t->id, rowid, keep));
}

static int put_deaths(struct stoa_txn *txn, const struct stoa__deaths *d)
{
	STOA_TRY(put_op(txn, OP_DIE, d->table));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, d->first));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, d->n));
	return stoa__buf_put_u8(&txn->redo, d->up);
}

int stoa__redo_deaths(struct stoa_txn *txn, const struct stoa__deaths *d)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_deaths(txn, d));
}

static int put_schema(struct stoa_txn *txn, uint32_t table, const struct stoa__schema *schema)
{
	STOA_TRY(put_op(txn, OP_SCHEMA, table));
	return stoa__schema_put(schema, &txn->redo);
}

int stoa__redo_schema(struct stoa_txn *txn, uint32_t table, const struct stoa__schema *schema)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_schema(txn, table, schema));
}

int stoa__redo_drop(struct stoa_txn *txn, uint32_t table)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_op(txn, OP_DROP, table));
}

int stoa__redo_freeze(struct stoa_txn *txn, uint32_t table)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_op(txn, OP_FREEZE, table));
}

/* ---- replay ---- */

static int malformed(struct stoa_error *err)
{
	return stoa__fail(err, STOA_ECORRUPT,
			  "a log record does not fit the database: its catalog or log was replaced");
}

/* Reads a value and makes it one that @slot may hold. */
static int read_value(struct stoa__reader *r, const struct stoa__slot *slot, struct stoa_value *out,
		      struct stoa_error *err)
{
	struct stoa_value v;

	stoa__value_read(r, &v);
	if (r->bad || v.type == STOA_TYPE_DEFAULT)
		return malformed(err);
	return stoa__convert(&slot->def, &v, out, NULL) < 0 ? malformed(err) : STOA_OK;
}

/* What a call that was done before says now: a row that was there must be there. */
static int fits(int rc, struct stoa_error *err)
{
	return rc == STOA_ENOTFOUND ? malformed(err) : rc;
}

static int replay_insert(struct stoa__version *w, struct stoa__table *t, struct stoa__reader *r,
			 struct stoa_error *err)
{
	uint64_t rowid = stoa__read_varint(r), got;
	uint32_t n = t->schema->n_slots;
	struct stoa_value *values = stoa__alloc(n * sizeof *values);
	int rc = STOA_OK;

	if (!values)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < n && rc == STOA_OK; i++)
		rc = read_value(r, &t->schema->slots[i], &values[i], err);
	if (rc == STOA_OK && rowid != t->next_rowid)
		rc = malformed(err);
	if (rc == STOA_OK)
		rc = fits(stoa__refs_insert(w, t, values, &got, err), err);
	stoa__free(values);
	return rc;
}

static int replay_update(struct stoa__version *w, struct stoa__table *t, struct stoa__reader *r,
			 struct stoa_error *err)
{
	struct stoa__place at;
	uint64_t rowid = stoa__read_varint(r), n = stoa__read_varint(r);
	struct stoa_value *values;
	uint32_t *slots;
	int rc = STOA_OK;

	/* A position takes a byte, and so does a value. */
	if (r->bad || n > stoa__reader_left(r) / 2)
		return malformed(err);
	STOA_TRY(fits(stoa__table_locate_existing(t, rowid, &at, err), err));
	if (!n)
		return STOA_OK;
	slots = stoa__calloc(n, sizeof *slots);
	values = stoa__calloc(n, sizeof *values);
	if (!slots || !values)
		rc = stoa__fail_memory(err);
	for (uint64_t i = 0; i < n && rc == STOA_OK; i++) {
		slots[i] = (uint32_t)stoa__read_varint(r);
		if (r->bad || slots[i] >= t->schema->n_slots)
			rc = malformed(err);
		else
			rc = read_value(r, &t->schema->slots[slots[i]], &values[i], err);
	}
	/* All at once, as it was done: an index may be on several of the slots. */
	if (rc == STOA_OK)
		rc = fits(stoa__refs_update(w, NULL, t, at, slots, values, n, err), err);
	stoa__free(slots);
	stoa__free(values);
	return rc;
}

static int replay_deaths(struct stoa__version *w, struct stoa__table *t, struct stoa__reader *r,
			 struct stoa_error *err)
{
	uint64_t row = stoa__read_varint(r), n = stoa__read_varint(r);
	bool up = stoa__read_u8(r);
	struct stoa__place at;

	for (; n && !r->bad; n--, row += up ? 1 : UINT64_MAX) {
		STOA_TRY(fits(stoa__table_locate_existing(t, row, &at, err), err));
		if (stoa__group_alive(at.group, at.row))
			return malformed(err);
		STOA_TRY(stoa__refs_die(w, NULL, t, row, at, err));
	}
	return STOA_OK;
}

static int replay_delete(struct stoa__version *w, struct stoa__table *t, bool keep,
			 struct stoa__reader *r, struct stoa_error *err)
{
	uint64_t row = stoa__read_varint(r);
	struct stoa__place at;

	STOA_TRY(fits(stoa__table_locate(t, row, &at, err), err));
	STOA_TRY(stoa__refs_settle(w, t, err));
	return stoa__refs_delete(w, NULL, t, row, at, keep, err);
}

static int replay_row(struct stoa__version *w, enum op op, uint32_t id, struct stoa__reader *r,
		      struct stoa_error *err)
{
	struct stoa__table *t;
	int rc = stoa__table_own(w, id, &t);

	if (rc < 0)
		return rc == STOA_ENOMEM ? stoa__fail_memory(err) : malformed(err);
	if (op == OP_INSERT)
		return replay_insert(w, t, r, err);
	if (op == OP_UPDATE)
		return replay_update(w, t, r, err);
	if (op == OP_FREEZE) {
		t->frozen = true;
		return STOA_OK;
	}
	if (op == OP_DROP)
		return stoa__table_drop(w, NULL, t, err);
	if (op == OP_DIE)
		return replay_deaths(w, t, r, err);
	return replay_delete(w, t, op == OP_KEEP, r, err);
}

static bool is_op(uint8_t op)
{
	return (op >= OP_INSERT && op <= OP_FREEZE) || op == OP_KEEP || op == OP_DIE;
}

int stoa__redo_replay(struct stoa__version *w, const uint8_t *payload, size_t len,
		      struct stoa_error *err)
{
	struct stoa__reader r = stoa__reader_of(payload, len);

	while (stoa__reader_left(&r) && !r.bad) {
		uint8_t op = stoa__read_u8(&r);
		uint32_t table = (uint32_t)stoa__read_varint(&r);
		struct stoa__schema *schema;

		if (op >= STOA__REDO_AIM && op <= STOA__REDO_TURN && table && !r.bad) {
			STOA_TRY(stoa__deque_replay(w, op, table, &r, err));
			continue;
		}
		if (!is_op(op) || !table || r.bad)
			return malformed(err);
		if (op == OP_SCHEMA) {
			STOA_TRY(stoa__schema_read(w, &r, &schema, err));
			STOA_TRY(stoa__table_set_schema(w, NULL, table, schema, err));
		} else {
			STOA_TRY(replay_row(w, (enum op)op, table, &r, err));
		}
	}
	return r.bad ? malformed(err) : STOA_OK;
}
