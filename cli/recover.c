/* SPDX-License-Identifier: MIT */
/*
 * recover.c - stoa recover DB NEWDB: make a new database of what is not damaged
 *
 * As the check it runs in a process of its own, see check.c.
 */
#include "cli.h"
#include "options.h"

#include <inttypes.h>

static void on_loss(void *ctx, const char *table, stoa_rowid first, stoa_rowid last, const char *what)
{
	(void)ctx;
	if (table && first)
		printf("%s: rows %" PRIu64 " to %" PRIu64 " are lost: %s\n", table, first, last, what);
	else
		printf("%s%s%s\n", table ? table : "", table ? ": " : "", what);
	fflush(stdout);
}

struct names {
	const char *from, *to;
	bool quiet;
};

static int recover(const void *ctx)
{
	const struct names *names = ctx;
	struct stoa_recover_stat stat = STOA_RECOVER_STAT_INIT;
	struct stoa_error err;

	if (stoa_recover(names->from, names->to, on_loss, NULL, &stat, &err) < 0)
		return report_error(names->from, &err);
	if (!names->quiet)
		printf("%s: %" PRIu64 " rows in %" PRIu64 " tables\n", names->to, stat.n_rows,
		       stat.n_tables);
	return stat.n_losses ? CLI_DAMAGE : CLI_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct names names = { 0 };
	const struct option_rule rules[] = { OPTION_FLAG("quiet", 'q', &names.quiet) };
	int code;

	if (!OPTIONS(self, argc, argv, rules, 2, 2,
		     "a damaged DB, and one that is not there yet, are wanted", &code))
		return code;
	names.from = argv[optind];
	names.to = argv[optind + 1];
	return run_in_child(names.from, recover, &names);
}

const struct command command_recover = {
	"recover", "DB NEWDB", "Make a new database of what is not damaged in another",
	"DB is read and stays as it is. Each loss is a line on standard output: a table and the rowids of\n"
	"the rows that are lost, or words for what else is. Exit code 0: nothing was lost, 3: something was.\n\n"
	"  -q, --quiet  no line in the end\n"
	"  -h, --help   this text\n",
	run,
};
