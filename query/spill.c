/* SPDX-License-Identifier: MIT */
/*
 * spill.c - rows on disk for as long as a query runs
 *
 *     block   8 bytes for the file's sum (lib/temp.h)
 *             rows, one after another: a bit by column that says what is not NULL, padded to bytes;
 *             then the values that are there: 8 bytes; 1 of a boolean; u32 length and the bytes
 *
 * Rows lie by row, not by column, since they come one at a time where rows are dealt out to
 * partitions; a block is turned into columns when it is read.
 *
 * A block has 1 .. STOA__BATCH_ROWS rows, so that it is a batch.
 */
#include "spill.h"

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "func.h"
#include "keys.h"
#include "prog.h"

#define BLOCK_BYTES ((size_t)32 << 10)	/* a block that reaches this is written */

/* ---- writing -------------------------------------------------------------------------------- */

void stoa__stream_init(struct stoa__stream *s, struct stoa__temp *file,
		       const struct stoa__type *types, size_t n_columns)
{
	*s = (struct stoa__stream){ .file = file, .types = types, .n_columns = n_columns };
}

void stoa__stream_release(struct stoa__stream *s)
{
	stoa__buf_release(&s->buf);
	stoa__free(s->blocks);
	*s = (struct stoa__stream){ 0 };
}

size_t stoa__stream_bytes(const struct stoa__stream *s)
{
	return s->buf.cap + s->cap_blocks * sizeof *s->blocks;
}

static int write_block(struct stoa__stream *s, struct stoa_error *err)
{
	void *blocks = s->blocks;
	struct stoa__stream_block b;

	if (!stoa__grow(&blocks, &s->cap_blocks, s->n_blocks + 1, sizeof *s->blocks))
		return stoa__fail_memory(err);
	s->blocks = blocks;
	b.n_rows = s->n_buffered;
	b.len = s->buf.len;
	STOA_TRY(stoa__temp_write(s->file, s->buf.p, b.len, &b.at, err));
	s->blocks[s->n_blocks++] = b;
	s->n_buffered = 0;
	stoa__buf_reset(&s->buf);
	return STOA_OK;
}

static int put_value(struct stoa__buf *b, unsigned phys, union stoa__datum d)
{
	if (phys == STOA__PHYS_BOOL)
		return stoa__buf_put_u8(b, (uint8_t)d.i);
	if (phys != STOA__PHYS_BYTES)
		return stoa__buf_put_u64(b, d.u);
	STOA_TRY(stoa__buf_put_u32(b, d.s.len));
	return stoa__buf_put(b, d.s.p, d.s.len);
}

static int put_row(struct stoa__stream *s, const struct stoa__vec *columns, size_t row)
{
	struct stoa__buf *b = &s->buf;
	size_t bits;

	if (b->len == 0)
		STOA_TRY(stoa__buf_put_zeros(b, STOA__TEMP_SUM));
	bits = b->len;
	STOA_TRY(stoa__buf_put_zeros(b, (s->n_columns + 7) / 8));
	for (size_t i = 0; i < s->n_columns; i++) {
		const struct stoa__vec *v = &columns[i];
		if (v->type == STOA_NULL || !stoa__bit_get(v->validity, row))
			continue;
		b->p[bits + i / 8] |= (uint8_t)(1u << i % 8);
		STOA_TRY(put_value(b, stoa__prog_phys(s->types[i].type), stoa__vec_datum(v, row)));
	}
	return STOA_OK;
}

int stoa__stream_put(struct stoa__stream *s, const struct stoa__vec *columns, size_t row,
		     struct stoa_error *err)
{
	if (put_row(s, columns, row) < 0)
		return stoa__fail_memory(err);
	s->n_rows++;
	s->n_buffered++;
	if (s->buf.len < BLOCK_BYTES && s->n_buffered < STOA__BATCH_ROWS)
		return STOA_OK;
	return write_block(s, err);
}

int stoa__stream_put_all(struct stoa__stream *s, const struct stoa__vec *columns,
			 const uint32_t *sel, size_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++)
		STOA_TRY(stoa__stream_put(s, columns, sel ? sel[i] : i, err));
	return STOA_OK;
}

