/* SPDX-License-Identifier: MIT */
/*
 * op_count.c - stands above an operator and counts what it makes, for EXPLAIN ANALYZE
 *
 * It is there when somebody asks, so counting costs nothing otherwise. Time is that of the
 * operator and all below it: who wants an operator's own takes that of its inputs away. Where a
 * node has several lanes, theirs is added up.
 */
#include "../lib/core/alloc.h"
#include "../lib/core/clock.h"
#include "../lib/core/error.h"
#include "op.h"

struct count {
	struct stoa__op op;
	struct stoa__op *child;
	struct stoa__node_counts *counts;
};

static int count_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct count *c = (struct count *)op;
	uint64_t start = stoa__now_ns();
	int rc = stoa__op_next(c->child, n, err);

	stoa__count(&c->counts->nanos, stoa__now_ns() - start);
	if (rc == STOA_ROW) {
		stoa__count(&c->counts->n_batches, 1);
		stoa__count(&c->counts->n_rows, *n);
	}
	return rc;
}

static int count_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			struct stoa_error *err)
{
	struct count *c = (struct count *)in;
	uint64_t start = stoa__now_ns();
	int rc = stoa__op_column(c->child, i, out, err);

	stoa__count(&c->counts->nanos, stoa__now_ns() - start);
	return rc;
}

static bool count_within(struct stoa__op *op, size_t i, int64_t lo, int64_t hi, uint64_t *bits)
{
	struct count *c = (struct count *)op;
	uint64_t start = stoa__now_ns();
	bool done = c->child->ops->within && c->child->ops->within(c->child, i, lo, hi, bits);

	stoa__count(&c->counts->nanos, stoa__now_ns() - start);
	return done;
}

static bool count_pick(struct stoa__op *op, size_t i, const uint32_t *sel, size_t n, void *room,
		       uint64_t *bits, struct stoa__vec *out)
{
	struct count *c = (struct count *)op;
	uint64_t start = stoa__now_ns();
	bool done = c->child->ops->pick &&
		    c->child->ops->pick(c->child, i, sel, n, room, bits, out);

	stoa__count(&c->counts->nanos, stoa__now_ns() - start);
	return done;
}

static void count_close(struct stoa__op *op)
{
	struct count *c = (struct count *)op;

	stoa__op_close(c->child);
	stoa__free(c);
}

int stoa__op_count(struct stoa__op *child, struct stoa__node_counts *counts, struct stoa__op **out,
		   struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { count_next, count_close, count_within,
						 count_pick };
	struct count *c = stoa__calloc(1, sizeof *c);

	*out = NULL;
	if (!c) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	c->op.input.column = count_column;
	c->op.ops = &ops;
	c->child = child;
	c->counts = counts;
	*out = &c->op;
	return STOA_OK;
}
