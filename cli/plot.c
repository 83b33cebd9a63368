/* SPDX-License-Identifier: MIT */
/*
 * plot.c - stoa plot DB SQL: a result as a picture, drawn by gnuplot
 *
 *     SELECT day, delay, ...          line: the first column along x, the others each a line
 *     SELECT origin, count(*), ...    bar: the first column names groups of bars
 *     SELECT delay                    histogram: how often values fall into intervals
 *     SELECT distance, delay          scatter: points
 *
 * PNG or SVG into a file, by the end of its name; otherwise text, as wide as the terminal. All goes
 * to gnuplot through a pipe, commands first and then the rows, numbers and labels separated by
 * tabs, so that nothing of a value can be taken for a command:
 *
 *     $rows << END
 *     0	ATL	261	12.5
 *     END
 *     plot $rows using 1:3 ...
 *
 * A row begins with its number, so that no label can be the END. Text is taken as it is: no markup.
 */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS_MAX 1000000
#define SERIES_MAX 32
#define BARS_MAX 1000
#define BINS_MAX 50

enum kind { KIND_AUTO, KIND_LINE, KIND_BAR, KIND_HISTOGRAM, KIND_SCATTER };

static const char *const kinds[] = {
	[KIND_LINE] = "line",
	[KIND_BAR] = "bar",
	[KIND_HISTOGRAM] = "histogram",
	[KIND_SCATTER] = "scatter",
};

struct plot {
	enum kind kind;
	const char *title;
	const char *path;	/* NULL: as text on stdout */
	const struct stoa_column *columns;
	size_t n_columns;
	struct text rows;	/* as gnuplot gets them */
	size_t n_rows;
	double *values;		/* of a histogram */
	size_t n_values, cap;
	double x_min, x_max;
};

static bool is_time(unsigned type)
{
	return type == STOA_DATE || type == STOA_TIMESTAMP || type == STOA_TIME;
}

/* A value along an axis: times in seconds. False for NULL and what is no number. */
static bool number_of(const struct stoa_value *v, double *out)
{
	switch (v->type) {
	case STOA_BOOL:
	case STOA_I8:
	case STOA_I16:
	case STOA_I32:
	case STOA_I64:
		*out = (double)v->i;
		return true;
	case STOA_U8:
	case STOA_U16:
	case STOA_U32:
	case STOA_U64:
		*out = (double)v->u;
		return true;
	case STOA_F32:
	case STOA_F64:
		*out = v->f;
		return isfinite(v->f);
	case STOA_DECIMAL:
		*out = (double)v->i / pow(10, v->scale);
		return true;
	case STOA_DATE:
		*out = (double)v->i * 86400;
		return true;
	case STOA_TIME:
	case STOA_TIMESTAMP:
		*out = (double)v->i / 1e6;
		return true;
	default:
		return false;
	}
}

static void put_number(struct text *t, const struct stoa_value *v)
{
	double x;

	if (number_of(v, &x))
		text_printf(t, "\t%.17g", x);
	else
		text_puts(t, "\tNaN");
}

/* A label in one field: no tab, no line break, no quote. */
static void put_label(struct text *t, const struct stoa_value *v)
{
	struct text plain = { 0 };
	size_t from = t->len + 1;

	text_puts(t, "\t");
	if (v->type == STOA_NULL) {
		text_puts(t, "NULL");
		return;
	}
	text_put_value(&plain, v);
	text_put_visible(t, plain.p ? plain.p : "", plain.len);
	text_release(&plain);
	for (size_t i = from; i < t->len; i++)
		if (t->p[i] == '"' || t->p[i] == '\t' || t->p[i] == '\\')
			t->p[i] = '\'';
	if (t->len == from)
		text_puts(t, " ");
}

/* ---- rows ------------------------------------------------------------------------------- */

static void add_value(struct plot *p, const struct stoa_value *v)
{
	double x;

	if (!number_of(v, &x))
		return;
	if (p->n_values == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 1024;
		p->values = xrealloc(p->values, p->cap * sizeof(*p->values));
	}
	p->values[p->n_values++] = x;
}

