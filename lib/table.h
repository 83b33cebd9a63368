/* SPDX-License-Identifier: MIT */
/*
 * table.h - one version of a table: groups of rows, a tail, and how rows are found, read and
 * changed
 *
 *     groups: tree, first rowid -> group (sealed)        tail: the group that rows are appended to
 *     group:  base (encoded)  or  tail (pages)
 *             live[16]        NULL: all of its 4,096 rows live
 *             kept[16]        NULL: none of them is kept
 *             overlay         per slot id, pages in place of the base's or tail's values
 *
 * A row is a *member* (its live bit: scans and indexes see it), or *kept* (deleted, while a strong
 * reference or a hold needs its values), or gone. The first two *exist*: whatever rewrites rows
 * carries them on.
 *
 * Rows of the tail that no older version counts are changed in place, all other rows through
 * overlays and live bitmaps, copied when they are not the working version's own.
 *
 * Invariants: (1) rowids ascend over the groups and into the tail; next_rowid is above them all.
 * (2) A sealed group has a row that exists. (3) n_rows is the sum of members, n_kept of kept rows.
 * (4) Row r of the tail has rowid tail->first + r, for r < tail_rows. (5) Rows from tail_shared on
 * are seen by no older version. (6) A kept row is not a member: it is among its group's n_dead.
 *
 * These functions take values that stoa__convert() has passed. Writers own the table block they
 * pass.
 */
#ifndef STOA__TABLE_H
#define STOA__TABLE_H

#include "base.h"
#include "page.h"
#include "schema.h"
#include "tree.h"

struct stoa__change;

struct stoa__live {
	struct stoa__block block;
	uint64_t words[STOA__LIVE_ROWS / 64];
};

struct stoa__pages {
	struct stoa__block block;
	struct stoa__page *page[STOA__PAGES];
};

struct stoa__overlay {
	struct stoa__block block;
	uint32_t n;
	struct stoa__overlay_column {
		uint32_t slot;	/* slot id */
		struct stoa__pages *pages;
	} column[];
};

/*
 * Pages of the newest rows; page p of slot position i is rows[p][i]. Shared by versions, appended
 * to in place: who looks for pages beyond its rows (stoa__tail_row()) meets those of a transaction
 * that is open, and those of one that was undone.
 */
struct stoa__tail {
	struct stoa__block block;
	struct stoa__history *history;
	uint64_t first;
	uint64_t persisted;	/* rows in the catalog; the checkpoint's own */
	uint64_t text_bytes;	/* of text and blobs appended */
	uint32_t filled;	/* rows put there so far, until they are undone */
	uint32_t n_slots;
	struct stoa__slab *slab;	/* for texts of rows to come; the writer's */
	struct stoa__page **rows[STOA__PAGES];
};

/*
 * The pages of row of pages @p, one for each slot; NULL: there are none. Any of them may be NULL.
 */
static inline struct stoa__page *const *stoa__tail_row(const struct stoa__tail *tail, uint32_t p)
{
	return (struct stoa__page *const *)__atomic_load_n(&tail->rows[p], __ATOMIC_ACQUIRE);
}

struct stoa__group {
	struct stoa__block block;
	uint64_t made;			/* stamp under which its rows came to lie as they do */
	uint64_t first;
	uint32_t n_rows;		/* of a tail: 0, the table knows */
	uint32_t n_dead;		/* not members */
	uint32_t n_kept;		/* of these, those that exist */
	struct stoa__base *base;	/* one of the two */
	struct stoa__tail *tail;
	struct stoa__overlay *overlay;
	struct stoa__live *live[STOA__LIVE_BLOCKS];
	struct stoa__live *kept[STOA__LIVE_BLOCKS];
};

struct stoa__table {
	struct stoa__block block;
	uint32_t id;
	bool frozen;
	uint32_t tail_rows;
	uint32_t tail_shared;
	uint64_t next_rowid;
	uint64_t n_rows;
	uint64_t n_kept;
	uint64_t n_groups;
	struct stoa__schema *schema;
	struct stoa__node *groups;
	struct stoa__group *tail;	/* NULL until the first row */
	struct stoa__indexes *indexes;	/* NULL where the schema has none; index.h */
	struct stoa__node *counts;	/* of references to its rows: counts.h */
	uint64_t counts_removed;	/* stamp under which a block of them was last removed */
	uint64_t uncounted_from;	/* rows [from, end) refer, and are not counted: settle.c */
	uint64_t uncounted_end;		/* both 0: there are none */
	uint64_t touches;		/* references made to kept rows, and in them; cycles.c */
};

