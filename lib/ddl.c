/* SPDX-License-Identifier: MIT */
/*
 * ddl.c - tables and slots made, changed and removed
 *
 * Every change of a schema is one operation: "table N now has this schema". Row groups stay as they
 * are: they know their columns by slot id, miss those added later and keep those dropped until they
 * are rewritten. A tail has one schema for all its rows, so a change of slots seals it first.
 */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/type.h"
#include "db.h"
#include "index.h"

static bool same_slots(const struct stoa__schema *a, const struct stoa__schema *b)
{
	if (a->n_slots != b->n_slots)
		return false;
	for (uint32_t i = 0; i < a->n_slots; i++)
		if (a->slots[i].id != b->slots[i].id)
			return false;
	return true;
}

/* Gives up what the strong references that @schema does not have any more refer to. */
static int give_up_dropped(struct stoa__version *w, struct stoa__loose *loose,
			   struct stoa__table *t, const struct stoa__schema *schema,
			   struct stoa_error *err)
{
	for (uint32_t i = 0; i < t->schema->n_slots && t->schema->n_refs; i++)
		if (t->schema->slots[i].def.type == STOA_REF &&
		    stoa__schema_position_of(schema, t->schema->slots[i].id) < 0)
			STOA_TRY(stoa__refs_count_down(w, loose, t, i, err));
	return STOA_OK;
}

/*
 * Slots and indexes that stay are what they were: only their names, flags and numbers may change. A
 * schema may be bytes of a log that lies, and what is stored would be read as something else.
 */
static int check_kept(const struct stoa__schema *old, const struct stoa__schema *schema,
		      struct stoa_error *err)
{
	for (uint32_t i = 0; i < schema->n_slots; i++) {
		const struct stoa_slot *def = &schema->slots[i].def, *was;
		int at = stoa__schema_position_of(old, schema->slots[i].id);

		if (at < 0)
			continue;
		was = &old->slots[at].def;
		if (was->type != def->type || was->scale != def->scale || was->target != def->target)
			return stoa__fail(err, STOA_ECORRUPT,
					  "slot \"%s\" of table \"%s\" has become another in the log",
					  def->name, old->name);
	}
	for (uint32_t i = 0; i < schema->n_indexes; i++) {
		const struct stoa__index_def *def = &schema->indexes[i], *was;
		int at = stoa__schema_find_index(old, def->id);

		if (at < 0)
			continue;
		was = &old->indexes[at];
		if (was->kind != def->kind || was->n_slots != def->n_slots ||
		    memcmp(was->ids, def->ids, def->n_slots * sizeof *def->ids) != 0)
			return stoa__fail(err, STOA_ECORRUPT,
					  "index \"%s\" of table \"%s\" has become another in the log",
					  def->name, old->name);
	}
	return STOA_OK;
}

/* The table has @schema from here on; on failure it is the caller's still. */
static int change_schema(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
			 struct stoa__schema *schema, struct stoa_error *err)
{
	STOA_TRY(check_kept(t->schema, schema, err));
	STOA_TRY(stoa__refs_settle_of(w, t, err));
	if (!same_slots(t->schema, schema)) {
		STOA_TRY(give_up_dropped(w, loose, t, schema, err));
		STOA_TRY(stoa__table_seal(w, t, err));
	}
	STOA_TRY(stoa__indexes_change(w, t, schema, err));
	if (schema->n_slots < t->schema->n_slots)
		stoa__history_soil(w->history, t->n_rows);
	stoa__block_retire(w, &t->schema->block);
	t->schema = schema;
	return STOA_OK;
}

int stoa__table_set_schema(struct stoa__version *w, struct stoa__loose *loose, uint32_t id,
			   struct stoa__schema *schema, struct stoa_error *err)
{
	struct stoa__table *t;
	int rc;

	/*
	 * Bytes may say so: a row's death would change the table while the row is taken out of it.
	 */
	if (schema->deaths == id) {
		stoa__block_retire(w, &schema->block);
		return stoa__fail(err, STOA_ECORRUPT, "table %u is its own death queue", id);
	}
	rc = stoa__table_own(w, id, &t);
	if (rc == STOA_ENOTFOUND) {
		rc = stoa__table_new(w, id, schema, &t);
		if (rc == STOA_OK && w->next_table <= id)
			w->next_table = id + 1;
		/*
		 * Only one from a log or catalog has indexes at once; what fails to be read is
		 * thrown away.
		 */
		if (rc == STOA_OK)
			return stoa__indexes_change(w, t, schema, err);
	} else if (rc == STOA_OK) {
		rc = change_schema(w, loose, t, schema, err);
	}
	if (rc < 0)
		stoa__block_retire(w, &schema->block);
	return rc == STOA_ENOMEM ? stoa__fail_memory(err) : rc;
}

