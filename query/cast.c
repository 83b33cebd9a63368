/* SPDX-License-Identifier: MIT */
/*
 * cast.c - conversion between types
 *
 * Two ways in: stoa__cast() for CAST, which may lose digits but never silently wraps, and
 * stoa__coerce() for what operators imply, which goes up the lattice of types.c only. Types of one
 * physical kind need no step: an i8 is an i64 to the machine, so only the label changes.
 */
#include <string.h>

#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "bind.h"
#include "func.h"
#include "prog.h"

static struct stoa__bound *refuse(struct stoa__binder *bn, const struct stoa__token *at,
				  const struct stoa__bound *b, struct stoa__type to)
{
	return stoa__bind_fail(bn, at, STOA_ETYPE, "%s cannot become %s",
			       stoa__type_text(b->type.type), stoa__type_text(to.type));
}

/* The same value under another type of the same physical kind. */
static struct stoa__bound *relabel(struct stoa__binder *bn, const struct stoa__bound *b,
				   struct stoa__type to)
{
	struct stoa__bound *copy = stoa__arena_alloc(bn->arena, sizeof *copy);

	if (!copy) {
		struct stoa__token at = stoa__bound_place(b);
		return stoa__bind_fail(bn, &at, STOA_ENOMEM, "out of memory");
	}
	*copy = *b;
	copy->type = to;
	copy->literal = false;
	if (copy->kind == STOA__BOUND_CONST && copy->value.type != STOA_NULL) {
		copy->value.type = to.type;
		copy->value.scale = to.scale;
	}
	return copy;
}

/* One step with a parameter. */
static struct stoa__bound *step(struct stoa__binder *bn, const struct stoa__token *at, int code,
				struct stoa__type to, struct stoa__bound *b, int64_t lo, int64_t hi)
{
	struct stoa__bound *node = stoa__bound_new(bn, STOA__BOUND_OP, at, to, 1);

	if (!node || !b)
		return NULL;
	node->code = (uint8_t)code;
	node->lo = lo;
	node->hi = hi;
	node->args[0] = b;
	node->may_fail = true;
	return stoa__bound_done(bn, node);
}

/* A quoted constant: read now, so that a bad one is an error of the statement. */
static struct stoa__bound *read_literal(struct stoa__binder *bn, const struct stoa__token *at,
					struct stoa__bound *b, struct stoa__type to)
{
	struct stoa__bound *r = stoa__bound_call(bn, at, &stoa__fn_from_text, to, &b, 1);

	if (!r || r->kind == STOA__BOUND_CONST)
		return r;
	return stoa__bind_fail(bn, at, STOA_ETYPE, "'%.*s' is no value of type %s",
			       (int)(b->value.len > 60 ? 60 : b->value.len), b->value.p,
			       stoa__type_text(to.type));
}

/* ---- to numbers ----------------------------------------------------------------------------- */

/* Keeps a decimal within its precision. */
static struct stoa__bound *limit_precision(struct stoa__binder *bn, const struct stoa__token *at,
					   struct stoa__bound *b, struct stoa__type to)
{
	int64_t max;

	if (to.precision >= STOA_DECIMAL_PRECISION_MAX || !b)
		return b;
	max = stoa__pow10[to.precision] - 1;
	return step(bn, at, STOA__CODE_CHECK_RANGE, to, b, -max, max);
}

static struct stoa__bound *to_i64(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound *b)
{
	struct stoa__type to = stoa__type_plain(STOA_I64);

	switch (stoa__type_normal(b->type).type) {
	case STOA_I64: return b;
	case STOA_U64: return step(bn, at, STOA__CODE_U64_TO_INT, to, b, 0, 0);
	case STOA_F64: return step(bn, at, STOA__CODE_F64_TO_INT, to, b, 0, 0);
	case STOA_BOOL: return step(bn, at, STOA__CODE_BOOL_TO_INT, to, b, 0, 0);
	case STOA_DECIMAL:
		if (b->type.scale == 0)
			return relabel(bn, b, to);
		return step(bn, at, STOA__CODE_SCALE_DOWN, to, b, b->type.scale, 0);
	default: return refuse(bn, at, b, to);
	}
}

static struct stoa__bound *to_int(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound *b, struct stoa__type to)
{
	int64_t min = 0, max = 0;

	if (b->type.type == to.type)
		return b;
	struct stoa__bound *x = to_i64(bn, at, b);
	if (!x || to.type == STOA_I64)
		return x && x->type.type != STOA_I64 ? relabel(bn, x, to) : x;
	if (to.type >= STOA_U8)
		max = (INT64_C(1) << (8 * stoa__type_width(to.type))) - 1;
	else
		stoa__type_range(to.type, 0, &min, &max);
	return step(bn, at, STOA__CODE_CHECK_RANGE, to, x, min, max);
}

