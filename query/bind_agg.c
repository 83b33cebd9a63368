/* SPDX-License-Identifier: MIT */
/*
 * bind_agg.c - aggregates
 *
 * An aggregate becomes an entry of the query's list and a node that names it; equal ones share an
 * entry. What sets them apart is in one table: how many arguments there are beside the first, and
 * whether the first may stand in WITHIN GROUP (ORDER BY x) instead. Aggregates to which the order
 * of their values means nothing forget it, and DISTINCT where it changes nothing.
 */
#include <math.h>
#include <string.h>

#include "../lib/core/error.h"
#include "bind.h"
#include "func.h"

/* ---- names ---------------------------------------------------------------------------------- */

/* What arguments there may be beside the value. */
enum form {
	VALUE,		/* none */
	SEPARATOR,	/* a string; left out: @more has it */
	FRACTION,	/* f(value, fraction) */
	ORDERED,	/* f(fraction) WITHIN GROUP (ORDER BY value) */
	ORDERED_ALONE,	/* f() WITHIN GROUP (ORDER BY value) */
	MEDIAN,		/* none: the fraction is a half */
};
static const struct name {
	const char *name;
	uint8_t kind;
	uint8_t form;		/* enum form */
	const char *more;	/* a separator; NULL: there is none that goes without saying */
} agg_names[] = {
	{ "count", STOA__AGG_COUNT, VALUE, NULL },
	{ "sum", STOA__AGG_SUM, VALUE, NULL },
	{ "avg", STOA__AGG_AVG, VALUE, NULL },
	{ "mean", STOA__AGG_AVG, VALUE, NULL },
	{ "min", STOA__AGG_MIN, VALUE, NULL },
	{ "max", STOA__AGG_MAX, VALUE, NULL },
	{ "any_value", STOA__AGG_MIN, VALUE, NULL },
	{ "stddev", STOA__AGG_STDDEV_SAMP, VALUE, NULL },
	{ "stddev_samp", STOA__AGG_STDDEV_SAMP, VALUE, NULL },
	{ "stddev_pop", STOA__AGG_STDDEV_POP, VALUE, NULL },
	{ "variance", STOA__AGG_VAR_SAMP, VALUE, NULL },
	{ "var_samp", STOA__AGG_VAR_SAMP, VALUE, NULL },
	{ "var_pop", STOA__AGG_VAR_POP, VALUE, NULL },
	{ "bool_and", STOA__AGG_BOOL_AND, VALUE, NULL },
	{ "every", STOA__AGG_BOOL_AND, VALUE, NULL },
	{ "bool_or", STOA__AGG_BOOL_OR, VALUE, NULL },
	{ "approx_count_distinct", STOA__AGG_APPROX_COUNT, VALUE, NULL },
	{ "string_agg", STOA__AGG_STRING_AGG, SEPARATOR, NULL },
	{ "group_concat", STOA__AGG_STRING_AGG, SEPARATOR, "," },
	{ "listagg", STOA__AGG_STRING_AGG, SEPARATOR, "," },
	{ "median", STOA__AGG_QUANTILE_CONT, MEDIAN, NULL },
	{ "quantile", STOA__AGG_QUANTILE_DISC, FRACTION, NULL },
	{ "quantile_disc", STOA__AGG_QUANTILE_DISC, FRACTION, NULL },
	{ "quantile_cont", STOA__AGG_QUANTILE_CONT, FRACTION, NULL },
	{ "percentile_disc", STOA__AGG_QUANTILE_DISC, ORDERED, NULL },
	{ "percentile_cont", STOA__AGG_QUANTILE_CONT, ORDERED, NULL },
	{ "mode", STOA__AGG_MODE, ORDERED_ALONE, NULL },
};

static const struct name *name_of(const struct stoa__ast *a)
{
	for (size_t i = 0; i < sizeof agg_names / sizeof *agg_names; i++)
		if (stoa__same_name(a->text, agg_names[i].name))
			return &agg_names[i];
	return NULL;
}

bool stoa__is_aggregate_name(const struct stoa__ast *a)
{
	return name_of(a) != NULL;
}

bool stoa__is_aggregate(const struct stoa__ast *a)
{
	return a->kind == STOA__AST_CALL && !a->over && name_of(a) != NULL;
}

/* ---- the value ------------------------------------------------------------------------------ */

