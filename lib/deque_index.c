/* SPDX-License-Identifier: MIT */
/* deque_index.c - see deque_index.h */
#include "deque_index.h"

#include <string.h>

#include "core/type.h"
#include "refs.h"

/* ---- names ---- */

#define NUMBER_BYTES 16

static bool is_text(unsigned type)
{
	return stoa__type_family(type) == STOA__BYTES;
}

int stoa__queue_name_of(const struct stoa__table *t, uint32_t i, const struct stoa_value *v,
			struct stoa__queue_name *out, struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];

	out->len = 0;
	if (!def->n_slots || v->type == STOA_NULL)
		return STOA_OK;
	if (!is_text(v->type)) {
		out->len = 1 + NUMBER_BYTES;
		out->p[0] = 1;
		memset(out->p + 1, 0, NUMBER_BYTES);
		memcpy(out->p + 1, v->uuid, v->type == STOA_UUID ? NUMBER_BYTES : sizeof v->i);
		return STOA_OK;
	}
	if (v->len >= STOA__QUEUE_NAME_MAX)
		return stoa__fail(err, STOA_ERANGE,
				  "slot \"%s\" names a queue: at most %d bytes, not %u",
				  t->schema->slots[def->slots[0]].def.name, STOA__QUEUE_NAME_MAX - 1,
				  v->len);
	out->len = 1 + v->len;
	out->p[0] = 1;
	memcpy(out->p + 1, v->p, v->len);
	return STOA_OK;
}

int stoa__queue_name_value(const struct stoa__table *t, uint32_t i, struct stoa_bytes name,
			   struct stoa_value *out, struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];
	const struct stoa_slot *slot = def->n_slots ? &t->schema->slots[def->slots[0]].def : NULL;

	*out = stoa_null();
	if (!name.len)
		return STOA_OK;
	if (!slot || (!is_text(slot->type) && name.len != 1 + NUMBER_BYTES))
		return stoa__fail_corrupt(err, "catalog.mdb", 0, "the name of a queue is malformed");
	if (is_text(slot->type)) {
		*out = stoa_bytes_value((enum stoa_type)slot->type, name.p + 1, name.len - 1);
		return STOA_OK;
	}
	out->type = slot->type;
	out->scale = slot->scale;
	memcpy(out->uuid, name.p + 1, NUMBER_BYTES);
	return STOA_OK;
}

int stoa__queue_name_at(const struct stoa__table *t, uint32_t i, struct stoa__place at,
			struct stoa__queue_name *out, struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];
	struct stoa__buf scratch = STOA__BUF_INIT;
	struct stoa_value v;
	int rc;

	out->len = 0;
	if (!def->n_slots)
		return STOA_OK;
	rc = stoa__group_value(at.group, &t->schema->slots[def->slots[0]], def->slots[0], at.row,
			       &scratch, &v, err);
	if (rc == STOA_OK)
		rc = stoa__queue_name_of(t, i, &v, out, err);
	stoa__buf_release(&scratch);
	return rc;
}

/* ---- rows change ---- */

