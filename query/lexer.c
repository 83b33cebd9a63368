/* SPDX-License-Identifier: MIT */
/*
 * lexer.c - SQL text to tokens, with the line and column of each
 *
 * Written by hand: the rules are few, and every token must know its place to the byte. Text that
 * came in is borrowed, except strings and names with a doubled quote inside, which are copied
 * without it. Kinds of tokens are the TK_ numbers of the generated sql.h; keywords are found by
 * binary search without regard to case. Comments nest, as in PostgreSQL.
 */
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "parse.h"
#include "query/sql.h"

struct keyword {
	const char *name;
	int kind;
};
/* Sorted. */
static const struct keyword keywords[] = {
	{ "ack", TK_ACK }, { "add", TK_ADD }, { "all", TK_ALL }, { "alter", TK_ALTER },
	{ "analyze", TK_ANALYZE }, { "and", TK_AND }, { "any", TK_ANY }, { "as", TK_AS },
	{ "asc", TK_ASC }, { "back", TK_BACK }, { "begin", TK_BEGIN },
	{ "between", TK_BETWEEN }, { "both", TK_BOTH }, { "by", TK_BY }, { "case", TK_CASE },
	{ "cast", TK_CAST }, { "claim", TK_CLAIM }, { "column", TK_COLUMN },
	{ "commit", TK_COMMIT }, { "conflict", TK_CONFLICT }, { "create", TK_CREATE },
	{ "cross", TK_CROSS }, { "current", TK_CURRENT }, { "day", TK_DAY },
	{ "default", TK_DEFAULT }, { "delay", TK_DELAY }, { "delete", TK_DELETE },
	{ "deque", TK_DEQUE }, { "desc", TK_DESC }, { "distinct", TK_DISTINCT },
	{ "do", TK_DO }, { "drop", TK_DROP }, { "else", TK_ELSE }, { "end", TK_END },
	{ "escape", TK_ESCAPE }, { "except", TK_EXCEPT }, { "exclude", TK_EXCLUDE },
	{ "exists", TK_EXISTS }, { "explain", TK_EXPLAIN }, { "extend", TK_EXTEND },
	{ "extract", TK_EXTRACT }, { "false", TK_FALSE }, { "fetch", TK_FETCH },
	{ "filter", TK_FILTER }, { "first", TK_FIRST }, { "following", TK_FOLLOWING },
	{ "for", TK_FOR }, { "from", TK_FROM }, { "front", TK_FRONT }, { "full", TK_FULL },
	{ "group", TK_GROUP }, { "groups", TK_GROUPS }, { "having", TK_HAVING },
	{ "hour", TK_HOUR }, { "if", TK_IF }, { "ilike", TK_ILIKE }, { "in", TK_IN },
	{ "index", TK_INDEX }, { "inner", TK_INNER }, { "insert", TK_INSERT },
	{ "intersect", TK_INTERSECT }, { "interval", TK_INTERVAL }, { "into", TK_INTO },
	{ "is", TK_IS }, { "isnull", TK_ISNULL }, { "join", TK_JOIN }, { "key", TK_KEY },
	{ "last", TK_LAST }, { "leading", TK_LEADING }, { "lease", TK_LEASE },
	{ "left", TK_LEFT }, { "like", TK_LIKE }, { "limit", TK_LIMIT },
	{ "materialized", TK_MATERIALIZED }, { "minute", TK_MINUTE }, { "month", TK_MONTH },
	{ "nack", TK_NACK }, { "natural", TK_NATURAL }, { "next", TK_NEXT }, { "no", TK_NO },
	{ "not", TK_NOT }, { "nothing", TK_NOTHING }, { "notnull", TK_NOTNULL },
	{ "null", TK_NULL }, { "nulls", TK_NULLS }, { "offset", TK_OFFSET }, { "on", TK_ON },
	{ "only", TK_ONLY }, { "or", TK_OR }, { "order", TK_ORDER }, { "others", TK_OTHERS },
	{ "outer", TK_OUTER }, { "over", TK_OVER }, { "partition", TK_PARTITION },
	{ "pop", TK_POP }, { "preceding", TK_PRECEDING }, { "precision", TK_PRECISION },
	{ "primary", TK_PRIMARY }, { "queue", TK_QUEUE }, { "range", TK_RANGE },
	{ "read", TK_READ }, { "recursive", TK_RECURSIVE }, { "release", TK_RELEASE },
	{ "rename", TK_RENAME }, { "returning", TK_RETURNING }, { "right", TK_RIGHT },
	{ "rollback", TK_ROLLBACK }, { "rotate", TK_ROTATE }, { "row", TK_ROW }, { "rows", TK_ROWS },
	{ "savepoint", TK_SAVEPOINT }, { "second", TK_SECOND }, { "select", TK_SELECT },
	{ "set", TK_SET }, { "some", TK_ANY }, { "start", TK_START },
	{ "substring", TK_SUBSTRING }, { "table", TK_TABLE }, { "then", TK_THEN },
	{ "to", TK_TO }, { "trailing", TK_TRAILING }, { "transaction", TK_TRANSACTION },
	{ "trim", TK_TRIM }, { "true", TK_TRUE }, { "truncate", TK_TRUNCATE },
	{ "unbounded", TK_UNBOUNDED }, { "union", TK_UNION }, { "unique", TK_UNIQUE },
	{ "unknown", TK_UNKNOWN }, { "update", TK_UPDATE }, { "using", TK_USING },
	{ "values", TK_VALUES }, { "varying", TK_VARYING }, { "weak", TK_WEAK },
	{ "week", TK_WEEK }, { "when", TK_WHEN }, { "where", TK_WHERE },
	{ "window", TK_WINDOW }, { "with", TK_WITH }, { "within", TK_WITHIN },
	{ "work", TK_WORK }, { "write", TK_WRITE }, { "year", TK_YEAR },
};
#define N_KEYWORDS (sizeof keywords / sizeof *keywords)

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}
static bool is_name(char c)
{
	return is_name_start(c) || is_digit(c) || c == '$';
}

