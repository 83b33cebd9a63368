/* SPDX-License-Identifier: MIT */
/*
 * refs.h - rows that live as long as something refers to them
 *
 * Above table.h, which knows members, kept rows and values, these functions know what a STOA_REF
 * slot means: a row is there only if its references are to rows that exist, and each is counted
 * there (counts.h).
 *
 *     member --delete--> dead                    nothing refers to it and nobody holds it
 *            --delete--> kept --last reference or hold given up, at the commit--> dead
 *
 * A row that dies gives up its own references, whose targets may die in turn: a list is worked off,
 * not a stack.
 *
 * Deaths of kept rows take place at the commit, so that a transaction may move a reference from one
 * row to another in any order. Until then a row that lost its last reference is a *suspect*: looked
 * at again by then. One that lost a reference and has others left is a *candidate*: it may be part
 * of a cycle that nothing outside refers to. Both lists are hints; whoever works them off checks
 * what is true by then.
 *
 * Replay does the deaths that the log names and notes nothing: holds are not in the log.
 */
#ifndef STOA__REFS_H
#define STOA__REFS_H

#include "counts.h"

struct stoa__row_id {
	uint64_t row;
	uint32_t table;
};

struct stoa__id_list {
	struct stoa__row_id *p;
	size_t n, cap;
};
/* Makes room for @n more. STOA_OK or STOA_ENOMEM. */
int stoa__id_list_reserve(struct stoa__id_list *l, size_t n);
void stoa__id_list_release(struct stoa__id_list *l);

/* What changes left behind to be looked at. */
struct stoa__loose {
	struct stoa__id_list suspects;
	struct stoa__id_list candidates;
};
void stoa__loose_release(struct stoa__loose *loose);

/*
 * Does the row of @t (NULL: of no table) exist? STOA_OK; STOA_ENOTFOUND without words; as
 * stoa__table_locate().
 */
int stoa__row_exists(const struct stoa__table *t, uint64_t row, struct stoa_error *err);
/* Words for a row that does not: STOA_ENOTFOUND. */
int stoa__row_not_found(const struct stoa__table *t, uint64_t row, struct stoa_error *err);
/* The same for what a slot refers to; @target is NULL where there is no such table. */
int stoa__no_row(const struct stoa_slot *def, const struct stoa__table *target, uint64_t row,
		 struct stoa_error *err);
/* Did every row that @t ever had stay? Then a rowid in range exists. */
static inline bool stoa__table_is_whole(const struct stoa__table *t)
{
	return t->n_rows + t->n_kept == t->next_rowid - 1;
}
/* And are all of them members? */
static inline bool stoa__table_is_all_members(const struct stoa__table *t)
{
	return t->n_rows == t->next_rowid - 1 && !t->n_kept;
}

/*
 * As the functions of table.h, with references checked and counted. STOA_ENOTFOUND names slot,
 * table and row of a reference to a row that does not exist. @loose may be NULL: nothing is noted.
 */
int stoa__refs_insert(struct stoa__version *w, struct stoa__table *t,
		      const struct stoa_value *values, uint64_t *row, struct stoa_error *err);
int stoa__refs_update(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
		      struct stoa__place at, const uint32_t *slots, const struct stoa_value *values,
		      size_t n, struct stoa_error *err);
/* A member is one no more: kept, or dead at once. */
int stoa__refs_take_out(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
			uint64_t row, struct stoa__place at, bool keep, struct stoa_error *err);
/*
 * The same; of a table whose rows have nothing to give up, and whose deaths nobody reads, it costs
 * nothing more.
 */
static inline int stoa__refs_delete(struct stoa__version *w, struct stoa__loose *loose,
				    struct stoa__table *t, uint64_t row, struct stoa__place at,
				    bool keep, struct stoa_error *err)
{
	if (!keep && !t->schema->n_refs && !t->schema->deaths)
		return stoa__table_delete(w, t, at, false, err);
	return stoa__refs_take_out(w, loose, t, row, at, keep, err);
}
/* A kept row dies, whatever refers to it. */
int stoa__refs_die(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
		   uint64_t row, struct stoa__place at, struct stoa_error *err);

/*
 * A kept row gave up a hold or a reference and has @n references left: to be looked at. STOA_OK,
 * STOA_ENOMEM.
 */
int stoa__loose_note(struct stoa__loose *loose, const struct stoa__table *t, uint64_t row,
		     uint32_t n, struct stoa_error *err);

/* A weak reference to a row that does not exist becomes NULL; and all those of a row. */
int stoa__ref_resolve(const struct stoa__version *v, const struct stoa_slot *def,
		      struct stoa_value *value, struct stoa_error *err);
int stoa__refs_resolve(const struct stoa__version *v, const struct stoa__schema *schema,
		       struct stoa_value *values, struct stoa_error *err);

/*
 * Calls @each with what the strong references of a row are to. A negative result ends it and is
 * returned.
 */
