/* SPDX-License-Identifier: MIT */
/* syscalls.c - see syscalls.h */
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[256];	/* "": nothing is watched */
static size_t root_len;
static bool recording;
static struct call_record *records;
static size_t n_records, cap_records;

static struct {
	bool armed, fired, forever;
	enum which which;
	long left;
	int errno_value;
} fault;

void syscalls_watch(const char *dir)
{
	root_len = dir ? (size_t)snprintf(root, sizeof root, "%s", dir) : 0;
	root[root_len] = '\0';
}

/* ---- names ---- */

/* @path below the watched directory: its name from there on into @name. */
static bool is_below(const char *path, char name[48])
{
	if (!root_len || strncmp(path, root, root_len) != 0)
		return false;
	if (!path[root_len])
		name[0] = '\0';
	else if (path[root_len] == '/' && strlen(path + root_len + 1) < 48)
		strcpy(name, path + root_len + 1);
	else
		return false;
	if (strcmp(name, ".") == 0)
		name[0] = '\0';
	return true;
}

static bool fd_is_below(int fd, char name[48], char path[512])
{
	char link[40];
	ssize_t len;

	if (!root_len)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, path, 511);
	if (len < 0)
		return false;
	path[len] = '\0';
	return is_below(path, name);
}

static bool at_is_below(int dir, const char *path, char name[48])
{
	char base[512], full[1024], unused[48];

	if (!root_len)
		return false;
	if (dir == AT_FDCWD || path[0] == '/')
		return is_below(path, name);
	if (!fd_is_below(dir, unused, base))
		return false;
	snprintf(full, sizeof full, "%s/%s", base, path);
	return is_below(full, name);
}

/* ---- recording ---- */

static struct call_record *add(enum call call, const char *name)
{
	struct call_record *r;

	if (n_records == cap_records) {
		cap_records = cap_records ? cap_records * 2 : 1024;
		records = realloc(records, cap_records * sizeof *records);
		if (!records)
			abort();
	}
	r = &records[n_records++];
	memset(r, 0, sizeof *r);
	r->call = call;
	snprintf(r->name, sizeof r->name, "%s", name);
	return r;
}

static void note(enum call call, const char *name, const char *to, uint64_t offset)
{
	struct call_record *r;

	pthread_mutex_lock(&mutex);
	if (recording) {
		r = add(call, name);
		r->offset = offset;
		snprintf(r->to, sizeof r->to, "%s", to ? to : "");
	}
	pthread_mutex_unlock(&mutex);
}

static void note_write(int fd, const char *name, uint64_t offset, const void *p, size_t len)
{
	struct call_record *r;

	pthread_mutex_lock(&mutex);
	if (recording) {
		r = add(CALL_WRITE, name);
		r->offset = offset;
		r->p = malloc(len + 1);
		if (!r->p)
			abort();
		memcpy(r->p, p, len);
		r->len = len;
		r->sync = fcntl(fd, F_GETFL) & O_DSYNC;
	}
	pthread_mutex_unlock(&mutex);
}

void syscalls_record(void)
{
	records = NULL;
	n_records = cap_records = 0;
	recording = true;
}

struct call_record *syscalls_record_end(size_t *n)
{
	recording = false;
	*n = n_records;
	return records;
}

void syscalls_free(struct call_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(r[i].p);
	free(r);
}

void syscalls_mark(uint64_t what)
{
	note(CALL_MARK, "", NULL, what);
}

/* ---- failing ---- */

void syscalls_fail(enum which which, long nth, int errno_value, bool forever)
{
	pthread_mutex_lock(&mutex);
	fault.left = nth;
	fault.errno_value = errno_value;
	fault.forever = forever;
	fault.which = which;
	fault.fired = false;
	fault.armed = true;
	pthread_mutex_unlock(&mutex);
}

bool syscalls_fail_end(void)
{
	bool fired;

	pthread_mutex_lock(&mutex);
	fault.armed = false;
	fired = fault.fired;
	pthread_mutex_unlock(&mutex);
	return fired;
}

