/* SPDX-License-Identifier: MIT */
/*
 * op_build.c - the operators of a plan, one for each node
 *
 * Operators take over what they read from, so at each step there is one root to close on failure.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "lanes.h"

struct build {
	const struct stoa__plan *plan;
	struct stoa__tables *tables;
	struct stoa__run *run;
	struct stoa__arena *arena;
	struct stoa__node_counts *counts;
	struct stoa_error *err;
	struct stoa__op **ops;	/* by node; NULL: not there yet */
};

static int build(struct build *b, const struct stoa__node *n, struct stoa__op **out);

/* Where the query says by rowid which rows it wants, or RETURNING does. Closes @source on failure. */
static int go_to_rows(struct build *b, const struct stoa__node *n, struct stoa__source *source,
		      size_t rowid)
{
	struct stoa__row_list *named;

	if (!source->ops->only)
		return STOA_OK;
	if (stoa__row_list_of(n->exprs, n->n_exprs, rowid, b->arena, &named) < 0) {
		source->ops->close(source);
		return stoa__fail_memory(b->err);
	}
	if (n->only || named)
		source->ops->only(source, n->only ? n->only : named);
	return STOA_OK;
}

static int build_scan(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	uint32_t *slots = stoa__arena_array(b->arena, n->n_columns + 1, sizeof *slots);
	struct stoa__source *source;
	size_t n_slots = 0, rowid = SIZE_MAX;

	if (!slots)
		return stoa__fail_memory(b->err);
	for (size_t i = 0; i < n->n_columns; i++) {
		if (n->slots[i] == STOA__SLOT_ROWID)
			rowid = i;
		else
			slots[n_slots++] = n->slots[i];
	}
	STOA_TRY(b->tables->open(b->tables, n->table, slots, n_slots, &source, b->err));
	STOA_TRY(go_to_rows(b, n, source, rowid));
	return stoa__op_scan(source, n->n_columns, rowid, n->exprs, n->n_exprs, b->run, out,
			     b->err);
}

/* ---- sorts with a limit ---------------------------------------------------------------------- */

/*
 * The scan below sort @s that its first key comes from, through filters (*@filtered) and
 * projections, and the column there; NULL: none that has zone maps.
 */
static const struct stoa__node *key_scan(const struct stoa__node *s, size_t *column, bool *filtered)
{
	const struct stoa__node *n = s->input[0];
	size_t at = s->order[0].output;

	*filtered = false;
	for (;; n = n->input[0]) {
		if (n->kind == STOA__NODE_FILTER) {
			*filtered = true;
		} else if (n->kind == STOA__NODE_PROJECT) {
			if (n->exprs[at]->kind != STOA__BOUND_COLUMN)
				return NULL;
			at = n->exprs[at]->index;
		} else {
			break;
		}
	}
	*column = at;
	return n->kind == STOA__NODE_SCAN && n->slots[at] != STOA__SLOT_ROWID ? n : NULL;
}

/* With all rows to choose from, zone maps alone tell much about the first. */
static int foresee(struct build *b, struct stoa__bar *bar, const struct stoa__node *scan,
		   uint64_t limit)
{
	struct stoa__source *source;

	STOA_TRY(b->tables->open(b->tables, scan->table, &scan->slots[bar->column], 1, &source,
				 b->err));
	return stoa__bar_foresee(bar, source, limit, b->err);
}

static int make_bar(struct build *b, const struct stoa__node *n, struct stoa__bar **out)
{
	const struct stoa__order_key *key = &n->order[0];
	struct stoa__bar *bar = stoa__arena_zalloc(b->arena, sizeof *bar);
	const struct stoa__node *scan;
	bool filtered;

	*out = bar;
	if (!bar)
		return stoa__fail_memory(b->err);
	bar->phys = (uint8_t)stoa__prog_phys(n->columns[key->output].type.type);
	bar->descending = key->descending;
	bar->nulls_first = key->nulls_first;
	bar->alone = n->n_order == 1;
	bar->last = UINT64_MAX;
	bar->column = SIZE_MAX;
	scan = key_scan(n, &bar->column, &filtered);
	if (!scan) {
		bar->column = SIZE_MAX;
		return STOA_OK;
	}
	stoa__op_scan_heed(b->ops[scan->id], bar);
	return filtered ? STOA_OK : foresee(b, bar, scan, n->limit);
}

