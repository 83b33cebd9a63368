/* SPDX-License-Identifier: MIT */
/*
 * writer_csv.c - comma-separated values after RFC 4180, but with plain newlines; with tabs, too
 *
 * NULL is an empty field, or the text of --null, and never in quotes; a string that would read as
 * NULL, the empty one above all, always is. So import, told of the same text, reads back what
 * export wrote. A record of one NULL would be an empty line, which readers skip; it is written as
 * it is all the same, since "" would be a string.
 */
#include "writer.h"

#include <stdlib.h>
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

static char delimiter(const struct writer *w)
{
	if (w->options.format == FORMAT_TSV)
		return '\t';
	return w->options.delimiter ? w->options.delimiter : ',';
}

static bool reads_as_null(const struct writer *w, const char *s, size_t len)
{
	const char *null = w->options.null_text;

	return null && strlen(null) == len && memcmp(s, null, len) == 0;
}

/* Blanks at an end are quoted for the sake of readers that trim. */
static bool needs_quotes(const struct writer *w, const char *s, size_t len)
{
	char between = delimiter(w);

	if (len == 0 || s[0] == ' ' || s[len - 1] == ' ' || reads_as_null(w, s, len))
		return true;
	for (size_t i = 0; i < len; i++)
		if (s[i] == between || s[i] == '"' || s[i] == '\n' || s[i] == '\r')
			return true;
	return false;
}

static void put_field(struct writer *w, const char *s, size_t len)
{
	if (needs_quotes(w, s, len))
		put_quoted(&w->line, s, len);
	else
		text_put(&w->line, s, len);
}

static void put_delimiter(struct writer *w)
{
	char c = delimiter(w);

	text_put(&w->line, &c, 1);
}

static void begin(struct writer *w)
{
	w->state = xrealloc(NULL, sizeof(struct text));
	*(struct text *)w->state = (struct text){ 0 };
	if (w->options.no_header)
		return;
	for (size_t i = 0; i < w->n_columns; i++) {
		if (i)
			put_delimiter(w);
		put_field(w, w->columns[i].name, strlen(w->columns[i].name));
	}
	put_line(w);
}

/* Numbers and dates, too, hold the delimiter if somebody chose a digit or a hyphen for it. */
static void put_value(struct writer *w, const struct stoa_value *v)
{
	struct text *plain = w->state;

	if (v->type == STOA_NULL) {
		text_puts(&w->line, w->options.null_text ? w->options.null_text : "");
	} else if (v->type == STOA_STRING || v->type == STOA_TEXT) {
		put_field(w, v->p, v->len);
	} else {
		plain->len = 0;
		text_put_value(plain, v);
		put_field(w, plain->p, plain->len);
	}
}

static void row(struct writer *w, const struct stoa_value *values)
{
	for (size_t i = 0; i < w->n_columns; i++) {
		if (i)
			put_delimiter(w);
		put_value(w, &values[i]);
	}
	put_line(w);
}

static void free_plain(struct writer *w)
{
	text_release(w->state);
	free(w->state);
}

const struct writer_ops writer_csv = { begin, row, nothing, free_plain };
