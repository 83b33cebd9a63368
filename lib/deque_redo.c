/* SPDX-License-Identifier: MIT */
/*
 * deque_redo.c - a deque's operations as bytes of a log record, and back; deque_index.h has the
 * bytes
 */
#include "db.h"
#include "deque_index.h"

static int begin(struct stoa_txn *txn, uint8_t op, const struct stoa__table *t, uint32_t i)
{
	STOA_TRY(stoa__buf_put_u8(&txn->redo, op));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, t->id));
	return stoa__buf_put_varint(&txn->redo, t->schema->indexes[i].id);
}

/* Takes back a half-written operation, which began at @mark. A database in memory has no log. */
static int whole(struct stoa_txn *txn, size_t mark, int rc)
{
	if (rc < 0)
		txn->redo.len = mark;
	return rc;
}

int stoa__redo_aim(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, begin(txn, STOA__REDO_AIM, t, i));
}

static int put_job(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i,
		   const struct stoa__job *job, uint64_t due_ms)
{
	STOA_TRY(begin(txn, STOA__REDO_JOB, t, i));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, job->row));
	STOA_TRY(stoa__buf_put_u8(&txn->redo, job->state));
	STOA_TRY(stoa__buf_put_u8(&txn->redo, job->end));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, job->owner));
	STOA_TRY(stoa__buf_put_varint(&txn->redo, job->attempts));
	return stoa__buf_put_varint(&txn->redo, due_ms);
}

int stoa__redo_job(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i,
		   const struct stoa__job *job, uint64_t due_ms)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_job(txn, t, i, job, due_ms));
}

static int put_turn(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i,
		    struct stoa_bytes name, enum stoa_end from, uint64_t n)
{
	STOA_TRY(begin(txn, STOA__REDO_TURN, t, i));
	STOA_TRY(stoa__buf_put_bytes(&txn->redo, name.p, name.len));
	STOA_TRY(stoa__buf_put_u8(&txn->redo, (uint8_t)from));
	return stoa__buf_put_varint(&txn->redo, n);
}

int stoa__redo_turn(struct stoa_txn *txn, const struct stoa__table *t, uint32_t i,
		    struct stoa_bytes name, enum stoa_end from, uint64_t n)
{
	size_t mark = txn->redo.len;

	return whole(txn, mark, put_turn(txn, t, i, name, from, n));
}

/* ---- replay ---- */

static int malformed(struct stoa_error *err)
{
	return stoa__fail(err, STOA_ECORRUPT,
			  "a log record does not fit the database: its catalog or log was replaced");
}

static int replay_job(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		      struct stoa__reader *r, struct stoa_error *err)
{
	struct stoa__job job = { .row = stoa__read_varint(r) };
	uint64_t attempts, due_ms;
	int rc;

	job.state = stoa__read_u8(r);
	job.end = stoa__read_u8(r);
	job.owner = stoa__read_varint(r);
	attempts = stoa__read_varint(r);
	due_ms = stoa__read_varint(r);
	if (r->bad || job.state > STOA__JOB_DELAYED || job.end > STOA_BACK || attempts > UINT32_MAX)
		return malformed(err);
	job.attempts = (uint32_t)attempts;
	rc = stoa__deque_set_job(w, t, i, &job, due_ms, err);
	return rc == STOA_ENOTFOUND ? malformed(err) : rc;
}

static int replay_turn(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		       struct stoa__reader *r, struct stoa_error *err)
{
	size_t len;
	const char *name = (const char *)stoa__read_bytes(r, &len);
	uint8_t from = stoa__read_u8(r);
	uint64_t n = stoa__read_varint(r);

	if (r->bad || len > STOA__QUEUE_NAME_MAX || from > STOA_BACK)
		return malformed(err);
	return stoa__deque_rotate(w, t, i, (struct stoa_bytes){ name, (uint32_t)len },
				  (enum stoa_end)from, n, err);
}

int stoa__deque_replay(struct stoa__version *w, uint8_t op, uint32_t table, struct stoa__reader *r,
		       struct stoa_error *err)
{
	struct stoa__table *t;
	struct stoa__deque *d;
	int rc = stoa__table_own(w, table, &t), at;

	if (rc < 0)
		return rc == STOA_ENOMEM ? stoa__fail_memory(err) : malformed(err);
	at = stoa__schema_find_index(t->schema, (uint32_t)stoa__read_varint(r));
	if (r->bad || at < 0 || t->schema->indexes[at].kind != STOA_INDEX_DEQUE)
		return malformed(err);
	if (op == STOA__REDO_JOB)
		return replay_job(w, t, (uint32_t)at, r, err);
	if (op == STOA__REDO_TURN)
		return replay_turn(w, t, (uint32_t)at, r, err);
	if (op != STOA__REDO_AIM)
		return malformed(err);
	STOA_TRY(stoa__deque_index_own(w, t, (uint32_t)at, &d, err));
	d->to_front = true;
	return STOA_OK;
}
