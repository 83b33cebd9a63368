/* SPDX-License-Identifier: MIT */
/*
 * appender.c - rows from the application's arrays
 *
 * Rows wait in arrays of a row group's size; each full one is encoded and handed to the bulk. Whole
 * groups that come in one call are encoded from the caller's arrays, without being copied first.
 * What never filled a group is inserted row by row, through the log, so that a small append costs
 * no segment file.
 */
#include <stdio.h>
#include <string.h>

#include "bulk.h"
#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/kernels.h"
#include "core/type.h"
#include "db.h"
#include "set.h"

struct waiting {
	void *values;
	uint64_t *validity;
};

struct stoa_appender {
	struct stoa_txn *txn;
	stoa_table table;
	const struct stoa__schema *schema;	/* does not change while the appender is open */
	struct stoa__bulk *bulk;		/* from the start: it keeps the schema in place */
	uint32_t n_slots;
	stoa_index unique;	/* settles conflicts */
	int policy;		/* enum stoa_conflict */
	bool sealed_any;
	bool failed;
	size_t n;		/* rows waiting */
	uint64_t bytes_in;	/* of their texts and blobs */
	struct stoa__bytes_run {
		struct stoa__bytes_run *next;
		char bytes[];
	} *runs;		/* what their strings borrow */
	struct stoa__bulk_column *columns;	/* room for a call */
	struct waiting waiting[];
};

static void free_runs(struct stoa_appender *app)
{
	while (app->runs) {
		struct stoa__bytes_run *next = app->runs->next;

		stoa__free(app->runs);
		app->runs = next;
	}
}

static void appender_free(struct stoa_appender *app)
{
	for (uint32_t i = 0; i < app->n_slots; i++) {
		stoa__free(app->waiting[i].values);
		stoa__free(app->waiting[i].validity);
	}
	free_runs(app);
	stoa__free(app->columns);
	stoa__free(app);
}

int stoa_appender_open(stoa_txn *txn, stoa_table table, stoa_appender **out,
		       struct stoa_error *err)
{
	struct stoa__table *t;
	struct stoa_appender *app;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the appender");
	*out = NULL;
	STOA_TRY(stoa__txn_enter_write(txn, err));
	STOA_TRY(stoa__txn_own_table(txn, table, &t, err));
	app = stoa__calloc(1, sizeof *app + t->schema->n_slots * sizeof app->waiting[0]);
	if (!app)
		return stoa__fail_memory(err);
	app->txn = txn;
	app->n_slots = t->schema->n_slots;
	app->table = table;
	app->schema = t->schema;
	app->columns = stoa__calloc(t->schema->n_slots, sizeof *app->columns);
	for (uint32_t i = 0; i < t->schema->n_slots; i++) {
		size_t width = stoa__type_width(t->schema->slots[i].def.type);

		app->waiting[i].values = stoa__alloc_aligned(STOA__GROUP_ROWS * width);
		app->waiting[i].validity =
			stoa__alloc(STOA__WORDS(STOA__GROUP_ROWS) * sizeof(uint64_t));
		if (!app->waiting[i].values || !app->waiting[i].validity)
			goto no_memory;
	}
	if (!app->columns)
		goto no_memory;
	if (stoa__bulk_open(txn, table, &app->bulk, err) < 0) {
		appender_free(app);
		return STOA_ENOMEM;
	}
	*out = app;
	return STOA_OK;
no_memory:
	appender_free(app);
	return stoa__fail_memory(err);
}

/* ---- checking ---- */

static int bad_element(const struct stoa__slot *slot, size_t row, int code, const char *what,
		       struct stoa_error *err)
{
	return stoa__fail(err, code, "slot \"%s\", row %zu of the arrays: %s", slot->def.name, row,
			  what);
}

static int check_nulls(const struct stoa__slot *slot, const struct stoa_array *a, size_t n,
		       struct stoa_error *err)
{
	if (!(slot->def.flags & STOA_NOT_NULL) || !a->validity)
		return STOA_OK;
	for (size_t i = 0; i < n; i++)
		if (!stoa__bit_get(a->validity, i))
			return bad_element(slot, i, STOA_ENULL, "NULL in a slot that is not null",
					   err);
	return STOA_OK;
}

