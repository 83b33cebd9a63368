/* SPDX-License-Identifier: MIT */
/*
 * fsst_run.c - decompresses many strings as one
 *
 * Short strings end every dozen codes, and a loop for each would mispredict its end each time.
 * But strings that lie one after another are one run of codes: it is decoded eight codes at a
 * time, whatever string they belong to, and where each code's bytes begin is noted; where strings
 * end is looked up afterwards.
 *
 *     codes    c0 c1 c2 | c3 c4 | c5 ...         lens 3, 2, ...
 *     places    0  4  9    12 15   21             ends 12, 21, ...
 *
 * The byte behind an escape is no code: its place is BROKEN, and a string that ends there is
 * malformed.
 */
#include "buf.h"
#include "fsst.h"

#define BROKEN UINT32_MAX

struct run {
	const struct stoa__fsst_table *t;
	const uint8_t *in;
	size_t len;
	uint8_t *out, *p;
	uint32_t places[STOA__FSST_RUN_MAX + 2];
};

static inline void emit(struct run *r, size_t at, uint8_t code)
{
	r->places[at] = (uint32_t)(r->p - r->out);
	memcpy(r->p, &r->t->symbol[code], 8);
	r->p += r->t->len[code];
}

/*
 * Codes @at to @end, escapes among them; where the next begins, SIZE_MAX if the run ends in an
 * escape.
 */
static size_t emit_some(struct run *r, size_t at, size_t end)
{
	while (at < end) {
		if (r->in[at] != STOA__FSST_ESCAPE) {
			emit(r, at, r->in[at]);
			at++;
			continue;
		}
		if (at + 1 == r->len)
			return SIZE_MAX;
		r->places[at] = (uint32_t)(r->p - r->out);
		r->places[at + 1] = BROKEN;
		*r->p++ = r->in[at + 1];
		at += 2;
	}
	return at;
}

/* Is a byte of @x 255? */
static inline bool has_escape(uint64_t x)
{
	return ((~x - 0x0101010101010101u) & x & 0x8080808080808080u) != 0;
}

static bool decode(struct run *r)
{
	size_t at = 0;

	while (at + 8 <= r->len) {
		uint64_t codes = stoa__load_u64(r->in + at);

		if (has_escape(codes)) {
			at = emit_some(r, at, at + 8);
			if (at > r->len)
				return false;
			continue;
		}
		for (size_t i = 0; i < 8; i++)
			emit(r, at + i, (uint8_t)(codes >> (8 * i)));
		at += 8;
	}
	at = emit_some(r, at, r->len);
	if (at > r->len)
		return false;
	r->places[at] = (uint32_t)(r->p - r->out);
	return true;
}

bool stoa__fsst_decode_run(const struct stoa__fsst_table *t, const uint8_t *in,
			   const uint32_t *lens, size_t n, uint8_t *out, uint32_t *out_lens)
{
	struct run r;	/* not cleared: its places are many */
	uint32_t before = 0;
	size_t at = 0;

	r.t = t;
	r.in = in;
	r.out = r.p = out;
	r.len = 0;
	for (size_t i = 0; i < n; i++)
		r.len += lens[i];
	if (!decode(&r))
		return false;
	for (size_t i = 0; i < n; i++) {
		at += lens[i];
		if (r.places[at] == BROKEN)
			return false;
		out_lens[i] = r.places[at] - before;
		before = r.places[at];
	}
	return true;
}
