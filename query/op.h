/* SPDX-License-Identifier: MIT */
/*
 * op.h - operators: each pulls batches from the one below and offers its own, column by column
 *
 *     limit <- sort <- project <- filter <- aggregate <- filter <- scan
 *
 * The shape is that of struct stoa__source: next() finds the next rows, column() makes one column
 * of them, and what nobody asks for is not made: a filter gathers, and a scan decodes, only what
 * something above reads. Vectors are good until the next next(). Integers up to u32 come as
 * int64_t, booleans as bytes.
 */
#ifndef STOA__OP_H
#define STOA__OP_H

#include "bar.h"
#include "plan.h"
#include "prog.h"
#include "run.h"
#include "span.h"

struct stoa__lanes;
struct stoa__op;
struct stoa__op_ops {
	/* STOA_ROW with *@n rows (1 .. STOA__BATCH_ROWS), STOA_END, or an error. */
	int (*next)(struct stoa__op *op, size_t *n, struct stoa_error *err);
	void (*close)(struct stoa__op *op);
	/* Short cuts, as those of struct stoa__source_ops; NULL: none. */
	bool (*within)(struct stoa__op *op, size_t i, int64_t lo, int64_t hi, uint64_t *bits);
	bool (*pick)(struct stoa__op *op, size_t i, const uint32_t *sel, size_t n, void *room,
		     uint64_t *bits, struct stoa__vec *out);
};
struct stoa__op {
	struct stoa__input input;	/* its column() */
	const struct stoa__op_ops *ops;
};

static inline int stoa__op_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	return op->ops->next(op, n, err);
}
static inline int stoa__op_column(struct stoa__op *op, size_t i, struct stoa__vec *out,
				  struct stoa_error *err)
{
	return op->input.column(&op->input, i, out, err);
}
static inline void stoa__op_close(struct stoa__op *op)
{
	if (op)
		op->ops->close(op);
}

/*
 * All of these take over @child (or @source) at once, so that it is closed whatever happens; *@out
 * is NULL on failure. Expressions and keys must outlive the operator; programs are put in @arena.
 */

/* One row without columns. */
int stoa__op_one(struct stoa__op **out, struct stoa_error *err);
/*
 * @rowid: the column that is the rowid; SIZE_MAX for none. @where: conditions that row groups
 * may be skipped by.
 */
int stoa__op_scan(struct stoa__source *source, size_t n_columns, size_t rowid,
		  struct stoa__bound *const *where, size_t n_where, struct stoa__run *run,
		  struct stoa__op **out, struct stoa_error *err);
/*
 * The rows that conditions name by rowid, which is column @rowid; *@out is NULL if they do not.
 * STOA_OK or STOA_ENOMEM.
 */
int stoa__row_list_of(struct stoa__bound *const *where, size_t n_where, size_t rowid,
		    struct stoa__arena *arena, struct stoa__row_list **out);
/*
 * The rows that the conditions of scan @node may be met by, as an index of @source finds them;
 * *@out is NULL if none does. STOA_OK or the error of reading.
 */
int stoa__row_list_by_key(const struct stoa__node *node, struct stoa__source *source,
			  struct stoa__arena *arena, struct stoa__row_list **out,
			  struct stoa_error *err);
/* Do they? */
bool stoa__row_list_possible(struct stoa__bound *const *where, size_t n_where, size_t rowid);
/* What a scan reads. */
struct stoa__source *stoa__op_scan_source(struct stoa__op *scan);
/* Moves a scan whose source was split to the next row group (source.h): STOA_ROW or STOA_END. */
int stoa__op_scan_deal(struct stoa__op *scan, uint64_t *place, struct stoa_error *err);
/* Lets a scan count row groups and bytes, a join what its keys leave out. */
void stoa__op_scan_count(struct stoa__op *scan, struct stoa__node_counts *counts);
void stoa__op_join_count(struct stoa__op *join, struct stoa__node_counts *counts);
/* Tells a scan to pass over the row groups that @bar, which outlives it, excludes by then. */
void stoa__op_scan_heed(struct stoa__op *scan, const struct stoa__bar *bar);
/*
 * The same of those that @span excludes, once it is known. At most STOA__SPANS_MAX are heeded: more
 * tell little.
 */
#define STOA__SPANS_MAX 8
void stoa__op_scan_heed_span(struct stoa__op *scan, const struct stoa__span *span);
int stoa__op_filter(struct stoa__op *child, struct stoa__arena *arena, size_t n_columns,
		    struct stoa__bound *const *where, size_t n_where, struct stoa__op **out,
		    struct stoa_error *err);
int stoa__op_project(struct stoa__op *child, struct stoa__arena *arena,
		     struct stoa__bound *const *exprs, size_t n_exprs, struct stoa__op **out,
		     struct stoa_error *err);
/*
 * Columns: keys, then aggregates. @global: without keys there is one row, even of no rows. @in: the
 * lanes (lanes.h) whose rows are grouped; taken over.
 */
