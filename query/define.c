/* SPDX-License-Identifier: MIT */
/*
 * define.c - CREATE, ALTER and DROP of tables and indexes; savepoints by name
 *
 * Each is one call of stoa.h, with what the statement says turned into its arguments: types into
 * slot types, defaults into values, which are computed once, here. CREATE TABLE AS is two: a table
 * made like the query's columns, and an INSERT of its rows (change.c's), under a savepoint.
 */
#include "define.h"

#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "../lib/core/type.h"
#include "../lib/db.h"
#include "change.h"

struct define {
	stoa_stmt *stmt;
	const struct stoa__statement *s;
	struct stoa__tables *tables;
	const struct stoa_value *params;	/* NULL while it is checked */
	struct stoa__arena *arena;
	struct stoa_error *err;
	stoa_txn *txn;
};

/* Errors of the public calls know no place; this one is @at. */
static int place(struct define *d, const struct stoa__token *at, int rc)
{
	if (rc < 0 && rc != STOA_ENOMEM && d->err && !d->err->line) {
		d->err->line = at->line;
		d->err->column = at->column;
	}
	return rc;
}

static int name_of(struct define *d, const struct stoa__token *t, const char **out)
{
	*out = stoa__arena_copy(d->arena, t->p, t->len);
	if (!*out)
		return stoa__fail_memory(d->err);
	if (memchr(t->p, 0, t->len))
		return stoa__fail_at(d->err, STOA_EINVAL, t->line, t->column,
				     "a name has no zero bytes");
	return STOA_OK;
}

/*
 * ---- columns ------------------------------------------------------------------------------------
 */

/* The table of a reference; 0, which is the slot's own, for the one that is being made. */
static int slot_target(struct define *d, const struct stoa__ast_type *t, struct stoa_slot *slot)
{
	const char *name, *own;

	slot->type = t->weak ? STOA_WEAK_REF : STOA_REF;
	STOA_TRY(name_of(d, &t->target, &name));
	STOA_TRY(name_of(d, &d->s->table, &own));
	if (stoa__name_equal(name, own) || !d->txn)
		return STOA_OK;		/* checked without a transaction: whether it is there shows when it runs */
	return place(d, &t->target, stoa_table_find(d->txn, name, &slot->target, d->err));
}

/* string and text are one type in expressions, and two in tables. */
static int slot_type(struct define *d, const struct stoa__ast_type *t, struct stoa_slot *slot)
{
	static const char *const interned[] = { "string", "varchar", "character", "char" };
	struct stoa__type type;

	if (t->target.kind && stoa__same_name((struct stoa_bytes){ t->name.p, t->name.len }, "ref"))
		return slot_target(d, t, slot);
	if (!stoa__type_named(t->name.p, t->name.len, t->n_args, t->args, &type))
		return stoa__fail_at(d->err, STOA_EINVAL, t->name.line, t->name.column,
				     "there is no type '%.*s'%s",
				     (int)(t->name.len > 60 ? 60 : t->name.len), t->name.p,
				     stoa__type_hint(t->name.p, t->name.len, t->n_args));
	slot->type = type.type;
	slot->precision = type.precision;
	slot->scale = type.scale;
	for (size_t i = 0; i < sizeof interned / sizeof *interned; i++)
		if (stoa__same_name((struct stoa_bytes){ t->name.p, t->name.len }, interned[i]))
			slot->type = STOA_STRING;
	return STOA_OK;
}

static int slot_default(struct define *d, const struct stoa__ast *a, struct stoa_slot *slot)
{
	struct stoa__binder bn = { .arena = d->arena, .err = d->err, .tables = d->tables,
				   .params = d->params, .n_params = d->stmt->n_params,
				   .no_aggregates = "DEFAULT" };
	struct stoa__bound *b = stoa__assign(&bn, &a->at, stoa__bind(&bn, a), slot);

	STOA_TRY(bn.rc);
	if (b->kind != STOA__BOUND_CONST)
		return stoa__fail_at(d->err, STOA_EINVAL, a->at.line, a->at.column,
				     "the default of '%s' is no constant of type %s", slot->name,
				     stoa_type_name(slot->type));
	slot->value = b->value;
	return STOA_OK;
}

