/* SPDX-License-Identifier: MIT */
/*
 * steps.c - arithmetic, comparison and conversion of whole vectors
 *
 * Overflow without a test in the loop: every integer vector has a bound on its magnitude, in bits
 * (-2^bits <= x < 2^bits), worked out when first asked for by one pass that only ORs. Bounds add
 * up (a product's is the sum, and one), so one pass over each column usually proves a whole
 * expression safe, and the plain, vectorised loops run. Where the bound says nothing, a loop with
 * a test per row decides, and reports only rows that count: valid, and within the mask.
 *
 * Decimals have 18 digits: what passes 10^18 is an overflow too. Doubles: PostgreSQL's errors, so
 * an infinite result of finite operands is one.
 */
#include <math.h>
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "machine.h"

#define DECIMAL_LIMIT INT64_C(1000000000000000000)
#define DAY_MICROS INT64_C(86400000000)

static bool counts(const struct stoa__machine *m, const struct stoa__vec *v, size_t i)
{
	return stoa__machine_active(m, i) && stoa__bit_get(v->validity, i);
}

static size_t index_of(const struct stoa__vec *v, size_t i)
{
	return v->kind == STOA__VEC_CONST ? 0 : i;
}

/* Operand @constant flag of a loop. Both constant: @a is spread first. */
static int operands(struct stoa__machine *m, const struct stoa__step *s, unsigned *constant)
{
	STOA_TRY(stoa__machine_flatten(m, s->a));
	*constant = m->regs[s->b].v.kind == STOA__VEC_CONST ? 2 : 0;
	if (m->regs[s->b].v.kind == STOA__VEC_DICT)
		STOA_TRY(stoa__machine_flatten(m, s->b));
	return STOA_OK;
}

/* As operands(), leaving one constant side as it is. */
static int operands_either(struct stoa__machine *m, const struct stoa__step *s, unsigned *constant)
{
	if (m->regs[s->a].v.kind == STOA__VEC_CONST && m->regs[s->b].v.kind != STOA__VEC_CONST) {
		*constant = 1;
		return stoa__machine_flatten(m, s->b);
	}
	return operands(m, s, constant);
}

/* ---- integers ------------------------------------------------------------------------------- */

static unsigned bits_in(uint64_t magnitude)
{
	return magnitude ? 64 - (unsigned)__builtin_clzll(magnitude) : 1;
}

static unsigned measure(struct stoa__machine *m, struct stoa__reg *r)
{
	size_t n = r->v.kind == STOA__VEC_CONST ? 1 : m->n;

	r->bits = (uint8_t)bits_in(m->loops->magnitude(r->v.i64, n));
	return r->bits;
}

static unsigned bits_of(struct stoa__machine *m, struct stoa__reg *r)
{
	return r->bits ? r->bits : measure(m, r);
}

static unsigned bound(unsigned op, unsigned a, unsigned b)
{
	if (op == STOA__OP_MUL)
		return a + b + 1;
	return (a > b ? a : b) + 1;
}

static int overflow(struct stoa__machine *m, const struct stoa__bound *node)
{
	return stoa__machine_fail(
		m, node, STOA_ERANGE,
		node->type.type == STOA_DECIMAL ?
			"the result has more than 18 digits: cast an operand to f64" :
			"the result does not fit 64 bits: cast an operand to f64");
}

static bool wraps(unsigned op, int64_t x, int64_t y, int64_t *out)
{
	switch (op) {
	case STOA__OP_ADD: return __builtin_add_overflow(x, y, out);
	case STOA__OP_SUB: return __builtin_sub_overflow(x, y, out);
	default: return __builtin_mul_overflow(x, y, out);
	}
}

static int arith_checked(struct stoa__machine *m, const struct stoa__step *s, unsigned op,
			 const struct stoa__vec *a, const struct stoa__vec *b, struct stoa__reg *r)
{
	int64_t *out = (int64_t *)r->v.values;

	for (size_t i = 0; i < m->n; i++)
		if (wraps(op, a->i64[index_of(a, i)], b->i64[index_of(b, i)], &out[i]) &&
		    counts(m, &r->v, i))
			return overflow(m, s->node);
	r->bits = 0;
	return STOA_OK;
}

