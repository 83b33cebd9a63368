/* SPDX-License-Identifier: MIT */
/*
 * bind.c - expressions: types worked out, constants computed
 *
 * The tree's height is bounded by the parser, so the walk recurses. A node whose arguments are all
 * constants is run on the spot, by the machine that would run it later, so that there is one
 * arithmetic only; if that fails the node stays, and fails when, and only if, a row gets there:
 * CASE WHEN false THEN 1 / 0 END is no error.
 */
#include "bind.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "func.h"
#include "plan.h"
#include "prog.h"

#define DAY_MICROS INT64_C(86400000000)

/* ---- nodes ---------------------------------------------------------------------------------- */

struct stoa__bound *stoa__bind_fail(struct stoa__binder *bn, const struct stoa__token *at, int code,
				    const char *format, ...)
{
	char text[STOA_ERROR_TEXT_MAX];
	va_list ap;

	if (bn->rc < 0)
		return NULL;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	bn->rc = stoa__fail_at(bn->err, code, at->line, at->column, "%s", text);
	return NULL;
}

void *stoa__bind_array(struct stoa__binder *bn, size_t n, size_t size)
{
	void *p = bn->rc < 0 ? NULL : stoa__arena_array(bn->arena, n, size);

	if (!p && bn->rc >= 0)
		bn->rc = stoa__fail_memory(bn->err);
	return p;
}

static struct stoa__bound *out_of_memory(struct stoa__binder *bn)
{
	if (bn->rc >= 0)
		bn->rc = stoa__fail_memory(bn->err);
	return NULL;
}

struct stoa__token stoa__bound_place(const struct stoa__bound *b)
{
	return (struct stoa__token){ .line = b->line, .column = b->column };
}

struct stoa__bound *stoa__bound_new(struct stoa__binder *bn, int kind, const struct stoa__token *at,
				    struct stoa__type type, uint32_t n_args)
{
	if (bn->rc < 0)
		return NULL;
	struct stoa__bound *b = stoa__arena_zalloc(bn->arena, sizeof *b);
	if (!b)
		return out_of_memory(bn);
	b->args = stoa__arena_array(bn->arena, n_args, sizeof(*b->args));
	if (!b->args)
		return out_of_memory(bn);
	b->kind = (uint8_t)kind;
	b->type = type;
	b->n_args = n_args;
	b->line = at->line;
	b->column = at->column;
	return b;
}

struct stoa__bound *stoa__bound_const(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__type type, const struct stoa_value *v)
{
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CONST, at, type, 0);

	if (!b)
		return NULL;
	b->value = *v;
	b->not_null = v->type != STOA_NULL;
	return b;
}

struct stoa__bound *stoa__bound_null(struct stoa__binder *bn, const struct stoa__token *at,
				     struct stoa__type type)
{
	struct stoa_value v = stoa_null();

	return stoa__bound_const(bn, at, type, &v);
}

bool stoa__bound_equal(const struct stoa__bound *a, const struct stoa__bound *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind || a->code != b->code || a->op != b->op || a->n_args != b->n_args ||
	    a->negated != b->negated || a->fold_case != b->fold_case || a->fn != b->fn ||
	    a->index != b->index || a->sub != b->sub || a->lo != b->lo || a->hi != b->hi ||
	    a->type.type != b->type.type || a->type.scale != b->type.scale)
		return false;
	if (memcmp(&a->interval, &b->interval, sizeof a->interval) != 0)
		return false;
	if (a->kind == STOA__BOUND_CONST) {
		if (a->value.type != b->value.type)
			return false;
		return a->value.type == STOA_NULL || !stoa__value_compare(&a->value, &b->value);
	}
	for (uint32_t i = 0; i < a->n_args; i++)
		if (!stoa__bound_equal(a->args[i], b->args[i]))
			return false;
	return true;
}

/* ---- constants ------------------------------------------------------------------------------ */

