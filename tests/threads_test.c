/* SPDX-License-Identifier: MIT */
/*
 * threads_test.c - many readers beside one writer, many committers, checkpoints and collections
 * behind all of them
 *
 * Accounts: transactions move amounts between rows, so every snapshot must sum to zero. Committers:
 * each thread adds its own numbers 1, 2, 3, ..., so every snapshot has a prefix of each thread's,
 * and a thread sees its own commit. Both are of use under the thread sanitizer above all.
 */
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../lib/stoa.h"

#define N_READERS 3
#define N_ACCOUNTS 700
#define N_COMMITTERS 4

/* Assertions of cmocka belong to the main thread: others note what went wrong and stop. */
struct shared {
	stoa_db *db;
	stoa_table table;
	atomic_bool stop;
	atomic_bool failed;
	char why[600];
	_Atomic(stoa_cursor *) mail;	/* a cursor on its way from the writer to a reader */
	unsigned n_rounds;
	uint64_t seed;
};

static bool broken(struct shared *s, const char *what, const struct stoa_error *err)
{
	if (!atomic_exchange(&s->failed, true))
		snprintf(s->why, sizeof s->why, "%s: %s", what, err ? err->text : "");
	atomic_store(&s->stop, true);
	return false;
}

#define TRY(s, err, expr)                                       \
	do {                                                    \
		if ((expr) < 0)                                 \
			return broken(s, #expr, &(err));        \
	} while (0)

static void assert_unbroken(const struct shared *s)
{
	if (atomic_load(&s->failed))
		fail_msg("%s", s->why);
}

/* ---- accounts ---- */

static bool make_accounts(struct shared *s)
{
	static const struct stoa_slot slots[] = {
		{ .name = "balance", .type = STOA_I64, .flags = STOA_NOT_NULL },
		{ .name = "owner", .type = STOA_STRING },
		{ .name = "note", .type = STOA_TEXT },
	};
	const struct stoa_value v[] = { stoa_i64(0), stoa_text("nobody"), stoa_null() };
	struct stoa_error err;
	stoa_txn *txn;

	TRY(s, err, stoa_begin(s->db, STOA_WRITE, &txn, &err));
	TRY(s, err, stoa_table_create(txn, "account", slots, 3, &s->table, &err));
	for (int i = 0; i < N_ACCOUNTS; i++)
		TRY(s, err, stoa_insert(txn, s->table, v, 3, NULL, &err));
	TRY(s, err, stoa_commit(txn, &err));
	return true;
}

/* Adds @amount to a row's balance, and gives it another owner and note. */
static bool add(struct shared *s, stoa_txn *txn, stoa_rowid row, int64_t amount)
{
	static const uint32_t slots[] = { 0, 1, 2 };
	struct stoa_value v[16];
	struct stoa_table_info info;
	struct stoa_error err;
	char owner[40], note[60];

	TRY(s, err, stoa_table_info(txn, s->table, &info, &err));
	TRY(s, err, stoa_get(txn, s->table, row, v, info.n_slots, &err));
	amount += v[0].i;
	snprintf(owner, sizeof owner, "owner %d", (int)(amount % 50));
	snprintf(note, sizeof note, "now it holds %lld", (long long)amount);
	v[0] = stoa_i64(amount);
	v[1] = stoa_text(owner);
	v[2] = stoa_text(note);
	TRY(s, err, stoa_update(txn, s->table, row, slots, v, 3, &err));
	return true;
}

static bool move(struct shared *s, stoa_txn *txn, uint64_t *rng)
{
	int64_t amount = (int64_t)testing_below(rng, 1000);

	return add(s, txn, 1 + testing_below(rng, N_ACCOUNTS), amount) &&
	       add(s, txn, 1 + testing_below(rng, N_ACCOUNTS), -amount);
}

/* A change that moves nothing: rows come and go, the tail is sealed, work is undone. */
static bool stir(struct shared *s, stoa_txn *txn, uint64_t *rng)
{
	static const struct stoa_slot slot = { .name = "more", .type = STOA_I32 };
	struct stoa_value v[4] = { stoa_i64(0), stoa_text("passing"), stoa_null(), stoa_null() };
	struct stoa_error err;
	stoa_rowid row;
	uint32_t mark;

	switch (testing_below(rng, 6)) {
	case 0:
		TRY(s, err, stoa_slot_add(txn, s->table, &slot, &err));
		TRY(s, err, stoa_insert(txn, s->table, v, 4, NULL, &err));
		TRY(s, err, stoa_slot_drop(txn, s->table, "more", &err));
		break;
	case 1:
		TRY(s, err, stoa_savepoint(txn, &mark, &err));
		if (!add(s, txn, 5, 77))
			return false;
		TRY(s, err, stoa_rollback_to(txn, mark, &err));
		break;
	default:
		TRY(s, err, stoa_insert(txn, s->table, v, 3, &row, &err));
		if (testing_below(rng, 2))
			TRY(s, err, stoa_delete(txn, s->table, row, &err));
	}
	return true;
}

/* Leaves a cursor over what the transaction sees in the mail, for after its commit. */
static bool post(struct shared *s, stoa_txn *txn)
{
	stoa_cursor *cur;
	struct stoa_error err;

	TRY(s, err, stoa_scan(txn, s->table, NULL, 0, &cur, &err));
	if (!move(s, txn, &(uint64_t){ 1 }))
		return false;
	TRY(s, err, stoa_commit(txn, &err));
	stoa_cursor_close(atomic_exchange(&s->mail, cur));
	return true;
}

static bool write_once(struct shared *s, uint64_t *rng)
{
	struct stoa_error err;
	stoa_txn *txn;

	TRY(s, err, stoa_begin(s->db, STOA_WRITE, &txn, &err));
	for (uint64_t n = testing_below(rng, 6); n; n--)
		if (!move(s, txn, rng))
			return false;
	if (testing_below(rng, 4) == 0 && !stir(s, txn, rng))
		return false;
	if (testing_below(rng, 10) == 0) {
		(void)add(s, txn, 1, 1);
		stoa_abort(txn);
		return true;
	}
	if (testing_below(rng, 8) == 0)
		return post(s, txn);
	TRY(s, err, stoa_commit(txn, &err));
	return true;
}

static void *write_accounts(void *arg)
{
	struct shared *s = arg;
	uint64_t rng = s->seed;

	for (unsigned i = 0; i < s->n_rounds && !atomic_load(&s->stop); i++)
		if (!write_once(s, &rng))
			break;
	atomic_store(&s->stop, true);
	return NULL;
}

/* Reads a cursor to its end: balances must sum to zero, and the strings be there. */
static bool sum(struct shared *s, stoa_cursor *cur)
{
	const struct stoa_value *row;
	struct stoa_error err;
	int64_t total = 0;
	int rc;

	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		total += row[0].i;
		if (row[1].len < 5 || memchr(row[1].p, 0, row[1].len))
			return broken(s, "an owner is damaged", NULL);
		if (row[2].type != STOA_NULL && memcmp(row[2].p, "now", 3) != 0)
			return broken(s, "a note is damaged", NULL);
	}
	stoa_cursor_close(cur);
	TRY(s, err, rc);
	return total == 0 || broken(s, "a snapshot does not sum to zero", NULL);
}

