/* SPDX-License-Identifier: MIT */
/*
 * case_queue.c - rows of 100 bytes pushed at the back of a queue and popped from its front
 *
 * Pushes come first, then as many pops, in turns of BATCH or one; each turn is a transaction. Redis
 * answers RPUSH and LPOP over a socket of the file system, without a disk; "redis" sends 1,000
 * commands before it reads the answers, "redis-rtt" one. What is popped is added up and must be
 * what was pushed.
 *
 * In memory 1,000 pushes in a transaction take 58 us and 1,000 pops 53 (thread time on a quiet machine; 910
 * and 900 instructions each, of which a processor does four in a cycle). No one thing is a tenth of it: 40
 * functions do what an insert or a delete is, each once for a row.
 *
 * What bounds durable transactions of 1,000 (microseconds, a quiet machine, one disk):
 *
 *                                 push     pop
 *     1,000 calls                   77      65     58 and 53 of them the same in memory
 *     record copied, hashed         20       7     107 KB; 5 KB
 *     write                         13       4
 *     flush                        106      79     that of one block takes 78
 *                                  216     155
 *
 * LMDB flushes twice, pages and then what names them: 326 and 351. So pops are 2.2 times as fast and pushes
 * 1.5 times; twice would leave 24 ns for a row, record and all. Files for the log that are made in the
 * background while this lasts, as many bytes as its records, cost a tenth of it. Tried: to have the
 * kernel begin to write while the transaction goes on, which takes as long to ask for (18 us) as it saves;
 * one operation in the log for a range of rows that are popped: a flush of 512 bytes takes 1 us less than
 * one of 5 KB; writes past the page cache (O_DIRECT, by whole blocks of which the last is written again):
 * 15 to 20 us less in a program that does nothing else, for 128 bytes as for 107 KB, but in the log as
 * long as before for one row and 20 to 60 us longer for 107 KB, as these writes wait where the next file is
 * made beside them and those to the cache do not; RWF_DSYNC and O_DSYNC, as long as write and fdatasync.
 */
#include "bench.h"
#include "ours.h"
#include "redis.h"
#include "sqlite.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD 100
#define BATCH 1000
#define THREADS_MAX 8

enum { FAST = 1000000, SINGLE = 200000, DURABLE_BATCHED = 200000, DURABLE = 2000, ROUND_TRIP = 20000 };
#define DRAINED 10000000
#define DRAINED_LONG 100000000

static void make_payload(char p[PAYLOAD], uint64_t i)
{
	memset(p, 'x', PAYLOAD);
	memcpy(p, &i, sizeof(i));
	/* Redis answers are told apart by their newlines. */
	for (size_t b = 0; b < sizeof(i); b++)
		p[b] = (char)('A' + (i >> (4 * b) & 15));
}

static uint64_t weigh(const char *p, size_t len)
{
	uint64_t sum = 0;

	for (size_t b = 0; len == PAYLOAD && b < sizeof(sum); b++)
		sum += (uint64_t)(p[b] - 'A') << (4 * b);
	return sum;
}

static void answer(uint64_t sum)
{
	bench_answer_number((double)sum);
	bench_answer_row();
}

static void rate(const char *what, uint64_t n, double start)
{
	bench_metric(what, "1/s", BENCH_MORE, (double)n / (bench_now() - start));
}

/* ---- stoa ---- */

struct ours {
	stoa_db *db;
	stoa_table table;
	stoa_index order;
};

static void open_stoa(struct ours *q, const char *path)
{
	static const struct stoa_slot slot = { .name = "payload", .type = STOA_BLOB };
	struct stoa_index_options options = STOA_INDEX_OPTIONS_INIT;
	struct stoa_error err;
	stoa_txn *txn;

	q->db = bench_stoa_open(path);
	txn = bench_stoa_begin(q->db, STOA_WRITE);
	options.kind = STOA_INDEX_DEQUE;
	bench_stoa_check(stoa_table_create(txn, "queue", &slot, 1, &q->table, &err), &err);
	bench_stoa_check(stoa_index_create(txn, q->table, &options, &q->order, &err), &err);
	bench_stoa_commit(txn);
}

