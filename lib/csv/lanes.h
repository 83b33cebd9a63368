/* SPDX-License-Identifier: MIT */
/*
 * lanes.h - fields of one column, side by side, to be read without a branch
 *
 * A number's last 8 characters are loaded as one word, so that its last digit is in the highest
 * byte however long it is; then all of STOA__CSV_LANES words go through one loop (lanes_loops.h). A
 * lane whose field is not of the common form is marked odd, and left to fast.h and what follows it.
 */
#ifndef STOA__CSV_LANES_H
#define STOA__CSV_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOA__CSV_LANES 64
#define STOA__CSV_LANES_SCALE_MAX 6	/* shifts by scale + 2 bytes stay below a word */

struct stoa__csv_lanes {
	/*
	 * Numbers: the last 8 characters of the field, its point left out; what is before the field
	 * may be anything. Dates: the first 8 characters, or 0 if there are not 10. Times: all 8.
	 */
	_Alignas(64) uint64_t word[STOA__CSV_LANES];
	/* Numbers: characters, without the point; 0: none. Dates: the last 2 characters. */
	uint64_t len[STOA__CSV_LANES];
	int64_t value[STOA__CSV_LANES];
	uint64_t odd[STOA__CSV_LANES];	/* not 0: value is not set */
};

/* All kernels return not 0 if a lane is odd. */
struct stoa__csv_lanes_kernel {
	/*
	 * [-]digits with @scale of them, up to STOA__CSV_LANES_SCALE_MAX, behind the point, at most
	 * 8 characters beside it, no zero in front, not -0, from @min to @max.
	 */
	uint64_t (*numbers)(struct stoa__csv_lanes *l, unsigned scale, int64_t min, int64_t max);
	/* YYYY-MM-DD as days since 1970-01-01, any but the 29th of February. */
	uint64_t (*dates)(struct stoa__csv_lanes *l);
	/*
	 * Behind dates(), with other words: HH:MM:SS of that day, as microseconds since 1970-01-01.
	 * What was odd stays so.
	 */
	uint64_t (*times)(struct stoa__csv_lanes *l);
};

#endif
