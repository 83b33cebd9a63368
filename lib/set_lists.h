/* SPDX-License-Identifier: MIT */
/*
 * set_lists.h - lists of hints that many are made of at once
 *
 *     room      slabs of 32 chunks: one for all lists of a thread
 *     list      chunks of 512 hints, the newest first; all but that are full
 *     pile      a list with a room of its own
 *
 * A list is added to and gone through, no more; memory is given back with the room.
 */
#ifndef STOA__SET_LISTS_H
#define STOA__SET_LISTS_H

#include "core/error.h"
#include "hints_fill.h"

#define STOA__CHUNK_HINTS 512

struct stoa__chunk_of_hints {
	struct stoa__chunk_of_hints *next;
	struct stoa__hint hint[STOA__CHUNK_HINTS];
};
struct stoa__slab_of_hints;

struct stoa__list {
	struct stoa__chunk_of_hints *chunk;
	size_t n; /* of the first */
};

struct stoa__room {
	struct stoa__slab_of_hints *used, *spare; /* now; before */
	size_t n_taken;                           /* chunks of the newest that is used */
};

struct stoa__hints_pile {
	struct stoa__room room;
	struct stoa__list list;
};

/* What stoa__list_add() does when the first chunk is full. */
int stoa__list_grow(struct stoa__room *room, struct stoa__list *list);
/* STOA_OK or STOA_ENOMEM. */
static inline int stoa__list_add(struct stoa__room *room, struct stoa__list *list,
				 struct stoa__hint hint)
{
	if ((!list->chunk || list->n == STOA__CHUNK_HINTS) && stoa__list_grow(room, list) < 0)
		return STOA_ENOMEM;
	list->chunk->hint[list->n++] = hint;
	return STOA_OK;
}
/* The same with words. */
int stoa__hints_pile_add(struct stoa__hints_pile *p, struct stoa__hint hint, struct stoa_error *err);
/* Calls @each with all hints, chunk by chunk; an error ends it and is returned. */
int stoa__list_each(const struct stoa__list *list,
		    int (*each)(void *ctx, const struct stoa__hint *hint, size_t n), void *ctx);
/* What was taken is spare; its lists are to be forgotten. */
void stoa__room_empty(struct stoa__room *r);
void stoa__room_release(struct stoa__room *r);

#endif
