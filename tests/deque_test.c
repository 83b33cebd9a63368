/* SPDX-License-Identifier: MIT */
/*
 * deque_test.c - deques and work queues against arrays
 *
 * The model is an array of jobs for each queue, copied whole for every savepoint and commit. After
 * each step the queue it was about is compared from both ends and the structure checks itself;
 * whole databases are compared as they are reopened, and as a crash would leave them: copied while
 * they are open.
 */
#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/db.h"
#include "../lib/deque_index.h"
#include "../lib/stoa.h"
#include "tree.h"

#define QUEUES 4		/* of names "", "a", NULL and a long one */
#define JOBS_MAX 3000
#define MARKS_MAX 4
#define LONG_MS 1000000000u

struct job {
	uint64_t id;
	stoa_rowid row;
	uint32_t attempts;
	uint8_t queue;
	uint8_t state;		/* enum stoa__job_state */
	int64_t deadline;
};

struct model {
	size_t n[QUEUES];			/* ready ones, in order */
	struct job ready[QUEUES][JOBS_MAX];
	size_t n_away;				/* claimed or delayed */
	struct job away[JOBS_MAX];
	uint64_t next_id;
};

struct run {
	uint64_t rng;
	bool named, durable, fails;
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;
	stoa_index index;
	stoa_consumer *consumer;
	struct stoa_error err;
	struct model *now, *committed;
	struct model *marks[MARKS_MAX];
	uint32_t mark[MARKS_MAX];
	size_t n_marks;
};

static void ok(const struct run *r, int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), r->err.text);
}

static char long_name[STOA_QUEUE_NAME_MAX + 1];

static struct stoa_value name_of(unsigned queue)
{
	if (queue == 2)
		return stoa_null();
	return stoa_text(queue == 0 ? "" : queue == 1 ? "a" : long_name);
}

static uint64_t below(struct run *r, uint64_t n)
{
	return testing_below(&r->rng, n);
}

static unsigned pick_queue(struct run *r)
{
	return r->named ? (unsigned)below(r, QUEUES) : 0;
}

/* ---- comparing ---- */

static void check_structure(const struct run *r)
{
	const struct stoa__table *t = stoa__table_find(r->txn->version, r->table);
	const char *why;

	if (!stoa__deque_check(t, stoa__deque_of(t, 0), &why) ||
	    !stoa__job_check(t, stoa__deque_of(t, 0), &why))
		fail_msg("%s", why);
}

static void compare_at(struct run *r, stoa_txn *txn, const struct model *m, unsigned queue, int64_t at)
{
	struct stoa_value name = name_of(queue);
	int64_t n = (int64_t)m->n[queue], i = at < 0 ? n + at : at;
	stoa_rowid row;
	int rc = stoa_deque_at(txn, r->table, r->index, &name, at, &row, &r->err);

	ok(r, rc);
	assert_int_equal(rc, i >= 0 && i < n ? STOA_ROW : STOA_END);
	if (rc == STOA_ROW)
		assert_int_equal(row, m->ready[queue][i].row);
}

static void compare_scan(struct run *r, stoa_txn *txn, const struct model *m, unsigned queue,
			 enum stoa_end from)
{
	struct stoa_value name = name_of(queue);
	const struct stoa_value *v;
	stoa_cursor *cur;
	size_t n = 0;

	ok(r, stoa_deque_scan(txn, r->table, r->index, &name, from, NULL, 0, &cur, &r->err));
	while (stoa_next(cur, &v, &r->err) == STOA_ROW) {
		const struct job *j = &m->ready[queue][from == STOA_FRONT ? n :
									   m->n[queue] - 1 - n];

		assert_true(n < m->n[queue]);
		assert_int_equal(v[0].u, j->id);
		assert_int_equal(stoa_cursor_rowid(cur), j->row);
		if (r->named)
			assert_int_equal(v[1].len, name.len);
		n++;
	}
	assert_int_equal(n, m->n[queue]);
	stoa_cursor_close(cur);
}

