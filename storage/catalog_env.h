/* SPDX-License-Identifier: MIT */
/*
 * catalog_env.h - LMDB under the catalog: the environment, the root record, hashes
 *
 * Only catalog_env.c, catalog.c and catalog_write.c include it, and with it <lmdb.h>; see
 * catalog.c.
 */
#ifndef STOA__CATALOG_ENV_H
#define STOA__CATALOG_ENV_H

#include <lmdb.h>

#include "catalog.h"

#define NEW_NAME "catalog.new"	/* while it is being created */
#define KEY_PREFIX 'r'
#define KEY_SIZE (STOA__CATALOG_KEY_MAX + 1)
#define HASH_SIZE sizeof(uint64_t)
#define MAP_MAX ((uint64_t)1 << 43)

typedef unsigned __int128 stoa__sum_t;

/* The record with the empty key, as it is stored. */
struct stoa__catalog_root {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint8_t uuid[16];
	uint64_t txnid;
	uint64_t count;
	uint64_t sum_low;
	uint64_t sum_high;
};
_Static_assert(sizeof(struct stoa__catalog_root) == 64, "the root record is 64 bytes");

struct stoa__catalog {
	const struct stoa__dir *dir;
	bool read_only;
	bool salvage;
	uint64_t map_bytes;
	uint8_t uuid[16];
	uint64_t seed;		/* of all hashes: the uuid's */

	MDB_env *env;
	MDB_dbi dbi;
	uint64_t txnid;		/* at which the file was validated */
	uint64_t size;		/* of the file then */
	bool sum_behind;	/* the sum of our own commit could not be written */

	MDB_txn *txn;		/* the write transaction */
	bool txn_failed;
	uint64_t count;		/* of records in it, but the root */
	stoa__sum_t sum;	/* of their hashes */
};

int stoa__catalog_fail_lmdb(struct stoa_error *err, const char *verb, int e);
int stoa__catalog_fail_record(struct stoa_error *err, const char *why);
/* The hash of a record; @key with its prefix. */
uint64_t stoa__catalog_hash(uint64_t seed, const void *key, size_t key_len, const void *value,
			    size_t value_len);
/* The hash that is stored with a value, unverified. */
uint64_t stoa__catalog_stored_hash(const MDB_val *v);
bool stoa__catalog_record_valid(uint64_t seed, const MDB_val *k, const MDB_val *v);
/* Decodes and checks a root record met under transaction @txnid. */
int stoa__catalog_decode_root(const MDB_val *k, const MDB_val *v, uint64_t txnid,
			      struct stoa__catalog_root *out, struct stoa_error *err);
int stoa__catalog_read_root(MDB_txn *txn, MDB_dbi dbi, uint64_t txnid,
			    struct stoa__catalog_root *out, struct stoa_error *err);
/* Stores a value and its hash under a key with prefix. */
int stoa__catalog_put_record(MDB_txn *txn, MDB_dbi dbi, MDB_val *k, const void *value, size_t len,
			     uint64_t hash, struct stoa_error *err);
int stoa__catalog_put_root(MDB_txn *txn, MDB_dbi dbi, const uint8_t uuid[16], uint64_t count,
			   stoa__sum_t sum, struct stoa_error *err);
/* Opens LMDB on @name; on failure nothing is left open. */
int stoa__catalog_env_open(const struct stoa__dir *dir, const char *name, uint64_t map_bytes,
			   unsigned flags, MDB_env **out, struct stoa_error *err);
/* Opens the handle of the unnamed table, for good. */
int stoa__catalog_dbi_open(MDB_env *env, bool read_only, MDB_dbi *dbi, struct stoa_error *err);
/* Validates the file, then lets LMDB at it. */
int stoa__catalog_attach(struct stoa__catalog *cat, struct stoa_error *err);
void stoa__catalog_detach(struct stoa__catalog *cat);
int stoa__catalog_need_env(const struct stoa__catalog *cat, struct stoa_error *err);
/* Begins a read transaction on a snapshot that was validated. */
int stoa__catalog_begin_read(struct stoa__catalog *cat, MDB_txn **out, struct stoa_error *err);
int stoa__catalog_write_sum(struct stoa__catalog *cat, struct stoa_error *err);
uint64_t stoa__catalog_seed(const uint8_t uuid[16]);

#endif
