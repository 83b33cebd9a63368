/* SPDX-License-Identifier: MIT */
/*
 * merge.c - sorted runs become one sequence of rows
 *
 * A heap holds the runs that have rows left, by the row that each gives next; the place of that
 * row by the first key (order.h) decides nearly every comparison. A batch ends where a run on disk
 * has given the last row of its block: for the block is what the batch's columns are gathered
 * from, and the next one takes its memory. So nothing is copied before somebody asks for a column,
 * and bytes not at all.
 */
#include "merge.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "prog.h"

struct run {
	const struct stoa__cells *cells;
	const struct stoa__item *items;	/* NULL: rows lie in order */
	uint32_t n, at;			/* rows there; the one that comes next */
	uint32_t row;			/* where that lies */
	uint64_t prefix;
	bool on_disk;
	bool open;
	struct stoa__stream_scan scan;
	struct stoa__cells *own_cells;	/* of a block */
};

struct out_column {
	void *values;
	uint64_t *valid;
	bool ready, has_nulls;
};

struct stoa__merge {
	const struct stoa__order *order;
	const struct stoa__type *types;
	size_t n_columns;
	struct run *runs;
	size_t n_runs;
	uint32_t *heap;		/* runs with rows left, the least first */
	size_t n_heap;
	bool begun;
	struct {
		uint32_t run, row;
	} picked[STOA__BATCH_ROWS];
	size_t n;
	struct out_column *out;
};

/* ---- runs ----------------------------------------------------------------------------------- */

static void find_row(const struct stoa__merge *m, struct run *r)
{
	r->row = r->items ? r->items[r->at].row : r->at;
	r->prefix = m->order->n ? stoa__order_prefix(m->order, 0, r->cells, r->row) : 0;
}

/* Makes the run's next row known: STOA_ROW, or STOA_END when there is none. */
static int reach_row(const struct stoa__merge *m, struct run *r, struct stoa_error *err)
{
	size_t n;

	if (r->at == r->n) {
		if (!r->on_disk)
			return STOA_END;
		int rc = stoa__stream_scan_next(&r->scan, &n, err);
		if (rc != STOA_ROW)
			return rc;
		for (size_t i = 0; i < m->n_columns; i++) {
			struct stoa__vec v;
			stoa__stream_scan_column(&r->scan, i, &v);
			r->own_cells[i] = (struct stoa__cells){ v.values, v.validity, v.phys };
		}
		r->n = (uint32_t)n;
		r->at = 0;
	}
	find_row(m, r);
	return STOA_ROW;
}

/* ---- the heap ------------------------------------------------------------------------------- */

static bool before(const struct stoa__merge *m, uint32_t a, uint32_t b)
{
	const struct run *x = &m->runs[a], *y = &m->runs[b];

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix;
	int order = stoa__order_compare(m->order, 0, x->cells, x->row, y->cells, y->row);
	return order ? order < 0 : a < b;
}

static void sift_down(struct stoa__merge *m, size_t at)
{
	uint32_t x = m->heap[at];

	for (size_t child; (child = 2 * at + 1) < m->n_heap; at = child) {
		if (child + 1 < m->n_heap && before(m, m->heap[child + 1], m->heap[child]))
			child++;
		if (!before(m, m->heap[child], x))
			break;
		m->heap[at] = m->heap[child];
	}
	m->heap[at] = x;
}

static int fill_heap(struct stoa__merge *m, struct stoa_error *err)
{
	for (uint32_t i = 0; i < m->n_runs; i++) {
		int rc = reach_row(m, &m->runs[i], err);
		if (rc < 0)
			return rc;
		if (rc == STOA_ROW)
			m->heap[m->n_heap++] = i;
	}
	for (size_t i = m->n_heap / 2; i-- > 0;)
		sift_down(m, i);
	m->begun = true;
	return STOA_OK;
}

/* The run at the top, whose row was picked, goes on with @rc, or leaves. */
static void replace_top(struct stoa__merge *m, int rc)
{
	if (rc == STOA_END)
		m->heap[0] = m->heap[--m->n_heap];
	if (m->n_heap)
		sift_down(m, 0);
}

/* ---- batches -------------------------------------------------------------------------------- */

/* Where the last batch ended with a block, the next block is read now. */
static int resume(struct stoa__merge *m, struct stoa_error *err)
{
	if (!m->begun)
		return fill_heap(m, err);
	if (m->n_heap && m->runs[m->heap[0]].at == m->runs[m->heap[0]].n) {
		int rc = reach_row(m, &m->runs[m->heap[0]], err);
		if (rc < 0)
			return rc;
		replace_top(m, rc);
	}
	return STOA_OK;
}

