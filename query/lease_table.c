/* SPDX-License-Identifier: MIT */
/*
 * lease_table.c - FROM leases('jobs' [, name = 'by_host']): the jobs that are claimed
 *
 *     rowid, attempt, deadline    what a lease is: the row, the number of the claim, when it ends
 *     ...                         the slots of the table
 *
 * A table may have a slot called attempt: then that is jobs.attempt, and the lease's is lease.attempt
 * (bind_name.c).
 *
 * They are read when the statement begins, as there are no more of them than consumers have in
 * hand.
 */
#include "lease_table.h"

#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"

#define COLUMNS_MAX 3	/* before those of the table */
#define OF_LEASE (STOA_NOT_NULL | STOA__SLOT_OF_LEASE)

int stoa__lease_table_new(const struct stoa_table_info *info, bool leased,
			  struct stoa__row_table **out, struct stoa_error *err)
{
	static const struct stoa_slot first[COLUMNS_MAX] = {
		{ .name = "rowid", .type = STOA_I64, .flags = OF_LEASE },
		{ .name = "attempt", .type = STOA_I64, .flags = OF_LEASE },
		{ .name = "deadline", .type = STOA_TIMESTAMP, .flags = OF_LEASE },
	};
	size_t n = leased ? COLUMNS_MAX : 1;
	struct stoa_slot *slots = stoa__calloc(n + info->n_slots, sizeof *slots);
	int rc;

	*out = NULL;
	if (!slots)
		return stoa__fail_memory(err);
	memcpy(slots, first, n * sizeof *slots);
	memcpy(slots + n, info->slots, info->n_slots * sizeof *slots);
	rc = stoa__row_table_new(slots, n + info->n_slots, out, err);
	stoa__free(slots);
	return rc;
}

int stoa__lease_table_add(struct stoa__row_table *t, bool leased, stoa_txn *txn, stoa_table table,
			  const struct stoa_lease *lease, const struct stoa_value *values,
			  struct stoa_error *err)
{
	size_t n = leased ? COLUMNS_MAX : 1, n_values = t->relation.n_slots - n;
	struct stoa_value *row = stoa__calloc(t->relation.n_slots, sizeof *row);
	int rc = STOA_OK;

	if (!row)
		return stoa__fail_memory(err);
	row[0] = stoa_i64((int64_t)lease->row);
	if (leased) {
		row[1] = stoa_i64(lease->attempt);
		row[2] = stoa_i64(lease->deadline);
		row[2].type = STOA_TIMESTAMP;
	}
	if (values)
		memcpy(row + n, values, n_values * sizeof *row);
	else
		rc = stoa_get(txn, table, lease->row, row + n, n_values, err);
	if (rc == STOA_OK)
		rc = stoa__row_table_add(t, row, err);
	stoa__free(row);
	return rc;
}

int stoa__lease_table_fill(struct stoa__row_table *t, stoa_txn *txn, stoa_table table,
			   stoa_index index, struct stoa_error *err)
{
	struct stoa_lease lease;
	uint64_t place = 0;
	int rc;

	while ((rc = stoa_deque_next_lease(txn, table, index, &place, &lease, err)) == STOA_ROW)
		STOA_TRY(stoa__lease_table_add(t, true, txn, table, &lease, NULL, err));
	return rc < 0 ? rc : STOA_OK;
}

static int fill(const struct stoa__table_call *call, const char *table, const char *name,
		struct stoa__row_table **out, struct stoa_error *err)
{
	struct stoa_index_info index;
	struct stoa_table_info info;
	stoa_table id;
	stoa_index at;
	int rc = stoa_table_find(call->txn, table, &id, err);

	if (rc == STOA_ENOTFOUND)
		return stoa__table_fail(call, stoa__table_arg(call, 0, NULL), err, rc,
					"there is no table '%s'", table);
	STOA_TRY(rc);
	STOA_TRY(stoa__deque_named(call->txn, id, name, "name = '...'", &at, &index, err));
	STOA_TRY(stoa_table_info(call->txn, id, &info, err));
	STOA_TRY(stoa__lease_table_new(&info, true, out, err));
	return stoa__lease_table_fill(*out, call->txn, id, at, err);
}

int stoa__table_leases(const struct stoa__table_call *call, struct stoa__relation **out,
		       struct stoa_error *err)
{
	static const char *const names[] = { "name", NULL };
	struct stoa__row_table *t = NULL;
	char *table = NULL, *name = NULL;
	int rc = stoa__table_args_known(call, 1, 1, names, err);

	if (rc == STOA_OK)
		rc = stoa__table_arg_text(call, 0, NULL, &table, err);
	if (rc == STOA_OK)
		rc = stoa__table_arg_text(call, 0, "name", &name, err);
	if (rc == STOA_OK)
		rc = fill(call, table, name, &t, err);
	stoa__free(table);
	stoa__free(name);
	if (rc < 0 && t)
		stoa__relation_drop(&t->relation);
	else if (rc == STOA_OK)
		*out = &t->relation;
	return rc;
}
