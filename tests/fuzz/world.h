/* SPDX-License-Identifier: MIT */
/*
 * world.h - a small database in memory that targets work on: tables t (a slot of each type) and u
 */
#ifndef STOA__FUZZ_WORLD_H
#define STOA__FUZZ_WORLD_H

#include "../../lib/stoa.h"

#define FUZZ_SLOTS 19	/* of t */
#define FUZZ_ROWS 6	/* of t and of u */

/* Made on first use; ends with the program. */
stoa_db *fuzz_world(void);
/* Values of a row of t; NULL now and then. */
void fuzz_row(unsigned n, struct stoa_value out[FUZZ_SLOTS]);

#endif
