/* SPDX-License-Identifier: MIT */
/*
 * packed.c - writing and reading runs of packed integers
 *
 * Both directions go by blocks that stay in the first-level cache: a width under a byte takes two
 * steps, elements <-> bytes <-> bits, and so does one of three bytes, elements <-> 4 bytes <-> 3.
 * That makes each kernel a plain loop, and their number a sum and not a product.
 */
#include "packed.h"

#include "bitmap.h"
#include "kernels.h"

#define BLOCK 512	/* values; a multiple of 64, so that a block begins at a word of bits */

unsigned stoa__packed_width(uint64_t max)
{
	unsigned bits = max ? 64 - (unsigned)__builtin_clzll(max) : 0;

	if (bits <= 2)
		return bits;
	if (bits <= 4)
		return 4;
	return bits <= 32 ? (bits + 7) / 8 * 8 : 64;
}

/* log2 of the bytes of an element with @width bits: 8, 16, 32 or 64. */
static unsigned log2_of_width(unsigned width)
{
	return (unsigned)__builtin_ctz(width / 8);
}

/* Index of a width under a byte among the kernels: 1, 2, 4 bits. */
static unsigned log2_of_bits(unsigned width)
{
	return (unsigned)__builtin_ctz(width);
}

static void pack_bits(const struct stoa__kernels *k, uint8_t *run, unsigned width, const void *in,
		      unsigned log2, size_t n, uint64_t base)
{
	uint8_t bytes[BLOCK];
	size_t padded = (n + 7) & ~(size_t)7;

	k->narrow[log2][0](bytes, in, n, base);
	memset(bytes + n, 0, padded - n);
	k->squeeze[log2_of_bits(width)](run, bytes, padded);
}

static void pack_24(const struct stoa__kernels *k, uint8_t *run, const void *in, unsigned log2,
		    size_t n, uint64_t base)
{
	uint32_t words[BLOCK];

	k->narrow[log2][2](words, in, n, base);
	k->squeeze24(run, words, n);
}

void stoa__pack(uint8_t *run, unsigned width, const void *in, unsigned log2, size_t n,
		uint64_t base)
{
	const struct stoa__kernels *k = stoa__kernels();
	const uint8_t *x = in;

	if (width == 0)
		return;
	if (width >= 8 && width != 24) {
		k->narrow[log2][log2_of_width(width)](run, in, n, base);
		return;
	}
	for (size_t i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;

		if (width == 24)
			pack_24(k, run + 3 * i, x + (i << log2), log2, len, base);
		else
			pack_bits(k, run + i * width / 8, width, x + (i << log2), log2, len, base);
	}
}

static void fill(void *out, unsigned log2, size_t n, uint64_t value)
{
	switch (log2) {
	case 0:
		memset(out, (int)(value & 0xff), n);
		break;
	case 1:
		for (size_t i = 0; i < n; i++)
			((uint16_t *)out)[i] = (uint16_t)value;
		break;
	case 2:
		for (size_t i = 0; i < n; i++)
			((uint32_t *)out)[i] = (uint32_t)value;
		break;
	default:
		for (size_t i = 0; i < n; i++)
			((uint64_t *)out)[i] = value;
	}
}

/*
 * Values [from, from + n) of a run of 1, 2 or 4 bits, from + n rounded up to 8 being within a
 * block's reach: spreads whole groups of 8 and skips the few before @from.
 */
static void unpack_bits(const struct stoa__kernels *k, const uint8_t *run, unsigned width,
			size_t from, size_t n, uint64_t base, void *out, unsigned log2)
{
	uint8_t bytes[BLOCK + 8];
	size_t skip = from % 8;

	k->spread[log2_of_bits(width)](bytes, run + (from - skip) * width / 8,
				       (skip + n + 7) & ~(size_t)7);
	k->widen[0][log2](out, bytes + skip, n, base);
}

static void unpack_24(const struct stoa__kernels *k, const uint8_t *run, size_t from, size_t n,
		      uint64_t base, void *out, unsigned log2)
{
	uint32_t words[BLOCK];

	k->spread24(words, run + 3 * from, n);
	if (log2 < 2)
		k->narrow[2][log2](out, words, n, 0 - base);
	else
		k->widen[2][log2](out, words, n, base);
}

/* Values [from, from + n) of a run, n <= BLOCK, whose width is not one of C's. */
static void unpack_block(const struct stoa__kernels *k, const uint8_t *run, unsigned width,
			 size_t from, size_t n, uint64_t base, void *out, unsigned log2)
{
	if (width == 24)
		unpack_24(k, run, from, n, base, out, log2);
	else
		unpack_bits(k, run, width, from, n, base, out, log2);
}

void stoa__unpack(const uint8_t *run, unsigned width, size_t from, size_t n, uint64_t base,
		  void *out, unsigned log2)
{
	const struct stoa__kernels *k = stoa__kernels();
	uint8_t *y = out;

	if (width == 0) {
		fill(out, log2, n, base);
		return;
	}
	if (width >= 8 && width != 24) {
		unsigned run_log2 = log2_of_width(width);

		run += from << run_log2;
		if (run_log2 <= log2)
			k->widen[run_log2][log2](out, run, n, base);
		else
			k->narrow[run_log2][log2](out, run, n, 0 - base);
		return;
	}
	for (size_t i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;

		unpack_block(k, run, width, from + i, len, base, y + (i << log2), log2);
	}
}

/* The same for n <= BLOCK of a run whose width is not one of C's. */
static void within_block(const uint8_t *run, unsigned width, size_t from, size_t n, uint64_t lo,
			 uint64_t span, uint64_t *bits)
{
	const struct stoa__kernels *k = stoa__kernels();
	uint32_t words[BLOCK + 8];
	uint8_t *bytes = (uint8_t *)words;
	size_t skip = from % 8;

	if (width == 24) {
		k->spread24(words, run + 3 * from, n);
		k->within[2](bits, words, n, lo, span);
		return;
	}
	k->spread[log2_of_bits(width)](bytes, run + (from - skip) * width / 8,
				       (skip + n + 7) & ~(size_t)7);
	k->within[0](bits, bytes + skip, n, lo, span);
}

void stoa__packed_within(const uint8_t *run, unsigned width, size_t from, size_t n, uint64_t lo,
			 uint64_t span, uint64_t *bits)
{
	if (width == 0) {
		if (lo)
			memset(bits, 0, STOA__WORDS(n) * sizeof *bits);
		return;
	}
	if (width >= 8 && width != 24) {
		unsigned log2 = log2_of_width(width);

		stoa__kernels()->within[log2](bits, run + (from << log2), n, lo, span);
		return;
	}
	for (size_t i = 0; i < n; i += BLOCK)
		within_block(run, width, from + i, n - i < BLOCK ? n - i : BLOCK, lo, span,
			     bits + i / 64);
}
