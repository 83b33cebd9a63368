/* SPDX-License-Identifier: MIT */
/* hints_fill.c - see hints_fill.h */
#include "hints_fill.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

#define CLASSES 8

void stoa__shard_clear(struct stoa__shard *s)
{
	memset((void *)s->groups, 0, (s->hi - s->lo) * sizeof *s->groups);
}

void stoa__strays_release(struct stoa__strays *s)
{
	stoa__free(s->stray);
	*s = (struct stoa__strays){ 0 };
}

static int stray_add(struct stoa__shard *s, struct stoa__strays *to, struct stoa__stray stray)
{
	if (to->n == to->cap) {
		size_t cap = to->cap ? to->cap * 2 : 64;
		struct stoa__stray *p = stoa__realloc_array(to->stray, cap, sizeof *p);

		if (!p)
			return stoa__fail_memory(s->err);
		to->stray = p;
		to->cap = cap;
	}
	to->stray[to->n++] = stray;
	return STOA_OK;
}

/* ---- words ---- */

/* The bits of a hash that a word has, in their places: class and jump among them. */
static uint64_t hash_of(const struct stoa__hints *h, uint64_t word)
{
	return word >> (h->bits + 2) << 7;
}

static unsigned mark_of(const struct stoa__hints *h, uint64_t word)
{
	return word >> h->bits & 3;
}

static uint64_t marked(const struct stoa__hints *h, uint64_t word, uint64_t step)
{
	return word | (step < 2 ? step : 2) << h->bits;
}

static uint64_t rowid_bits(const struct stoa__hints *h)
{
	return ((uint64_t)1 << h->bits) - 1;
}

/* ---- groups ---- */

static bool is_in(const struct stoa__shard *s, uint64_t g)
{
	return g >= s->lo && g < s->hi;
}

static struct stoa__hints_group *group_at(const struct stoa__shard *s, uint64_t g)
{
	return s->groups + (g - s->lo);
}

static void set_entry(struct stoa__hints_group *group, unsigned k, unsigned tag, uint64_t word)
{
	atomic_store_explicit(&group->word[k], word, memory_order_relaxed);
	atomic_store_explicit(&group->tag[k], (uint8_t)tag, memory_order_relaxed);
}

static unsigned tag_of(const struct stoa__hints_group *group, unsigned k)
{
	return atomic_load_explicit(&group->tag[k], memory_order_relaxed);
}

static uint64_t word_of(const struct stoa__hints_group *group, unsigned k)
{
	return atomic_load_explicit(&group->word[k], memory_order_relaxed);
}

static unsigned gone_on(const struct stoa__hints_group *group)
{
	return atomic_load_explicit(&group->gone_on, memory_order_relaxed);
}

static void go_on(struct stoa__hints_group *group, unsigned class)
{
	atomic_store_explicit(&group->gone_on, (uint8_t)(gone_on(group) | 1u << class),
			      memory_order_relaxed);
}

static bool put_into(struct stoa__hints_group *group, unsigned tag, uint64_t word)
{
	unsigned empty = stoa__hints_match(group, 0);

	if (!empty)
		return false;
	set_entry(group, (unsigned)__builtin_ctz(empty), tag, word);
	return true;
}

/*
 * Is a hint of the same hash in the group, for a row that has the same key? enum stoa__equals; if
 * the old one goes, the new one has its place.
 */
static int look(struct stoa__shard *s, struct stoa__hints_group *group, unsigned tag, uint64_t word)
{
	const struct stoa__hints *h = s->h;

	for (unsigned m = stoa__hints_match(group, tag); s->equals && m; m &= m - 1) {
		unsigned k = (unsigned)__builtin_ctz(m);
		uint64_t there = word_of(group, k);
		int rc;

		if ((there ^ word) >> (h->bits + 2))
			continue;
		rc = s->equals(s->ctx, stoa__hints_rowid(h, there), stoa__hints_rowid(h, word),
			       s->err);
		if (rc == STOA__OLD_GOES)
			set_entry(group, k, tag,
				  (there & ~rowid_bits(h)) | (word & rowid_bits(h)));
		if (rc != STOA__BOTH_STAY)
			return rc;
	}
	return STOA__BOTH_STAY;
}

/* ---- natives ---- */

/* The class that most entries of a full group of natives, and another hint, are of. */
static unsigned largest_class(const struct stoa__hints *h, const struct stoa__hints_group *group,
			      unsigned class)
{
	uint32_t counts = 1u << class * 4;
	unsigned best = class;

	for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++)
		counts += 1u << stoa__hints_class(hash_of(h, word_of(group, k))) * 4;
	for (unsigned c = 0; c < CLASSES; c++)
		if ((counts >> c * 4 & 15) > (counts >> best * 4 & 15))
			best = c;
	return best;
}

/* A native for whose group there are too many: it, or another in whose place it comes, is a stray. */
static int put_full(struct stoa__shard *s, uint64_t g, unsigned tag, uint64_t word)
{
	const struct stoa__hints *h = s->h;
	struct stoa__hints_group *group = group_at(s, g);
	unsigned class = stoa__hints_class(hash_of(h, word)), k = 0;
	struct stoa__stray stray;

	if (!(gone_on(group) >> class & 1)) {
		while (k < STOA__HINTS_WIDTH &&
		       !stoa__hints_went_on(group, hash_of(h, word_of(group, k))))
			k++;
		if (k == STOA__HINTS_WIDTH) {
			go_on(group, largest_class(h, group, class));
			return put_full(s, g, tag, word);
		}
		stray = (struct stoa__stray){ .word = word_of(group, k), .tag = tag_of(group, k) };
		set_entry(group, k, tag, word);
	} else {
		stray = (struct stoa__stray){ .word = word, .tag = tag };
	}
	stray.step = 1;
	stray.group = stoa__hints_next(h, hash_of(h, stray.word), g, 0);
	return stray_add(s, &s->strays, stray);
}

