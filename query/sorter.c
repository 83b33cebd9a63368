/* SPDX-License-Identifier: MIT */
/*
 * sorter.c - rows gathered, sorted, and put on disk where memory has no room for them
 *
 *     sorter 0: run run run | rows   \
 *     sorter 1: run run     | rows    > merge -> batches
 *     sorter 2:               rows   /
 *
 * All rows are kept by column (rows.h); sorting moves row numbers only (order.h). One run that
 * never left memory is merged with nothing.
 */
#include "sorter.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "keys.h"

#define FAN_IN 32	/* runs on disk that are read at once: each takes a block of memory */

/* ---- gathering ------------------------------------------------------------------------------ */

int stoa__sorter_init(struct stoa__sorter *s, const struct stoa__type *types, size_t n_columns,
		      const struct stoa__order *order, uint64_t limit, struct stoa__temp *file,
		      struct stoa_error *err)
{
	*s = (struct stoa__sorter){ .types = types, .n_columns = n_columns, .order = order,
				    .file = file, .limit = limit };
	return stoa__rows_init(&s->rows, types, n_columns, err);
}

static void give_back_items(struct stoa__sorter *s)
{
	stoa__free(s->items);
	stoa__free(s->other);
	s->items = s->other = NULL;
	s->cap_items = s->cap_other = 0;
}

void stoa__sorter_release(struct stoa__sorter *s)
{
	stoa__rows_release(&s->rows);
	for (uint32_t i = 0; i < s->n_runs; i++)
		stoa__stream_release(&s->runs[i]);
	stoa__free(s->runs);
	give_back_items(s);
	memset(s, 0, sizeof *s);
}

int stoa__sorter_sort(struct stoa__sorter *s, struct stoa_error *err)
{
	void *items = s->items, *other = s->other;

	if (!stoa__grow(&items, &s->cap_items, s->rows.n, sizeof *s->items))
		return stoa__fail_memory(err);
	s->items = items;
	if (!stoa__grow(&other, &s->cap_other, s->rows.n, sizeof *s->items))
		return stoa__fail_memory(err);
	s->other = other;
	stoa__order_sort(s->order, s->rows.cells, s->items, s->other, s->rows.n);
	return STOA_OK;
}

static int write_rows(const struct stoa__sorter *s, struct stoa__stream *to, struct stoa_error *err)
{
	struct stoa__vec *v = stoa__calloc(s->n_columns, sizeof *v);
	uint32_t n = stoa__sorter_wanted(s);
	int rc = v ? STOA_OK : stoa__fail_memory(err);

	for (size_t i = 0; v && i < s->n_columns; i++) {
		v[i].kind = STOA__VEC_FLAT;
		v[i].type = s->types[i].type;
		v[i].phys = s->rows.cells[i].phys;
		v[i].values = s->rows.cells[i].values;
		v[i].validity = s->rows.cells[i].valid;
	}
	for (uint32_t i = 0; i < n && rc == STOA_OK; i++)
		rc = stoa__stream_put(to, v, s->items[i].row, err);
	stoa__free(v);
	return rc < 0 ? rc : stoa__stream_end(to, err);
}

int stoa__sorter_spill(struct stoa__sorter *s, struct stoa_error *err)
{
	void *runs = s->runs;

	if (!stoa__grow(&runs, &s->cap_runs, s->n_runs + 1, sizeof *s->runs))
		return stoa__fail_memory(err);
	s->runs = runs;
	struct stoa__stream *run = &s->runs[s->n_runs++];
	stoa__stream_init(run, s->file, s->types, s->n_columns);
	STOA_TRY(write_rows(s, run, err));
	stoa__rows_release(&s->rows);
	give_back_items(s);
	return stoa__rows_init(&s->rows, s->types, s->n_columns, err);
}

uint64_t stoa__sorter_bytes(const struct stoa__sorter *s)
{
	return stoa__rows_bytes(&s->rows) + s->rows.n * 2 * sizeof *s->items;
}

/* ---- merging -------------------------------------------------------------------------------- */