static struct stoa__bound *to_u64(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound *b, struct stoa__type to)
{
	if (b->type.type == STOA_U64)
		return b;
	struct stoa__bound *x = to_i64(bn, at, b);
	return x ? step(bn, at, STOA__CODE_INT_TO_U64, to, x, 0, 0) : NULL;
}

static struct stoa__bound *to_f64(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound *b)
{
	struct stoa__type to = stoa__type_plain(STOA_F64);

	switch (stoa__type_normal(b->type).type) {
	case STOA_F64: return b;
	case STOA_U64: return step(bn, at, STOA__CODE_U64_TO_F64, to, b, 0, 0);
	case STOA_I64:
	case STOA_DECIMAL: return step(bn, at, STOA__CODE_INT_TO_F64, to, b, b->type.scale, 0);
	default: return refuse(bn, at, b, to);
	}
}

static struct stoa__bound *rescale(struct stoa__binder *bn, const struct stoa__token *at,
				   struct stoa__bound *b, struct stoa__type to)
{
	struct stoa__type full = stoa__type_decimal(to.scale);
	unsigned from = b->type.type == STOA_DECIMAL ? b->type.scale : 0;

	if (from < to.scale)
		b = step(bn, at, STOA__CODE_SCALE_UP, full, b, to.scale - from, 0);
	else if (from > to.scale)
		b = step(bn, at, STOA__CODE_SCALE_DOWN, full, b, from - to.scale, 0);
	else if (b->type.type != STOA_DECIMAL || b->type.precision > to.precision)
		b = relabel(bn, b, full);
	else
		return b;
	return limit_precision(bn, at, b, to);
}

static struct stoa__bound *to_decimal(struct stoa__binder *bn, const struct stoa__token *at,
				      struct stoa__bound *b, struct stoa__type to)
{
	switch (stoa__type_normal(b->type).type) {
	case STOA_DECIMAL:
	case STOA_I64: return rescale(bn, at, b, to);
	case STOA_U64:
	case STOA_BOOL: {
		struct stoa__bound *x = to_i64(bn, at, b);
		return x ? rescale(bn, at, x, to) : NULL;
	}
	case STOA_F64: {
		int64_t max = stoa__pow10[to.precision] - 1;
		struct stoa__bound *x = step(bn, at, STOA__CODE_F64_TO_INT,
					     stoa__type_decimal(to.scale), b, to.scale, 0);
		return x ? step(bn, at, STOA__CODE_CHECK_RANGE, to, x, -max, max) : NULL;
	}
	default: return refuse(bn, at, b, to);
	}
}

/* ---- to the rest ---------------------------------------------------------------------------- */

static struct stoa__bound *to_timestamp(struct stoa__binder *bn, const struct stoa__token *at,
					struct stoa__bound *b, struct stoa__type to)
{
	if (b->type.type != STOA_DATE)
		return refuse(bn, at, b, to);
	return step(bn, at, STOA__CODE_DATE_TO_TIMESTAMP, to, b, 0, 0);
}

static struct stoa__bound *to_date(struct stoa__binder *bn, const struct stoa__token *at,
				   struct stoa__bound *b, struct stoa__type to)
{
	if (b->type.type != STOA_TIMESTAMP)
		return refuse(bn, at, b, to);
	return step(bn, at, STOA__CODE_TIMESTAMP_TO_DATE, to, b, 0, 0);
}

static struct stoa__bound *to_bool(struct stoa__binder *bn, const struct stoa__token *at,
				   struct stoa__bound *b, struct stoa__type to)
{
	if (!stoa__type_is_int(b->type.type))
		return refuse(bn, at, b, to);
	return step(bn, at, STOA__CODE_INT_TO_BOOL, to, b, 0, 0);
}

static struct stoa__bound *to_f32(struct stoa__binder *bn, const struct stoa__token *at,
				  struct stoa__bound *b, struct stoa__type to)
{
	struct stoa__bound *x = b->type.type == STOA_F32 ? b : to_f64(bn, at, b);

	if (!x || b->type.type == STOA_F32)
		return x;
	return step(bn, at, STOA__CODE_F64_TO_F32, to, x, 0, 0);
}

static struct stoa__bound *from_text(struct stoa__binder *bn, const struct stoa__token *at,
				     struct stoa__bound *b, struct stoa__type to)
{
	if (stoa__type_is_text(to.type))
		return b;
	if (to.type == STOA_BLOB)	/* its bytes */
		return relabel(bn, b, to);
	if (b->literal)
		return read_literal(bn, at, b, to);
	return stoa__bound_call(bn, at, &stoa__fn_from_text, to, &b, 1);
}