static bool read_once(struct shared *s, stoa_txn *txn)
{
	stoa_cursor *cur = atomic_exchange(&s->mail, NULL);
	struct stoa_stat stat = STOA_STAT_INIT;
	struct stoa_error err;

	if (cur && !sum(s, cur))
		return false;
	TRY(s, err, stoa_scan(txn, s->table, NULL, 0, &cur, &err));
	TRY(s, err, stoa_stat(txn, 0, &stat, &err));
	return sum(s, cur);
}

static void *read_accounts(void *arg)
{
	struct shared *s = arg;
	struct stoa_error err;
	stoa_txn *txn;

	while (!atomic_load(&s->stop)) {
		if (stoa_begin(s->db, STOA_READ, &txn, &err) < 0) {
			broken(s, "begin", &err);
			break;
		}
		/* twice, so that the snapshot grows old */
		if (!read_once(s, txn) || !read_once(s, txn))
			break;
		stoa_abort(txn);
	}
	return NULL;
}

/* Row groups are rewritten again and again under everybody's eyes, and checkpoints written. */
static void *collect(void *arg)
{
	struct shared *s = arg;
	struct stoa_error err;

	while (!atomic_load(&s->stop))
		if (stoa_gc_collect(s->db, 2, NULL, &err) < 0) {
			broken(s, "collect", &err);
			break;
		}
	return NULL;
}

