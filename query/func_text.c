/* SPDX-License-Identifier: MIT */
/*
 * func_text.c - functions of strings
 *
 * Positions and lengths count characters of UTF-8, as in PostgreSQL; case is in letters.c. A result
 * that is a part of an argument borrows it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/core/error.h"
#include "func.h"
#include "letters.h"

#define UNUSED_NULLS (void)nulls; (void)null

int stoa__call_fail(struct stoa__call *call, int code, const char *format, ...)
{
	char text[STOA_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return stoa__fail_at(call->err, code, call->node->line, call->node->column, "%s", text);
}

char *stoa__call_room(struct stoa__call *call, size_t len)
{
	if (len > STOA_TEXT_MAX) {
		stoa__call_fail(call, STOA_ERANGE,
				"the string would have %zu bytes: at most %d fit", len,
				STOA_TEXT_MAX);
		return NULL;
	}
	char *p = stoa__arena_alloc(call->arena, len);
	if (!p)
		stoa__fail_memory(call->err);
	return p;
}

/* Why stoa__call_room() failed. */
static int room_error(size_t len)
{
	return len > STOA_TEXT_MAX ? STOA_ERANGE : STOA_ENOMEM;
}

static size_t count_chars(struct stoa_bytes s)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s.len; i++)
		n += stoa__utf8_starts(s.p[i]);
	return n;
}

/* The byte at which character @n (from 0) starts; s.len when there are fewer. */
static uint32_t char_offset(struct stoa_bytes s, uint64_t n)
{
	uint32_t i = 0;

	for (; i < s.len; i++)
		if (stoa__utf8_starts(s.p[i]) && n-- == 0)
			break;
	return i;
}

static struct stoa_bytes part(struct stoa_bytes s, uint32_t from, uint32_t to)
{
	return (struct stoa_bytes){ s.p + from, to - from };
}

static int fn_length(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		     union stoa__datum *out, bool *null)
{
	(void)call;
	UNUSED_NULLS;
	out->i = (int64_t)count_chars(args[0].s);
	return STOA_OK;
}

static int fn_octet_length(struct stoa__call *call, const union stoa__datum *args,
			   const bool *nulls, union stoa__datum *out, bool *null)
{
	(void)call;
	UNUSED_NULLS;
	out->i = args[0].s.len;
	return STOA_OK;
}

static int change_case(struct stoa__call *call, struct stoa_bytes s, enum stoa__letters as,
		       union stoa__datum *out)
{
	size_t len = stoa__letters(s, as, NULL);
	char *p = stoa__call_room(call, len);

	if (!p)
		return room_error(len);
	stoa__letters(s, as, p);
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

static int fn_lower(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return change_case(call, args[0].s, STOA__LOWER, out);
}

static int fn_upper(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return change_case(call, args[0].s, STOA__UPPER, out);
}

static int fn_initcap(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		      union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return change_case(call, args[0].s, STOA__INITIALS, out);
}

/* Characters [from, from + n) of @s; from counts from 1 and may lie before the string. */
static int substring(struct stoa__call *call, struct stoa_bytes s, int64_t from, int64_t n,
		     union stoa__datum *out)
{
	int64_t to;

	if (n < 0)
		return stoa__call_fail(call, STOA_EINVAL, "substring of negative length");
	if (__builtin_add_overflow(from, n, &to))
		to = INT64_MAX;
	if (from < 1)
		from = 1;
	if (to < from)
		to = from;
	uint32_t a = char_offset(s, (uint64_t)from - 1);
	struct stoa_bytes rest = part(s, a, s.len);
	out->s = part(rest, 0, char_offset(rest, (uint64_t)(to - from)));
	return STOA_OK;
}

static int fn_substr2(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		      union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	int64_t from = args[1].i < 1 ? 1 : args[1].i;
	return substring(call, args[0].s, from, INT64_MAX, out);
}

static int fn_substr3(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		      union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return substring(call, args[0].s, args[1].i, args[2].i, out);
}

static int fn_left(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		   union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s;
	int64_t n = args[1].i;

	(void)call;
	UNUSED_NULLS;
	if (n < 0)	/* all but the last -n */
		n += (int64_t)count_chars(s);
	out->s = n <= 0 ? part(s, 0, 0) : part(s, 0, char_offset(s, (uint64_t)n));
	return STOA_OK;
}

static int fn_right(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s;
	int64_t n = args[1].i, len = (int64_t)count_chars(s);
	int64_t skip = n < 0 ? (n < -len ? len : -n) : n > len ? 0 : len - n;

	(void)call;
	UNUSED_NULLS;
	out->s = part(s, char_offset(s, (uint64_t)skip), s.len);
	return STOA_OK;
}

static bool in_set(struct stoa_bytes set, const char *p, size_t len)
{
	for (uint32_t i = 0; i + len <= set.len; i++)
		if (stoa__utf8_starts(set.p[i]) && !memcmp(set.p + i, p, len))
			return true;
	return false;
}

static struct stoa_bytes trim(struct stoa_bytes s, struct stoa_bytes set, bool left, bool right)
{
	uint32_t from = 0, to = s.len;

