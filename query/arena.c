/* SPDX-License-Identifier: MIT */
/*
 * arena.c - memory that goes in one step
 *
 *     blocks -> [header | piece piece piece ......] -> [header | pieces, full] -> NULL
 *
 * Blocks double up to BLOCK_MAX; a piece larger than that has a block of its own size. What is left
 * of a block when the next piece does not fit is lost: at most half of it, and on average little.
 */
#include "arena.h"

#include <string.h>

#include "../lib/core/alloc.h"

#define BLOCK_MIN 4096
#define BLOCK_MAX ((size_t)1 << 20)
#define ALIGN 16

struct stoa__arena_block {
	struct stoa__arena_block *next;
	size_t size;		/* of @bytes */
	_Alignas(ALIGN) char bytes[];
};

static int grow(struct stoa__arena *a, size_t need)
{
	size_t size = a->blocks ? a->blocks->size * 2 : BLOCK_MIN;
	struct stoa__arena_block *b;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < need)
		size = need;
	b = stoa__alloc(sizeof *b + size);
	if (!b)
		return -1;
	b->next = a->blocks;
	b->size = size;
	a->blocks = b;
	a->used = 0;
	a->total += size;
	return 0;
}

void *stoa__arena_alloc(struct stoa__arena *a, size_t size)
{
	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if ((!a->blocks || a->blocks->size - a->used < size) && grow(a, size) < 0)
		return NULL;
	void *p = a->blocks->bytes + a->used;
	a->used += size;
	return p;
}

void *stoa__arena_zalloc(struct stoa__arena *a, size_t size)
{
	void *p = stoa__arena_alloc(a, size);

	if (p)
		memset(p, 0, size);
	return p;
}

void *stoa__arena_array(struct stoa__arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return stoa__arena_zalloc(a, bytes);
}

char *stoa__arena_copy(struct stoa__arena *a, const void *p, size_t len)
{
	char *copy = stoa__arena_alloc(a, len + 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, p, len);
	copy[len] = '\0';
	return copy;
}

static void free_blocks(struct stoa__arena_block *b)
{
	while (b) {
		struct stoa__arena_block *next = b->next;
		stoa__free(b);
		b = next;
	}
}

void stoa__arena_reset(struct stoa__arena *a)
{
	if (!a->blocks)
		return;
	free_blocks(a->blocks->next);
	a->blocks->next = NULL;
	a->used = 0;
	a->total = a->blocks->size;
}

void stoa__arena_release(struct stoa__arena *a)
{
	free_blocks(a->blocks);
	a->blocks = NULL;
	a->used = 0;
	a->total = 0;
}
