/* SPDX-License-Identifier: MIT */
/*
 * scan.h - the rows of a table, batch by batch
 *
 * One walk serves both sides: queries, as a struct stoa__source with the engine's wide kinds, and
 * applications, as a cursor with the C arrays of the slots' types.
 */
#ifndef STOA__SCAN_H
#define STOA__SCAN_H

#include "core/source.h"
#include "stoa.h"

struct stoa__version;

/*
 * A source over the rows that @txn sees now. @slots: positions of the columns on offer, NULL for
 * all. Holds what it reads until closed, the transaction's end included; after an abort it returns
 * STOA_ESTATE.
 */
int stoa__scan_source(stoa_txn *txn, stoa_table table, const uint32_t *slots, size_t n_slots,
		      struct stoa__source **out, struct stoa_error *err);

/* A cursor over some slots of table @id as it is in @version, which is held for it. */
int stoa__scan_cursor_at(struct stoa__version *version, uint32_t id, const uint32_t *slots,
			 size_t n, stoa_cursor **out, struct stoa_error *err);

/* The version that a source made here reads; not held for the caller. */
struct stoa__version *stoa__scan_version(struct stoa__source *source);

#endif
