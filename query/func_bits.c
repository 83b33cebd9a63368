/* SPDX-License-Identifier: MIT */
/*
 * func_bits.c - bits of integers, and bytes written as text: & | # ~ << >>, encode(), decode(),
 * digests
 *
 * Operators on bits are calls of functions that are called what they look like. Shifts go by
 * PostgreSQL's rule: the number of places is taken modulo 64. base64 is that of RFC 4648, by
 * nettle, as digests are.
 */
#include <nettle/base64.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <string.h>
#include <strings.h>

#include "../lib/core/error.h"
#include "func.h"

#define BODY(name)                                                                             \
	static int name(struct stoa__call *call, const union stoa__datum *args, const bool *nulls, \
			union stoa__datum *out, bool *null)
#define UNUSED (void)call; (void)nulls; (void)null

/* ---- integers ------------------------------------------------------------------------------- */

#define BIT_FUNCTION(name, expression)                        \
	BODY(name)                                            \
	{                                                     \
		uint64_t a = args[0].u, b = args[1].u;        \
                                                              \
		UNUSED;                                       \
		out->u = (expression);                        \
		return STOA_OK;                               \
	}

BIT_FUNCTION(fn_and, a & b)
BIT_FUNCTION(fn_or, a | b)
BIT_FUNCTION(fn_xor, a ^ b)
BIT_FUNCTION(fn_left, a << (b & 63))

/* The sign goes on, as in PostgreSQL. */
BODY(fn_right)
{
	int64_t a = args[0].i;
	unsigned n = (unsigned)args[1].u & 63;

	UNUSED;
	out->u = a < 0 ? ~(~(uint64_t)a >> n) : (uint64_t)a >> n;
	return STOA_OK;
}

BODY(fn_not)
{
	UNUSED;
	out->u = ~args[0].u;
	return STOA_OK;
}

BODY(fn_bit_length)
{
	UNUSED;
	out->i = (int64_t)args[0].s.len * 8;
	return STOA_OK;
}

BODY(fn_div)
{
	(void)nulls;
	(void)null;
	if (!args[1].i)
		return stoa__call_fail(call, STOA_EDIVZERO, "division by zero");
	if (args[0].i == INT64_MIN && args[1].i == -1)
		return stoa__call_fail(call, STOA_ERANGE, "the quotient does not fit 64 bits");
	out->i = args[0].i / args[1].i;
	return STOA_OK;
}

/* ---- bytes as text --------------------------------------------------------------------------- */

static const char digits[] = "0123456789abcdef";

static int put_hex(struct stoa__call *call, const uint8_t *p, size_t n, union stoa__datum *out)
{
	char *to = stoa__call_room(call, 2 * n);

	if (!to)
		return 2 * n > STOA_TEXT_MAX ? STOA_ERANGE : STOA_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		to[2 * i] = digits[p[i] >> 4];
		to[2 * i + 1] = digits[p[i] & 15];
	}
	out->s = (struct stoa_bytes){ to, (uint32_t)(2 * n) };
	return STOA_OK;
}

enum form { HEX, BASE64, NEITHER };

static enum form form_of(struct stoa__call *call, struct stoa_bytes name)
{
	if (name.len == 3 && !strncasecmp(name.p, "hex", 3))
		return HEX;
	if (name.len == 6 && !strncasecmp(name.p, "base64", 6))
		return BASE64;
	stoa__call_fail(call, STOA_EINVAL, "bytes are written as 'hex' or 'base64', not as '%.*s'",
			(int)(name.len > 40 ? 40 : name.len), name.p);
	return NEITHER;
}

BODY(fn_encode)
{
	struct stoa_bytes s = args[0].s;
	enum form form = form_of(call, args[1].s);
	size_t room = BASE64_ENCODE_RAW_LENGTH((size_t)s.len);
	char *to;

	(void)nulls;
	(void)null;
	if (form == NEITHER)
		return STOA_EINVAL;
	if (form == HEX)
		return put_hex(call, (const uint8_t *)s.p, s.len, out);
	to = stoa__call_room(call, room);
	if (!to)
		return room > STOA_TEXT_MAX ? STOA_ERANGE : STOA_ENOMEM;
	base64_encode_raw(to, s.len, (const uint8_t *)s.p);
	out->s = (struct stoa_bytes){ to, (uint32_t)room };
	return STOA_OK;
}

