/* SPDX-License-Identifier: MIT */
/*
 * scan.h - where fields and records end, 64 bytes at a time
 *
 * A quote character opens or closes a quoted stretch wherever it stands (a doubled one closes and
 * opens again), so a byte is quoted when an odd number of quotes precede it, and delimiters and
 * newlines count only outside. That is a prefix sum of bits and needs no state machine per byte.
 *
 * The kernels: scan_scalar.c, which goes byte by byte and is the specification, and scan_avx2.c and
 * scan_avx512.c, one template over two ways to load bytes. stoa__csv_scan_kernel() picks one, once;
 * STOA_CPU=scalar or avx2 in the environment overrides it. All give the same answers.
 *
 * Kernels read no byte outside of the text they are given, allocate nothing and cannot fail.
 */
#ifndef STOA__CSV_SCAN_H
#define STOA__CSV_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lanes.h"

/* Where a scan stands. Start with stoa__csv_scan_init() where a record begins. */
struct stoa__csv_scan {
	char delimiter;
	char quote;
	uint64_t quoted;	/* all ones inside quotes, else 0 */
	uint64_t at_start;	/* 1 when the last byte ended a field (or there was none) */
	uint64_t after_quote;	/* 1 when the last byte closed a quoted stretch */
	uint64_t after_newline;	/* records(): 1 when it was an unquoted newline, or none was */
	/* What fields() adds up. */
	size_t n_newlines;	/* unquoted ones */
	size_t bad_quote;	/* where a quote first opened within a field; SIZE_MAX: nowhere */
	bool non_ascii;		/* a byte above 127 was seen */
	/* What records() adds up. */
	size_t last_end;	/* offset behind the last record found by the last call; 0: none */
};

static inline void stoa__csv_scan_init(struct stoa__csv_scan *s, char delimiter, char quote)
{
	*s = (struct stoa__csv_scan){ .delimiter = delimiter,
				  .quote = quote,
				  .at_start = 1,
				  .after_newline = 1,
				  .bad_quote = SIZE_MAX };
}

#define STOA__CSV_SCAN_ROOM 64	/* entries that fields() wants free before it reads on */

struct stoa__csv_scan_kernel {
	const char *name;
	/*
	 * Appends to @out the offsets in @text of unquoted delimiters and newlines in [@from, @to),
	 * from entry *@n on, as long as STOA__CSV_SCAN_ROOM of @cap entries are free. Returns where
	 * it stopped: @to, or less when the room ran out. @to <= UINT32_MAX.
	 */
	size_t (*fields)(struct stoa__csv_scan *s, const char *text, size_t from, size_t to,
			 uint32_t *out, size_t *n, size_t cap);
	/*
	 * Looks for the end of the *@wanted-th record that is not a blank line, in [@from, @to).
	 * Returns the offset behind its newline, *@wanted then 0; else @to, with *@wanted less what
	 * was found.
	 */
	size_t (*records)(struct stoa__csv_scan *s, const char *text, size_t from, size_t to,
			  size_t *wanted);
	struct stoa__csv_lanes_kernel lanes;
};

extern const struct stoa__csv_scan_kernel stoa__csv_scan_scalar;
#if defined(__x86_64__)
extern const struct stoa__csv_scan_kernel stoa__csv_scan_avx2;
extern const struct stoa__csv_scan_kernel stoa__csv_scan_avx512;
#endif

/* The fastest kernel of this machine. */
const struct stoa__csv_scan_kernel *stoa__csv_scan_kernel(void);
/* Kernel @i, from 0, among those that this machine can run; NULL past the last. For tests. */
const struct stoa__csv_scan_kernel *stoa__csv_scan_kernel_nth(unsigned i);

#endif
