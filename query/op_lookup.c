/* SPDX-License-Identifier: MIT */
/*
 * op_lookup.c - columns of the rows that a column refers to
 *
 *     rows      key     customer        order.customer.name
 *     7 ...     3       1  "Anna"       "Cleo"
 *     8 ...     1  -->  2  "Bert"  -->  "Anna"
 *     9 ...     3       3  "Cleo"       "Cleo"
 *
 * A join by position: nothing is built, nothing is hashed, and the rows of a batch are found in one
 * go when the first of their columns is asked for. Where a filter above has left few rows, only
 * those are (pick).
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "op.h"

enum looked { NOTHING, ALL, SOME };	/* which rows of the batch the source is at */

struct lookup {
	struct stoa__op op;
	struct stoa__op *child;
	struct stoa__source *source;
	size_t n_child, n_own, rowid, key;
	bool members;
	size_t n;			/* rows of the batch */
	enum looked looked;
	const uint32_t *sel;		/* SOME: these */
	size_t n_sel;
	int64_t *rowids;		/* of those rows */
	uint64_t *valid, *found;
	uint8_t **bools;		/* by own column; NULL: no room yet */
};

static int lookup_next(struct stoa__op *op, size_t *n, struct stoa_error *err)
{
	struct lookup *l = (struct lookup *)op;
	int rc = stoa__op_next(l->child, n, err);

	l->looked = NOTHING;
	l->n = *n;
	return rc;
}

static int look(struct lookup *l, const struct stoa__vec *key, size_t n, enum looked looked,
		struct stoa_error *err)
{
	const int64_t *rowids = stoa__vec_flat(key, l->rowids);

	if (rowids != l->rowids)
		memcpy(l->rowids, rowids, n * sizeof *rowids);
	l->looked = NOTHING;
	STOA_TRY(l->source->ops->look(l->source, l->rowids, key->validity, n, l->members, l->found,
				      err));
	l->looked = looked;
	return STOA_OK;
}

static int look_at_all(struct lookup *l, struct stoa_error *err)
{
	struct stoa__vec key;

	if (l->looked == ALL)
		return STOA_OK;
	STOA_TRY(stoa__op_column(l->child, l->key, &key, err));
	return look(l, &key, l->n, ALL, err);
}

static int look_at_some(struct lookup *l, const uint32_t *sel, size_t n)
{
	struct stoa__vec all, key;

	if (l->looked == SOME && l->sel == sel && l->n_sel == n)
		return STOA_OK;
	if (!l->child->ops->pick ||
	    !l->child->ops->pick(l->child, l->key, sel, n, l->rowids, l->valid, &key)) {
		STOA_TRY(stoa__op_column(l->child, l->key, &all, NULL));
		stoa__vec_gather(&all, sel, n, l->rowids, l->valid, &key);
	}
	l->sel = sel;
	l->n_sel = n;
	return look(l, &key, n, SOME, NULL);
}

/* Own column @i of the @n rows that were looked up. */
static int own_column(struct lookup *l, size_t i, size_t n, struct stoa__vec *out,
		      struct stoa_error *err)
{
	if (i == l->rowid) {
		*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = STOA__PHYS_I64,
					   .type = STOA_I64, .n = n, .validity = l->found };
		out->i64 = l->rowids;
		return STOA_OK;
	}
	STOA_TRY(l->source->ops->column(l->source, i - (l->rowid < i), out, err));
	if (out->type == STOA_BOOL && !l->bools[i])
		l->bools[i] = stoa__alloc_aligned(STOA__BATCH_ROWS);
	if (out->type == STOA_BOOL && !l->bools[i])
		return stoa__fail_memory(err);
	stoa__vec_from_source(out, l->bools[i]);
	return STOA_OK;
}

static int lookup_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct lookup *l = (struct lookup *)in;

	if (i < l->n_child)
		return stoa__op_column(l->child, i, out, err);
	STOA_TRY(look_at_all(l, err));
	return own_column(l, i - l->n_child, l->n, out, err);
}

static bool lookup_within(struct stoa__op *op, size_t i, int64_t lo, int64_t hi, uint64_t *bits)
{
	struct lookup *l = (struct lookup *)op;

	return i < l->n_child && l->child->ops->within &&
	       l->child->ops->within(l->child, i, lo, hi, bits);
}

static bool lookup_pick(struct stoa__op *op, size_t i, const uint32_t *sel, size_t n, void *room,
			uint64_t *bits, struct stoa__vec *out)
{
	struct lookup *l = (struct lookup *)op;

	if (i < l->n_child)
		return l->child->ops->pick &&
		       l->child->ops->pick(l->child, i, sel, n, room, bits, out);
	return look_at_some(l, sel, n) == STOA_OK &&
	       own_column(l, i - l->n_child, n, out, NULL) == STOA_OK;
}

static void lookup_close(struct stoa__op *op)
{
	struct lookup *l = (struct lookup *)op;

	stoa__op_close(l->child);
	l->source->ops->close(l->source);
	for (size_t i = 0; l->bools && i < l->n_own; i++)
		stoa__free(l->bools[i]);
	stoa__free(l->bools);
	stoa__free(l->rowids);
	stoa__free(l->valid);
	stoa__free(l->found);
	stoa__free(l);
}

int stoa__op_lookup(struct stoa__op *child, struct stoa__source *source, size_t n_child,
		    size_t n_own, size_t rowid, size_t key, bool members, struct stoa__op **out,
		    struct stoa_error *err)
{
	static const struct stoa__op_ops ops = { lookup_next, lookup_close, lookup_within,
						 lookup_pick };
	struct lookup *l = stoa__calloc(1, sizeof *l);

	*out = NULL;
	if (!l) {
		stoa__op_close(child);
		source->ops->close(source);
		return stoa__fail_memory(err);
	}
	l->op.input.column = lookup_column;
	l->op.ops = &ops;
	l->child = child;
	l->source = source;
	l->n_child = n_child;
	l->n_own = n_own;
	l->rowid = rowid;
	l->key = key;
	l->members = members;
	l->bools = stoa__calloc(n_own + 1, sizeof(*l->bools));
	l->rowids = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *l->rowids);
	l->valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	l->found = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (!l->bools || !l->rowids || !l->valid || !l->found) {
		lookup_close(&l->op);
		return stoa__fail_memory(err);
	}
	*out = &l->op;
	return STOA_OK;
}