int stoa__refs_of(const struct stoa__table *t, struct stoa__place at,
		  int (*each)(void *ctx, uint32_t table, uint64_t row, struct stoa_error *err),
		  void *ctx, struct stoa_error *err);

/* ---- refs_read.c: by the column ---- */

/*
 * The references in up to STOA__BATCH_ROWS rows of slot position @slot, from row @from, a multiple
 * of that: 0 where a row has none, or does not exist. *@n receives how many.
 */
int stoa__refs_read(const struct stoa__table *t, const struct stoa__group *g, uint32_t slot,
		    uint32_t from, uint64_t out[STOA__BATCH_ROWS], uint32_t *n,
		    struct stoa_error *err);
/*
 * Calls @each with all references of slot position @slot in rows [@from, @end), by rowid, as
 * stoa__refs_read() gives them: 0 also for other rows. A negative result ends it and is returned.
 */
typedef int stoa__refs_each(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err);
int stoa__refs_walk(const struct stoa__table *t, uint32_t slot, uint64_t from, uint64_t end,
		    stoa__refs_each *each, void *ctx, struct stoa_error *err);

/* ---- refs_count.c: the same ---- */

/*
 * Counts all references of slot position @slot of @t: up, checking them, of rows [@from, @end), or
 * none of them on failure; or down, of all: after a failure the caller goes back to a version from
 * before.
 */
int stoa__refs_count_up(struct stoa__version *w, struct stoa__table *t, uint32_t slot,
			uint64_t from, uint64_t end, struct stoa_error *err);
int stoa__refs_count_down(struct stoa__version *w, struct stoa__loose *loose,
			  struct stoa__table *t, uint32_t slot, struct stoa_error *err);

/*
 * All strong references in rows [@from, @end) of @t, a table of @v: met, by reading only, and without
 * a lock; then told to the counts of a working version, which the caller knows to have them: all, or
 * none on failure. What was met is the caller's to free, and of use as long as @v is held.
 */
struct stoa__refs_met;
int stoa__refs_meet(const struct stoa__version *v, const struct stoa__table *t, uint64_t from,
		    uint64_t end, struct stoa__refs_met **out, struct stoa_error *err);
int stoa__refs_tell(struct stoa__refs_met *m, struct stoa__version *w, struct stoa_error *err);
void stoa__refs_met_free(struct stoa__refs_met *m);

/* ---- settle.c: counted later ---- */

/*
 * Rows from rowid @first on were loaded: checks their references, and counts them or leaves that for
 * later. As stoa__refs_count_up().
 */
int stoa__refs_loaded(struct stoa__version *w, struct stoa__table *t, uint64_t first,
		      struct stoa_error *err);
/* Are the references in this row of @t not counted yet? */
static inline bool stoa__refs_wait(const struct stoa__table *t, uint64_t row)
{
	return row >= t->uncounted_from && row < t->uncounted_end;
}
/*
 * A row of @t is about to go: has all references to @t counted, but for the first such row in no
 * time. STOA_OK, STOA_ENOMEM, the errors of reading; and then some may be counted, which is none the
 * worse.
 */
int stoa__refs_settle_to(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err);
static inline int stoa__refs_settle(struct stoa__version *w, struct stoa__table *t,
				    struct stoa_error *err)
{
	/* By (2) of settle.c; so this is a matter of a table's first delete. */
	return stoa__table_is_all_members(t) ? stoa__refs_settle_to(w, t, err) : STOA_OK;
}
/* The same of all references in @t. */
int stoa__refs_settle_of(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err);
/*
 * The collector's: counts all that waits beside writers, who wait while counts are changed and no
 * longer; the longest such time is noted.
 */
int stoa__refs_settle_all(struct stoa_db *db, uint64_t *longest_ns, struct stoa_error *err);
/* For that, in two steps: up to @n rows that wait are met in a version, which is held. */
struct stoa__settling {
	struct stoa__version *v;
	const struct stoa__table *table;	/* NULL: nothing waits */
	uint64_t from, end;			/* rows */
	struct stoa__refs_met *met;
};
int stoa__settling_begin(struct stoa_db *db, uint64_t n, struct stoa__settling *s,
			 struct stoa_error *err);
/*
 * And are counted in a version on the head, which shows what that does, *@done, unless some of the
 * rows were changed meanwhile. The writer's lock is held.
 */
int stoa__settling_end(struct stoa_db *db, struct stoa__settling *s, bool *done,
		       struct stoa_error *err);
void stoa__settling_release(struct stoa__settling *s);
/* Both at once, under the writer's lock; *@more if there were any. */
int stoa__refs_settle_some(struct stoa_db *db, uint64_t n, bool *more, struct stoa_error *err);
/* How many references a row of @t has: by its count, and by reading what is not counted. */
int stoa__refs_count_of(const struct stoa__version *v, const struct stoa__table *t, uint64_t row,
			uint64_t *out, struct stoa_error *err);

#endif
