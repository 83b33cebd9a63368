/* SPDX-License-Identifier: MIT */
/*
 * case_append.c - columns from C arrays into a durable database, and how that grows
 *
 * Five slots of fixed width (i64, f64, i32, date, bool). Arrays of 65,536 rows are filled, which is
 * not timed, and given to the appender, which is; as is making the database, its commit or
 * checkpoint, and closing it. `scale` does the same with 1, 10 and 100 million rows, and before
 * that with about a million in a process of its own: rate and memory should stay what they are
 * there. "About": with as many rows behind the last full 65,536, since those wait in arrays, and
 * would be taken for growth.
 *
 * A million rows are 9 MB and go to the disk in one go; of 100 million the disk gets a gigabyte, and
 * may be the slower. So as many bytes as the load has left are written once more, from an array into
 * a file, past the page cache as the load's are, with one sync: "of a bare write" is that time in
 * parts of the load's, and at 1 the load cannot be faster. `scale-memory` is the load without a disk, in /dev/shm.
 */
#include "bench.h"
#include "duckdb.h"
#include "ours.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS 65536
#define MILLION 1000000

#define N_COLUMNS 5

struct numbers {
	int64_t id[ROWS];
	double price[ROWS];
	int32_t quantity[ROWS];
	int32_t day[ROWS];
	uint8_t flag[ROWS];
};

static struct numbers *numbers_new(struct stoa_array columns[N_COLUMNS])
{
	struct numbers *b = malloc(sizeof(*b));

	if (!b)
		bench_die("no memory for %d rows", ROWS);
	columns[0] = (struct stoa_array){ .type = STOA_I64, .values = b->id };
	columns[1] = (struct stoa_array){ .type = STOA_F64, .values = b->price };
	columns[2] = (struct stoa_array){ .type = STOA_I32, .values = b->quantity };
	columns[3] = (struct stoa_array){ .type = STOA_DATE, .values = b->day };
	columns[4] = (struct stoa_array){ .type = STOA_BOOL, .values = b->flag };
	return b;
}

/* Fills rows @first and on, at most ROWS of @n_rows in all; returns how many. */
static size_t fill(struct numbers *b, uint64_t first, uint64_t n_rows)
{
	size_t n = n_rows - first < ROWS ? (size_t)(n_rows - first) : ROWS;
	uint64_t state = bench_config.seed ^ first;

	for (size_t i = 0; i < n; i++) {
		uint64_t x = bench_random(&state);

		b->id[i] = (int64_t)(first + i);
		b->price[i] = (double)(x % 1000000) / 100;
		b->quantity[i] = (int32_t)(x >> 32) & 1023;
		b->day[i] = 10000 + (int32_t)(x >> 42) % 3650;
		b->flag[i] = x >> 63;
	}
	return n;
}

/* What is in the table, for comparison. */
static const char question[] =
	"SELECT count(*) AS n, sum(id) AS id, sum(quantity) AS quantity, sum(price) AS price, "
	"sum(CASE WHEN flag THEN 1 ELSE 0 END) AS flag FROM numbers";

/* ---- one load each; returns its seconds ---- */

static uint64_t disk_bytes, peak_bytes; /* of the last load */

static double load_stoa(const char *path, uint64_t n_rows, bool answer)
{
	struct stoa_array columns[N_COLUMNS];
	struct numbers *b = numbers_new(columns);
	struct stoa_error err;
	stoa_appender *app;

	bench_remove(path);
	double start = bench_now();
	double filling = 0;
	stoa_db *db = bench_stoa_open(path);
	stoa_txn *txn = bench_stoa_begin(db, STOA_WRITE);
	stoa_table table = bench_stoa_create(txn, &bench_numbers_schema);
	bench_stoa_check(stoa_appender_open(txn, table, &app, &err), &err);
	for (uint64_t first = 0; first < n_rows; first += ROWS) {
		double from = bench_now();
		size_t n = fill(b, first, n_rows);

		filling += bench_now() - from;
		bench_stoa_check(stoa_append(app, columns, N_COLUMNS, n, &err), &err);
	}
	bench_stoa_check(stoa_appender_close(app, &err), &err);
	bench_stoa_commit(txn);
	bench_stoa_close(db);
	double seconds = bench_now() - start - filling;
	peak_bytes = bench_rss_peak();
	disk_bytes = bench_disk_bytes(path);
	if (answer)
		bench_stoa_answer(path, question);
	bench_remove(path);
	free(b);
	return seconds;
}

