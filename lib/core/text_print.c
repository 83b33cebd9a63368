/* SPDX-License-Identifier: MIT */
/* text_print.c - values as text, without locale and without allocating */
#include "text_parts.h"

#include <string.h>

#include "type.h"

/* @x in decimal with at least @width digits. */
size_t stoa__print_u64(uint64_t x, unsigned width, char *out)
{
	char digits_backwards[20];
	unsigned n = 0;

	do
		digits_backwards[n++] = (char)('0' + x % 10);
	while ((x /= 10) > 0);
	while (n < width)
		digits_backwards[n++] = '0';
	for (unsigned i = 0; i < n; i++)
		out[i] = digits_backwards[n - 1 - i];
	return n;
}

static size_t print_i64(int64_t x, char *out)
{
	uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;

	*out = '-';
	return stoa__print_u64(magnitude, 1, out + (x < 0)) + (x < 0);
}

static size_t print_decimal(int64_t x, unsigned scale, char *out)
{
	uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
	size_t n = 0;

	if (scale == 0 || scale > STOA_DECIMAL_PRECISION_MAX)
		return print_i64(x, out);
	if (x < 0)
		out[n++] = '-';
	n += stoa__print_u64(magnitude / (uint64_t)stoa__pow10[scale], 1, out + n);
	out[n++] = '.';
	return n + stoa__print_u64(magnitude % (uint64_t)stoa__pow10[scale], scale, out + n);
}

static size_t print_uuid(const uint8_t uuid[16], char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[n++] = '-';
		out[n++] = hex[uuid[i] >> 4];
		out[n++] = hex[uuid[i] & 15];
	}
	return n;
}

/* Room of the caller's, and how long the whole text would be. */
struct sink {
	char *buf;
	size_t size;
	size_t len;
};

static void sink_put(struct sink *s, const char *p, size_t n)
{
	if (s->len < s->size) {
		size_t room = s->size - s->len;

		if (n > 0)
			memcpy(s->buf + s->len, p, n < room ? n : room);
	}
	s->len += n;
}

static void sink_blob(struct sink *s, const char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	sink_put(s, "\\x", 2);
	for (size_t i = 0; i < n && s->len < s->size; i++) {
		uint8_t byte = (uint8_t)p[i];
		char two_chars[2] = { hex[byte >> 4], hex[byte & 15] };

		sink_put(s, two_chars, 2);
	}
	s->len = 2 + 2 * n;
}

static size_t print_scalar(const struct stoa_value *v, char *out)
{
	switch (v->type) {
	case STOA_BOOL: return (size_t)(stpcpy(out, v->i ? "true" : "false") - out);
	case STOA_I8:
	case STOA_I16:
	case STOA_I32:
	case STOA_I64: return print_i64(v->i, out);
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
	case STOA_REF:
	case STOA_WEAK_REF: return stoa__print_u64(v->u, 1, out);
	case STOA_F32:
	case STOA_F64: return stoa__print_float(v->f, v->type == STOA_F32, out);
	case STOA_DECIMAL: return print_decimal(v->i, v->scale, out);
	case STOA_DATE: return stoa__print_date((int32_t)v->i, out);
	case STOA_TIME: return stoa__print_time((uint64_t)v->i, out);
	case STOA_TIMESTAMP: return stoa__print_timestamp(v->i, out);
	case STOA_UUID: return print_uuid(v->uuid, out);
	default: return 0;	/* NULL, and what is no value */
	}
}

size_t stoa_value_print(const struct stoa_value *v, char *buf, size_t size)
{
	struct sink s = { buf, size, 0 };
	char text[STOA__PRINT_MAX];

	switch (v->type) {
	case STOA_STRING:
	case STOA_TEXT: sink_put(&s, v->p, v->len); break;
	case STOA_BLOB: sink_blob(&s, v->p, v->len); break;
	default: sink_put(&s, text, print_scalar(v, text)); break;
	}
	if (size > 0)
		buf[s.len < size ? s.len : size - 1] = '\0';
	return s.len;
}
