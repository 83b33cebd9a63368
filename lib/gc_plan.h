/* SPDX-License-Identifier: MIT */
/*
 * gc_plan.h - which row groups a collection is to rewrite
 *
 * Made from one version, without a lock: first all segment files are weighed, what of their bytes
 * groups still use; then all groups are looked at. Due is what has reached its threshold and whose
 * turn it is; and, as long as the garbage that would be left is more than half of what thresholds
 * allow, whatever group has the largest share of it. Those that are due, with the small ones
 * between them, become the runs that gc.h speaks of.
 *
 *     steps    group group group | group group | group ...     | where a run begins
 *
 * A step names a group by its table and first rowid, not by a pointer: until its turn comes a
 * writer may have changed it, and another version is read.
 */
#ifndef STOA__GC_PLAN_H
#define STOA__GC_PLAN_H

#include "db.h"

#define STOA__FREED_MIN ((uint64_t)256 << 10)	/* of old files before a checkpoint lets them go */

/* A group that is to be rewritten, by its first rowid: the version it is read from comes later. */
struct stoa__gc_step {
	uint64_t first;
	uint32_t table;
	uint64_t bytes;
	bool begins;	/* a run */
};

/* A segment file, and what of it groups use. */
struct stoa__file_use {
	uint64_t file;
	uint64_t bytes;	/* of chunks */
	uint64_t used;
};

/* What is known of a group. */
struct stoa__group_look {
	const struct stoa__group *group;
	const struct stoa__table *table;
	uint64_t bytes;		/* of all its images */
	uint64_t used;		/* without slots that were dropped */
	uint64_t garbage;	/* with its share of what nobody uses in its file */
	uint32_t n_existing;
	bool thawed;	/* made since the freeze, if there was one */
	bool due, small;
};

struct stoa__gc_plan {
	struct stoa_db *db;
	int generation;
	unsigned threshold[STOA__GENERATIONS];
	uint64_t frozen;
	size_t small_run;
	bool all;		/* it was asked for */
	bool cool;		/* groups that are not cold are to be */
	struct stoa__file_use *uses;	/* by file number */
	size_t n_uses, cap_uses;
	uint64_t file_bytes;
	struct stoa__group_look *looks;	/* by table and first rowid */
	size_t n_looks, cap_looks;
	const struct stoa__table *table;	/* that is looked at */
	struct stoa__gc_step *steps;
	size_t n_steps, cap_steps;
};

/*
 * What generations up to @generation need; @all: whatever has a hundredth of garbage; @cool: and
 * what is warm. @p is to be released, whatever is returned. STOA_ENOMEM, errors of reading.
 */
int stoa__gc_plan_make(struct stoa_db *db, int generation, bool all, bool cool,
		       struct stoa__gc_plan *p, struct stoa_error *err);
void stoa__gc_plan_release(struct stoa__gc_plan *p);
/*
 * How much is rewritten before a checkpoint lets go of what it replaces: while old and new are both
 * there, they are that much more. Who asks for a collection wants few groups and has the space.
 */
uint64_t stoa__gc_plan_portion(const struct stoa__gc_plan *p);
/* And how much of it makes a file. */
uint64_t stoa__gc_plan_enough(const struct stoa__gc_plan *p);
/* Weighs the files that @v names, for p->uses and p->file_bytes, once more. */
int stoa__gc_plan_weigh(struct stoa__gc_plan *p, const struct stoa__version *v);

#endif
