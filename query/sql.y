/* SPDX-License-Identifier: MIT */
/*
 * sql.y - the grammar of stoa's SQL, for Lemon
 *
 * PostgreSQL's operators and precedences. The grammar takes all of SELECT, what the binder does not
 * offer yet included: so a refusal can name the feature and its place. Actions only build the tree
 * (ast.h); each is harmless after an error, when nodes are NULL.
 *
 * Keywords that are names elsewhere (YEAR, FIRST ...) fall back to IDENT; the others are
 * reserved, and want double quotes as names. A word that may follow where an alias may stand (SET,
 * RETURNING) cannot fall back: Lemon would take it for the alias.
 */
%name stoa__sql_parser
%token_prefix TK_
%token_type { struct stoa__token }
%default_type { struct stoa__ast * }
%extra_argument { struct stoa__parse *ps }
%stack_size 1200

%include {
#include "query/parse.h"
#include "query/sql.h"

#include <string.h>

/* Generated code is not ours to tidy. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#define NDEBUG 1
#define YYNOERRORRECOVERY 1
}

%syntax_error { (void)yymajor; stoa__parse_syntax_error(ps, &TOKEN); }
%stack_overflow { stoa__parse_too_deep(ps); }

%fallback IDENT
	DAY FILTER FIRST HOUR LAST MINUTE MONTH NULLS OVER PRECISION RECURSIVE ROWS ROW
	SECOND VARYING WEEK YEAR SUBSTRING TRIM EXTRACT LEADING TRAILING BOTH UNKNOWN ESCAPE
	VALUES PARTITION WITHIN NEXT ANY TRUNCATE
	RANGE GROUPS UNBOUNDED PRECEDING FOLLOWING CURRENT EXCLUDE NO OTHERS.
%fallback IDENT
	ADD ALTER ANALYZE BEGIN COLUMN COMMIT CONFLICT CREATE DELETE DEQUE DO DROP EXPLAIN IF INDEX INSERT INTO
	KEY NOTHING PRIMARY RELEASE RENAME ROLLBACK SAVEPOINT START TABLE TO
	ONLY READ TRANSACTION UNIQUE UPDATE WEAK WORK WRITE MATERIALIZED.
%fallback IDENT
	ACK BACK CLAIM DELAY EXTEND FRONT LEASE NACK POP QUEUE ROTATE.

%left UNION EXCEPT.
%left INTERSECT.
%left OR.
%left AND.
%right NOT.
%nonassoc IS ISNULL NOTNULL.
%nonassoc EQ NE LT LE GT GE.
%nonassoc BETWEEN IN LIKE ILIKE.
%nonassoc ESCAPE.
%left CONCAT MATCH BITS.
%left PLUS MINUS.
%left STAR SLASH PERCENT.
%left CARET.
%right UMINUS.
%left CAST_TO.

%type query { struct stoa__query * }
%type query_body { struct stoa__query * }
%type operand { struct stoa__query * }
%type select { struct stoa__query * }
%type with { struct stoa__with * }
%type with_list { struct stoa__with * }
%type items { struct stoa__ast_items * }
%type item { struct stoa__ast_item * }
%type order_items { struct stoa__ast_items * }
%type order_item { struct stoa__ast_item * }
%type order_by { struct stoa__ast_items * }
%type expr_list { struct stoa__ast_list * }
%type name_list { struct stoa__ast_list * }
%type opt_columns { struct stoa__ast_list * }
%type value_rows { struct stoa__ast_list * }
%type whens { struct stoa__ast_list * }
%type group_by { struct stoa__ast_list * }
%type from { struct stoa__from * }
%type table_list { struct stoa__from * }
%type source { struct stoa__from * }
%type joined { struct stoa__from * }
%type join { struct stoa__from * }
%type table { struct stoa__from * }
%type join_kind { int }
%type opt_alias { struct stoa__token }
%type alias { struct stoa__token }
%type type { struct stoa__ast_type * }
%type opt_not { unsigned }
%type set_all { bool }
%type direction { bool }
%type nulls { int }
%type like_op { struct stoa__token }
%type limits { struct stoa__query * }
%type distinct { struct stoa__query * }
%type trim_side { struct stoa__token }

input ::= statement(S) semis. { ps->statement = S; }
semis ::= .
semis ::= semis SEMI.

/* ---- queries ------------------------------------------------------------------------------ */

query(R) ::= query_body(B) order_by(O) limits(L). { R = stoa__query_end(B, O, L); }
query(R) ::= with(W) query_body(B) order_by(O) limits(L). {
	R = stoa__query_end(B, O, L);
	if (R)
		R->with = W;
}

with(R) ::= WITH with_list(L). { R = L; }
with(R) ::= WITH RECURSIVE(T) with_list(L). {
	R = L;
	stoa__parse_unsupported(ps, &T, "WITH RECURSIVE");
}
/* MATERIALIZED or not: each use of a WITH is planned with what is around it. */
with_list(R) ::= IDENT(N) opt_columns(C) AS materialized LP query(Q) RP. {
	R = stoa__with_add(ps, NULL, N, C, Q);
}
with_list(R) ::= with_list(L) COMMA IDENT(N) opt_columns(C) AS materialized LP query(Q) RP. {
	R = stoa__with_add(ps, L, N, C, Q);
}
materialized ::= .
materialized ::= MATERIALIZED.
materialized ::= NOT MATERIALIZED.
opt_columns(R) ::= . { R = NULL; }
opt_columns(R) ::= LP name_list(L) RP. { R = L; }
name_list(R) ::= IDENT(N). { R = stoa__ast_list_add(ps, NULL, stoa__ast_name(ps, NULL, N)); }
name_list(R) ::= name_list(L) COMMA IDENT(N). {
	R = stoa__ast_list_add(ps, L, stoa__ast_name(ps, NULL, N));
}

query_body(R) ::= select(S). { R = S; }
query_body(R) ::= operand(A) UNION(T) set_all(D) operand(B). {
	R = stoa__query_set(ps, STOA__SET_UNION, D, T, A, B);
}
query_body(R) ::= operand(A) EXCEPT(T) set_all(D) operand(B). {
	R = stoa__query_set(ps, STOA__SET_EXCEPT, D, T, A, B);
}
query_body(R) ::= operand(A) INTERSECT(T) set_all(D) operand(B). {
	R = stoa__query_set(ps, STOA__SET_INTERSECT, D, T, A, B);
}
/* In parentheses, with an ORDER BY and LIMIT of its own. */
operand(R) ::= query_body(B). { R = B; }
operand(R) ::= LP query(Q) RP. { R = Q; }
set_all(R) ::= . { R = false; }
set_all(R) ::= ALL. { R = true; }
set_all(R) ::= DISTINCT. { R = false; }

select(R) ::= SELECT(T) distinct(D) items(I) from(F) where(W) group_by(G) having(H) windows(N). {
	R = stoa__query_new(ps, T);
	if (R && D) {
		R->distinct = D->distinct;
		R->distinct_on = D->distinct_on;
		R->items = I;
		R->from = F;
		R->where = W;
		R->group_by = G;
		R->having = H;
		R->windows = N;
	}
}
select(R) ::= VALUES(T) value_rows(L). {
	R = stoa__query_new(ps, T);
	if (R)
		R->values = L;
}
value_rows(R) ::= LP(T) expr_list(L) RP. {
	R = stoa__ast_list_add(ps, NULL, stoa__ast_node(ps, STOA__AST_ROW, T, NULL, NULL, NULL, L));
}
value_rows(R) ::= value_rows(V) COMMA LP(T) expr_list(L) RP. {
	R = stoa__ast_list_add(ps, V, stoa__ast_node(ps, STOA__AST_ROW, T, NULL, NULL, NULL, L));
}

distinct(R) ::= . { R = stoa__query_new(ps, (struct stoa__token){ 0 }); }
distinct(R) ::= ALL(T). { R = stoa__query_new(ps, T); }
distinct(R) ::= DISTINCT(T). {
	R = stoa__query_new(ps, T);
	if (R)
		R->distinct = true;
}
distinct(R) ::= DISTINCT(T) ON LP expr_list(L) RP. {
	R = stoa__query_new(ps, T);
	if (R)
		R->distinct_on = L;
}

items(R) ::= item(I). { R = stoa__ast_items_add(ps, NULL, I); }
items(R) ::= items(L) COMMA item(I). { R = stoa__ast_items_add(ps, L, I); }
item(R) ::= STAR(T). {
	R = stoa__ast_item_new(ps, stoa__ast_new(ps, STOA__AST_STAR, T), NULL);
}
item(R) ::= IDENT(Q) DOT STAR(T). {
	struct stoa__ast *star = stoa__ast_new(ps, STOA__AST_STAR, T);
	if (star) {
		star->qualifier.p = Q.p;
		star->qualifier.len = Q.len;
	}
	R = stoa__ast_item_new(ps, star, NULL);
}
item(R) ::= expr(E). { R = stoa__ast_item_new(ps, E, NULL); }
item(R) ::= expr(E) AS IDENT(N). { R = stoa__ast_item_new(ps, E, &N); }
item(R) ::= expr(E) IDENT(N). { R = stoa__ast_item_new(ps, E, &N); }

from(R) ::= . { R = NULL; }
from(R) ::= FROM table_list(L). { R = L; }
table_list(R) ::= joined(J). { R = J; }
table_list(R) ::= table_list(A) COMMA(T) joined(B). {
	R = stoa__from_join(ps, STOA__JOIN_CROSS, T, A, B);
}
/* A join binds closer than a comma. */
joined(R) ::= table(T). { R = T; }
joined(R) ::= join(J). { R = J; }
join(R) ::= joined(A) CROSS JOIN(T) table(B). {
	R = stoa__from_join(ps, STOA__JOIN_CROSS, T, A, B);
}
join(R) ::= joined(A) join_kind(K) JOIN(T) table(B) ON expr(E). {
	R = stoa__from_join(ps, K, T, A, B);
	if (R)
		R->on = E;
}
join(R) ::= joined(A) join_kind(K) JOIN(T) table(B) USING LP name_list(L) RP. {
	R = stoa__from_join(ps, K, T, A, B);
	if (R)
		R->using_names = L;
}
join(R) ::= joined(A) NATURAL join_kind(K) JOIN(T) table(B). {
	R = stoa__from_join(ps, K, T, A, B);
	if (R)
		R->natural = true;
}
join_kind(R) ::= . { R = STOA__JOIN_INNER; }
join_kind(R) ::= INNER. { R = STOA__JOIN_INNER; }
join_kind(R) ::= LEFT outer. { R = STOA__JOIN_LEFT; }
join_kind(R) ::= RIGHT outer. { R = STOA__JOIN_RIGHT; }
join_kind(R) ::= FULL outer. { R = STOA__JOIN_FULL; }
outer ::= .
outer ::= OUTER.

table(R) ::= source(S) opt_alias(A). { R = stoa__from_named(S, &A, NULL); }
table(R) ::= source(S) alias(A) LP name_list(C) RP. { R = stoa__from_named(S, &A, C); }
source(R) ::= IDENT(N). { R = stoa__from_new(ps, STOA__FROM_TABLE, N, NULL); }
source(R) ::= IDENT(N) LP RP. { R = stoa__from_new(ps, STOA__FROM_FUNCTION, N, NULL); }
source(R) ::= IDENT(N) LP expr_list(L) RP. {
	R = stoa__from_new(ps, STOA__FROM_FUNCTION, N, NULL);
	if (R)
		R->args = L;
}
source(R) ::= STRING(N). { R = stoa__from_new(ps, STOA__FROM_FILE, N, NULL); }
source(R) ::= LP(T) query(Q) RP. {
	R = stoa__from_new(ps, STOA__FROM_QUERY, T, NULL);
	if (R && Q) {
		R->query = Q;
		R->height = (uint16_t)(Q->height + 1);
	}
}
table(R) ::= LP join(J) RP. { R = J; }
opt_alias(R) ::= . { memset(&R, 0, sizeof R); }
opt_alias(R) ::= alias(N). { R = N; }
alias(R) ::= AS IDENT(N). { R = N; }
alias(R) ::= IDENT(N). { R = N; }

where(R) ::= . { R = NULL; }
where(R) ::= WHERE expr(E). { R = E; }
group_by(R) ::= . { R = NULL; }
group_by(R) ::= GROUP BY expr_list(L). { R = L; }
having(R) ::= . { R = NULL; }
having(R) ::= HAVING expr(E). { R = E; }

%type windows { struct stoa__ast_window * }
windows(R) ::= . { R = NULL; }
windows(R) ::= WINDOW window_list(L). { R = L; }
%type window_list { struct stoa__ast_window * }
window_list(R) ::= IDENT(N) AS window(W). { R = stoa__ast_window_name(W, N, NULL); }
window_list(R) ::= window_list(L) COMMA IDENT(N) AS window(W). {
	R = stoa__ast_window_name(W, N, L);
}
/*
 * No part is empty: a word that may be a name is taken for one sooner than an empty part is seen.
 */
%type window { struct stoa__ast_window * }
window(R) ::= LP(T) window_rows(W). {
	R = W;
	if (R)
		R->at = T;
}
window(R) ::= LP(T) IDENT(B) window_rows(W). {
	R = W;
	if (R) {
		R->at = T;
		R->base = B;
	}
}
%type window_rows { struct stoa__ast_window * }
window_rows(R) ::= PARTITION(T) BY expr_list(P) order_by(O) frame(F). {
	R = stoa__ast_window_new(ps, T, P, O, &F);
}
window_rows(R) ::= ORDER(T) BY order_items(O) frame(F). {
	R = stoa__ast_window_new(ps, T, NULL, O, &F);
}
window_rows(R) ::= frame(F). {
	R = stoa__ast_window_new(ps, F.start.at, NULL, NULL, &F);
}
/* With the parenthesis behind it, so that what follows ORDER BY is never taken for an alias. */
%type frame { struct stoa__ast_frame }
frame(R) ::= RP. { memset(&R, 0, sizeof R); }
frame(R) ::= frame_unit(U) frame_edge(A) exclusion RP. {
	R = stoa__ast_frame_of(ps, U, A, stoa__ast_current_row(U));
}
frame(R) ::= frame_unit(U) BETWEEN frame_edge(A) AND frame_edge(B) exclusion RP. {
	R = stoa__ast_frame_of(ps, U, A, B);
}
%type frame_unit { struct stoa__token }
frame_unit(R) ::= ROWS|RANGE|GROUPS(T). { R = T; }
%type frame_edge { struct stoa__ast_edge }
frame_edge(R) ::= UNBOUNDED(T) PRECEDING. {
	R = (struct stoa__ast_edge){ STOA__EDGE_FIRST, T, NULL };
}
frame_edge(R) ::= UNBOUNDED(T) FOLLOWING. {
	R = (struct stoa__ast_edge){ STOA__EDGE_LAST, T, NULL };
}
frame_edge(R) ::= CURRENT(T) ROW. { R = stoa__ast_current_row(T); }
frame_edge(R) ::= expr(E) PRECEDING(T). {
	R = (struct stoa__ast_edge){ STOA__EDGE_BEFORE, E ? E->at : T, E };
}
frame_edge(R) ::= expr(E) FOLLOWING(T). {
	R = (struct stoa__ast_edge){ STOA__EDGE_BEHIND, E ? E->at : T, E };
}
exclusion ::= .
exclusion ::= EXCLUDE NO OTHERS.
exclusion ::= EXCLUDE(T) CURRENT ROW. { stoa__parse_unsupported(ps, &T, "EXCLUDE CURRENT ROW"); }
exclusion ::= EXCLUDE(T) GROUP. { stoa__parse_unsupported(ps, &T, "EXCLUDE GROUP"); }
exclusion ::= EXCLUDE(T) IDENT. { stoa__parse_unsupported(ps, &T, "EXCLUDE TIES"); }

order_by(R) ::= . { R = NULL; }
order_by(R) ::= ORDER BY order_items(L). { R = L; }
order_items(R) ::= order_item(I). { R = stoa__ast_items_add(ps, NULL, I); }
order_items(R) ::= order_items(L) COMMA order_item(I). { R = stoa__ast_items_add(ps, L, I); }
order_item(R) ::= expr(E) direction(D) nulls(N). {
	R = stoa__ast_item_new(ps, E, NULL);
	if (R) {
		R->descending = D;
		R->nulls = N;
	}
}
direction(R) ::= . { R = false; }
direction(R) ::= ASC. { R = false; }
direction(R) ::= DESC. { R = true; }
nulls(R) ::= . { R = 0; }
nulls(R) ::= NULLS FIRST. { R = 1; }
nulls(R) ::= NULLS LAST. { R = 2; }

/* LIMIT and OFFSET come in either order; carried in a query of their own. */
limits(R) ::= . { R = stoa__query_new(ps, (struct stoa__token){ 0 }); }
limits(R) ::= LIMIT(T) limit_count(E). {
	R = stoa__query_new(ps, T);
	if (R)
		R->limit = E;
}
limits(R) ::= OFFSET(T) expr(E) rows. {
	R = stoa__query_new(ps, T);
	if (R)
		R->offset = E;
}
limits(R) ::= LIMIT(T) limit_count(E) OFFSET expr(F) rows. {
	R = stoa__query_new(ps, T);
	if (R) {
		R->limit = E;
		R->offset = F;
	}
}
limits(R) ::= OFFSET(T) expr(F) rows LIMIT limit_count(E). {
	R = stoa__query_new(ps, T);
	if (R) {
		R->limit = E;
		R->offset = F;
	}
}
limits(R) ::= fetch(F). { R = F; }
limits(R) ::= OFFSET expr(F) rows fetch(L). {
	R = L;
	if (R)
		R->offset = F;
}
/* FETCH FIRST 3 ROWS ONLY */
%type fetch { struct stoa__query * }
fetch(R) ::= FETCH(T) first_or_next fetch_count(E) row_or_rows ONLY. {
	R = stoa__query_new(ps, T);
	if (R)
		R->limit = E;
}
fetch_count(R) ::= . { R = stoa__ast_one(ps); }
fetch_count(R) ::= NUMBER(T). { R = stoa__ast_text(ps, STOA__AST_NUMBER, T); }
fetch_count(R) ::= PARAM(T). { R = stoa__ast_param(ps, T); }
fetch_count(R) ::= LP expr(E) RP. { R = E; }
first_or_next ::= FIRST.
first_or_next ::= NEXT.
row_or_rows ::= ROW.
row_or_rows ::= ROWS.
limit_count(R) ::= expr(E). { R = E; }
limit_count(R) ::= ALL. { R = NULL; }
rows ::= .
rows ::= ROW.
rows ::= ROWS.

/* ---- expressions -------------------------------------------------------------------------- */

expr(R) ::= DEFAULT(T). { R = stoa__ast_new(ps, STOA__AST_DEFAULT, T); }
expr(R) ::= NULL(T). { R = stoa__ast_new(ps, STOA__AST_NULL, T); }
expr(R) ::= TRUE(T). {
	R = stoa__ast_new(ps, STOA__AST_BOOL, T);
	if (R)
		R->op = 1;
}
expr(R) ::= FALSE(T). { R = stoa__ast_new(ps, STOA__AST_BOOL, T); }
expr(R) ::= NUMBER(T). { R = stoa__ast_text(ps, STOA__AST_NUMBER, T); }
expr(R) ::= STRING(T). { R = stoa__ast_text(ps, STOA__AST_STRING, T); }
expr(R) ::= BLOB(T). { R = stoa__ast_blob(ps, T); }
expr(R) ::= PARAM(T). { R = stoa__ast_param(ps, T); }
expr(R) ::= IDENT(N). { R = stoa__ast_name(ps, NULL, N); }
expr(R) ::= path(P). { R = P; }
/* [table.]column, and further columns of the rows that references refer to. */
path(R) ::= IDENT(Q) DOT IDENT(N). { R = stoa__ast_name(ps, &Q, N); }
path(R) ::= path(P) DOT IDENT(N). {
	R = stoa__ast_unary(ps, STOA__AST_DEREF, 0, N, P);
	if (R) {
		R->text.p = N.p;
		R->text.len = N.len;
	}
}
expr(R) ::= IDENT(N) STRING(S). {
	R = stoa__ast_text(ps, STOA__AST_TYPED, S);
	if (R) {
		R->at = N;
		R->type = stoa__ast_type_new(ps, N, 0, N, N);
	}
}
expr(R) ::= INTERVAL(T) STRING(S). {
	R = stoa__ast_text(ps, STOA__AST_INTERVAL, S);
	if (R)
		R->at = T;
}
expr(R) ::= INTERVAL(T) STRING(S) unit(U). {
	R = stoa__ast_text(ps, STOA__AST_INTERVAL, S);
	if (R) {
		R->at = T;
		R->type = stoa__ast_type_new(ps, U, 0, U, U);
	}
}
%type unit { struct stoa__token }
unit(R) ::= YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND(T). { R = T; }

expr(R) ::= LP expr(E) RP. { R = E; }
expr(R) ::= LP(T) expr_list(L) COMMA expr(E) RP. {
	R = stoa__ast_node(ps, STOA__AST_ROW, T, NULL, NULL, NULL, stoa__ast_list_add(ps, L, E));
}
expr(R) ::= LP(T) query(Q) RP. { R = stoa__ast_query(ps, STOA__AST_SUBQUERY, T, NULL, Q); }
expr(R) ::= EXISTS(T) LP query(Q) RP. { R = stoa__ast_query(ps, STOA__AST_EXISTS, T, NULL, Q); }

expr_list(R) ::= expr(E). { R = stoa__ast_list_add(ps, NULL, E); }
expr_list(R) ::= expr_list(L) COMMA expr(E). { R = stoa__ast_list_add(ps, L, E); }

expr(R) ::= expr(A) AND(T) expr(B). { R = stoa__ast_logic(ps, STOA__AST_AND, T, A, B); }
expr(R) ::= expr(A) OR(T) expr(B). { R = stoa__ast_logic(ps, STOA__AST_OR, T, A, B); }
expr(R) ::= NOT(T) expr(A). { R = stoa__ast_unary(ps, STOA__AST_NOT, 0, T, A); }

expr(R) ::= expr(A) EQ(T) expr(B). { R = stoa__ast_compare(ps, STOA__OP_EQ, T, A, B); }
expr(R) ::= expr(A) NE(T) expr(B). { R = stoa__ast_compare(ps, STOA__OP_NE, T, A, B); }
expr(R) ::= expr(A) LT(T) expr(B). { R = stoa__ast_compare(ps, STOA__OP_LT, T, A, B); }
expr(R) ::= expr(A) LE(T) expr(B). { R = stoa__ast_compare(ps, STOA__OP_LE, T, A, B); }
expr(R) ::= expr(A) GT(T) expr(B). { R = stoa__ast_compare(ps, STOA__OP_GT, T, A, B); }
expr(R) ::= expr(A) GE(T) expr(B). { R = stoa__ast_compare(ps, STOA__OP_GE, T, A, B); }
expr(R) ::= expr(A) MATCH(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_MATCH, T, A, B); }
/* & | # << >>, and ~ before an operand: functions of that name. */
expr(R) ::= expr(A) BITS(T) expr(B). {
	R = stoa__ast_call(ps, T, stoa__ast_list_add(ps, stoa__ast_list_add(ps, NULL, A), B));
}
expr(R) ::= MATCH(T) expr(A). [UMINUS] {
	R = stoa__ast_call(ps, T, stoa__ast_list_add(ps, NULL, A));
}
expr(R) ::= expr(A) CONCAT(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_CONCAT, T, A, B); }
expr(R) ::= expr(A) PLUS(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_ADD, T, A, B); }
expr(R) ::= expr(A) MINUS(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_SUB, T, A, B); }
expr(R) ::= expr(A) STAR(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_MUL, T, A, B); }
expr(R) ::= expr(A) SLASH(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_DIV, T, A, B); }
expr(R) ::= expr(A) PERCENT(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_MOD, T, A, B); }
expr(R) ::= expr(A) CARET(T) expr(B). { R = stoa__ast_binary(ps, STOA__OP_POWER, T, A, B); }
expr(R) ::= MINUS(T) expr(A). [UMINUS] {
	R = stoa__ast_unary(ps, STOA__AST_UNARY, STOA__OP_NEG, T, A);
}
expr(R) ::= PLUS(T) expr(A). [UMINUS] {
	R = stoa__ast_unary(ps, STOA__AST_UNARY, STOA__OP_PLUS, T, A);
}

