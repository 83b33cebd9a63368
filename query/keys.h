/* SPDX-License-Identifier: MIT */
/*
 * keys.h - values as fixed-size keys: what grouping, DISTINCT and count(DISTINCT) have in common
 *
 * A keyer turns a vector into 64-bit words, equal where the values are: numbers as their bits,
 * strings as ids of a table of its own. A tuple table gives tuples of words dense ids, in order of
 * first appearance. Both grow with the distinct values only.
 */
#ifndef STOA__KEYS_H
#define STOA__KEYS_H

#include "../lib/core/source.h"
#include "arena.h"

/* Distinct strings and their ids, from 0. */
struct stoa__strings {
	struct stoa__arena arena;
	struct stoa_bytes *items;
	uint32_t n, cap;
	uint32_t *table;	/* id + 1 by hash; 0 is free */
	uint32_t *tags;		/* hash bits of each id */
	size_t size;		/* of @table: 0 or a power of two */
};
/*
 * A hash of row @i of @n columns, by their values: the same whatever the form of the vectors, for
 * all that are equal.
 */
uint64_t stoa__hash_row(const struct stoa__vec *v, size_t n, size_t i);
/* The id of @s, which is copied when new. STOA_OK, STOA_ENOMEM or STOA_EFULL. */
int stoa__strings_put(struct stoa__strings *t, struct stoa_bytes s, uint32_t *id);
/* The id that @s has; false if it has none. */
bool stoa__strings_find(const struct stoa__strings *t, struct stoa_bytes s, uint32_t *id);
void stoa__strings_release(struct stoa__strings *t);

#define STOA__WORD_UNKNOWN UINT64_MAX	/* of a string that a frozen keyer does not know */
struct stoa__keyer {
	uint8_t phys;
	bool frozen;			/* takes no new strings */
	struct stoa__strings strings;	/* of PHYS_BYTES */
	uint64_t dict_id;		/* whose codes @memo knows */
	uint64_t *memo;			/* word + 1 by code; 0 is unknown */
	uint32_t n_memo;
};
/* Words of the first @n rows; a NULL row's word is 0. */
int stoa__keyer_words(struct stoa__keyer *k, const struct stoa__vec *v, size_t n, uint64_t *words,
		      struct stoa_error *err);
/* The word here of the string whose word is @word in @from. */
int stoa__keyer_translate(struct stoa__keyer *k, const struct stoa__keyer *from, uint64_t word,
			  uint64_t *out, struct stoa_error *err);
/* Heap that it holds. */
uint64_t stoa__keyer_bytes(const struct stoa__keyer *k);
/*
 * The words that values of @v have in @of, another keyer, which learns nothing; @k keeps the
 * memo. A byte of @known for each row: 0 where the value is NULL or was never met by @of.
 */
int stoa__keyer_find(struct stoa__keyer *k, const struct stoa__keyer *of, const struct stoa__vec *v,
		     size_t n, uint64_t *words, uint8_t *known, struct stoa_error *err);
void stoa__keyer_release(struct stoa__keyer *k);
/* Of one word, and of several. */
static inline uint64_t stoa__hash_word(uint64_t h, uint64_t w)
{
	/* Multiply and fold (after wyhash's mixing step). */
	unsigned __int128 p = (unsigned __int128)(h ^ w) * UINT64_C(0xd6e8feb86659fd93);

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}
static inline uint64_t stoa__hash_words(const uint64_t *w, size_t n)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < n; i++)
		h = stoa__hash_word(h, w[i]);
	return h;
}

struct stoa__tuples {
	size_t width;		/* words of a tuple */
	uint64_t *rows;		/* n tuples, side by side */
	uint32_t n, cap;
	uint32_t *table;	/* id + 1 by hash; 0 is free */
	size_t size;
};
static inline void stoa__tuples_init(struct stoa__tuples *t, size_t width)
{
	*t = (struct stoa__tuples){ .width = width };
}
/* The id of @tuple, which is added when new: *@fresh. */
int stoa__tuples_put(struct stoa__tuples *t, const uint64_t *tuple, uint32_t *id, bool *fresh,
		     struct stoa_error *err);
/*
 * The ids of @n tuples, side by side, at most STOA__TUPLES_BATCH. Faster than one by one: all
 * hashes first, so that the processor fetches what the probes will touch while the ones before
 * still run.
 */
#define STOA__TUPLES_BATCH 64
int stoa__tuples_put_all(struct stoa__tuples *t, const uint64_t *tuples, size_t n, uint32_t *ids,
			 struct stoa_error *err);
/* The id that @tuple has; false if it has none. */
bool stoa__tuples_find(const struct stoa__tuples *t, const uint64_t *tuple, uint32_t *id);
uint64_t stoa__tuples_bytes(const struct stoa__tuples *t);
void stoa__tuples_release(struct stoa__tuples *t);

/* Makes room for @n elements, at least doubling; false when out of memory. */
bool stoa__grow(void **array, uint32_t *cap, uint32_t n, size_t size);

#endif
