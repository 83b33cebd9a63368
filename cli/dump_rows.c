/* SPDX-License-Identifier: MIT */
/*
 * dump_rows.c - which rows a dump has, and the number that each will have
 *
 * The rows of a table are its members, in the order of their rowids or, where it has a deque, of
 * that; and those that were deleted and are still referred to, found by following references from
 * the members. Only tables that somebody refers to, or that have a deque, are listed: 8 bytes a row
 * for the list and 16 to find its number by.
 */
#include "dump.h"

#include <stdlib.h>
#include <string.h>

static int failed(const struct dump *d, const struct stoa_error *err)
{
	return report_error(d->s->path, err);
}

static void push(uint64_t **list, uint64_t *n, uint64_t *cap, uint64_t row)
{
	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		*list = xrealloc(*list, *cap * sizeof(**list));
	}
	(*list)[(*n)++] = row;
}

int dump_by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* ---- members ---- */

/* Adds the rows of a cursor, which is closed. */
static int add_rows(struct dump *d, struct dumped *t, stoa_cursor *cur)
{
	const struct stoa_value *row;
	struct stoa_error err;
	int rc;

	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW)
		push(&t->rows, &t->n_rows, &t->cap_rows, stoa_cursor_rowid(cur));
	stoa_cursor_close(cur);
	return rc < 0 ? failed(d, &err) : CLI_OK;
}

static int add_members(struct dump *d, struct dumped *t)
{
	static const uint32_t first;
	struct stoa_error err;
	stoa_cursor *cur;

	if (stoa_scan(d->s->txn, t->table, &first, 1, &cur, &err) < 0)
		return failed(d, &err);
	return add_rows(d, t, cur);
}

/* ---- rows that live by references ---- */

struct found {
	uint64_t row;
	size_t table;	/* position */
};

struct search {
	struct dump *d;
	struct found *set;	/* open addressing; row 0 is a free place */
	size_t n, cap;
	struct found *todo;	/* whose own references were not followed yet */
	size_t n_todo, cap_todo;
};

static struct found *place_of(struct search *f, uint64_t row, size_t table)
{
	size_t i = (row * 0x9e3779b97f4a7c15u + table) & (f->cap - 1);

	while (f->set[i].row && (f->set[i].row != row || f->set[i].table != table))
		i = (i + 1) & (f->cap - 1);
	return &f->set[i];
}

static void grow_set(struct search *f)
{
	struct found *old = f->set;
	size_t n = f->cap;

	f->cap = n ? n * 2 : 1024;
	f->set = xrealloc(NULL, f->cap * sizeof(*f->set));
	memset(f->set, 0, f->cap * sizeof(*f->set));
	for (size_t i = 0; i < n; i++)
		if (old[i].row)
			*place_of(f, old[i].row, old[i].table) = old[i];
	free(old);
}

/* A strong reference leads to a row; at this time t->rows has the members, ascending. */
static void follow(struct search *f, stoa_table table, uint64_t row)
{
	size_t at = dump_position(f->d, table);
	struct dumped *t = &f->d->tables[at];
	struct found *place;

	if (at == f->d->n ||
	    (t->n_rows && bsearch(&row, t->rows, t->n_rows, sizeof(row), dump_by_number)))
		return;
	if (f->n * 2 >= f->cap)
		grow_set(f);
	place = place_of(f, row, at);
	if (place->row)
		return;
	*place = (struct found){ row, at };
	f->n++;
	if (f->n_todo == f->cap_todo) {
		f->cap_todo = f->cap_todo ? f->cap_todo * 2 : 64;
		f->todo = xrealloc(f->todo, f->cap_todo * sizeof(*f->todo));
	}
	f->todo[f->n_todo++] = *place;
	push(&t->kept, &t->n_kept, &t->cap_kept, row);
}

static void follow_row(struct search *f, const struct dumped *t, const struct stoa_value *values)
{
	for (size_t i = 0; i < t->info.n_slots; i++)
		if (t->info.slots[i].type == STOA_REF && values[i].type != STOA_NULL)
			follow(f, t->info.slots[i].target, values[i].u);
}

static int follow_members(struct search *f, const struct dumped *t)
{
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	bool any = false;
	int rc;

	for (size_t i = 0; i < t->info.n_slots; i++)
		any |= t->info.slots[i].type == STOA_REF;
	if (!any)
		return CLI_OK;
	if (stoa_scan(f->d->s->txn, t->table, NULL, 0, &cur, &err) < 0)
		return failed(f->d, &err);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW)
		follow_row(f, t, row);
	stoa_cursor_close(cur);
	return rc < 0 ? failed(f->d, &err) : CLI_OK;
}

static int follow_kept(struct search *f)
{
	struct stoa_value *values = xrealloc(NULL, STOA_SLOTS_MAX * sizeof(*values));
	struct stoa_error err;
	int code = CLI_OK;

	while (f->n_todo && code == CLI_OK) {
		struct found next = f->todo[--f->n_todo];
		const struct dumped *t = &f->d->tables[next.table];

		if (stoa_get(f->d->s->txn, t->table, next.row, values, t->info.n_slots, &err) < 0)
			code = failed(f->d, &err);
		else
			follow_row(f, t, values);
	}
	free(values);
	return code;
}

