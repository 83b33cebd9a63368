/* SPDX-License-Identifier: MIT */
/*
 * bar.h - what a row must reach to be among the first k of an ORDER BY
 *
 * Keys are compared by a *place*: an unsigned integer in the order of the first key, descending
 * and the end for NULLs included. The bar only ever comes down; rows whose place is beyond it need
 * not be looked at, nor row groups whose best place is.
 */
#ifndef STOA__BAR_H
#define STOA__BAR_H

#include <stdatomic.h>

#include "func.h"
#include "plan.h"

struct stoa__bar {
	size_t column; /* the first key among the scan's columns; SIZE_MAX: it is none of them */
	uint8_t phys;
	bool descending;
	bool nulls_first;
	bool alone; /* there is no second key, so that of equal rows the earlier one stays */
	_Atomic uint64_t last;	/* the last place that can still enter; UINT64_MAX: any */
};

static inline uint64_t stoa__bar_last(const struct stoa__bar *bar)
{
	return atomic_load_explicit(&bar->last, memory_order_relaxed);
}

/* A value's place in a physical kind's order; of strings that of their first eight bytes. */
uint64_t stoa__order_bits(unsigned phys, union stoa__datum d);

static inline uint64_t stoa__bar_null(const struct stoa__bar *bar)
{
	return bar->nulls_first ? 0 : UINT64_MAX;
}
static inline uint64_t stoa__bar_place(const struct stoa__bar *bar, union stoa__datum d)
{
	uint64_t x = stoa__order_bits(bar->phys, d);

	return bar->descending ? ~x : x;
}
/*
 * There are k rows whose places are at most @worst, and they came before all that are still to
 * come.
 */
void stoa__bar_lower(struct stoa__bar *bar, uint64_t worst);
/* Which rows of @v may enter: a byte each into @out. */
void stoa__bar_admit(const struct stoa__bar *bar, const struct stoa__vec *v, size_t n,
		     uint8_t *out);
/* Can no row of a group enter? */
bool stoa__bar_excludes(const struct stoa__bar *bar, const struct stoa__zone *z);
/*
 * Lowers the bar by zone maps alone, for the first @k rows of all that @source has in its only
 * column; walks over @source's groups and closes it.
 */
int stoa__bar_foresee(struct stoa__bar *bar, struct stoa__source *source, uint64_t k,
		      struct stoa_error *err);

#endif