int stoa__table_drop(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
		     struct stoa_error *err)
{
	STOA_TRY(stoa__refs_settle_of(w, t, err));
	for (uint32_t i = 0; i < t->schema->n_slots && t->schema->n_refs; i++) {
		const struct stoa_slot *def = &t->schema->slots[i].def;

		/* What refers to rows of this table goes with them. */
		if (def->type == STOA_REF && def->target != t->id)
			STOA_TRY(stoa__refs_count_down(w, loose, t, i, err));
	}
	return stoa__table_remove(w, t) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* Puts a schema into the log and into force. */
static int apply(struct stoa_txn *txn, uint32_t table, struct stoa__schema *schema,
		 struct stoa_error *err)
{
	size_t mark = txn->redo.len;
	int rc;

	stoa__schema_resolve_self(schema, table);
	if (stoa__redo_schema(txn, table, schema) < 0) {
		stoa__block_retire(txn->version, &schema->block);
		return stoa__fail_memory(err);
	}
	rc = stoa__table_set_schema(txn->version, &txn->loose, table, schema, err);
	if (rc < 0)
		txn->redo.len = mark;
	else
		txn->dirty = true;
	return rc;
}

struct search {
	const char *name;
	uint32_t id;
};

static int match(void *ctx, uint64_t key, void *value)
{
	struct search *s = ctx;
	const struct stoa__table *t = value;

	if (stoa__name_equal(t->schema->name, s->name))
		s->id = (uint32_t)key;
	return STOA_OK;
}

static uint32_t find(const struct stoa_txn *txn, const char *name)
{
	struct search s = { name, 0 };

	(void)stoa__tree_walk(txn->version->tables, 0, match, &s);
	return s.id;
}

static int name_taken(const char *name, struct stoa_error *err)
{
	return stoa__fail(err, STOA_EEXIST, "there is a table \"%s\" already", name);
}

/* References of new slots must be to tables that are there. */
static int check_targets(const struct stoa_txn *txn, const struct stoa_slot *slots, size_t n,
			 struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (stoa__type_is_ref(slots[i].type) && slots[i].target &&
		    !stoa__table_find(txn->version, slots[i].target))
			return stoa__fail(err, STOA_ENOTFOUND,
					  "slot \"%s\" refers to table number %u, which is not there",
					  slots[i].name ? slots[i].name : "", slots[i].target);
	return STOA_OK;
}

int stoa_table_create(stoa_txn *txn, const char *name, const struct stoa_slot *slots,
		      size_t n_slots, stoa_table *out, struct stoa_error *err)
{
	struct stoa__schema *schema;
	uint32_t id;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	if (!slots || !out)
		return stoa__fail(err, STOA_EINVAL, "a table needs slots, and room for its number");
	STOA_TRY(stoa__name_check("table", name, err));
	if (find(txn, name))
		return name_taken(name, err);
	id = txn->version->next_table;
	if (id == UINT32_MAX)
		return stoa__fail(err, STOA_EFULL, "the numbers for tables are used up");
	STOA_TRY(check_targets(txn, slots, n_slots, err));
	STOA_TRY(stoa__schema_new(txn->version, name, slots, NULL, NULL, n_slots, 0, &schema, err));
	STOA_TRY(apply(txn, id, schema, err));
	*out = id;
	return STOA_OK;
}

struct referrers {
	uint32_t target;
	size_t n;
	struct stoa__buf names;
};

/* Notes a table that has strong references to another. */
static int note_referrer(void *ctx, uint64_t id, void *value)
{
	struct referrers *r = ctx;
	const struct stoa__schema *s = ((struct stoa__table *)value)->schema;

	for (uint32_t i = 0; i < s->n_slots && id != r->target && s->n_refs; i++) {
		char name[STOA_NAME_MAX + 8];

		if (s->slots[i].def.type != STOA_REF || s->slots[i].def.target != r->target)
			continue;
		snprintf(name, sizeof name, "%s\"%s\"", r->n++ ? ", " : "", s->name);
		return stoa__buf_put(&r->names, name, strlen(name));
	}
	return STOA_OK;
}

/* A table may go only after those that have strong references to it. */
static int check_referrers(const struct stoa_txn *txn, const struct stoa__table *t,
			   struct stoa_error *err)
{
	struct referrers r = { .target = t->id };
	int rc = stoa__tree_walk(txn->version->tables, 0, note_referrer, &r);

