/* SPDX-License-Identifier: MIT */
/*
 * catalog.c - a checked map of small records in LMDB; the one place that includes <lmdb.h>
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
 */
#include "catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "../lib/core/alloc.h"
#include "../lib/core/hash.h"
#include "catalog_sum.h"
#include "validate.h"

#define NEW_NAME "catalog.new"	/* while it is being created */
#define MAGIC "stoaCAT1"
#define VERSION 1
#define KEY_PREFIX 'r'
#define KEY_SIZE (STOA__CATALOG_KEY_MAX + 1)
#define HASH_SIZE sizeof(uint64_t)
#define SHRINK_MIN ((uint64_t)512 << 10)	/* a smaller file is left as it is */
#define SHRINK_FACTOR 4			/* one is copied that has so many times the pages in use */
#define VALUE_MAX ((size_t)256 << 20)
#define MAP_DEFAULT ((uint64_t)16 << 30)
#define MAP_UNIT ((uint64_t)1 << 20)
#define MAP_MAX ((uint64_t)1 << 43)
#define ENV_FLAGS (MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS)

typedef unsigned __int128 sum_t;

struct root {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint8_t uuid[16];
	uint64_t txnid;
	uint64_t count;
	uint64_t sum_low;
	uint64_t sum_high;
};
_Static_assert(sizeof(struct root) == 64, "the root record is 64 bytes");

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
	sum_t sum;		/* of their hashes */
};

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

static int fail_lmdb(struct stoa_error *err, const char *verb, int e)
{
	return stoa__fail(err, from_lmdb(e), "cannot %s %s: %s", verb, CATALOG_NAME,
			  mdb_strerror(e));
}

static int fail_record(struct stoa_error *err, const char *why)
{
	return stoa__fail_corrupt(err, CATALOG_NAME, 0, "%s", why);
}

/* ---- hashes ---- */

static uint64_t uuid_seed(const uint8_t uuid[16])
{
	return stoa__hash(uuid, 16);
}

/* The hash of a record; @key with its prefix. */
static uint64_t record_hash(uint64_t seed, const void *key, size_t key_len, const void *value,
			    size_t value_len)
{
	return stoa__hash_seeded(value, value_len, stoa__hash_seeded(key, key_len, seed));
}

/* The hash that is stored with a value, unverified. */
static uint64_t stored_hash(const MDB_val *v)
{
	return v->mv_size < HASH_SIZE ? 0 :
					stoa__load_u64((const uint8_t *)v->mv_data + v->mv_size -
						       HASH_SIZE);
}

static bool record_valid(uint64_t seed, const MDB_val *k, const MDB_val *v)
{
	return v->mv_size >= HASH_SIZE &&
	       record_hash(seed, k->mv_data, k->mv_size, v->mv_data, v->mv_size - HASH_SIZE) ==
		       stored_hash(v);
}

/* ---- the root record ---- */

/* Decodes and checks a root record met under transaction @txnid. */
static int decode_root(const MDB_val *k, const MDB_val *v, uint64_t txnid, struct root *out,
		       struct stoa_error *err)
{
	if (k->mv_size != 1 || *(const uint8_t *)k->mv_data != KEY_PREFIX ||
	    v->mv_size != sizeof *out + HASH_SIZE)
		return fail_record(err, "it has no root record");
	memcpy(out, v->mv_data, sizeof *out);
	if (memcmp(out->magic, MAGIC, sizeof out->magic) != 0 ||
	    !record_valid(uuid_seed(out->uuid), k, v))
		return fail_record(err, "the root record fails its checksum");
	if (out->version != VERSION)
		return stoa__fail(err, STOA_EVERSION,
				  "the catalog has format %u; this version reads %u", out->version,
				  VERSION);
	if (out->txnid != txnid)
		return fail_record(err, "the root record is of another transaction");
	return STOA_OK;
}

