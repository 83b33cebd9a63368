/* SPDX-License-Identifier: MIT */
/*
 * ledger.h - a database whose whole content follows from one number
 *
 * Commit number n of a ledger does things that depend on n alone, so that after it every row of
 * every table can be foretold, and a database that shows anything between two commits is found out,
 * whatever happened to it.
 *
 *     counter   one row: n
 *     entry     the rows of the newest 40 commits: some inserted with each commit, changed by the
 *               tenth after it, deleted by the fortieth; its last slot is dropped and added every
 *               so often, which seals the tail into row groups
 *     link      row n is added by commit n and refers to the one before; a deque, from whose front the row of three commits
 *               ago is popped, which lives on as the next one refers to it; the ninth before gives
 *               its reference up, so that the tenth dies
 *     bulk      made anew every so often and filled by an appender, so that the commit is a
 *               checkpoint; each commit after that deletes a row of it and changes another
 *
 * Nothing here knows cmocka: it runs in children too.
 */
#ifndef STOA__LEDGER_H
#define STOA__LEDGER_H

#include "../lib/stoa.h"

struct ledger {
	uint32_t bulk_every;	/* commits from one bulk table to the next; 0: none */
	uint32_t schema_every;	/* commits from one change of entry's schema to the next; 0: none */
	uint32_t rows_max;	/* rows inserted by a commit */
};

/* Makes the tables; n is 0. */
int ledger_create(stoa_db *db, struct stoa_error *err);
/* What commit @n does, in @txn, which shows n - 1. On failure some of it is done. */
int ledger_step(const struct ledger *l, stoa_txn *txn, uint64_t n, struct stoa_error *err);
/*
 * A transaction of it; @durability as in stoa_set_durability(). On failure nothing is done, but for
 * STOA_EUNKNOWN.
 */
int ledger_commit(const struct ledger *l, stoa_db *db, uint64_t n, int durability,
		  struct stoa_error *err);
/*
 * Is the number of commits that @txn shows *@n, and every row what it should be then? STOA_EINVAL
 * in words if not.
 */
int ledger_verify(const struct ledger *l, stoa_txn *txn, uint64_t *n, struct stoa_error *err);
/* The same of the newest commit. */
int ledger_verify_db(const struct ledger *l, stoa_db *db, uint64_t *n, struct stoa_error *err);

#endif
