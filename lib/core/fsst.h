/* SPDX-License-Identifier: MIT */
/*
 * fsst.h - Fast Static Symbol Table: short strings compressed one by one
 *
 * A table of up to 255 *symbols*, each of 1 to 8 bytes, is learnt from a sample. A compressed
 * string is a run of codes, a byte each: below 255 it stands for a symbol; 255 is followed by a
 * byte that stands for itself. Every string can be decompressed alone, at the speed of a few bytes
 * per cycle.
 *
 * After Boncz, Neumann and Leis, FSST: Fast Random Access String Compression, VLDB 2020. fsst.c
 * says where we differ.
 *
 * Threads: an encoder and a table are read-only once made.
 */
#ifndef STOA__FSST_H
#define STOA__FSST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOA__FSST_ESCAPE 255
#define STOA__FSST_SYMBOL_MAX 8		/* bytes of a symbol */

/* All that a decoder needs, and the same bytes in an image. Symbols lie in the low bytes. */
struct stoa__fsst_table {
	uint64_t symbol[256];
	uint8_t len[256];	/* 0 where there is no symbol */
};
_Static_assert(sizeof(struct stoa__fsst_table) == 2304, "stored as it is");

/* May the decoder trust it? Asked once when an image is opened. */
bool stoa__fsst_table_valid(const struct stoa__fsst_table *t);

/*
 * Decompresses @len bytes; @out has room for 8 * @len + 8. Returns the length, or SIZE_MAX when
 * the last byte announces another that is not there.
 */
size_t stoa__fsst_decode(const struct stoa__fsst_table *t, const uint8_t *in, size_t len,
			 uint8_t *out);
#define STOA__FSST_DECODE_ROOM(len) (8 * (size_t)(len) + 8)
/*
 * The same for @n strings that lie one after another, at most STOA__FSST_RUN_MAX bytes in all, to
 * @out one after another; their lengths go to @out_lens. Faster than one by one. False when one
 * ends within an escape: then @out and @out_lens are of no use.
 */
bool stoa__fsst_decode_run(const struct stoa__fsst_table *t, const uint8_t *in,
			   const uint32_t *lens, size_t n, uint8_t *out, uint32_t *out_lens);
#define STOA__FSST_RUN_MAX 8192

struct stoa__fsst_encoder;

/*
 * Values to be compressed lie one after another, each with a mark behind it; and 8 bytes behind the
 * last mark are readable.
 */
#define STOA__FSST_END 0xff

/*
 * Learns a table from @n values of lengths @lens that lie at @bytes, marks between them. The same
 * values give the same table. NULL when memory is out. Cost: bounded, some 16 KB of them are
 * looked at.
 */
struct stoa__fsst_encoder *stoa__fsst_encoder_new(const uint8_t *bytes, const uint32_t *lens,
						  size_t n);
void stoa__fsst_encoder_free(struct stoa__fsst_encoder *e);
const struct stoa__fsst_table *stoa__fsst_encoder_table(const struct stoa__fsst_encoder *e);
/* What the sample shrank to, as a fraction of its size. */
double stoa__fsst_encoder_ratio(const struct stoa__fsst_encoder *e);

/*
 * Compresses @len bytes into @out, which has room for 2 * @len. The 8 bytes behind @in must be
 * readable. Returns the length.
 */
size_t stoa__fsst_encode(const struct stoa__fsst_encoder *e, const uint8_t *in, size_t len,
			 uint8_t *out);
/*
 * The same for @n strings with their marks, some of which are changed, below STOA__FSST_TOTAL_MAX
 * bytes in all; @out has room for twice as many. Their lengths go to @out_lens. Several at a time,
 * which is twice as fast as one by one.
 */
size_t stoa__fsst_encode_all(const struct stoa__fsst_encoder *e, uint8_t *in, const uint32_t *lens,
			     size_t n, uint8_t *out, uint32_t *out_lens);
#define STOA__FSST_TOTAL_MAX ((uint64_t)1 << 31)

#endif
