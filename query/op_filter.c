/* SPDX-License-Identifier: MIT */
/*
 * op_filter.c - the rows for which all conditions are true
 *
 * Conditions run one after the other, each under the mask of what the ones before left, and stop
 * when nothing is left. What is left then is made dense: a column is gathered when it is first
 * asked for, and passes through untouched when every row of the batch qualified.
 *
 * Two short cuts past decoding, where the child has them: a range of an integer column is tested
 * on packed values, before all other conditions, and when few rows are left, only those of a
 * column are read.
 *
 *     rows left    1 1 0 0 1 0 1 1    a bit each: a range clears those outside
 *     mask         1 1 0 0 1 0 1 1    a byte each: what programs take, made when one runs
 *     sel          0 1 4 6 7          what columns are gathered by, made when one is
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "loops.h"
#include "op.h"

#define FEW 8	/* reading one row costs about as much as decoding so many */

struct gathered {
	void *room;
	uint64_t *bits;
	bool ready;
	struct stoa__vec vec;
};

struct filter {
	struct stoa__op op;
	struct stoa__op *child;
	const struct stoa__loops *loops;
	struct stoa__machine **machines;	/* one for each condition */
	struct stoa__bound *const *where;	/* the conditions */
	bool *done;		/* which need not run for this batch */
	size_t n_machines;
	size_t n_columns;
	struct gathered *columns;
	uint64_t left[STOA__WORDS(STOA__BATCH_ROWS)];	/* rows that qualify so far */
	uint8_t *mask;
	uint32_t *sel;		/* rows that qualified, listed when a column is gathered */
	size_t n_sel;		/* 0: not listed yet */
	size_t n_child;
	bool few;		/* reading one by one costs less than decoding all */
	bool all;		/* every row of the child's batch qualified */
};

/* Of the child's @n rows those for which a range of a column holds, where the child can tell. */
static bool test_packed(struct filter *f, size_t i)
{
	const struct stoa__bound *b = f->where[i];

	return f->child->ops->within && b->kind == STOA__BOUND_OP && b->code == STOA__CODE_RANGE &&
	       b->args[0]->kind == STOA__BOUND_COLUMN &&
	       f->child->ops->within(f->child, b->args[0]->index, b->lo, b->hi, f->left);
}

/* Of rows that are left those for which condition @i is true. @all: that is all @n. */
static int test(struct filter *f, size_t i, size_t n, bool all, struct stoa_error *err)
{
	uint64_t hits[STOA__WORDS(STOA__BATCH_ROWS)];

	if (!all)
		f->loops->unpack_bits(f->left, n, f->mask);
	STOA_TRY(stoa__machine_run(f->machines[i], &f->child->input, n, all ? NULL : f->mask, err));
	stoa__vec_true(stoa__machine_output(f->machines[i], 0), n, f->mask);
	f->loops->pack_bits(f->mask, n, hits);
	for (size_t k = 0; k < STOA__WORDS(n); k++)
		f->left[k] &= hits[k];
	return STOA_OK;
}

/* Evaluates all conditions on the child's @n rows; how many rows qualify. */
static int qualify(struct filter *f, size_t n, size_t *count, struct stoa_error *err)
{
	memset(f->left, 0xff, sizeof f->left);
	if (n % 64)
		f->left[n / 64] = (UINT64_C(1) << n % 64) - 1;
	*count = n;
	for (size_t i = 0; i < f->n_machines && *count; i++) {
		f->done[i] = test_packed(f, i);
		if (f->done[i])
			*count = f->loops->count_bits(f->left, n);
	}
	for (size_t i = 0; i < f->n_machines && *count; i++) {
		if (f->done[i])
			continue;
		STOA_TRY(test(f, i, n, *count == n, err));
		*count = f->loops->count_bits(f->left, n);
	}
	return STOA_OK;
}

