/* SPDX-License-Identifier: MIT */
/* set_build.c - see set_build.h */
#include "set_build.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

#define CHUNK 512 /* hints of a list that lie together */
#define SLAB 32   /* chunks that are allocated together */
#define WAVES_MAX 4
#define SHARDS_MAX 1024       /* of a wave: as many streams of memory are written at once */
#define ROWS_OF_THREAD 100000 /* that are worth another thread */
#define LANES_MAX 64

uint64_t stoa__set_wave = (uint64_t)4 << 20;

struct chunk {
	struct chunk *next;
	struct stoa__hint hint[CHUNK];
};

struct slab {
	struct slab *next;
	struct chunk chunk[SLAB];
};

/* Hints for a shard; all chunks but the first are full. */
struct list {
	struct chunk *chunk;
	size_t n; /* of the first */
};

struct build;

/* What one thread has. */
struct lane {
	struct build *b;
	struct stoa__task task;
	struct list *lists;        /* by shard of the wave */
	struct slab *used, *spare; /* in this wave; in those before */
	size_t n_taken;            /* chunks of the newest that is used */
	uint64_t last;             /* the greatest rowid */
	struct stoa__buf scratch;
	struct stoa_error err; /* of the call at hand */
};

/* A shard that is not done. */
struct slot {
	struct stoa__shard shard;
	struct stoa__hints_group *groups; /* of its own */
	bool ready;                       /* its natives are in it */
};

struct build {
	const struct stoa__set_build *what;
	const struct stoa__hints *h;
	struct lane *lanes;
	size_t n_lanes;
	struct stoa__set_groups groups;
	unsigned shift;             /* log2 of a shard's groups */
	uint64_t n_shards, of_wave; /* shards; of a wave */
	uint64_t from, to;          /* shards of this wave */
	struct slot *slots;         /* the first is shard 0's, the others go round */
	size_t n_slots;
	pthread_mutex_t lock;       /* of what follows */
	pthread_cond_t done;        /* a shard is, or something failed */
	uint64_t next, next_done;   /* shard to be filled; to be done */
	bool finishing;             /* a thread is at it: the strays and the count are its own */
	struct stoa__strays strays; /* that left the last one done */
	uint64_t n;                 /* hints put */
	int rc;
	struct stoa_error err;
};

/* ---- keys that may be there once ---- */

void stoa__once_init(struct stoa__once *o, const struct stoa__table *t, uint32_t i,
		     struct stoa__conflicts *conflicts)
{
	memset(o, 0, sizeof *o);
	o->t = t;
	o->i = i;
	o->conflicts = conflicts;
	pthread_mutex_init(&o->lock, NULL);
}

static int key_of(const struct stoa__once *o, struct stoa__buf *scratch, uint64_t rowid,
		  struct stoa_value *key, struct stoa_error *err)
{
	struct stoa__place at;

	STOA_TRY(stoa__table_locate(o->t, rowid, &at, err));
	return stoa__set_key_of(o->t, &o->t->schema->indexes[o->i], at, scratch, key, err);
}

int stoa__once_end(struct stoa__once *o, struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	struct stoa__buf scratch = STOA__BUF_INIT;
	int rc = STOA_OK;

	pthread_mutex_destroy(&o->lock);
	if (o->rowid)
		rc = key_of(o, &scratch, o->rowid, key, err);
	if (o->rowid && rc == STOA_OK)
		rc = stoa__set_taken(o->t, o->i, key, o->other, err);
	stoa__buf_release(&scratch);
	return rc;
}

/* Row @goes is to go, as the other has its key. */
static int note(struct stoa__once *o, uint64_t goes, uint64_t other, struct stoa_error *err)
{
	int rc = STOA_OK;

	pthread_mutex_lock(&o->lock);
	if (o->conflicts) {
		rc = stoa__rowlist_add(&o->conflicts->losers, goes);
	} else if (!o->rowid || goes < o->rowid || (goes == o->rowid && other < o->other)) {
		o->rowid = goes;
		o->other = other;
	}
	pthread_mutex_unlock(&o->lock);
	return rc < 0 ? stoa__fail_memory(err) : STOA_OK;
}

