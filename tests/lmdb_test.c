/* SPDX-License-Identifier: MIT */
/*
 * lmdb_test.c - every call into LMDB may fail, with every result that it has
 *
 * The calls that catalog.c makes are caught here by name, on their way to LMDB, and call n answers
 * with an error instead, once: for every n, and every result (STOA_LONG=1; else a part of them).
 * What is in the catalog is then what was committed
 * before, or, where the commit itself was called, what it was to make; and there is an error with
 * words whose code is the one that belongs to LMDB's.
 */
#include "testing.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../storage/catalog.h"
#include "tree.h"

/* ---- in between ---- */

static struct {
	long left;	/* calls until the one that fails; below 0: none does */
	int result;
	bool fired;
} fault = { -1, 0, false };

static bool fails(void)
{
	if (fault.left < 0 || fault.left--)
		return false;
	fault.fired = true;
	return true;
}

#define CATCH(name, parameters, arguments)                                          \
	int name parameters                                                         \
	{                                                                           \
		static int(*real) parameters;                                       \
                                                                                    \
		if (!real)                                                          \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                  \
		return fails() ? fault.result : real arguments;                     \
	}

CATCH(mdb_env_create, (MDB_env **env), (env))
CATCH(mdb_env_set_mapsize, (MDB_env *env, size_t size), (env, size))
CATCH(mdb_env_open, (MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode),
      (env, path, flags, mode))
CATCH(mdb_env_get_fd, (MDB_env *env, mdb_filehandle_t *fd), (env, fd))
CATCH(mdb_env_info, (MDB_env *env, MDB_envinfo *info), (env, info))
CATCH(mdb_env_sync, (MDB_env *env, int force), (env, force))
CATCH(mdb_txn_begin, (MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn),
      (env, parent, flags, txn))
CATCH(mdb_dbi_open, (MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *dbi),
      (txn, name, flags, dbi))
CATCH(mdb_stat, (MDB_txn *txn, MDB_dbi dbi, MDB_stat *stat), (txn, dbi, stat))
CATCH(mdb_get, (MDB_txn *txn, MDB_dbi dbi, MDB_val *k, MDB_val *v), (txn, dbi, k, v))
CATCH(mdb_put, (MDB_txn *txn, MDB_dbi dbi, MDB_val *k, MDB_val *v, unsigned flags),
      (txn, dbi, k, v, flags))
CATCH(mdb_del, (MDB_txn *txn, MDB_dbi dbi, MDB_val *k, MDB_val *v), (txn, dbi, k, v))
CATCH(mdb_cursor_open, (MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cur), (txn, dbi, cur))
CATCH(mdb_cursor_get, (MDB_cursor *cur, MDB_val *k, MDB_val *v, MDB_cursor_op op), (cur, k, v, op))
CATCH(mdb_cursor_del, (MDB_cursor *cur, unsigned flags), (cur, flags))

/* A commit that fails has ended its transaction all the same. */
int mdb_txn_commit(MDB_txn *txn)
{
	static int (*real)(MDB_txn *txn);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "mdb_txn_commit");
	if (!fails())
		return real(txn);
	mdb_txn_abort(txn);
	return fault.result;
}

/* ---- what is done ---- */

#define ROUNDS 3
#define RECORDS 20

static const uint8_t uuid[16] = { 7 };

struct run {
	char *path;
	struct stoa__dir dir;
	int committed, possible;	/* rounds */
};

/* Keeps the first error, which must have words. */
static int hear(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		assert_true(*err->text);
	return rc;
}

static void value_of(int round, int i, char out[40])
{
	snprintf(out, 40, "record %d of round %d", i, round);
}

static int write_round(struct stoa__catalog *cat, int round, struct stoa_error *err)
{
	uint8_t key[2] = { 'a' };
	char value[40];
	int rc = stoa__catalog_begin(cat, err);

	for (int i = 0; i < RECORDS && rc >= 0; i++) {
		key[1] = (uint8_t)i;
		value_of(round, i, value);
		rc = stoa__catalog_put(cat, key, 2, value, strlen(value), err);
	}
	key[0] = 'b';
	key[1] = (uint8_t)round;
	if (rc >= 0)
		rc = stoa__catalog_put(cat, key, 2, "x", 1, err);
	if (rc >= 0 && round)
		rc = stoa__catalog_delete_prefix(cat, "b", 1, err);
	if (rc >= 0)
		rc = stoa__catalog_put(cat, key, 2, "y", 1, err);
	if (rc >= 0)
		return stoa__catalog_commit(cat, err);
	stoa__catalog_abort(cat);
	return rc;
}

struct found {
	int round, n;
};

