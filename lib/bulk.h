/* SPDX-License-Identifier: MIT */
/*
 * bulk.h - whole row groups into a table: encoded by many threads, added by one
 *
 *     open; any thread: encode; one thread at a time, in table order: add; finish or abort
 *
 * In a durable database groups are written to segment files as they are added, and the
 * transaction's commit will be a checkpoint; in memory they are kept. Until finish the table does
 * not change. At most one group is in memory for each thread that encodes, and what add has not
 * written yet.
 *
 * Files are written past the page cache (storage/stream.h); of the first, so much comes back to it
 * while the disk is idle, to be read soon. A load of gigabytes that kept all of it would push out
 * what others read. What was written is synced while the load goes on, as soon as it is as much.
 */
#ifndef STOA__BULK_H
#define STOA__BULK_H

#include "stoa.h"

#define STOA__BULK_CACHED ((uint64_t)256 << 20)

struct stoa__bulk;
struct stoa__bulk_group;

/*
 * A column of a group: @array of the slot's own type, its values checked (range, length, UTF-8,
 * NULL where allowed); or, for a string, @codes over @list, with array.validity in use and
 * array.values NULL.
 */
struct stoa__bulk_column {
	struct stoa_array array;
	const uint32_t *codes;
	const struct stoa_bytes *list;
	uint32_t n_list;
};

int stoa__bulk_open(stoa_txn *txn, stoa_table table, struct stoa__bulk **out,
		    struct stoa_error *err);
/* Is one open on this table? */
bool stoa__bulk_is_open(const stoa_txn *txn, stoa_table table);
/* Rows whose key in this unique index is taken are settled by @policy (enum stoa_conflict). */
void stoa__bulk_on_conflict(struct stoa__bulk *b, stoa_index index, int policy);
/* Tests: @bytes come back to the page cache, or are not synced yet; otherwise STOA__BULK_CACHED. */
void stoa__bulk_cache(struct stoa__bulk *b, uint64_t bytes);
/*
 * Encodes 1 .. 65,536 rows, one column for each slot in order. Any thread. Nothing is borrowed
 * afterwards.
 */
int stoa__bulk_encode(struct stoa__bulk *b, const struct stoa__bulk_column *columns,
		      size_t n_columns, size_t n_rows, struct stoa__bulk_group **out,
		      struct stoa_error *err);
/*
 * Adds a group after those added before. Takes it over, whatever is returned. After a failure only
 * abort is left.
 */
int stoa__bulk_add(struct stoa__bulk *b, struct stoa__bulk_group *group, struct stoa_error *err);
void stoa__bulk_group_free(struct stoa__bulk_group *group);
/*
 * Puts all groups in the table and frees @b, whatever is returned; on failure nothing was added.
 * @n_lost, unless NULL, receives how many of the rows added are not there, as others had their
 * keys.
 */
int stoa__bulk_finish(struct stoa__bulk *b, uint64_t *n_lost, struct stoa_error *err);
/* The transaction ends while bulks are open: they are over, and only abort is left for them. */
void stoa__bulk_end_all(stoa_txn *txn);
bool stoa__bulk_is_over(const struct stoa__bulk *b);
/* Forgets everything, files included, and frees @b; NULL is fine. */
void stoa__bulk_abort(struct stoa__bulk *b);

#endif
