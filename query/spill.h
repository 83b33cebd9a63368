/* SPDX-License-Identifier: MIT */
/*
 * spill.h - rows on disk for as long as a query runs
 *
 * A *stream* is a sequence of rows that are written one after another and then read in that order,
 * as often as one likes: a sorted run, a partition of a grouping or of a join. Any number of them
 * share a temporary file. A stream's rows all have the same columns.
 *
 * Threads: a stream, and a scan of one, belong to one at a time; several scans of a stream that has
 * ended may run at once.
 */
#ifndef STOA__SPILL_H
#define STOA__SPILL_H

#include "../lib/core/buf.h"
#include "../lib/core/source.h"
#include "../lib/temp.h"
#include "bound.h"

struct stoa__stream_block {
	uint64_t at, len;
	uint32_t n_rows;
};
struct stoa__stream {
	struct stoa__temp *file;
	const struct stoa__type *types;	/* of the columns; borrowed */
	size_t n_columns;
	uint64_t n_rows;
	struct stoa__buf buf;		/* the block being filled */
	uint32_t n_buffered;
	struct stoa__stream_block *blocks;
	uint32_t n_blocks, cap_blocks;
};
void stoa__stream_init(struct stoa__stream *s, struct stoa__temp *file,
		       const struct stoa__type *types, size_t n_columns);
/*
 * Appends row @row of @columns, one vector each. STOA_ENOMEM; STOA_EFULL when the disk is full;
 * STOA_EIO.
 */
int stoa__stream_put(struct stoa__stream *s, const struct stoa__vec *columns, size_t row,
		     struct stoa_error *err);
/* The same for rows @sel, or all @n with @sel NULL. */
int stoa__stream_put_all(struct stoa__stream *s, const struct stoa__vec *columns,
			 const uint32_t *sel, size_t n, struct stoa_error *err);
/* After the last row: what is buffered goes to the file, and its memory is given back. */
int stoa__stream_end(struct stoa__stream *s, struct stoa_error *err);
/* Heap that a stream holds. */
size_t stoa__stream_bytes(const struct stoa__stream *s);
void stoa__stream_release(struct stoa__stream *s);

struct stoa__stream_column {
	void *values;
	uint64_t *valid;
	bool has_nulls;
};
struct stoa__stream_scan {
	const struct stoa__stream *stream;
	uint32_t next;			/* block */
	uint32_t n_rows, cap_rows;	/* of the batch; that columns have room for */
	struct stoa__buf buf;
	struct stoa__stream_column *columns;
};
/* Reads a stream that has ended from its beginning; @stream must outlive the scan. */
int stoa__stream_scan_init(struct stoa__stream_scan *c, const struct stoa__stream *stream,
			   struct stoa_error *err);
/*
 * The next 1 .. STOA__BATCH_ROWS rows: STOA_ROW, STOA_END, or an error: STOA_ECORRUPT where the
 * file does not say what was written.
 */
int stoa__stream_scan_next(struct stoa__stream_scan *c, size_t *n, struct stoa_error *err);
/* Column @i of the batch, FLAT, good until the next batch. */
void stoa__stream_scan_column(const struct stoa__stream_scan *c, size_t i, struct stoa__vec *out);
void stoa__stream_scan_release(struct stoa__stream_scan *c);

#endif
