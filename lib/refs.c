/* SPDX-License-Identifier: MIT */
/*
 * refs.c - see refs.h
 *
 * Every function does the same three steps: it lists the counts that will change and owns their
 * blocks; it owns, or does, the one thing that may still fail; it changes the counts, which cannot.
 */
#include "refs.h"

#include <string.h>

#include "core/alloc.h"
#include "core/type.h"
#include "index.h"
#include "death_queue.h"

/* ---- lists of rows ---- */

int stoa__id_list_reserve(struct stoa__id_list *l, size_t n)
{
	size_t cap = l->cap ? l->cap : 64;
	struct stoa__row_id *p;

	if (l->cap - l->n >= n)
		return STOA_OK;
	while (cap - l->n < n)
		cap *= 2;
	p = stoa__realloc_array(l->p, cap, sizeof *p);
	if (!p)
		return STOA_ENOMEM;
	l->p = p;
	l->cap = cap;
	return STOA_OK;
}

void stoa__id_list_release(struct stoa__id_list *l)
{
	stoa__free(l->p);
	*l = (struct stoa__id_list){ NULL, 0, 0 };
}

void stoa__loose_release(struct stoa__loose *loose)
{
	stoa__id_list_release(&loose->suspects);
	stoa__id_list_release(&loose->candidates);
}

/* ---- does a row exist? ---- */

int stoa__row_exists(const struct stoa__table *t, uint64_t row, struct stoa_error *err)
{
	struct stoa__place at;

	if (!t || !row || row >= t->next_rowid)
		return STOA_ENOTFOUND;
	return stoa__table_is_whole(t) ? STOA_OK : stoa__table_locate_existing(t, row, &at, err);
}

int stoa__row_not_found(const struct stoa__table *t, uint64_t row, struct stoa_error *err)
{
	return stoa__fail(err, STOA_ENOTFOUND, "table \"%s\" has no row %llu", t->schema->name,
			  (unsigned long long)row);
}

int stoa__no_row(const struct stoa_slot *def, const struct stoa__table *target, uint64_t row,
		 struct stoa_error *err)
{
	return stoa__fail(err, STOA_ENOTFOUND,
			  "slot \"%s\" refers to row %llu of table \"%s\", which is not there",
			  def->name, (unsigned long long)row,
			  target ? target->schema->name : "(dropped)");
}

int stoa__ref_resolve(const struct stoa__version *v, const struct stoa_slot *def,
		      struct stoa_value *value, struct stoa_error *err)
{
	int rc;

	if (value->type != STOA_WEAK_REF)
		return STOA_OK;
	rc = stoa__row_exists(stoa__table_find(v, def->target), value->u, err);
	if (rc != STOA_ENOTFOUND)
		return rc;
	*value = stoa_null();
	return STOA_OK;
}

int stoa__refs_resolve(const struct stoa__version *v, const struct stoa__schema *schema,
		       struct stoa_value *values, struct stoa_error *err)
{
	for (uint32_t i = 0; i < schema->n_slots && schema->n_weak; i++)
		STOA_TRY(stoa__ref_resolve(v, &schema->slots[i].def, &values[i], err));
	return STOA_OK;
}

/* ---- changes of counts ---- */

struct change {
	struct stoa__table *t;
	struct stoa__counts *counts;
	uint64_t row;
	int by;
	bool kept;	/* the row is no member: it may die of a count that goes down */
};

#define CHANGES_ON_STACK 16

struct changes {
	struct stoa__version *w;
	struct stoa__table *own;	/* the table that is being changed, owned */
	uint64_t coming;		/* rowid of a row that is about to be in it; or 0 */
	bool wait;			/* the row's references are not counted yet: settle.c */
	struct change *p;
	size_t n, cap;
	struct change few[CHANGES_ON_STACK];
};

static void changes_init(struct changes *c, struct stoa__version *w, struct stoa__table *t)
{
	c->w = w;
	c->own = t;
	c->coming = 0;
	c->wait = false;
	c->p = c->few;
	c->n = 0;
	c->cap = CHANGES_ON_STACK;
}

static void changes_release(struct changes *c)
{
	if (c->p != c->few)
		stoa__free(c->p);
}

