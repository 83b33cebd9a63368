/* SPDX-License-Identifier: MIT */
/*
 * file.c - the operating system, behind one seam
 *
 * Each function is one system call made whole: EINTR is retried, a short read or write is gone on
 * with, errno becomes one of our errors, and the words name the file and, where there is one, the
 * offset. Nothing is cached and nothing is decided here.
 *
 * (1) Every function that can fail asks fault() first, once, so that "the nth operation fails" is
 *     one number however many system calls an operation takes.
 * (2) A write that is made to fail writes half of its bytes: a full disk does the same.
 * (3) Descriptors are always close-on-exec.
 *
 * close() is not checked: all that matters was synced before, and a second close() of a
 * descriptor whose first one failed is a bug of its own on Linux.
 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "segment_open.h"
#include "size_limit.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22	/* Linux 5.14; Debian's headers may be older than its kernel */
#endif

/* ---- faults and watching, for tests ---- */

static atomic_bool fault_armed;
static atomic_bool fault_fired;
static atomic_bool fault_forever;
static atomic_long fault_left;
static atomic_int fault_errno;

static atomic_bool syncs_skipped;
static stoa__file_watch *watcher;
static void *watcher_ctx;

void stoa__file_fault_arm(long nth, int errno_value, bool forever)
{
	fault_left = nth;
	fault_errno = errno_value;
	fault_forever = forever;
	fault_fired = false;
	fault_armed = true;
}

bool stoa__file_fault_disarm(void)
{
	fault_armed = false;
	return fault_fired;
}

void stoa__file_skip_syncs(bool skip)
{
	syncs_skipped = skip;
}

void stoa__file_watch_with(stoa__file_watch *watch, void *ctx)
{
	watcher = watch;
	watcher_ctx = ctx;
}

/* Is this operation to fail? Then errno says how. */
static bool fault(void)
{
	long left;

	if (!atomic_load_explicit(&fault_armed, memory_order_relaxed))
		return false;
	left = atomic_fetch_sub(&fault_left, 1);
	if (left > 0 || (left < 0 && !fault_forever))
		return false;
	fault_fired = true;
	errno = fault_errno;
	return true;
}

static void watch(enum stoa__file_op op, const char *name, uint64_t offset, const void *p,
		  size_t len)
{
	if (watcher)
		watcher(watcher_ctx, op, name, offset, p, len);
}

static int sync_fd(int fd, int (*how)(int))
{
	return atomic_load_explicit(&syncs_skipped, memory_order_relaxed) ? 0 : how(fd);
}

/* ---- errors ---- */

int stoa__from_errno(int errno_value)
{
	switch (errno_value) {
	case 0:
		return STOA_OK;
	case ENOENT:
		return STOA_ENOTFOUND;
	case EEXIST:
	case ENOTEMPTY:
		return STOA_EEXIST;
	case ENOMEM:
		return STOA_ENOMEM;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EMFILE:
	case ENFILE:
	case EMLINK:
	case EOVERFLOW:
	case ENOLCK:
		return STOA_EFULL;
	case EROFS:
		return STOA_EREADONLY;
	case EAGAIN:
	case EBUSY:
	case ETXTBSY:
	case EDEADLK:
		return STOA_EBUSY;
	case EINVAL:
	case EISDIR:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return STOA_EINVAL;
	case EOPNOTSUPP:
	case ENOSYS:
	case ENODEV:
		return STOA_EUNSUPPORTED;
	case EACCES:
	case EPERM:
	case EIO:
	case EBADF:
	case EFAULT:
	default:
		return STOA_EIO;
	}
}

/* The error of errno, which stays, with "cannot @verb @name: reason". */
static int fail_errno(struct stoa_error *err, const char *verb, const char *name)
{
	int e = errno;
	char reason[128];
	int rc = stoa__fail(err, stoa__from_errno(e), "cannot %s %s: %s", verb, name,
			    strerror_r(e, reason, sizeof reason));

	errno = e;
	return rc;
}

