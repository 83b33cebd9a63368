/* SPDX-License-Identifier: MIT */
/*
 * symbol.c - see symbol.h
 *
 * (1) A live entry has count > 0 and bytes, and is in exactly one slot, reachable by probing from
 *     its hash's home without passing an empty slot.
 * (2) A free entry has count 0, no bytes, and is in the chain from free_id, linked by its hash
 *     field.
 */
#include "symbol.h"

#include <string.h>

#include "core/alloc.h"
#include "core/hash.h"

#define PAGE_BITS 12
#define PAGE_ENTRIES (1u << PAGE_BITS)
#define N_PAGES (1u << (32 - PAGE_BITS))
#define SLOTS_MIN 64u

struct stoa__symbol_entry {
	char *p;
	uint32_t len;
	uint32_t count;
	uint32_t hash;	/* of a free entry: the next free id */
	uint32_t zero;
};

struct stoa__symbol_slot {
	uint32_t id;	/* 0: empty */
	uint32_t hash;
};

int stoa__symbols_init(struct stoa__symbols *s)
{
	memset(s, 0, sizeof *s);
	/* Eight megabytes of address space. */
	s->pages = stoa__reserve(N_PAGES * sizeof *s->pages);
	if (!s->pages)
		return STOA_ENOMEM;
	if (pthread_mutex_init(&s->mutex, NULL)) {
		stoa__unreserve(s->pages, N_PAGES * sizeof *s->pages);
		s->pages = NULL;
		return STOA_ENOMEM;
	}
	s->n_entries = 1;
	return STOA_OK;
}

static struct stoa__symbol_entry *entry_of(const struct stoa__symbols *s, uint32_t id)
{
	return &atomic_load_explicit(&s->pages[id >> PAGE_BITS], memory_order_acquire)
			[id & (PAGE_ENTRIES - 1)];
}

void stoa__symbols_release(struct stoa__symbols *s)
{
	if (!s->pages)
		return;
	for (uint32_t id = 1; id < s->n_entries; id++)
		stoa__free(entry_of(s, id)->p);
	for (uint32_t i = 0; i <= (s->n_entries - 1) >> PAGE_BITS; i++)
		stoa__free(s->pages[i]);
	stoa__unreserve(s->pages, N_PAGES * sizeof *s->pages);
	stoa__free(s->slots);
	pthread_mutex_destroy(&s->mutex);
	memset(s, 0, sizeof *s);
}

struct stoa_bytes stoa__symbol_bytes(const struct stoa__symbols *s, uint32_t id)
{
	const struct stoa__symbol_entry *e = entry_of(s, id);

	return (struct stoa_bytes){ e->p, e->len };
}

void stoa__symbol_prefetch(const struct stoa__symbols *s, uint32_t id)
{
	__asm__ volatile("");	/* see stoa__chunk_prefetch() */
	__builtin_prefetch(entry_of(s, id));
}

static uint32_t hash_of(const char *p, uint32_t len)
{
	return (uint32_t)(stoa__hash(p, len) >> 32);
}

/* The slot that holds the string, or the empty one where it would go. */
static struct stoa__symbol_slot *probe(const struct stoa__symbols *s, const char *p, uint32_t len,
				       uint32_t hash)
{
	uint32_t mask = s->n_slots - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		struct stoa__symbol_slot *slot = &s->slots[i];

		if (!slot->id)
			return slot;
		if (slot->hash == hash) {
			const struct stoa__symbol_entry *e = entry_of(s, slot->id);

			if (e->len == len && !memcmp(e->p, p, len))
				return slot;
		}
	}
}

/* Changes under the mutex, and is read without it where a limit on memory is kept. */
static void count_bytes(struct stoa__symbols *s, int64_t change)
{
	atomic_fetch_add_explicit(&s->bytes, (uint64_t)change, memory_order_relaxed);
}

