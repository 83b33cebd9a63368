/* SPDX-License-Identifier: MIT */
/*
 * chunk_read.c - decodes ranges of rows
 *
 * Numbers go straight from the image into the caller's array by one kernel, and then, where the
 * chunk has NULLs, those rows are set to zero: a NULL row's packed difference is zero, but its
 * value would be the base. What cannot go straight, because the element is not an integer, goes by
 * blocks on the stack.
 */
#include "chunk.h"

#include "chunk_cold.h"
#include "image.h"
#include "lengths.h"
#include "packed.h"
#include "scaled.h"
#include "stepped.h"
#include "type.h"

#define BLOCK 256

static unsigned log2_of(size_t size)
{
	return (unsigned)__builtin_ctzl(size);
}

/* ---- NULLs ------------------------------------------------------------------------------ */

/* Validity bits [row, row + 64) of which the first @n count, inverted: a 1 is a NULL. */
static uint64_t null_bits(const struct stoa__chunk *c, size_t row, size_t n)
{
	size_t shift = row % 64;
	uint64_t valid = c->validity[row / 64] >> shift;

	if (shift + n > 64)
		valid |= c->validity[row / 64 + 1] << (64 - shift);
	return n < 64 ? ~valid & (((uint64_t)1 << n) - 1) : ~valid;
}

static void zero_nulls(const struct stoa__chunk *c, size_t from, size_t n, void *values,
		       size_t size)
{
	uint8_t *p = values;

	if (!c->validity)
		return;
	if (c->n_null == c->n_rows) {
		memset(values, 0, n * size);
		return;
	}
	for (size_t i = 0; i < n; i += 64) {
		uint64_t bits = null_bits(c, from + i, n - i < 64 ? n - i : 64);

		for (; bits; bits &= bits - 1)
			memset(p + (i + (size_t)__builtin_ctzll(bits)) * size, 0, size);
	}
}

/* ---- integers --------------------------------------------------------------------------- */

static void read_integers(const struct stoa__chunk *c, size_t from, size_t n, void *values,
			  unsigned log2)
{
	bool stepped = c->encoding == STOA__ENC_STEPPED;

	stoa__unpack(c->values, c->width, from, n, stepped ? 0 : c->base, values, log2);
	if (stepped)
		stoa__step_apply(values, log2, n, c->base, c->step);
}

/* ---- floats and uuids ------------------------------------------------------------------- */

static void read_raw(const struct stoa__chunk *c, size_t from, size_t n, void *values)
{
	size_t size = stoa__raw_size(c->type);
	uint8_t *out = values;

	if (c->width) {
		memcpy(out, c->values + from * size, n * size);
		return;
	}
	for (size_t i = 0; i < n; i++)
		memcpy(out + i * size, c->values, size);
}

static void read_scaled(const struct stoa__chunk *c, size_t from, size_t n, double *values)
{
	int64_t block[BLOCK];

	for (size_t i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;

		stoa__unpack(c->values, c->width, from + i, len, c->base, block, 3);
		stoa__scaled_decode(block, len, c->scale, values + i);
	}
}

static void read_floats_wide(const struct stoa__chunk *c, size_t from, size_t n, double *values)
{
	float block[BLOCK];

	for (size_t i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;

		read_raw(c, from + i, len, block);
		for (size_t j = 0; j < len; j++)
			values[i + j] = (double)block[j];
	}
}

/* ---- strings ---------------------------------------------------------------------------- */

void stoa__chunk_codes(const struct stoa__chunk *c, size_t from, size_t n, uint32_t *codes)
{
	uint32_t last = c->n_dict ? c->n_dict - 1 : 0;

	stoa__unpack(c->values, c->width, from, n, 0, codes, 2);
	if (c->width && last < UINT32_MAX >> (32 - c->width)) {
		for (size_t i = 0; i < n; i++)
			codes[i] = codes[i] <= last ? codes[i] : last;
	}
}

static void read_strings(const struct stoa__chunk *c, size_t from, size_t n,
			 struct stoa_bytes *values)
{
	uint32_t codes[BLOCK];

	for (size_t i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;

		stoa__chunk_codes(c, from + i, len, codes);
		for (size_t j = 0; j < len; j++) {
			values[i + j] = stoa__chunk_entry(c, codes[j]);
			if (stoa__chunk_is_null(c, from + i + j))
				values[i + j].len = 0;
		}
	}
}

/* ---- all -------------------------------------------------------------------------------- */

int stoa__chunk_read(const struct stoa__chunk *c, size_t from, size_t n, void *values,
		     struct stoa__buf *scratch)
{
	size_t size;

	switch (c->encoding) {
	case STOA__ENC_PACKED:
	case STOA__ENC_STEPPED:
		size = stoa__type_width(c->type);
		read_integers(c, from, n, values, log2_of(size));
		zero_nulls(c, from, n, values, size);
		return STOA_OK;
	case STOA__ENC_SCALED:
		read_scaled(c, from, n, values);
		zero_nulls(c, from, n, values, sizeof(double));
		return STOA_OK;
	case STOA__ENC_RAW:
		read_raw(c, from, n, values);
		zero_nulls(c, from, n, values, stoa__raw_size(c->type));
		return STOA_OK;
	case STOA__ENC_DICT:
		read_strings(c, from, n, values);
		return STOA_OK;
	case STOA__ENC_COLD:
		return stoa__cold_read(c, from, n, values, scratch);
	default:
		return stoa__lengths_read(c, from, n, values, scratch);
	}
}

void stoa__chunk_read_wide(const struct stoa__chunk *c, size_t from, size_t n, void *values)
{
	if (c->encoding == STOA__ENC_PACKED || c->encoding == STOA__ENC_STEPPED)
		read_integers(c, from, n, values, 3);
	else if (c->encoding == STOA__ENC_SCALED)
		read_scaled(c, from, n, values);
	else if (c->type == STOA_F64)
		read_raw(c, from, n, values);
	else
		read_floats_wide(c, from, n, values);
	zero_nulls(c, from, n, values, 8);
}
