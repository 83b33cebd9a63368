/* SPDX-License-Identifier: MIT */
/*
 * join_table.c - the rows of a join's build side
 *
 * Rows lie side by side, of one length, so that what a match needs is in one or two cache lines:
 *
 *     u32 next row of the chain + 1, u32 flags | u64 by key | u64 NULL bits ... | columns
 *
 * A column takes 8 bytes; a string 8 where it is the number of a distinct string (those that come
 * in dictionary form, and leave in one), else 16. Keys are the words of keys.h.
 *
 * Integer keys that lie close together find their row directly, by key - base. Else a table of
 * chains by hash, with 32 bits in each entry that say which tags (five bits of the hash) its chain
 * has: most probes that match nothing are told so by one load, as by a Bloom filter. (Leis et al.,
 * Morsel-driven parallelism, SIGMOD 2014.) Probes go in steps over a whole batch, so that the
 * misses of one step are under way together.
 *
 * (1) A row with a NULL key is in no chain. (2) A row's number is below n_rows and chains end.
 */
#include "join_table.h"

#include <stdatomic.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "loops.h"
#include "prog.h"

#define HEADER 8
#define ROWS_MAX 0x7fffffffu
#define DIRECT_SPREAD 8	/* directly found keys may be so many times as many as rows */
#define DIRECT_MIN 65536

struct head {
	uint32_t next;
	uint32_t unlinked;
};

static char *row_at(const struct stoa__join_table *t, uint32_t row)
{
	return t->rows + row * t->stride;
}

static struct head *head_of(const struct stoa__join_table *t, uint32_t row)
{
	return (struct head *)(void *)row_at(t, row);
}

static const uint64_t *keys_of(const struct stoa__join_table *t, uint32_t row)
{
	return (const uint64_t *)(const void *)(row_at(t, row) + HEADER);
}

/* ---- life ----------------------------------------------------------------------------------- */

int stoa__join_table_init(struct stoa__join_table *t, struct stoa__bound *const *keys,
			  size_t n_keys, const struct stoa__type *types, size_t n_columns,
			  bool keep_all, struct stoa_error *err)
{
	memset(t, 0, sizeof *t);
	t->keep_all = keep_all;
	t->keys = stoa__calloc(n_keys + 1, sizeof *t->keys);
	t->columns = stoa__calloc(n_columns + 1, sizeof *t->columns);
	if (!t->keys || !t->columns)
		return stoa__fail_memory(err);
	t->n_columns = n_columns;
	for (; t->n_keys < n_keys; t->n_keys++) {
		struct stoa__join_key *k = &t->keys[t->n_keys];
		k->keyer.phys = (uint8_t)stoa__prog_phys(keys[t->n_keys]->type.type);
		k->words = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *k->words);
		if (!k->words)
			return stoa__fail_memory(err);
	}
	for (size_t c = 0; c < n_columns; c++) {
		t->columns[c].type = types[c];
		t->columns[c].phys = (uint8_t)stoa__prog_phys(types[c].type);
		t->columns[c].keyer.phys = t->columns[c].phys;
	}
	return STOA_OK;
}

void stoa__join_table_release(struct stoa__join_table *t)
{
	for (size_t k = 0; k < t->n_keys; k++) {
		stoa__keyer_release(&t->keys[k].keyer);
		stoa__free(t->keys[k].words);
	}
	for (size_t c = 0; c < t->n_columns; c++) {
		stoa__keyer_release(&t->columns[c].keyer);
		stoa__arena_release(&t->columns[c].bytes);
	}
	stoa__free(t->keys);
	stoa__free(t->columns);
	stoa__free(t->rows);
	stoa__free(t->heads);
	stoa__free(t->tagged);
	stoa__free(t->matched);
	memset(t, 0, sizeof *t);
}

/* ---- adding rows ---------------------------------------------------------------------------- */

/* Numbers of lists of strings, none of which a table's chunk has. */
static uint64_t new_dict_id(void)
{
	static _Atomic uint64_t last;

	return UINT64_C(1) << 63 | (atomic_fetch_add(&last, 1) + 1);
}

