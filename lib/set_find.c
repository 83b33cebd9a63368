/* SPDX-License-Identifier: MIT */
/*
 * set_find.c - the public look-ups of a set index
 *
 * Many keys at once are taken through the same steps together, 64 at a time: hash all and ask the processor for their buckets, match
 * all and ask for the rows they hint at, compare all. What one key would wait for, the others use: a look-up in a large
 * table is two cache misses, and a processor can have ten on their way.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/type.h"
#include "db.h"
#include "set.h"

/* ---- keys ---- */

/*
 * Converts a key to the slots' types: 1; 0 if no row can have it, as it has a NULL or a value that its slot
 * cannot hold; an error if a value is of another kind.
 */
static int convert(const struct stoa__table *t, const struct stoa__index_def *def,
		   const struct stoa_value *key, struct stoa_value *out, struct stoa_error *err)
{
	for (uint32_t k = 0; k < def->n_slots; k++) {
		struct stoa_slot slot = t->schema->slots[def->slots[k]].def;
		int rc;

		if (key[k].type == slot.type && stoa__type_family(slot.type) <= STOA__UINT &&
		    slot.type != STOA_DECIMAL) {
			out[k] = key[k];
			continue;
		}
		if (key[k].type == STOA_NULL)
			return 0;
		rc = stoa__convert(&slot, &key[k], &out[k], err);
		if (rc < 0)
			return rc == STOA_ERANGE ? 0 : rc;
	}
	return 1;
}

static int enter(stoa_txn *txn, stoa_table table, stoa_index index, const struct stoa_value *key,
		 size_t n, struct stoa__table **t, uint32_t *i, struct stoa_error *err)
{
	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__index_find(txn, table, index, STOA_INDEX_SET, t, i, err));
	if (!key || n != (*t)->schema->indexes[*i].n_slots)
		return stoa__fail(err, STOA_EINVAL,
				  "index \"%s\" is on %u slots, but %zu values came",
				  (*t)->schema->indexes[*i].name,
				  (*t)->schema->indexes[*i].n_slots, key ? n : 0);
	return STOA_OK;
}

/* ---- one key ---- */

