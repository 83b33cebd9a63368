/* SPDX-License-Identifier: MIT */
/* cycles.h - kept rows that only each other refer to */
#ifndef STOA__CYCLES_H
#define STOA__CYCLES_H

#include "db.h"

/* What a collection did. */
struct stoa__cycles {
	uint64_t n_looked_at;	/* rows */
	uint64_t n_dead;	/* in cycles, without what died of their deaths */
	uint64_t longest_ns;	/* that a writer could not begin */
};

/*
 * Collects dead cycles among the candidates, and what only orphaned holds kept. Rows are looked at
 * in a snapshot, while writers go on, and die in short transactions of their own. What the
 * application touches meanwhile is left for the next time. *@out is added to. STOA_ESTATE if this
 * thread has a write transaction open; STOA_ENOMEM and the errors of reading and committing, and
 * then what was not looked at stays a candidate.
 */
int stoa__cycles_collect(struct stoa_db *db, struct stoa__cycles *out, struct stoa_error *err);

#endif
