/* SPDX-License-Identifier: MIT */
/*
 * scaled.h - doubles that are decimals: 19.99 as the integer 1999 and k = 2
 *
 * After ALP (Afroozeh, Kuffo and Boncz, SIGMOD 2024), without its exceptions: a chunk is scaled
 * when every value is exactly (double)i / 10^k, bit for bit, else it is raw. Dividing, where ALP
 * multiplies by 10^-k, makes the decoded value the correctly rounded quotient, so that whatever
 * text "19.99" parses to is what 1999 / 100 gives, for as many digits as doubles keep; and if k
 * serves a value, so does k + 1, as the quotient is the same number.
 */
#ifndef STOA__SCALED_H
#define STOA__SCALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOA__SCALED_K_MAX 15

extern const double stoa__scaled_power[STOA__SCALED_K_MAX + 1];

/*
 * The smallest k for which each of @n doubles is i / 10^k with |i| <= 2^51, and all i in @out; -1
 * if there is none, or it is not worth it.
 */
int stoa__scaled_encode(const double *values, size_t n, int64_t *out);
/* Doubles of @n integers. @out may be @in. */
void stoa__scaled_decode(const int64_t *in, size_t n, unsigned k, double *out);
double stoa__scaled_get(int64_t i, unsigned k);

#endif