struct stoa__bound *stoa__cast(struct stoa__binder *bn, const struct stoa__token *at,
			       struct stoa__bound *b, struct stoa__type to)
{
	if (!b)
		return NULL;
	if (b->type.type == STOA_NULL)
		return stoa__bound_null(bn, at, to);
	if (b->type.type == STOA__TYPE_INTERVAL)
		return refuse(bn, at, b, to);
	if (stoa__type_is_text(b->type.type))
		return from_text(bn, at, b, to);
	if (b->type.type == to.type && to.type != STOA_DECIMAL)
		return b;
	if (stoa__type_is_int(to.type))
		return to_int(bn, at, b, to);
	switch (to.type) {
	case STOA_U64: return to_u64(bn, at, b, to);
	case STOA_F64: return b->type.type == STOA_F32 ? relabel(bn, b, to) : to_f64(bn, at, b);
	case STOA_F32: return to_f32(bn, at, b, to);
	case STOA_DECIMAL: return to_decimal(bn, at, b, to);
	case STOA_TIMESTAMP: return to_timestamp(bn, at, b, to);
	case STOA_DATE: return to_date(bn, at, b, to);
	case STOA_BOOL: return to_bool(bn, at, b, to);
	case STOA_TEXT: return stoa__bound_call(bn, at, &stoa__fn_to_text, to, &b, 1);
	default: return refuse(bn, at, b, to);
	}
}

/* ---- assigned ------------------------------------------------------------------------------- */

static bool is_moment(unsigned type)
{
	return type == STOA_DATE || type == STOA_TIMESTAMP;
}

static bool assignable(const struct stoa__bound *b, unsigned to)
{
	unsigned from = b->type.type;

	return from == STOA_NULL || from == to || stoa__type_is_text(from) || stoa__type_is_text(to) ||
	       (stoa__type_is_number(from) && stoa__type_is_number(to)) ||
	       (is_moment(from) && is_moment(to));
}

struct stoa__bound *stoa__assign(struct stoa__binder *bn, const struct stoa__token *at,
				 struct stoa__bound *b, const struct stoa_slot *slot)
{
	struct stoa__type to = stoa__type_of_slot(slot);

	if (!b)
		return NULL;
	if (!assignable(b, to.type) || b->type.type == STOA__TYPE_INTERVAL)
		return stoa__bind_fail(bn, at, STOA_ETYPE,
				       "slot \"%s\" is of type %s, but this is %s: use CAST", slot->name,
				       stoa_type_name(to.type), stoa__type_text(b->type.type));
	if (stoa__type_is_text(to.type))
		to.type = STOA_TEXT;
	return stoa__cast(bn, at, b, to);
}

/* ---- implied -------------------------------------------------------------------------------- */

bool stoa__coercible(const struct stoa__bound *b, struct stoa__type to)
{
	struct stoa__type from = stoa__type_normal(b->type), common;

	to = stoa__type_normal(to);
	if (from.type == STOA_NULL)
		return true;
	if (from.type == STOA__TYPE_INTERVAL)
		return to.type == STOA__TYPE_INTERVAL;
	if (b->literal)
		return to.type != STOA__TYPE_INTERVAL;
	if (from.type == STOA_U64 && to.type == STOA_I64)
		return true;
	return stoa__type_common(from, to, &common) && common.type == to.type;
}

struct stoa__bound *stoa__coerce(struct stoa__binder *bn, const struct stoa__token *at,
				 struct stoa__bound *b, struct stoa__type to)
{
	if (!b)
		return NULL;
	to = stoa__type_normal(to);
	if (!stoa__coercible(b, to))
		return stoa__bind_fail(bn, at, STOA_ETYPE, "%s stands where %s is wanted: use CAST",
				       stoa__type_text(b->type.type), stoa__type_text(to.type));
	if (b->type.type != STOA_NULL && stoa__type_normal(b->type).type == to.type &&
	    (to.type != STOA_DECIMAL || b->type.scale == to.scale))
		return b;
	return stoa__cast(bn, at, b, to);
}

bool stoa__unify(struct stoa__binder *bn, const struct stoa__token *at, struct stoa__bound **args,
		 uint32_t n, struct stoa__type *type)
{
	struct stoa__type t = stoa__type_plain(STOA_NULL);
	bool any_literal = false;

	for (uint32_t i = 0; i < n; i++) {
		if (!args[i] || bn->rc < 0)
			return false;
		if (args[i]->literal) {
			any_literal = true;
			continue;
		}
		if (args[i]->type.type == STOA__TYPE_INTERVAL ||
		    !stoa__type_common(t, args[i]->type, &t)) {
			stoa__bind_fail(bn, at, STOA_ETYPE,
					"%s and %s have no type in common: use CAST",
					stoa__type_text(t.type),
					stoa__type_text(args[i]->type.type));
			return false;
		}
	}
	if (t.type == STOA_NULL && any_literal)
		t = stoa__type_plain(STOA_TEXT);
	*type = t;
	for (uint32_t i = 0; i < n && t.type != STOA_NULL; i++) {
		args[i] = stoa__coerce(bn, at, args[i], t);
		if (!args[i])
			return false;
	}
	return true;
}