int stoa__merge_next(struct stoa__merge *m, size_t *n, struct stoa_error *err)
{
	STOA_TRY(resume(m, err));
	for (m->n = 0; m->n < STOA__BATCH_ROWS && m->n_heap; m->n++) {
		struct run *r = &m->runs[m->heap[0]];
		m->picked[m->n].run = m->heap[0];
		m->picked[m->n].row = r->row;
		if (++r->at < r->n) {
			find_row(m, r);
			sift_down(m, 0);
		} else if (r->on_disk) {
			m->n++;
			break;
		} else {
			replace_top(m, STOA_END);
		}
	}
	for (size_t i = 0; i < m->n_columns; i++)
		m->out[i].ready = false;
	*n = m->n;
	return m->n ? STOA_ROW : STOA_END;
}

static void gather(struct stoa__merge *m, size_t i, size_t width)
{
	struct out_column *o = &m->out[i];

	memset(o->valid, 0xff, STOA__WORDS(STOA__BATCH_ROWS) * 8);
	o->has_nulls = false;
	for (size_t k = 0; k < m->n; k++) {
		const struct stoa__cells *c = &m->runs[m->picked[k].run].cells[i];
		uint32_t row = m->picked[k].row;
		memcpy((char *)o->values + k * width, (const char *)c->values + row * width, width);
		if (!stoa__bit_get(c->valid, row)) {
			stoa__bit_clear(o->valid, k);
			o->has_nulls = true;
		}
	}
	o->ready = true;
}

int stoa__merge_column(struct stoa__merge *m, size_t i, struct stoa__vec *out,
		       struct stoa_error *err)
{
	struct out_column *o = &m->out[i];
	unsigned phys = stoa__prog_phys(m->types[i].type);
	size_t width = stoa__phys_width(phys);

	if (!o->values)
		o->values = stoa__alloc_aligned(STOA__BATCH_ROWS * width);
	if (!o->valid)
		o->valid = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	if (!o->values || !o->valid)
		return stoa__fail_memory(err);
	if (!o->ready)
		gather(m, i, width);
	memset(out, 0, sizeof *out);
	out->kind = STOA__VEC_FLAT;
	out->phys = (uint8_t)phys;
	out->type = m->types[i].type;
	out->scale = m->types[i].scale;
	out->n = m->n;
	out->values = o->values;
	out->validity = o->has_nulls ? o->valid : NULL;
	return STOA_OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

void stoa__merge_free(struct stoa__merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->runs && i < m->n_runs; i++) {
		if (m->runs[i].open)
			stoa__stream_scan_release(&m->runs[i].scan);
		stoa__free(m->runs[i].own_cells);
	}
	for (size_t i = 0; m->out && i < m->n_columns; i++) {
		stoa__free(m->out[i].values);
		stoa__free(m->out[i].valid);
	}
	stoa__free(m->runs);
	stoa__free(m->heap);
	stoa__free(m->out);
	stoa__free(m);
}

static int open_streams(struct stoa__merge *m, const struct stoa__stream *streams, size_t n,
			struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct run *r = &m->runs[i];
		r->on_disk = true;
		r->own_cells = stoa__calloc(m->n_columns + 1, sizeof *r->own_cells);
		if (!r->own_cells)
			return stoa__fail_memory(err);
		r->cells = r->own_cells;
		STOA_TRY(stoa__stream_scan_init(&r->scan, &streams[i], err));
		r->open = true;
	}
	return STOA_OK;
}

int stoa__merge_new(const struct stoa__order *order, const struct stoa__type *types,
		    size_t n_columns, const struct stoa__stream *streams, size_t n_streams,
		    const struct stoa__run_memory *memory, size_t n_memory,
		    struct stoa__merge **out, struct stoa_error *err)
{
	struct stoa__merge *m = stoa__calloc(1, sizeof *m);

	*out = NULL;
	if (!m)
		return stoa__fail_memory(err);
	m->order = order;
	m->types = types;
	m->n_columns = n_columns;
	m->n_runs = n_streams + n_memory;
	m->runs = stoa__calloc(m->n_runs + 1, sizeof *m->runs);
	m->heap = stoa__calloc(m->n_runs + 1, sizeof *m->heap);
	m->out = stoa__calloc(n_columns + 1, sizeof *m->out);
	int rc = m->runs && m->heap && m->out ? open_streams(m, streams, n_streams, err) :
						stoa__fail_memory(err);
	if (rc < 0) {
		stoa__merge_free(m);
		return rc;
	}
	for (size_t i = 0; i < n_memory; i++) {
		struct run *r = &m->runs[n_streams + i];
		r->cells = memory[i].cells;
		r->items = memory[i].items;
		r->n = memory[i].n;
	}
	*out = m;
	return STOA_OK;
}
