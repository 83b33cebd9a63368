/* SPDX-License-Identifier: MIT */
/*
 * op_sort.c - ORDER BY, with and without LIMIT
 *
 * All rows are kept by column, strings once per distinct string of a dictionary. Sorting moves row
 * numbers only: each with a key as an unsigned integer of the same order (numbers mapped, strings
 * by their first eight bytes, NULLs at their end). A radix sort puts those in order, from the last
 * byte to the first; each run of rows that are equal in that key is then sorted by the next in the same
 * way. Few rows, and long strings that begin alike, are merge-sorted by whole keys. Both are
 * stable: equal rows stay in the order in which they came.
 *
 * With a LIMIT of k rows at most 2k and a batch are kept: then the rows are sorted, and all but
 * the first k given up. From then on the prefix of the kth row is a bar (bar.h): rows beyond it
 * are not kept, and of a batch without any other the other columns are not even asked for.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "bar.h"
#include "keys.h"
#include "loops.h"
#include "machine.h"
#include "op.h"

#define SLACK 64 /* rows kept beyond twice the LIMIT, so that small ones do not sort at each row */

struct column {
	struct stoa__type type;
	uint8_t phys;
	char *values;		/* by row, elements of the physical kind */
	uint32_t cap;
	uint64_t *valid;
	uint32_t cap_valid;
	bool has_nulls;
	/* Strings. */
	struct stoa__arena bytes;
	uint64_t dict_id;
	struct stoa_bytes *memo;	/* copies by code; p NULL: none yet */
	uint32_t cap_memo, n_memo;
	/* Output. */
	void *out;
	uint64_t *out_valid;
	bool ready;
};

struct item {
	uint64_t prefix;
	uint32_t row;
};

struct sort {
	struct stoa__op op;
	struct stoa__op *child;
	struct column *columns;
	size_t n_columns;
	const struct stoa__order_key *order;
	size_t n_order;
	size_t key;		/* that merges compare from */
	uint64_t limit;
	uint32_t n_rows;
	struct item *items;
	struct item *other;	/* the other side of each merge */
	uint32_t cap_items, cap_other;
	bool sorted;
	uint32_t at, batch_at;
	size_t batch_n;
	/* Of a LIMIT; else NULL. */
	struct stoa__bar *bar;
	uint8_t *flags;
	uint32_t *sel;
	void *room;
	uint64_t *room_valid;
};

/* ---- keeping rows --------------------------------------------------------------------------- */

static int grow_column(struct column *c, uint32_t n, struct stoa_error *err)
{
	void *values = c->values, *valid = c->valid;

	if (!stoa__grow(&values, &c->cap, n, stoa__phys_width(c->phys)))
		return stoa__fail_memory(err);
	c->values = values;
	if (!stoa__grow(&valid, &c->cap_valid, (uint32_t)STOA__WORDS(n), 8))
		return stoa__fail_memory(err);
	c->valid = valid;
	return STOA_OK;
}

static int copy_bytes(struct column *c, struct stoa_bytes *b, struct stoa_error *err)
{
	b->p = stoa__arena_copy(&c->bytes, b->p, b->len);
	return b->p ? STOA_OK : stoa__fail_memory(err);
}

static int begin_memo(struct column *c, const struct stoa__vec *v, struct stoa_error *err)
{
	void *memo = c->memo;

	if (c->dict_id == v->dict_id && c->n_memo == v->n_dict)
		return STOA_OK;
	if (!stoa__grow(&memo, &c->cap_memo, v->n_dict, sizeof *c->memo))
		return stoa__fail_memory(err);
	c->memo = memo;
	if (v->n_dict)
		memset(c->memo, 0, v->n_dict * sizeof *c->memo);
	c->dict_id = v->dict_id;
	c->n_memo = v->n_dict;
	return STOA_OK;
}

static int keep_dict(struct column *c, const struct stoa__vec *v, struct stoa_bytes *out,
		     struct stoa_error *err)
{
	STOA_TRY(begin_memo(c, v, err));
	for (size_t i = 0; i < v->n; i++) {
		out[i] = (struct stoa_bytes){ "", 0 };
		if (!stoa__bit_get(v->validity, i))
			continue;
		struct stoa_bytes *m = &c->memo[v->codes[i]];
		if (!m->p) {
			*m = v->dict[v->codes[i]];
			STOA_TRY(copy_bytes(c, m, err));
		}
		out[i] = *m;
	}
	return STOA_OK;
}

