/* SPDX-License-Identifier: MIT */
/*
 * rounds.c - one case, from its data to its table
 *
 * Every entry prepares its data; then rounds, in each of which the entries run once in turn, so
 * that whatever the machine does besides hits all alike; then the answers of all runs are compared,
 * and the table is printed.
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_config bench_config = {
	.sf = 1, .rounds = 3, .cap_s = 300, .seed = 20260101, .peers = true, .dir = "bench-data"
};

/* ---- answers ---- */

/* Cells end with a bar or a newline; numbers may differ in their last digits. */
static bool same_cell(const char *a, size_t a_len, const char *b, size_t b_len)
{
	char *a_end, *b_end;

	if (a_len == b_len && memcmp(a, b, a_len) == 0)
		return true;
	double x = strtod(a, &a_end);
	double y = strtod(b, &b_end);
	return a_len && b_len && a_end == a + a_len && b_end == b + b_len &&
	       fabs(x - y) <= 1e-8 * fmax(fabs(x), fabs(y));
}

static bool same_answer(const char *a, const char *b)
{
	while (*a && *b) {
		size_t a_len = strcspn(a, "|\n");
		size_t b_len = strcspn(b, "|\n");

		if (a[a_len] != b[b_len] || !same_cell(a, a_len, b, b_len))
			return false;
		a += a_len + (a[a_len] != 0);
		b += b_len + (b[b_len] != 0);
	}
	return *a == *b;
}

static void compare_answers(struct bench_outcome *o)
{
	const struct bench_run *first = NULL;

	o->answers_agree = true;
	for (size_t e = 0; e < o->c->n_entries; e++) {
		for (unsigned r = 0; r < o->rounds; r++) {
			const struct bench_run *run = &o->runs[e][r];

			if (run->state != BENCH_OK || run->answer_len == 0)
				continue;
			if (!first)
				first = run;
			o->answers_agree &= same_answer(run->answer, first->answer);
		}
	}
}

/* ---- rounds ---- */

static bool is_run(const struct bench_entry *e)
{
	return bench_config.peers || strcmp(e->peer, "stoa") == 0;
}

/* Preparing may take so many times as long as a run: it is done once and often kept. */
#define PREPARE_CAPS 4

/* Entries that cannot prepare have only that to say: it becomes the first of their runs. */
static void prepare_all(struct bench_outcome *o, bool *ready)
{
	for (size_t e = 0; e < o->c->n_entries; e++) {
		const struct bench_entry *entry = &o->c->entries[e];

		ready[e] = false;
		if (!is_run(entry))
			continue;
		bench_run_child(entry->prepare, o->c, entry, PREPARE_CAPS * bench_config.cap_s,
				&o->runs[e][0]);
		ready[e] = o->runs[e][0].state == BENCH_OK;
	}
}

static void run_rounds(struct bench_outcome *o, bool *ready)
{
	for (unsigned r = 0; r < o->rounds; r++) {
		for (size_t e = 0; e < o->c->n_entries; e++) {
			if (!ready[e] || (bench_config.stopped && bench_config.stopped()))
				continue;
			bench_run_child(o->c->entries[e].run, o->c, &o->c->entries[e],
					bench_config.cap_s, &o->runs[e][r]);
			/* What failed or is not there once will be no better next time. */
			if (o->runs[e][r].state != BENCH_OK)
				ready[e] = false;
		}
	}
}

bool bench_run_case(const struct bench_case *c, struct bench_outcome *o)
{
	bool ready[BENCH_ENTRIES_MAX];
	bool ok = true;

	o->c = c;
	o->rounds = bench_config.rounds;
	for (size_t e = 0; e < c->n_entries; e++) {
		o->runs[e] = calloc(o->rounds, sizeof(*o->runs[e]));
		if (!o->runs[e])
			bench_die("out of memory");
	}
	fprintf(stderr, "%s ...\n", c->name);
	prepare_all(o, ready);
	run_rounds(o, ready);
	compare_answers(o);
	bench_report_case(o);
	for (size_t e = 0; e < c->n_entries; e++)
		for (unsigned r = 0; r < o->rounds; r++)
			ok &= o->runs[e][r].state != BENCH_FAILED;
	return ok && o->answers_agree;
}
