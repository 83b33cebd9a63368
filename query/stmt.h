/* SPDX-License-Identifier: MIT */
/*
 * stmt.h - between stmt.c, which the public calls, and the files that run its statements
 *
 * A statement's queries, its own and those it is made into, all run as query cursors: plan,
 * operators, and room for the arrays of a batch.
 */
#ifndef STOA__STMT_H
#define STOA__STMT_H

#include "../lib/cursor.h"
#include "../lib/visitor.h"
#include "op.h"
#include "parse.h"
#include "result.h"

struct stoa_stmt {
	uint32_t n_users;
	struct stoa__query_cursor *spare;	/* a closed cursor, for the next execution; or NULL */
	struct stoa__arena arena;	/* text and tree */
	struct stoa__statement *tree;
	struct stoa_value *params;	/* bytes are heap copies of ours */
	uint32_t n_params;
	struct stoa__point *point;	/* if it is about one row (point.h): what was compiled last */
	struct stoa__point *upsert;	/* of ON CONFLICT DO UPDATE */
	/* Hears how far the queries within a change are, and may cancel them; NULL: nobody asks. */
	stoa_progress_fn *progress;
	void *progress_ctx;
};

/* stoa_prepare() for text that stands at @spot of a longer one. */
int stoa__stmt_prepare(struct stoa__tables *tables, const char *sql, size_t len,
		       struct stoa__spot spot, stoa_stmt **out, struct stoa_error *err);

/* A transaction's tables. */
struct stoa__txn_tables {
	struct stoa__tables tables;
	stoa_txn *txn;
	/* Of the source opened last, held: the first that a rollback undoes. */
	struct stoa__version *version;
	struct stoa__relation **relations;	/* that functions made; tables from RELATION on */
	size_t n_relations;
};
void stoa__txn_tables_init(struct stoa__txn_tables *t, stoa_txn *txn);
void stoa__txn_tables_release(struct stoa__txn_tables *t);

struct stoa__query_cursor {
	struct stoa_cursor cursor;
	stoa_stmt *stmt;		/* counted */
	struct stoa__arena arena;	/* plan, programs, parameters; and the query, if it was made */
	struct stoa_value *params;	/* of its own: others may be bound while it is open */
	struct stoa__plan *plan;
	struct stoa__run run;
	struct stoa__op *root;
	const struct stoa_column *columns;
	size_t n_columns;
	struct stoa__result_column *results;
	struct stoa_array *arrays;
	struct stoa__version *version;	/* held: its schemas lend names; NULL without a table */
	struct stoa__visitor visitor;	/* the hold */
	stoa_rowid *rowids;		/* heap: rows that RETURNING speaks of; NULL: none */
	struct stoa__row_list only;
	bool counting;			/* before it is opened: count what nodes cost */
	struct stoa__node_counts *counts;	/* by node, in the arena; NULL: not counted */
};

/* What a statement is about: of EXPLAIN, what is explained. */
static inline const struct stoa__statement *stoa__stmt_about(const stoa_stmt *stmt)
{
	return stmt->tree->inner ? stmt->tree->inner : stmt->tree;
}

/* A cursor without a query yet. Whatever follows fails or not, stoa_cursor_close() frees it. */
int stoa__query_cursor_new(stoa_stmt *stmt, struct stoa__query_cursor **out,
			   struct stoa_error *err);
/* Plans @query, which must live as long as the cursor: in its arena, or the statement's. */
int stoa__query_cursor_plan(struct stoa__query_cursor *q, const struct stoa__query *query,
			    struct stoa__tables *tables, struct stoa_error *err);
/*
 * Opens what was planned. With @slots, columns become what those slots store (stoa__assign());
 * their number must be that of the plan's columns.
 */
int stoa__query_cursor_start(struct stoa__query_cursor *q, struct stoa__tables *tables,
			     const struct stoa_slot *const *slots, struct stoa_error *err);
/* Lets the cursor keep, and end with, the version that @t opened last. */
void stoa__query_cursor_keep(struct stoa__query_cursor *q, struct stoa__txn_tables *t);

#endif
