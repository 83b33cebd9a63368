/* SPDX-License-Identifier: MIT */
/*
 * compose.c - cursors over cursors, and callbacks of the application as cursors
 *
 *     generate --> map --> filter \
 *                                  chain --> take --> whoever takes a cursor
 *                          scan   /
 *
 * chain and take hand batches on as they are. map, filter and generate make rows one at a time, by
 * the application's functions, and collect them into a batch of their own: of as many rows as a
 * batch may have for who reads by batch, of a single one for who reads by row, so that no row is
 * asked for before it is wanted.
 *
 * (1) A cursor owns its inputs from the call on that is given them, whether that succeeds or not.
 * (2) Bytes of collected rows lie in one buffer, by offset until the batch is full and the buffer
 * moves no more.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/type.h"
#include "cursor.h"

/* ---- rows into batches ----------------------------------------------------------------------- */

struct collector {
	struct stoa_column *columns;
	size_t n_columns;
	struct stoa_array *arrays;
	void **values;			/* by column, STOA_BATCH_MAX elements */
	uint64_t **validity;
	struct stoa__buf bytes;
};

static bool is_bytes(unsigned type)
{
	return type == STOA_STRING || type == STOA_TEXT || type == STOA_BLOB;
}

static void collector_release(struct collector *c)
{
	for (size_t i = 0; i < c->n_columns; i++) {
		if (c->columns)
			stoa__free((char *)(uintptr_t)c->columns[i].name);
		if (c->values)
			stoa__free(c->values[i]);
		if (c->validity)
			stoa__free(c->validity[i]);
	}
	stoa__free(c->columns);
	stoa__free(c->arrays);
	stoa__free(c->values);
	stoa__free(c->validity);
	stoa__buf_release(&c->bytes);
}

static int init_column(struct collector *c, size_t i, const struct stoa_column *from,
		       struct stoa_error *err)
{
	if (!from->name || !stoa__type_valid(from->type))
		return stoa__fail(err, STOA_EINVAL, "column %zu has no name, or no type of a slot",
				  i + 1);
	c->columns[i] = *from;
	c->columns[i].name = stoa__strndup(from->name, strlen(from->name));
	c->values[i] = stoa__alloc_aligned(STOA_BATCH_MAX * stoa__type_width(from->type));
	c->validity[i] = stoa__alloc_aligned(STOA__WORDS(STOA_BATCH_MAX) * 8);
	if (!c->columns[i].name || !c->values[i] || !c->validity[i])
		return stoa__fail_memory(err);
	return STOA_OK;
}

static int collector_init(struct collector *c, const struct stoa_column *columns, size_t n,
			  struct stoa_error *err)
{
	c->n_columns = n;
	c->columns = stoa__calloc(n + 1, sizeof *c->columns);
	c->arrays = stoa__calloc(n + 1, sizeof *c->arrays);
	c->values = stoa__calloc(n + 1, sizeof(*c->values));
	c->validity = stoa__calloc(n + 1, sizeof(*c->validity));
	if (!c->columns || !c->arrays || !c->values || !c->validity)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++)
		STOA_TRY(init_column(c, i, &columns[i], err));
	return STOA_OK;
}

static void begin(struct collector *c)
{
	stoa__buf_reset(&c->bytes);
	for (size_t i = 0; i < c->n_columns; i++) {
		const struct stoa_column *col = &c->columns[i];
		c->arrays[i] = (struct stoa_array){ col->type, col->scale, c->values[i], NULL };
		memset(c->validity[i], 0xff, STOA__WORDS(STOA_BATCH_MAX) * 8);
	}
}

static int put_value(struct collector *c, size_t i, size_t row, const struct stoa_value *in,
		     struct stoa_error *err)
{
	const struct stoa_column *col = &c->columns[i];
	struct stoa_slot slot = { .name = col->name, .type = col->type,
				  .precision = col->precision ? col->precision :
								STOA_DECIMAL_PRECISION_MAX,
				  .scale = col->scale };
	size_t width = stoa__type_width(col->type);
	struct stoa_value v;

