/* SPDX-License-Identifier: MIT */
/*
 * bind_call.c - functions by name, CASE and its kin
 *
 * Functions with one signature per number of arguments are rows of the tables in func_*.c; what
 * depends on the type of an argument (round, abs, greatest ...) has a few lines here.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "bind.h"
#include "func.h"

/* ---- CASE, COALESCE, NULLIF ----------------------------------------------------------------- */

/* The values of a CASE, which lie at every second place and the last, to one type. */
static bool unify_case(struct stoa__binder *bn, const struct stoa__token *at, struct stoa__bound *b)
{
	uint32_t n = b->n_args / 2 + 1;
	struct stoa__bound **values = stoa__arena_array(bn->arena, n, sizeof(*values));

	if (!values) {
		stoa__bind_fail(bn, at, STOA_ENOMEM, "out of memory");
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		values[i] = b->args[i + 1 < n ? 2 * i + 1 : b->n_args - 1];
	if (!stoa__unify(bn, at, values, n, &b->type))
		return false;
	for (uint32_t i = 0; i < n; i++)
		b->args[i + 1 < n ? 2 * i + 1 : b->n_args - 1] = values[i];
	return true;
}

struct stoa__bound *stoa__bind_case(struct stoa__binder *bn, const struct stoa__ast *a)
{
	uint32_t n_when = a->list->n / 2;
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CASE, &a->at,
						stoa__type_plain(STOA_NULL), 2 * n_when + 1);

	for (uint32_t i = 0; b && i < n_when; i++) {
		const struct stoa__ast *when = a->list->items[2 * i];
		/* The operand is bound anew for each: a literal may take another type each time. */
		b->args[2 * i] = a->a ? stoa__bind_compare(bn, &when->at, STOA__OP_EQ,
							   stoa__bind(bn, a->a),
							   stoa__bind(bn, when)) :
					stoa__bind_condition(bn, when, "WHEN");
		b->args[2 * i + 1] = stoa__bind(bn, a->list->items[2 * i + 1]);
	}
	if (!b)
		return NULL;
	b->args[2 * n_when] = a->b ? stoa__bind(bn, a->b) :
				     stoa__bound_null(bn, &a->at, stoa__type_plain(STOA_NULL));
	if (bn->rc < 0 || !unify_case(bn, &a->at, b))
		return NULL;
	return stoa__bound_done(bn, b);
}

static struct stoa__bound *bind_coalesce(struct stoa__binder *bn, const struct stoa__ast *a,
					 struct stoa__bound **args, uint32_t n)
{
	struct stoa__bound *b =
		stoa__bound_new(bn, STOA__BOUND_COALESCE, &a->at, stoa__type_plain(STOA_NULL), n);

	if (!b)
		return NULL;
	memcpy(b->args, args, n * sizeof(*args));
	if (!stoa__unify(bn, &a->at, b->args, n, &b->type))
		return NULL;
	return stoa__bound_done(bn, b);
}

static struct stoa__bound *bind_nullif(struct stoa__binder *bn, const struct stoa__ast *a,
				       struct stoa__bound **args, uint32_t n)
{
	struct stoa__bound *b =
		stoa__bound_new(bn, STOA__BOUND_CASE, &a->at, stoa__type_normal(args[0]->type), 3);

	(void)n;
	if (!b)
		return NULL;
	b->args[0] = stoa__bind_compare(bn, &a->at, STOA__OP_EQ, args[0], args[1]);
	b->args[1] = stoa__bound_null(bn, &a->at, b->type);
	b->args[2] = args[0];
	return stoa__bound_done(bn, b);
}

/* ---- functions of several types -------------------------------------------------------------- */

static struct stoa__bound *bind_extreme(struct stoa__binder *bn, const struct stoa__ast *a,
					struct stoa__bound **args, uint32_t n)
{
	struct stoa__type t;

	if (!stoa__unify(bn, &a->at, args, n, &t))
		return NULL;
	return stoa__bound_call(bn, &a->at,
				stoa__same_name(a->text, "greatest") ? &stoa__fn_greatest : &stoa__fn_least,
				t, args, n);
}

struct stoa__bound *stoa__bind_number(struct stoa__binder *bn, const struct stoa__ast *a,
				      struct stoa__bound *x)
{
	struct stoa__type t = stoa__type_normal(x->type);

