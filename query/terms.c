/* SPDX-License-Identifier: MIT */
/*
 * terms.c - conditions as lists of terms that all must hold
 *
 * Comparisons of an integer column (dates and decimals are integers) with constants become ranges
 * (STOA__CODE_RANGE), and ranges of one column one: a single unsigned comparison by row, and what
 * zone maps answer.
 */
#include <string.h>

#include "plan.h"
#include "prog.h"

static size_t count_terms(const struct stoa__bound *b)
{
	size_t n = 0;

	if (b->kind != STOA__BOUND_AND)
		return 1;
	for (uint32_t i = 0; i < b->n_args; i++)
		n += count_terms(b->args[i]);
	return n;
}

static void list_terms(struct stoa__bound *b, struct stoa__bound **out, size_t *n)
{
	if (b->kind != STOA__BOUND_AND) {
		out[(*n)++] = b;
		return;
	}
	for (uint32_t i = 0; i < b->n_args; i++)
		list_terms(b->args[i], out, n);
}

struct stoa__bound **stoa__terms_split(struct stoa__binder *bn, struct stoa__bound *b, size_t *n)
{
	struct stoa__bound **terms;

	*n = 0;
	if (!b)
		return NULL;
	terms = stoa__bind_array(bn, count_terms(b), sizeof(*terms));
	if (terms)
		list_terms(b, terms, n);
	return terms;
}

/* Is @b `integer column op constant`? Then the range of values that pass. */
static bool as_range(const struct stoa__bound *b, int64_t *lo, int64_t *hi)
{
	if (b->kind != STOA__BOUND_OP || b->code != STOA__CODE_COMPARE ||
	    b->args[0]->kind != STOA__BOUND_COLUMN || b->args[1]->kind != STOA__BOUND_CONST ||
	    b->args[1]->value.type == STOA_NULL ||
	    stoa__prog_phys(b->args[0]->type.type) != STOA__PHYS_I64)
		return false;
	int64_t x = b->args[1]->value.i;
	*lo = INT64_MIN;
	*hi = INT64_MAX;
	switch (b->op) {
	case STOA__OP_EQ: *lo = *hi = x; return true;
	case STOA__OP_LE: *hi = x; return true;
	case STOA__OP_GE: *lo = x; return true;
	case STOA__OP_LT:
		*hi = x == INT64_MIN ? INT64_MIN : x - 1;
		if (x == INT64_MIN)
			*lo = INT64_MAX;
		return true;
	case STOA__OP_GT:
		*lo = x == INT64_MAX ? INT64_MAX : x + 1;
		if (x == INT64_MAX)
			*hi = INT64_MIN;
		return true;
	default: return false;
	}
}

static struct stoa__bound *find_range(struct stoa__bound **terms, size_t n, uint32_t column)
{
	for (size_t i = 0; i < n; i++)
		if (terms[i]->kind == STOA__BOUND_OP && terms[i]->code == STOA__CODE_RANGE &&
		    terms[i]->args[0]->index == column)
			return terms[i];
	return NULL;
}

static struct stoa__bound *new_range(struct stoa__binder *bn, const struct stoa__bound *b,
				     int64_t lo, int64_t hi)
{
	struct stoa__token at = stoa__bound_place(b);
	struct stoa__bound *r =
		stoa__bound_new(bn, STOA__BOUND_OP, &at, stoa__type_plain(STOA_BOOL), 1);

	if (!r)
		return NULL;
	r->code = STOA__CODE_RANGE;
	r->lo = lo;
	r->hi = hi;
	r->args[0] = b->args[0];
	r->not_null = b->args[0]->not_null;
	return r;
}

size_t stoa__terms_ranges(struct stoa__binder *bn, struct stoa__bound **terms, size_t n)
{
	struct stoa__bound **rest = stoa__bind_array(bn, n, sizeof(*rest));
	size_t n_ranges = 0, n_rest = 0;
	int64_t lo, hi;

	for (size_t i = 0; rest && i < n; i++) {
		struct stoa__bound *b = terms[i], *have;
		if (!as_range(b, &lo, &hi)) {
			rest[n_rest++] = b;
			continue;
		}
		have = find_range(terms, n_ranges, b->args[0]->index);
		if (have) {
			have->lo = lo > have->lo ? lo : have->lo;
			have->hi = hi < have->hi ? hi : have->hi;
			continue;
		}
		terms[n_ranges] = new_range(bn, b, lo, hi);
		if (!terms[n_ranges++])
			return 0;
	}
	if (n_rest)
		memcpy(terms + n_ranges, rest, n_rest * sizeof(*rest));
	return n_ranges + n_rest;
}
