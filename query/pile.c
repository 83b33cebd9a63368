/* SPDX-License-Identifier: MIT */
/*
 * pile.c - aggregates that must see a group's values in order
 *
 *     (1, "b") (0, 7) ...  --sort-->  group 0: v v v v | group 1: v v | ...
 *                                     counts:  4         2
 *
 * How many values each group has is counted while they come, so reading knows where a group ends
 * without looking at the column of groups, and a quantile which values it is made of before the
 * first is there.
 *
 * Where no ORDER BY says otherwise, values lie in the order of their places in the table: answers
 * do not depend on the number of threads. Distinct values have no place of their own, and lie by
 * value.
 */
#include "pile.h"

#include <math.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "keys.h"
#include "machine.h"

#define OUTPUT_GROUP -1
#define OUTPUT_PLACE -2

/* ---- making one ----------------------------------------------------------------------------- */

/* Is the value itself what it is ordered by? */
static bool by_value(const struct stoa__agg *g)
{
	return !g->n_keys && (g->kind != STOA__AGG_STRING_AGG || g->distinct);
}

bool stoa__pile_shared(const struct stoa__agg *a, const struct stoa__agg *b)
{
	return by_value(a) == by_value(b) && stoa__agg_same_order(a, b);
}

static void add_column(struct stoa__pile *p, struct stoa__type type, int output)
{
	p->types[p->n_columns] = type;
	p->outputs[p->n_columns++] = output;
}

/* What rows are ordered by first, second ...: the columns up to the last but one, or all. */
static void add_key(struct stoa__pile *p, bool descending, bool nulls_first)
{
	p->keys[p->order.n] = (struct stoa__order_key){ .output = (uint32_t)p->order.n,
							.descending = descending,
							.nulls_first = nulls_first };
	p->order.n++;
}

static void choose_columns(struct stoa__pile *p, int arg_output, const struct stoa__bound **exprs,
			   size_t *n_exprs)
{
	const struct stoa__agg *g = p->agg;

	add_column(p, stoa__type_plain(STOA_I64), OUTPUT_GROUP);
	add_key(p, false, false);
	for (size_t i = 0; i < g->n_keys; i++) {
		exprs[*n_exprs] = g->keys[i].expr;
		add_column(p, g->keys[i].expr->type, (int)(*n_exprs)++);
		add_key(p, g->keys[i].descending, g->keys[i].nulls_first);
	}
	if (by_value(g)) {
		add_key(p, g->descending, false);
	} else {
		add_column(p, stoa__type_plain(STOA_I64), OUTPUT_PLACE);
		add_key(p, false, false);
	}
	add_column(p, g->arg->type, arg_output);
}

int stoa__pile_init(struct stoa__pile *p, const struct stoa__agg *agg, int arg_output,
		    const struct stoa__bound **exprs, size_t *n_exprs, struct stoa__temp *file,
		    struct stoa__run *run, struct stoa_error *err)
{
	size_t n = agg->n_keys + 3;

	p->agg = agg;
	p->run = run;
	p->types = stoa__calloc(n, sizeof *p->types);
	p->outputs = stoa__calloc(n, sizeof *p->outputs);
	p->keys = stoa__calloc(n, sizeof *p->keys);
	p->numbers = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof *p->numbers);
	p->room = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	p->room_valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (!p->types || !p->outputs || !p->keys || !p->numbers || !p->room || !p->room_valid)
		return stoa__fail_memory(err);
	p->order.keys = p->keys;
	choose_columns(p, arg_output, exprs, n_exprs);
	return stoa__sorter_init(&p->own, p->types, p->n_columns, &p->order, UINT64_MAX, file, err);
}

int stoa__pile_reader(struct stoa__pile *p, const struct stoa__agg *agg, struct stoa_error *err)
{
	void *readers = p->readers;

	if (!stoa__grow(&readers, &p->cap_readers, p->n_readers + 1, sizeof *p->readers))
		return stoa__fail_memory(err);
	p->readers = readers;
	p->readers[p->n_readers] = (struct stoa__pile_reader){ .agg = agg };
	return (int)p->n_readers++;
}

void stoa__pile_release(struct stoa__pile *p)
{
	stoa__sorted_release(&p->sorted);
	stoa__sorter_release(&p->own);
	for (uint32_t i = 0; i < p->n_others; i++)
		stoa__sorter_release(&p->others[i]);
	for (uint32_t i = 0; i < p->n_readers; i++) {
		stoa__free(p->readers[i].values);
		stoa__free(p->readers[i].has);
		stoa__free(p->readers[i].text_at);
		stoa__buf_release(&p->readers[i].text);
		stoa__buf_release(&p->readers[i].now_bytes);
	}
	stoa__free(p->others);
	stoa__free(p->readers);
	stoa__free(p->types);
	stoa__free(p->outputs);
	stoa__free(p->keys);
	stoa__free(p->numbers);
	stoa__free(p->room);
	stoa__free(p->room_valid);
	memset(p, 0, sizeof *p);
}

