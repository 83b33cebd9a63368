/* SPDX-License-Identifier: MIT */
/*
 * func_number.c - functions of numbers, and conversions between values and text
 *
 * Functions of doubles raise an error where PostgreSQL does: outside of their domain, and when a
 * finite argument gives an infinite result. Decimals round half away from zero, doubles half to
 * even.
 */
#include <math.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "func.h"

#define UNUSED_NULLS (void)nulls; (void)null
#define BODY(name)                                                                             \
	static int name(struct stoa__call *call, const union stoa__datum *args,                \
			const bool *nulls, union stoa__datum *out, bool *null)

/* ---- doubles ------------------------------------------------------------------------------ */

static int result_f64(struct stoa__call *call, double x, double y, union stoa__datum *out)
{
	if (isinf(y) && !isinf(x))
		return stoa__call_fail(call, STOA_ERANGE, "the result of %s() is too large for f64",
				       call->node->fn->name);
	out->f = y;
	return STOA_OK;
}

static int domain_error(struct stoa__call *call, double x)
{
	return stoa__call_fail(call, STOA_ERANGE, "%s() of %g is not defined", call->node->fn->name,
			       x);
}

#define F64_FN(name, expr)                                                                     \
	BODY(name)                                                                             \
	{                                                                                      \
		double x = args[0].f;                                                          \
		UNUSED_NULLS;                                                                  \
		return result_f64(call, x, expr, out);                                         \
	}
#define F64_FN_DOMAIN(name, expr, fine)                                                        \
	BODY(name)                                                                             \
	{                                                                                      \
		double x = args[0].f;                                                          \
		UNUSED_NULLS;                                                                  \
		if (!isnan(x) && !(fine))                                                      \
			return domain_error(call, x);                                          \
		return result_f64(call, x, expr, out);                                         \
	}
F64_FN_DOMAIN(fn_sqrt, sqrt(x), x >= 0)
F64_FN_DOMAIN(fn_ln, log(x), x > 0)
F64_FN_DOMAIN(fn_log10, log10(x), x > 0)
F64_FN_DOMAIN(fn_log2, log2(x), x > 0)
F64_FN_DOMAIN(fn_asin, asin(x), x >= -1 && x <= 1)
F64_FN_DOMAIN(fn_acos, acos(x), x >= -1 && x <= 1)
F64_FN_DOMAIN(fn_sin, sin(x), !isinf(x))
F64_FN_DOMAIN(fn_cos, cos(x), !isinf(x))
F64_FN_DOMAIN(fn_tan, tan(x), !isinf(x))
F64_FN(fn_cbrt, cbrt(x))
F64_FN(fn_exp, exp(x))
F64_FN(fn_atan, atan(x))
F64_FN(fn_degrees, x * (180.0 / M_PI))
F64_FN(fn_radians, x * (M_PI / 180.0))
F64_FN(fn_sign, x > 0 ? 1.0 : x < 0 ? -1.0 : x)
F64_FN(fn_floor, floor(x))
F64_FN(fn_ceil, ceil(x))

BODY(fn_atan2)
{
	(void)call;
	UNUSED_NULLS;
	out->f = atan2(args[0].f, args[1].f);
	return STOA_OK;
}

BODY(fn_pi)
{
	(void)call;
	(void)args;
	UNUSED_NULLS;
	out->f = M_PI;
	return STOA_OK;
}

BODY(fn_pow)
{
	double x = args[0].f, y = args[1].f;

	UNUSED_NULLS;
	if (x == 0 && y < 0)
		return stoa__call_fail(call, STOA_EDIVZERO, "zero to a negative power");
	if (x < 0 && !isinf(x) && !isinf(y) && y != floor(y))
		return stoa__call_fail(call, STOA_ERANGE,
				       "a negative number to a power that is not whole");
	double z = pow(x, y);
	if (isinf(z) && !isinf(x) && !isinf(y))
		return stoa__call_fail(call, STOA_ERANGE, "the power is too large for f64");
	out->f = z;
	return STOA_OK;
}

/* x at @digits behind the point by @rounding; digits may be negative. */
static double at_digits(double x, int64_t digits, double (*rounding)(double))
{
	if (digits == 0)
		return rounding(x);
	if (digits > 300 || !isfinite(x))
		return x;
	if (digits < -300)
		return 0;
	double power = pow(10.0, (double)(digits < 0 ? -digits : digits));
	if (digits < 0)
		return rounding(x / power) * power;
	double scaled = x * power;
	return isfinite(scaled) ? rounding(scaled) / power : x;
}

BODY(fn_round_f64)
{
	(void)call;
	UNUSED_NULLS;
	out->f = at_digits(args[0].f, args[1].i, args[1].i ? round : rint);
	return STOA_OK;
}

BODY(fn_trunc_f64)
{
	(void)call;
	UNUSED_NULLS;
	out->f = at_digits(args[0].f, args[1].i, trunc);
	return STOA_OK;
}

