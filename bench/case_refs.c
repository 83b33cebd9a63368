/* SPDX-License-Identifier: MIT */
/*
 * case_refs.c - what references cost: counted in a bulk load, and given up in cycles
 *
 * `refs-load` loads 6 million records with a slot that refers to one of a million rows of another
 * table; "plain" is the same load with the rowid in a u64 slot, so that what is between the two is
 * checking and counting. A load into which only rows of tables that never lost one are referred to
 * leaves its references uncounted, for the collector or the first delete of such a row. Here it is
 * that delete, and "load, delete" is the rate of both together: no work is out of sight. "load
 * again" is a load after it, which is counted at once, since the referred table has lost a row.
 *
 * The two differ by nanoseconds a row, a disk's moods by tens: 74 MB were written in 30 ms or in
 * 150. So files are memory here (/dev/shm). As much memory as a load takes is used once before the
 * clock starts, since pages that a virtual machine has given back to its host cost eight times what
 * others do, and the first to run would pay for all. Of REPEATS loads in a process the fastest
 * counts.
 *
 * `refs-cycles` deletes 2 million rows that refer to each other in pairs,
 * and collects, beside a thread that commits one-row transactions to another table, lazily, so that
 * it waits for the collector and never for a disk. "processor" is the time that the collecting
 * thread ran, which a busy machine does not lengthen; pauses it does.
 */
#include "bench.h"
#include "ours.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#define LOAD_ROWS 6000000
#define TARGETS 1000000
#define CYCLES 1000000
#define ROWS_PER_TXN 10000
#define CHUNK 65536
#define COMMITS_MAX 4000000
#define REPEATS 3
#define MEMORY_FOLDER "/dev/shm"
#define LOAD_BYTES ((size_t)512 << 20)	/* more than two loads take */

/* ---- counting in a load ---- */

struct rows {
	int64_t id[CHUNK];
	double price[CHUNK];
	int32_t quantity[CHUNK];
	struct stoa_bytes name[CHUNK];
	uint8_t flag[CHUNK];
	uint64_t target[CHUNK];
	struct bench_record records[CHUNK];
};
#define N_SLOTS 6

static void fill(struct rows *b, int64_t first, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		struct bench_record *r = &b->records[i];

		bench_record_make(first + (int64_t)i, r);
		b->id[i] = r->id;
		b->price[i] = r->price;
		b->quantity[i] = r->quantity;
		b->name[i] = (struct stoa_bytes){ r->name, r->name_len };
		b->flag[i] = r->flag;
		b->target[i] = 1 + bench_random(state) % TARGETS;
	}
}

/* A table of rows with nothing in them but a slot: they are there to be referred to, but for the last. */
static stoa_table make_targets(stoa_txn *txn)
{
	static const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	static int64_t n[CHUNK];
	const struct stoa_array a = { .type = STOA_I64, .values = n };
	struct stoa_error err;
	stoa_appender *app;
	stoa_table table;

	bench_stoa_check(stoa_table_create(txn, "target", &slot, 1, &table, &err), &err);
	bench_stoa_check(stoa_appender_open(txn, table, &app, &err), &err);
	for (uint64_t left = TARGETS + 1; left;) {
		size_t some = left < CHUNK ? (size_t)left : CHUNK;

		bench_stoa_check(stoa_append(app, &a, 1, some, &err), &err);
		left -= some;
	}
	bench_stoa_check(stoa_appender_close(app, &err), &err);
	return table;
}

static stoa_table make_table(stoa_txn *txn, const char *name, stoa_table targets, int type)
{
	struct stoa_slot slots[N_SLOTS];
	struct stoa_error err;
	stoa_table table;

	for (int i = 0; i < N_SLOTS - 1; i++)
		slots[i] = bench_record_schema.slots[i];
	slots[N_SLOTS - 1] = (struct stoa_slot){ .name = "target", .type = type };
	if (type == STOA_REF)
		slots[N_SLOTS - 1].target = targets;
	bench_stoa_check(stoa_table_create(txn, name, slots, N_SLOTS, &table, &err), &err);
	return table;
}

static int64_t n_load_rows(void)
{
	return (int64_t)(LOAD_ROWS * bench_config.sf);
}

/* Seconds of a load and its commit; filling arrays is not in them. */
static double load(stoa_txn *txn, stoa_table table, int type, struct rows *b)
{
	int64_t n_rows = n_load_rows();
	uint64_t state = bench_config.seed;
	struct stoa_error err;
	stoa_appender *app;
	double filling = 0;
	const struct stoa_array columns[N_SLOTS] = {
		{ STOA_I64, 0, b->id, NULL },       { STOA_F64, 0, b->price, NULL },
		{ STOA_I32, 0, b->quantity, NULL }, { STOA_STRING, 0, b->name, NULL },
		{ STOA_BOOL, 0, b->flag, NULL },    { type, 0, b->target, NULL },
	};
	double start = bench_now();

	bench_stoa_check(stoa_appender_open(txn, table, &app, &err), &err);
	for (int64_t first = 0; first < n_rows; first += CHUNK) {
		double from = bench_now();
		size_t n = n_rows - first < CHUNK ? (size_t)(n_rows - first) : CHUNK;

		fill(b, first, n, &state);
		filling += bench_now() - from;
		bench_stoa_check(stoa_append(app, columns, N_SLOTS, n, &err), &err);
	}
	bench_stoa_check(stoa_appender_close(app, &err), &err);
	bench_stoa_commit(txn);
	return bench_now() - start - filling;
}