/* How strings come first is how they are kept. */
static void lay_out(struct stoa__join_table *t, const struct stoa__vec *columns)
{
	size_t at = HEADER + t->n_keys * 8;

	t->null_offset = at;
	at += STOA__WORDS(t->n_columns) * 8;
	for (size_t c = 0; c < t->n_columns; c++) {
		struct stoa__join_column *col = &t->columns[c];
		bool bytes = col->phys == STOA__PHYS_BYTES;
		col->coded = bytes && columns[c].kind != STOA__VEC_FLAT;
		col->offset = (uint32_t)at;
		at += bytes && !col->coded ? sizeof(struct stoa_bytes) : 8;
		if (col->coded)
			col->dict_id = new_dict_id();
	}
	t->stride = at;
}

static int grow_rows(struct stoa__join_table *t, size_t n, struct stoa_error *err)
{
	void *rows = t->rows;

	if (t->n_rows + n > ROWS_MAX)
		return stoa__fail(err, STOA_EFULL, "more than %u rows to join with", ROWS_MAX);
	if (!stoa__grow(&rows, &t->cap, t->n_rows + (uint32_t)n, t->stride))
		return stoa__fail_memory(err);
	t->rows = rows;
	memset(row_at(t, t->n_rows), 0, n * t->stride);
	return STOA_OK;
}

/* Writes the keys of @n rows from @t->n_rows on; rows with a NULL are noted as unlinked. */
static int add_keys(struct stoa__join_table *t, const struct stoa__vec *keys, size_t n,
		    struct stoa_error *err)
{
	for (size_t k = 0; k < t->n_keys; k++) {
		uint64_t *words = t->keys[k].words;
		STOA_TRY(stoa__keyer_words(&t->keys[k].keyer, &keys[k], n, words, err));
		char *to = row_at(t, t->n_rows) + HEADER + k * 8;
		for (size_t i = 0; i < n; i++, to += t->stride)
			memcpy(to, &words[i], 8);
		for (size_t i = 0; keys[k].validity && i < n; i++) {
			if (stoa__bit_get(keys[k].validity, i))
				continue;
			head_of(t, t->n_rows + (uint32_t)i)->unlinked = 1;
			t->null_key = true;
		}
	}
	return STOA_OK;
}

static void add_nulls(struct stoa__join_table *t, size_t c, const struct stoa__vec *v, size_t n)
{
	for (size_t i = 0; v->validity && i < n; i++) {
		char *bits = row_at(t, t->n_rows + (uint32_t)i) + t->null_offset + c / 64 * 8;
		if (!stoa__bit_get(v->validity, i))
			*(uint64_t *)(void *)bits |= UINT64_C(1) << (c % 64);
	}
}

static int add_codes(struct stoa__join_table *t, struct stoa__join_column *col,
		     const struct stoa__vec *v, size_t n, uint64_t *words, struct stoa_error *err)
{
	char *to = row_at(t, t->n_rows) + col->offset;

	STOA_TRY(stoa__keyer_words(&col->keyer, v, n, words, err));
	for (size_t i = 0; i < n; i++, to += t->stride) {
		uint32_t id = (uint32_t)words[i];
		memcpy(to, &id, sizeof id);
	}
	return STOA_OK;
}

static int add_strings(struct stoa__join_table *t, struct stoa__join_column *col,
		       const struct stoa__vec *v, size_t n, struct stoa_error *err)
{
	char *to = row_at(t, t->n_rows) + col->offset;

	for (size_t i = 0; i < n; i++, to += t->stride) {
		struct stoa_bytes b;
		if (!stoa__bit_get(v->validity, i))
			continue;
		b = v->kind == STOA__VEC_DICT ? v->dict[v->codes[i]] :
						v->bytes[v->kind == STOA__VEC_CONST ? 0 : i];
		b.p = stoa__arena_copy(&col->bytes, b.p, b.len);
		if (!b.p)
			return stoa__fail_memory(err);
		memcpy(to, &b, sizeof b);
	}
	return STOA_OK;
}

static void add_numbers(struct stoa__join_table *t, struct stoa__join_column *col,
			const struct stoa__vec *v, size_t n)
{
	char *to = row_at(t, t->n_rows) + col->offset;
	bool constant = v->kind == STOA__VEC_CONST;

	for (size_t i = 0; i < n; i++, to += t->stride) {
		size_t at = constant ? 0 : i;
		if (col->phys == STOA__PHYS_BOOL)
			*to = (char)((const uint8_t *)v->values)[at];
		else
			memcpy(to, &v->u64[at], 8);
	}
}