static void compare_queue(struct run *r, stoa_txn *txn, const struct model *m, unsigned queue)
{
	struct stoa_value name = name_of(queue);
	uint64_t len;

	ok(r, stoa_deque_len(txn, r->table, r->index, &name, &len, &r->err));
	assert_int_equal(len, m->n[queue]);
	compare_at(r, txn, m, queue, 0);
	compare_at(r, txn, m, queue, -1);
	compare_at(r, txn, m, queue, (int64_t)below(r, m->n[queue] + 2));
	compare_at(r, txn, m, queue, -(int64_t)below(r, m->n[queue] + 2) - 1);
}

static void compare_all(struct run *r, stoa_txn *txn, const struct model *m)
{
	struct stoa_deque_stat s = STOA_DEQUE_STAT_INIT;
	uint64_t place = 0, len, sum = 0, n_queues = 0;
	struct stoa_value name;
	size_t n_claimed = 0;

	for (unsigned q = 0; q < (r->named ? QUEUES : 1); q++) {
		compare_queue(r, txn, m, q);
		compare_scan(r, txn, m, q, STOA_FRONT);
		compare_scan(r, txn, m, q, STOA_BACK);
		sum += m->n[q];
		n_queues += m->n[q] != 0;
	}
	for (size_t i = 0; i < m->n_away; i++)
		n_claimed += m->away[i].state == STOA__JOB_CLAIMED;
	ok(r, stoa_deque_stat(txn, r->table, r->index, &s, &r->err));
	assert_int_equal(s.n_ready, sum);
	assert_int_equal(s.n_claimed, n_claimed);
	assert_int_equal(s.n_delayed, m->n_away - n_claimed);
	while (stoa_deque_next(txn, r->table, r->index, &place, &name, &len, &r->err) == STOA_ROW) {
		sum -= len;
		n_queues--;
	}
	assert_int_equal(sum, 0);
	assert_int_equal(n_queues, 0);
}

/* ---- the model ---- */

static void put(struct model *m, unsigned queue, enum stoa_end end, struct job j)
{
	size_t n = m->n[queue]++;
	struct job *q = m->ready[queue];

	j.state = STOA__JOB_READY;
	j.queue = (uint8_t)queue;
	if (end == STOA_FRONT)
		memmove(q + 1, q, n * sizeof *q);
	q[end == STOA_FRONT ? 0 : n] = j;
}

static struct job take(struct model *m, unsigned queue, size_t at)
{
	struct job *q = m->ready[queue], j = q[at];

	memmove(q + at, q + at + 1, (--m->n[queue] - at) * sizeof *q);
	return j;
}

static struct job come_back(struct model *m, size_t at)
{
	struct job j = m->away[at];

	m->away[at] = m->away[--m->n_away];
	return j;
}

/* ---- steps ---- */

/* Did memory run out, as it was made to? Then nothing may have changed. */
static bool went(struct run *r, int rc)
{
	bool fired = stoa__fault_disarm();

	if (rc == STOA_ENOMEM && fired)
		return false;
	ok(r, rc);
	return true;
}

static void arm(struct run *r)
{
	if (r->fails && !below(r, 3))
		stoa__fault_arm((long)below(r, 12), false);
}

static void values_of(const struct run *r, unsigned queue, uint64_t id, struct stoa_value *v)
{
	v[0] = stoa_u64(id);
	v[1] = r->named ? name_of(queue) : stoa_null();
}

static void push(struct run *r, unsigned queue)
{
	struct job j = { .id = r->now->next_id };
	enum stoa_end end = below(r, 4) ? STOA_BACK : STOA_FRONT;
	struct stoa_value v[2];
	int rc;

	if (r->now->n[queue] + r->now->n_away >= JOBS_MAX)
		return;
	values_of(r, queue, j.id, v);
	arm(r);
	rc = stoa_deque_push(r->txn, r->table, r->index, end, v, 2, &j.row, &r->err);
	if (!went(r, rc))
		return;
	r->now->next_id++;
	put(r->now, queue, end, j);
}

