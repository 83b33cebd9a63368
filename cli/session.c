/* SPDX-License-Identifier: MIT */
/* session.c - open a database and begin; end and close: what surrounds every subcommand's work */
#include "cli.h"

#include <string.h>
#include <sys/stat.h>

bool names_database(const char *s)
{
	size_t len = strlen(s);
	struct stat st;

	return strcmp(s, ":memory:") == 0 || (stat(s, &st) == 0 && S_ISDIR(st.st_mode)) ||
	       (len > 5 && strcmp(s + len - 5, ".stoa") == 0);
}

static int begin(struct session *s, const char *path, uint32_t open_flags, unsigned txn_flags,
		 int32_t busy_ms)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	int code;

	memset(s, 0, sizeof(*s));
	s->path = path;
	options.flags = open_flags;
	options.busy_ms = busy_ms;
	if (stoa_open(path, &options, &s->db, &err) < 0)
		return report_error(path, &err);
	if (stoa_begin(s->db, txn_flags, &s->txn, &err) == STOA_OK)
		return CLI_OK;
	code = report_error(path, &err);
	s->txn = NULL;
	return session_end(s, code);
}

int session_begin(struct session *s, const char *path, uint32_t open_flags, unsigned txn_flags)
{
	return begin(s, path, open_flags, txn_flags, 0);
}

int session_begin_waiting(struct session *s, const char *path, uint32_t open_flags,
			  unsigned txn_flags)
{
	return begin(s, path, open_flags, txn_flags, -1);
}

int session_end(struct session *s, int code)
{
	struct stoa_error err;

	if (code != CLI_OK)
		stoa_abort(s->txn);
	else if (stoa_commit(s->txn, &err) < 0)
		code = report_error(s->path, &err);
	s->txn = NULL;
	if (s->db && stoa_close(s->db, &err) < 0 && code == CLI_OK)
		code = report_error(s->path, &err);
	s->db = NULL;
	return code;
}

int session_table(struct session *s, const char *name, stoa_table *out)
{
	struct stoa_error err;

	if (stoa_table_find(s->txn, name, out, &err) < 0)
		return report_error(s->path, &err);
	return CLI_OK;
}