int stoa__once_equals(struct stoa__once *o, struct stoa__buf *scratch, uint64_t old, uint64_t rowid,
		      struct stoa_error *err)
{
	struct stoa_value key[STOA_INDEX_SLOTS_MAX];
	bool earlier = o->conflicts && o->conflicts->policy == STOA_CONFLICT_REPLACE;
	bool old_goes = earlier == (old < rowid);
	int rc;

	if (old == rowid)
		return STOA__BOTH_STAY;
	STOA_TRY(key_of(o, scratch, rowid, key, err));
	rc = stoa__set_matches(o->t, &o->t->schema->indexes[o->i], old, key, err);
	if (rc <= 0)
		return rc < 0 ? rc : STOA__BOTH_STAY;
	STOA_TRY(note(o, old_goes ? old : rowid, old_goes ? rowid : old, err));
	return old_goes ? STOA__OLD_GOES : STOA__NEW_GOES;
}

struct looking {
	struct stoa__once *once;
	struct stoa__buf *scratch;
	uint64_t rowid;
};

static int candidate(void *ctx, uint64_t old, struct stoa_error *err)
{
	struct looking *l = ctx;
	int rc = stoa__once_equals(l->once, l->scratch, old, l->rowid, err);

	return rc == STOA__OLD_GOES ? STOA__BOTH_STAY : rc;
}

int stoa__once_look(struct stoa__once *o, struct stoa__buf *scratch, uint64_t hash, uint64_t rowid,
		    struct stoa_error *err)
{
	struct looking l = { o, scratch, rowid };
	int rc = STOA__BOTH_STAY;

	for (uint32_t j = 0; j < o->tables.n && !rc; j++)
		rc = stoa__set_probe(o->tables.hints[j], o->tables.run[j], hash, candidate, &l,
				     err);
	return rc;
}

/* ---- threads ---- */

static void fail(struct build *b, int rc, const struct stoa_error *err)
{
	pthread_mutex_lock(&b->lock);
	if (b->rc == STOA_OK) {
		b->rc = rc;
		b->err = *err;
	}
	pthread_cond_broadcast(&b->done);
	pthread_mutex_unlock(&b->lock);
}

/* Has every lane do its part. */
static int share(struct build *b, void (*run)(void *lane))
{
	struct stoa__task tasks[LANES_MAX];

	for (size_t i = 0; i < b->n_lanes; i++)
		tasks[i] = (struct stoa__task){ .run = run, .ctx = &b->lanes[i] };
	stoa__hands_share(b->what->hands, tasks, b->n_lanes);
	return b->rc;
}

/* ---- hints, by shard ---- */

static struct chunk *take_chunk(struct lane *l)
{
	struct slab *s = l->used;

	if (!s || l->n_taken == SLAB) {
		s = l->spare;
		if (s)
			l->spare = s->next;
		else
			s = stoa__alloc_aligned(sizeof *s);
		if (!s)
			return NULL;
		s->next = l->used;
		l->used = s;
		l->n_taken = 0;
	}
	return &s->chunk[l->n_taken++];
}

static int list_add(struct lane *l, struct list *list, struct stoa__hint hint)
{
	if (!list->chunk || list->n == CHUNK) {
		struct chunk *c = take_chunk(l);

		if (!c)
			return STOA_ENOMEM;
		c->next = list->chunk;
		list->chunk = c;
		list->n = 0;
	}
	list->chunk->hint[list->n++] = hint;
	return STOA_OK;
}

static void free_slabs(struct slab *s)
{
	while (s) {
		struct slab *next = s->next;

		stoa__free(s);
		s = next;
	}
}

/* Another wave: lists are empty, their memory is spare. */
static void empty_lists(struct lane *l)
{
	while (l->used) {
		struct slab *s = l->used;

		l->used = s->next;
		s->next = l->spare;
		l->spare = s;
	}
	memset(l->lists, 0, l->b->of_wave * sizeof *l->lists);
}

