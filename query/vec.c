/* SPDX-License-Identifier: MIT */
/*
 * vec.c - what operators do with vectors, whatever their kind
 *
 * Validity always has a bit a row, for CONST vectors too; NULL rows' elements are harmless, and 0
 * in vectors of booleans.
 */
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/type.h"
#include "func.h"
#include "loops.h"
#include "prog.h"

size_t stoa__phys_width(unsigned phys)
{
	return phys == STOA__PHYS_BOOL ? 1 : phys == STOA__PHYS_BYTES ? 16 : 8;
}

unsigned stoa__prog_phys(unsigned type)
{
	if (type == STOA_BOOL)
		return STOA__PHYS_BOOL;
	if (type == STOA_NULL || type == STOA__TYPE_INTERVAL)
		return STOA__PHYS_I64;
	if (type >= STOA_U8 && type <= STOA_U32)
		return STOA__PHYS_I64;
	switch (stoa__type_family(type)) {
	case STOA__INT: return STOA__PHYS_I64;
	case STOA__UINT: return STOA__PHYS_U64;
	case STOA__FLOAT: return STOA__PHYS_F64;
	default: return STOA__PHYS_BYTES;
	}
}

static void bytes_of_bools(struct stoa__vec *v, uint8_t *out)
{
	bool spread = v->kind == STOA__VEC_CONST && v->validity;

	for (size_t k = 0; k < v->n; k++)
		out[k] = v->i64[v->kind == STOA__VEC_CONST ? 0 : k] != 0;
	for (size_t k = 0; v->validity && k < v->n; k++)
		out[k] &= stoa__bit_get(v->validity, k);
	if (spread)	/* NULL rows differ from the others */
		v->kind = STOA__VEC_FLAT;
	v->values = out;
	v->phys = STOA__PHYS_BOOL;
}

void stoa__vec_from_source(struct stoa__vec *v, uint8_t *bools)
{
	if (v->type == STOA_BOOL)
		bytes_of_bools(v, bools);
	else if (v->type >= STOA_U8 && v->type <= STOA_U32)
		v->phys = STOA__PHYS_I64;
}

void stoa__vec_put_datum(void *values, size_t i, unsigned phys, union stoa__datum d)
{
	size_t width = stoa__phys_width(phys);

	if (phys == STOA__PHYS_BOOL)
		((uint8_t *)values)[i] = d.i != 0;
	else
		memcpy((char *)values + i * width, &d, width);
}

void stoa__vec_put_value(void *values, size_t i, unsigned phys, const struct stoa_value *v)
{
	union stoa__datum d = { .s = { "", 0 } };

	if (v->type != STOA_NULL)
		d = stoa__value_datum(v);
	else if (phys != STOA__PHYS_BYTES)
		d.i = 0;
	stoa__vec_put_datum(values, i, phys, d);
}

struct stoa_value stoa__vec_value(const struct stoa__vec *v, size_t i)
{
	struct stoa__type t = { v->type, 0, v->scale, 0 };

	if (!stoa__bit_get(v->validity, i) || v->type == STOA_NULL)
		return stoa_null();
	return stoa__datum_value(t, stoa__vec_datum(v, i));
}

static void spread_const(const struct stoa__vec *v, void *room)
{
	if (v->phys == STOA__PHYS_BOOL) {
		memset(room, *(const uint8_t *)v->values, v->n);
	} else if (v->phys == STOA__PHYS_BYTES) {
		struct stoa_bytes *out = room;
		for (size_t i = 0; i < v->n; i++)
			out[i] = v->bytes[0];
	} else {
		uint64_t *out = room;
		for (size_t i = 0; i < v->n; i++)
			out[i] = v->u64[0];
	}
}

const void *stoa__vec_flat(const struct stoa__vec *v, void *room)
{
	if (v->kind == STOA__VEC_FLAT)
		return v->values;
	if (v->kind == STOA__VEC_DICT) {
		struct stoa_bytes *out = room;
		for (size_t i = 0; i < v->n; i++)
			out[i] = v->dict[v->codes[i]];
	} else {
		spread_const(v, room);
	}
	return room;
}

void stoa__vec_true(const struct stoa__vec *v, size_t n, uint8_t *out)
{
	if (v->type == STOA_NULL)
		memset(out, 0, n);
	else if (v->kind == STOA__VEC_CONST)
		memset(out, *(const uint8_t *)v->values, n);
	else
		memcpy(out, v->values, n);
	if (v->validity && v->kind == STOA__VEC_CONST)
		for (size_t i = 0; i < n; i++)
			out[i] &= stoa__bit_get(v->validity, i);
}

static void gather_bits(const uint64_t *w, const uint32_t *sel, size_t n, uint64_t *out)
{
	memset(out, 0, STOA__WORDS(n) * 8);
	for (size_t i = 0; i < n; i++)
		out[i / 64] |= (w[sel[i] / 64] >> (sel[i] % 64) & 1) << (i % 64);
}

static void gather_bytes(const struct stoa_bytes *a, const uint32_t *sel, size_t n,
			 struct stoa_bytes *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = a[sel[i]];
}

void stoa__vec_gather(const struct stoa__vec *v, const uint32_t *sel, size_t n, void *room,
		      uint64_t *bits, struct stoa__vec *out)
{
	const struct stoa__loops *loops = stoa__loops();

	*out = *v;
	out->n = n;
	if (v->validity) {
		gather_bits(v->validity, sel, n, bits);
		out->validity = bits;
	}
	if (v->kind == STOA__VEC_CONST)
		return;
	if (v->kind == STOA__VEC_DICT) {
		loops->gather_32(v->codes, sel, n, room);
		out->codes = room;
		return;
	}
	out->values = room;
	if (v->phys == STOA__PHYS_BOOL)
		loops->gather_8(v->values, sel, n, room);
	else if (v->phys == STOA__PHYS_BYTES)
		gather_bytes(v->bytes, sel, n, room);
	else
		loops->gather_64(v->u64, sel, n, room);
}