expr(R) ::= expr(A) IS(T) opt_not(N) NULL. {
	R = stoa__ast_unary(ps, STOA__AST_IS, STOA__IS_NULL, T, A);
	if (R)
		R->flags = (uint8_t)N;
}
expr(R) ::= expr(A) IS(T) opt_not(N) TRUE. {
	R = stoa__ast_unary(ps, STOA__AST_IS, STOA__IS_TRUE, T, A);
	if (R)
		R->flags = (uint8_t)N;
}
expr(R) ::= expr(A) IS(T) opt_not(N) FALSE. {
	R = stoa__ast_unary(ps, STOA__AST_IS, STOA__IS_FALSE, T, A);
	if (R)
		R->flags = (uint8_t)N;
}
expr(R) ::= expr(A) IS(T) opt_not(N) UNKNOWN. {
	R = stoa__ast_unary(ps, STOA__AST_IS, STOA__IS_UNKNOWN, T, A);
	if (R)
		R->flags = (uint8_t)N;
}
expr(R) ::= expr(A) ISNULL(T). { R = stoa__ast_unary(ps, STOA__AST_IS, STOA__IS_NULL, T, A); }
expr(R) ::= expr(A) NOTNULL(T). {
	R = stoa__ast_unary(ps, STOA__AST_IS, STOA__IS_NULL, T, A);
	if (R)
		R->flags = STOA__AST_NOT_FLAG;
}
expr(R) ::= expr(A) IS(T) opt_not(N) DISTINCT FROM expr(B). [IS] {
	R = stoa__ast_binary(ps, N ? STOA__OP_NOT_DISTINCT : STOA__OP_DISTINCT, T, A, B);
}
opt_not(R) ::= . { R = 0; }
opt_not(R) ::= NOT. { R = STOA__AST_NOT_FLAG; }

