/* SPDX-License-Identifier: MIT */
/*
 * cursor.h - what every cursor is made of: three calls that make batches
 *
 * Whatever makes rows (a table scan, a query, later a file or a callback) puts a struct
 * stoa_cursor first in a struct of its own and gives it ops; the public functions in cursor.c do
 * the rest, the way by row over batches included.
 *
 *     struct scan { struct stoa_cursor cursor; ... };
 *     stoa__cursor_init(&scan->cursor, &scan_ops);
 *     *out = &scan->cursor;
 */
#ifndef STOA__CURSOR_H
#define STOA__CURSOR_H

#include <stdatomic.h>

#include "core/source.h"
#include "stoa.h"

struct stoa__cursor_ops {
	/* Columns of the result; borrows from the cursor, the same at every call. */
	const struct stoa_column *(*columns)(const stoa_cursor *cur, size_t *n);
	/*
	 * STOA_ROW with *@out filled, good until the next call; STOA_END; an error. Not called
	 * again after STOA_END or an error.
	 */
	int (*next_batch)(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err);
	/* Gives up everything, the memory of the cursor itself included. */
	void (*close)(stoa_cursor *cur);
	/*
	 * From any thread: next_batch(), which may be running, is to end soon. NULL: it never takes
	 * long.
	 */
	void (*cancel)(stoa_cursor *cur);
	/*
	 * Two short cuts for who takes batches away (arrow/export.c); NULL: there is none.
	 *
	 * The next batch's values of column @i, a number or uuid, may be decoded to @room, which
	 * has space for STOA_BATCH_MAX elements and is aligned to 64 bytes. Where they lie in place
	 * already they are left there. With NULL the cursor forgets of it: what was decoded there
	 * is the lender's.
	 */
	void (*lend)(stoa_cursor *cur, size_t i, void *room);
	/*
	 * Column @i of the batch, a string, as codes over a list, with the NULLs of its array; good
	 * until the next call of next_batch(). False: it is not held so.
	 */
	bool (*codes)(stoa_cursor *cur, size_t i, struct stoa__vec *out);
};

/* Who looks on while a cursor works. */
struct stoa__watch {
	_Atomic bool canceled;
	_Atomic(stoa_progress_fn *) progress;	/* NULL: nobody asks */
	void *ctx;
};

enum stoa__cursor_way { STOA__CURSOR_FRESH, STOA__CURSOR_BY_BATCH, STOA__CURSOR_BY_ROW };

/* Fields are cursor.c's own. */
struct stoa_cursor {
	const struct stoa__cursor_ops *ops;
	uint8_t way;			/* enum stoa__cursor_way: batches and rows do not mix */
	bool by_one;			/* read by a cursor that is read by row: batches may be of one */
	uint64_t fork_generation;	/* in which it was opened: of no use in a child */
	int ended;			/* 0, STOA_END, or the error that ended it */
	const bool *gone;		/* once true, what batches borrow is no more; NULL: never */
	struct stoa_batch batch;	/* the batch that rows are taken from */
	size_t at;			/* row of it that comes next */
	size_t block_at;		/* rows [block_at, block_end) of it are in @block */
	size_t block_end;
	struct stoa_value *block;	/* by row: n_columns values each */
	stoa_rowid rowid;
	struct stoa__watch watch;
	uint64_t changes;		/* rows that the statement behind it changed */
};

/* Goes up in a child by fork(). db.c's. */
extern uint64_t stoa__fork_generation;

/* A fresh cursor with @ops; all other fields of the struct around it are the caller's. */
void stoa__cursor_init(struct stoa_cursor *cur, const struct stoa__cursor_ops *ops);

#endif
