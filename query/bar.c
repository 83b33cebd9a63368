/* SPDX-License-Identifier: MIT */
/*
 * bar.c - see bar.h
 *
 * Two things are known before a row is read. Each group whose zone map is exact has a row at its
 * best place: so of the groups' best places the k-th in order is one that k rows reach. And each
 * group of k values or more has k rows that reach its worst place. The former is close when values
 * are scattered, the latter when they are sorted.
 */
#include "bar.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "loops.h"
#include "prog.h"

#define SIGN (UINT64_C(1) << 63)

/* ---- places --------------------------------------------------------------------------------- */

static uint64_t order_of_f64(double x)
{
	uint64_t bits;

	if (x == 0)
		x = 0;		/* -0 is 0 */
	memcpy(&bits, &x, 8);
	if (x != x)
		return UINT64_MAX;
	return bits & SIGN ? ~bits : bits | SIGN;
}

static uint64_t order_of_bytes(struct stoa_bytes s)
{
	uint64_t x = 0;

	if (s.len >= 8) {
		memcpy(&x, s.p, 8);
		return __builtin_bswap64(x);
	}
	for (uint32_t i = 0; i < s.len; i++)
		x |= (uint64_t)(unsigned char)s.p[i] << (56 - 8 * i);
	return x;
}

uint64_t stoa__order_bits(unsigned phys, union stoa__datum d)
{
	switch (phys) {
	case STOA__PHYS_U64: return d.u;
	case STOA__PHYS_F64: return order_of_f64(d.f);
	case STOA__PHYS_BYTES: return order_of_bytes(d.s);
	default: return (uint64_t)d.i ^ SIGN;
	}
}

static void bring_down(struct stoa__bar *bar, uint64_t last)
{
	uint64_t now = stoa__bar_last(bar);

	while (last < now && !atomic_compare_exchange_weak_explicit(&bar->last, &now, last,
								    memory_order_relaxed,
								    memory_order_relaxed))
		;
}

void stoa__bar_lower(struct stoa__bar *bar, uint64_t worst)
{
	/*
	 * At the ends a NULL and a value share a place, and a string's place is only its
	 * beginning.
	 */
	bool exact = bar->phys != STOA__PHYS_BYTES && worst != 0 && worst != UINT64_MAX;
	uint64_t last = bar->alone && exact ? worst - 1 : worst;

	bring_down(bar, last);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* An integer column: one comparison for all. */
static void admit_ints(const struct stoa__bar *bar, const int64_t *v, size_t n, uint8_t *out)
{
	const struct stoa__loops *loops = stoa__loops();
	uint64_t place = stoa__bar_last(bar);
	int64_t last = (int64_t)((bar->descending ? ~place : place) ^ SIGN);
	unsigned op = bar->descending ? STOA__OP_GE - STOA__OP_EQ : STOA__OP_LE - STOA__OP_EQ;

	loops->compare_i64[op](v, &last, 2, n, out);
}

void stoa__bar_admit(const struct stoa__bar *bar, const struct stoa__vec *v, size_t n, uint8_t *out)
{
	uint64_t last = stoa__bar_last(bar);
	uint8_t null = stoa__bar_null(bar) <= last;

	if (v->kind == STOA__VEC_FLAT && v->phys == STOA__PHYS_I64)
		admit_ints(bar, v->i64, n, out);
	else
		for (size_t i = 0; i < n; i++)
			out[i] = stoa__bar_place(bar, stoa__vec_datum(v, i)) <= last;
	for (size_t i = 0; v->validity && i < n; i++)
		if (!stoa__bit_get(v->validity, i))
			out[i] = null;
}

/* ---- row groups ----------------------------------------------------------------------------- */

static uint64_t best_of(const struct stoa__bar *bar, const struct stoa__zone *z)
{
	if (z->n_null && bar->nulls_first)
		return 0;
	if (z->n_rows && z->n_null == z->n_rows)
		return UINT64_MAX;
	if (!z->known || (z->has_nan && bar->descending))
		return 0;
	return stoa__bar_place(bar, stoa__value_datum(bar->descending ? &z->max : &z->min));
}

static uint64_t worst_of(const struct stoa__bar *bar, const struct stoa__zone *z)
{
	if (z->has_nan && !bar->descending)
		return UINT64_MAX;
	return stoa__bar_place(bar, stoa__value_datum(bar->descending ? &z->min : &z->max));
}

bool stoa__bar_excludes(const struct stoa__bar *bar, const struct stoa__zone *z)
{
	uint64_t last = stoa__bar_last(bar);

	return last != UINT64_MAX && best_of(bar, z) > last;
}

/* ---- what zone maps foretell ---------------------------------------------------------------- */

#define FORESEE_MAX \
	256 /* best places kept, in order; beyond that many, reading tells soon enough */

struct places {
	uint64_t best[FORESEE_MAX];
	size_t n, k;
};

/* Keeps the @k first places in order. */
static void keep_place(struct places *p, uint64_t x)
{
	size_t i;

	if (p->n == p->k && x >= p->best[p->n - 1])
		return;
	i = p->n < p->k ? p->n++ : p->n - 1;
	for (; i > 0 && p->best[i - 1] > x; i--)
		p->best[i] = p->best[i - 1];
	p->best[i] = x;
}

static void look_at(const struct stoa__bar *bar, const struct stoa__zone *z, uint64_t k,
		    struct places *p, uint64_t *worst)
{
	if (!z->exact || !z->known)
		return;
	keep_place(p, best_of(bar, z));
	if (z->n_rows - z->n_null >= k) {
		uint64_t x = worst_of(bar, z);
		*worst = x < *worst ? x : *worst;
	}
}

int stoa__bar_foresee(struct stoa__bar *bar, struct stoa__source *source, uint64_t k,
		      struct stoa_error *err)
{
	struct places *p = stoa__calloc(1, sizeof *p);
	uint64_t worst = UINT64_MAX;
	struct stoa__zone z;

	if (!p) {
		source->ops->close(source);
		return stoa__fail_memory(err);
	}
	p->k = k < FORESEE_MAX ? (size_t)k : FORESEE_MAX;
	while (k && stoa__source_zone(source, 0, &z)) {
		look_at(bar, &z, k, p, &worst);
		source->ops->skip_group(source);
	}
	if (k && p->n == k && p->best[k - 1] < worst)
		worst = p->best[k - 1];
	/* The rows themselves are still to come: they must be able to enter. */
	bring_down(bar, worst);
	source->ops->close(source);
	stoa__free(p);
	return STOA_OK;
}
