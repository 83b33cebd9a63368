/* SPDX-License-Identifier: MIT */
/*
 * writer_insert.c - INSERT statements: a row a line, some hundred rows a statement
 *
 *     INSERT INTO flights (origin, delay) VALUES
 *     ('ATL', 365),
 *     ('MCI', 509);
 *
 * Values are literals of standard SQL that read back as they were: 'it''s', DATE '2001-02-05',
 * X'00ff', 1e+300, -0.01, CAST('NaN' AS f64), CAST('0011...' AS uuid). A row a line makes two dumps
 * easy to compare; statements of bounded length are easy to run.
 */
#include "writer.h"

#include <math.h>
#include <string.h>

#define ROWS_PER_STATEMENT 500

static void put_quoted(struct text *t, const char *s, size_t len)
{
	text_put(t, "'", 1);
	for (const char *end = s + len; s < end;) {
		const char *quote = memchr(s, '\'', (size_t)(end - s));
		size_t n = quote ? (size_t)(quote - s) + 1 : (size_t)(end - s);

		text_put(t, s, n);
		if (quote)
			text_put(t, "'", 1);
		s += n;
	}
	text_put(t, "'", 1);
}

/* The value as text in quotes, after @before. */
static void put_typed(struct text *t, const char *before, const struct stoa_value *v)
{
	text_puts(t, before);
	text_put(t, "'", 1);
	text_put_value(t, v);
	text_put(t, "'", 1);
}

static void put_blob(struct text *t, const struct stoa_value *v)
{
	static const char digits[] = "0123456789abcdef";

	text_puts(t, "X'");
	for (uint32_t i = 0; i < v->len; i++) {
		unsigned char c = (unsigned char)v->p[i];
		char pair[2] = { digits[c >> 4], digits[c & 15] };

		text_put(t, pair, 2);
	}
	text_puts(t, "'");
}

void text_put_literal(struct text *t, const struct stoa_value *v)
{
	switch (v->type) {
	case STOA_NULL:
		text_puts(t, "NULL");
		break;
	case STOA_STRING:
	case STOA_TEXT:
		put_quoted(t, v->p, v->len);
		break;
	case STOA_BLOB:
		put_blob(t, v);
		break;
	case STOA_DATE:
		put_typed(t, "DATE ", v);
		break;
	case STOA_TIME:
		put_typed(t, "TIME ", v);
		break;
	case STOA_TIMESTAMP:
		put_typed(t, "TIMESTAMP ", v);
		break;
	case STOA_UUID:
		put_typed(t, "CAST(", v);
		text_puts(t, " AS uuid)");
		break;
	case STOA_F32:
	case STOA_F64:
		if (!isfinite(v->f)) {
			put_typed(t, "CAST(", v);
			text_puts(t, " AS f64)");
			break;
		}
		/* fall through */
	default:
		text_put_value(t, v);
	}
}

static void begin_statement(struct writer *w)
{
	text_puts(&w->line, "INSERT INTO ");
	text_put_name(&w->line, w->options.table ? w->options.table : "t");
	for (size_t i = 0; i < w->n_columns; i++) {
		text_puts(&w->line, i ? ", " : " (");
		text_put_name(&w->line, w->columns[i].name);
	}
	text_puts(&w->line, ") VALUES\n");
}

/* The end of a row is written with the next one, when it is known whether there is one. */
static void row(struct writer *w, const struct stoa_value *values)
{
	bool first = w->n_rows % ROWS_PER_STATEMENT == 0;

	if (w->n_rows)
		text_puts(&w->line, first ? ";\n" : ",\n");
	if (first)
		begin_statement(w);
	for (size_t i = 0; i < w->n_columns; i++) {
		text_puts(&w->line, i ? ", " : "(");
		text_put_literal(&w->line, &values[i]);
	}
	text_puts(&w->line, ")");
	fwrite(w->line.p, 1, w->line.len, w->out);
	w->line.len = 0;
}

static void end(struct writer *w)
{
	if (w->n_rows)
		fputs(";\n", w->out);
}

const struct writer_ops writer_insert = { nothing, row, end, NULL, NULL };
