/* SPDX-License-Identifier: MIT */
/*
 * ast.c - how nodes of the syntax tree are made; the grammar's actions call these
 *
 * Every constructor takes NULL children, which an earlier error left, and gives NULL in turn. A
 * node counts its height; past STOA__SQL_DEPTH_MAX the statement is refused here, so that whatever
 * walks the tree later may recurse. Chains of AND and OR become one node with a list and are as
 * long as they like.
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "parse.h"

const char *stoa__op_name(unsigned op)
{
	static const char *const names[] = {
		[STOA__OP_ADD] = "+", [STOA__OP_SUB] = "-", [STOA__OP_MUL] = "*",
		[STOA__OP_DIV] = "/", [STOA__OP_MOD] = "%", [STOA__OP_POWER] = "^",
		[STOA__OP_CONCAT] = "||", [STOA__OP_EQ] = "=", [STOA__OP_NE] = "<>",
		[STOA__OP_LT] = "<", [STOA__OP_LE] = "<=", [STOA__OP_GT] = ">",
		[STOA__OP_GE] = ">=", [STOA__OP_DISTINCT] = "IS DISTINCT FROM",
		[STOA__OP_NOT_DISTINCT] = "IS NOT DISTINCT FROM", [STOA__OP_MATCH] = "~",
		[STOA__OP_PLUS] = "+", [STOA__OP_NEG] = "-",
	};

	return op < sizeof names / sizeof *names ? names[op] : "?";
}

void *stoa__parse_alloc(struct stoa__parse *ps, size_t size)
{
	if (ps->rc < 0)
		return NULL;
	void *p = stoa__arena_zalloc(ps->arena, size);
	if (!p)
		ps->rc = stoa__fail_memory(ps->err);
	return p;
}

static bool check_height(struct stoa__parse *ps, const struct stoa__token *t, unsigned height)
{
	if (height <= STOA__SQL_DEPTH_MAX)
		return true;
	if (ps->rc >= 0)
		ps->rc = stoa__fail_at(ps->err, STOA_EFULL, t->line, t->column,
				       "nested more than %d deep: write it with less nesting",
				       STOA__SQL_DEPTH_MAX);
	return false;
}

static void raise_height(struct stoa__ast *node, const struct stoa__ast *child)
{
	if (child && child->height >= node->height)
		node->height = (uint16_t)(child->height + 1);
}

bool stoa__ast_hang(struct stoa__parse *ps, struct stoa__ast *node, const struct stoa__ast *child)
{
	raise_height(node, child);
	return check_height(ps, &node->at, node->height);
}

struct stoa__ast *stoa__ast_new(struct stoa__parse *ps, int kind, struct stoa__token t)
{
	struct stoa__ast *node = stoa__parse_alloc(ps, sizeof *node);

	if (!node)
		return NULL;
	node->kind = (uint8_t)kind;
	node->height = 1;
	node->at = t;
	return node;
}

struct stoa__ast *stoa__ast_text(struct stoa__parse *ps, int kind, struct stoa__token t)
{
	struct stoa__ast *node = stoa__ast_new(ps, kind, t);

	if (node)
		node->text = (struct stoa_bytes){ t.p, t.len };
	return node;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct stoa__ast *stoa__ast_blob(struct stoa__parse *ps, struct stoa__token t)
{
	struct stoa__ast *node = stoa__ast_new(ps, STOA__AST_BLOB, t);
	char *bytes = node ? stoa__parse_alloc(ps, t.len / 2 + 1) : NULL;

	if (!bytes)
		return NULL;
	for (uint32_t i = 0; i < t.len; i += 2) {
		int hi = hex_digit(t.p[i]), lo = i + 1 < t.len ? hex_digit(t.p[i + 1]) : -1;
		if (hi < 0 || lo < 0) {
			ps->rc = stoa__fail_at(ps->err, STOA_ESYNTAX, t.line, t.column,
					       "X'...' wants pairs of hexadecimal digits");
			return NULL;
		}
		bytes[i / 2] = (char)(hi * 16 + lo);
	}
	node->text = (struct stoa_bytes){ bytes, t.len / 2 };
	return node;
}

struct stoa__ast *stoa__ast_param(struct stoa__parse *ps, struct stoa__token t)
{
	struct stoa__ast *node = stoa__ast_new(ps, STOA__AST_PARAM, t);
	uint32_t number = 0;

	if (!node)
		return NULL;
	for (uint32_t i = 0; i < t.len && number <= STOA__SQL_PARAMETERS_MAX; i++)
		number = number * 10 + (uint32_t)(t.p[i] - '0');
	if (t.len == 0)
		number = ps->n_params + 1;
	if (number == 0 || number > STOA__SQL_PARAMETERS_MAX) {
		ps->rc = stoa__fail_at(ps->err, STOA_ESYNTAX, t.line, t.column,
				       "parameters are numbered from 1 to %d",
				       STOA__SQL_PARAMETERS_MAX);
		return NULL;
	}
	if (number > ps->n_params)
		ps->n_params = number;
	node->op = number;
	return node;
}

struct stoa__ast *stoa__ast_name(struct stoa__parse *ps, const struct stoa__token *qualifier,
				 struct stoa__token name)
{
	struct stoa__ast *node = stoa__ast_text(ps, STOA__AST_NAME, name);

	if (node && qualifier) {
		node->qualifier = (struct stoa_bytes){ qualifier->p, qualifier->len };
		node->at.line = qualifier->line;
		node->at.column = qualifier->column;
	}
	return node;
}

struct stoa__ast *stoa__ast_node(struct stoa__parse *ps, int kind, struct stoa__token t,
				 struct stoa__ast *a, struct stoa__ast *b, struct stoa__ast *c,
				 struct stoa__ast_list *list)
{
	struct stoa__ast *node = stoa__ast_new(ps, kind, t);

	if (!node)
		return NULL;
	node->a = a;
	node->b = b;
	node->c = c;
	node->list = list;
	raise_height(node, a);
	raise_height(node, b);
	raise_height(node, c);
	for (uint32_t i = 0; list && i < list->n; i++)
		raise_height(node, list->items[i]);
	return check_height(ps, &t, node->height) ? node : NULL;
}

struct stoa__ast *stoa__ast_unary(struct stoa__parse *ps, int kind, unsigned op,
				  struct stoa__token t, struct stoa__ast *a)
{
	struct stoa__ast *node = stoa__ast_node(ps, kind, t, a, NULL, NULL, NULL);

	if (node)
		node->op = op;
	return node;
}

struct stoa__ast *stoa__ast_binary(struct stoa__parse *ps, unsigned op, struct stoa__token t,
				   struct stoa__ast *a, struct stoa__ast *b)
{
	struct stoa__ast *node = stoa__ast_node(ps, STOA__AST_BINARY, t, a, b, NULL, NULL);

	if (node)
		node->op = op;
	return node;
}

struct stoa__ast *stoa__ast_logic(struct stoa__parse *ps, int kind, struct stoa__token t,
				  struct stoa__ast *a, struct stoa__ast *b)
{
	if (a && a->kind == kind) {
		if (!stoa__ast_list_add(ps, a->list, b))
			return NULL;
		raise_height(a, b);
		return check_height(ps, &t, a->height) ? a : NULL;
	}
	struct stoa__ast_list *list = stoa__ast_list_add(ps, stoa__ast_list_add(ps, NULL, a), b);
	return stoa__ast_node(ps, kind, t, NULL, NULL, NULL, list);
}

struct stoa__ast *stoa__ast_call(struct stoa__parse *ps, struct stoa__token name,
				 struct stoa__ast_list *args)
{
	struct stoa__ast *node = stoa__ast_node(ps, STOA__AST_CALL, name, NULL, NULL, NULL, args);

	if (node)
		node->text = (struct stoa_bytes){ name.p, name.len };
	return node;
}

struct stoa__ast *stoa__ast_call_order(struct stoa__parse *ps, struct stoa__ast *call,
				       struct stoa__ast_items *order, unsigned flags)
{
	if (!call || !order)
		return NULL;
	call->order = order;
	call->flags |= (uint8_t)flags;
	for (const struct stoa__ast_item *i = order->first; i; i = i->next)
		raise_height(call, i->expr);
	return check_height(ps, &call->at, call->height) ? call : NULL;
}

struct stoa__ast *stoa__ast_query(struct stoa__parse *ps, int kind, struct stoa__token t,
				  struct stoa__ast *a, struct stoa__query *q)
{
	struct stoa__ast *node = stoa__ast_node(ps, kind, t, a, NULL, NULL, NULL);

	if (!node || !q)
		return NULL;
	node->query = q;
	if (q->height >= node->height)
		node->height = (uint16_t)(q->height + 1);
	return check_height(ps, &t, node->height) ? node : NULL;
}

struct stoa__ast_list *stoa__ast_list_add(struct stoa__parse *ps, struct stoa__ast_list *list,
					  struct stoa__ast *a)
{
	if (!list)
		list = stoa__parse_alloc(ps, sizeof *list);
	if (!list || !a)
		return NULL;
	if (list->n == list->cap) {
		uint32_t cap = list->cap ? list->cap * 2 : 4;
		struct stoa__ast **items = stoa__parse_alloc(ps, cap * sizeof(*items));
		if (!items)
			return NULL;
		if (list->n)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
		list->cap = cap;
	}
	list->items[list->n++] = a;
	return list;
}

/* "12" of a type's length; 0, which no type takes, when it is not a small integer. */
static uint32_t type_argument(struct stoa__token t)
{
	uint32_t x = 0;

	for (uint32_t i = 0; i < t.len; i++) {
		if (t.p[i] < '0' || t.p[i] > '9' || x > 100000000)
			return UINT32_MAX;
		x = x * 10 + (uint32_t)(t.p[i] - '0');
	}
	return x;
}

