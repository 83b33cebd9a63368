/* SPDX-License-Identifier: MIT */
/*
 * split.h - a file cut into blocks of whole records, a row group's worth each
 *
 * Whether a newline ends a record depends on every quote before it, so the cuts are found in one
 * pass from the start, a simple one (stoa__csv_scan_kernel.records) that is many times faster than
 * parsing. A block is read into memory of its own, so that one thread can read the next while
 * others parse.
 */
#ifndef STOA__CSV_SPLIT_H
#define STOA__CSV_SPLIT_H

#include "input.h"
#include "rows.h"

#define STOA__CSV_BLOCK_BYTES ((size_t)16 << 20)	/* of splitter.bytes, at most */
#define STOA__CSV_RECORD_BYTES ((size_t)3 << 30)	/* the longest record */

/*
 * Text of whole records, with STOA__CSV_PAD readable bytes on both sides. Reused from block to
 * block.
 */
struct stoa__csv_block {
	char *room;
	size_t cap;
	char *text;
	size_t len; /* the last byte is a newline, put there if the file has none at its end */
	uint64_t offset;	/* in the file */
	uint64_t number;	/* from 0 */
	size_t n_records;	/* at least as many as there will be rows; blank lines may count */
};

void stoa__csv_block_release(struct stoa__csv_block *b);
/* Room for @len bytes of text and a newline, with what is there kept: STOA_OK or STOA_ENOMEM. */
int stoa__csv_block_reserve(struct stoa__csv_block *b, size_t len);

struct stoa__csv_splitter {
	const struct stoa__csv_input *in;
	const struct stoa__csv_scan_kernel *kernel;
	char delimiter, quote;
	uint64_t at;		/* where the next block begins */
	uint64_t number;
	size_t records;		/* wanted in a block */
	size_t bytes;		/* a block that is this long ends, with fewer records */
	size_t piece;		/* read at once, and then looked at while the cache has it */
};

/* Blocks of up to @records records from @offset on, where one begins. */
void stoa__csv_split_init(struct stoa__csv_splitter *s, const struct stoa__csv_input *in,
			  const struct stoa__csv_dialect *dialect, uint64_t offset, size_t records);
/* The next block: STOA_ROW; STOA_END; an error. */
int stoa__csv_split_next(struct stoa__csv_splitter *s, struct stoa__csv_block *b,
			 struct stoa_error *err);

#endif
