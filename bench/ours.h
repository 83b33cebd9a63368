/* SPDX-License-Identifier: MIT */
/* ours.h - stoa with errors that end the run, and the bench's tables in it */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include "bench.h"

#include "../lib/stoa.h"

/* Ends the run with @err's words unless @rc is good news. */
void bench_stoa_check(int rc, const struct stoa_error *err);

stoa_db *bench_stoa_open(const char *path); /* NULL: in memory */
/* The same with so many threads for queries; 0: as many as there are processors. */
stoa_db *bench_stoa_open_threads(const char *path, uint32_t n_threads);
void bench_stoa_close(stoa_db *db);
stoa_txn *bench_stoa_begin(stoa_db *db, unsigned flags);
void bench_stoa_commit(stoa_txn *txn);
stoa_table bench_stoa_table(stoa_txn *txn, const char *name);

/* A table of the bench. Peers make theirs from the same slots. */
struct bench_schema {
	const char *table;
	const struct stoa_slot *slots;
	size_t n_slots;
};
extern const struct bench_schema bench_record_schema;
extern const struct bench_schema bench_lineitem_schema;
extern const struct bench_schema bench_orders_schema;
extern const struct bench_schema bench_flights_schema;
extern const struct bench_schema bench_packages_schema;
extern const struct bench_schema bench_numbers_schema; /* five slots of fixed width */

stoa_table bench_stoa_create(stoa_txn *txn, const struct bench_schema *schema);

/* Loads a CSV file into a table that is there. Returns the rows. */
uint64_t bench_stoa_import(stoa_txn *txn, const char *table, const char *csv, unsigned n_threads);
/* Appends records 0 to @n - 1. */
void bench_stoa_append_records(stoa_txn *txn, stoa_table table, int64_t n);
/* The five values of a record; the name borrows from @r. */
void bench_stoa_record_values(const struct bench_record *r, struct stoa_value v[5]);

/* Runs a query; with @answer its whole result becomes this run's answer. */
void bench_stoa_query(stoa_txn *txn, const char *sql, bool answer);
/* Opens a database for the answer to a query. */
void bench_stoa_answer(const char *path, const char *sql);

/* A database of @times times lineitem or of orders, made when this bench has not made it yet. */
const char *bench_stoa_lineitem(int times);
const char *bench_stoa_orders(void);

#endif
