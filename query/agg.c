/* SPDX-License-Identifier: MIT */
/*
 * agg.c - the running values of aggregates
 *
 * A batch of rows comes with the group of each. For a state, rows that its filter rejects, whose
 * argument is NULL, or whose value was seen before (DISTINCT) are sorted out first, so that the
 * loops over what is left are plain: state[group[i]] changes by value[i].
 *
 * The loops are in agg_loops.c, DISTINCT in agg_distinct.c, aggregates that want their values in
 * order in pile.c.
 */
#include "agg_state.h"

#include <math.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "loops.h"
#include "machine.h"

/* ---- which states there are ------------------------------------------------------------------ */

static int find_state(struct stoa__aggregator *ag, const struct stoa__agg *g, unsigned kind,
		      const struct stoa__bound *arg)
{
	for (size_t i = 0; i < ag->n_states; i++) {
		const struct stoa__state *s = &ag->states[i];
		if (s->kind == kind && s->distinct == g->distinct && stoa__bound_same(s->arg, arg) &&
		    stoa__bound_same(s->filter, g->filter) &&
		    (kind != STOA__STATE_PILE || stoa__pile_shared(s->agg, g)))
			return (int)i;
	}
	struct stoa__state *s = &ag->states[ag->n_states];
	s->kind = (uint8_t)kind;
	s->agg = g;
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
	case STOA__AGG_APPROX_COUNT: ref[0] = find_state(ag, g, STOA__STATE_SKETCH, g->arg); break;
	case STOA__AGG_STRING_AGG:
	case STOA__AGG_QUANTILE_CONT:
	case STOA__AGG_QUANTILE_DISC:
	case STOA__AGG_MODE: ref[0] = find_state(ag, g, STOA__STATE_PILE, g->arg); break;
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
	ag->tally = stoa__alloc_aligned(STOA__AGG_LANE_GROUPS * sizeof *ag->tally);
	if (!ag->tally || !ag->flags || !ag->sel || !ag->groups || !ag->values || !ag->flat || !ag->words)
		return stoa__fail_memory(err);
	return STOA_OK;
}

/* What a state has beside its arrays. */
static int init_state(struct stoa__state *s, const struct stoa__bound **exprs, size_t *n_exprs,
		      struct stoa__temp *file, struct stoa__run *run, struct stoa_error *err)
{
	s->arg_output = output_of(s->arg, exprs, n_exprs);
	s->filter_output = output_of(s->filter, exprs, n_exprs);
	if (s->distinct) {
		s->recent = stoa__calloc(STOA__RECENT, sizeof *s->recent);
		if (!s->recent)
			return stoa__fail_memory(err);
	}
	if (s->kind != STOA__STATE_PILE)
		return STOA_OK;
	s->pile = stoa__calloc(1, sizeof *s->pile);
	if (!s->pile)
		return stoa__fail_memory(err);
	return stoa__pile_init(s->pile, s->agg, s->arg_output, exprs, n_exprs, file, run, err);
}

/* Each aggregate of a pile is a reader of it. */
static int init_readers(struct stoa__aggregator *ag, struct stoa_error *err)
{
	for (size_t i = 0; i < ag->n_aggs; i++) {
		struct stoa__state *s = &ag->states[ag->refs[i][0]];
		if (s->kind != STOA__STATE_PILE)
			continue;
		ag->refs[i][1] = stoa__pile_reader(s->pile, &ag->aggs[i], err);
		if (ag->refs[i][1] < 0)
			return ag->refs[i][1];
	}
	return STOA_OK;
}

int stoa__aggregator_init(struct stoa__aggregator *ag, const struct stoa__agg *aggs, size_t n_aggs,
			  const struct stoa__bound **exprs, size_t *n_exprs, struct stoa__temp *file,
			  struct stoa__run *run, struct stoa_error *err)
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
	for (size_t i = 0; i < ag->n_states; i++)
		STOA_TRY(init_state(&ag->states[i], exprs, n_exprs, file, run, err));
	STOA_TRY(init_readers(ag, err));
	return make_room(ag, err);
}

