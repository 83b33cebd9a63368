/* SPDX-License-Identifier: MIT */
/*
 * copy.h - the files of a database once more, in another directory
 *
 * Copies have the bytes, names and numbers of their originals, so that what vouched for those
 * vouches for them. Each is synced on return; their folders ("segments", "log") must be there and
 * are the caller's to sync, and a file that has the name already is replaced. What reads wrong is
 * STOA_ECORRUPT, and no copy of it is left.
 */
#ifndef STOA__COPY_H
#define STOA__COPY_H

#include "log.h"
#include "segment.h"

/* catalog.mdb, and a catalog.sum made for the copy. The caller holds byte 1 of the lock. */
int stoa__catalog_copy(const struct stoa__dir *from, const struct stoa__dir *to,
		       struct stoa_error *err);

/*
 * The log from @position on, up to its end as it is now: *@seq is its last record. A writer may
 * append meanwhile, but the caller holds byte 1 of the lock.
 */
int stoa__log_copy(const struct stoa__dir *from, struct stoa__log_position position,
		   const struct stoa__dir *to, uint64_t *seq, struct stoa_error *err);

/* A segment file that is open here, whatever became of its name; every byte is verified first. */
int stoa__segment_copy(struct stoa__segment *s, const struct stoa__dir *to, struct stoa_error *err);

#endif
