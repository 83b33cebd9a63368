/* SPDX-License-Identifier: MIT */
/* set_run.c - see set_run.h */
#include "set_run.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/bitmap.h"
#include "db.h"
#include "set_file.h"
#include "set_thin.h"

#define RUN_RATIO 3		/* a run is at least so much larger than all younger ones */

#define GROUP_BYTES sizeof(struct stoa__hints_group)

uint64_t stoa__set_run_rows_min = 32768;

/* ---- runs in memory ---- */

static void release_run(struct stoa__block *b)
{
	struct stoa__set_run *run = (struct stoa__set_run *)(void *)b;

	if (run->segment)
		stoa__free((void *)(uintptr_t)run->hints.parts);
	else
		stoa__hints_release(&run->hints);
	stoa__segment_unref(run->segment);
	stoa__free(run->covered);
}

/* A run without hints yet, over groups whose list it takes over. */
static struct stoa__set_run *run_alloc(struct stoa__version *w, struct stoa__covered *covered, size_t n)
{
	static _Atomic uint64_t next_id = 1;
	struct stoa__set_run *run = stoa__block_new(w, STOA__KIND_INDEX, sizeof *run);

	if (!run) {
		stoa__free(covered);
		return NULL;
	}
	run->block.release = release_run;
	run->id = atomic_fetch_add(&next_id, 1);
	run->covered = covered;
	run->n_covered = n;
	stoa__block_grow(w, &run->block, stoa__alloc_size(run->covered));
	return run;
}

static int compare(const struct stoa__covered *c, uint64_t file, uint64_t index)
{
	if (c->file != file)
		return c->file < file ? -1 : 1;
	return c->index < index ? -1 : c->index > index;
}

bool stoa__set_run_covers(const struct stoa__set_run *run, uint64_t file, uint64_t index)
{
	size_t lo = 0, n = run->n_covered;

	while (n) {
		size_t half = n / 2;
		int order = compare(&run->covered[lo + half], file, index);

		if (!order)
			return true;
		lo += order < 0 ? half + 1 : 0;
		n = order < 0 ? n - half - 1 : half;
	}
	return false;
}

static int by_file(const void *a, const void *b)
{
	const struct stoa__covered *other = b;

	return compare(a, other->file, other->index);
}

/* Groups being listed. */
struct listing {
	const struct stoa__set *set;
	uint64_t first;
	struct stoa__covered *out;	/* NULL: only counted */
	size_t n;
};

static int list_group(void *ctx, uint64_t first, void *value)
{
	struct listing *l = ctx;
	const struct stoa__base *base = ((struct stoa__group *)value)->base;

	if (first < l->first || !base->segment || stoa__set_covers(l->set, base))
		return STOA_OK;
	if (l->out)
		l->out[l->n] = (struct stoa__covered){ stoa__segment_file(base->segment),
						       base->index };
	l->n++;
	return STOA_OK;
}

int stoa__set_run_list(const struct stoa__table *t, const struct stoa__set *set, uint64_t first,
		       struct stoa__covered **covered, size_t *n)
{
	struct listing l = { set, first, NULL, 0 };

	(void)stoa__tree_walk(t->groups, 0, list_group, &l);
	*covered = l.out = stoa__calloc(l.n + 1, sizeof *l.out);
	if (!l.out)
		return STOA_ENOMEM;
	l.n = 0;
	(void)stoa__tree_walk(t->groups, 0, list_group, &l);
	qsort(l.out, l.n, sizeof *l.out, by_file);
	*n = l.n;
	return STOA_OK;
}

int stoa__set_run_new(struct stoa__version *w, struct stoa__hints *hints, const struct stoa__table *t,
		  const struct stoa__set *set, uint64_t first, struct stoa__set_run **out)
{
	struct stoa__covered *covered = NULL;
	size_t n = 0;
	struct stoa__set_run *run = stoa__set_run_list(t, set, first, &covered, &n) < 0 ?
					    NULL :
					    run_alloc(w, covered, n);

	if (!run) {
		stoa__hints_release(hints);
		return STOA_ENOMEM;
	}
	memcpy(&run->hints, hints, sizeof run->hints);
	stoa__block_grow(w, &run->block, stoa__alloc_size(run->hints.groups));
	*out = run;
	return STOA_OK;
}