expr(R) ::= expr(A) BETWEEN(T) expr(B) AND expr(C). [BETWEEN] {
	R = stoa__ast_node(ps, STOA__AST_BETWEEN, T, A, B, C, NULL);
}
expr(R) ::= expr(A) NOT BETWEEN(T) expr(B) AND expr(C). [BETWEEN] {
	R = stoa__ast_node(ps, STOA__AST_BETWEEN, T, A, B, C, NULL);
	if (R)
		R->flags = STOA__AST_NOT_FLAG;
}
expr(R) ::= expr(A) IN(T) LP expr_list(L) RP. { R = stoa__ast_in(ps, T, A, L, false); }
expr(R) ::= expr(A) NOT IN(T) LP expr_list(L) RP. { R = stoa__ast_in(ps, T, A, L, true); }
expr(R) ::= expr(A) IN(T) LP query(Q) RP. { R = stoa__ast_any(ps, T, A, Q); }
expr(R) ::= expr(A) NOT IN(T) LP query(Q) RP. {
	R = stoa__ast_any(ps, T, A, Q);
	if (R)
		R->flags = STOA__AST_NOT_FLAG;
}
expr(R) ::= expr(A) EQ(T) ANY LP query(Q) RP. [EQ] { R = stoa__ast_any(ps, T, A, Q); }
expr(R) ::= expr(A) NE(T) ANY LP query(Q) RP. [EQ] { R = stoa__ast_any(ps, T, A, Q); }
expr(R) ::= expr(A) LT(T) ANY LP query(Q) RP. [EQ] { R = stoa__ast_any(ps, T, A, Q); }
expr(R) ::= expr(A) LE(T) ANY LP query(Q) RP. [EQ] { R = stoa__ast_any(ps, T, A, Q); }
expr(R) ::= expr(A) GT(T) ANY LP query(Q) RP. [EQ] { R = stoa__ast_any(ps, T, A, Q); }
expr(R) ::= expr(A) GE(T) ANY LP query(Q) RP. [EQ] { R = stoa__ast_any(ps, T, A, Q); }
expr(R) ::= expr(A) EQ(T) ALL LP query(Q) RP. [EQ] { R = stoa__ast_all(ps, T, A, Q); }
expr(R) ::= expr(A) NE(T) ALL LP query(Q) RP. [EQ] { R = stoa__ast_all(ps, T, A, Q); }
expr(R) ::= expr(A) LT(T) ALL LP query(Q) RP. [EQ] { R = stoa__ast_all(ps, T, A, Q); }
expr(R) ::= expr(A) LE(T) ALL LP query(Q) RP. [EQ] { R = stoa__ast_all(ps, T, A, Q); }
expr(R) ::= expr(A) GT(T) ALL LP query(Q) RP. [EQ] { R = stoa__ast_all(ps, T, A, Q); }
expr(R) ::= expr(A) GE(T) ALL LP query(Q) RP. [EQ] { R = stoa__ast_all(ps, T, A, Q); }

