/* SPDX-License-Identifier: MIT */
/*
 * source.h - where batches of rows come from, whatever makes them
 *
 * The seam between tables and queries: tables implement it, tests fill it from arrays, the query
 * engine reads it. Batches are lazy: stoa__source_next() finds the next rows, stoa__source_column()
 * decodes a column of them, and a column that nobody asks for costs nothing.
 */
#ifndef STOA__SOURCE_H
#define STOA__SOURCE_H

#include "../stoa.h"

/* How the engine holds values: few physical kinds, whatever the slot's type. */
enum stoa__phys {
	STOA__PHYS_I64,		/* int64_t: every STOA__INT type */
	STOA__PHYS_U64,		/* uint64_t: every STOA__UINT type */
	STOA__PHYS_F64,		/* double: f32 and f64 */
	STOA__PHYS_BYTES,	/* struct stoa_bytes: string, text, blob; uuid as its 16 bytes */
};
enum stoa__phys stoa__phys_of(unsigned type);

/*
 * One column of a batch. FLAT: @values has @n elements. CONST: one, for all rows. DICT: @codes has
 * @n entries below @n_dict, indices into @dict; @dict_id is the same only for one and the same list
 * (so that what was computed for its entries may be kept from batch to batch), never 0. @validity
 * may be NULL (no NULLs). NULL rows have a harmless element or code.
 */
enum stoa__vec_kind { STOA__VEC_FLAT, STOA__VEC_CONST, STOA__VEC_DICT };
struct stoa__vec {
	uint8_t kind;
	uint8_t phys;
	uint8_t type;		/* enum stoa_type */
	uint8_t scale;
	size_t n;
	union {
		const void *values;
		const int64_t *i64;
		const uint64_t *u64;
		const double *f64;
		const struct stoa_bytes *bytes;
	};
	const uint32_t *codes;
	const struct stoa_bytes *dict;
	uint32_t n_dict;
	uint64_t dict_id;
	const uint64_t *validity;
};

/* Rowids in an order that matters; may come twice. Borrowed. */
struct stoa__row_list {
	const stoa_rowid *p;
	size_t n;
	const char *index;	/* that names them; NULL: none does */
};

/* The zone map of a column over the rows that next() would read: what skipping needs to know. */
struct stoa__zone {
	bool known;		/* min and max are set */
	bool has_nan;
	bool exact;		/* all rows stored live: min and max are values that next() would give */
	uint32_t n_rows;	/* rows stored, deleted ones included; 0: nothing is known */
	uint32_t n_null;
	struct stoa_value min, max;
};

/* The slot at a position in the table's schema has one of these values. */
struct stoa__equal {
	uint32_t slot;
	size_t n;
	const struct stoa_value *values;
};

struct stoa__source;
struct stoa__source_ops {
	/* Columns on offer, with types; borrows from the source. */
	const struct stoa_column *(*columns)(struct stoa__source *s, size_t *n);
	/*
	 * The next 1 .. STOA__BATCH_ROWS rows, all of one row group: STOA_ROW with *@n, STOA_END,
	 * or an error. @rowids may be NULL; else it receives them, good until the next call.
	 */
	int (*next)(struct stoa__source *s, size_t *n, const stoa_rowid **rowids,
		    struct stoa_error *err);
	/* Column @i of the current batch, decoded on first call; good until the next next(). */
	int (*column)(struct stoa__source *s, size_t i, struct stoa__vec *out,
		      struct stoa_error *err);
	/*
	 * Zone map of column @i in the row group that the next next() begins; false when next() is
	 * inside a group or at the end. The column behind the last is the rowid, as STOA_I64. NULL:
	 * there are none (stoa__source_zone()).
	 */
	bool (*zone)(struct stoa__source *s, size_t i, struct stoa__zone *out);
	/* Passes over the row group that zone() spoke of; NULL only where zone is. */
	void (*skip_group)(struct stoa__source *s);
	/* About how many rows there are in all; for plans. */
	uint64_t (*n_rows)(struct stoa__source *s);
	void (*close)(struct stoa__source *s);
	/*
	 * Two short cuts past column(); NULL, or an answer of false, means that there is none. Both
	 * leave errors to column().
	 *
	 * Clears in @bits each row of the batch whose value in integer column @i is NULL or not
	 * between @lo and @hi; sets none, and may clear those behind the last row's in its word.
	 */
	bool (*within)(struct stoa__source *s, size_t i, int64_t lo, int64_t hi, uint64_t *bits);
	/*
	 * Rows @sel, ascending, of column @i of the batch: @n elements, or DICT codes, in @room,
	 * which takes as many struct stoa_bytes; validity in @bits. Good until the next pick() of
	 * that column, or next().
	 */
	bool (*pick)(struct stoa__source *s, size_t i, const uint32_t *sel, size_t n, void *room,
		     uint64_t *bits, struct stoa__vec *out);
	/*
	 * Before the first next(): only these rows, in this order, and of them those that are
	 * there. The list is read as rows are, and must outlive the source; costs O(log row groups)
	 * for a row. NULL: the source cannot.
	 */
	void (*only)(struct stoa__source *s, const struct stoa__row_list *rowids);
	/*
	 * Makes the batch @n rows by rowid, in that order: those that @valid (NULL: none) says are
	 * NULL, and those that are not there, are NULL in all columns; @found receives a bit for
	 * each that is there. @members: only rows of the table; else also rows that are kept since
	 * something refers to them. No next() afterwards. NULL: the source cannot.
	 */
	int (*look)(struct stoa__source *s, const int64_t *rowids, const uint64_t *valid, size_t n,
		    bool members, uint64_t *found, struct stoa_error *err);
	/*
	 * Rows that meet all of @equal, by an index: STOA_ROW with @out, ascending, whose rowids
	 * the caller frees; others may be among them. The index's name is good while the source
	 * has read nothing. STOA_END: there is no index for it, or
	 * reading all rows takes no longer. NULL: the source cannot.
	 */
	int (*find)(struct stoa__source *s, const struct stoa__equal *equal, size_t n,
		    struct stoa__row_list *out, struct stoa_error *err);
	/*
	 * Threads. split() makes another source over the same rows, before any were read. From then
	 * on the row groups are dealt out between this one and all that were split from it: each
	 * must ask deal() for a group, and its next() ends with that. *@place is the group's among
	 * all of them: groups are dealt in order. STOA_ROW; STOA_END when all are dealt. NULL:
	 * there is no splitting.
	 */
	int (*split)(struct stoa__source *s, struct stoa__source **out, struct stoa_error *err);
	int (*deal)(struct stoa__source *s, uint64_t *place, struct stoa_error *err);
	/* About how many row groups there are. */
	uint64_t (*n_groups)(struct stoa__source *s);
};
struct stoa__source {
	const struct stoa__source_ops *ops;
};

/* zone() of any source: false too where it has none. */
static inline bool stoa__source_zone(struct stoa__source *s, size_t i, struct stoa__zone *out)
{
	return s->ops->zone && s->ops->zone(s, i, out);
}

/* ---- for who makes them ---- */

/*
 * @n elements of @type, as a struct stoa_array has them, to the kind that the engine holds them in.
 */
void stoa__widen(unsigned type, size_t n, const void *from, void *to);
/* 65,536 numbers that no other list of strings has, this one the first, for dict_id. Any thread. */
uint64_t stoa__dict_ids_new(void);

#endif