/* ---- runs in files ---- */

static int malformed(const struct stoa__segment *s, struct stoa_error *err)
{
	char name[32];

	stoa__segment_name(stoa__segment_file(s), name);
	return stoa__fail_corrupt(err, name, 0, "it should hold a run of an index, but does not");
}

/* First touch of a part of a mapped run: verifies it. */
static int open_part(struct stoa__set_run *run, uint64_t part, struct stoa_error *err)
{
	const uint8_t *image;
	size_t len;
	int rc = stoa__segment_chunk(run->segment, 0, (uint32_t)(STOA__RUN_SLOT_PARTS + part), &image, &len,
				     err);

	if (rc == STOA_ENOTFOUND ||
	    (rc == STOA_OK && len != stoa__hints_part_groups(&run->hints, part) * GROUP_BYTES))
		return malformed(run->segment, err);
	STOA_TRY(rc);
	atomic_store_explicit(&run->hints.parts[part],
			      (const struct stoa__hints_group *)(const void *)image,
			      memory_order_release);
	return STOA_OK;
}

int stoa__set_open_group(struct stoa__set_run *run, uint64_t g,
			 const struct stoa__hints_group **out, struct stoa_error *err)
{
	STOA_TRY(open_part(run, g / STOA__HINTS_PART, err));
	*out = stoa__hints_group(&run->hints, g);
	return STOA_OK;
}

/* What slot 1 says, checked; *@list is where the groups are. */
static int read_head(struct stoa__segment *s, struct stoa__hints *h, uint64_t *n_covered,
		     const uint8_t **list, struct stoa_error *err)
{
	const uint8_t *p;
	uint32_t version;
	size_t len;
	int rc = stoa__segment_chunk(s, 0, STOA__RUN_SLOT_HEAD, &p, &len, err);

	if (rc == STOA_ENOTFOUND)
		return malformed(s, err);
	STOA_TRY(rc);
	if (len < STOA__RUN_HEAD || stoa__load_u32(p) != STOA__RUN_MAGIC)
		return malformed(s, err);
	version = stoa__load_u32(p + 4);
	if (version != STOA__RUN_VERSION && version != STOA__RUN_VERSION_FLAT)
		return malformed(s, err);
	h->n_groups = stoa__load_u64(p + 8);
	atomic_init(&h->n, stoa__load_u64(p + 16));
	*n_covered = stoa__load_u64(p + 24);
	h->first = stoa__load_u64(p + 48);
	h->bits = stoa__load_u32(p + 56);
	h->exact = stoa__load_u32(p + 60) == 1;
	if (!h->n_groups || h->n_groups > stoa__segment_len(s) / GROUP_BYTES ||
	    !h->bits || h->bits > STOA__HINTS_ROWID_BITS ||
	    (h->exact && !stoa__hints_determine(h->n_groups, h->bits)) ||
	    *n_covered > (len - STOA__RUN_HEAD) / sizeof(struct stoa__covered))
		return malformed(s, err);
	*list = p + STOA__RUN_HEAD;
	return STOA_OK;
}

int stoa__set_run_open(struct stoa__version *w, struct stoa__segment *s, struct stoa__set_run **out,
		       struct stoa_error *err)
{
	struct stoa__hints h = { 0 };
	struct stoa__covered *covered;
	struct stoa__set_run *run;
	const uint8_t *list = NULL;
	uint64_t n = 0;

