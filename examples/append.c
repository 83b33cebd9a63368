/* SPDX-License-Identifier: MIT */
/*
 * append.c - many rows at once: a columnar appender fed from plain arrays
 *
 *     append [ROWS [DB]]      default: 1,000,000 rows in memory
 *
 * A million sensor readings of five slots, in batches of 2,048, then how much memory they take. An
 * array per slot goes in, a bitmap says which readings are missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/stoa.h"

#define BATCH STOA_BATCH_MAX
#define N_ROOMS 500

static const struct stoa_slot slots[] = {
	{ .name = "at", .type = STOA_TIMESTAMP, .flags = STOA_NOT_NULL },
	{ .name = "room", .type = STOA_STRING, .flags = STOA_NOT_NULL },
	{ .name = "celsius", .type = STOA_F64 },
	{ .name = "people", .type = STOA_I32, .flags = STOA_NOT_NULL },
	{ .name = "window_open", .type = STOA_BOOL, .flags = STOA_NOT_NULL },
};

#define N_SLOTS (sizeof(slots) / sizeof(slots[0]))

/* A batch as any program has it: a C array per slot. */
struct readings {
	int64_t at[BATCH];
	struct stoa_bytes room[BATCH];
	double celsius[BATCH];
	uint64_t celsius_known[BATCH / 64];
	int32_t people[BATCH];
	uint8_t window_open[BATCH];
};

static struct stoa_error err;
static char rooms[N_ROOMS][20];

static void must(int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "append: %s: %s\n", stoa_result_name(rc), err.text);
	exit(1);
}

static void measure(struct readings *r, uint64_t first, size_t n)
{
	memset(r->celsius_known, 0xff, sizeof(r->celsius_known));
	for (size_t i = 0; i < n; i++) {
		uint64_t x = (first + i) * 0x9e3779b97f4a7c15u >> 32;

		r->at[i] = (int64_t)(1767225600 + first + i) * 1000000;
		r->room[i].p = rooms[x % N_ROOMS];
		r->room[i].len = (uint32_t)strlen(rooms[x % N_ROOMS]);
		r->celsius[i] = 18.0 + (double)(x % 80) / 10;
		r->people[i] = (int32_t)(x / 7 % 12);
		r->window_open[i] = x % 5 == 0;
		if (x % 100 == 0)
			r->celsius_known[i / 64] &= ~((uint64_t)1 << i % 64);
	}
}

static void append(stoa_appender *app, uint64_t first, size_t n)
{
	static struct readings r;
	const struct stoa_array columns[N_SLOTS] = {
		{ STOA_TIMESTAMP, 0, r.at, NULL },
		{ STOA_STRING, 0, r.room, NULL },
		{ STOA_F64, 0, r.celsius, r.celsius_known },
		{ STOA_I32, 0, r.people, NULL },
		{ STOA_BOOL, 0, r.window_open, NULL },
	};

	measure(&r, first, n);
	must(stoa_append(app, columns, N_SLOTS, n, &err));
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	uint64_t n_rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct stoa_stat st = STOA_STAT_INIT;
	stoa_appender *app;
	stoa_table table;
	stoa_txn *txn;
	stoa_db *db;
	double start;

	for (int i = 0; i < N_ROOMS; i++)
		snprintf(rooms[i], sizeof(rooms[i]), "room %d", i);
	must(stoa_open(argc > 2 ? argv[2] : NULL, NULL, &db, &err));
	must(stoa_begin(db, STOA_WRITE, &txn, &err));
	must(stoa_table_create(txn, "reading", slots, N_SLOTS, &table, &err));

	start = seconds();
	must(stoa_appender_open(txn, table, &app, &err));
	for (uint64_t at = 0; at < n_rows; at += BATCH)
		append(app, at, n_rows - at < BATCH ? n_rows - at : BATCH);
	must(stoa_appender_close(app, &err));
	must(stoa_commit(txn, &err));
	printf("%llu readings appended, %.1f million a second\n", (unsigned long long)n_rows,
	       (double)n_rows / 1e6 / (seconds() - start));

	must(stoa_begin(db, STOA_READ, &txn, &err));
	must(stoa_stat(txn, 0, &st, &err));
	printf("%.1f bytes of memory for each, all told\n",
	       (double)st.memory_bytes / (double)n_rows);
	if (st.disk_bytes > 0)
		printf("%.1f bytes of disk\n", (double)st.disk_bytes / (double)n_rows);
	stoa_abort(txn);
	must(stoa_close(db, &err));
	return 0;
}
