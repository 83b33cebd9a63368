/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h */
#include "stream.h"

#include <pthread.h>

#include "../lib/core/alloc.h"
#include "../lib/core/clock.h"
#include "../lib/core/hands.h"

#define ROOMS 4
#define HUGE_PAGE ((uint64_t)2 << 20)
#define NOTED_MAX 32		/* more say that the disk is busy: the oldest are left there */
#define SETTLE_NS 100000000	/* a disk that takes longer for NOTED_MAX of them is slow, or busy */
#define PAGE ((size_t)4096)	/* what O_DIRECT asks for, at most; who asks for more gets none */

struct piece {
	int fd;
	const char *name;
	uint64_t offset;
	size_t len;
	const uint8_t *room;
};

struct stoa__stream {
	uint8_t *memory;	/* of the rooms */
	uint8_t *rooms;
	struct stoa__hands hands;
	struct stoa__task task;
	bool started;		/* the task, which is not awaited yet: the owner's, as the next is */
	bool is_long;		/* a room was full: a thread is worth it */
	bool unhurried;		/* since before the first write */
	uint64_t kept;		/* bytes that may still be brought back */

	pthread_mutex_t mutex;	/* of what follows */
	pthread_cond_t moved;	/* n_written, or has_hand */
	bool has_hand;		/* at work, or about to begin */
	struct piece filled[ROOMS];	/* the room of each is that of its place */
	size_t n_filled, n_written;
	struct piece noted[NOTED_MAX];	/* to be brought back: those from n_taken on */
	size_t n_noted, n_taken;
	uint64_t until;		/* when what is noted is left there; 0: not yet */
	int failed;
	struct stoa_error error;
};

struct stoa__stream *stoa__stream_new(uint64_t kept)
{
	struct stoa__stream *s = stoa__calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->memory = stoa__alloc(ROOMS * STOA__STREAM_BYTES + PAGE);
	if (!s->memory) {
		stoa__free(s);
		return NULL;
	}
	s->rooms = s->memory + (PAGE - (uintptr_t)s->memory % PAGE);
	s->kept = kept;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->moved, NULL);
	stoa__hands_init(&s->hands, 1);
	return s;
}

void stoa__stream_unhurry(struct stoa__stream *s)
{
	s->unhurried = true;
}

uint8_t *stoa__stream_room(struct stoa__stream *s)
{
	return s->rooms + s->n_filled % ROOMS * STOA__STREAM_BYTES;
}

/* ---- a piece ---- */

/* What is whole pages, past the page cache if the file system can. */
static int write_pages(const struct piece *p, size_t len, struct stoa_error *err)
{
	bool direct = stoa__file_direct(p->fd, true);
	int rc = stoa__file_write(p->fd, p->name, p->offset, p->room, len, err);

	if (direct)
		(void)stoa__file_direct(p->fd, false);
	if (rc == STOA_EINVAL && direct)
		rc = stoa__file_write(p->fd, p->name, p->offset, p->room, len, err);
	return rc;
}

static int write_piece(const struct stoa__stream *s, const struct piece *p, struct stoa_error *err)
{
	size_t pages = p->len - p->len % PAGE;

	if (s->unhurried)
		return stoa__file_trickle(p->fd, p->name, p->offset, p->room, p->len, err);
	if (pages)
		STOA_TRY(write_pages(p, pages, err));
	if (pages < p->len)
		STOA_TRY(stoa__file_write(p->fd, p->name, p->offset + pages, p->room + pages,
					  p->len - pages, err));
	/* Where it is not on the disk already. */
	stoa__file_writeback(p->fd, p->offset, p->len);
	return STOA_OK;
}

/* ---- what is to be done; the mutex is held ---- */

static void write_next(struct stoa__stream *s)
{
	const struct piece *p = &s->filled[s->n_written % ROOMS];
	int rc = s->failed;

	if (rc == STOA_OK) {
		struct stoa_error error;

		pthread_mutex_unlock(&s->mutex);
		rc = write_piece(s, p, &error);
		pthread_mutex_lock(&s->mutex);
		if (rc < 0) {
			s->failed = rc;
			s->error = error;
		}
	}
	s->n_written++;
	pthread_cond_signal(&s->moved);
}