static int resize(struct stoa__symbols *s, uint32_t n_slots)
{
	struct stoa__symbol_slot *slots = stoa__calloc(n_slots, sizeof *slots);
	uint32_t mask = n_slots - 1;

	if (!slots)
		return STOA_ENOMEM;
	for (uint32_t i = 0; i < s->n_slots; i++) {
		struct stoa__symbol_slot slot = s->slots[i];
		uint32_t to = slot.hash & mask;

		if (!slot.id)
			continue;
		while (slots[to].id)
			to = (to + 1) & mask;
		slots[to] = slot;
	}
	count_bytes(s, (int64_t)stoa__alloc_size(slots) - (int64_t)stoa__alloc_size(s->slots));
	stoa__free(s->slots);
	s->slots = slots;
	s->n_slots = n_slots;
	return STOA_OK;
}

/* An id for a new entry; not in use until its count is set. 0 when memory or ids are out. */
static uint32_t new_id(struct stoa__symbols *s)
{
	uint32_t id = s->free_id, page;

	if (id) {
		s->free_id = entry_of(s, id)->hash;
		return id;
	}
	id = s->n_entries;
	if (id == UINT32_MAX)
		return 0;
	page = id >> PAGE_BITS;
	if (!s->pages[page]) {
		struct stoa__symbol_entry *e = stoa__calloc(PAGE_ENTRIES, sizeof *e);

		if (!e)
			return 0;
		count_bytes(s, (int64_t)stoa__alloc_size(e));
		atomic_store_explicit(&s->pages[page], e, memory_order_release);
	}
	s->n_entries++;
	return id;
}

static void free_id(struct stoa__symbols *s, uint32_t id)
{
	struct stoa__symbol_entry *e = entry_of(s, id);

	*e = (struct stoa__symbol_entry){ .hash = s->free_id };
	s->free_id = id;
}

static int intern_locked(struct stoa__symbols *s, const char *p, uint32_t len, uint32_t hash,
			 uint32_t *out)
{
	struct stoa__symbol_slot *slot;
	struct stoa__symbol_entry *e;
	size_t size;
	char *copy;
	uint32_t id;

	if (s->n_live + 1 > s->n_slots / 4 * 3)
		STOA_TRY(resize(s, s->n_slots ? s->n_slots * 2 : SLOTS_MIN));
	slot = probe(s, p, len, hash);
	if (slot->id) {
		entry_of(s, slot->id)->count++;
		*out = slot->id;
		return STOA_OK;
	}
	copy = stoa__alloc_told(len, &size);
	if (!copy)
		return STOA_ENOMEM;
	if (len)
		memcpy(copy, p, len);
	id = new_id(s);
	if (!id) {
		stoa__free(copy);
		return STOA_ENOMEM;
	}
	e = entry_of(s, id);
	*e = (struct stoa__symbol_entry){ .p = copy, .len = len, .count = 1, .hash = hash };
	*slot = (struct stoa__symbol_slot){ id, hash };
	s->n_live++;
	count_bytes(s, (int64_t)size);
	*out = id;
	return STOA_OK;
}