static int filter_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct filter *f = (struct filter *)op;
	size_t count, n_child;

	do {
		int rc = stoa__op_next(f->child, &n_child, err);
		if (rc != STOA_ROW)
			return rc;
		STOA_TRY(qualify(f, n_child, &count, err));
	} while (count == 0);
	f->all = count == n_child;
	f->few = count <= n_child / FEW;
	f->n_child = n_child;
	f->n_sel = 0;
	for (size_t i = 0; i < f->n_columns; i++)
		f->columns[i].ready = false;
	*n = count;
	return STOA_ROW;
}

static int gather(struct filter *f, size_t i, struct stoa_error *err)
{
	struct gathered *g = &f->columns[i];
	struct stoa__vec v;

	if (!g->room) {
		g->room = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
		g->bits = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
		if (!g->room || !g->bits) {
			stoa__free(g->room);
			stoa__free(g->bits);
			g->room = NULL;
			g->bits = NULL;
			return stoa__fail_memory(err);
		}
	}
	if (!f->n_sel)
		f->n_sel = f->loops->select_bits(f->left, f->n_child, f->sel);
	if (!f->few || !f->child->ops->pick ||
	    !f->child->ops->pick(f->child, i, f->sel, f->n_sel, g->room, g->bits, &g->vec)) {
		STOA_TRY(stoa__op_column(f->child, i, &v, err));
		stoa__vec_gather(&v, f->sel, f->n_sel, g->room, g->bits, &g->vec);
	}
	g->ready = true;
	return STOA_OK;
}

static int filter_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct filter *f = (struct filter *)in;

	if (f->all)
		return stoa__op_column(f->child, i, out, err);
	if (!f->columns[i].ready)
		STOA_TRY(gather(f, i, err));
	*out = f->columns[i].vec;
	return STOA_OK;
}

static void filter_close(struct stoa__op *op)
{
	struct filter *f = (struct filter *)op;

	stoa__op_close(f->child);
	for (size_t i = 0; f->machines && i < f->n_machines; i++)
		stoa__machine_free(f->machines[i]);
	for (size_t i = 0; f->columns && i < f->n_columns; i++) {
		stoa__free(f->columns[i].room);
		stoa__free(f->columns[i].bits);
	}
	stoa__free(f->machines);
	stoa__free(f->columns);
	stoa__free(f->mask);
	stoa__free(f->done);
	stoa__free(f->sel);
	stoa__free(f);
}

static int filter_init(struct filter *f, struct stoa__arena *arena,
		       struct stoa__bound *const *where, size_t n_where, struct stoa_error *err)
{
	f->machines = stoa__calloc(n_where + 1, sizeof(*f->machines));
	f->columns = stoa__calloc(f->n_columns + 1, sizeof *f->columns);
	f->mask = stoa__alloc_aligned(STOA__BATCH_ROWS);
	f->done = stoa__calloc(n_where + 1, sizeof *f->done);
	f->sel = stoa__alloc_aligned((STOA__BATCH_ROWS + 8) * sizeof *f->sel);
	if (!f->machines || !f->columns || !f->mask || !f->done || !f->sel)
		return stoa__fail_memory(err);
	f->n_machines = n_where;
	f->where = where;
	for (size_t i = 0; i < n_where; i++) {
		struct stoa__prog *prog;
		STOA_TRY(stoa__prog_compile(arena, &where[i], 1, &prog, err));
		STOA_TRY(stoa__machine_new(prog, STOA__BATCH_ROWS, &f->machines[i], err));
	}
	return STOA_OK;
}

int stoa__op_filter(struct stoa__op *child, struct stoa__arena *arena, size_t n_columns,
		    struct stoa__bound *const *where, size_t n_where, struct stoa__op **out,
		    struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { filter_next, filter_close, NULL, NULL };
	struct filter *f = stoa__calloc(1, sizeof *f);

	*out = NULL;
	if (!f) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	f->op.input.column = filter_column;
	f->op.ops = &ops;
	f->child = child;
	f->loops = stoa__loops();
	f->n_columns = n_columns;
	int rc = filter_init(f, arena, where, n_where, err);
	if (rc < 0) {
		filter_close(&f->op);
		return rc;
	}
	*out = &f->op;
	return STOA_OK;
}
