/* SPDX-License-Identifier: MIT */
/*
 * json.c - every run of every case, for whoever wants to look closer
 *
 *     { "date": "2026-01-31", "machine": "...", "versions": "...",
 *       "sf": 1, "rounds": 3, "cap_s": 300, "seed": 1,
 *       "cases": [ { "name": "...", "title": "...",
 *                    "entries": [ { "peer": "...", "settings": "...",
 *                                   "runs": [ { "state": "ok", "seconds": 1.5, "answer": "...",
 *                                               "metrics": { "reads": 5210000 },
 *                                               "curves": { "disk": { "unit": "of new", "x": "...",
 *                                                           "points": [ [0.5, 1.2] ] } } } ],
 *                                   "medians": { "reads": 5210000 } } ],
 *                    "units": { "reads": "1/s" }, "senses": { "reads": "more" },
 *                    "targets": [ { "metric": "reads", "peer": "sqlite", "bound": 10,
 *                                   "value": 11.8, "reached": true } ] } ] }
 */
#include "bench.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

static const char *state_name(const struct bench_run *run)
{
	switch (run->state) {
	case BENCH_OK:
		return "ok";
	case BENCH_SKIPPED:
		return "left out";
	case BENCH_CAPPED:
		return "capped";
	case BENCH_FAILED:
		return "failed";
	case BENCH_NOT_RUN:
		break;
	}
	return "not run";
}

static json_t *curves_json(const struct bench_run *run)
{
	json_t *curves = json_object();

	for (size_t i = 0; i < run->n_curves; i++) {
		const struct bench_curve *c = &run->curves[i];
		json_t *points = json_array();

		for (size_t p = 0; p < c->n; p++)
			json_array_append_new(points, json_pack("[f, f]", c->x[p], c->y[p]));
		json_object_set_new(curves, c->name,
				    json_pack("{s:s, s:s, s:o}", "unit", c->unit, "x", c->x_name,
					      "points", points));
	}
	return curves;
}

static json_t *run_json(const struct bench_run *run)
{
	json_t *metrics = json_object();

	for (size_t m = 0; m < run->n_metrics; m++)
		json_object_set_new(metrics, run->metrics[m].name,
				    json_real(run->metrics[m].value));
	json_t *j = json_pack("{s:s, s:f, s:o}", "state", state_name(run), "seconds", run->wall_s,
			      "metrics", metrics);
	if (run->n_curves)
		json_object_set_new(j, "curves", curves_json(run));
	if (run->text[0])
		json_object_set_new(j, "text", json_string(run->text));
	if (run->answer_len)
		json_object_set_new(j, "answer", json_stringn(run->answer, run->answer_len));
	return j;
}

static json_t *entry_json(const struct bench_outcome *o, size_t e, json_t *units, json_t *senses)
{
	json_t *runs = json_array();
	json_t *medians = json_object();

	for (unsigned r = 0; r < o->rounds; r++) {
		const struct bench_run *run = &o->runs[e][r];

		json_array_append_new(runs, run_json(run));
		for (size_t m = 0; m < run->n_metrics; m++) {
			const struct bench_metric *metric = &run->metrics[m];
			double median;

			json_object_set_new(units, metric->name, json_string(metric->unit));
			json_object_set_new(senses, metric->name,
					    json_string(metric->sense == BENCH_LESS ? "less" :
										      "more"));
			if (bench_median(o, e, metric->name, &median))
				json_object_set_new(medians, metric->name, json_real(median));
		}
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "peer", o->c->entries[e].peer, "settings",
			 o->c->entries[e].settings, "runs", runs, "medians", medians);
}

static json_t *target_json(const struct bench_outcome *o, const struct bench_target *t)
{
	double value = 0;
	bool known;
	bool reached = bench_target_reached(o, t, &value, &known);
	json_t *j = json_pack("{s:s, s:s?, s:f, s:b}", "metric", t->metric, "peer", t->peer,
			      "bound", t->bound, "reached", reached);

	if (known)
		json_object_set_new(j, "value", json_real(value));
	return j;
}

static json_t *case_json(const struct bench_outcome *o)
{
	json_t *entries = json_array();
	json_t *targets = json_array();
	json_t *units = json_object();
	json_t *senses = json_object();

	for (size_t e = 0; e < o->c->n_entries; e++)
		json_array_append_new(entries, entry_json(o, e, units, senses));
	for (size_t t = 0; t < o->c->n_targets; t++)
		json_array_append_new(targets, target_json(o, &o->c->targets[t]));
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "name", o->c->name, "title",
			 o->c->title, "answers_agree", o->answers_agree, "entries", entries,
			 "units", units, "senses", senses, "targets", targets);
}

bool bench_json_write(const char *path, const struct bench_outcome *outcomes, size_t n)
{
	struct bench_machine machine;
	json_t *cases = json_array();
	time_t now = time(NULL);
	char date[16];

	bench_machine_describe(&machine);
	strftime(date, sizeof(date), "%Y-%m-%d", localtime(&now));
	for (size_t i = 0; i < n; i++)
		json_array_append_new(cases, case_json(&outcomes[i]));
	json_t *j = json_pack("{s:s, s:s, s:s, s:f, s:i, s:i, s:I, s:o}", "date", date, "machine",
			      machine.words, "versions", machine.versions, "sf", bench_config.sf,
			      "rounds", (int)bench_config.rounds, "cap_s", (int)bench_config.cap_s,
			      "seed", (json_int_t)bench_config.seed, "cases", cases);
	bool ok = j && json_dump_file(j, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;

	json_decref(j);
	return ok;
}