/* Types whose every bit pattern of the C type is a value need no look. */
static bool any_value_fits(const struct stoa_slot *def)
{
	switch (def->type) {
	case STOA_BOOL:
	case STOA_DECIMAL:
	case STOA_DATE:
	case STOA_TIME:
	case STOA_TIMESTAMP:
	case STOA_STRING:
	case STOA_TEXT:
	case STOA_BLOB:
		return false;
	default:
		return true;
	}
}

/* Are all @n values, NULLs' included, within the range of the type? */
static bool all_in_range(const struct stoa_slot *def, const struct stoa_array *a, size_t n)
{
	unsigned log2 = (unsigned)__builtin_ctzl(stoa__type_width(def->type));
	struct stoa__range found = stoa__kernels()->range[log2](a->values, n, 0);
	int64_t min, max;

	stoa__type_range(def->type, def->precision, &min, &max);
	return found.min >= min && found.max <= max;
}

static bool all_text_fits(const struct stoa_slot *def, const struct stoa_array *a, size_t n)
{
	size_t max = def->type == STOA_STRING ? STOA_STRING_MAX : STOA_TEXT_MAX;
	const struct stoa_bytes *b = a->values;

	for (size_t i = 0; i < n; i++)
		if (stoa__bit_get(a->validity, i) &&
		    (b[i].len > max || !stoa__utf8_valid(b[i].p, b[i].len)))
			return false;
	return true;
}

/* True when a look at all values at once finds nothing wrong; else each is to be looked at. */
static bool all_fit(const struct stoa_slot *def, const struct stoa_array *a, size_t n)
{
	if (def->type == STOA_STRING || def->type == STOA_TEXT)
		return all_text_fits(def, a, n);
	return stoa__type_family(def->type) == STOA__INT && all_in_range(def, a, n);
}

static int check_column(const struct stoa__slot *slot, const struct stoa_array *a, size_t n,
			struct stoa_error *err)
{
	if (a->type != slot->def.type || (a->type == STOA_DECIMAL && a->scale != slot->def.scale))
		return stoa__fail(err, STOA_ETYPE, "slot \"%s\" is %s, but its array is %s",
				  slot->def.name, stoa_type_name((enum stoa_type)slot->def.type),
				  stoa_type_name((enum stoa_type)a->type));
	if (!a->values)
		return stoa__fail(err, STOA_EINVAL, "slot \"%s\": the array has no values",
				  slot->def.name);
	STOA_TRY(check_nulls(slot, a, n, err));
	if (n == 0 || any_value_fits(&slot->def) || all_fit(&slot->def, a, n))
		return STOA_OK;
	for (size_t i = 0; i < n; i++) {
		struct stoa_value in, out;
		struct stoa_error why;
		int rc;

		if (!stoa__bit_get(a->validity, i))
			continue;
		in = stoa__array_value(a, i);
		if (in.type == STOA_BOOL && (in.i & ~1))
			return bad_element(slot, i, STOA_ERANGE, "a bool is 0 or 1", err);
		rc = stoa__convert(&slot->def, &in, &out, &why);
		if (rc < 0)
			return bad_element(slot, i, rc, why.text, err);
	}
	return STOA_OK;
}

/* ---- waiting ---- */

/* Copies the bytes of rows [from, from + n) of a column; elements then point into the copy. */
static int copy_bytes(struct stoa_appender *app, const struct stoa_array *a, size_t from, size_t n,
		      struct stoa_bytes *to)
{
	const struct stoa_bytes *in = (const struct stoa_bytes *)a->values + from;
	struct stoa__bytes_run *run;
	size_t size = 0;
	char *at;

	for (size_t i = 0; i < n; i++)
		size += stoa__bit_get(a->validity, from + i) ? in[i].len : 0;
	run = stoa__alloc(sizeof *run + size);
	if (!run)
		return STOA_ENOMEM;
	run->next = app->runs;
	app->runs = run;
	app->bytes_in += size;
	at = run->bytes;
	for (size_t i = 0; i < n; i++) {
		uint32_t len = stoa__bit_get(a->validity, from + i) ? in[i].len : 0;

		memcpy(at, len ? in[i].p : "", len);
		to[i] = (struct stoa_bytes){ at, len };
		at += len;
	}
	return STOA_OK;
}

/*
 * Rows [from, from + n) join those that wait; there is room. They do not count until app->n is
 * raised.
 */
