/* SPDX-License-Identifier: MIT */
/*
 * catalog.c - a checked map of small records in LMDB
 *
 * What LMDB stores:
 *
 *     key    'r', then the record's key
 *     value  the record's value, u64 XXH3 of it, seeded by the hash of key and database
 *
 * The root record has the empty key and so comes first:
 *
 *     "stoaCAT1", u32 version, u32 0, uuid[16], u64 LMDB's transaction id, u64 records but this
 *     one, u128 sum of their hashes
 *
 * A commit writes it last. A load adds up what it meets and compares: a record that was lost, that
 * came back, or that is of another transaction changes the sum.
 *
 * (1) LMDB never sees a file that stoa__validate_lmdb() has not, at the transaction it is at: at
 *     open, after a failed commit, and in a reader whenever the transaction id has moved on.
 * (2) The file that was validated is the file that LMDB opened (device and inode are compared).
 * (3) cat->env is NULL once a failed commit could not be cleared up; every call then fails.
 * (4) A read transaction lives within a call. A write transaction, cat->txn, lives from begin to
 *     commit or abort; after a failed write in it, commit refuses.
 * (5) A commit that leaves little in a large file puts a compact copy in its place, at the same
 *     transaction id. The lock is held by us alone, and whoever reads looks under it which file has
 *     the name.
 * (6) The sum file is at most one transaction behind: a writer mends it at open, and begin before
 *     another transaction can be added.
 *
 * Here: making one, opening, loading. catalog_write.c: transactions. catalog_env.c: what both stand
 * on.
 */
#include "catalog_env.h"

#include <fcntl.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "catalog_sum.h"
#include "validate.h"

#define MAP_DEFAULT ((uint64_t)16 << 30)
#define MAP_UNIT ((uint64_t)1 << 20)

/* ---- creation ---- */

/* Fills catalog.new with an empty catalog. */
static int create_env(const struct stoa__dir *dir, const uint8_t uuid[16], uint64_t map_bytes,
		      uint64_t *txnid, struct stoa_error *err)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc;
	int e;

	STOA_TRY(stoa__catalog_env_open(dir, NEW_NAME, map_bytes, 0, &env, err));
	rc = stoa__catalog_dbi_open(env, false, &dbi, err);
	if (rc == STOA_OK) {
		e = mdb_txn_begin(env, NULL, 0, &txn);
		rc = e == MDB_SUCCESS ? STOA_OK : stoa__catalog_fail_lmdb(err, "create", e);
	}
	if (rc == STOA_OK) {
		*txnid = mdb_txn_id(txn);
		rc = stoa__catalog_put_root(txn, dbi, uuid, 0, 0, err);
		if (rc == STOA_OK) {
			e = mdb_txn_commit(txn);
			rc = e == MDB_SUCCESS ? STOA_OK : stoa__catalog_fail_lmdb(err, "create", e);
		} else {
			mdb_txn_abort(txn);
		}
	}
	mdb_env_close(env);
	return rc;
}

/* The sum of catalog.new; and its last sync, whatever LMDB did. */
static int create_sum(const struct stoa__dir *dir, uint64_t txnid, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(dir, NEW_NAME, O_RDWR, &fd, err);

	if (rc < 0)
		return rc;
	rc = stoa__file_sync(fd, NEW_NAME, err);
	if (rc == STOA_OK)
		rc = stoa__catalog_sum_create(dir, fd, NEW_NAME, txnid, err);
	stoa__file_close(fd);
	return rc;
}

/* Makes catalog.sum, then catalog.mdb: the latter's name says that all is there. */
static int create(const struct stoa__dir *dir, const uint8_t uuid[16], uint64_t map_bytes,
		  struct stoa_error *err)
{
	uint64_t txnid, size;
	int rc = stoa__file_size(dir, CATALOG_NAME, &size, NULL);

