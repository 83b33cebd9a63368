/* SPDX-License-Identifier: MIT */
/* writer_markdown.c - a pipe table, as GitHub and most others read it */
#include "writer.h"

#include <string.h>

/* What would end a cell or begin markup is escaped; a line break is <br>. */
static void put_cell(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			text_puts(t, "<br>");
		else if (s[i] == '\r')
			continue;
		else if (s[i] == '<')
			text_puts(t, "&lt;");
		else if (s[i] == '&')
			text_puts(t, "&amp;");
		else if (strchr("|\\`*_[", s[i]) && s[i])
			text_printf(t, "\\%c", s[i]);
		else
			text_put(t, s + i, 1);
	}
}

static void begin(struct writer *w)
{
	text_puts(&w->line, "|");
	for (size_t i = 0; i < w->n_columns; i++) {
		text_puts(&w->line, " ");
		put_cell(&w->line, w->columns[i].name, strlen(w->columns[i].name));
		text_puts(&w->line, " |");
	}
	put_line(w);
	text_puts(&w->line, "|");
	for (size_t i = 0; i < w->n_columns; i++)
		text_puts(&w->line, is_number(w->columns[i].type) ? " ---: |" : " --- |");
	put_line(w);
}

static void row(struct writer *w, const struct stoa_value *values)
{
	struct text cell = { 0 };

	text_puts(&w->line, "|");
	for (size_t i = 0; i < w->n_columns; i++) {
		text_puts(&w->line, " ");
		cell.len = 0;
		if (values[i].type == STOA_NULL) {
			text_puts(&w->line, "*NULL*");
		} else {
			text_put_value(&cell, &values[i]);
			put_cell(&w->line, cell.p, cell.len);
		}
		text_puts(&w->line, " |");
	}
	put_line(w);
	text_release(&cell);
}

const struct writer_ops writer_markdown = { begin, row, nothing, NULL, NULL };
