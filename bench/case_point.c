/* SPDX-License-Identifier: MIT */
/*
 * case_point.c - whole rows of orders by their number, one by one or many in a call, in one read
 * transaction
 *
 * Row n of the table is order n. Every peer reads the same random rows, all nine values of each,
 * and copies them into a struct of the caller's, strings included: what borrows from the database
 * is no use past the next call. A pass that is not timed comes first. LMDB holds rows as a C
 * program would pack them by hand: fixed fields, then four strings with their lengths; so does
 * RocksDB.
 */
#include "bench.h"
#include "ours.h"
#include "rocksdb.h"
#include "sqlite.h"
#include "tpch.h"

#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LOOKUPS 1000000
#define MANY 100	/* rows in a call */

/* What the caller ends up with. */
struct order {
	int64_t orderkey, totalprice;
	int32_t custkey, orderdate, shippriority;
	uint8_t status_len, priority_len, clerk_len, comment_len;
	char status[4], priority[16], clerk[20], comment[80];
};

static double sum_of(const struct order *o)
{
	return (double)(o->orderkey + o->totalprice + o->custkey + o->orderdate) +
	       o->shippriority + o->status[0] + o->priority[0] + o->clerk[o->clerk_len - 1] +
	       o->comment_len + o->comment[0];
}

/* Has @read read MANY random rows again and again; answers with a sum over all values read. */
static void measure_many(void (*read)(void *db, const uint64_t *numbers, struct order *out), void *db)
{
	uint64_t n_rows = bench_orders_count(), numbers[MANY];
	struct order orders[MANY];
	double sum = 0;
	double start = 0;

	for (int pass = 0; pass < 2; pass++) {
		uint64_t state = bench_config.seed;
		int n = pass ? LOOKUPS : LOOKUPS / 4;

		start = bench_now();
		for (int i = 0; i < n; i += MANY) {
			for (int k = 0; k < MANY; k++)
				numbers[k] = bench_random(&state) % n_rows + 1;
			read(db, numbers, orders);
			for (int k = 0; pass && k < MANY; k++)
				sum += sum_of(&orders[k]);
		}
	}
	bench_metric("reads", "1/s", BENCH_MORE, LOOKUPS / (bench_now() - start));
	bench_answer_number(sum);
}

struct one_by_one {
	void (*read)(void *db, uint64_t number, struct order *out);
	void *db;
};

static void read_each(void *db, const uint64_t *numbers, struct order *out)
{
	const struct one_by_one *o = db;

	for (int k = 0; k < MANY; k++)
		o->read(o->db, numbers[k], &out[k]);
}

/* The same with a call of @read for each row. */
static void measure(void (*read)(void *db, uint64_t number, struct order *out), void *db)
{
	struct one_by_one o = { read, db };

	measure_many(read_each, &o);
}

/* ---- stoa ---- */

struct ours {
	stoa_txn *txn;
	stoa_table table;
};

static uint8_t copy_string(char *to, const struct stoa_value *v)
{
	memcpy(to, v->p, v->len);
	return (uint8_t)v->len;
}

static void take_row(const struct stoa_value *v, struct order *o)
{
	o->orderkey = v[0].i;
	o->custkey = (int32_t)v[1].i;
	o->status_len = copy_string(o->status, &v[2]);
	o->totalprice = v[3].i;
	o->orderdate = (int32_t)v[4].i;
	o->priority_len = copy_string(o->priority, &v[5]);
	o->clerk_len = copy_string(o->clerk, &v[6]);
	o->shippriority = (int32_t)v[7].i;
	o->comment_len = copy_string(o->comment, &v[8]);
}

static void read_stoa(void *db, uint64_t number, struct order *o)
{
	struct ours *s = db;
	struct stoa_value v[9];
	struct stoa_error err;
	int rc = stoa_get(s->txn, s->table, number, v, 9, &err);

	if (rc < 0)
		bench_stoa_check(rc, &err);
	take_row(v, o);
}

