/* SPDX-License-Identifier: MIT */
/* array_source.c - tables in arrays, for the query engine to read without a database */
#include "array_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/source.h"
#include "../lib/core/type.h"
#include "show.h"

struct column {
	uint32_t slot;
	void *values;
	struct stoa_bytes *dict;
	uint32_t *codes;
	uint32_t n_dict;
	uint64_t dict_id;
	uint64_t validity[STOA_BATCH_MAX / 64];
};

/* What sources that were split from one share. */
struct shared {
	_Atomic size_t next_group;
	_Atomic unsigned n_sources;
};

struct array_source {
	struct stoa__source source;
	struct shared *shared;	/* NULL: was not split */
	struct array_table *table;
	struct stoa_column *types;
	struct column *columns;
	size_t n_columns;
	size_t at, n;		/* the batch: rows [at, at + n) */
	size_t end;		/* of the rows, or of those dealt out to it */
	stoa_rowid rowids[STOA_BATCH_MAX];
};

static const struct stoa_value *cell(const struct array_source *s, size_t row, size_t i)
{
	return &s->table->values[row * s->table->n_slots + s->columns[i].slot];
}

static size_t group_end(const struct array_source *s, size_t row)
{
	size_t end = (row / s->table->group_rows + 1) * s->table->group_rows;

	return end < s->table->n_rows ? end : s->table->n_rows;
}

static const struct stoa_column *source_columns(struct stoa__source *source, size_t *n)
{
	struct array_source *s = (struct array_source *)source;

	*n = s->n_columns;
	return s->types;
}

static int source_next(struct stoa__source *source, size_t *n, const stoa_rowid **rowids,
		       struct stoa_error *err)
{
	struct array_source *s = (struct array_source *)source;

	(void)err;
	s->at += s->n;
	s->n = 0;
	if (s->at >= s->end)
		return STOA_END;
	s->n = group_end(s, s->at) - s->at;
	if (s->n > s->table->batch_rows)
		s->n = s->table->batch_rows;
	for (size_t i = 0; i < s->n; i++)
		s->rowids[i] = s->at + i + 1;
	s->table->n_batches++;
	*n = s->n;
	if (rowids)
		*rowids = s->rowids;
	return STOA_ROW;
}

/* The group's dictionary: its distinct strings, in order of first use. */
static int make_dict(struct array_source *s, size_t i, struct stoa_error *err)
{
	struct column *c = &s->columns[i];
	size_t group = s->at / s->table->group_rows, from = group * s->table->group_rows;
	size_t end = group_end(s, s->at);

	/* A number that no other column's lists have: two may come one after the other (UNION). */
	uint64_t id = ((uint64_t)(uintptr_t)&s->table->slots[c->slot] << 16) + group + 1;

	if (c->dict_id == id)
		return STOA_OK;
	void *dict = stoa__realloc_array(c->dict, end - from, sizeof *c->dict);
	if (!dict)
		return stoa__fail_memory(err);
	c->dict = dict;
	c->n_dict = 0;
	c->dict_id = id;
	for (size_t row = from; row < end; row++) {
		const struct stoa_value *v = cell(s, row, i);
		uint32_t k = 0;
		if (v->type == STOA_NULL)
			continue;
		while (k < c->n_dict &&
		       (c->dict[k].len != v->len || memcmp(c->dict[k].p, v->p, v->len)))
			k++;
		if (k == c->n_dict)
			c->dict[c->n_dict++] = (struct stoa_bytes){ v->p, v->len };
	}
	return STOA_OK;
}

static uint32_t code_of(const struct column *c, const struct stoa_value *v)
{
	for (uint32_t k = 0; k < c->n_dict; k++)
		if (c->dict[k].len == v->len && !memcmp(c->dict[k].p, v->p, v->len))
			return k;
	return 0;
}

