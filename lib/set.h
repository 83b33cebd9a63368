/* SPDX-License-Identifier: MIT */
/*
 * set.h - the set index: key -> the rows that have it
 *
 *     state    delta    hints in heap, one table shared by all versions, added to in place
 *              runs     immutable hints over certain row groups: mapped from a segment, or in heap until a checkpoint
 *
 * A look-up goes through the delta and all runs for rowids that may have the key; for each the row
 * is found in the version that asks, and its slots are compared. So the rows are the truth, and
 * hints need no versions (hints.h).
 *
 * Invariants, for every version that has the state:
 * (1) A member whose key has no NULL is hinted at: by the delta, or by a run, if the run covers the
 *     base of its group and no overlay speaks for its slots.
 * (2) A run covers mapped bases only, named by segment file and group, since these never change and
 *     outlive the process. A base that the collector rewrote is another one, and not covered; its
 *     hints are still where they were.
 * (3) The delta is replaced by a new one, made from the rows that (1) asks of it, when it is full.
 *     Older versions keep the old one.
 *
 * What is deleted or undone leaves hints behind. A rowid that is given again after a rollback may
 * then be found under a key of the row that was undone: the comparison sees to that; and twice
 * under its own: equal hints are put once, and rows found are sorted and told once.
 *
 * Where a key is one number, rows need not be read in most cases: see set_view.h.
 */
#ifndef STOA__SET_H
#define STOA__SET_H

#include "core/source.h"
#include "core/type.h"
#include "hints_deep.h"
#include "index.h"

#define STOA__SET_RUNS_MAX 16

struct stoa__delta {
	struct stoa__block block;
	struct stoa__hints hints;
};

/* A row group's base in a segment. */
struct stoa__covered {
	uint64_t file;
	uint64_t index;
};

struct stoa__set_run {
	struct stoa__block block;
	uint64_t id;			/* never the same for two runs of a process */
	struct stoa__hints hints;
	struct stoa__segment *segment;	/* NULL: in heap */
	struct stoa__covered *covered;	/* ascending */
	size_t n_covered;
};

struct stoa__set {
	struct stoa__block block;	/* owns nothing, so that it can be copied */
	struct stoa__delta *delta;	/* NULL: no hint yet */
	uint32_t n_runs;
	struct stoa__set_run *run[STOA__SET_RUNS_MAX];	/* oldest first */
};

extern const struct stoa__index_ops stoa__set_ops;

static inline struct stoa__set *stoa__set_of(const struct stoa__table *t, uint32_t i)
{
	return (struct stoa__set *)(void *)t->indexes->state[i];
}

/* ---- set_key.c: keys and rows ---- */

/* Mixes a word into a hash. */
static inline uint64_t stoa__set_mix(uint64_t h, uint64_t word)
{
	unsigned __int128 p = (unsigned __int128)(h ^ word) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}
/*
 * The hash of a key of one number, one to one, as each step can be undone. The upper bits of a
 * product come from all bits of its factors and so become the lower ones of the next: both ends of
 * the hash depend on all of the key.
 */
static inline uint64_t stoa__set_hash_word(uint64_t seed, uint64_t word)
{
	uint64_t product = (word + seed) * UINT64_C(0xbf58476d1ce4e5b9);

	return (__builtin_bswap64(product) ^ seed) * UINT64_C(0x94d049bb133111eb);
}
/* Is the key one number? */
static inline bool stoa__set_is_word(const struct stoa__table *t, const struct stoa__index_def *def)
{
	return def->n_slots == 1 &&
	       stoa__type_family(t->schema->slots[def->slots[0]].def.type) <= STOA__UINT;
}
/* The hash of @values, one for each slot of the index, none NULL. def->number[0] is the seed. */
uint64_t stoa__set_hash(const struct stoa__index_def *def, const struct stoa_value *values);
/*
 * The hashes of keys [from, from + n) given as arrays; @n up to STOA__PAGE_ROWS. That of a key with
 * a NULL is of no use.
 */
void stoa__set_hash_arrays(const struct stoa__index_def *def, const struct stoa_array *columns,
			   size_t from, size_t n, uint64_t *hash);
/* Asks the processor for the key of a row. */
void stoa__set_prefetch(const struct stoa__table *t, const struct stoa__index_def *def,
			uint64_t rowid);
/*
 * Is row @rowid a member of @t whose slots have @values? Not NULL, and of the slots' types. 1, 0,
 * or the error of reading it.
 */
int stoa__set_matches(const struct stoa__table *t, const struct stoa__index_def *def,
		      uint64_t rowid, const struct stoa_value *values, struct stoa_error *err);
/* The same for a member that lies at @at. */
int stoa__set_matches_at(const struct stoa__table *t, const struct stoa__index_def *def,
			 struct stoa__place at, const struct stoa_value *values,
			 struct stoa_error *err);
