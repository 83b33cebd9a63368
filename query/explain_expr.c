/* SPDX-License-Identifier: MIT */
/*
 * explain_expr.c - bound expressions as text, for EXPLAIN
 *
 * Near to SQL, and for people: conversions that an operator implied are left out, ranges are
 * written as the comparisons that they were, long lists are cut short.
 */
#include "../lib/core/type.h"
#include "explain.h"
#include "func.h"
#include "prog.h"

#define LIST_MAX 8	/* of IN, of arguments */

static void put(struct stoa__text *t, const struct stoa__bound *b,
		const struct stoa__node *const *inputs, size_t n)
{
	stoa__text_put_expr(t, b, inputs, n);
}

static void put_value(struct stoa__text *t, const struct stoa_value *v)
{
	char text[80];
	bool quoted = v->type >= STOA_DATE && v->type <= STOA_BLOB;
	size_t len = stoa_value_print(v, text, sizeof text);

	if (v->type == STOA_NULL)
		stoa__text_put(t, "NULL");
	else
		stoa__text_put(t, "%s%s%s%s", quoted ? "'" : "", text,
			       len >= sizeof text ? "..." : "", quoted ? "'" : "");
}

/* Column @index of @n: by name, or, where it is made by a grouping, what it is. */
void stoa__text_put_column(struct stoa__text *t, const struct stoa__node *n, size_t index)
{
	const struct stoa__node *made = n;

	while (made->kind == STOA__NODE_FILTER || made->kind == STOA__NODE_SORT ||
	       made->kind == STOA__NODE_LIMIT ||
	       (made->kind == STOA__NODE_WINDOW && index < made->input[0]->n_columns))
		made = made->input[0];
	if (made->kind == STOA__NODE_WINDOW)
		stoa__text_put_window(t, &made->windows[index - made->input[0]->n_columns],
				      made->input[0]);
	else if (made->kind == STOA__NODE_PROJECT && !*made->columns[index].name)
		put(t, made->exprs[index], (const struct stoa__node *const *)made->input, 1);
	else if (made->kind != STOA__NODE_AGGREGATE)
		stoa__text_put(t, "%s", n->columns[index].name);
	else if (index < made->n_exprs)
		put(t, made->exprs[index], (const struct stoa__node *const *)made->input, 1);
	else
		stoa__text_put_aggregate(t, &made->aggs[index - made->n_exprs], made->input[0]);
}

static void put_column(struct stoa__text *t, const struct stoa__bound *b,
		       const struct stoa__node *const *inputs, size_t n)
{
	size_t index = b->index;

	for (size_t i = 0; i < n; i++) {
		if (index < inputs[i]->n_columns) {
			stoa__text_put_column(t, inputs[i], index);
			return;
		}
		index -= inputs[i]->n_columns;
	}
	stoa__text_put(t, "#%u", b->index);
}

static void put_list(struct stoa__text *t, struct stoa__bound *const *args, uint32_t n_args,
		     const char *between, const struct stoa__node *const *inputs, size_t n)
{
	for (uint32_t i = 0; i < n_args; i++) {
		if (i == LIST_MAX) {
			stoa__text_put(t, "%s... %u more", between, n_args - i);
			return;
		}
		stoa__text_put(t, "%s", i ? between : "");
		put(t, args[i], inputs, n);
	}
}

/* A bound of a range, as a value of the column's type. */
static void put_bound(struct stoa__text *t, const struct stoa__bound *column, int64_t x)
{
	struct stoa_value v = { .type = column->type.type, .scale = column->type.scale };

	v.i = x;
	put_value(t, &v);
}

static void put_range(struct stoa__text *t, const struct stoa__bound *b,
		      const struct stoa__node *const *inputs, size_t n)
{
	const struct stoa__bound *column = b->args[0];

	put(t, column, inputs, n);
	if (b->lo > b->hi) {
		stoa__text_put(t, " is nothing");
	} else if (b->lo == b->hi) {
		stoa__text_put(t, " = ");
		put_bound(t, column, b->lo);
	} else if (b->lo == INT64_MIN || b->hi == INT64_MAX) {
		stoa__text_put(t, b->lo == INT64_MIN ? " <= " : " >= ");
		put_bound(t, column, b->lo == INT64_MIN ? b->hi : b->lo);
	} else {
		stoa__text_put(t, " BETWEEN ");
		put_bound(t, column, b->lo);
		stoa__text_put(t, " AND ");
		put_bound(t, column, b->hi);
	}
}

