/* SPDX-License-Identifier: MIT */
/*
 * referrers.c - a cursor over the rows that refer to a row
 *
 * References are counted, and their other ends are nowhere written down; so this looks at the slots
 * of all tables that can refer to the row, 2,048 rows at a time, and leaves out groups whose chunks
 * say that the rowid is not among their values. It is for people who ask why a row lives, who ask
 * seldom.
 *
 *     table --> slot of it that refers to the row's table --> group --> run of rows --> a batch of
 *     those that do
 */
#include <string.h>

#include "core/alloc.h"
#include "core/type.h"
#include "cursor.h"
#include "db.h"

enum { TABLE, ROW, SLOT, STRONG, MEMBER, N_COLUMNS };

static const struct stoa_column columns[N_COLUMNS] = {
	[TABLE] = { "table", STOA_STRING, 0, 0 }, [ROW] = { "row", STOA_U64, 0, 0 },
	[SLOT] = { "slot", STOA_STRING, 0, 0 },	  [STRONG] = { "strong", STOA_BOOL, 0, 0 },
	[MEMBER] = { "member", STOA_BOOL, 0, 0 },
};

struct referrers {
	struct stoa_cursor cursor;
	struct stoa__version *version;	/* held */
	uint32_t target;		/* the row's table */
	uint64_t row;
	/* where the next run begins */
	const struct stoa__table *table;	/* NULL: before the first */
	uint32_t slot;
	const struct stoa__group *group;	/* NULL: before the first of the slot */
	uint32_t from;
	/* a batch */
	struct stoa_array arrays[N_COLUMNS];
	struct stoa_bytes tables[STOA__BATCH_ROWS], slots[STOA__BATCH_ROWS];
	uint64_t rows[STOA__BATCH_ROWS];
	uint8_t strong[STOA__BATCH_ROWS], member[STOA__BATCH_ROWS];
	uint64_t refs[STOA__BATCH_ROWS];
};

static struct referrers *of_cursor(stoa_cursor *cur)
{
	return (struct referrers *)(void *)cur;
}

/* ---- where to look ---- */

static bool refers_there(const struct referrers *r, uint32_t slot)
{
	const struct stoa_slot *def = &r->table->schema->slots[slot].def;

	return stoa__type_is_ref(def->type) && def->target == r->target;
}

/* The next slot that may refer to the row, of this table or a later one. */
static bool next_slot(struct referrers *r)
{
	uint64_t id = r->table ? r->table->id : 0;
	uint32_t slot = r->table ? r->slot + 1 : 0;

	r->group = NULL;
	while (r->table || (r->table = stoa__tree_next(r->version->tables, id, false, &id))) {
		for (; slot < r->table->schema->n_slots; slot++) {
			r->slot = slot;
			if (refers_there(r, slot))
				return true;
		}
		r->table = NULL;
		slot = 0;
	}
	return false;
}

/* The group after r->group: the tail is the last. */
static bool next_group(struct referrers *r)
{
	const struct stoa__table *t = r->table;
	uint64_t first = r->group ? r->group->first : 0;

	r->from = 0;
	if (r->group && r->group == t->tail)
		return false;
	r->group = stoa__tree_next(t->groups, first, !r->group, &first);
	if (!r->group)
		r->group = t->tail;
	return r->group;
}

/*
 * Does the group's chunk say that the row is not among its values? One that cannot be read is an
 * error later.
 */
static bool is_out_of_range(const struct referrers *r)
{
	const struct stoa__slot *slot = &r->table->schema->slots[r->slot];
	const struct stoa__chunk *c;

	if (!r->group->base || stoa__group_pages(r->group, slot->id) ||
	    stoa__base_column(r->group->base, slot->id, slot->def.type, &c, NULL) < 0 || !c)
		return false;
	return c->has_range && (r->row < c->min.u || r->row > c->max.u);
}

/* ---- batches ---- */

static struct stoa_bytes bytes_of(const char *s)
{
	return (struct stoa_bytes){ s, (uint32_t)strlen(s) };
}

