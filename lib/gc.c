/* SPDX-License-Identifier: MIT */
/* gc.c - see gc.h */
#include <string.h>
#include <time.h>

#include "compact.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "cycles.h"
#include "db.h"
#include "gc_plan.h"

#define WAKE_ROWS 32768			/* garbage that starts a pass, in rows, */
#define WAKE_PART 64			/* or one in so many of all rows, */
#define WAKE_MIN 16384			/* but not less than this */
#define RUN_MAX 32			/* groups of a run, and so of what is installed at once */
#define JOB_SECONDS 0.5			/* from reading to installing, about: the less, the less has changed */
#define TRIES_MAX 8
#define FREED_PART 16			/* or, of all files, one in so many bytes */
#define PACE_PART 32			/* of all rows writers may delete one in so many during a pass, */
#define PACE_MIN (2 * (uint64_t)WAKE_MIN)	/* or so many; then they wait for its end */

static const unsigned default_threshold[STOA__GENERATIONS] = { 15, 20, 25 };

static double seconds(void)
{
	return (double)stoa__now_ns() * 1e-9;
}

int stoa__gc_init(struct stoa_db *db)
{
	struct stoa__gc *gc = &db->gc;

	if (pthread_mutex_init(&gc->running, NULL))
		return STOA_ENOMEM;
	if (pthread_mutex_init(&gc->mutex, NULL)) {
		pthread_mutex_destroy(&gc->running);
		return STOA_ENOMEM;
	}
	memcpy(gc->threshold, default_threshold, sizeof gc->threshold);
	gc->wake_at = WAKE_ROWS;
	gc->pace_at = UINT64_MAX;
	return STOA_OK;
}

void stoa__gc_release(struct stoa_db *db)
{
	pthread_mutex_destroy(&db->gc.running);
	pthread_mutex_destroy(&db->gc.mutex);
	stoa__free(db->gc.fresh);
}

int stoa__gc_note_file(struct stoa_db *db, uint64_t file)
{
	struct stoa__gc *gc = &db->gc;
	int rc = STOA_OK;

	pthread_mutex_lock(&gc->mutex);
	if (gc->n_fresh == gc->cap_fresh) {
		size_t cap = gc->cap_fresh ? gc->cap_fresh * 2 : 16;
		struct stoa__fresh_file *fresh = stoa__realloc_array(gc->fresh, cap, sizeof *fresh);

		if (fresh) {
			gc->fresh = fresh;
			gc->cap_fresh = cap;
		} else {
			rc = STOA_ENOMEM;
		}
	}
	if (rc == STOA_OK)
		gc->fresh[gc->n_fresh++] = (struct stoa__fresh_file){ file, UINT64_MAX };
	pthread_mutex_unlock(&gc->mutex);
	return rc;
}

/* Where @file is among those noted, or their number. The mutex is held. */
static size_t find_fresh(const struct stoa__gc *gc, uint64_t file)
{
	size_t i = 0;

	while (i < gc->n_fresh && gc->fresh[i].file != file)
		i++;
	return i;
}

void stoa__gc_file_done(struct stoa_db *db, uint64_t file, uint64_t stamp)
{
	struct stoa__gc *gc = &db->gc;
	size_t i;

	pthread_mutex_lock(&gc->mutex);
	i = find_fresh(gc, file);
	if (i < gc->n_fresh && stamp)
		gc->fresh[i].stamp = stamp;
	else if (i < gc->n_fresh)
		gc->fresh[i] = gc->fresh[--gc->n_fresh];
	pthread_mutex_unlock(&gc->mutex);
}

bool stoa__gc_keeps_file(struct stoa_db *db, uint64_t file, uint64_t stamp)
{
	struct stoa__gc *gc = &db->gc;
	bool keeps;
	size_t i;

	pthread_mutex_lock(&gc->mutex);
	i = find_fresh(gc, file);
	keeps = i < gc->n_fresh && gc->fresh[i].stamp > stamp;
	pthread_mutex_unlock(&gc->mutex);
	return keeps;
}

