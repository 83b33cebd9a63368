/* SPDX-License-Identifier: MIT */
/*
 * func_regex.c - functions of regular expressions, and what ~ and its kin call
 *
 * Names are PostgreSQL's, regexp_matches() and regexp_extract() DuckDB's; positions of characters
 * are not told by any.
 */
#include <string.h>

#include "../lib/core/error.h"
#include "../lib/core/text.h"
#include "regex.h"

#define UNUSED_NULLS ((void)nulls, (void)null)

static const struct stoa_bytes no_flags = { "", 0 };

static struct stoa_bytes part(struct stoa_bytes s, size_t from, size_t to)
{
	return (struct stoa_bytes){ s.p + from, (uint32_t)(to - from) };
}

/* After a match of nothing at @at, the next is looked for one character on. */
static size_t step_on(struct stoa_bytes s, size_t at)
{
	do {
		at++;
	} while (at < s.len && !stoa__utf8_starts(s.p[at]));
	return at;
}

/* ---- like, count ----------------------------------------------------------------------------- */

static int like(struct stoa__call *call, struct stoa_bytes s, struct stoa_bytes pattern,
		struct stoa_bytes flags, union stoa__datum *out)
{
	struct stoa__regex *r;

	STOA_TRY(stoa__regex_get(call, pattern, flags, &r));
	int rc = stoa__regex_find(call, r, s, 0);
	out->i = rc == STOA_ROW;
	return rc < 0 ? rc : STOA_OK;
}

static int fn_like2(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return like(call, args[0].s, args[1].s, no_flags, out);
}

static int fn_like3(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return like(call, args[0].s, args[1].s, args[2].s, out);
}

static int fn_count(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		    union stoa__datum *out, bool *null)
{
	struct stoa_bytes s = args[0].s;
	struct stoa__regex *r;
	size_t at = 0, from, to;
	int rc = STOA_ROW;

	UNUSED_NULLS;
	STOA_TRY(stoa__regex_get(call, args[1].s, no_flags, &r));
	out->i = 0;
	while (at <= s.len && (rc = stoa__regex_find(call, r, s, at)) == STOA_ROW &&
	       stoa__regex_group(r, 0, &from, &to)) {
		out->i++;
		at = to > from ? to : step_on(s, to);
	}
	return rc < 0 ? rc : STOA_OK;
}

/* ---- extract --------------------------------------------------------------------------------- */

/* NULL where there is no match, or no such group in it. */
static int extract(struct stoa__call *call, struct stoa_bytes s, struct stoa_bytes pattern,
		   int64_t group, union stoa__datum *out, bool *null)
{
	struct stoa__regex *r;
	size_t from, to;

	STOA_TRY(stoa__regex_get(call, pattern, no_flags, &r));
	if (group < 0 || group > stoa__regex_n_groups(r))
		return stoa__call_fail(call, STOA_ERANGE,
				       "the regular expression has no group %lld", (long long)group);
	int rc = stoa__regex_find(call, r, s, 0);
	if (rc < 0)
		return rc;
	*null = rc != STOA_ROW || !stoa__regex_group(r, (uint32_t)group, &from, &to);
	if (!*null)
		out->s = part(s, from, to);
	return STOA_OK;
}

static int fn_extract2(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		       union stoa__datum *out, bool *null)
{
	(void)nulls;
	return extract(call, args[0].s, args[1].s, 0, out, null);
}

static int fn_extract3(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		       union stoa__datum *out, bool *null)
{
	(void)nulls;
	return extract(call, args[0].s, args[1].s, args[2].i, out, null);
}

/* ---- replace --------------------------------------------------------------------------------- */

/*
 * What @with stands for at the newest match: \1 to \9 are groups, \& all of it, \\ a backslash.
 * Writes it to @to unless that is NULL; returns its bytes.
 */
