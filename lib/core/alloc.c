/* SPDX-License-Identifier: MIT */
/*
 * alloc.c - malloc with checked sizes, and faults on demand
 *
 * Faults. Tests let the nth allocation fail, in whatever thread it happens. Disarmed, which is
 * always so outside tests, that costs one relaxed load of a line that nobody writes, and a
 * branch that is never taken; the count of allocations is touched only while armed. Arming and
 * disarming are for one thread at a time; allocations meanwhile may come from any.
 *
 * A size of zero is taken for one, so that NULL always means that memory is out.
 */
#include "alloc.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define SMALL 1024

enum fault_mode { FAULT_OFF, FAULT_ONCE, FAULT_FOREVER };

static atomic_int fault_mode;
static atomic_long fault_countdown;	/* allocations that still succeed; below zero: past it */
static atomic_bool fault_fired;

static bool fault_now(int mode)
{
	long left = atomic_fetch_sub(&fault_countdown, 1);

	if (left > 0 || (left < 0 && mode == FAULT_ONCE))
		return false;
	atomic_store(&fault_fired, true);
	return true;
}

/* Is this allocation to fail? Asked once by each. */
static inline bool refuse(void)
{
	int mode = atomic_load_explicit(&fault_mode, memory_order_relaxed);

	return __builtin_expect(mode != FAULT_OFF, 0) && fault_now(mode);
}

void stoa__fault_arm(long nth, bool forever)
{
	atomic_store(&fault_fired, false);
	atomic_store(&fault_countdown, nth);
	atomic_store(&fault_mode, forever ? FAULT_FOREVER : FAULT_ONCE);
}

bool stoa__fault_disarm(void)
{
	atomic_store(&fault_mode, FAULT_OFF);
	return atomic_load(&fault_fired);
}

void *stoa__alloc(size_t size)
{
	/* Beyond PTRDIFF_MAX the difference of two pointers into the block would overflow. */
	if (size > PTRDIFF_MAX || refuse())
		return NULL;
	return malloc(size ? size : 1);
}

void *stoa__calloc(size_t n, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(n, size, &total) || total > PTRDIFF_MAX || refuse())
		return NULL;
	if (total > SMALL)
		return calloc(n, size);
	/* glibc's calloc() passes its per-thread cache by, which most small blocks could come from. */
	p = malloc(total ? total : 1);
	return p ? memset(p, 0, total) : NULL;
}

void *stoa__realloc(void *p, size_t size)
{
	if (size > PTRDIFF_MAX || refuse())
		return NULL;
	return realloc(p, size ? size : 1);
}

void *stoa__realloc_array(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	return stoa__realloc(p, total);
}

void *stoa__alloc_aligned(size_t size)
{
	if (size > PTRDIFF_MAX - ALIGNMENT || refuse())
		return NULL;
	/* C11 wants a multiple of the alignment. */
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	return aligned_alloc(ALIGNMENT, size ? size : ALIGNMENT);
}

char *stoa__strndup(const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;
	copy = stoa__alloc(len + 1);
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void stoa__free(void *p)
{
	free(p);
}