static void read_stoa_many(void *db, const uint64_t *numbers, struct order *out)
{
	static struct stoa_value v[9 * MANY];
	struct ours *s = db;
	struct stoa_error err;
	int rc = stoa_get_many(s->txn, s->table, numbers, MANY, v, 9, NULL, &err);

	if (rc < 0)
		bench_stoa_check(rc, &err);
	for (int k = 0; k < MANY; k++)
		take_row(v + 9 * k, &out[k]);
}

static void prepare_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	(void)e;
	bench_stoa_orders();
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	stoa_db *db = bench_stoa_open(bench_stoa_orders());
	struct ours s = { bench_stoa_begin(db, STOA_READ), 0 };

	(void)e;
	s.table = bench_stoa_table(s.txn, "orders");
	if (c->arg)
		measure_many(read_stoa_many, &s);
	else
		measure(read_stoa, &s);
	stoa_abort(s.txn);
	bench_stoa_close(db);
}

/* ---- SQLite ---- */

static const char *sqlite_path(void)
{
	return bench_path_sf("orders", "sqlite");
}

static void bind_order(sqlite3_stmt *s, const struct tpch_order *o, const struct tpch_text *text)
{
	char clerk[24];
	int len = snprintf(clerk, sizeof(clerk), "Clerk#%09d", o->clerk);

	sqlite3_bind_int64(s, 1, o->orderkey);
	sqlite3_bind_int(s, 2, o->custkey);
	sqlite3_bind_text(s, 3, &o->orderstatus, 1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 4, o->totalprice);
	sqlite3_bind_int(s, 5, o->orderdate);
	sqlite3_bind_text(s, 6, tpch_orderpriority[o->orderpriority], -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 7, clerk, len, SQLITE_TRANSIENT);
	sqlite3_bind_int(s, 8, o->shippriority);
	sqlite3_bind_text(s, 9, text->bytes + o->comment.offset, (int)o->comment.len,
			  SQLITE_STATIC);
}

static void prepare_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = sqlite_path();
	struct tpch_orders g;
	struct tpch_order o;
	struct tpch_text text;

	(void)c;
	(void)e;
	if (bench_made(path))
		return;
	bench_remove(path);
	if (!tpch_text_init(&text))
		bench_die("no memory for the text of TPC-H");
	sqlite3 *db = bench_sqlite_open(path);
	bench_sqlite_exec(db, "CREATE TABLE orders(n INTEGER PRIMARY KEY, o_orderkey, o_custkey, "
			      "o_orderstatus, o_totalprice, o_orderdate, o_orderpriority, o_clerk, "
			      "o_shippriority, o_comment); BEGIN");
	sqlite3_stmt *s = bench_sqlite_prepare(
		db, "INSERT INTO orders VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	tpch_orders_init(&g, bench_config.sf, 0);
	while (tpch_orders_next(&g, &o)) {
		bind_order(s, &o, &text);
		bench_sqlite_run(s);
	}
	sqlite3_finalize(s);
	bench_sqlite_exec(db, "COMMIT");
	bench_sqlite_close(db);
	bench_note_made(path, false);
}

static uint8_t copy_column(char *to, sqlite3_stmt *s, int i)
{
	int len = sqlite3_column_bytes(s, i);

	memcpy(to, sqlite3_column_text(s, i), (size_t)len);
	return (uint8_t)len;
}

static void read_sqlite(void *db, uint64_t number, struct order *o)
{
	sqlite3_stmt *s = db;

	sqlite3_bind_int64(s, 1, (int64_t)number);
	if (!bench_sqlite_row(s))
		bench_die("SQLite has no row %llu", (unsigned long long)number);
	o->orderkey = sqlite3_column_int64(s, 0);
	o->custkey = sqlite3_column_int(s, 1);
	o->status_len = copy_column(o->status, s, 2);
	o->totalprice = sqlite3_column_int64(s, 3);
	o->orderdate = sqlite3_column_int(s, 4);
	o->priority_len = copy_column(o->priority, s, 5);
	o->clerk_len = copy_column(o->clerk, s, 6);
	o->shippriority = sqlite3_column_int(s, 7);
	o->comment_len = copy_column(o->comment, s, 8);
	sqlite3_reset(s);
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = bench_sqlite_open(sqlite_path());

	(void)c;
	(void)e;
	bench_sqlite_exec(db, "PRAGMA mmap_size = 2000000000; PRAGMA cache_size = -262144; BEGIN");
	sqlite3_stmt *s = bench_sqlite_prepare(
		db, "SELECT o_orderkey, o_custkey, o_orderstatus, o_totalprice, o_orderdate, "
		    "o_orderpriority, o_clerk, o_shippriority, o_comment FROM orders WHERE n = ?");
	measure(read_sqlite, s);
	sqlite3_finalize(s);
	bench_sqlite_exec(db, "COMMIT");
	bench_sqlite_close(db);
}

