/* SPDX-License-Identifier: MIT */
/*
 * report.c - the table of a case
 *
 *     point-read: whole rows of orders by rowid, in one read transaction
 *       stoa      durable database, stoa_get()
 *       ...
 *                             stoa          sqlite            lmdb   wanted
 *       reads 1/s           A +-b%          C (Dx)          E (Fx)   10x sqlite: yes; ...
 *
 * Values are medians over the rounds, with the spread of stoa's own in percent after it. The
 * factor beside a peer says how many times as good stoa is: above 1 stoa is ahead, whether more or
 * less is better.
 */
#include "bench.h"
#include "format.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 22

/* Half the distance between the slowest and the fastest round, in percent of the median. */
static double spread(const struct bench_outcome *o, size_t e, const char *name, double median)
{
	double least = median;
	double most = median;

	for (unsigned r = 0; r < o->rounds; r++) {
		const struct bench_run *run = &o->runs[e][r];

		for (size_t m = 0; m < run->n_metrics; m++) {
			if (strcmp(run->metrics[m].name, name) != 0)
				continue;
			double v = run->metrics[m].value;
			least = v < least ? v : least;
			most = v > most ? v : most;
		}
	}
	return median > 0 ? 50 * (most - least) / median : 0;
}

/* Of a peer that was stopped only a least time is known. */
static void print_capped(const struct bench_outcome *o, const struct bench_metric *m)
{
	char cell[64] = "capped";
	double ours;

	if (bench_is_time(m) && bench_median(o, 0, m->name, &ours) && ours > 0)
		snprintf(cell, sizeof(cell), "> %u (> %.3gx)", bench_config.cap_s,
			 bench_config.cap_s / ours);
	printf("  %*s", COLUMN, cell);
}

static void print_cell(const struct bench_outcome *o, size_t e, const struct bench_metric *m)
{
	char value[32], cell[64];
	double ours, v;

	if (bench_is_capped(o, e)) {
		print_capped(o, m);
		return;
	}
	if (!bench_median(o, e, m->name, &v)) {
		printf("  %*s", COLUMN, "-");
		return;
	}
	bench_format_value(v, value, sizeof(value));
	if (e == 0) {
		snprintf(cell, sizeof(cell), "%s \302\261%.0f%%", value, spread(o, e, m->name, v));
		printf("  %*s", COLUMN + 1, cell); /* the sign has two bytes */
		return;
	}
	if (!bench_median(o, 0, m->name, &ours) || ours <= 0 || v <= 0)
		snprintf(cell, sizeof(cell), "%s", value);
	else
		snprintf(cell, sizeof(cell), "%s (%.3gx)", value,
			 m->sense == BENCH_LESS ? v / ours : ours / v);
	printf("  %*s", COLUMN, cell);
}

static void print_targets(const struct bench_outcome *o, const char *metric)
{
	const char *between = "   ";

	for (size_t i = 0; i < o->c->n_targets; i++) {
		const struct bench_target *t = &o->c->targets[i];
		double ratio;
		bool known;

		if (strcmp(t->metric, metric) != 0)
			continue;
		bool reached = bench_target_reached(o, t, &ratio, &known);
		const char *verdict = !known ? "not known" : reached ? "yes" : "NO";
		if (t->peer)
			printf("%s%.3gx %s: %s", between, t->bound, t->peer, verdict);
		else
			printf("%s%g: %s", between, t->bound, verdict);
		between = "; ";
	}
	putchar('\n');
}

static void print_metric(const struct bench_outcome *o, const struct bench_metric *m)
{
	char label[48];

	snprintf(label, sizeof(label), "%s %s", m->name, m->unit);
	printf("  %-28s", label);
	for (size_t e = 0; e < o->c->n_entries; e++)
		print_cell(o, e, m);
	print_targets(o, m->name);
}

/* Metrics by the order of the first run that went well, whoever's it is. */
static const struct bench_run *model_run(const struct bench_outcome *o)
{
	for (size_t e = 0; e < o->c->n_entries; e++)
		for (unsigned r = 0; r < o->rounds; r++)
			if (o->runs[e][r].state == BENCH_OK)
				return &o->runs[e][r];
	return NULL;
}

static void print_troubles(const struct bench_outcome *o)
{
	for (size_t e = 0; e < o->c->n_entries; e++) {
		for (unsigned r = 0; r < o->rounds; r++) {
			const struct bench_run *run = &o->runs[e][r];

			if (run->state == BENCH_OK || run->state == BENCH_NOT_RUN)
				continue;
			printf("  %s %s: %s\n", o->c->entries[e].peer,
			       run->state == BENCH_FAILED ? "FAILED" :
			       run->state == BENCH_CAPPED ? "capped" :
							    "left out",
			       run->text);
			break;
		}
	}
	if (!o->answers_agree)
		printf("  ANSWERS DIFFER between entries: see the JSON\n");
}

void bench_report_case(const struct bench_outcome *o)
{
	const struct bench_run *model = model_run(o);

	printf("\n%s: %s\n", o->c->name, o->c->title);
	for (size_t e = 0; e < o->c->n_entries; e++)
		printf("  %-17s %s\n", o->c->entries[e].peer, o->c->entries[e].settings);
	if (model) {
		printf("  %-28s", "");
		for (size_t e = 0; e < o->c->n_entries; e++)
			printf("  %*s", COLUMN, o->c->entries[e].peer);
		printf("   %s\n", o->c->n_targets ? "wanted" : "");
		for (size_t m = 0; m < model->n_metrics; m++)
			print_metric(o, &model->metrics[m]);
	}
	print_troubles(o);
	fflush(stdout);
}
