/* SPDX-License-Identifier: MIT */
/*
 * push.c - conditions to where they cost least, joins in a good order
 *
 * Conditions wander down from the root, each as far as what they read is made: through
 * projections, whose expressions take the place of their columns; through groups, where they read
 * keys only; past joins to the side that they speak of. A LEFT join whose right side a condition
 * above wants to be there is an INNER one.
 *
 * Inner joins with their conditions, and the SEMI and ANTI joins above them, make a *block*: a set
 * of relations and a list of terms. There, what all branches of an OR have in common becomes a
 * term of its own (TPC-H 19), and what each branch says of one relation a condition of that
 * relation (TPC-H 7). Terms of one relation go to it; the others join (join_order.c). A SEMI or
 * ANTI join whose right side has fewer rows than the one relation that it tests goes to that; else
 * it stays on top, where few rows are left to test.
 */
#include <string.h>

#include "../lib/core/error.h"
#include "plan.h"

struct terms {
	struct stoa__bound **items;
	size_t n;
};

struct block {
	struct stoa__node **relations;
	size_t n_relations;
	struct stoa__node **semis;	/* SEMI and ANTI joins, outermost first */
	size_t n_semis;
	struct terms terms;
};

static void add_term(struct stoa__binder *bn, struct terms *t, struct stoa__bound *b)
{
	struct stoa__bound **items = b ? stoa__bind_room(bn, t->items, t->n, sizeof(*items)) : NULL;

	if (!items)
		return;
	t->items = items;
	items[t->n++] = b;
}

static void add_terms(struct stoa__binder *bn, struct terms *t, struct stoa__bound **items,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_term(bn, t, items[i]);
}

static struct stoa__node *push(struct stoa__binder *bn, struct stoa__node *n, struct terms terms);

static struct stoa__node *filter(struct stoa__binder *bn, struct stoa__node *n, struct terms t)
{
	if (!n || !t.n)
		return n;
	n = stoa__node_filter(bn, n, t.items, t.n);
	if (n)
		stoa__estimate(bn, n);
	return n;
}

/* ---- projections and groups ------------------------------------------------------------------ */

/* The expression that a column of a projection, or a key, is. */
static struct stoa__bound *swap_expr(struct stoa__binder *bn, void *arg, struct stoa__bound *b)
{
	const struct stoa__node *n = arg;

	(void)bn;
	for (size_t i = 0; b->kind == STOA__BOUND_COLUMN && i < n->n_exprs; i++)
		if (n->columns[i].var == b->index)
			return n->exprs[i];
	return NULL;
}

static struct stoa__node *push_project(struct stoa__binder *bn, struct stoa__node *n,
				       struct terms terms)
{
	struct terms below = { 0 };

	for (size_t i = 0; i < terms.n; i++)
		add_term(bn, &below, stoa__bound_map(bn, terms.items[i], swap_expr, n));
	n->input[0] = push(bn, n->input[0], below);
	return n;
}

static bool reads_keys_only(const struct stoa__node *n, const struct stoa__bound *b, bool *any)
{
	bool found = false;

	if (b->kind == STOA__BOUND_COLUMN) {
		for (size_t i = 0; i < n->n_exprs; i++)
			found |= n->columns[i].var == b->index;
		*any = true;
		return found;
	}
	for (uint32_t i = 0; i < b->n_args; i++)
		if (!reads_keys_only(n, b->args[i], any))
			return false;
	return true;
}

static struct stoa__node *push_groups(struct stoa__binder *bn, struct stoa__node *n,
				      struct terms terms)
{
	struct terms below = { 0 }, above = { 0 };

	for (size_t i = 0; i < terms.n; i++) {
		bool any = false;
		if (n->n_exprs && reads_keys_only(n, terms.items[i], &any) && any)
			add_term(bn, &below, stoa__bound_map(bn, terms.items[i], swap_expr, n));
		else
			add_term(bn, &above, terms.items[i]);
	}
	n->input[0] = push(bn, n->input[0], below);
	if (!n->input[0])
		return NULL;
	stoa__estimate(bn, n);
	return filter(bn, n, above);
}