/* The key of a row: STOA_OK; bytes borrow from the version or from @scratch. */
int stoa__set_key_of(const struct stoa__table *t, const struct stoa__index_def *def,
		     struct stoa__place at, struct stoa__buf *scratch, struct stoa_value *out,
		     struct stoa_error *err);

/* Members without a NULL in their key, at most a page of them. */
struct stoa__set_batch {
	uint32_t n;
	uint64_t hash[STOA__PAGE_ROWS];
	uint64_t rowid[STOA__PAGE_ROWS];
};
enum stoa__set_extent {
	STOA__ROWS_ALL,		/* all rows of the group */
	STOA__ROWS_CHANGED,	/* those in pages that an overlay speaks for */
	STOA__ROWS_NONE,
};
struct stoa__set_walk {
	const struct stoa__table *t;
	const struct stoa__index_def *def;
	/* Which rows of @g; NULL: all. */
	enum stoa__set_extent (*extent)(void *ctx, const struct stoa__group *g);
	int (*each)(void *ctx, const struct stoa__set_batch *batch, struct stoa_error *err);
	void *ctx;
	/* Pages that have none of these rowids are passed over; last 0: none are. */
	uint64_t first, last;
};
/*
 * Reads keys group by group, in order. What each() fails with ends it and is returned; of a walk
 * within a range, news too.
 */
int stoa__set_walk(const struct stoa__set_walk *walk, struct stoa_error *err);
/* The groups of a table, for several threads to walk through. */
struct stoa__set_groups {
	struct stoa__group **group;
	size_t n;
	_Atomic size_t next;	/* that nobody has taken */
};
/* STOA_OK or STOA_ENOMEM; the caller frees group. */
int stoa__set_groups_init(struct stoa__set_groups *all, const struct stoa__table *t);
/* Reads keys of one group after the other that no other thread has taken. */
int stoa__set_walk_shared(const struct stoa__set_walk *walk, struct stoa__set_groups *groups,
			  struct stoa_error *err);
/* A table for what the walk will give: at most so many rows, within these rowids. */
struct stoa__hints_shape stoa__set_shape(const struct stoa__set_walk *walk);

/* ---- probing ---- */

/* set_run.c: what stoa__set_group() does the first time. */
int stoa__set_open_group(struct stoa__set_run *run, uint64_t g, const struct stoa__hints_group **out,
			 struct stoa_error *err);
/* Group @g of a table of hints, of the run @run unless that is NULL; opened if need be. */
static inline int stoa__set_group(const struct stoa__hints *h, struct stoa__set_run *run, uint64_t g,
				  const struct stoa__hints_group **out, struct stoa_error *err)
{
	*out = stoa__hints_group(h, g);
	return *out ? STOA_OK : stoa__set_open_group(run, g, out, err);
}

/*
 * Told of a row that may have the key: 0 goes on, anything else ends the probe and is its result.
 */
typedef int stoa__set_candidate(void *ctx, uint64_t rowid, struct stoa_error *err);

/* The same of all rows [first, last]; some do, or did. */
typedef int stoa__set_candidates(void *ctx, uint64_t first, uint64_t last, struct stoa_error *err);

/* What else is to be known of a look-up. */
struct stoa__set_reach {
	uint64_t first, last;	/* rowids that are wanted; hints at others may be told of, too */
	stoa__set_candidates *each_block;	/* NULL: rows of a block are told of one by one */
};

/*
 * Goes through the hints of one bucket: adds their number to *@n. To be inlined with @each, as it is
 * the heart of every look-up.
 */
static inline __attribute__((always_inline)) int
stoa__set_probe_bucket(const struct stoa__hints *h, struct stoa__set_run *run, uint64_t hash,
		       bool deep, stoa__set_candidate *each, void *ctx, unsigned *n,
		       struct stoa_error *err)
{
	uint64_t g = stoa__hints_home(h, hash);
	unsigned tag = stoa__hints_tag(hash);
	const struct stoa__hints_group *group;

	/* In a file of nonsense all groups may say that there is more. */
	for (uint64_t step = 0; step < stoa__hints_steps(h); step++) {
		STOA_TRY(stoa__set_group(h, run, g, &group, err));
		for (unsigned m = stoa__hints_match(group, tag); m; m &= m - 1) {
			uint64_t word = stoa__hints_word(group, (unsigned)__builtin_ctz(m));
			int rc;

			if (!stoa__hints_is_of(stoa__hints_mark(h, word, hash), deep))
				continue;
			++*n;
			rc = each(ctx, stoa__hints_rowid(h, word), err);
			if (rc)
				return rc;
		}
		if (!stoa__hints_went_on(group, hash))
			return 0;
		g = stoa__hints_next(h, hash, g, step);
	}
	return 0;
}

