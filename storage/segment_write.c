/* SPDX-License-Identifier: MIT */
/*
 * segment_write.c - making a segment file; its bytes are in segment_format.h
 *
 * All bytes pass through a buffer of 2 MiB, which is written when it reaches a multiple of that in
 * the file. Linux (ext4 from 6.16 on, XFS) then keeps those bytes in one huge page and maps them as
 * such: reading a row goes to a dozen places of a file, and each is a miss of the TLB fewer. A copy
 * costs less than the 512 small pages that it saves the kernel from making. The kernel is asked to
 * begin writing out every 8 MiB, so that the sync at the end has little left to wait for. The many
 * files of a load pass through the rooms of a stream instead (stream.h), with the same pages behind.
 *
 * A writer in no hurry, a collection's or a checkpoint's, goes by 64 KiB and waits for each: a
 * disk that is asked to flush a commit writes first what it was given before, and 8 MiB are 4 to 6
 * ms of it. Beside 400 MB/s written so, p99 of a commit was 3.8 ms, and 0.39 by small pieces (0.2
 * idle); two pieces on their way were somewhat worse. Of a collection of 6 million records p99 was
 * 1.6 to 1.7 times idle, 2.2 to 2.9 by 128 KiB, for a seventh of its rate. Its files have small
 * pages. A collection has a stream as well, whose thread does the waiting.
 *
 * (1) offset = what is in the file + buffer.len: where the next chunk goes.
 * (2) After a failed call the writer is only good for stoa__segment_discard(); further calls fail
 *     with the same code.
 * (3) A file of this number that is there already is an orphan of a crash, since numbers are never
 *     used twice. It is unlinked and not truncated: another process may still have it mapped.
 */
#include "segment_format.h"

#include <fcntl.h>
#include <stdio.h>

#include "../lib/core/alloc.h"
#include "../lib/core/buf.h"
#include "stream.h"

#define BUFFER_BYTES ((size_t)2 << 20)	/* a huge page */
#define WRITEBACK_BYTES ((uint64_t)8 << 20)

struct stoa__segment_writer {
	const struct stoa__dir *dir;
	int fd;
	int failed;		/* the first error, or STOA_OK */
	char name[32];
	uint64_t file;
	struct segment_header header;
	uint64_t offset;	/* of the next chunk */
	uint64_t pushed;	/* the kernel was asked to write out up to here */
	bool unhurried;
	struct stoa__stream *stream;	/* or NULL; its room is the buffer */
	struct stoa__buf buffer;
	struct stoa__buf groups;	/* struct segment_group, one after the other */
	struct stoa__buf chunks;	/* struct segment_chunk */
	uint32_t n_groups;
	uint32_t n_chunks;
};

void stoa__segment_name(uint64_t file, char buf[32])
{
	snprintf(buf, 32, "segments/%08llu.seg", (unsigned long long)file);
}

static void writer_free(struct stoa__segment_writer *w)
{
	stoa__file_close(w->fd);
	if (!w->stream)
		stoa__buf_release(&w->buffer);
	stoa__buf_release(&w->groups);
	stoa__buf_release(&w->chunks);
	stoa__free(w);
}

/* Room for a write, with nothing in it. */
static int new_buffer(struct stoa__segment_writer *w)
{
	if (!w->stream)
		return stoa__buf_reserve(&w->buffer, BUFFER_BYTES);
	w->buffer = (struct stoa__buf){ stoa__stream_room(w->stream), 0, STOA__STREAM_BYTES };
	return STOA_OK;
}

/* Writes end at multiples of it. */
static size_t step_of(const struct stoa__segment_writer *w)
{
	return w->stream ? STOA__STREAM_BYTES : BUFFER_BYTES;
}

/* Makes an empty file, and the folder where that is what was missing. */
static int create_file(struct stoa__segment_writer *w, struct stoa_error *err)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL;
	int rc = stoa__file_open(w->dir, w->name, flags, &w->fd, err);

	if (rc == STOA_ENOTFOUND) {
		STOA_TRY(stoa__dir_make(w->dir, "segments", err));
		rc = stoa__file_open(w->dir, w->name, flags, &w->fd, err);
	} else if (rc == STOA_EEXIST) {
		STOA_TRY(stoa__file_unlink(w->dir, w->name, err));
		rc = stoa__file_open(w->dir, w->name, flags, &w->fd, err);
	}
	return rc;
}

int stoa__segment_create(const struct stoa__dir *dir, uint64_t file, const uint8_t uuid[16],
			 struct stoa__segment_writer **out, struct stoa_error *err)
{
	return stoa__segment_create_streamed(dir, file, uuid, NULL, out, err);
}

