/* SPDX-License-Identifier: MIT */
/*
 * series.c - generate_series(from, to [, step]): integers, both ends included
 *
 * A batch is counted when it is asked for: a series of 2^62 numbers takes no more memory than one
 * of ten.
 */
#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "table_function.h"

struct series {
	struct stoa__relation relation;
	int64_t from, step;
	uint64_t n;
};

struct series_source {
	struct stoa__source source;
	struct series *series;
	uint64_t at;		/* numbers before the current batch */
	size_t n;		/* of the current batch */
	int64_t values[STOA__BATCH_ROWS];
};

static const struct stoa_slot slot = { .name = "generate_series", .type = STOA_I64,
				       .flags = STOA_NOT_NULL };

static const struct stoa_column *source_columns(struct stoa__source *s, size_t *n)
{
	static const struct stoa_column column = { "generate_series", STOA_I64, 0, 0 };

	(void)s;
	*n = 1;
	return &column;
}

static int source_next(struct stoa__source *source, size_t *n, const stoa_rowid **rowids,
		       struct stoa_error *err)
{
	struct series_source *s = (struct series_source *)source;
	uint64_t left;

	(void)rowids;
	(void)err;
	s->at += s->n;
	left = s->series->n - s->at;
	s->n = left < STOA__BATCH_ROWS ? (size_t)left : STOA__BATCH_ROWS;
	*n = s->n;
	return s->n ? STOA_ROW : STOA_END;
}

/* Wraps round where the series is, as unsigned: the numbers themselves are in range. */
static int source_column(struct stoa__source *source, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct series_source *s = (struct series_source *)source;
	uint64_t x = (uint64_t)s->series->from + s->at * (uint64_t)s->series->step;

	(void)i;
	(void)err;
	for (size_t k = 0; k < s->n; k++, x += (uint64_t)s->series->step)
		s->values[k] = (int64_t)x;
	*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = STOA__PHYS_I64, .type = STOA_I64,
				   .n = s->n };
	out->i64 = s->values;
	return STOA_OK;
}

static uint64_t source_rows(struct stoa__source *source)
{
	return ((struct series_source *)source)->series->n;
}

static void source_close(struct stoa__source *source)
{
	struct series_source *s = (struct series_source *)source;

	stoa__relation_drop(&s->series->relation);
	stoa__free(s);
}

static int series_open(struct stoa__relation *r, const uint32_t *slots, size_t n_slots,
		       struct stoa__source **out, struct stoa_error *err)
{
	static const struct stoa__source_ops ops = {
		.columns = source_columns, .next = source_next, .column = source_column,
		.n_rows = source_rows,
		.close = source_close,
	};
	struct series_source *s = stoa__calloc(1, sizeof *s);

	(void)slots;
	(void)n_slots;
	*out = NULL;
	if (!s)
		return stoa__fail_memory(err);
	s->source.ops = &ops;
	s->series = (struct series *)r;
	stoa__relation_hold(r);
	*out = &s->source;
	return STOA_OK;
}

static void series_free(struct stoa__relation *r)
{
	stoa__free(r);
}

static int integer(const struct stoa__table_call *call, size_t i, int64_t *out,
		   struct stoa_error *err)
{
	const struct stoa__table_arg *a = stoa__table_arg(call, i, NULL);

	if (a && a->value.type != STOA_I64)
		return stoa__table_fail(call, a, err, STOA_ETYPE,
					"generate_series() wants integers");
	if (a)
		*out = a->value.i;
	return STOA_OK;
}

/* How many numbers; 2^64 - 1 is what is left of 2^64. */
static uint64_t count(int64_t from, int64_t to, int64_t step)
{
	uint64_t span = step > 0 ? (uint64_t)to - (uint64_t)from : (uint64_t)from - (uint64_t)to;
	uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;

	if (step > 0 ? from > to : from < to)
		return 0;
	return span / stride < UINT64_MAX ? span / stride + 1 : UINT64_MAX;
}

int stoa__table_series(const struct stoa__table_call *call, struct stoa__relation **out,
		       struct stoa_error *err)
{
	static const struct stoa__relation_ops ops = { series_open, series_free };
	static const char *const names[] = { NULL };
	int64_t from = 0, to = 0, step = 1;
	struct series *s;

	STOA_TRY(stoa__table_args_known(call, 2, 3, names, err));
	STOA_TRY(integer(call, 0, &from, err));
	STOA_TRY(integer(call, 1, &to, err));
	STOA_TRY(integer(call, 2, &step, err));
	if (!step)
		return stoa__table_fail(call, stoa__table_arg(call, 2, NULL), err, STOA_EINVAL,
					"a step of 0 leads nowhere");
	s = stoa__calloc(1, sizeof *s);
	if (!s)
		return stoa__fail_memory(err);
	s->from = from;
	s->step = step;
	s->n = count(from, to, step);
	s->relation = (struct stoa__relation){ &ops, 1, &slot, 1, s->n };
	*out = &s->relation;
	return STOA_OK;
}
