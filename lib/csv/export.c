/* SPDX-License-Identifier: MIT */
/*
 * export.c - rows as CSV after RFC 4180, but with plain newlines: through a callback, into memory
 * if so wanted
 *
 * NULL is an empty field, or options.null_text, and never in quotes; a string that would read as
 * NULL, the empty one above all, always is. So import, given the same options, reads back what
 * export wrote. A record of one NULL would be an empty line, which readers skip; it is written as
 * it is all the same, since "" would be a string.
 */
#include <nettle/base64.h>
#include <string.h>

#include "../core/alloc.h"
#include "../core/buf.h"
#include "../core/error.h"

#define SHORT 128	/* any number, date or uuid as text */
#define CHUNK_BYTES ((size_t)64 << 10)	/* handed to the callback at least, while there are rows */

/* Where a field goes: bytes beyond @size are counted only. */
struct sink {
	char *p;
	size_t size, len;
};

static void put(struct sink *s, const char *p, size_t n)
{
	if (s->len < s->size)
		memcpy(s->p + s->len, p, n < s->size - s->len ? n : s->size - s->len);
	s->len += n;
}

static char delimiter_of(const struct stoa_csv_options *o)
{
	return o->delimiter ? o->delimiter : ',';
}

static char quote_of(const struct stoa_csv_options *o)
{
	return o->quote ? o->quote : '"';
}

/* Blanks at an end are quoted for the sake of readers that trim. */
static bool needs_quotes(const struct stoa_csv_options *o, const char *s, size_t len)
{
	const char special[] = { delimiter_of(o), quote_of(o), '\n', '\r' };

	if (!len || s[0] == ' ' || s[len - 1] == ' ')
		return true;
	if (o->null_text && strlen(o->null_text) == len && !memcmp(s, o->null_text, len))
		return true;
	for (size_t i = 0; i < sizeof special; i++)
		if (memchr(s, special[i], len))
			return true;
	return false;
}

static void put_text(struct sink *to, const struct stoa_csv_options *o, const char *s, size_t len)
{
	char quote = quote_of(o);

	if (!needs_quotes(o, s, len)) {
		put(to, s, len);
		return;
	}
	put(to, &quote, 1);
	while (len) {
		const char *next = memchr(s, quote, len);
		size_t n = next ? (size_t)(next - s) + 1 : len;

		put(to, s, n);
		if (next)
			put(to, &quote, 1);
		s += n;
		len -= n;
	}
	put(to, &quote, 1);
}

/* Of any length; its letters and digits need quotes only where one of them is the delimiter. */
static void put_blob(struct sink *to, const struct stoa_csv_options *o, const struct stoa_value *v)
{
	bool base64 = o->blobs == STOA_BLOBS_BASE64;
	size_t n = base64 ? BASE64_ENCODE_RAW_LENGTH((size_t)v->len) : 2 + 2 * (size_t)v->len;
	char quote = quote_of(o), delimiter = delimiter_of(o);
	bool quoted = !n || o->null_text || (delimiter >= '0' && delimiter <= 'z') ||
		      delimiter == '+' || delimiter == '/';

	if (quoted)
		put(to, &quote, 1);
	/* Without room it is counted only. */
	if (to->len + n < to->size && base64)
		base64_encode_raw(to->p + to->len, v->len, (const uint8_t *)v->p);
	else if (to->len + n < to->size)
		stoa_value_print(v, to->p + to->len, n + 1);
	to->len += n;
	if (quoted)
		put(to, &quote, 1);
}

size_t stoa_csv_print(const struct stoa_value *v, const struct stoa_csv_options *options, char *buf,
		      size_t size)
{
	static const struct stoa_csv_options defaults = STOA_CSV_OPTIONS_INIT;
	const struct stoa_csv_options *o = options ? options : &defaults;
	struct sink to = { buf, size, 0 };
	char text[SHORT];

	if (v->type == STOA_NULL)
		put(&to, o->null_text ? o->null_text : "", o->null_text ? strlen(o->null_text) : 0);
	else if (v->type == STOA_BLOB)
		put_blob(&to, o, v);
	else if (v->type == STOA_STRING || v->type == STOA_TEXT)
		put_text(&to, o, v->p, v->len);
	else
		put_text(&to, o, text, stoa_value_print(v, text, sizeof text));
	return to.len;
}