/* Seconds until a row of @table, the one row that nobody refers to, is deleted. */
static double delete_target(stoa_db *db, stoa_table table)
{
	double start = bench_now();
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	struct stoa_error err;

	bench_stoa_check(stoa_delete(txn, table, TARGETS + 1, &err), &err);
	bench_stoa_commit(txn);
	return bench_now() - start;
}

struct load_times {
	double load, counted, again;
	uint64_t disk_bytes;
};

static void take_least(double *least, double seconds)
{
	if (*least == 0 || seconds < *least)
		*least = seconds;
}

static void measure_load(const char *path, int type, struct rows *b, bool answer,
			 struct load_times *out)
{
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	struct stoa_error err;
	double seconds;

	bench_stoa_check(stoa_gc_enable(db, false, &err), &err);
	stoa_table targets = make_targets(txn);
	stoa_table first = make_table(txn, "record", targets, type);
	stoa_table second = make_table(txn, "again", targets, type);

	seconds = load(txn, first, type, b);
	out->disk_bytes = bench_disk_bytes(path);
	take_least(&out->load, seconds);
	take_least(&out->counted, seconds + delete_target(db, targets));
	take_least(&out->again, load(bench_stoa_begin(db, STOA_WRITE), second, type, b));
	txn = bench_stoa_begin(db, STOA_READ);
	if (answer)
		bench_stoa_query(txn, "SELECT count(*) AS n, sum(id) AS id FROM record", true);
	stoa_abort(txn);
	bench_stoa_close(db);
	bench_remove(path);
}

static void need_memory_folder(void)
{
	struct statvfs fs;

	if (statvfs(MEMORY_FOLDER, &fs) != 0 ||
	    (double)fs.f_bavail * (double)fs.f_frsize < (double)LOAD_BYTES * bench_config.sf)
		bench_skip(MEMORY_FOLDER " has no room for two loads");
}

static void warm_memory(void)
{
	size_t n = (size_t)((double)LOAD_BYTES * bench_config.sf);
	char *p = malloc(n);

	if (!p)
		bench_die("no memory for %zu bytes", n);
	for (size_t i = 0; i < n; i += 4096)
		((volatile char *)p)[i] = 1;
	free(p);
}

static void run_load(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = MEMORY_FOLDER "/stoa-bench-refs.stoa";
	struct rows *b = malloc(sizeof(*b));
	double n_rows = (double)n_load_rows();
	struct load_times times = { 0 };

	(void)c;
	if (!b)
		bench_die("no memory for %d rows", CHUNK);
	need_memory_folder();
	warm_memory();
	for (int i = 0; i < REPEATS; i++) {
		bench_remove(path);
		measure_load(path, e->arg, b, i == 0, &times);
	}
	bench_metric("load", "rows/s", BENCH_MORE, n_rows / times.load);
	bench_metric("load, delete", "rows/s", BENCH_MORE, n_rows / times.counted);
	bench_metric("load again", "rows/s", BENCH_MORE, n_rows / times.again);
	bench_metric("counting", "ns/row", BENCH_LESS, 1e9 * (times.counted - times.load) / n_rows);
	bench_metric("disk", "bytes", BENCH_LESS, (double)times.disk_bytes);
	free(b);
}

/* ---- cycles ---- */

/* Pairs of rows, each the other's only reason to live once they are deleted. */
static stoa_table make_pairs(stoa_db *db, uint64_t n)
{
	static const struct stoa_slot slot = { .name = "other", .type = STOA_REF };
	static uint64_t other[CHUNK];
	const struct stoa_array a = { .type = STOA_REF, .values = other };
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	struct stoa_error err;
	stoa_appender *app;
	stoa_table table;

	bench_stoa_check(stoa_table_create(txn, "pair", &slot, 1, &table, &err), &err);
	bench_stoa_check(stoa_appender_open(txn, table, &app, &err), &err);
	for (uint64_t first = 1; first <= n; first += CHUNK) {
		size_t some = n + 1 - first < CHUNK ? (size_t)(n + 1 - first) : CHUNK;

		for (size_t i = 0; i < some; i++)
			other[i] = ((first + i - 1) ^ 1) + 1;
		bench_stoa_check(stoa_append(app, &a, 1, some, &err), &err);
	}
	bench_stoa_check(stoa_appender_close(app, &err), &err);
	bench_stoa_commit(txn);
	return table;
}