/* Converts the argument to @t. */
static bool convert(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g,
		    struct stoa__type t)
{
	g->arg = g->arg ? stoa__coerce(bn, &a->at, g->arg, t) : NULL;
	return g->arg != NULL;
}

/* A value as it is compared: of a type of its own, even if it is NULL. */
static bool comparable(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g)
{
	struct stoa__type t = stoa__type_normal(g->arg->type);

	g->type = t.type == STOA_NULL ? stoa__type_plain(STOA_TEXT) : t;
	return convert(bn, a, g, g->type);
}

static bool extreme_types(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g)
{
	if (g->arg->type.type == STOA_BOOL && stoa__same_name(a->text, "any_value")) {
		g->kind = STOA__AGG_BOOL_AND;
	} else if (g->arg->type.type == STOA_BOOL) {
		stoa__bind_fail(bn, &a->at, STOA_ETYPE,
				"there is no %.*s() of bool: use bool_and() or bool_or()",
				stoa__shown(a->text.len), a->text.p);
		return false;
	}
	g->distinct = false;
	return comparable(bn, a, g);
}

/* What the argument must be for this kind, and what the result is. */
static bool aggregate_types(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g)
{
	struct stoa__type f64 = stoa__type_plain(STOA_F64), t;

	switch ((enum stoa__agg_kind)g->kind) {
	case STOA__AGG_COUNT: g->type = stoa__type_plain(STOA_I64); return true;
	case STOA__AGG_APPROX_COUNT:
		g->distinct = false;
		if (!comparable(bn, a, g))
			return false;
		g->type = stoa__type_plain(STOA_I64);
		return true;
	case STOA__AGG_MIN:
	case STOA__AGG_MAX: return extreme_types(bn, a, g);
	case STOA__AGG_QUANTILE_DISC:
	case STOA__AGG_MODE: return comparable(bn, a, g);
	case STOA__AGG_BOOL_AND:
	case STOA__AGG_BOOL_OR:
		g->type = stoa__type_plain(STOA_BOOL);
		return convert(bn, a, g, g->type);
	case STOA__AGG_STRING_AGG:
		g->type = stoa__type_plain(STOA_TEXT);
		g->arg = stoa__cast(bn, &a->at, g->arg, g->type);
		return g->arg != NULL;
	case STOA__AGG_SUM:
	case STOA__AGG_AVG:
		g->arg = stoa__bind_number(bn, a, g->arg);
		if (!g->arg)
			return false;
		t = stoa__type_normal(g->arg->type);
		g->type = g->kind == STOA__AGG_AVG ? f64 :
			  t.type == STOA_DECIMAL   ? stoa__type_decimal(t.scale) :
						     t;
		return true;
	default:
		g->arg = stoa__bind_number(bn, a, g->arg);
		g->type = f64;
		return convert(bn, a, g, f64);
	}
}

/* ---- other arguments ------------------------------------------------------------------------ */

static struct stoa__bound *constant(struct stoa__binder *bn, const struct stoa__ast *call,
				    const struct stoa__ast *a, unsigned type)
{
	struct stoa__bound *b = stoa__bind(bn, a);

	b = b ? stoa__coerce(bn, &a->at, b, stoa__type_plain(type)) : NULL;
	if (b && b->kind != STOA__BOUND_CONST)
		return stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
				       "%.*s() wants a constant here", stoa__shown(call->text.len),
				       call->text.p);
	return b;
}

static bool bind_fraction(struct stoa__binder *bn, const struct stoa__ast *call,
			  const struct stoa__ast *a, struct stoa__agg *g)
{
	struct stoa__bound *b = constant(bn, call, a, STOA_F64);

	if (!b)
		return false;
	g->fraction = b->value.type == STOA_NULL ? (double)NAN : b->value.f;
	if (g->fraction < 0 || g->fraction > 1 || (b->value.type != STOA_NULL && isnan(g->fraction)))
		stoa__bind_fail(bn, &a->at, STOA_ERANGE,
				"%.*s() wants a fraction between 0 and 1", stoa__shown(call->text.len),
				call->text.p);
	return bn->rc >= 0;
}

static bool bind_separator(struct stoa__binder *bn, const struct stoa__ast *call,
			   const struct stoa__ast *a, struct stoa__agg *g)
{
	struct stoa__bound *b = constant(bn, call, a, STOA_TEXT);

	if (b && b->value.type != STOA_NULL)
		g->separator = (struct stoa_bytes){ b->value.p, b->value.len };
	return b != NULL;
}