/* Has every value that counts at most 18 digits? */
static int check_digits(struct stoa__machine *m, const struct stoa__step *s, struct stoa__reg *r)
{
	if (s->node->type.type != STOA_DECIMAL || (r->bits && r->bits <= 59) || measure(m, r) <= 59)
		return STOA_OK;
	for (size_t i = 0; i < m->n; i++)
		if ((r->v.i64[i] >= DECIMAL_LIMIT || r->v.i64[i] <= -DECIMAL_LIMIT) &&
		    counts(m, &r->v, i))
			return overflow(m, s->node);
	return STOA_OK;
}

static int arith_i64(struct stoa__machine *m, const struct stoa__step *s, unsigned op,
		     struct stoa__reg *ra, struct stoa__reg *rb, unsigned constant,
		     struct stoa__reg *r)
{
	unsigned bits = bound(op, bits_of(m, ra), bits_of(m, rb));

	if (bits > 63)
		bits = bound(op, measure(m, ra), measure(m, rb));
	if (bits > 63) {
		STOA_TRY(arith_checked(m, s, op, &ra->v, &rb->v, r));
		return check_digits(m, s, r);
	}
	stoa__loop_i64 *loop = op == STOA__OP_ADD ? m->loops->add_i64 :
			       op == STOA__OP_SUB ? m->loops->sub_i64 :
						    m->loops->mul_i64;
	loop(ra->v.i64, rb->v.i64, constant, m->n, (int64_t *)r->v.values);
	r->bits = (uint8_t)bits;
	return check_digits(m, s, r);
}

/* Division and remainder: truncated, as in C. */
static int divide_i64(struct stoa__machine *m, const struct stoa__step *s, unsigned op,
		      const struct stoa__vec *a, const struct stoa__vec *b, struct stoa__reg *r)
{
	int64_t *out = (int64_t *)r->v.values;

	for (size_t i = 0; i < m->n; i++) {
		int64_t x = a->i64[index_of(a, i)], y = b->i64[index_of(b, i)];
		out[i] = 0;
		if (y == 0) {
			if (counts(m, &r->v, i))
				return stoa__machine_fail(m, s->node, STOA_EDIVZERO,
							  "division by zero");
		} else if (y == -1) {
			if (op == STOA__OP_DIV && __builtin_sub_overflow(0, x, &out[i]) &&
			    counts(m, &r->v, i))
				return overflow(m, s->node);
		} else {
			out[i] = op == STOA__OP_DIV ? x / y : x % y;
		}
	}
	return STOA_OK;
}

/* ---- doubles -------------------------------------------------------------------------------- */

static int check_f64(struct stoa__machine *m, const struct stoa__step *s, const struct stoa__vec *a,
		     const struct stoa__vec *b, const struct stoa__vec *r)
{
	if (!m->loops->any_infinite(r->f64, m->n))
		return STOA_OK;
	for (size_t i = 0; i < m->n; i++)
		if (isinf(r->f64[i]) && !isinf(a->f64[index_of(a, i)]) &&
		    !isinf(b->f64[index_of(b, i)]) && counts(m, r, i))
			return stoa__machine_fail(m, s->node, STOA_ERANGE,
						  "the result is too large for f64");
	return STOA_OK;
}

static int check_divisor(struct stoa__machine *m, const struct stoa__step *s,
			 const struct stoa__vec *b, const struct stoa__vec *r)
{
	for (size_t i = 0; i < m->n; i++)
		if (b->f64[index_of(b, i)] == 0 && counts(m, r, i))
			return stoa__machine_fail(m, s->node, STOA_EDIVZERO, "division by zero");
	return STOA_OK;
}

