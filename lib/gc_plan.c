/* SPDX-License-Identifier: MIT */
/* gc_plan.c - see gc_plan.h */
#include "gc_plan.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

#define SMALL_ROWS 16384
#define SMALL_BYTES ((uint64_t)16 << 20)
#define SMALL_RUN 4			/* small groups side by side that are merged */
#define FILE_PART 32			/* of all files, that a file of a pass in the background is; */
#define FILE_MIN ((uint64_t)256 << 10)	/* or so much: many of its rows will go before the others */
#define FREED_MAX ((uint64_t)256 << 20)
#define PORTION_PART 32			/* of all files that there may be twice, while they are rewritten */

void stoa__gc_plan_release(struct stoa__gc_plan *p)
{
	stoa__free(p->uses);
	stoa__free(p->looks);
	stoa__free(p->steps);
}

static void add_bytes(void *ctx, uint32_t slot, uint64_t len)
{
	(void)slot;
	*(uint64_t *)ctx += len;
}

static struct stoa__file_use *find_use(struct stoa__gc_plan *p, uint64_t file)
{
	size_t lo = 0, n = p->n_uses;
	struct stoa__file_use *uses;

	while (n) {
		size_t half = n / 2;

		if (p->uses[lo + half].file < file) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	if (lo < p->n_uses && p->uses[lo].file == file)
		return &p->uses[lo];
	if (p->n_uses == p->cap_uses) {
		size_t cap = p->cap_uses ? p->cap_uses * 2 : 64;

		uses = stoa__realloc_array(p->uses, cap, sizeof *uses);
		if (!uses)
			return NULL;
		p->uses = uses;
		p->cap_uses = cap;
	}
	memmove(&p->uses[lo + 1], &p->uses[lo], (p->n_uses - lo) * sizeof *p->uses);
	p->n_uses++;
	p->uses[lo] = (struct stoa__file_use){ file, 0, 0 };
	return &p->uses[lo];
}

static int use_group(void *ctx, uint64_t first, void *value)
{
	struct stoa__gc_plan *p = ctx;
	const struct stoa__group *g = value;
	struct stoa__file_use *u;

	(void)first;
	if (!g->base->segment)
		return STOA_OK;
	u = find_use(p, stoa__segment_file(g->base->segment));
	if (!u)
		return STOA_ENOMEM;
	if (!u->bytes) {
		u->bytes = stoa__segment_chunk_bytes(g->base->segment);
		p->file_bytes += stoa__segment_len(g->base->segment);
	}
	return stoa__base_each_image(g->base, add_bytes, &u->used, NULL);
}

static int use_table(void *ctx, uint64_t id, void *value)
{
	const struct stoa__table *t = value;

	(void)id;
	return stoa__tree_walk(t->groups, 0, use_group, ctx);
}

int stoa__gc_plan_weigh(struct stoa__gc_plan *p, const struct stoa__version *v)
{
	p->n_uses = 0;
	p->file_bytes = 0;
	return stoa__tree_walk(v->tables, 0, use_table, p);
}

/* Sums up the images of a group, apart for slots that the schema does not have any more. */
struct images {
	const struct stoa__schema *schema;
	uint64_t bytes, dropped;
};

static void add_image(void *ctx, uint32_t slot, uint64_t len)
{
	struct images *im = ctx;
	uint32_t i = 0;

	while (slot != STOA__SLOT_ROWIDS && i < im->schema->n_slots &&
	       im->schema->slots[i].id != slot)
		i++;
	im->bytes += len;
	im->dropped += i == im->schema->n_slots ? len : 0;
}

static uint64_t overlay_bytes(const struct stoa__group *g)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; g->overlay && i < g->overlay->n; i++)
		for (uint32_t p = 0; p < STOA__PAGES; p++)
			if (g->overlay->column[i].pages->page[p])
				bytes += g->overlay->column[i].pages->page[p]->block.size;
	return bytes;
}

