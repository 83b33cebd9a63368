/* SPDX-License-Identifier: MIT */
/* catalog_write.c - transactions of the catalog: records put and deleted, commit; see catalog.c */
#include "catalog_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/hash.h"
#include "catalog_sum.h"
#include "size_limit.h"
#include "validate.h"

#define SHRINK_MIN ((uint64_t)512 << 10)	/* a smaller file is left as it is */
#define SHRINK_FACTOR 2			/* one is copied that has so many times the pages in use */
#define VALUE_MAX ((size_t)256 << 20)

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
	return e == MDB_SUCCESS ? STOA_OK : stoa__catalog_fail_lmdb(err, "map", e);
}

int stoa__catalog_begin(struct stoa__catalog *cat, struct stoa_error *err)
{
	struct stoa__catalog_root root;
	int rc;
	int e;

	STOA_TRY(stoa__catalog_need_env(cat, err));
	if (cat->read_only)
		return stoa__fail(err, STOA_EREADONLY, "the catalog was opened for reading only");
	if (cat->txn)
		return stoa__fail(err, STOA_ESTATE, "a catalog transaction is open already");
	STOA_TRY(stoa__catalog_settle(cat, err));
	STOA_TRY(make_room(cat, err));
	e = mdb_txn_begin(cat->env, NULL, 0, &cat->txn);
	if (e != MDB_SUCCESS) {
		cat->txn = NULL;
		return stoa__catalog_fail_lmdb(err, "write", e);
	}
	rc = stoa__catalog_read_root(cat->txn, cat->dbi, mdb_txn_id(cat->txn) - 1, &root, err);
	if (rc < 0) {
		stoa__catalog_abort(cat);
		return rc;
	}
	cat->txn_failed = false;
	cat->count = root.count;
	cat->sum = (stoa__sum_t)root.sum_high << 64 | root.sum_low;
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
		return spoil(cat, stoa__catalog_fail_lmdb(err, "read", e));
	*hash = stoa__catalog_stored_hash(&v);
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
	hash = stoa__catalog_hash(cat->seed, k.bytes, k.val.mv_size, value, value_len);
	rc = stoa__catalog_put_record(cat->txn, cat->dbi, &k.val, value, value_len, hash, err);
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
		return spoil(cat, stoa__catalog_fail_lmdb(err, "write", e));
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
	return e == MDB_SUCCESS ? STOA_ROW : stoa__catalog_fail_lmdb(err, "read", e);
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
		old = stoa__catalog_stored_hash(&v);
		e = mdb_cursor_del(cursor, 0);
		if (e != MDB_SUCCESS)
			return stoa__catalog_fail_lmdb(err, "write", e);
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
		return spoil(cat, stoa__catalog_fail_lmdb(err, "write", e));
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
			return stoa__catalog_fail_lmdb(err, "read", e);
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
		return stoa__catalog_fail_lmdb(err, "read", e);
	rc = keys_each(cursor, &k, each, ctx, err);
	mdb_cursor_close(cursor);
	return rc;
}

/* ---- commit ---- */

/* Is there no room for one more page behind the catalog? Then errno says why. */
static bool is_full(const struct stoa__catalog *cat)
{
	static const uint8_t page[4096];
	uint64_t size;
	int fd, rc, e;

	if (stoa__file_open(cat->dir, CATALOG_NAME, O_RDWR, &fd, NULL) < 0)
		return false;
	rc = stoa__file_size_of(fd, CATALOG_NAME, &size, NULL);
	if (rc == STOA_OK) {
		rc = stoa__file_write(fd, CATALOG_NAME, size, page, sizeof page, NULL);
		e = errno;
		(void)stoa__file_truncate(fd, CATALOG_NAME, size, NULL);
		errno = e;
	}
	stoa__file_close(fd);
	return rc == STOA_EFULL;
}

/*
 * LMDB calls a write that ended half-way an I/O error. A full disk, a quota and a limit on the size
 * of files end one so, and have no room for another.
 */
static int reason(const struct stoa__catalog *cat, int e)
{
	return e == EIO && is_full(cat) ? errno : e;
}

static int commit_lmdb(MDB_txn *txn)
{
	struct stoa__size_limit limit;

	stoa__size_limit_hold(&limit);
	int e = mdb_txn_commit(txn);
	stoa__size_limit_release(&limit);
	return e;
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

	stoa__catalog_detach(cat);
	rc = stoa__catalog_attach(cat, &why);
	if (rc == STOA_OK) {
		int sync = mdb_env_sync(cat->env, 1);

		if (sync != MDB_SUCCESS)
			rc = stoa__catalog_fail_lmdb(&why, "sync", sync);
	}
	if (rc < 0) {
		stoa__catalog_detach(cat);
		return stoa__fail(err, STOA_EUNKNOWN, "a commit of %s failed (%s), and then: %s",
				  CATALOG_NAME, mdb_strerror(e), why.text);
	}
	if (cat->txnid != before)
		return stoa__fail(err, STOA_EUNKNOWN,
				  "a commit of %s failed (%s), yet it is in the file",
				  CATALOG_NAME, mdb_strerror(e));
	return stoa__catalog_fail_lmdb(err, "commit", e);
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
	struct stoa__size_limit limit;
	stoa__size_limit_hold(&limit);	/* LMDB's thread that writes inherits it */
	e = mdb_env_copyfd2(cat->env, fd, MDB_CP_COMPACT);
	stoa__size_limit_release(&limit);
	rc = e == MDB_SUCCESS ? stoa__lmdb_renumber(fd, NEW_NAME, cat->txnid, err) :
				stoa__catalog_fail_lmdb(err, "copy", e);
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
	stoa__catalog_detach(cat);
	rc = stoa__catalog_attach(cat, err);
	if (rc < 0)
		stoa__catalog_detach(cat);
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
	(void)stoa__catalog_write_sum(cat, NULL);	/* else the next begin does it, or fails */
}

int stoa__catalog_settle(struct stoa__catalog *cat, struct stoa_error *err)
{
	return cat->sum_behind ? stoa__catalog_write_sum(cat, err) : STOA_OK;
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
			       stoa__catalog_put_root(cat->txn, cat->dbi, cat->uuid, cat->count, cat->sum, err);
	if (rc < 0) {
		stoa__catalog_abort(cat);
		return rc;
	}
	txnid = mdb_txn_id(cat->txn);
	e = commit_lmdb(cat->txn);
	cat->txn = NULL;
	if (e != MDB_SUCCESS)
		return recover(cat, reason(cat, e), err);
	after_commit(cat, txnid);
	return STOA_OK;
}
