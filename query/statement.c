/* SPDX-License-Identifier: MIT */
/* statement.c - how trees of statements are made; the grammar's actions call these */
#include "statement.h"

#include "../lib/core/error.h"
#include "parse.h"

bool stoa__statement_ends(const struct stoa__statement *s)
{
	return s->kind == STOA__STATEMENT_BEGIN || s->kind == STOA__STATEMENT_COMMIT ||
	       s->kind == STOA__STATEMENT_ROLLBACK;
}

bool stoa__statement_writes(const struct stoa__statement *s)
{
	if (s->kind == STOA__STATEMENT_EXPLAIN)
		return s->analyze && stoa__statement_writes(s->inner);
	if (stoa__statement_ends(s))
		return s->kind == STOA__STATEMENT_BEGIN && !s->read_only;
	return s->kind != STOA__STATEMENT_QUERY;
}

struct stoa__statement *stoa__statement_new(struct stoa__parse *ps, int kind, struct stoa__token t)
{
	struct stoa__statement *s = stoa__parse_alloc(ps, sizeof *s);

	if (!s)
		return NULL;
	s->kind = (uint8_t)kind;
	s->at = t;
	return s;
}

struct stoa__statement *stoa__statement_table(struct stoa__parse *ps, int kind,
					      struct stoa__token t, struct stoa__token table,
					      const struct stoa__token *alias)
{
	struct stoa__statement *s = stoa__statement_new(ps, kind, t);

	if (!s)
		return NULL;
	s->table = table;
	if (alias && alias->kind)
		s->alias = (struct stoa_bytes){ alias->p, alias->len };
	return s;
}

struct stoa__statement *stoa__statement_insert(struct stoa__statement *s, struct stoa__token t,
					       struct stoa__token table,
					       const struct stoa__token *alias,
					       struct stoa__ast_list *columns)
{
	if (!s)
		return NULL;
	s->at = t;
	s->table = table;
	if (alias->kind)
		s->alias = (struct stoa_bytes){ alias->p, alias->len };
	s->columns = columns;
	return s;
}

static struct stoa__queueing *queueing_new(struct stoa__parse *ps, int verb,
					   struct stoa__token deque)
{
	struct stoa__queueing *q = stoa__parse_alloc(ps, sizeof *q);

	if (!q)
		return NULL;
	q->verb = (uint8_t)verb;
	q->deque = deque;
	return q;
}

struct stoa__statement *stoa__statement_insert_front(struct stoa__parse *ps,
						     struct stoa__statement *s, struct stoa__token t,
						     struct stoa__token table,
						     struct stoa__token deque,
						     struct stoa__ast_list *columns)
{
	static const struct stoa__token none;

	s = stoa__statement_insert(s, t, table, &none, columns);
	if (!s)
		return NULL;
	if (s->conflict) {
		stoa__parse_unsupported(ps, &s->conflict->at, "ON CONFLICT of INSERT FRONT");
		return NULL;
	}
	s->queue = queueing_new(ps, STOA__QUEUE_PUSH, deque);
	return s->queue ? s : NULL;
}

struct stoa__statement *stoa__statement_queue(struct stoa__parse *ps, int verb,
					      struct stoa__token t, struct stoa__token table,
					      struct stoa__token deque, struct stoa__ast *where,
					      struct stoa__ast_items *returning)
{
	struct stoa__statement *s = stoa__statement_table(ps, STOA__STATEMENT_QUEUE, t, table, NULL);

	if (!s)
		return NULL;
	s->where = where;
	s->returning = returning;
	s->queue = queueing_new(ps, verb, deque);
	return s->queue ? s : NULL;
}

void stoa__statement_take(struct stoa__statement *s, struct stoa__ast *count,
			  struct stoa__ast *queue, int back)
{
	if (!s)
		return;
	s->queue->count = count;
	s->queue->name = queue;
	s->queue->back = back;
}

/* An interval is no value by itself, but the time so much after the beginning of time is. */
void stoa__statement_span(struct stoa__parse *ps, struct stoa__statement *s, struct stoa__ast *span)
{
	static const char type[] = "timestamp", epoch[] = "1970-01-01";
	struct stoa__token at, name;
	struct stoa__ast *start;

	if (!s || !span)
		return;
	at = name = span->at;
	name.p = type;
	name.len = sizeof type - 1;
	at.p = epoch;
	at.len = sizeof epoch - 1;
	start = stoa__ast_text(ps, STOA__AST_TYPED, at);
	if (start)
		start->type = stoa__ast_type_new(ps, name, 0, name, name);
	s->queue->span = stoa__ast_binary(ps, STOA__OP_ADD, span->at, start, span);
}