like_op(R) ::= LIKE(T). { R = T; }
like_op(R) ::= ILIKE(T). { R = T; }
expr(R) ::= expr(A) like_op(T) expr(B). [LIKE] {
	R = stoa__ast_node(ps, STOA__AST_LIKE, T, A, B, NULL, NULL);
	if (R)
		R->op = T.kind == TK_ILIKE;
}
expr(R) ::= expr(A) like_op(T) expr(B) ESCAPE expr(C). [LIKE] {
	R = stoa__ast_node(ps, STOA__AST_LIKE, T, A, B, C, NULL);
	if (R)
		R->op = T.kind == TK_ILIKE;
}
expr(R) ::= expr(A) NOT like_op(T) expr(B). [LIKE] {
	R = stoa__ast_node(ps, STOA__AST_LIKE, T, A, B, NULL, NULL);
	if (R) {
		R->op = T.kind == TK_ILIKE;
		R->flags = STOA__AST_NOT_FLAG;
	}
}
expr(R) ::= expr(A) NOT like_op(T) expr(B) ESCAPE expr(C). [LIKE] {
	R = stoa__ast_node(ps, STOA__AST_LIKE, T, A, B, C, NULL);
	if (R) {
		R->op = T.kind == TK_ILIKE;
		R->flags = STOA__AST_NOT_FLAG;
	}
}

