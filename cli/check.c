/* SPDX-License-Identifier: MIT */
/*
 * check.c - stoa check DB: reads and verifies every byte
 *
 * The check runs in a child process. It is written never to crash on any bytes, but someone who
 * asks is in doubt about those bytes, and a crash would be an answer too: then the parent says so,
 * and the exit code is that of damage all the same.
 */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_damage(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)ctx;
	printf("%s:%" PRIu64 ": %s\n", file, offset, what);
	/* If the next step crashes, this was said. */
	fflush(stdout);
}

static int check(const void *ctx)
{
	const char *path = ctx;
	struct stoa_error err;
	int rc = stoa_check(path, on_damage, NULL, &err);

	if (rc < 0)
		return report_error(path, &err);
	return CLI_OK;
}

int run_in_child(const char *path, int (*work)(const void *ctx), const void *ctx)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int code = work(ctx);

		_exit(fflush(stdout) == 0 ? code : CLI_FAILURE);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		report("cannot start a process for it: %s", strerror(errno));
		return CLI_FAILURE;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	report("%s: damaged so that what looks at it died (%s)", path, strsignal(WTERMSIG(status)));
	return CLI_DAMAGE;
}

static int run(const struct command *self, int argc, char **argv)
{
	bool quiet = false;
	const struct option_rule rules[] = { OPTION_FLAG("quiet", 'q', &quiet) };
	int code;

	if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB is wanted", &code))
		return code;
	code = run_in_child(argv[optind], check, argv[optind]);
	if (code == CLI_OK && !quiet)
		printf("%s: every byte is as it was written\n", argv[optind]);
	return code;
}

const struct command command_check = {
	"check", "DB", "Read and verify every byte of a database",
	"Each piece of damage is a line on standard output: FILE:OFFSET: what is wrong. No other\n"
	"process may be writing to DB meanwhile. Exit code 0: all is well, 3: there is damage.\n\n"
	"  -q, --quiet  say nothing when all is well\n"
	"  -h, --help   this text\n",
	run,
};
