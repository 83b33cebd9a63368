/* SPDX-License-Identifier: MIT */
/*
 * target_catalog.c - any bytes as LMDB's file, before the validator; what it lets pass, LMDB reads
 */
#include "fuzz.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../storage/validate.h"

/* Walks all that LMDB finds in a file that the validator took for sound. */
static void read_all(int fd)
{
	MDB_val key, value;
	MDB_cursor *cur;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (mdb_env_create(&env))
		return;
	mdb_env_set_mapsize(env, 16 << 20);
	if (!mdb_env_open(env, path, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK, 0) &&
	    !mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)) {
		if (!mdb_dbi_open(txn, NULL, 0, &dbi) && !mdb_cursor_open(txn, dbi, &cur)) {
			static volatile unsigned sum;

			while (!mdb_cursor_get(cur, &key, &value, MDB_NEXT))
				for (size_t i = 0; i < value.mv_size; i++)
					sum = sum + ((unsigned char *)value.mv_data)[i];
			mdb_cursor_close(cur);
		}
		mdb_txn_abort(txn);
	}
	mdb_env_close(env);
}

static void run(const uint8_t *p, size_t len)
{
	struct stoa__lmdb_shape shape;
	int fd = fuzz_file(p, len);

	(void)!stoa__validate_metas(fd, "fuzz", &shape, NULL);
	if (stoa__validate_lmdb(fd, "fuzz", &shape, NULL) == STOA_OK)
		read_all(fd);
	close(fd);
}

/* A file with a branch, leaves, overflow pages and a free list. */
static void seeds(fuzz_seed *each, void *ctx)
{
	static uint8_t bytes[1 << 18];
	char path[] = "/tmp/stoa-fuzz-XXXXXX";
	int fd = mkstemp(path);
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	ssize_t n;

	if (fd < 0 || mdb_env_create(&env) || mdb_env_set_mapsize(env, 1 << 20) ||
	    mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600))
		fuzz_die("LMDB makes no file");
	for (uint64_t round = 0; round < 3; round++) {
		if (mdb_txn_begin(env, NULL, 0, &txn) || mdb_dbi_open(txn, NULL, 0, &dbi))
			fuzz_die("LMDB makes no file");
		for (uint64_t i = 0; i < 60; i++) {
			uint64_t number = i * 3 + round;
			MDB_val key = { sizeof number, &number };
			MDB_val value = { i % 20 ? 150 : 5000, bytes };

			if (mdb_put(txn, dbi, &key, &value, 0) || (round && mdb_del(txn, dbi, &key, NULL)))
				fuzz_die("LMDB takes no value");
		}
		if (mdb_txn_commit(txn))
			fuzz_die("LMDB does not commit");
	}
	mdb_env_close(env);
	n = pread(fd, bytes, sizeof bytes, 0);
	close(fd);
	unlink(path);
	if (n > 0)
		each(ctx, bytes, (size_t)n);
}

const struct fuzz_target fuzz_catalog = { "catalog", run, seeds, 1 << 18 };
