/* SPDX-License-Identifier: MIT */
/*
 * queue_work.c - stoa queue work: a command for each job, so many at a time
 *
 * A transaction gives back what has ended and claims as many jobs as there are hands free. Between two
 * of them the database stays open, since to close and to open it takes longer than many a command (jobs
 * of `true`, one at a time: 80 to 300 a second, as the disk is, if it is closed each time, 700 if not),
 * but no longer than
 *
 *     OPEN_MS in which no job has ended: then who asks for it finds it closed; or
 *     TURN_MS in all while another process waits for it, a second pool or who pushes.
 *
 * A pool of any size may be killed: the leases end with the consumer, which stays open. A job that
 * outlives its lease is killed, since somebody else may have it by then; and so are the jobs of a pool
 * that was.
 *
 * Each command is a process group, so that it is killed with all that it has started, and that Ctrl-C
 * at a terminal reaches the pool alone: it claims no more, and lets those that run end. A second one
 * kills it, and them.
 */
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 100	/* how often to look for new jobs while others run */
#define OPEN_MS 20
#define TURN_MS 5
#define WAIT_MS 60000
#define DELAY_MIN_MS 1000
#define DELAY_MAX_MS 3600000

struct hand {
	enum { FREE, CLAIMED, RUNNING, ENDED } state;
	pid_t pid;
	bool succeeded;
	double deadline;	/* of seconds_now() */
	struct stoa_lease lease;
	struct text payload;
};

struct pool {
	const char *path, *name;
	const struct queue_options *o;
	char **command;
	struct queue q;
	bool is_open;
	double turn_ends, idle_ends;	/* of seconds_now(): when others have it, if they want it or not */
	stoa_consumer *consumer;
	struct hand *hands;
	size_t n;
	uint64_t n_done, n_failed;
	bool drained;		/* there was no job when last looked */
	bool limited;		/* a job that fails often enough is set aside */
};

static size_t count(const struct pool *p, int state)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += (int)p->hands[i].state == state;
	return n;
}

/* ---- with the database open ---- */

/*
 * When a job that failed comes back, if nobody says: at once where attempts are limited, as that
 * ends; else later with each attempt, or one that always fails would be all that is ever done.
 */
