/* SPDX-License-Identifier: MIT */
/* refs.c - stoa refs DB TABLE ROW: which rows refer to a row */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <unistd.h>
#include <stdlib.h>

/* A rowid; false: it is none. */
static bool parse_rowid(const char *s, stoa_rowid *out)
{
	char *end;

	errno = 0;
	*out = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && !errno && *out;
}

int refs_list(struct session *s, const char *name, const char *rowid, FILE *out,
	      const struct writer_options *options)
{
	const struct stoa_column *columns;
	size_t n_columns;
	struct stoa_error err;
	stoa_cursor *cur;
	struct writer *w;
	stoa_table table;
	stoa_rowid row;
	int code = session_table(s, name, &table);

	if (code != CLI_OK)
		return code;
	if (!parse_rowid(rowid, &row)) {
		report("%s is no rowid", rowid);
		return CLI_USAGE;
	}
	if (stoa_row_referrers(s->txn, table, row, &cur, &err) < 0)
		return report_error(s->path, &err);
	columns = stoa_columns(cur, &n_columns);
	w = writer_new(out, options, columns, n_columns);
	code = write_cursor(w, cur, NULL, NULL);
	if (code == CLI_OK)
		return writer_finish(w);
	writer_discard(w);
	return code;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct writer_options wo = { .format = FORMAT_TABLE, .fit = isatty(STDOUT_FILENO) };
	const struct option_rule rules[] = { WRITER_RULES(&wo) };
	struct session s;
	int code;

	if (!OPTIONS(self, argc, argv, rules, 3, 3, "a DB, a TABLE and a ROW are wanted", &code))
		return code;
	code = session_read(&s, argv[optind]);
	if (code != CLI_OK)
		return code;
	return session_end(&s, refs_list(&s, argv[optind + 1], argv[optind + 2], stdout, &wo));
}

const struct command command_refs = {
	"refs", "DB TABLE ROW", "List the rows that refer to a row",
	"ROW is a rowid. A row that was deleted lives on while a strong reference needs it, and\n"
	"can be asked about, too.\n\n"
	"  -f, --format FORMAT  table (default), csv, tsv, jsonl, json, markdown, html, insert or\n"
	"                       vertical\n"
	WRITER_OPTIONS_HELP
	"  -h, --help           this text\n",
	run,
};
