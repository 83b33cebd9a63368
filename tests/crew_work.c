/* SPDX-License-Identifier: MIT */
/* crew_work.c - see crew_work.h */
#include "crew_work.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "testing.h"

#define LEASE_MS 86400000u	/* no lease ends by time */
#define HELD_MAX 4
#define THREADS 3

struct shared *shared;

struct held {
	struct stoa_lease lease;
	int64_t job;
};

struct worker {
	struct place *at;
	stoa_txn *txn;
	stoa_consumer *me;
	uint64_t random;
	bool enlisted;
	uint64_t consumer;	/* CREW_CONSUMERS: none is left */
	uint32_t number;
	uint64_t serial;	/* of the last commit */
	bool mortal;		/* may have its process killed */
	unsigned n_txns;	/* that are to be done */
	struct held held[HELD_MAX];
	size_t n_held;
	struct crew_deed deeds[DEEDS_MAX];
	size_t n_deeds;
	struct stoa_error err;
};

/* In a thread or a child: what fails ends the process, and the test. */
static int need(int rc, const struct stoa_error *err)
{
	if (rc >= 0)
		return rc;
	fprintf(stderr, "process %ld: %s: %s\n", (long)getpid(), stoa_result_name(rc), err->text);
	exit(1);
}

static bool chance(struct worker *w, uint64_t one_in)
{
	return testing_below(&w->random, one_in) == 0;
}

/* ---- the database ---- */

void crew_open_place(struct place *p)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct stoa_error err;

	options.busy_ms = -1;
	options.log_max_bytes = 128 << 10;
	need(stoa_open(p->path, &options, &p->db, &err), &err);
}

void crew_close_place(struct place *p)
{
	struct stoa_error err;

	need(stoa_close(p->db, &err), &err);
}

static void make_table(stoa_txn *txn, const char *name, stoa_table *out)
{
	static const struct stoa_slot slot = { .name = "n", .type = STOA_I64 };
	struct stoa_error err;

	need(stoa_table_create(txn, name, &slot, 1, out, &err), &err);
}

void crew_make_place(struct place *p, const char *path)
{
	static const struct stoa_slot deed[] = {
		{ .name = "worker", .type = STOA_I64 },
		{ .name = "serial", .type = STOA_I64 },
		{ .name = "deeds", .type = STOA_BLOB },
	};
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	static const uint32_t n = 0;
	struct stoa_error err;
	stoa_txn *txn;

	memset(shared, 0, sizeof *shared);
	*p = (struct place){ .path = path };
	crew_open_place(p);
	need(stoa_begin(p->db, STOA_WRITE, &txn, &err), &err);
	make_table(txn, "job", &p->jobs);
	make_table(txn, "result", &p->results);
	make_table(txn, "dead", &p->dead);
	make_table(txn, "seen", &p->seen);
	make_table(txn, "ring", &p->ring);
	need(stoa_table_create(txn, "deed", deed, 3, &p->deeds, &err), &err);
	o.kind = STOA_INDEX_DEQUE;
	o.maxlen = CREW_RING;
	need(stoa_index_create(txn, p->ring, &o, &p->round, &err), &err);
	o.maxlen = 0;
	o.attempts_max = CREW_ATTEMPTS;
	o.dead = p->dead;
	need(stoa_index_create(txn, p->jobs, &o, &p->order, &err), &err);
	o = (struct stoa_index_options)STOA_INDEX_OPTIONS_INIT;
	o.kind = STOA_INDEX_SET;
	o.slots = &n;
	o.n_slots = 1;
	o.flags = STOA_INDEX_UNIQUE;
	need(stoa_index_create(txn, p->seen, &o, &p->key, &err), &err);
	need(stoa_commit(txn, &err), &err);
}

/* ---- deeds ---- */

static struct crew_deed *note(struct worker *w, enum crew_what what, int64_t a, int64_t b)
{
	struct crew_deed *d = &w->deeds[w->n_deeds++];

	if (w->n_deeds == DEEDS_MAX) {
		fprintf(stderr, "a transaction has too many deeds\n");
		exit(1);
	}
	*d = (struct crew_deed){ .what = what, .a = a, .b = b };
	return d;
}

