/* SPDX-License-Identifier: MIT */
/*
 * queue.c - rows pushed, popped and looked at by their place in a deque
 *
 * A push is an insert and a pop a delete, with all that goes with them; the index keeps the entries
 * in step. So what is here finds rows and leaves changing them to rows.c.
 */
#include <string.h>

#include "core/type.h"
#include "lease.h"

static int check_end(enum stoa_end end, struct stoa_error *err)
{
	if (end == STOA_FRONT || end == STOA_BACK)
		return STOA_OK;
	return stoa__fail(err, STOA_EINVAL, "an end is STOA_FRONT or STOA_BACK");
}

/* ---- pushing ---- */

int stoa_deque_push(stoa_txn *txn, stoa_table table, stoa_index index, enum stoa_end end,
		    const struct stoa_value *values, size_t n_values, stoa_rowid *out,
		    struct stoa_error *err)
{
	struct stoa__aim aim;
	size_t mark;
	int rc;

	STOA_TRY(check_end(end, err));
	STOA_TRY(stoa__aim_own(txn, table, index, &aim, err));
	if (end == STOA_BACK)
		return stoa__row_insert(txn, aim.t, values, n_values, out, err);
	STOA_TRY(stoa__deque_index_own(txn->version, aim.t, aim.i, &aim.d, err));
	mark = txn->redo.len;
	if (txn->db->path && stoa__redo_aim(txn, aim.t, aim.i) < 0)
		return stoa__fail_memory(err);
	aim.d->to_front = true;
	txn->front_of = aim.i + 1;
	rc = stoa__row_insert(txn, aim.t, values, n_values, out, err);
	txn->front_of = 0;
	if (rc < 0) {
		txn->redo.len = mark;
		aim.t = stoa__table_find(txn->version, table);
		stoa__deque_of(aim.t, aim.i)->to_front = false;
	}
	return rc;
}

/*
 * Deletes rows at @end until @q is no longer than it may be. Where one cannot be deleted it stays,
 * until the next push: the one that was asked for has been done.
 */
static void cut(struct stoa_txn *txn, struct stoa__table **t, uint32_t i, struct stoa_bytes name,
		enum stoa_end end)
{
	uint64_t maxlen = (*t)->schema->indexes[i].number[STOA__DEQUE_MAXLEN];
	uint32_t id = (*t)->id;

	for (;;) {
		const struct stoa__queue *q = stoa__deque_find(stoa__deque_of(*t, i), name);

		if (stoa__queue_len(q) <= maxlen ||
		    stoa_delete(txn, id, stoa__queue_end(q, end), NULL) < 0)
			return;
		*t = stoa__table_find(txn->version, id);
	}
}

static bool is_bounded(const struct stoa__table *t, uint32_t i)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];

	return def->kind == STOA_INDEX_DEQUE && def->number[STOA__DEQUE_MAXLEN];
}

/* Cuts the queue of deque @i that a row with these values went to. The table, as it is then. */
static struct stoa__table *cut_queue_of(struct stoa_txn *txn, struct stoa__table *t, uint32_t i,
					const struct stoa_value *values)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];
	struct stoa__queue_name name;

	if (stoa__queue_name_of(t, i, def->n_slots ? &values[def->slots[0]] : NULL, &name, NULL) == 0)
		cut(txn, &t, i, stoa__queue_name_bytes(&name),
		    txn->front_of == i + 1 ? STOA_BACK : STOA_FRONT);
	return t;
}

void stoa__deques_cut(struct stoa_txn *txn, struct stoa__table *t, const struct stoa_value *values)
{
	for (uint32_t i = 0; i < t->schema->n_indexes; i++)
		if (is_bounded(t, i))
			t = cut_queue_of(txn, t, i, values);
}

