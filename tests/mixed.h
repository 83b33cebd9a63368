/* SPDX-License-Identifier: MIT */
/*
 * mixed.h - one table "x" of random values of mixed types, in arrays
 *
 *     id i64      0, 1, 2, ... without NULL; elsewhere one value in eleven is NULL
 *     a  i32      few distinct ones, around 0
 *     f  f64      multiples of a quarter, so that sums are exact in any order
 *     s  string   two distinct ones
 *     t  text     mostly distinct
 *     b  bool
 *     u  u64      large ones, a third of them the largest
 */
#ifndef STOA__TESTS_MIXED_H
#define STOA__TESTS_MIXED_H

#include "array_source.h"

#define MIXED_ROWS 3000

extern struct array_table mixed;

/* @n rows, at most MIXED_ROWS, with values of a below @range / 2. */
void mixed_fill(uint64_t *rng, size_t n, uint64_t range);

#endif