static void put(struct column *c, unsigned phys, size_t i, const struct stoa_value *v)
{
	bool null = v->type == STOA_NULL;

	switch (phys) {
	case STOA__PHYS_I64: ((int64_t *)c->values)[i] = null ? 0 : v->i; break;
	case STOA__PHYS_U64: ((uint64_t *)c->values)[i] = null ? 0 : v->u; break;
	case STOA__PHYS_F64: ((double *)c->values)[i] = null ? 0 : v->f; break;
	default:
		((struct stoa_bytes *)c->values)[i] =
			null                 ? (struct stoa_bytes){ "", 0 } :
			v->type == STOA_UUID ? (struct stoa_bytes){ (const char *)v->uuid, 16 } :
					       (struct stoa_bytes){ v->p, v->len };
		break;
	}
}

/* All values of the batch equal, and none NULL? */
static bool is_constant(const struct array_source *s, size_t i)
{
	for (size_t k = 0; k < s->n; k++) {
		const struct stoa_value *a = cell(s, s->at, i), *b = cell(s, s->at + k, i);
		if (a->type == STOA_NULL || b->type == STOA_NULL || stoa__value_compare(a, b))
			return false;
	}
	return true;
}

static unsigned phys_of(unsigned type)
{
	switch (stoa__type_family(type)) {
	case STOA__INT: return STOA__PHYS_I64;
	case STOA__UINT: return STOA__PHYS_U64;
	case STOA__FLOAT: return STOA__PHYS_F64;
	default: return STOA__PHYS_BYTES;
	}
}

static int source_column(struct stoa__source *source, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct array_source *s = (struct array_source *)source;
	struct column *c = &s->columns[i];
	bool nulls = false;

	memset(out, 0, sizeof *out);
	out->type = s->types[i].type;
	out->scale = s->types[i].scale;
	out->phys = (uint8_t)phys_of(out->type);
	out->n = s->n;
	s->table->n_decoded++;
	if (out->type == STOA_STRING)
		STOA_TRY(make_dict(s, i, err));
	for (size_t k = 0; k < s->n; k++) {
		const struct stoa_value *v = cell(s, s->at + k, i);
		put(c, out->phys, k, v);
		c->codes[k] = out->type == STOA_STRING && v->type != STOA_NULL ? code_of(c, v) : 0;
		if (v->type == STOA_NULL)
			stoa__bit_clear(c->validity, k);
		else
			stoa__bit_set(c->validity, k);
		nulls |= v->type == STOA_NULL;
	}
	out->values = c->values;
	out->validity = nulls ? c->validity : NULL;
	if (is_constant(s, i)) {
		out->kind = STOA__VEC_CONST;
	} else if (out->type == STOA_STRING && c->n_dict) {
		out->kind = STOA__VEC_DICT;
		out->codes = c->codes;
		out->dict = c->dict;
		out->n_dict = c->n_dict;
		out->dict_id = c->dict_id;
		out->values = NULL;
	}
	return STOA_OK;
}

static bool has_short_cut(const struct array_source *s, size_t i)
{
	unsigned type = s->types[i].type;

	return s->table->short_cuts && type != STOA_BOOL && type != STOA_U64 &&
	       (phys_of(type) == STOA__PHYS_I64 || phys_of(type) == STOA__PHYS_U64);
}

static bool source_within(struct stoa__source *source, size_t i, int64_t lo, int64_t hi,
			  uint64_t *bits)
{
	struct array_source *s = (struct array_source *)source;

	for (size_t k = 0; has_short_cut(s, i) && k < s->n; k++) {
		const struct stoa_value *v = cell(s, s->at + k, i);
		if (v->type == STOA_NULL || v->i < lo || v->i > hi)
			stoa__bit_clear(bits, k);
	}
	return has_short_cut(s, i);
}

static bool source_pick(struct stoa__source *source, size_t i, const uint32_t *sel, size_t n,
			void *room, uint64_t *bits, struct stoa__vec *out)
{
	struct array_source *s = (struct array_source *)source;

	if (!has_short_cut(s, i))
		return false;
	*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = (uint8_t)phys_of(s->types[i].type),
				   .type = s->types[i].type, .scale = s->types[i].scale, .n = n };
	out->values = room;
	out->validity = bits;
	memset(bits, 0, STOA__WORDS(n) * sizeof *bits);
	for (size_t k = 0; k < n; k++) {
		const struct stoa_value *v = cell(s, s->at + sel[k], i);
		((int64_t *)room)[k] = v->type == STOA_NULL ? 0 : v->i;
		if (v->type != STOA_NULL)
			stoa__bit_set(bits, k);
	}
	return true;
}

