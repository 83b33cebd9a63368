/* SPDX-License-Identifier: MIT */
/* size_limit.c - see size_limit.h */
#include "size_limit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

static atomic_bool limited;

void stoa__size_limit_look(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		atomic_store_explicit(&limited, true, memory_order_relaxed);
}

void stoa__size_limit_hold(struct stoa__size_limit *limit)
{
	sigset_t set;

	limit->held = atomic_load_explicit(&limited, memory_order_relaxed);
	if (!limit->held)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGXFSZ);
	limit->held = pthread_sigmask(SIG_BLOCK, &set, &limit->before) == 0;
}

void stoa__size_limit_release(struct stoa__size_limit *limit)
{
	const struct timespec now = { 0, 0 };
	int before = errno;
	sigset_t set;

	if (!limit->held)
		return;
	/* Whoever held it back before us wants to see what comes. */
	if (!sigismember(&limit->before, SIGXFSZ)) {
		sigemptyset(&set);
		sigaddset(&set, SIGXFSZ);
		while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
			;
	}
	(void)pthread_sigmask(SIG_SETMASK, &limit->before, NULL);
	errno = before;
}
