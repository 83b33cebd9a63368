/* SPDX-License-Identifier: MIT */
/* places.c - see places.h */
#include "places.h"

#include "core/alloc.h"

#define STEPS_MAX 8	/* for a group */

static int add_spot(void *ctx, uint64_t first, void *value)
{
	struct stoa__places *p = ctx;
	struct stoa__group *g = value;

	(void)first;
	p->spot[p->n_spots++] = (struct stoa__spot){ .first = g->base->first,
						     .last = g->base->last,
						     .group = g };
	return STOA_OK;
}

static int make_steps(struct stoa__places *p)
{
	uint64_t span;
	uint32_t at = 0;

	if (!p->n_spots)
		return STOA_OK;
	p->origin = p->spot[0].first;
	span = p->spot[p->n_spots - 1].last - p->origin;
	while (span >> p->shift >= STEPS_MAX * p->n_spots)
		p->shift++;
	p->n_steps = (size_t)(span >> p->shift) + 1;
	p->start = stoa__realloc_array(NULL, p->n_steps, sizeof *p->start);
	if (!p->start)
		return STOA_ENOMEM;
	for (size_t k = 0; k < p->n_steps; k++) {
		while (p->spot[at].last < p->origin + ((uint64_t)k << p->shift))
			at++;
		p->start[k] = at;
	}
	return STOA_OK;
}

int stoa__places_init(struct stoa__places *p, const struct stoa__table *t)
{
	*p = (struct stoa__places){ 0 };
	p->spot = stoa__alloc_aligned((t->n_groups + 2) * sizeof *p->spot);
	if (!p->spot)
		return STOA_ENOMEM;
	(void)stoa__tree_walk(t->groups, 0, add_spot, p);
	if (t->tail && t->tail_rows)
		p->spot[p->n_spots++] =
			(struct stoa__spot){ .first = t->tail->first,
					     .last = t->tail->first + t->tail_rows - 1,
					     .group = t->tail,
					     .state = STOA__SPOT_OTHER };
	p->spot[p->n_spots] = (struct stoa__spot){ .first = UINT64_MAX, .last = UINT64_MAX };
	return make_steps(p);
}

void stoa__places_release(struct stoa__places *p)
{
	stoa__free(p->spot);
	stoa__free(p->start);
}

int stoa__spot_look(struct stoa__spot *s, const struct stoa__slot *slot, struct stoa_error *err)
{
	const struct stoa__group *g = s->group;
	const struct stoa__chunk *c;

	s->state = STOA__SPOT_OTHER;
	if (g->n_dead || !stoa__base_is_dense(g->base) || stoa__group_pages(g, slot->id))
		return STOA_OK;
	STOA_TRY(stoa__base_column(g->base, slot->id, slot->def.type, &c, err));
	if (!c || c->validity || (c->encoding != STOA__ENC_PACKED && c->encoding != STOA__ENC_DICT &&
				  c->encoding != STOA__ENC_DICT_ID))
		return STOA_OK;
	s->chunk = c;
	s->state = STOA__SPOT_PLAIN;
	if (slot->def.type == STOA_STRING && c->n_dict == c->n_rows) {
		s->values = NULL;
		s->mean = c->encoding == STOA__ENC_DICT ? (c->bytes_len << 32) / c->n_dict : 0;
		return STOA_OK;
	}
	s->values = c->values;
	s->base = c->base;
	s->width = c->width;
	s->mask = c->width ? ~(uint64_t)0 >> (64 - c->width) : 0;
	return STOA_OK;
}
