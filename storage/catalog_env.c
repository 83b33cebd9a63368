/* SPDX-License-Identifier: MIT */
/* catalog_env.c - see catalog_env.h */
#include "catalog_env.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/core/alloc.h"
#include "../lib/core/hash.h"
#include "catalog_sum.h"
#include "validate.h"

#define MAGIC "stoaCAT1"
#define VERSION 1
#define ENV_FLAGS (MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS)

/* ---- errors ---- */

/* LMDB's results as ours. Positive ones are errno. */
static int from_lmdb(int e)
{
	switch (e) {
	case MDB_SUCCESS:
		return STOA_OK;
	case MDB_KEYEXIST:
		return STOA_EEXIST;
	case MDB_NOTFOUND:
		return STOA_ENOTFOUND;
	case MDB_PAGE_NOTFOUND:
	case MDB_CORRUPTED:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
		return STOA_ECORRUPT;
	case MDB_VERSION_MISMATCH:
		return STOA_EVERSION;
	case MDB_MAP_FULL:
	case MDB_DBS_FULL:
	case MDB_READERS_FULL:
	case MDB_TLS_FULL:
	case MDB_TXN_FULL:
	case MDB_CURSOR_FULL:
	case MDB_PAGE_FULL:
		return STOA_EFULL;
	case MDB_MAP_RESIZED:
		return STOA_EBUSY;
	case MDB_BAD_RSLOT:
	case MDB_BAD_TXN:
	case MDB_BAD_DBI:
		return STOA_ESTATE;
	case MDB_BAD_VALSIZE:
		return STOA_EINVAL;
	case MDB_PANIC:
		return STOA_EIO;
	}
	return e > 0 ? stoa__from_errno(e) : STOA_EIO;
}

int stoa__catalog_fail_lmdb(struct stoa_error *err, const char *verb, int e)
{
	return stoa__fail(err, from_lmdb(e), "cannot %s %s: %s", verb, CATALOG_NAME,
			  mdb_strerror(e));
}

int stoa__catalog_fail_record(struct stoa_error *err, const char *why)
{
	return stoa__fail_corrupt(err, CATALOG_NAME, 0, "%s", why);
}

/* ---- hashes ---- */

uint64_t stoa__catalog_seed(const uint8_t uuid[16])
{
	return stoa__hash(uuid, 16);
}

uint64_t stoa__catalog_hash(uint64_t seed, const void *key, size_t key_len, const void *value,
			    size_t value_len)
{
	return stoa__hash_seeded(value, value_len, stoa__hash_seeded(key, key_len, seed));
}

uint64_t stoa__catalog_stored_hash(const MDB_val *v)
{
	return v->mv_size < HASH_SIZE ? 0 :
					stoa__load_u64((const uint8_t *)v->mv_data + v->mv_size -
						       HASH_SIZE);
}

bool stoa__catalog_record_valid(uint64_t seed, const MDB_val *k, const MDB_val *v)
{
	return v->mv_size >= HASH_SIZE &&
	       stoa__catalog_hash(seed, k->mv_data, k->mv_size, v->mv_data, v->mv_size - HASH_SIZE) ==
		       stoa__catalog_stored_hash(v);
}

/* ---- the root record ---- */

int stoa__catalog_decode_root(const MDB_val *k, const MDB_val *v, uint64_t txnid,
			      struct stoa__catalog_root *out, struct stoa_error *err)
{
	if (k->mv_size != 1 || *(const uint8_t *)k->mv_data != KEY_PREFIX ||
	    v->mv_size != sizeof *out + HASH_SIZE)
		return stoa__catalog_fail_record(err, "it has no root record");
	memcpy(out, v->mv_data, sizeof *out);
	if (memcmp(out->magic, MAGIC, sizeof out->magic) != 0 ||
	    !stoa__catalog_record_valid(stoa__catalog_seed(out->uuid), k, v))
		return stoa__catalog_fail_record(err, "the root record fails its checksum");
	if (out->version != VERSION)
		return stoa__fail(err, STOA_EVERSION,
				  "the catalog has format %u; this version reads %u", out->version,
				  VERSION);
	if (out->txnid != txnid)
		return stoa__catalog_fail_record(err, "the root record is of another transaction");
	return STOA_OK;
}

