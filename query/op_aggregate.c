/* SPDX-License-Identifier: MIT */
/*
 * op_aggregate.c - GROUP BY, DISTINCT, and aggregates over everything
 *
 * Rows are consumed at the first next(), into a grouping (grouping.h); then groups come out in the
 * order in which they first appeared.
 *
 * *Lanes.* With several, each fills a grouping of its own, and these become one. That pays while
 * groups are few: when a lane has LANE_GROUPS of them, or more than its share of memory, all lanes
 * end with the row group at hand, and what is left is read by one lane into the one grouping.
 *
 * *Memory.* A grouping beyond the budget is frozen. Rows of groups that are there still count; all
 * others are put on disk, dealt out to PARTITIONS by a hash of their keys, so that all rows of a
 * group are in one. When the groups at hand have come out, each partition is grouped in turn, by
 * further bits of the hash where it is too large again. What is put on disk is what the program
 * made of a row: keys, arguments and filters; a second program, of bare columns, reads them.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "grouping.h"
#include "lanes.h"
#include "spill.h"

#define LANE_GROUPS 32768
#define PARTITION_BITS 4
#define PARTITIONS (1u << PARTITION_BITS)
#define DEPTH_MAX (64 / PARTITION_BITS)

/* Rows on disk that are still to be grouped. */
struct part {
	struct stoa__stream rows;
	unsigned depth;		/* how often they were dealt out */
};

struct out_column {
	void *values;
	uint64_t *valid;
	bool ready;
};

/* A lane's own. */
struct lane {
	struct stoa__machine *machine;
	struct stoa__grouping grouping;
	struct stoa__share share;
};

struct aggregate {
	struct stoa__op op;
	struct stoa__lanes in;
	bool global;			/* one group, even of no rows */
	const struct stoa__agg *aggs;
	size_t n_aggs, n_keys;
	const struct stoa__bound **exprs;	/* what the program makes of a row, and its types */
	struct stoa__type *types;
	size_t n_exprs;
	const struct stoa__prog *prog, *again;	/* on the child's rows; on rows from disk */
	struct lane *lanes;
	_Atomic bool crowded;		/* a lane has too many groups, or too much in piles */
	struct stoa__machine *machine;
	struct stoa__grouping grouping;	/* what comes out */
	struct stoa__share share;
	struct stoa__temp file;
	struct part *parts;		/* the last is next */
	uint32_t n_parts, cap_parts;
	struct stoa__stream *dealt;	/* PARTITIONS, being filled; NULL: all rows fit */
	unsigned depth;			/* of the rows being grouped */
	struct stoa__vec *vecs;		/* of a batch that is dealt out */
	bool consumed;
	uint32_t at;			/* group that comes next */
	uint32_t batch_at;		/* first group of the current batch */
	size_t batch_n;
	struct out_column *out;
};

/* ---- beyond the budget ---------------------------------------------------------------------- */

/* From now on rows of new groups go to disk. */
static int begin_dealing(struct aggregate *a, struct stoa_error *err)
{
	STOA_TRY(stoa__grouping_freeze(&a->grouping, err));
	if (!a->vecs)
		a->vecs = stoa__calloc(a->n_exprs + 1, sizeof *a->vecs);
	a->dealt = stoa__calloc(PARTITIONS, sizeof *a->dealt);
	if (!a->vecs || !a->dealt)
		return stoa__fail_memory(err);
	for (unsigned i = 0; i < PARTITIONS; i++)
		stoa__stream_init(&a->dealt[i], &a->file, a->types, a->n_exprs);
	return STOA_OK;
}

static int deal(struct aggregate *a, const struct stoa__machine *m, size_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < a->n_exprs; i++)
		a->vecs[i] = *stoa__machine_output(m, i);
	for (size_t i = 0; i < n; i++) {
		if (a->grouping.known[i])
			continue;
		uint64_t hash = stoa__hash_row(a->vecs, a->n_keys, i);
		unsigned part = hash >> (a->depth * PARTITION_BITS) & (PARTITIONS - 1);
		STOA_TRY(stoa__stream_put(&a->dealt[part], a->vecs, i, err));
	}
	return STOA_OK;
}

