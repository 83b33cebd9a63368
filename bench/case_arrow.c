/* SPDX-License-Identifier: MIT */
/*
 * case_arrow.c - rows out of a database as Arrow arrays, and Arrow arrays into one
 *
 * Out: lineitem's columns of numbers, through a query, to the end; each array is released as it
 * comes, and its first column added up, so that both are known to give the same. In: arrays that
 * stoa made beforehand, which is not timed, lent again and again to an ArrowArrayStream; the commit
 * or checkpoint is timed, and closing.
 */
#include "bench.h"
#include "duckdb.h"
#include "ours.h"

#include "case_query.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                   \
	"l_orderkey, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax"
#define IN_ROWS 2000000
#define REPEATS 3

/* What came out. */
struct seen {
	uint64_t rows;
	int64_t sum;		/* of l_orderkey */
};

static void take(struct seen *seen, struct ArrowArray *a)
{
	const int64_t *keys = (const int64_t *)a->children[0]->buffers[1] + a->children[0]->offset;

	for (int64_t i = 0; i < a->length; i++)
		seen->sum += keys[i];
	seen->rows += (uint64_t)a->length;
	a->release(a);
}

static void report_out(const struct seen *seen, double seconds)
{
	bench_answer_number((double)seen->rows);
	bench_answer_number((double)seen->sum);
	bench_answer_row();
	bench_metric("rate", "rows/s", BENCH_MORE, (double)seen->rows / seconds);
}

/* ---- stoa, out ---- */

static struct ArrowArrayStream stream_of(stoa_txn *txn, const char *sql)
{
	struct ArrowArrayStream s;
	struct stoa_error err;
	stoa_cursor *cur;

	bench_stoa_check(stoa_query(txn, sql, &cur, &err), &err);
	bench_stoa_check(stoa_arrow_export(cur, NULL, &s, &err), &err);
	return s;
}

static double stoa_out(stoa_txn *txn, struct seen *seen)
{
	double start = bench_now();
	struct ArrowArrayStream s = stream_of(txn, "SELECT " COLUMNS " FROM lineitem");
	struct ArrowArray a;

	*seen = (struct seen){ 0 };
	while (s.get_next(&s, &a) == 0 && a.release)
		take(seen, &a);
	s.release(&s);
	return bench_now() - start;
}

static void prepare_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_stoa_lineitem(1);
}

static void run_stoa_out(const struct bench_case *c, const struct bench_entry *e)
{
	stoa_db *db = bench_stoa_open_threads(bench_stoa_lineitem(1), 1);
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	double seconds[REPEATS];
	struct seen seen;

	(void)c;
	(void)e;
	stoa_out(txn, &seen);	/* warm */
	for (int i = 0; i < REPEATS; i++)
		seconds[i] = stoa_out(txn, &seen);
	stoa_abort(txn);
	bench_stoa_close(db);
	report_out(&seen, bench_percentile(seconds, REPEATS, 0.5));
}

/* ---- DuckDB, out; the prototypes are those of its documentation ---- */

struct duckdb_result {
	uint64_t deprecated_counts[3];
	void *deprecated_columns;
	char *deprecated_error;
	void *internal;
};

static struct {
	int (*prepare)(void *connection, const char *sql, void **out);
	void (*destroy_prepare)(void **statement);
	int (*execute_streaming)(void *statement, struct duckdb_result *out);
	void *(*fetch_chunk)(struct duckdb_result result);
	void (*destroy_data_chunk)(void **chunk);
	void (*destroy_result)(struct duckdb_result *result);
	void *(*arrow_options)(struct duckdb_result *result);
	void (*destroy_arrow_options)(void **options);
	void *(*chunk_to_arrow)(void *options, void *chunk, struct ArrowArray *out);
	int (*arrow_scan)(void *connection, const char *name, void *stream);
} duckdb;

