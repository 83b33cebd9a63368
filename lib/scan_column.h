/* SPDX-License-Identifier: MIT */
/*
 * scan_column.h - what the files of a scan share: its state, and its columns
 *
 * scan.c walks, and is a source and a cursor; scan_column.c reads the columns of its batches.
 *
 *     stored rows   from ............... from + n_stored
 *     batch         rows[0 .. n)         their positions in the run; NULL when n == n_stored
 */
#ifndef STOA__SCAN_COLUMN_H
#define STOA__SCAN_COLUMN_H

#include "core/chunk_cold.h"
#include "cursor.h"
#include "db.h"
#include "look.h"
#include "visitor.h"

/* A column of the scan, and the memory its batches are decoded into. */
struct stoa__scan_column {
	uint32_t slot;			/* position in the schema */
	bool ready;			/* @vec is that of the current batch */
	bool fading;			/* a weak reference, and rows of its target have gone */
	const struct stoa__table *target;	/* of one that fades; NULL: it has gone */
	struct stoa__vec vec;
	void *wide;			/* room for a batch of the engine's kind */
	void *narrow;			/* the same of the slot's C type: @own, or lent */
	void *own;
	uint32_t *codes;
	uint64_t validity[STOA__WORDS(STOA__BATCH_ROWS)];
	struct stoa__buf bytes;		/* of strings that had to be decompressed */
	uint32_t at;			/* where the batch begins in its chunk */
	struct stoa__thawed thawed;	/* of a cold chunk */
	struct stoa_bytes *dict;	/* strings of the current group's list */
	size_t cap_dict;
	uint64_t dict_id;		/* of the list in @dict; 0 for none */
};

/* Which row group comes next. */
struct stoa__scan_walk {
	uint64_t next_key;		/* of the tree; groups from it on are still to come */
	bool tail_done;
	uint64_t n;			/* groups given */
};

/* The walk of scans that were split from one: groups are dealt out between them. */
struct stoa__scan_walks {
	pthread_mutex_t lock;
	uint32_t n_scans;
	struct stoa__scan_walk walk;
};

struct stoa__scan {
	struct stoa__source source;
	struct stoa_cursor cursor;
	struct stoa__version *version;
	struct stoa__visitor visitor;	/* our hold on it; while it has not begun, a whole one */
	bool looks_elsewhere;		/* weak references fade: it has a whole hold, too */
	const struct stoa__table *table;
	const struct stoa__group *group;	/* NULL before the first, and at the end */
	struct stoa__scan_walk walk;
	struct stoa__scan_walks *shared;		/* NULL: the walk is its own */
	uint32_t from, n_stored, group_rows;
	size_t n;				/* rows of the batch */
	uint16_t rows[STOA__BATCH_ROWS];
	bool gathered;
	const struct stoa__row_list *only;	/* rows to read instead of all; NULL: all */
	size_t only_at;				/* of them that come next */
	struct stoa__look *look;		/* rows that were looked up; NULL: none ever were */
	stoa_rowid rowids[STOA__BATCH_ROWS];
	struct stoa_column *names;
	struct stoa_array *arrays;		/* of the public batch */
	size_t n_columns;
	struct stoa__scan_column columns[];
};

/* References are numbers to the engine, as rowids are. */
static inline uint8_t stoa__scan_type(uint8_t type)
{
	return stoa__type_is_ref(type) ? STOA_I64 : type;
}

/* A column over the slot at position @slot. STOA_ENOMEM: to be released all the same. */
int stoa__scan_column_init(struct stoa__scan *s, size_t i, uint32_t slot);
void stoa__scan_column_release(struct stoa__scan_column *col);

/* The whole chunk that a column's values of the group are in; NULL: it has none. */
int stoa__scan_group_chunk(const struct stoa__scan *s, const struct stoa__scan_column *col,
			   const struct stoa__chunk **c, struct stoa_error *err);
/* The batch's values, as the engine's kind; the same of rows that were looked up. */
int stoa__scan_vec(struct stoa__scan *s, struct stoa__scan_column *col, struct stoa__vec *out,
		   struct stoa_error *err);
int stoa__scan_looked(struct stoa__scan *s, struct stoa__scan_column *col, struct stoa__vec *out,
		      struct stoa_error *err);
/* The same for an application, in the slot's C type; as codes: false where there are none. */
int stoa__scan_array(struct stoa__scan *s, size_t i, struct stoa_array *out,
		     struct stoa_error *err);
bool stoa__scan_codes(struct stoa__scan *s, size_t i, struct stoa__vec *out);
/* See within and pick of core/source.h. */
bool stoa__scan_within(struct stoa__scan *s, size_t i, int64_t lo, int64_t hi, uint64_t *bits);
bool stoa__scan_pick(struct stoa__scan *s, size_t i, const uint32_t *sel, size_t n, void *room,
		     uint64_t *bits, struct stoa__vec *out);

#endif
