/* SPDX-License-Identifier: MIT */
/*
 * agg.c - the running values of aggregates
 *
 * A batch of rows comes with the group of each. For a state, rows that its filter rejects, whose
 * argument is NULL, or whose value was seen before (DISTINCT) are sorted out first, so that the
 * loops over what is left are plain: state[group[i]] changes by value[i].
 *
 * Neighbouring rows often fall into the same group, and then each addition waits for the one
 * before it. With few groups, row i adds to lane i % 4 of a small table that is folded once a
 * batch. Integers add up in 64 bits within a batch where their magnitude allows it (51 bits times
 * 2,048 rows), in 128 across batches, so a sum is exact, and its overflow is found at the end.
 * Variance follows Welford (1962).
 */
#include "agg.h"

#include <math.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "loops.h"
#include "machine.h"

#define LANES 4
#define LANE_GROUPS 64	/* up to so many groups have lanes */

/* ---- which states there are ------------------------------------------------------------------ */

static bool same_maybe(const struct stoa__bound *a, const struct stoa__bound *b)
{
	return a && b ? stoa__bound_equal(a, b) : a == b;
}

static int find_state(struct stoa__aggregator *ag, const struct stoa__agg *g, unsigned kind,
		      const struct stoa__bound *arg)
{
	for (size_t i = 0; i < ag->n_states; i++) {
		const struct stoa__state *s = &ag->states[i];
		if (s->kind == kind && s->distinct == g->distinct && same_maybe(s->arg, arg) &&
		    same_maybe(s->filter, g->filter))
			return (int)i;
	}
	struct stoa__state *s = &ag->states[ag->n_states];
	s->kind = (uint8_t)kind;
	s->distinct = g->distinct;
	s->arg = arg;
	s->filter = g->filter;
	s->phys = arg ? (uint8_t)stoa__prog_phys(arg->type.type) : 0;
	s->keyer.phys = s->phys;
	stoa__tuples_init(&s->tuples, 2);
	return (int)ag->n_states++;
}

/* The count that says whether there was a row at all. */
static int count_state(struct stoa__aggregator *ag, const struct stoa__agg *g)
{
	bool always = g->arg && g->arg->not_null && !g->distinct;

	return find_state(ag, g, STOA__STATE_COUNT, always ? NULL : g->arg);
}

static void choose_states(struct stoa__aggregator *ag, size_t i)
{
	const struct stoa__agg *g = &ag->aggs[i];
	int *ref = ag->refs[i];

	ref[0] = ref[1] = -1;
	switch ((enum stoa__agg_kind)g->kind) {
	case STOA__AGG_COUNT: ref[0] = count_state(ag, g); break;
	case STOA__AGG_SUM:
	case STOA__AGG_AVG:
		ref[0] = find_state(ag, g,
				    stoa__prog_phys(g->arg->type.type) == STOA__PHYS_F64 ?
					    STOA__STATE_SUM_F64 :
					    STOA__STATE_SUM_INT,
				    g->arg);
		ref[1] = count_state(ag, g);
		break;
	case STOA__AGG_MIN:
	case STOA__AGG_BOOL_AND: ref[0] = find_state(ag, g, STOA__STATE_MIN, g->arg); break;
	case STOA__AGG_MAX:
	case STOA__AGG_BOOL_OR: ref[0] = find_state(ag, g, STOA__STATE_MAX, g->arg); break;
	default: ref[0] = find_state(ag, g, STOA__STATE_MOMENTS, g->arg); break;
	}
}

static int output_of(const struct stoa__bound *b, const struct stoa__bound **exprs, size_t *n_exprs)
{
	if (!b)
		return -1;
	exprs[*n_exprs] = b;
	return (int)(*n_exprs)++;
}