enum fate { GOES, FAILS, SHORT };

static bool is_among(enum which kind, enum which which)
{
	return which == kind || (which == ALL_CALLS && kind < ALL_LOOKS) ||
	       (which == ALL_LOOKS && kind == OUR_READS);
}

/* What becomes of a call on a file that is watched; errno is set where it fails. */
static enum fate fate_of(enum which kind)
{
	enum fate fate = GOES;

	pthread_mutex_lock(&mutex);
	if (fault.armed && is_among(kind, fault.which)) {
		long left = fault.left--;

		if (left == 0 || (left < 0 && fault.forever)) {
			fault.fired = true;
			fate = fault.errno_value ? FAILS : SHORT;
			errno = fault.errno_value;
		}
	}
	pthread_mutex_unlock(&mutex);
	return fate;
}

/* ---- the calls ---- */

static bool is_of_lmdb(const char *name)
{
	return strncmp(name, "catalog.mdb", 11) == 0;
}

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
	char name[48];
	struct stat st;
	bool below = at_is_below(dir, path, name), seen = below && flags & (O_CREAT | O_TRUNC);
	bool is_new = seen && syscall(SYS_newfstatat, dir, path, &st, 0) < 0;
	int fd;

	if (below && fate_of(seen ? ALL_CALLS : ALL_LOOKS) == FAILS)
		return -1;
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0 && is_new)
		note(CALL_CREATE, name, NULL, 0);
	else if (fd >= 0 && seen && flags & O_TRUNC)
		note(CALL_TRUNCATE, name, NULL, 0);
	return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

SEEN int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return do_open(AT_FDCWD, path, flags, mode);
}

SEEN int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return do_open(dir, path, flags, mode);
}

static ssize_t do_write(int fd, const void *p, size_t len, off_t offset)
{
	char name[48], path[512];
	bool seen = fd_is_below(fd, name, path);
	enum fate fate = seen ? fate_of(is_of_lmdb(name) ? LMDB_WRITES : OUR_WRITES) : GOES;
	ssize_t n;

	if (fate == FAILS)
		return -1;
	if (fate == SHORT && len > 1)
		len /= 2;
	n = syscall(SYS_pwrite64, fd, p, len, offset);
	if (n > 0 && seen)
		note_write(fd, name, (uint64_t)offset, p, (size_t)n);
	return n;
}

SEEN ssize_t pwrite(int fd, const void *p, size_t len, off_t offset)
{
	return do_write(fd, p, len, offset);
}

/*
 * A write where the file's position is, which then moves on; into what has none it goes as it is.
 */
static ssize_t write_on(int fd, const void *p, size_t len)
{
	char name[48], path[512];
	off_t at;
	ssize_t n;

	if (!fd_is_below(fd, name, path))
		return syscall(SYS_write, fd, p, len);
	at = lseek(fd, 0, SEEK_CUR);
	n = do_write(fd, p, len, at);
	if (n > 0)
		lseek(fd, at + n, SEEK_SET);
	return n;
}

SEEN ssize_t write(int fd, const void *p, size_t len)
{
	return write_on(fd, p, len);
}

SEEN ssize_t writev(int fd, const struct iovec *v, int n)
{
	ssize_t done = 0;

	for (int i = 0; i < n; i++) {
		ssize_t wrote = write_on(fd, v[i].iov_base, v[i].iov_len);

		if (wrote < 0)
			return done ? done : -1;
		done += wrote;
		if ((size_t)wrote < v[i].iov_len)
			break;
	}
	return done;
}

static int do_sync(int fd, long number)
{
	char name[48], path[512];
	bool seen = fd_is_below(fd, name, path);
	int rc;

	if (seen && fate_of(ALL_SYNCS) == FAILS)
		return -1;
	/* The disk is a model: to wait for the real one would tell nothing. */
	rc = seen && recording ? 0 : (int)syscall(number, fd);
	if (rc == 0 && seen)
		note(CALL_SYNC, name, NULL, 0);
	return rc;
}

