/* SPDX-License-Identifier: MIT */
/*
 * type.c - see type.h
 *
 *     stoa                 Arrow out                    Arrow in
 *     bool, i8 .. u64      the same                     the same
 *     f32, f64             float, double                and half, as f32
 *     decimal(p, s)        decimal128(p, s)             of 32 to 256 bits; values must have 18 digits at most
 *     date                 date32                       date32
 *     time                 time64[us]                   any time; nanoseconds that are microseconds
 *     timestamp            timestamp[us]                any timestamp, and date64, in which writers put times
 *     uuid                 fixed 16, arrow.uuid         the same
 *     string               dictionary<i32, utf8>        any dictionary of utf8
 *     text                 utf8                         utf8, large utf8, utf8 view, null
 *     blob                 binary                       binary, large, view, fixed
 *     ref, weak ref        u64
 *
 * A timestamp in Arrow with a time zone is an instant, and is kept as UTC; one without is kept as
 * it is written. The formats are those of arrow.apache.org/docs/format/CDataInterface.html.
 */
#include "type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/error.h"
#include "../core/type.h"

/*
 * ---- formats of one or two letters ------------------------------------------------------------
 */

static const struct {
	const char *format;
	struct stoa__arrow_type type;
} plain[] = {
	{ "n", { .kind = STOA__ARROW_NULL } },
	{ "b", { .kind = STOA__ARROW_BOOL } },
	{ "c", { .kind = STOA__ARROW_INT, .width = 1, .is_signed = true } },
	{ "C", { .kind = STOA__ARROW_INT, .width = 1 } },
	{ "s", { .kind = STOA__ARROW_INT, .width = 2, .is_signed = true } },
	{ "S", { .kind = STOA__ARROW_INT, .width = 2 } },
	{ "i", { .kind = STOA__ARROW_INT, .width = 4, .is_signed = true } },
	{ "I", { .kind = STOA__ARROW_INT, .width = 4 } },
	{ "l", { .kind = STOA__ARROW_INT, .width = 8, .is_signed = true } },
	{ "L", { .kind = STOA__ARROW_INT, .width = 8 } },
	{ "e", { .kind = STOA__ARROW_FLOAT, .width = 2 } },
	{ "f", { .kind = STOA__ARROW_FLOAT, .width = 4 } },
	{ "g", { .kind = STOA__ARROW_FLOAT, .width = 8 } },
	{ "z", { .kind = STOA__ARROW_BYTES, .width = 4 } },
	{ "Z", { .kind = STOA__ARROW_BYTES, .width = 8 } },
	{ "u", { .kind = STOA__ARROW_BYTES, .width = 4, .utf8 = true } },
	{ "U", { .kind = STOA__ARROW_BYTES, .width = 8, .utf8 = true } },
	{ "vz", { .kind = STOA__ARROW_VIEW, .width = 16 } },
	{ "vu", { .kind = STOA__ARROW_VIEW, .width = 16, .utf8 = true } },
	{ "tdD", { .kind = STOA__ARROW_DATE, .width = 4, .unit = STOA__ARROW_DAY } },
	{ "tdm", { .kind = STOA__ARROW_DATE, .width = 8, .unit = STOA__ARROW_MILLI } },
	{ "tts", { .kind = STOA__ARROW_TIME, .width = 4, .unit = STOA__ARROW_SECOND } },
	{ "ttm", { .kind = STOA__ARROW_TIME, .width = 4, .unit = STOA__ARROW_MILLI } },
	{ "ttu", { .kind = STOA__ARROW_TIME, .width = 8, .unit = STOA__ARROW_MICRO } },
	{ "ttn", { .kind = STOA__ARROW_TIME, .width = 8, .unit = STOA__ARROW_NANO } },
};
#define N_PLAIN (sizeof plain / sizeof *plain)

static const char units[] = "smun";	/* of timestamps, by enum stoa__arrow_unit */

