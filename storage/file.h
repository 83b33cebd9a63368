/* SPDX-License-Identifier: MIT */
/*
 * file.h - the operating system, behind one seam
 *
 * Every file operation of stoa but LMDB's own goes through these functions: they retry EINTR, finish
 * short reads and writes, turn errno into our errors with the file's name in the text, and let tests fail
 * the nth operation or record them all. Paths are relative to an open database directory.
 */
#ifndef STOA__FILE_H
#define STOA__FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/core/error.h"

/* An open database directory. Borrowed by all of storage/; closed last. */
struct stoa__dir {
	int fd;
	char *path;	/* as the caller named it, for messages */
};

/* STOA_ENOTFOUND when it is not there. */
int stoa__dir_open(const char *path, struct stoa__dir *out, struct stoa_error *err);
void stoa__dir_close(struct stoa__dir *dir);
/* Refuses network file systems, whose locks and maps cannot be trusted (STOA_EUNSUPPORTED). */
int stoa__dir_check_filesystem(const struct stoa__dir *dir, struct stoa_error *err);
int stoa__dir_sync(const struct stoa__dir *dir, const char *sub, struct stoa_error *err);	/* sub: NULL, "log", "segments" */
/* Calls @each with the name of every entry of @sub, until it returns non-zero, which is returned. */
int stoa__dir_list(const struct stoa__dir *dir, const char *sub,
		   int (*each)(void *ctx, const char *name), void *ctx, struct stoa_error *err);

/* @flags as open(2); O_CLOEXEC is added. Mode 0666 and the user's umask. */
int stoa__file_open(const struct stoa__dir *dir, const char *name, int flags, int *fd,
		    struct stoa_error *err);
void stoa__file_close(int fd);
int stoa__file_size(const struct stoa__dir *dir, const char *name, uint64_t *size,
		    struct stoa_error *err);
/* Exactly @len bytes; fewer in the file is STOA_ECORRUPT. */
int stoa__file_read(int fd, const char *name, uint64_t offset, void *p, size_t len,
		    struct stoa_error *err);
int stoa__file_write(int fd, const char *name, uint64_t offset, const void *p, size_t len,
		     struct stoa_error *err);
int stoa__file_sync_data(int fd, const char *name, struct stoa_error *err);	/* fdatasync */
int stoa__file_sync(int fd, const char *name, struct stoa_error *err);
int stoa__file_truncate(int fd, const char *name, uint64_t size, struct stoa_error *err);
int stoa__file_unlink(const struct stoa__dir *dir, const char *name, struct stoa_error *err);	/* a missing one is fine */
int stoa__file_rename(const struct stoa__dir *dir, const char *from, const char *to,
		      struct stoa_error *err);
/* Read-only, shared, whole file; the descriptor may be closed at once. */
int stoa__file_map(int fd, const char *name, size_t len, const uint8_t **out,
		   struct stoa_error *err);
void stoa__file_unmap(const uint8_t *p, size_t len);

/* errno as one of ours: names every code that the calls above can give; the rest is STOA_EIO. */
int stoa__from_errno(int errno_value);

/* Tests: the @nth operation from now (0 is the next) fails with @errno_value; @forever: and all after it. */
void stoa__file_fault_arm(long nth, int errno_value, bool forever);
bool stoa__file_fault_disarm(void);

#endif
