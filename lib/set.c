/* SPDX-License-Identifier: MIT */
/*
 * set.c - the set index as a kind: how hints come about when rows do
 *
 * Rows that change one by one put their hints into the delta. Whole groups that a bulk load adds
 * get a run of their own, of the right size, if they are in a segment: it goes to a file as it is
 * made, part by part (set_build.h, set_file.h). A database in memory has a delta and nothing else.
 * set_run.c has what happens to runs at a checkpoint.
 */
#include "set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../storage/file.h"
#include "core/alloc.h"
#include "db.h"
#include "set_file.h"
#include "set_run.h"
#include "set_thin.h"

#define ROOM_MIN 64	/* hints that a delta has room for */

static const struct stoa__index_def *def_of(const struct stoa__table *t, uint32_t i)
{
	return &t->schema->indexes[i];
}

static bool is_unique(const struct stoa__index_def *def)
{
	return def->flags & STOA_INDEX_UNIQUE;
}

/* ---- definition ---- */

static int define(const struct stoa__schema *s, const struct stoa_index_options *o,
		  struct stoa__index_def *def, struct stoa_error *err)
{
	bool primary = o->flags & STOA_INDEX_PRIMARY;

	if (!o->n_slots)
		return stoa__fail(err, STOA_EINVAL, "a set index needs a slot");
	if (o->flags & ~(STOA_INDEX_UNIQUE | STOA_INDEX_PRIMARY) ||
	    (primary && !(o->flags & STOA_INDEX_UNIQUE)))
		return stoa__fail(err, STOA_EINVAL,
				  "flags 0x%x: a set index is unique or not, and a primary key is unique",
				  o->flags);
	for (uint32_t k = 0; primary && k < def->n_slots; k++) {
		const struct stoa_slot *slot = &s->slots[def->slots[k]].def;

		if (!(slot->flags & STOA_NOT_NULL))
			return stoa__fail(err, STOA_EINVAL,
					  "slot \"%s\" may be NULL: a primary key needs slots that are not null",
					  slot->name);
	}
	for (uint32_t i = 0; primary && i < s->n_indexes; i++)
		if (s->indexes[i].flags & STOA_INDEX_PRIMARY)
			return stoa__fail(err, STOA_EEXIST, "table \"%s\" has a primary key already: \"%s\"",
					  s->name, s->indexes[i].name);
	return stoa__random(&def->number[0], sizeof def->number[0], err);
}

/* ---- looking ---- */

void stoa__set_tables(const struct stoa__set *set, struct stoa__set_tables *out)
{
	out->n = 0;
	if (set->delta && stoa__hints_used(&set->delta->hints)) {
		out->run[0] = NULL;
		out->hints[out->n++] = &set->delta->hints;
	}
	for (uint32_t r = 0; r < set->n_runs; r++) {
		out->run[out->n] = set->run[r];
		out->hints[out->n++] = &set->run[r]->hints;
	}
}

/* A key, and what is wanted of its rows. */
struct search {
	struct stoa__set_key key;
	uint64_t but;			/* a row that does not count */
	uint64_t rowid;			/* the first that was found */
	struct stoa__rowlist *list;	/* or all of them */
};

static int is_its(const struct search *s, uint64_t rowid, struct stoa_error *err)
{
	return stoa__set_matches(s->key.t, s->key.def, rowid, s->key.values, err);
}

/* A row that has the key. */
static int take_first(void *ctx, uint64_t rowid, struct stoa_error *err)
{
	struct search *s = ctx;

	(void)err;
	s->rowid = rowid;
	return rowid != s->but;
}

static int find_first(void *ctx, uint64_t rowid, struct stoa_error *err)
{
	int rc = rowid == ((struct search *)ctx)->but ? 0 : is_its(ctx, rowid, err);

	return rc > 0 ? take_first(ctx, rowid, err) : rc;
}

