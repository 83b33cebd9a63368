/* SPDX-License-Identifier: MIT */
/*
 * import.c - all rows of any cursor into a table, by name: made if it is missing, all of it or
 * nothing
 *
 *     columns of the cursor --by name--> slots: as they lie, converted value by value, or the
 *     slot's default
 *                                          -> appender
 *
 * (1) What failed leaves the transaction as it was: there is a savepoint below, and a table that
 * was made goes with it. (2) The cursor is closed, whatever happens.
 */
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "core/error.h"
#include "core/type.h"
#include "stoa.h"

#define PROGRESS_BATCHES 128	/* between two calls: some milliseconds */

/* Where a slot's values come from. */
struct target {
	struct stoa_slot slot;
	int source;		/* column of the cursor; -1: none, so the default */
	void *room;		/* for a batch of converted values; NULL: they lie as they should */
	uint64_t validity[STOA__WORDS(STOA_BATCH_MAX)];
};

struct import {
	stoa_txn *txn;
	const char *name;
	stoa_cursor *in;
	const struct stoa_column *columns;
	size_t n_columns;
	stoa_table table;
	struct target *targets;
	struct stoa_array *arrays;
	size_t n_slots;
	struct stoa_import_options options;
	uint64_t rows;
};

/*
 * ---- the table ----------------------------------------------------------------------------------
 */

/* The type that a slot for a column has: references are numbers, as their table is not known. */
static uint8_t slot_type(const struct stoa_column *c)
{
	if (c->type == STOA_NULL)
		return STOA_TEXT;
	return stoa__type_is_ref(c->type) ? STOA_U64 : c->type;
}

static int make_table(struct import *im, struct stoa_error *err)
{
	struct stoa_slot *slots = stoa__calloc(im->n_columns + 1, sizeof *slots);
	int rc;

	if (!slots)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < im->n_columns; i++) {
		const struct stoa_column *c = &im->columns[i];
		bool decimal = c->type == STOA_DECIMAL;

		slots[i] = (struct stoa_slot){ .name = c->name, .type = slot_type(c) };
		if (decimal)
			slots[i].precision = c->precision ? c->precision :
							    STOA_DECIMAL_PRECISION_MAX;
		slots[i].scale = decimal ? c->scale : 0;
	}
	rc = stoa_table_create(im->txn, im->name, slots, im->n_columns, &im->table, err);
	stoa__free(slots);
	return rc;
}

static int find_column(const struct import *im, const char *name)
{
	for (size_t i = 0; i < im->n_columns; i++)
		if (stoa__name_equal(im->columns[i].name, name))
			return (int)i;
	return -1;
}

/* Each column has a slot. */
static int check_columns(const struct import *im, const struct stoa_table_info *info,
			 struct stoa_error *err)
{
	for (size_t i = 0; i < im->n_columns; i++) {
		size_t k = 0;

		while (k < info->n_slots &&
		       !stoa__name_equal(info->slots[k].name, im->columns[i].name))
			k++;
		if (k == info->n_slots)
			return stoa__fail(err, STOA_ENOTFOUND,
					  "column \"%.*s\" is no slot of table \"%.*s\"", STOA_NAME_MAX,
					  im->columns[i].name, STOA_NAME_MAX, im->name);
		if (find_column(im, im->columns[i].name) != (int)i)
			return stoa__fail(err, STOA_EINVAL, "there are two columns \"%.*s\"",
					  STOA_NAME_MAX, im->columns[i].name);
	}
	return STOA_OK;
}

static bool is_text(unsigned type)
{
	return type == STOA_STRING || type == STOA_TEXT;
}

/* Do the column's elements lie as the slot's do? */
static bool same_layout(const struct stoa_slot *slot, const struct stoa_column *c)
{
	if (is_text(slot->type) && is_text(c->type))
		return true;
	return slot->type == c->type && !stoa__type_is_ref(slot->type) &&
	       (slot->type != STOA_DECIMAL || slot->scale == c->scale);
}

static int init_target(struct import *im, size_t i, const struct stoa_slot *slot,
		       struct stoa_error *err)
{
	struct target *t = &im->targets[i];

	t->slot = *slot;
	t->source = find_column(im, slot->name);
	if (t->source < 0 && slot->flags & STOA_NOT_NULL && slot->value.type == STOA_NULL)
		return stoa__fail(err, STOA_ENULL,
				  "no column for slot \"%.*s\", which is not null and has no default",
				  STOA_NAME_MAX, slot->name);
	if (t->source >= 0 && same_layout(slot, &im->columns[t->source]))
		return STOA_OK;
	t->room = stoa__calloc(STOA_BATCH_MAX, stoa__type_width(slot->type));
	if (!t->room)
		return stoa__fail_memory(err);
	if (t->source >= 0 || slot->value.type == STOA_NULL)
		return STOA_OK;
	memset(t->validity, 0xff, sizeof t->validity);
	for (size_t row = 0; row < STOA_BATCH_MAX; row++)
		stoa__element_put(slot->type, t->room, row, &slot->value);
	return STOA_OK;
}

