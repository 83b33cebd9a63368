/* SPDX-License-Identifier: MIT */
/* check_refs.h - do the counts of references say what the references do? */
#ifndef STOA__CHECK_REFS_H
#define STOA__CHECK_REFS_H

#include "refs.h"

/*
 * Counts all strong references in @v, a version that is held, once more, and calls @report with
 * each disagreement: a row that has another count than there are references to it, and a reference
 * to a row that does not exist. STOA_OK, whatever was reported; STOA_ENOMEM, errors of reading.
 * Cost: a pass over the reference slots, and four bytes for each row that is referred to, in blocks
 * of 256.
 */
int stoa__refs_check(struct stoa__version *v, void (*report)(void *ctx, const char *what),
		     void *ctx, struct stoa_error *err);

#endif
