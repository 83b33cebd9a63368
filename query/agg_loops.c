/* SPDX-License-Identifier: MIT */
/*
 * agg_loops.c - what a batch of rows changes in a state
 *
 * Neighbouring rows often fall into the same group, and then each addition waits for the one
 * before it. With few groups, row i adds to lane i % 4 of a small table that is folded once a
 * batch. Integers add up in 64 bits within a batch where their magnitude allows it (51 bits times
 * 2,048 rows), in 128 across batches, so a sum is exact, and its overflow is found at the end.
 * Variance follows Welford (1962), and is put together as in Chan, Golub and LeVeque (1979).
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "agg_state.h"
#include "loops.h"
#include "machine.h"

#define LANES 4
#define LANE_GROUPS STOA__AGG_LANE_GROUPS

/* ---- counts and sums ------------------------------------------------------------------------- */

/* How many rows each of few groups has. */
static void tally(const struct stoa__agg_rows *r, uint32_t *out)
{
	uint32_t lane[LANES][LANE_GROUPS] = { { 0 } };
	size_t i = 0;

	for (; i + LANES <= r->n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k][r->groups[i + k]]++;
	for (; i < r->n; i++)
		lane[0][r->groups[i]]++;
	for (uint32_t g = 0; g < r->n_groups; g++)
		out[g] = lane[0][g] + lane[1][g] + lane[2][g] + lane[3][g];
}

/* Counts of columns without NULLs are all the same: a batch is tallied once for them. */
static void count_rows(struct stoa__aggregator *ag, struct stoa__state *s, const struct stoa__agg_rows *r)
{
	if (!r->groups) {
		s->count[0] += (int64_t)r->n;
		return;
	}
	if (r->n_groups > LANE_GROUPS) {
		for (size_t i = 0; i < r->n; i++)
			s->count[r->groups[i]]++;
		return;
	}
	if (!r->whole || !ag->tallied)
		tally(r, ag->tally);
	ag->tallied = r->whole;
	for (uint32_t g = 0; g < r->n_groups; g++)
		s->count[g] += ag->tally[g];
}

static void sum_lanes(struct stoa__state *s, const struct stoa__agg_rows *r)
{
	const int64_t *v = r->values;
	int64_t lane[LANES][LANE_GROUPS];
	size_t i = 0;

	for (size_t k = 0; k < LANES; k++)
		memset(lane[k], 0, r->n_groups * sizeof(int64_t));
	for (; i + LANES <= r->n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k][r->groups[i + k]] += v[i + k];
	for (; i < r->n; i++)
		lane[0][r->groups[i]] += v[i];
	for (uint32_t g = 0; g < r->n_groups; g++)
		s->sum[g] += lane[0][g] + lane[1][g] + lane[2][g] + lane[3][g];
}

static void sum_ints(const struct stoa__aggregator *ag, struct stoa__state *s, const struct stoa__agg_rows *r,
		     bool small)
{
	const int64_t *v = r->values;

	if (!r->groups && small)
		s->sum[0] += ag->loops->sum_i64(v, r->n);
	else if (!r->groups)
		for (size_t i = 0; i < r->n; i++)
			s->sum[0] += v[i];
	else if (small && r->n_groups <= LANE_GROUPS)
		sum_lanes(s, r);
	else
		for (size_t i = 0; i < r->n; i++)
			s->sum[r->groups[i]] += v[i];
}

static void sum_doubles(const struct stoa__aggregator *ag, struct stoa__state *s,
			const struct stoa__agg_rows *r)
{
	const double *v = r->values;
	double lane[LANES][LANE_GROUPS];
	size_t i = 0;

	if (!r->groups) {
		s->f64[0] += ag->loops->sum_f64(v, r->n);
		return;
	}
	if (r->n_groups > LANE_GROUPS) {
		for (; i < r->n; i++)
			s->f64[r->groups[i]] += v[i];
		return;
	}
	for (size_t k = 0; k < LANES; k++)
		memset(lane[k], 0, r->n_groups * sizeof(double));
	for (; i + LANES <= r->n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k][r->groups[i + k]] += v[i + k];
	for (; i < r->n; i++)
		lane[0][r->groups[i]] += v[i];
	for (uint32_t g = 0; g < r->n_groups; g++)
		s->f64[g] += (lane[0][g] + lane[1][g]) + (lane[2][g] + lane[3][g]);
}

