/* SPDX-License-Identifier: MIT */
/*
 * parts.h - a database taken apart into what its checksums cover, and put together again
 *
 * A part is a record of the catalog, the image of a chunk in a segment file, or the payload of a
 * record of the log. Put together, parts have checksums that fit, whatever is in them: so what is
 * read behind checksums can be shown any bytes.
 */
#ifndef STOA__FUZZ_PARTS_H
#define STOA__FUZZ_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../storage/log.h"
#include "../tree.h"

#define PARTS_MAX 1200

struct part {
	enum { PART_RECORD, PART_CHUNK, PART_LOG } kind;
	bool changed;		/* by who puts them together */
	uint8_t key[64];	/* of a record */
	size_t key_len;
	uint64_t file;		/* of a chunk */
	uint32_t group, n_rows, slot;
	uint64_t seq;		/* of a log record */
	uint8_t *p;
	size_t len;
};

struct parts {
	uint8_t uuid[16];
	struct stoa__log_position log;
	struct part part[PARTS_MAX];	/* records in order, then chunks by file and group, then the log */
	size_t n;
	struct tree *files;		/* as they were */
};

/* Reads the database at @path, which nobody has open. Failures end the process. */
struct parts *parts_read(const char *path);
/* Makes @path the database of these parts; false: storage/ refuses to write them. */
bool parts_write(const struct parts *parts, const char *path);
void parts_free(struct parts *parts);

#endif
