/* SPDX-License-Identifier: MIT */
/*
 * op_project.c - expressions over the rows below; and LIMIT, which only counts
 *
 * What is computed is one program, run when the first such column is asked for. A bare column is
 * the child's own, dictionary and all, and not even read before somebody asks: so an ORDER BY with
 * LIMIT reads the columns of the few rows that stand a chance.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "op.h"

struct project {
	struct stoa__op op;
	struct stoa__op *child;
	struct stoa__machine *machine;
	size_t *places; /* by output: column of the child, or COMPUTED + output of the program */
	size_t n_computed;
	bool ready;		/* the program has run on this batch */
	size_t n;
};
#define COMPUTED ((size_t)1 << 32)	/* added to the program's outputs in @places */

static int project_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct project *p = (struct project *)op;
	int rc = stoa__op_next(p->child, &p->n, err);

	*n = p->n;
	p->ready = false;
	return rc;
}

static int project_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			  struct stoa_error *err)
{
	struct project *p = (struct project *)in;

	if (p->places[i] < COMPUTED)
		return stoa__op_column(p->child, p->places[i], out, err);
	if (!p->ready)
		STOA_TRY(stoa__machine_run(p->machine, &p->child->input, p->n, NULL, err));
	p->ready = true;
	*out = *stoa__machine_output(p->machine, p->places[i] - COMPUTED);
	return STOA_OK;
}

static void project_close(struct stoa__op *op)
{
	struct project *p = (struct project *)op;

	stoa__op_close(p->child);
	stoa__machine_free(p->machine);
	stoa__free(p->places);
	stoa__free(p);
}

static int project_init(struct project *p, struct stoa__arena *arena,
			struct stoa__bound *const *exprs, size_t n_exprs, struct stoa_error *err)
{
	struct stoa__bound **computed = stoa__arena_array(arena, n_exprs + 1, sizeof(*computed));
	struct stoa__prog *prog;

	p->places = stoa__calloc(n_exprs + 1, sizeof *p->places);
	if (!computed || !p->places)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n_exprs; i++) {
		if (exprs[i]->kind == STOA__BOUND_COLUMN) {
			p->places[i] = exprs[i]->index;
		} else {
			p->places[i] = COMPUTED + p->n_computed;
			computed[p->n_computed++] = exprs[i];
		}
	}
	STOA_TRY(stoa__prog_compile(arena, computed, p->n_computed, &prog, err));
	return stoa__machine_new(prog, STOA__BATCH_ROWS, &p->machine, err);
}

int stoa__op_project(struct stoa__op *child, struct stoa__arena *arena,
		     struct stoa__bound *const *exprs, size_t n_exprs, struct stoa__op **out,
		     struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { project_next, project_close, NULL, NULL };
	struct project *p = stoa__calloc(1, sizeof *p);

	*out = NULL;
	if (!p) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	p->op.input.column = project_column;
	p->op.ops = &ops;
	p->child = child;
	int rc = project_init(p, arena, exprs, n_exprs, err);
	if (rc < 0) {
		project_close(&p->op);
		return rc;
	}
	*out = &p->op;
	return STOA_OK;
}

/* ---- LIMIT and OFFSET ------------------------------------------------------------------------ */

struct limit {
	struct stoa__op op;
	struct stoa__op *child;
	uint64_t skip;		/* rows still to pass over */
	uint64_t left;		/* rows still to give */
	size_t from, n;		/* rows of the child's batch */
	uint64_t (*bits)[STOA__WORDS(STOA__BATCH_ROWS)];	/* validity by column */
};

static int limit_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct limit *l = (struct limit *)op;
	size_t n_child;

	if (l->left == 0) {	/* whatever works for it may stop */
		stoa__op_close(l->child);
		l->child = NULL;
		return STOA_END;
	}
	for (;;) {
		int rc = stoa__op_next(l->child, &n_child, err);
		if (rc != STOA_ROW)
			return rc;
		if (l->skip < n_child)
			break;
		l->skip -= n_child;
	}
	l->from = (size_t)l->skip;
	l->skip = 0;
	l->n = n_child - l->from;
	if (l->n > l->left)
		l->n = (size_t)l->left;
	l->left -= l->n;
	*n = l->n;
	return STOA_ROW;
}

/* Values begin further on; validity, which may begin within a word, is copied. */
static int limit_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			struct stoa_error *err)
{
	struct limit *l = (struct limit *)in;

	STOA_TRY(stoa__op_column(l->child, i, out, err));
	out->n = l->n;
	if (l->from == 0)
		return STOA_OK;
	if (out->kind == STOA__VEC_DICT)
		out->codes += l->from;
	else if (out->kind == STOA__VEC_FLAT)
		out->values = (const char *)out->values + l->from * stoa__phys_width(out->phys);
	if (out->validity) {
		stoa__bitmap_copy(l->bits[i], 0, out->validity, l->from, l->n);
		out->validity = l->bits[i];
	}
	return STOA_OK;
}

static void limit_close(struct stoa__op *op)
{
	struct limit *l = (struct limit *)op;

	stoa__op_close(l->child);
	stoa__free(l->bits);
	stoa__free(l);
}

int stoa__op_limit(struct stoa__op *child, size_t n_columns, uint64_t offset, uint64_t limit,
		   struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { limit_next, limit_close, NULL, NULL };
	struct limit *l = stoa__calloc(1, sizeof *l);

	*out = NULL;
	if (!l) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	l->op.input.column = limit_column;
	l->op.ops = &ops;
	l->child = child;
	l->skip = offset;
	l->left = limit;
	l->bits = stoa__calloc(n_columns + 1, sizeof(*l->bits));
	if (!l->bits) {
		limit_close(&l->op);
		return stoa__fail_memory(err);
	}
	*out = &l->op;
	return STOA_OK;
}
