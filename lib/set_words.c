/* SPDX-License-Identifier: MIT */
/*
 * set_words.c - many keys of one number looked up at once, in a set whose rows one table owns
 *
 * Such a key needs no row: its home says what there is to say, or the group behind it does
 * (set_view.h). So all that is left to do is to keep memory busy.
 *
 * - A key is begun and another, asked for 64 keys before, is taken to its end, in turn. Where a
 *   number of keys are begun one after the other the processor's two dozen buffers for misses are
 *   full, and it stands still; then it works on what has come, and memory does.
 * - Lines are asked for into the second level of caches, which has more such buffers: a line takes
 *   165 ns, two dozen at once are one in 7 ns, and into the first level a key took 18 ns; so it
 *   takes 13. From there they come within what the processor sees ahead.
 * - No branch for a key depends on what memory has said: each that is guessed wrong costs as much
 *   as the work for a key does. One key in seven or ten has to be looked for behind its home. A bit
 *   is kept for each, and those of a lot are queued at its end; they are taken eight at a time,
 *   once their groups are here.
 *
 * What is not decided by then (one in a hundred: two equal tags, a third group, a row that the
 * version has not) is looked up by itself.
 */
#include <string.h>

#include "core/bitmap.h"
#include "core/type.h"
#include "set_view.h"

#define LOT 16		/* keys whose numbers are fetched and whose answers are told at once */
#define LAG 4		/* lots between a key's beginning and its end */
#define TO_L2 0, 2	/* of a prefetch: to be read, into the cache of second level */
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
 * What each key takes. Copied to where no store may change it as far as the compiler knows, so that
 * it stays in registers.
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
	__builtin_prefetch((const void *)lot->home[k], TO_L2);
}

/*
 * Keys of @lot whose bits are set in @on are to be looked for behind their homes; where @unsure is
 * set as well, at home once more if they are not there.
 */
static void queue(struct words *w, const struct lot *lot, size_t from, uint64_t on, uint64_t unsure)
{
	const struct stoa__hints *h = &w->table.h;

	for (; on; on &= on - 1) {
		size_t k = (size_t)__builtin_ctzll(on);
		const struct stoa__hints_group *second =
			stoa__hints_second(h, lot->hash[k], lot->home[k]);

		__builtin_prefetch((const void *)second, TO_L2);
		w->queue[w->tail++ % QUEUE] = (struct second){
			lot->hash[k], second, (from + k) | (size_t)(unsure >> k & 1) << UNSURE_BIT
		};
	}
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
	uint64_t found = 0, goes_on = 0, unsure = 0;

	for (size_t k = 0; k < n; k++) {
		struct glance g;

		begin(&t, first, k);
		g = look(&t, last->home[k], last->hash[k], 0);
		found |= (uint64_t)g.hit << k;
		goes_on |= (uint64_t)g.goes_on << k;
		unsure |= (uint64_t)g.unsure << k;
		if (w->rows)
			w->rows[from + k] = rowid_of(w, g);
	}
	if (w->found)
		w->found[from / 64] |= found << from % 64;
	queue(w, last, from, ~found & (goes_on | unsure), unsure);
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