	STOA_TRY(read_head(s, &h, &n, &list, err));
	h.parts = stoa__calloc(stoa__hints_parts(h.n_groups), sizeof *h.parts);
	covered = h.parts ? stoa__calloc(n + 1, sizeof *covered) : NULL;
	for (uint64_t k = 0; covered && k < n; k++, list += sizeof *covered)
		covered[k] = (struct stoa__covered){ stoa__load_u64(list), stoa__load_u64(list + 8) };
	/* Files are not to be trusted, and the search needs an order. */
	if (covered)
		qsort(covered, n, sizeof *covered, by_file);
	run = covered ? run_alloc(w, covered, n) : NULL;
	if (!run) {
		stoa__free((void *)(uintptr_t)h.parts);
		return stoa__fail_memory(err);
	}
	stoa__block_grow(w, &run->block, stoa__alloc_size((void *)(uintptr_t)h.parts));
	memcpy(&run->hints, &h, sizeof h);
	run->segment = stoa__segment_ref(s);
	*out = run;
	return STOA_OK;
}

/* ---- at a checkpoint ---- */

struct writing {
	struct stoa_db *db;
	const struct stoa__swap *swaps;
	const uint64_t *swap_files;
	size_t n_swaps;
	bool merge;
	struct stoa__set_run_plans *plans;
	struct stoa_error *err;
	/* the index at hand */
	const struct stoa__table *t;
	uint32_t i;
	uint64_t live[STOA__SET_RUNS_MAX];	/* rows of groups that are still there, by run */
	uint64_t uncovered;			/* rows of groups that no run covers */
	uint32_t gone;				/* bit r: run r is made anew */
	struct stoa__covered *covered;		/* groups of the new run */
	size_t n_covered, cap_covered;
};

/* A file is whole: the plan for it is the last one. */
static int finish_file(struct writing *wr, struct stoa__set_file *f, const struct stoa__hints *h,
		       const struct stoa__covered *covered, size_t n)
{
	struct stoa__run_of what = { wr->t, wr->i, covered, n };
	struct stoa__set_run_plan *plan = &wr->plans->plan[wr->plans->n];

	STOA_TRY(stoa__set_file_finish(f, h, &what, &plan->segment, wr->err));
	plan->table = wr->t->id;
	plan->index = wr->t->schema->indexes[wr->i].id;
	wr->plans->n++;
	return STOA_OK;
}

/* Room for a plan, empty. */
static int new_plan(struct writing *wr)
{
	struct stoa__set_run_plans *p = wr->plans;

	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 8;
		struct stoa__set_run_plan *plan = stoa__realloc_array(p->plan, cap, sizeof *plan);

		if (!plan)
			return stoa__fail_memory(wr->err);
		p->plan = plan;
		p->cap = cap;
	}
	memset(&p->plan[p->n], 0, sizeof p->plan[p->n]);
	return STOA_OK;
}

/* Where a base lies, or will once the swaps are applied. */
static struct stoa__covered place_of(const struct writing *wr, const struct stoa__group *g)
{
	if (g->base->segment)
		return (struct stoa__covered){ stoa__segment_file(g->base->segment),
					       g->base->index };
	for (size_t k = 0; k < wr->n_swaps; k++)
		if (wr->swaps[k].base_id == g->base->id)
			return (struct stoa__covered){ wr->swap_files[k], wr->swaps[k].index };
	return (struct stoa__covered){ 0, 0 };
}

/* The run that covers a place, or -1. */
static int run_of(const struct writing *wr, const struct stoa__covered *at)
{
	const struct stoa__set *set = stoa__set_of(wr->t, wr->i);

	for (uint32_t r = 0; r < set->n_runs; r++)
		if (stoa__set_run_covers(set->run[r], at->file, at->index))
			return (int)r;
	return -1;
}

static int weigh_group(void *ctx, uint64_t first, void *value)
{
	struct writing *wr = ctx;
	const struct stoa__group *g = value;
	struct stoa__covered at = place_of(wr, g);
	int r = run_of(wr, &at);

	(void)first;
	if (r >= 0)
		wr->live[r] += g->n_rows - g->n_dead;
	else if (at.file)
		wr->uncovered += g->n_rows - g->n_dead;
	return STOA_OK;
}

