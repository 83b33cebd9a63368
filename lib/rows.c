/* SPDX-License-Identifier: MIT */
/* rows.c - rows one at a time, by rowid */
#include "core/alloc.h"
#include "core/sites.h"
#include "core/type.h"
#include "db.h"

#define VALUES_ON_STACK 32

/* Checks and converts values for the slots at @slots (NULL: all in order). */
static int convert_all(const struct stoa__schema *schema, const uint32_t *slots,
		       const struct stoa_value *values, size_t n, struct stoa_value *out,
		       struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct stoa__slot *slot = &schema->slots[slots ? slots[i] : i];

		STOA_TRY(stoa__convert(&slot->def, &values[i], &out[i], err));
	}
	return STOA_OK;
}

uint64_t stoa__db_bytes(struct stoa_db *db)
{
	return stoa__history_bytes(&db->history) + db->symbols.bytes + db->symbols.text_bytes +
	       db->symbols.slabs.bytes;
}

int stoa__db_check_memory(struct stoa_db *db, uint64_t more, struct stoa_error *err)
{
	uint64_t limit = db->options.memory_limit;

	if (stoa__db_bytes(db) + db->budget.used + more < limit)
		return STOA_OK;
	return stoa__fail(err, STOA_ENOMEM,
			  "the memory limit of %llu bytes is reached: delete rows, end old "
			  "transactions, or raise memory_limit",
			  (unsigned long long)limit);
}

static int insert(struct stoa_txn *txn, struct stoa__table *t, const struct stoa_value *values,
		  uint64_t *rowid, struct stoa_error *err)
{
	size_t mark = txn->redo.len;
	int rc;

	if (txn->db->path && stoa__redo_insert(txn, t, t->next_rowid, values) < 0)
		return stoa__fail_memory(err);
	rc = stoa__refs_insert(txn->version, t, values, rowid, err);
	if (rc < 0) {
		txn->redo.len = mark;
		return rc;
	}
	txn->dirty = true;
	if (stoa__sites_are_on())
		stoa__site_rows(1);
	return STOA_OK;
}

/* stoa__row_insert() with room for the values as they are converted. */
static inline int insert_converted(struct stoa_txn *txn, struct stoa__table *t,
				   const struct stoa_value *values, struct stoa_value *converted,
				   stoa_rowid *out, struct stoa_error *err)
{
	uint64_t rowid;

	STOA_TRY(convert_all(t->schema, NULL, values, t->schema->n_slots, converted, err));
	STOA_TRY(insert(txn, t, converted, &rowid, err));
	if (t->indexes)
		stoa__deques_cut(txn, t, converted);
	if (out)
		*out = rowid;
	return STOA_OK;
}

static __attribute__((noinline)) int insert_wide(struct stoa_txn *txn, struct stoa__table *t,
						 const struct stoa_value *values, stoa_rowid *out,
						 struct stoa_error *err)
{
	struct stoa_value *converted = stoa__alloc(t->schema->n_slots * sizeof *converted);
	int rc = converted ? insert_converted(txn, t, values, converted, out, err) :
			     stoa__fail_memory(err);

	stoa__free(converted);
	return rc;
}

static int wrong_number(const struct stoa__table *t, size_t n_values, struct stoa_error *err)
{
	return stoa__fail(err, STOA_EINVAL, "table \"%s\" has %u slots, but %zu values came",
			  t->schema->name, t->schema->n_slots, n_values);
}

int stoa__row_insert(struct stoa_txn *txn, struct stoa__table *t, const struct stoa_value *values,
		     size_t n_values, stoa_rowid *out, struct stoa_error *err)
{
	struct stoa_value converted[VALUES_ON_STACK];

	if (!values || n_values != t->schema->n_slots)
		return wrong_number(t, values ? n_values : 0, err);
	STOA_TRY(stoa__db_within_memory(txn->db, 0, err));
	return n_values <= VALUES_ON_STACK ? insert_converted(txn, t, values, converted, out, err) :
					     insert_wide(txn, t, values, out, err);
}

int stoa_insert(stoa_txn *txn, stoa_table table, const struct stoa_value *values, size_t n_values,
		stoa_rowid *out, struct stoa_error *err)
{
	struct stoa__table *t;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_own_table(txn, table, &t, err));
	return stoa__row_insert(txn, t, values, n_values, out, err);
}

int stoa__row_found(int rc, const struct stoa__table *t, stoa_rowid row, struct stoa_error *err)
{
	return rc == STOA_ENOTFOUND ? stoa__row_not_found(t, row, err) : rc;
}

static int update(struct stoa_txn *txn, struct stoa__table *t, stoa_rowid row,
		  struct stoa__place at, const uint32_t *slots, const struct stoa_value *values,
		  size_t n, struct stoa_error *err)
{
	size_t mark = txn->redo.len;
	int rc;

	if (txn->db->path && stoa__redo_update(txn, t, row, slots, values, n) < 0)
		return stoa__fail_memory(err);
	rc = stoa__refs_update(txn->version, &txn->loose, t, at, slots, values, n, err);
	if (rc < 0)
		txn->redo.len = mark;
	else
		txn->dirty = true;
	return rc;
}

int stoa_update(stoa_txn *txn, stoa_table table, stoa_rowid row, const uint32_t *slots,
		const struct stoa_value *values, size_t n, struct stoa_error *err)
{
	struct stoa_value few[VALUES_ON_STACK], *converted = few;
	struct stoa__table *t;
	struct stoa__place at;
	int rc;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_own_table(txn, table, &t, err));
	if (n && (!slots || !values))
		return stoa__fail(err, STOA_EINVAL, "slots and their values are needed");
	for (size_t i = 0; i < n; i++)
		if (slots[i] >= t->schema->n_slots)
			return stoa__fail(err, STOA_EINVAL, "table \"%s\" has no slot at position %u",
					  t->schema->name, slots[i]);
	STOA_TRY(stoa__row_found(stoa__table_locate_existing(t, row, &at, err), t, row, err));
	STOA_TRY(stoa__db_within_memory(txn->db, 0, err));
	if (n > VALUES_ON_STACK) {
		converted = stoa__alloc(n * sizeof *converted);
		if (!converted)
			return stoa__fail_memory(err);
	}
	rc = convert_all(t->schema, slots, values, n, converted, err);
	if (rc == STOA_OK && n)
		rc = update(txn, t, row, at, slots, converted, n, err);
	if (converted != few)
		stoa__free(converted);
	return rc;
}

int stoa__row_delete(struct stoa_txn *txn, struct stoa__table *t, stoa_rowid row,
		     struct stoa__place at, struct stoa_error *err)
{
	size_t mark = txn->redo.len;
	bool keep;
	int rc;

	STOA_TRY(stoa__refs_settle(txn->version, t, err));
	keep = stoa__counts_get(t, row) || stoa__row_is_held(&txn->db->lives, t->id, row);
	if (txn->db->path && stoa__redo_delete(txn, t, row, keep) < 0)
		return stoa__fail_memory(err);
	rc = stoa__refs_delete(txn->version, &txn->loose, t, row, at, keep, err);
	if (rc < 0)
		txn->redo.len = mark;
	else
		txn->dirty = true;
	return rc;
}

int stoa_delete(stoa_txn *txn, stoa_table table, stoa_rowid row, struct stoa_error *err)
{
	struct stoa__table *t;
	struct stoa__place at;

	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_own_table(txn, table, &t, err));
	STOA_TRY(stoa__row_found(stoa__table_locate(t, row, &at, err), t, row, err));
	return stoa__row_delete(txn, t, row, at, err);
}
