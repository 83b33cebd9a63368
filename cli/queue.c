/* SPDX-License-Identifier: MIT */
/* queue.c - stoa queue ACTION DB QUEUE ...: rows pushed, popped, claimed and worked on */
#include "queue.h"
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_QUEUE "queue"
#define SLOT_PAYLOAD "payload"
#define LEASE_S 600

int queue_error(const struct queue *q, const struct stoa_error *err)
{
	return report_error(q->session.path, err);
}

struct stoa_value queue_name(const char *name)
{
	return name ? stoa_text(name) : stoa_null();
}

/* ---- opening ---- */

/* Makes table @name and its deque. */
static int make_table(struct queue *q, const char *name, struct stoa_index_options options,
		      stoa_table *table, stoa_index *index)
{
	static const struct stoa_slot slots[] = {
		{ .name = SLOT_QUEUE, .type = STOA_STRING },
		{ .name = SLOT_PAYLOAD, .type = STOA_TEXT },
	};
	static const uint32_t by = 0;
	struct stoa_error err;

	options.kind = STOA_INDEX_DEQUE;
	options.slots = &by;
	options.n_slots = 1;
	if (stoa_table_create(q->session.txn, name, slots, 2, table, &err) < 0 ||
	    stoa_index_create(q->session.txn, *table, &options, index, &err) < 0)
		return queue_error(q, &err);
	return CLI_OK;
}

/* Makes the queue; with a limit on attempts NAME_dead, a queue too, comes first. */
static int make_queue(struct queue *q, const struct queue_options *o)
{
	struct stoa_index_options options = STOA_INDEX_OPTIONS_INIT;
	struct text dead = { 0 };
	stoa_index index;
	int code = CLI_OK;

	text_printf(&dead, "%s_dead", q->name);
	if (o->attempts_max)
		code = make_table(q, dead.p, options, &options.dead, &index);
	text_release(&dead);
	options.maxlen = o->maxlen;
	options.attempts_max = o->attempts_max;
	return code == CLI_OK ? make_table(q, q->name, options, &q->table, &q->index) : code;
}

/* The first deque of the table. */
static int find_deque(struct queue *q)
{
	struct stoa_index_info info;
	struct stoa_error err;
	int rc;

	q->index = 0;
	while ((rc = stoa_index_next(q->session.txn, q->table, q->index, &q->index, &err)) ==
	       STOA_ROW) {
		if (stoa_index_info(q->session.txn, q->table, q->index, &info, &err) < 0)
			return queue_error(q, &err);
		if (info.kind == STOA_INDEX_DEQUE) {
			q->by = info.n_slots ? (int)info.slots[0] : -1;
			return CLI_OK;
		}
	}
	if (rc < 0)
		return queue_error(q, &err);
	report("%s: table %s has no deque", q->session.path, q->name);
	return CLI_FAILURE;
}

static int find_payload(struct queue *q)
{
	struct stoa_table_info info;
	struct stoa_error err;

	if (stoa_table_info(q->session.txn, q->table, &info, &err) < 0)
		return queue_error(q, &err);
	q->n_slots = info.n_slots;
	q->payload = q->by == 0 ? 1 : 0;
	if ((size_t)q->payload >= q->n_slots) {
		report("%s: table %s has no slot for the payload", q->session.path, q->name);
		return CLI_FAILURE;
	}
	q->payload_slot = info.slots[q->payload];
	q->payload_slot.name = SLOT_PAYLOAD;
	q->values = xrealloc(q->values, q->n_slots * sizeof(*q->values));
	return CLI_OK;
}

int queue_open(struct queue *q, const char *path, const char *name, unsigned txn_flags,
	       const struct queue_options *make)
{
	struct stoa_error err;
	int code, rc;

	memset(q, 0, sizeof(*q));
	q->name = name;
	code = session_begin_waiting(&q->session, path,
				     txn_flags ? (make ? 0 : STOA_OPEN_NO_CREATE) :
						 STOA_OPEN_READ_ONLY, txn_flags);
	if (code != CLI_OK)
		return code;
	rc = stoa_table_find(q->session.txn, name, &q->table, &err);
	if (rc == STOA_ENOTFOUND && make)
		code = make_queue(q, make);
	else if (rc < 0)
		code = queue_error(q, &err);
	if (code == CLI_OK)
		code = find_deque(q);
	if (code == CLI_OK)
		code = find_payload(q);
	return code == CLI_OK ? CLI_OK : queue_close(q, code);
}

