/* SPDX-License-Identifier: MIT */
/*
 * refs.c - see refs.h
 *
 * Every function does the same three steps: it lists the counts that will change and owns their blocks; it owns, or does,
 * the one thing that may still fail; it changes the counts, which cannot.
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

static int no_row(const struct stoa_slot *def, const struct stoa__table *target, uint64_t row,
		  struct stoa_error *err)
{
	return stoa__fail(err, STOA_ENOTFOUND,
			  "slot \"%s\" refers to row %llu of table \"%s\", which is not there",
			  def->name, (unsigned long long)row,
			  target ? target->schema->name : "(dropped)");
}

int stoa__refs_resolve(const struct stoa__version *v, const struct stoa__schema *schema,
		       struct stoa_value *values, struct stoa_error *err)
{
	for (uint32_t i = 0; i < schema->n_slots && schema->n_weak; i++) {
		const struct stoa_slot *def = &schema->slots[i].def;
		int rc;

		if (values[i].type != STOA_WEAK_REF)
			continue;
		rc = stoa__row_exists(stoa__table_find(v, def->target), values[i].u, err);
		if (rc == STOA_ENOTFOUND)
			values[i] = stoa_null();
		else
			STOA_TRY(rc);
	}
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
	struct change *p;
	size_t n, cap;
	struct change few[CHANGES_ON_STACK];
};

static void changes_init(struct changes *c, struct stoa__version *w, struct stoa__table *t)
{
	c->w = w;
	c->own = t;
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
	bool kept;
	int rc;

	if (!stoa__type_is_ref(def->type) || v->type == STOA_NULL)
		return STOA_OK;
	if (def->type == STOA_WEAK_REF)
		t = stoa__table_find(c->w, def->target);
	else if (own_target(c, def->target, &t) < 0)
		return stoa__fail_memory(err);
	rc = state_of(t, v->u, &kept, err);
	if (rc == STOA_ENOTFOUND)
		return no_row(def, t, v->u, err);
	if (rc < 0 || def->type == STOA_WEAK_REF)
		return rc;
	if (stoa__counts_get(t, v->u) == UINT32_MAX)
		return stoa__fail(err, STOA_EFULL, "slot \"%s\": row %llu has %u references already",
				  def->name, (unsigned long long)v->u, UINT32_MAX);
	return add_change(c, t, v->u, 1, kept, err);
}

/* The slot is about to refer to @v no more. What it refers to is gone where a cycle is being taken apart. */
static int give_up(struct changes *c, const struct stoa_slot *def, const struct stoa_value *v,
		   struct stoa_error *err)
{
	struct stoa__table *t;
	bool kept;
	int rc;

	if (def->type != STOA_REF || v->type == STOA_NULL)
		return STOA_OK;
	if (own_target(c, def->target, &t) < 0)
		return stoa__fail_memory(err);
	if (!t)
		return STOA_OK;
	rc = state_of(t, v->u, &kept, err);
	if (rc == STOA_ENOTFOUND)
		return STOA_OK;
	STOA_TRY(rc);
	return add_change(c, t, v->u, -1, kept, err);
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

int stoa__refs_suspect_cycle(struct stoa__loose *loose, const struct stoa__table *t, uint64_t row,
			     struct stoa_error *err)
{
	STOA_TRY(reserve(loose, 1, err));
	note(loose, t, row, 1);
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

/* Slot number @i of an update refers to another row; of a slot that comes twice the last value stays. */
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
	return give_up(c, def, &old, err);
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

/* Lists all that the row refers to, to be given up. */
static int give_up_all(struct changes *c, const struct stoa__table *t, struct stoa__place at,
		       struct stoa_error *err)
{
	for (uint32_t i = 0; i < t->schema->n_slots && t->schema->n_refs; i++) {
		const struct stoa_slot *def = &t->schema->slots[i].def;
		struct stoa_value v;

		if (def->type != STOA_REF)
			continue;
		STOA_TRY(read_ref(t, at, i, &v, err));
		STOA_TRY(give_up(c, def, &v, err));
	}
	return STOA_OK;
}

/* The block with the count of @row, owned; NULL if there is none: but for cycles, what dies has none. */
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
	rc = give_up_all(&c, t, at, err);
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

/* ---- many at once ---- */

/* Puts what page @page says over @out, from row @from of the run that @out is of. */
static void put_page(const struct stoa__page *page, uint32_t n, uint64_t *out)
{
	const uint64_t *values = (const uint64_t *)(const void *)page->values;

	for (uint32_t i = 0; i < n; i++)
		out[i] = page->null[i] ? 0 : values[i];
}

static void put_pages(const struct stoa__table *t, const struct stoa__group *g, uint32_t slot,
		      uint32_t from, uint32_t n, uint64_t *out)
{
	const struct stoa__pages *overlay = stoa__group_pages(g, t->schema->slots[slot].id);

	for (uint32_t i = 0; i < n && (overlay || g->tail); i += STOA__PAGE_ROWS) {
		uint32_t p = (from + i) / STOA__PAGE_ROWS;
		uint32_t left = n - i < STOA__PAGE_ROWS ? n - i : STOA__PAGE_ROWS;
		const struct stoa__page *page = overlay ? overlay->page[p] : NULL;

		if (g->tail)
			put_page(g->tail->rows[p][slot], left, &out[i]);
		if (page)
			put_page(page, left < page->n_rows ? left : page->n_rows, &out[i]);
	}
}

static int read_base(const struct stoa__group *g, const struct stoa__slot *slot, uint32_t from,
		     uint32_t n, uint64_t *out, struct stoa_error *err)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	const struct stoa__chunk *c;
	int rc;