static void pop(struct run *r, unsigned queue)
{
	enum stoa_end end = below(r, 4) ? STOA_FRONT : STOA_BACK;
	struct stoa_value name = name_of(queue), v[2];
	struct job j;
	stoa_rowid row;
	int rc;

	arm(r);
	rc = stoa_deque_pop(r->txn, r->table, r->index, &name, end, v, 2, &row, &r->err);
	if (!went(r, rc))
		return;
	assert_int_equal(rc, r->now->n[queue] ? STOA_ROW : STOA_END);
	if (rc == STOA_END)
		return;
	j = take(r->now, queue, end == STOA_FRONT ? 0 : r->now->n[queue] - 1);
	assert_int_equal(row, j.row);
	assert_int_equal(v[0].u, j.id);
}

/* A row goes by other ways than its deque. */
static void delete_elsewhere(struct run *r, unsigned queue)
{
	size_t at;
	int rc;

	if (!r->now->n[queue])
		return;
	at = below(r, r->now->n[queue]);
	arm(r);
	rc = stoa_delete(r->txn, r->table, r->now->ready[queue][at].row, &r->err);
	if (went(r, rc))
		(void)take(r->now, queue, at);
}

/* A row moves to another queue. */
static void rename_queue(struct run *r, unsigned queue)
{
	unsigned to = pick_queue(r);
	const uint32_t slot = 1;
	struct stoa_value name = name_of(to);
	size_t at;
	int rc;

	if (!r->named || !r->now->n[queue] || r->now->n[to] + r->now->n_away >= JOBS_MAX)
		return;
	at = below(r, r->now->n[queue]);
	arm(r);
	rc = stoa_update(r->txn, r->table, r->now->ready[queue][at].row, &slot, &name, 1, &r->err);
	if (went(r, rc) && to != queue)
		put(r->now, to, STOA_BACK, take(r->now, queue, at));
}

static void rotate(struct run *r, unsigned queue)
{
	struct stoa_value name = name_of(queue);
	int64_t n = (int64_t)below(r, 9) - 4, len = (int64_t)r->now->n[queue];
	int rc;

	arm(r);
	rc = stoa_deque_rotate(r->txn, r->table, r->index, &name, n, &r->err);
	if (!went(r, rc) || !len)
		return;
	for (; n > 0; n--)
		put(r->now, queue, STOA_FRONT, take(r->now, queue, (size_t)len - 1));
	for (; n < 0; n++)
		put(r->now, queue, STOA_BACK, take(r->now, queue, 0));
}

static void claim(struct run *r, unsigned queue)
{
	struct stoa_value name = name_of(queue);
	struct stoa_lease leases[5];
	size_t want = 1 + below(r, 5), n, left = r->now->n[queue];
	int rc;

	arm(r);
	rc = stoa_deque_claim(r->txn, r->table, r->index, &name, below(r, 2) ? r->consumer : NULL,
			      LONG_MS, leases, want, &n, &r->err);
	if (!went(r, rc))
		n = 0;
	else if (!r->fails)
		assert_int_equal(n, left < want ? left : want);
	for (size_t i = 0; i < n; i++) {
		struct job j = take(r->now, queue, 0);

		j.attempts++;
		j.state = STOA__JOB_CLAIMED;
		assert_int_equal(leases[i].row, j.row);
		assert_int_equal(leases[i].attempt, j.attempts);
		j.deadline = leases[i].deadline;
		j.queue = (uint8_t)queue;
		r->now->away[r->now->n_away++] = j;
	}
}