/* ---- UNION ALL ------------------------------------------------------------------------------- */

struct side {
	const struct stoa__node *append;
	const struct stoa__node *input;
};

static struct stoa__bound *swap_side(struct stoa__binder *bn, void *arg, struct stoa__bound *b)
{
	const struct side *s = arg;
	struct stoa__token at = stoa__bound_place(b);

	for (size_t i = 0; b->kind == STOA__BOUND_COLUMN && i < s->append->n_columns; i++)
		if (s->append->columns[i].var == b->index)
			return stoa__bound_var(bn, &at, &s->input->columns[i]);
	return NULL;
}

static struct stoa__node *push_append(struct stoa__binder *bn, struct stoa__node *n,
				      struct terms terms)
{
	for (int k = 0; k < 2; k++) {
		struct side s = { n, n->input[k] };
		struct terms below = { 0 };
		for (size_t i = 0; i < terms.n; i++)
			add_term(bn, &below, stoa__bound_map(bn, terms.items[i], swap_side, &s));
		n->input[k] = push(bn, n->input[k], below);
		if (!n->input[k])
			return NULL;
	}
	return n;
}

/* ---- ORs ------------------------------------------------------------------------------------- */

/* Is @b one of the terms from number @from on? */
static bool holds(const struct terms *t, size_t from, const struct stoa__bound *b)
{
	for (size_t i = from; i < t->n; i++)
		if (stoa__bound_equal(t->items[i], b))
			return true;
	return false;
}

static struct stoa__bound *both(struct stoa__binder *bn, int kind, const struct stoa__bound *at,
				const struct terms *t)
{
	struct stoa__token place = stoa__bound_place(at);
	struct stoa__bound *b;

	if (t->n == 1)
		return t->items[0];
	b = stoa__bound_new(bn, kind, &place, stoa__type_plain(STOA_BOOL), (uint32_t)t->n);
	if (!b)
		return NULL;
	memcpy(b->args, t->items, t->n * sizeof(*b->args));
	return stoa__bound_done(bn, b);
}

/* Adds what all branches of OR @b have in common, and an OR of what is left of each. */
static void factor(struct stoa__binder *bn, struct terms *out, struct stoa__bound *b)
{
	struct terms *branches = stoa__bind_array(bn, b->n_args, sizeof *branches);
	struct terms left = { 0 };
	bool empty = false;

	if (!branches)
		return;
	for (uint32_t i = 0; i < b->n_args; i++) {
		branches[i].items = stoa__terms_split(bn, b->args[i], &branches[i].n);
		if (!branches[i].items)
			return;
	}
	size_t from = out->n;
	for (size_t k = 0; k < branches[0].n; k++) {
		bool all = !holds(out, from, branches[0].items[k]);
		for (uint32_t i = 1; all && i < b->n_args; i++)
			all = holds(&branches[i], 0, branches[0].items[k]);
		if (all)
			add_term(bn, out, branches[0].items[k]);
	}
	if (out->n == from) {
		add_term(bn, out, b);
		return;
	}
	for (uint32_t i = 0; i < b->n_args && bn->rc >= 0; i++) {
		struct terms rest = { 0 };
		for (size_t k = 0; k < branches[i].n; k++)
			if (!holds(out, from, branches[i].items[k]))
				add_term(bn, &rest, branches[i].items[k]);
		empty |= rest.n == 0;
		if (rest.n)
			add_term(bn, &left, both(bn, STOA__BOUND_AND, b, &rest));
	}
	if (!empty && left.n)
		add_term(bn, out, both(bn, STOA__BOUND_OR, b, &left));
}