int stoa__op_aggregate(struct stoa__lanes *in, struct stoa__arena *arena,
		       struct stoa__bound *const *keys, size_t n_keys, bool global,
		       const struct stoa__agg *aggs, size_t n_aggs, struct stoa__op **out,
		       struct stoa_error *err);
/*
 * @in: the lanes (lanes.h) whose rows are sorted; taken over. @limit: rows wanted; UINT64_MAX: all.
 * Equal rows keep their order. @bar: lowered as rows come; NULL without a limit.
 */
int stoa__op_sort(struct stoa__lanes *in, const struct stoa__type *types, size_t n_columns,
		  const struct stoa__order_key *order, size_t n_order, uint64_t limit,
		  struct stoa__bar *bar, struct stoa__op **out, struct stoa_error *err);
int stoa__op_limit(struct stoa__op *child, size_t n_columns, uint64_t offset, uint64_t limit,
		   struct stoa__op **out, struct stoa_error *err);

/*
 * Both inputs are taken over. Join node @n is resolved, and outlives the operator. *@shared is set
 * to the build side; without @build, the operator is a further lane's, and shares that.
 */
struct stoa__join_build;
/*
 * The build side alone, for joins to be made on it before its own; @input is taken over. Held until
 * stoa__join_build_drop().
 */
int stoa__join_build_new(struct stoa__op *input, struct stoa__run *run, struct stoa__arena *arena,
			 const struct stoa__node *n, struct stoa__join_build **out,
			 struct stoa_error *err);
void stoa__join_build_drop(struct stoa__join_build *b);
/* Has it say between which bounds its keys lie, as soon as that is known. */
void stoa__join_build_tell(struct stoa__join_build *b, struct stoa__span *span);
int stoa__op_join(struct stoa__op *probe, struct stoa__op *build, struct stoa__join_build **shared,
		  struct stoa__run *run, struct stoa__arena *arena, const struct stoa__node *n, struct stoa__op **out,
		  struct stoa_error *err);
/* Both inputs are taken over; they have the same types. */
int stoa__op_append(struct stoa__op *first, struct stoa__op *second, struct stoa__op **out,
		    struct stoa_error *err);
/* @cells: row by row, constants mostly, of their column's type; none has columns. */
int stoa__op_values(struct stoa__bound *const *cells, size_t n_rows, const struct stoa__type *types,
		    size_t n_columns, struct stoa__op **out, struct stoa_error *err);
/*
 * @child's @n_child columns, then @n_own of the rows whose rowids are its column @key: those of
 * @source, but for number @rowid (SIZE_MAX: none), which is the rowid. @members: see
 * stoa__source_ops.look(). @source is taken over.
 */
int stoa__op_lookup(struct stoa__op *child, struct stoa__source *source, size_t n_child,
		    size_t n_own, size_t rowid, size_t key, bool members, struct stoa__op **out,
		    struct stoa_error *err);
/* @times: an integer over @child's columns, of which there are @n_columns. */
int stoa__op_repeat(struct stoa__op *child, struct stoa__arena *arena, struct stoa__bound *times,
		    size_t n_columns, struct stoa__op **out, struct stoa_error *err);
/*
 * Of @child's neighbouring rows with equal @keys the first; its columns are of @types, borrowed
 * during the call.
 */
int stoa__op_unique(struct stoa__op *child, const struct stoa__type *types, size_t n_columns,
		    const struct stoa__order_key *keys, size_t n_keys, struct stoa__op **out,
		    struct stoa_error *err);
/*
 * @child's rows, which are sorted by @node's order, with a column for each of its functions. @types:
 * of the child's columns, borrowed during the call; the node outlives the operator.
 */
int stoa__op_window(struct stoa__op *child, const struct stoa__type *types,
		    const struct stoa__node *node, struct stoa__budget *budget,
		    struct stoa__op **out, struct stoa_error *err);
/* The rows of lanes, of columns of @types, in the order of the table. Takes over @in. */
int stoa__op_gather(struct stoa__lanes *in, const struct stoa__type *types, size_t n_columns,
		    struct stoa__op **out, struct stoa_error *err);

/* The rows of a stream that has ended, and outlives the operator. */
struct stoa__stream;
int stoa__op_stream(const struct stoa__stream *rows, struct stoa__run *run, struct stoa__op **out,
		    struct stoa_error *err);

/* @child's rows, counted in @counts, which outlives it. */
int stoa__op_count(struct stoa__op *child, struct stoa__node_counts *counts, struct stoa__op **out,
		   struct stoa_error *err);

/*
 * The operators of a plan, on tables that are opened through @tables. @run outlives them. @counts:
 * one for each node, zeroed, which outlive the operators; NULL: nobody counts.
 */
int stoa__op_build(const struct stoa__plan *plan, struct stoa__tables *tables,
		   struct stoa__run *run, struct stoa__arena *arena,
		   struct stoa__node_counts *counts, struct stoa__op **out, struct stoa_error *err);

#endif
