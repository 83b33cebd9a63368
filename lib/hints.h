/* SPDX-License-Identifier: MIT */
/*
 * hints.h - a hash table of hints: key hash -> rowids that may have the key
 *
 *     group, 64 bytes   7 tags of a byte each, filled in this order; 0 is empty
 *                       1 byte: bit c, a hint of class c found the group full and has gone on
 *                       7 words of 8 bytes
 *
 *     word              bits 0 ..      rowid, less the table's first one; as many as its rowids need
 *                       2 bits         a mark: 0 at home, 1 in its second group, 2 who knows, 3 not
 *                                      of a key's own bucket (hints_deep.h)
 *                       the others     bits of the hash, from bit 7 on
 *
 *     hash              high bits ... | 12..19 jump | 8..10 class | 0..7 tag (0 becomes 128)
 *
 * The high bits of a hash choose a group, its home (multiply and shift, so that any number of them
 * will do). What finds it full goes on by a jump of 1 to 256, and says so. So one line of the cache
 * has mostly all that a key could be: nothing, or a word whose 40 bits of the hash nearly always are
 * no other key's. That what goes on is scattered keeps full groups from making the next ones full:
 * a fifth of the keys have to be looked for in a second group of a full table, one in 20 in a
 * third; behind each other it would be more than a third, and nearly as many again. Full is 93%, 9.8
 * bytes an entry.
 *
 * Who fills a table before others see it may choose which of the entries of a group go on, and move
 * them afterwards (hints_fill.h). Then 13.5% are not at home, nearly the fewest there can be with
 * groups of seven, and hardly anything is farther than a second group: with two of these to choose
 * from, tables could be as good as full (Dietzfelbinger and Weidling 2007).
 *
 * Tags apart from words, 14 and 2 bytes to a group, were tried: 12 MB for ten million keys, which
 * a last cache that nobody else uses might hold. Where it is shared a key that is there takes two
 * lines one after the other, and that was twice as slow.
 *
 * What a look-up costs is a sum over three things (measured: Zen 4, 100 MB of hints, huge pages, a
 * machine that others use; a random line of memory takes 165 ns, of 8 MB 100).
 *
 *     the window    A processor goes on to the next look-ups while a line is on its way, as far as
 *                   it has room: for 210 results in registers, 120 loads, 90 branches, 65 stores, 96
 *                   instructions that wait for the line. Per look-up that is 0.8, 1.4, 1.8, 2.5 and 1.7
 *                   ns for one of each. Checks of arguments, hash, home, tags and class have about 25,
 *                   18, 14, 5 and 8: 20 to 25 ns.
 *     wrong guesses A branch on what the line says that goes the other way costs the whole 165 ns: 2.2%
 *                   of misses have an equal tag at home, 9% a class that has gone on: 18 ns; 13.5% of
 *                   hits are not at home: 22 ns.
 *     lines         9 ns each where loads ask for them, 5 where prefetches do, and less into the second
 *                   level of caches.
 *
 * So a miss takes 45 ns one by one, and a hit 50 to 60. absl::flat_hash_set, inlined, with 45 instructions,
 * 5 loads and 16 MB of tags, 60% full, takes 20 to 25 and 40. Looking into both groups at once without a
 * branch (AVX-512, whole lines compared in registers, all in the shortest form) avoids the wrong
 * guesses and fills the window in their place: 44 and 50 ns, for what only some processors have. In bulk
 * the window does not count, as prefetches do not wait (set_words.c).
 *
 * A hint says "look there" and no more. What it names may have died, been given another key, or not
 * be visible yet. So hints are added and never changed or taken away, all versions share a table,
 * and it is thrown away and made anew from the rows when it is full.
 *
 * Whether a hint is the key's, though, may be known for sure. If hashes are *one to one*, as they
 * are for a key of one number, home, tag and word determine the hash, and this the key: then a table
 * is *exact*. Proof. Let n be the number of groups and hash * n = (home, rest), 128 bits; the hashes
 * with one home follow each other, at most ceil(2^64 / n) of them. A tag is bits 0..6 of the hash (0
 * and 128 have the same), the word has w more from bit 7 on; if 2^(7 + w) >= ceil(2^64 / n), then no
 * two hashes of one home agree in all of these. A hint with mark 0 is at home; with mark 1 home
 * is a jump before, which is among the bits that agree. Both are known (Quotienting: Knuth, TAOCP 3,
 * 6.4, exercise 13; Cleary 1984). A mark of 2 says nothing, nor does any in a table that is not
 * exact: the row is looked at. A table has the bits if it is made for as many entries as there are
 * rowids, or a quarter of them.
 *
 * A key that many rows have does not have them all on its way: see hints_deep.h.
 *
 * Heap tables are one run of groups. Those in a segment lie there in parts of 256 KiB, each a
 * chunk, verified and opened on first touch (parts of the set index, set_run.c).
 *
 * (1) Entries of a group are filled from 0 on, a word before its tag. A hint is at home, or all
 *     groups on its way to the one where it is are full and say that its class went on.
 * (2) There is an empty entry: at most STOA__HINTS_LOAD percent are in use.
 * (3) A mark of 0 or 1 is true.
 * (4) A table that is not *stale* has been given its rowids in ascending order, each once.
 * (5) In one that is not *blurred* either, each has a hint of its own.
 *
 * Threads: one writer puts, any number of readers look meanwhile; tags and words are stored and
 * loaded whole, and who sees a tag sees its word. Tags compared at once: Google's Swiss tables;
 * fewer, with bits for what has gone on: Lopez Munoz, boost::unordered_flat_map, 2022.
 */