static bool source_zone(struct stoa__source *source, size_t i, struct stoa__zone *out)
{
	struct array_source *s = (struct array_source *)source;
	size_t from = s->at + s->n;

	memset(out, 0, sizeof *out);
	if (from >= s->end || from % s->table->group_rows)
		return false;
	if (i == s->n_columns) {
		out->known = true;
		out->n_rows = (uint32_t)(group_end(s, from) - from);
		out->min = stoa_i64((int64_t)from + 1);
		out->max = stoa_i64((int64_t)group_end(s, from));
		return true;
	}
	for (size_t row = from; row < group_end(s, from); row++) {
		const struct stoa_value *v = cell(s, row, i);
		out->n_rows++;
		if (v->type == STOA_NULL) {
			out->n_null++;
			continue;
		}
		if (s->types[i].type == STOA_UUID || stoa__type_family(v->type) == STOA__BYTES)
			continue;
		if (stoa__type_family(v->type) == STOA__FLOAT && v->f != v->f) {
			out->has_nan = true;
			continue;
		}
		if (!out->known || stoa__value_compare(v, &out->min) < 0)
			out->min = *v;
		if (!out->known || stoa__value_compare(v, &out->max) > 0)
			out->max = *v;
		out->known = true;
	}
	out->exact = true;
	return true;
}

static void source_skip(struct stoa__source *source)
{
	struct array_source *s = (struct array_source *)source;

	s->at = group_end(s, s->at + s->n);
	s->n = 0;
	s->table->n_skipped++;
}

static uint64_t source_rows(struct stoa__source *source)
{
	return ((struct array_source *)source)->table->n_rows;
}

static uint64_t source_groups(struct stoa__source *source)
{
	const struct array_table *t = ((struct array_source *)source)->table;

	return (t->n_rows + t->group_rows - 1) / t->group_rows;
}

static int source_deal(struct stoa__source *source, uint64_t *place, struct stoa_error *err)
{
	struct array_source *s = (struct array_source *)source;

	(void)err;
	*place = atomic_fetch_add(&s->shared->next_group, 1);
	s->at = *place * s->table->group_rows;
	s->end = s->at < s->table->n_rows ? group_end(s, s->at) : s->at;
	s->n = 0;
	return s->end > s->at ? STOA_ROW : STOA_END;
}

static void source_close(struct stoa__source *source)
{
	struct array_source *s = (struct array_source *)source;

	s->table->n_open--;
	for (size_t i = 0; s->columns && i < s->n_columns; i++) {
		stoa__free(s->columns[i].values);
		stoa__free(s->columns[i].codes);
		stoa__free(s->columns[i].dict);
	}
	if (s->shared && atomic_fetch_sub(&s->shared->n_sources, 1) == 1)
		stoa__free(s->shared);
	stoa__free(s->columns);
	stoa__free(s->types);
	stoa__free(s);
}