static void put_op(struct stoa__text *t, const struct stoa__bound *b,
		   const struct stoa__node *const *inputs, size_t n)
{
	switch ((enum stoa__code)b->code) {
	case STOA__CODE_ARITH:
	case STOA__CODE_COMPARE:
		stoa__text_put(t, b->code == STOA__CODE_ARITH ? "(" : "");
		put(t, b->args[0], inputs, n);
		stoa__text_put(t, " %s ", stoa__op_name(b->op));
		put(t, b->args[1], inputs, n);
		stoa__text_put(t, b->code == STOA__CODE_ARITH ? ")" : "");
		return;
	case STOA__CODE_RANGE: put_range(t, b, inputs, n); return;
	case STOA__CODE_IS_NULL:
	case STOA__CODE_IS_TRUE:
		put(t, b->args[0], inputs, n);
		stoa__text_put(t, b->code == STOA__CODE_IS_TRUE ?
					  (b->op ? " IS FALSE" : " IS TRUE") :
					  (b->op ? " IS NOT NULL" : " IS NULL"));
		return;
	case STOA__CODE_NEG:
	case STOA__CODE_NOT:
	case STOA__CODE_ABS:
		stoa__text_put(t, b->code == STOA__CODE_NEG ? "-" :
				  b->code == STOA__CODE_NOT ? "NOT (" :
							      "abs(");
		put(t, b->args[0], inputs, n);
		stoa__text_put(t, b->code == STOA__CODE_NEG ? "" : ")");
		return;
	default: put_list(t, b->args, b->n_args, ", ", inputs, n); return;	/* conversions */
	}
}

static void put_case(struct stoa__text *t, const struct stoa__bound *b,
		     const struct stoa__node *const *inputs, size_t n)
{
	stoa__text_put(t, "CASE");
	for (uint32_t i = 0; i + 1 < b->n_args && i < 2 * LIST_MAX; i += 2) {
		stoa__text_put(t, " WHEN ");
		put(t, b->args[i], inputs, n);
		stoa__text_put(t, " THEN ");
		put(t, b->args[i + 1], inputs, n);
	}
	stoa__text_put(t, " ELSE ");
	put(t, b->args[b->n_args - 1], inputs, n);
	stoa__text_put(t, " END");
}

/* a IN (...), a LIKE b */
static void put_predicate(struct stoa__text *t, const struct stoa__bound *b,
			  const struct stoa__node *const *inputs, size_t n)
{
	bool in = b->kind == STOA__BOUND_IN;

	put(t, b->args[0], inputs, n);
	stoa__text_put(t, "%s %s ", b->negated ? " NOT" : "",
		       in ? "IN" : b->fold_case ? "ILIKE" : "LIKE");
	stoa__text_put(t, in ? "(" : "");
	put_list(t, b->args + 1, in || b->n_args < 3 ? b->n_args - 1 : 1, ", ", inputs, n);
	stoa__text_put(t, in ? ")" : "");
}

static void put_call(struct stoa__text *t, const char *name, const struct stoa__bound *b,
		     const struct stoa__node *const *inputs, size_t n)
{
	stoa__text_put(t, "%s(", name);
	put_list(t, b->args, b->n_args, ", ", inputs, n);
	stoa__text_put(t, ")");
}

void stoa__text_put_expr(struct stoa__text *t, const struct stoa__bound *b,
			 const struct stoa__node *const *inputs, size_t n_inputs)
{
	switch (b->kind) {
	case STOA__BOUND_CONST:
		if (b->type.type == STOA__TYPE_INTERVAL)
			stoa__text_put(t, "INTERVAL");
		else
			put_value(t, &b->value);
		return;
	case STOA__BOUND_COLUMN: put_column(t, b, inputs, n_inputs); return;
	case STOA__BOUND_OP: put_op(t, b, inputs, n_inputs); return;
	case STOA__BOUND_AND:
	case STOA__BOUND_OR:
		stoa__text_put(t, "(");
		put_list(t, b->args, b->n_args, b->kind == STOA__BOUND_AND ? " AND " : " OR ", inputs,
			 n_inputs);
		stoa__text_put(t, ")");
		return;
	case STOA__BOUND_CASE: put_case(t, b, inputs, n_inputs); return;
	case STOA__BOUND_COALESCE: put_call(t, "coalesce", b, inputs, n_inputs); return;
	case STOA__BOUND_IN:
	case STOA__BOUND_LIKE: put_predicate(t, b, inputs, n_inputs); return;
	case STOA__BOUND_CALL: put_call(t, b->fn->name, b, inputs, n_inputs); return;
	default: put_call(t, "?", b, inputs, n_inputs); return;
	}
}

void stoa__text_put_exprs(struct stoa__text *t, struct stoa__bound *const *exprs, size_t n,
			  const char *between, const struct stoa__node *const *inputs,
			  size_t n_inputs)
{
	put_list(t, exprs, (uint32_t)n, between, inputs, n_inputs);
}

