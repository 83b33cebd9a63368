/* SPDX-License-Identifier: MIT */
/*
 * join_pairs.c - columns of pairs of rows, made when asked for
 *
 * Probe columns that nobody reads are not decoded; where few of a batch's rows found a partner,
 * only their values are (FEW), and a batch whose every row found one passes as it is. Columns of
 * the build side come out of the table, row by row.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "op_join.h"

#define FEW 8 /* reading one row costs about as much as decoding so many */
#define NO_ROW STOA__JOIN_NO_ROW

int stoa__join_make_room(struct stoa__join_room *r, struct stoa_error *err)
{
	if (r->values)
		return STOA_OK;
	r->values = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	r->bits = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (r->values && r->bits)
		return STOA_OK;
	stoa__free(r->values);
	stoa__free(r->bits);
	r->values = NULL;
	r->bits = NULL;
	return stoa__fail_memory(err);
}

static void make_nulls(const struct stoa__join_pairs *p, struct stoa__join_room *r,
		       struct stoa__type type)
{
	memset(r->values, 0, sizeof(struct stoa_bytes));
	memset(r->bits, 0, STOA__WORDS(p->n) * 8);
	memset(&r->vec, 0, sizeof r->vec);
	r->vec.kind = STOA__VEC_CONST;
	r->vec.phys = (uint8_t)stoa__prog_phys(type.type);
	r->vec.type = type.type;
	r->vec.scale = type.scale;
	r->vec.n = p->n;
	r->vec.values = r->values;
	r->vec.validity = r->bits;
}

static int probe_column(struct stoa__join_pairs *p, size_t i, struct stoa__join_room *r,
			struct stoa_error *err)
{
	struct stoa__join *j = p->join;
	struct stoa__vec v;

	if (p->no_probe) {
		make_nulls(p, r, j->node->input[0]->columns[i].type);
		return STOA_OK;
	}
	if (p->ascending && p->n <= j->n_probe / FEW && j->probe->ops->pick &&
	    j->probe->ops->pick(j->probe, i, p->probe, p->n, r->values, r->bits, &r->vec))
		return STOA_OK;
	STOA_TRY(stoa__op_column(j->probe, i, &v, err));
	stoa__vec_gather(&v, p->probe, p->n, r->values, r->bits, &r->vec);
	return STOA_OK;
}

/* The column of a table of one row is a constant. */
static bool row_column_once(struct stoa__join_pairs *p, size_t c, struct stoa__join_room *r)
{
	const struct stoa__join_table *t = p->join->table;

	if (t->n_rows != 1 || p->row[0] == NO_ROW || p->row[p->n - 1] == NO_ROW ||
	    memchr(p->join->state, STOA__JOIN_NO_MATCH, p->join->n_probe))
		return false;
	stoa__join_table_gather(t, c, p->row, 1, r->values, r->bits, &r->vec);
	if (r->vec.kind != STOA__VEC_FLAT || r->vec.validity)
		return false;
	r->vec.kind = STOA__VEC_CONST;
	r->vec.n = p->n;
	return true;
}

int stoa__join_pairs_column(struct stoa__input *in, size_t i, struct stoa__vec *out,
			    struct stoa_error *err)
{
	struct stoa__join_pairs *p = (struct stoa__join_pairs *)in;
	struct stoa__join *j = p->join;
	struct stoa__join_room *r = &p->rooms[i];

	if (p->all && i < j->n_left)
		return stoa__op_column(j->probe, i, out, err);
	if (!r->ready) {
		STOA_TRY(stoa__join_make_room(r, err));
		if (i < j->n_left)
			STOA_TRY(probe_column(p, i, r, err));
		else if (!row_column_once(p, j->build->kept[i - j->n_left], r))
			stoa__join_table_gather(j->table, j->build->kept[i - j->n_left], p->row,
						p->n, r->values, r->bits, &r->vec);
		r->ready = true;
	}
	*out = r->vec;
	return STOA_OK;
}

void stoa__join_pairs_set(struct stoa__join_pairs *p, const uint32_t *probe, const uint32_t *row,
			  size_t n)
{
	size_t n_columns = p->join->n_left + p->join->n_right;

	p->probe = probe;
	p->row = row;
	p->n = n;
	p->no_probe = p->ascending = p->all = false;
	for (size_t i = 0; i < n_columns; i++)
		p->rooms[i].ready = false;
}

void stoa__join_pairs_release(struct stoa__join_pairs *p)
{
	for (size_t i = 0; p->rooms && i < p->join->n_left + p->join->n_right; i++) {
		stoa__free(p->rooms[i].values);
		stoa__free(p->rooms[i].bits);
	}
	stoa__free(p->rooms);
}
