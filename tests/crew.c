/* SPDX-License-Identifier: MIT */
/* crew.c - see crew.h */
#include "crew.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/stoa.h"

__attribute__((format(printf, 2, 3))) static bool wrong(struct crew_model *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(m->why, sizeof m->why, format, args);
	va_end(args);
	return false;
}

/* ---- an array with two ends ---- */

static void put(int64_t *list, size_t *n, int64_t x, int64_t end)
{
	if (end == STOA_FRONT)
		memmove(list + 1, list, *n * sizeof *list);
	list[end == STOA_FRONT ? 0 : *n] = x;
	++*n;
}

static int64_t take(int64_t *list, size_t *n, size_t at)
{
	int64_t x = list[at];

	memmove(list + at, list + at + 1, (--*n - at) * sizeof *list);
	return x;
}

/* ---- jobs ---- */

static bool push(struct crew_model *m, const struct crew_deed *d)
{
	if (d->a < 0 || d->a >= CREW_JOBS || m->jobs[d->a].state != CREW_NEVER)
		return wrong(m, "job %" PRId64 " was pushed twice", d->a);
	m->jobs[d->a].state = CREW_READY;
	put(m->ready, &m->n_ready, d->a, d->b);
	return true;
}

/* Jobs that a claim found before those that the model has ready: have they a right to be there? */
static bool come_back(struct crew_model *m, const struct crew_deed *found, size_t n, uint64_t doomed)
{
	for (size_t i = n; i > 0; i--) {
		struct crew_job *j = &m->jobs[found[i - 1].a];

		if (j->state != CREW_CLAIMED || !(doomed >> j->holder & 1))
			return wrong(m, "job %" PRId64 ", in state %d, came back, and its consumer lives",
				     found[i - 1].a, (int)j->state);
		if (j->attempts >= CREW_ATTEMPTS)
			return wrong(m, "job %" PRId64 " came back after %" PRId64 " attempts",
				     found[i - 1].a, j->attempts);
		j->state = CREW_READY;
		put(m->ready, &m->n_ready, found[i - 1].a, STOA_FRONT);
		m->n_back++;
	}
	return true;
}

/* @found: the jobs taken, and those left; all that was ready when the claim began. */
static bool claim(struct crew_model *m, const struct crew_deed *d, const struct crew_deed *found,
		  size_t n_found)
{
	if (n_found < m->n_ready)
		return wrong(m, "%zu jobs are ready, and a claim found %zu", m->n_ready, n_found);
	if (!come_back(m, found, n_found - m->n_ready, d->answer))
		return false;
	for (size_t i = 0; i < n_found; i++)
		if (found[i].a != m->ready[i])
			return wrong(m, "job %" PRId64 " stands where job %" PRId64 " should",
				     found[i].a, m->ready[i]);
	for (int64_t i = 0; i < d->b; i++) {
		int64_t n = take(m->ready, &m->n_ready, 0);
		struct crew_job *j = &m->jobs[n];

		if (found[i].b != ++j->attempts)
			return wrong(m, "attempt %" PRId64 " of job %" PRId64 " was called its %" PRId64 ".",
				     j->attempts, n, found[i].b);
		j->state = CREW_CLAIMED;
		j->holder = d->a;
	}
	return true;
}

/* An acknowledgement, or a job given back. */
static bool finish(struct crew_model *m, const struct crew_deed *d)
{
	struct crew_job *j = &m->jobs[d->a];
	bool good = j->state == CREW_CLAIMED && j->attempts == d->b;

	if (good != (bool)d->answer)
		return wrong(m, "attempt %" PRId64 " of job %" PRId64 ", in state %d after %" PRId64
			     " attempts, was %s", d->b, d->a, (int)j->state, j->attempts,
			     d->answer ? "believed" : "refused");
	m->n_refused += !good;
	m->n_done += good && d->what == CREW_ACK;
	if (!good)
		return true;
	if (d->what == CREW_ACK) {
		j->state = CREW_DONE;
	} else if (j->attempts >= CREW_ATTEMPTS) {
		j->state = CREW_DEAD;
	} else if (d->what == CREW_DELAY) {
		j->state = CREW_DELAYED;
	} else {
		j->state = CREW_READY;
		put(m->ready, &m->n_ready, d->a, d->c);
	}
	return true;
}

/* ---- the set and the bounded deque ---- */

static bool change_set(struct crew_model *m, const struct crew_deed *d)
{
	bool *seen = &m->seen[d->a];

	if ((bool)d->answer != (d->what == CREW_FORGET ? *seen : !*seen))
		return wrong(m, "key %" PRId64 " was%s in the set", d->a, *seen ? "" : " not");
	*seen = d->what == CREW_SEE;
	return true;
}

static bool look_at_ring(struct crew_model *m, const struct crew_deed *d)
{
	size_t at = d->b < 0 ? m->n_ring + (size_t)d->b : (size_t)d->b;

	if (d->what == CREW_RING_POP)
		at = d->b == STOA_FRONT ? 0 : m->n_ring - 1;
	if ((bool)d->answer != (at < m->n_ring))
		return wrong(m, "one of %zu numbers was looked for and %sfound", m->n_ring,
			     d->answer ? "" : "not ");
	if (d->answer && d->a != m->ring[at])
		return wrong(m, "%" PRId64 " stands where %" PRId64 " should", d->a, m->ring[at]);
	if (d->answer && d->what == CREW_RING_POP)
		(void)take(m->ring, &m->n_ring, at);
	return true;
}

static void push_ring(struct crew_model *m, const struct crew_deed *d)
{
	if (m->n_ring == CREW_RING)
		(void)take(m->ring, &m->n_ring, d->b == STOA_FRONT ? CREW_RING - 1 : 0);
	put(m->ring, &m->n_ring, d->a, d->b);
}

static void rotate_ring(struct crew_model *m, int64_t n)
{
	for (; m->n_ring && n > 0; n--)
		put(m->ring, &m->n_ring, take(m->ring, &m->n_ring, m->n_ring - 1), STOA_FRONT);
	for (; m->n_ring && n < 0; n++)
		put(m->ring, &m->n_ring, take(m->ring, &m->n_ring, 0), STOA_BACK);
}

/* ---- all of it ---- */

static bool follow_one(struct crew_model *m, const struct crew_deed *d)
{
	switch ((enum crew_what)d->what) {
	case CREW_PUSH:
		return push(m, d);
	case CREW_ACK:
	case CREW_NACK:
	case CREW_DELAY:
		return finish(m, d);
	case CREW_SEE:
	case CREW_FORGET:
		return change_set(m, d);
	case CREW_RING_PUSH:
		push_ring(m, d);
		return true;
	case CREW_RING_POP:
	case CREW_RING_AT:
		return look_at_ring(m, d);
	case CREW_RING_ROTATE:
		rotate_ring(m, d->b);
		return true;
	default:
		return wrong(m, "nothing is called %" PRIu64, d->what);
	}
}

bool crew_follow(struct crew_model *m, const struct crew_deed *deeds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t end = i + 1;

		if (deeds[i].what != CREW_CLAIM) {
			if (!follow_one(m, &deeds[i]))
				return false;
			continue;
		}
		while (end < n && (deeds[end].what == CREW_TAKEN || deeds[end].what == CREW_LEFT))
			end++;
		if (!claim(m, &deeds[i], &deeds[i + 1], end - i - 1))
			return false;
		i = end - 1;
	}
	return true;
}
