/* SPDX-License-Identifier: MIT */
/*
 * deque_table.c - queues to be read in FROM
 *
 *     deque('jobs' [, name = 'by_host'] [, queue = 'a.org'] [, reverse = true])
 *         rows of a queue from its front to its back, or the other way: rowid, then the slots of
 *         the table
 *     deques('jobs' [, name = 'by_host'])
 *         the queues that have rows: queue, len
 *
 * Reading takes nothing away; with it, statements do what queues do:
 *
 *     INSERT INTO jobs VALUES (...)                                                           push at the back
 *     DELETE FROM jobs WHERE rowid IN (SELECT rowid FROM deque('jobs') LIMIT 1) RETURNING *   pop from the front
 *
 * Both are cursors of the library (stoa_deque_scan(), stoa_deque_next()) in the shape of a source.
 */
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/error.h"
#include "../lib/core/limits.h"
#include "../lib/core/type.h"
#include "arena.h"
#include "keys.h"
#include "lease_table.h"

struct deque_table {
	struct stoa__relation relation;
	stoa_txn *txn;
	stoa_table table;
	stoa_index index;
	struct stoa_value queue;	/* bytes are a heap copy of ours */
	bool has_queue, reverse, is_list;
	struct stoa__arena arena;	/* slots and their names */
};

struct deque_source {
	struct stoa__source source;
	struct deque_table *deque;
	const uint32_t *slots;	/* by column: a position in the relation */
	size_t n_slots;
	struct stoa_column *columns;
	stoa_cursor *cur;		/* over what is wanted of the rows */
	struct stoa_batch batch;
	struct stoa_value *names;	/* of the list of queues: all of them */
	uint64_t *lens;
	uint32_t n_names;
	size_t at;			/* before the current batch */
	struct stoa__arena bytes;
	size_t n;
	void **rooms;			/* by column */
	uint64_t **valid;
};

/* ---- the source ------------------------------------------------------------------------------ */

static const struct stoa_column *source_columns(struct stoa__source *source, size_t *n)
{
	struct deque_source *s = (struct deque_source *)source;

	*n = s->n_slots;
	return s->columns;
}

/* The bytes of a queue's name, which borrow from the transaction, are copied. */
static int keep_name(struct deque_source *s, struct stoa_value *v, struct stoa_error *err)
{
	bool is_uuid = v->type == STOA_UUID;

	if (v->type == STOA_NULL || (!is_uuid && stoa__type_family(v->type) != STOA__BYTES))
		return STOA_OK;
	if (is_uuid)
		v->len = sizeof v->uuid;
	v->p = stoa__arena_copy(&s->bytes, is_uuid ? (const char *)v->uuid : v->p, v->len);
	return v->p ? STOA_OK : stoa__fail_memory(err);
}

/* All queues: a cursor may outlive its transaction, which the walk cannot. */
static int read_names(struct deque_source *s, struct stoa_error *err)
{
	const struct deque_table *d = s->deque;
	uint64_t place = 0;
	uint32_t cap_lens = 0, cap = 0;

	for (;; s->n_names++) {
		void *names = s->names, *lens = s->lens;
		bool ok = stoa__grow(&names, &cap, s->n_names + 1, sizeof *s->names);
		s->names = names;
		ok = ok && stoa__grow(&lens, &cap_lens, s->n_names + 1, sizeof *s->lens);
		s->lens = lens;
		if (!ok)
			return stoa__fail_memory(err);
		int rc = stoa_deque_next(d->txn, d->table, d->index, &place, &s->names[s->n_names],
					 &s->lens[s->n_names], err);
		if (rc != STOA_ROW)
			return rc < 0 ? rc : STOA_OK;
		STOA_TRY(keep_name(s, &s->names[s->n_names], err));
	}
}

static int next_names(struct deque_source *s)
{
	s->at += s->n;
	s->n = s->n_names - s->at;
	if (s->n > STOA__BATCH_ROWS)
		s->n = STOA__BATCH_ROWS;
	return s->n ? STOA_ROW : STOA_END;
}

static int source_next(struct stoa__source *source, size_t *n, const stoa_rowid **rowids,
		       struct stoa_error *err)
{
	struct deque_source *s = (struct deque_source *)source;
	int rc;

	(void)rowids;
	if (s->deque->is_list) {
		rc = next_names(s);
	} else {
		rc = stoa_next_batch(s->cur, &s->batch, err);
		s->n = s->batch.n_rows;
	}
	*n = s->n;
	return rc;
}

