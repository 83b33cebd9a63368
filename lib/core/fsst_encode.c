/* SPDX-License-Identifier: MIT */
/*
 * fsst_encode.c - compressing with a table of symbols
 *
 * The encoder looks at the next 8 bytes as one word. The longest symbol that they begin with is
 * found by a few loads and no branch: a hash of the first three bytes leads to the one symbol of
 * three bytes or more that may be there, and the first two bytes index a table of what else to do:
 * a symbol of two bytes, of one, or an escape. At most one long symbol has any place in the hash
 * table ("perfect" by turning others away while training), so that there is no chain to follow;
 * the price is that two symbols with the same first three bytes cannot both be long.
 *
 * What to do is one number, a *move*: the code, how many bytes it eats, how many it writes. A byte
 * after the code is always written, and counts only for an escape.
 *
 * Many strings. One string's next word depends on the move before it: a chain of loads and a
 * multiplication, some 20 cycles for 3 bytes. So four strings go side by side, each a *lane* with a
 * chain of its own, and since no step has a branch, none waits for another. Not even for the end of
 * a string, which is a byte too:
 *
 *	carefully final.END foxes.END ... slyly.END | deposits.END ... above.STOP
 *	lane 0                                        lane 1
 *
 * END eats itself, writes nothing and takes the lane to its next string; STOP, in place of a lane's
 * last END, eats nothing either, so that the lane stands there until the others have come as far.
 * No symbol has a byte of these two, which UTF-8 never has: so none matches across strings. A block
 * that has such a byte for a character is encoded string by string. Twice as fast as that.
 */
#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "cpu.h"
#include "fsst_encoder.h"

#define BLOCK_STRINGS 1024
#define BLOCK_BYTES 16384	/* in the first-level cache, with twice as much beside it */
#define LANES 4
#define ROUNDS 16		/* steps of all lanes between two looks at whether they stand */

size_t stoa__fsst_encode(const struct stoa__fsst_encoder *e, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	const uint8_t *end = in + len;
	uint8_t *p = out;

	while (in < end) {
		unsigned move = stoa__fsst_best(e, stoa__load_u64(in), (size_t)(end - in));

		if (stoa__fsst_writes(move) == 0)	/* a character that looks like a mark */
			move = stoa__fsst_move(STOA__FSST_ESCAPE, 1, 2);
		p[0] = (uint8_t)move;
		p[1] = *in;
		p += stoa__fsst_writes(move);
		in += stoa__fsst_eats(move);
	}
	return (size_t)(p - out);
}

/* ---- many strings ----------------------------------------------------------------------- */

struct lane {
	const uint8_t *in;
	uint8_t *out;
	uint8_t **end;	/* of the string at hand, in the output; noted all along, till it is true */
};

static inline void step(const struct stoa__fsst_encoder *e, struct lane *l)
{
	uint64_t word = stoa__load_u64(l->in);
	unsigned move = stoa__fsst_longer(e, word, e->shorts[word & 0xffff]);

	l->out[0] = (uint8_t)move;
	l->out[1] = (uint8_t)word;
	l->out += stoa__fsst_writes(move);
	l->in += stoa__fsst_eats(move);
	*l->end = l->out;
	l->end += move == STOA__FSST_MOVE_END;
}

static void run_lanes(const struct stoa__fsst_encoder *e, const struct lane *lanes)
{
	struct lane l0 = lanes[0], l1 = lanes[1], l2 = lanes[2], l3 = lanes[3];

	do {
		for (int i = 0; i < ROUNDS; i++) {
			step(e, &l0);
			step(e, &l1);
			step(e, &l2);
			step(e, &l3);
		}
	} while (*l0.in != STOA__FSST_STOP || *l1.in != STOA__FSST_STOP ||
		 *l2.in != STOA__FSST_STOP || *l3.in != STOA__FSST_STOP);
	/* An empty string at the end of a lane may not have had a step of its own. */
	*l0.end = l0.out;
	*l1.end = l1.out;
	*l2.end = l2.out;
	*l3.end = l3.out;
}

/* Some strings of a block: @first up to @last, the latter not included. */
struct share {
	size_t first, last;
	const uint8_t *in;
	uint8_t *out;
};

/* Cuts strings [0, @n), of @len bytes with marks, into shares of about as many; none is empty. */
static void cut(struct share *shares, uint8_t *in, const uint32_t *lens, size_t n, size_t len,
		uint8_t *out)
{
	size_t at = 0, i = 0;

	for (size_t k = 0; k < LANES; k++) {
		shares[k] = (struct share){ i, i, in + at, out + 2 * at };
		do
			at += lens[i++] + 1;
		while (i + (LANES - 1 - k) < n && (k == LANES - 1 || at < len * (k + 1) / LANES));
		shares[k].last = i;
		in[at - 1] = STOA__FSST_STOP;
	}
}

/* Encodes at least LANES strings; they lie as the header says. Returns the bytes written. */
static size_t encode_block(const struct stoa__fsst_encoder *e, uint8_t *in, const uint32_t *lens,
			   size_t n, size_t len, uint8_t *out, uint32_t *out_lens)
{
	uint8_t *ends[BLOCK_STRINGS];
	struct share shares[LANES];
	struct lane lanes[LANES];
	uint8_t *to = out;

	cut(shares, in, lens, n, len, out);
	for (size_t k = 0; k < LANES; k++)
		lanes[k] = (struct lane){ shares[k].in, shares[k].out, ends + shares[k].first };
	run_lanes(e, lanes);
	for (size_t k = 0; k < LANES; k++) {	/* the lanes left gaps between their outputs */
		const struct share *s = &shares[k];
		size_t written = (size_t)(ends[s->last - 1] - s->out);
		const uint8_t *before = s->out;

		for (size_t i = s->first; i < s->last; i++) {
			out_lens[i] = (uint32_t)(ends[i] - before);
			before = ends[i];
		}
		memmove(to, s->out, written);
		to += written;
	}
	return (size_t)(to - out);
}

#define COUNTED_BYTES 240	/* as many as a byte counts, so that vectors are of bytes */

/* Bytes that are marks, or look like them. */
static STOA__KERNEL size_t count_marks(const uint8_t *p, size_t len)
{
	size_t total = 0, n;

	for (; len; p += n, len -= n) {
		uint8_t found = 0;

		n = len < COUNTED_BYTES ? len : COUNTED_BYTES;
		for (size_t i = 0; i < n; i++)
			found = (uint8_t)(found + (p[i] >= STOA__FSST_STOP));
		total += found;
	}
	return total;
}

size_t stoa__fsst_encode_all(const struct stoa__fsst_encoder *e, uint8_t *in, const uint32_t *lens,
			     size_t n, uint8_t *out, uint32_t *out_lens)
{
	uint8_t *p = out;
	size_t k, len;

	for (size_t i = 0; i < n; i += k, in += len) {
		for (k = 0, len = 0; i + k < n && k < BLOCK_STRINGS && len < BLOCK_BYTES; k++)
			len += (size_t)lens[i + k] + 1;
		if (k >= LANES && count_marks(in, len) == k) {
			p += encode_block(e, in, lens + i, k, len, p, out_lens + i);
			continue;
		}
		for (size_t j = 0, at = 0; j < k; at += (size_t)lens[i + j++] + 1) {
			out_lens[i + j] = (uint32_t)stoa__fsst_encode(e, in + at, lens[i + j], p);
			p += out_lens[i + j];
		}
	}
	return (size_t)(p - out);
}

/* ---- the encoder ------------------------------------------------------------------------ */

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
