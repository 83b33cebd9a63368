/* SPDX-License-Identifier: MIT */
/*
 * bind.c - from a syntax tree to an expression with types: literals, logic, and the walk
 *
 * The tree's height is bounded by the parser, so the walk recurses.
 */
#include "bind.h"

#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "func.h"
#include "plan.h"

/* ---- literals ------------------------------------------------------------------------------- */

/* 12 is an integer, 1.50 a decimal, 1e3 and what is too long for either a double. */
static struct stoa__bound *bind_number(struct stoa__binder *bn, const struct stoa__ast *a)
{
	const char *p = a->text.p, *end = p + a->text.len;
	const char *point = memchr(p, '.', a->text.len);
	struct stoa_value v = { .type = STOA_I64 };

	if (!point && stoa__parse_i64(p, a->text.len, &v.i) == STOA_OK)
		return stoa__bound_const(bn, &a->at, stoa__type_plain(STOA_I64), &v);
	v.type = STOA_U64;
	if (!point && stoa__parse_u64(p, a->text.len, &v.u) == STOA_OK)
		return stoa__bound_const(bn, &a->at, stoa__type_plain(STOA_U64), &v);
	bool exponent = memchr(p, 'e', a->text.len) || memchr(p, 'E', a->text.len);
	size_t scale = point ? (size_t)(end - point) - 1 : 0;
	if (!exponent && scale <= STOA_DECIMAL_PRECISION_MAX &&
	    stoa__parse_decimal(p, a->text.len, (unsigned)scale, &v.i) == STOA_OK) {
		v.type = STOA_DECIMAL;
		v.scale = (uint8_t)scale;
		return stoa__bound_const(bn, &a->at, stoa__type_decimal((unsigned)scale), &v);
	}
	v = stoa_f64(0);
	if (stoa__parse_f64(p, a->text.len, &v.f) < 0)
		return stoa__bind_fail(bn, &a->at, STOA_ERANGE, "the number is too large for f64");
	return stoa__bound_const(bn, &a->at, stoa__type_plain(STOA_F64), &v);
}

static struct stoa__bound *bind_string(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa_value v = stoa_bytes_value(STOA_TEXT, a->text.p, a->text.len);
	struct stoa__bound *b = stoa__bound_const(bn, &a->at, stoa__type_plain(STOA_TEXT), &v);

	if (b)
		b->literal = true;
	return b;
}

/* A value from outside: a parameter, a slot's default. */
static struct stoa__bound *bind_value(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa_value v)
{
	struct stoa__type type = stoa__type_of_value(&v);

	if (stoa__type_is_int(v.type) && v.type >= STOA_U8)
		v.i = (int64_t)v.u;
	if (stoa__type_is_int(v.type))
		v.type = STOA_I64;
	if (v.type == STOA_STRING)
		v.type = STOA_TEXT;
	if (v.type == STOA_F32)
		v.type = STOA_F64;
	struct stoa__bound *b = stoa__bound_const(bn, at, type, &v);
	if (b)
		b->literal = stoa__type_is_text(type.type);
	return b;
}

static struct stoa__bound *bind_param(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa_value v = bn->params ? bn->params[a->op - 1] : stoa_null();
	struct stoa__bound *b;

	if (bn->params_read)
		bn->params_read[a->op - 1] = true;
	if (!bn->params_read || v.type == STOA_NULL)
		return bind_value(bn, &a->at, v);
	b = stoa__bound_new(bn, STOA__BOUND_COLUMN, &a->at, stoa__type_of_value(&v), 0);
	if (b)
		b->index = bn->first_param + a->op - 1;
	return b;
}

static struct stoa__bound *bind_interval(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa__bound *b = stoa__bound_null(bn, &a->at, stoa__type_plain(STOA__TYPE_INTERVAL));
	int unit = a->type ? stoa__field_named(a->type->name.p, a->type->name.len) :
			     STOA__FIELD_SECOND;

	if (!b)
		return NULL;
	b->not_null = true;
	if (!stoa__interval_parse(a->text.p, a->text.len, unit, &b->interval))
		return stoa__bind_fail(
			bn, &a->at, STOA_ETYPE,
			"'%.*s' is no interval: write INTERVAL '3 days' or INTERVAL '3' DAY",
			(int)(a->text.len > 60 ? 60 : a->text.len), a->text.p);
	return b;
}

static bool bind_type(struct stoa__binder *bn, const struct stoa__ast_type *t,
		      struct stoa__type *out)
{
	if (stoa__type_named(t->name.p, t->name.len, t->n_args, t->args, out))
		return true;
	stoa__bind_fail(bn, &t->name, STOA_EINVAL, "there is no type '%.*s'%s",
			(int)(t->name.len > 60 ? 60 : t->name.len), t->name.p,
			stoa__type_hint(t->name.p, t->name.len, t->n_args));
	return false;
}

