/* SPDX-License-Identifier: MIT */
/*
 * chunk.h - the values of one column for 1 to 65,536 rows, encoded, with O(1) access in place
 *
 * A chunk is a run of bytes, its *image*: the same in a segment file, in a catalog record and in
 * memory. stoa__chunk_open() checks an image's every size and offset, so that the reading functions
 * below cannot overread whatever the bytes are; it does not read all values. Checksums are the
 * business of whoever stores the image.
 *
 * Threads: an image and a struct stoa__chunk are read-only and shared freely.
 */
#ifndef STOA__CHUNK_H
#define STOA__CHUNK_H

#include "../stoa.h"
#include "buf.h"

/*
 * Layout of the values. Everything that is a number, dictionary codes included, is *packed*: a
 * base and an array of unsigned differences of 0, 1, 2, 4, 8, 16, 24, 32 or 64 bits (0: all equal
 * the base).
 */
enum stoa__encoding {
	STOA__ENC_PACKED = 1,	/* STOA__INT and STOA__UINT types: base + packed */
	STOA__ENC_RAW = 2,	/* f32, f64, uuid: the C array; one element where all are equal */
	STOA__ENC_SCALED = 3,	/* f64, each exactly (double)i / 10^k: packed i */
	STOA__ENC_DICT = 4,	/* string: packed codes over a list of strings in the chunk */
	STOA__ENC_DICT_ID = 5,	/* string: the same over symbol ids; never leaves memory */
	STOA__ENC_BYTES = 6,	/* text, blob: packed lengths, an offset every 32 rows, bytes */
	STOA__ENC_FSST = 7,	/* text: the same, values compressed by FSST (fsst.h) */
	STOA__ENC_ZVALUES = 8,	/* text, blob: the same, long values by zstd */
	STOA__ENC_COLD = 9,	/* all but strings: frames under zstd (chunk_cold.h) */
	STOA__ENC_STEPPED = 10,	/* as PACKED: base + step * packed (stepped.h) */
};

/* Rows between two entries of the offsets. */
#define STOA__IMAGE_STRIDE 32

/*
 * What an opened image is. The fields are for reading; pointers borrow from the image. What reading
 * one value takes is in the first 64 bytes: who reads a row goes to as many chunks as it has slots.
 */
struct stoa__chunk {
	const uint8_t *values;		/* packed values or codes, raw elements */
	const uint64_t *validity;	/* STOA__WORDS(n_rows); NULL when no row is NULL */
	uint64_t base;			/* of packed numbers: the smallest, or 0 */
	const uint8_t *offsets;		/* of bytes: u64 for every 32nd row, then the end */
	const uint8_t *list;		/* DICT: u32 offsets, n_dict + 1; DICT_ID: u32 ids */
	const uint8_t *bytes;		/* of dictionary strings or values */
	union {
		size_t bytes_len;
		uint64_t step;		/* STEPPED; PACKED: 1 */
	};
	uint32_t n_dict;		/* entries of the list: distinct, each used, by first use */
	uint8_t type;			/* enum stoa_type */
	uint8_t encoding;
	uint8_t scale;			/* SCALED: k; decimals: digits after the point */
	uint8_t width;			/* bits of a packed number; RAW: of an element, or 0 */
	const void *fsst;		/* decoder table within the image */
	uint32_t value_max;		/* FSST, ZVALUES, COLD: the longest value or frame, decompressed */
	uint32_t n_rows;
	uint32_t n_null;
	bool has_range;			/* min and max are set; never for bytes, uuids, all NULL */
	bool has_nan;
	union {
		int64_t i;	/* STOA__INT types */
		uint64_t u;	/* STOA__UINT types */
		double f;	/* floats; NaN is left out of the range, and has_nan tells */
	} min, max;
	const uint8_t *image;
	size_t len;
};

/*
 * stoa__chunk_encode() - append the image of @n rows to @out
 * @a:    values as in a struct stoa_array (STOA_STRING too: as struct stoa_bytes); any type
 * @n:    1 .. STOA__GROUP_ROWS
 *
 * The image starts at a multiple of 64 bytes from the start of @out, is a multiple of 64 bytes
 * long and equal for equal columns: NULLs encode as zero. Returns STOA_OK or STOA_ENOMEM;
 * STOA_EFULL if it would pass STOA__CHUNK_BYTES_MAX; @out is as before on failure.
 */
int stoa__chunk_encode(const struct stoa_array *a, size_t n, struct stoa__buf *out);
/*
 * A string column given as codes over a list of distinct strings; codes of NULL rows are ignored.
 * Entries that no row uses are dropped, the others numbered as rows first use them.
 */
int stoa__chunk_encode_codes(const uint32_t *codes, const uint64_t *validity, size_t n,
			     const struct stoa_bytes *list, size_t n_list, struct stoa__buf *out);
/* A string column given as symbol ids, as STOA__ENC_DICT_ID. Ids of NULL rows are ignored. */
int stoa__chunk_encode_ids(const uint32_t *ids, const uint64_t *validity, size_t n,
			   struct stoa__buf *out);
/* STOA__ENC_DICT_ID to STOA__ENC_DICT: @bytes_of gives the string of an id. */
int stoa__chunk_inline_ids(const struct stoa__chunk *c,
			   struct stoa_bytes (*bytes_of)(void *ctx, uint32_t id), void *ctx,
			   struct stoa__buf *out);