struct stoa__ast_type *stoa__ast_type_new(struct stoa__parse *ps, struct stoa__token name,
					  int n_args, struct stoa__token a, struct stoa__token b)
{
	struct stoa__ast_type *type = stoa__parse_alloc(ps, sizeof *type);

	if (!type)
		return NULL;
	type->name = name;
	type->n_args = n_args;
	if (n_args > 0)
		type->args[0] = type_argument(a);
	if (n_args > 1)
		type->args[1] = type_argument(b);
	return type;
}

struct stoa__ast_type *stoa__ast_type_ref(struct stoa__parse *ps, struct stoa__token name,
					  struct stoa__token target, bool weak)
{
	struct stoa__ast_type *type = stoa__parse_alloc(ps, sizeof *type);

	if (!type)
		return NULL;
	type->name = name;
	type->n_args = 1;	/* a number that fits no type: where a table means nothing, this is no type */
	type->target = target;
	type->weak = weak;
	return type;
}

struct stoa__ast_type *stoa__ast_type_weak(struct stoa__parse *ps, struct stoa__token weak,
					   struct stoa__token name, struct stoa__token target)
{
	if (ps->rc == STOA_OK && (weak.len != 4 || strncasecmp(weak.p, "weak", 4)))
		ps->rc = stoa__fail_at(ps->err, STOA_ESYNTAX, weak.line, weak.column,
				       "'%.*s' before a type means nothing: only WEAK REF(table) has "
				       "two words",
				       (int)(weak.len > 60 ? 60 : weak.len), weak.p);
	return stoa__ast_type_ref(ps, name, target, true);
}