static int hex_digit(char c)
{
	const char *p = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static bool read_hex(struct stoa_bytes s, uint8_t *to)
{
	for (uint32_t i = 0; i + 1 < s.len; i += 2) {
		int a = hex_digit(s.p[i]), b = hex_digit(s.p[i + 1]);
		if (a < 0 || b < 0)
			return false;
		to[i / 2] = (uint8_t)(a << 4 | b);
	}
	return s.len % 2 == 0;
}

BODY(fn_decode)
{
	struct stoa_bytes s = args[0].s;
	enum form form = form_of(call, args[1].s);
	struct base64_decode_ctx ctx;
	size_t n = s.len / 2;
	bool ok;

	(void)nulls;
	(void)null;
	if (form == NEITHER)
		return STOA_EINVAL;
	uint8_t *to = (uint8_t *)stoa__call_room(call, BASE64_DECODE_LENGTH((size_t)s.len) + 1);
	if (!to)
		return STOA_ENOMEM;
	if (form == HEX) {
		ok = read_hex(s, to);
	} else {
		base64_decode_init(&ctx);
		n = BASE64_DECODE_LENGTH((size_t)s.len);
		ok = base64_decode_update(&ctx, &n, to, s.len, s.p) && base64_decode_final(&ctx);
	}
	if (!ok)
		return stoa__call_fail(call, STOA_EINVAL, "the text is not in %s",
				       form == HEX ? "hex" : "base64");
	out->s = (struct stoa_bytes){ (const char *)to, (uint32_t)n };
	return STOA_OK;
}

BODY(fn_md5)
{
	uint8_t digest[MD5_DIGEST_SIZE];
	struct md5_ctx ctx;

	(void)nulls;
	(void)null;
	md5_init(&ctx);
	md5_update(&ctx, args[0].s.len, (const uint8_t *)args[0].s.p);
	md5_digest(&ctx, sizeof digest, digest);
	return put_hex(call, digest, sizeof digest, out);
}

BODY(fn_sha256)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	(void)nulls;
	(void)null;
	sha256_init(&ctx);
	sha256_update(&ctx, args[0].s.len, (const uint8_t *)args[0].s.p);
	sha256_digest(&ctx, sizeof digest, digest);
	return put_hex(call, digest, sizeof digest, out);
}

const struct stoa__fn stoa__bit_functions[] = {
	{ "&", "ii", STOA_I64, 0, fn_and },
	{ "|", "ii", STOA_I64, 0, fn_or },
	{ "#", "ii", STOA_I64, 0, fn_xor },
	{ "<<", "ii", STOA_I64, 0, fn_left },
	{ ">>", "ii", STOA_I64, 0, fn_right },
	{ "~", "i", STOA_I64, 0, fn_not },
	{ "div", "ii", STOA_I64, STOA__FN_MAY_FAIL, fn_div },
	{ "bit_length", "t", STOA_I64, 0, fn_bit_length },
	{ "bit_length", "b", STOA_I64, 0, fn_bit_length },
	{ "encode", "bt", STOA_TEXT, STOA__FN_MAY_FAIL, fn_encode },
	{ "decode", "tt", STOA_BLOB, STOA__FN_MAY_FAIL, fn_decode },
	{ "md5", "t", STOA_TEXT, STOA__FN_MAY_FAIL, fn_md5 },
	{ "md5", "b", STOA_TEXT, STOA__FN_MAY_FAIL, fn_md5 },
	{ "sha256", "t", STOA_TEXT, STOA__FN_MAY_FAIL, fn_sha256 },
	{ "sha256", "b", STOA_TEXT, STOA__FN_MAY_FAIL, fn_sha256 },
	{ NULL, NULL, 0, 0, NULL },
};
