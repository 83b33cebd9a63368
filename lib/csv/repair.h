/* SPDX-License-Identifier: MIT */
/*
 * repair.h - a block with bad records in it: which ones they are, and the block without them
 *
 * Parsing works on columns, for speed, and stops at the first fault it meets. When bad records are
 * to be passed over, the block is read again and repaired, and then parsed as if it had always been
 * good: records with too few fields are filled up, records that cannot be taken are blanked out.
 * Good blocks, which are nearly all, pay nothing.
 */
#ifndef STOA__CSV_REPAIR_H
#define STOA__CSV_REPAIR_H

#include "infer.h"
#include "input.h"
#include "rows.h"
#include "split.h"

/* A record that was left out. */
struct stoa__csv_reject {
	uint64_t offset;	/* of the record in the file */
	uint64_t place;		/* of what is wrong with it */
	size_t len;		/* of the record, its newline included */
	int code;
	char *reason;
};

struct stoa__csv_rejects {
	struct stoa__csv_reject *list;
	size_t n;
	size_t cap;
};
void stoa__csv_rejects_release(struct stoa__csv_rejects *r);
/* Moves all of @from to the end of @to. STOA_OK or STOA_ENOMEM, when nothing has moved. */
int stoa__csv_rejects_move(struct stoa__csv_rejects *to, struct stoa__csv_rejects *from);

/* Fields were added to or cut from a record before @at in the repaired text. */
struct stoa__csv_edit {
	size_t at;
	ptrdiff_t shift;	/* from here on, the offset in the file's text is that much larger */
};

struct stoa__csv_repairer {
	/* The caller's. */
	const struct stoa__csv_input *in;
	const struct stoa__csv_dialect *dialect;
	size_t n_columns;
	bool fill;		/* records with too few fields are filled up with NULLs */
	bool reject;		/* records that @attempt does not take are left out */
	/*
	 * Takes all records of @piece, whose text it may change, or says in @fault what is wrong.
	 */
	int (*attempt)(void *ctx, struct stoa__csv_block *piece, struct stoa__csv_fault *fault);
	void *ctx;
	/* Ours. */
	struct stoa__csv_rejects rejects;	/* of the last block */
	struct stoa__csv_block scratch;
	size_t *starts;		/* where records begin, and where the last ends */
	size_t n_records;
	size_t cap;
	struct stoa__csv_edit *edits;
	size_t n_edits;
	size_t edits_cap;
};

void stoa__csv_repairer_release(struct stoa__csv_repairer *r);
/* May a block with this fault be repaired? Not if the type of a column is to blame. */
bool stoa__csv_repairable(const struct stoa__csv_repairer *r, const struct stoa__csv_fault *fault);
/*
 * Reads @block again, whose text was changed, and repairs it. STOA_OK: what is left is as @attempt
 * will take it, if r->reject; r->rejects are the records left out. Else a misfit or STOA_ENOMEM in
 * @fault, or an error in @err with fault->code STOA_OK.
 */
int stoa__csv_repair(struct stoa__csv_repairer *r, struct stoa__csv_block *block,
		     struct stoa__csv_fault *fault, struct stoa_error *err);
/*
 * stoa__csv_infer_text() for a block that may have to be repaired; it counts all of the block or
 * nothing. r->attempt and r->ctx are set here.
 */
int stoa__csv_infer_block(struct stoa__csv_infer *in, struct stoa__csv_repairer *r,
			  struct stoa__csv_block *block, struct stoa__csv_fault *fault,
			  struct stoa_error *err);
/* Where in the block's text, as it is in the file, a place in the repaired text was. */
size_t stoa__csv_repair_place(const struct stoa__csv_repairer *r, size_t offset);

#endif
