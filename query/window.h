/* SPDX-License-Identifier: MIT */
/*
 * window.h - window functions, over rows that lie in memory in the order of their window
 *
 *     rows     a a a | b b b b b | c c ...     partitions
 *              1 1 2 | 1 2 2 2 3 | 1 1 ...     peers: rows that ORDER BY does not tell apart
 *                        [-----)               a frame: what a function sees from one row
 *
 * A frame is an interval of rows, and neither end goes back as rows go on. What begins with its
 * partition is therefore a running value. Other frames of aggregates are put together from a
 * segment tree over blocks of rows, in O(log n) each, whatever the frame (Leis, Kundhardt, Kemper,
 * Neumann, Efficient Processing of Window Functions in Analytical SQL Queries, VLDB 2015).
 *
 * A function gives values, or *picks*: numbers of rows whose argument is the value, so that no
 * string is copied.
 */
#ifndef STOA__WINDOW_H
#define STOA__WINDOW_H

#include "agg.h"
#include "order.h"

#define STOA__PICK_NULL UINT32_MAX	/* NULL */
#define STOA__PICK_NONE (UINT32_MAX - 1)	/* no such row: the default, or NULL */

/* How much of its rows a function must see before it can say anything. */
enum stoa__window_wants {
	STOA__WANTS_ROW,	/* those up to the row itself */
	STOA__WANTS_PEERS,	/* its peers too */
	STOA__WANTS_PARTITION,
};
enum stoa__window_wants stoa__window_wants(const struct stoa__window *w);

/* Rows of one partition, [from, to) of @cells, and how they lie. */
struct stoa__part {
	const struct stoa__cells *cells;
	size_t n_columns;
	const struct stoa__order_key *key;	/* the first of ORDER BY; NULL: none */
	uint32_t from, to;
	const uint32_t *peers_from, *peers_to;	/* by row */
	const uint32_t *group;			/* by row: which peers of the partition, from 0 */
	/* What came of it before, where nobody wants the whole: */
	bool begun;
	uint64_t rows_before, groups_before;
};

/* The value of an aggregate so far. */
struct stoa__window_sum {
	int64_t n;		/* values */
	union {
		__int128 sum;
		double f;
		struct stoa__moments moments;
		union stoa__datum best;
		uint32_t row;	/* where the best is, of strings */
	};
};

struct stoa__window_fn {
	const struct stoa__window *w;
	uint8_t sums;			/* which of the above; window_sum.c */
	uint8_t arg_phys;
	bool picks;
	uint32_t cap;			/* rows that there is room for */
	char *values;			/* by row, unless it picks */
	uint64_t *valid;
	uint32_t *pick;
	uint32_t *lo, *hi;		/* frames by row; NULL where it has none */
	struct stoa__window_sum running;
	struct stoa__window_sum *tree;
	size_t cap_tree;
	struct stoa__cells *shifted;	/* the cells, with a bound of RANGE in place of the key */
};

int stoa__window_fn_init(struct stoa__window_fn *f, const struct stoa__window *w,
			 const struct stoa__type *types, struct stoa_error *err);
void stoa__window_fn_release(struct stoa__window_fn *f);
/* Room for @n rows of @n_columns. */
int stoa__window_fn_grow(struct stoa__window_fn *f, uint32_t n, size_t n_columns,
			 struct stoa_error *err);
uint64_t stoa__window_fn_bytes(const struct stoa__window_fn *f);
/* Its values at the rows of @p. */
int stoa__window_fn_run(struct stoa__window_fn *f, const struct stoa__part *p,
			struct stoa_error *err);

/* ---- window_sum.c: aggregates over frames -------------------------------------------------- */

int stoa__window_sums_init(struct stoa__window_fn *f, struct stoa_error *err);
int stoa__window_sums_run(struct stoa__window_fn *f, const struct stoa__part *p,
			  struct stoa_error *err);

static inline bool stoa__cell_null(const struct stoa__cells *c, uint32_t row)
{
	return c->valid && !(c->valid[row / 64] >> (row % 64) & 1);
}

#endif