/* What was dealt out waits for its turn. */
static int end_dealing(struct aggregate *a, struct stoa_error *err)
{
	void *parts = a->parts;

	if (!a->dealt)
		return STOA_OK;
	if (!stoa__grow(&parts, &a->cap_parts, a->n_parts + PARTITIONS, sizeof *a->parts))
		return stoa__fail_memory(err);
	a->parts = parts;
	for (unsigned i = PARTITIONS; i-- > 0;) {
		STOA_TRY(stoa__stream_end(&a->dealt[i], err));
		if (a->dealt[i].n_rows)
			a->parts[a->n_parts++] = (struct part){ a->dealt[i], a->depth + 1 };
		else
			stoa__stream_release(&a->dealt[i]);
		a->dealt[i] = (struct stoa__stream){ 0 };
	}
	stoa__free(a->dealt);
	a->dealt = NULL;
	return STOA_OK;
}

static uint64_t bytes_held(const struct aggregate *a)
{
	uint64_t bytes = stoa__grouping_bytes(&a->grouping);

	for (unsigned i = 0; a->dealt && i < PARTITIONS; i++)
		bytes += stoa__stream_bytes(&a->dealt[i]);
	return bytes;
}

/*
 * Is what is held within the budget? Piles go to disk where they are most of it, so that runs are
 * not small. Without keys there is nothing to freeze, and rows whose hash has no bits left are few:
 * all of one group, or nearly.
 */
static int heed_budget(struct aggregate *a, struct stoa_error *err)
{
	uint64_t bytes = bytes_held(a);
	bool fits = stoa__share_hold(&a->share, bytes);

	if (!fits && stoa__aggregator_piled(&a->grouping.ag) > bytes / 2) {
		STOA_TRY(stoa__aggregator_spill(&a->grouping.ag, err));
		fits = stoa__share_hold(&a->share, bytes_held(a));
	}
	if (!fits && stoa__grouping_give_up_direct(&a->grouping))
		fits = stoa__share_hold(&a->share, bytes_held(a));
	if (fits || a->grouping.frozen || !a->n_keys || a->depth == DEPTH_MAX)
		return STOA_OK;
	return begin_dealing(a, err);
}

/* ---- consuming ------------------------------------------------------------------------------ */

static int consume_batch(struct aggregate *a, struct stoa__machine *m, struct stoa__input *in,
			 uint64_t place, size_t n, struct stoa_error *err)
{
	STOA_TRY(stoa__machine_run(m, in, n, NULL, err));
	STOA_TRY(stoa__grouping_add(&a->grouping, m, place, n, err));
	if (a->grouping.frozen)
		STOA_TRY(deal(a, m, n, err));
	return heed_budget(a, err);
}

/* Memory is heeded by one alone: lanes end before they need it. */
static bool is_crowded(struct lane *l)
{
	struct stoa__grouping *g = &l->grouping;

	return l->grouping.n_groups >= LANE_GROUPS ||
	       (!stoa__share_hold(&l->share, stoa__grouping_bytes(g)) &&
		(!stoa__grouping_give_up_direct(g) ||
		 !stoa__share_hold(&l->share, stoa__grouping_bytes(g))));
}