static void add_row(struct plot *p, const struct stoa_value *row)
{
	double x;

	if (p->kind == KIND_HISTOGRAM) {
		add_value(p, &row[0]);
		return;
	}
	if (number_of(&row[0], &x)) {
		p->x_min = fmin(p->x_min, x);
		p->x_max = fmax(p->x_max, x);
	}
	text_printf(&p->rows, "%zu", p->n_rows);
	if (p->kind == KIND_BAR)
		put_label(&p->rows, &row[0]);
	else
		put_number(&p->rows, &row[0]);
	for (size_t i = 1; i < p->n_columns; i++)
		put_number(&p->rows, &row[i]);
	text_puts(&p->rows, "\n");
}

/* Intervals of equal width: the square root of the number of values, within reason. */
static void count_bins(struct plot *p)
{
	size_t n_bins = (size_t)ceil(sqrt((double)p->n_values));
	uint64_t counts[BINS_MAX] = { 0 };
	double min = INFINITY, max = -INFINITY, width;

	n_bins = n_bins < 1 ? 1 : n_bins > BINS_MAX ? BINS_MAX : n_bins;
	for (size_t i = 0; i < p->n_values; i++) {
		min = fmin(min, p->values[i]);
		max = fmax(max, p->values[i]);
	}
	width = p->n_values && max > min ? (max - min) / (double)n_bins : 1;
	for (size_t i = 0; i < p->n_values; i++) {
		size_t bin = (size_t)((p->values[i] - min) / width);

		counts[bin < n_bins ? bin : n_bins - 1]++;
	}
	for (size_t i = 0; p->n_values && i < n_bins; i++)
		text_printf(&p->rows, "%zu\t%.17g\t%llu\t%.17g\n", i,
			    min + ((double)i + 0.5) * width, (unsigned long long)counts[i], width);
	p->n_rows = p->n_values ? n_bins : 0;
	p->x_min = min;
	p->x_max = max;
}

static enum kind kind_of(const struct plot *p)
{
	unsigned type = p->columns[0].type;

	if (p->n_columns == 1)
		return KIND_HISTOGRAM;
	return is_number(type) || is_time(type) ? KIND_LINE : KIND_BAR;
}

static int check_columns(struct plot *p)
{
	size_t first = p->kind == KIND_HISTOGRAM || p->kind == KIND_LINE || p->kind == KIND_SCATTER ?
			       0 : 1;

	if (p->kind != KIND_HISTOGRAM && p->n_columns < 2) {
		report("a %s plot wants two columns at least", kinds[p->kind]);
		return CLI_FAILURE;
	}
	if (p->n_columns > SERIES_MAX) {
		report("over %d columns: nobody could tell the lines apart", SERIES_MAX);
		return CLI_FAILURE;
	}
	for (size_t i = first; i < p->n_columns; i++) {
		unsigned type = p->columns[i].type;

		if (is_number(type) || is_time(type) || type == STOA_BOOL || type == STOA_NULL)
			continue;
		report("column \"%s\" is a %s: a number or a time is wanted there",
		       p->columns[i].name, stoa_type_name((enum stoa_type)type));
		return CLI_FAILURE;
	}
	return CLI_OK;
}

static int read_rows(struct plot *p, stoa_cursor *cur, const char *sql)
{
	size_t max = p->kind == KIND_BAR ? BARS_MAX : ROWS_MAX;
	const struct stoa_value *row;
	struct stoa_error err;
	int rc;

	p->x_min = INFINITY;
	p->x_max = -INFINITY;
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW && !interrupted()) {
		if (p->kind != KIND_HISTOGRAM && p->n_rows == max) {
			report("over %zu rows: aggregate them, or add LIMIT", max);
			return CLI_FAILURE;
		}
		add_row(p, row);
		p->n_rows++;
	}
	if (rc < 0)
		return report_sql_error(sql, &err);
	if (interrupted())
		return CLI_INTERRUPTED;
	if (p->kind == KIND_HISTOGRAM)
		count_bins(p);
	if (p->n_rows > 0)
		return CLI_OK;
	report("there are no values to plot");
	return CLI_FAILURE;
}

