/* SPDX-License-Identifier: MIT */
/*
 * case_set.c - membership: a set index against absl::flat_hash_set, and what it costs to load and
 * to open
 *
 * Half of two million look-ups are of keys that are there, at random, half of keys that are not.
 * One by one they go through stoa_set_has(), at once through stoa_set_has_many(); the peer, a bare
 * table in memory, inlines its look-ups in a loop and has no other way, so its figure stands for
 * both. One thread looks up and waits for nothing but memory, so it is that thread's time which is
 * taken: what else runs on the machine counts for less.
 */
#include "bench.h"
#include "ours.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define U64_KEYS 10000000u
#define STRING_KEYS 1000000u
#define LOOKUPS 1000000u

/* The keys of a case, and what is looked up; of one kind or the other. */
struct keys {
	unsigned type;
	size_t n;
	void *all, *hits, *misses;
};

static size_t width(unsigned type)
{
	return type == STOA_U64 ? sizeof(uint64_t) : sizeof(struct stoa_bytes);
}

/* Key number @i, which every run makes alike. */
static void make_key(unsigned type, uint64_t i, void *out)
{
	uint64_t state = bench_config.seed + i * 0x632be59bd9b4e019u, x = bench_random(&state);
	struct stoa_bytes b;
	char *p;

	if (type == STOA_U64) {
		memcpy(out, &x, sizeof x);
		return;
	}
	p = malloc(32);
	if (!p)
		bench_die("out of memory");
	b.len = (uint32_t)snprintf(p, 32, "user-%016llx", (unsigned long long)x);
	b.p = p;
	memcpy(out, &b, sizeof b);
}

static void make_keys(struct keys *k, unsigned type, size_t n)
{
	uint64_t state = bench_config.seed + 1;
	size_t w = width(type);

	*k = (struct keys){ type, n, malloc(n * w), malloc(LOOKUPS * w), malloc(LOOKUPS * w) };
	if (!k->all || !k->hits || !k->misses)
		bench_die("out of memory");
	for (size_t i = 0; i < n; i++)
		make_key(type, i, (char *)k->all + i * w);
	for (size_t i = 0; i < LOOKUPS; i++) {
		make_key(type, bench_random(&state) % n, (char *)k->hits + i * w);
		make_key(type, n + i, (char *)k->misses + i * w);
	}
}

/* Seconds that this thread has run. */
static double own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double ns_each(double start)
{
	return (own_time() - start) * 1e9 / LOOKUPS;
}

/* ---- stoa ---- */

struct set {
	stoa_txn *txn;
	stoa_table table;
	stoa_index index;
	stoa_set *open;
};

static void make_set(struct set *s, unsigned type)
{
	struct stoa_slot slot = { .name = "key", .type = (uint8_t)type, .flags = STOA_NOT_NULL };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct stoa_error err;
	uint32_t first = 0;

	o.name = "key";
	o.kind = STOA_INDEX_SET;
	o.flags = STOA_INDEX_UNIQUE;
	o.slots = &first;
	o.n_slots = 1;
	bench_stoa_check(stoa_table_create(s->txn, "set", &slot, 1, &s->table, &err), &err);
	bench_stoa_check(stoa_index_create(s->txn, s->table, &o, &s->index, &err), &err);
}

static void fill_set(struct set *s, const struct keys *k)
{
	struct stoa_array a = { (uint8_t)k->type, 0, k->all, NULL };
	struct stoa_error err;
	stoa_appender *app;

	bench_stoa_check(stoa_appender_open(s->txn, s->table, &app, &err), &err);
	bench_stoa_check(stoa_append(app, &a, 1, k->n, &err), &err);
	bench_stoa_check(stoa_appender_close(app, &err), &err);
	bench_stoa_commit(s->txn);
}

static size_t count_single(const struct set *s, const struct keys *k, const void *keys)
{
	struct stoa_error err;
	size_t found = 0;

	for (size_t i = 0; i < LOOKUPS; i++) {
		struct stoa_value v;

		if (k->type == STOA_U64) {
			v = stoa_u64(((const uint64_t *)keys)[i]);
		} else {
			const struct stoa_bytes *b = (const struct stoa_bytes *)keys + i;

			v = stoa_bytes_value(STOA_STRING, b->p, b->len);
		}
		found += stoa_set_has(s->open, &v, 1, NULL, &err) == STOA_ROW;
	}
	return found;
}

