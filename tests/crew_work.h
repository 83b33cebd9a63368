/* SPDX-License-Identifier: MIT */
/*
 * crew_work.h - workers on a set, a bounded deque and a work queue, who write down what they do
 *
 * Threads of any number of processes; what all of them know is in memory that they share. What fails
 * in one of them ends its process with 1, and says why.
 */
#ifndef STOA__TESTS_CREW_WORK_H
#define STOA__TESTS_CREW_WORK_H

#include <stdatomic.h>
#include <sys/types.h>

#include "../lib/stoa.h"
#include "crew.h"

#define WORKERS_MAX 1024
#define DEEDS_MAX 4096

/* Of all processes. */
extern struct shared {
	_Atomic int64_t next_job;
	_Atomic uint32_t n_workers, n_consumers;
	_Atomic uint64_t doomed;		/* consumers that are to go, or have */
	_Atomic pid_t owner[CREW_CONSUMERS];	/* the process of each */
	_Atomic uint64_t commits;
	_Atomic uint64_t reported[WORKERS_MAX];	/* each worker's commits that have returned */
} *shared;

/* A database, and where things are in it. */
struct place {
	const char *path;	/* NULL: in memory */
	stoa_db *db;
	stoa_table jobs, results, dead, seen, ring, deeds;
	stoa_index order, key, round;
};

/* A new one, open; nothing is shared yet. */
void crew_make_place(struct place *p, const char *path);
void crew_open_place(struct place *p);
void crew_close_place(struct place *p);

struct worker;

/*
 * Some workers, of @n_txns transactions each time that they work. Those who are @mortal stop their
 * process now and then, in the middle of a transaction or after a commit, to be killed.
 */
struct worker *crew_hire(struct place *p, uint64_t random, unsigned n_txns, bool mortal);
void crew_work(struct worker *w);	/* all at once, in threads of their own */
void crew_dismiss(struct worker *w);

#endif
