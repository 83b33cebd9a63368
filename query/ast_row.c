/* SPDX-License-Identifier: MIT */
/*
 * ast_row.c - comparisons of row values, which are comparisons of their values
 *
 *     (a, b) =  (x, y)               a = x AND b = y
 *     (a, b) <> (x, y)               a <> x OR b <> y
 *     (a, b) <  (x, y)               a < x OR (a = x AND b < y)
 *     (a, b) IN ((x, y), (z, w))     (a = x AND b = y) OR (a = z AND b = w)
 *
 * and those with the rows of a query, which are one kind of node:
 *
 *     a NOT IN (query)               NOT a = ANY (query)
 *     a < ALL (query)                NOT a >= ANY (query)
 *
 * Trees are read-only, so a value that stands in two places is there once.
 */
#include "../lib/core/error.h"
#include "parse.h"
#include "query/sql.h"

struct stoa__ast *stoa__ast_call_or_row(struct stoa__parse *ps, struct stoa__token name,
					struct stoa__ast_list *args)
{
	if (name.kind == TK_ROW && !name.quoted)
		return stoa__ast_node(ps, STOA__AST_ROW, name, NULL, NULL, NULL, args);
	return stoa__ast_call(ps, name, args);
}

struct stoa__ast *stoa__ast_one(struct stoa__parse *ps)
{
	struct stoa__token t = { .p = "1", .len = 1 };

	return stoa__ast_text(ps, STOA__AST_NUMBER, t);
}

static struct stoa__ast *fail(struct stoa__parse *ps, const struct stoa__token *t, uint32_t n,
			      uint32_t m)
{
	if (ps->rc >= 0)
		ps->rc = stoa__fail_at(ps->err, STOA_EINVAL, t->line, t->column,
				       "a row of %u values is compared with one of %u", n, m);
	return NULL;
}

/* Values from number @i on. */
static struct stoa__ast *compare_from(struct stoa__parse *ps, unsigned op, struct stoa__token t,
				      const struct stoa__ast_list *a,
				      const struct stoa__ast_list *b, uint32_t i)
{
	static const uint8_t strict[] = {
		[STOA__OP_LE] = STOA__OP_LT, [STOA__OP_GE] = STOA__OP_GT,
		[STOA__OP_LT] = STOA__OP_LT, [STOA__OP_GT] = STOA__OP_GT,
	};
	bool equality = op == STOA__OP_EQ || op == STOA__OP_NE;
	struct stoa__ast *x, *y;

	if (i + 1 == a->n)
		return stoa__ast_binary(ps, op, t, a->items[i], b->items[i]);
	y = compare_from(ps, op, t, a, b, i + 1);
	x = stoa__ast_binary(ps, equality ? op : strict[op], t, a->items[i], b->items[i]);
	if (equality)
		return stoa__ast_logic(ps, op == STOA__OP_EQ ? STOA__AST_AND : STOA__AST_OR, t, x, y);
	y = stoa__ast_logic(ps, STOA__AST_AND, t,
			    stoa__ast_binary(ps, STOA__OP_EQ, t, a->items[i], b->items[i]), y);
	return stoa__ast_logic(ps, STOA__AST_OR, t, x, y);
}

struct stoa__ast *stoa__ast_compare(struct stoa__parse *ps, unsigned op, struct stoa__token t,
				    struct stoa__ast *a, struct stoa__ast *b)
{
	if (!a || !b || a->kind != STOA__AST_ROW || b->kind != STOA__AST_ROW)
		return stoa__ast_binary(ps, op, t, a, b);
	if (a->list->n != b->list->n)
		return fail(ps, &t, a->list->n, b->list->n);
	return compare_from(ps, op, t, a->list, b->list, 0);
}

struct stoa__ast *stoa__ast_in(struct stoa__parse *ps, struct stoa__token t, struct stoa__ast *a,
			       struct stoa__ast_list *list, bool negated)
{
	struct stoa__ast *any = NULL;

	if (a && list && a->kind == STOA__AST_ROW) {
		for (uint32_t i = 0; i < list->n; i++) {
			struct stoa__ast *one = stoa__ast_compare(ps, STOA__OP_EQ, t, a, list->items[i]);
			any = i ? stoa__ast_logic(ps, STOA__AST_OR, t, any, one) : one;
		}
		return negated ? stoa__ast_unary(ps, STOA__AST_NOT, 0, t, any) : any;
	}
	any = stoa__ast_node(ps, STOA__AST_IN, t, a, NULL, NULL, list);
	if (any && negated)
		any->flags = STOA__AST_NOT_FLAG;
	return any;
}

/* ---- with a query ---------------------------------------------------------------------------- */

/* The comparison that a token is; IN is one, too. */
static unsigned op_of(const struct stoa__token *t)
{
	switch (t->kind) {
	case TK_NE: return STOA__OP_NE;
	case TK_LT: return STOA__OP_LT;
	case TK_LE: return STOA__OP_LE;
	case TK_GT: return STOA__OP_GT;
	case TK_GE: return STOA__OP_GE;
	default: return STOA__OP_EQ;
	}
}

struct stoa__ast *stoa__ast_any(struct stoa__parse *ps, struct stoa__token t, struct stoa__ast *a,
				struct stoa__query *query)
{
	struct stoa__ast *any = stoa__ast_query(ps, STOA__AST_IN_QUERY, t, a, query);

	if (any)
		any->op = op_of(&t);
	return any;
}

struct stoa__ast *stoa__ast_all(struct stoa__parse *ps, struct stoa__token t, struct stoa__ast *a,
				struct stoa__query *query)
{
	static const uint8_t contraries[] = {
		[STOA__OP_EQ] = STOA__OP_NE, [STOA__OP_NE] = STOA__OP_EQ,
		[STOA__OP_LT] = STOA__OP_GE, [STOA__OP_GE] = STOA__OP_LT,
		[STOA__OP_GT] = STOA__OP_LE, [STOA__OP_LE] = STOA__OP_GT,
	};
	struct stoa__ast *any = stoa__ast_any(ps, t, a, query);

	if (!any)
		return NULL;
	any->op = contraries[any->op];
	any->flags = STOA__AST_NOT_FLAG;
	return any;
}
