/* SPDX-License-Identifier: MIT */
/* chunk_encode.h - the parts of stoa__chunk_encode(), a file for each family of types */
#ifndef STOA__CHUNK_ENCODE_H
#define STOA__CHUNK_ENCODE_H

#include "chunk.h"

/* Each appends the image of @n rows, @n_null of which are NULL, as stoa__chunk_encode() does. */
int stoa__encode_number(const struct stoa_array *a, size_t n, size_t n_null,
			struct stoa__buf *out);
int stoa__encode_float(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out);
int stoa__encode_uuid(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out);
int stoa__encode_string(const struct stoa_array *a, size_t n, size_t n_null,
			struct stoa__buf *out);
int stoa__encode_text(const struct stoa_array *a, size_t n, size_t n_null, struct stoa__buf *out);
/* Texts or blobs as STOA__ENC_BYTES, whatever compression would save. */
int stoa__encode_text_plain(const struct stoa_array *a, size_t n, struct stoa__buf *out);

/*
 * A run of numbers as the encoders go through it: by blocks, each as an array without NULLs.
 * Elements are 1 << @log2 bytes wide.
 */
struct stoa__run {
	const uint8_t *values;
	const uint64_t *validity;	/* NULL when every row has a value */
	size_t n;
	unsigned log2;
};

#define STOA__RUN_BLOCK 1024	/* elements: a multiple of 64 that the nearest cache holds */

/*
 * The @n elements of the block that begins at @at: as they lie, or copied to @room, of 8 *
 * STOA__RUN_BLOCK bytes, with @fill where a row is NULL.
 */
const void *stoa__run_block(const struct stoa__run *r, size_t at, size_t n, uint64_t fill,
			    void *room);
/* The first element that is not NULL, zero-extended; there must be one. */
uint64_t stoa__run_first(const struct stoa__run *r);
/* Packs all elements less @base, each NULL as 0. */
void stoa__run_pack(const struct stoa__run *r, unsigned width, uint64_t base, uint8_t *out);

#endif