/* Compares a name with a keyword, which is in lower case. */
static int compare_keyword(const char *p, size_t len, const char *keyword)
{
	for (size_t i = 0; i < len; i++) {
		char c = p[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (c != keyword[i])
			return (unsigned char)c < (unsigned char)keyword[i] ? -1 : 1;
	}
	return keyword[len] ? -1 : 0;
}

static int keyword_kind(const char *p, size_t len)
{
	size_t lo = 0, hi = N_KEYWORDS;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = compare_keyword(p, len, keywords[mid].name);
		if (c == 0)
			return keywords[mid].kind;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return TK_IDENT;
}

void stoa__lexer_init(struct stoa__lexer *lx, const char *sql, size_t len, struct stoa__spot spot,
		      struct stoa__arena *arena)
{
	lx->p = sql;
	lx->end = sql + len;
	lx->line_start = sql;
	lx->line = spot.line;
	lx->before = spot.column - 1;
	lx->arena = arena;
}

static void newline(struct stoa__lexer *lx, const char *at)
{
	lx->line++;
	lx->line_start = at + 1;
	lx->before = 0;
}

static uint32_t column_of(const struct stoa__lexer *lx, const char *p)
{
	return lx->before + (uint32_t)(p - lx->line_start) + 1;
}

static char peek(const struct stoa__lexer *lx, size_t ahead)
{
	return (size_t)(lx->end - lx->p) > ahead ? lx->p[ahead] : '\0';
}

/* ---- space and comments ------------------------------------------------------------------- */

static int skip_block_comment(struct stoa__lexer *lx, struct stoa_error *err)
{
	uint32_t line = lx->line, column = column_of(lx, lx->p);
	size_t depth = 0;

	do {
		if (lx->p == lx->end)
			return stoa__fail_at(err, STOA_ESYNTAX, line, column,
					     "this comment is never closed: add */");
		if (peek(lx, 0) == '/' && peek(lx, 1) == '*') {
			depth++;
			lx->p += 2;
		} else if (peek(lx, 0) == '*' && peek(lx, 1) == '/') {
			depth--;
			lx->p += 2;
		} else {
			if (*lx->p == '\n')
				newline(lx, lx->p);
			lx->p++;
		}
	} while (depth);
	return STOA_OK;
}

static int skip_space(struct stoa__lexer *lx, struct stoa_error *err)
{
	while (lx->p < lx->end) {
		if (*lx->p == '\n') {
			newline(lx, lx->p++);
		} else if (is_space(*lx->p)) {
			lx->p++;
		} else if (*lx->p == '-' && peek(lx, 1) == '-') {
			while (lx->p < lx->end && *lx->p != '\n')
				lx->p++;
		} else if (*lx->p == '/' && peek(lx, 1) == '*') {
			STOA_TRY(skip_block_comment(lx, err));
		} else {
			break;
		}
	}
	return STOA_OK;
}

/* ---- tokens ------------------------------------------------------------------------------- */

static int take(struct stoa__lexer *lx, struct stoa__token *t, int kind, size_t len)
{
	t->kind = kind;
	t->p = lx->p;
	t->len = (uint32_t)len;
	lx->p += len;
	return STOA_OK;
}

/* The @n_doubled pairs of quotes in [p, p + len) become one each. */
static int undouble(struct stoa__lexer *lx, struct stoa__token *t, char quote, size_t n_doubled,
		    struct stoa_error *err)
{
	char *copy = stoa__arena_alloc(lx->arena, t->len - n_doubled);
	uint32_t k = 0;

	if (!copy)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < t->len; i++) {
		copy[k++] = t->p[i];
		if (t->p[i] == quote)
			i++;
	}
	t->p = copy;
	t->len = k;
	return STOA_OK;
}

