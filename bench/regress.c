/* SPDX-License-Identifier: MIT */
/*
 * regress.c - stoa-regress NAME: a small fixed workload whose instructions are counted
 *
 * Run by regress.sh under callgrind, which starts counting where a workload calls count_begin()
 * and stops at count_end(): what comes before is preparation. Time says little on a busy machine;
 * instructions are the same to a fraction of a percent, as long as compiler, C library and the
 * choice among vector code are the same; regress.sh sees to those. Only the calling thread is
 * counted. Without valgrind the workloads just run.
 *
 *     stoa-regress --list        the workloads
 *     stoa-regress --about       what the counts depend on: compiler, C library, machine
 *     stoa-regress NAME          in the current directory, where it makes regress.stoa and .csv
 *
 * One thread works, and data come from a fixed sequence, so that every run does the same.
 */
#include "../lib/stoa.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#if defined(__has_include)
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif
#endif
#ifndef CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_TOGGLE_COLLECT
#endif

#define PATH "regress.stoa"
#define CSV "regress.csv"

#define SINGLES 2000 /* inserts, updates, deletes, gets */
#define CSV_ROWS 5000
#define TABLE_ROWS 200000 /* three full row groups and a part */

static void count_begin(void)
{
	CALLGRIND_TOGGLE_COLLECT;
}

static void count_end(void)
{
	CALLGRIND_TOGGLE_COLLECT;
}

static void check(int rc, const struct stoa_error *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "stoa-regress: %s: %s\n", stoa_result_name(rc), err->text);
	exit(1);
}

/* ---- the database ---- */

static const struct stoa_slot slots[] = {
	{ .name = "id", .type = STOA_I64, .flags = STOA_NOT_NULL },
	{ .name = "price", .type = STOA_F64 },
	{ .name = "quantity", .type = STOA_I32, .flags = STOA_NOT_NULL },
	{ .name = "name", .type = STOA_STRING, .flags = STOA_NOT_NULL },
	{ .name = "day", .type = STOA_DATE, .flags = STOA_NOT_NULL },
};
#define N_SLOTS (sizeof(slots) / sizeof(slots[0]))

/* Row @i: every column with another pattern. */
struct row {
	int64_t id;
	double price;
	int32_t quantity;
	int32_t day;
	char name[16];
};

static void make_row(int64_t i, struct row *out)
{
	uint64_t z = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z ^= z >> 27;
	out->id = i;
	out->price = (double)(z % 1000000) / 100;
	out->quantity = (int32_t)(z >> 40) & 63;
	out->day = 18000 + (int32_t)(i / 100);
	snprintf(out->name, sizeof(out->name), "product-%03u", (unsigned)(z >> 32) % 500);
}

/*
 * One thread, and no collector: what others took of a query would not be counted, and writers do
 * again what a collection took, more or less of it each time.
 */
static stoa_db *open_db(const char *path)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	stoa_db *db;

	options.n_threads = 1;
	check(stoa_open(path, &options, &db, &err), &err);
	check(stoa_gc_enable(db, false, &err), &err);
	return db;
}

static void close_db(stoa_db *db)
{
	struct stoa_error err;

	check(stoa_close(db, &err), &err);
}

static stoa_txn *begin(stoa_db *db, unsigned flags)
{
	struct stoa_error err;
	stoa_txn *txn;

	check(stoa_begin(db, flags, &txn, &err), &err);
	return txn;
}

static void commit(stoa_txn *txn)
{
	struct stoa_error err;

	check(stoa_commit(txn, &err), &err);
}

static stoa_table create(stoa_txn *txn)
{
	struct stoa_error err;
	stoa_table table;

	check(stoa_table_create(txn, "item", slots, N_SLOTS, &table, &err), &err);
	return table;
}

#define APPEND_ROWS 2000

/* Appends rows 0 to TABLE_ROWS - 1; with @count the library's part of it is counted. */
static void append(stoa_txn *txn, stoa_table table, bool count)
{
	static struct row r[APPEND_ROWS];
	static int64_t id[APPEND_ROWS];
	static double price[APPEND_ROWS];
	static int32_t quantity[APPEND_ROWS], day[APPEND_ROWS];
	static struct stoa_bytes name[APPEND_ROWS];
	const struct stoa_array columns[N_SLOTS] = {
		{ STOA_I64, 0, id, NULL },       { STOA_F64, 0, price, NULL },
		{ STOA_I32, 0, quantity, NULL }, { STOA_STRING, 0, name, NULL },
		{ STOA_DATE, 0, day, NULL },
	};
	struct stoa_error err;
	stoa_appender *app;

	check(stoa_appender_open(txn, table, &app, &err), &err);
	for (int64_t first = 0; first < TABLE_ROWS; first += APPEND_ROWS) {
		for (int i = 0; i < APPEND_ROWS; i++) {
			make_row(first + i, &r[i]);
			id[i] = r[i].id;
			price[i] = r[i].price;
			quantity[i] = r[i].quantity;
			name[i] = (struct stoa_bytes){ r[i].name, (uint32_t)strlen(r[i].name) };
			day[i] = r[i].day;
		}
		if (count)
			count_begin();
		check(stoa_append(app, columns, N_SLOTS, APPEND_ROWS, &err), &err);
		if (count)
			count_end();
	}
	if (count)
		count_begin();
	check(stoa_appender_close(app, &err), &err);
	if (count)
		count_end();
}

