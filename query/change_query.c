/* SPDX-License-Identifier: MIT */
/*
 * change_query.c - INSERT, UPDATE and DELETE as queries (change.c has the table of them)
 *
 * What is made here is a syntax tree, of the statement's own expressions: so all that a query can
 * say and do, they can.
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "change_state.h"

static int fail_at(struct stoa__change *c, const struct stoa__token *at, int code, const char *what,
		   const struct stoa__token *name)
{
	return stoa__fail_at(c->err, code, at->line, at->column, what,
			     stoa__shown(name->len), name->p);
}

/* ---- names -------------------------------------------------------------------------------- */

int stoa__change_find_table(struct stoa__change *c)
{
	const struct stoa__token *t = &c->s->table;
	char *name = stoa__arena_copy(c->arena, t->p, t->len);

	if (!name)
		return stoa__fail_memory(c->err);
	int rc = memchr(t->p, 0, t->len) ?
			 STOA_ENOTFOUND :
			 c->tables->find(c->tables, name, &c->table, &c->info, c->err);
	return rc == STOA_ENOTFOUND ? fail_at(c, t, STOA_ENOTFOUND, "there is no table '%.*s'", t) :
				      rc;
}

/* The slot called @name; it is named here for the first time. */
static int name_slot(struct stoa__change *c, const struct stoa__token *name)
{
	size_t i = 0;

	while (i < c->info.n_slots && (strlen(c->info.slots[i].name) != name->len ||
				       strncasecmp(c->info.slots[i].name, name->p, name->len)))
		i++;
	if (i == c->info.n_slots)
		return fail_at(c, name, STOA_ENOTFOUND, "there is no column '%.*s' in the table",
			       name);
	for (size_t k = 0; k < c->n_slots; k++)
		if (c->slots[k] == i)
			return fail_at(c, name, STOA_EINVAL, "column '%.*s' is named twice", name);
	c->slots[c->n_slots++] = (uint32_t)i;
	return STOA_OK;
}

int stoa__change_name_slots(struct stoa__change *c)
{
	c->slots = stoa__arena_array(c->arena, c->info.n_slots, sizeof *c->slots);
	if (!c->slots)
		return stoa__fail_memory(c->err);
	for (struct stoa__assignment *a = c->s->sets; a; a = a->next)
		STOA_TRY(name_slot(c, &a->name));
	for (uint32_t i = 0; c->s->columns && i < c->s->columns->n; i++) {
		const struct stoa__ast *a = c->s->columns->items[i];
		struct stoa__token name = a->at;
		name.p = a->text.p;
		name.len = a->text.len;
		STOA_TRY(name_slot(c, &name));
	}
	if (c->s->kind == STOA__STATEMENT_INSERT && !c->s->columns)
		while (c->n_slots < c->info.n_slots) {
			c->slots[c->n_slots] = (uint32_t)c->n_slots;
			c->n_slots++;
		}
	return STOA_OK;
}

/* ---- queries made of statements ----------------------------------------------------------- */

/* SELECT nothing yet FROM the table, of which only @only count; or FROM jobs of its deque. */
static struct stoa__query *select_from(struct stoa__change *c, struct stoa__arena *arena,
				       const struct stoa__row_list *only)
{
	struct stoa__query *q = stoa__arena_zalloc(arena, sizeof *q);
	struct stoa__from *f = stoa__arena_zalloc(arena, sizeof *f);
	struct stoa__ast_items *items = stoa__arena_zalloc(arena, sizeof *items);

	if (!q || !f || !items)
		return NULL;
	f->kind = c->jobs ? STOA__FROM_FUNCTION : STOA__FROM_TABLE;
	f->made = c->jobs ? &c->jobs->relation : NULL;
	f->height = 1;
	f->at = c->s->table;
	f->name = (struct stoa_bytes){ c->s->table.p, c->s->table.len };
	f->alias = c->s->alias;
	f->only = c->jobs ? NULL : only;
	q->at = c->s->at;
	q->height = 1;
	q->from = f;
	q->items = items;
	return q;
}

/* Adds an item: @kind of @a, for @slot. */
static int add_item(struct stoa__change *c, struct stoa__arena *arena, struct stoa__query *q,
		    int kind, struct stoa__ast *a, const struct stoa_slot *slot)
{
	return stoa__query_add_item(arena, q, kind, a, slot) ? STOA_OK : stoa__fail_memory(c->err);
}

