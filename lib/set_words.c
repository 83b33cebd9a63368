/* SPDX-License-Identifier: MIT */
/*
 * set_words.c - many keys of one number looked up at once, in a set whose rows one table owns
 *
 * Such a key needs no row: its home says what there is to say, or the group behind it does
 * (set_view.h). So all that is left to do is to keep memory busy.
 *
 * - A key is begun and another, asked for 32 keys before, is taken to its end, in turn. Where a
 *   number of keys are begun one after the other the processor's two dozen buffers for misses are
 *   full, and it stands still; then it works on what has come, and memory does (24 ns a key, and 15
 *   in turn).
 * - No branch depends on what memory has said: each that is guessed wrong costs as much as the work
 *   for a key does. One key in five has to be looked for behind its home. So every key is written
 *   to the end of a queue, but only for those it grows, and these are taken eight at a time, once
 *   their groups are here.
 *
 * What is not decided by then (one in a hundred: two equal tags, a third group, a row that the
 * version has not) is looked up by itself.
 */
#include <string.h>

#include "core/bitmap.h"
#include "core/type.h"
#include "set_view.h"

#define LOT 16		/* keys whose numbers are fetched and whose answers are told at once */
#define LAG 2		/* lots between a key's beginning and its end */
#define SECONDS 8	/* keys taken from the queue at once */
#define WAIT 16		/* that stay in it, as what they asked for is on its way */
#define QUEUE 64
_Static_assert(QUEUE >= WAIT + SECONDS + LOT, "the queue has room for a lot");
_Static_assert(64 % LOT == 0, "a lot is in one word of found");

struct lot {
	uint64_t word[LOT], hash[LOT];
	const struct stoa__hints_group *home[LOT];
};

/* A key to be looked for behind its home. */
struct second {
	uint64_t hash;
	const struct stoa__hints_group *group;
	size_t at;		/* of all keys; the highest bit: its home is unsure */
};
#define UNSURE_BIT (sizeof(size_t) * 8 - 1)
#define UNSURE ((size_t)1 << UNSURE_BIT)

/*
 * What each key takes. Copied to where no store may change it as far as the compiler knows, so that it
 * stays in registers.
 */
struct table {
	struct stoa__hints h;	/* what never changes of it */
	uint64_t seed;
};

struct words {
	const struct stoa__set_view *view;
	struct table table;
	const struct stoa_array *keys;
	size_t n;
	uint64_t *found;
	stoa_rowid *rows;
	struct lot lots[LAG + 1];
	struct second queue[QUEUE];
	size_t head, tail;		/* counted on and on */
};

/* A key by itself. */
static int settle(struct words *w, size_t at, struct stoa_error *err)
{
	struct stoa_value key = stoa__array_value(w->keys, at);
	uint64_t hash = stoa__set_hash(w->view->def, &key), rowid = 0;
	int rc = stoa__set_view_word(w->view, hash, key.u, &rowid);

	if (rc < 0)
		rc = stoa__set_view_find(w->view, hash, &key, &rowid, err);
	if (rc > 0 && w->found)
		stoa__bit_set(w->found, at);
	if (rc > 0 && w->rows)
		w->rows[at] = rowid;
	return rc < 0 ? rc : STOA_OK;
}

/* What a group has of a hash. */
struct glance {
	uint64_t word;
	unsigned hit;		/* 1: this is the key's word; 0 */
	unsigned unsure;	/* 1: if it is not, another may be */
	unsigned goes_on;
};

/* Looks into group number @step of a hash's way. */
static inline struct glance look(const struct table *t, const struct stoa__hints_group *group,
				 uint64_t hash, unsigned step)
{
	unsigned m = stoa__hints_match(group, stoa__hints_tag(hash));
	uint64_t word = stoa__hints_word(
		group, (unsigned)__builtin_ctz(m | 1u << (STOA__HINTS_WIDTH - 1)));

	return (struct glance){ word, (m != 0) & (stoa__hints_mark(&t->h, word, hash) == step),
				(m & (m - 1)) != 0, stoa__hints_went_on(group, hash) };
}

static inline uint64_t rowid_of(const struct words *w, struct glance g)
{
	return g.hit ? stoa__hints_rowid(&w->table.h, g.word) : 0;
}

/* ---- behind home ---- */

