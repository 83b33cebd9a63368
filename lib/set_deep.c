/* SPDX-License-Identifier: MIT */
/*
 * set_deep.c - look-ups of a key that many rows have: buckets below its own, and blocks of rows
 *
 * Below a full bucket there are 32; whether one has a hint only a look at its home tells. So all
 * homes are asked for before the first is looked at. They are gone through in the order of rowids,
 * and those that no wanted row is in are passed over. Blocks that are next to each other are put
 * together, as reading rows has a price for each time that it is begun; up to a point, as who wants
 * a few rows ends it soon. The hints of a block's own bucket are told of only if it is not full: else
 * their rows are among those that are read.
 */
#include "core/alloc.h"
#include "core/error.h"
#include "set.h"

#define RANGE_MAX ((uint64_t)16 << STOA__HINTS_BLOCK_BITS)

struct descent {
	const struct stoa__hints *h;
	struct stoa__set_run *run;
	stoa__set_candidate *each;
	struct stoa__set_reach reach;
	void *ctx;
	uint64_t first, last;	/* rows of blocks that have not been told of; none if last < first */
};

/* Tells of the blocks that have been put together. */
static int flush(struct descent *d, struct stoa_error *err)
{
	uint64_t first = d->first, last = d->last;
	int rc = 0;

	d->first = 1;
	d->last = 0;
	if (last < first)
		return 0;
	if (d->reach.each_block)
		return d->reach.each_block(d->ctx, first, last, err);
	for (uint64_t rowid = first; rowid <= last && !rc; rowid++)
		rc = d->each(d->ctx, rowid, err);
	return rc;
}

/* A block is meant as a whole. */
static int add_block(struct descent *d, uint64_t first, uint64_t last, struct stoa_error *err)
{
	int rc = 0;

	if (first < d->reach.first)
		first = d->reach.first;
	if (last > d->reach.last)
		last = d->reach.last;
	if (last < first)
		return 0;
	if (d->last < d->first || first != d->last + 1 || last - d->first >= RANGE_MAX)
		rc = flush(d, err);
	if (d->last < d->first)
		d->first = first;
	d->last = last;
	return rc;
}

/* The hints of a block's bucket, as far as it is not full. */
struct few {
	uint64_t rowid[STOA__HINTS_BUCKET];
	unsigned n;
};

static int keep(void *ctx, uint64_t rowid, struct stoa_error *err)
{
	struct few *few = ctx;

	(void)err;
	few->rowid[few->n++] = rowid;
	return few->n == STOA__HINTS_BUCKET;
}

/* What the bucket of a block has: its rows, or all of the block. */
static int look_into_block(struct descent *d, uint64_t hash, uint64_t first, uint64_t last,
			   struct stoa_error *err)
{
	struct few few = { .n = 0 };
	unsigned n = 0;
	int rc = stoa__set_probe_bucket(d->h, d->run, hash, true, keep, &few, &n, err);

	if (rc)
		return rc < 0 ? rc : add_block(d, first, last, err);
	for (unsigned k = 0; k < few.n && !rc; k++)
		rc = d->each(d->ctx, few.rowid[k], err);
	return rc;
}

static int descend(struct descent *d, uint64_t hash, unsigned level, uint64_t base,
		   struct stoa_error *err);

/* What a bucket of @level has, above those of blocks, and if it is full those below it. */
static int look_into(struct descent *d, uint64_t hash, unsigned level, uint64_t first,
		     struct stoa_error *err)
{
	unsigned n = 0;
	int rc = stoa__set_probe_bucket(d->h, d->run, hash, true, d->each, d->ctx, &n, err);

	return rc || n < STOA__HINTS_BUCKET ? rc : descend(d, hash, level + 1, first, err);
}

/* What the 32 buckets of @level below the one with @hash have; the first is for rowids from @base on. */
static int descend(struct descent *d, uint64_t hash, unsigned level, uint64_t base,
		   struct stoa_error *err)
{
	const struct stoa__hints *h = d->h;
	unsigned bits = stoa__hints_span_bits(h, level);
	uint64_t span = (uint64_t)1 << bits;
	unsigned from = d->reach.first > base ?
				(unsigned)((d->reach.first - base) >> bits < STOA__HINTS_FAN ?
						   (d->reach.first - base) >> bits :
						   STOA__HINTS_FAN) :
				0;

	for (unsigned k = from; k < STOA__HINTS_FAN && base + k * span <= d->reach.last; k++)
		__builtin_prefetch((const void *)stoa__hints_group(
			h, stoa__hints_home(h, stoa__hints_below(hash, k))));
	for (unsigned k = from; k < STOA__HINTS_FAN && base + k * span <= d->reach.last; k++) {
		uint64_t below = stoa__hints_below(hash, k), first = base + k * span;
		int rc = level == stoa__hints_depth(h) ?
				 look_into_block(d, below, first, first + span - 1, err) :
				 look_into(d, below, level, first, err);

		if (rc)
			return rc;
	}
	return 0;
}

int stoa__set_probe_below(const struct stoa__hints *h, struct stoa__set_run *run, uint64_t hash,
			  stoa__set_candidate *each, const struct stoa__set_reach *reach, void *ctx,
			  struct stoa_error *err)
{
	struct descent d = { .h = h, .run = run, .each = each, .ctx = ctx, .first = 1 };
	uint64_t last = h->first + (((uint64_t)1 << h->bits) - 1);
	int rc;

	d.reach = reach ? *reach : (struct stoa__set_reach){ .last = UINT64_MAX };
	if (d.reach.last > last)
		d.reach.last = last;
	rc = stoa__hints_depth(h) ? descend(&d, hash, 1, h->first, err) :
				    add_block(&d, h->first, last, err);
	return rc ? rc : flush(&d, err);
}

/* ---- reading rows ---- */

struct scan {
	const struct stoa__set_key *key;
	uint64_t first, last;
	bool one_to_one;	/* are hashes? */
	stoa__set_candidate *each;
	void *ctx;
};

static int scan_batch(void *ctx, const struct stoa__set_batch *batch, struct stoa_error *err)
{
	const struct scan *s = ctx;
	const struct stoa__set_key *key = s->key;

	for (uint32_t k = 0; k < batch->n; k++) {
		int rc = 1;

		if (batch->hash[k] != key->hash || batch->rowid[k] < s->first ||
		    batch->rowid[k] > s->last)
			continue;
		if (!s->one_to_one)
			rc = stoa__set_matches(key->t, key->def, batch->rowid[k], key->values, err);
		if (rc > 0)
			rc = s->each(s->ctx, batch->rowid[k], err);
		if (rc)
			return rc;
	}
	return 0;
}

int stoa__set_scan(const struct stoa__set_key *key, uint64_t first, uint64_t last,
		   stoa__set_candidate *each, void *ctx, struct stoa_error *err)
{
	struct scan s = { key, first, last, stoa__set_is_word(key->t, key->def), each, ctx };
	struct stoa__set_walk walk = { .t = key->t, .def = key->def, .each = scan_batch, .ctx = &s,
				       .first = first, .last = last };

	return stoa__set_walk(&walk, err);
}
