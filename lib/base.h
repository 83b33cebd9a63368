/* SPDX-License-Identifier: MIT */
/*
 * base.h - the encoded columns of a row group, never changed: in heap, or in a mapped segment
 *
 * A base knows its rows by rowid: row i is first + i when there are no gaps, first + offsets[i] otherwise.
 * Columns are found by slot id and opened on first use, by any thread.
 */
#ifndef STOA__BASE_H
#define STOA__BASE_H

#include "../storage/segment.h"
#include "block.h"
#include "core/chunk.h"
#include "core/limits.h"
#include "symbol.h"

/* The encoded columns of a row group on their way to a base or a segment. */
struct stoa__images {
	struct stoa__buf bytes;
	uint32_t n;
	struct stoa__image {
		uint32_t slot;	/* slot id */
		size_t offset, len;
	} *image;
};
int stoa__images_init(struct stoa__images *im, uint32_t n_max);
void stoa__images_release(struct stoa__images *im);
/* Gives back room that was not needed. */
void stoa__images_fit(struct stoa__images *im);

struct stoa__base {
	struct stoa__block block;
	struct stoa__symbols *symbols;
	uint64_t id;			/* never the same for two bases of a process, and a multiple of 65,536 */
	uint64_t first, last;		/* rowids */
	uint32_t n_rows;
	uint16_t *offsets;		/* from first, ascending; NULL when there are no gaps */
	struct stoa__segment *segment;	/* NULL when in heap */
	uint32_t index;			/* group in the segment */
	struct stoa__images heap;
	uint32_t n_columns;
	struct stoa__chunk *_Atomic column[];	/* by slot id */
};

/*
 * @offsets: n_rows offsets, copied, or NULL. @n_columns: one more than the largest slot id.
 * Heap: takes @im over when it succeeds, and holds the symbols in its lists. Mapped: counts @segment once more.
 */
int stoa__base_new_heap(struct stoa__version *w, uint64_t first, uint32_t n_rows,
			const uint16_t *offsets, uint32_t n_columns, struct stoa__images *im,
			struct stoa__base **out, struct stoa_error *err);
int stoa__base_new_mapped(struct stoa__version *w, uint64_t first, uint32_t n_rows,
			  const uint16_t *offsets, uint32_t n_columns,
			  struct stoa__segment *segment, uint32_t index, struct stoa__base **out,
			  struct stoa_error *err);

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
/* Column of slot @slot with type @type; *@out is NULL when the base has none. STOA_ECORRUPT, STOA_ENOMEM. */
static inline int stoa__base_column(struct stoa__base *base, uint32_t slot, unsigned type,
				    const struct stoa__chunk **out, struct stoa_error *err)
{
	*out = stoa__base_opened(base, slot);
	if (*out && (*out)->type == type)
		return STOA_OK;
	return stoa__base_open_column(base, slot, type, out, err);
}
/* The row that has @rowid, or -1. */
int64_t stoa__base_row(const struct stoa__base *base, uint64_t rowid);
static inline uint64_t stoa__base_rowid(const struct stoa__base *base, uint32_t row)
{
	return base->first + (base->offsets ? base->offsets[row] : row);
}
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