static void delete_all(stoa_db *db, stoa_table table, uint64_t n)
{
	struct stoa_error err;
	stoa_txn *txn = NULL;

	for (uint64_t row = 1; row <= n; row++) {
		if (row % ROWS_PER_TXN == 1)
			txn = bench_stoa_begin(db, STOA_WRITE);
		bench_stoa_check(stoa_delete(txn, table, row, &err), &err);
		if (row % ROWS_PER_TXN == 0 || row == n)
			bench_stoa_commit(txn);
	}
}

struct writer {
	stoa_db *db;
	stoa_table table;
	atomic_bool stop;
	double *seconds;
	size_t n;
};

/* How long each transaction waits for the writer's lock, and takes. */
static void *write_rows(void *arg)
{
	struct writer *w = arg;
	struct stoa_error err;

	for (w->n = 0; w->n < COMMITS_MAX && !atomic_load(&w->stop); w->n++) {
		struct stoa_value v = stoa_i64((int64_t)w->n);
		double start = bench_now();
		stoa_txn *txn = bench_stoa_begin(w->db, STOA_WRITE);

		bench_stoa_check(stoa_set_durability(txn, STOA_LAZY, &err), &err);
		bench_stoa_check(stoa_insert(txn, w->table, &v, 1, NULL, &err), &err);
		bench_stoa_commit(txn);
		w->seconds[w->n] = bench_now() - start;
	}
	return NULL;
}

static stoa_table make_log(stoa_db *db)
{
	static const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	struct stoa_error err;
	stoa_table table;

	bench_stoa_check(stoa_table_create(txn, "log", &slot, 1, &table, &err), &err);
	bench_stoa_commit(txn);
	return table;
}

static double processor_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void run_cycles(const struct bench_case *c, const struct bench_entry *e)
{
	struct stoa_gc_stats stats = STOA_GC_STATS_INIT;
	struct writer w = { .seconds = calloc(COMMITS_MAX, sizeof(double)) };
	uint64_t n_rows = 2 * (uint64_t)(CYCLES * bench_config.sf);
	const char *path = bench_path("cycles.stoa");
	struct stoa_error err;
	pthread_t thread;

	(void)c;
	if (!w.seconds)
		bench_die("no memory for the times of commits");
	bench_remove(path);
	w.db = bench_stoa_open(path);
	bench_stoa_check(stoa_gc_enable(w.db, false, &err), &err);
	stoa_table pairs = make_pairs(w.db, n_rows);

	w.table = make_log(w.db);
	delete_all(w.db, pairs, n_rows);
	bench_stoa_check(stoa_checkpoint(w.db, &err), &err);
	bench_sync();
	if (e->arg && pthread_create(&thread, NULL, write_rows, &w) != 0)
		bench_die("cannot start a thread");
	double start = bench_now(), processor = processor_now();

	bench_stoa_check(stoa_gc_collect(w.db, 0, &stats, &err), &err);
	double seconds = bench_now() - start;

	processor = processor_now() - processor;

	atomic_store(&w.stop, true);
	if (e->arg)
		pthread_join(thread, NULL);
	if (stats.rows_in_cycles != n_rows)
		bench_die("%llu of %llu rows died", (unsigned long long)stats.rows_in_cycles,
			  (unsigned long long)n_rows);
	bench_metric("collect", "s", BENCH_LESS, seconds);
	bench_metric("processor", "s", BENCH_LESS, processor);
	bench_metric("longest pause", "ms", BENCH_LESS, 1e3 * stats.longest_pause);
	bench_metric("commits", "in all", BENCH_MORE, (double)w.n);
	bench_metric("p99 beside", "ms", BENCH_LESS,
		     w.n ? 1e3 * bench_percentile(w.seconds, w.n, 0.99) : 0);
	bench_metric("longest beside", "ms", BENCH_LESS,
		     w.n ? 1e3 * bench_percentile(w.seconds, w.n, 1) : 0);
	bench_metric("peak memory", "bytes", BENCH_LESS, (double)bench_rss_peak());
	bench_stoa_close(w.db);
	bench_remove(path);
	free(w.seconds);
}

static const struct bench_entry load_entries[] = {
	{ "stoa", "a reference in each row; files in " MEMORY_FOLDER ", collector off", NULL, run_load,
	  STOA_REF },
	{ "plain", "stoa with the number in its place", NULL, run_load, STOA_U64 },
};

static const struct bench_target load_targets[] = {
	{ "load", "plain", 0.95 },
};

static const struct bench_entry cycles_entries[] = {
	{ "stoa", "nobody else", NULL, run_cycles, 0 },
	{ "writer", "stoa with a writer beside it", NULL, run_cycles, 1 },
};

static const struct bench_target cycles_targets[] = {
	{ "collect", NULL, 1 },
	{ "longest pause", NULL, 5 },
};

const struct bench_case bench_refs_cases[] = {
	{ "refs-load", "6 million records loaded, each with a reference to one of a million rows",
	  load_entries, BENCH_COUNT(load_entries), load_targets, BENCH_COUNT(load_targets), 0 },
	{ "refs-cycles", "a million dead cycles of two rows collected", cycles_entries,
	  BENCH_COUNT(cycles_entries), cycles_targets, BENCH_COUNT(cycles_targets), 0 },
	{ 0 },
};
