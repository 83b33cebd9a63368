/* SPDX-License-Identifier: MIT */
/*
 * parse.h - SQL text to syntax tree
 *
 * stoa__parse() is what the rest of the engine calls. The rest of this header is between the
 * grammar (sql.y), its driver (parse.c) and the lexer (lexer.c).
 */
#ifndef STOA__PARSE_H
#define STOA__PARSE_H

#include "statement.h"

/*
 * Parses one statement; the tree lives in @arena and borrows from @sql. @n_params receives the
 * highest parameter number. STOA_OK, STOA_ESYNTAX, STOA_EUNSUPPORTED (a statement that is not
 * offered), STOA_EFULL (a named limit) with line and column, or STOA_ENOMEM.
 */
int stoa__parse(const char *sql, size_t len, struct stoa__arena *arena,
		struct stoa__statement **out, uint32_t *n_params, struct stoa_error *err);

/* Where a statement stands in a longer text: its first line and column, from 1. */
struct stoa__spot {
	uint32_t line;
	uint32_t column;
};
/* The same for text that stands at @spot. */
int stoa__parse_at(const char *sql, size_t len, struct stoa__spot spot, struct stoa__arena *arena,
		   struct stoa__statement **out, uint32_t *n_params, struct stoa_error *err);
/*
 * Moves @script behind its next statement, of which *@sql, *@len and *@spot are the text and place.
 * STOA_ROW; STOA_END if there is none; or an error of the lexer, when @script is at its end.
 */
int stoa__parse_cut(struct stoa_script *script, const char **sql, size_t *len,
		    struct stoa__spot *spot, struct stoa_error *err);

/* ---- lexer.c ------------------------------------------------------------------------------- */

struct stoa__lexer {
	const char *p;
	const char *end;
	const char *line_start;
	uint32_t line;
	uint32_t before;		/* bytes of its first line that stand before the text */
	struct stoa__arena *arena;	/* for strings with doubled quotes */
};
void stoa__lexer_init(struct stoa__lexer *lx, const char *sql, size_t len, struct stoa__spot spot,
		      struct stoa__arena *arena);
/* The next token; kind 0 at the end. Errors as stoa__parse(). */
int stoa__lexer_next(struct stoa__lexer *lx, struct stoa__token *out, struct stoa_error *err);

/* ---- what the grammar's actions call; all are harmless once @rc is an error ------------------ */

struct stoa__parse {
	struct stoa__arena *arena;
	struct stoa_error *err;
	int rc;
	uint32_t n_params;
	struct stoa__token first;	/* token of the statement; of no kind before it is taken */
	struct stoa__token word;	/* the last that was taken and is a word */
	struct stoa__statement *statement;
};

void stoa__parse_syntax_error(struct stoa__parse *ps, const struct stoa__token *t);
void stoa__parse_too_deep(struct stoa__parse *ps);
void stoa__parse_unsupported(struct stoa__parse *ps, const struct stoa__token *t, const char *what);

/* A zeroed node at @t; NULL once anything failed. */
/* A zeroed piece of the tree, or NULL once anything failed. */
void *stoa__parse_alloc(struct stoa__parse *ps, size_t size);
struct stoa__ast *stoa__ast_new(struct stoa__parse *ps, int kind, struct stoa__token t);
struct stoa__ast *stoa__ast_text(struct stoa__parse *ps, int kind, struct stoa__token t);
struct stoa__ast *stoa__ast_blob(struct stoa__parse *ps, struct stoa__token t);
struct stoa__ast *stoa__ast_param(struct stoa__parse *ps, struct stoa__token t);
struct stoa__ast *stoa__ast_name(struct stoa__parse *ps, const struct stoa__token *qualifier,
				 struct stoa__token name);
struct stoa__ast *stoa__ast_unary(struct stoa__parse *ps, int kind, unsigned op,
				  struct stoa__token t, struct stoa__ast *a);
struct stoa__ast *stoa__ast_binary(struct stoa__parse *ps, unsigned op, struct stoa__token t,
				   struct stoa__ast *a, struct stoa__ast *b);
/* a AND b, a OR b: one node for a chain, so that its length is no depth. */
/* name(args), which is a row of values where the name is ROW. */
struct stoa__ast *stoa__ast_call_or_row(struct stoa__parse *ps, struct stoa__token name,
					struct stoa__ast_list *args);
/* @a @t ANY (@query), where @t may be IN; @a @t ALL (@query). */
struct stoa__ast *stoa__ast_any(struct stoa__parse *ps, struct stoa__token t, struct stoa__ast *a,
				struct stoa__query *query);
struct stoa__ast *stoa__ast_all(struct stoa__parse *ps, struct stoa__token t, struct stoa__ast *a,
				struct stoa__query *query);