/*
 * Opens an image, which lies at a multiple of 8 (copy what LMDB hands out). STOA_OK, or
 * STOA_ECORRUPT with *@why saying what is wrong. O(1).
 */
int stoa__chunk_open(const void *image, size_t len, struct stoa__chunk *out, const char **why);

static inline bool stoa__chunk_is_null(const struct stoa__chunk *c, size_t row)
{
	return c->validity && !(c->validity[row / 64] >> (row % 64) & 1);
}
/*
 * Packed value @row (PACKED, SCALED, or a code of DICT and DICT_ID), base added; of a NULL row,
 * the base. A code is below n_dict, unless that is 0.
 */
uint64_t stoa__chunk_packed(const struct stoa__chunk *c, size_t row);
/* Entry @code of DICT as bytes (borrows from the image); empty when @code >= n_dict. */
static inline struct stoa_bytes stoa__chunk_entry(const struct stoa__chunk *c, uint32_t code)
{
	struct stoa_bytes s = { (const char *)c->bytes, 0 };
	uint64_t ends;
	uint32_t from, to;

	if (code >= c->n_dict)
		return s;
	ends = stoa__load_u64(c->list + 4 * (size_t)code);
	from = (uint32_t)ends;
	to = (uint32_t)(ends >> 32);
	if (from > to || to > c->bytes_len)
		return s;
	s.p += from;
	s.len = to - from;
	return s;
}
/* The same of DICT_ID, as an id, or 0. */
uint32_t stoa__chunk_entry_id(const struct stoa__chunk *c, uint32_t code);
/*
 * Value @row of any encoding but DICT_ID. @scratch holds decompressed bytes, appended; the value
 * borrows from it or from the image. STOA_ENOMEM, or STOA_ECORRUPT when bytes do not decompress.
 * @scratch may move when it grows, so a value that borrows from it is good until it is next
 * appended to.
 */
int stoa__chunk_value(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
		      struct stoa_value *out);
/*
 * Hints the processor at what stoa__chunk_value() of @row will touch. Where its bytes lie is
 * guessed from the offsets around, as if the lengths between them were equal: so their miss need
 * not wait for that of the lengths. (The asm is for GCC: it takes a function that only prefetches
 * for one without effect, and drops its calls.)
 */
static inline void stoa__chunk_prefetch(const struct stoa__chunk *c, size_t row)
{
	__asm__ volatile("");
	__builtin_prefetch(c->values + row * c->width / 8);
	if (c->validity)
		__builtin_prefetch(c->validity + row / 64);
	if (c->offsets) {
		const uint8_t *around = c->offsets + row / STOA__IMAGE_STRIDE * 8;
		uint64_t from = stoa__load_u64(around), to = stoa__load_u64(around + 8);
		size_t part = row % STOA__IMAGE_STRIDE;
		uintptr_t guess = (uintptr_t)c->bytes + from + (to - from) * part / STOA__IMAGE_STRIDE;

		__builtin_prefetch((const void *)guess);
		__builtin_prefetch((const void *)(guess + 64));
	}
}
/*
 * Rows [from, from + n) as elements of a struct stoa_array; NULL rows give zero. For bytes types
 * @scratch is appended to first, then elements point into it or the image (never at memory that
 * moved). Not for DICT_ID. @scratch may be NULL for types of fixed width, which never fail.
 */
int stoa__chunk_read(const struct stoa__chunk *c, size_t from, size_t n, void *values,
		     struct stoa__buf *scratch);
/* The same widened to int64_t (STOA__INT) or uint64_t (STOA__UINT), or to double (floats). */
void stoa__chunk_read_wide(const struct stoa__chunk *c, size_t from, size_t n, void *values);
/*
 * Clears bit i of @bits unless row from + i of @n is between @lo and @hi, and not NULL. Of the last
 * word those behind may be cleared. PACKED of all types but u64, without decoding.
 */
void stoa__chunk_within(const struct stoa__chunk *c, size_t from, size_t n, int64_t lo, int64_t hi,
			uint64_t *bits);
/* Rows from + sel[i] of PACKED, widened to 64 bits; NULLs give zero. */
void stoa__chunk_pick(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
		      uint64_t *out);
/* Codes of rows from + sel[i], as stoa__chunk_codes() gives them. */
void stoa__chunk_pick_codes(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
			    uint32_t *out);
/* Does stoa__chunk_pick_bytes() know it? */
bool stoa__chunk_picks_bytes(const struct stoa__chunk *c);
/* Rows from + sel[i] of texts or blobs, as stoa__chunk_read() gives them. */
int stoa__chunk_pick_bytes(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
			   struct stoa_bytes *out, struct stoa__buf *scratch);
/*
 * Codes of rows [from, from + n) of DICT and DICT_ID, each below n_dict (0 where NULL, or n_dict
 * is 0).
 */
void stoa__chunk_codes(const struct stoa__chunk *c, size_t from, size_t n, uint32_t *codes);
/* All elements as they lie, when they are a plain C array of the type with base 0; else NULL. */
const void *stoa__chunk_plain(const struct stoa__chunk *c);
/*
 * Reads everything: are all codes in range, all values within min and max, all bytes well formed?
 * For stoa check.
 */
int stoa__chunk_check(const struct stoa__chunk *c, const char **why);

#endif
