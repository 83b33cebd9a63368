/* SPDX-License-Identifier: MIT */
/*
 * catalog_sum.h - the file "catalog.sum": which bytes catalog.mdb should have
 *
 *     0     slot 0, 512 bytes   of the even transactions
 *     512   slot 1, 512 bytes   of the odd ones
 *
 *     slot:  "stoaSUM1", u32 version, u32 0, u64 transaction id, u64 length of catalog.mdb, u64 hash of all of its
 *            bytes, zeros, u64 xxh3 of the 504 bytes before it
 *
 * A slot is a sector, and a commit writes the one that does not hold the newest sum: whatever a
 * power cut does to it, the other still stands. So a sum is behind the catalog by one transaction
 * at most, and never ahead: a catalog older than its sum is one that was lost or put back.
 *
 * A crash within a commit may also leave pages written that no meta page names yet: then the hash
 * is wrong and nothing is. So the hash counts only when the last writer closed the database, and
 * each writer mends it at open.
 */
#ifndef STOA__CATALOG_SUM_H
#define STOA__CATALOG_SUM_H

#include "file.h"

#define CATALOG_NAME "catalog.mdb"
#define CATALOG_SUM_NAME "catalog.sum"

/*
 * Hashes the @name open as @fd, after transaction @txnid, and writes the slot; durable on return.
 */
int stoa__catalog_sum_write(const struct stoa__dir *dir, int fd, const char *name, uint64_t txnid,
			    struct stoa_error *err);
/* Makes the file anew for transaction @txnid, both slots. */
int stoa__catalog_sum_create(const struct stoa__dir *dir, int fd, const char *name, uint64_t txnid,
			     struct stoa_error *err);
/* May a catalog at transaction @txnid stand beside this sum, be there a crash or not? O(1). */
int stoa__catalog_sum_accept(const struct stoa__dir *dir, uint64_t txnid, struct stoa_error *err);
/*
 * Compares every byte of both files, @fd being catalog.mdb at transaction @txnid: STOA_OK or
 * STOA_ECORRUPT.
 */
int stoa__catalog_sum_check(const struct stoa__dir *dir, int fd, uint64_t txnid,
			    struct stoa_error *err);

#endif