/* The group's share of what is not used in its file. */
static uint64_t unused_bytes(struct stoa__gc_plan *p, const struct stoa__group *g, uint64_t bytes)
{
	const struct stoa__file_use *u;

	if (!g->base->segment)
		return 0;
	u = find_use(p, stoa__segment_file(g->base->segment));
	if (!u || !u->used || u->bytes <= u->used)
		return 0;
	return (uint64_t)((double)(u->bytes - u->used) * (double)bytes / (double)u->used);
}

static int look_at(void *ctx, uint64_t first, void *value)
{
	struct stoa__gc_plan *p = ctx;
	const struct stoa__group *g = value;
	struct stoa__group_look *l = &p->looks[p->n_looks++];
	struct images im = { .schema = p->table->schema };

	(void)first;
	*l = (struct stoa__group_look){ .group = g, .table = p->table };
	l->n_existing = stoa__group_n_existing(p->table, g);
	STOA_TRY(stoa__base_each_image(g->base, add_image, &im, NULL));
	l->bytes = im.bytes;
	l->used = im.bytes - im.dropped;
	l->garbage = im.dropped + overlay_bytes(g) + unused_bytes(p, g, im.bytes) +
		     l->used * (g->n_rows - l->n_existing) / g->n_rows;
	l->thawed = g->made > p->frozen;
	return STOA_OK;
}

static int look_at_table(void *ctx, uint64_t id, void *value)
{
	struct stoa__gc_plan *p = ctx;
	const struct stoa__table *t = value;
	size_t need = p->n_looks + (size_t)t->n_groups;

	(void)id;
	if (need > p->cap_looks) {
		size_t cap = need + need / 2;
		struct stoa__group_look *looks = stoa__realloc_array(p->looks, cap, sizeof *looks);

		if (!looks)
			return STOA_ENOMEM;
		p->looks = looks;
		p->cap_looks = cap;
	}
	p->table = t;
	return stoa__tree_walk(t->groups, 0, look_at, p);
}

/* What the group has to be rewritten for by itself. */
static void judge(const struct stoa__gc_plan *p, struct stoa__group_look *l)
{
	uint8_t generation = l->group->base->generation;
	bool open = l->thawed && generation <= p->generation;

	l->due = open && l->garbage && l->garbage * 100 >= p->threshold[generation] * l->bytes;
	l->due |= p->cool && !l->group->base->cold;
	l->small = open && l->n_existing < SMALL_ROWS && l->bytes < SMALL_BYTES;
}

static double share(const struct stoa__group_look *l)
{
	return (double)l->garbage / (double)l->bytes;
}

static int by_share(const void *a, const void *b)
{
	double x = share(*(struct stoa__group_look *const *)a);
	double y = share(*(struct stoa__group_look *const *)b);

	return (x < y) - (x > y);
}

/*
 * Where rows die evenly, groups that are collected at their threshold have half of that in the
 * mean, and so much there may be of all garbage. Passes come late, and to old generations seldom:
 * a table of which a hundredth was replaced again and again had a third of garbage at times. What
 * is more goes, the worst groups first, of whatever generation: they give most for what is moved.
 */
static int take_worst(struct stoa__gc_plan *p)
{
	struct stoa__group_look **order = stoa__alloc(p->n_looks * sizeof *order + 1);
	uint64_t left = 0, allowed = 0;
	size_t n = 0;

	if (!order)
		return STOA_ENOMEM;
	for (size_t i = 0; i < p->n_looks; i++) {
		struct stoa__group_look *l = &p->looks[i];

		if (!l->thawed)
			continue;
		allowed += l->bytes / 200 * p->threshold[l->group->base->generation];
		if (l->due || !l->garbage)
			continue;
		left += l->garbage;
		order[n++] = l;
	}
	if (left > allowed)
		qsort(order, n, sizeof *order, by_share);
	for (size_t i = 0; i < n && left > allowed; i++) {
		order[i]->due = true;
		left -= order[i]->garbage;
	}
	stoa__free(order);
	return STOA_OK;
}

