/* SPDX-License-Identifier: MIT */
/*
 * decode.h - rows of an Arrow array as elements of a slot's type
 *
 * What is in place already stays there; all else goes to @room. Offsets, views and codes are
 * checked against each other and, for IPC, against the sizes of their buffers, which ipc_read.c has
 * verified before; strings are checked to be UTF-8, and values to be in their type's range.
 */
#ifndef STOA__ARROW_DECODE_H
#define STOA__ARROW_DECODE_H

#include "type.h"

/* A column, and where its batches are made. */
struct stoa__arrow_decoder {
	struct stoa__arrow_field field;
	struct stoa_column column;	/* what it becomes */
	void *room;			/* STOA_BATCH_MAX elements, aligned */
	uint64_t *validity;		/* a bit for each */
};
/* STOA_OK or STOA_ENOMEM. */
int stoa__arrow_decoder_init(struct stoa__arrow_decoder *d, const struct stoa__arrow_field *field,
			     const struct stoa_column *column);
void stoa__arrow_decoder_release(struct stoa__arrow_decoder *d);
/* Is @a an array of the field, with at least @length rows? Says why not. Looks at no value. */
int stoa__arrow_decoder_check(const struct stoa__arrow_decoder *d, const struct ArrowArray *a,
			      int64_t length, struct stoa_error *err);
/*
 * Rows [at, at + n) of @a, n up to STOA_BATCH_MAX: @out borrows from @a or @d. STOA_OK; STOA_ERANGE
 * for a value that does not fit; STOA_ECORRUPT for what is not sound.
 */
int stoa__arrow_decode(struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t at,
		       size_t n, struct stoa_array *out, struct stoa_error *err);

#endif
