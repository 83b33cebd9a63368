/* SPDX-License-Identifier: MIT */
/* window_sum.c - aggregates over the frames of a window; see window.h */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "window.h"

#define BLOCK 32u	/* rows below a leaf of the tree: a third of a percent of what they take */

enum sums { COUNT, SUM_INT, SUM_F64, BEST, BEST_ROW, MOMENTS };

int stoa__window_sums_init(struct stoa__window_fn *f, struct stoa_error *err)
{
	switch ((enum stoa__agg_kind)f->w->agg.kind) {
	case STOA__AGG_COUNT: f->sums = COUNT; break;
	case STOA__AGG_SUM:
	case STOA__AGG_AVG: f->sums = f->arg_phys == STOA__PHYS_F64 ? SUM_F64 : SUM_INT; break;
	case STOA__AGG_MIN:
	case STOA__AGG_MAX:
	case STOA__AGG_BOOL_AND:
	case STOA__AGG_BOOL_OR:
		f->picks = f->arg_phys == STOA__PHYS_BYTES;
		f->sums = f->picks ? BEST_ROW : BEST;
		break;
	case STOA__AGG_VAR_SAMP:
	case STOA__AGG_VAR_POP:
	case STOA__AGG_STDDEV_SAMP:
	case STOA__AGG_STDDEV_POP: f->sums = MOMENTS; break;
	default: return stoa__fail(err, STOA_EINVAL, "a window of aggregate %u", f->w->agg.kind);
	}
	return STOA_OK;
}

static bool wants_max(const struct stoa__window_fn *f)
{
	return f->w->agg.kind == STOA__AGG_MAX || f->w->agg.kind == STOA__AGG_BOOL_OR;
}

/* ---- adding --------------------------------------------------------------------------------- */

static void add_best(const struct stoa__window_fn *f, const struct stoa__part *p,
		     struct stoa__window_sum *s, union stoa__datum x, uint32_t row)
{
	const struct stoa__cells *arg = &p->cells[f->w->agg.arg->index];

	if (f->sums == BEST && (!s->n || stoa__agg_better(f->arg_phys, x, s->best, wants_max(f))))
		s->best = x;
	if (f->sums == BEST_ROW &&
	    (!s->n || stoa__agg_better(f->arg_phys, x, stoa__cell_datum(arg, s->row), wants_max(f))))
		s->row = row;
}

/* Is the row one that counts? */
static bool counts(const struct stoa__window_fn *f, const struct stoa__part *p, uint32_t row)
{
	const struct stoa__agg *g = &f->w->agg;

	if (g->filter) {
		const struct stoa__cells *c = &p->cells[g->filter->index];
		if (stoa__cell_null(c, row) || !stoa__cell_datum(c, row).i)
			return false;
	}
	return !g->arg || !stoa__cell_null(&p->cells[g->arg->index], row);
}

static void add_row(const struct stoa__window_fn *f, const struct stoa__part *p,
		    struct stoa__window_sum *s, uint32_t row)
{
	union stoa__datum x;

	if (!counts(f, p, row))
		return;
	if (f->sums != COUNT) {
		x = stoa__cell_datum(&p->cells[f->w->agg.arg->index], row);
		switch ((enum sums)f->sums) {
		case SUM_INT: s->sum += x.i; break;
		case SUM_F64: s->f += x.f; break;
		case MOMENTS: stoa__moments_add(&s->moments, x.f); break;
		default: add_best(f, p, s, x, row); break;
		}
	}
	s->n++;
}

static void add_sum(const struct stoa__window_fn *f, const struct stoa__part *p,
		    struct stoa__window_sum *s, const struct stoa__window_sum *t)
{
	if (!t->n)
		return;
	switch ((enum sums)f->sums) {
	case COUNT: break;
	case SUM_INT: s->sum += t->sum; break;
	case SUM_F64: s->f += t->f; break;
	case MOMENTS: stoa__moments_merge(&s->moments, &t->moments); break;
	case BEST: add_best(f, p, s, t->best, 0); break;
	case BEST_ROW:
		add_best(f, p, s, stoa__cell_datum(&p->cells[f->w->agg.arg->index], t->row), t->row);
		break;
	}
	s->n += t->n;
}

/* ---- the tree ------------------------------------------------------------------------------- */

/*
 * Over the whole blocks of [from, to), numbered from 0: leaf b is tree[n + b], the parent of i is
 * i / 2, and 1 the root.
 */
static int build_tree(struct stoa__window_fn *f, const struct stoa__part *p, struct stoa_error *err)
{
	size_t n = (p->to - p->from) / BLOCK;

	if (2 * n > f->cap_tree) {
		struct stoa__window_sum *more =
			stoa__realloc_array(f->tree, 2 * n, sizeof *more);
		if (!more)
			return stoa__fail_memory(err);
		f->tree = more;
		f->cap_tree = 2 * n;
	}
	if (n)
		memset(f->tree, 0, 2 * n * sizeof *f->tree);
	for (uint32_t i = 0; i < n * BLOCK; i++)
		add_row(f, p, &f->tree[n + i / BLOCK], p->from + i);
	for (size_t i = n; i-- > 1;) {
		add_sum(f, p, &f->tree[i], &f->tree[2 * i]);
		add_sum(f, p, &f->tree[i], &f->tree[2 * i + 1]);
	}
	return STOA_OK;
}

