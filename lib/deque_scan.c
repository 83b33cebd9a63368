/* SPDX-License-Identifier: MIT */
/*
 * deque_scan.c - a cursor over the rows of a queue, from either end
 *
 * The rows of a queue may lie anywhere, so values are fetched row by row, a batch of them at a
 * time, and texts are copied: what decoding lends does not last as long as a batch. The version is
 * frozen, as for any cursor.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "cursor.h"
#include "lease.h"

struct column {
	uint32_t slot;
	void *values;
	uint64_t validity[STOA__WORDS(STOA__BATCH_ROWS)];
};

struct scan {
	struct stoa_cursor cursor;	/* first */
	struct stoa__version *version;
	const struct stoa__table *t;
	const struct stoa__queue *q;
	enum stoa_end from;
	uint64_t at;
	size_t n;			/* rows of the batch */
	stoa_rowid rowids[STOA__BATCH_ROWS];
	struct stoa__place places[STOA__BATCH_ROWS];
	struct stoa__buf scratch;
	struct stoa__buf bytes;		/* texts of the batch */
	struct stoa_column *names;
	struct stoa_array *arrays;
	size_t n_columns;
	struct column columns[];
};

static const struct stoa_column *columns(const stoa_cursor *cur, size_t *n)
{
	const struct scan *s = (const struct scan *)(const void *)cur;

	*n = s->n_columns;
	return s->names;
}

static int find_rows(struct scan *s, struct stoa_error *err)
{
	uint64_t row;

	for (s->n = 0; s->n < STOA__BATCH_ROWS; s->n++) {
		row = stoa__queue_walk(s->t, s->q, s->from, &s->at);
		if (!row)
			break;
		STOA_TRY(stoa__table_locate(s->t, row, &s->places[s->n], err));
		s->rowids[s->n] = row;
	}
	return STOA_OK;
}

/* A text: its bytes go to the buffer, which may still move, and their offset stands for them. */
static int put_text(struct scan *s, struct column *c, size_t i, const struct stoa_value *v)
{
	struct stoa_bytes *out = c->values;

	out[i] = (struct stoa_bytes){ (const char *)s->bytes.len, 0 };
	if (v->type == STOA_NULL)
		return STOA_OK;
	out[i].len = v->len;
	return stoa__buf_put(&s->bytes, v->p, v->len);
}

static int read_column(struct scan *s, struct column *c, bool is_text, struct stoa_error *err)
{
	const struct stoa__slot *slot = &s->t->schema->slots[c->slot];

	memset(c->validity, 0xff, sizeof c->validity);
	for (size_t i = 0; i < s->n; i++) {
		struct stoa_value v;

		stoa__buf_reset(&s->scratch);
		STOA_TRY(stoa__group_value(s->places[i].group, slot, c->slot, s->places[i].row,
					   &s->scratch, &v, err));
		if (v.type == STOA_NULL)
			stoa__bit_clear(c->validity, i);
		if (is_text && put_text(s, c, i, &v) < 0)
			return stoa__fail_memory(err);
		if (!is_text && v.type == STOA_NULL)
			memset((char *)c->values + i * stoa__type_width(slot->def.type), 0,
			       stoa__type_width(slot->def.type));
		else if (!is_text)
			stoa__element_put(slot->def.type, c->values, i, &v);
	}
	return STOA_OK;
}

static bool is_text(const struct scan *s, const struct column *c)
{
	return stoa__type_family(s->t->schema->slots[c->slot].def.type) == STOA__BYTES;
}

/* The buffer has come to rest: offsets become addresses. */
static void settle(struct scan *s, struct column *c)
{
	struct stoa_bytes *b = c->values;

	for (size_t i = 0; i < s->n; i++)
		b[i].p = b[i].len ? (const char *)s->bytes.p + (uintptr_t)b[i].p : "";
}

static int next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct scan *s = (struct scan *)(void *)cur;

	if (s->version->gone)
		return stoa__fail(err, STOA_ESTATE,
				  "the transaction went back to before the cursor was opened");
	STOA_TRY(find_rows(s, err));
	if (!s->n)
		return STOA_END;
	stoa__buf_reset(&s->bytes);
	for (size_t i = 0; i < s->n_columns; i++)
		STOA_TRY(read_column(s, &s->columns[i], is_text(s, &s->columns[i]), err));
	for (size_t i = 0; i < s->n_columns; i++)
		if (is_text(s, &s->columns[i]))
			settle(s, &s->columns[i]);
	*out = (struct stoa_batch){ s->n, s->n_columns, s->arrays, s->rowids };
	return STOA_ROW;
}

