/* SPDX-License-Identifier: MIT */
/*
 * export.c - a cursor as an ArrowArrayStream
 *
 *     batch of the cursor, up to 2,048 rows       array handed out, up to 65,536 rows
 *     numbers       decoded by the cursor into    the array's own buffer, which it is lent
 *     strings       codes over a group's list ->  codes over the array's own dictionary
 *     text, blobs   copied into                   offsets and bytes
 *     bool, decimal packed, widened into          bits, 128 bits
 *
 * A cursor may put a column's values where it is asked to (cursor.h, lend()), so what is decoded is
 * decoded once, into memory that the consumer will own, and is never copied. What the database has
 * in place is copied: to hand out a pointer into a mapped file would tie the array to a snapshot,
 * and a consumer that forgets an array would keep files from being given back.
 *
 * (1) An array owns its buffers; nothing is shared between two.
 * (2) Buffers have room for whole batches beyond the rows that count, so that what is lent may be
 *     written to in full.
 * (3) A dictionary has the strings of its own array alone, each once: its size is bounded by the
 *     array's.
 * (4) An array ends where one more row would take its bytes past the limit, so offsets fit 32 bits.
 */
#include <errno.h>
#include <string.h>

#include "../core/alloc.h"
#include "../core/bitmap.h"
#include "../core/buf.h"
#include "../core/error.h"
#include "../core/limits.h"
#include "../core/source.h"
#include "../core/type.h"
#include "../cursor.h"
#include "array.h"
#include "ipc.h"
#include "words.h"

#define ROWS_MAX 65536u			/* of an array, unless asked for otherwise */
#define NO_CODE UINT32_MAX

struct column {
	uint8_t type;			/* enum stoa_type */
	uint32_t width;			/* bytes of a row in @values; 0 for bool and NULL */
	struct stoa__arrow_field field;
	void *values;			/* elements, codes, offsets or bits */
	uint64_t *validity;		/* NULL: no row is NULL so far */
	int64_t n_null;
	bool lent;			/* @values, at the row that comes next, to the cursor */
	struct stoa__buf bytes;		/* of values */
	struct stoa__arrow_words words;	/* of the dictionary */
	uint32_t *map;			/* code of the cursor's list -> our code, or NO_CODE */
	uint32_t cap_map;
	uint64_t map_id;		/* dict_id that the map is of; 0: none */
};

struct exporter {
	stoa_cursor *cur;
	uint32_t rows_max, rows_next;	/* of an array; of the next one */
	struct stoa_batch batch;	/* rows from @at on are still to go out */
	size_t at;
	int ended;			/* what the cursor returned; 0 while it goes on */
	struct stoa_error err;
	size_t n, cap;			/* rows in the columns, and room */
	size_t n_columns;
	struct column columns[];
};

static bool is_bytes(unsigned type)
{
	return type == STOA_STRING || type == STOA_TEXT || type == STOA_BLOB;
}

/* ---- columns that are being filled ----------------------------------------------------------- */

static void column_release(struct column *c)
{
	stoa__free(c->values);
	stoa__free(c->validity);
	stoa__buf_release(&c->bytes);
	stoa__arrow_words_release(&c->words);
	stoa__free(c->map);
}

static size_t values_size(const struct column *c, size_t rows)
{
	if (c->type == STOA_BOOL)
		return STOA__WORDS(rows) * 8;
	return (rows + 1) * c->width;	/* an offset more than rows */
}

static int column_begin(struct column *c, size_t cap)
{
	c->n_null = 0;
	c->map_id = 0;
	c->values = stoa__alloc_aligned(values_size(c, cap) + 64);
	if (!c->values)
		return STOA_ENOMEM;
	if (c->type == STOA_BOOL)
		memset(c->values, 0, values_size(c, cap));
	if (is_bytes(c->type))
		*(int32_t *)c->values = 0;
	return STOA_OK;
}

static void forget_rows(struct exporter *x)
{
	for (size_t i = 0; i < x->n_columns; i++) {
		struct column *c = &x->columns[i];

		stoa__free(c->values);
		stoa__free(c->validity);
		c->values = c->validity = NULL;
		stoa__buf_release(&c->bytes);
		stoa__arrow_words_release(&c->words);
	}
	x->n = 0;
}

