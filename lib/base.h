/* SPDX-License-Identifier: MIT */
/*
 * base.h - the encoded columns of a row group, never changed: in heap, or in a mapped segment
 *
 * A base knows its rows by rowid: row i is first + i when there are no gaps, and has a map of them
 * (core/rowids.h) otherwise, which lies among the columns under a slot id of its own. Columns are
 * found by slot id; they and the map are opened on first use, by any thread.
 */
#ifndef STOA__BASE_H
#define STOA__BASE_H

#include "../storage/segment.h"
#include "block.h"
#include "core/chunk.h"
#include "core/limits.h"
#include "core/rowids.h"
#include "symbol.h"

/* Stands for a slot id where the image is a map of rowids. */
#define STOA__SLOT_ROWIDS UINT32_MAX

/*
 * The encoded columns of a row group on their way to a base or a segment, and its map of rowids if
 * it needs one.
 */
struct stoa__images {
	struct stoa__buf bytes;
	uint32_t n;
	struct stoa__image {
		uint32_t slot;	/* slot id */
		size_t offset, len;
	} *image;
};
/* Room for @n_columns columns and a map. */
int stoa__images_init(struct stoa__images *im, uint32_t n_columns);
void stoa__images_release(struct stoa__images *im);
/*
 * Adds the map for @n ascending rowids, if there are gaps between them. STOA_OK, STOA_ENOMEM,
 * STOA_EFULL.
 */
int stoa__images_add_rowids(struct stoa__images *im, const uint64_t *rowids, size_t n);
/* Gives back room that was not needed. */
void stoa__images_fit(struct stoa__images *im);

struct stoa__base {
	struct stoa__block block;
	struct stoa__symbols *symbols;
	uint64_t id;			/* never the same for two bases of a process, and a multiple of 65,536 */
	uint64_t first, last;		/* rowids */
	uint32_t n_rows;
	uint8_t generation;		/* how often the collector has rewritten it: 0, 1, or 2 and more */
	bool cold;			/* its columns are seldom read: core/chunk_cold.h */
	struct stoa__rowids *_Atomic rowids;	/* NULL until opened, and for ever when there are no gaps */
	struct stoa__segment *segment;	/* NULL when in heap */
	uint32_t index;			/* group in the segment */
	struct stoa__images heap;
	uint32_t n_columns;
	struct stoa__chunk *_Atomic column[];	/* by slot id */
};

/* What a base is told when it is made. @n_columns: one more than the largest slot id. */
struct stoa__base_info {
	uint64_t first, last;	/* rowids; there is a map among the columns unless they are all in use */
	uint32_t n_rows;
	uint32_t n_columns;
	uint8_t generation;
	bool cold;
};
#define STOA__GENERATIONS 3
#define STOA__COLD 0x80	/* beside the generation where both are stored in a byte */

/* Takes @im over when it succeeds, and holds the symbols in its lists. */
int stoa__base_new_heap(struct stoa__version *w, const struct stoa__base_info *info,
			struct stoa__images *im, struct stoa__base **out, struct stoa_error *err);
/* Counts @segment once more. */
int stoa__base_new_mapped(struct stoa__version *w, const struct stoa__base_info *info,
			  struct stoa__segment *segment, uint32_t index, struct stoa__base **out,
			  struct stoa_error *err);
static inline struct stoa__base_info stoa__base_info_of(const struct stoa__base *base)
{
	return (struct stoa__base_info){ base->first, base->last, base->n_rows, base->n_columns,
					 base->generation, base->cold };
}
static inline bool stoa__base_is_dense(const struct stoa__base *base)
{
	return base->last - base->first + 1 == base->n_rows;
}

/* The column of slot @slot if it was opened before, else NULL. */
static inline const struct stoa__chunk *stoa__base_opened(const struct stoa__base *base, uint32_t slot)
{
	return slot < base->n_columns ?
		       atomic_load_explicit(&base->column[slot], memory_order_acquire) :
		       NULL;
}
/* What stoa__base_column() does the first time. */
int stoa__base_open_column(struct stoa__base *base, uint32_t slot, unsigned type,
			   const struct stoa__chunk **out, struct stoa_error *err);
/*
 * Column of slot @slot with type @type; *@out is NULL when the base has none. STOA_ECORRUPT,
 * STOA_ENOMEM.
 */
static inline int stoa__base_column(struct stoa__base *base, uint32_t slot, unsigned type,
				    const struct stoa__chunk **out, struct stoa_error *err)
{
	*out = stoa__base_opened(base, slot);
	if (*out && (*out)->type == type)
		return STOA_OK;
	return stoa__base_open_column(base, slot, type, out, err);
}
/* What stoa__base_row() does where there are gaps. */
int stoa__base_find_row(struct stoa__base *base, uint64_t rowid, uint32_t *row,
			struct stoa_error *err);
/*
 * Calls @each with slot id (or STOA__SLOT_ROWIDS) and length of every image the base has, whatever
 * the schema has.
 */
int stoa__base_each_image(struct stoa__base *base,
			  void (*each)(void *ctx, uint32_t slot, uint64_t len), void *ctx,
			  struct stoa_error *err);
/*
 * The row that has @rowid. STOA_OK; STOA_ENOTFOUND without words; STOA_ECORRUPT, STOA_ENOMEM,
 * STOA_EIO.
 */
static inline int stoa__base_row(struct stoa__base *base, uint64_t rowid, uint32_t *row,
				 struct stoa_error *err)
{
	if (rowid < base->first || rowid > base->last)
		return STOA_ENOTFOUND;
	if (!stoa__base_is_dense(base))
		return stoa__base_find_row(base, rowid, row, err);
	*row = (uint32_t)(rowid - base->first);
	return STOA_OK;
}
/* The rowids of rows [from, from + n). */
int stoa__base_rowids(struct stoa__base *base, uint32_t from, size_t n, uint64_t *out,
		      struct stoa_error *err);
/* String @code of a chunk's list, whichever encoding it has. */
static inline struct stoa_bytes stoa__base_string(const struct stoa__base *base,
						  const struct stoa__chunk *c, uint32_t code)
{
	if (c->encoding == STOA__ENC_DICT_ID)
		return stoa__symbol_bytes(base->symbols, stoa__chunk_entry_id(c, code));
	return stoa__chunk_entry(c, code);
}
/* The words for what stoa__chunk_value() returned. */
int stoa__base_value_error(const struct stoa__base *base, int rc, struct stoa_error *err);
/* Value @row of a column, whichever encoding. As stoa__chunk_value(). */
static inline int stoa__base_value(const struct stoa__base *base, const struct stoa__chunk *c,
				   uint32_t row, struct stoa__buf *scratch, struct stoa_value *out,
				   struct stoa_error *err)
{
	int rc;

	if (c->encoding != STOA__ENC_DICT_ID) {
		rc = stoa__chunk_value(c, row, scratch, out);
		return rc < 0 ? stoa__base_value_error(base, rc, err) : STOA_OK;
	}
	*out = stoa_null();
	if (!stoa__chunk_is_null(c, row)) {
		struct stoa_bytes b =
			stoa__base_string(base, c, (uint32_t)stoa__chunk_packed(c, row));

		*out = stoa_bytes_value(STOA_STRING, b.p, b.len);
	}
	return STOA_OK;
}

#endif