static int copy_rows(struct stoa_appender *app, const struct stoa_array *columns, size_t from,
		     size_t n)
{
	for (uint32_t i = 0; i < app->schema->n_slots; i++) {
		struct waiting *w = &app->waiting[i];
		const struct stoa_array *a = &columns[i];
		size_t width = stoa__type_width(a->type);
		uint8_t *to = (uint8_t *)w->values + app->n * width;

		stoa__bitmap_copy(w->validity, app->n, a->validity, from, n);
		if (stoa__type_family(a->type) == STOA__BYTES)
			STOA_TRY(copy_bytes(app, a, from, n, (struct stoa_bytes *)(void *)to));
		else
			memcpy(to, (const uint8_t *)a->values + from * width, n * width);
	}
	return STOA_OK;
}

static int add_group(struct stoa_appender *app, size_t n, struct stoa_error *err)
{
	struct stoa__bulk_group *group;

	STOA_TRY(stoa__bulk_encode(app->bulk, app->columns, app->schema->n_slots, n, &group, err));
	STOA_TRY(stoa__bulk_add(app->bulk, group, err));
	app->sealed_any = true;
	return STOA_OK;
}

/* Encodes the rows that wait. */
static int flush(struct stoa_appender *app, struct stoa_error *err)
{
	size_t n = app->n;

	for (uint32_t i = 0; i < app->schema->n_slots; i++) {
		struct waiting *w = &app->waiting[i];
		bool all = stoa__bitmap_count(w->validity, 0, n) == n;

		app->columns[i].array =
			(struct stoa_array){ app->schema->slots[i].def.type,
					     app->schema->slots[i].def.scale, w->values,
					     all ? NULL : w->validity };
	}
	STOA_TRY(add_group(app, n, err));
	app->n = 0;
	app->bytes_in = 0;
	free_runs(app);
	return STOA_OK;
}

/* Encodes a whole group of the caller's rows from @from on, a multiple of 64. */
static int add_whole(struct stoa_appender *app, const struct stoa_array *columns, size_t from,
		     struct stoa_error *err)
{
	for (uint32_t i = 0; i < app->schema->n_slots; i++) {
		struct stoa_array *a = &app->columns[i].array;

		*a = columns[i];
		a->values = (const uint8_t *)a->values + from * stoa__type_width(a->type);
		if (a->validity)
			a->validity += from / 64;
	}
	return add_group(app, STOA__GROUP_ROWS, err);
}

static int append(struct stoa_appender *app, const struct stoa_array *columns, size_t n_rows,
		  struct stoa_error *err)
{
	size_t at = 0;

	while (at < n_rows) {
		size_t n = STOA__GROUP_ROWS - app->n;

		if (!app->n && n_rows - at >= STOA__GROUP_ROWS && at % 64 == 0) {
			STOA_TRY(add_whole(app, columns, at, err));
			at += STOA__GROUP_ROWS;
			continue;
		}
		if (n > n_rows - at)
			n = n_rows - at;
		if (copy_rows(app, columns, at, n) < 0)
			return stoa__fail_memory(err);
		app->n += n;
		at += n;
		if (app->n == STOA__GROUP_ROWS || app->bytes_in > STOA__GROUP_BYTES_MAX)
			STOA_TRY(flush(app, err));
	}
	return STOA_OK;
}

static int enter(const struct stoa_appender *app, struct stoa_error *err)
{
	if (!app)
		return stoa__fail(err, STOA_EINVAL, "the appender is NULL");
	if (stoa__bulk_is_over(app->bulk))
		return stoa__fail(err, STOA_ESTATE,
				  "the transaction is over, and the appender's rows with it");
	return stoa__txn_enter(app->txn, err);
}

int stoa_append(stoa_appender *app, const struct stoa_array *columns, size_t n_columns,
		size_t n_rows, struct stoa_error *err)
{
	int rc;

	STOA_TRY(enter(app, err));
	if (app->failed)
		return stoa__fail(err, STOA_ESTATE,
				  "an earlier append failed: close or abort the appender");
	if (!columns || n_columns != app->schema->n_slots)
		return stoa__fail(err, STOA_EINVAL, "table \"%s\" has %u slots, but %zu arrays came",
				  app->schema->name, app->schema->n_slots, columns ? n_columns : 0);
	for (size_t i = 0; i < n_columns && n_rows; i++)
		STOA_TRY(check_column(&app->schema->slots[i], &columns[i], n_rows, err));
	rc = append(app, columns, n_rows, err);
	app->failed = rc < 0;
	return rc;
}

/* ---- the end ---- */