expr(R) ::= CASE(T) opt_expr(A) whens(L) opt_else(B) END. {
	R = stoa__ast_node(ps, STOA__AST_CASE, T, A, B, NULL, L);
}
opt_expr(R) ::= . { R = NULL; }
opt_expr(R) ::= expr(E). { R = E; }
opt_else(R) ::= . { R = NULL; }
opt_else(R) ::= ELSE expr(E). { R = E; }
whens(R) ::= WHEN expr(A) THEN expr(B). {
	R = stoa__ast_list_add(ps, stoa__ast_list_add(ps, NULL, A), B);
}
whens(R) ::= whens(L) WHEN expr(A) THEN expr(B). {
	R = stoa__ast_list_add(ps, stoa__ast_list_add(ps, L, A), B);
}

expr(R) ::= CAST(T) LP expr(A) AS type(Y) RP. {
	R = stoa__ast_node(ps, STOA__AST_CAST, T, A, NULL, NULL, NULL);
	if (R)
		R->type = Y;
}
expr(R) ::= expr(A) CAST_TO(T) type(Y). {
	R = stoa__ast_node(ps, STOA__AST_CAST, T, A, NULL, NULL, NULL);
	if (R)
		R->type = Y;
}
type(R) ::= type_name(N). { R = stoa__ast_type_new(ps, N, 0, N, N); }
type(R) ::= type_name(N) LP NUMBER(A) RP. { R = stoa__ast_type_new(ps, N, 1, A, A); }
type(R) ::= type_name(N) LP NUMBER(A) COMMA NUMBER(B) RP. {
	R = stoa__ast_type_new(ps, N, 2, A, B);
}
type(R) ::= type_name(N) LP IDENT(X) RP. { R = stoa__ast_type_ref(ps, N, X, false); }
%type type_name { struct stoa__token }
type_name(R) ::= IDENT(N). { R = N; }
type_name(R) ::= IDENT(N) PRECISION. { R = N; }
type_name(R) ::= IDENT(N) VARYING. { R = N; }

/* ---- calls -------------------------------------------------------------------------------- */