int stoa__deque_index_own(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			  struct stoa__deque **out, struct stoa_error *err)
{
	*out = NULL;
	return stoa__index_own(w, t, i, out) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

static int reserve(struct stoa__version *w, struct stoa__deque *d,
		   const struct stoa__queue_name *name, enum stoa_end end,
		   struct stoa__queue **out, struct stoa_error *err)
{
	int rc = stoa__deque_reserve(w, d, stoa__queue_name_bytes(name), end, out);

	if (rc == STOA_EFULL)
		return stoa__fail(err, rc, "there are too many names of queues with the same hash");
	return rc < 0 ? stoa__fail_memory(err) : STOA_OK;
}

static int in_no_queue(const struct stoa__table *t, uint32_t i, struct stoa_error *err)
{
	return stoa__fail_corrupt(err, "catalog.mdb", 0,
				  "table \"%s\": a row is in no queue of deque \"%s\"",
				  t->schema->name, t->schema->indexes[i].name);
}

/* The queue of the row at @at, which has an entry in it, as one that may be changed. */
static int own_queue(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		     struct stoa__deque *d, struct stoa__place at, struct stoa__queue **out,
		     struct stoa_error *err)
{
	struct stoa__queue_name name;

	name.len = 0;
	if (t->schema->indexes[i].n_slots)
		STOA_TRY(stoa__queue_name_at(t, i, at, &name, err));
	*out = stoa__deque_find(d, stoa__queue_name_bytes(&name));
	if (!*out || (*out)->front == (*out)->back)
		return in_no_queue(t, i, err);
	return stoa__deque_own(w, d, out) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

static enum stoa_end aimed_at(const struct stoa__deque *d)
{
	return d->to_front ? STOA_FRONT : STOA_BACK;
}

static int before_insert(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			 struct stoa__change *change, struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];
	struct stoa__queue_name name;
	struct stoa__deque *d;
	struct stoa__queue *q;

	STOA_TRY(stoa__deque_index_own(w, t, i, &d, err));
	STOA_TRY(stoa__queue_name_of(t, i, def->n_slots ? &change->values[def->slots[0]] : NULL,
				     &name, err));
	STOA_TRY(reserve(w, d, &name, aimed_at(d), &q, err));
	change->note[i] = (uintptr_t)q;
	return STOA_OK;
}

static int before_delete(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			 struct stoa__change *change, struct stoa_error *err)
{
	struct stoa__queue *q = NULL;
	struct stoa__deque *d;
	struct stoa__job *job;

	STOA_TRY(stoa__deque_index_own(w, t, i, &d, err));
	job = stoa__job_find(d, change->rowid);
	if (job && stoa__job_own(w, d, job) < 0)
		return stoa__fail_memory(err);
	if (!stoa__job_waits(job))
		STOA_TRY(own_queue(w, t, i, d, change->at, &q, err));
	change->note[i] = (uintptr_t)q;
	return STOA_OK;
}

/* The new value of the slot that names the queue. */
static const struct stoa_value *new_name(const struct stoa__index_def *def,
					 const struct stoa__change *change)
{
	const struct stoa_value *v = NULL;

	for (size_t k = 0; k < change->n; k++)
		if (change->slots[k] == def->slots[0])
			v = &change->values[k];	/* the last one counts */
	return v;
}

static int before_update(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			 struct stoa__change *change, struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];
	struct stoa__queue_name from, to;
	struct stoa__deque *d;

	change->note[i] = 0;
	if (!stoa__index_touched(def, change))
		return STOA_OK;
	STOA_TRY(stoa__queue_name_of(t, i, new_name(def, change), &to, err));
	STOA_TRY(stoa__queue_name_at(t, i, change->at, &from, err));
	if (from.len == to.len && !memcmp(from.p, to.p, to.len))
		return STOA_OK;
	STOA_TRY(stoa__deque_index_own(w, t, i, &d, err));
	if (stoa__job_waits(stoa__job_find(d, change->rowid)))
		return STOA_OK;	/* it comes back to the queue that it names then */
	STOA_TRY(own_queue(w, t, i, d, change->at, &d->move.from, err));
	if (!stoa__queue_find(d->move.from, change->rowid, &d->move.at))
		return stoa__fail_corrupt(err, "catalog.mdb", 0,
					  "table \"%s\": a row is not in its queue",
					  t->schema->name);
	if (stoa__queue_own_entry(w, d->move.from, d->move.at) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(reserve(w, d, &to, STOA_BACK, &d->move.to, err));
	change->note[i] = 1;
	return STOA_OK;
}

static int before(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		  struct stoa__change *change, struct stoa_error *err)
{
	switch (change->kind) {
	case STOA__INSERT:
		return before_insert(w, t, i, change, err);
	case STOA__UPDATE:
		return before_update(w, t, i, change, err);
	default:
		return before_delete(w, t, i, change, err);
	}
}

static void after(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		  const struct stoa__change *change)
{
	struct stoa__deque *d = stoa__deque_of(t, i);
	struct stoa__queue *q = (struct stoa__queue *)(uintptr_t)change->note[i];
	struct stoa__job *job;

	if (change->kind == STOA__INSERT) {
		stoa__deque_push(w, d, q, aimed_at(d), change->rowid);
		d->to_front = false;
	} else if (change->kind == STOA__UPDATE && q) {
		stoa__deque_wipe(w, t, d, d->move.from, d->move.at);
		stoa__deque_push(w, d, d->move.to, STOA_BACK, change->rowid);
	} else if (change->kind == STOA__DELETE) {
		job = stoa__job_find(d, change->rowid);
		if (job)
			stoa__job_drop(w, d, job);
		if (q)
			stoa__deque_leave(w, t, d, q, change->rowid);
	}
}

/* ---- rows that are there ---- */

struct adding {
	struct stoa__version *w;
	struct stoa__table *t;
	uint32_t i;
	uint64_t first;		/* rowids below are in already */
	struct stoa_error *err;
};

static int add_row(struct adding *a, struct stoa__group *g, uint32_t row)
{
	struct stoa__deque *d = stoa__deque_of(a->t, a->i);
	struct stoa__place at = { g, row };
	struct stoa__queue_name name;
	struct stoa__queue *q;
	uint64_t rowid;

	STOA_TRY(stoa__group_rowids(g, row, 1, &rowid, a->err));
	if (rowid < a->first)
		return STOA_OK;
	STOA_TRY(stoa__queue_name_at(a->t, a->i, at, &name, a->err));
	STOA_TRY(reserve(a->w, d, &name, STOA_BACK, &q, a->err));
	stoa__deque_push(a->w, d, q, STOA_BACK, rowid);
	return STOA_OK;
}

static int add_group(void *ctx, uint64_t first, void *value)
{
	struct adding *a = ctx;
	struct stoa__group *g = value;
	uint32_t n = stoa__group_rows(a->t, g);

	(void)first;
	for (uint32_t row = 0; row < n; row++)
		if (stoa__group_alive(g, row))
			STOA_TRY(add_row(a, g, row));
	return STOA_OK;
}

static int create(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		  struct stoa_error *err)
{
	struct adding a = { w, t, i, 0, err };
	struct stoa__deque *d = stoa__block_new(w, STOA__KIND_INDEX, sizeof *d);

	if (!d)
		return stoa__fail_memory(err);
	t->indexes->state[i] = &d->block;
	STOA_TRY(stoa__tree_walk(t->groups, 0, add_group, &a));
	return t->tail ? add_group(&a, 0, t->tail) : STOA_OK;
}

static int appended(struct stoa__version *w, struct stoa_txn *txn, struct stoa__table *t, uint32_t i,
		    uint64_t first, struct stoa__conflicts *c, struct stoa_error *err)
{
	struct adding a = { w, t, i, first, err };
	struct stoa__group *g;
	struct stoa__deque *d;
	uint64_t key = first;

	(void)txn;
	(void)c;
	STOA_TRY(stoa__deque_index_own(w, t, i, &d, err));
	for (g = stoa__tree_next(t->groups, key, true, &key); g;
	     g = stoa__tree_next(t->groups, key, false, &key))
		STOA_TRY(add_group(&a, key, g));
	return STOA_OK;
}

/* ---- jobs ---- */

/* Sees to it that the row's entry can be taken out of its queue. */
static int prepare_leave(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			 struct stoa__deque *d, struct stoa__place at, uint64_t row,
			 struct stoa__queue **q, uint64_t *entry, struct stoa_error *err)
{
	STOA_TRY(own_queue(w, t, i, d, at, q, err));
	if (!stoa__queue_find(*q, row, entry))
		return stoa__fail_corrupt(err, "catalog.mdb", 0,
					  "table \"%s\": a row is not in its queue",
					  t->schema->name);
	if (*entry == (*q)->front || *entry == (*q)->back - 1)
		return STOA_OK;
	return stoa__queue_own_entry(w, *q, *entry) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

static int leave_with_job(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			  struct stoa__deque *d, struct stoa__place at,
			  const struct stoa__job *like, uint64_t due_ms, struct stoa_error *err)
{
	struct stoa__queue *q;
	uint64_t entry;

	STOA_TRY(prepare_leave(w, t, i, d, at, like->row, &q, &entry, err));
	if (stoa__job_set(w, d, like, due_ms) < 0)
		return stoa__fail_memory(err);
	if (entry == q->front || entry == q->back - 1)
		stoa__deque_leave(w, t, d, q, like->row);
	else
		stoa__deque_wipe(w, t, d, q, entry);
	return STOA_OK;
}

static int enter_with_job(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			  struct stoa__deque *d, struct stoa__place at,
			  const struct stoa__job *like, struct stoa_error *err)
{
	struct stoa__queue_name name;
	struct stoa__queue *q;

	STOA_TRY(stoa__queue_name_at(t, i, at, &name, err));
	STOA_TRY(reserve(w, d, &name, (enum stoa_end)like->end, &q, err));
	if (stoa__job_set(w, d, like, 0) < 0)
		return stoa__fail_memory(err);
	stoa__deque_push(w, d, q, (enum stoa_end)like->end, like->row);
	return STOA_OK;
}

int stoa__deque_set_job(struct stoa__version *w, struct stoa__table *t, uint32_t i,
			const struct stoa__job *like, uint64_t due_ms, struct stoa_error *err)
{
	struct stoa__deque *d;
	struct stoa__place at;
	bool waited;
	int rc = stoa__table_locate(t, like->row, &at, err);

	if (rc == STOA_ENOTFOUND)
		return stoa__row_not_found(t, like->row, err);
	STOA_TRY(rc);
	STOA_TRY(stoa__deque_index_own(w, t, i, &d, err));
	waited = stoa__job_waits(stoa__job_find(d, like->row));
	if (!waited && stoa__job_waits(like))
		return leave_with_job(w, t, i, d, at, like, due_ms, err);
	if (waited && !stoa__job_waits(like))
		return enter_with_job(w, t, i, d, at, like, err);
	return stoa__job_set(w, d, like, due_ms) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

int stoa__deque_rotate(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		       struct stoa_bytes name, enum stoa_end from, uint64_t n,
		       struct stoa_error *err)
{
	struct stoa__deque *d;
	struct stoa__queue *q;

	STOA_TRY(stoa__deque_index_own(w, t, i, &d, err));
	q = stoa__deque_find(d, name);
	if (stoa__queue_len(q) < 2)
		return STOA_OK;
	for (n %= stoa__queue_len(q); n; n--)
		if (stoa__deque_turn(w, t, d, &q, from) < 0)
			return stoa__fail_memory(err);
	return STOA_OK;
}

/* ---- the kind ---- */

static int define(const struct stoa__schema *s, const struct stoa_index_options *o,
		  struct stoa__index_def *def, struct stoa_error *err)
{
	unsigned type = o->n_slots ? s->slots[def->slots[0]].def.type : STOA_NULL;

	if (o->flags || o->n_slots > 1)
		return stoa__fail(err, STOA_EINVAL,
				  "a deque has no flags, and at most one slot, which names its queues");
	if (type == STOA_F32 || type == STOA_F64)
		return stoa__fail(err, STOA_EINVAL,
				  "slot \"%s\" is a float, of which no two need be equal: it cannot name "
				  "queues", s->slots[def->slots[0]].def.name);
	if (!o->attempts_max != !o->dead)
		return stoa__fail(err, STOA_EINVAL,
				  "a limit on attempts needs a table for dead letters, and the other way "
				  "round");
	if (!def->name[0])
		memcpy(def->name, "deque", sizeof "deque");
	def->number[STOA__DEQUE_MAXLEN] = o->maxlen;
	def->number[STOA__DEQUE_ATTEMPTS] = o->attempts_max;
	def->number[STOA__DEQUE_DEAD] = o->dead;
	return STOA_OK;
}

void stoa__deque_tell(const struct stoa__index_def *def, struct stoa_index_info *out)
{
	out->maxlen = def->number[STOA__DEQUE_MAXLEN];
	out->attempts_max = (uint32_t)def->number[STOA__DEQUE_ATTEMPTS];
	out->dead = (stoa_table)def->number[STOA__DEQUE_DEAD];
}

static void each_block(struct stoa__block *state, void (*each)(void *ctx, struct stoa__block *b),
		       void *ctx)
{
	struct stoa__deque *d = (struct stoa__deque *)(void *)state;

	stoa__deque_each_block(d, each, ctx);
	stoa__job_each_block(d, each, ctx);
	each(ctx, state);
}

const struct stoa__index_ops stoa__deque_ops = {
	.name = "deque",
	.define = define,
	.create = create,
	.before = before,
	.after = after,
	.appended = appended,
	.each_block = each_block,
	.store = stoa__deque_store,
	.load = stoa__deque_load,
	.loaded = stoa__deque_loaded,
};
