/* SPDX-License-Identifier: MIT */
/*
 * keys.c - values as fixed-size keys
 *
 * Open addressing with linear probing in tables of ids, at most half full; the keys themselves lie
 * densely, in order of arrival, which is the order of the result. Strings in dictionary form are
 * hashed once per dictionary entry: the memo, code to word, lives as long as the dict_id stays the
 * same.
 */
#include "keys.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/hash.h"
#include "loops.h"
#include "prog.h"

#define IDS_MAX 0x7fffffffu

bool stoa__grow(void **array, uint32_t *cap, uint32_t n, size_t size)
{
	uint64_t more = *cap ? *cap : 64;

	if (n <= *cap)
		return true;
	while (more < n)
		more *= 2;
	if (more > IDS_MAX + UINT64_C(1))
		return false;
	void *p = stoa__realloc_array(*array, more, size);
	if (!p)
		return false;
	*array = p;
	*cap = (uint32_t)more;
	return true;
}

/* ---- strings -------------------------------------------------------------------------------- */

static int strings_rehash(struct stoa__strings *t)
{
	size_t size = t->size ? t->size * 2 : 64;
	uint32_t *table = stoa__calloc(size, sizeof *table);

	if (!table)
		return STOA_ENOMEM;
	for (uint32_t id = 0; id < t->n; id++) {
		size_t at = t->tags[id] & (size - 1);
		while (table[at])
			at = (at + 1) & (size - 1);
		table[at] = id + 1;
	}
	stoa__free(t->table);
	t->table = table;
	t->size = size;
	return STOA_OK;
}

static int strings_add(struct stoa__strings *t, struct stoa_bytes s, uint32_t tag, uint32_t *id)
{
	uint32_t cap = t->cap;
	void *items = t->items, *tags = t->tags;

	if (t->n >= IDS_MAX)
		return STOA_EFULL;
	if (t->n == cap) {
		uint32_t cap_tags = cap;
		if (!stoa__grow(&items, &cap, t->n + 1, sizeof *t->items))
			return STOA_ENOMEM;
		t->items = items;
		if (!stoa__grow(&tags, &cap_tags, t->n + 1, sizeof *t->tags))
			return STOA_ENOMEM;
		t->tags = tags;
		t->cap = cap;
	}
	char *copy = stoa__arena_copy(&t->arena, s.p, s.len);
	if (!copy)
		return STOA_ENOMEM;
	t->items[t->n] = (struct stoa_bytes){ copy, s.len };
	t->tags[t->n] = tag;
	*id = t->n++;
	return STOA_OK;
}

static uint32_t tag_of(struct stoa_bytes s)
{
	return (uint32_t)stoa__hash(s.p ? s.p : "", s.len);
}

static int put_tagged(struct stoa__strings *t, struct stoa_bytes s, uint32_t tag, uint32_t *id)
{
	if (t->n * (size_t)2 >= t->size)
		STOA_TRY(strings_rehash(t));
	size_t at = tag & (t->size - 1);
	for (; t->table[at]; at = (at + 1) & (t->size - 1)) {
		uint32_t have = t->table[at] - 1;
		if (t->tags[have] != tag)
			continue;
		struct stoa_bytes x = t->items[have];
		if (x.len == s.len && (!s.len || !memcmp(x.p, s.p, s.len))) {
			*id = have;
			return STOA_OK;
		}
	}
	STOA_TRY(strings_add(t, s, tag, id));
	t->table[at] = *id + 1;
	return STOA_OK;
}

int stoa__strings_put(struct stoa__strings *t, struct stoa_bytes s, uint32_t *id)
{
	return put_tagged(t, s, tag_of(s), id);
}

static bool find_tagged(const struct stoa__strings *t, struct stoa_bytes s, uint32_t tag,
			uint32_t *id)
{
	size_t at = tag & (t->size - 1);

	for (; t->size && t->table[at]; at = (at + 1) & (t->size - 1)) {
		*id = t->table[at] - 1;
		struct stoa_bytes x = t->items[*id];
		if (t->tags[*id] == tag && x.len == s.len && (!s.len || !memcmp(x.p, s.p, s.len)))
			return true;
	}
	return false;
}

bool stoa__strings_find(const struct stoa__strings *t, struct stoa_bytes s, uint32_t *id)
{
	return find_tagged(t, s, tag_of(s), id);
}

/* Lets the processor fetch what the probe for @tag will touch: the slot, or what the slot names. */
static void prefetch_slot(const struct stoa__strings *t, uint32_t tag)
{
	if (t->size)
		__builtin_prefetch(&t->table[tag & (t->size - 1)]);
}
static void prefetch_item(const struct stoa__strings *t, uint32_t tag)
{
	uint32_t id = t->size ? t->table[tag & (t->size - 1)] : 0;

	if (!id)
		return;
	__builtin_prefetch(&t->tags[id - 1]);
	__builtin_prefetch(&t->items[id - 1]);
}