struct stoa__ast_item *stoa__ast_item_new(struct stoa__parse *ps, struct stoa__ast *expr,
					  const struct stoa__token *alias)
{
	struct stoa__ast_item *item = stoa__parse_alloc(ps, sizeof *item);

	if (!item)
		return NULL;
	item->expr = expr;
	if (alias)
		item->alias = (struct stoa_bytes){ alias->p, alias->len };
	return item;
}

struct stoa__ast_items *stoa__ast_items_add(struct stoa__parse *ps, struct stoa__ast_items *items,
					    struct stoa__ast_item *item)
{
	if (!items)
		items = stoa__parse_alloc(ps, sizeof *items);
	if (!items || !item)
		return NULL;
	if (items->last)
		items->last->next = item;
	else
		items->first = item;
	items->last = item;
	items->n++;
	return items;
}

struct stoa__from *stoa__from_new(struct stoa__parse *ps, int kind, struct stoa__token t,
				  const struct stoa__token *alias)
{
	struct stoa__from *f = stoa__parse_alloc(ps, sizeof *f);

	if (!f)
		return NULL;
	f->kind = (uint8_t)kind;
	f->height = 1;
	f->at = t;
	f->name = (struct stoa_bytes){ t.p, t.len };
	if (alias && alias->kind)
		f->alias = (struct stoa_bytes){ alias->p, alias->len };
	return f;
}

