/* SPDX-License-Identifier: MIT */
/*
 * kernels_loops.h - the loops of kernels.h, a template: include it with
 *
 *     KERNEL   attributes of each function
 *     TABLE    name of the struct stoa__kernels to define
 *     NAME     what it calls itself
 *     PACK_64  the build's own of bits64.h
 *
 * Loops are kept to what gcc and clang vectorise: no early exit, no call, one store for each turn.
 */
#include <string.h>

#include "cpu.h"
#include "kernels.h"
#include "bits64.h"

/* ---- range ------------------------------------------------------------------------------ */

#define RANGE(BITS)                                                                          \
	KERNEL static struct stoa__range range_##BITS(const void *in, size_t n, uint64_t flip) \
	{                                                                                    \
		const uint##BITS##_t *x = in, f = (uint##BITS##_t)flip;                      \
		int##BITS##_t min = (int##BITS##_t)(x[0] ^ f), max = min;                    \
		struct stoa__range r;                                                        \
                                                                                             \
		for (size_t i = 0; i < n; i++) {                                             \
			int##BITS##_t v = (int##BITS##_t)(x[i] ^ f);                         \
			min = v < min ? v : min;                                             \
			max = v > max ? v : max;                                             \
		}                                                                            \
		r.min = min;                                                                 \
		r.max = max;                                                                 \
		r.has_nan = false;                                                           \
		return r;                                                                    \
	}
RANGE(8)
RANGE(16)
RANGE(32)
RANGE(64)

/*
 * Floats are compared as integers, since compilers may not reorder the comparison of floats. A NaN
 * is beyond both infinities.
 */
