/* SPDX-License-Identifier: MIT */
/*
 * bench.c - stoa bench FILE.csv: how fast your own file loads, here and elsewhere
 *
 * The runner of bench/ (../bench/bench.h) with one case. Every run is a process of its own that
 * makes a database from nothing and closes it; stoa and its peers take turns. DuckDB's library is
 * loaded if it is there, SQLite is its own shell; what is not there is left out and said so.
 */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench/bench.h"
#include "../bench/duckdb.h"

#define ROUNDS 3

enum { ORDER_KEPT, UNORDERED };

static struct {
	const char *csv;
	uint64_t csv_bytes;
	unsigned n_threads;
} job;

/* What a run did from @start on: the file is in the database, and the database on disk. */
static void measure(double start, const char *db, uint64_t peak)
{
	double seconds = bench_now() - start;

	bench_metric("time", "s", BENCH_LESS, seconds);
	bench_metric("rate", "MB/s", BENCH_MORE, (double)job.csv_bytes / 1e6 / seconds);
	bench_metric("peak memory", "MB", BENCH_LESS, (double)peak / 1e6);
	bench_metric("disk", "MB", BENCH_LESS, (double)bench_disk_bytes(db) / 1e6);
	bench_remove(db);
}

static void answer(uint64_t rows)
{
	bench_answer_number((double)rows);
	bench_answer_row();
}

/* The file comes from the page cache for everybody. */
static double begin(void)
{
	bench_read_through(job.csv);
	bench_sync();
	bench_rss_reset();
	return bench_now();
}

static void fail(const struct stoa_error *err) __attribute__((noreturn));
static void fail(const struct stoa_error *err)
{
	if (err->line)
		bench_die("%s (line %llu, column %llu)", err->text, (unsigned long long)err->line,
			  (unsigned long long)err->column);
	bench_die("%s", err->text);
}

static void run_stoa(const struct bench_case *c, const struct bench_entry *e)
{
	struct stoa_csv_options csv = STOA_CSV_OPTIONS_INIT;
	struct stoa_error err;
	const char *path = bench_path("file.stoa");
	uint64_t rows;
	stoa_db *db;
	stoa_txn *txn;
	double start;

	(void)c;
	(void)e;
	csv.n_threads = job.n_threads;
	start = begin();
	if (stoa_open(path, NULL, &db, &err) < 0 || stoa_begin(db, STOA_WRITE, &txn, &err) < 0 ||
	    stoa_import_csv(txn, "t", job.csv, &csv, &rows, &err) < 0 ||
	    stoa_commit(txn, &err) < 0 || stoa_close(db, &err) < 0)
		fail(&err);
	answer(rows);
	measure(start, path, bench_rss_peak());
}

/* @path between quotes of SQL. */
static const char *quoted(const char *path)
{
	static char text[2 * PATH_MAX + 3];
	char *to = text;

	*to++ = '\'';
	for (; *path && to < text + sizeof(text) - 3; path++) {
		if (*path == '\'')
			*to++ = '\'';
		*to++ = *path;
	}
	*to++ = '\'';
	*to = '\0';
	return text;
}

static void run_duckdb(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("file.duckdb");
	struct bench_duckdb d;
	double start;

	(void)c;
	bench_duckdb_load();
	start = begin();
	bench_duckdb_open(&d, path, (int)job.n_threads);
	bench_duckdb_exec(&d, "SET preserve_insertion_order = %s",
			  e->arg == UNORDERED ? "false" : "true");
	bench_duckdb_exec(&d, "CREATE TABLE t AS SELECT * FROM read_csv(%s)", quoted(job.csv));
	bench_duckdb_exec(&d, "CHECKPOINT");
	bench_duckdb_query(&d, "SELECT count(*) FROM t", true);
	bench_duckdb_close(&d);
	measure(start, path, bench_rss_peak());
}

