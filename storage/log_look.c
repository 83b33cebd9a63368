/* SPDX-License-Identifier: MIT */
/*
 * log_look.c - what others ask of a log: is there news, and how much is there of it
 *
 * Nothing here changes a log. Of one that was opened read-only offset and number stay as opening left
 * them, and has_news() reads files; figures of one that is written are under its mutex.
 */
#include "log_own.h"

#include <fcntl.h>
#include <string.h>

#include "../lib/core/alloc.h"

/* Is there the first word of a record at @offset of @name? */
static int has_record(const struct stoa__log *log, const char *name, uint64_t offset, bool *has,
		      struct stoa_error *err)
{
	uint8_t bytes[4] = { 0 };
	size_t got;
	int fd;
	int rc;

	STOA_TRY(stoa__file_open(log->dir, name, O_RDONLY, &fd, err));
	rc = stoa__file_read_some(fd, name, offset, bytes, sizeof bytes, &got, err);
	stoa__file_close(fd);
	*has = stoa__load_u32(bytes) == LOG_RECORD_MAGIC;
	return rc;
}

int stoa__log_has_news(const struct stoa__log *log, bool *news, struct stoa_error *err)
{
	char next[LOG_NAME_SIZE];
	struct stoa_error e = { 0 };
	int rc = STOA_OK;

	*news = false;
	if (log->offset)
		rc = has_record(log, log->name, log->offset, news, &e);
	if (rc == STOA_ENOTFOUND)
		*news = true;
	if (*news)
		return STOA_OK;
	stoa__log_name(log->number, "log", next);
	if (rc == STOA_OK)
		rc = has_record(log, next, sizeof(struct log_header), news, &e);
	if (rc < 0 && rc != STOA_ENOTFOUND) {
		if (err)
			*err = e;
		return rc;
	}
	return STOA_OK;
}

/* ---- figures ---- */

bool stoa__log_has_failed(struct stoa__log *log)
{
	bool failed;

	pthread_mutex_lock(&log->mutex);
	failed = log->failed < 0;
	pthread_mutex_unlock(&log->mutex);
	return failed;
}

uint64_t stoa__log_durable_seq(struct stoa__log *log)
{
	uint64_t seq;

	pthread_mutex_lock(&log->mutex);
	seq = log->durable;
	pthread_mutex_unlock(&log->mutex);
	return seq;
}

uint64_t stoa__log_bytes(struct stoa__log *log)
{
	uint64_t n;

	pthread_mutex_lock(&log->mutex);
	n = log->record_bytes;
	pthread_mutex_unlock(&log->mutex);
	return n;
}

bool stoa__log_would_pass(struct stoa__log *log, uint64_t max)
{
	bool would;

	pthread_mutex_lock(&log->mutex);
	would = log->record_bytes + log->last_bytes > max;
	pthread_mutex_unlock(&log->mutex);
	return would;
}

uint64_t stoa__log_disk_bytes(struct stoa__log *log)
{
	return atomic_load(&log->disk_bytes);
}

uint64_t stoa__log_heap(struct stoa__log *log)
{
	uint64_t bytes;

	pthread_mutex_lock(&log->mutex);
	bytes = stoa__alloc_size(log) + stoa__alloc_size(log->pending.p);
	if (!log->busy)
		bytes += stoa__alloc_size(log->writing.p);
	pthread_mutex_unlock(&log->mutex);
	return bytes;
}
