/* SPDX-License-Identifier: MIT */
/*
 * cursor.c - the public face of cursors, and rows out of batches
 *
 * A batch is by column, a row is across columns. stoa_next() turns STOA__BLOCK rows of a batch at a
 * time into a block of values, column by column, so that the switch over the type is taken once a
 * column and block, not once a value, and the block stays in the first-level cache:
 *
 *     block:  row 0: v v v | row 1: v v v | ...      n_columns values of 24 bytes each
 *
 * (1) @ended, once set, is what every later call returns: STOA_END for ever, or STOA_ESTATE after
 *     an error. (2) A block never spans two batches.
 */
#include "cursor.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/error.h"

#define BLOCK_ROWS 32	/* times 16 columns times 24 bytes: 12 KiB */

void stoa__cursor_init(struct stoa_cursor *cur, const struct stoa__cursor_ops *ops)
{
	memset(cur, 0, sizeof *cur);
	cur->ops = ops;
	cur->fork_generation = stoa__fork_generation;
}

static bool is_forked(const stoa_cursor *cur)
{
	return cur->fork_generation != stoa__fork_generation;
}

const struct stoa_column *stoa_columns(const stoa_cursor *cur, size_t *n_columns)
{
	return cur->ops->columns(cur, n_columns);
}

void stoa_cursor_close(stoa_cursor *cur)
{
	if (!cur || is_forked(cur))
		return;	/* what the parent's other threads had locked stays locked in a child */
	stoa__free(cur->block);
	cur->ops->close(cur);
}

void stoa_cursor_cancel(stoa_cursor *cur)
{
	if (!cur || is_forked(cur))
		return;
	atomic_store_explicit(&cur->watch.canceled, true, memory_order_relaxed);
	if (cur->ops->cancel)
		cur->ops->cancel(cur);
}

int stoa_cursor_watch(stoa_cursor *cur, stoa_progress_fn *progress, void *ctx, struct stoa_error *err)
{
	if (!cur)
		return stoa__fail(err, STOA_EINVAL, "the cursor is NULL");
	cur->watch.progress = NULL;
	cur->watch.ctx = ctx;
	cur->watch.progress = progress;
	return STOA_OK;
}

stoa_rowid stoa_cursor_rowid(const stoa_cursor *cur)
{
	return cur->rowid;
}

/* The next batch of a cursor that has not ended, or how it ended. */
static int pull(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	if (cur->ended == STOA_END)
		return STOA_END;
	if (cur->ended < 0)
		return stoa__fail(err, STOA_ESTATE,
				  "the cursor failed before: close it and run the query again");
	if (cur->gone && *cur->gone) {
		cur->ended = STOA_ESTATE;
		return stoa__fail(err, STOA_ESTATE,
				  "the rows that this cursor reads were rolled back");
	}
	int rc = atomic_load_explicit(&cur->watch.canceled, memory_order_relaxed) ?
			 stoa__fail(err, STOA_ECANCELED, "the query was canceled") :
			 cur->ops->next_batch(cur, out, err);
	if (rc != STOA_ROW)
		cur->ended = rc;
	return rc;
}

static int fail_enter(const stoa_cursor *cur, struct stoa_error *err)
{
	if (!cur)
		return stoa__fail(err, STOA_EINVAL, "the cursor is NULL");
	if (is_forked(cur))
		return stoa__fail(err, STOA_EFORKED,
				  "the cursor was opened by the parent process: open the database here");
	return stoa__fail(err, STOA_ESTATE,
			  cur->way == STOA__CURSOR_BY_ROW ?
				  "the cursor is read by row: stoa_next_batch() does not mix with stoa_next()" :
				  "the cursor is read by batch: stoa_next() does not mix with stoa_next_batch()");
}

/* May the cursor be read in @way? */
static inline bool may_enter(stoa_cursor *cur, uint8_t way)
{
	if (!cur || is_forked(cur) || (cur->way != STOA__CURSOR_FRESH && cur->way != way))
		return false;
	cur->way = way;
	return true;
}

int stoa_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	if (!may_enter(cur, STOA__CURSOR_BY_BATCH))
		return fail_enter(cur, err);
	return pull(cur, out, err);
}

/* ---- a column of a block ------------------------------------------------------------------ */

#define FILL(field, ctype)                                             \
	do {                                                           \
		const ctype *x = (const ctype *)a->values + from;      \
		for (size_t i = 0; i < n; i++)                         \
			out[i * step].field = x[i];                    \
	} while (0)

