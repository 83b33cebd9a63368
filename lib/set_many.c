/* SPDX-License-Identifier: MIT */
/*
 * set_many.c - many keys looked up at once
 *
 * Keys are taken through in lots that follow each other as on an assembly line: while one lot asks
 * for its groups, one before it matches tags and asks for the values of its rows, and so on to the
 * comparison. Each stage touches only what an earlier one has asked for, so no miss is waited for
 * while there are keys. A processor has some twenty misses under way and stands still at the next:
 * lots are small, so that it never gets there, and a stage follows another by several lots, so that
 * memory has work while the processor has (a lot of 64 and the next right behind it took half as
 * long again).
 *
 *     numbers, others   begin    match    match on    verify
 *     strings           begin    match    match on    code    symbol    bytes    verify
 *
 * Numbers in a set whose rows one table owns are set_words.c's.
 *
 * What a lot finds out for a key is a candidate: the row of the first hint that has its tag in its
 * home, or in the second group if its class went on there. That is nearly always it. If this is sure
 * (set_view.h), that was all; if not, the row's value is asked for and compared. Where it is not the
 * key's, or where that may be farther on, the key is looked up by itself.
 */
#include <string.h>

#include "core/bitmap.h"
#include "core/type.h"
#include "set_view.h"

#define LOT 8	/* keys: as many misses are begun at once, then others' results are worked on */
#define LAG 3	/* lots between a stage and the next: what 24 keys ask for is on its way */
#define STAGES_MAX 7
#define OWNER_NONE UINT16_MAX	/* no spot has it */

/* Keys that pass through the stages together. */
struct lot {
	size_t from, n;			/* of all keys */
	uint64_t on;			/* bit k: key k's class has gone on from its home */
	uint64_t more;			/* bit k: key k may be where nobody has looked yet */
	uint64_t sure;			/* bit k: key k's candidate has the key */
	uint64_t hash[LOT];
	uint64_t word[LOT];		/* keys of one number */
	uint16_t owner[LOT];		/* of spots whose rows surely have what the hint says; OWNER_NONE */
	uint64_t rowid[LOT];		/* a row that may have the key; 0: none */
	struct stoa__spot *spot[LOT];	/* of that; NULL: none, or it is not in this version */
	uint32_t code[LOT];		/* of its string: in its list, then the symbol id */
};

struct line {
	struct stoa__set_view *view;
	const struct stoa_array *columns;
	size_t n;
	uint64_t *found;
	stoa_rowid *rows;
	struct lot lots[STAGES_MAX * LAG];
};

typedef int stage(struct line *line, struct lot *lot, struct stoa_error *err);

/* Hashes, and asks for homes. */
static int begin(struct line *line, struct lot *lot, struct stoa_error *err)
{
	const struct stoa__set_view *view = line->view;
	const struct stoa_array *a = line->columns;

	(void)err;
	if (view->word_type) {
		stoa__widen(a->type, lot->n,
			    (const uint8_t *)a->values + lot->from * stoa__type_width(a->type),
			    lot->word);
		for (size_t k = 0; k < lot->n; k++)
			lot->hash[k] = stoa__set_hash_word(view->def->number[0], lot->word[k]);
	} else {
		stoa__set_hash_arrays(view->def, a, lot->from, lot->n, lot->hash);
	}
	for (uint32_t j = 0; j < view->tables.n; j++) {
		const struct stoa__hints *h = view->tables.hints[j];

		for (size_t k = 0; k < lot->n; k++)
			__builtin_prefetch((const void *)stoa__hints_group(
				h, stoa__hints_home(h, lot->hash[k])));
	}
	return STOA_OK;
}

/*
 * Looks for a candidate for key @k in group @g of table @j, number @step of its way. No step depends
 * on what is found: all are taken. The group behind it is asked for if the class went on: *@on.
 */
static inline __attribute__((always_inline)) int match_in(const struct stoa__set_view *view,
							  struct lot *lot, size_t k, uint32_t j,
							  uint64_t g, unsigned step, unsigned *on,
							  struct stoa_error *err)
{
	const struct stoa__hints *h = view->tables.hints[j];
	const struct stoa__hints_group *group;
	uint64_t hash = lot->hash[k], word, mark;
	bool is_first, is_sure;
	unsigned m;

	STOA_TRY(stoa__set_group(h, view->tables.run[j], g, &group, err));
	m = stoa__hints_match(group, stoa__hints_tag(hash));
	word = stoa__hints_word(group, (unsigned)__builtin_ctz(m | 1u << (STOA__HINTS_WIDTH - 1)));
	mark = stoa__hints_mark(h, word, hash);
	is_first = (m != 0) & stoa__hints_is_of(mark, false) & !lot->rowid[k];
	is_sure = stoa__hints_is_sure(h, mark, step);
	lot->rowid[k] = is_first ? stoa__hints_rowid(h, word) : lot->rowid[k];
	lot->owner[k] = is_first ? is_sure ? (uint16_t)(j + 1) : OWNER_NONE : lot->owner[k];
	lot->more |= (uint64_t)((m & (m - 1)) != 0) << k;
	*on = stoa__hints_went_on(group, hash);
	__builtin_prefetch((const void *)stoa__hints_group(
		h, *on ? stoa__hints_next(h, hash, g, step) : g));
	return STOA_OK;
}