/* Decides which runs a new one is to take in. */
static void choose(struct writing *wr)
{
	const struct stoa__set *set = stoa__set_of(wr->t, wr->i);
	uint64_t sum = wr->uncovered;
	bool many = set->n_runs + 2 > STOA__SET_RUNS_MAX;

	wr->gone = 0;
	for (uint32_t r = 0; r < set->n_runs; r++)
		if (wr->live[r] * 2 < stoa__hints_used(&set->run[r]->hints)) {
			wr->gone |= (uint32_t)1 << r;
			sum += wr->live[r];
		}
	if (!many && !wr->gone && wr->uncovered < stoa__set_run_rows_min)
		return;
	for (uint32_t r = set->n_runs; r-- > 0;) {
		if (wr->gone >> r & 1 || (!many && wr->live[r] > sum * RUN_RATIO))
			continue;
		wr->gone |= (uint32_t)1 << r;
		sum += wr->live[r];
	}
}

/* Is the group one of those that the new run covers? */
static bool is_chosen(const struct writing *wr, const struct stoa__covered *at)
{
	int r = run_of(wr, at);

	return at->file && (r < 0 || wr->gone >> r & 1);
}

static int choose_group(void *ctx, uint64_t first, void *value)
{
	struct writing *wr = ctx;
	struct stoa__covered at = place_of(wr, value);

	(void)first;
	if (!is_chosen(wr, &at))
		return STOA_OK;
	if (wr->n_covered == wr->cap_covered) {
		size_t cap = wr->cap_covered ? wr->cap_covered * 2 : 16;
		struct stoa__covered *covered =
			stoa__realloc_array(wr->covered, cap, sizeof *covered);

		if (!covered)
			return stoa__fail_memory(wr->err);
		wr->covered = covered;
		wr->cap_covered = cap;
	}
	wr->covered[wr->n_covered++] = at;
	return STOA_OK;
}

static enum stoa__set_extent extent(void *ctx, const struct stoa__group *g)
{
	struct stoa__covered at;

	if (g->tail)
		return STOA__ROWS_NONE;
	at = place_of(ctx, g);
	return is_chosen(ctx, &at) ? STOA__ROWS_ALL : STOA__ROWS_NONE;
}

static int build(struct writing *wr)
{
	struct stoa__set_walk walk = { wr->t, &wr->t->schema->indexes[wr->i], extent, NULL, wr, 0, 0 };
	struct stoa__hints hints;
	struct stoa__set_build build = { .walk = &walk, .into = &hints, .n_threads = 1,
					 .hands = &wr->db->hands };
	const struct stoa__set *set = stoa__set_of(wr->t, wr->i);
	struct stoa__hints_shape shape;
	struct stoa__set_run_plan *plan;
	struct stoa__set_file file = { 0 };
	int rc;

	STOA_TRY(stoa__tree_walk(wr->t->groups, 0, choose_group, wr));
	qsort(wr->covered, wr->n_covered, sizeof *wr->covered, by_file);
	STOA_TRY(new_plan(wr));
	shape = stoa__set_shape(&walk);
	STOA_TRY(stoa__set_thin_shape(&walk, &shape, wr->err));
	stoa__hints_plan(&hints, &shape);
	STOA_TRY(stoa__set_file_create(&file, wr->db, false, wr->err));
	rc = stoa__set_file_build(&file, &build, wr->err);
	if (rc < 0) {
		stoa__set_file_discard(&file);
		return rc;
	}
	plan = &wr->plans->plan[wr->plans->n];
	for (uint32_t r = 0; r < set->n_runs; r++)
		if (wr->gone >> r & 1)
			plan->gone[plan->n_gone++] = set->run[r]->id;
	return finish_file(wr, &file, &hints, wr->covered, wr->n_covered);
}

static int write_heap_run(struct writing *wr, const struct stoa__set_run *run)
{
	struct stoa__set_file file = { 0 };
	int rc;

	STOA_TRY(new_plan(wr));
	wr->plans->plan[wr->plans->n].gone[0] = run->id;
	wr->plans->plan[wr->plans->n].n_gone = 1;
	STOA_TRY(stoa__set_file_create(&file, wr->db, false, wr->err));
	rc = stoa__set_file_put(&file, &run->hints, wr->err);
	if (rc == STOA_OK)
		return finish_file(wr, &file, &run->hints, run->covered, run->n_covered);
	stoa__set_file_discard(&file);
	return rc;
}

