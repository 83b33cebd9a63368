/* SPDX-License-Identifier: MIT */
/*
 * op_aggregate.c - GROUP BY, DISTINCT, and aggregates over everything
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
 * Rows are consumed at the first next(); then groups come out in the order in which they first
 * appeared.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "agg.h"
#include "loops.h"
#include "op.h"

#define DIRECT_MAX 65536
#define CODE_CELLS_MAX 4096

struct key {
	struct stoa__type type;
	struct stoa__keyer keyer;
	uint64_t *words;	/* of a batch */
	int64_t lo, hi;		/* smallest and largest word so far */
	uint64_t base;		/* of the direct table's range */
	uint64_t range;		/* words base .. base + range - 1 have cells; 0: none yet */
	uint64_t stride;
	uint64_t dict_id;	/* of the codes that @by_code knows */
	uint32_t n_dict;
};

struct out_column {
	void *values;
	uint64_t *valid;
};

struct aggregate {
	struct stoa__op op;
	struct stoa__op *child;
	struct stoa__machine *machine;
	struct key *keys;
	size_t n_keys;
	size_t n_null_words;	/* words of a tuple that say what is NULL */
	bool global;		/* one group, even of no rows */
	struct stoa__tuples tuples;
	uint64_t *rows;		/* STOA__TUPLES_BATCH tuples */
	uint32_t *cells;
	uint32_t *groups;
	uint32_t *direct;	/* group + 1 by cell; NULL when there is no direct table */
	uint32_t *by_code;	/* group + 1 by the codes of its dictionaries; 0: unknown */
	bool no_direct;		/* given up for good */
	struct stoa__aggregator ag;
	uint32_t n_groups;
	bool consumed;
	uint32_t at;		/* group that comes next */
	uint32_t batch_at;	/* first group of the current batch */
	size_t batch_n;
	struct out_column *out;
	bool *ready;
};

/* ---- direct table --------------------------------------------------------------------------- */

static const struct stoa__vec *key_vec(const struct aggregate *a, size_t k)
{
	return stoa__machine_output(a->machine, k);
}

/* Words' range in this batch; of strings all ids so far. */
static void word_range(const struct key *k, size_t n, int64_t *lo, int64_t *hi)
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

static bool in_range(const struct key *k, int64_t lo, int64_t hi)
{
	return (uint64_t)lo - k->base < k->range && (uint64_t)hi - k->base < k->range;
}

/*
 * A range with some room on both sides of all words so far and lo .. hi; false if that is too
 * many.
 */
static bool extend_range(struct key *k, int64_t lo, int64_t hi)
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

/* Makes the direct table anew, empty, if the ranges allow one. */
static int make_direct(struct aggregate *a, struct stoa_error *err)
{
	uint64_t cells = 1;

	stoa__free(a->direct);
	a->direct = NULL;
	for (size_t k = 0; k < a->n_keys; k++) {
		a->keys[k].stride = cells;
		cells *= a->keys[k].range + 1;
		if (cells > DIRECT_MAX) {
			a->no_direct = true;
			return STOA_OK;
		}
	}
	a->direct = stoa__calloc(cells, sizeof *a->direct);
	if (!a->direct)
		return stoa__fail_memory(err);
	return STOA_OK;
}

/* Is there a direct table for this batch's words? */
static int check_direct(struct aggregate *a, size_t n, struct stoa_error *err)
{
	bool fits = a->direct != NULL;

	if (a->no_direct)
		return STOA_OK;
	for (size_t k = 0; k < a->n_keys; k++) {
		int64_t lo, hi;
		if (a->keys[k].keyer.phys == STOA__PHYS_F64) {
			a->no_direct = true;
			return STOA_OK;
		}
		word_range(&a->keys[k], n, &lo, &hi);
		if (a->direct && in_range(&a->keys[k], lo, hi))
			continue;
		fits = false;
		if (!extend_range(&a->keys[k], lo, hi)) {
			a->no_direct = true;
			stoa__free(a->direct);
			a->direct = NULL;
			return STOA_OK;
		}
	}
	return fits ? STOA_OK : make_direct(a, err);
}

static void find_cells(struct aggregate *a, size_t n)
{
	for (size_t k = 0; k < a->n_keys; k++) {
		const struct key *key = &a->keys[k];
		const uint64_t *valid = key_vec(a, k)->validity;
		uint32_t stride = (uint32_t)key->stride;
		const uint64_t *w = key->words;
		uint64_t off = key->base - 1;
		if (k == 0)
			for (size_t i = 0; i < n; i++)
				a->cells[i] = (uint32_t)(w[i] - off) * stride;
		else
			for (size_t i = 0; i < n; i++)
				a->cells[i] += (uint32_t)(w[i] - off) * stride;
		for (size_t i = 0; valid && i < n; i++)
			if (!stoa__bit_get(valid, i))
				a->cells[i] -= (uint32_t)(w[i] - off) * stride;
	}
}

