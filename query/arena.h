/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that goes in one step
 *
 * Syntax trees, plans and the strings of a batch are made of many small pieces with one lifetime.
 * An arena hands out pieces of larger blocks and takes them all back at once. Threads: one at a
 * time.
 */
#ifndef STOA__ARENA_H
#define STOA__ARENA_H

#include <stddef.h>

struct stoa__arena_block;
struct stoa__arena {
	struct stoa__arena_block *blocks;	/* newest first; pieces come from the newest */
	size_t used;				/* bytes of it */
	size_t total;				/* bytes of all blocks */
};
#define STOA__ARENA_INIT { NULL, 0, 0 }

/* @size bytes aligned to 16, or NULL. Zero bytes give a pointer too. */
void *stoa__arena_alloc(struct stoa__arena *a, size_t size);
void *stoa__arena_zalloc(struct stoa__arena *a, size_t size);
/* @n zeroed elements; NULL on overflow. */
void *stoa__arena_array(struct stoa__arena *a, size_t n, size_t size);
/* A copy of @len bytes with a NUL behind. */
char *stoa__arena_copy(struct stoa__arena *a, const void *p, size_t len);
/* Takes everything back; keeps one block, so that a batch loop settles down. */
void stoa__arena_reset(struct stoa__arena *a);
void stoa__arena_release(struct stoa__arena *a);

#endif
