/* SPDX-License-Identifier: MIT */
/*
 * places.h - a directory of one version's rows: rowid -> where it lies, for who asks for thousands
 * of them
 *
 *     rowids    |  group 0  |  group 1  | group 2 |   gap   |  group 3  | tail |
 *     steps     0     1     2     3     4     5     6     7     8     9    10
 *     start     0     0     1     1     2     2     3     3     3     4     4    the first group that ends there or later
 *
 * The tree of row groups is for versions, which share it; to find a row in it is a walk whose every
 * step waits for the last. Here the span of rowids is cut into steps of equal size, at most some
 * eight for each group, and each knows the group to begin with: one subtraction, one shift, one
 * comparison, which a processor guesses right, so that it goes on to the next row while the memory
 * of this one is on its way.
 *
 * A *spot* is a group with what reading one of its slots takes, found out when it is first asked
 * for.
 *
 * (1) Spots ascend; the last has rowids above all, and no group. (2) start[k] is the first spot
 * whose last rowid is at or above the first of step k.
 *
 * Cost: O(groups) to make, 64 bytes a group. Threads: one at a time.
 */
#ifndef STOA__PLACES_H
#define STOA__PLACES_H

#include <string.h>

#include "base.h"
#include "table.h"

enum stoa__spot_state {
	STOA__SPOT_NEW,		/* not looked at yet */
	STOA__SPOT_PLAIN,	/* all rows are members, none is NULL, no overlay: values may be read in place */
	STOA__SPOT_OTHER,
};

struct stoa__spot {
	uint64_t first, last;		/* rowids that the group may have */
	struct stoa__group *group;	/* NULL in the last */
	const struct stoa__chunk *chunk;	/* of a plain spot, as are the next: packed values or codes */
	const uint8_t *values;		/* NULL: strings, each row's its own (stoa__spot_code()) */
	uint64_t base;
	union {
		uint64_t mask;		/* of a packed value's bits */
		uint64_t mean;		/* bytes of a string of its own, times 2^32 */
	};
	uint32_t width;
	uint16_t state;
	uint16_t owner;			/* set_view.h */
};
_Static_assert(sizeof(struct stoa__spot) == 64, "a spot is a line of the cache");

struct stoa__places {
	uint64_t origin;	/* the first rowid */
	unsigned shift;		/* a step is 1 << shift rowids */
	size_t n_steps;
	uint32_t *start;
	struct stoa__spot *spot;
	size_t n_spots;		/* the last one not counted */
};

/* STOA_OK or STOA_ENOMEM. What @t is made of must stay as it is. */
int stoa__places_init(struct stoa__places *p, const struct stoa__table *t);
void stoa__places_release(struct stoa__places *p);

/* The spot that has the row if any does, or NULL. */
static inline struct stoa__spot *stoa__places_find(const struct stoa__places *p, uint64_t rowid)
{
	uint64_t step = (rowid - p->origin) >> p->shift;
	struct stoa__spot *s;

	if (step >= p->n_steps)
		return NULL;
	s = &p->spot[p->start[step]];
	while (rowid > s->last)
		s++;
	return rowid >= s->first ? s : NULL;
}

/* The packed value of a row of a plain spot. */
static inline uint64_t stoa__spot_packed(const struct stoa__spot *s, uint64_t rowid)
{
	uint64_t bit = (rowid - s->first) * s->width;

	return s->base + (stoa__load_u64(s->values + bit / 8) >> bit % 8 & s->mask);
}

/*
 * The code of a row's string in a plain spot. Lists are numbered by first use, so where there are as
 * many strings as rows, code and row are one: nothing need be read.
 */
static inline uint32_t stoa__spot_code(const struct stoa__spot *s, uint64_t rowid)
{
	return (uint32_t)(s->values ? stoa__spot_packed(s, rowid) : rowid - s->first);
}

/*
 * Asks for what finding a row's string will touch first. Where its bytes lie is guessed, as if all
 * were of one length: then their miss need not wait for that of the list.
 */
static inline void stoa__spot_prefetch(const struct stoa__spot *s, uint64_t rowid)
{
	uint64_t row = rowid - s->first;

	if (s->values) {
		__builtin_prefetch(s->values + row * s->width / 8);
		return;
	}
	__builtin_prefetch(s->chunk->list + 4 * row);
	__builtin_prefetch(s->chunk->bytes + (row * s->mean >> 32));
}

/* Has a row of a plain spot this string? */
static inline bool stoa__spot_is(const struct stoa__spot *s, uint64_t rowid, const char *p, size_t len)
{
	struct stoa_bytes b;

	stoa__spot_prefetch(s, rowid);
	b = stoa__base_string(s->group->base, s->chunk, stoa__spot_code(s, rowid));
	return b.len == len && memcmp(b.p, p, len) == 0;
}

/*
 * Looks at the column of @slot in a new spot: afterwards it is plain or other. STOA_OK, or the
 * error of opening it.
 */
int stoa__spot_look(struct stoa__spot *s, const struct stoa__slot *slot, struct stoa_error *err);

#endif