static void push_stoa(const struct ours *q, uint64_t from, uint64_t to, uint64_t batch)
{
	struct stoa_error err;
	char p[PAYLOAD];

	while (from < to) {
		stoa_txn *txn = bench_stoa_begin(q->db, STOA_WRITE);

		for (uint64_t i = 0; i < batch && from < to; i++, from++) {
			struct stoa_value v = stoa_bytes_value(STOA_BLOB, p, PAYLOAD);

			make_payload(p, from);
			bench_stoa_check(stoa_deque_push(txn, q->table, q->order, STOA_BACK, &v, 1,
							 NULL, &err), &err);
		}
		bench_stoa_commit(txn);
	}
}

static uint64_t pop_stoa(const struct ours *q, uint64_t n, uint64_t batch)
{
	struct stoa_error err;
	uint64_t sum = 0;

	while (n) {
		stoa_txn *txn = bench_stoa_begin(q->db, STOA_WRITE);

		for (uint64_t i = 0; i < batch && n; i++, n--) {
			struct stoa_value v;

			bench_stoa_check(stoa_deque_pop(txn, q->table, q->order, NULL, STOA_FRONT,
							&v, 1, NULL, &err), &err);
			sum += weigh(v.p, v.len);
		}
		bench_stoa_commit(txn);
	}
	return sum;
}

/* Turns of @batch: so many pushed, then popped, as between producers and consumers that keep up. */
static void turns_stoa(const char *path, uint64_t n, uint64_t batch)
{
	double pushing = 0, popping = 0;
	uint64_t sum = 0;
	struct ours q;

	open_stoa(&q, path);
	for (uint64_t i = 0; i < n; i += BATCH) {
		double start = bench_now(), middle;

		push_stoa(&q, i, i + BATCH, batch);
		middle = bench_now();
		sum += pop_stoa(&q, BATCH, batch);
		pushing += middle - start;
		popping += bench_now() - middle;
	}
	bench_metric("push", "1/s", BENCH_MORE, (double)n / pushing);
	bench_metric("pop", "1/s", BENCH_MORE, (double)n / popping);
	answer(sum);
	bench_stoa_close(q.db);
}

static void run_stoa_memory(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	turns_stoa(NULL, e->arg == 1 ? SINGLE : FAST, (uint64_t)e->arg);
}

static const char *fresh(const char *name)
{
	const char *path = bench_path(name);

	bench_remove(path);
	return path;
}

static void run_stoa_durable(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	turns_stoa(fresh("queue.stoa"), e->arg == 1 ? DURABLE : DURABLE_BATCHED,
		   (uint64_t)e->arg);
	bench_remove(bench_path("queue.stoa"));
}

/* ---- Redis ---- */

/* @n commands of @len bytes each, then the answers, each of @lines lines; sums up those of LPOP. */
static uint64_t converse(int fd, const char *commands, size_t len, uint64_t n, unsigned lines)
{
	static char reply[(PAYLOAD + 16) * BATCH];
	size_t got = bench_redis_converse(fd, commands, len * n, n * lines, reply, sizeof(reply));
	uint64_t sum = 0;

	for (size_t at = 0; lines == 2 && at < got; at += PAYLOAD + 8)
		sum += weigh(reply + at + 6, PAYLOAD);	/* $100\r\n...\r\n */
	return sum;
}

static void run_redis(const struct bench_case *c, const struct bench_entry *e)
{
	static const char pop[] = "*2\r\n$4\r\nLPOP\r\n$1\r\nq\r\n";
	static char pushes[BATCH * 256], pops[BATCH * sizeof(pop)];
	uint64_t depth = (uint64_t)e->arg, n = depth == 1 ? ROUND_TRIP : SINGLE, sum = 0;
	double pushing = 0, popping = 0;
	int fd;

	/* The sums must agree: each entry pushes the same numbers, as often as it takes. */
	(void)c;
	bench_redis_start_in_memory();
	fd = bench_redis_connect();
	for (uint64_t i = 0; i < depth; i++)
		memcpy(pops + i * (sizeof(pop) - 1), pop, sizeof(pop) - 1);
	for (uint64_t i = 0; i < n; i += depth) {
		size_t len = 0;
		double start, middle;

		for (uint64_t k = 0; k < depth; k++) {
			static const char head[] = "*3\r\n$5\r\nRPUSH\r\n$1\r\nq\r\n$100\r\n";

			memcpy(pushes + len, head, sizeof(head) - 1);
			make_payload(pushes + len + sizeof(head) - 1, i + k);
			memcpy(pushes + len + sizeof(head) - 1 + PAYLOAD, "\r\n", 2);
			len += sizeof(head) - 1 + PAYLOAD + 2;
		}
		start = bench_now();
		(void)converse(fd, pushes, len / depth, depth, 1);
		middle = bench_now();
		sum += converse(fd, pops, sizeof(pop) - 1, depth, 2);
		pushing += middle - start;
		popping += bench_now() - middle;
	}
	bench_metric("push", "1/s", BENCH_MORE, (double)n / pushing);
	bench_metric("pop", "1/s", BENCH_MORE, (double)n / popping);
	if (sum != n * (n - 1) / 2)
		bench_die("Redis gave back what it was not given");
	n = c->arg == 1 ? SINGLE : FAST;
	answer(n * (n - 1) / 2);
	bench_redis_stop();
}