expr(R) ::= call(C) within(I) filter(F) over(O). {
	if (I)
		C = stoa__ast_call_order(ps, C, I, STOA__AST_WITHIN);
	R = C;
	if (F)
		R = stoa__ast_node(ps, STOA__AST_CALL, C ? C->at : (struct stoa__token){ 0 }, F,
				   NULL, NULL, C ? C->list : NULL);
	if (R && C) {
		R->text = C->text;
		R->order = C->order;
		R->flags = C->flags;
	}
	if (O)
		R = stoa__ast_over(ps, R, O);
}
call(R) ::= IDENT(N) LP RP. { R = stoa__ast_call(ps, N, NULL); }
call(R) ::= IDENT(N) LP STAR(T) RP. {
	struct stoa__ast *star = stoa__ast_new(ps, STOA__AST_STAR, T);
	R = stoa__ast_call(ps, N, stoa__ast_list_add(ps, NULL, star));
}
call(R) ::= IDENT(N) LP expr_list(L) RP. { R = stoa__ast_call_or_row(ps, N, L); }
call(R) ::= IDENT(N) LP ALL expr_list(L) RP. { R = stoa__ast_call(ps, N, L); }
call(R) ::= IDENT(N) LP DISTINCT expr_list(L) RP. {
	R = stoa__ast_call(ps, N, L);
	if (R)
		R->flags = STOA__AST_DISTINCT;
}
call(R) ::= IDENT(N) LP expr_list(L) ORDER BY order_items(O) RP. {
	R = stoa__ast_call_order(ps, stoa__ast_call(ps, N, L), O, 0);
}
call(R) ::= IDENT(N) LP DISTINCT expr_list(L) ORDER BY order_items(O) RP. {
	R = stoa__ast_call_order(ps, stoa__ast_call(ps, N, L), O, STOA__AST_DISTINCT);
}
/* Names that are also kinds of join. */
call(R) ::= LEFT|RIGHT(N) LP expr_list(L) RP. { R = stoa__ast_call(ps, N, L); }
%type within { struct stoa__ast_items * }
within(R) ::= . { R = NULL; }
within(R) ::= WITHIN GROUP LP ORDER BY order_items(O) RP. { R = O; }
filter(R) ::= . { R = NULL; }
filter(R) ::= FILTER LP WHERE expr(E) RP. { R = E; }
%type over { struct stoa__ast_window * }
over(R) ::= . { R = NULL; }
over(R) ::= OVER(T) IDENT(N). {
	R = stoa__ast_window_new(ps, T, NULL, NULL, &(struct stoa__ast_frame){ .unit = 0 });
	if (R) {
		R->base = N;
		R->whole = true;
	}
}
over(R) ::= OVER window(W). { R = W; }

expr(R) ::= EXTRACT(T) LP IDENT(F) FROM expr(A) RP. {
	R = stoa__ast_node(ps, STOA__AST_EXTRACT, T, A, NULL, NULL, NULL);
	if (R) {
		R->text.p = F.p;
		R->text.len = F.len;
	}
}
expr(R) ::= SUBSTRING(N) LP expr_list(L) RP. { R = stoa__ast_call(ps, N, L); }
expr(R) ::= SUBSTRING(N) LP expr(S) FROM expr(A) RP. {
	R = stoa__ast_call(ps, N, stoa__ast_list_add(ps, stoa__ast_list_add(ps, NULL, S), A));
}
expr(R) ::= SUBSTRING(N) LP expr(S) FROM expr(A) FOR expr(B) RP. {
	struct stoa__ast_list *l = stoa__ast_list_add(ps, stoa__ast_list_add(ps, NULL, S), A);
	R = stoa__ast_call(ps, N, stoa__ast_list_add(ps, l, B));
}
expr(R) ::= TRIM(N) LP expr_list(L) RP. { R = stoa__ast_call(ps, N, L); }
expr(R) ::= TRIM LP trim_side(N) FROM expr(S) RP. {
	R = stoa__ast_call(ps, N, stoa__ast_list_add(ps, NULL, S));
}
expr(R) ::= TRIM LP trim_side(N) expr(C) FROM expr(S) RP. {
	R = stoa__ast_call(ps, N, stoa__ast_list_add(ps, stoa__ast_list_add(ps, NULL, S), C));
}
expr(R) ::= TRIM(N) LP expr(C) FROM expr(S) RP. {
	R = stoa__ast_call(ps, N, stoa__ast_list_add(ps, stoa__ast_list_add(ps, NULL, S), C));
}
trim_side(R) ::= LEADING(T). { R = T; R.p = "ltrim"; R.len = 5; }
trim_side(R) ::= TRAILING(T). { R = T; R.p = "rtrim"; R.len = 5; }
trim_side(R) ::= BOTH(T). { R = T; R.p = "btrim"; R.len = 5; }

/* ---- statements --------------------------------------------------------------------------- */

%type statement { struct stoa__statement * }
%type change { struct stoa__statement * }
%type insert_rows { struct stoa__query * }
%type conflict { struct stoa__conflict * }
%type assignments { struct stoa__assignment * }
%type assignment { struct stoa__assignment * }
%type returning { struct stoa__ast_items * }
%type as_alias { struct stoa__token }
%type word { struct stoa__token }
%type definition { struct stoa__statement * }
%type control { struct stoa__statement * }
%type column_defs { struct stoa__statement * }
%type column_def { struct stoa__column_def * }
%type default_value { struct stoa__ast * }
%type if_exists { bool }
%type if_not_exists { bool }

statement(R) ::= query(Q). {
	R = stoa__statement_new(ps, STOA__STATEMENT_QUERY, Q ? Q->at : (struct stoa__token){ 0 });
	if (R)
		R->query = Q;
}
statement(R) ::= change(S). { R = S; }
statement(R) ::= with(W) change(S). { R = stoa__statement_with(S, W); }
statement(R) ::= definition(S). { R = S; }
statement(R) ::= control(S). { R = S; }
statement(R) ::= EXPLAIN(T) statement(S). { R = stoa__statement_explain(ps, T, false, S); }
statement(R) ::= EXPLAIN(T) ANALYZE statement(S). { R = stoa__statement_explain(ps, T, true, S); }
statement(R) ::= EXPLAIN(T) LP ANALYZE RP statement(S). {
	R = stoa__statement_explain(ps, T, true, S);
}

change(R) ::= INSERT(T) INTO word(N) as_alias(A) insert_tail(S). {
	R = stoa__statement_insert(S, T, N, &A, NULL);
}
change(R) ::= INSERT(T) FRONT INTO word(N) deque_of(D) insert_tail(S). {
	R = stoa__statement_insert_front(ps, S, T, N, D, NULL);
}
change(R) ::= INSERT(T) FRONT INTO word(N) deque_of(D) LP name_list(C) RP insert_tail(S). {
	R = stoa__statement_insert_front(ps, S, T, N, D, C);
}
change(R) ::= INSERT(T) INTO word(N) as_alias(A) LP name_list(C) RP insert_tail(S). {
	R = stoa__statement_insert(S, T, N, &A, C);
}
%type insert_tail { struct stoa__statement * }
insert_tail(R) ::= insert_rows(Q) conflict(F) returning(I). {
	R = stoa__statement_new(ps, STOA__STATEMENT_INSERT, (struct stoa__token){ 0 });
	if (R) {
		R->query = Q;
		R->conflict = F;
		R->returning = I;
	}
}
as_alias(R) ::= . { memset(&R, 0, sizeof R); }
as_alias(R) ::= AS IDENT(N). { R = N; }
insert_rows(R) ::= query(Q). { R = Q; }
insert_rows(R) ::= LP query(Q) RP. { R = Q; }
insert_rows(R) ::= DEFAULT VALUES. { R = NULL; }
change(R) ::= UPDATE(T) word(N) opt_alias(A) SET assignments(S) from(F) where(W) returning(I). {
	R = stoa__statement_table(ps, STOA__STATEMENT_UPDATE, T, N, &A);
	if (R) {
		R->sets = S;
		R->from = F;
		R->where = W;
		R->returning = I;
	}
}
change(R) ::= TRUNCATE(T) table_word word(N). {
	R = stoa__statement_table(ps, STOA__STATEMENT_DELETE, T, N, NULL);
}
table_word ::= .
table_word ::= TABLE.
%type using { struct stoa__from * }
using(R) ::= . { R = NULL; }
using(R) ::= USING table_list(L). { R = L; }
change(R) ::= DELETE(T) FROM word(N) opt_alias(A) using(F) where(W) returning(I). {
	R = stoa__statement_table(ps, STOA__STATEMENT_DELETE, T, N, &A);
	if (R) {
		R->from = F;
		R->where = W;
		R->returning = I;
	}
}
assignments(R) ::= assignment(S). { R = S; }
assignments(R) ::= assignments(L) COMMA assignment(S). { R = stoa__assignment_add(L, S); }
assignment(R) ::= IDENT(N) EQ expr(E). { R = stoa__assignment_new(ps, N, E); }
assignment(R) ::= LP(T) name_list(N) RP EQ LP expr_list(L) RP. {
	R = stoa__assignment_rows(ps, T, N, L);
}