static int begin_rows(struct exporter *x)
{
	x->n = 0;
	x->cap = (x->rows_next + STOA_BATCH_MAX - 1) / STOA_BATCH_MAX * STOA_BATCH_MAX;
	for (size_t i = 0; i < x->n_columns; i++) {
		if (column_begin(&x->columns[i], x->cap) < 0) {
			forget_rows(x);
			return STOA_ENOMEM;
		}
	}
	return STOA_OK;
}

/* ---- NULLs ----------------------------------------------------------------------------------- */

static int add_validity(struct exporter *x, struct column *c, const uint64_t *validity, size_t from,
			size_t n)
{
	if (!validity && !c->validity)
		return STOA_OK;
	if (!c->validity) {
		size_t size = STOA__WORDS(x->cap) * 8;

		c->validity = stoa__alloc_aligned(size);
		if (!c->validity)
			return STOA_ENOMEM;
		memset(c->validity, 0xff, size);
	}
	stoa__bitmap_copy(c->validity, x->n, validity, from, n);
	c->n_null += (int64_t)(n - stoa__bitmap_count(validity, from, n));
	return STOA_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void add_bits(struct column *c, size_t at, const uint8_t *in, size_t n)
{
	uint64_t *bits = c->values;

	for (size_t i = 0; i < n; i++)
		bits[(at + i) / 64] |= (uint64_t)(in[i] & 1) << ((at + i) % 64);
}

static void add_decimals(struct column *c, size_t at, const int64_t *in, size_t n)
{
	int64_t *out = (int64_t *)c->values + 2 * at;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = in[i];
		out[2 * i + 1] = in[i] >> 63;
	}
}

/* @n values behind those that are there. */
static int add_bytes(struct column *c, size_t at, const struct stoa_bytes *in,
		     const uint64_t *validity, size_t from, size_t n)
{
	int32_t *offsets = (int32_t *)c->values + at;

	for (size_t i = 0; i < n; i++) {
		uint32_t len = stoa__bit_get(validity, from + i) ? in[i].len : 0;

		if (len && stoa__buf_put(&c->bytes, in[i].p, len) < 0)
			return STOA_ENOMEM;
		offsets[i + 1] = (int32_t)c->bytes.len;
	}
	return STOA_OK;
}

static int begin_map(struct column *c, const struct stoa__vec *v)
{
	if (v->n_dict > c->cap_map) {
		uint32_t *map = stoa__realloc_array(c->map, v->n_dict, sizeof *map);

		if (!map)
			return STOA_ENOMEM;
		c->map = map;
		c->cap_map = v->n_dict;
	}
	memset(c->map, 0xff, v->n_dict * sizeof *c->map);
	c->map_id = v->dict_id;
	return STOA_OK;
}

/* Codes of one list to codes of another: each string is looked at once for a list. */
static int add_codes(struct column *c, uint32_t *out, const struct stoa__vec *v,
		     const uint64_t *validity, size_t from, size_t n)
{
	if (c->map_id != v->dict_id)
		STOA_TRY(begin_map(c, v));
	for (size_t i = 0; i < n; i++) {
		uint32_t code = v->codes[from + i];

		out[i] = 0;
		if (!stoa__bit_get(validity, from + i))
			continue;
		if (c->map[code] == NO_CODE)
			STOA_TRY(stoa__arrow_words_add(&c->words, &v->dict[code],
					       &c->map[code]));
		out[i] = c->map[code];
	}
	return STOA_OK;
}

static int add_strings(struct exporter *x, size_t column, const struct stoa_array *a, size_t n)
{
	struct column *c = &x->columns[column];
	const struct stoa_bytes *in = (const struct stoa_bytes *)a->values + x->at;
	uint32_t *out = (uint32_t *)c->values + x->n;
	struct stoa__vec v;

	if (x->cur->ops->codes && x->cur->ops->codes(x->cur, column, &v))
		return add_codes(c, out, &v, a->validity, x->at, n);
	for (size_t i = 0; i < n; i++) {
		out[i] = 0;
		if (stoa__bit_get(a->validity, x->at + i))
			STOA_TRY(stoa__arrow_words_add(&c->words, &in[i], &out[i]));
	}
	return STOA_OK;
}

