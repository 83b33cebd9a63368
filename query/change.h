/* SPDX-License-Identifier: MIT */
/*
 * change.h - INSERT, UPDATE and DELETE
 */
#ifndef STOA__CHANGE_H
#define STOA__CHANGE_H

#include "stmt.h"

/* Binds all of a statement with parameters unknown, for the errors alone. */
int stoa__change_check(stoa_stmt *stmt, struct stoa__tables *tables, struct stoa_error *err);
/*
 * Runs it: all of it or, after an error, nothing. *@out: a cursor over the rows of RETURNING, or
 * without columns.
 */
int stoa__change_run(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err);
/* EXPLAIN: adds the plan to @t; of EXPLAIN ANALYZE, runs it, and adds the rows changed to *@n. */
struct stoa__text;
int stoa__change_explain(stoa_stmt *stmt, stoa_txn *txn, struct stoa__text *t, uint64_t *n,
			 struct stoa_error *err);
/*
 * Puts the rows of @cur, whose columns are @table's slots, into @table; how many is added to *@n.
 */
int stoa__change_fill(stoa_txn *txn, stoa_table table, stoa_cursor *cur, uint64_t *n,
		      struct stoa_error *err);

#endif
