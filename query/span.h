/* SPDX-License-Identifier: MIT */
/*
 * span.h - between which values a column must lie to have a partner in a join above
 *
 * A hash join reads its build side first. Then it is known between which bounds its keys lie, and
 * the scan that the probe side's key comes from passes over row groups that lie beyond: a span is
 * what the one tells the other. It is unknown until the build side is read, and does not change
 * afterwards; of a build side that went to disk it stays so. (Data skipping by a semi-join's
 * bounds: a "dynamic filter"; the least of its kind, as laziness gives rows what a filter of keys
 * would.)
 */
#ifndef STOA__SPAN_H
#define STOA__SPAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stoa__span {
	size_t key;	/* of the join */
	size_t column;	/* of the scan */
	int64_t lo, hi;	/* once it is known */
	_Atomic bool known;
	struct stoa__span *next;	/* of the same build side */
};

static inline void stoa__span_set(struct stoa__span *s, int64_t lo, int64_t hi)
{
	s->lo = lo;
	s->hi = hi;
	atomic_store_explicit(&s->known, true, memory_order_release);
}

/* Does it say that no value from @min to @max has a partner? */
static inline bool stoa__span_excludes(const struct stoa__span *s, int64_t min, int64_t max)
{
	return atomic_load_explicit(&s->known, memory_order_acquire) && (max < s->lo || min > s->hi);
}

#endif
