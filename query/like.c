/* SPDX-License-Identifier: MIT */
/*
 * like.c - does a string match a LIKE pattern?
 *
 * Greedy with one point of return: when the text after a % stops matching, the walk goes back to
 * that % and lets it take one byte more. An earlier % need never be tried again, for whatever follows it
 * matched at its first place already. So the cost is at most length times length, without recursion.
 * The common shapes ('abc%', '%abc%') get to memmem().
 */
#include <string.h>

#include "func.h"

/* One literal byte of the pattern at @p, escapes resolved; its length in *@len. */
static char literal(const char *p, int escape, size_t *len)
{
	if (escape && *p == (char)escape) {
		*len = 2;
		return p[1];
	}
	*len = 1;
	return *p;
}

bool stoa__like_malformed(struct stoa_bytes pattern, int escape)
{
	for (uint32_t i = 0; escape && i < pattern.len; i++)
		if (pattern.p[i] == (char)escape && ++i == pattern.len)
			return true;
	return false;
}

static const char *next_char(const char *p, const char *end)
{
	do
		p++;
	while (p < end && !stoa__utf8_starts(*p));
	return p;
}

/* '%abc%' with nothing special inside: *@inner is abc. */
static bool is_contains(struct stoa_bytes pattern, int escape, struct stoa_bytes *inner)
{
	if (pattern.len < 3 || pattern.p[0] != '%' || pattern.p[pattern.len - 1] != '%')
		return false;
	*inner = (struct stoa_bytes){ pattern.p + 1, pattern.len - 2 };
	for (uint32_t i = 0; i < inner->len; i++) {
		char c = inner->p[i];
		if (c == '%' || c == '_' || (escape && c == (char)escape))
			return false;
	}
	return true;
}

int stoa__like(struct stoa_bytes s, struct stoa_bytes pattern, int escape, bool fold_case)
{
	const char *t = s.p, *t_end = s.p + s.len;
	const char *p = pattern.p, *p_end = pattern.p + pattern.len;
	const char *back_p = NULL, *back_t = NULL;	/* behind the newest %, and where its run ends */
	struct stoa_bytes inner;

	if (!fold_case && is_contains(pattern, escape, &inner))
		return s.len >= inner.len && memmem(s.p, s.len, inner.p, inner.len) != NULL;
	while (t < t_end) {
		if (p < p_end && *p == '%') {
			back_p = ++p;
			back_t = t;
			continue;
		}
		if (p < p_end && *p == '_') {
			p++;
			t = next_char(t, t_end);
			continue;
		}
		if (p < p_end) {
			size_t len;
			char c = literal(p, escape, &len);
			if (c == *t || (fold_case && stoa__ascii_lower(c) == stoa__ascii_lower(*t))) {
				p += len;
				t++;
				continue;
			}
		}
		if (!back_p)
			return 0;
		p = back_p;
		t = back_t = next_char(back_t, t_end);
	}
	while (p < p_end && *p == '%')
		p++;
	return p == p_end;
}
