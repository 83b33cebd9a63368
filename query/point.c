/* SPDX-License-Identifier: MIT */
/*
 * point.c - see point.h
 *
 * A point is made from what a statement asks for (struct ask) and kept with it, even one that says
 * that the statement is none of these: nobody asks again before the schema or a type changes.
 *
 * Values that are stored as they come, a parameter in VALUES or behind SET, need no program, and no
 * type either: stoa_insert() and stoa_update() convert them.
 */
#include "point.h"

#include <string.h>
#include <strings.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "../lib/db.h"
#include "../lib/refs.h"

#define CELL 64		/* bytes of a column's one element, as kernels may read past it */

/* What is computed: an expression, or the column @column where there is none, stored in @slot. */
struct output {
	const struct stoa__ast *expr;
	const struct stoa_slot *slot;	/* NULL: as it is */
	uint32_t column;
	bool bare;			/* stored as it comes */
};

struct param {
	bool read;			/* by a program */
	uint8_t type, scale;		/* of the value that it was compiled for */
};

struct stoa__point {
	struct stoa__input input;
	struct stoa__arena arena;
	uint64_t schema;		/* its serial number */
	bool usable;
	struct param *params;
	uint32_t n_params;
	/* Columns: */
	uint32_t n_row, first_came, first_param, n_columns;
	struct stoa__type *types;
	struct stoa_value *values;
	bool *ready;			/* by column: its cell has the value */
	uint8_t *cells;
	/* The row's name: by rowid, or by the slots of a set; NULL: it has none. */
	const struct stoa__ast **key;
	size_t n_key;
	stoa_index set;			/* 0: by rowid */
	struct stoa__machine *where, *out;	/* NULL: nothing to compute */
	struct output *outputs;
	struct stoa_value *results;
	size_t n_outputs;
	const struct stoa_column *columns;	/* of a SELECT */
	/* Now: */
	struct stoa_txn *txn;
	const struct stoa__table *t;
	struct stoa__place at;
	struct stoa__buf scratch;	/* what values that were read borrow from */
};

/* What a statement asks for. */
struct ask {
	stoa_stmt *stmt;
	struct stoa__tables *tables;
	const struct stoa__table *t;
	const struct stoa_value *params;
	struct stoa_bytes name;			/* what qualifies the row's columns */
	const struct stoa__ast *where;
	bool keyed;				/* which of the rows is said by WHERE */
	bool with_came;
	/* One of: */
	const struct stoa__query *query;	/* a SELECT */
	const struct stoa__ast_list *row;	/* VALUES, */
	const struct stoa__assignment *sets;	/* SET, */
	const uint32_t *slots;			/* for these slots */
};

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

static struct stoa_value constant(const struct stoa__ast *a, const struct stoa_value *params)
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

/* Does storing @v in a slot of that type mean the same, wherever it fits, as an assignment does? */
static bool is_plain(unsigned type, const struct stoa_value *v)
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

static bool is_column(const struct ask *q, const struct stoa__ast *a)
{
	return a->kind == STOA__AST_NAME &&
	       (!a->qualifier.p || (a->qualifier.len == q->name.len &&
				    !strncasecmp(a->qualifier.p, q->name.p, q->name.len)));
}

/* The constant that @term says the column called @name is equal to; NULL: it is no such term. */
static const struct stoa__ast *equal_to(const struct ask *q, const struct stoa__ast *term,
					const char *name)
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
static size_t find_term(const struct ask *q, const struct terms *terms, const char *name)
{
	size_t i = 0;

	while (i < terms->n && !equal_to(q, terms->items[i], name))
		i++;
	return i;
}

