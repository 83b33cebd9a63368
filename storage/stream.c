/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h */
#include "stream.h"

#include <stdatomic.h>

#include "../lib/core/alloc.h"
#include "../lib/core/clock.h"
#include "../lib/core/hands.h"

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
	int rc;
	struct stoa_error error;
	atomic_bool done;
};

/* Something that a hand does with a piece. */
struct job {
	struct stoa__task task;
	struct piece piece;
	bool started;		/* and not awaited yet */
};

struct stoa__stream {
	uint8_t *memory;	/* of the rooms */
	uint8_t *rooms[2];	/* the first is being filled */
	struct stoa__hands hands;
	struct job write;
	struct job back;	/* of what was written before */
	struct piece noted[NOTED_MAX];	/* to be brought back: those from n_taken on */
	size_t n_noted, n_taken;
	uint64_t kept;		/* bytes that may still be brought back */
	bool has_hand;		/* one was, at some time */
	int failed;
};

struct stoa__stream *stoa__stream_new(uint64_t kept)
{
	struct stoa__stream *s = stoa__calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->memory = stoa__alloc(2 * STOA__STREAM_BYTES + PAGE);
	if (!s->memory) {
		stoa__free(s);
		return NULL;
	}
	s->rooms[0] = s->memory + (PAGE - (uintptr_t)s->memory % PAGE);
	s->rooms[1] = s->rooms[0] + STOA__STREAM_BYTES;
	s->kept = kept;
	stoa__hands_init(&s->hands, 2);
	return s;
}

uint8_t *stoa__stream_room(struct stoa__stream *s)
{
	return s->rooms[0];
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

static void write_piece(void *ctx)
{
	struct piece *p = ctx;
	size_t pages = p->len - p->len % PAGE;

	p->rc = pages ? write_pages(p, pages, &p->error) : STOA_OK;
	if (p->rc == STOA_OK && pages < p->len)
		p->rc = stoa__file_write(p->fd, p->name, p->offset + pages, p->room + pages,
					 p->len - pages, &p->error);
	if (p->rc == STOA_OK)	/* where it is not on the disk already */
		stoa__file_writeback(p->fd, p->offset, p->len);
	atomic_store(&p->done, true);
}

static void bring_back(void *ctx)
{
	struct piece *p = ctx;

	stoa__file_warm(p->fd, p->offset);
	atomic_store(&p->done, true);
}

/* Has a hand @run @job's piece; or nobody does. */
static bool start(struct stoa__stream *s, struct job *job, void (*run)(void *ctx))
{
	atomic_init(&job->piece.done, false);
	job->task = (struct stoa__task){ .run = run, .ctx = &job->piece };
	job->started = stoa__hands_start(&s->hands, &job->task) == STOA_OK;
	return job->started;
}

static void await(struct stoa__stream *s, struct job *job)
{
	if (job->started)
		stoa__hands_await(&s->hands, &job->task);
	job->started = false;
}

/* ---- pieces one after the other ---- */

/* Waits for the piece that was written last. */
static int await_write(struct stoa__stream *s, struct stoa_error *err)
{
	if (s->failed < 0)
		return stoa__fail(err, s->failed, "a write before this one has failed");
	await(s, &s->write);
	s->failed = s->write.piece.rc;
	if (s->failed < 0 && err)
		*err = s->write.piece.error;
	return s->failed;
}

int stoa__stream_wait(struct stoa__stream *s, struct stoa_error *err)
{
	s->n_taken = s->n_noted;	/* their files may be closed from now on */
	await(s, &s->back);
	return await_write(s, err);
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

/* The disk has nothing to do: brings the oldest of them back, unless one is still on its way. */
static void use_idle_disk(struct stoa__stream *s)
{
	if (s->n_taken == s->n_noted || (s->back.started && !atomic_load(&s->back.piece.done)))
		return;
	await(s, &s->back);
	s->back.piece = s->noted[s->n_taken++ % NOTED_MAX];
	(void)start(s, &s->back, bring_back);
}

void stoa__stream_settle(struct stoa__stream *s)
{
	await(s, &s->write);	/* its outcome is told by the wait that follows */
	await(s, &s->back);
	const uint64_t until = stoa__now_ns() + SETTLE_NS;
	while (s->n_taken < s->n_noted && s->write.piece.rc == STOA_OK && stoa__now_ns() < until) {
		const struct piece *p = &s->noted[s->n_taken++ % NOTED_MAX];

		stoa__file_warm(p->fd, p->offset);
	}
}

int stoa__stream_write(struct stoa__stream *s, int fd, const char *name, uint64_t offset, size_t len,
		       struct stoa_error *err)
{
	bool idle = s->write.started && atomic_load(&s->write.piece.done);
	uint8_t *full = s->rooms[0];

	STOA_TRY(await_write(s, err));
	if (idle)
		use_idle_disk(s);
	s->write.piece = (struct piece){ .fd = fd, .name = name, .offset = offset, .len = len,
					 .room = full };
	s->rooms[0] = s->rooms[1];
	s->rooms[1] = full;
	note(s, &s->write.piece);
	if (len == STOA__STREAM_BYTES || s->has_hand)
		s->has_hand |= start(s, &s->write, write_piece);
	if (s->write.started)
		return STOA_OK;
	write_piece(&s->write.piece);
	return await_write(s, err);
}

void stoa__stream_free(struct stoa__stream *s)
{
	if (!s)
		return;
	(void)stoa__stream_wait(s, NULL);
	stoa__hands_release(&s->hands);
	stoa__free(s->memory);
	stoa__free(s);
}
