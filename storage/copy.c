/* SPDX-License-Identifier: MIT */
/*
 * copy.c - catalog, log and segments written once more, into another directory
 *
 * Bytes pass through memory: they are verified on their way, which reads them anyway, and a copy
 * that shares its blocks with the original (a reflink) would be lost with it.
 *
 * (1) A copy is made under its own name, from nothing: whoever calls has a directory that is no
 *     database yet.
 * (2) Of a log's last file what its records do not cover is left out: a writer may be at it. It is
 *     as long as they are, and the next writer makes it longer.
 */
#include "copy.h"

#include <fcntl.h>

#include "../lib/core/alloc.h"
#include "catalog.h"
#include "catalog_sum.h"
#include "log_format.h"
#include "validate.h"

#define STEP_BYTES ((size_t)4 << 20)

/* A new, empty file in the place of one that may be there. */
static int create(const struct stoa__dir *dir, const char *name, int *fd, struct stoa_error *err)
{
	STOA_TRY(stoa__file_unlink(dir, name, err));
	return stoa__file_open(dir, name, O_RDWR | O_CREAT | O_EXCL, fd, err);
}

/* Syncs the copy open as @fd and closes it; after a failure @rc it is removed. */
static int finish(const struct stoa__dir *dir, const char *name, int fd, int rc,
		  struct stoa_error *err)
{
	if (fd < 0)
		return rc;
	if (rc == STOA_OK)
		rc = stoa__file_sync(fd, name, err);
	stoa__file_close(fd);
	if (rc < 0)
		(void)stoa__file_unlink(dir, name, NULL);
	return rc;
}

/* The first @len bytes of @from into @to. */
static int copy_bytes(int from, int to, const char *name, uint64_t len, struct stoa_error *err)
{
	struct stoa__buf step = STOA__BUF_INIT;
	int rc = STOA_OK;

	if (stoa__buf_reserve(&step, STEP_BYTES) < 0)
		return stoa__fail_memory(err);
	for (uint64_t at = 0, n; at < len && rc == STOA_OK; at += n) {
		n = len - at < STEP_BYTES ? len - at : STEP_BYTES;
		rc = stoa__file_read(from, name, at, step.p, (size_t)n, err);
		if (rc == STOA_OK)
			rc = stoa__file_write(to, name, at, step.p, (size_t)n, err);
	}
	stoa__buf_release(&step);
	return rc;
}

/* The first @len bytes of a file; UINT64_MAX: all of it. */
static int copy_file(const struct stoa__dir *from, const struct stoa__dir *to, const char *name,
		     uint64_t len, struct stoa_error *err)
{
	int in, out = -1;
	int rc = stoa__file_open(from, name, O_RDONLY, &in, err);

	if (rc < 0)
		return rc;
	if (len == UINT64_MAX)
		rc = stoa__file_size_of(in, name, &len, err);
	if (rc == STOA_OK)
		rc = create(to, name, &out, err);
	if (rc == STOA_OK)
		rc = copy_bytes(in, out, name, len, err);
	rc = finish(to, name, out, rc, err);
	stoa__file_close(in);
	return rc;
}

/* ---- catalog ---- */

/*
 * The original's sum may be one transaction behind, and bytes that no page in use has differ after
 * a crash.
 */
static int sum_up(const struct stoa__dir *dir, struct stoa_error *err)
{
	struct stoa__lmdb_shape shape;
	int fd;
	int rc = stoa__file_open(dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = stoa__validate_lmdb(fd, CATALOG_NAME, &shape, err);
	if (rc == STOA_OK)
		rc = stoa__catalog_sum_create(dir, fd, CATALOG_NAME, shape.txnid, err);
	stoa__file_close(fd);
	return rc;
}

int stoa__catalog_copy(const struct stoa__dir *from, const struct stoa__dir *to,
		       struct stoa_error *err)
{
	STOA_TRY(copy_file(from, to, CATALOG_NAME, UINT64_MAX, err));
	return sum_up(to, err);
}

/* ---- log ---- */

static int remove_log(void *ctx, uint64_t number, const char *name, bool finished)
{
	(void)number;
	(void)finished;
	return stoa__file_unlink(ctx, name, NULL);
}

int stoa__log_copy(const struct stoa__dir *from, struct stoa__log_position position,
		   const struct stoa__dir *to, uint64_t *seq, struct stoa_error *err)
{
	struct stoa__log_walk walk = { .dir = from, .from = position };
	char name[LOG_NAME_SIZE];

	STOA_TRY(stoa__log_list(to, remove_log, (void *)(uintptr_t)to, err));
	STOA_TRY(stoa__log_walk(&walk, err));
	for (uint64_t i = 0; i < walk.n_files; i++) {
		stoa__log_name(position.file + i, "log", name);
		STOA_TRY(copy_file(from, to, name, i + 1 < walk.n_files ? UINT64_MAX : walk.end,
				   err));
	}
	*seq = walk.seq;
	return STOA_OK;
}

/* ---- segments ---- */

int stoa__segment_copy(struct stoa__segment *s, const struct stoa__dir *to, struct stoa_error *err)
{
	const uint8_t *bytes = stoa__segment_bytes(s);
	uint64_t len = stoa__segment_len(s);
	char name[32];
	int out;
	int rc;

	stoa__segment_name(stoa__segment_file(s), name);
	STOA_TRY(stoa__segment_check(s, NULL, NULL, NULL, err));
	rc = create(to, name, &out, err);
	for (uint64_t at = 0, n; at < len && rc == STOA_OK; at += n) {
		n = len - at < STEP_BYTES ? len - at : STEP_BYTES;
		rc = stoa__file_write(out, name, at, bytes + at, (size_t)n, err);
		stoa__file_writeback(out, at, n);
	}
	return finish(to, name, out, rc, err);
}
