/* SPDX-License-Identifier: MIT */
/*
 * rows.c - rows kept in memory, by column
 *
 * (1) cells[i] says where column i lies, and is set anew whenever that moves. (2) A NULL's element
 * is harmless: zeros, or the empty string.
 */
#include "rows.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "keys.h"
#include "prog.h"

int stoa__rows_init(struct stoa__rows *r, const struct stoa__type *types, size_t n_columns,
		    struct stoa_error *err)
{
	*r = (struct stoa__rows){ .n_columns = n_columns };
	r->columns = stoa__calloc(n_columns + 1, sizeof *r->columns);
	r->cells = stoa__calloc(n_columns + 1, sizeof *r->cells);
	if (!r->columns || !r->cells)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n_columns; i++) {
		r->columns[i].type = types[i];
		r->columns[i].phys = (uint8_t)stoa__prog_phys(types[i].type);
		r->cells[i].phys = r->columns[i].phys;
	}
	return STOA_OK;
}

void stoa__rows_release(struct stoa__rows *r)
{
	for (size_t i = 0; r->columns && i < r->n_columns; i++) {
		struct stoa__rows_column *c = &r->columns[i];
		stoa__free(c->values);
		stoa__free(c->valid);
		stoa__free(c->memo);
		stoa__arena_release(&c->bytes);
	}
	stoa__free(r->columns);
	stoa__free(r->cells);
	*r = (struct stoa__rows){ 0 };
}

/* ---- keeping -------------------------------------------------------------------------------- */

static int grow_column(struct stoa__rows_column *c, uint32_t n)
{
	void *values = c->values, *valid = c->valid;

	if (!stoa__grow(&values, &c->cap, n, stoa__phys_width(c->phys)))
		return STOA_ENOMEM;
	c->values = values;
	if (!stoa__grow(&valid, &c->cap_valid, (uint32_t)STOA__WORDS(n), 8))
		return STOA_ENOMEM;
	c->valid = valid;
	return STOA_OK;
}

static int copy_bytes(struct stoa__rows_column *c, struct stoa_bytes *b)
{
	b->p = stoa__arena_copy(&c->bytes, b->p, b->len);
	return b->p ? STOA_OK : STOA_ENOMEM;
}

static int begin_memo(struct stoa__rows_column *c, const struct stoa__vec *v)
{
	void *memo = c->memo;

	if (c->dict_id == v->dict_id && c->n_memo == v->n_dict)
		return STOA_OK;
	if (!stoa__grow(&memo, &c->cap_memo, v->n_dict, sizeof *c->memo))
		return STOA_ENOMEM;
	c->memo = memo;
	if (v->n_dict)
		memset(c->memo, 0, v->n_dict * sizeof *c->memo);
	c->dict_id = v->dict_id;
	c->n_memo = v->n_dict;
	return STOA_OK;
}

static int keep_dict(struct stoa__rows_column *c, const struct stoa__vec *v, size_t n,
		     struct stoa_bytes *out)
{
	STOA_TRY(begin_memo(c, v));
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct stoa_bytes){ "", 0 };
		if (!stoa__bit_get(v->validity, i))
			continue;
		struct stoa_bytes *m = &c->memo[v->codes[i]];
		if (!m->p) {
			struct stoa_bytes copy = v->dict[v->codes[i]];
			STOA_TRY(copy_bytes(c, &copy));
			*m = copy;
		}
		out[i] = *m;
	}
	return STOA_OK;
}

static int keep_bytes(struct stoa__rows_column *c, const struct stoa__vec *v, size_t n,
		      struct stoa_bytes *out)
{
	if (v->kind == STOA__VEC_DICT)
		return keep_dict(c, v, n, out);
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct stoa_bytes){ "", 0 };
		if (!stoa__bit_get(v->validity, i))
			continue;
		out[i] = v->bytes[v->kind == STOA__VEC_CONST ? 0 : i];
		STOA_TRY(copy_bytes(c, &out[i]));
	}
	return STOA_OK;
}

