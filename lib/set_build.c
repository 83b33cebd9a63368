/* SPDX-License-Identifier: MIT */
/* set_build.c - see set_build.h */
#include "set_build.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "set_lists.h"
#include "set_seats.h"
#include "set_thin.h"

#define WAVES_MAX 4
#define SHARDS_MAX 1024       /* of a wave: as many streams of memory are written at once */
#define ROWS_OF_THREAD 100000 /* that are worth another thread */
#define LANES_MAX 64
#define SEATS 1024

uint64_t stoa__set_wave = (uint64_t)4 << 20;

struct build;

/* What one thread has. */
struct lane {
	struct build *b;
	struct stoa__task task;
	struct stoa__room room;      /* of the lists, for a wave */
	struct stoa__list *lists;    /* by shard of the wave */
	struct stoa__set_thin *thin; /* NULL: no key has many rows */
	struct stoa__seats seats;    /* hints of buckets below, of keys of the shard at hand */
	struct stoa__hints_pile below;   /* for the second round */
	struct stoa__hints_pile late[2]; /* that no shard had room for, by round */
	uint64_t last;               /* the greatest rowid */
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
	bool often;                 /* a key may have many rows: there may be a second round */
	bool second;                /* this is it */
	_Atomic bool goes_deep;     /* there is to be one, but the table is not in heap */
	pthread_mutex_t lock;       /* of what follows */
	pthread_cond_t done;        /* a shard is, or something failed */
	uint64_t next, next_done;   /* shard to be filled; to be done */
	bool finishing;             /* a thread is at it: the strays and the count are its own */
	struct stoa__strays strays; /* that left the last one done */
	uint64_t n;                 /* hints put */
	int rc;
	struct stoa_error err;
};

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

/* Another wave: lists are empty. */
static void empty_lists(struct lane *l)
{
	stoa__room_empty(&l->room);
	memset(l->lists, 0, l->b->of_wave * sizeof *l->lists);
}

/* Keeps the hints whose shard is in the wave; how many. */
static uint32_t sift(const struct build *b, struct stoa__hint *hint, uint32_t n, uint64_t *shard)
{
	uint64_t from = b->from, n_shards = b->to - b->from;
	uint32_t kept = 0;

	for (uint32_t k = 0; k < n; k++) {
		shard[kept] = (stoa__hints_home(b->h, hint[k].hash) >> b->shift) - from;
		hint[kept] = hint[k];
		kept += shard[kept] < n_shards;
	}
	return kept;
}

/* Buckets below are for a table in heap: STOA_EFULL, if it is none. */
static int go_deep(struct build *b)
{
	if (b->h->groups)
		return STOA_OK;
	atomic_store_explicit(&b->goes_deep, true, memory_order_relaxed);
	return STOA_EFULL;
}

/* The hints of a batch that are to be put; their number, or an error. */
static int hints_of(struct lane *l, const struct stoa__set_batch *batch, struct stoa__hint *out)
{
	uint32_t n = batch->n;

	if (l->thin) {
		n = stoa__set_thin(l->thin, l->b->h, batch, out);
		if (n < batch->n)
			STOA_TRY(go_deep(l->b));
		if (n < batch->n)
			stoa__hints_blur(l->b->what->into);
		return (int)n;
	}
	for (uint32_t k = 0; k < n; k++)
		out[k] = (struct stoa__hint){ batch->hash[k], batch->rowid[k] };
	return (int)n;
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
	struct stoa__hint hint[STOA__PAGE_ROWS + 1];
	uint64_t shard[STOA__PAGE_ROWS + 1];
	int all = hints_of(l, batch, hint);
	uint32_t n = all < 0 ? 0 : sift(l->b, hint, (uint32_t)all, shard);

	STOA_TRY(all);
	if (once)
		prefetch(&once->tables, hint, n);
	for (uint32_t k = 0; k < n; k++) {
		int rc = STOA__BOTH_STAY;

		if (once && once->tables.n)
			rc = stoa__once_look(once, &l->scratch, hint[k].hash, hint[k].rowid, err);
		if (rc < 0)
			return rc;
		if (rc == STOA__BOTH_STAY && stoa__list_add(&l->room, &l->lists[shard[k]], hint[k]) < 0)
			return stoa__fail_memory(err);
	}
	if (batch->rowid[batch->n - 1] > l->last)
		l->last = batch->rowid[batch->n - 1];
	return STOA_OK;
}