void stoa__strings_release(struct stoa__strings *t)
{
	stoa__arena_release(&t->arena);
	stoa__free(t->items);
	stoa__free(t->table);
	stoa__free(t->tags);
	memset(t, 0, sizeof *t);
}

/* ---- keyers --------------------------------------------------------------------------------- */

static int put_string(struct stoa__keyer *k, struct stoa_bytes s, uint32_t tag, uint64_t *word,
		      struct stoa_error *err)
{
	uint32_t id;
	int rc;

	if (k->frozen) {
		*word = find_tagged(&k->strings, s, tag, &id) ? id : STOA__WORD_UNKNOWN;
		return STOA_OK;
	}
	rc = put_tagged(&k->strings, s, tag, &id);
	if (rc == STOA_EFULL)
		return stoa__fail(err, rc, "more than %u distinct strings in one group of rows",
				  IDS_MAX);
	if (rc < 0)
		return stoa__fail_memory(err);
	*word = id;
	return STOA_OK;
}

static int begin_memo(struct stoa__keyer *k, const struct stoa__vec *v, struct stoa_error *err)
{
	if (k->dict_id == v->dict_id && k->n_memo == v->n_dict)
		return STOA_OK;
	uint64_t *memo = stoa__realloc_array(k->memo, (size_t)v->n_dict + 1, sizeof *memo);
	if (!memo)
		return stoa__fail_memory(err);
	k->memo = memo;
	k->n_memo = v->n_dict;
	k->dict_id = v->dict_id;
	memset(memo, 0, (size_t)v->n_dict * sizeof *memo);
	return STOA_OK;
}

static int dict_words(struct stoa__keyer *k, const struct stoa__vec *v, size_t n, uint64_t *words,
		      struct stoa_error *err)
{
	uint64_t unknown = 0;

	STOA_TRY(begin_memo(k, v, err));
	for (size_t i = 0; i < n; i++) {
		words[i] = k->memo[v->codes[i]] - 1;
		unknown |= words[i];
	}
	if (unknown != UINT64_MAX && !v->validity)
		return STOA_OK;
	for (size_t i = 0; i < n; i++) {
		uint64_t *word = &k->memo[v->codes[i]];
		if (!stoa__bit_get(v->validity, i)) {
			words[i] = 0;
			continue;
		}
		if (!*word) {
			STOA_TRY(put_string(k, v->dict[v->codes[i]], tag_of(v->dict[v->codes[i]]),
					    word, err));
			++*word;
		}
		words[i] = *word - 1;
	}
	return STOA_OK;
}

static int const_words(struct stoa__keyer *k, const struct stoa__vec *v, size_t n,
		       uint64_t *words, struct stoa_error *err)
{
	uint64_t word = 0;

	if (stoa__bitmap_count(v->validity, 0, n))
		STOA_TRY(put_string(k, v->bytes[0], tag_of(v->bytes[0]), &word, err));
	for (size_t i = 0; i < n; i++)
		words[i] = stoa__bit_get(v->validity, i) ? word : 0;
	return STOA_OK;
}

/* Some strings at a time: all hashes first, so that memory is under way when the probes come. */
static int some_words(struct stoa__keyer *k, const struct stoa__vec *v, size_t from, size_t n,
		      uint64_t *words, struct stoa_error *err)
{
	uint32_t tags[STOA__TUPLES_BATCH];

	for (size_t i = 0; i < n; i++) {
		bool valid = stoa__bit_get(v->validity, from + i);
		tags[i] = valid ? tag_of(v->bytes[from + i]) : 0;
		prefetch_slot(&k->strings, tags[i]);
	}
	for (size_t i = 0; i < n; i++)
		prefetch_item(&k->strings, tags[i]);
	for (size_t i = 0; i < n; i++) {
		words[from + i] = 0;
		if (stoa__bit_get(v->validity, from + i))
			STOA_TRY(put_string(k, v->bytes[from + i], tags[i], &words[from + i], err));
	}
	return STOA_OK;
}

static int bytes_words(struct stoa__keyer *k, const struct stoa__vec *v, size_t n, uint64_t *words,
		       struct stoa_error *err)
{
	if (v->kind == STOA__VEC_CONST)
		return const_words(k, v, n, words, err);
	for (size_t i = 0; i < n; i += STOA__TUPLES_BATCH) {
		size_t m = n - i < STOA__TUPLES_BATCH ? n - i : STOA__TUPLES_BATCH;
		STOA_TRY(some_words(k, v, i, m, words, err));
	}
	return STOA_OK;
}

