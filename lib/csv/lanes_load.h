/* SPDX-License-Identifier: MIT */
/*
 * lanes_load.h - the fields of one column, loaded into lanes
 *
 * Always inlined, as what is constant for a type takes half of the work out of the loops. @entry is
 * where the field of the first row ends (rows.h); @last, whether the column is the file's last.
 */
#ifndef STOA__CSV_LANES_LOAD_H
#define STOA__CSV_LANES_LOAD_H

#include <string.h>

#include "lanes.h"
#include "rows.h"

/*
 * Numbers with @scale digits behind the point; with @whole, also those without a point, to which as
 * many zeros are added.
 */
static inline __attribute__((always_inline)) void
stoa__csv_load_numbers(const struct stoa__csv_rows *r, struct stoa__csv_lanes *l, size_t entry,
		       bool last, unsigned scale, bool whole)
{
	uint64_t fraction = scale ? ~UINT64_C(0) << (64 - 8 * scale) : 0;
	uint64_t zeros = UINT64_C(0x3030303030303030) & fraction;

	for (size_t i = 0; i < STOA__CSV_LANES; i++, entry += r->n_columns) {
		struct stoa__csv_field f = stoa__csv_field(r, entry, last);
		const char *end = f.p + f.n, *point = end - 1 - scale;
		uint64_t tail, before;
		bool found;

		memcpy(&tail, end - 8, 8);
		l->word[i] = tail;
		l->len[i] = f.n;
		if (scale == 0)
			continue;
		/* Both ways at once: which it is differs from field to field, or is always the same. */
		found = *point == '.';
		memcpy(&before, (found ? point : end) - 8, 8);
		l->word[i] = (found ? tail & fraction : zeros) | before >> 8 * scale;
		l->len[i] = found ? f.n - 1 : whole && f.n ? f.n + scale : 0;
	}
}

/* Dates that are all of a field, or with @time begin one: YYYY-MM-DD HH:MM:SS. */
static inline __attribute__((always_inline)) void
stoa__csv_load_dates(const struct stoa__csv_rows *r, struct stoa__csv_lanes *l, size_t entry,
		     bool last, bool time)
{
	for (size_t i = 0; i < STOA__CSV_LANES; i++, entry += r->n_columns) {
		struct stoa__csv_field f = stoa__csv_field(r, entry, last);
		bool common = time ? f.n == 19 && (f.p[10] == ' ' || f.p[10] == 'T') : f.n == 10;
		uint16_t tail;

		memcpy(&l->word[i], f.p, 8);
		memcpy(&tail, f.p + 8, 2);
		l->word[i] = common ? l->word[i] : 0;
		l->len[i] = tail;
	}
}

/* The times of day of the latter. */
static inline __attribute__((always_inline)) void
stoa__csv_load_times(const struct stoa__csv_rows *r, struct stoa__csv_lanes *l, size_t entry,
		     bool last)
{
	for (size_t i = 0; i < STOA__CSV_LANES; i++, entry += r->n_columns)
		memcpy(&l->word[i], stoa__csv_field(r, entry, last).p + 11, 8);
}

#endif
