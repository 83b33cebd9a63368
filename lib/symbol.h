/* SPDX-License-Identifier: MIT */
/*
 * symbol.h - interned strings: bytes to id, id to bytes, counted
 *
 * One table per database. A string is stored once; its id is the same for every table and column,
 * so two strings are equal when their ids are. Its count is the number of its holders: elements of
 * pages, lists of encoded row groups in memory, handles of the application. With the last one its
 * bytes go and its id may be given to another string.
 *
 * Ids are found through pages of entries that never move, so that bytes are read without a lock by
 * whoever knows that a holder lives. Pages go when their last symbol does. The hash table (open addressing, linear probing, at most 3/4
 * full, backward-shift deletion) holds ids with 32 bits of their hash beside them, so that a probe
 * seldom touches bytes.
 *
 * Threads: any; interning and dropping take the table's mutex.
 */
#ifndef STOA__SYMBOL_H
#define STOA__SYMBOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/error.h"

struct stoa__symbol_page;

struct stoa__symbols {
	pthread_mutex_t mutex;
	struct stoa__symbol_page *_Atomic *pages;	/* by id; NULL: there is none */
	uint32_t n_pages;	/* all are below; */
	uint32_t low_page;	/* and all below this are there */
	struct stoa__symbol_page *open;		/* those with room */
	uint32_t n_live;
	_Atomic uint64_t bytes;	/* heap held, all of it */
	struct stoa__symbol_slot *slots;
	uint32_t n_slots;	/* a power of two, or 0 */
	/* Texts and blobs in pages are not interned, but counted here too: page.c. */
	_Atomic uint64_t text_bytes;	/* in memory of their own */
	struct {
		_Atomic uint64_t bytes;		/* of memory */
		_Atomic uint64_t taken;		/* by texts, ever; the writer's */
		_Atomic uint64_t given_up;	/* of these */
	} slabs;
};

/* Memory of slabs that no text is in. */
static inline uint64_t stoa__slabs_room(struct stoa__symbols *s)
{
	return atomic_load(&s->slabs.bytes) - (atomic_load(&s->slabs.taken) - atomic_load(&s->slabs.given_up));
}

int stoa__symbols_init(struct stoa__symbols *s);
/* All holders must be gone, or never look again. */
void stoa__symbols_release(struct stoa__symbols *s);

/* The id of a string, held once more. STOA_OK or STOA_ENOMEM. */
int stoa__symbol_intern(struct stoa__symbols *s, const char *p, uint32_t len, uint32_t *id);
/* The id of a string if something holds it, not held; else 0. */
uint32_t stoa__symbol_find(struct stoa__symbols *s, const char *p, uint32_t len);
void stoa__symbol_hold(struct stoa__symbols *s, uint32_t id);
/* Gives up one hold on each of @n ids; 0 is passed over. */
void stoa__symbol_drop(struct stoa__symbols *s, const uint32_t *ids, size_t n);
void stoa__symbol_hold_all(struct stoa__symbols *s, const uint32_t *ids, size_t n);
/* Borrowed while something holds the id. No lock. */
struct stoa_bytes stoa__symbol_bytes(const struct stoa__symbols *s, uint32_t id);
/* Hints the processor at what stoa__symbol_bytes() will read. */
void stoa__symbol_prefetch(const struct stoa__symbols *s, uint32_t id);
/*
 * What the table takes beside the strings themselves, and how much of it is unused ids. The mutex
 * is held.
 */
uint64_t stoa__symbols_table_bytes(const struct stoa__symbols *s, uint64_t *unused);
uint32_t stoa__symbol_count(struct stoa__symbols *s, uint32_t id);
/* Walks everything: does it keep its invariants? If not, *@why is the first broken. */
bool stoa__symbols_check(struct stoa__symbols *s, const char **why);

#endif
