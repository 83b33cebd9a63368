/* SPDX-License-Identifier: MIT */
/* log_own.h - the state of a log: log.c changes it and says what belongs to whom, log_look.c tells of it */
#ifndef STOA__LOG_OWN_H
#define STOA__LOG_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "log_format.h"

struct stoa__log {
	const struct stoa__dir *dir;
	bool read_only;

	pthread_mutex_t mutex;
	pthread_cond_t cond;		/* the leader is done */
	bool busy;
	bool fresh;			/* the next record begins a file */
	uint64_t tail;			/* where the next record is to lie, in the current file */
	uint64_t room;			/* zeros are there up to here; 0: there is no file */
	struct stoa__buf pending;
	bool turning;			/* from the current file to `next`: */
	struct stoa__log_blank next;	/* what is pending for it follows on */
	size_t turned_len;		/* bytes of pending for the file before, and on */
	uint64_t turned_seq;		/* its last record */
	uint64_t n_pending;		/* records in it */
	uint64_t crowd;			/* committers that were seen during the last flush */
	uint64_t appended;
	uint64_t written;
	uint64_t durable;
	uint64_t record_bytes;		/* since the last rotate */
	uint64_t last_bytes;		/* of the last of them */
	int failed;
	struct stoa_error failure;	/* its words */

	struct stoa__log_blank ahead;	/* the next file; what it is to be, while there is none */
	bool ahead_busy;		/* its maker, or the leader, is at it, without the mutex */
	atomic_bool ahead_hurry;	/* somebody waits for it: a shorter one will do */
	bool ahead_failed;		/* not to be tried again for this number */
	atomic_bool wants_file;		/* somebody should make it, or write what is pending */

	struct stoa__buf writing;
	int fd;
	char name[LOG_NAME_SIZE];
	uint64_t number;
	uint64_t salt;
	uint64_t offset;		/* of the next record */
	uint64_t size;			/* zeros are there up to here */
	uint64_t span;			/* of all files since the last rotation, this one included */
	bool harmless;			/* what failed was making room, and nothing has changed */

	_Atomic uint64_t disk_bytes;
};

#endif