/* Takes back the rows just added that no one will ask for. */
static void drop_unlinked(struct stoa__join_table *t, size_t n)
{
	uint32_t k = t->n_rows, end = t->n_rows + (uint32_t)n;

	for (uint32_t i = k; i < end; i++) {
		if (head_of(t, i)->unlinked)
			continue;
		if (k != i)
			memcpy(row_at(t, k), row_at(t, i), t->stride);
		k++;
	}
	t->n_rows = k;
}

int stoa__join_table_add(struct stoa__join_table *t, const struct stoa__vec *keys,
			 const struct stoa__vec *columns, size_t n, struct stoa_error *err)
{
	uint64_t words[STOA__BATCH_ROWS];

	if (!t->stride)
		lay_out(t, columns);
	STOA_TRY(grow_rows(t, n, err));
	STOA_TRY(add_keys(t, keys, n, err));
	for (size_t c = 0; c < t->n_columns; c++) {
		struct stoa__join_column *col = &t->columns[c];
		add_nulls(t, c, &columns[c], n);
		if (col->coded)
			STOA_TRY(add_codes(t, col, &columns[c], n, words, err));
		else if (col->phys == STOA__PHYS_BYTES)
			STOA_TRY(add_strings(t, col, &columns[c], n, err));
		else
			add_numbers(t, col, &columns[c], n);
	}
	if (t->keep_all || !t->null_key)
		t->n_rows += (uint32_t)n;
	else
		drop_unlinked(t, n);
	return STOA_OK;
}

/* ---- the directory -------------------------------------------------------------------------- */

bool stoa__join_table_range(const struct stoa__join_table *t, size_t k, int64_t *lo, int64_t *hi)
{
	*lo = INT64_MAX;
	*hi = INT64_MIN;
	if (t->keys[k].keyer.phys != STOA__PHYS_I64)
		return false;
	for (uint32_t i = 0; i < t->n_rows; i++) {
		int64_t x = (int64_t)keys_of(t, i)[k];
		if (head_of(t, i)->unlinked)
			continue;
		*lo = x < *lo ? x : *lo;
		*hi = x > *hi ? x : *hi;
	}
	return true;
}

/* Do the keys lie so close together that each value may have a slot? */
static bool find_range(struct stoa__join_table *t)
{
	int64_t lo, hi;

	if (t->n_keys != 1 || !stoa__join_table_range(t, 0, &lo, &hi) || lo > hi)
		return false;
	t->base = (uint64_t)lo;
	t->range = (uint64_t)hi - (uint64_t)lo;
	return t->range < DIRECT_MIN || t->range / DIRECT_SPREAD < t->n_rows;
}

static uint64_t hash_at(const struct stoa__join_table *t, uint32_t row)
{
	return stoa__hash_words(keys_of(t, row), t->n_keys);
}

static uint64_t tag_bit(uint64_t hash)
{
	return UINT64_C(1) << (32 + (hash >> 59));
}

static int link_direct(struct stoa__join_table *t, struct stoa_error *err)
{
	t->heads = stoa__calloc(t->range + 1, sizeof *t->heads);
	if (!t->heads)
		return stoa__fail_memory(err);
	/* Backwards, so that chains are in the order in which rows came. */
	for (uint32_t i = t->n_rows; i-- > 0;) {
		uint32_t *slot;
		if (head_of(t, i)->unlinked)
			continue;
		slot = &t->heads[keys_of(t, i)[0] - t->base];
		head_of(t, i)->next = *slot;
		*slot = i + 1;
	}
	t->direct = true;
	return STOA_OK;
}

