/* SPDX-License-Identifier: MIT */
/*
 * parse.h - a block of CSV text into the columns of a row group
 *
 * A parser belongs to one thread and is used for one block after another; its arrays grow to what a
 * block needs and stay. Values come out as slots hold them: of the slot's type, in range, not NULL
 * where that is not allowed.
 */
#ifndef STOA__CSV_PARSE_H
#define STOA__CSV_PARSE_H

#include "../bulk.h"
#include "rows.h"
#include "split.h"

/* Where the values of a slot come from. */
struct stoa__csv_column {
	struct stoa_slot slot;	/* name and default borrow from whoever made it */
	int source;		/* the file's column, from 0; -1: the slot's default, every time */
	bool inferred;		/* the type is our guess: a value that does not fit is a misfit */
};

/* What all parsers of an import share; read-only while they run. */
struct stoa__csv_plan {
	struct stoa__csv_dialect dialect;
	size_t n_sources;	/* columns of the file */
	struct stoa__csv_column *columns;	/* one for each slot of the table, in order */
	size_t n_columns;
};

struct stoa__csv_parser;

/* NULL when memory is out. */
struct stoa__csv_parser *stoa__csv_parser_new(const struct stoa__csv_plan *plan);
void stoa__csv_parser_free(struct stoa__csv_parser *p);
/*
 * Parses @block, whose text is changed. STOA_OK: *@out has plan->n_columns columns of *@n_rows
 * rows, which may be 0; they borrow from the parser and the block, until the next call. Else the
 * code of @fault.
 */
int stoa__csv_parse(struct stoa__csv_parser *p, struct stoa__csv_block *block,
		    const struct stoa__bulk_column **out, size_t *n_rows,
		    struct stoa__csv_fault *fault);
/* Bytes that a parser of @plan takes for blocks of @n_rows rows, roughly. */
size_t stoa__csv_parser_bytes(const struct stoa__csv_plan *plan, size_t n_rows);

#endif
