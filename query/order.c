/* SPDX-License-Identifier: MIT */
/*
 * order.c - rows in the order of an ORDER BY
 *
 * Sorting moves row numbers only: each with a key as an unsigned integer of the same order (numbers
 * mapped, strings by their first eight bytes, NULLs at their end). A radix sort puts those in
 * order, from the last byte to the first; each run of rows that are equal in that key is then
 * sorted by the next in the same way. Few rows, and long strings that begin alike, are merge-sorted
 * by whole keys. Both are stable.
 */
#include "order.h"

#include <string.h>

#include "../lib/core/bitmap.h"
#include "bar.h"
#include "machine.h"

#define RUN 16
#define RADIX_MIN 1024	/* fewer items are merged sooner than counted */
#define RADIX_KEYS 16	/* keys behind these are merged: bounds the recursion */

/* ---- comparing ------------------------------------------------------------------------------ */

union stoa__datum stoa__cell_datum(const struct stoa__cells *c, uint32_t row)
{
	union stoa__datum d = { .s = { NULL, 0 } };

	if (c->phys == STOA__PHYS_BYTES)
		d.s = ((const struct stoa_bytes *)c->values)[row];
	else if (c->phys == STOA__PHYS_BOOL)
		d.i = ((const uint8_t *)c->values)[row];
	else
		d.u = ((const uint64_t *)c->values)[row];
	return d;
}

static int compare_f64(double a, double b)
{
	if (a != a || b != b)
		return (a != a) - (b != b);
	return (a > b) - (a < b);
}

static int compare_values(unsigned phys, union stoa__datum x, union stoa__datum y)
{
	switch (phys) {
	case STOA__PHYS_U64: return (x.u > y.u) - (x.u < y.u);
	case STOA__PHYS_F64: return compare_f64(x.f, y.f);
	case STOA__PHYS_BYTES: return stoa__compare_bytes(x.s, y.s);
	default: return (x.i > y.i) - (x.i < y.i);
	}
}

static int compare_key(const struct stoa__order_key *k, const struct stoa__cells *a, uint32_t row_a,
		       const struct stoa__cells *b, uint32_t row_b)
{
	bool valid_a = stoa__bit_get(a->valid, row_a);
	bool valid_b = stoa__bit_get(b->valid, row_b);

	if (!valid_a || !valid_b) {
		int nulls = valid_b - valid_a;	/* 1: only the first is NULL */
		return k->nulls_first ? -nulls : nulls;
	}
	int order = compare_values(a->phys, stoa__cell_datum(a, row_a), stoa__cell_datum(b, row_b));
	return k->descending ? -order : order;
}

int stoa__order_compare(const struct stoa__order *o, size_t from, const struct stoa__cells *a,
			uint32_t row_a, const struct stoa__cells *b, uint32_t row_b)
{
	for (size_t k = from; k < o->n; k++) {
		uint32_t i = o->keys[k].output;
		int order = compare_key(&o->keys[k], &a[i], row_a, &b[i], row_b);
		if (order)
			return order;
	}
	return 0;
}

uint64_t stoa__order_prefix(const struct stoa__order *o, size_t key, const struct stoa__cells *cells,
			    uint32_t row)
{
	const struct stoa__order_key *k = &o->keys[key];
	const struct stoa__cells *c = &cells[k->output];

	if (!stoa__bit_get(c->valid, row))
		return k->nulls_first ? 0 : UINT64_MAX;
	uint64_t x = stoa__order_bits(c->phys, stoa__cell_datum(c, row));
	return k->descending ? ~x : x;
}

/* ---- merging -------------------------------------------------------------------------------- */

struct sort {
	const struct stoa__order *order;
	const struct stoa__cells *cells;
	size_t key;		/* that prefixes are of, and merges compare from */
};

static int compare_items(const struct sort *s, const struct stoa__item *a,
			 const struct stoa__item *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return stoa__order_compare(s->order, s->key, s->cells, a->row, s->cells, b->row);
}