/* Makes room for one more; the list moves off the stack when it outgrows that. */
static int make_room(struct changes *c)
{
	struct change *p;

	if (c->n < c->cap)
		return STOA_OK;
	p = stoa__realloc_array(c->p == c->few ? NULL : c->p, c->cap * 2, sizeof *p);
	if (!p)
		return STOA_ENOMEM;
	if (c->p == c->few)
		memcpy(p, c->few, sizeof c->few);
	c->p = p;
	c->cap *= 2;
	return STOA_OK;
}

/* A table that is referred to, owned; NULL where it is not there. */
static int own_target(struct changes *c, uint32_t id, struct stoa__table **out)
{
	int rc;

	*out = c->own;
	if (id == c->own->id)
		return STOA_OK;
	rc = stoa__table_own(c->w, id, out);
	return rc == STOA_ENOTFOUND ? STOA_OK : rc;
}

static int add_change(struct changes *c, struct stoa__table *t, uint64_t row, int by, bool kept,
		      struct stoa_error *err)
{
	struct stoa__counts *counts;

	if (make_room(c) < 0 || stoa__counts_own(c->w, t, row, &counts) < 0)
		return stoa__fail_memory(err);
	c->p[c->n++] = (struct change){ t, counts, row, by, kept };
	return STOA_OK;
}

/* As stoa__row_exists(); is it a kept row? */
static int state_of(const struct stoa__table *t, uint64_t row, bool *kept, struct stoa_error *err)
{
	struct stoa__place at;

	*kept = false;
	if (!t || !t->n_kept)
		return stoa__row_exists(t, row, err);
	STOA_TRY(stoa__table_locate_existing(t, row, &at, err));
	*kept = !stoa__group_alive(at.group, at.row);
	return STOA_OK;
}

/* The slot is about to refer to @v. */
static int take(struct changes *c, const struct stoa_slot *def, const struct stoa_value *v,
		struct stoa_error *err)
{
	struct stoa__table *t = c->own;
	bool kept = false;
	int rc = STOA_OK;

	if (!stoa__type_is_ref(def->type) || v->type == STOA_NULL)
		return STOA_OK;
	if (def->type == STOA_WEAK_REF)
		t = stoa__table_find(c->w, def->target);
	else if (own_target(c, def->target, &t) < 0)
		return stoa__fail_memory(err);
	if (!c->coming || v->u != c->coming || def->target != c->own->id)
		rc = state_of(t, v->u, &kept, err);
	if (rc == STOA_ENOTFOUND)
		return stoa__no_row(def, t, v->u, err);
	if (rc < 0 || def->type == STOA_WEAK_REF || c->wait)
		return rc;
	if (stoa__counts_get(t, v->u) == UINT32_MAX)
		return stoa__fail(err, STOA_EFULL, "slot \"%s\": row %llu has %u references already",
				  def->name, (unsigned long long)v->u, UINT32_MAX);
	return add_change(c, t, v->u, 1, kept, err);
}

/*
 * A slot is about to refer to @row no more. What it refers to is gone where a cycle is being taken
 * apart.
 */
static int give_up(void *ctx, uint32_t table, uint64_t row, struct stoa_error *err)
{
	struct changes *c = ctx;
	struct stoa__table *t;
	bool kept;
	int rc;

	if (c->wait)
		return STOA_OK;
	if (own_target(c, table, &t) < 0)
		return stoa__fail_memory(err);
	if (!t)
		return STOA_OK;
	rc = state_of(t, row, &kept, err);
	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	STOA_TRY(rc);
	return add_change(c, t, row, -1, kept, err);
}

/* Room for what apply() may note. */
static int reserve(struct stoa__loose *loose, size_t n, struct stoa_error *err)
{
	if (loose && (stoa__id_list_reserve(&loose->suspects, n) < 0 ||
		      stoa__id_list_reserve(&loose->candidates, n) < 0))
		return stoa__fail_memory(err);
	return STOA_OK;
}

/* A kept row has @n references left. There is room to note it. */
static void note(struct stoa__loose *loose, const struct stoa__table *t, uint64_t row, uint32_t n)
{
	struct stoa__id_list *l;

	/* A row that refers to nothing is in no cycle. */
	if (!loose || (n && !t->schema->n_refs))
		return;
	l = n ? &loose->candidates : &loose->suspects;
	l->p[l->n++] = (struct stoa__row_id){ row, t->id };
}