int queue_begin(struct queue *q)
{
	struct stoa_error err;

	return stoa_begin(q->session.db, STOA_WRITE, &q->session.txn, &err) < 0 ?
		       queue_error(q, &err) :
		       CLI_OK;
}

int queue_commit(struct queue *q)
{
	struct stoa_error err;
	stoa_txn *txn = q->session.txn;

	q->session.txn = NULL;
	return stoa_commit(txn, &err) < 0 ? queue_error(q, &err) : CLI_OK;
}

int queue_close(struct queue *q, int code)
{
	free(q->values);
	q->values = NULL;
	return session_end(&q->session, code);
}

/* ---- payloads ---- */

void queue_put_payload(const struct queue *q, struct text *t)
{
	const struct stoa_value *v = &q->values[q->payload];
	size_t len;

	if (v->type == STOA_TEXT || v->type == STOA_STRING || v->type == STOA_BLOB) {
		text_put(t, v->p, v->len);
		return;
	}
	len = stoa_value_print(v, NULL, 0);
	t->p = xrealloc(t->p, t->len + len + 1);
	t->cap = t->len + len + 1;
	stoa_value_print(v, t->p + t->len, len + 1);
	t->len += len;
}

static int parse_payload(struct queue *q, const char *text, size_t len)
{
	struct stoa_value *v = &q->values[q->payload];
	struct stoa_error err;

	if (len > STOA_TEXT_MAX) {
		report("a payload of %zu bytes: at most %d are allowed", len, STOA_TEXT_MAX);
		return CLI_FAILURE;
	}
	if (q->payload_slot.type == STOA_BLOB) {
		*v = stoa_bytes_value(STOA_BLOB, text, (uint32_t)len);
		return CLI_OK;
	}
	if (stoa_value_parse((enum stoa_type)q->payload_slot.type, q->payload_slot.scale, text, len,
			     v, &err) < 0)
		return queue_error(q, &err);
	return CLI_OK;
}

int queue_get(struct queue *q, stoa_rowid row)
{
	struct stoa_error err;

	if (stoa_get(q->session.txn, q->table, row, q->values, q->n_slots, &err) < 0)
		return queue_error(q, &err);
	return CLI_OK;
}

static void print_payload(const struct queue *q)
{
	struct text t = { 0 };

	queue_put_payload(q, &t);
	fwrite(t.p, 1, t.len, stdout);
	putchar('\n');
	text_release(&t);
}

/* ---- actions ---- */

static int push_one(struct queue *q, const struct queue_options *o, const char *text, size_t len)
{
	struct stoa_error err;
	int code = parse_payload(q, text, len);

	if (code != CLI_OK)
		return code;
	for (size_t i = 0; i < q->n_slots; i++)
		if ((int)i == q->by)
			q->values[i] = queue_name(o->queues[0]);
		else if ((int)i != q->payload)
			q->values[i] = stoa_default();
	if (stoa_deque_push(q->session.txn, q->table, q->index, o->front ? STOA_FRONT : STOA_BACK,
			    q->values, q->n_slots, NULL, &err) < 0)
		return queue_error(q, &err);
	return CLI_OK;
}

/* Pushes the arguments, or else each line of standard input. */
static int push(struct queue *q, const struct queue_options *o, char **payloads, size_t n)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int code = CLI_OK;

	for (size_t i = 0; i < n && code == CLI_OK; i++)
		code = push_one(q, o, payloads[i], strlen(payloads[i]));
	while (!n && code == CLI_OK && (len = getline(&line, &cap, stdin)) >= 0) {
		if (len && line[len - 1] == '\n')
			len--;
		code = push_one(q, o, line, (size_t)len);
	}
	free(line);
	return code;
}

/* Prints up to @n payloads from an end; CLI_FAILURE, without words, where there is none. */
static int pop(struct queue *q, const struct queue_options *o)
{
	struct stoa_value name = queue_name(o->queues[0]);
	struct stoa_error err;
	uint64_t i = 0;
	int rc = STOA_ROW;

	for (; i < o->n && rc == STOA_ROW; i += rc == STOA_ROW) {
		rc = stoa_deque_pop(q->session.txn, q->table, q->index, &name,
				    o->back ? STOA_BACK : STOA_FRONT, q->values, q->n_slots, NULL,
				    &err);
		if (rc < 0)
			return queue_error(q, &err);
		if (rc == STOA_ROW)
			print_payload(q);
	}
	return i ? CLI_OK : CLI_FAILURE;
}

