/* SPDX-License-Identifier: MIT */
/*
 * upsert.c - INSERT ... ON CONFLICT: what becomes of a row whose key is taken
 *
 * Before a row is inserted its key is looked up in the unique set that the statement names by its
 * columns; DO NOTHING may name none, and means them all. A row in the way is left alone, or updated
 * by a query for its new values, over the row itself and the one that came:
 *
 *     DO UPDATE SET n = t.n + excluded.n WHERE c
 *     -> SELECT t.n + excluded.n AS n stores it FROM t, (SELECT values ...) AS excluded WHERE c
 *
 * of which t is that row alone. Columns of excluded are called by that name only, so that n alone
 * is the table's. Where every new value is a column of excluded there is nothing to compute, and no
 * query.
 */
#include "upsert.h"

#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "point.h"

/* A unique set, and where its key is among the slots. */
struct target {
	struct target *next;
	stoa_index index;
	uint32_t slots[STOA_INDEX_SLOTS_MAX];
	size_t n;
};

struct stoa__upsert {
	stoa_stmt *stmt;
	const struct stoa__statement *s;
	struct stoa__tables *tables;
	stoa_txn *txn;
	stoa_table table;
	const struct stoa_table_info *info;
	struct target *targets;		/* in the order of the indexes */
	uint32_t *slots;		/* that SET names */
	uint32_t *sources;		/* by them: the column of excluded that it is given */
	size_t n_slots;
	bool plain;			/* @sources say all */
	struct stoa_value *row;		/* values, defaults included */
	struct stoa_value *changes;
	struct stoa__arena scratch;	/* for a row */
};

static int find_slot(struct stoa__upsert *u, const struct stoa__token *at, struct stoa_bytes name,
		     uint32_t *out, struct stoa_error *err)
{
	for (size_t i = 0; i < u->info->n_slots; i++)
		if (stoa__same_name(name, u->info->slots[i].name)) {
			*out = (uint32_t)i;
			return STOA_OK;
		}
	return stoa__fail_at(err, STOA_ENOTFOUND, at->line, at->column,
			     "there is no column '%.*s' in the table",
			     stoa__shown(name.len), name.p);
}

/* ---- which sets ------------------------------------------------------------------------------ */

/* Does the statement mean the set of those @n slots? */
static bool is_meant(const uint32_t *wanted, size_t n_wanted, const uint32_t *slots, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n_wanted; k++)
			found += slots[i] == wanted[k];
	return found == n && n == n_wanted;
}

static int find_targets(struct stoa__upsert *u, const uint32_t *wanted, size_t n_wanted,
			struct stoa__arena *arena, struct stoa_error *err)
{
	const struct stoa__conflict *c = u->s->conflict;
	struct stoa_index_info info;
	struct target **end = &u->targets;
	stoa_index at = 0;
	int rc;

	while ((rc = stoa_index_next(u->txn, u->table, at, &at, err)) == STOA_ROW) {
		STOA_TRY(stoa_index_info(u->txn, u->table, at, &info, err));
		if (info.kind != STOA_INDEX_SET ||
		    !(info.flags & (STOA_INDEX_UNIQUE | STOA_INDEX_PRIMARY)) ||
		    (c->columns && !is_meant(wanted, n_wanted, info.slots, info.n_slots)))
			continue;
		struct target *t = stoa__arena_zalloc(arena, sizeof *t);
		if (!t)
			return stoa__fail_memory(err);
		*end = t;
		end = &t->next;
		t->index = at;
		t->n = info.n_slots;
		memcpy(t->slots, info.slots, info.n_slots * sizeof *info.slots);
	}
	STOA_TRY(rc);
	if (c->columns && !u->targets)
		return stoa__fail_at(err, STOA_EINVAL, c->at.line, c->at.column,
				     "no unique index and no primary key is on just these columns");
	return STOA_OK;
}

static int choose_targets(struct stoa__upsert *u, struct stoa__arena *arena, struct stoa_error *err)
{
	const struct stoa__conflict *c = u->s->conflict;
	size_t n = c->columns ? c->columns->n : 0;
	uint32_t *wanted = stoa__arena_array(arena, n, sizeof *wanted);

	if (!wanted)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++) {
		const struct stoa__ast *a = c->columns->items[i];
		STOA_TRY(find_slot(u, &a->at, a->text, &wanted[i], err));
	}
	if (c->sets && !n)
		return stoa__fail_at(err, STOA_EINVAL, c->at.line, c->at.column,
				     "DO UPDATE wants columns: ON CONFLICT (key) DO UPDATE ...");
	return u->txn ? find_targets(u, wanted, n, arena, err) : STOA_OK;
}

/* ---- the query for new values ---------------------------------------------------------------- */

static struct stoa__query *query_new(struct stoa__arena *arena, const struct stoa__token *at)
{
	struct stoa__query *q = stoa__arena_zalloc(arena, sizeof *q);