/* A new durable database, or one in memory (@path NULL), with the full table. */
static stoa_db *full_db(const char *path)
{
	stoa_db *db = open_db(path);
	stoa_txn *txn = begin(db, STOA_WRITE);

	append(txn, create(txn), false);
	commit(txn);
	return db;
}

/* ---- single rows ---- */

enum single { INSERT, UPDATE, DELETE, GET };

static stoa_rowid some_row(int i)
{
	return 1 + (uint64_t)i * 7919 % TABLE_ROWS; /* a prime: no row twice */
}

/* In a transaction of its own, whose begin and commit are counted, too. */
static void one_row(stoa_db *db, stoa_table table, enum single what, int i)
{
	static const uint32_t changed[] = { 1, 2 };
	struct stoa_value v[N_SLOTS];
	struct stoa_error err;
	struct row r;

	make_row(TABLE_ROWS + i, &r);
	v[0] = stoa_i64(r.id);
	v[1] = stoa_f64(r.price);
	v[2] = stoa_i64(r.quantity);
	v[3] = stoa_text(r.name);
	v[4] = (struct stoa_value){ .type = STOA_DATE, .i = r.day };
	count_begin();
	stoa_txn *txn = begin(db, what == GET ? STOA_READ : STOA_WRITE);
	switch (what) {
	case INSERT:
		check(stoa_insert(txn, table, v, N_SLOTS, NULL, &err), &err);
		break;
	case UPDATE:
		check(stoa_update(txn, table, some_row(i), changed, v + 1, 2, &err), &err);
		break;
	case DELETE:
		check(stoa_delete(txn, table, some_row(i), &err), &err);
		break;
	case GET:
		check(stoa_get(txn, table, some_row(i), v, N_SLOTS, &err), &err);
		break;
	}
	if (what == GET)
		stoa_abort(txn);
	else
		commit(txn);
	count_end();
}

static void singles(enum single what)
{
	stoa_db *db = full_db(NULL);
	struct stoa_error err;
	stoa_table table;

	stoa_txn *txn = begin(db, STOA_READ);
	check(stoa_table_find(txn, "item", &table, &err), &err);
	stoa_abort(txn);
	for (int i = 0; i < SINGLES; i++)
		one_row(db, table, what, i);
	close_db(db);
}

static void run_insert(void)
{
	singles(INSERT);
}

static void run_update(void)
{
	singles(UPDATE);
}

static void run_delete(void)
{
	singles(DELETE);
}

static void run_get(void)
{
	singles(GET);
}

/* ---- jobs ---- */

#define JOBS 10000
#define JOBS_BATCH 1000

static void push_jobs(stoa_txn *txn, stoa_table table, stoa_index order, int first)
{
	char payload[100];
	struct stoa_error err;

	memset(payload, 'x', sizeof(payload));
	for (int i = 0; i < JOBS_BATCH; i++) {
		struct stoa_value v = stoa_bytes_value(STOA_BLOB, payload, sizeof(payload));

		payload[i % 100] = (char)(first + i);
		check(stoa_deque_push(txn, table, order, STOA_BACK, &v, 1, NULL, &err), &err);
	}
}

static void pop_jobs(stoa_txn *txn, stoa_table table, stoa_index order)
{
	struct stoa_error err;
	struct stoa_value v;

	for (int i = 0; i < JOBS_BATCH; i++)
		check(stoa_deque_pop(txn, table, order, NULL, STOA_FRONT, &v, 1, NULL, &err), &err);
}

/* A queue filled, and emptied where @pop, with what that takes in the log; the last is counted. */
static void run_jobs(bool pop)
{
	static const struct stoa_slot slot = { .name = "payload", .type = STOA_BLOB };
	struct stoa_index_options options = STOA_INDEX_OPTIONS_INIT;
	stoa_db *db = open_db(PATH);
	struct stoa_error err;
	stoa_table table;
	stoa_index order;

	stoa_txn *txn = begin(db, STOA_WRITE);
	options.kind = STOA_INDEX_DEQUE;
	check(stoa_table_create(txn, "jobs", &slot, 1, &table, &err), &err);
	check(stoa_index_create(txn, table, &options, &order, &err), &err);
	commit(txn);
	for (int turn = 0; turn <= (int)pop; turn++) {
		if (turn == (int)pop)
			count_begin();
		for (int i = 0; i < JOBS; i += JOBS_BATCH) {
			txn = begin(db, STOA_WRITE);
			check(stoa_set_durability(txn, STOA_NONE, &err), &err);
			if (turn)
				pop_jobs(txn, table, order);
			else
				push_jobs(txn, table, order, i);
			commit(txn);
		}
	}
	count_end();
	close_db(db);
}

static void run_push(void)
{
	run_jobs(false);
}