static void add_moments(struct stoa__state *s, const struct stoa__agg_rows *r)
{
	const double *v = r->values;

	for (size_t i = 0; i < r->n; i++)
		stoa__moments_add(&s->moments[r->groups ? r->groups[i] : 0], v[i]);
}

/* ---- minimum and maximum --------------------------------------------------------------------- */

static bool better_f64(double x, double y, bool max)
{
	bool less = x < y || (x == x && y != y);
	bool more = x > y || (x != x && y == y);

	return max ? more : less;
}

bool stoa__agg_better(unsigned phys, union stoa__datum x, union stoa__datum y, bool max)
{
	switch (phys) {
	case STOA__PHYS_U64: return max ? x.u > y.u : x.u < y.u;
	case STOA__PHYS_F64: return better_f64(x.f, y.f, max);
	case STOA__PHYS_BYTES: return max ? stoa__compare_bytes(x.s, y.s) > 0 :
					    stoa__compare_bytes(x.s, y.s) < 0;
	default: return max ? x.i > y.i : x.i < y.i;
	}
}

/*
 * Strings that win are copied, and the loser's copy is dead; once the dead are most of the arena,
 * the living move to a fresh one. So memory follows the groups, not the rows.
 */
static int sweep_bytes(struct stoa__state *s)
{
	struct stoa__arena fresh = STOA__ARENA_INIT;

	for (uint32_t g = 0; g < s->cap; g++) {
		struct stoa_bytes *b = &s->best[g].s;
		if (!s->seen[g])
			continue;
		char *p = stoa__arena_copy(&fresh, b->p, b->len);
		if (!p) {
			stoa__arena_release(&fresh);
			return STOA_ENOMEM;
		}
		b->p = p;
	}
	stoa__arena_release(&s->bytes);
	s->bytes = fresh;
	s->bytes_dead = 0;
	return STOA_OK;
}

static int keep_bytes(struct stoa__state *s, uint32_t g, struct stoa_bytes x)
{
	char *p = stoa__arena_copy(&s->bytes, x.p, x.len);

	if (!p)
		return STOA_ENOMEM;
	s->bytes_dead += s->seen[g] ? s->best[g].s.len + 16u : 0;
	s->best[g].s = (struct stoa_bytes){ p, x.len };
	s->seen[g] = 1;
	if (s->bytes_dead > 65536 && s->bytes_dead > s->bytes.total / 2)
		return sweep_bytes(s);
	return STOA_OK;
}

static union stoa__datum element(const struct stoa__agg_rows *r, unsigned phys, size_t i)
{
	union stoa__datum d = { .s = { NULL, 0 } };

	if (phys == STOA__PHYS_BYTES)
		d.s = ((const struct stoa_bytes *)r->values)[i];
	else if (phys == STOA__PHYS_BOOL)
		d.i = ((const uint8_t *)r->values)[i];
	else
		d.u = ((const uint64_t *)r->values)[i];
	return d;
}

static int extreme_rows(struct stoa__state *s, const struct stoa__agg_rows *r, bool max)
{
	for (size_t i = 0; i < r->n; i++) {
		uint32_t g = r->groups ? r->groups[i] : 0;
		union stoa__datum x = element(r, s->phys, i);
		if (s->seen[g] && !stoa__agg_better(s->phys, x, s->best[g], max))
			continue;
		if (s->phys == STOA__PHYS_BYTES) {
			STOA_TRY(keep_bytes(s, g, x.s));
		} else {
			s->best[g] = x;
			s->seen[g] = 1;
		}
	}
	return STOA_OK;
}

static void extreme_ints(struct stoa__state *s, const struct stoa__agg_rows *r, bool max)
{
	const int64_t *v = r->values;

	for (size_t i = 0; i < r->n; i++) {
		uint32_t g = r->groups[i];
		int64_t y = s->best[g].i;
		if (!s->seen[g] || (max ? v[i] > y : v[i] < y)) {
			s->best[g].i = v[i];
			s->seen[g] = 1;
		}
	}
}