void stoa__deques_cut_all(struct stoa_txn *txn, uint32_t id)
{
	struct stoa__table *t = stoa__table_find(txn->version, id);

	for (uint32_t i = 0; i < t->schema->n_indexes; i++) {
		const struct stoa__queue *q;
		uint64_t number = 0;
		bool or_equal = true;

		while (is_bounded(t, i) &&
		       (q = stoa__deque_next(stoa__deque_of(t, i), number, or_equal))) {
			struct stoa__queue_name name = { .len = q->name_len };

			memcpy(name.p, stoa__queue_name(q).p, name.len);
			number = q->number;
			or_equal = false;
			cut(txn, &t, i, stoa__queue_name_bytes(&name), STOA_FRONT);
		}
	}
}

/* ---- popping ---- */

/*
 * Do the bytes of a row go with it? Those of a tail stay while it does, and that goes with its last
 * row at the earliest.
 */
static bool is_fleeting(const struct stoa__table *t, const struct stoa__group *g)
{
	return !g->tail || stoa__group_n_existing(t, g) == 1;
}

static bool has_bytes(const struct stoa_value *v)
{
	return v->type != STOA_NULL && stoa__type_family(v->type) == STOA__BYTES && v->len;
}

/* Copies the bytes of @values. */
static int keep_bytes(struct stoa_txn *txn, struct stoa_value *values, size_t n)
{
	struct stoa__buf *lent = &txn->lent;
	size_t need = 0;

	for (size_t i = 0; i < n; i++)
		if (has_bytes(&values[i]))
			need += values[i].len;
	stoa__buf_reset(lent);
	STOA_TRY(stoa__buf_reserve(lent, need));
	for (size_t i = 0; i < n; i++) {
		if (!has_bytes(&values[i]))
			continue;
		memcpy(lent->p + lent->len, values[i].p, values[i].len);
		values[i].p = (const char *)lent->p + lent->len;
		lent->len += values[i].len;
	}
	return STOA_OK;
}

static int not_there(const struct stoa__aim *aim, int rc, struct stoa_error *err)
{
	if (rc != STOA_ENOTFOUND)
		return rc;
	return stoa__fail_corrupt(err, "catalog.mdb", 0,
				  "table \"%s\": a deque has a row that is not there",
				  aim->t->schema->name);
}

static int take(struct stoa__aim *aim, uint64_t row, struct stoa_value *out, size_t n_out,
		struct stoa_error *err)
{
	struct stoa_txn *txn = aim->txn;
	struct stoa__place at;
	int rc = stoa__table_locate(aim->t, row, &at, err);

	if (rc < 0)
		return not_there(aim, rc, err);
	if (out) {
		STOA_TRY(stoa__row_get(txn, aim->t, at, out, n_out, err));
		if (is_fleeting(aim->t, at.group) && keep_bytes(txn, out, n_out) < 0)
			return stoa__fail_memory(err);
	}
	return stoa__row_delete(txn, aim->t, row, at, err);
}

int stoa_deque_pop(stoa_txn *txn, stoa_table table, stoa_index index,
		   const struct stoa_value *queue, enum stoa_end end, struct stoa_value *out,
		   size_t n_out, stoa_rowid *row, struct stoa_error *err)
{
	struct stoa__aim aim;
	uint64_t got;

	STOA_TRY(check_end(end, err));
	STOA_TRY(stoa__aim_write(txn, table, index, queue, &aim, err));
	STOA_TRY(stoa__leases_end(&aim, err));
	got = stoa__queue_end(stoa__aim_queue(&aim), end);
	if (!got)
		return STOA_END;
	STOA_TRY(take(&aim, got, out, n_out, err));
	if (row)
		*row = got;
	return STOA_ROW;
}

/* ---- looking ---- */

int stoa_deque_at(stoa_txn *txn, stoa_table table, stoa_index index,
		  const struct stoa_value *queue, int64_t at, stoa_rowid *row,
		  struct stoa_error *err)
{
	struct stoa__aim aim;
	uint64_t got;

	STOA_TRY(stoa__aim_read(txn, table, index, queue, &aim, err));
	if (!row)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the rowid");
	/* -1 is number 0 from the back. */
	got = stoa__queue_at(aim.t, stoa__aim_queue(&aim), at < 0 ? STOA_BACK : STOA_FRONT,
			     (uint64_t)(at < 0 ? ~at : at));
	if (!got)
		return STOA_END;
	*row = got;
	return STOA_ROW;
}