int stoa__catalog_read_root(MDB_txn *txn, MDB_dbi dbi, uint64_t txnid,
			    struct stoa__catalog_root *out, struct stoa_error *err)
{
	char prefix = KEY_PREFIX;
	MDB_val k = { 1, &prefix };
	MDB_val v = { 0, NULL };
	int e = mdb_get(txn, dbi, &k, &v);

	if (e != MDB_SUCCESS && e != MDB_NOTFOUND)
		return stoa__catalog_fail_lmdb(err, "read", e);
	return stoa__catalog_decode_root(&k, &v, txnid, out, err);
}

int stoa__catalog_put_record(MDB_txn *txn, MDB_dbi dbi, MDB_val *k, const void *value, size_t len,
			     uint64_t hash, struct stoa_error *err)
{
	MDB_val v = { len + HASH_SIZE, NULL };
	int e = mdb_put(txn, dbi, k, &v, MDB_RESERVE);

	if (e != MDB_SUCCESS)
		return stoa__catalog_fail_lmdb(err, "write", e);
	if (len)
		memcpy(v.mv_data, value, len);
	memcpy((uint8_t *)v.mv_data + len, &hash, sizeof hash);
	return STOA_OK;
}

int stoa__catalog_put_root(MDB_txn *txn, MDB_dbi dbi, const uint8_t uuid[16], uint64_t count,
			   stoa__sum_t sum, struct stoa_error *err)
{
	char prefix = KEY_PREFIX;
	MDB_val k = { 1, &prefix };
	struct stoa__catalog_root r;

	memset(&r, 0, sizeof r);
	memcpy(r.magic, MAGIC, sizeof r.magic);
	r.version = VERSION;
	memcpy(r.uuid, uuid, 16);
	r.txnid = mdb_txn_id(txn);
	r.count = count;
	r.sum_low = (uint64_t)sum;
	r.sum_high = (uint64_t)(sum >> 64);
	return stoa__catalog_put_record(txn, dbi, &k, &r, sizeof r,
			  stoa__catalog_hash(stoa__catalog_seed(uuid), &prefix, 1, &r, sizeof r), err);
}

/* ---- the environment ---- */

int stoa__catalog_env_open(const struct stoa__dir *dir, const char *name, uint64_t map_bytes,
			   unsigned flags, MDB_env **out, struct stoa_error *err)
{
	size_t size = strlen(dir->path) + strlen(name) + 2;
	char *path = stoa__alloc(size);
	MDB_env *env = NULL;
	int e;

	*out = NULL;
	if (!path)
		return stoa__fail_memory(err);
	snprintf(path, size, "%s/%s", dir->path, name);
	e = mdb_env_create(&env);
	if (e == MDB_SUCCESS)
		e = mdb_env_set_mapsize(env, map_bytes);
	if (e == MDB_SUCCESS)
		e = mdb_env_open(env, path, ENV_FLAGS | flags, 0666);
	stoa__free(path);
	if (e == MDB_SUCCESS) {
		*out = env;
		return STOA_OK;
	}
	if (env)
		mdb_env_close(env);
	return stoa__catalog_fail_lmdb(err, "open", e);
}

int stoa__catalog_dbi_open(MDB_env *env, bool read_only, MDB_dbi *dbi, struct stoa_error *err)
{
	MDB_txn *txn;
	int e = mdb_txn_begin(env, NULL, read_only ? MDB_RDONLY : 0, &txn);

	if (e != MDB_SUCCESS)
		return stoa__catalog_fail_lmdb(err, "open", e);
	e = mdb_dbi_open(txn, NULL, 0, dbi);
	if (e == MDB_SUCCESS)
		e = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return e == MDB_SUCCESS ? STOA_OK : stoa__catalog_fail_lmdb(err, "open", e);
}

