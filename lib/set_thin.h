/* SPDX-License-Identifier: MIT */
/*
 * set_thin.h - rows that need no hint, left out before hints are made
 *
 * Of all the rows of a block that have one key only some can have a hint: as many as there is room
 * for in the buckets of their path (hints_deep.h). Where rows come page by page they can be counted,
 * in a table in the processor's own cache. So what is built of a status, say, is one row in ten of
 * what there is, and how many hints there will be at most is known before: a table is made of the
 * right size.
 */
#ifndef STOA__SET_THIN_H
#define STOA__SET_THIN_H

#include "hints_fill.h"
#include "set.h"

struct stoa__set_thin;

/* NULL: no memory. */
struct stoa__set_thin *stoa__set_thin_new(void);
void stoa__set_thin_free(struct stoa__set_thin *thin);
/*
 * A group of rows begins. Their order within it is that of rowids; groups are counted each by itself,
 * so that it does not matter who reads which.
 */
void stoa__set_thin_group(struct stoa__set_thin *thin);
/*
 * Rows of a batch that may need a hint in @h, which need only be planned; their number. If it is
 * less than the batch has, the others are hinted at by their block.
 */
uint32_t stoa__set_thin(struct stoa__set_thin *thin, const struct stoa__hints *h,
			const struct stoa__set_batch *batch, struct stoa__hint *out);
/*
 * Lowers @shape->n, of the rows of a walk and maybe others, to what they may need: by reading all
 * of the walk's, if they are many and the index is not unique. each() of @walk may be NULL.
 */
int stoa__set_thin_shape(const struct stoa__set_walk *walk, struct stoa__hints_shape *shape,
			 struct stoa_error *err);

#endif