/* Lane @i fills its grouping until there are no rows, or some lane has too many groups. */
static int consume_lane(void *ctx, size_t i, struct stoa_error *err)
{
	struct aggregate *a = ctx;
	struct stoa__lane *in = &a->in.items[i];
	struct lane *l = &a->lanes[i];
	uint64_t group;
	size_t n;
	int rc = STOA_OK;

	while (!atomic_load_explicit(&a->crowded, memory_order_relaxed) &&
	       (rc = stoa__lane_begin(in, &group, err)) == STOA_ROW) {
		uint64_t place = group << 32;
		while ((rc = stoa__op_next(in->root, &n, err)) == STOA_ROW) {
			STOA_TRY(stoa__machine_run(l->machine, &in->root->input, n, NULL, err));
			STOA_TRY(stoa__grouping_add(&l->grouping, l->machine, place, n, err));
			place += n;
		}
		if (rc < 0)
			return rc;
		if (is_crowded(l))
			atomic_store_explicit(&a->crowded, true, memory_order_relaxed);
	}
	return rc < 0 ? rc : STOA_OK;
}

static void release_lanes(struct aggregate *a)
{
	for (size_t i = 0; a->lanes && i < a->in.n; i++) {
		stoa__machine_free(a->lanes[i].machine);
		stoa__grouping_release(&a->lanes[i].grouping);
		stoa__share_release(&a->lanes[i].share);
	}
	stoa__free(a->lanes);
	a->lanes = NULL;
}

static int consume_lanes(struct aggregate *a, struct stoa_error *err)
{
	struct stoa__grouping *all;

	STOA_TRY(stoa__lanes_work(&a->in, consume_lane, a, err));
	all = stoa__calloc(a->in.n, sizeof *all);
	if (!all)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < a->in.n; i++)
		all[i] = a->lanes[i].grouping;	/* lent: they share what they point to */
	int rc = stoa__grouping_merge(&a->grouping, all, a->in.n, err);
	stoa__free(all);
	release_lanes(a);
	return rc < 0 ? rc : heed_budget(a, err);
}

/* What lanes have left, by one of them; all there is where there is one. */
static int consume_rest(struct aggregate *a, struct stoa_error *err)
{
	struct stoa__lane *in = &a->in.items[0];
	uint64_t group;
	size_t n;
	int rc;

	while ((rc = stoa__lane_begin(in, &group, err)) == STOA_ROW) {
		uint64_t place = group << 32;
		while ((rc = stoa__op_next(in->root, &n, err)) == STOA_ROW) {
			STOA_TRY(consume_batch(a, a->machine, &in->root->input, place, n, err));
			place += n;
		}
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : STOA_OK;
}

static int consume(struct aggregate *a, struct stoa_error *err)
{
	if (a->global)
		STOA_TRY(stoa__grouping_begin(&a->grouping, err));
	if (a->lanes)
		STOA_TRY(consume_lanes(a, err));
	STOA_TRY(consume_rest(a, err));
	/* What the child holds is of no use any more. */
	stoa__lanes_close(&a->in);
	a->consumed = true;
	return end_dealing(a, err);
}

/* ---- rows from disk ------------------------------------------------------------------------- */

static int init_grouping(struct aggregate *a, struct stoa__grouping *g, struct stoa_error *err)
{
	size_t n_exprs = a->n_keys;

	return stoa__grouping_init(g, a->types, a->n_keys, a->aggs, a->n_aggs, a->exprs, &n_exprs,
				   &a->file, a->in.run, err);
}

static int consume_stream(struct aggregate *a, const struct stoa__stream *rows,
			  struct stoa_error *err)
{
	struct stoa__machine *m = NULL;
	uint64_t place = 0;	/* rows of a group are dealt out in their order */
	struct stoa__op *in;
	size_t n;
	int rc = stoa__op_stream(rows, a->in.run, &in, err);

	if (rc < 0)
		return rc;
	rc = stoa__machine_new(a->again, STOA__BATCH_ROWS, &m, err);
	while (rc >= 0 && (rc = stoa__op_next(in, &n, err)) == STOA_ROW) {
		rc = consume_batch(a, m, &in->input, place, n, err);
		place += n;
	}
	stoa__machine_free(m);
	stoa__op_close(in);
	return rc < 0 ? rc : end_dealing(a, err);
}

/* The groups of the next partition: STOA_ROW, or STOA_END when there is none. */
static int next_part(struct aggregate *a, struct stoa_error *err)
{
	if (!a->n_parts)
		return STOA_END;
	struct part part = a->parts[--a->n_parts];
	stoa__grouping_release(&a->grouping);
	a->at = 0;
	a->depth = part.depth;
	int rc = init_grouping(a, &a->grouping, err);
	if (rc == STOA_OK)
		rc = consume_stream(a, &part.rows, err);
	stoa__stream_release(&part.rows);
	return rc < 0 ? rc : STOA_ROW;
}

/* ---- the operator --------------------------------------------------------------------------- */

static int aggregate_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct aggregate *a = (struct aggregate *)op;

	if (!a->consumed)
		STOA_TRY(consume(a, err));
	while (a->at == a->grouping.n_groups) {
		int rc = next_part(a, err);
		if (rc != STOA_ROW)
			return rc;
	}
	a->batch_at = a->at;
	a->batch_n = a->grouping.n_groups - a->at;
	if (a->batch_n > STOA__BATCH_ROWS)
		a->batch_n = STOA__BATCH_ROWS;
	a->at += (uint32_t)a->batch_n;
	for (size_t i = 0; i < a->n_keys + a->n_aggs; i++)
		a->out[i].ready = false;
	*n = a->batch_n;
	return STOA_ROW;
}