/* Queues: what is taken from a table's deque, and what becomes of it. */
change(R) ::= POP(T) expr_or_none(N) FROM word(X) deque_of(D) queue_of(Q) end(E) returning(I). {
	R = stoa__statement_queue(ps, STOA__QUEUE_POP, T, X, D, NULL, I);
	stoa__statement_take(R, N, Q, E);
}
change(R) ::= CLAIM(T) expr_or_none(N) FROM word(X) deque_of(D) queue_of(Q) lease(L) returning(I). {
	R = stoa__statement_queue(ps, STOA__QUEUE_CLAIM, T, X, D, NULL, I);
	stoa__statement_take(R, N, Q, 0);
	stoa__statement_span(ps, R, L);
}
change(R) ::= ACK(T) word(X) deque_of(D) where(W) returning(I). {
	R = stoa__statement_queue(ps, STOA__QUEUE_ACK, T, X, D, W, I);
}
change(R) ::= NACK(T) word(X) deque_of(D) end(E) delay(L) where(W) returning(I). {
	R = stoa__statement_queue(ps, STOA__QUEUE_NACK, T, X, D, W, I);
	stoa__statement_take(R, NULL, NULL, E);
	stoa__statement_span(ps, R, L);
}
change(R) ::= EXTEND(T) word(X) deque_of(D) lease(L) where(W) returning(I). {
	R = stoa__statement_queue(ps, STOA__QUEUE_EXTEND, T, X, D, W, I);
	stoa__statement_span(ps, R, L);
}
change(R) ::= ROTATE(T) word(X) deque_of(D) queue_of(Q) BY expr(N). {
	R = stoa__statement_queue(ps, STOA__QUEUE_ROTATE, T, X, D, NULL, NULL);
	stoa__statement_take(R, N, Q, 0);
}
%type expr_or_none { struct stoa__ast * }
expr_or_none(R) ::= . { R = NULL; }
expr_or_none(R) ::= expr(E). { R = E; }
%type deque_of { struct stoa__token }
deque_of(R) ::= . { memset(&R, 0, sizeof R); }
deque_of(R) ::= DEQUE IDENT(N). { R = N; }
%type queue_of { struct stoa__ast * }
queue_of(R) ::= . { R = NULL; }
queue_of(R) ::= QUEUE expr(E). { R = E; }
%type end { int }
end(R) ::= . { R = 0; }
end(R) ::= FRONT. { R = 0; }
end(R) ::= BACK. { R = 1; }
%type lease { struct stoa__ast * }
lease(R) ::= . { R = NULL; }
lease(R) ::= LEASE expr(E). { R = E; }
%type delay { struct stoa__ast * }
delay(R) ::= . { R = NULL; }
delay(R) ::= DELAY expr(E). { R = E; }

returning(R) ::= . { R = NULL; }
returning(R) ::= RETURNING items(I). { R = I; }

conflict(R) ::= . { R = NULL; }
conflict(R) ::= ON CONFLICT(T) opt_columns(C) DO NOTHING. {
	R = stoa__conflict_new(ps, T, C, NULL, NULL);
}
conflict(R) ::= ON CONFLICT(T) opt_columns(C) DO UPDATE SET assignments(S) where(W). {
	R = stoa__conflict_new(ps, T, C, S, W);
}

/* The name of a table or savepoint. */
word(R) ::= IDENT(N). { R = N; }

/* ---- definitions -------------------------------------------------------------------------- */

definition(R) ::= CREATE(T) TABLE if_not_exists(I) word(N) LP column_defs(D) RP. {
	R = D;
	if (R) {
		R->at = T;
		R->table = N;
		R->if_exists = I;
	}
}
definition(R) ::= CREATE(T) TABLE if_not_exists(I) word(N) AS query(Q). {
	R = stoa__statement_table(ps, STOA__STATEMENT_CREATE_AS, T, N, NULL);
	if (R) {
		R->if_exists = I;
		R->query = Q;
	}
}
definition(R) ::= ALTER(T) TABLE word(N) ADD column_word column_def(D). {
	R = stoa__statement_table(ps, STOA__STATEMENT_ADD_COLUMN, T, N, NULL);
	if (R)
		R->defs = D;
}
definition(R) ::= ALTER(T) TABLE word(N) DROP column_word IDENT(C). {
	R = stoa__statement_table(ps, STOA__STATEMENT_DROP_COLUMN, T, N, NULL);
	if (R)
		R->name = C;
}
definition(R) ::= ALTER(T) TABLE word(N) RENAME column_word IDENT(C) TO IDENT(D). {
	R = stoa__statement_table(ps, STOA__STATEMENT_RENAME_COLUMN, T, N, NULL);
	if (R) {
		R->name = C;
		R->new_name = D;
	}
}
definition(R) ::= ALTER(T) TABLE word(N) RENAME TO IDENT(D). {
	R = stoa__statement_table(ps, STOA__STATEMENT_RENAME_TABLE, T, N, NULL);
	if (R)
		R->new_name = D;
}
definition(R) ::= DROP(T) TABLE if_exists(I) word(N). {
	R = stoa__statement_table(ps, STOA__STATEMENT_DROP_TABLE, T, N, NULL);
	if (R)
		R->if_exists = I;
}
definition(R) ::= CREATE(T) unique(U) INDEX if_not_exists(I) index_name(N) ON word(X) LP name_list(L)
		  RP. {
	R = stoa__statement_table(ps, STOA__STATEMENT_CREATE_INDEX, T, X, NULL);
	if (R) {
		R->if_exists = I;
		R->unique = U;
		R->name = N;
		R->columns = L;
	}
}
definition(R) ::= CREATE(T) DEQUE if_not_exists(I) index_name(N) ON word(X) opt_columns(L)
		  with_options(O). {
	R = stoa__statement_table(ps, STOA__STATEMENT_CREATE_DEQUE, T, X, NULL);
	if (R) {
		R->if_exists = I;
		R->name = N;
		R->columns = L;
		R->sets = O;
	}
}
%type with_options { struct stoa__assignment * }
with_options(R) ::= . { R = NULL; }
with_options(R) ::= WITH LP assignments(S) RP. { R = S; }
definition(R) ::= DROP(T) INDEX if_exists(I) IDENT(N) ON word(X). {
	R = stoa__statement_table(ps, STOA__STATEMENT_DROP_INDEX, T, X, NULL);
	if (R) {
		R->if_exists = I;
		R->name = N;
	}
}
%type unique { bool }
unique(R) ::= . { R = false; }
unique(R) ::= UNIQUE. { R = true; }
%type index_name { struct stoa__token }
index_name(R) ::= . { memset(&R, 0, sizeof R); }
index_name(R) ::= IDENT(N). { R = N; }
if_exists(R) ::= . { R = false; }
if_exists(R) ::= IF EXISTS. { R = true; }
if_not_exists(R) ::= . { R = false; }
if_not_exists(R) ::= IF NOT EXISTS. { R = true; }
column_word ::= .
column_word ::= COLUMN.

