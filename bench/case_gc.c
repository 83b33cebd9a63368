/* SPDX-License-Identifier: MIT */
/*
 * case_gc.c - half of a table deleted at random and collected, beside a writer
 *
 * 6 million records (or lineitem), of which each is deleted with a chance of one half. A thread
 * then commits one-row updates of the same table, each on the disk when it returns: at first alone,
 * which gives the idle latency, then while stoa_gc_collect() runs. Beside the rate the case tells
 * what is left of the segment files, and how much later commits came.
 */
#include "bench.h"
#include "ours.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RECORDS 6000000
#define ROWS_PER_TXN 10000
#define COMMITS_IDLE 2000
#define COMMITS_MAX 2000000

enum { OF_RECORDS, OF_LINEITEM };

struct writer {
	stoa_db *db;
	stoa_table table;
	uint32_t slot; /* that it changes, of type i32 or i64 */
	uint64_t n_rows;
	size_t n, n_max;
	atomic_bool stop;
	double *seconds;
};

/* A live row gets another quantity; which are live, chance said. */
static bool lives(uint64_t row)
{
	uint64_t state = row * 2654435761u;

	return bench_random(&state) >> 63;
}

static void *write_rows(void *arg)
{
	struct writer *w = arg;
	struct stoa_error err;
	uint64_t state = 7;

	for (w->n = 0; w->n < w->n_max && !atomic_load(&w->stop); w->n++) {
		struct stoa_value v = stoa_i64((int64_t)(w->n % 50));
		stoa_rowid row;

		do
			row = 1 + bench_random(&state) % w->n_rows;
		while (!lives(row));
		double start = bench_now();
		stoa_txn *txn = bench_stoa_begin(w->db, STOA_WRITE);

		bench_stoa_check(stoa_update(txn, w->table, row, &w->slot, &v, 1, &err), &err);
		bench_stoa_commit(txn);
		w->seconds[w->n] = bench_now() - start;
	}
	return NULL;
}

static void delete_half(struct writer *w)
{
	struct stoa_error err;
	stoa_txn *txn = NULL;

	for (uint64_t row = 1; row <= w->n_rows; row++) {
		if (row % ROWS_PER_TXN == 1)
			txn = bench_stoa_begin(w->db, STOA_WRITE);
		if (!lives(row))
			bench_stoa_check(stoa_delete(txn, w->table, row, &err), &err);
		if (row % ROWS_PER_TXN == 0 || row == w->n_rows)
			bench_stoa_commit(txn);
	}
}

static void load(const struct bench_case *c, struct writer *w)
{
	const struct bench_schema *schema =
		c->arg == OF_LINEITEM ? &bench_lineitem_schema : &bench_record_schema;
	stoa_txn *txn = bench_stoa_begin(w->db, STOA_WRITE);

	w->table = bench_stoa_create(txn, schema);
	if (c->arg == OF_LINEITEM) {
		w->n_rows = bench_stoa_import(txn, schema->table, bench_lineitem_csv(), 0);
		w->slot = 3; /* l_linenumber */
	} else {
		w->n_rows = (uint64_t)(RECORDS * bench_config.sf);
		bench_stoa_append_records(txn, w->table, (int64_t)w->n_rows);
		w->slot = 2; /* quantity */
	}
	bench_stoa_commit(txn);
}

static uint64_t disk_bytes(stoa_db *db)
{
	struct stoa_stat st = STOA_STAT_INIT;
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	struct stoa_error err;

	bench_stoa_check(stoa_stat(txn, 0, &st, &err), &err);
	stoa_abort(txn);
	return st.segment_bytes + st.catalog_bytes;
}

/* @n commits, or as many as there are until it is stopped. */
static void start(struct writer *w, pthread_t *thread, size_t n)
{
	w->n_max = n;
	atomic_store(&w->stop, false);
	if (pthread_create(thread, NULL, write_rows, w) != 0)
		bench_die("cannot start a thread");
}

static void run(const struct bench_case *c, const struct bench_entry *e)
{
	struct stoa_gc_stats stats = STOA_GC_STATS_INIT;
	const char *path = bench_path("gc.stoa");
	struct writer w = { .seconds = calloc(COMMITS_MAX, sizeof(double)) };
	struct stoa_error err;
	uint64_t before;
	pthread_t thread;
	double idle;

	(void)e;
	if (!w.seconds)
		bench_die("no memory for the times of commits");
	bench_remove(path);
	w.db = bench_stoa_open(path);
	bench_stoa_check(stoa_gc_enable(w.db, false, &err), &err);
	load(c, &w);
	before = disk_bytes(w.db);
	delete_half(&w);
	bench_stoa_check(stoa_checkpoint(w.db, &err), &err);
	bench_sync();
	start(&w, &thread, COMMITS_IDLE);
	pthread_join(thread, NULL);
	idle = bench_percentile(w.seconds, w.n, 0.99);

	start(&w, &thread, COMMITS_MAX);
	double from = bench_now();

	bench_stoa_check(stoa_gc_collect(w.db, 2, &stats, &err), &err);
	double seconds = bench_now() - from;

	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	bench_metric("collect", "rows/s", BENCH_MORE,
		     (double)(stats.rows_moved + stats.rows_reclaimed) / seconds);
	bench_metric("bytes left", "of 1", BENCH_LESS, (double)disk_bytes(w.db) / (double)before);
	bench_metric("p99 idle", "us", BENCH_LESS, 1e6 * idle);
	bench_metric("p99 beside", "us", BENCH_LESS,
		     1e6 * bench_percentile(w.seconds, w.n, 0.99));
	bench_metric("p99 ratio", "of idle", BENCH_LESS,
		     bench_percentile(w.seconds, w.n, 0.99) / idle);
	bench_metric("longest pause", "ms", BENCH_LESS, 1e3 * stats.longest_pause);
	bench_metric("given up", "runs", BENCH_LESS, (double)stats.runs_given_up);
	bench_stoa_close(w.db);
	bench_remove(path);
	free(w.seconds);
}

static const struct bench_entry entries[] = {
	{ "stoa", "a writer beside it", NULL, run, 0 },
};

static const struct bench_target targets[] = {
	{ "collect", NULL, 5e6 },
	{ "bytes left", NULL, 0.55 },
	{ "p99 ratio", NULL, 2 },
};

const struct bench_case bench_gc_cases[] = {
	{ "gc", "half of 6 million records deleted at random, and collected", entries,
	  BENCH_COUNT(entries), targets, BENCH_COUNT(targets), OF_RECORDS },
	{ "gc-lineitem", "half of lineitem deleted at random, and collected", entries,
	  BENCH_COUNT(entries), targets, BENCH_COUNT(targets), OF_LINEITEM },
	{ 0 },
};
