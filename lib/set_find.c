/* SPDX-License-Identifier: MIT */
/*
 * set_find.c - the public look-ups of a set index, and those of queries
 *
 * A single one finds table and index anew each time. Who has many to make opens the set: that
 * freezes what the transaction sees, as a cursor does, and keeps all that can be known beforehand
 * (set_view.h).
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "db.h"
#include "set_view.h"

/* ---- keys ---- */

/*
 * Are all values integers, texts or bytes of the slots' own types? They are not copied then: a key
 * that has just been made is still on its way to memory. Nor are texts checked: one that no row can
 * have is not found.
 */
static bool is_exact(const struct stoa__table *t, const struct stoa__index_def *def,
		     const struct stoa_value *key)
{
	for (uint32_t k = 0; k < def->n_slots; k++) {
		unsigned type = t->schema->slots[def->slots[k]].def.type;
		unsigned family = stoa__type_family(type);

		if (key[k].type != type || type == STOA_DECIMAL)
			return false;
		if (family > STOA__UINT && (family != STOA__BYTES || (!key[k].p && key[k].len)))
			return false;
	}
	return true;
}

int stoa__set_convert(const struct stoa__table *t, const struct stoa__index_def *def,
		      const struct stoa_value *key, struct stoa_value *room,
		      const struct stoa_value **out, struct stoa_error *err)
{
	if (is_exact(t, def, key)) {
		*out = key;
		return 1;
	}
	for (uint32_t k = 0; k < def->n_slots; k++) {
		int rc;

		if (key[k].type == STOA_NULL)
			return 0;
		rc = stoa__convert(&t->schema->slots[def->slots[k]].def, &key[k], &room[k], err);
		if (rc < 0)
			return rc == STOA_ERANGE ? 0 : rc;
		if (room[k].type == STOA_NULL)	/* the slot's default */
			return 0;
	}
	*out = room;
	return 1;
}

int stoa__set_check_count(const struct stoa__index_def *def, const void *key, size_t n,
		       struct stoa_error *err)
{
	if (!key || n != def->n_slots)
		return stoa__fail(err, STOA_EINVAL,
				  "index \"%s\" is on %u slots, but %zu values came", def->name,
				  def->n_slots, key ? n : 0);
	return STOA_OK;
}

static int enter(stoa_txn *txn, stoa_table table, stoa_index index, const void *key, size_t n,
		 struct stoa__table **t, uint32_t *i, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__index_find(txn, table, index, STOA_INDEX_SET, t, i, err));
	return stoa__set_check_count(&(*t)->schema->indexes[*i], key, n, err);
}

/*
 * As convert(), and for who looks from outside: 0 too where a weak reference is to a row that has
 * gone.
 */
static int convert_alive(const struct stoa__version *v, const struct stoa__table *t,
			 const struct stoa__index_def *def, const struct stoa_value *key,
			 struct stoa_value *room, const struct stoa_value **out,
			 struct stoa_error *err)
{
	int rc = stoa__set_convert(t, def, key, room, out, err);

	return rc > 0 ? stoa__set_key_lives(v, t, def, *out, err) : rc;
}

/* ---- one key ---- */

int stoa_set_find(stoa_txn *txn, stoa_table table, stoa_index index, const struct stoa_value *key,
		  size_t n, stoa_rowid *row, struct stoa_error *err)
{
	struct stoa_value room[STOA_INDEX_SLOTS_MAX];
	const struct stoa_value *values;
	const struct stoa__index_def *def;
	struct stoa__table *t;
	uint64_t rowid = 0;
	uint32_t i = 0;
	int rc;

	STOA_TRY(enter(txn, table, index, key, n, &t, &i, err));
	def = &t->schema->indexes[i];
	rc = convert_alive(txn->version, t, def, key, room, &values, err);
	if (rc > 0)
		rc = stoa__set_first(t, i, stoa__set_hash(def, values), values, 0, &rowid, err);
	if (rc > 0 && row)
		*row = rowid;
	return rc < 0 ? rc : rc ? STOA_ROW : STOA_END;
}

