/* SPDX-License-Identifier: MIT */
/*
 * row_table.h - rows in memory as a relation, to be read by queries
 *
 * For what statements find out as they run, and is little: leases, jobs that were taken. The rows
 * are copies, so that a cursor over them minds nothing that happens later.
 */
#ifndef STOA__ROW_TABLE_H
#define STOA__ROW_TABLE_H

#include "arena.h"
#include "table_function.h"

struct stoa__row_table {
	struct stoa__relation relation;	/* dropped to free it all; @n_rows is how many there are */
	struct stoa__arena arena;
	struct stoa_slot *slots;
	struct stoa_value *values;	/* row by row, as many as slots */
	uint32_t n_values, cap;
};

/* An empty one of copies of @slots, of which references become plain numbers. */
int stoa__row_table_new(const struct stoa_slot *slots, size_t n_slots, struct stoa__row_table **out,
			struct stoa_error *err);
/* Adds a row of copies. STOA_ENOMEM: none was added. */
int stoa__row_table_add(struct stoa__row_table *t, const struct stoa_value *row,
			struct stoa_error *err);

#endif
