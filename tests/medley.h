/* SPDX-License-Identifier: MIT */
/*
 * medley.h - a bit of everything, commit by commit, and what a database shows as one number
 *
 * Commit n inserts, changes and deletes rows, makes and drops references, pushes, claims, gives
 * back and acknowledges jobs, writes blobs; now and then it changes a schema, imports a CSV file, or is followed by a
 * checkpoint or a collection. It follows from n and what is there alone. Whether a database shows
 * some commit whole is found out by comparing its hash with that of the run that made it.
 */
#ifndef STOA__TEST_MEDLEY_H
#define STOA__TEST_MEDLEY_H

#include "../lib/stoa.h"

#define MEDLEY_MAX 400	/* commits */

/* Makes the tables; shows commit 0. */
int medley_create(stoa_db *db, struct stoa_error *err);
/* What commit @n does, in a transaction. */
int medley_step(stoa_txn *txn, uint64_t n, const char *csv, struct stoa_error *err);
/* Commit @n; @csv: a file for imports to be written to and read from. */
int medley_commit(stoa_db *db, uint64_t n, int durability, const char *csv, struct stoa_error *err);
/* Is commit @n to be followed by a checkpoint (1), a collection (2), or nothing (0)? */
int medley_after(uint64_t n);
/*
 * Every row of every table, queue, set and blob, in a hash; *@n is the number of the commit.
 */
int medley_look(stoa_db *db, uint64_t *n, uint64_t *hash, struct stoa_error *err);

#endif