/* The types of @n's columns; NULL when out of memory. */
static struct stoa__type *types_of(struct build *b, const struct stoa__node *n)
{
	struct stoa__type *types = stoa__arena_array(b->arena, n->n_columns + 1, sizeof *types);

	for (size_t i = 0; types && i < n->n_columns; i++)
		types[i] = n->columns[i].type;
	return types;
}

static int build_sort(struct build *b, const struct stoa__node *n, struct stoa__op *child,
		      struct stoa__op **out)
{
	struct stoa__type *types = types_of(b, n);
	struct stoa__bar *bar = NULL;
	int rc = types ? STOA_OK : stoa__fail_memory(b->err);

	if (rc == STOA_OK && n->limit < UINT64_MAX)
		rc = make_bar(b, n, &bar);
	if (rc < 0) {
		stoa__op_close(child);
		return rc;
	}
	struct stoa__lanes lanes = stoa__lanes_one(child, b->run);
	return stoa__op_sort(&lanes, types, n->n_columns, n->order, n->n_order, n->limit, bar, out,
			     b->err);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static int build_values(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__type *types = types_of(b, n);

	if (!types)
		return stoa__fail_memory(b->err);
	return stoa__op_values(n->exprs, n->n_rows, types, n->n_columns, out, b->err);
}

/* The operator of @n on top of @child and @other, which it takes over; NULL: no such input. */
static int build_on(struct build *b, const struct stoa__node *n, struct stoa__op *child,
		    struct stoa__op *other, struct stoa__op **out)
{
	struct stoa__lanes lanes;

	switch ((enum stoa__node_kind)n->kind) {
	case STOA__NODE_ONE: return stoa__op_one(out, b->err);
	case STOA__NODE_SCAN: return build_scan(b, n, out);
	case STOA__NODE_FILTER:
		return stoa__op_filter(child, b->arena, n->n_columns, n->exprs, n->n_exprs, out,
				       b->err);
	case STOA__NODE_PROJECT:
		return stoa__op_project(child, b->arena, n->exprs, n->n_exprs, out, b->err);
	case STOA__NODE_AGGREGATE:
		lanes = stoa__lanes_one(child, b->run);
		return stoa__op_aggregate(&lanes, b->arena, n->exprs, n->n_exprs, n->global, n->aggs,
					  n->n_aggs, out, b->err);
	case STOA__NODE_SORT: return build_sort(b, n, child, out);
	case STOA__NODE_LIMIT:
		return stoa__op_limit(child, n->n_columns, n->offset, n->limit, out, b->err);
	case STOA__NODE_JOIN: return stoa__op_join(child, other, b->arena, n, out, b->err);
	case STOA__NODE_APPEND: return stoa__op_append(child, other, out, b->err);
	case STOA__NODE_VALUES: return build_values(b, n, out);
	case STOA__NODE_REPEAT:
		return stoa__op_repeat(child, b->arena, n->exprs[0], n->n_columns, out, b->err);
	}
	return stoa__fail(b->err, STOA_EINVAL, "a plan with a node of kind %u", n->kind);
}

static int build(struct build *b, const struct stoa__node *n, struct stoa__op **out)
{
	struct stoa__op *inputs[2] = { NULL, NULL };

	*out = NULL;
	if (n->input[0])
		STOA_TRY(build(b, n->input[0], &inputs[0]));
	if (n->input[1]) {
		int rc = build(b, n->input[1], &inputs[1]);
		if (rc < 0) {
			stoa__op_close(inputs[0]);
			return rc;
		}
	}
	STOA_TRY(build_on(b, n, inputs[0], inputs[1], out));
	b->ops[n->id] = *out;
	if (b->counts)
		return stoa__op_count(*out, &b->counts[n->id], out, b->err);
	return STOA_OK;
}

int stoa__op_build(const struct stoa__plan *plan, struct stoa__tables *tables,
		   struct stoa__run *run, struct stoa__arena *arena,
		   struct stoa__node_counts *counts, struct stoa__op **out, struct stoa_error *err)
{
	struct build b = { .plan = plan, .tables = tables, .run = run, .arena = arena,
			   .counts = counts, .err = err };

	*out = NULL;
	b.ops = stoa__arena_array(arena, plan->n_nodes, sizeof(*b.ops));
	if (!b.ops)
		return stoa__fail_memory(err);
	return build(&b, plan->root, out);
}