static void put(struct referrers *r, size_t at, uint64_t rowid, uint32_t row)
{
	const struct stoa__schema *schema = r->table->schema;
	const struct stoa_slot *def = &schema->slots[r->slot].def;

	r->tables[at] = bytes_of(schema->name);
	r->rows[at] = rowid;
	r->slots[at] = bytes_of(def->name);
	r->strong[at] = def->type == STOA_REF;
	r->member[at] = stoa__group_alive(r->group, row);
}

/* The next run of rows: *@n_found of them refer to the row. */
static int look(struct referrers *r, size_t *n_found, struct stoa_error *err)
{
	uint32_t n;

	STOA_TRY(stoa__refs_read(r->table, r->group, r->slot, r->from, r->refs, &n, err));
	*n_found = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t rowid;

		if (r->refs[i] != r->row)
			continue;
		STOA_TRY(stoa__group_rowids(r->group, r->from + i, 1, &rowid, err));
		put(r, (*n_found)++, rowid, r->from + i);
	}
	r->from += n;
	return STOA_OK;
}

/* Is there a run to be looked at, in this group or a later one? */
static bool find_run(struct referrers *r)
{
	for (;;) {
		if (r->group && r->from < stoa__group_rows(r->table, r->group) &&
		    (r->from || !is_out_of_range(r)))
			return true;
		if (!(r->table && next_group(r)) && !next_slot(r))
			return false;
	}
}

static int next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct referrers *r = of_cursor(cur);
	size_t n = 0;

	while (!n && find_run(r)) {
		if (atomic_load_explicit(&cur->watch.canceled, memory_order_relaxed))
			return stoa__fail(err, STOA_ECANCELED, "the cursor was canceled");
		STOA_TRY(look(r, &n, err));
	}
	if (!n)
		return STOA_END;
	*out = (struct stoa_batch){ n, N_COLUMNS, r->arrays, NULL };
	return STOA_ROW;
}

static const struct stoa_column *get_columns(const stoa_cursor *cur, size_t *n)
{
	(void)cur;
	*n = N_COLUMNS;
	return columns;
}

static void close_cursor(stoa_cursor *cur)
{
	struct referrers *r = of_cursor(cur);

	stoa__version_drop(r->version);
	stoa__free(r);
}

static const struct stoa__cursor_ops ops = {
	.columns = get_columns,
	.next_batch = next_batch,
	.close = close_cursor,
};

int stoa_row_referrers(stoa_txn *txn, stoa_table table, stoa_rowid row, stoa_cursor **out,
		       struct stoa_error *err)
{
	struct stoa__table *t;
	struct referrers *r;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the cursor");
	*out = NULL;
	STOA_TRY(stoa__txn_enter(txn, err));
	STOA_TRY(stoa__txn_table(txn, table, &t, err));
	rc = stoa__row_exists(t, row, err);
	if (rc == STOA_ENOTFOUND)
		return stoa__row_not_found(t, row, err);
	STOA_TRY(rc);
	r = stoa__calloc(1, sizeof *r);
	if (!r)
		return stoa__fail_memory(err);
	rc = stoa__txn_freeze(txn, &r->version, err);
	if (rc < 0) {
		stoa__free(r);
		return rc;
	}
	r->target = table;
	r->row = row;
	r->arrays[TABLE] = (struct stoa_array){ .type = STOA_STRING, .values = r->tables };
	r->arrays[ROW] = (struct stoa_array){ .type = STOA_U64, .values = r->rows };
	r->arrays[SLOT] = (struct stoa_array){ .type = STOA_STRING, .values = r->slots };
	r->arrays[STRONG] = (struct stoa_array){ .type = STOA_BOOL, .values = r->strong };
	r->arrays[MEMBER] = (struct stoa_array){ .type = STOA_BOOL, .values = r->member };
	stoa__cursor_init(&r->cursor, &ops);
	r->cursor.gone = &r->version->gone;
	*out = &r->cursor;
	return STOA_OK;
}
