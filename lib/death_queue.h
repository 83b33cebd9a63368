/* SPDX-License-Identifier: MIT */
/* death_queue.h - the values that dead rows had, as rows of another table */
#ifndef STOA__DEATH_QUEUE_H
#define STOA__DEATH_QUEUE_H

#include "table.h"

/*
 * Row @row of @t, which has a death queue, is about to die: its values go there. On failure nothing
 * has changed.
 */
int stoa__death_record(struct stoa__version *w, struct stoa__table *t, uint64_t row,
		       struct stoa__place at, struct stoa_error *err);

#endif
