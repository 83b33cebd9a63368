/* SPDX-License-Identifier: MIT */
/*
 * report.c - errors and help, as sentences on stderr and stdout
 *
 *     stoa: flights.csv:17:4: "x12" is not an i32
 *     stoa: SQL:1:8: no slot of that name: dely
 *       SELECT dely FROM flights
 *              ^
 */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static void report_v(const char *format, va_list args)
{
	int reason = errno;	/* of %m */

	/* What was printed so far stands before the complaint about the rest. */
	fflush(stdout);
	fputs(color_on(stderr) ? "\033[1;31mstoa:\033[m " : "stoa: ", stderr);
	errno = reason;
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void report(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_v(format, args);
	va_end(args);
}

int exit_code_of(int result)
{
	switch (result) {
	case STOA_ECORRUPT:
		return CLI_DAMAGE;
	case STOA_EBUSY:
		return CLI_BUSY;
	case STOA_ECANCELED:
		return CLI_INTERRUPTED;
	default:
		return result < 0 ? CLI_FAILURE : CLI_OK;
	}
}

/* The text without the "@where: " that it may begin with: line and column come in between. */
static const char *text_after(const char *where, const char *text)
{
	size_t n = strlen(where);
	bool begins = strncmp(text, where, n) == 0 && strncmp(text + n, ": ", 2) == 0;

	return begins ? text + n + 2 : text;
}

/* Does @text name the file @where, or one below it, by itself? */
static bool names(const char *text, const char *where)
{
	size_t len = strlen(where);

	for (const char *p = text; len && (p = strstr(p, where)) != NULL; p++)
		if ((p == text || p[-1] == ' ') && (p[len] == ':' || p[len] == '/'))
			return true;
	return false;
}

int report_error(const char *where, const struct stoa_error *err)
{
	const char *text = where ? text_after(where, err->text) : err->text;

	if (where && err->line && err->column)
		report("%s:%" PRIu64 ":%" PRIu64 ": %s", where, err->line, err->column, text);
	else if (where && err->line)
		report("%s:%" PRIu64 ": %s", where, err->line, text);
	else if (where && !names(text, where))
		report("%s: %s", where, text);
	else
		report("%s", text);
	return exit_code_of(err->code);
}

/* Line @number of @sql, from 1, or NULL. */
static const char *line_of(const char *sql, uint64_t number, size_t *len)
{
	for (uint64_t i = 1; i < number; i++) {
		sql = strchr(sql, '\n');
		if (!sql)
			return NULL;
		sql++;
	}
	*len = strcspn(sql, "\n");
	return sql;
}

/* The line as it is, and below it spaces up to @column; tabs stay tabs, so that they line up. */
static void show_place(const char *line, size_t len, uint64_t column)
{
	size_t before = column - 1 < len ? (size_t)(column - 1) : len;
	size_t from = 0;

	fprintf(stderr, "  %.*s\n  ", (int)len, line);
	for (size_t i = 0; i < before; i++) {
		if (line[i] != '\t')
			continue;
		fprintf(stderr, "%*s\t", (int)display_width(line + from, i - from), "");
		from = i + 1;
	}
	fprintf(stderr, "%*s^\n", (int)display_width(line + from, before - from), "");
}

int report_sql_error(const char *sql, const struct stoa_error *err)
{
	const char *line;
	size_t len;

	if (!sql || !err->line) {
		report("%s", err->text);
		return exit_code_of(err->code);
	}
	report_error("SQL", err);
	line = line_of(sql, err->line, &len);
	/* A caret under a line that no terminal shows in one piece would help nobody. */
	if (line && err->column && len < 1000)
		show_place(line, len, err->column);
	return exit_code_of(err->code);
}

int show_help(const struct command *self)
{
	printf("Usage: stoa %s %s\n\n%s.\n\n%s", self->name, self->arguments, self->summary,
	       self->details);
	return CLI_OK;
}

int bad_usage(const struct command *self, const char *format, ...)
{
	va_list args;

	if (format) {
		fprintf(stderr, "stoa %s: ", self->name);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	fprintf(stderr, "Usage: stoa %s %s\n'stoa %s --help' says more.\n", self->name,
		self->arguments, self->name);
	return CLI_USAGE;
}
