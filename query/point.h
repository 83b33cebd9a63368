/* SPDX-License-Identifier: MIT */
/*
 * point.h - statements about one row: compiled once, and run without a plan
 *
 *     SELECT a, b + ?2 FROM t WHERE id = ?1 AND c > 0 LIMIT 1
 *     UPDATE t SET n = n + 1 WHERE id = ?
 *     DELETE FROM t WHERE rowid = ? AND n = 0
 *     INSERT INTO t VALUES (?, lower(?), DEFAULT)
 *     INSERT ... ON CONFLICT (id) DO UPDATE SET n = t.n + excluded.n
 *
 * A condition names the row, by rowid or by all slots of a unique set; what is left to do is to
 * compute some expressions over it. To a plan's expressions parameters are constants; to these they
 * are columns, as those of the row are, so that a program lasts for as long as the table's schema
 * and the types of the parameters in it stay the same. A *point* is such programs, and the machines
 * that run them over a batch of one row. A statement keeps the one it had last.
 *
 *     columns    slots of the row | its rowid | slots of the row that came (excluded) | parameters
 *
 * This is a short cut, and knows when it is none: where the statement asks for more (a subquery, a
 * join, a sort), a value would have to be converted by SQL's rules on its way in, or anything goes
 * wrong, nothing has been changed, and the statement goes the way of all others, which has the
 * words for errors.
 *
 * (1) Whatever a point gives, a plan would give.
 * (2) It holds no value of a parameter and borrows from nothing but the statement's tree and the
 *     schema that it was made for, whose serial number says whether it still is the table's.
 */
#ifndef STOA__POINT_H
#define STOA__POINT_H

#include "stmt.h"

struct stoa__point;

void stoa__point_free(struct stoa__point *p);

/* A statement that changes a row, and what has been looked up for it. */
struct stoa__point_change {
	stoa_stmt *stmt;
	stoa_txn *txn;
	struct stoa__tables *tables;
	stoa_table table;
	const uint32_t *slots;			/* that it names, in its order */
	size_t n_slots;
	const struct stoa__ast_list *rows;	/* VALUES of an INSERT; NULL: none but defaults */
	const struct stoa_value *params;
};

/*
 * An UPDATE, DELETE or INSERT: STOA_ROW: done, to *@n rows, of which there may be none; STOA_END:
 * nothing has been done.
 */
int stoa__point_change(const struct stoa__point_change *c, uint64_t *n);
/*
 * The values of an INSERT of one row, as slots store them: STOA_ROW, or STOA_END where nobody
 * knows.
 */
int stoa__point_values(const struct stoa__point_change *c, struct stoa_value *values);
/*
 * What SET of ON CONFLICT gives row @row for which @came, a value for each slot, has come: into
 * @changes, for each of @c's slots, good until the next call. STOA_ROW; STOA_END where WHERE is not
 * true; an error, without words, where it cannot be told like this.
 */
int stoa__point_upsert(const struct stoa__point_change *c, stoa_rowid row,
		       const struct stoa_value *came, struct stoa_value *changes);

/* May the statement be a SELECT of one row, by its looks? */
bool stoa__point_may_select(const stoa_stmt *stmt);
/*
 * Runs it: @q, which is new, gives the row or none and needs nothing of the transaction any more.
 * STOA_OK, or an error without words.
 */
int stoa__point_select(struct stoa__query_cursor *q, stoa_txn *txn, struct stoa__tables *tables);

#endif