/* ---- LMDB ---- */

static void check_lmdb(int rc)
{
	if (rc != 0)
		bench_die("LMDB: %s", mdb_strerror(rc));
}

struct lmdb {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

static const char *lmdb_path(void)
{
	return bench_path_sf("orders", "lmdb");
}

static void open_lmdb(struct lmdb *m, unsigned flags)
{
	check_lmdb(mdb_env_create(&m->env));
	check_lmdb(mdb_env_set_mapsize(m->env, (size_t)16 << 30));
	check_lmdb(mdb_env_open(m->env, lmdb_path(), flags | MDB_NOSUBDIR | MDB_NORDAHEAD, 0666));
	check_lmdb(mdb_txn_begin(m->env, NULL, flags & MDB_RDONLY, &m->txn));
	check_lmdb(mdb_dbi_open(m->txn, NULL, MDB_INTEGERKEY, &m->dbi));
}

/* The fixed fields as they lie at the start of a packed row. */
struct packed {
	int64_t orderkey, totalprice;
	int32_t custkey, orderdate, shippriority;
	uint8_t status_len, priority_len, clerk_len, comment_len;
};
_Static_assert(sizeof(struct packed) == 32, "no padding in what is stored");

static char *append(char *p, const char *s, size_t len)
{
	memcpy(p, s, len);
	return p + len;
}

static size_t pack(char *row, const struct tpch_order *o, const struct tpch_text *text)
{
	const char *priority = tpch_orderpriority[o->orderpriority];
	char clerk[24];
	int clerk_len = snprintf(clerk, sizeof(clerk), "Clerk#%09d", o->clerk);
	struct packed f = { o->orderkey,
			    o->totalprice,
			    o->custkey,
			    o->orderdate,
			    o->shippriority,
			    1,
			    (uint8_t)strlen(priority),
			    (uint8_t)clerk_len,
			    (uint8_t)o->comment.len };
	char *p = append(row, (const char *)&f, sizeof(f));

	p = append(p, &o->orderstatus, 1);
	p = append(p, priority, f.priority_len);
	p = append(p, clerk, f.clerk_len);
	p = append(p, text->bytes + o->comment.offset, o->comment.len);
	return (size_t)(p - row);
}

static void prepare_lmdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct tpch_orders g;
	struct tpch_order o;
	struct tpch_text text;
	struct lmdb m;
	char row[512];

	(void)c;
	(void)e;
	if (bench_made(lmdb_path()))
		return;
	bench_remove(lmdb_path());
	if (!tpch_text_init(&text))
		bench_die("no memory for the text of TPC-H");
	open_lmdb(&m, 0);
	tpch_orders_init(&g, bench_config.sf, 0);
	for (uint64_t number = 1; tpch_orders_next(&g, &o); number++) {
		MDB_val key = { sizeof(number), &number };
		MDB_val value = { pack(row, &o, &text), row };

		check_lmdb(mdb_put(m.txn, m.dbi, &key, &value, MDB_APPEND));
	}
	check_lmdb(mdb_txn_commit(m.txn));
	mdb_env_close(m.env);
	bench_note_made(lmdb_path(), false);
}

static const char *unpack(char *to, const char *p, size_t len)
{
	memcpy(to, p, len);
	return p + len;
}

