/* SPDX-License-Identifier: MIT */
/* window.c - frames, and the functions that are no aggregates; see window.h */
#include "window.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"

static bool has_frame(const struct stoa__window *w)
{
	return w->kind == STOA__WINDOW_AGG || w->kind >= STOA__WINDOW_FIRST_VALUE;
}

enum stoa__window_wants stoa__window_wants(const struct stoa__window *w)
{
	const struct stoa__frame *f = &w->frame;

	switch ((enum stoa__window_kind)w->kind) {
	case STOA__WINDOW_ROW_NUMBER: return STOA__WANTS_ROW;
	case STOA__WINDOW_RANK:
	case STOA__WINDOW_DENSE_RANK: return STOA__WANTS_PEERS;
	case STOA__WINDOW_AGG: break;
	default: return STOA__WANTS_PARTITION;
	}
	/* The best string is a row, which must be here. */
	if (f->start != STOA__EDGE_FIRST || f->end != STOA__EDGE_CURRENT ||
	    ((w->agg.kind == STOA__AGG_MIN || w->agg.kind == STOA__AGG_MAX) &&
	     stoa__prog_phys(w->agg.type.type) == STOA__PHYS_BYTES))
		return STOA__WANTS_PARTITION;
	return f->unit == STOA__FRAME_ROWS ? STOA__WANTS_ROW : STOA__WANTS_PEERS;
}

/* ---- room ----------------------------------------------------------------------------------- */

int stoa__window_fn_init(struct stoa__window_fn *f, const struct stoa__window *w,
			 const struct stoa__type *types, struct stoa_error *err)
{
	*f = (struct stoa__window_fn){ .w = w };
	if (w->agg.arg)
		f->arg_phys = (uint8_t)stoa__prog_phys(types[w->agg.arg->index].type);
	if (w->kind == STOA__WINDOW_AGG)
		return stoa__window_sums_init(f, err);
	f->picks = w->kind >= STOA__WINDOW_LAG;
	return STOA_OK;
}

void stoa__window_fn_release(struct stoa__window_fn *f)
{
	stoa__free(f->values);
	stoa__free(f->valid);
	stoa__free(f->pick);
	stoa__free(f->lo);
	stoa__free(f->hi);
	stoa__free(f->tree);
	stoa__free(f->shifted);
}

/* What it held is of no use any more. */
static bool renew(void *at, size_t n, size_t size)
{
	void **p = at;

	stoa__free(*p);
	*p = stoa__alloc_aligned(n * size);
	return *p != NULL;
}

int stoa__window_fn_grow(struct stoa__window_fn *f, uint32_t n, size_t n_columns,
			 struct stoa_error *err)
{
	size_t width = stoa__phys_width(stoa__prog_phys(f->w->agg.type.type));
	size_t cap;

	if (!f->shifted && f->w->frame.unit == STOA__FRAME_RANGE) {
		f->shifted = stoa__calloc(n_columns + 1, sizeof *f->shifted);
		if (!f->shifted)
			return stoa__fail_memory(err);
	}
	if (n <= f->cap)
		return STOA_OK;
	/* Whole batches, so that a vector is a place in it; half as much again, to grow seldom. */
	cap = ((size_t)n + n / 2 + STOA__BATCH_ROWS) / STOA__BATCH_ROWS * STOA__BATCH_ROWS;
	f->cap = 0;
	if (f->picks ? !renew(&f->pick, cap, sizeof *f->pick) :
		       !renew(&f->values, cap, width) || !renew(&f->valid, STOA__WORDS(cap), 8))
		return stoa__fail_memory(err);
	if (has_frame(f->w) &&
	    (!renew(&f->lo, cap, sizeof *f->lo) || !renew(&f->hi, cap, sizeof *f->hi)))
		return stoa__fail_memory(err);
	f->cap = (uint32_t)cap;
	return STOA_OK;
}

uint64_t stoa__window_fn_bytes(const struct stoa__window_fn *f)
{
	size_t each = f->picks ? sizeof *f->pick : sizeof(struct stoa_bytes);

	if (f->lo)
		each += 2 * sizeof *f->lo;
	return f->cap * (uint64_t)each + f->cap_tree * sizeof *f->tree;
}

/* ---- frames --------------------------------------------------------------------------------- */

