/* SPDX-License-Identifier: MIT */
/*
 * array.h - the structs of Arrow's C data interface, made and owned here
 *
 * Every struct owns what it points to, and gives it up in its release(): so a child or a dictionary
 * may be moved out by a consumer (copied, and its release set to NULL) and then outlives its
 * parent.
 */
#ifndef STOA__ARROW_ARRAY_H
#define STOA__ARROW_ARRAY_H

#include <string.h>

#include "../core/buf.h"
#include "type.h"

/* A table of these columns. STOA_OK, or STOA_ENOMEM and nothing to release. */
int stoa__arrow_schema_new(const struct stoa__arrow_field *fields, size_t n,
			   struct ArrowSchema *out);
/* An array that holds nothing yet, with all buffers NULL; children are there, and released. */
int stoa__arrow_array_new(int64_t n_buffers, int64_t n_children, bool dictionary,
			  struct ArrowArray *out);
/* Buffer @i is @p; if it is @owned, the array frees it. */
void stoa__arrow_array_set(struct ArrowArray *a, int64_t i, const void *p, bool owned);
/*
 * Buffer @i is what is in @b, which is empty then. One of no bytes has an address, too: some
 * consumers want that. STOA_OK or STOA_ENOMEM.
 */
int stoa__arrow_array_give(struct ArrowArray *a, int64_t i, struct stoa__buf *b);
/* Releases what is not released yet. */
void stoa__arrow_array_drop(struct ArrowArray *a);
void stoa__arrow_schema_drop(struct ArrowSchema *s);

/*
 * The columns of a schema: heap memory, borrowing names from @s. STOA_EUNSUPPORTED names the
 * column; STOA_EINVAL if it is no table.
 */
int stoa__arrow_fields(const struct ArrowSchema *s, struct stoa__arrow_field **out, size_t *n,
		       struct stoa_error *err);

/* Bit @i of a bitmap; NULL is all ones. */
static inline bool stoa__arrow_bit(const void *bits, int64_t i)
{
	return !bits || ((const uint8_t *)bits)[i / 8] >> (i % 8) & 1;
}
/* Offset @i, of 4 or 8 bytes, that need not be aligned. */
static inline int64_t stoa__arrow_offset(const void *offsets, uint32_t width, int64_t i)
{
	int32_t narrow;
	int64_t wide;

	if (width == 8)
		memcpy(&wide, (const char *)offsets + 8 * i, 8);
	else
		memcpy(&narrow, (const char *)offsets + 4 * i, 4);
	return width == 8 ? wide : narrow;
}

#endif
