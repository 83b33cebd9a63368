/* SPDX-License-Identifier: MIT */
/*
 * run.c - one run of one entry, in a child process of its own
 *
 * The child writes its result into a page shared with the parent, so that it survives whatever
 * becomes of the child: bench_die() and bench_skip() leave their words there and end the process,
 * and a crash is seen by the parent as a signal; so is SIGALRM, which ends what takes too long. The
 * parent never loads a peer nor makes data; its own memory, which every child starts with, stays at
 * a few megabytes.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bench_run *shared; /* in the child: where this run's result goes */

/* ---- in the child ---- */

void bench_metric(const char *name, const char *unit, enum bench_sense sense, double value)
{
	if (shared->n_metrics == BENCH_METRICS_MAX)
		bench_die("more than %d metrics", BENCH_METRICS_MAX);
	struct bench_metric *m = &shared->metrics[shared->n_metrics++];

	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->unit, sizeof(m->unit), "%s", unit);
	m->sense = sense;
	m->value = value;
}

void bench_point(const char *name, const char *unit, const char *x_name, double x, double y)
{
	struct bench_curve *c = shared->curves;

	while (c < &shared->curves[shared->n_curves] && strcmp(c->name, name) != 0)
		c++;
	if (c == &shared->curves[BENCH_CURVES_MAX])
		bench_die("more than %d curves", BENCH_CURVES_MAX);
	if (c == &shared->curves[shared->n_curves]) {
		shared->n_curves++;
		snprintf(c->name, sizeof(c->name), "%s", name);
		snprintf(c->unit, sizeof(c->unit), "%s", unit);
		snprintf(c->x_name, sizeof(c->x_name), "%s", x_name);
	}
	if (c->n < BENCH_POINTS_MAX) {
		c->x[c->n] = x;
		c->y[c->n++] = y;
	}
}

static void answer(const char *p, size_t len)
{
	if (shared->answer_len + len >= BENCH_ANSWER_MAX)
		bench_die("an answer of more than %d bytes", BENCH_ANSWER_MAX);
	memcpy(shared->answer + shared->answer_len, p, len);
	shared->answer_len += len;
}

/* Of an answer that is folded. */
static struct {
	bool on;
	double n_rows;
	double sum;
	uint32_t hash;
} fold;

void bench_answer_fold_begin(void)
{
	fold.on = true;
	fold.n_rows = fold.sum = 0;
	fold.hash = 0;
}

void bench_answer_fold_end(void)
{
	fold.on = false;
	bench_answer_number(fold.n_rows);
	bench_answer_number(fold.sum);
	bench_answer_number(fold.hash);
	bench_answer_row();
}

static void fold_text(const char *p, size_t len)
{
	char text[512], *end;
	uint32_t hash = 2166136261u;

	snprintf(text, sizeof(text), "%.*s", (int)len, p);
	double x = strtod(text, &end);
	if (len && !*end) {
		fold.sum += x;
		return;
	}
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)p[i]) * 16777619u;
	fold.hash += hash; /* of rows in whatever order */
}

void bench_answer_number(double x)
{
	char text[32];

	if (fold.on) {
		fold.sum += x;
		return;
	}
	int len = snprintf(text, sizeof(text), "%.12g|", x);

	answer(text, (size_t)len);
}

void bench_answer_text(const char *p, size_t len)
{
	if (fold.on) {
		fold_text(p, len);
		return;
	}
	answer(p, len);
	answer("|", 1);
}

void bench_answer_row(void)
{
	if (fold.on) {
		fold.n_rows++;
		return;
	}
	answer("\n", 1);
}

static void end(int state, const char *format, va_list args) __attribute__((noreturn));
static void end(int state, const char *format, va_list args)
{
	if (!shared) { /* not in a child */
		vfprintf(stderr, format, args);
		fputc('\n', stderr);
		exit(1);
	}
	vsnprintf(shared->text, sizeof(shared->text), format, args);
	shared->state = state;
	_exit(state == BENCH_SKIPPED ? 0 : 1);
}

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(BENCH_FAILED, format, args);
}

void bench_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(BENCH_SKIPPED, format, args);
}

/* ---- in the parent ---- */

static void in_child(bench_fn *fn, const struct bench_case *c, const struct bench_entry *e,
		     unsigned cap_s, struct bench_run *result) __attribute__((noreturn));