/* ---- ORDER BY ------------------------------------------------------------------------------- */

/* What lies in the order of its own values says so by a direction alone. */
static void drop_keys(struct stoa__agg *g)
{
	if (g->n_keys && stoa__bound_equal(g->keys[0].expr, g->arg)) {
		g->descending = g->keys[0].descending;
		g->n_keys = 0;
	}
}

struct stoa__agg_key *stoa__bind_agg_keys(struct stoa__binder *bn,
					  const struct stoa__ast_items *order, size_t *n)
{
	struct stoa__agg_key *keys = stoa__bind_array(bn, order->n, sizeof *keys);

	*n = 0;
	for (const struct stoa__ast_item *i = order->first; i && bn->rc >= 0; i = i->next) {
		struct stoa__bound *b = stoa__bind(bn, i->expr);
		if (b && b->type.type == STOA__TYPE_INTERVAL)
			stoa__bind_fail(bn, &i->expr->at, STOA_EUNSUPPORTED,
					"ordering by an interval is not supported");
		if (!b || b->kind == STOA__BOUND_CONST)	/* says nothing */
			continue;
		keys[(*n)++] = (struct stoa__agg_key){
			.expr = b,
			.descending = i->descending,
			.nulls_first = i->nulls ? i->nulls == 1 : i->descending,
		};
	}
	return keys;
}

/* string_agg(x, ',' ORDER BY y) */
static bool order_strings(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g)
{
	g->keys = stoa__bind_agg_keys(bn, a->order, &g->n_keys);
	if (bn->rc < 0)
		return false;
	if (!g->distinct)
		return true;
	drop_keys(g);
	if (g->n_keys)
		stoa__bind_fail(bn, &a->order->first->expr->at, STOA_EINVAL,
				"with DISTINCT, ORDER BY can name the values alone");
	return bn->rc >= 0;
}

/* ---- one aggregate -------------------------------------------------------------------------- */

static bool wrong_arguments(struct stoa__binder *bn, const struct stoa__ast *a,
			    const struct name *name)
{
	static const char *const wanted[] = {
		[VALUE] = "one argument",
		[SEPARATOR] = "a value and a separator",
		[FRACTION] = "a value and a fraction",
		[ORDERED] = "a fraction, then WITHIN GROUP (ORDER BY value)",
		[ORDERED_ALONE] = "no argument, then WITHIN GROUP (ORDER BY value)",
		[MEDIAN] = "one argument",
	};

	stoa__bind_fail(bn, &a->at, STOA_EINVAL, "%.*s() takes %s%s", stoa__shown(a->text.len), a->text.p,
			wanted[name->form], name->kind == STOA__AGG_COUNT ? ", or *" : "");
	return false;
}

/*
 * The expression that the aggregate is of, @a's arguments being as @name wants them; NULL after an
 * error.
 */
static const struct stoa__ast *value_of(struct stoa__binder *bn, const struct stoa__ast *a,
					const struct name *name)
{
	bool within = (a->flags & STOA__AST_WITHIN) != 0;
	bool ordered = name->form == ORDERED || name->form == ORDERED_ALONE;
	uint32_t n = a->list ? a->list->n : 0;
	uint32_t max = name->form == SEPARATOR || name->form == FRACTION ? 2 :
		       name->form == ORDERED_ALONE			 ? 0 :
									   1;
	uint32_t min = name->more ? max - 1 : max;

	if (n < min || n > max || within != ordered || (within && a->order->n != 1)) {
		wrong_arguments(bn, a, name);
		return NULL;
	}
	return ordered ? a->order->first->expr : a->list->items[0];
}

/* All but the value. */
static bool bind_rest(struct stoa__binder *bn, const struct stoa__ast *a, const struct name *name,
		      struct stoa__agg *g)
{
	bool second = a->list && a->list->n > 1;

	switch ((enum form)name->form) {
	case SEPARATOR:
		if (name->more)
			g->separator = (struct stoa_bytes){ name->more, (uint32_t)strlen(name->more) };
		if (second && !bind_separator(bn, a, a->list->items[1], g))
			return false;
		return !a->order || order_strings(bn, a, g);
	case MEDIAN: g->fraction = 0.5; return true;
	case FRACTION: return bind_fraction(bn, a, a->list->items[1], g);
	case ORDERED:
		g->descending = a->order->first->descending;
		return bind_fraction(bn, a, a->list->items[0], g);
	case ORDERED_ALONE: g->descending = a->order->first->descending; return true;
	case VALUE: break;
	}
	return true;
}