/* The sum of blocks [lo, hi). */
static void ask_tree(const struct stoa__window_fn *f, const struct stoa__part *p, size_t lo,
		     size_t hi, struct stoa__window_sum *s)
{
	size_t n = (p->to - p->from) / BLOCK;

	for (lo += n, hi += n; lo < hi; lo /= 2, hi /= 2) {
		if (lo & 1)
			add_sum(f, p, s, &f->tree[lo++]);
		if (hi & 1)
			add_sum(f, p, s, &f->tree[--hi]);
	}
}

/* The sum of rows [lo, hi), numbered from the partition's first. */
static void ask(const struct stoa__window_fn *f, const struct stoa__part *p, uint32_t lo,
		uint32_t hi, struct stoa__window_sum *s)
{
	uint32_t first = (lo + BLOCK - 1) / BLOCK, last = hi / BLOCK;

	*s = (struct stoa__window_sum){ 0 };
	if (first >= last) {
		for (; lo < hi; lo++)
			add_row(f, p, s, p->from + lo);
		return;
	}
	for (; lo < first * BLOCK; lo++)
		add_row(f, p, s, p->from + lo);
	ask_tree(f, p, first, last, s);
	for (lo = last * BLOCK; lo < hi; lo++)
		add_row(f, p, s, p->from + lo);
}

/* ---- results -------------------------------------------------------------------------------- */

/* STOA_ROW where the value is not NULL. */
static int result_of(const struct stoa__window_fn *f, const struct stoa__window_sum *s,
		     union stoa__datum *out, struct stoa_error *err)
{
	const struct stoa__agg *g = &f->w->agg;

	if (f->sums == COUNT) {
		out->i = s->n;
		return STOA_ROW;
	}
	if (f->sums == MOMENTS)
		return stoa__agg_moments(g, &s->moments, &out->f) ? STOA_ROW : STOA_OK;
	if (!s->n)
		return STOA_OK;
	if (f->sums == BEST)
		*out = s->best;
	else if (g->kind == STOA__AGG_AVG)
		out->f = f->sums == SUM_F64 ? s->f / (double)s->n :
					      stoa__agg_average(g, s->sum, s->n);
	else if (f->sums == SUM_F64)
		out->f = s->f;
	else
		STOA_TRY(stoa__agg_sum(g, s->sum, &out->i, err));
	return STOA_ROW;
}

static int put(struct stoa__window_fn *f, uint32_t row, const struct stoa__window_sum *s,
	       struct stoa_error *err)
{
	unsigned phys = stoa__prog_phys(f->w->agg.type.type);
	size_t width = stoa__phys_width(phys);
	union stoa__datum d = { .s = { NULL, 0 } };
	int rc;

	if (f->picks) {
		f->pick[row] = s->n ? s->row : STOA__PICK_NULL;
		return STOA_OK;
	}
	rc = result_of(f, s, &d, err);
	if (rc < 0)
		return rc;
	if (rc == STOA_ROW)
		stoa__bit_set(f->valid, row);
	else
		stoa__bit_clear(f->valid, row);
	if (phys == STOA__PHYS_BOOL)
		f->values[row] = (char)(d.i != 0);
	else
		memcpy(f->values + row * width, &d, width);
	return STOA_OK;
}

/* ---- frames --------------------------------------------------------------------------------- */

/* Of frames that begin with the partition: each value is the last one and what has come since. */
static int run_up(struct stoa__window_fn *f, const struct stoa__part *p, struct stoa_error *err)
{
	uint32_t at = p->from;

	if (!p->begun)
		f->running = (struct stoa__window_sum){ 0 };
	for (uint32_t i = p->from; i < p->to; i++) {
		while (at < f->hi[i])
			add_row(f, p, &f->running, at++);
		STOA_TRY(put(f, i, &f->running, err));
	}
	return STOA_OK;
}

int stoa__window_sums_run(struct stoa__window_fn *f, const struct stoa__part *p,
			  struct stoa_error *err)
{
	struct stoa__window_sum s = { 0 };

	if (f->w->frame.start == STOA__EDGE_FIRST)
		return run_up(f, p, err);
	STOA_TRY(build_tree(f, p, err));
	for (uint32_t i = p->from; i < p->to; i++) {
		bool same = i > p->from && f->lo[i] == f->lo[i - 1] && f->hi[i] == f->hi[i - 1];
		if (!same)
			ask(f, p, f->lo[i] - p->from,
			    f->hi[i] > f->lo[i] ? f->hi[i] - p->from : f->lo[i] - p->from, &s);
		STOA_TRY(put(f, i, &s, err));
	}
	return STOA_OK;
}
