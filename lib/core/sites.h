/* SPDX-License-Identifier: MIT */
/*
 * sites.h - which calls of a program memory was taken under, and rows put in: noted while it is on
 *
 *     stacks    the return addresses of a call, innermost first; each distinct one once: bytes, rows
 *     blocks    address of each block that is out -> its stack and size, in a hash table
 *
 * Off, which is always so unless somebody looks for something, it costs the allocator one relaxed
 * load of a line that nobody writes and a branch that is never taken. On, a call of backtrace(3)
 * and an entry under one mutex.
 *
 * What an address means is found out by who reports (trace_sites.c): that is slow, and here is
 * the allocator. What this needs itself comes from the allocator too, and is not noted; where
 * there is no memory for it a block is nobody's.
 *
 * (1) A block is forgotten before its memory is given back, so no address is noted twice.
 * (2) bytes of a stack are the sizes of its blocks.
 */
#ifndef STOA__SITES_H
#define STOA__SITES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOA__SITE_DEPTH 48
#define STOA__SITE_STACKS_MAX 65536u	/* distinct ones; what comes after them is nobody's */
#define STOA__SITE_NONE UINT32_MAX

struct stoa__stack {
	int64_t bytes;			/* that are out */
	int64_t rows;			/* put in */
	uint32_t n;
	void *frame[STOA__SITE_DEPTH];	/* those behind n are NULL */
};

extern atomic_bool stoa__sites_on;

static inline bool stoa__sites_are_on(void)
{
	return __builtin_expect(atomic_load_explicit(&stoa__sites_on, memory_order_relaxed), 0);
}

/* From now on; false if it was on. What is out already is nobody's. */
bool stoa__sites_start(void);
/* Forgets all. */
void stoa__sites_stop(void);

/* For the allocator, where it is on: @p of @size bytes has been allocated under the calls that lead here. */
void stoa__site_note(const void *p, size_t size);
/* @p is about to be freed; its stack, or STOA__SITE_NONE. */
uint32_t stoa__site_forget(const void *p);
/* As note, under stack @stack, if that is one: @p was forgotten too soon. */
void stoa__site_note_again(const void *p, size_t size, uint32_t stack);
/* @n rows have been put in. */
void stoa__site_rows(uint64_t n);

/*
 * A copy of all stacks, which the caller frees, and the bytes that the noting itself takes. False
 * when memory is out; none, and *@n is 0, when it is off.
 */
bool stoa__sites_copy(struct stoa__stack **out, size_t *n, uint64_t *own_bytes);

#endif
