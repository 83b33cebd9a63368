/* SPDX-License-Identifier: MIT */
/*
 * infer.h - what a CSV file is: its dialect, whether it has a header, the types of its columns
 *
 * A column's type is the narrowest that every value seen reads as, without loss. Values seen narrow
 * a set of candidates; sets of different parts of a file are joined, so parts can be looked at by
 * different threads.
 */
#ifndef STOA__CSV_INFER_H
#define STOA__CSV_INFER_H

#include "rows.h"

/* What one column's values have in common. */
struct stoa__csv_guess {
	uint32_t kinds;		/* candidates left: bits of infer.c; 0: nothing but text */
	int fraction; /* digits after the point, the same in all decimals; -1: none seen */
	int64_t min, max;	/* of integers */
	uint64_t n;		/* values, NULLs not counted */
	uint32_t len_max;	/* bytes of the longest */
	uint64_t *hashes;	/* of values, once it is text: open addressing, 0 is free */
	uint32_t n_slots;
	uint32_t n_distinct;
	uint32_t n_hashed;
};

struct stoa__csv_infer {
	struct stoa__csv_rows rows;
	struct stoa__csv_guess *columns;	/* rows.n_columns of them */
};

/*
 * The delimiter of the text, which begins with a record: of , ; tab | the one that fits.
 * *@regular, which may be NULL: it cuts all records into the same number of fields, over one.
 */
char stoa__csv_sniff_delimiter(const char *text, size_t len, char quote, bool *regular);

/* STOA_OK or STOA_ENOMEM. */
int stoa__csv_infer_init(struct stoa__csv_infer *in, const struct stoa__csv_dialect *dialect,
			 size_t n_columns);
void stoa__csv_infer_release(struct stoa__csv_infer *in);
/*
 * Looks at all values of a block's text, which is as stoa__csv_rows_start() wants it and is
 * unquoted in place. STOA_OK; STOA_ENOMEM; the code of @fault, with the rows before it counted.
 */
int stoa__csv_infer_text(struct stoa__csv_infer *in, char *text, size_t len,
			 struct stoa__csv_fault *fault);
/* Adds what @other saw; of distinct values it keeps the larger count, not their sum. */
void stoa__csv_infer_join(struct stoa__csv_infer *in, const struct stoa__csv_infer *other);
/* Type, precision and scale of column @i; the rest of @slot is left alone. */
void stoa__csv_infer_slot(const struct stoa__csv_infer *in, size_t i, struct stoa_slot *slot);

/*
 * Would @n bytes of text at @p have left the type of @slot, made by stoa__csv_infer_slot(), among a
 * column's candidates? So that what follows the sample is judged like the sample.
 */
bool stoa__csv_fits(const struct stoa_slot *slot, const char *p, size_t n);

/*
 * Are @n bytes at @p what a column may be called: with a letter, and no number, date or other
 * value?
 */
bool stoa__csv_is_name(const char *p, size_t n);
/* Is it among the distinct values that were seen in column @i while that was text? */
bool stoa__csv_infer_seen(const struct stoa__csv_infer *in, size_t i, const char *p, size_t n);

#endif