static int peek(struct queue *q, const struct queue_options *o)
{
	struct stoa_value name = queue_name(o->queues[0]);
	struct stoa_error err;
	stoa_rowid row;
	uint64_t i = 0;
	int rc, code;

	for (; i < o->n; i++) {
		rc = stoa_deque_at(q->session.txn, q->table, q->index, &name,
				   o->back ? ~(int64_t)i : (int64_t)i, &row, &err);
		if (rc < 0)
			return queue_error(q, &err);
		if (rc == STOA_END)
			break;
		code = queue_get(q, row);
		if (code != CLI_OK)
			return code;
		print_payload(q);
	}
	return i ? CLI_OK : CLI_FAILURE;
}

static int length(struct queue *q, const struct queue_options *o)
{
	struct stoa_value name = queue_name(o->queues[0]);
	struct stoa_error err;
	uint64_t len;

	if (stoa_deque_len(q->session.txn, q->table, q->index, &name, &len, &err) < 0)
		return queue_error(q, &err);
	printf("%llu\n", (unsigned long long)len);
	return CLI_OK;
}

static int print_stat(struct queue *q)
{
	struct stoa_deque_stat s = STOA_DEQUE_STAT_INIT;
	struct stoa_value name;
	struct stoa_error err;
	uint64_t place = 0, len;
	char text[300];
	int rc;

	if (stoa_deque_stat(q->session.txn, q->table, q->index, &s, &err) < 0)
		return queue_error(q, &err);
	printf("ready    %llu\nclaimed  %llu\ndelayed  %llu\nqueues   %llu\n",
	       (unsigned long long)s.n_ready, (unsigned long long)s.n_claimed,
	       (unsigned long long)s.n_delayed, (unsigned long long)s.n_queues);
	while ((rc = stoa_deque_next(q->session.txn, q->table, q->index, &place, &name, &len,
				     &err)) == STOA_ROW) {
		if (name.type == STOA_NULL)
			continue;
		stoa_value_print(&name, text, sizeof(text));
		printf("  %llu %s\n", (unsigned long long)len, text);
	}
	return rc < 0 ? queue_error(q, &err) : CLI_OK;
}

/* ---- the command line ---- */

/* Seconds, with a fraction or without, as milliseconds in the uint32_t at @to. */
static bool take_seconds(char *arg, void *to)
{
	uint32_t *out = to;
	char *end;
	double x = strtod(arg, &end);

	if (end == arg || *end || !(x >= 0) || x * 1000 > UINT32_MAX)
		return false;
	*out = (uint32_t)lround(x * 1000);
	return true;
}

/* Names between commas, in place. */
static bool take_queues(char *arg, void *to)
{
	struct queue_options *o = to;

	o->n_queues = 0;
	for (char *name = strtok(arg, ","); name; name = strtok(NULL, ",")) {
		if (o->n_queues == QUEUES_MAX)
			return false;
		o->queues[o->n_queues++] = name;
	}
	return o->n_queues > 0;
}

static bool is_lease_action(const char *action)
{
	return !strcmp(action, "ack") || !strcmp(action, "nack") || !strcmp(action, "extend");
}

static bool is_reading(const char *action)
{
	return !strcmp(action, "peek") || !strcmp(action, "len") || !strcmp(action, "stat");
}

static int act(const struct command *self, const char *action, const struct queue_options *o,
	       char **arg, size_t n)
{
	bool pushes = !strcmp(action, "push");
	struct queue q;
	int code;

	if (!strcmp(action, "work"))
		return n < 3 ? bad_usage(self, "a COMMAND is wanted after --") :
			       queue_work(arg[0], arg[1], o, arg + 2);
	if (is_lease_action(action) ? n < 3 : n > 2 && !pushes)
		return bad_usage(self, is_lease_action(action) ? "a LEASE is wanted" :
								 "too many arguments");
	code = queue_open(&q, arg[0], arg[1], is_reading(action) ? STOA_READ : STOA_WRITE,
			  pushes ? o : NULL);
	if (code != CLI_OK)
		return code;
	if (pushes)
		code = push(&q, o, arg + 2, n - 2);
	else if (!strcmp(action, "pop"))
		code = pop(&q, o);
	else if (!strcmp(action, "peek"))
		code = peek(&q, o);
	else if (!strcmp(action, "len"))
		code = length(&q, o);
	else if (!strcmp(action, "stat"))
		code = print_stat(&q);
	else if (!strcmp(action, "claim"))
		code = queue_claim(&q, o);
	else
		code = queue_end_leases(&q, o, action, arg + 2, n - 2);
	return queue_close(&q, code);
}

