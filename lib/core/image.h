/* SPDX-License-Identifier: MIT */
/*
 * image.h - the bytes of a chunk: header, sections, and where each begins
 *
 *     0  header, 64 bytes (below)
 *        validity   n_rows bits in 64-bit words      when 0 < n_null < n_rows
 *        values     packed numbers, codes or lengths; or raw elements
 *        list       DICT: u32 offsets, n_dict + 1; DICT_ID: u32 ids, n_dict; COLD: u32 offsets
 *        fsst       decoder table, 2,304 bytes       FSST
 *        offsets    u64 for every 32nd row, then the end of the bytes       BYTES, FSST, ZVALUES
 *        bytes      of dictionary strings or values; frames of COLD, in which validity is too
 *
 * Each section begins at a multiple of 64 and is followed by zeros up to the next. No offset of a
 * section is stored: all follow from the header by stoa__image_layout(), so that none can lie, and
 * an image is sound as a whole when its length is what its header adds up to.
 *
 * (1) Integers are little-endian.
 * (2) Bits of a validity word past the last row are 0. A column that is all NULL has no validity
 *     section; a reader gets a run of zeros that is shared by all.
 * (3) Where a row is NULL its packed difference, raw element, code or length is 0.
 * (4) Equal columns have equal images: nothing is left to chance or to memory's old content.
 */
#ifndef STOA__IMAGE_H
#define STOA__IMAGE_H

#include "chunk.h"

#define STOA__IMAGE_MAGIC 0x4b435453u	/* "STCK" */
#define STOA__IMAGE_ALIGN 64
#define STOA__IMAGE_RANGE 1u	/* flags: min and max are set */
#define STOA__IMAGE_NAN 2u	/* a value is NaN */

struct stoa__image_header {
	uint32_t magic;
	uint8_t type;		/* enum stoa_type */
	uint8_t encoding;	/* enum stoa__encoding */
	uint8_t width;		/* bits of a value; RAW: of an element, 0 if one is all */
	uint8_t scale;		/* SCALED: k; decimal: digits after the point */
	uint32_t n_rows;
	uint32_t n_null;
	uint64_t base;		/* of packed values or lengths */
	uint64_t min, max;	/* as int64_t, uint64_t or double */
	uint32_t n_dict;
	uint32_t flags;
	uint64_t bytes_len;
	union {
		struct {
			uint32_t value_max;	/* FSST, ZVALUES: the longest value, decompressed; COLD: frame */
			uint32_t zero;
		};
		uint64_t step;	/* STEPPED: more than 1 */
	};
};
_Static_assert(sizeof(struct stoa__image_header) == STOA__IMAGE_ALIGN, "a header is 64 bytes");

struct stoa__image_layout {
	uint64_t validity, values, list, fsst, offsets, bytes;	/* where each begins */
	uint64_t len;						/* of the image */
};

/* Bytes of an element of a RAW chunk: f32, f64 or uuid. */
static inline size_t stoa__raw_size(unsigned type)
{
	return type == STOA_F32 ? 4 : type == STOA_F64 ? 8 : 16;
}

/* Are the values bytes, found by their lengths? */
static inline bool stoa__encoding_has_lengths(unsigned encoding)
{
	return encoding == STOA__ENC_BYTES || encoding == STOA__ENC_FSST ||
	       encoding == STOA__ENC_ZVALUES;
}

/* Does a packed run stand for values or codes, rather than lengths? */
static inline bool stoa__encoding_is_packed(unsigned encoding)
{
	return encoding == STOA__ENC_PACKED || encoding == STOA__ENC_STEPPED ||
	       encoding == STOA__ENC_SCALED || encoding == STOA__ENC_DICT ||
	       encoding == STOA__ENC_DICT_ID;
}

/* Lays out an image; the header's fields must be in range, as both sides check. */
void stoa__image_layout(const struct stoa__image_header *h, struct stoa__image_layout *l);

/*
 * Begins an image at the end of @out: makes room, writes header and validity, and the zeros behind
 * every section; the caller writes the sections and then calls stoa__image_commit(). STOA_OK,
 * STOA_ENOMEM, or STOA_EFULL when the image is too long; @out's content is as it was until the
 * commit.
 */
int stoa__image_begin(struct stoa__buf *out, const struct stoa__image_header *h,
		      const uint64_t *validity, struct stoa__image_layout *l, uint8_t **image);
void stoa__image_commit(struct stoa__buf *out, const struct stoa__image_layout *l);

/* A header with what every encoding has. */
struct stoa__image_header stoa__image_header_of(unsigned type, unsigned encoding, size_t n,
						size_t n_null);

#endif
