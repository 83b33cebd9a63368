/* SPDX-License-Identifier: MIT */
/* record.h - the catalog's keys, as load.c and checkpoint.c share them; tags are in db.h */
#ifndef STOA__RECORD_H
#define STOA__RECORD_H

#include <stdint.h>

#include "../storage/catalog.h"

/*
 * Stands for a first rowid in the keys of live blocks and overlay pages that belong to a table's
 * tail.
 */
#define STOA__TAIL_ROWID UINT64_MAX

struct stoa__key {
	uint8_t p[STOA__CATALOG_KEY_MAX];
	uint8_t len;
};

static inline struct stoa__key stoa__key(uint8_t tag)
{
	return (struct stoa__key){ { tag }, 1 };
}

/* Appends a number, big-endian, so that keys sort by it. */
static inline void stoa__key_add(struct stoa__key *k, uint64_t x, unsigned n_bytes)
{
	for (unsigned i = n_bytes; i--;)
		k->p[k->len++] = (uint8_t)(x >> (8 * i));
}

static inline uint64_t stoa__key_number(const uint8_t *p, unsigned n_bytes)
{
	uint64_t x = 0;

	for (unsigned i = 0; i < n_bytes; i++)
		x = x << 8 | p[i];
	return x;
}

static inline struct stoa__key stoa__key_table(uint8_t tag, uint32_t table)
{
	struct stoa__key k = stoa__key(tag);

	stoa__key_add(&k, table, 4);
	return k;
}

static inline struct stoa__key stoa__key_group(uint8_t tag, uint32_t table, uint64_t first)
{
	struct stoa__key k = stoa__key_table(tag, table);

	stoa__key_add(&k, first, 8);
	return k;
}

#endif