/* Asks for what a row of a plain spot has for its key; in others for what may be known. */
static inline void prefetch_value(const struct stoa__set_view *view, const struct stoa__spot *s,
				  uint64_t rowid)
{
	if (s->state == STOA__SPOT_PLAIN)
		stoa__spot_prefetch(s, rowid);
	else
		stoa__set_prefetch(view->t, view->def, rowid);
}

static inline int ask_for_value(const struct stoa__set_view *view, struct lot *lot, size_t k,
				struct stoa_error *err)
{
	lot->spot[k] = stoa__places_find(&view->places, lot->rowid[k]);
	if (!lot->spot[k])
		return STOA_OK;
	if (lot->spot[k]->owner == lot->owner[k]) {
		lot->sure |= (uint64_t)1 << k;
		return STOA_OK;
	}
	STOA_TRY(stoa__set_view_spot(view, lot->rowid[k], &lot->spot[k], err));
	prefetch_value(view, lot->spot[k], lot->rowid[k]);
	return STOA_OK;
}

/* Looks in homes, and asks for second groups and for the values of rows. */
static int match(struct line *line, struct lot *lot, struct stoa_error *err)
{
	const struct stoa__set_view *view = line->view;
	unsigned on;

	lot->on = lot->more = lot->sure = 0;
	memset(lot->rowid, 0, sizeof lot->rowid);
	for (uint32_t j = 0; j < view->tables.n; j++)
		for (size_t k = 0; k < lot->n; k++) {
			STOA_TRY(match_in(view, lot, k, j,
					  stoa__hints_home(view->tables.hints[j], lot->hash[k]), 0,
					  &on, err));
			lot->on |= (uint64_t)on << k;
		}
	for (size_t k = 0; k < lot->n; k++)
		STOA_TRY(ask_for_value(view, lot, k, err));
	return STOA_OK;
}

/* The same in the second group, for keys without a candidate that may be there. */
static int match_on(struct line *line, struct lot *lot, struct stoa_error *err)
{
	const struct stoa__set_view *view = line->view;
	uint64_t left = lot->on;

	for (size_t k = 0; k < lot->n; k++)
		left &= ~((uint64_t)(lot->rowid[k] != 0) << k);
	for (; left; left &= left - 1) {
		size_t k = (size_t)__builtin_ctzll(left);

		for (uint32_t j = 0; j < view->tables.n; j++) {
			const struct stoa__hints *h = view->tables.hints[j];
			uint64_t g = stoa__hints_home(h, lot->hash[k]);
			unsigned on;

			STOA_TRY(match_in(view, lot, k, j, stoa__hints_next(h, lot->hash[k], g, 0),
					  1, &on, err));
			lot->more |= (uint64_t)on << k;
		}
		STOA_TRY(ask_for_value(view, lot, k, err));
	}
	return STOA_OK;
}

/* The stages of strings: each follows a row's string one step further. */

static inline bool is_followed(const struct lot *lot, size_t k)
{
	return lot->spot[k] && lot->spot[k]->state == STOA__SPOT_PLAIN;
}

static int follow_code(struct line *line, struct lot *lot, struct stoa_error *err)
{
	(void)line;
	(void)err;
	for (size_t k = 0; k < lot->n; k++)
		if (is_followed(lot, k)) {
			lot->code[k] = stoa__spot_code(lot->spot[k], lot->rowid[k]);
			__builtin_prefetch(lot->spot[k]->chunk->list + 4 * (size_t)lot->code[k]);
		}
	return STOA_OK;
}

static int follow_symbol(struct line *line, struct lot *lot, struct stoa_error *err)
{
	(void)line;
	(void)err;
	for (size_t k = 0; k < lot->n; k++) {
		const struct stoa__spot *s = lot->spot[k];

		if (!is_followed(lot, k) || s->chunk->encoding != STOA__ENC_DICT_ID)
			continue;
		lot->code[k] = stoa__chunk_entry_id(s->chunk, lot->code[k]);
		stoa__symbol_prefetch(s->group->base->symbols, lot->code[k]);
	}
	return STOA_OK;
}

static int follow_bytes(struct line *line, struct lot *lot, struct stoa_error *err)
{
	(void)line;
	(void)err;
	for (size_t k = 0; k < lot->n; k++) {
		const struct stoa__spot *s = lot->spot[k];

		if (!is_followed(lot, k))
			continue;
		if (s->chunk->encoding == STOA__ENC_DICT_ID)
			__builtin_prefetch(
				stoa__symbol_bytes(s->group->base->symbols, lot->code[k]).p);
		else
			__builtin_prefetch(stoa__chunk_entry(s->chunk, lot->code[k]).p);
	}
	return STOA_OK;
}

static void tell(struct line *line, size_t at, uint64_t rowid)
{
	if (rowid && line->found)
		stoa__bit_set(line->found, at);
	if (line->rows)
		line->rows[at] = rowid;
}

