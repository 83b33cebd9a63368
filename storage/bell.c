/* SPDX-License-Identifier: MIT */
/* bell.c - see bell.h */
#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../lib/core/alloc.h"

#define NAME "consumers"
#define PAGE 4096
#define NUMBERS (((uint64_t)1 << 62) - 1)

enum { NEWS, WAITING };

static int fail(const char *what, int e, struct stoa_error *err)
{
	char reason[128];

	return stoa__fail(err, stoa__from_errno(e), "%s: %s: %s", NAME, what,
			  strerror_r(e, reason, sizeof reason));
}

/* Room on the disk for the page: a store into a hole of a full disk would be a signal. */
static int make_page(int fd, struct stoa_error *err)
{
	int e;

	do
		e = posix_fallocate(fd, 0, PAGE);
	while (e == EINTR);
	return e ? fail("no room for a page", e, err) : STOA_OK;
}

static int map_page(struct stoa__bell *bell, struct stoa_error *err)
{
	void *p;

	STOA_TRY(make_page(bell->fd, err));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, bell->fd, 0);
	if (p == MAP_FAILED)
		return fail("cannot be mapped", errno, err);
	bell->words = p;
	return STOA_OK;
}

int stoa__bell_open(const struct stoa__dir *dir, struct stoa__bell *out, struct stoa_error *err)
{
	int rc;

	*out = (struct stoa__bell)STOA__BELL_INIT;
	if (!dir) {
		out->words = stoa__calloc(2, sizeof *out->words);
		return out->words ? STOA_OK : stoa__fail_memory(err);
	}
	STOA_TRY(stoa__file_open(dir, NAME, O_RDWR | O_CREAT, &out->fd, err));
	rc = map_page(out, err);
	if (rc < 0)
		stoa__bell_close(out, false);
	return rc;
}

/* One byte, the @owner-th behind the page. 0, or -1 with errno. */
static int lock_byte(int fd, int command, short type, uint64_t owner, short *found)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET,
			    .l_start = (off_t)(PAGE + owner), .l_len = 1 };
	int rc;

	do
		rc = fcntl(fd, command, &fl);
	while (rc < 0 && errno == EINTR);
	*found = fl.l_type;
	return rc;
}

int stoa__bell_enlist(struct stoa__bell *bell, struct stoa_error *err)
{
	uint64_t owner;
	short found;

	do {
		STOA_TRY(stoa__random(&owner, sizeof owner, err));
		owner &= NUMBERS;
		if (owner && lock_byte(bell->fd, F_OFD_SETLK, F_WRLCK, owner, &found) == 0) {
			bell->owner = owner;
			return STOA_OK;
		}
	} while (!owner || errno == EAGAIN || errno == EACCES);
	return fail("cannot be locked", errno, err);
}

bool stoa__bell_is_alive(const struct stoa__bell *bell, uint64_t owner)
{
	short found;

	if (!bell->words || bell->fd < 0 || owner > NUMBERS || owner == bell->owner)
		return true;
	return lock_byte(bell->fd, F_OFD_GETLK, F_WRLCK, owner, &found) < 0 || found != F_UNLCK;
}

void stoa__bell_close(struct stoa__bell *bell, bool theirs)
{
	short found;

	if (bell->fd < 0) {
		stoa__free((void *)bell->words);
	} else {
		if (bell->words)
			munmap((void *)bell->words, PAGE);
		/* A child that lives on has the file open, too: it would keep the byte. */
		if (bell->owner && !theirs)
			(void)lock_byte(bell->fd, F_OFD_SETLK, F_UNLCK, bell->owner, &found);
		stoa__file_close(bell->fd);
	}
	*bell = (struct stoa__bell)STOA__BELL_INIT;
}

/* ---- ringing and waiting ---- */

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

uint32_t stoa__bell_news(const struct stoa__bell *bell)
{
	return atomic_load(&bell->words[NEWS]);
}

void stoa__bell_ring(struct stoa__bell *bell)
{
	/* News first: a sleeper that raised its flag after this has seen them. */
	atomic_fetch_add(&bell->words[NEWS], 1);
	if (atomic_load(&bell->words[WAITING]) && atomic_exchange(&bell->words[WAITING], 0))
		futex(&bell->words[NEWS], FUTEX_WAKE, INT_MAX, NULL);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool stoa__bell_wait(struct stoa__bell *bell, uint32_t seen, uint32_t timeout_ms)
{
	int64_t end = now_ms() + timeout_ms, left = timeout_ms;

	while (stoa__bell_news(bell) == seen && left > 0) {
		struct timespec t = { left / 1000, left % 1000 * 1000000 };

		atomic_store(&bell->words[WAITING], 1);
		if (stoa__bell_news(bell) == seen &&
		    futex(&bell->words[NEWS], FUTEX_WAIT, seen, &t) < 0 && errno == EINTR)
			break;
		left = end - now_ms();
	}
	return stoa__bell_news(bell) != seen;
}
