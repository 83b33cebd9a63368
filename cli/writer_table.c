/* SPDX-License-Identifier: MIT */
/*
 * writer_table.c - a box for people
 *
 *     ┌────────┬─────────┐
 *     │ origin │ flights │      +--------+---------+
 *     ├────────┼─────────┤      | origin | flights |      outside UTF-8 locales
 *     │ ATL    │     261 │      +--------+---------+
 *     └────────┴─────────┘
 *     (1 row)
 *
 * Widths are known when all rows are, so rows are kept as text: up to BLOCK_ROWS of them, then
 * the widths of that block are printed with and those that follow may only widen them. So memory is
 * bounded for any result, and a result of ordinary size lines up from end to end.
 *
 * On a terminal, cells are cut with an ellipsis so that a row is a line, widest columns first, but
 * never numbers, which would read as others; and only options.max_rows rows are shown, the rest
 * counted.
 * (1) Cells have neither control characters nor bad UTF-8: text_put_visible().
 * (2) NULL is NULL; the string NULL is shown as 'NULL'.
 */
#include "writer.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_ROWS 10000
#define BLOCK_BYTES ((size_t)16 << 20)
#define CELL_BYTES_MAX 4096	/* of a value that is shown, on a terminal */
#define WIDTH_MIN 6		/* a column is not cut below this */

struct table {
	struct text cells;	/* the texts of all cells, end to end */
	size_t *ends;		/* where cell i ends in @cells; row-major */
	size_t n_cells;
	size_t cap;
	size_t *widths;		/* of columns, in columns of the terminal */
	bool begun;		/* the top of the box is printed */
	struct text scratch;
};

struct border {
	const char *left, *middle, *right, *line;
};

enum { TOP, HEAD, BOTTOM };
static const struct border box[] = {
	[TOP] = { "┌", "┬", "┐", "─" },
	[HEAD] = { "├", "┼", "┤", "─" },
	[BOTTOM] = { "└", "┴", "┘", "─" },
};
static const struct border plain = { "+", "+", "+", "-" };

static void put_border(struct writer *w, int which)
{
	struct table *t = w->state;
	const struct border *b = width_is_utf8() ? &box[which] : &plain;

	for (size_t i = 0; i < w->n_columns; i++) {
		fputs(i ? b->middle : b->left, w->out);
		for (size_t n = 0; n < t->widths[i] + 2; n++)
			fputs(b->line, w->out);
	}
	fputs(b->right, w->out);
	fputc('\n', w->out);
}

static void put_blanks(FILE *out, size_t n)
{
	fprintf(out, "%*s", (int)n, "");
}

static void put_cell(struct writer *w, size_t column, const char *s, size_t len)
{
	struct table *t = w->state;
	size_t width = t->widths[column], used = display_width(s, len);
	const char *ellipsis = "";

	if (used > width) {
		len = display_prefix(s, len, width - 1);
		used = display_width(s, len) + 1;
		ellipsis = width_is_utf8() ? "…" : "~";
	}
	if (is_number(w->columns[column].type))
		put_blanks(w->out, width - used);
	if (w->options.color && (!t->begun || (len == 4 && memcmp(s, "NULL", 4) == 0)))
		fprintf(w->out, t->begun ? "\033[2m%.*s%s\033[m" : "\033[1m%.*s%s\033[m", (int)len,
			s, ellipsis);
	else
		fprintf(w->out, "%.*s%s", (int)len, s, ellipsis);
	if (!is_number(w->columns[column].type))
		put_blanks(w->out, width - used);
}

/* Cells @first to @first + n_columns as a line. */
static void put_row(struct writer *w, size_t first)
{
	struct table *t = w->state;
	const char *bar = width_is_utf8() ? "│" : "|";

	for (size_t i = 0; i < w->n_columns; i++) {
		size_t from = first + i ? t->ends[first + i - 1] : 0;

		fputs(bar, w->out);
		fputc(' ', w->out);
		put_cell(w, i, t->cells.p + from, t->ends[first + i] - from);
		fputc(' ', w->out);
	}
	fputs(bar, w->out);
	fputc('\n', w->out);
}