	STOA_TRY(stoa__base_column(g->base, slot->id, slot->def.type, &c, err));
	if (!c) {
		memset(out, 0, n * sizeof *out);
		return STOA_OK;
	}
	rc = stoa__chunk_read(c, from, n, out, &scratch);
	stoa__buf_release(&scratch);
	if (rc < 0)
		return stoa__base_value_error(g->base, rc, err);
	for (uint32_t i = 0; c->validity && i < n; i++)
		if (stoa__chunk_is_null(c, from + i))
			out[i] = 0;
	return STOA_OK;
}

int stoa__refs_read(const struct stoa__table *t, const struct stoa__group *g, uint32_t slot,
		    uint32_t from, uint64_t out[STOA__BATCH_ROWS], uint32_t *n,
		    struct stoa_error *err)
{
	*n = stoa__group_rows(t, g) - from;
	if (*n > STOA__BATCH_ROWS)
		*n = STOA__BATCH_ROWS;
	if (g->base)
		STOA_TRY(read_base(g, &t->schema->slots[slot], from, *n, out, err));
	put_pages(t, g, slot, from, *n, out);
	for (uint32_t i = 0; i < *n && g->live[from / STOA__LIVE_ROWS]; i++)
		if (!stoa__group_exists(g, from + i))
			out[i] = 0;
	return STOA_OK;
}

/*
 * Counts of one target on their way up or down: its blocks by rowid / 256, owned when they are first met, so that
 * counting is an array access for each reference. (A tree descent for each would cost a bulk load a third.)
 */
struct tally {
	struct stoa__version *w;
	const struct stoa_slot *def;
	struct stoa__table *target;	/* NULL: there is none, and all references dangle */
	struct stoa__counts **block;
	uint64_t n_blocks;
};

static int tally_init(struct tally *y, struct stoa__version *w, const struct stoa_slot *def,
		      struct stoa_error *err)
{
	int rc = STOA_OK;

	memset(y, 0, sizeof *y);
	y->w = w;
	y->def = def;
	if (def->type == STOA_REF)
		rc = stoa__table_own(w, def->target, &y->target);
	else
		y->target = stoa__table_find(w, def->target);
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	if (!y->target || def->type != STOA_REF)
		return STOA_OK;
	y->n_blocks = (y->target->next_rowid + STOA__COUNTS_ROWS - 1) / STOA__COUNTS_ROWS;
	y->block = stoa__calloc(y->n_blocks, sizeof *y->block);
	return y->block ? STOA_OK : stoa__fail_memory(err);
}

static int tally_block(struct tally *y, uint64_t row, struct stoa__counts **out,
		       struct stoa_error *err)
{
	struct stoa__counts **at = &y->block[row / STOA__COUNTS_ROWS];

	if (!*at && stoa__counts_own(y->w, y->target, row, at) < 0)
		return stoa__fail_memory(err);
	*out = *at;
	return STOA_OK;
}

#define STRIP 256	/* counts on their way from memory at a time */

/*
 * Counts up to STRIP references up; only their range is checked, and how many rows of a block have a count is left to
 * tally_settle(): a load waits for memory here, and that would be a second line of it for each reference.
 */
static int tally_up(struct tally *y, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	uint32_t *count[STRIP], n_counts = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct stoa__counts *c = NULL;

		if (!refs[i])
			continue;
		if (refs[i] >= y->target->next_rowid)
			return no_row(y->def, y->target, refs[i], err);
		STOA_TRY(tally_block(y, refs[i], &c, err));
		count[n_counts] = &c->n[refs[i] % STOA__COUNTS_ROWS];
		__builtin_prefetch(count[n_counts++], 1);
	}
	for (uint32_t i = 0; i < n_counts; i++) {
		if (*count[i] == UINT32_MAX)
			return stoa__fail(err, STOA_EFULL,
					  "slot \"%s\": a row of table \"%s\" has %u references already",
					  y->def->name, y->target->schema->name, UINT32_MAX);
		++*count[i];
	}
	return STOA_OK;
}

static void tally_settle(struct tally *y)
{
	for (uint64_t i = 0; i < y->n_blocks; i++)
		if (y->block[i])
			stoa__counts_recount(y->block[i]);
}

