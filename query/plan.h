/* SPDX-License-Identifier: MIT */
/*
 * plan.h - a query bound to its tables: a tree of nodes, each of which makes rows of columns
 *
 *     SELECT a, count(*) FROM t JOIN u ON t.x = u.x WHERE b > 1 GROUP BY a ORDER BY 2 LIMIT 3
 *
 *     limit <- sort <- project <- aggregate <- join <- filter <- scan t
 *                                                   <- scan u
 *
 * While it is planned, a column is known everywhere by its *variable*, a number of its own in the
 * statement: so a condition may be moved up and down the tree, and two trees be joined, without a
 * word changed in any expression. When all is in its place, resolve.c gives up the columns
 * that nobody reads, and from then on STOA__BOUND_COLUMN's index is a place among the columns of
 * the node's input: of its one input, or of a join's two, those of the second behind those of the
 * first. A scan's conditions speak of its own columns.
 *
 * A plan is read-only once made; the operators that run it (op.h) hold the state.
 */
#ifndef STOA__PLAN_H
#define STOA__PLAN_H

#include "../lib/core/budget.h"
#include "../lib/core/hands.h"
#include "../lib/core/source.h"
#include "../lib/temp.h"
#include "bind.h"
#include "table_function.h"

/* What an execution may use. */
struct stoa__means {
	struct stoa__budget *budget;	/* NULL: no limit */
	const struct stoa__dir *dir;	/* for temporary files; NULL: TMPDIR */
	unsigned n_threads;		/* 0 is 1 */
	struct stoa__hands *hands;	/* where they come from; NULL: from nowhere, n_threads is 1 */
	bool no_background;		/* no thread may work between two calls of the application */
};

/* Where tables come from: a transaction, or a test's arrays. */
struct stoa__tables {
	/*
	 * The table called @name; *@info borrows until the plan is done. STOA_ENOTFOUND without
	 * words if there is none.
	 */
	int (*find)(struct stoa__tables *t, const char *name, stoa_table *table,
		    struct stoa_table_info *info, struct stoa_error *err);
	/* The same of a table whose number is known. NULL where no column is a reference. */
	int (*describe)(struct stoa__tables *t, stoa_table table, struct stoa_table_info *info,
			struct stoa_error *err);
	int (*open)(struct stoa__tables *t, stoa_table table, const uint32_t *slots, size_t n_slots,
		    struct stoa__source **out, struct stoa_error *err);
	/*
	 * As find(), a table that a function makes (table_function.h), good until the plan's cursor
	 * is open. NULL: there are no functions here.
	 */
	int (*call)(struct stoa__tables *t, const struct stoa__table_call *call, stoa_table *table,
		    struct stoa_table_info *info, struct stoa_error *err);
	struct stoa__means means;
};

enum stoa__node_kind {
	STOA__NODE_ONE,		/* one row without columns */
	STOA__NODE_SCAN,	/* slots of a table; exprs: conditions that row groups are skipped by */
	STOA__NODE_FILTER,	/* the rows for which all exprs are true */
	STOA__NODE_PROJECT,	/* exprs over each row */
	STOA__NODE_AGGREGATE,	/* exprs: keys; then aggs. DISTINCT is one without aggs */
	STOA__NODE_SORT,	/* order; limit: rows that are wanted, UINT64_MAX: all */
	STOA__NODE_LIMIT,	/* offset, limit */
	STOA__NODE_JOIN,	/* join, of input[0] and input[1]; exprs: further conditions */
	STOA__NODE_APPEND,	/* the rows of input[0], then those of input[1] (UNION ALL) */
	STOA__NODE_VALUES,	/* exprs: cells, row by row, each without columns */
	STOA__NODE_REPEAT,	/* each row exprs[0] times */
	STOA__NODE_UNIQUE,	/* of neighbours that are equal in the columns of order the first */
	STOA__NODE_WINDOW,	/* each row, and the values of windows at it; rows come by order */
	STOA__NODE_LOOKUP,	/* each row, and slots of the row of a table whose rowid is exprs[0] */
};