static int link_hashed(struct stoa__join_table *t, struct stoa_error *err)
{
	uint64_t size = 64, hashes[STOA__TUPLES_BATCH];

	while (t->n_keys && size < (uint64_t)t->n_rows * 2)
		size *= 2;
	t->mask = t->n_keys ? size - 1 : 0;
	t->tagged = stoa__calloc(size, sizeof *t->tagged);
	if (!t->tagged)
		return stoa__fail_memory(err);
	for (uint32_t end = t->n_rows; end > 0;) {
		uint32_t n = end < STOA__TUPLES_BATCH ? end : STOA__TUPLES_BATCH;
		end -= n;
		for (uint32_t i = 0; i < n; i++) {
			hashes[i] = hash_at(t, end + i);
			__builtin_prefetch(&t->tagged[hashes[i] & t->mask], 1);
		}
		for (uint32_t i = n; i-- > 0;) {
			uint64_t *slot = &t->tagged[hashes[i] & t->mask];
			struct head *h = head_of(t, end + i);
			if (h->unlinked)
				continue;
			h->next = (uint32_t)*slot;
			*slot = (*slot & ~(uint64_t)UINT32_MAX) | tag_bit(hashes[i]) | (end + i + 1);
		}
	}
	return STOA_OK;
}

int stoa__join_table_finish(struct stoa__join_table *t, bool marks, struct stoa_error *err)
{
	if (marks) {
		t->matched = stoa__calloc((size_t)t->n_rows + 1, 1);
		if (!t->matched)
			return stoa__fail_memory(err);
	}
	return find_range(t) ? link_direct(t, err) : link_hashed(t, err);
}

/* ---- probing -------------------------------------------------------------------------------- */

static size_t start_direct(const struct stoa__join_table *t, const uint64_t *words,
			   const uint8_t *known, size_t n, uint32_t *probe, uint32_t *row)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t at = words[i] - t->base;
		uint32_t head = known[i] && at <= t->range ? t->heads[at] : 0;
		probe[k] = (uint32_t)i;
		row[k] = head - 1;
		k += head != 0;
	}
	return k;
}

static size_t start_hashed(const struct stoa__join_table *t, const uint64_t *words,
			   const uint8_t *known, size_t n, uint32_t *probe, uint32_t *row)
{
	uint64_t hashes[STOA__BATCH_ROWS];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t h = UINT64_C(0x9e3779b97f4a7c15);
		for (size_t c = 0; c < t->n_keys; c++)
			h = stoa__hash_word(h, words[c * STOA__BATCH_ROWS + i]);
		hashes[i] = h;
		__builtin_prefetch(&t->tagged[h & t->mask]);
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t slot = t->tagged[hashes[i] & t->mask];
		probe[k] = (uint32_t)i;
		row[k] = (uint32_t)slot - 1;
		k += known[i] && (slot & tag_bit(hashes[i]));
	}
	return k;
}

size_t stoa__join_table_start(const struct stoa__join_table *t, const uint64_t *words,
			      const uint8_t *known, size_t n, uint32_t *probe, uint32_t *row)
{
	size_t k = t->direct ? start_direct(t, words, known, n, probe, row) :
			       start_hashed(t, words, known, n, probe, row);

	for (size_t i = 0; i < k; i++)
		__builtin_prefetch(row_at(t, row[i]));
	return k;
}

static bool same_keys(const struct stoa__join_table *t, const uint64_t *words, uint32_t probe,
		      uint32_t row)
{
	const uint64_t *have = keys_of(t, row);
	uint64_t difference = 0;

	for (size_t k = 0; k < t->n_keys; k++)
		difference |= have[k] ^ words[k * STOA__BATCH_ROWS + probe];
	return difference == 0;
}

size_t stoa__join_table_round(const struct stoa__join_table *t, const uint64_t *words,
			      uint32_t *probe, uint32_t *row, size_t n, uint32_t *hit_probe,
			      uint32_t *hit_row, size_t *n_hits)
{
	size_t left = 0, hits = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t p = probe[i], r = row[i], next = head_of(t, r)->next;
		hit_probe[hits] = p;
		hit_row[hits] = r;
		hits += t->direct || same_keys(t, words, p, r);
		if (!next)
			continue;
		probe[left] = p;
		row[left++] = next - 1;
		__builtin_prefetch(row_at(t, next - 1));
	}
	*n_hits = hits;
	return left;
}

/* ---- columns -------------------------------------------------------------------------------- */

