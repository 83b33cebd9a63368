/* SPDX-License-Identifier: MIT */
/*
 * explain.h - plans as text, and what their runs cost
 */
#ifndef STOA__EXPLAIN_H
#define STOA__EXPLAIN_H

#include "../lib/core/buf.h"
#include "stmt.h"

/* Text that grows; after an error, which is in @rc, nothing more is added. */
struct stoa__text {
	struct stoa__buf buf;
	int rc;
};
void stoa__text_put(struct stoa__text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* explain_expr.c: @b, whose columns are those of the @n_inputs nodes, one after the other. */
void stoa__text_put_expr(struct stoa__text *t, const struct stoa__bound *b,
			 const struct stoa__node *const *inputs, size_t n_inputs);
/* The same for several, separated by commas. */
void stoa__text_put_exprs(struct stoa__text *t, struct stoa__bound *const *exprs, size_t n,
			  const char *between, const struct stoa__node *const *inputs,
			  size_t n_inputs);
void stoa__text_put_aggregate(struct stoa__text *t, const struct stoa__agg *a,
			      const struct stoa__node *input);
/* Column @index of @n: by name, or what it is where it has none. */
void stoa__text_put_column(struct stoa__text *t, const struct stoa__node *n, size_t index);
/* A window function over @input's columns. */
void stoa__text_put_window(struct stoa__text *t, const struct stoa__window *w,
			   const struct stoa__node *input);

/* explain.c: a line for each node, below a first line if @head; @ran: with what that cost. */
void stoa__text_put_plan(struct stoa__text *t, const struct stoa__plan *plan, const char *head,
			 const struct stoa__node_counts *counts, bool ran);
/* Runs an EXPLAIN: *@out is a cursor over the lines. */
int stoa__explain_run(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err);

#endif