/* ---- SQLite, LMDB ---- */

static sqlite3 *open_sqlite(const char *path)
{
	sqlite3 *db = bench_sqlite_open(path);

	bench_sqlite_exec(db, "PRAGMA journal_mode = WAL");
	bench_sqlite_exec(db, "PRAGMA synchronous = FULL");
	bench_sqlite_exec(db, "CREATE TABLE IF NOT EXISTS q(id INTEGER PRIMARY KEY, p BLOB)");
	return db;
}

static void push_sqlite(sqlite3_stmt *push, uint64_t i)
{
	char p[PAYLOAD];

	make_payload(p, i);
	sqlite3_bind_blob(push, 1, p, PAYLOAD, SQLITE_STATIC);
	bench_sqlite_run(push);
}

static uint64_t pop_sqlite(sqlite3_stmt *pop)
{
	uint64_t sum;

	if (!bench_sqlite_row(pop))
		bench_die("SQLite has no row left");
	sum = weigh(sqlite3_column_blob(pop, 0), (size_t)sqlite3_column_bytes(pop, 0));
	while (bench_sqlite_row(pop))
		;
	return sum;
}

#define SQLITE_PUSH "INSERT INTO q(p) VALUES(?)"
#define SQLITE_POP "DELETE FROM q WHERE id = (SELECT min(id) FROM q) RETURNING p"

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = open_sqlite(fresh("queue.sqlite"));
	sqlite3_stmt *push = bench_sqlite_prepare(db, SQLITE_PUSH);
	sqlite3_stmt *pop = bench_sqlite_prepare(db, SQLITE_POP);
	double pushing = 0, popping = 0;
	uint64_t sum = 0;

	(void)c;
	(void)e;
	for (uint64_t i = 0; i < DURABLE; i += BATCH) {
		double start = bench_now(), middle;

		for (uint64_t k = 0; k < BATCH; k++)
			push_sqlite(push, i + k);
		middle = bench_now();
		for (uint64_t k = 0; k < BATCH; k++)
			sum += pop_sqlite(pop);
		pushing += middle - start;
		popping += bench_now() - middle;
	}
	bench_metric("push", "1/s", BENCH_MORE, DURABLE / pushing);
	bench_metric("pop", "1/s", BENCH_MORE, DURABLE / popping);
	answer(sum);
	sqlite3_finalize(push);
	sqlite3_finalize(pop);
	bench_sqlite_close(db);
	bench_remove(bench_path("queue.sqlite"));
}

static void check_lmdb(int rc)
{
	if (rc)
		bench_die("LMDB: %s", mdb_strerror(rc));
}

static void push_lmdb(MDB_env *env, MDB_dbi dbi, uint64_t from)
{
	char p[PAYLOAD];
	MDB_txn *txn;

	check_lmdb(mdb_txn_begin(env, NULL, 0, &txn));
	for (uint64_t i = from; i < from + BATCH; i++) {
		MDB_val key = { sizeof(i), &i }, value = { PAYLOAD, p };

		make_payload(p, i);
		check_lmdb(mdb_put(txn, dbi, &key, &value, MDB_APPEND));
	}
	check_lmdb(mdb_txn_commit(txn));
}

