/* SPDX-License-Identifier: MIT */
/*
 * shell_commands.c - the commands of the shell, a line each: .help, .tables, .mode, ...
 *
 * Words are separated by blanks; 'in quotes' they may hold some. A command is a name and a function
 * of its arguments, and may be shortened as long as it is the only one so called.
 */
#include "shell.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 8
#define READ_DEPTH_MAX 16

struct arguments {
	char *words[ARGUMENTS_MAX];	/* [0] is the command */
	int n;
	const char *rest;	/* of the line, behind the command */
};

struct dot_command {
	const char *name;
	const char *arguments;
	const char *summary;
	int min, max;		/* how many arguments */
	int (*run)(struct shell *sh, const struct arguments *a);
};

static const struct dot_command commands[];	/* at the end */

/* ---- the commands ----------------------------------------------------------------------- */

static int run_help(struct shell *sh, const struct arguments *a)
{
	(void)sh;
	(void)a;
	for (const struct dot_command *c = commands; c->name; c++) {
		char usage[64];

		snprintf(usage, sizeof(usage), "%s %s", c->name, c->arguments);
		printf("%-24s %s\n", usage, c->summary);
	}
	return CLI_OK;
}

static int run_quit(struct shell *sh, const struct arguments *a)
{
	(void)a;
	sh->quit = true;
	return CLI_OK;
}

static int run_tables(struct shell *sh, const struct arguments *a)
{
	struct session s;
	int code = shell_begin(sh, &s, STOA_READ);

	(void)a;
	if (code == CLI_OK)
		code = shell_end(sh, &s, tables_list(&s, sh->out ? sh->out : stdout, &sh->options));
	return code;
}

static int run_refs(struct shell *sh, const struct arguments *a)
{
	struct session s;
	int code = shell_begin(sh, &s, STOA_READ);

	if (code == CLI_OK)
		code = shell_end(sh, &s, refs_list(&s, a->words[1], a->words[2],
						   sh->out ? sh->out : stdout, &sh->options));
	return code;
}

static int run_schema(struct shell *sh, const struct arguments *a)
{
	struct session s;
	int code = shell_begin(sh, &s, STOA_READ);

	if (code == CLI_OK)
		code = shell_end(sh, &s, schema_show(&s, a->words[1], sh->out ? sh->out : stdout));
	return code;
}

static int run_mode(struct shell *sh, const struct arguments *a)
{
	if (!a->words[1])
		puts(format_name(sh->options.format));
	else if (!format_of(a->words[1], &sh->options.format))
		report("no format %s: " FORMAT_NAMES, a->words[1]);
	else
		sh->options.table = NULL;
	return CLI_OK;
}

static int run_null(struct shell *sh, const struct arguments *a)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s", a->words[1] ? a->words[1] : "");
	sh->options.null_text = a->words[1] ? text : NULL;
	return CLI_OK;
}

static int run_timer(struct shell *sh, const struct arguments *a)
{
	if (a->words[1] && strcmp(a->words[1], "on") != 0 && strcmp(a->words[1], "off") != 0) {
		report(".timer on, or .timer off");
		return CLI_FAILURE;
	}
	sh->timer = a->words[1] ? strcmp(a->words[1], "on") == 0 : !sh->timer;
	return CLI_OK;
}

static int run_import(struct shell *sh, const struct arguments *a)
{
	struct session s;
	int code;

	interrupt_reset();
	code = shell_begin(sh, &s, STOA_WRITE);
	if (code == CLI_OK)
		code = shell_end(sh, &s, import_one(&s, a->words[1], a->words[2]));
	return code;
}

static int run_dump(struct shell *sh, const struct arguments *a)
{
	struct session s;
	int code;

	interrupt_reset();
	code = shell_begin(sh, &s, STOA_READ);
	if (code == CLI_OK)
		code = shell_end(sh, &s,
				 dump_to(&s, a->words[1], sh->out ? sh->out : stdout));
	return code;
}

/* The line is KIND, FILE.png or both, or nothing, and then SQL. */
static int run_plot(struct shell *sh, const struct arguments *a)
{
	static const char *const kinds[] = { "line", "bar", "histogram", "scatter" };
	const char *kind = NULL, *path = NULL, *sql = a->rest;
	struct session s;
	int code;

	for (int i = 1; i < a->n; i++) {
		const char *word = a->words[i], *end = word + strlen(word);
		bool is_kind = false;

		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			is_kind |= strcmp(word, kinds[k]) == 0;
		if (is_kind)
			kind = word;
		else if (end - word > 4 && (strcmp(end - 4, ".png") == 0 ||
					    strcmp(end - 4, ".svg") == 0))
			path = word;
		else
			break;
		sql += strcspn(sql, " \t");
		sql += strspn(sql, " \t");
	}
	interrupt_reset();
	code = shell_begin(sh, &s, STOA_READ);
	if (code == CLI_OK)
		code = shell_end(sh, &s, plot_query(&s, sql, kind, path, NULL));
	return code;
}

