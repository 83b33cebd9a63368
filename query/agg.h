/* SPDX-License-Identifier: MIT */
/*
 * agg.h - the running values of aggregates, an array over groups each
 *
 * sum(x) and avg(x) share a sum and a count; whatever several aggregates need is kept once (a
 * *state*).
 */
#ifndef STOA__AGG_H
#define STOA__AGG_H

#include "bind.h"
#include "func.h"
#include "keys.h"
#include "pile.h"
#include "prog.h"
#include "sketch.h"

enum stoa__state_kind {
	STOA__STATE_COUNT,
	STOA__STATE_SUM_INT,	/* __int128 */
	STOA__STATE_SUM_F64,
	STOA__STATE_MIN,
	STOA__STATE_MAX,
	STOA__STATE_MOMENTS,	/* count, mean, sum of squared differences */
	STOA__STATE_SKETCH,
	STOA__STATE_PILE,	/* also a count */
};

struct stoa__moments {
	double n, mean, m2;
};

/* Welford, Note on a Method for Calculating Corrected Sums of Squares and Products, 1962 */
static inline void stoa__moments_add(struct stoa__moments *m, double x)
{
	double delta = x - m->mean;

	m->n++;
	m->mean += delta / m->n;
	m->m2 += delta * (x - m->mean);
}

/* Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979 */
static inline void stoa__moments_merge(struct stoa__moments *a, const struct stoa__moments *b)
{
	double n = a->n + b->n, delta = b->mean - a->mean;

	if (b->n == 0)
		return;
	a->m2 += b->m2 + delta * delta * (a->n * b->n / n);
	a->mean += delta * (b->n / n);
	a->n = n;
}

struct stoa__state {
	uint8_t kind;		/* enum stoa__state_kind */
	uint8_t phys;		/* of MIN and MAX */
	bool distinct;
	const struct stoa__agg *agg;		/* the first that wanted it */
	const struct stoa__bound *arg;		/* NULL: count(*) */
	const struct stoa__bound *filter;
	int arg_output;		/* of the program that the rows run through; -1: none */
	int filter_output;
	uint32_t cap;		/* groups that the arrays have room for */
	int64_t *count;		/* COUNT, PILE */
	__int128 *sum;
	double *f64;		/* SUM_F64 */
	union stoa__datum *best;	/* MIN, MAX */
	uint8_t *seen;
	struct stoa__moments *moments;
	struct stoa__sketch *sketches;
	struct stoa__pile *pile;
	struct stoa__arena bytes;	/* of strings in @best */
	size_t bytes_dead;		/* of them, given up */
	struct stoa__keyer keyer;	/* DISTINCT */
	struct stoa__tuples tuples;
	struct stoa__recent *recent;	/* tuples met lately, by hash */
	uint64_t *met;		/* without groups: a bit for each string that was met, by id */
	uint32_t cap_met;	/* words of it */
	uint8_t *code_seen;		/* DISTINCT without groups: codes of dictionary @codes_id */
	uint64_t codes_id;
	uint32_t n_codes, n_unseen;
};

struct stoa__recent {
	uint64_t group;		/* and 1, so that zeros are no tuple */
	uint64_t word;
};
#define STOA__RECENT 4096

struct stoa__aggregator {
	const struct stoa__agg *aggs;
	size_t n_aggs;
	struct stoa__state *states;
	size_t n_states;
	int (*refs)[2];		/* of each aggregate: its states, or a pile and the reader; -1: none */
	const struct stoa__loops *loops;
	/* Room for a batch: */
	uint8_t *flags;
	uint32_t *sel;
	uint32_t *groups;
	void *values;
	uint64_t *words;
	void *flat;
	uint32_t *tally;	/* of the batch, by group, if @tallied */
	bool tallied;
	const uint8_t *only;	/* rows of the batch that count, a byte each; NULL: all */
};

/*
 * @exprs grows by the arguments, filters and keys that the program must compute; room for
 * stoa__aggs_exprs(); *@n_exprs is there already. What wants its values in order may put them in
 * @file.
 */
int stoa__aggregator_init(struct stoa__aggregator *ag, const struct stoa__agg *aggs, size_t n_aggs,
			  const struct stoa__bound **exprs, size_t *n_exprs,
			  struct stoa__temp *file, struct stoa__run *run, struct stoa_error *err);
/* At most how many expressions @n aggregates read. */
static inline size_t stoa__aggs_exprs(const struct stoa__agg *aggs, size_t n)
{
	size_t sum = 4 * n;

	for (size_t i = 0; i < n; i++)
		sum += aggs[i].n_keys;
	return sum;
}
void stoa__aggregator_release(struct stoa__aggregator *ag);
/* Room for @n groups, new ones empty. */
int stoa__aggregator_grow(struct stoa__aggregator *ag, uint32_t n, struct stoa_error *err);
/*
 * Adds the @n rows of @m's newest run, the first of which is in place @place, to @groups (NULL: all
 * to group 0) of @n_groups.
 */
int stoa__aggregator_update(struct stoa__aggregator *ag, const struct stoa__machine *m,
			    const uint32_t *groups, uint64_t place, size_t n, uint32_t n_groups,
			    struct stoa_error *err);
/*
 * Adds what @from has of each of its @n groups to group map[group]; there is room for all. @from
 * was made for the same aggregates, and is of no use afterwards.
 */
int stoa__aggregator_merge(struct stoa__aggregator *ag, struct stoa__aggregator *from,
			   const uint32_t *map, uint32_t n, struct stoa_error *err);
/* Heap that it holds. */
uint64_t stoa__aggregator_bytes(const struct stoa__aggregator *ag);
/* How much of that can be put on disk; puts it there. */
uint64_t stoa__aggregator_piled(const struct stoa__aggregator *ag);
int stoa__aggregator_spill(struct stoa__aggregator *ag, struct stoa_error *err);
/*
 * The result of aggregate @i in @n groups from @from on, into @values (of its physical kind) and
 * @valid. Once asked for, it takes no more rows; groups are asked for in ascending order.
 */
int stoa__aggregator_result(struct stoa__aggregator *ag, size_t i, uint32_t from, size_t n,
			    void *values, uint64_t *valid, struct stoa_error *err);

/* ---- one value: what groups and windows have in common --------------------------------------- */

/* A sum as the result; STOA_ERANGE if it does not fit. */
int stoa__agg_sum(const struct stoa__agg *g, __int128 sum, int64_t *out, struct stoa_error *err);
/* The mean of @count integers or decimals, 1 or more. */
double stoa__agg_average(const struct stoa__agg *g, __int128 sum, int64_t count);
/* False: too few values, NULL. */
bool stoa__agg_moments(const struct stoa__agg *g, const struct stoa__moments *m, double *out);
/* Does @x take the place of @y as the least, or (@max) the greatest? NaN is above all numbers. */
bool stoa__agg_better(unsigned phys, union stoa__datum x, union stoa__datum y, bool max);

#endif
