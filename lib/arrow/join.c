/* SPDX-License-Identifier: MIT */
/* join.c - see join.h */
#include "join.h"

#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"
#include "array.h"

#define PAD 64		/* zeros behind a buffer */

/* Validity of two arrays, one behind the other. */
static int join_validity(const struct ArrowArray *a, const struct ArrowArray *b,
			 struct ArrowArray *out)
{
	uint8_t *bits;

	if (!a->null_count && !b->null_count)
		return STOA_OK;
	bits = stoa__calloc((size_t)(a->length + b->length) / 8 + PAD, 1);
	if (!bits)
		return STOA_ENOMEM;
	stoa__arrow_array_set(out, 0, bits, true);
	for (int64_t i = 0; i < a->length; i++)
		bits[i / 8] |= (uint8_t)(stoa__arrow_bit(a->buffers[0], i) << (i % 8));
	for (int64_t i = 0, k = a->length; i < b->length; i++, k++)
		bits[k / 8] |= (uint8_t)(stoa__arrow_bit(b->buffers[0], i) << (k % 8));
	return STOA_OK;
}

static int64_t end_of(const struct ArrowArray *a, uint32_t width)
{
	return a->length ? stoa__arrow_offset(a->buffers[1], width, a->length) : 0;
}

/* Offsets of @b go on from where the bytes of @a end. */
static int join_bytes(const struct stoa__arrow_type *t, const struct ArrowArray *a,
		      const struct ArrowArray *b, struct ArrowArray *out)
{
	int64_t end = end_of(a, t->width), more = end_of(b, t->width);
	char *offsets = stoa__calloc((size_t)out->length + PAD, t->width);
	char *bytes = stoa__calloc((size_t)(end + more) + PAD, 1);

	stoa__arrow_array_set(out, 1, offsets, true);
	stoa__arrow_array_set(out, 2, bytes, true);
	if (!offsets || !bytes || (t->width == 4 && end + more > INT32_MAX))
		return STOA_ENOMEM;
	if (a->length)
		memcpy(offsets, a->buffers[1], (size_t)(a->length + 1) * t->width);
	for (int64_t i = 1; i <= b->length; i++) {
		int64_t wide = end + stoa__arrow_offset(b->buffers[1], t->width, i);
		int32_t narrow = (int32_t)wide;
		memcpy(offsets + (a->length + i) * t->width,
		       t->width == 8 ? (const void *)&wide : (const void *)&narrow, t->width);
	}
	memcpy(bytes, a->buffers[2], (size_t)end);
	memcpy(bytes + end, b->buffers[2], (size_t)more);
	return STOA_OK;
}

static int join_fixed(const struct stoa__arrow_type *t, const struct ArrowArray *a,
		      const struct ArrowArray *b, struct ArrowArray *out)
{
	size_t n_a = (size_t)a->length * t->width, n_b = (size_t)b->length * t->width;
	char *values = stoa__calloc(n_a + n_b + PAD, 1);

	if (!values)
		return STOA_ENOMEM;
	stoa__arrow_array_set(out, 1, values, true);
	memcpy(values, a->buffers[1], n_a);
	memcpy(values + n_a, b->buffers[1], n_b);
	return STOA_OK;
}

bool stoa__arrow_joins(const struct stoa__arrow_type *t)
{
	return t->kind != STOA__ARROW_VIEW && t->kind != STOA__ARROW_BOOL &&
	       t->kind != STOA__ARROW_NULL;
}

int stoa__arrow_join(const struct stoa__arrow_type *t, const struct ArrowArray *a,
		     const struct ArrowArray *b, struct ArrowArray *out)
{
	int rc;

	STOA_TRY(stoa__arrow_array_new(a->n_buffers, 0, false, out));
	out->length = a->length + b->length;
	out->null_count = a->null_count + b->null_count;
	rc = join_validity(a, b, out);
	if (rc == STOA_OK)
		rc = t->kind == STOA__ARROW_BYTES ? join_bytes(t, a, b, out) :
						    join_fixed(t, a, b, out);
	if (rc < 0)
		out->release(out);
	return rc;
}
