/* SPDX-License-Identifier: MIT */
/*
 * op_append.c - the rows of one input, then those of another: UNION ALL
 *
 * Columns pass through. The first input is closed when it is at its end, and the second not
 * started before.
 */
#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "op.h"

struct append {
	struct stoa__op op;
	struct stoa__op *inputs[2];
	int at;
};

static int append_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct append *a = (struct append *)op;
	int rc = stoa__op_next(a->inputs[a->at], n, err);

	if (rc != STOA_END || a->at == 1)
		return rc;
	stoa__op_close(a->inputs[0]);
	a->inputs[0] = NULL;
	a->at = 1;
	return stoa__op_next(a->inputs[1], n, err);
}

static int append_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct append *a = (struct append *)in;

	return stoa__op_column(a->inputs[a->at], i, out, err);
}

static void append_close(struct stoa__op *op)
{
	struct append *a = (struct append *)op;

	stoa__op_close(a->inputs[0]);
	stoa__op_close(a->inputs[1]);
	stoa__free(a);
}

int stoa__op_append(struct stoa__op *first, struct stoa__op *second, struct stoa__op **out,
		    struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { append_next, append_close, NULL, NULL };
	struct append *a = stoa__calloc(1, sizeof *a);

	*out = NULL;
	if (!a) {
		stoa__op_close(first);
		stoa__op_close(second);
		return stoa__fail_memory(err);
	}
	a->op.input.column = append_column;
	a->op.ops = &ops;
	a->inputs[0] = first;
	a->inputs[1] = second;
	*out = &a->op;
	return STOA_OK;
}