/* The next @n rows of a column of the batch. */
static int add_values(struct exporter *x, size_t column, const struct stoa_array *a, size_t n)
{
	struct column *c = &x->columns[column];
	size_t width = stoa__type_width(a->type);
	const char *in = (const char *)a->values + x->at * width;
	char *out = (char *)c->values + x->n * c->width;

	if (c->field.dictionary)
		return add_strings(x, column, a, n);
	if (is_bytes(c->type))
		return add_bytes(c, x->n, (const struct stoa_bytes *)(const void *)in, a->validity,
				 x->at, n);
	if (c->type == STOA_BOOL)
		add_bits(c, x->n, (const uint8_t *)in, n);
	else if (c->type == STOA_DECIMAL)
		add_decimals(c, x->n, (const int64_t *)(const void *)in, n);
	else if (c->width && in != out)
		memcpy(out, in, n * width);
	return STOA_OK;
}

/* How many of the batch's rows, from the current one on, the array may take: at least one. */
static size_t rows_that_fit(const struct exporter *x)
{
	size_t n = x->batch.n_rows - x->at;

	if (n > x->rows_next - x->n)
		n = x->rows_next - x->n;
	for (size_t i = 0; i < x->n_columns; i++) {
		const struct column *c = &x->columns[i];
		const struct stoa_bytes *b = x->batch.columns[i].values;
		uint64_t size = c->bytes.len + c->words.bytes.len;
		size_t k = 0;

		if (!is_bytes(c->type))
			continue;
		while (k < n && size + b[x->at + k].len <= STOA__GROUP_BYTES_MAX)
			size += b[x->at + k++].len;
		n = k;
	}
	return n || x->n ? n : 1;
}

static int add_rows(struct exporter *x, size_t n)
{
	for (size_t i = 0; i < x->n_columns; i++) {
		const struct stoa_array *a = &x->batch.columns[i];

		STOA_TRY(add_validity(x, &x->columns[i],
				      a->type == STOA_NULL ? NULL : a->validity, x->at, n));
		STOA_TRY(add_values(x, i, a, n));
		if (x->columns[i].type == STOA_NULL)
			x->columns[i].n_null += (int64_t)n;
	}
	x->at += n;
	x->n += n;
	return STOA_OK;
}

/* ---- the cursor ------------------------------------------------------------------------------ */

/* Asks the cursor to decode its next batch to where we want it. */
static void lend_room(struct exporter *x)
{
	bool room = x->n + STOA_BATCH_MAX <= x->cap;

	for (size_t i = 0; x->cur->ops->lend && i < x->n_columns; i++) {
		struct column *c = &x->columns[i];
		char *at = (char *)c->values + x->n * c->width;

		c->lent = room && c->width && c->width == stoa__type_width(c->type) && !is_bytes(c->type) &&
			  (uintptr_t)at % 64 == 0;
		x->cur->ops->lend(x->cur, i, c->lent ? at : NULL);
	}
}

static void take_back(struct exporter *x)
{
	for (size_t i = 0; x->cur->ops->lend && i < x->n_columns; i++)
		x->cur->ops->lend(x->cur, i, NULL);
}