/* ---- rows ---- */

struct export {
	const struct stoa_csv_options *options;
	struct stoa__buf out;
	stoa_write_fn *write;
	void *ctx;
};

static int flush(struct export *x, struct stoa_error *err)
{
	int rc = x->out.len ? x->write(x->ctx, x->out.p, x->out.len, err) : STOA_OK;

	stoa__buf_reset(&x->out);
	return rc;
}

static int put_value(struct export *x, const struct stoa_value *v, struct stoa_error *err)
{
	size_t room = x->out.cap - x->out.len;
	size_t n = stoa_csv_print(v, x->options, (char *)x->out.p + x->out.len, room);

	/* A blob that fits to the byte is counted only, hence one byte more. */
	if (n >= room) {
		if (stoa__buf_reserve(&x->out, n + 1) < 0)
			return stoa__fail_memory(err);
		stoa_csv_print(v, x->options, (char *)x->out.p + x->out.len, n + 1);
	}
	x->out.len += n;
	return STOA_OK;
}

static int put_row(struct export *x, const struct stoa_value *values, size_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (i && stoa__buf_put_u8(&x->out, (uint8_t)delimiter_of(x->options)) < 0)
			return stoa__fail_memory(err);
		STOA_TRY(put_value(x, &values[i], err));
	}
	if (stoa__buf_put_u8(&x->out, '\n') < 0)
		return stoa__fail_memory(err);
	return x->out.len < CHUNK_BYTES ? STOA_OK : flush(x, err);
}

static int put_header(struct export *x, stoa_cursor *in, struct stoa_error *err)
{
	size_t n;
	const struct stoa_column *columns = stoa_columns(in, &n);
	struct stoa_value *names;
	int rc;

	if (!x->options->header)
		return STOA_OK;
	names = stoa__alloc(n * sizeof *names);
	if (!names)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++)
		names[i] = stoa_text(columns[i].name);
	rc = put_row(x, names, n, err);
	stoa__free(names);
	return rc;
}

static int put_rows(struct export *x, stoa_cursor *in, uint64_t *n_rows, struct stoa_error *err)
{
	const struct stoa_value *row;
	size_t n;
	int rc;

	stoa_columns(in, &n);
	if (stoa__buf_reserve(&x->out, CHUNK_BYTES) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(put_header(x, in, err));
	while ((rc = stoa_next(in, &row, err)) == STOA_ROW) {
		STOA_TRY(put_row(x, row, n, err));
		++*n_rows;
	}
	return rc < 0 ? rc : flush(x, err);
}

int stoa_export_csv(stoa_cursor *in, const struct stoa_csv_options *options, stoa_write_fn *write,
		    void *ctx, uint64_t *rows, struct stoa_error *err)
{
	static const struct stoa_csv_options defaults = STOA_CSV_OPTIONS_INIT;
	struct export x = { options ? options : &defaults, STOA__BUF_INIT, write, ctx };
	uint64_t n = 0;
	int rc;

	if (!in || !write || x.options->size != sizeof defaults)
		rc = stoa__fail(err, STOA_EINVAL, "a cursor, somewhere to write to, and options that start "
				"from STOA_CSV_OPTIONS_INIT are wanted");
	else
		rc = put_rows(&x, in, &n, err);
	stoa_cursor_close(in);
	stoa__buf_release(&x.out);
	if (rows)
		*rows = n;
	return rc;
}

/* ---- bytes in memory ---- */

int stoa_buffer_write(void *buffer, const void *p, size_t len, struct stoa_error *err)
{
	struct stoa_buffer *b = buffer;
	struct stoa__buf grown = { (uint8_t *)b->p, b->len, b->cap };

	if (stoa__buf_put(&grown, p, len) < 0)
		return stoa__fail_memory(err);
	*b = (struct stoa_buffer){ (char *)grown.p, grown.len, grown.cap };
	return STOA_OK;
}

void stoa_buffer_free(struct stoa_buffer *b)
{
	stoa__free(b->p);
	*b = (struct stoa_buffer)STOA_BUFFER_INIT;
}