static enum stoa_end any_end(struct worker *w)
{
	return chance(w, 2) ? STOA_FRONT : STOA_BACK;
}

static void push(struct worker *w)
{
	int64_t job = atomic_fetch_add(&shared->next_job, 1);
	enum stoa_end end = any_end(w);
	struct stoa_value v = stoa_i64(job);

	if (job >= CREW_JOBS)
		return;
	need(stoa_deque_push(w->txn, w->at->jobs, w->at->order, end, &v, 1, NULL, &w->err), &w->err);
	(void)note(w, CREW_PUSH, job, end);
}

/* Notes the numbers in a queue, from the front on. */
static void note_queue(struct worker *w)
{
	const struct stoa_value *v;
	stoa_cursor *cur;

	need(stoa_deque_scan(w->txn, w->at->jobs, w->at->order, NULL, STOA_FRONT, NULL, 0, &cur,
			     &w->err), &w->err);
	while (need(stoa_next(cur, &v, &w->err), &w->err) == STOA_ROW)
		(void)note(w, CREW_LEFT, v->i, 0);
	stoa_cursor_close(cur);
}

static void claim(struct worker *w)
{
	struct stoa_lease leases[HELD_MAX];
	size_t room = HELD_MAX - w->n_held, n;
	struct crew_deed *d;

	if (!room || w->consumer == CREW_CONSUMERS)
		return;
	need(stoa_deque_claim(w->txn, w->at->jobs, w->at->order, NULL, w->me, LEASE_MS, leases,
			      1 + testing_below(&w->random, room), &n, &w->err), &w->err);
	d = note(w, CREW_CLAIM, (int64_t)w->consumer, (int64_t)n);
	d->answer = atomic_load(&shared->doomed);
	for (size_t i = 0; i < n; i++) {
		struct stoa_value v;

		need(stoa_get(w->txn, w->at->jobs, leases[i].row, &v, 1, &w->err), &w->err);
		(void)note(w, CREW_TAKEN, v.i, leases[i].attempt);
		w->held[w->n_held++] = (struct held){ leases[i], v.i };
	}
	note_queue(w);
}

/* A key becomes one of the set's, or stays one. */
static void see(struct worker *w)
{
	struct stoa_value v = stoa_i64((int64_t)testing_below(&w->random, CREW_KEYS));
	struct crew_deed *d = note(w, CREW_SEE, v.i, 0);

	d->answer = need(stoa_set_find(w->txn, w->at->seen, w->at->key, &v, 1, NULL, &w->err),
			 &w->err) == STOA_END;
	if (d->answer)
		need(stoa_insert(w->txn, w->at->seen, &v, 1, NULL, &w->err), &w->err);
}

static void forget(struct worker *w)
{
	struct stoa_value v = stoa_i64((int64_t)testing_below(&w->random, CREW_KEYS));
	struct crew_deed *d = note(w, CREW_FORGET, v.i, 0);
	stoa_rowid row;

	d->answer = need(stoa_set_find(w->txn, w->at->seen, w->at->key, &v, 1, &row, &w->err),
			 &w->err) == STOA_ROW;
	if (d->answer)
		need(stoa_delete(w->txn, w->at->seen, row, &w->err), &w->err);
}

/* A lease, the oldest or the newest, is used; now and then it stays, to be used once too often. */
static bool use(struct worker *w, struct held *out)
{
	size_t i = w->n_held ? testing_below(&w->random, w->n_held) : 0;

	if (!w->n_held)
		return false;
	*out = w->held[i];
	if (!chance(w, 8))
		w->held[i] = w->held[--w->n_held];
	return true;
}

/* The result, keys that were found, and jobs for them: all in the transaction that acknowledges. */
static void acknowledge(struct worker *w)
{
	struct crew_deed *d;
	struct held h;
	struct stoa_value v;
	int rc;

	if (!use(w, &h))
		return;
	d = note(w, CREW_ACK, h.job, h.lease.attempt);
	rc = stoa_deque_ack(w->txn, w->at->jobs, w->at->order, &h.lease, &w->err);
	if (rc == STOA_ESTATE)
		return;
	need(rc, &w->err);
	d->answer = true;
	v = stoa_i64(h.job);
	need(stoa_insert(w->txn, w->at->results, &v, 1, NULL, &w->err), &w->err);
	see(w);
	if (w->deeds[w->n_deeds - 1].answer)
		push(w);
}

