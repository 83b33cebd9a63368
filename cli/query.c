/* SPDX-License-Identifier: MIT */
/* query.c - stoa query DB SQL: statements, and their results in one of the formats */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ROWS_ON_TERMINAL 1000

/* All of a file; the words for what went wrong name it. */
static int read_all(FILE *in, const char *name, struct text *t)
{
	char buf[65536];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		text_put(t, buf, n);
	if (ferror(in)) {
		report("cannot read %s: %s", name, strerror(errno));
		return CLI_FAILURE;
	}
	if (!t->p || strlen(t->p) != t->len) {
		report("the SQL in %s is %s", name, t->p ? "not text" : "missing: it is empty");
		return CLI_FAILURE;
	}
	return CLI_OK;
}

static int read_sql(const char *argument, const char *file, struct text *t)
{
	FILE *in;
	int code;

	if (!file && strcmp(argument, "-") != 0) {
		text_puts(t, argument);
		return CLI_OK;
	}
	if (!file || strcmp(file, "-") == 0)
		return read_all(stdin, "standard input", t);
	in = fopen(file, "r");
	if (!in) {
		report("cannot open %s: %s", file, strerror(errno));
		return CLI_FAILURE;
	}
	code = read_all(in, file, t);
	fclose(in);
	return code;
}

/* The rows of one statement; one that gives none prints nothing. Closes the cursor. */
static int show_rows(stoa_cursor *cur, const char *sql, const struct writer_options *options)
{
	const struct stoa_column *columns;
	struct progress progress;
	struct writer *w;
	size_t n;
	int code;

	columns = stoa_columns(cur, &n);
	if (n == 0) {
		stoa_cursor_close(cur);
		return CLI_OK;
	}
	w = writer_new(stdout, options, columns, n);
	progress_init(&progress, "query");
	progress.until_rows = true;
	code = write_cursor(w, cur, sql, &progress);
	/* Half a table would look like a whole one: on an error there is none. */
	if (code == CLI_OK)
		return writer_finish(w);
	writer_discard(w);
	return code;
}

static int run_script(stoa_session *session, const char *sql, const struct writer_options *options)
{
	struct stoa_script script = STOA_SCRIPT_INIT(sql, strlen(sql));
	struct stoa_error err;
	stoa_cursor *cur;
	bool any = false;
	int rc, code;

	while ((rc = stoa_session_next(session, &script, &cur, &err)) == STOA_ROW) {
		any = true;
		code = show_rows(cur, sql, options);
		if (code != CLI_OK)
			return code;
	}
	if (rc < 0)
		return report_sql_error(sql, &err);
	if (!any) {
		report("there is no statement in the SQL");
		return CLI_FAILURE;
	}
	if (stoa_session_txn(session)) {
		report("the SQL ends without COMMIT: what it did since BEGIN is undone");
		return CLI_FAILURE;
	}
	return CLI_OK;
}

/* A script that only reads takes no part in writing, and works beside a process that writes. */
static int query(const char *path, const char *sql, struct stoa_options *open_options,
		 const struct writer_options *options)
{
	struct stoa_script script = STOA_SCRIPT_INIT(sql, strlen(sql));
	stoa_session *session;
	struct stoa_error err;
	stoa_db *db;
	bool writes;
	int code;

	if (stoa_script_writes(&script, &writes, &err) < 0)
		return report_sql_error(sql, &err);
	open_options->flags = STOA_OPEN_NO_CREATE | (writes || !path ? 0 : STOA_OPEN_READ_ONLY);
	if (stoa_open(path, open_options, &db, &err) < 0)
		return report_error(path, &err);
	if (stoa_session_open(db, &session, &err) < 0)
		code = report_error(path, &err);
	else
		code = run_script(session, sql, options);
	stoa_session_close(session);
	if (stoa_close(db, &err) < 0 && code == CLI_OK)
		code = report_error(path, &err);
	return code;
}

#define WANTED "a DB and SQL are wanted, or SQL alone"

static int run(const struct command *self, int argc, char **argv)
{
	struct writer_options wo = { .format = FORMAT_TABLE };
	struct stoa_options open_options = STOA_OPTIONS_INIT;
	uint64_t threads = open_options.n_threads, megabytes = 0;
	const char *file = NULL, *path;
	const struct option_rule rules[] = {
		WRITER_RULES(&wo),
		OPTION_NUMBER("max-rows", 'm', &wo.max_rows, 0, UINT64_MAX),
		OPTION_TEXT("input", 'i', &file),
		OPTION_NUMBER("threads", 'j', &threads, 0, UINT16_MAX),
		OPTION_NUMBER("memory", 0, &megabytes, 0, UINT64_MAX >> 20),
	};
	struct text sql = { 0 };
	int n, code;

	wo.fit = isatty(STDOUT_FILENO);
	wo.color = color_on(stdout);
	wo.max_rows = wo.fit ? MAX_ROWS_ON_TERMINAL : 0;
	if (!OPTIONS(self, argc, argv, rules, 0, 2, WANTED, &code))
		return code;
	/* DB SQL, or SQL alone; with --input DB, or nothing. */
	n = argc - optind + (file != NULL);
	if (n < 1 || n > 2)
		return bad_usage(self, WANTED);
	open_options.n_threads = (uint32_t)threads;
	open_options.memory_limit = megabytes << 20;
	path = n == 2 ? argv[optind] : NULL;
	if (!path && !file && names_database(argv[argc - 1]))
		return bad_usage(self, "that is a DB: SQL is wanted, too");
	code = read_sql(argv[argc - 1], file, &sql);
	if (code == CLI_OK)
		code = query(path, sql.p, &open_options, &wo);
	text_release(&sql);
	return code;
}

const struct command command_query = {
	"query", "[DB] SQL", "Run SQL statements and print their rows",
	"SQL is one statement or several, separated by ; and - is read from standard input. Each is\n"
	"a transaction of its own outside BEGIN and COMMIT; the first error ends the work. SQL that\n"
	"only reads is run beside a process that may be writing, on its newest commit. Without DB\n"
	"there is an empty database in memory.\n\n"
	"  -i, --input FILE     read the SQL from FILE\n"
	"  -f, --format FORMAT  table (default), csv, tsv, jsonl, json, markdown, html, insert,\n"
	"                       vertical, arrow (a file) or arrows (a stream)\n"
	WRITER_OPTIONS_HELP
	"  -m, --max-rows N     table, vertical: show the first N rows; 0 shows all; 1000 on a terminal\n"
	"  -j, --threads N      threads a query may use; by default one for each processor\n"
	"      --memory MB      a query that sorts, groups or joins more puts the rest on disk\n"
	"  -h, --help           this text\n\n"
	"In tables NULL is NULL, and on a terminal long values are cut to fit. In CSV NULL is an\n"
	"empty field and an empty string is \"\".\n\n"
	"  stoa query air.stoa 'SELECT origin, count(*) FROM flights GROUP BY origin LIMIT 10'\n",
	run,
};