SEEN int fsync(int fd)
{
	return do_sync(fd, SYS_fsync);
}

SEEN int fdatasync(int fd)
{
	return do_sync(fd, SYS_fdatasync);
}

SEEN int ftruncate(int fd, off_t size)
{
	char name[48], path[512];
	bool seen = fd_is_below(fd, name, path);
	int rc;

	if (seen && fate_of(ALL_CALLS) == FAILS)
		return -1;
	rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0 && seen)
		note(CALL_TRUNCATE, name, NULL, (uint64_t)size);
	return rc;
}

SEEN int unlinkat(int dir, const char *path, int flags)
{
	char name[48];
	bool seen = at_is_below(dir, path, name);
	int rc;

	if (seen && fate_of(ALL_CALLS) == FAILS)
		return -1;
	rc = (int)syscall(SYS_unlinkat, dir, path, flags);
	if (rc == 0 && seen)
		note(CALL_UNLINK, name, NULL, 0);
	return rc;
}

SEEN int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

SEEN int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char name[48], to_name[48];
	bool seen = at_is_below(from_dir, from, name) && at_is_below(to_dir, to, to_name);
	int rc;

	if (seen && fate_of(ALL_CALLS) == FAILS)
		return -1;
	rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
	if (rc == 0 && seen)
		note(CALL_RENAME, name, to_name, 0);
	return rc;
}

SEEN int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

SEEN int mkdirat(int dir, const char *path, mode_t mode)
{
	char name[48];
	bool seen = at_is_below(dir, path, name);
	int rc;

	if (seen && fate_of(ALL_CALLS) == FAILS)
		return -1;
	rc = (int)syscall(SYS_mkdirat, dir, path, mode);
	if (rc == 0 && seen)
		note(CALL_MKDIR, name, NULL, 0);
	return rc;
}

/* ---- what changes nothing ---- */

/* Does a look at @fd fail? */
static enum fate look_at(int fd, enum which kind)
{
	char name[48], path[512];

	return fd_is_below(fd, name, path) ? fate_of(kind) : GOES;
}

SEEN ssize_t pread(int fd, void *p, size_t len, off_t offset)
{
	char name[48], path[512];
	enum fate fate = GOES;

	if (fd_is_below(fd, name, path))
		fate = fate_of(is_of_lmdb(name) ? ALL_LOOKS : OUR_READS);
	if (fate == FAILS)
		return -1;
	return syscall(SYS_pread64, fd, p, fate == SHORT && len > 1 ? len / 2 : len, offset);
}

SEEN int fstat(int fd, struct stat *st)
{
	return look_at(fd, ALL_LOOKS) == FAILS ? -1 : (int)syscall(SYS_fstat, fd, st);
}

SEEN int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	char name[48];

	if (at_is_below(dir, path, name) && fate_of(ALL_LOOKS) == FAILS)
		return -1;
	return (int)syscall(SYS_newfstatat, dir, path, st, flags);
}

/* The thread sanitizer maps its shadow by this call, before anything here is fit to run. */
#ifndef __SANITIZE_THREAD__
SEEN void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	if (fd >= 0 && look_at(fd, ALL_LOOKS) == FAILS)
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}
#endif

SEEN int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char name[48];

	if (at_is_below(from_dir, from, name) && fate_of(ALL_LOOKS) == FAILS)
		return -1;
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

SEEN int posix_fallocate(int fd, off_t offset, off_t len)
{
	if (look_at(fd, ALL_LOCKS) == FAILS)
		return errno;
	return syscall(SYS_fallocate, fd, 0, offset, len) < 0 ? errno : 0;
}

SEEN int fcntl(int fd, int command, ...)
{
	bool locks = command == F_OFD_SETLK || command == F_OFD_SETLKW;
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (locks && ((struct flock *)arg)->l_type != F_UNLCK && look_at(fd, ALL_LOCKS) == FAILS)
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, arg);
}