/* ---- commands --------------------------------------------------------------------------- */

/* 'in apostrophes, doubled inside': nothing else has a meaning there. */
static void put_quoted(FILE *out, const char *s)
{
	fputc('\'', out);
	for (; *s; s++) {
		if (*s == '\'')
			fputc('\'', out);
		fputc((unsigned char)*s < ' ' ? ' ' : *s, out);
	}
	fputc('\'', out);
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcasecmp(s + n - m, end) == 0;
}

static void put_terminal(const struct plot *p, FILE *out)
{
	size_t width = terminal_width(stdout);

	if (!p->path) {
		fprintf(out, "set terminal dumb noenhanced size %zu, 24\n", width ? width : 80);
		fputs(width_is_utf8() ? "set encoding utf8\n" : "", out);
		return;
	}
	fputs("set encoding utf8\n", out);
	if (ends_in(p->path, ".svg"))
		fputs("set terminal svg noenhanced size 960, 600 background 'white'\n", out);
	else
		fputs("set terminal pngcairo noenhanced size 960, 600\n", out);
	fputs("set output ", out);
	put_quoted(out, p->path);
	fputc('\n', out);
}

static void put_axes(const struct plot *p, FILE *out)
{
	double span = p->x_max - p->x_min;

	if (p->title) {
		fputs("set title ", out);
		put_quoted(out, p->title);
		fputc('\n', out);
	}
	fputs(p->kind == KIND_HISTOGRAM || p->n_columns == 2 ? "unset key\n" :
							      "set key top right\n", out);
	fputs("set xlabel ", out);
	put_quoted(out, p->columns[0].name);
	fputs("\nset ylabel ", out);
	if (p->kind == KIND_HISTOGRAM)
		put_quoted(out, "rows");
	else
		put_quoted(out, p->n_columns == 2 ? p->columns[1].name : "");
	fputs("\nset grid\nset border 3\nset tics nomirror\n", out);
	if (p->kind == KIND_BAR)
		fputs(p->n_rows > 8 ? "set xtics rotate by -45\n" : "", out);
	else if (is_time(p->columns[0].type))
		fprintf(out, "set xdata time\nset timefmt '%%s'\nset format x '%s'\n"
			"set autoscale xfix\n",
			p->columns[0].type == STOA_TIME || span < 2 * 86400 ? "%H:%M" :
			span > 5.0 * 366 * 86400 ? "%Y" : "%Y-%m-%d");
}

/* One series: column @i of the result is field @i + 2 of the rows. */
static void put_series(const struct plot *p, FILE *out, size_t i)
{
	fprintf(out, "%s$rows using ", i > 1 ? ", " : "");
	if (p->kind == KIND_BAR)
		fprintf(out, "%zu:xtic(2) with histograms", i + 2);
	else if (p->kind == KIND_HISTOGRAM)
		fputs("2:3:4 with boxes", out);
	else
		fprintf(out, "2:%zu with %s", i + 2, p->kind == KIND_LINE ? "lines" : "points");
	fputs(" title ", out);
	put_quoted(out, p->kind == KIND_HISTOGRAM ? "" : p->columns[i].name);
	if (p->path)
		fputs(p->kind == KIND_LINE ? " lw 2" : p->kind == KIND_SCATTER ? " pt 7 ps 0.5" : "",
		      out);
}

static void put_commands(const struct plot *p, FILE *out)
{
	put_terminal(p, out);
	fputs("set datafile separator \"\\t\"\nset datafile missing 'NaN'\n", out);
	put_axes(p, out);
	fputs("$rows << END\n", out);
	fwrite(p->rows.p, 1, p->rows.len, out);
	fputs("END\n", out);
	if (p->kind == KIND_BAR)
		fputs("set style data histograms\nset style histogram clustered gap 1\n"
		      "set style fill solid 0.8 border -1\nset boxwidth 0.9\nset yrange [*<0:0<*]\nset xzeroaxis lt -1\n", out);
	if (p->kind == KIND_HISTOGRAM)
		fputs("set style fill solid 0.8 border -1\nset yrange [0:*]\n", out);
	fputs("plot ", out);
	for (size_t i = 1; i == 1 || (p->kind != KIND_HISTOGRAM && i < p->n_columns); i++)
		put_series(p, out, i);
	fputs("\n", out);
}

