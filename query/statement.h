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
	STOA__STATEMENT_UPDATE,		/* with, table, sets, from, where, returning */
	STOA__STATEMENT_DELETE,		/* with, table, from (USING), where, returning */
	STOA__STATEMENT_QUEUE,		/* with, table, queue, where, returning */
	STOA__STATEMENT_EXPLAIN,	/* inner; analyze */
	STOA__STATEMENT_CREATE,		/* table, defs, keys; if_exists: IF NOT EXISTS */
	STOA__STATEMENT_CREATE_AS,	/* table, query */
	STOA__STATEMENT_ADD_COLUMN,	/* table, defs: one */
	STOA__STATEMENT_DROP_COLUMN,	/* table, name */
	STOA__STATEMENT_RENAME_COLUMN,	/* table, name, new_name */
	STOA__STATEMENT_RENAME_TABLE,	/* table, new_name */
	STOA__STATEMENT_DROP_TABLE,	/* table; if_exists */
	STOA__STATEMENT_CREATE_INDEX,	/* table, name (kind 0: none), columns; unique, if_exists */
	STOA__STATEMENT_CREATE_DEQUE,	/* table, name (kind 0: none), columns or NULL; if_exists */
	STOA__STATEMENT_DROP_INDEX,	/* table, name; if_exists */
	STOA__STATEMENT_BEGIN,		/* read_only */
	STOA__STATEMENT_COMMIT,
	STOA__STATEMENT_ROLLBACK,
	STOA__STATEMENT_SAVEPOINT,	/* name */
	STOA__STATEMENT_RELEASE,	/* name */
	STOA__STATEMENT_ROLLBACK_TO,	/* name */
};

/* name type [NOT NULL] [DEFAULT value] [PRIMARY KEY] [UNIQUE]; in a list. */
struct stoa__column_def {
	struct stoa__token name;
	struct stoa__ast_type *type;
	bool not_null;
	struct stoa__token primary;	/* where it says so; kind 0: nowhere */
	struct stoa__token unique;
	struct stoa__ast *value;	/* NULL: no default */
	struct stoa__column_def *next;
	struct stoa__column_def *last;	/* of the list, in its first */
};

/* PRIMARY KEY (columns), UNIQUE (columns) */
struct stoa__key_def {
	struct stoa__token at;
	bool primary;
	struct stoa__ast_list *columns;
	struct stoa__key_def *next;	/* in no order that matters */
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

enum stoa__queue_verb {
	STOA__QUEUE_PUSH,	/* INSERT FRONT INTO */
	STOA__QUEUE_POP,
	STOA__QUEUE_CLAIM,
	STOA__QUEUE_ACK,
	STOA__QUEUE_NACK,
	STOA__QUEUE_EXTEND,
	STOA__QUEUE_ROTATE,
};

/* What is done with a deque: POP 3 FROM t DEQUE name QUEUE 'q' BACK */
struct stoa__queueing {
	uint8_t verb;			/* enum stoa__queue_verb */
	bool back;			/* at that end */
	struct stoa__token deque;	/* kind 0: the only one */
	struct stoa__ast *count;	/* NULL: one */
	struct stoa__ast *name;		/* of the queue; NULL: there is one without a name */
	struct stoa__ast *span;		/* of LEASE or DELAY, after 1970-01-01; NULL: none is said */
};

struct stoa__statement {
	uint8_t kind;			/* enum stoa__statement_kind */
	bool analyze;
	bool if_exists;
	bool read_only;
	bool unique;
	struct stoa__token at;
	struct stoa__token table;
	struct stoa__token name;
	struct stoa__token new_name;
	struct stoa_bytes alias;	/* p is NULL where there is none */
	struct stoa__query *query;
	struct stoa__from *from;	/* further tables */
	struct stoa__with *with;
	struct stoa__statement *inner;
	struct stoa__ast_list *columns;
	struct stoa__assignment *sets;	/* of CREATE DEQUE: its options */
	struct stoa__ast *where;
	struct stoa__ast_items *returning;
	struct stoa__conflict *conflict;
	struct stoa__queueing *queue;	/* of an INSERT: at the front; else NULL */
	struct stoa__column_def *defs;
	struct stoa__key_def *keys;
};

/* Does it want a transaction that may write? */
bool stoa__statement_writes(const struct stoa__statement *s);
/* Is it BEGIN, COMMIT or ROLLBACK, which a session alone can do? */
bool stoa__statement_ends(const struct stoa__statement *s);

/*
 * ---- what the grammar's actions call; harmless after an error, as those of parse.h ------------
 */

struct stoa__parse;
struct stoa__statement *stoa__statement_new(struct stoa__parse *ps, int kind,
					    struct stoa__token t);
struct stoa__statement *stoa__statement_table(struct stoa__parse *ps, int kind,
					      struct stoa__token t, struct stoa__token table,
					      const struct stoa__token *alias);
/* @s: of an INSERT what follows its columns. */
struct stoa__statement *stoa__statement_insert(struct stoa__statement *s, struct stoa__token t,
					       struct stoa__token table,
					       const struct stoa__token *alias,
					       struct stoa__ast_list *columns);
/* INSERT FRONT INTO a table, of whose deques one is meant. */
struct stoa__statement *stoa__statement_insert_front(struct stoa__parse *ps,
						     struct stoa__statement *s, struct stoa__token t,
						     struct stoa__token table,
						     struct stoa__token deque,
						     struct stoa__ast_list *columns);
/* POP, CLAIM, ACK, NACK, EXTEND, ROTATE; then how many of which queue at what end, and for how long. */
struct stoa__statement *stoa__statement_queue(struct stoa__parse *ps, int verb,
					      struct stoa__token t, struct stoa__token table,
					      struct stoa__token deque, struct stoa__ast *where,
					      struct stoa__ast_items *returning);
void stoa__statement_take(struct stoa__statement *s, struct stoa__ast *count,
			  struct stoa__ast *queue, int back);
void stoa__statement_span(struct stoa__parse *ps, struct stoa__statement *s,
			  struct stoa__ast *span);
struct stoa__statement *stoa__statement_explain(struct stoa__parse *ps, struct stoa__token t,
						bool analyze, struct stoa__statement *inner);
struct stoa__assignment *stoa__assignment_new(struct stoa__parse *ps, struct stoa__token name,
					      struct stoa__ast *expr);
struct stoa__assignment *stoa__assignment_add(struct stoa__assignment *list,
					      struct stoa__assignment *one);
/* (names) = (values) */
struct stoa__assignment *stoa__assignment_rows(struct stoa__parse *ps, struct stoa__token t,
					       const struct stoa__ast_list *names,
					       const struct stoa__ast_list *values);
/* Puts WITH before INSERT, UPDATE or DELETE. */
struct stoa__statement *stoa__statement_with(struct stoa__statement *s, struct stoa__with *with);
struct stoa__conflict *stoa__conflict_new(struct stoa__parse *ps, struct stoa__token t,
					  struct stoa__ast_list *columns,
					  struct stoa__assignment *sets, struct stoa__ast *where);
struct stoa__column_def *stoa__column_def_new(struct stoa__parse *ps, struct stoa__token name,
					      struct stoa__ast_type *type);
struct stoa__statement *stoa__statement_column(struct stoa__statement *s,
					       struct stoa__column_def *def);
struct stoa__statement *stoa__statement_key(struct stoa__parse *ps, struct stoa__statement *s,
					    struct stoa__token t, bool primary,
					    struct stoa__ast_list *columns);

#endif
