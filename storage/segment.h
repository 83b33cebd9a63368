/* SPDX-License-Identifier: MIT */
/*
 * segment.h - immutable files of column chunks: segments/NNNNNNNN.seg
 *
 *   header, 64 bytes:   magic, format version, database uuid, file number, XXH3 of these
 *   chunks:             images of chunk.h, each at a multiple of 64 and a multiple of 64 bytes long
 *   directory:          group and chunk count, each group's row count and share of the chunks, each chunk's
 *                       slot id, offset, length, XXH3 of the image (seeded by file number and
 *                       offset)
 *   trailer, 64 bytes:  directory offset, length and XXH3, file length, magic, XXH3 of these
 *
 * Every byte of the file is under some checksum; segment_format.h has the picture. The file's
 * *root*, the XXH3 of its trailer (and so of its directory, whose XXH3 is in there), is what the
 * catalog stores, so that a file cannot be taken for another.
 *
 * Opening maps the file and reads only the trailer; the directory is verified on first use of any
 * group, each chunk on its own first use.
 */
#ifndef STOA__SEGMENT_H
#define STOA__SEGMENT_H

#include "../lib/core/limits.h"
#include "file.h"

/* ---- writing: one thread at a time ---- */

struct stoa__segment_writer;
struct stoa__stream;

/*
 * Makes the folder too where it is missing. An older file of this number, an orphan of a crash, is
 * unlinked.
 */
int stoa__segment_create(const struct stoa__dir *dir, uint64_t file, const uint8_t uuid[16],
			 struct stoa__segment_writer **out, struct stoa_error *err);
/*
 * The same, for one of many files: what is to be written goes by @stream, which serves one writer
 * until that has ended, and is there until the last of them is synced or discarded.
 */
int stoa__segment_create_streamed(const struct stoa__dir *dir, uint64_t file, const uint8_t uuid[16],
				  struct stoa__stream *stream, struct stoa__segment_writer **out,
				  struct stoa_error *err);
/*
 * For background work, before the first group: the file goes to the disk in small pieces, one at a
 * time, so that a commit's flush has little to wait for.
 */
void stoa__segment_unhurry(struct stoa__segment_writer *w);
/* Starts a row group of @n_rows; returns its index in the file in *@group. */
int stoa__segment_add_group(struct stoa__segment_writer *w, uint32_t n_rows, uint32_t *group,
			    struct stoa_error *err);
/*
 * A chunk image of the newest group, with a slot that the group does not have yet; written in large
 * writes. After STOA_EIO or STOA_EFULL only discard and finish (which fails) are left to call.
 */
int stoa__segment_add_chunk(struct stoa__segment_writer *w, uint32_t slot, const void *image,
			    size_t len, struct stoa_error *err);
uint64_t stoa__segment_size(const struct stoa__segment_writer *w);	/* so far */
/*
 * When a file is long enough, beside others of @others bytes. A file goes when the last of its row
 * groups does, where others may read it: what it keeps until then, for a cursor say, should be a small part of all; and large
 * databases should not have more files than they can open at once.
 */
static inline uint64_t stoa__segment_enough(uint64_t others)
{
	uint64_t bytes = others / 8;

	if (bytes < STOA__SEGMENT_BYTES_MIN)
		return STOA__SEGMENT_BYTES_MIN;
	return bytes < STOA__SEGMENT_BYTES_MAX ? bytes : STOA__SEGMENT_BYTES_MAX;
}
/*
 * Writes directory and trailer, syncs the file (not its directory), frees @w. On failure the file
 * is removed.
 */
int stoa__segment_finish(struct stoa__segment_writer *w, uint64_t *len, uint64_t *root,
			 struct stoa_error *err);
/*
 * The same in two steps, for who writes several files: of end, nothing but sync and discard may
 * follow. Syncs one after the other at the end wait for the disk's journal once. With @forget the
 * kernel need not keep the bytes in memory: who reads them reads the disk.
 */
int stoa__segment_end(struct stoa__segment_writer *w, uint64_t *len, uint64_t *root,
		      struct stoa_error *err);
