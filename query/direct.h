/* SPDX-License-Identifier: MIT */
/*
 * direct.h - INSERT, UPDATE and DELETE of one row, said in constants and parameters: no plan is
 * made
 *
 *     INSERT INTO t VALUES (?, 'x', NULL)         stoa_insert()
 *     UPDATE t SET a = ? WHERE id = ?             the row by a unique set, stoa_update()
 *     DELETE FROM t WHERE rowid = ?               stoa_delete()
 *
 * This is a short cut, and knows when it is none: where a value would have to be converted by SQL's
 * rules (rounded, read from text), or anything goes wrong, nothing has been changed, and the
 * statement goes the way of all others, which has the words for errors.
 */
#ifndef STOA__DIRECT_H
#define STOA__DIRECT_H

#include "stmt.h"

/*
 * The value of @a (NULL: the default) for @slot, borrowed; false if it is no constant, or one that
 * stoa_insert() would take otherwise than an assignment does.
 */
bool stoa__direct_value(const struct stoa__ast *a, const struct stoa_value *params,
			const struct stoa_slot *slot, struct stoa_value *out);
/*
 * The row that @where names, by rowid or by the key of a unique set: STOA_ROW, STOA_END if there is
 * none. An error, without words: it may name anything.
 */
int stoa__direct_row(stoa_txn *txn, stoa_table table, const struct stoa_table_info *info,
		     const struct stoa__statement *s, const struct stoa_value *params,
		     stoa_rowid *row);

#endif