/* What OR @b says of @relation alone: nothing, unless each branch says something. */
static struct stoa__bound *implied(struct stoa__binder *bn, const struct stoa__node *relation,
				   const struct stoa__bound *b)
{
	struct terms branches = { 0 };

	for (uint32_t i = 0; i < b->n_args; i++) {
		struct terms own = { 0 };
		size_t n;
		struct stoa__bound **items = stoa__terms_split(bn, b->args[i], &n);
		for (size_t k = 0; items && k < n; k++)
			if (stoa__node_makes_all(relation, items[k]) &&
			    stoa__node_makes_any(relation, items[k]))
				add_term(bn, &own, items[k]);
		if (!own.n)
			return NULL;
		add_term(bn, &branches, both(bn, STOA__BOUND_AND, b, &own));
	}
	return bn->rc < 0 ? NULL : both(bn, STOA__BOUND_OR, b, &branches);
}

/* ---- LEFT joins ------------------------------------------------------------------------------ */

/* Is @b NULL wherever @n's columns are? */
static bool is_strict(const struct stoa__node *n, const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN)
		return stoa__node_makes(n, b->index);
	if ((b->kind != STOA__BOUND_OP && b->kind != STOA__BOUND_LIKE &&
	     b->kind != STOA__BOUND_IN) ||
	    b->code == STOA__CODE_IS_NULL || b->code == STOA__CODE_IS_TRUE ||
	    (b->code == STOA__CODE_COMPARE && b->op > STOA__OP_GE))
		return false;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (is_strict(n, b->args[i]))
			return true;
	return false;
}

static bool wants_right(const struct stoa__node *n, const struct terms *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_strict(n->input[1], t->items[i]))
			return true;
	return false;
}

/* Takes the terms that read @side and nothing else, and at least something of it, from @t. */
static struct terms take(struct stoa__binder *bn, struct terms *t, const struct stoa__node *side)
{
	struct terms taken = { 0 };
	size_t k = 0;

	for (size_t i = 0; i < t->n; i++)
		if (stoa__node_makes_all(side, t->items[i]) &&
		    stoa__node_makes_any(side, t->items[i]))
			add_term(bn, &taken, t->items[i]);
		else
			t->items[k++] = t->items[i];
	t->n = k;
	return taken;
}

static struct terms copy(struct stoa__binder *bn, struct stoa__bound **items, size_t n)
{
	struct terms t = { 0 };

	add_terms(bn, &t, items, n);
	return t;
}

/* The larger side had better stream: LEFT with few rows on the left is RIGHT, sides exchanged. */
static void choose_build(struct stoa__node *n)
{
	static const uint8_t mirror[][2] = {
		{ STOA__JOIN_LEFT, STOA__JOIN_RIGHT },
		{ STOA__JOIN_SEMI, STOA__JOIN_RIGHT_SEMI },
		{ STOA__JOIN_ANTI, STOA__JOIN_RIGHT_ANTI },
	};
	struct stoa__node *left = n->input[0];
	struct stoa__bound **keys = n->left_keys;

	if (n->input[0]->rows >= n->input[1]->rows)
		return;
	for (size_t i = 0; i < sizeof mirror / sizeof *mirror; i++) {
		if (n->join != mirror[i][0])
			continue;
		n->join = mirror[i][1];
		n->input[0] = n->input[1];
		n->input[1] = left;
		n->left_keys = n->right_keys;
		n->right_keys = keys;
		return;
	}
}

/* What reads no column of its own is for the rows below. */
static struct stoa__node *push_lookup(struct stoa__binder *bn, struct stoa__node *n,
				      struct terms above)
{
	struct terms below = take(bn, &above, n->input[0]);

	n->input[0] = push(bn, n->input[0], below);
	if (!n->input[0])
		return NULL;
	stoa__estimate(bn, n);
	return filter(bn, n, above);
}

/* LEFT, FULL, MARK and SINGLE joins: what may go down goes, the rest stays above. */
static struct stoa__node *push_outer(struct stoa__binder *bn, struct stoa__node *n,
				     struct terms above)
{
	struct terms left = { 0 }, right = { 0 };