static int keep_bytes(struct column *c, const struct stoa__vec *v, struct stoa_bytes *out,
		      struct stoa_error *err)
{
	if (v->kind == STOA__VEC_DICT)
		return keep_dict(c, v, out, err);
	for (size_t i = 0; i < v->n; i++) {
		out[i] = (struct stoa_bytes){ "", 0 };
		if (!stoa__bit_get(v->validity, i))
			continue;
		out[i] = v->bytes[v->kind == STOA__VEC_CONST ? 0 : i];
		STOA_TRY(copy_bytes(c, &out[i], err));
	}
	return STOA_OK;
}

static int keep_column(struct sort *s, struct column *c, const struct stoa__vec *v, size_t n,
		       struct stoa_error *err)
{
	size_t width = stoa__phys_width(c->phys);
	char *to;

	STOA_TRY(grow_column(c, s->n_rows + (uint32_t)n, err));
	to = c->values + s->n_rows * width;
	stoa__bitmap_copy(c->valid, s->n_rows, v->validity, 0, n);
	c->has_nulls |= v->validity != NULL;
	if (c->phys == STOA__PHYS_BYTES)
		return keep_bytes(c, v, (struct stoa_bytes *)(void *)to, err);
	const void *flat = stoa__vec_flat(v, to);
	if (flat != to)
		memcpy(to, flat, n * width);
	return STOA_OK;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static union stoa__datum datum_in(const void *values, unsigned phys, size_t i)
{
	union stoa__datum d = { .s = { NULL, 0 } };
	size_t width = stoa__phys_width(phys);

	if (phys == STOA__PHYS_BOOL)
		d.i = ((const uint8_t *)values)[i];
	else
		memcpy(&d, (const char *)values + i * width, width);
	return d;
}

static int compare_f64(double a, double b)
{
	if (a != a || b != b)
		return (a != a) - (b != b);
	return (a > b) - (a < b);
}

static int compare_values(const struct column *c, uint32_t a, uint32_t b)
{
	union stoa__datum x = datum_in(c->values, c->phys, a);
	union stoa__datum y = datum_in(c->values, c->phys, b);

	switch (c->phys) {
	case STOA__PHYS_U64: return (x.u > y.u) - (x.u < y.u);
	case STOA__PHYS_F64: return compare_f64(x.f, y.f);
	case STOA__PHYS_BYTES: return stoa__compare_bytes(x.s, y.s);
	default: return (x.i > y.i) - (x.i < y.i);
	}
}

static int compare_key(const struct sort *s, const struct stoa__order_key *k, uint32_t a,
		       uint32_t b)
{
	const struct column *c = &s->columns[k->output];
	bool va = !c->has_nulls || stoa__bit_get(c->valid, a);
	bool vb = !c->has_nulls || stoa__bit_get(c->valid, b);

	if (!va || !vb) {
		int nulls = vb - va;	/* 1: only @a is NULL */
		return k->nulls_first ? -nulls : nulls;
	}
	int order = compare_values(c, a, b);
	return k->descending ? -order : order;
}

/* By keys from @key on; that one is decided by prefixes unless they are equal. */
static int compare_items(const struct sort *s, const struct item *a, const struct item *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	for (size_t k = s->key; k < s->n_order; k++) {
		int order = compare_key(s, &s->order[k], a->row, b->row);
		if (order)
			return order;
	}
	return 0;
}

/* An integer that is in order where that key is; NULLs are at the ends. */
static uint64_t prefix_of(const struct sort *s, size_t key, uint32_t row)
{
	const struct stoa__order_key *k = &s->order[key];
	const struct column *c = &s->columns[k->output];

	if (c->has_nulls && !stoa__bit_get(c->valid, row))
		return k->nulls_first ? 0 : UINT64_MAX;
	uint64_t x = stoa__order_bits(c->phys, datum_in(c->values, c->phys, row));
	return k->descending ? ~x : x;
}

/* Rows of the child's batch that a LIMIT leaves a chance: all (*@k == n), or those in @sel. */
static int find_chances(struct sort *s, size_t n, size_t *k, struct stoa_error *err)
{
	struct stoa__vec v;

	*k = n;
	if (!s->bar || s->bar->last == UINT64_MAX)
		return STOA_OK;
	STOA_TRY(stoa__op_column(s->child, s->order[0].output, &v, err));
	stoa__bar_admit(s->bar, &v, n, s->flags);
	*k = stoa__loops()->select(s->flags, n, s->sel);
	return STOA_OK;
}

static int keep_rows(struct sort *s, size_t n, size_t k, struct stoa_error *err)
{
	for (size_t i = 0; i < s->n_columns; i++) {
		struct stoa__vec v, some;
		STOA_TRY(stoa__op_column(s->child, i, &v, err));
		if (k == n) {
			STOA_TRY(keep_column(s, &s->columns[i], &v, n, err));
			continue;
		}
		stoa__vec_gather(&v, s->sel, k, s->room, s->room_valid, &some);
		STOA_TRY(keep_column(s, &s->columns[i], &some, k, err));
	}
	return STOA_OK;
}

static int keep_batch(struct sort *s, size_t n, struct stoa_error *err)
{
	size_t k;

	if (s->n_rows > (1u << 30))
		return stoa__fail(err, STOA_EFULL,
				  "more than 2^30 rows to sort: add a WHERE or a LIMIT");
	STOA_TRY(find_chances(s, n, &k, err));
	if (k)
		STOA_TRY(keep_rows(s, n, k, err));
	s->n_rows += (uint32_t)k;
	return STOA_OK;
}

/* ---- sorting -------------------------------------------------------------------------------- */

#define RUN 16
#define RADIX_MIN 1024	/* fewer items are merged sooner than counted */
#define RADIX_KEYS 16	/* keys behind these are merged: bounds the recursion */

static void insertion_sort(const struct sort *s, struct item *a, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct item x = a[i];
		size_t k = i;
		for (; k > 0 && compare_items(s, &x, &a[k - 1]) < 0; k--)
			a[k] = a[k - 1];
		a[k] = x;
	}
}

