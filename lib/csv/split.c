/* SPDX-License-Identifier: MIT */
/*
 * split.c - a file cut into blocks of whole records, a row group's worth each
 *
 * A block is read in pieces, the last of a guessed length, and cut where the scan has counted
 * enough records; the bytes behind the cut are read again with the next block. That costs a percent
 * of the reading and saves copies and any state between blocks.
 */
#include "split.h"

#include <string.h>

#include "../core/alloc.h"

#define BLOCK_BYTES_MIN ((size_t)2 << 20)
#define PIECE_BYTES ((size_t)512 << 10)	/* half of a second-level cache */

void stoa__csv_block_release(struct stoa__csv_block *b)
{
	stoa__free(b->room);
	memset(b, 0, sizeof *b);
}

int stoa__csv_block_reserve(struct stoa__csv_block *b, size_t len)
{
	size_t need = len + 1 + 2 * STOA__CSV_PAD;
	char *room;

	if (need <= b->cap)
		return STOA_OK;
	need += need / 8;	/* the next block will be a little longer, as likely as not */
	room = stoa__realloc(b->room, need);
	if (!room)
		return STOA_ENOMEM;
	if (b->cap == 0)
		memset(room, 0, STOA__CSV_PAD);
	b->room = room;
	b->cap = need;
	b->text = room + STOA__CSV_PAD;
	return STOA_OK;
}

/*
 * A block's most: a quarter of a file of some megabytes, so that several threads have something to
 * do, and its memory is soon used again.
 */
static size_t block_bytes(uint64_t size)
{
	size_t bytes = size / 4 < STOA__CSV_BLOCK_BYTES ? (size_t)size / 4 : STOA__CSV_BLOCK_BYTES;

	return bytes > BLOCK_BYTES_MIN ? bytes : BLOCK_BYTES_MIN;
}

void stoa__csv_split_init(struct stoa__csv_splitter *s, const struct stoa__csv_input *in,
			  const struct stoa__csv_dialect *dialect, uint64_t offset, size_t records)
{
	memset(s, 0, sizeof *s);
	s->in = in;
	s->kernel = stoa__csv_scan_kernel();
	s->delimiter = dialect->delimiter;
	s->quote = dialect->quote;
	s->at = offset;
	s->records = records;
	s->bytes = block_bytes(in->size);
	s->piece = PIECE_BYTES;
}

/*
 * Bytes to read next: a piece, or, near the end, what the records still wanted will take, by those
 * found so far.
 */
static size_t bytes_wanted(const struct stoa__csv_splitter *s, size_t len, size_t wanted)
{
	size_t most = len / 4 + 65536, found = s->records - wanted, each;

	if (len == 0)
		return s->piece;
	most = most < s->piece ? most : s->piece;
	each = len / (found + 1) + 1;
	return wanted < most / each ? wanted * each + 4096 : most;
}

/* Appends up to @want bytes of the file to the block; *@eof: there were fewer. */
static int append(const struct stoa__csv_splitter *s, struct stoa__csv_block *b, size_t want,
		  bool *eof, struct stoa_error *err)
{
	size_t got;

	if (stoa__csv_block_reserve(b, b->len + want) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(
		stoa__csv_input_read(s->in, b->offset + b->len, b->text + b->len, want, &got, err));
	b->len += got;
	*eof = got < want;
	return STOA_OK;
}

static int fail_long_record(const struct stoa__csv_splitter *s, const struct stoa__csv_block *b,
			    struct stoa_error *err)
{
	return stoa__csv_input_fail(s->in, STOA_ERANGE, b->offset,
				    "a record is over 3 GiB long: is a quote never closed?", err);
}

/* The block ends with the file, whose last record may lack its newline. */
static void end_with_file(struct stoa__csv_block *b, size_t last_end)
{
	if (b->len > last_end && b->text[b->len - 1] != '\n')
		b->text[b->len++] = '\n';
	if (b->len > last_end)
		b->n_records++;		/* or a blank line, or a quoted field never closed */
}

/*
 * Room for a block as long as may be, or for what is left of the file: memory costs when it is
 * written to, and growing with each piece copied megabytes that were just read.
 */
static int reserve_block(const struct stoa__csv_splitter *s, struct stoa__csv_block *b,
			 struct stoa_error *err)
{
	uint64_t rest = s->in->size > s->at ? s->in->size - s->at : 0;
	size_t most = s->bytes < STOA__CSV_BLOCK_BYTES ? s->bytes : STOA__CSV_BLOCK_BYTES;
	size_t len = rest < most ? (size_t)rest : most;

	return stoa__csv_block_reserve(b, len + s->piece) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

int stoa__csv_split_next(struct stoa__csv_splitter *s, struct stoa__csv_block *b,
			 struct stoa_error *err)
{
	size_t wanted = s->records, scanned = 0, last_end = 0;
	struct stoa__csv_scan scan;
	bool eof = false;

	stoa__csv_scan_init(&scan, s->delimiter, s->quote);
	b->offset = s->at;
	b->len = 0;
	if (!b->room)
		STOA_TRY(reserve_block(s, b, err));
	while (!eof && wanted > 0 && (b->len < s->bytes || last_end == 0)) {
		if (b->len >= STOA__CSV_RECORD_BYTES)
			return fail_long_record(s, b, err);
		STOA_TRY(append(s, b, bytes_wanted(s, b->len, wanted), &eof, err));
		scanned = s->kernel->records(&scan, b->text, scanned, b->len, &wanted);
		if (scan.last_end)
			last_end = scan.last_end;
	}
	if (b->len == 0)
		return STOA_END;
	b->n_records = s->records - wanted;
	if (eof && wanted > 0)
		end_with_file(b, last_end);
	else
		b->len = last_end;
	memset(b->text + b->len, 0, STOA__CSV_PAD);
	b->number = s->number++;
	s->at += b->len; /* beyond the end by one when a newline was added: nothing is there */
	return STOA_ROW;
}
