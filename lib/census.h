/* SPDX-License-Identifier: MIT */
/*
 * census.h - the blocks of a database counted and weighed, for a trace
 *
 * A census walks a published version, which nobody changes but for what is appended to tails, and
 * then the blocks that older versions alone see. Nothing is kept while a database runs but totals:
 * where a block belongs is found out by going there. Each block is weighed once: by the allocator,
 * and with what it was said to own or, where that comes and goes (opened columns, pages of tails),
 * with what it owns at the time.
 *
 * Files are found by name in the directory. What lies in a segment is credited to who uses it, and
 * the rest of the file is what surrounds it, or what has gone from it. A segment that a version
 * maps and that has no name any more is *unlinked*: on the disk, and nowhere in the directory.
 */
#ifndef STOA__CENSUS_H
#define STOA__CENSUS_H

#include "db.h"
#include "trace.h"

struct stoa__census_file {
	uint64_t number;
	uint64_t space;		/* on the disk, while it has a name */
	uint64_t chunks;	/* bytes of its chunks; 0: nobody has it open */
	uint64_t used;		/* of these, what was credited to somebody */
	bool is_linked, is_open;
};

struct stoa__census {
	struct stoa_db *db;
	struct stoa__version *version;
	struct stoa_trace *trace;
	struct stoa_error *err;
	struct stoa__census_file *files;	/* segments, by number */
	size_t n_files, cap_files;
	uint64_t n_tables;
	uint64_t blocks;	/* stoa__block_bytes() of all that were weighed */
	uint64_t texts;		/* of texts and blobs in pages */
	uint64_t segments;	/* heap of segments that are open */
	bool memory_only;	/* files are not looked at: the checkpoint's mutex is not held */
	bool failed;		/* memory ran out */
};

/*
 * The heap that block @b takes, with all that goes with it but texts and strings; noted as weighed.
 */
uint64_t stoa__census_weigh(struct stoa__census *c, const struct stoa__block *b);
/* The same as a callback, that adds it to a sum. */
struct stoa__weighing {
	struct stoa__census *c;
	struct stoa__trace_sum *sum;
};
void stoa__census_weigh_into(void *weighing, struct stoa__block *b);
/* The file of a segment, which is open; NULL when memory is out, which is noted. */
struct stoa__census_file *stoa__census_open_file(struct stoa__census *c,
						 struct stoa__segment *s);
/* A file by its number, made where it is missing. The same. */
struct stoa__census_file *stoa__census_file(struct stoa__census *c, uint64_t number);

/* Adds a node for table @t to the trace: its slots, indexes, and what keeps its rows together. */
int stoa__census_table(struct stoa__census *c, const struct stoa__table *t);

#endif
