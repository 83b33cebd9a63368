/* SPDX-License-Identifier: MIT */
/*
 * bind_window.c - window functions: f(...) OVER (PARTITION BY ... ORDER BY ... frame)
 *
 * As an aggregate, a window function becomes an entry of a list of the query and a node that names
 * it; equal ones share an entry. What OVER says is bound with it, so that each entry stands by
 * itself: that several look at the same rows in the same order is found out when they are planned.
 *
 * A frame over RANGE with an offset is bound as two more expressions, the key less and more the
 * offset: so any type that has + and - will do, intervals included, and whoever runs it only
 * compares. (PostgreSQL's in_range functions answer the same question.)
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "bind.h"

static const struct name {
	const char *name;
	uint8_t kind;		/* enum stoa__window_kind */
	uint8_t min, max;	/* arguments */
} names[] = {
	{ "row_number", STOA__WINDOW_ROW_NUMBER, 0, 0 },
	{ "rank", STOA__WINDOW_RANK, 0, 0 },
	{ "dense_rank", STOA__WINDOW_DENSE_RANK, 0, 0 },
	{ "percent_rank", STOA__WINDOW_PERCENT_RANK, 0, 0 },
	{ "cume_dist", STOA__WINDOW_CUME_DIST, 0, 0 },
	{ "ntile", STOA__WINDOW_NTILE, 1, 1 },
	{ "lag", STOA__WINDOW_LAG, 1, 3 },
	{ "lead", STOA__WINDOW_LEAD, 1, 3 },
	{ "first_value", STOA__WINDOW_FIRST_VALUE, 1, 1 },
	{ "last_value", STOA__WINDOW_LAST_VALUE, 1, 1 },
	{ "nth_value", STOA__WINDOW_NTH_VALUE, 2, 2 },
};

static const struct name *name_of(struct stoa_bytes text)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (stoa__same_name(text, names[i].name))
			return &names[i];
	return NULL;
}

bool stoa__is_window_name(struct stoa_bytes name)
{
	return name_of(name) != NULL;
}

bool stoa__has_window(const struct stoa__bound *b)
{
	if (b->kind == STOA__BOUND_WINDOW)
		return true;
	for (uint32_t i = 0; i < b->n_args; i++)
		if (stoa__has_window(b->args[i]))
			return true;
	return false;
}

/* ---- the function --------------------------------------------------------------------------- */

static bool bind_agg(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__window *w)
{
	if (a->flags & STOA__AST_DISTINCT || a->order) {
		stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
				"%s inside %.*s() is not supported with OVER",
				a->order ? "ORDER BY" : "DISTINCT", stoa__shown(a->text.len), a->text.p);
		return false;
	}
	if (!stoa__bind_agg(bn, a, &w->agg))
		return false;
	if (w->agg.kind >= STOA__AGG_APPROX_COUNT)
		stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
				"%.*s() is not supported with OVER", stoa__shown(a->text.len), a->text.p);
	return bn->rc >= 0;
}

/* lag(x, 1, default): what it gives is of one type. */
static bool bind_default(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__window *w)
{
	struct stoa__bound *both[2] = { w->agg.arg, w->more[1] };
	struct stoa__type t;

	if (!stoa__unify(bn, &a->at, both, 2, &t))
		return false;
	w->agg.arg = both[0];
	w->more[1] = both[1];
	return true;
}

static bool bind_own(struct stoa__binder *bn, const struct stoa__ast *a, const struct name *name,
		     struct stoa__window *w)
{
	uint32_t n = a->list ? a->list->n : 0;
	struct stoa__bound *args[3] = { NULL, NULL, NULL };
	bool number_first = name->kind == STOA__WINDOW_NTILE;

