/* SPDX-License-Identifier: MIT */
/* sqlite.h - SQLite with errors that end the run */
#ifndef BENCH_SQLITE_H
#define BENCH_SQLITE_H

#include "bench.h"

#include <sqlite3.h>

sqlite3 *bench_sqlite_open(const char *path);
void bench_sqlite_exec(sqlite3 *db, const char *sql);
sqlite3_stmt *bench_sqlite_prepare(sqlite3 *db, const char *sql);
/* Steps a statement that gives no row, and resets it. */
void bench_sqlite_run(sqlite3_stmt *stmt);
/* Steps to a row; false when there is none, and the statement is reset. */
bool bench_sqlite_row(sqlite3_stmt *stmt);
/* Runs a query; with @answer its whole result becomes this run's answer. */
void bench_sqlite_query(sqlite3 *db, const char *sql, bool answer);
void bench_sqlite_close(sqlite3 *db);

/* Parameters 1 to 5: id, price, quantity, name, flag. */
void bench_sqlite_bind_record(sqlite3_stmt *stmt, const struct bench_record *r);
#define BENCH_SQLITE_RECORD_TABLE                                                               \
	"CREATE TABLE record(id INTEGER PRIMARY KEY, price REAL, quantity INTEGER, name TEXT, " \
	"flag INTEGER)"
#define BENCH_SQLITE_RECORD_INSERT "INSERT INTO record VALUES(?, ?, ?, ?, ?)"

#endif
