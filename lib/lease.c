/* SPDX-License-Identifier: MIT */
/*
 * lease.c - claims on rows of a deque, and how they end
 *
 * A lease is a job (job.h) in the state claimed. It ends by ack (the row is deleted), by nack, or
 * because whoever looks for work finds it due: past its deadline, or its consumer gone. Each of
 * these is an ordinary change of a write transaction, which says what the row's job is now; so the
 * log has no times to compare and replays alike.
 *
 * Deadlines are looked at each time, since the tree of those due has the first in front. Whether
 * consumers live is a system call each, so it is asked when a queue has run dry, and now and then
 * otherwise.
 */
#include "lease.h"

#include "consumer.h"
#include "core/alloc.h"
#include "core/type.h"

/* ---- which deque ---- */

int stoa__aim_again(struct stoa__aim *aim, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_own_table(aim->txn, aim->table, &aim->t, err));
	aim->d = stoa__deque_of(aim->t, aim->i);
	return STOA_OK;
}

/* The name of the queue that is meant, where queues have names. */
static int read_name(struct stoa__aim *aim, const struct stoa_value *queue, struct stoa_error *err)
{
	const struct stoa__index_def *def = &aim->t->schema->indexes[aim->i];
	struct stoa_slot slot;
	struct stoa_value v;

	if (!queue)
		return stoa__fail(err, STOA_EINVAL, "deque \"%s\" has a queue for each value of \"%s\": "
				  "name one", def->name,
				  aim->t->schema->slots[def->slots[0]].def.name);
	slot = aim->t->schema->slots[def->slots[0]].def;
	slot.flags &= ~STOA_NOT_NULL;
	STOA_TRY(stoa__convert(&slot, queue, &v, err));
	return stoa__queue_name_of(aim->t, aim->i, &v, &aim->name, err);
}

static inline int name_queue(struct stoa__aim *aim, const struct stoa_value *queue,
			     struct stoa_error *err)
{
	aim->name.len = 0;
	return aim->t->schema->indexes[aim->i].n_slots ? read_name(aim, queue, err) : STOA_OK;
}

int stoa__aim_read(struct stoa_txn *txn, stoa_table table, stoa_index index,
		   const struct stoa_value *queue, struct stoa__aim *out, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter(txn, err));
	out->txn = txn;
	out->table = table;
	STOA_TRY(stoa__index_find(txn, table, index, STOA_INDEX_DEQUE, &out->t, &out->i, err));
	out->d = stoa__deque_of(out->t, out->i);
	return name_queue(out, queue, err);
}

int stoa__aim_own(struct stoa_txn *txn, stoa_table table, stoa_index index, struct stoa__aim *out,
		  struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter_write(txn, err));
	out->txn = txn;
	out->table = table;
	out->name.len = 0;
	STOA_TRY(stoa__txn_own_table(txn, table, &out->t, err));
	STOA_TRY(stoa__index_at(out->t, index, STOA_INDEX_DEQUE, &out->i, err));
	out->d = stoa__deque_of(out->t, out->i);
	return STOA_OK;
}

int stoa__aim_write(struct stoa_txn *txn, stoa_table table, stoa_index index,
		    const struct stoa_value *queue, struct stoa__aim *out, struct stoa_error *err)
{
	STOA_TRY(stoa__aim_own(txn, table, index, out, err));
	return name_queue(out, queue, err);
}

struct stoa__queue *stoa__aim_queue(const struct stoa__aim *aim)
{
	return stoa__deque_find(aim->d, stoa__queue_name_bytes(&aim->name));
}

/* ---- a job changes ---- */

static int set_job(struct stoa__aim *aim, const struct stoa__job *like, int64_t due_ms,
		   struct stoa_error *err)
{
	struct stoa_txn *txn = aim->txn;
	size_t mark = txn->redo.len;
	int rc;

	if (txn->db->path && stoa__redo_job(txn, aim->t, aim->i, like, (uint64_t)due_ms) < 0)
		return stoa__fail_memory(err);
	rc = stoa__deque_set_job(txn->version, aim->t, aim->i, like, (uint64_t)due_ms, err);
	if (rc < 0)
		txn->redo.len = mark;
	else
		txn->dirty = true;
	aim->d = stoa__deque_of(aim->t, aim->i);
	return rc;
}

/* Moves a row to the table for dead letters; its values are in @values, room for one each. */
static int move(struct stoa__aim *aim, uint64_t row, stoa_table dead, struct stoa_value *values,
		struct stoa_error *err)
{
	size_t n = aim->t->schema->n_slots;

	STOA_TRY(stoa_get(aim->txn, aim->table, row, values, n, err));
	/* They borrow from what this does not free: deletion comes last. */
	STOA_TRY(stoa_insert(aim->txn, dead, values, n, NULL, err));
	return stoa_delete(aim->txn, aim->table, row, err);
}

