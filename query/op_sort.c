/* SPDX-License-Identifier: MIT */
/*
 * op_sort.c - ORDER BY, with and without LIMIT
 *
 * Each lane has a sorter (sorter.h), which keeps all rows; what the budget does not let us keep is
 * sorted and put on disk, a *run* at a time. In the end all are merged.
 *
 * Equal rows stay in the order in which they came. Within a lane, runs are in that order, too;
 * where there are several lanes, a row's place in the table is one more column and the last key.
 *
 * With a LIMIT of k rows at most 2k and a batch are kept: then the rows are sorted, and all but
 * the first k given up. From then on the prefix of the kth row is a bar (bar.h): rows beyond it
 * are not kept, and of a batch without any other the other columns are not even asked for.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "bar.h"
#include "lanes.h"
#include "loops.h"
#include "sorter.h"

#define SLACK 64 /* rows kept beyond twice the LIMIT, so that small ones do not sort at each row */

/* What one lane gathers. */
struct lane {
	struct stoa__sorter sorter;
	struct stoa__share share;
	int64_t *places;	/* of a batch; NULL where there is one lane */
	/* Of a LIMIT; else NULL. */
	uint8_t *flags;
	uint32_t *sel;
	void *room;
	uint64_t *room_valid;
};

struct sort {
	struct stoa__op op;
	struct stoa__lanes in;
	struct lane lanes[STOA__LANES_MAX];
	struct stoa__type *types;	/* of the child's columns, then of the place */
	size_t n_columns;		/* kept */
	size_t n_child;			/* of the child */
	struct stoa__order_key *keys;
	struct stoa__order order;
	uint64_t limit, left;
	struct stoa__bar *bar;
	struct stoa__temp file;
	struct stoa__sorted sorted;	/* of all lanes, once all rows are there */
	size_t n;			/* rows of the batch */
};

/* ---- keeping rows --------------------------------------------------------------------------- */

/* Rows of the child's batch that a LIMIT leaves a chance: all (*@k == n), or those in sel. */
static int find_chances(struct sort *s, struct lane *l, struct stoa__op *child, size_t n, size_t *k,
			struct stoa_error *err)
{
	struct stoa__vec v;

	*k = n;
	if (!s->bar || stoa__bar_last(s->bar) == UINT64_MAX)
		return STOA_OK;
	STOA_TRY(stoa__op_column(child, s->keys[0].output, &v, err));
	stoa__bar_admit(s->bar, &v, n, l->flags);
	*k = stoa__loops()->select(l->flags, n, l->sel);
	return STOA_OK;
}

/* The places of @n rows from @place on, as a column. */
static void place_column(struct lane *l, uint64_t place, size_t n, struct stoa__vec *out)
{
	for (size_t i = 0; i < n; i++)
		l->places[i] = (int64_t)(place + i);
	*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = STOA__PHYS_I64,
				   .type = STOA_I64, .n = n };
	out->i64 = l->places;
}