/* a op b, a comparison; of rows one for each of their values. */
struct stoa__ast *stoa__ast_compare(struct stoa__parse *ps, unsigned op, struct stoa__token t,
				    struct stoa__ast *a, struct stoa__ast *b);
/* a [NOT] IN (list) */
struct stoa__ast *stoa__ast_in(struct stoa__parse *ps, struct stoa__token t, struct stoa__ast *a,
			       struct stoa__ast_list *list, bool negated);
/* The number 1. */
struct stoa__ast *stoa__ast_one(struct stoa__parse *ps);
struct stoa__ast *stoa__ast_logic(struct stoa__parse *ps, int kind, struct stoa__token t,
				  struct stoa__ast *a, struct stoa__ast *b);
/* @child stands below @node; false: too deep. */
bool stoa__ast_hang(struct stoa__parse *ps, struct stoa__ast *node, const struct stoa__ast *child);
/* A node with any children; counts its height. */
struct stoa__ast *stoa__ast_node(struct stoa__parse *ps, int kind, struct stoa__token t,
				 struct stoa__ast *a, struct stoa__ast *b, struct stoa__ast *c,
				 struct stoa__ast_list *list);
/* Puts ORDER BY into a call; @flags of it. */
struct stoa__ast *stoa__ast_call_order(struct stoa__parse *ps, struct stoa__ast *call,
				       struct stoa__ast_items *order, unsigned flags);
/* ---- ast_window.c */
struct stoa__ast_window *stoa__ast_window_new(struct stoa__parse *ps, struct stoa__token at,
					      struct stoa__ast_list *partition,
					      struct stoa__ast_items *order,
					      const struct stoa__ast_frame *frame);
/* One more of a WINDOW clause. */
struct stoa__ast_window *stoa__ast_window_name(struct stoa__ast_window *w, struct stoa__token name,
					       struct stoa__ast_window *next);
struct stoa__ast_edge stoa__ast_current_row(struct stoa__token at);
/* A frame in the unit that token @unit names. */
struct stoa__ast_frame stoa__ast_frame_of(struct stoa__parse *ps, struct stoa__token unit,
					  struct stoa__ast_edge start, struct stoa__ast_edge end);
/* @call OVER @window. */
struct stoa__ast *stoa__ast_over(struct stoa__parse *ps, struct stoa__ast *call,
				 struct stoa__ast_window *window);
struct stoa__ast *stoa__ast_call(struct stoa__parse *ps, struct stoa__token name,
				 struct stoa__ast_list *args);
struct stoa__ast *stoa__ast_query(struct stoa__parse *ps, int kind, struct stoa__token t,
				  struct stoa__ast *a, struct stoa__query *q);
struct stoa__ast_list *stoa__ast_list_add(struct stoa__parse *ps, struct stoa__ast_list *list,
					  struct stoa__ast *a);
/* @weak @name(table), of which the first must be WEAK */
struct stoa__ast_type *stoa__ast_type_weak(struct stoa__parse *ps, struct stoa__token weak,
					   struct stoa__token name, struct stoa__token target);
/* name(table), which only ref is */
struct stoa__ast_type *stoa__ast_type_ref(struct stoa__parse *ps, struct stoa__token name,
					  struct stoa__token target, bool weak);
struct stoa__ast_type *stoa__ast_type_new(struct stoa__parse *ps, struct stoa__token name,
					  int n_args, struct stoa__token a, struct stoa__token b);
struct stoa__ast_item *stoa__ast_item_new(struct stoa__parse *ps, struct stoa__ast *expr,
					  const struct stoa__token *alias);
struct stoa__ast_items *stoa__ast_items_add(struct stoa__parse *ps, struct stoa__ast_items *items,
					    struct stoa__ast_item *item);
struct stoa__from *stoa__from_new(struct stoa__parse *ps, int kind, struct stoa__token t,
				  const struct stoa__token *alias);
/* An alias, and names for the columns. */
struct stoa__from *stoa__from_named(struct stoa__from *f, const struct stoa__token *alias,
				    struct stoa__ast_list *columns);
struct stoa__from *stoa__from_join(struct stoa__parse *ps, int join, struct stoa__token t,
				   struct stoa__from *left, struct stoa__from *right);
struct stoa__query *stoa__query_new(struct stoa__parse *ps, struct stoa__token t);
/* What follows the whole of a query; @limits: carried in a query of their own. */
struct stoa__query *stoa__query_end(struct stoa__query *body, struct stoa__ast_items *order_by,
				    const struct stoa__query *limits);
struct stoa__query *stoa__query_set(struct stoa__parse *ps, int op, bool all, struct stoa__token t,
				    struct stoa__query *left, struct stoa__query *right);
struct stoa__with *stoa__with_add(struct stoa__parse *ps, struct stoa__with *list,
				  struct stoa__token name, struct stoa__ast_list *columns,
				  struct stoa__query *q);

#endif