	if (!q)
		return NULL;
	q->items = stoa__arena_zalloc(arena, sizeof *q->items);
	q->at = *at;
	q->height = 1;
	return q->items ? q : NULL;
}

/*
 * SELECT the values that came, each as a default of its slot: the shortest way from value to tree.
 */
static struct stoa__query *excluded(struct stoa__upsert *u, struct stoa__arena *arena)
{
	struct stoa__query *q = query_new(arena, &u->s->conflict->at);
	size_t n = u->info->n_slots;
	struct stoa_slot *slots = stoa__arena_array(arena, n, sizeof *slots);

	for (size_t i = 0; q && slots && i < n; i++) {
		slots[i] = u->info->slots[i];
		slots[i].value = u->row[i];
		struct stoa__ast_item *item =
			stoa__query_add_item(arena, q, STOA__AST_ASSIGN, NULL, &slots[i]);
		if (!item)
			return NULL;
		item->alias = (struct stoa_bytes){ slots[i].name, (uint32_t)strlen(slots[i].name) };
	}
	return slots ? q : NULL;
}

static struct stoa__from *from_of(struct stoa__upsert *u, struct stoa__arena *arena,
				  const struct stoa__row_list *only)
{
	const struct stoa__token *at = &u->s->table;
	struct stoa__from *join = stoa__arena_zalloc(arena, sizeof *join);
	struct stoa__from *sides = stoa__arena_array(arena, 2, sizeof *sides);
	struct stoa__query *came = excluded(u, arena);

	if (!join || !sides || !came)
		return NULL;
	sides[0] = (struct stoa__from){ .kind = STOA__FROM_TABLE, .height = 1, .at = *at,
					.name = { at->p, at->len }, .alias = u->s->alias,
					.only = only };
	sides[1] = (struct stoa__from){ .kind = STOA__FROM_QUERY, .height = 2,
					.at = u->s->conflict->at, .alias = { "excluded", 8 },
					.query = came, .qualified = true };
	*join = (struct stoa__from){ .kind = STOA__FROM_JOIN, .join = STOA__JOIN_CROSS, .height = 3,
				     .at = *at, .left = &sides[0], .right = &sides[1] };
	return join;
}

static int make_query(struct stoa__upsert *u, struct stoa__arena *arena,
		      const struct stoa__row_list *only, struct stoa__query **out,
		      struct stoa_error *err)
{
	struct stoa__query *q = query_new(arena, &u->s->conflict->at);
	size_t i = 0;

	if (!q)
		return stoa__fail_memory(err);
	q->from = from_of(u, arena, only);
	q->where = u->s->conflict->where;
	for (struct stoa__assignment *a = u->s->conflict->sets; a; a = a->next, i++)
		if (!stoa__query_add_item(arena, q, STOA__AST_ASSIGN, a->expr,
					  &u->info->slots[u->slots[i]]))
			return stoa__fail_memory(err);
	*out = q;
	return q->from ? STOA_OK : stoa__fail_memory(err);
}

/* ---- SET ------------------------------------------------------------------------------------- */

static int name_slots(struct stoa__upsert *u, struct stoa_error *err)
{
	for (struct stoa__assignment *a = u->s->conflict->sets; a; a = a->next) {
		uint32_t slot = 0;

		STOA_TRY(find_slot(u, &a->name, (struct stoa_bytes){ a->name.p, a->name.len }, &slot,
				   err));
		for (size_t k = 0; k < u->n_slots; k++)
			if (u->slots[k] == slot)
				return stoa__fail_at(err, STOA_EINVAL, a->name.line, a->name.column,
						     "column '%.*s' is named twice",
						     (int)a->name.len, a->name.p);
		u->slots[u->n_slots++] = slot;
	}
	return STOA_OK;
}

/* excluded.x for a slot of its type: the value can be had without a query. */
static bool is_plain(struct stoa__upsert *u, const struct stoa__ast *a, size_t i)
{
	const struct stoa_slot *to = &u->info->slots[u->slots[i]], *from;

	if (a->kind != STOA__AST_NAME || !a->qualifier.p ||
	    !stoa__same_name(a->qualifier, "excluded") ||
	    find_slot(u, &a->at, a->text, &u->sources[i], NULL) < 0)
		return false;
	from = &u->info->slots[u->sources[i]];
	return from->type == to->type && from->scale == to->scale &&
	       from->precision == to->precision;
}

static int prepare_sets(struct stoa__upsert *u, struct stoa__arena *arena, struct stoa_error *err)
{
	const struct stoa__conflict *c = u->s->conflict;
	struct stoa__query *q;
	struct stoa__plan *plan;
	size_t i = 0;

	STOA_TRY(name_slots(u, err));
	u->plain = !c->where;
	for (struct stoa__assignment *a = c->sets; a; a = a->next, i++)
		u->plain &= is_plain(u, a->expr, i);
	if (u->txn || !c->sets)
		return STOA_OK;
	STOA_TRY(make_query(u, arena, NULL, &q, err));
	return stoa__plan_query(q, u->tables, NULL, u->stmt->n_params, arena, &plan, err);
}

