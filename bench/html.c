/* SPDX-License-Identifier: MIT */
/*
 * html.c - a run of the bench as a page
 *
 * One file without scripts or links: what the machine was, how to read it, every figure wanted
 * and whether it was reached, one plot of all ratios, then each case with a plot for each metric,
 * settings and troubles. It reads what json.c writes and adds nothing that is not in it.
 */
#include "format.h"
#include "plot.h"
#include "results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RATIOS_MAX 512

static const char style[] =
	":root{color-scheme:light dark;--bg:#fbfbf9;--fg:#1d2126;--dim:#667079;--rule:#d9dcdd;"
	"--card:#fff;--stoa:#0f766e;--sqlite:#3b6fb6;--lmdb:#8a5cb8;--duckdb:#c98a00;"
	"--duckdb2:#a8520f;--bare:#7c858c;--rocksdb:#5d7f2b;--redis:#c0392b;--good:#0b7a3e;"
	"--bad:#b3261e}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e8ea;--dim:#98a2aa;"
	"--rule:#333a40;--card:#1b1f23;--stoa:#2dd4bf;--sqlite:#7aa7e8;--lmdb:#b894e6;"
	"--duckdb:#f2c14e;--duckdb2:#e58e4e;--bare:#9aa4ab;--rocksdb:#a3c66b;--redis:#ef7a6d;"
	"--good:#5fd08d;--bad:#ff8a80}}\n"
	"body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;margin:0 auto;"
	"max-width:860px;padding:2rem 1.2rem 4rem}\n"
	"h1{font-size:1.7rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.4rem 0 .4rem}\n"
	"h2 a{color:inherit;text-decoration:none}\n"
	"section.case{background:var(--card);border:1px solid var(--rule);border-radius:8px;"
	"padding:.2rem 1.1rem .9rem;margin:1rem 0}section.case h2{margin-top:.8rem}\n"
	"h3{font-size:.9rem;margin:.8rem 0 .1rem;font-weight:600}h3 span{color:var(--dim);"
	"font-weight:400}\n"
	"p.dim,dl,li{color:var(--dim);font-size:.88rem}dl{display:grid;"
	"grid-template-columns:max-content 1fr;gap:0 .8rem;margin:.5rem 0}dt{font-weight:600}"
	"dd{margin:0}\n"
	"table{border-collapse:collapse;width:100%;font-size:.88rem}th{text-align:left;"
	"color:var(--dim);font-weight:600}td,th{padding:.22rem .5rem;border-bottom:1px solid "
	"var(--rule)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
	"td a{color:inherit}\n"
	".yes{color:var(--good);font-weight:600}.no{color:var(--bad);font-weight:600}"
	".unknown{color:var(--dim)}p.trouble{color:var(--bad);font-size:.88rem}\n"
	"svg{display:block;width:100%;height:auto}svg text{font:12px system-ui,sans-serif;"
	"fill:var(--fg)}svg .peer,svg .value,svg .factor{text-anchor:end}svg .tick{text-anchor:"
	"middle;fill:var(--dim)}svg .note{fill:var(--dim)}svg .value{"
	"font-variant-numeric:tabular-nums}\n"
	"svg .factor{font-weight:600}svg .ahead{fill:var(--good)}svg .behind{fill:var(--bad)}\n"
	"svg .axis,svg .grid{stroke:var(--rule)}svg .one{stroke:var(--fg)}svg .spread{"
	"stroke:var(--fg);stroke-width:1.2}svg .run{fill:var(--fg);fill-opacity:.75}svg .bar{"
	"fill-opacity:.85}svg .dot{stroke:var(--bg);stroke-width:1.5}\n"
	".p-stoa{color:var(--stoa)}.p-sqlite{color:var(--sqlite)}.p-lmdb,.p-sqlite-av{color:var("
	"--lmdb)}.p-duckdb{color:var(--duckdb)}.p-duckdb-unordered{color:var(--duckdb2)}"
	".p-bare,.p-other{color:var(--bare)}.p-rocksdb{color:var(--rocksdb)}.p-redis{"
	"color:var(--redis)}[class*=p-]{fill:currentColor}\n"
	"svg .curve{fill:none;stroke:currentColor;stroke-width:1.8}\n"
	".legend svg{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem -.05rem .9rem}\n"
	"@media print{section.case{break-inside:avoid}}\n";

/* ---- reading ---- */