static enum stoa__set_extent extent(void *ctx, const struct stoa__group *g)
{
	struct lane *l = ctx;
	const struct stoa__set_walk *walk = l->b->what->walk;

	if (l->thin)
		stoa__set_thin_group(l->thin);
	return walk->extent ? walk->extent(walk->ctx, g) : STOA__ROWS_ALL;
}

static void list_rows(struct lane *l)
{
	const struct stoa__set_walk *all = l->b->what->walk;
	struct stoa__set_walk walk = { .t = all->t, .def = all->def, .extent = extent,
				       .each = take_batch, .ctx = l };
	int rc = stoa__set_walk_shared(&walk, &l->b->groups, &l->err);

	if (rc < 0)
		fail(l->b, rc, &l->err);
}

/* Hints of buckets below. */
static int take_hints(void *ctx, const struct stoa__hint *hint, size_t n)
{
	struct lane *l = ctx;
	const struct build *b = l->b;

	for (size_t k = 0; k < n; k++) {
		uint64_t shard = (stoa__hints_home(b->h, hint[k].hash) >> b->shift) - b->from;

		if (shard < b->to - b->from && stoa__list_add(&l->room, &l->lists[shard], hint[k]) < 0)
			return stoa__fail_memory(&l->err);
	}
	return STOA_OK;
}

