/* SPDX-License-Identifier: MIT */
/*
 * join_order.c - which inner join first: greedy by size
 *
 * Again and again the two trees whose join is estimated to have the fewest rows become one, until
 * one is left: trees that a condition connects before those that none does. (Fegaras, A new
 * heuristic for optimizing large queries, DEXA 1998.) It costs relations times terms, whatever the
 * query: which tree makes a column, and how many values it has, is looked up, not looked for, and
 * in each round terms are put into buckets by the pair of trees that they connect. The side with
 * more rows streams, the other is built into a table.
 */
#include <string.h>

#include "plan.h"

#define NOBODY UINT32_MAX

/* What is known of a term in this round, and of its operands for good. */
struct link {
	uint32_t a, b;		/* the trees that it connects; a is NOBODY: not two */
	uint32_t next;		/* of its bucket: term + 1 */
	double values[2];	/* of an equality's operands */
};

struct order {
	struct stoa__binder *bn;
	struct stoa__node **trees;
	size_t n;
	struct stoa__bound **terms;	/* NULL: used */
	struct link *links;		/* by term */
	uint32_t *heads;		/* buckets of terms by pair: term + 1, 0 for none */
	size_t n_heads;			/* a power of two */
	size_t n_terms;
	uint32_t *owner;		/* by variable: the tree that makes it, where a term reads it */
};

static bool is_equality(const struct stoa__bound *b)
{
	return b->kind == STOA__BOUND_OP && b->code == STOA__CODE_COMPARE &&
	       b->op == STOA__OP_EQ;
}

void stoa__join_keys(struct stoa__binder *bn, struct stoa__node *join)
{
	size_t n = join->n_exprs + join->n_keys, k = 0;
	struct stoa__bound **left = stoa__bind_array(bn, n, sizeof(*left));
	struct stoa__bound **right = stoa__bind_array(bn, n, sizeof(*right));
	struct stoa__bound **rest = stoa__bind_array(bn, n, sizeof(*rest));

	if (!left || !right || !rest)
		return;
	if (join->n_keys) {
		memcpy(left, join->left_keys, join->n_keys * sizeof(*left));
		memcpy(right, join->right_keys, join->n_keys * sizeof(*right));
	}
	for (size_t i = 0; i < join->n_exprs; i++) {
		struct stoa__bound *b = join->exprs[i];
		int swapped = -1;
		for (int s = 0; is_equality(b) && s < 2; s++)
			if (stoa__node_makes_all(join->input[s], b->args[0]) &&
			    stoa__node_makes_all(join->input[1 - s], b->args[1]))
				swapped = s;
		if (swapped < 0) {
			rest[k++] = b;
			continue;
		}
		left[join->n_keys] = b->args[swapped];
		right[join->n_keys++] = b->args[1 - swapped];
	}
	join->left_keys = left;
	join->right_keys = right;
	join->exprs = rest;
	join->n_exprs = k;
}

/* ---- who makes what -------------------------------------------------------------------------- */

/* Notes who makes the columns that @b reads. */
static void find_owners(struct order *o, const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN && b->index < o->bn->n_vars &&
	    o->owner[b->index] == NOBODY)
		for (size_t i = 0; i < o->n && o->owner[b->index] == NOBODY; i++)
			if (stoa__node_makes(o->trees[i], b->index))
				o->owner[b->index] = (uint32_t)i;
	for (uint32_t i = 0; i < b->n_args; i++)
		find_owners(o, b->args[i]);
}

/*
 * Adds the trees that @b reads to the @n there are in @which, up to three: more are as good as
 * three.
 */
static size_t add_trees(const struct order *o, const struct stoa__bound *b, size_t which[3], size_t n)
{
	if (b->kind == STOA__BOUND_COLUMN && b->index < o->bn->n_vars &&
	    o->owner[b->index] != NOBODY) {
		size_t tree = o->owner[b->index], i = 0;
		while (i < n && which[i] != tree)
			i++;
		if (i == n && n < 3)
			which[n++] = tree;
	}
	for (uint32_t i = 0; i < b->n_args && n < 3; i++)
		n = add_trees(o, b->args[i], which, n);
	return n;
}

static void find_values(struct order *o, size_t i)
{
	const struct stoa__bound *t = o->terms[i];

	for (int s = 0; is_equality(t) && s < 2; s++) {
		size_t which[3];
		size_t n = add_trees(o, t->args[s], which, 0);
		o->links[i].values[s] =
			n < 2 ? stoa__estimate_values(n ? o->trees[which[0]] : NULL, t->args[s]) :
				0;
	}
}

static bool make_links(struct order *o)
{
	o->n_heads = 16;
	while (o->n_heads < 2 * o->n_terms)
		o->n_heads *= 2;
	o->links = stoa__bind_array(o->bn, o->n_terms + 1, sizeof *o->links);
	o->heads = stoa__bind_array(o->bn, o->n_heads, sizeof *o->heads);
	for (size_t i = 0; o->links && o->heads && i < o->n_terms; i++)
		find_values(o, i);
	return o->links && o->heads;
}

static bool make_owners(struct order *o)
{
	o->owner = stoa__bind_array(o->bn, o->bn->n_vars, sizeof *o->owner);
	for (size_t i = 0; o->owner && i < o->bn->n_vars; i++)
		o->owner[i] = NOBODY;
	for (size_t i = 0; o->owner && i < o->n_terms; i++)
		find_owners(o, o->terms[i]);
	return o->owner != NULL;
}

