/* SPDX-License-Identifier: MIT */
/* import_arrow.c - an Arrow IPC file or stream into a table: a cursor over it, imported by name */
#include <string.h>
#include <unistd.h>

#include "cli.h"

bool is_arrow(const struct input *in)
{
	unsigned char head[8];

	if (pread(in->fd, head, sizeof(head), 0) != sizeof(head))
		return false;
	return memcmp(head, "ARROW1", 6) == 0 || memcmp(head, "\xff\xff\xff\xff", 4) == 0;
}

static int on_progress(void *ctx, const struct stoa_progress *now)
{
	struct progress *p = ctx;

	progress_show(p, -1, now->rows, 0, seconds_now() - p->began);
	return interrupted();
}

int import_arrow(struct session *s, const char *name, const struct input *in,
		 const struct stoa_csv_options *options, struct progress *p, uint64_t *rows)
{
	struct stoa_import_options import = STOA_IMPORT_OPTIONS_INIT;
	struct stoa_error err;
	stoa_cursor *cur;
	int rc;

	import.unique = options->unique;
	import.on_conflict = options->on_conflict;
	import.progress = on_progress;
	import.ctx = p;
	if (stoa_arrow_read(in->path, &cur, &err) < 0)
		return report_error(NULL, &err);
	rc = stoa_import_cursor(s->txn, name, cur, &import, rows, &err);
	progress_end(p);
	if (rc >= 0)
		return CLI_OK;
	return rc == STOA_ECANCELED ? CLI_INTERRUPTED : report_error(in->name, &err);
}
