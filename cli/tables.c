/* SPDX-License-Identifier: MIT */
/* tables.c - stoa tables DB: what is in it */
#include "cli.h"
#include "options.h"

#include <unistd.h>
#include <string.h>

static const struct stoa_column columns[] = {
	{ "table", STOA_STRING, 0, 0 },
	{ "rows", STOA_U64, 0, 0 },
	{ "slots", STOA_U64, 0, 0 },
	{ "frozen", STOA_BOOL, 0, 0 },
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static int list(struct session *s, struct writer *w)
{
	struct stoa_table_info info;
	struct stoa_error err;
	stoa_table table = 0;
	int rc;

	while ((rc = stoa_table_next(s->txn, table, &table, &err)) == STOA_ROW) {
		struct stoa_value row[N_COLUMNS];

		rc = stoa_table_info(s->txn, table, &info, &err);
		if (rc < 0)
			break;
		row[0] = stoa_text(info.name);
		row[1] = stoa_u64(info.n_rows);
		row[2] = stoa_u64(info.n_slots);
		row[3] = stoa_bool(info.frozen);
		writer_row(w, row);
	}
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

int tables_list(struct session *s, FILE *out, const struct writer_options *options)
{
	struct writer_options wo = *options;
	struct writer *w;
	int code;

	/* A list is for people: what is no text gives a table. */
	if (wo.format >= FORMAT_ARROW)
		wo.format = FORMAT_TABLE;
	w = writer_new(out, &wo, columns, N_COLUMNS);
	code = list(s, w);

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

	if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB is wanted", &code))
		return code;
	code = session_read(&s, argv[optind]);
	if (code != CLI_OK)
		return code;
	return session_end(&s, tables_list(&s, stdout, &wo));
}

const struct command command_tables = {
	"tables", "DB", "List the tables with their rows and slots",
	"  -f, --format FORMAT  table (default), csv, tsv, jsonl, json, markdown, html, insert or\n"
	"                       vertical\n"
	WRITER_OPTIONS_HELP
	"  -h, --help           this text\n",
	run,
};