/* Does every row that has a count now exist? */
static int tally_check(const struct tally *y, struct stoa_error *err)
{
	if (stoa__table_is_whole(y->target))
		return STOA_OK;
	for (uint64_t i = 0; i < y->n_blocks * STOA__COUNTS_ROWS; i++) {
		const struct stoa__counts *c = y->block[i / STOA__COUNTS_ROWS];
		int rc;

		if (!c) {
			i += STOA__COUNTS_ROWS - 1;
			continue;
		}
		if (!c->n[i % STOA__COUNTS_ROWS])
			continue;
		rc = stoa__row_exists(y->target, i, err);
		if (rc == STOA_ENOTFOUND)
			return no_row(y->def, y->target, i, err);
		STOA_TRY(rc);
	}
	return STOA_OK;
}

static int up_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	struct tally *y = ctx;

	for (uint32_t i = 0; i < n && !y->target; i++)
		if (refs[i])
			return no_row(y->def, NULL, refs[i], err);
	for (uint32_t i = 0; i < n && y->target; i += STRIP)
		STOA_TRY(tally_up(y, refs + i, n - i < STRIP ? n - i : STRIP, err));
	return STOA_OK;
}

/* Weak references are not counted, only checked. */
static int check_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	const struct tally *y = ctx;

	for (uint32_t i = 0; i < n; i++) {
		int rc = refs[i] ? stoa__row_exists(y->target, refs[i], err) : STOA_OK;

		if (rc == STOA_ENOTFOUND)
			return no_row(y->def, y->target, refs[i], err);
		STOA_TRY(rc);
	}
	return STOA_OK;
}

struct down {
	struct tally tally;
	struct stoa__loose *loose;
};

static int down_one(struct down *d, uint64_t row, struct stoa_error *err)
{
	struct tally *y = &d->tally;
	struct stoa__place at;
	struct stoa__counts *c = NULL;
	uint32_t n;
	int rc;

	STOA_TRY(tally_block(y, row, &c, err));
	n = c->n[row % STOA__COUNTS_ROWS];
	if (!n)
		return STOA_OK;
	stoa__counts_set(c, row, n - 1);
	if (!y->target->n_kept)
		return STOA_OK;
	rc = stoa__table_locate_existing(y->target, row, &at, err);
	if (rc == STOA_ENOTFOUND || (rc == STOA_OK && stoa__group_alive(at.group, at.row)))
		return STOA_OK;
	STOA_TRY(rc);
	STOA_TRY(reserve(d->loose, 1, err));
	note(d->loose, y->target, row, n - 1);
	return STOA_OK;
}

static int down_all(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err)
{
	struct down *d = ctx;

	for (uint32_t i = 0; i < n; i++)
		if (refs[i] && d->tally.target && refs[i] < d->tally.target->next_rowid)
			STOA_TRY(down_one(d, refs[i], err));
	return STOA_OK;
}

typedef int refs_each(void *ctx, const uint64_t *refs, uint32_t n, struct stoa_error *err);

static int for_group(const struct stoa__table *t, const struct stoa__group *g, uint32_t slot,
		     refs_each *each, void *ctx, struct stoa_error *err)
{
	uint64_t refs[STOA__BATCH_ROWS];
	uint32_t n;

	for (uint32_t from = 0; from < stoa__group_rows(t, g); from += n) {
		STOA_TRY(stoa__refs_read(t, g, slot, from, refs, &n, err));
		STOA_TRY(each(ctx, refs, n, err));
	}
	return STOA_OK;
}

/* All references of a slot in groups from rowid @from on, and in the tail. */
static int for_all(const struct stoa__table *t, uint32_t slot, uint64_t from, refs_each *each,
		   void *ctx, struct stoa_error *err)
{
	const struct stoa__group *g;

	while ((g = stoa__tree_next(t->groups, from, true, &from))) {
		STOA_TRY(for_group(t, g, slot, each, ctx, err));
		from++;
	}
	return t->tail ? for_group(t, t->tail, slot, each, ctx, err) : STOA_OK;
}

int stoa__refs_count_up(struct stoa__version *w, struct stoa__table *t, uint32_t slot,
			uint64_t from, struct stoa_error *err)
{
	const struct stoa_slot *def = &t->schema->slots[slot].def;
	struct tally y;
	int rc = tally_init(&y, w, def, err);

	if (rc == STOA_OK && def->type == STOA_WEAK_REF)
		rc = for_all(t, slot, from, check_all, &y, err);
	else if (rc == STOA_OK)
		rc = for_all(t, slot, from, up_all, &y, err);
	if (rc == STOA_OK && y.block) {
		y.target->touches += y.target->n_kept != 0;
		tally_settle(&y);
		rc = tally_check(&y, err);
	}
	stoa__free(y.block);
	return rc;
}

int stoa__refs_count_down(struct stoa__version *w, struct stoa__loose *loose,
			  struct stoa__table *t, uint32_t slot, struct stoa_error *err)
{
	struct down d = { .loose = loose };
	int rc = tally_init(&d.tally, w, &t->schema->slots[slot].def, err);

	if (rc == STOA_OK)
		rc = for_all(t, slot, 0, down_all, &d, err);
	for (uint64_t i = 0; i < d.tally.n_blocks && rc == STOA_OK; i++)
		if (d.tally.block[i])
			stoa__counts_tidy(w, d.tally.target, i * STOA__COUNTS_ROWS);
	stoa__free(d.tally.block);
	return rc;
}
