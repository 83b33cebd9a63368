/* SPDX-License-Identifier: MIT */
/*
 * rows.c - a block of CSV text as runs of regular rows
 *
 * The window is a stretch of separator offsets small enough to stay in the second-level cache while
 * each column in turn walks over it:
 *
 *	ends[-1]  ends[0] ... ends[next] ............ ends[n_ends - 1]
 *	          given out   | rows to come | part of a row |
 *
 * When the rest is less than STOA__CSV_LANES rows it moves to the front and the scan fills the
 * window again; a run is a multiple of so many where more is to come, so that the few rows behind
 * it, which go one by one, are the file's last and not each window's.
 *
 * (1) ends[next - 1] + 1 is where the next record begins. (2) All entries are below @scanned. (3)
 * n_newlines is the number of newlines among entries [next, n_ends): so a run of k rows whose k
 * last separators are newlines is regular throughout when n_newlines is k, and the rows need no
 * second look.
 */
#include "lanes.h"
#include "rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"

/* Entries: 64 KiB of them; with the text they point into, half of a small second-level cache. */
#define WINDOW 16384

int stoa__csv_fault(struct stoa__csv_fault *fault, int code, size_t offset, const char *format, ...)
{
	va_list args;

	fault->code = code;
	fault->offset = offset;
	fault->column = -1;
	fault->misfit = false;
	va_start(args, format);
	vsnprintf(fault->text, sizeof fault->text, format, args);
	va_end(args);
	return code;
}

int stoa__csv_rows_init(struct stoa__csv_rows *r, const struct stoa__csv_dialect *dialect,
			size_t n_columns)
{
	STOA_ASSERT(n_columns > 0 && n_columns <= STOA_SLOTS_MAX);
	memset(r, 0, sizeof *r);
	r->kernel = stoa__csv_scan_kernel();
	r->dialect = *dialect;
	r->n_columns = n_columns;
	r->cap = WINDOW;
	r->room = stoa__realloc_array(NULL, r->cap + 1, sizeof *r->room);
	if (!r->room)
		return STOA_ENOMEM;
	r->ends = r->room + 1;
	return STOA_OK;
}

void stoa__csv_rows_release(struct stoa__csv_rows *r)
{
	stoa__free(r->room);
	memset(r, 0, sizeof *r);
}

void stoa__csv_rows_start(struct stoa__csv_rows *r, char *text, size_t len)
{
	STOA_ASSERT(len <= UINT32_MAX && (len == 0 || text[len - 1] == '\n'));
	r->text = text;
	r->len = len;
	r->scanned = 0;
	stoa__csv_scan_init(&r->scan, r->dialect.delimiter, r->dialect.quote);
	r->ends[-1] = UINT32_MAX;	/* + 1 is 0 */
	r->n_ends = 0;
	r->next = 0;
	r->n_newlines = 0;
}

/* Moves the entries that are left to the front and scans on. */
static void fill(struct stoa__csv_rows *r)
{
	r->ends[-1] = r->ends[(ptrdiff_t)r->next - 1];
	memmove(r->ends, r->ends + r->next, (r->n_ends - r->next) * sizeof *r->ends);
	r->n_ends -= r->next;
	r->next = 0;
	r->scan.n_newlines = r->n_newlines;
	r->scanned = r->kernel->fields(&r->scan, r->text, r->scanned, r->len, r->ends, &r->n_ends,
				       r->cap);
	r->n_newlines = r->scan.n_newlines;
}

static bool ends_row(const struct stoa__csv_rows *r, size_t i)
{
	return r->text[r->ends[i]] == '\n';
}

/*
 * Entries of the record that begins at entry @i, its newline included; 0 when that is out of sight.
 */
static size_t record_len(const struct stoa__csv_rows *r, size_t i)
{
	for (size_t k = i; k < r->n_ends; k++)
		if (ends_row(r, k))
			return k - i + 1;
	return 0;
}

/* Is the window whole rows of n_columns, up to a part of one? Then how many. */
static size_t all_regular(const struct stoa__csv_rows *r)
{
	size_t n = (r->n_ends - r->next) / r->n_columns;

	if (r->n_newlines != n || r->scan.bad_quote != SIZE_MAX)
		return 0;
	for (size_t k = 1; k <= n; k++)
		if (!ends_row(r, r->next + k * r->n_columns - 1))
			return 0;
	return n;
}