#ifndef STOA__HINTS_H
#define STOA__HINTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOA__HINTS_WIDTH 7	/* entries of a group */
#define STOA__HINTS_LOAD 93	/* percent */
#define STOA__HINTS_JUMPS 8	/* then every group is tried */
#define STOA__HINTS_ROWID_BITS 47
#define STOA__HINTS_ROWID_MAX (((uint64_t)1 << STOA__HINTS_ROWID_BITS) - 1)
#define STOA__HINTS_PART 4096	/* groups of a part */
#define STOA__HINTS_DEEP 3	/* a mark */
_Static_assert(69 - STOA__HINTS_ROWID_BITS >= 20, "a word has class and jump of any hash");

struct stoa__hints_group {
	_Atomic uint8_t tag[STOA__HINTS_WIDTH];
	_Atomic uint8_t gone_on;
	_Atomic uint64_t word[STOA__HINTS_WIDTH];
};
_Static_assert(sizeof(struct stoa__hints_group) == 64, "a group is a line of the cache");

struct stoa__hints {
	uint64_t n_groups;
	struct stoa__hints_group *groups;	/* in heap; NULL where there are parts */
	const struct stoa__hints_group *_Atomic *parts;	/* NULL until opened */
	uint64_t first;				/* the least rowid it can name */
	unsigned bits;				/* of a rowid */
	bool exact;
	_Atomic bool stale;			/* a hint may name a row that has had another key since */
	_Atomic bool blurred;			/* a row may be hinted at by a block alone */
	_Atomic uint64_t n;			/* entries in use */
	uint64_t last;				/* the writer's own: the last rowid put */
};

/* What a table is made for. */
struct stoa__hints_shape {
	uint64_t n;		/* entries */
	uint64_t first, last;	/* rowids; first <= last <= STOA__HINTS_ROWID_MAX */
	bool one_to_one;	/* are hashes? */
};

/* An empty heap table. STOA_OK or STOA_ENOMEM. */
int stoa__hints_init(struct stoa__hints *h, const struct stoa__hints_shape *shape);
/* The same whose groups have not been emptied yet: hints_fill.h does. */
int stoa__hints_alloc(struct stoa__hints *h, const struct stoa__hints_shape *shape);
/* What it would be, without groups. */
void stoa__hints_plan(struct stoa__hints *h, const struct stoa__hints_shape *shape);
/* Groups for it, not emptied: STOA_OK or STOA_ENOMEM. And without them again. */
int stoa__hints_take_groups(struct stoa__hints *h);
void stoa__hints_give_groups(struct stoa__hints *h);
void stoa__hints_release(struct stoa__hints *h);
/* Do homes, tags and words of such a table determine a hash? */
bool stoa__hints_determine(uint64_t n_groups, unsigned bits);
static inline uint64_t stoa__hints_used(const struct stoa__hints *h)
{
	return atomic_load_explicit(&h->n, memory_order_relaxed);
}
static inline bool stoa__hints_is_stale(const struct stoa__hints *h)
{
	return atomic_load_explicit(&h->stale, memory_order_relaxed);
}
static inline bool stoa__hints_is_blurred(const struct stoa__hints *h)
{
	return atomic_load_explicit(&h->blurred, memory_order_relaxed);
}
static inline void stoa__hints_blur(struct stoa__hints *h)
{
	atomic_store_explicit(&h->blurred, true, memory_order_relaxed);
}
/* May @n more hints be put, with rowids up to @last? */
static inline bool stoa__hints_has_room(const struct stoa__hints *h, uint64_t n, uint64_t first,
					uint64_t last)
{
	return stoa__hints_used(h) + n <= h->n_groups * STOA__HINTS_WIDTH * STOA__HINTS_LOAD / 100 &&
	       first >= h->first && (last - h->first) >> h->bits == 0;
}
static inline uint64_t stoa__hints_parts(uint64_t n_groups)
{
	return (n_groups + STOA__HINTS_PART - 1) / STOA__HINTS_PART;
}
/* Groups of part @part. */
static inline uint64_t stoa__hints_part_groups(const struct stoa__hints *h, uint64_t part)
{
	uint64_t left = h->n_groups - part * STOA__HINTS_PART;

	return left < STOA__HINTS_PART ? left : STOA__HINTS_PART;
}

