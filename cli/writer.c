/* SPDX-License-Identifier: MIT */
/* writer.c - rows out of a cursor, into text of some format */
#include "writer.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	const struct writer_ops *ops;
} formats[] = {
	[FORMAT_TABLE] = { "table", &writer_table },
	[FORMAT_CSV] = { "csv", &writer_csv },
	[FORMAT_TSV] = { "tsv", &writer_csv },
	[FORMAT_JSONL] = { "jsonl", &writer_jsonl },
	[FORMAT_JSON] = { "json", &writer_json },
	[FORMAT_MARKDOWN] = { "markdown", &writer_markdown },
	[FORMAT_HTML] = { "html", &writer_html },
	[FORMAT_INSERT] = { "insert", &writer_insert },
	[FORMAT_VERTICAL] = { "vertical", &writer_vertical },
	[FORMAT_ARROW] = { "arrow", &writer_arrow },
	[FORMAT_ARROWS] = { "arrows", &writer_arrow },
};

const char *format_name(enum format format)
{
	return formats[format].name;
}

bool format_of(const char *name, enum format *out)
{
	if (strcmp(name, "box") == 0)
		name = "table";
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(name, formats[i].name) != 0)
			continue;
		*out = (enum format)i;
		return true;
	}
	return false;
}

bool take_delimiter(char *arg, void *to)
{
	const char *c = strcmp(arg, "tab") == 0 || strcmp(arg, "\\t") == 0 ? "\t" : arg;

	*(char *)to = *c;
	return c[0] > 0 && !c[1] && c[0] != '"' && c[0] != '\n' && c[0] != '\r';
}

int parse_blobs(const char *s)
{
	if (strcmp(s, "hex") == 0)
		return STOA_BLOBS_HEX;
	return strcmp(s, "base64") == 0 ? STOA_BLOBS_BASE64 : -1;
}

/* enum stoa_arrow_codec, or -1. */
static int codec_of(const char *name)
{
	if (strcmp(name, "none") == 0)
		return STOA_ARROW_PLAIN;
	if (strcmp(name, "zstd") == 0)
		return STOA_ARROW_ZSTD;
	return strcmp(name, "lz4") == 0 ? STOA_ARROW_LZ4 : -1;
}

bool take_format(char *arg, void *options)
{
	return format_of(arg, &((struct writer_options *)options)->format);
}

bool take_null(char *arg, void *options)
{
	((struct writer_options *)options)->null_text = arg;
	return !strpbrk(arg, "\"\r\n");
}

bool take_codec(char *arg, void *options)
{
	return (((struct writer_options *)options)->codec = codec_of(arg)) >= 0;
}

bool take_blobs(char *arg, void *options)
{
	int how = parse_blobs(arg);

	((struct writer_options *)options)->base64 = how == STOA_BLOBS_BASE64;
	return how >= 0;
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

void put_line(struct writer *w)
{
	text_put(&w->line, "\n", 1);
	fwrite(w->line.p, 1, w->line.len, w->out);
	w->line.len = 0;
}

void put_count(struct writer *w)
{
	uint64_t n = w->n_rows, max = w->options.max_rows;

	if (max && n > max)
		fprintf(w->out,
			"(%" PRIu64 " rows, the first %" PRIu64 " shown; --max-rows 0 shows all)\n",
			n, max);
	else
		fprintf(w->out, "(%" PRIu64 " row%s)\n", n, n == 1 ? "" : "s");
}

void nothing(struct writer *w)
{
	(void)w;
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
	if (options->base64 && options->format != FORMAT_INSERT &&
	    options->format != FORMAT_CSV && options->format != FORMAT_TSV)
		w->values = xrealloc(NULL, n_columns * sizeof(*w->values));
	w->ops->begin(w);
	return w;
}

/* The row with its blobs as texts in base64. Borrows from the writer. */
static const struct stoa_value *in_base64(struct writer *w, const struct stoa_value *values)
{
	size_t size = 0;
	char *to;

	for (size_t i = 0; i < w->n_columns; i++)
		if (values[i].type == STOA_BLOB)
			size += BASE64_ENCODE_RAW_LENGTH((size_t)values[i].len);
	if (size > w->coded.cap) {
		w->coded.p = xrealloc(w->coded.p, size);
		w->coded.cap = size;
	}
	to = w->coded.p;
	for (size_t i = 0; i < w->n_columns; i++) {
		size_t n = BASE64_ENCODE_RAW_LENGTH((size_t)values[i].len);

		w->values[i] = values[i];
		if (values[i].type != STOA_BLOB)
			continue;
		if (n)
			base64_encode_raw(to, values[i].len, (const uint8_t *)values[i].p);
		w->values[i] = stoa_bytes_value(STOA_TEXT, n ? to : "", (uint32_t)n);
		to += n;
	}
	return w->values;
}

void writer_row(struct writer *w, const struct stoa_value *values)
{
	w->ops->row(w, w->values ? in_base64(w, values) : values);
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
	free(w->values);
	text_release(&w->coded);
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

bool writer_goes_on(const struct writer *w, struct progress *p)
{
	double part = p->total_rows ? (double)w->n_rows / (double)p->total_rows : -1;

	if (!p->until_rows)
		progress_show(p, part, w->n_rows, 0, seconds_now() - p->began);
	return !interrupted();
}

struct watch {
	const struct writer *w;
	struct progress *p;
};

/* While the query works towards its next rows. */
static int on_watch(void *ctx, const struct stoa_query_progress *now)
{
	struct watch *watch = ctx;
	double part = now->total_rows ? (double)now->rows / (double)now->total_rows : -1;

	if (watch->w->n_rows == 0)
		progress_show(watch->p, part, now->rows, 0, seconds_now() - watch->p->began);
	return interrupted();
}

/* Row by row; closes the cursor. */
static int write_rows(struct writer *w, stoa_cursor *cur, struct progress *p, struct stoa_error *err)
{
	const struct stoa_value *row;
	int rc = STOA_ROW;

	/* Nobody can read what cannot be written: a full disk ends the query. */
	while (!ferror(w->out) && (rc = stoa_next(cur, &row, err)) == STOA_ROW) {
		if (p && p->until_rows && w->n_rows == 0)
			progress_end(p);
		writer_row(w, row);
		if (p && w->n_rows % 4096 == 0 && !writer_goes_on(w, p))
			break;
	}
	stoa_cursor_close(cur);
	return rc;
}

int write_cursor(struct writer *w, stoa_cursor *cur, const char *sql, struct progress *p)
{
	struct watch watch = { w, p };
	struct stoa_error err;
	int rc;

	/* Without memory for it the query runs unwatched. */
	if (p && stoa_cursor_watch(cur, on_watch, &watch, &err) < 0)
		p->on = false;
	rc = w->ops->cursor ? w->ops->cursor(w, cur, p, &err) : write_rows(w, cur, p, &err);
	if (p)
		progress_end(p);
	if (rc < 0 && !(rc == STOA_ECANCELED && p && interrupted()) && !ferror(w->out))
		return report_sql_error(sql, &err);
	return p && interrupted() ? CLI_INTERRUPTED : CLI_OK;
}