static int keep_rows(struct sort *s, struct lane *l, struct stoa__op *child, uint64_t place,
		     size_t n, size_t k, struct stoa_error *err)
{
	for (size_t i = 0; i < s->n_columns; i++) {
		struct stoa__vec v, some;
		if (i < s->n_child)
			STOA_TRY(stoa__op_column(child, i, &v, err));
		else
			place_column(l, place, n, &v);
		if (k == n) {
			STOA_TRY(stoa__rows_keep(&l->sorter.rows, i, &v, n, err));
			continue;
		}
		stoa__vec_gather(&v, l->sel, k, l->room, l->room_valid, &some);
		STOA_TRY(stoa__rows_keep(&l->sorter.rows, i, &some, k, err));
	}
	l->sorter.rows.n += (uint32_t)k;
	return STOA_OK;
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* Lowers the bar to what the last row wanted has reached. */
static void lower_bar(struct sort *s, const struct lane *l)
{
	uint32_t n = stoa__sorter_wanted(&l->sorter);

	if (s->bar && n && n == s->limit)
		stoa__bar_lower(s->bar, stoa__order_prefix(&s->order, 0, l->sorter.rows.cells,
							   l->sorter.items[n - 1].row));
}

/* Gives up all but the first rows. */
static int prune(struct sort *s, struct lane *l, struct stoa_error *err)
{
	uint32_t n = stoa__sorter_wanted(&l->sorter);

	STOA_TRY(stoa__sorter_sort(&l->sorter, err));
	lower_bar(s, l);
	uint32_t *at = (uint32_t *)(void *)l->sorter.other;	/* of no use any more: room for the numbers */
	for (uint32_t i = 0; i < n; i++)
		at[i] = l->sorter.items[i].row;
	return stoa__rows_reorder(&l->sorter.rows, at, n, err);
}

/* The lane's rows become a run on disk. */
static int spill(struct sort *s, struct lane *l, struct stoa_error *err)
{
	STOA_TRY(stoa__sorter_sort(&l->sorter, err));
	lower_bar(s, l);
	STOA_TRY(stoa__sorter_spill(&l->sorter, err));
	(void)stoa__share_hold(&l->share, 0);
	return STOA_OK;
}

/* ---- consuming ------------------------------------------------------------------------------ */

static int keep_batch(struct sort *s, struct lane *l, struct stoa__op *child, uint64_t place,
		      size_t n, struct stoa_error *err)
{
	/* Pruned often, the bar is low; each time at least as many rows go as stay. */
	uint64_t enough = s->limit > UINT32_MAX ? UINT64_MAX : 2 * s->limit + SLACK;
	size_t k;

	STOA_TRY(find_chances(s, l, child, n, &k, err));
	if (k)
		STOA_TRY(keep_rows(s, l, child, place, n, k, err));
	if (l->sorter.rows.n >= enough)
		STOA_TRY(prune(s, l, err));
	if (!stoa__share_hold(&l->share, stoa__sorter_bytes(&l->sorter)) && l->sorter.rows.n)
		STOA_TRY(spill(s, l, err));
	return STOA_OK;
}

/* Lane @i takes all of its rows. */
static int consume(void *ctx, size_t i, struct stoa_error *err)
{
	struct sort *s = ctx;
	struct stoa__lane *in = &s->in.items[i];
	uint64_t group, place;
	size_t n;
	int rc;

	while ((rc = stoa__lane_begin(in, &group, err)) == STOA_ROW) {
		place = group << 32;	/* a join may make many rows of a group's */
		while ((rc = stoa__op_next(in->root, &n, err)) == STOA_ROW) {
			STOA_TRY(keep_batch(s, &s->lanes[i], in->root, place, n, err));
			place += n;
		}
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	return stoa__sorter_sort(&s->lanes[i].sorter, err);
}

static int begin_merge(struct sort *s, struct stoa_error *err)
{
	struct stoa__sorter *sorters[STOA__LANES_MAX];

	STOA_TRY(stoa__lanes_work(&s->in, consume, s, err));
	stoa__lanes_close(&s->in);	/* what the child holds is of no use any more */
	for (size_t i = 0; i < s->in.n; i++)
		sorters[i] = &s->lanes[i].sorter;
	return stoa__sorted_init(&s->sorted, sorters, s->in.n, s->in.run, err);
}

/* ---- the operator --------------------------------------------------------------------------- */

static int sort_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct sort *s = (struct sort *)op;

	if (!s->sorted.merge)
		STOA_TRY(begin_merge(s, err));
	if (!s->left)
		return STOA_END;
	int rc = stoa__merge_next(s->sorted.merge, &s->n, err);
	if (rc != STOA_ROW)
		return rc;
	if (s->n > s->left)
		s->n = (size_t)s->left;
	s->left -= s->n;
	*n = s->n;
	return STOA_ROW;
}

static int sort_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
		       struct stoa_error *err)
{
	struct sort *s = (struct sort *)in;