static void list_hints(void *ctx)
{
	struct lane *l = ctx;
	int rc = STOA_OK;

	empty_lists(l);
	if (l->b->second)
		rc = stoa__list_each(&l->below.list, take_hints, l);
	else
		list_rows(l);
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

/* A row whose key's bucket is full goes to the first on its path below that is not. */
static int full(void *ctx, struct stoa__hint hint, struct stoa_error *err)
{
	struct lane *l = ctx;
	const struct stoa__hints *h = l->b->h;

	STOA_TRY(go_deep(l->b));
	for (unsigned level = 1; level <= stoa__hints_depth(h); level++) {
		uint32_t *n;

		hint.hash = stoa__hints_path(h, hint.hash, level, hint.rowid);
		n = stoa__seats_count(&l->seats, hint.hash);
		if (!n)
			return stoa__fail_memory(err);
		if (*n == STOA__HINTS_BUCKET)
			continue;
		++*n;
		return stoa__hints_pile_add(&l->below, hint, err);
	}
	stoa__hints_blur(l->b->what->into);
	return STOA_OK;
}

/* What this thread does to a shard is its own matter. */
static void lend(struct lane *l, struct stoa__shard *s)
{
	s->equals = l->b->what->once ? equals : NULL;
	s->full = l->b->often && !l->b->second ? full : NULL;
	s->deep = l->b->second;
	s->ctx = l;
	s->err = &l->err;
}

static int put_natives(void *ctx, const struct stoa__hint *hint, size_t n)
{
	return stoa__shard_natives(ctx, hint, n);
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
	if (!b->second)
		stoa__shard_clear(s);
	if (b->often)
		stoa__seats_clear(&l->seats);
	for (size_t i = 0; i < b->n_lanes; i++)
		STOA_TRY(stoa__list_each(&b->lanes[i].lists[number - b->from], put_natives, s));
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

/* What leaves a shard whose keys may be there often waits until all shards are filled. */
static int put_off(struct lane *l, struct stoa__shard *s)
{
	for (size_t i = 0; i < s->leaving.n; i++) {
		const struct stoa__stray *stray = &s->leaving.stray[i];
		uint64_t rowid = stoa__hints_rowid(l->b->h, stray->word);

		STOA_TRY(stoa__hints_pile_add(&l->late[l->b->second],
				  (struct stoa__hint){ stray->hash, rowid }, &l->err));
	}
	s->leaving.n = 0;
	return STOA_OK;
}

/* Takes in what left the shard before; what leaves this one is kept. */
static int pass_on(struct lane *l, struct stoa__shard *s)
{
	struct stoa__strays left;

	lend(l, s);
	if (l->b->often && l->b->h->groups)
		return put_off(l, s);
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

static int put_late(void *ctx, const struct stoa__hint *hint, size_t n)
{
	for (size_t k = 0; k < n; k++)
		stoa__hints_put_late(ctx, hint[k].hash, hint[k].rowid);
	return STOA_OK;
}

static int put_below(void *ctx, const struct stoa__hint *hint, size_t n)
{
	for (size_t k = 0; k < n; k++)
		stoa__hints_put_below(ctx, hint[k].hash, hint[k].rowid);
	return STOA_OK;
}

/* Puts what has been put off; that below first, as what counts hints is to find it. */
static void end_rounds(struct build *b)
{
	for (size_t i = 0; i < b->n_lanes; i++)
		(void)stoa__list_each(&b->lanes[i].late[1].list, put_below, b->what->into);
	for (size_t i = 0; i < b->n_lanes; i++)
		(void)stoa__list_each(&b->lanes[i].late[0].list, put_late, b->what->into);
}

static bool is_more(const struct build *b)
{
	for (size_t i = 0; i < b->n_lanes; i++)
		if (b->lanes[i].below.list.chunk)
			return true;
	return false;
}

static int work_round(struct build *b)
{
	b->next = b->next_done = 0;
	for (b->from = 0; b->from < b->n_shards; b->from = b->to) {
		b->to = b->from + b->of_wave < b->n_shards ? b->from + b->of_wave : b->n_shards;
		atomic_store(&b->groups.next, 0);
		STOA_TRY(share(b, list_hints));
		STOA_TRY(share(b, fill_shards));
	}
	return close_ring(b);
}

static int work(struct build *b)
{
	int rc = work_round(b);

	b->second = rc == STOA_OK && is_more(b);
	if (b->second)
		rc = work_round(b);
	if (rc == STOA_OK)
		end_rounds(b);
	return rc;
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

static int init_lane(struct build *b, struct lane *l)
{
	l->b = b;
	l->scratch = (struct stoa__buf)STOA__BUF_INIT;
	l->lists = stoa__calloc(b->of_wave, sizeof *l->lists);
	if (!l->lists)
		return STOA_ENOMEM;
	if (!b->often)
		return STOA_OK;
	l->thin = stoa__set_thin_new();
	return l->thin ? stoa__seats_init(&l->seats, SEATS) : STOA_ENOMEM;
}

static int init(struct build *b)
{
	size_t group_bytes = sizeof(struct stoa__hints_group);

	b->lanes = stoa__calloc(b->n_lanes, sizeof *b->lanes);
	b->slots = stoa__calloc(b->n_slots, sizeof *b->slots);
	b->often = !(b->what->once || b->what->walk->def->flags & STOA_INDEX_UNIQUE);
	if (!b->lanes || !b->slots || stoa__set_groups_init(&b->groups, b->what->walk->t) < 0)
		return STOA_ENOMEM;
	for (size_t i = 0; i < b->n_lanes; i++)
		STOA_TRY(init_lane(b, &b->lanes[i]));
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
		struct lane *l = &b->lanes[i];

		stoa__free(l->lists);
		stoa__set_thin_free(l->thin);
		stoa__seats_release(&l->seats);
		stoa__room_release(&l->room);
		stoa__room_release(&l->below.room);
		stoa__room_release(&l->late[0].room);
		stoa__room_release(&l->late[1].room);
		stoa__buf_release(&l->scratch);
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
		atomic_fetch_add_explicit(&what->into->n, b.n, memory_order_relaxed);
	if (b.goes_deep)
		rc = STOA_END;
	if (rc < 0 && err)
		*err = b.err;
	release(&b);
	return rc;
}