static bool name_by_set(struct stoa__point *p, const struct ask *q, struct terms *terms,
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

static bool name_row(struct stoa__point *p, const struct ask *q, struct terms *terms)
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

static void add_slots(struct stoa__point *p, const struct ask *q, struct stoa__scope *scope,
		      uint32_t from, struct stoa_bytes table, bool came)
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
static bool make_columns(struct stoa__point *p, const struct ask *q, struct stoa__scope *scope)
{
	p->n_row = q->t->schema->n_slots;
	p->first_came = p->n_row + 1;
	p->first_param = p->first_came + (q->with_came ? p->n_row : 0);
	p->n_columns = p->first_param + p->n_params;
	p->types = stoa__arena_array(&p->arena, p->n_columns, sizeof *p->types);
	p->values = stoa__arena_array(&p->arena, p->n_columns, sizeof *p->values);
	p->ready = stoa__arena_array(&p->arena, p->n_columns, sizeof *p->ready);
	p->cells = stoa__alloc_aligned((size_t)p->n_columns * CELL);
	scope->columns = stoa__arena_array(&p->arena, p->n_columns, sizeof(*scope->columns));
	if (!p->types || !p->values || !p->ready || !p->cells || !scope->columns)
		return false;
	memset(p->cells, 0, (size_t)p->n_columns * CELL);
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
				       const struct output *o)
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
	p->outputs[p->n_outputs++] = (struct output){
		.expr = expr,
		.slot = slot,
		.bare = !expr || expr->kind == STOA__AST_DEFAULT || expr->kind == STOA__AST_PARAM,
	};
}

static bool list_sets(struct stoa__point *p, const struct ask *q)
{
	if (!room_for_outputs(p, p->n_row))
		return false;
	for (const struct stoa__assignment *a = q->sets; a; a = a->next)
		add_stored(p, a->expr, &q->t->schema->defs[q->slots[p->n_outputs]]);
	return true;
}

static bool list_values(struct stoa__point *p, const struct ask *q)
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
static bool list_star(struct stoa__point *p, const struct ask *q, const struct stoa__ast *a,
		      size_t max)
{
	if (a->qualifier.p && (a->qualifier.len != q->name.len ||
			       strncasecmp(a->qualifier.p, q->name.p, q->name.len)))
		return false;
	for (uint32_t i = 0; i < p->n_row; i++) {
		if (p->n_outputs == max)
			return false;
		p->outputs[p->n_outputs++] = (struct output){ .column = i };
	}
	return true;
}

/* The plan, which would do as well, says how columns are called. */
static bool list_items(struct stoa__point *p, const struct ask *q)
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
			p->outputs[p->n_outputs++] = (struct output){ .expr = i->expr };
		}
	}
	p->columns = plan->columns;
	return p->n_outputs == plan->n_visible;
}

static bool list_outputs(struct stoa__point *p, const struct ask *q)
{
	return q->query ? list_items(p, q) : q->row ? list_values(p, q) : list_sets(p, q);
}

static bool split_where(struct stoa__point *p, const struct ask *q, struct terms *out)
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
static bool make(struct stoa__point *p, const struct ask *q)
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

static struct stoa__point *point_new(const struct ask *q)
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
		p->params[i] = (struct param){ true, q->params[i].type, q->params[i].scale };
	p->usable = make(p, q);
	return p;
}

static bool still_holds(const struct stoa__point *p, const struct ask *q)
{
	if (p->schema != q->t->schema->serial)
		return false;
	for (uint32_t i = 0; i < p->n_params; i++)
		if (p->params[i].read && (p->params[i].type != q->params[i].type ||
					  p->params[i].scale != q->params[i].scale))
			return false;
	return true;
}