	if (rc == STOA_OK)
		return stoa__fail(err, STOA_EEXIST, "%s is there already", CATALOG_NAME);
	STOA_TRY(stoa__file_unlink(dir, NEW_NAME, err));
	rc = create_env(dir, uuid, map_bytes, &txnid, err);
	if (rc == STOA_OK)
		rc = create_sum(dir, txnid, err);
	if (rc == STOA_OK)
		rc = stoa__file_rename(dir, NEW_NAME, CATALOG_NAME, err);
	if (rc == STOA_OK)
		rc = stoa__dir_sync(dir, NULL, err);
	if (rc < 0)
		(void)stoa__file_unlink(dir, NEW_NAME, NULL);
	return rc;
}

/* ---- opening and closing ---- */

static uint64_t map_size(uint64_t wanted)
{
	if (!wanted)
		return MAP_DEFAULT;
	if (wanted > MAP_MAX)
		return MAP_MAX;
	return (wanted + MAP_UNIT - 1) / MAP_UNIT * MAP_UNIT;
}

static bool all_zero(const uint8_t uuid[16])
{
	static const uint8_t zeros[16];

	return memcmp(uuid, zeros, 16) == 0;
}

/* Reads the uuid from the root record, and compares it with the one expected. */
static int learn_uuid(struct stoa__catalog *cat, const uint8_t want[16], struct stoa_error *err)
{
	struct stoa__catalog_root root;
	MDB_txn *txn;
	int rc;

	STOA_TRY(stoa__catalog_begin_read(cat, &txn, err));
	rc = stoa__catalog_read_root(txn, cat->dbi, cat->txnid, &root, err);
	mdb_txn_abort(txn);
	if (rc < 0)
		return rc;
	if (!all_zero(want) && memcmp(want, root.uuid, 16) != 0)
		return stoa__catalog_fail_record(err, "it belongs to another database");
	memcpy(cat->uuid, root.uuid, 16);
	cat->seed = stoa__catalog_seed(root.uuid);
	return STOA_OK;
}