static int no_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		     struct stoa_error *err)
{
	(void)in;
	(void)i;
	(void)out;
	return stoa__fail(err, STOA_EINVAL, "a constant has no columns");
}

/* Runs a constant expression: STOA_OK with *@v, whose bytes are in the binder's arena. */
static int evaluate(struct stoa__binder *bn, struct stoa__bound *b, struct stoa_value *v)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__input in = { no_column };
	struct stoa__machine *m = NULL;
	struct stoa__prog *prog;
	int rc;

	rc = stoa__prog_compile(&arena, &b, 1, &prog, NULL);
	if (rc == STOA_OK)
		rc = stoa__machine_new(prog, 1, &m, NULL);
	if (rc == STOA_OK)
		rc = stoa__machine_run(m, &in, 1, NULL, NULL);
	if (rc == STOA_OK) {
		*v = stoa__vec_value(stoa__machine_output(m, 0), 0);
		if (v->type != STOA_NULL && stoa__type_family(v->type) == STOA__BYTES) {
			v->p = stoa__arena_copy(bn->arena, v->p, v->len);
			rc = v->p ? STOA_OK : STOA_ENOMEM;
		}
	}
	stoa__machine_free(m);
	stoa__arena_release(&arena);
	return rc;
}

static struct stoa__bound *fold(struct stoa__binder *bn, struct stoa__bound *b)
{
	struct stoa_value v = stoa_null();
	struct stoa__token at = stoa__bound_place(b);
	int rc = evaluate(bn, b, &v);

	if (rc == STOA_ENOMEM)
		return out_of_memory(bn);
	if (rc < 0)
		return b;	/* fails when it runs, if it runs */
	if (v.type != STOA_NULL) {
		v.type = b->type.type;
		v.scale = b->type.scale;
	}
	return stoa__bound_const(bn, &at, b->type, &v);
}

struct stoa__bound *stoa__bound_done(struct stoa__binder *bn, struct stoa__bound *b)
{
	bool constant = true,
	     strict = b && (b->kind == STOA__BOUND_OP || b->kind == STOA__BOUND_LIKE);

	if (!b || bn->rc < 0)
		return NULL;
	if (b->kind == STOA__BOUND_CALL)
		strict = false;
	bool not_null = strict;
	for (uint32_t i = 0; i < b->n_args; i++) {
		if (!b->args[i])
			return NULL;
		constant &= b->args[i]->kind == STOA__BOUND_CONST;
		b->may_fail |= b->args[i]->may_fail;
		not_null &= b->args[i]->not_null;
	}
	b->not_null = not_null;
	constant &= b->kind != STOA__BOUND_AGGREGATE && b->kind != STOA__BOUND_SUBQUERY;
	return constant ? fold(bn, b) : b;
}

struct stoa__bound *stoa__bound_op(struct stoa__binder *bn, const struct stoa__token *at, int code,
				   unsigned op, struct stoa__type type, struct stoa__bound *a,
				   struct stoa__bound *b)
{
	struct stoa__bound *node = stoa__bound_new(bn, STOA__BOUND_OP, at, type, b ? 2 : 1);

	if (!node || !a)
		return NULL;
	node->code = (uint8_t)code;
	node->op = (uint8_t)op;
	node->args[0] = a;
	if (b)
		node->args[1] = b;
	node->may_fail = code == STOA__CODE_ARITH || code == STOA__CODE_NEG ||
			 code == STOA__CODE_ABS || code >= STOA__CODE_INT_TO_F64;
	return stoa__bound_done(bn, node);
}