/* The point of a statement, made anew if it must be; NULL if there is none. */
static struct stoa__point *point_for(struct stoa__point **kept, const struct ask *q)
{
	if (!*kept || !still_holds(*kept, q)) {
		stoa__point_free(*kept);
		*kept = point_new(q);
	}
	return *kept && (*kept)->usable ? *kept : NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

/* A slot of the row; a weak reference to what does not live is NULL. */
static int read_slot(struct stoa__point *p, uint32_t i, struct stoa_error *err)
{
	const struct stoa__slot *slot = &p->t->schema->slots[i];
	struct stoa_value *v = &p->values[i];
	int rc;

	STOA_TRY(stoa__group_value(p->at.group, slot, i, p->at.row, &p->scratch, v, err));
	if (v->type != STOA_WEAK_REF)
		return STOA_OK;
	rc = stoa__row_exists(stoa__table_find(p->txn->version, slot->def.target), v->u, err);
	if (rc == STOA_ENOTFOUND)
		*v = stoa_null();
	return rc == STOA_ENOTFOUND ? STOA_OK : rc;
}

static void put(uint8_t *cell, unsigned phys, const struct stoa_value *v)
{
	union stoa__datum d = { .s = { "", 0 } };

	if (v->type != STOA_NULL)
		d = stoa__value_datum(v);
	else if (phys != STOA__PHYS_BYTES)
		d.i = 0;
	if (phys == STOA__PHYS_BOOL)
		*cell = d.i != 0;
	else
		memcpy(cell, &d, phys == STOA__PHYS_BYTES ? sizeof d.s : sizeof d.u);
}

static int point_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			struct stoa_error *err)
{
	static const uint64_t no_bits;
	struct stoa__point *p = (struct stoa__point *)in;
	unsigned phys = stoa__prog_phys(p->types[i].type);
	uint8_t *cell = p->cells + i * CELL;

	if (!p->ready[i]) {
		if (i < p->n_row)
			STOA_TRY(read_slot(p, (uint32_t)i, err));
		put(cell, phys, &p->values[i]);
		p->ready[i] = true;
	}
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)phys;
	out->type = p->types[i].type;
	out->scale = p->types[i].scale;
	out->n = 1;
	out->values = cell;
	out->validity = p->values[i].type == STOA_NULL ? &no_bits : NULL;
	return STOA_OK;
}

/*
 * What a program reads of the row may move when room has to be made for more of it: once again
 * then, there is room now.
 */
static int run(struct stoa__point *p, struct stoa__machine *m)
{
	size_t room;

	do {
		room = p->scratch.cap;
		p->scratch.len = 0;
		memset(p->ready, 0, p->n_row * sizeof *p->ready);
		STOA_TRY(stoa__machine_run(m, &p->input, 1, NULL, NULL));
	} while (p->scratch.cap != room);
	return STOA_OK;
}

/* Which row it is: STOA_ROW, STOA_END, or an error without words. */
static int find(const struct stoa__point *p, const struct ask *q, struct stoa_txn *txn,
		stoa_table table, stoa_rowid *row)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	const struct stoa__index_def *def;

	for (size_t i = 0; i < p->n_key; i++) {
		key[i] = constant(p->key[i], q->params);
		if (key[i].type == STOA_NULL)
			return STOA_EUNSUPPORTED;
	}
	if (!p->set) {
		*row = (stoa_rowid)key[0].i;
		return key[0].type == STOA_I64 && key[0].i > 0 ? STOA_ROW : STOA_EUNSUPPORTED;
	}
	def = &q->t->schema->indexes[stoa__schema_find_index(q->t->schema, p->set)];
	for (size_t i = 0; i < p->n_key; i++)
		if (!is_plain(q->t->schema->defs[def->slots[i]].type, &key[i]))
			return STOA_EUNSUPPORTED;
	return stoa_set_find(txn, table, p->set, key, p->n_key, row, NULL);
}

/* Begins with the row (0: none) and what may be said of it: STOA_ROW, STOA_END, an error. */
static int begin(struct stoa__point *p, const struct ask *q, struct stoa_txn *txn, stoa_rowid row)
{
	const struct stoa__vec *v;

	p->input.column = point_column;
	p->txn = txn;
	p->t = q->t;
	if (row) {
		int rc = stoa__table_locate(q->t, row, &p->at, NULL);

		if (rc < 0)
			return rc == STOA_ENOTFOUND ? STOA_END : rc;
		p->values[p->n_row] = stoa_i64((int64_t)row);
	}
	for (uint32_t i = 0; i < p->n_params; i++)
		p->values[p->first_param + i] = q->params[i];
	memset(p->ready, 0, p->n_columns * sizeof *p->ready);
	if (!p->where)
		return STOA_ROW;
	STOA_TRY(run(p, p->where));
	v = stoa__machine_output(p->where, 0);
	return stoa__bit_get(v->validity, 0) && stoa__vec_datum(v, 0).i ? STOA_ROW : STOA_END;
}

/* What is stored as it comes. */
static struct stoa_value bare(const struct output *o, const struct ask *q)
{
	return !o->expr || o->expr->kind == STOA__AST_DEFAULT ? stoa_default() :
								constant(o->expr, q->params);
}

