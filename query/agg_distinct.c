/* SPDX-License-Identifier: MIT */
/*
 * agg_distinct.c - which values of a group were there before: count(DISTINCT x) and its kin
 *
 * A table of tuples (group, value as a word) knows all. Before it is asked, a small table of what
 * was met lately answers for most rows where distinct values are few; and where there are no
 * groups, a byte for each code of a dictionary, or a bit for each string, does all of it.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "agg_state.h"

/* ---- rows come ------------------------------------------------------------------------------- */

/*
 * Was (group, word) met lately? A slot of a small table answers for most rows where distinct
 * values are few.
 */
static bool met_lately(struct stoa__state *s, uint64_t group, uint64_t word)
{
	uint64_t hash =
		(group * UINT64_C(0x9e3779b97f4a7c15) ^ word) * UINT64_C(0xd6e8feb86659fd93);
	struct stoa__recent *r = &s->recent[hash >> 52];

	if (r->group == group + 1 && r->word == word)
		return true;
	*r = (struct stoa__recent){ group + 1, word };
	return false;
}
_Static_assert(STOA__RECENT == 1 << 12, "the top 12 bits of a hash find the slot");

/* Forgets which codes were seen: another dictionary has come. */
static int begin_codes(struct stoa__state *s, const struct stoa__vec *v)
{
	if (s->codes_id == v->dict_id && s->n_codes == v->n_dict)
		return STOA_OK;
	s->codes_id = 0;	/* stays so if memory runs out */
	uint8_t *seen = stoa__realloc(s->code_seen, v->n_dict + 1);
	if (!seen)
		return STOA_ENOMEM;
	memset(seen, 0, v->n_dict);
	s->code_seen = seen;
	s->codes_id = v->dict_id;
	s->n_codes = s->n_unseen = v->n_dict;
	return STOA_OK;
}

/* Without groups, a code that was seen is a value that was. Narrows @flags; are any rows left? */
static bool drop_seen_codes(struct stoa__state *s, const struct stoa__vec *v, size_t n,
			    uint8_t *flags)
{
	uint8_t any = 0;

	if (!s->n_unseen)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t *seen = &s->code_seen[v->codes[i]];
		uint8_t fresh = flags[i] & !*seen;
		*seen |= fresh;
		s->n_unseen -= fresh;
		any |= fresh;
		flags[i] = fresh;
	}
	return any;
}

/* The same for strings without groups: their ids are dense, so a bit for each says it all. */
static int keep_new_strings(struct stoa__aggregator *ag, struct stoa__state *s, size_t n,
			    struct stoa_error *err)
{
	uint32_t words = (uint32_t)STOA__WORDS(s->keyer.strings.n), cap = s->cap_met;
	void *met = s->met;

	if (!stoa__grow(&met, &s->cap_met, words, sizeof *s->met))
		return stoa__fail_memory(err);
	s->met = met;
	if (s->cap_met > cap)
		memset(s->met + cap, 0, (s->cap_met - cap) * sizeof *s->met);
	for (size_t i = 0; i < n; i++) {
		if (!ag->flags[i])
			continue;
		ag->flags[i] = !stoa__bit_get(s->met, ag->words[i]);
		stoa__bit_set(s->met, ag->words[i]);
	}
	return STOA_OK;
}

int stoa__state_keep_new(struct stoa__aggregator *ag, struct stoa__state *s,
			 const struct stoa__vec *v, const uint32_t *groups, size_t n,
			 struct stoa_error *err)
{
	if (!groups && v->kind == STOA__VEC_DICT) {
		if (begin_codes(s, v) < 0)
			return stoa__fail_memory(err);
		if (!drop_seen_codes(s, v, n, ag->flags)) {
			memset(ag->flags, 0, n);
			return STOA_OK;
		}
	}
	STOA_TRY(stoa__keyer_words(&s->keyer, v, n, ag->words, err));
	if (!groups && s->phys == STOA__PHYS_BYTES)
		return keep_new_strings(ag, s, n, err);
	for (size_t i = 0; i < n; i++) {
		uint64_t tuple[2] = { groups ? groups[i] : 0, ag->words[i] };
		uint32_t id;
		bool fresh = false;
		if (!ag->flags[i])
			continue;
		if (met_lately(s, tuple[0], tuple[1])) {
			ag->flags[i] = 0;
			continue;
		}
		STOA_TRY(stoa__tuples_put(&s->tuples, tuple, &id, &fresh, err));
		ag->flags[i] = fresh;
	}
	return STOA_OK;
}

/* ---- merging --------------------------------------------------------------------------------- */

/* What one value changes in a group. */
static int add_value(struct stoa__aggregator *ag, struct stoa__state *s, uint32_t group,
		     const void *value, struct stoa_error *err)
{
	struct stoa__agg_rows one = { &group, value, 1, group + 1, false };

	if (s->kind == STOA__STATE_COUNT) {
		s->count[group]++;
		return STOA_OK;
	}
	if (s->kind == STOA__STATE_PILE) {
		s->count[group]++;
		return stoa__pile_add_value(s->pile, group, value, err);
	}
	one.n_groups = STOA__AGG_LANE_GROUPS + 1;	/* straight into the arrays */
	return stoa__state_update(ag, s, &one, false) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

static int merge_tuples(struct stoa__aggregator *ag, struct stoa__state *to,
			struct stoa__state *from, const uint32_t *map, struct stoa_error *err)
{
	for (uint32_t i = 0; i < from->tuples.n; i++) {
		uint64_t tuple[2] = { map[from->tuples.rows[2 * i]], from->tuples.rows[2 * i + 1] };
		const void *value = &from->tuples.rows[2 * i + 1];
		uint32_t id;
		bool fresh;
		if (to->phys == STOA__PHYS_BYTES) {
			value = &from->keyer.strings.items[tuple[1]];
			STOA_TRY(stoa__keyer_translate(&to->keyer, &from->keyer, tuple[1], &tuple[1],
						       err));
		}
		STOA_TRY(stoa__tuples_put(&to->tuples, tuple, &id, &fresh, err));
		if (fresh)
			STOA_TRY(add_value(ag, to, (uint32_t)tuple[0], value, err));
	}
	return STOA_OK;
}

/* Strings met without groups have no tuples (keep_new_strings()): a bit says it. */
static int merge_met(struct stoa__aggregator *ag, struct stoa__state *to,
		     const struct stoa__state *from, struct stoa_error *err)
{
	for (uint32_t i = 0; i < from->keyer.strings.n && i / 64 < from->cap_met; i++) {
		uint64_t word;
		if (!stoa__bit_get(from->met, i))
			continue;
		STOA_TRY(stoa__keyer_translate(&to->keyer, &from->keyer, i, &word, err));
		ag->words[0] = word;
		ag->flags[0] = 1;
		STOA_TRY(keep_new_strings(ag, to, 1, err));
		if (ag->flags[0])
			STOA_TRY(add_value(ag, to, 0, &from->keyer.strings.items[i], err));
	}
	return STOA_OK;
}

int stoa__state_merge_distinct(struct stoa__aggregator *ag, struct stoa__state *to,
			       struct stoa__state *from, const uint32_t *map,
			       struct stoa_error *err)
{
	return from->met ? merge_met(ag, to, from, err) : merge_tuples(ag, to, from, map, err);
}
