/* SPDX-License-Identifier: MIT */
/*
 * bell.h - who waits for work and who is still there: across threads and processes
 *
 * One file, NAME.stoa/consumers, a page long:
 *
 *     0   u32 news       goes up by one with each ring
 *     4   u32 waiting    1: somebody sleeps, or is about to; whoever rings sets it back and wakes all
 *
 * Both are words in memory that processes share, and sleeping is a futex on the first: nobody
 * polls, and ringing costs two instructions while nobody waits. A sleeper that dies leaves a 1
 * behind, which costs one call too many.
 *
 * Behind the page, at offsets drawn at random from 62 bits where the file has no bytes, each
 * consumer holds an open file description lock on a byte of its own: its number. The kernel gives
 * it back when the process ends, however it ends, in whatever container it lives; numbers of
 * processes do not tell as much. Nothing here is ever synced or trusted: a file that is lost is
 * made anew, and all it meant is that nobody waits.
 *
 * A database in memory has the same two words in heap, and no file.
 */
#ifndef STOA__BELL_H
#define STOA__BELL_H

#include "file.h"

struct stoa__bell {
	int fd;			/* -1: in memory */
	_Atomic uint32_t *words;	/* NULL: not there */
	uint64_t owner;		/* the byte that is ours; 0: none */
};
#define STOA__BELL_INIT { -1, NULL, 0 }

/* Makes the file where it is missing. @dir NULL: in memory. */
int stoa__bell_open(const struct stoa__dir *dir, struct stoa__bell *out, struct stoa_error *err);
/*
 * Takes a number that nobody has, until the bell is closed or the process ends; only where there is
 * a file.
 */
int stoa__bell_enlist(struct stoa__bell *bell, struct stoa_error *err);
/* Does anybody hold that number? Where that cannot be found out: yes. */
bool stoa__bell_is_alive(const struct stoa__bell *bell, uint64_t owner);
/* @theirs: the number is that of the parent process, after fork(), and stays. */
void stoa__bell_close(struct stoa__bell *bell, bool theirs);

uint32_t stoa__bell_news(const struct stoa__bell *bell);
void stoa__bell_ring(struct stoa__bell *bell);
/* Sleeps until news differ from @seen, at most @timeout_ms or until a signal. Do they? */
bool stoa__bell_wait(struct stoa__bell *bell, uint32_t seen, uint32_t timeout_ms);

#endif
