/* SPDX-License-Identifier: MIT */
/* hints_fill.c - see hints_fill.h */
#include "hints_fill.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hints_deep.h"

#define CLASSES 8
#define STRAYS_MAX 4096 /* that wait for all natives, where some may be many */

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
			set_entry(group, k, tag, (there & ~rowid_bits(h)) | (word & rowid_bits(h)));
		if (rc != STOA__BOTH_STAY)
			return rc;
	}
	return STOA__BOTH_STAY;
}

/* ---- natives ---- */

/* Is the bucket of a native full, as far as can be seen here? */
static bool is_full(const struct stoa__shard *s, const struct stoa__stray *stray)
{
	const struct stoa__hints *h = s->h;
	uint64_t g = stoa__hints_home(h, stray->hash);
	unsigned n = 0;

	for (uint64_t step = 0; is_in(s, g) && step < stoa__hints_steps(h); step++) {
		const struct stoa__hints_group *group = group_at(s, g);
		uint64_t word = marked(h, stray->word, step);

		for (unsigned m = stoa__hints_match(group, stray->tag); m; m &= m - 1)
			n += (word_of(group, (unsigned)__builtin_ctz(m)) ^ word) >> h->bits == 0;
		if (n >= STOA__HINTS_BUCKET)
			return true;
		if (!stoa__hints_went_on(group, stray->hash))
			break;
		g = stoa__hints_next(h, stray->hash, g, step);
	}
	return false;
}

/*
 * A native that has no room at home. Where it is one of many they are let in now and then, so that
 * the next find their bucket full.
 */
static int stray_native(struct stoa__shard *s, struct stoa__stray stray)
{
	if (s->full && is_full(s, &stray))
		return s->full(s->ctx,
			       (struct stoa__hint){ stray.hash, stoa__hints_rowid(s->h, stray.word) },
			       s->err);
	STOA_TRY(stray_add(s, &s->strays, stray));
	return s->full && s->strays.n >= STRAYS_MAX ? stoa__shard_strays(s, &s->strays) : STOA_OK;
}

int stoa__shard_natives(struct stoa__shard *s, const struct stoa__hint *hint, size_t n)
{
	const struct stoa__hints *h = s->h;
	uint64_t mark = s->deep ? STOA__HINTS_DEEP : 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t hash = hint[i].hash, g = stoa__hints_home(h, hash);
		uint64_t word = stoa__hints_rest(h, hash) | mark << h->bits |
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
			STOA_TRY(stray_native(s, (struct stoa__stray){
							 stoa__hints_next(h, hash, g, 0), word, hash,
							 1, tag }));
	}
	return STOA_OK;
}

/* ---- strays ---- */

/*
 * Moves a native of a full group to its second, and puts another in its place: false if there is
 * none that can go. @by_class: only one whose class has gone on before.
 */
static bool put_instead(struct stoa__shard *s, uint64_t g, bool by_class, unsigned tag,
			uint64_t word)
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

/* The home of what is, or is to be, in group @g as its second. */
static uint64_t home_of(const struct stoa__hints *h, uint64_t g, uint64_t word)
{
	uint64_t back = 1 + (hash_of(h, word) >> 12 & 0xff);

	return (g + h->n_groups - back % h->n_groups) % h->n_groups;
}

/*
 * The same for one that is at its second group: it goes home, if another can go from there whose
 * class has gone on before.
 */
static bool send_home(struct stoa__shard *s, uint64_t g, unsigned tag, uint64_t word)
{
	const struct stoa__hints *h = s->h;
	struct stoa__hints_group *group = group_at(s, g);

	for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++) {
		uint64_t old = word_of(group, k), home;

		if (mark_of(h, old) != 1)
			continue;
		home = home_of(h, g, old);
		if (!is_in(s, home) ||
		    !put_instead(s, home, true, tag_of(group, k), old ^ (uint64_t)1 << h->bits))
			continue;
		set_entry(group, k, tag, word);
		return true;
	}
	return false;
}

/* May an entry of class @hash go from group @g to its second? */
static bool can_go(const struct stoa__shard *s, uint64_t g, uint64_t hash)
{
	uint64_t second = stoa__hints_next(s->h, hash, g, 0);

	return is_in(s, second) && stoa__hints_match(group_at(s, second), 0);
}

/*
 * Puts a stray into its home, which is full, for another whose class has not gone on before: one of
 * that of which most could go, as more may have to. The stray may be of it itself. False if none
 * can go.
 */
static bool open_class(struct stoa__shard *s, uint64_t home, const struct stoa__stray *stray)
{
	const struct stoa__hints *h = s->h;
	struct stoa__hints_group *group = group_at(s, home);
	uint64_t hash = hash_of(h, stray->word);
	unsigned own = stoa__hints_class(hash), best = 0;
	bool goes = can_go(s, home, hash);
	uint32_t counts = (uint32_t)goes << own * 4;

	for (unsigned k = 0; k < STOA__HINTS_WIDTH; k++) {
		uint64_t other = hash_of(h, word_of(group, k));

		if (!mark_of(h, word_of(group, k)) && can_go(s, home, other))
			counts += 1u << stoa__hints_class(other) * 4;
	}
	for (unsigned c = 1; c < CLASSES; c++)
		if ((counts >> c * 4 & 15) > (counts >> best * 4 & 15))
			best = c;
	if (!counts)
		return false;
	go_on(group, best);
	if (best == own && goes)
		return put_into(group_at(s, stray->group), stray->tag, marked(h, stray->word, 1));
	return put_instead(s, home, true, stray->tag, stray->word);
}

/*
 * Makes room for a stray that has no equal: at its home, so that one of that is away and no other,
 * or in its group, which is full.
 */
static bool make_room(struct stoa__shard *s, const struct stoa__stray *stray, uint64_t word)
{
	uint64_t home = stray->step == 1 ? home_of(s->h, stray->group, word) : UINT64_MAX;
	bool near = is_in(s, home);

	return (near && put_instead(s, home, true, stray->tag, stray->word)) ||
	       send_home(s, stray->group, stray->tag, word) ||
	       (near && open_class(s, home, stray)) ||
	       put_instead(s, stray->group, true, stray->tag, word) ||
	       put_instead(s, stray->group, false, stray->tag, word);
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

/* Lets one of the shard's own natives in that has not been let in yet. */
static int settle(struct stoa__shard *s, struct stoa__stray stray)
{
	const struct stoa__hints *h = s->h;
	uint64_t home = home_of(h, stray.group, stray.word), hash = hash_of(h, stray.word);
	struct stoa__hints_group *group = group_at(s, home);
	int rc = look(s, group, stray.tag, stray.word);

	if (rc)
		return rc;
	if (s->full && is_full(s, &stray))
		return s->full(s->ctx,
			       (struct stoa__hint){ stray.hash, stoa__hints_rowid(h, stray.word) },
			       s->err);
	/* None of its class has gone on: it has no equal anywhere. */
	if (!stoa__hints_went_on(group, hash) &&
	    (put_instead(s, home, true, stray.tag, stray.word) || open_class(s, home, &stray))) {
		s->n++;
		return STOA_OK;
	}
	go_on(group, stoa__hints_class(hash));
	return let_in(s, stray);
}

int stoa__shard_strays(struct stoa__shard *s, struct stoa__strays *strays)
{
	bool own = strays == &s->strays;

	for (size_t i = 0; i < strays->n; i++) {
		int rc = (own ? settle : let_in)(s, strays->stray[i]);

		if (rc < 0)
			return rc;
	}
	strays->n = 0;
	return STOA_OK;
}