/* From the opening @quote to the closing one; t->p and t->len are what is between. */
static int lex_quoted(struct stoa__lexer *lx, struct stoa__token *t, char quote, int kind,
		      struct stoa_error *err)
{
	const char *start = ++lx->p;
	size_t n_doubled = 0;

	for (;; lx->p++) {
		if (lx->p == lx->end)
			return stoa__fail_at(err, STOA_ESYNTAX, t->line, t->column,
					     "this quote is never closed: add %c", quote);
		if (*lx->p == '\n')
			newline(lx, lx->p);
		if (*lx->p != quote)
			continue;
		if (peek(lx, 1) != quote)
			break;
		n_doubled++;
		lx->p++;
	}
	t->kind = kind;
	t->quoted = true;
	t->p = start;
	t->len = (uint32_t)(lx->p - start);
	lx->p++;
	return n_doubled ? undouble(lx, t, quote, n_doubled, err) : STOA_OK;
}

static size_t digits(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && is_digit(p[n]))
		n++;
	return n;
}

static int lex_number(struct stoa__lexer *lx, struct stoa__token *t, struct stoa_error *err)
{
	const char *p = lx->p;

	p += digits(p, lx->end);
	if (p < lx->end && *p == '.') {
		p++;
		p += digits(p, lx->end);
	}
	if (p < lx->end && (*p == 'e' || *p == 'E')) {
		const char *e = p + 1;
		if (e < lx->end && (*e == '+' || *e == '-'))
			e++;
		size_t n = digits(e, lx->end);
		if (n)
			p = e + n;
	}
	if (p < lx->end && is_name(*p))
		return stoa__fail_at(err, STOA_ESYNTAX, t->line, t->column,
				     "a number runs into a name: put a space between them");
	return take(lx, t, TK_NUMBER, (size_t)(p - lx->p));
}

static int lex_name(struct stoa__lexer *lx, struct stoa__token *t)
{
	size_t n = 1;

	while (lx->p + n < lx->end && is_name(lx->p[n]))
		n++;
	return take(lx, t, keyword_kind(lx->p, n), n);
}

