/* SPDX-License-Identifier: MIT */
/*
 * point_own.h - the inside of a point: shared by point.c, point_make.c and point_select.c only
 */
#ifndef STOA__POINT_OWN_H
#define STOA__POINT_OWN_H

#include "../lib/core/bitmap.h"
#include "../lib/db.h"
#include "point.h"

#define STOA__POINT_CELL 64		/* bytes of a column's one element, as kernels may read past it */

/* What is computed: an expression, or the column @column where there is none, stored in @slot. */
struct stoa__point_output {
	const struct stoa__ast *expr;
	const struct stoa_slot *slot;	/* NULL: as it is */
	uint32_t column;
	bool bare;			/* stored as it comes */
};

struct stoa__point_param {
	bool read;			/* by a program */
	uint8_t type, scale;		/* of the value that it was compiled for */
};

struct stoa__point {
	struct stoa__input input;
	struct stoa__arena arena;
	uint64_t schema;		/* its serial number */
	bool usable;
	struct stoa__point_param *params;
	uint32_t n_params;
	/* Columns: */
	uint32_t n_row, first_came, first_param, n_columns;
	struct stoa__type *types;
	struct stoa_value *values;
	bool *ready;			/* by column: its cell has the value */
	uint8_t *cells;
	/* The row's name: by rowid, or by the slots of a set; NULL: it has none. */
	const struct stoa__ast **key;
	size_t n_key;
	stoa_index set;			/* 0: by rowid */
	struct stoa__machine *where, *out;	/* NULL: nothing to compute */
	struct stoa__point_output *outputs;
	struct stoa_value *results;
	size_t n_outputs;
	const struct stoa_column *columns;	/* of a SELECT */
	/* Now: */
	struct stoa_txn *txn;
	const struct stoa__table *t;
	struct stoa__place at;
	struct stoa__buf scratch;	/* what values that were read borrow from */
};

/* What a statement asks for. */
struct stoa__point_ask {
	stoa_stmt *stmt;
	struct stoa__tables *tables;
	const struct stoa__table *t;
	const struct stoa_value *params;
	struct stoa_bytes name;			/* what qualifies the row's columns */
	const struct stoa__ast *where;
	bool keyed;				/* which of the rows is said by WHERE */
	bool with_came;
	/* One of: */
	const struct stoa__query *query;	/* a SELECT */
	const struct stoa__ast_list *row;	/* VALUES, */
	const struct stoa__assignment *sets;	/* SET, */
	const uint32_t *slots;			/* for these slots */
};

/* ---- point_make.c ---------------------------------------------------------------------------- */

/* A constant or parameter of the statement. */
struct stoa_value stoa__point_constant(const struct stoa__ast *a, const struct stoa_value *params);
/* Does storing @v in a slot of that type mean the same, wherever it fits, as an assignment does? */
bool stoa__point_is_plain(unsigned type, const struct stoa_value *v);
/*
 * The point of a statement, kept there and made anew if it must be; NULL if there is none, or these
 * parameters are none for it.
 */
struct stoa__point *stoa__point_for(struct stoa__point **kept, const struct stoa__point_ask *q);
/* What is stored as it comes. */
static inline struct stoa_value stoa__point_bare(const struct stoa__point_output *o,
						 const struct stoa__point_ask *q)
{
	return !o->expr || o->expr->kind == STOA__AST_DEFAULT ?
		       stoa_default() :
		       stoa__point_constant(o->expr, q->params);
}

/* ---- point.c --------------------------------------------------------------------------------- */

/* Which row it is: STOA_ROW, STOA_END, or an error without words. */
int stoa__point_find(const struct stoa__point *p, const struct stoa__point_ask *q,
		     struct stoa_txn *txn, stoa_table table, stoa_rowid *row);
/*
 * Begins with that row (0: none) and what may be said of it: STOA_ROW; STOA_END where there is
 * none, or WHERE is not true; an error.
 */
int stoa__point_begin(struct stoa__point *p, const struct stoa__point_ask *q, struct stoa_txn *txn,
		      stoa_rowid row);
/* Runs a program over it: STOA_OK, or an error without words. */
int stoa__point_run(struct stoa__point *p, struct stoa__machine *m);

#endif
