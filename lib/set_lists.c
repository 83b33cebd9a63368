/* SPDX-License-Identifier: MIT */
/* set_lists.c - see set_lists.h */
#include "set_lists.h"

#include "core/alloc.h"

#define SLAB 32 /* chunks that are allocated together */

struct stoa__slab_of_hints {
	struct stoa__slab_of_hints *next;
	struct stoa__chunk_of_hints chunk[SLAB];
};

static struct stoa__chunk_of_hints *take_chunk(struct stoa__room *r)
{
	struct stoa__slab_of_hints *s = r->used;

	if (!s || r->n_taken == SLAB) {
		s = r->spare;
		if (s)
			r->spare = s->next;
		else
			s = stoa__alloc_aligned(sizeof *s);
		if (!s)
			return NULL;
		s->next = r->used;
		r->used = s;
		r->n_taken = 0;
	}
	return &s->chunk[r->n_taken++];
}

int stoa__list_grow(struct stoa__room *room, struct stoa__list *list)
{
	struct stoa__chunk_of_hints *c = take_chunk(room);

	if (!c)
		return STOA_ENOMEM;
	c->next = list->chunk;
	list->chunk = c;
	list->n = 0;
	return STOA_OK;
}

int stoa__hints_pile_add(struct stoa__hints_pile *p, struct stoa__hint hint, struct stoa_error *err)
{
	return stoa__list_add(&p->room, &p->list, hint) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

int stoa__list_each(const struct stoa__list *list,
		    int (*each)(void *ctx, const struct stoa__hint *hint, size_t n), void *ctx)
{
	size_t n = list->n;

	for (const struct stoa__chunk_of_hints *c = list->chunk; c; c = c->next) {
		STOA_TRY(each(ctx, c->hint, n));
		n = STOA__CHUNK_HINTS;
	}
	return STOA_OK;
}

void stoa__room_empty(struct stoa__room *r)
{
	while (r->used) {
		struct stoa__slab_of_hints *s = r->used;

		r->used = s->next;
		s->next = r->spare;
		r->spare = s;
	}
}

void stoa__room_release(struct stoa__room *r)
{
	stoa__room_empty(r);
	while (r->spare) {
		struct stoa__slab_of_hints *s = r->spare;

		r->spare = s->next;
		stoa__free(s);
	}
}
