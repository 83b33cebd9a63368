/* SPDX-License-Identifier: MIT */
/*
 * case_load.c - lineitem from CSV into a durable database
 *
 * From an empty directory to a closed database: the table is made with its types, the file is
 * loaded, everything is checkpointed and synced. The CSV is in the page cache for everybody.
 * Peak memory is of all resident pages. Disk is what the file system has given.
 */
#include "bench.h"
#include "duckdb.h"
#include "ours.h"

#define LINEITEM_TYPES                                                                          \
	"l_orderkey BIGINT NOT NULL, l_partkey INTEGER NOT NULL, l_suppkey INTEGER NOT NULL, "  \
	"l_linenumber INTEGER NOT NULL, l_quantity DECIMAL(15,2) NOT NULL, "                    \
	"l_extendedprice DECIMAL(15,2) NOT NULL, l_discount DECIMAL(15,2) NOT NULL, "           \
	"l_tax DECIMAL(15,2) NOT NULL, l_returnflag VARCHAR NOT NULL, "                         \
	"l_linestatus VARCHAR NOT NULL, l_shipdate DATE NOT NULL, l_commitdate DATE NOT NULL, " \
	"l_receiptdate DATE NOT NULL, l_shipinstruct VARCHAR NOT NULL, "                        \
	"l_shipmode VARCHAR NOT NULL, l_comment VARCHAR NOT NULL"

enum { ORDER_KEPT, UNORDERED };

static void prepare(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_lineitem_csv();
}

static void report(double start, const char *csv, const char *path)
{
	double seconds = bench_now() - start;

	bench_metric("time", "s", BENCH_LESS, seconds);
	bench_metric("rate", "MB/s", BENCH_MORE, (double)bench_disk_bytes(csv) / 1e6 / seconds);
	bench_metric("peak memory", "MB", BENCH_LESS, (double)bench_rss_peak() / 1e6);
	bench_metric("disk", "MB", BENCH_LESS, (double)bench_disk_bytes(path) / 1e6);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	const char *csv = bench_lineitem_csv();
	const char *path = bench_path("load.stoa");

	(void)e;
	bench_remove(path);
	bench_read_through(csv);
	bench_sync();
	bench_rss_reset();
	double start = bench_now();
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	bench_stoa_create_lineitem(txn);
	uint64_t rows = bench_stoa_import(txn, "lineitem", csv, (unsigned)c->arg);
	bench_stoa_commit(txn);
	bench_stoa_close(db);
	report(start, csv, path);
	bench_answer_number((double)rows);
	bench_answer_row();
	bench_remove(path);
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	const char *csv = bench_lineitem_csv();
	const char *path = bench_path("load.duckdb");
	struct bench_duckdb d;

	bench_duckdb_load();
	bench_remove(path);
	bench_remove(bench_path("load.duckdb.wal"));
	bench_read_through(csv);
	bench_sync();
	bench_rss_reset();
	double start = bench_now();
	bench_duckdb_open(&d, path, c->arg);
	bench_duckdb_exec(&d, "SET preserve_insertion_order = %s",
			  e->arg == UNORDERED ? "false" : "true");
	bench_duckdb_exec(&d, "CREATE TABLE lineitem(" LINEITEM_TYPES ")");
	bench_duckdb_exec(&d, "COPY lineitem FROM '%s' (FORMAT csv, HEADER true, DELIMITER ',')",
			  csv);
	bench_duckdb_exec(&d, "CHECKPOINT");
	bench_duckdb_close(&d);
	report(start, csv, path);
	bench_duckdb_open(&d, path, c->arg);
	bench_duckdb_query(&d, "SELECT count(*) FROM lineitem", true);
	bench_duckdb_close(&d);
	bench_remove(path);
}

static const struct bench_entry entries[] = {
	{ "stoa", "defaults", prepare, run_stoa, 0 },
	{ "duckdb", "COPY into a typed table, CHECKPOINT; order of rows kept (its default)",
	  prepare, run_duckdb, ORDER_KEPT },
	{ "duckdb-unordered", "the same with preserve_insertion_order = false", prepare, run_duckdb,
	  UNORDERED },
};

static const struct bench_target targets[] = {
	{ "time", "duckdb", 1 },
	{ "time", "duckdb-unordered", 1 },
	{ "peak memory", NULL, 512 },
	{ "disk", "duckdb", 1 / 1.25 },
};

const struct bench_case bench_load_cases[] = {
	{ "load-1", "lineitem CSV into a durable database, 1 thread", entries, BENCH_COUNT(entries),
	  targets, BENCH_COUNT(targets), 1 },
	{ "load-2", "lineitem CSV into a durable database, 2 threads", entries,
	  BENCH_COUNT(entries), targets, BENCH_COUNT(targets), 2 },
	{ 0 },
};