/* Room for column @i; NULL when there is none. */
static void *room_of(struct deque_source *s, size_t i)
{
	if (!s->rooms[i])
		s->rooms[i] = stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
	if (!s->valid[i])
		s->valid[i] = stoa__alloc_aligned(STOA__WORDS(STOA__BATCH_ROWS) * 8);
	return s->valid[i] ? s->rooms[i] : NULL;
}

static void put_name(const struct stoa_value *v, size_t i, bool bytes, void *room, uint64_t *valid)
{
	stoa__bit_clear(valid, i);
	if (bytes)
		((struct stoa_bytes *)room)[i] = (struct stoa_bytes){ "", 0 };
	else
		((uint64_t *)room)[i] = 0;
	if (v->type == STOA_NULL)
		return;
	stoa__bit_set(valid, i);
	if (bytes)
		((struct stoa_bytes *)room)[i] = (struct stoa_bytes){ v->p, v->len };
	else
		((uint64_t *)room)[i] = v->u;
}

static int list_column(struct deque_source *s, size_t i, struct stoa__vec *out,
		       struct stoa_error *err)
{
	void *room = room_of(s, i);

	if (!room)
		return stoa__fail_memory(err);
	out->values = room;
	if (s->slots[i] == 1) {
		memcpy(room, s->lens + s->at, s->n * sizeof *s->lens);
		return STOA_OK;
	}
	for (size_t k = 0; k < s->n; k++)
		put_name(&s->names[s->at + k], k, out->phys == STOA__PHYS_BYTES, room, s->valid[i]);
	out->validity = s->valid[i];
	return STOA_OK;
}

static int source_column(struct stoa__source *source, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct deque_source *s = (struct deque_source *)source;
	const struct stoa_column *c = &s->columns[i];
	const struct stoa_array *a;
	void *room;
	size_t at = 0;

	*out = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = (uint8_t)stoa__phys_of(c->type),
				   .type = c->type, .scale = c->scale, .n = s->n };
	if (s->deque->is_list)
		return list_column(s, i, out, err);
	if (s->slots[i] == 0) {
		out->values = s->batch.rowids;
		return STOA_OK;
	}
	room = room_of(s, i);
	if (!room)
		return stoa__fail_memory(err);
	for (size_t k = 0; k < i; k++)
		at += s->slots[k] != 0;
	a = &s->batch.columns[at];
	stoa__widen(a->type, s->n, a->values, room);
	out->values = room;
	out->validity = a->validity;
	return STOA_OK;
}

static uint64_t source_rows(struct stoa__source *source)
{
	return ((struct deque_source *)source)->deque->relation.n_rows;
}

static void source_close(struct stoa__source *source)
{
	struct deque_source *s = (struct deque_source *)source;

	stoa_cursor_close(s->cur);
	for (size_t i = 0; s->rooms && s->valid && i < s->n_slots; i++) {
		stoa__free(s->rooms[i]);
		stoa__free(s->valid[i]);
	}
	stoa__free(s->rooms);
	stoa__free(s->valid);
	stoa__free(s->names);
	stoa__free(s->lens);
	stoa__free((void *)(uintptr_t)s->slots);
	stoa__free(s->columns);
	stoa__arena_release(&s->bytes);
	stoa__relation_drop(&s->deque->relation);
	stoa__free(s);
}

/* What the library's cursor is to read: all columns but the rowid. */
static int open_cursor(struct deque_source *s, struct stoa_error *err)
{
	const struct deque_table *d = s->deque;
	uint32_t *wanted = stoa__calloc(s->n_slots + 1, sizeof *wanted);
	size_t n = 0;
	int rc;

	if (!wanted)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->slots[i])
			wanted[n++] = s->slots[i] - 1;
	rc = stoa_deque_scan(d->txn, d->table, d->index, d->has_queue ? &d->queue : NULL,
			     d->reverse ? STOA_BACK : STOA_FRONT, wanted, n, &s->cur, err);
	stoa__free(wanted);
	return rc;
}

static int source_init(struct deque_source *s, const uint32_t *slots, size_t n,
		       struct stoa_error *err)
{
	const struct stoa__relation *r = &s->deque->relation;
	uint32_t *copy = stoa__calloc(n + 1, sizeof *copy);

