/* SPDX-License-Identifier: MIT */
/*
 * grouping.c - rows to groups
 *
 * Each row's keys become a tuple of 64-bit words and a bit for each that is NULL (keys.h); a hash
 * table gives each distinct tuple the number of its group. In front of it stands a direct table
 * wherever keys are few: if the words of each key lie in a small range (strings always do: their
 * words are ids), then
 *
 *     cell = sum over keys of (0 if NULL, else word - base + 1) * stride
 *
 * and the group is one load away. The direct table is a cache: a row that falls out of its ranges
 * makes it anew over larger ones, until it would pass DIRECT_MAX cells; then all goes through the
 * hash table.
 *
 * Where all keys are codes of dictionaries without NULLs, a still smaller table by codes goes
 * before that, good for as long as the dictionaries stay the same: no words are made then.
 *
 * (1) Groups are numbered in the order in which they first appeared. (2) Frozen, nothing is added
 * to any table, and both caches are gone.
 */
#include "grouping.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "loops.h"
#include "prog.h"

#define DIRECT_MAX 524288
#define CODE_CELLS_MAX 4096
#define NO_PLACE UINT64_MAX

/* ---- direct table --------------------------------------------------------------------------- */

static const struct stoa__vec *key_vec(const struct stoa__grouping *g, size_t k)
{
	return stoa__machine_output(g->machine, k);
}

/* Words' range in this batch; of strings all ids so far. */
static void word_range(const struct stoa__group_key *k, size_t n, int64_t *lo, int64_t *hi)
{
	const int64_t *w = (const int64_t *)k->words;

	if (k->keyer.phys == STOA__PHYS_BYTES) {
		*lo = 0;
		*hi = k->keyer.strings.n ? k->keyer.strings.n - 1 : 0;
		return;
	}
	*lo = stoa__loops()->min_i64(w, n);
	*hi = stoa__loops()->max_i64(w, n);
}

static bool in_range(const struct stoa__group_key *k, int64_t lo, int64_t hi)
{
	return (uint64_t)lo - k->base < k->range && (uint64_t)hi - k->base < k->range;
}

/*
 * A range with some room on both sides of all words so far and lo .. hi; false if that is too
 * many.
 */
static bool extend_range(struct stoa__group_key *k, int64_t lo, int64_t hi)
{
	uint64_t range = 16, span;

	k->lo = k->range && k->lo < lo ? k->lo : lo;
	k->hi = k->range && k->hi > hi ? k->hi : hi;
	span = (uint64_t)k->hi - (uint64_t)k->lo;
	while (range <= span && range <= DIRECT_MAX)
		range *= 2;
	k->base = (uint64_t)k->lo;
	if (k->lo >= INT64_MIN + DIRECT_MAX && k->keyer.phys != STOA__PHYS_BYTES)
		k->base -= (range - span) / 2;
	k->range = range;
	return range <= DIRECT_MAX;
}

static void free_direct(struct stoa__grouping *g)
{
	stoa__free(g->direct);
	g->direct = NULL;
	g->n_cells = 0;
}

bool stoa__grouping_give_up_direct(struct stoa__grouping *g)
{
	bool had = g->direct != NULL;

	free_direct(g);
	g->no_direct = true;
	return had;
}

/* Makes the direct table anew, empty, if the ranges allow one. */
static int make_direct(struct stoa__grouping *g, struct stoa_error *err)
{
	uint64_t cells = 1;

	free_direct(g);
	for (size_t k = 0; k < g->n_keys; k++) {
		g->keys[k].stride = cells;
		cells *= g->keys[k].range + 1;
		if (cells > DIRECT_MAX) {
			g->no_direct = true;
			return STOA_OK;
		}
	}
	g->direct = stoa__calloc(cells, sizeof *g->direct);
	if (!g->direct)
		return stoa__fail_memory(err);
	g->n_cells = cells;
	return STOA_OK;
}