static int make_room(struct stoa__aggregator *ag, struct stoa_error *err)
{
	ag->flags = stoa__alloc_aligned(STOA__BATCH_ROWS);
	ag->sel = stoa__alloc_aligned((STOA__BATCH_ROWS + 8) * sizeof *ag->sel);
	ag->groups = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *ag->groups);
	ag->values = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	ag->flat = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	ag->words = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *ag->words);
	ag->tally = stoa__alloc_aligned(LANE_GROUPS * sizeof *ag->tally);
	if (!ag->tally || !ag->flags || !ag->sel || !ag->groups || !ag->values || !ag->flat || !ag->words)
		return stoa__fail_memory(err);
	return STOA_OK;
}

int stoa__aggregator_init(struct stoa__aggregator *ag, const struct stoa__agg *aggs, size_t n_aggs,
			  const struct stoa__bound **exprs, size_t *n_exprs, struct stoa_error *err)
{
	memset(ag, 0, sizeof *ag);
	ag->aggs = aggs;
	ag->n_aggs = n_aggs;
	ag->loops = stoa__loops();
	ag->states = stoa__calloc(2 * n_aggs + 1, sizeof *ag->states);
	ag->refs = stoa__calloc(n_aggs + 1, sizeof(*ag->refs));
	if (!ag->states || !ag->refs)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n_aggs; i++)
		choose_states(ag, i);
	for (size_t i = 0; i < ag->n_states; i++) {
		ag->states[i].arg_output = output_of(ag->states[i].arg, exprs, n_exprs);
		ag->states[i].filter_output = output_of(ag->states[i].filter, exprs, n_exprs);
		if (!ag->states[i].distinct)
			continue;
		ag->states[i].recent = stoa__calloc(STOA__RECENT, sizeof *ag->states[i].recent);
		if (!ag->states[i].recent)
			return stoa__fail_memory(err);
	}
	return make_room(ag, err);
}

void stoa__aggregator_release(struct stoa__aggregator *ag)
{
	for (size_t i = 0; ag->states && i < ag->n_states; i++) {
		struct stoa__state *s = &ag->states[i];
		stoa__free(s->count);
		stoa__free(s->sum);
		stoa__free(s->f64);
		stoa__free(s->best);
		stoa__free(s->seen);
		stoa__free(s->moments);
		stoa__free(s->recent);
		stoa__free(s->met);
		stoa__free(s->code_seen);
		stoa__arena_release(&s->bytes);
		stoa__keyer_release(&s->keyer);
		stoa__tuples_release(&s->tuples);
	}
	stoa__free(ag->states);
	stoa__free(ag->refs);
	stoa__free(ag->flags);
	stoa__free(ag->sel);
	stoa__free(ag->groups);
	stoa__free(ag->values);
	stoa__free(ag->flat);
	stoa__free(ag->words);
	stoa__free(ag->tally);
	memset(ag, 0, sizeof *ag);
}

/* ---- growing -------------------------------------------------------------------------------- */

/* @array of @old elements to @n zeroed further ones. */
static bool grow_zeroed(void **array, uint32_t old, uint32_t n, size_t size)
{
	void *p = stoa__realloc_array(*array, n, size);

	if (!p)
		return false;
	*array = p;
	memset((char *)p + old * size, 0, (n - old) * size);
	return true;
}

#define GROW(field)                                                                      \
	do {                                                                             \
		void *array_ = s->field;                                                 \
		if (!grow_zeroed(&array_, s->cap, cap, sizeof(*s->field)))               \
			return STOA_ENOMEM;                                              \
		s->field = array_;                                                       \
	} while (0)

static int grow_state(struct stoa__state *s, uint32_t cap)
{
	switch ((enum stoa__state_kind)s->kind) {
	case STOA__STATE_COUNT: GROW(count); break;
	case STOA__STATE_SUM_INT: GROW(sum); break;
	case STOA__STATE_SUM_F64: GROW(f64); break;
	case STOA__STATE_MOMENTS: GROW(moments); break;
	case STOA__STATE_MIN:
	case STOA__STATE_MAX:
		GROW(best);
		GROW(seen);
		break;
	}
	s->cap = cap;
	return STOA_OK;
}

