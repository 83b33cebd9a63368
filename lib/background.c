/* SPDX-License-Identifier: MIT */
/*
 * background.c - threads of a database that is open for writing
 *
 *     flusher        lazy commits to the disk, lazy_ms after the first that waits
 *     checkpointer   a checkpoint when another record like the last would take the log past
 *                    log_max_bytes: one of 0.9 of it was followed by another before, and both stayed
 *                    until the checkpoint had ended
 *     collector      a pass over row groups with garbage (gc.h); started with the first, in memory too
 *     log maker      the next file of a log that grows; started with the first
 *
 * Each has its own, since a lazy commit is promised the disk in a fraction of a second, the next file is
 * wanted in less, a checkpoint may take seconds, and a pass of the collector more of them, while the
 * log must not grow.
 *
 * They follow writers at some distance. A writer that outruns them waits after its commit until they
 * have caught up, as disk and memory would have no bound otherwise: when the log since the
 * checkpoint that runs, whoever writes it, is half as long as one that starts it; when one is due,
 * has not begun, and the log is an eighth longer than that; when there is garbage by a 32nd of all rows
 * that the pass that runs has not seen.
 *
 * A want is a flag under the database's mutex; whoever raises it wakes all threads. A flush or a
 * checkpoint that is wanted when the database closes is left to the checkpoint that closing writes.
 */
#include <errno.h>
#include <time.h>

#include "db.h"

/* @ms from now, on the clock that db->work was made with. */
static struct timespec in_ms(uint32_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Waits until @want is raised, then takes it down; false: stop. The mutex is held. */
static bool await(struct stoa_db *db, bool *want)
{
	while (!db->stop && !*want)
		pthread_cond_wait(&db->work, &db->mutex);
	*want = false;
	return !db->stop;
}

/* Waits @ms, so that more commits share the flush; false: stop. The mutex is held. */
static bool linger(struct stoa_db *db, uint32_t ms)
{
	struct timespec until = in_ms(ms);

	while (!db->stop && pthread_cond_timedwait(&db->work, &db->mutex, &until) != ETIMEDOUT)
		;
	return !db->stop;
}

static void *run_flusher(void *arg)
{
	struct stoa_db *db = arg;

	pthread_mutex_lock(&db->mutex);
	while (await(db, &db->want_flush) && linger(db, db->options.lazy_ms)) {
		/* Commits from here on raise it anew; those before are in the log's memory. */
		db->want_flush = false;
		pthread_mutex_unlock(&db->mutex);
		if (stoa__log_flush(db->log, stoa__history_commit_of_head(&db->history), true,
				    NULL) < 0)
			atomic_store(&db->failed, true);
		pthread_mutex_lock(&db->mutex);
	}
	pthread_mutex_unlock(&db->mutex);
	return NULL;
}

static void *run_checkpointer(void *arg)
{
	struct stoa_db *db = arg;

	pthread_mutex_lock(&db->mutex);
	while (await(db, &db->want_checkpoint)) {
		db->checkpoint_due = true;
		pthread_mutex_unlock(&db->mutex);
		/* One that fails is tried again when the log has grown further. */
		if (!atomic_load(&db->failed) &&
		    stoa__log_would_pass(db->log, db->options.log_max_bytes))
			(void)stoa__checkpoint(db, NULL);
		pthread_mutex_lock(&db->mutex);
		db->checkpoint_due = false;
		pthread_cond_broadcast(&db->caught_up);
	}
	pthread_mutex_unlock(&db->mutex);
	return NULL;
}

/* Rest after a pass that has found nothing to do, so that looks at all groups are not all there is. */
#define COLLECT_MS 20

static void *run_collector(void *arg)
{
	struct stoa_db *db = arg;
	bool idle = true;

	pthread_mutex_lock(&db->mutex);
	while (await(db, &db->want_collect)) {
		db->collecting = true;
		pthread_mutex_unlock(&db->mutex);
		if (!atomic_load(&db->failed))
			idle = !stoa__gc_pass(db);
		pthread_mutex_lock(&db->mutex);
		db->collecting = false;
		pthread_cond_broadcast(&db->caught_up);
		if (idle && !linger(db, COLLECT_MS))
			break;
	}
	pthread_mutex_unlock(&db->mutex);
	return NULL;
}

static void *run_log_maker(void *arg)
{
	struct stoa_db *db = arg;

	pthread_mutex_lock(&db->mutex);
	while (await(db, &db->want_log_file)) {
		pthread_mutex_unlock(&db->mutex);
		stoa__log_make_file(db->log);
		pthread_mutex_lock(&db->mutex);
	}
	pthread_mutex_unlock(&db->mutex);
	return NULL;
}

/* Raises @want of a thread that is started now if it has not been. */
static void want_of(struct stoa_db *db, bool *want, pthread_t *thread, bool *has_thread,
		    void *(*run)(void *arg))
{
	pthread_mutex_lock(&db->mutex);
	if (!*has_thread && !db->stop)
		*has_thread = !pthread_create(thread, NULL, run, db);
	if (!*want && *has_thread) {
		*want = true;
		pthread_cond_broadcast(&db->work);
	}
	pthread_mutex_unlock(&db->mutex);
}

void stoa__background_collect(struct stoa_db *db)
{
	want_of(db, &db->want_collect, &db->collector, &db->has_collector, run_collector);
}

void stoa__background_make_log_file(struct stoa_db *db)
{
	want_of(db, &db->want_log_file, &db->log_maker, &db->has_log_maker, run_log_maker);
}

int stoa__background_init(struct stoa_db *db)
{
	pthread_condattr_t attr;
	int rc;

	if (pthread_condattr_init(&attr))
		return STOA_ENOMEM;
	/* The time of day may be set back by an hour, and lazy commits must not wait for that. */
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&db->work, &attr);
	if (!rc && pthread_cond_init(&db->caught_up, &attr)) {
		pthread_cond_destroy(&db->work);
		rc = ENOMEM;
	}
	pthread_condattr_destroy(&attr);
	return rc ? STOA_ENOMEM : STOA_OK;
}

