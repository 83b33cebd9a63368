/* SPDX-License-Identifier: MIT */
/*
 * follow.h - what writers did to the rows of a group, found by comparing two of its versions, is
 * done to the same rows where a compaction has put them
 *
 *     then   group as it was read, or last followed   live kept pages
 *     now    group as writers have made it since      live kept pages'
 *     g      the new group: rows [part.at, part.at + part.n) are part.rows of both
 *
 * Blocks that a version shows never change, so one that both show says the same in both; the
 * others are compared. Rows that existed in then and are no members in now are marked in g, kept or
 * gone; pages that are other ones are copied into overlays of g, row by row.
 *
 * Invariant: then is held while it is compared with, so that no block of it was freed and its
 * address used again.
 */
#ifndef STOA__FOLLOW_H
#define STOA__FOLLOW_H

#include "compact.h"

/* What the rows of new groups follow it in, and by what. */
struct stoa__follow {
	struct stoa__version *w;		/* that new blocks are born in */
	struct stoa__table *t;
	struct stoa_error *err;
};

/*
 * Does to the rows of new group @g what was done to those of the part from @then to @now. NULL for
 * @then or @now: nothing of the group was there (any more). STOA_ENOMEM.
 */
int stoa__follow_part(struct stoa__follow *f, const struct stoa__part *p,
		      const struct stoa__group *then, const struct stoa__group *now,
		      struct stoa__group *g);
/*
 * The pages of the part's rows that are others in @now than in @then, copied to @g unless that is
 * NULL; adds their number to *@n.
 */
int stoa__follow_pages(struct stoa__follow *f, const struct stoa__part *p,
		       const struct stoa__group *then, const struct stoa__group *now,
		       struct stoa__group *g, uint32_t *n);

#endif
