/* SPDX-License-Identifier: MIT */
/*
 * like_all.c - one LIKE pattern on many strings
 *
 * A '%word%' is looked for in many strings at a time: those that were decompressed together lie
 * one after another, so that a batch is one run of bytes, or a few. Only where the word is found
 * does it matter whose bytes those are, and whether it ends before they do.
 *
 *     run     the quick|brown fox expr|ess train|express
 *                                 ^ across a border      ^ a match
 */
#include <string.h>

#include "func.h"

#define RUN_MIN 256	/* bytes; shorter runs are searched string by string */

/* Rows [from, *end) whose strings lie one after another, empty ones anywhere; returns the bytes. */
static size_t find_run(const struct stoa_bytes *v, size_t from, size_t n, const char **start,
		       size_t *end)
{
	const char *p = NULL;
	size_t i = from;

	*start = v[from].p;
	for (; i < n; i++) {
		if (!v[i].len)
			continue;
		if (!p)
			*start = v[i].p;
		else if (v[i].p != p)
			break;
		p = v[i].p + v[i].len;
	}
	*end = i;
	return p ? (size_t)(p - *start) : 0;
}

/* Marks the rows, from @row on, of a run that contain the word. */
static void search_run(struct stoa_bytes run, struct stoa_bytes word, const struct stoa_bytes *v,
		       size_t row, uint8_t *out)
{
	const char *end = run.p + run.len, *row_end = run.p + v[row].len;

	for (;;) {
		const char *hit = stoa__find(run, word);
		if (!hit)
			return;
		while (hit >= row_end)
			row_end += v[++row].len;
		run.p = hit + 1;
		if (hit + word.len <= row_end) {
			out[row] = 1;
			run.p = row_end;
		}
		run.len = (uint32_t)(end - run.p);
	}
}

void stoa__pattern_match_all(const struct stoa__pattern *p, const struct stoa_bytes *v, size_t n,
			     const uint8_t *mask, uint8_t *out)
{
	struct stoa_bytes word = { NULL, 0 };
	bool contains = stoa__pattern_contains(p, &word);
	const char *start;
	size_t end, len;

	memset(out, 0, n);
	for (size_t i = 0; i < n; i = end) {
		len = 0;
		end = n;
		if (contains)
			len = find_run(v, i, n, &start, &end);
		if (len >= RUN_MIN && len <= UINT32_MAX) {
			search_run((struct stoa_bytes){ start, (uint32_t)len }, word, v, i, out);
			continue;
		}
		for (size_t k = i; k < end; k++)
			out[k] = (!mask || mask[k]) && stoa__pattern_match(p, v[k]);
	}
}
