/* SPDX-License-Identifier: MIT */
/*
 * head.h - what is found out about a CSV file before it is imported
 *
 * From the first megabytes, and some pieces from further on: the delimiter, whether the first
 * record is a header, the names of the columns and a first guess of their types.
 */
#ifndef STOA__CSV_HEAD_H
#define STOA__CSV_HEAD_H

#include "infer.h"
#include "input.h"

/* The caller's options, checked and with the defaults filled in. */
struct stoa__csv_wishes {
	char delimiter;		/* 0: find out */
	char quote;		/* 0: find out */
	int header;		/* 0 no, 1 yes, -1 find out */
	const char *null_text;
	/*
	 * The slots of a table that is there; may be NULL. Their names speak for a header where one is
	 * found in the first record, and their types are those of the columns.
	 */
	const struct stoa_slot *known;
	size_t n_known;
	bool base64;		/* blobs */
	bool fill, reject;	/* what becomes of bad records: repair.h */
};

struct stoa__csv_head {
	struct stoa__csv_dialect dialect;
	bool header;
	size_t n_columns;	/* 0: the file is empty */
	char **names;		/* one for each column: of the header, or c1, c2, ... */
	uint64_t offset;	/* of the first record behind the header */
	struct stoa__csv_infer infer;	/* what the sample tells of the types */
};

int stoa__csv_head_read(const struct stoa__csv_input *in, const struct stoa__csv_wishes *wishes,
			struct stoa__csv_head *out, struct stoa_error *err);
void stoa__csv_head_release(struct stoa__csv_head *h);

#endif
