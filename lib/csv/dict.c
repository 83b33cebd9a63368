/* SPDX-License-Identifier: MIT */
/*
 * dict.c - the distinct strings of a column in one block, and a code for each
 *
 * Open addressing with linear probing. A slot carries 32 bits of the hash beside the code, so that
 * a probe that meets another string almost never has to look at its bytes. (1) At most half of the
 * slots are taken. (2) slots[i] names a code below n, and each code is named once. (3) What was met
 * lately is in the table too, with the same code.
 */
#include "dict.h"

#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"
#include "../core/hash.h"

#define SLOTS_MIN 256

void stoa__csv_dict_release(struct stoa__csv_dict *d)
{
	stoa__free(d->list);
	stoa__free(d->slots);
	memset(d, 0, sizeof *d);
}

void stoa__csv_dict_reset(struct stoa__csv_dict *d)
{
	if (d->n > 0)
		memset(d->slots, 0, ((size_t)d->mask + 1) * sizeof *d->slots);
	memset(d->lately, 0, sizeof d->lately);
	memset(d->single, 0, sizeof d->single);
	d->n = 0;
}

static uint64_t slot_of(uint64_t hash, uint32_t code)
{
	return (hash & ~(uint64_t)UINT32_MAX) | (code + 1);
}

/* Twice the slots, the codes put in anew. */
static int grow_slots(struct stoa__csv_dict *d)
{
	size_t n_slots = d->slots ? 2 * ((size_t)d->mask + 1) : SLOTS_MIN;
	uint64_t *slots = stoa__calloc(n_slots, sizeof *slots);

	if (!slots)
		return STOA_ENOMEM;
	for (uint32_t code = 0; code < d->n; code++) {
		uint64_t hash = stoa__hash(d->list[code].p, d->list[code].len);
		size_t i = hash & (n_slots - 1);

		while (slots[i])
			i = (i + 1) & (n_slots - 1);
		slots[i] = slot_of(hash, code);
	}
	stoa__free(d->slots);
	d->slots = slots;
	d->mask = (uint32_t)(n_slots - 1);
	return STOA_OK;
}

static int grow_list(struct stoa__csv_dict *d)
{
	uint32_t cap = d->cap ? 2 * d->cap : SLOTS_MIN / 2;
	struct stoa_bytes *list = stoa__realloc_array(d->list, cap, sizeof *list);

	if (!list)
		return STOA_ENOMEM;
	d->list = list;
	d->cap = cap;
	return STOA_OK;
}

/* Room for one more string. */
static int reserve(struct stoa__csv_dict *d)
{
	if (d->n == d->cap)
		STOA_TRY(grow_list(d));
	if (!d->slots || 2 * (size_t)(d->n + 1) > (size_t)d->mask + 1)
		STOA_TRY(grow_slots(d));
	return STOA_OK;
}

/*
 * Are @n bytes at @a and @b equal? Most strings are short: those are compared in a register, as far
 * as 8 bytes from the start, which are readable behind any field; memcmp() takes longer to be
 * called.
 */
static inline bool equal(const char *a, const char *b, size_t n)
{
	uint64_t x, y;

	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	if (n < 8)
		return ((x ^ y) & (((uint64_t)1 << 8 * n) - 1)) == 0;
	return x == y && (n == 8 || memcmp(a + 8, b + 8, n - 8) == 0);
}

int stoa__csv_dict_find(struct stoa__csv_dict *d, const char *p, uint32_t n, uint32_t *code)
{
	uint64_t hash = stoa__hash(p, n);
	size_t i;

	if (!d->slots)
		STOA_TRY(reserve(d));
	for (i = hash & d->mask; d->slots[i]; i = (i + 1) & d->mask) {
		uint32_t c = (uint32_t)d->slots[i] - 1;

		if ((d->slots[i] ^ hash) >> 32 == 0 && d->list[c].len == n &&
		    equal(d->list[c].p, p, n)) {
			*code = c;
			return STOA_OK;
		}
	}
	if (d->n == d->cap || 2 * (size_t)(d->n + 1) > (size_t)d->mask + 1) {
		STOA_TRY(reserve(d));
		for (i = hash & d->mask; d->slots[i]; i = (i + 1) & d->mask)
			;
	}
	*code = d->n;
	d->slots[i] = slot_of(hash, d->n);
	d->list[d->n++] = (struct stoa_bytes){ p, n };
	return STOA_OK;
}
