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
		"stoa", "sqlite", "lmdb", "duckdb", "duckdb-unordered", "bare", "rocksdb", "redis"
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
