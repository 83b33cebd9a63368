/* SPDX-License-Identifier: MIT */
/*
 * spares.h - small pieces of memory that are over, for the next who wants one of their size
 *
 * Who allocates some blocks and frees as many of the same sizes a moment later, again and again, is
 * spared malloc(), free(), and counting: a fifth of the smallest transaction. Pieces are kept by steps
 * of 16 bytes, those of class c with room for 16 c + 8, which is what glibc makes of smaller sizes
 * anyway; SPARES_BYTES of them in all.
 *
 * (1) A piece that is kept is allocated as far as the allocator knows, and is in `bytes`.
 * (2) A piece has the room that stoa__spares_room() says for the size with which it comes.
 * Taking one is an allocation to tests that let the nth fail. While call sites are noted nothing is
 * kept or given, so that each piece is noted. Under the address sanitizer neither, so that it sees who
 * uses memory after its end.
 * Threads: one at a time; `bytes` may be read by any.
 */
#ifndef STOA__SPARES_H
#define STOA__SPARES_H

#include <stdatomic.h>
#include <string.h>

#include "alloc.h"
#include "sites.h"

#define SPARES_CLASSES 40		/* the last is that of 632 bytes */
#define SPARES_BYTES ((size_t)8 << 10)

#if defined(__SANITIZE_ADDRESS__)
#define SPARES_SIZE_MAX 0u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARES_SIZE_MAX 0u
#endif
#endif
#ifndef SPARES_SIZE_MAX
#define SPARES_SIZE_MAX (16u * (SPARES_CLASSES - 1) + 8)
#endif

/* Zeros are an empty one. */
struct stoa__spares {
	void *first[SPARES_CLASSES];	/* lists through the first word of each */
	_Atomic size_t bytes;
};

static inline size_t stoa__spares_bytes(const struct stoa__spares *s)
{
	return atomic_load_explicit(&s->bytes, memory_order_relaxed);
}

static inline size_t spares_class(size_t size)
{
	return (size + 7) / 16;
}

/* What a piece of @size bytes is to be allocated with. */
static inline size_t stoa__spares_room(size_t size)
{
	return size > SPARES_SIZE_MAX ? size : spares_class(size) * 16 + 8;
}

static inline void *stoa__spares_take(struct stoa__spares *s, size_t size)
{
	size_t class = spares_class(size), room = stoa__spares_room(size);
	void *p;

	if (size > SPARES_SIZE_MAX || !s->first[class] || stoa__sites_are_on())
		return stoa__alloc(room);
	if (stoa__alloc_refused())
		return NULL;
	p = s->first[class];
	memcpy(&s->first[class], p, sizeof p);
	atomic_store_explicit(&s->bytes, stoa__spares_bytes(s) - room, memory_order_relaxed);
	return p;
}

static inline void stoa__spares_give(struct stoa__spares *s, void *p, size_t size)
{
	size_t class = spares_class(size), room = stoa__spares_room(size);

	if (size > SPARES_SIZE_MAX || stoa__spares_bytes(s) + room > SPARES_BYTES ||
	    stoa__sites_are_on()) {
		stoa__free(p);
		return;
	}
	memcpy(p, &s->first[class], sizeof p);
	s->first[class] = p;
	atomic_store_explicit(&s->bytes, stoa__spares_bytes(s) + room, memory_order_relaxed);
}

static inline void stoa__spares_release(struct stoa__spares *s)
{
	for (size_t i = 0; i < SPARES_CLASSES; i++) {
		while (s->first[i]) {
			void *p = s->first[i];

			memcpy(&s->first[i], p, sizeof p);
			stoa__free(p);
		}
	}
	atomic_store_explicit(&s->bytes, 0, memory_order_relaxed);
}

#endif