static bool gather_nulls(const struct stoa__join_table *t, size_t c, const uint32_t *rows, size_t n,
			 uint64_t *bits)
{
	size_t offset = t->null_offset + c / 64 * 8;
	uint64_t nulls = 0;

	for (size_t i = 0; i < n; i += 64) {
		uint64_t word = 0;
		for (size_t k = 0; k < 64 && i + k < n; k++) {
			uint32_t row = rows[i + k];
			uint64_t null = 1;
			if (row != STOA__JOIN_NO_ROW) {
				memcpy(&null, row_at(t, row) + offset, 8);
				null = null >> (c % 64) & 1;
			}
			word |= null << k;
		}
		bits[i / 64] = ~word;
		nulls |= word;
	}
	return nulls != 0;
}

/* An element of each row; a row that is none gives zeros. */
#define GATHER(type)                                                                       \
	do {                                                                               \
		type *out_ = room;                                                         \
		for (size_t i = 0; i < n; i++) {                                           \
			memset(&out_[i], 0, sizeof *out_);                                 \
			if (rows[i] != STOA__JOIN_NO_ROW)                                  \
				memcpy(&out_[i], row_at(t, rows[i]) + offset, sizeof *out_); \
		}                                                                          \
	} while (0)

void stoa__join_table_gather(const struct stoa__join_table *t, size_t c, const uint32_t *rows,
			     size_t n, void *room, uint64_t *bits, struct stoa__vec *out)
{
	const struct stoa__join_column *col = &t->columns[c];
	size_t offset = col->offset;

	memset(out, 0, sizeof *out);
	out->kind = col->coded ? STOA__VEC_DICT : STOA__VEC_FLAT;
	out->phys = col->phys;
	out->type = col->type.type;
	out->scale = col->type.scale;
	out->n = n;
	if (gather_nulls(t, c, rows, n, bits))
		out->validity = bits;
	if (col->coded && !col->keyer.strings.n) {
		memset(room, 0, sizeof(struct stoa_bytes));	/* all rows are NULL */
		out->kind = STOA__VEC_CONST;
		out->values = room;
		return;
	}
	if (col->coded) {
		GATHER(uint32_t);
		out->codes = room;
		out->dict = col->keyer.strings.items;
		out->n_dict = col->keyer.strings.n;
		out->dict_id = col->dict_id;
		return;
	}
	if (col->phys == STOA__PHYS_BOOL)
		GATHER(uint8_t);
	else if (col->phys == STOA__PHYS_BYTES)
		GATHER(struct stoa_bytes);
	else
		GATHER(uint64_t);
	out->values = room;
}

/* A word as an element: of a string its number among those of @keyer. */
static void put_word(const struct stoa__keyer *keyer, uint64_t word, void *room, size_t i)
{
	if (keyer->phys == STOA__PHYS_BYTES)
		((struct stoa_bytes *)room)[i] = keyer->strings.items[word];
	else if (keyer->phys == STOA__PHYS_BOOL)
		((uint8_t *)room)[i] = (uint8_t)word;
	else
		((uint64_t *)room)[i] = word;
}

void stoa__join_table_gather_key(const struct stoa__join_table *t, size_t k, struct stoa__type type,
				 const uint32_t *rows, size_t n, void *room, uint64_t *bits,
				 struct stoa__vec *out)
{
	const struct stoa__keyer *keyer = &t->keys[k].keyer;
	size_t width = stoa__phys_width(keyer->phys);

	memset(bits, 0, STOA__WORDS(n) * 8);
	memset(room, 0, n * width);
	for (size_t i = 0; i < n; i++) {
		if (head_of(t, rows[i])->unlinked)
			continue;
		stoa__bit_set(bits, i);
		put_word(keyer, keys_of(t, rows[i])[k], room, i);
	}
	*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = keyer->phys, .type = type.type,
				   .scale = type.scale, .n = n };
	out->values = room;
	out->validity = bits;
}

uint64_t stoa__join_table_bytes(const struct stoa__join_table *t)
{
	uint64_t sum = t->cap * (uint64_t)t->stride + t->n_rows * UINT64_C(16);

	for (size_t k = 0; k < t->n_keys; k++)
		sum += stoa__keyer_bytes(&t->keys[k].keyer);
	for (size_t c = 0; c < t->n_columns; c++)
		sum += stoa__keyer_bytes(&t->columns[c].keyer) + t->columns[c].bytes.total;
	return sum;
}
