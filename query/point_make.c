/* SPDX-License-Identifier: MIT */
/*
 * point_make.c - from what a statement asks for to programs over one row
 *
 * A point that is made is kept with its statement, even one that says that the statement is none of
 * these: nobody asks again before the schema or a type changes.
 *
 * Values that are stored as they come, a parameter in VALUES or behind SET, need no program, and no
 * type either: stoa_insert() and stoa_update() convert them.
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/alloc.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "point_own.h"

void stoa__point_free(struct stoa__point *p)
{
	if (!p)
		return;
	stoa__machine_free(p->where);
	stoa__machine_free(p->out);
	stoa__free(p->cells);
	stoa__buf_release(&p->scratch);
	stoa__arena_release(&p->arena);
	stoa__free(p);
}

/* ---- constants ------------------------------------------------------------------------------- */

/* Is it told by a glance? A number that is no integer of 64 bits is not. */
static bool is_constant(const struct stoa__ast *a)
{
	int64_t i;

	switch ((enum stoa__ast_kind)a->kind) {
	case STOA__AST_PARAM:
	case STOA__AST_NULL:
	case STOA__AST_BOOL:
	case STOA__AST_STRING: return true;
	case STOA__AST_NUMBER: return stoa__parse_i64(a->text.p, a->text.len, &i) == STOA_OK;
	default: return false;
	}
}

struct stoa_value stoa__point_constant(const struct stoa__ast *a, const struct stoa_value *params)
{
	struct stoa_value v = stoa_i64(0);

	switch ((enum stoa__ast_kind)a->kind) {
	case STOA__AST_PARAM: return params[a->op - 1];
	case STOA__AST_BOOL: return stoa_bool(a->op);
	case STOA__AST_STRING: return stoa_bytes_value(STOA_TEXT, a->text.p, a->text.len);
	case STOA__AST_NUMBER:
		(void)!stoa__parse_i64(a->text.p, a->text.len, &v.i);
		return v;
	default: return stoa_null();
	}
}

bool stoa__point_is_plain(unsigned type, const struct stoa_value *v)
{
	bool whole = stoa__type_is_int(v->type) || v->type == STOA_U64;

	if (v->type == type || v->type == STOA_NULL)
		return true;
	if (type == STOA_STRING || type == STOA_TEXT)
		return v->type == STOA_STRING || v->type == STOA_TEXT;
	if (stoa__type_is_ref(type))
		return whole;
	return (stoa__type_is_number(type) && whole) || (type == STOA_F32 && v->type == STOA_F64) ||
	       (type == STOA_F64 && v->type == STOA_F32);
}

/* ---- which row ------------------------------------------------------------------------------- */

/* Conditions that all must hold, and which of them name the row. */
struct terms {
	struct stoa__ast *const *items;
	size_t n;
	bool *used;
};

static bool is_column(const struct stoa__point_ask *q, const struct stoa__ast *a)
{
	return a->kind == STOA__AST_NAME &&
	       (!a->qualifier.p || (a->qualifier.len == q->name.len &&
				    !strncasecmp(a->qualifier.p, q->name.p, q->name.len)));
}

/* The constant that @term says the column called @name is equal to; NULL: it is no such term. */
static const struct stoa__ast *equal_to(const struct stoa__point_ask *q,
					const struct stoa__ast *term, const char *name)
{
	const struct stoa__ast *a = term->a, *b = term->b;

	if (term->kind != STOA__AST_BINARY || term->op != STOA__OP_EQ)
		return NULL;
	if (!is_column(q, a)) {
		a = term->b;
		b = term->a;
	}
	return is_column(q, a) && is_constant(b) && stoa__same_name(a->text, name) ? b : NULL;
}

/* The first term that says what the column called @name is equal to; terms->n: none. */
static size_t find_term(const struct stoa__point_ask *q, const struct terms *terms,
			const char *name)
{
	size_t i = 0;

	while (i < terms->n && !equal_to(q, terms->items[i], name))
		i++;
	return i;
}

static bool name_by_set(struct stoa__point *p, const struct stoa__point_ask *q, struct terms *terms,
			const struct stoa__index_def *def)
{
	size_t at[STOA_INDEX_SLOTS_MAX];

	if (def->kind != STOA_INDEX_SET || !(def->flags & STOA_INDEX_UNIQUE))
		return false;
	for (uint32_t k = 0; k < def->n_slots; k++) {
		const struct stoa_slot *slot = &q->t->schema->defs[def->slots[k]];

		at[k] = find_term(q, terms, slot->name);
		if (at[k] == terms->n || slot->type == STOA_F32 || slot->type == STOA_F64)
			return false;
	}
	for (uint32_t k = 0; k < def->n_slots; k++) {
		p->key[k] = equal_to(q, terms->items[at[k]],
				     q->t->schema->defs[def->slots[k]].name);
		terms->used[at[k]] = true;
	}
	p->n_key = def->n_slots;
	p->set = def->id;
	return true;
}

