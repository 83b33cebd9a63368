/* SPDX-License-Identifier: MIT */
/*
 * catalog.h - all that is small and changes, in LMDB; <lmdb.h> is included by catalog_env.h alone
 *
 * A sorted map of records, replaced atomically. Keys are 1 to 64 bytes, values up to 256 MiB.
 * Storage knows nothing of what they mean.
 *
 * LMDB (0.9.24) is used in its default, fully synchronous mode, one unnamed table, no nested
 * transactions, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS: our own lock (lock.h, byte 1, with a mutex
 * within the process) already keeps readers and the committing writer apart, for milliseconds at
 * each checkpoint, so its reader table, its lock file and their pitfalls are not needed. No read
 * transaction outlives a call.
 *
 * Trust. LMDB believes its pages, so before it sees a file stoa__catalog_open() walks it with plain
 * pread (validate.c): meta pages, page bounds, key order, counts, no page used twice, free list
 * disjoint. Each value carries XXH3 of key and value (seeded by the database's uuid), checked and
 * stripped here. The record with the empty name, kept by this file alone, holds the sum (mod 2^128)
 * of all other records' hashes and their count, so that a lost, stale or additional record is
 * noticed; it also holds LMDB's transaction id. After each commit the file "catalog.sum" gets the
 * length and XXH3 of catalog.mdb with its transaction id (catalog_sum.h), and the check
 * (stoa__catalog_check()) compares it, so that even bytes that LMDB does not use are vouched for. A
 * catalog older than its sum is STOA_ECORRUPT at open: a commit was lost.
 *
 * After a failed commit the environment is closed and reopened, validated, and synced by force.
 * When that fails, or shows the commit in the file after all, its outcome is STOA_EUNKNOWN; else
 * the catalog is as before.
 */
#ifndef STOA__CATALOG_H
#define STOA__CATALOG_H

#include "file.h"
#include "lock.h"
#include "../lib/core/buf.h"

struct stoa__catalog;

#define STOA__CATALOG_KEY_MAX 64

struct stoa__catalog_options {
	bool create;		/* make an empty one; it must not exist */
	bool read_only;
	bool salvage;		/* with read_only: records that fail their checksum are left out, and no sum is asked */
	uint64_t map_bytes;	/* address space to begin with; 0: 16 GiB */
	uint8_t uuid[16];	/* with create, random if all zero; else checked to be the stored one unless all zero */
};

/*
 * The caller holds byte 1 of the lock (shared will do) during open and load. A 0-byte file is
 * STOA_ECORRUPT, a missing one STOA_ENOTFOUND. O(catalog): every page in use is read.
 */
int stoa__catalog_open(const struct stoa__dir *dir, const struct stoa__catalog_options *options,
		       struct stoa__catalog **out, struct stoa_error *err);
void stoa__catalog_close(struct stoa__catalog *cat);
const uint8_t *stoa__catalog_uuid(const struct stoa__catalog *cat);	/* 16 bytes */
uint64_t stoa__catalog_txnid(const struct stoa__catalog *cat);	/* goes up with each commit */
/* The same of the file as it is now, without opening it: two reads. The caller holds byte 1. */
int stoa__catalog_peek(const struct stoa__dir *dir, uint64_t *txnid, struct stoa_error *err);

/*
 * Calls @each with every record, in key order, verified; only STOA_OK at the end says that these
 * are all of them. Key and value borrow for the call, at any alignment. A non-zero result ends the
 * walk and is returned. When records were left out, with options.salvage, STOA_END. STOA_ECORRUPT
 * names "catalog.mdb" and the page's offset where known.
 */
int stoa__catalog_load(struct stoa__catalog *cat,
		       int (*each)(void *ctx, const uint8_t *key, size_t key_len,
				   const uint8_t *value, size_t value_len, struct stoa_error *err),
		       void *ctx, struct stoa_error *err);

/* A write transaction; one at a time. */
int stoa__catalog_begin(struct stoa__catalog *cat, struct stoa_error *err);
/* After a failure only abort is left (and commit, which then fails). */
int stoa__catalog_put(struct stoa__catalog *cat, const void *key, size_t key_len,
		      const void *value, size_t value_len, struct stoa_error *err);
/* A missing key is fine. */
int stoa__catalog_delete(struct stoa__catalog *cat, const void *key, size_t key_len,
			 struct stoa_error *err);
/* Deletes all keys that begin with @prefix, which may be empty. */
int stoa__catalog_delete_prefix(struct stoa__catalog *cat, const void *prefix, size_t prefix_len,
				struct stoa_error *err);
/*
 * Calls @each with the keys that begin with @prefix, in order, within the write transaction; it may
 * not write.
 */
int stoa__catalog_keys(struct stoa__catalog *cat, const void *prefix, size_t prefix_len,
		       int (*each)(void *ctx, const uint8_t *key, size_t key_len), void *ctx,
		       struct stoa_error *err);
/*
 * The caller holds byte 1 exclusively. Durable on return. Ends the transaction, whatever is
 * returned.
 */
int stoa__catalog_commit(struct stoa__catalog *cat, struct stoa_error *err);
void stoa__catalog_abort(struct stoa__catalog *cat);
/* Before a clean close: writes the sum of the last commit if that has failed so far. */
int stoa__catalog_settle(struct stoa__catalog *cat, struct stoa_error *err);
uint64_t stoa__catalog_size(const struct stoa__catalog *cat);	/* bytes of catalog.mdb */

/*
 * Every byte of catalog.mdb and catalog.sum, without LMDB where damage shows. @torn_ok: the last
 * writer did not close the database, so bytes that no page in use has may be anything. Calls
 * @report for a finding. STOA_OK or STOA_ECORRUPT.
 */
int stoa__catalog_check(const struct stoa__dir *dir, bool torn_ok, stoa_check_report *report,
			void *ctx, struct stoa_error *err);

#endif