void stoa__gc_settle_files(struct stoa_db *db, uint64_t stamp,
			   bool (*used)(const void *ctx, uint64_t file), const void *ctx)
{
	struct stoa__gc *gc = &db->gc;
	size_t n = 0;

	pthread_mutex_lock(&gc->mutex);
	for (size_t i = 0; i < gc->n_fresh; i++) {
		if (gc->fresh[i].stamp > stamp)
			gc->fresh[n++] = gc->fresh[i];
		else if (!used(ctx, gc->fresh[i].file))
			(void)stoa__segment_unlink(&db->dir, gc->fresh[i].file, NULL);
	}
	gc->n_fresh = n;
	pthread_mutex_unlock(&gc->mutex);
}

bool stoa__gc_is_due(struct stoa_db *db, bool more)
{
	return (more || atomic_load_explicit(&db->history.garbage, memory_order_relaxed) >=
				atomic_load_explicit(&db->gc.wake_at, memory_order_relaxed)) &&
	       !atomic_load_explicit(&db->gc.disabled, memory_order_relaxed);
}

bool stoa__gc_is_outrun(struct stoa_db *db)
{
	return atomic_load_explicit(&db->history.garbage, memory_order_relaxed) >=
	       atomic_load_explicit(&db->gc.pace_at, memory_order_relaxed);
}

/* ---- carrying it out ---- */

struct collection {
	struct stoa_db *db;
	const struct stoa__gc_plan *plan;
	size_t at;			/* the next step */
	struct stoa_gc_stats stats;
	uint64_t portion, enough;	/* bytes between two checkpoints, and of a file */
	uint64_t freed;			/* bytes of old groups since the last checkpoint */
	struct stoa_error *err;
};

static bool is_canceled(const struct stoa_db *db)
{
	return atomic_load_explicit(&db->gc.cancel, memory_order_relaxed) ||
	       atomic_load_explicit(&db->failed, memory_order_relaxed);
}

/* What is cold stays so, and takes what it is merged with along. */
static bool is_cold(struct stoa__group *const *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i]->base->cold)
			return true;
	return false;
}

/* The groups of the next run, as @v has them; those that are gone end it. */
static size_t next_run(struct collection *c, const struct stoa__version *v,
		       const struct stoa__table **table, struct stoa__group **groups)
{
	const struct stoa__gc_plan *p = c->plan;
	uint64_t bytes = 0;
	size_t n = 0;

	do {
		const struct stoa__gc_step *s = &p->steps[c->at];
		struct stoa__group *g;

		if (n && s->begins)
			break;
		*table = stoa__table_find(v, s->table);
		g = *table ? stoa__tree_find((*table)->groups, s->first) : NULL;
		c->at++;
		if (!g)
			break;
		groups[n++] = g;
		bytes += s->bytes;
	} while (c->at < p->n_steps && n < RUN_MAX && bytes < c->enough);
	return n;
}

/* Reads runs until they fill a file, or take so long that too much would change meanwhile. */
static int read_runs(struct collection *c, struct stoa__rewrite *r, struct stoa__version *v)
{
	double until = seconds() + JOB_SECONDS;

	while (c->at < c->plan->n_steps) {
		struct stoa__group *groups[RUN_MAX];
		const struct stoa__table *table;
		size_t n = next_run(c, v, &table, groups);

		if (is_canceled(c->db))
			return stoa__fail(c->err, STOA_ECANCELED,
					  "the collection was ended by a close or a failed flush");
		if (n)
			STOA_TRY(stoa__rewrite_run(r, table, groups, n,
						   c->plan->cool || is_cold(groups, n), c->err));
		if (!c->db->path || seconds() > until ||
		    stoa__rewrite_bytes(r) > c->enough)
			break;
	}
	return stoa__rewrite_finish(r, c->err);
}

static void count_run(struct collection *c, const struct stoa__rewrite *r, size_t i)
{
	struct stoa__run_counts n = stoa__rewrite_counts(r, i);

	c->stats.groups_read += n.groups_read;
	c->stats.groups_made += n.groups_made;
	c->stats.rows_moved += n.rows_moved;
	c->stats.rows_reclaimed += n.rows_dropped;
	if (n.bytes_read > n.bytes_made)
		c->stats.bytes_reclaimed += n.bytes_read - n.bytes_made;
	c->freed += n.bytes_read;
}