/*
 * Further tables: FROM of UPDATE, USING of DELETE. A row that several of theirs match is changed
 * once, as the first of them says.
 */
static int join_others(struct stoa__change *c, struct stoa__arena *arena, struct stoa__query *q)
{
	struct stoa__from *join = stoa__arena_zalloc(arena, sizeof *join);
	struct stoa__ast_list *on = stoa__arena_zalloc(arena, sizeof *on);

	if (!join || !on)
		return stoa__fail_memory(c->err);
	join->kind = STOA__FROM_JOIN;
	join->join = STOA__JOIN_CROSS;
	join->at = c->s->from->at;
	join->height = (uint16_t)(c->s->from->height + 1);
	join->left = q->from;
	join->right = c->s->from;
	q->from = join;
	on->items = &q->items->first->expr; /* the rowid */
	on->n = on->cap = 1;
	q->distinct_on = on;
	return STOA_OK;
}

/* What leads an UPDATE or DELETE: rowid, new values. */
int stoa__change_leader(struct stoa__change *c, struct stoa__arena *arena, struct stoa__query **out)
{
	struct stoa__query *q = select_from(c, arena, NULL);
	size_t i = 0;

	if (!q)
		return stoa__fail_memory(c->err);
	q->with = c->s->with;
	q->where = c->s->where;
	STOA_TRY(add_item(c, arena, q, c->jobs ? STOA__AST_STAR : STOA__AST_ROWID, NULL, NULL));
	if (c->s->from)
		STOA_TRY(join_others(c, arena, q));
	for (struct stoa__assignment *a = c->s->sets; a; a = a->next, i++)
		STOA_TRY(add_item(c, arena, q, STOA__AST_ASSIGN, a->expr,
				  &c->info.slots[c->slots[i]]));
	*out = q;
	return STOA_OK;
}

/*
 * One row of VALUES as a query without a table: an item for each slot, in order. NULL: all
 * defaults.
 */
int stoa__change_row(struct stoa__change *c, struct stoa__arena *arena, const struct stoa__ast *row,
		     struct stoa__query **out)
{
	struct stoa__query *q = select_from(c, arena, NULL);
	struct stoa__ast **values = stoa__arena_array(arena, c->info.n_slots, sizeof(*values));

	if (!q || !values)
		return stoa__fail_memory(c->err);
	if (row && row->list->n != c->n_slots)
		return stoa__fail_at(c->err, STOA_EINVAL, row->at.line, row->at.column,
				     "the row has %u values, but %zu columns want one",
				     row->list->n, c->n_slots);
	q->from = NULL;
	for (uint32_t i = 0; row && i < row->list->n; i++)
		values[c->slots[i]] = row->list->items[i];
	for (size_t i = 0; i < c->info.n_slots; i++)
		STOA_TRY(add_item(c, arena, q, STOA__AST_ASSIGN, values[i], &c->info.slots[i]));
	*out = q;
	return STOA_OK;
}

int stoa__change_no_aggregates(struct stoa__change *c, const struct stoa__ast_item *i)
{
	return stoa__fail_at(c->err, STOA_EINVAL, i->expr->at.line, i->expr->at.column,
			     "an aggregate does not belong in RETURNING");
}

int stoa__change_returning(struct stoa__change *c, struct stoa__arena *arena,
			   const struct stoa__row_list *only, struct stoa__query **out)
{
	struct stoa__query *q = select_from(c, arena, only);

	if (!q)
		return stoa__fail_memory(c->err);
	for (struct stoa__ast_item *i = c->s->returning->first; i; i = i->next)
		if (stoa__is_aggregate(i->expr))
			return stoa__change_no_aggregates(c, i);
	q->items = c->s->returning;
	q->with = c->s->with;
	*out = q;
	return STOA_OK;
}

/* Is INSERT's query a plain list of rows? Then each value takes the type of its slot. */
const struct stoa__ast_list *stoa__change_value_rows(const struct stoa__statement *s)
{
	const struct stoa__query *q = s->query;

	return q && q->values && !q->with && !q->order_by && !q->limit && !q->offset ? q->values :
										       NULL;
}

int stoa__change_wrong_width(struct stoa__change *c, size_t n)
{
	return stoa__fail_at(c->err, STOA_EINVAL, c->s->query->at.line, c->s->query->at.column,
			     "the query gives %zu columns, but %zu are inserted", n, c->n_slots);
}
