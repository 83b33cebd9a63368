/* SPDX-License-Identifier: MIT */
/*
 * upsert.h - INSERT ... ON CONFLICT: what becomes of a row whose key is taken
 */
#ifndef STOA__UPSERT_H
#define STOA__UPSERT_H

#include "stmt.h"

struct stoa__upsert;
/*
 * For the INSERT @s into @table. @txn NULL: binds its expressions, for the errors alone. Lives in
 * @arena, and borrows all it is given.
 */
int stoa__upsert_new(stoa_stmt *stmt, const struct stoa__statement *s, struct stoa__tables *tables,
		     stoa_txn *txn, stoa_table table, const struct stoa_table_info *info,
		     struct stoa__arena *arena, struct stoa__upsert **out, struct stoa_error *err);
void stoa__upsert_release(struct stoa__upsert *u);	/* NULL is fine */
/*
 * Is a row in the way of one with @values, one for each slot? STOA_END if not. STOA_ROW if one was,
 * and the statement has had its way with it: *@changed is that row, 0 if it was left alone.
 */
int stoa__upsert_row(struct stoa__upsert *u, const struct stoa_value *values, stoa_rowid *changed,
		     struct stoa_error *err);

#endif