/* Is there a direct table for this batch's words? */
static int check_direct(struct stoa__grouping *g, size_t n, struct stoa_error *err)
{
	bool fits = g->direct != NULL;

	if (g->no_direct)
		return STOA_OK;
	for (size_t k = 0; k < g->n_keys; k++) {
		int64_t lo, hi;
		if (g->keys[k].keyer.phys == STOA__PHYS_F64) {
			g->no_direct = true;
			return STOA_OK;
		}
		word_range(&g->keys[k], n, &lo, &hi);
		if (g->direct && in_range(&g->keys[k], lo, hi))
			continue;
		fits = false;
		if (!extend_range(&g->keys[k], lo, hi)) {
			(void)stoa__grouping_give_up_direct(g);
			return STOA_OK;
		}
	}
	return fits ? STOA_OK : make_direct(g, err);
}

static void find_cells(struct stoa__grouping *g, size_t n)
{
	for (size_t k = 0; k < g->n_keys; k++) {
		const struct stoa__group_key *key = &g->keys[k];
		const uint64_t *valid = key_vec(g, k)->validity;
		uint32_t stride = (uint32_t)key->stride;
		const uint64_t *w = key->words;
		uint64_t off = key->base - 1;
		if (k == 0)
			for (size_t i = 0; i < n; i++)
				g->cells[i] = (uint32_t)(w[i] - off) * stride;
		else
			for (size_t i = 0; i < n; i++)
				g->cells[i] += (uint32_t)(w[i] - off) * stride;
		for (size_t i = 0; valid && i < n; i++)
			if (!stoa__bit_get(valid, i))
				g->cells[i] -= (uint32_t)(w[i] - off) * stride;
	}
}

/* ---- dictionary codes ------------------------------------------------------------------------ */

/* Cells of a table by the keys' codes; 0 where keys are no plain codes, or too many. */
static size_t code_cells(const struct stoa__grouping *g)
{
	size_t cells = 1;

	for (size_t k = 0; k < g->n_keys; k++) {
		const struct stoa__vec *v = key_vec(g, k);
		if (v->kind != STOA__VEC_DICT || v->validity || v->n_dict > CODE_CELLS_MAX)
			return 0;
		cells *= v->n_dict;
		if (cells > CODE_CELLS_MAX)
			return 0;
	}
	return cells;
}

/* Is there a table for this batch's dictionaries? It is emptied when others come. */
static int check_codes(struct stoa__grouping *g, bool *ready, struct stoa_error *err)
{
	size_t cells = code_cells(g);
	bool same = true;

	*ready = cells > 0;
	for (size_t k = 0; cells && k < g->n_keys; k++) {
		const struct stoa__vec *v = key_vec(g, k);
		struct stoa__group_key *key = &g->keys[k];
		same &= key->dict_id == v->dict_id && key->n_dict == v->n_dict;
		key->dict_id = v->dict_id;
		key->n_dict = v->n_dict;
	}
	if (!cells || same)
		return STOA_OK;
	if (!g->by_code)
		g->by_code = stoa__realloc_array(NULL, CODE_CELLS_MAX, sizeof *g->by_code);
	if (!g->by_code)
		return stoa__fail_memory(err);
	memset(g->by_code, 0, cells * sizeof *g->by_code);
	return STOA_OK;
}

static void find_code_cells(struct stoa__grouping *g, size_t n)
{
	memcpy(g->cells, key_vec(g, 0)->codes, n * sizeof *g->cells);
	for (size_t k = 1; k < g->n_keys; k++) {
		const uint32_t *codes = key_vec(g, k)->codes;
		uint32_t n_dict = g->keys[k].n_dict;
		for (size_t i = 0; i < n; i++)
			g->cells[i] = g->cells[i] * n_dict + codes[i];
	}
}

/* The groups of all rows, if all their cells are known. */
static bool code_groups(struct stoa__grouping *g, size_t n)
{
	uint32_t unknown = 0;

	find_code_cells(g, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t group = g->by_code[g->cells[i]];
		unknown |= group == 0;
		g->groups[i] = group - 1;
	}
	return !unknown;
}

static void learn_codes(struct stoa__grouping *g, size_t n)
{
	find_code_cells(g, n);
	for (size_t i = 0; i < n; i++)
		g->by_code[g->cells[i]] = g->groups[i] + 1;
}

/* ---- groups --------------------------------------------------------------------------------- */