/* ---- values come ---------------------------------------------------------------------------- */

/* The numbers of @n rows as a column: groups, or places. */
static struct stoa__vec number_column(struct stoa__pile *p, const uint32_t *groups, bool place,
				      uint64_t first, const uint32_t *sel, size_t n)
{
	struct stoa__vec v = { .kind = STOA__VEC_FLAT, .phys = STOA__PHYS_I64, .type = STOA_I64,
			       .n = n };

	for (size_t i = 0; i < n; i++) {
		size_t row = sel ? sel[i] : i;
		p->numbers[i] = place ? (int64_t)(first + row) : groups ? (int64_t)groups[row] : 0;
	}
	v.i64 = p->numbers;
	return v;
}

int stoa__pile_add(struct stoa__pile *p, const struct stoa__machine *m, const uint32_t *groups,
		   uint64_t place, const uint32_t *sel, size_t n, struct stoa_error *err)
{
	for (size_t i = 0; i < p->n_columns; i++) {
		struct stoa__vec v, some;
		if (p->outputs[i] < 0) {
			v = number_column(p, groups, p->outputs[i] == OUTPUT_PLACE, place, sel, n);
		} else if (sel) {
			some = *stoa__machine_output(m, (size_t)p->outputs[i]);
			stoa__vec_gather(&some, sel, n, p->room, p->room_valid, &v);
		} else {
			v = *stoa__machine_output(m, (size_t)p->outputs[i]);
		}
		STOA_TRY(stoa__rows_keep(&p->own.rows, i, &v, n, err));
	}
	p->own.rows.n += (uint32_t)n;
	return STOA_OK;
}

int stoa__pile_add_value(struct stoa__pile *p, uint32_t group, const void *value,
			 struct stoa_error *err)
{
	struct stoa__vec v = { .kind = STOA__VEC_FLAT, .type = p->types[1].type, .n = 1,
			       .phys = (uint8_t)stoa__prog_phys(p->types[1].type) };
	struct stoa__vec number = number_column(p, &group, false, 0, NULL, 1);

	v.values = value;
	STOA_TRY(stoa__rows_keep(&p->own.rows, 0, &number, 1, err));
	STOA_TRY(stoa__rows_keep(&p->own.rows, 1, &v, 1, err));
	p->own.rows.n++;
	return STOA_OK;
}

int stoa__pile_merge(struct stoa__pile *p, struct stoa__pile *from, const uint32_t *map,
		     struct stoa_error *err)
{
	void *others = p->others;
	int64_t *groups = (int64_t *)(void *)from->own.rows.columns[0].values;

	if (!stoa__grow(&others, &p->cap_others, p->n_others + 1, sizeof *p->others))
		return stoa__fail_memory(err);
	p->others = others;
	for (uint32_t i = 0; i < from->own.rows.n; i++)
		groups[i] = map[groups[i]];
	p->others[p->n_others] = from->own;
	p->others[p->n_others].types = p->types;
	p->others[p->n_others++].order = &p->order;
	memset(&from->own, 0, sizeof from->own);
	return STOA_OK;
}

static int spill(struct stoa__sorter *s, struct stoa_error *err)
{
	if (!s->rows.n)
		return STOA_OK;
	STOA_TRY(stoa__sorter_sort(s, err));
	return stoa__sorter_spill(s, err);
}

int stoa__pile_spill(struct stoa__pile *p, struct stoa_error *err)
{
	for (uint32_t i = 0; i < p->n_others; i++)
		STOA_TRY(spill(&p->others[i], err));
	return spill(&p->own, err);
}

uint64_t stoa__pile_bytes(const struct stoa__pile *p)
{
	uint64_t sum = stoa__sorter_bytes(&p->own);

	for (uint32_t i = 0; i < p->n_others; i++)
		sum += stoa__sorter_bytes(&p->others[i]);
	return sum;
}

/* ---- reading: one group -------------------------------------------------------------------- */

static bool is_bytes(const struct stoa__pile *p)
{
	return p->values.phys == STOA__PHYS_BYTES;
}

static union stoa__datum value_at(const struct stoa__pile *p, size_t i)
{
	union stoa__datum d = { .s = { NULL, 0 } };

	if (is_bytes(p))
		d.s = p->values.bytes[i];
	else if (p->values.phys == STOA__PHYS_BOOL)
		d.i = ((const uint8_t *)p->values.values)[i];
	else
		d.u = ((const uint64_t *)p->values.values)[i];
	return d;
}

