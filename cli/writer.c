/* SPDX-License-Identifier: MIT */
/* writer.c - rows out of a cursor, into text of some format */
#include "writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const struct writer_ops *ops;
} formats[] = {
	[FORMAT_TABLE] = { "table", &writer_table },
	[FORMAT_CSV] = { "csv", &writer_csv },
	[FORMAT_JSONL] = { "jsonl", &writer_jsonl },
	[FORMAT_MARKDOWN] = { "markdown", &writer_markdown },
};

bool format_of(const char *name, enum format *out)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(name, formats[i].name) != 0)
			continue;
		*out = (enum format)i;
		return true;
	}
	return false;
}

bool is_number(unsigned type)
{
	return type >= STOA_I8 && type <= STOA_DECIMAL;
}

bool is_bytes(unsigned type)
{
	return type == STOA_STRING || type == STOA_TEXT || type == STOA_BLOB;
}

void text_put_value(struct text *t, const struct stoa_value *v)
{
	char buf[128];
	size_t n;
	char *more;

	if (v->type == STOA_STRING || v->type == STOA_TEXT) {
		text_put(t, v->p, v->len);
		return;
	}
	n = stoa_value_print(v, buf, sizeof(buf));
	if (n < sizeof(buf)) {
		text_put(t, buf, n);
		return;
	}
	more = xrealloc(NULL, n + 1);
	stoa_value_print(v, more, n + 1);
	text_put(t, more, n);
	free(more);
}

struct writer *writer_new(FILE *out, const struct writer_options *options,
			  const struct stoa_column *columns, size_t n_columns)
{
	struct writer *w = xrealloc(NULL, sizeof(*w));

	memset(w, 0, sizeof(*w));
	w->ops = formats[options->format].ops;
	w->out = out;
	w->options = *options;
	w->n_columns = n_columns;
	w->columns = xrealloc(NULL, n_columns * sizeof(*columns));
	for (size_t i = 0; i < n_columns; i++) {
		w->columns[i] = columns[i];
		w->columns[i].name = xstrdup(columns[i].name);
	}
	w->ops->begin(w);
	return w;
}

void writer_row(struct writer *w, const struct stoa_value *values)
{
	w->ops->row(w, values);
	w->n_rows++;
}

void writer_discard(struct writer *w)
{
	if (!w)
		return;
	if (w->ops->free)
		w->ops->free(w);
	for (size_t i = 0; i < w->n_columns; i++)
		free((char *)w->columns[i].name);
	free(w->columns);
	text_release(&w->line);
	free(w);
}

int writer_finish(struct writer *w)
{
	FILE *out = w->out;
	int code = CLI_OK;

	w->ops->end(w);
	writer_discard(w);
	errno = 0;
	if (fflush(out) != 0 || ferror(out)) {
		report("cannot write the result%s%s", errno ? ": " : "",
		       errno ? strerror(errno) : "");
		code = CLI_FAILURE;
	}
	return code;
}

/* Now and then: shows how far it is; true to go on. */
static bool go_on(const struct writer *w, struct progress *p)
{
	double part = p->total_rows ? (double)w->n_rows / (double)p->total_rows : -1;

	progress_show(p, part, w->n_rows, 0, seconds_now() - p->began);
	return !interrupted();
}

int write_cursor(struct writer *w, stoa_cursor *cur, const char *sql, struct progress *p)
{
	const struct stoa_value *row;
	struct stoa_error err;
	int rc = STOA_ROW;

	/* Nobody can read what cannot be written: a full disk ends the query. */
	while (!ferror(w->out) && (rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		writer_row(w, row);
		if (p && w->n_rows % 4096 == 0 && !go_on(w, p))
			break;
	}
	if (p)
		progress_end(p);
	stoa_cursor_close(cur);
	if (rc < 0)
		return report_sql_error(sql, &err);
	return p && interrupted() ? CLI_INTERRUPTED : CLI_OK;
}