int stoa__shard_natives(struct stoa__shard *s, const struct stoa__hint *hint, size_t n)
{
	const struct stoa__hints *h = s->h;

	for (size_t i = 0; i < n; i++) {
		uint64_t hash = hint[i].hash, g = stoa__hints_home(h, hash);
		uint64_t word = stoa__hints_rest(h, hash) |
				((hint[i].rowid - h->first) & rowid_bits(h));
		unsigned tag = stoa__hints_tag(hash);
		struct stoa__hints_group *group = group_at(s, g);
		int rc = look(s, group, tag, word);

		if (rc < 0)
			return rc;
		if (rc != STOA__BOTH_STAY)
			continue;
		if (put_into(group, tag, word))
			s->n++;
		else
			STOA_TRY(put_full(s, g, tag, word));
	}
	return STOA_OK;
}

/* ---- strays ---- */

/*
 * Moves a native of a full group to its second, and puts another in its place: false if there is
 * none that can go. @by_class: only one whose class has gone on before.
 */
static bool put_instead(struct stoa__shard *s, uint64_t g, bool by_class, unsigned tag, uint64_t word)
{
	const struct stoa__hints *h = s->h;
	struct stoa__hints_group *group = group_at(s, g);

	for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++) {
		uint64_t old = word_of(group, k), hash = hash_of(h, old);
		uint64_t second = stoa__hints_next(h, hash, g, 0);

		if (mark_of(h, old) || (by_class && !stoa__hints_went_on(group, hash)) ||
		    !is_in(s, second) ||
		    !put_into(group_at(s, second), tag_of(group, k), marked(h, old, 1)))
			continue;
		go_on(group, stoa__hints_class(hash));
		set_entry(group, k, tag, word);
		return true;
	}
	return false;
}

/* The home of a stray that is at its second group. */
static uint64_t home_of(const struct stoa__hints *h, const struct stoa__stray *stray)
{
	uint64_t back = 1 + (hash_of(h, stray->word) >> 12 & 0xff);

	return (stray->group + h->n_groups - back % h->n_groups) % h->n_groups;
}

/*
 * Makes room for a stray that has no equal: at its home, so that one of that is away and no other,
 * or in its group, which is full.
 */
static bool make_room(struct stoa__shard *s, const struct stoa__stray *stray, uint64_t word)
{
	uint64_t home = stray->step == 1 ? home_of(s->h, stray) : UINT64_MAX;
	bool near = is_in(s, home);

	return (near && (put_instead(s, home, true, stray->tag, stray->word) ||
			 put_instead(s, home, false, stray->tag, stray->word))) ||
	       put_instead(s, stray->group, true, stray->tag, word) ||
	       put_instead(s, stray->group, false, stray->tag, word);
}

/* Are there equals at its home? As look(). */
static int look_home(struct stoa__shard *s, const struct stoa__stray *stray)
{
	return look(s, group_at(s, home_of(s->h, stray)), stray->tag, stray->word);
}

/*
 * Are there equals behind the stray's group? As look(); *@seen: no way there leads out of the shard,
 * so that all have been looked at.
 */
static int look_on(struct stoa__shard *s, struct stoa__stray stray, bool *seen)
{
	uint64_t hash = hash_of(s->h, stray.word);

	*seen = true;
	while (*seen && stoa__hints_went_on(group_at(s, stray.group), hash)) {
		int rc = STOA__BOTH_STAY;

		stray.group = stoa__hints_next(s->h, hash, stray.group, stray.step++);
		*seen = is_in(s, stray.group) && stray.step < STOA__HINTS_JUMPS;
		if (*seen)
			rc = look(s, group_at(s, stray.group), stray.tag, stray.word);
		if (rc)
			return rc;
	}
	return STOA__BOTH_STAY;
}

/* Lets a stray in, or to those that leave. */
static int let_in(struct stoa__shard *s, struct stoa__stray stray)
{
	const struct stoa__hints *h = s->h;
	uint64_t hash = hash_of(h, stray.word);

	for (; is_in(s, stray.group); stray.step++) {
		struct stoa__hints_group *group = group_at(s, stray.group);
		uint64_t word = marked(h, stray.word, stray.step);
		bool put = false, seen = true;
		int rc = look(s, group, stray.tag, word);

		if (rc == STOA__BOTH_STAY)
			put = put_into(group, stray.tag, word);
		if (rc == STOA__BOTH_STAY && !put)
			rc = look_on(s, stray, &seen);
		if (rc)
			return rc < 0 ? rc : STOA_OK;
		if (put || (seen && make_room(s, &stray, word))) {
			s->n++;
			return STOA_OK;
		}
		go_on(group, stoa__hints_class(hash));
		stray.group = stoa__hints_next(h, hash, stray.group, stray.step);
	}
	return stray_add(s, &s->leaving, stray);
}

int stoa__shard_strays(struct stoa__shard *s, struct stoa__strays *strays)
{
	bool own = strays == &s->strays;

	for (size_t i = 0; i < strays->n; i++) {
		int rc = own ? look_home(s, &strays->stray[i]) : STOA__BOTH_STAY;

		if (rc == STOA__BOTH_STAY)
			rc = let_in(s, strays->stray[i]);
		if (rc < 0)
			return rc;
	}
	strays->n = 0;
	return STOA_OK;
}
