/* SPDX-License-Identifier: MIT */
/*
 * dict.h - the distinct strings of a column in one block, and a code for each
 *
 * Every occurrence is turned into a 32-bit code, so that a row group's encoder and the symbol table
 * see each distinct string once. The strings borrow from the block's text.
 *
 * In front of the table, which is hashed by XXH3, stands a small one of strings met lately: most
 * columns have few distinct strings, and short ones, which three words hold in full, so that one
 * look at one cache line tells their code. On TPC-H lineitem that takes a third of the time. It has
 * room for the airports of a country: of 230, few share a place.
 */
#ifndef STOA__CSV_DICT_H
#define STOA__CSV_DICT_H

#include <string.h>

#include "../core/error.h"
#include "../stoa.h"

#define STOA__CSV_DICT_LATELY 1024
#define STOA__CSV_DICT_SHORT 24

/* A string of 2 to STOA__CSV_DICT_SHORT bytes, in full, and its code; len 0: none. */
struct stoa__csv_dict_short {
	uint64_t first, middle, last;
	uint32_t len;
	uint32_t code;
};

struct stoa__csv_dict {
	struct stoa_bytes *list;	/* string of each code */
	uint32_t n;
	uint32_t cap;
	uint64_t *slots;	/* high half of the hash, low half the code + 1; 0: free */
	uint32_t mask;		/* number of slots - 1, a power of two - 1; 0: none yet */
	struct stoa__csv_dict_short lately[STOA__CSV_DICT_LATELY];
	uint32_t single[256];	/* of one byte, flags and the like: code + 1, or 0 */
};

void stoa__csv_dict_release(struct stoa__csv_dict *d);
/* Forgets the strings, keeps the memory. */
void stoa__csv_dict_reset(struct stoa__csv_dict *d);
/* stoa__csv_dict_code() by the table alone. */
int stoa__csv_dict_find(struct stoa__csv_dict *d, const char *p, uint32_t n, uint32_t *code);

/* The first and last 8 bytes, or what there is of them, and those between. */
static inline struct stoa__csv_dict_short stoa__csv_dict_short_of(const char *p, uint32_t n)
{
	struct stoa__csv_dict_short s = { 0, 0, 0, n, 0 };
	/* By masks: a column of few strings of several lengths is where branches are never learnt. */
	unsigned foreign = (64 - 8 * n) & (0 - (unsigned)(n < 8));	/* bits of each load */

	memcpy(&s.first, p, 8);
	memcpy(&s.middle, p + 8, 8);
	memcpy(&s.last, p + n - 8, 8);
	s.first <<= foreign;
	s.middle &= 0 - (uint64_t)(n > 16);
	s.last >>= foreign;
	return s;
}

static inline struct stoa__csv_dict_short *
stoa__csv_dict_place(struct stoa__csv_dict *d, const struct stoa__csv_dict_short *s)
{
	uint64_t hash = s->first * UINT64_C(0x9e3779b97f4a7c15) +
			(s->middle ^ s->last) * UINT64_C(0xc2b2ae3d27d4eb4f);

	return &d->lately[(hash >> 32) % STOA__CSV_DICT_LATELY];
}

/* stoa__csv_dict_code() of one byte. */
static inline int stoa__csv_dict_single(struct stoa__csv_dict *d, const char *p, uint32_t *code)
{
	uint32_t *known = &d->single[(unsigned char)*p];

	if (*known == 0) {
		STOA_TRY(stoa__csv_dict_find(d, p, 1, code));
		*known = *code + 1;
	}
	*code = *known - 1;
	return STOA_OK;
}

/*
 * The code of @n bytes at @p, which become its string if it is new; 16 bytes from @p on must be
 * readable whatever @n is, and 8 before @p + @n. STOA_OK or STOA_ENOMEM. O(@n).
 */
static inline int stoa__csv_dict_code(struct stoa__csv_dict *d, const char *p, uint32_t n,
				      uint32_t *code)
{
	struct stoa__csv_dict_short s, *place;
	int rc;

	if (n == 1)
		return stoa__csv_dict_single(d, p, code);
	if (n - 1 >= STOA__CSV_DICT_SHORT)
		return stoa__csv_dict_find(d, p, n, code);
	s = stoa__csv_dict_short_of(p, n);
	place = stoa__csv_dict_place(d, &s);
	*code = place->code;
	if (!((place->first ^ s.first) | (place->middle ^ s.middle) | (place->last ^ s.last) |
	      (place->len ^ n)))
		return STOA_OK;
	rc = stoa__csv_dict_find(d, p, n, code);
	if (rc < 0)
		return rc;
	s.code = *code;
	*place = s;
	return STOA_OK;
}

#endif