static double load_duckdb(uint64_t n_rows, bool answer)
{
	const char *path = bench_path("append.duckdb");
	struct stoa_array columns[N_COLUMNS];
	struct numbers *b = numbers_new(columns);
	struct bench_duckdb d;
	void *chunk;

	bench_duckdb_load();
	bench_remove(path);
	double start = bench_now();
	double filling = 0;
	bench_duckdb_open(&d, path, 1);
	bench_duckdb_create(&d, &bench_numbers_schema);
	bench_duckdb_exec(&d, "BEGIN");
	void *app = bench_duckdb_appender(&d, &bench_numbers_schema, &chunk);
	for (uint64_t first = 0; first < n_rows; first += ROWS) {
		double from = bench_now();
		size_t n = fill(b, first, n_rows);

		filling += bench_now() - from;
		bench_duckdb_append(app, chunk, columns, N_COLUMNS, n);
	}
	bench_duckdb_appender_close(app, chunk);
	bench_duckdb_exec(&d, "COMMIT");
	bench_duckdb_exec(&d, "CHECKPOINT");
	bench_duckdb_close(&d);
	double seconds = bench_now() - start - filling;
	peak_bytes = bench_rss_peak();
	disk_bytes = bench_disk_bytes(path);
	if (answer) {
		bench_duckdb_open(&d, path, 1);
		bench_duckdb_query(&d, question, true);
		bench_duckdb_close(&d);
	}
	bench_remove(path);
	free(b);
	return seconds;
}

/* ---- the cases ---- */

enum { STOA, DUCKDB, STOA_IN_MEMORY };

#define MEMORY_FOLDER "/dev/shm"
#define MEMORY_PATH MEMORY_FOLDER "/stoa-bench.stoa"

static double load(const struct bench_entry *e, uint64_t n_rows, bool answer)
{
	bench_sync();
	bench_rss_reset();
	if (e->arg == DUCKDB)
		return load_duckdb(n_rows, answer);
	return load_stoa(e->arg == STOA_IN_MEMORY ? MEMORY_PATH : bench_path("append.stoa"), n_rows,
			 answer);
}

static void run_appender(const struct bench_case *c, const struct bench_entry *e)
{
	double n_rows = (double)c->arg * MILLION;

	bench_metric("rate", "rows/s", BENCH_MORE, n_rows / load(e, (uint64_t)n_rows, true));
	bench_metric("disk", "B/row", BENCH_LESS, (double)disk_bytes / n_rows);
}

struct measured {
	double rate;
	double peak_bytes;
};

static void measure(const struct bench_entry *e, double n_rows, bool answer, struct measured *out)
{
	out->rate = n_rows / load(e, (uint64_t)n_rows, answer);
	out->peak_bytes = (double)peak_bytes;
}

/* In a process of its own, as memory that an allocator keeps would count for what comes next. */
static struct measured measure_apart(const struct bench_entry *e, double n_rows)
{
	struct measured *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (page == MAP_FAILED)
		bench_die("no memory for a result");
	pid_t pid = bench_fork();
	if (pid == 0) {
		measure(e, n_rows, false, page);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		bench_die("cannot run the first million: %s", strerror(errno));
	if (status != 0)
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1); /* it has said why */
	struct measured result = *page;
	munmap(page, sizeof(*page));
	return result;
}

#define PIECE_BYTES ((size_t)2 << 20) /* of a bare write */