struct stoa__from *stoa__from_named(struct stoa__from *f, const struct stoa__token *alias,
				    struct stoa__ast_list *columns)
{
	if (!f)
		return NULL;
	if (alias->kind)
		f->alias = (struct stoa_bytes){ alias->p, alias->len };
	f->columns = columns;
	return f;
}

struct stoa__from *stoa__from_join(struct stoa__parse *ps, int join, struct stoa__token t,
				   struct stoa__from *left, struct stoa__from *right)
{
	struct stoa__from *f = stoa__from_new(ps, STOA__FROM_JOIN, t, NULL);

	if (!f || !left || !right)
		return NULL;
	f->join = (uint8_t)join;
	f->left = left;
	f->right = right;
	f->height = (uint16_t)(1 + (left->height > right->height ? left->height : right->height));
	return check_height(ps, &t, f->height) ? f : NULL;
}

struct stoa__query *stoa__query_new(struct stoa__parse *ps, struct stoa__token t)
{
	struct stoa__query *q = stoa__parse_alloc(ps, sizeof *q);

	if (q) {
		q->at = t;
		q->height = 1;
	}
	return q;
}

struct stoa__query *stoa__query_end(struct stoa__query *body, struct stoa__ast_items *order_by,
				    const struct stoa__query *limits)
{
	if (!body || !limits)
		return NULL;
	body->order_by = order_by;
	body->limit = limits->limit;
	body->offset = limits->offset;
	return body;
}

struct stoa__query *stoa__query_set(struct stoa__parse *ps, int op, bool all, struct stoa__token t,
				    struct stoa__query *left, struct stoa__query *right)
{
	struct stoa__query *q = stoa__query_new(ps, t);

	if (!q || !left || !right)
		return NULL;
	q->set_op = (uint8_t)op;
	q->set_all = all;
	q->left = left;
	q->right = right;
	q->height = (uint16_t)(1 + (left->height > right->height ? left->height : right->height));
	return check_height(ps, &t, q->height) ? q : NULL;
}

struct stoa__with *stoa__with_add(struct stoa__parse *ps, struct stoa__with *list,
				  struct stoa__token name, struct stoa__ast_list *columns,
				  struct stoa__query *q)
{
	struct stoa__with *w = stoa__parse_alloc(ps, sizeof *w);

	if (!w || !q)
		return NULL;
	w->name = name;
	w->columns = columns;
	w->query = q;
	w->next = list;		/* newest first: a later one may name an earlier one */
	return w;
}

struct stoa__ast_item *stoa__query_add_item(struct stoa__arena *arena, struct stoa__query *q,
					    int kind, struct stoa__ast *a,
					    const struct stoa_slot *slot)
{
	struct stoa__ast_item *item = stoa__arena_zalloc(arena, sizeof *item);
	struct stoa__ast *node = stoa__arena_zalloc(arena, sizeof *node);

	if (!item || !node)
		return NULL;
	node->kind = (uint8_t)kind;
	node->height = 1;
	node->at = a ? a->at : q->at;
	node->a = a;
	node->slot = slot;
	item->expr = node;
	if (q->items->last)
		q->items->last->next = item;
	else
		q->items->first = item;
	q->items->last = item;
	q->items->n++;
	return item;
}
