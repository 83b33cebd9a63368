/* SPDX-License-Identifier: MIT */
/* input.c - the bytes of a file to import: opened, copied first if need be, read by offset */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../storage/file.h"
#include "../core/alloc.h"

#define COPY_BYTES ((size_t)256 << 10)

static int fail_errno(const char *path, const char *what, int errno_value, struct stoa_error *err)
{
	return stoa__fail(err, stoa__from_errno(errno_value), "%s: cannot %s: %s", path, what,
			  strerror(errno_value));
}

/* A file without a name, that goes when it is closed. */
static int open_temporary(int *fd, struct stoa_error *err)
{
	const char *dir = getenv("TMPDIR");
	char name[4096];
	int n;

	if (!dir || !*dir)
		dir = "/tmp";
	*fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return STOA_OK;
	n = snprintf(name, sizeof name, "%s/stoa-XXXXXX", dir);
	if (n < 0 || (size_t)n >= sizeof name)
		return stoa__fail(err, STOA_EINVAL, "TMPDIR is too long");
	*fd = mkostemp(name, O_CLOEXEC);
	if (*fd < 0)
		return fail_errno(dir, "make a temporary file", errno, err);
	unlink(name);
	return STOA_OK;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A stoa_read_fn over a file. */
static int read_file(void *ctx, void *buf, size_t size, size_t *n, struct stoa_error *err)
{
	const struct stoa__csv_input *in = ctx;
	ssize_t got;

	do
		got = read(in->fd, buf, size);
	while (got < 0 && errno == EINTR);
	*n = got < 0 ? 0 : (size_t)got;
	return got < 0 ? fail_errno(in->path, "read", errno, err) : STOA_OK;
}

static int copy(stoa_read_fn *pull, void *ctx, int to, char *buf, const char *path, uint64_t *size,
		struct stoa_error *err)
{
	int errno_value;
	size_t n = 0;

	for (*size = 0;; *size += n) {
		STOA_TRY(pull(ctx, buf, COPY_BYTES, &n, err));
		if (n > COPY_BYTES)
			return stoa__fail(err, STOA_EINVAL, "%s: more bytes came than there is room for",
					  path);
		if (n == 0)
			return STOA_OK;
		errno_value = write_all(to, buf, n);
		if (errno_value)
			return fail_errno(path, "copy to a temporary file", errno_value, err);
	}
}

int stoa__csv_input_pull(stoa_read_fn *pull, void *ctx, const char *name,
			 struct stoa__csv_input *out, struct stoa_error *err)
{
	struct stoa__csv_input in = { -1, NULL, name, 0 };
	char *buf = stoa__alloc(COPY_BYTES);
	int rc;

	out->fd = -1;
	if (!buf)
		return stoa__fail_memory(err);
	rc = open_temporary(&in.fd, err);
	if (rc == STOA_OK)
		rc = copy(pull, ctx, in.fd, buf, name, &in.size, err);
	stoa__free(buf);
	if (rc < 0)
		stoa__csv_input_close(&in);
	else
		*out = in;
	return rc;
}

/* Puts a copy of all that can be read from in->fd in its place. */
static int spool(struct stoa__csv_input *in, struct stoa_error *err)
{
	struct stoa__csv_input copied = *in;

	STOA_TRY(stoa__csv_input_pull(read_file, in, in->path, &copied, err));
	close(in->fd);
	*in = copied;
	return STOA_OK;
}

int stoa__csv_input_open(const char *path, struct stoa__csv_input *out, struct stoa_error *err)
{
	struct stoa__csv_input in = { -1, NULL, path, 0 };
	struct stat st;
	int rc = STOA_OK;

	out->fd = -1;
	in.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (in.fd < 0)
		return fail_errno(path, "open", errno, err);
	if (fstat(in.fd, &st) != 0)
		rc = fail_errno(path, "read", errno, err);
	else if (S_ISDIR(st.st_mode))
		rc = stoa__fail(err, STOA_EINVAL, "%s is a directory: name a file", path);
	else if (S_ISREG(st.st_mode))
		in.size = (uint64_t)st.st_size;
	else
		rc = spool(&in, err);
	if (rc < 0) {
		close(in.fd);
		return rc;
	}
	posix_fadvise(in.fd, 0, 0, POSIX_FADV_SEQUENTIAL);	/* advice: nothing depends on it */
	*out = in;
	return STOA_OK;
}

void stoa__csv_input_close(struct stoa__csv_input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

int stoa__csv_input_read(const struct stoa__csv_input *in, uint64_t offset, char *p, size_t len,
			 size_t *got, struct stoa_error *err)
{
	*got = 0;
	if (in->memory) {
		*got = offset >= in->size ? 0 : in->size - offset < len ? (size_t)(in->size - offset) : len;
		if (*got)
			memcpy(p, in->memory + offset, *got);
		return STOA_OK;
	}
	while (*got < len) {
		ssize_t n = pread(in->fd, p + *got, len - *got, (off_t)(offset + *got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(in->path, "read", errno, err);
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return STOA_OK;
}

void stoa__csv_input_place(const struct stoa__csv_input *in, struct stoa__csv_place *place,
			   uint64_t offset)
{
	char buf[16384];

	while (place->at < offset) {
		size_t want = sizeof buf, got;
		const char *p = buf;

		if (offset - place->at < want)
			want = (size_t)(offset - place->at);
		if (stoa__csv_input_read(in, place->at, buf, want, &got, NULL) < 0 || got < want) {
			place->line = place->column = 0;
			return;
		}
		while ((p = memchr(p, '\n', (size_t)(buf + got - p)))) {
			p++;
			place->line++;
			place->line_start = place->at + (uint64_t)(p - buf);
		}
		place->at += got;
	}
	place->column = offset - place->line_start + 1;
}

int stoa__csv_input_fail(const struct stoa__csv_input *in, int code, uint64_t offset,
			 const char *text, struct stoa_error *err)
{
	struct stoa__csv_place place = STOA__CSV_PLACE_INIT;

	if (!err)
		return code;
	stoa__csv_input_place(in, &place, offset);
	stoa__fail_at(err, code, place.line, place.column, "%s: %s", in->path, text);
	err->offset = offset;
	return code;
}