static int find_first_of(void *ctx, uint64_t first, uint64_t last, struct stoa_error *err)
{
	return stoa__set_scan(&((struct search *)ctx)->key, first, last, take_first, ctx, err);
}

int stoa__set_first(const struct stoa__table *t, uint32_t i, uint64_t hash,
		    const struct stoa_value *values, uint64_t but, uint64_t *rowid,
		    struct stoa_error *err)
{
	static const struct stoa__set_reach reach = { 0, UINT64_MAX, find_first_of };
	struct search s = { .key = { t, def_of(t, i), values, hash }, .but = but };
	const struct stoa__set *set = stoa__set_of(t, i);
	int rc = 0;

	if (set->delta)
		rc = stoa__set_probe(&set->delta->hints, NULL, hash, find_first, &reach, &s, err);
	for (uint32_t r = set->n_runs; !rc && r-- > 0;)
		rc = stoa__set_probe(&set->run[r]->hints, set->run[r], hash, find_first, &reach, &s,
				     err);
	if (rc > 0)
		*rowid = s.rowid;
	return rc;
}

static int take_all(void *ctx, uint64_t rowid, struct stoa_error *err)
{
	int rc = stoa__rowlist_add(((struct search *)ctx)->list, rowid);

	return rc == STOA_ENOMEM ? stoa__fail_memory(err) : rc;
}

static int list_all(void *ctx, uint64_t rowid, struct stoa_error *err)
{
	int rc = is_its(ctx, rowid, err);

	return rc > 0 ? take_all(ctx, rowid, err) : rc;
}

static int list_all_of(void *ctx, uint64_t first, uint64_t last, struct stoa_error *err)
{
	return stoa__set_scan(&((struct search *)ctx)->key, first, last, take_all, ctx, err);
}

int stoa__set_all(const struct stoa__table *t, uint32_t i, uint64_t hash,
		  const struct stoa_value *values, struct stoa__rowlist *list,
		  struct stoa_error *err)
{
	static const struct stoa__set_reach reach = { 0, UINT64_MAX, list_all_of };
	struct search s = { .key = { t, def_of(t, i), values, hash }, .list = list };
	struct stoa__set_tables tables;

	stoa__set_tables(stoa__set_of(t, i), &tables);
	for (uint32_t k = 0; k < tables.n; k++)
		STOA_TRY(stoa__set_probe(tables.hints[k], tables.run[k], hash, list_all, &reach, &s,
					 err));
	stoa__rowlist_sort(list);
	return STOA_OK;
}

/* ---- duplicates ---- */

int stoa__set_taken(const struct stoa__table *t, uint32_t i, const struct stoa_value *values,
		    uint64_t rowid, struct stoa_error *err)
{
	const struct stoa__index_def *def = def_of(t, i);
	char key[200];
	size_t len = 0;

	for (uint32_t k = 0; k < def->n_slots; k++) {
		if (k && len + 3 < sizeof key)
			len += (size_t)sprintf(key + len, ", ");
		len += stoa_value_print(&values[k], key + len, sizeof key - len);
		if (len > sizeof key - 1)
			len = sizeof key - 1;
	}
	return stoa__fail(err, STOA_EEXIST, "index \"%s\" of table \"%s\": row %llu has key (%.*s) already",
			  def->name, t->schema->name, (unsigned long long)rowid, (int)len, key);
}

/* ---- the delta ---- */

static void release_delta(struct stoa__block *b)
{
	stoa__hints_release(&((struct stoa__delta *)(void *)b)->hints);
}

/* An empty delta. */
static struct stoa__delta *delta_new(struct stoa__version *w, const struct stoa__hints_shape *shape)
{
	struct stoa__delta *d = stoa__block_new(w, STOA__KIND_INDEX, sizeof *d);

	if (!d)
		return NULL;
	if (stoa__hints_alloc(&d->hints, shape) < 0) {
		stoa__block_retire(w, &d->block);
		return NULL;
	}
	d->block.release = release_delta;
	stoa__block_grow(w, &d->block, stoa__alloc_size(d->hints.groups));
	return d;
}

