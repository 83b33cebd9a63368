/* SPDX-License-Identifier: MIT */
/*
 * stepped.c - finds steps and divides by them (stepped.h)
 *
 * The step is the greatest common divisor of all differences from the base. Two values at random
 * have a small one, so that where there is none worth having the search ends at once. Where there
 * is, most differences are divisible by what was found so far, and the question is answered without
 * division: with step = odd * 2^shift, and the inverse of odd modulo 2^64,
 *
 *     d * inverse, rotated right by shift, is at most (2^64 - 1) / step     if and only if step divides d
 *
 * and then it is the quotient (Granlund and Montgomery, Division by Invariant Integers using
 * Multiplication, 1994, section 9).
 */
#include "stepped.h"

#include <string.h>

#include "packed.h"

struct divisor {
	uint64_t step;		/* 0: of zeros alone */
	uint64_t inverse;
	uint64_t most;		/* the greatest quotient */
	unsigned shift;
};

static void divisor_set(struct divisor *d, uint64_t step)
{
	uint64_t odd, x;

	d->step = step;
	d->shift = (unsigned)__builtin_ctzll(step);
	d->most = UINT64_MAX / step;
	odd = step >> d->shift;
	/* Newton: right in 3 bits, then 6, 12, 24, 48, 96. */
	x = odd;
	for (int i = 0; i < 5; i++)
		x *= 2 - odd * x;
	d->inverse = x;
}

static inline uint64_t quotient(const struct divisor *d, uint64_t value)
{
	uint64_t q = value * d->inverse;

	return q >> d->shift | q << (-d->shift & 63);
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Element @i less @base, modulo the element's size. */
static inline uint64_t difference(const uint8_t *p, unsigned log2, size_t i, uint64_t base)
{
	uint64_t value = 0, mask = UINT64_MAX >> (64 - (8u << log2));

	memcpy(&value, p + (i << log2), (size_t)1 << log2);
	return (value - base) & mask;
}

static inline bool narrow_block(struct divisor *d, const uint8_t *p, unsigned log2, size_t n,
				uint64_t base, uint64_t span, unsigned width)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t x = difference(p, log2, i, base);

		if (x == 0 || (d->step && quotient(d, x) <= d->most))
			continue;
		divisor_set(d, gcd(x, d->step));
		if (stoa__packed_width(span / d->step) >= width)
			return false;
	}
	return true;
}

static inline void divide_block(const struct divisor *d, const uint8_t *p, unsigned log2, size_t n,
				uint64_t base, uint64_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = quotient(d, difference(p, log2, i, base));
}

static size_t block_len(const struct stoa__run *r, size_t at)
{
	return r->n - at < STOA__RUN_BLOCK ? r->n - at : STOA__RUN_BLOCK;
}

uint64_t stoa__step_find(const struct stoa__run *r, uint64_t base, uint64_t span, unsigned width)
{
	uint64_t room[STOA__RUN_BLOCK];
	struct divisor d = { 0 };
	bool narrower = true;

	for (size_t at = 0; narrower && at < r->n; at += STOA__RUN_BLOCK) {
		size_t n = block_len(r, at);
		const uint8_t *p = stoa__run_block(r, at, n, base, room);

		/* The size is known to the compiler in each, for its loop's sake. */
		switch (r->log2) {
		case 1: narrower = narrow_block(&d, p, 1, n, base, span, width); break;
		case 2: narrower = narrow_block(&d, p, 2, n, base, span, width); break;
		default: narrower = narrow_block(&d, p, 3, n, base, span, width); break;
		}
	}
	return narrower ? d.step : 1;
}

void stoa__step_pack(const struct stoa__run *r, unsigned width, uint64_t base, uint64_t step,
		     uint8_t *out)
{
	uint64_t room[STOA__RUN_BLOCK], steps[STOA__RUN_BLOCK];
	struct divisor d;

	divisor_set(&d, step);
	for (size_t at = 0; width && at < r->n; at += STOA__RUN_BLOCK) {
		size_t n = block_len(r, at);
		const uint8_t *p = stoa__run_block(r, at, n, base, room);

		switch (r->log2) {
		case 1: divide_block(&d, p, 1, n, base, steps); break;
		case 2: divide_block(&d, p, 2, n, base, steps); break;
		default: divide_block(&d, p, 3, n, base, steps); break;
		}
		stoa__pack(out + at * width / 8, width, steps, 3, n, 0);
	}
}

void stoa__step_apply(void *values, unsigned log2, size_t n, uint64_t base, uint64_t step)
{
	uint16_t *v16 = values;
	uint32_t *v32 = values;
	uint64_t *v64 = values;

	switch (log2) {
	case 1:
		for (size_t i = 0; i < n; i++)
			v16[i] = (uint16_t)(base + step * v16[i]);
		break;
	case 2:
		for (size_t i = 0; i < n; i++)
			v32[i] = (uint32_t)base + (uint32_t)step * v32[i];
		break;
	default:
		for (size_t i = 0; i < n; i++)
			v64[i] = base + step * v64[i];
		break;
	}
}
