/* SPDX-License-Identifier: MIT */
/*
 * bind_compare.c - comparisons, IN and regular expressions
 *
 * Constants are brought to the type of the column that they meet wherever that is exact, so that
 * rows are compared as they lie, and zone maps and sets can answer.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "bind.h"
#include "func.h"

#define DAY_MICROS INT64_C(86400000000)

/* ---- comparisons ---------------------------------------------------------------------------- */

static unsigned mirrored(unsigned op)
{
	switch (op) {
	case STOA__OP_LT:
		return STOA__OP_GT;
	case STOA__OP_LE:
		return STOA__OP_GE;
	case STOA__OP_GT:
		return STOA__OP_LT;
	case STOA__OP_GE:
		return STOA__OP_LE;
	default:
		return op;
	}
}

/*
 * A constant beyond the range of the other side: below all of them, or above. The comparison then
 * is one with the end of the range: x > below is x >= min, x = below is x < min, which no x is.
 */
static unsigned against_end(unsigned op, bool below)
{
	switch (op) {
	case STOA__OP_GT:
	case STOA__OP_GE:
		return below ? STOA__OP_GE : STOA__OP_GT;
	case STOA__OP_LT:
	case STOA__OP_LE:
		return below ? STOA__OP_LT : STOA__OP_LE;
	case STOA__OP_NE:
		return below ? STOA__OP_GE : STOA__OP_LE;
	default:
		return below ? STOA__OP_LT : STOA__OP_GT;
	}
}

/*
 * Brings constant @b to the type of @a, where that is exact and spares a conversion of every
 * row.
 */
static struct stoa__bound *fit_constant(struct stoa__binder *bn, unsigned *op,
					const struct stoa__bound *a, struct stoa__bound *b)
{
	struct stoa__token at = stoa__bound_place(b);
	unsigned type = stoa__type_normal(a->type).type;
	struct stoa_value v = b->value;

	if (type == STOA_U64 && v.type == STOA_I64) {
		if (v.i < 0)
			*op = against_end(*op, true);
		v = stoa_u64(v.i < 0 ? 0 : (uint64_t)v.i);
	} else if (type == STOA_I64 && v.type == STOA_U64) {
		if (v.u > INT64_MAX)
			*op = against_end(*op, false);
		v = stoa_i64(v.u > INT64_MAX ? INT64_MAX : (int64_t)v.u);
	} else if (type == STOA_DATE && v.type == STOA_TIMESTAMP && v.i % DAY_MICROS == 0) {
		v.type = STOA_DATE;
		v.i /= DAY_MICROS;
	} else if (v.type == STOA_DECIMAL && (type == STOA_DECIMAL || type == STOA_I64)) {
		unsigned scale = type == STOA_DECIMAL ? a->type.scale : 0;
		while (v.scale > scale && v.i % 10 == 0) {
			v.i /= 10;
			v.scale--;
		}
		if (type == STOA_I64 && v.scale == 0)
			v.type = STOA_I64;
	} else {
		return b;
	}
	struct stoa__type t = v.type == STOA_DECIMAL ? stoa__type_decimal(v.scale) :
						       stoa__type_plain(v.type);
	return stoa__bound_const(bn, &at, t, &v);
}

struct stoa__bound *stoa__bind_compare(struct stoa__binder *bn, const struct stoa__token *at,
				       unsigned op, struct stoa__bound *a, struct stoa__bound *b)
{
	struct stoa__type t;
	bool distinct = op == STOA__OP_DISTINCT || op == STOA__OP_NOT_DISTINCT;

	if (!a || !b)
		return NULL;
	if (a->kind == STOA__BOUND_CONST && b->kind != STOA__BOUND_CONST) {
		struct stoa__bound *x = a;
		a = b;
		b = x;
		op = mirrored(op);
	}
	if (b->literal && !a->literal && !stoa__bound_is(a, STOA_NULL))
		b = stoa__coerce(bn, at, b, a->type);
	else if (a->literal && !b->literal && !stoa__bound_is(b, STOA_NULL))
		a = stoa__coerce(bn, at, a, b->type);
	if (!a || !b)
		return NULL;
	if (b->kind == STOA__BOUND_CONST && !distinct)
		b = fit_constant(bn, &op, a, b);
	if (!b)
		return NULL;
	if (stoa__bound_is(a, STOA__TYPE_INTERVAL) || stoa__bound_is(b, STOA__TYPE_INTERVAL) ||
	    !stoa__type_common(a->type, b->type, &t))
		return stoa__bind_no_operator(bn, at, op, a, b);
	if (t.type == STOA_NULL)
		t = stoa__type_plain(STOA_TEXT);
	a = stoa__coerce(bn, at, a, t);
	b = stoa__coerce(bn, at, b, t);
	return a && b ? stoa__bound_op(bn, at, STOA__CODE_COMPARE, op, stoa__type_plain(STOA_BOOL),
				       a, b) :
			NULL;
}