static void fill_bytes(const struct stoa_array *a, size_t from, size_t n, struct stoa_value *out,
		       size_t step)
{
	const struct stoa_bytes *x = (const struct stoa_bytes *)a->values + from;

	for (size_t i = 0; i < n; i++) {
		out[i * step].p = x[i].p;
		out[i * step].len = x[i].len;
	}
}

static void fill_uuid(const struct stoa_array *a, size_t from, size_t n, struct stoa_value *out,
		      size_t step)
{
	const uint8_t(*x)[16] = (const uint8_t(*)[16])a->values + from;

	for (size_t i = 0; i < n; i++)
		memcpy(out[i * step].uuid, x[i], 16);
}

static void fill_values(const struct stoa_array *a, size_t from, size_t n, struct stoa_value *out,
			size_t step)
{
	switch ((enum stoa_type)a->type) {
	case STOA_BOOL: FILL(i, uint8_t); break;
	case STOA_I8: FILL(i, int8_t); break;
	case STOA_I16: FILL(i, int16_t); break;
	case STOA_I32:
	case STOA_DATE: FILL(i, int32_t); break;
	case STOA_I64:
	case STOA_DECIMAL:
	case STOA_TIME:
	case STOA_TIMESTAMP: FILL(i, int64_t); break;
	case STOA_U8: FILL(u, uint8_t); break;
	case STOA_U16: FILL(u, uint16_t); break;
	case STOA_U32: FILL(u, uint32_t); break;
	case STOA_U64:
	case STOA_REF:
	case STOA_WEAK_REF: FILL(u, uint64_t); break;
	case STOA_F32: FILL(f, float); break;
	case STOA_F64: FILL(f, double); break;
	case STOA_UUID: fill_uuid(a, from, n, out, step); break;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB: fill_bytes(a, from, n, out, step); break;
	case STOA_NULL:
	case STOA_TYPE_DEFAULT: break;
	}
}

/* Rows [from, from + n) of @a into every @step-th value of @out. */
static void fill_column(const struct stoa_array *a, size_t from, size_t n, struct stoa_value *out,
			size_t step)
{
	const struct stoa_value empty = { .type = a->type, .scale = a->scale };

	for (size_t i = 0; i < n; i++)
		out[i * step] = empty;
	fill_values(a, from, n, out, step);
	if (!a->validity && a->type != STOA_NULL)
		return;
	for (size_t i = 0; i < n; i++)
		if (a->type == STOA_NULL || !stoa__bit_get(a->validity, from + i))
			out[i * step] = stoa_null();
}

/* ---- rows --------------------------------------------------------------------------------- */

static int make_block(stoa_cursor *cur, size_t n_columns, struct stoa_error *err)
{
	size_t n = cur->batch.n_rows - cur->at;

	if (!cur->block) {
		cur->block = stoa__realloc_array(NULL, BLOCK_ROWS * (n_columns ? n_columns : 1),
						 sizeof *cur->block);
		if (!cur->block)
			return stoa__fail_memory(err);
	}
	if (n > BLOCK_ROWS)
		n = BLOCK_ROWS;
	for (size_t c = 0; c < n_columns; c++)
		fill_column(&cur->batch.columns[c], cur->at, n, cur->block + c, n_columns);
	cur->block_at = cur->at;
	cur->block_end = cur->at + n;
	return STOA_OK;
}

/* Makes row @at of @batch available in @block: STOA_ROW, STOA_END or an error. */
static int reach_row(stoa_cursor *cur, size_t n_columns, struct stoa_error *err)
{
	bool gone = cur->gone && *cur->gone;

	if (gone || cur->ended || cur->at >= cur->batch.n_rows) {
		int rc = pull(cur, &cur->batch, err);
		if (rc != STOA_ROW)
			return rc;
		cur->at = 0;
		cur->block_end = 0;
	}
	if (cur->at >= cur->block_end) {
		int rc = make_block(cur, n_columns, err);
		if (rc < 0) {
			cur->ended = rc;
			return rc;
		}
	}
	return STOA_ROW;
}

int stoa_next(stoa_cursor *cur, const struct stoa_value **row, struct stoa_error *err)
{
	size_t n_columns;

	if (!may_enter(cur, STOA__CURSOR_BY_ROW))
		return fail_enter(cur, err);
	(void)cur->ops->columns(cur, &n_columns);
	int rc = reach_row(cur, n_columns, err);
	if (rc != STOA_ROW)
		return rc;
	*row = cur->block + (cur->at - cur->block_at) * n_columns;
	cur->rowid = cur->batch.rowids ? cur->batch.rowids[cur->at] : 0;
	cur->at++;
	return STOA_ROW;
}