/* One run, under the writer's lock. */
static int try_install(struct collection *c, struct stoa__rewrite *r, size_t i)
{
	double from, held;
	int rc;

	STOA_TRY(stoa__rewrite_rehearse(r, i, c->err));
	stoa__writer_lock(c->db);
	from = seconds();
	rc = stoa__rewrite_install(r, i, c->err);
	held = seconds() - from;
	stoa__writer_unlock(c->db);
	if (held > c->stats.longest_pause)
		c->stats.longest_pause = held;
	return rc;
}

/* Each rehearsal has less to follow than the one before, unless writers are faster than we. */
static int install_run(struct collection *c, struct stoa__rewrite *r, size_t i)
{
	int rc = STOA_EBUSY;

	for (int tries = 0; rc == STOA_EBUSY && tries < TRIES_MAX; tries++)
		rc = try_install(c, r, i);
	if (rc == STOA_OK) {
		count_run(c, r, i);
	} else if (rc == STOA_ESTATE || rc == STOA_EBUSY) {
		c->stats.runs_given_up++;
		rc = STOA_OK;
	}
	return rc;
}

static int install_runs(struct collection *c, struct stoa__rewrite *r)
{
	const struct timespec turn = { .tv_nsec = 500000 };

	for (size_t i = 0; i < stoa__rewrite_n_runs(r); i++) {
		/* A writer that waits has been told that the lock is free, and is on its way. */
		if (i)
			nanosleep(&turn, NULL);
		STOA_TRY(install_run(c, r, i));
	}
	return STOA_OK;
}

/* A file's worth of runs. */
static int do_job(struct collection *c)
{
	struct stoa__version *v = stoa__history_snapshot_quietly(&c->db->history);
	struct stoa__rewrite *r;
	int rc = stoa__rewrite_new(c->db, v, &r, c->err);

	if (rc == STOA_OK)
		rc = read_runs(c, r, v);
	stoa__version_drop_quietly(v);
	if (rc == STOA_OK)
		rc = install_runs(c, r);
	stoa__rewrite_free(r);
	return rc;
}

/*
 * A checkpoint, if the files that it would remove are a sixteenth of those that stay: whether they
 * were compacted, or their last rows deleted.
 */
static void let_go(struct stoa_db *db, struct stoa__gc_plan *p)
{
	struct stoa__version *v;
	uint64_t there;
	int rc;

	if (!db->path || is_canceled(db))
		return;
	v = stoa__history_snapshot_quietly(&db->history);
	rc = stoa__gc_plan_weigh(p, v);
	stoa__version_drop_quietly(v);
	there = stoa__db_segment_bytes(db);
	if (rc == STOA_OK && there > p->file_bytes + STOA__FREED_MIN &&
	    there > p->file_bytes + p->file_bytes / FREED_PART)
		(void)stoa__checkpoint(db, NULL);
}

static void tell(struct stoa_db *db, int phase, int generation, const struct stoa_gc_stats *stats)
{
	stoa_gc_callback *callback;
	void *ctx;

	pthread_mutex_lock(&db->gc.mutex);
	callback = db->gc.callback;
	ctx = db->gc.ctx;
	pthread_mutex_unlock(&db->gc.mutex);
	if (callback)
		callback(ctx, phase, generation, stats);
}

static void add_stats(struct stoa_gc_stats *to, const struct stoa_gc_stats *s)
{
	to->collections += s->collections;
	to->groups_read += s->groups_read;
	to->groups_made += s->groups_made;
	to->rows_moved += s->rows_moved;
	to->rows_reclaimed += s->rows_reclaimed;
	to->bytes_reclaimed += s->bytes_reclaimed;
	to->runs_given_up += s->runs_given_up;
	to->seconds += s->seconds;
	to->rows_in_cycles += s->rows_in_cycles;
	if (s->longest_pause > to->longest_pause)
		to->longest_pause = s->longest_pause;
}

/* Carries out @p; the collection's lock is held. */
static int carry_out(struct stoa_db *db, const struct stoa__gc_plan *p,
		     const struct stoa__cycles *cycles, struct stoa_gc_stats *out,
		     struct stoa_error *err)
{
	struct collection c = { .db = db, .plan = p, .portion = stoa__gc_plan_portion(p),
				.enough = stoa__gc_plan_enough(p), .err = err };
	double from = seconds();
	int rc = STOA_OK;

