/* SPDX-License-Identifier: MIT */
/*
 * bind.h - from syntax tree to bound expressions: what the files of the binder share
 *
 * bind.c     literals, logic, the walk
 * bound.c    nodes; constants are computed
 * bind_arith.c  arithmetic
 * bind_compare.c  comparisons, IN
 * bind_name.c  names, references followed
 * bind_call.c  functions, CASE
 * bind_agg.c  aggregates
 * bind_window.c  window functions
 * cast.c     conversion between types, explicit and implied
 * subquery.c  EXISTS, IN and scalar subqueries
 * from.c     tables to scopes
 * plan.c     the query as a whole
 *
 * Functions give NULL after an error, which is in @err with its place, and take NULL children,
 * so that errors need be looked at once per expression only.
 */
#ifndef STOA__BIND_H
#define STOA__BIND_H

#include "../lib/core/limits.h"
#include "ast.h"
#include "bound.h"

struct stoa__deref;
struct stoa__node;
struct stoa__tables;

/* A column that names can mean. */
struct stoa__scope_column {
	const char *name;
	struct stoa_bytes table;	/* what qualifies it */
	struct stoa__type type;
	bool not_null;
	bool hidden;			/* no part of *: the rowid */
	bool of_lease;			/* "lease" qualifies it too, and what else has its name goes before it */
	bool merged;			/* of USING: named with its table only, no part of a bare * */
	struct stoa__bound *expr;	/* what it means, where that is no variable */
	struct stoa__node *anchor;	/* of a reference: below it is who follows it; NULL: nobody can */
	struct stoa__deref *deref;	/* what it refers to; NULL: nobody has asked (bind_name.c) */
	uint32_t var;			/* UINT32_MAX until it is used */
	struct stoa__node *scan;	/* makes it, once it is used; */
	uint32_t slot;			/* from this position in the table, or STOA__SLOT_ROWID */
};
#define STOA__SLOT_ROWID UINT32_MAX

/* The columns of a query's FROM; what is not found there is looked for in the query around it. */
struct stoa__scope {
	const struct stoa__scope *outer;
	struct stoa__scope_column **columns;	/* shared by the scopes of a join and its sides */
	size_t n;
	size_t n_tables;
	struct stoa_bytes table;	/* the first; p is NULL without FROM */
};

enum stoa__agg_kind {
	STOA__AGG_COUNT,	/* arg NULL: count(*) */
	STOA__AGG_SUM, STOA__AGG_AVG, STOA__AGG_MIN, STOA__AGG_MAX,
	STOA__AGG_VAR_SAMP, STOA__AGG_VAR_POP, STOA__AGG_STDDEV_SAMP, STOA__AGG_STDDEV_POP,
	STOA__AGG_BOOL_AND, STOA__AGG_BOOL_OR,
	STOA__AGG_APPROX_COUNT,
	STOA__AGG_STRING_AGG,		/* separator */
	STOA__AGG_QUANTILE_CONT,	/* fraction; between two values where it falls there */
	STOA__AGG_QUANTILE_DISC,	/* fraction; one of the values */
	STOA__AGG_MODE,			/* the value that comes most often */
};
struct stoa__agg_key {
	struct stoa__bound *expr;
	bool descending, nulls_first;
};
struct stoa__agg {
	uint8_t kind;		/* enum stoa__agg_kind */
	bool distinct;
	bool descending;	/* where values lie in their own order */
	struct stoa__type type;	/* of the result */
	struct stoa__bound *arg;
	struct stoa__bound *filter;
	struct stoa__agg_key *keys;	/* ORDER BY among its arguments */
	size_t n_keys;
	struct stoa_bytes separator;
	double fraction;	/* NaN: NULL */
	uint32_t line, column;
};

/* Is it 0, not NULL, of no rows? */
static inline bool stoa__agg_counts(const struct stoa__agg *g)
{
	return g->kind == STOA__AGG_COUNT || g->kind == STOA__AGG_APPROX_COUNT;
}
/*
 * Its expressions, one after another: each place of one, which may hold NULL; NULL after the last.
 */