static void in_child(bench_fn *fn, const struct bench_case *c, const struct bench_entry *e,
		     unsigned cap_s, struct bench_run *result)
{
	shared = result;
	signal(SIGINT, SIG_DFL); /* whatever the parent makes of it */
	alarm(cap_s);
	fn(c, e);
	shared->state = BENCH_OK;
	_exit(0);
}

static void judge(struct bench_run *r, int status, unsigned cap_s)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		r->state = BENCH_CAPPED;
		r->n_metrics = 0;
		r->answer_len = 0;
		snprintf(r->text, sizeof(r->text), "stopped after %u s", cap_s);
	} else if (WIFSIGNALED(status)) {
		r->state = BENCH_FAILED;
		snprintf(r->text, sizeof(r->text), "ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	} else if (r->state == BENCH_NOT_RUN) {
		r->state = BENCH_FAILED;
		snprintf(r->text, sizeof(r->text), "ended with exit code %d without a word",
			 WEXITSTATUS(status));
	}
}

pid_t bench_fork(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
		_exit(1);
	return pid;
}

void bench_run_child(bench_fn *fn, const struct bench_case *c, const struct bench_entry *e,
		     unsigned cap_s, struct bench_run *out)
{
	struct bench_run *page;
	int status;

	memset(out, 0, sizeof(*out));
	if (!fn) {
		out->state = BENCH_OK;
		return;
	}
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		bench_die("no memory for a result: %s", strerror(errno));
	fflush(NULL);
	double start = bench_now();
	pid_t pid = bench_fork();
	if (pid < 0)
		bench_die("cannot fork: %s", strerror(errno));
	if (pid == 0)
		in_child(fn, c, e, cap_s, page);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			bench_die("cannot wait for a run: %s", strerror(errno));
	*out = *page;
	munmap(page, sizeof(*page));
	out->wall_s = bench_now() - start;
	judge(out, status, cap_s);
}

bool bench_median(const struct bench_outcome *o, size_t e, const char *name, double *out)
{
	double values[BENCH_ROUNDS_MAX];
	size_t n = 0;

	for (unsigned r = 0; r < o->rounds; r++) {
		const struct bench_run *run = &o->runs[e][r];

		for (size_t m = 0; run->state == BENCH_OK && m < run->n_metrics; m++)
			if (strcmp(run->metrics[m].name, name) == 0)
				values[n++] = run->metrics[m].value;
	}
	if (n == 0)
		return false;
	qsort(values, n, sizeof(*values), bench_compare_double);
	*out = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
	return true;
}

bool bench_is_capped(const struct bench_outcome *o, size_t e)
{
	bool capped = false;

	for (unsigned r = 0; r < o->rounds; r++) {
		if (o->runs[e][r].state == BENCH_OK)
			return false;
		capped |= o->runs[e][r].state == BENCH_CAPPED;
	}
	return capped;
}

bool bench_is_time(const struct bench_metric *m)
{
	return strcmp(m->name, "time") == 0 && strcmp(m->unit, "s") == 0;
}

int bench_find_peer(const struct bench_case *c, const char *peer)
{
	for (size_t e = 0; e < c->n_entries; e++)
		if (strcmp(c->entries[e].peer, peer) == 0)
			return (int)e;
	return -1;
}

static const struct bench_metric *find_metric(const struct bench_outcome *o, const char *name)
{
	for (unsigned r = 0; r < o->rounds; r++)
		for (size_t m = 0; m < o->runs[0][r].n_metrics; m++)
			if (strcmp(o->runs[0][r].metrics[m].name, name) == 0)
				return &o->runs[0][r].metrics[m];
	return NULL;
}

bool bench_target_reached(const struct bench_outcome *o, const struct bench_target *t,
			  double *ratio, bool *known)
{
	const struct bench_metric *m = find_metric(o, t->metric);
	double ours, theirs;

	*known = false;
	if (!m || !bench_median(o, 0, t->metric, &ours))
		return false;
	if (!t->peer) {
		*known = true;
		*ratio = ours;
		return m->sense == BENCH_LESS ? ours <= t->bound : ours >= t->bound;
	}
	int e = bench_find_peer(o->c, t->peer);
	if (e < 0 || ours <= 0)
		return false;
	bool capped = bench_is_capped(o, (size_t)e) && bench_is_time(m);
	if (capped)
		theirs = bench_config.cap_s; /* at least */
	else if (!bench_median(o, (size_t)e, t->metric, &theirs) || theirs <= 0)
		return false;
	*ratio = m->sense == BENCH_LESS ? theirs / ours : ours / theirs;
	*known = !capped || *ratio >= t->bound;
	return *ratio >= t->bound;
}
