/* SPDX-License-Identifier: MIT */
/*
 * queue_lease.c - stoa queue claim, ack, nack and extend
 *
 * A lease is printed as ROW:ATTEMPT. It ends by time alone, as the process that took it ends at
 * once.
 */
#include "queue.h"

#include <inttypes.h>
#include <string.h>

static bool parse_lease(const char *s, struct stoa_lease *out)
{
	int end = 0;

	memset(out, 0, sizeof(*out));
	return sscanf(s, "%" SCNu64 ":%" SCNu32 "%n", &out->row, &out->attempt, &end) == 2 &&
	       !s[end];
}

static int print_lease(struct queue *q, const struct stoa_lease *lease)
{
	struct text t = { 0 };
	int code = queue_get(q, lease->row);

	if (code == CLI_OK) {
		queue_put_payload(q, &t);
		printf("%" PRIu64 ":%" PRIu32 "\t%.*s\n", lease->row, lease->attempt, (int)t.len,
		       t.p ? t.p : "");
	}
	text_release(&t);
	return code;
}

int queue_claim(struct queue *q, const struct queue_options *o)
{
	struct stoa_value name = queue_name(o->queues[0]);
	struct stoa_lease lease;
	struct stoa_error err;
	uint64_t i = 0;
	size_t n;
	int rc, code;

	for (; i < o->n; i++) {
		rc = stoa_deque_claim(q->session.txn, q->table, q->index, &name, NULL, o->lease_ms,
				      &lease, 1, &n, &err);
		if (rc < 0)
			return queue_error(q, &err);
		if (rc == STOA_END)
			break;
		code = print_lease(q, &lease);
		if (code != CLI_OK)
			return code;
	}
	return i ? CLI_OK : CLI_FAILURE;
}

static int end_lease(struct queue *q, const struct queue_options *o, const char *action,
		     struct stoa_lease *lease, struct stoa_error *err)
{
	stoa_txn *txn = q->session.txn;

	if (!strcmp(action, "ack"))
		return stoa_deque_ack(txn, q->table, q->index, lease, err);
	if (!strcmp(action, "extend"))
		return stoa_deque_extend(txn, q->table, q->index, lease, o->lease_ms, err);
	return stoa_deque_nack(txn, q->table, q->index, lease, o->front ? STOA_FRONT : STOA_BACK,
			       o->delay_ms == QUEUE_NO_DELAY ? 0 : o->delay_ms, err);
}

int queue_end_leases(struct queue *q, const struct queue_options *o, const char *action, char **leases,
		     size_t n)
{
	struct stoa_lease lease;
	struct stoa_error err;

	for (size_t i = 0; i < n; i++) {
		if (!parse_lease(leases[i], &lease)) {
			report("%s is no lease: claim prints them as ROW:ATTEMPT", leases[i]);
			return CLI_USAGE;
		}
		if (end_lease(q, o, action, &lease, &err) < 0)
			return queue_error(q, &err);
	}
	return CLI_OK;
}
