/* SPDX-License-Identifier: MIT */
/*
 * file.h - the operating system, behind one seam
 *
 * Every file operation of stoa but LMDB's own goes through these functions: they retry EINTR,
 * finish short reads and writes, turn errno into our errors with the file's name in the text, and
 * let tests fail the nth operation or record them all. Paths are relative to an open database
 * directory.
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
	struct stoa__open_segments *segments;	/* segment_open.h */
};

/*
 * Makes a database directory, durably: its parent is synced. STOA_EEXIST when @path is taken by
 * anything.
 */
int stoa__dir_create(const char *path, struct stoa_error *err);
/*
 * A mark that a process is at work on a directory, which ends with the process or when *@fd is
 * closed (stoa__file_close()). STOA_EBUSY if another has it; STOA_ENOTFOUND when the directory is
 * not there.
 */
int stoa__dir_claim(const char *path, int *fd, struct stoa_error *err);
/* STOA_ENOTFOUND when it is not there. */
int stoa__dir_open(const char *path, struct stoa__dir *out, struct stoa_error *err);
void stoa__dir_close(struct stoa__dir *dir);
/*
 * Gives the directory @from the name @to, or has the two of them exchange names; durably.
 * STOA_EEXIST when @to is taken by a directory that is not empty; STOA_EUNSUPPORTED where the file
 * system cannot exchange names.
 */
int stoa__dir_rename(const char *from, const char *to, struct stoa_error *err);
int stoa__dir_exchange(const char *a, const char *b, struct stoa_error *err);
/* Refuses network file systems, whose locks and maps cannot be trusted (STOA_EUNSUPPORTED). */
int stoa__dir_check_filesystem(const struct stoa__dir *dir, struct stoa_error *err);
/* Makes @sub in it, and syncs @dir; one that is there already is fine. */
int stoa__dir_make(const struct stoa__dir *dir, const char *sub, struct stoa_error *err);
int stoa__dir_sync(const struct stoa__dir *dir, const char *sub, struct stoa_error *err);	/* sub: NULL, "log", "segments" */
/*
 * Calls @each with the name of every entry of @sub but "." and "..", until it returns non-zero,
 * which is returned.
 */
int stoa__dir_list(const struct stoa__dir *dir, const char *sub,
		   int (*each)(void *ctx, const char *name), void *ctx, struct stoa_error *err);

/* @flags as open(2); O_CLOEXEC is added. Mode 0666 and the user's umask. */
int stoa__file_open(const struct stoa__dir *dir, const char *name, int flags, int *fd,
		    struct stoa_error *err);
void stoa__file_close(int fd);
int stoa__file_size(const struct stoa__dir *dir, const char *name, uint64_t *size,
		    struct stoa_error *err);
/* What a file or directory takes of the disk, as du counts it. */
int stoa__file_space(const struct stoa__dir *dir, const char *name, uint64_t *bytes,
		     struct stoa_error *err);
int stoa__file_size_of(int fd, const char *name, uint64_t *size, struct stoa_error *err);
/* Exactly @len bytes; fewer in the file is STOA_ECORRUPT. */
int stoa__file_read(int fd, const char *name, uint64_t offset, void *p, size_t len,
		    struct stoa_error *err);
/* As many of the @len bytes as there are: *@got of them, fewer only at the file's end. */
int stoa__file_read_some(int fd, const char *name, uint64_t offset, void *p, size_t len,
			 size_t *got, struct stoa_error *err);
int stoa__file_write(int fd, const char *name, uint64_t offset, const void *p, size_t len,
		     struct stoa_error *err);
/*
 * From now on writes go past the page cache, or do not. False where the file system cannot. They
 * want offset, length and memory at multiples of what the disk has for a block, and are STOA_EINVAL
 * if they are not.
 */
bool stoa__file_direct(int fd, bool on);
int stoa__file_sync_data(int fd, const char *name, struct stoa_error *err);	/* fdatasync */
int stoa__file_sync(int fd, const char *name, struct stoa_error *err);
/* Asks the kernel to begin writing these bytes out; waits for nothing, promises nothing. */
void stoa__file_writeback(int fd, uint64_t offset, uint64_t len);
/* The kernel need not keep what is on the disk in memory. */
void stoa__file_forget(int fd);
/*
 * Has the disk bring 2 MiB from @offset on, a multiple of that, into the page cache, as one page of it
 * where the kernel has such; nothing depends on it. Waits for the disk.
 */
