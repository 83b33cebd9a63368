/* SPDX-License-Identifier: MIT */
/*
 * target_sql.c - any text as SQL, run in a transaction that is undone
 *
 * A statement that fails must leave the transaction as it was: its tables are counted before and
 * after.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "world.h"

#define ROWS_MAX 3000	/* that are read of a result */

static uint64_t rows_of(stoa_txn *txn)
{
	struct stoa_table_info info;
	stoa_table t = 0;
	uint64_t sum = 0;

	while (stoa_table_next(txn, t, &t, NULL) == STOA_ROW)
		if (stoa_table_info(txn, t, &info, NULL) == STOA_OK)
			sum += (info.n_rows + 1) * (t + info.n_slots * 31);
	return sum;
}

static volatile unsigned sum;

static int drain(stoa_cursor *cur)
{
	const struct stoa_value *row;
	size_t n_columns;
	char text[64];
	int rc = STOA_ROW;

	(void)stoa_columns(cur, &n_columns);
	for (int i = 0; i < ROWS_MAX && rc == STOA_ROW; i++) {
		rc = stoa_next(cur, &row, NULL);
		for (size_t j = 0; rc == STOA_ROW && j < n_columns; j++)
			sum = sum + (unsigned)stoa_value_print(&row[j], text, sizeof text);
	}
	stoa_cursor_close(cur);
	return rc;
}

static void run(const uint8_t *p, size_t len)
{
	struct stoa_error err;
	stoa_cursor *cur;
	stoa_stmt *stmt;
	stoa_txn *txn;
	uint64_t before;

	if (stoa_begin(fuzz_world(), STOA_WRITE, &txn, NULL) < 0)
		fuzz_die("no transaction");
	before = rows_of(txn);
	err.code = 1;
	if (stoa_prepare(txn, (const char *)p, len, &stmt, &err) < 0) {
		if (err.code >= 0 || !err.text[0])
			fuzz_die("an error without words");
	} else {
		for (uint32_t i = 1; i <= stoa_parameters(stmt) && i < 5; i++)
			(void)!stoa_bind(stmt, i, &(struct stoa_value){ .type = STOA_I64, .i = i }, NULL);
		if (stoa_execute(stmt, txn, &cur, NULL) == STOA_OK)
			drain(cur);
		else if (rows_of(txn) != before)
			fuzz_die("a statement that failed has changed something");
		stoa_stmt_free(stmt);
	}
	stoa_abort(txn);
}

const struct fuzz_target fuzz_sql = { "sql", run, NULL, 600 };
