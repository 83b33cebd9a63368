/* SPDX-License-Identifier: MIT */
/*
 * regex.h - regular expressions, by PCRE2; the only place that includes <pcre2.h> is regex.c
 */
#ifndef STOA__REGEX_H
#define STOA__REGEX_H

#include "func.h"

/*
 * A compiled pattern. It belongs to the thread that asked for it, and stays until that thread has
 * asked for some others: use it at once.
 */
struct stoa__regex;

/*
 * @flags: PostgreSQL's letters: c, i (whatever case), n or m (lines: ^ and $ at each, . not
 * beyond), x (blanks and comments in the pattern), s (one string, the default); g is the caller's.
 * STOA_ESYNTAX for a bad pattern, STOA_EINVAL for other letters, at the call's place.
 */
int stoa__regex_get(struct stoa__call *call, struct stoa_bytes pattern, struct stoa_bytes flags,
		    struct stoa__regex **out);
/*
 * The first match in @s from byte @from on: STOA_ROW; STOA_END; STOA_EFULL if the pattern is given
 * up, for it would take too long on this string.
 */
int stoa__regex_find(struct stoa__call *call, struct stoa__regex *r, struct stoa_bytes s,
		     size_t from);
/*
 * Group @i of the newest match, 0 for all of it: its bytes in [*from, *to); false if it has no part
 * in it.
 */
bool stoa__regex_group(const struct stoa__regex *r, uint32_t i, size_t *from, size_t *to);
uint32_t stoa__regex_n_groups(const struct stoa__regex *r);

#endif
