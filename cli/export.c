/* SPDX-License-Identifier: MIT */
/*
 * export.c - stoa export DB TABLE|SQL: rows in any of the formats, on stdout or in a file
 *
 * A file is written beside its name and renamed when it is whole, so that an old export is never
 * replaced by half of a new one.
 */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A file of our own: not one that somebody's link leads to. What is left of an export that was
 * killed goes.
 */
static FILE *create(const char *path)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

int target_open(struct target *t, const char *path)
{
	struct text part = { 0 };
	struct stat st;

	memset(t, 0, sizeof(*t));
	t->path = path;
	t->out = stdout;
	if (!path)
		return CLI_OK;
	/* A pipe or device is written to as it is. */
	if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) {
		text_printf(&part, "%s.part", path);
		t->part = part.p;
	}
	t->out = t->part ? create(t->part) : fopen(path, "we");
	if (t->out)
		return CLI_OK;
	report("%s: %s", t->part ? t->part : path, strerror(errno));
	free(t->part);
	return CLI_FAILURE;
}

int target_close(struct target *t, int code)
{
	if (!t->path)
		return code;
	/* On the disk before it takes the old one's name; a compressed one sees to that itself. */
	if (code == CLI_OK && (fflush(t->out) != 0 ||
			       (t->part && fileno(t->out) >= 0 && fsync(fileno(t->out)) != 0))) {
		report("%s: %s", t->path, strerror(errno));
		code = CLI_FAILURE;
	}
	if (fclose(t->out) != 0 && code == CLI_OK) {
		report("%s: cannot be written", t->path);
		code = CLI_FAILURE;
	}
	if (code == CLI_OK && t->part && rename(t->part, t->path) != 0) {
		report("%s: %s", t->path, strerror(errno));
		code = CLI_FAILURE;
	}
	if (code != CLI_OK && t->part)
		unlink(t->part);
	free(t->part);
	return code;
}

/* A table of that name, or else a statement. @rows: how many there will be, 0 for unknown. */
static int open_cursor(struct session *s, const char *what, stoa_cursor **out, uint64_t *rows)
{
	struct stoa_table_info info;
	struct stoa_error err;
	stoa_table table;
	int rc = stoa_table_find(s->txn, what, &table, &err);

	*rows = 0;
	/* What looks like no name is SQL. */
	if (rc < 0 && strpbrk(what, " \t\n(")) {
		rc = stoa_query(s->txn, what, out, &err);
		return rc < 0 ? report_sql_error(what, &err) : CLI_OK;
	}
	if (rc == STOA_OK)
		rc = stoa_table_info(s->txn, table, &info, &err);
	if (rc == STOA_OK) {
		*rows = info.n_rows;
		rc = stoa_scan(s->txn, table, NULL, 0, out, &err);
	}
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

static int export(struct session *s, const char *what, const char *path,
		  const struct writer_options *options)
{
	const struct stoa_column *columns;
	struct writer_options wo = *options;
	struct progress progress;
	struct target target;
	struct writer *w;
	stoa_cursor *cur;
	uint64_t rows;
	size_t n;
	int code = open_cursor(s, what, &cur, &rows);

	if (code != CLI_OK)
		return code;
	if (path)
		interrupt_init();
	code = target_open(&target, path);
	if (code != CLI_OK) {
		stoa_cursor_close(cur);
		return code;
	}
	columns = stoa_columns(cur, &n);
	if (!wo.table && !strpbrk(what, " \t\n("))
		wo.table = what;
	w = writer_new(target.out, &wo, columns, n);
	progress_init(&progress, path);
	progress.total_rows = rows;
	/* Only a file is worth a line: rows on a terminal are progress enough. */
	code = write_cursor(w, cur, what, path ? &progress : NULL);
	if (code == CLI_OK)
		code = writer_finish(w);
	else
		writer_discard(w);
	return target_close(&target, code);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct writer_options wo = { .format = FORMAT_CSV };
	const char *path = NULL;
	const struct option_rule rules[] = {
		WRITER_RULES(&wo),
		OPTION_TEXT("table", 't', &wo.table),
		OPTION_TEXT("output", 'o', &path),
	};
	struct session s;
	int code;

	if (!OPTIONS(self, argc, argv, rules, 2, 2, "a DB and a TABLE or SQL statement are wanted", &code))
		return code;
	code = session_read(&s, argv[optind]);
	if (code == CLI_OK)
		code = session_end(&s, export(&s, argv[optind + 1], path, &wo));
	return code;
}

const struct command command_export = {
	"export", "DB TABLE|SQL", "Write rows of a table or query as CSV, JSON, Arrow and more",
	"  -f, --format FORMAT  table, csv (default), tsv, jsonl, json, markdown, html, insert,\n"
	"                       vertical, arrow (a file) or arrows (a stream)\n"
	WRITER_OPTIONS_HELP
	"  -t, --table NAME     insert: into this table; otherwise TABLE, or t\n"
	"  -o, --output FILE    into FILE, which is replaced once all is written; otherwise on\n"
	"                       standard output\n"
	"  -h, --help           this text\n\n"
	"In CSV and TSV NULL is an empty field and an empty string is \"\": import reads both back.\n\n"
	"  stoa export air.stoa flights --format jsonl -o flights.jsonl\n",
	run,
};