	if (x->literal || t.type == STOA_NULL)
		t = stoa__type_plain(STOA_F64);
	if (t.type == STOA_U64)
		t = stoa__type_plain(STOA_I64);
	if (!stoa__type_is_number(t.type))
		return stoa__bind_fail(bn, &a->at, STOA_ETYPE, "%.*s() wants a number, not %s",
				       stoa__shown(a->text.len), a->text.p, stoa__type_text(t.type));
	return stoa__coerce(bn, &a->at, x, t);
}

static struct stoa__bound *bind_abs(struct stoa__binder *bn, const struct stoa__ast *a,
				    struct stoa__bound **args, uint32_t n)
{
	struct stoa__bound *x = stoa__bind_number(bn, a, args[0]);

	(void)n;
	if (!x)
		return NULL;
	return stoa__bound_op(bn, &a->at, STOA__CODE_ABS, 0, stoa__type_normal(x->type), x, NULL);
}

static struct stoa__bound *bind_mod(struct stoa__binder *bn, const struct stoa__ast *a,
				    struct stoa__bound **args, uint32_t n)
{
	struct stoa__type t;

	if (!stoa__unify(bn, &a->at, args, n, &t) || !stoa__bind_number(bn, a, args[0]))
		return NULL;
	if (t.type == STOA_U64 || t.type == STOA_NULL)
		t = stoa__type_plain(STOA_I64);
	args[0] = stoa__coerce(bn, &a->at, args[0], t);
	args[1] = stoa__coerce(bn, &a->at, args[1], t);
	return stoa__bound_op(bn, &a->at, STOA__CODE_ARITH, STOA__OP_MOD, t, args[0], args[1]);
}

/*
 * floor and ceil: of integers nothing to do, of decimals a decimal without digits behind the
 * point.
 */
static struct stoa__bound *bind_floor(struct stoa__binder *bn, const struct stoa__ast *a,
				      struct stoa__bound **args, uint32_t n)
{
	bool up = !stoa__same_name(a->text, "floor");
	struct stoa__bound *x = stoa__bind_number(bn, a, args[0]);

	(void)n;
	if (!x || stoa__type_is_int(x->type.type))
		return x;
	if (x->type.type == STOA_DECIMAL)
		return stoa__bound_call(bn, &a->at,
					up ? &stoa__fn_ceil_decimal : &stoa__fn_floor_decimal,
					stoa__type_decimal(0), &x, 1);
	return stoa__bound_call(bn, &a->at, up ? &stoa__fn_ceil_f64 : &stoa__fn_floor_f64,
				stoa__type_plain(STOA_F64), &x, 1);
}

/* round(decimal, digits): digits must be known, for they make the type. */
static struct stoa__bound *round_decimal(struct stoa__binder *bn, const struct stoa__ast *a,
					 struct stoa__bound *x, const struct stoa__bound *digits)
{
	if (stoa__bound_is_null(digits))	/* a parameter that is not bound yet, too */
		return stoa__bound_null(bn, &a->at, x->type);
	if (digits->kind != STOA__BOUND_CONST || digits->value.type != STOA_I64 ||
	    digits->value.i < 0 || digits->value.i > STOA_DECIMAL_PRECISION_MAX)
		return stoa__bind_fail(
			bn, &a->at, STOA_EUNSUPPORTED,
			"%.*s() of a decimal wants a constant number of digits, 0 to 18: "
			"cast it to f64",
			stoa__shown(a->text.len), a->text.p);
	unsigned scale = (unsigned)digits->value.i;
	if (stoa__same_name(a->text, "round"))
		return stoa__cast(bn, &a->at, x, stoa__type_decimal(scale));
	if (scale >= x->type.scale)
		return x;
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CALL, &a->at, x->type, 1);
	if (!b)
		return NULL;
	b->fn = &stoa__fn_trunc_decimal;
	b->lo = scale;
	b->args[0] = x;
	b = stoa__bound_done(bn, b);
	return b ? stoa__cast(bn, &a->at, b, stoa__type_decimal(scale)) : NULL;
}