static void give_back(struct worker *w)
{
	bool delay = chance(w, 12);
	enum stoa_end end = any_end(w);
	struct crew_deed *d;
	struct held h;
	int rc;

	if (!use(w, &h))
		return;
	d = note(w, delay ? CREW_DELAY : CREW_NACK, h.job, h.lease.attempt);
	d->c = end;
	rc = stoa_deque_nack(w->txn, w->at->jobs, w->at->order, &h.lease, end,
			     delay ? LEASE_MS : 0, &w->err);
	if (rc == STOA_ESTATE)
		return;
	need(rc, &w->err);
	d->answer = true;
}

static void extend(struct worker *w)
{
	struct stoa_lease *lease;
	int rc;

	if (!w->n_held)
		return;
	lease = &w->held[w->n_held - 1].lease;
	rc = stoa_deque_extend(w->txn, w->at->jobs, w->at->order, lease, LEASE_MS, &w->err);
	if (rc != STOA_ESTATE)
		need(rc, &w->err);
}

static void turn_ring(struct worker *w)
{
	stoa_table t = w->at->ring;
	stoa_index i = w->at->round;
	struct stoa_value v = stoa_i64((int64_t)testing_below(&w->random, 1000));
	int64_t n = (int64_t)testing_below(&w->random, 2 * CREW_RING) - CREW_RING;
	enum stoa_end end = any_end(w);
	struct crew_deed *d;
	stoa_rowid row;

	switch (testing_below(&w->random, 5)) {
	case 0:
	case 1:
		need(stoa_deque_push(w->txn, t, i, end, &v, 1, NULL, &w->err), &w->err);
		(void)note(w, CREW_RING_PUSH, v.i, end);
		return;
	case 2:
		d = note(w, CREW_RING_POP, 0, end);
		d->answer = need(stoa_deque_pop(w->txn, t, i, NULL, end, &v, 1, NULL, &w->err),
				 &w->err) == STOA_ROW;
		d->a = v.i;
		return;
	case 3:
		need(stoa_deque_rotate(w->txn, t, i, NULL, n, &w->err), &w->err);
		(void)note(w, CREW_RING_ROTATE, 0, n);
		return;
	default:
		d = note(w, CREW_RING_AT, 0, n);
		d->answer = need(stoa_deque_at(w->txn, t, i, NULL, n, &row, &w->err), &w->err) ==
			    STOA_ROW;
		if (!d->answer)
			return;
		need(stoa_get(w->txn, t, row, &v, 1, &w->err), &w->err);
		d->a = v.i;
	}
}

static void do_something(struct worker *w)
{
	static void (*const deeds[])(struct worker *w) = {
		push, push, push, claim, claim, claim, acknowledge, acknowledge, acknowledge,
		give_back, extend, see, forget, turn_ring, turn_ring,
	};

	deeds[testing_below(&w->random, sizeof deeds / sizeof *deeds)](w);
}

/* ---- a worker ---- */

/*
 * Stops its process, if it may, to be killed by the parent: who dies has to be doomed first, and all
 * its consumers with it, without one that is being opened meanwhile.
 */
static void maybe_die(struct worker *w)
{
	if (w->mortal && chance(w, 60))
		kill(getpid(), SIGSTOP);
}

/* Something that is undone, leases included. */
static void regret(struct worker *w)
{
	struct held held[HELD_MAX];
	size_t n_held = w->n_held, n_deeds = w->n_deeds;
	uint32_t mark;

	memcpy(held, w->held, sizeof held);
	need(stoa_savepoint(w->txn, &mark, &w->err), &w->err);
	do_something(w);
	do_something(w);
	need(stoa_rollback_to(w->txn, mark, &w->err), &w->err);
	memcpy(w->held, held, sizeof held);
	w->n_held = n_held;
	w->n_deeds = n_deeds;
}

