/* SPDX-License-Identifier: MIT */
/*
 * duckdb.h - the little of DuckDB's C API that the bench calls, loaded at run time
 *
 * DuckDB is neither linked nor shipped: its library is what $STOA_DUCKDB names, or lies where
 * bench/peers.sh puts it. All functions end the run when something fails.
 */
#ifndef BENCH_DUCKDB_H
#define BENCH_DUCKDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_duckdb {
	void *database;
	void *connection;
};

/* Loads the library, or skips the run when there is none; done by open(), too. */
void bench_duckdb_load(void);
const char *bench_duckdb_version(void);
/*
 * A call of its C API by its whole name, for a case that needs more; skips the run when it has none
 * such.
 */
void *bench_duckdb_call(const char *name);

/* Opens @path (NULL: in memory) with @threads threads. */
void bench_duckdb_open(struct bench_duckdb *d, const char *path, int threads);
void bench_duckdb_close(struct bench_duckdb *d);
/*
 * The file of @name at this scale factor, made by @fill when this bench has not made it yet. Returns
 * its path.
 */
const char *bench_duckdb_file(const char *name, void (*fill)(struct bench_duckdb *d));
/* Runs SQL for its effect. */
void bench_duckdb_exec(struct bench_duckdb *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Runs SQL; with @answer the whole result becomes this run's answer. Returns its rows. */
uint64_t bench_duckdb_query(struct bench_duckdb *d, const char *sql, bool answer);

/*
 * Runs SQL and reads every value of every row, row by row: by one call for each value, or of
 * vectors, a chunk at a time, as its documentation advises. Integers, dates as days, decimals of 64
 * bits and texts are known. Returns a sum of the integers, days and decimals (in their smallest
 * unit) and lengths.
 */
double bench_duckdb_fetch(struct bench_duckdb *d, const char *sql, bool by_chunk);

struct bench_record;
/* Appends records 0 to @n - 1 to @table. */
void bench_duckdb_append_records(struct bench_duckdb *d, const char *table, int64_t n);

/* ---- tables like stoa's ---- */

struct bench_schema;
struct stoa_array;
/* Makes the table with the same columns, types and NOT NULLs. */
void bench_duckdb_create(struct bench_duckdb *d, const struct bench_schema *schema);
/* Its fastest way in: an appender and a chunk of columns. Types of fixed width only. */
void *bench_duckdb_appender(struct bench_duckdb *d, const struct bench_schema *schema,
			    void **chunk);
void bench_duckdb_append(void *appender, void *chunk, const struct stoa_array *columns,
			 size_t n_columns, size_t n_rows);
void bench_duckdb_appender_close(void *appender, void *chunk);

#endif