static struct stoa__bound *bind_round(struct stoa__binder *bn, const struct stoa__ast *a,
				      struct stoa__bound **args, uint32_t n)
{
	struct stoa_value zero = stoa_i64(0);
	struct stoa__type i64 = stoa__type_plain(STOA_I64);
	struct stoa__bound *x = stoa__bind_number(bn, a, args[0]);
	struct stoa__bound *digits = n > 1 ? stoa__coerce(bn, &a->at, args[1], i64) :
					     stoa__bound_const(bn, &a->at, i64, &zero);

	if (!x || !digits)
		return NULL;
	if (x->type.type == STOA_DECIMAL)
		return round_decimal(bn, a, x, digits);
	if (stoa__type_is_int(x->type.type) && n == 1)
		return x;
	struct stoa__bound *both[2] = { stoa__coerce(bn, &a->at, x, stoa__type_plain(STOA_F64)),
					digits };
	return stoa__bound_call(bn, &a->at,
				stoa__same_name(a->text, "round") ? &stoa__fn_round_f64 : &stoa__fn_trunc_f64,
				stoa__type_plain(STOA_F64), both, 2);
}

/* ---- time ----------------------------------------------------------------------------------- */

struct stoa__bound *stoa__bind_now(struct stoa__binder *bn, const struct stoa__token *at,
				   unsigned type)
{
	struct stoa_value v = { .type = STOA_TIMESTAMP };
	struct timespec ts;

	if (!bn->now) {		/* one instant for the whole statement */
		clock_gettime(CLOCK_REALTIME, &ts);
		bn->now = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	}
	v.i = bn->now;
	if (type == STOA_DATE) {
		v.type = STOA_DATE;
		v.i /= INT64_C(86400000000);
	}
	return stoa__bound_const(bn, at, stoa__type_plain(type), &v);
}

static struct stoa__type extract_type(int field)
{
	switch (field) {
	case STOA__FIELD_SECOND:
	case STOA__FIELD_EPOCH: return stoa__type_decimal(6);
	case STOA__FIELD_MILLISECOND: return stoa__type_decimal(3);
	default: return stoa__type_plain(STOA_I64);
	}
}

static struct stoa__bound *extract(struct stoa__binder *bn, const struct stoa__token *at,
				   struct stoa_bytes name, struct stoa__bound *x)
{
	int field = stoa__field_named(name.p, name.len);

	if (!x)
		return NULL;
	if (field < 0)
		return stoa__bind_fail(bn, at, STOA_EINVAL,
				       "there is no field '%.*s' of a timestamp", stoa__shown(name.len),
				       name.p);
	bool clock = field == STOA__FIELD_HOUR || field == STOA__FIELD_MINUTE ||
		     field == STOA__FIELD_SECOND || field >= STOA__FIELD_EPOCH;
	if (x->type.type == STOA_TIME && (!clock || field > STOA__FIELD_MICROSECOND))
		return stoa__bind_fail(bn, at, STOA_ETYPE, "a time has no field '%.*s'",
				       stoa__shown(name.len), name.p);
	if (x->type.type != STOA_TIME)
		x = stoa__coerce(bn, at, x, stoa__type_plain(STOA_TIMESTAMP));
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CALL, at, extract_type(field), 1);
	if (!x || !b)
		return NULL;
	b->fn = &stoa__fn_extract;
	b->lo = field;
	b->args[0] = x;
	return stoa__bound_done(bn, b);
}

struct stoa__bound *stoa__bind_extract(struct stoa__binder *bn, const struct stoa__ast *a)
{
	return extract(bn, &a->at, a->text, stoa__bind(bn, a->a));
}

static bool constant_text(struct stoa__binder *bn, const struct stoa__ast *a,
			  const struct stoa__bound *b, struct stoa_bytes *out)
{
	if (b->kind != STOA__BOUND_CONST || !stoa__type_is_text(b->type.type) ||
	    b->value.type == STOA_NULL) {
		stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
				"%.*s() wants the name of a field as a constant, such as 'month'",
				stoa__shown(a->text.len), a->text.p);
		return false;
	}
	*out = (struct stoa_bytes){ b->value.p, b->value.len };
	return true;
}

static struct stoa__bound *bind_date_part(struct stoa__binder *bn, const struct stoa__ast *a,
					  struct stoa__bound **args, uint32_t n)
{
	struct stoa_bytes name;

