/* SPDX-License-Identifier: MIT */
/*
 * op_repeat.c - each row as often as a number beside it says: INTERSECT ALL, EXCEPT ALL
 *
 * A number below one, or NULL, takes the row away.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "op.h"

struct room {
	void *values;
	uint64_t *bits;
	bool ready;
	struct stoa__vec vec;
};

struct repeat {
	struct stoa__op op;
	struct stoa__op *child;
	struct stoa__machine *times;
	size_t n_columns;
	size_t n_child;		/* rows of the child's batch */
	size_t row;		/* the one that is repeated */
	int64_t left;		/* times that it is still to come */
	uint32_t *sel;
	size_t n;
	struct room *rooms;
};

static int64_t times_of(const struct repeat *r, size_t row)
{
	const struct stoa__vec *v = stoa__machine_output(r->times, 0);

	if (!stoa__bit_get(v->validity, row))
		return 0;
	return v->i64[v->kind == STOA__VEC_CONST ? 0 : row];
}

/* Moves on to a row that comes at least once more; STOA_ROW, STOA_END or an error. */
static int advance(struct repeat *r, struct stoa_error *err)
{
	while (r->left <= 0) {
		if (r->n_child && ++r->row < r->n_child) {
			r->left = times_of(r, r->row);
			continue;
		}
		if (r->n)
			return STOA_END;	/* of the batch, for now */
		r->n_child = 0;
		int rc = stoa__op_next(r->child, &r->n_child, err);
		if (rc != STOA_ROW)
			return rc;
		STOA_TRY(stoa__machine_run(r->times, &r->child->input, r->n_child, NULL, err));
		r->row = 0;
		r->left = times_of(r, 0);
	}
	return STOA_ROW;
}

static int repeat_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct repeat *r = (struct repeat *)op;

	r->n = 0;
	while (r->n < STOA__BATCH_ROWS) {
		int rc = advance(r, err);
		if (rc < 0)
			return rc;
		if (rc == STOA_END)
			break;
		r->sel[r->n++] = (uint32_t)r->row;
		r->left--;
	}
	for (size_t i = 0; i < r->n_columns; i++)
		r->rooms[i].ready = false;
	*n = r->n;
	return r->n ? STOA_ROW : STOA_END;
}

static int repeat_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct repeat *r = (struct repeat *)in;
	struct room *m = &r->rooms[i];
	struct stoa__vec v;

	if (!m->ready) {
		STOA_TRY(stoa__op_column(r->child, i, &v, err));
		stoa__vec_gather(&v, r->sel, r->n, m->values, m->bits, &m->vec);
		m->ready = true;
	}
	*out = m->vec;
	return STOA_OK;
}

static void repeat_close(struct stoa__op *op)
{
	struct repeat *r = (struct repeat *)op;

	stoa__op_close(r->child);
	stoa__machine_free(r->times);
	for (size_t i = 0; r->rooms && i < r->n_columns; i++) {
		stoa__free(r->rooms[i].values);
		stoa__free(r->rooms[i].bits);
	}
	stoa__free(r->rooms);
	stoa__free(r->sel);
	stoa__free(r);
}

static int repeat_init(struct repeat *r, struct stoa__arena *arena, struct stoa__bound *times,
		       struct stoa_error *err)
{
	struct stoa__prog *prog;

	r->sel = stoa__alloc_aligned((STOA__BATCH_ROWS + 8) * sizeof *r->sel);
	r->rooms = stoa__calloc(r->n_columns + 1, sizeof *r->rooms);
	if (!r->sel || !r->rooms)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < r->n_columns; i++) {
		struct room *m = &r->rooms[i];
		m->values = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
		m->bits = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
		if (!m->values || !m->bits)
			return stoa__fail_memory(err);
	}
	STOA_TRY(stoa__prog_compile(arena, &times, 1, &prog, err));
	return stoa__machine_new(prog, STOA__BATCH_ROWS, &r->times, err);
}

int stoa__op_repeat(struct stoa__op *child, struct stoa__arena *arena, struct stoa__bound *times,
		    size_t n_columns, struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { repeat_next, repeat_close, NULL, NULL };
	struct repeat *r = stoa__calloc(1, sizeof *r);

	*out = NULL;
	if (!r) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	r->op.input.column = repeat_column;
	r->op.ops = &ops;
	r->child = child;
	r->n_columns = n_columns;
	int rc = repeat_init(r, arena, times, err);
	if (rc < 0) {
		repeat_close(&r->op);
		return rc;
	}
	*out = &r->op;
	return STOA_OK;
}
