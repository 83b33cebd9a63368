/* SPDX-License-Identifier: MIT */
/*
 * decode.c - see decode.h
 *
 * Three steps for each column of a batch: which rows have a value; the values, by kind; the
 * promise of a batch kept, that a NULL's element is zero and every other is in its type's range.
 *
 * (1) Nothing is read through a value that is NULL: codes, offsets and views of NULLs may be
 *     anything.
 * (2) Arrow's buffers need not be aligned, nor padded to words: bits are read byte by byte, and
 *     elements that are not aligned are copied.
 */
#include "decode.h"

#include <inttypes.h>
#include <string.h>

#include "../core/alloc.h"
#include "../core/bitmap.h"
#include "../core/buf.h"
#include "../core/error.h"
#include "../core/limits.h"
#include "../core/type.h"
#include "array.h"

int stoa__arrow_decoder_init(struct stoa__arrow_decoder *d, const struct stoa__arrow_field *field,
			     const struct stoa_column *column)
{
	d->field = *field;
	d->column = *column;
	d->room = stoa__alloc_aligned(STOA_BATCH_MAX * stoa__type_width(column->type));
	d->validity = stoa__alloc_aligned(STOA__WORDS(STOA_BATCH_MAX) * 8);
	return d->room && d->validity ? STOA_OK : STOA_ENOMEM;
}

void stoa__arrow_decoder_release(struct stoa__arrow_decoder *d)
{
	stoa__free(d->room);
	stoa__free(d->validity);
	d->room = d->validity = NULL;
}

/* ---- shape ----------------------------------------------------------------------------------- */

static int unsound(const struct stoa__arrow_decoder *d, const char *what, struct stoa_error *err)
{
	return stoa__fail(err, STOA_ECORRUPT, "Arrow column \"%.*s\": %s", STOA_NAME_MAX,
			  d->field.name, what);
}

static int check_shape(const struct stoa__arrow_decoder *d, const struct stoa__arrow_type *t,
		       const struct ArrowArray *a, int64_t length, struct stoa_error *err)
{
	int64_t n = stoa__arrow_n_buffers(t);
	bool view = t->kind == STOA__ARROW_VIEW;

	if (a->offset < 0 || a->length < 0 || a->length < length || a->length > INT64_MAX / 64 - a->offset)
		return unsound(d, "it has fewer rows than its batch", err);
	if (view ? a->n_buffers < 3 : a->n_buffers < n)
		return unsound(d, "buffers are missing", err);
	if (n && (!a->buffers || (!a->buffers[1] && length)))
		return unsound(d, "its values are missing", err);
	if (view && a->n_buffers > 3 && !a->buffers[a->n_buffers - 1])
		return unsound(d, "the sizes of its buffers are missing", err);
	return STOA_OK;
}

int stoa__arrow_decoder_check(const struct stoa__arrow_decoder *d, const struct ArrowArray *a,
			      int64_t length, struct stoa_error *err)
{
	if (!d->field.dictionary)
		return check_shape(d, &d->field.type, a, length, err);
	STOA_TRY(check_shape(d, &d->field.index, a, length, err));
	if (!a->dictionary || !a->dictionary->release)
		return unsound(d, "its dictionary is missing", err);
	return check_shape(d, &d->field.type, a->dictionary, a->dictionary->length, err);
}

/* ---- NULLs ----------------------------------------------------------------------------------- */

/* Bits [from, from + n) of @in to the first of @out, those behind them in the last word 0. */
static void copy_bits(uint64_t *out, const uint8_t *in, int64_t from, size_t n)
{
	memset(out, 0, STOA__WORDS(n) * sizeof *out);
	if (from % 8 == 0) {
		memcpy(out, in + from / 8, (n + 7) / 8);
		if (n % 64)
			out[n / 64] &= ((uint64_t)1 << (n % 64)) - 1;
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i / 64] |= (uint64_t)stoa__arrow_bit(in, from + (int64_t)i) << (i % 64);
}

