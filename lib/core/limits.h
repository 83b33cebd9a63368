/* SPDX-License-Identifier: MIT */
/* limits.h - every named size that is not public; the public ones are in stoa.h */
#ifndef STOA__LIMITS_H
#define STOA__LIMITS_H

#include "../stoa.h"

#define STOA__GROUP_ROWS STOA_GROUP_MAX	/* rows of a row group */
#define STOA__BATCH_ROWS STOA_BATCH_MAX	/* rows of a batch */
#define STOA__SLOT_IDS_MAX (1u << 20)	/* slots that a table ever had: row groups have a word for each */
#define STOA__PAGE_ROWS 256		/* rows of a page: unit of tails, overlays and copy on write */
#define STOA__PAGES (STOA__GROUP_ROWS / STOA__PAGE_ROWS)
#define STOA__LIVE_ROWS 4096		/* rows of a block of a live bitmap */
#define STOA__LIVE_BLOCKS (STOA__GROUP_ROWS / STOA__LIVE_ROWS)
#define STOA__CHUNK_BYTES_MAX ((uint64_t)1 << 32)	/* an encoded column of a row group */
#define STOA__FRAME_BYTES_MAX ((uint64_t)16 << 20)	/* a frame of a cold chunk, thawed */
#define STOA__GROUP_BYTES_MAX ((uint64_t)64 << 20)	/* text and blob bytes that end a row group early */
#define STOA__SEGMENT_BYTES_MAX ((uint64_t)32 << 20)	/* of a segment file; then another is begun, */
#define STOA__SEGMENT_BYTES_MIN ((uint64_t)2 << 20)	/* or, where there is little else, at so many */
#define STOA__SQL_BYTES_MAX (1u << 20)	/* of a statement */
#define STOA__SQL_DEPTH_MAX 200		/* nesting of an expression */
#define STOA__SPILL_PREFIX "spill-"	/* begins the name of a query's temporary file, while it has one */
#define STOA__SQL_PARAMETERS_MAX 10000	/* of a statement */
#define STOA__SQL_RELATIONS_MAX 1000	/* tables and queries in FROM, of a statement */

#endif