static void load_calls(void)
{
	*(void **)&duckdb.prepare = bench_duckdb_call("duckdb_prepare");
	*(void **)&duckdb.destroy_prepare = bench_duckdb_call("duckdb_destroy_prepare");
	*(void **)&duckdb.execute_streaming =
		bench_duckdb_call("duckdb_execute_prepared_streaming");
	*(void **)&duckdb.fetch_chunk = bench_duckdb_call("duckdb_fetch_chunk");
	*(void **)&duckdb.destroy_data_chunk = bench_duckdb_call("duckdb_destroy_data_chunk");
	*(void **)&duckdb.destroy_result = bench_duckdb_call("duckdb_destroy_result");
	*(void **)&duckdb.arrow_options = bench_duckdb_call("duckdb_result_get_arrow_options");
	*(void **)&duckdb.destroy_arrow_options = bench_duckdb_call("duckdb_destroy_arrow_options");
	*(void **)&duckdb.chunk_to_arrow = bench_duckdb_call("duckdb_data_chunk_to_arrow");
	*(void **)&duckdb.arrow_scan = bench_duckdb_call("duckdb_arrow_scan");
}

static double duckdb_out(struct bench_duckdb *d, struct seen *seen)
{
	double start = bench_now();
	struct duckdb_result result;
	void *statement, *options, *chunk;
	struct ArrowArray a;

	*seen = (struct seen){ 0 };
	if (duckdb.prepare(d->connection, "SELECT " COLUMNS " FROM lineitem", &statement) ||
	    duckdb.execute_streaming(statement, &result))
		bench_die("DuckDB gives no stream");
	options = duckdb.arrow_options(&result);
	while ((chunk = duckdb.fetch_chunk(result))) {
		if (duckdb.chunk_to_arrow(options, chunk, &a))
			bench_die("DuckDB gives no Arrow array");
		duckdb.destroy_data_chunk(&chunk);
		take(seen, &a);
	}
	duckdb.destroy_arrow_options(&options);
	duckdb.destroy_result(&result);
	duckdb.destroy_prepare(&statement);
	return bench_now() - start;
}

static void prepare_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	load_calls();
	bench_duckdb_lineitem();
}

static void run_duckdb_out(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_duckdb d;
	double seconds[REPEATS];
	struct seen seen;

	(void)c;
	(void)e;
	load_calls();
	bench_duckdb_open(&d, bench_duckdb_lineitem(), 1);
	duckdb_out(&d, &seen);	/* warm */
	for (int i = 0; i < REPEATS; i++)
		seconds[i] = duckdb_out(&d, &seen);
	bench_duckdb_close(&d);
	report_out(&seen, bench_percentile(seconds, REPEATS, 0.5));
}

/* ---- arrays in memory, as a stream ---- */

struct arrays {
	struct ArrowArrayStream from;	/* has the schema */
	struct ArrowArray *list;
	size_t n, at;
	uint64_t rows;
};

static void keep_array(struct ArrowArray *a)
{
	a->release = NULL;	/* lent */
}

static int lend_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
	struct arrays *x = s->private_data;

	return x->from.get_schema(&x->from, out);
}

static int lend_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
	struct arrays *x = s->private_data;

	memset(out, 0, sizeof(*out));
	if (x->at == x->n)
		return 0;
	*out = x->list[x->at++];
	out->release = keep_array;
	return 0;
}

static const char *no_error(struct ArrowArrayStream *s)
{
	(void)s;
	return NULL;
}

static void end_loan(struct ArrowArrayStream *s)
{
	s->release = NULL;
}

static struct ArrowArrayStream lend(struct arrays *x)
{
	x->at = 0;
	return (struct ArrowArrayStream){ lend_schema, lend_next, no_error, end_loan, x };
}

static void collect(struct arrays *x, stoa_txn *txn)
{
	struct ArrowArray a;

	memset(x, 0, sizeof(*x));
	x->from = stream_of(txn, "SELECT " COLUMNS " FROM lineitem");
	while (x->rows < IN_ROWS && x->from.get_next(&x->from, &a) == 0 && a.release) {
		x->list = realloc(x->list, (x->n + 1) * sizeof(*x->list));
		if (!x->list)
			bench_die("no memory for the arrays");
		x->list[x->n++] = a;
		x->rows += (uint64_t)a.length;
	}
}

static void give_up(struct arrays *x)
{
	for (size_t i = 0; i < x->n; i++)
		x->list[i].release(&x->list[i]);
	free(x->list);
	x->from.release(&x->from);
}

/* ---- in ---- */

