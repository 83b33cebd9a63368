/* SPDX-License-Identifier: MIT */
/*
 * sorter.h - rows gathered, sorted, and put on disk where memory has no room for them
 *
 * A sorter belongs to one thread. Its owner keeps rows in it, and asks after each batch whether
 * what it holds is within the budget; if not, it lets the rows be sorted and become a *run* on
 * disk. In the end the runs and rows of all sorters of one order are merged into one sequence.
 */
#ifndef STOA__SORTER_H
#define STOA__SORTER_H

#include "merge.h"
#include "run.h"

struct stoa__sorter {
	const struct stoa__type *types;		/* of the columns; borrowed, as the order and the file are */
	size_t n_columns;
	const struct stoa__order *order;
	struct stoa__temp *file;
	uint64_t limit;				/* rows wanted, of all */
	struct stoa__rows rows;
	struct stoa__item *items;		/* the rows in order, once they are sorted */
	struct stoa__item *other;		/* the other side of each merge */
	uint32_t cap_items, cap_other;
	struct stoa__stream *runs;		/* on disk */
	uint32_t n_runs, cap_runs;
};

int stoa__sorter_init(struct stoa__sorter *s, const struct stoa__type *types, size_t n_columns,
		      const struct stoa__order *order, uint64_t limit, struct stoa__temp *file,
		      struct stoa_error *err);
void stoa__sorter_release(struct stoa__sorter *s);
/* Puts the rows in memory in order: rows.n items. Equal rows keep theirs. */
int stoa__sorter_sort(struct stoa__sorter *s, struct stoa_error *err);
/* How many of the rows in memory are wanted. */
static inline uint32_t stoa__sorter_wanted(const struct stoa__sorter *s)
{
	return s->limit < s->rows.n ? (uint32_t)s->limit : s->rows.n;
}
/* The rows, which have just been sorted, become a run on disk; memory is given back. */
int stoa__sorter_spill(struct stoa__sorter *s, struct stoa_error *err);
/* Heap that it holds, and needs in order to sort. */
uint64_t stoa__sorter_bytes(const struct stoa__sorter *s);

/* What sorters have gathered, in order. */
struct stoa__sorted {
	struct stoa__stream *runs;
	size_t n_runs;
	struct stoa__merge *merge;
};
/*
 * Merges @n sorters of the same columns and order, whose rows in memory are sorted, and which must
 * outlive it; their runs are taken. Of equal rows those of the earlier sorter come first, those on
 * disk before all. @run: asked now and then; NULL: nobody. Zeroed @out may be released whatever
 * happens.
 */
int stoa__sorted_init(struct stoa__sorted *out, struct stoa__sorter *const *sorters, size_t n,
		      struct stoa__run *run, struct stoa_error *err);
void stoa__sorted_release(struct stoa__sorted *s);

#endif
