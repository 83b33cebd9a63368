/* SPDX-License-Identifier: MIT */
/*
 * lengths.h - reading values that are bytes, found by their lengths: BYTES, FSST and ZVALUES
 *
 * Lengths are packed, often in a byte each, where offsets would take two or four; every 32nd row
 * has its offset written out, so that finding a value is an offset and the sum of at most 31
 * lengths.
 */
#ifndef STOA__LENGTHS_H
#define STOA__LENGTHS_H

#include "chunk.h"

/* The first byte of a value in ZVALUES; an empty value has none. */
enum { STOA__TAG_PLAIN = 0, STOA__TAG_ZSTD = 1 };

/* Value @row; see stoa__chunk_value(). */
int stoa__lengths_value(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
			struct stoa_bytes *out);
/* Values [from, from + n); see stoa__chunk_read(). */
int stoa__lengths_read(const struct stoa__chunk *c, size_t from, size_t n, struct stoa_bytes *out,
		       struct stoa__buf *scratch);

/* Values from + sel[i]; otherwise the same. */
int stoa__lengths_pick(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
		       struct stoa_bytes *out, struct stoa__buf *scratch);

#endif
