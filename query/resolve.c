/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - the last step of planning: columns nobody reads go, variables become places
 *
 * From the root down each node is told which variables are wanted of it, as a set. It gives up the
 * columns that are not, adds what its own expressions read, and passes the set on; when its inputs
 * know their columns, its expressions are rewritten over those. So a join keeps no column longer
 * than it must, and a scan decodes what somebody reads.
 */
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "plan.h"

struct resolver {
	struct stoa__binder *bn;
	uint32_t n_nodes;
};

/* ---- sets of variables ----------------------------------------------------------------------- */

static uint64_t *set_copy(struct resolver *r, const uint64_t *set)
{
	size_t n = STOA__WORDS(r->bn->n_vars + 1);
	uint64_t *copy = stoa__bind_array(r->bn, n, sizeof *copy);

	if (copy && set)
		memcpy(copy, set, n * sizeof *copy);
	return copy;
}

static void add_reads(uint64_t *set, const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN)
		stoa__bit_set(set, b->index);
	for (uint32_t i = 0; i < b->n_args; i++)
		add_reads(set, b->args[i]);
}

static void add_all(uint64_t *set, struct stoa__bound *const *exprs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_reads(set, exprs[i]);
}

/* ---- places ---------------------------------------------------------------------------------- */

static uint32_t place_of(const struct stoa__node *n, uint32_t var)
{
	for (size_t i = 0; i < n->n_columns; i++)
		if (n->columns[i].var == var)
			return (uint32_t)i;
	return UINT32_MAX;
}

static struct stoa__bound *to_place(struct stoa__binder *bn, void *arg, struct stoa__bound *b)
{
	const struct stoa__node *n = arg;
	struct stoa__bound *copy;
	uint32_t at;

	if (b->kind != STOA__BOUND_COLUMN)
		return NULL;
	at = place_of(n, b->index);
	if (at == UINT32_MAX)
		return stoa__bind_fail(bn, &(struct stoa__token){ .line = b->line,
								  .column = b->column },
				       STOA_EUNSUPPORTED, "this column cannot be used here");
	copy = stoa__arena_alloc(bn->arena, sizeof *copy);
	if (!copy) {
		bn->rc = stoa__fail_memory(bn->err);
		return NULL;
	}
	*copy = *b;
	copy->index = at;
	return copy;
}

/* The same expressions over the columns of @input, in an array of their own. */
static struct stoa__bound **over(struct resolver *r, struct stoa__bound *const *exprs, size_t n,
				 struct stoa__node *input)
{
	struct stoa__bound **out = stoa__bind_array(r->bn, n, sizeof(*out));