/* Gathers the rows of an array, less where the cursor ends. */
static int gather(struct exporter *x)
{
	while (x->n < x->rows_next) {
		if (x->at >= x->batch.n_rows) {
			if (x->ended)
				break;
			lend_room(x);
			int rc = stoa_next_batch(x->cur, &x->batch, &x->err);
			take_back(x);
			x->at = 0;
			if (rc != STOA_ROW) {
				x->batch.n_rows = 0;
				x->ended = rc;
				break;
			}
		}
		size_t n = rows_that_fit(x);
		if (!n)
			break;
		STOA_TRY(add_rows(x, n));
	}
	return STOA_OK;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static int make_column(struct exporter *x, struct column *c, struct ArrowArray *out)
{
	int64_t n_buffers = c->field.dictionary ? 2 : stoa__arrow_n_buffers(&c->field.type);

	STOA_TRY(stoa__arrow_array_new(n_buffers, 0, c->field.dictionary, out));
	out->length = (int64_t)x->n;
	out->null_count = c->n_null;
	if (!n_buffers)
		return STOA_OK;
	stoa__arrow_array_set(out, 0, c->validity, true);
	stoa__arrow_array_set(out, 1, c->values, true);
	c->validity = NULL;
	c->values = NULL;
	if (c->field.dictionary)
		return stoa__arrow_words_array(&c->words, out->dictionary);
	return n_buffers == 3 ? stoa__arrow_array_give(out, 2, &c->bytes) : STOA_OK;
}

/* The rows gathered become an array that owns them. */
static int make_array(struct exporter *x, struct ArrowArray *out)
{
	STOA_TRY(stoa__arrow_array_new(1, (int64_t)x->n_columns, false, out));
	out->length = (int64_t)x->n;
	for (size_t i = 0; i < x->n_columns; i++) {
		if (make_column(x, &x->columns[i], out->children[i]) < 0) {
			out->release(out);
			return STOA_ENOMEM;
		}
	}
	return STOA_OK;
}

/* ---- the stream ------------------------------------------------------------------------------ */

static struct exporter *of(const struct ArrowArrayStream *s)
{
	return s->private_data;
}

static int errno_of(int rc)
{
	switch (rc) {
	case STOA_OK: return 0;
	case STOA_ENOMEM: return ENOMEM;
	case STOA_EIO:
	case STOA_ECORRUPT: return EIO;
	case STOA_ECANCELED: return ECANCELED;
	case STOA_EUNSUPPORTED: return ENOTSUP;
	default: return EINVAL;
	}
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
	struct exporter *x = of(s);
	struct stoa__arrow_field *fields = stoa__calloc(x->n_columns + 1, sizeof *fields);
	int rc = fields ? STOA_OK : STOA_ENOMEM;

	for (size_t i = 0; fields && i < x->n_columns; i++)
		fields[i] = x->columns[i].field;
	if (rc == STOA_OK)
		rc = stoa__arrow_schema_new(fields, x->n_columns, out);
	stoa__free(fields);
	if (rc < 0)
		stoa__fail_memory(&x->err);
	return errno_of(rc);
}

static void grow_next(struct exporter *x)
{
	x->rows_next = x->rows_next > x->rows_max / 2 ? x->rows_max : x->rows_next * 2;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
	struct exporter *x = of(s);
	int rc;

	memset(out, 0, sizeof *out);
	rc = begin_rows(x);
	if (rc == STOA_OK)
		rc = gather(x);
	if (rc == STOA_OK && x->n)
		rc = make_array(x, out);
	else if (rc == STOA_OK && x->ended < 0)
		rc = x->ended;
	else if (rc < 0)
		x->ended = rc;
	if (rc == STOA_ENOMEM)
		stoa__fail_memory(&x->err);
	forget_rows(x);
	grow_next(x);
	return errno_of(rc);
}

static const char *get_last_error(struct ArrowArrayStream *s)
{
	return of(s)->err.text[0] ? of(s)->err.text : NULL;
}

const struct stoa_error *stoa__arrow_export_error(const struct ArrowArrayStream *s)
{
	return &of(s)->err;
}

static void release(struct ArrowArrayStream *s)
{
	struct exporter *x = of(s);

	stoa_cursor_close(x->cur);
	for (size_t i = 0; i < x->n_columns; i++)
		column_release(&x->columns[i]);
	stoa__free(x);
	s->release = NULL;
}

static void init_column(struct column *c, const struct stoa_column *column, bool plain)
{
	c->type = column->type;
	stoa__arrow_field_of(column, plain, &c->field);
	c->width = c->field.dictionary ? 4 : c->field.type.width;
}

int stoa_arrow_export(stoa_cursor *cur, const struct stoa_arrow_options *options,
		      struct ArrowArrayStream *out, struct stoa_error *err)
{
	static const struct stoa_arrow_options defaults = STOA_ARROW_OPTIONS_INIT;
	const struct stoa_column *columns;
	struct exporter *x;
	size_t n = 0;

	if (out)
		memset(out, 0, sizeof *out);
	if (!options)
		options = &defaults;
	if (!cur || !out || options->size != sizeof *options) {
		stoa_cursor_close(cur);
		return stoa__fail(err, STOA_EINVAL,
				  "a cursor, options of this version and room for the stream are wanted");
	}
	columns = stoa_columns(cur, &n);
	x = stoa__calloc(1, sizeof *x + n * sizeof x->columns[0]);
	if (!x) {
		stoa_cursor_close(cur);
		return stoa__fail_memory(err);
	}
	x->cur = cur;
	x->n_columns = n;
	x->rows_max = options->batch_rows ? options->batch_rows : ROWS_MAX;
	x->rows_next = options->batch_rows ? options->batch_rows : STOA_BATCH_MAX;
	for (size_t i = 0; i < n; i++)
		init_column(&x->columns[i], &columns[i], options->plain_strings);
	*out = (struct ArrowArrayStream){ get_schema, get_next, get_last_error, release, x };
	return STOA_OK;
}
