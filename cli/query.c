/* SPDX-License-Identifier: MIT */
/* query.c - stoa query DB SQL: a result in one of the formats */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ROWS_ON_TERMINAL 1000
#define SQL_BYTES_MAX ((size_t)1 << 20)	/* read from standard input */

static int read_stdin(struct text *t)
{
	char buf[4096];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0) {
		text_put(t, buf, n);
		if (t->len > SQL_BYTES_MAX) {
			report("the SQL on standard input is longer than %zu bytes", SQL_BYTES_MAX);
			return CLI_FAILURE;
		}
	}
	if (ferror(stdin)) {
		report("cannot read standard input: %s", strerror(errno));
		return CLI_FAILURE;
	}
	if (!t->p || strlen(t->p) != t->len) {
		report("the SQL on standard input is %s", t->p ? "not text" : "empty");
		return CLI_FAILURE;
	}
	return CLI_OK;
}

static int query(const char *path, const char *sql, const struct writer_options *options)
{
	const struct stoa_column *columns;
	struct session s;
	struct stoa_error err;
	struct writer *w;
	stoa_cursor *cur;
	size_t n;
	int code = session_begin(&s, path, STOA_OPEN_READ_ONLY | STOA_OPEN_NO_CREATE, STOA_READ);

	if (code != CLI_OK)
		return code;
	if (stoa_query(s.txn, sql, &cur, &err) < 0)
		return session_end(&s, report_sql_error(sql, &err));
	columns = stoa_columns(cur, &n);
	w = writer_new(stdout, options, columns, n);
	code = write_cursor(w, cur, sql, NULL);
	/* Half a table would look like a whole one: on an error there is none. */
	if (code == CLI_OK)
		code = writer_finish(w);
	else
		writer_discard(w);
	return session_end(&s, code);
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		WRITER_OPTIONS,
		{ "max-rows", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct writer_options wo = { .format = FORMAT_TABLE };
	struct text sql = { 0 };
	int option, code = CLI_OK;
	char *end;

	wo.fit = isatty(STDOUT_FILENO);
	wo.max_rows = wo.fit ? MAX_ROWS_ON_TERMINAL : 0;
	while ((option = getopt_long(argc, argv, "f:d:m:h", options, NULL)) != -1) {
		switch (option) {
		case 'm':
			wo.max_rows = strtoull(optarg, &end, 10);
			if (*end || end == optarg || *optarg == '-')
				return bad_usage(self, "--max-rows wants a number");
			break;
		case 'h':
			return show_help(self);
		default:
			code = writer_option(self, option, optarg, &wo);
			if (code != CLI_OK)
				return code;
		}
	}
	if (argc - optind != 2)
		return bad_usage(self, "a DB and one SQL statement are wanted");
	if (strcmp(argv[optind + 1], "-") == 0)
		code = read_stdin(&sql);
	else
		text_puts(&sql, argv[optind + 1]);
	if (code == CLI_OK)
		code = query(argv[optind], sql.p, &wo);
	text_release(&sql);
	return code;
}

const struct command command_query = {
	"query", "DB SQL", "Run a SELECT statement and print its rows",
	"SQL of - is read from standard input. The database is opened for reading only, beside a\n"
	"process that may be writing to it, and seen as of its newest commit.\n\n"
	"  -f, --format FORMAT  table (default), csv, tsv, jsonl, json, markdown, html, insert or\n"
	"                       vertical\n"
	WRITER_OPTIONS_HELP
	"  -m, --max-rows N     table, vertical: show the first N rows; 0 shows all; 1000 on a terminal\n"
	"  -h, --help           this text\n\n"
	"In tables NULL is NULL, and on a terminal long values are cut to fit. In CSV NULL is an\n"
	"empty field and an empty string is \"\".\n\n"
	"  stoa query air.stoa 'SELECT origin, count(*) FROM flights GROUP BY origin LIMIT 10'\n",
	run,
};