/* Where a row lies. */
struct stoa__place {
	struct stoa__group *group;
	uint32_t row;
};

/* The table of version @v, or NULL. */
struct stoa__table *stoa__table_find(const struct stoa__version *v, uint32_t id);
/* The same, owned by working version @w. STOA_OK, STOA_ENOTFOUND (no text), STOA_ENOMEM. */
int stoa__table_own_other(struct stoa__version *w, uint32_t id, struct stoa__table **out);
static inline int stoa__table_own(struct stoa__version *w, uint32_t id, struct stoa__table **out)
{
	if (!w->recent || w->recent->id != id)
		return stoa__table_own_other(w, id, out);
	*out = w->recent;
	return STOA_OK;
}
/* A new, empty table under @id. */
int stoa__table_new(struct stoa__version *w, uint32_t id, struct stoa__schema *schema,
		    struct stoa__table **out);
/* Retires a table and all it has, and takes it out of @w. */
int stoa__table_remove(struct stoa__version *w, struct stoa__table *t);
/* Retires all tables of @w, which has none afterwards. */
void stoa__table_retire_all(struct stoa__version *w);
/* Frees all a version has at once; when the history goes. */
void stoa__table_free_all(struct stoa__version *v);

/* Rows stored in @g, dead ones included. */
static inline uint32_t stoa__group_rows(const struct stoa__table *t, const struct stoa__group *g)
{
	return g->tail ? t->tail_rows : g->n_rows;
}
/* The rowids of rows [from, from + n). Of a tail it never fails. */
int stoa__group_rowids(const struct stoa__group *g, uint32_t from, size_t n, uint64_t *out,
		       struct stoa_error *err);
static inline bool stoa__group_alive(const struct stoa__group *g, uint32_t row)
{
	const struct stoa__live *l = g->live[row / STOA__LIVE_ROWS];

	return !l || (l->words[row % STOA__LIVE_ROWS / 64] >> (row % 64) & 1);
}
static inline bool stoa__group_kept(const struct stoa__group *g, uint32_t row)
{
	const struct stoa__live *k = g->kept[row / STOA__LIVE_ROWS];

	return k && (k->words[row % STOA__LIVE_ROWS / 64] >> (row % 64) & 1);
}
/* Is the row a member, or kept? Then its values go on when rows are rewritten. */
static inline bool stoa__group_exists(const struct stoa__group *g, uint32_t row)
{
	return stoa__group_alive(g, row) || stoa__group_kept(g, row);
}
/* How many rows of @g exist. */
static inline uint32_t stoa__group_n_existing(const struct stoa__table *t,
					      const struct stoa__group *g)
{
	return stoa__group_rows(t, g) - g->n_dead + g->n_kept;
}
/* The overlay's pages of slot id @slot, or NULL. */
static inline struct stoa__pages *stoa__group_pages(const struct stoa__group *g, uint32_t slot)
{
	for (uint32_t i = 0; g->overlay && i < g->overlay->n; i++)
		if (g->overlay->column[i].slot == slot)
			return g->overlay->column[i].pages;
	return NULL;
}
/* The overlay's page that speaks for row @row of slot id @slot, or NULL. */
static inline struct stoa__page *stoa__group_overlay(const struct stoa__group *g, uint32_t slot,
						     uint32_t row)
{
	const struct stoa__pages *pages = stoa__group_pages(g, slot);
	struct stoa__page *page = pages ? pages->page[row / STOA__PAGE_ROWS] : NULL;

	return page && row % STOA__PAGE_ROWS < page->n_rows ? page : NULL;
}

/*
 * Finds a row that exists. STOA_OK; STOA_ENOTFOUND, without words, if there is none; STOA_ECORRUPT,
 * STOA_EIO or STOA_ENOMEM if the group that should have it cannot say.
 */
int stoa__table_locate_existing(const struct stoa__table *t, uint64_t rowid,
				struct stoa__place *out, struct stoa_error *err);
/* The same for a member. */
int stoa__table_locate(const struct stoa__table *t, uint64_t rowid, struct stoa__place *out,
		       struct stoa_error *err);
/*
 * row.c: the values of a row, by slot position. Bytes borrow from the version, or from what is
 * appended to @scratch: if that has moved, some lie where it was.
 */
int stoa__group_row(const struct stoa__group *g, const struct stoa__schema *schema, uint32_t row,
		    struct stoa__buf *scratch, struct stoa_value *out, struct stoa_error *err);