static int read_root(MDB_txn *txn, MDB_dbi dbi, uint64_t txnid, struct root *out,
		     struct stoa_error *err)
{
	char prefix = KEY_PREFIX;
	MDB_val k = { 1, &prefix };
	MDB_val v = { 0, NULL };
	int e = mdb_get(txn, dbi, &k, &v);

	if (e != MDB_SUCCESS && e != MDB_NOTFOUND)
		return fail_lmdb(err, "read", e);
	return decode_root(&k, &v, txnid, out, err);
}

/* Stores a value and its hash under a key with prefix. */
static int put_record(MDB_txn *txn, MDB_dbi dbi, MDB_val *k, const void *value, size_t len,
		      uint64_t hash, struct stoa_error *err)
{
	MDB_val v = { len + HASH_SIZE, NULL };
	int e = mdb_put(txn, dbi, k, &v, MDB_RESERVE);

	if (e != MDB_SUCCESS)
		return fail_lmdb(err, "write", e);
	if (len)
		memcpy(v.mv_data, value, len);
	memcpy((uint8_t *)v.mv_data + len, &hash, sizeof hash);
	return STOA_OK;
}

static int put_root(MDB_txn *txn, MDB_dbi dbi, const uint8_t uuid[16], uint64_t count, sum_t sum,
		    struct stoa_error *err)
{
	char prefix = KEY_PREFIX;
	MDB_val k = { 1, &prefix };
	struct root r;

	memset(&r, 0, sizeof r);
	memcpy(r.magic, MAGIC, sizeof r.magic);
	r.version = VERSION;
	memcpy(r.uuid, uuid, 16);
	r.txnid = mdb_txn_id(txn);
	r.count = count;
	r.sum_low = (uint64_t)sum;
	r.sum_high = (uint64_t)(sum >> 64);
	return put_record(txn, dbi, &k, &r, sizeof r,
			  record_hash(uuid_seed(uuid), &prefix, 1, &r, sizeof r), err);
}

/* ---- the environment ---- */

/* Opens LMDB on @name; on failure nothing is left open. */
static int env_open(const struct stoa__dir *dir, const char *name, uint64_t map_bytes,
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
	return fail_lmdb(err, "open", e);
}