/* The same, all or nothing. Whatever comes of it, the aim must be taken again. */
static int bury(struct stoa__aim *aim, uint64_t row, stoa_table dead, struct stoa_error *err)
{
	struct stoa_txn *txn = aim->txn;
	size_t mark = txn->redo.len;
	struct stoa__version *before;
	struct stoa_value *values = stoa__calloc(aim->t->schema->n_slots, sizeof *values);
	int rc;

	if (!values)
		return stoa__fail_memory(err);
	rc = stoa__txn_freeze(txn, &before, err);
	if (rc == STOA_OK) {
		rc = move(aim, row, dead, values, err);
		if (rc < 0) {
			stoa__txn_rollback(txn, before);
			txn->redo.len = mark;
		}
		stoa__version_drop(before);
	}
	stoa__free(values);
	return rc;
}

/* A job goes back to its queue, or to the dead letters. */
static int give_back(struct stoa__aim *aim, const struct stoa__job *job, enum stoa_end end,
		     int64_t until_ms, struct stoa_error *err)
{
	const struct stoa__index_def *def = &aim->t->schema->indexes[aim->i];
	struct stoa__job like = { .row = job->row, .attempts = job->attempts, .end = (uint8_t)end,
				  .state = until_ms ? STOA__JOB_DELAYED : STOA__JOB_READY };
	uint64_t limit = def->number[STOA__DEQUE_ATTEMPTS];

	if (limit && job->state == STOA__JOB_CLAIMED && job->attempts >= limit) {
		int rc = bury(aim, job->row, (stoa_table)def->number[STOA__DEQUE_DEAD], err);

		STOA_TRY(stoa__aim_again(aim, err));
		/* A table that is missing, frozen or of other slots does not stop the work. */
		if (rc == STOA_OK || rc == STOA_ENOMEM)
			return rc;
	}
	return set_job(aim, &like, until_ms, err);
}

/* ---- ends ---- */

static int end_overdue(struct stoa__aim *aim, int64_t now, struct stoa_error *err)
{
	uint64_t due = 0;
	struct stoa__job *job;

	while ((job = stoa__job_next_due(aim->d, &due)) &&
	       stoa__job_due_ms(job) <= (uint64_t)now) {
		enum stoa_end end = job->state == STOA__JOB_CLAIMED ? STOA_FRONT :
								      (enum stoa_end)job->end;

		STOA_TRY(give_back(aim, job, end, 0, err));
		due = 0;
	}
	return STOA_OK;
}

/* Gives back what those who have gone had claimed. */
static int end_orphaned(struct stoa__aim *aim, struct stoa_error *err)
{
	uint64_t due = 0, known = 0;	/* known: a consumer that lives */
	struct stoa__job *job;

	for (; (job = stoa__job_next_due(aim->d, &due)); due++) {
		if (job->state != STOA__JOB_CLAIMED || !job->owner || job->owner == known)
			continue;
		if (stoa__consumer_is_alive(aim->txn->db, job->owner))
			known = job->owner;
		else
			STOA_TRY(give_back(aim, job, STOA_FRONT, 0, err));
	}
	return STOA_OK;
}

int stoa__leases_end_due(struct stoa__aim *aim, struct stoa_error *err)
{
	struct stoa_db *db = aim->txn->db;
	int64_t now = stoa__now_ms();

	STOA_TRY(end_overdue(aim, now, err));
	if (!aim->d->n_claimed ||
	    (stoa__queue_len(stoa__aim_queue(aim)) && now >= db->orphans_ms &&
	     now - db->orphans_ms < STOA__FOREIGN_MS))
		return STOA_OK;
	db->orphans_ms = now;
	return end_orphaned(aim, err);
}

/* ---- the public calls ---- */

/* What a consumer has to know to wait. */
static void tell(stoa_consumer *c, const struct stoa__aim *aim)
{
	uint64_t due = 0;
	const struct stoa__job *first = stoa__job_next_due(aim->d, &due);

	if (!c)
		return;
	c->wake_ms = first ? (int64_t)stoa__job_due_ms(first) : 0;
	c->foreign = aim->d->n_claimed != 0;
}

/* Claims the row at the front, if there is one. */
static int claim_one(struct stoa__aim *aim, uint64_t owner, int64_t deadline_ms,
		     struct stoa_lease *out, struct stoa_error *err)
{
	const struct stoa__queue *q = stoa__aim_queue(aim);
	struct stoa__job like = { .state = STOA__JOB_CLAIMED, .owner = owner };
	const struct stoa__job *job;

