/* SPDX-License-Identifier: MIT */
/*
 * writer_csv.c - comma-separated values after RFC 4180, but with plain newlines
 *
 * NULL is an empty field and an empty string is "", so that import reads back what export wrote. A
 * record of one NULL would be an empty line, which readers skip; it is written as it is all the
 * same, since "" would be a string.
 */
#include "writer.h"

#include <string.h>

static void put_quoted(struct text *t, const char *s, size_t len)
{
	text_put(t, "\"", 1);
	while (len > 0) {
		const char *quote = memchr(s, '"', len);
		size_t n = quote ? (size_t)(quote - s) + 1 : len;

		text_put(t, s, n);
		if (quote)
			text_put(t, "\"", 1);
		s += n;
		len -= n;
	}
	text_put(t, "\"", 1);
}

/* Blanks at an end are quoted for the sake of readers that trim. */
static bool needs_quotes(const char *s, size_t len)
{
	if (len == 0 || s[0] == ' ' || s[len - 1] == ' ')
		return true;
	for (size_t i = 0; i < len; i++)
		if (s[i] == ',' || s[i] == '"' || s[i] == '\n' || s[i] == '\r')
			return true;
	return false;
}

static void put_field(struct text *t, const char *s, size_t len)
{
	if (needs_quotes(s, len))
		put_quoted(t, s, len);
	else
		text_put(t, s, len);
}

static void put_line(struct writer *w)
{
	text_put(&w->line, "\n", 1);
	fwrite(w->line.p, 1, w->line.len, w->out);
	w->line.len = 0;
}

static void begin(struct writer *w)
{
	if (w->options.no_header)
		return;
	for (size_t i = 0; i < w->n_columns; i++) {
		if (i)
			text_put(&w->line, ",", 1);
		put_field(&w->line, w->columns[i].name, strlen(w->columns[i].name));
	}
	put_line(w);
}

static void row(struct writer *w, const struct stoa_value *values)
{
	for (size_t i = 0; i < w->n_columns; i++) {
		const struct stoa_value *v = &values[i];

		if (i)
			text_put(&w->line, ",", 1);
		if (v->type == STOA_STRING || v->type == STOA_TEXT)
			put_field(&w->line, v->p, v->len);
		else if (v->type != STOA_NULL)
			text_put_value(&w->line, v);
	}
	put_line(w);
}

static void end(struct writer *w)
{
	(void)w;
}

const struct writer_ops writer_csv = { begin, row, end, NULL };