static bool bind_arguments(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g)
{
	const struct name *name = name_of(a);
	const struct stoa__ast *value = value_of(bn, a, name);

	if (!value)
		return false;
	/* count(*) and count(x) with x never NULL are one. */
	if (value->kind == STOA__AST_STAR && g->kind == STOA__AGG_COUNT)
		return true;
	g->arg = stoa__bind(bn, value);
	if (!g->arg)
		return false;
	if (g->arg->type.type == STOA__TYPE_INTERVAL && g->kind != STOA__AGG_COUNT) {
		stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
				"aggregates of intervals are not supported");
		return false;
	}
	if (!aggregate_types(bn, a, g) || !bind_rest(bn, a, name, g))
		return false;
	if (g->kind == STOA__AGG_COUNT && g->arg->not_null && !g->distinct)
		g->arg = NULL;
	return true;
}

/* ---- the list ------------------------------------------------------------------------------- */

bool stoa__agg_same_keys(const struct stoa__agg_key *a, size_t n_a, const struct stoa__agg_key *b,
			 size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (a[i].descending != b[i].descending || a[i].nulls_first != b[i].nulls_first ||
		    !stoa__bound_equal(a[i].expr, b[i].expr))
			return false;
	return true;
}

bool stoa__agg_same_order(const struct stoa__agg *a, const struct stoa__agg *b)
{
	return a->descending == b->descending &&
	       stoa__agg_same_keys(a->keys, a->n_keys, b->keys, b->n_keys);
}

bool stoa__agg_same(const struct stoa__agg *a, const struct stoa__agg *b)
{
	if (a->kind != b->kind || a->distinct != b->distinct ||
	    a->separator.len != b->separator.len ||
	    memcmp(&a->fraction, &b->fraction, sizeof a->fraction) != 0)
		return false;
	if (a->separator.len && memcmp(a->separator.p, b->separator.p, a->separator.len) != 0)
		return false;
	return stoa__agg_same_order(a, b) && stoa__bound_same(a->arg, b->arg) &&
	       stoa__bound_same(a->filter, b->filter);
}

/* The number of an aggregate in the query's list, where it is put if it is new. */
static int64_t list_aggregate(struct stoa__binder *bn, const struct stoa__agg *g)
{
	struct stoa__agg *aggs;

	for (size_t i = 0; i < bn->n_aggs; i++)
		if (stoa__agg_same(&bn->aggs[i], g))
			return (int64_t)i;
	aggs = stoa__bind_room(bn, bn->aggs, bn->n_aggs, sizeof *aggs);
	if (!aggs)
		return -1;
	bn->aggs = aggs;
	aggs[bn->n_aggs] = *g;
	return (int64_t)bn->n_aggs++;
}

bool stoa__bind_agg(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__agg *g)
{
	*g = (struct stoa__agg){ .kind = name_of(a)->kind,
				 .distinct = (a->flags & STOA__AST_DISTINCT) != 0,
				 .type = stoa__type_plain(STOA_I64),
				 .line = a->at.line,
				 .column = a->at.column };
	if (!bind_arguments(bn, a, g))
		return false;
	if (a->a)
		g->filter = stoa__bind_condition(bn, a->a, "FILTER");
	return !a->a || g->filter;
}

struct stoa__bound *stoa__bind_aggregate(struct stoa__binder *bn, const struct stoa__ast *a)
{
	const char *outer = bn->no_aggregates;
	bool may_window = bn->may_window;
	struct stoa__agg g;

	if (outer)
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL, "%.*s() cannot be used inside %s%s",
				       stoa__shown(a->text.len), a->text.p, outer,
				       strcmp(outer, "WHERE") == 0 ? ": use HAVING" : "");
	bn->no_aggregates = "an aggregate";
	bn->may_window = false;
	bool ok = stoa__bind_agg(bn, a, &g);
	bn->no_aggregates = outer;
	bn->may_window = may_window;
	if (!ok)
		return NULL;
	int64_t index = list_aggregate(bn, &g);
	struct stoa__bound *b = stoa__bound_new(bn, STOA__BOUND_AGGREGATE, &a->at, g.type, 0);
	if (index < 0)
		return stoa__bind_fail(bn, &a->at, STOA_ENOMEM, "out of memory");
	if (b)
		b->index = (uint32_t)index;
	return b;
}
