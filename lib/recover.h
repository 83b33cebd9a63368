/* SPDX-License-Identifier: MIT */
/*
 * recover.h - what the two halves of recovery share: recover.c, and recover_segments.c where there
 * is no catalog
 */
#ifndef STOA__RECOVER_H
#define STOA__RECOVER_H

#include "db.h"

struct stoa__rewrite;
struct stoa__whole_schema;

struct stoa__recover {
	struct stoa_db *old;	/* in memory, with the directory of the damaged one */
	struct stoa_txn *from;	/* what could be loaded */
	struct stoa__version *frozen;	/* of it, while it is copied */
	struct stoa_db *db;	/* the new one */
	struct stoa_txn *to;
	struct stoa__rewrite *rewrite;
	struct stoa__whole_schema *wholes;	/* of tables that go without indexes for a while */
	size_t n_wholes;
	bool deleted;
	stoa_recover_report *report;
	void *ctx;
	struct stoa_recover_stat stat;
	struct stoa_error *err;
};

/* Says that something is lost: as stoa_recover_report. */
void stoa__recover_lose(struct stoa__recover *r, const char *table, uint64_t first, uint64_t last,
			const char *what);
/*
 * Makes tables in r->from of the row groups in all segment files, by what these say of themselves.
 */
int stoa__recover_segments(struct stoa__recover *r);

#endif
