/* SPDX-License-Identifier: MIT */
/*
 * stepped.h - integers that lie a common step apart
 *
 *     10:00, 10:07, 10:12 as microseconds      base 36,000,000,000  step 60,000,000  packed 0, 7, 12
 *
 * Timestamps of whole minutes or days, amounts of whole euros in cents: their differences have a
 * large common divisor, and divided by it take a quarter of the bits or fewer.
 */
#ifndef STOA__STEPPED_H
#define STOA__STEPPED_H

#include "chunk_encode.h"

/*
 * The largest step for which every value of the run, NULLs aside, is @base + step * i, if @span /
 * step packs narrower than @width; otherwise 1. @base is the least value, @span the distance of the
 * greatest from it, not 0. Costs a few values where there is no such step, else a multiplication a
 * value.
 */
uint64_t stoa__step_find(const struct stoa__run *r, uint64_t base, uint64_t span, unsigned width);
/* Packs i of each value, NULL as 0, where @step is a result of the above. */
void stoa__step_pack(const struct stoa__run *r, unsigned width, uint64_t base, uint64_t step,
		     uint8_t *out);
/* values[i] = base + step * values[i], for @n elements of 1 << @log2 bytes, modulo their size. */
void stoa__step_apply(void *values, unsigned log2, size_t n, uint64_t base, uint64_t step);

#endif
