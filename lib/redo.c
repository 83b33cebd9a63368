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
 *
 * Numbers are varints. Operations are logical, and doing them again on the version they were done on gives
 * the same rowids; the insert carries its rowid all the same, so that a log that does not fit its
 * catalog is noticed.
 */
#include "core/alloc.h"
#include "core/type.h"
#include "db.h"

enum op { OP_INSERT = 1, OP_UPDATE, OP_DELETE, OP_SCHEMA, OP_DROP, OP_FREEZE };

static int put_op(struct stoa_txn *txn, enum op op, uint32_t table)
{
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

static int put_delete(struct stoa_txn *txn, uint32_t table, uint64_t rowid)
{
	STOA_TRY(put_op(txn, OP_DELETE, table));
	return stoa__buf_put_varint(&txn->redo, rowid);
}

int stoa__redo_delete(struct stoa_txn *txn, const struct stoa__table *t, uint64_t rowid)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_delete(txn, t->id, rowid));
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
		rc = stoa__table_insert(w, t, values, &got, err);
	stoa__free(values);
	return rc;
}

/* A live row, which must be there. */
static int locate(const struct stoa__table *t, uint64_t rowid, struct stoa__place *at,
		  struct stoa_error *err)
{
	int rc = stoa__table_locate(t, rowid, at, err);

	return rc == STOA_ENOTFOUND ? malformed(err) : rc;
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
	STOA_TRY(locate(t, rowid, &at, err));
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
		rc = stoa__table_update(w, t, at, slots, values, n, err);
	stoa__free(slots);
	stoa__free(values);
	return rc;
}

static int replay_row(struct stoa__version *w, enum op op, uint32_t id, struct stoa__reader *r,
		      struct stoa_error *err)
{
	struct stoa__table *t;
	struct stoa__place at;
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
		return stoa__table_remove(w, t) < 0 ? stoa__fail_memory(err) : STOA_OK;
	STOA_TRY(locate(t, stoa__read_varint(r), &at, err));
	return stoa__table_delete(w, t, at, false, err);
}

int stoa__redo_replay(struct stoa__version *w, const uint8_t *payload, size_t len,
		      struct stoa_error *err)
{
	struct stoa__reader r = stoa__reader_of(payload, len);

	while (stoa__reader_left(&r) && !r.bad) {
		uint8_t op = stoa__read_u8(&r);
		uint32_t table = (uint32_t)stoa__read_varint(&r);
		struct stoa__schema *schema;

		if (op < OP_INSERT || op > OP_FREEZE || !table || r.bad)
			return malformed(err);
		if (op == OP_SCHEMA) {
			STOA_TRY(stoa__schema_read(w, &r, &schema, err));
			STOA_TRY(stoa__table_set_schema(w, table, schema, err));
		} else {
			STOA_TRY(replay_row(w, (enum op)op, table, &r, err));
		}
	}
	return r.bad ? malformed(err) : STOA_OK;
}
