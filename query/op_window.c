/* SPDX-License-Identifier: MIT */
/*
 * op_window.c - each row, and the values of window functions at it
 *
 * The child's rows come sorted by partition, then by the window's order. They are gathered until
 * the functions can say what they give at the first of them: at the next row if all of them are
 * running values, at the end of its peers or of its partition if one asks for these
 * (stoa__window_wants()). What stands before that cut is handed out and given up; so a running sum
 * over any number of rows holds a batch, and functions of whole partitions hold one.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "op.h"
#include "window.h"

struct room {
	void *values;
	uint64_t *valid;
};

struct window {
	struct stoa__op op;
	struct stoa__op *child;
	const struct stoa__node *node;
	struct stoa__rows rows;
	struct stoa__order order;
	size_t n_child;			/* columns */
	struct stoa__window_fn *fns;
	enum stoa__window_wants wants;	/* the most that any of them does */
	uint32_t *peers_from, *peers_to, *group;
	uint32_t cap_peers;
	struct room *rooms;		/* by column */
	struct stoa__share share;
	uint32_t ready;			/* rows whose values are there */
	uint32_t at;			/* of these handed out, with */
	size_t n;			/* those of the batch */
	bool ended;			/* the child has */
	/* The partition of the first row, where its first rows have been given up: */
	bool begun;
	uint64_t rows_before, groups_before;
};

/* ---- gathering ------------------------------------------------------------------------------ */

static bool differ(const struct window *w, size_t n_keys, uint32_t a, uint32_t b)
{
	const struct stoa__order some = { w->order.keys, n_keys };

	return n_keys && stoa__order_compare(&some, 0, w->rows.cells, a, w->rows.cells, b) != 0;
}

/* How many rows, before the last, can be spoken of; those up to @from do not reach so far. */
static uint32_t find_cut(const struct window *w, uint32_t from)
{
	size_t n_keys = w->wants == STOA__WANTS_PEERS ? w->order.n : w->node->n_partition;
	uint32_t i = w->rows.n;

	if (w->wants == STOA__WANTS_ROW)
		return i ? i - 1 : 0;
	for (i = i ? i - 1 : 0; i > 0 && i >= from; i--)
		if (differ(w, n_keys, i - 1, i))
			return i;
	return 0;
}

static int keep_batch(struct window *w, size_t n, struct stoa_error *err)
{
	struct stoa__vec v;

	for (size_t i = 0; i < w->n_child; i++) {
		STOA_TRY(stoa__op_column(w->child, i, &v, err));
		STOA_TRY(stoa__rows_keep(&w->rows, i, &v, n, err));
	}
	w->rows.n += (uint32_t)n;
	return STOA_OK;
}

static int heed_budget(struct window *w, struct stoa_error *err)
{
	uint64_t bytes = stoa__rows_bytes(&w->rows) + w->cap_peers * 3 * sizeof *w->group;

	for (size_t i = 0; i < w->node->n_windows; i++)
		bytes += stoa__window_fn_bytes(&w->fns[i]);
	if (stoa__share_hold(&w->share, bytes))
		return STOA_OK;
	return stoa__fail(err, STOA_ENOMEM,
			  "a window function has to hold all rows of a partition, which are more "
			  "than memory_limit has room for: %u of them", w->rows.n);
}

/* Gives up the rows that were handed out. */
static int drop_ready(struct window *w, struct stoa_error *err)
{
	uint32_t n = w->rows.n - w->ready;

	for (uint32_t i = 0; i < n; i++)
		w->group[i] = w->ready + i;	/* of no use any more: room for the numbers */
	w->ready = w->at = 0;
	if (n)
		return stoa__rows_reorder(&w->rows, w->group, n, err);
	stoa__rows_reset(&w->rows);
	return STOA_OK;
}

static int gather(struct window *w, uint32_t *cut, struct stoa_error *err)
{
	size_t n;

	for (*cut = 0; !*cut && !w->ended;) {
		uint32_t from = w->rows.n;
		int rc = stoa__op_next(w->child, &n, err);
		if (rc < 0)
			return rc;
		if (rc == STOA_ROW) {
			STOA_TRY(keep_batch(w, n, err));
			STOA_TRY(heed_budget(w, err));
			*cut = find_cut(w, from);
		} else {
			w->ended = true;
			*cut = w->rows.n;
		}
	}
	return STOA_OK;
}