/* The widest column that may be cut, or n_columns. */
static size_t widest_column(const struct writer *w)
{
	const struct table *t = w->state;
	size_t widest = w->n_columns;

	for (size_t i = 0; i < w->n_columns; i++) {
		if (is_number(w->columns[i].type) || t->widths[i] <= WIDTH_MIN)
			continue;
		if (widest == w->n_columns || t->widths[i] > t->widths[widest])
			widest = i;
	}
	return widest;
}

/* Takes columns off the widest column until a row fits on the terminal. */
static void fit(struct writer *w)
{
	struct table *t = w->state;
	size_t room = terminal_width(stdout); /* that a pager writes to */
	size_t used = 1 + 3 * w->n_columns;

	if (!w->options.fit || room == 0)
		return;
	for (size_t i = 0; i < w->n_columns; i++)
		used += t->widths[i];
	for (; used > room; used--) {
		size_t widest = widest_column(w);

		if (widest == w->n_columns)
			return;
		t->widths[widest]--;
	}
}

static void measure(struct writer *w)
{
	struct table *t = w->state;
	size_t from = 0;

	for (size_t i = 0; i < t->n_cells; i++) {
		size_t *width = &t->widths[i % w->n_columns];
		size_t n = display_width(t->cells.p + from, t->ends[i] - from);

		if (n > *width)
			*width = n;
		from = t->ends[i];
	}
	fit(w);
}

/* Prints the rows that are kept. The first time, row 0 is the header. */
static void flush(struct writer *w)
{
	struct table *t = w->state;
	size_t at = 0;

	measure(w);
	if (!t->begun) {
		put_border(w, TOP);
		put_row(w, 0);
		put_border(w, HEAD);
		at = w->n_columns;
		t->begun = true;
	}
	for (; at < t->n_cells; at += w->n_columns)
		put_row(w, at);
	t->n_cells = 0;
	t->cells.len = 0;
}

static void keep_cell(struct table *t, const char *s, size_t len)
{
	if (t->n_cells == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->ends = xrealloc(t->ends, t->cap * sizeof(*t->ends));
	}
	text_put_visible(&t->cells, s, len);
	t->ends[t->n_cells++] = t->cells.len;
}

static void keep_value(struct writer *w, const struct stoa_value *v)
{
	struct table *t = w->state;
	size_t len;

	if (v->type == STOA_NULL) {
		keep_cell(t, "NULL", 4);
		return;
	}
	if (is_bytes(v->type) && v->type != STOA_BLOB) {
		len = w->options.fit && v->len > CELL_BYTES_MAX ? CELL_BYTES_MAX : v->len;
		if (len == 4 && memcmp(v->p, "NULL", 4) == 0)
			keep_cell(t, "'NULL'", 6);
		else
			keep_cell(t, v->p, len);
		return;
	}
	t->scratch.len = 0;
	text_put_value(&t->scratch, v);
	len = w->options.fit && t->scratch.len > CELL_BYTES_MAX ? CELL_BYTES_MAX : t->scratch.len;
	keep_cell(t, t->scratch.p, len);
}

static void begin(struct writer *w)
{
	struct table *t = xrealloc(NULL, sizeof(*t));

	memset(t, 0, sizeof(*t));
	t->widths = xrealloc(NULL, w->n_columns * sizeof(*t->widths));
	memset(t->widths, 0, w->n_columns * sizeof(*t->widths));
	w->state = t;
	for (size_t i = 0; i < w->n_columns; i++)
		keep_cell(t, w->columns[i].name, strlen(w->columns[i].name));
}

static void row(struct writer *w, const struct stoa_value *values)
{
	struct table *t = w->state;

	if (w->options.max_rows && w->n_rows >= w->options.max_rows)
		return;
	for (size_t i = 0; i < w->n_columns; i++)
		keep_value(w, &values[i]);
	if (t->n_cells >= BLOCK_ROWS * w->n_columns || t->cells.len >= BLOCK_BYTES)
		flush(w);
}

static void end(struct writer *w)
{
	flush(w);
	put_border(w, BOTTOM);
	put_count(w);
}

static void free_table(struct writer *w)
{
	struct table *t = w->state;

	text_release(&t->cells);
	text_release(&t->scratch);
	free(t->ends);
	free(t->widths);
	free(t);
}

const struct writer_ops writer_table = { begin, row, end, free_table, NULL };