/* A group of @n values begins, the @k th of the batch. */
static void begin_group(struct stoa__pile_reader *r, size_t k, int64_t n)
{
	double f = r->agg->fraction;

	r->has[k] = n > 0 && !isnan(f);
	r->text_at[k] = r->text.len;
	r->run = r->best = 0;
	r->low = r->high = -1;
	if (!r->has[k])
		return;
	if (r->agg->kind == STOA__AGG_QUANTILE_CONT) {
		double at = f * (double)(n - 1);
		r->low = (int64_t)floor(at);
		r->high = (int64_t)ceil(at);
		r->part = at - floor(at);
	} else if (r->agg->kind == STOA__AGG_QUANTILE_DISC) {
		r->low = r->high = (int64_t)ceil(f * (double)n) - 1;
		r->low = r->high = r->low < 0 ? 0 : r->low;
	}
}

/* Bytes of a value that is the result, for now, of group @k. */
static int take(struct stoa__pile_reader *r, const struct stoa__pile *p, size_t k,
		union stoa__datum d)
{
	r->values[k] = d;
	if (!is_bytes(p))
		return STOA_OK;
	r->text.len = r->text_at[k];
	return stoa__buf_put(&r->text, d.s.p, d.s.len);
}

/* Values @i .. @end of the rows at hand are those from @first on of group @k. */
static int read_quantile(struct stoa__pile_reader *r, const struct stoa__pile *p, size_t k,
			 int64_t first, size_t i, size_t end)
{
	int64_t n = (int64_t)(end - i);

	if (r->low >= first && r->low < first + n)
		STOA_TRY(take(r, p, k, value_at(p, i + (size_t)(r->low - first))));
	if (r->agg->kind != STOA__AGG_QUANTILE_CONT || r->high == r->low)
		return STOA_OK;
	if (r->high >= first && r->high < first + n) {
		double high = value_at(p, i + (size_t)(r->high - first)).f;
		r->values[k].f += (high - r->values[k].f) * r->part;
	}
	return STOA_OK;
}

static bool same_value(const struct stoa__pile *p, const struct stoa__pile_reader *r,
		       union stoa__datum d)
{
	if (is_bytes(p))
		return d.s.len == r->now_bytes.len &&
		       (!d.s.len || !memcmp(d.s.p, r->now_bytes.p, d.s.len));
	if (p->values.phys == STOA__PHYS_F64)
		return d.f == r->now.f || (isnan(d.f) && isnan(r->now.f));
	return d.u == r->now.u;
}

/* The value of the longest run; the first of those. */
static int read_mode(struct stoa__pile_reader *r, const struct stoa__pile *p, size_t k, size_t i,
		     size_t end)
{
	for (; i < end; i++) {
		union stoa__datum d = value_at(p, i);
		if (!r->run || !same_value(p, r, d)) {
			r->run = 0;
			r->leads = false;
			r->now = d;
			r->now_bytes.len = 0;
			if (is_bytes(p))
				STOA_TRY(stoa__buf_put(&r->now_bytes, d.s.p, d.s.len));
		}
		if (++r->run <= r->best)
			continue;
		r->best = r->run;
		if (!r->leads)
			STOA_TRY(take(r, p, k, d));
		r->leads = true;
	}
	return STOA_OK;
}

static int read_strings(struct stoa__pile_reader *r, const struct stoa__pile *p, int64_t first,
			size_t i, size_t end)
{
	const struct stoa_bytes *sep = &r->agg->separator;

	for (; i < end; i++, first++) {
		struct stoa_bytes s = p->values.bytes[i];
		if (first)
			STOA_TRY(stoa__buf_put(&r->text, sep->p, sep->len));
		STOA_TRY(stoa__buf_put(&r->text, s.p, s.len));
	}
	return STOA_OK;
}

static int read_values(struct stoa__pile *p, size_t k, int64_t first, size_t i, size_t end,
		       struct stoa_error *err)
{
	int rc = STOA_OK;