	if (n < name->min || n > name->max) {
		stoa__bind_fail(bn, &a->at, STOA_EINVAL, "%s() takes %s", name->name,
				name->max == 0	 ? "no argument" :
				name->min == 2	 ? "a value and a number" :
				name->max == 3	 ? "a value, an offset and a default" :
						   "one argument");
		return false;
	}
	if (a->a || a->order || (a->flags & STOA__AST_DISTINCT)) {
		stoa__bind_fail(bn, &a->at, STOA_EINVAL, "%s belongs to aggregates, and %s() is none",
				a->a ? "FILTER" : a->order ? "ORDER BY" : "DISTINCT", name->name);
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		args[i] = stoa__bind(bn, a->list->items[i]);
		if (args[i] && (i == 1 || number_first))
			args[i] = stoa__coerce(bn, &a->list->items[i]->at, args[i],
					       stoa__type_plain(STOA_I64));
		if (args[i] && args[i]->type.type == STOA__TYPE_INTERVAL)
			stoa__bind_fail(bn, &a->at, STOA_EUNSUPPORTED,
					"functions of intervals are not supported");
		if (!args[i] || bn->rc < 0)
			return false;
	}
	w->agg = (struct stoa__agg){ .type = stoa__type_plain(STOA_I64), .line = a->at.line,
				     .column = a->at.column };
	w->agg.arg = number_first ? NULL : args[0];
	w->more[0] = number_first ? args[0] : args[1];
	w->more[1] = args[2];
	if (args[2] && !bind_default(bn, a, w))
		return false;
	if (w->agg.arg)
		w->agg.type = w->agg.arg->type.type == STOA_NULL ? stoa__type_plain(STOA_TEXT) :
								   w->agg.arg->type;
	else if (name->kind == STOA__WINDOW_PERCENT_RANK || name->kind == STOA__WINDOW_CUME_DIST)
		w->agg.type = stoa__type_plain(STOA_F64);
	return true;
}

/* ---- OVER ----------------------------------------------------------------------------------- */

/* The window called @name, among those of WINDOW from @w on. */
static const struct stoa__ast_window *find_window(struct stoa__binder *bn,
						  const struct stoa__ast_window *w,
						  const struct stoa__token *name)
{
	for (; w; w = w->next)
		if (w->name.len == name->len && !strncasecmp(w->name.p, name->p, name->len))
			return w;
	stoa__bind_fail(bn, name, STOA_ENOTFOUND, "there is no window '%.*s' here",
			stoa__shown(name->len), name->p);
	return NULL;
}

/* What @w says, with what it takes over from the windows that it is made from. */
static bool inherit(struct stoa__binder *bn, const struct stoa__ast_window *w,
		    struct stoa__ast_window *out)
{
	const struct stoa__ast_window *list = bn->named;
	bool whole = w->whole;

	*out = *w;
	for (; w->base.kind; list = w->next) {
		const struct stoa__token *at = &w->base;
		w = find_window(bn, list, at);
		if (!w)
			return false;
		if (w->frame.unit && !whole)
			stoa__bind_fail(bn, at, STOA_EINVAL,
					"a window with a frame cannot be added to: name it without parentheses");
		if (out->partition)
			stoa__bind_fail(bn, at, STOA_EINVAL,
					"PARTITION BY belongs to the window that this one is made from");
		if (out->order && w->order)
			stoa__bind_fail(bn, at, STOA_EINVAL,
					"the window that this one is made from has an ORDER BY");
		if (bn->rc < 0)
			return false;
		if (whole)
			out->frame = w->frame;
		if (!out->order)
			out->order = w->order;
		out->partition = w->partition;
		whole = false;
	}
	return true;
}

static bool bind_partition(struct stoa__binder *bn, const struct stoa__ast_list *list,
			   struct stoa__window *w)
{
	w->partition = stoa__bind_array(bn, list->n, sizeof *w->partition);
	for (uint32_t i = 0; i < list->n && bn->rc >= 0; i++) {
		struct stoa__bound *b = stoa__bind(bn, list->items[i]);
		if (b && b->type.type == STOA__TYPE_INTERVAL)
			stoa__bind_fail(bn, &list->items[i]->at, STOA_EUNSUPPORTED,
					"grouping by an interval is not supported");
		if (b && b->kind != STOA__BOUND_CONST)
			w->partition[w->n_partition++] = b;
	}
	return bn->rc >= 0;
}

