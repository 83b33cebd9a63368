/* SPDX-License-Identifier: MIT */
/* rocksdb.h - RocksDB with errors that end the run; loaded at run time, as DuckDB */
#ifndef BENCH_ROCKSDB_H
#define BENCH_ROCKSDB_H

#include "bench.h"

struct bench_rocksdb {
	void *db;
	void *options;
	void *write_options;
	void *read_options;
};

/* As "7.8.3", from the library's file name: it cannot be asked. */
const char *bench_rocksdb_version(void);
/* Opens or makes the database, with a block cache of @cache_bytes; skips without the library. */
void bench_rocksdb_open(struct bench_rocksdb *r, const char *path, size_t cache_bytes);
/* How writes go from here on: @sync to the disk, or without a log at all. */
void bench_rocksdb_sync(struct bench_rocksdb *r, bool sync);
/* Keys are numbers, kept big-endian so that they sort as such. */
void bench_rocksdb_put(struct bench_rocksdb *r, uint64_t key, const void *value, size_t len);
/* Borrows the value, good until *@slice goes to bench_rocksdb_done(). */
const char *bench_rocksdb_get(struct bench_rocksdb *r, uint64_t key, void **slice);
void bench_rocksdb_done(void *slice);
/* Writes everything to sorted files and merges them into one level. */
void bench_rocksdb_compact(struct bench_rocksdb *r);
void bench_rocksdb_close(struct bench_rocksdb *r);

#endif