/* ~, ~*, !~, !~*: the operator is in the token. */
struct stoa__bound *stoa__bind_match(struct stoa__binder *bn, const struct stoa__token *at,
				     struct stoa__bound *a, struct stoa__bound *b)
{
	bool fold = at->len && at->p[at->len - 1] == '*';
	struct stoa_value flags = stoa_bytes_value(STOA_TEXT, "i", fold);
	struct stoa__type text = stoa__type_plain(STOA_TEXT), truth = stoa__type_plain(STOA_BOOL);
	struct stoa__bound *args[3] = { stoa__coerce(bn, at, a, text),
					stoa__coerce(bn, at, b, text),
					stoa__bound_const(bn, at, text, &flags) };

	if (!args[0] || !args[1] || !args[2])
		return NULL;
	struct stoa__bound *r = stoa__bound_call(bn, at, &stoa__fn_regexp_like, truth, args, 3);
	if (!r || at->p[0] != '!')
		return r;
	return stoa__bound_op(bn, at, STOA__CODE_NOT, 0, truth, r, NULL);
}

/* ---- IN ------------------------------------------------------------------------------------- */

static int compare_constants(const void *a, const void *b)
{
	const struct stoa__bound *const *x = a, *const *y = b;

	return stoa__value_compare(&(*x)->value, &(*y)->value);
}

/* x IN (constants of one type): a sorted set. NULLs are not in it. */
static struct stoa__bound *in_set(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound **args, uint32_t n)
{
	struct stoa__bound *b =
		stoa__bound_new(bn, STOA__BOUND_IN, at, stoa__type_plain(STOA_BOOL), n);

	if (!b)
		return NULL;
	b->n_args = 1;
	b->args[0] = args[0];
	for (uint32_t i = 1; i < n; i++)
		if (!stoa__bound_is_null(args[i]))
			b->args[b->n_args++] = args[i];
	if (b->n_args > 1)
		qsort(b->args + 1, b->n_args - 1, sizeof(*b->args), compare_constants);
	return stoa__bound_done(bn, b);
}

static struct stoa__bound *in_any(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound **args, uint32_t n)
{
	struct stoa__bound *b =
		stoa__bound_new(bn, STOA__BOUND_OR, at, stoa__type_plain(STOA_BOOL), n - 1);

	for (uint32_t i = 1; b && i < n; i++)
		b->args[i - 1] = stoa__bind_compare(bn, at, STOA__OP_EQ, args[0], args[i]);
	return stoa__bound_done(bn, b);
}

/* Constants to the type of what they are looked for in; those that cannot be equal go. */
static uint32_t fit_constants(struct stoa__binder *bn, const struct stoa__token *at,
			      struct stoa__bound **args, uint32_t n, bool *all_const)
{
	uint32_t k = 1;

	*all_const = args[0]->kind != STOA__BOUND_CONST;
	for (uint32_t i = 1; i < n; i++) {
		struct stoa__bound *b = args[i];
		unsigned op = STOA__OP_EQ;
		if (b->literal && !args[0]->literal && !stoa__bound_is(args[0], STOA_NULL))
			b = stoa__coerce(bn, at, b, args[0]->type);
		if (b && b->kind == STOA__BOUND_CONST && !stoa__bound_is_null(b))
			b = fit_constant(bn, &op, args[0], b);
		if (!b)
			return 0;
		*all_const &= b->kind == STOA__BOUND_CONST;
		if (op == STOA__OP_EQ)
			args[k++] = b;
	}
	return k;
}

/*
 * Did all constants become constants of the common type? One that is too large for it, as 10^18 is
 * for two digits after the point, stays with its own, and is compared by itself.
 */
static bool are_constant(struct stoa__bound *const *args, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (args[i]->kind != STOA__BOUND_CONST)
			return false;
	return true;
}

struct stoa__bound *stoa__bind_in(struct stoa__binder *bn, const struct stoa__ast *n)
{
	uint32_t n_args = n->list->n + 1;
	struct stoa__bound **args = stoa__bind_array(bn, n_args, sizeof(*args));
	struct stoa__bound **own = stoa__bind_array(bn, n_args, sizeof(*own));
	struct stoa__bound *r = NULL;
	struct stoa__type t;
	bool all_const, any_null = false;

	if (!args || !own)
		return NULL;
	args[0] = stoa__bind(bn, n->a);
	for (uint32_t i = 1; i < n_args; i++) {
		args[i] = stoa__bind(bn, n->list->items[i - 1]);
		any_null |= args[i] && stoa__bound_is_null(args[i]);
	}
	if (bn->rc < 0)
		return NULL;
	n_args = fit_constants(bn, &n->at, args, n_args, &all_const);
	if (n_args)
		memcpy(own, args, n_args * sizeof(*own));
	if (!n_args || !stoa__unify(bn, &n->at, args, n_args, &t))
		return NULL;
	if (all_const && !are_constant(args, n_args)) {
		all_const = false;
		args = own;
	}
	r = all_const && t.type != STOA_BOOL ? in_set(bn, &n->at, args, n_args) :
	    n_args > 1                       ? in_any(bn, &n->at, args, n_args) :
					       in_set(bn, &n->at, args, n_args);
	if (any_null && all_const) /* not found is not known */
		r = stoa__bind_both(bn, &n->at, STOA__BOUND_OR, r,
				    stoa__bound_null(bn, &n->at, stoa__type_plain(STOA_BOOL)));
	return stoa__bind_negate(bn, &n->at, n->flags & STOA__AST_NOT_FLAG, r);
}
