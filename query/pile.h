/* SPDX-License-Identifier: MIT */
/*
 * pile.h - aggregates that must see a group's values in order: string_agg, quantiles, mode
 *
 * All values of all groups lie on one pile, (group, what ORDER BY names, value), which is sorted
 * once the last row has come, by group first, and then read through. So a million groups cost no
 * array each, and what memory has no room for goes to disk as in any sort. Aggregates of the same
 * values in the same order share a pile, each as a *reader*.
 */
#ifndef STOA__PILE_H
#define STOA__PILE_H

#include "../lib/core/buf.h"
#include "bind.h"
#include "func.h"
#include "sorter.h"

struct stoa__machine;

/* What one aggregate makes of a pile. */
struct stoa__pile_reader {
	const struct stoa__agg *agg;
	/* In the batch of groups that was read last: */
	union stoa__datum *values;
	uint8_t *has;		/* 0: NULL */
	struct stoa__buf text;	/* bytes of the values */
	size_t *text_at;	/* where each begins */
	/* In the group at hand: */
	int64_t low, high;	/* which values count, from 0 */
	double part;		/* how far from low to high */
	int64_t run, best;	/* equal values now, and the longest such run */
	bool leads;		/* now is that */
	union stoa__datum now;
	struct stoa__buf now_bytes;
};

struct stoa__pile {
	const struct stoa__agg *agg;	/* the one that it was made for */
	struct stoa__type *types;	/* group, ORDER BY's, perhaps the place, value */
	int *outputs;			/* what the program computes for them */
	size_t n_columns;
	struct stoa__order_key *keys;
	struct stoa__order order;
	struct stoa__sorter own;
	struct stoa__sorter *others;	/* of lanes that ended */
	uint32_t n_others, cap_others;
	struct stoa__pile_reader *readers;
	uint32_t n_readers, cap_readers;
	int64_t *numbers;		/* of a batch: groups, places */
	void *room;
	uint64_t *room_valid;
	/* Reading. */
	struct stoa__run *run;
	struct stoa__sorted sorted;
	bool begun;
	struct stoa__vec values;	/* of the rows at hand */
	size_t at, n;
	uint32_t next;			/* group that is read next */
	uint32_t read_from, n_read;	/* groups in the readers' arrays */
};

/* Do @a and @b, of the same argument and filter, want their values in the same order? */
bool stoa__pile_shared(const struct stoa__agg *a, const struct stoa__agg *b);
/* Columns beside the argument: how many expressions stoa__pile_init() adds. @exprs has room. */
int stoa__pile_init(struct stoa__pile *p, const struct stoa__agg *agg, int arg_output,
		    const struct stoa__bound **exprs, size_t *n_exprs, struct stoa__temp *file,
		    struct stoa__run *run, struct stoa_error *err);
/* The number of a reader for @agg. */
int stoa__pile_reader(struct stoa__pile *p, const struct stoa__agg *agg, struct stoa_error *err);
void stoa__pile_release(struct stoa__pile *p);
/*
 * Adds rows @sel (@n of them; NULL: the first @n) of the program's newest run to @groups (NULL: 0).
 * The first row of the run is in place @place.
 */
int stoa__pile_add(struct stoa__pile *p, const struct stoa__machine *m, const uint32_t *groups,
		   uint64_t place, const uint32_t *sel, size_t n, struct stoa_error *err);
/* Adds one value, to a pile ordered by values. */
int stoa__pile_add_value(struct stoa__pile *p, uint32_t group, const void *value,
			 struct stoa_error *err);
/* Takes what @from has; its group g is map[g] from now on. */
int stoa__pile_merge(struct stoa__pile *p, struct stoa__pile *from, const uint32_t *map,
		     struct stoa_error *err);
/* Puts what is in memory on disk. */
int stoa__pile_spill(struct stoa__pile *p, struct stoa_error *err);
/* Heap that it holds. */
uint64_t stoa__pile_bytes(const struct stoa__pile *p);
/*
 * The results of reader @i in @n groups from @from on, of which group g has counts[g] values. No
 * value may come after the first call, and groups must be asked for in ascending order; those that
 * were asked for last may be again. Bytes are good until the next @from.
 */
int stoa__pile_result(struct stoa__pile *p, int i, const int64_t *counts, uint32_t from, size_t n,
		      const union stoa__datum **values, const uint8_t **has, struct stoa_error *err);

#endif