static void release_state(struct stoa__state *s)
{
	for (uint32_t i = 0; s->sketches && i < s->cap; i++)
		stoa__sketch_release(&s->sketches[i]);
	if (s->pile)
		stoa__pile_release(s->pile);
	stoa__free(s->sketches);
	stoa__free(s->pile);
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

void stoa__aggregator_release(struct stoa__aggregator *ag)
{
	for (size_t i = 0; ag->states && i < ag->n_states; i++)
		release_state(&ag->states[i]);
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
	case STOA__STATE_COUNT:
	case STOA__STATE_PILE: GROW(count); break;
	case STOA__STATE_SKETCH: GROW(sketches); break;
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

/* ---- a batch -------------------------------------------------------------------------------- */

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
static void compress(struct stoa__aggregator *ag, const struct stoa__state *s, struct stoa__agg_rows *r)
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

/* Do 2,048 of them add up in 64 bits? */
static bool is_small(const struct stoa__aggregator *ag, const struct stoa__agg_rows *r)
{
	return ag->loops->magnitude(r->values, r->n) < UINT64_C(1) << 51;
}

/* A pile takes what the program made of a row, and how many it took is counted here. */
static int add_to_pile(struct stoa__aggregator *ag, struct stoa__state *s,
		       const struct stoa__machine *m, const struct stoa__agg_rows *r,
		       uint64_t place, bool some, struct stoa_error *err)
{
	size_t n = some ? ag->loops->select(ag->flags, r->n, ag->sel) : r->n;

	if (!n)
		return STOA_OK;
	STOA_TRY(stoa__pile_add(s->pile, m, r->groups, place, some ? ag->sel : NULL, n, err));
	if (!r->groups)
		s->count[0] += (int64_t)n;
	for (size_t i = 0; r->groups && i < n; i++)
		s->count[r->groups[some ? ag->sel[i] : i]]++;
	return STOA_OK;
}

int stoa__aggregator_update(struct stoa__aggregator *ag, const struct stoa__machine *m,
			    const uint32_t *groups, uint64_t place, size_t n, uint32_t n_groups,
			    struct stoa_error *err)
{
	ag->tallied = false;
	for (size_t i = 0; i < ag->n_states; i++) {
		struct stoa__state *s = &ag->states[i];
		const struct stoa__vec *arg =
			s->arg_output < 0 ? NULL : stoa__machine_output(m, (size_t)s->arg_output);
		const struct stoa__vec *filter = s->filter_output < 0 ?
				NULL : stoa__machine_output(m, (size_t)s->filter_output);
		struct stoa__agg_rows r = { groups, NULL, n, n_groups, true };
		bool some = find_rows(ag, s, arg, filter, n);
		if (s->distinct && arg)
			STOA_TRY(stoa__state_keep_new(ag, s, arg, groups, n, err));
		if (s->kind == STOA__STATE_PILE) {
			STOA_TRY(add_to_pile(ag, s, m, &r, place, some, err));
			continue;
		}
		if (arg && s->kind != STOA__STATE_COUNT)
			r.values = stoa__vec_flat(arg, ag->flat);
		if (some)
			compress(ag, s, &r);
		if (r.n == 0)
			continue;
		bool small = s->kind == STOA__STATE_SUM_INT && is_small(ag, &r);
		if (stoa__state_update(ag, s, &r, small) < 0)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

/* ---- merging -------------------------------------------------------------------------------- */

int stoa__aggregator_merge(struct stoa__aggregator *ag, struct stoa__aggregator *from,
			   const uint32_t *map, uint32_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < ag->n_states; i++) {
		struct stoa__state *to = &ag->states[i], *s = &from->states[i];
		if (to->distinct && to->arg) {
			STOA_TRY(stoa__state_merge_distinct(ag, to, s, map, err));
		} else if (to->kind == STOA__STATE_PILE) {
			for (uint32_t g = 0; g < n; g++)
				to->count[map[g]] += s->count[g];
			STOA_TRY(stoa__pile_merge(to->pile, s->pile, map, err));
		} else if (stoa__state_merge(to, s, map, n) < 0) {
			return stoa__fail_memory(err);
		}
	}
	return STOA_OK;
}

/* ---- memory --------------------------------------------------------------------------------- */

static uint64_t state_bytes(const struct stoa__state *s)
{
	uint64_t width = s->count ? sizeof *s->count : 0, sum;

	width += s->sum ? sizeof *s->sum : 0;
	width += s->f64 ? sizeof *s->f64 : 0;
	width += s->best ? sizeof *s->best + sizeof *s->seen : 0;
	width += s->moments ? sizeof *s->moments : 0;
	width += s->sketches ? sizeof *s->sketches : 0;
	sum = s->cap * width + s->bytes.total + s->cap_met * UINT64_C(8) + s->n_codes;
	for (uint32_t i = 0; s->sketches && i < s->cap; i++)
		sum += stoa__sketch_bytes(&s->sketches[i]);
	return sum + stoa__keyer_bytes(&s->keyer) + stoa__tuples_bytes(&s->tuples);
}

uint64_t stoa__aggregator_piled(const struct stoa__aggregator *ag)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ag->n_states; i++)
		sum += ag->states[i].pile ? stoa__pile_bytes(ag->states[i].pile) : 0;
	return sum;
}

uint64_t stoa__aggregator_bytes(const struct stoa__aggregator *ag)
{
	uint64_t sum = stoa__aggregator_piled(ag);

	for (size_t i = 0; i < ag->n_states; i++)
		sum += state_bytes(&ag->states[i]);
	return sum;
}

int stoa__aggregator_spill(struct stoa__aggregator *ag, struct stoa_error *err)
{
	for (size_t i = 0; i < ag->n_states; i++)
		if (ag->states[i].pile)
			STOA_TRY(stoa__pile_spill(ag->states[i].pile, err));
	return STOA_OK;
}

/* ---- results -------------------------------------------------------------------------------- */

int stoa__agg_sum(const struct stoa__agg *g, __int128 sum, int64_t *out, struct stoa_error *err)
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

double stoa__agg_average(const struct stoa__agg *g, __int128 sum, int64_t count)
{
	/*
	 * As a long double where there is one with 64 bits of mantissa: a sum of 64 bits is
	 * exact in it.
	 */
	long double mean = (long double)sum / (long double)count;

	return (double)(mean / (long double)stoa__pow10[g->arg->type.scale]);
}

bool stoa__agg_moments(const struct stoa__agg *g, const struct stoa__moments *m, double *out)
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
	bool counted = g->kind == STOA__AGG_SUM || g->kind == STOA__AGG_AVG;
	int64_t count = counted ? ag->states[ag->refs[i][1]].count[group] : 0;

	switch ((enum stoa__agg_kind)g->kind) {
	case STOA__AGG_COUNT: out->i = s->count[group]; return STOA_ROW;
	case STOA__AGG_SUM:
		if (!count)
			return STOA_OK;
		if (s->kind == STOA__STATE_SUM_F64)
			out->f = s->f64[group];
		else
			STOA_TRY(stoa__agg_sum(g, s->sum[group], &out->i, err));
		return STOA_ROW;
	case STOA__AGG_AVG:
		if (!count)
			return STOA_OK;
		out->f = s->kind == STOA__STATE_SUM_F64 ?
				 s->f64[group] / (double)count :
				 stoa__agg_average(g, s->sum[group], count);
		return STOA_ROW;
	case STOA__AGG_MIN:
	case STOA__AGG_MAX:
	case STOA__AGG_BOOL_AND:
	case STOA__AGG_BOOL_OR:
		*out = s->best[group];
		return s->seen[group] ? STOA_ROW : STOA_OK;
	case STOA__AGG_APPROX_COUNT:
		out->i = stoa__sketch_estimate(&s->sketches[group]);
		return STOA_ROW;
	default: return stoa__agg_moments(g, &s->moments[group], &out->f) ? STOA_ROW : STOA_OK;
	}
}