/* ---- dictionary codes ------------------------------------------------------------------------ */

/* Cells of a table by the keys' codes; 0 where keys are no plain codes, or too many. */
static size_t code_cells(const struct aggregate *a)
{
	size_t cells = 1;

	for (size_t k = 0; k < a->n_keys; k++) {
		const struct stoa__vec *v = key_vec(a, k);
		if (v->kind != STOA__VEC_DICT || v->validity || v->n_dict > CODE_CELLS_MAX)
			return 0;
		cells *= v->n_dict;
		if (cells > CODE_CELLS_MAX)
			return 0;
	}
	return cells;
}

/* Is there a table for this batch's dictionaries? It is emptied when others come. */
static int check_codes(struct aggregate *a, bool *ready, struct stoa_error *err)
{
	size_t cells = code_cells(a);
	bool same = true;

	*ready = cells > 0;
	for (size_t k = 0; cells && k < a->n_keys; k++) {
		const struct stoa__vec *v = key_vec(a, k);
		struct key *key = &a->keys[k];
		same &= key->dict_id == v->dict_id && key->n_dict == v->n_dict;
		key->dict_id = v->dict_id;
		key->n_dict = v->n_dict;
	}
	if (!cells || same)
		return STOA_OK;
	if (!a->by_code)
		a->by_code = stoa__realloc_array(NULL, CODE_CELLS_MAX, sizeof *a->by_code);
	if (!a->by_code)
		return stoa__fail_memory(err);
	memset(a->by_code, 0, cells * sizeof *a->by_code);
	return STOA_OK;
}

static void find_code_cells(struct aggregate *a, size_t n)
{
	memcpy(a->cells, key_vec(a, 0)->codes, n * sizeof *a->cells);
	for (size_t k = 1; k < a->n_keys; k++) {
		const uint32_t *codes = key_vec(a, k)->codes;
		uint32_t n_dict = a->keys[k].n_dict;
		for (size_t i = 0; i < n; i++)
			a->cells[i] = a->cells[i] * n_dict + codes[i];
	}
}

/* The groups of all rows, if all their cells are known. */
static bool code_groups(struct aggregate *a, size_t n)
{
	uint32_t unknown = 0;

	find_code_cells(a, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t group = a->by_code[a->cells[i]];
		unknown |= group == 0;
		a->groups[i] = group - 1;
	}
	return !unknown;
}

static void learn_codes(struct aggregate *a, size_t n)
{
	find_code_cells(a, n);
	for (size_t i = 0; i < n; i++)
		a->by_code[a->cells[i]] = a->groups[i] + 1;
}

/* ---- groups --------------------------------------------------------------------------------- */

static size_t tuple_width(const struct aggregate *a)
{
	return a->n_keys + a->n_null_words;
}

/* The tuples of rows [from, from + n), side by side in @rows. */
static void make_tuples(struct aggregate *a, size_t from, size_t n)
{
	size_t width = tuple_width(a);

	for (size_t k = 0; k < a->n_keys; k++)
		for (size_t i = 0; i < n; i++)
			a->rows[i * width + k] = a->keys[k].words[from + i];
	for (size_t k = a->n_keys; k < width; k++)
		for (size_t i = 0; i < n; i++)
			a->rows[i * width + k] = 0;
	for (size_t k = 0; k < a->n_keys; k++) {
		const uint64_t *valid = key_vec(a, k)->validity;
		for (size_t i = 0; valid && i < n; i++)
			if (!stoa__bit_get(valid, from + i))
				a->rows[i * width + a->n_keys + k / 64] |= (uint64_t)1 << (k % 64);
	}
}

static int hash_row(struct aggregate *a, size_t i, uint32_t *group, struct stoa_error *err)
{
	bool fresh;

	make_tuples(a, i, 1);
	return stoa__tuples_put(&a->tuples, a->rows, group, &fresh, err);
}

static int hash_rows(struct aggregate *a, size_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < n; i += STOA__TUPLES_BATCH) {
		size_t m = n - i < STOA__TUPLES_BATCH ? n - i : STOA__TUPLES_BATCH;
		make_tuples(a, i, m);
		STOA_TRY(stoa__tuples_put_all(&a->tuples, a->rows, m, a->groups + i, err));
	}
	return STOA_OK;
}

static int direct_groups(struct aggregate *a, size_t n, struct stoa_error *err)
{
	find_cells(a, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t *cell = &a->direct[a->cells[i]];
		if (!*cell) {
			STOA_TRY(hash_row(a, i, cell, err));
			++*cell;
		}
		a->groups[i] = *cell - 1;
	}
	return STOA_OK;
}

