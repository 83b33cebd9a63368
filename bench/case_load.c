/* SPDX-License-Identifier: MIT */
/*
 * case_load.c - CSV files into a durable database
 *
 * From an empty directory to a closed database: the table is made with its types, the file is
 * loaded, everything is checkpointed and synced. The CSV is in the page cache for everybody.
 * Peak memory is of all resident pages. Disk is what the file system has given. Then, not timed,
 * the database is opened again and asked for sums of each column, which must agree. load-cold goes
 * on to make all of the table cold, for the sake of its size.
 */
#include "bench.h"
#include "duckdb.h"
#include "ours.h"

#include <stdio.h>

enum { LINEITEM, FLIGHTS, PACKAGES };
#define THREADS 16 /* in a case's arg: LINEITEM + 2 * THREADS */

enum { AS_IT_COMES, ORDER_KEPT, UNORDERED, COOLED };

static const struct {
	const struct bench_schema *schema;
	const char *(*csv)(void);
} loads[] = {
	[LINEITEM] = { &bench_lineitem_schema, bench_lineitem_csv },
	[FLIGHTS] = { &bench_flights_schema, bench_flights_csv },
	[PACKAGES] = { &bench_packages_schema, bench_packages_csv },
};

static const struct bench_schema *schema_of(const struct bench_case *c)
{
	return loads[c->arg % THREADS].schema;
}

static const char *csv_of(const struct bench_case *c)
{
	return loads[c->arg % THREADS].csv();
}

static void prepare(const struct bench_case *c, const struct bench_entry *e)
{
	(void)e;
	csv_of(c);
}

static void report(double start, const char *csv, const char *path)
{
	double seconds = bench_now() - start;

	bench_metric("time", "s", BENCH_LESS, seconds);
	bench_metric("rate", "MB/s", BENCH_MORE, (double)bench_disk_bytes(csv) / 1e6 / seconds);
	bench_metric("peak memory", "MB", BENCH_LESS, (double)bench_rss_peak() / 1e6);
	bench_metric("disk", "MB", BENCH_LESS, (double)bench_disk_bytes(path) / 1e6);
}

/*
 * A query that says much about a column in few numbers, in the words of stoa or DuckDB. A text is
 * counted, measured in bytes, and its least and greatest value looked at.
 */
static const char *checksum_sql(const struct bench_schema *schema, size_t column, bool duckdb,
				char out[512])
{
	const struct stoa_slot *slot = &schema->slots[column];
	const char *of = "%s";
	char x[64];

	switch (slot->type) {
	case STOA_DATE:
		of = "(%s - DATE '1970-01-01')";
		break;
	case STOA_TIMESTAMP:
		of = duckdb ? "CAST(epoch(%s) AS BIGINT)" :
			      "CAST(extract(epoch FROM %s) AS BIGINT)";
		break;
	case STOA_STRING:
	case STOA_TEXT:
		of = duckdb ? "strlen(%s)" : "octet_length(%s)";
		break;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(x, sizeof(x), of, slot->name);
#pragma GCC diagnostic pop
	size_t len = (size_t)snprintf(
		out, 512,
		"SELECT count(%s) AS n, sum(%s) AS total, min(%s) AS least, max(%s) AS most",
		slot->name, x, x, x);
	if (slot->type == STOA_STRING || slot->type == STOA_TEXT)
		len += (size_t)snprintf(out + len, 512 - len,
					", substr(min(%s), 1, 16) AS first, "
					"substr(max(%s), 1, 16) AS last",
					slot->name, slot->name);
	snprintf(out + len, 512 - len, " FROM %s", schema->table);
	return out;
}

static void answer_stoa(const struct bench_schema *schema, const char *path)
{
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_READ);
	char sql[512];

	for (size_t i = 0; i < schema->n_slots; i++)
		bench_stoa_query(txn, checksum_sql(schema, i, false, sql), true);
	stoa_abort(txn);
	bench_stoa_close(db);
}