/* One bit pattern for each value that is equal: -0 is 0, every NaN the same. */
static void normal_doubles(uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double x;
		memcpy(&x, &words[i], 8);
		if (x == 0)
			words[i] = 0;
		else if (x != x)
			words[i] = UINT64_C(0x7ff8000000000000);
	}
}

static void number_words(const struct stoa__keyer *k, const struct stoa__vec *v, size_t n,
			 uint64_t *words)
{
	bool constant = v->kind == STOA__VEC_CONST;

	if (k->phys == STOA__PHYS_BOOL)
		for (size_t i = 0; i < n; i++)
			words[i] = ((const uint8_t *)v->values)[constant ? 0 : i];
	else if (constant)
		for (size_t i = 0; i < n; i++)
			words[i] = v->u64[0];
	else
		memcpy(words, v->values, n * sizeof *words);
	if (k->phys == STOA__PHYS_F64)
		normal_doubles(words, n);
	for (size_t i = 0; v->validity && i < n; i++)
		if (!stoa__bit_get(v->validity, i))
			words[i] = 0;
}

int stoa__keyer_words(struct stoa__keyer *k, const struct stoa__vec *v, size_t n, uint64_t *words,
		      struct stoa_error *err)
{
	if (v->kind == STOA__VEC_DICT)
		return dict_words(k, v, n, words, err);
	if (k->phys == STOA__PHYS_BYTES)
		return bytes_words(k, v, n, words, err);
	number_words(k, v, n, words);
	return STOA_OK;
}

int stoa__keyer_translate(struct stoa__keyer *k, const struct stoa__keyer *from, uint64_t word,
			  uint64_t *out, struct stoa_error *err)
{
	return put_string(k, from->strings.items[word], from->strings.tags[word], out, err);
}

uint64_t stoa__keyer_bytes(const struct stoa__keyer *k)
{
	const struct stoa__strings *t = &k->strings;

	return t->arena.total + t->cap * (sizeof *t->items + sizeof *t->tags) +
	       t->size * sizeof *t->table + k->n_memo * sizeof *k->memo;
}

#define UNKNOWN UINT64_MAX	/* in a memo of finds: looked for, and not there */

static uint64_t find_word(const struct stoa__keyer *of, struct stoa_bytes s)
{
	uint32_t id;

	return stoa__strings_find(&of->strings, s, &id) ? id + UINT64_C(1) : UNKNOWN;
}

static int find_bytes(struct stoa__keyer *k, const struct stoa__keyer *of,
		      const struct stoa__vec *v, size_t n, uint64_t *words, uint8_t *known,
		      struct stoa_error *err)
{
	uint64_t word = 0;

	if (v->kind == STOA__VEC_DICT)
		STOA_TRY(begin_memo(k, v, err));
	if (v->kind == STOA__VEC_CONST && stoa__bitmap_count(v->validity, 0, n))
		word = find_word(of, v->bytes[0]);
	for (size_t i = 0; i < n; i++) {
		words[i] = known[i] = 0;
		if (!stoa__bit_get(v->validity, i))
			continue;
		if (v->kind == STOA__VEC_DICT) {
			uint64_t *memo = &k->memo[v->codes[i]];
			if (!*memo)
				*memo = find_word(of, v->dict[v->codes[i]]);
			word = *memo;
		} else if (v->kind == STOA__VEC_FLAT) {
			word = find_word(of, v->bytes[i]);
		}
		known[i] = word != UNKNOWN;
		words[i] = word - 1;
	}
	return STOA_OK;
}

int stoa__keyer_find(struct stoa__keyer *k, const struct stoa__keyer *of, const struct stoa__vec *v,
		     size_t n, uint64_t *words, uint8_t *known, struct stoa_error *err)
{
	if (k->phys == STOA__PHYS_BYTES)
		return find_bytes(k, of, v, n, words, known, err);
	number_words(k, v, n, words);
	if (v->validity)
		stoa__loops()->unpack_bits(v->validity, n, known);
	else
		memset(known, 1, n);
	return STOA_OK;
}