	while (left && from < to) {
		uint32_t next = from + 1;
		while (next < to && !stoa__utf8_starts(s.p[next]))
			next++;
		if (!in_set(set, s.p + from, next - from))
			break;
		from = next;
	}
	while (right && from < to) {
		uint32_t last = to - 1;
		while (last > from && !stoa__utf8_starts(s.p[last]))
			last--;
		if (!in_set(set, s.p + last, to - last))
			break;
		to = last;
	}
	return part(s, from, to);
}

static const struct stoa_bytes blank = { " ", 1 };

#define TRIM_BODY(name, left, right)                                                           \
	static int name##1(struct stoa__call *call, const union stoa__datum *args,             \
			   const bool *nulls, union stoa__datum *out, bool *null)              \
	{                                                                                      \
		(void)call;                                                                    \
		UNUSED_NULLS;                                                                  \
		out->s = trim(args[0].s, blank, left, right);                                  \
		return STOA_OK;                                                                \
	}                                                                                      \
	static int name##2(struct stoa__call *call, const union stoa__datum *args,             \
			   const bool *nulls, union stoa__datum *out, bool *null)              \
	{                                                                                      \
		(void)call;                                                                    \
		UNUSED_NULLS;                                                                  \
		out->s = trim(args[0].s, args[1].s, left, right);                              \
		return STOA_OK;                                                                \
	}
TRIM_BODY(fn_btrim, true, true)
TRIM_BODY(fn_ltrim, true, false)
TRIM_BODY(fn_rtrim, false, true)

/* Where @what first is in @s, or NULL. */
static const char *find(struct stoa_bytes s, struct stoa_bytes what)
{
	return what.len <= s.len ? stoa__find(s, what) : NULL;
}

static int fn_strpos(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		     union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s;
	const char *at = args[1].s.len ? find(s, args[1].s) : s.p;

	(void)call;
	UNUSED_NULLS;
	out->i = at || !args[1].s.len ?
			 (int64_t)count_chars(part(s, 0, at ? (uint32_t)(at - s.p) : 0)) + 1 :
			 0;
	return STOA_OK;
}

static int fn_starts_with(struct stoa__call *call, const union stoa__datum *args,
			  const bool *nulls, union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s, p = args[1].s;

	(void)call;
	UNUSED_NULLS;
	out->i = s.len >= p.len && (!p.len || !memcmp(s.p, p.p, p.len));
	return STOA_OK;
}

static int fn_ends_with(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
			union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s, p = args[1].s;

	(void)call;
	UNUSED_NULLS;
	out->i = s.len >= p.len && (!p.len || !memcmp(s.p + (s.len - p.len), p.p, p.len));
	return STOA_OK;
}

static size_t count_found(struct stoa_bytes s, struct stoa_bytes what)
{
	size_t n = 0;

	for (const char *at; (at = find(s, what)); n++)
		s = part(s, (uint32_t)(at - s.p) + what.len, s.len);
	return n;
}

static char *put(char *to, const char *p, size_t len)
{
	if (len)
		memcpy(to, p, len);
	return to + len;
}

