/* SPDX-License-Identifier: MIT */
/*
 * lock.h - who may write, and when the catalog may change
 *
 * One file, NAME.stoa/lock, with open file description locks (fcntl F_OFD_SETLK), which belong to
 * the open file and not to the process, so that opening and closing the file elsewhere in the
 * process loses nothing, and which the kernel gives back when their holder dies, however it dies.
 *
 *   byte 0, exclusive: the writer, for as long as it has the database open. Its pid, in decimal
 *   with a
 *           newline, is the content of the file; a clean close truncates it to nothing. So a file
 *           that is not empty while nobody holds the byte is that of a crash.
 *   byte 1, shared: a process that reads the catalog and opens the files it names, for
 *   milliseconds;
 *           exclusive: the writer, while it commits the catalog and removes files.
 *   byte 2, shared: whoever has files open that it found in the catalog, and is not the writer, from
 *           before it reads that; nobody waits for it. While nobody has it, a file that the catalog
 *           names no more is the writer's alone.
 *   byte 3, shared: who waits for byte 0, while it waits: so the writer can be told, and nothing has to
 *           be tidied up after one that dies.
 */
#ifndef STOA__LOCK_H
#define STOA__LOCK_H

#include <sys/types.h>

#include "file.h"

struct stoa__lock {
	int fd;
	bool writer;	/* byte 0 is ours */
	bool crashed;	/* and when we took it, the last one who had it had not closed cleanly */
	pid_t pid;	/* who opened it: a child after fork() must not unlock */
};

/*
 * Opens the lock file (makes it where @writer and missing); takes nothing yet. STOA_ENOTFOUND for a
 * reader where it is missing. A second open of it, in this process too, is another holder.
 */
int stoa__lock_open(const struct stoa__dir *dir, bool writer, struct stoa__lock *out,
		    struct stoa_error *err);
/*
 * Takes byte 0, and sets @lock->crashed. STOA_EBUSY after @wait_ms (0 none, -1 for ever), with the
 * owner's pid and since when it has it.
 */
int stoa__lock_writer(struct stoa__lock *lock, int32_t wait_ms, struct stoa_error *err);
/* Does somebody wait for byte 0? Where it cannot be told: no. One system call. */
bool stoa__lock_is_awaited(const struct stoa__lock *lock);
/*
 * Takes byte 0 shared, with a lock opened as a reader's: until it is closed nobody writes, and the
 * file is left as it is. STOA_EBUSY if somebody does.
 */
int stoa__lock_keep_writers_out(struct stoa__lock *lock, struct stoa_error *err);
/* Takes byte 1; waits. */
int stoa__lock_catalog(struct stoa__lock *lock, bool exclusive, struct stoa_error *err);
void stoa__unlock_catalog(struct stoa__lock *lock);
/* Takes byte 2, until the lock is closed. Before byte 1. */
int stoa__lock_as_reader(struct stoa__lock *lock, struct stoa_error *err);
/* Has nobody else it? For the writer, after its commit; where it cannot be told: no. */
bool stoa__lock_has_no_readers(const struct stoa__lock *lock);
/*
 * @clean: truncates the file first, if byte 0 is ours. Gives all back; in a child after fork() it
 * only closes.
 */
void stoa__lock_close(struct stoa__lock *lock, bool clean);

#endif