static uint64_t pop_lmdb(MDB_env *env, MDB_dbi dbi)
{
	MDB_val key, value;
	MDB_cursor *cur;
	MDB_txn *txn;
	uint64_t sum = 0;

	check_lmdb(mdb_txn_begin(env, NULL, 0, &txn));
	check_lmdb(mdb_cursor_open(txn, dbi, &cur));
	for (int i = 0; i < BATCH; i++) {
		check_lmdb(mdb_cursor_get(cur, &key, &value, MDB_FIRST));
		sum += weigh(value.mv_data, value.mv_size);
		check_lmdb(mdb_cursor_del(cur, 0));
	}
	mdb_cursor_close(cur);
	check_lmdb(mdb_txn_commit(txn));
	return sum;
}

static void run_lmdb(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = fresh("queue.lmdb");
	double pushing = 0, popping = 0;
	uint64_t sum = 0;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	(void)c;
	(void)e;
	check_lmdb(mdb_env_create(&env));
	check_lmdb(mdb_env_set_mapsize(env, (size_t)1 << 30));
	check_lmdb(mdb_env_open(env, path, MDB_NOSUBDIR, 0666));
	check_lmdb(mdb_txn_begin(env, NULL, 0, &txn));
	check_lmdb(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &dbi));
	check_lmdb(mdb_txn_commit(txn));
	for (uint64_t i = 0; i < DURABLE_BATCHED; i += BATCH) {
		double start = bench_now(), middle;

		push_lmdb(env, dbi, i);
		middle = bench_now();
		sum += pop_lmdb(env, dbi);
		pushing += middle - start;
		popping += bench_now() - middle;
	}
	bench_metric("push", "1/s", BENCH_MORE, DURABLE_BATCHED / pushing);
	bench_metric("pop", "1/s", BENCH_MORE, DURABLE_BATCHED / popping);
	answer(sum);
	mdb_env_close(env);
	bench_remove(path);
}

/* ---- threads that push, one row a transaction ---- */

struct worker {
	const struct ours *q;		/* stoa */
	pthread_mutex_t *turn;		/* SQLite: whose connections sleep while they wait */
	uint64_t from, to;
};

static void *push_in_stoa(void *arg)
{
	struct worker *w = arg;

	push_stoa(w->q, w->from, w->to, 1);
	return NULL;
}

static void *push_in_sqlite(void *arg)
{
	struct worker *w = arg;
	sqlite3 *db = open_sqlite(bench_path("queue.sqlite"));
	sqlite3_stmt *push = bench_sqlite_prepare(db, SQLITE_PUSH);

	for (uint64_t i = w->from; i < w->to; i++) {
		pthread_mutex_lock(w->turn);
		push_sqlite(push, i);
		pthread_mutex_unlock(w->turn);
	}
	sqlite3_finalize(push);
	bench_sqlite_close(db);
	return NULL;
}

static void push_together(const struct ours *q, void *(*work)(void *arg))
{
	pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	const uint64_t each = DURABLE / THREADS_MAX;
	struct worker workers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	double start = bench_now();

	for (uint64_t i = 0; i < THREADS_MAX; i++) {
		workers[i] = (struct worker){ q, &turn, i * each, (i + 1) * each };
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			bench_die("cannot start a thread");
	}
	for (int i = 0; i < THREADS_MAX; i++)
		pthread_join(threads[i], NULL);
	rate("push", DURABLE, start);
}

static void run_stoa_threads(const struct bench_case *c, const struct bench_entry *e)
{
	struct ours q;

	(void)c;
	(void)e;
	open_stoa(&q, fresh("queue.stoa"));
	push_together(&q, push_in_stoa);
	answer(pop_stoa(&q, DURABLE, BATCH));
	bench_stoa_close(q.db);
	bench_remove(bench_path("queue.stoa"));
}

static void run_sqlite_threads(const struct bench_case *c, const struct bench_entry *e)
{
	sqlite3 *db = open_sqlite(fresh("queue.sqlite"));
	sqlite3_stmt *pop = bench_sqlite_prepare(db, SQLITE_POP);
	uint64_t sum = 0;

	(void)c;
	(void)e;
	push_together(NULL, push_in_sqlite);
	bench_sqlite_exec(db, "BEGIN");
	for (int i = 0; i < DURABLE; i++)
		sum += pop_sqlite(pop);
	bench_sqlite_exec(db, "COMMIT");
	answer(sum);
	sqlite3_finalize(pop);
	bench_sqlite_close(db);
	bench_remove(bench_path("queue.sqlite"));
}