int stoa_set_find(stoa_txn *txn, stoa_table table, stoa_index index, const struct stoa_value *key,
		  size_t n, stoa_rowid *row, struct stoa_error *err)
{
	struct stoa_value values[STOA_INDEX_SLOTS_MAX];
	const struct stoa__index_def *def;
	struct stoa__table *t;
	uint64_t rowid = 0;
	uint32_t i = 0;
	int rc;

	STOA_TRY(enter(txn, table, index, key, n, &t, &i, err));
	def = &t->schema->indexes[i];
	rc = convert(t, def, key, values, err);
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
	struct stoa_value values[STOA_INDEX_SLOTS_MAX];
	const struct stoa__index_def *def;
	struct stoa__rowlist list = { 0 };
	struct stoa__table *t;
	uint32_t i = 0;
	int rc;

	STOA_TRY(enter(txn, table, index, key, n, &t, &i, err));
	if (!n_rows || (n_max && !rows))
		return stoa__fail(err, STOA_EINVAL, "there is no room for the answer");
	def = &t->schema->indexes[i];
	rc = convert(t, def, key, values, err);
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

#define LOT 64

static int check_columns(const struct stoa__table *t, const struct stoa__index_def *def,
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

/* Asks for what the keys of a lot will touch: their buckets, then the rows that these hint at. */
static void fetch_lot(const struct stoa__table *t, uint32_t i, const struct stoa__set_tables *tables,
		      const uint64_t *hash, size_t n)
{
	for (uint32_t j = 0; j < tables->n; j++)
		for (size_t k = 0; k < n; k++)
			__builtin_prefetch((const void *)stoa__hints_bucket(
				tables->hints[j], stoa__hints_bucket_of(tables->hints[j], hash[k])));
	for (uint32_t j = 0; j < tables->n; j++)
		for (size_t k = 0; k < n; k++) {
			const struct stoa__hints *h = tables->hints[j];
			const stoa__hint *b =
				stoa__hints_bucket(h, stoa__hints_bucket_of(h, hash[k]));
			unsigned m = b ? stoa__hints_match(b, stoa__hints_tag(hash[k])) : 0;

			if (m)
				stoa__set_prefetch(t, &t->schema->indexes[i],
						   stoa__hints_rowid(stoa__hint_load(
							   &b[__builtin_ctz(m)])));
		}
}

/* Looks up keys [from, from + n). */
static int find_lot(const struct stoa__table *t, uint32_t i, const struct stoa_array *columns,
		    size_t from, size_t n, const uint64_t *hash, uint64_t *found,
		    stoa_rowid *rows, struct stoa_error *err)
{
	const struct stoa__index_def *def = &t->schema->indexes[i];

	for (size_t k = 0; k < n; k++) {
		struct stoa_value key[STOA_INDEX_SLOTS_MAX];
		uint64_t rowid = 0;
		bool null = false;
		int rc = 0;

		for (uint32_t j = 0; j < def->n_slots; j++) {
			key[j] = stoa__array_value(&columns[j], from + k);
			null |= key[j].type == STOA_NULL;
		}
		if (!null)
			rc = stoa__set_first(t, i, hash[k], key, 0, &rowid, err);
		if (rc < 0)
			return rc;
		if (rc && found)
			stoa__bit_set(found, from + k);
		if (rows)
			rows[from + k] = rowid;
	}
	return STOA_OK;
}

int stoa_set_find_many(stoa_txn *txn, stoa_table table, stoa_index index,
		       const struct stoa_array *columns, size_t n_columns, size_t n,
		       uint64_t *found, stoa_rowid *rows, struct stoa_error *err)
{
	static const struct stoa_value none;
	struct stoa__set_tables tables;
	const struct stoa__index_def *def;
	struct stoa__table *t;
	uint64_t hash[LOT];
	uint32_t i = 0;

	STOA_TRY(enter(txn, table, index, columns ? &none : NULL, n_columns, &t, &i, err));
	def = &t->schema->indexes[i];
	if (n)
		STOA_TRY(check_columns(t, def, columns, err));
	if (found)
		memset(found, 0, STOA__WORDS(n) * sizeof *found);
	stoa__set_tables(stoa__set_of(t, i), &tables);
	for (size_t from = 0; from < n; from += LOT) {
		size_t lot = n - from < LOT ? n - from : LOT;

		stoa__set_hash_arrays(def, columns, from, lot, hash);
		fetch_lot(t, i, &tables, hash, lot);
		STOA_TRY(find_lot(t, i, columns, from, lot, hash, found, rows, err));
	}
	return STOA_OK;
}

/* ---- for queries ---- */

#define CHOOSE_KEYS STOA__BATCH_ROWS	/* of an IN, or several multiplied */
#define CHOOSE_ROWS 16384		/* more are as well read with all the others */

/* What the index's slots are to be, slot by slot; *@n_keys, the number of keys: false if one is not told of. */
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

/* The position of the index that leaves the fewest rows over, by guess: unique before others, then more slots; -1: none. */
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
	struct stoa_value key[STOA_INDEX_SLOTS_MAX], values[STOA_INDEX_SLOTS_MAX];
	const struct stoa__index_def *def = &t->schema->indexes[i];
	int rc;

	for (uint32_t k = 0; k < def->n_slots; k++) {
		key[k] = by_slot[k]->values[number % by_slot[k]->n];
		number /= by_slot[k]->n;
	}
	rc = convert(t, def, key, values, err);
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
		*out = (struct stoa__row_list){ list.rows, list.n };
		return STOA_ROW;
	}
	stoa__free(list.rows);
	/* A constant of another kind than the slot compares as the engine says, and too many rows are scanned. */
	return rc == STOA_EFULL || rc == STOA_ETYPE || rc == STOA_EINVAL ? STOA_END : rc;
}
