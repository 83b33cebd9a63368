/* SPDX-License-Identifier: MIT */
/*
 * tally.h - references to the rows of one table, counted by the million before the table hears of it
 *
 *     leaf[row / 4096] -> low[4096]       a byte for each row: what it was met, modulo 256
 *                         high[4096]      how often that byte ran over; NULL: never
 *                         counts[16]      the table's blocks, once they are to change
 *
 * A load or a dropped slot changes counts of rows in no order, as many as there are references. The
 * table's counts (counts.h) are made for one row at a time: a tree to look them up, four bytes a
 * row, a copy of each block for each version. So references are first counted here, where a million
 * rows are a megabyte, which is what a processor has in its second-level cache, and a reference is
 * one byte that goes up. Then, block by block and in order, the table is told, once. Leaves are
 * there only where references lead; the array of them is address space.
 *
 * Checking goes the same way: what was met is checked by the row and not by the reference, and a
 * stretch of a target that never lost a row in one step.
 *
 * (1) Nothing of the table has changed before stoa__tally_add() or stoa__tally_subtract(), which do
 * not fail; so a tally that was added can be taken back, whatever else failed.
 *
 * Cost, of 6 million references in no order to a million rows: see bench/README.md. Threads: one.
 */
#ifndef STOA__TALLY_H
#define STOA__TALLY_H

#include "counts.h"

#define STOA__TALLY_ROWS 4096	/* of a leaf */
#define STOA__TALLY_BLOCKS (STOA__TALLY_ROWS / STOA__COUNTS_ROWS)

struct stoa__tally_leaf {
	struct stoa__tally_leaf *next;
	uint64_t first;		/* row */
	uint32_t *high;
	struct stoa__counts *counts[STOA__TALLY_BLOCKS];	/* NULL: not owned, or nothing was met there */
	uint8_t low[STOA__TALLY_ROWS];
};

struct stoa__tally {
	struct stoa__tally_leaf **leaf;		/* reserved, for n_leaves */
	uint64_t n_leaves;
	struct stoa__tally_leaf *met;		/* all that there are */
	uint64_t end;				/* rows are below */
};

/* For rows below @end. STOA_OK or STOA_ENOMEM. */
int stoa__tally_init(struct stoa__tally *y, uint64_t end);
/* Also of zeroes. */
void stoa__tally_release(struct stoa__tally *y);

/*
 * Meets @n references; 0 is none. STOA_OK; STOA_ENOTFOUND without words if one is not below the end,
 * or STOA_ENOMEM, when the tally is of no further use.
 */
int stoa__tally_meet(struct stoa__tally *y, const uint64_t *refs, size_t n);

/* How often row number @i of a leaf was met. */
static inline uint64_t stoa__tally_get(const struct stoa__tally_leaf *leaf, uint32_t i)
{
	return leaf->low[i] + (leaf->high ? (uint64_t)leaf->high[i] << 8 : 0);
}

/*
 * Does every row of @t that was met exist? STOA_OK; STOA_ENOTFOUND without words, and *@row is one
 * that does not; the errors of stoa__table_locate().
 */
int stoa__tally_check(const struct stoa__tally *y, const struct stoa__table *t, uint64_t *row,
		      struct stoa_error *err);
/*
 * Owns the blocks of @t with the rows that were met; without @make those that there are. STOA_OK,
 * STOA_ENOMEM.
 */
int stoa__tally_own(struct stoa__tally *y, struct stoa__version *w, struct stoa__table *t, bool make);
/* Would all counts still fit? Then STOA_OK, else STOA_EFULL, without words. Blocks are owned. */
int stoa__tally_fits(struct stoa__tally *y);
/* What was met is in the counts of owned blocks then. */
void stoa__tally_add(struct stoa__tally *y);
/* Or is no more; a count does not go below zero: damage, and no reason for more of it. */
void stoa__tally_subtract(struct stoa__tally *y);
/* Takes out of @t those of the blocks that count nothing. */
void stoa__tally_tidy(struct stoa__tally *y, struct stoa__version *w, struct stoa__table *t);

#endif
