/* SPDX-License-Identifier: MIT */
/*
 * util.c - clocks, memory, files: the small change of the bench
 *
 * Memory is what the kernel says, for stoa as for every peer: VmHWM of /proc/self/status is the
 * peak of all resident pages, mapped files included; RssAnon counts pages that only memory backs,
 * so that neither a library's code nor a mapped file is taken for data.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int bench_compare_double(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t n, double p)
{
	qsort(values, n, sizeof(*values), bench_compare_double);
	return n ? values[(size_t)(p * (double)(n - 1) + 0.5)] : 0;
}

/* ---- memory ---- */

static uint64_t status_bytes(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kib = 0;

	if (!f)
		bench_die("/proc/self/status: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtoull(line + strlen(key), NULL, 10);
	fclose(f);
	return kib << 10;
}

uint64_t bench_rss_peak(void)
{
	return status_bytes("VmHWM:");
}

uint64_t bench_rss_heap(void)
{
	malloc_trim(0);
	return status_bytes("RssAnon:");
}

void bench_rss_reset(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	/* 5 resets VmHWM; where that is not allowed the peak includes what came before. */
	if (fd >= 0) {
		ssize_t n = write(fd, "5", 1);

		(void)n;
		close(fd);
	}
}

/* ---- files ---- */

/* Paths are few and needed to the end: they are never freed. */
static const char *keep(const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		bench_die("no memory for a path");
	return copy;
}

const char *bench_path(const char *name)
{
	char path[BENCH_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", bench_config.dir, name);
	return keep(path);
}

const char *bench_path_sf(const char *stem, const char *suffix)
{
	char path[BENCH_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s-sf%g.%s", bench_config.dir, stem, bench_config.sf,
		 suffix);
	return keep(path);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)st;
	(void)flag;
	(void)where;
	return remove(path);
}

void bench_remove(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		bench_die("cannot remove %s: %s", path, strerror(errno));
}

static uint64_t bytes_seen;

static int count_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	(void)path;
	(void)where;
	if (flag == FTW_F)
		bytes_seen += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t bench_disk_bytes(const char *path)
{
	bytes_seen = 0;
	if (nftw(path, count_one, 16, FTW_PHYS) != 0)
		bench_die("cannot measure %s: %s", path, strerror(errno));
	return bytes_seen;
}

void bench_read_through(const char *path)
{
	static char buffer[1 << 20];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		bench_die("%s: %s", path, strerror(errno));
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
}

void bench_sync(void)
{
	sync();
}

/* ---- what is made already ---- */

static void note_path(const char *path, char *out)
{
	snprintf(out, BENCH_PATH_MAX, "%s.made", path);
}

/* The note holds "any", or the number of the bench process that made it, our parent. */
bool bench_made(const char *path)
{
	char name[BENCH_PATH_MAX];
	char text[32] = "";

	note_path(path, name);
	FILE *f = fopen(name, "re");
	if (!f)
		return false;
	char *got = fgets(text, sizeof(text), f);
	fclose(f);
	return got && (strcmp(text, "any") == 0 || atoi(text) == (int)getppid());
}

void bench_note_made(const char *path, bool ours)
{
	char name[BENCH_PATH_MAX];

	note_path(path, name);
	FILE *f = fopen(name, "we");
	if (!f)
		bench_die("%s: %s", name, strerror(errno));
	if (ours)
		fprintf(f, "%d", (int)getppid());
	else
		fputs("any", f);
	if (fclose(f) != 0)
		bench_die("%s: %s", name, strerror(errno));
}