/* Can it be? Asked first, for a value that no slot takes is an error of no row, too. */
static bool may_be_bare(const struct stoa__point *p, const struct ask *q)
{
	for (size_t i = 0; i < p->n_outputs; i++) {
		struct stoa_value v;

		if (!p->outputs[i].bare)
			continue;
		v = bare(&p->outputs[i], q);
		if (v.type != STOA_TYPE_DEFAULT && !is_plain(p->outputs[i].slot->type, &v))
			return false;
	}
	return true;
}

/* All outputs: STOA_OK, or an error without words. */
static int compute(struct stoa__point *p, const struct ask *q, struct stoa_value *out)
{
	size_t n = 0;

	if (p->out)
		STOA_TRY(run(p, p->out));
	for (size_t i = 0; i < p->n_outputs; i++)
		out[i] = p->outputs[i].bare ?
				 bare(&p->outputs[i], q) :
				 stoa__vec_value(stoa__machine_output(p->out, n++), 0);
	return STOA_OK;
}

/* As point_for(), of a point that can take these parameters. */
static struct stoa__point *usable_for(struct stoa__point **kept, const struct ask *q)
{
	struct stoa__point *p = point_for(kept, q);

	return p && may_be_bare(p, q) ? p : NULL;
}

/* ---- statements ------------------------------------------------------------------------------ */

static struct ask ask_of(const struct stoa__point_change *c, const struct stoa__table *t)
{
	const struct stoa__statement *s = stoa__stmt_about(c->stmt);
	struct stoa_bytes own = { s->table.p, s->table.len };

	return (struct ask){ .stmt = c->stmt, .tables = c->tables, .t = t, .params = c->params,
			     .name = s->alias.p ? s->alias : own, .slots = c->slots };
}

/* Adds a row: STOA_OK or an error. */
static int insert(const struct stoa__point_change *c, struct stoa__point *p, const struct ask *q)
{
	stoa_rowid row;

	STOA_TRY(begin(p, q, c->txn, 0));
	STOA_TRY(compute(p, q, p->results));
	return stoa_insert(c->txn, c->table, p->results, p->n_outputs, &row, NULL);
}

/* Changes the row, or takes it out: STOA_OK, STOA_END where there is none, or an error. */
static int change(const struct stoa__point_change *c, struct stoa__point *p, const struct ask *q)
{
	stoa_rowid row;
	int rc = find(p, q, c->txn, c->table, &row);

	if (rc == STOA_ROW)
		rc = begin(p, q, c->txn, row);
	if (rc != STOA_ROW)
		return rc;
	if (stoa__stmt_about(c->stmt)->kind == STOA__STATEMENT_DELETE)
		return stoa_delete(c->txn, c->table, row, NULL);
	STOA_TRY(compute(p, q, p->results));
	return stoa_update(c->txn, c->table, row, c->slots, p->results, p->n_outputs, NULL);
}

/* What @c's statement asks for; NULL where it is none for a point. EXPLAIN is about plans. */
static struct stoa__point *changing(const struct stoa__point_change *c, struct ask *q)
{
	static const struct stoa__ast_list defaults;
	const struct stoa__statement *s = stoa__stmt_about(c->stmt);
	bool inserts = s->kind == STOA__STATEMENT_INSERT;
	const struct stoa__ast_list *row = c->rows ? c->rows->items[0]->list : &defaults;
	struct stoa__table *t;

	if (c->stmt->tree->inner || s->from || s->with || (inserts && s->query && !c->rows) ||
	    (c->rows && (c->rows->n != 1 || row->n != c->n_slots)) ||
	    stoa__txn_table(c->txn, c->table, &t, NULL) < 0)
		return NULL;
	*q = ask_of(c, t);
	q->keyed = !inserts;
	q->where = s->where;
	q->row = inserts ? row : NULL;
	q->sets = s->sets;
	return usable_for(&c->stmt->point, q);
}

int stoa__point_change(const struct stoa__point_change *c, uint64_t *n)
{
	const struct stoa__statement *s = stoa__stmt_about(c->stmt);
	struct stoa__point *p;
	struct ask q;
	int rc;

	p = s->returning || s->conflict ? NULL : changing(c, &q);
	if (!p)
		return STOA_END;
	rc = s->kind == STOA__STATEMENT_INSERT ? insert(c, p, &q) : change(c, p, &q);
	*n = rc == STOA_OK;
	return rc < 0 ? STOA_END : STOA_ROW;
}