	for (uint32_t x = 0; x < p->n_readers && rc == STOA_OK; x++) {
		struct stoa__pile_reader *r = &p->readers[x];
		if (r->agg->kind == STOA__AGG_STRING_AGG)
			rc = read_strings(r, p, first, i, end);
		else if (r->agg->kind == STOA__AGG_MODE)
			rc = read_mode(r, p, k, i, end);
		else
			rc = read_quantile(r, p, k, first, i, end);
		if (rc == STOA_OK && r->text.len - r->text_at[k] > UINT32_MAX)
			return stoa__fail_at(err, STOA_ERANGE, r->agg->line, r->agg->column,
					     "the string of a group is longer than 4 GiB");
	}
	return rc < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* ---- reading: groups in order --------------------------------------------------------------- */

static int begin_reading(struct stoa__pile *p, struct stoa_error *err)
{
	struct stoa__sorter **all = stoa__calloc(p->n_others + 1, sizeof(*all));
	int rc = all ? stoa__sorter_sort(&p->own, err) : stoa__fail_memory(err);

	for (uint32_t i = 0; i < p->n_others && rc == STOA_OK; i++) {
		rc = stoa__sorter_sort(&p->others[i], err);
		all[i] = &p->others[i];
	}
	if (rc == STOA_OK) {
		all[p->n_others] = &p->own;
		rc = stoa__sorted_init(&p->sorted, all, p->n_others + 1, p->run, err);
	}
	stoa__free(all);
	p->begun = rc == STOA_OK;
	return rc;
}

/* Rows at hand: at least one. */
static int reach_rows(struct stoa__pile *p, struct stoa_error *err)
{
	int rc;

	if (p->at < p->n)
		return STOA_OK;
	rc = stoa__merge_next(p->sorted.merge, &p->n, err);
	if (rc < 0)
		return rc;
	if (rc != STOA_ROW)
		return stoa__fail(err, STOA_ECORRUPT, "rows that were put on disk are missing");
	p->at = 0;
	return stoa__merge_column(p->sorted.merge, p->n_columns - 1, &p->values, err);
}

/* The next group, which has @n values: passed over, or read as the @k th of the batch. */
static int next_group(struct stoa__pile *p, int64_t n, bool wanted, size_t k,
		      struct stoa_error *err)
{
	for (int64_t done = 0; done < n;) {
		STOA_TRY(reach_rows(p, err));
		size_t some = p->n - p->at;
		if ((int64_t)some > n - done)
			some = (size_t)(n - done);
		if (wanted)
			STOA_TRY(read_values(p, k, done, p->at, p->at + some, err));
		p->at += some;
		done += (int64_t)some;
	}
	return STOA_OK;
}

static int make_arrays(struct stoa__pile *p)
{
	for (uint32_t i = 0; i < p->n_readers; i++) {
		struct stoa__pile_reader *r = &p->readers[i];
		if (!r->values)
			r->values = stoa__calloc(STOA__BATCH_ROWS, sizeof *r->values);
		if (!r->has)
			r->has = stoa__calloc(STOA__BATCH_ROWS, 1);
		if (!r->text_at)
			r->text_at = stoa__calloc(STOA__BATCH_ROWS, sizeof *r->text_at);
		if (!r->values || !r->has || !r->text_at)
			return STOA_ENOMEM;
		r->text.len = 0;
	}
	return STOA_OK;
}

/* The text has stopped moving: where its parts lie. */
static void place_texts(struct stoa__pile *p, size_t n)
{
	for (uint32_t i = 0; i < p->n_readers; i++) {
		struct stoa__pile_reader *r = &p->readers[i];
		if (stoa__prog_phys(r->agg->type.type) != STOA__PHYS_BYTES)
			continue;
		for (size_t k = 0; k < n; k++) {
			size_t end = k + 1 < n ? r->text_at[k + 1] : r->text.len;
			r->values[k].s = (struct stoa_bytes){
				r->text.p ? (const char *)r->text.p + r->text_at[k] : "",
				(uint32_t)(end - r->text_at[k])
			};
		}
	}
}

static int read_batch(struct stoa__pile *p, const int64_t *counts, uint32_t from, size_t n,
		      struct stoa_error *err)
{
	if (!p->begun)
		STOA_TRY(begin_reading(p, err));
	if (make_arrays(p) < 0)
		return stoa__fail_memory(err);
	for (; p->next < from; p->next++)
		STOA_TRY(next_group(p, counts[p->next], false, 0, err));
	for (size_t k = 0; k < n; k++, p->next++) {
		for (uint32_t i = 0; i < p->n_readers; i++)
			begin_group(&p->readers[i], k, counts[p->next]);
		STOA_TRY(next_group(p, counts[p->next], true, k, err));
	}
	place_texts(p, n);
	p->read_from = from;
	p->n_read = (uint32_t)n;
	return STOA_OK;
}

int stoa__pile_result(struct stoa__pile *p, int i, const int64_t *counts, uint32_t from, size_t n,
		      const union stoa__datum **values, const uint8_t **has, struct stoa_error *err)
{
	if (p->read_from != from || p->n_read < n)
		STOA_TRY(read_batch(p, counts, from, n, err));
	*values = p->readers[i].values;
	*has = p->readers[i].has;
	return STOA_OK;
}
