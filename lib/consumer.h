/* SPDX-License-Identifier: MIT */
/*
 * consumer.h - who waits for work, whose leases are whose, and when work has come
 *
 * The database rings its bell (storage/bell.h) when a commit that pushed is published. A consumer
 * of a durable database has the file open for itself, so that it outlives the handle it came from,
 * and holds the byte that is its number; one of a database in memory borrows the bell and is in the
 * database's list instead.
 */
#ifndef STOA__CONSUMER_H
#define STOA__CONSUMER_H

#include "../storage/bell.h"
#include "stoa.h"

#define STOA__FOREIGN_MS 200	/* how often to look whether other processes are still there */

struct stoa_consumer {
	stoa_db *db;			/* NULL for one of a durable database */
	struct stoa_consumer *next;	/* in the list of db */
	struct stoa__bell own;
	struct stoa__bell *bell;
	uint64_t number;
	uint64_t fork_generation;
	uint32_t seen;			/* news at the end of the last wait */
	int64_t wake_ms;		/* when the first lease or delay is over, as of the last claim; 0: none */
	bool foreign;			/* others had leases then */
};

/* Milliseconds since 1970. */
int64_t stoa__now_ms(void);
/*
 * Tells those who wait, if @pushed; after a commit is published. Where it cannot, they find out
 * later.
 */
void stoa__ring(struct stoa_db *db, bool pushed);
/* Is the consumer with that number still there? */
bool stoa__consumer_is_alive(struct stoa_db *db, uint64_t number);

#endif