int stoa__segment_create_streamed(const struct stoa__dir *dir, uint64_t file, const uint8_t uuid[16],
				  struct stoa__stream *stream, struct stoa__segment_writer **out,
				  struct stoa_error *err)
{
	struct stoa__segment_writer *w = stoa__calloc(1, sizeof *w);
	int rc;

	*out = NULL;
	if (!w)
		return stoa__fail_memory(err);
	w->dir = dir;
	w->stream = stream;
	w->fd = -1;
	w->file = file;
	w->header = segment_header_of(file, uuid);
	w->offset = sizeof w->header;
	stoa__segment_name(file, w->name);
	rc = new_buffer(w);
	if (rc < 0) {
		rc = stoa__fail_memory(err);
		goto fail;
	}
	stoa__buf_put(&w->buffer, &w->header, sizeof w->header);	/* room is there */
	rc = create_file(w, err);
	if (rc < 0)
		goto fail;
	*out = w;
	return STOA_OK;
fail:
	writer_free(w);
	return rc;
}

/* Remembers that the writer is broken. */
static int broken(struct stoa__segment_writer *w, int rc)
{
	w->failed = rc;
	return rc;
}

/* Refuses to go on after an earlier failure. */
static int usable(const struct stoa__segment_writer *w, struct stoa_error *err)
{
	if (w->failed < 0)
		return stoa__fail(err, w->failed, "writing %s has failed before", w->name);
	return STOA_OK;
}

int stoa__segment_add_group(struct stoa__segment_writer *w, uint32_t n_rows, uint32_t *group,
			    struct stoa_error *err)
{
	struct segment_group g = { n_rows, w->n_chunks, 0, 0 };

	STOA_TRY(usable(w, err));
	if (n_rows < 1 || n_rows > STOA_GROUP_MAX)
		return stoa__fail(err, STOA_EINVAL, "a row group has 1 to %d rows, not %u",
				  STOA_GROUP_MAX, n_rows);
	if (stoa__buf_put(&w->groups, &g, sizeof g) < 0)
		return stoa__fail_memory(err);
	*group = w->n_groups++;
	return STOA_OK;
}

void stoa__segment_unhurry(struct stoa__segment_writer *w)
{
	w->unhurried = true;
	if (w->stream)
		stoa__stream_unhurry(w->stream);
}

/* Asks the kernel to begin with what it has; all up to w->offset was given to it. */
static void push(struct stoa__segment_writer *w)
{
	if (w->offset - w->pushed < WRITEBACK_BYTES)
		return;
	stoa__file_writeback(w->fd, w->pushed, w->offset - w->pushed);
	w->pushed = w->offset;
}

/* Writes what the buffer holds; it ends at w->offset. */
static int flush_buffer(struct stoa__segment_writer *w, struct stoa_error *err)
{
	uint64_t at = w->offset - w->buffer.len;
	int rc;

	if (!w->buffer.len)
		return STOA_OK;
	if (w->stream)
		rc = stoa__stream_write(w->stream, w->fd, w->name, at, w->buffer.len, err);
	else if (w->unhurried)
		rc = stoa__file_trickle(w->fd, w->name, at, w->buffer.p, w->buffer.len, err);
	else
		rc = stoa__file_write(w->fd, w->name, at, w->buffer.p, w->buffer.len, err);
	if (rc < 0)
		return broken(w, rc);
	stoa__buf_reset(&w->buffer);
	if (w->stream)
		return new_buffer(w);
	push(w);
	return STOA_OK;
}

/* Appends bytes to the file. */
static int put(struct stoa__segment_writer *w, const void *p, size_t len, struct stoa_error *err)
{
	const size_t step = step_of(w);
	const uint8_t *from = p;

	while (len) {
		size_t room = step - (size_t)(w->offset % step);
		size_t n = len < room ? len : room;

		stoa__buf_put(&w->buffer, from, n);	/* room is there */
		w->offset += n;
		from += n;
		len -= n;
		if (n == room)
			STOA_TRY(flush_buffer(w, err));
	}
	return STOA_OK;
}

