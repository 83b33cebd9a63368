/* SPDX-License-Identifier: MIT */
/*
 * visitor.h - a hold on a version by who passes over the row groups of a table, and gives up those
 * behind
 *
 * A whole hold pins all that its version sees. A *visitor* says that of row groups it needs those
 * of one table, from one rowid on, and raises that as it goes. So an old cursor pins what it has
 * still to visit, and neither what it has passed, nor other tables, nor indexes and counts of
 * references, which no scan looks at.
 *
 *     version   holds: 4, of these visitors': 3
 *       table 7: least 196,608                     table 9: least 0
 *         visitors: from 196,608, from 262,144       visitor: from 0
 *
 * For that, a block of a row group knows its place: the table, and the first rowid of the group,
 * which is its key in the table's tree. A version's dead list asks of a block that comes to it, and
 * of all that it has when a visitor has gone on, whether the version needs them: what it does not
 * need goes to the next older version that does, or is freed, just as it would if the version went
 * (block.h).
 *
 * (1) A version with a whole hold needs all that it sees; one that is rolled back to has such a
 *     hold.
 * (2) The nodes of trees, tables and schemas are needed by every visitor: they are few, and a walk
 *     goes through them.
 * (3) A block without a place is needed by every visitor.
 * (4) What a visitor needs only becomes less.
 *
 * Cost: a lock and a store for each row group. The dead are looked through when the last of a
 * table's visitors has gone on, at most about 1,024 of them for each group passed: until then so
 * many may be pinned for nothing.
 */
#ifndef STOA__VISITOR_H
#define STOA__VISITOR_H

#include "block.h"

struct stoa__visitor {
	struct stoa__visitor *next, *prev;
	struct stoa__version *version;		/* NULL: it has not begun, or has ended */
	struct stoa__visited *visited;
	uint64_t from;
	bool is_cursor;		/* one of an application's own, for people who ask; else a part of one */
};

/*
 * The caller's whole hold on @v becomes that of a visitor of @table from row group @from on.
 * STOA_ENOMEM: it stays whole.
 */
int stoa__visitor_begin(struct stoa__visitor *r, struct stoa__version *v, uint32_t table,
		       uint64_t from);
/* Row groups before @from are done with; STOA__VISITOR_DONE: all of them. */
#define STOA__VISITOR_DONE UINT64_MAX
void stoa__visitor_advance(struct stoa__visitor *r, uint64_t from);
/* Gives the hold up. Nothing where it has not begun. */
void stoa__visitor_end(struct stoa__visitor *r);

/* For block.c; the mutex is held. Does @v need @b, which it sees? */
bool stoa__visitors_need(const struct stoa__version *v, const struct stoa__block *b);
uint64_t stoa__visitors_count_cursors(const struct stoa__version *v);

#endif