static int arith_f64(struct stoa__machine *m, const struct stoa__step *s, unsigned op,
		     unsigned constant, struct stoa__reg *r)
{
	const struct stoa__vec *a = &m->regs[s->a].v, *b = &m->regs[s->b].v;
	double *out = (double *)r->v.values;

	switch (op) {
	case STOA__OP_ADD: m->loops->add_f64(a->f64, b->f64, constant, m->n, out); break;
	case STOA__OP_SUB: m->loops->sub_f64(a->f64, b->f64, constant, m->n, out); break;
	case STOA__OP_MUL: m->loops->mul_f64(a->f64, b->f64, constant, m->n, out); break;
	case STOA__OP_DIV:
		STOA_TRY(check_divisor(m, s, b, &r->v));
		m->loops->div_f64(a->f64, b->f64, constant, m->n, out);
		break;
	default:
		STOA_TRY(check_divisor(m, s, b, &r->v));
		for (size_t i = 0; i < m->n; i++)
			out[i] = fmod(a->f64[index_of(a, i)], b->f64[index_of(b, i)]);
		return STOA_OK;
	}
	return check_f64(m, s, a, b, &r->v);
}

static int op_arith(struct stoa__machine *m, const struct stoa__step *s)
{
	unsigned constant, op = s->node->op;

	STOA_TRY(operands_either(m, s, &constant));
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, s->b);
	if (!r)
		return STOA_ENOMEM;
	if (r->v.phys == STOA__PHYS_F64)
		return arith_f64(m, s, op, constant, r);
	if (op == STOA__OP_DIV || op == STOA__OP_MOD)
		return divide_i64(m, s, op, &m->regs[s->a].v, &m->regs[s->b].v, r);
	return arith_i64(m, s, op, &m->regs[s->a], &m->regs[s->b], constant, r);
}

static int op_negate(struct stoa__machine *m, const struct stoa__step *s)
{
	bool absolute = s->node->code == STOA__CODE_ABS;

	STOA_TRY(stoa__machine_flatten(m, s->a));
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, STOA__NO_REG);
	if (!r)
		return STOA_ENOMEM;
	const struct stoa__vec *a = &m->regs[s->a].v;
	if (r->v.phys == STOA__PHYS_F64) {
		double *out = (double *)r->v.values;
		for (size_t i = 0; i < m->n; i++)
			out[i] = absolute ? fabs(a->f64[i]) : -a->f64[i];
		return STOA_OK;
	}
	int64_t *out = (int64_t *)r->v.values;
	for (size_t i = 0; i < m->n; i++) {
		int64_t x = a->i64[i];
		if (absolute && x >= 0)
			out[i] = x;
		else if (__builtin_sub_overflow(0, x, &out[i]) && counts(m, &r->v, i))
			return overflow(m, s->node);
	}
	return STOA_OK;
}

/* ---- comparisons ---------------------------------------------------------------------------- */

int stoa__compare_bytes(struct stoa_bytes a, struct stoa_bytes b)
{
	uint32_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c == 0)
		return (a.len > b.len) - (a.len < b.len);
	return c < 0 ? -1 : 1;
}

static bool holds(unsigned op, int c)
{
	switch (op) {
	case STOA__OP_EQ: return c == 0;
	case STOA__OP_NE: return c != 0;
	case STOA__OP_LT: return c < 0;
	case STOA__OP_LE: return c <= 0;
	case STOA__OP_GT: return c > 0;
	default: return c >= 0;
	}
}

