/* SPDX-License-Identifier: MIT */
/*
 * node.c - how trees of a plan are made
 *
 * Like those of expressions, these functions take NULL for what an earlier error left, and give
 * NULL in turn; the error is in the binder. Arrays grow by doubling in the arena, which takes the
 * old ones back with all the rest.
 */
#include "plan.h"

#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/limits.h"

struct stoa__node *stoa__node_new(struct stoa__binder *bn, int kind, struct stoa__node *input)
{
	struct stoa__node *n = stoa__bind_array(bn, 1, sizeof *n);

	if (!n)
		return NULL;
	n->kind = (uint8_t)kind;
	n->rows = -1;
	n->limit = UINT64_MAX;
	n->input[0] = input;
	if (input) {
		n->columns = input->columns;
		n->n_columns = input->n_columns;
	}
	return n;
}

uint32_t stoa__var_new(struct stoa__binder *bn)
{
	return bn->n_vars++;
}

void stoa__node_add(struct stoa__binder *bn, struct stoa__node *n, const char *name,
		    struct stoa__type type, bool not_null, uint32_t var)
{
	struct stoa__node_column *columns =
		n ? stoa__bind_room(bn, n->columns, n->n_columns, sizeof *columns) : NULL;

	if (!columns)
		return;
	n->columns = columns;
	columns[n->n_columns++] = (struct stoa__node_column){
		.name = name, .type = type, .not_null = not_null, .var = var,
		.min = INT64_MAX, .max = INT64_MIN,
	};
}

void stoa__node_add_expr(struct stoa__binder *bn, struct stoa__node *n, struct stoa__bound *b)
{
	struct stoa__bound **exprs =
		n && b ? stoa__bind_room(bn, n->exprs, n->n_exprs, sizeof(*exprs)) : NULL;

	if (!exprs)
		return;
	n->exprs = exprs;
	exprs[n->n_exprs++] = b;
}

/* table.column, so that plans say whose it is. */
static const char *full_name(struct stoa__binder *bn, const struct stoa__scope_column *c)
{
	size_t len = strlen(c->name);
	char *name = stoa__bind_array(bn, c->table.len + len + 2, 1);

	if (!name)
		return "";
	memcpy(name, c->table.p, c->table.len);
	name[c->table.len] = '.';
	memcpy(name + c->table.len + 1, c->name, len);
	return name;
}

uint32_t stoa__scan_add(struct stoa__binder *bn, struct stoa__node *scan,
			const struct stoa__scope_column *c)
{
	uint32_t var = stoa__var_new(bn);
	uint32_t *slots = stoa__bind_room(bn, scan->slots, scan->n_columns, sizeof *slots);

	if (!slots)
		return var;
	scan->slots = slots;
	slots[scan->n_columns] = c->slot;
	stoa__node_add(bn, scan, scan->kind == STOA__NODE_LOOKUP ? full_name(bn, c) : c->name,
		       c->type, c->not_null, var);
	return var;
}

static bool passes_on(const struct stoa__node *n)
{
	return n->kind == STOA__NODE_FILTER || n->kind == STOA__NODE_SORT ||
	       n->kind == STOA__NODE_LIMIT || n->kind == STOA__NODE_REPEAT ||
	       n->kind == STOA__NODE_LOOKUP || n->kind == STOA__NODE_WINDOW ||
	       n->kind == STOA__NODE_UNIQUE;
}

bool stoa__join_gives_left(const struct stoa__node *n)
{
	return n->join != STOA__JOIN_RIGHT_SEMI && n->join != STOA__JOIN_RIGHT_ANTI;
}

bool stoa__join_gives_right(const struct stoa__node *n)
{
	return n->join != STOA__JOIN_SEMI && n->join != STOA__JOIN_ANTI &&
	       n->join != STOA__JOIN_MARK;
}

bool stoa__node_makes(const struct stoa__node *n, uint32_t var)
{
	for (;; n = n->input[0]) {
		bool adds = n->kind == STOA__NODE_LOOKUP || n->kind == STOA__NODE_WINDOW;
		for (size_t i = 0; adds && i < n->n_columns; i++)
			if (n->columns[i].var == var)
				return true;
		if (!passes_on(n))
			break;
	}
	if (n->kind == STOA__NODE_JOIN)
		return (n->join == STOA__JOIN_MARK && n->mark == var) ||
		       (stoa__join_gives_left(n) && stoa__node_makes(n->input[0], var)) ||
		       (stoa__join_gives_right(n) && stoa__node_makes(n->input[1], var));
	for (size_t i = 0; i < n->n_columns; i++)
		if (n->columns[i].var == var)
			return true;
	return false;
}

struct stoa__node *stoa__node_filter(struct stoa__binder *bn, struct stoa__node *n,
				     struct stoa__bound **terms, size_t n_terms)
{
	struct stoa__node *f;

	if (!n_terms || !n)
		return n;
	f = stoa__node_new(bn, STOA__NODE_FILTER, n);
	if (!f)
		return NULL;
	f->exprs = terms;
	f->n_exprs = n_terms;
	return f;
}

struct stoa__bound *stoa__bound_var(struct stoa__binder *bn, const struct stoa__token *at,
				    const struct stoa__node_column *c)
{
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_COLUMN, at, c->type, 0);

	if (!b)
		return NULL;
	b->index = c->var;
	b->not_null = c->not_null;
	return b;
}

bool stoa__node_makes_all(const struct stoa__node *n, const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN && !stoa__node_makes(n, b->index))
		return false;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (!stoa__node_makes_all(n, b->args[i]))
			return false;
	return true;
}

bool stoa__node_makes_any(const struct stoa__node *n, const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_COLUMN && stoa__node_makes(n, b->index))
		return true;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (stoa__node_makes_any(n, b->args[i]))
			return true;
	return false;
}

struct stoa__bound *stoa__bound_map(struct stoa__binder *bn, struct stoa__bound *b,
				    stoa__bound_swap *swap, void *arg)
{
	struct stoa__bound *copy, **args;

	if (!b || bn->rc < 0)
		return NULL;
	copy = swap(bn, arg, b);
	if (copy || bn->rc < 0)
		return copy;
	if (b->n_args == 0)
		return b;
	struct stoa__token at = stoa__bound_place(b);
	copy = stoa__bound_new(bn, b->kind, &at, b->type, b->n_args);
	if (!copy)
		return NULL;
	args = copy->args;
	*copy = *b;
	copy->args = args;
	for (uint32_t i = 0; i < b->n_args; i++) {
		args[i] = stoa__bound_map(bn, b->args[i], swap, arg);
		if (!args[i])
			return NULL;
	}
	return copy;
}
