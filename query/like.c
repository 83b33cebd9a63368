/* SPDX-License-Identifier: MIT */
/*
 * like.c - does a string match a LIKE pattern?
 *
 * Most patterns are one run of bytes with a % before, behind or on both sides: those compare or
 * search that run. For others the walk is greedy with one point of return: when the text after a %
 * stops matching, it goes back to that % and lets it take one character more. An earlier % need
 * never be tried again, for whatever follows it matched at its first place already. So the cost is
 * at most length times length, without recursion.
 */
#include <string.h>

#include "func.h"
#include "letters.h"

enum { GENERAL, EQUAL, PREFIX, SUFFIX, CONTAINS };

/* ---- what a pattern is ---------------------------------------------------------------------- */

static bool is_malformed(struct stoa_bytes pattern, int escape)
{
	for (uint32_t i = 0; escape && i < pattern.len; i++)
		if (pattern.p[i] == (char)escape && ++i == pattern.len)
			return true;
	return false;
}

/* No byte of it has a meaning of its own? */
static bool is_plain(struct stoa_bytes part, int escape)
{
	for (uint32_t i = 0; i < part.len; i++)
		if (part.p[i] == '%' || part.p[i] == '_' || (escape && part.p[i] == (char)escape))
			return false;
	return true;
}

bool stoa__pattern_init(struct stoa__pattern *p, struct stoa_bytes pattern, int escape,
			bool fold_case)
{
	static const uint8_t kinds[2][2] = { { EQUAL, PREFIX }, { SUFFIX, CONTAINS } };
	bool first = pattern.len > 0 && pattern.p[0] == '%';
	bool last = pattern.len > 1 && pattern.p[pattern.len - 1] == '%';

	*p = (struct stoa__pattern){ GENERAL, fold_case, escape, pattern, pattern };
	if (is_malformed(pattern, escape))
		return false;
	p->part.p += first;
	p->part.len -= (uint32_t)first + last;
	if (!fold_case && p->part.len && is_plain(p->part, escape))
		p->kind = kinds[first][last];
	return true;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static const char *next_char(const char *p, const char *end)
{
	do
		p++;
	while (p < end && !stoa__utf8_starts(*p));
	return p;
}

/*
 * Is what the pattern has at @p, escaped or not, at @t? That are bytes, or where case is folded
 * characters; *@p_len and *@t_len of them.
 */
static bool same(const struct stoa__pattern *pattern, const char *p, const char *p_end,
		 const char *t, const char *t_end, size_t *p_len, size_t *t_len)
{
	size_t escape = pattern->escape && *p == (char)pattern->escape;
	bool same;

	p += escape;
	*p_len = escape + 1;
	*t_len = 1;
	if (!pattern->fold_case)
		return *p == *t;
	if (!((*p | *t) & 0x80))
		return stoa__ascii_lower(*p) == stoa__ascii_lower(*t);
	same = stoa__letters_same(p, p_end, t, t_end, p_len, t_len);
	*p_len += escape;
	return same;
}

static bool walk(const struct stoa__pattern *pattern, struct stoa_bytes s)
{
	const char *t = s.p, *t_end = s.p + s.len;
	const char *p = pattern->text.p, *p_end = p + pattern->text.len;
	const char *back_p = NULL, *back_t = NULL; /* behind the newest %, and where its run ends */

	while (t < t_end) {
		size_t p_len, t_len;
		if (p < p_end && *p == '%') {
			back_p = ++p;
			back_t = t;
		} else if (p < p_end && *p == '_') {
			p++;
			t = next_char(t, t_end);
		} else if (p < p_end && same(pattern, p, p_end, t, t_end, &p_len, &t_len)) {
			p += p_len;
			t += t_len;
		} else if (back_p) {
			p = back_p;
			t = back_t = next_char(back_t, t_end);
		} else {
			return false;
		}
	}
	while (p < p_end && *p == '%')
		p++;
	return p == p_end;
}

bool stoa__pattern_match(const struct stoa__pattern *p, struct stoa_bytes s)
{
	uint32_t n = p->part.len;

	if (p->kind == GENERAL)
		return walk(p, s);
	if (s.len < n)
		return false;
	switch (p->kind) {
	case EQUAL: return s.len == n && !memcmp(s.p, p->part.p, n);
	case PREFIX: return !memcmp(s.p, p->part.p, n);
	case SUFFIX: return !memcmp(s.p + (s.len - n), p->part.p, n);
	default: return stoa__find(s, p->part) != NULL;
	}
}

bool stoa__pattern_contains(const struct stoa__pattern *p, struct stoa_bytes *word)
{
	*word = p->part;
	return p->kind == CONTAINS;
}