static int find(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value, size_t len,
		struct stoa_error *err)
{
	struct found *f = ctx;
	char expected[40];

	(void)err;
	assert_int_equal(key_len, 2);
	if (key[0] == 'b') {
		f->round = key[1];
		f->n++;
		return STOA_OK;
	}
	if (f->round < 0)
		f->round = value[len - 1] - '0';
	value_of(f->round, key[1], expected);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(value, expected, len);
	f->n++;
	return STOA_OK;
}

/* The round that the catalog shows, whole; -1 before the first. */
static int look(struct stoa__catalog *cat, int *round, struct stoa_error *err)
{
	struct found f = { -1, 0 };
	int rc = stoa__catalog_load(cat, find, &f, err);

	if (rc >= 0)
		assert_int_equal(f.n, f.round < 0 ? 0 : RECORDS + 1);
	*round = f.round;
	return rc;
}

static int work(struct run *r, struct stoa_error *err)
{
	struct stoa__catalog_options options = { .create = true, .map_bytes = 1 << 20 };
	struct stoa__catalog *cat = NULL;
	int rc, round = 0;

	memcpy(options.uuid, uuid, sizeof uuid);
	r->committed = r->possible = -1;
	rc = hear(stoa__catalog_open(&r->dir, &options, &cat, err), err);
	for (int i = 0; rc >= 0 && i < ROUNDS; i++) {
		rc = hear(write_round(cat, i, err), err);
		r->possible = rc >= 0 || rc == STOA_EUNKNOWN ? i : r->possible;
		r->committed = rc >= 0 ? i : r->committed;
		if (rc >= 0)
			rc = hear(look(cat, &round, err), err);
		if (rc >= 0)
			assert_int_equal(round, i);
	}
	stoa__catalog_close(cat);
	return rc;
}

static void look_after(struct run *r)
{
	struct stoa__catalog_options options = { .read_only = true };
	struct stoa__catalog *cat;
	struct stoa_error err;
	int round, rc;

	memcpy(options.uuid, uuid, sizeof uuid);
	rc = stoa__catalog_open(&r->dir, &options, &cat, &err);
	if (rc == STOA_ENOTFOUND && r->possible < 0)
		return;
	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(look(cat, &round, &err), STOA_OK);
	assert_in_range(round + 1, r->committed + 1, r->possible + 1);
	stoa__catalog_close(cat);
}

static const struct {
	int lmdb, ours;
} results[] = {
	{ MDB_KEYEXIST, STOA_EEXIST },
	{ MDB_PAGE_NOTFOUND, STOA_ECORRUPT },
	{ MDB_CORRUPTED, STOA_ECORRUPT },
	{ MDB_VERSION_MISMATCH, STOA_EVERSION },
	{ MDB_MAP_FULL, STOA_EFULL },
	{ MDB_TXN_FULL, STOA_EFULL },
	{ MDB_BAD_RSLOT, STOA_ESTATE },
	{ MDB_BAD_VALSIZE, STOA_EINVAL },
	{ MDB_PANIC, STOA_EIO },
	{ MDB_LAST_ERRCODE - 50, STOA_EIO },
	{ ENOSPC, STOA_EFULL },
	{ ENOMEM, STOA_ENOMEM },
	{ EIO, STOA_EIO },
};

/* @nth call with @result. False once there are no more calls. */
static bool try(const char *dir, long nth, size_t which)
{
	struct run r = { .path = strdup(testing_path(dir, "catalog")) };
	struct stoa_error err;
	int rc;

	assert_int_equal(stoa__dir_create(r.path, &err), STOA_OK);
	assert_int_equal(stoa__dir_open(r.path, &r.dir, &err), STOA_OK);
	fault.left = nth;
	fault.result = results[which].lmdb;
	fault.fired = false;
	rc = work(&r, &err);
	fault.left = -1;
	if (rc < 0 && rc != results[which].ours && rc != STOA_EUNKNOWN && rc != STOA_EIO)
		fail_msg("call %ld: LMDB's %d became %s: %s", nth, results[which].lmdb, stoa_result_name(rc),
			 err.text);
	look_after(&r);
	stoa__dir_close(&r.dir);
	testing_rmtree(r.path);
	return fault.fired;
}

static void every_call_into_lmdb_may_fail(void **state)
{
	char *dir = testing_tempdir();
	long n = 0;

	(void)state;
	for (size_t which = 0; which < sizeof results / sizeof *results; which++) {
		long step = testing_long() || !which ? 1 : 9;

		for (long nth = (long)which % step; try(dir, nth, which); nth += step)
			n++;
	}
	printf("%ld calls\n", n);
	assert_true(n > 300);
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_into_lmdb_may_fail),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