	for (size_t i = 0; out && i < n; i++)
		out[i] = stoa__bound_map(r->bn, exprs[i], to_place, input);
	return out;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void resolve(struct resolver *r, struct stoa__node *n, const uint64_t *wanted);

static void resolve_scan(struct stoa__node *n, const uint64_t *wanted)
{
	size_t k = 0;

	for (size_t i = 0; i < n->n_columns; i++) {
		if (!stoa__bit_get(wanted, n->columns[i].var))
			continue;
		n->columns[k] = n->columns[i];
		n->slots[k++] = n->slots[i];
	}
	n->n_columns = k;
}

/* Its columns, which are its own, come behind those of its input. */
static void add_input_columns(struct resolver *r, struct stoa__node *n)
{
	const struct stoa__node *in = n->input[0];
	struct stoa__node_column *c =
		stoa__bind_array(r->bn, in->n_columns + n->n_columns, sizeof *c);

	if (!c)
		return;
	if (in->n_columns)
		memcpy(c, in->columns, in->n_columns * sizeof *c);
	if (n->n_columns)
		memcpy(c + in->n_columns, n->columns, n->n_columns * sizeof *c);
	n->columns = c;
	n->n_columns += in->n_columns;
}

static void resolve_lookup(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *set = set_copy(r, wanted);

	if (!set)
		return;
	add_all(set, n->exprs, n->n_exprs);
	resolve(r, n->input[0], set);
	if (r->bn->rc < 0)
		return;
	n->exprs = over(r, n->exprs, n->n_exprs, n->input[0]);
	resolve_scan(n, wanted);
	n->n_looked = n->n_columns;
	add_input_columns(r, n);
}

static void resolve_filter(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *set = set_copy(r, wanted);

	if (!set)
		return;
	add_all(set, n->exprs, n->n_exprs);
	resolve(r, n->input[0], set);
	n->exprs = over(r, n->exprs, n->n_exprs, n->input[0]);
	if (r->bn->rc < 0)
		return;
	n->n_exprs = stoa__terms_ranges(r->bn, n->exprs, n->n_exprs);
	n->columns = n->input[0]->columns;
	n->n_columns = n->input[0]->n_columns;
	if (n->input[0]->kind == STOA__NODE_SCAN) {
		n->input[0]->exprs = n->exprs;
		n->input[0]->n_exprs = n->n_exprs;
	}
}

static void resolve_project(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *set = set_copy(r, NULL);
	size_t k = 0;

	for (size_t i = 0; set && i < n->n_columns; i++) {
		if (!stoa__bit_get(wanted, n->columns[i].var))
			continue;
		n->columns[k] = n->columns[i];
		n->exprs[k++] = n->exprs[i];
	}
	n->n_columns = n->n_exprs = k;
	if (!set)
		return;
	add_all(set, n->exprs, k);
	resolve(r, n->input[0], set);
	n->exprs = over(r, n->exprs, k, n->input[0]);
}

/* Aggregates that nobody reads go; keys stay, since they say what a group is. */
static void prune_aggregates(struct stoa__node *n, const uint64_t *wanted)
{
	size_t n_keys = n->n_exprs, k = 0;

	for (size_t i = 0; i < n->n_aggs; i++) {
		if (!stoa__bit_get(wanted, n->columns[n_keys + i].var))
			continue;
		n->columns[n_keys + k] = n->columns[n_keys + i];
		n->aggs[k++] = n->aggs[i];
	}
	n->n_aggs = k;
	n->n_columns = n_keys + k;
}

static void resolve_aggregate(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *set = set_copy(r, NULL);
	struct stoa__bound **at;

	if (!set)
		return;
	prune_aggregates(n, wanted);
	add_all(set, n->exprs, n->n_exprs);
	for (size_t i = 0; i < n->n_aggs; i++) {
		for (size_t e = 0; (at = stoa__agg_expr(&n->aggs[i], e)); e++)
			if (*at)
				add_reads(set, *at);
	}
	resolve(r, n->input[0], set);
	n->exprs = over(r, n->exprs, n->n_exprs, n->input[0]);
	for (size_t i = 0; i < n->n_aggs && r->bn->rc >= 0; i++) {
		for (size_t e = 0; (at = stoa__agg_expr(&n->aggs[i], e)); e++)
			if (*at)
				*at = stoa__bound_map(r->bn, *at, to_place, n->input[0]);
	}
}

/* Window functions that nobody reads go. */
static void prune_windows(struct stoa__node *n, const uint64_t *wanted)
{
	size_t k = 0;

	for (size_t i = 0; i < n->n_windows; i++) {
		if (!stoa__bit_get(wanted, n->columns[i].var))
			continue;
		n->columns[k] = n->columns[i];
		n->windows[k++] = n->windows[i];
	}
	n->n_columns = n->n_windows = k;
}

static void resolve_window(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *set = set_copy(r, wanted);
	struct stoa__bound **at;

	if (!set)
		return;
	prune_windows(n, wanted);
	for (size_t i = 0; i < n->n_order; i++)
		stoa__bit_set(set, n->order[i].output);
	for (size_t i = 0; i < n->n_windows; i++)
		for (size_t e = 0; (at = stoa__window_expr(&n->windows[i], e)); e++)
			if (*at)
				add_reads(set, *at);
	resolve(r, n->input[0], set);
	for (size_t i = 0; i < n->n_order && r->bn->rc >= 0; i++)
		n->order[i].output = place_of(n->input[0], n->order[i].output);
	for (size_t i = 0; i < n->n_windows; i++)
		for (size_t e = 0; (at = stoa__window_expr(&n->windows[i], e)); e++)
			if (*at && r->bn->rc >= 0)
				*at = stoa__bound_map(r->bn, *at, to_place, n->input[0]);
	if (r->bn->rc >= 0)
		add_input_columns(r, n);
}

/* What @over may read: the columns of both inputs, side by side. */
static struct stoa__node *both_inputs(struct resolver *r, const struct stoa__node *n)
{
	const struct stoa__node *a = n->input[0], *b = n->input[1];
	struct stoa__node *sum = stoa__bind_array(r->bn, 1, sizeof *sum);
	struct stoa__node_column *c =
		stoa__bind_array(r->bn, a->n_columns + b->n_columns, sizeof *c);