	s->slots = copy;
	s->columns = stoa__calloc(n + 1, sizeof *s->columns);
	s->rooms = stoa__calloc(n + 1, sizeof(*s->rooms));
	s->valid = stoa__calloc(n + 1, sizeof(*s->valid));
	if (!copy || !s->columns || !s->rooms || !s->valid)
		return stoa__fail_memory(err);
	s->n_slots = n;
	for (size_t i = 0; i < n; i++) {
		const struct stoa_slot *slot = &r->slots[slots[i]];
		copy[i] = slots[i];
		s->columns[i] = (struct stoa_column){ slot->name,
						      stoa__type_is_ref(slot->type) ? STOA_I64 : slot->type,
						      slot->precision, slot->scale };
	}
	return s->deque->is_list ? read_names(s, err) : open_cursor(s, err);
}

static int deque_open(struct stoa__relation *r, const uint32_t *slots, size_t n_slots,
		      struct stoa__source **out, struct stoa_error *err)
{
	static const struct stoa__source_ops ops = {
		.columns = source_columns, .next = source_next, .column = source_column,
		.n_rows = source_rows, .close = source_close,
	};
	struct deque_source *s = stoa__calloc(1, sizeof *s);
	int rc;

	*out = NULL;
	if (!s)
		return stoa__fail_memory(err);
	s->source.ops = &ops;
	s->deque = (struct deque_table *)r;
	stoa__relation_hold(r);
	rc = source_init(s, slots, n_slots, err);
	if (rc < 0)
		source_close(&s->source);
	else
		*out = &s->source;
	return rc;
}

/* ---- the functions --------------------------------------------------------------------------- */

static void deque_free(struct stoa__relation *r)
{
	struct deque_table *d = (struct deque_table *)r;

	if (d->has_queue && stoa__type_family(d->queue.type) == STOA__BYTES)
		stoa__free((void *)(uintptr_t)d->queue.p);
	stoa__arena_release(&d->arena);
	stoa__free(d);
}

static int text_arg(const struct stoa__table_call *call, const struct stoa__table_arg *a,
		    char **out, struct stoa_error *err)
{
	*out = NULL;
	if (!a)
		return STOA_OK;
	if (a->value.type != STOA_TEXT || memchr(a->value.p, 0, a->value.len))
		return stoa__table_fail(call, a, err, STOA_ETYPE, "a name is wanted here, as a text");
	*out = stoa__strndup(a->value.p, a->value.len);
	return *out ? STOA_OK : stoa__fail_memory(err);
}

int stoa__deque_named(stoa_txn *txn, stoa_table table, const char *name, const char *say_which,
		      stoa_index *out, struct stoa_index_info *info, struct stoa_error *err)
{
	stoa_index at = 0;
	int rc;

	*out = 0;
	if (name) {
		STOA_TRY(stoa_index_find(txn, table, name, out, err));
		STOA_TRY(stoa_index_info(txn, table, *out, info, err));
		return info->kind == STOA_INDEX_DEQUE ?
			       STOA_OK :
			       stoa__fail(err, STOA_EINVAL, "'%s' is no deque", name);
	}
	while ((rc = stoa_index_next(txn, table, at, &at, err)) == STOA_ROW) {
		STOA_TRY(stoa_index_info(txn, table, at, info, err));
		if (info->kind != STOA_INDEX_DEQUE)
			continue;
		if (*out)
			return stoa__fail(err, STOA_EINVAL,
					  "the table has several deques: say which by %s", say_which);
		*out = at;
	}
	STOA_TRY(rc);
	if (!*out)
		return stoa__fail(err, STOA_ENOTFOUND,
				  "the table has no deque: CREATE DEQUE makes one");
	return stoa_index_info(txn, table, *out, info, err);
}

static int take_queue(const struct stoa__table_call *call, struct deque_table *d, bool named,
		      struct stoa_error *err)
{
	const struct stoa__table_arg *q = stoa__table_arg(call, 0, "queue");
	const struct stoa__table_arg *r = stoa__table_arg(call, 0, "reverse");

	if (r && r->value.type != STOA_BOOL)
		return stoa__table_fail(call, r, err, STOA_ETYPE, "true or false is wanted here");
	d->reverse = r && r->value.i;
	if (named != (q != NULL))
		return stoa__table_fail(call, q, err, STOA_EINVAL, named ?
					"rows are in many queues: say which by queue = ..." :
					"the deque has one queue, without a name");
	if (!q)
		return STOA_OK;
	d->queue = q->value;
	if (q->value.type != STOA_NULL && stoa__type_family(q->value.type) == STOA__BYTES)
		d->queue.p = stoa__strndup(q->value.p ? q->value.p : "", q->value.len);
	d->has_queue = q->value.type == STOA_NULL || d->queue.p ||
		       stoa__type_family(q->value.type) != STOA__BYTES;
	return d->has_queue ? STOA_OK : stoa__fail_memory(err);
}