int stoa_set_rows(stoa_txn *txn, stoa_table table, stoa_index index, const struct stoa_value *key,
		  size_t n, stoa_rowid *rows, size_t n_max, size_t *n_rows,
		  struct stoa_error *err)
{
	struct stoa_value room[STOA_INDEX_SLOTS_MAX];
	const struct stoa_value *values;
	const struct stoa__index_def *def;
	struct stoa__rowlist list = { 0 };
	struct stoa__table *t;
	uint32_t i = 0;
	int rc;

	STOA_TRY(enter(txn, table, index, key, n, &t, &i, err));
	if (!n_rows || (n_max && !rows))
		return stoa__fail(err, STOA_EINVAL, "there is no room for the answer");
	def = &t->schema->indexes[i];
	rc = convert_alive(txn->version, t, def, key, room, &values, err);
	if (rc > 0)
		rc = stoa__set_all(t, i, stoa__set_hash(def, values), values, &list, err);
	if (rc >= 0) {
		*n_rows = list.n;
		for (size_t k = 0; k < list.n && k < n_max; k++)
			rows[k] = list.rows[k];
		rc = STOA_OK;
	}
	stoa__free(list.rows);
	return rc;
}

/* ---- many keys ---- */

int stoa__set_check_columns(const struct stoa__table *t, const struct stoa__index_def *def,
			 const struct stoa_array *columns, struct stoa_error *err)
{
	for (uint32_t k = 0; k < def->n_slots; k++) {
		const struct stoa_slot *slot = &t->schema->slots[def->slots[k]].def;

		if (columns[k].type != slot->type ||
		    (slot->type == STOA_DECIMAL && columns[k].scale != slot->scale))
			return stoa__fail(err, STOA_ETYPE, "slot \"%s\" is %s, but its array is %s",
					  slot->name, stoa_type_name((enum stoa_type)slot->type),
					  stoa_type_name((enum stoa_type)columns[k].type));
		if (!columns[k].values)
			return stoa__fail(err, STOA_EINVAL, "slot \"%s\": the array has no values",
					  slot->name);
	}
	return STOA_OK;
}

/* Looks keys up one after the other: fewer than it pays to make a view for. */
static int find_few(const struct stoa__version *v, const struct stoa__table *t, uint32_t i,
		    const struct stoa_array *columns, size_t n, uint64_t *found, stoa_rowid *rows,
		    struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];

	if (found)
		memset(found, 0, STOA__WORDS(n) * sizeof *found);
	for (size_t k = 0; k < n; k++) {
		struct stoa_value key[STOA_INDEX_SLOTS_MAX], room[STOA_INDEX_SLOTS_MAX];
		const struct stoa_value *values;
		uint64_t rowid = 0;
		int rc;

		for (uint32_t j = 0; j < def->n_slots; j++)
			key[j] = stoa__array_value(&columns[j], k);
		rc = convert_alive(v, t, def, key, room, &values, err);
		if (rc > 0)
			rc = stoa__set_first(t, i, stoa__set_hash(def, values), values, 0, &rowid,
					     err);
		if (rc < 0)
			return rc;
		if (rc && found)
			stoa__bit_set(found, k);
		if (rows)
			rows[k] = rc ? rowid : 0;
	}
	return STOA_OK;
}

int stoa_set_find_many(stoa_txn *txn, stoa_table table, stoa_index index,
		       const struct stoa_array *columns, size_t n_columns, size_t n,
		       uint64_t *found, stoa_rowid *rows, struct stoa_error *err)
{
	struct stoa__set_view view;
	struct stoa__table *t;
	uint32_t i = 0;
	int rc;

	STOA_TRY(enter(txn, table, index, columns, n_columns, &t, &i, err));
	if (n)
		STOA_TRY(stoa__set_check_columns(t, &t->schema->indexes[i], columns, err));
	if (n <= t->n_groups)
		return find_few(txn->version, t, i, columns, n, found, rows, err);
	STOA_TRY(stoa__set_view_init(&view, txn->version, t, i, err));
	rc = stoa__set_view_find_many(&view, columns, n, found, rows, err);
	stoa__set_view_release(&view);
	return rc;
}

