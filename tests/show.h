/* SPDX-License-Identifier: MIT */
/*
 * show.h - rows as text that a test compares: a line for each, columns by |, NULL as ~
 */
#ifndef STOA__TESTS_SHOW_H
#define STOA__TESTS_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "../lib/stoa.h"

/* What is left of a cursor, which stays open; STOA_END or an error. */
int show_rows(stoa_cursor *cur, FILE *f, struct stoa_error *err);
/* The same on the heap, by row or by batch, and closes it; NULL unless *@rc is STOA_END. */
char *show_cursor(stoa_cursor *cur, bool by_batch, int *rc, struct stoa_error *err);
/* The rows of a query; NULL on an error. */
char *show_query(stoa_txn *txn, const char *sql, struct stoa_error *err);
/* Fails the test unless the query gives these rows. */
void show_expect(stoa_txn *txn, const char *sql, const char *rows);

/* For tests of SQL: a database in memory, and a transaction in which the @n statements were run. */
struct show_db {
	stoa_db *db;
	stoa_txn *txn;
};
void show_open(struct show_db *s, const char *const *sqls, size_t n);
void show_close(struct show_db *s);

/* The lines of @text in order, in its place: for rows that may come in any. */
void show_sort(char *text);

#endif