static int word_groups(struct aggregate *a, size_t n, struct stoa_error *err)
{
	for (size_t k = 0; k < a->n_keys; k++)
		STOA_TRY(stoa__keyer_words(&a->keys[k].keyer, key_vec(a, k), n, a->keys[k].words,
					   err));
	STOA_TRY(check_direct(a, n, err));
	if (a->direct)
		return direct_groups(a, n, err);
	return hash_rows(a, n, err);
}

static int find_groups(struct aggregate *a, size_t n, struct stoa_error *err)
{
	bool coded;

	STOA_TRY(check_codes(a, &coded, err));
	if (coded && code_groups(a, n))
		return STOA_OK;
	STOA_TRY(word_groups(a, n, err));
	if (coded)
		learn_codes(a, n);
	return STOA_OK;
}

/* ---- consuming ------------------------------------------------------------------------------ */

static int consume_batch(struct aggregate *a, size_t n, struct stoa_error *err)
{
	STOA_TRY(stoa__machine_run(a->machine, &a->child->input, n, NULL, err));
	if (a->n_keys) {
		STOA_TRY(find_groups(a, n, err));
		a->n_groups = a->tuples.n;
	}
	STOA_TRY(stoa__aggregator_grow(&a->ag, a->n_groups, err));
	return stoa__aggregator_update(&a->ag, a->machine, a->n_keys ? a->groups : NULL, n,
				       a->n_groups, err);
}

static int consume(struct aggregate *a, struct stoa_error *err)
{
	size_t n;

	if (!a->n_keys && a->global)
		a->n_groups = 1;
	STOA_TRY(stoa__aggregator_grow(&a->ag, a->n_groups, err));
	for (;;) {
		int rc = stoa__op_next(a->child, &n, err);
		if (rc < 0)
			return rc;
		if (rc == STOA_END)
			break;
		if (!a->n_keys)
			a->n_groups = 1;
		STOA_TRY(consume_batch(a, n, err));
	}
	/* What the child holds is of no use any more. */
	stoa__op_close(a->child);
	a->child = NULL;
	a->consumed = true;
	return STOA_OK;
}

static int aggregate_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct aggregate *a = (struct aggregate *)op;

	if (!a->consumed)
		STOA_TRY(consume(a, err));
	if (a->at == a->n_groups)
		return STOA_END;
	a->batch_at = a->at;
	a->batch_n = a->n_groups - a->at;
	if (a->batch_n > STOA__BATCH_ROWS)
		a->batch_n = STOA__BATCH_ROWS;
	a->at += (uint32_t)a->batch_n;
	memset(a->ready, 0, (a->n_keys + a->ag.n_aggs) * sizeof *a->ready);
	*n = a->batch_n;
	return STOA_ROW;
}

/* ---- columns -------------------------------------------------------------------------------- */

static void key_values(const struct aggregate *a, size_t k, struct out_column *o)
{
	const struct key *key = &a->keys[k];
	size_t width = tuple_width(a);

	memset(o->valid, 0, STOA__WORDS(a->batch_n) * 8);
	for (size_t i = 0; i < a->batch_n; i++) {
		const uint64_t *t = a->tuples.rows + (a->batch_at + i) * width;
		bool null = t[a->n_keys + k / 64] >> (k % 64) & 1;
		if (!null)
			stoa__bit_set(o->valid, i);
		if (key->keyer.phys == STOA__PHYS_BOOL)
			((uint8_t *)o->values)[i] = (uint8_t)t[k];
		else if (key->keyer.phys != STOA__PHYS_BYTES)
			((uint64_t *)o->values)[i] = t[k];
		else
			((struct stoa_bytes *)o->values)[i] = null ? (struct stoa_bytes){ "", 0 } :
								     key->keyer.strings.items[t[k]];
	}
}

static struct stoa__type column_type(const struct aggregate *a, size_t i)
{
	return i < a->n_keys ? a->keys[i].type : a->ag.aggs[i - a->n_keys].type;
}

static int make_column(struct aggregate *a, size_t i, struct stoa_error *err)
{
	struct out_column *o = &a->out[i];
	size_t width = stoa__phys_width(stoa__prog_phys(column_type(a, i).type));

	if (!o->values) {
		o->values = stoa__alloc_aligned(STOA__BATCH_ROWS * width);
		o->valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
		if (!o->values || !o->valid) {
			stoa__free(o->values);
			stoa__free(o->valid);
			memset(o, 0, sizeof *o);
			return stoa__fail_memory(err);
		}
	}
	if (i < a->n_keys)
		key_values(a, i, o);
	else
		STOA_TRY(stoa__aggregator_result(&a->ag, i - a->n_keys, a->batch_at, a->batch_n,
						 o->values, o->valid, err));
	a->ready[i] = true;
	return STOA_OK;
}

