/* SPDX-License-Identifier: MIT */
/*
 * deque_store.c - a deque to the catalog and back; the records are in deque_index.h
 *
 * What was born since the last checkpoint is stored, as everywhere, and runs that were written in
 * place since then, which they remember. The catalog itself is the memory of what was stored:
 * records of queues, runs and jobs that are no more are found by walking the keys.
 */
#include "deque_index.h"

#include <string.h>

#include "core/alloc.h"
#include "db.h"

enum { REC_QUEUE = STOA__REC_DEQUE, REC_RUN, REC_JOB };

struct store {
	const struct stoa__saver *saver;
	const struct stoa__table *t;
	uint32_t i;
	const struct stoa__deque *d;
	const struct stoa__queue *q;	/* whose runs are stored */
	struct stoa__buf buf;
};

static int no_memory(struct store *s)
{
	return stoa__fail_memory(s->saver->err);
}

static struct stoa__key key_of(const struct store *s, uint8_t tag)
{
	return stoa__index_key(tag, s->t, s->i);
}

static int put(struct store *s, const struct stoa__key *k)
{
	return stoa__catalog_put(s->saver->db->catalog, k->p, k->len, s->buf.p, s->buf.len,
				 s->saver->err);
}

/* ---- what is no more ---- */

/* Numbers that keys end in, of records to be deleted. */
struct stale {
	const struct store *s;
	bool (*is_used)(const struct store *s, uint64_t number);
	uint64_t *numbers;
	size_t n, cap;
};

static int collect(void *ctx, const uint8_t *key, size_t len)
{
	struct stale *stale = ctx;
	uint64_t number = stoa__key_number(key + len - 8, 8);

	if (stale->is_used(stale->s, number))
		return STOA_OK;
	if (stale->n == stale->cap) {
		size_t cap = stale->cap ? stale->cap * 2 : 16;
		uint64_t *numbers = stoa__realloc_array(stale->numbers, cap, sizeof *numbers);

		if (!numbers)
			return STOA_ENOMEM;
		stale->numbers = numbers;
		stale->cap = cap;
	}
	stale->numbers[stale->n++] = number;
	return STOA_OK;
}

static int delete_prefix(struct store *s, const struct stoa__key *k)
{
	return stoa__catalog_delete_prefix(s->saver->db->catalog, k->p, k->len, s->saver->err);
}

/* Deletes records below @prefix that nobody uses; of queues their runs too. */
static int delete_stale(struct store *s, struct stoa__key prefix, bool with_runs,
			bool (*is_used)(const struct store *s, uint64_t number))
{
	struct stale stale = { .s = s, .is_used = is_used };
	int rc = stoa__catalog_keys(s->saver->db->catalog, prefix.p, prefix.len, collect, &stale,
				    s->saver->err);

	if (rc == STOA_ENOMEM)
		rc = no_memory(s);
	for (size_t n = 0; n < stale.n && rc == STOA_OK; n++) {
		struct stoa__key k = prefix, runs = key_of(s, REC_RUN);

		stoa__key_add(&k, stale.numbers[n], 8);
		rc = delete_prefix(s, &k);
		stoa__key_add(&runs, stale.numbers[n], 8);
		if (rc == STOA_OK && with_runs)
			rc = delete_prefix(s, &runs);
	}
	stoa__free(stale.numbers);
	return rc;
}

static bool has_queue(const struct store *s, uint64_t number)
{
	const struct stoa__queue *q = stoa__tree_find(s->d->queues, number);

	return q && q->front != q->back;
}

static uint64_t run_of(uint64_t position)
{
	return position / STOA__RUN_ENTRIES;
}

static bool has_run(const struct store *s, uint64_t number)
{
	return !s->q->cap && number >= run_of(s->q->front) && number <= run_of(s->q->back - 1);
}

static bool has_job(const struct store *s, uint64_t row)
{
	return stoa__job_find(s->d, row) != NULL;
}

/* ---- what is new ---- */

static int put_entries(struct store *s, uint64_t from, uint64_t to)
{
	uint64_t before = 0;

	for (; from != to; from++) {
		uint64_t row = stoa__queue_entry(s->q, from), step = row - before;

		/* Either sign near zero is a small number. */
		STOA_TRY(stoa__buf_put_varint(&s->buf, step << 1 ^ (0 - (step >> 63))));
		before = row;
	}
	return STOA_OK;
}

static int put_queue(struct store *s)
{
	const struct stoa__queue *q = s->q;
	struct stoa_bytes name = stoa__queue_name(q);

	stoa__buf_reset(&s->buf);
	STOA_TRY(stoa__buf_put_u64(&s->buf, q->front));
	STOA_TRY(stoa__buf_put_u64(&s->buf, q->back));
	STOA_TRY(stoa__buf_put_varint(&s->buf, q->n_gone));
	STOA_TRY(stoa__buf_put_bytes(&s->buf, name.p, name.len));
	STOA_TRY(stoa__buf_put_u8(&s->buf, q->cap != 0));
	return q->cap ? put_entries(s, q->front, q->back) : STOA_OK;
}

