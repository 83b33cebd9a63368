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

static const char *next_char(const char *p, const char *end)
{
	do
		p++;
	while (p < end && !stoa__utf8_starts(*p));
	return p;
}

static bool same_char(char a, char b, bool fold_case)
{
	return a == b || (fold_case && stoa__ascii_lower(a) == stoa__ascii_lower(b));
}

static bool walk(const struct stoa__pattern *pattern, struct stoa_bytes s)
{
	const char *t = s.p, *t_end = s.p + s.len;
	const char *p = pattern->text.p, *p_end = p + pattern->text.len;
	const char *back_p = NULL, *back_t = NULL; /* behind the newest %, and where its run ends */

	while (t < t_end) {
		size_t len;
		if (p < p_end && *p == '%') {
			back_p = ++p;
			back_t = t;
		} else if (p < p_end && *p == '_') {
			p++;
			t = next_char(t, t_end);
		} else if (p < p_end &&
			   same_char(literal(p, pattern->escape, &len), *t, pattern->fold_case)) {
			p += len;
			t++;
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