static bool equal_bytes(struct stoa_bytes a, struct stoa_bytes b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

static void compare_rows_bytes(const struct stoa__machine *m, unsigned op,
			       const struct stoa__vec *a, const struct stoa__vec *b, uint8_t *out)
{
	for (size_t i = 0; i < m->n; i++) {
		struct stoa_bytes x = a->bytes[index_of(a, i)], y = b->bytes[index_of(b, i)];
		if (!stoa__machine_active(m, i))
			out[i] = 0;
		else if (op <= STOA__OP_NE && op >= STOA__OP_EQ)
			out[i] = equal_bytes(x, y) == (op == STOA__OP_EQ);
		else
			out[i] = holds(op, stoa__compare_bytes(x, y));
	}
}

static void compare_rows_bool(const struct stoa__machine *m, unsigned op,
			      const struct stoa__vec *a, const struct stoa__vec *b, uint8_t *out)
{
	const uint8_t *x = a->values, *y = b->values;

	for (size_t i = 0; i < m->n; i++)
		out[i] = holds(op, x[index_of(a, i)] - y[index_of(b, i)]);
}

static void compare(const struct stoa__machine *m, unsigned op, const struct stoa__vec *a,
		    const struct stoa__vec *b, unsigned constant, uint8_t *out)
{
	unsigned k = op - STOA__OP_EQ;

	switch (a->phys) {
	case STOA__PHYS_I64: m->loops->compare_i64[k](a->i64, b->i64, constant, m->n, out); break;
	case STOA__PHYS_U64: m->loops->compare_u64[k](a->u64, b->u64, constant, m->n, out); break;
	case STOA__PHYS_F64: m->loops->compare_f64[k](a->f64, b->f64, constant, m->n, out); break;
	case STOA__PHYS_BYTES: compare_rows_bytes(m, op, a, b, out); break;
	default: compare_rows_bool(m, op, a, b, out); break;
	}
}

/* IS [NOT] DISTINCT FROM: NULL is a value like any other, so the answer is never NULL. */
static void distinct(const struct stoa__machine *m, bool negated, const struct stoa__vec *a,
		     const struct stoa__vec *b, uint8_t *equal)
{
	for (size_t i = 0; i < m->n; i++) {
		bool va = stoa__bit_get(a->validity, i), vb = stoa__bit_get(b->validity, i);
		bool same = va == vb && (!va || equal[i]);
		equal[i] = same == negated;
	}
}

static int op_compare(struct stoa__machine *m, const struct stoa__step *s)
{
	unsigned constant, op = s->node->op;
	bool is_distinct = op == STOA__OP_DISTINCT || op == STOA__OP_NOT_DISTINCT;

	STOA_TRY(operands_either(m, s, &constant));
	struct stoa__reg *r = stoa__machine_result(m, s, is_distinct ? STOA__NO_REG : s->a,
						   is_distinct ? STOA__NO_REG : s->b);
	if (!r)
		return STOA_ENOMEM;
	const struct stoa__vec *a = &m->regs[s->a].v, *b = &m->regs[s->b].v;
	uint8_t *out = (uint8_t *)r->v.values;
	compare(m, is_distinct ? STOA__OP_EQ : op, a, b, constant, out);
	if (is_distinct)
		distinct(m, op == STOA__OP_NOT_DISTINCT, a, b, out);
	stoa__machine_clear_nulls(m, &r->v);
	return STOA_OK;
}

static int op_range(struct stoa__machine *m, const struct stoa__step *s)
{
	STOA_TRY(stoa__machine_flatten(m, s->a));
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, STOA__NO_REG);
	if (!r)
		return STOA_ENOMEM;
	uint64_t span = (uint64_t)s->node->hi - (uint64_t)s->node->lo;
	uint8_t *out = (uint8_t *)r->v.values;
	if (s->node->hi < s->node->lo)
		memset(out, 0, m->n);
	else
		m->loops->range_i64(m->regs[s->a].v.i64, s->node->lo, span, m->n, out);
	stoa__machine_clear_nulls(m, &r->v);
	return STOA_OK;
}

/* ---- truth ---------------------------------------------------------------------------------- */

static int op_not(struct stoa__machine *m, const struct stoa__step *s)
{
	STOA_TRY(stoa__machine_flatten(m, s->a));
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, STOA__NO_REG);
	if (!r)
		return STOA_ENOMEM;
	m->loops->not_bytes(m->regs[s->a].v.values, m->n, (uint8_t *)r->v.values);
	stoa__machine_clear_nulls(m, &r->v);
	return STOA_OK;
}

static int op_is_null(struct stoa__machine *m, const struct stoa__step *s)
{
	struct stoa__reg *r = stoa__machine_result(m, s, STOA__NO_REG, STOA__NO_REG);
	const uint64_t *valid = m->regs[s->a].v.validity;

	if (!r)
		return STOA_ENOMEM;
	uint8_t *out = (uint8_t *)r->v.values;
	if (valid)
		m->loops->unpack_bits(valid, m->n, out);
	else
		memset(out, 1, m->n);
	if (s->node->op == 0)
		m->loops->not_bytes(out, m->n, out);
	return STOA_OK;
}