	if (rc < 0)
		rc = stoa__fail_memory(err);
	else if (r.n)
		rc = stoa__fail(err, STOA_EBUSY,
				"table \"%s\" is referred to by %.*s: drop the reference slots or those "
				"tables first",
				t->schema->name, (int)r.names.len, (const char *)r.names.p);
	stoa__buf_release(&r.names);
	return rc;
}

/*
 * A change that gives up the references of many rows may fail half-way: it is done between a frozen
 * version and a rollback to it.
 */
static int all_or_nothing(struct stoa_txn *txn, stoa_table table, const char *slot,
			  int (*change)(struct stoa_txn *txn, stoa_table table, const char *slot,
					struct stoa_error *err),
			  struct stoa_error *err)
{
	size_t mark = txn->redo.len;
	struct stoa__version *before;
	int rc;

	STOA_TRY(stoa__txn_freeze(txn, &before, err));
	rc = change(txn, table, slot, err);
	if (rc < 0) {
		stoa__txn_rollback(txn, before);
		txn->redo.len = mark;
	}
	stoa__version_drop(before);
	return rc;
}

static int drop_table(struct stoa_txn *txn, stoa_table table, const char *slot,
		      struct stoa_error *err)
{
	struct stoa__table *t;

	(void)slot;
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (stoa__redo_drop(txn, table) < 0)
		return stoa__fail_memory(err);
	return stoa__table_drop(txn->version, &txn->loose, t, err);
}

int stoa_table_drop(stoa_txn *txn, stoa_table table, struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (txn->n_appenders)
		return stoa__fail(err, STOA_ESTATE, "close the appenders before a table is dropped");
	STOA_TRY(check_referrers(txn, t, err));
	STOA_TRY(all_or_nothing(txn, table, NULL, drop_table, err));
	txn->dirty = true;
	return STOA_OK;
}

/* The parts of a schema that stoa__schema_new() takes, to be changed on the way. */
struct draft {
	struct stoa_slot *slots;
	uint32_t *ids;
	struct stoa_value *absents;
	size_t n;
	uint32_t next_slot;
	const struct stoa__index_def *indexes;
	uint32_t n_indexes, next_index, deaths;
};

static void draft_release(struct draft *d)
{
	stoa__free(d->slots);
	stoa__free(d->ids);
	stoa__free(d->absents);
}

/* Copies @s, with room for one slot more. */
static int draft_of(const struct stoa__schema *s, struct draft *d, struct stoa_error *err)
{
	d->n = s->n_slots;
	d->next_slot = s->next_slot;
	d->indexes = s->indexes;
	d->n_indexes = s->n_indexes;
	d->next_index = s->next_index;
	d->deaths = s->deaths;
	d->slots = stoa__calloc(d->n + 1, sizeof *d->slots);
	d->ids = stoa__calloc(d->n + 1, sizeof *d->ids);
	d->absents = stoa__calloc(d->n + 1, sizeof *d->absents);
	if (!d->slots || !d->ids || !d->absents) {
		draft_release(d);
		return stoa__fail_memory(err);
	}
	for (size_t i = 0; i < d->n; i++) {
		d->slots[i] = s->slots[i].def;
		d->ids[i] = s->slots[i].id;
		d->absents[i] = s->slots[i].absent;
	}
	return STOA_OK;
}

/* Makes the draft the table's schema, and releases it. */
static int finish(struct stoa_txn *txn, uint32_t table, const char *name, struct draft *d,
		  struct stoa_error *err)
{
	struct stoa__schema *schema;
	int rc = stoa__schema_new(txn->version, name, d->slots, d->ids, d->absents, d->n,
				  d->next_slot, &schema, err);