int stoa__aggregator_grow(struct stoa__aggregator *ag, uint32_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < ag->n_states; i++) {
		struct stoa__state *s = &ag->states[i];
		uint32_t cap = s->cap ? s->cap : 16;
		while (cap < n)
			cap *= 2;
		if (cap > s->cap && grow_state(s, cap) < 0)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

/* ---- loops ---------------------------------------------------------------------------------- */

/* What is left of a batch for one state: values and groups, side by side. */
struct rows {
	const uint32_t *groups;	/* NULL: all in group 0 */
	const void *values;
	size_t n;
	uint32_t n_groups;
	bool whole;		/* the batch, nothing sorted out */
};

/* How many rows each of few groups has. */
static void tally(const struct rows *r, uint32_t *out)
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
static void count_rows(struct stoa__aggregator *ag, struct stoa__state *s, const struct rows *r)
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

static void sum_lanes(struct stoa__state *s, const struct rows *r)
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

static void sum_ints(const struct stoa__aggregator *ag, struct stoa__state *s, const struct rows *r,
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
			const struct rows *r)
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

static void add_moments(struct stoa__state *s, const struct rows *r)
{
	const double *v = r->values;

	for (size_t i = 0; i < r->n; i++) {
		struct stoa__moments *m = &s->moments[r->groups ? r->groups[i] : 0];
		double delta = v[i] - m->mean;
		m->n++;
		m->mean += delta / m->n;
		m->m2 += delta * (v[i] - m->mean);
	}
}

/* ---- minimum and maximum --------------------------------------------------------------------- */

/* Does @x replace @y? NaN is above all numbers. */
static bool better_f64(double x, double y, bool max)
{
	bool less = x < y || (x == x && y != y);
	bool more = x > y || (x != x && y == y);

	return max ? more : less;
}

static bool better(unsigned phys, union stoa__datum x, union stoa__datum y, bool max)
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

static union stoa__datum element(const struct rows *r, unsigned phys, size_t i)
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

static int extreme_rows(struct stoa__state *s, const struct rows *r, bool max)
{
	for (size_t i = 0; i < r->n; i++) {
		uint32_t g = r->groups ? r->groups[i] : 0;
		union stoa__datum x = element(r, s->phys, i);
		if (s->seen[g] && !better(s->phys, x, s->best[g], max))
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

static void extreme_ints(struct stoa__state *s, const struct rows *r, bool max)
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

static int extreme(const struct stoa__aggregator *ag, struct stoa__state *s, const struct rows *r)
{
	bool max = s->kind == STOA__STATE_MAX;

	if (s->phys != STOA__PHYS_I64)
		return extreme_rows(s, r, max);
	if (r->groups) {
		extreme_ints(s, r, max);
		return STOA_OK;
	}
	int64_t x = max ? ag->loops->max_i64(r->values, r->n) : ag->loops->min_i64(r->values, r->n);
	struct rows one = { NULL, &x, 1, 1, false };
	return extreme_rows(s, &one, max);
}

/* ---- a batch -------------------------------------------------------------------------------- */

/*
 * Was (group, word) met lately? A slot of a small table answers for most rows where distinct
 * values are few.
 */
static bool met_lately(struct stoa__state *s, uint64_t group, uint64_t word)
{
	uint64_t hash =
		(group * UINT64_C(0x9e3779b97f4a7c15) ^ word) * UINT64_C(0xd6e8feb86659fd93);
	struct stoa__recent *r = &s->recent[hash >> 52];

	if (r->group == group + 1 && r->word == word)
		return true;
	*r = (struct stoa__recent){ group + 1, word };
	return false;
}
_Static_assert(STOA__RECENT == 1 << 12, "the top 12 bits of a hash find the slot");

/* Forgets which codes were seen: another dictionary has come. */
static int begin_codes(struct stoa__state *s, const struct stoa__vec *v)
{
	if (s->codes_id == v->dict_id && s->n_codes == v->n_dict)
		return STOA_OK;
	s->codes_id = 0;	/* stays so if memory runs out */
	uint8_t *seen = stoa__realloc(s->code_seen, v->n_dict + 1);
	if (!seen)
		return STOA_ENOMEM;
	memset(seen, 0, v->n_dict);
	s->code_seen = seen;
	s->codes_id = v->dict_id;
	s->n_codes = s->n_unseen = v->n_dict;
	return STOA_OK;
}

/* Without groups, a code that was seen is a value that was. Narrows @flags; are any rows left? */
static bool drop_seen_codes(struct stoa__state *s, const struct stoa__vec *v, size_t n,
			    uint8_t *flags)
{
	uint8_t any = 0;

	if (!s->n_unseen)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t *seen = &s->code_seen[v->codes[i]];
		uint8_t fresh = flags[i] & !*seen;
		*seen |= fresh;
		s->n_unseen -= fresh;
		any |= fresh;
		flags[i] = fresh;
	}
	return any;
}

/* The same for strings without groups: their ids are dense, so a bit for each says it all. */
static int keep_new_strings(struct stoa__aggregator *ag, struct stoa__state *s, size_t n,
			    struct stoa_error *err)
{
	uint32_t words = (uint32_t)STOA__WORDS(s->keyer.strings.n), cap = s->cap_met;
	void *met = s->met;

	if (!stoa__grow(&met, &s->cap_met, words, sizeof *s->met))
		return stoa__fail_memory(err);
	s->met = met;
	if (s->cap_met > cap)
		memset(s->met + cap, 0, (s->cap_met - cap) * sizeof *s->met);
	for (size_t i = 0; i < n; i++) {
		if (!ag->flags[i])
			continue;
		ag->flags[i] = !stoa__bit_get(s->met, ag->words[i]);
		stoa__bit_set(s->met, ag->words[i]);
	}
	return STOA_OK;
}

/* Rows whose (group, value) has not been seen; @flags is narrowed to them. */
static int keep_new(struct stoa__aggregator *ag, struct stoa__state *s, const struct stoa__vec *v,
		    const uint32_t *groups, size_t n, struct stoa_error *err)
{
	if (!groups && v->kind == STOA__VEC_DICT) {
		if (begin_codes(s, v) < 0)
			return stoa__fail_memory(err);
		if (!drop_seen_codes(s, v, n, ag->flags)) {
			memset(ag->flags, 0, n);
			return STOA_OK;
		}
	}
	STOA_TRY(stoa__keyer_words(&s->keyer, v, n, ag->words, err));
	if (!groups && s->phys == STOA__PHYS_BYTES)
		return keep_new_strings(ag, s, n, err);
	for (size_t i = 0; i < n; i++) {
		uint64_t tuple[2] = { groups ? groups[i] : 0, ag->words[i] };
		uint32_t id;
		bool fresh = false;
		if (!ag->flags[i])
			continue;
		if (met_lately(s, tuple[0], tuple[1])) {
			ag->flags[i] = 0;
			continue;
		}
		STOA_TRY(stoa__tuples_put(&s->tuples, tuple, &id, &fresh, err));
		ag->flags[i] = fresh;
	}
	return STOA_OK;
}

/* Which rows count for @s, into @flags; false if all do. */
static bool find_rows(struct stoa__aggregator *ag, const struct stoa__state *s,
		      const struct stoa__vec *arg, const struct stoa__vec *filter, size_t n)
{
	const uint64_t *valid = arg ? arg->validity : NULL;

	if (!valid && !filter && !s->distinct && !ag->only)
		return false;
	if (filter)
		stoa__vec_true(filter, n, ag->flags);
	else
		memset(ag->flags, 1, n);
	if (ag->only)
		ag->loops->and_bytes(ag->flags, ag->only, n, ag->flags);
	for (size_t i = 0; valid && i < n; i++)
		ag->flags[i] &= stoa__bit_get(valid, i);
	return true;
}

/* Of the rows in @flags: groups and values side by side. */
static void compress(struct stoa__aggregator *ag, const struct stoa__state *s, struct rows *r)
{
	size_t k = ag->loops->select(ag->flags, r->n, ag->sel);

	if (r->groups) {
		ag->loops->gather_32(r->groups, ag->sel, k, ag->groups);
		r->groups = ag->groups;
	}
	if (r->values && s->kind != STOA__STATE_COUNT) {
		struct stoa__vec flat = { .kind = STOA__VEC_FLAT, .phys = s->phys, .n = r->n };
		struct stoa__vec out;
		flat.values = r->values;
		stoa__vec_gather(&flat, ag->sel, k, ag->values, NULL, &out);
		r->values = out.values;
	}
	r->n = k;
	r->whole = false;
}

static int update_state(struct stoa__aggregator *ag, struct stoa__state *s, const struct rows *r,
			bool small)
{
	switch ((enum stoa__state_kind)s->kind) {
	case STOA__STATE_COUNT: count_rows(ag, s, r); return STOA_OK;
	case STOA__STATE_SUM_INT: sum_ints(ag, s, r, small); return STOA_OK;
	case STOA__STATE_SUM_F64: sum_doubles(ag, s, r); return STOA_OK;
	case STOA__STATE_MOMENTS: add_moments(s, r); return STOA_OK;
	case STOA__STATE_MIN:
	case STOA__STATE_MAX: return extreme(ag, s, r);
	}
	return STOA_OK;
}

/* Do 2,048 of them add up in 64 bits? */
static bool is_small(const struct stoa__aggregator *ag, const struct rows *r)
{
	return ag->loops->magnitude(r->values, r->n) < UINT64_C(1) << 51;
}

int stoa__aggregator_update(struct stoa__aggregator *ag, const struct stoa__machine *m,
			    const uint32_t *groups, size_t n, uint32_t n_groups,
			    struct stoa_error *err)
{
	ag->tallied = false;
	for (size_t i = 0; i < ag->n_states; i++) {
		struct stoa__state *s = &ag->states[i];
		const struct stoa__vec *arg =
			s->arg_output < 0 ? NULL : stoa__machine_output(m, (size_t)s->arg_output);
		const struct stoa__vec *filter = s->filter_output < 0 ?
				NULL : stoa__machine_output(m, (size_t)s->filter_output);
		struct rows r = { groups, NULL, n, n_groups, true };
		bool some = find_rows(ag, s, arg, filter, n);
		if (s->distinct && arg)
			STOA_TRY(keep_new(ag, s, arg, groups, n, err));
		if (arg && s->kind != STOA__STATE_COUNT)
			r.values = stoa__vec_flat(arg, ag->flat);
		if (some)
			compress(ag, s, &r);
		if (r.n == 0)
			continue;
		bool small = s->kind == STOA__STATE_SUM_INT && is_small(ag, &r);
		if (update_state(ag, s, &r, small) < 0)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

/* ---- merging -------------------------------------------------------------------------------- */

static void merge_moments(struct stoa__moments *a, const struct stoa__moments *b)
{
	double n = a->n + b->n, delta = b->mean - a->mean;

	if (b->n == 0)
		return;
	a->m2 += b->m2 + delta * delta * (a->n * b->n / n);
	a->mean += delta * (b->n / n);
	a->n = n;
}

/* What one value changes in a group. */
static int add_value(struct stoa__aggregator *ag, struct stoa__state *s, uint32_t group,
		     const void *value)
{
	struct rows one = { &group, value, 1, group + 1, false };

	if (s->kind == STOA__STATE_COUNT) {
		s->count[group]++;
		return STOA_OK;
	}
	one.n_groups = LANE_GROUPS + 1;	/* straight into the arrays */
	return update_state(ag, s, &one, false);
}

/* Distinct values that a group has not met count now. */
static int merge_distinct(struct stoa__aggregator *ag, struct stoa__state *to,
			  struct stoa__state *from, const uint32_t *map, struct stoa_error *err)
{
	for (uint32_t i = 0; i < from->tuples.n; i++) {
		uint64_t tuple[2] = { map[from->tuples.rows[2 * i]], from->tuples.rows[2 * i + 1] };
		const void *value = &from->tuples.rows[2 * i + 1];
		uint32_t id;
		bool fresh;
		if (to->phys == STOA__PHYS_BYTES) {
			value = &from->keyer.strings.items[tuple[1]];
			STOA_TRY(stoa__keyer_translate(&to->keyer, &from->keyer, tuple[1], &tuple[1],
						       err));
		}
		STOA_TRY(stoa__tuples_put(&to->tuples, tuple, &id, &fresh, err));
		if (fresh && add_value(ag, to, (uint32_t)tuple[0], value) < 0)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

/* Strings met without groups have no tuples (keep_new_strings()): a bit says it. */
static int merge_met(struct stoa__aggregator *ag, struct stoa__state *to,
		     const struct stoa__state *from, struct stoa_error *err)
{
	for (uint32_t i = 0; i < from->keyer.strings.n && i / 64 < from->cap_met; i++) {
		uint64_t word;
		if (!stoa__bit_get(from->met, i))
			continue;
		STOA_TRY(stoa__keyer_translate(&to->keyer, &from->keyer, i, &word, err));
		ag->words[0] = word;
		ag->flags[0] = 1;
		STOA_TRY(keep_new_strings(ag, to, 1, err));
		if (ag->flags[0] && add_value(ag, to, 0, &from->keyer.strings.items[i]) < 0)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

static int merge_best(struct stoa__state *to, const struct stoa__state *from, const uint32_t *map,
		      uint32_t n)
{
	for (uint32_t g = 0; g < n; g++) {
		struct rows one = { &map[g], &from->best[g], 1, map[g] + 1, false };
		if (from->seen[g])
			STOA_TRY(extreme_rows(to, &one, to->kind == STOA__STATE_MAX));
	}
	return STOA_OK;
}

static int merge_state(struct stoa__state *to, const struct stoa__state *from, const uint32_t *map,
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
			merge_moments(&to->moments[map[g]], &from->moments[g]);
		return STOA_OK;
	case STOA__STATE_MIN:
	case STOA__STATE_MAX: return merge_best(to, from, map, n);
	}
	return STOA_OK;
}

int stoa__aggregator_merge(struct stoa__aggregator *ag, struct stoa__aggregator *from,
			   const uint32_t *map, uint32_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < ag->n_states; i++) {
		struct stoa__state *to = &ag->states[i], *s = &from->states[i];
		if (to->distinct && s->met) {
			STOA_TRY(merge_met(ag, to, s, err));
		} else if (to->distinct && to->arg) {
			STOA_TRY(merge_distinct(ag, to, s, map, err));
		} else if (merge_state(to, s, map, n) < 0) {
			return stoa__fail_memory(err);
		}
	}
	return STOA_OK;
}

uint64_t stoa__aggregator_bytes(const struct stoa__aggregator *ag)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ag->n_states; i++) {
		const struct stoa__state *s = &ag->states[i];
		uint64_t width = s->count ? sizeof *s->count : 0;
		width += s->sum ? sizeof *s->sum : 0;
		width += s->f64 ? sizeof *s->f64 : 0;
		width += s->best ? sizeof *s->best + sizeof *s->seen : 0;
		width += s->moments ? sizeof *s->moments : 0;
		sum += s->cap * width + s->bytes.total + s->cap_met * UINT64_C(8) + s->n_codes;
		sum += stoa__keyer_bytes(&s->keyer) + stoa__tuples_bytes(&s->tuples);
	}
	return sum;
}

/* ---- results -------------------------------------------------------------------------------- */

static int sum_result(const struct stoa__agg *g, __int128 sum, int64_t *out, struct stoa_error *err)
{
	bool decimal = g->type.type == STOA_DECIMAL;
	__int128 limit = decimal ? (__int128)stoa__pow10[18] - 1 : (__int128)INT64_MAX;

	if (sum > limit || sum < (decimal ? -limit : -limit - 1))
		return stoa__fail_at(err, STOA_ERANGE, g->line, g->column,
				     "the sum does not fit %s: cast the argument to f64",
				     decimal ? "18 digits" : "64 bits");
	*out = (int64_t)sum;
	return STOA_OK;
}

static double average(const struct stoa__agg *g, const struct stoa__state *s, uint32_t group,
		      int64_t count)
{
	if (s->kind == STOA__STATE_SUM_F64)
		return s->f64[group] / (double)count;
	/*
	 * As a long double where there is one with 64 bits of mantissa: a sum of 64 bits is
	 * exact in it.
	 */
	long double sum = (long double)s->sum[group] / (long double)count;
	return (double)(sum / (long double)stoa__pow10[g->arg->type.scale]);
}

static bool moments_result(const struct stoa__agg *g, const struct stoa__moments *m, double *out)
{
	bool sample = g->kind == STOA__AGG_VAR_SAMP || g->kind == STOA__AGG_STDDEV_SAMP;
	bool root = g->kind == STOA__AGG_STDDEV_SAMP || g->kind == STOA__AGG_STDDEV_POP;

	if (m->n < (sample ? 2 : 1))
		return false;
	double variance = m->m2 / (sample ? m->n - 1 : m->n);
	*out = root ? sqrt(variance) : variance;
	return true;
}

/* The result in one group: STOA_ROW when it is not NULL. */
static int group_result(const struct stoa__aggregator *ag, size_t i, uint32_t group,
			union stoa__datum *out, struct stoa_error *err)
{
	const struct stoa__agg *g = &ag->aggs[i];
	const struct stoa__state *s = &ag->states[ag->refs[i][0]];
	int64_t count = ag->refs[i][1] >= 0 ? ag->states[ag->refs[i][1]].count[group] : 0;

	switch ((enum stoa__agg_kind)g->kind) {
	case STOA__AGG_COUNT: out->i = s->count[group]; return STOA_ROW;
	case STOA__AGG_SUM:
		if (!count)
			return STOA_OK;
		if (s->kind == STOA__STATE_SUM_F64)
			out->f = s->f64[group];
		else
			STOA_TRY(sum_result(g, s->sum[group], &out->i, err));
		return STOA_ROW;
	case STOA__AGG_AVG:
		if (!count)
			return STOA_OK;
		out->f = average(g, s, group, count);
		return STOA_ROW;
	case STOA__AGG_MIN:
	case STOA__AGG_MAX:
	case STOA__AGG_BOOL_AND:
	case STOA__AGG_BOOL_OR:
		*out = s->best[group];
		return s->seen[group] ? STOA_ROW : STOA_OK;
	default: return moments_result(g, &s->moments[group], &out->f) ? STOA_ROW : STOA_OK;
	}
}

int stoa__aggregator_result(const struct stoa__aggregator *ag, size_t i, uint32_t from, size_t n,
			    void *values, uint64_t *valid, struct stoa_error *err)
{
	unsigned phys = stoa__prog_phys(ag->aggs[i].type.type);
	size_t width = stoa__phys_width(phys);

	memset(values, 0, n * width);
	memset(valid, 0, STOA__WORDS(n) * 8);
	for (size_t k = 0; k < n; k++) {
		union stoa__datum d = { .s = { NULL, 0 } };
		int rc = group_result(ag, i, from + (uint32_t)k, &d, err);
		if (rc < 0)
			return rc;
		if (rc != STOA_ROW)
			continue;
		stoa__bit_set(valid, k);
		if (phys == STOA__PHYS_BOOL)
			((uint8_t *)values)[k] = (uint8_t)d.i;
		else
			memcpy((char *)values + k * width, &d, width);
	}
	return STOA_OK;
}
