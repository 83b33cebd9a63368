/* SPDX-License-Identifier: MIT */
/*
 * work.h - the blocks of a file, worked on by several threads, their results taken in order
 *
 * Each thread takes the next block from the splitter, works on it, waits for its turn and hands
 * over what came out; so at most one block per thread is in memory, and results arrive in the order
 * of the file. The error reported is that of the earliest block, whatever the threads were up to:
 * the same file fails in the same way every time.
 */
#ifndef STOA__CSV_WORK_H
#define STOA__CSV_WORK_H

#include "input.h"
#include "rows.h"
#include "split.h"

struct stoa__csv_job {
	const struct stoa__csv_input *in;
	const struct stoa__csv_dialect *dialect;
	uint64_t offset;	/* of the first record */
	size_t records;		/* wanted in a block */
	unsigned n_threads;	/* at least 1 */
	void *ctx;
	/* State of a thread; NULL when memory is out. */
	void *(*begin)(void *ctx);
	void (*end)(void *ctx, void *state);
	/*
	 * Works on a block, in any thread, in any order. What is wrong is said in @fault, if it has
	 * a place in the block, and otherwise in @err with fault->code left STOA_OK.
	 */
	int (*block)(void *ctx, void *state, struct stoa__csv_block *block,
		     struct stoa__csv_fault *fault, struct stoa_error *err);
	/*
	 * Hands over the result of the last block(), one thread at a time, in order. @rows: how
	 * many there were.
	 */
	int (*take)(void *ctx, void *state, uint64_t *rows, struct stoa_error *err);
	int (*progress)(void *ctx, const struct stoa_progress *now);	/* may be NULL */
	void *progress_ctx;
};

/*
 * Works through the file; returns in the calling thread when every thread has ended. *@fault is
 * left with STOA_OK unless it says what was wrong; @err is set from it then, file name, line and
 * column included.
 */
int stoa__csv_work(const struct stoa__csv_job *job, uint64_t *rows, struct stoa__csv_fault *fault,
		   struct stoa_error *err);

#endif