static void bring_next_back(struct stoa__stream *s)
{
	struct piece p = s->noted[s->n_taken++ % NOTED_MAX];

	pthread_mutex_unlock(&s->mutex);
	stoa__file_warm(p.fd, p.offset);
	pthread_mutex_lock(&s->mutex);
}

static bool has_time(const struct stoa__stream *s)
{
	return s->failed == STOA_OK && (!s->until || stoa__now_ns() < s->until);
}

/* Does all there is to do, writes first. */
static void work(void *ctx)
{
	struct stoa__stream *s = ctx;

	pthread_mutex_lock(&s->mutex);
	for (;;) {
		if (s->n_written < s->n_filled)
			write_next(s);
		else if (s->n_taken < s->n_noted && has_time(s))
			bring_next_back(s);
		else
			break;
	}
	s->has_hand = false;
	pthread_cond_signal(&s->moved);
	pthread_mutex_unlock(&s->mutex);
}

/* ---- the owner's ---- */

static void await(struct stoa__stream *s)
{
	if (s->started)
		stoa__hands_await(&s->hands, &s->task);
	s->started = false;
}

/* The huge page, or the file's last part of one, that ends with @p may come back. */
static void note(struct stoa__stream *s, const struct piece *p)
{
	uint64_t end = p->offset + p->len;

	if ((end % HUGE_PAGE && p->len == STOA__STREAM_BYTES) || HUGE_PAGE > s->kept)
		return;
	s->kept -= HUGE_PAGE;
	if (s->n_noted - s->n_taken == NOTED_MAX)
		s->n_taken++;
	s->noted[s->n_noted++ % NOTED_MAX] =
		(struct piece){ .fd = p->fd, .offset = (end - 1) / HUGE_PAGE * HUGE_PAGE };
}

/* How the writes before went: the first that failed is told of in its own words. */
static int outcome(struct stoa__stream *s, struct stoa_error *err)
{
	int rc;

	pthread_mutex_lock(&s->mutex);
	rc = s->failed;
	if (rc < 0 && s->error.code) {
		if (err)
			*err = s->error;
		s->error.code = STOA_OK;
	} else if (rc < 0) {
		rc = stoa__fail(err, rc, "a write before this one has failed");
	}
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

/* Has a hand do what is to be done; or nobody, and the caller does it now. */
static void begin_work(struct stoa__stream *s)
{
	await(s);
	s->has_hand = true;
	s->task = (struct stoa__task){ .run = work, .ctx = s };
	s->started = stoa__hands_start(&s->hands, &s->task) == STOA_OK;
	if (!s->started)
		work(s);
}

int stoa__stream_write(struct stoa__stream *s, int fd, const char *name, uint64_t offset, size_t len,
		       struct stoa_error *err)
{
	struct piece piece = { fd, name, offset, len, stoa__stream_room(s) };
	bool has_hand;

	pthread_mutex_lock(&s->mutex);
	s->filled[s->n_filled % ROOMS] = piece;
	s->n_filled++;
	note(s, &piece);
	has_hand = s->has_hand;
	pthread_mutex_unlock(&s->mutex);
	s->is_long |= len == STOA__STREAM_BYTES;
	if (!has_hand && s->is_long)
		begin_work(s);
	else if (!has_hand)
		work(s);
	pthread_mutex_lock(&s->mutex);
	while (s->n_filled - s->n_written == ROOMS)
		pthread_cond_wait(&s->moved, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
	return outcome(s, err);
}

/* Waits for all; what is noted only until then. */
static void finish(struct stoa__stream *s, uint64_t until)
{
	pthread_mutex_lock(&s->mutex);
	s->until = until;
	pthread_mutex_unlock(&s->mutex);
	await(s);
	work(s);
	s->until = 0;	/* nobody else is here now */
}

int stoa__stream_wait(struct stoa__stream *s, struct stoa_error *err)
{
	finish(s, 1);
	s->n_taken = s->n_noted;	/* their files may be closed from now on */
	return outcome(s, err);
}

void stoa__stream_settle(struct stoa__stream *s)
{
	finish(s, stoa__now_ns() + SETTLE_NS);
}

void stoa__stream_free(struct stoa__stream *s)
{
	if (!s)
		return;
	(void)stoa__stream_wait(s, NULL);
	stoa__hands_release(&s->hands);
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->mutex);
	stoa__free(s->memory);
	stoa__free(s);
}
