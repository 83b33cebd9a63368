/* SPDX-License-Identifier: MIT */
/*
 * scan_template.h - the scan of 64 bytes at a time, once per instruction set
 *
 * Included with TARGET (a function attribute), KERNEL_NAME (a string), KERNEL (the symbol) and
 * classify() defined, which turns 64 bytes into four words of bits. Everything else is arithmetic
 * on those words: bit i speaks of byte i. HAS_PUT_OFFSETS says that put_offsets() is defined too.
 *
 *	text       a , " x , y " , b \n
 *	quote          1         1
 *	inside         1 1 1 1 1 .		prefix XOR: from an opening quote on
 *	separator    1             1   1	(delimiter | newline) & ~inside
 *
 * Quotes are rare in most files: a word without any, outside of quotes, skips that part.
 */
#include <string.h>

#include "lanes_loops.h"

struct words {
	uint64_t quote, newline, delimiter, high;
};

/* Bit i of the result is the XOR of bits 0 .. i. */
static inline TARGET uint64_t prefix_xor(uint64_t x)
{
	x ^= x << 1;
	x ^= x << 2;
	x ^= x << 4;
	x ^= x << 8;
	x ^= x << 16;
	return x ^ x << 32;
}

/* The bytes of a last, short word, with zeros behind; what they mark is masked away. */
static inline TARGET struct words classify_tail(const struct stoa__csv_scan *s, const char *p,
						size_t n)
{
	uint64_t keep = ((uint64_t)1 << n) - 1;
	char padded[64] = { 0 };
	struct words w;

	memcpy(padded, p, n);
	w = classify(s, padded);
	w.quote &= keep;
	w.newline &= keep;
	w.delimiter &= keep;
	return w;
}

/* Which bytes are quoted; moves the state past a word that ends with byte @last. */
static inline TARGET uint64_t inside_of(struct stoa__csv_scan *s, const struct words *w,
					unsigned last, size_t base)
{
	uint64_t inside = prefix_xor(w->quote) ^ s->quoted;
	uint64_t separator = (w->newline | w->delimiter) & ~inside;
	uint64_t closes = w->quote & ~inside;
	uint64_t allowed = (separator | closes) << 1 | s->at_start | s->after_quote;
	uint64_t bad = w->quote & inside & ~allowed;

	if (bad && s->bad_quote == SIZE_MAX)
		s->bad_quote = base + (size_t)__builtin_ctzll(bad);
	s->quoted = 0 - (inside >> 63);
	s->at_start = separator >> last & 1;
	s->after_quote = closes >> last & 1;
	return inside;
}

#ifndef HAS_PUT_OFFSETS
/*
 * Writes the offset of every bit: eight at a time, since the number of bits is unpredictable and a
 * branch per bit costs more than a few stores too many (room for them is STOA__CSV_SCAN_ROOM).
 */
static inline TARGET size_t put_offsets(uint32_t *out, uint64_t bits, uint32_t base)
{
	size_t n = (size_t)__builtin_popcountll(bits);

	for (size_t i = 0; i < n; i += 8) {
		for (size_t k = 0; k < 8; k++) {
			out[i + k] = base + (uint32_t)__builtin_ctzll(bits | (uint64_t)1 << 63);
			bits &= bits - 1;
		}
	}
	return n;
}
#endif

static inline TARGET size_t fields_word(struct stoa__csv_scan *s, struct words w, unsigned last,
					size_t base, uint32_t *out)
{
	uint64_t separator = w.newline | w.delimiter;

	s->non_ascii |= w.high != 0;
	if (w.quote | s->quoted) {
		uint64_t inside = inside_of(s, &w, last, base);

		separator &= ~inside;
		w.newline &= ~inside;
	} else {
		s->at_start = separator >> last & 1;
		s->after_quote = 0;
	}
	s->n_newlines += (size_t)__builtin_popcountll(w.newline);
	return put_offsets(out, separator, (uint32_t)base);
}

static TARGET size_t fields(struct stoa__csv_scan *s, const char *text, size_t from, size_t to,
			    uint32_t *out, size_t *n, size_t cap)
{
	struct stoa__csv_scan here = *s;	/* in registers */
	size_t i = from, at = *n;

	for (; to - i >= 64 && cap - at >= STOA__CSV_SCAN_ROOM; i += 64)
		at += fields_word(&here, classify(&here, text + i), 63, i, out + at);
	if (to - i < 64 && i < to && cap - at >= STOA__CSV_SCAN_ROOM) {
		struct words w = classify_tail(&here, text + i, to - i);

		at += fields_word(&here, w, (unsigned)(to - i - 1), i, out + at);
		i = to;
	}
	*n = at;
	*s = here;
	return i;
}

/* Ends of records that are no blank lines among the bytes of a word. */
static inline TARGET uint64_t record_ends(struct stoa__csv_scan *s, struct words w, unsigned last,
					  size_t base)
{
	uint64_t newline = w.newline, ends;

	if (w.quote | s->quoted) {
		newline &= ~inside_of(s, &w, last, base);
	} else {
		s->at_start = (w.newline | w.delimiter) >> last & 1;
		s->after_quote = 0;
	}
	ends = newline & ~(newline << 1 | s->after_newline);
	s->after_newline = newline >> last & 1;
	return ends;
}

static inline TARGET size_t nth_bit(uint64_t bits, size_t n)
{
	for (; n > 0; n--)
		bits &= bits - 1;
	return (size_t)__builtin_ctzll(bits);
}

static TARGET size_t records(struct stoa__csv_scan *s, const char *text, size_t from, size_t to,
			     size_t *wanted)
{
	struct stoa__csv_scan here = *s;
	size_t left = *wanted, i = from, at = to;

	here.last_end = 0;
	while (left > 0 && i < to) {
		bool whole = to - i >= 64;
		unsigned last = whole ? 63 : (unsigned)(to - i - 1);
		struct words w = whole ? classify(&here, text + i)
				       : classify_tail(&here, text + i, to - i);
		uint64_t ends = record_ends(&here, w, last, i);
		size_t found = (size_t)__builtin_popcountll(ends);

		if (found >= left) {	/* the state is that of a record's start */
			at = i + nth_bit(ends, left - 1) + 1;
			here.last_end = at;
			here.quoted = here.after_quote = 0;
			here.at_start = here.after_newline = 1;
			left = 0;
			break;
		}
		if (ends)
			here.last_end = i + 64 - (size_t)__builtin_clzll(ends);
		left -= found;
		i += whole ? 64 : to - i;
	}
	*wanted = left;
	*s = here;
	return at;
}

const struct stoa__csv_scan_kernel KERNEL = { KERNEL_NAME, fields, records,
					      { numbers, dates, times } };