	STOA_TRY(stoa__merge_column(s->sorted.merge, i, out, err));
	out->n = s->n;
	return STOA_OK;
}

static void lane_release(struct lane *l)
{
	stoa__sorter_release(&l->sorter);
	stoa__free(l->places);
	stoa__free(l->sel);
	stoa__free(l->room);
	stoa__free(l->room_valid);
	stoa__free(l->flags);
	stoa__share_release(&l->share);
}

static void sort_close(struct stoa__op *op)
{
	struct sort *s = (struct sort *)op;

	stoa__sorted_release(&s->sorted);
	for (size_t i = 0; i < s->in.n; i++)
		lane_release(&s->lanes[i]);
	stoa__lanes_close(&s->in);
	stoa__free(s->types);
	stoa__free(s->keys);
	stoa__temp_release(&s->file);
	stoa__free(s);
}

static int make_rooms(struct lane *l)
{
	l->sel = stoa__alloc_aligned((STOA__BATCH_ROWS + 8) * sizeof *l->sel);
	l->room = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	l->flags = stoa__alloc_aligned(STOA__BATCH_ROWS);
	l->room_valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	return l->sel && l->room && l->flags && l->room_valid ? 0 : STOA_ENOMEM;
}

static int lane_init(struct sort *s, struct lane *l, struct stoa_error *err)
{
	l->share.budget = s->in.run->means.budget;
	STOA_TRY(stoa__sorter_init(&l->sorter, s->types, s->n_columns, &s->order, s->limit, &s->file,
				   err));
	if (s->n_columns > s->n_child) {
		l->places = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *l->places);
		if (!l->places)
			return stoa__fail_memory(err);
	}
	return s->bar && make_rooms(l) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* With several lanes the place of a row is one more column, and one more key. */
static int sort_init(struct sort *s, const struct stoa__type *types,
		     const struct stoa__order_key *order, size_t n_order, struct stoa_error *err)
{
	bool many = s->in.n > 1;

	s->n_columns = s->n_child + many;
	s->types = stoa__calloc(s->n_columns + 1, sizeof *s->types);
	s->keys = stoa__calloc(n_order + 1, sizeof *s->keys);
	if (!s->types || !s->keys)
		return stoa__fail_memory(err);
	if (s->n_child)
		memcpy(s->types, types, s->n_child * sizeof *types);
	s->types[s->n_child] = stoa__type_plain(STOA_I64);
	if (n_order)
		memcpy(s->keys, order, n_order * sizeof *order);
	s->keys[n_order] = (struct stoa__order_key){ .output = (uint32_t)s->n_child };
	s->order = (struct stoa__order){ s->keys, n_order + many };
	for (size_t i = 0; i < s->in.n; i++)
		STOA_TRY(lane_init(s, &s->lanes[i], err));
	return STOA_OK;
}

int stoa__op_sort(struct stoa__lanes *in, const struct stoa__type *types, size_t n_columns,
		  const struct stoa__order_key *order, size_t n_order, uint64_t limit,
		  struct stoa__bar *bar, struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { sort_next, sort_close, NULL, NULL };
	struct sort *s = stoa__calloc(1, sizeof *s);

	*out = NULL;
	if (!s) {
		stoa__lanes_close(in);
		return stoa__fail_memory(err);
	}
	s->op.input.column = sort_column;
	s->op.ops = &ops;
	s->in = *in;
	s->n_child = n_columns;
	s->limit = s->left = limit;
	s->bar = bar;
	stoa__temp_init(&s->file, in->run->means.dir);
	int rc = sort_init(s, types, order, n_order, err);
	if (rc < 0) {
		sort_close(&s->op);
		return rc;
	}
	*out = &s->op;
	return STOA_OK;
}
