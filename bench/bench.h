/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what a case of the bench is, and what it may call
 *
 *     static void run(const struct bench_case *c, const struct bench_entry *e)
 *     {
 *             double start = bench_now();
 *             ...
 *             bench_metric("time", "s", BENCH_LESS, bench_now() - start);
 *     }
 *
 * A *case* is one question; its *entries* are stoa and the peers, each with its settings and two
 * functions. prepare() builds what run() needs and is not measured; it is called once. run() is
 * called in every round, the entries taking turns (A B A B), each time in a child process of its
 * own, so that its memory can be measured and nothing of it stays. What it measures it says with
 * bench_metric(), what it found with bench_answer_*(): all entries of a case must find the same. A
 * figure that stoa must reach is a *target*. Whatever goes wrong in a child ends it: bench_die().
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_METRICS_MAX 8
#define BENCH_ENTRIES_MAX 6
#define BENCH_ROUNDS_MAX 25
#define BENCH_PATH_MAX 1024
#define BENCH_ANSWER_MAX 4096

/* What the command line says; set before the first case, never changed after. */
struct bench_config {
	double sf; /* scale factor of TPC-H */
	unsigned rounds;
	uint64_t seed;
	const char *dir;  /* where data and databases are made */
	const char *only; /* cases wanted, as a list with commas; NULL for all */
	const char *json; /* file for the results; NULL for none */
	unsigned cap_s;   /* no run may take longer; 0 for no limit */
	bool peers;       /* false: stoa alone, for a quick look */
	bool is_long;     /* also what takes minutes and gigabytes */
	bool (*stopped)(void); /* asked before each run: begin no more? May be NULL */
};
extern struct bench_config bench_config;

enum bench_sense { BENCH_LESS, BENCH_MORE }; /* which of two values is the better */

struct bench_case;
struct bench_entry;
typedef void bench_fn(const struct bench_case *c, const struct bench_entry *e);

struct bench_entry {
	const char *peer;     /* "stoa" comes first in every case */
	const char *settings; /* all that differs from the library as it comes */
	bench_fn *prepare;    /* may be NULL */
	bench_fn *run;
	int arg; /* for run() */
};

/*
 * With @peer: the metric must be at least @bound times as good as the peer's, "as good" being a
 * quotient of which the larger is the better for stoa whatever the sense. Without: at most @bound
 * where less is better, at least @bound where more is.
 */
struct bench_target {
	const char *metric;
	const char *peer;
	double bound;
};

struct bench_case {
	const char *name;
	const char *title;
	const struct bench_entry *entries;
	size_t n_entries;
	const struct bench_target *targets;
	size_t n_targets;
	int arg; /* for run() */
};

#define BENCH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The cases, by file; each list ends with a case without a name. */
extern const struct bench_case bench_memory_cases[];
extern const struct bench_case bench_load_cases[];
extern const struct bench_case bench_append_cases[];
extern const struct bench_case bench_arrow_cases[];
extern const struct bench_case bench_point_cases[];
extern const struct bench_case bench_commit_cases[];
extern const struct bench_case bench_statement_cases[];
extern const struct bench_case bench_txn_cases[];
extern const struct bench_case bench_open_cases[];
extern const struct bench_case bench_queue_cases[];
extern const struct bench_case bench_query_cases[];
extern const struct bench_case bench_like_cases[];
extern const struct bench_case bench_cursor_cases[];
extern const struct bench_case bench_set_cases[];
extern const struct bench_case bench_few_cases[];
extern const struct bench_case bench_tpch_cases[];
extern const struct bench_case bench_gc_cases[];
extern const struct bench_case bench_churn_cases[];
extern const struct bench_case bench_refs_cases[];

/* ---- what a run says, in the child ---- */

struct bench_metric {
	char name[24];
	char unit[16];
	enum bench_sense sense;
	double value;
};

#define BENCH_CURVES_MAX 2
#define BENCH_POINTS_MAX 128

/* How a figure went while a run was at it. */
struct bench_curve {
	char name[24];
	char unit[16];
	char x_name[48];
	size_t n;
	double x[BENCH_POINTS_MAX], y[BENCH_POINTS_MAX];
};

struct bench_run {
	enum { BENCH_NOT_RUN, BENCH_OK, BENCH_SKIPPED, BENCH_CAPPED, BENCH_FAILED } state;
	char text[512]; /* why skipped, stopped at the cap or failed */
	size_t n_metrics;
	struct bench_metric metrics[BENCH_METRICS_MAX];
	size_t n_curves;
	struct bench_curve curves[BENCH_CURVES_MAX];
	size_t answer_len;
	char answer[BENCH_ANSWER_MAX];
	double wall_s;
};

void bench_metric(const char *name, const char *unit, enum bench_sense sense, double value);
/*
 * A point of a curve, which the report draws; the first one names it. Those past BENCH_POINTS_MAX
 * are left out.
 */