static int open_columns(struct array_source *s, const uint32_t *slots, struct stoa_error *err)
{
	s->types = stoa__calloc(s->n_columns + 1, sizeof *s->types);
	s->columns = stoa__calloc(s->n_columns + 1, sizeof *s->columns);
	if (!s->types || !s->columns)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < s->n_columns; i++) {
		const struct stoa_slot *slot = &s->table->slots[slots[i]];
		s->types[i] = (struct stoa_column){ slot->name, slot->type, slot->precision,
						    slot->scale };
		s->columns[i].slot = slots[i];
		s->columns[i].values = stoa__alloc(STOA_BATCH_MAX * 16);
		s->columns[i].codes = stoa__alloc(STOA_BATCH_MAX * 4);
		if (!s->columns[i].values || !s->columns[i].codes)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

static int open_source(struct array_table *table, const uint32_t *slots, size_t n_slots,
		       struct stoa__source **out, struct stoa_error *err);

static int source_split(struct stoa__source *source, struct stoa__source **out,
			struct stoa_error *err)
{
	struct array_source *s = (struct array_source *)source;
	uint32_t slots[STOA_SLOTS_MAX];

	if (!s->shared) {
		s->shared = stoa__calloc(1, sizeof *s->shared);
		if (!s->shared)
			return stoa__fail_memory(err);
		s->shared->n_sources = 1;
		s->end = 0;
	}
	for (size_t i = 0; i < s->n_columns; i++)
		slots[i] = s->columns[i].slot;
	STOA_TRY(open_source(s->table, slots, s->n_columns, out, err));
	struct array_source *twin = (struct array_source *)*out;
	twin->shared = s->shared;
	twin->end = 0;
	s->shared->n_sources++;
	return STOA_OK;
}

static int open_source(struct array_table *table, const uint32_t *slots, size_t n_slots,
		       struct stoa__source **out, struct stoa_error *err)
{
	static const struct stoa__source_ops ops = {
		.columns = source_columns, .next = source_next, .column = source_column,
		.zone = source_zone, .skip_group = source_skip, .n_rows = source_rows,
		.close = source_close, .within = source_within, .pick = source_pick,
		.split = source_split, .deal = source_deal, .n_groups = source_groups,
	};
	struct array_source *s = stoa__calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return stoa__fail_memory(err);
	s->source.ops = &ops;
	s->table = table;
	s->n_columns = n_slots;
	s->end = table->n_rows;
	s->table->n_open++;
	int rc = open_columns(s, slots, err);
	if (rc < 0) {
		source_close(&s->source);
		return rc;
	}
	*out = &s->source;
	return STOA_OK;
}

static int tables_open(struct stoa__tables *tables, stoa_table table, const uint32_t *slots,
		       size_t n_slots, struct stoa__source **out, struct stoa_error *err)
{
	return open_source(&((struct array_tables *)tables)->items[table - 1], slots, n_slots, out,
			   err);
}

static int tables_find(struct stoa__tables *tables, const char *name, stoa_table *table,
		       struct stoa_table_info *info, struct stoa_error *err)
{
	struct array_tables *t = (struct array_tables *)tables;

	for (size_t i = 0; i < t->n; i++) {
		if (!stoa__name_equal(t->items[i].name, name))
			continue;
		*table = (stoa_table)i + 1;
		memset(info, 0, sizeof *info);
		info->name = t->items[i].name;
		info->slots = t->items[i].slots;
		info->n_slots = t->items[i].n_slots;
		info->n_rows = t->items[i].n_rows;
		return STOA_OK;
	}
	return stoa__fail(err, STOA_ENOTFOUND, "there is no table '%s'", name);
}

void array_tables_init(struct array_tables *t, struct array_table *items, size_t n)
{
	*t = (struct array_tables){ .tables = { .find = tables_find, .open = tables_open },
				    .items = items,
				    .n = n };
}

/* ---- printing ------------------------------------------------------------------------------- */

char *array_query(struct array_tables *t, const char *sql, const struct stoa_value *params,
		  uint32_t n_params, struct stoa_error *err)
{
	static unsigned turn;
	stoa_cursor *cur = NULL;
	stoa_stmt *stmt;
	char *text = NULL;

	memset(err, 0, sizeof *err);
	int rc = stoa__engine_prepare(&t->tables, sql, strlen(sql), &stmt, err);
	for (uint32_t i = 0; rc == STOA_OK && i < n_params; i++)
		rc = stoa_bind(stmt, i + 1, &params[i], err);
	if (rc == STOA_OK)
		rc = stoa__engine_execute(stmt, &t->tables, &cur, err);
	if (rc == STOA_OK)
		text = show_cursor(cur, turn++ % 2, &rc, err);
	stoa_stmt_free(stmt);
	err->code = rc < 0 ? rc : 0;
	return text;
}
