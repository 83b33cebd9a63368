/* SPDX-License-Identifier: MIT */
/* hands.c - see hands.h */
#include "hands.h"

#include <signal.h>

#include "../stoa.h"
#include "alloc.h"

struct stoa__hand {
	struct stoa__hands *hands;
	struct stoa__hand *next;	/* in the list that it is in */
	struct stoa__task *task;	/* NULL: it rests, or has left */
	pthread_cond_t wake;
	pthread_t thread;
};

void stoa__hands_init(struct stoa__hands *hs, unsigned n_kept)
{
	*hs = (struct stoa__hands){ .n_kept = n_kept };
	pthread_mutex_init(&hs->lock, NULL);
	pthread_cond_init(&hs->done, NULL);
}

static void put(struct stoa__hand **list, struct stoa__hand *h)
{
	h->next = *list;
	*list = h;
}

/* Waits for a task, and begins with it; NULL: it is over. */
static struct stoa__task *next(struct stoa__hand *h)
{
	struct stoa__hands *hs = h->hands;
	struct stoa__task *t;

	pthread_mutex_lock(&hs->lock);
	while (!h->task && !hs->over)
		pthread_cond_wait(&h->wake, &hs->lock);
	t = h->task;
	if (t)
		t->hand = NULL;
	pthread_mutex_unlock(&hs->lock);
	return t;
}

/* @h is without a task from now on. The lock is held. */
static void rest(struct stoa__hand *h)
{
	h->task = NULL;
	put(&h->hands->resting, h);
	h->hands->n_resting++;
}

/* The hand is done with @t: false when it leaves, as enough others rest. */
static bool finish(struct stoa__hand *h, struct stoa__task *t)
{
	struct stoa__hands *hs = h->hands;
	bool stays;

	pthread_mutex_lock(&hs->lock);
	t->done = true;
	pthread_cond_broadcast(&hs->done);
	stays = hs->n_resting < hs->n_kept;
	if (stays) {
		rest(h);
	} else {
		h->task = NULL;
		put(&hs->left, h);
	}
	pthread_mutex_unlock(&hs->lock);
	return stays;
}

static void *hand_main(void *arg)
{
	struct stoa__hand *h = arg;
	struct stoa__task *t;

	while ((t = next(h))) {
		t->run(t->ctx);
		if (!finish(h, t))
			break;
	}
	return NULL;
}

/* Waits for the ends of those in @list, which are in nobody's list any more. */
static void join(struct stoa__hand *list)
{
	while (list) {
		struct stoa__hand *h = list;

		list = h->next;
		pthread_join(h->thread, NULL);
		pthread_cond_destroy(&h->wake);
		stoa__free(h);
	}
}

/* A new hand, which begins with @t. */
static int hire(struct stoa__hands *hs, struct stoa__task *t)
{
	struct stoa__hand *h = stoa__calloc(1, sizeof *h);
	sigset_t all, before;

	if (!h)
		return STOA_ENOMEM;
	h->hands = hs;
	h->task = t;
	t->hand = h;
	pthread_cond_init(&h->wake, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&h->thread, NULL, hand_main, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failed)
		return STOA_OK;
	pthread_cond_destroy(&h->wake);
	stoa__free(h);
	return STOA_ENOMEM;
}

int stoa__hands_start(struct stoa__hands *hs, struct stoa__task *t)
{
	struct stoa__hand *h, *left;

	t->done = false;
	pthread_mutex_lock(&hs->lock);
	h = hs->resting;
	if (h) {
		hs->resting = h->next;
		hs->n_resting--;
		h->task = t;
		t->hand = h;
		pthread_cond_signal(&h->wake);
	}
	left = hs->left;
	hs->left = NULL;
	pthread_mutex_unlock(&hs->lock);
	join(left);
	return h ? STOA_OK : hire(hs, t);
}

void stoa__hands_await(struct stoa__hands *hs, struct stoa__task *t)
{
	struct stoa__hand *h;

	pthread_mutex_lock(&hs->lock);
	h = hs->n_resting < hs->n_kept ? t->hand : NULL;
	if (h)
		rest(h);
	while (!h && !t->done)
		pthread_cond_wait(&hs->done, &hs->lock);
	pthread_mutex_unlock(&hs->lock);
	if (h)
		t->run(t->ctx);
}

void stoa__hands_share(struct stoa__hands *hs, struct stoa__task *tasks, size_t n)
{
	size_t started = 1;

	while (started < n && stoa__hands_start(hs, &tasks[started]) == STOA_OK)
		started++;
	if (n)
		tasks[0].run(tasks[0].ctx);
	for (size_t i = started; i < n; i++)
		tasks[i].run(tasks[i].ctx);
	for (size_t i = 1; i < started; i++)
		stoa__hands_await(hs, &tasks[i]);
}

uint64_t stoa__hands_heap(struct stoa__hands *hs)
{
	uint64_t bytes = 0;

	pthread_mutex_lock(&hs->lock);
	for (const struct stoa__hand *h = hs->resting; h; h = h->next)
		bytes += stoa__alloc_size(h);
	for (const struct stoa__hand *h = hs->left; h; h = h->next)
		bytes += stoa__alloc_size(h);
	pthread_mutex_unlock(&hs->lock);
	return bytes;
}

void stoa__hands_release(struct stoa__hands *hs)
{
	pthread_mutex_lock(&hs->lock);
	hs->over = true;
	for (struct stoa__hand *h = hs->resting; h; h = h->next)
		pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&hs->lock);
	join(hs->resting);
	join(hs->left);
	pthread_cond_destroy(&hs->done);
	pthread_mutex_destroy(&hs->lock);
}