void stoa__keyer_release(struct stoa__keyer *k)
{
	stoa__strings_release(&k->strings);
	stoa__free(k->memo);
	k->memo = NULL;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static uint64_t hash_element(const struct stoa__vec *v, size_t i)
{
	size_t at = v->kind == STOA__VEC_CONST ? 0 : i;
	uint64_t word;

	if (v->type == STOA_NULL || !stoa__bit_get(v->validity, i))
		return UINT64_C(0xd6e8feb86659fd93);
	if (v->phys == STOA__PHYS_BYTES) {
		struct stoa_bytes s = v->kind == STOA__VEC_DICT ? v->dict[v->codes[i]] :
								  v->bytes[at];
		return stoa__hash(s.p ? s.p : "", s.len);
	}
	if (v->phys == STOA__PHYS_BOOL)
		return ((const uint8_t *)v->values)[at];
	word = v->u64[at];
	if (v->phys == STOA__PHYS_F64)
		normal_doubles(&word, 1);
	return word;
}

uint64_t stoa__hash_row(const struct stoa__vec *v, size_t n, size_t i)
{
	uint64_t h = UINT64_C(0x2545f4914f6cdd1d);	/* not that of the tables: it chooses between them */

	for (size_t k = 0; k < n; k++) {
		unsigned __int128 p = (unsigned __int128)(h ^ hash_element(&v[k], i)) *
				      UINT64_C(0xa0761d6478bd642f);
		h = (uint64_t)p ^ (uint64_t)(p >> 64);
	}
	return h;
}

/* ---- tuples --------------------------------------------------------------------------------- */

static int tuples_rehash(struct stoa__tuples *t)
{
	size_t size = t->size ? t->size * 2 : 64;
	uint32_t *table = stoa__calloc(size, sizeof *table);

	if (!table)
		return STOA_ENOMEM;
	for (uint32_t id = 0; id < t->n; id++) {
		size_t at = stoa__hash_words(t->rows + id * t->width, t->width) & (size - 1);
		while (table[at])
			at = (at + 1) & (size - 1);
		table[at] = id + 1;
	}
	stoa__free(t->table);
	t->table = table;
	t->size = size;
	return STOA_OK;
}

static int tuples_add(struct stoa__tuples *t, const uint64_t *tuple, size_t at,
		      struct stoa_error *err)
{
	void *rows = t->rows;

	if (t->n >= IDS_MAX)
		return stoa__fail(err, STOA_EFULL, "more than %u groups", IDS_MAX);
	if (!stoa__grow(&rows, &t->cap, t->n + 1, t->width * sizeof *tuple))
		return stoa__fail_memory(err);
	t->rows = rows;
	memcpy(t->rows + t->n * t->width, tuple, t->width * sizeof *tuple);
	t->table[at] = ++t->n;
	return STOA_OK;
}

static bool same_tuple(const uint64_t *a, const uint64_t *b, size_t width)
{
	uint64_t difference = 0;

	for (size_t i = 0; i < width; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

static int put_hashed(struct stoa__tuples *t, const uint64_t *tuple, uint64_t hash, uint32_t *id,
		      bool *fresh, struct stoa_error *err)
{
	size_t at = hash & (t->size - 1);

	*fresh = false;
	for (; t->table[at]; at = (at + 1) & (t->size - 1)) {
		*id = t->table[at] - 1;
		if (same_tuple(t->rows + *id * t->width, tuple, t->width))
			return STOA_OK;
	}
	STOA_TRY(tuples_add(t, tuple, at, err));
	*id = t->n - 1;
	*fresh = true;
	return STOA_OK;
}

int stoa__tuples_put(struct stoa__tuples *t, const uint64_t *tuple, uint32_t *id, bool *fresh,
		     struct stoa_error *err)
{
	if (t->n * (size_t)2 >= t->size && tuples_rehash(t) < 0)
		return stoa__fail_memory(err);
	return put_hashed(t, tuple, stoa__hash_words(tuple, t->width), id, fresh, err);
}

int stoa__tuples_put_all(struct stoa__tuples *t, const uint64_t *tuples, size_t n, uint32_t *ids,
			 struct stoa_error *err)
{
	uint64_t hashes[STOA__TUPLES_BATCH];
	bool fresh;

	while ((t->n + n) * 2 >= t->size)
		if (tuples_rehash(t) < 0)
			return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++) {
		hashes[i] = stoa__hash_words(tuples + i * t->width, t->width);
		__builtin_prefetch(&t->table[hashes[i] & (t->size - 1)]);
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t id = t->table[hashes[i] & (t->size - 1)];
		if (id)
			__builtin_prefetch(&t->rows[(id - 1) * t->width]);
	}
	for (size_t i = 0; i < n; i++)
		STOA_TRY(put_hashed(t, tuples + i * t->width, hashes[i], &ids[i], &fresh, err));
	return STOA_OK;
}

bool stoa__tuples_find(const struct stoa__tuples *t, const uint64_t *tuple, uint32_t *id)
{
	size_t at = stoa__hash_words(tuple, t->width) & (t->size - 1);

	for (; t->size && t->table[at]; at = (at + 1) & (t->size - 1)) {
		*id = t->table[at] - 1;
		if (same_tuple(t->rows + *id * t->width, tuple, t->width))
			return true;
	}
	return false;
}

uint64_t stoa__tuples_bytes(const struct stoa__tuples *t)
{
	return t->cap * t->width * sizeof *t->rows + t->size * sizeof *t->table;
}

void stoa__tuples_release(struct stoa__tuples *t)
{
	stoa__free(t->rows);
	stoa__free(t->table);
	memset(t, 0, sizeof *t);
}