static int make_slot(struct define *d, const struct stoa__column_def *def, struct stoa_slot *slot)
{
	STOA_TRY(name_of(d, &def->name, &slot->name));
	STOA_TRY(slot_type(d, def->type, slot));
	if (def->not_null || def->primary.kind)
		slot->flags = STOA_NOT_NULL;
	return def->value ? slot_default(d, def->value, slot) : STOA_OK;
}

/*
 * ---- keys ---------------------------------------------------------------------------------------
 */

/* PRIMARY KEY or UNIQUE, for which @at stands. */
static int make_key(struct define *d, stoa_table table, const struct stoa__token *at, bool primary,
		    const uint32_t *slots, size_t n)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;

	o.kind = STOA_INDEX_SET;
	o.flags = STOA_INDEX_UNIQUE | (primary ? STOA_INDEX_PRIMARY : 0u);
	o.slots = slots;
	o.n_slots = n;
	return place(d, at, stoa_index_create(d->txn, table, &o, NULL, d->err));
}

/* The positions of the columns of a key, among @slots. */
static int key_slots(struct define *d, const struct stoa__key_def *key,
		     const struct stoa_slot *slots, size_t n_slots, uint32_t *out)
{
	for (uint32_t i = 0; i < key->columns->n; i++) {
		const struct stoa__ast *a = key->columns->items[i];
		size_t k = 0;
		while (k < n_slots && !stoa__same_name(a->text, slots[k].name))
			k++;
		if (k == n_slots)
			return stoa__fail_at(d->err, STOA_ENOTFOUND, a->at.line, a->at.column,
					     "there is no column '%.*s'", stoa__shown(a->text.len),
					     a->text.p);
		out[i] = (uint32_t)k;
	}
	return STOA_OK;
}

/* What a primary key names is not null. */
static int mark_primary(struct define *d, struct stoa_slot *slots, size_t n_slots)
{
	for (const struct stoa__key_def *key = d->s->keys; key; key = key->next) {
		uint32_t *at = stoa__arena_array(d->arena, key->columns->n, sizeof *at);
		if (!at)
			return stoa__fail_memory(d->err);
		STOA_TRY(key_slots(d, key, slots, n_slots, at));
		for (uint32_t i = 0; key->primary && i < key->columns->n; i++)
			slots[at[i]].flags |= STOA_NOT_NULL;
	}
	return STOA_OK;
}

static int make_slots(struct define *d, struct stoa_slot **out, size_t *n)
{
	*n = 0;
	for (const struct stoa__column_def *def = d->s->defs; def; def = def->next)
		++*n;
	*out = stoa__arena_array(d->arena, *n, sizeof **out);
	if (!*out)
		return stoa__fail_memory(d->err);
	*n = 0;
	for (const struct stoa__column_def *def = d->s->defs; def; def = def->next)
		STOA_TRY(make_slot(d, def, &(*out)[(*n)++]));
	return mark_primary(d, *out, *n);
}

/* The column of ALTER TABLE ADD. */
static int make_added(struct define *d, struct stoa_slot **slots, size_t *n)
{
	const struct stoa__column_def *def = d->s->defs;
	const struct stoa__token *at = def->primary.kind ? &def->primary : &def->unique;

	if (at->kind)
		return stoa__fail_at(d->err, STOA_EUNSUPPORTED, at->line, at->column,
				     "a key of a column that is added is not supported: CREATE UNIQUE "
				     "INDEX ON it afterwards");
	return make_slots(d, slots, n);
}

