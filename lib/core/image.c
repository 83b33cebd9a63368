/* SPDX-License-Identifier: MIT */
/* image.c - lays out the bytes of a chunk (image.h) */
#include "image.h"

#include "bitmap.h"
#include "chunk_cold.h"
#include "fsst.h"
#include "limits.h"
#include "packed.h"

static uint64_t align(uint64_t x)
{
	return (x + STOA__IMAGE_ALIGN - 1) & ~(uint64_t)(STOA__IMAGE_ALIGN - 1);
}

static uint64_t values_size(const struct stoa__image_header *h)
{
	if (h->encoding == STOA__ENC_COLD)
		return 0;
	if (h->encoding == STOA__ENC_RAW)
		return (uint64_t)(h->width ? h->n_rows : 1) * stoa__raw_size(h->type);
	return stoa__packed_size(h->n_rows, h->width);
}

static uint64_t list_size(const struct stoa__image_header *h)
{
	if (h->encoding == STOA__ENC_DICT)
		return ((uint64_t)h->n_dict + 1) * sizeof(uint32_t);
	if (h->encoding == STOA__ENC_DICT_ID)
		return (uint64_t)h->n_dict * sizeof(uint32_t);
	if (h->encoding == STOA__ENC_COLD)
		return ((h->n_rows + STOA__FRAME_ROWS - 1) / STOA__FRAME_ROWS + 1) *
		       sizeof(uint32_t);
	return 0;
}

static uint64_t offsets_size(const struct stoa__image_header *h)
{
	if (!stoa__encoding_has_lengths(h->encoding))
		return 0;
	return ((h->n_rows + STOA__IMAGE_STRIDE - 1) / STOA__IMAGE_STRIDE + 1) * sizeof(uint64_t);
}

static uint64_t fsst_size(const struct stoa__image_header *h)
{
	return h->encoding == STOA__ENC_FSST ? sizeof(struct stoa__fsst_table) : 0;
}

void stoa__image_layout(const struct stoa__image_header *h, struct stoa__image_layout *l)
{
	bool mixed = h->n_null > 0 && h->n_null < h->n_rows && h->encoding != STOA__ENC_COLD;

	l->validity = sizeof *h;
	l->values = align(l->validity + (mixed ? STOA__WORDS(h->n_rows) * sizeof(uint64_t) : 0));
	l->list = align(l->values + values_size(h));
	l->fsst = align(l->list + list_size(h));
	l->offsets = align(l->fsst + fsst_size(h));
	l->bytes = align(l->offsets + offsets_size(h));
	l->len = align(l->bytes + h->bytes_len);
}

/*
 * Zeros at the end of the section [from, to): at least what is padding. A section is followed by
 * at most 63 bytes of alignment and 8 of slack, and what of this is data is written later.
 */
static void zero_tail(uint8_t *image, uint64_t from, uint64_t to)
{
	uint64_t tail = 2 * STOA__IMAGE_ALIGN;

	if (to - from < tail)
		tail = to - from;
	memset(image + to - tail, 0, tail);
}

int stoa__image_begin(struct stoa__buf *out, const struct stoa__image_header *h,
		      const uint64_t *validity, struct stoa__image_layout *l, uint8_t **image)
{
	size_t pad = -out->len & (STOA__IMAGE_ALIGN - 1);
	uint8_t *p;
	int rc;

	stoa__image_layout(h, l);
	if (l->len > STOA__CHUNK_BYTES_MAX)
		return STOA_EFULL;
	rc = stoa__buf_reserve(out, pad + l->len);
	if (rc < 0)
		return rc;
	memset(out->p + out->len, 0, pad);
	p = out->p + out->len + pad;
	memcpy(p, h, sizeof *h);
	zero_tail(p, l->validity, l->values);
	zero_tail(p, l->values, l->list);
	zero_tail(p, l->list, l->fsst);
	zero_tail(p, l->fsst, l->offsets);
	zero_tail(p, l->offsets, l->bytes);
	zero_tail(p, l->bytes, l->len);
	if (l->values > l->validity) {
		memset(p + l->validity, 0, STOA__WORDS(h->n_rows) * sizeof(uint64_t));
		stoa__bitmap_copy((uint64_t *)(void *)(p + l->validity), 0, validity, 0, h->n_rows);
	}
	*image = p;
	return STOA_OK;
}

void stoa__image_commit(struct stoa__buf *out, const struct stoa__image_layout *l)
{
	out->len += (-out->len & (STOA__IMAGE_ALIGN - 1)) + l->len;
}

struct stoa__image_header stoa__image_header_of(unsigned type, unsigned encoding, size_t n,
						size_t n_null)
{
	struct stoa__image_header h = { 0 };

	h.magic = STOA__IMAGE_MAGIC;
	h.type = (uint8_t)type;
	h.encoding = (uint8_t)encoding;
	h.n_rows = (uint32_t)n;
	h.n_null = (uint32_t)n_null;
	return h;
}