int stoa__background_start(struct stoa_db *db, struct stoa_error *err)
{
	static void *(*const run[STOA__BACKGROUND_THREADS])(void *arg) = { run_flusher,
									   run_checkpointer };

	while (db->n_background < STOA__BACKGROUND_THREADS) {
		if (pthread_create(&db->background[db->n_background], NULL, run[db->n_background],
				   db))
			return stoa__fail(err, STOA_ENOMEM,
					  "a background thread could not be started");
		db->n_background++;
	}
	return STOA_OK;
}

void stoa__background_stop(struct stoa_db *db)
{
	bool has_collector, has_log_maker;

	atomic_store(&db->gc.cancel, true);
	pthread_mutex_lock(&db->mutex);
	db->stop = true;
	has_collector = db->has_collector;
	has_log_maker = db->has_log_maker;
	db->has_collector = db->has_log_maker = false;
	pthread_cond_broadcast(&db->work);
	pthread_cond_broadcast(&db->caught_up);
	pthread_mutex_unlock(&db->mutex);
	if (has_collector)
		pthread_join(db->collector, NULL);
	if (has_log_maker)
		pthread_join(db->log_maker, NULL);
	while (db->n_background)
		pthread_join(db->background[--db->n_background], NULL);
}

#define AWAIT_MS 1000

/* What runs is too slow for what writers do. The mutex is held. */
static bool is_behind(struct stoa_db *db)
{
	uint64_t max = db->options.log_max_bytes;

	if (db->stop || atomic_load(&db->failed))
		return false;
	/* The log since the checkpoint that runs; that before it is there, too. Or one has not begun. */
	return (db->log && db->checkpointing && stoa__log_bytes(db->log) > max / 2) ||
	       (db->log && (db->want_checkpoint || db->checkpoint_due) &&
		stoa__log_would_pass(db->log, max + max / 8)) ||
	       (db->collecting && stoa__gc_is_outrun(db) &&
		!pthread_equal(db->collector, pthread_self()));
}

void stoa__background_await(struct stoa_db *db)
{
	struct timespec until;

	pthread_mutex_lock(&db->mutex);
	if (is_behind(db)) {
		until = in_ms(AWAIT_MS);
		while (is_behind(db) &&
		       pthread_cond_timedwait(&db->caught_up, &db->mutex, &until) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&db->mutex);
}

void stoa__background_checkpoint_begins(struct stoa_db *db)
{
	pthread_mutex_lock(&db->mutex);
	db->checkpointing++;
	pthread_cond_broadcast(&db->caught_up);	/* the log begins anew */
	pthread_mutex_unlock(&db->mutex);
}

void stoa__background_checkpoint_ends(struct stoa_db *db)
{
	pthread_mutex_lock(&db->mutex);
	db->checkpointing--;
	pthread_cond_broadcast(&db->caught_up);
	pthread_mutex_unlock(&db->mutex);
}

void stoa__background_wake(struct stoa_db *db, bool flush, bool checkpoint)
{
	bool news;

	pthread_mutex_lock(&db->mutex);
	news = (flush && !db->want_flush) || (checkpoint && !db->want_checkpoint);
	db->want_flush |= flush;
	db->want_checkpoint |= checkpoint;
	if (news)
		pthread_cond_broadcast(&db->work);
	pthread_mutex_unlock(&db->mutex);
}
