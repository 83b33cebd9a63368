/* SPDX-License-Identifier: MIT */
/* lease_table.h - jobs of a deque as a relation: what leases() and RETURNING of claims read */
#ifndef STOA__LEASE_TABLE_H
#define STOA__LEASE_TABLE_H

#include "row_table.h"

/*
 * Columns before those of the table: rowid and, with @leased, attempt and deadline. It has no rows
 * yet.
 */
int stoa__lease_table_new(const struct stoa_table_info *info, bool leased,
			  struct stoa__row_table **out, struct stoa_error *err);
/*
 * Adds a job to one made with that @leased. @values are those of its row, or NULL to have them
 * read.
 */
int stoa__lease_table_add(struct stoa__row_table *t, bool leased, stoa_txn *txn, stoa_table table,
			  const struct stoa_lease *lease, const struct stoa_value *values,
			  struct stoa_error *err);
/* Adds all leases of a deque to one made with @leased. */
int stoa__lease_table_fill(struct stoa__row_table *t, stoa_txn *txn, stoa_table table,
			   stoa_index index, struct stoa_error *err);

/*
 * deque_table.c: the deque of that name; without one, the only one there is. @say_which: how to
 * name it. Errors have no place.
 */
int stoa__deque_named(stoa_txn *txn, stoa_table table, const char *name, const char *say_which,
		      stoa_index *out, struct stoa_index_info *info, struct stoa_error *err);

#endif