/* The hints of a batch whose shard is in the wave; how many. */
static uint32_t sift(const struct build *b, const struct stoa__set_batch *batch,
		     struct stoa__hint *out, uint64_t *shard)
{
	uint64_t from = b->from, n = b->to - b->from;
	uint32_t kept = 0;

	for (uint32_t k = 0; k < batch->n; k++) {
		shard[kept] = (stoa__hints_home(b->h, batch->hash[k]) >> b->shift) - from;
		out[kept] = (struct stoa__hint){ batch->hash[k], batch->rowid[k] };
		kept += shard[kept] < n;
	}
	return kept;
}

/* Asks for the lines in which other tables may have the hints' keys. */
static void prefetch(const struct stoa__set_tables *tables, const struct stoa__hint *hint,
		     uint32_t n)
{
	for (uint32_t j = 0; j < tables->n; j++)
		for (uint32_t k = 0; k < n; k++)
			__builtin_prefetch((const void *)stoa__hints_group(
				tables->hints[j],
				stoa__hints_home(tables->hints[j], hint[k].hash)));
}

static int take_batch(void *ctx, const struct stoa__set_batch *batch, struct stoa_error *err)
{
	struct lane *l = ctx;
	struct stoa__once *once = l->b->what->once;
	struct stoa__hint hint[STOA__PAGE_ROWS];
	uint64_t shard[STOA__PAGE_ROWS + 1];
	uint32_t n = sift(l->b, batch, hint, shard);

	if (once)
		prefetch(&once->tables, hint, n);
	for (uint32_t k = 0; k < n; k++) {
		int rc = STOA__BOTH_STAY;

		if (once && once->tables.n)
			rc = stoa__once_look(once, &l->scratch, hint[k].hash, hint[k].rowid, err);
		if (rc < 0)
			return rc;
		if (rc == STOA__BOTH_STAY && list_add(l, &l->lists[shard[k]], hint[k]) < 0)
			return stoa__fail_memory(err);
	}
	if (batch->rowid[batch->n - 1] > l->last)
		l->last = batch->rowid[batch->n - 1];
	return STOA_OK;
}

static enum stoa__set_extent extent(void *ctx, const struct stoa__group *g)
{
	const struct stoa__set_walk *walk = ((struct lane *)ctx)->b->what->walk;

	return walk->extent ? walk->extent(walk->ctx, g) : STOA__ROWS_ALL;
}

static void list_hints(void *ctx)
{
	struct lane *l = ctx;
	const struct stoa__set_walk *all = l->b->what->walk;
	struct stoa__set_walk walk = { all->t, all->def, extent, take_batch, l };
	int rc;

	empty_lists(l);
	rc = stoa__set_walk_shared(&walk, &l->b->groups, &l->err);
	if (rc < 0)
		fail(l->b, rc, &l->err);
}

/* ---- shards ---- */

static struct slot *slot_of(const struct build *b, uint64_t shard)
{
	return &b->slots[shard ? 1 + shard % (b->n_slots - 1) : 0];
}

static int equals(void *ctx, uint64_t old, uint64_t rowid, struct stoa_error *err)
{
	struct lane *l = ctx;

	return stoa__once_equals(l->b->what->once, &l->scratch, old, rowid, err);
}

/* What this thread does to a shard is its own matter. */
static void lend(struct lane *l, struct stoa__shard *s)
{
	s->equals = l->b->what->once ? equals : NULL;
	s->ctx = l;
	s->err = &l->err;
}

/* Puts all that the lists have for shard @number into it. */
static int fill(struct lane *l, uint64_t number)
{
	struct build *b = l->b;
	struct slot *slot = slot_of(b, number);
	struct stoa__shard *s = &slot->shard;

	s->h = b->h;
	s->lo = number << b->shift;
	s->hi = number + 1 < b->n_shards ? s->lo + ((uint64_t)1 << b->shift) : b->h->n_groups;
	s->groups = b->h->groups ? b->h->groups + s->lo : slot->groups;
	s->n = 0;
	lend(l, s);
	stoa__shard_clear(s);
	for (size_t i = 0; i < b->n_lanes; i++) {
		const struct list *list = &b->lanes[i].lists[number - b->from];
		size_t n = list->n;

		for (const struct chunk *c = list->chunk; c; c = c->next) {
			STOA_TRY(stoa__shard_natives(s, c->hint, n));
			n = CHUNK;
		}
	}
	return stoa__shard_strays(s, &s->strays);
}