void stoa__text_put_aggregate(struct stoa__text *t, const struct stoa__agg *a,
			      const struct stoa__node *input)
{
	static const char *const names[] = {
		[STOA__AGG_COUNT] = "count", [STOA__AGG_SUM] = "sum", [STOA__AGG_AVG] = "avg",
		[STOA__AGG_MIN] = "min", [STOA__AGG_MAX] = "max",
		[STOA__AGG_VAR_SAMP] = "var_samp", [STOA__AGG_VAR_POP] = "var_pop",
		[STOA__AGG_STDDEV_SAMP] = "stddev_samp", [STOA__AGG_STDDEV_POP] = "stddev_pop",
		[STOA__AGG_BOOL_AND] = "bool_and", [STOA__AGG_BOOL_OR] = "bool_or",
		[STOA__AGG_APPROX_COUNT] = "approx_count_distinct",
		[STOA__AGG_STRING_AGG] = "string_agg", [STOA__AGG_MODE] = "mode",
		[STOA__AGG_QUANTILE_CONT] = "quantile_cont",
		[STOA__AGG_QUANTILE_DISC] = "quantile_disc",
	};
	const char *name = a->kind < sizeof names / sizeof *names ? names[a->kind] : NULL;

	stoa__text_put(t, "%s(%s", name ? name : "?", a->distinct ? "DISTINCT " : "");
	if (a->arg)
		put(t, a->arg, &input, 1);
	else
		stoa__text_put(t, "*");
	if (a->kind == STOA__AGG_QUANTILE_CONT || a->kind == STOA__AGG_QUANTILE_DISC)
		stoa__text_put(t, ", %g", a->fraction);
	for (size_t i = 0; i < a->n_keys; i++) {
		stoa__text_put(t, i ? ", " : " ORDER BY ");
		put(t, a->keys[i].expr, &input, 1);
		stoa__text_put(t, a->keys[i].descending ? " DESC" : "");
	}
	stoa__text_put(t, ")");
	if (a->filter) {
		stoa__text_put(t, " FILTER (WHERE ");
		put(t, a->filter, &input, 1);
		stoa__text_put(t, ")");
	}
}

static void put_edge(struct stoa__text *t, const struct stoa__frame *f, bool end)
{
	static const char *const places[] = {
		[STOA__EDGE_FIRST] = "UNBOUNDED PRECEDING", [STOA__EDGE_BEFORE] = "PRECEDING",
		[STOA__EDGE_CURRENT] = "CURRENT ROW", [STOA__EDGE_BEHIND] = "FOLLOWING",
		[STOA__EDGE_LAST] = "UNBOUNDED FOLLOWING",
	};
	uint8_t place = end ? f->end : f->start;

	if (place == STOA__EDGE_BEFORE || place == STOA__EDGE_BEHIND) {
		if (f->unit == STOA__FRAME_RANGE)
			stoa__text_put(t, "... ");
		else
			stoa__text_put(t, "%llu ",
				       (unsigned long long)(end ? f->n_end : f->n_start));
	}
	stoa__text_put(t, "%s", places[place]);
}

static void put_frame(struct stoa__text *t, const struct stoa__frame *f)
{
	static const char *const units[] = { "", "ROWS", "RANGE", "GROUPS" };

	if (f->unit == STOA__FRAME_RANGE && f->start == STOA__EDGE_FIRST &&
	    f->end == STOA__EDGE_CURRENT)
		return;		/* as usual */
	stoa__text_put(t, " %s BETWEEN ", units[f->unit]);
	put_edge(t, f, false);
	stoa__text_put(t, " AND ");
	put_edge(t, f, true);
}

void stoa__text_put_window(struct stoa__text *t, const struct stoa__window *w,
			   const struct stoa__node *input)
{
	const struct stoa__bound *args[] = { w->agg.arg, w->more[0], w->more[1] };
	const char *between = "";

	if (w->kind == STOA__WINDOW_AGG) {
		stoa__text_put_aggregate(t, &w->agg, input);
	} else {
		stoa__text_put(t, "%s(", w->name);
		for (size_t i = 0; i < 3; i++) {
			if (!args[i])
				continue;
			stoa__text_put(t, "%s", between);
			put(t, args[i], &input, 1);
			between = ", ";
		}
		stoa__text_put(t, ")");
	}
	stoa__text_put(t, " OVER (");
	for (size_t i = 0; i < w->n_partition; i++) {
		stoa__text_put(t, i ? ", " : "PARTITION BY ");
		put(t, w->partition[i], &input, 1);
	}
	for (size_t i = 0; i < w->n_keys; i++) {
		stoa__text_put(t, i ? ", " : w->n_partition ? " ORDER BY " : "ORDER BY ");
		put(t, w->keys[i].expr, &input, 1);
		stoa__text_put(t, w->keys[i].descending ? " DESC" : "");
	}
	put_frame(t, &w->frame);
	stoa__text_put(t, ")");
}
