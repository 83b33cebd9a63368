/* SPDX-License-Identifier: MIT */
/*
 * bind_arith.c - what + - * / and their like mean, by the types of their operands
 *
 * Numbers meet in their common type; a quoted constant takes the type of the other side. Dates and
 * times move by intervals and days.
 */
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "bind.h"
#include "func.h"

/* ---- arithmetic ----------------------------------------------------------------------------- */

struct stoa__bound *stoa__bind_no_operator(struct stoa__binder *bn, const struct stoa__token *at,
					   unsigned op, const struct stoa__bound *a,
					   const struct stoa__bound *b)
{
	return stoa__bind_fail(bn, at, STOA_ETYPE, "there is no %s %s %s: cast an operand",
			       stoa__type_text(a->type.type), stoa__op_name(op),
			       stoa__type_text(b->type.type));
}

static struct stoa__bound *interval_sum(struct stoa__binder *bn, const struct stoa__token *at,
					const struct stoa__bound *a, const struct stoa__bound *b,
					int64_t sign)
{
	struct stoa__bound *r = stoa__bound_null(bn, at, a->type);

	if (!r)
		return NULL;
	r->not_null = true;
	r->interval.months = a->interval.months + sign * b->interval.months;
	r->interval.days = a->interval.days + sign * b->interval.days;
	r->interval.micros = a->interval.micros + sign * b->interval.micros;
	return r;
}

/* date or timestamp @a, moved by interval @b. */
static struct stoa__bound *bind_shift(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__bound *a, const struct stoa__bound *b,
				      int64_t sign)
{
	struct stoa__bound *ts = stoa__coerce(bn, at, a, stoa__type_plain(STOA_TIMESTAMP));
	struct stoa__bound *r =
		stoa__bound_new(bn, STOA__BOUND_CALL, at, stoa__type_plain(STOA_TIMESTAMP), 1);

	if (!ts || !r)
		return NULL;
	r->fn = &stoa__fn_shift;
	r->may_fail = true;
	r->interval = b->interval;
	r->lo = sign;
	r->args[0] = ts;
	return stoa__bound_done(bn, r);
}

static struct stoa__bound *shift_days(struct stoa__binder *bn, const struct stoa__token *at,
				      unsigned op, struct stoa__bound *a, struct stoa__bound *b)
{
	int64_t min, max;
	struct stoa__type date = stoa__type_plain(STOA_DATE);
	struct stoa__bound *days = stoa__coerce(bn, at, b, stoa__type_plain(STOA_I64));
	struct stoa__bound *sum =
		stoa__bound_op(bn, at, STOA__CODE_ARITH, op, stoa__type_plain(STOA_I64), a, days);
	struct stoa__bound *r = stoa__bound_new(bn, STOA__BOUND_OP, at, date, 1);

	if (!sum || !r)
		return NULL;
	stoa__type_range(STOA_DATE, 0, &min, &max);
	r->code = STOA__CODE_CHECK_RANGE;
	r->lo = min;
	r->hi = max;
	r->may_fail = true;
	r->args[0] = sum;
	return stoa__bound_done(bn, r);
}

/* What involves dates, times and intervals; NULL without an error when it is none of that. */
static struct stoa__bound *bind_time_arith(struct stoa__binder *bn, const struct stoa__token *at,
					   unsigned op, struct stoa__bound *a,
					   struct stoa__bound *b)
{
	bool add = op == STOA__OP_ADD, sub = op == STOA__OP_SUB;
	bool ia = stoa__bound_is(a, STOA__TYPE_INTERVAL),
	     ib = stoa__bound_is(b, STOA__TYPE_INTERVAL);
	bool da = stoa__bound_is(a, STOA_DATE), db = stoa__bound_is(b, STOA_DATE);
	bool ta = da || stoa__bound_is(a, STOA_TIMESTAMP),
	     tb = db || stoa__bound_is(b, STOA_TIMESTAMP);

	if (ia && ib && (add || sub))
		return interval_sum(bn, at, a, b, add ? 1 : -1);
	if (ta && ib && (add || sub))
		return bind_shift(bn, at, a, b, add ? 1 : -1);
	if (ia && tb && add)
		return bind_shift(bn, at, b, a, 1);
	if (da && db && sub)
		return stoa__bound_op(bn, at, STOA__CODE_ARITH, op, stoa__type_plain(STOA_I64), a,
				      b);
	if (da && stoa__type_is_number(b->type.type) && (add || sub))
		return shift_days(bn, at, op, a, b);
	if (db && stoa__type_is_number(a->type.type) && add)
		return shift_days(bn, at, op, b, a);
	return NULL;
}

/* Scale of a product or of what else two decimals make. */
static struct stoa__bound *decimal_arith(struct stoa__binder *bn, const struct stoa__token *at,
					 unsigned op, struct stoa__bound *a, struct stoa__bound *b)
{
	unsigned sa = a->type.scale, sb = b->type.scale;

	if (op == STOA__OP_MUL) {
		if (sa + sb > STOA_DECIMAL_PRECISION_MAX)
			return stoa__bind_fail(
				bn, at, STOA_ERANGE,
				"the product would have %u digits after the point, and at most 18 "
				"fit: cast an operand to f64",
				sa + sb);
		a = stoa__coerce(bn, at, a, stoa__type_decimal(sa));
		b = stoa__coerce(bn, at, b, stoa__type_decimal(sb));
		return stoa__bound_op(bn, at, STOA__CODE_ARITH, op, stoa__type_decimal(sa + sb), a,
				      b);
	}
	struct stoa__type t = stoa__type_decimal(sa > sb ? sa : sb);
	a = stoa__coerce(bn, at, a, t);
	b = stoa__coerce(bn, at, b, t);
	return stoa__bound_op(bn, at, STOA__CODE_ARITH, op, t, a, b);
}