static int keep(struct stoa__rows *r, size_t i, const struct stoa__vec *v, size_t n)
{
	struct stoa__rows_column *c = &r->columns[i];
	size_t width = stoa__phys_width(c->phys);

	STOA_TRY(grow_column(c, r->n + (uint32_t)n));
	char *to = c->values + r->n * width;
	stoa__bitmap_copy(c->valid, r->n, v->validity, 0, n);
	c->has_nulls |= v->validity != NULL;
	r->cells[i].values = c->values;
	r->cells[i].valid = c->has_nulls ? c->valid : NULL;
	if (c->phys == STOA__PHYS_BYTES)
		return keep_bytes(c, v, n, (struct stoa_bytes *)(void *)to);
	const void *flat = stoa__vec_flat(v, to);
	if (flat != to)
		memcpy(to, flat, n * width);
	return STOA_OK;
}

int stoa__rows_keep(struct stoa__rows *r, size_t i, const struct stoa__vec *v, size_t n,
		    struct stoa_error *err)
{
	if (r->n + n > STOA__ROWS_MAX)
		return stoa__fail(err, STOA_EFULL,
				  "more than %u rows to be held at once: set a memory_limit, or "
				  "narrow them by WHERE or LIMIT", STOA__ROWS_MAX);
	return keep(r, i, v, n) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* ---- choosing ------------------------------------------------------------------------------- */

static int reorder_column(struct stoa__rows *r, size_t i, const uint32_t *at, uint32_t n)
{
	struct stoa__rows_column *c = &r->columns[i];
	size_t width = stoa__phys_width(c->phys);
	struct stoa__arena bytes = STOA__ARENA_INIT;
	char *values = stoa__realloc_array(NULL, c->cap, width);
	uint64_t *valid = stoa__calloc(c->cap_valid, 8);

	if (!values || !valid)
		goto fail;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t row = at[k];
		memcpy(values + k * width, c->values + row * width, width);
		if (stoa__bit_get(c->valid, row))
			stoa__bit_set(valid, k);
		if (c->phys != STOA__PHYS_BYTES)
			continue;
		struct stoa_bytes *b = (struct stoa_bytes *)(void *)(values + k * width);
		b->p = stoa__arena_copy(&bytes, b->p, b->len);
		if (!b->p)
			goto fail;
	}
	stoa__free(c->values);
	stoa__free(c->valid);
	stoa__arena_release(&c->bytes);
	c->values = values;
	c->valid = valid;
	c->bytes = bytes;
	c->dict_id = 0;		/* the memo's copies are gone */
	c->n_memo = 0;
	r->cells[i].values = values;
	r->cells[i].valid = c->has_nulls ? valid : NULL;
	return STOA_OK;
fail:
	stoa__free(values);
	stoa__free(valid);
	stoa__arena_release(&bytes);
	return STOA_ENOMEM;
}

int stoa__rows_reorder(struct stoa__rows *r, const uint32_t *at, uint32_t n, struct stoa_error *err)
{
	for (size_t i = 0; r->n && i < r->n_columns; i++)
		if (reorder_column(r, i, at, n) < 0)
			return stoa__fail_memory(err);
	r->n = n;
	return STOA_OK;
}

void stoa__rows_reset(struct stoa__rows *r)
{
	for (size_t i = 0; i < r->n_columns; i++) {
		struct stoa__rows_column *c = &r->columns[i];
		stoa__arena_reset(&c->bytes);
		c->has_nulls = false;
		c->dict_id = 0;
		c->n_memo = 0;
	}
	r->n = 0;
}

uint64_t stoa__rows_bytes(const struct stoa__rows *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->n_columns; i++) {
		const struct stoa__rows_column *c = &r->columns[i];
		sum += c->cap * stoa__phys_width(c->phys) + c->cap_valid * UINT64_C(8) +
		       c->bytes.total + c->cap_memo * sizeof *c->memo;
	}
	return sum;
}
