/* SPDX-License-Identifier: MIT */
/*
 * writer_vertical.c - a line for each value, for rows that are wider than the screen
 *
 *     ── 1 ──────────────
 *     departure    2001-02-05 20:02:00
 *     origin       ATL
 *
 * (1) Values have neither control characters nor bad UTF-8: text_put_visible(). (2) NULL is NULL;
 * the string NULL is shown as 'NULL'.
 */
#include "writer.h"

#include <inttypes.h>
#include <string.h>

#define RULE_WIDTH 24

static void put_rule(struct writer *w)
{
	char number[32];
	const char *line = width_is_utf8() ? "─" : "-";
	int n = snprintf(number, sizeof(number), " %" PRIu64 " ", w->n_rows + 1);

	text_puts(&w->line, line);
	text_puts(&w->line, line);
	text_puts(&w->line, number);
	for (int i = 2 + n; i < RULE_WIDTH; i++)
		text_puts(&w->line, line);
	put_line(w);
}

static size_t widest_name(const struct writer *w)
{
	size_t widest = 0;

	for (size_t i = 0; i < w->n_columns; i++) {
		size_t n = display_width(w->columns[i].name, strlen(w->columns[i].name));

		widest = n > widest ? n : widest;
	}
	return widest;
}

static void put_value(struct text *t, const struct stoa_value *v)
{
	struct text plain = { 0 };

	if (v->type == STOA_NULL) {
		text_puts(t, "NULL");
		return;
	}
	text_put_value(&plain, v);
	if (is_bytes(v->type) && plain.len == 4 && memcmp(plain.p, "NULL", 4) == 0)
		text_puts(t, "'NULL'");
	else
		text_put_visible(t, plain.p, plain.len);
	text_release(&plain);
}

static void row(struct writer *w, const struct stoa_value *values)
{
	size_t widest = widest_name(w);

	if (w->options.max_rows && w->n_rows >= w->options.max_rows)
		return;
	put_rule(w);
	for (size_t i = 0; i < w->n_columns; i++) {
		const char *name = w->columns[i].name;
		size_t used = display_width(name, strlen(name));

		text_put_visible(&w->line, name, strlen(name));
		text_printf(&w->line, "%*s", (int)(widest - used + 2), "");
		put_value(&w->line, &values[i]);
		put_line(w);
	}
}

static void end(struct writer *w)
{
	put_count(w);
}

const struct writer_ops writer_vertical = { nothing, row, end, NULL, NULL };