static void accounts(const char *path, unsigned n_rounds)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct shared s = { .n_rounds = n_rounds, .seed = testing_seed() };
	pthread_t writer, collector, readers[N_READERS];
	struct stoa_error err;

	options.durability = STOA_LAZY;
	options.lazy_ms = 1;
	options.log_max_bytes = 20000;
	options.memory_limit = (uint64_t)1 << 40;
	assert_int_equal(stoa_open(path, &options, &s.db, &err), STOA_OK);
	make_accounts(&s);
	pthread_create(&writer, NULL, write_accounts, &s);
	pthread_create(&collector, NULL, collect, &s);
	for (int i = 0; i < N_READERS; i++)
		pthread_create(&readers[i], NULL, read_accounts, &s);
	pthread_join(writer, NULL);
	pthread_join(collector, NULL);
	for (int i = 0; i < N_READERS; i++)
		pthread_join(readers[i], NULL);
	assert_unbroken(&s);
	stoa_cursor_close(atomic_load(&s.mail));
	if (stoa_close(s.db, &err) < 0)
		fail_msg("%s", err.text);
}

static void every_snapshot_sums_to_zero(void **state)
{
	(void)state;
	accounts(NULL, testing_long() ? 20000 : 1500);
}

static void every_snapshot_of_a_durable_database_sums_to_zero(void **state)
{
	char *dir = testing_tempdir();

	(void)state;
	accounts(testing_path(dir, "db"), testing_long() ? 10000 : 800);
	testing_rmtree(dir);
}

/* ---- committers ---- */

struct committer {
	struct shared *s;
	int number;
};

static bool see(struct shared *s, stoa_rowid row, int number, int64_t x)
{
	struct stoa_value v[2];
	struct stoa_error err;
	stoa_txn *txn;

	TRY(s, err, stoa_begin(s->db, STOA_READ, &txn, &err));
	TRY(s, err, stoa_get(txn, s->table, row, v, 2, &err));
	stoa_abort(txn);
	return (v[0].i == number && v[1].i == x) || broken(s, "another's row", NULL);
}

static bool commit_one(struct shared *s, int number, int64_t x)
{
	const struct stoa_value v[] = { stoa_i64(number), stoa_i64(x) };
	struct stoa_error err;
	stoa_rowid row;
	stoa_txn *txn;

	TRY(s, err, stoa_begin(s->db, STOA_WRITE, &txn, &err));
	TRY(s, err, stoa_insert(txn, s->table, v, 2, &row, &err));
	if (x % 3 == 0)
		TRY(s, err, stoa_set_durability(txn, x % 2 ? STOA_LAZY : STOA_NONE, &err));
	TRY(s, err, stoa_commit(txn, &err));
	return see(s, row, number, x);
}

static void *commit_many(void *arg)
{
	struct committer *c = arg;

	for (unsigned x = 1; x <= c->s->n_rounds && !atomic_load(&c->s->stop); x++)
		if (!commit_one(c->s, c->number, x))
			break;
	return NULL;
}