static size_t count_many(const struct set *s, const struct keys *k, const void *keys)
{
	struct stoa_array a = { (uint8_t)k->type, 0, keys, NULL };
	static uint64_t bits[(LOOKUPS + 63) / 64];
	struct stoa_error err;
	size_t found = 0;

	bench_stoa_check(stoa_set_has_many(s->open, &a, 1, LOOKUPS, bits, NULL, &err), &err);
	for (size_t i = 0; i < BENCH_COUNT(bits); i++)
		found += (size_t)__builtin_popcountll(bits[i]);
	return found;
}

static void measure(const struct set *s, const struct keys *k)
{
	size_t found = 0;
	double start;

	found += count_single(s, k, k->hits) + count_single(s, k, k->misses);
	start = own_time();
	found += count_single(s, k, k->hits);
	bench_metric("hit", "ns", BENCH_LESS, ns_each(start));
	start = own_time();
	found += count_single(s, k, k->misses);
	bench_metric("miss", "ns", BENCH_LESS, ns_each(start));
	start = own_time();
	found += count_many(s, k, k->hits);
	bench_metric("hit in bulk", "ns", BENCH_LESS, ns_each(start));
	start = own_time();
	found += count_many(s, k, k->misses);
	bench_metric("miss in bulk", "ns", BENCH_LESS, ns_each(start));
	bench_answer_number((double)found / 3);
	bench_answer_row();
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	struct stoa_stat stat = STOA_STAT_INIT;
	struct stoa_error err;
	struct set s;
	struct keys k;
	stoa_db *db = bench_stoa_open(NULL);

	(void)e;
	make_keys(&k, (unsigned)c->arg, c->arg == STOA_U64 ? U64_KEYS : STRING_KEYS);
	s.txn = bench_stoa_begin(db, STOA_WRITE);
	make_set(&s, k.type);
	double start = bench_now();
	fill_set(&s, &k);
	bench_metric("build", "s", BENCH_LESS, bench_now() - start);
	s.txn = bench_stoa_begin(db, STOA_READ);
	bench_stoa_check(stoa_stat(s.txn, 0, &stat, &err), &err);
	bench_metric("memory", "B/key", BENCH_LESS, (double)stat.memory_bytes / (double)k.n);
	bench_stoa_check(stoa_set_open(s.txn, s.table, s.index, &s.open, &err), &err);
	measure(&s, &k);
	stoa_set_close(s.open);
	stoa_abort(s.txn);
	bench_stoa_close(db);
}

/* ---- absl ---- */

