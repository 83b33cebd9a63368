/* SPDX-License-Identifier: MIT */
/*
 * engine.h - from text to cursor, on tables from anywhere
 *
 * What stmt.c offers to the public on a transaction's tables, and tests use on arrays.
 */
#ifndef STOA__ENGINE_H
#define STOA__ENGINE_H

#include "plan.h"

/* A parsed statement and its parameters. Counted: its cursors keep it. */
int stoa__engine_prepare(struct stoa__tables *tables, const char *sql, size_t len, stoa_stmt **out,
			 struct stoa_error *err);
int stoa__engine_execute(stoa_stmt *stmt, struct stoa__tables *tables, stoa_cursor **out,
			 struct stoa_error *err);

#endif