bool stoa__set_covers(const struct stoa__set *set, const struct stoa__base *base)
{
	if (!base || !base->segment)
		return false;
	for (uint32_t r = 0; r < set->n_runs; r++)
		if (stoa__set_run_covers(set->run[r], stoa__segment_file(base->segment), base->index))
			return true;
	return false;
}

/* What is being filled. */
struct filling {
	const struct stoa__table *t;
	uint32_t i;
	const struct stoa__set *set;	/* its runs cover groups */
	uint64_t first, last;		/* rows of groups with first rowid in this range */
	bool mapped;			/* only of groups in segments */
	struct stoa__hints *into;
	struct stoa__once *once;	/* no two rows may have the same key; NULL: they may */
	struct stoa__buf scratch;
};

/* The rows that the delta is to have. */
static enum stoa__set_extent extent(void *ctx, const struct stoa__group *g)
{
	const struct filling *f = ctx;

	if (g->first < f->first || g->first > f->last || (f->mapped && !(g->base && g->base->segment)))
		return STOA__ROWS_NONE;
	return stoa__set_covers(f->set, g->base) ? STOA__ROWS_CHANGED : STOA__ROWS_ALL;
}

static void prefetch(const struct stoa__hints *h, const struct stoa__set_batch *batch)
{
	for (uint32_t k = 0; k < batch->n; k++)
		__builtin_prefetch((const void *)stoa__hints_group(
			h, stoa__hints_home(h, batch->hash[k])));
}

/* Puts hints into a table that others see. */
static int put_batch(void *ctx, const struct stoa__set_batch *batch, struct stoa_error *err)
{
	struct filling *f = ctx;

	prefetch(f->into, batch);
	for (uint32_t k = 0; k < batch->n; k++) {
		int rc = STOA__BOTH_STAY;

		if (f->once)
			rc = stoa__once_look(f->once, &f->scratch, batch->hash[k], batch->rowid[k],
					     err);
		if (rc < 0)
			return rc;
		if (rc == STOA__BOTH_STAY)
			stoa__hints_put(f->into, batch->hash[k], batch->rowid[k]);
	}
	return STOA_OK;
}

/* Puts the rows' hints into f->into. */
static int put_all(struct filling *f, struct stoa_error *err)
{
	struct stoa__set_walk walk = { f->t, def_of(f->t, f->i), extent, put_batch, f, 0, 0 };
	int rc = stoa__set_walk(&walk, err);

	stoa__buf_release(&f->scratch);
	return rc;
}

/* How one that nobody sees yet is built. */
static struct stoa__set_build build_of(const struct stoa__version *w, const struct filling *f,
				       const struct stoa__set_walk *walk)
{
	struct stoa_db *db = stoa__db_of(w);

	return (struct stoa__set_build){ .walk = walk, .into = f->into, .once = f->once,
					 .hands = &db->hands, .n_threads = db->options.n_threads };
}

/* Puts the rows' hints into f->into, which nobody sees yet. */
static int build_in_heap(const struct stoa__version *w, struct filling *f, struct stoa_error *err)
{
	struct stoa__set_walk walk = { f->t, def_of(f->t, f->i), extent, NULL, f, 0, 0 };
	struct stoa__set_build build = build_of(w, f, &walk);

	return stoa__set_build(&build, err);
}

static struct stoa__hints_shape shape_of(struct filling *f)
{
	struct stoa__set_walk walk = { f->t, def_of(f->t, f->i), extent, NULL, f, 0, 0 };

	return stoa__set_shape(&walk);
}

/* Leaves the rows out of a shape that need no hints of their own. */
static int thin_shape(struct filling *f, struct stoa__hints_shape *shape, struct stoa_error *err)
{
	struct stoa__set_walk walk = { f->t, def_of(f->t, f->i), extent, NULL, f, 0, 0 };

	return stoa__set_thin_shape(&walk, shape, err);
}

