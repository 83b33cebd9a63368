/* SPDX-License-Identifier: MIT */
/*
 * set_run.h - runs of hints in segment files, and how a checkpoint makes them
 *
 *     a segment of one group; slot 1: what the run is, slots 2, 3, ...: its groups of hints, 256 KiB each
 *
 *     slot 1    0   "STRN"        magic
 *               4   u32           5, the version; 4 is one without buckets below (hints_deep.h)
 *               8   u64           groups of hints
 *              16   u64           hints in them
 *              24   u64           n, row groups covered
 *              32   u64 table, u64 index
 *              48   u64           the least rowid that hints can name
 *              56   u32           bits of a rowid; u32 exact: 0 or 1
 *              64   n times       u64 file, u64 group of the file; ascending
 *
 * A run is a function of immutable row groups, so it needs no log and no versions of its own. A
 * checkpoint writes one over the groups that have come since the last, and with them over those of
 * younger and smaller runs, so that sizes fall by a factor (as in a log-structured merge tree,
 * O'Neil et al. 1996) and a look-up has a handful of tables to go through; a run half of whose
 * groups have gone is made anew too. A bulk load writes its run as it makes it (set_file.h); one in
 * heap, of an index made behind a load, is written within the commit.
 *
 * What a checkpoint wrote takes its place in memory when its swaps are applied: from then on the
 * groups are covered. The delta keeps what it has until it is full.
 */
#ifndef STOA__SET_RUN_H
#define STOA__SET_RUN_H

#include "set.h"

struct stoa__swap;

/* A run that a checkpoint has written. */
struct stoa__set_run_plan {
	uint32_t table, index;		/* ids */
	struct stoa__segment *segment;	/* counted */
	uint64_t gone[STOA__SET_RUNS_MAX];	/* ids of the runs whose place it takes */
	uint32_t n_gone;
};
struct stoa__set_run_plans {
	struct stoa__set_run_plan *plan;
	size_t n, cap;
};

/*
 * Writes what is to be written of version @v's runs to new files, and opens them. @merge: new runs
 * may be built, which takes its time; else only those in heap are written. @swaps name the bases in
 * heap that have been written. On failure the files are removed and @out is empty.
 */
int stoa__set_runs_write(struct stoa_db *db, struct stoa__version *v, uint64_t since, bool merge,
		     const struct stoa__swap *swaps, const uint64_t *swap_files, size_t n_swaps,
		     struct stoa__set_run_plans *out, struct stoa_error *err);
/* Gives @plans up; with @db, its files are removed. */
void stoa__set_run_plans_release(struct stoa__set_run_plans *plans, struct stoa_db *db);
/* Puts the new runs in the place of the old in working version @w. May be done again. */
int stoa__set_runs_apply(const struct stoa__set_run_plans *plans, struct stoa__version *w,
		     struct stoa_error *err);
/* Calls @each with the segment of every run that @t will have, and when that was born. */
int stoa__set_runs_files(const struct stoa__table *t, const struct stoa__set_run_plans *plans,
		     int (*each)(void *ctx, const struct stoa__segment *s, uint64_t born),
		     void *ctx);

/* Rows that are worth a file; fewer are hashed at each open. Tests lower it. */
extern uint64_t stoa__set_run_rows_min;

/* Operations of the kind. */
int stoa__set_runs_store(const struct stoa__saver *saver, const struct stoa__table *t, uint32_t i);
int stoa__set_runs_load(const struct stoa__restorer *from, struct stoa__table *t, uint32_t i,
		    uint8_t tag, const uint8_t *key, size_t len, struct stoa__reader *r);

/*
 * A run in heap over the mapped groups of @t from rowid @first on that no run of @set covers; takes
 * @hints over.
 */
int stoa__set_run_new(struct stoa__version *w, struct stoa__hints *hints, const struct stoa__table *t,
		  const struct stoa__set *set, uint64_t first, struct stoa__set_run **out);
/* The list of these groups, ascending; the caller frees it. STOA_OK or STOA_ENOMEM. */
int stoa__set_run_list(const struct stoa__table *t, const struct stoa__set *set, uint64_t first,
		       struct stoa__covered **covered, size_t *n);
/* A run over a segment, which is counted once more. */
int stoa__set_run_open(struct stoa__version *w, struct stoa__segment *s, struct stoa__set_run **out,
		       struct stoa_error *err);
bool stoa__set_run_covers(const struct stoa__set_run *run, uint64_t file, uint64_t index);

#endif
