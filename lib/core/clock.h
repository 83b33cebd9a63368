/* SPDX-License-Identifier: MIT */
/* clock.h - time that only goes forward, to measure what takes how long */
#ifndef STOA__CLOCK_H
#define STOA__CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t stoa__now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#endif