static int store_run(void *ctx, uint64_t number, void *value)
{
	struct store *s = ctx;
	struct stoa__run *run = value;
	uint64_t from = number * STOA__RUN_ENTRIES, to = from + STOA__RUN_ENTRIES;
	struct stoa__key k = key_of(s, REC_RUN);

	if (run->block.born <= s->saver->since &&
	    atomic_load_explicit(&run->touched, memory_order_relaxed) <= s->saver->since)
		return STOA_OK;
	if (!has_run(s, number))
		return STOA_OK;
	if (from < s->q->front)
		from = s->q->front;
	if (to > s->q->back)
		to = s->q->back;
	stoa__buf_reset(&s->buf);
	if (stoa__buf_put_u16(&s->buf, (uint16_t)(from % STOA__RUN_ENTRIES)) < 0 ||
	    stoa__buf_put_u16(&s->buf, (uint16_t)(to - from)) < 0 || put_entries(s, from, to) < 0)
		return no_memory(s);
	stoa__key_add(&k, s->q->number, 8);
	stoa__key_add(&k, number, 8);
	return put(s, &k);
}

static int store_queue(void *ctx, uint64_t number, void *value)
{
	struct store *s = ctx;
	struct stoa__key k = key_of(s, REC_QUEUE), runs = key_of(s, REC_RUN);

	s->q = value;
	if (s->q->block.born <= s->saver->since || s->q->front == s->q->back)
		return STOA_OK;
	if (put_queue(s) < 0)
		return no_memory(s);
	stoa__key_add(&k, number, 8);
	STOA_TRY(put(s, &k));
	stoa__key_add(&runs, number, 8);
	STOA_TRY(delete_stale(s, runs, false, has_run));
	return stoa__tree_walk(s->q->runs, 0, store_run, s);
}

static int put_job(struct stoa__buf *out, const struct stoa__job *job)
{
	stoa__buf_reset(out);
	STOA_TRY(stoa__buf_put_u8(out, job->state));
	STOA_TRY(stoa__buf_put_u8(out, job->end));
	STOA_TRY(stoa__buf_put_u32(out, job->attempts));
	STOA_TRY(stoa__buf_put_u64(out, job->owner));
	return stoa__buf_put_u64(out, job->due);
}

static int store_job(void *ctx, uint64_t row, void *value)
{
	struct store *s = ctx;
	const struct stoa__job *job = value;
	struct stoa__key k = key_of(s, REC_JOB);

	if (job->block.born <= s->saver->since)
		return STOA_OK;
	if (put_job(&s->buf, job) < 0)
		return no_memory(s);
	stoa__key_add(&k, row, 8);
	return put(s, &k);
}

int stoa__deque_store(const struct stoa__saver *saver, const struct stoa__table *t, uint32_t i)
{
	struct store s = { .saver = saver, .t = t, .i = i, .d = stoa__deque_of(t, i) };
	int rc;

	if (s.d->block.born <= saver->since)
		return STOA_OK;
	rc = delete_stale(&s, key_of(&s, REC_QUEUE), true, has_queue);
	if (rc == STOA_OK)
		rc = stoa__tree_walk(s.d->queues, saver->since, store_queue, &s);
	if (rc == STOA_OK)
		rc = delete_stale(&s, key_of(&s, REC_JOB), false, has_job);
	if (rc == STOA_OK)
		rc = stoa__tree_walk(s.d->jobs, saver->since, store_job, &s);
	stoa__buf_release(&s.buf);
	return rc;
}

/* ---- loading ---- */

static int malformed(const char *what, struct stoa_error *err)
{
	return stoa__fail_corrupt(err, "catalog.mdb", 0, "the record of %s is malformed", what);
}

static void read_entries(struct stoa__reader *r, uint64_t *rows, uint64_t n)
{
	uint64_t row = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t step = stoa__read_varint(r);

		row += step >> 1 ^ (0 - (step & 1));
		rows[i] = row;
	}
}

static int load_queue(struct stoa__version *w, struct stoa__deque *d, uint64_t number,
		      struct stoa__reader *r, struct stoa_error *err)
{
	uint64_t front = stoa__read_u64(r), back = stoa__read_u64(r), n = back - front;
	uint64_t n_gone = stoa__read_varint(r);
	size_t len;
	const char *name = (const char *)stoa__read_bytes(r, &len);
	bool few = stoa__read_u8(r);
	struct stoa__queue *q;