	if (in->type == STOA_NULL) {
		memset((char *)c->values[i] + row * width, 0, width);
		stoa__bit_clear(c->validity[i], row);
		c->arrays[i].validity = c->validity[i];
		return STOA_OK;
	}
	STOA_TRY(stoa__convert(&slot, in, &v, err));
	if (!is_bytes(col->type)) {
		stoa__element_put(col->type, c->values[i], row, &v);
		return STOA_OK;
	}
	struct stoa_bytes b = { (const char *)c->bytes.len, v.len };	/* an offset, until the end */
	if (stoa__buf_put(&c->bytes, v.p, v.len) < 0)
		return stoa__fail_memory(err);
	((struct stoa_bytes *)c->values[i])[row] = b;
	return STOA_OK;
}

static int put_row(struct collector *c, size_t row, const struct stoa_value *values,
		   struct stoa_error *err)
{
	for (size_t i = 0; i < c->n_columns; i++)
		STOA_TRY(put_value(c, i, row, &values[i], err));
	return STOA_OK;
}

/* Offsets become addresses. */
static void finish(struct collector *c, size_t n, struct stoa_batch *out)
{
	for (size_t i = 0; i < c->n_columns; i++) {
		struct stoa_bytes *b = c->values[i];
		if (!is_bytes(c->columns[i].type))
			continue;
		for (size_t row = 0; row < n; row++)
			b[row].p = b[row].len ? (const char *)c->bytes.p + (uintptr_t)b[row].p : "";
	}
	*out = (struct stoa_batch){ n, c->n_columns, c->arrays, NULL };
}

/* ---- map, filter, generate ------------------------------------------------------------------- */

struct rows {
	struct stoa_cursor cursor;
	stoa_cursor *in;			/* NULL: rows come from nowhere */
	stoa_map_fn *map;
	stoa_filter_fn *filter;
	stoa_generate_fn *generate;
	void (*release)(void *ctx);
	void *ctx;
	struct stoa_value *made;		/* a row of map or generate */
	struct collector collector;
	int ended;				/* how the input ended, while rows are still to be given */
	struct stoa_error err;
};

static struct rows *rows_of(const stoa_cursor *cur)
{
	return (struct rows *)(uintptr_t)cur;
}

static const struct stoa_column *rows_columns(const stoa_cursor *cur, size_t *n)
{
	*n = rows_of(cur)->collector.n_columns;
	return rows_of(cur)->collector.columns;
}

/* What a function of the application returned, as one of ours. */
static int answer(int rc, struct stoa_error *err, const char *who)
{
	if (rc >= 0)
		return rc;
	if (err && err->code != rc)	/* it left no words */
		return stoa__fail(err, rc, "the application's %s returned %s", who,
				  stoa_result_name(rc));
	return rc;
}

static void clear_made(struct rows *r)
{
	for (size_t i = 0; i < r->collector.n_columns; i++)
		r->made[i] = stoa_null();
}

/* The next row: STOA_ROW, STOA_END or an error. */
static int next_row(struct rows *r, const struct stoa_value **row, struct stoa_error *err)
{
	struct stoa_error own = { 0 };
	int rc;

	if (r->generate) {
		clear_made(r);
		*row = r->made;
		rc = answer(r->generate(r->ctx, r->made, &own), &own, "generator");
		if (rc < 0 && err)
			*err = own;
		return rc;
	}
	for (;;) {
		rc = stoa_next(r->in, row, err);
		if (rc != STOA_ROW)
			return rc;
		if (r->map) {
			const struct stoa_value *in = *row;
			clear_made(r);
			*row = r->made;
			rc = answer(r->map(r->ctx, in, r->made, &own), &own, "map function");
		} else {
			rc = answer(r->filter(r->ctx, *row, &own), &own, "filter function");
		}
		if (rc < 0 && err)
			*err = own;
		if (rc < 0)
			return rc;
		if (r->map || rc)
			return STOA_ROW;
	}
}

static bool is_by_row(const stoa_cursor *cur)
{
	return cur->way == STOA__CURSOR_BY_ROW || cur->by_one;
}