/* Every thread's numbers are 1 .. n, in order. */
static bool count(struct shared *s, uint64_t *n_rows)
{
	int64_t last[N_COMMITTERS] = { 0 };
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_txn *txn;

	*n_rows = 0;
	TRY(s, err, stoa_begin(s->db, STOA_READ, &txn, &err));
	TRY(s, err, stoa_scan(txn, s->table, NULL, 0, &cur, &err));
	stoa_abort(txn);
	while (stoa_next(cur, &row, &err) == STOA_ROW) {
		if (row[1].i != last[row[0].i] + 1)
			return broken(s, "a commit is missing", NULL);
		last[row[0].i]++;
		++*n_rows;
	}
	stoa_cursor_close(cur);
	return true;
}

static void *count_often(void *arg)
{
	struct shared *s = arg;
	uint64_t n_rows = 0, before;

	while (!atomic_load(&s->stop)) {
		before = n_rows;
		if (!count(s, &n_rows))
			break;
		if (n_rows < before)
			broken(s, "a snapshot is older than the one before", NULL);
	}
	return NULL;
}

static void *checkpoint_often(void *arg)
{
	struct shared *s = arg;
	struct stoa_error err;

	while (!atomic_load(&s->stop))
		if (stoa_checkpoint(s->db, &err) < 0)
			broken(s, "checkpoint", &err);
	return NULL;
}

static void run_committers(struct shared *s)
{
	struct committer committers[N_COMMITTERS];
	pthread_t threads[N_COMMITTERS], counter, checkpointer;

	pthread_create(&counter, NULL, count_often, s);
	pthread_create(&checkpointer, NULL, checkpoint_often, s);
	for (int i = 0; i < N_COMMITTERS; i++) {
		committers[i] = (struct committer){ s, i };
		pthread_create(&threads[i], NULL, commit_many, &committers[i]);
	}
	for (int i = 0; i < N_COMMITTERS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&s->stop, true);
	pthread_join(counter, NULL);
	pthread_join(checkpointer, NULL);
}

static bool make_numbers(struct shared *s)
{
	static const struct stoa_slot slots[] = {
		{ .name = "thread", .type = STOA_I32 },
		{ .name = "x", .type = STOA_I64 },
	};
	struct stoa_error err;
	stoa_txn *txn;

	TRY(s, err, stoa_begin(s->db, STOA_WRITE, &txn, &err));
	TRY(s, err, stoa_table_create(txn, "number", slots, 2, &s->table, &err));
	TRY(s, err, stoa_commit(txn, &err));
	return true;
}

static void a_thread_sees_what_it_committed_and_nothing_is_missing(void **state)
{
	struct shared s = { .n_rounds = testing_long() ? 1500 : 100 };
	struct stoa_options options = STOA_OPTIONS_INIT;
	char *dir = testing_tempdir();
	const char *path = testing_path(dir, "db");
	struct stoa_error err;
	uint64_t n_rows;

	(void)state;
	options.log_max_bytes = 10000;
	assert_int_equal(stoa_open(path, &options, &s.db, &err), STOA_OK);
	make_numbers(&s);
	run_committers(&s);
	assert_unbroken(&s);
	for (int i = 0; i < 2; i++) {
		count(&s, &n_rows);
		assert_unbroken(&s);
		assert_int_equal(n_rows, N_COMMITTERS * s.n_rounds);
		if (stoa_close(s.db, &err) < 0)
			fail_msg("%s", err.text);
		if (i == 0)
			assert_int_equal(stoa_open(path, &options, &s.db, &err), STOA_OK);
	}
	testing_rmtree(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_snapshot_sums_to_zero),
		cmocka_unit_test(every_snapshot_of_a_durable_database_sums_to_zero),
		cmocka_unit_test(a_thread_sees_what_it_committed_and_nothing_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