int stoa__loose_note(struct stoa__loose *loose, const struct stoa__table *t, uint64_t row,
		     uint32_t n, struct stoa_error *err)
{
	STOA_TRY(reserve(loose, 1, err));
	note(loose, t, row, n);
	return STOA_OK;
}

/* Takes out the block of change @i, which may be that of others. */
static void tidy(struct changes *c, size_t i)
{
	struct stoa__counts *counts = c->p[i].counts;

	for (size_t j = i; j < c->n; j++)
		if (c->p[j].counts == counts)
			c->p[j].counts = NULL;
	stoa__counts_tidy(c->w, c->p[i].t, c->p[i].row);
}

static void apply(struct changes *c, struct stoa__loose *loose)
{
	for (size_t i = 0; i < c->n; i++) {
		struct change *ch = &c->p[i];
		uint32_t n = ch->counts->n[ch->row % STOA__COUNTS_ROWS];

		if (ch->by < 0 && !n)
			continue;	/* counted too low: damage, and no reason for more of it */
		n += (uint32_t)ch->by;
		stoa__counts_set(ch->counts, ch->row, n);
		if (ch->kept && ch->by < 0)
			note(loose, ch->t, ch->row, n);
		else
			ch->t->touches += ch->kept;
	}
	for (size_t i = 0; i < c->n; i++)
		if (c->p[i].counts && !c->p[i].counts->n_used)
			tidy(c, i);
}

/* ---- rows ---- */

static bool has_refs(const struct stoa__schema *s)
{
	return s->n_refs || s->n_weak;
}

int stoa__refs_insert(struct stoa__version *w, struct stoa__table *t,
		      const struct stoa_value *values, uint64_t *row, struct stoa_error *err)
{
	struct changes c;
	int rc = STOA_OK;

	if (!has_refs(t->schema))
		return stoa__table_insert(w, t, values, row, err);
	changes_init(&c, w, t);
	c.coming = t->next_rowid;
	for (uint32_t i = 0; i < t->schema->n_slots && rc == STOA_OK; i++)
		rc = take(&c, &t->schema->slots[i].def, &values[i], err);
	if (rc == STOA_OK)
		rc = stoa__table_insert(w, t, values, row, err);
	if (rc == STOA_OK)
		apply(&c, NULL);
	changes_release(&c);
	return rc;
}

/* The reference in a slot of a row, or NULL. */
static int read_ref(const struct stoa__table *t, struct stoa__place at, uint32_t slot,
		    struct stoa_value *out, struct stoa_error *err)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	int rc = stoa__group_value(at.group, &t->schema->slots[slot], slot, at.row, &scratch, out,
				   err);

	stoa__buf_release(&scratch);	/* what a number is read from, not what it borrows */
	return rc;
}

static bool has_ref_among(const struct stoa__schema *s, const uint32_t *slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (stoa__type_is_ref(s->slots[slots[i]].def.type))
			return true;
	return false;
}

/*
 * Slot number @i of an update refers to another row; of a slot that comes twice the last value
 * stays.
 */
static int replace(struct changes *c, const struct stoa__table *t, struct stoa__place at,
		   const uint32_t *slots, const struct stoa_value *values, size_t i, size_t n,
		   struct stoa_error *err)
{
	const struct stoa_slot *def = &t->schema->slots[slots[i]].def;
	struct stoa_value old;

	if (!stoa__type_is_ref(def->type))
		return STOA_OK;
	for (size_t j = i + 1; j < n; j++)
		if (slots[j] == slots[i])
			return STOA_OK;
	STOA_TRY(read_ref(t, at, slots[i], &old, err));
	STOA_TRY(take(c, def, &values[i], err));
	return def->type == STOA_REF && old.type != STOA_NULL ?
		       give_up(c, def->target, old.u, err) :
		       STOA_OK;
}

/* Is the row that is to be changed one of those that are not counted yet? */
static int find_wait(struct changes *c, const struct stoa__table *t, struct stoa__place at,
		     struct stoa_error *err)
{
	uint64_t row;