/* Why entry @e has nothing to show, from the first of its runs that says so. */
static void why_nothing(const json_t *e, char *out, size_t size)
{
	const json_t *run;
	size_t i;

	snprintf(out, size, "not run");
	json_array_foreach(json_object_get(e, "runs"), i, run)
	{
		if (!*text_of(run, "text"))
			continue;
		snprintf(out, size, "%s: %s", text_of(run, "state"), text_of(run, "text"));
		return;
	}
}

static void read_bar(const json_t *c, const json_t *e, const char *metric, struct plot_bar *out)
{
	const json_t *ours = json_array_get(json_object_get(c, "entries"), 0);
	const json_t *run;
	size_t i;

	memset(out, 0, sizeof(*out));
	out->peer = text_of(e, "peer");
	json_array_foreach(json_object_get(e, "runs"), i, run)
	{
		const json_t *v = json_object_get(json_object_get(run, "metrics"), metric);

		if (v && out->n_runs < PLOT_RUNS_MAX && strcmp(text_of(run, "state"), "ok") == 0)
			out->runs[out->n_runs++] = json_number_value(v);
	}
	if (out->n_runs == 0) {
		why_nothing(e, out->note, sizeof(out->note));
		return;
	}
	out->median = median_of(e, metric);
	if (e != ours)
		out->factor = factor(c, metric, median_of(ours, metric), out->median);
}

/* ---- what was wanted ---- */

/*
 * Against a peer: how many times as good stoa is to be, and is. Where it may be worse by a little
 * in what it takes, people speak of how much more that is.
 */
static void print_factor(FILE *f, const json_t *c, const json_t *t)
{
	double bound = number_of(t, "bound"), value = number_of(t, "value");
	bool less = strcmp(in(c, "senses", text_of(t, "metric")), "less") == 0;
	bool inverse = less && bound < 1;
	char text[48] = "not known";

	fprintf(f, "<td class=\"n\">%s%.3gx %s</td>", inverse ? "at most " : "",
		inverse ? 1 / bound : bound, text_of(t, "peer"));
	if (value > 0)
		bench_format_ratio(inverse ? 1 / value : value, text, sizeof(text));
	fprintf(f, "<td class=\"n\">%s</td>", text);
}

/* In units of its own. */
static void print_bound(FILE *f, const json_t *c, const json_t *t)
{
	const char *metric = text_of(t, "metric"), *unit = in(c, "units", metric);
	bool more = strcmp(in(c, "senses", metric), "more") == 0;
	const json_t *value = json_object_get(t, "value");
	char text[48];

	bench_format_value(number_of(t, "bound"), text, sizeof(text));
	fprintf(f, "<td class=\"n\">%s %s %s</td>", more ? "at least" : "at most", text, unit);
	if (value)
		bench_format_value(json_number_value(value), text, sizeof(text));
	fprintf(f, "<td class=\"n\">%s %s</td>", value ? text : "not known", value ? unit : "");
}

static void print_target(FILE *f, const json_t *c, const json_t *t)
{
	const json_t *value = json_object_get(t, "value");
	bool reached = json_is_true(json_object_get(t, "reached"));

	fprintf(f, "<tr><td><a href=\"#%s\">%s</a></td><td>", text_of(c, "name"),
		text_of(c, "name"));
	plot_escape(f, text_of(t, "metric"));
	fputs("</td>", f);
	if (*text_of(t, "peer"))
		print_factor(f, c, t);
	else
		print_bound(f, c, t);
	fprintf(f, "<td class=\"%s\">%s</td></tr>\n",
		!value  ? "unknown" :
		reached ? "yes" :
			  "no",
		!value  ? "" :
		reached ? "yes" :
			  "no");
}

static void print_targets(FILE *f, const json_t *cases)
{
	const json_t *c, *t;
	size_t i, k, n = 0, n_reached = 0;

	json_array_foreach(cases, i, c) json_array_foreach(json_object_get(c, "targets"), k, t)
	{
		n++;
		n_reached += json_is_true(json_object_get(t, "reached"));
	}
	if (n == 0)
		return;
	fprintf(f,
		"<h2>Figures wanted</h2>\n<p>%zu of %zu reached.</p>\n<table><tr><th>case</th>"
		"<th>metric</th><th class=\"n\">wanted</th><th class=\"n\">measured</th><th>reached"
		"</th></tr>\n",
		n_reached, n);
	json_array_foreach(cases, i, c) json_array_foreach(json_object_get(c, "targets"), k, t)
		print_target(f, c, t);
	fputs("</table>\n", f);
}