static int add_step(struct stoa__gc_plan *p, const struct stoa__group_look *l, bool begins)
{
	if (p->n_steps == p->cap_steps) {
		size_t cap = p->cap_steps ? p->cap_steps * 2 : 64;
		struct stoa__gc_step *steps = stoa__realloc_array(p->steps, cap, sizeof *steps);

		if (!steps)
			return STOA_ENOMEM;
		p->steps = steps;
		p->cap_steps = cap;
	}
	p->steps[p->n_steps++] =
		(struct stoa__gc_step){ l->group->first, l->table->id, l->used, begins };
	return STOA_OK;
}

/* Groups [from, from + n), all due or small: are they to be rewritten? */
static bool is_worth_it(const struct stoa__gc_plan *p, size_t from, size_t n)
{
	uint64_t n_rows = 0, bytes = 0;

	for (size_t i = from; i < from + n; i++) {
		if (p->looks[i].due)
			return true;
		n_rows += p->looks[i].n_existing;
		bytes += p->looks[i].used;
	}
	return n >= p->small_run && n_rows / STOA__GROUP_ROWS + bytes / STOA__GROUP_BYTES_MAX + 1 < n;
}

/* Does look @i go on where the one before it, of the same table, ends? */
static bool goes_on(const struct stoa__gc_plan *p, size_t i)
{
	const struct stoa__group_look *l = &p->looks[i];

	return i < p->n_looks && (l->due || l->small) && l->table == l[-1].table;
}

/* Finds the runs. Small groups at the ends of a run are taken along. */
static int plan_runs(struct stoa__gc_plan *p)
{
	for (size_t i = 0, n; i < p->n_looks; i += n) {
		n = 1;
		if (!p->looks[i].due && !p->looks[i].small)
			continue;
		while (goes_on(p, i + n))
			n++;
		for (size_t k = 0; is_worth_it(p, i, n) && k < n; k++)
			STOA_TRY(add_step(p, &p->looks[i + k], k == 0));
	}
	return STOA_OK;
}

static int plan(struct stoa__gc_plan *p, const struct stoa__version *v)
{
	STOA_TRY(stoa__gc_plan_weigh(p, v));
	STOA_TRY(stoa__tree_walk(v->tables, 0, look_at_table, p));
	for (size_t i = 0; i < p->n_looks; i++)
		judge(p, &p->looks[i]);
	if (!p->all)
		STOA_TRY(take_worst(p));
	return plan_runs(p);
}

int stoa__gc_plan_make(struct stoa_db *db, int generation, bool all, bool cool,
		       struct stoa__gc_plan *p, struct stoa_error *err)
{
	struct stoa__version *v = stoa__history_snapshot_quietly(&db->history);
	int rc;

	*p = (struct stoa__gc_plan){ .db = db, .generation = generation, .all = all, .cool = cool,
				     .small_run = all ? 2 : SMALL_RUN };
	pthread_mutex_lock(&db->gc.mutex);
	p->frozen = db->gc.frozen;
	for (int i = 0; i < STOA__GENERATIONS; i++)
		p->threshold[i] = all ? 1 : db->gc.threshold[i];
	pthread_mutex_unlock(&db->gc.mutex);
	rc = plan(p, v);
	stoa__version_drop_quietly(v);
	if (rc == STOA_ENOMEM)
		return stoa__fail_memory(err);
	return rc < 0 ? stoa__fail(err, rc, "a segment's directory cannot be read") : STOA_OK;
}

uint64_t stoa__gc_plan_enough(const struct stoa__gc_plan *p)
{
	uint64_t bytes = p->file_bytes / FILE_PART;

	if (p->all)
		return stoa__segment_enough(p->file_bytes);
	if (bytes < FILE_MIN)
		return FILE_MIN;
	return bytes < STOA__SEGMENT_BYTES_MAX ? bytes : STOA__SEGMENT_BYTES_MAX;
}

uint64_t stoa__gc_plan_portion(const struct stoa__gc_plan *p)
{
	uint64_t bytes = p->file_bytes / PORTION_PART;

	if (p->all)
		return FREED_MAX;
	return bytes < STOA__FREED_MIN ? STOA__FREED_MIN : bytes < FREED_MAX ? bytes : FREED_MAX;
}
