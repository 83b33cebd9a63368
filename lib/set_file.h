/* SPDX-License-Identifier: MIT */
/*
 * set_file.h - a run of hints on its way to a segment file; set_run.h has the bytes
 *
 * The file has parts in the order in which they are made, and what the run is behind them, as only
 * then the hints have been counted. A part is written when it is whole, while others are filled:
 * there never is all of the table in memory.
 */
#ifndef STOA__SET_FILE_H
#define STOA__SET_FILE_H

#include "set_build.h"

#define STOA__RUN_MAGIC 0x4e525453u /* "STRN" */
#define STOA__RUN_VERSION 5u
#define STOA__RUN_VERSION_FLAT 4u /* without buckets below: as good to read */
#define STOA__RUN_HEAD 64 /* bytes before the groups covered */

enum { STOA__RUN_SLOT_HEAD = 1, STOA__RUN_SLOT_PARTS = 2 };

struct stoa__set_file {
	struct stoa_db *db;
	uint64_t number;
	struct stoa__segment_writer *writer; /* NULL: there is no file */
	struct stoa__stream *stream;         /* that it goes by, or NULL */
};

/* What a file is over. */
struct stoa__run_of {
	const struct stoa__table *t;
	uint32_t i;                          /* the index */
	const struct stoa__covered *covered; /* ascending */
	size_t n_covered;
};

/*
 * A file with a number of its own. A load's is streamed, past the page cache; what is written in
 * the background is in no hurry to be.
 */
int stoa__set_file_create(struct stoa__set_file *f, struct stoa_db *db, bool streamed,
			  struct stoa_error *err);
/* Writes a table in heap. */
int stoa__set_file_put(struct stoa__set_file *f, const struct stoa__hints *h,
		       struct stoa_error *err);
/* Writes what @b makes; b->into is planned (stoa__hints_plan()), part and ctx are our own. */
int stoa__set_file_build(struct stoa__set_file *f, struct stoa__set_build *b,
			 struct stoa_error *err);
/* All parts of @h are there: syncs the file and opens it. @f is over, whatever is returned. */
int stoa__set_file_finish(struct stoa__set_file *f, const struct stoa__hints *h,
			  const struct stoa__run_of *what, struct stoa__segment **out,
			  struct stoa_error *err);
/* Removes it, unless it is over. */
void stoa__set_file_discard(struct stoa__set_file *f);

#endif
