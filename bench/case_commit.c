/* SPDX-License-Identifier: MIT */
/*
 * case_commit.c - one row, one transaction, one flush of the disk
 *
 * Each thread inserts records, each in a transaction that is on the disk when its commit returns.
 * "bare" is what the disk allows: 128 bytes written at the next place of a file that is full of
 * zeros already, then fdatasync(). LMDB and SQLite run as they are made for durability. Each SQLite
 * thread has a connection of its own, as its manual advises, and waits for its turn at a mutex:
 * left to itself a waiting connection sleeps for up to 100 ms between attempts.
 */
#include "bench.h"
#include "ours.h"
#include "redis.h"
#include "rocksdb.h"
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMITS_ALONE 3000
#define COMMITS_SHARED 1000 /* of each of several threads */
#define THREADS_MAX 64
#define BARE_BYTES 128

struct worker {
	void *db;
	void (*work)(struct worker *w);
	int64_t first; /* number of its first record */
	int n;
	double *seconds; /* of each commit */
};

static void *start_worker(void *arg)
{
	struct worker *w = arg;

	w->work(w);
	return NULL;
}

/* Lets c->arg threads do @work on @db, and reports. */
static void measure(const struct bench_case *c, void *db, void (*work)(struct worker *w))
{
	int n_threads = c->arg;
	int n = n_threads == 1 ? COMMITS_ALONE : COMMITS_SHARED;
	double *seconds = calloc((size_t)(n * n_threads), sizeof(*seconds));
	struct worker workers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];

	if (!seconds)
		bench_die("no memory for %d times", n * n_threads);
	double start = bench_now();
	for (int i = 0; i < n_threads; i++) {
		workers[i] = (struct worker){ db, work, (int64_t)i * n, n, seconds + i * n };
		if (pthread_create(&threads[i], NULL, start_worker, &workers[i]) != 0)
			bench_die("cannot start a thread");
	}
	for (int i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	double wall = bench_now() - start;
	size_t total = (size_t)(n * n_threads);
	bench_metric("commits", "1/s", BENCH_MORE, (double)total / wall);
	bench_metric("p50", "us", BENCH_LESS, 1e6 * bench_percentile(seconds, total, 0.5));
	bench_metric("p99", "us", BENCH_LESS, 1e6 * bench_percentile(seconds, total, 0.99));
	free(seconds);
}

/* ---- bare ---- */

static void work_bare(struct worker *w)
{
	int fd = *(int *)w->db;
	char bytes[BARE_BYTES];

	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < w->n; i++) {
		double start = bench_now();
		off_t at = (off_t)(w->first + i) * BARE_BYTES;

		if (pwrite(fd, bytes, sizeof(bytes), at) != BARE_BYTES || fdatasync(fd) != 0)
			bench_die("bare write: %s", strerror(errno));
		w->seconds[i] = bench_now() - start;
	}
}

static void run_bare(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("commit.bare");
	static char zeros[1 << 20];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	(void)e;
	if (fd < 0)
		bench_die("%s: %s", path, strerror(errno));
	for (int i = 0; i < 4; i++)
		if (write(fd, zeros, sizeof(zeros)) != (ssize_t)sizeof(zeros))
			bench_die("%s: %s", path, strerror(errno));
	fsync(fd);
	measure(c, &fd, work_bare);
	close(fd);
	bench_remove(path);
}

/* ---- stoa ---- */

struct ours {
	stoa_db *db;
	stoa_table table;
};

static void work_stoa(struct worker *w)
{
	struct ours *s = w->db;
	struct stoa_error err;
	struct stoa_value v[5];
	struct bench_record r;

	for (int i = 0; i < w->n; i++) {
		bench_record_make(w->first + i, &r);
		bench_stoa_record_values(&r, v);
		double start = bench_now();
		stoa_txn *txn = bench_stoa_begin(s->db, STOA_WRITE);
		bench_stoa_check(stoa_insert(txn, s->table, v, 5, NULL, &err), &err);
		bench_stoa_commit(txn);
		w->seconds[i] = bench_now() - start;
	}
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("commit.stoa");
	struct ours s;

	(void)e;
	bench_remove(path);
	s.db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(s.db, STOA_WRITE);
	s.table = bench_stoa_create(txn, &bench_record_schema);
	bench_stoa_commit(txn);
	measure(c, &s, work_stoa);
	bench_stoa_close(s.db);
	bench_remove(path);
}

/* ---- SQLite ---- */

static sqlite3 *open_sqlite(const char *path)
{
	sqlite3 *db = bench_sqlite_open(path);

	bench_sqlite_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
	return db;
}

static void work_sqlite(struct worker *w)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	sqlite3 *db = open_sqlite(w->db);
	sqlite3_stmt *begin = bench_sqlite_prepare(db, "BEGIN IMMEDIATE");
	sqlite3_stmt *insert = bench_sqlite_prepare(db, BENCH_SQLITE_RECORD_INSERT);
	sqlite3_stmt *commit = bench_sqlite_prepare(db, "COMMIT");
	struct bench_record r;

	for (int i = 0; i < w->n; i++) {
		bench_record_make(w->first + i, &r);
		double start = bench_now();
		pthread_mutex_lock(&turn);
		bench_sqlite_run(begin);
		bench_sqlite_bind_record(insert, &r);
		bench_sqlite_run(insert);
		bench_sqlite_run(commit);
		pthread_mutex_unlock(&turn);
		w->seconds[i] = bench_now() - start;
	}
	sqlite3_finalize(begin);
	sqlite3_finalize(insert);
	sqlite3_finalize(commit);
	bench_sqlite_close(db);
}