/*
 * Joins. input[0] is the probe side, "left", which streams; input[1] is the build side, kept in a
 * hash table. Rows match where all keys are equal, none of them NULL, and all further conditions
 * are true.
 *
 *     INNER       pairs that match; without keys and conditions all pairs
 *     LEFT        those, and left rows without a match beside NULLs; RIGHT, FULL: the same for
 *                 the right side, for both
 *     SEMI, ANTI  left rows with, without a match; RIGHT_SEMI, RIGHT_ANTI: right rows
 *     MARK        each left row, with a column that says whether it has a match: true, false, or
 *                 NULL where a condition was NULL and none was true; if @null_aware, also where
 *                 a key was NULL on either side and the right side had rows
 *     SINGLE      as LEFT, but two matches of one left row are an error: at @line, @column
 */

/* A column that a node makes. */
struct stoa__node_column {
	const char *name;	/* for people; never NULL */
	struct stoa__type type;
	bool not_null;
	uint32_t var;
	double distinct;	/* about how many values; 0: nobody knows */
	int64_t min, max;	/* of integers; min > max: nobody knows */
};

#define STOA__PLACE_MARK UINT32_MAX

struct stoa__order_key {
	uint32_t output;	/* column of the node's input; until resolved, its variable */
	bool descending;
	bool nulls_first;
};

struct stoa__node {
	uint8_t kind;		/* enum stoa__node_kind */
	bool global;		/* of an aggregate: one group, even of no rows */
	uint32_t id;		/* its number in the plan, from 0, below n_nodes */
	double rows;		/* about how many it makes; negative: nobody has asked */
	struct stoa__node *input[2];
	struct stoa__node_column *columns;
	size_t n_columns;
	struct stoa__bound **exprs;
	size_t n_exprs;
	/* SCAN */
	stoa_table table;
	const char *table_name;
	const struct stoa__row_list *only;	/* of the table's rows; NULL: all */
	uint32_t *slots;	/* by column; one may be STOA__SLOT_ROWID */
	/*
	 * LOOKUP: also table, table_name and slots, by its own columns; NULL where there is no row.
	 * Its columns are its own alone until it is resolved, then its input's and the last
	 * @n_looked its own.
	 */
	size_t n_looked;
	bool members;		/* only rows of the table; else also those kept for who refers to them */
	/* AGGREGATE */
	struct stoa__agg *aggs;
	size_t n_aggs;
	/* SORT, UNIQUE, WINDOW */
	struct stoa__order_key *order;
	size_t n_order;
	/*
	 * WINDOW: its columns, as a LOOKUP's, are its own alone until it is resolved, a function
	 * each. Rows with equal values of the first @n_partition keys are a partition.
	 */
	size_t n_partition;
	struct stoa__window *windows;
	size_t n_windows;
	/* VALUES */
	size_t n_rows;
	/* JOIN */
	uint8_t join;		/* enum stoa__join_kind, CROSS excepted */
	bool null_aware;
	struct stoa__bound **left_keys;		/* each over its own side */
	struct stoa__bound **right_keys;
	size_t n_keys;
	uint32_t mark;		/* variable of MARK's column */
	uint32_t *places;	/* by column: where among the inputs' columns; STOA__PLACE_MARK */
	uint32_t line, column;
	const struct stoa__node *shares;	/* SEMI: the join above whose build side is its too; then there is no input[1] */
	bool is_shared;		/* there is such a join below its probe side */
	/* SORT, LIMIT */
	uint64_t limit;
	uint64_t offset;
};

struct stoa__plan {
	struct stoa__node *root;
	uint32_t n_nodes;
	struct stoa_column *columns;	/* the result's: the first n_visible of the root's */
	size_t n_visible;
};

/*
 * Binds @q. @params: its @n_params values, or NULL for all NULL. The plan lives in @arena and
 * borrows from the tree. Errors have line and column.
 */
int stoa__plan_query(const struct stoa__query *q, struct stoa__tables *tables,
		     const struct stoa_value *params, uint32_t n_params, struct stoa__arena *arena,
		     struct stoa__plan **out, struct stoa_error *err);

/* Is it one row of constants? Then their values, one for each visible column. */
bool stoa__plan_constants(const struct stoa__plan *plan, struct stoa_value *values);