/* The first row of the partition whose key is not before (@behind: is behind) row @i's bound. */
static uint32_t search(const struct stoa__window_fn *f, const struct stoa__part *p, uint32_t i,
		       bool behind)
{
	const struct stoa__order one = { p->key, 1 };
	uint32_t lo = p->from, hi = p->to;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = stoa__order_compare(&one, 0, p->cells, mid, f->shifted, i);
		if (c < 0 || (behind && c == 0))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Where the edges of RANGE are: in @bound's column, for each row. */
static void range_edge(struct stoa__window_fn *f, const struct stoa__part *p,
		       const struct stoa__bound *bound, bool behind, uint32_t *out)
{
	memcpy(f->shifted, p->cells, p->n_columns * sizeof *f->shifted);
	f->shifted[p->key->output] = p->cells[bound->index];
	for (uint32_t i = p->from; i < p->to; i++)
		out[i] = search(f, p, i, behind);
}

static uint32_t within(int64_t at, const struct stoa__part *p)
{
	return at < p->from ? p->from : at > p->to ? p->to : (uint32_t)at;
}

/* @n less or more than row or group @i, in signed numbers that hold it. */
static int64_t moved(uint32_t i, uint64_t n, bool before)
{
	int64_t by = n > UINT32_MAX ? (int64_t)UINT32_MAX : (int64_t)n;

	return before ? (int64_t)i - by : (int64_t)i + by;
}

/* By peers: where the group that is @n off row @i's begins, or (@end) ends. */
static uint32_t group_edge(const struct stoa__part *p, uint32_t i, int64_t off, bool end)
{
	int64_t want = (int64_t)p->group[i] + off, last = p->group[p->to - 1];
	uint32_t lo = p->from, hi = p->to;

	want += end;
	if (want <= 0)
		return p->from;
	if (want > last)
		return p->to;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (p->group[mid] < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t edge(const struct stoa__window_fn *f, const struct stoa__part *p, uint32_t i,
		     bool end)
{
	const struct stoa__frame *w = &f->w->frame;
	uint8_t place = end ? w->end : w->start;
	uint64_t n = end ? w->n_end : w->n_start;

	if (place == STOA__EDGE_FIRST)
		return p->from;
	if (place == STOA__EDGE_LAST)
		return p->to;
	if (place == STOA__EDGE_CURRENT && w->unit != STOA__FRAME_ROWS)
		return end ? p->peers_to[i] : p->peers_from[i];
	if (place == STOA__EDGE_CURRENT)
		n = 0;
	if (w->unit == STOA__FRAME_GROUPS)
		return group_edge(p, i, moved(0, n, place == STOA__EDGE_BEFORE), end);
	return within(moved(i, n, place == STOA__EDGE_BEFORE) + end, p);
}

static void find_frames(struct stoa__window_fn *f, const struct stoa__part *p)
{
	const struct stoa__frame *w = &f->w->frame;

	if (w->at_start)
		range_edge(f, p, w->at_start, false, f->lo);
	if (w->at_end)
		range_edge(f, p, w->at_end, true, f->hi);
	for (uint32_t i = p->from; i < p->to; i++) {
		if (!w->at_start)
			f->lo[i] = edge(f, p, i, false);
		if (!w->at_end)
			f->hi[i] = edge(f, p, i, true);
	}
}

/* ---- functions ------------------------------------------------------------------------------ */

static void put_int(struct stoa__window_fn *f, uint32_t row, int64_t x)
{
	((int64_t *)(void *)f->values)[row] = x;
	stoa__bit_set(f->valid, row);
}

static void put_f64(struct stoa__window_fn *f, uint32_t row, double x)
{
	((double *)(void *)f->values)[row] = x;
	stoa__bit_set(f->valid, row);
}

static void run_ranks(struct stoa__window_fn *f, const struct stoa__part *p)
{
	int64_t before = (int64_t)p->rows_before;
	double n = p->to - p->from;

	for (uint32_t i = p->from; i < p->to; i++) {
		uint32_t rank = p->peers_from[i] - p->from;
		switch ((enum stoa__window_kind)f->w->kind) {
		case STOA__WINDOW_ROW_NUMBER: put_int(f, i, before + (i - p->from) + 1); break;
		case STOA__WINDOW_RANK: put_int(f, i, before + rank + 1); break;
		case STOA__WINDOW_DENSE_RANK:
			put_int(f, i, (int64_t)p->groups_before + p->group[i] + 1);
			break;
		case STOA__WINDOW_PERCENT_RANK: put_f64(f, i, n > 1 ? rank / (n - 1) : 0); break;
		default: put_f64(f, i, (p->peers_to[i] - p->from) / n); break;
		}
	}
}

static int wrong_number(const struct stoa__window_fn *f, struct stoa_error *err)
{
	return stoa__fail_at(err, STOA_ERANGE, f->w->agg.line, f->w->agg.column,
			     "%s() wants a number above 0", f->w->name);
}

/* The first n % k of k parts have one row more than the others. */
static int run_ntile(struct stoa__window_fn *f, const struct stoa__part *p, struct stoa_error *err)
{
	const struct stoa__cells *c = &p->cells[f->w->more[0]->index];
	uint64_t n = p->to - p->from, k, each, longer;

	if (stoa__cell_null(c, p->from)) {
		for (uint32_t i = p->from; i < p->to; i++)
			stoa__bit_clear(f->valid, i);
		return STOA_OK;
	}
	if (stoa__cell_datum(c, p->from).i <= 0)
		return wrong_number(f, err);
	k = (uint64_t)stoa__cell_datum(c, p->from).i;
	each = n / k;
	longer = n % k;
	for (uint32_t i = p->from; i < p->to; i++) {
		uint64_t at = i - p->from, head = longer * (each + 1);
		put_int(f, i, (int64_t)(at < head ? at / (each + 1) : longer + (at - head) / each) + 1);
	}
	return STOA_OK;
}

static void run_lag(struct stoa__window_fn *f, const struct stoa__part *p)
{
	const struct stoa__bound *offset = f->w->more[0];
	bool lead = f->w->kind == STOA__WINDOW_LEAD;
	int64_t by = 1, at;

	for (uint32_t i = p->from; i < p->to; i++) {
		if (offset && stoa__cell_null(&p->cells[offset->index], i)) {
			f->pick[i] = STOA__PICK_NULL;
			continue;
		}
		if (offset)
			by = stoa__cell_datum(&p->cells[offset->index], i).i;
		if (lead ? __builtin_add_overflow((int64_t)i, by, &at) :
			   __builtin_sub_overflow((int64_t)i, by, &at))
			at = -1;
		f->pick[i] = at < p->from || at >= p->to ? STOA__PICK_NONE : (uint32_t)at;
	}
}

/* first_value, last_value, nth_value */
static int run_values(struct stoa__window_fn *f, const struct stoa__part *p, struct stoa_error *err)
{
	const struct stoa__bound *number = f->w->more[0];

	for (uint32_t i = p->from; i < p->to; i++) {
		uint32_t lo = f->lo[i], hi = f->hi[i];
		int64_t nth = 1;
		f->pick[i] = STOA__PICK_NULL;
		if (number && stoa__cell_null(&p->cells[number->index], i))
			continue;
		if (number)
			nth = stoa__cell_datum(&p->cells[number->index], i).i;
		if (nth <= 0)
			return wrong_number(f, err);
		if (lo >= hi || nth > (int64_t)(hi - lo))
			continue;
		f->pick[i] = f->w->kind == STOA__WINDOW_LAST_VALUE ? hi - 1 :
								     lo + (uint32_t)(nth - 1);
	}
	return STOA_OK;
}

int stoa__window_fn_run(struct stoa__window_fn *f, const struct stoa__part *p,
			struct stoa_error *err)
{
	if (has_frame(f->w))
		find_frames(f, p);
	switch ((enum stoa__window_kind)f->w->kind) {
	case STOA__WINDOW_AGG: return stoa__window_sums_run(f, p, err);
	case STOA__WINDOW_NTILE: return run_ntile(f, p, err);
	case STOA__WINDOW_LAG:
	case STOA__WINDOW_LEAD: run_lag(f, p); return STOA_OK;
	case STOA__WINDOW_FIRST_VALUE:
	case STOA__WINDOW_LAST_VALUE:
	case STOA__WINDOW_NTH_VALUE: return run_values(f, p, err);
	default: run_ranks(f, p); return STOA_OK;
	}
}