/* ---- decimals ----------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

BODY(fn_floor_decimal)
{
	(void)call;
	UNUSED_NULLS;
	out->i = floor_div(args[0].i, stoa__pow10[call->node->args[0]->type.scale]);
	return STOA_OK;
}

BODY(fn_ceil_decimal)
{
	(void)call;
	UNUSED_NULLS;
	out->i = -floor_div(-args[0].i, stoa__pow10[call->node->args[0]->type.scale]);
	return STOA_OK;
}

BODY(fn_trunc_decimal)
{
	int64_t power = stoa__pow10[call->node->args[0]->type.scale - call->node->lo];

	UNUSED_NULLS;
	out->i = args[0].i / power * power;
	return STOA_OK;
}

/* ---- integers ----------------------------------------------------------------------------- */

static uint64_t magnitude(int64_t x)
{
	return x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
}

static uint64_t gcd_of(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t t = a % b;
		a = b;
		b = t;
	}
	return a;
}

static int put_magnitude(struct stoa__call *call, uint64_t x, union stoa__datum *out)
{
	if (x > INT64_MAX)
		return stoa__call_fail(call, STOA_ERANGE, "the result is too large for an integer");
	out->i = (int64_t)x;
	return STOA_OK;
}

BODY(fn_gcd)
{
	UNUSED_NULLS;
	return put_magnitude(call, gcd_of(magnitude(args[0].i), magnitude(args[1].i)), out);
}

BODY(fn_lcm)
{
	uint64_t a = magnitude(args[0].i), b = magnitude(args[1].i), gcd = gcd_of(a, b), all = 0;

	UNUSED_NULLS;
	if (gcd && __builtin_mul_overflow(a / gcd, b, &all))
		all = UINT64_MAX;
	return put_magnitude(call, all, out);
}

/* ---- greatest, least ---------------------------------------------------------------------- */

struct stoa_value stoa__datum_value(struct stoa__type t, union stoa__datum d)
{
	struct stoa_value v = { .type = t.type, .scale = t.scale };

	switch (stoa__type_family(t.type)) {
	case STOA__INT: v.i = d.i; break;
	case STOA__UINT: v.u = d.u; break;
	case STOA__FLOAT: v.f = d.f; break;
	case STOA__UUID:
		if (d.s.len == 16)
			memcpy(v.uuid, d.s.p, 16);
		break;
	case STOA__BYTES:
		v.p = d.s.p;
		v.len = d.s.len;
		break;
	}
	return v;
}

union stoa__datum stoa__value_datum(const struct stoa_value *v)
{
	union stoa__datum d = { .s = { NULL, 0 } };

	if (v->type == STOA_NULL)
		return d;
	switch (stoa__type_family(v->type)) {
	case STOA__INT: d.i = v->i; break;
	case STOA__UINT: d.u = v->u; break;
	case STOA__FLOAT: d.f = v->f; break;
	case STOA__UUID: d.s = (struct stoa_bytes){ (const char *)v->uuid, 16 }; break;
	case STOA__BYTES: d.s = (struct stoa_bytes){ v->p, v->len }; break;
	}
	return d;
}

/* The argument that is furthest in direction @sign; NULLs do not count. */
static int extreme(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		   int sign, union stoa__datum *out, bool *null)
{
	struct stoa__type t = call->node->type;

	*null = true;
	for (uint32_t i = 0; i < call->node->n_args; i++) {
		if (nulls[i])
			continue;
		struct stoa_value v = stoa__datum_value(t, args[i]);
		if (!*null) {
			struct stoa_value best = stoa__datum_value(t, *out);
			if (stoa__value_compare(&v, &best) * sign <= 0)
				continue;
		}
		*out = args[i];
		*null = false;
	}
	return STOA_OK;
}

BODY(fn_greatest)
{
	return extreme(call, args, nulls, 1, out, null);
}

BODY(fn_least)
{
	return extreme(call, args, nulls, -1, out, null);
}

/* ---- text --------------------------------------------------------------------------------- */

