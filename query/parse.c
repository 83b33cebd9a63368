/* SPDX-License-Identifier: MIT */
/*
 * parse.c - drives lexer and grammar: SQL text in, syntax tree out
 *
 * Tokens are pushed into the parser one by one; the first error ends it. Statements that other
 * databases have are refused by their first word here (refuse.c), before the grammar could only call
 * them syntax errors.
 */
#include "parse.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "../lib/core/type.h"
#include "query/sql.h"
#include "refuse.h"

/* The generated parser. */
void *stoa__sql_parserAlloc(void *(*alloc)(size_t));
void stoa__sql_parserFree(void *parser, void (*free_fn)(void *));
void stoa__sql_parser(void *parser, int kind, struct stoa__token token, struct stoa__parse *ps);

void stoa__parse_syntax_error(struct stoa__parse *ps, const struct stoa__token *t)
{
	if (ps->rc < 0)
		return;
	ps->rc = stoa__refuse(ps, t, true);
	if (ps->rc < 0)
		return;
	if (t->kind == 0)
		ps->rc = stoa__fail_at(ps->err, STOA_ESYNTAX, t->line, t->column,
				       "the statement ends too early: something is missing here");
	else
		ps->rc = stoa__fail_at(ps->err, STOA_ESYNTAX, t->line, t->column,
				       "%s%.*s%s does not belong here",
				       t->quoted ? "a quoted '" : "'",
				       (int)(t->len > 60 ? 60 : t->len), t->p, "'");
}

void stoa__parse_too_deep(struct stoa__parse *ps)
{
	if (ps->rc >= 0)
		ps->rc = stoa__fail(ps->err, STOA_EFULL,
				    "nested more than %d deep: write it with less nesting",
				    STOA__SQL_DEPTH_MAX);
}

void stoa__parse_unsupported(struct stoa__parse *ps, const struct stoa__token *t, const char *what)
{
	if (ps->rc >= 0)
		ps->rc = stoa__fail_at(ps->err, STOA_EUNSUPPORTED, t->line, t->column,
				       "%s is not supported", what);
}

static bool is_word(const struct stoa__token *t)
{
	return t->len && ((t->p[0] | 0x20) >= 'a' && (t->p[0] | 0x20) <= 'z');
}

static int run(void *parser, struct stoa__lexer *lx, struct stoa__parse *ps)
{
	struct stoa__token t;

	do {
		STOA_TRY(stoa__lexer_next(lx, &t, ps->err));
		if (!ps->first.kind && t.kind == 0)
			return stoa__fail_at(ps->err, STOA_ESYNTAX, t.line, t.column,
					     "the statement is empty");
		STOA_TRY(stoa__refuse(ps, &t, false));
		stoa__sql_parser(parser, t.kind, t, ps);
		if (ps->rc == STOA_EFULL && ps->err && ps->err->line == 0) {
			ps->err->line = t.line;
			ps->err->column = t.column;
		}
		if (!ps->first.kind)
			ps->first = t;
		if (is_word(&t))
			ps->word = t;
	} while (t.kind && ps->rc >= 0);
	return ps->rc;
}

/* Where valid UTF-8 ends, for the message. */
static int fail_encoding(const char *sql, size_t len, struct stoa__spot spot,
			 struct stoa_error *err)
{
	uint64_t line = spot.line, column = spot.column;
	size_t i = 0;

	while (i < len && sql[i]) {
		unsigned char c = (unsigned char)sql[i];
		size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		if (n > len - i || !stoa__utf8_valid(sql + i, n))
			break;
		column += n;
		if (c == '\n') {
			line++;
			column = 1;
		}
		i += n;
	}
	return stoa__fail_at(err, STOA_ESYNTAX, line, column,
			     "the statement is not valid UTF-8 here");
}

int stoa__parse_at(const char *sql, size_t len, struct stoa__spot spot, struct stoa__arena *arena,
		   struct stoa__statement **out, uint32_t *n_params, struct stoa_error *err)
{
	struct stoa__parse ps = { .arena = arena, .err = err };
	struct stoa__lexer lx;

	if (len > STOA__SQL_BYTES_MAX)
		return stoa__fail_at(err, STOA_EFULL, spot.line, spot.column,
				     "the statement has %zu bytes: at most %u are allowed", len,
				     STOA__SQL_BYTES_MAX);
	if (!stoa__utf8_valid(sql, len))
		return fail_encoding(sql, len, spot, err);
	void *parser = stoa__sql_parserAlloc(stoa__alloc);
	if (!parser)
		return stoa__fail_memory(err);
	stoa__lexer_init(&lx, sql, len, spot, arena);
	int rc = run(parser, &lx, &ps);
	stoa__sql_parserFree(parser, stoa__free);
	STOA_TRY(rc);
	*out = ps.statement;
	*n_params = ps.n_params;
	return STOA_OK;
}

int stoa__parse(const char *sql, size_t len, struct stoa__arena *arena,
		struct stoa__statement **out, uint32_t *n_params, struct stoa_error *err)
{
	return stoa__parse_at(sql, len, (struct stoa__spot){ 1, 1 }, arena, out, n_params, err);
}

/*
 * ---- scripts ----------------------------------------------------------------------------------
 */

static struct stoa__spot spot_of(const struct stoa__lexer *lx)
{
	return (struct stoa__spot){ lx->line, lx->before + (uint32_t)(lx->p - lx->line_start) + 1 };
}

/* Reads to the end of a statement, its ; included if it has one. */
static int read_statement(struct stoa__lexer *lx, const char **sql, size_t *len,
			  struct stoa__spot *spot, struct stoa_error *err)
{
	struct stoa__token t;

	do {
		*sql = lx->p;
		*spot = spot_of(lx);
		STOA_TRY(stoa__lexer_next(lx, &t, err));
	} while (t.kind == TK_SEMI);
	if (!t.kind)
		return STOA_END;
	do {
		*len = (size_t)(lx->p - *sql);
		STOA_TRY(stoa__lexer_next(lx, &t, err));
	} while (t.kind && t.kind != TK_SEMI);
	return STOA_ROW;
}

int stoa__parse_cut(struct stoa_script *script, const char **sql, size_t *len,
		    struct stoa__spot *spot, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__lexer lx;

	*spot = (struct stoa__spot){ (uint32_t)script->line, (uint32_t)script->column };
	stoa__lexer_init(&lx, script->sql + script->at, script->len - script->at, *spot, &arena);
	int rc = read_statement(&lx, sql, len, spot, err);
	stoa__arena_release(&arena);
	script->at = rc < 0 ? script->len : (size_t)(lx.p - script->sql);
	script->line = lx.line;
	script->column = spot_of(&lx).column;
	return rc;
}
