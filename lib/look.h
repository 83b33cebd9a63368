/* SPDX-License-Identifier: MIT */
/*
 * look.h - a batch of rows by their rowids, in any order: what dereferencing needs
 *
 * First all rows are found, then a column of them is read when somebody asks for it. Rows may come
 * twice, and not be there.
 */
#ifndef STOA__LOOK_H
#define STOA__LOOK_H

#include "core/buf.h"
#include "core/limits.h"
#include "core/source.h"
#include "table.h"

struct stoa__thawed;

struct stoa__look {
	const struct stoa__table *table;
	size_t n;
	struct stoa__place at[STOA__BATCH_ROWS];	/* group NULL: not there */
};

/*
 * Finds @n rows, at most STOA__BATCH_ROWS; those that @valid (NULL: none) says are NULL are not
 * there. @members: only members of the table; else every row that exists. @found receives a bit for
 * each.
 */
int stoa__look_rows(struct stoa__look *l, const struct stoa__table *t, const int64_t *rowids,
		    const uint64_t *valid, size_t n, bool members, uint64_t *found,
		    struct stoa_error *err);
/*
 * The values of the slot at position @slot in the rows found, into @room as elements of the
 * engine's kind, NULL for others. @valid has room for a bit each. Bytes borrow from the version, or
 * from @bytes.
 * Cost: O(1) a value; in a column that is cold a frame, unless it is the one that @thawed (zeroes
 * at first; its buffer is the caller's to release) has from the value before.
 */
int stoa__look_column(const struct stoa__look *l, uint32_t slot, void *room, uint64_t *valid,
		      struct stoa__thawed *thawed, struct stoa__buf *bytes, struct stoa__vec *out,
		      struct stoa_error *err);

#endif