/* Trees @a and @b are one now, number @to; the last has taken the place of @gone. */
static void merge_owners(struct order *o, size_t a, size_t b, size_t to, size_t gone, size_t last)
{
	for (size_t i = 0; i < o->bn->n_vars; i++)
		if (o->owner[i] == a || o->owner[i] == b)
			o->owner[i] = (uint32_t)to;
		else if (o->owner[i] == last)
			o->owner[i] = (uint32_t)gone;
}

/* Is all that @b reads made by trees @x and @y? */
static bool reads_only(const struct order *o, const struct stoa__bound *b, size_t x, size_t y)
{
	if (b->kind == STOA__BOUND_COLUMN)
		return b->index < o->bn->n_vars &&
		       (o->owner[b->index] == x || o->owner[b->index] == y);
	for (uint32_t i = 0; i < b->n_args; i++)
		if (!reads_only(o, b->args[i], x, y))
			return false;
	return true;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

#define KEYS_MAX 16	/* more tell nothing new of a size */

static uint32_t *bucket(const struct order *o, uint32_t a, uint32_t b)
{
	uint64_t h = ((uint64_t)a << 32 | b) * UINT64_C(0x9e3779b97f4a7c15);

	return &o->heads[(h >> 32) & (o->n_heads - 1)];
}

/* Which trees each term connects, as they are now. */
static void link_terms(const struct order *o)
{
	memset(o->heads, 0, o->n_heads * sizeof *o->heads);
	for (size_t i = o->n_terms; i-- > 0;) {
		struct link *l = &o->links[i];
		size_t which[3];
		l->a = NOBODY;
		if (!o->terms[i] || add_trees(o, o->terms[i], which, 0) != 2)
			continue;
		l->a = (uint32_t)(which[0] < which[1] ? which[0] : which[1]);
		l->b = (uint32_t)(which[0] + which[1]) - l->a;
		uint32_t *head = bucket(o, l->a, l->b);
		l->next = *head;
		*head = (uint32_t)i + 1;
	}
}

/* Rows of trees @a and @b joined by all equalities between them. */
static double size_of(const struct order *o, uint32_t a, uint32_t b)
{
	const struct stoa__node *x = o->trees[a], *y = o->trees[b];
	struct stoa__match m = stoa__match_of(x->rows, y->rows);

	for (uint32_t i = *bucket(o, a, b); i && m.n_keys < KEYS_MAX; i = o->links[i - 1].next) {
		const struct link *l = &o->links[i - 1];
		const struct stoa__bound *t = o->terms[i - 1];
		if (l->a != a || l->b != b || !is_equality(t))
			continue;
		for (int s = 0; s < 2; s++) {
			if (!reads_only(o, t->args[s], a, a) || !reads_only(o, t->args[1 - s], b, b))
				continue;
			stoa__match_add(&m, l->values[s], l->values[1 - s]);
			break;
		}
	}
	return x->rows * y->rows * stoa__match_part(&m);
}

static bool find_pair(const struct order *o, size_t *a, size_t *b)
{
	double best = 0;
	bool found = false;

	link_terms(o);
	for (size_t i = 0; i < o->n_terms; i++) {
		const struct link *l = &o->links[i];
		double size;
		if (l->a == NOBODY)
			continue;
		size = size_of(o, l->a, l->b);
		if (!is_equality(o->terms[i]))
			size *= 1e6;	/* pairs without a key: only when nothing else is left */
		if (found && size >= best)
			continue;
		found = true;
		best = size;
		*a = l->a;
		*b = l->b;
	}
	return found;
}

/* Nothing connects any two: the two smallest. */
static void smallest_pair(const struct order *o, size_t *a, size_t *b)
{
	*a = 0;
	*b = 1;
	if (o->trees[*b]->rows < o->trees[*a]->rows) {
		*a = 1;
		*b = 0;
	}
	for (size_t i = 2; i < o->n; i++)
		if (o->trees[i]->rows < o->trees[*a]->rows) {
			*b = *a;
			*a = i;
		} else if (o->trees[i]->rows < o->trees[*b]->rows) {
			*b = i;
		}
}

static struct stoa__node *join_pair(struct order *o, size_t a, size_t b)
{
	struct stoa__node *n = stoa__node_new(o->bn, STOA__NODE_JOIN, NULL);
	bool swap = o->trees[a]->rows < o->trees[b]->rows;

	if (!n)
		return NULL;
	n->join = STOA__JOIN_INNER;
	n->input[0] = o->trees[swap ? b : a];
	n->input[1] = o->trees[swap ? a : b];
	for (size_t i = 0; i < o->n_terms; i++) {
		if (!o->terms[i] || !reads_only(o, o->terms[i], a, b))
			continue;
		stoa__node_add_expr(o->bn, n, o->terms[i]);
		o->terms[i] = NULL;
	}
	stoa__join_keys(o->bn, n);
	stoa__estimate(o->bn, n);
	return o->bn->rc < 0 ? NULL : n;
}

struct stoa__node *stoa__join_order(struct stoa__binder *bn, struct stoa__node **relations,
				    size_t n, struct stoa__bound **terms, size_t n_terms)
{
	struct order o = { .bn = bn, .trees = relations, .n = n, .terms = terms,
			   .n_terms = n_terms };

	if (n > 1 && (!make_owners(&o) || !make_links(&o)))
		return NULL;
	while (o.n > 1) {
		size_t a = 0, b = 0, to, gone;
		if (!find_pair(&o, &a, &b))
			smallest_pair(&o, &a, &b);
		struct stoa__node *joined = join_pair(&o, a, b);
		if (!joined)
			return NULL;
		to = a < b ? a : b;
		gone = a < b ? b : a;
		o.trees[to] = joined;
		o.trees[gone] = o.trees[--o.n];
		merge_owners(&o, a, b, to, gone, o.n);
	}
	return o.trees[0];
}