/* Ends, or tries to end, the lease of a job that is away. */
static void end_lease(struct run *r)
{
	size_t at;
	struct job *j;
	struct stoa_lease lease;
	uint64_t what = below(r, 5);
	enum stoa_end end = below(r, 2) ? STOA_FRONT : STOA_BACK;
	int rc;

	if (!r->now->n_away)
		return;
	at = below(r, r->now->n_away);
	j = &r->now->away[at];
	lease = (struct stoa_lease){ j->row, j->attempts, j->deadline };
	if (!below(r, 8))
		lease.attempt++;
	arm(r);
	if (what < 2)
		rc = stoa_deque_ack(r->txn, r->table, r->index, &lease, &r->err);
	else if (what == 2)
		rc = stoa_deque_extend(r->txn, r->table, r->index, &lease, LONG_MS, &r->err);
	else
		rc = stoa_deque_nack(r->txn, r->table, r->index, &lease, end,
				     what == 3 ? 0 : LONG_MS, &r->err);
	if (j->state != STOA__JOB_CLAIMED || lease.attempt != j->attempts) {
		if (rc != STOA_ENOMEM || !stoa__fault_disarm())
			assert_int_equal(rc, STOA_ESTATE);
		stoa__fault_disarm();
		return;
	}
	if (!went(r, rc))
		return;
	if (what < 2)
		(void)come_back(r->now, at);
	else if (what == 3) {
		struct job back = come_back(r->now, at);

		put(r->now, back.queue, end, back);
	} else if (what == 4)
		j->state = STOA__JOB_DELAYED;
	else
		j->deadline = lease.deadline;
}

/* ---- transactions ---- */

static void begin(struct run *r)
{
	if (r->txn)
		return;
	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
	if (r->durable && below(r, 8))
		ok(r, stoa_set_durability(r->txn, STOA_NONE, &r->err));
}

static void end(struct run *r, bool commit)
{
	if (!r->txn)
		return;
	if (commit)
		ok(r, stoa_commit(r->txn, &r->err));
	else
		stoa_abort(r->txn);
	memcpy(commit ? r->committed : r->now, commit ? r->now : r->committed, sizeof *r->now);
	r->txn = NULL;
	r->n_marks = 0;
}

static void mark(struct run *r)
{
	if (r->n_marks == MARKS_MAX)
		return;
	ok(r, stoa_savepoint(r->txn, &r->mark[r->n_marks], &r->err));
	memcpy(r->marks[r->n_marks++], r->now, sizeof *r->now);
}

static void go_back(struct run *r)
{
	size_t at;

	if (!r->n_marks)
		return;
	at = below(r, r->n_marks);
	ok(r, stoa_rollback_to(r->txn, r->mark[at], &r->err));
	memcpy(r->now, r->marks[at], sizeof *r->now);
	r->n_marks = at + 1;
}

static void open_db(struct run *r, const char *name, stoa_db **out)
{
	ok(r, stoa_open(r->durable ? testing_path(r->dir, name) : NULL, NULL, out, &r->err));
}

static void reopen(struct run *r)
{
	end(r, true);
	ok(r, stoa_close(r->db, &r->err));
	open_db(r, "db.stoa", &r->db);
}

/* What a crash would leave: the files as they are. The log has been written, if not synced. */
static void look_at_crash(struct run *r)
{
	struct tree *tree;
	stoa_db *db;
	stoa_txn *txn;

	begin(r);
	ok(r, stoa_set_durability(r->txn, STOA_FULL, &r->err));
	end(r, true);
	tree = tree_read(testing_path(r->dir, "db.stoa"));
	tree_write(tree, testing_path(r->dir, "copy.stoa"));
	tree_free(tree);
	open_db(r, "copy.stoa", &db);
	ok(r, stoa_begin(db, STOA_READ, &txn, &r->err));
	compare_all(r, txn, r->committed);
	stoa_abort(txn);
	ok(r, stoa_close(db, &r->err));
}

