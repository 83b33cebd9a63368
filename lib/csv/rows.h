/* SPDX-License-Identifier: MIT */
/*
 * rows.h - a block of CSV text as runs of regular rows
 *
 * The scan gives offsets of separators; here they become rows. In a regular file every n-th of them
 * is a newline, and a run of rows is nothing but an index into the offsets: field f of row r lies
 * between entries r * n + f - 1 and r * n + f. Blank lines end a run and are passed over; a record
 * with another number of fields, or a quote out of place, is a fault, reported when all rows before
 * it were given.
 */
#ifndef STOA__CSV_ROWS_H
#define STOA__CSV_ROWS_H

#include "../stoa.h"
#include "scan.h"

/* How a file is written. */
struct stoa__csv_dialect {
	char delimiter;
	char quote;
	const char *null_text;	/* an unquoted field of these bytes is NULL */
	size_t null_len;
	bool base64;		/* what blobs are in; otherwise \x and hexadecimal digits */
};

/* What is wrong with a block, and where. */
struct stoa__csv_fault {
	int code;		/* STOA_OK: nothing */
	size_t offset;		/* in the block */
	int column;		/* of the file, from 0; -1: not a matter of one column */
	bool misfit;		/* the value is fine and its column's type is not */
	char text[400];
};
/* Returns @code. */
int stoa__csv_fault(struct stoa__csv_fault *fault, int code, size_t offset, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define STOA__CSV_PAD 64	/* readable bytes before and behind a block's text */

/*
 * Walks the rows of one block. The text belongs to the caller and may be unquoted in place behind
 * us.
 */
struct stoa__csv_rows {
	const struct stoa__csv_scan_kernel *kernel;
	struct stoa__csv_dialect dialect;
	size_t n_columns;	/* fields that each record must have */
	char *text;
	size_t len;
	size_t scanned;
	struct stoa__csv_scan scan;
	uint32_t *room;
	uint32_t *ends; /* offsets of separators; ends[-1] + 1 is where the first field begins */
	size_t n_ends;
	size_t cap;
	size_t next;		/* first entry not given out yet */
	size_t n_newlines;	/* among the entries from @next on */
};

/* For records of @n_columns fields. STOA_OK or STOA_ENOMEM. */
int stoa__csv_rows_init(struct stoa__csv_rows *r, const struct stoa__csv_dialect *dialect,
			size_t n_columns);
void stoa__csv_rows_release(struct stoa__csv_rows *r);
/* Begins a block of @len bytes, which starts with a record and ends with a newline unless empty. */
void stoa__csv_rows_start(struct stoa__csv_rows *r, char *text, size_t len);
/*
 * The next run: @n rows of n_columns fields whose separators begin at entry @first. STOA_ROW,
 * STOA_END, or the code of @fault. The entries are good until the next call.
 */
int stoa__csv_rows_next(struct stoa__csv_rows *r, size_t *first, size_t *n,
			struct stoa__csv_fault *fault);

/* One field as it lies in the text, quotes and all. */
struct stoa__csv_field {
	char *p;
	size_t n;
};

/* Field that ends at entry @i; @last: it ends its record, so that a \r before the newline goes. */
static inline struct stoa__csv_field stoa__csv_field(const struct stoa__csv_rows *r, size_t i,
						     bool last)
{
	uint32_t from = r->ends[(ptrdiff_t)i - 1] + 1;
	struct stoa__csv_field f = { r->text + from, r->ends[i] - from };

	if (last && f.n > 0 && f.p[f.n - 1] == '\r')
		f.n--;
	return f;
}

/*
 * Takes the quotes off a field that begins with one, in place, and halves doubled ones. STOA_OK, or
 * STOA_ESYNTAX when something follows the closing quote: *@at is then where, from the field's
 * start.
 */
int stoa__csv_unquote(struct stoa__csv_field *f, char quote, size_t *at);

#endif
