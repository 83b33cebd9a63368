/* SPDX-License-Identifier: MIT */
/*
 * change_state.h - a statement that changes rows, while it is checked or run
 *
 * change.c         UPDATE, DELETE, RETURNING; the whole
 * change_query.c   the queries that lead them
 * change_insert.c  INSERT
 * change_queue.c   POP, CLAIM, ACK, NACK, EXTEND, ROTATE
 */
#ifndef STOA__CHANGE_STATE_H
#define STOA__CHANGE_STATE_H

#include "lease_table.h"
#include "point.h"
#include "stmt.h"

struct stoa__change {
	stoa_stmt *stmt;
	const struct stoa__statement *s;
	struct stoa__tables *tables;
	stoa_txn *txn;			/* NULL when it is only checked */
	struct stoa__arena *arena;	/* of the cursor that will be handed out */
	struct stoa_error *err;
	stoa_table table;
	struct stoa_table_info info;
	uint32_t *slots;		/* positions; named by SET, or by the columns of INSERT */
	size_t n_slots;
	struct stoa__row_list changed;	/* for RETURNING */
	stoa_rowid *rowids;		/* heap: those in @changed */
	size_t cap_rowids;
	uint64_t n;			/* rows changed */
	struct stoa__upsert *upsert;	/* ON CONFLICT; NULL: an error */
	struct stoa__text *explain;	/* receives the plan; NULL: nobody asks */
	stoa_index deque;		/* of a statement about queues */
	struct stoa_index_info deque_info;
	struct stoa__row_table *jobs;	/* the leases it may be about, then what it returns */
};

/* ---- change_query.c ------------------------------------------------------------------------ */

/* Fills in table and info; slots. */
int stoa__change_find_table(struct stoa__change *c);
int stoa__change_name_slots(struct stoa__change *c);
/* What leads an UPDATE or DELETE: rowid, new values; of what is said of leases: all of c->jobs. */
int stoa__change_leader(struct stoa__change *c, struct stoa__arena *arena,
			struct stoa__query **out);
/*
 * One row of VALUES as a query without a table: an item for each slot, in order. @row NULL: all
 * defaults.
 */
int stoa__change_row(struct stoa__change *c, struct stoa__arena *arena, const struct stoa__ast *row,
		     struct stoa__query **out);
/* RETURNING, of the rows in @only. */
int stoa__change_returning(struct stoa__change *c, struct stoa__arena *arena,
			   const struct stoa__row_list *only, struct stoa__query **out);
int stoa__change_no_aggregates(struct stoa__change *c, const struct stoa__ast_item *i);
/* The rows, where INSERT's query is a plain list of them: each value takes the type of its slot. */
const struct stoa__ast_list *stoa__change_value_rows(const struct stoa__statement *s);

/* Fails: INSERT's query gives @n columns. */
int stoa__change_wrong_width(struct stoa__change *c, size_t n);

/* ---- change_insert.c ----------------------------------------------------------------------- */

int stoa__change_insert_values(struct stoa__change *c, const struct stoa_value *params);
int stoa__change_insert_query(struct stoa__change *c);

/* ---- change_queue.c ------------------------------------------------------------------------ */

/* Fills in which deque is meant. */
int stoa__change_find_deque(struct stoa__change *c);
/* Makes c->jobs anew, without rows; NULL where the last ones are dropped. */
int stoa__change_new_jobs(struct stoa__change *c);
void stoa__change_drop_jobs(struct stoa__change *c);
/* Plans its numbers, names and times, for the errors alone. */
int stoa__change_check_queue(struct stoa__change *c);
/* What POP, CLAIM and ROTATE, which have no plan, do; false of the others. */
bool stoa__change_explain_take(struct stoa__change *c);
/* Does what the statement says; c->jobs are then the rows for RETURNING. */
int stoa__change_queue(struct stoa__change *c);

/* What a point is asked for. */
static inline struct stoa__point_change stoa__change_point(const struct stoa__change *c,
							   const struct stoa_value *params)
{
	return (struct stoa__point_change){
		.stmt = c->stmt, .txn = c->txn, .tables = c->tables, .table = c->table,
		.slots = c->slots, .n_slots = c->n_slots,
		.rows = stoa__change_value_rows(c->s), .params = params,
	};
}

/* ---- change.c ------------------------------------------------------------------------------ */

/* Counts a row, and remembers it for RETURNING. */
int stoa__change_note(struct stoa__change *c, stoa_rowid row);
/* A query made for the statement, planned and opened. */
int stoa__change_open(struct stoa__change *c, const struct stoa__query *query,
		      struct stoa__query_cursor **out);
/* EXPLAIN: the plan of what leads the statement. */
void stoa__change_put_plan(struct stoa__change *c, const struct stoa__query_cursor *q);

#endif
