/* SPDX-License-Identifier: MIT */
/*
 * size_limit.h - a limit on the size of files (RLIMIT_FSIZE) is an error, and no signal
 *
 * A write past the limit sends SIGXFSZ, which ends a process that never thought of it. A library
 * may not change what a signal does to the whole process; so a thread that writes holds the signal
 * back meanwhile, and takes away what came of its own write: the write then fails with EFBIG, which
 * is STOA_EFULL like a full disk.
 *
 * Without a limit, as of when the first database was opened, both calls cost a load.
 */
#ifndef STOA__SIZE_LIMIT_H
#define STOA__SIZE_LIMIT_H

#include <signal.h>
#include <stdbool.h>

struct stoa__size_limit {
	bool held;
	sigset_t before;	/* the thread's mask */
};

/* Looks whether the process has a limit. Threads: any. */
void stoa__size_limit_look(void);
/* Around what may write past it; in pairs, by one thread. errno stays what it is. */
void stoa__size_limit_hold(struct stoa__size_limit *limit);
void stoa__size_limit_release(struct stoa__size_limit *limit);

#endif
