/* SPDX-License-Identifier: MIT */
/*
 * set_view.h - a set index of one version, made ready for many look-ups
 *
 * What a single look-up finds out anew each time is kept: the table, the index, its tables of
 * hints, and a directory of the rows (places.h). What remains for a key of one number is a few dozen
 * instructions, few enough for a processor to be at work on several look-ups at once, and a line of
 * memory: the row's value need not be read if the hint is sure to be the key's (hints.h) and the
 * row is sure to have what the hint says. This it is in a spot that has an *owner*: all its rows are
 * members, no overlay speaks for the slot, and
 *
 *     the owner is a run that covers the group's base: hints of a run are of what its bases hold,
 *     which never changes, and where they were made under an overlay, that is still there;
 *     or the owner is the delta, for a base in heap: it may have hints of what rows held before, or
 *     would hold had they not been rolled back. But then the row's key now was put later (or is
 *     NULL, which bases with an owner are without), at a rowid that had been put: the delta is
 *     stale, which is asked after the hint was seen.
 *
 * set_many.c takes many keys through at once.
 *
 * Threads: one at a time. Costs O(row groups) to make.
 */
#ifndef STOA__SET_VIEW_H
#define STOA__SET_VIEW_H

#include "places.h"
#include "set.h"

struct stoa__set_view {
	const struct stoa__table *t;
	const struct stoa__index_def *def;
	uint32_t i;			/* its position */
	struct stoa__version *version;
	const struct stoa__slot *slot;	/* the only one of the key; else NULL */
	uint8_t word_type;		/* of that slot, if it is of integers; else STOA_NULL */
	bool fades;			/* a slot is a weak reference */
	struct stoa__set_tables tables;
	struct stoa__places places;
	uint64_t owned_first;		/* where there is one table, and it owns the rows from the first on: */
	uint64_t n_owned;		/* so many, without a gap */
	bool owns_all;
};

/* STOA_OK or STOA_ENOMEM with words. @v, which @t is a table of, must stay. */
int stoa__set_view_init(struct stoa__set_view *view, struct stoa__version *v,
			const struct stoa__table *t, uint32_t i, struct stoa_error *err);
void stoa__set_view_release(struct stoa__set_view *view);
/*
 * A row that has a key of the slots' types, without a NULL, whose hash is known: 1 with *@rowid, 0,
 * or an error.
 */
int stoa__set_view_find(const struct stoa__set_view *view, uint64_t hash,
			const struct stoa_value *values, uint64_t *rowid, struct stoa_error *err);
/* Has a row before @rowid this key, of the slots' types and without a NULL? 1, 0, or an error. */
int stoa__set_view_precedes(const struct stoa__set_view *view, const struct stoa_value *values,
			    uint64_t rowid, struct stoa_error *err);
/* set_algebra.c: as stoa_set_combine(); the cursor holds versions of its own. */
int stoa__set_combine(const struct stoa__set_view *a, const struct stoa__set_view *b,
		      int operation, stoa_cursor **out, struct stoa_error *err);
/* The spot of a row, looked at; *@out is NULL if there is none. */
static inline int stoa__set_view_spot(const struct stoa__set_view *view, uint64_t rowid,
				      struct stoa__spot **out, struct stoa_error *err)
{
	*out = stoa__places_find(&view->places, rowid);
	if (!*out || (*out)->state != STOA__SPOT_NEW)
		return STOA_OK;
	if (view->slot)
		return stoa__spot_look(*out, view->slot, err);
	(*out)->state = STOA__SPOT_OTHER;
	return STOA_OK;
}
/*
 * set_many.c: as stoa_set_find_many(), with arguments that have been checked. @found or @rows may
 * be NULL.
 */
int stoa__set_view_find_many(struct stoa__set_view *view, const struct stoa_array *columns, size_t n,
			     uint64_t *found, stoa_rowid *rows, struct stoa_error *err);
/*
 * set_words.c: the same for keys of one number, none NULL, where there is one table, in heap, and
 * all of its hints are sure.
 */
int stoa__set_view_find_words(const struct stoa__set_view *view, const struct stoa_array *keys,
			      size_t n, uint64_t *found, stoa_rowid *rows, struct stoa_error *err);

/*
 * A row with a key of one number, as long as all candidates are in plain spots or surely right, no
 * bucket is full, and all parts are open: 1, 0, or -1 where there is more to do.
 */
int stoa__set_view_word(const struct stoa__set_view *view, uint64_t hash, uint64_t word,
			uint64_t *rowid);

#endif