static void commit(struct worker *w)
{
	struct stoa_value v[3] = {
		stoa_i64(w->number), stoa_i64((int64_t)++w->serial),
		stoa_bytes_value(STOA_BLOB, w->deeds, (uint32_t)(w->n_deeds * sizeof *w->deeds)),
	};

	need(stoa_insert(w->txn, w->at->deeds, v, 3, NULL, &w->err), &w->err);
	maybe_die(w);
	need(stoa_commit(w->txn, &w->err), &w->err);
	atomic_store(&shared->reported[w->number], w->serial);
	atomic_fetch_add(&shared->commits, 1);
	maybe_die(w);
}

static void transact(struct worker *w)
{
	struct held held[HELD_MAX];
	size_t n_held = w->n_held;

	memcpy(held, w->held, sizeof held);
	w->n_deeds = 0;
	need(stoa_begin(w->at->db, STOA_WRITE, &w->txn, &w->err), &w->err);
	for (uint64_t n = 1 + testing_below(&w->random, 4); n; n--) {
		do_something(w);
		if (chance(w, 8))
			regret(w);
	}
	if (!chance(w, 6)) {
		commit(w);
		return;
	}
	stoa_abort(w->txn);
	memcpy(w->held, held, sizeof held);
	w->n_held = n_held;
}

/* What a reader sees is one commit: each row of the table of jobs is ready, claimed or delayed. */
static void look(struct worker *w)
{
	struct stoa_deque_stat stat = STOA_DEQUE_STAT_INIT;
	const struct stoa_value *v;
	uint64_t n_rows = 0;
	stoa_cursor *cur;
	stoa_txn *txn;

	need(stoa_begin(w->at->db, STOA_READ, &txn, &w->err), &w->err);
	need(stoa_deque_stat(txn, w->at->jobs, w->at->order, &stat, &w->err), &w->err);
	need(stoa_scan(txn, w->at->jobs, NULL, 0, &cur, &w->err), &w->err);
	while (need(stoa_next(cur, &v, &w->err), &w->err) == STOA_ROW)
		n_rows++;
	stoa_cursor_close(cur);
	stoa_abort(txn);
	if (n_rows == stat.n_ready + stat.n_claimed + stat.n_delayed)
		return;
	fprintf(stderr, "%" PRIu64 " jobs, of which %" PRIu64 " are ready, %" PRIu64 " claimed, %" PRIu64
		" delayed\n", n_rows, stat.n_ready, stat.n_claimed, stat.n_delayed);
	exit(1);
}

/* Is somebody, so long as there are numbers. */
static void enlist(struct worker *w)
{
	w->enlisted = true;
	w->consumer = atomic_fetch_add(&shared->n_consumers, 1);
	if (w->consumer >= CREW_CONSUMERS) {
		w->consumer = CREW_CONSUMERS;
		return;
	}
	atomic_store(&shared->owner[w->consumer], getpid());
	need(stoa_consumer_open(w->at->db, &w->me, &w->err), &w->err);
}

static void quit(struct worker *w)
{
	if (w->consumer != CREW_CONSUMERS)
		atomic_fetch_or(&shared->doomed, (uint64_t)1 << w->consumer);
	stoa_consumer_close(w->me);
	w->me = NULL;
	w->n_held = 0;
	w->enlisted = false;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < w->n_txns; i++) {
		if (!w->enlisted)
			enlist(w);
		transact(w);
		if (chance(w, 10))
			look(w);
		if (chance(w, 60))
			quit(w);
	}
	return NULL;
}

struct worker *crew_hire(struct place *p, uint64_t random, unsigned n_txns, bool mortal)
{
	struct worker *w = calloc(THREADS, sizeof *w);

	for (int i = 0; w && i < THREADS; i++) {
		w[i].at = p;
		w[i].random = random + (uint64_t)i;
		w[i].number = atomic_fetch_add(&shared->n_workers, 1);
		w[i].n_txns = n_txns;
		w[i].mortal = mortal;
		if (w[i].number >= WORKERS_MAX)
			exit(1);
	}
	return w;
}

void crew_work(struct worker *w)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, &w[i]) != 0)
			exit(1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

void crew_dismiss(struct worker *w)
{
	for (int i = 0; i < THREADS; i++)
		if (w[i].enlisted)
			quit(&w[i]);
	free(w);
}