static int aggregate_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			    struct stoa_error *err)
{
	struct aggregate *a = (struct aggregate *)in;
	struct stoa__type t = column_type(a, i);

	if (!a->ready[i])
		STOA_TRY(make_column(a, i, err));
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)stoa__prog_phys(t.type);
	out->type = t.type;
	out->scale = t.scale;
	out->n = a->batch_n;
	out->values = a->out[i].values;
	if (stoa__bitmap_count(a->out[i].valid, 0, a->batch_n) != a->batch_n)
		out->validity = a->out[i].valid;
	return STOA_OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void aggregate_close(struct stoa__op *op)
{
	struct aggregate *a = (struct aggregate *)op;
	size_t n_columns = a->n_keys + a->ag.n_aggs;

	stoa__op_close(a->child);
	stoa__machine_free(a->machine);
	for (size_t k = 0; a->keys && k < a->n_keys; k++) {
		stoa__keyer_release(&a->keys[k].keyer);
		stoa__free(a->keys[k].words);
	}
	for (size_t i = 0; a->out && i < n_columns; i++) {
		stoa__free(a->out[i].values);
		stoa__free(a->out[i].valid);
	}
	stoa__aggregator_release(&a->ag);
	stoa__tuples_release(&a->tuples);
	stoa__free(a->keys);
	stoa__free(a->rows);
	stoa__free(a->cells);
	stoa__free(a->groups);
	stoa__free(a->direct);
	stoa__free(a->by_code);
	stoa__free(a->out);
	stoa__free(a->ready);
	stoa__free(a);
}

static int make_keys(struct aggregate *a, struct stoa__bound *const *keys, struct stoa_error *err)
{
	a->keys = stoa__calloc(a->n_keys + 1, sizeof *a->keys);
	if (!a->keys)
		return stoa__fail_memory(err);
	for (size_t k = 0; k < a->n_keys; k++) {
		a->keys[k].type = keys[k]->type;
		a->keys[k].keyer.phys = (uint8_t)stoa__prog_phys(keys[k]->type.type);
		a->keys[k].words = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(uint64_t));
		if (!a->keys[k].words)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

static int aggregate_init(struct aggregate *a, struct stoa__arena *arena,
			  struct stoa__bound *const *keys, const struct stoa__agg *aggs,
			  size_t n_aggs, struct stoa_error *err)
{
	size_t n_exprs = a->n_keys;
	const struct stoa__bound **exprs =
		stoa__arena_array(arena, a->n_keys + 4 * n_aggs + 1, sizeof(*exprs));
	struct stoa__prog *prog;

	if (!exprs)
		return stoa__fail_memory(err);
	for (size_t k = 0; k < a->n_keys; k++)
		exprs[k] = keys[k];
	STOA_TRY(make_keys(a, keys, err));
	STOA_TRY(stoa__aggregator_init(&a->ag, aggs, n_aggs, exprs, &n_exprs, err));
	STOA_TRY(
		stoa__prog_compile(arena, (struct stoa__bound *const *)exprs, n_exprs, &prog, err));
	STOA_TRY(stoa__machine_new(prog, STOA__BATCH_ROWS, &a->machine, err));
	a->rows = stoa__calloc(tuple_width(a) + 1, STOA__TUPLES_BATCH * sizeof *a->rows);
	a->cells = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *a->cells);
	a->groups = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *a->groups);
	a->out = stoa__calloc(a->n_keys + n_aggs + 1, sizeof *a->out);
	a->ready = stoa__calloc(a->n_keys + n_aggs + 1, sizeof *a->ready);
	if (!a->rows || !a->cells || !a->groups || !a->out || !a->ready)
		return stoa__fail_memory(err);
	return STOA_OK;
}

int stoa__op_aggregate(struct stoa__op *child, struct stoa__arena *arena,
		       struct stoa__bound *const *keys, size_t n_keys, bool global,
		       const struct stoa__agg *aggs, size_t n_aggs, struct stoa__op **out,
		       struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { aggregate_next, aggregate_close, NULL, NULL };
	struct aggregate *a = stoa__calloc(1, sizeof *a);

	*out = NULL;
	if (!a) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	a->op.input.column = aggregate_column;
	a->op.ops = &ops;
	a->child = child;
	a->n_keys = n_keys;
	a->n_null_words = (n_keys + 63) / 64;
	a->global = global;
	stoa__tuples_init(&a->tuples, n_keys + a->n_null_words);
	int rc = aggregate_init(a, arena, keys, aggs, n_aggs, err);
	if (rc < 0) {
		aggregate_close(&a->op);
		return rc;
	}
	*out = &a->op;
	return STOA_OK;
}