static void insertion_sort(const struct sort *s, struct stoa__item *a, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct stoa__item x = a[i];
		size_t k = i;
		for (; k > 0 && compare_items(s, &x, &a[k - 1]) < 0; k--)
			a[k] = a[k - 1];
		a[k] = x;
	}
}

static void merge(const struct sort *s, const struct stoa__item *a, size_t n_a,
		  const struct stoa__item *b, size_t n_b, struct stoa__item *out)
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
static void merge_sort(const struct sort *s, struct stoa__item *a, struct stoa__item *b, size_t n)
{
	struct stoa__item *from = a, *to = b;

	for (size_t i = 0; i < n; i += RUN)
		insertion_sort(s, a + i, n - i < RUN ? n - i : RUN);
	for (size_t width = RUN; width < n; width *= 2) {
		for (size_t i = 0; i < n; i += 2 * width) {
			size_t n_a = n - i < width ? n - i : width;
			size_t n_b = n - i - n_a < width ? n - i - n_a : width;
			merge(s, from + i, n_a, from + i + n_a, n_b, to + i);
		}
		struct stoa__item *t = from;
		from = to;
		to = t;
	}
	if (from != a)
		memcpy(a, from, n * sizeof *a);
}

/* ---- counting ------------------------------------------------------------------------------- */

/* One pass: stable by byte @shift / 8 of the prefix, from @a to @b. */
static void radix_pass(const struct stoa__item *a, struct stoa__item *b, size_t n, unsigned shift,
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

/*
 * Sorts @n items at @a, stable, by prefix alone: a pass for each byte in which the prefixes differ.
 */
static void radix_sort(struct stoa__item *a, struct stoa__item *b, size_t n)
{
	uint32_t counts[8][256] = { { 0 } };
	struct stoa__item *from = a, *to = b;

	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < 8; k++)
			counts[k][a[i].prefix >> (8 * k) & 0xff]++;
	for (unsigned k = 0; k < 8; k++) {
		if (counts[k][from[0].prefix >> (8 * k) & 0xff] == n)
			continue;
		radix_pass(from, to, n, 8 * k, counts[k]);
		struct stoa__item *t = from;
		from = to;
		to = t;
	}
	if (from != a)
		memcpy(a, from, n * sizeof *a);
}

/* Items with one prefix of key @k: are they equal in it? */
static bool same_key(const struct sort *s, const struct stoa__item *a, size_t n, size_t k)
{
	const struct stoa__order_key *key = &s->order->keys[k];
	const struct stoa__cells *c = &s->cells[key->output];

	if (c->phys != STOA__PHYS_BYTES && !c->valid)
		return true;
	for (size_t i = 1; i < n; i++)
		if (compare_key(key, c, a[i - 1].row, c, a[i].row))
			return false;
	return true;
}

static void sort_range(struct sort *s, struct stoa__item *a, struct stoa__item *b, size_t n,
		       size_t k);

/* Items whose prefixes of key @k are equal. */
static void sort_run(struct sort *s, struct stoa__item *a, struct stoa__item *b, size_t n, size_t k)
{
	if (!same_key(s, a, n, k)) {
		s->key = k;
		merge_sort(s, a, b, n);
	} else if (k + 1 < s->order->n) {
		sort_range(s, a, b, n, k + 1);
	}
}

/* Sorts @n items at @a, which are equal in the keys before @k. */
static void sort_range(struct sort *s, struct stoa__item *a, struct stoa__item *b, size_t n, size_t k)
{
	for (size_t i = 0; i < n; i++)
		a[i].prefix = stoa__order_prefix(s->order, k, s->cells, a[i].row);
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

void stoa__order_sort(const struct stoa__order *o, const struct stoa__cells *cells,
		      struct stoa__item *items, struct stoa__item *other, uint32_t n)
{
	struct sort s = { o, cells, 0 };

	for (uint32_t i = 0; i < n; i++)
		items[i] = (struct stoa__item){ 0, i };
	if (n && o->n)
		sort_range(&s, items, other, n, 0);
}