/* Writes the runs in heap that no new run takes in. */
static int write_heap_runs(struct writing *wr)
{
	const struct stoa__set *set = stoa__set_of(wr->t, wr->i);

	for (uint32_t r = 0; r < set->n_runs; r++)
		if (!set->run[r]->segment && !(wr->gone >> r & 1))
			STOA_TRY(write_heap_run(wr, set->run[r]));
	return STOA_OK;
}

static int write_index(struct writing *wr)
{
	wr->gone = 0;
	wr->uncovered = 0;
	wr->n_covered = 0;
	memset(wr->live, 0, sizeof wr->live);
	if (wr->merge) {
		(void)stoa__tree_walk(wr->t->groups, 0, weigh_group, wr);
		choose(wr);
		if (wr->gone || wr->uncovered >= stoa__set_run_rows_min)
			STOA_TRY(build(wr));
	}
	return write_heap_runs(wr);
}

static int write_table(void *ctx, uint64_t id, void *value)
{
	struct writing *wr = ctx;

	(void)id;
	wr->t = value;
	for (wr->i = 0; wr->i < wr->t->schema->n_indexes; wr->i++)
		if (wr->t->schema->indexes[wr->i].kind == STOA_INDEX_SET)
			STOA_TRY(write_index(wr));
	return STOA_OK;
}

int stoa__set_runs_write(struct stoa_db *db, struct stoa__version *v, uint64_t since, bool merge,
		     const struct stoa__swap *swaps, const uint64_t *swap_files, size_t n_swaps,
		     struct stoa__set_run_plans *out, struct stoa_error *err)
{
	struct writing wr = { .db = db, .swaps = swaps, .swap_files = swap_files,
			      .n_swaps = n_swaps, .merge = merge, .plans = out, .err = err };
	int rc = stoa__tree_walk(v->tables, since, write_table, &wr);

	stoa__free(wr.covered);
	if (rc < 0)
		stoa__set_run_plans_release(out, db);
	return rc;
}

void stoa__set_run_plans_release(struct stoa__set_run_plans *plans, struct stoa_db *db)
{
	for (size_t k = 0; k < plans->n; k++) {
		if (db)
			(void)stoa__segment_unlink(
				&db->dir, stoa__segment_file(plans->plan[k].segment), NULL);
		stoa__segment_unref(plans->plan[k].segment);
	}
	stoa__free(plans->plan);
	memset(plans, 0, sizeof *plans);
}

static bool is_gone(const struct stoa__set_run_plan *plan, uint64_t id)
{
	for (uint32_t k = 0; k < plan->n_gone; k++)
		if (plan->gone[k] == id)
			return true;
	return false;
}

/* Are the runs whose place it takes all there? Not after the index was dropped, say. */
static bool fits(const struct stoa__set_run_plan *plan, const struct stoa__set *set)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < set->n_runs; r++)
		n += is_gone(plan, set->run[r]->id);
	return n == plan->n_gone && set->n_runs - n < STOA__SET_RUNS_MAX;
}

static int apply(const struct stoa__set_run_plan *plan, struct stoa__version *w,
		 struct stoa_error *err)
{
	struct stoa__table *t = stoa__table_find(w, plan->table);
	int i = t ? stoa__schema_find_index(t->schema, plan->index) : -1;
	struct stoa__set *set;
	struct stoa__set_run *run;
	uint32_t n = 0;

