/* SPDX-License-Identifier: MIT */
/*
 * alloc.c - malloc with checked sizes, counted bytes, and faults on demand
 *
 * Counting. Each thread adds what it allocates to a *tally* of its own and takes off what it frees,
 * its own blocks or others', so that a tally may be negative and the sum is right. An addition is
 * three plain instructions; a counter that all threads share would be a locked one, and a cache
 * line that travels. Sizes are malloc_usable_size(): no header of ours, and what is counted is what
 * the process pays. A thread's tally is in the list from its first allocation to its end; then it
 * is added to `gone`, which also counts what destructors do after ours.
 *
 * Faults. Tests let the nth allocation fail, in whatever thread it happens. Disarmed, which is
 * always so outside tests, that costs one relaxed load of a line that nobody writes, and a
 * branch that is never taken; the count of allocations is touched only while armed. Arming and
 * disarming are for one thread at a time; allocations meanwhile may come from any.
 *
 * Call sites. Who wants to know who took what has it noted (sites.h); that is a branch like that of
 * faults, in allocating and in freeing.
 *
 * A size of zero is taken for one, so that NULL always means that memory is out.
 */
#include "alloc.h"

#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sites.h"

#define ALIGNMENT 64
#define SMALL 1024

enum fault_mode { FAULT_OFF, FAULT_ONCE, FAULT_FOREVER };

static atomic_int fault_mode;
static atomic_long fault_countdown;	/* allocations that still succeed; below zero: past it */
static atomic_bool fault_fired;

static bool fault_now(int mode)
{
	long left = atomic_fetch_sub(&fault_countdown, 1);

	if (left > 0 || (left < 0 && mode == FAULT_ONCE))
		return false;
	atomic_store(&fault_fired, true);
	return true;
}

/* Is this allocation to fail? Asked once by each. */
static inline bool refuse(void)
{
	int mode = atomic_load_explicit(&fault_mode, memory_order_relaxed);

	return __builtin_expect(mode != FAULT_OFF, 0) && fault_now(mode);
}

bool stoa__alloc_refused(void)
{
	return refuse();
}

void stoa__fault_arm(long nth, bool forever)
{
	atomic_store(&fault_fired, false);
	atomic_store(&fault_countdown, nth);
	atomic_store(&fault_mode, forever ? FAULT_FOREVER : FAULT_ONCE);
}

bool stoa__fault_disarm(void)
{
	atomic_store(&fault_mode, FAULT_OFF);
	return atomic_load(&fault_fired);
}

/* ---- counting ---- */

enum tally_state { TALLY_NEW, TALLY_LISTED, TALLY_OVER };

struct tally {
	_Atomic int64_t bytes;	/* only its thread writes */
	enum tally_state state;
	struct tally *next, *prev;
};

static pthread_mutex_t tallies_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct tally tallies = { .next = &tallies, .prev = &tallies };
static _Atomic int64_t gone;
static pthread_key_t tally_key;
static bool has_tally_key;

/* Few bytes, and found without a call from a shared library too. */
static _Thread_local struct tally mine __attribute__((tls_model("initial-exec")));

static void lock_tallies(void)
{
	pthread_mutex_lock(&tallies_mutex);
}

static void unlock_tallies(void)
{
	pthread_mutex_unlock(&tallies_mutex);
}

/* The thread ends. */
static void end_tally(void *p)
{
	struct tally *t = p;

	lock_tallies();
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->state = TALLY_OVER;
	atomic_fetch_add(&gone, atomic_load_explicit(&t->bytes, memory_order_relaxed));
	unlock_tallies();
}

static void make_tally_key(void)
{
	has_tally_key = !pthread_key_create(&tally_key, end_tally);
	pthread_atfork(lock_tallies, unlock_tallies, unlock_tallies);
}

/* The first allocation of a thread, and those of one that has no tally any more. */
static __attribute__((noinline)) void count_slowly(int64_t change)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_tally_key);
	if (mine.state == TALLY_OVER || !has_tally_key || pthread_setspecific(tally_key, &mine)) {
		atomic_fetch_add(&gone, change);
		return;
	}
	lock_tallies();
	atomic_store_explicit(&mine.bytes, change, memory_order_relaxed);
	mine.state = TALLY_LISTED;
	mine.next = tallies.next;
	mine.prev = &tallies;
	tallies.next->prev = &mine;
	tallies.next = &mine;
	unlock_tallies();
}

