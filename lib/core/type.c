/* SPDX-License-Identifier: MIT */
/*
 * type.c - what each type can hold, and how a value moves from one type to another
 *
 * Types fall into five families (type.h); a table here gives the family, the element width and the
 * name of each, and most functions are a look into it. Conversion keeps one promise: *nothing is
 * lost*. An integer, a decimal and a float are numbers of the form m x 10^-s or m x 2^e, and a
 * conversion that would have to round is refused with STOA_ERANGE. The one place where binary and
 * decimal fractions meet is decimal -> f64: 0.1 has no exact double, yet a decimal of up to 15
 * digits is given back by its nearest double (DBL_DIG), so there nothing is lost either.
 *
 * Invariants of a stored value, which stoa__convert() establishes and the rest of stoa relies on:
 * (1) A STOA__INT value lies within stoa__type_range(). (2) string and text are valid UTF-8.
 * (3) Lengths are within STOA_STRING_MAX and STOA_TEXT_MAX. (4) Dates lie in the years 1 to 9999,
 * so that each prints as YYYY-MM-DD and reads back.
 */
#include "type.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "source.h"
#include "text.h"

#define DAY_US INT64_C(86400000000)
#define DATE_MIN (-719162)	/* 0001-01-01 */
#define DATE_MAX 2932896	/* 9999-12-31 */

struct type_info {
	const char *name;
	uint8_t family;
	uint8_t width;
	int64_t min, max;	/* of STOA__INT types and, as far as int64_t goes, of STOA__UINT */
};

static const struct type_info types[] = {
	[STOA_NULL] = { "null", STOA__INT, 0, 0, 0 },
	[STOA_BOOL] = { "bool", STOA__INT, 1, 0, 1 },
	[STOA_I8] = { "i8", STOA__INT, 1, INT8_MIN, INT8_MAX },
	[STOA_I16] = { "i16", STOA__INT, 2, INT16_MIN, INT16_MAX },
	[STOA_I32] = { "i32", STOA__INT, 4, INT32_MIN, INT32_MAX },
	[STOA_I64] = { "i64", STOA__INT, 8, INT64_MIN, INT64_MAX },
	[STOA_U8] = { "u8", STOA__UINT, 1, 0, UINT8_MAX },
	[STOA_U16] = { "u16", STOA__UINT, 2, 0, UINT16_MAX },
	[STOA_U32] = { "u32", STOA__UINT, 4, 0, UINT32_MAX },
	[STOA_U64] = { "u64", STOA__UINT, 8, 0, INT64_MAX },
	[STOA_F32] = { "f32", STOA__FLOAT, 4, 0, 0 },
	[STOA_F64] = { "f64", STOA__FLOAT, 8, 0, 0 },
	[STOA_DECIMAL] = { "decimal", STOA__INT, 8, 0, 0 },
	[STOA_DATE] = { "date", STOA__INT, 4, DATE_MIN, DATE_MAX },
	[STOA_TIME] = { "time", STOA__INT, 8, 0, DAY_US - 1 },
	[STOA_TIMESTAMP] = { "timestamp", STOA__INT, 8, DATE_MIN *DAY_US,
			     (DATE_MAX + 1) * DAY_US - 1 },
	[STOA_UUID] = { "uuid", STOA__UUID, 16, 0, 0 },
	[STOA_STRING] = { "string", STOA__BYTES, sizeof(struct stoa_bytes), 0, 0 },
	[STOA_TEXT] = { "text", STOA__BYTES, sizeof(struct stoa_bytes), 0, 0 },
	[STOA_BLOB] = { "blob", STOA__BYTES, sizeof(struct stoa_bytes), 0, 0 },
	[STOA_REF] = { "ref", STOA__UINT, 8, 0, INT64_MAX },
	[STOA_WEAK_REF] = { "weak ref", STOA__UINT, 8, 0, INT64_MAX },
};
#define N_TYPES (sizeof types / sizeof types[0])

