/* SPDX-License-Identifier: MIT */
/*
 * dump.h - what the files of dump and restore share
 *
 *     dump.c        the commands, the compressed file, the order of tables
 *     dump_rows.c   which rows there are, in which order, and the number that each will have
 *     dump_text.c   a dump as text
 *     restore.c     what SQL has no words for
 *
 * A reference is a rowid, and rows get new ones when they are restored: 1, 2, 3, ..., in the order
 * in which they come. So the rows of a table are numbered before they are written, and references
 * are written as numbers. One to a row that comes later is NULL at first, or, where that may not
 * be, the row's own number; UPDATE statements behind all rows put it right. Rows that were deleted
 * and live on by references are written like others and then deleted.
 */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "cli.h"

struct numbered {
	uint64_t row, number;
};

/* A table on its way into a dump. */
struct dumped {
	char *name;
	stoa_table table;
	struct stoa_table_info info;
	bool listed;		/* its rows are in @rows, since somebody refers to them, or in order of a deque */
	uint64_t *rows;		/* row i gets number i + 1 */
	uint64_t n_rows, cap_rows;
	struct numbered *by_row;	/* the same by rowid */
	uint64_t *kept;		/* those of them that are no members, ascending */
	uint64_t n_kept, cap_kept;
	bool late_keys;		/* keys come behind the rows, as they would be in the way before */
	size_t n_early;		/* slots that can be made with the table: others refer to tables that come later */
};

struct dump {
	struct session *s;
	FILE *out;
	struct progress *progress;
	struct dumped *tables;	/* in the order in which they are written */
	size_t n;
};

/* The position of a table; d->n if it is not there. */
size_t dump_position(const struct dump *d, stoa_table table);

/* Fills rows, by_row and kept of all tables that need it; an exit code. */
int dump_number(struct dump *d);
/* The number of a row in its table; 0 if it is not in the dump. */
uint64_t dump_number_of(const struct dumped *t, uint64_t row);
/* Compares two uint64_t. */
int dump_by_number(const void *a, const void *b);
/* Writes all. */
int dump_write(struct dump *d);
void dump_release(struct dump *d);

/* ---- restore.c ---- */

struct restore;
struct restore *restore_new(void);
/*
 * A line of a dump that begins no statement: obeys it if it is a directive. CLI_OK or an exit code;
 * *@taken: the line needs no other reader.
 */
int restore_line(struct restore *r, const char *path, stoa_txn *txn, const char *line, bool *taken);
void restore_free(struct restore *r);

#define DIRECTIVE "-- stoa: "
#define BYTES_PER_LINE ((size_t)48 << 10)	/* of a long value, in base64 */

#endif