static int take_seconds(struct words *w, size_t n, struct stoa_error *err)
{
	const struct table t = w->table;
	size_t open[SECONDS], n_open = 0;

	for (size_t i = 0; i < n; i++) {
		const struct second *s = &w->queue[(w->head + i) % QUEUE];
		struct glance g = look(&t, s->group, s->hash, 1);
		size_t at = s->at & ~UNSURE;

		if (w->found)
			w->found[at / 64] |= (uint64_t)g.hit << at % 64;
		if (w->rows)
			w->rows[at] = rowid_of(w, g);
		open[n_open] = at;
		n_open += !g.hit && (s->at & UNSURE || g.unsure || g.goes_on);
	}
	w->head += n;
	for (size_t i = 0; i < n_open; i++)
		STOA_TRY(settle(w, open[i], err));
	return STOA_OK;
}

/* ---- at home ---- */

static inline void begin(const struct table *t, struct lot *lot, size_t k)
{
	uint64_t hash = stoa__set_hash_word(t->seed, lot->word[k]);

	lot->hash[k] = hash;
	lot->home[k] = t->h.groups + stoa__hints_home(&t->h, hash);
	__builtin_prefetch((const void *)lot->home[k]);
}

/*
 * Ends key @k of @lot, number @at of all, but for what may be behind its home. It is written to
 * @queue: *@on, does it stay there?
 */
static inline struct glance end(const struct table *t, const struct lot *lot, size_t k, size_t at,
				struct second *queue, unsigned *on)
{
	const struct stoa__hints_group *home = lot->home[k];
	uint64_t hash = lot->hash[k];
	const struct stoa__hints_group *second = stoa__hints_second(&t->h, hash, home);
	struct glance g = look(t, home, hash, 0);

	*on = (g.hit ^ 1) & (g.goes_on | g.unsure);
	__builtin_prefetch((const void *)(*on ? second : home));
	*queue = (struct second){ hash, second, at | (size_t)g.unsure << UNSURE_BIT };
	return g;
}

/* The numbers of lot @number; zeros behind the last. */
static void fetch(const struct words *w, struct lot *lot, size_t number)
{
	size_t from = number * LOT, n = from < w->n ? w->n - from : 0;

	if (n < LOT)
		memset(lot->word, 0, sizeof lot->word);
	stoa__widen(w->keys->type, n < LOT ? n : LOT,
		    (const uint8_t *)w->keys->values + from * stoa__type_width(w->keys->type),
		    lot->word);
}

/* Begins lot @first while it ends @last, whose @n keys are those from @from on. */
static inline void step(struct words *w, struct lot *first, const struct lot *last, size_t from,
			size_t n)
{
	const struct table t = w->table;
	size_t tail = w->tail;
	uint64_t found = 0;
	unsigned on;

	for (size_t k = 0; k < n; k++) {
		struct glance g;

		begin(&t, first, k);
		g = end(&t, last, k, from + k, &w->queue[tail % QUEUE], &on);
		tail += on;
		found |= (uint64_t)g.hit << k;
		if (w->rows)
			w->rows[from + k] = rowid_of(w, g);
	}
	w->tail = tail;
	if (w->found)
		w->found[from / 64] |= found << from % 64;
}

/* Lot @number begins, and the one LAG before it ends. */
static int work(struct words *w, size_t number, struct stoa_error *err)
{
	struct lot *first = &w->lots[number % (LAG + 1)];
	const struct lot *last = &w->lots[(number + 1) % (LAG + 1)];
	size_t from = (number - LAG) * LOT;	/* once there is one */

	fetch(w, first, number);
	if (number < LAG)
		for (size_t k = 0; k < LOT; k++)
			begin(&w->table, first, k);
	else
		step(w, first, last, from, w->n - from < LOT ? w->n - from : LOT);
	while (w->tail - w->head >= WAIT + SECONDS)
		STOA_TRY(take_seconds(w, SECONDS, err));
	return STOA_OK;
}

int stoa__set_view_find_words(const struct stoa__set_view *view, const struct stoa_array *keys,
			      size_t n, uint64_t *found, stoa_rowid *rows, struct stoa_error *err)
{
	const struct stoa__hints *h = view->tables.hints[0];
	size_t n_lots = (n + LOT - 1) / LOT;
	struct words w;

	w.view = view;
	w.table = (struct table){
		.h = { .n_groups = h->n_groups, .groups = h->groups, .first = h->first, .bits = h->bits },
		.seed = view->def->number[0],
	};
	w.keys = keys;
	w.n = n;
	w.found = found;
	w.rows = rows;
	w.head = w.tail = 0;
	if (found)
		memset(found, 0, STOA__WORDS(n) * sizeof *found);
	for (size_t number = 0; n && number < n_lots + LAG; number++)
		STOA_TRY(work(&w, number, err));
	while (w.head != w.tail)
		STOA_TRY(take_seconds(&w, w.tail - w.head < SECONDS ? w.tail - w.head : SECONDS,
				      err));
	return STOA_OK;
}