const int64_t stoa__pow10[19] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	10000000000,
	100000000000,
	1000000000000,
	10000000000000,
	100000000000000,
	1000000000000000,
	10000000000000000,
	100000000000000000,
	1000000000000000000,
};

/* ---- what the types are ----------------------------------------------------------------- */

bool stoa__type_valid(unsigned type)
{
	return type > STOA_NULL && type < N_TYPES;
}

enum stoa__family stoa__type_family(unsigned type)
{
	STOA_ASSERT(stoa__type_valid(type));
	return (enum stoa__family)types[type].family;
}

size_t stoa__type_width(unsigned type)
{
	STOA_ASSERT(stoa__type_valid(type));
	return types[type].width;
}

const char *stoa_type_name(enum stoa_type type)
{
	return (unsigned)type < N_TYPES ? types[type].name : "unknown";
}

void stoa__type_range(unsigned type, unsigned precision, int64_t *min, int64_t *max)
{
	STOA_ASSERT(stoa__type_valid(type) && precision <= STOA_DECIMAL_PRECISION_MAX);
	*min = types[type].min;
	*max = types[type].max;
	if (type == STOA_DECIMAL) {
		*max = stoa__pow10[precision] - 1;
		*min = -*max;
	}
}

/* ---- conversion ------------------------------------------------------------------------- */

static int fail_type(const struct stoa_slot *slot, const struct stoa_value *in,
		     struct stoa_error *err)
{
	return stoa__fail(err, STOA_ETYPE, "slot \"%s\" holds %s, and the value given is %s",
			  slot->name ? slot->name : "", stoa_type_name((enum stoa_type)slot->type),
			  stoa_type_name((enum stoa_type)in->type));
}

static int fail_range(const struct stoa_slot *slot, const struct stoa_value *in,
		      struct stoa_error *err)
{
	char text[64];
	char type[32];

	stoa_value_print(in, text, sizeof text);
	stoa__type_print(slot, type, sizeof type);
	return stoa__fail(err, STOA_ERANGE, "%s does not fit slot \"%s\", which holds %s", text,
			  slot->name ? slot->name : "", type);
}

size_t stoa__type_print(const struct stoa_slot *slot, char *buf, size_t size)
{
	const char *name = stoa_type_name((enum stoa_type)slot->type);
	int n;

	if (slot->type == STOA_DECIMAL)
		n = snprintf(buf, size, "%s(%u,%u)", name, (unsigned)slot->precision,
			     (unsigned)slot->scale);
	else
		n = snprintf(buf, size, "%s", name);
	return n < 0 ? 0 : (size_t)n;
}

static bool is_number(unsigned type)
{
	return (type >= STOA_I8 && type <= STOA_U64) || type == STOA_DECIMAL;
}

/* Integers and decimals as a wide scaled integer: *@m / 10^*@scale. */
static void number_of(const struct stoa_value *in, __int128 *m, unsigned *scale)
{
	*scale = in->type == STOA_DECIMAL ? in->scale : 0;
	*m = stoa__type_family(in->type) == STOA__UINT ? (__int128)in->u : (__int128)in->i;
}

/* @m / 10^@from as a multiple of 10^-@to; false when a digit would be lost. */
static bool rescale(__int128 *m, unsigned from, unsigned to)
{
	if (to >= from) {
		*m *= stoa__pow10[to - from];	/* below 2^64 x 10^18 < 2^124 */
		return true;
	}
	if (*m % stoa__pow10[from - to])
		return false;
	*m /= stoa__pow10[from - to];
	return true;
}

static bool number_to_number(const struct stoa_slot *slot, const struct stoa_value *in,
			     struct stoa_value *out)
{
	int64_t min, max;
	unsigned scale;
	__int128 m;

	number_of(in, &m, &scale);
	if (!rescale(&m, scale, slot->type == STOA_DECIMAL ? slot->scale : 0))
		return false;
	if (slot->type == STOA_U64 || stoa__type_is_ref(slot->type)) {
		/* A reference to no row is NULL: there is no row 0. */
		if (m < (slot->type != STOA_U64) || m > UINT64_MAX)
			return false;
		out->u = (uint64_t)m;
		return true;
	}
	stoa__type_range(slot->type, slot->precision, &min, &max);
	if (m < min || m > max)
		return false;
	out->i = (int64_t)m;
	return true;
}