struct stoa__bound *stoa__bound_call(struct stoa__binder *bn, const struct stoa__token *at,
				     const struct stoa__fn *fn, struct stoa__type type,
				     struct stoa__bound **args, uint32_t n_args)
{
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CALL, at, type, n_args);

	if (!b)
		return NULL;
	b->fn = fn;
	b->may_fail = (fn->flags & STOA__FN_MAY_FAIL) != 0;
	if (n_args)
		memcpy(b->args, args, n_args * sizeof(*args));
	return stoa__bound_done(bn, b);
}

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
	struct stoa__type type = { v.type, v.type == STOA_DECIMAL ? STOA_DECIMAL_PRECISION_MAX : 0,
				   v.type == STOA_DECIMAL ? v.scale : 0, 0 };

	if (stoa__type_is_int(v.type) && v.type >= STOA_U8)
		v.i = (int64_t)v.u;
	if (stoa__type_is_int(v.type))
		v.type = STOA_I64;
	type = stoa__type_normal(type);
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
	return bind_value(bn, &a->at, bn->params ? bn->params[a->op - 1] : stoa_null());
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
			t->n_args ? " with such arguments" : "");
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

/* ---- arithmetic ----------------------------------------------------------------------------- */

static struct stoa__bound *no_operator(struct stoa__binder *bn, const struct stoa__token *at,
				       unsigned op, const struct stoa__bound *a,
				       const struct stoa__bound *b)
{
	return stoa__bind_fail(bn, at, STOA_ETYPE, "there is no %s %s %s: cast an operand",
			       stoa__type_text(a->type.type), stoa__op_name(op),
			       stoa__type_text(b->type.type));
}