/* ?, ?3 or $3. The text is the digits. */
static int lex_param(struct stoa__lexer *lx, struct stoa__token *t, struct stoa_error *err)
{
	bool dollar = *lx->p == '$';
	size_t n = digits(++lx->p, lx->end);

	if (dollar && !n)
		return stoa__fail_at(err, STOA_ESYNTAX, t->line, t->column,
				     "$ wants the number of a parameter, as in $1");
	return take(lx, t, TK_PARAM, n);
}

static int lex_operator(struct stoa__lexer *lx, struct stoa__token *t, struct stoa_error *err)
{
	char c = peek(lx, 0), d = peek(lx, 1);

	switch (c) {
	case '(': return take(lx, t, TK_LP, 1);
	case ')': return take(lx, t, TK_RP, 1);
	case ',': return take(lx, t, TK_COMMA, 1);
	case ';': return take(lx, t, TK_SEMI, 1);
	case '.': return take(lx, t, TK_DOT, 1);
	case '+': return take(lx, t, TK_PLUS, 1);
	case '-': return take(lx, t, TK_MINUS, 1);
	case '*': return take(lx, t, TK_STAR, 1);
	case '/': return take(lx, t, TK_SLASH, 1);
	case '%': return take(lx, t, TK_PERCENT, 1);
	case '^': return take(lx, t, TK_CARET, 1);
	case '=': return take(lx, t, TK_EQ, d == '=' ? 2 : 1);
	case '<':
		if (d == '>')
			return take(lx, t, TK_NE, 2);
		if (d == '<')
			return take(lx, t, TK_BITS, 2);
		return take(lx, t, d == '=' ? TK_LE : TK_LT, d == '=' ? 2 : 1);
	case '&':
	case '#': return take(lx, t, TK_BITS, 1);
	case '>':
		if (d == '>')
			return take(lx, t, TK_BITS, 2);
		return take(lx, t, d == '=' ? TK_GE : TK_GT, d == '=' ? 2 : 1);
	case '~': return take(lx, t, TK_MATCH, d == '*' ? 2 : 1);
	case '!':
		if (d == '=')
			return take(lx, t, TK_NE, 2);
		if (d == '~')
			return take(lx, t, TK_MATCH, peek(lx, 2) == '*' ? 3 : 2);
		break;
	case '|':
		if (d == '|')
			return take(lx, t, TK_CONCAT, 2);
		return take(lx, t, TK_BITS, 1);
	case ':':
		if (d == ':')
			return take(lx, t, TK_CAST_TO, 2);
		break;
	default:
		break;
	}
	if (c < ' ' || c == 0x7f)
		return stoa__fail_at(err, STOA_ESYNTAX, t->line, t->column,
				     "byte 0x%02x has no meaning in SQL",
				     (unsigned)(unsigned char)c);
	return stoa__fail_at(err, STOA_ESYNTAX, t->line, t->column, "'%c' has no meaning here%s", c,
			     c == '[' ? ": there are no arrays" :
			     c == ':' ? ": parameters are ? and $1" : "");
}

int stoa__lexer_next(struct stoa__lexer *lx, struct stoa__token *out, struct stoa_error *err)
{
	STOA_TRY(skip_space(lx, err));
	memset(out, 0, sizeof *out);
	out->line = lx->line;
	out->column = column_of(lx, lx->p);
	out->p = lx->p;
	if (lx->p == lx->end)
		return STOA_OK;

	char c = *lx->p;
	if ((c == 'x' || c == 'X') && peek(lx, 1) == '\'') {
		lx->p++;
		return lex_quoted(lx, out, '\'', TK_BLOB, err);
	}
	if (is_name_start(c))
		return lex_name(lx, out);
	if (is_digit(c) || (c == '.' && is_digit(peek(lx, 1))))
		return lex_number(lx, out, err);
	if (c == '\'')
		return lex_quoted(lx, out, '\'', TK_STRING, err);
	if (c == '"')
		return lex_quoted(lx, out, '"', TK_IDENT, err);
	if (c == '?' || c == '$')
		return lex_param(lx, out, err);
	return lex_operator(lx, out, err);
}