static int extreme(const struct stoa__aggregator *ag, struct stoa__state *s, const struct stoa__agg_rows *r)
{
	bool max = s->kind == STOA__STATE_MAX;

	if (s->phys != STOA__PHYS_I64)
		return extreme_rows(s, r, max);
	if (r->groups) {
		extreme_ints(s, r, max);
		return STOA_OK;
	}
	int64_t x = max ? ag->loops->max_i64(r->values, r->n) : ag->loops->min_i64(r->values, r->n);
	struct stoa__agg_rows one = { NULL, &x, 1, 1, false };
	return extreme_rows(s, &one, max);
}

/* ---- sketches -------------------------------------------------------------------------------- */

static int sketch_rows(struct stoa__state *s, const struct stoa__agg_rows *r)
{
	struct stoa__vec v = { .kind = STOA__VEC_FLAT, .phys = s->phys, .type = s->arg->type.type,
			       .n = r->n };

	v.values = r->values;
	for (size_t i = 0; i < r->n; i++) {
		uint64_t hash = stoa__hash_word(stoa__hash_row(&v, 1, i), UINT64_C(0x9fb21c651e98df25));
		STOA_TRY(stoa__sketch_add(&s->sketches[r->groups ? r->groups[i] : 0], hash));
	}
	return STOA_OK;
}

/*
 * ---- any --------------------------------------------------------------------------------------
 */

int stoa__state_update(struct stoa__aggregator *ag, struct stoa__state *s,
		       const struct stoa__agg_rows *r, bool small)
{
	switch ((enum stoa__state_kind)s->kind) {
	case STOA__STATE_COUNT: count_rows(ag, s, r); return STOA_OK;
	case STOA__STATE_SUM_INT: sum_ints(ag, s, r, small); return STOA_OK;
	case STOA__STATE_SUM_F64: sum_doubles(ag, s, r); return STOA_OK;
	case STOA__STATE_MOMENTS: add_moments(s, r); return STOA_OK;
	case STOA__STATE_MIN:
	case STOA__STATE_MAX: return extreme(ag, s, r);
	case STOA__STATE_SKETCH: return sketch_rows(s, r);
	case STOA__STATE_PILE: break;	/* takes rows as they come */
	}
	return STOA_OK;
}

/* ---- merging --------------------------------------------------------------------------------- */

static int merge_best(struct stoa__state *to, const struct stoa__state *from, const uint32_t *map,
		      uint32_t n)
{
	for (uint32_t g = 0; g < n; g++) {
		struct stoa__agg_rows one = { &map[g], &from->best[g], 1, map[g] + 1, false };
		if (from->seen[g])
			STOA_TRY(extreme_rows(to, &one, to->kind == STOA__STATE_MAX));
	}
	return STOA_OK;
}

int stoa__state_merge(struct stoa__state *to, const struct stoa__state *from, const uint32_t *map,
		      uint32_t n)
{
	switch ((enum stoa__state_kind)to->kind) {
	case STOA__STATE_COUNT:
		for (uint32_t g = 0; g < n; g++)
			to->count[map[g]] += from->count[g];
		return STOA_OK;
	case STOA__STATE_SUM_INT:
		for (uint32_t g = 0; g < n; g++)
			to->sum[map[g]] += from->sum[g];
		return STOA_OK;
	case STOA__STATE_SUM_F64:
		for (uint32_t g = 0; g < n; g++)
			to->f64[map[g]] += from->f64[g];
		return STOA_OK;
	case STOA__STATE_MOMENTS:
		for (uint32_t g = 0; g < n; g++)
			stoa__moments_merge(&to->moments[map[g]], &from->moments[g]);
		return STOA_OK;
	case STOA__STATE_MIN:
	case STOA__STATE_MAX: return merge_best(to, from, map, n);
	case STOA__STATE_SKETCH:
		for (uint32_t g = 0; g < n; g++)
			STOA_TRY(stoa__sketch_merge(&to->sketches[map[g]], &from->sketches[g]));
		return STOA_OK;
	case STOA__STATE_PILE: break;
	}
	return STOA_OK;
}
