/* SPDX-License-Identifier: MIT */
/*
 * op_build.c - the operators of a plan
 *
 * Operators take over what they read from, so at each step there is one root to close on failure.
 * A LIMIT goes below the projection where nothing between them needs all rows: so what the limit
 * cuts off is never computed, and cannot fail.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "op.h"

struct build {
	const struct stoa__plan *plan;
	struct stoa__tables *tables;
	struct stoa__arena *arena;
	struct stoa_error *err;
	struct stoa__op *root;
	struct stoa__op *scan;	/* somewhere below the root; NULL: none */
	size_t n_columns;	/* of @root */
};

static int add_scan(struct build *b)
{
	const struct stoa__plan *plan = b->plan;
	uint32_t *slots = stoa__arena_array(b->arena, plan->n_slots + 1, sizeof *slots);
	struct stoa__source *source;
	size_t n = 0, rowid = SIZE_MAX;

	if (!slots)
		return stoa__fail_memory(b->err);
	for (size_t i = 0; i < plan->n_slots; i++) {
		if (plan->slots[i] == STOA__SLOT_ROWID)
			rowid = i;
		else
			slots[n++] = plan->slots[i];
	}
	STOA_TRY(b->tables->open(b->tables, plan->table, slots, n, &source, b->err));
	b->n_columns = plan->n_slots;
	STOA_TRY(stoa__op_scan(source, plan->n_slots, rowid, plan->where, plan->n_where, &b->root,
			       b->err));
	b->scan = b->root;
	return STOA_OK;
}

static int add_filter(struct build *b, struct stoa__bound *const *terms, size_t n)
{
	if (!n)
		return STOA_OK;
	return stoa__op_filter(b->root, b->arena, b->n_columns, terms, n, &b->root, b->err);
}

static int add_aggregate(struct build *b)
{
	const struct stoa__plan *plan = b->plan;

	b->n_columns = plan->n_keys + plan->n_aggs;
	return stoa__op_aggregate(b->root, b->arena, plan->keys, plan->n_keys, true, plan->aggs,
				  plan->n_aggs, &b->root, b->err);
}

static int add_limit(struct build *b)
{
	if (b->plan->limit == UINT64_MAX && b->plan->offset == 0)
		return STOA_OK;
	return stoa__op_limit(b->root, b->n_columns, b->plan->offset, b->plan->limit, &b->root,
			      b->err);
}

/* DISTINCT is grouping by every column, without aggregates. */
static int add_distinct(struct build *b)
{
	struct stoa__bound **keys =
		stoa__arena_array(b->arena, b->n_columns + 1, sizeof(*keys));

	if (!keys)
		return stoa__fail_memory(b->err);
	for (size_t i = 0; i < b->n_columns; i++) {
		keys[i] = stoa__arena_zalloc(b->arena, sizeof(**keys));
		if (!keys[i])
			return stoa__fail_memory(b->err);
		keys[i]->kind = STOA__BOUND_COLUMN;
		keys[i]->type = b->plan->outputs[i]->type;
		keys[i]->index = (uint32_t)i;
	}
	return stoa__op_aggregate(b->root, b->arena, keys, b->n_columns, false, NULL, 0, &b->root,
				  b->err);
}

/* The scan's column that the first key is; SIZE_MAX: none, or one without zone maps. */
static size_t key_column(const struct stoa__plan *plan)
{
	const struct stoa__bound *key = plan->outputs[plan->order[0].output];

	if (!plan->has_table || plan->grouped || plan->distinct ||
	    key->kind != STOA__BOUND_COLUMN || plan->slots[key->index] == STOA__SLOT_ROWID)
		return SIZE_MAX;
	return key->index;
}

/* With all rows to choose from, zone maps alone tell much about the first. */
static int foresee(struct build *b, struct stoa__bar *bar, uint64_t limit)
{
	const struct stoa__plan *plan = b->plan;
	struct stoa__source *source;

	if (bar->column == SIZE_MAX || plan->n_where)
		return STOA_OK;
	STOA_TRY(b->tables->open(b->tables, plan->table, &plan->slots[bar->column], 1, &source,
				 b->err));
	return stoa__bar_foresee(bar, source, limit, b->err);
}

static int make_bar(struct build *b, uint64_t limit, struct stoa__bar **out)
{
	const struct stoa__order_key *key = &b->plan->order[0];
	struct stoa__bar *bar = stoa__arena_zalloc(b->arena, sizeof *bar);

	*out = bar;
	if (!bar)
		return stoa__fail_memory(b->err);
	bar->phys = (uint8_t)stoa__prog_phys(b->plan->outputs[key->output]->type.type);
	bar->descending = key->descending;
	bar->nulls_first = key->nulls_first;
	bar->alone = b->plan->n_order == 1;
	bar->last = UINT64_MAX;
	bar->column = key_column(b->plan);
	if (bar->column < SIZE_MAX)
		stoa__op_scan_heed(b->scan, bar);
	return foresee(b, bar, limit);
}

static int add_sort(struct build *b)
{
	const struct stoa__plan *plan = b->plan;
	struct stoa__type *types = stoa__arena_array(b->arena, b->n_columns + 1, sizeof *types);
	uint64_t limit = plan->limit;
	struct stoa__bar *bar = NULL;

	if (!types)
		return stoa__fail_memory(b->err);
	for (size_t i = 0; i < b->n_columns; i++)
		types[i] = plan->outputs[i]->type;
	if (limit != UINT64_MAX && __builtin_add_overflow(limit, plan->offset, &limit))
		limit = UINT64_MAX;
	if (limit < UINT64_MAX)
		STOA_TRY(make_bar(b, limit, &bar));
	return stoa__op_sort(b->root, types, b->n_columns, plan->order, plan->n_order, limit, bar,
			     &b->root, b->err);
}

static int build(struct build *b)
{
	const struct stoa__plan *plan = b->plan;
	bool limit_late = plan->n_order || plan->distinct;

	STOA_TRY(plan->has_table ? add_scan(b) : stoa__op_one(&b->root, b->err));
	STOA_TRY(add_filter(b, plan->where, plan->n_where));
	if (plan->grouped) {
		STOA_TRY(add_aggregate(b));
		STOA_TRY(add_filter(b, plan->having, plan->n_having));
	}
	if (!limit_late)
		STOA_TRY(add_limit(b));
	STOA_TRY(stoa__op_project(b->root, b->arena, plan->outputs, plan->n_outputs, &b->root,
				  b->err));
	b->n_columns = plan->n_outputs;
	if (plan->distinct)
		STOA_TRY(add_distinct(b));
	if (plan->n_order)
		STOA_TRY(add_sort(b));
	return limit_late ? add_limit(b) : STOA_OK;
}

int stoa__op_build(const struct stoa__plan *plan, struct stoa__tables *tables,
		   struct stoa__arena *arena, struct stoa__op **out, struct stoa_error *err)
{
	struct build b = { .plan = plan, .tables = tables, .arena = arena, .err = err };
	int rc = build(&b);

	*out = NULL;
	if (rc < 0) {
		stoa__op_close(b.root);
		return rc;
	}
	*out = b.root;
	return STOA_OK;
}