/* The constant of ROWS n PRECEDING. */
static bool bind_rows(struct stoa__binder *bn, const struct stoa__ast_edge *e, uint64_t *n)
{
	const struct stoa__scope *scope = bn->scope;
	struct stoa__bound *b;

	if (!e->offset)
		return true;
	bn->scope = NULL;	/* no columns here */
	b = stoa__coerce(bn, &e->at, stoa__bind(bn, e->offset), stoa__type_plain(STOA_I64));
	bn->scope = scope;
	if (b && b->kind != STOA__BOUND_CONST)
		stoa__bind_fail(bn, &e->at, STOA_EUNSUPPORTED, "a frame wants a constant here");
	else if (b && b->value.type == STOA_NULL && bn->params)
		stoa__bind_fail(bn, &e->at, STOA_EINVAL, "a frame's offset cannot be NULL");
	else if (b && b->value.type != STOA_NULL && b->value.i < 0)
		stoa__bind_fail(bn, &e->at, STOA_ERANGE, "a frame's offset cannot be negative");
	if (bn->rc < 0)
		return false;
	*n = b->value.type == STOA_NULL ? 0 : (uint64_t)b->value.i;
	return true;
}

static bool is_negative(const struct stoa__bound *b)
{
	if (b->type.type == STOA__TYPE_INTERVAL)
		return b->interval.months < 0 || b->interval.days < 0 || b->interval.micros < 0;
	return b->value.type == STOA_F64 ? b->value.f < 0 :
	       b->value.type != STOA_NULL && b->value.type != STOA_U64 && b->value.i < 0;
}

/* The key that is an offset away, in the direction of the order. */
static bool bind_range(struct stoa__binder *bn, const struct stoa__ast_edge *e,
		       struct stoa__window *w, struct stoa__bound **out)
{
	struct stoa__bound *b, *both[2];
	struct stoa__type t;
	bool less;

	if (!e->offset)
		return true;
	if (w->n_keys != 1) {
		stoa__bind_fail(bn, &e->at, STOA_EINVAL,
				"RANGE with an offset wants one expression in ORDER BY");
		return false;
	}
	b = stoa__bind(bn, e->offset);
	if (b && b->kind != STOA__BOUND_CONST)
		stoa__bind_fail(bn, &e->at, STOA_EUNSUPPORTED, "a frame wants a constant here");
	else if (b && is_negative(b))
		stoa__bind_fail(bn, &e->at, STOA_ERANGE, "a frame's offset cannot be negative");
	if (bn->rc < 0)
		return false;
	less = (e->place == STOA__EDGE_BEFORE) != w->keys[0].descending;
	both[0] = w->keys[0].expr;
	both[1] = stoa__bind_arith(bn, &e->at, less ? STOA__OP_SUB : STOA__OP_ADD, both[0], b);
	if (!both[1] || !stoa__unify(bn, &e->at, both, 2, &t))
		return false;
	w->keys[0].expr = both[0];
	*out = both[1];
	return true;
}

static bool bind_frame(struct stoa__binder *bn, const struct stoa__ast_frame *f,
		       struct stoa__window *w)
{
	w->frame.unit = (uint8_t)f->unit;
	w->frame.start = (uint8_t)f->start.place;
	w->frame.end = (uint8_t)f->end.place;
	switch ((enum stoa__frame_unit)f->unit) {
	case STOA__FRAME_NONE:	/* all that has come so far, peers included */
		w->frame.unit = STOA__FRAME_RANGE;
		w->frame.start = STOA__EDGE_FIRST;
		w->frame.end = STOA__EDGE_CURRENT;
		return true;
	case STOA__FRAME_RANGE:
		return bind_range(bn, &f->start, w, &w->frame.at_start) &&
		       bind_range(bn, &f->end, w, &w->frame.at_end);
	case STOA__FRAME_GROUPS:
		if (!w->n_keys) {
			stoa__bind_fail(bn, &f->start.at, STOA_EINVAL,
					"GROUPS wants an ORDER BY in the window");
			return false;
		}
		/* fall through */
	case STOA__FRAME_ROWS: break;
	}
	return bind_rows(bn, &f->start, &w->frame.n_start) &&
	       bind_rows(bn, &f->end, &w->frame.n_end);
}