/* DATE '2026-01-31' */
static struct stoa__bound *bind_typed(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa__type type;

	if (!bind_type(bn, a->type, &type))
		return NULL;
	return stoa__cast(bn, &a->at, bind_string(bn, a), type);
}

/* ---- logic ---------------------------------------------------------------------------------- */

static struct stoa__bound *as_condition(struct stoa__binder *bn, const struct stoa__token *at,
					struct stoa__bound *b, const char *what)
{
	if (!b)
		return NULL;
	if (b->literal || stoa__bound_is(b, STOA_NULL))
		b = stoa__coerce(bn, at, b, stoa__type_plain(STOA_BOOL));
	if (b && !stoa__bound_is(b, STOA_BOOL))
		return stoa__bind_fail(bn, at, STOA_ETYPE,
				       "%s wants a condition, not a value of type %s", what,
				       stoa__type_text(b->type.type));
	return b;
}

struct stoa__bound *stoa__bind_condition(struct stoa__binder *bn, const struct stoa__ast *a,
					 const char *what)
{
	return as_condition(bn, &a->at, stoa__bind(bn, a), what);
}

static struct stoa__bound *bind_logic(struct stoa__binder *bn, const struct stoa__ast *n)
{
	bool is_and = n->kind == STOA__AST_AND;
	struct stoa__bound *b = stoa__bound_new(bn, is_and ? STOA__BOUND_AND : STOA__BOUND_OR,
						&n->at, stoa__type_plain(STOA_BOOL), n->list->n);

	for (uint32_t i = 0; b && i < n->list->n; i++) {
		b->args[i] = stoa__bind_condition(bn, n->list->items[i], is_and ? "AND" : "OR");
		if (!b->args[i])
			return NULL;
	}
	return stoa__bound_done(bn, b);
}

struct stoa__bound *stoa__bind_negate(struct stoa__binder *bn, const struct stoa__token *at,
				     bool negated, struct stoa__bound *b)
{
	if (!b || !negated)
		return b;
	return stoa__bound_op(bn, at, STOA__CODE_NOT, 0, stoa__type_plain(STOA_BOOL), b, NULL);
}

static struct stoa__bound *bind_is(struct stoa__binder *bn, const struct stoa__ast *n)
{
	bool negated = n->flags & STOA__AST_NOT_FLAG;
	struct stoa__type t = stoa__type_plain(STOA_BOOL);
	struct stoa__bound *x = stoa__bind(bn, n->a);

	if (!x)
		return NULL;
	if (stoa__bound_is(x, STOA__TYPE_INTERVAL))
		return stoa__bind_fail(bn, &n->at, STOA_EUNSUPPORTED,
				       "IS on an interval is not supported");
	if (n->op != STOA__IS_NULL)
		x = as_condition(bn, &n->at, x, "IS");
	if (n->op == STOA__IS_NULL || n->op == STOA__IS_UNKNOWN)
		return stoa__bound_op(bn, &n->at, STOA__CODE_IS_NULL, negated, t, x, NULL);
	return stoa__bind_negate(bn, &n->at, negated,
			 stoa__bound_op(bn, &n->at, STOA__CODE_IS_TRUE, n->op == STOA__IS_FALSE, t,
					x, NULL));
}

struct stoa__bound *stoa__bind_both(struct stoa__binder *bn, const struct stoa__token *at, int kind,
				struct stoa__bound *a, struct stoa__bound *b)
{
	struct stoa__bound *r = stoa__bound_new(bn, kind, at, stoa__type_plain(STOA_BOOL), 2);

	if (!r || !a || !b)
		return NULL;
	r->args[0] = a;
	r->args[1] = b;
	return stoa__bound_done(bn, r);
}

static struct stoa__bound *bind_between(struct stoa__binder *bn, const struct stoa__ast *n)
{
	struct stoa__bound *x = stoa__bind(bn, n->a);
	struct stoa__bound *lo =
		stoa__bind_compare(bn, &n->at, STOA__OP_GE, x, stoa__bind(bn, n->b));
	struct stoa__bound *hi =
		stoa__bind_compare(bn, &n->at, STOA__OP_LE, x, stoa__bind(bn, n->c));

	return stoa__bind_negate(bn, &n->at, n->flags & STOA__AST_NOT_FLAG,
			 stoa__bind_both(bn, &n->at, STOA__BOUND_AND, lo, hi));
}

/* ---- the walk ------------------------------------------------------------------------------- */

