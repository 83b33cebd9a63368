/* SPDX-License-Identifier: MIT */
/*
 * array_source.h - tables in arrays, for the query engine to read without a database
 *
 * A table's values are plain struct stoa_value. Its source cuts them into row groups and batches
 * of chosen sizes, hands strings out in dictionary form, one dictionary for each group, columns of
 * equal values as CONST now and then, and answers zone maps: all that the engine may meet.
 */
#ifndef STOA__TESTS_ARRAY_SOURCE_H
#define STOA__TESTS_ARRAY_SOURCE_H

#include <stdatomic.h>

#include "../query/engine.h"

struct array_table {
	const char *name;
	struct stoa_slot *slots;
	size_t n_slots;
	struct stoa_value *values;	/* row by row, n_slots each */
	size_t n_rows;
	size_t group_rows;
	size_t batch_rows;
	bool short_cuts;		/* offer within() and pick() */
	_Atomic size_t n_batches;	/* counted: batches that sources gave */
	_Atomic size_t n_skipped;	/* row groups passed over */
	_Atomic size_t n_decoded;	/* columns made */
	_Atomic int n_open;		/* sources open */
};

struct array_tables {
	struct stoa__tables tables;
	struct array_table *items;
	size_t n;
};
void array_tables_init(struct array_tables *t, struct array_table *items, size_t n);

/*
 * Prepares, executes and prints a query, as show.h does. Heap; NULL on an error.
 */
char *array_query(struct array_tables *t, const char *sql, const struct stoa_value *params,
		  uint32_t n_params, struct stoa_error *err);

#endif
