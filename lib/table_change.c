/* SPDX-License-Identifier: MIT */
/* table_change.c - rows are put in, changed and taken out; see table.h */
#include "table.h"

#include "core/alloc.h"
#include "core/type.h"
#include "index.h"

/* Gives up the first @n elements for the slots at @slots (NULL: all in order). */
static void drop_elements(struct stoa__version *w, const struct stoa__schema *schema,
			  const uint32_t *slots, size_t n, struct stoa__element *elements)
{
	for (size_t i = 0; i < n; i++)
		stoa__element_drop(w->history->symbols,
				   schema->slots[slots ? slots[i] : i].def.type, &elements[i]);
}

/*
 * Elements of @values for the slots at @slots (NULL: all in order); none is left on failure. @slab: as
 * for stoa__element_make().
 */
static int make_elements(struct stoa__version *w, const struct stoa__schema *schema,
			 const uint32_t *slots, const struct stoa_value *values, size_t n,
			 struct stoa__slab **slab, struct stoa__element *out,
			 struct stoa_error *err)
{
	for (size_t i = 0; i < n; i++) {
		unsigned type = schema->slots[slots ? slots[i] : i].def.type;

		if (stoa__element_make(w->history->symbols, type, &values[i], slab, &out[i]) < 0) {
			drop_elements(w, schema, slots, i, out);
			return stoa__fail_memory(err);
		}
	}
	return STOA_OK;
}

#define ELEMENTS_ON_STACK 32

/* Makes room for a row at the end of the tail: a full one is sealed. */
static int make_room(struct stoa__version *w, struct stoa__table *t, struct stoa_error *err)
{
	if (t->tail && (t->tail_rows == STOA__GROUP_ROWS ||
			t->tail->tail->text_bytes > STOA__GROUP_BYTES_MAX))
		STOA_TRY(stoa__table_seal(w, t, err));
	if (!t->tail && stoa__table_new_tail(w, t, t->next_rowid) < 0)
		return stoa__fail_memory(err);
	if (t->tail_rows % STOA__PAGE_ROWS)
		return STOA_OK;
	for (uint32_t i = 0; i < t->schema->n_slots; i++)
		if (!stoa__tail_page(w, t->tail->tail, t->schema, t->tail_rows / STOA__PAGE_ROWS, i))
			return stoa__fail_memory(err);
	return STOA_OK;
}

/* Appends a row to the tail, which has room for it. */
static void put_row(struct stoa__table *t, const struct stoa_value *values,
		    const struct stoa__element *elements)
{
	struct stoa__tail *tail = t->tail->tail;
	struct stoa__page **pages = tail->rows[t->tail_rows / STOA__PAGE_ROWS];

	for (uint32_t i = 0; i < t->schema->n_slots; i++) {
		stoa__page_put(pages[i], t->tail_rows % STOA__PAGE_ROWS, &elements[i]);
		if (values[i].type == STOA_TEXT || values[i].type == STOA_BLOB)
			tail->text_bytes += values[i].len;
	}
	t->tail_rows++;
	t->n_rows++;
	tail->filled = t->tail_rows;
}

static void forget_row(struct stoa__tail *tail, uint32_t row)
{
	const struct stoa__element nothing = { .null = true };

	for (uint32_t i = 0; i < tail->n_slots; i++) {
		struct stoa__page *page = tail->rows[row / STOA__PAGE_ROWS][i];
		struct stoa_value v;

		stoa__page_value(page, row % STOA__PAGE_ROWS, &v);
		if (v.type == STOA_TEXT || v.type == STOA_BLOB)
			tail->text_bytes -= v.len;
		stoa__page_put(page, row % STOA__PAGE_ROWS, &nothing);
	}
}

static int forget_undone(void *ctx, uint64_t id, void *value)
{
	const struct stoa__table *t = value;
	struct stoa__tail *tail = t->tail ? t->tail->tail : NULL;

	(void)ctx;
	(void)id;
	while (tail && tail->filled > t->tail_rows)
		forget_row(tail, --tail->filled);
	stoa__indexes_undone(t);
	return STOA_OK;
}

void stoa__table_forget_undone(const struct stoa__version *v)
{
	(void)stoa__tree_walk(v->tables, 0, forget_undone, NULL);
}