/* "d:12,2" or "d:12,2,64" */
static int parse_decimal(const char *s, struct stoa__arrow_type *out)
{
	char *end;
	long precision = strtol(s, &end, 10), scale, bits = 128;

	if (end == s || *end != ',')
		return STOA_EUNSUPPORTED;
	s = end + 1;
	scale = strtol(s, &end, 10);
	if (end == s)
		return STOA_EUNSUPPORTED;
	if (*end == ',') {
		s = end + 1;
		bits = strtol(s, &end, 10);
	}
	if (*end || end == s || precision < 1 || precision > 76 || scale < -76 || scale > 76 ||
	    (bits != 32 && bits != 64 && bits != 128 && bits != 256))
		return STOA_EUNSUPPORTED;
	*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_DECIMAL, .width = (uint32_t)bits / 8,
					  .precision = (int32_t)precision,
					  .scale = (int32_t)scale };
	return STOA_OK;
}

static int parse_fixed(const char *s, struct stoa__arrow_type *out)
{
	char *end;
	long width = strtol(s, &end, 10);

	if (end == s || *end || width < 0 || width > STOA_TEXT_MAX)
		return STOA_EUNSUPPORTED;
	*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_FIXED, .width = (uint32_t)width };
	return STOA_OK;
}

int stoa__arrow_type_parse(const char *format, struct stoa__arrow_type *out)
{
	const char *unit;

	for (size_t i = 0; i < N_PLAIN; i++) {
		if (strcmp(format, plain[i].format) != 0)
			continue;
		*out = plain[i].type;
		return STOA_OK;
	}
	if (!strncmp(format, "d:", 2))
		return parse_decimal(format + 2, out);
	if (!strncmp(format, "w:", 2))
		return parse_fixed(format + 2, out);
	if (strncmp(format, "ts", 2) || !format[2] || format[3] != ':')
		return STOA_EUNSUPPORTED;
	unit = strchr(units, format[2]);
	if (!unit)
		return STOA_EUNSUPPORTED;
	*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_TIMESTAMP, .width = 8,
					  .unit = (uint8_t)(unit - units) };
	return STOA_OK;
}

static bool same_type(const struct stoa__arrow_type *a, const struct stoa__arrow_type *b)
{
	return a->kind == b->kind && a->width == b->width && a->unit == b->unit &&
	       a->utf8 == b->utf8 && (a->kind != STOA__ARROW_INT || a->is_signed == b->is_signed);
}

void stoa__arrow_type_print(const struct stoa__arrow_type *t, char out[STOA__ARROW_FORMAT_MAX])
{
	for (size_t i = 0; i < N_PLAIN; i++)
		if (same_type(t, &plain[i].type))
			snprintf(out, STOA__ARROW_FORMAT_MAX, "%s", plain[i].format);
	if (t->kind == STOA__ARROW_FIXED)
		snprintf(out, STOA__ARROW_FORMAT_MAX, "w:%u", t->width);
	else if (t->kind == STOA__ARROW_TIMESTAMP)
		snprintf(out, STOA__ARROW_FORMAT_MAX, "ts%c:", units[t->unit & 3]);
	else if (t->kind == STOA__ARROW_DECIMAL && t->width == 16)
		snprintf(out, STOA__ARROW_FORMAT_MAX, "d:%d,%d", t->precision, t->scale);
	else if (t->kind == STOA__ARROW_DECIMAL)
		snprintf(out, STOA__ARROW_FORMAT_MAX, "d:%d,%d,%u", t->precision, t->scale,
			 t->width * 8);
}