int stoa_deque_len(stoa_txn *txn, stoa_table table, stoa_index index,
		   const struct stoa_value *queue, uint64_t *out, struct stoa_error *err)
{
	struct stoa__aim aim;

	STOA_TRY(stoa__aim_read(txn, table, index, queue, &aim, err));
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the length");
	*out = stoa__queue_len(stoa__aim_queue(&aim));
	return STOA_OK;
}

int stoa_deque_next(stoa_txn *txn, stoa_table table, stoa_index index, uint64_t *place,
		    struct stoa_value *name, uint64_t *len, struct stoa_error *err)
{
	static const struct stoa_value none;
	const struct stoa__queue *q;
	struct stoa__aim aim;

	STOA_TRY(stoa__aim_read(txn, table, index, &none, &aim, err));
	if (!place || !name)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the name");
	/* A place is one above the number of the queue that was there. */
	q = stoa__deque_next(aim.d, *place, true);
	while (q && !stoa__queue_len(q))
		q = stoa__deque_next(aim.d, q->number, false);
	if (!q)
		return STOA_END;
	STOA_TRY(stoa__queue_name_value(aim.t, aim.i, stoa__queue_name(q), name, err));
	*place = q->number + 1;
	if (len)
		*len = stoa__queue_len(q);
	return STOA_ROW;
}

int stoa_deque_stat(stoa_txn *txn, stoa_table table, stoa_index index, struct stoa_deque_stat *out,
		    struct stoa_error *err)
{
	static const struct stoa_value none;
	struct stoa_deque_stat s = STOA_DEQUE_STAT_INIT;
	const struct stoa__job *first;
	struct stoa__aim aim;
	uint64_t due = 0;
	size_t size;

	STOA_TRY(stoa__aim_read(txn, table, index, &none, &aim, err));
	if (!out || out->size < sizeof(size_t))
		return stoa__fail(err, STOA_EINVAL,
				  "the size is wrong: start from STOA_DEQUE_STAT_INIT");
	first = stoa__job_next_due(aim.d, &due);
	s.n_queues = aim.d->n_queues;
	s.n_ready = aim.d->n_entries;
	s.n_claimed = aim.d->n_claimed;
	s.n_delayed = aim.d->n_delayed;
	s.due = first ? (int64_t)stoa__job_due_ms(first) * 1000 : 0;
	size = out->size < sizeof s ? out->size : sizeof s;
	s.size = out->size;
	memcpy(out, &s, size);
	return STOA_OK;
}

/* ---- turning ---- */

/* Rotates @n times, all or none: a turn may fail, so those before it must be undone. */
static int rotate(struct stoa__aim *aim, enum stoa_end from, uint64_t n, struct stoa_error *err)
{
	struct stoa_txn *txn = aim->txn;
	struct stoa__version *before;
	int rc;

	STOA_TRY(stoa__txn_freeze(txn, &before, err));
	rc = stoa__aim_again(aim, err);
	if (rc == STOA_OK)
		rc = stoa__deque_rotate(txn->version, aim->t, aim->i,
					stoa__queue_name_bytes(&aim->name), from, n, err);
	if (rc < 0)
		stoa__txn_rollback(txn, before);
	stoa__version_drop(before);
	return rc;
}

int stoa_deque_rotate(stoa_txn *txn, stoa_table table, stoa_index index,
		      const struct stoa_value *queue, int64_t n, struct stoa_error *err)
{
	enum stoa_end from = n < 0 ? STOA_FRONT : STOA_BACK;
	uint64_t turns = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	struct stoa__aim aim;
	size_t mark;
	int rc;

	STOA_TRY(stoa__aim_write(txn, table, index, queue, &aim, err));
	mark = txn->redo.len;
	if (txn->db->path && stoa__redo_turn(txn, aim.t, aim.i, stoa__queue_name_bytes(&aim.name),
					     from, turns) < 0)
		return stoa__fail_memory(err);
	rc = rotate(&aim, from, turns, err);
	if (rc < 0)
		txn->redo.len = mark;
	else
		txn->dirty = true;
	return rc;
}
