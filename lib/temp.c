/* SPDX-License-Identifier: MIT */
/*
 * temp.c - a file of blocks for as long as somebody works with them
 *
 *     block   u64 XXH3 of the rest, seeded with the block's offset; the rest
 *
 * Nobody but us writes the file, yet a disk may hand back something else than it was given.
 */
#include "temp.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/limits.h"

#define FILE_NAME "temporary file"	/* in errors: it has no name of its own */

void stoa__temp_init(struct stoa__temp *t, const struct stoa__dir *dir)
{
	t->dir = dir;
	t->fd = -1;
	atomic_init(&t->end, 0);
	pthread_mutex_init(&t->lock, NULL);
}

void stoa__temp_release(struct stoa__temp *t)
{
	if (t->fd >= 0)
		stoa__file_close(t->fd);
	t->fd = -1;
	pthread_mutex_destroy(&t->lock);
}

/* A file in @dir that loses its name at once. */
static int open_in(const struct stoa__dir *dir, int *fd, struct stoa_error *err)
{
	char name[sizeof STOA__SPILL_PREFIX + 16];
	uint64_t random;

	STOA_TRY(stoa__random(&random, sizeof random, err));
	snprintf(name, sizeof name, STOA__SPILL_PREFIX "%016" PRIx64, random);
	STOA_TRY(stoa__file_open(dir, name, O_RDWR | O_CREAT | O_EXCL, fd, err));
	int rc = stoa__file_unlink(dir, name, err);
	if (rc < 0)
		stoa__file_close(*fd);
	return rc;
}

static int open_in_path(const char *path, int *fd, struct stoa_error *err)
{
	struct stoa__dir dir;

	STOA_TRY(stoa__dir_open(path, &dir, err));
	int rc = open_in(&dir, fd, err);
	stoa__dir_close(&dir);
	return rc;
}

/* The database's directory has room for data if any place has; a reader may not write there. */
static int open_anywhere(const struct stoa__temp *t, int *fd, struct stoa_error *err)
{
	const char *tmpdir = getenv("TMPDIR");

	if (t->dir && open_in(t->dir, fd, NULL) == STOA_OK)
		return STOA_OK;
	if (tmpdir && *tmpdir)
		return open_in_path(tmpdir, fd, err);
	if (open_in_path("/var/tmp", fd, NULL) == STOA_OK)	/* /tmp is memory, often */
		return STOA_OK;
	return open_in_path("/tmp", fd, err);
}

/* Opens the file with the first block. */
static int reach_file(struct stoa__temp *t, int *fd, struct stoa_error *err)
{
	int rc = STOA_OK;

	pthread_mutex_lock(&t->lock);
	if (t->fd < 0)
		rc = open_anywhere(t, &t->fd, err);
	*fd = t->fd;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

static int write_block(struct stoa__temp *t, void *p, size_t len, uint64_t *at,
		       struct stoa_error *err)
{
	int fd;

	STOA_TRY(reach_file(t, &fd, err));
	*at = atomic_fetch_add_explicit(&t->end, len, memory_order_relaxed);
	uint64_t sum = stoa__hash_seeded((char *)p + STOA__TEMP_SUM, len - STOA__TEMP_SUM, *at);
	memcpy(p, &sum, STOA__TEMP_SUM);
	return stoa__file_write(fd, FILE_NAME, *at, p, len, err);
}

int stoa__temp_write(struct stoa__temp *t, void *p, size_t len, uint64_t *at,
		     struct stoa_error *err)
{
	int rc = write_block(t, p, len, at, err);

	if (rc != STOA_EFULL)
		return rc;
	return stoa__fail(err, STOA_EFULL,
			  "the disk is full: a query beyond memory_limit puts rows into a temporary "
			  "file in the database's directory or $TMPDIR; make room there, or raise "
			  "memory_limit");
}

int stoa__temp_read(const struct stoa__temp *t, uint64_t at, void *p, size_t len,
		    struct stoa_error *err)
{
	uint64_t sum;

	STOA_TRY(stoa__file_read(t->fd, FILE_NAME, at, p, len, err));
	memcpy(&sum, p, STOA__TEMP_SUM);
	if (sum != stoa__hash_seeded((char *)p + STOA__TEMP_SUM, len - STOA__TEMP_SUM, at))
		return stoa__fail_corrupt(err, FILE_NAME, at,
					  "what a query put aside reads back as something else");
	return STOA_OK;
}