	if (rc == STOA_OK) {
		schema->deaths = d->deaths;
		rc = stoa__schema_set_indexes(schema, d->indexes, d->n_indexes, d->next_index, err);
		if (rc < 0)
			stoa__block_retire(txn->version, &schema->block);
	}
	draft_release(d);
	return rc < 0 ? rc : apply(txn, table, schema, err);
}

/* A table that may get another schema. */
static int begin_change(struct stoa_txn *txn, stoa_table table, struct stoa__table **t,
			struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, t, err));
	if ((*t)->frozen)
		return stoa__fail(err, STOA_EREADONLY, "table \"%s\" is frozen",
				  (*t)->schema->name);
	if (txn->n_appenders)
		return stoa__fail(err, STOA_ESTATE,
				  "close the appenders before a table's schema is changed");
	return STOA_OK;
}

int stoa__schema_begin_change(struct stoa_txn *txn, stoa_table table,
			      const struct stoa__schema **out, struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(begin_change(txn, table, &t, err));
	*out = t->schema;
	return STOA_OK;
}

int stoa__schema_change_deaths(struct stoa_txn *txn, stoa_table table, stoa_table deaths,
			       struct stoa_error *err)
{
	struct stoa__table *t = stoa__table_find(txn->version, table);
	struct draft d;

	STOA_TRY(draft_of(t->schema, &d, err));
	d.deaths = deaths;
	return finish(txn, table, t->schema->name, &d, err);
}

int stoa__schema_change_indexes(struct stoa_txn *txn, stoa_table table,
				const struct stoa__index_def *defs, uint32_t n,
				uint32_t next_index, struct stoa_error *err)
{
	struct stoa__table *t = stoa__table_find(txn->version, table);
	struct draft d;

	STOA_TRY(draft_of(t->schema, &d, err));
	d.indexes = defs;
	d.n_indexes = n;
	d.next_index = next_index;
	return finish(txn, table, t->schema->name, &d, err);
}

int stoa_table_rename(stoa_txn *txn, stoa_table table, const char *name, struct stoa_error *err)
{
	struct stoa__table *t;
	struct draft d;
	uint32_t other;

	STOA_TRY(begin_change(txn, table, &t, err));
	STOA_TRY(stoa__name_check("table", name, err));
	other = find(txn, name);
	if (other && other != table)
		return name_taken(name, err);
	STOA_TRY(draft_of(t->schema, &d, err));
	return finish(txn, table, name, &d, err);
}

int stoa_table_freeze(stoa_txn *txn, stoa_table table, struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (t->frozen)
		return STOA_OK;
	if (txn->n_appenders)
		return stoa__fail(err, STOA_ESTATE, "close the appenders before a table is frozen");
	STOA_TRY(stoa__txn_own_table(txn, table, &t, err));
	if (stoa__redo_freeze(txn, table) < 0)
		return stoa__fail_memory(err);
	t->frozen = true;
	txn->dirty = true;
	return STOA_OK;
}

static int no_room(struct stoa_error *err)
{
	return stoa__fail(err, STOA_EINVAL, "there is no room for the answer");
}

int stoa_table_find(stoa_txn *txn, const char *name, stoa_table *out, struct stoa_error *err)
{
	uint32_t id;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__name_check("table", name, err));
	if (!out)
		return no_room(err);
	id = find(txn, name);
	if (!id)
		return stoa__fail(err, STOA_ENOTFOUND, "there is no table \"%s\"", name);
	*out = id;
	return STOA_OK;
}

int stoa_table_next(stoa_txn *txn, stoa_table table, stoa_table *out, struct stoa_error *err)
{
	uint64_t id;

	STOA_TRY(stoa__txn_enter(txn, err));
	if (!out)
		return no_room(err);
	if (!stoa__tree_next(txn->version->tables, table, false, &id))
		return STOA_END;
	*out = (stoa_table)id;
	return STOA_ROW;
}

int stoa_table_info(stoa_txn *txn, stoa_table table, struct stoa_table_info *out,
		    struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	if (!out)
		return no_room(err);
	*out = (struct stoa_table_info){ .name = t->schema->name,
					 .slots = t->schema->defs,
					 .n_slots = t->schema->n_slots,
					 .frozen = t->frozen,
					 .n_rows = t->n_rows,
					 .next_rowid = t->next_rowid,
					 .deaths = stoa__table_find(txn->version, t->schema->deaths) ?
							   t->schema->deaths :
							   0 };
	return STOA_OK;
}

int stoa_slot_add(stoa_txn *txn, stoa_table table, const struct stoa_slot *slot,
		  struct stoa_error *err)
{
	struct stoa__table *t;
	struct draft d;