static size_t tuple_width(const struct stoa__grouping *g)
{
	return g->n_keys + g->n_null_words;
}

/* The tuples of rows [from, from + n), side by side in @rows. */
static void make_tuples(struct stoa__grouping *g, size_t from, size_t n)
{
	size_t width = tuple_width(g);

	for (size_t k = 0; k < g->n_keys; k++)
		for (size_t i = 0; i < n; i++)
			g->rows[i * width + k] = g->keys[k].words[from + i];
	for (size_t k = g->n_keys; k < width; k++)
		for (size_t i = 0; i < n; i++)
			g->rows[i * width + k] = 0;
	for (size_t k = 0; k < g->n_keys; k++) {
		const uint64_t *valid = key_vec(g, k)->validity;
		for (size_t i = 0; valid && i < n; i++)
			if (!stoa__bit_get(valid, from + i))
				g->rows[i * width + g->n_keys + k / 64] |= (uint64_t)1 << (k % 64);
	}
}

static int hash_row(struct stoa__grouping *g, size_t i, uint32_t *group, struct stoa_error *err)
{
	bool fresh;

	make_tuples(g, i, 1);
	return stoa__tuples_put(&g->tuples, g->rows, group, &fresh, err);
}

static int hash_rows(struct stoa__grouping *g, size_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < n; i += STOA__TUPLES_BATCH) {
		size_t m = n - i < STOA__TUPLES_BATCH ? n - i : STOA__TUPLES_BATCH;
		make_tuples(g, i, m);
		STOA_TRY(stoa__tuples_put_all(&g->tuples, g->rows, m, g->groups + i, err));
	}
	return STOA_OK;
}

/* Of a grouping that is frozen. */
static void find_known(struct stoa__grouping *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		make_tuples(g, i, 1);
		g->known[i] = stoa__tuples_find(&g->tuples, g->rows, &g->groups[i]);
		if (!g->known[i])
			g->groups[i] = 0;
	}
}

static int direct_groups(struct stoa__grouping *g, size_t n, struct stoa_error *err)
{
	find_cells(g, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t *cell = &g->direct[g->cells[i]];
		if (!*cell) {
			STOA_TRY(hash_row(g, i, cell, err));
			++*cell;
		}
		g->groups[i] = *cell - 1;
	}
	return STOA_OK;
}

static int word_groups(struct stoa__grouping *g, size_t n, struct stoa_error *err)
{
	for (size_t k = 0; k < g->n_keys; k++)
		STOA_TRY(stoa__keyer_words(&g->keys[k].keyer, key_vec(g, k), n, g->keys[k].words,
					   err));
	if (g->frozen) {
		find_known(g, n);
		return STOA_OK;
	}
	STOA_TRY(check_direct(g, n, err));
	if (g->direct)
		return direct_groups(g, n, err);
	return hash_rows(g, n, err);
}

