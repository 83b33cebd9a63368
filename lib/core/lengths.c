/* SPDX-License-Identifier: MIT */
/*
 * lengths.c - finds and decompresses values that are bytes (lengths.h)
 *
 * Decompressed values go to the caller's scratch buffer. It may move while a range of rows is
 * read, so until the last value is there each is noted as its offset in the buffer; then all are
 * made pointers. Which values those are, rather than borrowed from the image, follows from the
 * encoding and, in ZVALUES, from the tag.
 */
#include "lengths.h"

#include <zstd.h>

#include "fsst.h"
#include "image.h"
#include "packed.h"
#include "unzstd.h"

#define BLOCK 256	/* lengths that are unpacked at a time */

/*
 * Sum of the first @n of the 32 bytes at @run, in the lanes of words. The others are masked, since
 * no predictor could know how many rounds a loop over @n would take.
 */
static uint64_t sum_bytes(const uint8_t *run, size_t n)
{
	static const uint8_t keep[2 * STOA__IMAGE_STRIDE] = { [0 ... STOA__IMAGE_STRIDE - 1] = 0xff };
	const uint8_t *mask = keep + STOA__IMAGE_STRIDE - n;
	const uint64_t even = 0x00ff00ff00ff00ffu;
	uint64_t lanes = 0;

	for (size_t i = 0; i < STOA__IMAGE_STRIDE; i += 8) {
		uint64_t x = stoa__load_u64(run + i) & stoa__load_u64(mask + i);

		lanes += (x & even) + (x >> 8 & even);
	}
	return lanes * 0x0001000100010001u >> 48;
}

/* Sum of the lengths of the @n rows from @from on, a multiple of the stride; n < stride. */
static uint64_t sum_lengths(const struct stoa__chunk *c, size_t from, size_t n)
{
	uint64_t sum = n * c->base;

	/* A section fills whole lines, so that a stride of bytes can always be read. */
	if (c->width == 8)
		return sum + sum_bytes(c->values + from, n);
	for (size_t i = from; c->width && i < from + n; i++)
		sum += stoa__packed_get(c->values, c->width, i);
	return sum;
}

/* Where the stored bytes of @row begin; beyond the end if the image is damaged. */
static uint64_t start_of(const struct stoa__chunk *c, size_t row)
{
	size_t block = row / STOA__IMAGE_STRIDE;
	uint64_t start = stoa__load_u64(c->offsets + 8 * block);

	if (start > c->bytes_len)
		return UINT64_MAX;
	return start + sum_lengths(c, block * STOA__IMAGE_STRIDE, row % STOA__IMAGE_STRIDE);
}

/* ---- one value -------------------------------------------------------------------------- */

/* Decompresses to the end of @scratch; *@len is then the value's. */
static int decode_fsst(const struct stoa__chunk *c, const uint8_t *p, size_t stored,
		       struct stoa__buf *scratch, size_t *len)
{
	int rc = stoa__buf_reserve(scratch, STOA__FSST_DECODE_ROOM(stored));

	if (rc < 0)
		return rc;
	*len = stoa__fsst_decode(c->fsst, p, stored, scratch->p + scratch->len);
	return *len <= c->value_max ? STOA_OK : STOA_ECORRUPT;
}

static int decode_zstd(const struct stoa__chunk *c, const uint8_t *p, size_t stored,
		       struct stoa__buf *scratch, size_t *len)
{
	unsigned long long size = ZSTD_getFrameContentSize(p, stored);
	int rc;

	/* Also true of both its error codes. */
	if (size > c->value_max)
		return STOA_ECORRUPT;
	rc = stoa__buf_reserve(scratch, (size_t)size);
	if (rc < 0)
		return rc;
	*len = (size_t)size;
	return stoa__unzstd(scratch->p + scratch->len, (size_t)size, p, stored);
}

/*
 * The value stored in @stored bytes at @p. In the image: *@out. In @scratch, appended: *@out has
 * the length, p is NULL, and the caller knows where it began.
 */
static int decode(const struct stoa__chunk *c, const uint8_t *p, size_t stored,
		  struct stoa__buf *scratch, struct stoa_bytes *out)
{
	size_t len = 0;
	int rc;

	if (c->encoding == STOA__ENC_FSST) {
		rc = decode_fsst(c, p, stored, scratch, &len);
	} else if (c->encoding == STOA__ENC_ZVALUES && stored > 0 && *p == STOA__TAG_ZSTD) {
		rc = decode_zstd(c, p + 1, stored - 1, scratch, &len);
	} else {
		size_t tag = c->encoding == STOA__ENC_ZVALUES && stored > 0;

		out->p = (const char *)p + tag;
		out->len = (uint32_t)(stored - tag);
		return tag && *p != STOA__TAG_PLAIN ? STOA_ECORRUPT : STOA_OK;
	}
	if (rc < 0)
		return rc;
	scratch->len += len;
	out->p = NULL;
	out->len = (uint32_t)len;
	return STOA_OK;
}