int stoa__symbol_intern(struct stoa__symbols *s, const char *p, uint32_t len, uint32_t *id)
{
	uint32_t hash = hash_of(p, len);
	int rc;

	pthread_mutex_lock(&s->mutex);
	rc = intern_locked(s, p, len, hash, id);
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

uint32_t stoa__symbol_find(struct stoa__symbols *s, const char *p, uint32_t len)
{
	uint32_t hash = hash_of(p, len), id = 0;

	pthread_mutex_lock(&s->mutex);
	if (s->n_slots)
		id = probe(s, p, len, hash)->id;
	pthread_mutex_unlock(&s->mutex);
	return id;
}

void stoa__symbol_hold(struct stoa__symbols *s, uint32_t id)
{
	stoa__symbol_hold_all(s, &id, 1);
}

void stoa__symbol_hold_all(struct stoa__symbols *s, const uint32_t *ids, size_t n)
{
	pthread_mutex_lock(&s->mutex);
	for (size_t i = 0; i < n; i++)
		if (ids[i])
			entry_of(s, ids[i])->count++;
	pthread_mutex_unlock(&s->mutex);
}

/*
 * Takes entry @id out of the hash table: later ones of its run move up, so that no mark is left
 * (Knuth 6.4 R).
 */
static void unslot(struct stoa__symbols *s, uint32_t id)
{
	uint32_t mask = s->n_slots - 1, hole = entry_of(s, id)->hash & mask, i;

	while (s->slots[hole].id != id)
		hole = (hole + 1) & mask;
	for (i = (hole + 1) & mask; s->slots[i].id; i = (i + 1) & mask) {
		uint32_t home = s->slots[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;	/* the hole lies before its home */
		s->slots[hole] = s->slots[i];
		hole = i;
	}
	s->slots[hole].id = 0;
}

static void drop_locked(struct stoa__symbols *s, uint32_t id)
{
	struct stoa__symbol_entry *e = entry_of(s, id);

	STOA_ASSERT(e->count > 0);
	if (--e->count)
		return;
	unslot(s, id);
	s->n_live--;
	count_bytes(s, -(int64_t)stoa__free_told(e->p));
	free_id(s, id);
}

void stoa__symbol_drop(struct stoa__symbols *s, const uint32_t *ids, size_t n)
{
	pthread_mutex_lock(&s->mutex);
	for (size_t i = 0; i < n; i++)
		if (ids[i])
			drop_locked(s, ids[i]);
	/*
	 * A table that has become mostly empty gives its slots back; if memory is out it may stay.
	 */
	if (s->n_slots > SLOTS_MIN && s->n_live < s->n_slots / 16)
		(void)resize(s, s->n_slots / 4 > SLOTS_MIN ? s->n_slots / 4 : SLOTS_MIN);
	pthread_mutex_unlock(&s->mutex);
}

uint32_t stoa__symbol_count(struct stoa__symbols *s, uint32_t id)
{
	uint32_t count;

	pthread_mutex_lock(&s->mutex);
	count = entry_of(s, id)->count;
	pthread_mutex_unlock(&s->mutex);
	return count;
}

uint64_t stoa__symbols_table_bytes(const struct stoa__symbols *s, uint64_t *unused)
{
	uint64_t bytes = stoa__alloc_size(s->slots);

	for (uint32_t i = 0; i <= (s->n_entries - 1) >> PAGE_BITS; i++)
		bytes += stoa__alloc_size(s->pages[i]);
	*unused = (uint64_t)(s->n_entries - 1 - s->n_live) * sizeof(struct stoa__symbol_entry);
	return bytes;
}

static bool check_locked(struct stoa__symbols *s, const char **why)
{
	uint32_t n_live = 0, n_free = 0, n_used = 0;

	for (uint32_t id = 1; id < s->n_entries; id++) {
		const struct stoa__symbol_entry *e = entry_of(s, id);

		if (!e->count != !e->p) {
			*why = "a symbol has bytes but no holder, or the reverse";
			return false;
		}
		n_live += e->count > 0;
		if (e->count && probe(s, e->p, e->len, e->hash)->id != id) {
			*why = "a symbol is not found by its bytes";
			return false;
		}
	}
	for (uint32_t i = 0; i < s->n_slots; i++)
		n_used += s->slots[i].id != 0;
	for (uint32_t id = s->free_id; id && n_free <= s->n_entries; id = entry_of(s, id)->hash)
		n_free++;
	if (n_live != s->n_live || n_used != n_live || n_live + n_free + 1 != s->n_entries) {
		*why = "symbol counts disagree";
		return false;
	}
	return true;
}

bool stoa__symbols_check(struct stoa__symbols *s, const char **why)
{
	bool ok;

	pthread_mutex_lock(&s->mutex);
	ok = check_locked(s, why);
	pthread_mutex_unlock(&s->mutex);
	return ok;
}