void bench_point(const char *name, const char *unit, const char *x_name, double x, double y);
void bench_answer_number(double x); /* the same within 1 in 10^8 */
void bench_answer_text(const char *p, size_t len);
void bench_answer_row(void); /* ends a row */
/*
 * What is answered from begin to end is folded into three numbers, for results that are long or in
 * no order: how many rows, the sum of all numbers, a hash of all texts. Texts that are numbers
 * count as such.
 */
void bench_answer_fold_begin(void);
void bench_answer_fold_end(void);
void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The peer is not there. */
void bench_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- running, in the parent ---- */

/*
 * Calls @fn in a child and waits @cap_s seconds at most (0: forever); *@out tells how it went. @fn
 * may be NULL.
 */
void bench_run_child(bench_fn *fn, const struct bench_case *c, const struct bench_entry *e,
		     unsigned cap_s, struct bench_run *out);
/* A process that lives no longer than its parent. As fork(). */
pid_t bench_fork(void);

/* All runs of a case: runs[entry][round]. */
struct bench_outcome {
	const struct bench_case *c;
	unsigned rounds;
	struct bench_run *runs[BENCH_ENTRIES_MAX];
	bool answers_agree;
};

/* The median over the rounds of metric @name of entry @e; false if no round has it. */
bool bench_median(const struct bench_outcome *o, size_t e, const char *name, double *out);
/* The entry of @peer, or -1. */
int bench_find_peer(const struct bench_case *c, const char *peer);
/* Was a run of entry @e stopped at the cap, and none done? */
bool bench_is_capped(const struct bench_outcome *o, size_t e);
/* A metric that the cap bounds from below: the time of a whole run, in seconds. */
bool bench_is_time(const struct bench_metric *m);
/* Is target @t reached? *@ratio: how good it is; *@known: whether it can be told at all. */
bool bench_target_reached(const struct bench_outcome *o, const struct bench_target *t,
			  double *ratio, bool *known);

/*
 * rounds.c: runs a case, every entry in every round, and prints its table; @out begins as zeroes.
 * Returns whether no run failed and all answers agree.
 */
bool bench_run_case(const struct bench_case *c, struct bench_outcome *out);
/* case_query.c: is it one of those whose geometric mean is a figure? */
bool bench_is_query(const struct bench_case *c);
/* mean.c: that mean, on standard output. */
void bench_report_mean(const struct bench_outcome *outcomes, size_t n);
/* report.c: the table of a case on standard output. */
void bench_report_case(const struct bench_outcome *o);
/* json.c: every run of every case into a file; false if it cannot be written. */
bool bench_json_write(const char *path, const struct bench_outcome *outcomes, size_t n);

/* ---- machine.c ---- */

struct bench_machine {
	char words[640]; /* cores, caches, memory, file system: no names of hosts */
	char versions[384];
};
void bench_machine_describe(struct bench_machine *out);

/* ---- util.c ---- */

double bench_now(void); /* seconds, monotonic */

/* SplitMix64. @state starts as a seed. */
static inline uint64_t bench_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int bench_compare_double(const void *a, const void *b);      /* for qsort() */
double bench_percentile(double *values, size_t n, double p); /* sorts them; @p from 0 to 1 */

/* Memory of this process, in bytes. */
uint64_t bench_rss_peak(void); /* all resident pages, at their most */
uint64_t bench_rss_heap(void); /* anonymous pages now, free heap given back first */
/* Forgets the peak so far. */
void bench_rss_reset(void);

/* "DIR/NAME" in the bench's directory; good to the end of the process. */
const char *bench_path(const char *name);
const char *bench_path_sf(const char *stem, const char *suffix); /* DIR/STEM-sf1.SUFFIX */
void bench_remove(const char *path);         /* a file or a directory with all in it */
uint64_t bench_disk_bytes(const char *path); /* blocks taken by a file or directory */
void bench_read_through(const char *path);   /* so that it is in the page cache */
void bench_sync(void);                       /* wait until nothing is left to write */

/* Prepared things, each noted in a file beside it: is it there? Say that it is. */
bool bench_made(const char *path);
/* @ours: made by stoa, and so remade by every run of the bench: the format may have changed. */
void bench_note_made(const char *path, bool ours);

/* ---- data.c: in the child, made when missing ---- */

const char *bench_lineitem_csv(void);
/* One of the other six: enum tpch_table. */
const char *bench_tpch_csv(int table);
const char *bench_orders_csv(void);
const char *bench_flights_csv(void); /* real.c, as the next */
const char *bench_packages_csv(void);
uint64_t bench_orders_count(void);
uint64_t bench_lineitem_count(void);

/* The record of the memory, commit and transaction cases. */
struct bench_record {
	int64_t id;
	double price;
	int32_t quantity;
	bool flag;
	uint8_t name_len;
	char name[16]; /* one of 500 */
};
#define BENCH_RECORD_NAMES 500
/* record.c: record number @id, the same for every peer. */
void bench_record_make(int64_t id, struct bench_record *out);

#endif