/* The same for rows that are to be put into @h. */
static int thin_for(struct filling *f, const struct stoa__hints *h, struct stoa__hints_shape *shape,
		    struct stoa_error *err)
{
	struct stoa__hints_shape of_all = *shape;

	of_all.first = h->first;
	of_all.last = h->first + (((uint64_t)1 << h->bits) - 1);
	STOA_TRY(thin_shape(f, &of_all, err));
	shape->n = of_all.n;
	return STOA_OK;
}

/* A check of the hints of @i. */
struct checking {
	const struct stoa__table *t;
	uint32_t i;
	struct stoa__set_tables tables;
};

static int is_it(void *ctx, uint64_t rowid, struct stoa_error *err)
{
	(void)err;
	return rowid == *(const uint64_t *)ctx;
}

/* Does a table hint at the row under the hash? */
static int is_hinted(const struct checking *c, uint64_t hash, uint64_t rowid, struct stoa_error *err)
{
	struct stoa__set_reach reach = { .first = rowid, .last = rowid };
	int rc = 0;

	for (uint32_t k = 0; k < c->tables.n && !rc; k++)
		rc = stoa__set_probe(c->tables.hints[k], c->tables.run[k], hash, is_it, &reach,
				     &rowid, err);
	return rc;
}

static int check_batch(void *ctx, const struct stoa__set_batch *batch, struct stoa_error *err)
{
	const struct checking *c = ctx;

	for (uint32_t k = 0; k < batch->n; k++) {
		int rc = is_hinted(c, batch->hash[k], batch->rowid[k], err);

		if (rc < 0)
			return rc;
		if (!rc)
			return stoa__fail(err, STOA_ECORRUPT,
					  "index \"%s\" of table \"%s\" does not have row %llu",
					  def_of(c->t, c->i)->name, c->t->schema->name,
					  (unsigned long long)batch->rowid[k]);
	}
	return STOA_OK;
}

int stoa__set_check(const struct stoa__table *t, uint32_t i, struct stoa_error *err)
{
	struct checking c = { .t = t, .i = i };
	struct stoa__set_walk walk = { t, def_of(t, i), NULL, check_batch, &c, 0, 0 };

	stoa__set_tables(stoa__set_of(t, i), &c.tables);
	return stoa__set_walk(&walk, err);
}

/*
 * What a delta is made for that is filled by @f: more hints and rowids than there are, where @old is
 * full. Any row may be updated, so it can name all.
 */
static int delta_shape(struct filling *f, const struct stoa__hints *old,
		       struct stoa__hints_shape *out, struct stoa_error *err)
{
	struct stoa__set_walk all = { .t = f->t, .def = def_of(f->t, f->i) };
	uint64_t rows = shape_of(f).n, more = 0, ahead = 0;

	*out = stoa__set_shape(&all);
	if (!out->first)
		out->first = f->t->next_rowid;
	/*
	 * Half as much again, so that a row is hashed three times in the long run; and not few where
	 * many rows have few hints, as all of them are read.
	 */
	if (old) {
		more = stoa__hints_used(old) / 2;
		more = more < rows / 16 ? rows / 16 : more;
		ahead = (f->t->next_rowid - old->first) / 2;
	}
	out->n = rows;
	out->last = f->t->next_rowid + ROOM_MIN + ahead;
	STOA_TRY(thin_shape(f, out, err));
	out->n += more + ROOM_MIN;
	return STOA_OK;
}

/*
 * Gives the state a new delta, of the rows that no run speaks for, with room for more than @old had
 * unless that is NULL. @once may be NULL.
 */
