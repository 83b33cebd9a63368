/* SPDX-License-Identifier: MIT */
/*
 * scan_scalar.c - ends of fields and records, byte by byte: the specification of all scan kernels
 */
#include "scan.h"

#define TARGET
#include "lanes_loops.h"

/* Passes one byte: is it unquoted? */
static bool step(struct stoa__csv_scan *s, char c, size_t at)
{
	if (c == s->quote) {
		bool opens = !s->quoted;

		if (opens && !s->at_start && !s->after_quote && at < s->bad_quote)
			s->bad_quote = at;
		s->quoted = ~s->quoted;
		s->after_quote = !opens;
		s->at_start = 0;
		return false;
	}
	s->after_quote = 0;
	s->at_start = !s->quoted && (c == s->delimiter || c == '\n');
	return !s->quoted;
}

static size_t fields(struct stoa__csv_scan *s, const char *text, size_t from, size_t to,
		     uint32_t *out, size_t *n, size_t cap)
{
	for (size_t i = from; i < to; i++) {
		char c = text[i];

		if (cap - *n < STOA__CSV_SCAN_ROOM)
			return i;
		s->non_ascii |= (unsigned char)c > 127;
		if (!step(s, c, i) || (c != s->delimiter && c != '\n'))
			continue;
		out[(*n)++] = (uint32_t)i;
		s->n_newlines += c == '\n';
	}
	return to;
}

static size_t records(struct stoa__csv_scan *s, const char *text, size_t from, size_t to,
		      size_t *wanted)
{
	s->last_end = 0;
	for (size_t i = from; i < to && *wanted > 0; i++) {
		bool newline = step(s, text[i], i) && text[i] == '\n';

		if (newline && !s->after_newline) {
			s->last_end = i + 1;
			--*wanted;
		}
		s->after_newline = newline;
	}
	return *wanted > 0 ? to : s->last_end;
}

const struct stoa__csv_scan_kernel stoa__csv_scan_scalar = { "scalar", fields, records,
							  { numbers, dates, times } };
