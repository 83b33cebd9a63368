/* SPDX-License-Identifier: MIT */
/*
 * answer.h - one query's answers by stoa and by others, as lines of text
 *
 * Dates are text in SQLite, booleans 0 and 1, decimals count cents: all print so.
 */
#ifndef STOA__TESTS_ANSWER_H
#define STOA__TESTS_ANSWER_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>

#include "../lib/stoa.h"

struct duck;

struct answer {
	char **items;		/* a line for each row */
	size_t n, cap;
};
void answer_release(struct answer *a);
/* Adds a line, from malloc(). */
void answer_add(struct answer *a, char *text);
/* As all print them: a double; a decimal, given with its point. */
void answer_put_real(FILE *f, double x);
void answer_put_digits(FILE *f, const char *text);

/* STOA_END, or an error. */
int ask_stoa(stoa_txn *txn, const char *sql, struct answer *out, struct stoa_error *err);
/*
 * Fails the test on an error. False: it would take too long, and what there is in @out is not all.
 */
bool ask_lite(sqlite3 *lite, const char *sql, struct answer *out);
/*
 * Fails the test where answers differ: of stoa to @ours and of @whom to @theirs; unless @ordered,
 * in whatever order rows come.
 */
void same_answers(const char *ours, struct answer *a, const char *whom, const char *theirs,
		  struct answer *b, bool ordered);
/*
 * Asks stoa @ours, SQLite @sql_lite (unless it takes too long), DuckDB @sql_duck (unless @duck is
 * NULL, or refuses it), and compares.
 */
void compare_answers(stoa_txn *txn, sqlite3 *lite, struct duck *duck, const char *ours,
		     const char *sql_lite, const char *sql_duck, bool ordered);

#endif