/* row.c: asks the processor for what stoa__group_row() will read of chunks that are open. */
void stoa__group_hint(const struct stoa__group *g, const struct stoa__schema *schema, uint32_t row);
/* One of them: of the slot @slot, which is at position @i. */
int stoa__group_value(const struct stoa__group *g, const struct stoa__slot *slot, uint32_t i,
		      uint32_t row, struct stoa__buf *scratch, struct stoa_value *out,
		      struct stoa_error *err);
/* The same for who reads many values of a column: @thawed, zeroes at first, keeps a cold frame. */
struct stoa__thawed;
int stoa__group_value_kept(const struct stoa__group *g, const struct stoa__slot *slot, uint32_t i,
			   uint32_t row, struct stoa__thawed *thawed, struct stoa__buf *scratch,
			   struct stoa_value *out, struct stoa_error *err);

/*
 * Adds a row, one value for each slot. STOA_ENOMEM or the errors of stoa__table_seal(): nothing
 * changed.
 */
int stoa__table_insert(struct stoa__version *w, struct stoa__table *t,
		       const struct stoa_value *values, uint64_t *rowid, struct stoa_error *err);
int stoa__table_update(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
		       const uint32_t *slots, const struct stoa_value *values, size_t n,
		       struct stoa_error *err);
/*
 * A row is taken out in two steps: begin owns all that will change and asks the indexes of a
 * member, end changes it and cannot fail. A member goes, or with @keep its values stay; a row that
 * was kept goes (@keep is false then).
 */
int stoa__table_begin_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place *at,
			  bool keep, struct stoa__change *change, struct stoa_error *err);
void stoa__table_end_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
			 bool keep, const struct stoa__change *change);
/* Both in one. */
int stoa__table_delete(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
		       bool keep, struct stoa_error *err);
/* A group of all rows of a base, in no table yet; NULL when memory is out. */
struct stoa__group *stoa__group_new(struct stoa__version *w, struct stoa__base *base);
/*
 * Puts a group of the working version's own where its rowids belong; the base counts as its own.
 * STOA_OK or STOA_ENOMEM.
 */
int stoa__table_put_group(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g);
/* Adds a sealed group after all rows; the tail must be empty. */
int stoa__table_add_group(struct stoa__version *w, struct stoa__table *t, struct stoa__base *base,
			  struct stoa__group **out, struct stoa_error *err);
/* Takes a sealed group out and retires what it has. */
int stoa__table_remove_group(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g);

/* seal.c: encodes the tail's existing rows into a group, in heap; then the table has no tail. */
int stoa__table_seal(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err);

/* Retires a group, sealed or a tail, and all it has. */
void stoa__group_retire(struct stoa__version *w, struct stoa__group *g);
/* Takes the tail out of the table and retires it. */
void stoa__table_drop_tail(struct stoa__version *w, struct stoa__table *t);
/* A tail that had so many rows goes with the last of them. Tests lower it. */
extern uint32_t stoa__tail_rows_min;

/* After a rollback to @v: tails give up what their rows beyond those that @v counts hold. */
void stoa__table_forget_undone(const struct stoa__version *v);

/*
 * A record of the catalog has this many pages of a tail's slot, from a multiple of it on: as chunks
 * of 4,096 rows they take half of the bytes that chunks of 256 do. Texts are not worth the copying
 * each time that rows have been added, and are larger.
 */
#define STOA__TAIL_RUN 16u
static inline uint32_t stoa__tail_run(unsigned type)
{
	return type == STOA_TEXT || type == STOA_BLOB ? 1 : STOA__TAIL_RUN;
}

/* For loading a catalog. */
int stoa__table_new_tail(struct stoa__version *w, struct stoa__table *t, uint64_t first);
struct stoa__page *stoa__tail_page(struct stoa__version *w, struct stoa__tail *tail,
				   const struct stoa__schema *schema, uint32_t page, uint32_t slot);
int stoa__group_own_page(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g,
			 uint32_t slot, uint32_t row, struct stoa__page **out,
			 struct stoa_error *err);
/* An empty page @at of the overlay of slot position @slot, to be filled; there must be none yet. */
int stoa__group_new_page(struct stoa__version *w, struct stoa__table *t, struct stoa__group *g,
			 uint32_t slot, uint32_t at, struct stoa__page **out);
int stoa__group_own_live(struct stoa__version *w, struct stoa__group *g, uint32_t block,
			 struct stoa__live **out);
int stoa__group_own_kept(struct stoa__version *w, struct stoa__group *g, uint32_t block,
			 struct stoa__live **out);
int stoa__group_own(struct stoa__version *w, struct stoa__table *t, struct stoa__group **g);

#endif