/* ---- all ratios ---- */

/* By the first metric of each case, which is what it is about. */
static size_t collect_ratios(const json_t *cases, struct plot_ratio *out)
{
	const json_t *c, *e;
	size_t i, k, n = 0;

	json_array_foreach(cases, i, c)
	{
		const json_t *entries = json_object_get(c, "entries");
		const char *metric =
			json_object_iter_key(json_object_iter(json_object_get(c, "units")));

		json_array_foreach(entries, k, e)
		{
			double x = !k || !metric ?
					   0 :
					   factor(c, metric,
						  median_of(json_array_get(entries, 0), metric),
						  median_of(e, metric));
			if (x > 0 && n < RATIOS_MAX)
				out[n++] = (struct plot_ratio){ text_of(c, "name"),
								text_of(e, "peer"), x };
		}
	}
	return n;
}

static void print_legend(FILE *f, const struct plot_ratio *ratios, size_t n)
{
	fputs("<p class=\"dim legend\">", f);
	for (size_t i = 0; i < n; i++) {
		size_t before = 0;

		while (before < i && strcmp(ratios[before].peer, ratios[i].peer) != 0)
			before++;
		if (before == i)
			fprintf(f,
				"<svg viewBox=\"0 0 10 10\"><circle cx=\"5\" cy=\"5\" r=\"4.5\" "
				"class=\"p-%s\"/></svg>%s",
				plot_class(ratios[i].peer), ratios[i].peer);
	}
	fputs("</p>\n", f);
}

static void print_overview(FILE *f, const json_t *cases)
{
	static struct plot_ratio ratios[RATIOS_MAX];
	size_t n = collect_ratios(cases, ratios), n_ahead = 0;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		n_ahead += ratios[i].factor > 1;
	fputs("<h2>stoa against each peer</h2>\n<p class=\"dim\">How many times as good stoa is, by "
	      "the medians of each case&rsquo;s first metric; logarithmic. Right of 1x stoa is ahead, "
	      "left of it behind.</p>\n",
	      f);
	fprintf(f, "<p>Ahead in %zu of %zu comparisons.</p>\n", n_ahead, n);
	print_legend(f, ratios, n);
	plot_ratios(f, ratios, n);
}

/* ---- cases ---- */

static void print_metric(FILE *f, const json_t *c, const char *metric)
{
	const json_t *entries = json_object_get(c, "entries");
	struct plot_bar bars[PLOT_BARS_MAX];
	const json_t *e;
	size_t i, n = 0;

	json_array_foreach(entries, i, e)
	{
		if (n == PLOT_BARS_MAX)
			break;
		read_bar(c, e, metric, &bars[n]);
		/* What is stoa's alone, say, is no news of the others. */
		n += bars[n].n_runs || json_object_size(json_object_get(e, "medians")) == 0;
	}
	fputs("<h3>", f);
	plot_escape(f, metric);
	fputs(" <span>", f);
	plot_escape(f, in(c, "units", metric));
	fprintf(f, ", %s is better</span></h3>\n", in(c, "senses", metric));
	plot_bars(f, metric, bars, n);
}

/* Curve @name of the first run of entry @e that has it. */
static const json_t *curve_of(const json_t *e, const char *name)
{
	const json_t *run;
	size_t k;

	json_array_foreach(json_object_get(e, "runs"), k, run)
	{
		const json_t *curve = json_object_get(json_object_get(run, "curves"), name);

		if (curve)
			return curve;
	}
	return NULL;
}

static void read_curve(const json_t *e, const char *name, struct plot_curve *out)
{
	const json_t *point;
	size_t i;

	out->peer = text_of(e, "peer");
	out->n = 0;
	json_array_foreach(json_object_get(curve_of(e, name), "points"), i, point)
	{
		if (out->n == PLOT_POINTS_MAX)
			break;
		out->x[out->n] = json_number_value(json_array_get(point, 0));
		out->y[out->n++] = json_number_value(json_array_get(point, 1));
	}
}

