/* SPDX-License-Identifier: MIT */
/*
 * writer.h - what a format has to know: writer.c's side of writer_table.c, writer_csv.c, ...
 */
#ifndef CLI_WRITER_H
#define CLI_WRITER_H

#include "cli.h"

struct writer_ops {
	void (*begin)(struct writer *w);
	void (*row)(struct writer *w, const struct stoa_value *values);
	void (*end)(struct writer *w);
	void (*free)(struct writer *w);	/* of @state; may be NULL */
	/*
	 * Writes all rows of a cursor and closes it, in place of row(): for formats that are made
	 * of columns. A result of the library. @p may be NULL.
	 */
	int (*cursor)(struct writer *w, stoa_cursor *cur, struct progress *p,
		      struct stoa_error *err);
};

struct writer {
	const struct writer_ops *ops;
	FILE *out;
	struct writer_options options;
	struct stoa_column *columns;	/* names are ours */
	size_t n_columns;
	uint64_t n_rows;
	struct stoa_value *values;	/* a row with blobs in base64, which lie in @coded; NULL: as they are */
	struct text coded;
	struct text line;		/* scratch of the format */
	void *state;			/* of the format */
};

extern const struct writer_ops writer_table;
extern const struct writer_ops writer_csv;
extern const struct writer_ops writer_jsonl;
extern const struct writer_ops writer_json;
extern const struct writer_ops writer_markdown;
extern const struct writer_ops writer_html;
extern const struct writer_ops writer_insert;
extern const struct writer_ops writer_vertical;
extern const struct writer_ops writer_arrow;

bool is_bytes(unsigned type);
/* Writes w->line and a newline, and empties it. */
void put_line(struct writer *w);
/* "(5 rows)", and how many of them were shown. */
void put_count(struct writer *w);
/* Now and then: shows how far it is; true to go on. */
bool writer_goes_on(const struct writer *w, struct progress *p);
/* For formats that have nothing to begin or to end with. */
void nothing(struct writer *w);

#endif