/* Does a double hold @x? Magnitudes up to 2^53 at least; beyond that, where the low bits are 0. */
static bool integer_is_double(__int128 x)
{
	double f = (double)x;

	return (__int128)f == x;
}

static bool number_to_float(const struct stoa_slot *slot, const struct stoa_value *in,
			    struct stoa_value *out)
{
	bool narrow = slot->type == STOA_F32;
	int64_t limit = stoa__pow10[narrow ? FLT_DIG : DBL_DIG];
	unsigned scale;
	__int128 m;

	number_of(in, &m, &scale);
	while (scale > 0 && m % 10 == 0) {
		m /= 10;
		scale--;
	}
	if (scale == 0) {
		out->f = (double)m;
		return integer_is_double(m) && (!narrow || (double)(float)out->f == out->f);
	}
	if (m >= limit || m <= -limit)
		return false;
	/* Both operands are exact: 10^18 is below 2^53 x 2^18. */
	out->f = (double)m / (double)stoa__pow10[scale];
	if (narrow)
		out->f = (double)(float)out->f;
	return true;
}

static bool float_to_float(const struct stoa_slot *slot, const struct stoa_value *in,
			   struct stoa_value *out)
{
	out->f = in->f;
	return slot->type == STOA_F64 || isnan(in->f) || (double)(float)in->f == in->f;
}

static int fail_bytes(const struct stoa_slot *slot, const struct stoa_value *in, uint32_t max,
		      struct stoa_error *err)
{
	const char *type = stoa_type_name((enum stoa_type)slot->type);
	const char *name = slot->name ? slot->name : "";

	if (in->len > max)
		return stoa__fail(err, STOA_ERANGE,
				  "slot \"%s\" is a %s of at most %" PRIu32
				  " bytes, and the value has %" PRIu32, name, type, max, in->len);
	return stoa__fail(err, STOA_EINVAL,
			  "slot \"%s\" is a %s, and the value is not valid UTF-8", name, type);
}

static int convert_bytes(const struct stoa_slot *slot, const struct stoa_value *in,
			 struct stoa_value *out, struct stoa_error *err)
{
	uint32_t max = slot->type == STOA_STRING ? STOA_STRING_MAX : STOA_TEXT_MAX;

	if (in->len > max || (slot->type != STOA_BLOB && !stoa__utf8_valid(in->p, in->len)))
		return fail_bytes(slot, in, max, err);
	/* An empty value may come without bytes. */
	*out = stoa_bytes_value((enum stoa_type)slot->type, in->len ? in->p : "", in->len);
	return STOA_OK;
}

/* A type to itself, where only the range can be wrong: bool, date, time, timestamp. */
static bool same_in_range(const struct stoa_slot *slot, const struct stoa_value *in,
			  struct stoa_value *out)
{
	int64_t min, max;

	stoa__type_range(slot->type, 0, &min, &max);
	out->i = in->i;
	return in->i >= min && in->i <= max;
}

/* @in is a value of a valid type, not NULL. */
static int convert_value(const struct stoa_slot *slot, const struct stoa_value *in,
			 struct stoa_value *out, struct stoa_error *err)
{
	enum stoa__family from = stoa__type_family(in->type);
	enum stoa__family to = stoa__type_family(slot->type);
	bool fits;