static int give_parts(struct build *b, const struct stoa__shard *s, struct stoa_error *err)
{
	for (uint64_t g = s->lo; !b->h->groups && g < s->hi; g += STOA__HINTS_PART) {
		uint64_t n = s->hi - g < STOA__HINTS_PART ? s->hi - g : STOA__HINTS_PART;

		STOA_TRY(b->what->part(b->what->ctx, g / STOA__HINTS_PART, s->groups + (g - s->lo),
				       n, err));
	}
	return STOA_OK;
}

/* Takes in what left the shard before; what leaves this one is kept. */
static int pass_on(struct lane *l, struct stoa__shard *s)
{
	struct stoa__strays left;

	lend(l, s);
	STOA_TRY(stoa__shard_strays(s, &l->b->strays));
	left = s->leaving;
	s->leaving = l->b->strays;
	l->b->strays = left;
	return STOA_OK;
}

/* A shard is done, but for 0: that waits for the last. */
static int finish(struct lane *l, uint64_t number)
{
	struct stoa__shard *s = &slot_of(l->b, number)->shard;

	STOA_TRY(pass_on(l, s));
	if (!number)
		return STOA_OK;
	l->b->n += s->n;
	return give_parts(l->b, s, &l->err);
}

/* Finishes those that are ready and next in order. The lock is held, but not meanwhile. */
static void finish_ready(struct lane *l)
{
	struct build *b = l->b;

	if (b->finishing)
		return;
	b->finishing = true;
	while (b->rc == STOA_OK && b->next_done < b->to && slot_of(b, b->next_done)->ready) {
		struct slot *slot = slot_of(b, b->next_done);
		int rc;

		pthread_mutex_unlock(&b->lock);
		rc = finish(l, b->next_done);
		if (rc < 0)
			fail(b, rc, &l->err);
		pthread_mutex_lock(&b->lock);
		slot->ready = false;
		b->next_done++;
		pthread_cond_broadcast(&b->done);
	}
	b->finishing = false;
}

/* A shard to be filled, once there is a slot for it: false, there is none. The lock is held. */
static bool take_shard(struct build *b, uint64_t *number)
{
	while (b->rc == STOA_OK && b->next < b->to && b->next - b->next_done >= b->n_slots - 1)
		pthread_cond_wait(&b->done, &b->lock);
	if (b->rc < 0 || b->next == b->to)
		return false;
	*number = b->next++;
	return true;
}

static void fill_shards(void *ctx)
{
	struct lane *l = ctx;
	struct build *b = l->b;
	uint64_t number;

	pthread_mutex_lock(&b->lock);
	while (take_shard(b, &number)) {
		int rc;

		pthread_mutex_unlock(&b->lock);
		rc = fill(l, number);
		if (rc < 0)
			fail(b, rc, &l->err);
		pthread_mutex_lock(&b->lock);
		slot_of(b, number)->ready = rc >= 0;
		finish_ready(l);
	}
	pthread_mutex_unlock(&b->lock);
}

/* ---- all of it ---- */

/*
 * The last shard's strays go to the first; what has no room there, in a table in heap, to where there
 * is.
 */
static int close_ring(struct build *b)
{
	struct lane *l = &b->lanes[0];
	struct stoa__shard *first = &b->slots[0].shard;
	struct stoa__shard all = { .h = b->h, .groups = b->h->groups, .hi = b->h->n_groups };
	int rc = pass_on(l, first);

	if (rc == STOA_OK && b->strays.n && !b->h->groups)
		return STOA_END;
	if (rc == STOA_OK)
		rc = give_parts(b, first, &l->err);
	lend(l, &all);
	if (rc == STOA_OK)
		rc = stoa__shard_strays(&all, &b->strays);
	b->n += first->n + all.n;
	if (rc < 0)
		fail(b, rc, &l->err);
	return rc;
}