/* What a pile's reader found in the groups. */
static int pile_result(struct stoa__aggregator *ag, size_t i, uint32_t from, size_t n,
		       const union stoa__datum **values, const uint8_t **has, struct stoa_error *err)
{
	struct stoa__state *s = &ag->states[ag->refs[i][0]];

	*values = NULL;
	if (s->kind != STOA__STATE_PILE)
		return STOA_OK;
	return stoa__pile_result(s->pile, ag->refs[i][1], s->count, from, n, values, has, err);
}

int stoa__aggregator_result(struct stoa__aggregator *ag, size_t i, uint32_t from, size_t n,
			    void *values, uint64_t *valid, struct stoa_error *err)
{
	unsigned phys = stoa__prog_phys(ag->aggs[i].type.type);
	size_t width = stoa__phys_width(phys);
	const union stoa__datum *piled;
	const uint8_t *has;

	STOA_TRY(pile_result(ag, i, from, n, &piled, &has, err));
	memset(values, 0, n * width);
	memset(valid, 0, STOA__WORDS(n) * 8);
	for (size_t k = 0; k < n; k++) {
		union stoa__datum d = { .s = { NULL, 0 } };
		int rc = piled ? (has[k] ? STOA_ROW : STOA_OK) :
				 group_result(ag, i, from + (uint32_t)k, &d, err);
		if (rc < 0)
			return rc;
		if (rc != STOA_ROW)
			continue;
		if (piled)
			d = piled[k];
		stoa__bit_set(valid, k);
		if (phys == STOA__PHYS_BOOL)
			((uint8_t *)values)[k] = (uint8_t)d.i;
		else
			memcpy((char *)values + k * width, &d, width);
	}
	return STOA_OK;
}