static bool is_action(const char *s)
{
	static const char *const actions[] = { "push", "pop",  "peek",	 "len",	 "stat",
					       "claim", "ack", "nack", "extend", "work" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(s, actions[i]))
			return true;
	return false;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct queue_options o = { .n_queues = 1, .n = 1, .lease_ms = LEASE_S * 1000,
				   .delay_ms = QUEUE_NO_DELAY };
	uint64_t attempts = 0;
	const struct option_rule rules[] = {
		OPTION_TAKE("queue", 'q', take_queues, &o, "names of queues, at most 64"),
		OPTION_NUMBER("number", 'n', &o.n, 1, UINT32_MAX),
		OPTION_FLAG("back", 'b', &o.back),
		OPTION_FLAG("front", 'f', &o.front),
		OPTION_FLAG("forever", 'F', &o.forever),
		OPTION_TAKE("lease", 'l', take_seconds, &o.lease_ms, "a number of seconds"),
		OPTION_TAKE("delay", 'd', take_seconds, &o.delay_ms, "a number of seconds"),
		OPTION_NUMBER("maxlen", 'm', &o.maxlen, 1, UINT64_MAX),
		OPTION_NUMBER("attempts", 'a', &attempts, 1, UINT32_MAX),
	};
	int n, code;

	/* What follows -- is left alone; else options may stand anywhere. */
	if (!OPTIONS(self, argc, argv, rules, 0, ARGUMENTS_MAX, "", &code))
		return code;
	o.attempts_max = (uint32_t)attempts;
	n = argc - optind;
	if (n < 1 || !is_action(argv[optind]))
		return bad_usage(self, "an ACTION is wanted: push, pop, peek, len, stat, claim, ack, "
				 "nack, extend or work");
	if (n < 3)
		return bad_usage(self, "a DB and a QUEUE are wanted");
	return act(self, argv[optind], &o, argv + optind + 1, (size_t)n - 1);
}

const struct command command_queue = {
	"queue", "ACTION DB QUEUE ...", "Push, pop, claim and work on the rows of a queue",
	"QUEUE is a table with a deque; push makes one of (queue, payload) if it is missing.\n\n"
	"  push [PAYLOAD...]    add rows, or else a row for each line of standard input\n"
	"  pop, peek            print payloads and remove them, or not; 1 if there is none\n"
	"  len, stat            count rows\n"
	"  claim                print a LEASE and a payload for each job\n"
	"  ack, nack LEASE...   a job is done; a job goes back\n"
	"  extend LEASE...      a job takes longer\n"
	"  work -- COMMAND...   run a command for each job, with the payload as its input, or in\n"
	"                       place of an argument {}; a job is done if it exits with 0, and\n"
	"                       if not all are the exit code is 1\n\n"
	"  -q, --queue NAME     which queue of the table; work: NAME,... the first ones first\n"
	"  -n, --number N       pop, peek, claim: so many rows; work: so many jobs at a time\n"
	"  -b, --back           pop, peek: from the back\n"
	"  -f, --front          push, nack: to the front\n"
	"  -l, --lease S        claim, extend: for so many seconds, 600 if not given; work: a job\n"
	"                       that takes longer is killed and given back\n"
	"  -d, --delay S        nack, and work for jobs that failed: come back after so many seconds;\n"
	"                       if not given, work doubles it, from 1 s to an hour, unless attempts\n"
	"                       are limited, and nack has none\n"
	"  -F, --forever        work: wait for more when there is none\n"
	"  -m, --maxlen N       push, to make a queue: what is beyond falls off the other end\n"
	"  -a, --attempts N     push, to make a queue: then a job goes to table QUEUE_dead\n"
	"  -h, --help           this text\n",
	run,
};
