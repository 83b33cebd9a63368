/* SPDX-License-Identifier: MIT */
/* hash.c - XXH3 with 64 bits, from libxxhash; stable since 0.8.0, so that it may be stored */
#include "hash.h"

#include <xxhash.h>

_Static_assert(XXH_VERSION_NUMBER >= 800, "XXH3 was not final before xxHash 0.8.0");

uint64_t stoa__hash(const void *p, size_t len)
{
	return XXH3_64bits(p, len);
}

uint64_t stoa__hash_seeded(const void *p, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, len, seed);
}
