/* SPDX-License-Identifier: MIT */
/* gc.c - stoa gc DB: give back the space of what was deleted, changed and dropped */
#include "cli.h"
#include "options.h"

#include <inttypes.h>
#include <string.h>

static void print_stats(const struct stoa_gc_stats *s)
{
	const struct {
		const char *label;
		uint64_t n;
	} lines[] = {
		{ "row groups read", s->groups_read },   { "row groups made", s->groups_made },
		{ "rows moved", s->rows_moved },         { "rows reclaimed", s->rows_reclaimed },
		{ "bytes reclaimed", s->bytes_reclaimed }, { "runs given up", s->runs_given_up },
		{ "rows in cycles", s->rows_in_cycles },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		printf("%-16s%16" PRIu64 "\n", lines[i].label, lines[i].n);
	printf("%-16s%16.6f\n%-16s%16.6f\n", "seconds", s->seconds, "longest pause",
	       s->longest_pause);
}

static int collect(const char *path, int generation, bool cold, bool stats)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_gc_stats s = STOA_GC_STATS_INIT;
	struct stoa_error err;
	stoa_db *db;
	int code = CLI_OK;

	options.flags = STOA_OPEN_NO_CREATE;
	if (stoa_open(path, &options, &db, &err) < 0)
		return report_error(path, &err);
	if ((cold ? stoa_gc_cool(db, &s, &err) : stoa_gc_collect(db, generation, &s, &err)) < 0)
		code = report_error(path, &err);
	if (stoa_close(db, &err) < 0 && code == CLI_OK)
		code = report_error(path, &err);
	if (code != CLI_OK)
		return code;
	if (stats)
		print_stats(&s);
	else
		printf("%" PRIu64 " rows reclaimed, %" PRIu64 " row groups made of %" PRIu64 "\n",
		       s.rows_reclaimed, s.groups_made, s.groups_read);
	return CLI_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	uint64_t generation = STOA_GC_GENERATIONS - 1;
	bool cold = false, stats = false;
	const struct option_rule rules[] = {
		OPTION_NUMBER("generation", 'g', &generation, 0, STOA_GC_GENERATIONS - 1),
		OPTION_FLAG("cold", 0, &cold),
		OPTION_FLAG("stats", 0, &stats),
	};
	int code;

	if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB is wanted", &code))
		return code;
	return collect(argv[optind], (int)generation, cold, stats);
}

const struct command command_gc = {
	"gc", "DB", "Give back the space of what was deleted, changed and dropped",
	"A program that has the database open does this by itself, beside its other work;\n"
	"this does it now, and to the last percent.\n\n"
	"  -g, --generation N  only row groups that were rewritten at most N times: 0, 1 or 2 (all)\n"
	"      --cold          and compress all rows, for tables that are seldom read\n"
	"      --stats         what was done, line by line\n"
	"  -h, --help          this text\n",
	run,
};