static void merge(const struct sort *s, const struct item *a, size_t n_a, const struct item *b,
		  size_t n_b, struct item *out)
{
	while (n_a && n_b) {
		bool second = compare_items(s, b, a) < 0;
		*out++ = second ? *b : *a;
		b += second;
		n_b -= second;
		a += !second;
		n_a -= !second;
	}
	memcpy(out, n_a ? a : b, (n_a + n_b) * sizeof *out);
}

/* Sorts @n items at @a; @b is room for as many. */
static void merge_sort(const struct sort *s, struct item *a, struct item *b, size_t n)
{
	struct item *from = a, *to = b;

	for (size_t i = 0; i < n; i += RUN)
		insertion_sort(s, a + i, n - i < RUN ? n - i : RUN);
	for (size_t width = RUN; width < n; width *= 2) {
		for (size_t i = 0; i < n; i += 2 * width) {
			size_t n_a = n - i < width ? n - i : width;
			size_t n_b = n - i - n_a < width ? n - i - n_a : width;
			merge(s, from + i, n_a, from + i + n_a, n_b, to + i);
		}
		struct item *t = from;
		from = to;
		to = t;
	}
	if (from != a)
		memcpy(a, from, n * sizeof *a);
}

/* One pass: stable by byte @shift / 8 of the prefix, from @a to @b. */
static void radix_pass(const struct item *a, struct item *b, size_t n, unsigned shift,
		       const uint32_t *counts)
{
	uint32_t at[256], sum = 0;

	for (size_t i = 0; i < 256; i++) {
		at[i] = sum;
		sum += counts[i];
	}
	for (size_t i = 0; i < n; i++)
		b[at[a[i].prefix >> shift & 0xff]++] = a[i];
}

/* Sorts @n items at @a, stable, by prefix alone: a pass for each byte in which the prefixes differ. */
static void radix_sort(struct item *a, struct item *b, size_t n)
{
	uint32_t counts[8][256] = { { 0 } };
	struct item *from = a, *to = b;

	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < 8; k++)
			counts[k][a[i].prefix >> (8 * k) & 0xff]++;
	for (unsigned k = 0; k < 8; k++) {
		if (counts[k][from[0].prefix >> (8 * k) & 0xff] == n)
			continue;
		radix_pass(from, to, n, 8 * k, counts[k]);
		struct item *t = from;
		from = to;
		to = t;
	}
	if (from != a)
		memcpy(a, from, n * sizeof *a);
}

/* Items with one prefix of key @k: are they equal in it? */
static bool same_key(const struct sort *s, const struct item *a, size_t n, size_t k)
{
	const struct column *c = &s->columns[s->order[k].output];

	if (c->phys != STOA__PHYS_BYTES && !c->has_nulls)
		return true;
	for (size_t i = 1; i < n; i++)
		if (compare_key(s, &s->order[k], a[i - 1].row, a[i].row))
			return false;
	return true;
}