static bool name_row(struct stoa__point *p, const struct stoa__point_ask *q, struct terms *terms)
{
	const struct stoa__schema *s = q->t->schema;
	size_t at = find_term(q, terms, "rowid");

	p->key = stoa__arena_array(&p->arena, STOA_INDEX_SLOTS_MAX, sizeof(*p->key));
	if (!p->key)
		return false;
	if (at < terms->n && stoa__schema_find(s, "rowid") < 0) {
		p->key[0] = equal_to(q, terms->items[at], "rowid");
		p->n_key = 1;
		terms->used[at] = true;
		return true;
	}
	for (uint32_t i = 0; i < s->n_indexes; i++)
		if (name_by_set(p, q, terms, &s->indexes[i]))
			return true;
	return false;
}

/* ---- compiling ------------------------------------------------------------------------------- */

static void add_column(struct stoa__point *p, struct stoa__scope *scope, uint32_t at,
		       const struct stoa__scope_column *c)
{
	struct stoa__scope_column *to = stoa__arena_alloc(&p->arena, sizeof *to);

	p->types[at] = c->type;
	if (!to) {
		scope->n = 0;
		return;
	}
	*to = *c;
	to->var = at;
	scope->columns[scope->n++] = to;
}

static void add_slots(struct stoa__point *p, const struct stoa__point_ask *q,
		      struct stoa__scope *scope, uint32_t from, struct stoa_bytes table, bool came)
{
	for (uint32_t i = 0; i < p->n_row; i++) {
		const struct stoa_slot *slot = &q->t->schema->defs[i];
		struct stoa__scope_column c = {
			.name = slot->name,
			.table = table,
			.type = stoa__type_of_slot(slot),
			.not_null = !came && (slot->flags & STOA_NOT_NULL),
			.merged = came,		/* means nothing without the table's name */
			.slot = i,
		};

		add_column(p, scope, from + i, &c);
	}
}

/* Columns of the point, and names for all but the parameters. */
static bool make_columns(struct stoa__point *p, const struct stoa__point_ask *q,
			 struct stoa__scope *scope)
{
	p->n_row = q->t->schema->n_slots;
	p->first_came = p->n_row + 1;
	p->first_param = p->first_came + (q->with_came ? p->n_row : 0);
	p->n_columns = p->first_param + p->n_params;
	p->types = stoa__arena_array(&p->arena, p->n_columns, sizeof *p->types);
	p->values = stoa__arena_array(&p->arena, p->n_columns, sizeof *p->values);
	p->ready = stoa__arena_array(&p->arena, p->n_columns, sizeof *p->ready);
	p->cells = stoa__alloc_aligned((size_t)p->n_columns * STOA__POINT_CELL);
	scope->columns = stoa__arena_array(&p->arena, p->n_columns, sizeof(*scope->columns));
	if (!p->types || !p->values || !p->ready || !p->cells || !scope->columns)
		return false;
	memset(p->cells, 0, (size_t)p->n_columns * STOA__POINT_CELL);
	scope->table = q->name;
	scope->n_tables = q->with_came ? 2 : 1;
	add_slots(p, q, scope, 0, q->name, false);
	add_column(p, scope, p->n_row, &(struct stoa__scope_column){
		.name = "rowid", .table = q->name, .type = stoa__type_plain(STOA_I64),
		.not_null = true, .hidden = true, .slot = STOA__SLOT_ROWID });
	if (q->with_came)
		add_slots(p, q, scope, p->first_came, (struct stoa_bytes){ "excluded", 8 }, true);
	for (uint32_t i = 0; i < p->n_params; i++)
		p->types[p->first_param + i] = stoa__type_of_value(&q->params[i]);
	return scope->n == p->first_param;
}

static bool compile(struct stoa__point *p, struct stoa__bound *const *exprs, size_t n,
		    struct stoa__machine **out)
{
	struct stoa__prog *prog;

	for (size_t i = 0; i < n; i++)
		if (stoa__has_subquery(exprs[i]))
			return false;
	return !n || (stoa__prog_compile(&p->arena, exprs, n, &prog, NULL) == STOA_OK &&
		      stoa__machine_new(prog, 1, out, NULL) == STOA_OK);
}