	like.row = stoa__queue_end(q, STOA_FRONT);
	if (!like.row)
		return STOA_END;
	job = stoa__job_find(aim->d, like.row);
	like.attempts = (job ? job->attempts : 0) + 1;
	STOA_TRY(set_job(aim, &like, deadline_ms, err));
	*out = (struct stoa_lease){ like.row, like.attempts, deadline_ms * 1000 };
	return STOA_ROW;
}

int stoa_deque_claim(stoa_txn *txn, stoa_table table, stoa_index index,
		     const struct stoa_value *queue, stoa_consumer *consumer, uint32_t lease_ms,
		     struct stoa_lease *leases, size_t n, size_t *n_out, struct stoa_error *err)
{
	uint64_t owner = consumer ? consumer->number : 0;
	struct stoa__aim aim;
	int64_t deadline;
	int rc = STOA_ROW;

	if (!leases || !n || !n_out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for a lease");
	*n_out = 0;
	STOA_TRY(stoa__aim_write(txn, table, index, queue, &aim, err));
	STOA_TRY(stoa__leases_end(&aim, err));
	deadline = stoa__now_ms() + lease_ms;
	while (*n_out < n && rc == STOA_ROW) {
		rc = claim_one(&aim, owner, deadline, &leases[*n_out], err);
		*n_out += rc == STOA_ROW;
	}
	tell(consumer, &aim);
	/* What has been claimed is claimed; a failure comes again at the next call. */
	return *n_out ? STOA_ROW : rc;
}

/* The job of a lease that is not over. */
static int find_lease(struct stoa_txn *txn, stoa_table table, stoa_index index,
		      const struct stoa_lease *lease, struct stoa__aim *aim,
		      const struct stoa__job **out, struct stoa_error *err)
{
	*out = NULL;
	if (!lease)
		return stoa__fail(err, STOA_EINVAL, "the lease is NULL");
	STOA_TRY(stoa__aim_own(txn, table, index, aim, err));
	*out = stoa__job_find(aim->d, lease->row);
	if (!*out || (*out)->state != STOA__JOB_CLAIMED || (*out)->attempts != lease->attempt)
		return stoa__fail(err, STOA_ESTATE,
				  "the lease of row %llu in table \"%s\" is over: another consumer may "
				  "have the job",
				  (unsigned long long)lease->row, aim->t->schema->name);
	return STOA_OK;
}

int stoa_deque_ack(stoa_txn *txn, stoa_table table, stoa_index index,
		   const struct stoa_lease *lease, struct stoa_error *err)
{
	const struct stoa__job *job;
	struct stoa__aim aim;

	STOA_TRY(find_lease(txn, table, index, lease, &aim, &job, err));
	return stoa_delete(txn, table, lease->row, err);
}

static int no_end(struct stoa_error *err)
{
	return stoa__fail(err, STOA_EINVAL, "an end is STOA_FRONT or STOA_BACK");
}

int stoa_deque_nack(stoa_txn *txn, stoa_table table, stoa_index index,
		    const struct stoa_lease *lease, enum stoa_end end, uint32_t delay_ms,
		    struct stoa_error *err)
{
	const struct stoa__job *job;
	struct stoa__aim aim;

	if (end != STOA_FRONT && end != STOA_BACK)
		return no_end(err);
	STOA_TRY(find_lease(txn, table, index, lease, &aim, &job, err));
	return give_back(&aim, job, end, delay_ms ? stoa__now_ms() + delay_ms : 0, err);
}

int stoa_deque_extend(stoa_txn *txn, stoa_table table, stoa_index index, struct stoa_lease *lease,
		      uint32_t lease_ms, struct stoa_error *err)
{
	int64_t deadline = stoa__now_ms() + lease_ms;
	const struct stoa__job *job;
	struct stoa__job like;
	struct stoa__aim aim;

	STOA_TRY(find_lease(txn, table, index, lease, &aim, &job, err));
	like = (struct stoa__job){ .row = job->row, .owner = job->owner, .attempts = job->attempts,
				   .state = STOA__JOB_CLAIMED };
	STOA_TRY(set_job(&aim, &like, deadline, err));
	lease->deadline = deadline * 1000;
	return STOA_OK;
}

int stoa_deque_next_lease(stoa_txn *txn, stoa_table table, stoa_index index, uint64_t *place,
			  struct stoa_lease *out, struct stoa_error *err)
{
	static const struct stoa_value none;
	const struct stoa__job *job;
	struct stoa__aim aim;

	STOA_TRY(stoa__aim_read(txn, table, index, &none, &aim, err));
	if (!place || !out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the lease");
	do {
		job = stoa__tree_next(aim.d->jobs, *place, false, place);
	} while (job && job->state != STOA__JOB_CLAIMED);
	if (!job)
		return STOA_END;
	*out = (struct stoa_lease){ job->row, job->attempts,
				    (int64_t)stoa__job_due_ms(job) * 1000 };
	return STOA_ROW;
}