/* Columns and the constraints among them, gathered in the statement that they are for. */
column_defs(R) ::= column_def(D). {
	R = stoa__statement_column(stoa__statement_new(ps, STOA__STATEMENT_CREATE,
						       D ? D->name : (struct stoa__token){ 0 }), D);
}
column_defs(R) ::= column_defs(L) COMMA column_def(D). { R = stoa__statement_column(L, D); }
column_defs(R) ::= column_defs(L) COMMA PRIMARY(T) KEY LP name_list(N) RP. {
	R = stoa__statement_key(ps, L, T, true, N);
}
column_defs(R) ::= column_defs(L) COMMA UNIQUE(T) LP name_list(N) RP. {
	R = stoa__statement_key(ps, L, T, false, N);
}
column_def(R) ::= IDENT(N) type(Y). { R = stoa__column_def_new(ps, N, Y); }
/* WEAK REF(table) */
column_def(R) ::= IDENT(N) WEAK(W) IDENT(F) LP IDENT(X) RP. {
	R = stoa__column_def_new(ps, N, stoa__ast_type_weak(ps, W, F, X));
}
column_def(R) ::= column_def(D) NOT NULL. {
	R = D;
	if (R)
		R->not_null = true;
}
column_def(R) ::= column_def(D) NULL. { R = D; }
column_def(R) ::= column_def(D) DEFAULT default_value(E). {
	R = D;
	if (R)
		R->value = E;
}
column_def(R) ::= column_def(D) PRIMARY(T) KEY. {
	R = D;
	if (R)
		R->primary = T;
}
column_def(R) ::= column_def(D) UNIQUE(T). {
	R = D;
	if (R)
		R->unique = T;
}
/* What needs no parentheses as a default: NOT NULL may follow it. */
default_value(R) ::= NULL(T). { R = stoa__ast_new(ps, STOA__AST_NULL, T); }
default_value(R) ::= TRUE(T). {
	R = stoa__ast_new(ps, STOA__AST_BOOL, T);
	if (R)
		R->op = 1;
}
default_value(R) ::= FALSE(T). { R = stoa__ast_new(ps, STOA__AST_BOOL, T); }
default_value(R) ::= NUMBER(T). { R = stoa__ast_text(ps, STOA__AST_NUMBER, T); }
default_value(R) ::= MINUS(O) NUMBER(T). {
	R = stoa__ast_unary(ps, STOA__AST_UNARY, STOA__OP_NEG, O,
			    stoa__ast_text(ps, STOA__AST_NUMBER, T));
}
default_value(R) ::= STRING(T). { R = stoa__ast_text(ps, STOA__AST_STRING, T); }
default_value(R) ::= BLOB(T). { R = stoa__ast_blob(ps, T); }
default_value(R) ::= IDENT(N) STRING(S). {
	R = stoa__ast_text(ps, STOA__AST_TYPED, S);
	if (R) {
		R->at = N;
		R->type = stoa__ast_type_new(ps, N, 0, N, N);
	}
}
default_value(R) ::= LP expr(E) RP. { R = E; }

/* ---- transactions -------------------------------------------------------------------------- */

control(R) ::= BEGIN(T) work. { R = stoa__statement_new(ps, STOA__STATEMENT_BEGIN, T); }
control(R) ::= BEGIN(T) work READ ONLY. {
	R = stoa__statement_new(ps, STOA__STATEMENT_BEGIN, T);
	if (R)
		R->read_only = true;
}
control(R) ::= BEGIN(T) work READ WRITE. { R = stoa__statement_new(ps, STOA__STATEMENT_BEGIN, T); }
control(R) ::= START(T) TRANSACTION READ ONLY. {
	R = stoa__statement_new(ps, STOA__STATEMENT_BEGIN, T);
	if (R)
		R->read_only = true;
}
control(R) ::= START(T) TRANSACTION READ WRITE. {
	R = stoa__statement_new(ps, STOA__STATEMENT_BEGIN, T);
}
control(R) ::= START(T) TRANSACTION. { R = stoa__statement_new(ps, STOA__STATEMENT_BEGIN, T); }
control(R) ::= COMMIT(T) work. { R = stoa__statement_new(ps, STOA__STATEMENT_COMMIT, T); }
control(R) ::= END(T) work. { R = stoa__statement_new(ps, STOA__STATEMENT_COMMIT, T); }
control(R) ::= ROLLBACK(T) work. { R = stoa__statement_new(ps, STOA__STATEMENT_ROLLBACK, T); }
control(R) ::= ROLLBACK(T) work TO savepoint_word IDENT(N). {
	R = stoa__statement_new(ps, STOA__STATEMENT_ROLLBACK_TO, T);
	if (R)
		R->name = N;
}
control(R) ::= SAVEPOINT(T) IDENT(N). {
	R = stoa__statement_new(ps, STOA__STATEMENT_SAVEPOINT, T);
	if (R)
		R->name = N;
}
control(R) ::= RELEASE(T) savepoint_word IDENT(N). {
	R = stoa__statement_new(ps, STOA__STATEMENT_RELEASE, T);
	if (R)
		R->name = N;
}
work ::= .
work ::= WORK.
work ::= TRANSACTION.
savepoint_word ::= .
savepoint_word ::= SAVEPOINT.
