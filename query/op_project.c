/* SPDX-License-Identifier: MIT */
/*
 * op_project.c - expressions over the rows below; and LIMIT, which only counts
 *
 * All expressions are one program, run when the first of them is asked for. A bare column is
 * handed through as it is, dictionary and all.
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
	size_t n;
};

static int project_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct project *p = (struct project *)op;
	int rc = stoa__op_next(p->child, &p->n, err);

	*n = p->n;
	if (rc != STOA_ROW)
		return rc;
	STOA_TRY(stoa__machine_run(p->machine, &p->child->input, p->n, NULL, err));
	return STOA_ROW;
}

static int project_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			  struct stoa_error *err)
{
	(void)err;
	*out = *stoa__machine_output(((struct project *)in)->machine, i);
	return STOA_OK;
}

static void project_close(struct stoa__op *op)
{
	struct project *p = (struct project *)op;

	stoa__op_close(p->child);
	stoa__machine_free(p->machine);
	stoa__free(p);
}

int stoa__op_project(struct stoa__op *child, struct stoa__arena *arena,
		     struct stoa__bound *const *exprs, size_t n_exprs, struct stoa__op **out,
		     struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { project_next, project_close };
	struct project *p = stoa__calloc(1, sizeof *p);
	struct stoa__prog *prog;

	*out = NULL;
	if (!p) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	p->op.input.column = project_column;
	p->op.ops = &ops;
	p->child = child;
	int rc = stoa__prog_compile(arena, exprs, n_exprs, &prog, err);
	if (rc == STOA_OK)
		rc = stoa__machine_new(prog, STOA__BATCH_ROWS, &p->machine, err);
	if (rc < 0) {
		project_close(&p->op);
		return rc;
	}
	*out = &p->op;
	return STOA_OK;
}

/* ---- LIMIT and OFFSET ------------------------------------------------------------------------- */

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

	if (l->left == 0)
		return STOA_END;
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
	static const struct stoa__op_ops ops = { limit_next, limit_close };
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