/* Is the file that LMDB has open the one that @fd is? */
static int same_file(MDB_env *env, int fd, struct stoa_error *err)
{
	struct stat a, b;
	mdb_filehandle_t theirs;

	if (mdb_env_get_fd(env, &theirs) != MDB_SUCCESS || fstat(theirs, &a) < 0 ||
	    fstat(fd, &b) < 0)
		return stoa__fail(err, STOA_EIO, "cannot look at %s", CATALOG_NAME);
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return stoa__fail(err, STOA_EIO, "%s was replaced while it was opened",
				  CATALOG_NAME);
	return STOA_OK;
}

/* Validates the file and its place beside the sum; sets txnid and size. */
static int validate(struct stoa__catalog *cat, int fd, struct stoa_error *err)
{
	struct stoa__lmdb_shape shape;
	uint64_t size;

	STOA_TRY(stoa__file_size_of(fd, CATALOG_NAME, &size, err));
	if (!size)
		return stoa__fail_corrupt(err, CATALOG_NAME, 0, "the file is empty");
	STOA_TRY(stoa__validate_lmdb(fd, CATALOG_NAME, &shape, err));
	if (!cat->salvage)
		STOA_TRY(stoa__catalog_sum_accept(cat->dir, shape.txnid, err));
	cat->txnid = shape.txnid;
	cat->size = size;
	return STOA_OK;
}

int stoa__catalog_attach(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(cat->dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = validate(cat, fd, err);
	if (rc == STOA_OK)
		rc = stoa__catalog_env_open(cat->dir, CATALOG_NAME, cat->map_bytes,
			      cat->read_only ? MDB_RDONLY : 0, &cat->env, err);
	if (rc == STOA_OK)
		rc = same_file(cat->env, fd, err);
	if (rc == STOA_OK)
		rc = stoa__catalog_dbi_open(cat->env, cat->read_only, &cat->dbi, err);
	stoa__file_close(fd);
	return rc;
}

void stoa__catalog_detach(struct stoa__catalog *cat)
{
	if (cat->env)
		mdb_env_close(cat->env);
	cat->env = NULL;
}

int stoa__catalog_need_env(const struct stoa__catalog *cat, struct stoa_error *err)
{
	if (cat->env)
		return STOA_OK;
	return stoa__fail(err, STOA_EIO, "%s is out of use since a commit failed: reopen the database",
			  CATALOG_NAME);
}

/* In a reader: the writer may have gone on since the file was validated. */
static int revalidate(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(cat->dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = same_file(cat->env, fd, err);
	if (rc == STOA_OK)
		rc = validate(cat, fd, err);
	stoa__file_close(fd);
	return rc;
}

/*
 * A reader goes on with the file that has taken the place of the one it opened, if one has: see
 * shrink().
 */
static int follow(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(cat->dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = same_file(cat->env, fd, NULL);
	stoa__file_close(fd);
	if (rc == STOA_OK)
		return STOA_OK;
	stoa__catalog_detach(cat);
	rc = stoa__catalog_attach(cat, err);
	if (rc < 0)
		stoa__catalog_detach(cat);
	return rc;
}

int stoa__catalog_begin_read(struct stoa__catalog *cat, MDB_txn **out, struct stoa_error *err)
{
	if (cat->read_only)
		STOA_TRY(follow(cat, err));
	for (int i = 0; i < 3; i++) {
		int e = mdb_txn_begin(cat->env, NULL, MDB_RDONLY, out);

		if (e == MDB_MAP_RESIZED) {
			e = mdb_env_set_mapsize(cat->env, 0);
			if (e != MDB_SUCCESS)
				return stoa__catalog_fail_lmdb(err, "map", e);
			continue;
		}
		if (e != MDB_SUCCESS)
			return stoa__catalog_fail_lmdb(err, "read", e);
		if (mdb_txn_id(*out) == cat->txnid)
			return STOA_OK;
		mdb_txn_abort(*out);
		STOA_TRY(revalidate(cat, err));
	}
	return stoa__fail(err, STOA_EBUSY, "%s changes while it is read: its lock is not held",
			  CATALOG_NAME);
}

int stoa__catalog_write_sum(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(cat->dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = stoa__catalog_sum_write(cat->dir, fd, CATALOG_NAME, cat->txnid, err);
	if (rc == STOA_OK)
		cat->sum_behind = false;
	stoa__file_close(fd);
	return rc;
}