/* set_deep.c: what is below a key's bucket, which is full. @reach may be NULL. */
int stoa__set_probe_below(const struct stoa__hints *h, struct stoa__set_run *run, uint64_t hash,
			  stoa__set_candidate *each, const struct stoa__set_reach *reach, void *ctx,
			  struct stoa_error *err);

/*
 * Goes through what a table hints at under @hash: rows by @each, and by blocks those of a key that
 * many have (hints_deep.h), ascending.
 */
static inline __attribute__((always_inline)) int
stoa__set_probe(const struct stoa__hints *h, struct stoa__set_run *run, uint64_t hash,
		stoa__set_candidate *each, const struct stoa__set_reach *reach, void *ctx,
		struct stoa_error *err)
{
	unsigned n = 0;
	int rc = stoa__set_probe_bucket(h, run, hash, false, each, ctx, &n, err);

	if (rc || n < STOA__HINTS_BUCKET)
		return rc;
	return stoa__set_probe_below(h, run, hash, each, reach, ctx, err);
}

/*
 * Tells @each of the members of @t among rows [first, last] that have the key, ascending: 0, or
 * whatever it returned, or an error.
 */
struct stoa__set_key {
	const struct stoa__table *t;
	const struct stoa__index_def *def;
	const struct stoa_value *values;
	uint64_t hash;
};
int stoa__set_scan(const struct stoa__set_key *key, uint64_t first, uint64_t last,
		   stoa__set_candidate *each, void *ctx, struct stoa_error *err);

/* ---- set.c ---- */

/* The hash tables of a state, the delta first; those without a hint are left out. */
struct stoa__set_tables {
	uint32_t n;
	const struct stoa__hints *hints[STOA__SET_RUNS_MAX + 1];
	struct stoa__set_run *run[STOA__SET_RUNS_MAX + 1];	/* NULL for the delta */
};
void stoa__set_tables(const struct stoa__set *set, struct stoa__set_tables *out);

/*
 * The first row that has the key, but for row @but (0: none): 1 with *@rowid, 0, or an error.
 */
int stoa__set_first(const struct stoa__table *t, uint32_t i, uint64_t hash,
		    const struct stoa_value *values, uint64_t but, uint64_t *rowid,
		    struct stoa_error *err);
/* Is the group's base covered by a run? */
bool stoa__set_covers(const struct stoa__set *set, const struct stoa__base *base);
/*
 * Can a row of @t be found under a key of the index's own types? Not if a weak reference among
 * @values is to a row that version @v has not any more, since such a slot reads as NULL. 1, 0, or
 * an error.
 */
int stoa__set_key_lives(const struct stoa__version *v, const struct stoa__table *t,
			const struct stoa__index_def *def, const struct stoa_value *values,
			struct stoa_error *err);
/* All rows that have the key, ascending; the caller frees list->rows. */
int stoa__set_all(const struct stoa__table *t, uint32_t i, uint64_t hash,
		  const struct stoa_value *values, struct stoa__rowlist *list,
		  struct stoa_error *err);
/* ---- set_find.c: arguments ---- */

/*
 * Converts a key to the slots' types: 1; 0 if no row can have it, as it has a NULL or a value that
 * its slot cannot hold; an error if a value is of another kind. *@out is @key itself, or @room,
 * which is for as many values.
 */
int stoa__set_convert(const struct stoa__table *t, const struct stoa__index_def *def,
		      const struct stoa_value *key, struct stoa_value *room,
		      const struct stoa_value **out, struct stoa_error *err);
/* Are there as many values, or arrays, as the index has slots? STOA_EINVAL. */
int stoa__set_check_count(const struct stoa__index_def *def, const void *key, size_t n,
			  struct stoa_error *err);
/* Are arrays, one for each slot, of the slots' types? STOA_ETYPE, STOA_EINVAL. */
int stoa__set_check_columns(const struct stoa__table *t, const struct stoa__index_def *def,
			    const struct stoa_array *columns, struct stoa_error *err);

/*
 * For a query: rows that meet all of @equal, by the set index that suits it best. As
 * source_ops->find().
 */
int stoa__set_choose(const struct stoa__table *t, const struct stoa__equal *equal, size_t n,
		     struct stoa__row_list *out, struct stoa_error *err);
/* Is every member found by its key? STOA_ECORRUPT, naming the row. */
int stoa__set_check(const struct stoa__table *t, uint32_t i, struct stoa_error *err);
/* STOA_EEXIST: row @rowid has the key already. */
int stoa__set_taken(const struct stoa__table *t, uint32_t i, const struct stoa_value *values,
		    uint64_t rowid, struct stoa_error *err);

#endif