/* IS TRUE is the byte itself; IS FALSE is a valid 0. */
static int op_is_true(struct stoa__machine *m, const struct stoa__step *s)
{
	STOA_TRY(stoa__machine_flatten(m, s->a));
	struct stoa__reg *r = stoa__machine_result(m, s, STOA__NO_REG, STOA__NO_REG);
	if (!r)
		return STOA_ENOMEM;
	const struct stoa__vec *a = &m->regs[s->a].v;
	uint8_t *out = (uint8_t *)r->v.values;
	const uint8_t *bytes = a->values;
	for (size_t i = 0; i < m->n; i++)
		out[i] = s->node->op ? !bytes[i] && stoa__bit_get(a->validity, i) : bytes[i];
	return STOA_OK;
}

/* ---- conversions ---------------------------------------------------------------------------- */

static int range_error(struct stoa__machine *m, const struct stoa__bound *node)
{
	char words[80] = "the value does not fit ";

	strncat(words, stoa_type_name((enum stoa_type)node->type.type), 40);
	return stoa__machine_fail(m, node, STOA_ERANGE, words);
}

static void int_to_f64(const struct stoa__machine *m, const struct stoa__step *s,
		       const struct stoa__vec *a, double *out)
{
	double power = (double)stoa__pow10[s->node->lo];

	if (s->node->lo == 0)
		for (size_t i = 0; i < m->n; i++)
			out[i] = (double)a->i64[i];
	else
		for (size_t i = 0; i < m->n; i++)
			out[i] = (double)a->i64[i] / power;
}

static int f64_to_int(struct stoa__machine *m, const struct stoa__step *s,
		      const struct stoa__vec *a, struct stoa__reg *r)
{
	int64_t *out = (int64_t *)r->v.values;
	double power = (double)stoa__pow10[s->node->lo];

	for (size_t i = 0; i < m->n; i++) {
		double x = s->node->lo ? round(a->f64[i] * power) : rint(a->f64[i]);
		if (x >= -0x1p63 && x < 0x1p63) {
			out[i] = (int64_t)x;
			continue;
		}
		out[i] = 0;
		if (counts(m, &r->v, i))
			return range_error(m, s->node);
	}
	return STOA_OK;
}

static int f64_to_f32(struct stoa__machine *m, const struct stoa__step *s,
		      const struct stoa__vec *a, struct stoa__reg *r)
{
	double *out = (double *)r->v.values;

	for (size_t i = 0; i < m->n; i++) {
		out[i] = (double)(float)a->f64[i];
		if (isinf(out[i]) && !isinf(a->f64[i]) && counts(m, &r->v, i))
			return range_error(m, s->node);
	}
	return STOA_OK;
}

static void scale_down(const struct stoa__machine *m, const struct stoa__step *s,
		       const struct stoa__vec *a, int64_t *out)
{
	int64_t power = stoa__pow10[s->node->lo];

	for (size_t i = 0; i < m->n; i++) {
		int64_t x = a->i64[i], q = x / power, rest = x % power;
		out[i] = q + (rest >= power - rest) - (-rest >= power + rest);
	}
}

static int check_range(struct stoa__machine *m, const struct stoa__step *s,
		       const struct stoa__vec *a, struct stoa__reg *r)
{
	int64_t lo = s->node->lo, hi = s->node->hi;

	memcpy((void *)r->v.values, a->values, m->n * 8);
	m->loops->range_i64(a->i64, lo, (uint64_t)hi - (uint64_t)lo, m->n, m->scratch);
	if (m->loops->count_bytes(m->scratch, m->n) == m->n)
		return STOA_OK;
	for (size_t i = 0; i < m->n; i++)
		if (!m->scratch[i] && counts(m, &r->v, i))
			return range_error(m, s->node);
	return STOA_OK;
}