	if (n->join != STOA__JOIN_FULL) {
		left = take(bn, &above, n->input[0]);
		if (n->join != STOA__JOIN_MARK) {
			struct terms on = copy(bn, n->exprs, n->n_exprs);
			right = take(bn, &on, n->input[1]);
			n->exprs = on.items;
			n->n_exprs = on.n;
		}
	}
	n->input[0] = push(bn, n->input[0], left);
	n->input[1] = push(bn, n->input[1], right);
	if (!n->input[0] || !n->input[1])
		return NULL;
	if (n->join != STOA__JOIN_MARK)	/* which has what keys it may have */
		stoa__join_keys(bn, n);
	stoa__estimate(bn, n);
	choose_build(n);
	return filter(bn, n, above);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void add_node(struct stoa__binder *bn, struct stoa__node ***nodes, size_t *n,
		     struct stoa__node *node)
{
	struct stoa__node **more = stoa__bind_room(bn, *nodes, *n, sizeof(*more));

	if (!more)
		return;
	*nodes = more;
	more[(*n)++] = node;
}

static void flatten(struct stoa__binder *bn, struct block *b, struct stoa__node *n)
{
	if (n->kind == STOA__NODE_FILTER) {
		add_terms(bn, &b->terms, n->exprs, n->n_exprs);
		flatten(bn, b, n->input[0]);
		return;
	}
	if (n->kind == STOA__NODE_JOIN && n->join == STOA__JOIN_LEFT && wants_right(n, &b->terms))
		n->join = STOA__JOIN_INNER;
	if (n->kind == STOA__NODE_JOIN && n->join == STOA__JOIN_INNER) {
		add_terms(bn, &b->terms, n->exprs, n->n_exprs);
		flatten(bn, b, n->input[0]);
		flatten(bn, b, n->input[1]);
	} else if (n->kind == STOA__NODE_JOIN &&
		   (n->join == STOA__JOIN_SEMI || n->join == STOA__JOIN_ANTI)) {
		add_node(bn, &b->semis, &b->n_semis, n);
		flatten(bn, b, n->input[0]);
	} else {
		add_node(bn, &b->relations, &b->n_relations, n);
	}
}

static void factor_all(struct stoa__binder *bn, struct terms *t)
{
	struct terms out = { 0 };

	for (size_t i = 0; i < t->n; i++)
		if (t->items[i]->kind == STOA__BOUND_OR)
			factor(bn, &out, t->items[i]);
		else
			add_term(bn, &out, t->items[i]);
	*t = out;
}

/* Gives each relation its terms; what reads several, or none and there are several, is left. */
static void push_relations(struct stoa__binder *bn, struct block *b)
{
	for (size_t r = 0; r < b->n_relations && bn->rc >= 0; r++) {
		struct stoa__node *relation = b->relations[r];
		struct terms own = b->n_relations == 1 ? b->terms : take(bn, &b->terms, relation);
		if (b->n_relations == 1)
			b->terms.n = 0;
		for (size_t i = 0; i < b->terms.n; i++)
			if (b->terms.items[i]->kind == STOA__BOUND_OR)
				add_term(bn, &own, implied(bn, relation, b->terms.items[i]));
		b->relations[r] = push(bn, relation, own);
	}
}

/* The one relation that a SEMI or ANTI join reads of its left side; SIZE_MAX: there are several. */
static size_t tested_relation(const struct block *b, const struct stoa__node *semi)
{
	for (size_t r = 0; r < b->n_relations; r++) {
		bool all = true;
		for (size_t i = 0; i < semi->n_exprs; i++)
			for (size_t o = 0; o < b->n_relations; o++)
				all &= o == r || !stoa__node_makes_any(b->relations[o],
								       semi->exprs[i]);
		if (all)
			return r;
	}
	return SIZE_MAX;
}

static struct stoa__node *put_semi(struct stoa__binder *bn, struct stoa__node *left,
				   struct stoa__node *semi)
{
	semi->input[0] = left;
	stoa__join_keys(bn, semi);
	stoa__estimate(bn, semi);
	choose_build(semi);
	return semi;
}

static void push_semi_right(struct stoa__binder *bn, struct stoa__node *semi)
{
	struct terms on = copy(bn, semi->exprs, semi->n_exprs);
	struct terms right = take(bn, &on, semi->input[1]);

	semi->exprs = on.items;
	semi->n_exprs = on.n;
	semi->input[1] = push(bn, semi->input[1], right);
}

static struct stoa__node *push_block(struct stoa__binder *bn, struct stoa__node *n,
				     struct terms terms)
{
	struct block b = { .terms = terms };
	struct stoa__node *out;

