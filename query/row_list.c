/* SPDX-License-Identifier: MIT */
/*
 * row_list.c - conditions that name rows: the scan then goes to them instead of looking for them
 *
 * rowid = 5, rowid IN (5, 7) and rowid BETWEEN 5 AND 9 mean a short list of rowids, ascending and
 * without repetition. So does a = 5 AND b IN ('x', 'y') where the source has an index on a and b.
 * The conditions stay where they are: a list may only leave out what they would reject.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "op.h"
#include "plan.h"

#define LIST_MAX STOA__BATCH_ROWS	/* longer ranges are scanned, and skip by zone maps */

static bool is_rowid(const struct stoa__bound *b, size_t rowid)
{
	return b->n_args && b->args[0]->kind == STOA__BOUND_COLUMN && b->args[0]->index == rowid;
}

static struct stoa__row_list *list_new(struct stoa__arena *arena, size_t n, stoa_rowid **room)
{
	struct stoa__row_list *list = stoa__arena_zalloc(arena, sizeof *list);

	*room = stoa__arena_array(arena, n, sizeof **room);
	if (!list || !*room)
		return NULL;
	list->p = *room;
	return list;
}

static int of_range(struct stoa__arena *arena, int64_t lo, int64_t hi, struct stoa__row_list **out)
{
	stoa_rowid *p;
	size_t n;

	lo = lo < 1 ? 1 : lo;
	n = hi < lo ? 0 : (size_t)(hi - lo) + 1;
	*out = list_new(arena, n, &p);
	if (!*out)
		return STOA_ENOMEM;
	for (size_t i = 0; i < n; i++)
		p[(*out)->n++] = (stoa_rowid)lo + i;
	return STOA_OK;
}

/* The constants of IN are sorted. */
static int of_in(struct stoa__arena *arena, const struct stoa__bound *b, struct stoa__row_list **out)
{
	stoa_rowid *p;

	*out = list_new(arena, b->n_args, &p);
	if (!*out)
		return STOA_ENOMEM;
	for (uint32_t i = 1; i < b->n_args; i++) {
		int64_t x = b->args[i]->value.i;
		if (x >= 1 && (i == 1 || x != b->args[i - 1]->value.i))
			p[(*out)->n++] = (stoa_rowid)x;
	}
	return STOA_OK;
}

static bool is_short(const struct stoa__bound *b)
{
	uint64_t width = (uint64_t)b->hi - (uint64_t)b->lo;

	return b->code == STOA__CODE_RANGE && (b->hi < b->lo || width < LIST_MAX);
}

static bool is_list(const struct stoa__bound *b)
{
	if (b->kind != STOA__BOUND_IN || b->negated)
		return false;
	for (uint32_t i = 1; i < b->n_args; i++)
		if (b->args[i]->value.type != STOA_I64)
			return false;
	return true;
}

/* The condition that names rows; NULL: none does. */
static const struct stoa__bound *naming(struct stoa__bound *const *where, size_t n, size_t rowid)
{
	for (size_t i = 0; rowid < SIZE_MAX && i < n; i++)
		if (is_rowid(where[i], rowid) &&
		    ((where[i]->kind == STOA__BOUND_OP && is_short(where[i])) || is_list(where[i])))
			return where[i];
	return NULL;
}

bool stoa__row_list_possible(struct stoa__bound *const *where, size_t n_where, size_t rowid)
{
	return naming(where, n_where, rowid) != NULL;
}

int stoa__row_list_of(struct stoa__bound *const *where, size_t n_where, size_t rowid,
		      struct stoa__arena *arena, struct stoa__row_list **out)
{
	const struct stoa__bound *b = naming(where, n_where, rowid);

	*out = NULL;
	if (!b)
		return STOA_OK;
	return b->kind == STOA__BOUND_IN ? of_in(arena, b, out) : of_range(arena, b->lo, b->hi, out);
}

/* Does @b say that a column is one of some constants? Then the column, and how many they are. */
static bool is_equality(const struct stoa__bound *b, uint32_t *column, size_t *n)
{
	bool shaped = b->n_args && b->args[0]->kind == STOA__BOUND_COLUMN && !b->args[0]->depth;

	if (!shaped)
		return false;
	*column = b->args[0]->index;
	*n = 1;
	if (b->kind == STOA__BOUND_IN) {
		*n = b->n_args - 1;
		return !b->negated && *n;
	}
	if (b->kind != STOA__BOUND_OP)
		return false;
	if (b->code == STOA__CODE_RANGE)
		return b->lo == b->hi;
	return b->code == STOA__CODE_COMPARE && b->op == STOA__OP_EQ &&
	       b->args[1]->kind == STOA__BOUND_CONST && b->args[1]->value.type != STOA_NULL;
}

/* The constants of an equality. Those of a range lie as the column stores its integers. */
static void equality_values(const struct stoa__bound *b, struct stoa_value *out)
{
	if (b->kind == STOA__BOUND_IN) {
		for (uint32_t i = 1; i < b->n_args; i++)
			out[i - 1] = b->args[i]->value;
	} else if (b->code == STOA__CODE_COMPARE) {
		out[0] = b->args[1]->value;
	} else {
		out[0] = stoa_i64(b->lo);
		out[0].type = b->args[0]->type.type;
		out[0].scale = b->args[0]->type.scale;
	}
}

int stoa__row_list_by_key(const struct stoa__node *node, struct stoa__source *source,
			  struct stoa__arena *arena, struct stoa__row_list **out,
			  struct stoa_error *err)
{
	struct stoa__equal *equal = stoa__arena_array(arena, node->n_exprs + 1, sizeof *equal);
	struct stoa__row_list found;
	stoa_rowid *room;
	size_t n = 0;
	int rc;

	*out = NULL;
	if (!equal)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < node->n_exprs && source->ops->find; i++) {
		struct stoa_value *values;
		uint32_t column;
		size_t n_values;

		if (!is_equality(node->exprs[i], &column, &n_values) ||
		    node->slots[column] == STOA__SLOT_ROWID)
			continue;
		values = stoa__arena_array(arena, n_values, sizeof *values);
		if (!values)
			return stoa__fail_memory(err);
		equality_values(node->exprs[i], values);
		equal[n++] = (struct stoa__equal){ node->slots[column], n_values, values };
	}
	rc = n ? source->ops->find(source, equal, n, &found, err) : STOA_END;
	if (rc != STOA_ROW)
		return rc < 0 ? rc : STOA_OK;
	*out = list_new(arena, found.n, &room);
	for (size_t i = 0; *out && i < found.n; i++)
		room[(*out)->n++] = found.p[i];
	if (*out)
		(*out)->index = stoa__arena_copy(arena, found.index, strlen(found.index) + 1);
	stoa__free((void *)(uintptr_t)found.p);
	return *out && (*out)->index ? STOA_OK : stoa__fail_memory(err);
}
