/* SPDX-License-Identifier: MIT */
/* cursor_source.h - any cursor as a source of batches, so that a query reads it like a table */
#ifndef STOA__CURSOR_SOURCE_H
#define STOA__CURSOR_SOURCE_H

#include "../lib/core/source.h"

/*
 * Takes over @cur, whatever is returned; the source closes it. @n_rows: about how many rows it has.
 * @closed, unless NULL, is called with @ctx when the source is closed, or cannot be made.
 */
int stoa__cursor_source(stoa_cursor *cur, uint64_t n_rows, void (*closed)(void *ctx), void *ctx,
			struct stoa__source **out, struct stoa_error *err);

#endif