/* The top bit says that a u64 does not fit i64, or the other way round. */
static int check_sign(struct stoa__machine *m, const struct stoa__step *s,
		      const struct stoa__vec *a, struct stoa__reg *r)
{
	memcpy((void *)r->v.values, a->values, m->n * 8);
	for (size_t i = 0; i < m->n; i++)
		if (a->i64[i] < 0 && counts(m, &r->v, i))
			return range_error(m, s->node);
	return STOA_OK;
}

static int by_constant(struct stoa__machine *m, const struct stoa__step *s, int64_t factor,
		       struct stoa__reg *r)
{
	struct stoa__reg c = { 0 };

	c.v.kind = STOA__VEC_CONST;
	c.v.values = &factor;
	return arith_i64(m, s, STOA__OP_MUL, &m->regs[s->a], &c, 2, r);
}

static int convert(struct stoa__machine *m, const struct stoa__step *s, struct stoa__reg *r)
{
	const struct stoa__vec *a = &m->regs[s->a].v;
	void *out = (void *)r->v.values;

	switch ((enum stoa__code)s->node->code) {
	case STOA__CODE_INT_TO_F64: int_to_f64(m, s, a, out); return STOA_OK;
	case STOA__CODE_F64_TO_INT: return f64_to_int(m, s, a, r);
	case STOA__CODE_F64_TO_F32: return f64_to_f32(m, s, a, r);
	case STOA__CODE_SCALE_UP: return by_constant(m, s, stoa__pow10[s->node->lo], r);
	case STOA__CODE_SCALE_DOWN: scale_down(m, s, a, out); return STOA_OK;
	case STOA__CODE_CHECK_RANGE: return check_range(m, s, a, r);
	case STOA__CODE_U64_TO_INT:
	case STOA__CODE_INT_TO_U64: return check_sign(m, s, a, r);
	case STOA__CODE_DATE_TO_TIMESTAMP: return by_constant(m, s, DAY_MICROS, r);
	case STOA__CODE_U64_TO_F64:
		for (size_t i = 0; i < m->n; i++)
			((double *)out)[i] = (double)a->u64[i];
		return STOA_OK;
	case STOA__CODE_BOOL_TO_INT:
		for (size_t i = 0; i < m->n; i++)
			((int64_t *)out)[i] = ((const uint8_t *)a->values)[i];
		return STOA_OK;
	case STOA__CODE_INT_TO_BOOL:
		for (size_t i = 0; i < m->n; i++)
			((uint8_t *)out)[i] = a->i64[i] != 0;
		stoa__machine_clear_nulls(m, &r->v);
		return STOA_OK;
	case STOA__CODE_TIMESTAMP_TO_DATE:
		for (size_t i = 0; i < m->n; i++)
			((int64_t *)out)[i] = a->i64[i] / DAY_MICROS - (a->i64[i] % DAY_MICROS < 0);
		return STOA_OK;
	default: return stoa__fail(m->err, STOA_EINVAL, "unknown step %u", s->node->code);
	}
}

static int op_convert(struct stoa__machine *m, const struct stoa__step *s)
{
	STOA_TRY(stoa__machine_flatten(m, s->a));
	struct stoa__reg *r = stoa__machine_result(m, s, s->a, STOA__NO_REG);
	if (!r)
		return STOA_ENOMEM;
	return convert(m, s, r);
}

int stoa__step_op(struct stoa__machine *m, const struct stoa__step *s)
{
	switch ((enum stoa__code)s->node->code) {
	case STOA__CODE_ARITH: return op_arith(m, s);
	case STOA__CODE_NEG:
	case STOA__CODE_ABS: return op_negate(m, s);
	case STOA__CODE_COMPARE: return op_compare(m, s);
	case STOA__CODE_RANGE: return op_range(m, s);
	case STOA__CODE_NOT: return op_not(m, s);
	case STOA__CODE_IS_NULL: return op_is_null(m, s);
	case STOA__CODE_IS_TRUE: return op_is_true(m, s);
	default: return op_convert(m, s);
	}
}
