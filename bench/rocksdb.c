/* SPDX-License-Identifier: MIT */
/*
 * rocksdb.c - RocksDB's C interface through dlopen()
 *
 * The prototypes are written down here as RocksDB's documentation gives them; everything is a
 * pointer. Errors come as text in *error, which is NULL otherwise.
 */
#include "rocksdb.h"

#include <dlfcn.h>
#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* name, return type, parameters */
#define ROCKSDB_CALLS(X)                                                                \
	X(options_create, void *, (void))                                               \
	X(options_destroy, void, (void *options))                                       \
	X(options_set_create_if_missing, void, (void *options, unsigned char on))       \
	X(options_set_block_based_table_factory, void, (void *options, void *table))    \
	X(block_based_options_create, void *, (void))                                   \
	X(block_based_options_destroy, void, (void *table))                             \
	X(block_based_options_set_block_cache, void, (void *table, void *cache))        \
	X(cache_create_lru, void *, (size_t bytes))                                     \
	X(cache_destroy, void, (void *cache))                                           \
	X(writeoptions_create, void *, (void))                                          \
	X(writeoptions_destroy, void, (void *options))                                  \
	X(writeoptions_set_sync, void, (void *options, unsigned char on))               \
	X(writeoptions_disable_WAL, void, (void *options, int off))                     \
	X(readoptions_create, void *, (void))                                           \
	X(readoptions_destroy, void, (void *options))                                   \
	X(flushoptions_create, void *, (void))                                          \
	X(flushoptions_destroy, void, (void *options))                                  \
	X(open, void *, (void *options, const char *path, char **error))                \
	X(close, void, (void *db))                                                      \
	X(put, void,                                                                    \
	  (void *db, void *options, const char *key, size_t key_len, const char *value, \
	   size_t len, char **error))                                                   \
	X(get_pinned, void *,                                                           \
	  (void *db, void *options, const char *key, size_t key_len, char **error))     \
	X(pinnableslice_value, const char *, (void *slice, size_t *len))                \
	X(pinnableslice_destroy, void, (void *slice))                                   \
	X(flush, void, (void *db, void *options, char **error))                         \
	X(compact_range, void,                                                          \
	  (void *db, const char *first, size_t first_len, const char *last, size_t last_len))

#define DECLARE(name, ret, args) ret(*name) args;
static struct {
	void *handle;
	ROCKSDB_CALLS(DECLARE)
} api;

static void load(void)
{
	static const char *const names[] = { "librocksdb.so.7.8", "librocksdb.so.8.9",
					     "librocksdb.so.9.10", "librocksdb.so" };

	for (size_t i = 0; i < BENCH_COUNT(names) && !api.handle; i++)
		api.handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!api.handle)
		bench_skip("no librocksdb.so: run bench/peers.sh");
#define RESOLVE(name, ret, args)                                   \
	*(void **)&api.name = dlsym(api.handle, "rocksdb_" #name); \
	if (!api.name)                                             \
		bench_die("librocksdb.so has no rocksdb_" #name);
	ROCKSDB_CALLS(RESOLVE)
}

const char *bench_rocksdb_version(void)
{
	static char path[PATH_MAX];
	Dl_info info;

	if (!api.handle)
		load();
	if (!dladdr(*(void **)&api.open, &info) || !realpath(info.dli_fname, path))
		return "of unknown version";
	const char *so = strstr(path, ".so.");
	return so ? so + 4 : "of unknown version";
}

static void check(const char *error)
{
	if (error)
		bench_die("RocksDB: %s", error);
}

void bench_rocksdb_open(struct bench_rocksdb *r, const char *path, size_t cache_bytes)
{
	char *error = NULL;

	if (!api.handle)
		load();
	void *cache = api.cache_create_lru(cache_bytes);
	void *table = api.block_based_options_create();
	api.block_based_options_set_block_cache(table, cache);
	r->options = api.options_create();
	api.options_set_create_if_missing(r->options, 1);
	api.options_set_block_based_table_factory(r->options, table);
	r->write_options = api.writeoptions_create();
	r->read_options = api.readoptions_create();
	r->db = api.open(r->options, path, &error);
	check(error);
	api.block_based_options_destroy(table);
	api.cache_destroy(cache); /* shared with the options */
}

void bench_rocksdb_sync(struct bench_rocksdb *r, bool sync)
{
	api.writeoptions_set_sync(r->write_options, sync);
	api.writeoptions_disable_WAL(r->write_options, !sync);
}

void bench_rocksdb_put(struct bench_rocksdb *r, uint64_t key, const void *value, size_t len)
{
	uint64_t bytes = htobe64(key);
	char *error = NULL;

	api.put(r->db, r->write_options, (const char *)&bytes, sizeof(bytes), value, len, &error);
	check(error);
}

const char *bench_rocksdb_get(struct bench_rocksdb *r, uint64_t key, void **slice)
{
	uint64_t bytes = htobe64(key);
	char *error = NULL;
	size_t len;

	*slice =
		api.get_pinned(r->db, r->read_options, (const char *)&bytes, sizeof(bytes), &error);
	check(error);
	if (!*slice)
		bench_die("RocksDB has no row %llu", (unsigned long long)key);
	return api.pinnableslice_value(*slice, &len);
}

void bench_rocksdb_done(void *slice)
{
	api.pinnableslice_destroy(slice);
}

void bench_rocksdb_compact(struct bench_rocksdb *r)
{
	void *options = api.flushoptions_create();
	char *error = NULL;

	api.flush(r->db, options, &error);
	check(error);
	api.flushoptions_destroy(options);
	api.compact_range(r->db, NULL, 0, NULL, 0);
}

void bench_rocksdb_close(struct bench_rocksdb *r)
{
	api.close(r->db);
	api.readoptions_destroy(r->read_options);
	api.writeoptions_destroy(r->write_options);
	api.options_destroy(r->options);
}