/* Rows before an error are given first. */
static int rows_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct rows *r = rows_of(cur);
	size_t n = 0, wanted = is_by_row(cur) ? 1 : STOA_BATCH_MAX;
	const struct stoa_value *row;

	begin(&r->collector);
	while (n < wanted && !r->ended) {
		int rc = next_row(r, &row, &r->err);
		if (rc == STOA_ROW)
			rc = put_row(&r->collector, n, row, &r->err);
		if (rc != STOA_OK && rc != STOA_ROW)
			r->ended = rc;
		n += !r->ended;
	}
	if (n) {
		finish(&r->collector, n, out);
		return STOA_ROW;
	}
	if (r->ended < 0 && err)
		*err = r->err;
	return r->ended;
}

static void rows_close(stoa_cursor *cur)
{
	struct rows *r = rows_of(cur);

	stoa_cursor_close(r->in);
	if (r->release)
		r->release(r->ctx);
	collector_release(&r->collector);
	stoa__free(r->made);
	stoa__free(r);
}

static void rows_cancel(stoa_cursor *cur)
{
	stoa_cursor_cancel(rows_of(cur)->in);
}

static const struct stoa__cursor_ops rows_ops = {
	.columns = rows_columns,
	.next_batch = rows_next_batch,
	.close = rows_close,
	.cancel = rows_cancel,
};

/* Takes over @in and what @with has; @columns are copied. */
static int rows_new(const struct rows *with, const struct stoa_column *columns, size_t n,
		    stoa_cursor **out, struct stoa_error *err)
{
	struct rows *r = stoa__calloc(1, sizeof *r);

	if (!r) {
		stoa_cursor_close(with->in);
		if (with->release)
			with->release(with->ctx);
		return stoa__fail_memory(err);
	}
	*r = *with;
	stoa__cursor_init(&r->cursor, &rows_ops);
	r->made = stoa__calloc(n + 1, sizeof *r->made);
	int rc = r->made ? collector_init(&r->collector, columns, n, err) : stoa__fail_memory(err);
	if (rc < 0) {
		rows_close(&r->cursor);
		return rc;
	}
	*out = &r->cursor;
	return STOA_OK;
}

static int bad_call(stoa_cursor *in, const char *words, struct stoa_error *err)
{
	stoa_cursor_close(in);
	return stoa__fail(err, STOA_EINVAL, "%s", words);
}

int stoa_cursor_map(stoa_cursor *in, const struct stoa_column *columns, size_t n_columns,
		    stoa_map_fn *map, void *ctx, stoa_cursor **out, struct stoa_error *err)
{
	struct rows with = { .in = in, .map = map, .ctx = ctx };

	if (out)
		*out = NULL;
	if (!in || !out || !map || (!columns && n_columns))
		return bad_call(in, "a cursor, columns, a function and room for the result are wanted",
				err);
	return rows_new(&with, columns, n_columns, out, err);
}

int stoa_cursor_filter(stoa_cursor *in, stoa_filter_fn *filter, void *ctx, stoa_cursor **out,
		       struct stoa_error *err)
{
	struct rows with = { .in = in, .filter = filter, .ctx = ctx };
	const struct stoa_column *columns;
	size_t n;

	if (out)
		*out = NULL;
	if (!in || !out || !filter)
		return bad_call(in, "a cursor, a function and room for the result are wanted", err);
	columns = stoa_columns(in, &n);
	return rows_new(&with, columns, n, out, err);
}

int stoa_cursor_generate(const struct stoa_column *columns, size_t n_columns,
			 stoa_generate_fn *generate, void (*release)(void *ctx), void *ctx,
			 stoa_cursor **out, struct stoa_error *err)
{
	struct rows with = { .generate = generate, .release = release, .ctx = ctx };

	if (out)
		*out = NULL;
	if (!out || !generate || (!columns && n_columns)) {
		if (release)
			release(ctx);
		return bad_call(NULL, "columns, a function and room for the result are wanted", err);
	}
	return rows_new(&with, columns, n_columns, out, err);
}

/* ---- chain and take -------------------------------------------------------------------------- */

struct chain {
	struct stoa_cursor cursor;
	uint64_t left;			/* rows that may still be given */
	size_t n, at;
	stoa_cursor *in[];
};