static inline struct stoa__bound **stoa__agg_expr(struct stoa__agg *g, size_t i)
{
	if (i < 2)
		return i ? &g->filter : &g->arg;
	return i - 2 < g->n_keys ? &g->keys[i - 2].expr : NULL;
}

enum stoa__window_kind {
	STOA__WINDOW_AGG,
	STOA__WINDOW_ROW_NUMBER, STOA__WINDOW_RANK, STOA__WINDOW_DENSE_RANK,
	STOA__WINDOW_PERCENT_RANK, STOA__WINDOW_CUME_DIST, STOA__WINDOW_NTILE,
	STOA__WINDOW_LAG, STOA__WINDOW_LEAD,
	STOA__WINDOW_FIRST_VALUE, STOA__WINDOW_LAST_VALUE, STOA__WINDOW_NTH_VALUE,
};
/* The rows of a partition that a function sees from one of them. */
struct stoa__frame {
	uint8_t unit;			/* enum stoa__frame_unit */
	uint8_t start, end;		/* enum stoa__frame_edge */
	uint64_t n_start, n_end;	/* ROWS, GROUPS: how many before or behind */
	struct stoa__bound *at_start, *at_end;	/* RANGE: the key that lies so far off */
};
struct stoa__window {
	uint8_t kind;		/* enum stoa__window_kind */
	const char *name;
	struct stoa__agg agg;	/* of AGG; of others result's type, argument and place alone */
	struct stoa__bound *more[2];	/* LAG, LEAD: offset, default; NTH_VALUE, NTILE: number */
	struct stoa__frame frame;
	struct stoa__bound **partition;
	size_t n_partition;
	struct stoa__agg_key *keys;	/* ORDER BY */
	size_t n_keys;
};
/* As stoa__agg_expr(), of a window function: its own first, then those of PARTITION BY, ORDER BY. */
static inline struct stoa__bound **stoa__window_expr(struct stoa__window *w, size_t i)
{
	struct stoa__bound **own[] = { &w->agg.arg,	   &w->agg.filter,    &w->more[0],
				       &w->more[1],	   &w->frame.at_start, &w->frame.at_end };
	const size_t n_own = sizeof own / sizeof *own;

	if (i < n_own)
		return own[i];
	i -= n_own;
	if (i < w->n_partition)
		return &w->partition[i];
	i -= w->n_partition;
	return i < w->n_keys ? &w->keys[i].expr : NULL;
}

/* The names of a WITH, and what they may refer to themselves. */
struct stoa__ctes {
	const struct stoa__with *list;		/* newest first; each sees those behind it */
	const struct stoa__scope *scope;	/* around it */
	const struct stoa__ctes *outer;
};

struct stoa__binder {
	struct stoa__arena *arena;
	struct stoa_error *err;
	int rc;
	const struct stoa__scope *scope;	/* NULL: no names here */
	const struct stoa__ctes *ctes;		/* what WITH named; NULL: nothing */
	uint32_t n_vars;			/* given out so far */
	uint32_t n_relations;			/* tables and queries in FROM so far */
	struct stoa__tables *tables;
	const struct stoa_value *params;	/* NULL while preparing: all unknown */
	uint32_t n_params;
	/*
	 * Parameters, but for NULLs, are columns from variable @first_param on, of the types of
	 * @params; read[k]: number k is (point.h). NULL: they are constants.
	 */
	bool *params_read;
	uint32_t first_param;
	const char *no_aggregates;	/* where we are, if aggregates may not be here: "WHERE" */
	struct stoa__agg *aggs;
	size_t n_aggs;
	bool may_window;		/* window functions may be here */
	const struct stoa__ast_window *named;	/* the query's WINDOW */
	struct stoa__window *windows;
	size_t n_windows;
	int64_t now;			/* for current_timestamp; 0: not asked yet */
};

/* ---- bind.c -------------------------------------------------------------------------------- */

struct stoa__bound *stoa__bind(struct stoa__binder *bn, const struct stoa__ast *a);
/* An expression that must be boolean; @what for the message: "WHERE". */
struct stoa__bound *stoa__bind_condition(struct stoa__binder *bn, const struct stoa__ast *a,
					 const char *what);
/* NOT @b where @negated, else @b. */
struct stoa__bound *stoa__bind_negate(struct stoa__binder *bn, const struct stoa__token *at,
				      bool negated, struct stoa__bound *b);
