/* SPDX-License-Identifier: MIT */
/* testing.c - see testing.h */
#include "testing.h"

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

char *testing_tempdir(void)
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/stoa-test-XXXXXX", base && *base ? base : "/tmp") < 0)
		fail_msg("out of memory");
	if (!mkdtemp(path))
		fail_msg("cannot make %s", path);
	return path;
}

#define ROOM_BYTES ((uint64_t)2 << 30)

void testing_in_memory(void)
{
	struct statvfs v;

	if (access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &v) == 0 &&
	    (uint64_t)v.f_bavail * v.f_frsize >= ROOM_BYTES)
		setenv("TMPDIR", "/dev/shm", 0);
}

void *testing_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

void must(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), err->text);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void testing_rmtree(char *path)
{
	if (!path)
		return;
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
}

const char *testing_path(const char *dir, const char *name)
{
	static _Thread_local char buf[8][4096];
	static _Thread_local unsigned turn;
	char *p = buf[turn++ % 8];

	snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

size_t testing_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

uint64_t testing_seed(void)
{
	static uint64_t seed;
	static bool known;
	const char *s = getenv("STOA_SEED");

	if (known)
		return seed;
	if (s && *s) {
		seed = strtoull(s, NULL, 0);
	} else {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		seed = (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec;
		seed = (seed ^ (uint64_t)getpid() << 40) % 1000000000u;
	}
	known = true;
	printf("STOA_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	return seed;
}

bool testing_long(void)
{
	const char *s = getenv("STOA_LONG");

	return s && *s && strcmp(s, "0") != 0;
}