	if (!t->uncounted_from)
		return STOA_OK;
	STOA_TRY(stoa__group_rowids(at.group, at.row, 1, &row, err));
	c->wait = stoa__refs_wait(t, row);
	return STOA_OK;
}

int stoa__refs_update(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
		      struct stoa__place at, const uint32_t *slots, const struct stoa_value *values,
		      size_t n, struct stoa_error *err)
{
	struct changes c;
	bool member;
	int rc = STOA_OK;

	if (!has_refs(t->schema) || !has_ref_among(t->schema, slots, n))
		return stoa__table_update(w, t, at, slots, values, n, err);
	changes_init(&c, w, t);
	rc = find_wait(&c, t, at, err);
	for (size_t i = 0; i < n && rc == STOA_OK; i++)
		rc = replace(&c, t, at, slots, values, i, n, err);
	if (rc == STOA_OK)
		rc = reserve(loose, c.n, err);
	member = stoa__group_alive(at.group, at.row);
	if (rc == STOA_OK)
		rc = stoa__table_update(w, t, at, slots, values, n, err);
	if (rc == STOA_OK) {
		t->touches += !member;
		apply(&c, loose);
	}
	changes_release(&c);
	return rc;
}

int stoa__refs_of(const struct stoa__table *t, struct stoa__place at,
		  int (*each)(void *ctx, uint32_t table, uint64_t row, struct stoa_error *err),
		  void *ctx, struct stoa_error *err)
{
	for (uint32_t i = 0; i < t->schema->n_slots && t->schema->n_refs; i++) {
		const struct stoa_slot *def = &t->schema->slots[i].def;
		struct stoa_value v;

		if (def->type != STOA_REF)
			continue;
		STOA_TRY(read_ref(t, at, i, &v, err));
		if (v.type != STOA_NULL)
			STOA_TRY(each(ctx, def->target, v.u, err));
	}
	return STOA_OK;
}

/*
 * The block with the count of @row, owned; NULL if there is none: but for cycles, what dies has
 * none.
 */
static int own_count(struct stoa__version *w, struct stoa__table *t, uint64_t row,
		     struct stoa__counts **out)
{
	struct stoa__counts *c = stoa__counts_find(t, row);

	*out = c && c->n[row % STOA__COUNTS_ROWS] ? c : NULL;
	return !*out || stoa__block_owned(w, &c->block) ? STOA_OK :
							  stoa__counts_own(w, t, row, out);
}

/* A row, member or kept, goes: its references are given up, and what refers to it is forgotten. */
static int die(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
	       uint64_t row, struct stoa__place at, bool member, struct stoa_error *err)
{
	struct stoa__counts *counts = NULL;
	struct stoa__change change;
	struct changes c;
	int rc;

	changes_init(&c, w, t);
	c.wait = stoa__refs_wait(t, row);
	rc = stoa__refs_of(t, at, give_up, &c, err);
	if (rc == STOA_OK)
		rc = reserve(loose, c.n, err);
	if (rc == STOA_OK && !member && own_count(w, t, row, &counts) < 0)
		rc = stoa__fail_memory(err);
	if (rc == STOA_OK)
		rc = stoa__table_begin_out(w, t, &at, false, &change, err);
	if (rc == STOA_OK && t->schema->deaths)
		rc = stoa__death_record(w, t, row, at, err);
	if (rc == STOA_OK) {
		stoa__table_end_out(w, t, at, false, &change);
		if (counts)
			stoa__counts_set(counts, row, 0);
		apply(&c, loose);
		if (counts)
			stoa__counts_tidy(w, t, row);
	}
	changes_release(&c);
	return rc;
}

int stoa__refs_take_out(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
			uint64_t row, struct stoa__place at, bool keep, struct stoa_error *err)
{
	uint32_t n = stoa__counts_get(t, row);

	if (!keep)
		return die(w, loose, t, row, at, true, err);
	STOA_TRY(reserve(loose, 1, err));
	STOA_TRY(stoa__table_delete(w, t, at, true, err));
	note(loose, t, row, n);
	return STOA_OK;
}

int stoa__refs_die(struct stoa__version *w, struct stoa__loose *loose, struct stoa__table *t,
		   uint64_t row, struct stoa__place at, struct stoa_error *err)
{
	return die(w, loose, t, row, at, false, err);
}
