/* SPDX-License-Identifier: MIT */
/*
 * lock.c - open file description locks on four bytes of one file
 *
 * Waiting for the writer's lock with a limit is polling, with pauses that double up to 16 ms:
 * fcntl() has no timeout, and an alarm signal is not a library's to use. Waiting for ever, and
 * waiting for the catalog, is the kernel's.
 *
 * (1) A child after fork() shares the open file with its parent, and so its locks: unlocking there
 *     would take them from the parent. So only the process that opened it unlocks; in a child
 *     stoa__lock_close() closes the descriptor and no more. The parent unlocks before it closes,
 *     since a child that lives on would otherwise keep the lock alive.
 * (2) The pid in the file, and the time it was written, are for the message alone. Nothing is decided
 *     by them.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "lock"
#define BYTE_WRITER 0
#define BYTE_CATALOG 1
#define BYTE_READERS 2
#define BYTE_WAITING 3
#define PAUSE_MS_MAX 16

int stoa__lock_open(const struct stoa__dir *dir, bool writer, struct stoa__lock *out,
		    struct stoa_error *err)
{
	uint64_t size;
	bool made;
	int rc;

	out->writer = false;
	out->crashed = false;
	out->pid = getpid();
	if (!writer)
		return stoa__file_open(dir, NAME, O_RDONLY, &out->fd, err);
	made = stoa__file_size(dir, NAME, &size, NULL) == STOA_ENOTFOUND;
	STOA_TRY(stoa__file_open(dir, NAME, O_RDWR | O_CREAT, &out->fd, err));
	if (!made)
		return STOA_OK;
	rc = stoa__dir_sync(dir, NULL, err);
	if (rc < 0)
		stoa__lock_close(out, false);
	return rc;
}

/* One fcntl(): 0, or -1 with errno. @type: F_RDLCK, F_WRLCK, F_UNLCK. */
static int set(int fd, short type, off_t byte, bool wait)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int rc;

	do
		rc = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &fl);
	while (rc < 0 && errno == EINTR);
	return rc;
}

/* What somebody else has of @byte: F_RDLCK, F_WRLCK, F_UNLCK; -1 where it cannot be told. */
static int find(const struct stoa__lock *lock, off_t byte)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return fcntl(lock->fd, F_OFD_GETLK, &fl) == 0 ? fl.l_type : -1;
}

/* Is that the errno of a lock that somebody else has? */
static bool is_taken(int e)
{
	return e == EAGAIN || e == EACCES;
}

static int fail_lock(struct stoa_error *err)
{
	int e = errno;
	char reason[128];

	return stoa__fail(err, stoa__from_errno(e), "cannot lock %s: %s", NAME,
			  strerror_r(e, reason, sizeof reason));
}

/*
 * The pid in the file, and when it was written there, as text; 0 where none is, or where it is that
 * of a process that is no more: then whoever holds the lock has not written its own.
 */
static long who(const struct stoa__lock *lock, char *since, size_t len)
{
	char text[24] = "";
	struct tm tm;
	struct stat st;
	size_t got = 0;
	long pid;

	if (stoa__file_read_some(lock->fd, NAME, 0, text, sizeof text - 1, &got, NULL) < 0)
		return 0;
	text[got] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid <= 0 || (kill((pid_t)pid, 0) < 0 && errno == ESRCH))
		return 0;
	if (fstat(lock->fd, &st) < 0 || !localtime_r(&st.st_mtime, &tm) ||
	    !strftime(since, len, "%Y-%m-%d %H:%M:%S", &tm))
		return 0;
	return pid;
}

/* Is it only held to keep writers out? */
static bool is_checked(const struct stoa__lock *lock)
{
	return find(lock, BYTE_WRITER) == F_RDLCK;
}

