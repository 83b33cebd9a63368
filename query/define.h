/* SPDX-License-Identifier: MIT */
/*
 * define.h - CREATE, ALTER and DROP of tables and indexes; savepoints by name
 */
#ifndef STOA__DEFINE_H
#define STOA__DEFINE_H

#include "stmt.h"

/* What can be known without running it: types, defaults, the query of CREATE TABLE AS. */
int stoa__define_check(stoa_stmt *stmt, struct stoa__tables *tables, struct stoa_error *err);
/* Runs it, all or nothing; *@changes: rows that CREATE TABLE AS put in. */
int stoa__define_run(stoa_stmt *stmt, stoa_txn *txn, uint64_t *changes, struct stoa_error *err);

#endif
