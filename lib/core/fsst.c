/* SPDX-License-Identifier: MIT */
/*
 * fsst.c - compressing and decompressing with a table of symbols
 *
 * The encoder looks at the next 8 bytes as one word. The longest symbol that they begin with is found by two
 * loads and no branch: a hash of the first three bytes leads to the one symbol of three bytes or more
 * that may be there, and the first two bytes index a table of what else to do: a symbol of two bytes,
 * of one, or an escape. At most one long symbol has any place in the hash table ("perfect" by turning others
 * away while training), so that there is no chain to follow; the price is that two symbols with the same
 * first three bytes cannot both be long.
 *
 * What to do is one number, a *move*: the code, how many bytes it eats, how many it writes. A byte after
 * the code is always written, and counts only for an escape.
 *
 * Within 8 bytes of a string's end the word would reach into the next one, so the last few symbols
 * take the careful path that checks lengths.
 *
 * Differences from the authors' code: no terminator byte and no zero-terminated mode; the
 * training (fsst_train.c) counts pairs in a hash table; codes are in order of gain, not of length.
 */
#include "fsst.h"

#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "fsst_encoder.h"

bool stoa__fsst_table_valid(const struct stoa__fsst_table *t)
{
	uint8_t longest = 0;

	for (size_t i = 0; i < 256; i++)
		longest = t->len[i] > longest ? t->len[i] : longest;
	return longest <= STOA__FSST_SYMBOL_MAX;
}

/* Writes 8 bytes, of which the symbol's count. */
static inline uint8_t *emit(const struct stoa__fsst_table *t, uint8_t code, uint8_t *out)
{
	memcpy(out, &t->symbol[code], 8);
	return out + t->len[code];
}

/* Is a byte of @four 255? (The classic test for a zero byte, of the complement.) */
static inline bool has_escape(uint32_t four)
{
	return ((~four - 0x01010101u) & four & 0x80808080u) != 0;
}

size_t stoa__fsst_decode(const struct stoa__fsst_table *t, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	const uint8_t *end = in + len;
	uint8_t *p = out;

	while (in < end) {
		if (end - in >= 4) {
			uint32_t four = stoa__load_u32(in);

			if (!has_escape(four)) {
				p = emit(t, (uint8_t)four, p);
				p = emit(t, (uint8_t)(four >> 8), p);
				p = emit(t, (uint8_t)(four >> 16), p);
				p = emit(t, (uint8_t)(four >> 24), p);
				in += 4;
				continue;
			}
		}
		if (*in != STOA__FSST_ESCAPE) {
			p = emit(t, *in++, p);
			continue;
		}
		if (end - in < 2)
			return SIZE_MAX;
		*p++ = in[1];
		in += 2;
	}
	return (size_t)(p - out);
}

size_t stoa__fsst_encode(const struct stoa__fsst_encoder *e, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	const uint8_t *end = in + len;
	uint8_t *p = out;

	while (end - in >= 8) {
		uint64_t word = stoa__load_u64(in);
		const struct stoa__fsst_long *l = &e->longs[stoa__fsst_hash(word)];
		unsigned brief = e->shorts[word & 0xffff];
		unsigned move = (word ^ l->symbol) << l->drop ? brief : l->move;

		p[0] = (uint8_t)move;
		p[1] = (uint8_t)word;
		p += stoa__fsst_writes(move);
		in += stoa__fsst_eats(move);
	}
	while (in < end) {
		unsigned move = stoa__fsst_careful(e, in, (size_t)(end - in));

		p[0] = (uint8_t)move;
		p[1] = *in;
		p += stoa__fsst_writes(move);
		in += stoa__fsst_eats(move);
	}
	return (size_t)(p - out);
}

void stoa__fsst_encoder_free(struct stoa__fsst_encoder *e)
{
	stoa__free(e);
}

const struct stoa__fsst_table *stoa__fsst_encoder_table(const struct stoa__fsst_encoder *e)
{
	return &e->table;
}

double stoa__fsst_encoder_ratio(const struct stoa__fsst_encoder *e)
{
	return e->ratio;
}