	c.stats = (struct stoa_gc_stats)STOA_GC_STATS_INIT;
	c.stats.collections = 1;
	tell(db, STOA_GC_BEFORE, p->generation, &c.stats);
	while (c.at < p->n_steps && rc == STOA_OK) {
		rc = do_job(&c);
		if (rc == STOA_OK && db->path && c.freed > c.portion && c.at < p->n_steps) {
			rc = stoa__checkpoint(db, err);
			c.freed = 0;
		}
	}
	c.stats.seconds = seconds() - from;
	c.stats.rows_in_cycles = cycles->n_dead;
	if (c.stats.longest_pause < (double)cycles->longest_ns * 1e-9)
		c.stats.longest_pause = (double)cycles->longest_ns * 1e-9;
	pthread_mutex_lock(&db->gc.mutex);
	add_stats(&db->gc.stats[p->generation], &c.stats);
	pthread_mutex_unlock(&db->gc.mutex);
	tell(db, STOA_GC_AFTER, p->generation, &c.stats);
	*out = c.stats;
	return rc;
}

static int add_rows(void *ctx, uint64_t id, void *value)
{
	(void)id;
	*(uint64_t *)ctx += ((const struct stoa__table *)value)->n_rows;
	return STOA_OK;
}

/* A pass begins: when the next one is to, and how much garbage may be made until this one ends. */
static void set_next_wake(struct stoa_db *db)
{
	uint64_t now = atomic_load_explicit(&db->history.garbage, memory_order_relaxed);
	uint64_t rows = 0, wake, pace;
	struct stoa__version *v = stoa__history_snapshot_quietly(&db->history);

	(void)stoa__tree_walk(v->tables, 0, add_rows, &rows);
	stoa__version_drop_quietly(v);
	wake = rows / WAKE_PART < WAKE_ROWS ? rows / WAKE_PART : WAKE_ROWS;
	pace = rows / PACE_PART;
	atomic_store_explicit(&db->gc.wake_at, now + (wake > WAKE_MIN ? wake : WAKE_MIN),
			      memory_order_relaxed);
	atomic_store_explicit(&db->gc.pace_at, now + (pace > PACE_MIN ? pace : PACE_MIN),
			      memory_order_relaxed);
}

bool stoa__gc_pass(struct stoa_db *db)
{
	struct stoa__cycles cycles = { 0 };
	struct stoa_gc_stats stats;
	struct stoa__gc_plan plan;
	int generation, rc;
	bool any;

	pthread_mutex_lock(&db->gc.running);
	set_next_wake(db);
	db->gc.n_passes++;
	generation = db->gc.n_passes % 4 == 0 ? 2 : db->gc.n_passes % 2 == 0 ? 1 : 0;
	/*
	 * What fails is tried again with the next pass; errors of a disk come up where someone
	 * waits for it.
	 */
	(void)stoa__refs_settle_all(db, &cycles.longest_ns, NULL);
	(void)stoa__cycles_collect(db, &cycles, NULL);
	rc = stoa__gc_plan_make(db, generation, false, false, &plan, NULL);
	any = rc == STOA_OK && (plan.n_steps || cycles.n_dead);
	if (any)
		rc = carry_out(db, &plan, &cycles, &stats, NULL);
	if (rc == STOA_OK)
		let_go(db, &plan);
	stoa__gc_plan_release(&plan);
	pthread_mutex_unlock(&db->gc.running);
	return any;
}

/* ---- the public calls ---- */

static int enter(stoa_db *db, int generation, struct stoa_error *err)
{
	STOA_TRY(stoa__db_enter(db, err));
	if (generation < 0 || generation >= STOA__GENERATIONS)
		return stoa__fail(err, STOA_EINVAL, "there is no generation %d: they are 0, 1 and 2",
				  generation);
	return STOA_OK;
}

static void copy_stats(const struct stoa_gc_stats *from, struct stoa_gc_stats *out)
{
	size_t size = out->size;

	memcpy(out, from, size < sizeof *from ? size : sizeof *from);
	out->size = size;
}

static int check_room(const struct stoa_gc_stats *out, struct stoa_error *err)
{
	if (out && out->size < sizeof(size_t))
		return stoa__fail(err, STOA_EINVAL,
				  "the size is wrong: start from STOA_GC_STATS_INIT");
	return STOA_OK;
}

