/* SPDX-License-Identifier: MIT */
/*
 * symbol.c - see symbol.h
 *
 * (1) A live entry has count > 0 and bytes, and is in exactly one slot, reachable by probing from
 *     its hash's home without passing an empty slot.
 * (2) A free entry has count 0 and no bytes, and is in the chain of its page, linked by its hash
 *     field, or was never taken: those from n_taken on.
 * (3) A page with room is in the list of open pages. One without symbols goes, if there is room in
 *     another; its ids may be given out by a new page in its place.
 *
 * So entries go as strings do, page by page: ids cannot move, so a page stays for one string. New
 * strings go where the last free entry is, not into new pages.
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

/* Of ids [number * PAGE_ENTRIES, (number + 1) * PAGE_ENTRIES). */
struct stoa__symbol_page {
	struct stoa__symbol_page *next, *prev;	/* of those that are open */
	uint32_t number;
	uint32_t n_live, n_taken;
	uint32_t free;		/* the chain's head, by id, as are its links; 0: none */
	struct stoa__symbol_entry entry[PAGE_ENTRIES];	/* the first of all is no symbol */
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
	return STOA_OK;
}

static struct stoa__symbol_page *page_of(const struct stoa__symbols *s, uint32_t id)
{
	return atomic_load_explicit(&s->pages[id >> PAGE_BITS], memory_order_acquire);
}

static struct stoa__symbol_entry *entry_of(const struct stoa__symbols *s, uint32_t id)
{
	return &page_of(s, id)->entry[id % PAGE_ENTRIES];
}

void stoa__symbols_release(struct stoa__symbols *s)
{
	if (!s->pages)
		return;
	for (uint32_t n = 0; n < s->n_pages; n++) {
		struct stoa__symbol_page *page = s->pages[n];

		for (uint32_t i = 0; page && i < page->n_taken; i++)
			stoa__free(page->entry[i].p);
		stoa__free(page);
	}
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

/* ---- pages ---- */

static void open_page(struct stoa__symbols *s, struct stoa__symbol_page *page)
{
	page->prev = NULL;
	page->next = s->open;
	if (page->next)
		page->next->prev = page;
	s->open = page;
}

static void close_page(struct stoa__symbols *s, struct stoa__symbol_page *page)
{
	if (page->next)
		page->next->prev = page->prev;
	*(page->prev ? &page->prev->next : &s->open) = page->next;
}

/* The least number that no page has. */
static uint32_t free_number(struct stoa__symbols *s)
{
	while (s->pages[s->low_page])
		s->low_page++;
	return s->low_page;
}

static int new_page(struct stoa__symbols *s)
{
	uint32_t number = free_number(s);
	struct stoa__symbol_page *page;

	if (number == N_PAGES - 1)
		return STOA_ENOMEM;
	page = stoa__calloc(1, sizeof *page);
	if (!page)
		return STOA_ENOMEM;
	page->number = number;
	page->n_taken = number == 0;
	count_bytes(s, (int64_t)stoa__alloc_size(page));
	atomic_store_explicit(&s->pages[number], page, memory_order_release);
	if (number >= s->n_pages)
		s->n_pages = number + 1;
	open_page(s, page);
	return STOA_OK;
}

/* Nobody holds a symbol of it, so nobody looks. */
static void free_page(struct stoa__symbols *s, struct stoa__symbol_page *page)
{
	close_page(s, page);
	atomic_store_explicit(&s->pages[page->number], NULL, memory_order_relaxed);
	if (page->number < s->low_page)
		s->low_page = page->number;
	while (s->n_pages && !s->pages[s->n_pages - 1])
		s->n_pages--;
	count_bytes(s, -(int64_t)stoa__alloc_size(page));
	stoa__free(page);
}

/* An id for a new entry. 0 when memory or ids are out. */
static uint32_t new_id(struct stoa__symbols *s)
{
	struct stoa__symbol_page *page;
	uint32_t id;

	if (!s->open && new_page(s) < 0)
		return 0;
	page = s->open;
	id = page->free;
	if (id)
		page->free = page->entry[id % PAGE_ENTRIES].hash;
	else
		id = page->number * PAGE_ENTRIES + page->n_taken++;
	page->n_live++;
	if (!page->free && page->n_taken == PAGE_ENTRIES)
		close_page(s, page);
	return id;
}

static void free_id(struct stoa__symbols *s, uint32_t id)
{
	struct stoa__symbol_page *page = page_of(s, id);

	if (!page->free && page->n_taken == PAGE_ENTRIES)
		open_page(s, page);
	page->entry[id % PAGE_ENTRIES] = (struct stoa__symbol_entry){ .hash = page->free };
	page->free = id;
	if (!--page->n_live && (page->next || page->prev))
		free_page(s, page);
}

/* ---- strings ---- */

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
	free_id(s, id);	/* and perhaps its page */
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
	uint64_t bytes = stoa__alloc_size(s->slots), n_pages = 0;

	for (uint32_t i = 0; i < s->n_pages; i++) {
		bytes += s->pages[i] ? stoa__alloc_size(s->pages[i]) : 0;
		n_pages += s->pages[i] != NULL;
	}
	*unused = (n_pages * PAGE_ENTRIES - s->n_live) * sizeof(struct stoa__symbol_entry);
	return bytes;
}

/* What is wrong with a page, or NULL; how many symbols it has is added up. */
static const char *page_fault(const struct stoa__symbols *s, const struct stoa__symbol_page *page,
			      uint32_t *n_live)
{
	uint32_t n = 0, n_free = 0, first = page->number == 0;

	for (uint32_t i = first; i < page->n_taken; i++) {
		const struct stoa__symbol_entry *e = &page->entry[i];

		if (!e->count != !e->p)
			return "a symbol has bytes but no holder, or the reverse";
		n += e->count > 0;
		if (e->count && probe(s, e->p, e->len, e->hash)->id != page->number * PAGE_ENTRIES + i)
			return "a symbol is not found by its bytes";
	}
	for (uint32_t id = page->free; id && n_free <= PAGE_ENTRIES; n_free++)
		id = page->entry[id % PAGE_ENTRIES].hash;
	*n_live += n;
	return n != page->n_live || n + n_free + first != page->n_taken ? "a page's counts disagree" : NULL;
}

static bool check_locked(struct stoa__symbols *s, const char **why)
{
	uint32_t n_live = 0, n_used = 0, n_open = 0, n_listed = 0;

	for (uint32_t n = 0; n < s->n_pages; n++) {
		const struct stoa__symbol_page *page = s->pages[n];

		*why = page ? page_fault(s, page, &n_live) : NULL;
		if (*why)
			return false;
		n_open += page && (page->free || page->n_taken < PAGE_ENTRIES);
	}
	for (const struct stoa__symbol_page *page = s->open; page && n_listed <= n_open; page = page->next)
		n_listed++;
	for (uint32_t i = 0; i < s->n_slots; i++)
		n_used += s->slots[i].id != 0;
	if (n_live == s->n_live && n_used == n_live && n_listed == n_open)
		return true;
	*why = "symbol counts disagree";
	return false;
}

bool stoa__symbols_check(struct stoa__symbols *s, const char **why)
{
	bool ok;

	pthread_mutex_lock(&s->mutex);
	ok = check_locked(s, why);
	pthread_mutex_unlock(&s->mutex);
	return ok;
}