/* Tells the indexes of a change to come: of row @at, or of the next one. */
static int announce(struct stoa__version *w, struct stoa__table *t, struct stoa__change *change,
		    enum stoa__change_kind kind, const struct stoa__place *at,
		    const uint32_t *slots, const struct stoa_value *values, size_t n,
		    struct stoa_error *err)
{
	if (!t->indexes)
		return STOA_OK;
	/* Its notes are not for clearing: that would cost as much as the insert. */
	change->kind = kind;
	change->rowid = t->next_rowid;
	if (at) {
		change->at = *at;
		if (at->group->tail)
			change->rowid = at->group->first + at->row;
		else
			STOA_TRY(stoa__group_rowids(at->group, at->row, 1, &change->rowid, err));
	}
	change->slots = slots;
	change->values = values;
	change->n = n;
	change->skip = 0;
	return stoa__indexes_before(w, t, change, err);
}

/* stoa__table_insert() with room for the elements. */
static inline int insert(struct stoa__version *w, struct stoa__table *t,
			 const struct stoa_value *values, struct stoa__element *elements,
			 uint64_t *rowid, struct stoa_error *err)
{
	uint32_t n = t->schema->n_slots;
	struct stoa__change change;
	int rc;

	STOA_TRY(announce(w, t, &change, STOA__INSERT, NULL, NULL, values, n, err));
	/*
	 * Before a seal, which may free what values borrow: they may be those of a row of this
	 * tail.
	 */
	STOA_TRY(make_elements(w, t->schema, NULL, values, n, t->tail ? &t->tail->tail->slab : NULL,
			       elements, err));
	rc = make_room(w, t, err);
	if (rc < 0) {
		drop_elements(w, t->schema, NULL, n, elements);
		return rc;
	}
	put_row(t, values, elements);
	*rowid = t->next_rowid++;
	if (t->indexes)
		stoa__indexes_after(w, t, &change);
	return STOA_OK;
}

static __attribute__((noinline)) int insert_wide(struct stoa__version *w, struct stoa__table *t,
						 const struct stoa_value *values, uint64_t *rowid,
						 struct stoa_error *err)
{
	struct stoa__element *elements = stoa__alloc(t->schema->n_slots * sizeof *elements);
	int rc = elements ? insert(w, t, values, elements, rowid, err) : stoa__fail_memory(err);

	stoa__free(elements);
	return rc;
}

int stoa__table_insert(struct stoa__version *w, struct stoa__table *t,
		       const struct stoa_value *values, uint64_t *rowid, struct stoa_error *err)
{
	struct stoa__element elements[ELEMENTS_ON_STACK];

	return t->schema->n_slots <= ELEMENTS_ON_STACK ?
		       insert(w, t, values, elements, rowid, err) :
		       insert_wide(w, t, values, rowid, err);
}

/*
 * The pages that hold a row's slots, changeable: the tail's own for a row that no older version
 * counts and that no overlay speaks for, the overlay's for all others. What they show is the same
 * afterwards.
 */
static int own_pages(struct stoa__version *w, struct stoa__table *t, struct stoa__place *at,
		     const uint32_t *slots, size_t n, struct stoa__page **out,
		     struct stoa_error *err)
{
	bool in_place = at->group->tail && at->row >= t->tail_shared;

	for (size_t i = 0; i < n; i++) {
		uint32_t id = t->schema->slots[slots[i]].id;

		if (in_place && !stoa__group_overlay(at->group, id, at->row)) {
			out[i] = at->group->tail->rows[at->row / STOA__PAGE_ROWS][slots[i]];
			continue;
		}
		if (stoa__group_own(w, t, &at->group) < 0)
			return stoa__fail_memory(err);
		STOA_TRY(stoa__group_own_page(w, t, at->group, slots[i], at->row, &out[i], err));
	}
	return STOA_OK;
}

int stoa__table_update(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
		       const uint32_t *slots, const struct stoa_value *values, size_t n,
		       struct stoa_error *err)
{
	struct stoa__element few[ELEMENTS_ON_STACK], *elements = few;
	struct stoa__page *few_pages[ELEMENTS_ON_STACK], **pages = few_pages;
	bool member = stoa__group_alive(at.group, at.row);	/* indexes know no others */
	struct stoa__change change;
	int rc = STOA_OK;

