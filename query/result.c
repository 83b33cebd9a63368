/* SPDX-License-Identifier: MIT */
/*
 * result.c - vectors of the engine as arrays of the public API
 *
 * The engine counts in 64 bits; a slot of i32 has arrays of int32_t. Elements that are as they
 * should be are handed out in place, which needs no NULL among them: for the public promise is
 * that a NULL's element is zero.
 */
#include "result.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "prog.h"

#define NARROW(T, field)                                                   \
	do {                                                               \
		T *to_ = out;                                              \
		for (size_t i = 0; i < n; i++)                             \
			to_[i] = (T)v->field[constant ? 0 : i];            \
	} while (0)

static void narrow_bytes(const struct stoa__vec *v, size_t n, unsigned type, void *out)
{
	bool constant = v->kind == STOA__VEC_CONST;

	for (size_t i = 0; i < n; i++) {
		struct stoa_bytes b = v->kind == STOA__VEC_DICT ? v->dict[v->codes[i]] :
								  v->bytes[constant ? 0 : i];
		if (type != STOA_UUID)
			((struct stoa_bytes *)out)[i] = b;
		else if (b.len == 16)
			memcpy((char *)out + 16 * i, b.p, 16);
		else
			memset((char *)out + 16 * i, 0, 16);
	}
}

static void narrow(const struct stoa__vec *v, size_t n, unsigned type, void *out)
{
	bool constant = v->kind == STOA__VEC_CONST;

	switch (type) {
	case STOA_BOOL:
		for (size_t i = 0; i < n; i++)
			((uint8_t *)out)[i] = ((const uint8_t *)v->values)[constant ? 0 : i];
		break;
	case STOA_I8:
	case STOA_U8: NARROW(int8_t, i64); break;
	case STOA_I16:
	case STOA_U16: NARROW(int16_t, i64); break;
	case STOA_I32:
	case STOA_U32:
	case STOA_DATE: NARROW(int32_t, i64); break;
	case STOA_F32: NARROW(float, f64); break;
	case STOA_UUID:
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB: narrow_bytes(v, n, type, out); break;
	default: NARROW(uint64_t, u64); break;
	}
}

static bool is_wide(unsigned type)
{
	return type == STOA_I64 || type == STOA_U64 || type == STOA_F64 || type == STOA_DECIMAL ||
	       type == STOA_TIME || type == STOA_TIMESTAMP || type == STOA_STRING ||
	       type == STOA_TEXT || type == STOA_BLOB || type == STOA_BOOL;
}

static void zero_nulls(const uint64_t *validity, size_t n, size_t width, char *out)
{
	for (size_t i = 0; i < n; i++)
		if (!stoa__bit_get(validity, i))
			memset(out + i * width, 0, width);
}

int stoa__result_array(struct stoa__result_column *c, const struct stoa__vec *v, size_t n,
		       unsigned type, struct stoa_array *out, struct stoa_error *err)
{
	size_t width = stoa__type_width(type);
	bool nulls = v->validity && stoa__bitmap_count(v->validity, 0, n) != n;
	void *room = c->lent;

	c->vec = *v;
	out->type = (uint8_t)type;
	out->scale = v->scale;
	out->validity = nulls ? v->validity : NULL;
	out->values = v->values;
	if (v->kind == STOA__VEC_FLAT && is_wide(type) && !nulls)
		return STOA_OK;
	if (!c->room && !room)
		c->room = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	if (!room)
		room = c->room;
	if (!room)
		return stoa__fail_memory(err);
	narrow(v, n, type, room);
	if (nulls)
		zero_nulls(v->validity, n, width, room);
	out->values = room;
	return STOA_OK;
}

void stoa__result_release(struct stoa__result_column *c)
{
	stoa__free(c->room);
	c->room = NULL;
}