	STOA_TRY(begin_change(txn, table, &t, err));
	if (!slot)
		return stoa__fail(err, STOA_EINVAL, "a slot to add is needed");
	if (slot->flags & STOA_NOT_NULL && slot->value.type == STOA_NULL && t->n_rows)
		return stoa__fail(err, STOA_ENULL,
				  "slot \"%s\" is not null and has no default, but table \"%s\" "
				  "has rows: give it a default",
				  slot->name ? slot->name : "", t->schema->name);
	if (slot->name && stoa__schema_find(t->schema, slot->name) >= 0)
		return stoa__fail(err, STOA_EEXIST, "table \"%s\" has a slot \"%s\" already",
				  t->schema->name, slot->name);
	if (t->schema->next_slot >= STOA__SLOT_IDS_MAX)
		return stoa__fail(err, STOA_EFULL,
				  "table \"%s\" has had %u slots, and can have no more: make it anew",
				  t->schema->name, STOA__SLOT_IDS_MAX);
	STOA_TRY(check_targets(txn, slot, 1, err));
	STOA_TRY(draft_of(t->schema, &d, err));
	d.slots[d.n] = *slot;
	d.ids[d.n] = d.next_slot++;
	if (slot->value.type != STOA_NULL) {
		struct stoa_slot nullable = *slot;
		int rc;

		nullable.flags = 0;
		rc = stoa__convert(&nullable, &slot->value, &d.absents[d.n], err);
		if (rc < 0) {
			draft_release(&d);
			return rc;
		}
	}
	d.n++;
	return finish(txn, table, t->schema->name, &d, err);
}

/* Position of a slot by name; STOA_ENOTFOUND. */
static int find_slot(const struct stoa__table *t, const char *name, int *out,
		     struct stoa_error *err)
{
	*out = name ? stoa__schema_find(t->schema, name) : -1;
	if (*out < 0)
		return stoa__fail(err, STOA_ENOTFOUND, "table \"%s\" has no slot \"%s\"",
				  t->schema->name, name ? name : "");
	return STOA_OK;
}

static int drop_slot(struct stoa_txn *txn, stoa_table table, const char *name,
		     struct stoa_error *err)
{
	struct stoa__table *t;
	struct draft d;
	size_t after;
	int at;

	STOA_TRY(begin_change(txn, table, &t, err));
	STOA_TRY(find_slot(t, name, &at, err));
	if (t->schema->n_slots == 1)
		return stoa__fail(err, STOA_EINVAL,
				  "\"%s\" is the only slot of table \"%s\": drop the table", name,
				  t->schema->name);
	for (uint32_t i = 0; i < t->schema->n_indexes; i++)
		for (uint32_t k = 0; k < t->schema->indexes[i].n_slots; k++)
			if (t->schema->indexes[i].slots[k] == (uint32_t)at)
				return stoa__fail(err, STOA_EINVAL,
						  "slot \"%s\" is in index \"%s\": drop the index first",
						  name, t->schema->indexes[i].name);
	STOA_TRY(draft_of(t->schema, &d, err));
	after = d.n - (size_t)at - 1;
	memmove(&d.slots[at], &d.slots[at + 1], after * sizeof *d.slots);
	memmove(&d.ids[at], &d.ids[at + 1], after * sizeof *d.ids);
	memmove(&d.absents[at], &d.absents[at + 1], after * sizeof *d.absents);
	d.n--;
	return finish(txn, table, t->schema->name, &d, err);
}

int stoa_slot_drop(stoa_txn *txn, stoa_table table, const char *name, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter_write(txn, err));
	return all_or_nothing(txn, table, name, drop_slot, err);
}

int stoa_slot_rename(stoa_txn *txn, stoa_table table, const char *name, const char *new_name,
		     struct stoa_error *err)
{
	struct stoa__table *t;
	struct draft d;
	int at, other;

	STOA_TRY(begin_change(txn, table, &t, err));
	STOA_TRY(find_slot(t, name, &at, err));
	STOA_TRY(stoa__name_check("slot", new_name, err));
	other = stoa__schema_find(t->schema, new_name);
	if (other >= 0 && other != at)
		return stoa__fail(err, STOA_EEXIST, "table \"%s\" has a slot \"%s\" already",
				  t->schema->name, new_name);
	STOA_TRY(draft_of(t->schema, &d, err));
	d.slots[at].name = new_name;
	return finish(txn, table, t->schema->name, &d, err);
}
