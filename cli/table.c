/* SPDX-License-Identifier: MIT */
/* table.c - stoa drop, stoa freeze: what is done to a table as a whole */
#include "cli.h"
#include "options.h"


static int change(const struct command *self, int argc, char **argv,
		  int (*how)(stoa_txn *txn, stoa_table table, struct stoa_error *err))
{
	struct session s;
	struct stoa_error err;
	stoa_table table;
	int code;

	if (!options_take(self, argc, argv, NULL, 0, 2, 2, "a DB and a TABLE are wanted", &code))
		return code;
	code = session_begin(&s, argv[optind], STOA_OPEN_NO_CREATE, STOA_WRITE);
	if (code != CLI_OK)
		return code;
	code = session_table(&s, argv[optind + 1], &table);
	if (code == CLI_OK && how(s.txn, table, &err) < 0)
		code = report_error(s.path, &err);
	return session_end(&s, code);
}

static int run_drop(const struct command *self, int argc, char **argv)
{
	return change(self, argc, argv, stoa_table_drop);
}

static int run_freeze(const struct command *self, int argc, char **argv)
{
	return change(self, argc, argv, stoa_table_freeze);
}

const struct command command_drop = {
	"drop", "DB TABLE", "Remove a table and its rows",
	"There is no way back.\n\n"
	"  -h, --help  this text\n",
	run_drop,
};

const struct command command_freeze = {
	"freeze", "DB TABLE", "Make a table immutable, for good",
	"Every later write to the table is refused. It may still be dropped.\n\n"
	"  -h, --help  this text\n",
	run_freeze,
};
