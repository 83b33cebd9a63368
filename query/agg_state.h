/* SPDX-License-Identifier: MIT */
/*
 * agg_state.h - between agg.c, which knows what states there are, and the files that change them
 */
#ifndef STOA__AGG_STATE_H
#define STOA__AGG_STATE_H

#include "agg.h"

#define STOA__AGG_LANE_GROUPS 64	/* up to so many groups have lanes (agg_loops.c) */

/* What is left of a batch for one state: values and groups, side by side. */
struct stoa__agg_rows {
	const uint32_t *groups;	/* NULL: all in group 0 */
	const void *values;
	size_t n;
	uint32_t n_groups;
	bool whole;		/* the batch, nothing sorted out */
};

/* ---- agg_loops.c ----------------------------------------------------------------------------- */

/* Adds rows to a state; @small: do 2,048 of them add up in 64 bits? STOA_OK or STOA_ENOMEM. */
int stoa__state_update(struct stoa__aggregator *ag, struct stoa__state *s,
		       const struct stoa__agg_rows *r, bool small);
/*
 * Group g of @from, one of its @n, goes into group map[g]. Of all but piles and what is DISTINCT.
 */
int stoa__state_merge(struct stoa__state *to, const struct stoa__state *from, const uint32_t *map,
		      uint32_t n);

/* ---- agg_distinct.c -------------------------------------------------------------------------- */

/* Rows whose (group, value) has not been seen; the aggregator's flags are narrowed to them. */
int stoa__state_keep_new(struct stoa__aggregator *ag, struct stoa__state *s,
			 const struct stoa__vec *v, const uint32_t *groups, size_t n,
			 struct stoa_error *err);
/* Values of @from that a group has not met count now. */
int stoa__state_merge_distinct(struct stoa__aggregator *ag, struct stoa__state *to,
			       struct stoa__state *from, const uint32_t *map,
			       struct stoa_error *err);

#endif