/* What runs of a node cost, counted where somebody asks (op.h). */
struct stoa__node_counts {
	uint64_t n_rows;	/* that it made */
	uint64_t n_batches;
	uint64_t nanos;		/* in its next() and column(), what is below included */
	/* Of a scan: */
	uint64_t n_groups;	/* row groups read */
	uint64_t n_skipped;	/* passed over */
	uint64_t n_unmatched;	/* of these, since no key of a join's build side lies in them */
	uint64_t n_bytes;	/* of vectors made */
	const char *index;	/* that names its rows, known before it runs; NULL: none */
	/* Of a join: */
	uint64_t n_dropped;	/* probe rows whose keys' tags said that they have no partner */
};
/* Adds to one of them; lanes of one node may do so at the same time. */
static inline void stoa__count(uint64_t *at, uint64_t n)
{
	__atomic_fetch_add(at, n, __ATOMIC_RELAXED);
}

/* ---- node.c: how the planner makes and changes trees ----------------------------------------- */

/* A node over @input (NULL: none), with the columns of @input; NULL once anything failed. */
struct stoa__node *stoa__node_new(struct stoa__binder *bn, int kind, struct stoa__node *input);
uint32_t stoa__var_new(struct stoa__binder *bn);
/* Adds a column; @name must live as long as the plan. */
void stoa__node_add(struct stoa__binder *bn, struct stoa__node *n, const char *name,
		    struct stoa__type type, bool not_null, uint32_t var);
void stoa__node_add_expr(struct stoa__binder *bn, struct stoa__node *n, struct stoa__bound *b);
/* Adds slot @c of its table to a scan or a lookup; the variable that is now its. */
uint32_t stoa__scan_add(struct stoa__binder *bn, struct stoa__node *scan,
			const struct stoa__scope_column *c);
/*
 * Does @n make @var? While planning, ask this: a scan below may have gained columns that the nodes
 * above it, which pass them on, hear of when the plan is resolved.
 */
bool stoa__node_makes(const struct stoa__node *n, uint32_t var);
/* Does it make all, or any, of what @b reads? */
bool stoa__node_makes_all(const struct stoa__node *n, const struct stoa__bound *b);
bool stoa__node_makes_any(const struct stoa__node *n, const struct stoa__bound *b);
/* Do a join's rows have the columns of that side? */
bool stoa__join_gives_left(const struct stoa__node *n);
bool stoa__join_gives_right(const struct stoa__node *n);
/* Rows of @n for which all @terms are true; @n itself where there are none. */
struct stoa__node *stoa__node_filter(struct stoa__binder *bn, struct stoa__node *n,
				     struct stoa__bound **terms, size_t n_terms);
/* The value of column @c. */
struct stoa__bound *stoa__bound_var(struct stoa__binder *bn, const struct stoa__token *at,
				    const struct stoa__node_column *c);
/*
 * A copy of @b in which what @swap gives for a node stands in its place; where it gives NULL, its
 * arguments are copied in turn.
 */
typedef struct stoa__bound *stoa__bound_swap(struct stoa__binder *bn, void *arg,
					     struct stoa__bound *b);
struct stoa__bound *stoa__bound_map(struct stoa__binder *bn, struct stoa__bound *b,
				    stoa__bound_swap *swap, void *arg);

/* ---- terms.c: conditions as lists that all must hold ----------------------------------------- */

/* The conditions that @b (NULL: none) is made of; *@n of them. */
struct stoa__bound **stoa__terms_split(struct stoa__binder *bn, struct stoa__bound *b, size_t *n);
/* Comparisons of integer columns with constants become ranges, in place; how many are left. */
size_t stoa__terms_ranges(struct stoa__binder *bn, struct stoa__bound **terms, size_t n);

/* ---- plan.c ---------------------------------------------------------------------------------- */

/* The tree of a query; its first *@n_visible columns are the result, the others for ORDER BY. */
struct stoa__node *stoa__plan_block(struct stoa__binder *bn, const struct stoa__query *q,
				    size_t *n_visible);
/* @input's rows, each once. */
struct stoa__node *stoa__node_distinct(struct stoa__binder *bn, struct stoa__node *input);

/* A type of its own for each column: NULL's is not known. */
struct stoa__bound *stoa__bound_typed(struct stoa__binder *bn, struct stoa__bound *b);

