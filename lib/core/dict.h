/* SPDX-License-Identifier: MIT */
/*
 * dict.h - numbers distinct strings or ids in the order they come
 *
 * A hash table with open addressing, at most half full, that doubles as it fills; a slot has the
 * key's hash beside its number, so that almost every comparison of bytes finds what it looks for.
 *
 * Threads: one at a time.
 */
#ifndef STOA__DICT_H
#define STOA__DICT_H

#include "../stoa.h"

struct stoa__dict_slot {
	uint32_t hash;
	uint32_t code_1;	/* code + 1; 0 where the slot is empty */
};

struct stoa__dict {
	struct stoa__dict_slot *slots;
	uint32_t mask;		/* number of slots - 1 */
	uint32_t n;		/* keys */
	uint32_t cap;		/* room for keys */
	struct stoa_bytes *strings;	/* keys, if strings; they borrow the caller's bytes */
	uint32_t *ids;			/* keys, if ids */
};
#define STOA__DICT_INIT { NULL, 0, 0, 0, NULL, NULL }

void stoa__dict_release(struct stoa__dict *d);
/*
 * The number of a key, new or old. STOA_OK or STOA_ENOMEM. A dictionary has strings or ids, not
 * both.
 */
int stoa__dict_add_string(struct stoa__dict *d, const char *p, uint32_t len, uint32_t *code);
int stoa__dict_add_id(struct stoa__dict *d, uint32_t id, uint32_t *code);

#endif