static int work(struct build *b)
{
	for (b->from = 0; b->from < b->n_shards; b->from = b->to) {
		b->to = b->from + b->of_wave < b->n_shards ? b->from + b->of_wave : b->n_shards;
		atomic_store(&b->groups.next, 0);
		STOA_TRY(share(b, list_hints));
		STOA_TRY(share(b, fill_shards));
	}
	return close_ring(b);
}

/* How many shards there are, waves, and threads. */
static void plan(struct build *b)
{
	const struct stoa__set_build *what = b->what;
	uint64_t hints = b->h->n_groups * STOA__HINTS_WIDTH, waves = hints / stoa__set_wave + 1;
	size_t lanes = hints / ROWS_OF_THREAD + 1;

	if (waves > WAVES_MAX)
		waves = WAVES_MAX;
	b->shift = (unsigned)__builtin_ctz(STOA__HINTS_PART);
	while ((b->h->n_groups >> b->shift) / waves > SHARDS_MAX)
		b->shift++;
	b->n_shards = ((b->h->n_groups - 1) >> b->shift) + 1;
	b->of_wave = (b->n_shards + waves - 1) / waves;
	if (lanes > what->n_threads)
		lanes = what->n_threads;
	if (lanes > LANES_MAX)
		lanes = LANES_MAX;
	b->n_lanes = lanes ? lanes : 1;
	b->n_slots = b->n_lanes * 2 + 2;
}

static int init(struct build *b)
{
	size_t group_bytes = sizeof(struct stoa__hints_group);

	b->lanes = stoa__calloc(b->n_lanes, sizeof *b->lanes);
	b->slots = stoa__calloc(b->n_slots, sizeof *b->slots);
	if (!b->lanes || !b->slots || stoa__set_groups_init(&b->groups, b->what->walk->t) < 0)
		return STOA_ENOMEM;
	for (size_t i = 0; i < b->n_lanes; i++) {
		b->lanes[i].b = b;
		b->lanes[i].scratch = (struct stoa__buf)STOA__BUF_INIT;
		b->lanes[i].lists = stoa__calloc(b->of_wave, sizeof *b->lanes[i].lists);
		if (!b->lanes[i].lists)
			return STOA_ENOMEM;
	}
	for (size_t i = 0; !b->h->groups && i < (b->n_shards > 1 ? b->n_slots : 1); i++) {
		b->slots[i].groups = stoa__alloc_aligned(group_bytes << b->shift);
		if (!b->slots[i].groups)
			return STOA_ENOMEM;
	}
	return STOA_OK;
}

static void release(struct build *b)
{
	for (size_t i = 0; b->lanes && i < b->n_lanes; i++) {
		stoa__free(b->lanes[i].lists);
		free_slabs(b->lanes[i].used);
		free_slabs(b->lanes[i].spare);
		stoa__buf_release(&b->lanes[i].scratch);
	}
	for (size_t i = 0; b->slots && i < b->n_slots; i++) {
		stoa__strays_release(&b->slots[i].shard.strays);
		stoa__strays_release(&b->slots[i].shard.leaving);
		stoa__free(b->slots[i].groups);
	}
	stoa__strays_release(&b->strays);
	stoa__free(b->lanes);
	stoa__free(b->slots);
	stoa__free(b->groups.group);
	pthread_cond_destroy(&b->done);
	pthread_mutex_destroy(&b->lock);
}

int stoa__set_build(const struct stoa__set_build *what, struct stoa_error *err)
{
	struct build b = { .what = what, .h = what->into };
	int rc;

	pthread_mutex_init(&b.lock, NULL);
	pthread_cond_init(&b.done, NULL);
	plan(&b);
	rc = init(&b) < 0 ? stoa__fail_memory(&b.err) : work(&b);
	for (size_t i = 0; rc == STOA_OK && i < b.n_lanes; i++)
		if (b.lanes[i].last > what->into->last)
			what->into->last = b.lanes[i].last;
	if (rc == STOA_OK)
		atomic_store_explicit(&what->into->n, b.n, memory_order_relaxed);
	if (rc < 0 && err)
		*err = b.err;
	release(&b);
	return rc;
}