/* ---- the list ------------------------------------------------------------------------------- */

bool stoa__window_same_rows(const struct stoa__window *a, const struct stoa__window *b)
{
	if (a->n_partition != b->n_partition)
		return false;
	for (size_t i = 0; i < a->n_partition; i++)
		if (!stoa__bound_equal(a->partition[i], b->partition[i]))
			return false;
	return stoa__agg_same_keys(a->keys, a->n_keys, b->keys, b->n_keys);
}

static bool same_window(const struct stoa__window *a, const struct stoa__window *b)
{
	const struct stoa__frame *f = &a->frame, *g = &b->frame;

	return a->kind == b->kind && stoa__window_same_rows(a, b) &&
	       stoa__agg_same(&a->agg, &b->agg) && stoa__bound_same(a->more[0], b->more[0]) &&
	       stoa__bound_same(a->more[1], b->more[1]) && f->unit == g->unit &&
	       f->start == g->start && f->end == g->end && f->n_start == g->n_start &&
	       f->n_end == g->n_end && stoa__bound_same(f->at_start, g->at_start) &&
	       stoa__bound_same(f->at_end, g->at_end);
}

/* The number of @w in the query's list, where it is put if it is new. */
static size_t list_window(struct stoa__binder *bn, const struct stoa__window *w)
{
	struct stoa__window *windows;

	for (size_t i = 0; i < bn->n_windows; i++)
		if (same_window(&bn->windows[i], w))
			return i;
	windows = stoa__bind_room(bn, bn->windows, bn->n_windows, sizeof *windows);
	if (!windows)
		return 0;
	bn->windows = windows;
	windows[bn->n_windows] = *w;
	return bn->n_windows++;
}

static bool bind_whole(struct stoa__binder *bn, const struct stoa__ast *a, struct stoa__window *w)
{
	const struct name *name = name_of(a->text);
	struct stoa__ast_window over;

	if (name ? !bind_own(bn, a, name, w) : !bind_agg(bn, a, w))
		return false;
	w->kind = name ? name->kind : STOA__WINDOW_AGG;
	w->name = name ? name->name : "";
	if (!inherit(bn, a->over, &over))
		return false;
	if (over.partition && !bind_partition(bn, over.partition, w))
		return false;
	if (over.order)
		w->keys = stoa__bind_agg_keys(bn, over.order, &w->n_keys);
	return bn->rc >= 0 && bind_frame(bn, &over.frame, w);
}

struct stoa__bound *stoa__bind_window(struct stoa__binder *bn, const struct stoa__ast *a)
{
	struct stoa__window w = { 0 };
	struct stoa__bound *b;
	size_t index;
	bool ok;

	if (!name_of(a->text) && !stoa__is_aggregate_name(a))
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL,
				       "%.*s() is neither an aggregate nor a window function: it takes no OVER",
				       stoa__shown(a->text.len), a->text.p);
	if (!bn->may_window)
		return stoa__bind_fail(bn, &a->at, STOA_EINVAL,
				       "window functions stand in the select list and ORDER BY only: "
				       "use a subquery");
	bn->may_window = false;
	ok = bind_whole(bn, a, &w);
	bn->may_window = true;
	if (!ok)
		return NULL;
	index = list_window(bn, &w);
	b = stoa__bound_new(bn, STOA__BOUND_WINDOW, &a->at, w.agg.type, 0);
	if (b)
		b->index = (uint32_t)index;
	return b;
}