static int add_slot(struct deque_table *d, struct stoa_slot *slots, const struct stoa_slot *like,
		    const char *name, struct stoa_error *err)
{
	struct stoa_slot *slot = &slots[d->relation.n_slots++];

	*slot = *like;
	slot->name = stoa__arena_copy(&d->arena, name, strlen(name));
	return slot->name ? STOA_OK : stoa__fail_memory(err);
}

static int make_slots(struct deque_table *d, const struct stoa_table_info *info,
		      const struct stoa_index_info *index, struct stoa_error *err)
{
	static const struct stoa_slot rowid = { .type = STOA_I64, .flags = STOA_NOT_NULL },
				      queue = { .type = STOA_TEXT },
				      len = { .type = STOA_I64, .flags = STOA_NOT_NULL };
	struct stoa_slot *slots = stoa__arena_array(&d->arena, info->n_slots + 2, sizeof *slots);

	if (!slots)
		return stoa__fail_memory(err);
	d->relation.slots = slots;
	if (d->is_list) {
		const struct stoa_slot *like = index->n_slots ? &info->slots[index->slots[0]] : &queue;
		STOA_TRY(add_slot(d, slots, like, "queue", err));
		slots[0].flags = 0;
		return add_slot(d, slots, &len, "len", err);
	}
	STOA_TRY(add_slot(d, slots, &rowid, "rowid", err));
	for (size_t i = 0; i < info->n_slots; i++)
		STOA_TRY(add_slot(d, slots, &info->slots[i], info->slots[i].name, err));
	return STOA_OK;
}

static int fill(const struct stoa__table_call *call, struct deque_table *d, struct stoa_error *err)
{
	struct stoa_table_info info;
	struct stoa_index_info index;
	char *table, *name;
	int rc;

	STOA_TRY(text_arg(call, stoa__table_arg(call, 0, NULL), &table, err));
	rc = stoa_table_find(call->txn, table, &d->table, err);
	if (rc == STOA_ENOTFOUND)
		rc = stoa__table_fail(call, stoa__table_arg(call, 0, NULL), err, rc,
				      "there is no table '%s'", table);
	stoa__free(table);
	STOA_TRY(rc);
	STOA_TRY(text_arg(call, stoa__table_arg(call, 0, "name"), &name, err));
	rc = stoa__deque_named(call->txn, d->table, name, "name = '...'", &d->index, &index, err);
	stoa__free(name);
	STOA_TRY(rc);
	STOA_TRY(stoa_table_info(call->txn, d->table, &info, err));
	d->relation.n_rows = info.n_rows;
	STOA_TRY(make_slots(d, &info, &index, err));
	return d->is_list ? STOA_OK : take_queue(call, d, index.n_slots > 0, err);
}

static int make(const struct stoa__table_call *call, bool is_list, struct stoa__relation **out,
		struct stoa_error *err)
{
	static const struct stoa__relation_ops ops = { deque_open, deque_free };
	struct deque_table *d = stoa__calloc(1, sizeof *d);
	int rc;

	if (!d)
		return stoa__fail_memory(err);
	d->relation.ops = &ops;
	d->relation.n_users = 1;
	d->txn = call->txn;
	d->is_list = is_list;
	rc = fill(call, d, err);
	if (rc < 0)
		stoa__relation_drop(&d->relation);
	else
		*out = &d->relation;
	return rc;
}

int stoa__table_deque(const struct stoa__table_call *call, struct stoa__relation **out,
		      struct stoa_error *err)
{
	static const char *const names[] = { "name", "queue", "reverse", NULL };

	STOA_TRY(stoa__table_args_known(call, 1, 1, names, err));
	return make(call, false, out, err);
}

int stoa__table_deques(const struct stoa__table_call *call, struct stoa__relation **out,
		       struct stoa_error *err)
{
	static const char *const names[] = { "name", NULL };

	STOA_TRY(stoa__table_args_known(call, 1, 1, names, err));
	return make(call, true, out, err);
}