static uint32_t delay_of(const struct pool *p, uint32_t attempt)
{
	uint32_t delay = DELAY_MIN_MS;

	if (p->o->delay_ms != QUEUE_NO_DELAY)
		return p->o->delay_ms;
	if (p->limited)
		return 0;
	while (attempt-- > 1 && delay < DELAY_MAX_MS)
		delay *= 2;
	return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

static int give_back(struct pool *p, struct hand *h)
{
	struct queue *q = &p->q;
	struct stoa_error err;
	int rc;

	if (h->succeeded)
		rc = stoa_deque_ack(q->session.txn, q->table, q->index, &h->lease, &err);
	else
		rc = stoa_deque_nack(q->session.txn, q->table, q->index, &h->lease, STOA_BACK,
				     delay_of(p, h->lease.attempt), &err);
	/* Whoever has it now decides. */
	if (rc < 0 && rc != STOA_ESTATE)
		return queue_error(q, &err);
	p->n_done += h->succeeded && rc == STOA_OK;
	p->n_failed += !h->succeeded || rc < 0;
	h->state = FREE;
	return CLI_OK;
}

/*
 * Claims a job for @h from the first queue that has one: CLI_OK, with h->state as before where none
 * has.
 */
static int claim(struct pool *p, struct hand *h)
{
	struct queue *q = &p->q;
	struct stoa_error err;
	size_t n = 0;
	int rc = STOA_END, code;

	for (size_t i = 0; i < p->o->n_queues && rc == STOA_END; i++) {
		struct stoa_value name = queue_name(p->o->queues[i]);

		rc = stoa_deque_claim(q->session.txn, q->table, q->index, &name, p->consumer,
				      p->o->lease_ms, &h->lease, 1, &n, &err);
	}
	if (rc < 0)
		return queue_error(q, &err);
	p->drained = rc == STOA_END;
	if (rc == STOA_END)
		return CLI_OK;
	code = queue_get(q, h->lease.row);
	if (code != CLI_OK)
		return code;
	h->payload.len = 0;
	queue_put_payload(q, &h->payload);
	h->deadline = seconds_now() + p->o->lease_ms / 1000.0;
	h->state = CLAIMED;
	return CLI_OK;
}

/* Closes the database, if it is open, or reports why it has failed. */
static int leave(struct pool *p, int code)
{
	if (!p->is_open)
		return code;
	p->is_open = false;
	return queue_close(&p->q, code);
}

/* Closes it if that is due. */
static int give_way(struct pool *p)
{
	double now = seconds_now();

	if (p->is_open && (now > p->idle_ends ||
			   (now > p->turn_ends && stoa_is_awaited(p->q.session.db))))
		return leave(p, CLI_OK);
	return CLI_OK;
}

/* Begins a transaction, and opens the database where it is not. */
static int enter(struct pool *p)
{
	struct stoa_index_info info;
	struct stoa_error err;
	int code;

	if (p->is_open)
		return queue_begin(&p->q);
	code = queue_open(&p->q, p->path, p->name, STOA_WRITE, NULL);
	if (code != CLI_OK)
		return code;
	p->is_open = true;
	p->turn_ends = seconds_now() + TURN_MS / 1000.0;
	if (stoa_index_info(p->q.session.txn, p->q.table, p->q.index, &info, &err) < 0)
		return queue_error(&p->q, &err);
	p->limited = info.attempts_max != 0;
	if (!p->consumer && stoa_consumer_open(p->q.session.db, &p->consumer, &err) < 0)
		return queue_error(&p->q, &err);
	return CLI_OK;
}

/* Gives back what has ended, and claims for free hands unless @stop. */
static int visit(struct pool *p, bool stop)
{
	int code = enter(p);

	for (size_t i = 0; i < p->n && code == CLI_OK; i++)
		if (p->hands[i].state == ENDED)
			code = give_back(p, &p->hands[i]);
	p->drained = false;
	for (size_t i = 0; i < p->n && code == CLI_OK && !p->drained && !stop; i++)
		if (p->hands[i].state == FREE)
			code = claim(p, &p->hands[i]);
	if (code == CLI_OK)
		code = queue_commit(&p->q);
	p->idle_ends = seconds_now() + OPEN_MS / 1000.0;
	return code == CLI_OK ? give_way(p) : leave(p, code);
}

/* ---- commands ---- */

/* Is there a file that execvp() will find? If not, no job is worth an attempt. */
static bool can_run(const char *command)
{
	const char *path = getenv("PATH");

	/* A command that is the payload is known when that is. */
	if (strchr(command, '/') || !path || !strcmp(command, "{}"))
		return !strchr(command, '/') || access(command, X_OK) == 0;
	for (;; path++) {
		size_t len = strcspn(path, ":");
		char *file = xrealloc(NULL, len + strlen(command) + 3);
		bool found;

		/* An empty one is the working directory. */
		sprintf(file, "%.*s/%s", len ? (int)len : 1, len ? path : ".", command);
		found = access(file, X_OK) == 0;
		free(file);
		path += len;
		if (found || !*path)
			return found;
	}
}

/* The payload as a file to read from, at its beginning. */
static int payload_file(const struct text *payload)
{
	int fd = memfd_create("payload", 0);
	size_t at = 0;

	while (fd >= 0 && at < payload->len) {
		ssize_t n = write(fd, payload->p + at, payload->len - at);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		at += (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* In the child of process @pool: does not return. */
static void become(char **command, const struct text *payload, pid_t pool)
{
	struct text whole = { 0 };
	bool used = false;
	sigset_t none;
	int fd;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != pool)
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	text_put(&whole, payload->p ? payload->p : "", payload->len);
	text_put(&whole, "", 1);
	for (char **arg = command; *arg; arg++) {
		if (!strcmp(*arg, "{}")) {
			*arg = whole.p;
			used = true;
		}
	}
	/* Nor is a terminal an input for several at a time. */
	fd = used ? open("/dev/null", O_RDONLY) : payload_file(payload);
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		_exit(126);
	execvp(command[0], command);
	report("%s: %s", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int start(struct pool *p, struct hand *h)
{
	pid_t pool = getpid();

	fflush(stdout);
	h->pid = fork();
	if (h->pid < 0) {
		report("cannot start %s: %s", p->command[0], strerror(errno));
		h->state = ENDED;
		h->succeeded = false;
		return CLI_FAILURE;
	}
	if (!h->pid)
		become(p->command, &h->payload, pool);
	(void)setpgid(h->pid, h->pid);	/* whoever comes first */
	h->state = RUNNING;
	return CLI_OK;
}

/* Notes who has ended, and ends who is late. Has anybody? */
static bool reap(struct pool *p)
{
	bool any = false;
	int status;

	for (size_t i = 0; i < p->n; i++) {
		struct hand *h = &p->hands[i];

		if (h->state != RUNNING)
			continue;
		if (seconds_now() > h->deadline)
			kill(-h->pid, SIGKILL);
		if (waitpid(h->pid, &status, WNOHANG) != h->pid)
			continue;
		h->succeeded = WIFEXITED(status) && !WEXITSTATUS(status);
		h->state = ENDED;
		any = true;
	}
	return any;
}

/* Sleeps until a command ends, or jobs come for free hands. */
static int await(struct pool *p)
{
	sigset_t child;
	int code = CLI_OK;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (code == CLI_OK && !reap(p) && !interrupted() && (p->drained || !count(p, FREE))) {
		const struct timespec look = { 0, (p->is_open ? TURN_MS : LOOK_MS) * 1000000L };

		if (sigtimedwait(&child, NULL, &look) < 0)
			code = give_way(p);
		if (stoa_consumer_wait(p->consumer, 0, NULL) == STOA_ROW)
			p->drained = false;
	}
	return code;
}

static int work(struct pool *p)
{
	int code = CLI_OK;

	for (;;) {
		bool stop = interrupted();

		if (count(p, ENDED) || !count(p, RUNNING) || (!p->drained && !stop))
			code = visit(p, stop);
		for (size_t i = 0; i < p->n && code == CLI_OK; i++)
			if (p->hands[i].state == CLAIMED)
				code = start(p, &p->hands[i]);
		if (code != CLI_OK)
			return code;
		if (count(p, RUNNING)) {
			code = await(p);
			if (code != CLI_OK)
				return code;
		} else if (stop) {
			return CLI_INTERRUPTED;
		} else if (!count(p, ENDED)) {
			struct stoa_error err;

			if (!p->o->forever)
				return p->n_failed ? CLI_FAILURE : CLI_OK;
			code = leave(p, CLI_OK);
			if (code != CLI_OK)
				return code;
			if (stoa_consumer_wait(p->consumer, WAIT_MS, &err) < 0)
				return report_error(p->path, &err);
		}
	}
}

int queue_work(const char *path, const char *name, const struct queue_options *o, char **command)
{
	struct pool p = { .path = path, .name = name, .o = o, .command = command, .n = o->n };
	sigset_t child;
	int code;

	if (!can_run(command[0])) {
		report("%s: there is no such command", command[0]);
		return CLI_FAILURE;
	}
	/* Blocked, so that sigtimedwait() meets those that come early. */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	interrupt_init();
	p.hands = xrealloc(NULL, p.n * sizeof(*p.hands));
	memset(p.hands, 0, p.n * sizeof(*p.hands));
	code = work(&p);
	if (leave(&p, CLI_OK) != CLI_OK)
		code = CLI_FAILURE;
	for (size_t i = 0; i < p.n; i++) {
		if (p.hands[i].state == RUNNING)
			kill(-p.hands[i].pid, SIGKILL);
		text_release(&p.hands[i].payload);
	}
	free(p.hands);
	stoa_consumer_close(p.consumer);
	if (p.n_failed)
		report("%llu jobs done, %llu given back", (unsigned long long)p.n_done,
		       (unsigned long long)p.n_failed);
	return code;
}