static int draw(const struct plot *p)
{
	FILE *out;
	int status;

	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	/* A picture's text is UTF-8 whatever the terminal takes. */
	out = popen(p->path ? "LC_ALL=C.UTF-8 gnuplot -" : "gnuplot -", "we");
	if (!out) {
		report("gnuplot cannot be started: %s", strerror(errno));
		return CLI_FAILURE;
	}
	put_commands(p, out);
	status = pclose(out);
	signal(SIGPIPE, SIG_DFL);
	if (status == 0)
		return CLI_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		report("gnuplot is not installed: plots are drawn by it (Debian: gnuplot-nox)");
	else
		report("gnuplot could not draw the plot");
	return CLI_FAILURE;
}

int plot_query(struct session *s, const char *sql, const char *kind, const char *path,
	       const char *title)
{
	struct plot p = { .path = path, .title = title };
	struct stoa_error err;
	stoa_cursor *cur;
	int code;

	while (kind && p.kind <= KIND_SCATTER && (!kinds[p.kind] || strcmp(kinds[p.kind], kind)))
		p.kind++;
	if (p.kind > KIND_SCATTER) {
		report("no kind of plot %s: line, bar, histogram or scatter", kind);
		return CLI_USAGE;
	}
	if (stoa_query(s->txn, sql, &cur, &err) < 0)
		return report_sql_error(sql, &err);
	p.columns = stoa_columns(cur, &p.n_columns);
	if (p.kind == KIND_AUTO && p.n_columns > 0)
		p.kind = kind_of(&p);
	code = p.n_columns ? check_columns(&p) : CLI_FAILURE;
	if (p.n_columns == 0)
		report("a statement without rows cannot be plotted");
	if (code == CLI_OK)
		code = read_rows(&p, cur, sql);
	if (code == CLI_OK)
		code = draw(&p);
	stoa_cursor_close(cur);
	text_release(&p.rows);
	free(p.values);
	return code;
}

static bool take_output(char *arg, void *to)
{
	*(const char **)to = arg;
	return ends_in(arg, ".png") || ends_in(arg, ".svg");
}

static int run(const struct command *self, int argc, char **argv)
{
	const char *kind = NULL, *path = NULL, *title = NULL;
	const struct option_rule rules[] = {
		OPTION_TEXT("kind", 'k', &kind),
		OPTION_TAKE("output", 'o', take_output, &path, "a name ending in .png or .svg"),
		OPTION_TEXT("title", 't', &title),
	};
	struct session s;
	int code;

	if (!OPTIONS(self, argc, argv, rules, 2, 2, "a DB and one SQL statement are wanted", &code))
		return code;
	code = session_read(&s, argv[optind]);
	if (code == CLI_OK)
		code = session_end(&s, plot_query(&s, argv[optind + 1], kind, path, title));
	return code;
}

const struct command command_plot = {
	"plot", "DB SQL", "Draw the rows of a query",
	"The first column goes along x, each of the others is a line, a bar or points; one column alone\n"
	"is a histogram. gnuplot does the drawing.\n\n"
	"  -k, --kind KIND    line, bar, histogram or scatter; otherwise after the types of the columns\n"
	"  -o, --output FILE  a picture, FILE.png or FILE.svg; otherwise text on standard output\n"
	"  -t, --title TEXT   above it\n"
	"  -h, --help         this text\n\n"
	"  stoa plot air.stoa 'SELECT origin, count(*) FROM flights GROUP BY 1 ORDER BY 2 DESC LIMIT 9'\n",
	run,
};