static void *peer(const char *name)
{
	static void *handle;
	const char *path = getenv("STOA_ABSL");

	if (!handle)
		handle = dlopen(path ? path : "bench/.peers/libstoa-absl.so", RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		bench_skip("no libstoa-absl.so: run bench/peers.sh, or set STOA_ABSL");
	return dlsym(handle, name);
}

static void run_absl(const struct bench_case *c, const struct bench_entry *e)
{
	bool is_u64 = c->arg == STOA_U64;
	void *(*make)(const void *keys, size_t n);
	size_t (*count)(void *set, const void *keys, size_t n);
	size_t found;
	struct keys k;
	double start;
	void *set;

	(void)e;
	*(void **)&make = peer(is_u64 ? "peer_u64_new" : "peer_string_new");
	*(void **)&count = peer(is_u64 ? "peer_u64_count" : "peer_string_count");
	make_keys(&k, (unsigned)c->arg, is_u64 ? U64_KEYS : STRING_KEYS);
	uint64_t before = bench_rss_heap();
	start = bench_now();
	set = make(k.all, k.n);
	bench_metric("build", "s", BENCH_LESS, bench_now() - start);
	bench_metric("memory", "B/key", BENCH_LESS,
		     (double)(bench_rss_heap() - before) / (double)k.n);
	found = count(set, k.hits, LOOKUPS) + count(set, k.misses, LOOKUPS);
	start = own_time();
	found += count(set, k.hits, LOOKUPS);
	bench_metric("hit", "ns", BENCH_LESS, ns_each(start));
	bench_metric("hit in bulk", "ns", BENCH_LESS, ns_each(start));
	start = own_time();
	found += count(set, k.misses, LOOKUPS);
	bench_metric("miss", "ns", BENCH_LESS, ns_each(start));
	bench_metric("miss in bulk", "ns", BENCH_LESS, ns_each(start));
	bench_answer_number((double)found / 2);
	bench_answer_row();
}

/* ---- opening ---- */

static const char *open_path(void)
{
	return bench_path("set.stoa");
}

static void prepare_open(const struct bench_case *c, const struct bench_entry *e)
{
	struct set s;
	struct keys k;
	stoa_db *db;

	(void)c;
	(void)e;
	bench_remove(open_path());
	make_keys(&k, STOA_U64, U64_KEYS);
	db = bench_stoa_open(open_path());
	s.txn = bench_stoa_begin(db, STOA_WRITE);
	make_set(&s, STOA_U64);
	fill_set(&s, &k);
	bench_stoa_close(db);
}

static void run_open(const struct bench_case *c, const struct bench_entry *e)
{
	struct stoa_error err;
	struct stoa_value v;
	struct set s;
	double start;
	stoa_db *db;

	(void)c;
	(void)e;
	make_key(STOA_U64, 12345, &v.u);
	v = stoa_u64(v.u);
	start = bench_now();
	db = bench_stoa_open(open_path());
	bench_metric("open", "ms", BENCH_LESS, (bench_now() - start) * 1e3);
	s.txn = bench_stoa_begin(db, STOA_READ);
	s.table = bench_stoa_table(s.txn, "set");
	bench_stoa_check(stoa_index_find(s.txn, s.table, "key", &s.index, &err), &err);
	start = bench_now();
	int rc = stoa_set_find(s.txn, s.table, s.index, &v, 1, NULL, &err);
	bench_stoa_check(rc, &err);
	bench_metric("first look-up", "ms", BENCH_LESS, (bench_now() - start) * 1e3);
	bench_answer_number(rc == STOA_ROW);
	bench_answer_row();
	stoa_abort(s.txn);
	bench_stoa_close(db);
}

/* ---- loading ---- */

static void prepare_load(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_read_through(bench_lineitem_csv());
}

static void run_load(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("set-load.stoa");
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
	struct stoa_error err;
	uint64_t rows;
	double start;
	stoa_txn *txn;
	stoa_db *db;

	(void)c;
	bench_remove(path);
	db = bench_stoa_open(path);
	txn = bench_stoa_begin(db, STOA_WRITE);
	bench_stoa_create(txn, &bench_lineitem_schema);
	o.unique = e->arg ? "l_orderkey,l_linenumber" : NULL;
	start = bench_now();
	bench_stoa_check(stoa_import_csv(txn, bench_lineitem_schema.table, bench_lineitem_csv(), &o,
					 &rows, &err), &err);
	bench_stoa_commit(txn);
	bench_metric("load", "s", BENCH_LESS, bench_now() - start);
	bench_answer_number((double)rows);
	bench_answer_row();
	bench_stoa_close(db);
	bench_remove(path);
}

static const struct bench_entry find_entries[] = {
	{ "stoa", "in memory, unique set index, open set", NULL, run_stoa, 0 },
	{ "absl", "flat_hash_set, look-ups inlined", NULL, run_absl, 0 },
};

static const struct bench_target u64_targets[] = {
	{ "hit", "absl", 1 },	       { "miss", "absl", 1 },
	{ "hit in bulk", "absl", 2 }, { "miss in bulk", "absl", 2 },
	{ "memory", NULL, 18 },
};

static const struct bench_target string_targets[] = {
	{ "hit", "absl", 1 },	       { "miss", "absl", 1 },
	{ "hit in bulk", "absl", 2 }, { "miss in bulk", "absl", 2 },
};

static const struct bench_entry open_entries[] = {
	{ "stoa", "10 million keys", prepare_open, run_open, 0 },
};

static const struct bench_target open_targets[] = {
	{ "open", NULL, 20 },
};

static const struct bench_entry load_entries[] = {
	{ "stoa", "lineitem, unique by order and line", prepare_load, run_load, 1 },
	{ "without", "the same without a key", prepare_load, run_load, 0 },
};

static const struct bench_target load_targets[] = {
	{ "load", "without", 1 / 1.5 },
};

const struct bench_case bench_set_cases[] = {
	{ "set-u64", "membership among 10 million u64", find_entries, BENCH_COUNT(find_entries),
	  u64_targets, BENCH_COUNT(u64_targets), STOA_U64 },
	{ "set-string", "membership among a million strings", find_entries,
	  BENCH_COUNT(find_entries), string_targets, BENCH_COUNT(string_targets), STOA_STRING },
	{ "set-open", "opening a database with a set of 10 million", open_entries,
	  BENCH_COUNT(open_entries), open_targets, BENCH_COUNT(open_targets), 0 },
	{ "set-load", "loading 6 million rows with a key", load_entries, BENCH_COUNT(load_entries),
	  load_targets, BENCH_COUNT(load_targets), 0 },
	{ 0 },
};
