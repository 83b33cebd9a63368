/* SPDX-License-Identifier: MIT */
/* fsst_encoder.h - the inside of an encoder: fsst_train.c makes it, fsst_encode.c runs it */
#ifndef STOA__FSST_ENCODER_H
#define STOA__FSST_ENCODER_H

#include "buf.h"
#include "fsst.h"

#define STOA__FSST_HASH_BITS 10

#define STOA__FSST_PLACES (1 << STOA__FSST_HASH_BITS)

/*
 * Symbols of 3 bytes or more, each in its place; a word begins with one when (word & mask) ==
 * symbol. In an empty place mask is all ones and symbol a word that hashes elsewhere, so that no
 * word that comes here equals it. Arrays, as an index of theirs is part of an instruction: a struct
 * would take two more.
 */
struct stoa__fsst_longs {
	uint64_t symbol[STOA__FSST_PLACES];
	uint64_t mask[STOA__FSST_PLACES];
	uint16_t move[STOA__FSST_PLACES];
};

struct stoa__fsst_encoder {
	struct stoa__fsst_longs longs;
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

/*
 * The move of the long symbol that @word begins with, or else @brief. No predictor could know which
 * it is, and compilers like branches, however they are begged: hence one instruction by name where
 * there is one, and arithmetic elsewhere.
 */
static inline unsigned stoa__fsst_longer(const struct stoa__fsst_encoder *e, uint64_t word,
					 unsigned brief)
{
	uint32_t at = stoa__fsst_hash(word);
	uint64_t begin = word & e->longs.mask[at];
	unsigned move = e->longs.move[at];

#if defined(__x86_64__)
	__asm__("cmpq %2, %1\n\tcmovel %3, %0"
		: "+r"(brief)
		: "r"(begin), "m"(e->longs.symbol[at]), "r"(move)
		: "cc");
	return brief;
#else
	return brief ^ ((brief ^ move) & (0 - (unsigned)(begin == e->longs.symbol[at])));
#endif
}

/* The move for @word, the next 8 bytes, of which @left >= 1 belong to the string. */
static inline unsigned stoa__fsst_best(const struct stoa__fsst_encoder *e, uint64_t word,
				       size_t left)
{
	/* Of a last byte, the pair with a zero: no symbol of two bytes ends in one. */
	unsigned brief = e->shorts[word & (left == 1 ? 0xff : 0xffff)];
	unsigned move = stoa__fsst_longer(e, word, brief);

	return stoa__fsst_eats(move) <= left ? move : brief;
}

#endif
