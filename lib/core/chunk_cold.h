/* SPDX-License-Identifier: MIT */
/*
 * chunk_cold.h - columns that are seldom read: frames of 2,048 rows under zstd
 *
 * A cold chunk (STOA__ENC_COLD) is cut at every 2,048th row, which is where batches are cut too. A
 * frame *thaws* into an ordinary chunk of its rows, in memory of the reader's; nothing thawed is
 * kept by the chunk. A scan thus thaws each frame once and holds one at a time, and a single value
 * costs one frame: tens of microseconds where a warm chunk takes nanoseconds. Whether that is worth
 * the space is for whoever knows how seldom the rows are read, so nothing is made cold unasked.
 *
 * Strings stay as they are: their codes are small already, and scans want the list.
 */
#ifndef STOA__CHUNK_COLD_H
#define STOA__CHUNK_COLD_H

#include "chunk.h"
#include "limits.h"

#define STOA__FRAME_ROWS STOA__BATCH_ROWS

static inline bool stoa__chunk_is_cold(const struct stoa__chunk *c)
{
	return c->encoding == STOA__ENC_COLD;
}

/*
 * stoa__chunk_encode_cold() - append a cold image of the rows of @c to @out
 *
 * Aligned, and deterministic, as stoa__chunk_encode() is. Cost: about 20 ns a byte.
 *
 * Returns: STOA_OK; STOA_END when it would not be a tenth smaller than @c, or @c holds strings, or
 *          is cold: nothing was appended; STOA_ENOMEM; STOA_ECORRUPT if @c does not decode.
 */
int stoa__chunk_encode_cold(const struct stoa__chunk *c, struct stoa__buf *out);

/*
 * stoa__chunk_thaw() - open the rows of a frame: those from @frame * STOA__FRAME_ROWS on
 * @c:    a cold chunk, @frame one that it has
 * @room: what was in it is replaced
 * @out:  borrows from @room
 *
 * Returns: STOA_OK; STOA_ENOMEM; STOA_ECORRUPT with *@why.
 */
int stoa__chunk_thaw(const struct stoa__chunk *c, size_t frame, struct stoa__buf *room,
		     struct stoa__chunk *out, const char **why);

/* The frame thawed last, for who reads single values: neighbours then cost one frame. */
struct stoa__thawed {
	struct stoa__chunk chunk;
	struct stoa__buf frame;	/* what it borrows from */
	uint64_t id;		/* the reader's, of chunk and frame; 0: none */
};
/* Makes @frame of @c the one that is thawed, unless it is; @id is its own. As stoa__chunk_thaw(). */
int stoa__thawed_reach(struct stoa__thawed *t, const struct stoa__chunk *c, size_t frame,
		       uint64_t id, const char **why);
/* stoa__chunk_value() of cold @c by way of @t; @id: that of the chunk's first frame. */
int stoa__thawed_value(struct stoa__thawed *t, const struct stoa__chunk *c, uint64_t id, size_t row,
		       struct stoa__buf *scratch, struct stoa_value *out);

/* As stoa__chunk_value(), stoa__chunk_read() and stoa__chunk_check(), which call these. */
int stoa__cold_value(const struct stoa__chunk *c, size_t row, struct stoa__buf *scratch,
		     struct stoa_value *out);
int stoa__cold_read(const struct stoa__chunk *c, size_t from, size_t n, void *values,
		    struct stoa__buf *scratch);
int stoa__cold_check(const struct stoa__chunk *c, const char **why);

#endif