static const char question[] = "SELECT count(*) AS n, sum(l_orderkey) AS keys, "
			       "sum(l_extendedprice) AS price, sum(l_suppkey) AS supp FROM t";

static double stoa_in(struct arrays *x, const char *path, bool answer)
{
	struct ArrowArrayStream s = lend(x);
	struct stoa_error err;
	stoa_cursor *cur;

	bench_remove(path);
	double start = bench_now();
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	bench_stoa_check(stoa_arrow_import(&s, &cur, &err), &err);
	bench_stoa_check(stoa_import_cursor(txn, "t", cur, NULL, NULL, &err), &err);
	bench_stoa_commit(txn);
	bench_stoa_close(db);
	double seconds = bench_now() - start;
	if (answer)
		bench_stoa_answer(path, question);
	return seconds;
}

static double duckdb_in(struct arrays *x, const char *path, bool answer)
{
	struct ArrowArrayStream s = lend(x);
	struct bench_duckdb d;

	bench_remove(path);
	double start = bench_now();
	bench_duckdb_open(&d, path, 1);
	if (duckdb.arrow_scan(d.connection, "arrow", &s))
		bench_die("DuckDB does not take the stream");
	bench_duckdb_exec(&d, "CREATE TABLE t AS SELECT * FROM arrow");
	bench_duckdb_exec(&d, "DROP VIEW arrow");
	bench_duckdb_exec(&d, "CHECKPOINT");
	bench_duckdb_close(&d);
	double seconds = bench_now() - start;
	if (answer) {
		bench_duckdb_open(&d, path, 1);
		bench_duckdb_query(&d, question, true);
		bench_duckdb_close(&d);
	}
	return seconds;
}

enum { STOA, DUCKDB };

static void prepare_in(const struct bench_case *c, const struct bench_entry *e)
{
	prepare_stoa(c, e);
	if (e->arg == DUCKDB)
		load_calls();
}

static void run_in(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path(e->arg == DUCKDB ? "arrow.duckdb" : "arrow.stoa");
	stoa_db *from = bench_stoa_open_threads(bench_stoa_lineitem(1), 1);
	stoa_txn *txn = bench_stoa_begin(from, STOA_READ);
	double seconds[REPEATS];
	struct arrays x;

	(void)c;
	if (e->arg == DUCKDB)
		load_calls();
	collect(&x, txn);
	for (int i = 0; i < REPEATS; i++) {
		bench_sync();
		seconds[i] = e->arg == DUCKDB ? duckdb_in(&x, path, i == 0) :
						stoa_in(&x, path, i == 0);
	}
	bench_metric("rate", "rows/s", BENCH_MORE,
		     (double)x.rows / bench_percentile(seconds, REPEATS, 0.5));
	bench_metric("disk", "B/row", BENCH_LESS, (double)bench_disk_bytes(path) / (double)x.rows);
	bench_remove(path);
	give_up(&x);
	stoa_abort(txn);
	bench_stoa_close(from);
}

/* ---- the cases ---- */

static const struct bench_entry outs[] = {
	{ "stoa", "durable database, n_threads 1, stoa_arrow_export()", prepare_stoa, run_stoa_out,
	  STOA },
	{ "duckdb", "file, threads=1, streaming result, duckdb_data_chunk_to_arrow()",
	  prepare_duckdb, run_duckdb_out, DUCKDB },
};

static const struct bench_entry ins[] = {
	{ "stoa", "durable database, defaults, stoa_arrow_import() and stoa_import_cursor()",
	  prepare_in, run_in, STOA },
	{ "duckdb", "file, threads=1, duckdb_arrow_scan(), CREATE TABLE AS, CHECKPOINT", prepare_in,
	  run_in, DUCKDB },
};

static const struct bench_target targets[] = {
	{ "rate", "duckdb", 1.0 },
};

const struct bench_case bench_arrow_cases[] = {
	{ "arrow-out", "lineitem's 8 columns of numbers as Arrow arrays, 1 thread", outs,
	  BENCH_COUNT(outs), targets, BENCH_COUNT(targets), 0 },
	{ "arrow-in", "2 million rows of Arrow arrays into a table", ins, BENCH_COUNT(ins),
	  targets, BENCH_COUNT(targets), 0 },
	{ 0 },
};