int stoa__upsert_new(stoa_stmt *stmt, const struct stoa__statement *s, struct stoa__tables *tables,
		     stoa_txn *txn, stoa_table table, const struct stoa_table_info *info,
		     struct stoa__arena *arena, struct stoa__upsert **out, struct stoa_error *err)
{
	struct stoa__upsert *u = stoa__arena_zalloc(arena, sizeof *u);
	size_t n = info->n_slots;

	*out = u;
	if (!u)
		return stoa__fail_memory(err);
	u->stmt = stmt;
	u->s = s;
	u->tables = tables;
	u->txn = txn;
	u->table = table;
	u->info = info;
	u->slots = stoa__arena_array(arena, n, sizeof *u->slots);
	u->sources = stoa__arena_array(arena, n, sizeof *u->sources);
	u->row = stoa__arena_array(arena, n, sizeof *u->row);
	u->changes = stoa__arena_array(arena, n, sizeof *u->changes);
	if (!u->slots || !u->sources || !u->row || !u->changes)
		return stoa__fail_memory(err);
	STOA_TRY(choose_targets(u, arena, err));
	return prepare_sets(u, arena, err);
}

void stoa__upsert_release(struct stoa__upsert *u)
{
	if (u)
		stoa__arena_release(&u->scratch);
}

/* ---- a row ----------------------------------------------------------------------------------- */

/* The row that has the key of u->row: STOA_ROW, STOA_END. */
static int find_row(struct stoa__upsert *u, stoa_rowid *row, struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];

	for (const struct target *t = u->targets; t; t = t->next) {
		for (size_t k = 0; k < t->n; k++)
			key[k] = u->row[t->slots[k]];
		int rc = stoa_set_find(u->txn, u->table, t->index, key, t->n, row, err);
		if (rc != STOA_END)
			return rc;
	}
	return STOA_END;
}

static int change_row(struct stoa__upsert *u, stoa_rowid row, const struct stoa_value *values,
		      stoa_rowid *changed, struct stoa_error *err)
{
	*changed = row;
	return stoa_update(u->txn, u->table, row, u->slots, values, u->n_slots, err);
}

static int update_plainly(struct stoa__upsert *u, stoa_rowid row, stoa_rowid *changed,
			  struct stoa_error *err)
{
	for (size_t i = 0; i < u->n_slots; i++)
		u->changes[i] = u->row[u->sources[i]];
	return change_row(u, row, u->changes, changed, err);
}

/*
 * By what is compiled for one row (point.h), or by a query; *@changed stays 0 where WHERE is not true.
 */
static int update(struct stoa__upsert *u, stoa_rowid row, stoa_rowid *changed,
		  struct stoa_error *err)
{
	struct stoa__row_list only = { &row, 1 };
	struct stoa__query_cursor *q;
	const struct stoa_value *values;
	struct stoa__query *query;
	struct stoa__point_change p = {
		.stmt = u->stmt, .txn = u->txn, .tables = u->tables, .table = u->table,
		.slots = u->slots, .n_slots = u->n_slots, .params = u->stmt->params,
	};
	int rc = stoa__point_upsert(&p, row, u->row, u->changes);

	if (rc == STOA_ROW)
		return change_row(u, row, u->changes, changed, err);
	if (rc == STOA_END)
		return STOA_OK;
	stoa__arena_reset(&u->scratch);
	STOA_TRY(make_query(u, &u->scratch, &only, &query, err));
	STOA_TRY(stoa__query_cursor_new(u->stmt, &q, err));
	rc = stoa__query_cursor_plan(q, query, u->tables, err);
	if (rc == STOA_OK)
		rc = stoa__query_cursor_start(q, u->tables, NULL, err);
	if (rc == STOA_OK)
		rc = stoa_next(&q->cursor, &values, err);
	if (rc == STOA_ROW)
		rc = change_row(u, row, values, changed, err);
	stoa_cursor_close(&q->cursor);
	return rc < 0 ? rc : STOA_OK;
}

int stoa__upsert_row(struct stoa__upsert *u, const struct stoa_value *values, stoa_rowid *changed,
		     struct stoa_error *err)
{
	stoa_rowid row;

	*changed = 0;
	for (size_t i = 0; i < u->info->n_slots; i++)
		u->row[i] = values[i].type == STOA_TYPE_DEFAULT ? u->info->slots[i].value : values[i];
	int rc = find_row(u, &row, err);
	if (rc != STOA_ROW)
		return rc;
	if (!u->n_slots)	/* DO NOTHING */
		return STOA_ROW;
	if (u->plain) {
		STOA_TRY(update_plainly(u, row, changed, err));
		return STOA_ROW;
	}
	STOA_TRY(update(u, row, changed, err));
	return STOA_ROW;
}
