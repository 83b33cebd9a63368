/* SPDX-License-Identifier: MIT */
/*
 * machine.c - the machine in words, and the versions of what is compared
 *
 * Only what a reader needs to judge a figure: processor, caches, memory, file system. Never a
 * host's name or a path.
 */
#include "bench.h"
#include "duckdb.h"
#include "ours.h"
#include "redis.h"
#include "rocksdb.h"

#include <lmdb.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The value of @key in /proc/cpuinfo. */
static void cpu_field(const char *key, char *out, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[4096];

	out[0] = 0;
	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, strlen(key)) != 0)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(out, size, "%s", colon + 1 + (colon[1] == ' '));
		break;
	}
	if (f)
		fclose(f);
}

static const char *vector_words(void)
{
	char flags[4096];

	cpu_field("flags", flags, sizeof(flags));
	if (strstr(flags, " avx512bw"))
		return "AVX-512";
	if (strstr(flags, " avx2"))
		return "AVX2";
	return "no AVX2";
}

static const char *file_system_words(void)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{ 0xEF53, "ext4" },      { 0x9123683E, "btrfs" },   { 0x58465342, "xfs" },
		{ 0x01021994, "tmpfs" }, { 0x794c7630, "overlay" }, { 0x2FC12FC1, "zfs" },
		{ 0x6969, "nfs" },
	};
	struct statfs fs;

	if (statfs(bench_config.dir, &fs) == 0)
		for (size_t i = 0; i < BENCH_COUNT(known); i++)
			if ((unsigned long)fs.f_type == known[i].magic)
				return known[i].name;
	return "another file system";
}

/* "L2 1024K", ... from the kernel's tables; sysconf() tells of the host's where there is one. */
static void cache_words(char *out, size_t size)
{
	size_t len = 0;

	out[0] = 0;
	for (int i = 0; i < 8 && len < size; i++) {
		static const char *const fields[] = { "level", "size", "type" };
		char path[96], text[3][32] = { "", "", "" };

		for (int field = 0; field < 3; field++) {
			snprintf(path, sizeof(path),
				 "/sys/devices/system/cpu/cpu0/cache/index%d/%s", i, fields[field]);
			FILE *f = fopen(path, "re");
			if (!f)
				return;
			if (fscanf(f, "%31s", text[field]) != 1)
				text[field][0] = 0;
			fclose(f);
		}
		if (strcmp(text[2], "Instruction") != 0)
			len += (size_t)snprintf(out + len, size - len, "L%s %s, ", text[0],
						text[1]);
	}
}

/* In a child, since a library that is loaded would stay: the version is its answer. */
static const struct {
	const char *name;
	const char *(*version)(void);
} found_at_run_time[] = {
	{ "DuckDB", bench_duckdb_version },
	{ "RocksDB", bench_rocksdb_version },
	{ "Redis", bench_redis_version },
};

static void find_version(const struct bench_case *c, const struct bench_entry *e)
{
	(void)c;
	const char *version = found_at_run_time[e->arg].version();
	bench_answer_text(version, strlen(version));
}

static void describe_versions(char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "stoa %s, SQLite %s, LMDB %d.%d.%d",
				      stoa_version(), sqlite3_libversion(), MDB_VERSION_MAJOR,
				      MDB_VERSION_MINOR, MDB_VERSION_PATCH);

	for (size_t i = 0; i < BENCH_COUNT(found_at_run_time) && len < size; i++) {
		struct bench_entry e = { .arg = (int)i };
		struct bench_run run;

		bench_run_child(find_version, NULL, &e, 0, &run);
		run.answer[strcspn(run.answer, "|")] = 0;
		len += (size_t)snprintf(out + len, size - len, ", %s %.32s",
					found_at_run_time[i].name,
					run.state == BENCH_OK ? run.answer : "not found");
	}
	if (len < size)
		snprintf(out + len, size - len, "; compiler %s", __VERSION__);
}

void bench_machine_describe(struct bench_machine *out)
{
	char model[128], caches[128];
	struct utsname os;
	double gib =
		(double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (double)(1 << 30);

	cpu_field("model name", model, sizeof(model));
	cache_words(caches, sizeof(caches));
	uname(&os);
	snprintf(out->words, sizeof(out->words),
		 "%ld processors (%s, %s), %s%.0f GiB memory, %s, %s %.*s",
		 sysconf(_SC_NPROCESSORS_ONLN), model[0] ? model : os.machine, vector_words(),
		 caches, gib, file_system_words(), os.sysname,
		 (int)strspn(os.release, "0123456789."), os.release);
	describe_versions(out->versions, sizeof(out->versions));
}