static bool is_type(const struct stoa__bound *b, unsigned type)
{
	return b->type.type == type;
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
	struct stoa__bound *r = stoa__bound_new(bn, STOA__BOUND_CALL, at,
						stoa__type_plain(STOA_TIMESTAMP), 1);

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
	struct stoa__bound *sum = stoa__bound_op(bn, at, STOA__CODE_ARITH, op,
						 stoa__type_plain(STOA_I64), a, days);
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
	bool ia = is_type(a, STOA__TYPE_INTERVAL), ib = is_type(b, STOA__TYPE_INTERVAL);
	bool da = is_type(a, STOA_DATE), db = is_type(b, STOA_DATE);
	bool ta = da || is_type(a, STOA_TIMESTAMP), tb = db || is_type(b, STOA_TIMESTAMP);

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
		return no_operator(bn, at, op, a, b);
	if (t.type == STOA_DECIMAL && op != STOA__OP_DIV && op != STOA__OP_POWER)
		return decimal_arith(bn, at, op, a, b);
	if (t.type == STOA_DECIMAL || op == STOA__OP_POWER)
		t = stoa__type_plain(STOA_F64);	/* a quotient of decimals has no last digit */
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

static struct stoa__bound *bind_concat(struct stoa__binder *bn, const struct stoa__token *at,
				       struct stoa__bound *a, struct stoa__bound *b)
{
	struct stoa__type text = stoa__type_plain(STOA_TEXT);

	if (!stoa__type_is_text(a->type.type) && !stoa__type_is_text(b->type.type) &&
	    a->type.type != STOA_NULL && b->type.type != STOA_NULL)
		return no_operator(bn, at, STOA__OP_CONCAT, a, b);
	struct stoa__bound *args[2] = { stoa__cast(bn, at, a, text), stoa__cast(bn, at, b, text) };
	return args[0] && args[1] ? stoa__bound_call(bn, at, &stoa__fn_concat, text, args, 2) :
				    NULL;
}

static struct stoa__bound *bind_arith(struct stoa__binder *bn, const struct stoa__token *at,
				      unsigned op, struct stoa__bound *a, struct stoa__bound *b)
{
	if (!is_type(b, STOA__TYPE_INTERVAL) && !(is_type(b, STOA_DATE) && a->literal))
		adopt(bn, at, &a, &b);
	if (a && !is_type(a, STOA__TYPE_INTERVAL) && !is_type(a, STOA_DATE))
		adopt(bn, at, &b, &a);
	if (!a || !b || bn->rc < 0)
		return NULL;
	if (is_type(a, STOA_NULL) && is_type(b, STOA_NULL))
		return stoa__bound_null(bn, at, stoa__type_plain(STOA_I64));
	struct stoa__bound *r = bind_time_arith(bn, at, op, a, b);
	if (r || bn->rc < 0)
		return r;
	return number_arith(bn, at, op, a, b);
}

static struct stoa__bound *bind_unary(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa__bound *x = stoa__bind(bn, a->a);

	if (!x)
		return NULL;
	if (is_type(x, STOA__TYPE_INTERVAL)) {
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

/* ---- comparisons ---------------------------------------------------------------------------- */

static unsigned mirrored(unsigned op)
{
	switch (op) {
	case STOA__OP_LT: return STOA__OP_GT;
	case STOA__OP_LE: return STOA__OP_GE;
	case STOA__OP_GT: return STOA__OP_LT;
	case STOA__OP_GE: return STOA__OP_LE;
	default: return op;
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
	case STOA__OP_GE: return below ? STOA__OP_GE : STOA__OP_GT;
	case STOA__OP_LT:
	case STOA__OP_LE: return below ? STOA__OP_LT : STOA__OP_LE;
	case STOA__OP_NE: return below ? STOA__OP_GE : STOA__OP_LE;
	default: return below ? STOA__OP_LT : STOA__OP_GT;
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
	if (b->literal && !a->literal && !is_type(a, STOA_NULL))
		b = stoa__coerce(bn, at, b, a->type);
	else if (a->literal && !b->literal && !is_type(b, STOA_NULL))
		a = stoa__coerce(bn, at, a, b->type);
	if (!a || !b)
		return NULL;
	if (b->kind == STOA__BOUND_CONST && !distinct)
		b = fit_constant(bn, &op, a, b);
	if (!b)
		return NULL;
	if (is_type(a, STOA__TYPE_INTERVAL) || is_type(b, STOA__TYPE_INTERVAL) ||
	    !stoa__type_common(a->type, b->type, &t))
		return no_operator(bn, at, op, a, b);
	if (t.type == STOA_NULL)
		t = stoa__type_plain(STOA_TEXT);
	a = stoa__coerce(bn, at, a, t);
	b = stoa__coerce(bn, at, b, t);
	return a && b ? stoa__bound_op(bn, at, STOA__CODE_COMPARE, op, stoa__type_plain(STOA_BOOL),
				       a, b) :
			NULL;
}

/* ~, ~*, !~, !~*: the operator is in the token. */
static struct stoa__bound *bind_match(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__bound *a, struct stoa__bound *b)
{
	bool fold = at->len && at->p[at->len - 1] == '*';
	struct stoa_value flags = stoa_bytes_value(STOA_TEXT, "i", fold);
	struct stoa__type text = stoa__type_plain(STOA_TEXT), truth = stoa__type_plain(STOA_BOOL);
	struct stoa__bound *args[3] = { stoa__coerce(bn, at, a, text), stoa__coerce(bn, at, b, text),
					stoa__bound_const(bn, at, text, &flags) };

	if (!args[0] || !args[1] || !args[2])
		return NULL;
	struct stoa__bound *r = stoa__bound_call(bn, at, &stoa__fn_regexp_like, truth, args, 3);
	if (!r || at->p[0] != '!')
		return r;
	return stoa__bound_op(bn, at, STOA__CODE_NOT, 0, truth, r, NULL);
}

static struct stoa__bound *bind_binary(struct stoa__binder *bn, const struct stoa__ast *n)
{
	struct stoa__bound *a = stoa__bind(bn, n->a), *b = stoa__bind(bn, n->b);

	if (!a || !b)
		return NULL;
	if (n->op == STOA__OP_MATCH)
		return bind_match(bn, &n->at, a, b);
	if (n->op == STOA__OP_CONCAT)
		return bind_concat(bn, &n->at, a, b);
	if (n->op >= STOA__OP_EQ && n->op <= STOA__OP_NOT_DISTINCT)
		return stoa__bind_compare(bn, &n->at, n->op, a, b);
	return bind_arith(bn, &n->at, n->op, a, b);
}

/* ---- logic ---------------------------------------------------------------------------------- */

static struct stoa__bound *as_condition(struct stoa__binder *bn, const struct stoa__token *at,
					struct stoa__bound *b, const char *what)
{
	if (!b)
		return NULL;
	if (b->literal || is_type(b, STOA_NULL))
		b = stoa__coerce(bn, at, b, stoa__type_plain(STOA_BOOL));
	if (b && !is_type(b, STOA_BOOL))
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

static struct stoa__bound *negate_if(struct stoa__binder *bn, const struct stoa__token *at,
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
	if (is_type(x, STOA__TYPE_INTERVAL))
		return stoa__bind_fail(bn, &n->at, STOA_EUNSUPPORTED,
				       "IS on an interval is not supported");
	if (n->op != STOA__IS_NULL)
		x = as_condition(bn, &n->at, x, "IS");
	if (n->op == STOA__IS_NULL || n->op == STOA__IS_UNKNOWN)
		return stoa__bound_op(bn, &n->at, STOA__CODE_IS_NULL, negated, t, x, NULL);
	return negate_if(bn, &n->at, negated,
			 stoa__bound_op(bn, &n->at, STOA__CODE_IS_TRUE, n->op == STOA__IS_FALSE, t,
					x, NULL));
}

static struct stoa__bound *both(struct stoa__binder *bn, const struct stoa__token *at, int kind,
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

	return negate_if(bn, &n->at, n->flags & STOA__AST_NOT_FLAG,
			 both(bn, &n->at, STOA__BOUND_AND, lo, hi));
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
		if (b->literal && !args[0]->literal && !is_type(args[0], STOA_NULL))
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

static struct stoa__bound *bind_in(struct stoa__binder *bn, const struct stoa__ast *n)
{
	uint32_t n_args = n->list->n + 1;
	struct stoa__bound **args = stoa__arena_array(bn->arena, n_args, sizeof(*args));
	struct stoa__bound *r = NULL;
	struct stoa__type t;
	bool all_const, any_null = false;

	if (!args)
		return out_of_memory(bn);
	args[0] = stoa__bind(bn, n->a);
	for (uint32_t i = 1; i < n_args; i++) {
		args[i] = stoa__bind(bn, n->list->items[i - 1]);
		any_null |= args[i] && stoa__bound_is_null(args[i]);
	}
	if (bn->rc < 0)
		return NULL;
	n_args = fit_constants(bn, &n->at, args, n_args, &all_const);
	if (!n_args || !stoa__unify(bn, &n->at, args, n_args, &t))
		return NULL;
	r = all_const && t.type != STOA_BOOL ? in_set(bn, &n->at, args, n_args) :
					       n_args > 1 ? in_any(bn, &n->at, args, n_args) :
							    in_set(bn, &n->at, args, n_args);
	if (any_null && all_const)	/* not found is not known */
		r = both(bn, &n->at, STOA__BOUND_OR, r,
			 stoa__bound_null(bn, &n->at, stoa__type_plain(STOA_BOOL)));
	return negate_if(bn, &n->at, n->flags & STOA__AST_NOT_FLAG, r);
}

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

/* ---- the walk ------------------------------------------------------------------------------- */

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
	case STOA__AST_UNARY: return bind_unary(bn, a);
	case STOA__AST_BINARY: return bind_binary(bn, a);
	case STOA__AST_AND:
	case STOA__AST_OR: return bind_logic(bn, a);
	case STOA__AST_NOT:
		return negate_if(bn, &a->at, true, stoa__bind_condition(bn, a->a, "NOT"));
	case STOA__AST_IS: return bind_is(bn, a);
	case STOA__AST_BETWEEN: return bind_between(bn, a);
	case STOA__AST_IN: return bind_in(bn, a);
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