	if (r->bad || !n || n >> 63 || n_gone >= n || len > STOA__QUEUE_NAME_MAX ||
	    (few && n > STOA__FEW_MAX) ||
	    !stoa__deque_number_fits(number, (struct stoa_bytes){ name, (uint32_t)len }) ||
	    stoa__tree_find(d->queues, number))
		return malformed("a queue", err);
	if (stoa__deque_load_queue(w, d, (struct stoa_bytes){ name, (uint32_t)len }, number, front,
				   back, n_gone, few, &q) < 0)
		return stoa__fail_memory(err);
	if (few)
		read_entries(r, q->few, n);
	return r->bad || stoa__reader_left(r) ? malformed("a queue", err) : STOA_OK;
}

static int load_run(struct stoa__version *w, struct stoa__deque *d, uint64_t queue, uint64_t number,
		    struct stoa__reader *r, struct stoa_error *err)
{
	struct stoa__queue *q = stoa__tree_find(d->queues, queue);
	uint32_t lo = stoa__read_u16(r), n = stoa__read_u16(r);
	uint64_t rows[STOA__RUN_ENTRIES];

	if (r->bad || !q || q->cap || !n || n > STOA__RUN_ENTRIES || lo > STOA__RUN_ENTRIES - n)
		return malformed("a run of a queue", err);
	read_entries(r, rows, n);
	if (r->bad || stoa__reader_left(r))
		return malformed("a run of a queue", err);
	return stoa__queue_load_run(w, q, number, rows, lo, lo + n) < 0 ? stoa__fail_memory(err) :
									   STOA_OK;
}

static int load_job(struct stoa__version *w, struct stoa__deque *d, uint64_t row,
		    struct stoa__reader *r, struct stoa_error *err)
{
	struct stoa__job job = { .row = row };

	job.state = stoa__read_u8(r);
	job.end = stoa__read_u8(r);
	job.attempts = stoa__read_u32(r);
	job.owner = stoa__read_u64(r);
	job.due = stoa__read_u64(r);
	if (r->bad || stoa__reader_left(r) || job.state > STOA__JOB_DELAYED ||
	    job.end > STOA_BACK || stoa__job_find(d, row))
		return malformed("a job", err);
	return stoa__job_set(w, d, &job, stoa__job_due_ms(&job)) < 0 ? stoa__fail_memory(err) :
									STOA_OK;
}

int stoa__deque_load(const struct stoa__restorer *from, struct stoa__table *t, uint32_t i,
		     uint8_t tag, const uint8_t *key, size_t len, struct stoa__reader *r)
{
	struct stoa__version *w = from->w;
	struct stoa_error *err = from->err;
	struct stoa__deque *d;
	uint64_t number;

	STOA_TRY(stoa__deque_index_own(w, t, i, &d, err));
	if (len != (tag == REC_RUN ? 16 : 8))
		return malformed("a deque", err);
	number = stoa__key_number(key, 8);
	if (tag == REC_QUEUE)
		return load_queue(w, d, number, r, err);
	if (tag == REC_RUN)
		return load_run(w, d, number, stoa__key_number(key + 8, 8), r, err);
	if (tag == REC_JOB)
		return load_job(w, d, number, r, err);
	return malformed("a deque", err);
}

/* Every entry between front and back must have come. */
static int check_queue(void *ctx, uint64_t number, void *value)
{
	const struct stoa__queue *q = value;
	uint64_t at = q->front;

	(void)number;
	while (!q->cap && at != q->back) {
		const struct stoa__run *run = stoa__tree_find(q->runs, run_of(at));
		uint64_t to = (run_of(at) + 1) * STOA__RUN_ENTRIES;

		if (!run || at % STOA__RUN_ENTRIES < run->lo)
			return malformed("a run of a queue", ctx);
		if (to - at > q->back - at)
			to = q->back;
		if ((to - 1) % STOA__RUN_ENTRIES >= run->hi)
			return malformed("a run of a queue", ctx);
		at = to;
	}
	return STOA_OK;
}

int stoa__deque_loaded(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		       struct stoa_error *err)
{
	const struct stoa__deque *d = stoa__deque_of(t, i);

	(void)w;
	STOA_TRY(stoa__tree_walk(d->queues, 0, check_queue, err));
	if (d->n_entries + d->n_claimed + d->n_delayed != t->n_rows)
		return stoa__fail_corrupt(err, "catalog.mdb", 0,
					  "table \"%s\" has %llu rows, and deque \"%s\" %llu",
					  t->schema->name, (unsigned long long)t->n_rows,
					  t->schema->indexes[i].name,
					  (unsigned long long)(d->n_entries + d->n_claimed +
							       d->n_delayed));
	return STOA_OK;
}