static void remove_sqlite(const char *path)
{
	bench_remove(path);
	bench_remove(bench_path("commit.sqlite-wal"));
	bench_remove(bench_path("commit.sqlite-shm"));
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("commit.sqlite");

	(void)e;
	remove_sqlite(path);
	sqlite3 *db = open_sqlite(path);
	bench_sqlite_exec(db, BENCH_SQLITE_RECORD_TABLE);
	measure(c, (void *)path, work_sqlite);
	bench_sqlite_close(db);
	remove_sqlite(path);
}

/* ---- LMDB ---- */

static void check_lmdb(int rc)
{
	if (rc != 0)
		bench_die("LMDB: %s", mdb_strerror(rc));
}

static void work_lmdb(struct worker *w)
{
	MDB_env *env = w->db;
	struct bench_record r;
	MDB_txn *txn;
	MDB_dbi dbi;

	for (int i = 0; i < w->n; i++) {
		uint64_t number = (uint64_t)(w->first + i);
		MDB_val key = { sizeof(number), &number };
		MDB_val value = { sizeof(r), &r };

		bench_record_make((int64_t)number, &r);
		double start = bench_now();
		check_lmdb(mdb_txn_begin(env, NULL, 0, &txn));
		check_lmdb(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &dbi));
		check_lmdb(mdb_put(txn, dbi, &key, &value, 0));
		check_lmdb(mdb_txn_commit(txn));
		w->seconds[i] = bench_now() - start;
	}
}

static void run_lmdb(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("commit.lmdb");
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	(void)e;
	bench_remove(path);
	check_lmdb(mdb_env_create(&env));
	check_lmdb(mdb_env_set_mapsize(env, (size_t)1 << 30));
	check_lmdb(mdb_env_open(env, path, MDB_NOSUBDIR, 0666));
	check_lmdb(mdb_txn_begin(env, NULL, 0, &txn));
	check_lmdb(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &dbi));
	check_lmdb(mdb_txn_commit(txn));
	measure(c, env, work_lmdb);
	mdb_env_close(env);
	bench_remove(path);
}

/* ---- RocksDB ---- */

#define ROCKSDB_CACHE (8u << 20) /* its default */

static void work_rocksdb(struct worker *w)
{
	struct bench_record r;

	for (int i = 0; i < w->n; i++) {
		bench_record_make(w->first + i, &r);
		double start = bench_now();
		bench_rocksdb_put(w->db, (uint64_t)(w->first + i), &r, sizeof(r));
		w->seconds[i] = bench_now() - start;
	}
}

static void run_rocksdb(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("commit.rocksdb");
	struct bench_rocksdb db;

	(void)e;
	bench_remove(path);
	bench_rocksdb_open(&db, path, ROCKSDB_CACHE);
	bench_rocksdb_sync(&db, true);
	measure(c, &db, work_rocksdb);
	bench_rocksdb_close(&db);
	bench_remove(path);
}

/* ---- Redis ---- */

static void work_redis(struct worker *w)
{
	int fd = bench_redis_connect();
	struct bench_record r;

	for (int i = 0; i < w->n; i++) {
		bench_record_make(w->first + i, &r);
		double start = bench_now();
		bench_redis_set(fd, (uint64_t)(w->first + i), &r, sizeof(r));
		w->seconds[i] = bench_now() - start;
	}
	close(fd);
}

static void run_redis(const struct bench_case *c, const struct bench_entry *e)
{
	(void)e;
	bench_redis_start();
	measure(c, NULL, work_redis);
	bench_redis_stop();
}

#define ROCKSDB_SETTINGS "put() with sync on"
#define REDIS_SETTINGS \
	"SET over a unix socket, a connection for each thread; appendonly, appendfsync always"

static const struct bench_entry alone[] = {
	{ "stoa", "STOA_FULL (its default)", NULL, run_stoa, 0 },
	{ "bare", "pwrite() of 128 bytes and fdatasync(), file full of zeros", NULL, run_bare, 0 },
	{ "sqlite", "WAL, synchronous=FULL, prepared", NULL, run_sqlite, 0 },
	{ "lmdb", "synchronous (its default)", NULL, run_lmdb, 0 },
	{ "rocksdb", ROCKSDB_SETTINGS, NULL, run_rocksdb, 0 },
	{ "redis", REDIS_SETTINGS, NULL, run_redis, 0 },
};

static const struct bench_entry shared[] = {
	{ "stoa", "STOA_FULL (its default), one handle", NULL, run_stoa, 0 },
	{ "bare", "each thread its own pwrite() and fdatasync(), one file", NULL, run_bare, 0 },
	{ "sqlite",
	  "WAL, synchronous=FULL, prepared; a connection for each thread, turns by a mutex", NULL,
	  run_sqlite, 0 },
	{ "rocksdb", ROCKSDB_SETTINGS ", one handle", NULL, run_rocksdb, 0 },
	{ "redis", REDIS_SETTINGS, NULL, run_redis, 0 },
};

static const struct bench_target alone_targets[] = {
	{ "commits", "bare", 0.9 },
	{ "commits", "sqlite", 1 },
};

static const struct bench_target shared_targets[] = {
	{ "commits", "sqlite", 4 },
};

const struct bench_case bench_commit_cases[] = {
	{ "commit-1", "durable commits of one row, 1 thread", alone, BENCH_COUNT(alone),
	  alone_targets, BENCH_COUNT(alone_targets), 1 },
	{ "commit-8", "durable commits of one row, 8 threads", shared, BENCH_COUNT(shared),
	  shared_targets, BENCH_COUNT(shared_targets), 8 },
	{ 0 },
};
