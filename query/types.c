/* SPDX-License-Identifier: MIT */
/*
 * types.c - what types are called in SQL, and which type two of them share
 *
 *     i8 .. i64, u8 .. u32 -> i64 -> decimal -> f64        u64 -> i64 with a check, or f64
 *     string -> text      date -> timestamp      NULL -> anything
 *
 * PostgreSQL's lattice, with one integer width in expressions: 64 bits.
 */
#include <string.h>
#include <strings.h>

#include "../lib/core/type.h"
#include "bound.h"

bool stoa__type_is_int(unsigned type)
{
	return (type >= STOA_I8 && type <= STOA_U32);
}

bool stoa__type_is_number(unsigned type)
{
	return type >= STOA_I8 && type <= STOA_DECIMAL;
}

bool stoa__type_is_text(unsigned type)
{
	return type == STOA_STRING || type == STOA_TEXT;
}

const char *stoa__type_text(unsigned type)
{
	if (stoa__type_is_int(type))
		return "integer";
	if (stoa__type_is_text(type))
		return "text";
	if (type == STOA__TYPE_INTERVAL)
		return "interval";
	if (type == STOA_NULL)
		return "NULL";
	return stoa_type_name((enum stoa_type)type);
}

struct stoa__type stoa__type_normal(struct stoa__type t)
{
	if (stoa__type_is_int(t.type))
		return (struct stoa__type){ STOA_I64, 0, 0, t.target };
	if (t.type == STOA_F32)
		return stoa__type_plain(STOA_F64);
	if (t.type == STOA_STRING)
		return stoa__type_plain(STOA_TEXT);
	return t;
}

static bool common_number(struct stoa__type a, struct stoa__type b, struct stoa__type *out)
{
	if (a.type == STOA_F64 || b.type == STOA_F64)
		*out = stoa__type_plain(STOA_F64);
	else if (a.type == STOA_DECIMAL || b.type == STOA_DECIMAL)
		*out = stoa__type_decimal(a.scale > b.scale ? a.scale : b.scale);
	else
		*out = stoa__type_plain(STOA_I64);
	return true;
}

bool stoa__type_common(struct stoa__type a, struct stoa__type b, struct stoa__type *out)
{
	a = stoa__type_normal(a);
	b = stoa__type_normal(b);
	if (a.type == STOA_NULL || b.type == STOA_NULL) {
		*out = a.type == STOA_NULL ? b : a;
		return true;
	}
	if (a.type == b.type && a.type != STOA_DECIMAL) {
		*out = a;
		out->target = a.target == b.target ? a.target : 0;
		return true;
	}
	if (stoa__type_is_number(a.type) && stoa__type_is_number(b.type))
		return common_number(a, b, out);
	if ((a.type == STOA_DATE && b.type == STOA_TIMESTAMP) ||
	    (a.type == STOA_TIMESTAMP && b.type == STOA_DATE)) {
		*out = stoa__type_plain(STOA_TIMESTAMP);
		return true;
	}
	return false;
}

static const struct {
	const char *name;
	uint8_t type;
} type_names[] = {
	{ "bool", STOA_BOOL },	       { "boolean", STOA_BOOL },
	{ "i8", STOA_I8 },	       { "tinyint", STOA_I8 },
	{ "i16", STOA_I16 },	       { "smallint", STOA_I16 },
	{ "int2", STOA_I16 },	       { "i32", STOA_I32 },
	{ "int", STOA_I32 },	       { "integer", STOA_I32 },
	{ "int4", STOA_I32 },	       { "i64", STOA_I64 },
	{ "bigint", STOA_I64 },	       { "int8", STOA_I64 },
	{ "u8", STOA_U8 },	       { "u16", STOA_U16 },
	{ "u32", STOA_U32 },	       { "u64", STOA_U64 },
	{ "f32", STOA_F32 },	       { "real", STOA_F32 },
	{ "float4", STOA_F32 },	       { "f64", STOA_F64 },
	{ "double", STOA_F64 },	       { "float", STOA_F64 },
	{ "float8", STOA_F64 },	       { "decimal", STOA_DECIMAL },
	{ "numeric", STOA_DECIMAL },   { "dec", STOA_DECIMAL },
	{ "date", STOA_DATE },	       { "time", STOA_TIME },
	{ "timestamp", STOA_TIMESTAMP }, { "uuid", STOA_UUID },
	{ "string", STOA_TEXT },       { "text", STOA_TEXT },
	{ "varchar", STOA_TEXT },      { "character", STOA_TEXT },
	{ "char", STOA_TEXT },	       { "blob", STOA_BLOB },
	{ "bytea", STOA_BLOB },
};

static bool decimal_arguments(int n_args, const uint32_t *args, struct stoa__type *out)
{
	if (n_args == 0) {
		*out = (struct stoa__type){ STOA_DECIMAL, STOA_DECIMAL_PRECISION_MAX, 6, 0 };
		return true;
	}
	uint32_t scale = n_args > 1 ? args[1] : 0;
	if (args[0] < 1 || args[0] > STOA_DECIMAL_PRECISION_MAX || scale > args[0])
		return false;
	*out = (struct stoa__type){ STOA_DECIMAL, (uint8_t)args[0], (uint8_t)scale, 0 };
	return true;
}

struct stoa__type stoa__type_of_slot(const struct stoa_slot *slot)
{
	if (stoa__type_is_ref(slot->type))
		return (struct stoa__type){ STOA_I64, 0, 0, slot->target };
	return (struct stoa__type){ slot->type, slot->precision, slot->scale, 0 };
}

struct stoa__type stoa__type_of_value(const struct stoa_value *v)
{
	return stoa__type_normal(v->type == STOA_DECIMAL ? stoa__type_decimal(v->scale) :
							   stoa__type_plain(v->type));
}

const char *stoa__type_hint(const char *p, size_t len, int n_args)
{
	struct stoa__type type;

	if (!n_args)
		return "";
	if (stoa__type_named(p, len, 0, NULL, &type) && stoa__type_is_text(type.type))
		return " with a length: strings are as long as they come";
	return " with such arguments";
}

bool stoa__type_named(const char *p, size_t len, int n_args, const uint32_t *args,
		      struct stoa__type *out)
{
	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
		if (strlen(type_names[i].name) != len || strncasecmp(p, type_names[i].name, len))
			continue;
		*out = stoa__type_plain(type_names[i].type);
		if (out->type == STOA_DECIMAL)
			return decimal_arguments(n_args, args, out);
		/* varchar(10) would cut or refuse: neither is what a store of strings does. */
		return n_args == 0;
	}
	return false;
}
