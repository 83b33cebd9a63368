/* SPDX-License-Identifier: MIT */
/* text_parts.h - what the files that turn values into text and back share */
#ifndef STOA__TEXT_PARTS_H
#define STOA__TEXT_PARTS_H

#include "text.h"

static inline char stoa__lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Is the text @word, which is in lower case, in any case? */
bool stoa__text_is(const char *p, size_t n, const char *word);

/* Takes a sign off the text: true for minus. */
static inline bool stoa__take_sign(const char **p, size_t *n)
{
	bool minus = *n > 0 && **p == '-';

	if (*n > 0 && (**p == '-' || **p == '+')) {
		++*p;
		--*n;
	}
	return minus;
}

/* A number as m x 10^exponent, as far as 19 digits go. */
struct stoa__decimal_text {
	uint64_t m;		/* the first 19 significant digits */
	int64_t exponent;	/* of 10, for m */
	size_t n_digits;	/* significant ones; leading zeros are not */
	size_t end;		/* bytes taken */
	bool any;		/* there was a digit */
	bool sticky;		/* a digit that is not in m was not 0 */
};

/* Reads digits[.digits] as far as it goes. */
struct stoa__decimal_text stoa__scan_decimal(const char *p, size_t n);

/* Each prints to @out and returns how many bytes. The first: at least @width digits. */
size_t stoa__print_u64(uint64_t x, unsigned width, char *out);
size_t stoa__print_date(int32_t days, char *out);
size_t stoa__print_time(uint64_t us, char *out);
size_t stoa__print_timestamp(int64_t us, char *out);

#endif