/* Makes way for a row, by what on_conflict() said: STOA_OK, or STOA_END if it is to be left out. */
static int settle_row(struct stoa_appender *app, const struct stoa_value *values,
		      struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	const struct stoa__index_def *def;
	struct stoa__table *t;
	uint64_t other = 0;
	uint32_t i = 0;
	int rc;

	if (app->policy == STOA_CONFLICT_ERROR)
		return STOA_OK;
	STOA_TRY(stoa__index_find(app->txn, app->table, app->unique, STOA_INDEX_SET, &t, &i, err));
	def = &t->schema->indexes[i];
	for (uint32_t k = 0; k < def->n_slots; k++) {
		key[k] = values[def->slots[k]];
		if (key[k].type == STOA_NULL)
			return STOA_OK;
	}
	rc = stoa__set_first(t, i, stoa__set_hash(def, key), key, 0, &other, err);
	if (rc <= 0)
		return rc;
	if (app->policy == STOA_CONFLICT_IGNORE)
		return STOA_END;
	return stoa_delete(app->txn, app->table, other, err);
}

/* Inserts the rows that wait one by one. */
static int insert_rows(struct stoa_appender *app, struct stoa_error *err)
{
	uint32_t n_slots = app->schema->n_slots;
	struct stoa_value *values = stoa__alloc(n_slots * sizeof *values);
	int rc = STOA_OK;

	if (!values)
		return stoa__fail_memory(err);
	for (size_t row = 0; row < app->n && rc == STOA_OK; row++) {
		for (uint32_t i = 0; i < n_slots; i++) {
			struct stoa_array a = { app->schema->slots[i].def.type,
						app->schema->slots[i].def.scale,
						app->waiting[i].values, app->waiting[i].validity };

			values[i] = stoa__array_value(&a, row);
		}
		rc = settle_row(app, values, err);
		if (rc == STOA_OK)
			rc = stoa_insert(app->txn, app->table, values, n_slots, NULL, err);
		else if (rc == STOA_END)
			rc = STOA_OK;
	}
	stoa__free(values);
	return rc;
}

/* Inserts all or none. */
static int insert_waiting(struct stoa_appender *app, struct stoa_error *err)
{
	struct stoa_txn *txn = app->txn;
	size_t mark = txn->redo.len;
	struct stoa__version *before;
	int rc;

	STOA_TRY(stoa__txn_freeze(txn, &before, err));
	rc = insert_rows(app, err);
	if (rc < 0) {
		stoa__txn_rollback(txn, before);
		txn->redo.len = mark;
	}
	stoa__version_drop(before);
	return rc;
}

int stoa_appender_on_conflict(stoa_appender *app, stoa_index index, int policy,
			      struct stoa_error *err)
{
	struct stoa__table *t;
	uint32_t i = 0;

	STOA_TRY(enter(app, err));
	STOA_TRY(stoa__index_find(app->txn, app->table, index, STOA_INDEX_SET, &t, &i, err));
	if (!(t->schema->indexes[i].flags & STOA_INDEX_UNIQUE))
		return stoa__fail(err, STOA_EINVAL, "index \"%s\" is not unique: it has no conflicts",
				  t->schema->indexes[i].name);
	if (policy < STOA_CONFLICT_ERROR || policy > STOA_CONFLICT_REPLACE)
		return stoa__fail(err, STOA_EINVAL, "there is no way number %d to settle conflicts",
				  policy);
	app->unique = index;
	app->policy = policy;
	stoa__bulk_on_conflict(app->bulk, index, policy);
	return STOA_OK;
}

int stoa_appender_close(stoa_appender *app, struct stoa_error *err)
{
	int rc = enter(app, err);

	if (rc == STOA_EFORKED || rc == STOA_EINVAL)
		return rc;
	if (rc == STOA_OK && app->failed)
		rc = stoa__fail(err, STOA_ESTATE, "an append failed: no row was added");
	else if (rc == STOA_OK && !app->sealed_any)
		rc = insert_waiting(app, err);
	else if (rc == STOA_OK && app->n)
		rc = flush(app, err);
	if (rc == STOA_OK && app->sealed_any)
		rc = stoa__bulk_finish(app->bulk, NULL, err);
	else
		stoa__bulk_abort(app->bulk);
	appender_free(app);
	return rc;
}

void stoa_appender_abort(stoa_appender *app)
{
	if (!app || enter(app, NULL) == STOA_EFORKED)
		return;
	stoa__bulk_abort(app->bulk);
	appender_free(app);
}
