/* SPDX-License-Identifier: MIT */
/*
 * duck.h - DuckDB as an oracle: it is given a test's tables, and asked the same queries
 */
#ifndef STOA__TESTS_DUCK_H
#define STOA__TESTS_DUCK_H

#include "answer.h"

/* A database in memory, as near to PostgreSQL's rules as it can be set. */
struct duck {
	void *db, *connection;
};
/* NULL without the library, which is said once. */
struct duck *duck_open(void);
void duck_close(struct duck *d);	/* NULL is fine */
/* Gives it table @name of @txn, with all its rows. */
void duck_fill(struct duck *d, stoa_txn *txn, const char *name);
/* False, and counted: it does not take the query. Lines as answer.h has them. */
bool duck_ask(struct duck *d, const char *sql, struct answer *out);
/* Prints how many queries of all it did not take; fails the test if they were not few. */
void duck_report(void);

#endif
