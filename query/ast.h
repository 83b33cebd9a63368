/* SPDX-License-Identifier: MIT */
/*
 * ast.h - the syntax tree of a statement, as written: no names looked up, no types
 *
 * Nodes live in the statement's arena and are read-only once parsed, so that one tree is bound anew
 * at each execution, with the values of its parameters. One struct serves all expressions:
 * what a, b, c, list and text mean is said beside each kind. The tree knows more of SQL than the
 * binder offers yet (joins, subqueries, WITH, set operations, windows): the binder refuses those
 * by name and position.
 */
#ifndef STOA__AST_H
#define STOA__AST_H

#include "../lib/stoa.h"
#include "arena.h"

/* A token, or the place of one: @line and @column count from 1, the column in bytes. */
struct stoa__token {
	int kind;		/* TK_ of the generated sql.h */
	uint32_t line;
	uint32_t column;
	uint32_t len;
	const char *p;		/* the text; of strings and quoted names: what the quotes hold */
	bool quoted;
};

enum stoa__ast_kind {
	STOA__AST_NULL,
	STOA__AST_BOOL,		/* op: 0 or 1 */
	STOA__AST_NUMBER,	/* text */
	STOA__AST_STRING,	/* text */
	STOA__AST_BLOB,		/* text: the bytes */
	STOA__AST_TYPED,	/* type 'text' */
	STOA__AST_INTERVAL,	/* INTERVAL 'text' [unit]; type: the unit */
	STOA__AST_PARAM,	/* op: its number, from 1 */
	STOA__AST_NAME,		/* [qualifier.]text */
	STOA__AST_DEREF,	/* a.text, where a is a name of two parts or more */
	STOA__AST_STAR,		/* [qualifier.]* */
	STOA__AST_UNARY,	/* op a */
	STOA__AST_BINARY,	/* a op b */
	STOA__AST_AND,		/* list, two or more */
	STOA__AST_OR,
	STOA__AST_NOT,		/* a */
	STOA__AST_IS,		/* a IS [NOT] op: enum stoa__is */
	STOA__AST_BETWEEN,	/* a [NOT] BETWEEN b AND c */
	STOA__AST_IN,		/* a [NOT] IN (list) */
	STOA__AST_IN_QUERY,	/* [NOT] a op ANY (query); a may be a ROW */
	STOA__AST_EXISTS,	/* EXISTS (query) */
	STOA__AST_SUBQUERY,	/* (query) */
	STOA__AST_LIKE,		/* a [NOT] LIKE b [ESCAPE c]; op: 1 for ILIKE */
	STOA__AST_CASE,		/* CASE [a] list: WHEN, THEN, WHEN, THEN ... [ELSE b] */
	STOA__AST_CAST,		/* CAST(a AS type) */
	STOA__AST_CALL,		/* text(list [ORDER BY order]) [FILTER (WHERE a)] [OVER over]; flags */
	STOA__AST_EXTRACT,	/* EXTRACT(text FROM a) */
	STOA__AST_ROW,		/* (list) of two or more */
	STOA__AST_DEFAULT,	/* in VALUES and SET: the slot's default */
	/* Of queries that statements are made into (change.c), never parsed: */
	STOA__AST_ROWID,	/* the rowid, whatever slots are called */
	STOA__AST_ASSIGN,	/* a as slot stores it; its default where a is DEFAULT or NULL */
};

enum stoa__ast_op {
	STOA__OP_ADD, STOA__OP_SUB, STOA__OP_MUL, STOA__OP_DIV, STOA__OP_MOD, STOA__OP_POWER,
	STOA__OP_CONCAT,
	STOA__OP_EQ, STOA__OP_NE, STOA__OP_LT, STOA__OP_LE, STOA__OP_GT, STOA__OP_GE,
	STOA__OP_DISTINCT,	/* IS DISTINCT FROM */
	STOA__OP_NOT_DISTINCT,
	STOA__OP_MATCH,		/* ~ and its kin */
	STOA__OP_PLUS, STOA__OP_NEG,
};
/* "+", "IS DISTINCT FROM", ... for messages; never NULL. */
const char *stoa__op_name(unsigned op);

enum stoa__is { STOA__IS_NULL, STOA__IS_TRUE, STOA__IS_FALSE, STOA__IS_UNKNOWN };

#define STOA__AST_NOT_FLAG 1u	/* NOT BETWEEN, NOT IN, NOT LIKE, IS NOT */
#define STOA__AST_DISTINCT 2u	/* call(DISTINCT ...) */
#define STOA__AST_WITHIN 8u	/* call() WITHIN GROUP (ORDER BY order) */

/* A type as written: integer, decimal(12, 2), double precision, ref(table), weak ref(table). */
struct stoa__ast_type {
	struct stoa__token name;
	int n_args;
	uint32_t args[2];
	struct stoa__token target;	/* the table, where one is named; kind 0: none */
	bool weak;
};

struct stoa__ast;
struct stoa__ast_items;
struct stoa__ast_window;
struct stoa__query;
struct stoa__ast_list {
	struct stoa__ast **items;
	uint32_t n;
	uint32_t cap;
};

struct stoa__ast {
	uint8_t kind;		/* enum stoa__ast_kind */
	uint8_t flags;
	uint16_t height;	/* 1 for a leaf; at most STOA__SQL_DEPTH_MAX */
	uint32_t op;
	struct stoa__token at;	/* where to point when it is wrong: the operator, the name */
	struct stoa_bytes text;
	struct stoa_bytes qualifier;
	struct stoa__ast *a;
	struct stoa__ast *b;
	struct stoa__ast *c;
	struct stoa__ast_list *list;
	struct stoa__ast_items *order;
	struct stoa__ast_type *type;
	struct stoa__query *query;
	struct stoa__ast_window *over;
	const struct stoa_slot *slot;
};

