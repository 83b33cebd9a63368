/* SPDX-License-Identifier: MIT */
/*
 * lanes.h - copies of a pipeline, each in a thread of its own
 *
 *     scan -> filter -> project \
 *     scan -> filter -> project  > one operator that sees all rows: group, sort, gather
 *     scan -> filter -> project /
 *
 * The copies share nothing but what they read. Their scans deal the table's row groups out between
 * them: a lane asks for a row group, reads it to its end, and asks again. So a slow lane has fewer
 * of them. With one lane the row groups are not dealt out, and all is as if there were no lanes.
 */
#ifndef STOA__LANES_H
#define STOA__LANES_H

#include "op.h"
#include "run.h"

#define STOA__LANES_MAX 64

struct stoa__lane {
	struct stoa__op *root;
	struct stoa__op *scan;	/* below it: deals row groups out; NULL where there is one lane */
	bool begun;
};
struct stoa__lanes {
	struct stoa__lane items[STOA__LANES_MAX];
	size_t n;
	struct stoa__run *run;
};

/* The only lane; takes over @child. */
static inline struct stoa__lanes stoa__lanes_one(struct stoa__op *child, struct stoa__run *run)
{
	return (struct stoa__lanes){ .items = { { child, NULL, false } }, .n = 1, .run = run };
}
void stoa__lanes_close(struct stoa__lanes *l);
/*
 * Lets lane @i read another row group: STOA_ROW with its *@place among the groups of the table,
 * STOA_END when all are taken. The lane's next() ends with the group. A single lane's ends with the
 * table.
 */
int stoa__lane_begin(struct stoa__lane *lane, uint64_t *place, struct stoa_error *err);
/*
 * Runs @work for each lane, each but the first in a hand (lib/core/hands.h), and waits for all.
 * The first error counts; then the others give up.
 */
int stoa__lanes_work(struct stoa__lanes *l,
		     int (*work)(void *ctx, size_t i, struct stoa_error *err), void *ctx,
		     struct stoa_error *err);

#endif