static struct chain *chain_of(const stoa_cursor *cur)
{
	return (struct chain *)(uintptr_t)cur;
}

static const struct stoa_column *chain_columns(const stoa_cursor *cur, size_t *n)
{
	return stoa_columns(chain_of(cur)->in[0], n);
}

static int chain_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct chain *c = chain_of(cur);

	while (c->left && c->at < c->n) {
		c->in[c->at]->by_one = is_by_row(cur);
		int rc = stoa_next_batch(c->in[c->at], out, err);
		if (rc == STOA_END) {
			c->at++;
			continue;
		}
		if (rc == STOA_ROW && out->n_rows > c->left)
			out->n_rows = (size_t)c->left;
		c->left -= rc == STOA_ROW ? out->n_rows : 0;
		return rc;
	}
	return STOA_END;
}

static void chain_close(stoa_cursor *cur)
{
	struct chain *c = chain_of(cur);

	for (size_t i = 0; i < c->n; i++)
		stoa_cursor_close(c->in[i]);
	stoa__free(c);
}

static void chain_cancel(stoa_cursor *cur)
{
	for (size_t i = 0; i < chain_of(cur)->n; i++)
		stoa_cursor_cancel(chain_of(cur)->in[i]);
}

static bool same_columns(const stoa_cursor *a, const stoa_cursor *b)
{
	size_t n_a, n_b;
	const struct stoa_column *x = stoa_columns(a, &n_a), *y = stoa_columns(b, &n_b);

	for (size_t i = 0; n_a == n_b && i < n_a; i++)
		if (x[i].type != y[i].type || x[i].scale != y[i].scale)
			return false;
	return n_a == n_b;
}

/* The first @left rows of @in, one after the other. */
static int chain_new(stoa_cursor *const *in, size_t n, uint64_t left, stoa_cursor **out,
		     struct stoa_error *err)
{
	static const struct stoa__cursor_ops ops = {
		.columns = chain_columns, .next_batch = chain_next_batch, .close = chain_close,
		.cancel = chain_cancel,
	};
	struct chain *c = out && n ? stoa__calloc(1, sizeof *c + n * sizeof c->in[0]) : NULL;
	bool good = out && n;

	for (size_t i = 0; i < n; i++)
		good = good && in[i] && same_columns(in[0], in[i]);
	if (out)
		*out = NULL;
	if (!c || !good) {
		for (size_t i = 0; i < n; i++)
			stoa_cursor_close(in[i]);
		stoa__free(c);
		if (good)
			return stoa__fail_memory(err);
		return stoa__fail(err, STOA_EINVAL,
				  "cursors whose columns have the same types, one at least, and room "
				  "for the result are wanted");
	}
	stoa__cursor_init(&c->cursor, &ops);
	c->left = left;
	c->n = n;
	memcpy(c->in, in, n * sizeof c->in[0]);
	*out = &c->cursor;
	return STOA_OK;
}

int stoa_cursor_chain(stoa_cursor *const *in, size_t n, stoa_cursor **out, struct stoa_error *err)
{
	return chain_new(in, n, UINT64_MAX, out, err);
}

int stoa_cursor_take(stoa_cursor *in, uint64_t n, stoa_cursor **out, struct stoa_error *err)
{
	return chain_new(&in, 1, n, out, err);
}

/* ---- a cursor into an appender --------------------------------------------------------------- */

int stoa_append_cursor(stoa_appender *app, stoa_cursor *in, uint64_t *rows, struct stoa_error *err)
{
	struct stoa_batch b;
	uint64_t n = 0;
	int rc = in ? STOA_OK : stoa__fail(err, STOA_EINVAL, "the cursor is NULL");

	while (rc >= 0 && (rc = stoa_next_batch(in, &b, err)) == STOA_ROW) {
		rc = stoa_append(app, b.columns, b.n_columns, b.n_rows, err);
		n += rc == STOA_OK ? b.n_rows : 0;
	}
	if (rows)
		*rows = n;
	stoa_cursor_close(in);
	return rc < 0 ? rc : STOA_OK;
}
