/* SPDX-License-Identifier: MIT */
/* record.c - the record of the memory, commit, transaction and churn cases */
#include "bench.h"

#include <string.h>

void bench_record_make(int64_t id, struct bench_record *out)
{
	uint64_t state = bench_config.seed ^ (uint64_t)id;
	uint64_t x = bench_random(&state);
	unsigned name = (unsigned)(x % BENCH_RECORD_NAMES);

	out->id = id;
	out->price = (double)(bench_random(&state) % 1000000) / 100;
	out->quantity = (int32_t)(x >> 32) & 1023;
	out->flag = x >> 63;
	memcpy(out->name, "product-000", 11);
	out->name[8] = (char)('0' + name / 100);
	out->name[9] = (char)('0' + name / 10 % 10);
	out->name[10] = (char)('0' + name % 10);
	out->name_len = 11;
}
