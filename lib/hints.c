/* SPDX-License-Identifier: MIT */
/* hints.c - see hints.h */
#include "hints.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hints_deep.h"

#define HUGE_PAGES_FROM ((size_t)4 << 20)

bool stoa__hints_determine(uint64_t n_groups, unsigned bits)
{
	unsigned known = 69 - bits;	/* low bits of the hash: 7 by the tag, 62 - bits by the word */

	return known >= 64 || UINT64_MAX / n_groups < (uint64_t)1 << known;
}

static uint64_t groups_for(uint64_t n)
{
	return (n * 100 / STOA__HINTS_LOAD + STOA__HINTS_WIDTH) / STOA__HINTS_WIDTH + 1;
}

void stoa__hints_plan(struct stoa__hints *h, const struct stoa__hints_shape *shape)
{
	uint64_t span = shape->last - shape->first;

	memset(h, 0, sizeof *h);
	h->n_groups = groups_for(shape->n);
	h->first = shape->first;
	h->bits = span ? 64 - (unsigned)__builtin_clzll(span) : 1;
	if (h->bits > STOA__HINTS_ROWID_BITS)	/* a file's nonsense: hints are lost, no more */
		h->bits = STOA__HINTS_ROWID_BITS;
	h->exact = shape->one_to_one && stoa__hints_determine(h->n_groups, h->bits);
}

int stoa__hints_take_groups(struct stoa__hints *h)
{
	size_t size = h->n_groups * sizeof *h->groups;

	h->groups = h->n_groups < SIZE_MAX / 1024 ? stoa__alloc_aligned(size) : NULL;
	if (!h->groups)
		return STOA_ENOMEM;
	/*
	 * Every look-up goes to another page of a large table: with small ones it costs a miss
	 * more.
	 */
	if (size >= HUGE_PAGES_FROM) {
		uintptr_t from = ((uintptr_t)h->groups + 4095) & ~(uintptr_t)4095;

		(void)madvise((void *)from, size - 4096, MADV_HUGEPAGE);
	}
	return STOA_OK;
}

void stoa__hints_give_groups(struct stoa__hints *h)
{
	stoa__free(h->groups);
	h->groups = NULL;
}

int stoa__hints_alloc(struct stoa__hints *h, const struct stoa__hints_shape *shape)
{
	stoa__hints_plan(h, shape);
	return stoa__hints_take_groups(h);
}

int stoa__hints_init(struct stoa__hints *h, const struct stoa__hints_shape *shape)
{
	STOA_TRY(stoa__hints_alloc(h, shape));
	memset((void *)h->groups, 0, h->n_groups * sizeof *h->groups);
	return STOA_OK;
}

void stoa__hints_release(struct stoa__hints *h)
{
	stoa__free(h->groups);
	memset(h, 0, sizeof *h);
}

unsigned stoa__hints_match_scalar(const struct stoa__hints_group *group, unsigned tag)
{
	unsigned bits = 0;

	for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++)
		bits |= (unsigned)(atomic_load_explicit(&group->tag[k],
							memory_order_acquire) == tag)
			<< k;
	return bits;
}

static unsigned gone_on(const struct stoa__hints_group *group)
{
	return atomic_load_explicit(&group->gone_on, memory_order_relaxed);
}

static void go_on(struct stoa__hints_group *group, uint64_t hash)
{
	atomic_store_explicit(&group->gone_on,
			      (uint8_t)(gone_on(group) | 1u << stoa__hints_class(hash)),
			      memory_order_relaxed);
}

/* The word of a hint with @mark. */
static uint64_t word_for(const struct stoa__hints *h, uint64_t hash, uint64_t rowid, uint64_t mark)
{
	uint64_t in_place = (rowid - h->first) & (((uint64_t)1 << h->bits) - 1);

	return stoa__hints_rest(h, hash) | mark << h->bits | in_place;
}

static void set_entry(struct stoa__hints_group *group, unsigned k, unsigned tag, uint64_t word)
{
	atomic_store_explicit(&group->word[k], word, memory_order_relaxed);
	atomic_store_explicit(&group->tag[k], (uint8_t)tag, memory_order_release);
}

/* Puts an entry into a group: false if there is no room. */
static bool put_into(struct stoa__hints *h, struct stoa__hints_group *group, unsigned tag,
		     uint64_t word)
{
	unsigned empty = stoa__hints_match(group, 0);

	if (!empty)
		return false;
	/* Counted before it is seen: who finds the count to be what it was has seen no other. */
	atomic_store_explicit(&h->n, stoa__hints_used(h) + 1, memory_order_relaxed);
	set_entry(group, (unsigned)__builtin_ctz(empty), tag, word);
	return true;
}

/* How many hints of a bucket a group has; *@there: one is that of the row. */
static unsigned count(const struct stoa__hints *h, const struct stoa__hints_group *group,
		      uint64_t hash, bool deep, uint64_t rowid, bool *there)
{
	unsigned n = 0;

	for (unsigned m = stoa__hints_match(group, stoa__hints_tag(hash)); m; m &= m - 1) {
		uint64_t word = stoa__hints_word(group, (unsigned)__builtin_ctz(m));

		if (!stoa__hints_is_of(stoa__hints_mark(h, word, hash), deep))
			continue;
		n++;
		*there |= stoa__hints_rowid(h, word) == rowid;
	}
	return n;
}

/* Puts a hint into a bucket of up to @max, or finds it there: false, it is full. */
static bool put_bucket(struct stoa__hints *h, uint64_t hash, bool deep, uint64_t rowid,
		       unsigned max)
{
	uint64_t g = stoa__hints_home(h, hash);
	unsigned n = 0;

	for (uint64_t step = 0;; step++) {
		struct stoa__hints_group *group = h->groups + g;
		uint64_t mark = deep ? STOA__HINTS_DEEP : step < 2 ? step : 2;
		bool there = false;

		n += count(h, group, hash, deep, rowid, &there);
		if (there)
			return true;
		if (n >= max)
			return false;
		if (put_into(h, group, stoa__hints_tag(hash), word_for(h, hash, rowid, mark)))
			return true;
		go_on(group, hash);
		g = stoa__hints_next(h, hash, g, step);
	}
}

void stoa__hints_put_below(struct stoa__hints *h, uint64_t hash, uint64_t rowid)
{
	(void)put_bucket(h, hash, true, rowid, UINT_MAX);
}

void stoa__hints_put_late(struct stoa__hints *h, uint64_t hash, uint64_t rowid)
{
	unsigned depth = stoa__hints_depth(h);

	for (unsigned level = 0; !put_bucket(h, hash, level, rowid, STOA__HINTS_BUCKET);) {
		if (level == depth) {
			stoa__hints_blur(h);
			return;
		}
		hash = stoa__hints_path(h, hash, ++level, rowid);
	}
}

/* Sets down before a hint is seen that rowids do not ascend. */
static void note_rowid(struct stoa__hints *h, uint64_t rowid)
{
	if (rowid <= h->last)
		atomic_store_explicit(&h->stale, true, memory_order_relaxed);
	else
		h->last = rowid;
}

void stoa__hints_put(struct stoa__hints *h, uint64_t hash, uint64_t rowid)
{
	note_rowid(h, rowid);
	stoa__hints_put_late(h, hash, rowid);
}