	if (n > ELEMENTS_ON_STACK) {
		elements = stoa__alloc(n * sizeof *elements);
		pages = stoa__alloc(n * sizeof *pages);
		if (!elements || !pages)
			rc = stoa__fail_memory(err);
	}
	if (rc == STOA_OK && member)
		rc = announce(w, t, &change, STOA__UPDATE, &at, slots, values, n, err);
	if (rc == STOA_OK)
		rc = own_pages(w, t, &at, slots, n, pages, err);
	if (rc == STOA_OK)
		rc = make_elements(w, t->schema, slots, values, n, NULL, elements, err);
	if (rc == STOA_OK) {
		for (size_t i = 0; i < n; i++)
			stoa__page_put(pages[i], at.row % STOA__PAGE_ROWS, &elements[i]);
		if (member && t->indexes)
			stoa__indexes_after(w, t, &change);
	}
	if (n > ELEMENTS_ON_STACK) {
		stoa__free(elements);
		stoa__free(pages);
	}
	return rc;
}

static void set_bit(struct stoa__live *l, uint32_t row, bool on)
{
	uint64_t bit = (uint64_t)1 << (row % 64), *word = &l->words[row % STOA__LIVE_ROWS / 64];

	*word = on ? *word | bit : *word & ~bit;
}

/*
 * A tail of which nothing exists any more would be in memory and in every checkpoint until rows
 * that follow fill it up: for a queue that has been drained, for ever. A small one is used on,
 * since a new one costs pages.
 */
uint32_t stoa__tail_rows_min = 1024;
#define TAIL_TEXT_MIN 65536

void stoa__table_drop_tail(struct stoa__version *w, struct stoa__table *t)
{
	stoa__group_retire(w, t->tail);
	t->tail = NULL;
	t->tail_rows = t->tail_shared = 0;
}

static bool is_spent(const struct stoa__table *t, const struct stoa__group *g)
{
	return !stoa__group_n_existing(t, g) &&
	       (t->tail_rows >= stoa__tail_rows_min || g->tail->text_bytes >= TAIL_TEXT_MIN);
}

/* Is @g a sealed group whose last row is about to go? */
static bool is_last(const struct stoa__table *t, const struct stoa__group *g)
{
	return !g->tail && stoa__group_n_existing(t, g) == 1;
}

/*
 * Owns all that taking row @at out will change: what it shows is the same, and nothing can fail
 * then.
 */
static int own_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place *at, bool keep)
{
	uint32_t block = at->row / STOA__LIVE_ROWS;
	struct stoa__live *bits;

	/* With the last row its group goes: the path to that must be owned. */
	if (!keep && is_last(t, at->group))
		return stoa__tree_put(w, &t->groups, at->group->first, at->group);
	STOA_TRY(stoa__group_own(w, t, &at->group));
	STOA_TRY(stoa__group_own_live(w, at->group, block, &bits));
	return keep || at->group->kept[block] ? stoa__group_own_kept(w, at->group, block, &bits) :
						STOA_OK;
}

int stoa__table_begin_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place *at,
			  bool keep, struct stoa__change *change, struct stoa_error *err)
{
	if (stoa__group_alive(at->group, at->row))
		STOA_TRY(announce(w, t, change, STOA__DELETE, at, NULL, NULL, 0, err));
	return own_out(w, t, at, keep) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

void stoa__table_end_out(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
			 bool keep, const struct stoa__change *change)
{
	struct stoa__group *g = at.group;
	uint32_t block = at.row / STOA__LIVE_ROWS;
	bool member = stoa__group_alive(g, at.row);

	stoa__history_soil(w->history, !g->tail);
	if (!keep && is_last(t, g)) {
		(void)stoa__table_remove_group(w, t, g);	/* its path is owned */
	} else if (member) {
		set_bit(g->live[block], at.row, false);
		g->n_dead++;
		t->n_rows--;
	} else {
		set_bit(g->kept[block], at.row, false);
		g->n_kept--;
		t->n_kept--;
	}
	if (keep) {
		set_bit(g->kept[block], at.row, true);
		g->n_kept++;
		t->n_kept++;
	}
	if (member && t->indexes)
		stoa__indexes_after(w, t, change);
	if (t->tail && is_spent(t, t->tail))
		stoa__table_drop_tail(w, t);
}

int stoa__table_delete(struct stoa__version *w, struct stoa__table *t, struct stoa__place at,
		       bool keep, struct stoa_error *err)
{
	struct stoa__change change;

	STOA_TRY(stoa__table_begin_out(w, t, &at, keep, &change, err));
	stoa__table_end_out(w, t, at, keep, &change);
	return STOA_OK;
}
