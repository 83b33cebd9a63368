/* SPDX-License-Identifier: MIT */
/*
 * index.h - the frame that kinds of indexes hang in
 *
 *     schema       indexes[i]    definition: id, kind, name, slots (schema.h)
 *     table        indexes       a block with one state for each definition, in the same order
 *     kind         ops           what happens to a state when rows change
 *
 * A kind's state is a block, the root of whatever blocks it needs; it is versioned like all others,
 * and that is all there is to rollback, abort and snapshots. What a kind appends in place, beyond
 * what older versions can see or harmless to them, is its own business: undone() tells it of a
 * rollback.
 *
 * A definition is part of the schema, so making and dropping an index is a change of schema: in the
 * log, in the catalog and in memory. stoa__table_set_schema() sees which definitions are new and
 * which have gone.
 *
 * Every change of a row passes through two calls. before() may refuse it (a key that must be
 * unique) and makes room; nothing that can be seen has changed when it fails. after() takes place
 * once the row is changed, and cannot fail. Between them a kind keeps what it found out, its hash
 * say, in change->note.
 */
#ifndef STOA__INDEX_H
#define STOA__INDEX_H

#include "../storage/catalog.h"
#include "record.h"
#include "table.h"

/* States of a table's indexes. */
struct stoa__indexes {
	struct stoa__block block;
	uint32_t n;
	struct stoa__block *state[];	/* of schema->indexes[i] */
};

enum stoa__change_kind { STOA__INSERT, STOA__UPDATE, STOA__DELETE };

/* A row about to change, then changed. */
struct stoa__change {
	enum stoa__change_kind kind;
	uint64_t rowid;
	struct stoa__place at;			/* where the row lies; not of an insert. Good in before() only */
	const uint32_t *slots;			/* of an update: positions; else NULL */
	const struct stoa_value *values;	/* new values of them, or of all slots. Good in before() only */
	size_t n;
	uint32_t skip;				/* bit i: index i has nothing to do afterwards */
	uint64_t note[STOA_INDEXES_MAX];	/* by index: from before() to after() */
};

/* Rowids, in memory of their own. */
struct stoa__rowlist {
	uint64_t *rows;
	size_t n, cap;
	size_t max;	/* one row more is STOA_EFULL, without words; 0: no end */
};
/* STOA_OK, STOA_ENOMEM or STOA_EFULL. */
int stoa__rowlist_add(struct stoa__rowlist *list, uint64_t rowid);
/* Puts it in order, each rowid once. */
void stoa__rowlist_sort(struct stoa__rowlist *list);

/* What is to happen where groups that are added have keys that are taken. */
struct stoa__conflicts {
	uint32_t index;		/* id of the index that is meant; others refuse */
	int policy;		/* enum stoa_conflict, not STOA_CONFLICT_ERROR */
	struct stoa__rowlist losers;	/* rows that are to go: the later ones, or the earlier */
	/* Deletes a loser. */
	int (*drop)(struct stoa__conflicts *c, uint64_t rowid, struct stoa_error *err);
};

/* What a checkpoint lends to a kind that stores records. */
struct stoa__saver {
	struct stoa_db *db;
	uint64_t since;		/* blocks born up to it are in the catalog */
	const struct stoa__set_run_plans *runs;	/* set_run.h */
	struct stoa_error *err;
};

/* What loading lends to a kind that has files. */
struct stoa__restorer {
	struct stoa__version *w;
	/*
	 * The segment file with this number, not counted for the caller; NULL if the catalog names
	 * none.
	 */
	struct stoa__segment *(*file)(const struct stoa__restorer *r, uint64_t number);
	void *ctx;
	struct stoa_error *err;
};

/*
 * All of these take the working version's own table @t and the position @i of the index in its
 * schema; NULL stands for nothing to do, but before() and after() are there.
 */