static struct stoa__type column_type(const struct aggregate *a, size_t i)
{
	return i < a->n_keys ? a->types[i] : a->aggs[i - a->n_keys].type;
}

static int make_column(struct aggregate *a, size_t i, struct stoa_error *err)
{
	struct out_column *o = &a->out[i];
	size_t width = stoa__phys_width(stoa__prog_phys(column_type(a, i).type));

	if (!o->values)
		o->values = stoa__alloc_aligned(STOA__BATCH_ROWS * width);
	if (!o->valid)
		o->valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (!o->values || !o->valid)
		return stoa__fail_memory(err);
	if (i < a->n_keys)
		stoa__grouping_keys(&a->grouping, i, a->batch_at, a->batch_n, o->values, o->valid);
	else
		STOA_TRY(stoa__aggregator_result(&a->grouping.ag, i - a->n_keys, a->batch_at,
						 a->batch_n, o->values, o->valid, err));
	o->ready = true;
	return STOA_OK;
}

static int aggregate_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			    struct stoa_error *err)
{
	struct aggregate *a = (struct aggregate *)in;
	struct stoa__type t = column_type(a, i);

	if (!a->out[i].ready)
		STOA_TRY(make_column(a, i, err));
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)stoa__prog_phys(t.type);
	out->type = t.type;
	out->scale = t.scale;
	out->n = a->batch_n;
	out->values = a->out[i].values;
	if (stoa__bitmap_count(a->out[i].valid, 0, a->batch_n) != a->batch_n)
		out->validity = a->out[i].valid;
	return STOA_OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void aggregate_close(struct stoa__op *op)
{
	struct aggregate *a = (struct aggregate *)op;

	stoa__lanes_close(&a->in);
	release_lanes(a);
	stoa__machine_free(a->machine);
	stoa__grouping_release(&a->grouping);
	for (size_t i = 0; a->out && i < a->n_keys + a->n_aggs; i++) {
		stoa__free(a->out[i].values);
		stoa__free(a->out[i].valid);
	}
	for (uint32_t i = 0; i < a->n_parts; i++)
		stoa__stream_release(&a->parts[i].rows);
	for (unsigned i = 0; a->dealt && i < PARTITIONS; i++)
		stoa__stream_release(&a->dealt[i]);
	stoa__free(a->parts);
	stoa__free(a->dealt);
	stoa__free(a->vecs);
	stoa__free(a->types);
	stoa__free(a->out);
	stoa__temp_release(&a->file);
	stoa__share_release(&a->share);
	stoa__free(a);
}