static int find_kept(struct dump *d)
{
	struct search f = { .d = d };
	int code = CLI_OK;

	grow_set(&f);
	for (size_t i = 0; i < d->n && code == CLI_OK; i++)
		code = follow_members(&f, &d->tables[i]);
	if (code == CLI_OK)
		code = follow_kept(&f);
	free(f.set);
	free(f.todo);
	for (size_t i = 0; i < d->n; i++) {
		struct dumped *t = &d->tables[i];

		if (!t->n_kept)
			continue;
		qsort(t->kept, t->n_kept, sizeof(*t->kept), dump_by_number);
		for (uint64_t k = 0; k < t->n_kept; k++)
			push(&t->rows, &t->n_rows, &t->cap_rows, t->kept[k]);
		qsort(t->rows, t->n_rows, sizeof(*t->rows), dump_by_number);
		t->late_keys = true;	/* a deleted row may have the key of one that is there */
	}
	return code;
}

/* ---- the order of a deque ---- */

struct queue_name {
	char *text;	/* to sort by */
	struct stoa_value value;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct queue_name *)a)->text, ((const struct queue_name *)b)->text);
}

/* The first deque of a table; 0 if it has none. */
static stoa_index deque_of(const struct dump *d, const struct dumped *t)
{
	struct stoa_index_info info;
	stoa_index index = 0;

	while (stoa_index_next(d->s->txn, t->table, index, &index, NULL) == STOA_ROW)
		if (stoa_index_info(d->s->txn, t->table, index, &info, NULL) == STOA_OK &&
		    info.kind == STOA_INDEX_DEQUE)
			return index;
	return 0;
}

static int add_queue(struct dump *d, struct dumped *t, stoa_index index, const struct stoa_value *name)
{
	static const uint32_t first;
	struct stoa_error err;
	stoa_cursor *cur;

	if (stoa_deque_scan(d->s->txn, t->table, index, name, STOA_FRONT, &first, 1, &cur, &err) < 0)
		return failed(d, &err);
	return add_rows(d, t, cur);
}

/* Puts the rows that are in no queue, as they are claimed or no members, before those that are. */
static void put_others_first(struct dumped *t, const uint64_t *all, uint64_t n_all)
{
	uint64_t *queued = xrealloc(NULL, (t->n_rows + 1) * sizeof(*queued)), n = 0;
	uint64_t *order = xrealloc(NULL, (n_all + 1) * sizeof(*order));

	if (t->n_rows)
		memcpy(queued, t->rows, t->n_rows * sizeof(*queued));
	qsort(queued, t->n_rows, sizeof(*queued), dump_by_number);
	for (uint64_t i = 0; i < n_all; i++)
		if (!bsearch(&all[i], queued, t->n_rows, sizeof(*queued), dump_by_number))
			order[n++] = all[i];
	if (t->n_rows)
		memcpy(order + n, t->rows, t->n_rows * sizeof(*order));
	free(queued);
	free(t->rows);
	t->rows = order;
	t->n_rows = n_all;
}

static int order_by_deque(struct dump *d, struct dumped *t, stoa_index index)
{
	uint64_t *all = t->rows, n_all = t->n_rows, place = 0;
	struct queue_name *names = NULL;
	struct stoa_error err;
	struct stoa_value v;
	size_t n = 0;
	int rc, code = CLI_OK;

	t->rows = NULL;
	t->n_rows = t->cap_rows = 0;
	while ((rc = stoa_deque_next(d->s->txn, t->table, index, &place, &v, NULL, &err)) == STOA_ROW) {
		struct text text = { 0 };

		names = xrealloc(names, (n + 1) * sizeof(*names));
		text_put_literal(&text, &v);
		names[n++] = (struct queue_name){ text.p, v };
	}
	if (rc < 0)
		code = failed(d, &err);
	if (n)
		qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n; i++) {
		if (code == CLI_OK)
			code = add_queue(d, t, index, &names[i].value);
		free(names[i].text);
	}
	free(names);
	put_others_first(t, all, n_all);
	free(all);
	return code;
}

/* ---- numbers ---- */

static int by_row(const void *a, const void *b)
{
	return dump_by_number(&((const struct numbered *)a)->row, &((const struct numbered *)b)->row);
}

static void number(struct dumped *t)
{
	t->by_row = xrealloc(NULL, (t->n_rows + 1) * sizeof(*t->by_row));
	for (uint64_t i = 0; i < t->n_rows; i++)
		t->by_row[i] = (struct numbered){ t->rows[i], i + 1 };
	qsort(t->by_row, t->n_rows, sizeof(*t->by_row), by_row);
}

uint64_t dump_number_of(const struct dumped *t, uint64_t row)
{
	struct numbered key = { row, 0 }, *found;

	found = bsearch(&key, t->by_row, t->n_rows, sizeof(key), by_row);
	return found ? found->number : 0;
}

static void mark_targets(struct dump *d, const struct dumped *t)
{
	for (size_t i = 0; i < t->info.n_slots; i++) {
		size_t at = t->info.slots[i].target ? dump_position(d, t->info.slots[i].target) : d->n;

		if (at < d->n)
			d->tables[at].listed = true;
	}
}

int dump_number(struct dump *d)
{
	int code = CLI_OK;

	for (size_t i = 0; i < d->n; i++)
		mark_targets(d, &d->tables[i]);
	for (size_t i = 0; i < d->n && code == CLI_OK; i++) {
		d->tables[i].listed |= deque_of(d, &d->tables[i]) != 0;
		if (d->tables[i].listed)
			code = add_members(d, &d->tables[i]);
	}
	if (code == CLI_OK)
		code = find_kept(d);
	for (size_t i = 0; i < d->n && code == CLI_OK; i++) {
		struct dumped *t = &d->tables[i];
		stoa_index deque = deque_of(d, t);

		if (deque)
			code = order_by_deque(d, t, deque);
		if (code == CLI_OK && t->listed)
			number(t);
	}
	return code;
}
