/* SPDX-License-Identifier: MIT */
/*
 * order.h - rows in the order of an ORDER BY: comparing them, and sorting their numbers
 */
#ifndef STOA__ORDER_H
#define STOA__ORDER_H

#include "func.h"
#include "plan.h"
#include "rows.h"

struct stoa__order {
	const struct stoa__order_key *keys;
	size_t n;
};

/* A row by number, and its place by one key: an integer that is in order where that key is. */
struct stoa__item {
	uint64_t prefix;
	uint32_t row;
};

/* The element of row @row, which is not NULL. */
union stoa__datum stoa__cell_datum(const struct stoa__cells *c, uint32_t row);
/* The place of row @row by key @key, NULLs at their end. Equal places say nothing. */
uint64_t stoa__order_prefix(const struct stoa__order *o, size_t key, const struct stoa__cells *cells,
			    uint32_t row);
/* By keys from @from on: below, equal to or above 0. The rows may lie in different places. */
int stoa__order_compare(const struct stoa__order *o, size_t from, const struct stoa__cells *a,
			uint32_t row_a, const struct stoa__cells *b, uint32_t row_b);
/*
 * Sorts rows 0 .. n - 1 of @cells into @items; @other is room for as many. Equal rows keep their
 * order.
 */
void stoa__order_sort(const struct stoa__order *o, const struct stoa__cells *cells,
		      struct stoa__item *items, struct stoa__item *other, uint32_t n);

#endif