const char *stoa__arrow_type_name(const char *format)
{
	static const struct {
		const char *prefix;
		const char *name;
	} names[] = {
		{ "+l", "a list" }, { "+L", "a list" }, { "+vl", "a list" }, { "+vL", "a list" },
		{ "+w", "a list" }, { "+s", "a struct" }, { "+m", "a map" }, { "+u", "a union" },
		{ "+r", "run-end encoded" }, { "tD", "a duration" }, { "ti", "an interval" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strncmp(format, names[i].prefix, strlen(names[i].prefix)))
			return names[i].name;
	return "of a type that stoa does not know";
}

int64_t stoa__arrow_n_buffers(const struct stoa__arrow_type *t)
{
	return t->kind == STOA__ARROW_NULL ? 0 : t->kind == STOA__ARROW_BYTES ? 3 : 2;
}

/*
 * ---- stoa's types -------------------------------------------------------------------------------
 */

static const char *const formats_out[] = {
	[STOA_NULL] = "n", [STOA_BOOL] = "b", [STOA_I8] = "c", [STOA_I16] = "s",
	[STOA_I32] = "i", [STOA_I64] = "l", [STOA_U8] = "C", [STOA_U16] = "S",
	[STOA_U32] = "I", [STOA_U64] = "L", [STOA_F32] = "f", [STOA_F64] = "g",
	[STOA_DECIMAL] = NULL, [STOA_DATE] = "tdD", [STOA_TIME] = "ttu", [STOA_TIMESTAMP] = "tsu:",
	[STOA_UUID] = "w:16", [STOA_STRING] = "u", [STOA_TEXT] = "u", [STOA_BLOB] = "z",
	[STOA_REF] = "L", [STOA_WEAK_REF] = "L",
};

void stoa__arrow_field_of(const struct stoa_column *c, bool plain_strings,
			  struct stoa__arrow_field *out)
{
	memset(out, 0, sizeof *out);
	out->name = c->name;
	if (c->type == STOA_DECIMAL)
		out->type = (struct stoa__arrow_type){
			.kind = STOA__ARROW_DECIMAL, .width = 16,
			.precision = c->precision ? c->precision : STOA_DECIMAL_PRECISION_MAX,
			.scale = c->scale };
	else
		(void)stoa__arrow_type_parse(formats_out[c->type], &out->type);
	out->uuid = c->type == STOA_UUID;
	out->dictionary = c->type == STOA_STRING && !plain_strings;
	(void)stoa__arrow_type_parse("i", &out->index);
}

static unsigned int_type(const struct stoa__arrow_type *t)
{
	switch (t->width) {
	case 1: return t->is_signed ? STOA_I8 : STOA_U8;
	case 2: return t->is_signed ? STOA_I16 : STOA_U16;
	case 4: return t->is_signed ? STOA_I32 : STOA_U32;
	default: return t->is_signed ? STOA_I64 : STOA_U64;
	}
}

/* The slot type that holds @f's values. */
static unsigned type_in(const struct stoa__arrow_field *f)
{
	switch ((enum stoa__arrow_kind)f->type.kind) {
	case STOA__ARROW_BOOL: return STOA_BOOL;
	case STOA__ARROW_INT: return int_type(&f->type);
	case STOA__ARROW_FLOAT: return f->type.width == 8 ? STOA_F64 : STOA_F32;
	case STOA__ARROW_DECIMAL: return STOA_DECIMAL;
	case STOA__ARROW_BYTES:
	case STOA__ARROW_VIEW:
		return !f->type.utf8 ? STOA_BLOB : f->dictionary ? STOA_STRING : STOA_TEXT;
	case STOA__ARROW_FIXED: return f->uuid && f->type.width == 16 ? STOA_UUID : STOA_BLOB;
	case STOA__ARROW_DATE:
		return f->type.unit == STOA__ARROW_DAY ? STOA_DATE : STOA_TIMESTAMP;
	case STOA__ARROW_TIME: return STOA_TIME;
	case STOA__ARROW_TIMESTAMP: return STOA_TIMESTAMP;
	case STOA__ARROW_NULL: break;
	}
	return STOA_TEXT;
}

int stoa__arrow_column_of(const struct stoa__arrow_field *f, struct stoa_column *out,
			  struct stoa_error *err)
{
	int32_t precision = f->type.precision, scale = f->type.scale;

	*out = (struct stoa_column){ f->name, (uint8_t)type_in(f), 0, 0 };
	if (f->type.kind != STOA__ARROW_DECIMAL)
		return STOA_OK;
	if (scale < 0 || scale > STOA_DECIMAL_PRECISION_MAX)
		return stoa__fail(err, STOA_EUNSUPPORTED,
				  "column \"%.*s\" is a decimal with scale %d: stoa has 0 to %d",
				  STOA_NAME_MAX, f->name, scale, STOA_DECIMAL_PRECISION_MAX);
	out->scale = (uint8_t)scale;
	out->precision = (uint8_t)(precision < STOA_DECIMAL_PRECISION_MAX ?
					   precision : STOA_DECIMAL_PRECISION_MAX);
	if (out->precision < out->scale)
		out->precision = out->scale;
	return STOA_OK;
}
