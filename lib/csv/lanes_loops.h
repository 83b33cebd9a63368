/* SPDX-License-Identifier: MIT */
/*
 * lanes_loops.h - numbers and dates of many fields, once per instruction set
 *
 * Included with TARGET (a function attribute) defined. All is written once, over vectors of eight
 * words, which the compiler cuts into whatever registers the instruction set has; plain loops it
 * would not take to, for their conditions. A comparison gives all ones where it holds, else zero.
 */
#ifndef STOA__CSV_LANES_LOOPS_H
#define STOA__CSV_LANES_LOOPS_H

#include <string.h>

#include "lanes.h"

typedef uint64_t eight __attribute__((vector_size(64)));
typedef int64_t signed_eight __attribute__((vector_size(64)));

#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (x))
/* Is a byte of @x, from whose text "0" was taken, no digit? Then not 0. */
#define NO_DIGITS(x) (((x) | ((x) + EACH_BYTE(6))) & EACH_BYTE(0xf0))
/* Digits, two and two, as four numbers of 16 bits. */
#define PAIRS(x) (((x) * 10 + ((x) >> 8)) & UINT64_C(0x00ff00ff00ff00ff))

static inline TARGET uint64_t any_of(const eight *v)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= (*v)[i];
	return any;
}

static TARGET uint64_t numbers(struct stoa__csv_lanes *l, unsigned scale, int64_t min, int64_t max)
{
	const uint64_t point = 8 * scale;
	eight any = { 0 };

	for (size_t i = 0; i < STOA__CSV_LANES; i += 8) {
		eight word, n, keep, first, digit, x, minus, odd, y;
		signed_eight v;

		memcpy(&word, &l->word[i], sizeof word);
		memcpy(&n, &l->len[i], sizeof n);
		keep = ~(eight){ 0 } << ((64 - 8 * n) & 63);
		first = keep & ~(keep << 8);		/* byte of the first character */
		x = (word ^ EACH_BYTE('0')) & keep;
		minus = (eight)(((x ^ EACH_BYTE('-' ^ '0')) & first) == 0);
		digit = first << (minus & 8);		/* byte of the first digit */
		x &= ~(first & minus);
		odd = NO_DIGITS(x) | (eight)(n - 1 >= 8);
		odd |= (eight)((digit << point) == 0);	/* none before the point */
		odd |= (eight)((x & digit) == 0) & (digit << point << 8);	/* 007 */
		odd |= (eight)(x == 0) & minus;		/* -0 */
		y = PAIRS(x);
		y = (y & UINT64_C(0x000000ff000000ff)) * 100 +
		    (y >> 16 & UINT64_C(0x000000ff000000ff));
		y = (y & UINT64_C(0xffffffff)) * 10000 + (y >> 32);
		v = (signed_eight)((y ^ minus) - minus);
		odd |= (eight)((v < min) | (v > max));
		any |= odd;
		memcpy(&l->value[i], &v, sizeof v);
		memcpy(&l->odd[i], &odd, sizeof odd);
	}
	return any_of(&any);
}

/*
 * As stoa__csv_fast_date(): days are counted from March, so that February's end is the year's.
 * Divisions are multiplications that are right for years up to 9999 and months up to 12.
 */
static TARGET uint64_t dates(struct stoa__csv_lanes *l)
{
	const uint64_t dashes = UINT64_C(0xff0000ff00000000);
	eight any = { 0 };

	for (size_t i = 0; i < STOA__CSV_LANES; i += 8) {
		eight word, tail, x, odd, y, year, month, day, early, m, century, last, v;

		memcpy(&word, &l->word[i], sizeof word);	/* YYYY-MM- */
		memcpy(&tail, &l->len[i], sizeof tail);		/* DD */
		x = (word & UINT64_C(0xffffffff)) | (word >> 8 & UINT64_C(0x0000ffff00000000)) |
		    tail << 48;
		x ^= EACH_BYTE('0');
		odd = NO_DIGITS(x) | ((word ^ EACH_BYTE('-')) & dashes);
		y = PAIRS(x);
		year = (y & 0xff) * 100 + (y >> 16 & 0xff);
		month = y >> 32 & 0xff;
		day = y >> 48;
		last = 30 + ((month ^ month >> 3) & 1) - ((eight)(month == 2) & 2);
		odd |= (eight)((year == 0) | (month - 1 > 11) | (day - 1 >= last));
		early = (eight)(month <= 2);	/* the year before's, all ones being -1 */
		year += early;
		m = month - 3 + (early & 12);
		century = year * 5243 >> 19;
		v = year * 365 + (year >> 2) - century + (century >> 2) + ((m * 979 + 15) >> 5) +
		    day - 719469;
		any |= odd;
		memcpy(&l->value[i], &v, sizeof v);
		memcpy(&l->odd[i], &odd, sizeof odd);
	}
	return any_of(&any);
}

static TARGET uint64_t times(struct stoa__csv_lanes *l)
{
	const uint64_t colons = UINT64_C(0x0000ff0000ff0000);
	eight any = { 0 };

	for (size_t i = 0; i < STOA__CSV_LANES; i += 8) {
		eight word, x, odd, y, hour, minute, second, v;

		memcpy(&word, &l->word[i], sizeof word);	/* HH:MM:SS */
		memcpy(&v, &l->value[i], sizeof v);
		memcpy(&odd, &l->odd[i], sizeof odd);
		x = (word & 0xffff) | (word >> 8 & UINT64_C(0x00000000ffff0000)) |
		    (word >> 16 & UINT64_C(0x0000ffff00000000));
		x ^= EACH_BYTE('0') >> 16;
		odd |= NO_DIGITS(x) | ((word ^ EACH_BYTE(':')) & colons);
		y = PAIRS(x);
		hour = y & 0xff;
		minute = y >> 16 & 0xff;
		second = y >> 32 & 0xff;
		odd |= (eight)((hour > 23) | (minute > 59) | (second > 59));
		v = (((v * 24 + hour) * 60 + minute) * 60 + second) * 1000000;
		any |= odd;
		memcpy(&l->value[i], &v, sizeof v);
		memcpy(&l->odd[i], &odd, sizeof odd);
	}
	return any_of(&any);
}
#endif