int stoa__point_values(const struct stoa__point_change *c, struct stoa_value *values)
{
	struct stoa__point *p;
	struct ask q;

	p = changing(c, &q);
	if (!p || begin(p, &q, c->txn, 0) < 0 || compute(p, &q, p->results) < 0)
		return STOA_END;
	for (uint32_t i = 0; i < p->n_row; i++) {
		const struct stoa_slot *slot = &q.t->schema->defs[i];

		if (p->results[i].type == STOA_TYPE_DEFAULT)
			values[i] = slot->value;
		else if (stoa__convert(slot, &p->results[i], &values[i], NULL) < 0)
			return STOA_END;
	}
	return STOA_ROW;
}

/* What came must be as its slot stores it, but for the width of an integer. */
static bool fits(const struct stoa_slot *slot, const struct stoa_value *v)
{
	bool whole = stoa__type_is_int(v->type) || v->type == STOA_U64;

	if (v->type == STOA_NULL)
		return true;
	if (slot->type == STOA_DECIMAL)
		return v->type == STOA_DECIMAL && v->scale == slot->scale;
	if (stoa__type_is_int(slot->type) || stoa__type_is_ref(slot->type))
		return v->type == slot->type || whole;
	return v->type == slot->type ||
	       (stoa__type_is_text(slot->type) && stoa__type_is_text(v->type));
}

int stoa__point_upsert(const struct stoa__point_change *c, stoa_rowid row,
		       const struct stoa_value *came, struct stoa_value *changes)
{
	const struct stoa__conflict *conflict = stoa__stmt_about(c->stmt)->conflict;
	struct stoa__table *t;
	struct stoa__point *p;
	struct ask q;
	int rc;

	if (c->stmt->tree->inner)
		return STOA_EUNSUPPORTED;
	STOA_TRY(stoa__txn_table(c->txn, c->table, &t, NULL));
	q = ask_of(c, t);
	q.with_came = true;
	q.where = conflict->where;
	q.sets = conflict->sets;
	p = usable_for(&c->stmt->upsert, &q);
	if (!p)
		return STOA_EUNSUPPORTED;
	for (uint32_t i = 0; i < p->n_row; i++) {
		if (!fits(&t->schema->defs[i], &came[i]))
			return STOA_EUNSUPPORTED;
		p->values[p->first_came + i] = came[i];
	}
	rc = begin(p, &q, c->txn, row);
	if (rc != STOA_ROW)
		return rc;
	rc = compute(p, &q, changes);
	return rc < 0 ? rc : STOA_ROW;
}

/* ---- SELECT ---------------------------------------------------------------------------------- */

/* An operator of one row, which is there already. */
struct one_row {
	struct stoa__op op;
	struct stoa__vec *columns;
	bool over;
};

static int one_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct one_row *o = (struct one_row *)op;

	(void)err;
	if (o->over)
		return STOA_END;
	o->over = true;
	*n = 1;
	return STOA_ROW;
}

static int one_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		      struct stoa_error *err)
{
	(void)err;
	*out = ((struct one_row *)in)->columns[i];
	return STOA_OK;
}

static void one_close(struct stoa__op *op)
{
	(void)op;	/* its cursor's arena has it */
}

/* A vector of one element, with all that it borrows, for as long as the cursor. */
static bool keep(struct stoa__arena *arena, const struct stoa__vec *v, struct stoa__vec *out)
{
	struct { uint64_t validity; union stoa__datum d; } *own = stoa__arena_zalloc(arena, sizeof *own);

	if (!own)
		return false;
	*out = *v;
	out->kind = STOA__VEC_FLAT;
	out->n = 1;
	out->values = &own->d;
	out->validity = &own->validity;
	own->validity = stoa__bit_get(v->validity, 0);
	own->d = stoa__vec_datum(v, 0);
	if (v->phys == STOA__PHYS_BOOL)
		*(uint8_t *)&own->d = own->d.i != 0;
	if (v->phys == STOA__PHYS_BYTES) {
		own->d.s.p = stoa__arena_copy(arena, own->d.s.p, own->validity ? own->d.s.len : 0);
		return own->d.s.p != NULL;
	}
	return true;
}

