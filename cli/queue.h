/* SPDX-License-Identifier: MIT */
/*
 * queue.h - what the actions of `stoa queue` share
 *
 * A queue is a table with a deque. The slot that names queues, if there is one, takes --queue; of
 * the others the first is the payload. A table that push makes is (queue string, payload text).
 */
#ifndef CLI_QUEUE_H
#define CLI_QUEUE_H

#include "cli.h"

#define QUEUES_MAX 64	/* names in --queue */
#define QUEUE_NO_DELAY UINT32_MAX	/* --delay was not given */

struct queue_options {
	const char *queues[QUEUES_MAX];	/* NULL: rows without a name */
	size_t n_queues;		/* at least 1 */
	uint64_t n;			/* rows or jobs at a time */
	bool back;
	bool front;
	bool forever;
	uint32_t lease_ms;
	uint32_t delay_ms;
	uint64_t maxlen;		/* where push makes the table */
	uint32_t attempts_max;
};

/* The database, the table and its deque. */
struct queue {
	struct session session;
	const char *name;
	stoa_table table;
	stoa_index index;
	size_t n_slots;
	int by;			/* position of the slot that names queues, or -1 */
	int payload;
	struct stoa_slot payload_slot;	/* without its name, which would borrow */
	struct stoa_value *values;	/* room for a row */
};

/* Opens the database, waiting for others to close it, and finds the queue; with @make makes it. */
int queue_open(struct queue *q, const char *path, const char *name, unsigned txn_flags,
	       const struct queue_options *make);
/* For who keeps it open: commits, and begins anew. */
int queue_commit(struct queue *q);
int queue_begin(struct queue *q);
/* Commits what is open, if @code is CLI_OK, and closes; returns @code or what went wrong now. */
int queue_close(struct queue *q, int code);
/* Reports an error of the library, and gives its exit code. */
int queue_error(const struct queue *q, const struct stoa_error *err);
/* A name as the library wants it. */
struct stoa_value queue_name(const char *name);
/* Adds the payload in q->values to @t, as text. */
void queue_put_payload(const struct queue *q, struct text *t);
/* Reads a row into q->values. */
int queue_get(struct queue *q, stoa_rowid row);

/* queue_lease.c, queue_work.c: each takes what follows DB and QUEUE. */
int queue_claim(struct queue *q, const struct queue_options *o);
int queue_end_leases(struct queue *q, const struct queue_options *o, const char *action, char **leases,
		     size_t n);
int queue_work(const char *path, const char *name, const struct queue_options *o, char **command);

#endif
