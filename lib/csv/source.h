/* SPDX-License-Identifier: MIT */
/*
 * source.h - a CSV file as a source of batches, without a table
 *
 * Blocks of some thousand records are read and parsed as rows are asked for, and of their columns
 * those that were asked for: nothing is kept but one block. Types are those that a sample of the
 * file suggests, or, if wanted, all of it; a value that does not fit ends the reading with an error
 * that names its line.
 */
#ifndef STOA__CSV_SOURCE_H
#define STOA__CSV_SOURCE_H

#include "../core/source.h"
#include "head.h"

/* A file, opened and looked at. Counted; one thread at a time. */
struct stoa__csv_file;

/*
 * @all: look at all of it for the types. @text: no types, all columns are text. Errors of the file
 * are without line and column, which are the statement's: the words say where.
 */
int stoa__csv_file_open(const char *path, const struct stoa__csv_wishes *wishes, bool all, bool text,
			struct stoa__csv_file **out, struct stoa_error *err);
void stoa__csv_file_drop(struct stoa__csv_file *f);	/* NULL is fine */
const struct stoa_slot *stoa__csv_file_slots(const struct stoa__csv_file *f, size_t *n);
/* About how many records, from the sample. */
uint64_t stoa__csv_file_rows(const struct stoa__csv_file *f);
/* The columns at @slots; holds the file until it is closed. */
int stoa__csv_file_source(struct stoa__csv_file *f, const uint32_t *slots, size_t n_slots,
			  struct stoa__source **out, struct stoa_error *err);

#endif
