/* SPDX-License-Identifier: MIT */
/*
 * scan.c - a lazy scan over more rows than memory would hold as objects
 *
 *     scan [ROWS [DB]]      default: 20,000,000 rows in scan.stoa, which must not be there yet
 *
 * Twenty million taxi rides are made up, appended, and then scanned a batch at a time: who rode
 * furthest, and how far all rode. As Python objects of the same fields they would take some 4 GB
 * (about 200 bytes each). The heap of this process stays at a few megabytes, which it prints as the
 * kernel counts them (RssAnon); pages of mapped files come and go as the kernel likes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/stoa.h"

#define BATCH STOA_BATCH_MAX

static const struct stoa_slot slots[] = {
	{ .name = "ride", .type = STOA_I64, .flags = STOA_NOT_NULL },
	{ .name = "driver", .type = STOA_U32, .flags = STOA_NOT_NULL },
	{ .name = "meters", .type = STOA_I32, .flags = STOA_NOT_NULL },
	{ .name = "fare", .type = STOA_DECIMAL, .precision = 9, .scale = 2,
	  .flags = STOA_NOT_NULL },
};

#define N_SLOTS (sizeof(slots) / sizeof(slots[0]))

static struct stoa_error err;

static void must(int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "scan: %s: %s\n", stoa_result_name(rc), err.text);
	exit(1);
}

/* Megabytes that the process holds beyond files, from /proc; 0 where there is none. */
static double heap_megabytes(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return (double)kb / 1024;
}

static void append(stoa_appender *app, uint64_t first, size_t n)
{
	static int64_t ride[BATCH], fare[BATCH];
	static uint32_t driver[BATCH];
	static int32_t meters[BATCH];
	const struct stoa_array columns[N_SLOTS] = {
		{ STOA_I64, 0, ride, NULL },
		{ STOA_U32, 0, driver, NULL },
		{ STOA_I32, 0, meters, NULL },
		{ STOA_DECIMAL, 2, fare, NULL },
	};

	for (size_t i = 0; i < n; i++) {
		uint64_t x = (first + i + 1) * 0x9e3779b97f4a7c15u >> 32;

		ride[i] = (int64_t)(first + i);
		driver[i] = (uint32_t)(x % 20000);
		meters[i] = 300 + (int32_t)(x / 3 % 30000);
		fare[i] = 350 + meters[i] / 5;
	}
	must(stoa_append(app, columns, N_SLOTS, n, &err));
}

static void fill(stoa_db *db, uint64_t n_rows)
{
	stoa_appender *app;
	stoa_table table;
	stoa_txn *txn;

	must(stoa_begin(db, STOA_WRITE, &txn, &err));
	must(stoa_table_create(txn, "ride", slots, N_SLOTS, &table, &err));
	must(stoa_appender_open(txn, table, &app, &err));
	for (uint64_t at = 0; at < n_rows; at += BATCH)
		append(app, at, n_rows - at < BATCH ? n_rows - at : BATCH);
	must(stoa_appender_close(app, &err));
	must(stoa_commit(txn, &err));
}

/* Two of the four columns: the others are not even looked at. */
static void scan(stoa_db *db)
{
	static const uint32_t wanted[] = { 2, 3 };	/* meters, fare */
	int64_t meters_sum = 0, fare_sum = 0;
	int32_t furthest = 0;
	uint64_t n_rows = 0;
	double peak = 0, now;
	struct stoa_batch b;
	stoa_table table;
	stoa_cursor *cur;
	stoa_txn *txn;
	int rc;

	must(stoa_begin(db, STOA_READ, &txn, &err));
	must(stoa_table_find(txn, "ride", &table, &err));
	must(stoa_scan(txn, table, wanted, 2, &cur, &err));
	while ((rc = stoa_next_batch(cur, &b, &err)) == STOA_ROW) {
		const int32_t *meters = b.columns[0].values;
		const int64_t *fare = b.columns[1].values;

		for (size_t i = 0; i < b.n_rows; i++) {
			meters_sum += meters[i];
			fare_sum += fare[i];
			if (meters[i] > furthest)
				furthest = meters[i];
		}
		/* Reading /proc costs more than a batch does. */
		if (n_rows / 4000000 != (n_rows + b.n_rows) / 4000000 || n_rows == 0) {
			now = heap_megabytes();
			peak = now > peak ? now : peak;
		}
		n_rows += b.n_rows;
	}
	must(rc);
	stoa_cursor_close(cur);
	stoa_abort(txn);
	printf("%llu rides, %.1f million km, %lld.%02lld paid, the longest %.1f km\n",
	       (unsigned long long)n_rows, (double)meters_sum / 1e9, (long long)(fare_sum / 100),
	       (long long)(fare_sum % 100), furthest / 1000.0);
	printf("heap while scanning: %.0f MB; as objects the rides would take %.0f MB\n", peak,
	       (double)n_rows * 200 / 1e6);
}

int main(int argc, char **argv)
{
	uint64_t n_rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000000;
	struct stoa_options options = STOA_OPTIONS_INIT;
	stoa_db *db;

	options.flags = STOA_OPEN_EXCLUSIVE;
	must(stoa_open(argc > 2 ? argv[2] : "scan.stoa", &options, &db, &err));
	fill(db, n_rows);
	scan(db);
	must(stoa_close(db, &err));
	return 0;
}
