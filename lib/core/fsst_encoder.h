/* SPDX-License-Identifier: MIT */
/* fsst_encoder.h - the inside of an encoder: fsst_train.c makes it, fsst_encode.c runs it */
#ifndef STOA__FSST_ENCODER_H
#define STOA__FSST_ENCODER_H

#include "buf.h"
#include "fsst.h"

#define STOA__FSST_HASH_BITS 10

/*
 * A symbol of 3 bytes or more. A word begins with it when (word ^ symbol) << drop is 0. In an
 * empty place drop is 0 and symbol is a word that hashes elsewhere, so that no word that comes
 * here equals it.
 */
struct stoa__fsst_long {
	uint64_t symbol;
	uint16_t move;
	uint8_t len;
	uint8_t drop;	/* 64 - 8 * len */
};

struct stoa__fsst_encoder {
	struct stoa__fsst_long longs[1 << STOA__FSST_HASH_BITS];
	uint16_t shorts[65536];	/* moves by the next two bytes, for whatever is not long */
	struct stoa__fsst_table table;
	unsigned n;		/* symbols */
	double ratio;
};

#define STOA__FSST_STOP 0xfe	/* the last mark of a lane */

/* A move: code in bits 0 to 7, bytes eaten in 8 to 11, bytes written from 12 on. */
static inline uint16_t stoa__fsst_move(unsigned code, unsigned eats, unsigned writes)
{
	return (uint16_t)(code | eats << 8 | writes << 12);
}
/* Of marks, once the table is made; until then they are escaped like any byte without a symbol. */
#define STOA__FSST_MOVE_END (1u << 8)
#define STOA__FSST_MOVE_STOP 0u
static inline unsigned stoa__fsst_eats(unsigned move)
{
	return move >> 8 & 15;
}
static inline unsigned stoa__fsst_writes(unsigned move)
{
	return move >> 12;
}

/* Place of a long symbol, by its first three bytes; 0 goes to 0 and 1 does not. */
static inline uint32_t stoa__fsst_hash(uint64_t word)
{
	return (uint32_t)(word & 0xffffff) * 2654435769u >> (32 - STOA__FSST_HASH_BITS);
}

/* The move for @word, the next 8 bytes, of which @left >= 1 belong to the string. */
static inline unsigned stoa__fsst_best(const struct stoa__fsst_encoder *e, uint64_t word,
				       size_t left)
{
	const struct stoa__fsst_long *l = &e->longs[stoa__fsst_hash(word)];
	/* Of a last byte, the pair with a zero: no symbol of two bytes ends in one. */
	unsigned brief = e->shorts[word & (left == 1 ? 0xff : 0xffff)];
	unsigned fits = ((word ^ l->symbol) << l->drop == 0) & (l->len <= left);

	/* Chosen by a mask: no predictor could know which it is, and compilers like branches. */
	return brief ^ ((brief ^ l->move) & (0 - fits));
}

#endif