	(void)n;
	if (stoa__bound_is_null(args[0]))
		return stoa__bound_null(bn, &a->at, stoa__type_plain(STOA_I64));
	return constant_text(bn, a, args[0], &name) ? extract(bn, &a->at, name, args[1]) : NULL;
}

/* year(x), month(x) and day(x), as many other databases have them. */
static struct stoa__bound *bind_field(struct stoa__binder *bn, const struct stoa__ast *a,
				      struct stoa__bound **args, uint32_t n)
{
	(void)n;
	return extract(bn, &a->at, a->text, args[0]);
}

static struct stoa__bound *bind_date_trunc(struct stoa__binder *bn, const struct stoa__ast *a,
					   struct stoa__bound **args, uint32_t n)
{
	struct stoa_bytes name;

	(void)n;
	if (stoa__bound_is_null(args[0]))
		return stoa__bound_null(bn, &a->at, stoa__type_plain(STOA_TIMESTAMP));
	if (!constant_text(bn, a, args[0], &name))
		return NULL;
	int field = stoa__field_named(name.p, name.len);
	if (field < 0 || (field >= STOA__FIELD_DOW && field <= STOA__FIELD_EPOCH))
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL, "date_trunc() cannot cut at '%.*s'",
				       stoa__shown(name.len), name.p);
	struct stoa__bound *x =
		stoa__coerce(bn, &a->at, args[1], stoa__type_plain(STOA_TIMESTAMP));
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_CALL, &a->at,
						stoa__type_plain(STOA_TIMESTAMP), 1);
	if (!x || !b)
		return NULL;
	b->fn = &stoa__fn_truncate;
	b->lo = field;
	b->args[0] = x;
	return stoa__bound_done(bn, b);
}

static struct stoa__bound *bind_now_call(struct stoa__binder *bn, const struct stoa__ast *a,
					 struct stoa__bound **args, uint32_t n)
{
	(void)args;
	(void)n;
	return stoa__bind_now(bn, &a->at, STOA_TIMESTAMP);
}

/* ---- by name -------------------------------------------------------------------------------- */

static const struct special {
	const char *name;
	uint32_t min, max;
	struct stoa__bound *(*bind)(struct stoa__binder *bn, const struct stoa__ast *a,
				    struct stoa__bound **args, uint32_t n);
} specials[] = {
	{ "coalesce", 1, UINT32_MAX, bind_coalesce },
	{ "ifnull", 2, 2, bind_coalesce },
	{ "nullif", 2, 2, bind_nullif },
	{ "greatest", 1, UINT32_MAX, bind_extreme },
	{ "least", 1, UINT32_MAX, bind_extreme },
	{ "abs", 1, 1, bind_abs },
	{ "mod", 2, 2, bind_mod },
	{ "floor", 1, 1, bind_floor },
	{ "ceil", 1, 1, bind_floor },
	{ "ceiling", 1, 1, bind_floor },
	{ "round", 1, 2, bind_round },
	{ "trunc", 1, 2, bind_round },
	{ "date_part", 2, 2, bind_date_part },
	{ "date_trunc", 2, 2, bind_date_trunc },
	{ "year", 1, 1, bind_field },
	{ "month", 1, 1, bind_field },
	{ "day", 1, 1, bind_field },
	{ "hour", 1, 1, bind_field },
	{ "minute", 1, 1, bind_field },
	{ "now", 0, 0, bind_now_call },
};

static struct stoa__type letter_type(char c)
{
	switch (c) {
	case 'i': return stoa__type_plain(STOA_I64);
	case 'f': return stoa__type_plain(STOA_F64);
	case 'd': return stoa__type_plain(STOA_DATE);
	case 's': return stoa__type_plain(STOA_TIMESTAMP);
	case 'm': return stoa__type_plain(STOA_TIME);
	case 'b': return stoa__type_plain(STOA_BLOB);
	default: return stoa__type_plain(STOA_TEXT);
	}
}

/* The letter of argument @i of a signature; 0 when it takes no so many. */
static char letter_at(const char *args, uint32_t i)
{
	size_t len = strlen(args);

	if (len && args[len - 1] == '+')
		return i < len - 1 ? args[i] : args[len - 2];
	return i < len ? args[i] : '\0';
}