static int renew_delta(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		       const struct stoa__hints *old, struct stoa__once *once, struct stoa_error *err)
{
	struct filling f = { .t = t, .i = i, .last = UINT64_MAX, .once = once };
	struct stoa__hints_shape shape;
	struct stoa__delta *d;
	struct stoa__set *set;
	int rc;

	if (stoa__index_own(w, t, i, &set) < 0)
		return stoa__fail_memory(err);
	f.set = set;
	STOA_TRY(delta_shape(&f, old, &shape, err));
	d = delta_new(w, &shape);
	if (!d)
		return stoa__fail_memory(err);
	f.into = &d->hints;
	rc = build_in_heap(w, &f, err);
	if (rc < 0) {
		stoa__block_retire(w, &d->block);
		return rc;
	}
	if (set->delta)
		stoa__block_retire(w, &set->delta->block);
	set->delta = d;
	return STOA_OK;
}

/* Makes room in the delta for a hint more, at row @rowid. */
static int make_room(struct stoa__version *w, struct stoa__table *t, uint32_t i, uint64_t rowid,
		     struct stoa_error *err)
{
	const struct stoa__set *set = stoa__set_of(t, i);
	const struct stoa__hints *h = set->delta ? &set->delta->hints : NULL;

	if (h && stoa__hints_has_room(h, 1, rowid, rowid))
		return STOA_OK;
	return renew_delta(w, t, i, h, NULL, err);
}

/* ---- whole groups ---- */

/*
 * What hints of a unique index's new rows are to be held against; NULL, if it is not unique. With
 * the delta's, or the runs' alone.
 */
static struct stoa__once *once_for(struct stoa__once *once, const struct stoa__table *t, uint32_t i,
				   bool delta, struct stoa__conflicts *c)
{
	struct stoa__set set = *stoa__set_of(t, i);

	if (!is_unique(def_of(t, i)))
		return NULL;
	stoa__once_init(once, t, i, c);
	if (!delta)
		set.delta = NULL;
	stoa__set_tables(&set, &once->tables);
	return once;
}

/* What a table that is being filled has is looked through, too, empty as it may be. */
static void look_through(struct stoa__once *once, const struct stoa__hints *into)
{
	struct stoa__set_tables *t = &once->tables;

	for (uint32_t k = 0; k < t->n; k++)
		if (t->hints[k] == into)
			return;
	t->run[t->n] = NULL;
	t->hints[t->n++] = into;
}

/* The error of filling, or of two rows with the same key. */
static int end_once(struct stoa__once *once, int rc, struct stoa_error *err)
{
	int twice = once ? stoa__once_end(once, rc < 0 ? NULL : err) : STOA_OK;

	return rc < 0 ? rc : twice;
}

/* A run in heap, for what @f->into is planned for. */
static int heap_run(struct stoa__version *w, struct filling *f, struct stoa__set_run **out,
		    struct stoa_error *err)
{
	int rc = stoa__hints_take_groups(f->into) < 0 ? stoa__fail_memory(err) :
							build_in_heap(w, f, err);

	rc = end_once(f->once, rc, err);
	if (rc < 0) {
		stoa__hints_release(f->into);
		return rc;
	}
	rc = stoa__set_run_new(w, f->into, f->t, f->set, f->first, out);
	return rc < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* Ends a run's file, which is all there, and opens it. */
static int finish_file(struct stoa__set_file *file, const struct filling *f,
		       struct stoa__segment **out, struct stoa_error *err)
{
	struct stoa__covered *covered;
	size_t n;
	int rc;

	if (stoa__set_run_list(f->t, f->set, f->first, &covered, &n) < 0)
		return stoa__fail_memory(err);
	rc = stoa__set_file_finish(file, f->into,
				   &(struct stoa__run_of){ f->t, f->i, covered, n }, out, err);
	stoa__free(covered);
	return rc;
}

/* The same in a file of the transaction's, whose commit will be a checkpoint. */
static int file_run(struct stoa_txn *txn, struct filling *f, struct stoa__set_run **out,
		    struct stoa_error *err)
{
	struct stoa__set_walk walk = { f->t, def_of(f->t, f->i), extent, NULL, f, 0, 0 };
	struct stoa__set_build build = build_of(txn->version, f, &walk);
	struct stoa__segment *segment = NULL;
	struct stoa__set_file file = { 0 };
	int rc = stoa__set_file_create(&file, txn->db, true, err);

