/* SPDX-License-Identifier: MIT */
/*
 * case_query.c - queries over lineitem alone
 *
 * All peers read a durable database that is in the page cache, with one thread; stoa and DuckDB
 * with two in the cases that end in -2. A query runs once untimed, which also gives the answer that
 * must agree, then up to seven times within two seconds; the median counts. The text is the same
 * for all but for the word DATE before a date, which SQLite does not know: there a date is text in
 * the same form.
 */
#include "case_query.h"
#include "ask.h"
#include "bench.h"
#include "duckdb.h"
#include "ours.h"
#include "sqlite.h"
#include "tpch.h"

#include <string.h>

#define REPEATS_MAX 7

enum { Q1, Q6, GROUP, AVG, DISTINCT, TOP, EQUAL, LIKE, LIKE_FEW };
#define TWO_THREADS 0x100

static const char *const queries[] = {
	[Q1] = "SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, "
	       "sum(l_extendedprice) AS sum_base, "
	       "sum(l_extendedprice * (1 - l_discount)) AS sum_disc, "
	       "sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, "
	       "avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price, "
	       "avg(l_discount) AS avg_disc, count(*) AS n FROM lineitem "
	       "WHERE l_shipdate <= DATE '1998-09-02' GROUP BY l_returnflag, l_linestatus "
	       "ORDER BY l_returnflag, l_linestatus",
	[Q6] = "SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem "
	       "WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01' "
	       "AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24",
	[GROUP] = "SELECT l_shipmode, count(*) AS n, sum(l_quantity) AS qty FROM lineitem "
		  "GROUP BY l_shipmode ORDER BY l_shipmode",
	[AVG] = "SELECT l_shipmode, avg(l_extendedprice) AS price FROM lineitem "
		"GROUP BY l_shipmode ORDER BY l_shipmode",
	[DISTINCT] = "SELECT count(DISTINCT l_shipinstruct) AS n FROM lineitem",
	[TOP] = "SELECT l_orderkey, l_linenumber, l_extendedprice FROM lineitem "
		"ORDER BY l_extendedprice DESC, l_orderkey, l_linenumber LIMIT 10",
	[EQUAL] = "SELECT count(*) AS n FROM lineitem WHERE l_shipmode = 'AIR'",
	[LIKE] = "SELECT count(*) AS n FROM lineitem WHERE l_comment LIKE '%express%'",
	[LIKE_FEW] = "SELECT count(*) AS n FROM lineitem WHERE l_shipinstruct LIKE '%BACK%'",
};

static const char *query_of(const struct bench_case *c)
{
	return queries[c->arg & ~TWO_THREADS];
}

static int threads_of(const struct bench_case *c)
{
	return c->arg & TWO_THREADS ? 2 : 1;
}

/* @sql without the words DATE, into @out. */
static const char *without_date(const char *sql, char out[2048])
{
	char *p = out;

	while (*sql) {
		if (strncmp(sql, "DATE '", 6) == 0)
			sql += 5;
		*p++ = *sql++;
	}
	*p = 0;
	return out;
}

static void measure(bench_ask *ask, void *db, const char *sql)
{
	bench_metric("time", "ms", BENCH_LESS, 1e3 * bench_ask_seconds(ask, db, sql, REPEATS_MAX));
}

/* ---- stoa ---- */

static void prepare_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_stoa_lineitem(1);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	stoa_db *db = bench_stoa_open_threads(bench_stoa_lineitem(1), (uint32_t)threads_of(c));

	(void)e;
	measure(bench_ask_stoa, db, query_of(c));
	bench_stoa_close(db);
}

/* ---- DuckDB ---- */

static void fill_duckdb(struct bench_duckdb *d)
{
	bench_duckdb_create(d, &bench_lineitem_schema);
	bench_duckdb_exec(d, "COPY lineitem FROM '%s' (FORMAT csv, HEADER true, DELIMITER ',')",
			  bench_lineitem_csv());
}

const char *bench_duckdb_lineitem(void)
{
	return bench_duckdb_file("lineitem", fill_duckdb);
}

static void prepare_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_duckdb_lineitem();
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_duckdb d;

	(void)e;
	bench_duckdb_open(&d, bench_duckdb_lineitem(), threads_of(c));
	measure(bench_ask_duckdb, &d, query_of(c));
	bench_duckdb_close(&d);
}

/* ---- SQLite ---- */