/* Opens the handle of the unnamed table, for good. */
static int dbi_open(MDB_env *env, bool read_only, MDB_dbi *dbi, struct stoa_error *err)
{
	MDB_txn *txn;
	int e = mdb_txn_begin(env, NULL, read_only ? MDB_RDONLY : 0, &txn);

	if (e != MDB_SUCCESS)
		return fail_lmdb(err, "open", e);
	e = mdb_dbi_open(txn, NULL, 0, dbi);
	if (e == MDB_SUCCESS)
		e = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return e == MDB_SUCCESS ? STOA_OK : fail_lmdb(err, "open", e);
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

/* Validates the file, then lets LMDB at it. */
static int attach(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(cat->dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = validate(cat, fd, err);
	if (rc == STOA_OK)
		rc = env_open(cat->dir, CATALOG_NAME, cat->map_bytes,
			      cat->read_only ? MDB_RDONLY : 0, &cat->env, err);
	if (rc == STOA_OK)
		rc = same_file(cat->env, fd, err);
	if (rc == STOA_OK)
		rc = dbi_open(cat->env, cat->read_only, &cat->dbi, err);
	stoa__file_close(fd);
	return rc;
}

static void detach(struct stoa__catalog *cat)
{
	if (cat->env)
		mdb_env_close(cat->env);
	cat->env = NULL;
}

static int need_env(const struct stoa__catalog *cat, struct stoa_error *err)
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
	detach(cat);
	rc = attach(cat, err);
	if (rc < 0)
		detach(cat);
	return rc;
}

/* Begins a read transaction on a snapshot that was validated. */
static int begin_read(struct stoa__catalog *cat, MDB_txn **out, struct stoa_error *err)
{
	if (cat->read_only)
		STOA_TRY(follow(cat, err));
	for (int i = 0; i < 3; i++) {
		int e = mdb_txn_begin(cat->env, NULL, MDB_RDONLY, out);

		if (e == MDB_MAP_RESIZED) {
			e = mdb_env_set_mapsize(cat->env, 0);
			if (e != MDB_SUCCESS)
				return fail_lmdb(err, "map", e);
			continue;
		}
		if (e != MDB_SUCCESS)
			return fail_lmdb(err, "read", e);
		if (mdb_txn_id(*out) == cat->txnid)
			return STOA_OK;
		mdb_txn_abort(*out);
		STOA_TRY(revalidate(cat, err));
	}
	return stoa__fail(err, STOA_EBUSY, "%s changes while it is read: its lock is not held",
			  CATALOG_NAME);
}

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

	STOA_TRY(env_open(dir, NEW_NAME, map_bytes, 0, &env, err));
	rc = dbi_open(env, false, &dbi, err);
	if (rc == STOA_OK) {
		e = mdb_txn_begin(env, NULL, 0, &txn);
		rc = e == MDB_SUCCESS ? STOA_OK : fail_lmdb(err, "create", e);
	}
	if (rc == STOA_OK) {
		*txnid = mdb_txn_id(txn);
		rc = put_root(txn, dbi, uuid, 0, 0, err);
		if (rc == STOA_OK) {
			e = mdb_txn_commit(txn);
			rc = e == MDB_SUCCESS ? STOA_OK : fail_lmdb(err, "create", e);
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
	struct root root;
	MDB_txn *txn;
	int rc;

	STOA_TRY(begin_read(cat, &txn, err));
	rc = read_root(txn, cat->dbi, cat->txnid, &root, err);
	mdb_txn_abort(txn);
	if (rc < 0)
		return rc;
	if (!all_zero(want) && memcmp(want, root.uuid, 16) != 0)
		return fail_record(err, "it belongs to another database");
	memcpy(cat->uuid, root.uuid, 16);
	cat->seed = uuid_seed(root.uuid);
	return STOA_OK;
}

static int write_sum(struct stoa__catalog *cat, struct stoa_error *err)
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

/* A writer's first act: brings the sum up to what a crash may have left. The file was validated. */
static int mend_sum(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd;
	int rc = stoa__file_open(cat->dir, CATALOG_NAME, O_RDONLY, &fd, err);

	if (rc < 0)
		return rc;
	rc = stoa__catalog_sum_check(cat->dir, fd, cat->txnid, err);
	stoa__file_close(fd);
	return rc == STOA_ECORRUPT ? write_sum(cat, err) : rc;
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
		rc = attach(cat, err);
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
	detach(cat);
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
	sum_t sum;
};

static int load_record(const struct stoa__catalog *cat, struct load *load, const MDB_val *k,
		       const MDB_val *v, struct stoa_error *err)
{
	const uint8_t *key = k->mv_data;

	if (k->mv_size < 2 || k->mv_size > KEY_SIZE || key[0] != KEY_PREFIX)
		return fail_record(err, "it has a record with a key that stoa does not write");
	if (!record_valid(cat->seed, k, v))
		return cat->salvage ? STOA_OK : fail_record(err, "a record fails its checksum");
	load->count++;
	load->sum += stored_hash(v);
	return load->each(load->ctx, key + 1, k->mv_size - 1, v->mv_data, v->mv_size - HASH_SIZE,
			  err);
}

static int load_all(const struct stoa__catalog *cat, MDB_cursor *cursor, struct load *load,
		    struct stoa_error *err)
{
	struct root root;
	MDB_val k = { 0, NULL }, v = { 0, NULL };
	int e = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);

	if (e != MDB_SUCCESS && e != MDB_NOTFOUND)
		return fail_lmdb(err, "read", e);
	STOA_TRY(decode_root(&k, &v, cat->txnid, &root, err));
	if (memcmp(root.uuid, cat->uuid, 16) != 0)
		return fail_record(err, "it belongs to another database");
	while ((e = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == MDB_SUCCESS) {
		int rc = load_record(cat, load, &k, &v, err);

		if (rc != 0)
			return rc;
	}
	if (e != MDB_NOTFOUND)
		return fail_lmdb(err, "read", e);
	if (load->count != root.count && cat->salvage)
		return STOA_END;
	if (load->count != root.count || (uint64_t)load->sum != root.sum_low ||
	    (uint64_t)(load->sum >> 64) != root.sum_high)
		return fail_record(err, "its records are not those that were committed");
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

	STOA_TRY(need_env(cat, err));
	STOA_TRY(begin_read(cat, &txn, err));
	e = mdb_cursor_open(txn, cat->dbi, &cursor);
	if (e == MDB_SUCCESS) {
		rc = load_all(cat, cursor, &load, err);
		mdb_cursor_close(cursor);
	} else {
		rc = fail_lmdb(err, "read", e);
	}
	mdb_txn_abort(txn);
	return rc;
}

/* ---- write transactions ---- */

/*
 * Doubles the map when half of it is in use: a transaction is never that large. No transaction is
 * open.
 */
static int make_room(struct stoa__catalog *cat, struct stoa_error *err)
{
	MDB_envinfo info;
	MDB_stat stat;
	int e = mdb_env_info(cat->env, &info);

	if (e == MDB_SUCCESS)
		e = mdb_env_stat(cat->env, &stat);
	if (e == MDB_SUCCESS && (info.me_last_pgno + 1) * stat.ms_psize > info.me_mapsize / 2 &&
	    info.me_mapsize <= MAP_MAX / 2) {
		cat->map_bytes = info.me_mapsize * 2;
		e = mdb_env_set_mapsize(cat->env, cat->map_bytes);
	}
	return e == MDB_SUCCESS ? STOA_OK : fail_lmdb(err, "map", e);
}

int stoa__catalog_begin(struct stoa__catalog *cat, struct stoa_error *err)
{
	struct root root;
	int rc;
	int e;

	STOA_TRY(need_env(cat, err));
	if (cat->read_only)
		return stoa__fail(err, STOA_EREADONLY, "the catalog was opened for reading only");
	if (cat->txn)
		return stoa__fail(err, STOA_ESTATE, "a catalog transaction is open already");
	STOA_TRY(stoa__catalog_settle(cat, err));
	STOA_TRY(make_room(cat, err));
	e = mdb_txn_begin(cat->env, NULL, 0, &cat->txn);
	if (e != MDB_SUCCESS) {
		cat->txn = NULL;
		return fail_lmdb(err, "write", e);
	}
	rc = read_root(cat->txn, cat->dbi, mdb_txn_id(cat->txn) - 1, &root, err);
	if (rc < 0) {
		stoa__catalog_abort(cat);
		return rc;
	}
	cat->txn_failed = false;
	cat->count = root.count;
	cat->sum = (sum_t)root.sum_high << 64 | root.sum_low;
	return STOA_OK;
}

void stoa__catalog_abort(struct stoa__catalog *cat)
{
	if (cat->txn)
		mdb_txn_abort(cat->txn);
	cat->txn = NULL;
}

/* A key as LMDB gets it. */
struct key {
	uint8_t bytes[KEY_SIZE];
	MDB_val val;
};

static int make_key(const struct stoa__catalog *cat, struct key *k, const void *key, size_t len,
		    size_t len_min, struct stoa_error *err)
{
	if (!cat->txn)
		return stoa__fail(err, STOA_ESTATE, "no catalog transaction is open");
	if (len < len_min || len > STOA__CATALOG_KEY_MAX)
		return stoa__fail(err, STOA_EINVAL, "a catalog key has 1 to %d bytes, not %zu",
				  STOA__CATALOG_KEY_MAX, len);
	k->bytes[0] = KEY_PREFIX;
	if (len)
		memcpy(k->bytes + 1, key, len);
	k->val.mv_data = k->bytes;
	k->val.mv_size = len + 1;
	return STOA_OK;
}

/* Notes that the transaction has come to harm. */
static int spoil(struct stoa__catalog *cat, int rc)
{
	cat->txn_failed = true;
	return rc;
}

/* The hash of the record that is there: STOA_ROW, or STOA_END if there is none. */
static int old_hash(struct stoa__catalog *cat, struct key *k, uint64_t *hash,
		    struct stoa_error *err)
{
	MDB_val v;
	int e = mdb_get(cat->txn, cat->dbi, &k->val, &v);

	if (e == MDB_NOTFOUND)
		return STOA_END;
	if (e != MDB_SUCCESS)
		return spoil(cat, fail_lmdb(err, "read", e));
	*hash = stored_hash(&v);
	return STOA_ROW;
}

int stoa__catalog_put(struct stoa__catalog *cat, const void *key, size_t key_len,
		      const void *value, size_t value_len, struct stoa_error *err)
{
	uint64_t hash, old = 0;
	struct key k;
	int there;
	int rc;

	STOA_TRY(make_key(cat, &k, key, key_len, 1, err));
	if (value_len > VALUE_MAX)
		return stoa__fail(err, STOA_EFULL, "a catalog value has at most %zu bytes, not %zu",
				  VALUE_MAX, value_len);
	there = old_hash(cat, &k, &old, err);
	if (there < 0)
		return there;
	hash = record_hash(cat->seed, k.bytes, k.val.mv_size, value, value_len);
	rc = put_record(cat->txn, cat->dbi, &k.val, value, value_len, hash, err);
	if (rc < 0)
		return spoil(cat, rc);
	cat->count += there == STOA_END;
	cat->sum += hash;
	cat->sum -= old;
	return STOA_OK;
}

int stoa__catalog_delete(struct stoa__catalog *cat, const void *key, size_t key_len,
			 struct stoa_error *err)
{
	uint64_t old = 0;
	struct key k;
	int there;
	int e;

	STOA_TRY(make_key(cat, &k, key, key_len, 1, err));
	there = old_hash(cat, &k, &old, err);
	if (there != STOA_ROW)
		return there == STOA_END ? STOA_OK : there;
	e = mdb_del(cat->txn, cat->dbi, &k.val, NULL);
	if (e != MDB_SUCCESS)
		return spoil(cat, fail_lmdb(err, "write", e));
	cat->count--;
	cat->sum -= old;
	return STOA_OK;
}

/*
 * The first record whose key begins with @prefix: STOA_ROW or STOA_END. Every key begins with the
 * empty one, but the root record, which has it, is no record to those above.
 */
static int seek(MDB_cursor *cursor, const struct key *prefix, MDB_val *k, MDB_val *v,
		struct stoa_error *err)
{
	int e;

	*k = prefix->val;
	e = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
	if (e == MDB_SUCCESS && k->mv_size == 1)
		e = mdb_cursor_get(cursor, k, v, MDB_NEXT);
	if (e == MDB_NOTFOUND)
		return STOA_END;
	return e == MDB_SUCCESS ? STOA_ROW : fail_lmdb(err, "read", e);
}

static bool has_prefix(const MDB_val *k, const struct key *prefix)
{
	return k->mv_size >= prefix->val.mv_size &&
	       memcmp(k->mv_data, prefix->bytes, prefix->val.mv_size) == 0;
}

/* Looks up each key anew: a cursor's place after a deletion is one of LMDB's subtler promises. */
static int delete_each(struct stoa__catalog *cat, MDB_cursor *cursor, const struct key *prefix,
		       struct stoa_error *err)
{
	MDB_val k, v;

	for (;;) {
		int rc = seek(cursor, prefix, &k, &v, err);
		uint64_t old;
		int e;

		if (rc != STOA_ROW || !has_prefix(&k, prefix))
			return rc < 0 ? rc : STOA_OK;
		old = stored_hash(&v);
		e = mdb_cursor_del(cursor, 0);
		if (e != MDB_SUCCESS)
			return fail_lmdb(err, "write", e);
		cat->count--;
		cat->sum -= old;
	}
}

int stoa__catalog_delete_prefix(struct stoa__catalog *cat, const void *prefix, size_t prefix_len,
				struct stoa_error *err)
{
	MDB_cursor *cursor;
	struct key k;
	int rc;
	int e;

	STOA_TRY(make_key(cat, &k, prefix, prefix_len, 0, err));
	e = mdb_cursor_open(cat->txn, cat->dbi, &cursor);
	if (e != MDB_SUCCESS)
		return spoil(cat, fail_lmdb(err, "write", e));
	rc = delete_each(cat, cursor, &k, err);
	mdb_cursor_close(cursor);
	return rc < 0 ? spoil(cat, rc) : rc;
}

static int keys_each(MDB_cursor *cursor, const struct key *prefix,
		     int (*each)(void *ctx, const uint8_t *key, size_t key_len), void *ctx,
		     struct stoa_error *err)
{
	MDB_val k, v;
	int rc = seek(cursor, prefix, &k, &v, err);

	while (rc == STOA_ROW && has_prefix(&k, prefix)) {
		int e;

		rc = each(ctx, (const uint8_t *)k.mv_data + 1, k.mv_size - 1);
		if (rc != 0)
			return rc;
		e = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
		if (e != MDB_SUCCESS && e != MDB_NOTFOUND)
			return fail_lmdb(err, "read", e);
		rc = e == MDB_SUCCESS ? STOA_ROW : STOA_END;
	}
	return rc < 0 ? rc : STOA_OK;
}

int stoa__catalog_keys(struct stoa__catalog *cat, const void *prefix, size_t prefix_len,
		       int (*each)(void *ctx, const uint8_t *key, size_t key_len), void *ctx,
		       struct stoa_error *err)
{
	MDB_cursor *cursor;
	struct key k;
	int rc;
	int e;

	STOA_TRY(make_key(cat, &k, prefix, prefix_len, 0, err));
	e = mdb_cursor_open(cat->txn, cat->dbi, &cursor);
	if (e != MDB_SUCCESS)
		return fail_lmdb(err, "read", e);
	rc = keys_each(cursor, &k, each, ctx, err);
	mdb_cursor_close(cursor);
	return rc;
}

/* ---- commit ---- */

/* LMDB calls a write that ended half-way an I/O error. On a full disk that is how it ends. */
static int reason(const struct stoa__catalog *cat, int e)
{
	struct statvfs st;

	return e == EIO && fstatvfs(cat->dir->fd, &st) == 0 && !st.f_bavail ? ENOSPC : e;
}

/*
 * After a failed commit: LMDB may hold pages that the disk does not. A new environment reads what
 * the file is, and a forced sync makes that the truth. @e is the commit's own error.
 */
static int recover(struct stoa__catalog *cat, int e, struct stoa_error *err)
{
	uint64_t before = cat->txnid;
	struct stoa_error why = { 0 };
	int rc;

	detach(cat);
	rc = attach(cat, &why);
	if (rc == STOA_OK) {
		int sync = mdb_env_sync(cat->env, 1);

		if (sync != MDB_SUCCESS)
			rc = fail_lmdb(&why, "sync", sync);
	}
	if (rc < 0) {
		detach(cat);
		return stoa__fail(err, STOA_EUNKNOWN, "a commit of %s failed (%s), and then: %s",
				  CATALOG_NAME, mdb_strerror(e), why.text);
	}
	if (cat->txnid != before)
		return stoa__fail(err, STOA_EUNKNOWN,
				  "a commit of %s failed (%s), yet it is in the file",
				  CATALOG_NAME, mdb_strerror(e));
	return fail_lmdb(err, "commit", e);
}

/*
 * Does the file have so little in it that a copy is worth it? What was once there, a queue of a
 * million jobs say, leaves free pages behind, which LMDB uses again and never gives back.
 */
static bool is_hollow(struct stoa__catalog *cat)
{
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t used;

	if (mdb_env_info(cat->env, &info) != MDB_SUCCESS ||
	    mdb_env_stat(cat->env, &stat) != MDB_SUCCESS)
		return false;
	used = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
	return (info.me_last_pgno + 1) * stat.ms_psize > SHRINK_MIN &&
	       info.me_last_pgno / SHRINK_FACTOR > used;
}

/* Fills catalog.new with the pages in use, at the same transaction; durable. */
static int copy_used(struct stoa__catalog *cat, struct stoa_error *err)
{
	int fd, rc, e;

	STOA_TRY(stoa__file_unlink(cat->dir, NEW_NAME, err));
	STOA_TRY(stoa__file_open(cat->dir, NEW_NAME, O_RDWR | O_CREAT | O_EXCL, &fd, err));
	e = mdb_env_copyfd2(cat->env, fd, MDB_CP_COMPACT);
	rc = e == MDB_SUCCESS ? stoa__lmdb_renumber(fd, NEW_NAME, cat->txnid, err) :
				fail_lmdb(err, "copy", e);
	if (rc == STOA_OK)
		rc = stoa__file_sync(fd, NEW_NAME, err);
	stoa__file_close(fd);
	return rc;
}

/*
 * Puts a copy in the place of the file. Until the rename there is nothing but a file left over;
 * after it the same transaction is there, so that who compares transactions sees no news, and the
 * sum is written after either.
 */
static int shrink(struct stoa__catalog *cat, struct stoa_error *err)
{
	int rc = copy_used(cat, err);

	if (rc == STOA_OK)
		rc = stoa__file_rename(cat->dir, NEW_NAME, CATALOG_NAME, err);
	if (rc < 0) {
		(void)stoa__file_unlink(cat->dir, NEW_NAME, NULL);
		return rc;
	}
	(void)stoa__dir_sync(cat->dir, NULL, NULL);	/* either file will do */
	detach(cat);
	rc = attach(cat, err);
	if (rc < 0)
		detach(cat);
	return rc;
}

/*
 * What there is to do once LMDB has committed. The catalog is durable, so none of it is an error of
 * the commit.
 */
static void after_commit(struct stoa__catalog *cat, uint64_t txnid)
{
	uint64_t size;

	cat->txnid = txnid;
	cat->sum_behind = true;
	if (is_hollow(cat))
		(void)shrink(cat, NULL);
	if (stoa__file_size(cat->dir, CATALOG_NAME, &size, NULL) == STOA_OK)
		cat->size = size;
	(void)write_sum(cat, NULL);	/* else the next begin does it, or fails */
}

int stoa__catalog_settle(struct stoa__catalog *cat, struct stoa_error *err)
{
	return cat->sum_behind ? write_sum(cat, err) : STOA_OK;
}

int stoa__catalog_commit(struct stoa__catalog *cat, struct stoa_error *err)
{
	uint64_t txnid;
	int rc;
	int e;

	if (!cat->txn)
		return stoa__fail(err, STOA_ESTATE, "no catalog transaction is open");
	rc = cat->txn_failed ? stoa__fail(err, STOA_ESTATE,
					  "a write in this catalog transaction has failed") :
			       put_root(cat->txn, cat->dbi, cat->uuid, cat->count, cat->sum, err);
	if (rc < 0) {
		stoa__catalog_abort(cat);
		return rc;
	}
	txnid = mdb_txn_id(cat->txn);
	e = mdb_txn_commit(cat->txn);
	cat->txn = NULL;
	if (e != MDB_SUCCESS)
		return recover(cat, reason(cat, e), err);
	after_commit(cat, txnid);
	return STOA_OK;
}