/* The program on rows of the child, and that on what it made of them. */
static int compile(struct aggregate *a, struct stoa__arena *arena, struct stoa_error *err)
{
	struct stoa__bound **columns = stoa__arena_array(arena, a->n_exprs + 1, sizeof(*columns));
	struct stoa__prog *prog;

	a->types = stoa__calloc(a->n_exprs + 1, sizeof *a->types);
	if (!columns || !a->types)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < a->n_exprs; i++) {
		columns[i] = stoa__arena_zalloc(arena, sizeof(**columns));
		if (!columns[i])
			return stoa__fail_memory(err);
		columns[i]->kind = STOA__BOUND_COLUMN;
		columns[i]->type = a->types[i] = a->exprs[i]->type;
		columns[i]->index = (uint32_t)i;
	}
	STOA_TRY(stoa__prog_compile(arena, (struct stoa__bound *const *)a->exprs, a->n_exprs, &prog,
				    err));
	a->prog = prog;
	STOA_TRY(stoa__prog_compile(arena, columns, a->n_exprs, &prog, err));
	a->again = prog;
	return STOA_OK;
}

static int init_lanes(struct aggregate *a, struct stoa_error *err)
{
	if (a->in.n == 1)
		return STOA_OK;
	a->lanes = stoa__calloc(a->in.n, sizeof *a->lanes);
	if (!a->lanes)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < a->in.n; i++) {
		STOA_TRY(init_grouping(a, &a->lanes[i].grouping, err));
		a->lanes[i].grouping.has_places = true;
		a->lanes[i].share.budget = a->share.budget;
		STOA_TRY(stoa__machine_new(a->prog, STOA__BATCH_ROWS, &a->lanes[i].machine, err));
	}
	return STOA_OK;
}

static int aggregate_init(struct aggregate *a, struct stoa__arena *arena,
			  struct stoa__bound *const *keys, struct stoa_error *err)
{
	struct stoa__type *types = stoa__arena_array(arena, a->n_keys + 1, sizeof *types);

	a->exprs = stoa__arena_array(arena, a->n_keys + stoa__aggs_exprs(a->aggs, a->n_aggs) + 1,
				     sizeof(*a->exprs));
	a->out = stoa__calloc(a->n_keys + a->n_aggs + 1, sizeof *a->out);
	if (!types || !a->exprs || !a->out)
		return stoa__fail_memory(err);
	for (size_t k = 0; k < a->n_keys; k++) {
		a->exprs[k] = keys[k];
		types[k] = keys[k]->type;
	}
	a->n_exprs = a->n_keys;
	STOA_TRY(stoa__grouping_init(&a->grouping, types, a->n_keys, a->aggs, a->n_aggs, a->exprs,
				     &a->n_exprs, &a->file, a->in.run, err));
	STOA_TRY(compile(a, arena, err));
	STOA_TRY(stoa__machine_new(a->prog, STOA__BATCH_ROWS, &a->machine, err));
	return init_lanes(a, err);
}

int stoa__op_aggregate(struct stoa__lanes *in, struct stoa__arena *arena,
		       struct stoa__bound *const *keys, size_t n_keys, bool global,
		       const struct stoa__agg *aggs, size_t n_aggs, struct stoa__op **out,
		       struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { aggregate_next, aggregate_close, NULL, NULL };
	struct aggregate *a = stoa__calloc(1, sizeof *a);

	*out = NULL;
	if (!a) {
		stoa__lanes_close(in);
		return stoa__fail_memory(err);
	}
	a->op.input.column = aggregate_column;
	a->op.ops = &ops;
	a->in = *in;
	a->n_keys = n_keys;
	a->global = global;
	a->aggs = aggs;
	a->n_aggs = n_aggs;
	a->share.budget = in->run->means.budget;
	stoa__temp_init(&a->file, in->run->means.dir);
	int rc = aggregate_init(a, arena, keys, err);
	if (rc < 0) {
		aggregate_close(&a->op);
		return rc;
	}
	*out = &a->op;
	return STOA_OK;
}