/* @a AND @b, @a OR @b: @kind. */
struct stoa__bound *stoa__bind_both(struct stoa__binder *bn, const struct stoa__token *at, int kind,
				    struct stoa__bound *a, struct stoa__bound *b);

/* ---- bind_arith.c -------------------------------------------------------------------------- */

/* @a @op @b; @a || @b; + and - before one operand. */
struct stoa__bound *stoa__bind_arith(struct stoa__binder *bn, const struct stoa__token *at,
				     unsigned op, struct stoa__bound *a, struct stoa__bound *b);
struct stoa__bound *stoa__bind_concat(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__bound *a, struct stoa__bound *b);
struct stoa__bound *stoa__bind_unary(struct stoa__binder *bn, const struct stoa__ast *a);
/* Fails: these types have no such operator. */
struct stoa__bound *stoa__bind_no_operator(struct stoa__binder *bn, const struct stoa__token *at,
					   unsigned op, const struct stoa__bound *a,
					   const struct stoa__bound *b);

/* ---- bind_compare.c ------------------------------------------------------------------------ */

struct stoa__bound *stoa__bind_compare(struct stoa__binder *bn, const struct stoa__token *at,
				       unsigned op, struct stoa__bound *a, struct stoa__bound *b);
/* ~, ~*, !~, !~*: the operator is in the token. */
struct stoa__bound *stoa__bind_match(struct stoa__binder *bn, const struct stoa__token *at,
				     struct stoa__bound *a, struct stoa__bound *b);
struct stoa__bound *stoa__bind_in(struct stoa__binder *bn, const struct stoa__ast *n);

/* ---- bound.c ------------------------------------------------------------------------------- */

/* Sets the error, at @a; gives NULL. */
struct stoa__bound *stoa__bind_fail(struct stoa__binder *bn, const struct stoa__token *at, int code,
				    const char *format, ...) __attribute__((format(printf, 4, 5)));
struct stoa__bound *stoa__bound_new(struct stoa__binder *bn, int kind, const struct stoa__token *at,
				    struct stoa__type type, uint32_t n_args);
struct stoa__bound *stoa__bound_const(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__type type, const struct stoa_value *v);
struct stoa__bound *stoa__bound_null(struct stoa__binder *bn, const struct stoa__token *at,
				     struct stoa__type type);
/* One step on one or two arguments. */
struct stoa__bound *stoa__bound_op(struct stoa__binder *bn, const struct stoa__token *at, int code,
				   unsigned op, struct stoa__type type, struct stoa__bound *a,
				   struct stoa__bound *b);
struct stoa__bound *stoa__bound_call(struct stoa__binder *bn, const struct stoa__token *at,
				     const struct stoa__fn *fn, struct stoa__type type,
				     struct stoa__bound **args, uint32_t n_args);
/* A finished node: flags from its arguments, and its value at once if they are constants. */
struct stoa__bound *stoa__bound_done(struct stoa__binder *bn, struct stoa__bound *b);
struct stoa__token stoa__bound_place(const struct stoa__bound *b);
/* zeroed elements of the binder's arena; NULL once anything failed. */
void *stoa__bind_array(struct stoa__binder *bn, size_t n, size_t size);
/* @array of @n elements with room for another: 1, 2, 4, ... of them fill it; NULL once anything failed. */
void *stoa__bind_room(struct stoa__binder *bn, void *array, size_t n, size_t size);

/* ---- bind_name.c --------------------------------------------------------------------------- */

/* Is @name written as @b, in whatever case? */
/* How much of a name a message shows: the precision of its %.*s. */
static inline int stoa__shown(size_t len)
{
	return len > STOA_NAME_MAX ? STOA_NAME_MAX : (int)len;
}

bool stoa__same_name(struct stoa_bytes name, const char *b);
/* The column @c of a scope, @depth queries out from where we are. */
struct stoa__bound *stoa__bind_column(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__scope_column *c, unsigned depth);
/* STOA__AST_NAME and STOA__AST_DEREF; STOA__AST_ROWID. */
struct stoa__bound *stoa__bind_name(struct stoa__binder *bn, const struct stoa__ast *a);
struct stoa__bound *stoa__bind_rowid(struct stoa__binder *bn, const struct stoa__ast *a);
/* @n, whose columns are @scope's, with a place to follow those of them that are references. */
struct stoa__node *stoa__scope_anchor(struct stoa__binder *bn, struct stoa__node *n,
				      struct stoa__scope *scope);