	if (rc == STOA_OK)
		rc = stoa__set_file_build(&file, &build, err);
	rc = end_once(f->once, rc, err);
	if (rc == STOA_OK && stoa__txn_note_file(txn, file.number) < 0)
		rc = stoa__fail_memory(err);
	if (rc == STOA_OK)
		rc = finish_file(&file, f, &segment, err);
	stoa__set_file_discard(&file);
	if (rc == STOA_OK)
		rc = stoa__set_run_open(txn->version, segment, out, err);
	stoa__segment_unref(segment);
	return rc;
}

/*
 * A run over the mapped groups from rowid @first on that no run covers; in heap, if there is no
 * transaction that has loaded them.
 */
static int add_run(struct stoa__version *w, struct stoa_txn *txn, struct stoa__table *t, uint32_t i,
		   uint64_t first, struct stoa__conflicts *c, struct stoa_error *err)
{
	const struct stoa__set *old = stoa__set_of(t, i);
	struct filling f = { .t = t, .i = i, .set = old, .first = first, .last = UINT64_MAX,
			     .mapped = true };
	struct stoa__hints_shape shape = shape_of(&f);
	struct stoa__hints hints;
	struct stoa__once once;
	struct stoa__set *set;
	struct stoa__set_run *run;

	if (!shape.n || old->n_runs == STOA__SET_RUNS_MAX)
		return STOA_OK;
	if (stoa__index_own(w, t, i, &set) < 0)
		return stoa__fail_memory(err);
	f.set = set;
	f.into = &hints;
	STOA_TRY(thin_shape(&f, &shape, err));
	stoa__hints_plan(&hints, &shape);
	f.once = once_for(&once, t, i, true, c);
	STOA_TRY(txn ? file_run(txn, &f, &run, err) : heap_run(w, &f, &run, err));
	set->run[set->n_runs++] = run;
	return STOA_OK;
}

/* Puts the rows of groups from rowid @first on that no run covers into the delta. */
static int add_to_delta(struct stoa__version *w, struct stoa__table *t, uint32_t i, uint64_t first,
			struct stoa__conflicts *c, struct stoa_error *err)
{
	struct filling f = { .t = t, .i = i, .set = stoa__set_of(t, i), .first = first,
			     .last = UINT64_MAX };
	const struct stoa__hints *h = f.set->delta ? &f.set->delta->hints : NULL;
	struct stoa__hints_shape add = shape_of(&f);
	struct stoa__once once;
	int rc;