/* ---- plan_window.c --------------------------------------------------------------------------- */

/* @tree's rows with a column for each window function; @outputs are rewritten over them. */
struct stoa__node *stoa__plan_windows(struct stoa__binder *bn, struct stoa__node *tree,
				      struct stoa__bound **outputs, size_t n_outputs);

/* ---- set_op.c: VALUES, and set operations ---------------------------------------------------- */

struct stoa__node *stoa__plan_values(struct stoa__binder *bn, const struct stoa__query *q);
/* UNION, INTERSECT, EXCEPT of @q's two queries. */
struct stoa__node *stoa__plan_set(struct stoa__binder *bn, const struct stoa__query *q);

/* ---- subquery.c ------------------------------------------------------------------------------ */

bool stoa__has_subquery(const struct stoa__bound *b);
/*
 * @b with columns in place of its subqueries, which are joined to *@tree. Everything else that @b
 * reads must be made by it.
 */
struct stoa__bound *stoa__subqueries_join(struct stoa__binder *bn, struct stoa__node **tree,
					  struct stoa__bound *b);
/* The rows of @tree for which all @terms are true, which may have subqueries. */
struct stoa__node *stoa__subqueries_filter(struct stoa__binder *bn, struct stoa__node *tree,
					   struct stoa__bound **terms, size_t n_terms);

/* ---- push.c, join_order.c, estimate.c -------------------------------------------------------- */

/* The same rows sooner: conditions as far down as they can be, joins in a good order. */
struct stoa__node *stoa__plan_optimise(struct stoa__binder *bn, struct stoa__node *n);
/* Joins of few rows with a large table on its rowid are lookups (positional.c). */
struct stoa__node *stoa__plan_positional(struct stoa__binder *bn, struct stoa__node *n);
/* Joins @n relations (1 or more) on @terms, all of which are used. */
struct stoa__node *stoa__join_order(struct stoa__binder *bn, struct stoa__node **relations,
				    size_t n, struct stoa__bound **terms, size_t n_terms);
/* Makes keys of the equalities among a join's conditions. */
void stoa__join_keys(struct stoa__binder *bn, struct stoa__node *join);
/* Fills in @n's rows, from those of its inputs. */
void stoa__estimate(struct stoa__binder *bn, struct stoa__node *n);
/* About how many distinct values @b has in the rows of @n, whose rows are known. */
double stoa__estimate_distinct(const struct stoa__node *n, const struct stoa__bound *b);
/* The same where @b's columns were made, however many rows there are here; 0: not known. */
double stoa__estimate_values(const struct stoa__node *n, const struct stoa__bound *b);
/* What part of all pairs of rows agrees in keys, which are added by their values (see above). */
struct stoa__match {
	double left_rows, right_rows;
	double left, right;	/* values of all keys so far */
	size_t n_keys;
};
static inline struct stoa__match stoa__match_of(double left_rows, double right_rows)
{
	return (struct stoa__match){ left_rows, right_rows, 1, 1, 0 };
}
void stoa__match_add(struct stoa__match *m, double left_values, double right_values);
double stoa__match_part(const struct stoa__match *m);
/* What part of @n's rows @term lets through. */
double stoa__estimate_term(const struct stoa__node *n, const struct stoa__bound *term);

/* ---- from.c ---------------------------------------------------------------------------------- */

/* The columns of a table that @n reads, the rowid last. */
void stoa__table_columns(struct stoa__binder *bn, const struct stoa_table_info *info,
			 struct stoa__node *n, struct stoa_bytes alias, struct stoa__scope *scope);
/* The tree of a FROM (NULL: none), and in *@scope its columns. */
struct stoa__node *stoa__from_bind(struct stoa__binder *bn, const struct stoa__from *f,
				   struct stoa__scope *scope);

/* ---- resolve.c ------------------------------------------------------------------------------- */

/* Gives up columns that nobody reads, and turns variables into places; numbers the nodes. */
int stoa__plan_resolve(struct stoa__binder *bn, struct stoa__plan *plan);
/*
 * restrict.c: groupings of a plan that was resolved make no groups that a join above them throws
 * away.
 */
int stoa__plan_restrict(struct stoa__binder *bn, struct stoa__plan *plan);

#endif
