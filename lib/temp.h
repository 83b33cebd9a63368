/* SPDX-License-Identifier: MIT */
/*
 * temp.h - a file of blocks for as long as somebody works with them
 *
 * It has no name: made with a random one (O_EXCL), unlinked at once, it goes with its descriptor,
 * whatever happens. Nothing is synced. Blocks carry a sum that is checked when they are read.
 *
 * Threads: any, at once.
 */
#ifndef STOA__TEMP_H
#define STOA__TEMP_H

#include <pthread.h>
#include <stdatomic.h>

#include "../storage/file.h"

#define STOA__TEMP_SUM 8	/* bytes at the start of each block that are ours */

struct stoa__temp {
	const struct stoa__dir *dir;	/* preferred; NULL, or not to be written: TMPDIR */
	pthread_mutex_t lock;		/* of opening */
	int fd;				/* -1: nothing written yet */
	_Atomic uint64_t end;		/* bytes of the file that are spoken for */
};

/* Costs nothing until blocks come. @dir must outlive the file. */
void stoa__temp_init(struct stoa__temp *t, const struct stoa__dir *dir);
/* Gives the space back to the disk. */
void stoa__temp_release(struct stoa__temp *t);
/*
 * Writes a block of @len bytes, of which the first STOA__TEMP_SUM are overwritten, and says where
 * it is. STOA_EFULL when the disk is full, STOA_EIO.
 */
int stoa__temp_write(struct stoa__temp *t, void *p, size_t len, uint64_t *at,
		     struct stoa_error *err);
/* Reads it back; STOA_ECORRUPT where the file does not say what was written. */
int stoa__temp_read(const struct stoa__temp *t, uint64_t at, void *p, size_t len,
		    struct stoa_error *err);

#endif