/* ---- computing ------------------------------------------------------------------------------ */

/* Where the partition that begins at @from ends, at @cut at the latest; finds its peers. */
static uint32_t find_peers(struct window *w, uint32_t from, uint32_t cut)
{
	uint32_t first = from, group = 0, to = from;

	do {
		w->group[to] = group;
		w->peers_from[to++] = first;
		bool ends = to == cut || differ(w, w->node->n_partition, to - 1, to);
		if (!ends && !differ(w, w->order.n, to - 1, to))
			continue;
		for (uint32_t i = first; i < to; i++)
			w->peers_to[i] = to;
		if (ends)
			return to;
		first = to;
		group++;
	} while (true);
}

static int run_part(struct window *w, uint32_t from, uint32_t to, struct stoa_error *err)
{
	struct stoa__part p = {
		.cells = w->rows.cells, .n_columns = w->n_child, .from = from, .to = to,
		.peers_from = w->peers_from, .peers_to = w->peers_to, .group = w->group,
		.begun = w->begun,
		.rows_before = w->rows_before, .groups_before = w->groups_before,
	};

	if (w->order.n > w->node->n_partition)
		p.key = &w->order.keys[w->node->n_partition];
	for (size_t i = 0; i < w->node->n_windows; i++)
		STOA_TRY(stoa__window_fn_run(&w->fns[i], &p, err));
	return STOA_OK;
}

static int make_room(struct window *w, uint32_t n, struct stoa_error *err)
{
	uint32_t **arrays[] = { &w->peers_from, &w->peers_to, &w->group };

	for (size_t i = 0; i < w->node->n_windows; i++)
		STOA_TRY(stoa__window_fn_grow(&w->fns[i], n, w->n_child, err));
	if (n <= w->cap_peers)
		return STOA_OK;
	w->cap_peers = 0;
	for (size_t i = 0; i < 3; i++) {
		stoa__free(*arrays[i]);
		*arrays[i] = stoa__realloc_array(NULL, n + n / 2, sizeof **arrays[i]);
		if (!*arrays[i])
			return stoa__fail_memory(err);
	}
	w->cap_peers = n + n / 2;
	return STOA_OK;
}

/* The values at the rows before @cut. */
static int compute(struct window *w, uint32_t cut, struct stoa_error *err)
{
	STOA_TRY(make_room(w, w->rows.n, err));
	STOA_TRY(heed_budget(w, err));
	for (uint32_t from = 0, to; from < cut; from = to) {
		to = find_peers(w, from, cut);
		STOA_TRY(run_part(w, from, to, err));
		w->begun = to == cut && to < w->rows.n &&
			   !differ(w, w->node->n_partition, to - 1, to);
		w->rows_before = w->begun ? w->rows_before + (to - from) : 0;
		w->groups_before = w->begun ? w->groups_before + w->group[to - 1] + 1 : 0;
	}
	w->ready = cut;
	return STOA_OK;
}

/* ---- the operator --------------------------------------------------------------------------- */

static int window_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct window *w = (struct window *)op;
	uint32_t cut;

	w->at += (uint32_t)w->n;
	w->n = 0;
	if (w->at == w->ready) {
		if (w->ready)
			STOA_TRY(drop_ready(w, err));
		STOA_TRY(gather(w, &cut, err));
		STOA_TRY(compute(w, cut, err));
	}
	w->n = w->ready - w->at;
	if (w->n > STOA__BATCH_ROWS)
		w->n = STOA__BATCH_ROWS;
	*n = w->n;
	return w->n ? STOA_ROW : STOA_END;
}

static int make_rooms(struct room *r, size_t width, struct stoa_error *err)
{
	if (!r->values)
		r->values = stoa__alloc_aligned(STOA__BATCH_ROWS * width);
	if (!r->valid)
		r->valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	return r->values && r->valid ? STOA_OK : stoa__fail_memory(err);
}

/* A column of the child, copied: rows lie without what a vector has behind its end. */
static void child_column(const struct window *w, size_t i, struct room *r, size_t width)
{
	const struct stoa__cells *c = &w->rows.cells[i];

	memcpy(r->values, (const char *)c->values + w->at * width, w->n * width);
	if (c->valid)
		memcpy(r->valid, c->valid + w->at / 64, STOA__WORDS(w->n) * 8);
	else
		memset(r->valid, 0xff, STOA__WORDS(w->n) * 8);
}