	if (i < 0 || !fits(plan, stoa__set_of(t, (uint32_t)i)))
		return STOA_OK;
	for (uint32_t r = 0; r < stoa__set_of(t, (uint32_t)i)->n_runs; r++)
		if (stoa__set_of(t, (uint32_t)i)->run[r]->segment == plan->segment)
			return STOA_OK;	/* it is there already */
	if (stoa__table_own(w, plan->table, &t) < 0 ||
	    stoa__index_own(w, t, (uint32_t)i, &set) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(stoa__set_run_open(w, plan->segment, &run, err));
	for (uint32_t r = 0; r < set->n_runs; r++)
		if (is_gone(plan, set->run[r]->id))
			stoa__block_retire(w, &set->run[r]->block);
		else
			set->run[n++] = set->run[r];
	set->run[n++] = run;
	set->n_runs = n;
	return STOA_OK;
}

int stoa__set_runs_apply(const struct stoa__set_run_plans *plans, struct stoa__version *w,
		     struct stoa_error *err)
{
	for (size_t k = 0; k < plans->n; k++)
		STOA_TRY(apply(&plans->plan[k], w, err));
	return STOA_OK;
}

/* ---- records ---- */

/* Does a plan for the index take the run's place? */
static bool is_replaced(const struct stoa__set_run_plans *plans, uint64_t id)
{
	for (size_t k = 0; k < plans->n; k++)
		if (is_gone(&plans->plan[k], id))
			return true;
	return false;
}

/* The segments of index @i's runs, as they will be. */
static int files_of(const struct stoa__table *t, uint32_t i, const struct stoa__set_run_plans *plans,
		    int (*each)(void *ctx, const struct stoa__segment *s, uint64_t born), void *ctx)
{
	const struct stoa__set *set = stoa__set_of(t, i);

	for (uint32_t r = 0; r < set->n_runs; r++)
		if (set->run[r]->segment && !is_replaced(plans, set->run[r]->id))
			STOA_TRY(each(ctx, set->run[r]->segment, set->run[r]->block.born));
	for (size_t k = 0; k < plans->n; k++)
		if (plans->plan[k].table == t->id &&
		    plans->plan[k].index == t->schema->indexes[i].id)
			STOA_TRY(each(ctx, plans->plan[k].segment, UINT64_MAX));
	return STOA_OK;
}

int stoa__set_runs_files(const struct stoa__table *t, const struct stoa__set_run_plans *plans,
		     int (*each)(void *ctx, const struct stoa__segment *s, uint64_t born), void *ctx)
{
	for (uint32_t i = 0; i < t->schema->n_indexes; i++)
		if (t->schema->indexes[i].kind == STOA_INDEX_SET)
			STOA_TRY(files_of(t, i, plans, each, ctx));
	return STOA_OK;
}

static int put_number(void *ctx, const struct stoa__segment *s, uint64_t born)
{
	(void)born;
	return stoa__buf_put_u64(ctx, stoa__segment_file(s));
}

int stoa__set_runs_store(const struct stoa__saver *saver, const struct stoa__table *t, uint32_t i)
{
	struct stoa__key k = stoa__index_key(STOA__REC_SET, t, i);
	struct stoa__buf buf = STOA__BUF_INIT;
	int rc = files_of(t, i, saver->runs, put_number, &buf);

	rc = rc < 0 ? stoa__fail_memory(saver->err) :
		      stoa__catalog_put(saver->db->catalog, k.p, k.len, buf.p, buf.len, saver->err);
	stoa__buf_release(&buf);
	return rc;
}

int stoa__set_runs_load(const struct stoa__restorer *from, struct stoa__table *t, uint32_t i,
		    uint8_t tag, const uint8_t *key, size_t len, struct stoa__reader *r)
{
	struct stoa__set *set = stoa__set_of(t, i);
	struct stoa__segment *s;

	(void)key;
	if (tag != STOA__REC_SET || len || stoa__reader_left(r) % 8 ||
	    stoa__reader_left(r) / 8 > STOA__SET_RUNS_MAX)
		return stoa__fail_corrupt(from->err, "catalog.mdb", 0,
					  "a record of a set index is malformed");
	while (stoa__reader_left(r)) {
		s = from->file(from, stoa__read_u64(r));
		if (!s)
			return stoa__fail_corrupt(from->err, "catalog.mdb", 0,
						  "a run of a set index is in no file");
		STOA_TRY(stoa__set_run_open(from->w, s, &set->run[set->n_runs], from->err));
		set->n_runs++;
	}
	return STOA_OK;
}