static void cool(stoa_db *db)
{
	struct stoa_gc_stats stats = STOA_GC_STATS_INIT;
	struct stoa_error err;

	bench_stoa_check(stoa_gc_cool(db, &stats, &err), &err);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	const struct bench_schema *schema = schema_of(c);
	const char *csv = csv_of(c);
	const char *path = bench_path("load.stoa");

	bench_remove(path);
	bench_read_through(csv);
	bench_sync();
	bench_rss_reset();
	double start = bench_now();
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	bench_stoa_create(txn, schema);
	bench_stoa_import(txn, schema->table, csv, (unsigned)c->arg / THREADS);
	bench_stoa_commit(txn);
	if (e->arg == COOLED)
		cool(db);
	bench_stoa_close(db);
	report(start, csv, path);
	answer_stoa(schema, path);
	bench_remove(path);
}

static void answer_duckdb(const struct bench_schema *schema, const char *path)
{
	struct bench_duckdb d;
	char sql[512];

	bench_duckdb_open(&d, path, 2);
	for (size_t i = 0; i < schema->n_slots; i++)
		bench_duckdb_query(&d, checksum_sql(schema, i, true, sql), true);
	bench_duckdb_close(&d);
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	const struct bench_schema *schema = schema_of(c);
	const char *csv = csv_of(c);
	const char *path = bench_path("load.duckdb");
	struct bench_duckdb d;

	bench_duckdb_load();
	bench_remove(path);
	bench_remove(bench_path("load.duckdb.wal"));
	bench_read_through(csv);
	bench_sync();
	bench_rss_reset();
	double start = bench_now();
	bench_duckdb_open(&d, path, c->arg / THREADS);
	bench_duckdb_exec(&d, "SET preserve_insertion_order = %s",
			  e->arg == UNORDERED ? "false" : "true");
	bench_duckdb_create(&d, schema);
	bench_duckdb_exec(&d,
			  "COPY %s FROM '%s' (FORMAT csv, HEADER true, DELIMITER ',', QUOTE "
			  "'\"', ESCAPE '\"')",
			  schema->table, csv);
	bench_duckdb_exec(&d, "CHECKPOINT");
	bench_duckdb_close(&d);
	report(start, csv, path);
	answer_duckdb(schema, path);
	bench_remove(path);
}

#define COPY_SETTINGS \
	"COPY into a typed table, dialect given, CHECKPOINT; order of rows kept (its default)"

static const struct bench_entry entries[] = {
	{ "stoa", "defaults", prepare, run_stoa, AS_IT_COMES },
	{ "duckdb", COPY_SETTINGS, prepare, run_duckdb, ORDER_KEPT },
	{ "duckdb-unordered", "the same with preserve_insertion_order = false", prepare, run_duckdb,
	  UNORDERED },
};

static const struct bench_entry cold_entries[] = {
	{ "stoa", "loaded, then stoa_gc_cool()", prepare, run_stoa, COOLED },
	{ "duckdb", COPY_SETTINGS, prepare, run_duckdb, ORDER_KEPT },
};

static const struct bench_target lineitem_targets[] = {
	{ "time", "duckdb", 8 },
	{ "time", "duckdb-unordered", 5 },
	{ "peak memory", NULL, 256 },
	{ "disk", "duckdb", 1 / 1.2 },
};

static const struct bench_target real_targets[] = {
	{ "time", "duckdb", 5 },
	{ "peak memory", NULL, 256 },
};

static const struct bench_target cold_targets[] = {
	{ "disk", "duckdb", 1 },
};

#define LOAD(name, title, what, threads, targets)                                          \
	{                                                                                  \
		name, title, entries, BENCH_COUNT(entries), targets, BENCH_COUNT(targets), \
			(what) + (threads)*THREADS                                         \
	}

const struct bench_case bench_load_cases[] = {
	LOAD("load-1", "lineitem CSV into a durable database, 1 thread", LINEITEM, 1,
	     lineitem_targets),
	LOAD("load-2", "lineitem CSV into a durable database, 2 threads", LINEITEM, 2,
	     lineitem_targets),
	LOAD("load-flights", "3 million real flights (at scale factor 1), CSV, 2 threads", FLIGHTS,
	     2, real_targets),
	LOAD("load-packages", "Debian's package index as CSV, 2 threads: messy text", PACKAGES, 2,
	     real_targets),
	{ "load-cold", "lineitem CSV into a durable database, and made cold, 2 threads", cold_entries,
	  BENCH_COUNT(cold_entries), cold_targets, BENCH_COUNT(cold_targets), LINEITEM + 2 * THREADS },
	{ 0 },
};