/* A writer's first act: brings the sum up to what a crash may have left. The file was validated. */
static int mend_sum(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(cat->dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = stoa__catalog_sum_check(cat->dir, fd, cat->txnid, err);
	stoa__file_close(fd);
	return rc == STOA_ECORRUPT ? stoa__catalog_write_sum(cat, err) : rc;
}

int stoa__catalog_open(const struct stoa__dir *dir, const struct stoa__catalog_options *options,
		       struct stoa__catalog **out, struct stoa_error *err)
{
	struct stoa__catalog *cat = stoa__calloc(1, sizeof *cat);
	uint8_t uuid[16];
	int rc = STOA_OK;

	*out = NULL;
	if (!cat)
		return stoa__fail_memory(err);
	cat->dir = dir;
	cat->read_only = options->read_only;
	cat->salvage = options->salvage;
	cat->map_bytes = map_size(options->map_bytes);
	memcpy(uuid, options->uuid, 16);
	if (options->create && all_zero(uuid))
		rc = stoa__random(uuid, sizeof uuid, err);
	if (rc == STOA_OK && options->create)
		rc = create(dir, uuid, cat->map_bytes, err);
	if (rc == STOA_OK)
		rc = stoa__catalog_attach(cat, err);
	if (rc == STOA_OK)
		rc = learn_uuid(cat, uuid, err);
	if (rc == STOA_OK && !cat->read_only)
		rc = mend_sum(cat, err);
	if (rc < 0) {
		stoa__catalog_close(cat);
		return rc;
	}
	*out = cat;
	return STOA_OK;
}

void stoa__catalog_close(struct stoa__catalog *cat)
{
	if (!cat)
		return;
	stoa__catalog_abort(cat);
	stoa__catalog_detach(cat);
	stoa__free(cat);
}

const uint8_t *stoa__catalog_uuid(const struct stoa__catalog *cat)
{
	return cat->uuid;
}

uint64_t stoa__catalog_txnid(const struct stoa__catalog *cat)
{
	return cat->txnid;
}

int stoa__catalog_peek(const struct stoa__dir *dir, uint64_t *txnid, struct stoa_error *err)
{
	struct stoa__lmdb_shape shape;
	int fd;
	int rc;

	STOA_TRY(stoa__file_open(dir, CATALOG_NAME, O_RDONLY, &fd, err));
	rc = stoa__validate_metas(fd, CATALOG_NAME, &shape, err);
	stoa__file_close(fd);
	if (rc == STOA_OK)
		*txnid = shape.txnid;
	return rc;
}

uint64_t stoa__catalog_size(const struct stoa__catalog *cat)
{
	return cat->size;
}

/* ---- loading ---- */

/* What a load has met so far. */
struct load {
	int (*each)(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
		    size_t value_len, struct stoa_error *err);
	void *ctx;
	uint64_t count;
	stoa__sum_t sum;
};

static int load_record(const struct stoa__catalog *cat, struct load *load, const MDB_val *k,
		       const MDB_val *v, struct stoa_error *err)
{
	const uint8_t *key = k->mv_data;

	if (k->mv_size < 2 || k->mv_size > KEY_SIZE || key[0] != KEY_PREFIX)
		return stoa__catalog_fail_record(err, "it has a record with a key that stoa does not write");
	if (!stoa__catalog_record_valid(cat->seed, k, v))
		return cat->salvage ? STOA_OK : stoa__catalog_fail_record(err, "a record fails its checksum");
	load->count++;
	load->sum += stoa__catalog_stored_hash(v);
	return load->each(load->ctx, key + 1, k->mv_size - 1, v->mv_data, v->mv_size - HASH_SIZE,
			  err);
}

static int load_all(const struct stoa__catalog *cat, MDB_cursor *cursor, struct load *load,
		    struct stoa_error *err)
{
	struct stoa__catalog_root root;
	MDB_val k = { 0, NULL }, v = { 0, NULL };
	int e = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);

	if (e != MDB_SUCCESS && e != MDB_NOTFOUND)
		return stoa__catalog_fail_lmdb(err, "read", e);
	STOA_TRY(stoa__catalog_decode_root(&k, &v, cat->txnid, &root, err));
	if (memcmp(root.uuid, cat->uuid, 16) != 0)
		return stoa__catalog_fail_record(err, "it belongs to another database");
	while ((e = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == MDB_SUCCESS) {
		int rc = load_record(cat, load, &k, &v, err);

		if (rc != 0)
			return rc;
	}
	if (e != MDB_NOTFOUND)
		return stoa__catalog_fail_lmdb(err, "read", e);
	if (load->count != root.count && cat->salvage)
		return STOA_END;
	if (load->count != root.count || (uint64_t)load->sum != root.sum_low ||
	    (uint64_t)(load->sum >> 64) != root.sum_high)
		return stoa__catalog_fail_record(err, "its records are not those that were committed");
	return STOA_OK;
}

int stoa__catalog_load(struct stoa__catalog *cat,
		       int (*each)(void *ctx, const uint8_t *key, size_t key_len,
				   const uint8_t *value, size_t value_len, struct stoa_error *err),
		       void *ctx, struct stoa_error *err)
{
	struct load load = { .each = each, .ctx = ctx };
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc;
	int e;

	STOA_TRY(stoa__catalog_need_env(cat, err));
	STOA_TRY(stoa__catalog_begin_read(cat, &txn, err));
	e = mdb_cursor_open(txn, cat->dbi, &cursor);
	if (e == MDB_SUCCESS) {
		rc = load_all(cat, cursor, &load, err);
		mdb_cursor_close(cursor);
	} else {
		rc = stoa__catalog_fail_lmdb(err, "read", e);
	}
	mdb_txn_abort(txn);
	return rc;
}
