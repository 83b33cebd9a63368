/* SPDX-License-Identifier: MIT */
/*
 * log_file.c - files of the log before a record is in them
 *
 * A file is zeros, written and synced before records go over them, and keeps its size: the sync of a
 * record then carries no change of the file's size or extents (125 us against 218 us for a growing
 * file, measured on ext4). The first after a rotation has 256 KiB, the others half of what there is
 * before them, at most 8 MiB: a small log stays small, and of any log the most is records, though the
 * next file is there ahead.
 *
 * What is made ahead is made slowly. A disk writes what it was given first before it flushes for
 * somebody else, so that commits beside megabytes of zeros waited up to 6 ms; by pieces of 128 KiB it is 0.5
 * ms. The sum of all waits is the same: so many bytes take so long. A committer that comes before it is
 * done gets what is there by then, if that is as much as the least file has: it waits for a piece and
 * the syncs, where it waited 40 ms for 4 MiB on a busy disk.
 *
 * A large record gets no zeros. Writing as much twice costs more than the change of the file's
 * extents in one flush, and files that had a power of two of bytes were half empty where records
 * were a third of a megabyte. Its file grows by what it needs, which is allocated and not written.
 */
#include "log_format.h"

#include <fcntl.h>
#include <string.h>

#define PIECE ((uint64_t)128 << 10)

int stoa__log_write_zeros(int fd, const char *name, uint64_t from, uint64_t to, struct stoa_error *err)
{
	static const uint8_t zeros[1 << 18];

	while (from < to) {
		size_t n = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;

		STOA_TRY(stoa__file_write(fd, name, from, zeros, n, err));
		from += n;
	}
	return STOA_OK;
}

uint64_t stoa__log_size_for(uint64_t span)
{
	uint64_t half = span / 2;

	return half < LOG_FILE_MIN ? LOG_FILE_MIN : half < LOG_FILE_MAX ? half : LOG_FILE_MAX;
}

int stoa__log_extend(int fd, const char *name, uint64_t *size, uint64_t end, struct stoa_error *err)
{
	uint64_t to = (end + LOG_GROW_BYTES - 1) / LOG_GROW_BYTES * LOG_GROW_BYTES;
	int rc = stoa__file_allocate(fd, name, *size, to - *size, err);

	if (rc == STOA_EUNSUPPORTED)
		rc = stoa__log_write_zeros(fd, name, *size, to, err);
	if (rc == STOA_OK)
		*size = to;
	else if (rc == STOA_EFULL)
		(void)stoa__file_truncate(fd, name, *size, NULL);	/* it may have got some */
	return rc;
}

static int write_header(struct stoa__log_blank *b, const char *name, struct stoa_error *err)
{
	struct log_header h = { .version = LOG_VERSION, .file = b->number };

	memcpy(h.magic, LOG_MAGIC, sizeof h.magic);
	STOA_TRY(stoa__random(&h.salt, sizeof h.salt, err));
	h.hash = stoa__hash(&h, sizeof h - sizeof h.hash);
	b->salt = h.salt;
	return stoa__file_write(b->fd, name, 0, &h, sizeof h, err);
}

/*
 * Zeros to the end, by pieces that are on their way to the disk when the next one is written; with
 * @hurry to what is then the end.
 */
static int write_slowly(struct stoa__log_blank *b, const char *name, const atomic_bool *hurry,
			struct stoa_error *err)
{
	for (uint64_t at = 0; at < b->size; at += PIECE) {
		uint64_t n = b->size - at < PIECE ? b->size - at : PIECE;

		if (at >= LOG_FILE_MIN && atomic_load_explicit(hurry, memory_order_relaxed)) {
			b->size = at;
			return STOA_OK;
		}
		STOA_TRY(stoa__log_write_zeros(b->fd, name, at, at + n, err));
		stoa__file_writeback(b->fd, at, n);
		STOA_TRY(stoa__file_await(b->fd, name, at, n, err));
	}
	return STOA_OK;
}

int stoa__log_make_blank(const struct stoa__dir *dir, struct stoa__log_blank *b,
			 const atomic_bool *hurry, struct stoa_error *err)
{
	char new[LOG_NAME_SIZE], name[LOG_NAME_SIZE];
	int rc;

	stoa__log_name(b->number, "new", new);
	stoa__log_name(b->number, "log", name);
	b->fd = -1;
	rc = stoa__file_open(dir, new, O_RDWR | O_CREAT | O_TRUNC, &b->fd, err);
	if (rc == STOA_OK)
		rc = hurry ? write_slowly(b, new, hurry, err) :
			     stoa__log_write_zeros(b->fd, new, 0, b->size, err);
	if (rc == STOA_OK)
		rc = write_header(b, new, err);
	if (rc == STOA_OK)
		rc = stoa__file_sync(b->fd, new, err);
	if (rc == STOA_OK)
		rc = stoa__file_rename(dir, new, name, err);
	if (rc == STOA_OK)
		rc = stoa__dir_sync(dir, "log", err);
	if (rc == STOA_OK)
		return STOA_OK;
	(void)stoa__file_unlink(dir, new, NULL);
	stoa__log_drop_blank(dir, b);
	return rc;
}

void stoa__log_drop_blank(const struct stoa__dir *dir, struct stoa__log_blank *b)
{
	char name[LOG_NAME_SIZE];

	if (b->fd < 0)
		return;
	stoa__log_name(b->number, "log", name);
	stoa__file_close(b->fd);
	b->fd = -1;
	(void)stoa__file_unlink(dir, name, NULL);
}