static void print_curve(FILE *f, const json_t *c, const char *name, const json_t *curve)
{
	static struct plot_curve curves[PLOT_BARS_MAX];
	const json_t *e;
	size_t i, n = 0;

	json_array_foreach(json_object_get(c, "entries"), i, e)
		if (n < PLOT_BARS_MAX)
			read_curve(e, name, &curves[n++]);
	fputs("<h3>", f);
	plot_escape(f, name);
	fputs(" <span>", f);
	plot_escape(f, text_of(curve, "unit"));
	fputs(", as it went</span></h3>\n", f);
	plot_curves(f, name, text_of(curve, "x"), curves, n);
}

/* All curves that stoa, the first entry, has. */
static void print_curves(FILE *f, const json_t *c)
{
	const json_t *ours = json_array_get(json_object_get(c, "entries"), 0);
	json_t *curves = json_object_get(json_array_get(json_object_get(ours, "runs"), 0), "curves");
	const char *name;
	json_t *curve;

	json_object_foreach(curves, name, curve)
		print_curve(f, c, name, curve);
}

static void print_troubles(FILE *f, const json_t *c)
{
	const json_t *e, *run;
	size_t i, k;

	if (json_is_false(json_object_get(c, "answers_agree")))
		fputs("<p class=\"trouble\">Answers differ between entries.</p>\n", f);
	json_array_foreach(json_object_get(c, "entries"), i, e)
		json_array_foreach(json_object_get(e, "runs"), k, run)
	{
		if (strcmp(text_of(run, "state"), "failed") != 0)
			continue;
		fputs("<p class=\"trouble\">", f);
		plot_escape(f, text_of(e, "peer"));
		fputs(" failed: ", f);
		plot_escape(f, text_of(run, "text"));
		fputs("</p>\n", f);
		break;
	}
}

static void print_case(FILE *f, const json_t *c)
{
	const json_t *e;
	const char *name = text_of(c, "name");
	void *metric;
	size_t i;

	fprintf(f, "<section class=\"case\" id=\"%s\"><h2><a href=\"#%s\">%s</a>: ", name, name,
		name);
	plot_escape(f, text_of(c, "title"));
	fputs("</h2>\n", f);
	json_t *units = json_object_get(c, "units");
	for (metric = json_object_iter(units); metric;
	     metric = json_object_iter_next(units, metric))
		print_metric(f, c, json_object_iter_key(metric));
	print_curves(f, c);
	print_troubles(f, c);
	fputs("<dl>\n", f);
	json_array_foreach(json_object_get(c, "entries"), i, e)
	{
		fputs("<dt>", f);
		plot_escape(f, text_of(e, "peer"));
		fputs("</dt><dd>", f);
		plot_escape(f, text_of(e, "settings"));
		fputs("</dd>\n", f);
	}
	fputs("</dl></section>\n", f);
}

static void print_head(FILE *f, const json_t *j)
{
	fprintf(f,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>stoa bench, %s"
		"</title>\n<style>\n%s</style></head><body>\n<h1>stoa and its peers</h1>\n",
		text_of(j, "date"), style);
	fprintf(f, "<p>Measured %s on ", text_of(j, "date"));
	plot_escape(f, text_of(j, "machine"));
	fputs(".</p>\n<p>", f);
	plot_escape(f, text_of(j, "versions"));
	fprintf(f,
		".</p>\n<p>TPC-H at scale factor %g, %.0f round%s, at most %.0f s for a run, seed %.0f.</p>\n",
		number_of(j, "sf"), number_of(j, "rounds"), number_of(j, "rounds") == 1 ? "" : "s",
		number_of(j, "cap_s"), number_of(j, "seed"));
	fputs("<p class=\"dim\">Entries take turns, each run in a process of its own; files are warm "
	      "in the page cache. A bar is the median of the rounds, a dot one run, the line between "
	      "dots the spread, also given as &plusmn; half of it in percent. The factor beside a "
	      "peer says how many times as good stoa is: above 1 stoa is ahead, whether more or less "
	      "is better. All that differs from a library as it comes is listed under its case. "
	      "Answers of all entries are compared.</p>\n",
	      f);
}

bool print_page(FILE *f, const json_t *j)
{
	const json_t *cases = json_object_get(j, "cases");
	const json_t *c;
	size_t i;

	print_head(f, j);
	print_overview(f, cases);
	print_targets(f, cases);
	json_array_foreach(cases, i, c) print_case(f, c);
	fputs("</body></html>\n", f);
	return fflush(f) == 0 && !ferror(f);
}
