/* SPDX-License-Identifier: MIT */
/*
 * merge.h - sorted runs become one sequence of rows
 *
 * A run lies in memory, as rows and their order, or on disk, as a stream (spill.h). All have the
 * same columns. Of equal rows those of the earlier run come first.
 */
#ifndef STOA__MERGE_H
#define STOA__MERGE_H

#include "order.h"
#include "spill.h"

struct stoa__run_memory {
	const struct stoa__cells *cells;
	const struct stoa__item *items;
	uint32_t n;
};
struct stoa__merge;
/*
 * Merges @n_memory runs in memory and, before them, @n_streams on disk, all of which must outlive
 * it.
 * @types: of the columns.
 */
int stoa__merge_new(const struct stoa__order *order, const struct stoa__type *types,
		    size_t n_columns, const struct stoa__stream *streams, size_t n_streams,
		    const struct stoa__run_memory *memory, size_t n_memory,
		    struct stoa__merge **out, struct stoa_error *err);
/* The next 1 .. STOA__BATCH_ROWS rows: STOA_ROW, STOA_END or an error. */
int stoa__merge_next(struct stoa__merge *m, size_t *n, struct stoa_error *err);
/* Column @i of them, good until the next call of stoa__merge_next(). */
int stoa__merge_column(struct stoa__merge *m, size_t i, struct stoa__vec *out,
		       struct stoa_error *err);
void stoa__merge_free(struct stoa__merge *m);

#endif
