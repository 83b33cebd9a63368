/* SPDX-License-Identifier: MIT */
/*
 * writer_html.c - a table element, to be put into a page
 *
 * Numbers are aligned to the right. NULL is an empty cell of class null, so that a style sheet may
 * tell it from an empty string: td.null::after { content: "NULL" }.
 */
#include "writer.h"

#include <string.h>

static void put_text(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (s[i]) {
		case '&':
			text_puts(t, "&amp;");
			break;
		case '<':
			text_puts(t, "&lt;");
			break;
		case '>':
			text_puts(t, "&gt;");
			break;
		case '\n':
			text_puts(t, "<br>");
			break;
		default:
			text_put(t, s + i, 1);
		}
	}
}

static void begin(struct writer *w)
{
	text_puts(&w->line, "<table>\n<thead>\n<tr>");
	for (size_t i = 0; i < w->n_columns; i++) {
		text_puts(&w->line, "<th>");
		put_text(&w->line, w->columns[i].name, strlen(w->columns[i].name));
		text_puts(&w->line, "</th>");
	}
	text_puts(&w->line, "</tr>\n</thead>\n<tbody>");
	put_line(w);
}

static void put_cell(struct writer *w, size_t column, const struct stoa_value *v)
{
	struct text cell = { 0 };

	if (v->type == STOA_NULL) {
		text_puts(&w->line, "<td class=\"null\"></td>");
		return;
	}
	text_puts(&w->line, is_number(w->columns[column].type) ?
				    "<td style=\"text-align: right\">" : "<td>");
	text_put_value(&cell, v);
	put_text(&w->line, cell.p, cell.len);
	text_puts(&w->line, "</td>");
	text_release(&cell);
}

static void row(struct writer *w, const struct stoa_value *values)
{
	text_puts(&w->line, "<tr>");
	for (size_t i = 0; i < w->n_columns; i++)
		put_cell(w, i, &values[i]);
	text_puts(&w->line, "</tr>");
	put_line(w);
}

static void end(struct writer *w)
{
	fputs("</tbody>\n</table>\n", w->out);
}

const struct writer_ops writer_html = { begin, row, end, NULL, NULL };
