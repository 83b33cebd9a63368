/* SPDX-License-Identifier: MIT */
/* letters.c - see letters.h */
#include "letters.h"

#include <string.h>
#include <utf8proc.h>

/* The character at @p, or the byte there below 0 if it begins none; *@len of its bytes. */
static int32_t decode(const char *p, const char *end, size_t *len)
{
	utf8proc_int32_t c = (unsigned char)*p;

	*len = 1;
	if (c < 0x80)
		return c;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)p, end - p, &c);
	if (n <= 0)
		return -(int32_t)(unsigned char)*p;
	*len = (size_t)n;
	return c;
}

static int32_t lower(int32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	return utf8proc_tolower(c);
}

static int32_t upper(int32_t c)
{
	if (c < 0x80)
		return c >= 'a' && c <= 'z' ? c & ~0x20 : c;
	return utf8proc_toupper(c);
}

/* A letter, a mark on one, or a digit. */
static bool is_of_word(int32_t c)
{
	if (c < 0)
		return false;
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO: return true;
	default: return false;
	}
}

static size_t put(int32_t c, char *out)
{
	utf8proc_uint8_t bytes[4] = { (utf8proc_uint8_t)(c < 0 ? -c : c) };
	size_t n = c < 0x80 ? 1 : (size_t)utf8proc_encode_char(c, bytes);

	if (out)
		memcpy(out, bytes, n);
	return n;
}

static bool is_ascii(struct stoa_bytes s)
{
	char all = 0;

	for (uint32_t i = 0; i < s.len; i++)
		all |= s.p[i];
	return !(all & 0x80);
}

static void put_ascii(struct stoa_bytes s, char first, char *out)
{
	for (uint32_t i = 0; i < s.len; i++)
		out[i] = (char)(s.p[i] ^ (s.p[i] >= first && s.p[i] < first + 26) << 5);
}

size_t stoa__letters(struct stoa_bytes s, enum stoa__letters as, char *out)
{
	const char *p = s.p, *end = s.p + s.len;
	bool inside = false;
	size_t total = 0, len;

	if (as != STOA__INITIALS && is_ascii(s)) {
		if (out)
			put_ascii(s, as == STOA__UPPER ? 'a' : 'A', out);
		return s.len;
	}
	for (; p < end; p += len) {
		int32_t c = decode(p, end, &len);
		bool is_upper = as == STOA__UPPER || (as == STOA__INITIALS && !inside);

		if (c >= 0)
			c = is_upper ? upper(c) : lower(c);
		if (as == STOA__INITIALS)
			inside = is_of_word(c);
		total += put(c, out ? out + total : NULL);
	}
	return total;
}

bool stoa__letters_same(const char *a, const char *a_end, const char *b, const char *b_end,
			size_t *a_len, size_t *b_len)
{
	int32_t x = decode(a, a_end, a_len), y = decode(b, b_end, b_len);

	return x == y || (x >= 0 && y >= 0 && lower(x) == lower(y));
}
