/* SPDX-License-Identifier: MIT */
/*
 * plot.c - the two plots of the report, as SVG inside HTML
 *
 *     0        LEFT                               RIGHT          WIDTH
 *     |  stoa   |#############o-o#                  |  1.2 M +-3%  |
 *     |  sqlite |###oo                              |  300 k  4.0x |
 *
 * A viewBox in fixed units is scaled by the browser to the width there is.
 */
#include "plot.h"
#include "format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 760.0
#define LEFT 140.0  /* where bars begin */
#define RIGHT 545.0 /* where the longest ends */
#define ROW 24.0
#define BAR 14.0

void plot_escape(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*s, f);
		}
	}
}

const char *plot_class(const char *peer)
{
	static const char *const known[] = {
		"stoa",	      "sqlite", "sqlite-av", "lmdb", "duckdb", "duckdb-unordered",
		"bare",	      "rocksdb", "redis"
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], peer) == 0)
			return known[i];
	return "other";
}

static void text(FILE *f, double x, double y, const char *class, const char *s)
{
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	plot_escape(f, s);
	fputs("</text>\n", f);
}

static void line(FILE *f, double x1, double y1, double x2, double y2, const char *class)
{
	fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1,
		x2, y2, class);
}

static void begin(FILE *f, double height, const char *label)
{
	fprintf(f, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH, height);
	plot_escape(f, label);
	fputs("\">\n", f);
}

/* ---- bars ---- */

static void extent(const struct plot_bar *b, double *least, double *most)
{
	*least = *most = b->runs[0];
	for (size_t i = 1; i < b->n_runs; i++) {
		*least = fmin(*least, b->runs[i]);
		*most = fmax(*most, b->runs[i]);
	}
}

static void bar_words(FILE *f, const struct plot_bar *b, double y)
{
	char value[32], words[64];
	double least, most;

	extent(b, &least, &most);
	bench_format_value(b->median, value, sizeof(value));
	if (b->n_runs > 1 && b->median > 0)
		snprintf(words, sizeof(words), "%s \302\261%.0f%%", value,
			 50 * (most - least) / b->median);
	else
		snprintf(words, sizeof(words), "%s", value);
	text(f, RIGHT + 105, y, "value", words);
	if (b->factor <= 0)
		return;
	bench_format_ratio(b->factor, words, sizeof(words));
	text(f, WIDTH - 30, y, b->factor >= 1 ? "factor ahead" : "factor behind", words);
}

static void draw_bar(FILE *f, const struct plot_bar *b, double top, double scale)
{
	double middle = top + ROW / 2;
	double least, most;

	text(f, LEFT - 10, middle + 4, "peer", b->peer);
	if (b->n_runs == 0) {
		text(f, LEFT + 4, middle + 4, "note", b->note);
		return;
	}
	extent(b, &least, &most);
	fprintf(f,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" rx=\"2\" class=\"bar "
		"p-%s\"/>\n",
		LEFT, middle - BAR / 2, fmax(b->median * scale, 1), BAR, plot_class(b->peer));
	line(f, LEFT + least * scale, middle, LEFT + most * scale, middle, "spread");
	for (size_t i = 0; i < b->n_runs; i++)
		fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\" class=\"run\"/>\n",
			LEFT + b->runs[i] * scale, middle);
	bar_words(f, b, middle + 4);
}

void plot_bars(FILE *f, const char *label, const struct plot_bar *bars, size_t n)
{
	double top_value = 0;
	double height = ROW * (double)n + 4;

	for (size_t i = 0; i < n; i++) {
		for (size_t r = 0; r < bars[i].n_runs; r++)
			top_value = fmax(top_value, bars[i].runs[r]);
	}
	double scale = top_value > 0 ? (RIGHT - LEFT) / top_value : 0;
	begin(f, height, label);
	line(f, LEFT, 0, LEFT, height, "axis");
	for (size_t i = 0; i < n; i++)
		draw_bar(f, &bars[i], 2 + ROW * (double)i, scale);
	fputs("</svg>\n", f);
}

/* ---- ratios ---- */

#define PLOT_TOP 22.0 /* room for the numbers of the axis */
#define PLOT_RIGHT (WIDTH - 20)

/* The axis goes from 10^lo to 10^hi, both whole. */
struct axis {
	double lo, hi;
};

static double place(const struct axis *a, double factor)
{
	return LEFT + (log10(factor) - a->lo) / (a->hi - a->lo) * (PLOT_RIGHT - LEFT);
}

static void draw_axis(FILE *f, const struct axis *a, double height)
{
	char words[32];

	for (double e = a->lo; e <= a->hi; e++) {
		double x = place(a, pow(10, e));

		line(f, x, PLOT_TOP, x, height, e == 0 ? "one" : "grid");
		snprintf(words, sizeof(words), "%gx", pow(10, e));
		text(f, x, PLOT_TOP - 8, "tick", words);
	}
}

/* Cases follow each other in @ratios, each with its peers in a row. */
static size_t count_cases(const struct plot_ratio *ratios, size_t n)
{
	size_t n_cases = 0;

	for (size_t i = 0; i < n; i++)
		n_cases += i == 0 || strcmp(ratios[i].name, ratios[i - 1].name) != 0;
	return n_cases;
}

