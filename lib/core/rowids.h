/* SPDX-License-Identifier: MIT */
/*
 * rowids.h - which rowids the rows of a group have, where there are gaps between them
 *
 * A map from row (0, 1, ...) to the distance of its rowid from the group's first, and back. Its
 * bytes, the image, lie in a segment beside the group's chunks, so that opening a database does not
 * read them:
 *
 *     0   u32 magic "STRI"   u32 rows   u64 span: distance of the last row, plus 1   u32 width   zeros to 64
 *     64  width 0            a bit for each distance, in words of 64, in lines of 8 words; then
 *                            for each line the number of ones before it, as u32
 *         width 16 .. 64     the distances as packed numbers (packed.h)
 *     zeros to a multiple of 64
 *
 * The smaller of the two is taken, which is the bitmap down to one row in 16 or so, and that is
 * also the faster one to find a row in: a count of one line instead of a binary search.
 *
 * (1) The first distance is 0, the last span - 1; they ascend. (2) Bits past the span are 0.
 *
 * Rank by lines of one cache line: Jacobson, "Space-efficient static trees and graphs", 1989, with
 * one level only. Threads: an image and what was opened are read-only and shared freely.
 */
#ifndef STOA__ROWIDS_H
#define STOA__ROWIDS_H

#include <stdbool.h>

#include "buf.h"

struct stoa__rowids {
	const uint64_t *words;	/* NULL: packed */
	const uint32_t *ranks;
	const uint8_t *packed;
	uint32_t width;
	uint32_t n_rows;
	uint64_t span;
};

#define STOA__ROWIDS_MAGIC 0x49525453u

/*
 * Appends the image for @n ascending rowids, 1 .. STOA__GROUP_ROWS, at a multiple of 64. STOA_OK;
 * STOA_ENOMEM, STOA_EFULL with @out as before.
 */
int stoa__rowids_encode(const uint64_t *rowids, size_t n, struct stoa__buf *out);
/* Is this such an image, rather than a chunk? */
bool stoa__rowids_is(const void *image, size_t len);
/*
 * Opens an image, which lies at a multiple of 8. STOA_OK; STOA_ECORRUPT with *@why. O(1): what
 * sizes follow from is checked, so that nothing below reads outside the image, whatever its bytes
 * are.
 */
int stoa__rowids_open(const void *image, size_t len, struct stoa__rowids *out, const char **why);
/* Reads all of it: is it what the invariants promise? O(rows). */
int stoa__rowids_check(const struct stoa__rowids *r, const char **why);

/* The row at @distance, or -1. O(1), or O(log rows) where packed. */
int64_t stoa__rowids_find(const struct stoa__rowids *r, uint64_t distance);
/* The distances of rows [from, from + n), which there are. O(n), after O(log rows). */
void stoa__rowids_read(const struct stoa__rowids *r, uint32_t from, size_t n, uint64_t *out);

#endif
