/* SPDX-License-Identifier: MIT */
/*
 * statement.h - the tree of a statement: a query, or one that changes, defines or controls
 *
 * Like the trees of expressions (ast.h) it lives in the arena of its stoa_stmt, is read-only once
 * parsed, and says what was written: no table is looked up before the statement runs.
 */
#ifndef STOA__STATEMENT_H
#define STOA__STATEMENT_H

#include "ast.h"

enum stoa__statement_kind {
	STOA__STATEMENT_QUERY,		/* query */
	STOA__STATEMENT_INSERT,		/* table, columns, query (NULL: one row of defaults), conflict, returning */
	STOA__STATEMENT_UPDATE,		/* table, sets, where, returning */
	STOA__STATEMENT_DELETE,		/* table, where, returning */
	STOA__STATEMENT_EXPLAIN,	/* inner; analyze */
};

/* name = expr; in a list. */
struct stoa__assignment {
	struct stoa__token name;
	struct stoa__ast *expr;
	struct stoa__assignment *next;
	struct stoa__assignment *last;	/* of the list, in its first */
};

/* ON CONFLICT [(columns)] DO NOTHING | DO UPDATE SET sets [WHERE where] */
struct stoa__conflict {
	struct stoa__token at;
	struct stoa__ast_list *columns;
	struct stoa__assignment *sets;	/* NULL: do nothing */
	struct stoa__ast *where;
};

struct stoa__statement {
	uint8_t kind;			/* enum stoa__statement_kind */
	bool analyze;
	struct stoa__token at;
	struct stoa__token table;
	struct stoa_bytes alias;	/* p is NULL where there is none */
	struct stoa__query *query;
	struct stoa__statement *inner;
	struct stoa__ast_list *columns;
	struct stoa__assignment *sets;
	struct stoa__ast *where;
	struct stoa__ast_items *returning;
	struct stoa__conflict *conflict;
};

/* Does it want a transaction that may write? */
bool stoa__statement_writes(const struct stoa__statement *s);

/* ---- what the grammar's actions call; harmless after an error, as those of parse.h ------------ */

struct stoa__parse;
struct stoa__statement *stoa__statement_new(struct stoa__parse *ps, int kind,
					    struct stoa__token t);
struct stoa__statement *stoa__statement_table(struct stoa__parse *ps, int kind,
					      struct stoa__token t, struct stoa__token table,
					      const struct stoa__token *alias);
struct stoa__statement *stoa__statement_explain(struct stoa__parse *ps, struct stoa__token t,
						bool analyze, struct stoa__statement *inner);
struct stoa__assignment *stoa__assignment_new(struct stoa__parse *ps, struct stoa__token name,
					      struct stoa__ast *expr);
struct stoa__assignment *stoa__assignment_add(struct stoa__assignment *list,
					      struct stoa__assignment *one);
struct stoa__conflict *stoa__conflict_new(struct stoa__parse *ps, struct stoa__token t,
					  struct stoa__ast_list *columns,
					  struct stoa__assignment *sets, struct stoa__ast *where);

#endif
