/* SPDX-License-Identifier: MIT */
/*
 * real.c - data that nobody made for a bench, as CSV
 *
 *     flights     3 million flights of 2001 (npm's vega-datasets), a Parquet file that DuckDB
 *                 turns into CSV; fewer at a scale factor below 1
 *     packages    what apt knows of this system's packages: names, versions, dependencies and
 *                 descriptions, with commas, quotes, and newlines within fields
 *
 * The package index is this machine's and so differs from one to another; entries of one run all
 * load the same.
 */
#include "bench.h"
#include "duckdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- flights ---- */

#define FLIGHTS 3000000
#define PARQUET ".peers/node_modules/vega-datasets/data/flights-3m.parquet"

static const char *find_flights(void)
{
	static const char *const places[] = { PARQUET, "bench/" PARQUET };
	const char *named = getenv("STOA_FLIGHTS");

	if (named && access(named, R_OK) == 0)
		return named;
	for (size_t i = 0; i < BENCH_COUNT(places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	bench_skip("no flights-3m.parquet: run bench/peers.sh, or set STOA_FLIGHTS");
}

const char *bench_flights_csv(void)
{
	const char *path = bench_path_sf("flights", "csv");
	double sf = bench_config.sf < 1 ? bench_config.sf : 1;
	struct bench_duckdb d;

	if (bench_made(path))
		return path;
	const char *parquet = find_flights();
	bench_duckdb_open(&d, NULL, 1);
	bench_duckdb_exec(&d,
			  "COPY (SELECT date, delay, distance, origin, destination FROM '%s' "
			  "LIMIT %.0f) TO '%s' (FORMAT csv, HEADER true)",
			  parquet, FLIGHTS * sf, path);
	bench_duckdb_close(&d);
	bench_note_made(path, false);
	return path;
}

/* ---- packages ---- */

#define FIELD_MAX 65536
#define PACKAGES_MIN 1000 /* fewer: apt has no lists here */

/* Column, and the field of apt's that it comes from. */
static const struct {
	const char *column;
	const char *key;
} fields[] = {
	{ "package", "Package" },
	{ "version", "Version" },
	{ "architecture", "Architecture" },
	{ "section", "Section" },
	{ "priority", "Priority" },
	{ "installed_size", "Installed-Size" },
	{ "size", "Size" },
	{ "maintainer", "Maintainer" },
	{ "homepage", "Homepage" },
	{ "depends", "Depends" },
	{ "description", "Description" },
	{ "tag", "Tag" },
};
#define N_FIELDS BENCH_COUNT(fields)

struct package {
	char values[N_FIELDS][FIELD_MAX];
	size_t lens[N_FIELDS];
	size_t current; /* the field that a continued line belongs to; N_FIELDS for none */
};

static void add(struct package *p, const char *s, size_t len)
{
	size_t at = p->lens[p->current];

	if (at + len >= FIELD_MAX)
		len = FIELD_MAX - 1 - at;
	memcpy(p->values[p->current] + at, s, len);
	p->lens[p->current] += len;
}

/* "Key: value", or " more of the value before", which keeps its newline and its space. */
static void take_line(struct package *p, const char *line, size_t len)
{
	if (*line == ' ') {
		if (p->current == N_FIELDS)
			return;
		add(p, "\n", 1);
		add(p, line, len);
		return;
	}
	size_t key = strcspn(line, ":");
	for (p->current = 0; p->current < N_FIELDS; p->current++)
		if (strlen(fields[p->current].key) == key &&
		    memcmp(fields[p->current].key, line, key) == 0)
			break;
	if (p->current < N_FIELDS && key + 2 <= len)
		add(p, line + key + 2, len - key - 2);
}

/* Quoted where CSV needs it; an absent field is empty, which is NULL. */
static void write_field(FILE *f, const char *s, size_t len)
{
	bool quoted = memchr(s, ',', len) || memchr(s, '"', len) || memchr(s, '\n', len);

	if (quoted)
		putc('"', f);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			putc('"', f);
		putc(s[i], f);
	}
	if (quoted)
		putc('"', f);
}

static void write_package(FILE *f, struct package *p)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		write_field(f, p->values[i], p->lens[i]);
		putc(i + 1 < N_FIELDS ? ',' : '\n', f);
	}
}

static uint64_t write_packages(FILE *f, FILE *from)
{
	static struct package p;
	char *line = NULL;
	size_t room = 0;
	uint64_t n = 0;
	ssize_t len;

	p.current = N_FIELDS;
	for (size_t i = 0; i < N_FIELDS; i++)
		fprintf(f, "%s%s", fields[i].column, i + 1 < N_FIELDS ? "," : "\n");
	while ((len = getline(&line, &room, from)) > 0) {
		if (len > 1) {
			take_line(&p, line, (size_t)len - (line[len - 1] == '\n'));
			continue;
		}
		if (p.lens[0]) {
			write_package(f, &p);
			n++;
		}
		memset(p.lens, 0, sizeof(p.lens));
		p.current = N_FIELDS;
	}
	free(line);
	return n;
}

const char *bench_packages_csv(void)
{
	const char *path = bench_path("packages.csv");

	if (bench_made(path))
		return path;
	FILE *from = popen("apt-cache dumpavail 2>/dev/null", "re");
	FILE *f = fopen(path, "we");
	if (!f)
		bench_die("%s: %s", path, strerror(errno));
	uint64_t n = from ? write_packages(f, from) : 0;
	if (from)
		pclose(from);
	if (fclose(f) != 0)
		bench_die("%s: %s", path, strerror(errno));
	if (n < PACKAGES_MIN)
		bench_skip("apt has no lists of packages here: apt-get update");
	bench_note_made(path, false);
	return path;
}