static bool arity_fits(const struct stoa__fn *fn, uint32_t n)
{
	size_t len = strlen(fn->args);

	return len && fn->args[len - 1] == '+' ? n >= len - 1 : n == len;
}

static bool signature_fits(const struct stoa__fn *fn, struct stoa__bound **args, uint32_t n)
{
	if (!arity_fits(fn, n))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		char letter = letter_at(fn->args, i);
		if (letter != 'x' && !stoa__coercible(args[i], letter_type(letter)))
			return false;
		/* A quoted constant is a string before it is anything else. */
		if (letter == 'b' && args[i]->literal)
			return false;
	}
	return true;
}

static struct stoa__bound *call_with(struct stoa__binder *bn, const struct stoa__ast *a,
				     const struct stoa__fn *fn, struct stoa__bound **args,
				     uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		char letter = letter_at(fn->args, i);
		args[i] = letter == 'x' ?
				  stoa__cast(bn, &a->at, args[i], stoa__type_plain(STOA_TEXT)) :
				  stoa__coerce(bn, &a->at, args[i], letter_type(letter));
		if (!args[i])
			return NULL;
	}
	return stoa__bound_call(bn, &a->at, fn, stoa__type_plain(fn->out), args, n);
}

static const struct stoa__fn *find_function(const struct stoa__fn *table, struct stoa_bytes name,
					    struct stoa__bound **args, uint32_t n, bool *any)
{
	for (; table->name; table++) {
		if (!stoa__same_name(name, table->name))
			continue;
		*any = true;
		if (signature_fits(table, args, n))
			return table;
	}
	return NULL;
}

static struct stoa__bound *bind_scalar(struct stoa__binder *bn, const struct stoa__ast *a,
				       struct stoa__bound **args, uint32_t n)
{
	static const struct stoa__fn *const tables[] = { stoa__text_functions,
							 stoa__number_functions,
							 stoa__time_functions,
							 stoa__regex_functions,
							 stoa__format_functions,
							 stoa__bit_functions };
	bool any = false;

	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
		if (!stoa__same_name(a->text, specials[i].name))
			continue;
		any = true;
		if (n >= specials[i].min && n <= specials[i].max)
			return specials[i].bind(bn, a, args, n);
	}
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		const struct stoa__fn *fn = find_function(tables[i], a->text, args, n, &any);
		if (fn)
			return call_with(bn, a, fn, args, n);
	}
	if (!any && stoa__is_window_name(a->text))
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL,
				       "%.*s() is a window function: it wants OVER (...)",
				       stoa__shown(a->text.len), a->text.p);
	if (!any)
		return stoa__bind_fail(bn, &a->at, STOA_ENOTFOUND, "there is no function %.*s()",
				       stoa__shown(a->text.len), a->text.p);
	return stoa__bind_fail(bn, &a->at, STOA_ETYPE, "%.*s() does not take %s", stoa__shown(a->text.len),
			       a->text.p,
			       n == 0 ? "no argument" :
			       n == 1 ? stoa__type_text(args[0]->type.type) :
					"arguments of these numbers and types");
}

/* ---- calls ---------------------------------------------------------------------------------- */

struct stoa__bound *stoa__bind_call(struct stoa__binder *bn, const struct stoa__ast *a)
{
	uint32_t n = a->list ? a->list->n : 0;

	if (a->over)
		return stoa__bind_window(bn, a);
	if (stoa__is_aggregate(a))
		return stoa__bind_aggregate(bn, a);
	if (a->a || a->order || (a->flags & STOA__AST_DISTINCT))
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL,
				       "%s belongs to aggregates, and %.*s() is none",
				       a->a ? "FILTER" : a->order ? "ORDER BY" : "DISTINCT",
				       stoa__shown(a->text.len), a->text.p);
	struct stoa__bound **args = stoa__arena_array(bn->arena, n, sizeof(*args));
	if (!args)
		return stoa__bind_fail(bn, &a->at, STOA_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < n; i++) {
		args[i] = stoa__bind(bn, a->list->items[i]);
		if (!args[i])
			return NULL;
		if (args[i]->type.type == STOA__TYPE_INTERVAL)
			return stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
					       "functions of intervals are not supported");
	}
	return bind_scalar(bn, a, args, n);
}