#define RANGE_FLOAT(FLOAT, BITS, INFINITY_BITS)                                              \
	KERNEL static struct stoa__range range_f##BITS(const FLOAT *in, size_t n)            \
	{                                                                                    \
		int##BITS##_t min = INT##BITS##_MAX, max = INT##BITS##_MIN;                  \
		uint##BITS##_t magnitude_max = 0;                                            \
		struct stoa__range r;                                                        \
                                                                                             \
		for (size_t i = 0; i < n; i++) {                                             \
			uint##BITS##_t bits, magnitude;                                      \
			int##BITS##_t v;                                                     \
                                                                                             \
			memcpy(&bits, &in[i], sizeof bits);                                  \
			magnitude = (uint##BITS##_t)(bits << 1) >> 1;                        \
			v = stoa__order_bits##BITS(bits);                                    \
			min = v < min ? v : min;                                             \
			max = v > max ? v : max;                                             \
			magnitude_max = magnitude > magnitude_max ? magnitude                \
								  : magnitude_max;           \
		}                                                                            \
		r.min = min;                                                                 \
		r.max = max;                                                                 \
		r.has_nan = magnitude_max > (INFINITY_BITS);                                 \
		return r;                                                                    \
	}
RANGE_FLOAT(float, 32, (uint32_t)0x7f800000)
RANGE_FLOAT(double, 64, (uint64_t)0x7ff << 52)

/* ---- narrow and widen ------------------------------------------------------------------- */

#define NARROW(FROM, TO)                                                                     \
	KERNEL static void narrow_##FROM##_##TO(void *out, const void *in, size_t n,         \
						uint64_t base)                               \
	{                                                                                    \
		const uint##FROM##_t *restrict x = in;                                       \
		uint##TO##_t *restrict y = out;                                              \
		uint##FROM##_t b = (uint##FROM##_t)base;                                     \
                                                                                             \
		for (size_t i = 0; i < n; i++)                                               \
			y[i] = (uint##TO##_t)(x[i] - b);                                     \
	}
NARROW(8, 8)
NARROW(16, 8)
NARROW(16, 16)
NARROW(32, 8)
NARROW(32, 16)
NARROW(32, 32)
NARROW(64, 8)
NARROW(64, 16)
NARROW(64, 32)
NARROW(64, 64)

#define WIDEN(FROM, TO)                                                                      \
	KERNEL static void widen_##FROM##_##TO(void *out, const void *in, size_t n,          \
					       uint64_t base)                                \
	{                                                                                    \
		const uint##FROM##_t *restrict x = in;                                       \
		uint##TO##_t *restrict y = out;                                              \
		uint##TO##_t b = (uint##TO##_t)base;                                         \
                                                                                             \
		for (size_t i = 0; i < n; i++)                                               \
			y[i] = (uint##TO##_t)(x[i] + b);                                     \
	}
WIDEN(8, 8)
WIDEN(8, 16)
WIDEN(8, 32)
WIDEN(8, 64)
WIDEN(16, 16)
WIDEN(16, 32)
WIDEN(16, 64)
WIDEN(32, 32)
WIDEN(32, 64)
WIDEN(64, 64)

/*
 * Conditions read a little of each column in turn, so that the processor's own prefetching, which
 * ends at the end of a page, starts anew each time: over TPC-H's Q6 two thirds of the time went by
 * waiting. A page ahead is the next batch of 2-byte values. Addresses behind the run do no harm.
 */
#define AHEAD 4096

#define WITHIN(BITS)                                                                         \
	KERNEL static void within_##BITS(uint64_t *restrict bits, const void *in, size_t n,  \
					 uint64_t lo, uint64_t span)                         \
	{                                                                                    \
		const uint##BITS##_t *restrict x = in;                                       \
		uint##BITS##_t l = (uint##BITS##_t)lo, s = (uint##BITS##_t)span;             \
		uint8_t hits[64];                                                            \
                                                                                             \
		for (; n >= 64; n -= 64, x += 64) {                                          \
			for (size_t i = 0; i < 64; i += 64 / sizeof *x)                      \
				__builtin_prefetch(&x[i] + AHEAD / sizeof *x, 0, 2);                 \
			for (size_t i = 0; i < 64; i++)                                      \
				hits[i] = (uint##BITS##_t)(x[i] - l) <= s;                   \
			*bits++ &= PACK_64(hits);                                            \
		}                                                                            \
		if (n == 0)                                                                  \
			return;                                                              \
		memset(hits, 0, sizeof hits);                                                \
		for (size_t i = 0; i < n; i++)                                               \
			hits[i] = (uint##BITS##_t)(x[i] - l) <= s;                           \
		*bits &= PACK_64(hits);                                                      \
	}
WITHIN(8)
WITHIN(16)
WITHIN(32)
WITHIN(64)

/* ---- less than a byte: eight values at a time, in one word ------------------------------- */

/* Spreading halves each field's distance in turn: 8 values side by side become 8 bytes. */
KERNEL static void spread_1(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n / 8; i++) {
		uint64_t x = in[i];

		x = (x | x << 28) & 0x0000000f0000000fu;
		x = (x | x << 14) & 0x0003000300030003u;
		x = (x | x << 7) & 0x0101010101010101u;
		memcpy(out + 8 * i, &x, 8);
	}
}

KERNEL static void spread_2(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n / 8; i++) {
		uint16_t packed;
		uint64_t x;

		memcpy(&packed, in + 2 * i, sizeof packed);
		x = packed;
		x = (x | x << 24) & 0x000000ff000000ffu;
		x = (x | x << 12) & 0x000f000f000f000fu;
		x = (x | x << 6) & 0x0303030303030303u;
		memcpy(out + 8 * i, &x, 8);
	}
}

KERNEL static void spread_4(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n / 8; i++) {
		uint32_t packed;
		uint64_t x;

		memcpy(&packed, in + 4 * i, sizeof packed);
		x = packed;
		x = (x | x << 16) & 0x0000ffff0000ffffu;
		x = (x | x << 8) & 0x00ff00ff00ff00ffu;
		x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
		memcpy(out + 8 * i, &x, 8);
	}
}

/* Squeezing is the same backwards. The bytes hold nothing above their field. */
KERNEL static void squeeze_1(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n / 8; i++) {
		uint64_t x;

		memcpy(&x, in + 8 * i, 8);
		x = (x | x >> 7) & 0x0003000300030003u;
		x = (x | x >> 14) & 0x0000000f0000000fu;
		out[i] = (uint8_t)(x | x >> 28);
	}
}

