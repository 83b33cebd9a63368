/* SPDX-License-Identifier: MIT */
/*
 * dict.h - the distinct strings of a column in one block, and a code for each
 *
 * Every occurrence is hashed once (XXH3) and turned into a 32-bit code, so that a row group's
 * encoder and the symbol table see each distinct string once. The strings borrow from the block's
 * text.
 */
#ifndef STOA__CSV_DICT_H
#define STOA__CSV_DICT_H

#include "../stoa.h"

struct stoa__csv_dict {
	struct stoa_bytes *list;	/* string of each code */
	uint32_t n;
	uint32_t cap;
	uint64_t *slots;	/* high half of the hash, low half the code + 1; 0: free */
	uint32_t mask;		/* number of slots - 1, a power of two - 1; 0: none yet */
};

void stoa__csv_dict_release(struct stoa__csv_dict *d);
/* Forgets the strings, keeps the memory. */
void stoa__csv_dict_reset(struct stoa__csv_dict *d);
/*
 * The code of @n bytes at @p, which become its string if it is new; 8 bytes must be readable
 * whatever
 * @n is. STOA_OK or STOA_ENOMEM. O(@n).
 */
int stoa__csv_dict_code(struct stoa__csv_dict *d, const char *p, uint32_t n, uint32_t *code);

#endif