int stoa__stream_end(struct stoa__stream *s, struct stoa_error *err)
{
	if (s->n_buffered)
		STOA_TRY(write_block(s, err));
	stoa__buf_release(&s->buf);
	return STOA_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static unsigned phys_of(const struct stoa__stream_scan *c, size_t i)
{
	return stoa__prog_phys(c->stream->types[i].type);
}

int stoa__stream_scan_init(struct stoa__stream_scan *c, const struct stoa__stream *stream,
			   struct stoa_error *err)
{
	*c = (struct stoa__stream_scan){ .stream = stream };
	c->columns = stoa__calloc(stream->n_columns + 1, sizeof *c->columns);
	return c->columns ? STOA_OK : stoa__fail_memory(err);
}

void stoa__stream_scan_release(struct stoa__stream_scan *c)
{
	for (size_t i = 0; c->columns && i < c->stream->n_columns; i++) {
		stoa__free(c->columns[i].values);
		stoa__free(c->columns[i].valid);
	}
	stoa__free(c->columns);
	stoa__buf_release(&c->buf);
	*c = (struct stoa__stream_scan){ 0 };
}

/* Columns for @n rows. */
static int make_room(struct stoa__stream_scan *c, uint32_t n)
{
	if (n <= c->cap_rows)
		return STOA_OK;
	c->cap_rows = 0;
	for (size_t i = 0; i < c->stream->n_columns; i++) {
		struct stoa__stream_column *to = &c->columns[i];
		stoa__free(to->values);
		stoa__free(to->valid);
		to->values = stoa__alloc_aligned(n * stoa__phys_width(phys_of(c, i)));
		to->valid = stoa__alloc_aligned(STOA__WORDS(n) * 8);
		if (!to->values || !to->valid)
			return STOA_ENOMEM;
	}
	c->cap_rows = n;
	return STOA_OK;
}

static int load_block(struct stoa__stream_scan *c, const struct stoa__stream_block *b,
		      struct stoa_error *err)
{
	stoa__buf_reset(&c->buf);
	if (stoa__buf_reserve(&c->buf, b->len) < 0 || make_room(c, b->n_rows) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(stoa__temp_read(c->stream->file, b->at, c->buf.p, b->len, err));
	c->buf.len = b->len;
	c->n_rows = b->n_rows;
	return STOA_OK;
}

/* Value @row of a column, which is there, from @p; what is behind it. */
static const uint8_t *get_value(struct stoa__stream_column *to, unsigned phys, uint32_t row,
				const uint8_t *p)
{
	if (phys == STOA__PHYS_BOOL) {
		((uint8_t *)to->values)[row] = *p;
		return p + 1;
	}
	if (phys != STOA__PHYS_BYTES) {
		((uint64_t *)to->values)[row] = stoa__load_u64(p);
		return p + 8;
	}
	struct stoa_bytes b = { (const char *)p + 4, stoa__load_u32(p) };
	((struct stoa_bytes *)to->values)[row] = b;
	return p + 4 + b.len;
}

static void set_null(struct stoa__stream_column *to, unsigned phys, uint32_t row)
{
	size_t width = stoa__phys_width(phys);

	to->has_nulls = true;
	stoa__bit_clear(to->valid, row);
	memset((char *)to->values + row * width, 0, width);
	if (phys == STOA__PHYS_BYTES)
		((struct stoa_bytes *)to->values)[row].p = "";
}

/* The rows of the block as columns. */
static void split_block(struct stoa__stream_scan *c)
{
	size_t n_columns = c->stream->n_columns;
	const uint8_t *p = c->buf.p + STOA__TEMP_SUM;

	for (size_t i = 0; i < n_columns; i++) {
		c->columns[i].has_nulls = false;
		memset(c->columns[i].valid, 0xff, STOA__WORDS(c->n_rows) * 8);
	}
	for (uint32_t row = 0; row < c->n_rows; row++) {
		const uint8_t *bits = p;
		p += (n_columns + 7) / 8;
		for (size_t i = 0; i < n_columns; i++) {
			unsigned phys = phys_of(c, i);
			if (bits[i / 8] >> i % 8 & 1)
				p = get_value(&c->columns[i], phys, row, p);
			else
				set_null(&c->columns[i], phys, row);
		}
	}
}

int stoa__stream_scan_next(struct stoa__stream_scan *c, size_t *n, struct stoa_error *err)
{
	if (c->next == c->stream->n_blocks)
		return STOA_END;
	STOA_TRY(load_block(c, &c->stream->blocks[c->next], err));
	c->next++;
	split_block(c);
	*n = c->n_rows;
	return STOA_ROW;
}

void stoa__stream_scan_column(const struct stoa__stream_scan *c, size_t i, struct stoa__vec *out)
{
	struct stoa__type t = c->stream->types[i];

	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)phys_of(c, i);
	out->type = t.type;
	out->scale = t.scale;
	out->n = c->n_rows;
	out->values = c->columns[i].values;
	out->validity = c->columns[i].has_nulls ? c->columns[i].valid : NULL;
}
