/* SPDX-License-Identifier: MIT */
/* point.c - see point.h: points that are run, and the changes that are made by them */
#include "point.h"

#include <string.h>

#include "../lib/core/type.h"
#include "../lib/refs.h"
#include "point_own.h"

/* ---- running --------------------------------------------------------------------------------- */

static int read_slot(struct stoa__point *p, uint32_t i, struct stoa_error *err)
{
	const struct stoa__slot *slot = &p->t->schema->slots[i];
	struct stoa_value *v = &p->values[i];

	STOA_TRY(stoa__group_value(p->at.group, slot, i, p->at.row, &p->scratch, v, err));
	return stoa__ref_resolve(p->txn->version, &slot->def, v, err);
}

static int point_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			struct stoa_error *err)
{
	static const uint64_t no_bits;
	struct stoa__point *p = (struct stoa__point *)in;
	unsigned phys = stoa__prog_phys(p->types[i].type);
	uint8_t *cell = p->cells + i * STOA__POINT_CELL;

	if (!p->ready[i]) {
		if (i < p->n_row)
			STOA_TRY(read_slot(p, (uint32_t)i, err));
		stoa__vec_put_value(cell, 0, phys, &p->values[i]);
		p->ready[i] = true;
	}
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)phys;
	out->type = p->types[i].type;
	out->scale = p->types[i].scale;
	out->n = 1;
	out->values = cell;
	out->validity = p->values[i].type == STOA_NULL ? &no_bits : NULL;
	return STOA_OK;
}

/*
 * What a program reads of the row may move when room has to be made for more of it: once again
 * then, there is room now.
 */
int stoa__point_run(struct stoa__point *p, struct stoa__machine *m)
{
	size_t room;

	do {
		room = p->scratch.cap;
		p->scratch.len = 0;
		memset(p->ready, 0, p->n_row * sizeof *p->ready);
		STOA_TRY(stoa__machine_run(m, &p->input, 1, NULL, NULL));
	} while (p->scratch.cap != room);
	return STOA_OK;
}

int stoa__point_find(const struct stoa__point *p, const struct stoa__point_ask *q,
		     struct stoa_txn *txn, stoa_table table, stoa_rowid *row)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	const struct stoa__index_def *def;

	for (size_t i = 0; i < p->n_key; i++) {
		key[i] = stoa__point_constant(p->key[i], q->params);
		if (key[i].type == STOA_NULL)
			return STOA_EUNSUPPORTED;
	}
	if (!p->set) {
		*row = (stoa_rowid)key[0].i;
		return key[0].type == STOA_I64 && key[0].i > 0 ? STOA_ROW : STOA_EUNSUPPORTED;
	}
	def = &q->t->schema->indexes[stoa__schema_find_index(q->t->schema, p->set)];
	for (size_t i = 0; i < p->n_key; i++)
		if (!stoa__point_is_plain(q->t->schema->defs[def->slots[i]].type, &key[i]))
			return STOA_EUNSUPPORTED;
	return stoa_set_find(txn, table, p->set, key, p->n_key, row, NULL);
}

int stoa__point_begin(struct stoa__point *p, const struct stoa__point_ask *q, struct stoa_txn *txn,
		      stoa_rowid row)
{
	const struct stoa__vec *v;

	p->input.column = point_column;
	p->txn = txn;
	p->t = q->t;
	if (row) {
		int rc = stoa__table_locate(q->t, row, &p->at, NULL);

		if (rc < 0)
			return rc == STOA_ENOTFOUND ? STOA_END : rc;
		p->values[p->n_row] = stoa_i64((int64_t)row);
	}
	for (uint32_t i = 0; i < p->n_params; i++)
		p->values[p->first_param + i] = q->params[i];
	memset(p->ready, 0, p->n_columns * sizeof *p->ready);
	if (!p->where)
		return STOA_ROW;
	STOA_TRY(stoa__point_run(p, p->where));
	v = stoa__machine_output(p->where, 0);
	return stoa__bit_get(v->validity, 0) && stoa__vec_datum(v, 0).i ? STOA_ROW : STOA_END;
}

/* All outputs: STOA_OK, or an error without words. */
static int compute(struct stoa__point *p, const struct stoa__point_ask *q, struct stoa_value *out)
{
	size_t n = 0;

	if (p->out)
		STOA_TRY(stoa__point_run(p, p->out));
	for (size_t i = 0; i < p->n_outputs; i++)
		out[i] = p->outputs[i].bare ?
				 stoa__point_bare(&p->outputs[i], q) :
				 stoa__vec_value(stoa__machine_output(p->out, n++), 0);
	return STOA_OK;
}

/* ---- statements ------------------------------------------------------------------------------ */

static struct stoa__point_ask ask_of(const struct stoa__point_change *c,
				     const struct stoa__table *t)
{
	const struct stoa__statement *s = stoa__stmt_about(c->stmt);
	struct stoa_bytes own = { s->table.p, s->table.len };

	return (struct stoa__point_ask){ .stmt = c->stmt, .tables = c->tables, .t = t,
					 .params = c->params, .slots = c->slots,
					 .name = s->alias.p ? s->alias : own };
}

