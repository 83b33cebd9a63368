/* SPDX-License-Identifier: MIT */
/*
 * op_unique.c - of neighbouring rows with equal keys the first: DISTINCT ON, over rows that were
 * sorted
 *
 * The key of the last row of a batch is copied, since the next batch takes its memory.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "loops.h"
#include "op.h"
#include "order.h"

struct gathered {
	void *room;
	uint64_t *bits;
	bool ready;
	struct stoa__vec vec;
};

struct unique {
	struct stoa__op op;
	struct stoa__op *child;
	struct stoa__order order;	/* of the keys; its columns are @cells */
	size_t n_columns;
	struct stoa__rows last;		/* one row: the keys of the last row seen */
	struct stoa__cells *cells;	/* the keys of the batch */
	void **flat;			/* by key: room */
	uint8_t *flags;
	uint32_t *sel;
	size_t n_sel, n_child;
	struct gathered *columns;
};

/* The keys of the child's @n rows, flat. */
static int read_keys(struct unique *u, const struct stoa__order_key *keys, size_t n,
		     struct stoa_error *err)
{
	for (size_t i = 0; i < u->order.n; i++) {
		struct stoa__vec v;
		STOA_TRY(stoa__op_column(u->child, keys[i].output, &v, err));
		const void *values = stoa__vec_flat(&v, u->flat[i]);
		if (values != u->flat[i])
			memcpy(u->flat[i], values, n * stoa__phys_width(v.phys));
		u->cells[keys[i].output] =
			(struct stoa__cells){ u->flat[i], v.validity, v.phys };
	}
	return STOA_OK;
}

static int keep_last(struct unique *u, const struct stoa__order_key *keys, size_t row,
		     struct stoa_error *err)
{
	const uint32_t sel = (uint32_t)row;
	struct stoa__vec v, one;
	uint64_t bits[1];
	struct stoa_bytes room[1];

	stoa__rows_reset(&u->last);
	for (size_t i = 0; i < u->n_columns; i++) {
		bool is_key = false;
		for (size_t k = 0; k < u->order.n; k++)
			is_key |= keys[k].output == i;
		if (!is_key)
			continue;
		STOA_TRY(stoa__op_column(u->child, i, &v, err));
		stoa__vec_gather(&v, &sel, 1, room, bits, &one);
		STOA_TRY(stoa__rows_keep(&u->last, i, &one, 1, err));
	}
	u->last.n = 1;
	return STOA_OK;
}

static int unique_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct unique *u = (struct unique *)op;

	do {
		int rc = stoa__op_next(u->child, &u->n_child, err);
		if (rc != STOA_ROW)
			return rc;
		STOA_TRY(read_keys(u, u->order.keys, u->n_child, err));
		for (uint32_t i = 0; i < u->n_child; i++)
			u->flags[i] = i ? stoa__order_compare(&u->order, 0, u->cells, i - 1,
							      u->cells, i) != 0 :
				      !u->last.n ||
					      stoa__order_compare(&u->order, 0, u->last.cells, 0,
								  u->cells, 0) != 0;
		u->n_sel = stoa__loops()->select(u->flags, u->n_child, u->sel);
		STOA_TRY(keep_last(u, u->order.keys, u->n_child - 1, err));
	} while (!u->n_sel);
	for (size_t i = 0; i < u->n_columns; i++)
		u->columns[i].ready = false;
	*n = u->n_sel;
	return STOA_ROW;
}

static int unique_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct unique *u = (struct unique *)in;
	struct gathered *g = &u->columns[i];
	struct stoa__vec v;

	if (!g->room)
		g->room = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	if (!g->bits)
		g->bits = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (!g->room || !g->bits)
		return stoa__fail_memory(err);
	if (!g->ready) {
		STOA_TRY(stoa__op_column(u->child, i, &v, err));
		stoa__vec_gather(&v, u->sel, u->n_sel, g->room, g->bits, &g->vec);
		g->ready = true;
	}
	*out = g->vec;
	return STOA_OK;
}

static void unique_close(struct stoa__op *op)
{
	struct unique *u = (struct unique *)op;

	stoa__op_close(u->child);
	stoa__rows_release(&u->last);
	for (size_t i = 0; u->columns && i < u->n_columns; i++) {
		stoa__free(u->columns[i].room);
		stoa__free(u->columns[i].bits);
	}
	for (size_t i = 0; u->flat && i < u->order.n; i++)
		stoa__free(u->flat[i]);
	stoa__free(u->flat);
	stoa__free(u->columns);
	stoa__free(u->cells);
	stoa__free(u->flags);
	stoa__free(u->sel);
	stoa__free(u);
}

static int unique_init(struct unique *u, const struct stoa__type *types, struct stoa_error *err)
{
	u->columns = stoa__calloc(u->n_columns + 1, sizeof *u->columns);
	u->cells = stoa__calloc(u->n_columns + 1, sizeof *u->cells);
	u->flat = stoa__calloc(u->order.n + 1, sizeof(*u->flat));
	u->flags = stoa__alloc_aligned(STOA__BATCH_ROWS);
	u->sel = stoa__alloc_aligned((STOA__BATCH_ROWS + 8) * sizeof *u->sel);
	if (!u->columns || !u->cells || !u->flat || !u->flags || !u->sel)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < u->order.n; i++) {
		u->flat[i] = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
		if (!u->flat[i])
			return stoa__fail_memory(err);
	}
	return stoa__rows_init(&u->last, types, u->n_columns, err);
}

int stoa__op_unique(struct stoa__op *child, const struct stoa__type *types, size_t n_columns,
		    const struct stoa__order_key *keys, size_t n_keys, struct stoa__op **out,
		    struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { unique_next, unique_close, NULL, NULL };
	struct unique *u = stoa__calloc(1, sizeof *u);
	int rc;

	*out = NULL;
	if (!u) {
		stoa__op_close(child);
		return stoa__fail_memory(err);
	}
	u->op.input.column = unique_column;
	u->op.ops = &ops;
	u->child = child;
	u->n_columns = n_columns;
	u->order = (struct stoa__order){ keys, n_keys };
	rc = unique_init(u, types, err);
	if (rc < 0)
		unique_close(&u->op);
	else
		*out = &u->op;
	return rc;
}
