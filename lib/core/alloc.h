/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - all memory of stoa comes from here
 *
 * One place, so that sizes are checked and tests can make the nth allocation fail. Every function
 * returns NULL when memory is out or the size overflows; free takes NULL.
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

/* Tests: let allocation @nth (from 0) after this call fail, and with @forever all after it. */
void stoa__fault_arm(long nth, bool forever);
/* Ends it; did an allocation fail? */
bool stoa__fault_disarm(void);

#endif