/* Adds a row: STOA_OK or an error. */
static int insert(const struct stoa__point_change *c, struct stoa__point *p,
		  const struct stoa__point_ask *q)
{
	stoa_rowid row;

	STOA_TRY(stoa__point_begin(p, q, c->txn, 0));
	STOA_TRY(compute(p, q, p->results));
	return stoa_insert(c->txn, c->table, p->results, p->n_outputs, &row, NULL);
}

/* Changes the row, or takes it out: STOA_OK, STOA_END where there is none, or an error. */
static int change(const struct stoa__point_change *c, struct stoa__point *p,
		  const struct stoa__point_ask *q)
{
	stoa_rowid row;
	int rc = stoa__point_find(p, q, c->txn, c->table, &row);

	if (rc == STOA_ROW)
		rc = stoa__point_begin(p, q, c->txn, row);
	if (rc != STOA_ROW)
		return rc;
	if (stoa__stmt_about(c->stmt)->kind == STOA__STATEMENT_DELETE)
		return stoa_delete(c->txn, c->table, row, NULL);
	STOA_TRY(compute(p, q, p->results));
	return stoa_update(c->txn, c->table, row, c->slots, p->results, p->n_outputs, NULL);
}

/* What @c's statement asks for; NULL where it is none for a point. EXPLAIN is about plans. */
static struct stoa__point *changing(const struct stoa__point_change *c, struct stoa__point_ask *q)
{
	static const struct stoa__ast_list defaults;
	const struct stoa__statement *s = stoa__stmt_about(c->stmt);
	bool inserts = s->kind == STOA__STATEMENT_INSERT;
	const struct stoa__ast_list *row = c->rows ? c->rows->items[0]->list : &defaults;
	struct stoa__table *t;

	if (c->stmt->tree->inner || s->from || s->with || (inserts && s->query && !c->rows) ||
	    (c->rows && (c->rows->n != 1 || row->n != c->n_slots)) ||
	    stoa__txn_table(c->txn, c->table, &t, NULL) < 0)
		return NULL;
	*q = ask_of(c, t);
	q->keyed = !inserts;
	q->where = s->where;
	q->row = inserts ? row : NULL;
	q->sets = s->sets;
	return stoa__point_for(&c->stmt->point, q);
}

int stoa__point_change(const struct stoa__point_change *c, uint64_t *n)
{
	const struct stoa__statement *s = stoa__stmt_about(c->stmt);
	struct stoa__point *p;
	struct stoa__point_ask q;
	int rc;

	p = s->returning || s->conflict ? NULL : changing(c, &q);
	if (!p)
		return STOA_END;
	rc = s->kind == STOA__STATEMENT_INSERT ? insert(c, p, &q) : change(c, p, &q);
	*n = rc == STOA_OK;
	return rc < 0 ? STOA_END : STOA_ROW;
}

int stoa__point_values(const struct stoa__point_change *c, struct stoa_value *values)
{
	struct stoa__point *p;
	struct stoa__point_ask q;

	p = changing(c, &q);
	if (!p || stoa__point_begin(p, &q, c->txn, 0) < 0 || compute(p, &q, p->results) < 0)
		return STOA_END;
	for (uint32_t i = 0; i < p->n_row; i++) {
		const struct stoa_slot *slot = &q.t->schema->defs[i];

		if (p->results[i].type == STOA_TYPE_DEFAULT)
			values[i] = slot->value;
		else if (stoa__convert(slot, &p->results[i], &values[i], NULL) < 0)
			return STOA_END;
	}
	return STOA_ROW;
}

/* What came must be as its slot stores it, but for the width of an integer. */
static bool fits(const struct stoa_slot *slot, const struct stoa_value *v)
{
	bool whole = stoa__type_is_int(v->type) || v->type == STOA_U64;

	if (v->type == STOA_NULL)
		return true;
	if (slot->type == STOA_DECIMAL)
		return v->type == STOA_DECIMAL && v->scale == slot->scale;
	if (stoa__type_is_int(slot->type) || stoa__type_is_ref(slot->type))
		return v->type == slot->type || whole;
	return v->type == slot->type ||
	       (stoa__type_is_text(slot->type) && stoa__type_is_text(v->type));
}

int stoa__point_upsert(const struct stoa__point_change *c, stoa_rowid row,
		       const struct stoa_value *came, struct stoa_value *changes)
{
	const struct stoa__conflict *conflict = stoa__stmt_about(c->stmt)->conflict;
	struct stoa__table *t;
	struct stoa__point *p;
	struct stoa__point_ask q;
	int rc;

	if (c->stmt->tree->inner)
		return STOA_EUNSUPPORTED;
	STOA_TRY(stoa__txn_table(c->txn, c->table, &t, NULL));
	q = ask_of(c, t);
	q.with_came = true;
	q.where = conflict->where;
	q.sets = conflict->sets;
	p = stoa__point_for(&c->stmt->upsert, &q);
	if (!p)
		return STOA_EUNSUPPORTED;
	for (uint32_t i = 0; i < p->n_row; i++) {
		if (!fits(&t->schema->defs[i], &came[i]))
			return STOA_EUNSUPPORTED;
		p->values[p->first_came + i] = came[i];
	}
	rc = stoa__point_begin(p, &q, c->txn, row);
	if (rc != STOA_ROW)
		return rc;
	rc = compute(p, &q, changes);
	return rc < 0 ? rc : STOA_ROW;
}