	if (!add.n)
		return STOA_OK;
	if (h)
		STOA_TRY(thin_for(&f, h, &add, err));
	if (h && stoa__hints_has_room(h, add.n, add.first, add.last)) {
		f.into = &f.set->delta->hints;
		f.once = once_for(&once, t, i, true, c);
		if (f.once)
			look_through(f.once, f.into);
		rc = put_all(&f, err);
	} else {
		/* The first load makes a delta of its size; later ones leave room for those to come. */
		f.once = once_for(&once, t, i, false, c);
		rc = renew_delta(w, t, i, h, f.once, err);
	}
	return end_once(f.once, rc, err);
}

/*
 * What fails half-way has put hints for rows that will not be there; their rowids may be given to
 * others. Hints may be wrong.
 */
static int appended(struct stoa__version *w, struct stoa_txn *txn, struct stoa__table *t, uint32_t i,
		    uint64_t first, struct stoa__conflicts *c, struct stoa_error *err)
{
	STOA_TRY(add_run(w, txn, t, i, first, c, err));
	return add_to_delta(w, t, i, first, c, err);
}

static void each_block(struct stoa__block *state, void (*each)(void *ctx, struct stoa__block *b),
		       void *ctx)
{
	struct stoa__set *set = (struct stoa__set *)(void *)state;

	if (set->delta)
		each(ctx, &set->delta->block);
	for (uint32_t r = 0; r < set->n_runs; r++)
		each(ctx, &set->run[r]->block);
	each(ctx, state);
}

static int create(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		  struct stoa_error *err)
{
	struct stoa__set *set = stoa__block_new(w, STOA__KIND_INDEX, sizeof *set);

	if (!set)
		return stoa__fail_memory(err);
	t->indexes->state[i] = &set->block;
	return appended(w, NULL, t, i, 1, NULL, err);
}

/* ---- rows one by one ---- */

/* The key that the row will have: false if it has a NULL. */
static int key_after(const struct stoa__table *t, const struct stoa__index_def *def,
		     const struct stoa__change *change, struct stoa__buf *scratch,
		     struct stoa_value *key, bool *whole, struct stoa_error *err)
{
	if (change->kind == STOA__UPDATE)
		STOA_TRY(stoa__set_key_of(t, def, change->at, scratch, key, err));
	*whole = true;
	for (uint32_t k = 0; k < def->n_slots; k++) {
		if (change->kind == STOA__INSERT)
			key[k] = change->values[def->slots[k]];
		for (size_t j = 0; change->kind == STOA__UPDATE && j < change->n; j++)
			if (change->slots[j] == def->slots[k])
				key[k] = change->values[j];
		*whole &= key[k].type != STOA_NULL;
	}
	return STOA_OK;
}

/* Refuses a key that another row has, and keeps its hash. */
static int check_key(struct stoa__table *t, uint32_t i, struct stoa__change *change,
		     const struct stoa_value *key, struct stoa_error *err)
{
	const struct stoa__index_def *def = def_of(t, i);
	uint64_t hash = stoa__set_hash(def, key), other;
	int rc = 0;

	if (is_unique(def))
		rc = stoa__set_first(t, i, hash, key,
				     change->kind == STOA__UPDATE ? change->rowid : 0, &other, err);
	if (rc > 0)
		return stoa__set_taken(t, i, key, other, err);
	change->note[i] = hash;
	return rc;
}

static int before(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		  struct stoa__change *change, struct stoa_error *err)
{
	const struct stoa__index_def *def = def_of(t, i);
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	struct stoa__buf scratch = STOA__BUF_INIT;
	bool whole = false;
	int rc = STOA_OK;

	if (change->kind == STOA__INSERT ||
	    (change->kind == STOA__UPDATE && stoa__index_touched(def, change)))
		rc = key_after(t, def, change, &scratch, key, &whole, err);
	if (!whole)
		change->skip |= (uint32_t)1 << i;
	if (rc == STOA_OK && whole && change->rowid > STOA__HINTS_ROWID_MAX)
		rc = stoa__fail(err, STOA_EFULL, "table \"%s\": rowids of a set index end at 2^47",
				t->schema->name);
	if (rc == STOA_OK && whole)
		rc = check_key(t, i, change, key, err);
	stoa__buf_release(&scratch);
	return rc == STOA_OK && whole ? make_room(w, t, i, change->rowid, err) : rc;
}

static void after(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		  const struct stoa__change *change)
{
	(void)w;
	if (!(change->skip >> i & 1))
		stoa__hints_put(&stoa__set_of(t, i)->delta->hints, change->note[i], change->rowid);
}

static int loaded(struct stoa__version *w, struct stoa__table *t, uint32_t i,
		  struct stoa_error *err)
{
	return renew_delta(w, t, i, NULL, NULL, err);
}

const struct stoa__index_ops stoa__set_ops = {
	.name = "set",
	.define = define,
	.create = create,
	.before = before,
	.after = after,
	.appended = appended,
	.each_block = each_block,
	.store = stoa__set_runs_store,
	.load = stoa__set_runs_load,
	.loaded = loaded,
};