	if (!sum || !c)
		return NULL;
	if (a->n_columns)
		memcpy(c, a->columns, a->n_columns * sizeof *c);
	if (b->n_columns)
		memcpy(c + a->n_columns, b->columns, b->n_columns * sizeof *c);
	sum->columns = c;
	sum->n_columns = a->n_columns + b->n_columns;
	return sum;
}

static void add_place(struct stoa__node *n, const struct stoa__node_column *c, uint32_t place)
{
	n->columns[n->n_columns] = *c;
	n->places[n->n_columns++] = place;
}

/* The columns that are wanted of a join, and where they come from. */
static void join_columns(struct resolver *r, struct stoa__node *n, const struct stoa__node *sum,
			 const uint64_t *wanted)
{
	size_t n_left = n->input[0]->n_columns;
	struct stoa__node_column mark = { .name = "match", .type = stoa__type_plain(STOA_BOOL),
					  .var = n->mark };

	n->columns = stoa__bind_array(r->bn, sum->n_columns + 1, sizeof *n->columns);
	n->places = stoa__bind_array(r->bn, sum->n_columns + 1, sizeof *n->places);
	n->n_columns = 0;
	if (!n->columns || !n->places)
		return;
	for (size_t i = 0; i < sum->n_columns; i++)
		if (stoa__bit_get(wanted, sum->columns[i].var) &&
		    (i < n_left ? stoa__join_gives_left(n) : stoa__join_gives_right(n)))
			add_place(n, &sum->columns[i], (uint32_t)i);
	if (n->join == STOA__JOIN_MARK)
		add_place(n, &mark, STOA__PLACE_MARK);
}

static void resolve_join(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *set = set_copy(r, wanted);
	struct stoa__node *sum;

	if (!set)
		return;
	add_all(set, n->left_keys, n->n_keys);
	add_all(set, n->right_keys, n->n_keys);
	add_all(set, n->exprs, n->n_exprs);
	resolve(r, n->input[0], set);
	resolve(r, n->input[1], set);
	if (r->bn->rc < 0)
		return;
	sum = both_inputs(r, n);
	if (!sum)
		return;
	n->left_keys = over(r, n->left_keys, n->n_keys, n->input[0]);
	n->right_keys = over(r, n->right_keys, n->n_keys, n->input[1]);
	n->exprs = over(r, n->exprs, n->n_exprs, sum);
	join_columns(r, n, sum, wanted);
}

/* Inputs are projections (set_op.c), so each gives exactly what is wanted of it, in order. */
static void resolve_append(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *sets[2] = { set_copy(r, NULL), set_copy(r, NULL) };
	size_t k = 0;

	for (size_t i = 0; sets[0] && sets[1] && i < n->n_columns; i++) {
		if (!stoa__bit_get(wanted, n->columns[i].var))
			continue;
		stoa__bit_set(sets[0], n->input[0]->columns[i].var);
		stoa__bit_set(sets[1], n->input[1]->columns[i].var);
		n->columns[k++] = n->columns[i];
	}
	n->n_columns = k;
	for (int i = 0; i < 2 && sets[i]; i++)
		resolve(r, n->input[i], sets[i]);
}

/* Rows pass through as they are. */
static void resolve_passing(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	uint64_t *set = set_copy(r, wanted);

	if (!set)
		return;
	for (size_t i = 0; i < n->n_order; i++)
		stoa__bit_set(set, n->order[i].output);
	add_all(set, n->exprs, n->n_exprs);
	resolve(r, n->input[0], set);
	n->exprs = over(r, n->exprs, n->n_exprs, n->input[0]);
	n->columns = n->input[0]->columns;
	n->n_columns = n->input[0]->n_columns;
	for (size_t i = 0; i < n->n_order; i++)
		n->order[i].output = place_of(n, n->order[i].output);
}

static void resolve(struct resolver *r, struct stoa__node *n, const uint64_t *wanted)
{
	if (r->bn->rc < 0)
		return;
	n->id = r->n_nodes++;
	switch ((enum stoa__node_kind)n->kind) {
	case STOA__NODE_ONE:
	case STOA__NODE_VALUES: break;
	case STOA__NODE_SCAN: resolve_scan(n, wanted); break;
	case STOA__NODE_LOOKUP: resolve_lookup(r, n, wanted); break;
	case STOA__NODE_FILTER: resolve_filter(r, n, wanted); break;
	case STOA__NODE_PROJECT: resolve_project(r, n, wanted); break;
	case STOA__NODE_AGGREGATE: resolve_aggregate(r, n, wanted); break;
	case STOA__NODE_WINDOW: resolve_window(r, n, wanted); break;
	case STOA__NODE_JOIN: resolve_join(r, n, wanted); break;
	case STOA__NODE_APPEND: resolve_append(r, n, wanted); break;
	case STOA__NODE_SORT:
	case STOA__NODE_LIMIT:
	case STOA__NODE_UNIQUE:
	case STOA__NODE_REPEAT: resolve_passing(r, n, wanted); break;
	}
}

int stoa__plan_resolve(struct stoa__binder *bn, struct stoa__plan *plan)
{
	struct resolver r = { .bn = bn };
	uint64_t *wanted = set_copy(&r, NULL);

	if (!wanted)
		return bn->rc;
	for (size_t i = 0; i < plan->n_visible; i++)
		stoa__bit_set(wanted, plan->root->columns[i].var);
	resolve(&r, plan->root, wanted);
	plan->n_nodes = r.n_nodes;
	return bn->rc;
}