/* As decode(), of @row. */
static int decode_row(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
		      struct stoa_bytes *out)
{
	uint64_t start = start_of(c, row);
	uint64_t stored = c->base + stoa__packed_get(c->values, c->width, row);

	if (start > c->bytes_len || stored > c->bytes_len - start)
		return STOA_ECORRUPT;
	return decode(c, c->bytes + start, (size_t)stored, scratch, out);
}

int stoa__lengths_value(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
			struct stoa_bytes *out)
{
	size_t at = scratch ? scratch->len : 0;
	int rc = decode_row(c, row, scratch, out);

	if (rc == STOA_OK && !out->p)
		out->p = (const char *)scratch->p + at;
	return rc;
}

/* ---- a range of them -------------------------------------------------------------------- */

/* Makes pointers of what was decompressed to @scratch, one value after another from @at on. */
static void settle(struct stoa_bytes *out, size_t n, const struct stoa__buf *scratch, size_t at)
{
	for (size_t i = 0; i < n; i++) {
		if (out[i].p)
			continue;
		out[i].p = (const char *)scratch->p + at;
		at += out[i].len;
	}
}

/* Bytes stored for a block that can be decompressed as one run; 0 if it cannot. */
static size_t run_length(const struct stoa__chunk *c, const uint32_t *stored, size_t from, size_t n)
{
	uint64_t len = 0;
	bool null_has_bytes = false;

	if (c->encoding != STOA__ENC_FSST)
		return 0;
	for (size_t i = 0; i < n; i++)
		len += stored[i];
	for (size_t i = 0; c->validity && i < n; i++)
		null_has_bytes |= stored[i] && stoa__chunk_is_null(c, from + i);
	return len <= STOA__FSST_RUN_MAX && !null_has_bytes ? (size_t)len : 0;
}

static int read_run(const struct stoa__chunk *c, const uint8_t *p, const uint32_t *stored, size_t n,
		    size_t run, struct stoa_bytes *out, struct stoa__buf *scratch)
{
	uint32_t lens[BLOCK];
	int rc = stoa__buf_reserve(scratch, STOA__FSST_DECODE_ROOM(run));

	if (rc < 0)
		return rc;
	if (!stoa__fsst_decode_run(c->fsst, p, stored, n, scratch->p + scratch->len, lens))
		return STOA_ECORRUPT;
	for (size_t i = 0; i < n; i++) {
		if (lens[i] > c->value_max)
			return STOA_ECORRUPT;
		out[i] = (struct stoa_bytes){ NULL, lens[i] };
		scratch->len += lens[i];
	}
	return STOA_OK;
}

static int read_block(const struct stoa__chunk *c, size_t from, size_t n, uint64_t *start,
		      struct stoa_bytes *out, struct stoa__buf *scratch)
{
	uint32_t stored[BLOCK];
	uint64_t at = *start;

	stoa__unpack(c->values, c->width, from, n, c->base, stored, 2);
	size_t run = run_length(c, stored, from, n);
	if (run && at <= c->bytes_len && run <= c->bytes_len - at) {
		*start = at + run;
		return read_run(c, c->bytes + at, stored, n, run, out, scratch);
	}
	for (size_t i = 0; i < n; i++) {
		int rc;

		if (stoa__chunk_is_null(c, from + i)) {
			out[i].p = (const char *)c->bytes;
			out[i].len = 0;
			at += stored[i];
			continue;
		}
		if (at > c->bytes_len || stored[i] > c->bytes_len - at)
			return STOA_ECORRUPT;
		rc = decode(c, c->bytes + at, stored[i], scratch, &out[i]);
		if (rc < 0)
			return rc;
		at += stored[i];
	}
	*start = at;
	return STOA_OK;
}

int stoa__lengths_read(const struct stoa__chunk *c, size_t from, size_t n, struct stoa_bytes *out,
		       struct stoa__buf *scratch)
{
	size_t at = scratch ? scratch->len : 0;
	uint64_t start = start_of(c, from);

	for (size_t i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;
		int rc = read_block(c, from + i, len, &start, out + i, scratch);

		if (rc < 0) {
			if (scratch)
				scratch->len = at;
			return rc;
		}
	}
	if (c->encoding != STOA__ENC_BYTES)
		settle(out, n, scratch, at);
	return STOA_OK;
}

/* ---- some of them ----------------------------------------------------------------------- */

int stoa__lengths_pick(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
		       struct stoa_bytes *out, struct stoa__buf *scratch)
{
	size_t at = scratch->len;

	for (size_t i = 0; i < n; i++)
		stoa__chunk_prefetch(c, from + sel[i]);
	for (size_t i = 0; i < n; i++) {
		int rc = STOA_OK;

		if (stoa__chunk_is_null(c, from + sel[i]))
			out[i] = (struct stoa_bytes){ (const char *)c->bytes, 0 };
		else
			rc = decode_row(c, from + sel[i], scratch, &out[i]);
		if (rc < 0) {
			scratch->len = at;
			return rc;
		}
	}
	settle(out, n, scratch, at);
	return STOA_OK;
}