	if (in->type == STOA_DECIMAL && in->scale > STOA_DECIMAL_PRECISION_MAX)
		return stoa__fail(err, STOA_EINVAL, "a decimal value has scale %u: 18 is the most",
				  (unsigned)in->scale);
	if (from == STOA__BYTES && to == STOA__BYTES)
		return convert_bytes(slot, in, out, err);
	if (from == STOA__UUID && to == STOA__UUID) {
		memcpy(out->uuid, in->uuid, sizeof out->uuid);
		return STOA_OK;
	}
	if (from == STOA__FLOAT && to == STOA__FLOAT)
		fits = float_to_float(slot, in, out);
	else if (is_number(in->type) && to == STOA__FLOAT)
		fits = number_to_float(slot, in, out);
	else if ((is_number(in->type) || stoa__type_is_ref(in->type)) &&
		 (is_number(slot->type) || stoa__type_is_ref(slot->type)))
		fits = number_to_number(slot, in, out);
	else if (in->type == slot->type)
		fits = same_in_range(slot, in, out);
	else
		return fail_type(slot, in, err);
	return fits ? STOA_OK : fail_range(slot, in, err);
}

static __attribute__((noinline)) int convert(const struct stoa_slot *slot, const struct stoa_value *in,
					     struct stoa_value *out, struct stoa_error *err)
{
	struct stoa_value v = stoa_null();

	if (in->type == STOA_TYPE_DEFAULT)
		in = &slot->value;
	if (in->type == STOA_NULL) {
		if (slot->flags & STOA_NOT_NULL)
			return stoa__fail(err, STOA_ENULL, "slot \"%s\" is not null",
					  slot->name ? slot->name : "");
		*out = v;
		return STOA_OK;
	}
	if (!stoa__type_valid(in->type))
		return stoa__fail(err, STOA_ETYPE, "%u is no type of a value: slot \"%s\" holds %s",
				  (unsigned)in->type, slot->name ? slot->name : "",
				  stoa_type_name((enum stoa_type)slot->type));
	STOA_TRY(convert_value(slot, in, &v, err));
	v.type = slot->type;
	v.scale = slot->type == STOA_DECIMAL ? slot->scale : 0;
	*out = v;
	return STOA_OK;
}

int stoa__convert(const struct stoa_slot *slot, const struct stoa_value *in, struct stoa_value *out,
		  struct stoa_error *err)
{
	/* Mostly, of what is long: two jumps. */
	if (in->type == slot->type && types[slot->type].family == STOA__BYTES)
		return convert_bytes(slot, in, out, err);
	return convert(slot, in, out, err);
}

/* ---- text that names and strings are made of -------------------------------------------- */