static void bind_line(sqlite3_stmt *s, const struct tpch_line *l, const struct tpch_text *text)
{
	const int32_t dates[3] = { l->shipdate, l->commitdate, l->receiptdate };
	char date[3][10];

	sqlite3_bind_int64(s, 1, l->orderkey);
	sqlite3_bind_int(s, 2, l->partkey);
	sqlite3_bind_int(s, 3, l->suppkey);
	sqlite3_bind_int(s, 4, l->linenumber);
	sqlite3_bind_int(s, 5, l->quantity);
	sqlite3_bind_double(s, 6, (double)l->extendedprice / 100);
	sqlite3_bind_double(s, 7, l->discount / 100.0);
	sqlite3_bind_double(s, 8, l->tax / 100.0);
	sqlite3_bind_text(s, 9, &l->returnflag, 1, SQLITE_STATIC);
	sqlite3_bind_text(s, 10, &l->linestatus, 1, SQLITE_STATIC);
	for (int i = 0; i < 3; i++) {
		tpch_date(date[i], dates[i]);
		sqlite3_bind_text(s, 11 + i, date[i], 10, SQLITE_TRANSIENT);
	}
	sqlite3_bind_text(s, 14, tpch_shipinstruct[l->shipinstruct], -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 15, tpch_shipmode[l->shipmode], -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 16, text->bytes + l->comment.offset, (int)l->comment.len,
			  SQLITE_STATIC);
}

static void fill_sqlite(sqlite3 *db)
{
	sqlite3_stmt *s = bench_sqlite_prepare(
		db, "INSERT INTO lineitem VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	struct tpch_orders g;
	struct tpch_order o;
	struct tpch_text text;

	if (!tpch_text_init(&text))
		bench_die("no memory for the text of TPC-H");
	tpch_orders_init(&g, bench_config.sf, 0);
	while (tpch_orders_next(&g, &o)) {
		for (int i = 0; i < o.n_lines; i++) {
			bind_line(s, &o.lines[i], &text);
			bench_sqlite_run(s);
		}
	}
	sqlite3_finalize(s);
	tpch_text_release(&text);
}

const char *bench_sqlite_lineitem(void)
{
	const char *path = bench_path_sf("lineitem", "sqlite");

	if (bench_made(path))
		return path;
	bench_remove(path);
	sqlite3 *db = bench_sqlite_open(path);
	bench_sqlite_exec(db,
			  "CREATE TABLE lineitem(l_orderkey INTEGER, l_partkey INTEGER, "
			  "l_suppkey INTEGER, l_linenumber INTEGER, l_quantity INTEGER, "
			  "l_extendedprice REAL, l_discount REAL, l_tax REAL, l_returnflag TEXT, "
			  "l_linestatus TEXT, l_shipdate TEXT, l_commitdate TEXT, "
			  "l_receiptdate TEXT, l_shipinstruct TEXT, l_shipmode TEXT, "
			  "l_comment TEXT); BEGIN");
	fill_sqlite(db);
	bench_sqlite_exec(db, "COMMIT");
	bench_sqlite_close(db);
	bench_note_made(path, false);
	return path;
}

static void prepare_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_sqlite_lineitem();
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = bench_sqlite_open(bench_sqlite_lineitem());
	char sql[2048];

	(void)e;
	bench_sqlite_exec(db, "PRAGMA mmap_size = 2000000000; PRAGMA case_sensitive_like = ON");
	measure(bench_ask_sqlite, db, without_date(query_of(c), sql));
	bench_sqlite_close(db);
}

static const struct bench_entry entries[] = {
	{ "stoa", "durable database", prepare_stoa, run_stoa, 0 },
	{ "duckdb", "file", prepare_duckdb, run_duckdb, 0 },
	{ "sqlite", "file mapped (mmap_size), case_sensitive_like, prices as REAL, dates as TEXT",
	  prepare_sqlite, run_sqlite, 0 },
};

#define N_DUCKDB 2	/* of the entries, those that use threads */

static const struct bench_target fast[] = { { "time", "duckdb", 1 } };
static const struct bench_target faster[] = { { "time", "duckdb", 5 } };

#define QUERY_CASE(name, title, query, targets)                                                  \
	{ name, title ", 1 thread", entries, BENCH_COUNT(entries), targets, 1, query },              \
	{ name "-2", title ", 2 threads", entries, N_DUCKDB, targets, 1, query | TWO_THREADS }

const struct bench_case bench_query_cases[] = {
	QUERY_CASE("q1", "TPC-H Q1 over lineitem", Q1, fast),
	QUERY_CASE("q6", "TPC-H Q6 over lineitem", Q6, faster),
	QUERY_CASE("group", "lineitem by l_shipmode: count and sum", GROUP, fast),
	QUERY_CASE("avg", "lineitem by l_shipmode: avg", AVG, fast),
	QUERY_CASE("distinct", "how many l_shipinstruct", DISTINCT, fast),
	QUERY_CASE("top", "the 10 dearest lineitems", TOP, fast),
	QUERY_CASE("equal", "lineitems with l_shipmode = 'AIR'", EQUAL, fast),
	QUERY_CASE("like-few", "lineitems with l_shipinstruct LIKE '%BACK%'", LIKE_FEW, fast),
	{ 0 },
};

/* Of mostly distinct strings: it has a figure of its own, and no part in the mean of the others. */
const struct bench_case bench_like_cases[] = {
	QUERY_CASE("like", "lineitems with l_comment LIKE '%express%'", LIKE, fast),
	{ 0 },
};

bool bench_is_query(const struct bench_case *c)
{
	return c >= bench_query_cases && c < bench_query_cases + BENCH_COUNT(bench_query_cases);
}