/* The values that a function has picked, or the default where it found no row. */
static void picked_column(const struct window *w, const struct stoa__window_fn *f, struct room *r,
			  size_t width)
{
	const struct stoa__cells *arg = &w->rows.cells[f->w->agg.arg->index];
	const struct stoa__cells *other =
		f->w->more[1] ? &w->rows.cells[f->w->more[1]->index] : NULL;

	memset(r->valid, 0, STOA__WORDS(w->n) * 8);
	for (uint32_t k = 0; k < w->n; k++) {
		uint32_t row = f->pick[w->at + k];
		const struct stoa__cells *from = arg;
		if (row == STOA__PICK_NONE && other) {
			from = other;
			row = w->at + k;
		}
		if (row >= STOA__PICK_NONE || stoa__cell_null(from, row)) {
			memset((char *)r->values + k * width, 0, width);
			continue;
		}
		memcpy((char *)r->values + k * width, (const char *)from->values + row * width,
		       width);
		stoa__bit_set(r->valid, k);
	}
}

static int window_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct window *w = (struct window *)in;
	const struct stoa__type *t = &w->node->columns[i].type;
	unsigned phys = stoa__prog_phys(t->type);
	size_t width = stoa__phys_width(phys);
	struct stoa__window_fn *f = i < w->n_child ? NULL : &w->fns[i - w->n_child];
	struct room *r = &w->rooms[i];

	*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = (uint8_t)phys, .type = t->type,
				   .scale = t->scale, .n = w->n };
	if (f && !f->picks) {
		out->values = f->values + w->at * width;
		out->validity = f->valid + w->at / 64;
		return STOA_OK;
	}
	STOA_TRY(make_rooms(r, width, err));
	if (f)
		picked_column(w, f, r, width);
	else
		child_column(w, i, r, width);
	out->values = r->values;
	out->validity = r->valid;
	return STOA_OK;
}

static void window_close(struct stoa__op *op)
{
	struct window *w = (struct window *)op;

	stoa__op_close(w->child);
	stoa__rows_release(&w->rows);
	for (size_t i = 0; w->fns && i < w->node->n_windows; i++)
		stoa__window_fn_release(&w->fns[i]);
	for (size_t i = 0; w->rooms && i < w->node->n_columns; i++) {
		stoa__free(w->rooms[i].values);
		stoa__free(w->rooms[i].valid);
	}
	stoa__free(w->fns);
	stoa__free(w->rooms);
	stoa__free(w->peers_from);
	stoa__free(w->peers_to);
	stoa__free(w->group);
	stoa__share_release(&w->share);
	stoa__free(w);
}

static int window_init(struct window *w, const struct stoa__type *types, struct stoa_error *err)
{
	w->fns = stoa__calloc(w->node->n_windows + 1, sizeof *w->fns);
	w->rooms = stoa__calloc(w->node->n_columns + 1, sizeof *w->rooms);
	if (!w->fns || !w->rooms)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < w->node->n_windows; i++) {
		enum stoa__window_wants wants = stoa__window_wants(&w->node->windows[i]);
		STOA_TRY(stoa__window_fn_init(&w->fns[i], &w->node->windows[i], types, err));
		if (wants > w->wants)
			w->wants = wants;
	}
	return stoa__rows_init(&w->rows, types, w->n_child, err);
}

int stoa__op_window(struct stoa__op *child, const struct stoa__type *types,
		    const struct stoa__node *node, struct stoa__budget *budget,
		    struct stoa__op **out, struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { window_next, window_close, NULL, NULL };
	struct window *w = stoa__calloc(1, sizeof *w);
	int rc;

	*out = NULL;
	if (!w) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	w->op.input.column = window_column;
	w->op.ops = &ops;
	w->child = child;
	w->node = node;
	w->n_child = node->n_columns - node->n_windows;
	w->order = (struct stoa__order){ node->order, node->n_order };
	w->share.budget = budget;
	rc = window_init(w, types, err);
	if (rc < 0)
		window_close(&w->op);
	else
		*out = &w->op;
	return rc;
}