int stoa__segment_add_chunk(struct stoa__segment_writer *w, uint32_t slot, const void *image,
			    size_t len, struct stoa_error *err)
{
	struct segment_chunk c = { slot, 0, w->offset, len, 0 };

	STOA_TRY(usable(w, err));
	if (!w->n_groups || !len || len % SEGMENT_ALIGN)
		return stoa__fail(err, STOA_EINVAL,
				  "a chunk needs a group, and a length that is a multiple of %d",
				  SEGMENT_ALIGN);
	if (w->n_chunks == UINT32_MAX)
		return stoa__fail(err, STOA_EFULL, "%s has too many chunks", w->name);
	c.hash = stoa__hash_seeded(image, len, segment_seed(w->file, w->offset));
	if (stoa__buf_reserve(&w->chunks, sizeof c) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(put(w, image, len, err));
	stoa__buf_put(&w->chunks, &c, sizeof c);	/* room is there */
	w->n_chunks++;
	((struct segment_group *)w->groups.p)[w->n_groups - 1].n_chunks++;
	return STOA_OK;
}

uint64_t stoa__segment_size(const struct stoa__segment_writer *w)
{
	return w->offset;
}

/* Puts head, groups and chunks into one run of bytes. */
static int build_directory(const struct stoa__segment_writer *w, struct stoa__buf *out)
{
	struct segment_directory d = { w->n_groups, w->n_chunks, 0 };
	size_t len = sizeof d + w->groups.len + w->chunks.len;

	STOA_TRY(stoa__buf_reserve(out, len + SEGMENT_ALIGN));
	stoa__buf_put(out, &d, sizeof d);
	stoa__buf_put(out, w->groups.p, w->groups.len);
	stoa__buf_put(out, w->chunks.p, w->chunks.len);
	return stoa__buf_pad(out, SEGMENT_ALIGN);
}

static int write_end(struct stoa__segment_writer *w, uint64_t *root, struct stoa_error *err)
{
	struct stoa__buf dir = STOA__BUF_INIT;
	struct segment_trailer t;
	int rc;

	memset(&t, 0, sizeof t);
	memcpy(t.magic, SEGMENT_END_MAGIC, sizeof t.magic);
	t.version = SEGMENT_VERSION;
	if (build_directory(w, &dir) < 0) {
		rc = stoa__fail_memory(err);
		goto out;
	}
	t.dir_offset = w->offset;
	t.dir_len = dir.len;
	t.dir_hash = stoa__hash(dir.p, dir.len);
	t.file_len = w->offset + dir.len + sizeof t;
	t.header_hash = w->header.hash;
	t.hash = stoa__hash(&t, sizeof t - sizeof t.hash);
	rc = put(w, dir.p, dir.len, err);
	if (rc == STOA_OK)
		rc = put(w, &t, sizeof t, err);
	if (rc == STOA_OK)
		rc = flush_buffer(w, err);
	*root = stoa__hash(&t, sizeof t);
out:
	stoa__buf_release(&dir);
	return rc;
}

int stoa__segment_end(struct stoa__segment_writer *w, uint64_t *len, uint64_t *root,
		      struct stoa_error *err)
{
	int rc = usable(w, err);

	if (rc == STOA_OK)
		rc = write_end(w, root, err);
	if (rc < 0) {
		stoa__segment_discard(w);
		return rc;
	}
	if (!w->stream)
		stoa__file_writeback(w->fd, w->pushed, w->offset - w->pushed);
	stoa__buf_release(&w->groups);
	stoa__buf_release(&w->chunks);
	*len = w->offset;
	return STOA_OK;
}

int stoa__segment_sync(struct stoa__segment_writer *w, bool forget, struct stoa_error *err)
{
	int rc = w->stream ? stoa__stream_wait(w->stream, err) : STOA_OK;

	if (rc == STOA_OK)
		rc = stoa__file_sync(w->fd, w->name, err);
	if (rc < 0) {
		stoa__segment_discard(w);
		return rc;
	}
	if (forget)
		stoa__file_forget(w->fd);
	writer_free(w);
	return STOA_OK;
}

int stoa__segment_finish(struct stoa__segment_writer *w, uint64_t *len, uint64_t *root,
			 struct stoa_error *err)
{
	STOA_TRY(stoa__segment_end(w, len, root, err));
	return stoa__segment_sync(w, false, err);
}

void stoa__segment_discard(struct stoa__segment_writer *w)
{
	if (!w)
		return;
	if (w->stream)
		(void)stoa__stream_wait(w->stream, NULL);
	(void)stoa__file_unlink(w->dir, w->name, NULL);
	writer_free(w);
}

int stoa__segment_unlink(const struct stoa__dir *dir, uint64_t file, struct stoa_error *err)
{
	char name[32];

	stoa__segment_name(file, name);
	return stoa__file_unlink(dir, name, err);
}