/* Which of the rows have a value: NULL for all. */
static const uint64_t *read_validity(struct stoa__arrow_decoder *d, const struct ArrowArray *a,
				     int64_t at, size_t n)
{
	if (a->null_count == 0 || a->n_buffers < 1 || !a->buffers[0])
		return NULL;
	copy_bits(d->validity, a->buffers[0], a->offset + at, n);
	return stoa__bitmap_count(d->validity, 0, n) == n ? NULL : d->validity;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int too_long(const struct stoa__arrow_decoder *d, int64_t len, struct stoa_error *err)
{
	return stoa__fail(err, STOA_ERANGE,
			  "Arrow column \"%.*s\": a value of %" PRId64 " bytes, where %s has at most %d",
			  STOA_NAME_MAX, d->field.name, len, stoa_type_name(d->column.type),
			  d->column.type == STOA_STRING ? STOA_STRING_MAX : STOA_TEXT_MAX);
}

static int value_at(const struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t i,
		    struct stoa_bytes *out, struct stoa_error *err)
{
	uint32_t width = d->field.type.width;
	int64_t from = stoa__arrow_offset(a->buffers[1], width, i);
	int64_t to = stoa__arrow_offset(a->buffers[1], width, i + 1);

	if (from < 0 || to < from || (to > from && !a->buffers[2]))
		return unsound(d, "its offsets are out of order", err);
	if (to - from > STOA_TEXT_MAX)
		return too_long(d, to - from, err);
	*out = (struct stoa_bytes){ to > from ? (const char *)a->buffers[2] + from : "",
				    (uint32_t)(to - from) };
	return STOA_OK;
}

/* { length, bytes } up to 12 of them; else { length, prefix, buffer, offset }. */
static int view_at(const struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t i,
		   struct stoa_bytes *out, struct stoa_error *err)
{
	const char *view = (const char *)a->buffers[1] + 16 * i;
	int32_t len, buffer, offset;
	int64_t n_variadic = a->n_buffers - 3, size;

	memcpy(&len, view, 4);
	if (len < 0)
		return unsound(d, "a view has a negative length", err);
	*out = (struct stoa_bytes){ view + 4, (uint32_t)len };
	if (len <= 12)
		return STOA_OK;
	memcpy(&buffer, view + 8, 4);
	memcpy(&offset, view + 12, 4);
	if (buffer < 0 || buffer >= n_variadic || offset < 0)
		return unsound(d, "a view points nowhere", err);
	memcpy(&size, (const char *)a->buffers[a->n_buffers - 1] + 8 * (int64_t)buffer, 8);
	if (size < len || offset > size - len || !a->buffers[2 + buffer])
		return unsound(d, "a view points past its buffer", err);
	if (len > STOA_TEXT_MAX)
		return too_long(d, len, err);
	out->p = (const char *)a->buffers[2 + buffer] + offset;
	return STOA_OK;
}

static int bytes_at(const struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t i,
		    struct stoa_bytes *out, struct stoa_error *err)
{
	i += a->offset;
	if (d->field.type.kind == STOA__ARROW_VIEW)
		STOA_TRY(view_at(d, a, i, out, err));
	else if (d->field.type.kind == STOA__ARROW_FIXED)
		*out = (struct stoa_bytes){ (const char *)a->buffers[1] + i * d->field.type.width,
					    d->field.type.width };
	else
		STOA_TRY(value_at(d, a, i, out, err));
	if (d->column.type == STOA_STRING && out->len > STOA_STRING_MAX)
		return too_long(d, out->len, err);
	if (d->field.type.utf8 && !stoa__utf8_valid(out->p, out->len))
		return unsound(d, "a string is not UTF-8", err);
	return STOA_OK;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static float half(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, bits = h & 1023;
	float f;

	if (!exponent) {	/* zero, or subnormal: bits times 2^-24 */
		f = (float)bits / 16777216.0f;
		return sign ? -f : f;
	}
	bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | bits << 13;
	memcpy(&f, &bits, sizeof f);
	return f;
}

/* Little-endian, of @width bytes: false if it is more than 64 bits. */
static bool integer_of(const uint8_t *p, uint32_t width, int64_t *out)
{
	int32_t narrow;

	if (width == 4) {
		memcpy(&narrow, p, 4);
		*out = narrow;
		return true;
	}
	memcpy(out, p, 8);
	for (uint32_t i = 8; i < width; i++)
		if (p[i] != (*out < 0 ? 0xff : 0))
			return false;
	return true;
}

/* Of a unit to microseconds: false if it overflows, or nanoseconds would be lost. */
static bool to_micros(int64_t x, unsigned unit, int64_t *out)
{
	static const int64_t factors[] = { 1000000, 1000, 1 };

	if (unit != STOA__ARROW_NANO)
		return !__builtin_mul_overflow(x, factors[unit], out);
	*out = x / 1000;
	return x % 1000 == 0;
}

static int no_fit(const struct stoa__arrow_decoder *d, int64_t row, struct stoa_error *err)
{
	const char *why = d->field.type.unit == STOA__ARROW_NANO ?
				  " (stoa keeps microseconds: cast nanoseconds first)" : "";

	return stoa__fail(err, STOA_ERANGE,
			  "Arrow column \"%.*s\", row %" PRId64 " of its batch: the value does not fit %s%s",
			  STOA_NAME_MAX, d->field.name, row + 1, stoa_type_name(d->column.type), why);
}

/* One element, converted. */
static bool element(const struct stoa__arrow_type *t, const uint8_t *p, int64_t *out)
{
	int64_t x;

	if (!integer_of(p, t->width, &x))
		return false;
	*out = x;
	return t->kind == STOA__ARROW_DECIMAL || to_micros(x, t->unit, out);
}

static int read_elements(struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t at,
			 size_t n, const uint64_t *validity, struct stoa_error *err)
{
	const struct stoa__arrow_type *t = &d->field.type;
	const uint8_t *in = (const uint8_t *)a->buffers[1] + (a->offset + at) * t->width;
	int64_t *out = d->room;

	for (size_t i = 0; i < n; i++) {
		out[i] = 0;
		if (stoa__bit_get(validity, i) && !element(t, in + i * t->width, &out[i]))
			return no_fit(d, at + (int64_t)i, err);
	}
	return STOA_OK;
}

/* ---- a column -------------------------------------------------------------------------------- */

/* Does it lie in Arrow as in a batch? */
static bool same_layout(const struct stoa__arrow_decoder *d)
{
	const struct stoa__arrow_type *t = &d->field.type;

	switch ((enum stoa__arrow_kind)t->kind) {
	case STOA__ARROW_INT: return true;
	case STOA__ARROW_FLOAT: return t->width != 2;
	case STOA__ARROW_FIXED: return d->column.type == STOA_UUID;
	case STOA__ARROW_DATE: return t->unit == STOA__ARROW_DAY;
	case STOA__ARROW_TIME:
	case STOA__ARROW_TIMESTAMP: return t->unit == STOA__ARROW_MICRO;
	case STOA__ARROW_DECIMAL: return t->width == 8;
	default: return false;
	}
}

static const void *in_place(struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t at,
			    size_t n, const uint64_t *validity)
{
	size_t width = stoa__type_width(d->column.type);
	const char *p = (const char *)a->buffers[1] + (a->offset + at) * (int64_t)width;
	char *out = d->room;

	if (!validity && (uintptr_t)p % (width > 8 ? 8 : width) == 0)
		return p;
	memcpy(out, p, n * width);
	for (size_t i = 0; validity && i < n; i++)
		if (!stoa__bit_get(validity, i))
			memset(out + i * width, 0, width);
	return out;
}

static int read_bytes(struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t at,
		      size_t n, const uint64_t *validity, struct stoa_error *err)
{
	struct stoa_bytes *out = d->room;

	for (size_t i = 0; i < n; i++) {
		out[i] = (struct stoa_bytes){ "", 0 };
		if (stoa__bit_get(validity, i))
			STOA_TRY(bytes_at(d, a, at + (int64_t)i, &out[i], err));
	}
	return STOA_OK;
}

static int read_values(struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t at,
		       size_t n, const uint64_t *validity, const void **values,
		       struct stoa_error *err)
{
	const uint16_t *halves = d->field.type.kind == STOA__ARROW_FLOAT ? a->buffers[1] : NULL;

	*values = d->room;
	if (same_layout(d)) {
		*values = in_place(d, a, at, n, validity);
		return STOA_OK;
	}
	switch ((enum stoa__arrow_kind)d->field.type.kind) {
	case STOA__ARROW_NULL:
		memset(d->room, 0, n * stoa__type_width(d->column.type));
		return STOA_OK;
	case STOA__ARROW_BOOL:
		for (size_t i = 0; i < n; i++)
			((uint8_t *)d->room)[i] = stoa__bit_get(validity, i) &&
						  stoa__arrow_bit(a->buffers[1], a->offset + at + (int64_t)i);
		return STOA_OK;
	case STOA__ARROW_FLOAT:
		for (size_t i = 0; i < n; i++) {
			uint16_t h;
			memcpy(&h, halves + a->offset + at + (int64_t)i, sizeof h);
			((float *)d->room)[i] = stoa__bit_get(validity, i) ? half(h) : 0;
		}
		return STOA_OK;
	case STOA__ARROW_BYTES:
	case STOA__ARROW_VIEW:
	case STOA__ARROW_FIXED:
		return read_bytes(d, a, at, n, validity, err);
	default:
		return read_elements(d, a, at, n, validity, err);
	}
}

/* ---- ranges ---------------------------------------------------------------------------------- */

/* Values of the types whose bits say more than they may hold. */
static int check_range(const struct stoa__arrow_decoder *d, const void *values, size_t n,
		       int64_t at, struct stoa_error *err)
{
	unsigned type = d->column.type;
	int64_t min, max;
	bool bad = false;

	if (type != STOA_DATE && type != STOA_TIME && type != STOA_TIMESTAMP && type != STOA_DECIMAL)
		return STOA_OK;
	stoa__type_range(type, d->column.precision, &min, &max);
	for (size_t i = 0; i < n; i++) {
		int64_t x = type == STOA_DATE ? ((const int32_t *)values)[i] :
						((const int64_t *)values)[i];
		bad |= x < min || x > max;
		if (bad)
			return no_fit(d, at + (int64_t)i, err);
	}
	return STOA_OK;
}

/* ---- dictionaries ---------------------------------------------------------------------------- */

/* The code of a row; -1 for one that is none. */
static int64_t code_at(const struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t row)
{
	const struct stoa__arrow_type *t = &d->field.index;
	uint64_t x = 0;

	memcpy(&x, (const char *)a->buffers[1] + (a->offset + row) * t->width, t->width);
	if (t->is_signed && t->width < 8 && x >> (8 * t->width - 1) & 1)
		return -1;
	return x < (uint64_t)a->dictionary->length ? (int64_t)x : -1;
}

static bool is_null(const struct ArrowArray *a, int64_t i)
{
	return a->null_count && a->buffers[0] && !stoa__arrow_bit(a->buffers[0], a->offset + i);
}

/* An element of a dictionary to element @i of @out, through a decoder of single values. */
static int read_entry(struct stoa__arrow_decoder *one, const struct ArrowArray *dictionary,
		      int64_t code, size_t i, void *out, struct stoa_error *err)
{
	size_t width = stoa__type_width(one->column.type);
	const void *value;

	STOA_TRY(read_values(one, dictionary, code, 1, NULL, &value, err));
	STOA_TRY(check_range(one, value, 1, code, err));
	memcpy((char *)out + i * width, value, width);
	return STOA_OK;
}

static int read_coded(struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t at,
		      size_t n, const uint64_t **validity, struct stoa_error *err)
{
	uint64_t element_room[2];
	struct stoa__arrow_decoder one = { .field = d->field, .column = d->column,
					   .room = element_room };
	size_t width = stoa__type_width(d->column.type);

	one.field.dictionary = false;
	memset(d->room, 0, n * width);
	for (size_t i = 0; i < n; i++) {
		if (!stoa__bit_get(*validity, i))
			continue;
		int64_t code = code_at(d, a, at + (int64_t)i);
		if (code < 0)
			return unsound(d, "a code is not in its dictionary", err);
		if (d->field.type.kind != STOA__ARROW_NULL && !is_null(a->dictionary, code)) {
			STOA_TRY(read_entry(&one, a->dictionary, code, i, d->room, err));
			continue;
		}
		if (!*validity)
			memset(d->validity, 0xff, STOA__WORDS(n) * sizeof *d->validity);
		*validity = d->validity;
		stoa__bit_clear(d->validity, i);
	}
	return STOA_OK;
}

int stoa__arrow_decode(struct stoa__arrow_decoder *d, const struct ArrowArray *a, int64_t at,
		       size_t n, struct stoa_array *out, struct stoa_error *err)
{
	const uint64_t *validity = read_validity(d, a, at, n);
	const void *values = d->room;

	if (!d->field.dictionary && d->field.type.kind == STOA__ARROW_NULL)
		validity = memset(d->validity, 0, STOA__WORDS(n) * sizeof *d->validity);
	if (d->field.dictionary) {
		STOA_TRY(read_coded(d, a, at, n, &validity, err));
	} else {
		STOA_TRY(read_values(d, a, at, n, validity, &values, err));
		STOA_TRY(check_range(d, values, n, at, err));
	}
	*out = (struct stoa_array){ d->column.type, d->column.scale, values, validity };
	return STOA_OK;
}