void stoa__file_warm(int fd, uint64_t offset);
/* Waits until the kernel is done with what it was asked so, which promises nothing either. */
int stoa__file_await(int fd, const char *name, uint64_t offset, uint64_t len,
		     struct stoa_error *err);
/*
 * Writes by small pieces, each of which the disk has before it is given the next: for who is in no
 * hurry, beside those that commit. Promises no more than stoa__file_write().
 */
int stoa__file_trickle(int fd, const char *name, uint64_t offset, const void *p, size_t len,
		       struct stoa_error *err);
/* Room for bytes [@from, @from + @len), which read as zeros; STOA_EUNSUPPORTED: not in this file system. */
int stoa__file_allocate(int fd, const char *name, uint64_t from, uint64_t len,
			struct stoa_error *err);
int stoa__file_truncate(int fd, const char *name, uint64_t size, struct stoa_error *err);
int stoa__file_unlink(const struct stoa__dir *dir, const char *name, struct stoa_error *err);	/* a missing one is fine */
/* Gives the space of these bytes back, which read as zeroes then. Where that cannot be: an error. */
int stoa__file_punch(int fd, const char *name, uint64_t offset, uint64_t len, struct stoa_error *err);
/* Has the open file no name any more? */
bool stoa__file_is_nameless(int fd);
int stoa__file_rename(const struct stoa__dir *dir, const char *from, const char *to,
		      struct stoa_error *err);
/* Gives @name of @from the same name in @to, too. STOA_EUNSUPPORTED where that cannot be. */
int stoa__file_link(const struct stoa__dir *from, const struct stoa__dir *to, const char *name,
		    struct stoa_error *err);
/* Read-only, shared, the first @len bytes (not 0); the descriptor may be closed at once. */
int stoa__file_map(int fd, const char *name, size_t len, const uint8_t **out,
		   struct stoa_error *err);
void stoa__file_unmap(const uint8_t *p, size_t len);
/*
 * Brings @len mapped bytes at @p into memory, so that a disk that cannot read them is STOA_EIO and
 * no signal. @offset is where they are in the file, for the message. Old kernels cannot; then it
 * does nothing.
 */
int stoa__file_populate(const uint8_t *p, size_t len, const char *name, uint64_t offset,
			struct stoa_error *err);

/* Random bytes from the kernel, for uuids and salts. */
int stoa__random(void *p, size_t len, struct stoa_error *err);

/* errno as one of ours: names every code that the calls above can give; the rest is STOA_EIO. */
int stoa__from_errno(int errno_value);

/*
 * Tests: the @nth operation from now (0 is the next) fails with @errno_value; @forever: and all
 * after it. A write that fails writes half.
 */
void stoa__file_fault_arm(long nth, int errno_value, bool forever);
bool stoa__file_fault_disarm(void);

/*
 * Tests: from now on a sync is all of it but the wait for the disk, of which a test sees nothing.
 */
void stoa__file_skip_syncs(bool skip);

/*
 * Tests: @watch is told of every operation that changes what a power cut would leave, once it
 * succeeded (a failed write too: its first half), by the thread that did it: a load of some megabytes
 * writes from a thread of its own. NULL ends it.
 */
enum stoa__file_op {
	STOA__FILE_CREATE,	/* @name */
	STOA__FILE_WRITE,	/* @len bytes @p at @offset */
	STOA__FILE_SYNC,	/* @name's data */
	STOA__FILE_TRUNCATE,	/* to @offset bytes */
	STOA__FILE_UNLINK,
	STOA__FILE_RENAME,	/* @name to the string at @p */
	STOA__FILE_SYNC_DIR,	/* the names in directory @name */
};
typedef void stoa__file_watch(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset,
			      const void *p, size_t len);
void stoa__file_watch_with(stoa__file_watch *watch, void *ctx);

#endif