/* Seconds that @n_bytes take to the disk if nothing is to be done but to write them. */
static double bare_write(uint64_t n_bytes)
{
	const char *path = bench_path("append.bare");
	uint64_t *piece = aligned_alloc(4096, PIECE_BYTES), state = bench_config.seed;

	if (!piece)
		bench_die("no memory for a bare write");
	for (size_t i = 0; i < PIECE_BYTES / sizeof(*piece); i++)
		piece[i] = bench_random(&state);
	bench_remove(path);
	bench_sync();
	double start = bench_now();
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	(void)fcntl(fd, F_SETFL, O_DIRECT); /* where the file system can */
	for (uint64_t at = 0; at < n_bytes; at += PIECE_BYTES)
		if (write(fd, piece, PIECE_BYTES) != (ssize_t)PIECE_BYTES)
			bench_die("%s: %s", path, strerror(errno));
	if (fdatasync(fd) != 0 || close(fd) != 0)
		bench_die("%s: %s", path, strerror(errno));
	double seconds = bench_now() - start;
	bench_remove(path);
	free(piece);
	return seconds;
}

/* About a million rows, with the same rest behind full arrays as @n_rows have. */
static double base_rows(double n_rows)
{
	return (double)((uint64_t)n_rows % ROWS + MILLION / ROWS * ROWS);
}

static void need_memory_folder(double n_rows)
{
	struct statvfs fs;

	if (statvfs(MEMORY_FOLDER, &fs) != 0 ||
	    (double)fs.f_bavail * (double)fs.f_frsize < n_rows * 20)
		bench_skip(MEMORY_FOLDER " has no room for %.0f million rows", n_rows / MILLION);
}

static void run_scale(const struct bench_case *c, const struct bench_entry *e)
{
	double n_rows = (double)c->arg * MILLION;

	if (e->arg == STOA_IN_MEMORY)
		need_memory_folder(n_rows);
	struct measured base = measure_apart(e, base_rows(n_rows));
	struct measured m;

	measure(e, n_rows, true, &m);
	bench_metric("rate", "rows/s", BENCH_MORE, m.rate);
	bench_metric("rate / 1M rows'", "", BENCH_MORE, m.rate / base.rate);
	if (e->arg != STOA_IN_MEMORY)
		bench_metric("of a bare write", "", BENCH_MORE,
			     bare_write(disk_bytes) * m.rate / n_rows);
	bench_metric("peak memory", "MB", BENCH_LESS, m.peak_bytes / 1e6);
	bench_metric("memory / 1M rows'", "", BENCH_LESS, m.peak_bytes / base.peak_bytes);
	bench_metric("disk", "B/row", BENCH_LESS, (double)disk_bytes / n_rows);
}

#define STOA_SETTINGS "durable database, defaults, stoa_append() of 65,536 rows"
#define DUCKDB_SETTINGS "file, threads=1, appender with data chunks of its vector size, CHECKPOINT"

static const struct bench_entry appenders[] = {
	{ "stoa", STOA_SETTINGS, NULL, run_appender, STOA },
	{ "duckdb", DUCKDB_SETTINGS, NULL, run_appender, DUCKDB },
};

static const struct bench_entry scales[] = {
	{ "stoa", STOA_SETTINGS, NULL, run_scale, STOA },
	{ "duckdb", DUCKDB_SETTINGS, NULL, run_scale, DUCKDB },
};

static const struct bench_entry memory_scales[] = {
	{ "stoa", "the same in " MEMORY_FOLDER ", where files are memory", NULL, run_scale,
	  STOA_IN_MEMORY },
};

static const struct bench_target append_targets[] = {
	{ "rate", NULL, 20e6 },
};

static const struct bench_target scale_targets[] = {
	{ "rate / 1M rows'", NULL, 0.9 },
	{ "memory / 1M rows'", NULL, 1.05 },
};

#define SCALE(name, title, entries, millions)                              \
	{                                                                  \
		name, title, entries, BENCH_COUNT(entries), scale_targets, \
			BENCH_COUNT(scale_targets), millions               \
	}

const struct bench_case bench_append_cases[] = {
	{ "appender", "10 million rows of 5 fixed-width slots from C arrays, 1 thread", appenders,
	  BENCH_COUNT(appenders), append_targets, BENCH_COUNT(append_targets), 10 },
	SCALE("scale-1m", "1 million generated rows through the appender", scales, 1),
	SCALE("scale-10m", "10 million generated rows through the appender", scales, 10),
	SCALE("scale-100m", "100 million generated rows through the appender", scales, 100),
	SCALE("scale-memory", "100 million generated rows through the appender, without a disk",
	      memory_scales, 100),
	{ 0 },
};
