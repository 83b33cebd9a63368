/* SPDX-License-Identifier: MIT */
/*
 * validate.h - is this file a sound LMDB 0.9 database? Asked before LMDB, which believes its pages
 *
 * Reads the newest snapshot with plain pread and touches nothing. Afterwards LMDB can be let at the
 * file: it meets no page, node, size or list that would lead it astray. What values mean, and
 * whether they are the right ones, is for checksums above to say.
 */
#ifndef STOA__VALIDATE_H
#define STOA__VALIDATE_H

#include "file.h"

/* What the newest meta page says. */
struct stoa__lmdb_shape {
	uint64_t txnid;
	uint64_t page_size;
	uint64_t last_page;
	uint64_t n_entries;
};

/* STOA_OK; STOA_ECORRUPT with @name and offset; STOA_EIO; STOA_ENOMEM. O(pages in use). */
int stoa__validate_lmdb(int fd, const char *name, struct stoa__lmdb_shape *out,
			struct stoa_error *err);

/* Reads the two meta pages alone; the same errors. */
int stoa__validate_metas(int fd, const char *name, struct stoa__lmdb_shape *out,
			 struct stoa_error *err);

/*
 * Makes a file whose newest transaction is its first, as a copy made by LMDB is, one whose newest
 * is @txnid: the meta page goes where such a one has its place, and the empty one before it to the
 * other. Not synced.
 */
int stoa__lmdb_renumber(int fd, const char *name, uint64_t txnid, struct stoa_error *err);

#endif
