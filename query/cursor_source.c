/* SPDX-License-Identifier: MIT */
/*
 * cursor_source.c - see cursor_source.h: arrays of a batch, widened to the engine's kinds when they
 * are asked for
 */
#include "cursor_source.h"

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/limits.h"

struct column {
	bool ready;
	struct stoa__vec vec;
	void *wide;		/* room for a batch of the engine's kind; NULL: not wanted so far */
};

struct source {
	struct stoa__source source;
	stoa_cursor *cur;
	uint64_t n_rows;
	void (*closed)(void *ctx);
	void *ctx;
	struct stoa_batch batch;
	size_t n_columns;
	struct column columns[];
};

static struct source *of(struct stoa__source *s)
{
	return (struct source *)(void *)s;
}

static const struct stoa_column *source_columns(struct stoa__source *s, size_t *n)
{
	return stoa_columns(of(s)->cur, n);
}

static int source_next(struct stoa__source *source, size_t *n, const stoa_rowid **rowids,
		       struct stoa_error *err)
{
	struct source *s = of(source);
	int rc = stoa_next_batch(s->cur, &s->batch, err);

	(void)rowids;
	if (rc != STOA_ROW)
		return rc;
	for (size_t i = 0; i < s->n_columns; i++)
		s->columns[i].ready = false;
	*n = s->batch.n_rows;
	return STOA_ROW;
}

static int source_column(struct stoa__source *source, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct source *s = of(source);
	const struct stoa_array *a = &s->batch.columns[i];
	struct column *c = &s->columns[i];

	if (!c->wide)
		c->wide = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	if (!c->wide)
		return stoa__fail_memory(err);
	if (!c->ready) {
		c->vec = (struct stoa__vec){ .kind = STOA__VEC_FLAT,
					     .phys = (uint8_t)stoa__phys_of(a->type),
					     .type = a->type, .scale = a->scale,
					     .n = s->batch.n_rows, .validity = a->validity };
		c->vec.values = c->wide;
		stoa__widen(a->type, s->batch.n_rows, a->values, c->wide);
	}
	c->ready = true;
	*out = c->vec;
	return STOA_OK;
}

static bool source_zone(struct stoa__source *s, size_t i, struct stoa__zone *out)
{
	(void)s;
	(void)i;
	(void)out;
	return false;
}

static void source_skip(struct stoa__source *s)
{
	(void)s;
}

static uint64_t source_rows(struct stoa__source *s)
{
	return of(s)->n_rows;
}

static void source_close(struct stoa__source *source)
{
	struct source *s = of(source);

	stoa_cursor_close(s->cur);
	for (size_t i = 0; i < s->n_columns; i++)
		stoa__free(s->columns[i].wide);
	if (s->closed)
		s->closed(s->ctx);
	stoa__free(s);
}

int stoa__cursor_source(stoa_cursor *cur, uint64_t n_rows, void (*closed)(void *ctx), void *ctx,
			struct stoa__source **out, struct stoa_error *err)
{
	static const struct stoa__source_ops ops = {
		.columns = source_columns, .next = source_next, .column = source_column,
		.zone = source_zone, .skip_group = source_skip, .n_rows = source_rows,
		.close = source_close,
	};
	size_t n;
	struct source *s;

	(void)stoa_columns(cur, &n);
	s = stoa__calloc(1, sizeof *s + n * sizeof s->columns[0]);
	*out = NULL;
	if (!s) {
		stoa_cursor_close(cur);
		if (closed)
			closed(ctx);
		return stoa__fail_memory(err);
	}
	s->source.ops = &ops;
	s->cur = cur;
	s->n_rows = n_rows;
	s->closed = closed;
	s->ctx = ctx;
	s->n_columns = n;
	*out = &s->source;
	return STOA_OK;
}