static void close(stoa_cursor *cur)
{
	struct scan *s = (struct scan *)(void *)cur;

	for (size_t i = 0; i < s->n_columns; i++)
		stoa__free(s->columns[i].values);
	stoa__version_drop(s->version);
	stoa__buf_release(&s->scratch);
	stoa__buf_release(&s->bytes);
	stoa__free(s->names);
	stoa__free(s->arrays);
	stoa__free(s);
}

static const struct stoa__cursor_ops ops = {
	.columns = columns,
	.next_batch = next_batch,
	.close = close,
};

static int init_columns(struct scan *s, const uint32_t *slots)
{
	s->names = stoa__calloc(s->n_columns + 1, sizeof *s->names);
	s->arrays = stoa__calloc(s->n_columns + 1, sizeof *s->arrays);
	if (!s->names || !s->arrays)
		return STOA_ENOMEM;
	for (size_t i = 0; i < s->n_columns; i++) {
		struct column *c = &s->columns[i];
		const struct stoa_slot *def;

		c->slot = slots ? slots[i] : (uint32_t)i;
		def = &s->t->schema->slots[c->slot].def;
		c->values = stoa__alloc_aligned(STOA__BATCH_ROWS * stoa__type_width(def->type));
		if (!c->values)
			return STOA_ENOMEM;
		s->names[i] = (struct stoa_column){ def->name, def->type, def->precision,
						    def->scale };
		s->arrays[i] = (struct stoa_array){ def->type, def->scale, c->values, c->validity };
	}
	return STOA_OK;
}

static int check_slots(const struct stoa__table *t, const uint32_t *slots, size_t n,
		       struct stoa_error *err)
{
	for (size_t i = 0; slots && i < n; i++)
		if (slots[i] >= t->schema->n_slots)
			return stoa__fail(err, STOA_EINVAL, "table \"%s\" has no slot at position %u",
					  t->schema->name, slots[i]);
	return STOA_OK;
}

/* Freezes what the transaction sees, and finds the queue in it. */
static int look_at(struct scan *s, const struct stoa__aim *aim, enum stoa_end from,
		   struct stoa_error *err)
{
	STOA_TRY(stoa__txn_freeze(aim->txn, &s->version, err));
	s->t = stoa__table_find(s->version, aim->t->id);
	s->q = stoa__deque_find(stoa__deque_of(s->t, aim->i), stoa__queue_name_bytes(&aim->name));
	s->from = from;
	if (s->q)
		s->at = from == STOA_FRONT ? s->q->front : s->q->back - 1;
	return STOA_OK;
}

int stoa_deque_scan(stoa_txn *txn, stoa_table table, stoa_index index,
		    const struct stoa_value *queue, enum stoa_end from, const uint32_t *slots,
		    size_t n_slots, stoa_cursor **out, struct stoa_error *err)
{
	struct stoa__aim aim;
	struct scan *s;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the cursor");
	*out = NULL;
	if (from != STOA_FRONT && from != STOA_BACK)
		return stoa__fail(err, STOA_EINVAL, "an end is STOA_FRONT or STOA_BACK");
	STOA_TRY(stoa__aim_read(txn, table, index, queue, &aim, err));
	if (!slots)
		n_slots = aim.t->schema->n_slots;
	STOA_TRY(check_slots(aim.t, slots, n_slots, err));
	s = stoa__calloc(1, sizeof *s + n_slots * sizeof s->columns[0]);
	if (!s)
		return stoa__fail_memory(err);
	s->n_columns = n_slots;
	rc = look_at(s, &aim, from, err);
	if (rc < 0) {
		stoa__free(s);
		return rc;
	}
	if (init_columns(s, slots) < 0) {
		close(&s->cursor);
		return stoa__fail_memory(err);
	}
	stoa__cursor_init(&s->cursor, &ops);
	s->cursor.gone = &s->version->gone;
	*out = &s->cursor;
	return STOA_OK;
}
