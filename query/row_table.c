/* SPDX-License-Identifier: MIT */
/* row_table.c - see row_table.h: read through a generator, as a source of the columns wanted */
#include "row_table.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "cursor_source.h"
#include "keys.h"

/* What a source has read of the table, which it holds. */
struct reader {
	struct stoa__row_table *table;
	size_t at;			/* the next row */
	size_t n_slots;
	uint32_t slots[];
};

static int next_row(void *ctx, struct stoa_value *out, struct stoa_error *err)
{
	struct reader *r = ctx;
	const struct stoa__relation *all = &r->table->relation;

	(void)err;
	if (r->at == all->n_rows)
		return STOA_END;
	for (size_t i = 0; i < r->n_slots; i++)
		out[i] = r->table->values[r->at * all->n_slots + r->slots[i]];
	r->at++;
	return STOA_ROW;
}

static void let_go(void *ctx)
{
	struct reader *r = ctx;

	stoa__relation_drop(&r->table->relation);
	stoa__free(r);
}

static int table_open(struct stoa__relation *relation, const uint32_t *slots, size_t n_slots,
		      struct stoa__source **out, struct stoa_error *err)
{
	struct stoa_column *columns = stoa__calloc(n_slots + 1, sizeof *columns);
	struct reader *r = stoa__calloc(1, sizeof *r + n_slots * sizeof r->slots[0]);
	stoa_cursor *cur;
	int rc;

	*out = NULL;
	if (!columns || !r) {
		stoa__free(columns);
		stoa__free(r);
		return stoa__fail_memory(err);
	}
	r->table = (struct stoa__row_table *)relation;
	r->n_slots = n_slots;
	stoa__relation_hold(relation);
	for (size_t i = 0; i < n_slots; i++) {
		const struct stoa_slot *s = &relation->slots[slots[i]];

		r->slots[i] = slots[i];
		columns[i] = (struct stoa_column){ s->name, s->type, s->precision, s->scale };
	}
	rc = stoa_cursor_generate(columns, n_slots, next_row, let_go, r, &cur, err);
	stoa__free(columns);
	return rc < 0 ? rc : stoa__cursor_source(cur, relation->n_rows, NULL, NULL, out, err);
}

static void table_free(struct stoa__relation *relation)
{
	struct stoa__row_table *t = (struct stoa__row_table *)relation;

	stoa__free(t->values);
	stoa__arena_release(&t->arena);
	stoa__free(t);
}

static int copy_slots(struct stoa__row_table *t, const struct stoa_slot *slots, size_t n,
		      struct stoa_error *err)
{
	t->slots = stoa__arena_array(&t->arena, n + 1, sizeof *t->slots);
	if (!t->slots)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++) {
		struct stoa_slot *s = &t->slots[i];

		*s = slots[i];
		s->type = stoa__type_is_ref(s->type) ? STOA_I64 : s->type;
		s->name = stoa__arena_copy(&t->arena, slots[i].name, strlen(slots[i].name));
		if (!s->name)
			return stoa__fail_memory(err);
	}
	t->relation.slots = t->slots;
	t->relation.n_slots = n;
	return STOA_OK;
}

int stoa__row_table_new(const struct stoa_slot *slots, size_t n_slots, struct stoa__row_table **out,
			struct stoa_error *err)
{
	static const struct stoa__relation_ops ops = { table_open, table_free };
	struct stoa__row_table *t = stoa__calloc(1, sizeof *t);
	int rc;

	*out = NULL;
	if (!t)
		return stoa__fail_memory(err);
	t->relation.ops = &ops;
	t->relation.n_users = 1;
	rc = copy_slots(t, slots, n_slots, err);
	if (rc < 0)
		stoa__relation_drop(&t->relation);
	else
		*out = t;
	return rc;
}

/* Bytes are copied; a reference is the number that it holds. */
static int copy_value(struct stoa__row_table *t, const struct stoa_value *v, struct stoa_value *out)
{
	*out = *v;
	if (v->type == STOA_NULL)
		return STOA_OK;
	if (stoa__type_is_ref(v->type))
		*out = stoa_i64((int64_t)v->u);
	else if (stoa__type_family(v->type) == STOA__BYTES)
		out->p = stoa__arena_copy(&t->arena, v->p ? v->p : "", v->len);
	return stoa__type_family(v->type) == STOA__BYTES && !out->p ? STOA_ENOMEM : STOA_OK;
}

int stoa__row_table_add(struct stoa__row_table *t, const struct stoa_value *row,
			struct stoa_error *err)
{
	uint32_t n = (uint32_t)t->relation.n_slots;
	void *values = t->values;

	if (n > UINT32_MAX - t->n_values ||
	    !stoa__grow(&values, &t->cap, t->n_values + n, sizeof *t->values))
		return stoa__fail_memory(err);
	t->values = values;
	for (uint32_t i = 0; i < n; i++)
		if (copy_value(t, &row[i], &t->values[t->n_values + i]) < 0)
			return stoa__fail_memory(err);
	t->n_values += n;
	t->relation.n_rows++;
	return STOA_OK;
}
