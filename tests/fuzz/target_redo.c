/* SPDX-License-Identifier: MIT */
/*
 * target_redo.c - any bytes as a log record's operations, done again in a database with a table of
 * every type
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/db.h"
#include "world.h"

static void run(const uint8_t *p, size_t len)
{
	stoa_txn *txn;

	if (stoa_begin(fuzz_world(), STOA_WRITE, &txn, NULL) < 0)
		fuzz_die("no transaction");
	(void)!stoa__redo_replay(txn->version, p, len, NULL);
	txn->dirty = true;
	stoa_abort(txn);
}

/* What a few operations write to the log. */
static void seeds(fuzz_seed *each, void *ctx)
{
	struct stoa_value v[FUZZ_SLOTS];
	struct stoa__table *t;
	stoa_txn *txn;

	if (stoa_begin(fuzz_world(), STOA_WRITE, &txn, NULL) < 0)
		fuzz_die("no transaction");
	t = stoa__table_find(txn->version, 1);
	fuzz_row(3, v);
	if (stoa__redo_insert(txn, t, t->next_rowid, v) < 0)
		fuzz_die("no redo of an insert");
	each(ctx, txn->redo.p, txn->redo.len);
	if (stoa__redo_update(txn, t, 2, (uint32_t[]){ 1, 4 }, (struct stoa_value[]){ v[1], v[4] },
			      2) < 0 ||
	    stoa__redo_delete(txn, t, 3, true) < 0 || stoa__redo_schema(txn, 9, t->schema) < 0)
		fuzz_die("no redo of changes");
	each(ctx, txn->redo.p, txn->redo.len);
	stoa_abort(txn);
}

const struct fuzz_target fuzz_redo = { "redo", run, seeds, 4096 };