KERNEL static void squeeze_2(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n / 8; i++) {
		uint16_t packed;
		uint64_t x;

		memcpy(&x, in + 8 * i, 8);
		x = (x | x >> 6) & 0x000f000f000f000fu;
		x = (x | x >> 12) & 0x000000ff000000ffu;
		packed = (uint16_t)(x | x >> 24);
		memcpy(out + 2 * i, &packed, sizeof packed);
	}
}

KERNEL static void squeeze_4(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n / 8; i++) {
		uint32_t packed;
		uint64_t x;

		memcpy(&x, in + 8 * i, 8);
		x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
		x = (x | x >> 8) & 0x0000ffff0000ffffu;
		packed = (uint32_t)(x | x >> 16);
		memcpy(out + 4 * i, &packed, sizeof packed);
	}
}

/* ---- three bytes ------------------------------------------------------------------------ */

KERNEL static void squeeze_24(uint8_t *restrict out, const uint32_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memcpy(out + 3 * i, &in[i], 4);	/* the fourth byte is the next one's first */
}

KERNEL static void spread_24(uint32_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t x;

		memcpy(&x, in + 3 * i, 4);
		out[i] = x & 0xffffff;
	}
}

/* ---- decimals in doubles ---------------------------------------------------------------- */

/*
 * 1.5 * 2^52. Between 2^52 and 2^53 doubles are the integers, so adding it rounds to an integer,
 * whose two's complement then lies in the low bits: a conversion that the baseline can vectorise.
 */
#define MAGIC 6755399441055744.0
#define MAGIC_BITS ((int64_t)0x4338000000000000)
#define LIMIT ((uint64_t)1 << 51)

KERNEL static bool scale(int64_t *restrict out, const double *restrict in, size_t n, double power)
{
	uint64_t differ = 0, outside = 0;	/* the latter: in its top bit */

	for (size_t i = 0; i < n; i++) {
		double shifted = in[i] * power + MAGIC, back;
		int64_t shifted_bits, v;
		uint64_t in_bits, back_bits;

		memcpy(&shifted_bits, &shifted, 8);
		back = (shifted - MAGIC) / power;
		memcpy(&in_bits, &in[i], 8);
		memcpy(&back_bits, &back, 8);
		differ |= in_bits ^ back_bits;
		/* Beyond 2^51, as in infinities and NaN, the sum has left MAGIC's binade. */
		v = (int64_t)((uint64_t)shifted_bits - (uint64_t)MAGIC_BITS);
		outside |= ((uint64_t)v + LIMIT) | (LIMIT - (uint64_t)v);
		out[i] = v;
	}
	return differ == 0 && outside >> 63 == 0;
}

KERNEL static void unscale(double *out, const int64_t *in, size_t n, double power)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t bits;
		double shifted;

		memcpy(&bits, &in[i], 8);
		bits += (uint64_t)MAGIC_BITS;
		memcpy(&shifted, &bits, 8);
		shifted = (shifted - MAGIC) / power;
		memcpy(&out[i], &shifted, 8);
	}
}

const struct stoa__kernels TABLE = {
	.name = NAME,
	.range = { range_8, range_16, range_32, range_64 },
	.range_f32 = range_f32,
	.range_f64 = range_f64,
	.narrow = {
		{ narrow_8_8 },
		{ narrow_16_8, narrow_16_16 },
		{ narrow_32_8, narrow_32_16, narrow_32_32 },
		{ narrow_64_8, narrow_64_16, narrow_64_32, narrow_64_64 },
	},
	.widen = {
		{ widen_8_8, widen_8_16, widen_8_32, widen_8_64 },
		{ NULL, widen_16_16, widen_16_32, widen_16_64 },
		{ NULL, NULL, widen_32_32, widen_32_64 },
		{ NULL, NULL, NULL, widen_64_64 },
	},
	.within = { within_8, within_16, within_32, within_64 },
	.squeeze = { squeeze_1, squeeze_2, squeeze_4 },
	.spread = { spread_1, spread_2, spread_4 },
	.squeeze24 = squeeze_24,
	.spread24 = spread_24,
	.scale = scale,
	.unscale = unscale,
};
