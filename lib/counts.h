/* SPDX-License-Identifier: MIT */
/*
 * counts.h - how many strong references each row of a table has
 *
 *     table version: counts: tree, rowid / 256 -> block of 256 counts       absent: all zero
 *
 * Counts are by rowid, not by where a row lies, so that sealing and compaction do not know of them.
 * Blocks are copied on write like all others: snapshots, savepoints and rollback see counts that
 * fit their rows, and nothing has to be counted back. A block without a count is taken out: rowids
 * only go up, and counts of rows that went would pile up behind them.
 *
 * Invariant: a row that has a count exists.
 */
#ifndef STOA__COUNTS_H
#define STOA__COUNTS_H

#include "table.h"

#define STOA__COUNTS_ROWS 256

struct stoa__counts {
	struct stoa__block block;
	uint32_t n_used;	/* rows with a count */
	uint32_t n[STOA__COUNTS_ROWS];
};

/* The block of @row, or NULL. */
struct stoa__counts *stoa__counts_find(const struct stoa__table *t, uint64_t row);
uint32_t stoa__counts_get(const struct stoa__table *t, uint64_t row);
/* The block of @row, the working version's own, made if need be. STOA_OK or STOA_ENOMEM. */
int stoa__counts_own(struct stoa__version *w, struct stoa__table *t, uint64_t row,
		     struct stoa__counts **out);
/* Sets the count of @row, in its block. */
void stoa__counts_set(struct stoa__counts *c, uint64_t row, uint32_t n);
/* Sets n_used from the counts. */
void stoa__counts_recount(struct stoa__counts *c);
/*
 * Takes the block of @row out if it counts nothing. It must be the working version's own, or not
 * there.
 */
void stoa__counts_tidy(struct stoa__version *w, struct stoa__table *t, uint64_t row);

#endif