static int find_groups(struct stoa__grouping *g, size_t n, struct stoa_error *err)
{
	bool coded;

	if (g->frozen)
		return word_groups(g, n, err);
	STOA_TRY(check_codes(g, &coded, err));
	if (coded && code_groups(g, n))
		return STOA_OK;
	STOA_TRY(word_groups(g, n, err));
	if (coded)
		learn_codes(g, n);
	return STOA_OK;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Groups from @old on are new: where their first rows are. */
static int note_places(struct stoa__grouping *g, uint32_t old, uint64_t place, size_t n,
		       struct stoa_error *err)
{
	void *places = g->places;

	if (!stoa__grow(&places, &g->cap_places, g->n_groups, sizeof *g->places))
		return stoa__fail_memory(err);
	g->places = places;
	for (uint32_t i = old; i < g->n_groups; i++)
		g->places[i] = NO_PLACE;
	for (size_t i = 0; i < n; i++) {
		uint32_t group = g->n_keys ? g->groups[i] : 0;
		if (group >= old && g->places[group] == NO_PLACE)
			g->places[group] = place + i;
	}
	return STOA_OK;
}

int stoa__grouping_begin(struct stoa__grouping *g, struct stoa_error *err)
{
	if (!g->n_keys)
		g->n_groups = 1;
	return stoa__aggregator_grow(&g->ag, g->n_groups, err);
}

int stoa__grouping_add(struct stoa__grouping *g, const struct stoa__machine *m, uint64_t place,
		       size_t n, struct stoa_error *err)
{
	uint32_t old = g->n_groups;

	g->machine = m;
	if (g->n_keys) {
		STOA_TRY(find_groups(g, n, err));
		g->n_groups = g->tuples.n;
	} else {
		g->n_groups = 1;
	}
	if (g->has_places && g->n_groups > old)
		STOA_TRY(note_places(g, old, place, n, err));
	STOA_TRY(stoa__aggregator_grow(&g->ag, g->n_groups, err));
	return stoa__aggregator_update(&g->ag, m, g->n_keys ? g->groups : NULL, place, n,
				       g->n_groups, err);
}

int stoa__grouping_freeze(struct stoa__grouping *g, struct stoa_error *err)
{
	g->known = stoa__alloc_aligned(STOA__BATCH_ROWS);
	if (!g->known)
		return stoa__fail_memory(err);
	g->ag.only = g->known;
	g->frozen = true;
	(void)stoa__grouping_give_up_direct(g);
	stoa__free(g->by_code);
	g->by_code = NULL;
	for (size_t k = 0; k < g->n_keys; k++)
		g->keys[k].keyer.frozen = true;
	return STOA_OK;
}

/* ---- several become one --------------------------------------------------------------------- */

/* Group @id of @from as a tuple of @g's words. */
static int translate(struct stoa__grouping *g, const struct stoa__grouping *from, uint32_t id,
		     struct stoa_error *err)
{
	size_t width = tuple_width(g);
	const uint64_t *t = from->tuples.rows + id * width;

	memcpy(g->rows, t, width * sizeof *t);
	for (size_t k = 0; k < g->n_keys; k++) {
		bool null = t[g->n_keys + k / 64] >> (k % 64) & 1;
		if (g->keys[k].keyer.phys == STOA__PHYS_BYTES && !null)
			STOA_TRY(stoa__keyer_translate(&g->keys[k].keyer, &from->keys[k].keyer, t[k],
						       &g->rows[k], err));
	}
	return STOA_OK;
}

/* Which of @from, whose next groups are @at, has the earliest one; @n: none has any. */
static size_t earliest(const struct stoa__grouping *from, const uint32_t *at, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		if (at[i] < from[i].n_groups &&
		    (best == n || from[i].places[at[i]] < from[best].places[at[best]]))
			best = i;
	return best;
}

/* Finds a group for each of theirs: maps[i][group of from[i]]. */
static int merge_groups(struct stoa__grouping *g, struct stoa__grouping *from, size_t n,
			uint32_t *at, uint32_t **maps, struct stoa_error *err)
{
	bool fresh;

	for (size_t i; (i = earliest(from, at, n)) < n; at[i]++) {
		if (!g->n_keys) {
			maps[i][at[i]] = 0;
			g->n_groups = 1;
			continue;
		}
		STOA_TRY(translate(g, &from[i], at[i], err));
		STOA_TRY(stoa__tuples_put(&g->tuples, g->rows, &maps[i][at[i]], &fresh, err));
		g->n_groups = g->tuples.n;
	}
	STOA_TRY(stoa__aggregator_grow(&g->ag, g->n_groups, err));
	for (size_t i = 0; i < n; i++)
		STOA_TRY(stoa__aggregator_merge(&g->ag, &from[i].ag, maps[i], from[i].n_groups, err));
	return STOA_OK;
}

int stoa__grouping_merge(struct stoa__grouping *g, struct stoa__grouping *from, size_t n,
			 struct stoa_error *err)
{
	uint32_t *at = stoa__calloc(n, sizeof *at);
	uint32_t **maps = stoa__calloc(n, sizeof(*maps));
	int rc = at && maps ? STOA_OK : STOA_ENOMEM;

	for (size_t i = 0; i < n && rc == STOA_OK; i++) {
		maps[i] = stoa__realloc_array(NULL, (size_t)from[i].n_groups + 1, sizeof(**maps));
		rc = maps[i] ? STOA_OK : STOA_ENOMEM;
	}
	rc = rc < 0 ? stoa__fail_memory(err) : merge_groups(g, from, n, at, maps, err);
	for (size_t i = 0; maps && i < n; i++)
		stoa__free(maps[i]);
	stoa__free(maps);
	stoa__free(at);
	return rc;
}

/* ---- results -------------------------------------------------------------------------------- */

void stoa__grouping_keys(const struct stoa__grouping *g, size_t k, uint32_t at, size_t n,
			 void *values, uint64_t *valid)
{
	const struct stoa__keyer *keyer = &g->keys[k].keyer;
	size_t width = tuple_width(g);

	memset(valid, 0, STOA__WORDS(n) * 8);
	for (size_t i = 0; i < n; i++) {
		const uint64_t *t = g->tuples.rows + (at + i) * width;
		bool null = t[g->n_keys + k / 64] >> (k % 64) & 1;
		if (!null)
			stoa__bit_set(valid, i);
		if (keyer->phys == STOA__PHYS_BOOL)
			((uint8_t *)values)[i] = (uint8_t)t[k];
		else if (keyer->phys != STOA__PHYS_BYTES)
			((uint64_t *)values)[i] = t[k];
		else
			((struct stoa_bytes *)values)[i] = null ? (struct stoa_bytes){ "", 0 } :
								  keyer->strings.items[t[k]];
	}
}

/* ---- life ----------------------------------------------------------------------------------- */

uint64_t stoa__grouping_bytes(const struct stoa__grouping *g)
{
	uint64_t sum = stoa__tuples_bytes(&g->tuples) + stoa__aggregator_bytes(&g->ag) +
		       g->cap_places * sizeof *g->places + g->n_cells * sizeof *g->direct +
		       (g->by_code ? CODE_CELLS_MAX * sizeof *g->by_code : 0);

	for (size_t k = 0; k < g->n_keys; k++)
		sum += stoa__keyer_bytes(&g->keys[k].keyer);
	return sum;
}

void stoa__grouping_release(struct stoa__grouping *g)
{
	for (size_t k = 0; g->keys && k < g->n_keys; k++) {
		stoa__keyer_release(&g->keys[k].keyer);
		stoa__free(g->keys[k].words);
	}
	stoa__aggregator_release(&g->ag);
	stoa__tuples_release(&g->tuples);
	stoa__free(g->keys);
	stoa__free(g->rows);
	stoa__free(g->cells);
	stoa__free(g->groups);
	stoa__free(g->direct);
	stoa__free(g->by_code);
	stoa__free(g->known);
	stoa__free(g->places);
	memset(g, 0, sizeof *g);
}

static int make_keys(struct stoa__grouping *g, const struct stoa__type *types,
		     struct stoa_error *err)
{
	g->keys = stoa__calloc(g->n_keys + 1, sizeof *g->keys);
	if (!g->keys)
		return stoa__fail_memory(err);
	for (size_t k = 0; k < g->n_keys; k++) {
		g->keys[k].type = types[k];
		g->keys[k].keyer.phys = (uint8_t)stoa__prog_phys(types[k].type);
		g->keys[k].words = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(uint64_t));
		if (!g->keys[k].words)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

int stoa__grouping_init(struct stoa__grouping *g, const struct stoa__type *keys, size_t n_keys,
			const struct stoa__agg *aggs, size_t n_aggs,
			const struct stoa__bound **exprs, size_t *n_exprs, struct stoa__temp *file,
			struct stoa__run *run, struct stoa_error *err)
{
	memset(g, 0, sizeof *g);
	g->n_keys = n_keys;
	g->n_null_words = (n_keys + 63) / 64;
	stoa__tuples_init(&g->tuples, n_keys + g->n_null_words);
	STOA_TRY(make_keys(g, keys, err));
	STOA_TRY(stoa__aggregator_init(&g->ag, aggs, n_aggs, exprs, n_exprs, file, run, err));
	g->rows = stoa__calloc(tuple_width(g) + 1, STOA__TUPLES_BATCH * sizeof *g->rows);
	g->cells = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *g->cells);
	g->groups = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *g->groups);
	return g->rows && g->cells && g->groups ? STOA_OK : stoa__fail_memory(err);
}