BODY(fn_to_text)
{
	struct stoa_value v = stoa__datum_value(call->node->args[0]->type, args[0]);
	char small[64];
	size_t len = stoa_value_print(&v, small, sizeof small);

	UNUSED_NULLS;
	char *p = stoa__call_room(call, len + 1);
	if (!p)
		return len + 1 > STOA_TEXT_MAX ? STOA_ERANGE : STOA_ENOMEM;
	if (len < sizeof small)
		memcpy(p, small, len);
	else
		stoa_value_print(&v, p, len + 1);
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

static struct stoa_bytes without_blanks(struct stoa_bytes s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n'))
		s = (struct stoa_bytes){ s.p + 1, s.len - 1 };
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t' || s.p[s.len - 1] == '\n'))
		s.len--;
	return s;
}

static int from_text_error(struct stoa__call *call, int rc, struct stoa_bytes s)
{
	return stoa__call_fail(call, rc, "'%.*s' %s %s", (int)(s.len > 80 ? 80 : s.len), s.p,
			       rc == STOA_ERANGE ? "does not fit" : "is not a value of type",
			       stoa_type_name((enum stoa_type)call->node->type.type));
}

/* Text to a decimal: digits beyond the scale are rounded away, as PostgreSQL does. */
static int decimal_from_text(struct stoa_bytes s, struct stoa__type t, int64_t *out)
{
	struct stoa_bytes kept = s;
	const char *point = s.len ? memchr(s.p, '.', s.len) : NULL;
	bool up = false;

	if (point && s.len - (size_t)(point - s.p) - 1 > t.scale) {
		const char *cut = point + 1 + t.scale;
		for (const char *c = cut; c < s.p + s.len; c++)
			if (*c < '0' || *c > '9')
				return STOA_ETYPE;
		up = *cut >= '5';
		kept.len = (uint32_t)(cut - s.p) - (t.scale == 0);
	}
	int rc = stoa__parse_decimal(kept.p, kept.len, t.scale, out);
	if (rc == STOA_OK && up)
		*out += s.p[0] == '-' ? -1 : 1;
	if (rc == STOA_OK &&
	    (*out >= stoa__pow10[t.precision] || *out <= -stoa__pow10[t.precision]))
		return STOA_ERANGE;
	return rc;
}

BODY(fn_from_text)
{
	struct stoa__type t = call->node->type;
	struct stoa_bytes s = without_blanks(args[0].s);
	struct stoa_value v;
	int rc;

	UNUSED_NULLS;
	if (t.type == STOA_DECIMAL) {
		rc = decimal_from_text(s, t, &out->i);
		return rc < 0 ? from_text_error(call, rc, s) : STOA_OK;
	}
	rc = stoa_value_parse((enum stoa_type)t.type, t.scale, s.p, s.len, &v, NULL);
	if (rc < 0)
		return from_text_error(call, rc, s);
	*out = stoa__value_datum(&v);
	if (t.type == STOA_UUID) {
		char *p = stoa__call_room(call, 16);
		if (!p)
			return STOA_ENOMEM;
		memcpy(p, v.uuid, 16);
		out->s.p = p;
	}
	return STOA_OK;
}

const struct stoa__fn stoa__fn_to_text = { "cast", "x", STOA_TEXT, STOA__FN_MAY_FAIL, fn_to_text };
const struct stoa__fn stoa__fn_from_text = { "cast", "t", STOA_NULL, STOA__FN_MAY_FAIL,
					     fn_from_text };
const struct stoa__fn stoa__fn_greatest = { "greatest", "", STOA_NULL, STOA__FN_LOOSE,
					    fn_greatest };
const struct stoa__fn stoa__fn_least = { "least", "", STOA_NULL, STOA__FN_LOOSE, fn_least };
const struct stoa__fn stoa__fn_power = { "power", "ff", STOA_F64, STOA__FN_MAY_FAIL, fn_pow };
const struct stoa__fn stoa__fn_round_f64 = { "round", "fi", STOA_F64, 0, fn_round_f64 };
const struct stoa__fn stoa__fn_trunc_f64 = { "trunc", "fi", STOA_F64, 0, fn_trunc_f64 };
const struct stoa__fn stoa__fn_floor_f64 = { "floor", "f", STOA_F64, 0, fn_floor };
const struct stoa__fn stoa__fn_ceil_f64 = { "ceil", "f", STOA_F64, 0, fn_ceil };
const struct stoa__fn stoa__fn_floor_decimal = { "floor", "", STOA_DECIMAL, 0, fn_floor_decimal };
const struct stoa__fn stoa__fn_ceil_decimal = { "ceil", "", STOA_DECIMAL, 0, fn_ceil_decimal };
const struct stoa__fn stoa__fn_trunc_decimal = { "trunc", "", STOA_DECIMAL, 0, fn_trunc_decimal };

const struct stoa__fn stoa__number_functions[] = {
	{ "sqrt", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_sqrt },
	{ "cbrt", "f", STOA_F64, 0, fn_cbrt },
	{ "exp", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_exp },
	{ "ln", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_ln },
	{ "log", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_log10 },
	{ "log10", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_log10 },
	{ "log2", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_log2 },
	{ "power", "ff", STOA_F64, STOA__FN_MAY_FAIL, fn_pow },
	{ "pow", "ff", STOA_F64, STOA__FN_MAY_FAIL, fn_pow },
	{ "sin", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_sin },
	{ "cos", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_cos },
	{ "tan", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_tan },
	{ "asin", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_asin },
	{ "acos", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_acos },
	{ "atan", "f", STOA_F64, 0, fn_atan },
	{ "atan2", "ff", STOA_F64, 0, fn_atan2 },
	{ "degrees", "f", STOA_F64, STOA__FN_MAY_FAIL, fn_degrees },
	{ "radians", "f", STOA_F64, 0, fn_radians },
	{ "pi", "", STOA_F64, 0, fn_pi },
	{ "sign", "f", STOA_F64, 0, fn_sign },
	{ "gcd", "ii", STOA_I64, STOA__FN_MAY_FAIL, fn_gcd },
	{ "lcm", "ii", STOA_I64, STOA__FN_MAY_FAIL, fn_lcm },
	{ NULL, NULL, 0, 0, NULL },
};