static int make_keys(struct define *d, stoa_table table, const struct stoa_slot *slots, size_t n)
{
	uint32_t k = 0;

	for (const struct stoa__column_def *c = d->s->defs; c; c = c->next, k++) {
		if (c->primary.kind)
			STOA_TRY(make_key(d, table, &c->primary, true, &k, 1));
		if (c->unique.kind)
			STOA_TRY(make_key(d, table, &c->unique, false, &k, 1));
	}
	for (const struct stoa__key_def *key = d->s->keys; key; key = key->next) {
		uint32_t *at = stoa__arena_array(d->arena, key->columns->n, sizeof *at);
		if (!at)
			return stoa__fail_memory(d->err);
		STOA_TRY(key_slots(d, key, slots, n, at));
		STOA_TRY(make_key(d, table, &key->at, key->primary, at, key->columns->n));
	}
	return STOA_OK;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* STOA_OK, STOA_ENOTFOUND with the table's place. */
static int find_table(struct define *d, stoa_table *out)
{
	const char *name;

	STOA_TRY(name_of(d, &d->s->table, &name));
	return place(d, &d->s->table, stoa_table_find(d->txn, name, out, d->err));
}

/* Is there nothing to do, as the table is there, or is not, and the statement says IF? */
static int is_done(struct define *d, bool wanted, bool *done)
{
	stoa_table table;
	const char *name;

	*done = false;
	if (!d->s->if_exists)
		return STOA_OK;
	STOA_TRY(name_of(d, &d->s->table, &name));
	int rc = stoa_table_find(d->txn, name, &table, d->err);
	if (rc < 0 && rc != STOA_ENOTFOUND)
		return place(d, &d->s->table, rc);
	*done = (rc == STOA_OK) == wanted;
	return STOA_OK;
}

static int create_with_keys(struct define *d, const char *name, const struct stoa_slot *slots,
			    size_t n)
{
	stoa_table table;

	STOA_TRY(place(d, &d->s->table, stoa_table_create(d->txn, name, slots, n, &table, d->err)));
	return make_keys(d, table, slots, n);
}

static int create(struct define *d)
{
	struct stoa_slot *slots;
	const char *name;
	uint32_t mark;
	size_t n;
	bool done;

	STOA_TRY(name_of(d, &d->s->table, &name));
	STOA_TRY(make_slots(d, &slots, &n));
	STOA_TRY(is_done(d, true, &done));
	if (done)
		return STOA_OK;
	STOA_TRY(stoa_savepoint(d->txn, &mark, d->err));
	int rc = create_with_keys(d, name, slots, n);
	if (rc < 0)
		STOA_TRY(stoa_rollback_to(d->txn, mark, NULL));
	STOA_TRY(stoa_release(d->txn, mark, NULL));
	return rc;
}

static int create_like(struct define *d, const struct stoa__query_cursor *q)
{
	struct stoa_slot *slots = stoa__arena_array(d->arena, q->n_columns, sizeof *slots);
	const char *name;
	stoa_table table;

	STOA_TRY(name_of(d, &d->s->table, &name));
	if (!slots)
		return stoa__fail_memory(d->err);
	for (size_t i = 0; i < q->n_columns; i++)
		slots[i] = (struct stoa_slot){ .name = q->columns[i].name,
					       .type = q->columns[i].type,
					       .precision = q->columns[i].precision,
					       .scale = q->columns[i].scale };
	return place(d, &d->s->table,
		     stoa_table_create(d->txn, name, slots, q->n_columns, &table, d->err));
}

/* The query is opened first: it does not see the table that it will fill. */
static int create_as(struct define *d, uint64_t *changes)
{
	struct stoa__query_cursor *q;
	stoa_table table = 0;

	STOA_TRY(stoa__query_cursor_new(d->stmt, &q, d->err));
	int rc = stoa__query_cursor_plan(q, d->s->query, d->tables, d->err);
	if (rc == STOA_OK)
		rc = stoa__query_cursor_start(q, d->tables, NULL, d->err);
	if (rc == STOA_OK)
		rc = create_like(d, q);
	if (rc == STOA_OK)
		rc = find_table(d, &table);
	if (rc == STOA_OK)
		rc = stoa__change_fill(d->txn, table, &q->cursor, changes, d->err);
	stoa_cursor_close(&q->cursor);
	return rc;
}

static int create_as_whole(struct define *d, uint64_t *changes)
{
	uint32_t mark;
	bool done;

	STOA_TRY(is_done(d, true, &done));
	if (done)
		return STOA_OK;
	STOA_TRY(stoa_savepoint(d->txn, &mark, d->err));
	int rc = create_as(d, changes);
	if (rc < 0)
		STOA_TRY(stoa_rollback_to(d->txn, mark, NULL));
	STOA_TRY(stoa_release(d->txn, mark, NULL));
	return rc;
}

static int drop(struct define *d)
{
	stoa_table table;
	bool done;

	STOA_TRY(is_done(d, false, &done));
	if (done)
		return STOA_OK;
	STOA_TRY(find_table(d, &table));
	return place(d, &d->s->table, stoa_table_drop(d->txn, table, d->err));
}

static int alter(struct define *d)
{
	struct stoa_slot *slots;
	const char *name = NULL, *new_name = NULL;
	stoa_table table;
	size_t n;

	STOA_TRY(find_table(d, &table));
	if (d->s->name.kind)
		STOA_TRY(name_of(d, &d->s->name, &name));
	if (d->s->new_name.kind)
		STOA_TRY(name_of(d, &d->s->new_name, &new_name));
	switch (d->s->kind) {
	case STOA__STATEMENT_ADD_COLUMN:
		STOA_TRY(make_added(d, &slots, &n));
		return place(d, &d->s->defs->name, stoa_slot_add(d->txn, table, slots, d->err));
	case STOA__STATEMENT_DROP_COLUMN:
		return place(d, &d->s->name, stoa_slot_drop(d->txn, table, name, d->err));
	case STOA__STATEMENT_RENAME_COLUMN:
		return place(d, &d->s->name,
			     stoa_slot_rename(d->txn, table, name, new_name, d->err));
	default:
		return place(d, &d->s->new_name,
			     stoa_table_rename(d->txn, table, new_name, d->err));
	}
}

/* ---- indexes --------------------------------------------------------------------------------- */

/* Is there an index of that name? STOA_OK, STOA_ENOTFOUND. */
static int find_index(struct define *d, stoa_table table, const char *name, stoa_index *out)
{
	return place(d, &d->s->name, stoa_index_find(d->txn, table, name, out, d->err));
}

static int wrong_option(struct define *d, const struct stoa__token *at, const char *what)
{
	return stoa__fail_at(d->err, STOA_EINVAL, at->line, at->column, "%s", what);
}

/* A number of an option, from 1 to @max. */
static int option_number(struct define *d, const struct stoa__ast *a, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (a->kind != STOA__AST_NUMBER)
		return wrong_option(d, &a->at, "a number is wanted here");
	if (stoa__parse_u64(a->text.p, a->text.len, &n) < 0 || !n || n > max)
		return wrong_option(d, &a->at, "this number is none of rows or attempts");
	*out = n;
	return STOA_OK;
}

/* The table for dead letters. */
static int option_table(struct define *d, const struct stoa__ast *a, stoa_table *out)
{
	char *name;

	if (a->kind != STOA__AST_NAME || a->qualifier.p)
		return wrong_option(d, &a->at, "the name of a table is wanted here");
	name = stoa__arena_copy(d->arena, a->text.p, a->text.len);
	if (!name)
		return stoa__fail_memory(d->err);
	return place(d, &a->at, stoa_table_find(d->txn, name, out, d->err));
}

/* WITH (maxlen = 100, attempts = 3, dead = letters) */
static int deque_options(struct define *d, struct stoa_index_options *o)
{
	for (const struct stoa__assignment *a = d->s->sets; a; a = a->next) {
		struct stoa_bytes name = { a->name.p, a->name.len };
		uint64_t n = 0;

		if (!a->expr)
			return wrong_option(d, &a->name, "an option is one name and one value");
		if (stoa__same_name(name, "maxlen")) {
			STOA_TRY(option_number(d, a->expr, UINT64_MAX, &o->maxlen));
		} else if (stoa__same_name(name, "attempts")) {
			STOA_TRY(option_number(d, a->expr, UINT32_MAX, &n));
			o->attempts_max = (uint32_t)n;
		} else if (stoa__same_name(name, "dead")) {
			STOA_TRY(option_table(d, a->expr, &o->dead));
		} else {
			return wrong_option(d, &a->name,
					    "a deque has the options maxlen, attempts and dead");
		}
	}
	return STOA_OK;
}

static int create_index(struct define *d)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct stoa__key_def key = { .at = d->s->at, .columns = d->s->columns };
	size_t n = key.columns ? key.columns->n : 0;
	uint32_t *slots = stoa__arena_array(d->arena, n + 1, sizeof *slots);
	struct stoa_table_info info;
	stoa_table table;
	stoa_index index;

	if (!slots)
		return stoa__fail_memory(d->err);
	STOA_TRY(find_table(d, &table));
	STOA_TRY(stoa_table_info(d->txn, table, &info, d->err));
	if (n)
		STOA_TRY(key_slots(d, &key, info.slots, info.n_slots, slots));
	if (d->s->name.kind)
		STOA_TRY(name_of(d, &d->s->name, &o.name));
	if (o.name && d->s->if_exists) {
		int rc = find_index(d, table, o.name, &index);
		if (rc != STOA_ENOTFOUND)
			return rc;
	}
	o.kind = d->s->kind == STOA__STATEMENT_CREATE_DEQUE ? STOA_INDEX_DEQUE : STOA_INDEX_SET;
	o.flags = d->s->unique ? STOA_INDEX_UNIQUE : 0;
	o.slots = slots;
	o.n_slots = n;
	STOA_TRY(deque_options(d, &o));
	return place(d, d->s->name.kind ? &d->s->name : &d->s->at,
		     stoa_index_create(d->txn, table, &o, NULL, d->err));
}

