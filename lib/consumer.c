/* SPDX-License-Identifier: MIT */
/* consumer.c - see consumer.h */
#include "consumer.h"

#include <time.h>

#include "core/alloc.h"
#include "cursor.h"
#include "db.h"

int64_t stoa__now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The database's own bell, opened when it is first wanted. The mutex is held. */
static int open_bell(struct stoa_db *db, struct stoa_error *err)
{
	if (atomic_load_explicit(&db->has_bell, memory_order_relaxed))
		return STOA_OK;
	STOA_TRY(stoa__bell_open(db->path ? &db->dir : NULL, &db->bell, err));
	atomic_store_explicit(&db->has_bell, true, memory_order_release);
	return STOA_OK;
}

void stoa__ring(struct stoa_db *db, bool pushed)
{
	if (!pushed)
		return;
	/* One that is open stays so: who pushes row by row need not ask for the mutex. */
	if (!atomic_load_explicit(&db->has_bell, memory_order_acquire)) {
		pthread_mutex_lock(&db->mutex);
		(void)open_bell(db, NULL);
		pthread_mutex_unlock(&db->mutex);
	}
	if (atomic_load_explicit(&db->has_bell, memory_order_acquire))
		stoa__bell_ring(&db->bell);
}

/* Is it in the list of a database in memory? The mutex is held. */
static bool is_listed(const struct stoa_db *db, uint64_t number)
{
	for (const struct stoa_consumer *c = db->consumers; c; c = c->next)
		if (c->number == number)
			return true;
	return false;
}

bool stoa__consumer_is_alive(struct stoa_db *db, uint64_t number)
{
	bool alive;

	pthread_mutex_lock(&db->mutex);
	alive = db->path ? open_bell(db, NULL) < 0 || stoa__bell_is_alive(&db->bell, number) :
			   is_listed(db, number);
	pthread_mutex_unlock(&db->mutex);
	return alive;
}

/* One of a durable database stands on its own. */
static int enlist(struct stoa_consumer *c, struct stoa_db *db, struct stoa_error *err)
{
	int rc = stoa__bell_open(&db->dir, &c->own, err);

	if (rc == STOA_OK)
		rc = stoa__bell_enlist(&c->own, err);
	if (rc < 0) {
		stoa__bell_close(&c->own, false);
		return rc;
	}
	c->bell = &c->own;
	c->number = c->own.owner;
	return STOA_OK;
}

/* One in memory borrows the bell, and is known to the database. */
static int join(struct stoa_consumer *c, struct stoa_db *db, struct stoa_error *err)
{
	int rc;

	pthread_mutex_lock(&db->mutex);
	rc = open_bell(db, err);
	if (rc == STOA_OK) {
		c->db = db;
		c->bell = &db->bell;
		c->number = ++db->last_consumer;
		c->next = db->consumers;
		db->consumers = c;
	}
	pthread_mutex_unlock(&db->mutex);
	return rc;
}

int stoa_consumer_open(stoa_db *db, stoa_consumer **out, struct stoa_error *err)
{
	struct stoa_consumer *c;
	int rc;

	if (!out)
		return stoa__fail(err, STOA_EINVAL, "there is no room for the consumer");
	*out = NULL;
	STOA_TRY(stoa__db_enter(db, err));
	c = stoa__calloc(1, sizeof *c);
	if (!c)
		return stoa__fail_memory(err);
	c->own = (struct stoa__bell)STOA__BELL_INIT;
	c->fork_generation = stoa__fork_generation;
	rc = db->path ? enlist(c, db, err) : join(c, db, err);
	if (rc < 0) {
		stoa__free(c);
		return rc;
	}
	c->seen = stoa__bell_news(c->bell);
	*out = c;
	return STOA_OK;
}

/* Something may be due, or somebody gone, before @timeout_ms are over: sets it to when. */
static bool is_bounded(const struct stoa_consumer *c, uint32_t *timeout_ms)
{
	int64_t left = c->wake_ms - stoa__now_ms();
	bool bounded = c->wake_ms && left <= *timeout_ms;

	if (bounded)
		*timeout_ms = left > 0 ? (uint32_t)left : 0;
	if (!c->foreign || *timeout_ms <= STOA__FOREIGN_MS)
		return bounded;
	*timeout_ms = STOA__FOREIGN_MS;
	return true;
}

int stoa_consumer_wait(stoa_consumer *c, uint32_t timeout_ms, struct stoa_error *err)
{
	bool news, bounded;

	if (!c)
		return stoa__fail(err, STOA_EINVAL, "the consumer is NULL");
	if (c->fork_generation != stoa__fork_generation)
		return stoa__fail(err, STOA_EFORKED,
				  "the consumer was opened by the parent process: open one here");
	bounded = is_bounded(c, &timeout_ms);
	news = stoa__bell_wait(c->bell, c->seen, timeout_ms);
	c->seen = stoa__bell_news(c->bell);
	return news || bounded ? STOA_ROW : STOA_END;
}

void stoa_consumer_close(stoa_consumer *c)
{
	struct stoa_consumer **at;
	bool forked;

	if (!c)
		return;
	forked = c->fork_generation != stoa__fork_generation;
	if (!c->db) {
		stoa__bell_close(&c->own, forked);
	} else if (forked) {
		return;		/* the list is the parent's */
	} else {
		pthread_mutex_lock(&c->db->mutex);
		for (at = &c->db->consumers; *at != c; at = &(*at)->next)
			;
		*at = c->next;
		pthread_mutex_unlock(&c->db->mutex);
		stoa__ring(c->db, true);	/* its leases are over */
	}
	stoa__free(c);
}