/* ---- subquery.c ---------------------------------------------------------------------------- */

/* EXISTS (query), x IN (query), (query): a node of its own until it has a place in the tree. */
struct stoa__bound *stoa__bind_subquery(struct stoa__binder *bn, const struct stoa__ast *a);

/* ---- cast.c -------------------------------------------------------------------------------- */

/* CAST(@b AS @to). */
struct stoa__bound *stoa__cast(struct stoa__binder *bn, const struct stoa__token *at,
			       struct stoa__bound *b, struct stoa__type to);
/* The conversion that an operator or function implies; @what for the message. */
struct stoa__bound *stoa__coerce(struct stoa__binder *bn, const struct stoa__token *at,
				 struct stoa__bound *b, struct stoa__type to);
/*
 * The conversion that storing in @slot implies: between numbers, with rounding and a check of the
 * range; between date and timestamp; of anything to text; of text, as it is read, to anything. A
 * NULL where none may be is left to whoever writes the row.
 */
struct stoa__bound *stoa__assign(struct stoa__binder *bn, const struct stoa__token *at,
				 struct stoa__bound *b, const struct stoa_slot *slot);
/* Is there one? */
bool stoa__coercible(const struct stoa__bound *b, struct stoa__type to);
/* Brings @n expressions to their common type, which goes to *@type. False after an error. */
bool stoa__unify(struct stoa__binder *bn, const struct stoa__token *at, struct stoa__bound **args,
		 uint32_t n, struct stoa__type *type);

/* ---- bind_call.c --------------------------------------------------------------------------- */

struct stoa__bound *stoa__bind_call(struct stoa__binder *bn, const struct stoa__ast *a);
struct stoa__bound *stoa__bind_case(struct stoa__binder *bn, const struct stoa__ast *a);
struct stoa__bound *stoa__bind_extract(struct stoa__binder *bn, const struct stoa__ast *a);
struct stoa__bound *stoa__bind_now(struct stoa__binder *bn, const struct stoa__token *at,
				   unsigned type);
/* The argument of call @a as a number of its own type; a quoted one as a double. */
struct stoa__bound *stoa__bind_number(struct stoa__binder *bn, const struct stoa__ast *a,
				      struct stoa__bound *x);

/* ---- bind_agg.c ---------------------------------------------------------------------------- */

bool stoa__agg_same_keys(const struct stoa__agg_key *a, size_t n_a, const struct stoa__agg_key *b,
			 size_t n_b);
/* Do both want their values in the same order? */
bool stoa__agg_same_order(const struct stoa__agg *a, const struct stoa__agg *b);
bool stoa__is_aggregate(const struct stoa__ast *a);	/* and has no OVER */
bool stoa__is_aggregate_name(const struct stoa__ast *call);
bool stoa__agg_same(const struct stoa__agg *a, const struct stoa__agg *b);
struct stoa__bound *stoa__bind_aggregate(struct stoa__binder *bn, const struct stoa__ast *a);
/* What @a says of an aggregate, which enters no list; its arguments are bound. False after an error. */
bool stoa__bind_agg(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g);
/* The keys of an ORDER BY, without those that say nothing; *@n of them. */
struct stoa__agg_key *stoa__bind_agg_keys(struct stoa__binder *bn,
					  const struct stoa__ast_items *order, size_t *n);

/* ---- bind_window.c ------------------------------------------------------------------------- */

/* @a, a call with OVER: a node that names it in the query's list. */
struct stoa__bound *stoa__bind_window(struct stoa__binder *bn, const struct stoa__ast *a);
/* Is that the name of a function that only OVER gives a meaning? */
bool stoa__is_window_name(struct stoa_bytes name);
bool stoa__has_window(const struct stoa__bound *b);
/* Do both look at the same partitions in the same order? */
bool stoa__window_same_rows(const struct stoa__window *a, const struct stoa__window *b);

#endif