	flatten(bn, &b, n);
	factor_all(bn, &b.terms);
	push_relations(bn, &b);
	for (size_t i = b.n_semis; i-- > 0 && bn->rc >= 0;) {
		struct stoa__node *semi = b.semis[i];
		size_t r = tested_relation(&b, semi);
		push_semi_right(bn, semi);
		if (bn->rc < 0 || r == SIZE_MAX || semi->input[1]->rows >= b.relations[r]->rows)
			continue;
		b.relations[r] = put_semi(bn, b.relations[r], semi);
		b.semis[i] = NULL;
	}
	out = bn->rc < 0 ? NULL :
			   stoa__join_order(bn, b.relations, b.n_relations, b.terms.items,
					    b.terms.n);
	for (size_t i = b.n_semis; i-- > 0 && out;)
		if (b.semis[i])
			out = put_semi(bn, out, b.semis[i]);
	return out;
}

/* ---- all nodes ------------------------------------------------------------------------------- */

static struct stoa__node *push_join(struct stoa__binder *bn, struct stoa__node *n,
				    struct terms terms)
{
	if (n->join == STOA__JOIN_LEFT && wants_right(n, &terms))
		n->join = STOA__JOIN_INNER;
	if (n->join == STOA__JOIN_INNER || n->join == STOA__JOIN_SEMI ||
	    n->join == STOA__JOIN_ANTI)
		return push_block(bn, n, terms);
	return push_outer(bn, n, terms);
}

/* The rows of @n for which all @terms are true. */
static struct stoa__node *push(struct stoa__binder *bn, struct stoa__node *n, struct terms terms)
{
	struct terms none = { 0 }, all = { 0 };
	bool passes;

	if (!n || bn->rc < 0)
		return NULL;
	passes = n->kind == STOA__NODE_SORT && n->limit == UINT64_MAX;
	switch ((enum stoa__node_kind)n->kind) {
	case STOA__NODE_FILTER:
		add_terms(bn, &all, n->exprs, n->n_exprs);
		add_terms(bn, &all, terms.items, terms.n);
		return push(bn, n->input[0], all);
	case STOA__NODE_PROJECT: n = push_project(bn, n, terms); break;
	case STOA__NODE_AGGREGATE: return push_groups(bn, n, terms);
	case STOA__NODE_APPEND: n = push_append(bn, n, terms); break;
	case STOA__NODE_JOIN: return push_join(bn, n, terms);
	case STOA__NODE_LOOKUP: return push_lookup(bn, n, terms);
	case STOA__NODE_SCAN:
		stoa__estimate(bn, n);
		factor_all(bn, &terms);
		return filter(bn, n, terms);
	default:
		if (n->input[0])
			n->input[0] = push(bn, n->input[0], passes ? terms : none);
		if (bn->rc < 0)
			return NULL;
		stoa__estimate(bn, n);
		return passes ? n : filter(bn, n, terms);
	}
	if (bn->rc < 0)
		return NULL;
	stoa__estimate(bn, n);
	return n;
}

struct stoa__node *stoa__plan_optimise(struct stoa__binder *bn, struct stoa__node *n)
{
	struct terms none = { 0 };

	return stoa__plan_positional(bn, push(bn, n, none));
}
