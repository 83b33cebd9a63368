/* SPDX-License-Identifier: MIT */
/*
 * grouping.h - rows to groups, and the running values of each group's aggregates
 *
 * What a GROUP BY holds. Several may be filled side by side, in threads, and put together in the
 * end; one that has grown too large may be *frozen*: from then on it takes no new groups, and says
 * of each row whether its group is there.
 */
#ifndef STOA__GROUPING_H
#define STOA__GROUPING_H

#include "agg.h"

struct stoa__group_key {
	struct stoa__type type;
	struct stoa__keyer keyer;
	uint64_t *words;	/* of a batch */
	int64_t lo, hi;		/* smallest and largest word so far */
	uint64_t base;		/* of the direct table's range */
	uint64_t range;		/* words base .. base + range - 1 have cells; 0: none yet */
	uint64_t stride;
	uint64_t dict_id;	/* of the codes that @by_code knows */
	uint32_t n_dict;
};

struct stoa__grouping {
	struct stoa__group_key *keys;
	size_t n_keys;
	size_t n_null_words;	/* words of a tuple that say what is NULL */
	struct stoa__tuples tuples;
	uint64_t *rows;		/* STOA__TUPLES_BATCH tuples */
	uint32_t *cells;
	uint32_t *groups;	/* of the batch's rows */
	uint32_t *direct;	/* group + 1 by cell; NULL when there is no direct table */
	uint64_t n_cells;	/* of it */
	uint32_t *by_code;	/* group + 1 by the codes of its dictionaries; 0: unknown */
	bool no_direct;		/* given up for good */
	struct stoa__aggregator ag;
	uint32_t n_groups;
	const struct stoa__machine *machine;	/* of the newest batch */
	/* Of one that is frozen. */
	bool frozen;
	uint8_t *known;		/* of the batch's rows: is its group there? */
	/* Of one among several: the place of each group's first row. */
	bool has_places;
	uint64_t *places;
	uint32_t cap_places;
};

/*
 * @keys: types of the program's first @n_keys outputs. The others are what @aggs ask for; @exprs
 * and *@n_exprs, @file and @run as in stoa__aggregator_init().
 */
int stoa__grouping_init(struct stoa__grouping *g, const struct stoa__type *keys, size_t n_keys,
			const struct stoa__agg *aggs, size_t n_aggs,
			const struct stoa__bound **exprs, size_t *n_exprs, struct stoa__temp *file,
			struct stoa__run *run, struct stoa_error *err);
void stoa__grouping_release(struct stoa__grouping *g);
/* Adds the @n rows of @m's newest run, the first of which is in place @place. */
int stoa__grouping_add(struct stoa__grouping *g, const struct stoa__machine *m, uint64_t place,
		       size_t n, struct stoa_error *err);
/*
 * Takes no new groups from now on: rows that belong to none are passed over, and known[] says of a
 * batch which are not.
 */
int stoa__grouping_freeze(struct stoa__grouping *g, struct stoa_error *err);
/* Groups there without any row: one where there are no keys. */
int stoa__grouping_begin(struct stoa__grouping *g, struct stoa_error *err);
/* Adds the groups of all @n of @from, in the order of their first rows. */
int stoa__grouping_merge(struct stoa__grouping *g, struct stoa__grouping *from, size_t n,
			 struct stoa_error *err);
/* Key @k of @n groups from @at on. */
void stoa__grouping_keys(const struct stoa__grouping *g, size_t k, uint32_t at, size_t n,
			 void *values, uint64_t *valid);
/* Gives up the direct table, which only spares time, for good: was there one? */
bool stoa__grouping_give_up_direct(struct stoa__grouping *g);
/* Heap that it holds. */
uint64_t stoa__grouping_bytes(const struct stoa__grouping *g);

#endif