static void run_pop(void)
{
	run_jobs(true);
}

/* ---- many rows ---- */

static void run_append(void)
{
	stoa_db *db = open_db(PATH);
	stoa_txn *txn = begin(db, STOA_WRITE);

	append(txn, create(txn), true);
	count_begin();
	commit(txn);
	count_end();
	close_db(db);
}

static void write_csv(void)
{
	FILE *f = fopen(CSV, "we");
	struct row r;

	if (!f) {
		perror(CSV);
		exit(1);
	}
	fputs("id,price,quantity,name,day\n", f);
	for (int i = 0; i < CSV_ROWS; i++) {
		make_row(i, &r);
		fprintf(f, "%lld,%.2f,%d,\"%s, %s\",2024-%02d-%02d\n", (long long)r.id, r.price,
			r.quantity, r.name, i % 7 ? "new" : "used \"\"once\"\"", 1 + i % 12,
			1 + i % 28);
	}
	if (fclose(f) != 0) {
		perror(CSV);
		exit(1);
	}
}

static void run_csv(void)
{
	struct stoa_csv_options options = STOA_CSV_OPTIONS_INIT;
	stoa_db *db = open_db(PATH);
	struct stoa_error err;

	options.n_threads = 1;
	write_csv();
	stoa_txn *txn = begin(db, STOA_WRITE);
	count_begin();
	check(stoa_import_csv(txn, "item", CSV, &options, NULL, &err), &err);
	commit(txn);
	count_end();
	close_db(db);
}

static void run_scan(void)
{
	stoa_db *db = full_db(NULL);
	stoa_txn *txn = begin(db, STOA_READ);
	struct stoa_batch batch;
	struct stoa_error err;
	stoa_table table;
	stoa_cursor *cur;
	int rc;

	check(stoa_table_find(txn, "item", &table, &err), &err);
	count_begin();
	check(stoa_scan(txn, table, NULL, 0, &cur, &err), &err);
	while ((rc = stoa_next_batch(cur, &batch, &err)) == STOA_ROW)
		;
	check(rc, &err);
	stoa_cursor_close(cur);
	count_end();
	stoa_abort(txn);
	close_db(db);
}

static void run_query(const char *sql)
{
	stoa_db *db = full_db(NULL);
	stoa_txn *txn = begin(db, STOA_READ);
	struct stoa_batch batch;
	struct stoa_error err;
	stoa_cursor *cur;
	int rc;

	count_begin();
	check(stoa_query(txn, sql, &cur, &err), &err);
	while ((rc = stoa_next_batch(cur, &batch, &err)) == STOA_ROW)
		;
	check(rc, &err);
	stoa_cursor_close(cur);
	count_end();
	stoa_abort(txn);
	close_db(db);
}

static void run_filter(void)
{
	run_query("SELECT sum(price) AS total, count(*) AS n FROM item "
		  "WHERE quantity < 24 AND day >= DATE '2020-06-01' AND name <> 'product-007'");
}

static void run_group(void)
{
	run_query("SELECT name, count(*) AS n, sum(quantity) AS quantity, avg(price) AS price "
		  "FROM item GROUP BY name ORDER BY name");
}

static void run_open(void)
{
	struct stoa_value v[N_SLOTS];
	struct stoa_error err;
	stoa_table table;

	close_db(full_db(PATH));
	count_begin();
	stoa_db *db = open_db(PATH);
	stoa_txn *txn = begin(db, STOA_READ);
	check(stoa_table_find(txn, "item", &table, &err), &err);
	check(stoa_get(txn, table, 1, v, N_SLOTS, &err), &err);
	stoa_abort(txn);
	close_db(db);
	count_end();
}

/* ---- the command line ---- */

static const struct {
	const char *name;
	void (*run)(void);
} workloads[] = {
	{ "insert", run_insert }, { "update", run_update }, { "delete", run_delete },
	{ "get", run_get },       { "csv", run_csv },       { "append", run_append },
	{ "scan", run_scan },     { "filter", run_filter }, { "group", run_group },
	{ "open", run_open },     { "push", run_push },     { "pop", run_pop },
};
#define N_WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static void about(void)
{
	struct utsname os;

	uname(&os);
#ifdef __clang__
	printf("clang %s", __clang_version__);
#else
	printf("gcc %s", __VERSION__);
#endif
	printf(", glibc %s, %s\n", gnu_get_libc_version(), os.machine);
}

static void list(void)
{
	for (size_t i = 0; i < N_WORKLOADS; i++)
		puts(workloads[i].name);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: stoa-regress --list | --about | NAME\n", stderr);
		return 2;
	}
	if (strcmp(argv[1], "--about") == 0) {
		about();
		return 0;
	}
	if (strcmp(argv[1], "--list") == 0) {
		list();
		return 0;
	}
	for (size_t i = 0; i < N_WORKLOADS; i++) {
		if (strcmp(argv[1], workloads[i].name) != 0)
			continue;
		workloads[i].run();
		return 0;
	}
	fprintf(stderr, "stoa-regress: no workload is called %s\n", argv[1]);
	return 2;
}