static void step(struct run *r)
{
	unsigned queue = pick_queue(r);

	begin(r);
	switch (below(r, 24)) {
	case 0 ... 7:
		for (uint64_t n = below(r, 8) ? 1 : below(r, 60); n; n--)
			push(r, queue);
		break;
	case 8 ... 11:
		for (uint64_t n = below(r, 8) ? 1 : below(r, 60); n; n--)
			pop(r, queue);
		break;
	case 12:
		delete_elsewhere(r, queue);
		break;
	case 13:
		rename_queue(r, queue);
		break;
	case 14:
		rotate(r, queue);
		break;
	case 15 ... 17:
		claim(r, queue);
		break;
	case 18 ... 20:
		end_lease(r);
		break;
	case 21:
		mark(r);
		break;
	case 22:
		go_back(r);
		break;
	default:
		end(r, below(r, 4));
		begin(r);
	}
	compare_queue(r, r->txn, r->now, queue);
	check_structure(r);
}

static void rarely(struct run *r)
{
	compare_all(r, r->txn, r->now);
	if (!r->durable)
		return;
	if (!below(r, 4))
		reopen(r);
	else if (!below(r, 3)) {
		end(r, true);
		ok(r, stoa_checkpoint(r->db, &r->err));
	} else if (!below(r, 3))
		look_at_crash(r);
	begin(r);
	compare_all(r, r->txn, r->now);
}

static void set_up(struct run *r)
{
	const struct stoa_slot slots[] = { { .name = "id", .type = STOA_U64 },
					   { .name = "queue", .type = STOA_TEXT } };
	const uint32_t by = 1;
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;

	memset(long_name, 'x', sizeof long_name - 1);
	testing_in_memory();
	r->dir = testing_tempdir();
	r->now = calloc(1, sizeof *r->now);
	r->committed = calloc(1, sizeof *r->committed);
	for (size_t i = 0; i < MARKS_MAX; i++)
		r->marks[i] = calloc(1, sizeof *r->now);
	open_db(r, "db.stoa", &r->db);
	begin(r);
	ok(r, stoa_table_create(r->txn, "job", slots, 2, &r->table, &r->err));
	o.kind = STOA_INDEX_DEQUE;
	o.slots = &by;
	o.n_slots = r->named;
	ok(r, stoa_index_create(r->txn, r->table, &o, &r->index, &r->err));
	end(r, true);
	ok(r, stoa_consumer_open(r->db, &r->consumer, &r->err));
}

static void tear_down(struct run *r)
{
	end(r, true);
	stoa_consumer_close(r->consumer);
	ok(r, stoa_close(r->db, &r->err));
	for (size_t i = 0; i < MARKS_MAX; i++)
		free(r->marks[i]);
	free(r->now);
	free(r->committed);
	testing_rmtree(r->dir);
}

static void random_steps(bool named, bool durable, bool fails)
{
	struct run r = { .rng = testing_seed(), .named = named, .durable = durable, .fails = fails };
	int n = testing_long() ? 100000 : 4000;

	set_up(&r);
	for (int i = 0; i < n; i++) {
		step(&r);
		if (i % 200 == 199)
			rarely(&r);
	}
	tear_down(&r);
}

static void a_deque_in_memory_is_like_an_array(void **state)
{
	(void)state;
	random_steps(false, false, false);
}

static void named_queues_in_memory_are_like_arrays(void **state)
{
	(void)state;
	random_steps(true, false, false);
}

static void a_durable_deque_is_like_an_array_through_crashes(void **state)
{
	(void)state;
	random_steps(false, true, false);
}

static void durable_named_queues_are_like_arrays_through_crashes(void **state)
{
	(void)state;
	random_steps(true, true, false);
}

static void a_call_that_finds_no_memory_changes_nothing(void **state)
{
	(void)state;
	random_steps(true, true, true);
	random_steps(false, false, true);
}

/* ---- what a drained queue leaves ---- */

#define WAVE 5000u
#define LETTERS 100u

