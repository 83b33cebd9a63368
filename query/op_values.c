/* SPDX-License-Identifier: MIT */
/*
 * op_values.c - rows that the statement itself spells out: VALUES
 *
 * Nearly all cells are constants by the time they get here. The others fail when they are computed
 * (1 / 0), and so are computed when a row is asked for and not before.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "func.h"
#include "op.h"

struct cells {
	struct stoa__type type;
	void *values;		/* of a batch */
	uint64_t *valid;
	bool ready;
};

struct values {
	struct stoa__op op;
	struct stoa__bound *const *cells;
	size_t n_rows, n_columns;
	size_t at;		/* row that comes next */
	size_t from, n;		/* the batch */
	struct cells *columns;
	struct stoa__arena arena;	/* of strings that were computed */
};

static int values_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct values *v = (struct values *)op;

	(void)err;
	if (v->at == v->n_rows)
		return STOA_END;
	v->from = v->at;
	v->n = v->n_rows - v->at < STOA__BATCH_ROWS ? v->n_rows - v->at : STOA__BATCH_ROWS;
	v->at += v->n;
	for (size_t i = 0; i < v->n_columns; i++)
		v->columns[i].ready = false;
	stoa__arena_reset(&v->arena);
	*n = v->n;
	return STOA_ROW;
}

static int no_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		     struct stoa_error *err)
{
	(void)in;
	(void)out;
	return stoa__fail(err, STOA_EINVAL, "VALUES has no column %zu to read", i);
}

/* Computes a cell; bytes are copied. */
static int compute(struct values *v, struct stoa__bound *cell, struct stoa_value *out,
		   struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__input in = { no_column };
	struct stoa__machine *m = NULL;
	struct stoa__prog *prog;
	int rc = stoa__prog_compile(&arena, &cell, 1, &prog, err);

	if (rc == STOA_OK)
		rc = stoa__machine_new(prog, 1, &m, err);
	if (rc == STOA_OK)
		rc = stoa__machine_run(m, &in, 1, NULL, err);
	if (rc == STOA_OK)
		*out = stoa__vec_value(stoa__machine_output(m, 0), 0);
	if (rc == STOA_OK && out->type != STOA_NULL &&
	    stoa__prog_phys(cell->type.type) == STOA__PHYS_BYTES) {
		out->p = stoa__arena_copy(&v->arena, out->p, out->len);
		rc = out->p ? STOA_OK : stoa__fail_memory(err);
	}
	stoa__machine_free(m);
	stoa__arena_release(&arena);
	return rc;
}

static void put(struct cells *c, size_t i, const struct stoa_value *x)
{
	if (x->type != STOA_NULL)
		stoa__bit_set(c->valid, i);
	stoa__vec_put_value(c->values, i, stoa__prog_phys(c->type.type), x);
}

static int make_column(struct values *v, size_t i, struct stoa_error *err)
{
	struct cells *c = &v->columns[i];

	memset(c->valid, 0, STOA__WORDS(STOA__BATCH_ROWS) * 8);
	for (size_t k = 0; k < v->n; k++) {
		struct stoa__bound *cell = v->cells[(v->from + k) * v->n_columns + i];
		struct stoa_value x = cell->value;
		if (cell->kind != STOA__BOUND_CONST)
			STOA_TRY(compute(v, cell, &x, err));
		put(c, k, &x);
	}
	c->ready = true;
	return STOA_OK;
}

static int values_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct values *v = (struct values *)in;
	struct cells *c = &v->columns[i];

	if (!c->ready)
		STOA_TRY(make_column(v, i, err));
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)stoa__prog_phys(c->type.type);
	out->type = c->type.type;
	out->scale = c->type.scale;
	out->n = v->n;
	out->values = c->values;
	if (stoa__bitmap_count(c->valid, 0, v->n) != v->n)
		out->validity = c->valid;
	return STOA_OK;
}

static void values_close(struct stoa__op *op)
{
	struct values *v = (struct values *)op;

	for (size_t i = 0; v->columns && i < v->n_columns; i++) {
		stoa__free(v->columns[i].values);
		stoa__free(v->columns[i].valid);
	}
	stoa__free(v->columns);
	stoa__arena_release(&v->arena);
	stoa__free(v);
}

static int make_columns(struct values *v, const struct stoa__type *types, struct stoa_error *err)
{
	v->columns = stoa__calloc(v->n_columns + 1, sizeof *v->columns);
	for (size_t i = 0; v->columns && i < v->n_columns; i++) {
		struct cells *c = &v->columns[i];
		c->type = types[i];
		c->values = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
		c->valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
		if (!c->values || !c->valid)
			return stoa__fail_memory(err);
	}
	return v->columns ? STOA_OK : stoa__fail_memory(err);
}

int stoa__op_values(struct stoa__bound *const *cells, size_t n_rows, const struct stoa__type *types,
		    size_t n_columns, struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { values_next, values_close, NULL, NULL };
	struct values *v = stoa__calloc(1, sizeof *v);

	*out = NULL;
	if (!v)
		return stoa__fail_memory(err);
	v->op.input.column = values_column;
	v->op.ops = &ops;
	v->cells = cells;
	v->n_rows = n_rows;
	v->n_columns = n_columns;
	int rc = make_columns(v, types, err);
	if (rc < 0) {
		values_close(&v->op);
		return rc;
	}
	*out = &v->op;
	return STOA_OK;
}