static int put_row(struct stoa__query_cursor *q, const struct stoa__point *p)
{
	static const struct stoa__op_ops ops = { one_next, one_close, NULL, NULL };
	struct one_row *o = stoa__arena_zalloc(&q->arena, sizeof *o);

	if (!o)
		return STOA_ENOMEM;
	o->op.input.column = one_column;
	o->op.ops = &ops;
	o->columns = stoa__arena_array(&q->arena, p->n_outputs, sizeof *o->columns);
	for (size_t i = 0; i < p->n_outputs; i++) {
		/* Room for one element, where the cursor would make some for a batch. */
		q->results[i].lent = stoa__arena_alloc(&q->arena, sizeof(struct stoa_bytes));
		if (!o->columns || !q->results[i].lent ||
		    !keep(&q->arena, stoa__machine_output(p->out, i), &o->columns[i]))
			return STOA_ENOMEM;
	}
	q->root = &o->op;
	return STOA_OK;
}

/* Names may not go with the point: another execution may make a new one. */
static int put_columns(struct stoa__query_cursor *q, const struct stoa__point *p)
{
	struct stoa_column *columns = stoa__arena_array(&q->arena, p->n_outputs, sizeof *columns);

	q->results = stoa__calloc(p->n_outputs + 1, sizeof *q->results);
	q->arrays = stoa__calloc(p->n_outputs + 1, sizeof *q->arrays);
	if (!columns || !q->results || !q->arrays)
		return STOA_ENOMEM;
	for (size_t i = 0; i < p->n_outputs; i++) {
		columns[i] = p->columns[i];
		columns[i].name = stoa__arena_copy(&q->arena, columns[i].name,
						   strlen(columns[i].name));
		if (!columns[i].name)
			return STOA_ENOMEM;
	}
	q->columns = columns;
	q->n_columns = p->n_outputs;
	q->run.watch = &q->cursor.watch;
	return STOA_OK;
}

/* Is it a SELECT of expressions FROM one table WHERE something? */
bool stoa__point_may_select(const stoa_stmt *stmt)
{
	const struct stoa__query *q = stmt->tree->query;

	return q && q->from && q->from->kind == STOA__FROM_TABLE && !q->from->only &&
	       !q->from->columns && q->items && q->where && !q->distinct && !q->distinct_on &&
	       !q->values && !q->group_by && !q->having && !q->windows &&
	       q->set_op == STOA__SET_NONE && !q->with && !q->order_by && !q->limit && !q->offset;
}

static int find_table(const struct stoa__from *f, stoa_txn *txn, stoa_table *table,
		      struct stoa__table **t)
{
	char name[STOA_NAME_MAX + 1];

	if (f->name.len > STOA_NAME_MAX || memchr(f->name.p, 0, f->name.len))
		return STOA_ENOTFOUND;
	memcpy(name, f->name.p, f->name.len);
	name[f->name.len] = 0;
	STOA_TRY(stoa_table_find(txn, name, table, NULL));
	return stoa__txn_table(txn, *table, t, NULL);
}

int stoa__point_select(struct stoa__query_cursor *c, stoa_txn *txn, struct stoa__tables *tables)
{
	const struct stoa__query *query = c->stmt->tree->query;
	struct ask q = { .stmt = c->stmt, .tables = tables, .params = c->params, .keyed = true,
			 .query = query, .where = query->where };
	struct stoa__table *t;
	struct stoa__point *p;
	stoa_table table;
	stoa_rowid row;
	int rc;

	STOA_TRY(find_table(query->from, txn, &table, &t));
	q.t = t;
	q.name = query->from->alias.p ? query->from->alias : query->from->name;
	p = usable_for(&c->stmt->point, &q);
	if (!p)
		return STOA_EUNSUPPORTED;
	STOA_TRY(put_columns(c, p));
	rc = find(p, &q, txn, table, &row);
	if (rc == STOA_ROW)
		rc = begin(p, &q, txn, row);
	if (rc == STOA_ROW)
		rc = run(p, p->out);
	else
		return rc < 0 ? rc : STOA_OK;	/* no row */
	return rc < 0 ? rc : put_row(c, p);
}