static int collect(stoa_db *db, int generation, bool cool, struct stoa_gc_stats *out,
		   struct stoa_error *err)
{
	struct stoa__cycles cycles = { 0 };
	struct stoa_gc_stats stats;
	struct stoa__gc_plan plan;
	int rc;

	STOA_TRY(enter(db, generation, err));
	STOA_TRY(check_room(out, err));
	STOA_TRY(stoa__db_may_write(db, err));
	pthread_mutex_lock(&db->gc.running);
	set_next_wake(db);
	rc = stoa__refs_settle_all(db, &cycles.longest_ns, err);
	if (rc == STOA_OK)
		rc = stoa__cycles_collect(db, &cycles, err);
	if (rc < 0) {
		pthread_mutex_unlock(&db->gc.running);
		return rc;
	}
	rc = stoa__gc_plan_make(db, generation, true, cool, &plan, err);
	if (rc == STOA_OK)
		rc = carry_out(db, &plan, &cycles, &stats, err);
	if (rc == STOA_OK && db->path)
		rc = stoa__checkpoint(db, err);
	stoa__gc_plan_release(&plan);
	pthread_mutex_unlock(&db->gc.running);
	if (rc == STOA_OK && out)
		copy_stats(&stats, out);
	return rc;
}

int stoa_gc_collect(stoa_db *db, int generation, struct stoa_gc_stats *out, struct stoa_error *err)
{
	return collect(db, generation, false, out, err);
}

int stoa_gc_cool(stoa_db *db, struct stoa_gc_stats *out, struct stoa_error *err)
{
	return collect(db, STOA__GENERATIONS - 1, true, out, err);
}

int stoa_gc_enable(stoa_db *db, bool on, struct stoa_error *err)
{
	STOA_TRY(stoa__db_enter(db, err));
	atomic_store(&db->gc.disabled, !on);
	return STOA_OK;
}

bool stoa_gc_is_enabled(const stoa_db *db)
{
	return stoa__db_enter(db, NULL) == STOA_OK && !atomic_load(&db->gc.disabled);
}

int stoa_gc_set_threshold(stoa_db *db, int generation, unsigned percent, struct stoa_error *err)
{
	STOA_TRY(enter(db, generation, err));
	if (percent < 1 || percent > 100)
		return stoa__fail(err, STOA_EINVAL, "a threshold is 1 to 100 percent, not %u",
				  percent);
	pthread_mutex_lock(&db->gc.mutex);
	db->gc.threshold[generation] = percent;
	pthread_mutex_unlock(&db->gc.mutex);
	return STOA_OK;
}

int stoa_gc_threshold(stoa_db *db, int generation, unsigned *percent, struct stoa_error *err)
{
	STOA_TRY(enter(db, generation, err));
	if (!percent)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the threshold");
	pthread_mutex_lock(&db->gc.mutex);
	*percent = db->gc.threshold[generation];
	pthread_mutex_unlock(&db->gc.mutex);
	return STOA_OK;
}

int stoa_gc_freeze(stoa_db *db, bool on, struct stoa_error *err)
{
	uint64_t stamp;

	STOA_TRY(stoa__db_enter(db, err));
	pthread_mutex_lock(&db->history.mutex);
	stamp = db->history.head->stamp;
	pthread_mutex_unlock(&db->history.mutex);
	pthread_mutex_lock(&db->gc.mutex);
	db->gc.frozen = on ? stamp : 0;
	pthread_mutex_unlock(&db->gc.mutex);
	return STOA_OK;
}

int stoa_gc_stats(stoa_db *db, int generation, struct stoa_gc_stats *out, struct stoa_error *err)
{
	STOA_TRY(enter(db, generation, err));
	STOA_TRY(check_room(out, err));
	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the statistics");
	pthread_mutex_lock(&db->gc.mutex);
	copy_stats(&db->gc.stats[generation], out);
	pthread_mutex_unlock(&db->gc.mutex);
	return STOA_OK;
}

int stoa_gc_set_callback(stoa_db *db, stoa_gc_callback *callback, void *ctx, struct stoa_error *err)
{
	STOA_TRY(stoa__db_enter(db, err));
	pthread_mutex_lock(&db->gc.mutex);
	db->gc.callback = callback;
	db->gc.ctx = ctx;
	pthread_mutex_unlock(&db->gc.mutex);
	return STOA_OK;
}