/* ---- for queries ---- */

#define CHOOSE_KEYS STOA__BATCH_ROWS	/* of an IN, or several multiplied */
#define CHOOSE_ROWS 16384		/* more are as well read with all the others */

/*
 * What the index's slots are to be, slot by slot; *@n_keys, the number of keys: false if one is not
 * told of.
 */
static bool suits(const struct stoa__index_def *def, const struct stoa__equal *equal, size_t n,
		  const struct stoa__equal **by_slot, uint64_t *n_keys)
{
	*n_keys = 1;
	if (def->kind != STOA_INDEX_SET)
		return false;
	for (uint32_t k = 0; k < def->n_slots; k++) {
		by_slot[k] = NULL;
		for (size_t j = 0; j < n; j++)
			if (equal[j].slot == def->slots[k] &&
			    (!by_slot[k] || equal[j].n < by_slot[k]->n))
				by_slot[k] = &equal[j];
		if (!by_slot[k] || by_slot[k]->n > CHOOSE_KEYS)
			return false;
		*n_keys *= by_slot[k]->n;
		if (*n_keys > CHOOSE_KEYS)
			return false;
	}
	return true;
}

/*
 * The position of the index that leaves the fewest rows over, by guess: unique before others, then
 * more slots; -1: none.
 */
static int choose(const struct stoa__schema *s, const struct stoa__equal *equal, size_t n)
{
	const struct stoa__equal *by_slot[STOA_INDEX_SLOTS_MAX];
	int best = -1;
	uint32_t best_rank = 0;
	uint64_t n_keys;

	for (uint32_t i = 0; i < s->n_indexes; i++) {
		const struct stoa__index_def *def = &s->indexes[i];
		uint32_t rank = def->n_slots + (def->flags & STOA_INDEX_UNIQUE ? 100 : 0);

		if (rank > best_rank && suits(def, equal, n, by_slot, &n_keys)) {
			best = (int)i;
			best_rank = rank;
		}
	}
	return best;
}

/* Adds the rows of key number @number, counting through the values of all slots. */
static int add_key(const struct stoa__table *t, uint32_t i, const struct stoa__equal *const *by_slot,
		   uint64_t number, struct stoa__rowlist *list, struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX], room[STOA_INDEX_SLOTS_MAX];
	const struct stoa_value *values;
	const struct stoa__index_def *def = &t->schema->indexes[i];
	int rc;

	for (uint32_t k = 0; k < def->n_slots; k++) {
		key[k] = by_slot[k]->values[number % by_slot[k]->n];
		number /= by_slot[k]->n;
	}
	rc = stoa__set_convert(t, def, key, room, &values, err);
	if (rc <= 0)
		return rc;
	return stoa__set_all(t, i, stoa__set_hash(def, values), values, list, err);
}

int stoa__set_choose(const struct stoa__table *t, const struct stoa__equal *equal, size_t n,
		     struct stoa__row_list *out, struct stoa_error *err)
{
	const struct stoa__equal *by_slot[STOA_INDEX_SLOTS_MAX];
	struct stoa__rowlist list = { .max = CHOOSE_ROWS };
	int i = choose(t->schema, equal, n), rc = STOA_OK;
	uint64_t n_keys;

	if (i < 0 || !suits(&t->schema->indexes[i], equal, n, by_slot, &n_keys))
		return STOA_END;
	for (uint64_t k = 0; k < n_keys && rc >= 0; k++)
		rc = add_key(t, (uint32_t)i, by_slot, k, &list, err);
	if (rc >= 0) {
		stoa__rowlist_sort(&list);
		*out = (struct stoa__row_list){ list.rows, list.n, t->schema->indexes[i].name };
		return STOA_ROW;
	}
	stoa__free(list.rows);
	/*
	 * A constant of another kind than the slot compares as the engine says, and too many rows
	 * are scanned.
	 */
	return rc == STOA_EFULL || rc == STOA_ETYPE || rc == STOA_EINVAL ? STOA_END : rc;
}