static inline void count(int64_t change)
{
	if (__builtin_expect(mine.state != TALLY_LISTED, 0)) {
		count_slowly(change);
		return;
	}
	atomic_store_explicit(&mine.bytes,
			      atomic_load_explicit(&mine.bytes, memory_order_relaxed) + change,
			      memory_order_relaxed);
}

static inline void count_new(void *p, size_t size)
{
	count((int64_t)size);
	if (stoa__sites_are_on())
		stoa__site_note(p, size);
}

/* @p has just been allocated, or NULL. */
static inline void *counted(void *p)
{
	if (p)
		count_new(p, malloc_usable_size(p));
	return p;
}

size_t stoa__alloc_size(const void *p)
{
	return malloc_usable_size((void *)(uintptr_t)p);
}

uint64_t stoa__alloc_bytes(void)
{
	int64_t sum;

	lock_tallies();
	sum = atomic_load(&gone);
	for (struct tally *t = tallies.next; t != &tallies; t = t->next)
		sum += atomic_load_explicit(&t->bytes, memory_order_relaxed);
	unlock_tallies();
	return sum > 0 ? (uint64_t)sum : 0;
}

/* ---- allocating ---- */

void *stoa__alloc(size_t size)
{
	/* Beyond PTRDIFF_MAX the difference of two pointers into the block would overflow. */
	if (size > PTRDIFF_MAX || refuse())
		return NULL;
	return counted(malloc(size ? size : 1));
}

void *stoa__calloc(size_t n, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(n, size, &total) || total > PTRDIFF_MAX || refuse())
		return NULL;
	if (total > SMALL)
		return counted(calloc(n, size));
	/*
	 * glibc's calloc() passes its per-thread cache by, which most small blocks could come from.
	 */
	p = counted(malloc(total ? total : 1));
	return p ? memset(p, 0, total) : NULL;
}

/* The same while call sites are noted: by the time realloc() is back another may have @p's address. */
static __attribute__((noinline)) void *realloc_noted(void *p, size_t old, size_t size)
{
	uint32_t stack = p ? stoa__site_forget(p) : STOA__SITE_NONE;
	void *new = realloc(p, size);

	if (!new) {
		stoa__site_note_again(p, old, stack);
		return NULL;
	}
	count((int64_t)malloc_usable_size(new) - (int64_t)old);
	stoa__site_note(new, malloc_usable_size(new));
	return new;
}

void *stoa__realloc(void *p, size_t size)
{
	size_t old = malloc_usable_size(p);

	if (size > PTRDIFF_MAX || refuse())
		return NULL;
	if (stoa__sites_are_on())
		return realloc_noted(p, old, size ? size : 1);
	p = realloc(p, size ? size : 1);
	if (p)
		count((int64_t)malloc_usable_size(p) - (int64_t)old);
	return p;
}

void *stoa__realloc_array(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	return stoa__realloc(p, total);
}

void *stoa__alloc_aligned(size_t size)
{
	if (size > PTRDIFF_MAX - ALIGNMENT || refuse())
		return NULL;
	/* C11 wants a multiple of the alignment. */
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	return counted(aligned_alloc(ALIGNMENT, size ? size : ALIGNMENT));
}

char *stoa__strndup(const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;
	copy = stoa__alloc(len + 1);
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void *stoa__alloc_told(size_t size, size_t *got)
{
	void *p;

	if (size > PTRDIFF_MAX || refuse())
		return NULL;
	p = malloc(size ? size : 1);
	if (!p)
		return NULL;
	*got = malloc_usable_size(p);
	count_new(p, *got);
	return p;
}

size_t stoa__free_told(void *p)
{
	size_t size;

	if (!p)
		return 0;
	size = malloc_usable_size(p);
	count(-(int64_t)size);
	if (stoa__sites_are_on())
		(void)stoa__site_forget(p);
	free(p);
	return size;
}

void stoa__free(void *p)
{
	(void)stoa__free_told(p);
}

void *stoa__reserve(size_t size)
{
	void *p;

	if (refuse())
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void stoa__unreserve(void *p, size_t size)
{
	if (p)
		(void)munmap(p, size);
}
