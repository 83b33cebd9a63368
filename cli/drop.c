/* SPDX-License-Identifier: MIT */
/* drop.c - stoa drop DB TABLE: a table and its rows go */
#include "cli.h"

#include <getopt.h>

static int drop(struct session *s, const char *name)
{
	struct stoa_error err;
	stoa_table table;
	int code = session_table(s, name, &table);

	if (code == CLI_OK && stoa_table_drop(s->txn, table, &err) < 0)
		code = report_error(s->path, &err);
	return code;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct session s;
	int option, code;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return option == 'h' ? show_help(self) : bad_usage(self, NULL);
	if (argc - optind != 2)
		return bad_usage(self, "a DB and a TABLE are wanted");
	code = session_begin(&s, argv[optind], STOA_OPEN_NO_CREATE, STOA_WRITE);
	if (code == CLI_OK)
		code = session_end(&s, drop(&s, argv[optind + 1]));
	return code;
}

const struct command command_drop = {
	"drop", "DB TABLE", "Remove a table and its rows",
	"There is no way back.\n\n"
	"  -h, --help  this text\n",
	run,
};