struct stoa__index_ops {
	const char *name;	/* "set" */
	/*
	 * Fills def->number from what the application asked for, and refuses what the kind cannot
	 * do.
	 */
	int (*define)(const struct stoa__schema *s, const struct stoa_index_options *o,
		      struct stoa__index_def *def, struct stoa_error *err);
	/*
	 * Makes the state of a new index: t->indexes->state[i], over the rows that @t has. While
	 * the catalog is loaded there are none yet; loaded() follows.
	 */
	int (*create)(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		      struct stoa_error *err);
	int (*before)(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		      struct stoa__change *change, struct stoa_error *err);
	void (*after)(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		      const struct stoa__change *change);
	/*
	 * Whole groups with rowids from @first on were added by @txn. @c is NULL, or for this
	 * index. A failure is followed by a rollback.
	 */
	int (*appended)(struct stoa__version *w, struct stoa_txn *txn, struct stoa__table *t,
			uint32_t i, uint64_t first, struct stoa__conflicts *c,
			struct stoa_error *err);
	/* The working version went back to an older state; @t is that of it. */
	void (*undone)(const struct stoa__table *t, uint32_t i);
	/* Calls @each with all blocks of a state, the state last. */
	void (*each_block)(struct stoa__block *state, void (*each)(void *ctx, struct stoa__block *b),
			   void *ctx);
	/* Stores what was born after saver->since; in the catalog's transaction of a checkpoint. */
	int (*store)(const struct stoa__saver *saver, const struct stoa__table *t, uint32_t i);
	/* A record that store() wrote: its tag, its key behind tag, table and index, its value. */
	int (*load)(const struct stoa__restorer *from, struct stoa__table *t, uint32_t i,
		    uint8_t tag, const uint8_t *key, size_t len, struct stoa__reader *r);
	/* All rows and records of the catalog are there; the log is not replayed yet. */
	int (*loaded)(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		      struct stoa_error *err);
};

/* The operations of a kind, or NULL. */
const struct stoa__index_ops *stoa__index_ops(unsigned kind);

/* ---- for kinds ---- */

/*
 * Makes t->indexes and the state of index @i the working version's own; the state's block must own
 * nothing.
 */
static inline int stoa__index_own(struct stoa__version *w, struct stoa__table *t, uint32_t i,
				  void *state_slot)
{
	STOA_TRY(stoa__block_own(w, &t->indexes));
	STOA_TRY(stoa__block_own(w, &t->indexes->state[i]));
	memcpy(state_slot, &t->indexes->state[i], sizeof(void *));
	return STOA_OK;
}
/* Does an update change a slot of the index? */
bool stoa__index_touched(const struct stoa__index_def *def, const struct stoa__change *change);
/* A key of the catalog for a record of index @i; stoa__key_add() goes on. */
struct stoa__key stoa__index_key(uint8_t tag, const struct stoa__table *t, uint32_t i);
/*
 * The table and the index's position; STOA_ENOTFOUND if it is not there or not of @kind (0: any).
 */
int stoa__index_find(stoa_txn *txn, stoa_table table, stoa_index index, unsigned kind,
		     struct stoa__table **t, uint32_t *i, struct stoa_error *err);
/* The same in a table that has been found. */
int stoa__no_index(const struct stoa__table *t, stoa_index index, unsigned kind,
		   struct stoa_error *err);
static inline int stoa__index_at(const struct stoa__table *t, stoa_index index, unsigned kind,
				 uint32_t *i, struct stoa_error *err)
{
	int at = stoa__schema_find_index(t->schema, index);

	if (at < 0 || (kind && t->schema->indexes[at].kind != kind))
		return stoa__no_index(t, index, kind, err);
	*i = (uint32_t)at;
	return STOA_OK;
}

/* ---- for tables: each is for all indexes of @t; of a row's change only where it has some ---- */

/* A change to @schema, which takes t->schema's place afterwards, makes and retires states. */
int stoa__indexes_change(struct stoa__version *w, struct stoa__table *t,
			 struct stoa__schema *schema, struct stoa_error *err);
int stoa__indexes_before(struct stoa__version *w, struct stoa__table *t,
			 struct stoa__change *change, struct stoa_error *err);
void stoa__indexes_after(struct stoa__version *w, struct stoa__table *t,
			 const struct stoa__change *change);
/* The index of @c, unless that is NULL, comes first, and its losers are gone before others look. */
int stoa__indexes_appended(struct stoa__version *w, struct stoa_txn *txn, struct stoa__table *t,
			   uint64_t first, struct stoa__conflicts *c, struct stoa_error *err);
void stoa__indexes_undone(const struct stoa__table *t);
void stoa__indexes_each_block(const struct stoa__table *t,
			      void (*each)(void *ctx, struct stoa__block *b), void *ctx);
int stoa__indexes_store(const struct stoa__saver *saver, const struct stoa__table *t);
int stoa__indexes_load(const struct stoa__restorer *from, struct stoa__table *t,
		       const uint8_t *key, size_t len, struct stoa__reader *r);
int stoa__indexes_loaded(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err);

#endif
