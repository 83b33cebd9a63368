/* SPDX-License-Identifier: MIT */
/*
 * log.h - the redo log: what committed since the last checkpoint
 *
 * Files log/NNNNNNNN.log, numbered from 1 without gaps, written with zeros beforehand and then
 * overwritten in place, so that a flush carries no file metadata. Each is half as large as all before
 * it (256 KiB to 8 MiB), so that small databases stay small. For a record of more than 120 KiB, which
 * has no use for zeros, a file grows by what that one needs.
 *
 *   file header, 64 bytes:  magic, format version, file number, salt, XXH3 of these
 *   record:  u32 magic, u32 payload length, u64 sequence number, u64 durable, u64 XXH3 of all this (seeded by
 *            the file's salt and the record's offset), payload, zeros to 8 bytes
 *
 * log_format.h has the picture. Sequence numbers go up by one; only the first record of a new file
 * may leave some out, which the catalog then covers. Reading ends at the first place that holds no
 * valid record. What comes after it decides what it was: a later record that was written when the
 * missing one had been synced (it says so itself, in *durable*) means damage (STOA_ECORRUPT),
 * anything else is the torn end of a crash. A record that does not fit into what is left of its file
 * goes to a new one.
 *
 * Group commit: stoa__log_append() copies a record into memory and returns at once;
 * stoa__log_flush() writes and syncs all that was appended so far, and threads that call it
 * meanwhile wait for the one who is at it, then share the next flush.
 *
 * A failed write or sync makes the log refuse everything from then on, with that error.
 * Threads: append is called by one thread at a time (the writer), make_file by another, flush by any
 * number.
 */
#ifndef STOA__LOG_H
#define STOA__LOG_H

#include "file.h"

struct stoa__log;

/* Where a log begins to matter: from the catalog. */
struct stoa__log_position {
	uint64_t file;	/* number of the file */
	uint64_t seq;	/* the last sequence number that the catalog covers; replay starts at seq + 1 */
};

/*
 * Opens the log in dir/log (made where missing and writable) and calls @replay for each record
 * after @from, in order. Read only: stops at the end, no file is touched; a writer may append
 * meanwhile, but the caller holds byte 1 of the lock, so that it does not drop files. Otherwise the
 * torn end, if any, is wiped with zeros, what was replayed is synced, and appending goes on after
 * it. Files before @from.file are left over: deleted by a writer. No file at all is an empty log.
 * The payload borrows for the call, aligned to 1 byte.
 */
int stoa__log_open(const struct stoa__dir *dir, bool read_only, struct stoa__log_position from,
		   int (*replay)(void *ctx, uint64_t seq, const uint8_t *payload, size_t len,
				 struct stoa_error *err),
		   void *ctx, struct stoa__log **out, struct stoa_error *err);
/* Flushes nothing; @clean: removes all log files first (the catalog covers them). NULL is fine. */
void stoa__log_close(struct stoa__log *log, bool clean);
/*
 * The next record. @seq must be the last one + 1, or larger if a file begins with it (after
 * rotate). Only memory is touched, unless more than 16 MiB wait, which are then written (not
 * synced), or the file has no room for the record and the next one was not made ahead: it is made
 * first. STOA_EFULL: the disk has none; nothing has changed, and the record may be tried again.
 */
int stoa__log_append(struct stoa__log *log, uint64_t seq, const void *payload, size_t len,
		     struct stoa_error *err);
/*
 * Should the next file be made, or megabytes that wait be written, so that who appends need not? Asked
 * after an append; a look at a flag. stoa__log_make_file() does both, for as long as a disk takes for
 * megabytes, beside appends and flushes, and the file also where nobody asked; if it cannot, who appends
 * does it, or hears why not. Who finds the file made goes on in it without a word to the disk.
 */
bool stoa__log_wants_file(const struct stoa__log *log);
void stoa__log_make_file(struct stoa__log *log);
/*
 * Writes all records up to @seq at least (and at most the newest); @sync: and waits until they are
 * on the disk.
 */
int stoa__log_flush(struct stoa__log *log, uint64_t seq, bool sync, struct stoa_error *err);
uint64_t stoa__log_durable_seq(struct stoa__log *log);	/* the newest on the disk */
bool stoa__log_has_failed(struct stoa__log *log);	/* nothing more is written */
/*
 * Writes and syncs all records, and starts a new file with the next one; *@out is what the catalog
 * is to store once it covers all of @out->seq. No append meanwhile.
 */
int stoa__log_rotate(struct stoa__log *log, struct stoa__log_position *out, struct stoa_error *err);
/* Removes files before @file (after the catalog commit that made them needless). */
int stoa__log_drop_before(struct stoa__log *log, uint64_t file, struct stoa_error *err);
uint64_t stoa__log_bytes(struct stoa__log *log);	/* record bytes since the last rotate */
/* Would they be more than @max with another record like the last one? */
bool stoa__log_would_pass(struct stoa__log *log, uint64_t max);
uint64_t stoa__log_disk_bytes(struct stoa__log *log);
uint64_t stoa__log_heap(struct stoa__log *log);	/* memory that it holds; without a buffer that is being written */
/*
 * Of a log that was opened read-only: may there be records after those that were read? A read or
 * two. False is certain, true is not. The caller holds byte 1.
 */
int stoa__log_has_news(const struct stoa__log *log, bool *news, struct stoa_error *err);
/*
 * Every byte of every log file from @from on: records, and that what follows them is zeros (a torn
 * end excepted when @torn_ok).
 */
int stoa__log_check(const struct stoa__dir *dir, struct stoa__log_position from, bool torn_ok,
		    stoa_check_report *report, void *ctx, struct stoa_error *err);

#endif
