/* SPDX-License-Identifier: MIT */
/* hash.h - XXH3 (xxHash 0.8), the one hash and checksum of stoa */
#ifndef STOA__HASH_H
#define STOA__HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t stoa__hash(const void *p, size_t len);
uint64_t stoa__hash_seeded(const void *p, size_t len, uint64_t seed);

#endif
