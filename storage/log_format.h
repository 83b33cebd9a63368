/* SPDX-License-Identifier: MIT */
/*
 * log_format.h - the bytes of the redo log, and what its writer and its reader share
 *
 *     0        header   64   "stoaLOG1", u32 version, u32 0, u64 file number, u64 salt, zeros,
 *                            u64 xxh3 of the 56 bytes before
 *     64       records       u32 magic, u32 payload length, u64 sequence number, u64 durable, u64 xxh3,
 *                            payload, zeros to a multiple of 8
 *     ...      zeros to the end of the file
 *
 * Integers are little-endian. A record's hash is over its payload and the zeros after it, seeded by
 * the hash of its first 24 bytes, which is seeded by salt + offset: bytes that were once a record
 * elsewhere, or that a user stored in a payload, are none here.
 *
 * *durable* is the newest record that was synced before this one was written. It tells damage from
 * a power cut: the sectors of one flush reach the disk in any order, so that a valid record may
 * well follow one that is torn; but if it says that the other one was synced before, then that one
 * was damaged.
 *
 * A file is written under the name N.new, header and zeros, and renamed once all of it is synced, so
 * that N.log always has a valid header. It may then wait for its first record: it is *blank*, and no part
 * of the log yet. Before that record is written the file before it is synced. So of all files that are
 * begun only the last may end in a torn record. (Who makes a file does not know which record will be its
 * first, so the header does not say; it once did, and bytes 32 to 39 are not looked at.)
 */
#ifndef STOA__LOG_FORMAT_H
#define STOA__LOG_FORMAT_H

#include <stdatomic.h>

#include "../lib/core/buf.h"
#include "../lib/core/hash.h"
#include "log.h"

#define LOG_MAGIC "stoaLOG1"
#define LOG_VERSION 1
#define LOG_RECORD_MAGIC 0x72616f74u	/* "toar" */
#define LOG_PAYLOAD_MAX (UINT32_MAX - 64)
#define LOG_NAME_SIZE 40

struct log_header {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint64_t file;
	uint64_t salt;
	uint64_t zeros[3];
	uint64_t hash;
};

struct log_record {
	uint32_t magic;
	uint32_t len;
	uint64_t seq;
	uint64_t durable;
	uint64_t hash;
};

_Static_assert(sizeof(struct log_header) == 64, "header is 64 bytes");
_Static_assert(sizeof(struct log_record) == 32, "record begins with 32 bytes");

/* Bytes of a record in all. */
static inline uint64_t log_record_size(uint32_t len)
{
	return sizeof(struct log_record) + (((uint64_t)len + 7) & ~(uint64_t)7);
}

/* The hash of record @r with its padded payload at @payload, at @offset of the file with @salt. */
static inline uint64_t log_record_hash(const struct log_record *r, const void *payload,
				       uint64_t salt, uint64_t offset)
{
	uint64_t seed = stoa__hash_seeded(r, offsetof(struct log_record, hash), salt + offset);

	return stoa__hash_seeded(payload, log_record_size(r->len) - sizeof *r, seed);
}

/* "log/NNNNNNNN.log", or with @suffix in place of "log". */
void stoa__log_name(uint64_t number, const char *suffix, char name[LOG_NAME_SIZE]);

/*
 * Calls @each with every name in log/ that is a log file's; @number, and is it a finished one
 * (.log, not .new)?
 */
int stoa__log_list(const struct stoa__dir *dir,
		   int (*each)(void *ctx, uint64_t number, const char *name, bool finished),
		   void *ctx, struct stoa_error *err);

/* ---- log_file.c ---- */

#define LOG_FILE_MIN ((uint64_t)256 << 10)
#define LOG_FILE_MAX ((uint64_t)8 << 20)	/* but for large records, with which it grows */
#define LOG_LARGE ((uint64_t)120 << 10)	/* a record that is longer is large: zeros are not for it */
#define LOG_GROW_BYTES ((uint64_t)64 << 10)	/* what a file grows by, or a multiple */

_Static_assert(LOG_LARGE < LOG_FILE_MIN / 2, "any file takes any record that is not large");

/* A file of the log without a record. */
struct stoa__log_blank {
	int fd;			/* -1: there is none */
	uint64_t number;
	uint64_t size;
	uint64_t salt;
};

int stoa__log_write_zeros(int fd, const char *name, uint64_t from, uint64_t to,
			  struct stoa_error *err);
/* The size of the next file, after @span bytes of others. */
uint64_t stoa__log_size_for(uint64_t span);
/*
 * Makes a file of *@size bytes at least as long as @end, with what reads as zeros, and tells its
 * new size. What was done of it is undone where the disk is full.
 */
int stoa__log_extend(int fd, const char *name, uint64_t *size, uint64_t end, struct stoa_error *err);
/*
 * Makes file b->number of b->size bytes, on the disk and under its name, in the place of a blank one that
 * may have that. b->fd is -1 and nothing left of it when that fails. With @hurry it is made by pieces that
 * are waited for, so that flushes of others come in between, and as short as may be once that is set.
 */
int stoa__log_make_blank(const struct stoa__dir *dir, struct stoa__log_blank *b,
			 const atomic_bool *hurry, struct stoa_error *err);
/* Closes and removes one, if there is one. */
void stoa__log_drop_blank(const struct stoa__dir *dir, struct stoa__log_blank *b);

/* ---- log_read.c ---- */

/* A walk over the log from some position: what is wanted, and what was found. */
struct stoa__log_walk {
	const struct stoa__dir *dir;
	struct stoa__log_position from;
	int (*replay)(void *ctx, uint64_t seq, const uint8_t *payload, size_t len,
		      struct stoa_error *err);	/* may be NULL */
	void *ctx;
	bool rest_zero;		/* what follows the records of the last file but one must be zeros */
	bool rest_zero_last;	/* and of the last */

	uint64_t n_files;	/* the last one is from.file + n_files - 1; what follows is blank */
	uint64_t seq;		/* of the last record; from.seq if there is none after it */
	uint64_t next;		/* what would follow the last record in a file */
	uint64_t record_bytes;	/* of all records */
	uint64_t disk_bytes;	/* of all files */
	/* Of the last file: */
	uint64_t salt;
	uint64_t size;
	char name[LOG_NAME_SIZE];	/* also of the file that was found damaged */
	uint64_t end;			/* where its records end */
	uint64_t dirty;			/* the first byte from there on that is not zero; end if all are */
	uint64_t dirty_end;		/* one past the last that is not */
};
int stoa__log_walk(struct stoa__log_walk *walk, struct stoa_error *err);

#endif