static void sort_range(struct sort *s, struct item *a, struct item *b, size_t n, size_t k);

/* Items whose prefixes of key @k are equal. */
static void sort_run(struct sort *s, struct item *a, struct item *b, size_t n, size_t k)
{
	if (!same_key(s, a, n, k)) {
		s->key = k;
		merge_sort(s, a, b, n);
	} else if (k + 1 < s->n_order) {
		sort_range(s, a, b, n, k + 1);
	}
}

/* Sorts @n items at @a, which are equal in the keys before @k. */
static void sort_range(struct sort *s, struct item *a, struct item *b, size_t n, size_t k)
{
	for (size_t i = 0; i < n; i++)
		a[i].prefix = prefix_of(s, k, a[i].row);
	if (n < RADIX_MIN || k == RADIX_KEYS) {
		s->key = k;
		merge_sort(s, a, b, n);
		return;
	}
	radix_sort(a, b, n);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && a[end].prefix == a[i].prefix; end++)
			;
		if (end - i > 1)
			sort_run(s, a + i, b + i, end - i, k);
	}
}

static int sort_rows(struct sort *s, struct stoa_error *err)
{
	void *items = s->items, *other = s->other;
	uint32_t cap = s->cap_items;

	if (!stoa__grow(&items, &cap, s->n_rows, sizeof *s->items))
		return stoa__fail_memory(err);
	s->items = items;
	if (!stoa__grow(&other, &s->cap_other, s->n_rows, sizeof *s->items))
		return stoa__fail_memory(err);
	s->other = other;
	s->cap_items = cap < s->cap_other ? cap : s->cap_other;	/* they change places */
	s->cap_other = s->cap_items;
	for (uint32_t i = 0; i < s->n_rows; i++)
		s->items[i].row = i;
	sort_range(s, s->items, s->other, s->n_rows, 0);
	return STOA_OK;
}

/* ---- LIMIT ---------------------------------------------------------------------------------- */

/* Rows items[0 .. n) of @c in that order, into fresh memory. */
static int reorder(const struct sort *s, struct column *c, uint32_t n, struct stoa_error *err)
{
	size_t width = stoa__phys_width(c->phys);
	struct stoa__arena bytes = STOA__ARENA_INIT;
	char *values = stoa__realloc_array(NULL, c->cap, width);
	uint64_t *valid = stoa__calloc(c->cap_valid, 8);

	if (!values || !valid)
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = s->items[i].row;
		memcpy(values + i * width, c->values + row * width, width);
		if (stoa__bit_get(c->valid, row))
			stoa__bit_set(valid, i);
		if (c->phys != STOA__PHYS_BYTES)
			continue;
		struct stoa_bytes *b = (struct stoa_bytes *)(void *)(values + i * width);
		b->p = stoa__arena_copy(&bytes, b->p, b->len);
		if (!b->p)
			goto fail;
	}
	stoa__free(c->values);
	stoa__free(c->valid);
	stoa__arena_release(&c->bytes);
	c->values = values;
	c->valid = valid;
	c->bytes = bytes;
	c->dict_id = 0;		/* the memo's copies are gone */
	c->n_memo = 0;
	return STOA_OK;
fail:
	stoa__free(values);
	stoa__free(valid);
	stoa__arena_release(&bytes);
	return stoa__fail_memory(err);
}

/* Gives up all but the first @limit rows. */
static int prune(struct sort *s, struct stoa_error *err)
{
	uint32_t n = s->limit < s->n_rows ? (uint32_t)s->limit : s->n_rows;

	STOA_TRY(sort_rows(s, err));
	for (size_t i = 0; i < s->n_columns; i++)
		STOA_TRY(reorder(s, &s->columns[i], n, err));
	s->n_rows = n;
	if (n && n == s->limit)
		stoa__bar_lower(s->bar, prefix_of(s, 0, n - 1));
	return STOA_OK;
}

/* ---- the operator --------------------------------------------------------------------------- */

static int consume(struct sort *s, struct stoa_error *err)
{
	/* Pruned often, the bar is low; each time at least as many rows go as stay. */
	uint64_t enough = s->limit > UINT32_MAX ? UINT64_MAX : 2 * s->limit + SLACK;
	size_t n;

	for (;;) {
		int rc = stoa__op_next(s->child, &n, err);
		if (rc < 0)
			return rc;
		if (rc == STOA_END)
			break;
		STOA_TRY(keep_batch(s, n, err));
		if (s->n_rows >= enough)
			STOA_TRY(prune(s, err));
	}
	stoa__op_close(s->child);
	s->child = NULL;
	STOA_TRY(sort_rows(s, err));
	if (s->n_rows > s->limit)
		s->n_rows = (uint32_t)s->limit;
	s->sorted = true;
	return STOA_OK;
}

