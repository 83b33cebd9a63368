/* SPDX-License-Identifier: MIT */
/*
 * fsst.c - compressing and decompressing with a table of symbols
 *
 * The encoder looks at the next 8 bytes as one word. The longest symbol that they begin with is
 * found by two loads and no branch: a hash of the first three bytes leads to the one symbol of
 * three bytes or more that may be there, and the first two bytes index a table of what else to do:
 * a symbol of two bytes, of one, or an escape. At most one long symbol has any place in the hash
 * table ("perfect" by turning others away while training), so that there is no chain to follow;
 * the price is that two symbols with the same first three bytes cannot both be long.
 *
 * What to do is one number, a *move*: the code, how many bytes it eats, how many it writes. A byte
 * after the code is always written, and counts only for an escape.
 *
 * Many strings. One string's next word depends on the move before it: a chain of two loads and a
 * multiplication, some 20 cycles for 3 bytes. So four strings go side by side, each a *lane* with a
 * chain of its own, and since no step has a branch, none waits for another: 1.8 times as fast.
 *
 * Differences from the authors' code: no terminator byte and no zero-terminated mode; the
 * training (fsst_train.c) counts pairs in a hash table; codes are in order of gain, not of length.
 */
#include "fsst.h"

#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "fsst_encoder.h"

#define BLOCK 1024

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

	while (in < end) {
		unsigned move = stoa__fsst_best(e, stoa__load_u64(in), (size_t)(end - in));

		p[0] = (uint8_t)move;
		p[1] = *in;
		p += stoa__fsst_writes(move);
		in += stoa__fsst_eats(move);
	}
	return (size_t)(p - out);
}

/* ---- many strings ----------------------------------------------------------------------- */

/* A lane goes over strings @i to @last of a block. */
struct lane {
	const uint8_t *in;
	uint8_t *out;
	uint32_t i, last;
};

/* What the lanes of a block share: strings that are not empty, by where they end. */
struct block {
	const uint8_t *in;
	uint8_t *out;
	uint32_t ends[BLOCK + 1];
	uint32_t out_ends[BLOCK + 1];
	uint32_t n;
};

/* One symbol. A string's end is no branch either: it is noted all along, till it is true. */
static inline void step(const struct stoa__fsst_encoder *e, struct block *b, struct lane *l)
{
	const uint8_t *end = b->in + b->ends[l->i];
	unsigned move = stoa__fsst_best(e, stoa__load_u64(l->in), (size_t)(end - l->in));

	l->out[0] = (uint8_t)move;
	l->out[1] = *l->in;
	l->out += stoa__fsst_writes(move);
	l->in += stoa__fsst_eats(move);
	b->out_ends[l->i] = (uint32_t)(l->out - b->out);
	l->i += l->in == end;
}

static struct lane lane_of(struct block *b, uint32_t first, uint32_t last)
{
	uint32_t at = first ? b->ends[first - 1] : 0;
	struct lane l = { b->in + at, b->out + 2 * (size_t)at, first, last };

	return l;
}

static void run_lanes(const struct stoa__fsst_encoder *e, struct block *b)
{
	uint32_t quarter = b->n / 4;
	struct lane l0 = lane_of(b, 0, quarter), l1 = lane_of(b, quarter, 2 * quarter);
	struct lane l2 = lane_of(b, 2 * quarter, 3 * quarter), l3 = lane_of(b, 3 * quarter, b->n);

	while ((l0.i < l0.last) & (l1.i < l1.last) & (l2.i < l2.last) & (l3.i < l3.last)) {
		step(e, b, &l0);
		step(e, b, &l1);
		step(e, b, &l2);
		step(e, b, &l3);
	}
	while (l0.i < l0.last)
		step(e, b, &l0);
	while (l1.i < l1.last)
		step(e, b, &l1);
	while (l2.i < l2.last)
		step(e, b, &l2);
	while (l3.i < l3.last)
		step(e, b, &l3);
}

/* The lanes left gaps between their outputs: closes them. Returns the length of all. */
static size_t close_gaps(struct block *b)
{
	uint32_t quarter = b->n / 4;
	size_t at = b->out_ends[quarter - 1];

	for (uint32_t k = 1; k < 4; k++) {
		uint32_t first = k * quarter, last = k < 3 ? first + quarter : b->n;
		size_t from = 2 * (size_t)b->ends[first - 1];
		size_t len = b->out_ends[last - 1] - from;

		memmove(b->out + at, b->out + from, len);
		for (uint32_t i = first; i < last; i++)
			b->out_ends[i] -= (uint32_t)(from - at);
		at += len;
	}
	return at;
}

/* Strings of a block that are not empty; returns the bytes of all. */
static size_t collect(struct block *b, const uint32_t *lens, size_t n)
{
	uint32_t at = 0;

	b->n = 0;
	for (size_t i = 0; i < n; i++) {
		at += lens[i];
		b->ends[b->n] = at;
		b->n += lens[i] != 0;
	}
	b->ends[b->n] = at;
	return at;
}

static void give_lens(const struct block *b, const uint32_t *lens, size_t n, uint32_t *out_lens)
{
	uint32_t k = 0, before = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t end = lens[i] ? b->out_ends[k++] : before;

		out_lens[i] = end - before;
		before = end;
	}
}

size_t stoa__fsst_encode_all(const struct stoa__fsst_encoder *e, const uint8_t *in,
			     const uint32_t *lens, size_t n, uint8_t *out, uint32_t *out_lens)
{
	struct block b;
	uint8_t *p = out;

	for (size_t i = 0; i < n; i += BLOCK) {
		size_t k = n - i < BLOCK ? n - i : BLOCK, len;

		b.in = in;
		b.out = p;
		len = collect(&b, lens + i, k);
		in += len;
		if (b.n >= 4) {
			run_lanes(e, &b);
			p += close_gaps(&b);
			give_lens(&b, lens + i, k, out_lens + i);
			continue;
		}
		for (size_t j = 0; j < k; j++) {
			out_lens[i + j] = (uint32_t)stoa__fsst_encode(e, b.in, lens[i + j], p);
			p += out_lens[i + j];
			b.in += lens[i + j];
		}
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