static size_t expand(const struct stoa__regex *r, struct stoa_bytes s, struct stoa_bytes with,
		     char *to)
{
	size_t len = 0, from, end;

	for (uint32_t i = 0; i < with.len; i++) {
		struct stoa_bytes piece = { with.p + i, 1 };
		char c = i + 1 < with.len ? with.p[i + 1] : 0;
		if (with.p[i] == '\\' && (c == '&' || (c >= '0' && c <= '9'))) {
			uint32_t group = c == '&' ? 0 : (uint32_t)(c - '0');
			bool there = stoa__regex_group(r, group, &from, &end);
			piece = there ? part(s, from, end) : (struct stoa_bytes){ "", 0 };
			i++;
		} else if (with.p[i] == '\\' && c == '\\') {
			i++;
		}
		if (to && piece.len)
			memcpy(to + len, piece.p, piece.len);
		len += piece.len;
	}
	return len;
}

static size_t put(char *to, size_t at, struct stoa_bytes s)
{
	if (to && s.len)
		memcpy(to + at, s.p, s.len);
	return at + s.len;
}

/* One pass: to count bytes, with @to NULL, and again to write them. */
static int replace_pass(struct stoa__call *call, struct stoa__regex *r,
			const union stoa__datum *args, bool all, char *to, size_t *len)
{
	struct stoa_bytes s = args[0].s;
	size_t at = 0, done = 0, from, end;
	int rc = STOA_END;

	*len = 0;
	while (at <= s.len && (rc = stoa__regex_find(call, r, s, at)) == STOA_ROW &&
	       stoa__regex_group(r, 0, &from, &end)) {
		*len = put(to, *len, part(s, done, from));
		*len += expand(r, s, args[2].s, to ? to + *len : NULL);
		done = end;
		at = end > from ? end : step_on(s, end);
		if (!all || *len > STOA_TEXT_MAX)
			break;
	}
	if (rc < 0)
		return rc;
	*len = put(to, *len, part(s, done, s.len));
	return STOA_OK;
}

static int replace(struct stoa__call *call, const union stoa__datum *args, struct stoa_bytes flags,
		   union stoa__datum *out)
{
	bool all = flags.len && memchr(flags.p, 'g', flags.len);
	struct stoa__regex *r;
	size_t len;

	STOA_TRY(stoa__regex_get(call, args[1].s, flags, &r));
	STOA_TRY(replace_pass(call, r, args, all, NULL, &len));
	char *p = stoa__call_room(call, len);
	if (!p)
		return len > STOA_TEXT_MAX ? STOA_ERANGE : STOA_ENOMEM;
	STOA_TRY(replace_pass(call, r, args, all, p, &len));
	out->s = (struct stoa_bytes){ p, (uint32_t)len };
	return STOA_OK;
}

static int fn_replace3(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		       union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return replace(call, args, no_flags, out);
}

static int fn_replace4(struct stoa__call *call, const union stoa__datum *args, const bool *nulls,
		       union stoa__datum *out, bool *null)
{
	UNUSED_NULLS;
	return replace(call, args, args[3].s, out);
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct stoa__fn stoa__fn_regexp_like = { "regexp_like", "ttt", STOA_BOOL, STOA__FN_MAY_FAIL,
					       fn_like3 };

const struct stoa__fn stoa__regex_functions[] = {
	{ "regexp_like", "tt", STOA_BOOL, STOA__FN_MAY_FAIL, fn_like2 },
	{ "regexp_like", "ttt", STOA_BOOL, STOA__FN_MAY_FAIL, fn_like3 },
	{ "regexp_matches", "tt", STOA_BOOL, STOA__FN_MAY_FAIL, fn_like2 },
	{ "regexp_matches", "ttt", STOA_BOOL, STOA__FN_MAY_FAIL, fn_like3 },
	{ "regexp_count", "tt", STOA_I64, STOA__FN_MAY_FAIL, fn_count },
	{ "regexp_substr", "tt", STOA_TEXT, STOA__FN_MAY_FAIL, fn_extract2 },
	{ "regexp_extract", "tt", STOA_TEXT, STOA__FN_MAY_FAIL, fn_extract2 },
	{ "regexp_extract", "tti", STOA_TEXT, STOA__FN_MAY_FAIL, fn_extract3 },
	{ "regexp_replace", "ttt", STOA_TEXT, STOA__FN_MAY_FAIL, fn_replace3 },
	{ "regexp_replace", "tttt", STOA_TEXT, STOA__FN_MAY_FAIL, fn_replace4 },
	{ NULL, NULL, 0, 0, NULL },
};