static void unpack_row(const char *p, struct order *o)
{
	struct packed f;

	memcpy(&f, p, sizeof(f));
	o->orderkey = f.orderkey;
	o->custkey = f.custkey;
	o->totalprice = f.totalprice;
	o->orderdate = f.orderdate;
	o->shippriority = f.shippriority;
	o->status_len = f.status_len;
	o->priority_len = f.priority_len;
	o->clerk_len = f.clerk_len;
	o->comment_len = f.comment_len;
	p += sizeof(f);
	p = unpack(o->status, p, f.status_len);
	p = unpack(o->priority, p, f.priority_len);
	p = unpack(o->clerk, p, f.clerk_len);
	unpack(o->comment, p, f.comment_len);
}

static void read_lmdb(void *db, uint64_t number, struct order *o)
{
	struct lmdb *m = db;
	MDB_val key = { sizeof(number), &number };
	MDB_val value;

	check_lmdb(mdb_get(m->txn, m->dbi, &key, &value));
	unpack_row(value.mv_data, o);
}

static void run_lmdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct lmdb m;

	(void)c;
	(void)e;
	open_lmdb(&m, MDB_RDONLY);
	measure(read_lmdb, &m);
	mdb_txn_abort(m.txn);
	mdb_env_close(m.env);
}

/* ---- RocksDB: the same packed rows ---- */

#define ROCKSDB_CACHE ((size_t)1 << 30) /* all of it at scale factor 1 */

static const char *rocksdb_path(void)
{
	return bench_path_sf("orders", "rocksdb");
}

static void prepare_rocksdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_rocksdb r;
	struct tpch_orders g;
	struct tpch_order o;
	struct tpch_text text;
	char row[512];

	(void)c;
	(void)e;
	if (bench_made(rocksdb_path()))
		return;
	bench_remove(rocksdb_path());
	bench_rocksdb_open(&r, rocksdb_path(), ROCKSDB_CACHE);
	bench_rocksdb_sync(&r, false);
	if (!tpch_text_init(&text))
		bench_die("no memory for the text of TPC-H");
	tpch_orders_init(&g, bench_config.sf, 0);
	for (uint64_t number = 1; tpch_orders_next(&g, &o); number++)
		bench_rocksdb_put(&r, number, row, pack(row, &o, &text));
	bench_rocksdb_compact(&r);
	bench_rocksdb_close(&r);
	bench_note_made(rocksdb_path(), false);
}

static void read_rocksdb(void *db, uint64_t number, struct order *o)
{
	void *slice;

	unpack_row(bench_rocksdb_get(db, number, &slice), o);
	bench_rocksdb_done(slice);
}

static void run_rocksdb(const struct bench_case *c, const struct bench_entry *e)
{
	struct bench_rocksdb r;

	(void)c;
	(void)e;
	bench_rocksdb_open(&r, rocksdb_path(), ROCKSDB_CACHE);
	measure(read_rocksdb, &r);
	bench_rocksdb_close(&r);
}

static const struct bench_entry entries[] = {
	{ "stoa", "durable database, stoa_get(), or stoa_get_many() of 100 rows", prepare_stoa, run_stoa, 0 },
	{ "sqlite",
	  "INTEGER PRIMARY KEY, prepared statement, file mapped (mmap_size), cache_size 256 MiB",
	  prepare_sqlite, run_sqlite, 0 },
	{ "lmdb", "MDB_INTEGERKEY, packed rows, MDB_NORDAHEAD", prepare_lmdb, run_lmdb, 0 },
	{ "rocksdb", "packed rows, compacted, block cache 1 GiB, get_pinned()", prepare_rocksdb,
	  run_rocksdb, 0 },
};

static const struct bench_target targets[] = {
	{ "reads", "sqlite", 10 },
	{ "reads", "lmdb", 4 },
};

const struct bench_case bench_point_cases[] = {
	{ "point-read", "whole rows of orders by rowid, in one read transaction", entries,
	  BENCH_COUNT(entries), targets, BENCH_COUNT(targets), 0 },
	{ "point-many", "the same, 100 rows in a call where the library has one for it", entries,
	  BENCH_COUNT(entries), targets, BENCH_COUNT(targets), 1 },
	{ 0 },
};
