/* SPDX-License-Identifier: MIT */
/*
 * bench.c - stoa-bench: stoa and its peers side by side
 *
 * What a case is, says bench.h; how one is run, rounds.c; how to read what comes out, README.md.
 *
 * Exit codes: 0 all ran and agreed, whether or not targets were reached; 1 a run failed, answers
 * differed or results could not be written; 2 the command line is wrong.
 */
#include "bench.h"
#include "tpch.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct bench_case *const lists[] = {
	bench_memory_cases, bench_load_cases, bench_append_cases, bench_point_cases,
	bench_commit_cases, bench_txn_cases,  bench_open_cases,   bench_query_cases,
	bench_like_cases,
	bench_cursor_cases, bench_tpch_cases, bench_statement_cases,
	bench_gc_cases, bench_churn_cases, bench_refs_cases, bench_queue_cases, bench_set_cases,
	bench_few_cases,   bench_arrow_cases,
};

#define CASES_MAX 64

/* ---- all of them ---- */

/* Is @name in the list with commas? "load" stands for load-1 and load-2. */
static bool is_wanted(const char *name)
{
	const char *p = bench_config.only;

	if (!p)
		return true;
	while (*p) {
		size_t len = strcspn(p, ",");

		if (len && strncmp(name, p, len) == 0 && (!name[len] || name[len] == '-'))
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

static size_t pick_cases(const struct bench_case **out)
{
	size_t n = 0;

	for (size_t i = 0; i < BENCH_COUNT(lists); i++)
		for (const struct bench_case *c = lists[i]; c->name; c++)
			if (is_wanted(c->name) && n < CASES_MAX)
				out[n++] = c;
	return n;
}

static void print_targets(const struct bench_outcome *outcomes, size_t n)
{
	size_t n_reached = 0, n_known = 0, n_all = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t t = 0; t < outcomes[i].c->n_targets; t++) {
			double ratio;
			bool known;

			n_reached += bench_target_reached(&outcomes[i], &outcomes[i].c->targets[t],
							  &ratio, &known);
			n_known += known;
			n_all++;
		}
	}
	if (n_all)
		printf("\n%zu of %zu figures reached, %zu not known\n", n_reached, n_all,
		       n_all - n_known);
}

static int run_all(void)
{
	static struct bench_outcome outcomes[CASES_MAX];
	const struct bench_case *cases[CASES_MAX];
	struct bench_machine machine;
	size_t n = pick_cases(cases);
	bool ok = true;

	if (n == 0) {
		fprintf(stderr, "stoa-bench: no case is called %s; see --list\n",
			bench_config.only);
		return 2;
	}
	if (mkdir(bench_config.dir, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "stoa-bench: %s: %s\n", bench_config.dir, strerror(errno));
		return 1;
	}
	bench_machine_describe(&machine);
	printf("%s\n%s\nscale factor %g, %u rounds, cap %u s, seed %llu; values are medians, each run in a "
	       "process of its own\n",
	       machine.words, machine.versions, bench_config.sf, bench_config.rounds,
	       bench_config.cap_s, (unsigned long long)bench_config.seed);
	fflush(stdout);
	for (size_t i = 0; i < n; i++)
		ok &= bench_run_case(cases[i], &outcomes[i]);
	bench_report_mean(outcomes, n);
	print_targets(outcomes, n);
	if (bench_config.json && !bench_json_write(bench_config.json, outcomes, n)) {
		fprintf(stderr, "stoa-bench: cannot write %s\n", bench_config.json);
		ok = false;
	}
	return ok ? 0 : 1;
}

/* ---- the command line ---- */

static const char help[] =
	"usage: stoa-bench [OPTION...]\n"
	"Runs stoa and its peers side by side and prints a table for each case.\n"
	"\n"
	"  --case LIST     only these cases, with commas; load means load-1 and load-2\n"
	"  --sf X          scale factor of the TPC-H data (default 1, from 0.001)\n"
	"  --rounds N      runs of each entry (default 3)\n"
	"  --seed N        of everything random that TPC-H does not fix\n"
	"  --dir DIR       where data and databases are made (default bench-data)\n"
	"  --cap SECONDS   stop a run that takes longer (default 300; 0 for never)\n"
	"  --json FILE     write every run there\n"
	"  --no-peers      stoa alone\n"
	"  --long          also cases that take minutes and gigabytes (or set STOA_LONG)\n"
	"  --list          say which cases there are\n"
	"  --help\n";

static int list_cases(void)
{
	for (size_t i = 0; i < BENCH_COUNT(lists); i++)
		for (const struct bench_case *c = lists[i]; c->name; c++)
			printf("%-14s %s\n", c->name, c->title);
	return 0;
}

static int usage(void)
{
	fputs(help, stderr);
	return 2;
}

/* -1 to go on, or the exit code. */
static int parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "case", required_argument, NULL, 'c' },
		{ "sf", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'e' },
		{ "dir", required_argument, NULL, 'd' },
		{ "cap", required_argument, NULL, 'a' },
		{ "json", required_argument, NULL, 'j' },
		{ "no-peers", no_argument, NULL, 'n' },
		{ "long", no_argument, NULL, 'o' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	bench_config.is_long = getenv("STOA_LONG") != NULL;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			bench_config.only = optarg;
			break;
		case 's':
			bench_config.sf = strtod(optarg, NULL);
			break;
		case 'r':
			bench_config.rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'e':
			bench_config.seed = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			bench_config.dir = optarg;
			break;
		case 'a':
			bench_config.cap_s = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			bench_config.json = optarg;
			break;
		case 'n':
			bench_config.peers = false;
			break;
		case 'o':
			bench_config.is_long = true;
			break;
		case 'l':
			return list_cases();
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return usage();
		}
	}
	if (optind < argc || !(bench_config.sf >= 0.001 && bench_config.sf <= TPCH_SF_MAX) ||
	    bench_config.rounds == 0 || bench_config.rounds > BENCH_ROUNDS_MAX)
		return usage();
	return -1;
}

int main(int argc, char **argv)
{
	int rc = parse_options(argc, argv);

	return rc >= 0 ? rc : run_all();
}
