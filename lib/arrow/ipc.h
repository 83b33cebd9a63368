/* SPDX-License-Identifier: MIT */
/*
 * ipc.h - Arrow's IPC format as an ArrowArrayStream: what makes it out of a file's bytes
 *
 *     bytes  --ipc_read.c-->  ArrowArrayStream  --import.c-->  cursor
 *     bytes  <-ipc_write.c--  ArrowArrayStream  <-export.c---  cursor
 */
#ifndef STOA__ARROW_IPC_H
#define STOA__ARROW_IPC_H

#include "message.h"

struct stoa__arrow_reader;

/*
 * Is it a file or stream of Arrow's? By its first bytes; false too for what cannot be read twice.
 */
bool stoa__arrow_is_ipc(const char *path);
/* Opens a file or stream, and reads its schema. The words of errors name the file. */
int stoa__arrow_reader_open(const char *path, struct stoa__arrow_reader **out,
			    struct stoa_error *err);
const struct stoa__arrow_schema *stoa__arrow_reader_schema(const struct stoa__arrow_reader *r);
/* About how many bytes there are to read. */
uint64_t stoa__arrow_reader_size(const struct stoa__arrow_reader *r);
/*
 * Columns at these positions only, in this order; the others are not read. Before the first batch.
 */
int stoa__arrow_reader_only(struct stoa__arrow_reader *r, const uint32_t *columns, size_t n);
/* It becomes a cursor, which closes it; it is closed if that fails, too. */
int stoa__arrow_reader_cursor(struct stoa__arrow_reader *r, stoa_cursor **out,
			      struct stoa_error *err);
void stoa__arrow_reader_close(struct stoa__arrow_reader *r);	/* NULL is fine */

/*
 * stoa_arrow_import() of a stream that is our own, whose errors are in @words, with their codes.
 * Its arrays are released before the next is asked for.
 */
int stoa__arrow_import(struct ArrowArrayStream *in, const struct stoa_error *words,
		       stoa_cursor **out, struct stoa_error *err);
/* What a stream of stoa_arrow_export() failed with, code and words. */
const struct stoa_error *stoa__arrow_export_error(const struct ArrowArrayStream *s);

#endif
