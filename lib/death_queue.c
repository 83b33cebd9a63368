/* SPDX-License-Identifier: MIT */
/*
 * death_queue.c - see death_queue.h
 *
 * The queue is a table like any other, so it is durable, transactional, in the order of deaths,
 * read by a scan and acknowledged by a delete, and may have a deque index for consumers with
 * leases. A death adds to it in its own commit. The log does not name these rows: replay does the
 * same deaths and adds them again.
 *
 *     table "order"    slots: customer -> customer, price        deaths: id of the queue
 *     table "dead"     slots: row (of the dead), customer (a number by now), price
 *
 * Slots are matched by name and type, so the queue may have slots less, or more with defaults of
 * its own. One that was dropped or frozen records nothing: rows must be able to die.
 */
#include "death_queue.h"

#include "core/alloc.h"
#include "core/type.h"
#include "db.h"

#define ROW_SLOT "row"

/* What a slot of a dead row is in the queue: of a reference the number is left. */
static unsigned type_in_queue(const struct stoa_slot *def)
{
	return stoa__type_is_ref(def->type) ? STOA_U64 : def->type;
}

/* The values of the dead row as a row of the queue. */
static void fit(const struct stoa__schema *from, const struct stoa__schema *to, uint64_t row,
		const struct stoa_value *values, struct stoa_value *out)
{
	for (uint32_t i = 0; i < to->n_slots; i++) {
		const struct stoa_slot *def = &to->slots[i].def;
		int at = stoa__schema_find(from, def->name);

		out[i] = def->value;
		if (!i && at < 0 && stoa__name_equal(def->name, ROW_SLOT)) {
			out[i] = stoa_u64(row);
		} else if (at >= 0 && type_in_queue(&from->slots[at].def) == def->type &&
			   from->slots[at].def.scale == def->scale &&
			   values[at].type != STOA_NULL) {
			out[i] = values[at];
			out[i].type = def->type;
		}
	}
}

/*
 * The values of a row; where room for its bytes had to be made they may have moved: once again,
 * there is room then.
 */
static int read_values(const struct stoa__table *t, struct stoa__place at,
		       struct stoa__buf *scratch, struct stoa_value *out, struct stoa_error *err)
{
	size_t room;

	do {
		room = scratch->cap;
		stoa__buf_reset(scratch);
		STOA_TRY(stoa__group_row(at.group, t->schema, at.row, scratch, out, err));
	} while (scratch->cap != room);
	return STOA_OK;
}

int stoa__death_record(struct stoa__version *w, struct stoa__table *t, uint64_t row,
		       struct stoa__place at, struct stoa_error *err)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	struct stoa__table *queue;
	struct stoa_value *values;
	uint64_t rowid;
	uint32_t n;
	int rc = stoa__table_own(w, t->schema->deaths, &queue);

	if (rc == STOA_ENOTFOUND || (rc == STOA_OK && queue->frozen))
		return STOA_OK;
	if (rc < 0)
		return stoa__fail_memory(err);
	n = t->schema->n_slots;
	values = stoa__calloc(n + queue->schema->n_slots, sizeof *values);
	if (!values)
		return stoa__fail_memory(err);
	rc = read_values(t, at, &scratch, values, err);
	if (rc == STOA_OK) {
		fit(t->schema, queue->schema, row, values, values + n);
		rc = stoa__table_insert(w, queue, values + n, &rowid, err);
	}
	stoa__free(values);
	stoa__buf_release(&scratch);
	return rc;
}

/* ---- made ---- */

static int make_queue(struct stoa_txn *txn, const struct stoa__schema *s, const char *name,
		      stoa_table *out, struct stoa_error *err)
{
	struct stoa_slot *slots = stoa__calloc(s->n_slots + 1, sizeof *slots);
	int rc;

	if (!slots)
		return stoa__fail_memory(err);
	slots[0] = (struct stoa_slot){ .name = ROW_SLOT, .type = STOA_U64, .flags = STOA_NOT_NULL };
	for (uint32_t i = 0; i < s->n_slots; i++) {
		const struct stoa_slot *def = &s->slots[i].def;

		slots[i + 1] = (struct stoa_slot){ .name = def->name,
						   .type = (uint8_t)type_in_queue(def),
						   .precision = def->precision,
						   .scale = def->scale };
	}
	rc = stoa_table_create(txn, name, slots, s->n_slots + 1, out, err);
	stoa__free(slots);
	return rc;
}

/* Can @q, which is there, take the dead of table @table? */
static bool is_queue(const struct stoa__table *q, stoa_table table)
{
	const struct stoa__schema *s = q->schema;

	if (q->id == table || s->slots[0].def.type != STOA_U64 ||
	    !stoa__name_equal(s->slots[0].def.name, ROW_SLOT))
		return false;
	for (uint32_t i = 1; i < s->n_slots; i++)
		if ((s->slots[i].def.flags & STOA_NOT_NULL) && s->slots[i].def.value.type == STOA_NULL)
			return false;
	return true;
}

/* The queue of that name, made where it is missing. */
static int find_queue(struct stoa_txn *txn, stoa_table table, const char *name, stoa_table *out,
		      struct stoa_error *err)
{
	const struct stoa__schema *s = stoa__table_find(txn->version, table)->schema;
	int rc = stoa_table_find(txn, name, out, err);

	if (rc == STOA_ENOTFOUND)
		return make_queue(txn, s, name, out, err);
	if (rc == STOA_OK && !is_queue(stoa__table_find(txn->version, *out), table))
		return stoa__fail(err, STOA_EEXIST,
				  "table \"%s\" is there, and is no death queue: its first slot would be \"row\", "
				  "a u64, and the others take NULLs", name);
	return rc;
}

int stoa_death_queue(stoa_txn *txn, stoa_table table, const char *name, stoa_table *out,
		     struct stoa_error *err)
{
	const struct stoa__schema *s;
	struct stoa__version *before;
	size_t mark;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the queue's number");
	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__schema_begin_change(txn, table, &s, err));
	if (s->deaths && stoa__table_find(txn->version, s->deaths))
		return stoa__fail(err, STOA_EEXIST, "table \"%s\" has a death queue already: \"%s\"",
				  s->name,
				  stoa__table_find(txn->version, s->deaths)->schema->name);
	mark = txn->redo.len;
	STOA_TRY(stoa__txn_freeze(txn, &before, err));
	rc = find_queue(txn, table, name, out, err);
	if (rc == STOA_OK)
		rc = stoa__schema_change_deaths(txn, table, *out, err);
	if (rc < 0) {
		stoa__txn_rollback(txn, before);
		txn->redo.len = mark;
	}
	stoa__version_drop(before);
	return rc;
}