struct stoa__statement *stoa__statement_explain(struct stoa__parse *ps, struct stoa__token t,
						bool analyze, struct stoa__statement *inner)
{
	struct stoa__statement *s = stoa__statement_new(ps, STOA__STATEMENT_EXPLAIN, t);

	if (!s || !inner)
		return NULL;
	if (inner->kind > STOA__STATEMENT_QUEUE) {
		stoa__parse_unsupported(ps, &inner->at, "EXPLAIN of such a statement");
		return NULL;
	}
	s->inner = inner;
	s->analyze = analyze;
	return s;
}

struct stoa__assignment *stoa__assignment_new(struct stoa__parse *ps, struct stoa__token name,
					      struct stoa__ast *expr)
{
	struct stoa__assignment *a = stoa__parse_alloc(ps, sizeof *a);

	if (!a || !expr)
		return NULL;
	a->name = name;
	a->expr = expr;
	a->last = a;
	return a;
}

struct stoa__assignment *stoa__assignment_add(struct stoa__assignment *list,
					      struct stoa__assignment *one)
{
	if (!list || !one)
		return NULL;
	list->last->next = one;
	list->last = one->last;
	return list;
}

struct stoa__assignment *stoa__assignment_rows(struct stoa__parse *ps, struct stoa__token t,
					       const struct stoa__ast_list *names,
					       const struct stoa__ast_list *values)
{
	struct stoa__assignment *list = NULL;

	if (!names || !values)
		return NULL;
	if (names->n != values->n) {
		if (ps->rc >= 0)
			ps->rc = stoa__fail_at(ps->err, STOA_EINVAL, t.line, t.column,
					       "%u columns are set to %u values", names->n, values->n);
		return NULL;
	}
	for (uint32_t i = 0; i < names->n; i++) {
		struct stoa__assignment *one =
			stoa__assignment_new(ps, names->items[i]->at, values->items[i]);
		list = i ? stoa__assignment_add(list, one) : one;
	}
	return list;
}

struct stoa__statement *stoa__statement_with(struct stoa__statement *s, struct stoa__with *with)
{
	struct stoa__with *oldest;

	if (!s || !with)
		return s;
	s->with = with;
	if (!s->query)
		return s;
	/* An INSERT's query sees them behind its own. */
	for (oldest = s->query->with; oldest && oldest->next;)
		oldest = oldest->next;
	if (oldest)
		oldest->next = with;
	else
		s->query->with = with;
	return s;
}

struct stoa__conflict *stoa__conflict_new(struct stoa__parse *ps, struct stoa__token t,
					  struct stoa__ast_list *columns,
					  struct stoa__assignment *sets, struct stoa__ast *where)
{
	struct stoa__conflict *c = stoa__parse_alloc(ps, sizeof *c);

	if (!c)
		return NULL;
	c->at = t;
	c->columns = columns;
	c->sets = sets;
	c->where = where;
	return c;
}

struct stoa__column_def *stoa__column_def_new(struct stoa__parse *ps, struct stoa__token name,
					      struct stoa__ast_type *type)
{
	struct stoa__column_def *d = stoa__parse_alloc(ps, sizeof *d);

	if (!d || !type)
		return NULL;
	d->name = name;
	d->type = type;
	d->last = d;
	return d;
}

struct stoa__statement *stoa__statement_column(struct stoa__statement *s,
					       struct stoa__column_def *def)
{
	if (!s || !def)
		return NULL;
	if (s->defs) {
		s->defs->last->next = def;
		s->defs->last = def;
	} else {
		s->defs = def;
	}
	return s;
}

struct stoa__statement *stoa__statement_key(struct stoa__parse *ps, struct stoa__statement *s,
					    struct stoa__token t, bool primary,
					    struct stoa__ast_list *columns)
{
	struct stoa__key_def *key = stoa__parse_alloc(ps, sizeof *key);

	if (!key || !s)
		return NULL;
	key->at = t;
	key->primary = primary;
	key->columns = columns;
	key->next = s->keys;
	s->keys = key;
	return s;
}