/* Length of the well-formed sequence at @p, which has @n > 0 bytes left; 0 if there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
	uint8_t lo = 0x80, hi = 0xbf;	/* bounds of the second byte: no overlong, no surrogate */
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (n < len || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Is no byte above 127? Nearly all texts are so, and most are short: the ends may overlap. */
static bool is_ascii(const uint8_t *p, size_t n)
{
	uint64_t any = 0, w;
	uint32_t first, last;

	if (n >= 8) {
		for (size_t i = 0; i < n - 8; i += 8) {
			memcpy(&w, p + i, 8);
			any |= w;
		}
		memcpy(&w, p + n - 8, 8);
		any |= w;
	} else if (n >= 4) {
		memcpy(&first, p, 4);
		memcpy(&last, p + n - 4, 4);
		any = first | last;
	} else {
		for (size_t i = 0; i < n; i++)
			any |= p[i];
	}
	return !(any & UINT64_C(0x8080808080808080));
}

bool stoa__utf8_valid(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;

	if (is_ascii(p, len))
		return true;
	while (len > 0) {
		size_t n = len >= 8 && is_ascii(p, 8) ? 8 : utf8_sequence(p, len);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

static char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool stoa__name_equal(const char *a, const char *b)
{
	while (*a && ascii_lower(*a) == ascii_lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

/* ---- civil dates ------------------------------------------------------------------------ */

/*
 * Both count from 0000-03-01, so that the leap day is the last of its year, in eras of 400 years =
 * 146,097 days. H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
int32_t stoa__days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return (int32_t)(era * 146097 + day_of_era - 719468);
}

void stoa__civil_from_days(int32_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = (int64_t)days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

/* ---- elements of arrays ----------------------------------------------------------------- */

struct stoa_value stoa__array_value(const struct stoa_array *a, size_t i)
{
	struct stoa_value v = stoa_null();
	const struct stoa_bytes *b;

	if (a->validity && !(a->validity[i / 64] >> (i % 64) & 1))
		return v;
	v.type = a->type;
	v.scale = a->type == STOA_DECIMAL ? a->scale : 0;
	switch (a->type) {
	case STOA_BOOL:
	case STOA_U8: v.u = ((const uint8_t *)a->values)[i]; break;
	case STOA_I8: v.i = ((const int8_t *)a->values)[i]; break;
	case STOA_I16: v.i = ((const int16_t *)a->values)[i]; break;
	case STOA_U16: v.u = ((const uint16_t *)a->values)[i]; break;
	case STOA_DATE:
	case STOA_I32: v.i = ((const int32_t *)a->values)[i]; break;
	case STOA_U32: v.u = ((const uint32_t *)a->values)[i]; break;
	case STOA_F32: v.f = (double)((const float *)a->values)[i]; break;
	case STOA_UUID: memcpy(v.uuid, (const uint8_t *)a->values + 16 * i, 16); break;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		b = (const struct stoa_bytes *)a->values + i;
		v.p = b->p;
		v.len = b->len;
		break;
	default: v.i = ((const int64_t *)a->values)[i]; break;	/* f64 and u64 share the bits */
	}
	return v;
}

void stoa__element_put(unsigned type, void *values, size_t i, const struct stoa_value *v)
{
	struct stoa_bytes *b;

	switch (type) {
	case STOA_BOOL:
	case STOA_I8:
	case STOA_U8: ((uint8_t *)values)[i] = (uint8_t)v->u; break;
	case STOA_I16:
	case STOA_U16: ((uint16_t *)values)[i] = (uint16_t)v->u; break;
	case STOA_DATE:
	case STOA_I32:
	case STOA_U32: ((uint32_t *)values)[i] = (uint32_t)v->u; break;
	case STOA_F32: ((float *)values)[i] = (float)v->f; break;
	case STOA_UUID: memcpy((uint8_t *)values + 16 * i, v->uuid, 16); break;
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		b = (struct stoa_bytes *)values + i;
		b->p = v->p;
		b->len = v->len;
		break;
	default: ((int64_t *)values)[i] = v->i; break;
	}
}

/* ---- order ------------------------------------------------------------------------------ */

static int order(bool less, bool greater)
{
	return (int)greater - (int)less;
}

static int compare_floats(double a, double b)
{
	if (isnan(a) || isnan(b))
		return order(!isnan(a), !isnan(b));
	return order(a < b, a > b);
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = a_len < b_len ? a_len : b_len;
	int c = n ? memcmp(a, b, n) : 0;

	return c ? order(c < 0, c > 0) : order(a_len < b_len, a_len > b_len);
}

int stoa__value_compare(const struct stoa_value *a, const struct stoa_value *b)
{
	switch (stoa__type_family(a->type)) {
	case STOA__INT:
		if (a->type == STOA_DECIMAL && a->scale != b->scale) {
			__int128 x = (__int128)a->i * stoa__pow10[b->scale];
			__int128 y = (__int128)b->i * stoa__pow10[a->scale];

			return order(x < y, x > y);
		}
		return order(a->i < b->i, a->i > b->i);
	case STOA__UINT: return order(a->u < b->u, a->u > b->u);
	case STOA__FLOAT: return compare_floats(a->f, b->f);
	case STOA__UUID:
		return compare_bytes((const char *)a->uuid, 16, (const char *)b->uuid, 16);
	default: return compare_bytes(a->p, a->len, b->p, b->len);
	}
}

enum stoa__phys stoa__phys_of(unsigned type)
{
	switch (stoa__type_family(type)) {
	case STOA__INT:
		return STOA__PHYS_I64;
	case STOA__UINT:
		return STOA__PHYS_U64;
	case STOA__FLOAT:
		return STOA__PHYS_F64;
	case STOA__UUID:
	case STOA__BYTES:
		break;
	}
	return STOA__PHYS_BYTES;
}