/* Runs sqlite3 with @sql after the import; what it prints is the number of rows. */
static uint64_t import_with_shell(const char *path)
{
	char import[2 * PATH_MAX + 32], line[64] = "";
	int ends[2], status;
	pid_t pid;
	FILE *out;

	snprintf(import, sizeof(import), ".import --csv \"%s\" t", job.csv);
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		bench_die("%s", strerror(errno));
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execlp("sqlite3", "sqlite3", path, import, "SELECT count(*) FROM t", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	out = fdopen(ends[0], "r");
	while (out && fgets(line, sizeof(line), out))
		;
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		bench_die("sqlite3 did not end well");
	if (WEXITSTATUS(status) == 127)
		bench_skip("no sqlite3 command: it is Debian's package sqlite3");
	if (WEXITSTATUS(status) != 0)
		bench_die("sqlite3 ended with exit code %d", WEXITSTATUS(status));
	return strtoull(line, NULL, 10);
}

static void run_sqlite(const struct bench_case *c, const struct bench_entry *e)
{
	const char *path = bench_path("file.sqlite");
	struct rusage used;
	double start;

	(void)c;
	(void)e;
	if (strpbrk(job.csv, "\"\\"))
		bench_skip("its shell takes no file name with quotes or backslashes");
	start = begin();
	answer(import_with_shell(path));
	getrusage(RUSAGE_CHILDREN, &used);
	measure(start, path, (uint64_t)used.ru_maxrss * 1024);
}

static const struct bench_entry entries[] = {
	{ "stoa", "import into a new durable database; dialect and types found out", NULL, run_stoa, 0 },
	{ "duckdb", "CREATE TABLE AS from read_csv(), CHECKPOINT; order of rows kept (its default)", NULL,
	  run_duckdb, ORDER_KEPT },
	{ "duckdb-unordered", "the same with preserve_insertion_order = false", NULL, run_duckdb,
	  UNORDERED },
	{ "sqlite", "its shell's .import --csv: one thread, every column a text", NULL, run_sqlite, 0 },
};

/* One file; all runs of it. */
static int bench_file(const char *path)
{
	struct bench_outcome outcome = { 0 };
	char title[PATH_MAX + 64];
	struct bench_case c = { .name = "load", .title = title, .entries = entries,
				.n_entries = bench_config.peers ? BENCH_COUNT(entries) : 1 };
	bool ok;

	job.csv_bytes = bench_disk_bytes(path);
	job.csv = path;
	snprintf(title, sizeof(title), "%s, %u thread%s, %u round%s", path, job.n_threads,
		 job.n_threads == 1 ? "" : "s", bench_config.rounds, bench_config.rounds == 1 ? "" : "s");
	bench_run_case(&c, &outcome);
	ok = outcome.runs[0][0].state == BENCH_OK && outcome.answers_agree;
	for (size_t e = 0; e < c.n_entries; e++)
		free(outcome.runs[e]);
	return interrupted() ? CLI_INTERRUPTED : ok ? CLI_OK : CLI_FAILURE;
}

static int bench_files(char **files, int n, const char *where)
{
	char dir[PATH_MAX];
	int code = CLI_OK;

	for (int i = 0; i < n; i++) {
		struct stat st;

		if (stat(files[i], &st) == 0 && S_ISREG(st.st_mode) && access(files[i], R_OK) == 0)
			continue;
		if (errno == 0)
			errno = EINVAL;
		report("%s: %m", files[i]);
		return CLI_FAILURE;
	}
	snprintf(dir, sizeof(dir), "%s/stoa-bench-XXXXXX", where);
	if (!mkdtemp(dir)) {
		report("%s: %m", where);
		return CLI_FAILURE;
	}
	interrupt_init();
	bench_config.dir = dir;
	bench_config.stopped = interrupted;
	for (int i = 0; i < n && code == CLI_OK; i++)
		code = bench_file(files[i]);
	bench_remove(dir);
	return code;
}

static int run(const struct command *self, int argc, char **argv)
{
	const char *where = ".";
	uint64_t threads = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), rounds = ROUNDS;
	bool alone = false;
	const struct option_rule rules[] = {
		OPTION_NUMBER("threads", 'j', &threads, 1, 1024),
		OPTION_NUMBER("rounds", 0, &rounds, 1, BENCH_ROUNDS_MAX),
		OPTION_TEXT("dir", 0, &where),
		OPTION_FLAG("no-peers", 0, &alone),
	};
	int code;

	if (!OPTIONS(self, argc, argv, rules, 1, ARGUMENTS_MAX, "a CSV file is wanted", &code))
		return code;
	job.n_threads = (unsigned)threads;
	bench_config.rounds = (unsigned)rounds;
	bench_config.cap_s = 0;
	if (alone)
		bench_config.peers = false;
	return bench_files(argv + optind, argc - optind, where);
}

const struct command command_bench = {
	"bench", "FILE.csv...", "Measure how fast a file loads, beside DuckDB and SQLite",
	"Makes a database from the file again and again, in turn with DuckDB (if the environment's\n"
	"STOA_DUCKDB names its libduckdb.so, or the system has it) and SQLite (if there is a sqlite3\n"
	"command), and prints medians; the number behind a peer's is how many times as good stoa\n"
	"is. What is made is removed again.\n\n"
	"  -j, --threads N  for stoa and DuckDB; otherwise one for each processor\n"
	"      --rounds N   how often each runs (3)\n"
	"      --dir DIR    where databases are made; otherwise the current directory\n"
	"      --no-peers   stoa alone\n"
	"  -h, --help       this text\n",
	run,
};
