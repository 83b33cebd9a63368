/* SPDX-License-Identifier: MIT */
/*
 * answer.h - one query's answers by stoa and by SQLite, as lines of text
 *
 * Dates are text in SQLite, booleans 0 and 1, decimals count cents: both print so.
 */
#ifndef STOA__TESTS_ANSWER_H
#define STOA__TESTS_ANSWER_H

#include <sqlite3.h>

#include "../lib/stoa.h"

struct answer {
	char **items;		/* a line for each row */
	size_t n, cap;
};
void answer_release(struct answer *a);

/* STOA_END, or an error. */
int ask_stoa(stoa_txn *txn, const char *sql, struct answer *out, struct stoa_error *err);
/*
 * Fails the test on an error. False: it would take too long, and what there is in @out is not all.
 */
bool ask_lite(sqlite3 *lite, const char *sql, struct answer *out);
/*
 * Fails the test where they differ, unless SQLite takes too long; unless @ordered, in whatever
 * order rows come.
 */
void compare_answers(stoa_txn *txn, sqlite3 *lite, const char *sql_a, const char *sql_b,
		     bool ordered);

#endif