static int plan(struct import *im, struct stoa_error *err)
{
	struct stoa_table_info info;

	STOA_TRY(stoa_table_info(im->txn, im->table, &info, err));
	STOA_TRY(check_columns(im, &info, err));
	im->targets = stoa__calloc(info.n_slots, sizeof *im->targets);
	im->arrays = stoa__calloc(info.n_slots, sizeof *im->arrays);
	if (!im->targets || !im->arrays)
		return stoa__fail_memory(err);
	im->n_slots = info.n_slots;
	for (size_t i = 0; i < info.n_slots; i++)
		STOA_TRY(init_target(im, i, &info.slots[i], err));
	return STOA_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int convert(struct target *t, const struct stoa_array *in, size_t n, struct stoa_error *err)
{
	memset(t->validity, 0xff, sizeof t->validity);
	for (size_t row = 0; row < n; row++) {
		struct stoa_value v = stoa_null();
		bool null = in->type == STOA_NULL || !stoa__bit_get(in->validity, row);

		if (!null) {
			struct stoa_value from = stoa__array_value(in, row);
			STOA_TRY(stoa__convert(&t->slot, &from, &v, err));
			stoa__element_put(t->slot.type, t->room, row, &v);
			continue;
		}
		memset((char *)t->room + row * stoa__type_width(t->slot.type), 0,
		       stoa__type_width(t->slot.type));
		stoa__bit_clear(t->validity, row);
	}
	return STOA_OK;
}

static int make_arrays(struct import *im, const struct stoa_batch *b, struct stoa_error *err)
{
	for (size_t i = 0; i < im->n_slots; i++) {
		struct target *t = &im->targets[i];

		if (!t->room) {
			im->arrays[i] = b->columns[t->source];
			im->arrays[i].type = t->slot.type;
			continue;
		}
		if (t->source >= 0)
			STOA_TRY(convert(t, &b->columns[t->source], b->n_rows, err));
		im->arrays[i] = (struct stoa_array){ t->slot.type, t->slot.scale, t->room,
						     t->validity };
	}
	return STOA_OK;
}

static int tell(const struct import *im, struct stoa_error *err)
{
	struct stoa_progress now = { .rows = im->rows };

	if (!im->options.progress || !im->options.progress(im->options.ctx, &now))
		return STOA_OK;
	return stoa__fail(err, STOA_ECANCELED, "the import was canceled");
}

static int append_rows(struct import *im, stoa_appender *app, struct stoa_error *err)
{
	struct stoa_batch b;
	uint64_t batches = 0;
	int rc;

	while ((rc = stoa_next_batch(im->in, &b, err)) == STOA_ROW) {
		STOA_TRY(make_arrays(im, &b, err));
		STOA_TRY(stoa_append(app, im->arrays, im->n_slots, b.n_rows, err));
		im->rows += b.n_rows;
		if (++batches % PROGRESS_BATCHES == 0)
			STOA_TRY(tell(im, err));
	}
	return rc < 0 ? rc : STOA_OK;
}

static int load(struct import *im, struct stoa_error *err)
{
	stoa_appender *app;
	stoa_index unique;
	int rc = STOA_OK;

	if (im->options.unique)
		STOA_TRY(stoa_index_ensure_unique(im->txn, im->table, im->options.unique, &unique,
						  err));
	STOA_TRY(plan(im, err));
	STOA_TRY(stoa_appender_open(im->txn, im->table, &app, err));
	if (im->options.unique)
		rc = stoa_appender_on_conflict(app, unique, im->options.on_conflict, err);
	if (rc == STOA_OK)
		rc = append_rows(im, app, err);
	if (rc == STOA_OK)
		return stoa_appender_close(app, err);
	stoa_appender_abort(app);
	return rc;
}

static int import(struct import *im, struct stoa_error *err)
{
	uint32_t savepoint;
	int rc;

	STOA_TRY(stoa_savepoint(im->txn, &savepoint, err));
	rc = stoa_table_find(im->txn, im->name, &im->table, err);
	if (rc == STOA_ENOTFOUND)
		rc = make_table(im, err);
	if (rc == STOA_OK)
		rc = load(im, err);
	if (rc < 0)
		(void)!stoa_rollback_to(im->txn, savepoint, NULL);
	(void)!stoa_release(im->txn, savepoint, NULL);
	return rc;
}

int stoa_import_cursor(stoa_txn *txn, const char *table, stoa_cursor *in,
		       const struct stoa_import_options *options, uint64_t *rows,
		       struct stoa_error *err)
{
	struct import im = { .txn = txn, .name = table, .in = in,
			     .options = STOA_IMPORT_OPTIONS_INIT };
	int rc;

	if (options)
		im.options = *options;
	if (!in || !table || !txn) {
		stoa_cursor_close(in);
		return stoa__fail(err, STOA_EINVAL, "a transaction, a table and a cursor are wanted");
	}
	im.columns = stoa_columns(in, &im.n_columns);
	rc = import(&im, err);
	for (size_t i = 0; i < im.n_slots; i++)
		stoa__free(im.targets[i].room);
	stoa__free(im.targets);
	stoa__free(im.arrays);
	stoa_cursor_close(in);
	if (rows && rc == STOA_OK)
		*rows = im.rows;
	return rc;
}
