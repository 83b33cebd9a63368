/* SPDX-License-Identifier: MIT */
/*
 * rows.h - rows kept in memory, by column
 *
 * What must see all rows before it gives the first (a sort, the build side of a join) keeps them
 * here: elements of the physical kinds side by side, strings copied, those of a dictionary once for
 * each distinct one.
 */
#ifndef STOA__ROWS_H
#define STOA__ROWS_H

#include "../lib/core/source.h"
#include "arena.h"
#include "bound.h"

/* The elements of a column in place, wherever they lie. */
struct stoa__cells {
	const void *values;
	const uint64_t *valid;	/* NULL: nothing is NULL */
	uint8_t phys;
};

struct stoa__rows_column {
	struct stoa__type type;
	uint8_t phys;
	char *values;
	uint32_t cap;
	uint64_t *valid;
	uint32_t cap_valid;
	bool has_nulls;
	/* Strings. */
	struct stoa__arena bytes;
	uint64_t dict_id;
	struct stoa_bytes *memo;	/* copies by code; p NULL: none yet */
	uint32_t cap_memo, n_memo;
};

#define STOA__ROWS_MAX (1u << 30)
struct stoa__rows {
	struct stoa__rows_column *columns;
	struct stoa__cells *cells;	/* of the columns, up to date */
	size_t n_columns;
	uint32_t n;
};

int stoa__rows_init(struct stoa__rows *r, const struct stoa__type *types, size_t n_columns,
		    struct stoa_error *err);
void stoa__rows_release(struct stoa__rows *r);
/*
 * Appends @n elements of @v to column @i. When each column has had its part, the caller adds @n to
 * @r->n; on an error the rows before it are as they were.
 */
int stoa__rows_keep(struct stoa__rows *r, size_t i, const struct stoa__vec *v, size_t n,
		    struct stoa_error *err);
/* Keeps rows @at[0 .. n) alone, in that order. */
int stoa__rows_reorder(struct stoa__rows *r, const uint32_t *at, uint32_t n, struct stoa_error *err);
/* Forgets all rows, keeps the memory. */
void stoa__rows_reset(struct stoa__rows *r);
/* Heap that they hold. */
uint64_t stoa__rows_bytes(const struct stoa__rows *r);

#endif
