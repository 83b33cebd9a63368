/* SPDX-License-Identifier: MIT */
/*
 * input.h - the bytes of a file to import
 *
 * Import reads a file more than once and from several threads, by offset. What cannot be read so (a
 * pipe, a terminal) is first copied to a temporary file that has no name. Files are read, not
 * mapped: a file that another program cuts off in the meantime is an error then and not a SIGBUS.
 */
#ifndef STOA__CSV_INPUT_H
#define STOA__CSV_INPUT_H

#include "../core/error.h"

struct stoa__csv_input {
	int fd;			/* -1: bytes in memory */
	const char *memory;	/* the caller's */
	const char *path;	/* the caller's, for messages */
	uint64_t size;
};

int stoa__csv_input_open(const char *path, struct stoa__csv_input *out, struct stoa_error *err);
/* What a callback gives is copied to a temporary file; @name is for messages. */
int stoa__csv_input_pull(stoa_read_fn *read, void *ctx, const char *name,
			 struct stoa__csv_input *out, struct stoa_error *err);
void stoa__csv_input_close(struct stoa__csv_input *in);
/* Up to @len bytes from @offset; *@got is less only at the end of the file. Any thread. */
int stoa__csv_input_read(const struct stoa__csv_input *in, uint64_t offset, char *p, size_t len,
			 size_t *got, struct stoa_error *err);
/* Line and column, from 1, of a place; 0 when the file cannot be read any more. */
struct stoa__csv_place {
	uint64_t at, line_start;
	uint64_t line, column;
};
#define STOA__CSV_PLACE_INIT { 0, 0, 1, 1 }
/* Moves on to @offset, which is not before where @place was. O(bytes between). */
void stoa__csv_input_place(const struct stoa__csv_input *in, struct stoa__csv_place *place,
			   uint64_t offset);
/*
 * Sets @err to @code and @text, with the file's name in front, and the line and column of @offset,
 * for which the file is read up to there: only errors pay for counting lines. Returns @code.
 */
int stoa__csv_input_fail(const struct stoa__csv_input *in, int code, uint64_t offset,
			 const char *text, struct stoa_error *err);

#endif