static int fn_replace(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		      union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s, what = args[1].s, with = args[2].s;
	size_t n = what.len ? count_found(s, what) : 0;

	UNUSED_NULLS;
	out->s = s;
	if (!n)
		return STOA_OK;
	size_t len = s.len - n * what.len + n * (size_t)with.len;
	char *p = stoa__call_room(call, len), *to = p;
	if (!p)
		return room_error(len);
	for (const char *at; (at = find(s, what));) {
		to = put(to, s.p, (size_t)(at - s.p));
		to = put(to, with.p, with.len);
		s = part(s, (uint32_t)(at - s.p) + what.len, s.len);
	}
	put(to, s.p, s.len);
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

static int fn_reverse(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		      union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s;
	char *p = stoa__call_room(call, s.len), *to = p + s.len;

	UNUSED_NULLS;
	if (!p)
		return room_error(s.len);
	for (uint32_t i = 0, next; i < s.len; i = next) {
		for (next = i + 1; next < s.len && !stoa__utf8_starts(s.p[next]); next++)
			;
		to -= next - i;
		memcpy(to, s.p + i, next - i);
	}
	out->s = (struct stoa_bytes){ p, s.len };
	return STOA_OK;
}

static int fn_repeat(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		     union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s;
	uint64_t n = args[1].i < 0 || !s.len ? 0 : (uint64_t)args[1].i;
	size_t len = n > STOA_TEXT_MAX ? (size_t)STOA_TEXT_MAX + 1 : n * s.len;

	UNUSED_NULLS;
	char *p = stoa__call_room(call, len), *to = p;
	if (!p)
		return room_error(len);
	for (uint64_t i = 0; i < n; i++)
		to = put(to, s.p, s.len);
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

/* @s cut or filled with @fill to @n characters. */
static int pad(struct stoa__call *call, struct stoa_bytes s, int64_t n, struct stoa_bytes fill,
	       bool left, union stoa__datum *out)
{
	size_t have = count_chars(s), fill_chars = count_chars(fill);

	if (n < 0)
		n = 0;
	if ((uint64_t)n <= have || !fill_chars) {
		out->s = part(s, 0, char_offset(s, (uint64_t)n));
		return STOA_OK;
	}
	uint64_t want = (uint64_t)n - have;
	if (want > STOA_TEXT_MAX)
		want = (uint64_t)STOA_TEXT_MAX + 1;
	uint64_t whole = want / fill_chars;
	uint32_t rest = char_offset(fill, want % fill_chars);
	size_t len = s.len + whole * fill.len + rest;
	char *p = stoa__call_room(call, len), *to = p;
	if (!p)
		return room_error(len);
	if (!left)
		to = put(to, s.p, s.len);
	for (uint64_t i = 0; i < whole; i++)
		to = put(to, fill.p, fill.len);
	to = put(to, fill.p, rest);
	if (left)
		put(to, s.p, s.len);
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

#define PAD_BODY(name, left)                                                                   \
	static int name##2(struct stoa__call *call, const union stoa__datum *args,             \
			   const bool *nulls, union stoa__datum *out, bool *null)              \
	{                                                                                      \
		UNUSED_NULLS;                                                                  \
		return pad(call, args[0].s, args[1].i, blank, left, out);                      \
	}                                                                                      \
	static int name##3(struct stoa__call *call, const union stoa__datum *args,             \
			   const bool *nulls, union stoa__datum *out, bool *null)              \
	{                                                                                      \
		UNUSED_NULLS;                                                                  \
		return pad(call, args[0].s, args[1].i, args[2].s, left, out);                  \
	}
PAD_BODY(fn_lpad, true)
PAD_BODY(fn_rpad, false)

/* All arguments from @from on that are not NULL, with @between them. */
static int join(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		uint32_t from, struct stoa_bytes between, union stoa__datum *out)
{
	uint32_t n = call->node->n_args;
	size_t len = 0, n_parts = 0;

	for (uint32_t i = from; i < n; i++)
		if (!nulls[i]) {
			len += args[i].s.len;
			n_parts++;
		}
	if (n_parts > 1)
		len += (n_parts - 1) * between.len;
	char *p = stoa__call_room(call, len), *to = p;
	if (!p)
		return room_error(len);
	for (uint32_t i = from; i < n; i++)
		if (!nulls[i]) {
			to = put(to, args[i].s.p, args[i].s.len);
			if (--n_parts)
				to = put(to, between.p, between.len);
		}
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

static int fn_concat_any(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
			 union stoa__datum *out, bool *null)
{
	(void)null;
	return join(call, args, nulls, 0, (struct stoa_bytes){ "", 0 }, out);
}

static int fn_concat_ws(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
			union stoa__datum *out, bool *null)
{
	*null = nulls[0];
	return nulls[0] ? STOA_OK : join(call, args, nulls, 1, args[0].s, out);
}

static int fn_split_part(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
			 union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s, by = args[1].s;
	int64_t n = args[2].i;

	UNUSED_NULLS;
	if (n == 0)
		return stoa__call_fail(call, STOA_EINVAL,
				       "split_part() counts from 1, or from -1 back");
	if (n < 0)
		n += by.len ? (int64_t)count_found(s, by) + 2 : 2;
	for (; n > 1; n--) {
		const char *at = by.len ? find(s, by) : NULL;
		if (!at)
			break;
		s = part(s, (uint32_t)(at - s.p) + by.len, s.len);
	}
	const char *end = n == 1 && by.len ? find(s, by) : NULL;
	out->s = n != 1 ? part(s, 0, 0) : part(s, 0, end ? (uint32_t)(end - s.p) : s.len);
	return STOA_OK;
}

static int fn_ascii(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	(void)call;
	UNUSED_NULLS;
	out->i = 0;
	if (!args[0].s.len)
		return STOA_OK;
	const unsigned char *p = (const unsigned char *)args[0].s.p;
	if (p[0] < 0x80)
		out->i = p[0];
	else if (p[0] < 0xe0)
		out->i = (p[0] & 0x1f) << 6 | (p[1] & 0x3f);
	else if (p[0] < 0xf0)
		out->i = (p[0] & 0xf) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	else
		out->i = (p[0] & 7) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 |
			 (p[3] & 0x3f);
	return STOA_OK;
}

static int fn_chr(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		  union stoa__datum *out, bool *null)
{
	int64_t c = args[0].i;

	UNUSED_NULLS;
	if (c < 1 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return stoa__call_fail(call, STOA_ERANGE, "there is no character %lld",
				       (long long)c);
	char *p = stoa__call_room(call, 4);
	if (!p)
		return STOA_ENOMEM;
	uint32_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (uint32_t i = n; i-- > 1; c >>= 6)
		p[i] = (char)(0x80 | (c & 0x3f));
	p[0] = (char)(lead[n] | c);
	out->s = (struct stoa_bytes){ p, n };
	return STOA_OK;
}

const struct stoa__fn stoa__fn_concat = { "||", "tt", STOA_TEXT, STOA__FN_MAY_FAIL, fn_concat_any };

const struct stoa__fn stoa__text_functions[] = {
	{ "length", "t", STOA_I64, 0, fn_length },
	{ "length", "b", STOA_I64, 0, fn_octet_length },
	{ "char_length", "t", STOA_I64, 0, fn_length },
	{ "character_length", "t", STOA_I64, 0, fn_length },
	{ "octet_length", "t", STOA_I64, 0, fn_octet_length },
	{ "octet_length", "b", STOA_I64, 0, fn_octet_length },
	{ "lower", "t", STOA_TEXT, 0, fn_lower },
	{ "upper", "t", STOA_TEXT, 0, fn_upper },
	{ "initcap", "t", STOA_TEXT, 0, fn_initcap },
	{ "substr", "ti", STOA_TEXT, 0, fn_substr2 },
	{ "substr", "tii", STOA_TEXT, STOA__FN_MAY_FAIL, fn_substr3 },
	{ "substring", "ti", STOA_TEXT, 0, fn_substr2 },
	{ "substring", "tii", STOA_TEXT, STOA__FN_MAY_FAIL, fn_substr3 },
	{ "left", "ti", STOA_TEXT, 0, fn_left },
	{ "right", "ti", STOA_TEXT, 0, fn_right },
	{ "trim", "t", STOA_TEXT, 0, fn_btrim1 },
	{ "trim", "tt", STOA_TEXT, 0, fn_btrim2 },
	{ "btrim", "t", STOA_TEXT, 0, fn_btrim1 },
	{ "btrim", "tt", STOA_TEXT, 0, fn_btrim2 },
	{ "ltrim", "t", STOA_TEXT, 0, fn_ltrim1 },
	{ "ltrim", "tt", STOA_TEXT, 0, fn_ltrim2 },
	{ "rtrim", "t", STOA_TEXT, 0, fn_rtrim1 },
	{ "rtrim", "tt", STOA_TEXT, 0, fn_rtrim2 },
	{ "replace", "ttt", STOA_TEXT, STOA__FN_MAY_FAIL, fn_replace },
	{ "strpos", "tt", STOA_I64, 0, fn_strpos },
	{ "instr", "tt", STOA_I64, 0, fn_strpos },
	{ "starts_with", "tt", STOA_BOOL, 0, fn_starts_with },
	{ "ends_with", "tt", STOA_BOOL, 0, fn_ends_with },
	{ "reverse", "t", STOA_TEXT, 0, fn_reverse },
	{ "repeat", "ti", STOA_TEXT, STOA__FN_MAY_FAIL, fn_repeat },
	{ "lpad", "ti", STOA_TEXT, STOA__FN_MAY_FAIL, fn_lpad2 },
	{ "lpad", "tit", STOA_TEXT, STOA__FN_MAY_FAIL, fn_lpad3 },
	{ "rpad", "ti", STOA_TEXT, STOA__FN_MAY_FAIL, fn_rpad2 },
	{ "rpad", "tit", STOA_TEXT, STOA__FN_MAY_FAIL, fn_rpad3 },
	{ "concat", "x+", STOA_TEXT, STOA__FN_MAY_FAIL | STOA__FN_LOOSE, fn_concat_any },
	{ "concat_ws", "tx+", STOA_TEXT, STOA__FN_MAY_FAIL | STOA__FN_LOOSE, fn_concat_ws },
	{ "split_part", "tti", STOA_TEXT, STOA__FN_MAY_FAIL, fn_split_part },
	{ "ascii", "t", STOA_I64, 0, fn_ascii },
	{ "chr", "i", STOA_TEXT, STOA__FN_MAY_FAIL, fn_chr },
	{ NULL, NULL, 0, 0, NULL },
};
