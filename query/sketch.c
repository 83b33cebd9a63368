/* SPDX-License-Identifier: MIT */
/*
 * sketch.c - about how many distinct hashes there were
 *
 *     hash, 64 bits:   | 14 bits: register | 11 bits | 39 bits |
 *     sparse entry:    | 25 bits: place              | 6 bits: 1 + leading zeros of the 39 |
 *     register:          1 + leading zeros of the 50 bits after the first 14; the largest met
 *
 * A sparse entry says more than a register: it holds the place at 25 bits, by which linear counting
 * is nearly exact for as many values as there is room for, and enough to tell the register later.
 */
#include "sketch.h"

#include <math.h>
#include <stdbool.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

#define BITS 14
#define REGISTERS (1u << BITS)
#define FINE_BITS 25
#define REST_BITS (64 - FINE_BITS)
#define SPARSE_MAX 2048		/* slots; at three quarters the registers take less */
#define RANK_MAX (64 - BITS + 1)

static uint32_t entry_of(uint64_t hash)
{
	uint64_t rest = hash << FINE_BITS;
	uint32_t rank = rest ? (uint32_t)__builtin_clzll(rest) + 1 : REST_BITS + 1;

	return (uint32_t)(hash >> REST_BITS) << 6 | rank;
}

/* Counts an entry in its register. */
static void raise_register(uint8_t *dense, uint32_t entry)
{
	const uint32_t more = FINE_BITS - BITS;
	uint32_t place = entry >> 6, low = place & ((1u << more) - 1);
	uint32_t rank = low ? (uint32_t)__builtin_clz(low) - (32 - more) + 1 : more + (entry & 63);
	uint8_t *at = &dense[place >> more];

	if (*at < rank)
		*at = (uint8_t)rank;
}

/* ---- few ------------------------------------------------------------------------------------ */

/* Puts @entry in a table with room for it; one with its place keeps the higher rank. Is it new? */
static bool put(uint32_t *table, uint32_t size, uint32_t entry)
{
	uint32_t at = (entry >> 6) * UINT32_C(0x9e3779b1) >> 16;

	for (;; at++) {
		uint32_t *e = &table[at & (size - 1)];
		if (*e && *e >> 6 != entry >> 6)
			continue;
		bool fresh = !*e;
		if (*e < entry)
			*e = entry;
		return fresh;
	}
}

static int become_dense(struct stoa__sketch *s)
{
	uint8_t *dense = stoa__calloc(REGISTERS, 1);

	if (!dense)
		return STOA_ENOMEM;
	for (uint32_t i = 0; i < s->size; i++)
		if (s->sparse[i])
			raise_register(dense, s->sparse[i]);
	stoa__free(s->sparse);
	*s = (struct stoa__sketch){ .dense = dense };
	return STOA_OK;
}

static int make_room(struct stoa__sketch *s)
{
	uint32_t size = s->size ? 2 * s->size : 4;

	if (size > SPARSE_MAX)
		return become_dense(s);
	uint32_t *table = stoa__calloc(size, sizeof *table);
	if (!table)
		return STOA_ENOMEM;
	for (uint32_t i = 0; i < s->size; i++)
		if (s->sparse[i])
			put(table, size, s->sparse[i]);
	stoa__free(s->sparse);
	s->sparse = table;
	s->size = size;
	return STOA_OK;
}

static int add_entry(struct stoa__sketch *s, uint32_t entry)
{
	if (!s->dense && 4 * (s->n + 1) > 3 * s->size && make_room(s) < 0)
		return STOA_ENOMEM;
	if (s->dense)
		raise_register(s->dense, entry);
	else
		s->n += put(s->sparse, s->size, entry);
	return STOA_OK;
}

int stoa__sketch_add(struct stoa__sketch *s, uint64_t hash)
{
	return add_entry(s, entry_of(hash));
}

int stoa__sketch_merge(struct stoa__sketch *s, const struct stoa__sketch *from)
{
	if (from->dense && !s->dense && become_dense(s) < 0)
		return STOA_ENOMEM;
	for (uint32_t i = 0; i < from->size; i++)
		if (from->sparse[i] && add_entry(s, from->sparse[i]) < 0)
			return STOA_ENOMEM;
	for (uint32_t i = 0; from->dense && i < REGISTERS; i++)
		if (s->dense[i] < from->dense[i])
			s->dense[i] = from->dense[i];
	return STOA_OK;
}

/* ---- estimates ------------------------------------------------------------------------------ */

/* Ertl's sigma and tau: what registers that are empty, and those that are full, add. */
static double sigma(double x)
{
	double y = 1, z = x, before;

	if (x == 1)
		return INFINITY;
	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

static double tau(double x)
{
	double y = 1, z = 1 - x, before;

	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y /= 2;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

static double estimate_dense(const uint8_t *dense)
{
	uint32_t counts[RANK_MAX + 1] = { 0 };
	const double m = REGISTERS;

	for (uint32_t i = 0; i < REGISTERS; i++)
		counts[dense[i]]++;
	double z = m * tau((m - counts[RANK_MAX]) / m);
	for (uint32_t k = RANK_MAX - 1; k > 0; k--)
		z = (z + counts[k]) / 2;
	z += m * sigma(counts[0] / m);
	return m * m / (2 * M_LN2 * z);
}

int64_t stoa__sketch_estimate(const struct stoa__sketch *s)
{
	const double fine = UINT32_C(1) << FINE_BITS;

	if (s->dense)
		return llround(estimate_dense(s->dense));
	return llround(-fine * log1p(-(double)s->n / fine));
}

uint64_t stoa__sketch_bytes(const struct stoa__sketch *s)
{
	return s->dense ? REGISTERS : s->size * sizeof *s->sparse;
}

void stoa__sketch_release(struct stoa__sketch *s)
{
	stoa__free(s->sparse);
	stoa__free(s->dense);
	*s = (struct stoa__sketch){ 0 };
}