static inline uint64_t stoa__hints_home(const struct stoa__hints *h, uint64_t hash)
{
	return (uint64_t)((unsigned __int128)hash * h->n_groups >> 64);
}
static inline unsigned stoa__hints_tag(uint64_t hash)
{
	unsigned tag = hash & 0xff;

	return tag ? tag : 0x80;
}
static inline unsigned stoa__hints_class(uint64_t hash)
{
	return hash >> 8 & 7;
}
/* Steps of a way that has been through all groups. */
static inline uint64_t stoa__hints_steps(const struct stoa__hints *h)
{
	return h->n_groups + STOA__HINTS_JUMPS;
}
/* The group after @g, which is number @step of the way, from 0. */
static inline uint64_t stoa__hints_next(const struct stoa__hints *h, uint64_t hash, uint64_t g,
					uint64_t step)
{
	g += 1 + (step < STOA__HINTS_JUMPS ? hash >> 12 & 0xff : 0);
	return g < h->n_groups ? g : g % h->n_groups;
}
/* The second group of a heap table's way, from the first. */
static inline const struct stoa__hints_group *
stoa__hints_second(const struct stoa__hints *h, uint64_t hash, const struct stoa__hints_group *home)
{
	const struct stoa__hints_group *second = home + 1 + (hash >> 12 & 0xff);

	if (second < h->groups + h->n_groups)
		return second;
	return h->groups + stoa__hints_next(h, hash, (uint64_t)(home - h->groups), 0);
}

/* What a word has of a hash, in its place. */
static inline uint64_t stoa__hints_rest(const struct stoa__hints *h, uint64_t hash)
{
	return hash >> 7 << (h->bits + 2);
}
/* A word's mark; 4 and above: it is another hash's; of a key's own hints it is below 3. */
static inline uint64_t stoa__hints_mark(const struct stoa__hints *h, uint64_t word, uint64_t hash)
{
	return (word ^ stoa__hints_rest(h, hash)) >> h->bits;
}
/*
 * Is a word with this mark, in group number @step of a hash's way, surely the hash's own, and not of
 * what its row had before? To be asked after the word was seen.
 */
static inline bool stoa__hints_is_sure(const struct stoa__hints *h, uint64_t mark, uint64_t step)
{
	return mark == step && step < 2 && h->exact && !stoa__hints_is_stale(h);
}
static inline uint64_t stoa__hints_rowid(const struct stoa__hints *h, uint64_t word)
{
	return h->first + (word & (((uint64_t)1 << h->bits) - 1));
}
static inline uint64_t stoa__hints_word(const struct stoa__hints_group *group, unsigned k)
{
	return atomic_load_explicit(&group->word[k], memory_order_acquire);
}
/* Group @g; NULL: its part is not open. */
static inline const struct stoa__hints_group *stoa__hints_group(const struct stoa__hints *h,
								uint64_t g)
{
	const struct stoa__hints_group *part;

	if (h->groups)
		return h->groups + g;
	part = atomic_load_explicit(&h->parts[g / STOA__HINTS_PART], memory_order_acquire);
	return part ? part + g % STOA__HINTS_PART : NULL;
}
/* Has a hint of the hash's class that found the group full gone on? */
static inline bool stoa__hints_went_on(const struct stoa__hints_group *group, uint64_t hash)
{
	return atomic_load_explicit(&group->gone_on, memory_order_relaxed) >>
	       stoa__hints_class(hash) & 1;
}

/* Bit k is set where entry k of a group has @tag. */
unsigned stoa__hints_match_scalar(const struct stoa__hints_group *group, unsigned tag);

/*
 * A race between SIMD loads and the writer's stores is none for the processor, but is one for TSan.
 */
#if defined(__SANITIZE_THREAD__)
#define STOA__HINTS_SCALAR 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STOA__HINTS_SCALAR 1
#endif
#endif

#if defined(__SSE2__) && !defined(STOA__HINTS_SCALAR)
#include <emmintrin.h>
/*
 * SSE2, which every x86-64 has, so that it is inlined. Its loads are not moved behind later ones
 * there, and where to load a word from depends on them.
 */
static inline unsigned stoa__hints_match(const struct stoa__hints_group *group, unsigned tag)
{
	__m128i all = _mm_loadl_epi64((const __m128i *)(const void *)group);
	__m128i same = _mm_cmpeq_epi8(all, _mm_set1_epi8((char)tag));

	return (unsigned)_mm_movemask_epi8(same) & ((1u << STOA__HINTS_WIDTH) - 1);
}
#else
static inline unsigned stoa__hints_match(const struct stoa__hints_group *group, unsigned tag)
{
	return stoa__hints_match_scalar(group, tag);
}
#endif

/* Adds a hint to a heap table with room for it, unless it or its block is there already. */
void stoa__hints_put(struct stoa__hints *h, uint64_t hash, uint64_t rowid);

#endif
