/* SPDX-License-Identifier: MIT */
/* mixed.c - see mixed.h */
#include "testing.h"

#include "mixed.h"

#include <stdio.h>

static struct stoa_slot slots[] = {
	{ .name = "id", .type = STOA_I64 }, { .name = "a", .type = STOA_I32 },
	{ .name = "f", .type = STOA_F64 },  { .name = "s", .type = STOA_STRING },
	{ .name = "t", .type = STOA_TEXT }, { .name = "b", .type = STOA_BOOL },
	{ .name = "u", .type = STOA_U64 },
};
#define N_SLOTS (sizeof slots / sizeof *slots)

static struct stoa_value values[MIXED_ROWS * N_SLOTS];
static char texts[MIXED_ROWS][24];
struct array_table mixed = { .name = "x", .slots = slots, .n_slots = N_SLOTS, .values = values };

static struct stoa_value random_value(size_t row, unsigned type, uint64_t x, uint64_t range)
{
	struct stoa_value v = stoa_i64((int64_t)(x % range) - (int64_t)(range / 2));

	if (x % 11 == 0)
		return stoa_null();
	switch (type) {
	case STOA_F64: return stoa_f64((double)(x % 50) / 4);
	case STOA_BOOL: return stoa_bool(x & 1);
	case STOA_U64: return stoa_u64(x % 3 ? x : UINT64_MAX);
	case STOA_STRING:
	case STOA_TEXT:
		snprintf(texts[row], sizeof *texts, "text %llu", (unsigned long long)(x >> 40));
		v = stoa_text(type == STOA_STRING ? (x & 8 ? "red" : "green") : texts[row]);
		break;
	default: break;
	}
	v.type = (uint8_t)type;
	return v;
}

void mixed_fill(uint64_t *rng, size_t n, uint64_t range)
{
	for (size_t row = 0; row < n; row++)
		for (size_t i = 0; i < N_SLOTS; i++)
			values[row * N_SLOTS + i] =
				i ? random_value(row, slots[i].type, testing_random(rng) >> 8, range) :
				    stoa_i64((int64_t)row);
	mixed.n_rows = n;
}