static void push_wave(struct run *r, uint64_t from)
{
	char letters[LETTERS];

	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
	for (uint64_t i = from; i < from + WAVE; i++) {
		struct stoa_value v = stoa_bytes_value(STOA_BLOB, letters, LETTERS);

		memset(letters, 'a' + (int)(i % 26), LETTERS);
		ok(r, stoa_insert(r->txn, r->table, &v, 1, NULL, &r->err));
	}
	ok(r, stoa_commit(r->txn, &r->err));
}

static void pop_wave(struct run *r, uint64_t from)
{
	char letters[LETTERS];

	ok(r, stoa_begin(r->db, STOA_WRITE, &r->txn, &r->err));
	for (uint64_t i = from; i < from + WAVE; i++) {
		struct stoa_value v;

		ok(r, stoa_deque_pop(r->txn, r->table, r->index, NULL, STOA_FRONT, &v, 1, NULL,
				     &r->err));
		memset(letters, 'a' + (int)(i % 26), LETTERS);
		assert_int_equal(v.len, LETTERS);
		assert_memory_equal(v.p, letters, LETTERS);
	}
	ok(r, stoa_commit(r->txn, &r->err));
}

static uint64_t bytes_of(const char *dir, const char *name)
{
	const char *path = testing_path(dir, name);
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* A reader from before goes on seeing what has been drained since. */
static void a_drained_queue_leaves_nothing_behind(void **state)
{
	static const struct stoa_slot slot = { .name = "letters", .type = STOA_BLOB };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct run r = { .rng = testing_seed() };
	uint64_t n = testing_long() ? 200 : 6;
	char *path;

	(void)state;
	testing_in_memory();
	r.dir = testing_tempdir();
	path = strdup(testing_path(r.dir, "queue.stoa"));
	o.kind = STOA_INDEX_DEQUE;
	ok(&r, stoa_open(path, NULL, &r.db, &r.err));
	ok(&r, stoa_begin(r.db, STOA_WRITE, &r.txn, &r.err));
	ok(&r, stoa_table_create(r.txn, "queue", &slot, 1, &r.table, &r.err));
	ok(&r, stoa_index_create(r.txn, r.table, &o, &r.index, &r.err));
	ok(&r, stoa_commit(r.txn, &r.err));
	for (uint64_t wave = 0; wave < n; wave++) {
		stoa_txn *before;
		uint64_t len;

		push_wave(&r, wave * WAVE);
		ok(&r, stoa_begin(r.db, STOA_READ, &before, &r.err));
		if (wave % 2)
			ok(&r, stoa_checkpoint(r.db, &r.err));
		pop_wave(&r, wave * WAVE);
		ok(&r, stoa_deque_len(before, r.table, r.index, NULL, &len, &r.err));
		assert_int_equal(len, WAVE);
		assert_null(stoa__table_find(r.db->history.published, r.table)->tail);
		stoa_abort(before);
		if (wave % 3 == 2) {
			ok(&r, stoa_close(r.db, &r.err));
			assert_true(bytes_of(path, "catalog.mdb") < 200000);
			assert_int_equal(bytes_of(path, "log/00000001.log"), 0);
			ok(&r, stoa_check(path, NULL, NULL, &r.err));
			ok(&r, stoa_open(path, NULL, &r.db, &r.err));
		}
	}
	ok(&r, stoa_close(r.db, &r.err));
	free(path);
	testing_rmtree(r.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deque_in_memory_is_like_an_array),
		cmocka_unit_test(named_queues_in_memory_are_like_arrays),
		cmocka_unit_test(a_durable_deque_is_like_an_array_through_crashes),
		cmocka_unit_test(durable_named_queues_are_like_arrays_through_crashes),
		cmocka_unit_test(a_call_that_finds_no_memory_changes_nothing),
		cmocka_unit_test(a_drained_queue_leaves_nothing_behind),
	};

	stoa__tail_rows_min = 5;

	return cmocka_run_group_tests(tests, NULL, NULL);
}