/* Regular rows from @next on, looked at one by one. */
static size_t some_regular(const struct stoa__csv_rows *r)
{
	size_t n = 0;

	for (;; n++) {
		size_t at = r->next + n * r->n_columns;

		if (record_len(r, at) != r->n_columns ||
		    r->ends[at + r->n_columns - 1] > r->scan.bad_quote)
			return n;
		if (r->n_columns == 1 && stoa__csv_field(r, at, true).n == 0)
			return n;	/* blank */
	}
}

/*
 * What is to be said of the record at @next, which has @len entries and is neither regular nor
 * blank.
 */
static int irregular(const struct stoa__csv_rows *r, size_t len, struct stoa__csv_fault *fault)
{
	size_t begin = (uint32_t)(r->ends[(ptrdiff_t)r->next - 1] + 1);

	if (len > 0 ? r->ends[r->next + len - 1] > r->scan.bad_quote
		    : r->scan.bad_quote != SIZE_MAX)
		return stoa__csv_fault(fault, STOA_ESYNTAX, r->scan.bad_quote,
				       "a quote inside a field: put the field in quotes and double "
				       "those in it");
	if (len > 0)
		return stoa__csv_fault(fault, STOA_ESYNTAX, begin,
				       "the record has %zu field%s and should have %zu", len,
				       len == 1 ? "" : "s", r->n_columns);
	if (r->scanned < r->len)
		return stoa__csv_fault(fault, STOA_ESYNTAX, begin,
				       "the record has over %zu fields and should have %zu",
				       r->n_ends - r->next, r->n_columns);
	return stoa__csv_fault(fault, STOA_ESYNTAX,
			       (uint32_t)(r->ends[(ptrdiff_t)r->n_ends - 1] + 1),
			       "a quoted field is never closed");
}

/* Passes over a blank line at @next: is there one? */
static bool skip_blank(struct stoa__csv_rows *r)
{
	if (record_len(r, r->next) != 1 || stoa__csv_field(r, r->next, true).n > 0)
		return false;
	r->next++;
	r->n_newlines--;
	return true;
}

/* Is there text that is not scanned yet, and room for what it may give? */
static bool can_fill(const struct stoa__csv_rows *r)
{
	return r->scanned < r->len && r->n_ends - r->next <= r->cap - STOA__CSV_SCAN_ROOM;
}

/* Is all that is in sight less than a run should be, and more to come? */
static bool should_fill(const struct stoa__csv_rows *r)
{
	return r->n_ends - r->next < STOA__CSV_LANES * r->n_columns && can_fill(r);
}

static int give(struct stoa__csv_rows *r, size_t rows, size_t *first, size_t *n)
{
	*first = r->next;
	*n = rows;
	r->next += rows * r->n_columns;
	r->n_newlines -= rows;
	return STOA_ROW;
}

int stoa__csv_rows_next(struct stoa__csv_rows *r, size_t *first, size_t *n,
			struct stoa__csv_fault *fault)
{
	for (;;) {
		/* A one-column file may have blank lines that count as regular: look at each. */
		size_t rows = r->n_columns > 1 ? all_regular(r) : 0;

		if (rows == 0)
			rows = some_regular(r);
		if (rows > STOA__CSV_LANES && r->scanned < r->len)
			rows -= rows % STOA__CSV_LANES;
		if (rows > 0 && !should_fill(r))
			return give(r, rows, first, n);
		if (rows == 0 && skip_blank(r))
			continue;
		if (rows > 0 || (can_fill(r) && record_len(r, r->next) == 0)) {
			fill(r);
			continue;
		}
		if (r->next == r->n_ends && r->scanned == r->len && !r->scan.quoted)
			return STOA_END;
		return irregular(r, record_len(r, r->next), fault);
	}
}

int stoa__csv_unquote(struct stoa__csv_field *f, char quote, size_t *at)
{
	char *from = f->p + 1, *end = f->p + f->n, *to;
	char *close = memchr(from, quote, (size_t)(end - from));

	if (close && close + 1 == end) {	/* no doubled ones, as a rule */
		f->p = from;
		f->n = (size_t)(close - from);
		return STOA_OK;
	}
	for (to = close; close && close + 1 < end && close[1] == quote;) {
		char *run = close + 1;	/* one of the two, then what follows up to the next */

		close = memchr(run + 1, quote, (size_t)(end - run - 1));
		if (!close)
			break;
		memmove(to, run, (size_t)(close - run));
		to += close - run;
	}
	if (!close || close + 1 != end) {
		*at = close ? (size_t)(close + 1 - f->p) : f->n;
		return STOA_ESYNTAX;
	}
	f->n = (size_t)(to - from);
	f->p = from;
	return STOA_OK;
}