int stoa__segment_sync(struct stoa__segment_writer *w, bool forget, struct stoa_error *err);
/* Removes the file, frees @w; NULL is fine. */
void stoa__segment_discard(struct stoa__segment_writer *w);

/* ---- reading: any number of threads ---- */

struct stoa__segment;	/* counted */

/*
 * Maps a file and checks length and trailer against what the catalog says. A missing file is
 * STOA_ECORRUPT.
 */
int stoa__segment_open(const struct stoa__dir *dir, uint64_t file, const uint8_t uuid[16],
		       uint64_t len, uint64_t root, struct stoa__segment **out,
		       struct stoa_error *err);
/*
 * The same of a file that no catalog vouches for: uuid and root are its own. STOA_ECORRUPT if it
 * does not hang together.
 */
int stoa__segment_open_stray(const struct stoa__dir *dir, uint64_t file, struct stoa__segment **out,
			     struct stoa_error *err);
struct stoa__segment *stoa__segment_ref(struct stoa__segment *s);
/* Unmaps with the last count. */
void stoa__segment_unref(struct stoa__segment *s);
uint64_t stoa__segment_file(const struct stoa__segment *s);
uint64_t stoa__segment_len(const struct stoa__segment *s);
uint64_t stoa__segment_root(const struct stoa__segment *s);
/* All bytes of the file, as they are: nothing vouches for them. */
const uint8_t *stoa__segment_bytes(const struct stoa__segment *s);
uint64_t stoa__segment_heap(struct stoa__segment *s);	/* memory beside the map */
uint64_t stoa__segment_chunk_bytes(const struct stoa__segment *s);	/* of all chunks together */
int stoa__segment_n_groups(struct stoa__segment *s, uint32_t *n, struct stoa_error *err);
int stoa__segment_group_rows(struct stoa__segment *s, uint32_t group, uint32_t *n_rows,
			     struct stoa_error *err);
/* Calls @each with slot and length of every chunk of a group; reads the directory alone. */
int stoa__segment_each_chunk(struct stoa__segment *s, uint32_t group,
			     void (*each)(void *ctx, uint32_t slot, uint64_t len), void *ctx,
			     struct stoa_error *err);
/*
 * The image of a slot's chunk, checksum verified on first use. STOA_OK with *@image; STOA_ENOTFOUND
 * (and no error text) when the group has no chunk of that slot; STOA_ECORRUPT with file and offset.
 * Lives as long as @s is counted.
 */
int stoa__segment_chunk(struct stoa__segment *s, uint32_t group, uint32_t slot,
			const uint8_t **image, size_t *len, struct stoa_error *err);
/*
 * Every byte. @open_chunk, unless NULL, is called with @ctx and each chunk whose bytes are right,
 * for checks above storage; it returns STOA_OK, STOA_ECORRUPT with *@why, or an error that ends the
 * check. Goes on after a finding. STOA_ECORRUPT when @report was called.
 */
int stoa__segment_check(struct stoa__segment *s,
			int (*open_chunk)(void *ctx, const uint8_t *image, size_t len, const char **why),
			stoa_check_report *report, void *ctx, struct stoa_error *err);
/* Unlinks the file; maps and other processes' maps stay good. */
int stoa__segment_unlink(const struct stoa__dir *dir, uint64_t file, struct stoa_error *err);

/* ---- segment_holes.c: what is left of a file that was unlinked ---- */

/* Counts @s, and that its row group @group is read. STOA_OK or STOA_ENOMEM. */
int stoa__segment_hold_group(struct stoa__segment *s, uint32_t group);
/* Gives both up; nobody may read the group after its last. */
void stoa__segment_drop_group(struct stoa__segment *s, uint32_t group);
/*
 * Unlinks a file that no catalog names any more. With @alone (no other process has it open, nor ever
 * will) the space of each of its row groups is given back when its last is dropped; of others now.
 */
int stoa__segment_retire(const struct stoa__dir *dir, uint64_t file, bool alone,
			 struct stoa_error *err);
/* Bytes of the file that have not been given back. */
uint64_t stoa__segment_left(struct stoa__segment *s);
/* segments/NNNNNNNN.seg into @buf. */
void stoa__segment_name(uint64_t file, char buf[32]);

#endif
