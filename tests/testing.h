/* SPDX-License-Identifier: MIT */
/*
 * testing.h - what every test needs: cmocka, a directory of its own, a seed that is printed
 *
 *     STOA_SEED=7 tests/chunk_test     repeats a run
 *     STOA_LONG=1 make check           is `make check-long`
 */
#ifndef STOA__TESTING_H
#define STOA__TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../lib/stoa.h"

/* Fails the test with the error's words if @rc is one. */
void must(int rc, const struct stoa_error *err);

/* Makes an empty directory under $TMPDIR or /tmp; the caller passes it to testing_rmtree(). */
char *testing_tempdir(void);
/*
 * For tests that sync much and gain nothing by a disk: lets testing_tempdir() use /dev/shm if there
 * is room for several of them.
 */
void testing_in_memory(void);
/* Removes a directory with all in it, and frees @path. NULL is fine. */
void testing_rmtree(char *path);
/* "@dir/@name" in one of 8 buffers that take turns. */
const char *testing_path(const char *dir, const char *name);

/* Zeroed memory that children after fork() share; it stays. */
void *testing_shared(size_t size);

/* How many files and directories a directory has, hidden ones left out. */
size_t testing_entries(const char *dir);

/* $STOA_SEED or a fresh one; prints it the first time, so that a failure can be repeated. */
uint64_t testing_seed(void);
/* Is this `make check-long`? */
bool testing_long(void);

/* SplitMix64: good enough to test with, and short. @state starts as the seed. */
static inline uint64_t testing_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Below @n, which is not 0. */
static inline uint64_t testing_below(uint64_t *state, uint64_t n)
{
	return testing_random(state) % n;
}

#endif