static int run_read(struct shell *sh, const struct arguments *a)
{
	FILE *in;
	int code;

	if (sh->depth >= READ_DEPTH_MAX) {
		report(".read within .read, over %d deep", READ_DEPTH_MAX);
		return CLI_FAILURE;
	}
	in = fopen(a->words[1], "re");
	if (!in) {
		report("%s: %s", a->words[1], strerror(errno));
		return CLI_FAILURE;
	}
	code = shell_read(sh, in);
	fclose(in);
	return code;
}

static int run_output(struct shell *sh, const struct arguments *a)
{
	FILE *out = NULL;

	if (a->words[1]) {
		out = fopen(a->words[1], "we");
		if (!out) {
			report("%s: %s", a->words[1], strerror(errno));
			return CLI_FAILURE;
		}
	}
	if (sh->out && fclose(sh->out) != 0)
		report("%s: %s", sh->out_path, strerror(errno));
	free(sh->out_path);
	sh->out = out;
	sh->out_path = out ? xstrdup(a->words[1]) : NULL;
	/* Only a terminal has a width to fit. */
	sh->options.fit = sh->interactive && !out;
	sh->options.color = !out && color_on(stdout);
	return CLI_OK;
}

static const struct dot_command commands[] = {
	{ ".dump", "[FILE]", "All of the database as SQL statements", 0, 1, run_dump },
	{ ".exit", "", "End the shell", 0, 0, run_quit },
	{ ".help", "", "This text", 0, 0, run_help },
	{ ".import", "FILE [TABLE]", "Load a CSV or JSON file", 1, 2, run_import },
	{ ".mode", "[FORMAT]", FORMAT_NAMES, 0, 1, run_mode },
	{ ".null", "[TEXT]", "What NULL is in csv and tsv", 0, 1, run_null },
	{ ".output", "[FILE]", "Results into FILE; without it, onto the screen", 0, 1, run_output },
	{ ".plot", "[KIND] [FILE] SQL", "Draw rows; FILE.png, FILE.svg, or text", 1, 999, run_plot },
	{ ".quit", "", "End the shell", 0, 0, run_quit },
	{ ".read", "FILE", "Run statements and commands from FILE", 1, 1, run_read },
	{ ".refs", "TABLE ROW", "The rows that refer to a row", 2, 2, run_refs },
	{ ".schema", "[TABLE]", "Tables as CREATE TABLE statements", 0, 1, run_schema },
	{ ".tables", "", "The tables with their rows and slots", 0, 0, run_tables },
	{ ".timer", "[on|off]", "Say how long a statement took", 0, 1, run_timer },
	{ NULL, NULL, NULL, 0, 0, NULL },
};

/* ---- lines ------------------------------------------------------------------------------ */

const char *shell_command_name(size_t i)
{
	return i < sizeof(commands) / sizeof(commands[0]) ? commands[i].name : NULL;
}

/* Cuts @line, a copy, into words. */
static bool split(char *line, struct arguments *a)
{
	char *p = line;

	memset(a, 0, sizeof(*a));
	for (;;) {
		while (isspace((unsigned char)*p) || *p == ';')
			p++;
		if (!*p)
			return true;
		if (a->n == ARGUMENTS_MAX)
			return true;	/* more than any command takes */
		char quote = *p == '\'' || *p == '"' ? *p++ : '\0';
		a->words[a->n++] = p;
		while (*p && (quote ? *p != quote : !isspace((unsigned char)*p)))
			p++;
		if (quote && !*p)
			return false;
		if (*p)
			*p++ = '\0';
	}
}

static const struct dot_command *find(const char *name)
{
	const struct dot_command *only = NULL;
	size_t len = strlen(name);

	for (const struct dot_command *c = commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
		if (len > 1 && strncmp(c->name, name, len) == 0)
			only = only ? commands + sizeof(commands) / sizeof(commands[0]) - 1 : c;
	}
	return only && only->name ? only : NULL;
}

int shell_command(struct shell *sh, const char *line)
{
	char *copy = xstrdup(line);
	const struct dot_command *c;
	struct arguments a;
	int code = CLI_FAILURE;

	bool closed = split(copy, &a);

	a.rest = line + strcspn(line, " \t");
	a.rest += strspn(a.rest, " \t");
	/* SQL has rules of its own. */
	c = a.n > 0 ? find(a.words[0]) : NULL;
	if (!closed && !(c && c->run == run_plot)) {
		report("a quote is never closed");
	} else if (!c) {
		report("no command %s: .help lists them", a.words[0]);
	} else if (a.n - 1 < c->min || a.n - 1 > c->max) {
		report("wanted is %s%s%s", c->name, *c->arguments ? " " : "", c->arguments);
	} else {
		code = c->run(sh, &a);
		fflush(stdout);
	}
	free(copy);
	return code;
}