/* Merges @n runs from @from, of the columns and order of @like, into @out. */
static int merge_some(const struct stoa__sorter *like, struct stoa__stream *from, size_t n,
		      struct stoa__run *run, struct stoa__stream *out, struct stoa_error *err)
{
	struct stoa__vec *v = stoa__calloc(like->n_columns, sizeof *v);
	struct stoa__merge *m = NULL;
	uint64_t left = like->limit;
	size_t rows;
	int rc = v ? stoa__merge_new(like->order, like->types, like->n_columns, from, n, NULL, 0, &m,
				     err) :
		     stoa__fail_memory(err);

	while (rc >= 0 && left && (rc = stoa__merge_next(m, &rows, err)) == STOA_ROW) {
		rc = run ? stoa__run_check(run, err) : STOA_OK;
		rows = rows < left ? rows : (size_t)left;
		left -= rows;
		for (size_t i = 0; i < like->n_columns && rc >= 0; i++)
			rc = stoa__merge_column(m, i, &v[i], err);
		if (rc >= 0)
			rc = stoa__stream_put_all(out, v, NULL, rows, err);
	}
	stoa__merge_free(m);
	stoa__free(v);
	return rc < 0 ? rc : stoa__stream_end(out, err);
}

/* Merges neighbours until few enough runs are left to be read at once. */
static int reduce_runs(struct stoa__sorted *out, const struct stoa__sorter *like,
		       struct stoa__run *run, struct stoa_error *err)
{
	while (out->n_runs > FAN_IN) {
		size_t n = 0;
		for (size_t i = 0; i < out->n_runs; i += FAN_IN, n++) {
			size_t some = out->n_runs - i < FAN_IN ? out->n_runs - i : FAN_IN;
			struct stoa__stream merged;
			stoa__stream_init(&merged, like->file, like->types, like->n_columns);
			int rc = merge_some(like, &out->runs[i], some, run, &merged, err);
			for (size_t k = 0; k < some; k++)
				stoa__stream_release(&out->runs[i + k]);
			out->runs[n] = merged;	/* n <= i: a place that has just been left */
			if (rc < 0)
				return rc;
		}
		out->n_runs = n;
	}
	return STOA_OK;
}

/* The runs of all sorters side by side. */
static int collect_runs(struct stoa__sorted *out, struct stoa__sorter *const *sorters, size_t n,
			struct stoa_error *err)
{
	size_t n_runs = 0;

	for (size_t i = 0; i < n; i++)
		n_runs += sorters[i]->n_runs;
	out->runs = stoa__calloc(n_runs + 1, sizeof *out->runs);
	if (!out->runs)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++) {
		struct stoa__sorter *s = sorters[i];
		if (s->n_runs)
			memcpy(&out->runs[out->n_runs], s->runs, s->n_runs * sizeof *s->runs);
		out->n_runs += s->n_runs;
		s->n_runs = 0;
	}
	return STOA_OK;
}

int stoa__sorted_init(struct stoa__sorted *out, struct stoa__sorter *const *sorters, size_t n,
		      struct stoa__run *run, struct stoa_error *err)
{
	struct stoa__run_memory *memory;
	int rc;

	STOA_TRY(collect_runs(out, sorters, n, err));
	STOA_TRY(reduce_runs(out, sorters[0], run, err));
	memory = stoa__calloc(n, sizeof *memory);
	if (!memory)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++)
		memory[i] = (struct stoa__run_memory){ sorters[i]->rows.cells, sorters[i]->items,
						       sorters[i]->rows.n };
	rc = stoa__merge_new(sorters[0]->order, sorters[0]->types, sorters[0]->n_columns, out->runs,
			     out->n_runs, memory, n, &out->merge, err);
	stoa__free(memory);
	return rc;
}

void stoa__sorted_release(struct stoa__sorted *s)
{
	stoa__merge_free(s->merge);
	for (size_t i = 0; i < s->n_runs; i++)
		stoa__stream_release(&s->runs[i]);
	stoa__free(s->runs);
	memset(s, 0, sizeof *s);
}