/*
 * Key @k by itself: compared with its candidate, and if that is not it, looked for wherever else it
 * may be.
 */
static int settle(struct line *line, struct lot *lot, size_t k, struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	const struct stoa__set_view *view = line->view;
	uint64_t rowid = 0;
	bool null = false;
	int rc = 0;

	for (uint32_t i = 0; i < view->def->n_slots; i++) {
		key[i] = stoa__array_value(&line->columns[i], lot->from + k);
		null |= key[i].type == STOA_NULL;
	}
	if (!null)
		rc = stoa__set_view_find(view, lot->hash[k], key, &rowid, err);
	if (rc < 0)
		return rc;
	tell(line, lot->from + k, rc ? rowid : 0);
	return STOA_OK;
}

/* Is key @k, a string, its candidate's, which lies where it may be compared at once? */
static bool is_string_of(const struct line *line, const struct lot *lot, size_t k)
{
	const struct stoa_array *a = line->columns;
	const struct stoa_bytes *key = (const struct stoa_bytes *)a->values + lot->from + k;

	return is_followed(lot, k) && a->type == STOA_STRING &&
	       (!a->validity || stoa__bit_get(a->validity, lot->from + k)) &&
	       stoa__spot_is(lot->spot[k], lot->rowid[k], key->p, key->len);
}

static int verify(struct line *line, struct lot *lot, struct stoa_error *err)
{
	for (size_t k = 0; k < lot->n; k++)
		if (line->view->slot && is_string_of(line, lot, k))
			tell(line, lot->from + k, lot->rowid[k]);
		else if (lot->rowid[k] || lot->more >> k & 1)
			STOA_TRY(settle(line, lot, k, err));
		else
			tell(line, lot->from + k, 0);
	return STOA_OK;
}

/* The same for keys of one number. */
static int verify_words(struct line *line, struct lot *lot, struct stoa_error *err)
{
	uint64_t found = 0, left = lot->more, rowid;

	for (size_t k = 0; k < lot->n; k++) {
		const struct stoa__spot *s = lot->spot[k];
		bool same = lot->sure >> k & 1 ||
			    (s && s->state == STOA__SPOT_PLAIN &&
			     stoa__spot_packed(s, lot->rowid[k]) == lot->word[k]);

		found |= (uint64_t)same << k;
		left |= (uint64_t)(lot->rowid[k] != 0) << k;
		if (line->rows)
			line->rows[lot->from + k] = same ? lot->rowid[k] : 0;
	}
	if (line->found)
		line->found[lot->from / 64] |= found << lot->from % 64;
	for (left &= ~found; left; left &= left - 1) {
		size_t k = (size_t)__builtin_ctzll(left);
		int rc = stoa__set_view_word(line->view, lot->hash[k], lot->word[k], &rowid);

		if (rc > 0)
			tell(line, lot->from + k, rowid);
		if (rc < 0)
			STOA_TRY(settle(line, lot, k, err));
	}
	return STOA_OK;
}

/*
 * Is there one table, which owns all rows, and has a hint for each and no other? Then all of its
 * hints are sure. To be asked before, and again after the last hint was seen.
 */
static bool is_all(const struct stoa__set_view *view)
{
	const struct stoa__hints *h = view->tables.hints[0];

	return view->owns_all && h->groups && stoa__hints_used(h) == view->n_owned &&
	       !stoa__hints_is_stale(h) && !stoa__hints_is_blurred(h);
}

int stoa__set_view_find_many(struct stoa__set_view *view, const struct stoa_array *columns, size_t n,
			     uint64_t *found, stoa_rowid *rows, struct stoa_error *err)
{
	static stage *const of_words[] = { begin, match, match_on, verify_words };
	static stage *const of_strings[] = { begin, match, match_on, follow_code, follow_symbol, follow_bytes,
					     verify };
	static stage *const of_others[] = { begin, match, match_on, verify };
	bool words = view->word_type && !view->fades && !columns->validity;
	bool strings = view->slot && view->slot->def.type == STOA_STRING;
	stage *const *stages = words ? of_words : strings ? of_strings : of_others;
	size_t n_stages = strings ? 7 : 4, n_lots = (n + LOT - 1) / LOT;
	struct line line = { view, columns, n, found, rows, { { 0 } } };

	_Static_assert(64 % LOT == 0, "a lot is in one word of found");
	if (words && is_all(view)) {
		STOA_TRY(stoa__set_view_find_words(view, columns, n, found, rows, err));
		if (is_all(view))
			return STOA_OK;
	}
	if (found)
		memset(found, 0, STOA__WORDS(n) * sizeof *found);
	for (size_t step = 0; n && step < n_lots + (n_stages - 1) * LAG; step++)
		for (size_t s = n_stages; s-- > 0;) {
			struct lot *lot = &line.lots[(step - s * LAG) % (n_stages * LAG)];

			if (step < s * LAG || step - s * LAG >= n_lots)
				continue;
			if (s == 0) {
				lot->from = step * LOT;
				lot->n = n - lot->from < LOT ? n - lot->from : LOT;
			}
			STOA_TRY(stages[s](&line, lot, err));
		}
	return STOA_OK;
}