static struct stoa__bound *number_arith(struct stoa__binder *bn, const struct stoa__token *at,
					unsigned op, struct stoa__bound *a, struct stoa__bound *b)
{
	struct stoa__type t;

	if (!stoa__type_common(a->type, b->type, &t) || !stoa__type_is_number(t.type))
		return stoa__bind_no_operator(bn, at, op, a, b);
	if (t.type == STOA_DECIMAL && op != STOA__OP_DIV && op != STOA__OP_POWER)
		return decimal_arith(bn, at, op, a, b);
	if (t.type == STOA_DECIMAL || op == STOA__OP_POWER)
		t = stoa__type_plain(STOA_F64); /* a quotient of decimals has no last digit */
	if (t.type == STOA_U64)
		t = stoa__type_plain(STOA_I64);
	struct stoa__bound *args[2] = { stoa__coerce(bn, at, a, t), stoa__coerce(bn, at, b, t) };
	if (op == STOA__OP_POWER)
		return stoa__bound_call(bn, at, &stoa__fn_power, t, args, 2);
	return args[1] ? stoa__bound_op(bn, at, STOA__CODE_ARITH, op, t, args[0], args[1]) : NULL;
}

/* A quoted constant beside a number, a date ...: takes the type of the other side. */
static void adopt(struct stoa__binder *bn, const struct stoa__token *at, struct stoa__bound **a,
		  struct stoa__bound **b)
{
	if ((*a)->literal && !(*b)->literal && (*b)->type.type != STOA_NULL &&
	    !stoa__type_is_text((*b)->type.type))
		*a = stoa__coerce(bn, at, *a, (*b)->type);
}

struct stoa__bound *stoa__bind_concat(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__bound *a, struct stoa__bound *b)
{
	struct stoa__type text = stoa__type_plain(STOA_TEXT);

	if (!stoa__type_is_text(a->type.type) && !stoa__type_is_text(b->type.type) &&
	    a->type.type != STOA_NULL && b->type.type != STOA_NULL)
		return stoa__bind_no_operator(bn, at, STOA__OP_CONCAT, a, b);
	struct stoa__bound *args[2] = { stoa__cast(bn, at, a, text), stoa__cast(bn, at, b, text) };
	return args[0] && args[1] ? stoa__bound_call(bn, at, &stoa__fn_concat, text, args, 2) :
				    NULL;
}

struct stoa__bound *stoa__bind_arith(struct stoa__binder *bn, const struct stoa__token *at,
				     unsigned op, struct stoa__bound *a, struct stoa__bound *b)
{
	if (!stoa__bound_is(b, STOA__TYPE_INTERVAL) &&
	    !(stoa__bound_is(b, STOA_DATE) && a->literal))
		adopt(bn, at, &a, &b);
	if (a && !stoa__bound_is(a, STOA__TYPE_INTERVAL) && !stoa__bound_is(a, STOA_DATE))
		adopt(bn, at, &b, &a);
	if (!a || !b || bn->rc < 0)
		return NULL;
	if (stoa__bound_is(a, STOA_NULL) && stoa__bound_is(b, STOA_NULL))
		return stoa__bound_null(bn, at, stoa__type_plain(STOA_I64));
	struct stoa__bound *r = bind_time_arith(bn, at, op, a, b);
	if (r || bn->rc < 0)
		return r;
	return number_arith(bn, at, op, a, b);
}

struct stoa__bound *stoa__bind_unary(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa__bound *x = stoa__bind(bn, a->a);

	if (!x)
		return NULL;
	if (stoa__bound_is(x, STOA__TYPE_INTERVAL)) {
		struct stoa__bound *zero = stoa__bound_null(bn, &a->at, x->type);
		return zero ? interval_sum(bn, &a->at, zero, x, a->op == STOA__OP_NEG ? -1 : 1) :
			      NULL;
	}
	/* The smallest integer is written as the negative of one that does not fit. */
	if (a->op == STOA__OP_NEG && x->kind == STOA__BOUND_CONST && x->value.type == STOA_U64 &&
	    x->value.u == (uint64_t)INT64_MAX + 1) {
		struct stoa_value v = stoa_i64(INT64_MIN);
		return stoa__bound_const(bn, &a->at, stoa__type_plain(STOA_I64), &v);
	}
	struct stoa__type t = stoa__type_normal(x->type);
	if (x->literal)
		t = stoa__type_plain(STOA_F64);
	if (t.type == STOA_U64 || t.type == STOA_NULL)
		t = stoa__type_plain(STOA_I64);
	if (!stoa__type_is_number(t.type))
		return stoa__bind_fail(bn, &a->at, STOA_ETYPE, "there is no %s %s",
				       stoa__op_name(a->op), stoa__type_text(t.type));
	x = stoa__coerce(bn, &a->at, x, t);
	return a->op == STOA__OP_NEG ? stoa__bound_op(bn, &a->at, STOA__CODE_NEG, 0, t, x, NULL) :
				       x;
}
