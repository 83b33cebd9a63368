/* SPDX-License-Identifier: MIT */
/* sites.c - see sites.h */
#include "sites.h"

#include <execinfo.h>
#include <pthread.h>
#include <string.h>

#include "alloc.h"
#include "hash.h"

#define CAP_FIRST 1024u

struct block {
	uintptr_t p;	/* 0: none */
	size_t size;
	uint32_t stack;
};

atomic_bool stoa__sites_on;

/* All below are guarded by it; a leaf, but for the allocator's own. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct stoa__stack *stacks;
static size_t n_stacks, cap_stacks;
static uint32_t *by_frames;		/* hash table: number of a stack + 1; twice cap_stacks */
static struct block *blocks;		/* hash table; at most half of it in use */
static size_t n_blocks, cap_blocks;	/* powers of two */

/* What this file allocates is not noted. */
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

static void lock(void)
{
	pthread_mutex_lock(&mutex);
	inside = true;
}

static void unlock(void)
{
	inside = false;
	pthread_mutex_unlock(&mutex);
}

static void make_ready(void)
{
	void *frame[1];

	/* The first call loads a library, which is not to happen inside the allocator. */
	(void)backtrace(frame, 1);
	pthread_atfork(lock, unlock, unlock);
}

bool stoa__sites_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_ready);
	return !atomic_exchange(&stoa__sites_on, true);
}

void stoa__sites_stop(void)
{
	lock();
	atomic_store(&stoa__sites_on, false);
	stoa__free(stacks);
	stoa__free(by_frames);
	stoa__free(blocks);
	stacks = NULL;
	by_frames = NULL;
	blocks = NULL;
	n_stacks = cap_stacks = n_blocks = cap_blocks = 0;
	unlock();
}

/* ---- stacks ---- */

/* Where in by_frames @s is, or belongs. */
static size_t stack_at(const struct stoa__stack *s)
{
	size_t mask = cap_stacks * 2 - 1;
	size_t i = stoa__hash(s->frame, s->n * sizeof s->frame[0]) & mask;

	while (by_frames[i] && (stacks[by_frames[i] - 1].n != s->n ||
				memcmp(stacks[by_frames[i] - 1].frame, s->frame,
				       s->n * sizeof s->frame[0])))
		i = (i + 1) & mask;
	return i;
}

static bool grow_stacks(void)
{
	size_t cap = cap_stacks ? cap_stacks * 2 : CAP_FIRST;
	struct stoa__stack *more;
	uint32_t *table;

	if (cap > STOA__SITE_STACKS_MAX)
		return false;
	more = stoa__realloc_array(stacks, cap, sizeof *stacks);
	if (!more)
		return false;
	stacks = more;
	table = stoa__calloc(cap * 2, sizeof *table);
	if (!table)
		return false;
	stoa__free(by_frames);
	by_frames = table;
	cap_stacks = cap;
	for (size_t i = 0; i < n_stacks; i++)
		by_frames[stack_at(&stacks[i])] = (uint32_t)i + 1;
	return true;
}

/* The number of the stack with these frames; STOA__SITE_NONE. */
static uint32_t intern(const struct stoa__stack *s)
{
	size_t at;

	if (n_stacks == cap_stacks && !grow_stacks())
		return STOA__SITE_NONE;
	at = stack_at(s);
	if (!by_frames[at]) {
		stacks[n_stacks++] = *s;
		by_frames[at] = (uint32_t)n_stacks;
	}
	return by_frames[at] - 1;
}

static void look_around(struct stoa__stack *s)
{
	memset(s, 0, sizeof *s);
	s->n = (uint32_t)backtrace(s->frame, STOA__SITE_DEPTH);
}

/* ---- blocks ---- */

static size_t home_of(uintptr_t p)
{
	/* Fibonacci hashing; the low bits of an address say nothing. */
	return (size_t)((uint64_t)(p >> 4) * 0x9e3779b97f4a7c15u >> 20) & (cap_blocks - 1);
}

/* Where @p is, or belongs. */
static size_t block_at(uintptr_t p)
{
	size_t i = home_of(p);

	while (blocks[i].p && blocks[i].p != p)
		i = (i + 1) & (cap_blocks - 1);
	return i;
}

static bool grow_blocks(void)
{
	struct block *old = blocks;
	size_t cap_old = cap_blocks, cap = cap_old ? cap_old * 2 : CAP_FIRST;
	struct block *table = stoa__calloc(cap, sizeof *table);

	if (!table)
		return false;
	blocks = table;
	cap_blocks = cap;
	for (size_t i = 0; i < cap_old; i++)
		if (old[i].p)
			blocks[block_at(old[i].p)] = old[i];
	stoa__free(old);
	return true;
}

static void put_block(const void *p, size_t size, uint32_t stack)
{
	size_t at;

	if (stack >= n_stacks || (n_blocks >= cap_blocks / 2 && !grow_blocks()))
		return;
	at = block_at((uintptr_t)p);
	n_blocks += !blocks[at].p;
	blocks[at] = (struct block){ (uintptr_t)p, size, stack };
	stacks[stack].bytes += (int64_t)size;
}

/* Entries behind it that were pushed past their home by it move up. */
static void take_out(size_t at)
{
	size_t mask = cap_blocks - 1;

	for (size_t i = (at + 1) & mask; blocks[i].p; i = (i + 1) & mask)
		if (((i - home_of(blocks[i].p)) & mask) >= ((i - at) & mask)) {
			blocks[at] = blocks[i];
			at = i;
		}
	blocks[at].p = 0;
	n_blocks--;
}

/* ---- for the allocator ---- */

void stoa__site_note(const void *p, size_t size)
{
	struct stoa__stack s;

	if (inside)
		return;
	look_around(&s);
	lock();
	if (stoa__sites_are_on())
		put_block(p, size, intern(&s));
	unlock();
}

void stoa__site_note_again(const void *p, size_t size, uint32_t stack)
{
	if (inside || stack == STOA__SITE_NONE)
		return;
	lock();
	if (stoa__sites_are_on())
		put_block(p, size, stack);
	unlock();
}

uint32_t stoa__site_forget(const void *p)
{
	uint32_t stack = STOA__SITE_NONE;
	size_t at;

	if (inside)
		return stack;
	lock();
	at = n_blocks ? block_at((uintptr_t)p) : 0;
	if (n_blocks && blocks[at].p) {
		stack = blocks[at].stack;
		stacks[stack].bytes -= (int64_t)blocks[at].size;
		take_out(at);
	}
	unlock();
	return stack;
}

void stoa__site_rows(uint64_t n)
{
	struct stoa__stack s;
	uint32_t stack;

	look_around(&s);
	lock();
	stack = stoa__sites_are_on() ? intern(&s) : STOA__SITE_NONE;
	if (stack != STOA__SITE_NONE)
		stacks[stack].rows += (int64_t)n;
	unlock();
}

bool stoa__sites_copy(struct stoa__stack **out, size_t *n, uint64_t *own_bytes)
{
	bool done;

	lock();
	*n = n_stacks;
	*own_bytes = stoa__alloc_size(stacks) + stoa__alloc_size(by_frames) +
		     stoa__alloc_size(blocks);
	*out = stoa__alloc(n_stacks * sizeof **out);
	done = *out != NULL;
	if (n_stacks && done)
		memcpy(*out, stacks, n_stacks * sizeof **out);
	unlock();
	return done;
}