static int fail_busy(const struct stoa__lock *lock, struct stoa_error *err)
{
	char since[32];
	long pid = who(lock, since, sizeof since);

	if (is_checked(lock))
		return stoa__fail(err, STOA_EBUSY,
				  "another process is checking the database, and nobody can write meanwhile");
	if (!pid)
		return stoa__fail(err, STOA_EBUSY,
				  "another process has the database open for writing");
	return stoa__fail(err, STOA_EBUSY,
			  "the process with pid %ld has the database open for writing, since %s", pid, since);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Tries until it has the lock, or @wait_ms are over: then -1 with errno EAGAIN. */
static int poll_writer(int fd, int32_t wait_ms)
{
	int64_t end = now_ms() + wait_ms;
	int64_t pause = 1;

	while (set(fd, F_WRLCK, BYTE_WRITER, false) < 0) {
		int64_t left = end - now_ms();
		struct timespec t = { 0, 0 };

		if (!is_taken(errno) || left <= 0)
			return -1;
		t.tv_nsec = (long)(pause < left ? pause : left) * 1000000;
		nanosleep(&t, NULL);
		if (pause < PAUSE_MS_MAX)
			pause *= 2;
	}
	return 0;
}

/*
 * Puts our pid into the file in place of whatever is there. It is never empty meanwhile, nor after
 * a power cut: that would mean clean.
 */
static int write_pid(struct stoa__lock *lock, struct stoa_error *err)
{
	char text[24];
	int len = snprintf(text, sizeof text, "%ld\n", (long)lock->pid);
	uint64_t size;

	STOA_TRY(stoa__file_size_of(lock->fd, NAME, &size, err));
	lock->crashed = size > 0;
	STOA_TRY(stoa__file_write(lock->fd, NAME, 0, text, (size_t)len, err));
	STOA_TRY(stoa__file_truncate(lock->fd, NAME, (uint64_t)len, err));
	return stoa__file_sync(lock->fd, NAME, err);
}

/* As set(), for who has found the lock taken; whoever has it can see it wait. */
static int wait_for_writer(int fd, int32_t wait_ms)
{
	int rc, e;

	(void)set(fd, F_RDLCK, BYTE_WAITING, true);
	rc = wait_ms < 0 ? set(fd, F_WRLCK, BYTE_WRITER, true) : poll_writer(fd, wait_ms);
	e = errno;
	(void)set(fd, F_UNLCK, BYTE_WAITING, false);
	errno = e;
	return rc;
}

bool stoa__lock_is_awaited(const struct stoa__lock *lock)
{
	return find(lock, BYTE_WAITING) == F_RDLCK;
}

int stoa__lock_writer(struct stoa__lock *lock, int32_t wait_ms, struct stoa_error *err)
{
	int rc = set(lock->fd, F_WRLCK, BYTE_WRITER, false);

	if (rc < 0 && is_taken(errno) && wait_ms)
		rc = wait_for_writer(lock->fd, wait_ms);
	if (rc < 0)
		return is_taken(errno) ? fail_busy(lock, err) : fail_lock(err);
	rc = write_pid(lock, err);
	if (rc < 0) {
		set(lock->fd, F_UNLCK, BYTE_WRITER, false);
		return rc;
	}
	lock->writer = true;
	return STOA_OK;
}

int stoa__lock_keep_writers_out(struct stoa__lock *lock, struct stoa_error *err)
{
	if (set(lock->fd, F_RDLCK, BYTE_WRITER, false) == 0)
		return STOA_OK;
	return is_taken(errno) ? fail_busy(lock, err) : fail_lock(err);
}

int stoa__lock_catalog(struct stoa__lock *lock, bool exclusive, struct stoa_error *err)
{
	if (set(lock->fd, exclusive ? F_WRLCK : F_RDLCK, BYTE_CATALOG, true) < 0)
		return fail_lock(err);
	return STOA_OK;
}

void stoa__unlock_catalog(struct stoa__lock *lock)
{
	set(lock->fd, F_UNLCK, BYTE_CATALOG, false);
}

int stoa__lock_as_reader(struct stoa__lock *lock, struct stoa_error *err)
{
	return set(lock->fd, F_RDLCK, BYTE_READERS, true) < 0 ? fail_lock(err) : STOA_OK;
}

bool stoa__lock_has_no_readers(const struct stoa__lock *lock)
{
	return find(lock, BYTE_READERS) == F_UNLCK;
}

void stoa__lock_close(struct stoa__lock *lock, bool clean)
{
	if (lock->fd >= 0 && lock->pid == getpid()) {
		if (clean && lock->writer)
			(void)stoa__file_truncate(lock->fd, NAME, 0, NULL);
		set(lock->fd, F_UNLCK, BYTE_READERS, false);
		set(lock->fd, F_UNLCK, BYTE_CATALOG, false);
		set(lock->fd, F_UNLCK, BYTE_WRITER, false);
	}
	stoa__file_close(lock->fd);
	lock->fd = -1;
	lock->writer = false;
}