void plot_ratios(FILE *f, const struct plot_ratio *ratios, size_t n)
{
	struct axis a = { -1, 1 };
	double height = PLOT_TOP + ROW * (double)count_cases(ratios, n) + 4;
	double y = PLOT_TOP - ROW / 2 + 2;
	char words[32];

	for (size_t i = 0; i < n; i++) {
		a.lo = fmin(a.lo, floor(log10(ratios[i].factor)));
		a.hi = fmax(a.hi, ceil(log10(ratios[i].factor)));
	}
	begin(f, height, "how many times as good stoa is, by case and peer");
	draw_axis(f, &a, height);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(ratios[i].name, ratios[i - 1].name) != 0) {
			y += ROW;
			line(f, LEFT, y, PLOT_RIGHT, y, "grid");
			text(f, LEFT - 10, y + 4, "peer", ratios[i].name);
		}
		bench_format_ratio(ratios[i].factor, words, sizeof(words));
		fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\" class=\"dot p-%s\"><title>",
			place(&a, ratios[i].factor), y, plot_class(ratios[i].peer));
		plot_escape(f, ratios[i].peer);
		fprintf(f, " %s</title></circle>\n", words);
	}
	fputs("</svg>\n", f);
}

/* ---- curves ---- */

#define CURVE_LEFT 60.0
#define CURVE_RIGHT (WIDTH - 130)
#define CURVE_TOP 10.0
#define CURVE_BOTTOM 250.0
#define CURVE_HEIGHT (CURVE_BOTTOM + 40)

/* A round number, at most five of which make @most. */
static double tick_of(double most)
{
	double unit = pow(10, floor(log10(most)));

	return most / unit > 5 ? 2 * unit : most / unit > 2 ? unit : unit / 2;
}

static double curve_y(double y, double y_most)
{
	return CURVE_BOTTOM - y / y_most * (CURVE_BOTTOM - CURVE_TOP);
}

static void draw_ticks(FILE *f, double x_most, double y_most)
{
	double step = tick_of(y_most);
	char words[32];

	for (double y = 0; y <= y_most; y += step) {
		double at = curve_y(y, y_most);

		line(f, CURVE_LEFT, at, CURVE_RIGHT, at, y > 0 ? "grid" : "axis");
		snprintf(words, sizeof(words), "%g", y);
		text(f, CURVE_LEFT - 20, at + 4, "tick", words);
	}
	step = tick_of(x_most);
	for (double x = 0; x <= x_most; x += step) {
		snprintf(words, sizeof(words), "%g", x);
		text(f, CURVE_LEFT + x / x_most * (CURVE_RIGHT - CURVE_LEFT), CURVE_BOTTOM + 16,
		     "tick", words);
	}
}

static void draw_curve(FILE *f, const struct plot_curve *c, double x_most, double y_most)
{
	fprintf(f, "<polyline class=\"curve p-%s\" points=\"", plot_class(c->peer));
	for (size_t i = 0; i < c->n; i++)
		fprintf(f, "%.1f,%.1f ",
			CURVE_LEFT + c->x[i] / x_most * (CURVE_RIGHT - CURVE_LEFT),
			curve_y(c->y[i], y_most));
	fputs("\"/>\n", f);
}

/* The names, where the curves end, from the top down and never one over the other. */
static void draw_names(FILE *f, const struct plot_curve *curves, size_t n, double y_most)
{
	bool done[PLOT_BARS_MAX] = { false };
	double above = -1e9;
	char class[64];

	for (size_t i = 0; i < n; i++) {
		double best = -1;
		size_t next = n;

		for (size_t k = 0; k < n && k < PLOT_BARS_MAX; k++) {
			double y = curves[k].n ? curves[k].y[curves[k].n - 1] : -1;

			if (!done[k] && y > best) {
				best = y;
				next = k;
			}
		}
		if (next == n)
			return;
		done[next] = true;
		above = fmax(above + 15, curve_y(best, y_most) + 4);
		snprintf(class, sizeof(class), "p-%s", plot_class(curves[next].peer));
		text(f, CURVE_RIGHT + 8, above, class, curves[next].peer);
	}
}

void plot_curves(FILE *f, const char *label, const char *x_name, const struct plot_curve *curves,
		 size_t n)
{
	double x_most = 0, y_most = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < curves[i].n; k++) {
			x_most = fmax(x_most, curves[i].x[k]);
			y_most = fmax(y_most, curves[i].y[k]);
		}
	if (x_most <= 0 || y_most <= 0)
		return;
	begin(f, CURVE_HEIGHT, label);
	draw_ticks(f, x_most, y_most);
	text(f, (CURVE_LEFT + CURVE_RIGHT) / 2, CURVE_BOTTOM + 34, "tick", x_name);
	for (size_t i = 0; i < n; i++)
		if (curves[i].n)
			draw_curve(f, &curves[i], x_most, y_most);
	draw_names(f, curves, n, y_most);
	fputs("</svg>\n", f);
}
