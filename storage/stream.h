/* SPDX-License-Identifier: MIT */
/*
 * stream.h - bytes on their way to files, past the page cache
 *
 *     room: filled by its owner | write() | room: goes to the disk, by a thread of the stream's own
 *
 * Who writes hundreds of megabytes in one go should not pay for a page of the kernel's memory for
 * each page of them. A copy into pages that the kernel has at hand takes 0.2 ms a megabyte; on a
 * virtual machine that has given its free memory back to its host, as most do, 2 ms, since each page
 * has to be got back first: 190 MB took 0.04 to 0.5 s of the processor, a third of what making them
 * from a CSV file did. A write with O_DIRECT has the disk fetch them from the room itself: 0.01 s.
 * It takes its time, though (0.11 s), so a thread does the waiting, while other rooms are filled: row
 * groups come in bursts of two rooms, which a disk has written by the time the next burst comes.
 *
 * Then the bytes are on the disk alone, and whoever reads them would wait for it. So that thread, while
 * it has nothing to write, has the disk bring them back: into huge pages of the page cache, for 0.003 s
 * of the processor, and into no more of them than the owner says.
 *
 * Where a file system knows no O_DIRECT, and of the last part of a page, writes are as they always
 * are. A stream that is given less than a room is full of starts no thread.
 *
 * One owner's thread at a time. (1) Writes are done in their order, one at a time, and before anything
 * is brought back. (2) The descriptor and name of a write are used until a wait has returned. (3) After a write
 * failed, all fail.
 */
#ifndef STOA__STREAM_H
#define STOA__STREAM_H

#include "file.h"

#define STOA__STREAM_BYTES ((size_t)1 << 20)	/* of a room */

struct stoa__stream;

/* NULL when memory is out. The first @kept bytes that are written may be brought back. */
struct stoa__stream *stoa__stream_new(uint64_t kept);
/*
 * From now on, before the first write, it goes by stoa__file_trickle() instead, and what it wrote
 * stays in the page cache. The owner goes on meanwhile: collecting half of lineitem, a quarter of
 * the time was spent waiting for pieces of 64 KiB.
 */
void stoa__stream_unhurry(struct stoa__stream *s);
/* The room that is to be filled next. Changes with each write. */
uint8_t *stoa__stream_room(struct stoa__stream *s);
/*
 * Sends the first @len bytes of the room to @offset, a multiple of STOA__STREAM_BYTES, of a file that
 * is open for reading and writing. An error may be that of a write before.
 */
int stoa__stream_write(struct stoa__stream *s, int fd, const char *name, uint64_t offset, size_t len,
		       struct stoa_error *err);
/* Waits until all was written, though not synced, and what comes back is back. */
int stoa__stream_wait(struct stoa__stream *s, struct stoa_error *err);
/*
 * All is written that will be: brings back what the disk had no time for, 1 ms a megabyte, up to
 * 64 MiB or for 0.1 s. Without it small pages come instead, when somebody reads: rows one by one from
 * a table half of which had such were read at three quarters of the rate.
 */
void stoa__stream_settle(struct stoa__stream *s);
/* What was written and failed is forgotten; NULL is fine. */
void stoa__stream_free(struct stoa__stream *s);

#endif