/* The same at @offset of the file. */
static int fail_errno_at(struct stoa_error *err, const char *verb, const char *name,
			 uint64_t offset)
{
	int e = errno;
	char reason[128];
	int rc = stoa__fail(err, stoa__from_errno(e), "cannot %s %s at byte %llu: %s", verb, name,
			    (unsigned long long)offset, strerror_r(e, reason, sizeof reason));

	if (err)
		err->offset = offset;
	errno = e;
	return rc;
}

/* ---- directories ---- */

/* Opens the directory that holds @path: its parent by text, "." where there is no slash. */
static int open_parent(const char *path)
{
	char parent[PATH_MAX];
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	if (len >= sizeof parent) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(parent, path, len);
	parent[len] = '\0';
	return open(len ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int sync_parent(const char *path, struct stoa_error *err)
{
	int fd = open_parent(path);
	int rc = STOA_OK;

	if (fd < 0 || sync_fd(fd, fsync) < 0)
		rc = fail_errno(err, "sync the directory of", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

int stoa__dir_create(const char *path, struct stoa_error *err)
{
	int rc;

	if (fault() || mkdir(path, 0777) < 0)
		return fail_errno(err, "make", path);
	rc = sync_parent(path, err);
	if (rc < 0)
		rmdir(path);
	return rc;
}

int stoa__dir_claim(const char *path, int *fd, struct stoa_error *err)
{
	int rc = STOA_OK;

	*fd = fault() ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return fail_errno(err, "open", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ?
			     stoa__fail(err, STOA_EBUSY, "%s: another process is at work on it", path) :
			     fail_errno(err, "lock", path);
		close(*fd);
		*fd = -1;
	}
	return rc;
}

int stoa__dir_rename(const char *from, const char *to, struct stoa_error *err)
{
	if (fault() || rename(from, to) < 0)
		return fail_errno(err, "make", to);
	return sync_parent(to, err);
}

int stoa__dir_exchange(const char *a, const char *b, struct stoa_error *err)
{
	if (fault() || renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0) {
		/* What file systems say that cannot do it. */
		if (errno == EINVAL)
			errno = EOPNOTSUPP;
		return fail_errno(err, "replace", b);
	}
	return sync_parent(b, err);
}

int stoa__dir_open(const char *path, struct stoa__dir *out, struct stoa_error *err)
{
	stoa__size_limit_look();
	out->fd = -1;
	out->path = stoa__strndup(path, strlen(path));
	out->segments = stoa__open_segments_new();
	if (!out->path || !out->segments) {
		stoa__dir_close(out);
		return stoa__fail_memory(err);
	}
	if (fault())
		goto fail;
	do
		out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (out->fd < 0 && errno == EINTR);
	if (out->fd >= 0)
		return STOA_OK;
fail:;
	int rc = fail_errno(err, "open", path);
	stoa__dir_close(out);
	return rc;
}

void stoa__dir_close(struct stoa__dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
	stoa__free(dir->path);
	dir->path = NULL;
	stoa__open_segments_unref(dir->segments);
	dir->segments = NULL;
}

int stoa__dir_check_filesystem(const struct stoa__dir *dir, struct stoa_error *err)
{
	/* From statfs(2). Cluster file systems with coherent locks and maps are not here. */
	static const struct {
		uint32_t magic;
		const char *name;
	} network[] = {
		{ 0x6969, "NFS" },	   { 0x517b, "SMB" },	 { 0xff534d42, "CIFS" },
		{ 0xfe534d42, "SMB2" },	   { 0x564c, "NCP" },	 { 0x5346414f, "AFS" },
		{ 0x6b414653, "AFS" },	   { 0x73757245, "Coda" }, { 0x01021997, "9P" },
		{ 0x00c36400, "CephFS" },
	};
	struct statfs st;

	if (fault() || fstatfs(dir->fd, &st) < 0)
		return fail_errno(err, "look at the file system of", dir->path);
	for (size_t i = 0; i < sizeof network / sizeof *network; i++)
		if ((uint32_t)st.f_type == network[i].magic)
			return stoa__fail(err, STOA_EUNSUPPORTED,
					  "%s is on a network file system (%s), whose locks and "
					  "maps cannot be trusted: use a local disk",
					  dir->path, network[i].name);
	return STOA_OK;
}

int stoa__dir_make(const struct stoa__dir *dir, const char *sub, struct stoa_error *err)
{
	if (fault() || (mkdirat(dir->fd, sub, 0777) < 0 && errno != EEXIST))
		return fail_errno(err, "make", sub);
	return stoa__dir_sync(dir, NULL, err);
}

static int open_sub(const struct stoa__dir *dir, const char *sub)
{
	int fd;

	do
		fd = openat(dir->fd, sub ? sub : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int stoa__dir_sync(const struct stoa__dir *dir, const char *sub, struct stoa_error *err)
{
	const char *name = sub ? sub : dir->path;
	int fd;
	int rc = 0;

	if (fault())
		return fail_errno(err, "sync", name);
	fd = open_sub(dir, sub);
	if (fd < 0 || sync_fd(fd, fsync) < 0)
		rc = fail_errno(err, "sync", name);
	if (fd >= 0)
		close(fd);
	if (rc == STOA_OK)
		watch(STOA__FILE_SYNC_DIR, sub ? sub : ".", 0, NULL, 0);
	return rc;
}

int stoa__dir_list(const struct stoa__dir *dir, const char *sub,
		   int (*each)(void *ctx, const char *name), void *ctx, struct stoa_error *err)
{
	const char *name = sub ? sub : dir->path;
	struct dirent *entry;
	DIR *stream = NULL;
	int fd;
	int rc = 0;

	if (fault())
		return fail_errno(err, "list", name);
	fd = open_sub(dir, sub);
	if (fd >= 0)
		stream = fdopendir(fd);
	if (!stream) {
		rc = fail_errno(err, "list", name);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = each(ctx, entry->d_name);
	if (rc == 0 && errno != 0)
		rc = fail_errno(err, "list", name);
	closedir(stream);
	return rc;
}

/* ---- files ---- */

int stoa__file_open(const struct stoa__dir *dir, const char *name, int flags, int *fd,
		    struct stoa_error *err)
{
	*fd = -1;
	if (fault())
		return fail_errno(err, "open", name);
	/* A database that somebody else made must not lead us, and what we write, elsewhere. */
	do
		*fd = openat(dir->fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0666);
	while (*fd < 0 && errno == EINTR);
	if (*fd < 0 && errno == ELOOP)
		return stoa__fail_corrupt(err, name, 0,
					  "it is a symbolic link, which no file of a database may be");
	if (*fd < 0)
		return fail_errno(err, "open", name);
	if (flags & O_CREAT)
		watch(STOA__FILE_CREATE, name, 0, NULL, 0);
	return STOA_OK;
}

void stoa__file_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

int stoa__file_size(const struct stoa__dir *dir, const char *name, uint64_t *size,
		    struct stoa_error *err)
{
	struct stat st;

	*size = 0;
	if (fault() || fstatat(dir->fd, name, &st, 0) < 0)
		return fail_errno(err, "look at", name);
	*size = (uint64_t)st.st_size;
	return STOA_OK;
}

int stoa__file_space(const struct stoa__dir *dir, const char *name, uint64_t *bytes,
		     struct stoa_error *err)
{
	struct stat st;

	*bytes = 0;
	if (fault() || fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "look at", name);
	*bytes = (uint64_t)st.st_blocks * 512;	/* the unit of st_blocks, whatever the file system's is */
	return STOA_OK;
}

int stoa__file_size_of(int fd, const char *name, uint64_t *size, struct stoa_error *err)
{
	struct stat st;

	*size = 0;
	if (fault() || fstat(fd, &st) < 0)
		return fail_errno(err, "look at", name);
	*size = (uint64_t)st.st_size;
	return STOA_OK;
}

int stoa__file_read_some(int fd, const char *name, uint64_t offset, void *p, size_t len,
			 size_t *got, struct stoa_error *err)
{
	*got = 0;
	if (offset > INT64_MAX - len)
		return STOA_OK;	/* no file is that long */
	if (fault())
		return fail_errno_at(err, "read", name, offset);
	while (*got < len) {
		ssize_t n = pread(fd, (char *)p + *got, len - *got, (off_t)(offset + *got));

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno_at(err, "read", name, offset + *got);
		*got += (size_t)n;
	}
	return STOA_OK;
}

int stoa__file_read(int fd, const char *name, uint64_t offset, void *p, size_t len,
		    struct stoa_error *err)
{
	size_t got;

	STOA_TRY(stoa__file_read_some(fd, name, offset, p, len, &got, err));
	if (got < len)
		return stoa__fail_corrupt(err, name, offset + got,
					  "the file ends here, %zu bytes too early", len - got);
	return STOA_OK;
}

int stoa__file_write(int fd, const char *name, uint64_t offset, const void *p, size_t len,
		     struct stoa_error *err)
{
	bool fails = fault();
	int fault_code = errno;
	size_t end = fails ? len / 2 : len;
	size_t done = 0;

	if (offset > INT64_MAX - len) {
		errno = EFBIG;
		return fail_errno_at(err, "write", name, offset);
	}
	struct stoa__size_limit limit;
	stoa__size_limit_hold(&limit);
	while (done < end) {
		ssize_t n = pwrite(fd, (const char *)p + done, end - done, (off_t)(offset + done));

		if (n < 0 && errno != EINTR)
			break;
		done += n < 0 ? 0 : (size_t)n;
	}
	stoa__size_limit_release(&limit);
	if (done < end)
		return fail_errno_at(err, "write", name, offset + done);
	watch(STOA__FILE_WRITE, name, offset, p, done);
	errno = fault_code;
	return fails ? fail_errno_at(err, "write", name, offset + done) : STOA_OK;
}

bool stoa__file_direct(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

int stoa__file_sync_data(int fd, const char *name, struct stoa_error *err)
{
	/* Never tried again: after a failure the kernel may count the pages as clean. */
	if (fault() || sync_fd(fd, fdatasync) < 0)
		return fail_errno(err, "sync", name);
	watch(STOA__FILE_SYNC, name, 0, NULL, 0);
	return STOA_OK;
}

int stoa__file_sync(int fd, const char *name, struct stoa_error *err)
{
	if (fault() || sync_fd(fd, fsync) < 0)
		return fail_errno(err, "sync", name);
	watch(STOA__FILE_SYNC, name, 0, NULL, 0);
	return STOA_OK;
}

void stoa__file_writeback(int fd, uint64_t offset, uint64_t len)
{
	(void)sync_file_range(fd, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

void stoa__file_forget(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void stoa__file_warm(int fd, uint64_t offset)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return;
	/* What is read is a huge page, or what there is of it; what is mapped, and resident, is not. */
	(void)madvise(p, page, MADV_HUGEPAGE);
	/* And no other: the next may be half written yet, and would be taken for whole later. */
	(void)madvise(p, page, MADV_RANDOM);
	(void)madvise(p, page, MADV_POPULATE_READ);
	munmap(p, page);
}

int stoa__file_await(int fd, const char *name, uint64_t offset, uint64_t len,
		     struct stoa_error *err)
{
	int rc;

	if (fault())
		return fail_errno_at(err, "write", name, offset);
	do
		rc = sync_file_range(fd, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WAIT_BEFORE);
	while (rc < 0 && errno == EINTR);
	/* Not every file system can; but an error of the disk is told once, and here that is. */
	if (rc < 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
		return fail_errno_at(err, "write", name, offset);
	return STOA_OK;
}

#define TRICKLE_BYTES ((size_t)64 << 10)

int stoa__file_trickle(int fd, const char *name, uint64_t offset, const void *p, size_t len,
		       struct stoa_error *err)
{
	const uint8_t *from = p;

	while (len) {
		size_t room = TRICKLE_BYTES - (size_t)(offset % TRICKLE_BYTES);
		size_t n = len < room ? len : room;

		STOA_TRY(stoa__file_write(fd, name, offset, from, n, err));
		stoa__file_writeback(fd, offset, n);
		STOA_TRY(stoa__file_await(fd, name, offset, n, err));
		offset += n;
		from += n;
		len -= n;
	}
	return STOA_OK;
}

int stoa__file_truncate(int fd, const char *name, uint64_t size, struct stoa_error *err)
{
	if (fault())
		return fail_errno_at(err, "set the length of", name, size);
	while (ftruncate(fd, (off_t)size) < 0)
		if (errno != EINTR)
			return fail_errno_at(err, "set the length of", name, size);
	watch(STOA__FILE_TRUNCATE, name, size, NULL, 0);
	return STOA_OK;
}

int stoa__file_allocate(int fd, const char *name, uint64_t from, uint64_t len,
			struct stoa_error *err)
{
	struct stoa__size_limit limit;
	int rc = -1;

	if (from > INT64_MAX - len)
		errno = EFBIG;
	else if (!fault()) {
		stoa__size_limit_hold(&limit);
		do
			rc = fallocate(fd, 0, (off_t)from, (off_t)len);
		while (rc < 0 && errno == EINTR);
		stoa__size_limit_release(&limit);
	}
	if (rc < 0)
		return fail_errno_at(err, "make room in", name, from);
	watch(STOA__FILE_TRUNCATE, name, from + len, NULL, 0);
	return STOA_OK;
}

int stoa__file_unlink(const struct stoa__dir *dir, const char *name, struct stoa_error *err)
{
	if (fault() || (unlinkat(dir->fd, name, 0) < 0 && errno != ENOENT))
		return fail_errno(err, "remove", name);
	watch(STOA__FILE_UNLINK, name, 0, NULL, 0);
	return STOA_OK;
}

int stoa__file_punch(int fd, const char *name, uint64_t offset, uint64_t len, struct stoa_error *err)
{
	int rc;

	if (fault())
		return fail_errno_at(err, "give back bytes of", name, offset);
	do
		rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? fail_errno_at(err, "give back bytes of", name, offset) : STOA_OK;
}

bool stoa__file_is_nameless(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int stoa__file_rename(const struct stoa__dir *dir, const char *from, const char *to,
		      struct stoa_error *err)
{
	if (fault() || renameat(dir->fd, from, dir->fd, to) < 0)
		return fail_errno(err, "rename", from);
	watch(STOA__FILE_RENAME, from, 0, to, strlen(to));
	return STOA_OK;
}

int stoa__file_link(const struct stoa__dir *from, const struct stoa__dir *to, const char *name,
		    struct stoa_error *err)
{
	if (fault() || linkat(from->fd, name, to->fd, name, 0) < 0) {
		/* Another file system, one without links, or too many of them. */
		if (errno == EXDEV || errno == EPERM || errno == EMLINK)
			errno = EOPNOTSUPP;
		return fail_errno(err, "link", name);
	}
	return STOA_OK;
}

int stoa__random(void *p, size_t len, struct stoa_error *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom((char *)p + done, len - done, 0);

		if (n < 0 && errno != EINTR)
			return fail_errno(err, "get", "random bytes");
		if (n > 0)
			done += (size_t)n;
	}
	return STOA_OK;
}

/* ---- maps ---- */

int stoa__file_map(int fd, const char *name, size_t len, const uint8_t **out,
		   struct stoa_error *err)
{
	void *p;

	*out = NULL;
	if (fault())
		return fail_errno(err, "map", name);
	p = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return fail_errno(err, "map", name);
	*out = p;
	return STOA_OK;
}

void stoa__file_unmap(const uint8_t *p, size_t len)
{
	if (p)
		munmap((void *)(uintptr_t)p, len);
}

int stoa__file_populate(const uint8_t *p, size_t len, const char *name, uint64_t offset,
			struct stoa_error *err)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)p & ~(page - 1);
	int rc;

	if (fault())
		return fail_errno_at(err, "read", name, offset);
	do
		rc = madvise((void *)from, (uintptr_t)p + len - from, MADV_POPULATE_READ);
	while (rc < 0 && errno == EINTR);
	if (rc < 0 && errno != EINVAL && errno != ENOSYS)
		return fail_errno_at(err, "read", name, offset);
	return STOA_OK;
}