static bool compile_where(struct stoa__point *p, struct stoa__binder *bn, const struct terms *terms)
{
	struct stoa__bound *all = NULL;

	for (size_t i = 0; i < terms->n; i++) {
		struct stoa__bound *b;

		if (terms->used[i])
			continue;
		b = stoa__bind_condition(bn, terms->items[i], "WHERE");
		all = all ? stoa__bind_both(bn, &terms->items[i]->at, STOA__BOUND_AND, all, b) : b;
		if (!all)
			return false;
	}
	return !all || compile(p, &all, 1, &p->where);
}

static struct stoa__bound *bind_output(struct stoa__point *p, struct stoa__binder *bn,
				       const struct stoa__point_output *o)
{
	struct stoa__ast *a;

	if (!o->expr && !o->slot)
		return stoa__bind_column(bn, &(struct stoa__token){ .line = 1, .column = 1 },
					 bn->scope->columns[o->column], 0);
	if (!o->slot)
		return stoa__bind(bn, o->expr);
	a = stoa__arena_zalloc(&p->arena, sizeof *a);
	if (!a)
		return NULL;
	a->kind = STOA__AST_ASSIGN;
	a->at = o->expr->at;
	a->a = (struct stoa__ast *)(uintptr_t)o->expr;
	a->slot = o->slot;
	return stoa__bind(bn, a);
}

