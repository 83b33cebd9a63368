/* SPDX-License-Identifier: MIT */
/*
 * duckdb.h - DuckDB for tests that compare with it or hand it data
 *
 * Its library is the one that STOA_DUCKDB names, loaded at run time; whoever is without it is told
 * so, and goes without. Its prototypes are as its documentation has them (C API 1.4).
 */
#ifndef STOA__TESTS_DUCKDB_H
#define STOA__TESTS_DUCKDB_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/stoa.h"

struct duckdb_result {
	uint64_t deprecated_counts[3];
	void *deprecated_columns;
	char *deprecated_error;
	void *internal;
};

/* name, return type, parameters */
#define DUCKDB_CALLS(X)                                                                      \
	X(open, int, (const char *path, void **db))                                          \
	X(close, void, (void **db))                                                          \
	X(connect, int, (void *db, void **connection))                                       \
	X(disconnect, void, (void **connection))                                             \
	X(query, int, (void *connection, const char *sql, struct duckdb_result *out))        \
	X(result_error, const char *, (struct duckdb_result * r))                            \
	X(destroy_result, void, (struct duckdb_result * r))                                  \
	X(row_count, uint64_t, (struct duckdb_result * r))                                   \
	X(column_count, uint64_t, (struct duckdb_result * r))                                \
	X(column_name, const char *, (struct duckdb_result * r, uint64_t i))                 \
	X(column_type, int, (struct duckdb_result * r, uint64_t i))                          \
	X(column_logical_type, void *, (struct duckdb_result * r, uint64_t i))               \
	X(destroy_logical_type, void, (void **type))                                         \
	X(value_is_null, bool, (struct duckdb_result * r, uint64_t column, uint64_t row))    \
	X(value_varchar, char *, (struct duckdb_result * r, uint64_t column, uint64_t row))  \
	X(free, void, (void *p))                                                             \
	X(fetch_chunk, void *, (struct duckdb_result r))                                     \
	X(destroy_data_chunk, void, (void **chunk))                                          \
	X(result_get_arrow_options, void *, (struct duckdb_result * r))                      \
	X(destroy_arrow_options, void, (void **options))                                     \
	X(to_arrow_schema, void *,                                                           \
	  (void *options, void **types, const char **names, uint64_t n,                      \
	   struct ArrowSchema *out))                                                         \
	X(data_chunk_to_arrow, void *, (void *options, void *chunk, struct ArrowArray *out)) \
	X(arrow_scan, int, (void *connection, const char *name, void *stream))

struct duckdb_calls {
#define DUCKDB_POINTER(name, type, parameters) type(*name) parameters;
	DUCKDB_CALLS(DUCKDB_POINTER)
};
extern struct duckdb_calls duckdb;
/* False: there is no such library, or it lacks a call. */
bool duckdb_load(void);

#endif
