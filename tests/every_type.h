/* SPDX-License-Identifier: MIT */
/*
 * every_type.h - rows of a column for each type, made from a seed, for tests of formats
 *
 * What row r has follows from the seed and r alone, so that a test needs no copy to compare with:
 * two cursors over the same seed have the same rows.
 */
#ifndef STOA__EVERY_TYPE_H
#define STOA__EVERY_TYPE_H

#include "../lib/stoa.h"

struct every_type {
	uint64_t seed;
	uint64_t row, end;	/* rows [row, end) are still to come */
	char bytes[3][64];	/* of the row at hand */
};

extern const struct stoa_column every_type_columns[];
extern const size_t every_type_n_columns;

/* A cursor over rows [0, end); @e lives as long. */
stoa_cursor *every_type_cursor(struct every_type *e, uint64_t seed, uint64_t end);
/* The slots of a table for them: references are to the table itself, and to be NULL. */
void every_type_slots(struct stoa_slot *slots);
/*
 * Reads both to the end, closes them, and fails the test where they differ; how many rows there
 * were.
 */
uint64_t assert_same_rows(stoa_cursor *a, stoa_cursor *b);
/* assert_int_equal(), with the words of the error. */
void assert_ok(int rc, const struct stoa_error *err);

#endif