/* ---- what an emptied queue leaves behind ---- */

static void run_drained(const struct bench_case *c, const struct bench_entry *e)
{
	uint64_t n = bench_config.is_long ? DRAINED_LONG : DRAINED, sum = 0;
	const char *path = fresh("queue.stoa");
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;
	struct ours q;

	(void)c;
	(void)e;
	open_stoa(&q, path);
	bench_stoa_close(q.db);
	options.durability = STOA_LAZY;
	bench_stoa_check(stoa_open(path, &options, &q.db, &err), &err);
	for (uint64_t i = 0; i < n; i += 10 * BATCH) {
		push_stoa(&q, i, i + 10 * BATCH, BATCH);
		sum += pop_stoa(&q, 10 * BATCH, BATCH);
	}
	bench_stoa_close(q.db);
	bench_metric("disk", "MB", BENCH_LESS, (double)bench_disk_bytes(path) / 1e6);
	answer(sum);
	bench_remove(path);
}

/* ---- the cases ---- */

static const struct bench_entry batch_entries[] = {
	{ "stoa", "in memory, 1,000 a transaction", NULL, run_stoa_memory, BATCH },
	{ "redis", "no disk, 1,000 commands sent before the answers are read", NULL, run_redis, BATCH },
};
static const struct bench_target batch_targets[] = {
	{ "push", NULL, 10e6 },
	{ "pop", NULL, 10e6 },
	{ "push", "redis", 2 },
	{ "pop", "redis", 2 },
};

static const struct bench_entry single_entries[] = {
	{ "stoa", "in memory, one a transaction", NULL, run_stoa_memory, 1 },
	{ "redis", "no disk, 1,000 commands sent before the answers are read", NULL, run_redis, BATCH },
	{ "redis-rtt", "no disk, each answer awaited", NULL, run_redis, 1 },
};
static const struct bench_target single_targets[] = {
	{ "push", "redis", 2 },
	{ "pop", "redis", 2 },
	{ "push", "redis-rtt", 50 },
	{ "pop", "redis-rtt", 50 },
};

static const struct bench_entry durable_entries[] = {
	{ "stoa", "one a transaction", NULL, run_stoa_durable, 1 },
	{ "sqlite", "WAL, synchronous = FULL", NULL, run_sqlite, 0 },
};
static const struct bench_target durable_targets[] = {
	{ "push", "sqlite", 1 },
	{ "pop", "sqlite", 1 },
};

static const struct bench_entry threads_entries[] = {
	{ "stoa", "8 threads, one a transaction", NULL, run_stoa_threads, 0 },
	{ "sqlite", "WAL, synchronous = FULL, taking turns", NULL, run_sqlite_threads, 0 },
};
static const struct bench_target threads_targets[] = {
	{ "push", "sqlite", 4 },
};

static const struct bench_entry durable_batch_entries[] = {
	{ "stoa", "1,000 a transaction", NULL, run_stoa_durable, BATCH },
	{ "lmdb", "integer keys, appended", NULL, run_lmdb, 0 },
};
static const struct bench_target durable_batch_targets[] = {
	{ "push", "lmdb", 2 },
	{ "pop", "lmdb", 2 },
};

static const struct bench_entry drained_entries[] = {
	{ "stoa", "lazy commits", NULL, run_drained, 0 },
};
static const struct bench_target drained_targets[] = {
	{ "disk", NULL, 1 },
};

#define CASE(name, title, list, arg)                                                            \
	{ name, title, list##_entries, BENCH_COUNT(list##_entries), list##_targets,             \
	  BENCH_COUNT(list##_targets), arg }

const struct bench_case bench_queue_cases[] = {
	CASE("queue-batch", "a queue in memory, 1,000 rows at a time", batch, BATCH),
	CASE("queue-single", "a queue in memory, one row at a time", single, 1),
	CASE("queue-durable", "a durable queue, one row at a time", durable, 0),
	CASE("queue-threads", "a durable queue, one row at a time from each of 8 threads", threads, 0),
	CASE("queue-durable-batch", "a durable queue, 1,000 rows at a time", durable_batch, 0),
	CASE("queue-drained", "what an emptied queue leaves on the disk", drained, 0),
	{ 0 },
};
