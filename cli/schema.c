/* SPDX-License-Identifier: MIT */
/* schema.c - stoa schema DB [TABLE]: tables as CREATE TABLE statements */
#include "cli.h"

#include <getopt.h>

static int show_table(struct session *s, stoa_table table)
{
	struct stoa_table_info info;
	struct stoa_error err;
	struct text t = { 0 };

	if (stoa_table_info(s->txn, table, &info, &err) < 0)
		return report_error(s->path, &err);
	text_put_create_table(&t, &info);
	fwrite(t.p, 1, t.len, stdout);
	text_release(&t);
	return CLI_OK;
}

static int show_all(struct session *s)
{
	struct stoa_error err;
	stoa_table table = 0;
	int rc, code = CLI_OK;

	while ((rc = stoa_table_next(s->txn, table, &table, &err)) == STOA_ROW) {
		code = show_table(s, table);
		if (code != CLI_OK)
			return code;
	}
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct session s;
	stoa_table table;
	int option, code;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return option == 'h' ? show_help(self) : bad_usage(self, NULL);
	if (argc - optind < 1 || argc - optind > 2)
		return bad_usage(self, "a DB and at most one TABLE are wanted");
	code = session_begin(&s, argv[optind], STOA_OPEN_READ_ONLY | STOA_OPEN_NO_CREATE,
			     STOA_READ);
	if (code != CLI_OK)
		return code;
	if (argc - optind == 1) {
		code = show_all(&s);
	} else {
		code = session_table(&s, argv[optind + 1], &table);
		if (code == CLI_OK)
			code = show_table(&s, table);
	}
	return session_end(&s, code);
}

const struct command command_schema = {
	"schema", "DB [TABLE]", "Print tables as CREATE TABLE statements",
	"What stands between the parentheses is what --schema of create and import reads.\n\n"
	"  -h, --help  this text\n",
	run,
};
