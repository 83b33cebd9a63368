/* SPDX-License-Identifier: MIT */
/*
 * text.c - values from text, without locale and without allocating
 *
 * Plain loops over digits; floats and times, which are more, have files of their own
 * (text_float.c, text_time.c), and so has the way back (text_print.c).
 */
#include "text_parts.h"

#include <string.h>

#include "error.h"
#include "type.h"

/* Is the text @word, which is in lower case, in any case? */
bool stoa__text_is(const char *p, size_t n, const char *word)
{
	if (n != strlen(word))
		return false;
	for (size_t i = 0; i < n; i++)
		if (stoa__lower(p[i]) != word[i])
			return false;
	return true;
}

/* ---- integers, bool, decimal ------------------------------------------------------------ */

int stoa__parse_bool(const char *p, size_t n, int64_t *out)
{
	if (stoa__text_is(p, n, "true") || stoa__text_is(p, n, "t") || stoa__text_is(p, n, "1"))
		*out = 1;
	else if (stoa__text_is(p, n, "false") || stoa__text_is(p, n, "f") || stoa__text_is(p, n, "0"))
		*out = 0;
	else
		return STOA_ETYPE;
	return STOA_OK;
}

/* All @n bytes as digits. */
static int digits(const char *p, size_t n, uint64_t *out)
{
	bool over = false;
	uint64_t x = 0;

	if (n == 0)
		return STOA_ETYPE;
	for (size_t i = 0; i < n; i++) {
		if (!stoa__is_digit(p[i]))
			return STOA_ETYPE;
		over |= __builtin_mul_overflow(x, 10u, &x);
		over |= __builtin_add_overflow(x, (uint64_t)(p[i] - '0'), &x);
	}
	if (over)
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

int stoa__parse_i64(const char *p, size_t n, int64_t *out)
{
	bool minus = stoa__take_sign(&p, &n);
	uint64_t x;

	STOA_TRY(digits(p, n, &x));
	if (x > (uint64_t)INT64_MAX + minus)
		return STOA_ERANGE;
	*out = minus ? (int64_t)(0 - x) : (int64_t)x;
	return STOA_OK;
}

int stoa__parse_u64(const char *p, size_t n, uint64_t *out)
{
	bool minus = stoa__take_sign(&p, &n);
	uint64_t x;

	STOA_TRY(digits(p, n, &x));
	if (minus && x > 0)
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

/* The same for any number of digits. */
static struct stoa__decimal_text scan_long_decimal(const char *p, size_t n)
{
	struct stoa__decimal_text d = { 0, 0, 0, 0, false, false };
	bool point = false;

	for (; d.end < n; d.end++) {
		char c = p[d.end];

		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (!stoa__is_digit(c))
			break;
		d.any = true;
		if (d.n_digits > 0 || c != '0')
			d.n_digits++;
		if (d.n_digits <= 19) {
			d.m = d.m * 10 + (uint64_t)(c - '0');
			d.exponent -= point;
		} else {
			d.sticky |= c != '0';
			d.exponent += !point;
		}
	}
	return d;
}

/*
 * Passes over the digits at p[*at], adding them to *@m, which wraps around when there are too many.
 */
static size_t take_digits(const char *p, size_t n, size_t *at, uint64_t *m)
{
	size_t begin = *at;
	uint64_t x;

	while (n - *at >= 8 && (memcpy(&x, p + *at, 8), stoa__is_eight_digits(x))) {
		*m = *m * 100000000 + stoa__eight_digits(x);
		*at += 8;
	}
	for (; *at < n && stoa__is_digit(p[*at]); ++*at)
		*m = *m * 10 + (uint64_t)(p[*at] - '0');
	return *at - begin;
}

struct stoa__decimal_text stoa__scan_decimal(const char *p, size_t n)
{
	struct stoa__decimal_text d = { 0, 0, 0, 0, false, false };
	size_t fraction = 0;

	d.n_digits = take_digits(p, n, &d.end, &d.m);
	if (d.end < n && p[d.end] == '.') {
		d.end++;
		fraction = take_digits(p, n, &d.end, &d.m);
	}
	d.n_digits += fraction;		/* leading zeros too: they do no harm to 19 digits */
	d.any = d.n_digits > 0;
	d.exponent = -(int64_t)fraction;
	return d.n_digits <= 19 ? d : scan_long_decimal(p, n);
}

int stoa__parse_decimal(const char *p, size_t n, unsigned scale, int64_t *out)
{
	bool minus = stoa__take_sign(&p, &n);
	struct stoa__decimal_text d = stoa__scan_decimal(p, n);
	int64_t shift = d.exponent + (int64_t)scale;

	if (!d.any || d.end != n)
		return STOA_ETYPE;
	if (d.sticky)
		return STOA_ERANGE;
	for (; shift < 0 && d.m % 10 == 0 && d.m > 0; shift++)
		d.m /= 10;
	if (d.m > 0 && (shift < 0 || shift > 18))
		return STOA_ERANGE;
	if (d.m > 0) {
		if (d.m > (uint64_t)(stoa__pow10[18] - 1) / (uint64_t)stoa__pow10[shift])
			return STOA_ERANGE;
		d.m *= (uint64_t)stoa__pow10[shift];
	}
	*out = minus ? -(int64_t)d.m : (int64_t)d.m;
	return STOA_OK;
}

/* ---- uuid ------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (stoa__is_digit(c))
		return c - '0';
	c = stoa__lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int stoa__parse_uuid(const char *p, size_t n, uint8_t out[16])
{
	uint8_t bytes[16];
	size_t at = 0;

	if (n != 36)
		return STOA_ETYPE;
	for (size_t i = 0; i < 16; i++) {
		int high, low;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (p[at++] != '-')
				return STOA_ETYPE;
		high = hex_digit(p[at]);
		low = hex_digit(p[at + 1]);
		if (high < 0 || low < 0)
			return STOA_ETYPE;
		bytes[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	memcpy(out, bytes, 16);
	return STOA_OK;
}

/* ---- any value from text ---------------------------------------------------------------- */

static int parse_bytes(enum stoa_type type, const char *p, size_t n, struct stoa_value *out)
{
	if (n > (type == STOA_STRING ? STOA_STRING_MAX : STOA_TEXT_MAX))
		return STOA_ERANGE;
	if (!stoa__utf8_valid(p, n))
		return STOA_ETYPE;
	*out = stoa_bytes_value(type, p, (uint32_t)n);
	return STOA_OK;
}

static int parse_int(enum stoa_type type, const char *p, size_t n, int64_t *out)
{
	int64_t min, max, x;

	STOA_TRY(stoa__parse_i64(p, n, &x));
	stoa__type_range(type, 0, &min, &max);
	if (x < min || x > max)
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

static int parse_uint(enum stoa_type type, const char *p, size_t n, uint64_t *out)
{
	uint64_t x;

	STOA_TRY(stoa__parse_u64(p, n, &x));
	if (stoa__type_width(type) < 8 && x >> (8 * stoa__type_width(type)))
		return STOA_ERANGE;
	*out = x;
	return STOA_OK;
}

static int parse(enum stoa_type type, uint8_t scale, const char *p, size_t n, struct stoa_value *v)
{
	switch (type) {
	case STOA_BOOL: return stoa__parse_bool(p, n, &v->i);
	case STOA_I8:
	case STOA_I16:
	case STOA_I32:
	case STOA_I64: return parse_int(type, p, n, &v->i);
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
	case STOA_REF:
	case STOA_WEAK_REF: return parse_uint(type, p, n, &v->u);
	case STOA_F32: return stoa__parse_f32(p, n, &v->f);
	case STOA_F64: return stoa__parse_f64(p, n, &v->f);
	case STOA_DECIMAL: return stoa__parse_decimal(p, n, scale, &v->i);
	case STOA_DATE: return stoa__parse_date(p, n, &v->i);
	case STOA_TIME: return stoa__parse_time(p, n, &v->i);
	case STOA_TIMESTAMP: return stoa__parse_timestamp(p, n, &v->i);
	case STOA_UUID: return stoa__parse_uuid(p, n, v->uuid);
	case STOA_STRING:
	case STOA_TEXT: return parse_bytes(type, p, n, v);
	case STOA_BLOB: return STOA_EUNSUPPORTED;
	default: return STOA_EINVAL;
	}
}

int stoa_value_parse(enum stoa_type type, uint8_t scale, const char *text, size_t len,
		     struct stoa_value *out, struct stoa_error *err)
{
	struct stoa_value v = stoa_null();
	int shown = len > 60 ? 60 : (int)len;
	int rc = scale > STOA_DECIMAL_PRECISION_MAX ? STOA_EINVAL
						    : parse(type, scale, text, len, &v);

	if (rc == STOA_OK) {
		v.type = (uint8_t)type;
		v.scale = type == STOA_DECIMAL ? scale : 0;
		*out = v;
		return STOA_OK;
	}
	if (rc == STOA_ETYPE)
		return stoa__fail(err, rc, "\"%.*s\" is not a %s", shown, text,
				  stoa_type_name(type));
	if (rc == STOA_ERANGE)
		return stoa__fail(err, rc, "\"%.*s\" does not fit the type %s", shown, text,
				  stoa_type_name(type));
	if (rc == STOA_EUNSUPPORTED)
		return stoa__fail(err, rc, "a blob cannot be read from text in place");
	return stoa__fail(err, rc, "type %u, scale %u is no type to read text as", (unsigned)type,
			  (unsigned)scale);
}
