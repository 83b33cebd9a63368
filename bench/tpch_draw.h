/* SPDX-License-Identifier: MIT */
/*
 * tpch_draw.h - the random streams of TPC-H, and what more than one table draws from them
 *
 * Each column draws from a stream of its own, the minimal standard generator
 *
 *     seed' = seed * 16807 mod (2^31 - 1)
 *     value = lo + floor(seed' / (2^31 - 1) * (hi - lo + 1))
 *
 * and every row of a table takes the same fixed share of it, whether it needs all of it or not. So
 * the seed at row n is seed0 * 16807^(share * n) mod (2^31 - 1), found in O(log n): any row can be
 * reached without making the ones before it.
 *
 * (1) After a row each stream stands at the start of the next row's share. (2) No column draws
 * more than its share. The seeds, shares and bounds are those of the specification's own generator,
 * so that the rows are those of its qualification database. The quotient is computed in double
 * precision, in that order, because the last bit of it decides now and then.
 *
 * For the two files that make rows, not for others. Source: Park and Miller, CACM October 1988.
 */
#ifndef BENCH_TPCH_DRAW_H
#define BENCH_TPCH_DRAW_H

#include "tpch.h"

#include <assert.h>

#define MODULUS 2147483647u
#define MULTIPLIER 16807u

/* A stream at row 0, and how many numbers a row may draw from it. */
struct share {
	uint32_t seed;
	uint32_t share;
};

/* 2^31 is 1 modulo 2^31 - 1, so the high bits are added to the low ones. */
static inline uint32_t mul_mod(uint32_t a, uint32_t b)
{
	uint64_t x = (uint64_t)a * b;

	x = (x & MODULUS) + (x >> 31);
	return (uint32_t)(x >= MODULUS ? x - MODULUS : x);
}

static inline uint32_t pow_mod(uint32_t base, uint64_t n)
{
	uint32_t r = 1;

	for (; n; n >>= 1) {
		if (n & 1)
			r = mul_mod(r, base);
		base = mul_mod(base, base);
	}
	return r;
}

static inline int32_t draw(struct tpch_stream *s, int32_t lo, int32_t hi)
{
	s->seed = mul_mod(s->seed, MULTIPLIER);
	s->used++;
	return lo + (int32_t)((double)s->seed / (double)MODULUS * (double)(hi - lo + 1));
}

/* The minus of what the specification's generator draws, whose range overflows to -2^31. */
static inline uint32_t draw_31_bits(struct tpch_stream *s)
{
	s->seed = mul_mod(s->seed, MULTIPLIER);
	s->used++;
	return (uint32_t)((double)s->seed / (double)MODULUS * 2147483648.0);
}

/* Ready to draw for row number @row, from 0. */
static inline void start(struct tpch_stream *s, const struct share *share, uint64_t row)
{
	s->seed = mul_mod(share->seed, pow_mod(MULTIPLIER, share->share * row));
	s->used = 0;
}

/* Moves past what is left of a row's share. */
static inline void finish(struct tpch_stream *s, uint32_t share)
{
	/* 16807^n mod 2^31 - 1 */
	static const uint32_t powers[15] = {
		1,          16807,     282475249,  1622650073, 984943658,
		1144108930, 470211272, 101027544,  1457850878, 1458777923,
		2007237709, 823564440, 1115438165, 1784484492, 74243042,
	};

	assert(s->used <= share);
	uint32_t left = share - s->used;
	s->seed = mul_mod(s->seed, left < 15 ? powers[left] : pow_mod(MULTIPLIER, left));
	s->used = 0;
}

/* A length of 40% to 160% of @len_average, from anywhere in the pool. */
static inline struct tpch_comment draw_comment(struct tpch_stream *s, int32_t len_average)
{
	int32_t len_min = (int32_t)(len_average * 0.4);
	int32_t len_max = (int32_t)(len_average * 1.6);
	struct tpch_comment c;

	c.offset = (uint32_t)draw(s, 0, (int32_t)TPCH_TEXT_BYTES - len_max);
	c.len = (uint32_t)draw(s, len_min, len_max);
	return c;
}

static inline int64_t part_price(int32_t partkey)
{
	return 90000 + (partkey / 10) % 20001 + (partkey % 1000) * 100;
}

/* Which supplier is number @nth (0 to 3) of the four that sell a part. */
static inline int32_t part_supplier(int32_t partkey, int32_t nth, int32_t n_suppliers)
{
	int64_t step = n_suppliers / 4 + (partkey - 1) / n_suppliers;

	return (int32_t)((partkey + nth * step) % n_suppliers + 1);
}

#endif