static int drop_index(struct define *d)
{
	stoa_table table;
	stoa_index index;
	const char *name;

	STOA_TRY(find_table(d, &table));
	STOA_TRY(name_of(d, &d->s->name, &name));
	int rc = find_index(d, table, name, &index);
	if (rc == STOA_ENOTFOUND && d->s->if_exists)
		return STOA_OK;
	STOA_TRY(rc);
	return place(d, &d->s->name, stoa_index_drop(d->txn, table, index, d->err));
}

/* ---- savepoints ------------------------------------------------------------------------------ */

static int savepoint(struct define *d)
{
	const struct stoa__token *t = &d->s->name;
	uint32_t mark;

	STOA_TRY(stoa_savepoint(d->txn, &mark, d->err));
	int rc = stoa__savepoint_name(d->txn, mark, t->p, t->len, d->err);
	if (rc < 0)
		STOA_TRY(stoa_release(d->txn, mark, NULL));
	return rc;
}

/* RELEASE, ROLLBACK TO: the newest savepoint of that name. */
static int to_savepoint(struct define *d)
{
	const struct stoa__token *t = &d->s->name;
	uint32_t mark;

	STOA_TRY(stoa__txn_enter_write(d->txn, d->err));
	mark = stoa__savepoint_find(d->txn, t->p, t->len);
	if (!mark)
		return stoa__fail_at(d->err, STOA_ENOTFOUND, t->line, t->column,
				     "the transaction has no savepoint '%.*s'",
				     stoa__shown(t->len), t->p);
	return d->s->kind == STOA__STATEMENT_RELEASE ? stoa_release(d->txn, mark, d->err) :
						       stoa_rollback_to(d->txn, mark, d->err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int check(struct define *d)
{
	struct stoa__plan *plan;
	struct stoa_slot *slots;
	size_t n;

	switch (d->s->kind) {
	case STOA__STATEMENT_CREATE: return make_slots(d, &slots, &n);
	case STOA__STATEMENT_ADD_COLUMN: return make_added(d, &slots, &n);
	case STOA__STATEMENT_CREATE_AS:
		return stoa__plan_query(d->s->query, d->tables, NULL, d->stmt->n_params, d->arena,
					&plan, d->err);
	default: return STOA_OK;
	}
}

int stoa__define_check(stoa_stmt *stmt, struct stoa__tables *tables, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct define d = { .stmt = stmt, .s = stmt->tree, .tables = tables, .arena = &arena,
			    .err = err };
	int rc = check(&d);

	stoa__arena_release(&arena);
	return rc;
}

static int run(struct define *d, uint64_t *changes)
{
	switch (d->s->kind) {
	case STOA__STATEMENT_CREATE: return create(d);
	case STOA__STATEMENT_CREATE_AS: return create_as_whole(d, changes);
	case STOA__STATEMENT_DROP_TABLE: return drop(d);
	case STOA__STATEMENT_CREATE_INDEX:
	case STOA__STATEMENT_CREATE_DEQUE: return create_index(d);
	case STOA__STATEMENT_DROP_INDEX: return drop_index(d);
	case STOA__STATEMENT_SAVEPOINT: return savepoint(d);
	case STOA__STATEMENT_RELEASE:
	case STOA__STATEMENT_ROLLBACK_TO: return to_savepoint(d);
	default: return alter(d);
	}
}

int stoa__define_run(stoa_stmt *stmt, stoa_txn *txn, uint64_t *changes, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__txn_tables t;
	struct define d = { .stmt = stmt, .s = stmt->tree, .params = stmt->params,
			    .arena = &arena, .err = err, .txn = txn };

	if (err)
		err->line = err->column = 0;
	STOA_TRY(stoa__txn_enter_write(txn, err));
	stoa__txn_tables_init(&t, txn);
	d.tables = &t.tables;
	int rc = run(&d, changes);
	stoa__txn_tables_release(&t);
	stoa__arena_release(&arena);
	return rc;
}
