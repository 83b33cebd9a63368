/* SPDX-License-Identifier: MIT */
/*
 * budget.h - a number of bytes that many share
 *
 * Whoever gathers state as rows come (a sort, a grouping, a join's build side) has a *share*, and
 * says after each batch how much it holds. The answer is whether that is within the limit; if not,
 * the holder puts its state on disk and says how much is left. So nothing is asked before each
 * allocation, and the limit is passed by at most what a batch adds.
 *
 *     limit >= used (the sum of all shares) + what held() reports
 *
 * A small share is always within the limit: with less, nobody could work.
 * Threads: a share belongs to one at a time, the budget to all.
 */
#ifndef STOA__BUDGET_H
#define STOA__BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STOA__SHARE_MIN ((uint64_t)1 << 20)

struct stoa__budget {
	uint64_t limit;			/* bytes; 0: no limit */
	uint64_t share_min;		/* what a share may always hold; 0: STOA__SHARE_MIN */
	_Atomic uint64_t used;
	uint64_t (*held)(void *ctx);	/* bytes beside the shares that count too; NULL: none */
	void *ctx;
};

struct stoa__share {
	struct stoa__budget *budget;	/* NULL: nobody counts */
	uint64_t bytes;
};

/* The holder holds @bytes from now on. Is that within the limit? It is counted either way. */
bool stoa__share_hold(struct stoa__share *s, uint64_t bytes);
/* Gives all of it back; the share may be used again. */
void stoa__share_release(struct stoa__share *s);

#endif