static bool compile_outputs(struct stoa__point *p, struct stoa__binder *bn)
{
	struct stoa__bound **exprs = stoa__arena_array(&p->arena, p->n_outputs, sizeof(*exprs));
	size_t n = 0;

	for (size_t i = 0; exprs && i < p->n_outputs; i++) {
		if (p->outputs[i].bare)
			continue;
		exprs[n] = bind_output(p, bn, &p->outputs[i]);
		if (!exprs[n])
			return false;
		if (p->columns && exprs[n]->type.type != p->columns[i].type)
			return false;
		n++;
	}
	return exprs && compile(p, exprs, n, &p->out);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static bool room_for_outputs(struct stoa__point *p, size_t n)
{
	p->outputs = stoa__arena_array(&p->arena, n, sizeof *p->outputs);
	p->results = stoa__arena_array(&p->arena, n, sizeof *p->results);
	return p->outputs && p->results;
}

/* @expr (NULL: the default) is stored in @slot. */
static void add_stored(struct stoa__point *p, const struct stoa__ast *expr,
		       const struct stoa_slot *slot)
{
	p->outputs[p->n_outputs++] = (struct stoa__point_output){
		.expr = expr,
		.slot = slot,
		.bare = !expr || expr->kind == STOA__AST_DEFAULT || expr->kind == STOA__AST_PARAM,
	};
}

static bool list_sets(struct stoa__point *p, const struct stoa__point_ask *q)
{
	if (!room_for_outputs(p, p->n_row))
		return false;
	for (const struct stoa__assignment *a = q->sets; a; a = a->next)
		add_stored(p, a->expr, &q->t->schema->defs[q->slots[p->n_outputs]]);
	return true;
}

static bool list_values(struct stoa__point *p, const struct stoa__point_ask *q)
{
	const struct stoa__ast **exprs = stoa__arena_array(&p->arena, p->n_row, sizeof(*exprs));

	if (!exprs || !room_for_outputs(p, p->n_row))
		return false;
	for (uint32_t i = 0; i < q->row->n; i++)
		exprs[q->slots[i]] = q->row->items[i];
	for (uint32_t i = 0; i < p->n_row; i++)
		add_stored(p, exprs[i], &q->t->schema->defs[i]);
	return true;
}

/* Does the star @a stand for columns of the row? */
static bool list_star(struct stoa__point *p, const struct stoa__point_ask *q,
		      const struct stoa__ast *a, size_t max)
{
	if (a->qualifier.p && (a->qualifier.len != q->name.len ||
			       strncasecmp(a->qualifier.p, q->name.p, q->name.len)))
		return false;
	for (uint32_t i = 0; i < p->n_row; i++) {
		if (p->n_outputs == max)
			return false;
		p->outputs[p->n_outputs++] = (struct stoa__point_output){ .column = i };
	}
	return true;
}

/* The plan, which would do as well, says how columns are called. */
static bool list_items(struct stoa__point *p, const struct stoa__point_ask *q)
{
	struct stoa__plan *plan;

	if (stoa__plan_query(q->query, q->tables, q->params, p->n_params, &p->arena, &plan, NULL) < 0 ||
	    !room_for_outputs(p, plan->n_visible))
		return false;
	for (const struct stoa__ast_item *i = q->query->items->first; i; i = i->next) {
		if (i->expr->kind == STOA__AST_STAR) {
			if (!list_star(p, q, i->expr, plan->n_visible))
				return false;
		} else if (p->n_outputs == plan->n_visible) {
			return false;
		} else {
			p->outputs[p->n_outputs++] = (struct stoa__point_output){ .expr = i->expr };
		}
	}
	p->columns = plan->columns;
	return p->n_outputs == plan->n_visible;
}

static bool list_outputs(struct stoa__point *p, const struct stoa__point_ask *q)
{
	return q->query ? list_items(p, q) : q->row ? list_values(p, q) : list_sets(p, q);
}

static bool split_where(struct stoa__point *p, const struct stoa__point_ask *q, struct terms *out)
{
	bool many = q->where && q->where->kind == STOA__AST_AND;
	struct stoa__ast **one = stoa__arena_array(&p->arena, 1, sizeof(*one));

	if (!one)
		return false;
	*one = (struct stoa__ast *)(uintptr_t)q->where;
	out->items = many ? q->where->list->items : one;
	out->n = many ? q->where->list->n : q->where != NULL;
	out->used = stoa__arena_array(&p->arena, out->n, sizeof *out->used);
	return out->used != NULL;
}

/* Is it one of these statements? */
static bool make(struct stoa__point *p, const struct stoa__point_ask *q)
{
	bool *read = stoa__arena_array(&p->arena, p->n_params, sizeof *read);
	struct stoa__scope scope = { NULL };
	struct stoa__binder bn = {
		.arena = &p->arena, .scope = &scope, .tables = q->tables, .params = q->params,
		.n_params = p->n_params, .params_read = read, .no_aggregates = "here",
	};
	struct terms terms;

	if (!read || !make_columns(p, q, &scope) || !split_where(p, q, &terms) ||
	    (q->keyed && !name_row(p, q, &terms)) || !list_outputs(p, q))
		return false;
	bn.first_param = p->first_param;
	if (!compile_where(p, &bn, &terms) || !compile_outputs(p, &bn))
		return false;
	for (uint32_t i = 0; i < p->n_params; i++)
		p->params[i].read = read[i];
	return !bn.now;		/* what is computed once would stay as it was */
}

static struct stoa__point *point_new(const struct stoa__point_ask *q)
{
	struct stoa__point *p = stoa__calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->schema = q->t->schema->serial;
	p->n_params = q->stmt->n_params;
	p->params = stoa__arena_array(&p->arena, p->n_params, sizeof *p->params);
	if (!p->params) {
		stoa__point_free(p);
		return NULL;
	}
	for (uint32_t i = 0; i < p->n_params; i++)
		p->params[i] = (struct stoa__point_param){ true, q->params[i].type, q->params[i].scale };
	p->usable = make(p, q);
	return p;
}

static bool still_holds(const struct stoa__point *p, const struct stoa__point_ask *q)
{
	if (p->schema != q->t->schema->serial)
		return false;
	for (uint32_t i = 0; i < p->n_params; i++)
		if (p->params[i].read && (p->params[i].type != q->params[i].type ||
					  p->params[i].scale != q->params[i].scale))
			return false;
	return true;
}

/* The same whatever the parameters are. */
static struct stoa__point *point_for(struct stoa__point **kept, const struct stoa__point_ask *q)
{
	if (!*kept || !still_holds(*kept, q)) {
		stoa__point_free(*kept);
		*kept = point_new(q);
	}
	return *kept && (*kept)->usable ? *kept : NULL;
}

/*
 * Can it all be stored as it comes? Asked first, for a value that no slot takes is an error of no
 * row, too.
 */
static bool may_be_bare(const struct stoa__point *p, const struct stoa__point_ask *q)
{
	for (size_t i = 0; i < p->n_outputs; i++) {
		struct stoa_value v;

		if (!p->outputs[i].bare)
			continue;
		v = stoa__point_bare(&p->outputs[i], q);
		if (v.type != STOA_TYPE_DEFAULT && !stoa__point_is_plain(p->outputs[i].slot->type, &v))
			return false;
	}
	return true;
}

struct stoa__point *stoa__point_for(struct stoa__point **kept, const struct stoa__point_ask *q)
{
	struct stoa__point *p = point_for(kept, q);

	return p && may_be_bare(p, q) ? p : NULL;
}