static int sort_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct sort *s = (struct sort *)op;

	if (!s->sorted)
		STOA_TRY(consume(s, err));
	if (s->at == s->n_rows)
		return STOA_END;
	s->batch_at = s->at;
	s->batch_n = s->n_rows - s->at;
	if (s->batch_n > STOA__BATCH_ROWS)
		s->batch_n = STOA__BATCH_ROWS;
	s->at += (uint32_t)s->batch_n;
	for (size_t i = 0; i < s->n_columns; i++)
		s->columns[i].ready = false;
	*n = s->batch_n;
	return STOA_ROW;
}

static int make_out(const struct sort *s, struct column *c, struct stoa_error *err)
{
	size_t width = stoa__phys_width(c->phys);

	if (!c->out)
		c->out = stoa__alloc_aligned(STOA__BATCH_ROWS * width);
	if (!c->out_valid)
		c->out_valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (!c->out || !c->out_valid)
		return stoa__fail_memory(err);
	memset(c->out_valid, 0, STOA__WORDS(STOA__BATCH_ROWS) * 8);
	for (size_t i = 0; i < s->batch_n; i++) {
		uint32_t row = s->items[s->batch_at + i].row;
		memcpy((char *)c->out + i * width, c->values + row * width, width);
		if (stoa__bit_get(c->valid, row))
			stoa__bit_set(c->out_valid, i);
	}
	c->ready = true;
	return STOA_OK;
}

static int sort_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		       struct stoa_error *err)
{
	struct sort *s = (struct sort *)in;
	struct column *c = &s->columns[i];

	if (!c->ready)
		STOA_TRY(make_out(s, c, err));
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = c->phys;
	out->type = c->type.type;
	out->scale = c->type.scale;
	out->n = s->batch_n;
	out->values = c->out;
	out->validity = c->has_nulls ? c->out_valid : NULL;
	return STOA_OK;
}

static void sort_close(struct stoa__op *op)
{
	struct sort *s = (struct sort *)op;

	stoa__op_close(s->child);
	for (size_t i = 0; s->columns && i < s->n_columns; i++) {
		struct column *c = &s->columns[i];
		stoa__free(c->values);
		stoa__free(c->valid);
		stoa__free(c->memo);
		stoa__free(c->out);
		stoa__free(c->out_valid);
		stoa__arena_release(&c->bytes);
	}
	stoa__free(s->columns);
	stoa__free(s->items);
	stoa__free(s->other);
	stoa__free(s->sel);
	stoa__free(s->room);
	stoa__free(s->room_valid);
	stoa__free(s->flags);
	stoa__free(s);
}

static int make_rooms(struct sort *s)
{
	s->sel = stoa__alloc_aligned((STOA__BATCH_ROWS + 8) * sizeof *s->sel);
	s->room = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	s->flags = stoa__alloc_aligned(STOA__BATCH_ROWS);
	s->room_valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	return s->sel && s->room && s->flags && s->room_valid ? 0 : STOA_ENOMEM;
}

int stoa__op_sort(struct stoa__op *child, const struct stoa__type *types, size_t n_columns,
		  const struct stoa__order_key *order, size_t n_order, uint64_t limit,
		  struct stoa__bar *bar, struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { sort_next, sort_close, NULL, NULL };
	struct sort *s = stoa__calloc(1, sizeof *s);

	*out = NULL;
	if (!s) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	s->op.input.column = sort_column;
	s->op.ops = &ops;
	s->child = child;
	s->n_columns = n_columns;
	s->order = order;
	s->n_order = n_order;
	s->limit = limit;
	s->bar = bar;
	s->columns = stoa__calloc(n_columns + 1, sizeof *s->columns);
	if (!s->columns || (bar && make_rooms(s) < 0)) {
		sort_close(&s->op);
		return stoa__fail_memory(err);
	}
	for (size_t i = 0; i < n_columns; i++) {
		s->columns[i].type = types[i];
		s->columns[i].phys = (uint8_t)stoa__prog_phys(types[i].type);
	}
	*out = &s->op;
	return STOA_OK;
}
