/* SPDX-License-Identifier: MIT */
/* ask.h - one query asked of stoa or of a peer, and how long the answer takes */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H

#include <stdbool.h>
#include <stddef.h>

/* Asks @db, a database of its kind, for all of @sql; with @answer its result is this run's. */
typedef void bench_ask(void *db, const char *sql, bool answer);

bench_ask bench_ask_stoa;	/* of a stoa_db, in a read transaction of its own */
bench_ask bench_ask_duckdb;	/* of a struct bench_duckdb */
bench_ask bench_ask_sqlite;	/* of a sqlite3 */

/*
 * The median of up to @n_max timed runs within two seconds, in seconds, behind an untimed one that
 * gives the answer.
 */
double bench_ask_seconds(bench_ask *ask, void *db, const char *sql, size_t n_max);

#endif
