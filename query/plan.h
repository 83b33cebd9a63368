/* SPDX-License-Identifier: MIT */
/*
 * plan.h - a query bound to its table: what to do, in the order in which it is done
 *
 *     scan -> where -> [keys, aggregates -> having] -> outputs -> [distinct] -> [order] -> limit
 *
 * A plan is read-only; the operators that run it (op.h) hold the state.
 */
#ifndef STOA__PLAN_H
#define STOA__PLAN_H

#include "../lib/core/source.h"
#include "bind.h"

/* Where tables come from: a transaction, or a test's arrays. */
struct stoa__tables {
	/*
	 * The table called @name; *@info borrows until the plan is done. STOA_ENOTFOUND without
	 * words if there is none.
	 */
	int (*find)(struct stoa__tables *t, const char *name, stoa_table *table,
		    struct stoa_table_info *info, struct stoa_error *err);
	int (*open)(struct stoa__tables *t, stoa_table table, const uint32_t *slots, size_t n_slots,
		    struct stoa__source **out, struct stoa_error *err);
};

struct stoa__order_key {
	uint32_t output;
	bool descending;
	bool nulls_first;
};

struct stoa__plan {
	bool has_table;
	stoa_table table;
	uint32_t *slots;	/* the scan's columns; one may be STOA__SLOT_ROWID */
	size_t n_slots;
	struct stoa__bound **where;	/* all must hold */
	size_t n_where;
	bool grouped;
	struct stoa__bound **keys;
	size_t n_keys;
	struct stoa__agg *aggs;
	size_t n_aggs;
	/* From here on, columns are keys and aggregates where the query is grouped. */
	struct stoa__bound **having;
	size_t n_having;
	struct stoa__bound **outputs;	/* the visible columns, then what ORDER BY needs besides */
	size_t n_outputs;
	struct stoa_column *columns;
	size_t n_visible;
	bool distinct;
	struct stoa__order_key *order;
	size_t n_order;
	uint64_t limit;		/* UINT64_MAX: none */
	uint64_t offset;
};

/*
 * Binds @q. @params: its @n_params values, or NULL for all NULL. The plan lives in @arena and
 * borrows from the tree. Errors have line and column.
 */
int stoa__plan_query(const struct stoa__query *q, struct stoa__tables *tables,
		     const struct stoa_value *params, uint32_t n_params, struct stoa__arena *arena,
		     struct stoa__plan **out, struct stoa_error *err);

#endif
