/* SPDX-License-Identifier: MIT */
/* session.c - open a database and begin; end and close: what surrounds every subcommand's work */
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool names_database(const char *s)
{
	size_t len = strlen(s);
	struct stat st;

	return strcmp(s, ":memory:") == 0 || (stat(s, &st) == 0 && S_ISDIR(st.st_mode)) ||
	       (len > 5 && strcmp(s + len - 5, ".stoa") == 0);
}

bool is_absent(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

/*
 * Opens the database, and notes whether that made it: tried as one that must be new first, since
 * between a look and a call others may make it. In a folder that was there, empty, it stays.
 */
static int open_db(struct session *s, const struct stoa_options *options, struct stoa_error *err)
{
	struct stoa_options new = *options;

	if (!(options->flags & (STOA_OPEN_READ_ONLY | STOA_OPEN_NO_CREATE)) && is_absent(s->path)) {
		new.flags |= STOA_OPEN_EXCLUSIVE;
		s->created = stoa_open(s->path, &new, &s->db, err) == STOA_OK &&
			     strcmp(s->path, ":memory:") != 0;
	}
	return s->db ? STOA_OK : stoa_open(s->path, options, &s->db, err);
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
	if (open_db(s, &options, &err) < 0)
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

int session_read(struct session *s, const char *path)
{
	return begin(s, path, STOA_OPEN_READ_ONLY | STOA_OPEN_NO_CREATE, STOA_READ, 0);
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
	else if (s->txn && stoa_commit(s->txn, &err) < 0)
		code = report_error(s->path, &err);
	s->txn = NULL;
	if (s->created && code != CLI_OK)
		(void)stoa_discard(s->db, NULL);
	else if (stoa_close(s->db, &err) < 0 && code == CLI_OK)
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