static struct stoa__bound *bind_like(struct stoa__binder *bn, const struct stoa__ast *n)
{
	struct stoa__type text = stoa__type_plain(STOA_TEXT);
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_LIKE, &n->at,
						stoa__type_plain(STOA_BOOL), n->c ? 3 : 2);

	if (!b)
		return NULL;
	b->args[0] = stoa__coerce(bn, &n->at, stoa__bind(bn, n->a), text);
	b->args[1] = stoa__coerce(bn, &n->at, stoa__bind(bn, n->b), text);
	if (n->c)
		b->args[2] = stoa__coerce(bn, &n->at, stoa__bind(bn, n->c), text);
	b->negated = n->flags & STOA__AST_NOT_FLAG;
	b->fold_case = n->op;
	b->may_fail = true;	/* dear, so worth a mask too */
	return stoa__bound_done(bn, b);
}

static struct stoa__bound *bind_binary(struct stoa__binder *bn, const struct stoa__ast *n)
{
	struct stoa__bound *a = stoa__bind(bn, n->a), *b = stoa__bind(bn, n->b);

	if (!a || !b)
		return NULL;
	if (n->op == STOA__OP_MATCH)
		return stoa__bind_match(bn, &n->at, a, b);
	if (n->op == STOA__OP_CONCAT)
		return stoa__bind_concat(bn, &n->at, a, b);
	if (n->op >= STOA__OP_EQ && n->op <= STOA__OP_NOT_DISTINCT)
		return stoa__bind_compare(bn, &n->at, n->op, a, b);
	return stoa__bind_arith(bn, &n->at, n->op, a, b);
}

static struct stoa__bound *bind_cast(struct stoa__binder *bn, const struct stoa__ast *n)
{
	struct stoa__type type;
	struct stoa__bound *b = stoa__bind(bn, n->a);

	if (!b || !bind_type(bn, n->type, &type))
		return NULL;
	return stoa__cast(bn, &n->at, b, type);
}

/* What a slot is to be given: an expression, or its default. */
static struct stoa__bound *bind_assign(struct stoa__binder *bn, const struct stoa__ast *n)
{
	struct stoa__bound *b = n->a && n->a->kind != STOA__AST_DEFAULT ?
					stoa__bind(bn, n->a) :
					bind_value(bn, &n->at, n->slot->value);

	return stoa__assign(bn, &n->at, b, n->slot);
}

struct stoa__bound *stoa__bind(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa_value v;

	if (bn->rc < 0)
		return NULL;
	switch ((enum stoa__ast_kind)a->kind) {
	case STOA__AST_NULL: return stoa__bound_null(bn, &a->at, stoa__type_plain(STOA_NULL));
	case STOA__AST_BOOL:
		v = stoa_bool(a->op);
		return stoa__bound_const(bn, &a->at, stoa__type_plain(STOA_BOOL), &v);
	case STOA__AST_NUMBER: return bind_number(bn, a);
	case STOA__AST_STRING: return bind_string(bn, a);
	case STOA__AST_BLOB:
		v = stoa_bytes_value(STOA_BLOB, a->text.p, a->text.len);
		return stoa__bound_const(bn, &a->at, stoa__type_plain(STOA_BLOB), &v);
	case STOA__AST_TYPED: return bind_typed(bn, a);
	case STOA__AST_INTERVAL: return bind_interval(bn, a);
	case STOA__AST_PARAM: return bind_param(bn, a);
	case STOA__AST_NAME:
	case STOA__AST_DEREF: return stoa__bind_name(bn, a);
	case STOA__AST_UNARY: return stoa__bind_unary(bn, a);
	case STOA__AST_BINARY: return bind_binary(bn, a);
	case STOA__AST_AND:
	case STOA__AST_OR: return bind_logic(bn, a);
	case STOA__AST_NOT:
		return stoa__bind_negate(bn, &a->at, true, stoa__bind_condition(bn, a->a, "NOT"));
	case STOA__AST_IS: return bind_is(bn, a);
	case STOA__AST_BETWEEN: return bind_between(bn, a);
	case STOA__AST_IN: return stoa__bind_in(bn, a);
	case STOA__AST_LIKE: return bind_like(bn, a);
	case STOA__AST_CASE: return stoa__bind_case(bn, a);
	case STOA__AST_CAST: return bind_cast(bn, a);
	case STOA__AST_CALL: return stoa__bind_call(bn, a);
	case STOA__AST_EXTRACT: return stoa__bind_extract(bn, a);
	case STOA__AST_STAR:
		return stoa__bind_fail(bn, &a->at, STOA_ESYNTAX, "* does not belong here");
	case STOA__AST_IN_QUERY:
	case STOA__AST_EXISTS:
	case STOA__AST_SUBQUERY: return stoa__bind_subquery(bn, a);
	case STOA__AST_ROWID: return stoa__bind_rowid(bn, a);
	case STOA__AST_ASSIGN: return bind_assign(bn, a);
	case STOA__AST_DEFAULT:
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL,
				       "DEFAULT stands alone, in VALUES of INSERT and in SET");
	case STOA__AST_ROW:
		return stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
				       "row values are not supported");
	}
	return NULL;
}