/* expr [AS alias] of a select list; expr [ASC|DESC] [NULLS FIRST|LAST] of an ORDER BY. */
struct stoa__ast_item {
	struct stoa__ast *expr;
	struct stoa_bytes alias;	/* p is NULL where there is none */
	bool descending;
	int nulls;			/* 0 as usual, 1 first, 2 last */
	struct stoa__ast_item *next;
};
struct stoa__ast_items {
	struct stoa__ast_item *first;
	struct stoa__ast_item *last;
	size_t n;
};

/* Where a frame begins or ends. */
enum stoa__frame_edge {
	STOA__EDGE_FIRST,	/* UNBOUNDED PRECEDING */
	STOA__EDGE_BEFORE,	/* expr PRECEDING */
	STOA__EDGE_CURRENT,
	STOA__EDGE_BEHIND,	/* expr FOLLOWING */
	STOA__EDGE_LAST,	/* UNBOUNDED FOLLOWING */
};
struct stoa__ast_edge {
	int place;		/* enum stoa__frame_edge */
	struct stoa__token at;
	struct stoa__ast *offset;
};
enum stoa__frame_unit { STOA__FRAME_NONE, STOA__FRAME_ROWS, STOA__FRAME_RANGE, STOA__FRAME_GROUPS };
struct stoa__ast_frame {
	int unit;		/* enum stoa__frame_unit; NONE: as usual */
	struct stoa__ast_edge start, end;
};
/* OVER name, OVER ([base] [PARTITION BY ...] [ORDER BY ...] [frame]); name AS (...) of a WINDOW. */
struct stoa__ast_window {
	struct stoa__token at;
	struct stoa__token base;	/* kind 0: none */
	bool whole;			/* is @base, not a window made from it */
	struct stoa__ast_list *partition;
	struct stoa__ast_items *order;
	struct stoa__ast_frame frame;
	struct stoa__token name;	/* of a WINDOW clause */
	struct stoa__ast_window *next;	/* in it; the last comes first, and sees those behind it */
};

enum stoa__from_kind {
	STOA__FROM_TABLE,	/* name */
	STOA__FROM_QUERY,	/* (query) */
	STOA__FROM_FILE,	/* 'name' */
	STOA__FROM_FUNCTION,	/* name(args) */
	STOA__FROM_JOIN,	/* left, right, on or using */
};
enum stoa__join_kind {
	STOA__JOIN_CROSS, STOA__JOIN_INNER, STOA__JOIN_LEFT, STOA__JOIN_RIGHT, STOA__JOIN_FULL,
	/* Only the planner writes these; plan.h. */
	STOA__JOIN_SEMI, STOA__JOIN_ANTI, STOA__JOIN_RIGHT_SEMI, STOA__JOIN_RIGHT_ANTI,
	STOA__JOIN_MARK, STOA__JOIN_SINGLE,
};
struct stoa__from {
	const struct stoa__row_list *only;	/* a table's rows that count; NULL: all. Never parsed */
	struct stoa__relation *made;	/* what a function made; NULL: call it. Never parsed */
	bool qualified;		/* its columns want its name before theirs. Never parsed */
	uint8_t kind;
	uint8_t join;
	uint16_t height;
	struct stoa__token at;
	struct stoa_bytes name;
	struct stoa_bytes alias;	/* p is NULL where there is none */
	struct stoa__query *query;
	struct stoa__from *left;
	struct stoa__from *right;
	struct stoa__ast *on;
	struct stoa__ast_list *using_names;
	struct stoa__ast_list *args;	/* of a function; NULL: none */
	bool natural;		/* a join on all names that both sides have */
	struct stoa__ast_list *columns;	/* names for its columns; NULL: its own */
};

enum stoa__set_op { STOA__SET_NONE, STOA__SET_UNION, STOA__SET_INTERSECT, STOA__SET_EXCEPT };

/* WITH name [(columns)] AS (query) */
struct stoa__with {
	struct stoa__token name;
	struct stoa__ast_list *columns;
	struct stoa__query *query;
	struct stoa__with *next;
};

/*
 * A SELECT or VALUES; or two queries and a set operation. ORDER BY and LIMIT belong to the
 * whole.
 */
struct stoa__query {
	struct stoa__token at;
	uint16_t height;
	bool distinct;
	bool recursive;
	struct stoa__ast_list *distinct_on;
	struct stoa__ast_items *items;
	struct stoa__ast_list *values;	/* rows as STOA__AST_ROW or single expressions */
	struct stoa__from *from;
	struct stoa__ast *where;
	struct stoa__ast_list *group_by;
	struct stoa__ast *having;
	struct stoa__ast_window *windows;
	uint8_t set_op;
	bool set_all;
	struct stoa__query *left;
	struct stoa__query *right;
	struct stoa__with *with;
	struct stoa__ast_items *order_by;
	struct stoa__ast *limit;
	struct stoa__ast *offset;
};

/*
 * For queries that are made and not parsed: adds an item with a node of @kind over @a (at whose place it
 * stands, or the query's where it is NULL), for @slot. NULL: no memory.
 */
struct stoa__ast_item *stoa__query_add_item(struct stoa__arena *arena, struct stoa__query *q,
					    int kind, struct stoa__ast *a,
					    const struct stoa_slot *slot);

#endif
