/* SPDX-License-Identifier: MIT */
/*
 * dict.c - numbers distinct keys (dict.h)
 *
 * (1) slots is a power of two, and n <= slots / 2.
 * (2) keys[0 .. n) are distinct; the slots with code_1 in 1 .. n are those of the keys, each once.
 */
#include "dict.h"

#include <string.h>

/* Inlined: most keys are a few bytes long, and the call would cost more than the hash. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "alloc.h"
#include "buf.h"

#define SLOTS_MIN 256

void stoa__dict_release(struct stoa__dict *d)
{
	stoa__free(d->slots);
	stoa__free(d->strings);
	stoa__free(d->ids);
	memset(d, 0, sizeof *d);
}

static void place(struct stoa__dict_slot *slots, uint32_t mask, struct stoa__dict_slot s)
{
	uint32_t i = s.hash & mask;

	while (slots[i].code_1)
		i = (i + 1) & mask;
	slots[i] = s;
}

static int grow_keys(struct stoa__dict *d, uint32_t cap)
{
	void *p;

	if (!d->ids) {
		p = stoa__realloc_array(d->strings, cap, sizeof *d->strings);
		if (!p)
			return STOA_ENOMEM;
		d->strings = p;
	} else {
		p = stoa__realloc_array(d->ids, cap, sizeof *d->ids);
		if (!p)
			return STOA_ENOMEM;
		d->ids = p;
	}
	d->cap = cap;
	return STOA_OK;
}

/* Twice the slots, and keys for half of them. */
static int grow(struct stoa__dict *d)
{
	uint32_t n_slots = d->slots ? 2 * (d->mask + 1) : SLOTS_MIN;
	struct stoa__dict_slot *slots;
	int rc = grow_keys(d, n_slots / 2);

	if (rc < 0)
		return rc;
	slots = stoa__calloc(n_slots, sizeof *slots);
	if (!slots)
		return STOA_ENOMEM;
	for (uint32_t i = 0; d->slots && i <= d->mask; i++)
		if (d->slots[i].code_1)
			place(slots, n_slots - 1, d->slots[i]);
	stoa__free(d->slots);
	d->slots = slots;
	d->mask = n_slots - 1;
	return STOA_OK;
}

static bool full(const struct stoa__dict *d)
{
	return !d->slots || d->n >= (d->mask + 1) / 2;
}

/* Are two runs of the same length equal? Of up to 16 bytes by two loads each that may overlap. */
static inline bool same_bytes(const char *a, const char *b, uint32_t len)
{
	if (len > 16)
		return memcmp(a, b, len) == 0;
	if (len >= 8)
		return ((stoa__load_u64(a) ^ stoa__load_u64(b)) |
			(stoa__load_u64(a + len - 8) ^ stoa__load_u64(b + len - 8))) == 0;
	if (len >= 4)
		return ((stoa__load_u32(a) ^ stoa__load_u32(b)) |
			(stoa__load_u32(a + len - 4) ^ stoa__load_u32(b + len - 4))) == 0;
	return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
}

static inline bool same(const struct stoa_bytes *s, const char *p, uint32_t len)
{
	return s->len == len && same_bytes(s->p, p, len);
}

int stoa__dict_add_string(struct stoa__dict *d, const char *p, uint32_t len, uint32_t *code)
{
	uint32_t hash = (uint32_t)XXH3_64bits(p, len), i;

	if (full(d)) {
		int rc = grow(d);

		if (rc < 0)
			return rc;
	}
	for (i = hash & d->mask; d->slots[i].code_1; i = (i + 1) & d->mask) {
		uint32_t known = d->slots[i].code_1 - 1;

		if (d->slots[i].hash == hash && same(&d->strings[known], p, len)) {
			*code = known;
			return STOA_OK;
		}
	}
	d->strings[d->n].p = p;
	d->strings[d->n].len = len;
	*code = d->n++;
	d->slots[i].hash = hash;
	d->slots[i].code_1 = d->n;
	return STOA_OK;
}

/* Ids are dense small numbers or not, as it happens: Fibonacci hashing spreads both. */
static uint32_t hash_id(uint32_t id)
{
	return (uint32_t)((uint64_t)id * 0x9e3779b97f4a7c15u >> 32);
}

int stoa__dict_add_id(struct stoa__dict *d, uint32_t id, uint32_t *code)
{
	uint32_t hash = hash_id(id), i;

	if (!d->ids) {
		d->ids = stoa__alloc(sizeof *d->ids);
		if (!d->ids)
			return STOA_ENOMEM;
	}
	if (full(d)) {
		int rc = grow(d);

		if (rc < 0)
			return rc;
	}
	for (i = hash & d->mask; d->slots[i].code_1; i = (i + 1) & d->mask) {
		if (d->ids[d->slots[i].code_1 - 1] == id) {
			*code = d->slots[i].code_1 - 1;
			return STOA_OK;
		}
	}
	d->ids[d->n] = id;
	*code = d->n++;
	d->slots[i].hash = hash;
	d->slots[i].code_1 = d->n;
	return STOA_OK;
}
