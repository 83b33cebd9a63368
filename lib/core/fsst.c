/* SPDX-License-Identifier: MIT */
/*
 * fsst.c - decompressing with a table of symbols
 *
 * A code is an index into the table, and its symbol is written as 8 bytes whatever its length;
 * fsst_encode.c makes the codes.
 *
 * Differences from the authors' code: no zero-terminated mode; the training (fsst_train.c) counts
 * pairs in a hash table; codes are in order of gain, not of length.
 */
#include "fsst.h"

#include <string.h>

#include "buf.h"

bool stoa__fsst_table_valid(const struct stoa__fsst_table *t)
{
	uint8_t longest = 0;

	for (size_t i = 0; i < 256; i++)
		longest = t->len[i] > longest ? t->len[i] : longest;
	return longest <= STOA__FSST_SYMBOL_MAX;
}

/* Writes 8 bytes, of which the symbol's count, if it is @wanted. */
static inline uint8_t *emit(const struct stoa__fsst_table *t, uint8_t code, bool wanted,
			    uint8_t *out)
{
	memcpy(out, &t->symbol[code], 8);
	return out + (t->len[code] & -(size_t)wanted);
}

/* Is a byte of @four 255? (The classic test for a zero byte, of the complement.) */
static inline bool has_escape(uint32_t four)
{
	return ((~four - 0x01010101u) & four & 0x80808080u) != 0;
}

/* The first @n <= 4 codes of @four. Which are wanted is no branch: @n is anybody's guess. */
static inline uint8_t *emit_some(const struct stoa__fsst_table *t, uint32_t four, size_t n,
				 uint8_t *out)
{
	out = emit(t, (uint8_t)four, n > 0, out);
	out = emit(t, (uint8_t)(four >> 8), n > 1, out);
	out = emit(t, (uint8_t)(four >> 16), n > 2, out);
	return emit(t, (uint8_t)(four >> 24), n > 3, out);
}

size_t stoa__fsst_decode(const struct stoa__fsst_table *t, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	const uint8_t *end = in + len;
	uint8_t *p = out;

	while (in < end) {
		size_t left = (size_t)(end - in);
		uint32_t four;

		if (left >= 4) {
			four = stoa__load_u32(in);
			if (!has_escape(four)) {
				p = emit_some(t, four, 4, p);
				in += 4;
				continue;
			}
		} else if (len >= 4) {
			four = stoa__load_u32(end - 4) >> (8 * (4 - left));
			if (!has_escape(four)) {
				p = emit_some(t, four, left, p);
				break;
			}
		}
		if (*in != STOA__FSST_ESCAPE) {
			p = emit(t, *in++, true, p);
			continue;
		}
		if (left < 2)
			return SIZE_MAX;
		*p++ = in[1];
		in += 2;
	}
	return (size_t)(p - out);
}
