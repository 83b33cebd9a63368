/* SPDX-License-Identifier: MIT */
/*
 * backup.c - stoa backup DB DIR: copy a database beside whoever writes to it, and bring the copy up
 * to date
 */
#include "cli.h"
#include "options.h"

#include <inttypes.h>

struct show {
	struct progress progress;
	double began;
};

static int on_progress(void *ctx, const struct stoa_backup_stat *now)
{
	struct show *s = ctx;

	progress_show(&s->progress, -1, 0, now->bytes_copied, seconds_now() - s->began);
	return interrupted();
}

int backup_make(const char *path, const char *to, uint32_t flags, bool quiet)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_backup_options how = STOA_BACKUP_OPTIONS_INIT;
	struct stoa_backup_stat stat = STOA_BACKUP_STAT_INIT;
	struct show show = { .began = seconds_now() };
	struct stoa_error err;
	stoa_db *db;
	int rc;

	options.flags = STOA_OPEN_NO_CREATE | STOA_OPEN_READ_ONLY;
	if (stoa_open(path, &options, &db, &err) < 0)
		return report_error(path, &err);
	interrupt_init();
	progress_init(&show.progress, to);
	how.flags = flags;
	how.progress = on_progress;
	how.ctx = &show;
	rc = stoa_backup(db, to, &how, &stat, &err);
	progress_end(&show.progress);
	(void)stoa_close(db, NULL);
	if (rc < 0)
		return interrupted() ? CLI_INTERRUPTED : report_error(path, &err);
	if (!quiet)
		printf("%s: commit %" PRIu64 "; %" PRIu64 " of %" PRIu64 " segment files copied, %" PRIu64
		       " of %" PRIu64 " bytes\n",
		       to, stat.commit, stat.n_copied, stat.n_files, stat.bytes_copied, stat.bytes);
	return CLI_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	bool quiet = false, verify = false;
	const struct option_rule rules[] = {
		OPTION_FLAG("verify", 'v', &verify),
		OPTION_FLAG("quiet", 'q', &quiet),
	};
	int code;

	if (!OPTIONS(self, argc, argv, rules, 2, 2, "a DB, and a DIR for its backup, are wanted", &code))
		return code;
	return backup_make(argv[optind], argv[optind + 1], verify ? STOA_BACKUP_VERIFY : 0, quiet);
}

const struct command command_backup = {
	"backup", "DB DIR", "Copy a database while it is in use, or bring the copy up to date",
	"DIR is new, or an older backup of DB: then only segment files that it lacks are copied. It is a\n"
	"database like any other: open it, check it, or restore it to where DB was to go back to it. Until\n"
	"a backup is complete it is DIR.partial, and the older one stays as it was; one that was cut off\n"
	"goes on from there. Other programs may be writing to DB meanwhile.\n\n"
	"  -v, --verify  read and verify every byte of the backup before it takes its place, and copy\n"
	"                files of the older one that went bad anew\n"
	"  -q, --quiet   say nothing when all is well\n"
	"  -h, --help    this text\n",
	run,
};
