/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - all memory of stoa comes from here
 *
 * One place, so that sizes are checked, bytes are counted, and tests can make the nth allocation
 * fail. Every function returns NULL when memory is out or the size overflows; free takes NULL.
 * Threads: any.
 */
#ifndef STOA__ALLOC_H
#define STOA__ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *stoa__alloc(size_t size);
void *stoa__calloc(size_t n, size_t size);
void *stoa__realloc(void *p, size_t size);
/* @n elements of @size bytes; NULL on overflow. The old block stays when it fails. */
void *stoa__realloc_array(void *p, size_t n, size_t size);
/* Aligned to 64 bytes, for arrays that kernels read; freed by stoa__free() like any other. */
void *stoa__alloc_aligned(size_t size);
char *stoa__strndup(const char *s, size_t len);
void stoa__free(void *p);
/*
 * For who hands out memory again that it had kept: is this the allocation that a test lets fail? Then
 * there is none.
 */
bool stoa__alloc_refused(void);

/*
 * What @p takes: the bytes that may be used, of which at least as many were asked for. 0 for NULL.
 */
size_t stoa__alloc_size(const void *p);
/*
 * For who keeps count by itself: stoa__alloc() and stoa__free() that tell stoa__alloc_size() in
 * passing.
 */
void *stoa__alloc_told(size_t size, size_t *got);
size_t stoa__free_told(void *p);
/* The same of all blocks that are out, in all threads. Exact if no other thread is at it now. */
uint64_t stoa__alloc_bytes(void);

/*
 * Address space: @size bytes of zeros that cost memory page by page, as they are written to; not
 * counted. For arrays that may become large and must not move. stoa__unreserve() takes NULL.
 */
void *stoa__reserve(size_t size);
void stoa__unreserve(void *p, size_t size);

/* Tests: let allocation @nth (from 0) after this call fail, and with @forever all after it. */
void stoa__fault_arm(long nth, bool forever);
/* Ends it; did an allocation fail? */
bool stoa__fault_disarm(void);

#endif
